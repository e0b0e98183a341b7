//! A small C preprocessor for kernel headers: what a header defines under given macros, and the values of what it defines.
//!
//! Directives, comments, line splices and macro expansion follow C as gcc reads it. Where a header could tell the difference:
//!
//! - nothing is predefined but what the caller passes, so `__has_include` and its kin do not exist either;
//! - in `#if`, an unknown name is 0; an unknown name with arguments, a shift wider than its operand and a division by zero
//!   are errors;
//! - the value of a macro is what the C expression has on a 64-bit target: `~0U` is 4294967295, `1 << 31` is negative.
//!   One above `i64::MAX` wraps. A cast to a type whose name does not tell its width changes nothing.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::Error;

const MAX_FILE: usize = 4 << 20;
/// Bytes that one unit may read, a file counted each time it is included.
const MAX_UNIT: usize = 16 << 20;
const MAX_INCLUDES: usize = 64;
/// Levels of `#if`, of macros within macros and of parentheses; also the parameters of one macro.
const MAX_NESTING: usize = 256;
/// Directives of one unit, and likewise enumerators: together with the next limit it bounds the time a unit takes.
const MAX_ITEMS: usize = 1 << 17;
/// Characters that the expansion of one expression may pass through.
const MAX_EXPANSION: usize = 100_000;

/// What a header and everything it includes come to.
#[derive(Debug, Default)]
pub struct Unit {
    /// The live text outside directives, comments stripped and continued lines joined; nothing is expanded.
    pub lines: Vec<Line>,
    /// Included files that were not found, in order; a name that a macro computes stands as it is spelled.
    pub missing: Vec<String>,
    /// Every live `#undef`, the name as text, whether or not it was defined.
    pub undefined: Vec<Line>,
    macros: HashMap<String, Macro>,
}

/// A piece of text and where it begins.
#[derive(Debug)]
pub struct Line {
    /// The file that holds it.
    pub file: Rc<str>,
    /// The line it begins on.
    pub line: usize,
    /// The text, trimmed.
    pub text: String,
}

/// A macro that is defined at the end of the unit.
#[derive(Debug)]
pub struct Macro {
    /// The name.
    pub name: String,
    /// The body as written, comments stripped.
    pub body: String,
    /// The comment that ends the `#define` line, on one line.
    pub comment: Option<String>,
    /// The file that defines it, `<predefined>` for the caller's own.
    pub file: Rc<str>,
    /// The line of the `#define`.
    pub line: usize,
    params: Option<Vec<String>>,
    variadic: bool,
    order: usize,
}

impl Unit {
    /// Preprocesses `text`, which errors call `file`.
    ///
    /// A predefined name may carry parameters, as in `("__SYSCALL(nr, entry)", "")`. `include` gets the name between the
    /// delimiters and, if these were quotes, the file to look beside first; it returns a path to show and the text, or
    /// `None` if there is no such file, which is recorded and skipped.
    ///
    /// # Errors
    /// A live `#error`, a malformed directive, an unbalanced conditional, an exceeded limit, or an error of `include`.
    pub fn preprocess(
        file: &str,
        text: &str,
        predefined: &[(impl AsRef<str>, impl AsRef<str>)],
        include: impl FnMut(&str, Option<&str>) -> Result<Option<(String, String)>, Error>,
    ) -> Result<Self, Error> {
        let mut reader = Reader { unit: Self::default(), include, once: HashSet::new(), bytes: 0, directives: 0 };
        for (name, body) in predefined {
            reader.define(&"<predefined>".into(), 0, &format!("{} {}", name.as_ref(), body.as_ref()), None)?;
        }
        reader.file(file, text, 0)?;
        Ok(reader.unit)
    }

    /// The object-like macros in order of definition; a redefinition counts where it stands.
    pub fn macros(&self) -> Vec<&Macro> {
        let mut macros: Vec<_> = self.macros.values().filter(|m| m.params.is_none()).collect();
        macros.sort_unstable_by_key(|m| m.order);
        macros
    }

    /// The integer that an object-like macro stands for, through other macros. `None` if it stands for something else:
    /// nothing, a string, a name that is no macro, a call.
    ///
    /// # Errors
    /// A division by zero, or an expansion beyond the limits.
    pub fn value(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.macros.get(name) {
            Some(m) if m.params.is_none() => self.integer(name, &HashMap::new(), &m.file, m.line),
            _ => Ok(None),
        }
    }

    /// Name, value and place of the constants of every `enum` in [`Unit::lines`]. One whose value cannot be told from
    /// them is left out, and so are those that count on from it.
    ///
    /// # Errors
    /// An `enum` without an end, a division by zero, or an expansion beyond the limits.
    pub fn enumerators(&self) -> Result<Vec<(String, i64, &Line)>, Error> {
        let mut found = Vec::new();
        let mut known = HashMap::new();
        let mut entries = 0;
        let lines = self.lines.iter();
        let mut tokens = lines.flat_map(|line| lex(&line.text).into_iter().map(move |t| (t.text, line))).peekable();
        while let Some((word, opened)) = tokens.next() {
            let tagged = |(text, _): &(String, &Line)| is_name(text) || text == ":";
            if word != "enum" {
                continue;
            }
            while tokens.next_if(tagged).is_some() {}
            if tokens.next_if(|(text, _)| text == "{").is_none() {
                continue;
            }
            let (mut next, mut depth, mut entry) = (Some(0), 0, Vec::new());
            while depth >= 0 {
                let Some((text, line)) = tokens.next() else {
                    return Err(Error::new(&*opened.file, opened.line, "this enum has no `}`; is the file cut off?"));
                };
                depth += match &*text {
                    "(" | "[" | "{" => 1,
                    ")" | "]" | "}" => -1,
                    _ => 0,
                };
                if depth > 0 || depth == 0 && text != "," {
                    entry.push((text, line));
                    continue;
                }
                let mut parts = std::mem::take(&mut entry).into_iter();
                let Some((name, line)) = parts.next() else { continue };
                let rest: Vec<_> = parts.map(|(text, _)| text).collect();
                entries += 1;
                if entries > MAX_ITEMS {
                    return Err(Error::new(&*line.file, line.line, too_large("enumerators", MAX_ITEMS)));
                }
                let value = match rest.split_first() {
                    Some((sign, value)) if sign == "=" => {
                        self.integer(&value.join(" "), &known, &line.file, line.line)?
                    }
                    None => next,
                    Some(_) => None,
                };
                next = value.and_then(|value| value.checked_add(1));
                if let Some(value) = value {
                    known.insert(name.clone(), value);
                    found.push((name, value, line));
                }
            }
        }
        Ok(found)
    }

    fn integer(&self, text: &str, known: &Known, file: &str, line: usize) -> Result<Option<i64>, Error> {
        match self.evaluate(text, Some(known)) {
            Ok(value) => Ok(Some(value)),
            Err(Fault::NotInteger(_)) => Ok(None),
            Err(Fault::Fatal(what)) => Err(Error::new(file, line, what)),
        }
    }

    /// Without `known`, the rules of `#if` apply.
    fn evaluate(&self, text: &str, known: Option<&Known>) -> Result<i64, Fault> {
        let directive = known.is_none();
        let mut expander = Expander { macros: &self.macros, directive, active: Vec::new(), depth: 0, passed: 0 };
        expander.charge(text.len())?;
        let tokens = expander.expand(lex(text))?;
        let mut parser = Parser { tokens: &tokens, known, depth: 0 };
        let value = parser.expression(true)?;
        match parser.tokens.first() {
            None => Ok(value.value as i64),
            Some(token) => not_integer(format!("`{}` does not continue the expression", token.text)),
        }
    }
}

fn too_large(what: &str, limit: usize) -> String {
    format!("more than {limit} {what}; this is not a header to import")
}

// Directives.

struct Reader<F> {
    unit: Unit,
    include: F,
    once: HashSet<String>,
    bytes: usize,
    directives: usize,
}

struct Condition {
    line: usize,
    /// Whether what surrounds it is live.
    outer: bool,
    live: bool,
    /// Whether a branch has been live.
    taken: bool,
    ended: bool,
}

impl<F: FnMut(&str, Option<&str>) -> Result<Option<(String, String)>, Error>> Reader<F> {
    fn file(&mut self, file: &str, text: &str, depth: usize) -> Result<(), Error> {
        self.bytes += text.len();
        if text.len() > MAX_FILE || self.bytes > MAX_UNIT {
            let limit = if text.len() > MAX_FILE { MAX_FILE } else { MAX_UNIT };
            return Err(Error::new(file, 1, too_large("bytes with all includes", limit)));
        }
        let path: Rc<str> = file.into();
        let mut open: Vec<Condition> = Vec::new();
        for Logical { line, text, comment } in logical_lines(file, text)? {
            let fail = |what: &str| Err(Error::new(file, line, what));
            let place = |text: &str| Line { file: path.clone(), line, text: text.to_owned() };
            let live = open.last().is_none_or(|condition| condition.live);
            let text = text.trim();
            let Some(directive) = text.strip_prefix('#') else {
                if live && !text.is_empty() {
                    self.unit.lines.push(place(text));
                }
                continue;
            };
            self.directives += 1;
            if self.directives > MAX_ITEMS {
                return fail(&too_large("directives", MAX_ITEMS));
            }
            let (word, rest) = split_name(directive.trim_start());
            let rest = rest.trim_start();
            match word {
                "if" | "ifdef" | "ifndef" if open.len() == MAX_NESTING => {
                    return fail("conditionals nest too deep; is an #endif missing?");
                }
                "if" | "ifdef" | "ifndef" => {
                    let taken = live && self.holds(word, rest, file, line)?;
                    open.push(Condition { line, outer: live, live: taken, taken, ended: false });
                }
                "elif" | "elifdef" | "elifndef" | "else" => match open.last_mut() {
                    Some(condition) if !condition.ended => {
                        condition.ended = word == "else";
                        condition.live = condition.outer
                            && !condition.taken
                            && (condition.ended || self.holds(&word["el".len()..], rest, file, line)?);
                        condition.taken |= condition.live;
                    }
                    Some(Condition { line, .. }) => {
                        return fail(&format!("the #if of line {line} had its #else; remove this #{word}"));
                    }
                    None => return fail(&format!("#{word} without an #if; is the file cut off?")),
                },
                "endif" if open.pop().is_none() => return fail("#endif without an #if; is the file cut off?"),
                "endif" => {}
                _ if !live => {}
                "define" => self.define(&path, line, rest, comment)?,
                "undef" => {
                    let (name, _) = split_name(rest);
                    self.unit.macros.remove(name);
                    self.unit.undefined.push(place(name));
                }
                "include" => {
                    let within = |open, close| rest.strip_prefix(open)?.split_once(close).map(|(name, _)| name);
                    let (name, beside) = match within('<', '>') {
                        Some(name) => (Some(name), None),
                        None => (within('"', '"'), Some(file)),
                    };
                    let found = name.map(|name| (self.include)(name, beside)).transpose()?.flatten();
                    match found {
                        None => self.unit.missing.push(name.unwrap_or(rest).to_owned()),
                        Some((path, _)) if self.once.contains(&path) => {}
                        Some(_) if depth == MAX_INCLUDES => {
                            return fail("includes nest too deep; does a file include itself?");
                        }
                        Some((path, text)) => self.file(&path, &text, depth + 1)?,
                    }
                }
                "error" => return fail(&format!("#error {rest}; predefine what this header asks for")),
                "pragma" if rest == "once" => {
                    self.once.insert(file.to_owned());
                }
                "pragma" | "warning" | "line" | "ident" => {}
                // A lone `#`, and the `# 1 "file"` that preprocessors leave behind.
                "" if rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()) => {}
                _ => return fail(&format!("`{text}` is no directive that this reader knows; is it a C header?")),
            }
        }
        match open.last() {
            None => Ok(()),
            Some(&Condition { line, .. }) => {
                Err(Error::new(file, line, "this conditional has no #endif; is the file cut off?"))
            }
        }
    }

    fn holds(&self, word: &str, rest: &str, file: &str, line: usize) -> Result<bool, Error> {
        let what = match (word, split_name(rest).0) {
            ("if", _) => match self.unit.evaluate(rest, None) {
                Ok(value) => return Ok(value != 0),
                Err(Fault::Fatal(what)) => what,
                Err(Fault::NotInteger(what)) => format!("{what}; make `{rest}` an integer expression"),
            },
            (_, "") => format!("#{word} without a name; add one"),
            (_, name) => return Ok(self.unit.macros.contains_key(name) == (word == "ifdef")),
        };
        Err(Error::new(file, line, what))
    }

    fn define(&mut self, file: &Rc<str>, line: usize, text: &str, comment: Option<String>) -> Result<(), Error> {
        let (name, mut body) = split_name(text);
        let (mut params, mut variadic, mut valid) = (None, false, !name.is_empty());
        if let Some(rest) = body.strip_prefix('(') {
            let (list, rest) = rest.split_once(')').unwrap_or(("(", rest));
            let fixed = list.trim_end().strip_suffix("...");
            let mut names: Vec<_> = fixed.unwrap_or(list).split(',').map(|name| name.trim().to_owned()).collect();
            if let Some(last) = names.last_mut().filter(|last| last.is_empty()) {
                match fixed {
                    Some(_) => "__VA_ARGS__".clone_into(last),
                    None if names.len() == 1 => names.clear(),
                    None => {}
                }
            }
            valid &= names.len() <= MAX_NESTING && names.iter().all(|name| is_name(name));
            (variadic, params, body) = (fixed.is_some(), Some(names), rest);
        }
        if !valid {
            let what = format!("`{text}` cannot be defined; write a name and, in parentheses, at most 256 parameters");
            return Err(Error::new(&**file, line, what));
        }
        let (name, body, file, order) = (name.to_owned(), body.trim().to_owned(), file.clone(), self.directives);
        self.unit.macros.insert(name.clone(), Macro { name, body, comment, file, line, params, variadic, order });
        Ok(())
    }
}

// Lines and tokens.

struct Logical {
    line: usize,
    text: String,
    comment: Option<String>,
}

/// Joins what `\` splits and what a comment spans, and puts a blank in place of every comment.
fn logical_lines(file: &str, text: &str) -> Result<Vec<Logical>, Error> {
    let mut done: Vec<Logical> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((at, mut piece)) = lines.next() {
        let mut line = String::new();
        while let Some(head) = piece.trim_end().strip_suffix('\\') {
            line += head;
            piece = lines.next().map_or("", |(_, next)| next);
        }
        line += piece;
        if open.is_none() {
            done.push(Logical { line: at + 1, text: String::new(), comment: None });
        }
        let out = done.last_mut().expect("a comment that is open has a line it began on");
        let mut rest = &*line;
        loop {
            if let Some((_, said)) = &mut open {
                let (head, tail) = rest.split_once("*/").map_or((rest, None), |(head, tail)| (head, Some(tail)));
                *said += head;
                let Some(tail) = tail else {
                    said.push('\n');
                    break;
                };
                out.comment = tidy(said);
                out.text.push(' ');
                (open, rest) = (None, tail);
            }
            if let Some(tail) = rest.strip_prefix("/*") {
                (open, rest) = (Some((at + 1, String::new())), tail);
            } else if let Some(said) = rest.strip_prefix("//") {
                out.comment = tidy(said);
                break;
            } else if rest.is_empty() {
                break;
            } else {
                let plain = if rest.starts_with(['"', '\'']) {
                    literal_len(rest)
                } else {
                    // A slash that opens no comment is text, too.
                    rest[1..].find(['/', '"', '\'']).map_or(rest.len(), |at| at + 1)
                };
                let (plain, tail) = rest.split_at(plain);
                out.text += plain;
                out.comment = out.comment.take().filter(|_| plain.trim().is_empty());
                rest = tail;
            }
        }
    }
    match open {
        None => Ok(done),
        Some((line, _)) => Err(Error::new(file, line, "this comment has no `*/`; is the file cut off?")),
    }
}

/// The words of a comment, without the stars that decorate its lines.
fn tidy(comment: &str) -> Option<String> {
    let lines = comment.lines().map(|line| line.trim_start().trim_start_matches('*'));
    let words: Vec<_> = lines.flat_map(str::split_whitespace).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The length of the string or character constant that `text` begins with; without an end it runs to the end of the line.
fn literal_len(text: &str) -> usize {
    let mut escaped = true;
    let ends = |(at, byte): (usize, u8)| {
        let ends = !escaped && byte == text.as_bytes()[0];
        escaped = !escaped && byte == b'\\';
        ends.then_some(at + 1)
    };
    text.bytes().enumerate().find_map(ends).unwrap_or(text.len())
}

fn name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && split_name(text).1.is_empty()
}

/// The name that `text` begins with, empty if there is none, and what follows it.
fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|c| !name_char(c)).unwrap_or(text.len());
    text.split_at(if text.starts_with(|c: char| c.is_ascii_digit()) { 0 } else { end })
}

/// A preprocessing token, whose first character tells its kind. An empty one stands for an empty argument beside `##`.
#[derive(Clone)]
struct Token {
    text: String,
    /// A name that was met inside its own expansion, and is never expanded again.
    spent: bool,
}

impl Token {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), spent: false }
    }

    fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

fn lex(text: &str) -> Vec<Token> {
    const PAIRS: [&str; 12] = ["<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "##", "++", "--", "->"];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if first == '"' || first == '\'' {
            literal_len(rest)
        } else if rest.strip_prefix('.').unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit()) {
            let mut last = first;
            let ends = |c| {
                // `0xe+1` is one token in C, and no integer.
                let sign = matches!(c, '+' | '-') && matches!(last, 'e' | 'E' | 'p' | 'P');
                last = c;
                !(sign || c == '.' || name_char(c))
            };
            rest.find(ends).unwrap_or(rest.len())
        } else if name_char(first) {
            split_name(rest).0.len()
        } else {
            PAIRS.iter().find(|pair| rest.starts_with(**pair)).map_or(first.len_utf8(), |pair| pair.len())
        };
        tokens.push(Token::new(&rest[..len]));
        rest = rest[len..].trim_start();
    }
    tokens
}

// Expansion.

enum Fault {
    NotInteger(String),
    /// Wrong, whatever was expected.
    Fatal(String),
}

fn not_integer<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::NotInteger(what.into()))
}

struct Expander<'a> {
    macros: &'a HashMap<String, Macro>,
    /// In a directive, `defined` is an operator.
    directive: bool,
    /// The macros being expanded, outermost first.
    active: Vec<&'a str>,
    depth: usize,
    passed: usize,
}

enum Work {
    Token(Token),
    /// The innermost active macro ends here.
    End,
}

impl Expander<'_> {
    fn charge(&mut self, characters: usize) -> Result<(), Fault> {
        self.passed += characters + 1;
        if self.passed <= MAX_EXPANSION {
            return Ok(());
        }
        Err(Fault::Fatal(format!("this expands to more than {MAX_EXPANSION} characters; simplify its macros")))
    }

    fn expand(&mut self, tokens: Vec<Token>) -> Result<Vec<Token>, Fault> {
        self.depth += 1;
        let mut out = Vec::new();
        let mut work: Vec<_> = tokens.into_iter().rev().map(Work::Token).collect();
        while let Some(mut token) = self.next(&mut work) {
            if self.directive && token.is("defined") {
                out.push(self.defined(&mut work)?);
                continue;
            }
            token.spent |= self.active.contains(&&*token.text);
            let found = self.macros.get(&token.text).filter(|_| !token.spent);
            let Some(found) = found.filter(|m| m.params.is_none() || self.at_parenthesis(&mut work)) else {
                out.push(token);
                continue;
            };
            if self.active.len() + self.depth > MAX_NESTING {
                return Err(Fault::Fatal(format!("macros nest too deep; simplify `{}`", found.name)));
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

    fn next(&mut self, work: &mut Vec<Work>) -> Option<Token> {
        loop {
            match work.pop()? {
                Work::Token(token) => return Some(token),
                Work::End => self.active.pop(),
            };
        }
    }

    /// Whether a `(` follows, be it after the expansion that ends here: the arguments may stand outside of it.
    fn at_parenthesis(&mut self, work: &mut Vec<Work>) -> bool {
        let next = self.next(work);
        let found = next.as_ref().is_some_and(|token| token.is("("));
        work.extend(next.map(Work::Token));
        found
    }

    fn defined(&mut self, work: &mut Vec<Work>) -> Result<Token, Fault> {
        let enclosed = self.at_parenthesis(work) && self.next(work).is_some();
        match self.next(work) {
            Some(name) if is_name(&name.text) && (!enclosed || self.next(work).is_some_and(|t| t.is(")"))) => {
                Ok(Token::new(if self.macros.contains_key(&name.text) { "1" } else { "0" }))
            }
            _ => not_integer("`defined` takes one name"),
        }
    }

    fn arguments(&mut self, of: &Macro, params: &[String], work: &mut Vec<Work>) -> Result<Vec<Vec<Token>>, Fault> {
        let mut args = Vec::new();
        let mut arg = Vec::new();
        let mut depth = 0;
        while let Some(token) = self.next(work) {
            depth += match &*token.text {
                "(" => 1,
                ")" => -1,
                _ => 0,
            };
            match &*token.text {
                "(" if depth == 1 => {}
                "," if depth == 1 && !(of.variadic && args.len() + 1 == params.len()) => {
                    args.push(std::mem::take(&mut arg));
                }
                ")" if depth == 0 => {
                    let none = args.is_empty() && arg.is_empty() && params.is_empty();
                    args.extend((!none).then_some(arg));
                    if of.variadic && args.len() + 1 == params.len() {
                        args.push(Vec::new());
                    }
                    if args.len() == params.len() {
                        return Ok(args);
                    }
                    return not_integer(format!("`{}` takes {} arguments, not {}", of.name, params.len(), args.len()));
                }
                _ => arg.push(token),
            }
        }
        not_integer(format!("`{}(` has no `)`", of.name))
    }

    /// The body with the arguments in place: expanded, or as written beside `##`.
    fn substitute(&mut self, found: &Macro, args: &[Vec<Token>]) -> Result<Vec<Token>, Fault> {
        self.charge(found.body.len())?;
        let params = found.params.as_deref().unwrap_or_default();
        let expanded: Vec<_> = args.iter().map(|arg| self.expand(arg.clone())).collect::<Result<_, _>>()?;
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
                // What it makes a string of does not matter: a string is no integer.
                None if token.is("#") && found.params.is_some() && body.next().is_some() => &[Token::new("\"\"")],
                None => &[token],
            };
            for (at, token) in operand.iter().enumerate() {
                self.charge(token.text.len())?;
                match out.last_mut() {
                    Some(left) if paste && at == 0 => *left = Token::new(format!("{}{}", left.text, token.text)),
                    _ => out.push(token.clone()),
                }
            }
            paste = false;
        }
        out.retain(|token| !token.text.is_empty());
        Ok(out)
    }
}

// Evaluation.

/// The names that are constants in C.
type Known = HashMap<String, i64>;

/// An integer of a C type that is not narrower than `int`.
#[derive(Clone, Copy)]
struct Int {
    value: i128,
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

    /// Both in the type that C computes in.
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
        let mut chars = text.strip_prefix('\'')?.strip_suffix('\'')?.chars().peekable();
        let mut value = 0;
        let mut count = 0;
        while let Some(mut c) = chars.next() {
            if c == '\\' {
                c = chars.next()?;
                let radix = if c == 'x' { 16 } else { 8 };
                if c == 'x' || c.is_digit(8) {
                    let mut code = c.to_digit(8).unwrap_or(0);
                    while let Some(digit) = chars.next_if(|c| c.is_digit(radix)).and_then(|c| c.to_digit(radix)) {
                        code = code.checked_mul(radix)?.checked_add(digit)?;
                    }
                    c = char::from_u32(code)?;
                } else {
                    let at = "ntrabfve\\'\"?".find(c)?;
                    c = "\n\t\r\x07\x08\x0c\x0b\x1b\\'\"?".chars().nth(at)?;
                }
            }
            // Beyond ASCII the sign depends on the target.
            value = value << 8 | c.is_ascii().then_some(c as i128)?;
            count += 1;
        }
        (1..=4).contains(&count).then_some(value)
    }
}

/// Width of the type that `words` name and whether it is unsigned, if they tell: `unsigned long`, `__u32`, `uint8_t`.
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

struct Parser<'a> {
    tokens: &'a [Token],
    known: Option<&'a Known>,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Takes the next token if it is `text`.
    fn eat(&mut self, text: &str) -> bool {
        let eaten = self.tokens.first().is_some_and(|token| token.is(text));
        self.tokens = &self.tokens[usize::from(eaten)..];
        eaten
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth <= MAX_NESTING {
            return Ok(());
        }
        Err(Fault::Fatal("this expression nests too deep; simplify it".to_owned()))
    }

    /// What is not `live` is parsed, and cannot fail for its values.
    fn expression(&mut self, live: bool) -> Result<Int, Fault> {
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

    fn binary(&mut self, lowest: usize, live: bool) -> Result<Int, Fault> {
        const LEVELS: [&[&str]; 10] = [
            &["||"],
            &["&&"],
            &["|"],
            &["^"],
            &["&"],
            &["==", "!="],
            &["<", ">", "<=", ">="],
            &["<<", ">>"],
            &["+", "-"],
            &["*", "/", "%"],
        ];
        let mut left = self.unary(live)?;
        while let Some((operator, rest)) = self.tokens.split_first() {
            let level = LEVELS.iter().position(|level| level.contains(&&*operator.text));
            let Some(level) = level.filter(|level| *level >= lowest) else { break };
            self.tokens = rest;
            let decided = operator.is("||") && left.value != 0 || operator.is("&&") && left.value == 0;
            let right = self.binary(level + 1, live && !decided)?;
            left = self.apply(&operator.text, left, right, live)?;
        }
        Ok(left)
    }

    fn apply(&self, operator: &str, left: Int, right: Int, live: bool) -> Result<Int, Fault> {
        let (a, b) = left.common(right);
        let (x, y) = (a.value, b.value);
        let value = match operator {
            "||" => return Ok(self.truth(x != 0 || y != 0)),
            "&&" => return Ok(self.truth(x != 0 && y != 0)),
            "==" => return Ok(self.truth(x == y)),
            "!=" => return Ok(self.truth(x != y)),
            "<" => return Ok(self.truth(x < y)),
            ">" => return Ok(self.truth(x > y)),
            "<=" => return Ok(self.truth(x <= y)),
            ">=" => return Ok(self.truth(x >= y)),
            "<<" | ">>" => match u32::try_from(right.value) {
                Ok(by) if by < left.bits && operator == "<<" => {
                    return Ok(Int::new(left.value << by, left.bits, left.unsigned));
                }
                Ok(by) if by < left.bits => return Ok(Int { value: left.value >> by, ..left }),
                _ if live => return not_integer(format!("a shift by {} is undefined", right.value)),
                _ => return Ok(left),
            },
            "/" | "%" if y == 0 && live => {
                return Err(Fault::Fatal("a division by zero; correct the macros it comes from".to_owned()));
            }
            "/" | "%" if y == 0 => 0,
            "/" => x / y,
            "%" => x % y,
            "*" => x.wrapping_mul(y),
            "+" => x + y,
            "-" => x - y,
            "&" => x & y,
            "^" => x ^ y,
            _ => x | y,
        };
        Ok(Int::new(value, a.bits, a.unsigned))
    }

    fn unary(&mut self, live: bool) -> Result<Int, Fault> {
        let Some((token, rest)) = self.tokens.split_first() else { return not_integer("an operand is missing") };
        self.deeper()?;
        self.tokens = rest;
        let value = match &*token.text {
            "(" => match self.cast() {
                Some(words) => {
                    let int = self.unary(live)?;
                    type_of(words).map_or(int, |(bits, unsigned)| Int::new(int.value, bits, unsigned))
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
            _ if text.starts_with('\'') => Some(Int::new(Int::character(text)?, self.int_bits(), false)),
            _ if !is_name(text) => Int::parse(text, self.int_bits()),
            None => Some(self.truth(false)),
            Some(known) => {
                let value = *known.get(text)?;
                Some(Int::new(value.into(), if i32::try_from(value).is_ok() { 32 } else { 64 }, false))
            }
        }
    }

    fn int_bits(&self) -> u32 {
        if self.known.is_none() { 64 } else { 32 }
    }

    fn truth(&self, holds: bool) -> Int {
        Int::new(holds.into(), self.int_bits(), false)
    }

    /// Takes the rest of a cast, whose `(` was taken: names without a value, before an operand. Where that could as well be
    /// an operator or the arguments of a call, they must be the names of types.
    fn cast(&mut self) -> Option<&'a [Token]> {
        let known = self.known?;
        let count = self.tokens.iter().take_while(|t| is_name(&t.text) && !known.contains_key(&t.text)).count();
        let (words, rest) = self.tokens.split_at(count);
        let [close, operand, ..] = rest else { return None };
        let cast = match &*operand.text {
            "(" | "+" | "-" => type_of(words).is_some() || words.last()?.text.ends_with("_t"),
            "~" | "!" => true,
            text => text.starts_with(|c| name_char(c) || c == '\''),
        };
        if count == 0 || !close.is(")") || !cast {
            return None;
        }
        self.tokens = &rest[1..];
        Some(words)
    }
}
