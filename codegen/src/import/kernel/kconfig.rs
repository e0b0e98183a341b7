//! The kernel configuration that an ABI requires: the architecture's Kconfig files and the
//! `__ARCH_WANT_…` of its headers, for a kernel of a given word size. Options that a user may
//! choose are unknown.

use super::condition::{Conditions, Truth, all, and, evaluate, not, or};
use crate::Error;
use crate::import::c::text::{LONGEST, blank, is_word, splice};
use crate::import::findings::Kind;
use crate::import::prototypes::{DRIVERS, directories};
use crate::import::tree::Tree;
use crate::source::{CUT_OFF, Doubt, Fault, Source};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A symbol in Kconfig.
#[derive(Default)]
struct Symbol {
    blocks: Vec<Block>,
    /// The symbols that select it, and the conditions.
    selected: Vec<(String, String)>,
}

/// One `config` block: its dependencies do not apply to another block of the same symbol.
#[derive(Default)]
struct Block {
    prompt: Option<String>,
    /// Value and condition; the first true one applies.
    defaults: Vec<(String, String)>,
    depends: Vec<String>,
}

/// A menu, a choice or an `if` that is open.
struct Scope<'t> {
    /// The word that closes it.
    end: &'t str,
    /// The dependencies of its symbols.
    condition: String,
    /// The default symbols of a choice, and their conditions.
    defaults: Vec<(String, String)>,
    /// Whether it has had a symbol.
    empty: bool,
}

/// The symbols of some Kconfig files.
#[derive(Default)]
pub(in crate::import) struct Symbols(BTreeMap<String, Symbol>);

impl Symbols {
    /// Those of the files outside `arch`, in the directories that define system calls.
    pub(in crate::import) fn read(tree: &Tree<'_>) -> Result<Symbols, Error> {
        let drivers = DRIVERS.iter().filter_map(|file| Some(file.rsplit_once('/')?.0.to_owned()));
        let directories = directories(tree.source).into_iter().chain(drivers);
        let directories = directories.filter(|directory| directory != "arch");
        let mut found = Symbols::default();
        for kconfig in
            tree.source.walk(directories, |_| true, is_kconfig, tree.findings.unlisted())?
        {
            found.file(tree, &kconfig)?;
        }
        Ok(found)
    }

    /// Reads a Kconfig file; returns the files that it sources.
    fn file(&mut self, tree: &Tree<'_>, file: &str) -> Result<Vec<String>, Error> {
        let Tree { source, findings, .. } = tree;
        let text = findings.whole(source, file);
        let Some(text) = findings.accept(Kind::Kconfig, text)? else { return Ok(Vec::new()) };
        let mut sources = Vec::new();
        if let Err(fault) = self.parse(&text, &mut sources) {
            findings.judge(Kind::Kconfig, source.fault(file, fault))?;
        }
        Ok(sources)
    }

    /// Whether a file declares the symbol, regardless of its value.
    pub(in crate::import) fn declares(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|symbol| !symbol.blocks.is_empty())
    }

    /// Reads the text of a Kconfig file, up to a fault.
    fn parse(&mut self, text: &str, sources: &mut Vec<String>) -> Result<(), Fault> {
        let (mut name, mut help) = (None::<String>, None);
        let mut open: Vec<Scope<'_>> = Vec::new();
        let mut begun = false;
        let blanks = text.replace("\\\n", " \\\n");
        for (at, line) in (1..).zip(splice(&blanks).lines()) {
            let indent = line.len() - line.trim_start().len();
            // A help text ends where the indentation does.
            match help {
                Some(0) if line.trim().is_empty() => continue,
                // A help text may be empty.
                Some(0) => help = Some(indent).filter(|indent| *indent > 0),
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
            let ends = ["endmenu", "endchoice", "endif"];
            match (word, &name) {
                ("config" | "menuconfig", _) => {
                    let depends = open.iter().map(|scope| scope.condition.clone());
                    let depends: Vec<String> =
                        depends.filter(|condition| !condition.is_empty()).collect();
                    if depends.iter().map(String::len).sum::<usize>() > LONGEST {
                        let what = format!(
                            "the conditions around it have more than {LONGEST} characters; \
                             simplify them"
                        );
                        return Err(Fault::at(at, what));
                    }
                    let mut block = Block { depends, ..Block::default() };
                    if let Some(choice) = open.last_mut().filter(|scope| scope.end == "endchoice") {
                        let falls = choice.defaults.iter().filter(|(value, _)| value == rest);
                        block
                            .defaults
                            .extend(falls.map(|(_, when)| ("y".to_owned(), when.clone())));
                        // Without a default, the first symbol is chosen.
                        if choice.empty && choice.defaults.is_empty() {
                            block.defaults.push(("y".to_owned(), "y".to_owned()));
                        }
                        choice.empty = false;
                    }
                    self.0.entry(rest.to_owned()).or_default().blocks.push(block);
                    name = Some(rest.to_owned());
                }
                ("source", _) => sources.push(rest.trim_matches('"').to_owned()),
                ("menu" | "choice" | "if", _) => {
                    let (end, condition) = match word {
                        "menu" => (ends[0], ""),
                        "choice" => (ends[1], ""),
                        _ => (ends[2], rest),
                    };
                    open.push(Scope {
                        end,
                        condition: condition.to_owned(),
                        defaults: Vec::new(),
                        empty: true,
                    });
                    if open.len() > DEEPEST {
                        let what = format!("more than {DEEPEST} nested menus; simplify them");
                        return Err(Fault::at(at, what));
                    }
                    (name, begun) = (None, word != "if");
                    continue;
                }
                (word, _) if ends.contains(&word) => {
                    if open.pop().is_none_or(|scope| scope.end != word) {
                        let what = format!("unmatched {word}; repair the file");
                        return Err(Fault::at(at, what));
                    }
                    name = None;
                }
                ("comment", _) => name = None,
                ("help" | "---help---", _) => help = Some(0),
                ("depends", None) if begun => {
                    // Conditions that are too long are reported at the symbol.
                    if let Some(scope) =
                        open.last_mut().filter(|scope| scope.condition.len() <= LONGEST)
                    {
                        scope.condition =
                            all([scope.condition.clone(), on(rest)]).unwrap_or_default();
                    }
                    continue;
                }
                ("default", None) if begun => {
                    open.last_mut()
                        .into_iter()
                        .for_each(|scope| scope.defaults.push((value.clone(), when.clone())));
                    continue;
                }
                ("select", Some(name)) => {
                    self.0.entry(value).or_default().selected.push((name.clone(), when));
                }
                (_, Some(name)) => {
                    let Some(block) =
                        self.0.get_mut(name).and_then(|symbol| symbol.blocks.last_mut())
                    else {
                        continue;
                    };
                    match word {
                        "bool" | "tristate" | "prompt" if !value.is_empty() => {
                            block.prompt = Some(value)
                        }
                        "def_bool" | "def_tristate" | "default" => {
                            block.defaults.push((value, when))
                        }
                        "depends" => block.depends.push(on(rest)),
                        _ => {}
                    }
                }
                _ => {}
            }
            begun &= name.is_none() && word != "comment";
        }
        match open.last() {
            Some(Scope { end, .. }) => Err(Fault::whole(format!("has no {end}: {CUT_OFF}"))),
            None => Ok(()),
        }
    }
}

/// The condition of `depends on A`.
fn on(rest: &str) -> String {
    rest.strip_prefix("on").unwrap_or(rest).trim().to_owned()
}

/// An architecture of a kernel tree.
pub(in crate::import) struct Architecture<'g> {
    /// The symbols of the files outside `arch`.
    generic: &'g Symbols,
    own: Symbols,
    /// `__ARCH_WANT_…` and other macros of its headers, and each condition under which one is
    /// defined.
    macros: BTreeMap<String, Vec<Option<String>>>,
}

/// Whether a file of this name declares symbols.
pub(super) fn is_kconfig(name: &str) -> bool {
    name.starts_with("Kconfig")
}

/// A kernel: an architecture and a word size. A 64-bit kernel also runs 32-bit programs where it
/// can.
pub(in crate::import) struct Kernel<'a> {
    architecture: &'a Architecture<'a>,
    /// The symbols that any architecture declares.
    declared: &'a BTreeSet<&'a str>,
    wide: bool,
    /// The configuration uses the defaults of Kconfig.
    usual: bool,
    known: HashMap<String, Truth>,
    /// The depth of the current evaluation of symbols.
    depth: usize,
}

/// Dependencies between symbols are followed up to this depth.
const DEEPEST: usize = 100;

impl<'g> Architecture<'g> {
    /// An architecture without a directory has no own symbols.
    pub(in crate::import) fn read(
        tree: &Tree<'_>,
        arch: &str,
        generic: &'g Symbols,
    ) -> Result<Architecture<'g>, Error> {
        let Tree { source, findings, .. } = tree;
        let mut found = Architecture { generic, own: Symbols::default(), macros: BTreeMap::new() };
        if !source.is_directory(&format!("arch/{arch}")) {
            return Ok(found);
        }
        let directory = format!("arch/{arch}/");
        let mut kconfigs = vec!["arch/Kconfig".to_owned(), format!("{directory}Kconfig")];
        let mut known = BTreeSet::new();
        let mut at = 0;
        while let Some(file) = kconfigs.get(at).cloned() {
            let before = found.own.0.len();
            for sourced in found.own.file(tree, &file)? {
                let sourced = sourced.replace("$(SRCARCH)", arch);
                // A source package may omit some drivers.
                let there = sourced.starts_with(&directory) && source.exists(&sourced);
                if there && known.insert(sourced.clone()) {
                    kconfigs.push(sourced);
                }
            }
            // The two files that source the others.
            if at < 2 && found.own.0.len() == before {
                let error = source.incomplete(&file, Doubt::Missing, "declares no symbol");
                findings.judge(Kind::Kconfig, error)?;
            }
            at += 1;
        }
        let places = places(arch);
        let own = places[..OWN].iter().map(|place| format!("{place}/unistd.h"));
        let mut headers: Vec<(String, Option<String>)> =
            own.filter(|path| source.is_file(path)).map(|path| (path, None)).collect();
        let mut at = 0;
        while let Some((path, when)) = headers.get(at).cloned() {
            at += 1;
            let text = findings.accept(Kind::Code, findings.whole(source, &path))?;
            let included = match found.header(&text.unwrap_or_default(), when.as_deref()) {
                Ok(included) => included,
                Err(fault) => {
                    findings.judge(Kind::Code, source.fault(&path, fault))?;
                    continue;
                }
            };
            let beside = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            for (name, when) in included {
                let Some(path) = resolve(source, &places, beside, &name) else { continue };
                if headers.iter().all(|(known, _)| *known != path) {
                    headers.push((path, when));
                }
            }
        }
        Ok(found)
    }

    /// Whether a kernel of 32 bits can be configured.
    pub(in crate::import) fn can_be_narrow(&self) -> bool {
        let always = |block: &Block| {
            block.prompt.is_none()
                && block.defaults.iter().any(|(value, when)| value == "y" && when == "y")
        };
        !self.own.0.get("64BIT").is_some_and(|symbol| symbol.blocks.iter().any(always))
    }

    /// Whether a kernel of 64 bits can be configured.
    pub(in crate::import) fn can_be_wide(&self) -> bool {
        self.own.declares("64BIT")
    }

    /// Whether a kernel of 64 bits can run programs of 32.
    pub(in crate::import) fn has_compat(&self) -> bool {
        self.own.declares("COMPAT")
    }

    /// The symbols that its own files declare.
    pub(in crate::import) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.own.0.keys().map(String::as_str).filter(|name| self.own.declares(name))
    }

    /// Whether a file that this architecture's configuration is made of declares the symbol.
    pub(in crate::import) fn declares(&self, name: &str) -> bool {
        self.own.declares(name) || self.generic.declares(name)
    }

    /// Reads the macros of a header that is included under a condition. Returns the headers of
    /// numbers that it includes itself, as it spells them, each with its condition.
    fn header(
        &mut self,
        text: &str,
        within: Option<&str>,
    ) -> Result<Vec<(String, Option<String>)>, Fault> {
        let (mut conditions, mut guarded) = (Conditions::default(), false);
        let mut included = Vec::new();
        let both = |when: Option<String>| {
            all([within.unwrap_or_default().to_owned(), when.unwrap_or_default()])
        };
        let spliced = splice(text);
        // The name of a quoted header is a string, which is blank in the other text.
        for ((line, text), whole) in (1..).zip(blank(&spliced).lines()).zip(spliced.lines()) {
            let Some(directive) = text.trim_start().strip_prefix('#') else { continue };
            if let Err(what) = conditions.apply(directive) {
                // The guard's own end.
                if guarded && directive.trim_start().starts_with("endif") {
                    break;
                }
                return Err(Fault::at(line, what));
            }
            if directive.trim_start().starts_with("include") {
                let name = whole.split_once("include").map_or("", |(_, name)| name.trim());
                if name.contains("unistd") {
                    let when = conditions.and("").map_err(|what| Fault::at(line, what))?;
                    included.push((name.to_owned(), both(when)));
                }
                continue;
            }
            let mut words = directive.split_whitespace();
            if let (Some("define"), Some(name)) = (words.next(), words.next()) {
                let when = conditions.and("").map_err(|what| Fault::at(line, what))?;
                // An include guard is ignored: the header is read once.
                if when.as_deref() != Some(&format!("!{name}")) {
                    self.macros.entry(name.to_owned()).or_default().push(both(when));
                    continue;
                }
                conditions = Conditions::default();
                guarded = true;
            }
        }
        Ok(included)
    }
}

/// The directories that the headers of an architecture are in: its own, then the shared ones.
fn places(arch: &str) -> [String; 5] {
    [
        format!("arch/{arch}/include/asm"),
        format!("arch/{arch}/include/uapi/asm"),
        // Before Linux 2.6.28.
        format!("include/asm-{arch}"),
        "include/asm-generic".to_owned(),
        "include/uapi/asm-generic".to_owned(),
    ]
}

/// How many of the [`places`] are the architecture's own.
const OWN: usize = 3;

/// The file that an `#include` names, if the tree has it: a quoted one is beside the header.
fn resolve(source: &Source, places: &[String], beside: &str, name: &str) -> Option<String> {
    if let Some(name) = name.strip_prefix('"') {
        let path = format!("{beside}/{}", name.split('"').next()?);
        return Some(path).filter(|path| source.is_file(path));
    }
    let (place, file) = name.trim_matches(['<', '>']).rsplit_once('/')?;
    let fits = |directory: &&String| {
        let generic = directory.ends_with("asm-generic");
        let uapi = directory.contains("include/uapi/");
        match place {
            // A build makes those that an architecture does not have out of the shared ones.
            "asm" => true,
            "uapi/asm" => generic || uapi,
            "asm-generic" => generic,
            "uapi/asm-generic" => generic && uapi,
            _ => false,
        }
    };
    let mut paths = places.iter().filter(fits).map(|directory| format!("{directory}/{file}"));
    paths.find(|path| source.is_file(path))
}

impl<'a> Kernel<'a> {
    /// `declared` are the symbols of all architectures.
    pub(in crate::import) fn new(
        architecture: &'a Architecture<'a>,
        declared: &'a BTreeSet<&'a str>,
        wide: bool,
        usual: bool,
    ) -> Kernel<'a> {
        Kernel { architecture, declared, wide, usual, known: HashMap::new(), depth: 0 }
    }

    /// Whether a preprocessor condition is true in this kernel; an empty one is.
    pub(in crate::import) fn holds(&mut self, condition: &str) -> Truth {
        if condition.is_empty() {
            return Some(true);
        }
        evaluate(condition, &mut |name| self.macro_value(name))
    }

    fn macro_value(&mut self, name: &str) -> Truth {
        if let Some(symbol) = name.strip_prefix("CONFIG_") {
            return self.symbol(symbol);
        }
        if let Some(bits) = name.trim_start_matches('_').strip_prefix("BITS_PER_LONG == ") {
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
            "COMPAT" => return Some(self.wide && self.architecture.has_compat()),
            // A number, a comparison, or not a module.
            _ if !name.chars().all(is_word)
                || name.starts_with(|c: char| c.is_ascii_digit())
                || name == "m" =>
            {
                return None;
            }
            _ => {}
        }
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        // A symbol of another architecture cannot be set here; one of a driver may be.
        if !self.architecture.declares(name) {
            return if self.declared.contains(name) { Some(false) } else { None };
        }
        let architecture = self.architecture;
        let said = || {
            [&architecture.own, architecture.generic]
                .into_iter()
                .filter_map(|symbols| symbols.0.get(name))
        };
        let blocks = || said().flat_map(|symbol| &symbol.blocks);
        for prompt in blocks().filter_map(|block| block.prompt.as_deref()) {
            match prompt {
                "\"64-bit kernel\"" => return Some(self.wide),
                "\"32-bit kernel\"" => return Some(!self.wide),
                _ => {}
            }
        }
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        // A symbol that depends on itself is not set by that.
        self.known.insert(name.to_owned(), Some(false));
        let mut value = Some(false);
        for block in blocks() {
            let chosen = block.prompt.is_some() && !self.usual;
            let mut set = if chosen { None } else { self.default(block) };
            for condition in &block.depends {
                set = and(set, self.expression(condition));
            }
            value = or(value, set);
        }
        for (by, when) in said().flat_map(|symbol| &symbol.selected) {
            let selects = and(self.symbol(by), self.expression(when));
            value = or(value, selects);
        }
        self.depth -= 1;
        self.known.insert(name.to_owned(), value);
        value
    }

    fn default(&mut self, block: &Block) -> Truth {
        let mut earlier = Some(false);
        let mut value = Some(false);
        for (text, when) in &block.defaults {
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

    fn symbols(text: &str) -> Symbols {
        let mut symbols = Symbols::default();
        symbols.parse(text, &mut Vec::new()).unwrap();
        symbols
    }

    /// A file can nest more deeply than the stack allows.
    #[test]
    fn symbols_that_need_each_other_without_end_are_not_known() {
        let chain: String =
            (0..100_000).map(|at| format!("config A{at}\n def_bool A{}\n", at + 1)).collect();
        let generic = symbols(&(chain + "config A100000\n def_bool y\n"));
        let mut architecture =
            Architecture { generic: &generic, own: Symbols::default(), macros: BTreeMap::new() };
        let macros: String =
            (0..100_000).map(|at| format!("#if M{}\n#define M{at}\n#endif\n", at + 1)).collect();
        architecture.header(&(macros + "#define M100000\n"), None).unwrap();
        let declared = BTreeSet::new();
        let mut kernel = Kernel::new(&architecture, &declared, true, false);
        assert_eq!((kernel.holds("CONFIG_A0"), kernel.holds("M0")), (None, None));
        assert_eq!(
            (kernel.holds("CONFIG_A99950"), kernel.holds("M99950")),
            (Some(true), Some(true))
        );
    }

    #[test]
    fn a_kernel_depends_on_its_word_size() {
        let mut own = Symbols::default();
        let mut sources = Vec::new();
        let parsed = own.parse(
            "config CHOSEN\n\tbool \"a choice\"\n\thelp\n\t  config NOT\n\n\t  select NOT\n\
             config 64BIT\n\tbool \"64-bit kernel\"\n\
             config A32\n\tdef_bool y\n\tdepends on !64BIT\n\tselect BACKWARDS # why\n\
             \tselect MAYBE\t\tif CHOSEN\n\
             config BACKWARDS\n\tbool\nconfig MAYBE\n\tbool\nconfig COMPAT\n\tbool \"x\"\n\
             \tselect UNDECLARED\n\
             config EMPTY\n\thelp\n\
             config SELF\n\tdef_bool SELF\nsource \"arch/a/Kconfig.cpu\"\nconfig TWICE\n\
             \tdef_bool y\n\tdepends on 64BIT\n\
             config TWICE\n\tdef_bool y\n\tdepends on !64BIT\n",
            &mut sources,
        );
        assert_eq!((parsed, sources), (Ok(()), vec!["arch/a/Kconfig.cpu".to_owned()]));
        let generic = symbols(
            "menu \"of wide kernels\"\n\tdepends on 64BIT\n\tdepends on !SELF\ncomment \"c\"\n\
             \tdepends on SELF\n\
             config WIDE\n\tbool \"w\"\nif A32\nconfig NEVER\n\tdef_bool y\nendif # A32\nendmenu\n\
             choice\n\tprompt \"one of them\"\n\tdepends on BACKWARDS\nconfig ONE\n\
             \tbool \"one\"\nendchoice\n\
             config USER\n\tdef_bool y\n\tdepends on BACKWARDS && SIZE != 4\nconfig SIZE\n\
             \tint \"size\"\n",
        );
        let mut architecture = Architecture { generic: &generic, own, macros: BTreeMap::new() };
        architecture
            .header(
                "#ifndef _ASM_H\n#define _ASM_H\n#ifdef CONFIG_64BIT\n# define __ARCH_WANT_OLD\n\
                 #endif\n#define \
                 __ARCH_WANT_NEW\n#endif\n",
                None,
            )
            .unwrap();
        let declared = BTreeSet::from(["FOREIGN"]);
        let mut narrow = Kernel::new(&architecture, &declared, false, false);
        let mut wide = Kernel::new(&architecture, &declared, true, false);
        for (condition, in_narrow, in_wide) in [
            ("CONFIG_A32", Some(true), Some(false)),
            ("!CONFIG_BACKWARDS", Some(false), Some(true)),
            ("CONFIG_MAYBE", None, Some(false)),
            ("CONFIG_CHOSEN", None, None),
            ("CONFIG_FOREIGN", Some(false), Some(false)),
            // Files that are not read may declare these.
            ("CONFIG_NOT", None, None),
            ("CONFIG_UNDECLARED", None, None),
            ("CONFIG_TWICE", Some(true), Some(true)),
            ("CONFIG_WIDE", Some(false), None),
            ("CONFIG_NEVER", Some(false), Some(false)),
            ("CONFIG_ONE", None, Some(false)),
            ("CONFIG_USER", None, Some(false)),
            ("CONFIG_COMPAT && BITS_PER_LONG == 64", Some(false), Some(true)),
            ("__ARCH_WANT_OLD", Some(false), Some(true)),
            ("__ARCH_WANT_NEW && !__ARCH_WANT_NONE", Some(true), Some(true)),
            ("CONFIG_SELF", Some(false), Some(false)),
        ] {
            assert_eq!(
                (narrow.holds(condition), wide.holds(condition)),
                (in_narrow, in_wide),
                "{condition}"
            );
        }
    }

    /// A choice may be left open.
    #[test]
    fn the_usual_kernel_has_kconfig_defaults() {
        let generic = symbols(
            "config A\n\tbool \"a\" if EXPERT\n\tdefault y\nconfig B\n\tbool \"b\"\n\
             choice\n\tprompt \"c\"\n\tdefault C2 if A\nconfig C1\n\tbool \"1\"\nconfig C2\n\
             \tbool \"2\"\n\tselect S\nendchoice\n\
             choice\n\tprompt \"d\"\nconfig D1\n\tbool \"1\"\nconfig D2\n\tbool \"2\"\nendchoice\n\
             config S\n\tbool\n",
        );
        let architecture =
            Architecture { generic: &generic, own: Symbols::default(), macros: BTreeMap::new() };
        let declared = BTreeSet::new();
        let (mut any, mut usual) = (
            Kernel::new(&architecture, &declared, true, false),
            Kernel::new(&architecture, &declared, true, true),
        );
        for (symbol, value) in [
            ("A", true),
            ("B", false),
            ("C1", false),
            ("C2", true),
            ("D1", true),
            ("D2", false),
            ("S", true),
        ] {
            let condition = format!("CONFIG_{symbol}");
            assert_eq!(
                (any.holds(&condition), usual.holds(&condition)),
                (None, Some(value)),
                "{symbol}"
            );
        }
    }

    #[test]
    fn truncated_and_unclosed_files_are_refused() {
        let refused = |text: &str| Symbols::default().parse(text, &mut Vec::new()).err().unwrap();
        assert_eq!(
            refused("menu \"m\"\nconfig A\n\tbool\n"),
            Fault::whole("has no endmenu: it was cut off; fetch the tree again")
        );
        assert_eq!(
            refused("if A\n"),
            Fault::whole("has no endif: it was cut off; fetch the tree again")
        );
        assert_eq!(
            refused("menu \"m\"\nendif\n"),
            Fault::at(2, "unmatched endif; repair the file")
        );
        assert!(refused(&"if A\n".repeat(1000)).what.contains("more than 100 nested menus"));
        let long = format!("if {}\nconfig A\nendif\n", "A && ".repeat(1000));
        assert_eq!(refused(&long).line, Some(2));
        assert!(
            refused(
                &("menu \"m\"\n".to_owned()
                    + &"depends on A || B\ndepends on C\n".repeat(9999)
                    + "config D\n")
            )
            .line
                > Some(2)
        );
    }
}
