//! Chooses among several definitions the one that a kernel of an architecture has.

use super::uses::Use;
use super::{Architectures, Index};
use crate::Error;
use crate::import::kernel::condition::all;
use crate::import::kernel::kbuild::Kbuild;
use crate::import::kernel::kconfig::Kernel;
use crate::import::prototypes::Definition;
use std::collections::{BTreeMap, BTreeSet};

/// Chooses the definition that an ABI's calls use.
pub(super) struct Chooser<'c, 's> {
    definitions: &'c Index<'c>,
    /// The kernels of an architecture and a word size: any, and the usual one.
    kernels: BTreeMap<(&'c str, bool), [Kernel<'c>; 2]>,
    pub(super) kbuild: Kbuild<'s>,
}

impl<'c, 's> Chooser<'c, 's> {
    /// `declared` are the symbols of all architectures.
    pub(super) fn new(
        definitions: &'c Index<'c>,
        architectures: &'c Architectures<'c>,
        declared: &'c BTreeSet<&'c str>,
        kbuild: Kbuild<'s>,
    ) -> Chooser<'c, 's> {
        let mut kernels = BTreeMap::new();
        for (arch, architecture) in architectures {
            for wide in [false, true] {
                let kernel = |usual| Kernel::new(architecture, declared, wide, usual);
                kernels.insert((*arch, wide), [false, true].map(kernel));
            }
        }
        Chooser { definitions, kernels, kbuild }
    }

    /// The definitions of a C function for the first of the kernels that has it.
    pub(super) fn chosen(
        &mut self,
        function: &str,
        used: &Use<'c>,
    ) -> Result<Vec<&'c Definition>, Error> {
        let all = self.definitions.get(function).map(Vec::as_slice).unwrap_or_default();
        for wide in used.wide {
            if let Some([kernel, usual]) = self.kernels.get_mut(&(used.arch, *wide)) {
                let chosen = choice(all, used, kernel, usual, &mut self.kbuild)?;
                if !chosen.is_empty() {
                    return Ok(chosen);
                }
            }
        }
        Ok(Vec::new())
    }
}

/// The condition of a definition: what builds its file, and the `#if` around it.
pub(super) fn condition(
    definition: &Definition,
    kbuild: &mut Kbuild<'_>,
) -> Result<Option<String>, Error> {
    let built = kbuild.built(&definition.source)?.part();
    Ok(all([built, definition.condition.clone().unwrap_or_default()]))
}

/// The definitions that a kernel of the architecture can have: those that it certainly has, or else
/// those that it may have; the architecture's own before others, and among rivals those of the
/// usual kernel.
fn choice<'d>(
    definitions: &[&'d Definition],
    used: &Use<'_>,
    kernel: &mut Kernel<'_>,
    usual: &mut Kernel<'_>,
    kbuild: &mut Kbuild<'_>,
) -> Result<Vec<&'d Definition>, Error> {
    let mut candidates = Vec::new();
    for definition in definitions.iter().filter(|definition| used.can_end_in(definition)) {
        // What builds the file can only exclude it: a configuration may leave out all rivals.
        if kernel.holds(&kbuild.built(&definition.source)?.part()) == Some(false) {
            continue;
        }
        candidates
            .push((*definition, kernel.holds(definition.condition.as_deref().unwrap_or_default())));
    }
    for truth in [Some(true), None] {
        let found = candidates
            .iter()
            .filter(|(_, holds)| *holds == truth)
            .map(|(definition, _)| *definition);
        let (ours, rest): (Vec<_>, Vec<_>) =
            found.partition(|definition| definition.source.starts_with("arch/"));
        let found = if ours.is_empty() { rest } else { ours };
        if found.len() > 1 {
            let mut first = Vec::new();
            for definition in &found {
                let when = condition(definition, kbuild)?;
                first.extend(
                    (usual.holds(&when.unwrap_or_default()) == Some(true)).then_some(*definition),
                );
            }
            return Ok(if first.is_empty() { found } else { first });
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
