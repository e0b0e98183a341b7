//! The expansion of macros.

use super::lex::{Token, lex};
use super::text::is_name;
use super::unit::{Macro, Params};
use super::{MAX_EXPANSION, MAX_NESTING, MAX_UNIT, too_large};
use std::collections::HashMap;

/// Why an expression has no value.
pub(super) enum Stop {
    NotInteger(String),
    /// An error in any context.
    Fatal(String),
}

pub(super) fn not_integer<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::NotInteger(what.into()))
}

/// Expands macros.
pub(super) struct Expander<'a> {
    macros: &'a HashMap<String, Macro>,
    /// In a directive, `defined` is an operator.
    directive: bool,
    /// The macros being expanded, outermost first.
    active: Vec<&'a str>,
    depth: usize,
    /// Characters that have been expanded, and the limit.
    expanded: &'a mut usize,
    limit: usize,
}

enum Work {
    Token(Token),
    /// The innermost active macro ends here.
    End,
}

impl<'a> Expander<'a> {
    /// The cost of the expansion is added to `expanded`. In a directive, `defined` is an operator.
    pub(super) fn new(
        macros: &'a HashMap<String, Macro>,
        directive: bool,
        expanded: &'a mut usize,
    ) -> Expander<'a> {
        let limit = MAX_UNIT.min(*expanded + MAX_EXPANSION);
        Expander { macros, directive, active: Vec::new(), depth: 0, expanded, limit }
    }

    /// A text with its macros expanded.
    pub(super) fn text(mut self, text: &str) -> Result<Vec<Token>, Stop> {
        self.charge(text.len())?;
        self.expand(lex(text))
    }

    fn charge(&mut self, characters: usize) -> Result<(), Stop> {
        *self.expanded += characters + 1;
        if *self.expanded <= self.limit {
            return Ok(());
        }
        let limit = if self.limit == MAX_UNIT { MAX_UNIT } else { MAX_EXPANSION };
        Err(Stop::Fatal(too_large("characters in expansions", limit)))
    }

    fn expand(&mut self, tokens: Vec<Token>) -> Result<Vec<Token>, Stop> {
        self.depth += 1;
        let mut out = Vec::new();
        let mut work: Vec<_> = tokens.into_iter().rev().map(Work::Token).collect();
        while let Some(mut token) = self.take_next(&mut work) {
            if self.directive && token.is("defined") {
                out.push(self.defined(&mut work)?);
                continue;
            }
            token.spent |= self.active.contains(&&*token.text);
            let found = self.macros.get(&token.text).filter(|_| !token.spent);
            let Some(found) =
                found.filter(|m| m.params.is_none() || self.at_parenthesis(&mut work))
            else {
                out.push(token);
                continue;
            };
            if self.active.len() + self.depth > MAX_NESTING {
                return Err(Stop::Fatal(too_large("nested macros", MAX_NESTING)));
            }
            let args = match &found.params {
                Some(params) => self.arguments(found, params, &mut work)?,
                None => Vec::new(),
            };
            let body = self.substitute(found, &args)?;
            self.active.push(&found.name);
            work.push(Work::End);
            work.extend(body.into_iter().rev().map(Work::Token));
        }
        self.depth -= 1;
        Ok(out)
    }

    fn take_next(&mut self, work: &mut Vec<Work>) -> Option<Token> {
        loop {
            match work.pop()? {
                Work::Token(token) => return Some(token),
                Work::End => self.active.pop(),
            };
        }
    }

    /// Whether a `(` follows, possibly after the current expansion: the arguments may be outside of
    /// it.
    fn at_parenthesis(&mut self, work: &mut Vec<Work>) -> bool {
        let next = self.take_next(work);
        let found = next.as_ref().is_some_and(|token| token.is("("));
        work.extend(next.map(Work::Token));
        found
    }

    fn defined(&mut self, work: &mut Vec<Work>) -> Result<Token, Stop> {
        let enclosed = self.at_parenthesis(work) && self.take_next(work).is_some();
        match self.take_next(work) {
            Some(name)
                if is_name(&name.text)
                    && (!enclosed || self.take_next(work).is_some_and(|t| t.is(")"))) =>
            {
                Ok(Token::new(if self.macros.contains_key(&name.text) { "1" } else { "0" }))
            }
            _ => not_integer("`defined` takes one name"),
        }
    }

    fn arguments(
        &mut self,
        of: &Macro,
        params: &Params,
        work: &mut Vec<Work>,
    ) -> Result<Vec<Vec<Token>>, Stop> {
        let count = params.names.len();
        let mut args = Vec::new();
        let mut arg = Vec::new();
        let mut depth = 0;
        while let Some(token) = self.take_next(work) {
            depth += match &*token.text {
                "(" => 1,
                ")" => -1,
                _ => 0,
            };
            match &*token.text {
                "(" if depth == 1 => {}
                "," if depth == 1 && !(params.variadic && args.len() + 1 == count) => {
                    args.push(std::mem::take(&mut arg));
                }
                ")" if depth == 0 => {
                    if count > 0 || !args.is_empty() || !arg.is_empty() {
                        args.push(arg);
                    }
                    if params.variadic && args.len() + 1 == count {
                        args.push(Vec::new());
                    }
                    if args.len() == count {
                        return Ok(args);
                    }
                    return not_integer(format!(
                        "`{}` takes {count} arguments, not {}",
                        of.name,
                        args.len()
                    ));
                }
                _ => arg.push(token),
            }
        }
        not_integer(format!("`{}(` has no `)`", of.name))
    }

    /// The body with the arguments in place: expanded, or as written beside `##`.
    fn substitute(&mut self, found: &Macro, args: &[Vec<Token>]) -> Result<Vec<Token>, Stop> {
        self.charge(found.body.len())?;
        let params = found.params.as_ref().map_or(&[][..], |params| &params.names);
        let expanded: Vec<_> =
            args.iter().map(|arg| self.expand(arg.clone())).collect::<Result<_, _>>()?;
        let mut out: Vec<Token> = Vec::new();
        let mut paste = false;
        let mut body = lex(&found.body).into_iter().peekable();
        while let Some(token) = body.next() {
            if token.is("##") {
                paste = true;
                continue;
            }
            let beside = paste || body.peek().is_some_and(|next| next.is("##"));
            let operand = match params.iter().position(|name| token.is(name)) {
                Some(at) if beside && args[at].is_empty() => &[Token::new("")][..],
                Some(at) if beside => &args[at],
                Some(at) => &expanded[at],
                None => &[token],
            };
            for (at, token) in operand.iter().enumerate() {
                self.charge(token.text.len())?;
                match out.last_mut() {
                    Some(left) if paste && at == 0 => {
                        *left = Token::new(format!("{}{}", left.text, token.text))
                    }
                    _ => out.push(token.clone()),
                }
            }
            paste = false;
        }
        out.retain(|token| !token.text.is_empty());
        Ok(out)
    }
}
