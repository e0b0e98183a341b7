//! Why an ABI does not have a call, and what to use instead: from `absent.toml`, by rule, and from
//! the history.

use crate::Error;
#[cfg(feature = "all-abis")]
use crate::tables::KernelTable;
use crate::tables::history::{History, Run};
use crate::tables::{Abi, Absent, Call, Rule, Tables};
use crate::version::Version;
use std::collections::BTreeSet;
#[cfg(feature = "all-abis")]
use std::{cell::OnceCell, collections::BTreeMap};

/// A call that a program cannot make, and what it can.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reason {
    pub(crate) name: String,
    pub(crate) why: String,
    /// What to use instead; empty if nothing replaces the call.
    pub(crate) instead: String,
}

impl Reason {
    /// The calls among what to use instead.
    #[cfg(feature = "all-abis")]
    pub(crate) fn calls(&self) -> Vec<&str> {
        calls_in(&self.instead).collect()
    }

    /// The reason and what to use instead, as a message has them.
    pub(crate) fn advice(&self) -> String {
        let Reason { why, instead, .. } = self;
        if instead.is_empty() { why.clone() } else { format!("{why}; use {instead}") }
    }
}

/// The calls in a text, where they stand in backquotes.
fn calls_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What `absent.toml` has to use instead, as a text: a call, or a text with blanks in it.
fn instead(entry: &str) -> String {
    if entry.contains(' ') { entry.to_owned() } else { format!("`{entry}`") }
}

/// An ABI, and what it has and had.
#[derive(Clone, Copy)]
pub(crate) struct Having<'a> {
    pub(crate) abi: &'a Abi,
    /// The kernel.
    pub(crate) linux: &'a Version,
    pub(crate) calls: &'a [Call<'a>],
    pub(crate) runs: &'a [Run<'a>],
}

/// What one number does, by its first argument, for the calls that other ABIs have numbers for.
pub(crate) struct SubCall<'t> {
    /// The call with that number.
    pub(crate) of: &'static str,
    /// The call that it makes.
    pub(crate) name: String,
    /// The macro of the first argument, and its value.
    pub(crate) constant: &'t str,
    pub(crate) value: u32,
}

/// All that reasons come from.
pub(crate) struct Reasons<'t> {
    tables: &'t Tables,
    history: &'t History,
    listed: &'t [Absent],
    rules: &'t [Rule],
    pub(crate) sub_calls: Vec<SubCall<'t>>,
    /// The ABIs that have each call.
    #[cfg(feature = "all-abis")]
    having: OnceCell<BTreeMap<&'t str, Vec<&'t str>>>,
}

impl<'t> Reasons<'t> {
    /// Those of tables; `history` may be of others.
    pub(crate) fn new(tables: &'t Tables, history: &'t History) -> Result<Reasons<'t>, Error> {
        let mut sub_calls = Vec::new();
        for header in tables.lookup_constants()? {
            let of = match header.source.rsplit('/').next() {
                Some("net.h") => "socketcall",
                Some("ipc.h") => "ipc",
                _ => continue,
            };
            for constant in &header.constants {
                let name = constant.name.trim_start_matches("SYS_").to_lowercase();
                let (constant, value) = (constant.name.as_str(), constant.value as u32);
                sub_calls.push(SubCall { of, name, constant, value });
            }
        }
        let (listed, rules) = (tables.absent()?, tables.absent_by_rule()?);
        Ok(Reasons {
            tables,
            history,
            listed,
            rules,
            sub_calls,
            #[cfg(feature = "all-abis")]
            having: OnceCell::new(),
        })
    }

    /// The calls that an ABI may be without for a reason.
    fn names(&self) -> BTreeSet<&str> {
        let listed = self.listed.iter().map(|absent| absent.name.as_str());
        let rules = self.rules.iter().flat_map(|rule| &rule.calls).flat_map(|(names, _)| names);
        let sub_calls = self.sub_calls.iter().map(|sub| sub.name.as_str());
        listed.chain(rules.map(String::as_str)).chain(sub_calls).collect()
    }

    /// Why an ABI does not have a call, as far as more is known than that few ABIs have it.
    fn special(&self, having: Having<'_>, name: &str) -> Option<Reason> {
        let Having { abi, linux, calls, .. } = having;
        let has = |wanted: &str| calls.iter().any(|call| call.name == wanted && call.is_there());
        let listed = self.listed(abi, linux, name);
        let listed = listed.map(|absent| (absent.why.clone(), instead(&absent.instead)));
        let known = listed.or_else(|| {
            let ruled = self.ruled(abi, has, name);
            let sub_call = self.sub_calls.iter().find(|sub| sub.name == name && has(sub.of));
            let Some(SubCall { of, constant, value, .. }) = sub_call else {
                return ruled.or_else(|| self.after_the_end(having, name));
            };
            let also = ruled.map(|(_, instead)| instead + ", or ").unwrap_or_default();
            let why = format!("the call is {constant} ({value}) of its `{of}`");
            Some((why, format!("{also}`{of}` with {constant}")))
        });
        let (why, instead) = known.unzip();
        let removed = self.removed(having.runs, name);
        let why = why.into_iter().chain(removed).collect::<Vec<_>>().join("; ");
        let (name, instead) = (name.to_owned(), instead.unwrap_or_default());
        (!why.is_empty()).then_some(Reason { name, why, instead })
    }

    /// The reason of the first rule that holds, and what to use instead.
    fn ruled(&self, abi: &Abi, has: impl Fn(&str) -> bool, name: &str) -> Option<(String, String)> {
        self.rules.iter().find_map(|rule| {
            if !rule.abis.is_empty() && !rule.abis.contains(&abi.name) {
                return None;
            }
            let named = |(names, _): &&(Vec<String>, Vec<String>)| names.iter().any(|n| n == name);
            let (_, choices) = rule.calls.iter().find(named)?;
            let mut texts = choices.iter().map(|entry| instead(entry));
            let instead = match choices.is_empty() {
                true => String::new(),
                false => texts.find(|text| calls_in(text).all(&has))?,
            };
            Some((rule.why.clone(), instead))
        })
    }

    /// That an ABI had a call, and when it was removed.
    fn removed(&self, runs: &[Run<'_>], name: &str) -> Option<String> {
        let runs = runs.iter().filter(|run| run.name == name);
        let until = self.history.until(runs.max_by_key(|run| run.until.unwrap_or(usize::MAX))?)?;
        let by = if until.exact { String::new() } else { format!(", by {}", until.gone_by) };
        Some(format!("removed after Linux {}{by}", until.last))
    }

    /// Why an ABI does not have a call.
    #[cfg(feature = "all-abis")]
    pub(crate) fn of(&self, having: Having<'_>, name: &str) -> Option<Reason> {
        self.special(having, name).or_else(|| self.of_few(having.abi, name))
    }

    /// The reason of calls that only few ABIs have.
    #[cfg(feature = "all-abis")]
    fn of_few(&self, abi: &Abi, name: &str) -> Option<Reason> {
        let having = self.having.get_or_init(|| {
            let mut having: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for abi in &self.tables.abis {
                let Ok(table) = self.tables.table(&abi.table) else { continue };
                for call in abi.calls(table) {
                    having.entry(call.name).or_default().push(&abi.name);
                }
            }
            having
        });
        let abis = having.get(name).filter(|abis| abis.len() * 2 <= self.tables.abis.len())?;
        // Other tables of the ABI have it.
        if abis.contains(&abi.name.as_str()) {
            return None;
        }
        let why = match abis.as_slice() {
            [one] => format!("only {one} has it"),
            [most @ .., last] => format!("only {} and {last} have it", most.join(", ")),
            [] => return None,
        };
        Some(Reason { name: name.to_owned(), why, instead: String::new() })
    }

    /// What `absent.toml` lists.
    fn listed(&self, abi: &Abi, linux: &Version, name: &str) -> Option<&'t Absent> {
        let mut listed = self.listed.iter().filter(|absent| absent.name == name);
        listed.find(|absent| absent.holds(&abi.name, linux))
    }

    /// The reason of calls that are newer than the last table with the ABI.
    fn after_the_end(&self, having: Having<'_>, name: &str) -> Option<(String, String)> {
        let Having { abi, linux, calls, .. } = having;
        let source = self.tables.sources.iter().find(|source| source.name == abi.table)?;
        let frozen = source.frozen.as_ref().filter(|frozen| linux.series() >= frozen.series())?;
        let last = calls.iter().map(|call| call.number.wrapping_sub(abi.base)).max()?;
        // Whatever is new has one number, but for ABIs that add to it.
        let newer = self
            .tables
            .table("asm-generic")
            .ok()?
            .rows
            .iter()
            .any(|row| row.name == name && row.nr > last);
        newer.then(|| {
            let why = format!(
                "the ABI was removed from the kernel, and its table of Linux {frozen} does not \
                 have the call"
            );
            (why, format!("the calls of Linux {frozen}"))
        })
    }

    /// Each reason, and which of the ABIs it is for, by name.
    #[cfg(feature = "all-abis")]
    pub(crate) fn of_all<'a>(
        &self,
        abis: impl IntoIterator<Item = (&'a Abi, &'a KernelTable)>,
    ) -> Vec<(Reason, Vec<usize>)> {
        let abis: Vec<_> =
            abis.into_iter().map(|(abi, table)| (abi, table, abi.calls(table))).collect();
        let mut names = self.names();
        names.extend(abis.iter().flat_map(|(.., calls)| calls).map(|call| call.name));
        let mut all: BTreeMap<Reason, Vec<usize>> = BTreeMap::new();
        for (at, (abi, table, calls)) in abis.iter().enumerate() {
            let runs = self.history.runs(abi, table);
            let there: BTreeSet<&str> = calls.iter().map(|call| call.name).collect();
            let former = runs.iter().map(|run| run.name);
            let wanted: BTreeSet<&str> = names.iter().copied().chain(former).collect();
            for name in wanted.difference(&there) {
                if let Some(reason) =
                    self.of(Having { abi, linux: &table.linux, calls, runs: &runs }, name)
                {
                    all.entry(reason).or_default().push(at);
                }
            }
        }
        all.into_iter().collect()
    }

    /// The reasons of one ABI, and the entry points that the call may have elsewhere.
    pub(crate) fn of_one(&self, having: Having<'_>) -> Vec<(Reason, Vec<String>)> {
        let Having { abi, linux, calls, .. } = having;
        let there: BTreeSet<&str> = calls.iter().map(|call| call.name).collect();
        let reasons = self.names().into_iter().filter(|name| !there.contains(name));
        let reasons = reasons.filter_map(|name| self.special(having, name));
        let entries = |name: &str| match self.listed(abi, linux, name) {
            Some(absent) => vec![absent.entry.clone()],
            None => {
                let plain = name.trim_end_matches("_time64").trim_end_matches("64");
                [name, plain].map(|name| format!("sys_{name}")).to_vec()
            }
        };
        let mut found = Vec::new();
        for reason in reasons {
            let entries = entries(&reason.name);
            found.push((reason, entries));
        }
        found
    }
}
