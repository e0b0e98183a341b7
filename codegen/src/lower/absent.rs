//! Why an ABI does not have a call, and what to use instead: from `absent.toml`, and by rule.

use crate::Error;
use crate::tables::{Abi, Absent, Call, KernelTable, Rule, Tables};
#[cfg(feature = "all-abis")]
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A call that a program cannot make, and what it can.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reason {
    pub(crate) name: String,
    pub(crate) why: String,
    pub(crate) instead: String,
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
    listed: &'t [Absent],
    rules: &'t [Rule],
    pub(crate) sub_calls: Vec<SubCall<'t>>,
}

impl<'t> Reasons<'t> {
    pub(crate) fn new(tables: &'t Tables) -> Result<Reasons<'t>, Error> {
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
        Ok(Reasons { tables, listed, rules, sub_calls })
    }

    /// The calls that an ABI may be without for a reason.
    fn names(&self) -> BTreeSet<&str> {
        let listed = self.listed.iter().map(|absent| absent.name.as_str());
        let rules = self.rules.iter().flat_map(|rule| &rule.calls).flat_map(|(names, _)| names);
        let sub_calls = self.sub_calls.iter().map(|sub| sub.name.as_str());
        listed.chain(rules.map(String::as_str)).chain(sub_calls).collect()
    }

    /// Why an ABI does not have a call.
    pub(crate) fn of(
        &self,
        abi: &Abi,
        table: &KernelTable,
        calls: &[Call<'_>],
        name: &str,
    ) -> Option<Reason> {
        let reason = |why: &str, instead: String| {
            let (name, why) = (name.to_owned(), why.to_owned());
            Reason { name, why, instead }
        };
        let has = |wanted: &str| calls.iter().any(|call| call.name == wanted && call.is_there());
        if let Some(absent) = self.listed(abi, table, name) {
            return Some(reason(&absent.why, absent.instead.clone()));
        }
        let ruled = self.rules.iter().find_map(|rule| {
            if !rule.abis.is_empty() && !rule.abis.contains(&abi.name) {
                return None;
            }
            let named = |(names, _): &&(Vec<String>, Vec<String>)| names.iter().any(|n| n == name);
            let (_, instead) = rule.calls.iter().find(named)?;
            let instead = instead.iter().find(|call| call.contains(' ') || has(call))?;
            let call = !instead.contains(' ');
            let instead = if call { format!("`{instead}`") } else { instead.clone() };
            Some(reason(&rule.why, instead))
        });
        let sub_call = self.sub_calls.iter().find(|sub| sub.name == name && has(sub.of));
        let Some(SubCall { of, constant, value, .. }) = sub_call else {
            return ruled.or_else(|| self.after_the_end(abi, calls, name));
        };
        let also = ruled.map(|ruled| format!("{}, or ", ruled.instead)).unwrap_or_default();
        let instead = format!("{also}`{of}` with {constant}");
        Some(reason(&format!("the call is {constant} ({value}) of its `{of}`"), instead))
    }

    /// What `absent.toml` lists.
    pub(crate) fn listed(&self, abi: &Abi, table: &KernelTable, name: &str) -> Option<&'t Absent> {
        let mut listed = self.listed.iter().filter(|absent| absent.name == name);
        listed.find(|absent| absent.holds(&abi.name, &table.linux))
    }

    /// The reason of calls that are newer than the last table with the ABI.
    fn after_the_end(&self, abi: &Abi, calls: &[Call<'_>], name: &str) -> Option<Reason> {
        let source = self.tables.sources.iter().find(|source| source.name == abi.table)?;
        let frozen = source.frozen.as_ref()?;
        let last = calls.iter().map(|call| call.number.wrapping_sub(abi.base)).max()?;
        // Whatever is new has one number, but for ABIs that add to it.
        let newer = self
            .tables
            .table("asm-generic")
            .ok()?
            .rows
            .iter()
            .any(|row| row.name == name && row.nr > last);
        newer.then(|| Reason {
            name: name.to_owned(),
            why: format!(
                "the ABI left the kernel, and its table is of Linux {frozen}, without the call"
            ),
            instead: format!("the calls of Linux {frozen}"),
        })
    }

    /// Each reason, and which of the ABIs it is for, by name.
    #[cfg(feature = "all-abis")]
    pub(crate) fn of_all<'a>(
        &self,
        abis: impl IntoIterator<Item = (&'a Abi, &'a KernelTable)>,
    ) -> Vec<(Reason, Vec<usize>)> {
        let mut names = self.names();
        let newest = self.tables.table("asm-generic").ok();
        names.extend(newest.into_iter().flat_map(|table| &table.rows).map(|row| row.name.as_str()));
        let mut all: BTreeMap<Reason, Vec<usize>> = BTreeMap::new();
        for (at, (abi, table)) in abis.into_iter().enumerate() {
            let calls = abi.calls(table);
            let there: BTreeSet<&str> = calls.iter().map(|call| call.name).collect();
            for name in names.difference(&there) {
                if let Some(reason) = self.of(abi, table, &calls, name) {
                    all.entry(reason).or_default().push(at);
                }
            }
        }
        all.into_iter().collect()
    }

    /// The reasons of one ABI, and the entry points that the call may have elsewhere.
    pub(crate) fn of_one(
        &self,
        abi: &Abi,
        table: &KernelTable,
        calls: &[Call<'_>],
    ) -> Vec<(Reason, Vec<String>)> {
        let there: BTreeSet<&str> = calls.iter().map(|call| call.name).collect();
        let reasons = self.names().into_iter().filter(|name| !there.contains(name));
        let reasons = reasons.filter_map(|name| self.of(abi, table, calls, name));
        let entries = |name: &str| match self.listed(abi, table, name) {
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
