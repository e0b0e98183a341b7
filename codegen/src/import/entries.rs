//! Each entry point of the tables and what is known of it: which definition is for which ABI, when the kernel may lack it,
//! and what it is where no C definition gives it arguments.

use super::kbuild::Kbuild;
use super::kconfig::{self, Architecture, Kernel};
use super::prototypes::{self, all, blank, is_word, parentheses, tokens};
use crate::Error;
use crate::files;
use crate::tables::{Abi, Absent, Bare, KernelTable, Pairs, Prototype, TableSource, Tables, Why};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// An entry point that an ABI's calls end in, and the kernels where they do: of 64 bits or not, the first that has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Use<'a> {
    entry: &'a str,
    abi: &'a str,
    arch: &'a str,
    wide: &'static [bool],
}

/// What the kernel answers itself where there is no call.
const NONE: &str = "sys_ni_syscall";

/// Every entry point of the tables, and those that absent calls would have ended in.
fn uses<'a>(
    facts: &'a Tables,
    absent: &'a [Absent],
    read: &'a [(&TableSource, KernelTable)],
    architectures: &BTreeMap<&str, Architecture>,
) -> BTreeSet<Use<'a>> {
    let mut uses = BTreeSet::new();
    for abi in &facts.abis {
        let Some((_, table)) = read.iter().find(|(source, _)| source.name == abi.table) else { continue };
        let calls = abi.calls(table);
        let architecture = architectures.get(abi.arch.as_str());
        let narrow_kernel = architecture.is_none_or(Architecture::can_be_narrow);
        // Registers of 64 bits, or native entry points that are made for narrower programs, mean a wide kernel.
        let narrowed = || calls.iter().any(|call| call.entry.is_some_and(|entry| entry.starts_with("compat_sys_")));
        let wide = abi.bits == 64 || abi.pairs == Pairs::Whole || !narrow_kernel || narrowed();
        let own: &[bool] = if wide { &[true] } else { &[false] };
        // The compat column is for narrow programs on a wide kernel, if it takes them.
        let compat = abi.bits == 32 && architecture.is_some_and(Architecture::has_compat);
        let Abi { name: abi, arch, .. } = abi;
        for call in &calls {
            let second = call.compat.filter(|_| compat);
            let first = call.entry.filter(|_| narrow_kernel || second.is_none());
            let wide: &[bool] = if !wide && compat && second.is_none() { &[false, true] } else { own };
            uses.extend(first.map(|entry| Use { entry, abi, arch, wide }));
            uses.extend(second.map(|entry| Use { entry, abi, arch, wide: &[true] }));
        }
        let absent = absent.iter().filter(|absent| absent.abis.contains(abi));
        uses.extend(absent.map(|absent| Use { entry: &absent.entry, abi, arch, wide: own }));
    }
    uses.retain(|used| used.entry != NONE);
    uses
}

/// The prototypes of the tables' entry points, and the entry points without one.
pub(super) fn join(
    root: &Path,
    facts: &Tables,
    read: &[(&TableSource, KernelTable)],
) -> Result<(Vec<Prototype>, Vec<Bare>), Error> {
    let absent = facts.absent()?;
    let mut architectures: BTreeMap<&str, Architecture> = BTreeMap::new();
    let selects = kconfig::selects(root)?;
    for abi in &facts.abis {
        if !architectures.contains_key(abi.arch.as_str()) {
            architectures.insert(&abi.arch, Architecture::read(root, &abi.arch, &selects)?);
        }
    }
    let uses = uses(facts, &absent, read, &architectures);
    let entries: BTreeSet<&str> = uses.iter().map(|used| used.entry).collect();
    let mut found = prototypes::scan(root)?;
    found.retain(|found| entries.contains(found.entry.as_str()));
    let mut definitions: BTreeMap<&str, Vec<&prototypes::Prototype>> = BTreeMap::new();
    for definition in &found {
        definitions.entry(&definition.entry).or_default().push(definition);
    }

    let mut kbuild = Kbuild::new(root);
    let mut kernels: BTreeMap<(&str, bool), Kernel<'_>> = BTreeMap::new();
    for (arch, architecture) in &architectures {
        for wide in [false, true] {
            kernels.insert((arch, wide), Kernel::new(architecture, wide));
        }
    }

    // Source and line of a definition, and the ABIs that it is for.
    let mut takers: BTreeMap<(&str, &str, usize), BTreeSet<&str>> = BTreeMap::new();
    let mut lacking: Vec<Use<'_>> = Vec::new();
    for used in &uses {
        let all = definitions.get(used.entry).map(Vec::as_slice).unwrap_or_default();
        let mut chosen = Vec::new();
        for wide in used.wide {
            let Some(kernel) = kernels.get_mut(&(used.arch, *wide)) else { continue };
            if chosen.is_empty() {
                chosen = choice(all, used.arch, kernel, &mut kbuild)?;
            }
        }
        if chosen.is_empty() {
            lacking.push(*used);
        }
        for definition in chosen {
            takers.entry((used.entry, &definition.source, definition.line)).or_default().insert(used.abi);
        }
    }

    let missing = may_be_missing(root)?;
    let mut variants: BTreeMap<&str, usize> = BTreeMap::new();
    for (entry, ..) in takers.keys() {
        *variants.entry(entry).or_default() += 1;
    }
    let mut joined = Vec::new();
    for definition in &found {
        let key = (definition.entry.as_str(), definition.source.as_str(), definition.line);
        let Some(abis) = takers.get(&key) else { continue };
        let rivals = variants.get(definition.entry.as_str()).is_some_and(|count| *count > 1);
        let optional = match missing.contains_key(&definition.entry) {
            false => None,
            true => {
                let built = kbuild.condition(&definition.source)?;
                let when = all([built, definition.condition.clone()].into_iter().flatten());
                Some(when.unwrap_or_else(|| Prototype::UNKNOWN.to_owned()))
            }
        };
        let in_order = facts.abis.iter().map(|abi| abi.name.as_str()).filter(|name| abis.contains(name));
        joined.push(Prototype {
            entry: definition.entry.clone(),
            args: definition.args.clone(),
            abis: rivals.then(|| in_order.map(str::to_owned).collect()),
            source: definition.source.clone(),
            line: definition.line as u32,
            condition: definition.condition.clone(),
            optional,
        });
    }
    Ok((joined, bare(root, facts, &lacking, &missing)?))
}

/// The definitions that a kernel of the architecture can have: those that it surely has, or else those that it may have;
/// the architecture's own before others.
fn choice<'d>(
    definitions: &[&'d prototypes::Prototype],
    arch: &str,
    kernel: &mut Kernel<'_>,
    kbuild: &mut Kbuild<'_>,
) -> Result<Vec<&'d prototypes::Prototype>, Error> {
    let own = format!("arch/{arch}/");
    let mut candidates = Vec::new();
    for definition in definitions {
        let source = definition.source.as_str();
        // User-mode Linux lives in arch/x86 too.
        if source.starts_with("arch/") && !source.starts_with(&own) || source.starts_with("arch/x86/um/") {
            continue;
        }
        // What builds the file can only exclude it: whoever configures the kernel may leave out all rivals alike.
        let built = kbuild.condition(source)?;
        if built.is_some_and(|built| kernel.holds(&built) == Some(false)) {
            continue;
        }
        let holds = definition.condition.as_deref().map_or(Some(true), |condition| kernel.holds(condition));
        candidates.push((*definition, holds));
    }
    for truth in [Some(true), None] {
        let found = candidates.iter().filter(|(_, holds)| *holds == truth).map(|(definition, _)| *definition);
        let (ours, rest): (Vec<_>, Vec<_>) = found.partition(|definition| definition.source.starts_with(&own));
        let found = if ours.is_empty() { rest } else { ours };
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The entry points of `kernel/sys_ni.c` and the line of each: where nothing defines one, the kernel answers `ENOSYS`.
fn may_be_missing(root: &Path) -> Result<BTreeMap<String, u32>, Error> {
    let path = root.join(NI);
    let mut found = BTreeMap::new();
    if !path.is_file() {
        return Ok(found);
    }
    for (line, text) in (1..).zip(blank(&files::read(&path)?).lines()) {
        let words = tokens(text);
        let (prefix, name) = match words[..] {
            ["COND_SYSCALL", "(", name, ..] => ("sys_", name),
            ["COND_SYSCALL_COMPAT", "(", name, ..] => ("compat_sys_", name),
            ["cond_syscall", "(", name, ..] => ("", name),
            _ => continue,
        };
        found.entry(format!("{prefix}{name}")).or_insert(line);
    }
    Ok(found)
}

const NI: &str = "kernel/sys_ni.c";

/// What the entry points are that no definition is for.
fn bare(root: &Path, facts: &Tables, lacking: &[Use<'_>], missing: &BTreeMap<String, u32>) -> Result<Vec<Bare>, Error> {
    let mut found: BTreeMap<(&str, String), Bare> = BTreeMap::new();
    let mut defined: BTreeMap<&str, BTreeMap<String, (String, u32)>> = BTreeMap::new();
    for abi in &facts.abis {
        for used in lacking.iter().filter(|used| used.abi == abi.name) {
            if !defined.contains_key(used.arch) {
                let wanted = lacking.iter().filter(|other| other.arch == used.arch).map(|other| other.entry).collect();
                defined.insert(used.arch, stubs(root, used.arch, &wanted)?);
            }
            let (why, source, line) = match (defined[used.arch].get(used.entry), missing.get(used.entry)) {
                (Some((source, line)), _) => (Why::Assembler, source.clone(), *line),
                (None, Some(line)) => (Why::NotBuilt, NI.to_owned(), *line),
                (None, None) => (Why::NotFound, String::new(), 0),
            };
            let entry = used.entry.to_owned();
            let row = found.entry((used.entry, source.clone()));
            let row = row.or_insert(Bare { entry, why, abis: Vec::new(), source, line });
            if !row.abis.contains(&abi.name) {
                row.abis.push(abi.name.clone());
            }
        }
    }
    Ok(found.into_values().collect())
}

/// C macros that make an assembler stub of a function: macro, and what the stub's name begins with.
/// `arch/mips/include/asm/sim.h`.
const STUBS: &[(&str, &str)] = &[("save_static_function", "__")];

/// Where an architecture's assembler defines which of the symbols.
fn stubs(root: &Path, arch: &str, wanted: &BTreeSet<&str>) -> Result<BTreeMap<String, (String, u32)>, Error> {
    let mut found = BTreeMap::new();
    let mut sources = Vec::new();
    let mut folders = vec![format!("arch/{arch}/kernel"), format!("arch/{arch}/entry")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries.flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(name),
                Ok(kind) if kind.is_file() && (name.ends_with(".S") || name.ends_with(".c")) => sources.push(name),
                _ => {}
            }
        }
    }
    sources.sort();
    for source in sources {
        let text = files::read(&root.join(&source))?;
        let symbols = if source.ends_with(".S") { labels(&text) } else { made(&text) };
        for (line, symbol) in symbols {
            if wanted.contains(symbol.as_str()) {
                found.entry(symbol).or_insert((source.clone(), line));
            }
        }
    }
    Ok(found)
}

/// The symbols that a C file makes with the macros of [`STUBS`].
fn made(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    if STUBS.iter().any(|(name, _)| text.contains(name)) {
        for (line, text) in (1..).zip(text.lines()) {
            for (name, prefix) in STUBS {
                if let Some((symbol, _)) = text.trim_start().strip_prefix(name).and_then(parentheses) {
                    found.push((line, format!("{prefix}{}", symbol.trim())));
                }
            }
        }
    }
    found
}

/// The labels of an assembler file: `name:`, `ENTRY(name)` and their like, and those that a `.macro` of one parameter
/// makes of its argument.
fn labels(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    // Of each macro the names that it makes, `\` and the parameter in them.
    let mut macros: Vec<(&str, &str, Vec<String>)> = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        let mut words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        match words.next() {
            Some(".macro") => {
                inside = true;
                macros.push((words.next().unwrap_or_default(), words.next().unwrap_or_default(), Vec::new()));
            }
            Some(".endm") => inside = false,
            Some(word) => {
                if let Some(label) = label(text) {
                    match macros.last_mut() {
                        Some((_, parameter, made)) if inside && !parameter.is_empty() => {
                            made.push(
                                label
                                    .replace(&format!("\\{parameter}\\()"), "\\")
                                    .replace(&format!("\\{parameter}"), "\\"),
                            );
                        }
                        _ => found.push((line, label.to_owned())),
                    }
                } else if let (Some((_, _, made)), Some(argument)) =
                    (macros.iter().find(|(name, ..)| *name == word), words.next())
                {
                    found.extend(made.iter().map(|name| (line, name.replace('\\', argument))));
                }
            }
            None => {}
        }
    }
    found
}

/// The symbol that a line of assembly defines.
fn label(text: &str) -> Option<&str> {
    let named = |name: &str| name.chars().all(|c| is_word(c) || ['\\', '(', ')'].contains(&c)) && !name.is_empty();
    let macro_like = |text: &str| text.split('(').next().is_some_and(|word| word.contains("ENTRY"));
    if let Some((name, _)) = text.split_once(':').filter(|(name, _)| named(name) && !macro_like(name)) {
        return Some(name);
    }
    let (word, rest) = text.split_once('(')?;
    let opens = ["ENTRY", "START", "LEAF", "NESTED"].iter().any(|part| word.contains(part)) && !word.contains("END");
    let name = rest[..rest.rfind(')')?].split(',').next()?.trim();
    (opens && word.chars().all(is_word)).then_some(name).filter(|name| named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assembler_defines_symbols() {
        let text = "\t.globl a\na:\n\tb c:\nENTRY(sys_a)\nEND(sys_a)\nSYM_FUNC_START(sys_b)\nLEAF(sys_c) # why\n\
                    NESTED(sys_d, PT_SIZE, sp)\nC_ENTRY(sys_e):\n.macro fork_like name\nENTRY_CFI(sys_\\name\\()_wrapper)\nalpha_\\name:\n\
                    .endm\nfork_like clone\n\tfork_like fork, 2\n1:\tnop\n";
        let found: Vec<_> = labels(text).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
        assert_eq!(
            found,
            [
                "2 a",
                "4 sys_a",
                "6 sys_b",
                "7 sys_c",
                "8 sys_d",
                "9 sys_e",
                "14 sys_clone_wrapper",
                "14 alpha_clone",
                "15 sys_fork_wrapper",
                "15 alpha_fork",
                "16 1"
            ]
        );
        assert_eq!(made("save_static_function(sys_fork);\nsave(sys_x);"), [(1, "__sys_fork".to_owned())]);
    }
}
