//! What becomes of a call: from the instruction through the kernel's labels and tables to the
//! function that it ends in.

use super::records::Records;
use super::then::{evidence, former, later, reason_with};
use crate::Error;
use crate::lower::{Having, Reasons, SubCall, registers};
use crate::tables::corrections::Corrections;
use crate::tables::history::Run;
use crate::tables::{
    Abi, Bare, Call, Called, Convention, Entry, Extra, KernelTable, NO_CALL, Prototype, Tables, Why,
};
use crate::term::plain;
use crate::version::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::iter;
use std::num::ParseIntError;

/// What is asked about.
pub(super) enum Asked<'a> {
    Name(&'a str),
    Number(u32),
}

impl Asked<'_> {
    /// Whether a call of an ABI is meant: by its name, its number, or that of the kernel's table.
    pub(super) fn is(&self, abi: &Abi, number: u32, name: &str) -> bool {
        match self {
            Asked::Name(asked) => *asked == name,
            Asked::Number(asked) => {
                *asked == number
                    || *asked < abi.base && abi.base.checked_add(*asked) == Some(number)
            }
        }
    }
}

/// An ABI with its table and its calls.
struct Listing<'t> {
    abi: &'t Abi,
    table: &'t KernelTable,
    /// The table's file.
    path: String,
    calls: Vec<Call<'t>>,
    /// The kernel of the ways into it, where the table is from another.
    ways_of: Option<Version>,
    /// Whether that is another release: its ways have other names.
    other_ways: bool,
}

/// All that an answer may need.
struct Facts<'t> {
    listings: Vec<Listing<'t>>,
    linux: &'t Version,
    prototypes: &'t [Prototype],
    bare: &'t [Bare],
    records: &'t Records<'t>,
    reasons: Reasons<'t>,
}

/// Longer names are not compared with those of calls.
const LONGEST: usize = 100;

/// The answer about a name or a number, on each of `abis` in full, or on every ABI at a glance; and
/// whether each of `abis` has the call.
pub(crate) fn explain(
    tables: &Tables,
    records: &Records<'_>,
    what: &str,
    abis: &[&Abi],
) -> Result<(String, bool), Error> {
    // Tables may be anybody's, and a terminal obeys some characters.
    let safe = |text: String| text.split('\n').map(plain).collect::<Vec<_>>().join("\n");
    answer(tables, records, what, abis).map(|(text, has)| (safe(text), has))
}

fn answer(
    tables: &Tables,
    records: &Records<'_>,
    what: &str,
    abis: &[&Abi],
) -> Result<(String, bool), Error> {
    let asked = asked(what)?;
    let read = tables.imported()?;
    let facts = Facts::new(tables, &read, records)?;
    for abi in abis {
        facts.has(abi, read.get(abi.table.as_str()).copied(), tables.corrections()?)?;
    }
    if let Asked::Name(name) = asked {
        facts.known(name)?;
    }
    if abis.is_empty() {
        return facts.everywhere(&asked, what);
    }
    let chosen =
        facts.listings.iter().filter(|listing| abis.iter().any(|abi| abi.name == listing.abi.name));
    let chosen: Vec<&Listing> = chosen.collect();
    let parts: Vec<String> = chosen.iter().map(|listing| facts.on(listing, &asked)).collect();
    Ok((parts.join("\n"), chosen.iter().all(|listing| listing.find(&asked).is_some())))
}

/// A number is decimal, or hexadecimal after `0x`.
pub(crate) fn number(text: &str) -> Result<u32, ParseIntError> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    }
}

/// No name begins with a digit.
pub(super) fn asked(what: &str) -> Result<Asked<'_>, Error> {
    if !what.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Asked::Name(what));
    }
    let refused = |_| {
        format!(
            "`{}` is not the number of a system call; expected a number or a name, such as 209, \
             0xd1 or io_submit",
            shortened(what)
        )
    };
    number(what).map(Asked::Number).map_err(|error| Error::plain(refused(error)))
}

impl<'t> Facts<'t> {
    fn new(
        tables: &'t Tables,
        read: &BTreeMap<&str, &'t KernelTable>,
        records: &'t Records<'t>,
    ) -> Result<Facts<'t>, Error> {
        let ways_of = tables.own_ways()?;
        let listing = |abi: &'t Abi| {
            let table = *read.get(abi.table.as_str())?;
            table.tags(&abi.name)?;
            let path = tables.path(&format!("{}.toml", abi.table));
            let ways_of = ways_of.get(&abi.table).filter(|linux| **linux != table.linux).cloned();
            let series = table.linux.series();
            let other_ways = ways_of.as_ref().is_some_and(|linux| linux.series() != series);
            Some(Listing { abi, table, path, calls: abi.calls(table), ways_of, other_ways })
        };
        Ok(Facts {
            listings: tables.abis.iter().filter_map(listing).collect(),
            linux: tables.prototypes_of()?,
            prototypes: tables.prototypes()?,
            bare: tables.bare()?,
            records,
            reasons: Reasons::new(tables, records.history)?,
        })
    }

    /// Refuses an ABI that the tables do not have.
    fn has(
        &self,
        abi: &Abi,
        table: Option<&KernelTable>,
        corrections: &Corrections,
    ) -> Result<(), Error> {
        let why = match table {
            None => format!("{}.toml, which has its numbers, is missing", abi.table),
            Some(table) if table.tags(&abi.name).is_none() => {
                match corrections.unreadable_in(&abi.name, &table.linux) {
                    Some(unread) => format!("it is {unread}"),
                    None => format!("they are from Linux {}, which does not have it", table.linux),
                }
            }
            Some(_) => return Ok(()),
        };
        let there: Vec<&str> =
            self.listings.iter().map(|listing| listing.abi.name.as_str()).collect();
        Err(Error::argument(
            "--abi",
            format!(
                "these tables do not have {}: {why}; expected one of {}",
                abi.name,
                there.join(", ")
            ),
        ))
    }

    /// Refuses a name that no ABI has, with those that are near to it.
    fn known(&self, name: &str) -> Result<(), Error> {
        let names = || {
            let calls =
                self.listings.iter().flat_map(|listing| listing.calls.iter().map(|call| call.name));
            let all = self.listings.iter().flat_map(|listing| self.records.of(listing.abi));
            let all = all.map(|run| run.name);
            calls.chain(self.reasons.sub_calls.iter().map(|sub| sub.name.as_str())).chain(all)
        };
        if names().any(|known| known == name) || !self.records.having(name).is_empty() {
            return Ok(());
        }
        let near = near(names(), name);
        let hint = match near.is_empty() {
            true => "`export tsv` lists them all".to_owned(),
            false => format!("did you mean {}?", near.join(" or ")),
        };
        Err(Error::plain(format!("no ABI has a call `{}`; {hint}", shortened(name))))
    }

    /// A line an ABI, and whether one has the call.
    fn everywhere(&self, asked: &Asked, what: &str) -> Result<(String, bool), Error> {
        let mut rows = Vec::new();
        // What is before and after the ABIs that it is the same for.
        let mut missing: Vec<([String; 2], Vec<&str>)> = Vec::new();
        let mut newer = false;
        let mut unbuilt: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut entries: Vec<&str> = Vec::new();
        for listing in &self.listings {
            let Some(call) = listing.find(asked) else {
                let later = self.later(listing, asked);
                newer |= later.is_some();
                let line = later.unwrap_or_else(|| {
                    let why = match asked {
                        Asked::Name(name) => self.why_absent(listing, name),
                        Asked::Number(number) => match self.of_arch(listing, *number) {
                            Some((_, name)) => self.why_absent(listing, name),
                            None => format!("no call is {what}"),
                        },
                    };
                    ["not on ".to_owned(), format!(": {why}")]
                });
                match missing.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, abis)) => abis.push(&listing.abi.name),
                    None => missing.push((line, vec![&listing.abi.name])),
                }
                continue;
            };
            let known = listing.has_entries();
            let ends_in = |compat| {
                let entry = listing.abi.ends_in(call, compat)?;
                Some(if known { entry } else { "?" })
            };
            let entry = ends_in(false);
            let compat = ends_in(true).filter(|compat| Some(*compat) != entry);
            for entry in entry.iter().chain(&compat) {
                if let Some(Bare { why: Why::NotBuilt, .. }) = self.bare(entry, listing.abi) {
                    unbuilt.entry(entry).or_default().push(&listing.abi.name);
                }
            }
            entries.extend(entry.iter().chain(&compat));
            let name = if let Asked::Name(_) = asked { "" } else { call.name };
            let number = short(listing.abi, call.number);
            let (since, until) = self.records.dates(listing.abi, call.number, call.name);
            let since = since.map_or(String::new(), |since| since.to_string());
            let until = until.map_or(String::new(), |until| until.to_string());
            rows.push((
                &listing.abi.name,
                number,
                name,
                entry.unwrap_or_default(),
                compat.unwrap_or_default(),
                [since, until],
            ));
        }
        let former: Vec<String> = self.former(asked);
        let missing = missing
            .iter()
            .map(|([before, after], abis)| format!("{before}{}{after}", abis.join(", ")));
        if rows.is_empty() && !newer && former.is_empty() {
            let Asked::Name(name) = asked else {
                return Err(Error::plain(format!("no ABI has a call {what}")));
            };
            return Ok((format!("not in these tables: {}\n", self.elsewhere(name)), false));
        }
        if rows.is_empty() {
            let missing: String = missing.filter(|_| newer).map(|line| line + "\n").collect();
            return Ok((missing + &former.concat(), false));
        }
        let name = if let Asked::Name(_) = asked { "" } else { "name" };
        let mut lines = vec![vec!["ABI", "number", name, "entry point", "compat entry point"]];
        lines[0].push("since");
        lines[0].push(if rows.iter().any(|row| !row.5[1].is_empty()) { "until" } else { "" });
        lines.extend(rows.iter().map(|(abi, number, name, entry, compat, [since, until])| {
            vec![abi.as_str(), number, name, entry, compat, since, until]
        }));
        let mut out = aligned(&lines, "");
        let unbuilt = unbuilt.iter().map(|(entry, abis)| {
            format!("ENOSYS on {}: no configuration builds {entry}", abis.join(", "))
        });
        let former = former.iter().map(|line| line.trim_end().to_owned());
        for (at, line) in missing.chain(unbuilt).chain(former).enumerate() {
            let blank = if at == 0 { "\n" } else { "" };
            let _ = writeln!(out, "{blank}{line}");
        }
        if let Asked::Name(_) = asked {
            entries.sort_unstable();
            entries.dedup();
            for entry in entries {
                self.signatures(&mut out, entry, None);
            }
        }
        let first = self.listings.iter().find(|listing| listing.abi.name == *rows[0].0);
        let shows = match first.is_some_and(|listing| listing.other_ways) {
            true => "shows more",
            false => "shows the way there",
        };
        let _ = writeln!(out, "\n`explain {what} --abi {}` {shows}.", rows[0].0);
        Ok((out, true))
    }

    /// What ABIs had once: a line for each name and number, with those that had it.
    fn former(&self, asked: &Asked) -> Vec<String> {
        let mut gone: Vec<((String, bool), Vec<&str>)> = Vec::new();
        for listing in &self.listings {
            let meant = |run: &Run<'_>| asked.is(listing.abi, run.number, run.name);
            for line in former(self.records, listing.abi, listing.table, self.linux, meant) {
                match gone.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, abis)) => abis.push(&listing.abi.name),
                    None => gone.push((line, vec![&listing.abi.name])),
                }
            }
        }
        let line = |((line, back), abis): &((String, bool), Vec<&str>)| {
            let when = if *back { "earlier" } else { "no longer" };
            format!("{when} on {}: {line}\n", abis.join(", "))
        };
        gone.iter().map(line).collect()
    }

    /// All that is known of a call on one ABI.
    fn on(&self, listing: &Listing, asked: &Asked) -> String {
        let abi = listing.abi;
        let Some(call) = listing.find(asked) else {
            if let Some([before, after]) = self.later(listing, asked) {
                return format!("{before}{}{after}\n", abi.name);
            }
            return match asked {
                Asked::Name(name) => {
                    format!("{} has no {name}: {}\n", abi.name, self.why_absent(listing, name))
                }
                Asked::Number(number) => {
                    let mut out = listing.no_such_number(*number);
                    if let Some((other, name)) = self.of_arch(listing, *number) {
                        let why = self.why_absent(listing, name);
                        let _ = writeln!(out, "  on {other} it is {name}; here: {why}");
                    }
                    out
                }
            };
        };
        let mut out = format!("{} on {}\n\n", call.name, abi.name);
        let mut number = format!("{} ({:#x})", call.number, call.number);
        if abi.base != 0 {
            let base = abi.base_macro.clone().unwrap_or_else(|| abi.base.to_string());
            let _ = write!(number, ", which is {base} + {}", call.number.wrapping_sub(abi.base));
        }
        let same = |other: &&Call| other.number == call.number;
        let row = listing.calls.iter().filter(same).find(|other| other.tag.is_some());
        let table = match row.and_then(|row| row.tag) {
            Some(tag) => {
                let (file, linux) = (&listing.table.source, &listing.table.linux);
                format!("{file} of Linux {linux}, tag {tag} ({})", listing.path)
            }
            None => format!("none: the name is from {}", listing.origin(call)),
        };
        let others = listing.calls.iter().filter(same).filter(|other| other.name != call.name);
        let others: Vec<String> =
            others.map(|other| format!("{} of {}", other.name, listing.origin(other))).collect();
        let (others, redirected) =
            (others.join(", "), listing.redirected(call).unwrap_or_default());
        let mut about = vec![vec!["number", &number], vec!["table", &table]];
        about.push(vec!["also", &others]);
        let (sub_calls, by) = self.sub_calls(listing, call.name);
        about.push(vec!["does", &sub_calls]);
        about.push(vec!["also by", &by]);
        about.push(vec!["entry point", &redirected]);
        let entry = |way: &Entry| if way.compat { call.compat.or(call.entry) } else { call.entry };
        let mut ends: Vec<String> = Vec::new();
        for way in abi.entries.iter().filter(|_| listing.other_ways && row.is_some()) {
            let (symbol, place) = self.end(listing, entry(way));
            let end = format!("{symbol} ({place})");
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        let ends = ends.join(", ");
        about.push(vec!["ends in", &ends]);
        let [mut since, until] = evidence(self.records, abi, call.number, call.name);
        let dated = self.records.dates(abi, call.number, call.name).0;
        if dated.is_some_and(|dated| *dated.by > listing.table.linux) {
            let _ = write!(since, "; the tree of this table, {}, has it", listing.table.linux);
        }
        about.push(vec!["since", &since]);
        about.push(vec!["until", &until]);
        let meant = |run: &Run<'_>| run.number == call.number || run.name == call.name;
        let was = former(self.records, abi, listing.table, self.linux, meant);
        let was = was.into_iter().map(|(line, _)| line).collect::<Vec<_>>().join("; ");
        about.push(vec!["before", &was]);
        about.push(vec!["returns", if call.noreturn { "never" } else { "" }]);
        let operands = abi.call.as_ref().map(Convention::operands).unwrap_or_default();
        let clobbers = abi.call.as_ref().map(Convention::clobbered).unwrap_or_default();
        about.push(vec!["operands", &operands]);
        let split = self.split_arguments(abi, call);
        about.push(vec!["arguments", &split]);
        about.push(vec!["clobbers", &clobbers]);
        about.retain(|line| !line[1].is_empty());
        out.push_str(&aligned(&about, "  "));
        if row.is_none() {
            out.push_str("\n  The kernel answers it outside of its table.\n");
            return out;
        }

        match &listing.ways_of {
            Some(linux) if listing.other_ways && !abi.entries.is_empty() => {
                let _ = writeln!(
                    out,
                    "\n  The ways into the kernel are known for Linux {linux}: `explain read \
                     --abi {}` shows them.",
                    abi.name
                );
            }
            Some(linux) if !listing.other_ways => {
                let _ = writeln!(out, "\n  The way into the kernel, as of Linux {linux}:");
            }
            _ => {}
        }
        let mut entries: Vec<&str> = Vec::new();
        for way in &abi.entries {
            let entry = entry(way);
            if !listing.other_ways {
                out.push('\n');
                out.push_str(&self.way(listing, way, entry));
            }
            if let Some(entry) = entry.filter(|entry| !entries.contains(entry)) {
                entries.push(entry);
            }
        }
        for entry in entries {
            self.signatures(&mut out, entry, Some(abi));
        }
        if !listing.has_entries() {
            self.of_others(&mut out, abi, call.name);
        }
        out
    }

    /// The entry points that other ABIs have for a call whose own one is not known.
    fn of_others(&self, out: &mut String, abi: &Abi, call: &str) {
        let calls = self.listings.iter().flat_map(|listing| &listing.calls);
        let same = calls.filter(|other| other.name == call);
        let mut entries: BTreeSet<&str> = same.filter_map(|other| other.entry).collect();
        // Those of one architecture are its own.
        if entries.iter().any(|entry| entry.starts_with("sys_")) {
            entries.retain(|entry| entry.starts_with("sys_"));
        }
        if entries.is_empty() {
            return;
        }
        let entries: Vec<&str> = entries.into_iter().collect();
        let entry_points = entries.join(", ");
        let _ = writeln!(
            out,
            "\n  On other ABIs of this kernel, it ends in {entry_points}. {} may have another \
             function.",
            abi.name
        );
        for entry in entries {
            self.signatures(out, entry, None);
        }
    }

    /// The ABI of the same architecture in seccomp and audit events that has a number, and the
    /// call's name, if this one has neither.
    fn of_arch(&self, listing: &Listing, number: u32) -> Option<(&str, &str)> {
        let audit = &listing.abi.audit;
        let mut others = self.listings.iter().filter(|other| {
            other.abi.name != listing.abi.name
                && other.abi.audit.iter().any(|arch| audit.contains(arch))
        });
        let (other, call) = others.find_map(|other| Some((other, other.numbered(number)?)))?;
        let there = listing.find(&Asked::Name(call.name)).is_some();
        (!there).then_some((other.abi.name.as_str(), call.name))
    }

    /// Where each argument is, if one has 64 bits and the ABI's registers have 32; else empty.
    fn split_arguments(&self, abi: &Abi, call: &Call<'_>) -> String {
        let slots = registers(self.prototypes, abi, call).unwrap_or_default();
        if !slots.iter().any(|slot| slot.ends_with(']')) {
            return String::new();
        }
        let operands = abi.call.iter().flat_map(|convention| &convention.arguments);
        let operands = operands.map(String::as_str).chain(iter::repeat("memory"));
        let places = slots.iter().zip(operands).map(|(slot, place)| format!("{slot} {place}"));
        places.collect::<Vec<_>>().join(", ") + "; [0] is the half that comes first in memory"
    }

    /// A way into the kernel, and the function it ends in.
    fn way(&self, listing: &Listing, way: &Entry, entry: Option<&str>) -> String {
        let (symbol, place) = self.end(listing, entry);
        let symbol = format!("{}{symbol}", way.prefix);
        let mut steps: Vec<Vec<&str>> = Vec::new();
        for step in way.path.iter().chain([&way.table]) {
            steps.push(vec![&step.name, &step.source]);
        }
        steps.push(vec![&symbol, &place]);
        let comma = if way.when.is_empty() { "" } else { ", " };
        let note =
            if way.note.is_empty() { String::new() } else { format!("    ({})\n", way.note) };
        format!("  {}{comma}{}\n{}{note}", way.instruction, way.when, aligned(&steps, "    "))
    }

    /// The function that a way ends in, without the way's prefix, and where it is.
    fn end<'e>(&self, listing: &Listing, entry: Option<&'e str>) -> (&'e str, String) {
        match entry {
            None if !listing.has_entries() => {
                ("?", "no header names it, and tables in assembly are not read".to_owned())
            }
            None => (NO_CALL, "answers ENOSYS: the number is only reserved".to_owned()),
            Some(NO_CALL) => (NO_CALL, "answers ENOSYS".to_owned()),
            Some(entry) => (entry, self.place(entry, listing.abi)),
        }
    }

    /// Where the entry point of an ABI is defined, as far as the kernel of the prototypes says.
    fn place(&self, entry: &str, abi: &Abi) -> String {
        let place = match self.bare(entry, abi) {
            Some(Bare { why, source, line, .. }) => Some((Some(why), source, *line)),
            None => self
                .definitions(entry, Some(abi))
                .first()
                .map(|found| (None, &found.source, found.line)),
        };
        let none = || format!("no definition found in Linux {}", self.linux);
        let Some((why, source, line)) = place else { return none() };
        let at = self.at(source, line, Some(abi));
        match why {
            None => at,
            Some(Why::Assembler) => format!("{at}, in assembly"),
            Some(Why::NotBuilt) => format!("answers ENOSYS: no configuration builds it ({at})"),
            Some(Why::NotFound) => none(),
        }
    }

    /// Why an entry point of an ABI has no prototype, or one that nothing makes use of.
    fn bare(&self, entry: &str, abi: &Abi) -> Option<&Bare> {
        self.bare.iter().find(|bare| bare.entry == entry && bare.abis.contains(&abi.name))
    }

    /// A place in the kernel that the prototypes are from; another kernel has the line elsewhere.
    fn at(&self, source: &str, line: u32, abi: Option<&Abi>) -> String {
        let same = |listing: &&Listing| {
            abi.is_none_or(|abi| abi.name == listing.abi.name) && listing.table.linux == *self.linux
        };
        if self.listings.iter().any(|listing| same(&listing)) {
            format!("{source}:{line}")
        } else {
            source.to_owned()
        }
    }

    /// An entry point's definitions: those of one ABI, or all.
    fn definitions(&self, entry: &str, abi: Option<&Abi>) -> Vec<&Prototype> {
        let wanted = |prototype: &&Prototype| {
            prototype.entry == entry && abi.is_none_or(|abi| prototype.is_for(abi))
        };
        self.prototypes.iter().filter(wanted).collect()
    }

    /// An entry point's declarations, each with its place and when the kernel has it.
    fn signatures(&self, out: &mut String, entry: &str, abi: Option<&Abi>) {
        let indent = if abi.is_none() { "" } else { "  " };
        for prototype in self.definitions(entry, abi) {
            let args: Vec<String> =
                prototype.args.iter().map(|(ctype, name)| declared(ctype, name)).collect();
            let args = if args.is_empty() { "void".to_owned() } else { args.join(", ") };
            let mut about = self.at(&prototype.source, prototype.line, abi);
            if let Some(Called { function, source, line }) = &prototype.calls {
                let place = self.at(source, *line, abi);
                about.push_str(&format!(", which calls {function} ({place})"));
            }
            let built = abi.is_none_or(|abi| self.bare(entry, abi).is_none());
            match (&prototype.optional, &prototype.condition) {
                _ if !built => about.push_str(", which no configuration of this ABI builds"),
                (Some(optional), _) => about.push_str(&format!(", ENOSYS unless {optional}")),
                (None, Some(condition)) => about.push_str(&format!(", if {condition}")),
                (None, None) => {}
            }
            if let (None, Some(abis)) = (abi, &prototype.abis) {
                about.push_str(&format!("\n  on {}", abis.join(", ")));
            }
            let _ = writeln!(out, "\n{indent}long {entry}({args})\n{indent}  {about}");
        }
    }

    /// The calls that this one makes, and the call that makes it, too.
    fn sub_calls(&self, listing: &Listing, name: &str) -> (String, String) {
        let made = self.reasons.sub_calls.iter().filter(|sub| sub.of == name);
        let made: Vec<String> =
            made.map(|SubCall { name, value, .. }| format!("{value} {name}")).collect();
        let by = self.reasons.sub_calls.iter().find(|sub| {
            sub.name == name
                && listing.calls.iter().any(|call| call.name == sub.of && call.is_there())
        });
        let by =
            by.map(|SubCall { of, constant, value, .. }| format!("{of}, {constant} ({value})"));
        (made.join(", "), by.unwrap_or_default())
    }

    /// The ABIs that have a call, or had it, in any kernel.
    fn elsewhere(&self, name: &str) -> String {
        let abis = self.records.having(name);
        let has = if abis.len() == 1 { "has" } else { "have" };
        format!("only {} {has} it", abis.join(", "))
    }

    /// That the kernel does not have a call yet, and what to use until then.
    fn later(&self, listing: &Listing, asked: &Asked) -> Option<[String; 2]> {
        let Listing { abi, table, calls, .. } = listing;
        let having = Having { abi, linux: &table.linux, calls, runs: self.records.of(abi) };
        let reason = |name: &str| reason_with(&self.reasons, having, name);
        later(self.records, abi, asked, self.linux, reason)
    }

    /// Why an ABI does not have a call that another has.
    fn why_absent(&self, listing: &Listing, name: &str) -> String {
        let Listing { abi, table, calls, .. } = listing;
        // That the call was removed is a reason only for the kernels after that.
        let runs = self.records.of(abi).iter();
        let runs =
            runs.filter(|run| run.until.is_none() || self.records.has_ended(run, self.linux));
        let runs: Vec<Run<'_>> = runs.copied().collect();
        let having = Having { abi, linux: &table.linux, calls, runs: &runs };
        if let Some(reason) = self.reasons.of(having, name) {
            return reason.advice();
        }
        if let Some(extra) =
            listing.extras().find(|extra| extra.removed.iter().any(|removed| removed == name))
        {
            return format!("{} takes the name away", extra.source);
        }
        let mut tags: Vec<&str> = listing
            .table
            .rows
            .iter()
            .filter(|row| row.name == name)
            .map(|row| row.tag.as_str())
            .collect();
        tags.dedup();
        match tags.as_slice() {
            [] if !self.records.having(name).is_empty() => self.elsewhere(name),
            [] => "its table has no such row".to_owned(),
            tags => format!(
                "its table has the call only in rows tagged {}, which the ABI does not take",
                tags.join(" and ")
            ),
        }
    }
}

impl<'t> Listing<'t> {
    /// Whether the entry points are known. Headers of older kernels, and installed ones, have the
    /// numbers alone.
    fn has_entries(&self) -> bool {
        self.calls.iter().any(|call| call.entry.is_some())
    }

    /// The call; of the names of a number the table's.
    fn find(&self, asked: &Asked) -> Option<&Call<'t>> {
        match asked {
            Asked::Name(name) => self.calls.iter().find(|call| call.name == *name),
            Asked::Number(number) => {
                self.numbered(*number).or_else(|| self.numbered(self.based(*number)?))
            }
        }
    }

    fn numbered(&self, number: u32) -> Option<&Call<'t>> {
        self.calls.iter().find(|call| call.number == number)
    }

    /// The number that user space loads for one of the table's own.
    fn based(&self, number: u32) -> Option<u32> {
        if number < self.abi.base { self.abi.base.checked_add(number) } else { None }
    }

    /// The extras that hold for the ABI.
    fn extras(&self) -> impl Iterator<Item = &'t Extra> {
        self.table.extras_of(self.abi)
    }

    /// The file that has a name: the table, or the header that alone has it.
    fn origin(&self, call: &Call) -> &'t str {
        let named = |extra: &&Extra| {
            call.tag.is_none() && extra.names.iter().any(|(_, name)| name == call.name)
        };
        self.extras().find(named).map_or(&self.table.source, |extra| &extra.source)
    }

    /// Says who swapped the entry point that the row names.
    fn redirected(&self, call: &Call) -> Option<String> {
        let own = call.number.wrapping_sub(self.abi.base);
        let row = self
            .table
            .rows
            .iter()
            .find(|row| row.nr == own && call.tag == Some(row.tag.as_str()))?;
        let (from, to) = (row.entry.as_deref()?, call.entry?);
        let extra = self
            .extras()
            .find(|extra| extra.redirects.iter().any(|(old, new)| old == from && new == to))?;
        Some(format!("{from} in the table, which {} makes {to}", extra.source))
    }

    /// The calls around a number that is not the number of one.
    fn no_such_number(&self, number: u32) -> String {
        let (abi, number) = (&self.abi.name, self.based(number).unwrap_or(number));
        let mut out = format!("{abi} has no call {number} ({number:#x})");
        let own = number.wrapping_sub(self.abi.base);
        if let Some(row) = self.table.rows.iter().find(|row| row.nr == own) {
            let _ = write!(
                out,
                ": row {own} of its table, {}, is tagged {}, which the ABI does not take",
                row.name, row.tag
            );
        }
        out.push('\n');
        let near = |call: Option<&Call>, none: &str| {
            call.map_or(none.to_owned(), |call| {
                format!("{} is {}", short(self.abi, call.number), call.name)
            })
        };
        let rows = || self.calls.iter().filter(|call| call.tag.is_some());
        let below = near(
            rows().filter(|call| call.number < number).max_by_key(|call| call.number),
            "there is none",
        );
        let above = near(
            rows().filter(|call| call.number > number).min_by_key(|call| call.number),
            "the table ends there",
        );
        let _ = writeln!(out, "  before it {below}; after it {above}");
        out
    }
}

/// The names of calls that are near to an unknown one, as a message shows them.
pub(super) fn near<'n>(names: impl Iterator<Item = &'n str>, name: &str) -> Vec<String> {
    let limit = (name.chars().count() / 3).max(1);
    let known: BTreeSet<&str> = names.filter(|_| name.len() <= LONGEST).collect();
    let distance = |known| (strsim::damerau_levenshtein(name, known), known);
    let mut near: Vec<(usize, &str)> = known.into_iter().map(distance).collect();
    near.retain(|(distance, _)| *distance <= limit);
    near.sort_unstable();
    near.truncate(if near.first().is_some_and(|(distance, _)| *distance == 0) { 1 } else { 3 });
    near.iter().map(|(_, name)| format!("`{name}`")).collect()
}

/// A word as a message shows it: not all of a long one.
fn shortened(word: &str) -> String {
    let start: String = word.chars().take(LONGEST).collect();
    if start.len() < word.len() { start + "…" } else { start }
}

/// A number as a reader of the kernel's headers knows it: one with a flag in it in hexadecimal.
pub(super) fn short(abi: &Abi, number: u32) -> String {
    if abi.base > 0xffff { format!("{number:#x}") } else { number.to_string() }
}

/// A C declaration; a star clings to the name. SC_ARG64 is a macro that declares both halves of a
/// 64-bit argument.
fn declared(ctype: &str, name: &str) -> String {
    if ctype == "SC_ARG64" {
        return format!("{ctype}({name})");
    }
    let blank = if ctype.ends_with('*') { "" } else { " " };
    format!("{ctype}{blank}{name}")
}

/// Lines of columns, two blanks between them; a column that is empty throughout is left out.
pub(super) fn aligned(rows: &[Vec<&str>], indent: &str) -> String {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (text, &width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            let _ = write!(line, "{text:width$}  ");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_every_abi_by_name_and_by_number() {
        let tables = Tables::embedded().unwrap();
        let read = tables.imported().unwrap();
        let records = Records::new(&tables).unwrap();
        let facts = Facts::new(&tables, &read, &records).unwrap();
        assert_eq!(facts.listings.len(), tables.abis.len());
        for listing in &facts.listings {
            for call in &listing.calls {
                let text = facts.on(listing, &Asked::Name(call.name));
                assert!(
                    text.starts_with(&format!("{} on {}\n", call.name, listing.abi.name)),
                    "{text}"
                );
                assert!(
                    text.contains(&format!("  {} ({:#x})", call.number, call.number)),
                    "{text}"
                );
                // What the text says of one name it says of each name of the number.
                let by_number = facts.on(listing, &Asked::Number(call.number));
                let same = |text: &str| {
                    text.split_once("\n\n  ").unwrap().1.split_once("\n\n").unwrap().1.to_owned()
                };
                assert_eq!(same(&by_number), same(&text));
                for way in listing.abi.entries.iter().filter(|_| call.tag.is_some()) {
                    let entry = if way.compat { call.compat.or(call.entry) } else { call.entry };
                    let symbol = format!("    {}{} ", way.prefix, entry.unwrap_or(NO_CALL));
                    assert!(
                        format!("{text} ").replace('\n', " ").contains(&symbol),
                        "{symbol} in {text}"
                    );
                }
            }
        }
    }
}
