//! Checks the tables against a kernel of any version: separates errors from differences of
//! versions.
//!
//! The history knows the calls of each release: a difference that it explains is a note, one that
//! it contradicts is an error. Of a release that it has no tree of, it knows what the releases
//! around it have in common. For a release that is not in the history: the user-space ABI never
//! changes, so another number or name is an error for any two kernels, and a name that one side
//! does not have is an error unless that side's kernel is older. Entry points may change: they are
//! compared only between equal versions.

use super::diff::{AbiDiff, Change, Side, end};
use super::records::Records;
use crate::tables::Call;
use crate::term::{BOLD, RED, counted, plain};
use crate::version::Version;
use std::fmt::Write as _;

/// A finding about an ABI.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding<'t> {
    abi: &'t str,
    /// An error; otherwise a note.
    pub(crate) error: bool,
    what: String,
}

/// Judges the differences between the tables, the old side, and a tree or headers, the new side.
pub(crate) fn judge<'t>(
    ours: &Side,
    theirs: &Side,
    found: &[AbiDiff<'t>],
    records: &Records<'_>,
) -> Vec<Finding<'t>> {
    let mut findings = Vec::new();
    for diff in found {
        let mut say = |error, what| findings.push(Finding { abi: &diff.abi.name, error, what });
        if let Some(unread) = diff.unread {
            say(false, format!("is {unread}"));
            continue;
        }
        let (our, their) = match (diff.old, diff.new) {
            (Some(our), Some(their)) => (our, their),
            (Some(our), None) => {
                let Some(linux) = theirs.linux() else { continue };
                let older = linux < &our.linux;
                let file = ours.file(diff.abi, our, None);
                say(
                    !diff.kept && !older,
                    format!("is in {file} (Linux {}), but not in Linux {linux}", our.linux),
                );
                continue;
            }
            (None, their) => {
                let file =
                    their.map(|their| theirs.file(diff.abi, their, None)).unwrap_or_default();
                say(true, format!("is in {file}, but not in {}", ours.shown));
                continue;
            }
        };
        let (here, there) = (&our.linux, &their.linux);
        let lone_compat = diff.lone_compat(ours, theirs);
        if let Some((side, count)) = lone_compat {
            let table = if std::ptr::eq(side, ours) { our } else { their };
            let file = side.file(diff.abi, table, None);
            let linux = &table.linux;
            say(
                here == there,
                format!("compat entry points of {count} calls are only in {file} (Linux {linux})"),
            );
        }
        // Differences between versions are summed up in one note.
        let mut notes =
            [("also has", Vec::new()), ("does not have", Vec::new()), ("differs in", Vec::new())];
        for change in &diff.changes {
            let (old, new) = change.sides();
            // Whether the history agrees with each row in each kernel.
            let has = |call: &Call, linux: &Version, has: bool| {
                records.can_be(diff.abi, (call.number, call.name), linux, has)
            };
            let apart = here.series() != there.series();
            let ours_is =
                [old.map(|old| has(old, here, true)), new.map(|new| has(new, here, false))];
            let theirs_is =
                [old.map(|old| has(old, there, false)), new.map(|new| has(new, there, true))];
            let mut both = ours_is.into_iter().chain(theirs_is).flatten();
            let of_history = apart && both.all(|right| right == Some(true));
            let against =
                apart && theirs_is.into_iter().flatten().any(|right| right == Some(false));
            let (a, b) = (ours.file(diff.abi, our, old), theirs.file(diff.abi, their, new));
            match change {
                Change::Renumbered(old, new) if of_history => {
                    notes[2].1.push(format!("{} → {}", numbered(old), new.number));
                }
                Change::Renumbered(old, new) => {
                    say(
                        true,
                        format!("{} is {} in {a}, but {} in {b}", new.name, old.number, new.number),
                    );
                }
                Change::Renamed(old, new) if !of_history => {
                    say(
                        true,
                        format!("{} is {} in {a}, but {} in {b}", new.number, old.name, new.name),
                    );
                }
                Change::Renamed(old, new) => {
                    notes[2].1.push(format!("{} → {}", numbered(old), new.name))
                }
                Change::Added(call) if of_history || here < there && !against => {
                    notes[0].1.push(numbered(call));
                }
                Change::Added(call) => {
                    let why = reason(against);
                    say(true, format!("{} is in {b}, but not in {a}, {why}", numbered(call)));
                }
                Change::Removed(call) if of_history || there < here && !against => {
                    notes[1].1.push(numbered(call));
                }
                Change::Removed(call) => {
                    let why = reason(against);
                    say(true, format!("{} is in {a}, but not in {b}, {why}", numbered(call)));
                }
                Change::Entry(old, new) => {
                    let (call, from, to) = (numbered(new), end(old), end(new));
                    match here == there {
                        true => say(
                            true,
                            format!("{call} has the entry point {from} in {a}, but {to} in {b}"),
                        ),
                        false => notes[2].1.push(format!("{call} {from} → {to}")),
                    }
                }
                Change::Compat(..) if lone_compat.is_some() => {}
                Change::Compat(old, new) => {
                    let call = numbered(new);
                    let [from, to] = [old, new].map(|call| call.compat.unwrap_or("–"));
                    match here == there {
                        true => say(
                            true,
                            format!(
                                "{call} has the compat entry point {from} in {a}, but {to} in {b}"
                            ),
                        ),
                        false => notes[2].1.push(format!("{call} compat {from} → {to}")),
                    }
                }
            }
        }
        for (has, calls) in notes.into_iter().filter(|(_, calls)| !calls.is_empty()) {
            let (file, linux, calls) =
                (theirs.file(diff.abi, their, None), &their.linux, listed(&calls));
            say(
                false,
                format!(
                    "Linux {linux} {has} {calls}: {file}; our table is from Linux {}",
                    our.linux
                ),
            );
        }
    }
    findings
}

/// Why a name that one side does not have is an error.
fn reason(against: bool) -> &'static str {
    if against { "which contradicts tables/history.toml" } else { "whose kernel is not older" }
}

/// How many calls a note lists, at most.
const MOST: usize = 8;

fn listed(calls: &[String]) -> String {
    match calls.get(..MOST) {
        Some(first) if calls.len() > MOST => {
            format!("{} and {} more, which `diff` lists", first.join(", "), calls.len() - MOST)
        }
        _ => calls.join(", "),
    }
}

fn numbered(call: &Call) -> String {
    format!("{} ({})", call.name, call.number)
}

/// A line for each finding, and a summary. ABIs of `theirs` that could not be read were left out.
pub(crate) fn text(
    theirs: &Side,
    found: &[AbiDiff<'_>],
    findings: &[Finding<'_>],
    left_out: bool,
) -> String {
    let mut out = String::new();
    for Finding { abi, error, what } in findings {
        let _ = match error {
            true => writeln!(out, "{RED}error{RED:#}: {BOLD}{abi}{BOLD:#}: {}", plain(what)),
            false => writeln!(out, "note: {BOLD}{abi}{BOLD:#}: {}", plain(what)),
        };
    }
    if left_out {
        let what = "what the warnings say is left out was not checked";
        let _ = writeln!(out, "{RED}error{RED:#}: {what}");
    }
    let names: usize = found.iter().map(|diff| diff.common).sum();
    let both = found.iter().filter(|diff| diff.old.is_some() && diff.new.is_some()).count();
    let errors = findings.iter().filter(|finding| finding.error).count();
    let (names, both) = (counted(names, "name"), counted(both, "ABI"));
    let notes = counted(findings.len() - errors, "note");
    let errors = counted(errors + usize::from(left_out), "error");
    let _ = writeln!(
        out,
        "{names} of {both} in common with {}: {errors}, {notes}",
        plain(&theirs.shown)
    );
    out
}
