//! When the kernel's makefiles build a file: `obj-$(CONFIG_AIO) += aio.o`, composite objects and folders followed up to
//! the top of the tree.

use super::c::is_word;
use super::condition::{Conditions, all};
use crate::Error;
use crate::files;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A folder's makefile: what each rule adds to, its items, and when it stands.
type Rules = Vec<(String, Vec<String>, Option<String>)>;

/// The makefiles of a tree, each read once.
pub(super) struct Kbuild<'r> {
    root: &'r Path,
    rules: HashMap<String, Rules>,
    conditions: HashMap<String, Option<String>>,
}

/// Composite objects within composite objects, and sources that include sources.
const DEEPEST: usize = 8;

impl<'r> Kbuild<'r> {
    pub(super) fn new(root: &'r Path) -> Kbuild<'r> {
        Kbuild { root, rules: HashMap::new(), conditions: HashMap::new() }
    }

    /// When the file is built: `Ok(None)` if always, or if no makefile names it.
    pub(super) fn condition(&mut self, source: &str) -> Result<Option<String>, Error> {
        if let Some(known) = self.conditions.get(source) {
            return Ok(known.clone());
        }
        let condition = self.folders(source)?;
        self.conditions.insert(source.to_owned(), condition.clone());
        Ok(condition)
    }

    fn folders(&mut self, source: &str) -> Result<Option<String>, Error> {
        let Some((folder, file)) = source.rsplit_once('/') else { return Ok(None) };
        let stem = file.trim_end_matches(".c").trim_end_matches(".S");
        let mut parts = vec![self.built(folder, stem, 0)?.unwrap_or_default()];
        let mut folder = folder;
        while let Some((above, name)) = folder.rsplit_once('/') {
            parts.push(self.item(above, &format!("{name}/"), 0)?.unwrap_or_default());
            folder = above;
        }
        parts.push(self.item("", &format!("{folder}/"), 0)?.unwrap_or_default());
        parts.reverse();
        Ok(all(parts))
    }

    /// When `stem.o` is built; a file that no makefile names may be included by its neighbour, as kernel/sched does.
    fn built(&mut self, folder: &str, stem: &str, depth: usize) -> Result<Option<String>, Error> {
        let object = format!("{stem}.o");
        if depth > DEEPEST || self.names(folder, &object)? {
            return self.item(folder, &object, depth);
        }
        let include = format!("\"{stem}.c\"");
        let mut neighbours: Vec<PathBuf> = std::fs::read_dir(self.root.join(folder))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        neighbours.retain(|path| path.is_file() && path.extension().is_some_and(|end| end == "c"));
        neighbours.sort();
        for neighbour in neighbours {
            let text = files::read(&neighbour)?;
            if text.contains(&include) {
                let stem = neighbour.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let whole = self.built(folder, &stem, depth + 1)?;
                return Ok(all([whole, included(&text, &include)].into_iter().flatten()));
            }
        }
        Ok(None)
    }

    fn names(&mut self, folder: &str, item: &str) -> Result<bool, Error> {
        Ok(self.rules(folder)?.iter().any(|(_, items, _)| items.iter().any(|i| matches(i, item).is_some())))
    }

    /// When a folder's makefile takes the item in; rules that name it twice are alternatives.
    fn item(&mut self, folder: &str, item: &str, depth: usize) -> Result<Option<String>, Error> {
        let mut ways: Vec<String> = Vec::new();
        let rules = self.rules(folder)?.clone();
        for (target, items, when) in &rules {
            let Some(width) = items.iter().find_map(|i| matches(i, item)) else { continue };
            let (list, switch) = target.split_once('-').unwrap_or((target, "y"));
            let switch = match switch {
                "y" | "m" | "objs" => "",
                other => match variable(other) {
                    Some(name) => name,
                    None => continue,
                },
            };
            // A list of an object's own parts, and lists that the makefile adds to the others.
            let whole = match list {
                "obj" | "lib" | "core" | "subdir" => None,
                part if depth < DEEPEST => {
                    let object = format!("{part}.o");
                    let list = format!("$({part}-y)");
                    match self.names(folder, &object)? {
                        true => self.item(folder, &object, depth + 1)?,
                        false => self.item(folder, &list, depth + 1)?,
                    }
                }
                _ => None,
            };
            let way =
                [when.clone().unwrap_or_default(), whole.unwrap_or_default(), switch.to_owned(), width.to_owned()];
            match all(way) {
                None => return Ok(None),
                Some(way) if !ways.contains(&way) => ways.push(way),
                Some(_) => {}
            }
        }
        Ok(if ways.is_empty() { None } else { Some(ways.join(" || ")) })
    }

    fn rules(&mut self, folder: &str) -> Result<&Rules, Error> {
        if !self.rules.contains_key(folder) {
            // The top's Makefile is a program; its lists stand in Kbuild.
            let names: &[&str] = if folder.is_empty() { &["Kbuild"] } else { &["Kbuild", "Makefile"] };
            let path = names.iter().map(|name| self.root.join(folder).join(name)).find(|path| path.is_file());
            let rules = match path {
                Some(path) => parse(&files::read(&path)?),
                None => Rules::new(),
            };
            self.rules.insert(folder.to_owned(), rules);
        }
        Ok(&self.rules[folder])
    }
}

/// The condition around an `#include`.
fn included(text: &str, name: &str) -> Option<String> {
    let mut conditions = Conditions::default();
    for line in text.lines() {
        let Some(directive) = line.trim_start().strip_prefix('#') else { continue };
        if directive.trim_start().starts_with("include") && directive.contains(name) {
            return conditions.and("").ok().flatten();
        }
        // The file was read before, and a fault in it told.
        conditions.apply(directive).ok()?;
    }
    None
}

/// Whether an item of a makefile is that one: "" if always, or the word size that makes it so.
fn matches(item: &str, wanted: &str) -> Option<&'static str> {
    if item == wanted {
        return Some("");
    }
    let (before, after) = item.split_once("$(BITS)")?;
    match wanted.strip_prefix(before)?.strip_suffix(after)? {
        "32" => Some("CONFIG_32BIT"),
        "64" => Some("CONFIG_64BIT"),
        _ => None,
    }
}

/// `CONFIG_X` of `$(CONFIG_X)` or of a function of it.
fn variable(text: &str) -> Option<&str> {
    let from = &text[text.find("CONFIG_")?..];
    Some(&from[..from.find(|c| !is_word(c)).unwrap_or(from.len())])
}

/// `CONFIG_X` or `!CONFIG_X` of `ifdef CONFIG_X`, `ifeq ($(CONFIG_X),y)`, `ifneq ($(CONFIG_X),)` and their opposites; ""
/// for a condition on something else.
fn switch(line: &str) -> String {
    let (word, rest) = line.split_once([' ', '(', '\t']).unwrap_or((line, ""));
    let Some(name) = variable(rest) else { return String::new() };
    let set = rest.contains(",y") || rest.contains(", y") || rest.contains(",m");
    match (word, set) {
        ("ifdef", _) | ("ifeq", true) | ("ifneq", false) => name.to_owned(),
        _ => format!("!{name}"),
    }
}

fn parse(text: &str) -> Rules {
    let text = text.replace("\\\n", " ");
    let mut open: Vec<String> = Vec::new();
    let mut rules = Rules::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let word = line.split([' ', '(', '\t']).next().unwrap_or_default();
        match word {
            "ifdef" | "ifndef" | "ifeq" | "ifneq" => open.push(switch(line)),
            "else" => {
                if let Some(last) = open.last_mut() {
                    *last = match last.strip_prefix('!') {
                        _ if last.is_empty() => String::new(),
                        Some(name) => name.to_owned(),
                        None => format!("!{last}"),
                    };
                }
            }
            "endif" => drop(open.pop()),
            _ => {
                let Some((target, items)) = line.split_once('=') else { continue };
                let target = target.trim_end_matches([':', '+', '?', ' ', '\t']);
                let items: Vec<String> = items.split_whitespace().map(str::to_owned).collect();
                if let (Some((list, switch)), true) = (target.split_once('-'), line.contains(":=")) {
                    // The list is set anew where the switch is on.
                    let (all_along, off) = (format!("{list}-y"), variable(switch).map(|name| format!("!{name}")));
                    for (_, _, when) in rules.iter_mut().filter(|(earlier, ..)| *earlier == all_along) {
                        *when = all([when.clone().unwrap_or_default(), off.clone().unwrap_or_default()]);
                    }
                }
                if target.contains('-') && !target.contains(' ') && !items.is_empty() {
                    rules.push((target.to_owned(), items, all(open.iter().cloned())));
                }
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn conditions_are_followed_to_the_top() {
        let root = tempfile::TempDir::new().unwrap();
        for (file, text) in [
            ("Kbuild", "obj-y += fs/\nobj-$(CONFIG_NET)\t+= net/\n"),
            ("fs/Makefile", "obj-y := open.o \\\n\tread.o\nobj-$(CONFIG_AIO) += aio.o\nobj-y += notify/\n"),
            ("fs/notify/Makefile", "obj-$(CONFIG_FANOTIFY) += fanotify/\n"),
            ("fs/notify/fanotify/Makefile", "obj-y += fan.o # a comment\nfan-$(CONFIG_X) += user.o\nfan-y += core.o\n"),
            (
                "net/Makefile",
                "ifeq ($(CONFIG_T),y)\nobj-y += a.o\nelse\nobj-y += b.o\nendif\nifdef CONFIG_D\nobj-$(CONFIG_E) += c.o\n\
                 endif\nobj-$(CONFIG_F) += c.o\nobj-y += sys_$(BITS).o\nm-$(CONFIG_M) := m.o\nobj-y += $(m-y)\n\
                 n-y := none.o\nn-$(CONFIG_N) := some.o\nobj-y += $(n-y)\n",
            ),
            ("net/b.c", "#ifdef CONFIG_D\n# include \"d.c\"\n#endif\n"),
        ] {
            fs::create_dir_all(root.path().join(file).parent().unwrap()).unwrap();
            fs::write(root.path().join(file), text).unwrap();
        }
        let mut kbuild = Kbuild::new(root.path());
        for (source, condition) in [
            ("fs/open.c", None),
            ("fs/read.c", None),
            ("fs/none.c", None),
            ("fs/aio.c", Some("CONFIG_AIO")),
            ("fs/notify/fanotify/user.c", Some("CONFIG_FANOTIFY && CONFIG_X")),
            ("fs/notify/fanotify/core.c", Some("CONFIG_FANOTIFY")),
            ("net/a.c", Some("CONFIG_NET && CONFIG_T")),
            ("net/b.c", Some("CONFIG_NET && !CONFIG_T")),
            ("net/d.c", Some("CONFIG_NET && !CONFIG_T && CONFIG_D")),
            ("net/c.c", Some("CONFIG_NET && (CONFIG_D && CONFIG_E || CONFIG_F)")),
            ("net/sys_64.c", Some("CONFIG_NET && CONFIG_64BIT")),
            ("net/m.c", Some("CONFIG_NET && CONFIG_M")),
            ("net/none.c", Some("CONFIG_NET && !CONFIG_N")),
            ("net/some.c", Some("CONFIG_NET && CONFIG_N")),
        ] {
            assert_eq!(kbuild.condition(source).unwrap().as_deref(), condition, "{source}");
        }
    }
}
