//! The entry points of the calls of each ABI.

use crate::import::kernel::kconfig::Architecture;
use crate::import::prototypes::Definition;
use crate::import::tree::{Read, Tree};
use crate::tables::{Abi, Absent, NO_CALL, Pairs};
use std::collections::{BTreeMap, BTreeSet};

/// An entry point of an ABI's calls, and the kernels that use it: 64-bit or not, the first that has
/// it; none if the column is another release's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use<'a> {
    pub(super) entry: &'a str,
    /// The name of the call.
    pub(super) call: &'a str,
    pub(super) abi: &'a str,
    pub(super) arch: &'a str,
    pub(super) wide: &'static [bool],
}

impl Use<'_> {
    /// Whether a definition is in a file of the ABI's architecture, or of all. User-mode Linux is
    /// in arch/x86, too.
    pub(super) fn can_end_in(&self, definition: &Definition) -> bool {
        let place = definition.source.strip_prefix("arch/");
        place.is_none_or(|place| {
            let own = place.strip_prefix(self.arch).and_then(|file| file.strip_prefix('/'));
            own.is_some_and(|file| !(self.arch == "x86" && file.starts_with("um/")))
        })
    }
}

/// Every entry point of the tables, and those that absent calls would have.
pub(super) fn uses<'a>(
    tree: &'a Tree<'_>,
    absent: &'a [Absent],
    read: &'a Read<'_>,
    architectures: &BTreeMap<&str, Architecture<'_>>,
    known: impl Fn(&str) -> bool,
) -> BTreeSet<Use<'a>> {
    let mut uses = BTreeSet::new();
    for abi in &tree.facts.abis {
        let Some((_, table)) = read.iter().find(|(source, _)| source.name == abi.table) else {
            continue;
        };
        let calls = abi.calls(table);
        let architecture = architectures.get(tree.arch(abi));
        let narrow_kernel = architecture.is_none_or(Architecture::can_be_narrow);
        // 64-bit registers, or native entry points for 32-bit programs, mean a 64-bit kernel.
        let narrowed = || {
            calls
                .iter()
                .any(|call| call.entry.is_some_and(|entry| entry.starts_with("compat_sys_")))
        };
        let wide = abi.bits == 64 || abi.pairs == Pairs::Whole || !narrow_kernel || narrowed();
        let own: &[bool] = if wide { &[true] } else { &[false] };
        // The compat column is for 32-bit programs on a 64-bit kernel, or for an older convention.
        // A kernel without 32-bit programs, as riscv up to Linux 5.18, has none of the former.
        let has_compat = architecture.is_some_and(Architecture::has_compat);
        let compat = abi.takes(true);
        let (Abi { name: abi, .. }, arch) = (abi, tree.arch(abi));
        for call in &calls {
            let second = call.compat.filter(|_| compat);
            let first = call.entry.filter(|_| narrow_kernel || second.is_none());
            let either: &[bool] =
                if !wide && has_compat && second.is_none() { &[false, true] } else { own };
            uses.extend(first.map(|entry| Use { entry, call: call.name, abi, arch, wide: either }));
            let can_be_wide = architecture.is_some_and(Architecture::can_be_wide);
            uses.extend(second.map(|entry| {
                let wide: &[bool] = match entry.starts_with("compat_sys_") {
                    true if !has_compat => &[],
                    _ if can_be_wide => &[true],
                    _ => own,
                };
                Use { entry, call: call.name, abi, arch, wide }
            }));
        }
        let absent =
            absent.iter().filter(|absent| absent.holds(abi, &tree.linux) && known(&absent.entry));
        uses.extend(absent.map(|absent| Use {
            entry: &absent.entry,
            call: &absent.name,
            abi,
            arch,
            wide: own,
        }));
    }
    uses.retain(|used| used.entry != NO_CALL);
    uses
}
