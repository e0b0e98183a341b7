//! What becomes of a call in another release: from the history alone.

use super::explain::{Asked, aligned, asked, short};
use super::records::Records;
use crate::Error;
use crate::lower::{Having, Reason, Reasons};
use crate::tables::history::{Run, Since, Until};
use crate::tables::{Abi, Call, KernelTable, Tables};
use crate::version::Version;

/// The answer about a name or a number in one release, on each of `abis` or on every ABI, and
/// whether each of them has it.
pub(crate) fn then(
    tables: &Tables,
    records: &Records<'_>,
    what: &str,
    abis: &[&Abi],
    kernel: &Version,
) -> Result<(String, bool), Error> {
    let asked = asked(what)?;
    let reasons = Reasons::new(tables, records.history)?;
    let chosen = |abi: &&Abi| abis.is_empty() || abis.iter().any(|only| only.name == abi.name);
    // What stands before and after the ABIs that it is the same for.
    let (mut rows, mut lines) = (Vec::new(), Vec::<([String; 2], Vec<&str>)>::new());
    for abi in tables.abis.iter().filter(chosen) {
        let asked_for = |run: &&Run<'_>| asked.is(abi, run.number, run.name);
        let runs: Vec<&Run<'_>> = records.of(abi).iter().filter(asked_for).collect();
        let (there, others): (Vec<&Run<'_>>, Vec<_>) =
            runs.iter().partition(|run| records.had(run, kernel) == Some(true));
        if !there.is_empty() {
            rows.extend(there.into_iter().map(|run| {
                let (since, until) = dates(records, abi, run);
                [abi.name.clone(), short(abi, run.number), run.name.to_owned(), since, until]
            }));
            continue;
        }
        let periods = || periods(records, abi, &asked, &runs);
        let known = others.iter().all(|run| records.had(run, kernel).is_some());
        let had_abi = records.had_abi(abi, kernel);
        let reason = || match asked {
            Asked::Name(name) => reason(&reasons, records, tables, abi, name, kernel),
            Asked::Number(_) => None,
        };
        let (what, why) = match had_abi {
            Some(false) => ("not", "the release does not have the ABI".to_owned()),
            _ if runs.is_empty() => {
                let never = || "no release has it".to_owned();
                ("not", reason().map_or_else(never, |reason| reason.advice()))
            }
            // Why other kernels do not have the call is another question.
            Some(true) if known => ("not", periods() + &instead(reason())),
            _ => ("not known whether", periods()),
        };
        let line = match had_abi != Some(false) && !runs.is_empty() {
            true => dated(&asked, &why, what, kernel),
            false => [format!("{what} in Linux {kernel} on "), format!(": {why}")],
        };
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, abis)) => abis.push(&abi.name),
            None => lines.push((line, vec![&abi.name])),
        }
    }
    let named = |abi: &Abi| records.of(abi).iter().any(|run| asked.is(abi, run.number, run.name));
    if !tables.abis.iter().any(named) {
        return Err(Error::plain(format!("no release has a call {what}")));
    }
    let mut parts = Vec::new();
    parts.extend(unseen(records, kernel));
    if !rows.is_empty() {
        let mut table = vec![vec!["ABI", "number", "name", "since", "until"]];
        table.extend(rows.iter().map(|row| row.iter().map(String::as_str).collect()));
        parts.push(aligned(&table, ""));
    }
    let there = if abis.is_empty() { !rows.is_empty() } else { lines.is_empty() };
    if !lines.is_empty() {
        let line = |([before, after], abis): &([String; 2], Vec<&str>)| {
            format!("{before}{}{after}\n", abis.join(", "))
        };
        parts.push(lines.iter().map(line).collect());
    }
    Ok((parts.join("\n"), there))
}

/// Why an ABI does not have a call in a release, from what else the release has.
fn reason(
    reasons: &Reasons<'_>,
    records: &Records<'_>,
    tables: &Tables,
    abi: &Abi,
    name: &str,
    linux: &Version,
) -> Option<Reason> {
    let runs = records.of(abi);
    let today = abi.calls(tables.table(&abi.table).ok()?);
    let there = runs.iter().filter(|run| records.had(run, linux) == Some(true));
    let calls = there.map(|run| {
        let same = |call: &&Call<'_>| (call.number, call.name) == (run.number, run.name);
        let (number, name) = (run.number, run.name);
        let former = Call { number, tag: None, name, entry: None, compat: None, noreturn: false };
        today.iter().find(same).cloned().unwrap_or(former)
    });
    let calls: Vec<_> = calls.collect();
    reason_with(reasons, Having { abi, linux, calls: &calls, runs }, name)
}

/// The same, from the calls that a kernel has: it must have what is to be used instead.
pub(super) fn reason_with(reasons: &Reasons<'_>, having: Having<'_>, name: &str) -> Option<Reason> {
    let mut reason = reasons.of(having, name)?;
    if !reason.calls().iter().all(|wanted| having.calls.iter().any(|call| call.name == *wanted)) {
        reason.instead.clear();
    }
    Some(reason)
}

/// What to use instead, as the end of a line.
fn instead(reason: Option<Reason>) -> String {
    match reason {
        Some(Reason { instead, .. }) if !instead.is_empty() => format!("; use {instead}"),
        _ => String::new(),
    }
}

/// Says what is not known of a release that no tree was read of.
pub(super) fn unseen(records: &Records<'_>, kernel: &Version) -> Option<String> {
    let releases = &records.history.releases;
    let at = releases.partition_point(|release| release.linux.series() < kernel.series());
    let linux = |at: usize| releases.get(at).map(|release| &release.linux);
    Some(match (at.checked_sub(1).and_then(linux), linux(at)) {
        (_, Some(release)) if release.series() == kernel.series() => return None,
        (Some(before), Some(after)) => format!(
            "No tree of Linux {kernel} was read: of calls that came or went after {before} and by \
             {after}, it\nis not known whether it has them.\n"
        ),
        (None, Some(oldest)) => {
            format!("Linux {kernel} is older than what is known, which begins with {oldest}.\n")
        }
        (before, None) => {
            let newest =
                before.map_or(String::new(), |newest| format!(", which ends with {newest}"));
            format!("Linux {kernel} is newer than what is known{newest}.\n")
        }
    })
}

fn dates(records: &Records<'_>, abi: &Abi, run: &Run<'_>) -> (String, String) {
    let (since, until) = records.dates_of(abi, run);
    let text = |date: Option<String>| date.unwrap_or_default();
    (text(since.map(|since| since.to_string())), text(until.map(|until| until.to_string())))
}

/// From when to when an ABI had a run, in words.
fn period(records: &Records<'_>, abi: &Abi, run: &Run<'_>) -> String {
    let (since, until) = records.dates_of(abi, run);
    let since = since.map(|since| match since {
        Since { exact: false, after: Some(after), by } => {
            format!("added after {after} and by {by}")
        }
        since => format!("since {since}"),
    });
    let until = until.map(|until| match until {
        Until { exact: false, last, gone_by } => format!("removed after {last} and by {gone_by}"),
        until => format!("until {until}"),
    });
    since.into_iter().chain(until).collect::<Vec<_>>().join(", ")
}

/// From when to when an ABI had what is asked for. A number is of no use without the name.
fn periods(records: &Records<'_>, abi: &Abi, asked: &Asked<'_>, runs: &[&Run<'_>]) -> String {
    let period = |run: &&Run<'_>| match asked {
        Asked::Name(_) => period(records, abi, run),
        Asked::Number(_) => {
            format!("{} is {}, {}", short(abi, run.number), run.name, period(records, abi, run))
        }
    };
    runs.iter().map(period).collect::<Vec<_>>().join("; ")
}

/// That a kernel does not have a call which others have, `why`: the text before the ABIs and after
/// them. Of a number, the periods begin the line, since they have the name.
fn dated(asked: &Asked<'_>, why: &str, what: &str, kernel: &Version) -> [String; 2] {
    match asked {
        Asked::Name(_) => [format!("{what} in Linux {kernel} on "), format!(": {why}")],
        Asked::Number(_) => [format!("{why}: {what} in Linux {kernel} on "), String::new()],
    }
}

/// That a kernel does not have a call on an ABI, if the history has it only later: the text before
/// the ABI and after it.
pub(super) fn later(
    records: &Records<'_>,
    abi: &Abi,
    asked: &Asked<'_>,
    kernel: &Version,
    reason: impl FnOnce(&str) -> Option<Reason>,
) -> Option<[String; 2]> {
    let runs = records.of(abi).iter();
    let runs = runs.filter(|run| asked.is(abi, run.number, run.name));
    let runs: Vec<&Run<'_>> = runs.filter(|run| records.is_later(run, kernel)).collect();
    if runs.is_empty() {
        return None;
    }
    let mut why = periods(records, abi, asked, &runs);
    // Of a number, the ABI is at the end of the line.
    if let Asked::Name(name) = asked {
        why += &instead(reason(name));
    }
    Some(dated(asked, &why, "not", kernel))
}

/// The rows of an ABI that ended before a kernel, whose table this is, of the runs asked for: a
/// line each, and whether the table has the row again.
pub(super) fn former(
    records: &Records<'_>,
    abi: &Abi,
    table: &KernelTable,
    kernel: &Version,
    asked: impl Fn(&Run<'_>) -> bool,
) -> Vec<(String, bool)> {
    let line = |(run, back): (&Run<'_>, bool)| {
        let period = period(records, abi, run);
        (format!("{} {}, {period}", short(abi, run.number), run.name), back)
    };
    let former = records.former(abi, table).into_iter();
    former.filter(|(run, _)| asked(run) && records.has_ended(run, kernel)).map(line).collect()
}

/// The trees that show since when and until when a call is there.
pub(super) fn evidence(records: &Records<'_>, abi: &Abi, number: u32, name: &str) -> [String; 2] {
    let Some(run) = records.run(abi, number, name) else { return Default::default() };
    let releases = &records.history.releases;
    let tree = |at: usize| &releases[at].tree;
    let since = records.history.since(abi, run);
    let shown = tree(run.since);
    let stable = if shown.is_stable() { ", a stable update" } else { "" };
    let since = match since.after {
        Some(_) => {
            format!("{since} (seen in {shown}{stable}; not in {})", tree(run.since - 1))
        }
        None => format!("{since} (seen in {shown}; no older tree shows the ABI)"),
    };
    let until = records.history.until(run).zip(run.until).map(|(until, last)| {
        format!("{until} (seen in {}; not in {})", tree(last), tree(last + 1))
    });
    [since, until.unwrap_or_default()]
}
