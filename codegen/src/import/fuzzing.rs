//! Any bytes as what the importer reads. What is read once is written and read again, and must be the same.

use super::{cpp, prototypes as c, render, tbl};
use crate::fuzzing::TABLES;
use crate::tables::KernelTable;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A `syscall.tbl`: for the ABIs of x86_64's table, and for one that takes every row.
pub fn table(bytes: &[u8]) {
    for source in ["x86_64", "sh"] {
        let abis: Vec<_> = TABLES.abis.iter().filter(|abi| abi.table == source).collect();
        let Ok(rows) = tbl::parse("hostile.tbl", &text(bytes), &abis) else { continue };
        let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
        let table = KernelTable { rows, ..KernelTable::default() };
        let again = TABLES.with(&format!("{source}.toml"), render::table(&table));
        assert_eq!(again.table(source).expect("what was written can be read").rows, table.rows);
    }
}

/// A header that includes itself under any name.
pub fn header(bytes: &[u8]) {
    let text = text(bytes);
    let include = |name: &str, _: Option<&str>| Ok((name.len() % 2 == 0).then(|| (name.to_owned(), text.clone())));
    let Ok(unit) = cpp::Unit::preprocess("hostile.h", &text, &[("__LP64__", "1"), ("F(x)", "x")], include) else {
        return;
    };
    for found in unit.macros() {
        let _ = unit.value(&found.name);
    }
    let _ = unit.enumerators();
}

/// A C file with system calls.
pub fn prototypes(bytes: &[u8]) {
    let Ok(found) = c::parse("arch/x86/hostile.c", &text(bytes)) else { return };
    let again = TABLES.with("prototypes.toml", render::prototypes("0", &found)).prototypes();
    let again = again.expect("what was written can be read");
    assert!(again.iter().map(|p| (&p.entry, &p.args)).eq(found.iter().map(|p| (&p.entry, &p.args))));
}
