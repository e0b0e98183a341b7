//! What the history knows of each call, for the reports.

use crate::Error;
use crate::tables::history::{History, Run, Since, Span, Until};
use crate::tables::{Abi, KernelTable, Tables};
use crate::version::Version;
use std::collections::{BTreeMap, BTreeSet};

/// Since when and until when, as far as that is known.
pub(crate) type Dates<'h> = (Option<Since<'h>>, Option<Until<'h>>);

/// The runs of every ABI.
pub(crate) struct Records<'t> {
    pub(crate) history: &'t History,
    runs: BTreeMap<&'t str, Vec<Run<'t>>>,
}

impl<'t> Records<'t> {
    /// Those of tables that a history is beside.
    pub(crate) fn new(tables: &'t Tables) -> Result<Records<'t>, Error> {
        let history = tables.history()?;
        let read = tables.imported()?;
        let mut runs = BTreeMap::new();
        for abi in &tables.abis {
            if let Some(table) = read.get(abi.table.as_str()) {
                runs.insert(abi.name.as_str(), history.runs(abi, table));
            }
        }
        Ok(Records { history, runs })
    }

    /// The ABIs that have or had a call, in the order of their names.
    pub(crate) fn having(&self, call: &str) -> Vec<&'t str> {
        let has = |runs: &[Run<'_>]| runs.iter().any(|run| run.name == call);
        self.runs.iter().filter(|(_, runs)| has(runs)).map(|(abi, _)| *abi).collect()
    }

    /// Every run of an ABI, by number and release.
    pub(crate) fn of(&self, abi: &Abi) -> &[Run<'t>] {
        self.runs.get(abi.name.as_str()).map_or(&[], Vec::as_slice)
    }

    /// The last run of a number and a name.
    pub(crate) fn run(&self, abi: &Abi, number: u32, name: &str) -> Option<&Run<'t>> {
        let runs = self.of(abi);
        let here = runs.partition_point(|run| run.number < number);
        let same = runs[here..].iter().take_while(|run| run.number == number);
        same.filter(|run| run.name == name).last()
    }

    /// Since when a number has a name, and until when.
    pub(crate) fn dates(&self, abi: &Abi, number: u32, name: &str) -> Dates<'_> {
        self.run(abi, number, name).map_or((None, None), |run| self.dates_of(abi, run))
    }

    /// The same of a run.
    pub(crate) fn dates_of(&self, abi: &Abi, run: &Run<'_>) -> Dates<'_> {
        (Some(self.history.since(abi, run)), self.history.until(run))
    }

    /// Whether a kernel has a run; `None` where that is not known: where no tree of its release was
    /// read, and one of the releases around it has the run, and where it is older or newer than all
    /// that is known.
    pub(crate) fn had(&self, run: &Run<'_>, kernel: &Version) -> Option<bool> {
        let releases = &self.history.releases;
        let has = |at: usize| {
            releases.get(at)?;
            Some(run.since <= at && run.until.is_none_or(|until| at <= until))
        };
        let at = releases.partition_point(|release| release.linux.series() < kernel.series());
        if releases.get(at).is_some_and(|release| release.linux.series() == kernel.series()) {
            return has(at);
        }
        let before = at.checked_sub(1).and_then(has);
        before.filter(|before| Some(*before) == has(at))
    }

    /// Whether a kernel is neither older nor newer than all that is known.
    pub(crate) fn covers(&self, kernel: &Version) -> bool {
        let releases = &self.history.releases;
        let ends = releases.first().zip(releases.last());
        ends.is_some_and(|(oldest, newest)| {
            (oldest.linux.series()..=newest.linux.series()).contains(&kernel.series())
        })
    }

    /// Whether a kernel has an ABI; `None` where that is not known.
    pub(crate) fn had_abi(&self, abi: &Abi, kernel: &Version) -> Option<bool> {
        let Some(Span { first, last, older }) = self.history.span(abi) else { return Some(false) };
        let run = Run { number: 0, name: "", since: first, until: last };
        let before = older && kernel.series() < self.history.releases[first].linux.series();
        self.had(&run, kernel).filter(|_| !before)
    }

    /// Whether it can be that a kernel `has` a number with a name, or does not have it; `None`
    /// where its release is not known, or not with that ABI, and of a row that no release has. Of a
    /// release of which no tree was read, both can be if the releases around it differ.
    pub(crate) fn can_be(
        &self,
        abi: &Abi,
        (number, name): (u32, &str),
        kernel: &Version,
        has: bool,
    ) -> Option<bool> {
        self.had_abi(abi, kernel)?;
        let same = |run: &&Run<'_>| run.number == number && run.name == name;
        let runs: Vec<&Run<'_>> = self.of(abi).iter().filter(same).collect();
        if runs.is_empty() {
            return None;
        }
        let had: Vec<Option<bool>> = runs.into_iter().map(|run| self.had(run, kernel)).collect();
        let known = had.contains(&Some(true)) || !had.contains(&None);
        Some(!known || has == had.contains(&Some(true)))
    }

    /// Whether a run began after a kernel.
    pub(crate) fn is_later(&self, run: &Run<'_>, kernel: &Version) -> bool {
        self.history.releases[run.since].linux.series() > kernel.series()
    }

    /// Whether a run ended before a kernel.
    pub(crate) fn has_ended(&self, run: &Run<'_>, kernel: &Version) -> bool {
        let last = run.until.map(|until| self.history.releases[until].linux.series());
        last.is_some_and(|last| last < kernel.series())
    }

    /// The rows that neither a table has nor the newest release, `false`; and `true`, earlier runs
    /// of rows that were removed and that the table has again.
    pub(crate) fn former(&self, abi: &Abi, table: &KernelTable) -> Vec<(&Run<'t>, bool)> {
        let calls = abi.calls(table);
        let there: BTreeSet<_> = calls.iter().map(|call| (call.number, call.name)).collect();
        let mut former = Vec::new();
        let mut runs = self.of(abi);
        // Runs are in order of number and release.
        while let [run, later @ ..] = runs {
            let back = there.contains(&(run.number, run.name));
            let mut same = later.iter().take_while(|later| later.number == run.number);
            if if back { same.any(|later| later.name == run.name) } else { run.until.is_some() } {
                former.push((run, back));
            }
            runs = later;
        }
        former
    }
}
