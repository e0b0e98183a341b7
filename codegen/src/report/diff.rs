//! The differences between two sets of tables, per ABI and name, as text or JSON.
//!
//! Tags, the order of rows and whether a call returns are ignored. A reserved number has the entry
//! point `sys_ni_syscall`, as in the kernel. If one side has no entry points of an ABI, as headers
//! do not, entry points are not compared.

use super::records::Records;
use crate::Error;
use crate::source::Source;
use crate::tables::corrections::Unreadable;
use crate::tables::history::Since;
use crate::tables::{Abi, Call, Extra, KernelTable, NO_CALL, Tables};
use crate::term::{BOLD, GREEN, RED, YELLOW, counted, plain};
use crate::version::Version;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The kind of a side's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory of imported tables. It has the tables of removed ABIs, too.
    Tables,
    /// A kernel source tree.
    Linux,
    /// Installed headers, which are for a few ABIs only.
    Headers,
    /// A release from the history.
    Release,
}

impl Kind {
    /// Its option on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Tables => "tables",
            Kind::Linux => "linux",
            Kind::Headers => "headers",
            Kind::Release => "release",
        }
    }
}

/// One side of a comparison, completely read.
pub(crate) struct Side {
    pub(crate) kind: Kind,
    /// Its directories, as the user named them.
    pub(crate) shown: String,
    /// The source of its tables, unless it is a directory of tables.
    source: Option<Source>,
    pub(crate) facts: Tables,
}

impl Side {
    /// A directory of tables.
    pub(crate) fn tables(shown: String, facts: Tables) -> Result<Side, Error> {
        Side::new(Kind::Tables, shown, None, facts)
    }

    /// The tables of a release.
    pub(crate) fn release(linux: &Version, facts: Tables) -> Result<Side, Error> {
        Side::new(Kind::Release, format!("Linux {linux}"), None, facts)
    }

    /// A kernel tree or installed headers, and the tables that were imported from them.
    pub(crate) fn imported(source: Source, facts: Tables) -> Result<Side, Error> {
        let kind = if source.is_installed() { Kind::Headers } else { Kind::Linux };
        Side::new(kind, source.shown().to_owned(), Some(source), facts)
    }

    /// Reads all existing tables of numbers, and which ABIs older kernels have unreadably.
    fn new(
        kind: Kind,
        shown: String,
        source: Option<Source>,
        facts: Tables,
    ) -> Result<Side, Error> {
        facts.imported()?;
        facts.corrections()?;
        Ok(Side { kind, shown, source, facts })
    }

    /// A table of numbers, if it exists; all existing ones were read.
    fn find_table(&self, name: &str) -> Option<&KernelTable> {
        if self.facts.has_table(name) { self.facts.table(name).ok() } else { None }
    }

    /// The table of an ABI and its calls, if the side has the ABI.
    fn calls(&self, abi: &Abi) -> Option<(&KernelTable, Vec<Call<'_>>)> {
        let table = self.find_table(&abi.table)?;
        let calls = abi.calls(table);
        if calls.is_empty() { None } else { Some((table, calls)) }
    }

    /// Why an ABI was not read, if its kernel may have it: that has the table, but not in a form
    /// that shows the ABI.
    fn unread(&self, abi: &Abi) -> Option<&Unreadable> {
        let linux = match self.kind {
            Kind::Release => self.newest()?,
            _ => &self.find_table(&abi.table)?.linux,
        };
        self.facts.corrections().ok()?.unreadable_in(&abi.name, linux)
    }

    /// The file of the table, or of the header that adds to it.
    pub(crate) fn file(&self, abi: &Abi, table: &KernelTable, call: Option<&Call>) -> String {
        let defines = |extra: &&Extra| {
            let name = call.filter(|call| call.tag.is_none()).map(|call| call.name);
            extra.names.iter().any(|(_, other)| Some(other.as_str()) == name)
        };
        match &self.source {
            None => format!("{}/{}.toml", self.shown, abi.table),
            Some(source) => {
                let file =
                    table.extras_of(abi).find(defines).map_or(&table.source, |extra| &extra.source);
                source.name(source.path(file))
            }
        }
    }

    /// The kernel of all tables.
    pub(crate) fn linux(&self) -> Option<&Version> {
        match self.kind {
            Kind::Tables => None,
            Kind::Linux | Kind::Headers | Kind::Release => self.newest(),
        }
    }

    /// The newest kernel of the tables: those of removed ABIs are from older ones.
    fn newest(&self) -> Option<&Version> {
        let tables = self.facts.sources.iter().filter_map(|source| self.find_table(&source.name));
        tables.map(|table| &table.linux).max()
    }
}

/// An ABI on both sides.
pub(crate) struct AbiDiff<'t> {
    /// The ABI.
    pub(crate) abi: &'t Abi,
    /// Its table on the old side, if that side has the ABI.
    pub(crate) old: Option<&'t KernelTable>,
    /// The same on the new side.
    pub(crate) new: Option<&'t KernelTable>,
    /// The kernel has removed the ABI, so one side does not have it; the other, a directory of
    /// tables, still does.
    pub(crate) kept: bool,
    /// Why the side that does not have the ABI has not read it.
    pub(crate) unread: Option<&'t Unreadable>,
    /// Whether each side has entry points, the old one first.
    pub(crate) entries: [bool; 2],
    /// Whether each side has compat entry points, the old one first.
    compat: [bool; 2],
    /// Names that both sides have.
    pub(crate) common: usize,
    /// The differences, by number; empty if only one side has the ABI.
    pub(crate) changes: Vec<Change<'t>>,
}

impl AbiDiff<'_> {
    /// Whether the two sides differ in it.
    pub(crate) fn differs(&self) -> bool {
        let compared = !self.kept && self.unread.is_none();
        !self.changes.is_empty() || (compared && (self.old.is_none() || self.new.is_none()))
    }

    /// If only one side has compat entry points at all: which side, and of how many calls that both
    /// have. That is one fact about the kernel, and not one about each call.
    pub(crate) fn lone_compat<'s>(
        &self,
        old: &'s Side,
        new: &'s Side,
    ) -> Option<(&'s Side, usize)> {
        let count = self.changes.iter().filter(|change| matches!(change, Compat(..))).count();
        match self.compat {
            [true, false] if count > 1 => Some((old, count)),
            [false, true] if count > 1 => Some((new, count)),
            _ => None,
        }
    }
}

/// One difference.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<'t> {
    /// The name is new.
    Added(Call<'t>),
    /// The name was removed.
    Removed(Call<'t>),
    /// Another number.
    Renumbered(Call<'t>, Call<'t>),
    /// Another name for the number.
    Renamed(Call<'t>, Call<'t>),
    /// Another native entry point.
    Entry(Call<'t>, Call<'t>),
    /// Another compat entry point.
    Compat(Call<'t>, Call<'t>),
}

use Change::{Added, Compat, Entry, Removed, Renamed, Renumbered};

impl<'t> Change<'t> {
    /// Its word, in text and in JSON.
    fn word(&self) -> &'static str {
        match self {
            Added(_) => "added",
            Removed(_) => "removed",
            Renumbered(..) => "renumbered",
            Renamed(..) => "renamed",
            Entry(..) => "entry",
            Compat(..) => "compat",
        }
    }

    /// The call on the old side, and on the new.
    pub(crate) fn sides(&self) -> (Option<&Call<'t>>, Option<&Call<'t>>) {
        match self {
            Added(new) => (None, Some(new)),
            Removed(old) => (Some(old), None),
            Renumbered(old, new) | Renamed(old, new) | Entry(old, new) | Compat(old, new) => {
                (Some(old), Some(new))
            }
        }
    }

    /// Whether no side has a row for the name: only headers define it.
    pub(crate) fn header_name(&self) -> bool {
        let (old, new) = self.sides();
        old.into_iter().chain(new).all(|call| call.tag.is_none())
    }
}

/// Compares the ABIs called `only`, or all of them.
pub(crate) fn compare<'t>(old: &'t Side, new: &'t Side, only: &[&Abi]) -> Vec<AbiDiff<'t>> {
    let mut found = Vec::new();
    let chosen = |abi: &Abi| only.iter().any(|only| only.name == abi.name);
    for abi in old.facts.abis.iter().filter(|abi| only.is_empty() || chosen(abi)) {
        let (mut common, mut changes) = (0, Vec::new());
        let (mut entries, mut compat) = ([false; 2], [false; 2]);
        let (was, is) = (old.calls(abi), new.calls(abi));
        match (&was, &is) {
            (None, None) => continue,
            (None, _) if old.kind == Kind::Headers => continue,
            (_, None) if new.kind == Kind::Headers => continue,
            (Some((_, was)), Some((_, is))) => {
                let known = |calls: &[Call]| {
                    calls.iter().any(|call| call.entry.is_some() || call.compat.is_some())
                };
                entries = [was, is].map(|calls| known(calls));
                compat = [was, is].map(|calls| calls.iter().any(|call| call.compat.is_some()));
                (common, changes) = differences(was, is, entries == [true; 2]);
            }
            _ => {}
        }
        let left = |has: &Side, missing_in: &Side| {
            let table = has.facts.sources.iter().find(|source| source.name == abi.table);
            let frozen = table.and_then(|table| table.frozen.as_ref());
            has.kind == Kind::Tables
                && frozen
                    .zip(missing_in.newest())
                    .is_some_and(|(frozen, linux)| linux.series() > frozen.series())
        };
        let kept = (is.is_none() && left(old, new)) || (was.is_none() && left(new, old));
        let missing = if is.is_none() { Some(new) } else { Some(old).filter(|_| was.is_none()) };
        let unread = missing.and_then(|side| side.unread(abi));
        let [old, new] = [was, is].map(|side| side.map(|(table, _)| table));
        found.push(AbiDiff { abi, old, new, kept, unread, entries, compat, common, changes });
    }
    found
}

/// The count of common names, and the differences.
fn differences<'t>(old: &[Call<'t>], new: &[Call<'t>], entries: bool) -> (usize, Vec<Change<'t>>) {
    let names = |calls: &[Call<'t>]| -> BTreeMap<&str, Call<'t>> {
        calls.iter().map(|call| (call.name, call.clone())).collect()
    };
    let (old_names, mut left) = (names(old), names(new));
    let mut common = 0;
    let mut changes = Vec::new();
    for call in old_names.values() {
        let renamed = || {
            // The row's number now belongs to another row, and both names are only on one side.
            let row = |other: &&Call| other.number == call.number && other.tag.is_some();
            let other = new
                .iter()
                .find(row)
                .filter(|_| call.tag.is_some() && !left.contains_key(call.name))?;
            if old_names.contains_key(other.name) { None } else { Some(other.name) }
        };
        let name = renamed().unwrap_or(call.name);
        let Some(other) = left.remove(name) else {
            changes.push(Removed(call.clone()));
            continue;
        };
        common += usize::from(name == call.name);
        let mut differs = |change: fn(Call<'t>, Call<'t>) -> Change<'t>| {
            changes.push(change(call.clone(), other.clone()));
        };
        if call.number != other.number {
            differs(Renumbered);
        }
        if call.name != other.name {
            differs(Renamed);
        }
        // A name that only headers define has the entry point of its row, which has been compared.
        if entries && call.tag.is_some() && other.tag.is_some() {
            if end(call) != end(&other) {
                differs(Entry);
            }
            if call.compat != other.compat {
                differs(Compat);
            }
        }
    }
    changes.extend(left.into_values().map(Added));
    changes.sort_by_key(|change| {
        let (old, new) = change.sides();
        (new.or(old).map(|call| call.number), old.is_none(), change.header_name())
    });
    (common, changes)
}

/// The native entry point.
pub(crate) fn end<'t>(call: &Call<'t>) -> &'t str {
    call.entry.unwrap_or(NO_CALL)
}

/// For people: an aligned line for each difference, below its ABI; in colour.
pub(crate) fn text(old: &Side, new: &Side, found: &[AbiDiff<'_>], records: &Records<'_>) -> String {
    let mut out = String::new();
    let names = |these: &dyn Fn(&AbiDiff) -> bool| -> String {
        let names: Vec<&str> =
            found.iter().filter(|abi| these(abi)).map(|abi| abi.abi.name.as_str()).collect();
        names.join(", ")
    };
    let _ = writeln!(
        out,
        "{RED}--- {}{RED:#}\n{GREEN}+++ {}{GREEN:#}",
        plain(&old.shown),
        plain(&new.shown)
    );
    for diff in found.iter().filter(|abi| !abi.changes.is_empty()) {
        let lone_compat = diff.lone_compat(old, new);
        let AbiDiff { abi, old, new, changes, .. } = diff;
        let shown = |change: &&Change| lone_compat.is_none() || !matches!(change, Compat(..));
        let changes: Vec<_> = changes.iter().filter(shown).collect();
        let [was, is] =
            [old, new].map(|table| plain(table.map_or("", |table| table.linux.as_str())));
        let linux = arrow(&was, &is);
        let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}, Linux {linux}", abi.name);
        let lines: Vec<[String; 4]> = changes
            .iter()
            .map(|change| columns(change, Mainline::of(diff, change, records)))
            .collect();
        let width = |column: usize| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
        };
        let (words, numbers, names) = (width(0), width(1), width(2));
        for (change, [word, number, name, rest]) in changes.iter().zip(&lines) {
            let colour = match change {
                Added(_) => GREEN,
                Removed(_) => RED,
                _ => YELLOW,
            };
            let line = format!("{number:>numbers$}  {name:names$}  {rest}");
            let _ = writeln!(out, "  {colour}{word:words$}{colour:#}  {}", line.trim_end());
        }
        if let Some((side, count)) = lone_compat {
            let shown = plain(&side.shown);
            let _ = writeln!(
                out,
                "  {YELLOW}compat{YELLOW:#} entry points of {count} calls are only in {shown}"
            );
        }
    }
    out.push('\n');
    let mut summary = |what: &str, names: String| {
        if !names.is_empty() {
            let _ = writeln!(out, "{what}: {names}");
        }
    };
    let only = |abi: &AbiDiff| !abi.kept && abi.unread.is_none();
    summary(
        &format!("only in {}", plain(&old.shown)),
        names(&|abi| abi.new.is_none() && only(abi)),
    );
    // The history has an ABI only from the first tree on that shows it.
    let released = old.kind == Kind::Release;
    let unknown = |abi: &AbiDiff| {
        released && !abi.kept && (new.kind != Kind::Release || abi.unread.is_some())
    };
    summary(
        &format!("not compared, since the history does not have them in {}", plain(&old.shown)),
        names(&|abi| abi.old.is_none() && unknown(abi)),
    );
    summary(
        &format!("only in {}", plain(&new.shown)),
        names(&|abi| abi.old.is_none() && only(abi) && !unknown(abi)),
    );
    for AbiDiff { abi, unread, .. } in found.iter().filter(|abi| !unknown(abi)) {
        if let Some(unread) = unread {
            summary("not compared", format!("{}, which is {unread}", abi.name));
        }
    }
    summary("not compared, since the kernel has removed them", names(&|abi| abi.kept));
    let both = |abi: &AbiDiff| abi.old.is_some() && abi.new.is_some();
    let shown = |side: &Side| match side.kind {
        Kind::Release => "the history".to_owned(),
        _ => plain(&side.shown),
    };
    for (entries, who) in [
        ([false, true], format!("{} has none", shown(old))),
        ([true, false], format!("{} has none", shown(new))),
        ([false, false], "neither side has any".to_owned()),
    ] {
        summary(
            &format!("entry points not compared, since {who}"),
            names(&|abi| both(abi) && abi.entries == entries && new.kind != Kind::Release),
        );
    }
    let is_same = |abi: &AbiDiff| both(abi) && !abi.differs();
    // Where nothing differs, the names say nothing.
    let same = match found.iter().filter(|abi| both(abi)).count() {
        0 => String::new(),
        all if found.iter().filter(|abi| is_same(abi)).count() == all => counted(all, "ABI"),
        _ => names(&is_same),
    };
    summary("the same", same);
    out
}

/// What mainline has of an added call that the release of its kernel does not have.
enum Mainline<'r> {
    Nothing,
    Since(Since<'r>),
}

impl<'r> Mainline<'r> {
    fn of(diff: &AbiDiff<'_>, change: &Change, records: &'r Records<'_>) -> Option<Mainline<'r>> {
        let (Added(call), Some(table)) = (change, diff.new) else { return None };
        match records.dates(diff.abi, call.number, call.name).0 {
            _ if !records.covers(&table.linux) => None,
            None => Some(Mainline::Nothing),
            Some(since) if since.by.series() > table.linux.series() => Some(Mainline::Since(since)),
            Some(_) => None,
        }
    }
}

/// The change, the number, the name, and details.
fn columns(change: &Change, mainline: Option<Mainline<'_>>) -> [String; 4] {
    let name = |call: &Call| plain(call.name);
    let entry = |entry: Option<&str>| entry.map_or("–".to_owned(), plain);
    let ends = |call: &Call| {
        [call.entry, call.compat].into_iter().flatten().map(plain).collect::<Vec<_>>().join(" ")
    };
    let (number, name, mut rest) = match change {
        Added(call) | Removed(call) => (call.number.to_string(), name(call), ends(call)),
        Renumbered(old, new) => {
            (format!("{} → {}", old.number, new.number), name(new), String::new())
        }
        Renamed(old, new) => (new.number.to_string(), arrow(&name(old), &name(new)), String::new()),
        Entry(old, new) => {
            (new.number.to_string(), name(new), arrow(&plain(end(old)), &plain(end(new))))
        }
        Compat(old, new) => {
            (new.number.to_string(), name(new), arrow(&entry(old.compat), &entry(new.compat)))
        }
    };
    let mainline = mainline.map(|mainline| match mainline {
        Mainline::Nothing => "private".to_owned(),
        Mainline::Since(since) => format!("mainline: {since}"),
    });
    let header_name = change.header_name().then(|| "header name".to_owned());
    for mark in header_name.into_iter().chain(mainline) {
        let space = if rest.is_empty() { "" } else { " " };
        let _ = write!(rest, "{space}({mark})");
    }
    [change.word().to_owned(), number, name, rest]
}

fn arrow(old: &str, new: &str) -> String {
    if old == new { old.to_owned() } else { format!("{old} → {new}") }
}

/// For programs; the subcommand's help describes the keys.
pub(crate) fn json(old: &Side, new: &Side, found: &[AbiDiff<'_>], records: &Records<'_>) -> String {
    let side = |side: &Side| json!({ "kind": side.kind.word(), "path": side.shown });
    let table = |table: Option<&KernelTable>| {
        table.map(|table| json!({ "linux": table.linux.as_str(), "source": table.source }))
    };
    let call = |call: Option<&Call>| -> Option<Value> {
        let Call { number, name, entry, compat, .. } = call?;
        Some(json!({ "number": number, "name": name, "entry": entry, "compat": compat }))
    };
    let change = |diff: &AbiDiff<'_>, change: &Change| {
        let (old, new) = change.sides();
        let mainline = Mainline::of(diff, change, records).map(|mainline| match mainline {
            Mainline::Nothing => "private".to_owned(),
            Mainline::Since(since) => since.to_string(),
        });
        json!({
            "change": change.word(),
            "header_name": change.header_name(),
            "mainline": mainline,
            "old": call(old),
            "new": call(new),
        })
    };
    let abi = |diff: &AbiDiff| {
        json!({
            "abi": diff.abi.name,
            "old": table(diff.old),
            "new": table(diff.new),
            "left_the_kernel": diff.kept,
            "entries_compared": diff.entries == [true; 2],
            "unread": diff.unread.map(ToString::to_string),
            "changes": diff.changes.iter().map(|one| change(diff, one)).collect::<Vec<_>>(),
        })
    };
    let abis: Vec<_> = found.iter().map(abi).collect();
    let whole = json!({
        "differs": found.iter().any(AbiDiff::differs),
        "old": side(old),
        "new": side(new),
        "abis": abis,
    });
    format!("{whole:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32, name: &'static str, entry: &'static str) -> Call<'static> {
        Call {
            number,
            tag: Some("common"),
            name,
            entry: Some(entry),
            compat: None,
            noreturn: false,
        }
    }

    fn alias(number: u32, name: &'static str) -> Call<'static> {
        Call { tag: None, ..row(number, name, "sys_a") }
    }

    #[test]
    fn each_kind_of_change() {
        let (a, b) = (row(1, "a", "sys_a"), row(2, "b", "sys_b"));
        let both = |new: &[Call<'static>]| differences(&[a.clone(), b.clone()], new, true);
        assert_eq!(both(&[b.clone(), a.clone()]), (2, vec![]));
        assert_eq!(both(std::slice::from_ref(&b)), (1, vec![Removed(a.clone())]));
        let c = row(0, "c", "sys_c");
        assert_eq!(both(&[c.clone(), a.clone(), b.clone()]), (2, vec![Added(c)]));
        let moved = row(3, "a", "sys_a");
        assert_eq!(both(&[moved.clone(), b.clone()]), (2, vec![Renumbered(a.clone(), moved)]));
        let called = row(1, "z", "sys_a");
        assert_eq!(both(&[called.clone(), b.clone()]), (1, vec![Renamed(a.clone(), called)]));
        let ends = row(1, "a", "sys_newa");
        assert_eq!(both(&[ends.clone(), b.clone()]), (2, vec![Entry(a.clone(), ends)]));
        let compat = Call { compat: Some("compat_sys_a"), ..a.clone() };
        assert_eq!(both(&[compat.clone(), b.clone()]), (2, vec![Compat(a.clone(), compat)]));
        let tagged = Call { tag: Some("64"), noreturn: true, ..a.clone() };
        assert_eq!(both(&[tagged, b.clone()]), (2, vec![]));
    }

    #[test]
    fn a_call_may_change_in_several_ways() {
        let a = row(1, "a", "sys_a");
        let z = Call { compat: Some("compat_sys_z"), ..row(1, "z", "sys_z") };
        let found =
            |entries| differences(std::slice::from_ref(&a), std::slice::from_ref(&z), entries).1;
        let changes: [fn(Call<'static>, Call<'static>) -> Change<'static>; 3] =
            [Renamed, Entry, Compat];
        assert_eq!(found(true), changes.map(|change| change(a.clone(), z.clone())));
        assert_eq!(found(false), [Renamed(a.clone(), z.clone())]);
    }

    /// Two calls that have swapped numbers are renumbered, and a name that moved away leaves its
    /// number to another.
    #[test]
    fn a_name_that_both_sides_have_is_not_renamed() {
        let (old, new) =
            ([row(1, "a", "s"), row(2, "b", "s")], [row(1, "b", "s"), row(2, "a", "s")]);
        let [a, b] = old.clone();
        assert_eq!(
            differences(&old, &new, true),
            (2, vec![Renumbered(b, new[0].clone()), Renumbered(a, new[1].clone())])
        );
        let new = [row(1, "c", "s"), row(2, "b", "s"), row(3, "a", "s")];
        assert_eq!(
            differences(&old, &new, true),
            (2, vec![Added(new[0].clone()), Renumbered(old[0].clone(), new[2].clone())])
        );
        let new = [row(1, "b", "s")];
        let [a, b] = old.clone();
        assert_eq!(
            differences(&old, &new, true),
            (1, vec![Removed(a), Renumbered(b, new[0].clone())])
        );
    }

    #[test]
    fn header_names_are_not_new_names_of_rows() {
        let a = row(1, "a", "sys_a");
        let found = |old: &[Call<'static>], new: &[Call<'static>]| differences(old, new, true).1;
        let gone = found(&[a.clone(), alias(1, "b")], &[a.clone(), alias(1, "c")]);
        assert_eq!(gone, [Removed(alias(1, "b")), Added(alias(1, "c"))]);
        assert!(gone.iter().all(Change::header_name));
        assert_eq!(
            found(&[a.clone(), alias(1, "b")], &[a.clone(), alias(9, "b")]),
            [Renumbered(alias(1, "b"), alias(9, "b"))]
        );
        // Its row has the entry point.
        let newer = row(1, "a", "sys_newa");
        let other = Call { entry: Some("sys_newa"), ..alias(1, "b") };
        assert_eq!(
            found(&[a.clone(), alias(1, "b")], &[newer.clone(), other]),
            [Entry(a.clone(), newer)]
        );
        // What one side defines in a header the other has in its table.
        let b = row(1, "b", "sys_a");
        let swapped = found(&[a.clone(), alias(1, "b")], &[b, alias(1, "a")]);
        assert_eq!(swapped, []);
    }

    #[test]
    fn a_reserved_number_ends_in_sys_ni_syscall() {
        let none = Call { entry: None, ..row(1, "a", "") };
        assert_eq!(
            differences(std::slice::from_ref(&none), &[row(1, "a", "sys_ni_syscall")], true).1,
            []
        );
        assert_eq!(differences(&[none], &[row(1, "a", "sys_a")], true).1.len(), 1);
    }
}
