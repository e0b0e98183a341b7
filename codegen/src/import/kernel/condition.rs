//! Conditions of the preprocessor or of Kconfig: joined as text, and evaluated with partly unknown
//! symbols.

use crate::import::c::text::{LONGEST, is_word, spaced, tokens};
use std::collections::{BTreeMap, BTreeSet};

/// For each open `#if` the conditions of its branches so far; only the last one can be true.
#[derive(Default)]
pub(in crate::import) struct Conditions {
    open: Vec<Vec<(bool, String)>>,
    /// The macros that the file defines, each with its condition if it represents one.
    own: BTreeMap<String, Option<String>>,
}

impl Conditions {
    /// Processes a directive, without its `#`; non-conditional ones are ignored.
    pub(in crate::import) fn apply(&mut self, directive: &str) -> Result<(), String> {
        let directive = directive.trim();
        let (word, rest) =
            directive.split_at(directive.find(|c| !is_word(c)).unwrap_or(directive.len()));
        match word {
            "if" | "ifdef" | "ifndef" => {
                self.open.push(vec![(word != "ifndef", self.condition(rest))])
            }
            "elif" | "else" | "endif" => {
                let more = self.condition(rest);
                let open = self
                    .open
                    .last_mut()
                    .ok_or_else(|| format!("#{word} without #if; repair the file"))?;
                if let Some((holds, _)) = open.last_mut() {
                    *holds = !*holds;
                }
                match word {
                    "elif" => open.push((true, more)),
                    "endif" => drop(self.open.pop()),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether every `#if` has its `#endif`.
    pub(in crate::import) fn is_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// Processes a directive of a C file, without its `#`. A macro that the file defines once, as
    /// true and under a condition, represents this condition from there on.
    pub(in crate::import) fn define(&mut self, directive: &str) {
        let words = tokens(directive.get(..LONGEST).unwrap_or(directive));
        let (name, is_true) = match words[..] {
            ["define", name] | ["define", name, "1"] => (name, true),
            ["define" | "undef", name, ..] => (name, false),
            _ => return,
        };
        let when = self.and("").ok().flatten().filter(|_| is_true);
        // `#ifndef A`, `#define A` shows nothing about A.
        let when = when.filter(|when| !tokens(when).contains(&name));
        self.own.entry(name.to_owned()).and_modify(|own| *own = None).or_insert(when);
    }

    /// `defined(A) && !defined(B)` as `A && !B`.
    fn condition(&self, expression: &str) -> String {
        let (words, mut kept) = (tokens(expression), Vec::new());
        let mut rest = &words[..];
        while let [first, tail @ ..] = rest {
            let (token, tail) = match (*first, tail) {
                ("defined", ["(", name, ")", tail @ ..] | [name, tail @ ..]) => (name, tail),
                _ => (first, tail),
            };
            kept.push(*token);
            rest = tail;
        }
        let own = |token: &str| self.own.get(token).and_then(Option::as_deref);
        if let [name] = kept[..] {
            return own(name).unwrap_or(name).to_owned();
        }
        let added: usize = kept.iter().filter_map(|token| own(token)).map(str::len).sum();
        if added == 0 || added > LONGEST {
            return spaced(&kept);
        }
        let in_full = kept.iter().flat_map(|token| match own(token) {
            Some(whole) => [&["("], &tokens(whole)[..], &[")"]].concat(),
            None => vec![*token],
        });
        spaced(&in_full.collect::<Vec<_>>())
    }

    /// The conditions in force and `more`, as one.
    pub(in crate::import) fn and(&self, more: &str) -> Result<Option<String>, String> {
        let open = self.open.iter().flatten();
        if open.clone().map(|(_, part)| part.len() + " && ".len()).sum::<usize>() > LONGEST {
            return Err(format!(
                "the conditions around it have more than {LONGEST} characters; simplify them"
            ));
        }
        let open = open.map(|(holds, part)| if *holds { part.clone() } else { negated(part) });
        Ok(all(open.chain([more.to_owned()])))
    }
}

/// The conditions as one; an empty one is always true.
pub(in crate::import) fn all(parts: impl IntoIterator<Item = String>) -> Option<String> {
    let mut parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let mut seen = BTreeSet::new();
    parts.retain(|part| seen.insert(part.clone()));
    match &parts[..] {
        [] => None,
        [part] => Some(part.clone()),
        _ => Some(parts.iter().map(|part| operand(part)).collect::<Vec<_>>().join(" && ")),
    }
}

fn negated(condition: &str) -> String {
    match condition.strip_prefix('!') {
        Some(rest) if !rest.contains(' ') => rest.to_owned(),
        _ if condition.contains(' ') => format!("!({condition})"),
        _ => format!("!{condition}"),
    }
}

/// The condition as an operand of `&&`.
fn operand(condition: &str) -> String {
    let mut depth = 0;
    let binds_less = condition.chars().any(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0 && ['|', '?'].contains(&c)
    });
    if binds_less { format!("({condition})") } else { condition.to_owned() }
}

/// The value of a condition with unknown symbols; `None` is unknown.
pub(in crate::import) type Truth = Option<bool>;

pub(in crate::import) fn not(a: Truth) -> Truth {
    a.map(|a| !a)
}

pub(in crate::import) fn and(a: Truth, b: Truth) -> Truth {
    if a == Some(false) || b == Some(false) { Some(false) } else { a.and(b) }
}

pub(in crate::import) fn or(a: Truth, b: Truth) -> Truth {
    not(and(not(a), not(b)))
}

/// Parentheses and `!` deeper than this are not followed.
const DEEPEST: usize = 64;

/// The condition's value. `symbol` returns the value of a name; a comparison is passed as `NAME ==
/// VALUE`. Other expressions, and those that are nested too deeply, are unknown.
pub(in crate::import) fn evaluate(text: &str, symbol: &mut dyn FnMut(&str) -> Truth) -> Truth {
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
    fn unknown_symbols_leave_conditions_open() {
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
