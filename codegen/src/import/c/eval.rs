//! The values of expressions, with the types of C.

use super::expand::{Stop, not_integer};
use super::lex::Token;
use super::text::{is_name, is_word};
use super::{MAX_NESTING, too_large};
use std::collections::HashMap;

/// The names that are constants in C.
pub(super) type Known = HashMap<String, i64>;

/// An integer of a C type that is not narrower than `int`.
#[derive(Clone, Copy)]
pub(super) struct Int {
    pub(super) value: i128,
    bits: u32,
    unsigned: bool,
}

impl Int {
    fn new(value: i128, bits: u32, unsigned: bool) -> Self {
        let unused = i128::BITS - bits;
        let high = value << unused;
        let value = if unsigned { (high as u128 >> unused) as i128 } else { high >> unused };
        Self { value, bits: bits.max(32), unsigned: unsigned && bits >= 32 }
    }

    /// Both operands in C's common type.
    fn common(self, other: Self) -> (Self, Self) {
        let bits = self.bits.max(other.bits);
        let unsigned = [self, other].iter().any(|int| int.unsigned && int.bits == bits);
        (Self::new(self.value, bits, unsigned), Self::new(other.value, bits, unsigned))
    }

    /// A constant, whose type is the first of at least `bits` that holds it.
    fn parse(text: &str, bits: u32) -> Option<Self> {
        let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
        let suffix = text[digits.len()..].to_ascii_lowercase();
        if !["", "u", "l", "ul", "lu", "ll", "ull", "llu"].contains(&&*suffix) {
            return None;
        }
        let (radix, digits) = match digits.as_bytes() {
            [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
            [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
            [b'0', _, ..] => (8, &digits[1..]),
            _ => (10, digits),
        };
        let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
        let unsigned = suffix.contains('u');
        let narrow = if unsigned || radix != 10 { 32 } else { 31 };
        let bits = if suffix.contains('l') || value >> narrow != 0 { 64 } else { bits };
        Some(Self::new(value, bits, unsigned || value >> (bits - 1) != 0))
    }

    /// A character constant; several characters make one number, the first one highest.
    fn character(text: &str) -> Option<i128> {
        let text = text.strip_prefix('\'')?.strip_suffix('\'')?;
        if text == "\\0" {
            return Some(0);
        }
        let mut chars = text.chars();
        let mut value = None;
        while let Some(mut c) = chars.next() {
            if c == '\\' {
                let at = "ntrabfv\\'\"?".find(chars.next()?)?;
                c = "\n\t\r\x07\x08\x0c\x0b\\'\"?".chars().nth(at)?;
            }
            // Beyond ASCII the sign depends on the target.
            value = Some(value.unwrap_or(0) << 8 | c.is_ascii().then_some(c as i128)?);
        }
        value.filter(|value| value >> 32 == 0)
    }
}

/// Width of the type that `words` name and whether it is unsigned, if known: `unsigned long`,
/// `__u32`, `uint8_t`.
fn type_of(words: &[Token]) -> Option<(u32, bool)> {
    let mut bits = None;
    for word in words {
        let word = word.text.trim_start_matches('_').trim_end_matches("_t");
        let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
        bits = match (stem, word[stem.len()..].parse()) {
            ("u" | "s" | "int" | "uint", Ok(bits @ (8 | 16 | 32 | 64))) => Some(bits),
            ("char", _) => Some(8),
            ("short", _) => Some(16),
            ("long", _) => Some(64),
            ("int" | "signed" | "unsigned", _) => bits.or(Some(32)),
            _ => bits,
        };
    }
    Some((bits?, words.iter().any(|word| word.text.trim_start_matches('_').starts_with('u'))))
}

/// The part of an expression that is not parsed yet.
pub(super) struct Parser<'a> {
    pub(super) tokens: &'a [Token],
    /// Without it, the rules of `#if` apply.
    pub(super) known: Option<&'a Known>,
    pub(super) int_bits: u32,
    pub(super) depth: usize,
}

impl<'a> Parser<'a> {
    /// Takes the next token if it is `text`.
    fn eat(&mut self, text: &str) -> bool {
        let eaten = self.tokens.first().is_some_and(|token| token.is(text));
        self.tokens = &self.tokens[usize::from(eaten)..];
        eaten
    }

    fn deeper(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth <= MAX_NESTING {
            return Ok(());
        }
        Err(Stop::Fatal(too_large("nested parentheses", MAX_NESTING)))
    }

    /// If not `live`, the expression is parsed, but its values cause no error.
    pub(super) fn expression(&mut self, live: bool) -> Result<Int, Stop> {
        self.deeper()?;
        let mut value = self.binary(0, live)?;
        if self.eat("?") {
            let holds = value.value != 0;
            let yes = self.expression(live && holds)?;
            if !self.eat(":") {
                return not_integer("a `?` has no `:`");
            }
            let (yes, no) = yes.common(self.expression(live && !holds)?);
            value = if holds { yes } else { no };
        }
        self.depth -= 1;
        Ok(value)
    }

    fn binary(&mut self, lowest: usize, live: bool) -> Result<Int, Stop> {
        const LEVELS: [&str; 10] =
            ["||", "&&", "|", "^", "&", "== !=", "< > <= >=", "<< >>", "+ -", "* / %"];
        let mut left = self.unary(live)?;
        while let Some((operator, rest)) = self.tokens.split_first() {
            let level =
                LEVELS.iter().position(|level| level.split(' ').any(|text| operator.is(text)));
            let Some(level) = level.filter(|level| *level >= lowest) else { break };
            self.tokens = rest;
            let decided =
                operator.is("||") && left.value != 0 || operator.is("&&") && left.value == 0;
            let right = self.binary(level + 1, live && !decided)?;
            left = self.apply(&operator.text, left, right, live)?;
        }
        Ok(left)
    }

    fn apply(&self, operator: &str, left: Int, right: Int, live: bool) -> Result<Int, Stop> {
        let (a, b) = left.common(right);
        let (x, y) = (a.value, b.value);
        let int = |value| Int::new(value, a.bits, a.unsigned);
        Ok(match operator {
            "||" => self.truth(x != 0 || y != 0),
            "&&" => self.truth(x != 0 && y != 0),
            "==" => self.truth(x == y),
            "!=" => self.truth(x != y),
            "<" => self.truth(x < y),
            ">" => self.truth(x > y),
            "<=" => self.truth(x <= y),
            ">=" => self.truth(x >= y),
            "<<" | ">>" => match u32::try_from(right.value).ok().filter(|by| *by < left.bits) {
                Some(by) if operator == "<<" => {
                    Int::new(left.value << by, left.bits, left.unsigned)
                }
                Some(by) => Int { value: left.value >> by, ..left },
                None if live => {
                    return not_integer(format!("a shift by {} is undefined", right.value));
                }
                None => left,
            },
            "/" | "%" if y == 0 && live => {
                return Err(Stop::Fatal(
                    "a division by zero; correct the macros it comes from".to_owned(),
                ));
            }
            "/" | "%" if y == 0 => a,
            "/" => int(x / y),
            "%" => int(x % y),
            "*" => int(x.wrapping_mul(y)),
            "+" => int(x + y),
            "-" => int(x - y),
            "&" => int(x & y),
            "^" => int(x ^ y),
            _ => int(x | y),
        })
    }

    fn unary(&mut self, live: bool) -> Result<Int, Stop> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return not_integer("an operand is missing");
        };
        self.deeper()?;
        self.tokens = rest;
        let value = match &*token.text {
            "(" => match self.cast() {
                Some(words) => {
                    let int = self.unary(live)?;
                    type_of(words)
                        .map_or(int, |(bits, unsigned)| Int::new(int.value, bits, unsigned))
                }
                None => {
                    let int = self.expression(live)?;
                    if !self.eat(")") {
                        return not_integer("a `(` has no `)`");
                    }
                    int
                }
            },
            operator @ ("+" | "-" | "~" | "!") => {
                let Int { value, bits, unsigned } = self.unary(live)?;
                match operator {
                    "!" => self.truth(value == 0),
                    "-" => Int::new(-value, bits, unsigned),
                    "~" => Int::new(!value, bits, unsigned),
                    _ => Int::new(value, bits, unsigned),
                }
            }
            text => match self.operand(text) {
                Some(int) => int,
                None => return not_integer(format!("`{text}` is not an integer")),
            },
        };
        self.depth -= 1;
        Ok(value)
    }

    fn operand(&self, text: &str) -> Option<Int> {
        match self.known {
            _ if text.starts_with('\'') => {
                Some(Int::new(Int::character(text)?, self.int_bits, false))
            }
            _ if !is_name(text) => Int::parse(text, self.int_bits),
            None => Some(self.truth(false)),
            Some(known) => {
                let value = *known.get(text)?;
                Some(Int::new(
                    value.into(),
                    if i32::try_from(value).is_ok() { 32 } else { 64 },
                    false,
                ))
            }
        }
    }

    fn truth(&self, holds: bool) -> Int {
        Int::new(holds.into(), self.int_bits, false)
    }

    /// Parses the rest of a cast after its `(`: names without a value, before an operand. If it
    /// could also be an operator or the arguments of a call, the names must be those of types.
    fn cast(&mut self) -> Option<&'a [Token]> {
        let known = self.known?;
        let count = self
            .tokens
            .iter()
            .take_while(|t| is_name(&t.text) && !known.contains_key(&t.text))
            .count();
        let (words, rest) = self.tokens.split_at(count);
        let [close, operand, ..] = rest else { return None };
        let cast = match &*operand.text {
            "(" | "+" | "-" => type_of(words).is_some() || words.last()?.text.ends_with("_t"),
            "~" | "!" => true,
            text => text.starts_with(|c| is_word(c) || c == '\''),
        };
        if count == 0 || !close.is(")") || !cast {
            return None;
        }
        self.tokens = &rest[1..];
        Some(words)
    }
}
