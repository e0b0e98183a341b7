//! The tables as Markdown: one ABI with its entry points, or several beside each other.

use super::{Exported, by_name};
use std::fmt::Write as _;

pub(crate) fn markdown(exported: &[Exported<'_>]) -> String {
    match exported {
        [one] => calls(one),
        several => numbers(several),
    }
}

/// The calls of one ABI.
fn calls(Exported { abi, table, calls }: &Exported<'_>) -> String {
    let mut out = format!(
        "System calls of {}, Linux {}, {}:\n\n",
        code(&abi.name),
        text(table.linux.as_str()),
        code(&table.source)
    );
    out += "| number | name | entry | compat |\n|--:|---|---|---|\n";
    for call in calls {
        let (entry, compat) =
            (call.entry.map_or(String::new(), code), call.compat.map_or(String::new(), code));
        let _ = writeln!(out, "| {} | {} | {entry} | {compat} |", call.number, code(call.name));
    }
    out
}

/// Names × ABIs; an empty cell is a call that the ABI lacks.
fn numbers(exported: &[Exported<'_>]) -> String {
    let mut out = String::from("| name |");
    for Exported { abi, .. } in exported {
        let _ = write!(out, " {} |", code(&abi.name));
    }
    let _ = writeln!(out, "\n|---|{}", "--:|".repeat(exported.len()));
    for ((name, _), cells) in by_name(exported) {
        let _ = write!(out, "| {} |", code(name));
        for cell in cells {
            let number = cell.map_or(String::new(), |call| call.number.to_string());
            let _ = write!(out, " {number} |");
        }
        out.push('\n');
    }
    out
}

/// A word in the text: what Markdown or HTML would take for markup is escaped.
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

/// A word as code, which takes everything but a backtick, and in a table no bar; those words stand
/// as text.
fn code(word: &str) -> String {
    if word.is_empty() || word.contains(['`', '|', '\n', '\r']) {
        text(word)
    } else {
        format!("`{word}`")
    }
}
