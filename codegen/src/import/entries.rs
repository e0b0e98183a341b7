//! Each entry point of the tables and what is known of it: which definition is for which ABI, when
//! the kernel may lack it, and what it is where no C definition gives it arguments.

use super::c::{LONGEST, blank, is_word, parentheses, tokens};
use super::condition::all;
use super::kbuild::{Built, Kbuild};
use super::kconfig::{Architecture, Kernel, Symbols};
use super::prototypes::{self, Definition};
use super::tbl::is_name;
use crate::Error;
use crate::source::files;
use crate::tables::{
    Abi, Absent, Bare, Entry, KernelTable, NO_CALL, Pairs, Prototype, TableSource, Tables, Why,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

/// An entry point that an ABI's calls end in, and the kernels where they do: of 64 bits or not, the
/// first that has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Use<'a> {
    entry: &'a str,
    /// The name of the call.
    call: &'a str,
    abi: &'a str,
    arch: &'a str,
    wide: &'static [bool],
}

/// Every entry point of the tables, and those that absent calls would have ended in.
fn uses<'a>(
    facts: &'a Tables,
    absent: &'a [Absent],
    read: &'a [(&TableSource, KernelTable)],
    architectures: &BTreeMap<&str, Architecture<'_>>,
    known: impl Fn(&str) -> bool,
) -> BTreeSet<Use<'a>> {
    let mut uses = BTreeSet::new();
    for abi in &facts.abis {
        let Some((_, table)) = read.iter().find(|(source, _)| source.name == abi.table) else {
            continue;
        };
        let calls = abi.calls(table);
        let architecture = architectures.get(abi.arch.as_str());
        let narrow_kernel = architecture.is_none_or(Architecture::can_be_narrow);
        // Registers of 64 bits, or native entry points that are made for narrower programs, mean a
        // wide kernel.
        let narrowed = || {
            calls
                .iter()
                .any(|call| call.entry.is_some_and(|entry| entry.starts_with("compat_sys_")))
        };
        let wide = abi.bits == 64 || abi.pairs == Pairs::Whole || !narrow_kernel || narrowed();
        let own: &[bool] = if wide { &[true] } else { &[false] };
        // The compat column is for narrow programs on a wide kernel, if it takes them, or for an
        // older convention.
        let has_compat = architecture.is_some_and(Architecture::has_compat);
        let compat =
            abi.takes(true) && (has_compat || !architecture.is_some_and(Architecture::can_be_wide));
        let Abi { name: abi, arch, .. } = abi;
        for call in &calls {
            let second = call.compat.filter(|_| compat);
            let first = call.entry.filter(|_| narrow_kernel || second.is_none());
            let either: &[bool] =
                if !wide && has_compat && second.is_none() { &[false, true] } else { own };
            uses.extend(first.map(|entry| Use { entry, call: call.name, abi, arch, wide: either }));
            let wide = if has_compat { &[true] } else { own };
            uses.extend(second.map(|entry| Use { entry, call: call.name, abi, arch, wide }));
        }
        let absent =
            absent.iter().filter(|absent| absent.abis.contains(abi) && known(&absent.entry));
        uses.extend(absent.map(|absent| Use {
            entry: &absent.entry,
            call: &absent.name,
            abi,
            arch,
            wide: own,
        }));
    }
    uses.retain(|used| used.entry != NO_CALL);
    uses
}

/// The prototypes of the tables' entry points, and the entry points without one.
pub(super) fn join(
    root: &Path,
    facts: &Tables,
    read: &[(&TableSource, KernelTable)],
) -> Result<(Vec<Prototype>, Vec<Bare>), Error> {
    let absent = facts.absent()?;
    let generic = Symbols::read(root)?;
    let mut architectures: BTreeMap<&str, Architecture<'_>> = BTreeMap::new();
    for abi in &facts.abis {
        if !architectures.contains_key(abi.arch.as_str()) {
            architectures.insert(&abi.arch, Architecture::read(root, &abi.arch, &generic)?);
        }
        let architecture = &architectures[abi.arch.as_str()];
        let here = |(_, table): &(&TableSource, KernelTable)| table.tags(&abi.name).is_some();
        let narrow = |way: &&Entry| way.compat && root.join(&way.table.source).is_file();
        let compat = if read.iter().any(here) { abi.entries.iter().find(narrow) } else { None };
        if let Some(way) =
            compat.filter(|_| architecture.can_be_wide() && !architecture.has_compat())
        {
            let what = format!(
                "declares no COMPAT, which {} is for; is the tree complete?",
                way.table.source
            );
            return Err(Error::in_file(
                root.join(format!("arch/{}/Kconfig", abi.arch)).display().to_string(),
                what,
            ));
        }
    }
    let found = prototypes::scan(root)?;
    let mut definitions: BTreeMap<&str, Vec<&Definition>> = BTreeMap::new();
    for definition in &found {
        definitions.entry(&definition.entry).or_default().push(definition);
    }
    let missing = may_be_missing(root)?;
    let known = |entry: &str| definitions.contains_key(entry) || missing.contains_key(entry);
    let uses = uses(facts, absent, read, &architectures, known);

    let mut kbuild = Kbuild::new(root);
    let entries: BTreeSet<&str> = uses.iter().map(|used| used.entry).collect();
    for definition in entries.iter().filter_map(|entry| definitions.get(entry)).flatten() {
        understood(root, definition, &mut kbuild, &architectures)?;
    }
    let declared: BTreeSet<&str> = architectures.values().flat_map(Architecture::symbols).collect();
    let mut kernels: Kernels<'_> = BTreeMap::new();
    for (arch, architecture) in &architectures {
        for wide in [false, true] {
            kernels.insert(
                (arch, wide),
                [false, true].map(|usual| Kernel::new(architecture, &declared, wide, usual)),
            );
        }
    }

    // Each definition, and the ABIs that it is for.
    let mut takers: BTreeMap<(&str, &str, usize), BTreeSet<&str>> = BTreeMap::new();
    let mut lacking: Vec<Use<'_>> = Vec::new();
    for used in &uses {
        let chosen = chosen(used.entry, used, &definitions, &mut kernels, &mut kbuild)?;
        if chosen.is_empty() {
            lacking.push(*used);
        }
        for definition in chosen {
            takers
                .entry((used.entry, &definition.source, definition.line))
                .or_default()
                .insert(used.abi);
        }
    }

    // Assembly that calls the C function of the call's own name takes what that takes.
    let mut assembly: BTreeMap<&str, BTreeMap<String, Stub>> = BTreeMap::new();
    let mut passing: BTreeMap<(&str, &str), Prototype> = BTreeMap::new();
    for used in &lacking {
        if !assembly.contains_key(used.arch) {
            let wanted = lacking
                .iter()
                .filter(|other| other.arch == used.arch)
                .map(|other| other.entry)
                .collect();
            assembly.insert(used.arch, stubs(root, used.arch, &wanted)?);
        }
        let Some(stub) = assembly[used.arch].get(used.entry) else { continue };
        let Some(function) = stub.passes_to(used.entry, used.call) else { continue };
        let chosen = chosen(&function, used, &definitions, &mut kernels, &mut kbuild)?;
        let Some((first, others)) = chosen.split_first() else { continue };
        let row = passing.entry((used.entry, used.arch)).or_insert_with(|| Prototype {
            entry: used.entry.to_owned(),
            args: first.args.clone(),
            abis: Some(Vec::new()),
            source: stub.source.clone(),
            line: stub.line,
            calls: Some(function),
            condition: None,
            optional: None,
        });
        if row.args == first.args && others.iter().all(|other| other.args == first.args) {
            row.abis.get_or_insert_with(Vec::new).push(used.abi.to_owned());
        }
    }
    lacking.retain(|used| {
        let abis = passing.get(&(used.entry, used.arch)).and_then(|row| row.abis.as_ref());
        !abis.is_some_and(|abis| abis.iter().any(|abi| abi == used.abi))
    });

    let mut variants: BTreeMap<&str, usize> = BTreeMap::new();
    for (entry, ..) in takers.keys() {
        *variants.entry(entry).or_default() += 1;
    }
    let mut joined = Vec::new();
    for definition in &found {
        let key = (definition.entry.as_str(), definition.source.as_str(), definition.line);
        let Some(abis) = takers.get(&key) else { continue };
        let rivals = variants.get(definition.entry.as_str()).is_some_and(|count| *count > 1);
        let condition = condition(definition, &mut kbuild)?;
        let (condition, optional) = if missing.contains_key(&definition.entry) {
            (None, condition)
        } else {
            (condition, None)
        };
        let in_order =
            facts.abis.iter().map(|abi| abi.name.as_str()).filter(|name| abis.contains(name));
        joined.push(Prototype {
            entry: definition.entry.clone(),
            args: definition.args.clone(),
            abis: rivals.then(|| in_order.map(str::to_owned).collect()),
            source: definition.source.clone(),
            line: definition.line as u32,
            calls: None,
            condition,
            optional,
        });
    }
    for mut row in passing.into_values() {
        let abis = row.abis.unwrap_or_default();
        row.abis = Some(
            facts
                .abis
                .iter()
                .map(|abi| &abi.name)
                .filter(|name| abis.contains(name))
                .cloned()
                .collect(),
        );
        if !abis.is_empty() {
            joined.push(row);
        }
    }
    joined.sort_by(|a, b| {
        (&a.entry, &a.source, &a.condition, a.line).cmp(&(
            &b.entry,
            &b.source,
            &b.condition,
            b.line,
        ))
    });
    let bare = bare(facts, &lacking, &assembly, &missing);
    complete(root, facts, read, &uses, &bare, &definitions)?;
    Ok((joined, bare))
}

/// The kernels of an architecture and a word size: any, and the usual one.
type Kernels<'k> = BTreeMap<(&'k str, bool), [Kernel<'k>; 2]>;

/// When the kernel has a definition: what builds its file, and the `#if` around it.
fn condition(definition: &Definition, kbuild: &mut Kbuild<'_>) -> Result<Option<String>, Error> {
    let built = kbuild.built(&definition.source)?.part();
    Ok(all([built, definition.condition.clone().unwrap_or_default()]))
}

/// Refuses a definition of which the tree does not say when the kernel has it.
fn understood(
    root: &Path,
    definition: &Definition,
    kbuild: &mut Kbuild<'_>,
    architectures: &BTreeMap<&str, Architecture<'_>>,
) -> Result<(), Error> {
    let Definition { entry, source, line, .. } = definition;
    let mut place = source.split('/');
    let arch = place.next().filter(|folder| *folder == "arch").and_then(|_| place.next());
    // User-mode Linux lives in arch/x86 too.
    if arch.is_some_and(|arch| !architectures.contains_key(arch))
        || source.starts_with("arch/x86/um/")
    {
        return Ok(());
    }
    if kbuild.built(source)? == Built::Unnamed {
        let (folder, file) = source.rsplit_once('/').unwrap_or_default();
        let what =
            format!("no makefile here builds {file}, which defines {entry}; is the tree complete?");
        return Err(Error::in_file(root.join(folder).display().to_string(), what));
    }
    let when = condition(definition, kbuild)?.unwrap_or_default();
    let symbols = tokens(&when).into_iter().filter_map(|word| word.strip_prefix("CONFIG_"));
    let nowhere =
        |symbol: &&str| !architectures.values().any(|architecture| architecture.declares(symbol));
    match symbols.into_iter().find(nowhere) {
        None => Ok(()),
        Some(symbol) => {
            let what = format!(
                "{entry} needs CONFIG_{symbol}, which no Kconfig file declares; is the tree complete?"
            );
            Err(Error::at(root.join(source).display().to_string(), *line, what))
        }
    }
}

/// Refuses a tree that defines less than its tables name, and says where the committed tables have
/// it.
fn complete(
    root: &Path,
    facts: &Tables,
    read: &[(&TableSource, KernelTable)],
    uses: &BTreeSet<Use<'_>>,
    bare: &[Bare],
    definitions: &BTreeMap<&str, Vec<&Definition>>,
) -> Result<(), Error> {
    let (before, before_bare) = (facts.prototypes()?, facts.bare()?);
    let linux = facts.prototypes_of()?;
    let newer = read.iter().any(|(_, table)| table.linux >= *linux);
    // Where the committed tables have the definition of an ABI's entry point.
    let place = |entry: &str, abi: &Abi| {
        let assembly = before_bare
            .iter()
            .filter(|bare| bare.why == Why::Assembler && bare.abis.contains(&abi.name));
        let assembly = assembly.map(|bare| (&bare.entry, &bare.source));
        let all = before.iter().filter(|prototype| prototype.is_for(abi));
        let mut all = all.map(|prototype| (&prototype.entry, &prototype.source)).chain(assembly);
        all.find(|(known, _)| **known == entry).map(|(_, source)| source.clone())
    };
    let mut gone: BTreeMap<&str, (Option<String>, &str, &str)> = BTreeMap::new();
    for bare in bare {
        for abi in facts.abis.iter().filter(|abi| bare.abis.contains(&abi.name)) {
            let source = place(&bare.entry, abi);
            let own = format!("arch/{}/", abi.arch);
            let usable = |definition: &&&Definition| {
                !newer
                    || !definition.source.starts_with("arch/")
                    || definition.source.starts_with(&own)
            };
            let lost = match bare.why {
                Why::Assembler => false,
                Why::NotFound => true,
                // What was defined once is so still, though this configuration may leave it out.
                Why::NotBuilt => {
                    let all =
                        definitions.get(bare.entry.as_str()).map(Vec::as_slice).unwrap_or_default();
                    source.is_some() && !all.iter().any(|definition| usable(&definition))
                }
            };
            if lost {
                let used =
                    uses.iter().find(|used| used.entry == bare.entry && used.abi == abi.name);
                let call = used.map_or("a call", |used| used.call);
                gone.entry(&bare.entry).or_insert((source, call, &abi.name));
            }
        }
    }
    // What stands in a known file is the better place to look.
    let first = gone.iter().find(|(_, (source, ..))| source.is_some()).or(gone.iter().next());
    let Some((entry, (source, call, abi))) = first else { return Ok(()) };
    let others = match gone.len() - 1 {
        0 => String::new(),
        1 => ", and another entry point is missing".to_owned(),
        others => format!(", and {others} other entry points are missing"),
    };
    let at = source.as_ref().map_or(root.to_owned(), |source| root.join(source));
    let what = format!(
        "does not define {entry}, in which {call} of {abi} ends, nor does any other file{others}; is the tree complete?"
    );
    Err(Error::in_file(at.display().to_string(), what))
}

/// The definitions of a C function for the first of the kernels that has it.
fn chosen<'d, 'u>(
    function: &str,
    used: &Use<'u>,
    definitions: &BTreeMap<&str, Vec<&'d Definition>>,
    kernels: &mut Kernels<'u>,
    kbuild: &mut Kbuild<'_>,
) -> Result<Vec<&'d Definition>, Error> {
    let all = definitions.get(function).map(Vec::as_slice).unwrap_or_default();
    for wide in used.wide {
        if let Some([kernel, usual]) = kernels.get_mut(&(used.arch, *wide)) {
            let chosen = choice(all, used.arch, kernel, usual, kbuild)?;
            if !chosen.is_empty() {
                return Ok(chosen);
            }
        }
    }
    Ok(Vec::new())
}

/// The definitions that a kernel of the architecture can have: those that it surely has, or else
/// those that it may have; the architecture's own before others, and of rivals those of the usual
/// kernel.
fn choice<'d>(
    definitions: &[&'d Definition],
    arch: &str,
    kernel: &mut Kernel<'_>,
    usual: &mut Kernel<'_>,
    kbuild: &mut Kbuild<'_>,
) -> Result<Vec<&'d Definition>, Error> {
    let own = format!("arch/{arch}/");
    let mut candidates = Vec::new();
    for definition in definitions {
        let source = definition.source.as_str();
        // User-mode Linux lives in arch/x86 too.
        if source.starts_with("arch/") && !source.starts_with(&own)
            || source.starts_with("arch/x86/um/")
        {
            continue;
        }
        // What builds the file can only exclude it: whoever configures the kernel may leave out all
        // rivals alike.
        if kernel.holds(&kbuild.built(source)?.part()) == Some(false) {
            continue;
        }
        candidates
            .push((*definition, kernel.holds(definition.condition.as_deref().unwrap_or_default())));
    }
    for truth in [Some(true), None] {
        let found = candidates
            .iter()
            .filter(|(_, holds)| *holds == truth)
            .map(|(definition, _)| *definition);
        let (ours, rest): (Vec<_>, Vec<_>) =
            found.partition(|definition| definition.source.starts_with(&own));
        let found = if ours.is_empty() { rest } else { ours };
        if found.len() > 1 {
            let mut first = Vec::new();
            for definition in &found {
                let when = condition(definition, kbuild)?;
                first.extend(
                    (usual.holds(&when.unwrap_or_default()) == Some(true)).then_some(*definition),
                );
            }
            return Ok(if first.is_empty() { found } else { first });
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The entry points of `kernel/sys_ni.c` and the line of each: where nothing defines one, the
/// kernel answers `ENOSYS`.
fn may_be_missing(root: &Path) -> Result<BTreeMap<String, u32>, Error> {
    let path = root.join(NI);
    let text = files::whole(&path)?;
    let mut found = BTreeMap::new();
    for (line, text) in (1..).zip(blank(&text).lines()) {
        let words = tokens(text);
        let (prefix, name) = match words[..] {
            ["COND_SYSCALL", "(", name, ..] => ("sys_", name),
            ["COND_SYSCALL_COMPAT", "(", name, ..] => ("compat_sys_", name),
            ["cond_syscall", "(", name, ..] => ("", name),
            _ => continue,
        };
        found.entry(format!("{prefix}{name}")).or_insert(line);
    }
    if found.is_empty() {
        let what = "names no call that a kernel may lack; is the tree complete?";
        return Err(Error::in_file(path.display().to_string(), what));
    }
    Ok(found)
}

const NI: &str = "kernel/sys_ni.c";

/// What the entry points are that no definition is for.
fn bare(
    facts: &Tables,
    lacking: &[Use<'_>],
    assembly: &BTreeMap<&str, BTreeMap<String, Stub>>,
    missing: &BTreeMap<String, u32>,
) -> Vec<Bare> {
    let mut found: BTreeMap<(&str, String), Bare> = BTreeMap::new();
    for abi in &facts.abis {
        for used in lacking.iter().filter(|used| used.abi == abi.name) {
            let stub = assembly.get(used.arch).and_then(|stubs| stubs.get(used.entry));
            let (why, source, line) = match (stub, missing.get(used.entry)) {
                (Some(stub), _) => (Why::Assembler, stub.source.clone(), stub.line),
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
    found.into_values().collect()
}

/// A symbol that assembly defines.
struct Stub {
    source: String,
    line: u32,
    /// What follows it, up to the next one.
    body: String,
}

impl Stub {
    /// The C function that the stub hands the call's arguments on to: that of the call's own name,
    /// or ARM's `mmap2`, which is `mmap_pgoff` for pages of 4 KiB.
    fn passes_to(&self, entry: &str, call: &str) -> Option<String> {
        let own = format!("sys_{call}");
        let other = if call == "mmap2" { "sys_mmap_pgoff" } else { &own };
        let mut words = self.body.split(|c| !is_word(c)).filter(|word| *word != entry);
        words.find(|word| *word == own || *word == other).map(str::to_owned)
    }
}

/// C macros that make an assembler stub of a function: macro, and what the stub's name begins with.
/// `arch/mips/include/asm/sim.h`.
const STUBS: &[(&str, &str)] = &[("save_static_function", "__")];

/// Where an architecture's assembler defines which of the symbols.
fn stubs(
    root: &Path,
    arch: &str,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Stub>, Error> {
    let mut found = BTreeMap::new();
    let mut sources = Vec::new();
    let mut folders = vec![format!("arch/{arch}/kernel"), format!("arch/{arch}/entry")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries.flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(name),
                _ if (name.ends_with(".S") || name.ends_with(".c"))
                    && files::is_file(root, &entry) =>
                {
                    sources.push(name)
                }
                _ => {}
            }
        }
    }
    sources.sort();
    for source in sources {
        let text = files::whole(&root.join(&source))?;
        let symbols = if source.ends_with(".S") { labels(&text, wanted) } else { made(&text) };
        for (line, symbol, body) in
            symbols.into_iter().filter(|(_, symbol, _)| wanted.contains(symbol.as_str()))
        {
            found.entry(symbol).or_insert(Stub { source: source.clone(), line, body });
        }
    }
    Ok(found)
}

/// The symbols that a C file makes with the macros of [`STUBS`], with line and body.
fn made(text: &str) -> Vec<(u32, String, String)> {
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

/// A macro of an assembler file; in its labels and its body a lone backslash stands for the
/// parameter.
#[derive(Default)]
struct Macro {
    parameter: String,
    labels: Vec<String>,
    body: String,
}

/// A macro that defines more symbols is none that makes entry points.
const MOST_LABELS: usize = 16;

/// The wanted labels of an assembler file, the first of each, with line and body: `name:`,
/// `ENTRY(name)` and their like, and those that a `.macro` of one parameter makes of its argument.
/// A body is as long as what hands a call on can be.
fn labels(text: &str, wanted: &BTreeSet<&str>) -> Vec<(u32, String, String)> {
    let mut found: Vec<(u32, String, String)> = Vec::new();
    let mut macros: HashMap<&str, Macro> = HashMap::new();
    // The macro that the line is in; the label that it is behind, if that is wanted.
    let (mut inside, mut behind) = (None, false);
    let mut seen = BTreeSet::new();
    let mut first = |name: &str| wanted.contains(name) && seen.insert(name.to_owned());
    let add = |body: &mut String, text: &str| {
        if body.len() + text.len() < LONGEST {
            *body += text;
            body.push('\n');
        }
    };
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        let mut words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        let Some(word) = words.next() else { continue };
        match word {
            ".macro" => {
                let (name, parameter) =
                    (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                // Of the variants that an #if chooses between, the first.
                let variant = if macros.contains_key(name) { "" } else { name };
                inside = Some(variant).filter(|_| !text.ends_with(".endm"));
                macros.entry(name).or_insert_with(|| Macro {
                    parameter: parameter.to_owned(),
                    ..Macro::default()
                });
                continue;
            }
            ".endm" => {
                inside = None;
                continue;
            }
            _ => {}
        }
        if let Some(name) = inside {
            let Some(within) = macros.get_mut(name).filter(|_| !name.is_empty()) else { continue };
            let parameter = format!("\\{}", within.parameter);
            let text = text.replace(&format!("{parameter}\\()"), "\\").replace(&parameter, "\\");
            within.labels.extend(label(&text).map(str::to_owned));
            within.labels.truncate(MOST_LABELS);
            add(&mut within.body, &text);
        } else if let Some(label) = label(text) {
            behind = first(label);
            found.extend(behind.then(|| (line, label.to_owned(), String::new())));
        } else if let (Some(used), Some(argument)) =
            (macros.get(word), words.next().filter(|name| is_name(name)))
        {
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
    let (word, rest) = text.split_once('(')?;
    let opens = ["ENTRY", "START", "LEAF", "NESTED"].iter().any(|part| word.contains(part))
        && !word.contains("END");
    let name = rest[..rest.rfind(')')?].split(',').next()?.trim();
    (opens && word.chars().all(is_word)).then_some(name).filter(|name| named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assembler_defines_symbols() {
        let text = "\t.globl a\na:\n\tb c:\n1:\tb sys_x\nENTRY(sys_a)\nEND(sys_a)\nSYM_FUNC_START(sys_b)\nLEAF(sys_c) # why\n\
                    NESTED(sys_d, PT_SIZE, sp)\nC_ENTRY(sys_e):\n.macro fork_like name\nENTRY_CFI(sys_\\name\\()_wrapper)\n\
                    alpha_\\name:\njsr sys_\\name\n.endm\nfork_like clone\n\tfork_like fork, 2\n";
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
                "17 alpha_fork"
            ]
        );
        let passes = |symbol: &str, call: &str| {
            let stub =
                labels(text, &wanted).into_iter().find(|(_, name, _)| name == symbol).unwrap();
            Stub { source: String::new(), line: stub.0, body: stub.2 }.passes_to(symbol, call)
        };
        assert_eq!(passes("alpha_clone", "clone").as_deref(), Some("sys_clone"));
        assert_eq!(passes("a", "x").as_deref(), Some("sys_x"));
        assert_eq!(passes("sys_b", "x"), None, "another stub calls it");
        let made = made("save_static_function(sys_fork);\nsave(sys_x);");
        assert_eq!(made, [(1, "__sys_fork".to_owned(), "sys_fork".to_owned())]);
    }

    /// A file of 8 MiB can ask for more bytes than there are.
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
