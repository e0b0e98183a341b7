//! What a kernel's configuration must be for an ABI: the architecture's Kconfig files and the `__ARCH_WANT_…` of its
//! headers, for a kernel of a given word size. What the one who configures may choose is not known.

use super::c::{blank, splice};
use super::condition::{Conditions, Truth, and, evaluate, not, or};
use crate::Error;
use crate::files;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// What Kconfig says of a symbol.
#[derive(Default)]
struct Symbol {
    prompt: Option<String>,
    /// Value and condition, the first that holds.
    defaults: Vec<(String, String)>,
    depends: Vec<String>,
    /// Who selects it, and when.
    selected: Vec<(String, String)>,
}

/// No symbol of an architecture, so that its value is not known.
const ELSEWHERE: &str = "";

/// The folders whose Kconfig files may select what an architecture declares.
const FOLDERS: &[&str] = &["init", "kernel", "mm", "fs", "lib", "security", "net", "block", "io_uring", "virt"];

/// What the Kconfig files outside `arch` select.
pub(super) fn selects(root: &Path) -> Result<Vec<String>, Error> {
    let mut found = BTreeSet::new();
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ if entry.file_name().to_string_lossy().starts_with("Kconfig") && files::is_file(root, &entry) => {
                    let text = files::read(&entry.path())?;
                    let selected = text.lines().filter_map(|line| line.trim_start().strip_prefix("select"));
                    found.extend(selected.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// An architecture of a kernel tree.
pub(super) struct Architecture {
    symbols: BTreeMap<String, Symbol>,
    /// `__ARCH_WANT_…` and other macros of its headers, and each condition under which one is defined.
    macros: BTreeMap<String, Vec<Option<String>>>,
}

/// A kernel: an architecture and a word size. A 64-bit kernel also runs 32-bit programs where it can.
pub(super) struct Kernel<'a> {
    architecture: &'a Architecture,
    wide: bool,
    known: HashMap<String, Truth>,
    /// How many symbols are being worked out, each for the one before it.
    depth: usize,
}

/// Symbols that need symbols deeper than this are not followed.
const DEEPEST: usize = 100;

impl Architecture {
    /// `selects` are the symbols that Kconfig files outside `arch` select.
    pub(super) fn read(root: &Path, arch: &str, selects: &[String]) -> Result<Architecture, Error> {
        let mut found = Architecture { symbols: BTreeMap::new(), macros: BTreeMap::new() };
        let mut kconfigs = vec!["arch/Kconfig".to_owned(), format!("arch/{arch}/Kconfig")];
        let mut at = 0;
        while let Some(file) = kconfigs.get(at).cloned() {
            at += 1;
            let path = root.join(&file);
            if path.is_file() {
                for source in found.kconfig(&files::read(&path)?) {
                    if source.starts_with(&format!("arch/{arch}/")) && !kconfigs.contains(&source) {
                        kconfigs.push(source);
                    }
                }
            }
        }
        // What others select is not known: they are the choice of the one who configures.
        for select in selects {
            if let Some(symbol) = found.symbols.get_mut(select) {
                symbol.selected.push((ELSEWHERE.to_owned(), "y".to_owned()));
            }
        }
        for header in ["include/asm/unistd.h", "include/uapi/asm/unistd.h"] {
            let path = root.join("arch").join(arch).join(header);
            if path.is_file() {
                let text = files::read(&path)?;
                found.header(&text).map_err(|(line, what)| Error::new(path.display().to_string(), line, what))?;
            }
        }
        Ok(found)
    }

    /// Whether a kernel of 32 bits can be configured.
    pub(super) fn can_be_narrow(&self) -> bool {
        let always = |symbol: &Symbol| symbol.defaults.iter().any(|(value, when)| value == "y" && when == "y");
        !self.symbols.get("64BIT").is_some_and(always)
    }

    /// Whether a kernel of 64 bits can run programs of 32, or may be able to: a tree without Kconfig files does not say.
    pub(super) fn has_compat(&self) -> bool {
        self.symbols.is_empty() || self.symbols.contains_key("COMPAT")
    }

    /// Takes a Kconfig file in; what it sources is the result.
    fn kconfig(&mut self, text: &str) -> Vec<String> {
        let (mut sources, mut name, mut help) = (Vec::new(), None::<String>, None);
        for line in text.replace("\\\n", " ").lines() {
            let indent = line.len() - line.trim_start().len();
            // A help text ends where the indentation does.
            match help {
                Some(0) if line.trim().is_empty() => continue,
                Some(0) => help = Some(indent.max(1)),
                Some(text) if indent >= text || line.trim().is_empty() => continue,
                _ => help = None,
            }
            if help.is_some() {
                continue;
            }
            let line = line.replace('\t', " ");
            let line = line.split(" #").next().unwrap_or_default().trim();
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let rest = rest.trim();
            let (value, when) = rest.split_once(" if ").unwrap_or((rest, "y"));
            let (value, when) = (value.trim().to_owned(), when.trim().to_owned());
            match (word, &name) {
                ("config" | "menuconfig", _) => {
                    self.symbols.entry(rest.to_owned()).or_default();
                    name = Some(rest.to_owned());
                }
                ("source", _) => sources.push(rest.trim_matches('"').to_owned()),
                ("choice" | "endchoice" | "menu" | "endmenu" | "if" | "endif" | "comment", _) => name = None,
                ("help" | "---help---", _) => help = Some(0),
                ("select", Some(name)) => {
                    self.symbols.entry(value).or_default().selected.push((name.clone(), when));
                }
                (_, Some(name)) => {
                    let symbol = self.symbols.entry(name.clone()).or_default();
                    match word {
                        "bool" | "tristate" | "prompt" if !value.is_empty() => symbol.prompt = Some(value),
                        "def_bool" | "def_tristate" | "default" => symbol.defaults.push((value, when)),
                        "depends" => symbol.depends.push(rest.trim_start_matches("on").trim().to_owned()),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        sources
    }

    fn header(&mut self, text: &str) -> Result<(), (usize, String)> {
        let (mut conditions, mut guarded) = (Conditions::default(), false);
        for (line, text) in (1..).zip(blank(&splice(text)).lines()) {
            let Some(directive) = text.trim_start().strip_prefix('#') else { continue };
            if let Err(what) = conditions.apply(directive) {
                // The guard's own end.
                if guarded && directive.trim_start().starts_with("endif") {
                    break;
                }
                return Err((line, what));
            }
            let mut words = directive.split_whitespace();
            if let (Some("define"), Some(name)) = (words.next(), words.next()) {
                let when = conditions.and("").map_err(|what| (line, what))?;
                // A header's guard says nothing: the header is read once.
                if when.as_deref() != Some(&format!("!{name}")) {
                    self.macros.entry(name.to_owned()).or_default().push(when);
                    continue;
                }
                conditions = Conditions::default();
                guarded = true;
            }
        }
        Ok(())
    }
}

impl<'a> Kernel<'a> {
    pub(super) fn new(architecture: &'a Architecture, wide: bool) -> Kernel<'a> {
        Kernel { architecture, wide, known: HashMap::new(), depth: 0 }
    }

    /// Whether a condition of the preprocessor holds in this kernel.
    pub(super) fn holds(&mut self, condition: &str) -> Truth {
        evaluate(condition, &mut |name| self.macro_value(name))
    }

    fn macro_value(&mut self, name: &str) -> Truth {
        if let Some(symbol) = name.strip_prefix("CONFIG_") {
            return self.symbol(symbol);
        }
        if let Some(bits) = name.strip_prefix("BITS_PER_LONG == ") {
            return Some(bits == if self.wide { "64" } else { "32" });
        }
        match name {
            "__KERNEL__" => return Some(true),
            "__ASSEMBLER__" | "__ASSEMBLY__" => return Some(false),
            _ => {}
        }
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let architecture = self.architecture;
        let Some(ways) = architecture.macros.get(name) else {
            // The compiler may define others.
            return if name.starts_with("__ARCH_WANT_") { Some(false) } else { None };
        };
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        self.known.insert(name.to_owned(), Some(false));
        let mut value = Some(false);
        for way in ways {
            value = or(value, way.as_deref().map_or(Some(true), |condition| self.holds(condition)));
        }
        self.depth -= 1;
        self.known.insert(name.to_owned(), value);
        value
    }

    fn symbol(&mut self, name: &str) -> Truth {
        match name {
            "64BIT" => return Some(self.wide),
            "32BIT" => return Some(!self.wide),
            "COMPAT" if self.wide && self.architecture.symbols.is_empty() => return None,
            "COMPAT" => return Some(self.wide && self.architecture.has_compat()),
            _ => {}
        }
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let symbol = self.architecture.symbols.get(name)?;
        match symbol.prompt.as_deref() {
            Some("\"64-bit kernel\"") => return Some(self.wide),
            Some("\"32-bit kernel\"") => return Some(!self.wide),
            _ => {}
        }
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        // A symbol that needs itself is not set by that.
        self.known.insert(name.to_owned(), Some(false));
        let mut value = if symbol.prompt.is_some() { None } else { self.default(symbol) };
        for condition in &symbol.depends {
            value = and(value, self.expression(condition));
        }
        for (by, when) in &symbol.selected {
            let selects = and(self.symbol(by), self.expression(when));
            value = or(value, selects);
        }
        self.depth -= 1;
        self.known.insert(name.to_owned(), value);
        value
    }

    fn default(&mut self, symbol: &Symbol) -> Truth {
        let mut earlier = Some(false);
        let mut value = Some(false);
        for (text, when) in &symbol.defaults {
            let when = self.expression(when);
            value = or(value, and(and(not(earlier), when), self.expression(text)));
            earlier = or(earlier, when);
        }
        value
    }

    fn expression(&mut self, text: &str) -> Truth {
        evaluate(text, &mut |name| self.symbol(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file can make it deeper than any stack has room for.
    #[test]
    fn symbols_that_need_each_other_without_end_are_not_known() {
        let mut architecture = Architecture { symbols: BTreeMap::new(), macros: BTreeMap::new() };
        let chain: String = (0..100_000).map(|at| format!("config A{at}\n def_bool A{}\n", at + 1)).collect();
        architecture.kconfig(&(chain + "config A100000\n def_bool y\n"));
        let macros: String = (0..100_000).map(|at| format!("#if M{}\n#define M{at}\n#endif\n", at + 1)).collect();
        architecture.header(&(macros + "#define M100000\n")).unwrap();
        let mut kernel = Kernel::new(&architecture, true);
        assert_eq!((kernel.holds("CONFIG_A0"), kernel.holds("M0")), (None, None));
        assert_eq!((kernel.holds("CONFIG_A99950"), kernel.holds("M99950")), (Some(true), Some(true)));
    }

    #[test]
    fn a_kernel_is_what_its_word_size_makes_it() {
        let mut architecture = Architecture { symbols: BTreeMap::new(), macros: BTreeMap::new() };
        let sources = architecture.kconfig(
            "config CHOSEN\n\tbool \"a choice\"\n\thelp\n\t  config NOT\n\n\t  select NOT\nconfig 64BIT\n\tbool \"64-bit kernel\"\n\
             config A32\n\tdef_bool y\n\tdepends on !64BIT\n\tselect BACKWARDS # why\n\tselect MAYBE\t\tif CHOSEN\n\
             config BACKWARDS\n\tbool\nconfig MAYBE\n\tbool\nconfig COMPAT\n\tbool \"x\"\n\
             config SELF\n\tdef_bool SELF\nsource \"arch/a/Kconfig.cpu\"\n",
        );
        assert_eq!(sources, ["arch/a/Kconfig.cpu"]);
        architecture
            .header(
                "#ifndef _ASM_H\n#define _ASM_H\n#ifdef CONFIG_64BIT\n# define __ARCH_WANT_OLD\n#endif\n#define \
                 __ARCH_WANT_NEW\n#endif\n",
            )
            .unwrap();
        let mut narrow = Kernel::new(&architecture, false);
        let mut wide = Kernel::new(&architecture, true);
        for (condition, in_narrow, in_wide) in [
            ("CONFIG_A32", Some(true), Some(false)),
            ("!CONFIG_BACKWARDS", Some(false), Some(true)),
            ("CONFIG_MAYBE", None, Some(false)),
            ("CONFIG_CHOSEN", None, None),
            ("CONFIG_NOT", None, None),
            ("CONFIG_COMPAT && BITS_PER_LONG == 64", Some(false), Some(true)),
            ("__ARCH_WANT_OLD", Some(false), Some(true)),
            ("__ARCH_WANT_NEW && !__ARCH_WANT_NONE", Some(true), Some(true)),
            ("CONFIG_SELF", Some(false), Some(false)),
        ] {
            assert_eq!((narrow.holds(condition), wide.holds(condition)), (in_narrow, in_wide), "{condition}");
        }
    }
}
