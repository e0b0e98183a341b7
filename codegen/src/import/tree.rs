//! A kernel source tree: which tables it has, and where they are.

use super::headers::{SearchPath, names, predefined};
use super::kernel::makefile;
use super::tbl::{self, Takers};
use super::unistd;
use crate::Error;
use crate::source::{Doubt, Source};
use crate::tables::{Abi, Extra, KernelTable, NO_CALL, Row, TableSource, Tables, Taker};
use crate::version::Version;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers from here on are the same in every table since Linux 5.1 (alpha adds 110), so that a
/// call without a row is either a known absence or a damaged file.
const UNIFIED: u32 = 424;

/// Folders that have moved: their name now, and before Linux 4.2.
const MOVED: &[(&str, &str)] = &[("arch/x86/entry/syscalls/", "arch/x86/syscalls/")];

/// Headers with numbers that user space never got, from before there was a table: ABI and file.
const KERNEL_ONLY: &[(&str, &str)] = &[("arm64-compat", "arch/arm64/include/asm/unistd32.h")];

/// A kernel tree that is being imported.
pub(super) struct Tree<'s> {
    pub(super) source: &'s Source,
    pub(super) linux: Version,
    /// What is known before: what is written by hand, and the tables of an earlier kernel.
    pub(super) facts: &'s Tables,
    /// Where each architecture's headers look for each other.
    headers: BTreeMap<&'s str, SearchPath<'s>>,
}

impl<'s> Tree<'s> {
    pub(super) fn new(source: &'s Source, facts: &'s Tables) -> Result<Tree<'s>, Error> {
        let archs = facts.abis.iter().map(|abi| abi.arch.as_str());
        let headers = archs.map(|arch| (arch, SearchPath::of_tree(source, arch))).collect();
        Ok(Tree { source, linux: source.version()?, facts, headers })
    }

    /// Where the headers of an architecture look for each other.
    pub(super) fn headers(&self, arch: &str) -> &SearchPath<'s> {
        &self.headers[arch]
    }

    /// Whether the tree has an architecture.
    pub(super) fn has_arch(&self, arch: &str) -> bool {
        self.source.is_directory(&format!("arch/{arch}"))
    }
}

/// The tables of a tree, each with the facts that it was asked for by.
pub(super) type Read<'f> = Vec<(&'f TableSource, KernelTable)>;

/// Reads the tables. `wanted` are those to be written; the others are read as far as they can be,
/// to compare with, and wholly if the prototypes are wanted, too.
pub(super) fn tables<'s>(
    tree: &Tree<'s>,
    only: &[String],
    wanted: impl Fn(&str) -> bool,
) -> Result<Read<'s>, Error> {
    let Tree { source, linux, facts, .. } = tree;
    let mut read = Vec::new();
    for table in &facts.sources {
        let asked = only.contains(&table.name);
        let refused = |what: String| Err(Error::in_file(source.shown(), what));
        if let Some(frozen) =
            table.frozen.as_ref().filter(|frozen| linux.series() > frozen.series())
        {
            if asked {
                return refused(format!(
                    "is Linux {linux}, and the table {} is frozen at {frozen}: give a tree of \
                     that series",
                    table.name
                ));
            }
            continue;
        }
        let file = place(source, &table.source);
        // A prototype is wanted if a table or a swap in a C file names its entry point.
        let checked = wanted(&table.name) || wanted("prototypes");
        let found = if source.exists(&file) {
            from_tbl(tree, table, &file, checked)?
        } else if checked {
            from_headers(tree, table)?
        } else {
            None
        };
        match found {
            Some(found) => read.push((table, found)),
            None if asked => {
                let name = &table.name;
                return refused(format!("is Linux {linux}, which has no ABI of the table {name}"));
            }
            None => {}
        }
    }
    no_gaps(tree, &read, wanted)?;
    Ok(read)
}

/// The path of a file of the tree, in the directory that it had when the tree was made.
fn place(source: &Source, file: &str) -> String {
    let moved =
        MOVED.iter().find_map(|(now, before)| Some(format!("{before}{}", file.strip_prefix(now)?)));
    moved
        .filter(|before| !source.exists(file) && source.is_file(before))
        .unwrap_or_else(|| file.to_owned())
}

/// A table file, and, when that is asked for, all that the tree's headers add to it. `None` if this
/// kernel makes none of the table's ABIs.
fn from_tbl(
    tree: &Tree<'_>,
    table: &TableSource,
    file: &str,
    checked: bool,
) -> Result<Option<KernelTable>, Error> {
    let Tree { source, linux, facts, .. } = tree;
    let text = source.text(file)?;
    let makefile = place(source, &table.makefile);
    // A table that was frozen shares its file with the table that replaced it, rows of both in one.
    let same_file: Vec<&str> = facts
        .sources
        .iter()
        .filter(|other| other.source == table.source)
        .map(|other| other.name.as_str())
        .collect();
    let mut takers = Takers::new();
    for abi in facts.abis.iter().filter(|abi| same_file.contains(&abi.table.as_str())) {
        if let Some(tags) = makefile::tags(source, &makefile, abi)? {
            takers.push((abi, Taker { abi: abi.name.clone(), tags }));
        }
    }
    if takers.is_empty() {
        let headers: Vec<_> = facts
            .abis
            .iter()
            .filter(|abi| abi.table == table.name)
            .map(|abi| abi.header.as_str())
            .collect();
        let what = format!("makes no {} of {file}", headers.join(" and no "));
        return Err(source.incomplete(&makefile, Doubt::Damaged, what));
    }
    // A taker without tags takes every row, which is wrong where another has its own.
    if let Some((abi, _)) =
        takers.iter().find(|(_, taker)| takers.len() > 1 && taker.tags.is_empty())
    {
        let what = format!("gives no tags to {}, which is not alone in {file}", abi.header);
        return Err(source.incomplete(&makefile, Doubt::CutOff, what));
    }
    let rows = tbl::parse(&source.name(file), &text, &takers)?;
    let left = |abi: &&Abi| {
        let taken = takers.iter().any(|(taker, _)| taker.name == abi.name);
        abi.table == table.name
            && abi.uapi
            && !taken
            && exists(abi, linux)
            && tree.has_arch(&abi.arch)
    };
    for abi in facts.abis.iter().filter(left).filter(|_| checked) {
        if names::asks(tree.headers(&abi.arch), abi)? {
            let what = format!(
                "makes no {} of {file}, which arch/{}/include/uapi/asm/unistd.h includes for {}",
                abi.header, abi.arch, abi.name
            );
            return Err(source.incomplete(&makefile, Doubt::CutOff, what));
        }
    }
    takers.retain(|(abi, _)| abi.table == table.name);
    if takers.is_empty() {
        return Ok(None);
    }
    let mut extras: Vec<Extra> = Vec::new();
    let before = if checked && facts.has_table(&table.name) {
        Some(facts.table(&table.name)?)
    } else {
        None
    };
    for (abi, taker) in takers.iter().filter(|_| checked) {
        let own = rows.iter().filter(|(_, row)| taker.takes(&row.tag));
        let listed: Vec<&str> = own.filter_map(|(_, row)| row.entry.as_deref()).collect();
        let names = names::names(tree.headers(&abi.arch), abi, taker, &rows)?;
        if let Some(before) = &before {
            names::kept(source, linux, before, abi, &rows, names.as_ref())?;
        }
        for extra in [names, names::redirects(source, abi, &listed)?] {
            super::add(&mut extras, extra);
        }
    }
    Ok(Some(KernelTable {
        linux: linux.clone(),
        source: file.to_owned(),
        sha256: source.sha256(file)?,
        takes: takers.into_iter().map(|(_, taker)| taker).collect(),
        extras,
        errnos: Vec::new(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
    }))
}

/// The table from the headers that held the numbers before the tree had a file of rows. `None` if
/// this kernel has none of its ABIs.
fn from_headers(tree: &Tree<'_>, table: &TableSource) -> Result<Option<KernelTable>, Error> {
    let Tree { source, linux, facts, .. } = tree;
    let mut all = Vec::new();
    let mut extras = Vec::new();
    for abi in facts.abis.iter().filter(|abi| abi.table == table.name && exists(abi, linux)) {
        if !tree.has_arch(&abi.arch) {
            continue;
        }
        let own = KERNEL_ONLY.iter().find(|(name, _)| *name == abi.name).map(|(_, file)| file);
        let header = match own {
            // The makefile came with the table.
            Some(_) if source.exists(&table.makefile) => table.source.clone(),
            Some(file) => (*file).to_owned(),
            None if abi.uapi => format!("arch/{}/include/uapi/asm/unistd.h", abi.arch),
            // The SPU calls of Linux before 5.0 stand in a header of assembly.
            None => continue,
        };
        // It stands for itself, so that the lines that call it stay.
        let mut macros = predefined(abi);
        macros.push(("__SYSCALL".to_owned(), "__SYSCALL".to_owned()));
        let headers = tree.headers(&abi.arch);
        let (unit, _) = headers.preprocess(&header, &macros, None)?;
        if let Some(missing) = unit.missing.first() {
            // A header that the kernel generates is made of a table, which is what is missing.
            if missing.text.starts_with("asm/unistd") {
                source.read(&table.source)?;
            }
            return Err(headers.lacks(&missing.text, &missing.file, missing.line));
        }
        let numbers = unistd::numbers(&unit, abi, &source.name(&header))?;
        if numbers.rows.is_empty() {
            let what = "defines no system call";
            return Err(source.incomplete(&header, Doubt::Missing, what));
        }
        let listed: Vec<&str> =
            numbers.rows.iter().filter_map(|row| row.entry.as_deref()).collect();
        super::add(&mut extras, names::redirects(source, abi, &listed)?);
        super::add(&mut extras, names::aliases(source, &numbers, &header)?);
        all.push(numbers);
    }
    super::merged(linux, source, &all, extras)
}

/// Whether a kernel has an ABI whose headers do not tell.
pub(super) fn exists(abi: &Abi, linux: &Version) -> bool {
    abi.since.as_ref().is_none_or(|since| since.series() <= linux.series())
}

/// Absence is a value: a call of the unified range that an ABI lacks stands in `absent.toml`, or
/// the file is damaged.
fn no_gaps(tree: &Tree<'_>, read: &Read<'_>, wanted: impl Fn(&str) -> bool) -> Result<(), Error> {
    let Tree { source, linux, facts, .. } = tree;
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
            let what = format!(
                "{} lacks {}, which the tree's other tables have; if the file was not cut off, \
                 give the reason in tables/absent.toml",
                abi.name,
                missing.join(", ")
            );
            return Err(source.wrong(&table.source, what));
        }
    }
    Ok(())
}
