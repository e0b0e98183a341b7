//! Logical lines, and their preprocessing tokens.

use super::text::{is_word, literal};
use crate::Error;

/// A line with its continuation lines.
pub(super) struct Logical {
    pub(super) line: usize,
    pub(super) text: String,
    /// The comment that ends it, on one line.
    pub(super) comment: Option<String>,
}

/// The next line: continued lines and multi-line comments are joined, and each comment is replaced
/// by a blank.
pub(super) fn logical_line<'a>(
    file: &str,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Result<Option<Logical>, Error> {
    let mut joined: Option<Logical> = None;
    let mut open: Option<(usize, String)> = None;
    while let Some((at, mut piece)) = lines.next() {
        let mut line = String::new();
        while let Some(head) = piece.trim_end().strip_suffix('\\') {
            line += head;
            piece = lines.next().map_or("", |(_, next)| next);
        }
        line += piece;
        let out =
            joined.get_or_insert(Logical { line: at + 1, text: String::new(), comment: None });
        let mut rest = &*line;
        while !rest.is_empty() {
            if let Some((_, said)) = &mut open {
                let Some((head, tail)) = rest.split_once("*/") else { break };
                out.comment = tidy(&(said.to_owned() + head));
                out.text.push(' ');
                (open, rest) = (None, tail);
            } else if let Some(tail) = rest.strip_prefix("/*") {
                (open, rest) = (Some((at + 1, String::new())), tail);
            } else if let Some(said) = rest.strip_prefix("//") {
                (out.comment, rest) = (tidy(said), "");
            } else {
                let plain = match rest.as_bytes()[0] {
                    b'"' | b'\'' => literal(rest),
                    // A slash that does not start a comment is text, too.
                    b'/' => 1,
                    _ => rest.find(['/', '"', '\'']).unwrap_or(rest.len()),
                };
                let (plain, tail) = rest.split_at(plain);
                out.text += plain;
                out.comment = out.comment.take().filter(|_| plain.trim().is_empty());
                rest = tail;
            }
        }
        match &mut open {
            None => break,
            Some((_, said)) => said.extend([rest, "\n"]),
        }
    }
    match open {
        None => Ok(joined),
        Some((line, _)) => {
            Err(Error::at(file, line, "this comment has no `*/`; is the file cut off?"))
        }
    }
}

/// The words of a comment, without the stars that decorate its lines.
fn tidy(comment: &str) -> Option<String> {
    let lines = comment.lines().map(|line| line.trim_start().trim_start_matches('*'));
    let words: Vec<_> = lines.flat_map(str::split_whitespace).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The name that `text` begins with, empty if there is none, and what follows it.
pub(super) fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    text.split_at(if text.starts_with(|c: char| c.is_ascii_digit()) { 0 } else { end })
}

/// A preprocessing token; its first character shows its kind. An empty one is an empty argument
/// next to `##`.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: String,
    /// A name inside its own expansion, which is never expanded again.
    pub(super) spent: bool,
}

impl Token {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), spent: false }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// The preprocessing tokens of a line.
pub(super) fn lex(text: &str) -> Vec<Token> {
    const PAIRS: [&str; 12] =
        ["<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "##", "++", "--", "->"];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if first == '"' || first == '\'' {
            literal(rest)
        } else if rest.strip_prefix('.').unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit()) {
            let mut last = first;
            let ends = |c| {
                // `0xe+1` is one token in C, but not an integer.
                let sign = matches!(c, '+' | '-') && matches!(last, 'e' | 'E' | 'p' | 'P');
                last = c;
                !(sign || c == '.' || is_word(c))
            };
            rest.find(ends).unwrap_or(rest.len())
        } else if is_word(first) {
            split_name(rest).0.len()
        } else {
            PAIRS
                .iter()
                .find(|pair| rest.starts_with(**pair))
                .map_or(first.len_utf8(), |pair| pair.len())
        };
        tokens.push(Token::new(&rest[..len]));
        rest = rest[len..].trim_start();
    }
    tokens
}
