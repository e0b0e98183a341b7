//! Conditions, of the preprocessor or of Kconfig, where not every symbol's value is known.

use super::prototypes::{is_word, tokens};

/// What a condition is when some symbols are not known: `None` is either.
pub(super) type Truth = Option<bool>;

pub(super) fn not(a: Truth) -> Truth {
    a.map(|a| !a)
}

pub(super) fn and(a: Truth, b: Truth) -> Truth {
    if a == Some(false) || b == Some(false) { Some(false) } else { a.and(b) }
}

pub(super) fn or(a: Truth, b: Truth) -> Truth {
    not(and(not(a), not(b)))
}

/// Parentheses and `!` deeper than this are not followed.
const DEEPEST: usize = 64;

/// The condition's value. `symbol` knows names; a comparison is asked for as `NAME == VALUE`. What is no such expression,
/// or is too deep, is not known.
pub(super) fn evaluate(text: &str, symbol: &mut dyn FnMut(&str) -> Truth) -> Truth {
    let text = text.replace("IS_ENABLED", " ");
    let words = tokens(&text);
    let mut rest = &words[..];
    let value = either(&mut rest, symbol, 0);
    if rest.is_empty() { value } else { None }
}

fn either(rest: &mut &[&str], symbol: &mut dyn FnMut(&str) -> Truth, depth: usize) -> Truth {
    let mut value = both(rest, symbol, depth);
    while let ["||", tail @ ..] = *rest {
        *rest = tail;
        value = or(value, both(rest, symbol, depth));
    }
    value
}

fn both(rest: &mut &[&str], symbol: &mut dyn FnMut(&str) -> Truth, depth: usize) -> Truth {
    let mut value = one(rest, symbol, depth);
    while let ["&&", tail @ ..] = *rest {
        *rest = tail;
        value = and(value, one(rest, symbol, depth));
    }
    value
}

fn one(rest: &mut &[&str], symbol: &mut dyn FnMut(&str) -> Truth, depth: usize) -> Truth {
    if depth > DEEPEST {
        return None;
    }
    match *rest {
        ["!", tail @ ..] => {
            *rest = tail;
            not(one(rest, symbol, depth + 1))
        }
        ["(", tail @ ..] => {
            *rest = tail;
            let value = either(rest, symbol, depth + 1);
            if let [")", tail @ ..] = *rest {
                *rest = tail;
            }
            value
        }
        [name, "==" | "=", value, tail @ ..] => {
            *rest = tail;
            symbol(&format!("{name} == {value}"))
        }
        [name, "!", "=", value, tail @ ..] | [name, "!=", value, tail @ ..] => {
            *rest = tail;
            not(symbol(&format!("{name} == {value}")))
        }
        [name, tail @ ..] if name.chars().all(is_word) => {
            *rest = tail;
            match *name {
                "y" | "1" => Some(true),
                "n" | "0" => Some(false),
                name => symbol(name),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_decides_nothing() {
        let mut symbol = |name: &str| match name {
            "T" | "BITS == 32" => Some(true),
            "F" | "BITS == 64" => Some(false),
            _ => None,
        };
        for (text, value) in [
            ("T && !F", Some(true)),
            ("T && U", None),
            ("F && U", Some(false)),
            ("U && F || T", Some(true)),
            ("U || U && F", None),
            ("!(F || IS_ENABLED(U) && T)", None),
            ("!(T || U)", Some(false)),
            ("BITS == 32 && BITS != 64", Some(true)),
            ("y && !n", Some(true)),
            ("T &&", None),
            ("T T", None),
            ("$(success,x)", None),
            ("", None),
        ] {
            assert_eq!(evaluate(text, &mut symbol), value, "{text}");
        }
        assert_eq!(evaluate(&"!(".repeat(10_000), &mut symbol), None);
    }
}
