//! Entry points that are defined in assembly: an architecture's `.S` files, and C macros that
//! generate stubs.

use super::c::text::{LONGEST, is_word, parentheses};
use super::findings::Kind;
use super::tbl::is_symbol;
use super::tree::Tree;
use crate::Error;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A symbol that assembly defines.
pub(super) struct Stub {
    pub(super) source: String,
    pub(super) line: u32,
    /// Its body, up to the next symbol.
    body: String,
}

impl Stub {
    /// The C function to which the stub passes the call's arguments: that of the call's own name,
    /// or ARM's `mmap2`, which is `mmap_pgoff` for pages of 4 KiB.
    pub(super) fn passes_to(&self, entry: &str, call: &str) -> Option<String> {
        if self.body.lines().any(moves_argument) {
            return None;
        }
        let own = format!("sys_{call}");
        let other = if call == "mmap2" { "sys_mmap_pgoff" } else { &own };
        let mut words = self.body.split(|c| !is_word(c)).filter(|word| *word != entry);
        words.find(|word| *word == own || *word == other).map(str::to_owned)
    }
}

/// Whether a line of x86's assembly gives an argument another place: up to Linux 4.16, its
/// `stub32_clone` swaps two, or drops one.
fn moves_argument(line: &str) -> bool {
    const ARGUMENTS: [&str; 6] = ["%rdi", "%rsi", "%rdx", "%rcx", "%r8", "%r9"];
    let (instruction, operands) = line.split_once([' ', '\t']).unwrap_or_default();
    let Some((from, to)) = operands.split_once(',') else { return false };
    let is_argument = |operand: &str| ARGUMENTS.contains(&operand.trim());
    ["mov", "movq", "xchg"].contains(&instruction) && is_argument(from) && is_argument(to)
}

/// C macros that generate an assembly stub of a function: the macro, and the prefix of the stub's
/// name. `arch/mips/include/asm/sim.h`.
const STUBS: &[(&str, &str)] = &[("save_static_function", "__")];

/// Where an architecture's assembly defines which of the symbols.
pub(super) fn stubs(
    tree: &Tree<'_>,
    arch: &str,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Stub>, Error> {
    let Tree { source, findings, .. } = tree;
    let mut found = BTreeMap::new();
    let directories =
        ["kernel", "entry", "ia32"].map(|directory| format!("arch/{arch}/{directory}"));
    let named = |name: &str| name.ends_with(".S") || name.ends_with(".c");
    for file in source.walk(directories, |_| true, named, findings.unlisted())? {
        let text = findings.whole(source, &file);
        let Some(text) = findings.accept(Kind::Code, text)? else { continue };
        let symbols =
            if file.ends_with(".S") { labels(&text, wanted) } else { macro_symbols(&text) };
        for (line, symbol, body) in
            symbols.into_iter().filter(|(_, symbol, _)| wanted.contains(symbol.as_str()))
        {
            found.entry(symbol).or_insert(Stub { source: file.clone(), line, body });
        }
    }
    Ok(found)
}

/// The symbols that a C file generates with the macros of [`STUBS`], with line and body.
fn macro_symbols(text: &str) -> Vec<(u32, String, String)> {
    let mut found = Vec::new();
    if STUBS.iter().any(|(name, _)| text.contains(name)) {
        for (line, text) in (1..).zip(text.lines()) {
            for (name, prefix) in STUBS {
                if let Some((symbol, _)) =
                    text.trim_start().strip_prefix(name).and_then(parentheses)
                {
                    let symbol = symbol.trim();
                    found.push((line, format!("{prefix}{symbol}"), symbol.to_owned()));
                }
            }
        }
    }
    found
}

/// A `.macro` or a `#define` of an assembler file; in its labels and its body a lone backslash
/// stands for the parameter.
#[derive(Default)]
struct Macro {
    parameter: String,
    labels: Vec<String>,
    body: String,
}

/// A macro that defines more symbols does not generate entry points.
const MOST_LABELS: usize = 16;

/// The wanted labels of an assembler file, the first of each, with line and body: `name:`,
/// `ENTRY(name)` and their like, and those that a `.macro` or a `#define` with one parameter
/// generates from its argument. A body is at most as long as a stub can be.
fn labels(text: &str, wanted: &BTreeSet<&str>) -> Vec<(u32, String, String)> {
    let mut found: Vec<(u32, String, String)> = Vec::new();
    let mut macros: HashMap<&str, Macro> = HashMap::new();
    // The macro that contains the line, and the label before the line, if it is wanted.
    let (mut inside, mut behind) = (None, false);
    // Whether that macro is a `#define`, whose last line is the first without a backslash.
    let mut continued = false;
    let mut seen = BTreeSet::new();
    let mut first = |name: &str| wanted.contains(name) && seen.insert(name.to_owned());
    let add = |body: &mut String, text: &str| {
        if body.len() + text.len() < LONGEST {
            *body += text;
            body.push('\n');
        }
    };
    for (line, text) in (1..).zip(text.lines()) {
        let (text, ends) = match text.trim().strip_suffix('\\') {
            Some(text) => (text.trim_end(), false),
            None => (text.trim(), true),
        };
        if let Some((name, parameter)) = defined(text).filter(|_| inside.is_none() && !ends) {
            let variant = if macros.contains_key(name) { "" } else { name };
            (inside, continued) = (Some(variant), true);
            let parameter = format!("##{parameter}");
            macros.entry(name).or_insert_with(|| Macro { parameter, ..Macro::default() });
            continue;
        }
        let mut words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        let word = words.next().unwrap_or_default();
        match word {
            _ if continued => {}
            "" => continue,
            ".macro" => {
                let (name, parameter) =
                    (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                // The first of the variants of an #if.
                let variant = if macros.contains_key(name) { "" } else { name };
                inside = Some(variant).filter(|_| !text.ends_with(".endm"));
                let parameter = format!("\\{parameter}");
                macros.entry(name).or_insert_with(|| Macro { parameter, ..Macro::default() });
                continue;
            }
            ".endm" => {
                inside = None;
                continue;
            }
            _ => {}
        }
        if let Some(name) = inside {
            if continued && ends {
                (inside, continued) = (None, false);
            }
            let Some(within) = macros.get_mut(name).filter(|_| !name.is_empty()) else { continue };
            let parameter = &within.parameter;
            let text = text.replace(&format!("{parameter}\\()"), "\\").replace(parameter, "\\");
            within.labels.extend(label(&text).map(str::to_owned));
            within.labels.truncate(MOST_LABELS);
            add(&mut within.body, &text);
        } else if let Some(label) = label(text) {
            behind = first(label);
            found.extend(behind.then(|| (line, label.to_owned(), String::new())));
        } else if let Some((used, argument)) = used(&macros, text) {
            behind &= used.labels.is_empty();
            let filled = |text: &String| text.replace('\\', argument);
            let made = used.labels.iter().map(filled).filter(|name| first(name));
            found.extend(made.map(|name| (line, name, filled(&used.body))));
        } else if let Some((_, _, body)) = found.last_mut().filter(|_| behind) {
            add(body, text);
        }
    }
    found
}

/// The name and the parameter of a `#define` with one.
fn defined(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("#define")?.trim_start().split_once('(')?;
    let (parameter, _) = rest.split_once(')')?;
    let parameter = parameter.trim();
    (name.chars().all(is_word) && is_symbol(parameter)).then_some((name, parameter))
}

/// The macro that a line uses, `NAME ARGUMENT` or `NAME(ARGUMENT)`, and its first argument.
fn used<'m, 't>(macros: &'m HashMap<&str, Macro>, text: &'t str) -> Option<(&'m Macro, &'t str)> {
    let mut words = text.split([' ', '\t', ',', '(', ')']).filter(|word| !word.is_empty());
    macros.get(words.next()?).zip(words.next().filter(|name| is_symbol(name)))
}

/// The symbol that a line of assembly defines.
fn label(text: &str) -> Option<&str> {
    let named = |name: &str| {
        name.chars().all(|c| is_word(c) || c == '\\')
            && name.starts_with(|c: char| !c.is_ascii_digit())
    };
    let macro_like = |text: &str| text.split('(').next().is_some_and(|word| word.contains("ENTRY"));
    if let Some((name, _)) =
        text.split_once(':').filter(|(name, _)| named(name) && !macro_like(name))
    {
        return Some(name);
    }
    let Some((word, rest)) = text.split_once('(') else {
        // `ARC_ENTRY name`.
        let (word, name) = text.split_once([' ', '\t'])?;
        let opens = word.ends_with("ENTRY") && word.chars().all(is_word);
        return opens.then_some(name.trim()).filter(|name| named(name));
    };
    let opens =
        ["ENTRY", "START", "LEAF", "NESTED", "GLOBAL"].iter().any(|part| word.contains(part))
            && !word.contains("END");
    let name = rest[..rest.rfind(')')?].split(',').next()?.trim();
    (opens && word.chars().all(is_word)).then_some(name).filter(|name| named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assembler_defines_symbols() {
        let text = "\t.globl a\na:\n\tb c:\n1:\tb sys_x\nENTRY(sys_a)\nEND(sys_a)\n\
            SYM_FUNC_START(sys_b)\nLEAF(sys_c) # why\n\
                    NESTED(sys_d, PT_SIZE, sp)\nC_ENTRY(sys_e):\n.macro fork_like name\n\
                    ENTRY_CFI(sys_\\name\\()_wrapper)\n\
                    alpha_\\name:\njsr sys_\\name\n.endm\nfork_like clone\n\tfork_like fork, 2\n\
                    ARC_ENTRY sys_f\nARC_EXIT sys_g\n\
                    #define PTREGSCALL0(name) \\\nENTRY(ptregs_##name) ;  \\\n\
                    \tleal 4(%esp),%eax; \\\n\
                    \tjmp sys_##name; \\\nENDPROC(ptregs_##name)\n\nPTREGSCALL0(iopl)\n\
                    PTREGSCALL1(vm86)\n#define SHORT(name) ENTRY(sys_g)\nENTRY(sys_h)\n";
        let wanted = BTreeSet::from([
            "a",
            "sys_a",
            "sys_b",
            "sys_c",
            "sys_d",
            "sys_e",
            "sys_clone_wrapper",
            "alpha_clone",
            "sys_fork_wrapper",
            "alpha_fork",
            "sys_f",
            "sys_g",
            "sys_h",
            "ptregs_iopl",
            "ptregs_vm86",
        ]);
        let found: Vec<_> = labels(text, &wanted)
            .into_iter()
            .map(|(line, name, _)| format!("{line} {name}"))
            .collect();
        assert_eq!(
            found,
            [
                "2 a",
                "5 sys_a",
                "7 sys_b",
                "8 sys_c",
                "9 sys_d",
                "10 sys_e",
                "16 sys_clone_wrapper",
                "16 alpha_clone",
                "17 sys_fork_wrapper",
                "17 alpha_fork",
                "18 sys_f",
                "26 ptregs_iopl",
                "29 sys_h"
            ]
        );
        let passes = |symbol: &str, call: &str| {
            let stub =
                labels(text, &wanted).into_iter().find(|(_, name, _)| name == symbol).unwrap();
            Stub { source: String::new(), line: stub.0, body: stub.2 }.passes_to(symbol, call)
        };
        assert_eq!(passes("alpha_clone", "clone").as_deref(), Some("sys_clone"));
        assert_eq!(passes("a", "x").as_deref(), Some("sys_x"));
        assert_eq!(passes("ptregs_iopl", "iopl").as_deref(), Some("sys_iopl"));
        assert_eq!(passes("sys_b", "x"), None, "another stub calls it");
        for (line, passed) in [
            ("xchg\t%r8, %rcx", false),
            ("mov %r8, %rcx", false),
            ("movq %rsp, %rdi", true),
            ("leaq 8(%rsp), %r8", true),
        ] {
            let body = format!("\t/* why */\n{line}\njmp sys_clone\n");
            let stub = Stub { source: String::new(), line: 1, body };
            assert_eq!(stub.passes_to("stub32_clone", "clone").is_some(), passed, "{line}");
        }
        let made = macro_symbols("save_static_function(sys_fork);\nsave(sys_x);");
        assert_eq!(made, [(1, "__sys_fork".to_owned(), "sys_fork".to_owned())]);
    }

    /// The macros of an 8 MiB file can expand to more bytes than the memory has.
    #[test]
    fn hostile_assembly() {
        let body = "\tcall sys_\\name\n".repeat(50_000);
        let macros = format!(
            ".macro stub name\nsys_\\name:\nsame:\n{}{body}.endm\n",
            "other:\n".repeat(1000)
        );
        let uses: String = (0..100_000).map(|at| format!("stub a{}\n", at % 500)).collect();
        let names: Vec<String> = (0..500).map(|at| format!("sys_a{at}")).collect();
        let wanted = names.iter().map(String::as_str).chain(["same"]).collect();
        let found = labels(&(macros + &uses), &wanted);
        assert_eq!(found.len(), 501);
        assert!(found.iter().all(|(_, _, body)| body.len() < 2 * LONGEST));
        let one = ".macro one-line x; nop; .endm\na:\nmacro\nsys_a500:\nsys_a1:\n";
        assert_eq!(labels(one, &wanted), [(5, "sys_a1".to_owned(), String::new())]);
    }
}
