//! The tables as one page for a browser: every name × every ABI, with a search. It loads nothing
//! from the network.
//!
//! The page, its style and its script are the handwritten files next to this one; the tables are
//! inserted as JSON.

use super::json::text;
use super::{Exported, absences, by_name};
use crate::Error;
use crate::lower::Reason;
use crate::report::records::Records;
use crate::tables::Tables;
use serde::Serialize;
use std::collections::BTreeMap;

/// The data for the script.
#[derive(Serialize)]
struct Data<'t> {
    abis: Vec<Column<'t>>,
    /// The releases, and whether no other is between each and the one before it.
    releases: Vec<(&'t str, bool)>,
    /// Entry points; cells contain the index.
    entries: Vec<&'t str>,
    /// The rows, by name: a cell for each ABI.
    calls: Vec<(&'t str, Vec<Cell>)>,
    /// Removed calls: column, number, name, first and last release.
    removed: Vec<(usize, u32, &'t str, usize, Option<usize>)>,
    absent: Vec<Absence<'t>>,
}

#[derive(Serialize)]
struct Column<'t> {
    name: &'t str,
    arch: &'t str,
    bits: u32,
    base: u32,
    linux: &'t str,
    source: &'t str,
    /// The first known release with the ABI, which may be older.
    older: Option<usize>,
    /// The last release with the ABI, if it was removed.
    last: Option<usize>,
}

/// 0 if the ABI does not have the call; else number, entry (index, or -1), the first release with
/// the call (index, or -1), compat entry, and two flags: the call never returns; only a header has
/// the name.
#[derive(Serialize)]
#[serde(untagged)]
enum Cell {
    Lacking(u8),
    Plain(u32, i64, i64),
    Full(u32, i64, i64, i64, u8, u8),
}

/// Why some ABIs, by column, do not have a call.
#[derive(Serialize)]
struct Absence<'t> {
    name: &'t str,
    abis: Vec<usize>,
    why: &'t str,
    instead: &'t str,
}

pub(crate) fn html(
    tables: &Tables,
    exported: &[Exported<'_>],
    records: &Records<'_>,
) -> Result<String, Error> {
    let calls = exported.iter().flat_map(|exported| &exported.calls);
    let mut index: BTreeMap<&str, i64> = calls
        .flat_map(|call| [call.entry, call.compat])
        .flatten()
        .map(|entry| (entry, 0))
        .collect();
    for (at, index) in index.values_mut().enumerate() {
        *index = at as i64;
    }
    let at = |entry: Option<&str>| entry.and_then(|entry| index.get(entry).copied()).unwrap_or(-1);
    let rows = by_name(exported);
    let absent = absences(tables, exported, records)?;
    let data = Data {
        abis: exported
            .iter()
            .map(|Exported { abi, table, .. }| {
                let span = records.history.span(abi);
                Column {
                    name: &abi.name,
                    arch: &abi.arch,
                    bits: abi.bits,
                    base: abi.base,
                    linux: table.linux.as_str(),
                    source: &table.source,
                    older: span.filter(|span| span.older).map(|span| span.first),
                    last: span.and_then(|span| span.last),
                }
            })
            .collect(),
        releases: records
            .history
            .releases
            .iter()
            .map(|release| (release.linux.as_str(), release.unseen.is_empty()))
            .collect(),
        entries: index.keys().copied().collect(),
        calls: rows
            .iter()
            .map(|((name, _), cells)| {
                let cells = cells.iter().zip(exported).map(|(cell, Exported { abi, .. })| {
                    let Some(call) = cell else { return Cell::Lacking(0) };
                    let run = records.run(abi, call.number, call.name);
                    let (entry, since) = (at(call.entry), run.map_or(-1, |run| run.since as i64));
                    if call.compat.is_none() && call.tag.is_some() && !call.noreturn {
                        return Cell::Plain(call.number, entry, since);
                    }
                    let flags = [call.noreturn, call.tag.is_none()].map(u8::from);
                    Cell::Full(call.number, entry, since, at(call.compat), flags[0], flags[1])
                });
                (*name, cells.collect())
            })
            .collect(),
        removed: exported
            .iter()
            .enumerate()
            .flat_map(|(column, Exported { abi, table, .. })| {
                let runs = records.former(abi, table).into_iter();
                runs.map(move |(run, _)| (column, run.number, run.name, run.since, run.until))
            })
            .collect(),
        absent: absent
            .iter()
            .map(|(Reason { name, why, instead }, abis)| Absence {
                name,
                abis: abis.clone(),
                why,
                instead,
            })
            .collect(),
    };
    // Only `<` could end the script element, and JSON has it only in strings.
    let data = text(&data)?.replace('<', "\\u003c");
    let mut page = String::new();
    for part in include_str!("page.html").split_inclusive('\n') {
        page += match part.trim() {
            "<!-- page.css -->" => include_str!("page.css"),
            "<!-- page.js -->" => include_str!("page.js"),
            "<!-- data -->" => &data,
            _ => part,
        };
    }
    Ok(page)
}
