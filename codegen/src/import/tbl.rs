//! The kernel's `syscall.tbl` format: number, tag, name, entry point, compat entry point, `noreturn`.

use crate::Error;
use crate::tables::{Abi, Row};
use std::collections::HashMap;

/// More rows than any table has; a file with more is not one.
const MOST_ROWS: usize = 10_000;
/// The longest name that is believed; the kernel's longest has 27 letters.
const LONGEST_NAME: usize = 64;

/// A row, and its line in the file.
pub(crate) type Rows = Vec<(usize, Row)>;

/// Reads a table. `abis` are those that take rows from it.
pub(crate) fn parse(file: &str, text: &str, abis: &[&Abi]) -> Result<Rows, Error> {
    let mut rows = Rows::new();
    for (line, content) in (1..).zip(text.lines()) {
        let wrong = |what: String| Error::new(file, line, what);
        if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|marker| content.starts_with(marker)) {
            return Err(wrong("a merge conflict marker; resolve the conflict first".into()));
        }
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        rows.push((line, row(content, abis).map_err(wrong)?));
        if rows.len() > MOST_ROWS {
            return Err(wrong(format!("more than {MOST_ROWS} rows, which no kernel table has; is this one?")));
        }
    }
    let last = text.lines().count();
    if !text.ends_with('\n') {
        return Err(Error::new(file, last, "the file ends within a line: it was cut off; fetch the tree again"));
    }
    if rows.is_empty() {
        return Err(Error::new(file, last, "there is no row in this file; fetch the tree again"));
    }
    for abi in abis {
        in_order(file, &rows, abi)?;
    }
    Ok(rows)
}

fn row(content: &str, abis: &[&Abi]) -> Result<Row, String> {
    let columns: Vec<&str> = content.split_whitespace().collect();
    let [nr, tag, name, rest @ ..] = columns.as_slice() else {
        let row = short(&columns.join(" "));
        return Err(format!("`{row}` is no row: a number, a tag and a name are wanted; was the file cut off?"));
    };
    let nr = number(nr, abis)
        .ok_or_else(|| format!("`{}` is no system-call number; the row must begin with one", short(nr)))?;
    // The kernel's script would take this row for the shorter tag.
    let prefix = |known: &&String| tag.starts_with(known.as_str()) && tag != known;
    if let Some(known) = abis.iter().flat_map(|abi| &abi.tags).find(prefix) {
        let tag = short(tag);
        return Err(format!(
            "the tag `{tag}` begins like `{known}`, and syscallhdr.sh, which compares prefixes, mixes them up"
        ));
    }
    let any = abis.iter().any(|abi| abi.tags.is_empty());
    if !is_name(tag) || !any && !abis.iter().any(|abi| abi.takes(tag)) {
        let mut known: Vec<&str> = abis.iter().flat_map(|abi| &abi.tags).map(String::as_str).collect();
        known.sort_unstable();
        known.dedup();
        return Err(format!(
            "the tag `{}` belongs to no ABI of this table ({}); if the kernel has a new one, add it to an ABI of abis.toml",
            short(tag),
            known.join(", ")
        ));
    }
    if !is_name(name) {
        return Err(format!(
            "`{}` is no name of a system call; letters, digits and _ are, {LONGEST_NAME} at most",
            short(name)
        ));
    }
    if rest.len() > 3 {
        return Err(format!("{} columns where six are the most; is this a syscall.tbl?", columns.len()));
    }
    let symbol = |at: usize| match rest.get(at) {
        None | Some(&"-") => Ok(None),
        Some(symbol) if is_name(symbol) => Ok(Some((*symbol).to_owned())),
        Some(other) => Err(format!("`{}` is no entry point; a C identifier or - is wanted", short(other))),
    };
    let noreturn = match rest.get(2) {
        None => false,
        Some(&"noreturn") => true,
        Some(other) => return Err(format!("`{}` in the sixth column, where only noreturn is known", short(other))),
    };
    Ok(Row { nr, tag: (*tag).to_owned(), name: (*name).to_owned(), entry: symbol(0)?, compat: symbol(1)?, noreturn })
}

/// The number, if it has room for what user space adds. The kernel's header script takes hexadecimal ones too; a leading
/// zero would make the number octal in C.
fn number(word: &str, abis: &[&Abi]) -> Option<u32> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (word, 10),
    };
    if digits.starts_with('+') || radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let number = u32::from_str_radix(digits, radix).ok()?;
    abis.iter().all(|abi| abi.base.checked_add(number).is_some()).then_some(number)
}

fn is_name(word: &str) -> bool {
    word.len() <= LONGEST_NAME && !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The word as a message shows it: not all of a long one, and nothing that a terminal would obey.
fn short(word: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let start: String = word.chars().take(40).map(shown).collect();
    if word.chars().nth(40).is_some() { start + "…" } else { start }
}

/// Within an ABI numbers rise, and neither a number nor a name comes twice.
fn in_order(file: &str, rows: &Rows, abi: &Abi) -> Result<(), Error> {
    let mut numbers = HashMap::new();
    let mut names = HashMap::new();
    let mut highest = 0;
    for (line, Row { nr, name, .. }) in rows.iter().filter(|(_, row)| abi.takes(&row.tag)) {
        let twice = |what: String, first: usize| {
            Error::new(file, *line, format!("{what} is used twice in {}; the first is at line {first}", abi.name))
        };
        if let Some(first) = numbers.insert(nr, *line) {
            return Err(twice(format!("number {nr}"), first));
        }
        if let Some(first) = names.insert(name, *line) {
            return Err(twice(format!("the name `{name}`"), first));
        }
        if *nr < highest {
            let what = format!("number {nr} is out of order in {}: it comes after {highest}; sort the rows", abi.name);
            return Err(Error::new(file, *line, what));
        }
        highest = *nr;
    }
    Ok(())
}
