//! The tables as Markdown: one ABI with its entry points, or several side by side.

use super::{Exported, by_name};
use crate::report::records::Records;
use std::fmt::Write as _;

pub(crate) fn markdown(exported: &[Exported<'_>], records: &Records<'_>) -> String {
    match exported {
        [one] => calls(one, records),
        several => numbers(several, records),
    }
}

/// The calls of one ABI.
fn calls(Exported { abi, table, calls }: &Exported<'_>, records: &Records<'_>) -> String {
    let mut out = format!(
        "System calls of {}, Linux {}, {}:\n\n",
        code(&abi.name),
        text(table.linux.as_str()),
        code(&table.source)
    );
    out += "| number | name | entry | compat | since | until |\n|--:|---|---|---|---|---|\n";
    for call in calls {
        let (entry, compat) =
            (call.entry.map_or(String::new(), code), call.compat.map_or(String::new(), code));
        let (since, until) = records.dates(abi, call.number, call.name);
        let since = since.map_or(String::new(), |since| since.to_string());
        let until = until.map_or(String::new(), |until| until.to_string());
        let (number, name) = (call.number, code(call.name));
        let _ = writeln!(out, "| {number} | {name} | {entry} | {compat} | {since} | {until} |");
    }
    out
}

/// Names × ABIs; a cell is empty if the ABI does not have the call. The last column has the first
/// release in which one of the ABIs has the call.
fn numbers(exported: &[Exported<'_>], records: &Records<'_>) -> String {
    let mut out = String::from("| name |");
    for Exported { abi, .. } in exported {
        let _ = write!(out, " {} |", code(&abi.name));
    }
    let _ = writeln!(out, " since |\n|---|{}---|", "--:|".repeat(exported.len()));
    for ((name, _), cells) in by_name(exported) {
        let _ = write!(out, "| {} |", code(name));
        let runs = exported.iter().zip(&cells).filter_map(|(Exported { abi, .. }, cell)| {
            let call = (*cell)?;
            Some((*abi, records.run(abi, call.number, call.name)?))
        });
        let first = runs.min_by_key(|(_, run)| run.since);
        for cell in cells {
            let number = cell.map_or(String::new(), |call| call.number.to_string());
            let _ = write!(out, " {number} |");
        }
        let since = first.map(|(abi, run)| records.history.since(abi, run).to_string());
        let _ = writeln!(out, " {} |", since.unwrap_or_default());
    }
    out
}

/// A word in the text: markup of Markdown or HTML is escaped.
fn text(word: &str) -> String {
    let mut out = String::new();
    for character in word.chars() {
        match character {
            '\n' | '\r' => out.push(' '),
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            _ if "\\`*_[]{}()#+!|>~".contains(character) => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out
}

/// A word as code. Words with a backtick, or in a table with a bar, are printed as text.
fn code(word: &str) -> String {
    if word.is_empty() || word.contains(['`', '|', '\n', '\r']) {
        text(word)
    } else {
        format!("`{word}`")
    }
}
