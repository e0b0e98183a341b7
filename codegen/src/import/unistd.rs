//! Headers that contain the numbers: an architecture's `asm/unistd.h` as it was before it had a
//! `syscall.tbl`, `asm-generic/unistd.h`, and what is installed for user space.
//!
//! A row is a macro `__NR_name` that is defined at the end of the header. If there is also a
//! `__SYSCALL(number, entry)`, as in `asm-generic/unistd.h`, the kernel generates its table from
//! it, so the entry point is known.

use super::c::{Line, Macro, Unit};
use super::findings::{Findings, Kind};
use super::tbl::is_symbol;
use crate::Error;
use crate::tables::{Abi, NO_CALL, Row, Taker};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The content of the headers for one ABI.
pub(crate) struct Numbers<'f> {
    /// The ABI.
    pub(crate) abi: &'f Abi,
    /// By number; the tags are still empty.
    pub(crate) rows: Vec<Row>,
    /// Other names of these, and private calls.
    pub(crate) names: Vec<(u32, String)>,
    /// The calls in the kernel's list for whose numbers the header defines no name.
    pub(crate) unnamed: Vec<Unnamed>,
    /// The file that has most of the rows.
    pub(crate) file: Rc<str>,
}

/// A call in the kernel's list, and the line that lists it.
pub(crate) struct Unnamed {
    pub(crate) nr: u32,
    entry: String,
    compat: Option<String>,
    file: Rc<str>,
    line: usize,
}

impl Unnamed {
    /// A message about it: what it has no name for, and what becomes of it.
    pub(crate) fn wrong(&self, then: &str) -> Error {
        let what = format!("no name is defined for the number {} of {}{then}", self.nr, self.entry);
        Error::at(&*self.file, self.line, what)
    }

    /// The name that its entry point shows.
    pub(crate) fn own_name(&self) -> Option<&str> {
        shown_name(&self.entry).filter(|name| is_symbol(name))
    }

    /// Whether a call of this name can have the entry point, where other `entries` are known for
    /// the name.
    pub(crate) fn can_be<'e>(
        &self,
        name: &str,
        mut entries: impl Iterator<Item = &'e str>,
    ) -> bool {
        match shown_name(&self.entry) {
            Some(shown) => {
                name.ends_with(shown) || entries.any(|entry| shown_name(entry) == Some(shown))
            }
            None => entries.any(|entry| entry == self.entry),
        }
    }

    /// The row of the call under a name.
    pub(crate) fn named(&self, name: &str) -> Row {
        let (entry, compat) = (Some(self.entry.clone()), self.compat.clone());
        row(self.nr, name, entry, compat)
    }
}

/// The name that an entry point shows: `ptree` for `compat_sys_ptree_wrapper`.
fn shown_name(entry: &str) -> Option<&str> {
    let name = entry.trim_start_matches("compat_").strip_prefix("sys_")?;
    Some(name.strip_suffix("_wrapper").unwrap_or(name))
}

/// Reports a number in the kernel's list that is not its place, where the kernel counts the places.
pub(crate) fn check_places(unit: &Unit, counting: &str) -> Result<(), Error> {
    let (mut place, mut expanded) = (0, 0);
    for line in unit.lines.iter().filter(|line| is_element(&line.text)) {
        for (number, entry) in calls(&unit.expand(&line.text, line, &mut expanded)?) {
            if unit.number(&number, line, &mut expanded)? != Some(place) {
                let what = format!(
                    "lists {entry} as {number}, but the kernel makes it {place}, and so on: \
                     {counting} ignores the numbers and counts the lines"
                );
                return Err(Error::at(&*line.file, line.line, what));
            }
            place += 1;
        }
    }
    Ok(())
}

/// A row whose tag is still empty.
fn row(nr: u32, name: &str, entry: Option<String>, compat: Option<String>) -> Row {
    Row { nr, tag: String::new(), name: name.to_owned(), entry, compat, noreturn: false }
}

/// The count of the calls, the last call, and the first architecture-specific one.
const COUNTS: [&str; 6] = [
    "syscalls",
    "compat_syscalls",
    "syscall_count",
    "syscall_max",
    "ia32_syscall_max",
    "arch_specific_syscall",
];

/// Bases and limits in mainline headers, besides names with `BASE`. The count of the calls above
/// one is `Linux_syscalls`.
const BASES: [&str; 6] =
    ["Linux", "O32_Linux", "N32_Linux", "64_Linux", "SYSCALL_MASK", "COMPAT_END"];

/// The prefix of the calls of another system, in parisc's headers up to Linux 3.19.
const HPUX: &str = "HPUX_";

/// What m68k's header has up to Linux 2.6.39 in place of a number.
const NO_CALLS: [&str; 2] = ["not supported", "Obsolete"];

/// The name of the call whose number the macro is, and whether it is one of ARM's private calls.
pub(crate) fn called(found: &str) -> Option<(&str, bool)> {
    let (name, private) = match found.strip_prefix("__ARM_NR_") {
        Some(name) => (name, true),
        None => (found.strip_prefix("__NR_")?, false),
    };
    let base = BASES.contains(&name.strip_suffix("_syscalls").unwrap_or(name))
        || name == "BASE"
        || name.ends_with("_BASE");
    let call = is_symbol(name) && !base && !COUNTS.contains(&name) && !name.starts_with(HPUX);
    call.then_some((name, private))
}

/// The name for the ABI's own programs: up to Linux 3.16, arm64's header of AArch32 named only the
/// numbers that the kernel itself uses, `__NR_compat_sigreturn`.
fn own_name<'n>(name: &'n str, abi: &Abi) -> &'n str {
    let compat = name.strip_prefix("compat_").filter(|_| abi.name == "arm64-compat");
    compat.unwrap_or(name)
}

/// What user space adds to the numbers; it must agree with `abis.toml`.
pub(crate) fn read_base(unit: &Unit, abi: &Abi) -> Result<Option<i64>, String> {
    let Some(name) = &abi.base_macro else { return Ok(Some(0)) };
    let base = unit.value(name).map_err(|error| error.what)?;
    match base {
        Some(base) if base != i64::from(abi.base) => Err(format!(
            "defines the base of {} as {base:#x}, but abis.toml has {:#x}; correct `base` there",
            abi.name, abi.base
        )),
        base => Ok(base),
    }
}

/// The message for a macro that is not a number.
pub(crate) fn no_number(found: &Macro) -> Error {
    let what = format!("`{}` has a number that cannot be evaluated", found.name);
    Error::at(&*found.file, found.line, what)
}

/// Reports a number that may be cut off, and a call that a header defines twice: a compiler would
/// use the last number.
pub(crate) fn check_numbers(unit: &Unit, findings: &Findings) -> Result<(), Error> {
    for error in &unit.unfinished {
        findings.judge(Kind::LastLine, error.clone())?;
    }
    let macros = unit.macros();
    for first in unit.redefined.iter().filter(|first| called(&first.text).is_some()) {
        let Some(last) = macros.iter().find(|last| last.name == first.text) else { continue };
        let what = format!(
            "`{}` is defined again, as `{}`; the first is at {}:{}",
            last.name, last.body, first.file, first.line
        );
        findings.judge(Kind::Twice, Error::at(&*last.file, last.line, what))?;
    }
    Ok(())
}

/// Reads the numbers of an ABI from its preprocessed header, named `file` in messages. There are
/// entry points if `__SYSCALL` was predefined as itself. `built` is the same header as it is
/// preprocessed for the kernel's table.
pub(crate) fn numbers<'f>(
    unit: &Unit,
    built: Option<&Unit>,
    abi: &'f Abi,
    file: &str,
    findings: &Findings,
) -> Result<Numbers<'f>, Error> {
    // In some headers the numbers include the base.
    let base = read_base(unit, abi).map_err(|what| Error::in_file(file, what));
    let base = findings.accept(Kind::Base, base)?.flatten().unwrap_or(i64::from(abi.base));
    check_numbers(unit, findings)?;
    let entries = built_entries(unit, built, abi, findings)?;
    let macros = unit.macros();
    let is_call =
        |name: &str| called(name).is_some() && macros.iter().any(|found| found.name == name);
    let (mut rows, mut names) = (Vec::new(), Vec::new());
    let mut files: HashMap<&Rc<str>, usize> = HashMap::new();
    for found in &macros {
        let Some((name, private)) = called(&found.name) else { continue };
        // Up to Linux 3.16, arm64's header of AArch32 had two of ARM's private calls, too; since
        // then they are in a header that is not read.
        if private && !abi.uapi {
            continue;
        }
        if NO_CALLS.contains(&found.body.as_str()) {
            continue;
        }
        let name = own_name(name, abi);
        let value = findings.accept(Kind::Unnumbered, unit.value(&found.name))?.flatten();
        let Some(value) = value else {
            findings.judge(Kind::Unnumbered, no_number(found))?;
            continue;
        };
        // Numbers below 0 are not calls, but CPU traps that a C library uses.
        if value < 0 {
            continue;
        }
        let Ok(nr) = u32::try_from(value - base) else {
            let what = format!(
                "`{}` is {value}, less than what {} adds to its numbers, {base}",
                found.name, abi.name
            );
            findings.judge(Kind::Unnumbered, Error::at(&*found.file, found.line, what))?;
            continue;
        };
        let second = SECOND_NAMES.contains(&(&abi.name, name));
        if private || second || is_call(found.body.trim_matches(['(', ')', ' '])) {
            names.push((nr, name.to_owned()));
            continue;
        }
        let listed = entries.get(&value);
        let entry = listed.map(|listed| listed.entry.clone());
        let compat = listed.and_then(|listed| listed.compat.clone());
        rows.push((row(nr, name, entry, compat), *found));
        *files.entry(&found.file).or_default() += 1;
    }
    rows.sort_by_key(|(row, _)| row.nr);
    check_unique(&rows, abi, findings)?;
    let rows = rows.into_iter().map(|(row, _)| row).collect();
    names.sort();
    let most = files.into_iter().max_by_key(|(file, count)| (*count, file.to_string()));
    let file = most.map_or_else(|| file.into(), |(file, _)| file.clone());
    let mut numbers = Numbers { abi, rows, names, unnamed: Vec::new(), file };
    numbers.unnamed = find_unnamed(&numbers, base, &entries);
    Ok(numbers)
}

/// The numbers with an entry point but no name: user space cannot see such a call.
fn find_unnamed(
    numbers: &Numbers<'_>,
    base: i64,
    entries: &HashMap<i64, Listed<'_>>,
) -> Vec<Unnamed> {
    let rows = numbers.rows.iter().map(|row| row.nr);
    let named: HashSet<u32> = rows.chain(numbers.names.iter().map(|(nr, _)| *nr)).collect();
    let mut found: Vec<Unnamed> = entries
        .iter()
        .filter(|(_, listed)| listed.entry != NO_CALL)
        .filter_map(|(number, Listed { entry, compat, line })| {
            let nr = u32::try_from(number.checked_sub(base)?).ok()?;
            let (entry, compat) = (entry.clone(), compat.clone());
            Some(Unnamed { nr, entry, compat, file: line.file.clone(), line: line.line })
        })
        .filter(|unnamed| !named.contains(&unnamed.nr))
        .collect();
    found.sort_unstable_by_key(|unnamed| unnamed.nr);
    found
}

/// Second names that mainline headers gave to a number: ABI and name. Linux up to 3.2, and 2.6.20
/// to 4.13.
const SECOND_NAMES: &[(&str, &str)] = &[
    ("i386", "madvise1"),
    ("alpha", "sys_epoll_create"),
    ("alpha", "sys_epoll_ctl"),
    ("alpha", "sys_epoll_wait"),
];

/// Two calls with one number are an error. `rows` are sorted by number, those with the same one by
/// their definitions.
fn check_unique(rows: &[(Row, &Macro)], abi: &Abi, findings: &Findings) -> Result<(), Error> {
    for pair in rows.windows(2) {
        let [(first, defined), (last, again)] = pair else { continue };
        if first.nr == last.nr {
            let what = format!(
                "`{}` has the number {} of {} again; the first is `{}` at {}:{}",
                again.name, last.nr, abi.name, defined.name, defined.file, defined.line
            );
            findings.judge(Kind::Twice, Error::at(&*again.file, again.line, what))?;
        }
    }
    Ok(())
}

/// An element of the kernel's list: entry point, compat entry point, and its line.
struct Listed<'u> {
    entry: String,
    compat: Option<String>,
    line: &'u Line,
}

/// The entry points of the kernel's table, by number. What a header lists for user space alone is
/// not in the table, unless the header hides all of its list from the kernel.
fn built_entries<'u>(
    unit: &'u Unit,
    built: Option<&'u Unit>,
    abi: &Abi,
    findings: &Findings,
) -> Result<HashMap<i64, Listed<'u>>, Error> {
    let Some(built) = built else { return read_entries(unit, abi, findings) };
    let mut entries = read_entries(built, abi, findings)?;
    let files: HashSet<&str> =
        built.lines.iter().filter(|line| is_element(&line.text)).map(|line| &*line.file).collect();
    for (number, listed) in read_entries(unit, abi, &Findings::lenient())? {
        if !files.contains(&*listed.line.file) {
            entries.entry(number).or_insert(listed);
        }
    }
    Ok(entries)
}

/// The entry points by number: from the lines `__SYSCALL(number, entry)`, or macros that expand to
/// one. Two such macros also name the compat entry point, as the last argument: for one, it applies
/// to every ABI with the number; for the other, only if `long` has 32 bits, since elsewhere the
/// number is another call.
fn read_entries<'u>(
    unit: &'u Unit,
    abi: &Abi,
    findings: &Findings,
) -> Result<HashMap<i64, Listed<'u>>, Error> {
    let mut found: HashMap<i64, Listed<'u>> = HashMap::new();
    let mut expanded = 0;
    for line in &unit.lines {
        let Some((word, list)) = line.text.split_once('(') else { continue };
        let word = word.trim();
        if !is_list(word) {
            continue;
        }
        let mut compat = None;
        if word == "__SC_COMP" || word == "__SC_COMP_3264" && abi.bits == 32 {
            let last = list.rsplit(',').next().unwrap_or("").trim_end_matches([';', ')', ' ']);
            compat = unit.expand(last, line, &mut expanded)?.pop();
        }
        let tokens = unit.expand(&line.text, line, &mut expanded)?;
        for (number, entry) in calls(&tokens) {
            let Some(number) = unit.number(&number, line, &mut expanded)? else {
                let what = format!("`{}` has a number that cannot be evaluated", line.text);
                findings.judge(Kind::Unnumbered, Error::at(&*line.file, line.line, what))?;
                continue;
            };
            if ![Some(&entry), compat.as_ref()].into_iter().flatten().all(|name| is_symbol(name)) {
                let what = format!("`{}` has an entry point that cannot be parsed", line.text);
                findings.judge(Kind::Undefined, Error::at(&*line.file, line.line, what))?;
                continue;
            }
            let listed = Listed { entry, compat: compat.clone(), line };
            // In the kernel's array, a later element replaces an earlier one.
            if let Some(first) = found.get(&number).filter(|first| first.entry != listed.entry) {
                let what = format!(
                    "{} replaces {} at the number {number}, from {}:{}",
                    listed.entry, first.entry, first.line.file, first.line.line
                );
                findings.judge(Kind::Replaced, Error::at(&*line.file, line.line, what))?;
            }
            found.insert(number, listed);
        }
    }
    Ok(found)
}

/// Whether the header has the kernel's list, too.
pub(crate) fn has_list(unit: &Unit) -> bool {
    unit.lines.iter().any(|line| is_element(&line.text))
}

/// Whether a line is an element of the kernel's list.
pub(crate) fn is_element(line: &str) -> bool {
    line.split_once('(').is_some_and(|(word, _)| is_list(word.trim()))
}

/// Whether a macro generates an element of the kernel's array.
fn is_list(word: &str) -> bool {
    word == "__SYSCALL" || word.starts_with("__SC_")
}

/// First and second argument of each `__SYSCALL` among the tokens.
fn calls(tokens: &[String]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = tokens;
    while let Some(at) = rest.iter().position(|token| token == "__SYSCALL") {
        rest = &rest[at + 1..];
        let (mut depth, mut arguments) = (0, vec![String::new()]);
        for token in rest {
            depth += match token.as_str() {
                "(" => 1,
                ")" => -1,
                _ => 0,
            };
            match token.as_str() {
                "(" if depth == 1 => {}
                "," if depth == 1 => arguments.push(String::new()),
                _ if depth == 0 => break,
                token => {
                    if let Some(argument) = arguments.last_mut() {
                        *argument += token;
                    }
                }
            }
        }
        let mut arguments = arguments.into_iter();
        if let (Some(number), Some(entry)) = (arguments.next(), arguments.next()) {
            found.push((number, entry));
        }
    }
    found
}

/// The ABIs' numbers as one table: a row that all have is tagged `common`, another with the names
/// of those that have it.
pub(crate) fn merge(all: &[Numbers<'_>]) -> (Vec<Taker>, Vec<Row>) {
    let mut rows: Vec<(Row, Vec<&str>)> = Vec::new();
    let mut known: HashMap<(u32, &str), Vec<usize>> = HashMap::new();
    for numbers in all {
        for row in &numbers.rows {
            let places = known.entry((row.nr, &row.name)).or_default();
            match places.iter().find(|at| rows[**at].0 == *row) {
                Some(at) => rows[*at].1.push(&numbers.abi.name),
                None => {
                    places.push(rows.len());
                    rows.push((row.clone(), vec![&numbers.abi.name]));
                }
            }
        }
    }
    rows.sort_by_key(|(row, _)| row.nr);
    let mut takers: Vec<Taker> = all
        .iter()
        .map(|numbers| Taker { abi: numbers.abi.name.clone(), tags: Vec::new() })
        .collect();
    for (row, abis) in &mut rows {
        row.tag = if abis.len() == all.len() { "common".to_owned() } else { abis.join("+") };
        for taker in takers.iter_mut().filter(|taker| abis.contains(&taker.abi.as_str())) {
            if !taker.tags.contains(&row.tag) {
                taker.tags.push(row.tag.clone());
            }
        }
    }
    (takers, rows.into_iter().map(|(row, _)| row).collect())
}
