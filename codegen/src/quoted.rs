//! Text in quotation marks, as a language of what is written wants it.

use std::fmt::Write as _;

/// A string literal of Rust.
pub(crate) fn rust(text: &str) -> String {
    literal(text, |out, c| write!(out, "\\u{{{:x}}}", u32::from(c)))
}

/// A string of TOML, whose escapes have four digits.
#[cfg(feature = "cli")]
pub(crate) fn toml(text: &str) -> String {
    literal(text, |out, c| write!(out, "\\u{:04x}", u32::from(c)))
}

fn literal(text: &str, control: fn(&mut String, char) -> std::fmt::Result) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        if c.is_control() {
            let _ = control(&mut out, c);
            continue;
        }
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}
