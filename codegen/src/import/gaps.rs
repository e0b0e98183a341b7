//! Compares the tables of a tree with each other and with the committed ones: calls that one ABI
//! does not have, and calls that are in no committed table.

use super::findings::Kind;
use super::tree::{Read, Tree};
use crate::Error;
use crate::tables::{Abi, Absent, KernelTable, NO_CALL, Row, Tables, Taker};
use crate::version::Version;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers from here on are the same in every table since Linux 5.1 (alpha adds 110), so that a
/// call without a row is either a known absence or a damaged file.
const UNIFIED: u32 = 424;

/// A tree with fewer than one in so many of the release's calls is not the whole of it.
const FEW: usize = 4;

/// Names of mainline kernels since 2.6.12 that no committed table has any more.
const FORMER: &[&str] = &[
    "accept04",
    "acl_get",
    "acl_set",
    "alloc_hugepages",
    "aplib",
    "attrctl",
    "available115",
    "available151",
    "available171",
    "available179",
    "available275",
    "available279",
    "available62",
    "free_hugepages",
    "fstatat",
    "paccept",
    "perf_counter_open",
    "pread",
    "pwrite",
    "reserved244",
    "reserved286",
    "set_zone_reclaim",
    "streams1",
    "streams2",
    "sys_epoll_create",
    "sys_epoll_ctl",
    "sys_epoll_wait",
    "sys_kexec_load",
    "sys_setaltroot",
    "sysdummy",
    "sysxtensa",
];

/// An ABI's part of the table that was read.
struct Part<'r> {
    abi: &'r Abi,
    table: &'r KernelTable,
    taker: &'r Taker,
}

impl<'r> Part<'r> {
    /// The rows of calls. In a header with entry points, a number without one is only reserved. In
    /// a `.tbl`, the entry point may have been forgotten.
    fn calls(&self) -> impl Iterator<Item = &'r Row> + use<'r> {
        let rows: Vec<&Row> =
            self.table.rows.iter().filter(|row| self.taker.takes(&row.tag)).collect();
        let reserved =
            !self.table.source.ends_with(".tbl") && rows.iter().any(|row| row.entry.is_some());
        let called =
            move |row: &&Row| row.entry.as_ref().map_or(!reserved, |entry| entry != NO_CALL);
        rows.into_iter().filter(called)
    }

    /// Calls that only a header defines, such as ARM's own, with their numbers and that header.
    fn beside_the_table(&self) -> impl Iterator<Item = (u32, &'r str, &'r str)> + use<'r> {
        let Part { abi, table, taker } = *self;
        let in_table =
            move |nr: u32| table.rows.iter().any(|row| row.nr == nr && taker.takes(&row.tag));
        let extras = table.extras_of(abi);
        let names = extras.flat_map(|extra| {
            extra.names.iter().map(|(nr, name)| (*nr, name.as_str(), extra.source.as_str()))
        });
        names.filter(move |(nr, ..)| !in_table(*nr))
    }

    /// Whether its numbers from [`UNIFIED`] on are the common ones: alpha's are higher, and x32 has
    /// its own calls in that range.
    fn shares(&self) -> bool {
        !["alpha", "x32"].contains(&self.abi.name.as_str())
    }

    /// Those with a number that all ABIs share.
    fn unified(&self) -> impl Iterator<Item = &'r Row> + use<'r> {
        self.calls().filter(|row| row.nr >= UNIFIED)
    }
}

/// Reports private calls and gaps.
pub(super) fn report<'r>(
    tree: &'r Tree<'_>,
    read: &'r Read<'_>,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let part = |abi: &'r Abi| {
        let Abi { name, table, .. } = abi;
        let (_, table) = read.iter().find(|(source, _)| source.name == *table)?;
        let taker = table.takes.iter().find(|taker| taker.abi == *name)?;
        Some(Part { abi, table, taker })
    };
    let parts: Vec<Part<'_>> = tree.facts.abis.iter().filter_map(part).collect();
    let is_wanted = |part: &Part<'_>| wanted(&part.abi.table);
    let mut few = private(tree, &parts, is_wanted)?;
    few.extend(backports(tree, &parts, &few, is_wanted)?);
    let known = Tables::embedded()?;
    for part in parts.iter().filter(|part| is_wanted(part)) {
        gaps(tree, &parts, part, &few)?;
        lost(tree, &known, part)?;
    }
    Ok(())
}

/// Reports calls that the release has and the tree does not: a copy may have ended early, or rows
/// were lost in a merge. A tree with a few calls has them on purpose. Those of the unified range
/// have been compared with the tree's other tables.
fn lost(tree: &Tree<'_>, known: &Tables, part: &Part<'_>) -> Result<(), Error> {
    let Part { abi, table, taker } = part;
    let history = known.history()?;
    let Some(release) = history.release_of(&tree.linux) else { return Ok(()) };
    let Some(rows) = history.rows(abi, known.table(&abi.table)?, release) else { return Ok(()) };
    let own = table.rows.iter().filter(|row| taker.takes(&row.tag)).map(|row| row.nr);
    let further = table.extras_of(abi).flat_map(|extra| extra.names.iter().map(|(nr, _)| *nr));
    let own: BTreeSet<u32> = own.chain(further).collect();
    let all = rows.len();
    let compared = |nr: u32| nr >= UNIFIED && part.shares();
    let lost: Vec<_> =
        rows.into_iter().filter(|(nr, _)| !own.contains(nr) && !compared(*nr)).collect();
    if lost.is_empty() || own.len() * FEW < all {
        return Ok(());
    }
    let named = |(nr, name): &(u32, String)| format!("{name} ({nr})");
    let calls = match lost.as_slice() {
        [one] => named(one),
        [first, .., last] => {
            format!("{} calls, from {} to {}", lost.len(), named(first), named(last))
        }
        [] => String::new(),
    };
    let what = format!(
        "{} does not have {calls}, which Linux {} has; is the file cut off?",
        abi.name, history.releases[release].linux
    );
    tree.findings.judge(Kind::Gap, tree.source.wrong(&table.source, what))
}

/// A call of the unified range that an ABI does not have is in `absent.toml`; otherwise the file is
/// damaged.
fn gaps(
    tree: &Tree<'_>,
    parts: &[Part<'_>],
    part: &Part<'_>,
    few: &BTreeSet<&str>,
) -> Result<(), Error> {
    let shared = parts.iter().filter(|part| part.shares());
    let mut expected: BTreeSet<&str> =
        shared.flat_map(Part::unified).map(|row| row.name.as_str()).collect();
    // x32's own numbers are at the end of its table. x86_64 has the same calls.
    if part.abi.name == "x32" {
        let x86_64 = parts.iter().filter(|part| part.abi.name == "x86_64");
        let called = x86_64.flat_map(Part::calls).filter(|row| row.entry.is_some());
        expected.extend(called.map(|row| row.name.as_str()));
    }
    let rows = part.table.rows.iter().filter(|row| part.taker.takes(&row.tag));
    let further = part.table.extras_of(part.abi).flat_map(|extra| &extra.names);
    let here: BTreeSet<&str> =
        rows.map(|row| row.name.as_str()).chain(further.map(|(_, name)| name.as_str())).collect();
    let missing: Vec<&str> = expected
        .into_iter()
        .filter(|name| !here.contains(name) && !few.contains(name) && !absent(tree, name, part.abi))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!(
        "{} does not have {}, which the tree's other tables have; if the file is complete, add the \
         reason to {}",
        part.abi.name,
        missing.join(", "),
        tree.facts.path("absent.toml")
    );
    tree.findings.judge(Kind::Gap, tree.source.wrong(&part.table.source, what))
}

/// Reports the calls that few tables of a tree have; the other tables then have no gap.
fn backports<'r>(
    tree: &Tree<'_>,
    parts: &[Part<'r>],
    private: &BTreeSet<&str>,
    wanted: impl Fn(&Part<'_>) -> bool,
) -> Result<BTreeSet<&'r str>, Error> {
    if tree.findings.is_strict() {
        return Ok(BTreeSet::new());
    }
    let mut found: BTreeMap<&str, Vec<&Part<'_>>> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.shares()) {
        for row in part.unified().filter(|row| !private.contains(row.name.as_str())) {
            found.entry(&row.name).or_default().push(part);
        }
    }
    found.retain(|name, having| {
        let absent = |part: &&Part<'_>| absent(tree, name, part.abi);
        having.len() * 3 <= parts.len() && parts.iter().filter(absent).count() == 0
    });
    for (name, having) in &found {
        let Some(first) = having.iter().find(|part| wanted(part)) else { continue };
        let abis: Vec<&str> = having.iter().map(|part| part.abi.name.as_str()).collect();
        let what =
            format!("{} has {name}, which most of the tree's tables do not have", abis.join(", "));
        tree.findings.judge(Kind::Gap, tree.at(&first.table.source, name, what))?;
    }
    Ok(found.into_keys().collect())
}

/// Whether an ABI is known not to have a call in this kernel.
fn absent(tree: &Tree<'_>, name: &str, abi: &Abi) -> bool {
    let holds = |absent: &Absent| absent.name == name && absent.holds(&abi.name, &tree.linux);
    tree.facts.absent().is_ok_and(|absent| absent.iter().any(holds))
}

/// Reports the calls that are in no committed table, unless all tables of a newer kernel have them.
fn private<'r>(
    tree: &Tree<'_>,
    parts: &[Part<'r>],
    wanted: impl Fn(&Part<'_>) -> bool,
) -> Result<BTreeSet<&'r str>, Error> {
    let Tree { facts, findings, .. } = tree;
    // In the repository, a call in only one table is a gap of all others. Below the shared numbers,
    // a new kernel may have new calls of one architecture.
    if findings.is_strict() {
        return Ok(BTreeSet::new());
    }
    let Some(committed) = newest(facts)? else { return Ok(BTreeSet::new()) };
    let newer = tree.linux > *committed.linux;
    let mut unknown: BTreeMap<&str, Vec<(&Part<'_>, u32, &str)>> = BTreeMap::new();
    let mut forgotten_entries = BTreeSet::new();
    for part in parts {
        let entries = part.table.rows.iter().any(|row| row.entry.is_some());
        // A number without an entry point may be a call whose entry was forgotten.
        let rows = part.table.rows.iter().filter(|row| part.taker.takes(&row.tag));
        let rows = rows.filter(|row| row.entry.as_deref() != Some(NO_CALL));
        let rows: Vec<&Row> = rows.collect();
        let forgotten = rows.iter().filter(|row| entries && row.entry.is_none());
        forgotten_entries.extend(forgotten.map(|row| row.name.as_str()));
        let rows = rows.iter();
        let rows = rows.map(|row| (row.nr, row.name.as_str(), part.table.source.as_str()));
        for (number, name, source) in rows.chain(part.beside_the_table()) {
            if !committed.names.contains(name) {
                unknown.entry(name).or_default().push((part, number, source));
            }
        }
    }
    let unified = parts.iter().filter(|part| part.unified().next().is_some()).count();
    unknown.retain(|_, places| !newer || places.len() * 2 <= unified);
    for (name, places) in &unknown {
        let mut places = places.iter().filter(|(part, ..)| wanted(part)).peekable();
        let Some((.., source)) = places.peek() else { continue };
        let mut numbers: Vec<(u32, Vec<&str>)> = Vec::new();
        let mut taken: Vec<String> = Vec::new();
        for (part, number, _) in places {
            if let Some(other) = mainline(facts, part.abi, *number)? {
                let other = format!("{number} is {other} there");
                if !taken.contains(&other) {
                    taken.push(other);
                }
            }
            match numbers.iter_mut().find(|(known, _)| known == number) {
                Some((_, abis)) => abis.push(&part.abi.name),
                None => numbers.push((*number, vec![&part.abi.name])),
            }
        }
        let numbers: Vec<String> = numbers
            .into_iter()
            .map(|(number, abis)| format!("{number} on {}", abis.join(", ")))
            .collect();
        if forgotten_entries.contains(name) {
            taken.push("it has no entry point, so the kernel answers ENOSYS".to_owned());
        }
        let taken: String = taken.iter().map(|other| format!("; {other}")).collect();
        let what = format!(
            "{name} ({}) is in no table of Linux {}: a private call, or one of another \
             kernel{taken}",
            numbers.join(", "),
            committed.linux,
        );
        findings.judge(Kind::Private, tree.at(source, name, what))?;
    }
    Ok(unknown.into_keys().collect())
}

/// The call that has a number of an ABI in the committed tables.
fn mainline<'f>(facts: &'f Tables, abi: &Abi, nr: u32) -> Result<Option<&'f str>, Error> {
    let imported = facts.imported()?;
    let Some(table) = imported.get(abi.table.as_str()) else { return Ok(None) };
    let number = abi.base.checked_add(nr);
    let mut calls = abi.calls(table).into_iter();
    Ok(calls.find(|call| Some(call.number) == number).map(|call| call.name))
}

/// The committed tables: their newest kernel, and all their names.
struct Committed<'f> {
    linux: &'f Version,
    names: BTreeSet<&'f str>,
}

fn newest(facts: &Tables) -> Result<Option<Committed<'_>>, Error> {
    let tables = facts.imported()?;
    let mut names: BTreeSet<&str> =
        facts.absent()?.iter().map(|absent| absent.name.as_str()).collect();
    names.extend(FORMER);
    for table in tables.values() {
        names.extend(table.rows.iter().map(|row| row.name.as_str()));
        let extras = table.extras.iter().flat_map(|extra| &extra.names);
        names.extend(extras.map(|(_, name)| name.as_str()));
    }
    let linux = tables.values().map(|table| &table.linux).max();
    Ok(linux.map(|linux| Committed { linux, names }))
}
