//! The kernel's `syscall.tbl` format: number, tag, name, entry point, compat entry point,
//! `noreturn`.
//!
//! Not all kernels' scripts know the last column. Linux 4.17 to 5.6 spelled x86's entry points
//! differently.

use super::findings::{Findings, Kind};
use crate::Error;
use crate::source::{CONFLICT, Fault, ends, is_conflict};
use crate::tables::{Abi, Row, Taker};
use std::collections::HashMap;

/// A limit that no kernel table reaches.
const MOST_ROWS: usize = 10_000;
/// The longest accepted name; the kernel's longest has 27 letters.
const LONGEST_NAME: usize = 64;

/// A row, and its line in the file.
pub(crate) type Rows = Vec<(usize, Row)>;

/// The ABIs that a kernel generates from a table.
pub(crate) type Takers<'f> = Vec<(&'f Abi, Taker)>;

/// Names that a table has besides its rows: ABI, number and name.
pub(crate) type Names = Vec<(&'static str, u32, &'static str)>;

/// Reads a table. `takers` are all that take rows from it.
pub(crate) fn parse(
    file: &str,
    text: &str,
    takers: &Takers<'_>,
    findings: &Findings,
) -> Result<(Rows, Names), Error> {
    let mut rows = Rows::new();
    for (line, content) in (1..).zip(text.lines()) {
        let found = |kind, what: String| findings.judge(kind, Error::at(file, line, what));
        if is_conflict(content) {
            found(Kind::Conflict, CONFLICT.into())?;
        }
        let indented = content.starts_with([' ', '\t', '\u{feff}']);
        let content = content.trim_start_matches('\u{feff}').trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if indented {
            let row = short(&content.split_whitespace().collect::<Vec<_>>().join(" "));
            let what = format!(
                "`{row}` is indented, and the kernel's scripts skip such a row; remove the \
                 indentation"
            );
            found(Kind::Skipped, what)?;
            continue;
        }
        rows.extend(row(content, takers, &found)?.map(|row| (line, row)));
        if rows.len() > MOST_ROWS {
            let what = format!("more than {MOST_ROWS} rows; is this a kernel table?");
            found(Kind::Unreadable, what)?;
        }
    }
    if let Err(fault) = ends(file, text) {
        findings.judge(Kind::LastLine, fault.error(file))?;
    }
    if rows.is_empty() {
        let last = Some(text.lines().count()).filter(|last| *last > 0);
        let what = "this file has no rows; fetch the tree again".to_owned();
        findings.judge(Kind::Unreadable, Fault { line: last, what }.error(file))?;
    }
    let names = overridden(&mut rows);
    let mut sorted = true;
    for (_, taker) in takers {
        sorted &= in_order(file, &rows, taker, findings)?;
    }
    if !sorted {
        rows.sort_by_key(|(_, row)| row.nr);
    }
    Ok((rows, names))
}

/// Parses a row, if it is one of an ABI. `found` judges its errors.
fn row(
    content: &str,
    takers: &Takers<'_>,
    found: &impl Fn(Kind, String) -> Result<(), Error>,
) -> Result<Option<Row>, Error> {
    let unreadable = |what: String| found(Kind::Unreadable, what).map(|()| None);
    let mut columns: Vec<&str> = content.split_whitespace().collect();
    if let Some(at) = columns.iter().position(|column| column.starts_with('#')) {
        let what = format!(
            "`{}` is a comment after a row; put it on its own line",
            short(&columns[at..].join(" "))
        );
        found(Kind::Column, what)?;
        columns.truncate(at);
    }
    // A sign before the number is an error in a row, not a comment.
    let begins = content.trim_start_matches(['+', '-']);
    let signed = content.len() - begins.len() < 2;
    if !signed || !begins.starts_with(|c: char| c.is_ascii_digit()) {
        let row = short(&columns.join(" "));
        let what =
            format!("`{row}` does not start with a number; the kernel's scripts skip such a line");
        found(Kind::Skipped, what)?;
        return Ok(None);
    }
    let [nr, tag, name, rest @ ..] = columns.as_slice() else {
        let row = short(&columns.join(" "));
        return unreadable(format!(
            "`{row}` is not a row; expected `NUMBER TAG NAME`; is the file cut off?"
        ));
    };
    let Some(nr) = number(nr, takers) else {
        return unreadable(format!(
            "`{}` is not a system-call number; a row must start with one",
            short(nr)
        ));
    };
    // The kernel's script would accept this row for the shorter tag.
    let prefix = |known: &&String| tag.starts_with(known.as_str()) && tag != known;
    if let Some(known) = takers.iter().flat_map(|(_, taker)| &taker.tags).find(prefix) {
        let tag = short(tag);
        let what = format!(
            "the tag `{tag}` begins like `{known}`, and syscallhdr.sh compares prefixes only; \
             rename one of them"
        );
        found(Kind::Tags, what)?;
    }
    if !is_symbol(tag) || !takers.iter().any(|(_, taker)| taker.takes(tag)) {
        let mut known: Vec<&str> =
            takers.iter().flat_map(|(_, taker)| &taker.tags).map(String::as_str).collect();
        known.sort_unstable();
        known.dedup();
        let expected = match known.is_empty() {
            true => "a C identifier".to_owned(),
            false => format!("one of {}", known.join(", ")),
        };
        let what = format!(
            "unknown tag `{}`; expected {expected}; if this is a new ABI, add it to abis.toml",
            short(tag)
        );
        found(Kind::Skipped, what)?;
        return Ok(None);
    }
    if !is_symbol(name) {
        return unreadable(format!(
            "`{}` is not a system-call name; expected at most {LONGEST_NAME} letters, digits and _",
            short(name)
        ));
    }
    if rest.len() > 3 {
        let what =
            format!("{} columns; expected at most six; is this a syscall.tbl?", columns.len());
        found(Kind::Column, what)?;
    }
    let symbol = |at: usize| match rest.get(at) {
        None | Some(&"-") => Ok(None),
        Some(symbol) if is_symbol(entry(symbol)) => Ok(Some(entry(symbol).to_owned())),
        Some(other) => {
            let other = short(other);
            let what = format!("`{other}` is not an entry point; expected a C identifier or -");
            found(Kind::Unreadable, what).map(|()| None)
        }
    };
    let noreturn = rest.get(2) == Some(&"noreturn");
    if let Some(other) = rest.get(2).filter(|_| !noreturn) {
        let what = format!("`{}` in the sixth column; expected noreturn", short(other));
        found(Kind::Column, what)?;
    }
    let (native, mut compat) = (symbol(0)?, symbol(1)?);
    // Linux 4.17 to 5.6: i386's fifth column repeats the fourth.
    if rest.get(1).is_some_and(|symbol| symbol.starts_with("__ia32_sys_")) {
        compat = compat.filter(|symbol| Some(symbol) != native.as_ref());
    }
    Ok(Some(Row {
        nr,
        tag: (*tag).to_owned(),
        name: (*name).to_owned(),
        entry: native,
        compat,
        noreturn,
    }))
}

/// `sys_clone` of `__x64_sys_clone/ptregs`: the name of the table's entry point in C, and in all
/// other kernels.
fn entry(symbol: &str) -> &str {
    let symbol = symbol.strip_suffix("/ptregs").unwrap_or(symbol);
    let called =
        ["__x64_", "__ia32_", "__x32_"].iter().find_map(|prefix| symbol.strip_prefix(prefix));
    called
        .filter(|rest| rest.starts_with("sys_") || rest.starts_with("compat_sys_"))
        .unwrap_or(symbol)
}

/// The number, if it has room for what user space adds. The kernel's header script takes
/// hexadecimal ones too; a leading zero would make the number octal in C.
fn number(word: &str, takers: &Takers<'_>) -> Option<u32> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (word, 10),
    };
    if digits.starts_with('+') || radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let number = u32::from_str_radix(digits, radix).ok()?;
    takers.iter().all(|(abi, _)| abi.base.checked_add(number).is_some()).then_some(number)
}

/// Whether the word may be a tag, a name or a symbol.
pub(crate) fn is_symbol(word: &str) -> bool {
    word.len() <= LONGEST_NAME
        && !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The word for a message: shortened, and without control characters.
pub(crate) fn short(word: &str) -> String {
    let shown =
        |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let start: String = word.chars().take(40).map(shown).collect();
    if word.chars().nth(40).is_some() { start + "…" } else { start }
}

/// Calls to which a mainline kernel gave one number: ABI, the name whose entry point the later row
/// replaces, and the name in that. Linux 4.7.
const OVERRIDDEN: &[(&str, &str, &str)] =
    &[("x32", "preadv", "preadv2"), ("x32", "pwritev", "pwritev2")];

/// Removes such rows where the later row is there: what is left of them is a name.
fn overridden(rows: &mut Rows) -> Names {
    let mut found = Names::new();
    for (abi, name, later) in OVERRIDDEN {
        let of_abi = || rows.iter().map(|(_, row)| row).filter(|row| row.tag == *abi);
        let Some(first) = of_abi().find(|row| row.name == *name) else { continue };
        let same = of_abi().filter(|row| row.nr == first.nr).map(|row| row.name.as_str());
        if same.eq([*name, *later]) {
            found.push((abi, first.nr, name));
        }
    }
    rows.retain(|(_, row)| !found.contains(&(&row.tag, row.nr, &row.name)));
    found
}

/// Checks that the numbers of an ABI ascend, and that no number or name is a duplicate.
fn in_order(file: &str, rows: &Rows, taker: &Taker, findings: &Findings) -> Result<bool, Error> {
    let mut numbers = HashMap::new();
    let mut names = HashMap::new();
    let (mut highest, mut sorted) = (0, true);
    for (line, Row { nr, name, .. }) in rows.iter().filter(|(_, row)| taker.takes(&row.tag)) {
        let found = |kind, what: String| findings.judge(kind, Error::at(file, *line, what));
        let twice = |what: String, first: usize| {
            let what =
                format!("{what} is used twice in {}; the first is at line {first}", taker.abi);
            found(Kind::Twice, what)
        };
        if let Some(first) = numbers.insert(nr, *line) {
            twice(format!("number {nr}"), first)?;
        }
        if let Some(first) = names.insert(name, *line) {
            twice(format!("the name `{name}`"), first)?;
        }
        if *nr < highest {
            let what =
                format!("number {nr} is out of order in {}: it comes after {highest}", taker.abi);
            found(Kind::Unsorted, what)?;
            sorted = false;
        }
        highest = highest.max(*nr);
    }
    Ok(sorted)
}
