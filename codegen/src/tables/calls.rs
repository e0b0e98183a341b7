//! Which rows of a table are an ABI's calls, and what headers add to them.

use super::model::*;

/// A call as user space sees it on one ABI.
#[derive(Clone)]
#[cfg_attr(feature = "cli", derive(Debug, PartialEq, Eq))]
pub struct Call<'t> {
    /// The number that user space loads, including the base.
    pub number: u32,
    /// The tag of its row; `None` for a name that only a header defines.
    pub tag: Option<&'t str>,
    /// The call's name.
    pub name: &'t str,
    /// The entry point of the number, after redirections.
    pub entry: Option<&'t str>,
    /// The compat entry point.
    pub compat: Option<&'t str>,
    /// The call does not return.
    pub noreturn: bool,
}

impl Call<'_> {
    /// Whether the call exists in the table; otherwise the kernel returns `ENOSYS`.
    pub(crate) fn is_there(&self) -> bool {
        self.entry != Some(NO_CALL)
    }
}

impl KernelTable {
    /// The tags of an ABI's rows; empty means every row. `None` if this kernel does not have the
    /// ABI.
    pub fn tags(&self, abi: &str) -> Option<&[String]> {
        self.taker(abi).map(|taker| taker.tags.as_slice())
    }

    /// What other kernel files add for an ABI.
    pub(crate) fn extras_of<'t>(&'t self, abi: &Abi) -> impl Iterator<Item = &'t Extra> {
        self.extras.iter().filter(|extra| extra.abis.contains(&abi.name))
    }

    fn taker(&self, abi: &str) -> Option<&Taker> {
        self.takes.iter().find(|taker| taker.abi == abi)
    }
}

impl Taker {
    /// Whether rows with this tag are the ABI's own.
    pub fn takes(&self, tag: &str) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|t| t == tag)
    }
}

impl Abi {
    /// How a Rust stub makes a call, if there is one.
    pub fn stub(&self) -> Option<&Convention> {
        self.call.as_ref().filter(|call| call.in_rust())
    }

    /// What the second result of a call is, if it has one.
    pub(crate) fn both(&self, call: &str) -> Option<&Both> {
        self.call.as_ref()?.both.iter().find(|both| both.calls.iter().any(|name| name == call))
    }

    /// Whether an entry path uses that column of the table: the native or the compat entry points.
    #[cfg(feature = "cli")]
    pub(crate) fn takes(&self, compat: bool) -> bool {
        self.entries.iter().any(|way| way.compat == compat)
    }

    /// The entry point of a call in the column of an entry path; `None` if no entry path uses that
    /// column.
    #[cfg(feature = "cli")]
    pub(crate) fn ends_in<'t>(&self, call: &Call<'t>, compat: bool) -> Option<&'t str> {
        let entry = if compat { call.compat.or(call.entry) } else { call.entry };
        // A row without an entry point is reserved. A number that only a header defines is not in
        // the table.
        entry.or(call.tag.map(|_| NO_CALL)).filter(|_| self.takes(compat))
    }

    /// The calls of this ABI: the table's rows, which are in order of number, then the names that
    /// only headers define. Empty if the table's kernel does not have the ABI.
    pub fn calls<'t>(&self, table: &'t KernelTable) -> Vec<Call<'t>> {
        let Some(taker) = table.taker(&self.name) else { return Vec::new() };
        let mut names: Vec<(u32, &str)> = Vec::new();
        let mut removed: Vec<&str> = Vec::new();
        let mut redirects: Vec<&(String, String)> = Vec::new();
        for extra in table.extras_of(self) {
            names.extend(extra.names.iter().map(|(nr, name)| (*nr, name.as_str())));
            removed.extend(extra.removed.iter().map(String::as_str));
            redirects.extend(&extra.redirects);
        }
        let mut calls: Vec<Call<'t>> = Vec::new();
        for row in &table.rows {
            let mut name = row.name.as_str();
            if !taker.takes(&row.tag) {
                continue;
            }
            if removed.contains(&name) {
                // The header removed the name and gives the number another one.
                let Some(at) = names.iter().position(|(nr, _)| *nr == row.nr) else { continue };
                name = names.remove(at).1;
            }
            let mut entry = row.entry.as_deref();
            for (from, to) in &redirects {
                if entry == Some(from) {
                    entry = Some(to);
                    break;
                }
            }
            let (tag, compat) = (Some(row.tag.as_str()), row.compat.as_deref());
            let number = self.base.saturating_add(row.nr);
            calls.push(Call { number, tag, name, entry, compat, noreturn: row.noreturn });
        }
        for (nr, name) in names {
            let number = self.base.saturating_add(nr);
            let same = calls.iter().find(|call| call.number == number).cloned();
            let other =
                Call { number, tag: None, name, entry: None, compat: None, noreturn: false };
            calls.push(same.map_or(other, |call| Call { tag: None, name, ..call }));
        }
        calls
    }
}
