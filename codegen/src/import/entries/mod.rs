//! The facts about each entry point of the tables: which definition is for which ABI, when the
//! kernel may not have it, and what it is if it has no C definition.

mod choice;
mod complete;
mod uses;

use super::assembly::{Stub, stubs};
use super::c::text::{blank, tokens};
use super::findings::Kind;
use super::kernel::everywhere::Everywhere;
use super::kernel::kbuild::Kbuild;
use super::kernel::kconfig::{Architecture, Symbols};
use super::prototypes::{self, Definition};
use super::tree::{Read, Tree};
use crate::Error;
use crate::source::Doubt;
use crate::tables::{Bare, Called, Entry, Prototype, Tables, Why};
use choice::{Chooser, condition};
use std::collections::{BTreeMap, BTreeSet};
use uses::Use;

/// The architectures of the ABIs, by name.
type Architectures<'g> = BTreeMap<&'g str, Architecture<'g>>;

/// The definitions of each entry point.
type Index<'d> = BTreeMap<&'d str, Vec<&'d Definition>>;

/// The entry points that an architecture's assembly defines.
type Stubs<'u> = BTreeMap<&'u str, BTreeMap<String, Stub>>;

/// The ABIs that a definition is for: by entry point, source and line.
type Takers<'u> = BTreeMap<(&'u str, &'u str, usize), BTreeSet<&'u str>>;

/// The prototypes of the tables' entry points, and the entry points without one.
pub(super) fn join(tree: &Tree<'_>, read: &Read<'_>) -> Result<(Vec<Prototype>, Vec<Bare>), Error> {
    let generic = Symbols::read(tree)?;
    let architectures = read_architectures(tree, read, &generic)?;
    let missing = may_be_missing(tree)?;
    let mut found = prototypes::scan(tree)?;
    let joined = Joined::new(tree, read, &architectures, &missing, &found)?;
    let undefined = joined.undefined();
    if undefined.is_empty() {
        return joined.checked(tree, read);
    }
    let entries = undefined.iter().map(|used| used.entry).collect();
    let mut more = prototypes::plain(tree, &entries)?;
    more.retain(|definition| {
        let of = |used: &Use<'_>| used.entry == definition.entry && used.can_end_in(definition);
        undefined.iter().any(of)
    });
    if more.is_empty() {
        return joined.checked(tree, read);
    }
    found.extend(more);
    Joined::new(tree, read, &architectures, &missing, &found)?.checked(tree, read)
}

/// The entry points and the definitions that were found.
struct Joined<'j> {
    uses: BTreeSet<Use<'j>>,
    definitions: Index<'j>,
    rows: Vec<Prototype>,
    bare: Vec<Bare>,
}

impl<'j> Joined<'j> {
    fn new(
        tree: &'j Tree<'_>,
        read: &'j Read<'_>,
        architectures: &'j Architectures<'j>,
        missing: &BTreeMap<String, u32>,
        found: &'j [Definition],
    ) -> Result<Joined<'j>, Error> {
        let Tree { source, facts, findings, .. } = tree;
        let mut definitions = Index::new();
        for definition in found {
            definitions.entry(&definition.entry).or_default().push(definition);
        }
        let known = |entry: &str| definitions.contains_key(entry) || missing.contains_key(entry);
        let uses = uses::uses(tree, facts.absent()?, read, architectures, known);

        let mut kbuild = Kbuild::new(source, findings);
        let everywhere = Everywhere::new(tree);
        let entries: BTreeSet<&str> = uses.iter().map(|used| used.entry).collect();
        for definition in entries.iter().filter_map(|entry| definitions.get(entry)).flatten() {
            complete::understood(tree, definition, &mut kbuild, architectures, &everywhere)?;
        }
        let declared: BTreeSet<&str> =
            architectures.values().flat_map(Architecture::symbols).collect();
        let mut chooser = Chooser::new(&definitions, architectures, &declared, kbuild);

        let (takers, unresolved) = in_c(&uses, &mut chooser)?;
        let assembly = in_assembly(tree, &unresolved)?;
        let (passing, unresolved) = passed_on(unresolved, &assembly, &mut chooser)?;
        let mut joined = rows(tree, found, &takers, missing, &mut chooser.kbuild)?;
        joined.extend(passing);
        for abis in joined.iter_mut().filter_map(|row| row.abis.as_mut()) {
            *abis = in_order(facts, abis);
        }
        joined.sort_by(|a, b| {
            let [a, b] = [a, b].map(|row| (&row.entry, &row.source, &row.condition, row.line));
            a.cmp(&b)
        });
        let bare = find_bare(facts, &unresolved, &assembly, missing, &definitions);
        Ok(Joined { uses, definitions, rows: joined, bare })
    }

    /// The entry points without a definition.
    fn undefined(&self) -> Vec<Use<'j>> {
        let undefined = |used: &&Use<'j>| {
            let bare = |row: &Bare| {
                let Bare { entry, why, abis, .. } = row;
                entry == used.entry && *why != Why::Assembler && abis.iter().any(|a| a == used.abi)
            };
            let mut all = self.definitions.get(used.entry).into_iter().flatten();
            !all.any(|definition| used.can_end_in(definition)) && self.bare.iter().any(bare)
        };
        self.uses.iter().filter(undefined).copied().collect()
    }

    /// The rows. Reports what is missing.
    fn checked(
        self,
        tree: &Tree<'_>,
        read: &Read<'_>,
    ) -> Result<(Vec<Prototype>, Vec<Bare>), Error> {
        complete::check_complete(tree, read, &self.uses, &self.bare, &self.definitions)?;
        Ok((self.rows, self.bare))
    }
}

/// The architectures of the ABIs. An architecture whose table has a compat column can run 32-bit
/// programs.
fn read_architectures<'g>(
    tree: &'g Tree<'_>,
    read: &Read<'_>,
    generic: &'g Symbols,
) -> Result<Architectures<'g>, Error> {
    let Tree { source, facts, findings, .. } = tree;
    let mut found = Architectures::new();
    for abi in &facts.abis {
        let arch = tree.arch(abi);
        if !found.contains_key(arch) {
            found.insert(arch, Architecture::read(tree, arch, generic)?);
        }
        let architecture = &found[arch];
        let has_table = read.iter().any(|(_, table)| table.tags(&abi.name).is_some());
        let narrow = |way: &&Entry| way.compat && source.is_file(&way.table.source);
        let compat = if has_table { abi.entries.iter().find(narrow) } else { None };
        if let Some(way) =
            compat.filter(|_| architecture.can_be_wide() && !architecture.has_compat())
        {
            let what = format!("does not declare COMPAT, which {} needs", way.table.source);
            let error = source.incomplete(&format!("arch/{arch}/Kconfig"), Doubt::Missing, what);
            findings.judge(Kind::Kconfig, error)?;
        }
    }
    Ok(found)
}

/// The C definitions that entry points have, and the entry points without one.
fn in_c<'c>(
    uses: &BTreeSet<Use<'c>>,
    chooser: &mut Chooser<'c, '_>,
) -> Result<(Takers<'c>, Vec<Use<'c>>), Error> {
    let (mut takers, mut unresolved) = (Takers::new(), Vec::new());
    for used in uses {
        let chosen = chooser.chosen(used.entry, used)?;
        if chosen.is_empty() {
            unresolved.push(*used);
        }
        for Definition { source, line, .. } in chosen {
            takers.entry((used.entry, source, *line)).or_default().insert(used.abi);
        }
    }
    Ok((takers, unresolved))
}

/// The entry points that assembly defines and C does not.
fn in_assembly<'u>(tree: &Tree<'_>, unresolved: &[Use<'u>]) -> Result<Stubs<'u>, Error> {
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for used in unresolved {
        wanted.entry(used.arch).or_default().insert(used.entry);
    }
    wanted.into_iter().map(|(arch, wanted)| Ok((arch, stubs(tree, arch, &wanted)?))).collect()
}

/// Assembly that calls the C function of the call's own name has its arguments. Returns the rows of
/// such entry points, and the remaining entry points.
fn passed_on<'c>(
    mut unresolved: Vec<Use<'c>>,
    assembly: &Stubs<'_>,
    chooser: &mut Chooser<'c, '_>,
) -> Result<(Vec<Prototype>, Vec<Use<'c>>), Error> {
    let mut found: BTreeMap<(&str, &str), Prototype> = BTreeMap::new();
    for used in &unresolved {
        let Some(stub) = assembly[used.arch].get(used.entry) else { continue };
        let Some(function) = stub.passes_to(used.entry, used.call) else { continue };
        let chosen = chooser.chosen(&function, used)?;
        let Some((first, others)) = chosen.split_first() else { continue };
        let row = found.entry((used.entry, used.arch)).or_insert_with(|| Prototype {
            entry: used.entry.to_owned(),
            args: first.args.clone(),
            abis: Some(Vec::new()),
            source: stub.source.clone(),
            line: stub.line,
            calls: Some(Called { function, source: first.source.clone(), line: first.line as u32 }),
            condition: None,
            optional: None,
        });
        if row.args == first.args && others.iter().all(|other| other.args == first.args) {
            row.abis.get_or_insert_with(Vec::new).push(used.abi.to_owned());
        }
    }
    unresolved.retain(|used| {
        let abis = found.get(&(used.entry, used.arch)).and_then(|row| row.abis.as_ref());
        !abis.is_some_and(|abis| abis.iter().any(|abi| abi == used.abi))
    });
    let is_used = |row: &Prototype| row.abis.as_ref().is_some_and(|abis| !abis.is_empty());
    Ok((found.into_values().filter(is_used).collect(), unresolved))
}

/// The rows of the C definitions. A row names its ABIs only if the entry point has several.
fn rows(
    tree: &Tree<'_>,
    found: &[Definition],
    takers: &Takers<'_>,
    missing: &BTreeMap<String, u32>,
    kbuild: &mut Kbuild<'_>,
) -> Result<Vec<Prototype>, Error> {
    let mut variants: BTreeMap<&str, usize> = BTreeMap::new();
    for (entry, ..) in takers.keys() {
        *variants.entry(entry).or_default() += 1;
    }
    let mut rows = Vec::new();
    // The name of a directory that was merged into another since does not tell the ABI.
    let former = |source: &str| {
        let directory = source.strip_prefix("arch/").and_then(|rest| rest.split('/').next());
        directory.is_some_and(|directory| tree.facts.abis.iter().all(|abi| abi.arch != directory))
    };
    for definition in found {
        let Definition { entry, args, source, line, .. } = definition;
        let Some(abis) = takers.get(&(entry.as_str(), source.as_str(), *line)) else { continue };
        let rivals = variants.get(entry.as_str()).is_some_and(|count| *count > 1);
        let condition = condition(definition, kbuild)?;
        let (condition, optional) =
            if missing.contains_key(entry) { (None, condition) } else { (condition, None) };
        rows.push(Prototype {
            entry: entry.clone(),
            args: args.clone(),
            abis: (rivals || former(source))
                .then(|| abis.iter().map(|abi| (*abi).to_owned()).collect()),
            source: source.clone(),
            line: *line as u32,
            calls: None,
            condition,
            optional,
        });
    }
    Ok(rows)
}

/// The names of ABIs in the order of `abis.toml`.
fn in_order(facts: &Tables, abis: &[String]) -> Vec<String> {
    let names = facts.abis.iter().map(|abi| &abi.name);
    names.filter(|name| abis.contains(name)).cloned().collect()
}

/// The entry points of `kernel/sys_ni.c` and the line of each: without a definition, the kernel
/// returns `ENOSYS`.
fn may_be_missing(tree: &Tree<'_>) -> Result<BTreeMap<String, u32>, Error> {
    let Tree { source, findings, .. } = tree;
    let text = findings.accept(Kind::Code, findings.whole(source, NI))?.unwrap_or_default();
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
        let what = "lists no optional system call";
        findings.judge(Kind::Code, source.incomplete(NI, Doubt::Missing, what))?;
    }
    Ok(found)
}

const NI: &str = "kernel/sys_ni.c";

/// Classifies the entry points without a definition.
fn find_bare(
    facts: &Tables,
    unresolved: &[Use<'_>],
    assembly: &Stubs<'_>,
    missing: &BTreeMap<String, u32>,
    definitions: &Index<'_>,
) -> Vec<Bare> {
    let mut found: BTreeMap<(&str, String), Bare> = BTreeMap::new();
    for abi in &facts.abis {
        for used in unresolved.iter().filter(|used| used.abi == abi.name) {
            let stub = assembly.get(used.arch).and_then(|stubs| stubs.get(used.entry));
            let defined = definitions.get(used.entry).and_then(|all| all.first());
            let (why, source, line) = match (stub, missing.get(used.entry), defined) {
                (Some(stub), ..) => (Why::Assembler, stub.source.clone(), stub.line),
                (None, Some(line), _) => (Why::NotBuilt, NI.to_owned(), *line),
                (None, None, Some(Definition { source, line, .. })) => {
                    (Why::NotBuilt, source.clone(), *line as u32)
                }
                (None, None, None) => (Why::NotFound, String::new(), 0),
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
