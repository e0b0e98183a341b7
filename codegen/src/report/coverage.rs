//! How many of the tables' entry points have a prototype, and why others do not.

use crate::tables::{Abi, Bare, KernelTable, NO_CALL, Prototype, Why};
use crate::{Error, Tables, lower};
use std::collections::BTreeSet;
use std::fmt::{self, Display};

/// The entry points of one ABI.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// The entry points of the ABI's calls, without `sys_ni_syscall`, which means that there is no
    /// call.
    pub entries: usize,
    /// Those with a prototype.
    pub prototypes: usize,
    /// Calls for which `raw` has a function, with or without a stub, and calls with an entry point.
    pub functions: [usize; 2],
    /// Entry points without a prototype, and the reason; `None` if the kernel of the prototypes has
    /// removed the table.
    pub bare: Vec<(String, Option<Why>)>,
    /// Entry points with several prototypes that disagree.
    pub ambiguous: Vec<String>,
    /// Calls whose prototype has no function in `raw`.
    pub unclear: Vec<String>,
}

/// The facts about the entry points of each ABI whose table exists. An entry point without
/// prototype and reason is an error in the tables.
pub fn abis(tables: &Tables) -> Result<Vec<(&Abi, Resolved)>, Error> {
    let (prototypes, bare) = (tables.prototypes()?, tables.bare()?);
    let read = tables.imported()?;
    let there = tables.abis.iter().filter_map(|abi| Some((abi, *read.get(abi.table.as_str())?)));
    there.map(|(abi, table)| Ok((abi, of(tables, abi, table, prototypes, bare)?))).collect()
}

fn of(
    tables: &Tables,
    abi: &Abi,
    table: &KernelTable,
    prototypes: &[Prototype],
    bare: &[Bare],
) -> Result<Resolved, Error> {
    let left =
        tables.sources.iter().any(|source| source.name == abi.table && source.frozen.is_some());
    let mut found = Resolved::default();
    let mut seen = BTreeSet::new();
    for call in abi.calls(table) {
        let function = lower::registers(prototypes, abi, &call).is_some();
        let mut known = false;
        let mut called = false;
        for entry in [false, true].into_iter().filter_map(|compat| abi.ends_in(&call, compat)) {
            if entry == NO_CALL {
                continue;
            }
            called = true;
            let prototype = lower::prototype(prototypes, abi, entry).is_some();
            known |= prototype;
            if !seen.insert(entry) {
                continue;
            }
            found.entries += 1;
            if prototype {
                found.prototypes += 1;
                continue;
            }
            let row = bare.iter().find(|bare| bare.entry == entry && bare.abis.contains(&abi.name));
            match row {
                Some(row) => found.bare.push((entry.to_owned(), Some(row.why))),
                None if prototypes.iter().any(|row| row.entry == entry && row.is_for(abi)) => {
                    found.ambiguous.push(entry.to_owned());
                }
                None if left => found.bare.push((entry.to_owned(), None)),
                None => {
                    let what = format!(
                        "`{entry}`, an entry point of {}, has neither a prototype nor a reason; \
                         import the tables again",
                        abi.name
                    );
                    return Err(Error::in_file("prototypes.toml", what));
                }
            }
        }
        found.functions[0] += usize::from(called && function);
        found.functions[1] += usize::from(called);
        if known && !function {
            found.unclear.push(call.name.to_owned());
        }
    }
    Ok(found)
}

/// One line about all ABIs whose tables exist: each entry point of each ABI counts. And a second
/// one if ABIs have none, which is so where an old kernel has them in assembly.
pub fn summary(tables: &Tables) -> Result<Vec<String>, Error> {
    let mut all = Resolved::default();
    let mut without = Vec::new();
    for (abi, one) in abis(tables)? {
        if one.entries == 0 && !abi.calls(tables.table(&abi.table)?).is_empty() {
            without.push(abi.name.as_str());
        }
        all.entries += one.entries;
        all.prototypes += one.prototypes;
        all.ambiguous.extend(one.ambiguous);
        all.bare.extend(one.bare);
    }
    let mut lines = vec![format!("entry points of all ABIs: {all}")];
    if !without.is_empty() {
        lines.push(format!(
            "no entry points of {}: this kernel has them in assembly, which is not read",
            without.join(", ")
        ));
    }
    Ok(lines)
}

impl Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} have a prototype", self.prototypes, self.entries)?;
        let reasons = Why::ALL
            .iter()
            .map(|(why, word)| (Some(*why), *word))
            .chain([(None, "left the kernel")]);
        for (why, word) in reasons {
            let count = self.bare.iter().filter(|(_, reason)| *reason == why).count();
            if count > 0 {
                write!(f, ", {count} {word}")?;
            }
        }
        let names: BTreeSet<&str> = self.ambiguous.iter().map(String::as_str).collect();
        match self.ambiguous.len() {
            0 => Ok(()),
            count => {
                let names = names.into_iter().collect::<Vec<_>>().join(", ");
                write!(f, ", {count} have several that differ: {names}")
            }
        }
    }
}
