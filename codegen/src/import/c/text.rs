//! The text of C files without preprocessing: words, literals, parentheses.

use std::{iter, mem};

/// No real argument list or condition has this many characters; the limit bounds the time for
/// hostile files.
pub(in crate::import) const LONGEST: usize = 2048;

/// Lines that end with a backslash joined with the next; the newlines follow, so that line numbers
/// stay.
pub(in crate::import) fn splice(text: &str) -> String {
    let (mut joined, mut owed) = (String::with_capacity(text.len()), 0);
    for line in text.split_inclusive('\n') {
        match line.trim_end().strip_suffix('\\') {
            Some(part) => {
                joined += part;
                owed += 1;
            }
            None => {
                joined += line;
                joined.extend(iter::repeat_n('\n', mem::take(&mut owed)));
            }
        }
    }
    joined
}

/// Comments and literals blanked, line for line.
pub(in crate::import) fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"', '\'']) {
        let (before, from) = rest.split_at(at);
        let end = match from.as_bytes() {
            [b'/', b'*', ..] => from[2..].find("*/").map_or(from.len(), |end| end + 4),
            [b'/', b'/', ..] => from.find('\n').unwrap_or(from.len()),
            [b'/', ..] => 1,
            _ => literal(from),
        };
        code += before;
        code.extend(from[..end].chars().map(|c| if c == '\n' || end == 1 { c } else { ' ' }));
        rest = &from[end..];
    }
    code + rest
}

/// The length of the literal that the text starts with; one without an end, as in `#error don't`,
/// ends with its line.
pub(super) fn literal(text: &str) -> usize {
    let text = text.as_bytes();
    let mut escaped = true;
    let end = text.iter().position(|&byte| {
        let ends = byte == b'\n' || byte == text[0] && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + usize::from(text[end] != b'\n'))
}

/// What is between the parentheses that the text starts with, and what follows them.
pub(in crate::import) fn parentheses(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start().strip_prefix('(')?;
    let mut depth = 1;
    for (at, c) in text.char_indices().take(LONGEST) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ';' | '{' | '}' => return None,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

/// The text between the commas that are in no parentheses.
pub(in crate::import) fn split(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .collect()
}

/// Whether this can be in an identifier of C. The kernel uses no other characters.
pub(in crate::import) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether this is an identifier of C.
pub(in crate::import) fn is_name(word: &str) -> bool {
    word.chars().all(is_word) && word.starts_with(|c: char| !c.is_ascii_digit())
}

/// Words and operators.
pub(in crate::import) fn tokens(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if ["&&", "||", "==", "!=", "<=", ">=", "<<", ">>"]
                .iter()
                .any(|two| rest.starts_with(two)) =>
            {
                2
            }
            c => c.len_utf8(),
        };
        let (token, tail) = rest.split_at(length);
        found.push(token);
        rest = tail.trim_start();
    }
    found
}

/// Tokens with blanks as the kernel sets them: `const char __user *const __user *`, `A &&
/// IS_ENABLED(B)`.
pub(in crate::import) fn spaced(tokens: &[&str]) -> String {
    let mut text = String::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("(", |at| tokens[at]);
        let call = *token == "("
            && (before == ")" || before.chars().all(is_word))
            && tokens.get(at + 1) != Some(&"*");
        if !(call || ["(", "[", "!", "*"].contains(&before) || [")", "[", "]", ","].contains(token))
        {
            text.push(' ');
        }
        text += token;
    }
    text
}
