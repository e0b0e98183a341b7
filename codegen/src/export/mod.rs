//! The tables in other formats: every call of every ABI.

mod c;
mod html;
mod json;
mod markdown;

pub(crate) use c::c;
pub(crate) use html::html;
pub(crate) use json::{SCHEMA, json};
pub(crate) use markdown::markdown;

use crate::Error;
use crate::lower::{Reason, Reasons};
use crate::report::records::{Dates, Records};
use crate::tables::{Abi, Call, KernelTable, Tables};
use crate::term::plain;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// An ABI, its table and its calls.
pub(crate) struct Exported<'t> {
    pub(crate) abi: &'t Abi,
    pub(crate) table: &'t KernelTable,
    pub(crate) calls: Vec<Call<'t>>,
}

/// The ABIs that have calls in these tables, in the order of `abis.toml`: those named, or all. With
/// `header_names` also the aliases and private calls that only headers define.
pub(crate) fn choose<'t>(
    tables: &'t Tables,
    read: &BTreeMap<&str, &'t KernelTable>,
    wanted: &[&Abi],
    header_names: bool,
) -> Result<Vec<Exported<'t>>, Error> {
    let mut exported = Vec::new();
    for abi in &tables.abis {
        let Some(&table) = read.get(abi.table.as_str()) else { continue };
        let mut calls = abi.calls(table);
        calls.retain(|call| header_names || call.tag.is_some());
        if !calls.is_empty() {
            exported.push(Exported { abi, table, calls });
        }
    }
    let there: Vec<&str> = exported.iter().map(|exported| exported.abi.name.as_str()).collect();
    if let Some(Abi { name, .. }) = wanted.iter().find(|abi| !there.contains(&abi.name.as_str())) {
        let what = format!("these tables do not have {name}; expected one of {}", there.join(", "));
        return Err(Error::argument("--abi", what));
    }
    let chosen = |abi: &Abi| wanted.iter().any(|wanted| wanted.name == abi.name);
    exported.retain(|exported| wanted.is_empty() || chosen(exported.abi));
    Ok(exported)
}

/// Calls by name, a cell for each ABI. If an ABI has a name twice, the second number gets its own
/// row.
fn by_name<'t>(
    exported: &'t [Exported<'t>],
) -> BTreeMap<(&'t str, usize), Vec<Option<&'t Call<'t>>>> {
    let mut rows = BTreeMap::new();
    for (column, Exported { calls, .. }) in exported.iter().enumerate() {
        for call in calls {
            let mut nth = 0;
            loop {
                let row =
                    rows.entry((call.name, nth)).or_insert_with(|| vec![None; exported.len()]);
                if row[column].is_none() {
                    row[column] = Some(call);
                    break;
                }
                nth += 1;
            }
        }
    }
    rows
}

/// Why the ABIs chosen do not have calls, and the ABIs of each reason.
fn absences(
    tables: &Tables,
    exported: &[Exported<'_>],
    records: &Records<'_>,
) -> Result<Vec<(Reason, Vec<usize>)>, Error> {
    let abis = exported.iter().map(|exported| (exported.abi, exported.table));
    Ok(Reasons::new(tables, records.history)?.of_all(abis))
}

/// The columns of TSV, for people.
pub(crate) const COLUMNS: &str = "\
TSV: no head line, seven columns. A value that a call does not have is empty.
  abi number name   the number is as user space loads it, base included
  entry             empty: the number is only reserved, only a header defines the name, or the
                    entry points of this kernel are not known
  compat            empty: the call has no other entry point for 32-bit programs
  since             empty: no release has the call, as in the table of a kernel with calls of its
                    own; `2.6.12 or earlier`: the oldest known release has it
  until             empty: the newest known release has it";

/// TSV as in [`COLUMNS`], by ABI and number. With `removed` also former rows, after those of their
/// ABI: what neither the table nor the newest release has, and earlier periods of what came back.
pub(crate) fn tsv(exported: &[Exported<'_>], records: &Records<'_>, removed: bool) -> String {
    let mut out = String::new();
    for Exported { abi, table, calls } in exported {
        let mut line = |number: u32, words: [&str; 3], (since, until): Dates<'_>| {
            let [name, entry, compat] = words.map(plain);
            let since = since.map_or(String::new(), |since| since.to_string());
            let until = until.map_or(String::new(), |until| until.to_string());
            let abi = &abi.name;
            let _ = writeln!(out, "{abi}\t{number}\t{name}\t{entry}\t{compat}\t{since}\t{until}");
        };
        for call in calls {
            let (entry, compat) = (call.entry.unwrap_or(""), call.compat.unwrap_or(""));
            let dates = records.dates(abi, call.number, call.name);
            line(call.number, [call.name, entry, compat], dates);
        }
        for (run, _) in records.former(abi, table).into_iter().filter(|_| removed) {
            line(run.number, [run.name, "", ""], records.dates_of(abi, run));
        }
    }
    out
}
