//! What a seccomp profile of a container engine leaves open: calls that it does not know, what they
//! get, and names that are no calls.

use super::explain::near;
use super::records::Records;
use crate::Error;
use crate::tables::history::Since;
use crate::tables::{Abi, Call, Tables};
use crate::term::plain;
use crate::version::Version;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

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
}

/// When a rule holds. The rest is of the container, not of the architecture.
#[derive(Deserialize)]
struct Filter {
    arches: Option<Vec<String>>,
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
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Input { shown, text }),
            Err(error) => Err(Error::in_file(shown, format!("cannot be read: {error}"))),
        }
    }

    /// The first line with a JSON string.
    fn line(&self, word: &str) -> usize {
        let quoted = format!("{word:?}");
        1 + self.text.lines().position(|line| line.contains(&quoted)).unwrap_or_default()
    }
}

/// The calls that a libseccomp has numbers for, by the names of its architectures.
struct Libseccomp<'i> {
    version: &'i str,
    /// For each column its name, and the number of each call; none is `PNR`.
    columns: Vec<(&'i str, BTreeMap<&'i str, Option<u32>>)>,
}

/// The report, and whether there is something to mend.
pub(crate) fn profile(
    tables: &Tables,
    input: &Input,
    libseccomp: Option<&Input>,
) -> Result<(String, bool), Error> {
    let profile: Profile = serde_json::from_str(&input.text).map_err(|error| {
        // An error at the end of the text has no line of its own.
        let line = error.line().max(1);
        Error::at(&input.shown, line, format!("is no seccomp profile: {error}"))
    })?;
    let libseccomp = libseccomp.map(self::libseccomp).transpose()?;
    let report = Report { tables, input, profile: &profile, records: &Records::new(tables)? };
    report.text(libseccomp.as_ref())
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
    tables: &'r Tables,
    input: &'r Input,
    profile: &'r Profile,
    records: &'r Records<'r>,
}

impl<'r> Report<'r> {
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

    /// The ABIs of the profile, each with that of its machine and the profile's name.
    fn abis(&self) -> Vec<(&'r Abi, &'r Abi, &'r str)> {
        let mut found: Vec<(&Abi, &Abi, &str)> = Vec::new();
        for (name, main) in self.architectures() {
            let (abi, main) = (self.tables.abi_called(name), self.tables.abi_called(main));
            let (Some(abi), Some(main)) = (abi, main) else { continue };
            if found.iter().all(|(known, ..)| known.name != abi.name) {
                found.push((abi, main, name));
            }
        }
        found
    }

    /// The names that the profile has for the programs of one machine.
    fn names(&self, main: &Abi) -> BTreeSet<&'r str> {
        let is_main =
            |arch: &String| self.tables.abi_called(arch).is_some_and(|abi| abi.name == main.name);
        let has =
            |filter: &Option<Filter>| Some(filter.as_ref()?.arches.as_ref()?.iter().any(is_main));
        let holds =
            |rule: &&Rule| has(&rule.includes) != Some(false) && has(&rule.excludes) != Some(true);
        self.rules().filter(holds).flat_map(Rule::names).collect()
    }

    /// The release that brought a call to an ABI.
    fn since(&self, abi: &Abi, number: u32, name: &str) -> Option<Since<'r>> {
        self.records.dates(abi, number, name).0
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
        let errnos = self.tables.errnos(&abi.arch)?;
        let named = |value| errnos.iter().find(|errno| errno.value == value);
        Ok(match self.profile.default_errno_ret {
            None => "EPERM".to_owned(),
            Some(value) => named(value).map_or(value.to_string(), |errno| errno.name.clone()),
        })
    }

    /// A line about a word of the profile that means nothing, and about those near to it.
    fn stray(&self, word: &str, near: &[String]) -> String {
        let hint = match near {
            [] => String::new(),
            near => format!("; did you mean {}?", near.join(" or ")),
        };
        format!("{}:{}: `{word}`{hint}", self.input.shown, self.input.line(word))
    }

    /// The architectures that are none.
    fn stray_architectures(&self) -> Vec<String> {
        let mapped = self.architectures().map(|(name, _)| name);
        let filters = self.rules().flat_map(|rule| rule.includes.iter().chain(&rule.excludes));
        let filtered = filters.flat_map(|filter| filter.arches.iter().flatten());
        let names: BTreeSet<&str> = mapped.chain(filtered.map(String::as_str)).collect();
        let stray = names.into_iter().filter(|name| self.tables.abi_called(name).is_none());
        let near = |name| self.tables.abi_near(name).map(|near| format!("`{near}`"));
        stray.map(|name| self.stray(name, near(name).as_slice())).collect()
    }

    /// The names that no kernel has ever had.
    fn stray_names(&self) -> Result<Vec<String>, Error> {
        let mut known = BTreeSet::new();
        for table in self.tables.imported()?.values() {
            known.extend(table.rows.iter().map(|row| row.name.as_str()));
            let extras = table.extras.iter().flat_map(|extra| &extra.names);
            known.extend(extras.map(|(_, name)| name.as_str()));
        }
        for abi in &self.tables.abis {
            known.extend(self.records.of(abi).iter().map(|run| run.name));
        }
        let names: BTreeSet<&str> = self.rules().flat_map(Rule::names).collect();
        let stray = names.into_iter().filter(|name| !known.contains(name));
        Ok(stray.map(|name| self.stray(name, &near(known.iter().copied(), name))).collect())
    }

    fn text(&self, libseccomp: Option<&Libseccomp<'_>>) -> Result<(String, bool), Error> {
        let (abis, newest) = (self.abis(), self.newest());
        let mut out = String::new();
        let age = match newest {
            Some((version, name)) => format!("its newest call is {name}, of Linux {version}"),
            None => "it names no call".to_owned(),
        };
        let _ = writeln!(out, "{}: {age}", self.input.shown);
        let mut mend = false;
        for (what, lines) in [
            ("names that no kernel has ever had", self.stray_names()?),
            ("architectures that Linux does not have", self.stray_architectures()),
        ] {
            if !lines.is_empty() {
                mend = true;
                let _ = writeln!(out, "\n{what}:\n  {}", lines.join("\n  "));
            }
        }
        let mapped = |abi: &&Abi| abis.iter().any(|(known, ..)| known.name == abi.name);
        let live = self.tables.abis.iter().filter(|abi| !self.tables.frozen(&abi.arch));
        // Audit, and seccomp with it, sees no calls of SPU code.
        let missing = live.filter(|abi| !abi.audit.is_empty() && !mapped(abi));
        let missing: Vec<&str> = missing.map(|abi| abi.name.as_str()).collect();
        if !missing.is_empty() {
            let _ = writeln!(out, "\narchitectures that it does not map: {}", missing.join(", "));
        }
        for (abi, main, shown) in abis {
            let names = self.names(main);
            let (default, table) = (self.default(abi)?, self.tables.table(&abi.table)?);
            let mut calls = abi.calls(table);
            calls.retain(|call| {
                let made = call.entry.is_some() || call.compat.is_some();
                call.tag.is_some() && call.is_there() && made
            });
            let open = calls.iter().filter(|call| !names.contains(call.name));
            let dated = |call: &'_ Call<'r>| (self.since(abi, call.number, call.name), call.name);
            let newest = newest.map(|(version, _)| version);
            let (newer, older): (Vec<_>, Vec<_>) = open
                .map(dated)
                .partition(|(since, _)| since.as_ref().map(|since| since.by) > newest);
            let known = calls.len() - newer.len() - older.len();
            let (name, all) = (&abi.name, calls.len());
            let _ = writeln!(out, "\n{name} ({shown}): it knows {known} of {all} calls");
            for (what, calls) in [("newer than the profile", &newer), ("older", &older)] {
                if !calls.is_empty() {
                    let texts = calls.iter().map(|(since, name)| match since {
                        Some(since) => format!("{name} ({since})"),
                        None => (*name).to_owned(),
                    });
                    let (count, texts) = (calls.len(), texts.collect::<Vec<_>>().join(", "));
                    let _ = writeln!(out, "  {what}, {count} get {default}: {texts}");
                }
            }
            mend |= !newer.is_empty() && default != "ENOSYS";
            let largest = calls.iter().filter(|call| names.contains(call.name));
            let largest = largest.map(|call| call.number).max();
            let above = calls.iter().filter(|call| Some(call.number) > largest).count();
            if above > 0 && default != "ENOSYS" {
                let _ = writeln!(
                    out,
                    "  runc answers ENOSYS to the {above} whose numbers are above the profile's"
                );
            }
            let Some(libseccomp) = libseccomp else { continue };
            let lacking = self.unresolved(libseccomp, abi, &calls, &names);
            if let Some(lacking) = lacking.filter(|lacking| !lacking.is_empty()) {
                mend = true;
                let (version, count) = (libseccomp.version, lacking.len());
                let _ = writeln!(
                    out,
                    "  {count} that libseccomp's table ({version}) does not resolve: {}",
                    lacking.join(", ")
                );
            }
        }
        let out = out.split('\n').map(plain).collect::<Vec<_>>().join("\n");
        Ok((out, mend))
    }

    /// The calls that the profile has, and a libseccomp has no number for, or another one. `None`
    /// if it does not know the ABI.
    fn unresolved(
        &self,
        libseccomp: &Libseccomp<'_>,
        abi: &Abi,
        calls: &[Call<'_>],
        names: &BTreeSet<&str>,
    ) -> Option<Vec<String>> {
        let is_abi = |(word, _): &&(&str, _)| {
            self.tables.abi_called(word).is_some_and(|known| known.name == abi.name)
        };
        let (_, numbers) = libseccomp.columns.iter().find(is_abi)?;
        let wanted = calls.iter().filter(|call| names.contains(call.name));
        let text = |call: &Call<'_>| {
            let own = call.number.wrapping_sub(abi.base);
            match numbers.get(call.name) {
                Some(Some(number)) if *number == own || *number == call.number => None,
                Some(Some(number)) => Some(format!("{} (it has {number}, not {own})", call.name)),
                Some(None) | None => Some(call.name.to_owned()),
            }
        };
        Some(wanted.filter_map(text).collect())
    }
}
