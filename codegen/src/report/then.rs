//! What becomes of a call in another release: from the history alone.

use super::explain::{aligned, asked, short};
use super::records::Records;
use crate::Error;
use crate::tables::history::Run;
use crate::tables::{Abi, KernelTable, Tables};
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
    let chosen = |abi: &&Abi| abis.is_empty() || abis.iter().any(|only| only.name == abi.name);
    let newest = records.history.releases.last();
    let mut rows = Vec::new();
    let mut lacking: Vec<(String, Vec<&str>)> = Vec::new();
    for abi in tables.abis.iter().filter(chosen) {
        let runs: Vec<&Run<'_>> =
            records.of(abi).iter().filter(|run| asked.is(abi, run.number, run.name)).collect();
        let there = runs.iter().filter(|run| records.had(run, kernel));
        let found = there.map(|run| {
            let (since, until) = dates(records, abi, run);
            [abi.name.clone(), short(abi, run.number), run.name.to_owned(), since, until]
        });
        let before = rows.len();
        rows.extend(found);
        if rows.len() > before {
            continue;
        }
        let here = records.history.span(abi).is_some_and(|span| {
            records.had(&Run { number: 0, name: "", since: span.first, until: span.last }, kernel)
        });
        let why = match runs.as_slice() {
            _ if !here => "the release does not have the ABI".to_owned(),
            [] => "no release has it".to_owned(),
            runs => {
                let runs = runs.iter().map(|run| match dates(records, abi, run) {
                    (since, until) if until.is_empty() => format!("since {since}"),
                    (since, until) => format!("since {since}, until {until}"),
                });
                runs.collect::<Vec<_>>().join("; ")
            }
        };
        match lacking.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, abis)) => abis.push(&abi.name),
            None => lacking.push((why, vec![&abi.name])),
        }
    }
    let named = |abi: &Abi| records.of(abi).iter().any(|run| asked.is(abi, run.number, run.name));
    if !tables.abis.iter().any(named) {
        return Err(Error::plain(format!("no release has a call {what}")));
    }
    let mut out = String::new();
    if !rows.is_empty() {
        let mut lines = vec![vec!["ABI", "number", "name", "since", "until"]];
        lines.extend(rows.iter().map(|row| row.iter().map(String::as_str).collect()));
        out += &aligned(&lines, "");
    }
    for (at, (why, abis)) in lacking.iter().enumerate() {
        let blank = if at == 0 && !out.is_empty() { "\n" } else { "" };
        out += &format!("{blank}not in Linux {kernel} on {}: {why}\n", abis.join(", "));
    }
    let unseen = records.history.releases.iter().flat_map(|release| &release.unseen);
    if unseen.into_iter().any(|unseen| unseen.series() == kernel.series()) {
        out += &format!("\nNo tree of Linux {kernel} was read: what changed in it is not known.\n");
    } else if newest.is_some_and(|newest| newest.linux.series() < kernel.series()) {
        out += &format!("\nLinux {kernel} is newer than what is known.\n");
    }
    Ok((out, abis.is_empty() || lacking.is_empty()))
}

fn dates(records: &Records<'_>, abi: &Abi, run: &Run<'_>) -> (String, String) {
    let (since, until) = records.dates_of(abi, run);
    let text = |date: Option<String>| date.unwrap_or_default();
    (text(since.map(|since| since.to_string())), text(until.map(|until| until.to_string())))
}

/// The former rows of an ABI with this table, of the runs asked for: a line each, and whether the
/// table has the row again.
pub(super) fn former(
    records: &Records<'_>,
    abi: &Abi,
    table: &KernelTable,
    asked: impl Fn(&Run<'_>) -> bool,
) -> Vec<(String, bool)> {
    let line = |(run, back): (&Run<'_>, bool)| {
        let (since, until) = dates(records, abi, run);
        let line = format!("{} {}, since {since}, until {until}", short(abi, run.number), run.name);
        (line, back)
    };
    records.former(abi, table).into_iter().filter(|(run, _)| asked(run)).map(line).collect()
}

/// The trees that show since when and until when a call is there.
pub(super) fn evidence(records: &Records<'_>, abi: &Abi, number: u32, name: &str) -> [String; 2] {
    let Some(run) = records.run(abi, number, name) else { return Default::default() };
    let releases = &records.history.releases;
    let tree = |at: usize| &releases[at].tree;
    let since = records.history.since(abi, run);
    let with = format!("Linux {since}: the tree {} has it", tree(run.since));
    let since = match since.after {
        Some(_) => format!("{with}, {} does not", tree(run.since - 1)),
        None => format!("{with}, and no older one shows the ABI"),
    };
    let until = records.history.until(run).zip(run.until).map(|(until, last)| {
        format!("Linux {until}: the tree {} has it, {} does not", tree(last), tree(last + 1))
    });
    [since, until.unwrap_or_default()]
}
