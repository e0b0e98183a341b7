//! Output for people: colours, plurals, and text without terminal control sequences.

use clap::builder::styling::{AnsiColor, Style};

pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const BOLD: Style = Style::new().bold();

/// `1 error`, `2 errors`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Removes terminal escape sequences from a file's text.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn text_of_a_file_cannot_command_the_terminal() {
        assert_eq!(plain("7.2\u{1b}[2J\u{9b}m ü"), "7.2\\u{1b}[2J\\u{9b}m ü");
    }
}
