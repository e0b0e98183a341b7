//! From a kernel source tree to `tables/`: read everything, check everything, and only then hand over the files.

mod cpp;
mod header;
mod makefile;
mod prototypes;
mod render;
mod tbl;

use crate::Error;
use crate::files;
use crate::tables::{Abi, ErrnoSet, Extra, KernelTable, Row, TableSource, Tables};
use std::collections::BTreeSet;
use std::path::Path;

/// Numbers from here on are the same in every table since Linux 5.1 (alpha adds 110), so that a call without a row is
/// either a known absence or a damaged file.
const UNIFIED: u32 = 424;

/// Prefixes of constants' names, and the Rust type of the field that takes them.
type Group = (&'static [&'static str], &'static str);

/// The constants that `uapi.toml` holds, by header.
const CONSTANTS: &[(&str, &[Group])] = &[
    ("include/uapi/linux/aio_abi.h", &[(&["IOCB_CMD_"], "u16"), (&["IOCB_FLAG_"], "u32")]),
    ("include/uapi/linux/fs.h", &[(&["RWF_"], "i32")]),
    ("fs/aio.c", &[(&["AIO_RING_MAGIC", "AIO_RING_COMPAT_", "AIO_RING_INCOMPAT_"], "u32")]),
];

/// The files to write: name and text.
pub(crate) type Files = Vec<(String, String)>;

/// Imports a kernel tree. `only` names the files to import (`x86_64`, `prototypes`, …); empty: all that the tree is for.
pub(crate) fn tree(root: &Path, facts: &Tables, only: &[String]) -> Result<Files, Error> {
    let linux = version(root)?;
    let series = series(&linux);
    let others = ["prototypes", "errno", "uapi"];
    if let Some(unknown) =
        only.iter().find(|name| !others.contains(&name.as_str()) && !facts.sources.iter().any(|s| s.name == **name))
    {
        let known: Vec<_> = facts.sources.iter().map(|source| source.name.as_str()).chain(others).collect();
        return Err(Error::new("--only", 0, format!("`{unknown}` is no table; there are {}", known.join(", "))));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);

    let mut read = Vec::new();
    for source in &facts.sources {
        let asked = only.contains(&source.name);
        if source.frozen.as_ref().is_some_and(|frozen| *frozen != series) {
            if asked {
                let what = format!(
                    "is Linux {linux}, and the table {} is frozen at {}: give a tree of that series",
                    source.name,
                    source.frozen.as_deref().unwrap_or_default()
                );
                return Err(Error::new(root.display().to_string(), 0, what));
            }
            continue;
        }
        let path = root.join(&source.source);
        if !path.exists() && !wanted(&source.name) {
            continue;
        }
        // A prototype is wanted if a table or a swap in a C file names its entry point.
        let checked = wanted(&source.name) || wanted("prototypes");
        read.push((source, table(root, &linux, facts, source, checked)?));
    }
    no_gaps(root, facts, &read, wanted)?;

    let mut out = Files::new();
    for (source, table) in read.iter().filter(|(source, _)| wanted(&source.name)) {
        out.push((format!("{}.toml", source.name), render::table(table)));
    }
    if wanted("prototypes") {
        let mut found = prototypes::scan(root)?;
        let reached = entry_points(facts, &read)?;
        found.retain(|prototype| reached.contains(prototype.entry.as_str()));
        out.push(("prototypes.toml".to_owned(), render::prototypes(&linux, &found)));
    }
    if wanted("errno") {
        out.push(("errno.toml".to_owned(), errnos(root, &linux, facts)?));
    }
    if wanted("uapi") {
        out.push(("uapi.toml".to_owned(), constants(root, &linux)?));
    }
    Ok(out)
}

/// `7.2.13` from the head of the tree's makefile.
fn version(root: &Path) -> Result<String, Error> {
    let shown = root.display().to_string();
    let no_tree = |why: &str| {
        Error::new(
            &shown,
            0,
            format!("is no kernel source tree ({why}); give the folder that holds the kernel's Makefile"),
        )
    };
    if !root.is_dir() {
        return Err(no_tree("it is no folder"));
    }
    let makefile = root.join("Makefile");
    if !makefile.is_file() {
        return Err(no_tree("it has no Makefile"));
    }
    let text = files::read(&makefile)?;
    let value = |name: &str| {
        let line = text.lines().take(20).find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))?;
        Some(line.trim().to_owned())
    };
    let number = |name: &str| value(name)?.parse::<u32>().ok();
    let [Some(version), Some(patchlevel), Some(sublevel)] = ["VERSION", "PATCHLEVEL", "SUBLEVEL"].map(number) else {
        return Err(no_tree("its Makefile does not begin with VERSION, PATCHLEVEL and SUBLEVEL"));
    };
    let extra = value("EXTRAVERSION").unwrap_or_default();
    Ok(format!("{version}.{patchlevel}.{sublevel}{extra}"))
}

/// `7.2` of `7.2.13`.
fn series(linux: &str) -> String {
    linux.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// One table, and, when that is asked for, all that the tree's makefiles and headers say of it.
fn table(root: &Path, linux: &str, facts: &Tables, source: &TableSource, checked: bool) -> Result<KernelTable, Error> {
    let path = root.join(&source.source);
    let text = files::read(&path)?;
    let takers: Vec<&Abi> = facts.abis.iter().filter(|abi| abi.table == source.name).collect();
    // A table that was frozen shares its file with the table that replaced it, rows of both in one.
    let same_file: Vec<&str> =
        facts.sources.iter().filter(|other| other.source == source.source).map(|other| other.name.as_str()).collect();
    let abis: Vec<&Abi> = facts.abis.iter().filter(|abi| same_file.contains(&abi.table.as_str())).collect();
    let rows = tbl::parse(&path.display().to_string(), &text, &abis)?;
    let mut extras: Vec<Extra> = Vec::new();
    for abi in takers.iter().filter(|_| checked) {
        makefile::check(root, source, abi)?;
        let found = [header::names(root, abi, &rows)?, header::redirects(root, abi, &rows)?];
        for extra in found.into_iter().flatten() {
            let mut known = extras.iter_mut();
            match known.find(|known| {
                Extra { abis: Vec::new(), ..(**known).clone() } == Extra { abis: Vec::new(), ..extra.clone() }
            }) {
                Some(known) => known.abis.extend(extra.abis),
                None => extras.push(extra),
            }
        }
    }
    let left = takers.first().filter(|abi| checked && facts.frozen(&abi.arch));
    let errnos = left.map(|abi| header::errnos(root, &abi.arch)).transpose()?;
    Ok(KernelTable {
        linux: linux.to_owned(),
        source: source.source.clone(),
        sha256: files::sha256(&path)?,
        extras,
        errnos: errnos.into_iter().collect(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
    })
}

/// Absence is a value: a call of the unified range that an ABI lacks stands in `absent.toml`, or the file is damaged.
fn no_gaps(
    root: &Path,
    facts: &Tables,
    read: &[(&TableSource, KernelTable)],
    wanted: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let absent = facts.absent()?;
    let unified = |row: &&Row| row.nr >= UNIFIED && row.entry.as_deref() != Some("sys_ni_syscall");
    let of = |abi: &Abi| read.iter().find(|(source, _)| source.name == abi.table).map(|(_, table)| table);
    let rows_of = |abi: &'_ Abi| -> Vec<&Row> {
        of(abi).map(|table| table.rows.iter().filter(|row| abi.takes(&row.tag)).collect()).unwrap_or_default()
    };
    // Alpha's numbers are others, and x32 has calls of its own among them; what is left has every name.
    let everywhere: BTreeSet<&str> = facts
        .abis
        .iter()
        .filter(|abi| !["alpha", "x32"].contains(&abi.name.as_str()))
        .flat_map(rows_of)
        .filter(unified)
        .map(|row| row.name.as_str())
        .collect();
    // x32's own numbers end its table. Whatever they stand for x86_64 has, too.
    let called = |row: &&Row| row.entry.as_deref().is_some_and(|entry| entry != "sys_ni_syscall");
    let x86_64 = facts.abi("x86_64").into_iter().flat_map(rows_of).filter(called).map(|row| row.name.as_str());
    let on_x32: BTreeSet<&str> = everywhere.iter().copied().chain(x86_64).collect();
    for abi in facts.abis.iter().filter(|abi| wanted(&abi.table)) {
        let Some(table) = of(abi) else { continue };
        let rows = rows_of(abi);
        let expected = if abi.name == "x32" { &on_x32 } else { &everywhere };
        let known = |name: &str| absent.iter().any(|a| a.name == name && a.abis.contains(&abi.name));
        let missing: Vec<&str> =
            expected.iter().copied().filter(|name| !rows.iter().any(|row| row.name == *name) && !known(name)).collect();
        if !missing.is_empty() {
            return Err(Error::new(
                root.join(&table.source).display().to_string(),
                0,
                format!(
                    "{} lacks {}, which the tree's other tables have; if the file was not cut off, give the reason in \
                     tables/absent.toml",
                    abi.name,
                    missing.join(", ")
                ),
            ));
        }
    }
    Ok(())
}

/// Every symbol that some number ends in, and those that absent calls would have ended in.
fn entry_points(facts: &Tables, read: &[(&TableSource, KernelTable)]) -> Result<BTreeSet<String>, Error> {
    let mut symbols: BTreeSet<String> = facts.absent()?.into_iter().map(|absent| absent.entry).collect();
    for (_, table) in read {
        let rows = table.rows.iter().flat_map(|row| [&row.entry, &row.compat]).flatten();
        let swapped = table.extras.iter().flat_map(|extra| &extra.redirects).map(|(_, to)| to);
        symbols.extend(rows.chain(swapped).cloned());
    }
    Ok(symbols)
}

fn errnos(root: &Path, linux: &str, facts: &Tables) -> Result<String, Error> {
    let mut sets: Vec<ErrnoSet> = Vec::new();
    let archs: BTreeSet<&str> = facts.abis.iter().map(|abi| abi.arch.as_str()).collect();
    // Those of an architecture that has left the kernel stand beside its last table.
    let here = |arch: &&str| root.join("arch").join(arch).is_dir() && !facts.frozen(arch);
    for arch in archs.into_iter().filter(here) {
        let found = header::errnos(root, arch)?;
        match sets.iter_mut().find(|set| set.source == found.source) {
            Some(set) => set.archs.extend(found.archs),
            None => sets.push(found),
        }
    }
    Ok(render::errnos(linux, &sets))
}

fn constants(root: &Path, linux: &str) -> Result<String, Error> {
    let mut headers = Vec::new();
    for (source, groups) in CONSTANTS {
        let mut constants = Vec::new();
        for (prefixes, rust) in *groups {
            let found = header::constants(root, source, prefixes)?;
            if found.is_empty() {
                let what = format!("defines no {}; is the tree complete?", prefixes.join(" and no "));
                return Err(Error::new(root.join(source).display().to_string(), 0, what));
            }
            constants.extend(found.into_iter().map(|(name, value)| (name, value, *rust)));
        }
        headers.push((*source, files::sha256(&root.join(source))?, constants));
    }
    Ok(render::constants(linux, &headers))
}
