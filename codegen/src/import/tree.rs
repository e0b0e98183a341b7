//! A kernel source tree: which tables it has, and where they are.

use super::findings::{Findings, Kind};
use super::headers::{SearchPath, names, numbers};
use super::kernel::makefile;
use super::tbl::{self, Takers};
use super::unistd::Numbers;
use super::{gaps, unistd};
use crate::Error;
use crate::source::{Doubt, Source};
use crate::tables::{Abi, Extra, KernelTable, TableSource, Tables, Taker};
use crate::version::Version;
use std::collections::BTreeMap;

/// Directories that have moved: their name now, and before Linux 4.2.
const MOVED: &[(&str, &str)] = &[("arch/x86/entry/syscalls/", "arch/x86/syscalls/")];

/// Headers with numbers that were never installed for user space, from before the tables: ABI,
/// file, and the ABI whose programs make these calls.
const KERNEL_ONLY: &[(&str, &str, &str)] =
    &[("arm64-compat", "arch/arm64/include/asm/unistd32.h", "arm")];

/// User-mode Linux: it has the calls of the architecture on which it runs.
const USER_MODE: &str = "um";

/// A kernel tree that is being imported.
#[derive(Clone)]
pub(super) struct Tree<'s> {
    pub(super) source: &'s Source,
    pub(super) linux: Version,
    /// The existing tables: those written by hand, and those of an earlier kernel.
    pub(super) facts: &'s Tables,
    pub(super) findings: &'s Findings,
    /// The search path of each ABI's headers.
    headers: BTreeMap<&'s str, SearchPath<'s>>,
}

impl<'s> Tree<'s> {
    pub(super) fn new(
        source: &'s Source,
        facts: &'s Tables,
        findings: &'s Findings,
    ) -> Result<Tree<'s>, Error> {
        let path = |abi: &'s Abi| (abi.name.as_str(), SearchPath::of_tree(source, abi));
        let headers = facts.abis.iter().map(path).collect();
        Ok(Tree { source, linux: source.version()?, facts, findings, headers })
    }

    /// The same tree, with other findings.
    pub(super) fn with(&self, findings: &'s Findings) -> Tree<'s> {
        Tree { findings, ..self.clone() }
    }

    /// The search path of an ABI's headers.
    pub(super) fn headers(&self, abi: &Abi) -> &SearchPath<'s> {
        &self.headers[abi.name.as_str()]
    }

    /// The search path for the first of an architecture's ABIs, if the tree has that architecture.
    pub(super) fn headers_of(&self, arch: &str) -> Option<&SearchPath<'s>> {
        let mut abis = self.facts.abis.iter().filter(|abi| abi.arch == arch);
        abis.find(|abi| self.has(abi)).map(|abi| self.headers(abi))
    }

    /// The search path for any ABI that the tree has: x86_64, if present.
    pub(super) fn any_headers(&self) -> Option<&SearchPath<'s>> {
        let mut abis = self.facts.abis.iter();
        abis.find(|abi| self.has(abi)).map(|abi| self.headers(abi))
    }

    /// The directory of `arch/` that an ABI has in this tree.
    pub(super) fn arch(&self, abi: &Abi) -> &'s str {
        self.headers(abi).arch
    }

    /// Whether the tree has the architecture of an ABI.
    pub(super) fn has(&self, abi: &Abi) -> bool {
        // Some trees have device trees of other architectures, and the headers that these need.
        let entries = self.source.list(&format!("arch/{}", self.arch(abi))).unwrap_or_default();
        entries.iter().any(|entry| !["boot", "include"].contains(&entry.name.as_str()))
            || self.source.is_file(&self.headers(abi).unistd())
    }

    /// Reports an ABI that is left out, and the error that is the reason.
    pub(super) fn leave_out(&self, abi: &Abi, why: Error) -> Result<(), Error> {
        let what = format!("{}; {} is left out", why.what, abi.name);
        self.findings.judge(Kind::LeftOut, Error { what, ..why })
    }

    /// Whether a file is of an architecture that has no ABI here, or of user-mode Linux, some of
    /// which lives in arch/x86.
    pub(super) fn is_elsewhere(&self, file: &str) -> bool {
        let arch = file.strip_prefix("arch/").and_then(|rest| rest.split('/').next());
        let ours = |arch| self.facts.abis.iter().any(|abi| self.arch(abi) == arch);
        file.starts_with("arch/x86/um/") || arch.is_some_and(|arch| !ours(arch))
    }

    /// The architectures that have calls, and no ABI here.
    pub(super) fn unknown_archs(&self) -> Vec<String> {
        let has_calls = |arch: &str| {
            let directories = [
                format!("arch/{arch}/include/uapi/asm"),
                format!("arch/{arch}/include/asm"),
                format!("include/asm-{arch}"),
            ];
            directories.iter().any(|at| self.source.is_file(&format!("{at}/unistd.h")))
        };
        let is_known = |arch: &str| {
            let mut abis = self.facts.abis.iter();
            arch == USER_MODE || abis.any(|abi| abi.arch == arch || self.arch(abi) == arch)
        };
        let entries = self.source.list("arch").unwrap_or_default();
        let archs = entries.iter().map(|entry| entry.name.as_str());
        let unknown = archs.filter(|arch| !is_known(arch) && has_calls(arch));
        unknown.map(|arch| format!("arch/{arch}")).collect()
    }

    /// An error about a table or header, at the first line that has a word; better one with a
    /// number than a comment.
    pub(super) fn at(&self, file: &str, word: &str, what: String) -> Error {
        let text = self.source.text(file).unwrap_or_default();
        let has = |line: &str| {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.any(|found| found.strip_prefix("__NR_").unwrap_or(found) == word)
        };
        let numbered =
            |line: &str| line.starts_with(|c: char| c.is_ascii_digit()) || line.contains("__NR_");
        let best = text.lines().position(|line| numbered(line) && has(line));
        match best.or_else(|| text.lines().position(has)) {
            Some(at) => Error::at(self.source.name(file), at + 1, what),
            None => self.source.wrong(file, what),
        }
    }
}

/// The tables of a tree, each with the facts that describe it.
pub(super) type Read<'f> = Vec<(&'f TableSource, KernelTable)>;

/// Reads the tables. `wanted` are those to write. The others are read as far as possible, for
/// comparison, and completely if the prototypes are wanted, too.
pub(super) fn tables<'s>(
    tree: &Tree<'s>,
    only: &[String],
    wanted: impl Fn(&str) -> bool,
) -> Result<Read<'s>, Error> {
    let Tree { source, linux, facts, findings, .. } = tree;
    let (mut read, ignored) = (Vec::new(), Findings::lenient());
    for table in &facts.sources {
        let asked = only.contains(&table.name);
        let refused = |what: String| Err(Error::in_file(source.shown(), what));
        // In the repository, the last table of a removed ABI is not changed.
        if let Some(frozen) = table
            .frozen
            .as_ref()
            .filter(|frozen| findings.is_strict() && linux.series() > frozen.series())
        {
            if asked {
                return refused(format!(
                    "is Linux {linux}, but the table {} is frozen at {frozen}: pass a tree of that \
                     series",
                    table.name
                ));
            }
            continue;
        }
        let [file, makefile] = places(source, table);
        // A prototype is wanted if a table or a swap in a C file names its entry point.
        let checked = wanted(&table.name) || wanted("prototypes");
        let found = match source.exists(&file) {
            true if checked || findings.is_strict() => {
                from_tbl(tree, table, &file, &makefile, checked)?
            }
            // What is wrong with a table that is not wanted is of no interest.
            true => {
                let quiet = tree.with(&ignored);
                from_tbl(&quiet, table, &file, &makefile, checked).ok().flatten()
            }
            false if checked => from_headers(tree, table)?,
            false => None,
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
    gaps::report(tree, &read, wanted)?;
    Ok(read)
}

/// Table and makefile, in the directory that this tree uses: the one with the makefile. Files in
/// the other one are left over from another kernel.
pub(super) fn places(source: &Source, table: &TableSource) -> [String; 2] {
    let now = [&table.source, &table.makefile].map(String::clone);
    let moved = MOVED.iter().find_map(|(after, before)| {
        let [file, makefile] = now.each_ref().map(|path| path.strip_prefix(after));
        Some([format!("{before}{}", file?), format!("{before}{}", makefile?)])
    });
    let Some(before) = moved else { return now };
    let there = |of: &[String; 2]| (source.is_file(&of[1]), source.exists(&of[0]));
    if there(&before) > there(&now) { before } else { now }
}

/// A table file, and on request all that the tree's headers add to it. `None` if this kernel has
/// none of the table's ABIs.
fn from_tbl(
    tree: &Tree<'_>,
    table: &TableSource,
    file: &str,
    makefile: &str,
    checked: bool,
) -> Result<Option<KernelTable>, Error> {
    let Tree { source, linux, facts, findings, .. } = tree;
    let Some(text) = findings.accept(Kind::Unreadable, source.text(file))? else { return Ok(None) };
    // A frozen table shares its file with the table that replaced it; the file has the rows of
    // both.
    let same_file: Vec<&str> = facts
        .sources
        .iter()
        .filter(|other| other.source == table.source)
        .map(|other| other.name.as_str())
        .collect();
    let mut takers = Takers::new();
    let candidates = facts.abis.iter().filter(|abi| same_file.contains(&abi.table.as_str()));
    let mut headers = Vec::new();
    for abi in candidates.filter(|abi| tree.has(abi)) {
        if !headers.contains(&abi.header.as_str()) {
            headers.push(&abi.header);
        }
        if let Some(tags) = makefile::tags(tree, makefile, abi)? {
            takers.push((abi, Taker { abi: abi.name.clone(), tags }));
        }
    }
    if takers.is_empty() {
        // A lost makefile has been reported.
        if !headers.is_empty() && source.is_file(makefile) {
            let what = format!("does not generate {} from {file}", headers.join(" or "));
            let error = source.incomplete(makefile, Doubt::Damaged, what);
            findings.judge(Kind::LeftOut, error)?;
        }
        // The file may be left over from a newer kernel.
        return if checked && in_headers(tree, table) {
            from_headers(tree, table)
        } else {
            Ok(None)
        };
    }
    // A taker without tags takes every row, which is wrong if another one has its own rows.
    if let Some((abi, _)) =
        takers.iter().find(|(_, taker)| takers.len() > 1 && taker.tags.is_empty())
    {
        let what = format!("does not set the tags of {}, which shares {file}", abi.header);
        findings.judge(Kind::Tags, source.incomplete(makefile, Doubt::CutOff, what))?;
    }
    let (rows, further) = tbl::parse(&source.name(file), &text, &takers, findings)?;
    let left = |abi: &&Abi| {
        let taken = takers.iter().any(|(taker, _)| taker.name == abi.name);
        abi.table == table.name && abi.uapi && !taken && exists(abi, linux) && tree.has(abi)
    };
    for abi in facts.abis.iter().filter(left).filter(|_| checked) {
        let headers = tree.headers(abi);
        if findings.accept(Kind::Names, names::asks(headers, abi))?.unwrap_or_default() {
            let what = format!(
                "does not generate {} from {file}, which {} includes for {}",
                abi.header,
                headers.unistd(),
                abi.name
            );
            let error = source.incomplete(makefile, Doubt::CutOff, what);
            findings.judge(Kind::LeftOut, error)?;
        }
    }
    takers.retain(|(abi, _)| abi.table == table.name);
    let own = own_tables(tree, makefile, file, &text, &mut takers)?;
    if takers.is_empty() {
        return Ok(None);
    }
    let mut extras: Vec<Extra> = Vec::new();
    let before = if checked && facts.has_table(&table.name) {
        Some(facts.table(&table.name)?)
    } else {
        None
    };
    let mut parts = Vec::new();
    for (abi, taker) in &takers {
        let rows = own.iter().find(|(name, _)| *name == abi.name).map_or(&rows, |(_, rows)| rows);
        let part = rows.iter().filter(|(_, row)| taker.takes(&row.tag));
        parts.push(Numbers {
            abi,
            rows: part.map(|(_, row)| row.clone()).collect(),
            names: Vec::new(),
            unnamed: Vec::new(),
            file: file.into(),
        });
        if !checked {
            continue;
        }
        let own = rows.iter().filter(|(_, row)| taker.takes(&row.tag));
        let listed: Vec<&str> = own.filter_map(|(_, row)| row.entry.as_deref()).collect();
        let names = names::names(tree, abi, taker, rows)?;
        if let Some(before) = &before {
            let kept = names::kept(source, linux, before, abi, rows, names.as_ref());
            findings.accept(Kind::LostName, kept)?;
        }
        let further: Vec<(u32, String)> = further
            .iter()
            .filter(|(of, ..)| *of == abi.name)
            .map(|(_, number, name)| (*number, (*name).to_owned()))
            .collect();
        let further = names::further(source, abi, further, file)?;
        for extra in [names, further, names::redirects(tree, abi, &listed)?] {
            super::add(&mut extras, extra);
        }
    }
    let (takes, rows) = match own.is_empty() {
        true => {
            let takes = takers.into_iter().map(|(_, taker)| taker).collect();
            (takes, rows.into_iter().map(|(_, row)| row).collect())
        }
        false => unistd::merge(&parts),
    };
    Ok(Some(KernelTable {
        linux: linux.clone(),
        source: file.to_owned(),
        sha256: source.sha256(file)?,
        takes,
        extras,
        errnos: Vec::new(),
        rows,
    }))
}

/// The rows of the ABIs whose architecture names its own table, which is not the shared one:
/// mainline's arm64 names a link to it. An ABI whose table cannot be read takes no rows.
fn own_tables<'f>(
    tree: &Tree<'f>,
    makefile: &str,
    file: &str,
    text: &str,
    takers: &mut Takers<'f>,
) -> Result<Vec<(&'f str, tbl::Rows)>, Error> {
    let Tree { source, findings, .. } = tree;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (abi, _) in takers.iter() {
        let Some(own) = makefile::own_table(tree, makefile, abi).filter(|own| own != file) else {
            continue;
        };
        let theirs = match source.text(&own) {
            Ok(theirs) => theirs,
            Err(error) => {
                tree.leave_out(abi, error)?;
                missing.push(abi.name.as_str());
                continue;
            }
        };
        // A checkout without symbolic links has files that contain the link's target.
        let link = own.rsplit_once('/').map(|(directory, _)| format!("{directory}/{theirs}"));
        if *theirs == *text || link.is_some_and(|link| same_path(&link, file)) {
            continue;
        }
        let what = format!("is not {file}, from which other architectures take their rows");
        findings.judge(Kind::OwnTable, source.wrong(&own, what))?;
        let (rows, _) = tbl::parse(&source.name(&own), &theirs, takers, findings)?;
        found.push((abi.name.as_str(), rows));
    }
    takers.retain(|(abi, _)| !missing.contains(&abi.name.as_str()));
    Ok(found)
}

/// Whether a path with `..` in it is another path.
fn same_path(path: &str, other: &str) -> bool {
    let mut parts = Vec::new();
    for part in path.trim().split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/") == other
}

/// Whether the headers of a table's ABIs contain the numbers: they include no header that the
/// kernel generates from a table.
fn in_headers(tree: &Tree<'_>, table: &TableSource) -> bool {
    let mut abis = tree.facts.abis.iter().filter(|abi| abi.table == table.name && abi.uapi);
    let asks = |abi: &Abi| names::asks(tree.headers(abi), abi).unwrap_or(true);
    abis.any(|abi| tree.has(abi) && !asks(abi))
}

/// The table from the headers that contained the numbers before the tree had a file of rows. `None`
/// if this kernel has none of its ABIs.
fn from_headers(tree: &Tree<'_>, table: &TableSource) -> Result<Option<KernelTable>, Error> {
    let Tree { source, linux, facts, findings, .. } = tree;
    let mut all = Vec::new();
    let mut extras = Vec::new();
    for abi in facts.abis.iter().filter(|abi| abi.table == table.name && exists(abi, linux)) {
        let headers = tree.headers(abi);
        if !tree.has(abi) {
            continue;
        }
        let own = KERNEL_ONLY.iter().find(|(name, ..)| *name == abi.name);
        let header = match own {
            // The makefile came with the table.
            Some(_) if source.exists(&table.makefile) => table.source.clone(),
            Some((_, file, _)) => (*file).to_owned(),
            None if abi.uapi => headers.unistd(),
            // The SPU calls of Linux before 5.0 are in an assembly header.
            None => continue,
        };
        let Some(mut numbers) = numbers::read(tree, table, abi, &header)? else { continue };
        let programs = own.and_then(|(.., of)| facts.abis.iter().find(|abi| abi.name == *of));
        if !numbers::name(tree, &mut numbers, programs)? {
            continue;
        }
        if numbers.rows.is_empty() {
            let what = "defines no system call";
            let error = source.incomplete(&header, Doubt::Missing, what);
            findings.judge(Kind::Unreadable, error)?;
        }
        numbers::check_count(tree, &numbers, &header)?;
        let listed: Vec<&str> =
            numbers.rows.iter().filter_map(|row| row.entry.as_deref()).collect();
        super::add(&mut extras, names::redirects(tree, abi, &listed)?);
        super::add(&mut extras, names::further(source, abi, numbers.names.clone(), &header)?);
        all.push(numbers);
    }
    super::merged(linux, source, &all, extras)
}

/// Whether a kernel has an ABI whose headers do not show it.
pub(super) fn exists(abi: &Abi, linux: &Version) -> bool {
    abi.since.as_ref().is_none_or(|since| since.series() <= linux.series())
}
