//! Feeds any bytes to the importer. What was read is written and read again, and must be equal.

use super::c::Unit;
use super::{Findings, prototypes::parse as definitions, render, tbl, unistd};
use crate::source::Source;
use crate::tables::{KernelTable, Tables};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

/// The repository's own tables.
pub(crate) static TABLES: LazyLock<Tables> =
    LazyLock::new(|| Tables::embedded().expect("the committed tables are good"));

fn as_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A `syscall.tbl`: for the ABIs of x86_64's table, and for one that takes every row.
pub fn table(bytes: &[u8]) {
    // Reading a committed table takes longer than everything else.
    static KNOWN: LazyLock<[(&str, KernelTable); 2]> = LazyLock::new(|| {
        ["x86_64", "sh"].map(|name| (name, TABLES.table(name).expect("it is committed").clone()))
    });

    for (source, known) in KNOWN.iter() {
        let taken = known
            .takes
            .iter()
            .filter_map(|taker| Some((TABLES.abi(&taker.abi)?, taker.clone())))
            .collect();
        let findings = Findings::lenient();
        let read = tbl::parse("hostile.tbl", &as_text(bytes), &taken, &findings);
        let Ok((rows, _)) = read else { continue };
        let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
        let table = KernelTable {
            linux: known.linux.clone(),
            source: String::new(),
            sha256: String::new(),
            takes: Vec::new(),
            extras: Vec::new(),
            errnos: Vec::new(),
            rows,
        };
        let again = TABLES.with(vec![(format!("{source}.toml"), render::table(&table))]);
        assert_eq!(again.table(source).expect("what was written can be read").rows, table.rows);
    }
}

/// A header that includes itself under any name, and its numbers.
pub fn header(bytes: &[u8]) {
    let text = as_text(bytes);
    let include = |name: &str, _: (&str, usize)| {
        Ok((name.len() % 2 == 0).then(|| (name.to_owned(), Arc::from(text.as_str()))))
    };
    let Ok(unit) =
        Unit::preprocess("hostile.h", &text, &[("__LP64__", "1"), ("F(x)", "x")], include)
    else {
        return;
    };
    for found in unit.macros() {
        let _ = unit.value(&found.name);
    }
    let _ = unit.enumerators();
    for abi in ["mips-o32", "aarch64", "arm-oabi"] {
        let abi = TABLES.abi(abi).expect("it is committed");
        if let Ok(numbers) =
            unistd::numbers(&unit, Some(&unit), abi, "hostile.h", &Findings::lenient())
        {
            unistd::merge(&[numbers]);
        }
    }
}

/// A C file with system calls.
pub fn prototypes(bytes: &[u8]) {
    let _ = definitions::parse("arch/x86/hostile.c", &as_text(bytes), &BTreeSet::from(["x"]));
}

/// The tables of an earlier import: much smaller than the committed ones, which would dominate the
/// run time.
pub fn known(source: &Source) -> Tables {
    TABLES.with(super::tree(source, &TABLES, &[], &Findings::strict()).expect("the tree is good"))
}

/// A kernel tree; the imported tables must be readable.
pub fn tree(source: &Source, known: &Tables) {
    // The lenient import has all steps of the strict one, and continues.
    match super::tree(source, known, &[], &Findings::lenient()) {
        Ok(files) => {
            let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
            let tables = TABLES.with(files);
            for source in tables
                .sources
                .iter()
                .filter(|source| names.contains(&format!("{}.toml", source.name)))
            {
                tables.table(&source.name).expect("what was written can be read");
            }
            tables.prototypes().expect("what was written can be read");
            tables.errno_sets().expect("what was written can be read");
            tables.constants().expect("what was written can be read");
        }
        Err(error) => assert!(!error.what.is_empty(), "an error without a message"),
    }
}
