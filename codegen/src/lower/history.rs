//! The first and last release of each call of each ABI, as data for `aio_sys::Abi`.

use super::lookup::{Lookup, Pool, Strings, index, strings};
use crate::Error;
use crate::tables::Tables;
use crate::tables::history::Run;

/// The index for "no release".
const NO_RELEASE: u8 = u8::MAX;

/// The input of the printer of the history.
#[derive(Default)]
pub(crate) struct Dates<'t> {
    /// The numbers of each release, and whether trees of all releases between it and the one before
    /// it were read.
    pub(crate) releases: Vec<([u32; 3], bool)>,
    /// The first and the last release of each ABI, and whether it may be older.
    pub(crate) spans: Vec<(u8, u8, bool)>,
    /// The release that gave the number of each slot its name.
    pub(crate) since: Vec<u8>,
    /// Names that numbers had: number, name, first and last release.
    pub(crate) past: Vec<(u32, u16, u8, u8)>,
    /// For each ABI, the start of the names that it does not have any more and of earlier periods
    /// of those that it has; then the end.
    pub(crate) past_of: Vec<u16>,
    pub(crate) names: Strings<&'t str>,
}

/// Lowers the history of the ABIs, whose calls already have slots.
pub(super) fn dates<'t>(tables: &'t Tables, lookup: &Lookup<'t>) -> Result<Dates<'t>, Error> {
    let history = tables.history()?;
    let mut dates = Dates { past_of: vec![0], ..Dates::default() };
    for release in &history.releases {
        dates.releases.push((release.linux.series(), release.unseen.is_empty()));
    }
    let mut names = Pool::default();
    for facts in &lookup.abis {
        let runs = history.runs(facts.abi, facts.table);
        dates.spans.push(match history.span(facts.abi) {
            Some(span) => (release(span.first)?, last(span.last)?, span.older),
            None => (NO_RELEASE, NO_RELEASE, false),
        });
        let until = history.span(facts.abi).and_then(|span| span.last);
        let mut past = Vec::new();
        let mut each = runs.as_slice();
        for numbers in &facts.runs {
            for at in 0..numbers.count {
                let number = numbers.first + at as u32;
                let [name, ..] = lookup.slots[numbers.slot + at];
                // Former numbers may have no slot.
                let before = each.partition_point(|run| run.number < number);
                let (gone, rest) = each.split_at(before);
                let (here, rest) = rest.split_at(rest.partition_point(|run| run.number == number));
                each = rest;
                past.extend(gone.iter().copied());
                let name = lookup.names.items.get(name as usize);
                let present = here.iter().find(|run| run.until == until && Some(&run.name) == name);
                dates.since.push(match present {
                    Some(run) => release(run.since)?,
                    None => NO_RELEASE,
                });
                for run in here.iter().filter(|run| Some(*run) != present) {
                    match present {
                        // An alias that is older than the name was the name.
                        Some(present) if run.until == until && run.since < present.since => {
                            past.push(Run { until: Some(present.since - 1), ..*run });
                        }
                        Some(_) if run.until == until => {}
                        _ => past.push(*run),
                    }
                }
            }
        }
        past.extend(each.iter().copied());
        let calls = facts.abi.calls(facts.table);
        let still = |run: &Run<'_>| {
            calls.iter().any(|call| (call.number, call.name) == (run.number, run.name))
        };
        let (earlier, removed): (Vec<_>, Vec<_>) = past.into_iter().partition(still);
        for runs in [removed, earlier] {
            for run in runs {
                let (since, until) = (release(run.since)?, last(run.until)?);
                dates.past.push((run.number, names.of(run.name), since, until));
            }
            dates.past_of.push(index(dates.past.len())?);
        }
    }
    dates.names = strings(names.items)?;
    Ok(dates)
}

/// An index in the type in which it is stored.
fn release(at: usize) -> Result<u8, Error> {
    let what = "there are more releases than what is emitted has room for; make lower/history.rs \
                wider";
    u8::try_from(at).ok().filter(|at| *at != NO_RELEASE).ok_or_else(|| Error::plain(what))
}

fn last(at: Option<usize>) -> Result<u8, Error> {
    at.map_or(Ok(NO_RELEASE), release)
}
