//! When the kernel's makefiles build a file: `obj-$(CONFIG_AIO) += aio.o`, composite objects and
//! directories followed up to the top of the tree.

use super::condition::{Conditions, all};
use crate::Error;
use crate::import::c::text::{LONGEST, is_word, splice};
use crate::import::findings::{Findings, Kind};
use crate::source::{Fault, Source};
use std::collections::HashMap;

/// When the makefiles build something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import) enum Built {
    /// No makefile names it.
    Unnamed,
    /// Whatever the configuration.
    Always,
    /// Under this condition.
    When(String),
}

impl Built {
    fn when(condition: Option<String>) -> Built {
        condition.map_or(Built::Always, Built::When)
    }

    /// As a part of a longer condition.
    pub(in crate::import) fn part(self) -> String {
        if let Built::When(condition) = self { condition } else { String::new() }
    }
}

/// A directory's makefile.
#[derive(Default)]
struct Rules {
    /// The list that each rule adds to, and its condition.
    rules: Vec<(String, Option<String>)>,
    /// The rules that name an item, each with "" or the word size that yields the item.
    named: HashMap<String, Vec<(usize, &'static str)>>,
}

/// The makefiles of a tree, each read once.
pub(in crate::import) struct Kbuild<'s> {
    source: &'s Source,
    findings: &'s Findings,
    rules: HashMap<String, Rules>,
    /// The condition under which a directory's makefile includes an item.
    items: HashMap<(String, String), Built>,
    /// The `.c` files that others of the directory include: by whom, and when.
    included: HashMap<String, HashMap<String, (String, Option<String>)>>,
    sources: HashMap<String, Built>,
}

/// Composite objects within composite objects, and sources that include sources.
const DEEPEST: usize = 8;

impl<'s> Kbuild<'s> {
    pub(in crate::import) fn new(source: &'s Source, findings: &'s Findings) -> Kbuild<'s> {
        let (rules, items, sources) = Default::default();
        Kbuild { source, findings, rules, items, included: HashMap::new(), sources }
    }

    /// When the file is built.
    pub(in crate::import) fn built(&mut self, source: &str) -> Result<Built, Error> {
        if let Some(known) = self.sources.get(source) {
            return Ok(known.clone());
        }
        let built = self.directories(source)?;
        self.sources.insert(source.to_owned(), built.clone());
        Ok(built)
    }

    fn directories(&mut self, source: &str) -> Result<Built, Error> {
        let Some((directory, file)) = source.rsplit_once('/') else { return Ok(Built::Unnamed) };
        let stem = file.trim_end_matches(".c").trim_end_matches(".S");
        let own = self.object(directory, stem, 0)?;
        if own == Built::Unnamed {
            return Ok(own);
        }
        // An item in no list is in the top-level makefile, or in the architecture's.
        let mut parts = vec![own.part()];
        let mut directory = directory;
        while let Some((above, name)) = directory.rsplit_once('/') {
            parts.push(self.item(above, &format!("{name}/"), 0)?.part());
            directory = above;
        }
        parts.push(self.item("", &format!("{directory}/"), 0)?.part());
        parts.reverse();
        Ok(Built::when(all(parts)))
    }

    /// When `stem.o` is built; a file that no makefile names may be included by its neighbour, as
    /// kernel/sched does.
    fn object(&mut self, directory: &str, stem: &str, depth: usize) -> Result<Built, Error> {
        let object = format!("{stem}.o");
        if depth > DEEPEST || self.names(directory, &object)? {
            return self.item(directory, &object, depth);
        }
        if !self.included.contains_key(directory) {
            let found = included(self.source, directory);
            self.included.insert(directory.to_owned(), found);
        }
        let Some((by, when)) = self.included[directory].get(&format!("{stem}.c")).cloned() else {
            return Ok(Built::Unnamed);
        };
        Ok(match self.object(directory, &by, depth + 1)? {
            Built::Unnamed => Built::Unnamed,
            whole => Built::when(all([whole.part(), when.unwrap_or_default()])),
        })
    }

    fn names(&mut self, directory: &str, item: &str) -> Result<bool, Error> {
        Ok(self.read_rules(directory)?.named.contains_key(item))
    }

    /// The condition under which a directory's makefile includes the item; two rules for it are
    /// alternatives.
    fn item(&mut self, directory: &str, item: &str, depth: usize) -> Result<Built, Error> {
        let key = (directory.to_owned(), item.to_owned());
        if let Some(known) = self.items.get(&key) {
            return Ok(known.clone());
        }
        // A list that includes itself is not followed.
        self.items.insert(key.clone(), Built::Unnamed);
        let built = self.ways(directory, item, depth)?;
        self.items.insert(key, built.clone());
        Ok(built)
    }

    fn ways(&mut self, directory: &str, item: &str, depth: usize) -> Result<Built, Error> {
        let mut ways: Vec<String> = Vec::new();
        let rules = self.read_rules(directory)?;
        let rules: Vec<_> =
            rules.named.get(item).into_iter().flatten().map(|&(at, width)| (at, width)).collect();
        for (at, width) in rules {
            let (target, when) = self.rules[directory].rules[at].clone();
            let (list, switch) = target.rsplit_once('-').unwrap_or((&target, "y"));
            let switch = match switch {
                "y" | "m" | "objs" => "",
                other => match variable(other) {
                    Some(name) => name,
                    None => continue,
                },
            };
            // A list of an object's own parts, and lists that the makefile adds to the others.
            let whole = match list {
                "obj" | "lib" | "core" | "subdir" => Built::Always,
                part if depth < DEEPEST => {
                    let object = format!("{part}.o");
                    match self.names(directory, &object)? {
                        true => self.item(directory, &object, depth + 1)?,
                        false => self.item(directory, &format!("$({part}-y)"), depth + 1)?,
                    }
                }
                _ => Built::Always,
            };
            match all([when.unwrap_or_default(), whole.part(), switch.to_owned(), width.to_owned()])
            {
                None => return Ok(Built::Always),
                Some(way) if !ways.contains(&way) => ways.push(way),
                Some(_) => {}
            }
            if ways.iter().map(|way| way.len() + " || ".len()).sum::<usize>() > LONGEST {
                let what = format!(
                    "has a condition of more than {LONGEST} characters for {item}; simplify it"
                );
                self.findings.judge(Kind::Makefile, self.source.wrong(directory, what))?;
                return Ok(Built::Always);
            }
        }
        Ok(if ways.is_empty() { Built::Unnamed } else { Built::When(ways.join(" || ")) })
    }

    fn read_rules(&mut self, directory: &str) -> Result<&Rules, Error> {
        if !self.rules.contains_key(directory) {
            // The top-level Makefile has no lists; they are in Kbuild.
            let names: &[&str] =
                if directory.is_empty() { &["Kbuild"] } else { &["Kbuild", "Makefile"] };
            let within = if directory.is_empty() { String::new() } else { format!("{directory}/") };
            let mut paths = names.iter().map(|name| format!("{within}{name}"));
            let rules = match paths.find(|path| self.source.is_file(path)) {
                Some(path) => {
                    let text = self.findings.whole(self.source, &path);
                    let text = self.findings.accept(Kind::Makefile, text)?.unwrap_or_default();
                    let mut rules = Rules::default();
                    if let Err(fault) = parse(&text, &mut rules) {
                        self.findings.judge(Kind::Makefile, self.source.fault(&path, fault))?;
                    }
                    rules
                }
                None => Rules::default(),
            };
            self.rules.insert(directory.to_owned(), rules);
        }
        Ok(&self.rules[directory])
    }
}

/// The `.c` files that `.c` files of a directory include: by which object, and under which
/// condition.
fn included(source: &Source, directory: &str) -> HashMap<String, (String, Option<String>)> {
    let mut found = HashMap::new();
    let mut buffer = Vec::new();
    // Unreadable files are reported by the search for definitions.
    let entries = source.list(directory).unwrap_or_default();
    for entry in entries.iter().filter(|entry| !entry.is_directory) {
        let Some(stem) = entry.name.strip_suffix(".c") else { continue };
        let path = format!("{directory}/{}", entry.name);
        let Ok(text) = source.skim(&path, &mut buffer) else { continue };
        if !text.contains(".c\"") {
            continue;
        }
        let mut conditions = Conditions::default();
        for line in text.lines() {
            let Some(directive) = line.trim_start().strip_prefix('#') else { continue };
            let name = directive
                .trim_start()
                .strip_prefix("include")
                .and_then(|rest| rest.split('"').nth(1));
            if let Some(name) = name.filter(|name| name.ends_with(".c")) {
                // A fault in the file is reported by the parser of its definitions.
                let when = conditions.and("").ok().flatten();
                found.entry(name.to_owned()).or_insert((stem.to_owned(), when));
            }
            if conditions.apply(directive).is_err() {
                break;
            }
        }
    }
    found
}

/// `CONFIG_X` of `$(CONFIG_X)` or of a function of it.
fn variable(text: &str) -> Option<&str> {
    let from = &text[text.find("CONFIG_")?..];
    Some(&from[..from.find(|c| !is_word(c)).unwrap_or(from.len())])
}

/// `CONFIG_X` or `!CONFIG_X` of `ifdef CONFIG_X`, `ifeq ($(CONFIG_X),y)`, `ifneq ($(CONFIG_X),)`
/// and their opposites; "" for a condition on something else.
fn switch(line: &str) -> String {
    let (word, rest) = line.split_once([' ', '(', '\t']).unwrap_or((line, ""));
    let Some(name) = variable(rest) else { return String::new() };
    let set = rest.contains(",y") || rest.contains(", y") || rest.contains(",m");
    match (word, set) {
        ("ifdef", _) | ("ifeq", true) | ("ifneq", false) => name.to_owned(),
        _ => format!("!{name}"),
    }
}

/// Reads a makefile's rules, up to the first line that cannot be followed.
fn parse(text: &str, found: &mut Rules) -> Result<(), Fault> {
    let mut open: Vec<String> = Vec::new();
    let mut lists: HashMap<String, Vec<usize>> = HashMap::new();
    let too_long =
        || format!("the conditions around it have more than {LONGEST} characters; simplify them");
    for (at, line) in (1..).zip(splice(&text.replace("\\\n", " \\\n")).lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        let word = line.split([' ', '(', '\t']).next().unwrap_or_default();
        let unopened = || Fault::at(at, format!("{word} without ifdef or ifeq; repair the file"));
        match word {
            "ifdef" | "ifndef" | "ifeq" | "ifneq" => open.push(switch(line)),
            "else" => {
                let last = open.last_mut().ok_or_else(unopened)?;
                *last = match last.strip_prefix('!') {
                    _ if last.is_empty() => String::new(),
                    Some(name) => name.to_owned(),
                    None => format!("!{last}"),
                };
            }
            "endif" => drop(open.pop().ok_or_else(unopened)?),
            _ => {
                let Some((target, items)) = line.split_once('=') else { continue };
                let target = target.trim_end_matches([':', '+', '?', ' ', '\t']);
                if let (Some((list, switch)), true) = (target.split_once('-'), line.contains(":="))
                {
                    // The list is reset if the switch is on.
                    let off = variable(switch).map_or(String::new(), |name| format!("!{name}"));
                    for earlier in lists.get(&format!("{list}-y")).into_iter().flatten() {
                        let when = &mut found.rules[*earlier].1;
                        *when = all([when.take().unwrap_or_default(), off.clone()]);
                        if when.as_ref().is_some_and(|when| when.len() > LONGEST) {
                            return Err(Fault::at(at, too_long()));
                        }
                    }
                }
                let mut items = items.split_whitespace().peekable();
                if !target.contains('-') || target.contains(' ') || items.peek().is_none() {
                    continue;
                }
                if open.iter().map(|part| part.len() + " && ".len()).sum::<usize>() > LONGEST {
                    return Err(Fault::at(at, too_long()));
                }
                let rule = found.rules.len();
                found.rules.push((target.to_owned(), all(open.iter().cloned())));
                lists.entry(target.to_owned()).or_default().push(rule);
                for (item, width) in items.flat_map(widths) {
                    let named = found.named.entry(item).or_default();
                    if named.last().is_none_or(|(last, _)| *last != rule) {
                        named.push((rule, width));
                    }
                }
            }
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(Fault::whole("an ifdef or ifeq has no endif; repair the file"))
    }
}

/// The items that a makefile's item expands to: itself, or with a word size in it one for each
/// size.
fn widths(item: &str) -> Vec<(String, &'static str)> {
    match item.split_once("$(BITS)") {
        Some((before, after)) => {
            let sizes = [("32", "CONFIG_32BIT"), ("64", "CONFIG_64BIT")];
            sizes.map(|(bits, when)| (format!("{before}{bits}{after}"), when)).into()
        }
        None => vec![(item.to_owned(), "")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_memory(files: &[(&str, &str)]) -> Source {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().into()));
        Source::in_memory("linux", files.collect())
    }

    #[test]
    fn conditions_are_followed_to_the_top() {
        let source = in_memory(&[
            ("Kbuild", "obj-y += fs/\nobj-$(CONFIG_NET)\t+= net/\n"),
            (
                "fs/Makefile",
                "obj-y := open.o \\\n\tread.o\nobj-$(CONFIG_AIO) += aio.o\nobj-y += notify/\n",
            ),
            ("fs/notify/Makefile", "obj-$(CONFIG_FANOTIFY) += fanotify/\n"),
            (
                "fs/notify/fanotify/Makefile",
                "obj-y += fan.o # a comment\nfan-$(CONFIG_X) += user.o\nfan-y += core.o\n",
            ),
            (
                "net/Makefile",
                "ifeq ($(CONFIG_T),y)\nobj-y += a.o\nelse\nobj-y += b.o\nendif\nifdef CONFIG_D\n\
                 obj-$(CONFIG_E) += c.o\n\
                 endif\nobj-$(CONFIG_F) += c.o\nobj-y += sys_$(BITS).o\nm-$(CONFIG_M) := m.o\n\
                 obj-y += $(m-y)\n\
                 n-y := none.o\nn-$(CONFIG_N) := some.o\nobj-y += $(n-y)\n",
            ),
            ("net/b.c", "#ifdef CONFIG_D\n# include \"d.c\"\n#endif\n"),
        ]);
        let findings = Findings::strict();
        let mut kbuild = Kbuild::new(&source, &findings);
        for (source, condition) in [
            ("fs/open.c", ""),
            ("fs/read.c", ""),
            ("fs/aio.c", "CONFIG_AIO"),
            ("fs/notify/fanotify/user.c", "CONFIG_FANOTIFY && CONFIG_X"),
            ("fs/notify/fanotify/core.c", "CONFIG_FANOTIFY"),
            ("net/a.c", "CONFIG_NET && CONFIG_T"),
            ("net/b.c", "CONFIG_NET && !CONFIG_T"),
            ("net/d.c", "CONFIG_NET && !CONFIG_T && CONFIG_D"),
            ("net/c.c", "CONFIG_NET && (CONFIG_D && CONFIG_E || CONFIG_F)"),
            ("net/sys_64.c", "CONFIG_NET && CONFIG_64BIT"),
            ("net/m.c", "CONFIG_NET && CONFIG_M"),
            ("net/none.c", "CONFIG_NET && !CONFIG_N"),
            ("net/some.c", "CONFIG_NET && CONFIG_N"),
        ] {
            let expected = Built::when(all([condition.to_owned()]));
            assert_eq!(kbuild.built(source).unwrap(), expected, "{source}");
        }
        assert_eq!(kbuild.built("fs/none.c").unwrap(), Built::Unnamed);
    }

    /// Each of these takes a day, or all memory, if the time grows faster than linearly.
    #[test]
    fn hostile_makefiles() {
        let built = |text: &str| {
            let source = in_memory(&[("a/Makefile", text)]);
            Kbuild::new(&source, &Findings::strict()).built("a/x.c").map_err(|error| error.what)
        };
        // Each list is in every list of the next layer.
        let mut layers = "obj-$(CONFIG_A) += l0_0.o\n".to_owned();
        for layer in 0..9 {
            let all: String = (0..200).map(|at| format!(" l{}_{at}.o", layer + 1)).collect();
            let lists = (0..if layer == 0 { 1 } else { 200 })
                .map(|at| format!("l{layer}_{at}-y += {all}\n"));
            layers.extend(lists);
        }
        layers += &(0..200).map(|at| format!("l9_{at}-y += x.o\n")).collect::<String>();
        assert!(built(&layers).is_ok());
        let itself = "obj-$(CONFIG_A) += x.o\nx-y += x.o y.o\ny-y += x.o\n";
        assert!(built(itself).is_ok());
        let many: String = (0..100_000).map(|at| format!("obj-$(CONFIG_{at}) += x.o\n")).collect();
        assert!(built(&many).unwrap_err().contains("more than 2048 characters for x.o"));
        let assignments: String =
            (0..100_000).map(|at| format!("z-$(CONFIG_{at}) := x.o\n")).collect();
        assert!(
            built(&format!("z-y := x.o\n{assignments}"))
                .unwrap_err()
                .contains("more than 2048 characters")
        );
        let open: String = (0..100_000).map(|at| format!("ifdef CONFIG_{at}\n")).collect();
        assert!(
            built(&format!("{open}obj-y += x.o\n"))
                .unwrap_err()
                .contains("more than 2048 characters")
        );
        assert!(built("ifdef CONFIG_A\nobj-y += x.o\n").unwrap_err().contains("endif"));
        assert!(built("obj-y += x.o\nendif\n").unwrap_err().contains("endif"));
        assert!(built("obj-y += x").unwrap_err().contains("was it cut off"));
    }
}
