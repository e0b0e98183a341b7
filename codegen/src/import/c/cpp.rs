//! A small C preprocessor for kernel headers: what a header defines, given some macros, and the
//! values of these.
//!
//! Directives, comments, line splices and macro expansion follow C as gcc reads it. Where a header
//! could tell:
//!
//! - nothing is predefined but what the caller passes, which goes for `__has_attribute(x)` and its
//!   kin, too;
//! - in `#if`, an unknown name is 0; an unknown name with arguments, a comma, a shift wider than
//!   its operand and a division by zero are errors;
//! - the value of a macro is what the C expression has on a 64-bit target: `~0U` is 4294967295, `1
//!   << 31` is negative. One above `i64::MAX` wraps. A cast to a type whose name does not tell its
//!   width changes nothing.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::Error;

const MAX_FILE: usize = 4 << 20;
/// Bytes that one unit may read, a file counted each time it is included, and characters that it
/// may expand in all.
const MAX_UNIT: usize = 64 << 20;
const MAX_INCLUDES: usize = 64;
/// Levels of `#if`, of macros within macros and of parentheses; also the parameters of one macro.
const MAX_NESTING: usize = 256;
/// Macros, lines and names that one unit may hold.
const MAX_ITEMS: usize = 1 << 17;
/// Characters that the expansion of one expression may pass through; `MAP_ASCII14SEG_ALPHANUM`
/// takes 96 000.
const MAX_EXPANSION: usize = 1 << 17;

/// What a header and everything it includes come to.
#[derive(Debug, Default)]
pub struct Unit {
    /// The live text outside directives, comments stripped and continued lines joined; nothing is
    /// expanded.
    pub lines: Vec<Line>,
    /// Included files that were not found, in order, the name as text; one that a macro computes
    /// stands as it is spelled.
    pub missing: Vec<Line>,
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
    params: Option<Params>,
    order: usize,
}

#[derive(Debug)]
struct Params {
    names: Vec<String>,
    variadic: bool,
}

impl Unit {
    /// Preprocesses `text`, which errors call `file`.
    ///
    /// A predefined name may carry parameters, as in `("__SYSCALL(nr, entry)", "")`. `include` gets
    /// the name between the delimiters, and the file and the line that include it; it returns a
    /// path to show and the text, or `None` if there is no such file, which is recorded and
    /// skipped.
    ///
    /// # Errors
    /// A live `#error`, a malformed directive, an unbalanced conditional, an exceeded limit, or an
    /// error of `include`.
    pub fn preprocess(
        file: &str,
        text: &str,
        predefined: &[(impl AsRef<str>, impl AsRef<str>)],
        include: impl FnMut(&str, (&str, usize)) -> Result<Option<(String, Arc<str>)>, Error>,
    ) -> Result<Self, Error> {
        let mut reader = Reader {
            unit: Self::default(),
            include,
            once: HashSet::new(),
            bytes: 0,
            definitions: 0,
            expanded: 0,
        };
        for (name, body) in predefined {
            reader.define(
                &"<predefined>".into(),
                0,
                &format!("{} {}", name.as_ref(), body.as_ref()),
                None,
            )?;
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

    /// The integer that an object-like macro stands for, through other macros. `None` if it stands
    /// for something else: nothing, a string, a name that is no macro, a call, a `sizeof`.
    ///
    /// # Errors
    /// A division by zero, or an expansion beyond the limits.
    pub fn value(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.macros.get(name) {
            Some(m) if m.params.is_none() => {
                self.integer(name, &HashMap::new(), &mut 0, &m.file, m.line)
            }
            _ => Ok(None),
        }
    }

    /// Name, value and place of the constants of every `enum` in [`Unit::lines`]. One whose value
    /// cannot be told from them is left out, and so are those that count on from it and one
    /// that a macro hides.
    ///
    /// # Errors
    /// An `enum` without an end, a division by zero, or an expansion beyond the limits.
    pub fn enumerators(&self) -> Result<Vec<(String, i64, &Line)>, Error> {
        let mut found = Vec::new();
        let mut known = HashMap::new();
        let mut expanded = 0;
        let lines = self.lines.iter();
        let mut tokens = lines
            .flat_map(|line| lex(&line.text).into_iter().map(move |t| (t.text, line)))
            .peekable();
        while let Some((word, opened)) = tokens.next() {
            if word != "enum" {
                continue;
            }
            while tokens.next_if(|(text, _)| is_name(text) || text == ":").is_some() {}
            if tokens.next_if(|(text, _)| text == "{").is_none() {
                continue;
            }
            let (mut next, mut depth, mut entry) = (Some(0), 0, Vec::new());
            while depth >= 0 {
                let Some((text, line)) = tokens.next() else {
                    return Err(Error::at(
                        &*opened.file,
                        opened.line,
                        "this enum has no `}`; is the file cut off?",
                    ));
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
                // Other than in `#define A A`, such a name is not the enumerator's, or does not
                // mean it any more.
                let hidden =
                    self.macros.get(&name).is_some_and(|m| m.params.is_none() && m.body != name);
                let value = match rest.split_first() {
                    _ if hidden => None,
                    Some((sign, value)) if sign == "=" => self.integer(
                        &value.join(" "),
                        &known,
                        &mut expanded,
                        &line.file,
                        line.line,
                    )?,
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

    /// A text of this unit with the macros expanded as they are at its end, token by token; what
    /// the expansion costs is added to `expanded`.
    ///
    /// # Errors
    /// A call of a macro with the wrong number of arguments, or an expansion beyond the limits.
    pub fn expand(
        &self,
        text: &str,
        at: &Line,
        expanded: &mut usize,
    ) -> Result<Vec<String>, Error> {
        let limit = MAX_UNIT.min(*expanded + MAX_EXPANSION);
        let (active, depth) = (Vec::new(), 0);
        let mut expander =
            Expander { macros: &self.macros, directive: false, active, depth, expanded, limit };
        match expander.charge(text.len()).and_then(|()| expander.expand(lex(text))) {
            Ok(tokens) => Ok(tokens.into_iter().map(|token| token.text).collect()),
            Err(Fault::NotInteger(what) | Fault::Fatal(what)) => {
                Err(Error::at(&*at.file, at.line, what))
            }
        }
    }

    /// The integer that an expression stands for, through macros; `None` as with [`Unit::value`].
    ///
    /// # Errors
    /// As with [`Unit::value`].
    pub fn number(
        &self,
        text: &str,
        at: &Line,
        expanded: &mut usize,
    ) -> Result<Option<i64>, Error> {
        self.integer(text, &HashMap::new(), expanded, &at.file, at.line)
    }

    fn integer(
        &self,
        text: &str,
        known: &Known,
        expanded: &mut usize,
        file: &str,
        line: usize,
    ) -> Result<Option<i64>, Error> {
        match self.evaluate(text, Some(known), expanded) {
            Ok(value) => Ok(Some(value)),
            Err(Fault::NotInteger(_)) => Ok(None),
            Err(Fault::Fatal(what)) => Err(Error::at(file, line, what)),
        }
    }

    /// Without `known`, the rules of `#if` apply.
    fn evaluate(
        &self,
        text: &str,
        known: Option<&Known>,
        expanded: &mut usize,
    ) -> Result<i64, Fault> {
        let directive = known.is_none();
        let limit = MAX_UNIT.min(*expanded + MAX_EXPANSION);
        let mut expander = Expander {
            macros: &self.macros,
            directive,
            active: Vec::new(),
            depth: 0,
            expanded,
            limit,
        };
        expander.charge(text.len())?;
        let tokens = expander.expand(lex(text))?;
        let mut parser =
            Parser { tokens: &tokens, known, int_bits: if directive { 64 } else { 32 }, depth: 0 };
        let value = parser.expression(true)?;
        match parser.tokens.first() {
            None => Ok(value.value as i64),
            Some(token) => {
                not_integer(format!("`{}` does not continue the expression", token.text))
            }
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
    definitions: usize,
    expanded: usize,
}

struct Condition {
    line: usize,
    live: bool,
    /// Whether a later branch may be live.
    waiting: bool,
    ended: bool,
}

impl<F: FnMut(&str, (&str, usize)) -> Result<Option<(String, Arc<str>)>, Error>> Reader<F> {
    fn file(&mut self, file: &str, text: &str, depth: usize) -> Result<(), Error> {
        self.bytes += text.len();
        if text.len() > MAX_FILE || self.bytes > MAX_UNIT {
            let (what, limit) = if text.len() > MAX_FILE {
                ("bytes", MAX_FILE)
            } else {
                ("bytes in all", MAX_UNIT)
            };
            return Err(Error::at(file, 1, too_large(what, limit)));
        }
        let path: Rc<str> = file.into();
        let mut open: Vec<Condition> = Vec::new();
        let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        while let Some(Logical { line, text, comment }) = logical_line(file, &mut lines)? {
            let fail = |what: &str| Err(Error::at(file, line, what));
            let place = |text: &str| Line { file: path.clone(), line, text: text.to_owned() };
            let live = open.last().is_none_or(|condition| condition.live);
            let text = text.trim();
            let Unit { lines, missing, undefined, macros } = &self.unit;
            if lines.len() + missing.len() + undefined.len() + macros.len() > MAX_ITEMS {
                return fail(&too_large("macros and lines", MAX_ITEMS));
            }
            let Some(directive) = text.strip_prefix('#') else {
                if live && !text.is_empty() {
                    self.unit.lines.push(place(text));
                }
                continue;
            };
            let (word, rest) = split_name(directive.trim_start());
            let rest = rest.trim_start();
            match word {
                "if" | "ifdef" | "ifndef" if open.len() == MAX_NESTING => {
                    return fail(&too_large("nested conditionals", MAX_NESTING));
                }
                "if" | "ifdef" | "ifndef" => {
                    let holds = live && self.holds(word, rest, file, line)?;
                    open.push(Condition {
                        line,
                        live: holds,
                        waiting: live && !holds,
                        ended: false,
                    });
                }
                "elif" | "elifdef" | "elifndef" | "else" => match open.last_mut() {
                    Some(condition) if !condition.ended => {
                        condition.ended = word == "else";
                        let as_if = &word["el".len()..];
                        condition.live = condition.waiting
                            && (condition.ended || self.holds(as_if, rest, file, line)?);
                        condition.waiting &= !condition.live;
                    }
                    Some(Condition { line, .. }) => {
                        return fail(&format!(
                            "the #if of line {line} had its #else; remove this #{word}"
                        ));
                    }
                    None => return fail(&format!("#{word} without an #if; is the file cut off?")),
                },
                "endif" if open.pop().is_none() => {
                    return fail("#endif without an #if; is the file cut off?");
                }
                "endif" => {}
                _ if !live => {}
                "define" => self.define(&path, line, rest, comment)?,
                "undef" => {
                    let (name, _) = split_name(rest);
                    if name.is_empty() {
                        return fail("#undef without a name; add one");
                    }
                    self.unit.macros.remove(name);
                    self.unit.undefined.push(place(name));
                }
                "include" => self.include(&path, line, rest, depth)?,
                "error" => {
                    return fail(&format!("#error {rest}; predefine what this header asks for"));
                }
                "pragma" if rest == "once" => {
                    self.once.insert(file.to_owned());
                }
                "pragma" | "warning" | "line" | "ident" => {}
                // A lone `#`, and the `# 1 "file"` that preprocessors leave behind.
                "" if rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()) => {}
                _ => {
                    return fail(&format!(
                        "`{text}` is no directive that this reader knows; is it a C header?"
                    ));
                }
            }
        }
        match open.last() {
            None => Ok(()),
            Some(&Condition { line, .. }) => {
                Err(Error::at(file, line, "this conditional has no #endif; is the file cut off?"))
            }
        }
    }

    fn include(
        &mut self,
        from: &Rc<str>,
        line: usize,
        rest: &str,
        depth: usize,
    ) -> Result<(), Error> {
        let within = |open, close| rest.strip_prefix(open)?.split_once(close).map(|(name, _)| name);
        let (name, found) = match within('<', '>').or_else(|| within('"', '"')) {
            Some(name) => (name, (self.include)(name, (from, line))?),
            None => (rest, None),
        };
        match found {
            None => {
                self.unit.missing.push(Line { file: from.clone(), line, text: name.to_owned() })
            }
            Some((file, _)) if self.once.contains(&file) => {}
            Some(_) if depth == MAX_INCLUDES => {
                return Err(Error::at(&**from, line, too_large("nested includes", MAX_INCLUDES)));
            }
            Some((file, text)) => self.file(&file, &text, depth + 1)?,
        }
        Ok(())
    }

    fn holds(&mut self, word: &str, rest: &str, file: &str, line: usize) -> Result<bool, Error> {
        let what = match (word, split_name(rest).0) {
            ("if", _) => match self.unit.evaluate(rest, None, &mut self.expanded) {
                Ok(value) => return Ok(value != 0),
                Err(Fault::Fatal(what)) => what,
                Err(Fault::NotInteger(what)) => {
                    format!(
                        "{what}; predefine what `{rest}` calls, or make it an integer expression"
                    )
                }
            },
            (_, "") => format!("#{word} without a name; add one"),
            (_, name) => return Ok(self.unit.macros.contains_key(name) == (word == "ifdef")),
        };
        Err(Error::at(file, line, what))
    }

    fn define(
        &mut self,
        file: &Rc<str>,
        line: usize,
        text: &str,
        comment: Option<String>,
    ) -> Result<(), Error> {
        let (name, rest) = split_name(text);
        let parsed = match rest.strip_prefix('(') {
            Some(rest) => rest
                .split_once(')')
                .and_then(|(list, body)| Some((Some(Params::parse(list)?), body))),
            None => Some((None, rest)),
        };
        let Some((params, body)) = parsed.filter(|_| !name.is_empty()) else {
            let what = format!(
                "`{text}` cannot be defined; write a name and, in parentheses, at most 256 parameters"
            );
            return Err(Error::at(&**file, line, what));
        };
        self.definitions += 1;
        let (name, body, file, order) =
            (name.to_owned(), body.trim().to_owned(), file.clone(), self.definitions);
        self.unit
            .macros
            .insert(name.clone(), Macro { name, body, comment, file, line, params, order });
        Ok(())
    }
}

impl Params {
    fn parse(list: &str) -> Option<Self> {
        let fixed = list.trim_end().strip_suffix("...");
        let mut names: Vec<_> =
            fixed.unwrap_or(list).split(',').map(|name| name.trim().to_owned()).collect();
        if names.last()?.is_empty() && (fixed.is_some() || names.len() == 1) {
            names.pop();
            names.extend(fixed.map(|_| "__VA_ARGS__".to_owned()));
        }
        let valid = names.len() <= MAX_NESTING && names.iter().all(|name| is_name(name));
        valid.then_some(Self { names, variadic: fixed.is_some() })
    }
}

// Lines and tokens.

struct Logical {
    line: usize,
    text: String,
    comment: Option<String>,
}

/// The next line: what `\` splits and what a comment spans is joined, and a blank stands for every
/// comment.
fn logical_line<'a>(
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
                    b'"' | b'\'' => literal_len(rest),
                    // A slash that opens no comment is text, too.
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

/// The length of the string or character constant that `text` begins with; one without an end takes
/// all.
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

/// A preprocessing token, whose first character tells its kind. An empty one stands for an empty
/// argument beside `##`.
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
    const PAIRS: [&str; 12] =
        ["<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "##", "++", "--", "->"];
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
    expanded: &'a mut usize,
    limit: usize,
}

enum Work {
    Token(Token),
    /// The innermost active macro ends here.
    End,
}

impl Expander<'_> {
    fn charge(&mut self, characters: usize) -> Result<(), Fault> {
        *self.expanded += characters + 1;
        if *self.expanded <= self.limit {
            return Ok(());
        }
        let limit = if self.limit == MAX_UNIT { MAX_UNIT } else { MAX_EXPANSION };
        Err(Fault::Fatal(too_large("characters in expansions", limit)))
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
            let Some(found) =
                found.filter(|m| m.params.is_none() || self.at_parenthesis(&mut work))
            else {
                out.push(token);
                continue;
            };
            if self.active.len() + self.depth > MAX_NESTING {
                return Err(Fault::Fatal(too_large("nested macros", MAX_NESTING)));
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

    /// Whether a `(` follows, be it after the expansion that ends here: the arguments may stand
    /// outside of it.
    fn at_parenthesis(&mut self, work: &mut Vec<Work>) -> bool {
        let next = self.next(work);
        let found = next.as_ref().is_some_and(|token| token.is("("));
        work.extend(next.map(Work::Token));
        found
    }

    fn defined(&mut self, work: &mut Vec<Work>) -> Result<Token, Fault> {
        let enclosed = self.at_parenthesis(work) && self.next(work).is_some();
        match self.next(work) {
            Some(name)
                if is_name(&name.text)
                    && (!enclosed || self.next(work).is_some_and(|t| t.is(")"))) =>
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
    ) -> Result<Vec<Vec<Token>>, Fault> {
        let count = params.names.len();
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
    fn substitute(&mut self, found: &Macro, args: &[Vec<Token>]) -> Result<Vec<Token>, Fault> {
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

/// Width of the type that `words` name and whether it is unsigned, if they tell: `unsigned long`,
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

struct Parser<'a> {
    tokens: &'a [Token],
    known: Option<&'a Known>,
    int_bits: u32,
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
        Err(Fault::Fatal(too_large("nested parentheses", MAX_NESTING)))
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

    fn apply(&self, operator: &str, left: Int, right: Int, live: bool) -> Result<Int, Fault> {
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
                return Err(Fault::Fatal(
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

    fn unary(&mut self, live: bool) -> Result<Int, Fault> {
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

    /// Takes the rest of a cast, whose `(` was taken: names without a value, before an operand.
    /// Where that could as well be an operator or the arguments of a call, they must be the
    /// names of types.
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
            text => text.starts_with(|c| name_char(c) || c == '\''),
        };
        if count == 0 || !close.is(")") || !cast {
            return None;
        }
        self.tokens = &rest[1..];
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(
        text: &str,
        predefined: &[(&str, &str)],
        files: &[(&str, &str)],
    ) -> Result<Unit, String> {
        let find = |name: &str, _: (&str, usize)| {
            let found = files.iter().find(|(path, _)| *path == name);
            Ok(found.map(|(path, text)| (path.to_string(), Arc::from(*text))))
        };
        Unit::preprocess("a.h", text, predefined, find).map_err(|error| error.to_string())
    }

    fn unit(text: &str) -> Unit {
        with(text, &[], &[]).unwrap()
    }

    fn fails(text: &str) -> String {
        with(text, &[], &[]).unwrap_err()
    }

    fn value(body: &str) -> Option<i64> {
        unit(&format!("#define IT {body}")).value("IT").unwrap()
    }

    fn holds(condition: &str) -> bool {
        unit(&format!("#if {condition}\nyes\n#endif")).lines.len() == 1
    }

    fn texts(unit: &Unit) -> Vec<&str> {
        unit.lines.iter().map(|line| &*line.text).collect()
    }

    #[test]
    fn lines_are_joined_and_comments_are_blanks() {
        let unit = unit(
            "a \\\r\n  b/* x\r\n y */c // d \\\n e\n\"/* no */\" '\\'' '\"' /* \" */ z\n\n  / 2 //\n/\\\n* gone */w\n",
        );
        assert_eq!(texts(&unit), ["a   b c", "\"/* no */\" '\\'' '\"'   z", "/ 2", "w"]);
        assert_eq!(unit.lines.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 5, 7, 8]);
        assert!(unit.lines.iter().all(|line| &*line.file == "a.h"));
        assert_eq!(fails("x\n/* y\n"), "a.h:2: this comment has no `*/`; is the file cut off?");
    }

    #[test]
    fn an_apostrophe_in_a_dead_group_hides_no_directive() {
        assert_eq!(texts(&unit("#if 0\ndon't /* look\n#else\nb\n#endif")), ["b"]);
    }

    #[test]
    fn a_macro_has_its_body_comment_and_place() {
        let unit = unit(
            r#"/* x */ # define	EPERM	 1 /* Operation \
  not */
#define A /* no */ (1  +/**/2)
#define B 2 /* Not a
		 * pipe */
#define C(x) x
#define D
#define E 1 // one
#undef D
#undef Z
#define A 3
#ident "x"
#
# 7 "y"
#warning don't"#,
        );
        let seen: Vec<_> = unit
            .macros()
            .iter()
            .map(|m| (&*m.name, &*m.body, m.comment.as_deref(), m.line))
            .collect();
        assert_eq!(
            seen,
            [
                ("EPERM", "1", Some("Operation not"), 1),
                ("B", "2", Some("Not a pipe"), 4),
                ("E", "1", Some("one"), 8),
                ("A", "3", None, 11)
            ]
        );
        let undefined: Vec<_> =
            unit.undefined.iter().map(|line| (&*line.text, line.line)).collect();
        assert_eq!(undefined, [("D", 9), ("Z", 10)]);
        assert_eq!(
            with("#if F(2) == 3 && X\n1\n#endif", &[("F(x)", "x + 1"), ("X", "1")], &[])
                .unwrap()
                .lines
                .len(),
            1
        );
        for wrong in [
            "#define",
            "#define 1",
            "#define F(",
            "#define F(a,)",
            "#define F(..., a)",
            "#define F(a b)",
        ] {
            assert!(fails(wrong).contains("cannot be defined"), "{wrong}");
        }
        assert_eq!(fails("#undef"), "a.h:1: #undef without a name; add one");
        assert_eq!(
            fails("\n#frob x"),
            "a.h:2: `#frob x` is no directive that this reader knows; is it a C header?"
        );
    }

    #[test]
    fn one_branch_of_a_conditional_is_live() {
        let text = "#if A\n1\n#if B\n2\n#endif\n#elif B\n3\n#elifdef C\n4\n#elifndef D\n5\n#else\n6\n#endif /* A */";
        let lines = |names: &[&str]| {
            let predefined: Vec<_> = names.iter().map(|name| (*name, "1")).collect();
            texts(&with(text, &predefined, &[]).unwrap()).join("")
        };
        assert_eq!(lines(&["A", "B", "C"]), "12");
        assert_eq!(lines(&["B", "C"]), "3");
        assert_eq!(lines(&["C"]), "4");
        assert_eq!(lines(&[]), "5");
        assert_eq!(lines(&["D"]), "6");
        // What cannot be live is not evaluated.
        assert_eq!(
            texts(&unit(
                "#if 1\nx\n#elif 1 / 0\n#endif\n#if 0\n#if 1 / 0\n#frob\n#error\n#endif\n#endif"
            )),
            ["x"]
        );
    }

    #[test]
    fn an_unbalanced_conditional_names_its_line() {
        assert_eq!(
            fails("\n#if 1\n#if 1\n#endif"),
            "a.h:2: this conditional has no #endif; is the file cut off?"
        );
        assert_eq!(
            fails("\n#if 1\n#else\n#elif 1\n#endif"),
            "a.h:4: the #if of line 2 had its #else; remove this #elif"
        );
        assert_eq!(fails("#else"), "a.h:1: #else without an #if; is the file cut off?");
        assert_eq!(
            fails("#if 0\n#endif\n#endif"),
            "a.h:3: #endif without an #if; is the file cut off?"
        );
        assert_eq!(fails("#ifdef\n#endif"), "a.h:1: #ifdef without a name; add one");
        assert_eq!(
            fails("#error odd \\\nbyte order"),
            "a.h:1: #error odd byte order; predefine what this header asks for"
        );
        assert!(
            fails(&"#if 1\n".repeat(257)).starts_with("a.h:257: more than 256 nested conditionals")
        );
    }

    #[test]
    fn conditions_are_those_of_c() {
        for yes in [
            "1 + 2 * 3 == 7 && 10 - 4 - 3 == 3 && 7 / 2 * 2 == 6 && -7 / 2 == -3 && -7 % 4 == -3",
            "(1 << 4 | 1) == 0x11 && (0x3c & ~0x0cU) == 0x30 && (5 ^ 1) == 4 && -8 >> 1 == -4 && 010 == 8 && 0b11 == 3",
            "!0 && !!7 && ~0 == -1 && - -1 == 1 && +1",
            "0 ? 0 : 1 ? 2 : 3",
            "1 || 1 / 0 || (0 && 1 << 64)",
            "1 ? 1 : 1 % 0",
            "-1 > 0U && -1 == 0xffffffffffffffff && -1 < 0xffffffff && 18446744073709551615u == -1",
            "(0 ? 0u : -1) > 0",
            "'a' == 97 && '\\n' == 10 && '\\0' == 0 && '\\'' == 39 && 'ab' == 0x6162 && '/' * '*' == 1974",
            "1 << 31 > 0 && 1ULL << 63 && 3lu < 4Ll",
            "NONE == 0 && !defined NONE && !defined(NONE) && !defined ( NONE )",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for wrong in [
            "", "1 +", "(1", "1)", "NONE(1)", "1 2", "\"s\"", "1.5", "09", "0xe+1", "1uu",
            "'\\377'", "--1", "1 = 1",
        ] {
            assert!(
                fails(&format!("#if {wrong}\n#endif")).ends_with("an integer expression"),
                "{wrong}"
            );
        }
        assert!(fails("#if 1 << 64\n#endif").contains("a shift by 64 is undefined"));
        assert!(fails("#if defined(1)\n#endif").contains("`defined` takes one name"));
        assert_eq!(
            fails("#if 1 / X\n#endif"),
            "a.h:1: a division by zero; correct the macros it comes from"
        );
    }

    #[test]
    fn macros_expand_as_in_c() {
        let unit = unit(
            "#define ONE 1 + 1
#define TWICE ONE * 2
#define A B
#define B A
#define SELF SELF + 1
#define F(x, y) ((x) - (y))
#define G F
#define H() 5
#define NR(base, ...) F(base, __VA_ARGS__)
#define L(x...) F(x)
#define AC_(X, Y) X##Y
#define AC(X, Y) AC_(X, Y)
#define WIDE AC(1, UL)
#define GLUE AC_(, 4) + AC_(2, ) * AC_(TWI, CE)
#define HAS defined(ONE)
#define PLACE_1 0,
#define SECOND(a, b, ...) b
#define IS__(junk) SECOND(junk 1, 0)
#define IS_(x) IS__(PLACE_##x)
#define IS(x) IS_(x)
#define Y 1
#define V1 F(F(9, 2), (3, 4) - 1)
#define V2 G (7, 3) + H()
#define V3 NR(8, 2)
#define V4 L(5, 1) + WIDE
#define V5 F(1)
#define V6 F(1, 2
#define V7 IS(Y) * 10 + IS(N)
#define V8 F(F(9, 2), F(3, 1))
#if HAS && !A && SELF == 1 && F == 0 && IS(Y) && !IS(N)
yes
#endif",
        );
        assert_eq!(texts(&unit), ["yes"]);
        let value = |name: &&str| unit.value(name).unwrap();
        assert_eq!(
            ["TWICE", "GLUE", "V2", "V3", "V4", "V7", "V8"].each_ref().map(value),
            [3, 8, 9, 6, 5, 10, 5].map(Some)
        );
        assert_eq!(
            ["A", "SELF", "F", "G", "NONE", "V1", "V5", "V6"].each_ref().map(value),
            [None; 8]
        );
        assert!(
            fails("#define f(a) a\n#if f(1, 2)\n#endif").contains("`f` takes 1 arguments, not 2")
        );
        assert!(fails("#define f(a) a\n#if f(1\n#endif").contains("`f(` has no `)`"));
    }

    #[test]
    fn values_have_the_types_of_c() {
        for (body, expected) in [
            ("4294967295", 0xffff_ffff),
            ("~0U", 0xffff_ffff),
            ("~0UL", -1),
            ("(1 << 31)", -0x8000_0000),
            ("0xa10a10a1", 0xa10a_10a1),
            ("-0x80000000", 0x8000_0000),
            ("-2147483648", -0x8000_0000),
            ("(-1 > 0u) + (-1 < 0xffffffffL) * 2", 3),
            ("((__force __kernel_rwf_t)0x00000001)", 1),
            ("(__u32)-1", 0xffff_ffff),
            ("(unsigned char) 257 + (short)(0x18000)", 1 - 0x8000),
            ("((pid_t)-1)", -1),
            ("(fmode_t)(1 << 3) | (uint64_t)1 << 40", 8 | 1 << 40),
            ("(__poll_t)~0", -1),
        ] {
            assert_eq!(value(body), Some(expected), "{body}");
        }
        for body in [
            "",
            "\"s\"",
            "(BASE) - 1",
            "(CALL)(1)",
            "sizeof(int)",
            "{ 0 }",
            "do {} while (0)",
            "x",
            "(x)",
            "1, 2",
            "(int)",
            "defined(x)",
        ] {
            assert_eq!(value(body), None, "{body}");
        }
        let unit = unit("\n#define ZERO (1 / 0)");
        assert_eq!(
            unit.value("ZERO").unwrap_err().to_string(),
            "a.h:2: a division by zero; correct the macros it comes from"
        );
    }

    #[test]
    fn includes_are_read_or_recorded() {
        let files = [
            ("asm/sgidefs.h", "#ifndef G\n#define G\n#define _MIPS_SIM_ABI64 3\ng\n#endif"),
            ("once.h", "#pragma once\no"),
            ("loop.h", "#include \"loop.h\""),
            ("open.h", "\n#if 1"),
        ];
        let text = "#include <asm/sgidefs.h>
#include <asm/sgidefs.h> /* again */
#if _MIPS_SIM == _MIPS_SIM_ABI64
#define __NR_Linux	5000
#include <asm/unistd_n64.h>
#else
#include <dead.h>
#endif
#include \"once.h\"
#include \"once.h\"
#include NAME";
        let unit = with(text, &[("_MIPS_SIM", "_MIPS_SIM_ABI64")], &files).unwrap();
        let missing: Vec<_> =
            unit.missing.iter().map(|missing| (missing.line, &*missing.text)).collect();
        assert_eq!(missing, [(5, "asm/unistd_n64.h"), (11, "NAME")]);
        assert_eq!(texts(&unit), ["g", "o"]);
        assert_eq!((&*unit.lines[1].file, unit.lines[1].line), ("once.h", 2));
        assert_eq!(unit.value("__NR_Linux").unwrap(), Some(5000));
        assert_eq!(unit.macros()[0].file.as_ref(), "<predefined>");
        assert!(
            with("#include <loop.h>", &[], &files)
                .unwrap_err()
                .starts_with("loop.h:1: more than 64 nested includes")
        );
        assert!(
            with("#include <open.h>", &[], &files)
                .unwrap_err()
                .starts_with("open.h:2: this conditional has no #endif")
        );
        let refused =
            Unit::preprocess("a.h", "\n#include \"b.h\"", &[("", ""); 0], |name, (from, line)| {
                Err(Error::at(from, line, name))
            });
        assert_eq!(refused.unwrap_err().to_string(), "a.h:2: b.h");
    }

    #[test]
    fn generic_calls_stay_as_they_are_written() {
        let unit = unit(
            "#ifndef __SYSCALL
#define __SYSCALL(x, y)
#endif
#define __NR3264_fcntl 25
__SC_COMP_3264(__NR3264_fcntl, sys_fcntl64, \\
	sys_fcntl)
#define __NR_arch_specific_syscall 244
#define __NR_x (__NR_arch_specific_syscall + 15)
#define __NR_fcntl __NR3264_fcntl",
        );
        assert_eq!(texts(&unit), ["__SC_COMP_3264(__NR3264_fcntl, sys_fcntl64, \tsys_fcntl)"]);
        assert_eq!(
            (unit.value("__NR_x").unwrap(), unit.value("__NR_fcntl").unwrap()),
            (Some(259), Some(25))
        );
    }

    #[test]
    fn enumerators_count_on() {
        let text = "enum {
	A = 0, /* a */
	B,
#ifdef NO
	X,
#endif
#define C C
	C = BASE + 1, D };
enum e : int { E = (D << 1) | 1, F = sizeof(int), G,
 H = E, }
x;
enum e v; struct { enum { I = C, J = MAX(I, 2), K __attribute__((x)), L = ~0U, BASE, M } i; };
#define BASE 8
#define MAX(a, b) (a > b ? a : b)
enum e f(enum e);";
        let unit = unit(text);
        let found = unit.enumerators().unwrap();
        let seen: Vec<_> =
            found.iter().map(|(name, value, line)| (&**name, *value, line.line)).collect();
        let expected = [
            ("A", 0, 2),
            ("B", 1, 3),
            ("C", 9, 8),
            ("D", 10, 8),
            ("E", 21, 9),
            ("H", 21, 10),
            ("I", 9, 12),
            ("J", 9, 12),
            ("L", 0xffff_ffff, 12),
        ];
        assert_eq!(seen, expected);
        let cut = with("x\nenum {\nA,", &[], &[]).unwrap();
        assert_eq!(
            cut.enumerators().unwrap_err().to_string(),
            "a.h:2: this enum has no `}`; is the file cut off?"
        );
    }

    #[test]
    fn hostile_input_is_refused_in_time() {
        let many = |count, piece: fn(usize) -> String| (0..count).map(piece).collect::<String>();
        let doubling = many(40, |n| format!("#define X{n} X{} + X{0}\n", n + 1))
            + "#define X40 1\n#if X0\n#endif";
        assert!(fails(&doubling).contains("more than 131072 characters in expansions"));
        let growing = many(40, |n| format!("#define X{n}(a) X{}(a##a)\n", n + 1))
            + "#define X40(a) a\n#if X0(1)\n#endif";
        assert!(fails(&growing).contains("more than 131072 characters in expansions"));
        let chain = many(300, |n| format!("#define X{n} X{}\n", n + 1)) + "#if X0\n#endif";
        assert!(fails(&chain).contains("more than 256 nested macros"));
        let nested =
            format!("#define f(x) x\n#if {}1{}\n#endif", "f(".repeat(600), ")".repeat(600));
        assert!(fails(&nested).contains("more than 256 nested macros"));
        for (open, close) in
            [("(", ")"), ("- ", ""), ("1 ? 1 : ", ""), ("1||1&&1|1^1&1==1<1<<1+1*(", ")")]
        {
            let text = format!("#if {}1{}\n#endif", open.repeat(600), close.repeat(600));
            assert!(fails(&text).contains("more than 256 nested parentheses"), "{open}");
        }
        let cast = format!("#define A {}1", "(int)".repeat(600));
        assert!(
            unit(&cast)
                .value("A")
                .unwrap_err()
                .to_string()
                .starts_with("a.h:1: more than 256 nested parentheses")
        );
        assert!(fails(&"\n".repeat(MAX_FILE + 1)).starts_with("a.h:1: more than 4194304 bytes"));
        assert!(
            fails(&"x\n".repeat(MAX_ITEMS + 2))
                .ends_with("more than 131072 macros and lines; this is not a header to import")
        );
        let twice =
            [("b.h", "#include <c.h>\n#include <c.h>"), ("c.h", "#include <b.h>\n#include <b.h>")];
        assert!(
            with("#include <b.h>", &[], &twice)
                .unwrap_err()
                .contains("more than 64 nested includes")
        );
    }
}
