//! A kernel source tree: which tables it has, and where they are.

use super::header::{self, Includes, predefined};
use super::tbl::{self, Takers};
use super::{makefile, unistd};
use crate::Error;
use crate::source::files;
use crate::tables::{Abi, Extra, KernelTable, NO_CALL, Row, TableSource, Tables, Taker};
use crate::version::Version;
use std::collections::BTreeSet;
use std::path::Path;

/// Numbers from here on are the same in every table since Linux 5.1 (alpha adds 110), so that a
/// call without a row is either a known absence or a damaged file.
const UNIFIED: u32 = 424;

/// Folders that have moved: their name now, and before Linux 4.2.
const MOVED: &[(&str, &str)] = &[("arch/x86/entry/syscalls/", "arch/x86/syscalls/")];

/// Headers with numbers that user space never got, from before there was a table: ABI and file.
const KERNEL_ONLY: &[(&str, &str)] = &[("arm64-compat", "arch/arm64/include/asm/unistd32.h")];

/// `7.2.13` from the head of the tree's makefile.
pub(crate) fn version(root: &Path) -> Result<Version, Error> {
    let shown = root.display().to_string();
    let no_tree = |why: &str| {
        Error::in_file(
            &shown,
            format!(
                "is no kernel source tree ({why}); give the folder that holds the kernel's Makefile"
            ),
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
        let line = text
            .lines()
            .take(20)
            .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))?;
        Some(line.trim().to_owned())
    };
    let number = |name: &str| value(name)?.parse::<u32>().ok();
    let [Some(version), Some(patchlevel), Some(sublevel)] =
        ["VERSION", "PATCHLEVEL", "SUBLEVEL"].map(number)
    else {
        return Err(no_tree("its Makefile does not begin with VERSION, PATCHLEVEL and SUBLEVEL"));
    };
    let extra = value("EXTRAVERSION").unwrap_or_default();
    Ok(Version::new(format!("{version}.{patchlevel}.{sublevel}{extra}")))
}

/// The tables of a tree, each with the facts that it was asked for by.
pub(crate) type Read<'f> = Vec<(&'f TableSource, KernelTable)>;

/// Reads the tables. `wanted` are those to be written; the others are read as far as they can be,
/// to compare with, and wholly if the prototypes are wanted, too.
pub(crate) fn tables<'f>(
    root: &Path,
    linux: &Version,
    facts: &'f Tables,
    only: &[String],
    wanted: impl Fn(&str) -> bool,
) -> Result<Read<'f>, Error> {
    let mut read = Vec::new();
    for source in &facts.sources {
        let asked = only.contains(&source.name);
        let refused = |what: String| Err(Error::in_file(root.display().to_string(), what));
        if let Some(frozen) =
            source.frozen.as_ref().filter(|frozen| linux.series() > frozen.series())
        {
            if asked {
                return refused(format!(
                    "is Linux {linux}, and the table {} is frozen at {frozen}: give a tree of that series",
                    source.name
                ));
            }
            continue;
        }
        let path = place(root, &source.source);
        // A prototype is wanted if a table or a swap in a C file names its entry point.
        let checked = wanted(&source.name) || wanted("prototypes");
        let table = if path.symlink_metadata().is_ok() {
            from_tbl(root, linux, facts, source, &path, checked)?
        } else if checked {
            from_headers(root, linux, facts, source)?
        } else {
            None
        };
        match table {
            Some(table) => read.push((source, table)),
            None if asked => {
                return refused(format!(
                    "is Linux {linux}, which has no ABI of the table {}",
                    source.name
                ));
            }
            None => {}
        }
    }
    no_gaps(root, linux, facts, &read, wanted)?;
    Ok(read)
}

/// A file of the tree, in the folder that it had when the tree was made.
fn place(root: &Path, file: &str) -> std::path::PathBuf {
    let moved = MOVED
        .iter()
        .find_map(|(now, before)| Some(root.join(before).join(file.strip_prefix(now)?)));
    let now = root.join(file);
    moved.filter(|before| now.symlink_metadata().is_err() && before.is_file()).unwrap_or(now)
}

/// The path in the tree.
fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// A table file, and, when that is asked for, all that the tree's headers add to it. `None` if this
/// kernel makes none of the table's ABIs.
fn from_tbl(
    root: &Path,
    linux: &Version,
    facts: &Tables,
    source: &TableSource,
    path: &Path,
    checked: bool,
) -> Result<Option<KernelTable>, Error> {
    let text = files::read(path)?;
    let makefile = relative(root, &place(root, &source.makefile));
    // A table that was frozen shares its file with the table that replaced it, rows of both in one.
    let same_file: Vec<&str> = facts
        .sources
        .iter()
        .filter(|other| other.source == source.source)
        .map(|other| other.name.as_str())
        .collect();
    let mut takers = Takers::new();
    for abi in facts.abis.iter().filter(|abi| same_file.contains(&abi.table.as_str())) {
        if let Some(tags) = makefile::tags(root, &makefile, abi)? {
            takers.push((abi, Taker { abi: abi.name.clone(), tags }));
        }
    }
    if takers.is_empty() {
        let headers: Vec<_> = facts
            .abis
            .iter()
            .filter(|abi| abi.table == source.name)
            .map(|abi| abi.header.as_str())
            .collect();
        let what = format!(
            "makes no {} of {}; is it damaged?",
            headers.join(" and no "),
            relative(root, path)
        );
        return Err(Error::in_file(root.join(makefile).display().to_string(), what));
    }
    // A taker without tags takes every row, which is wrong where another has its own.
    if let Some((abi, _)) =
        takers.iter().find(|(_, taker)| takers.len() > 1 && taker.tags.is_empty())
    {
        let what = format!(
            "gives no tags to {}, which is not alone in {}; is it cut off?",
            abi.header,
            relative(root, path)
        );
        return Err(Error::in_file(root.join(makefile).display().to_string(), what));
    }
    let rows = tbl::parse(&path.display().to_string(), &text, &takers)?;
    let left = |abi: &&Abi| {
        let taken = takers.iter().any(|(taker, _)| taker.name == abi.name);
        abi.table == source.name
            && abi.uapi
            && !taken
            && exists(abi, linux)
            && root.join("arch").join(&abi.arch).is_dir()
    };
    for abi in facts.abis.iter().filter(left).filter(|_| checked) {
        if header::asks(root, abi)? {
            let what = format!(
                "makes no {} of {}, which arch/{}/include/uapi/asm/unistd.h includes for {}; is it cut off?",
                abi.header,
                relative(root, path),
                abi.arch,
                abi.name
            );
            return Err(Error::in_file(root.join(makefile).display().to_string(), what));
        }
    }
    takers.retain(|(abi, _)| abi.table == source.name);
    if takers.is_empty() {
        return Ok(None);
    }
    let mut extras: Vec<Extra> = Vec::new();
    let before = if checked && facts.has_table(&source.name) {
        Some(facts.table(&source.name)?)
    } else {
        None
    };
    for (abi, taker) in takers.iter().filter(|_| checked) {
        let own = rows.iter().filter(|(_, row)| taker.takes(&row.tag));
        let listed: Vec<&str> = own.filter_map(|(_, row)| row.entry.as_deref()).collect();
        let names = header::names(root, abi, taker, &rows)?;
        if let Some(before) = &before {
            header::kept(root, linux, before, abi, &rows, names.as_ref())?;
        }
        for extra in [names, header::redirects(root, abi, &listed)?] {
            super::add(&mut extras, extra);
        }
    }
    Ok(Some(KernelTable {
        linux: linux.clone(),
        source: relative(root, path),
        sha256: files::sha256(path)?,
        takes: takers.into_iter().map(|(_, taker)| taker).collect(),
        extras,
        errnos: Vec::new(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
    }))
}

/// The table from the headers that held the numbers before the tree had a file of rows. `None` if
/// this kernel has none of its ABIs.
fn from_headers(
    root: &Path,
    linux: &Version,
    facts: &Tables,
    source: &TableSource,
) -> Result<Option<KernelTable>, Error> {
    let mut all = Vec::new();
    let mut extras = Vec::new();
    for abi in facts.abis.iter().filter(|abi| abi.table == source.name && exists(abi, linux)) {
        if !root.join("arch").join(&abi.arch).is_dir() {
            continue;
        }
        let own = KERNEL_ONLY.iter().find(|(name, _)| *name == abi.name).map(|(_, file)| file);
        let path = match own {
            // The makefile came with the table.
            Some(_) if files::is_there(&root.join(&source.makefile)) => root.join(&source.source),
            Some(file) => root.join(file),
            None if abi.uapi => root.join(format!("arch/{}/include/uapi/asm/unistd.h", abi.arch)),
            // The SPU calls of Linux before 5.0 stand in a header of assembly.
            None => continue,
        };
        // It stands for itself, so that the lines that call it stay.
        let mut macros = predefined(abi);
        macros.push(("__SYSCALL".to_owned(), "__SYSCALL".to_owned()));
        let includes = Includes::of_tree(root, &abi.arch);
        let (unit, _) = includes.preprocess(&path, &macros, None)?;
        if let Some(missing) = unit.missing.first() {
            // A header that the kernel generates is made of a table, which is what is missing.
            if missing.text.starts_with("asm/unistd") {
                files::read(&root.join(&source.source))?;
            }
            return Err(includes.lacks(&missing.text, &missing.file, missing.line));
        }
        let numbers = unistd::numbers(&unit, abi, &path.display().to_string())?;
        if numbers.rows.is_empty() {
            let what = "defines no system call; is the tree complete?";
            return Err(Error::in_file(path.display().to_string(), what));
        }
        let listed: Vec<&str> =
            numbers.rows.iter().filter_map(|row| row.entry.as_deref()).collect();
        super::add(&mut extras, header::redirects(root, abi, &listed)?);
        super::add(&mut extras, header::aliases(root, &numbers, &path)?);
        all.push(numbers);
    }
    super::merged(linux, root, &all, extras)
}

/// Whether a kernel has an ABI whose headers do not tell.
pub(crate) fn exists(abi: &Abi, linux: &Version) -> bool {
    abi.since.as_ref().is_none_or(|since| since.series() <= linux.series())
}

/// Absence is a value: a call of the unified range that an ABI lacks stands in `absent.toml`, or
/// the file is damaged.
fn no_gaps(
    root: &Path,
    linux: &Version,
    facts: &Tables,
    read: &Read<'_>,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let absent = facts.absent()?;
    let unified = |row: &&Row| row.nr >= UNIFIED && row.entry.as_deref() != Some(NO_CALL);
    let of = |abi: &Abi| {
        let (_, table) = read.iter().find(|(source, _)| source.name == abi.table)?;
        Some((table, table.takes.iter().find(|taker| taker.abi == abi.name)?))
    };
    let rows_of = |abi: &'_ Abi| -> Vec<&Row> {
        of(abi)
            .map(|(table, taker)| table.rows.iter().filter(|row| taker.takes(&row.tag)).collect())
            .unwrap_or_default()
    };
    // Alpha's numbers are others, and x32 has calls of its own among them; what is left has every
    // name.
    let everywhere: BTreeSet<&str> = facts
        .abis
        .iter()
        .filter(|abi| !["alpha", "x32"].contains(&abi.name.as_str()))
        .flat_map(rows_of)
        .filter(unified)
        .map(|row| row.name.as_str())
        .collect();
    // x32's own numbers end its table. Whatever they stand for x86_64 has, too.
    let called = |row: &&Row| row.entry.as_deref().is_some_and(|entry| entry != NO_CALL);
    let x86_64 = facts
        .abi("x86_64")
        .into_iter()
        .flat_map(rows_of)
        .filter(called)
        .map(|row| row.name.as_str());
    let on_x32: BTreeSet<&str> = everywhere.iter().copied().chain(x86_64).collect();
    for abi in facts.abis.iter().filter(|abi| wanted(&abi.table)) {
        let Some((table, _)) = of(abi) else { continue };
        let rows = rows_of(abi);
        let expected = if abi.name == "x32" { &on_x32 } else { &everywhere };
        let known = |name: &str| absent.iter().any(|a| a.name == name && a.holds(&abi.name, linux));
        let missing: Vec<&str> = expected
            .iter()
            .copied()
            .filter(|name| !rows.iter().any(|row| row.name == *name) && !known(name))
            .collect();
        if !missing.is_empty() {
            return Err(Error::in_file(
                root.join(&table.source).display().to_string(),
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
