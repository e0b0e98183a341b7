//! The tables as one JSON document, one call per line. [`SCHEMA`], which `--help` shows, documents
//! its keys.

use super::{Exported, absences};
use crate::Error;
use crate::lower::Reason;
use crate::report::records::{Dates, Records};
use crate::tables::history::{Since, Until};
use crate::tables::{Abi, Call, Tables};
use crate::version::Version;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The schema, for people. A change that could break a reader increases `schema`.
pub(crate) const SCHEMA: &str = "\
JSON: every key is always present; its value is null if the call or the ABI does not have it.
  schema   1; increased by a change that could break a reader
  abis     in the order of tables/abis.toml, each with
    name arch bits base     `base` is what user space adds to the table's number
    linux source sha256     the kernel, its file of numbers, and that file's SHA-256
    calls                   by number, the names that only headers define last, each with
      number                as user space loads it, base included
      name
      entry compat          entry points; an `entry` of null, or \"sys_ni_syscall\", is ENOSYS;
                            where no call of the ABI has one, entry points are not known
      tag                   the kernel's word for the ABIs of the row; null where only a header \
defines the name
      noreturn
      since                 null for a row that no release has, otherwise
        after               the last release known not to have it; null if it may be older than all
        by                  the first release known to have it
        exact               whether no other release is between the two
      until                 null if the newest release has it, otherwise
        last                the last release known to have it
        gone_by             the first release known not to have it any more
        exact               the same
    removed                 former rows, which the newest release does not have: number, name,
                            since, until
    earlier                 earlier periods of rows that were removed and came back: the same
  absent   reasons why ABIs do not have calls: name, abis, why, calls (those to use, as a list), and
           instead (what to use, as text; empty if nothing replaces the call)
  prototypes                entry points and their arguments, if the tables have them; each with
    entry
    args                    each with type and name, as the kernel's C source has them
    abis                    the ABIs with this definition; an entry point may have several
    source line             where it is defined, in the kernel that the prototypes are from
    condition               the configuration that has it; null if every one does, or optional
    optional                the configuration without which the call is ENOSYS, or null";

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Facts<'t> {
    name: &'t str,
    arch: &'t str,
    bits: u32,
    base: u32,
    linux: &'t str,
    source: &'t str,
    sha256: &'t str,
}

#[derive(Serialize)]
struct JsonCall<'t> {
    number: u32,
    name: &'t str,
    entry: Option<&'t str>,
    compat: Option<&'t str>,
    tag: Option<&'t str>,
    noreturn: bool,
    since: Option<JsonSince<'t>>,
    until: Option<JsonUntil<'t>>,
}

#[derive(Serialize)]
struct JsonFormer<'t> {
    number: u32,
    name: &'t str,
    since: Option<JsonSince<'t>>,
    until: Option<JsonUntil<'t>>,
}

#[derive(Serialize)]
struct JsonSince<'t> {
    after: Option<&'t str>,
    by: &'t str,
    exact: bool,
}

#[derive(Serialize)]
struct JsonUntil<'t> {
    last: &'t str,
    gone_by: &'t str,
    exact: bool,
}

fn dates<'t>((since, until): Dates<'t>) -> (Option<JsonSince<'t>>, Option<JsonUntil<'t>>) {
    let since = since.map(|Since { after, by, exact }| JsonSince {
        after: after.map(Version::as_str),
        by: by.as_str(),
        exact,
    });
    let until = until.map(|Until { last, gone_by, exact }| JsonUntil {
        last: last.as_str(),
        gone_by: gone_by.as_str(),
        exact,
    });
    (since, until)
}

#[derive(Serialize)]
struct JsonAbsent<'t> {
    name: &'t str,
    abis: Vec<&'t str>,
    why: &'t str,
    calls: Vec<&'t str>,
    instead: &'t str,
}

#[derive(Serialize)]
struct JsonPrototype<'t> {
    entry: &'t str,
    args: Vec<JsonArgument<'t>>,
    abis: Vec<&'t str>,
    source: &'t str,
    line: u32,
    condition: Option<&'t str>,
    optional: Option<&'t str>,
}

#[derive(Serialize)]
struct JsonArgument<'t> {
    #[serde(rename = "type")]
    ctype: &'t str,
    name: &'t str,
}

pub(crate) fn json(
    tables: &Tables,
    exported: &[Exported<'_>],
    records: &Records<'_>,
) -> Result<String, Error> {
    let mut out = format!("{{\"schema\":{VERSION},\"abis\":[");
    for (at, Exported { abi, table, calls }) in exported.iter().enumerate() {
        let facts = text(&Facts {
            name: &abi.name,
            arch: &abi.arch,
            bits: abi.bits,
            base: abi.base,
            linux: table.linux.as_str(),
            source: &table.source,
            sha256: &table.sha256,
        })?;
        let facts = facts.strip_suffix('}').unwrap_or(&facts);
        let _ = write!(out, "{}\n{facts},\"calls\":[", comma(at));
        for (at, &Call { number, name, entry, compat, tag, noreturn }) in calls.iter().enumerate() {
            let (since, until) = dates(records.dates(abi, number, name));
            let call = JsonCall { number, name, entry, compat, tag, noreturn, since, until };
            let _ = write!(out, "{}\n  {}", comma(at), text(&call)?);
        }
        let former = records.former(abi, table);
        for (key, again) in [("removed", false), ("earlier", true)] {
            let _ = write!(out, "\n],\"{key}\":[");
            let rows = former.iter().filter(|(_, back)| *back == again);
            for (at, (run, _)) in rows.enumerate() {
                let (since, until) = dates(records.dates_of(abi, run));
                let row = JsonFormer { number: run.number, name: run.name, since, until };
                let _ = write!(out, "{}\n  {}", comma(at), text(&row)?);
            }
        }
        out += "\n]}";
    }
    out += "\n],\"absent\":[";
    for (at, (absent, columns)) in absences(tables, exported, records)?.iter().enumerate() {
        let (Reason { name, why, instead }, calls) = (absent, absent.calls());
        let abis = columns.iter().map(|&column| exported[column].abi.name.as_str()).collect();
        let row = JsonAbsent { name, abis, why, calls, instead };
        let _ = write!(out, "{}\n  {}", comma(at), text(&row)?);
    }
    out += "\n],\"prototypes\":[";
    for (at, prototype) in prototypes(tables, exported)?.iter().enumerate() {
        let _ = write!(out, "{}\n  {}", comma(at), text(prototype)?);
    }
    out += "\n]}\n";
    Ok(out)
}

/// The definitions that calls of the exported ABIs end in.
fn prototypes<'t>(
    tables: &'t Tables,
    exported: &[Exported<'t>],
) -> Result<Vec<JsonPrototype<'t>>, Error> {
    if !tables.has_table("prototypes") {
        return Ok(Vec::new());
    }
    let mut ending: BTreeMap<&str, Vec<&Abi>> = BTreeMap::new();
    for Exported { abi, calls, .. } in exported {
        let entries: BTreeSet<&str> = calls
            .iter()
            .flat_map(|call| [false, true].map(|compat| abi.ends_in(call, compat)))
            .flatten()
            .collect();
        for entry in entries {
            ending.entry(entry).or_default().push(abi);
        }
    }
    let used = tables.prototypes()?.iter().filter_map(|prototype| {
        let abis = ending.get(prototype.entry.as_str())?.iter();
        let abis: Vec<&str> =
            abis.filter(|abi| prototype.is_for(abi)).map(|abi| abi.name.as_str()).collect();
        (!abis.is_empty()).then(|| JsonPrototype {
            entry: &prototype.entry,
            args: prototype.args.iter().map(|(ctype, name)| JsonArgument { ctype, name }).collect(),
            abis,
            source: &prototype.source,
            line: prototype.line,
            condition: prototype.condition.as_deref(),
            optional: prototype.optional.as_deref(),
        })
    });
    Ok(used.collect())
}

fn comma(at: usize) -> &'static str {
    if at == 0 { "" } else { "," }
}

pub(super) fn text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::plain(format!("JSON cannot be written: {error}")))
}
