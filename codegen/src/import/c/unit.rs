//! A translation unit: a header and all that it includes, read directive by directive, and queries
//! on the result.

use super::eval::{Known, Parser};
use super::expand::{Expander, Stop, not_integer};
use super::lex::{Logical, lex, logical_line, split_name};
use super::text::is_name;
use super::{MAX_FILE, MAX_INCLUDES, MAX_ITEMS, MAX_NESTING, MAX_UNIT, too_large};
use crate::Error;
use crate::source::ends;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// The result of preprocessing a header and everything it includes.
#[derive(Debug, Default)]
pub(in crate::import) struct Unit {
    /// The live text outside directives, comments stripped and continued lines joined; nothing is
    /// expanded.
    pub(in crate::import) lines: Vec<Line>,
    /// Included files that were not found, in order, the name as text; one that a macro computes is
    /// recorded as it is spelled.
    pub(in crate::import) missing: Vec<Line>,
    /// Definitions that were replaced by another body without an `#undef`: the name as text.
    pub(in crate::import) redefined: Vec<Line>,
    /// Every live `#undef`, the name as text, whether or not it was defined.
    pub(in crate::import) undefined: Vec<Line>,
    /// Conditionals that an unknown name decides.
    pub(in crate::import) unsure: Vec<Unsure>,
    /// A warning for each definition at which a file ends without a newline: the rest of its body
    /// may be missing.
    pub(in crate::import) unfinished: Vec<Error>,
    macros: HashMap<String, Macro>,
}

/// A piece of text and where it starts.
#[derive(Debug)]
pub(in crate::import) struct Line {
    /// The file that contains it.
    pub(in crate::import) file: Rc<str>,
    /// The line on which it starts.
    pub(in crate::import) line: usize,
    /// The text, trimmed.
    pub(in crate::import) text: String,
}

/// A conditional that depends on a name which may be defined elsewhere: by a header that was not
/// found, or by the configuration of a kernel.
#[derive(Debug)]
pub(in crate::import) struct Unsure {
    /// The directive.
    pub(in crate::import) at: Line,
    /// The unknown names: any that is not defined after a header was not found, before that only
    /// `CONFIG_` ones. They include those of the conditionals around it.
    pub(in crate::import) names: Vec<String>,
    /// What is within, live or not: the names of `#define` and `#undef`, and other lines.
    pub(in crate::import) within: Vec<String>,
}

/// A macro that is defined at the end of the unit.
#[derive(Debug)]
pub(in crate::import) struct Macro {
    /// The name.
    pub(in crate::import) name: String,
    /// The body as written, comments stripped.
    pub(in crate::import) body: String,
    /// The comment that ends the `#define` line, on one line.
    pub(in crate::import) comment: Option<String>,
    /// The file that defines it, `<predefined>` for the caller's own.
    pub(in crate::import) file: Rc<str>,
    /// The line of the `#define`.
    pub(in crate::import) line: usize,
    pub(super) params: Option<Params>,
    order: usize,
}

/// The parameters of a macro.
#[derive(Debug)]
pub(super) struct Params {
    pub(super) names: Vec<String>,
    /// Whether the last one takes all remaining arguments.
    pub(super) variadic: bool,
}

impl Unit {
    /// Preprocesses `text`, named `file` in errors.
    ///
    /// A predefined name may carry parameters, as in `("__SYSCALL(nr, entry)", "")`. `include` gets
    /// the name between the delimiters, and the file and the line that include it; it returns a
    /// path to show and the text, or `None` if there is no such file, which is recorded and
    /// skipped.
    ///
    /// # Errors
    /// A live `#error`, a malformed directive, an unbalanced conditional, an exceeded limit, or an
    /// error of `include`.
    pub(in crate::import) fn preprocess(
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
            within: 0,
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

    /// The object-like macros in order of definition; a redefinition counts at its own place.
    pub(in crate::import) fn macros(&self) -> Vec<&Macro> {
        let mut macros: Vec<_> = self.macros.values().filter(|m| m.params.is_none()).collect();
        macros.sort_unstable_by_key(|m| m.order);
        macros
    }

    /// The integer value of an object-like macro, through other macros. `None` if it is something
    /// else: empty, a string, a name that is not a macro, a call, a `sizeof`.
    ///
    /// # Errors
    /// A division by zero, or an expansion beyond the limits.
    pub(in crate::import) fn value(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.macros.get(name) {
            Some(m) if m.params.is_none() => {
                self.integer(name, &HashMap::new(), &mut 0, &m.file, m.line)
            }
            _ => Ok(None),
        }
    }

    /// Name, value and place of the constants of every `enum` in [`Unit::lines`]. One whose value
    /// cannot be evaluated is left out, and so are those that follow it without a value and one
    /// that a macro hides.
    ///
    /// # Errors
    /// An `enum` without an end, a division by zero, or an expansion beyond the limits.
    pub(in crate::import) fn enumerators(&self) -> Result<Vec<(String, i64, &Line)>, Error> {
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
                // Except in `#define A A`, such a name is not that of the enumerator.
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
    pub(in crate::import) fn expand(
        &self,
        text: &str,
        at: &Line,
        expanded: &mut usize,
    ) -> Result<Vec<String>, Error> {
        match Expander::new(&self.macros, false, expanded).text(text) {
            Ok(tokens) => Ok(tokens.into_iter().map(|token| token.text).collect()),
            Err(Stop::NotInteger(what) | Stop::Fatal(what)) => {
                Err(Error::at(&*at.file, at.line, what))
            }
        }
    }

    /// The integer value of an expression, through macros; `None` as with [`Unit::value`].
    ///
    /// # Errors
    /// Same as [`Unit::value`].
    pub(in crate::import) fn number(
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
            Err(Stop::NotInteger(_)) => Ok(None),
            Err(Stop::Fatal(what)) => Err(at(file, line, what)),
        }
    }

    /// Without `known`, the rules of `#if` apply.
    fn evaluate(
        &self,
        text: &str,
        known: Option<&Known>,
        expanded: &mut usize,
    ) -> Result<i64, Stop> {
        let directive = known.is_none();
        let tokens = Expander::new(&self.macros, directive, expanded).text(text)?;
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

/// An error at a line. Predefined macros have no line: 0.
fn at(file: &str, line: usize, what: String) -> Error {
    match line {
        0 => Error::in_file(file, what),
        line => Error::at(file, line, what),
    }
}

/// Reads files into a unit.
struct Reader<F> {
    unit: Unit,
    include: F,
    once: HashSet<String>,
    bytes: usize,
    definitions: usize,
    /// What [`Unit::unsure`] holds.
    within: usize,
    expanded: usize,
}

struct Condition {
    line: usize,
    live: bool,
    /// Whether a later branch may be live.
    waiting: bool,
    ended: bool,
    /// The unknown names that decide it.
    unknown: Vec<String>,
    /// Its place in [`Unit::unsure`], once something is within.
    unsure: Option<usize>,
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
        let whole = text;
        let mut open: Vec<Condition> = Vec::new();
        let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        while let Some(Logical { line, text, comment }) = logical_line(file, &mut lines)? {
            let fail = |what: &str| Err(Error::at(file, line, what));
            let place = |text: &str| Line { file: path.clone(), line, text: text.to_owned() };
            // A directive that is cut off is not what its beginning seems to be.
            let cut = lines.clone().next().is_none().then(|| ends(file, whole).err()).flatten();
            let malformed = |error: Error| cut.clone().map_or(error, |fault| fault.error(file));
            let live = open.last().is_none_or(|condition| condition.live);
            let text = text.trim();
            let Unit { missing, redefined, undefined, macros, unfinished, .. } = &self.unit;
            let found = [&self.unit.lines, missing, redefined, undefined].map(Vec::len);
            let items = found.iter().sum::<usize>() + macros.len() + unfinished.len();
            if items + self.within > MAX_ITEMS {
                return fail(&too_large("macros and lines", MAX_ITEMS));
            }
            let Some(directive) = text.strip_prefix('#') else {
                if !text.is_empty() {
                    self.within(&mut open, &path, text);
                }
                if live && !text.is_empty() {
                    self.unit.lines.push(place(text));
                }
                continue;
            };
            let (word, rest) = split_name(directive.trim_start());
            let rest = rest.trim_start();
            if matches!(word, "define" | "undef") {
                self.within(&mut open, &path, split_name(rest).0);
            }
            match word {
                "if" | "ifdef" | "ifndef" if open.len() == MAX_NESTING => {
                    return fail(&too_large("nested conditionals", MAX_NESTING));
                }
                "if" | "ifdef" | "ifndef" => {
                    let holds = live && self.holds(word, rest, file, line).map_err(malformed)?;
                    let unknown = if live { self.unknown(word, rest) } else { Vec::new() };
                    open.push(Condition {
                        line,
                        live: holds,
                        waiting: live && !holds,
                        ended: false,
                        unknown,
                        unsure: None,
                    });
                }
                "elif" | "elifdef" | "elifndef" | "else" => match open.last_mut() {
                    Some(condition) if !condition.ended => {
                        condition.ended = word == "else";
                        let as_if = &word["el".len()..];
                        if condition.waiting && !condition.ended {
                            condition.unknown.extend(self.unknown(as_if, rest));
                        }
                        condition.live = condition.waiting
                            && (condition.ended
                                || self.holds(as_if, rest, file, line).map_err(malformed)?);
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
                "define" => {
                    self.define(&path, line, rest, comment).map_err(malformed)?;
                    self.unit.unfinished.extend(cut.map(|fault| fault.error(file)));
                }
                "undef" => {
                    let (name, _) = split_name(rest);
                    if name.is_empty() {
                        return fail("#undef without a name; add one").map_err(malformed);
                    }
                    self.unit.macros.remove(name);
                    self.unit.undefined.push(place(name));
                }
                "include" => self.include(&path, line, rest, depth)?,
                "error" => {
                    return fail(&format!("#error {rest}; predefine what this header needs"));
                }
                "pragma" if rest == "once" => {
                    self.once.insert(file.to_owned());
                }
                "pragma" | "warning" | "line" | "ident" => {}
                // A lone `#`, and the `# 1 "file"` that preprocessors leave behind.
                "" if rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()) => {}
                _ => {
                    let what = format!("`{text}` is not a known directive; is this a C header?");
                    return fail(&what).map_err(malformed);
                }
            }
        }
        match open.last() {
            None => Ok(()),
            Some(&Condition { line, .. }) => {
                ends(file, whole).map_err(|fault| fault.error(file))?;
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
                Err(Stop::Fatal(what)) => what,
                Err(Stop::NotInteger(what)) => {
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

    /// The names in a condition that may be defined elsewhere.
    fn unknown(&mut self, word: &str, rest: &str) -> Vec<String> {
        let mut names = lex(if word == "if" { rest } else { split_name(rest).0 });
        if word == "if" {
            let expander = Expander::new(&self.unit.macros, true, &mut self.expanded);
            names.extend(expander.text(rest).unwrap_or_default());
        }
        let may_be = |name: &String| {
            is_name(name)
                && name != "defined"
                && !self.unit.macros.contains_key(name)
                && (!self.unit.missing.is_empty() || name.starts_with("CONFIG_"))
        };
        let mut names: Vec<String> = names.into_iter().map(|token| token.text).collect();
        names.retain(may_be);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Records what is within the conditionals that unknown names decide.
    fn within(&mut self, open: &mut [Condition], file: &Rc<str>, what: &str) {
        // A header's guard, or a default, is true unless something else defined the name.
        if let Some(inner) = open.last_mut().filter(|inner| inner.unsure.is_none()) {
            inner.unknown.retain(|name| name != what);
        }
        let Some(at) = open.iter().rposition(|condition| !condition.unknown.is_empty()) else {
            return;
        };
        let count: usize = open[..=at].iter().map(|condition| condition.unknown.len()).sum();
        let Condition { line, unsure, .. } = &mut open[at];
        let unsure = *unsure.get_or_insert_with(|| {
            let at = Line { file: file.clone(), line: *line, text: String::new() };
            self.unit.unsure.push(Unsure { at, names: Vec::new(), within: Vec::new() });
            self.unit.unsure.len() - 1
        });
        let unsure = &mut self.unit.unsure[unsure];
        if unsure.names.len() != count {
            unsure.names = open[..=at].iter().flat_map(|open| open.unknown.clone()).collect();
            self.within += count;
        }
        unsure.within.push(what.to_owned());
        self.within += 1;
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
                "`{text}` cannot be defined; write a name and, in parentheses, at most 256 \
                 parameters"
            );
            return Err(at(file, line, what));
        };
        self.definitions += 1;
        let (name, body, file, order) =
            (name.to_owned(), body.trim().to_owned(), file.clone(), self.definitions);
        let new = Macro { name, body, comment, file, line, params, order };
        if let Some(old) = self.unit.macros.insert(new.name.clone(), new) {
            // A predefined macro has no line.
            if old.line > 0 && self.unit.macros[&old.name].body != old.body {
                let Macro { file, line, name: text, .. } = old;
                self.unit.redefined.push(Line { file, line, text });
            }
        }
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
