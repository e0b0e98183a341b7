//! Which calls a seccomp profile of a container engine does not know, what they get, and names that
//! are not those of calls.

mod print;

use super::explain::near;
use super::records::Records;
use super::then::unseen;
use crate::Error;
use crate::tables::history::Since;
use crate::tables::{Abi, Call, Tables};
use crate::version::Version;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How an ABI is shown that the profile does not name.
const NATIVE: &str = "of this machine";

/// A profile, as container engines read it. What is not here does not matter for the report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u32>,
    /// The error's name, which Podman gives and prefers.
    default_errno: Option<String>,
    arch_map: Option<Vec<Group>>,
    /// The list that the OCI's runtime specification has instead.
    architectures: Option<Vec<String>>,
    syscalls: Option<Vec<Rule>>,
}

/// `config.json` of the OCI's runtime specification, which has a profile inside.
#[derive(Deserialize)]
struct Config {
    linux: Option<Linux>,
}

#[derive(Deserialize)]
struct Linux {
    seccomp: Option<Profile>,
}

/// Which of the two a file is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    default_action: Option<IgnoredAny>,
    linux: Option<IgnoredAny>,
}

/// What a filter can do with a call, as the OCI's runtime specification names it.
const ACTIONS: &[&str] = &[
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

/// A machine's own architecture, and those of other programs that it runs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Rule {
    names: Option<Vec<String>>,
    /// A single one, in older profiles.
    name: Option<String>,
    includes: Option<Filter>,
    excludes: Option<Filter>,
    action: Option<String>,
    errno: Option<String>,
}

/// When a rule holds. The rest is of the container, not of architecture and kernel.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    arches: Option<Vec<String>>,
    /// The oldest kernel.
    min_kernel: Option<String>,
}

impl Rule {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().flatten().chain(&self.name).map(String::as_str)
    }
}

/// A file that the user named.
pub(crate) struct Input {
    shown: String,
    text: String,
}

impl Input {
    pub(crate) fn read(path: &Path) -> Result<Input, Error> {
        let shown = path.display().to_string();
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return Err(Error::in_file(shown, format!("cannot be read: {error}"))),
        };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Input { shown, text }),
            Err(error) => {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
                Err(Error::at(shown, line, "is not UTF-8"))
            }
        }
    }

    /// The line of the first string `word` that is the value of one of these keys, or is in the
    /// list that is its value. The text is JSON.
    fn line(&self, keys: &[&str], word: &str) -> usize {
        // For each object and list that is open, the key that the next value has.
        let mut open: Vec<&str> = Vec::new();
        let (mut rest, mut line) = (self.text.as_str(), 1);
        while let Some(at) = rest.find(['"', '{', '[', ']', '}', '\n']) {
            let (first, after) = (rest.as_bytes()[at], &rest[at + 1..]);
            let key = open.last().copied().unwrap_or_default();
            rest = after;
            match first {
                b'\n' => line += 1,
                b'{' => open.push(""),
                b'[' => open.push(key),
                b'"' => {
                    let quoted = |end: &usize| {
                        after[..*end].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
                    };
                    let mut ends = after.match_indices('"').map(|(end, _)| end);
                    let Some(end) = ends.find(|end| !quoted(end)) else { break };
                    let (string, after) = (&after[..end], &after[end + 1..]);
                    rest = after;
                    if after.trim_start().starts_with(':') {
                        open.pop();
                        open.push(string);
                        continue;
                    }
                    let text = serde_json::from_str::<String>(&format!("\"{string}\""));
                    if keys.contains(&key) && text.is_ok_and(|text| text == word) {
                        return line;
                    }
                }
                _ => _ = open.pop(),
            }
        }
        1
    }
}

/// The calls that a libseccomp has numbers for, by the names of its architectures.
struct Libseccomp<'i> {
    version: &'i str,
    /// For each column its name, and the number of each call; none is `PNR`.
    columns: Vec<(&'i str, Numbers<'i>)>,
}

/// Numbers by name.
type Numbers<'i> = BTreeMap<&'i str, Option<u32>>;

/// What the report is about, and how it is printed.
pub(crate) struct Request<'r> {
    pub(crate) libseccomp: Option<&'r Input>,
    /// The ABIs, instead of those of the profile.
    pub(crate) abis: &'r [&'r Abi],
    /// The tables with the history and the errors, where the tables of the calls have none.
    pub(crate) committed: Option<&'r Tables>,
    /// The kernel, instead of that of the tables.
    pub(crate) kernel: Option<&'r Version>,
    pub(crate) json: bool,
}

/// The report, and whether there is something to mend.
pub(crate) fn profile(
    tables: &Tables,
    input: &Input,
    request: &Request<'_>,
) -> Result<(String, bool), Error> {
    let &Request { libseccomp, abis, committed, kernel, json } = request;
    let profile = parsed(input)?;
    let libseccomp = libseccomp.map(self::libseccomp).transpose()?;
    let dated = committed.unwrap_or(tables);
    let records = &Records::new(dated)?;
    let note = kernel.and_then(|kernel| unseen(records, kernel));
    if let (Some(kernel), Some(note)) = (kernel, &note) {
        // Which calls it has is not known.
        if !records.covers(kernel) {
            return Err(Error::argument("--kernel", note.trim_end()));
        }
    }
    let others = committed.is_some();
    let report = Report { tables, others, dated, input, profile: &profile, records, abis, kernel };
    report.check()?;
    let findings = report.findings(libseccomp.as_ref())?;
    let text = match json {
        true => findings.json(input, kernel),
        false => findings.text(input, note, libseccomp.map(|csv| csv.version)),
    };
    Ok((text, findings.mend))
}

/// Reads a profile, or that of a runtime's `config.json`.
fn parsed(input: &Input) -> Result<Profile, Error> {
    let refused = |error: serde_json::Error| {
        // An error at the end of the text has no line of its own.
        let line = error.line().max(1);
        Error::at(&input.shown, line, format!("is not a seccomp profile: {error}"))
    };
    let document: Document = serde_json::from_str(&input.text).map_err(refused)?;
    if document.default_action.is_some() || document.linux.is_none() {
        return serde_json::from_str(&input.text).map_err(refused);
    }
    let config: Config = serde_json::from_str(&input.text).map_err(refused)?;
    config.linux.and_then(|linux| linux.seccomp).ok_or_else(|| {
        Error::in_file(&input.shown, "has no `linux.seccomp`: its container has no filter")
    })
}

/// Reads libseccomp's `src/syscalls.csv`: a column for each architecture, and one with versions.
fn libseccomp(input: &Input) -> Result<Libseccomp<'_>, Error> {
    let mut lines = input.text.lines().enumerate();
    let wrong = |line: usize, what: &str| Err(Error::at(&input.shown, line + 1, what));
    let head = lines.next().and_then(|(_, line)| line.strip_prefix("#syscall"));
    let Some(head) = head else {
        return wrong(0, "is not libseccomp's syscalls.csv: it does not begin with `#syscall`");
    };
    let mut words = head.split(',');
    let version = words.next().unwrap_or_default().trim_matches([' ', '(', ')']);
    let words: Vec<&str> = words.collect();
    let of_numbers = |(_, word): &(usize, &&str)| !word.ends_with("_kver");
    let mut columns = Vec::new();
    for (at, word) in words.iter().enumerate().filter(of_numbers) {
        columns.push((at, *word, BTreeMap::new()));
    }
    for (line, text) in lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')) {
        let mut cells = text.split(',');
        let name = cells.next().unwrap_or_default();
        let cells: Vec<&str> = cells.collect();
        for (at, _, numbers) in &mut columns {
            let number = match cells.get(*at) {
                Some(&"PNR") => None,
                Some(number) if number.parse::<u32>().is_ok() => number.parse().ok(),
                _ => return wrong(line, "a column is neither a number nor PNR"),
            };
            numbers.insert(name, number);
        }
    }
    let columns = columns.into_iter().map(|(_, word, numbers)| (word, numbers)).collect();
    Ok(Libseccomp { version, columns })
}

struct Report<'r> {
    /// The tables of the calls, and whether they are another kernel's than the project's.
    tables: &'r Tables,
    others: bool,
    /// The tables of the history and of the errors.
    dated: &'r Tables,
    input: &'r Input,
    profile: &'r Profile,
    records: &'r Records<'r>,
    abis: &'r [&'r Abi],
    kernel: Option<&'r Version>,
}

/// The ABIs of the profile that the kernel does not have, and the profile's names of them.
type Gone<'r> = BTreeMap<&'r str, Vec<String>>;

/// An ABI whose programs a machine runs, and what the profile knows for them.
struct Section<'r> {
    abi: &'r Abi,
    /// The profile's names of it, each with that of the machine where that is another.
    shown: Vec<String>,
    names: BTreeSet<&'r str>,
    /// The names that it knows from a kernel on.
    later: BTreeMap<&'r str, Version>,
}

/// What there is to say of a profile.
struct Findings<'r> {
    /// Whether there is something to mend.
    mend: bool,
    /// The release that brought its newest call, and the call.
    newest: Option<(&'r Version, &'r str)>,
    names: Vec<Stray<'r>>,
    architectures: Vec<Stray<'r>>,
    has_architectures: bool,
    /// ABIs that it does not map.
    unmapped: Vec<&'r str>,
    absent: Gone<'r>,
    abis: Vec<Found<'r>>,
}

/// A word of the profile that means nothing, and those near to it.
struct Stray<'r> {
    word: &'r str,
    line: usize,
    near: Vec<String>,
}

/// The same of an ABI.
struct Found<'r> {
    abi: &'r str,
    shown: Vec<String>,
    linux: &'r Version,
    /// What a call gets that the profile does not know.
    default: String,
    /// How many calls the kernel has, and how many numbers that no call has.
    calls: usize,
    reserved: usize,
    /// The calls that the profile does not know.
    newer: Vec<Row<'r>>,
    older: Vec<Row<'r>>,
    /// Those that are not mainline's, so that libseccomp has no number for their names.
    private: Vec<Row<'r>>,
    /// The names of these that are in the profile, in vain.
    named: Vec<&'r str>,
    /// Calls that are not mainline's, each with the call that the profile knows by this number.
    shared: Vec<(Row<'r>, &'r str)>,
    /// The calls that the kernel may have.
    unclear: Vec<Row<'r>>,
    /// The names that it knows from a kernel on.
    before: BTreeMap<Version, Vec<&'r str>>,
    /// How many of them have numbers above those that the profile knows.
    above: usize,
    unresolved: Option<Vec<String>>,
}

/// A call that a profile does not know.
struct Row<'r> {
    number: u32,
    name: &'r str,
    since: Option<Since<'r>>,
}

/// Whether a name only keeps a number from being used, as MIPS's `reserved82` does.
fn is_reserved(name: &str) -> bool {
    let number = name.strip_prefix("reserved").or_else(|| name.strip_prefix("unused"));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Found<'_> {
    /// Whether what it gets hides that a call is new. What passes, and what a tracer or a
    /// supervisor answers, does not.
    fn refused(&self) -> bool {
        !["ENOSYS", "ALLOW", "LOG", "TRACE", "NOTIFY"].contains(&&*self.default)
    }

    fn known(&self) -> usize {
        self.calls - self.newer.len() - self.older.len() - self.private.len()
    }
}

impl<'r> Report<'r> {
    /// Refuses actions, errors and versions that do not exist.
    fn check(&self) -> Result<(), Error> {
        let refuse = |key: &str, word: &str, what: String| {
            let line = self.input.line(&[key], word);
            Err(Error::at(&self.input.shown, line, format!("unknown `{key}`: {word:?}{what}")))
        };
        let Profile { default_action, default_errno, .. } = self.profile;
        let actions = self.rules().filter_map(|rule| rule.action.as_ref());
        let actions = actions.map(|action| ("action", action));
        for (key, action) in [("defaultAction", default_action)].into_iter().chain(actions) {
            if !ACTIONS.contains(&action.as_str()) {
                return refuse(key, action, format!("; expected one of {}", ACTIONS.join(", ")));
            }
        }
        let errnos = self.rules().filter_map(|rule| rule.errno.as_ref());
        let errnos = errnos.map(|errno| ("errno", errno));
        let default = default_errno.iter().map(|errno| ("defaultErrno", errno));
        for (key, errno) in default.chain(errnos) {
            let known = |abi: &Abi| match self.dated.errnos(&abi.arch) {
                Ok(errnos) => errnos.iter().any(|known| known.name == *errno),
                Err(_) => false,
            };
            if !self.tables.abis.iter().any(known) {
                return refuse(key, errno, "; expected an error's name, such as ENOSYS".to_owned());
            }
        }
        for filter in self.rules().flat_map(|rule| rule.includes.iter().chain(&rule.excludes)) {
            if let Some(kernel) = &filter.min_kernel {
                if kernel.parse::<Version>().is_err() {
                    return refuse("minKernel", kernel, "; expected one such as 4.8".to_owned());
                }
            }
        }
        Ok(())
    }

    fn rules(&self) -> impl Iterator<Item = &'r Rule> {
        self.profile.syscalls.iter().flatten()
    }

    /// The architectures of the map, each with that of its machine.
    fn architectures(&self) -> impl Iterator<Item = (&'r str, &'r str)> {
        let groups = self.profile.arch_map.iter().flatten().flat_map(|group| {
            let names = group.sub_architectures.iter().flatten();
            let names = [&group.architecture].into_iter().chain(names);
            names.map(|name| (name.as_str(), group.architecture.as_str()))
        });
        let flat = self.profile.architectures.iter().flatten();
        groups.chain(flat.map(|name| (name.as_str(), name.as_str())))
    }

    /// The kernel whose calls of an ABI are reported on; `None` if it does not have the ABI.
    fn kernel_of(&self, abi: &Abi) -> Result<Option<&'r Version>, Error> {
        if let Some(kernel) = self.kernel {
            return Ok((self.records.had_abi(abi, kernel) != Some(false)).then_some(kernel));
        }
        if !self.tables.has_table(&abi.table) {
            return Ok(None);
        }
        let table = self.tables.table(&abi.table)?;
        Ok(table.tags(&abi.name).map(|_| &table.linux))
    }

    /// What is reported on, and what the kernel does not have. Byte orders and machines for which
    /// the profile knows the same are one.
    fn sections(&self) -> Result<(Vec<Section<'r>>, Gone<'r>), Error> {
        let mut wanted: Vec<(&Abi, &Abi, String)> = Vec::new();
        for (name, main_name) in self.architectures() {
            let called = |name| self.tables.abi_called(name);
            let (Some(abi), Some(main)) = (called(name), called(main_name)) else { continue };
            let of_main = if name == main_name { "" } else { &format!(" on {main_name}") };
            wanted.push((abi, main, format!("{name}{of_main}")));
        }
        if self.abis.is_empty() && self.architectures().next().is_none() {
            let native = std::env::consts::ARCH;
            let abi = self.tables.abi_called(native).ok_or_else(|| {
                Error::in_file(&self.input.shown, "has no architectures; give one with --abi")
            })?;
            wanted.push((abi, abi, NATIVE.to_owned()));
        }
        for abi in self.abis {
            if wanted.iter().all(|(known, ..)| known.name != abi.name) {
                wanted.push((abi, abi, "--abi".to_owned()));
            }
        }
        let mut sections: Vec<Section<'_>> = Vec::new();
        let mut absent = Gone::new();
        for (abi, main, shown) in wanted {
            if !self.abis.is_empty() && self.abis.iter().all(|only| only.name != abi.name) {
                continue;
            }
            let Some(linux) = self.kernel_of(abi)? else {
                absent.entry(abi.name.as_str()).or_default().push(shown);
                continue;
            };
            let (names, later) = self.names(main, linux);
            let same = |section: &&mut Section<'_>| {
                section.abi.name == abi.name && section.names == names && section.later == later
            };
            match sections.iter_mut().find(same) {
                Some(Section { shown: known, .. }) if known.contains(&shown) => {}
                Some(section) => section.shown.push(shown),
                None => sections.push(Section { abi, shown: vec![shown], names, later }),
            }
        }
        Ok((sections, absent))
    }

    /// The names that the profile has for the programs of one machine and a kernel, and from which
    /// kernel on, where it matters.
    fn names(
        &self,
        main: &Abi,
        kernel: &Version,
    ) -> (BTreeSet<&'r str>, BTreeMap<&'r str, Version>) {
        let is_main =
            |arch: &String| self.tables.abi_called(arch).is_some_and(|abi| abi.name == main.name);
        let least = |filter: &Filter| filter.min_kernel.clone().map(Version::new);
        let fits = |filter: &Filter| {
            let arch = filter.arches.as_ref().is_none_or(|arches| arches.iter().any(is_main));
            arch && least(filter).is_none_or(|least| least <= *kernel)
        };
        let excluded = |filter: &Filter| {
            let arch = filter.arches.iter().flatten().any(is_main);
            arch || least(filter).is_some_and(|least| least <= *kernel)
        };
        let (mut names, mut later) = (BTreeSet::new(), BTreeMap::new());
        for rule in self.rules() {
            if !rule.includes.as_ref().is_none_or(fits)
                || rule.excludes.as_ref().is_some_and(excluded)
            {
                continue;
            }
            match rule.includes.as_ref().and_then(least) {
                Some(least) => later.extend(rule.names().map(|name| (name, least.clone()))),
                None => names.extend(rule.names()),
            }
        }
        later.retain(|name, _| !names.contains(name));
        names.extend(later.keys());
        (names, later)
    }

    /// The release that brought the newest call of the profile: the first that any ABI has it in.
    fn newest(&self) -> Option<(&'r Version, &'r str)> {
        let mut first: BTreeMap<&str, &Version> = BTreeMap::new();
        for abi in &self.tables.abis {
            for run in self.records.of(abi) {
                let by = self.records.history.since(abi, run).by;
                first.entry(run.name).and_modify(|known| *known = (*known).min(by)).or_insert(by);
            }
        }
        let names = self.rules().flat_map(Rule::names);
        names.filter_map(|name| Some((*first.get(name)?, name))).max()
    }

    /// What a call gets that the profile does not know. An error's number means what it means on
    /// the ABI.
    fn default(&self, abi: &Abi) -> Result<String, Error> {
        let action = &self.profile.default_action;
        let short = action.strip_prefix("SCMP_ACT_").unwrap_or(action);
        if short != "ERRNO" {
            return Ok(short.to_owned());
        }
        if let Some(name) = &self.profile.default_errno {
            return Ok(name.clone());
        }
        let errnos = self.dated.errnos(&abi.arch)?;
        let named = |value| errnos.iter().find(|errno| errno.value == value);
        Ok(match self.profile.default_errno_ret {
            None => "EPERM".to_owned(),
            Some(value) => named(value).map_or(value.to_string(), |errno| errno.name.clone()),
        })
    }

    /// A word of the profile that means nothing.
    fn stray(&self, word: &'r str, near: Vec<String>) -> Stray<'r> {
        let keys = ["names", "name", "architecture", "subArchitectures", "architectures", "arches"];
        Stray { word, line: self.input.line(&keys, word), near }
    }

    /// The architectures that are none.
    fn stray_architectures(&self) -> Vec<Stray<'r>> {
        let mapped = self.architectures().map(|(name, _)| name);
        let filters = self.rules().flat_map(|rule| rule.includes.iter().chain(&rule.excludes));
        let filtered = filters.flat_map(|filter| filter.arches.iter().flatten());
        let names: BTreeSet<&str> = mapped.chain(filtered.map(String::as_str)).collect();
        let stray = names.into_iter().filter(|name| self.tables.abi_called(name).is_none());
        let near = |name| self.tables.abi_near(name).map(|near| format!("`{near}`"));
        stray.map(|name| self.stray(name, near(name).into_iter().collect())).collect()
    }

    /// The names that no kernel has ever had.
    fn stray_names(&self) -> Result<Vec<Stray<'r>>, Error> {
        let mut known = BTreeSet::new();
        let mut read: Vec<_> = self.tables.imported()?.into_values().collect();
        read.extend(self.dated.imported()?.into_values());
        for table in read {
            known.extend(table.rows.iter().map(|row| row.name.as_str()));
            let extras = table.extras.iter().flat_map(|extra| &extra.names);
            known.extend(extras.map(|(_, name)| name.as_str()));
        }
        for abi in &self.tables.abis {
            known.extend(self.records.of(abi).iter().map(|run| run.name));
        }
        let names: BTreeSet<&str> = self.rules().flat_map(Rule::names).collect();
        let stray = names.into_iter().filter(|name| !known.contains(name));
        Ok(stray.map(|name| self.stray(name, near(known.iter().copied(), name))).collect())
    }

    /// The ABIs of the kernel that the profile does not map.
    fn unmapped(&self, sections: &[Section<'_>]) -> Result<Vec<&'r str>, Error> {
        let mut unmapped = Vec::new();
        for abi in &self.tables.abis {
            let mapped = sections.iter().any(|known| known.abi.name == abi.name);
            // The project's tables are also of architectures that have left the kernel.
            let gone = self.kernel.is_none() && !self.others && self.tables.frozen(&abi.arch);
            // Audit, and seccomp with it, sees no calls of SPU code.
            if !mapped && !gone && !abi.audit.is_empty() && self.kernel_of(abi)?.is_some() {
                unmapped.push(abi.name.as_str());
            }
        }
        Ok(unmapped)
    }

    fn findings(&self, libseccomp: Option<&Libseccomp<'_>>) -> Result<Findings<'r>, Error> {
        let (sections, absent) = self.sections()?;
        let has_architectures = self.architectures().next().is_some();
        let unmapped = match has_architectures && self.abis.is_empty() {
            true => self.unmapped(&sections)?,
            false => Vec::new(),
        };
        let found = |section| self.found(section, libseccomp);
        let mut findings = Findings {
            mend: false,
            newest: self.newest(),
            names: self.stray_names()?,
            architectures: self.stray_architectures(),
            has_architectures,
            unmapped,
            absent,
            abis: sections.into_iter().map(found).collect::<Result<_, _>>()?,
        };
        findings.mend = !findings.names.is_empty()
            || !findings.architectures.is_empty()
            || findings.abis.iter().any(|found| {
                let unresolved = found.unresolved.as_ref().is_some_and(|names| !names.is_empty());
                !found.newer.is_empty() && found.refused() || unresolved
            });
        Ok(findings)
    }

    /// What there is to say of the programs of an ABI.
    fn found(
        &self,
        section: Section<'r>,
        libseccomp: Option<&Libseccomp<'_>>,
    ) -> Result<Found<'r>, Error> {
        let Section { abi, shown, names, mut later } = section;
        let table = self.tables.table(&abi.table)?;
        let mut calls = abi.calls(table);
        let numbers: BTreeSet<u32> =
            calls.iter().filter(|call| call.tag.is_some()).map(|call| call.number).collect();
        // What only a header defines is another name of a row, or a call that the kernel answers
        // outside of its table: those of ARM from 0xf0001 on. A filter sees them, too.
        calls.retain(|call| call.tag.is_some() || !numbers.contains(&call.number));
        let mut unclear = Vec::new();
        let row = |call: &Call<'r>| Row {
            number: call.number,
            name: call.name,
            since: self.records.dates(abi, call.number, call.name).0,
        };
        if let Some(kernel) = self.kernel {
            calls.retain(|call| {
                let runs = self.records.of(abi).iter();
                let runs = runs.filter(|run| (run.number, run.name) == (call.number, call.name));
                let had: Vec<_> = runs.map(|run| self.records.had(run, kernel)).collect();
                let there = had.contains(&Some(true));
                if !there && had.contains(&None) {
                    unclear.push(row(call));
                }
                there
            });
        }
        let rows = calls.len();
        // Tables from installed headers have no entry points.
        let has_entry = |call: &Call<'_>| call.entry.is_some() || call.compat.is_some();
        let entries = calls.iter().any(has_entry);
        let mut today = abi.calls(self.dated.table(&abi.table)?);
        // What libseccomp resolves names to, for whatever kernel.
        let mut mainline: BTreeSet<(u32, &str)> =
            today.iter().map(|call| (call.number, call.name)).collect();
        mainline.extend(self.records.of(abi).iter().map(|run| (run.number, run.name)));
        today.retain(|call| call.tag.is_some());
        // There, a number without a call on mainline today may have had none before.
        let reserved = |call: &Call<'_>| {
            let row = |own: &Call<'_>| (own.number, own.name) == (call.number, call.name);
            today.iter().any(|own| row(own) && !(own.is_there() && has_entry(own)))
        };
        calls.retain(|call| {
            if entries {
                return call.is_there() && (call.tag.is_none() || has_entry(call));
            }
            let known = !reserved(call);
            if !known && !is_reserved(call.name) {
                unclear.push(row(call));
            }
            known && !is_reserved(call.name)
        });
        let reserved = rows - calls.len() - if entries { 0 } else { unclear.len() };
        let numbers = libseccomp.and_then(|csv| self.numbers(csv, abi));
        let resolved = |call: &Call<'_>| {
            numbers.is_some_and(|numbers| matches!(numbers.get(call.name), Some(Some(_))))
        };
        let (mut open, mut private, mut shared) = (Vec::new(), Vec::new(), Vec::new());
        for call in &calls {
            let named =
                |(number, name): &&(u32, &'r str)| *number == call.number && names.contains(name);
            if mainline.contains(&(call.number, call.name)) {
                if !names.contains(call.name) {
                    open.push(row(call));
                }
            } else if let Some((_, name)) = mainline.iter().find(named) {
                shared.push((row(call), *name));
            } else if !names.contains(call.name) || !resolved(call) {
                private.push(row(call));
            }
        }
        let newest = self.newest().map(|(version, _)| version);
        let (newer, older): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|row| row.since.as_ref().map(|since| since.by) > newest);
        later.retain(|name, _| calls.iter().any(|call| call.name == *name));
        let mut before: BTreeMap<Version, Vec<&str>> = BTreeMap::new();
        // With one kernel, a rule for others is out of the question.
        let one = self.kernel.is_some() || self.others;
        for (name, kernel) in later.into_iter().filter(|_| !one) {
            before.entry(kernel).or_default().push(name);
        }
        let largest = mainline.iter().filter(|(_, name)| names.contains(name));
        let largest = largest.map(|(number, _)| *number).max();
        let unknown = [&newer, &older, &private].into_iter().flatten();
        let named = private.iter().map(|row| row.name).filter(|name| names.contains(name));
        Ok(Found {
            abi: &abi.name,
            shown,
            linux: self.kernel.unwrap_or(&table.linux),
            default: self.default(abi)?,
            calls: calls.len(),
            reserved,
            above: unknown.filter(|row| Some(row.number) > largest).count(),
            named: named.collect(),
            newer,
            older,
            private,
            shared,
            unclear,
            before,
            unresolved: numbers.map(|numbers| unresolved(numbers, abi, &calls, &names)),
        })
    }

    /// The numbers that a libseccomp has for an ABI's calls. `None` if it does not know the ABI.
    fn numbers<'n>(&self, libseccomp: &'n Libseccomp<'_>, abi: &Abi) -> Option<&'n Numbers<'n>> {
        let is_abi = |(word, _): &&(&str, _)| {
            self.tables.abi_called(word).is_some_and(|known| known.name == abi.name)
        };
        libseccomp.columns.iter().find(is_abi).map(|(_, numbers)| numbers)
    }
}

/// The calls that the profile has, and a libseccomp has no number for, or another one.
fn unresolved(
    numbers: &Numbers<'_>,
    abi: &Abi,
    calls: &[Call<'_>],
    names: &BTreeSet<&str>,
) -> Vec<String> {
    let wanted = calls.iter().filter(|call| names.contains(call.name));
    let text = |call: &Call<'_>| {
        let own = call.number.wrapping_sub(abi.base);
        match numbers.get(call.name) {
            Some(Some(number)) if *number == own || *number == call.number => None,
            Some(Some(number)) => Some(format!("{} (it has {number}, not {own})", call.name)),
            Some(None) | None => Some(call.name.to_owned()),
        }
    };
    wanted.filter_map(text).collect()
}
