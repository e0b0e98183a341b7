//! Lowers the tables and an ABI to the input of the printers in [`emit`](crate::emit). Errors in
//! the tables are found here, or when they are read: a printer cannot fail.

mod absent;
#[cfg(feature = "cli")]
mod assembly;
mod function;
#[cfg(feature = "all-abis")]
mod hash;
#[cfg(feature = "all-abis")]
mod history;
#[cfg(feature = "all-abis")]
mod lookup;
mod stub;

#[cfg(feature = "all-abis")]
pub(crate) use absent::SubCall;
pub(crate) use absent::{Having, Reason, Reasons};
#[cfg(feature = "cli")]
pub(crate) use assembly::{Assembly, assembly, c, function_name};
pub use function::prototype;
#[cfg(feature = "cli")]
pub use function::registers;
pub(crate) use function::{Function, Slot, identifier};
#[cfg(feature = "all-abis")]
pub(crate) use history::Dates;
#[cfg(feature = "all-abis")]
pub(crate) use lookup::Strings;
#[cfg(feature = "all-abis")]
pub use lookup::{Lookup, lookup};
#[cfg(feature = "cli")]
pub(crate) use stub::Input;
pub(crate) use stub::{After, Language, Output, Piece, Stub, StubPlan, Word};

use crate::Error;
use crate::tables::history::Since;
use crate::tables::{Abi, Call, Constants, Convention, ErrnoValue, KernelTable, Other, Tables};
use std::collections::BTreeSet;

/// The input of the printer of one ABI's module.
pub struct Target<'t> {
    pub(crate) abi: &'t Abi,
    pub(crate) table: &'t KernelTable,
    pub(crate) calls: Vec<Call<'t>>,
    pub(crate) errnos: &'t [ErrnoValue],
    /// The constants for every architecture.
    pub(crate) constants: Vec<&'t Constants>,
    /// Those of this one alone.
    pub(crate) constants_of_arch: Vec<&'t Constants>,
    /// How a call is made.
    pub(crate) stub: Stub<'t>,
    /// Other ways to make one.
    pub(crate) others: Vec<Way<'t>>,
    /// The functions of `raw`.
    pub(crate) functions: Vec<RawFunction<'t>>,
    /// The reasons, instead of functions of `raw`, for calls that the ABI never had.
    pub(crate) absent: Vec<(Reason, Function<'t>)>,
}

/// A function of `raw`.
pub(crate) struct RawFunction<'t> {
    /// The name of the system call.
    pub(crate) name: &'t str,
    /// The kernel release that brought it.
    pub(crate) since: Option<Since<'t>>,
    /// Whether section 2 of the man-pages has a page of its name.
    pub(crate) page: bool,
    /// The function whose structures or arguments are 64-bit instead of 32-bit.
    pub(crate) wide: Option<&'t str>,
    pub(crate) function: Function<'t>,
}

/// Another way to make calls.
pub(crate) struct Way<'t> {
    pub(crate) other: &'t Other,
    pub(crate) stub: Stub<'t>,
    /// The ABI whose numbers it uses, and that ABI's calls, if it is another ABI.
    pub(crate) numbers: Option<(&'t Abi, Vec<Call<'t>>)>,
}

/// Lowers an ABI that has stubs in Rust.
pub fn target<'t>(tables: &'t Tables, abi: &'t Abi) -> Result<Target<'t>, Error> {
    let table = tables.table(&abi.table)?;
    let Some(convention) = abi.stub() else {
        let what = format!(
            "`{}` has no [abi.call] that Rust has an `asm!` for, so there is no stub to emit",
            abi.name
        );
        return Err(Error::in_file("abis.toml", what));
    };
    if table.tags(&abi.name).is_none() {
        let what = format!(
            "is of Linux {}, which has no {}; import a tree that has it",
            table.linux, abi.name
        );
        return Err(Error::in_file(format!("{}.toml", abi.table), what));
    }
    let mut target = Target {
        abi,
        table,
        calls: abi.calls(table),
        errnos: tables.errnos(&abi.arch)?,
        constants: Vec::new(),
        constants_of_arch: Vec::new(),
        stub: own(tables, abi, convention)?,
        others: Vec::new(),
        functions: Vec::new(),
        absent: Vec::new(),
    };
    for header in tables.constants()? {
        if header.archs.is_empty() {
            target.constants.push(header);
        } else if header.archs.contains(&abi.arch) {
            target.constants_of_arch.push(header);
        }
    }
    for other in &abi.others {
        let narrow = other.call.widen.is_some() && abi.bits == 64;
        let mut numbers = None;
        if let Some(whose) = tables.abi(&other.numbers).filter(|whose| whose.name != abi.name) {
            numbers = Some((whose, whose.calls(tables.table(&whose.table)?)));
        }
        let stub = Stub::new(abi, &other.call, narrow);
        target.others.push(Way { other, stub, numbers });
    }
    target.raw(tables, convention)?;
    Ok(target)
}

/// The stubs of an ABI's own convention.
fn own<'t>(
    tables: &'t Tables,
    abi: &'t Abi,
    convention: &'t Convention,
) -> Result<Stub<'t>, Error> {
    let mut stub = Stub::new(abi, convention, false);
    if convention.both.is_empty() {
        return Ok(stub);
    }
    let (calls, prototypes) = (abi.calls(tables.table(&abi.table)?), tables.prototypes()?);
    // A kernel may not have all of them.
    for call in calls.iter().filter(|call| abi.both(call.name).is_some()) {
        if let Some(function) = Function::of(abi, prototypes, call) {
            stub.both.push(function.slots().len());
        }
    }
    stub.both.sort_unstable();
    stub.both.dedup();
    Ok(stub)
}

impl<'t> Target<'t> {
    /// Finds the functions of `raw`.
    fn raw(&mut self, tables: &'t Tables, convention: &Convention) -> Result<(), Error> {
        let (history, prototypes) = (tables.history()?, tables.prototypes()?);
        let (reasons, manual) = (Reasons::new(tables, history)?, tables.manual()?);
        let runs = history.runs(self.abi, self.table);
        let same = |call: &Call<'_>| {
            // The last of several is the one that the table has.
            runs.iter().rev().find(|run| run.number == call.number && run.name == call.name)
        };
        for call in &self.calls {
            let Some(function) = Function::of(self.abi, prototypes, call) else { continue };
            if function.slots().len() <= convention.most_arguments() {
                let since = same(call).map(|run| history.since(self.abi, run));
                let (name, page) = (call.name, manual.has(call.name));
                self.functions.push(RawFunction { name, since, page, wide: None, function });
            }
        }
        let names: BTreeSet<&str> = self.functions.iter().map(|function| function.name).collect();
        for function in &mut self.functions {
            let wide = ["_time64", "64"].map(|suffix| function.name.to_owned() + suffix);
            function.wide = wide.iter().find_map(|name| names.get(name.as_str()).copied());
        }
        let Target { abi, table, .. } = *self;
        let having = Having { abi, linux: &table.linux, calls: &self.calls, runs: &runs };
        for (reason, entries) in reasons.of_one(having) {
            let mut found =
                entries.iter().filter_map(|entry| prototype(prototypes, self.abi, entry));
            if let Some(function) = found.find_map(|found| Function::new(self.abi, found)) {
                self.absent.push((reason, function));
            }
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use crate::emit;

    /// The text for an ABI in Rust, C and assembly, after a deliberate mistake in its lowered
    /// convention.
    fn printed(tables: &Tables, abi: &Abi, mistake: fn(&mut Stub<'_>)) -> [String; 3] {
        let mut rust = target(tables, abi).unwrap();
        let mut header = c(tables, abi).unwrap();
        let mut file = assembly(tables, abi).unwrap();
        for stub in [&mut rust.stub, &mut header, &mut file.stub] {
            mistake(stub);
        }
        [emit::target(&rust), emit::c(&header), emit::asm(&file)]
    }

    #[test]
    fn every_call_with_two_results_has_a_stub_that_returns_both() {
        let tables = Tables::embedded().unwrap();
        let mut named = 0;
        for abi in &tables.abis {
            let Some(convention) = &abi.call else { continue };
            let stub = c(&tables, abi).unwrap();
            let calls = abi.calls(tables.table(&abi.table).unwrap());
            for name in convention.both.iter().flat_map(|both| &both.calls) {
                let call = calls.iter().find(|call| call.name == name);
                let call = call.unwrap_or_else(|| panic!("{} has no {name}", abi.name));
                let function = Function::of(abi, tables.prototypes().unwrap(), call);
                let function = function.unwrap_or_else(|| panic!("{} {name}", abi.name));
                assert!(stub.both.contains(&function.slots().len()), "{} {name}", abi.name);
                named += 1;
            }
        }
        assert!(named > 10, "{named}");
        let sparc = c(&tables, tables.abi("sparc64").unwrap()).unwrap();
        assert_eq!(sparc.both, [0, 5], "fork, vfork and pipe; clone");
    }

    #[test]
    fn a_mistake_in_one_clobber_shows_in_every_language() {
        let tables = Tables::embedded().unwrap();
        let forgotten = |stub: &mut Stub<'_>| {
            let listed = stub.clobbers.iter_mut().find(|clobbers| clobbers.row.is_some());
            listed.unwrap().registers.remove(0);
        };
        let stubs = tables.abis.iter().filter_map(|abi| Some((abi, abi.stub()?)));
        let mut seen = 0;
        for (abi, _) in stubs.filter(|(_, convention)| !convention.clobbers.is_empty()) {
            let right = printed(&tables, abi, |_| {});
            for (right, wrong) in right.iter().zip(printed(&tables, abi, forgotten)) {
                assert_ne!(*right, wrong, "{}", abi.name);
            }
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
        // Not only in comments.
        let abi = tables.abi("x86_64").unwrap();
        let right = printed(&tables, abi, |_| {});
        let wrong = printed(&tables, abi, forgotten);
        for (at, operand) in [(0, "lateout(\"rcx\") _"), (1, ": \"rcx\", ")] {
            assert_eq!(right[at].matches(operand).count(), 1 + crate::tables::MOST_ARGUMENTS);
            assert!(!wrong[at].contains(operand));
        }
    }
}
