//! Changes from release to release, for `tables/history.toml`.

use super::{Files, render};
use crate::Error;
use crate::tables::history::{Changes, FILE, History, Release};
use crate::tables::{Abi, Extra, KernelTable, Row, Tables, Taker};
use crate::version::Version;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of an ABI: number without base, and name.
type Rows = BTreeSet<(u32, String)>;

/// The rows of each ABI before a release and in it; `None` where the kernel does not have the ABI.
type BothRows<'t> = Vec<(&'t Abi, Option<Rows>, Option<Rows>)>;

/// Builds the history from kernels whose numbers were imported, the oldest first. `facts` are the
/// committed tables; from them and the history, each row of each kernel can be derived.
///
/// # Errors
/// Two kernels are of the same release, the tables of one cannot be read, or the committed tables
/// are not from the newest kernel that has them.
pub fn from_releases(kernels: &[(Version, Tables)], facts: &Tables) -> Result<String, Error> {
    let mut history = History::default();
    let corrections = facts.corrections()?;
    let mut states: Vec<BTreeMap<&str, Rows>> = Vec::new();
    for (tree, tables) in kernels {
        let mut now = BTreeMap::new();
        for abi in &facts.abis {
            let Some(mut rows) = rows(abi, tables)? else { continue };
            corrections.apply(&abi.name, tree, &mut rows);
            if !rows.is_empty() {
                now.insert(abi.name.as_str(), rows);
            }
        }
        let both = facts.abis.iter().map(|abi| {
            let name = abi.name.as_str();
            let before = states.last().and_then(|before| before.get(name));
            (abi, before.cloned(), now.get(name).cloned())
        });
        add(&mut history, tree, &both.collect(), |abi| {
            corrections.unreadable(&abi.name).is_some()
        })?;
        states.push(now);
    }
    for abi in &facts.abis {
        let table = facts.table(&abi.table)?;
        for (at, state) in states.iter().enumerate() {
            let (is, should) = (history.rows(abi, table, at), state.get(abi.name.as_str()));
            if is.as_ref() == should {
                continue;
            }
            let empty = Rows::new();
            let (is, should) = (is.unwrap_or_default(), should.unwrap_or(&empty));
            let (nr, name) = is.symmetric_difference(should).next().cloned().unwrap_or_default();
            let what = format!(
                "is of Linux {}, from which the rows of {} in Linux {} do not follow: {nr} {name} \
                 is in one of them; import the newest kernel first",
                table.linux, abi.name, kernels[at].0
            );
            return Err(Error::in_file(facts.path(&format!("{}.toml", abi.table)), what));
        }
    }
    Ok(render::history(&history))
}

/// The rows of an ABI, if the tables have it.
fn rows(abi: &Abi, tables: &Tables) -> Result<Option<Rows>, Error> {
    if !tables.has_table(&abi.table) {
        return Ok(None);
    }
    let calls = abi.calls(tables.table(&abi.table)?);
    let rows: Rows =
        calls.iter().map(|call| (call.number - abi.base, call.name.to_owned())).collect();
    Ok((!rows.is_empty()).then_some(rows))
}

/// The history after an import into the repository, whose tables are `old` before it and `new`
/// after it.
///
/// # Errors
/// The tables cannot be read.
pub fn updated(old: &Tables, new: &Tables, tree: &Version) -> Result<Option<String>, Error> {
    let mut history = old.history()?.clone();
    let Some(newest) = history.releases.last() else { return Ok(None) };
    if tree.series() < newest.linux.series() {
        // The table of an ABI that the kernel has removed.
        return Ok(None);
    }
    // Replaces what an import of an earlier update recorded for the release.
    let earlier = history.releases.iter().filter(|release| release.linux < tree.release()).count();
    let Some(last) = earlier.checked_sub(1) else { return Ok(None) };
    let mut both = BothRows::new();
    for abi in new.abis.iter().filter(|abi| old.has_table(&abi.table)) {
        let before = history.rows(abi, old.table(&abi.table)?, last);
        let table = new.table(&abi.table)?;
        let frozen = new.sources.iter().any(|s| s.name == abi.table && s.frozen.is_some());
        if frozen {
            both.push((abi, before, None));
        } else if table.linux.series() == tree.series() {
            both.push((abi, before, rows(abi, new)?));
        }
    }
    history.releases.truncate(earlier);
    add(&mut history, tree, &both, |_| false)?;
    Ok(Some(render::history(&history)))
}

/// A change: a row that came, one that went, or both, which is a new name or another number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unit {
    pub(super) added: Option<(u32, String)>,
    pub(super) removed: Option<(u32, String)>,
}

/// Pairs rows that were added and removed at the same time.
pub(super) fn units(mut added: Rows, removed: Rows) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut pair = |removed: Rows, same: fn(&(u32, String), &(u32, String)) -> bool| {
        let mut rest = Rows::new();
        for gone in removed {
            let mut came = added.iter().filter(|row| same(row, &gone));
            // Several rows cannot be paired.
            let one = came.next().cloned().filter(|_| came.next().is_none());
            match one {
                Some(row) => {
                    added.remove(&row);
                    units.push(Unit { added: Some(row), removed: Some(gone) });
                }
                None => {
                    rest.insert(gone);
                }
            }
        }
        rest
    };
    let rest = pair(removed, |(_, one), (_, other)| one == other);
    let rest = pair(rest, |(one, _), (other, _)| one == other);
    units.extend(added.into_iter().map(|row| Unit { added: Some(row), removed: None }));
    units.extend(rest.into_iter().map(|row| Unit { added: None, removed: Some(row) }));
    units
}

/// Adds a release. An ABI that is new in it may be `older`.
fn add(
    history: &mut History,
    tree: &Version,
    both: &BothRows<'_>,
    older: impl Fn(&Abi) -> bool,
) -> Result<(), Error> {
    let linux = tree.release();
    let mut release = Release {
        unseen: Vec::new(),
        tree: tree.clone(),
        seen: Vec::new(),
        arrived: Vec::new(),
        left: Vec::new(),
        changes: Vec::new(),
        linux,
    };
    if let Some(before) = history.releases.last() {
        if before.linux >= release.linux {
            let what = format!(
                "{} and {tree} are trees of the same release; pass one of them",
                before.tree
            );
            return Err(Error::plain(what));
        }
        release.unseen = Version::between(&before.linux, &release.linux);
    }
    // Changes that the same ABIs have in common are written once.
    let mut changes: BTreeMap<Unit, Vec<&Abi>> = BTreeMap::new();
    for (abi, before, now) in both {
        match (before, now) {
            (None, None) => {}
            (None, Some(_)) if history.releases.is_empty() || older(abi) => {
                release.seen.push(abi.name.clone());
            }
            (None, Some(_)) => release.arrived.push(abi.name.clone()),
            (Some(_), None) => release.left.push(abi.name.clone()),
            (Some(before), Some(now)) => {
                let added = now.difference(before).cloned().collect();
                for unit in units(added, before.difference(now).cloned().collect()) {
                    changes.entry(unit).or_default().push(abi);
                }
            }
        }
    }
    let mut groups: Vec<Changes> = Vec::new();
    for (unit, abis) in changes {
        let abis: Vec<String> = abis.iter().map(|abi| abi.name.clone()).collect();
        let at = groups.iter().position(|known| known.abis == abis).unwrap_or_else(|| {
            groups.push(Changes { abis, added: Vec::new(), removed: Vec::new() });
            groups.len() - 1
        });
        groups[at].added.extend(unit.added);
        groups[at].removed.extend(unit.removed);
    }
    release.changes = groups;
    history.releases.push(release);
    Ok(())
}

/// The tables of numbers of one release, as the history of the committed tables has them.
///
/// # Errors
/// No tree of the release was read, or the tables cannot be read.
pub fn release(tables: &Tables, linux: &Version) -> Result<Files, Error> {
    let history = tables.history()?;
    let Some(at) = history.release_of(linux) else {
        let unseen = |release: &Release| {
            release.unseen.iter().any(|unseen| unseen.series() == linux.series())
        };
        let what = match history.releases.windows(2).find(|pair| unseen(&pair[1])) {
            Some([before, after]) => format!(
                "no tree of Linux {linux} was read; compare with {} and with {}: what is added to \
                 both is not of mainline",
                before.linux.release(),
                after.linux.release()
            ),
            _ => format!("the history does not have Linux {linux}"),
        };
        return Err(Error::in_file(tables.path(FILE), what));
    };
    let mut files = Files::new();
    for source in &tables.sources {
        let table = tables.table(&source.name)?;
        let mut found = KernelTable {
            linux: history.releases[at].linux.clone(),
            takes: Vec::new(),
            extras: Vec::new(),
            errnos: Vec::new(),
            rows: Vec::new(),
            ..table.clone()
        };
        for abi in tables.abis.iter().filter(|abi| abi.table == source.name) {
            let Some(rows) = history.rows(abi, table, at) else { continue };
            // Among the names of a number, the one that is not defined only by a header today.
            let calls = abi.calls(table);
            let of_header = |(nr, name): &(u32, String)| {
                let number = abi.base.saturating_add(*nr);
                calls
                    .iter()
                    .any(|call| call.tag.is_none() && call.number == number && call.name == name)
            };
            let (aliases, named): (Vec<_>, Vec<_>) = rows.into_iter().partition(of_header);
            let mut names = Vec::new();
            let mut taken = BTreeSet::new();
            for (nr, name) in named.into_iter().chain(aliases) {
                if !taken.insert(nr) {
                    names.push((nr, name));
                    continue;
                }
                let tag = abi.name.clone();
                found.rows.push(Row { nr, tag, name, entry: None, compat: None, noreturn: false });
            }
            found.takes.push(Taker { abi: abi.name.clone(), tags: vec![abi.name.clone()] });
            if !names.is_empty() {
                let abis = vec![abi.name.clone()];
                found.extras.push(Extra { abis, names, ..Extra::default() });
            }
        }
        if !found.takes.is_empty() {
            found.rows.sort_by_key(|row| row.nr);
            files.push((format!("{}.toml", source.name), render::table(&found)));
        }
    }
    Ok(files)
}
