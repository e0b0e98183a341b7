//! From a kernel source to `tables/linux`: read everything, check everything, and only then return
//! the files. Errors in a source are findings; `findings` defines which ones stop an import.

mod assembly;
mod c;
mod entries;
mod findings;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod gaps;
mod headers;
pub mod history;
mod kernel;
mod prototypes;
mod render;
mod tbl;
mod tree;
mod unistd;

pub use findings::{Class, Findings, KINDS, Kind};

use crate::Error;
use crate::source::{Doubt, Source};
use crate::tables::{Constants, ErrnoSet, Extra, KernelTable, TableSource, Tables};
use crate::version::Version;
use headers::SearchPath;
use headers::constants::{self, Group, LOOKUP, OF_ARCH, OfArch, UAPI};
use headers::installed::Installed;
use std::collections::BTreeSet;
use tree::Tree;

/// The files to write: name and text.
pub type Files = Vec<(String, String)>;

/// Imports a kernel tree. `only` names the files to import (`x86_64`, `prototypes`, …); empty: all
/// that the tree has.
///
/// # Errors
/// The first finding that stops this import; `only` names a table that does not exist, or one that
/// the tree does not have.
pub fn tree(
    source: &Source,
    facts: &Tables,
    only: &[String],
    findings: &Findings,
) -> Result<Files, Error> {
    let tree = Tree::new(source, facts, findings)?;
    let others = ["prototypes", "errno", "uapi", "lookup"];
    if let Some(unknown) = only.iter().find(|name| {
        !others.contains(&name.as_str()) && !facts.sources.iter().any(|s| s.name == **name)
    }) {
        let known: Vec<_> =
            facts.sources.iter().map(|source| source.name.as_str()).chain(others).collect();
        return Err(Error::argument(
            "--only",
            format!("unknown table `{unknown}`; expected one of {}", known.join(", ")),
        ));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    let mut read = tree::tables(&tree, only, wanted)?;
    if read.is_empty() {
        let what = format!(
            "is Linux {}, but has no table of system calls; pass the top directory of a kernel \
             tree",
            tree.linux
        );
        return Err(Error::in_file(source.shown(), what));
    }

    let mut out = Files::new();
    for (table, found) in read.iter_mut().filter(|(table, _)| wanted(&table.name)) {
        // errno.toml is from a kernel that no longer has the architecture of a frozen table.
        let left = facts.abis.iter().find(|abi| abi.table == table.name && facts.frozen(&abi.arch));
        if let Some(abi) = left {
            found.errnos.extend(errno_set(&tree, &abi.arch, &[])?);
        }
        out.push((format!("{}.toml", table.name), render::table(found)));
    }
    if wanted("prototypes") {
        // Before Linux 2.6.29, some makefiles and Kconfig files have forms that are not followed.
        let ignored = Findings::lenient();
        let old = !findings.is_strict() && tree.linux.series() < Version::new("2.6.29").series();
        let of_code = if old { tree.with(&ignored) } else { tree.clone() };
        let (found, bare) = entries::join(&of_code, &read)?;
        let tables: Vec<&str> = read.iter().map(|(table, _)| table.name.as_str()).collect();
        let text = render::prototypes(&tree.linux, &tables, &found, &bare);
        out.push(("prototypes.toml".to_owned(), text));
    }
    if wanted("errno") {
        let text = render::errnos(&tree.linux, &errnos(&tree)?);
        out.push(("errno.toml".to_owned(), text));
    }
    if wanted("uapi") {
        let text = render::constants(&tree.linux, &all_constants(&tree)?);
        out.push(("uapi.toml".to_owned(), text));
    }
    if wanted("lookup") {
        let found = common(&tree, LOOKUP)?;
        // A tree from before these headers has no lookup constants.
        if !found.is_empty() {
            out.push(("lookup.toml".to_owned(), render::constants(&tree.linux, &found)));
        }
    }
    Ok(out)
}

/// The architectures of a kernel tree that have system calls but no ABI here, as in `arch/cris`: an
/// import does not read these calls.
///
/// # Errors
/// This is not a kernel tree.
pub fn unknown_archs(source: &Source, facts: &Tables) -> Result<Vec<String>, Error> {
    Ok(Tree::new(source, facts, &Findings::lenient())?.unknown_archs())
}

/// The ABIs that the tree's release has, and the tree does not, with that release. `None` if there
/// are none, or if the release is not in the history.
///
/// # Errors
/// This is not a kernel tree.
pub fn missing_abis(
    source: &Source,
    facts: &Tables,
) -> Result<Option<(Version, Vec<String>)>, Error> {
    let findings = Findings::lenient();
    let tree = Tree::new(source, facts, &findings)?;
    let known = Tables::embedded()?;
    let history = known.history()?;
    let Some(at) = history.release_of(&tree.linux) else { return Ok(None) };
    let mut missing = Vec::new();
    for abi in &facts.abis {
        let had = || Ok(history.rows(abi, known.table(&abi.table)?, at).is_some());
        if !tree.has(abi) && had()? {
            missing.push(abi.name.clone());
        }
    }
    Ok((!missing.is_empty()).then(|| (history.releases[at].linux.clone(), missing)))
}

/// Only the tables of numbers: those in `only` that the tree has; empty: all.
///
/// # Errors
/// The first finding that stops this import.
pub fn numbers(
    source: &Source,
    facts: &Tables,
    only: &[String],
    findings: &Findings,
) -> Result<Files, Error> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    let read = tree::tables(&Tree::new(source, facts, findings)?, &[], wanted)?;
    let read = read.iter().filter(|(table, _)| wanted(&table.name));
    Ok(read.map(|(table, found)| (format!("{}.toml", table.name), render::table(found))).collect())
}

/// Facts about installed headers that the user gives, if the headers do not contain them.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The kernel's name of their architecture; otherwise taken from the path.
    pub arch: Option<String>,
    /// Their kernel version; otherwise taken from `linux/version.h`.
    pub linux: Option<Version>,
}

/// Imports installed headers: the tables of one architecture, without entry points, its error
/// numbers and the constants.
///
/// # Errors
/// The first finding that stops this import; the architecture or kernel of the headers is unknown,
/// or contradicts the user.
pub fn headers(
    source: &Source,
    claims: &Claims,
    facts: &Tables,
    findings: &Findings,
) -> Result<Files, Error> {
    let installed = Installed::new(source, claims, facts)?;
    let Installed { arch, linux, headers, .. } = &installed;
    let mut out = Files::new();
    for table in &facts.sources {
        if let Some(found) = installed.table(facts, table, findings)? {
            out.push((format!("{}.toml", table.name), render::table(&found)));
        }
    }
    if out.is_empty() {
        return Err(source.wrong("", format!("has no headers of an ABI of arch/{arch}")));
    }
    let set = match headers.find("asm/errno.h") {
        Some(path) => constants::errno_set(headers, arch, &path, "asm/errno.h".to_owned()),
        None => Err(source.incomplete("", Doubt::Missing, "does not have asm/errno.h")),
    };
    let set = findings.accept(Kind::Errno, set)?;
    out.extend(set.map(|set| ("errno.toml".to_owned(), render::errnos(linux, &[set]))));
    // Installed headers have no fs/aio.c, and a package may have only asm/.
    let header = |source: &str, headers: &SearchPath<'_>| {
        headers.find(source.strip_prefix("include/uapi/")?)
    };
    let mut found = constants::common(UAPI, linux, |_| Some(headers), header, findings)?;
    for group in OF_ARCH {
        let Some(path) = headers.find(group.header) else { continue };
        let source = group.header.to_owned();
        let set = constants::of_arch(linux, headers, arch, group, &path, source);
        found.extend(findings.accept(Kind::Constant, set)?.flatten());
    }
    if !found.is_empty() {
        out.push(("uapi.toml".to_owned(), render::constants(linux, &found)));
    }
    Ok(out)
}

/// Stops if a table that is about to be replaced is missing from a complete tree.
///
/// # Errors
/// A table or an ABI is missing.
pub fn nothing_missing(
    old: &Tables,
    tree: &Source,
    files: &[(String, String)],
) -> Result<(), Error> {
    let given =
        |table: &str| files.iter().any(|(file, _)| file.strip_suffix(".toml") == Some(table));
    let missing = |source: &&TableSource| {
        source.frozen.is_none() && old.has_table(&source.name) && !given(&source.name)
    };
    let Some(source) = old.sources.iter().find(missing) else { return Ok(()) };
    let what = format!(
        "has no {}, but the repository has tables/linux/{}.toml; is the tree complete? If the \
         kernel has removed it, set frozen = \"…\" in the [[table]] of abis.toml to the last \
         series that had it",
        source.source, source.name
    );
    Err(Error::in_file(tree.shown(), what))
}

/// Stops if the tables that are about to be replaced have an ABI that the new ones do not have: it
/// would be lost.
///
/// # Errors
/// A table or an ABI is missing.
pub fn check_nothing_lost(
    old: &Tables,
    new: &Tables,
    files: &[(String, String)],
) -> Result<(), Error> {
    for source in &old.sources {
        let file = format!("{}.toml", source.name);
        if source.frozen.is_some()
            || !files.iter().any(|(name, _)| *name == file)
            || !old.has_table(&source.name)
        {
            continue;
        }
        // A table that cannot be read is about to be repaired.
        let Ok(old) = old.table(&source.name) else { continue };
        let new = new.table(&source.name)?;
        if let Some(lost) = old.takes.iter().find(|taker| new.tags(&taker.abi).is_none()) {
            let [major, minor, _] = old.linux.series();
            let what = format!(
                "Linux {} has no {} any more, but the table is from {}; if the kernel has removed \
                 it, give it its own [[table]] in abis.toml with frozen = \"{major}.{minor}\", and \
                 import that from a tree of this series",
                new.linux, lost.abi, old.linux
            );
            return Err(Error::in_file(format!("tables/linux/{file}"), what));
        }
    }
    Ok(())
}

/// Merges what a file adds for several ABIs, if it is the same.
fn add(extras: &mut Vec<Extra>, extra: Option<Extra>) {
    let Some(extra) = extra else { return };
    let bare = |extra: &Extra| Extra { abis: Vec::new(), ..extra.clone() };
    match extras.iter_mut().find(|known| bare(known) == bare(&extra)) {
        Some(known) => known.abis.extend(extra.abis),
        None => extras.push(extra),
    }
}

/// The table from headers; `None` if there is no ABI.
fn merged(
    linux: &Version,
    source: &Source,
    all: &[unistd::Numbers<'_>],
    extras: Vec<Extra>,
) -> Result<Option<KernelTable>, Error> {
    let Some(first) = all.first() else { return Ok(None) };
    let path = source.path(&first.file);
    let (takes, rows) = unistd::merge(all);
    Ok(Some(KernelTable {
        linux: linux.clone(),
        source: source.spelled(path),
        sha256: source.sha256(path)?,
        takes,
        extras,
        rows,
        errnos: Vec::new(),
    }))
}

/// The architectures of the tree. The facts of a removed architecture are next to its last table.
fn archs<'s>(tree: &Tree<'s>) -> BTreeSet<&'s str> {
    let archs = tree.facts.abis.iter().map(|abi| abi.arch.as_str());
    archs.filter(|arch| tree.headers_of(arch).is_some() && !tree.facts.frozen(arch)).collect()
}

/// The file that `asm/x.h` is for an architecture. An architecture that `had` its own header must
/// still have it; otherwise the tree is damaged.
fn asm_header(
    tree: &Tree<'_>,
    arch: &str,
    name: &str,
    had: impl Fn(&str) -> bool,
) -> Option<String> {
    /// Headers that are newer than the architecture: up to this series it used the generic one.
    const YOUNG: &[(&str, &str)] = &[("arch/arm64/include/uapi/asm/mman.h", "5.7")];
    let headers = tree.headers_of(arch)?;
    let own = headers.own_path(name);
    let until = |(path, until): &(&str, &str)| {
        own == *path && tree.linux.series() <= Version::new(*until).series()
    };
    let must_be = had(&own) && !YOUNG.iter().any(until);
    Some(if must_be { own } else { headers.find(name).unwrap_or(own) })
}

/// The error numbers of an architecture of the tree.
fn errno_set(tree: &Tree<'_>, arch: &str, before: &[ErrnoSet]) -> Result<Option<ErrnoSet>, Error> {
    let had = |own: &str| before.iter().any(|set| set.source == own);
    let (Some(headers), Some(header)) =
        (tree.headers_of(arch), asm_header(tree, arch, "asm/errno.h", had))
    else {
        return Ok(None);
    };
    let set = constants::errno_set(headers, arch, &header, header.clone());
    tree.findings.accept(Kind::Errno, set)
}

/// The error numbers of all architectures; those that share a header are one set.
fn errnos(tree: &Tree<'_>) -> Result<Vec<ErrnoSet>, Error> {
    let before = tree.facts.errno_sets()?;
    let mut sets = Vec::<ErrnoSet>::new();
    for arch in archs(tree) {
        let Some(found) = errno_set(tree, arch, before)? else { continue };
        let same = |set: &&mut ErrnoSet| set.source == found.source && set.errnos == found.errnos;
        match sets.iter_mut().find(same) {
            Some(set) => set.archs.extend(found.archs),
            None => sets.push(found),
        }
    }
    Ok(sets)
}

/// The constants of `uapi.toml`: those that all architectures share, and those with other values on
/// some.
fn all_constants(tree: &Tree<'_>) -> Result<Vec<Constants>, Error> {
    let mut found = common(tree, UAPI)?;
    let before = tree.facts.constants()?;
    for group in OF_ARCH {
        found.extend(constants_of_arch(tree, group, before)?);
    }
    Ok(found)
}

/// Those in `wanted`, from the headers that all architectures share.
fn common(tree: &Tree<'_>, wanted: &[(&str, &[Group])]) -> Result<Vec<Constants>, Error> {
    let here = |header: &str, headers: &SearchPath<'_>| {
        let mixed = || headers.find(header.split_once("include/uapi/")?.1);
        let there = tree.source.exists(header).then(|| header.to_owned());
        let lost = || match headers::has_uapi(tree.source) {
            true => header.to_owned(),
            false => header.replace("include/uapi/", "include/"),
        };
        there.or_else(mixed).or_else(|| Some(lost()))
    };
    let headers = |arch: Option<&str>| match arch {
        Some(arch) => tree.headers_of(arch),
        None => tree.any_headers(),
    };
    constants::common(wanted, &tree.linux, headers, here, tree.findings)
}

/// The constants of one header whose values depend on the architecture. Architectures with the same
/// header and the same values form one set; the values may depend on what the header includes.
fn constants_of_arch(
    tree: &Tree<'_>,
    group: &OfArch,
    before: &[Constants],
) -> Result<Vec<Constants>, Error> {
    let had = |own: &str| before.iter().any(|header| header.source == own);
    let mut sets = Vec::<Constants>::new();
    for arch in archs(tree) {
        let (Some(headers), Some(header)) =
            (tree.headers_of(arch), asm_header(tree, arch, group.header, had))
        else {
            continue;
        };
        let found = constants::of_arch(&tree.linux, headers, arch, group, &header, header.clone());
        let Some(found) = tree.findings.accept(Kind::Constant, found)?.flatten() else { continue };
        let same =
            |set: &&mut Constants| set.source == found.source && set.constants == found.constants;
        match sets.iter_mut().find(same) {
            Some(set) => set.archs.extend(found.archs),
            None => sets.push(found),
        }
    }
    Ok(sets)
}
