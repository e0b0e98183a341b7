//! String literals in the languages that are written.

use std::fmt::Write as _;

/// A Rust string literal.
pub(crate) fn quoted(text: &str) -> String {
    literal(text, |out, c| write!(out, "\\u{{{:x}}}", u32::from(c)))
}

/// A TOML string. TOML's escapes have four digits.
#[cfg(feature = "cli")]
pub(crate) fn quoted_toml(text: &str) -> String {
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

/// Joins the items with `between`. The standard library's `join` makes a build script slower to
/// compile.
pub(crate) fn joined(items: &[impl AsRef<str>], between: &str) -> String {
    let mut out = String::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        out.push_str(item.as_ref());
    }
    out
}
