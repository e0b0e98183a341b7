//! Each entry point of the tables and what is known of it: which definition is for which ABI, when
//! the kernel may lack it, and what it is where no C definition gives it arguments.

use super::assembly::{Stub, stubs};
use super::c::text::{blank, tokens};
use super::kernel::condition::all;
use super::kernel::kbuild::{Built, Kbuild};
use super::kernel::kconfig::{Architecture, Kernel, Symbols};
use super::prototypes::{self, Definition};
use super::tree::Read;
use crate::Error;
use crate::source::{Doubt, Source};
use crate::tables::{
    Abi, Absent, Bare, Entry, KernelTable, NO_CALL, Pairs, Prototype, TableSource, Tables, Why,
};
use std::collections::{BTreeMap, BTreeSet};

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
    source: &Source,
    facts: &Tables,
    read: &Read<'_>,
) -> Result<(Vec<Prototype>, Vec<Bare>), Error> {
    let absent = facts.absent()?;
    let generic = Symbols::read(source)?;
    let mut architectures: BTreeMap<&str, Architecture<'_>> = BTreeMap::new();
    for abi in &facts.abis {
        if !architectures.contains_key(abi.arch.as_str()) {
            architectures.insert(&abi.arch, Architecture::read(source, &abi.arch, &generic)?);
        }
        let architecture = &architectures[abi.arch.as_str()];
        let here = |(_, table): &(&TableSource, KernelTable)| table.tags(&abi.name).is_some();
        let narrow = |way: &&Entry| way.compat && source.is_file(&way.table.source);
        let compat = if read.iter().any(here) { abi.entries.iter().find(narrow) } else { None };
        if let Some(way) =
            compat.filter(|_| architecture.can_be_wide() && !architecture.has_compat())
        {
            let what = format!("declares no COMPAT, which {} is for", way.table.source);
            let kconfig = format!("arch/{}/Kconfig", abi.arch);
            return Err(source.incomplete(&kconfig, Doubt::Missing, what));
        }
    }
    let found = prototypes::scan(source)?;
    let mut definitions: BTreeMap<&str, Vec<&Definition>> = BTreeMap::new();
    for definition in &found {
        definitions.entry(&definition.entry).or_default().push(definition);
    }
    let missing = may_be_missing(source)?;
    let known = |entry: &str| definitions.contains_key(entry) || missing.contains_key(entry);
    let uses = uses(facts, &absent, read, &architectures, known);

    let mut kbuild = Kbuild::new(source);
    let entries: BTreeSet<&str> = uses.iter().map(|used| used.entry).collect();
    for definition in entries.iter().filter_map(|entry| definitions.get(entry)).flatten() {
        understood(source, definition, &mut kbuild, &architectures)?;
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
            assembly.insert(used.arch, stubs(source, used.arch, &wanted)?);
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
    complete(source, facts, read, &uses, &bare, &definitions)?;
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
    tree: &Source,
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
        let what = format!("no makefile here builds {file}, which defines {entry}");
        return Err(tree.incomplete(folder, Doubt::Missing, what));
    }
    let when = condition(definition, kbuild)?.unwrap_or_default();
    let symbols = tokens(&when).into_iter().filter_map(|word| word.strip_prefix("CONFIG_"));
    let nowhere =
        |symbol: &&str| !architectures.values().any(|architecture| architecture.declares(symbol));
    match symbols.into_iter().find(nowhere) {
        None => Ok(()),
        Some(symbol) => {
            let what = format!("{entry} needs CONFIG_{symbol}, which no Kconfig file declares");
            Err(tree.incomplete_at(&tree.name(source), *line, what))
        }
    }
}

/// Refuses a tree that defines less than its tables name, and says where the committed tables have
/// it.
fn complete(
    tree: &Source,
    facts: &Tables,
    read: &Read<'_>,
    uses: &BTreeSet<Use<'_>>,
    bare: &[Bare],
    definitions: &BTreeMap<&str, Vec<&Definition>>,
) -> Result<(), Error> {
    let (before, before_bare) = (facts.prototypes()?, facts.bare()?);
    let linux = facts.prototypes_of()?;
    let newer = read.iter().any(|(_, table)| table.linux >= linux);
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
    let what = format!(
        "does not define {entry}, in which {call} of {abi} ends, nor does any other file{others}"
    );
    Err(tree.incomplete(source.as_deref().unwrap_or_default(), Doubt::Missing, what))
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
fn may_be_missing(source: &Source) -> Result<BTreeMap<String, u32>, Error> {
    let text = source.whole(NI)?;
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
        let what = "names no call that a kernel may lack";
        return Err(source.incomplete(NI, Doubt::Missing, what));
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
