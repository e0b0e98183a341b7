//! Every ABI as a value: the data that `aio_sys::Abi` looks things up in. A string stands once; the
//! rest are indices.

use super::hash::{bucket, hash, slot};
use super::{header, prototype};
use crate::Error;
use crate::tables::{Abi, Call, KernelTable, Prototype, Tables, set_of};
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

/// A hole in the numbers that is wider than this begins a new run.
const WIDEST_HOLE: u32 = 256;

/// The index that stands for nothing.
const NONE: u16 = u16::MAX;

/// The text that `aio-sys` includes for its feature `all-abis`.
pub fn abis(tables: &Tables) -> Result<String, Error> {
    let mut kernel = BTreeMap::new();
    for abi in &tables.abis {
        if !kernel.contains_key(&abi.table) {
            kernel.insert(&abi.table, tables.table(&abi.table)?);
        }
    }
    let mut errnos = tables.errno_sets()?;
    kernel.values_mut().for_each(|table| errnos.append(&mut table.errnos));
    let read: Vec<_> = tables.abis.iter().map(|abi| (abi, &kernel[&abi.table])).collect();
    let every: Vec<_> = read.iter().map(|(abi, table)| abi.calls(table)).collect();
    let (mut names, seeds) = perfect(every.iter().flatten().map(|call| call.name).collect())?;
    let mut prototypes = tables.prototypes()?;
    prototypes.sort_by(|a, b| a.entry.cmp(&b.entry));
    let same_entry = prototypes.chunk_by(|a, b| a.entry == b.entry);
    let known = same_entry.map(|same| (same[0].entry.as_str(), same)).collect();
    let mut functions = Functions { known, ..Functions::default() };

    let mut facts = String::new();
    // One row of each for every slot.
    let (mut slots, mut numbers) = (Vec::new(), Vec::new());
    for ((abi, table), calls) in read.iter().zip(&every) {
        let begin = slots.len();
        let mut of_name = vec![NONE; names.items.len()];
        let mut runs = String::new();
        for run in runs_of(calls) {
            let _ = write!(
                runs,
                "Run {{ first: {:#x}, count: {}, slot: {} }}, ",
                run.first,
                run.slots.len(),
                slots.len()
            );
            for same in run.slots {
                for call in &same {
                    of_name[names.of(call.name) as usize] = index(slots.len() - begin)?;
                }
                slots.push(match same.first() {
                    None => [NONE; 3],
                    Some(call) => [
                        names.of(call.name),
                        call.entry.map_or(NONE, |entry| functions.entry(abi, entry)),
                        call.compat.map_or(NONE, |entry| functions.entry(abi, entry)),
                    ],
                });
            }
        }
        numbers.extend(of_name);
        let errnos = set_of(&errnos, &abi.arch)?;
        let calls = slots[begin..].iter().filter(|[name, ..]| *name != NONE).count();
        let Abi { name, base, bits, .. } = abi;
        let _ = writeln!(
            facts,
            "    Facts {{ name: {name:?}, linux: {:?}, bits: {bits}, base: {base:#x}, errnos: {errnos}, calls: {calls}, runs: &[{}] }},",
            table.linux.as_str(),
            runs.trim_end_matches(", ")
        );
    }

    let mut out = header("cargo codegen emit");
    out.push_str(
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[non_exhaustive]\npub enum Abi {\n",
    );
    for (abi, table) in &read {
        let Abi { name, arch, bits, .. } = abi;
        let _ = writeln!(
            out,
            "    /// `{name}`: {bits}-bit, `arch/{arch}`; from `{}` of Linux {}.\n    {},",
            table.source,
            table.linux.as_str(),
            variant(name)
        );
    }
    let variants: Vec<_> =
        tables.abis.iter().map(|abi| format!("Abi::{}", variant(&abi.name))).collect();
    let count = variants.len();
    let _ = writeln!(
        out,
        "}}\n\npub(super) const ALL: [Abi; {count}] = [{}];\n\npub(super) static FACTS: [Facts; {count}] = [\n{facts}];\n",
        variants.join(", ")
    );
    let _ = writeln!(out, "pub(super) static TRIPLES: [&[&str]; {count}] = [");
    for abi in &tables.abis {
        let _ = writeln!(out, "    &{:?},", abi.triples);
    }
    out.push_str("];\n\n");
    array(&mut out, "SEEDS", "u16", seeds);
    strings(&mut out, "NAMES", names.items)?;
    array(&mut out, "SLOT_OF_NAME", "u16", numbers);
    for (at, name) in ["SLOT_NAME", "SLOT_ENTRY", "SLOT_COMPAT"].into_iter().enumerate() {
        array(&mut out, name, "u16", slots.iter().map(|slot| slot[at]));
    }
    functions.write(&mut out)?;
    let mut errno_names = Pool::default();
    let _ = writeln!(out, "pub(super) static ERRNOS: [&[(u16, u16)]; {}] = [", errnos.len());
    for set in &errnos {
        let set: Vec<_> = set
            .errnos
            .iter()
            .map(|errno| (errno.value, errno_names.of(errno.name.as_str())))
            .collect();
        let _ = writeln!(out, "    &{set:?},");
    }
    out.push_str("];\n\n");
    strings(&mut out, "ERRNO_NAMES", errno_names.items)?;
    out.push_str("pub(super) static ABSENT: &[(&str, &[Abi], Absent)] = &[\n");
    for absent in tables.absent()? {
        let holds = |(abi, table): &&(&Abi, &KernelTable)| absent.holds(&abi.name, &table.linux);
        let abis: Vec<_> = read
            .iter()
            .filter(holds)
            .map(|(abi, _)| format!("Abi::{}", variant(&abi.name)))
            .collect();
        let _ = writeln!(
            out,
            "    ({:?}, &[{}], Absent {{ why: {:?}, instead: {:?} }}),",
            absent.name,
            abis.join(", "),
            absent.why,
            absent.instead
        );
    }
    out.push_str("];\n\n");
    out.push_str(include_str!("hash.rs"));
    Ok(out)
}

/// `MipsO32` of `mips-o32`.
fn variant(name: &str) -> String {
    let mut variant = String::new();
    for word in name.split('-') {
        let (first, rest) = word.split_at(word.len().min(1));
        variant.extend([&*first.to_ascii_uppercase(), rest]);
    }
    variant
}

/// Numbers that follow each other, holes included, and the calls that have each: the table's own,
/// then its aliases.
struct Run<'c> {
    first: u32,
    slots: Vec<Vec<&'c Call<'c>>>,
}

fn runs_of<'c>(calls: &'c [Call<'c>]) -> Vec<Run<'c>> {
    let mut taken: BTreeMap<u32, Vec<&Call<'_>>> = BTreeMap::new();
    for call in calls {
        taken.entry(call.number).or_default().push(call);
    }
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (number, same) in taken {
        match runs.last_mut() {
            Some(run)
                if (number - run.first) as usize <= run.slots.len() + WIDEST_HOLE as usize =>
            {
                run.slots.resize((number - run.first) as usize, Vec::new());
                run.slots.push(same);
            }
            _ => runs.push(Run { first: number, slots: vec![same] }),
        }
    }
    runs
}

/// The names in an order in which each one's place is its [`slot`], and the seed of each
/// [`bucket`].
fn perfect(mut names: Vec<&str>) -> Result<(Pool<&str>, Vec<u16>), Error> {
    names.sort_unstable();
    names.dedup();
    let mut buckets = vec![Vec::new(); names.len().div_ceil(3)];
    for name in &names {
        let hash = hash(name.as_bytes());
        let at = bucket(hash, buckets.len());
        buckets[at].push((hash, *name));
    }
    // The fullest first, as long as there is room.
    let mut order: Vec<usize> = (0..buckets.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(buckets[at].len()));
    let mut seeds = vec![0; buckets.len()];
    let mut placed = vec![""; names.len()];
    for at in order {
        let free = |seed: u16| {
            let mut places: Vec<usize> = Vec::new();
            for (hash, _) in &buckets[at] {
                let place = slot(*hash, seed, names.len());
                if !placed[place].is_empty() || places.contains(&place) {
                    return None;
                }
                places.push(place);
            }
            Some((seed, places))
        };
        let Some((seed, places)) = (0..NONE).find_map(free) else {
            return Err(Error::plain(
                "no seed separates the calls' names; change the hash in emit/hash.rs",
            ));
        };
        for (place, (_, name)) in places.into_iter().zip(&buckets[at]) {
            placed[place] = name;
        }
        seeds[at] = seed;
    }
    let mut pool = Pool::default();
    for name in placed {
        pool.of(name);
    }
    Ok((pool, seeds))
}

/// Things that are the same stand once, and are known by their place.
struct Pool<T> {
    items: Vec<T>,
    places: BTreeMap<T, u16>,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { items: Vec::new(), places: BTreeMap::new() }
    }
}

impl<T: Clone + Ord> Pool<T> {
    /// The place of an item. That it is small enough is seen when the pool is written.
    fn of(&mut self, item: T) -> u16 {
        if let Some(place) = self.places.get(&item) {
            return *place;
        }
        let place = self.items.len() as u16;
        self.places.insert(item.clone(), place);
        self.items.push(item);
        place
    }
}

/// A prototype, its strings in pools.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Declared {
    source: u16,
    line: u32,
    optional: u16,
    /// Type and name of each.
    args: Vec<(u16, u16)>,
}

/// Entry points with their prototypes. A symbol that architectures define each for itself is
/// several.
#[derive(Default)]
struct Functions<'p> {
    known: BTreeMap<&'p str, &'p [Prototype]>,
    entries: Pool<(String, u16)>,
    prototypes: Pool<Declared>,
    sources: Pool<&'p str>,
    conditions: Pool<&'p str>,
    types: Pool<&'p str>,
    names: Pool<&'p str>,
}

impl Functions<'_> {
    fn entry(&mut self, abi: &Abi, entry: &str) -> u16 {
        let known = self.known.get(entry).copied().unwrap_or_default();
        let prototype = prototype(known, abi, entry).map_or(NONE, |found| {
            let args = found
                .args
                .iter()
                .map(|(ctype, name)| (self.types.of(ctype), self.names.of(name)))
                .collect();
            let optional =
                found.optional.as_ref().map_or(NONE, |condition| self.conditions.of(condition));
            self.prototypes.of(Declared {
                source: self.sources.of(&found.source),
                line: found.line,
                optional,
                args,
            })
        });
        self.entries.of((entry.to_owned(), prototype))
    }

    fn write(self, out: &mut String) -> Result<(), Error> {
        let (entries, prototype_of): (Vec<_>, Vec<_>) = self.entries.items.into_iter().unzip();
        strings(out, "ENTRIES", entries)?;
        array(out, "ENTRY_PROTOTYPE", "u16", prototype_of);
        let prototypes = self.prototypes.items;
        let (mut first, mut arguments) = (Vec::new(), Vec::new());
        for prototype in &prototypes {
            first.push(index(arguments.len())?);
            arguments.extend(&prototype.args);
        }
        first.push(index(arguments.len())?);
        array(out, "PROTOTYPE_SOURCE", "u16", prototypes.iter().map(|prototype| prototype.source));
        array(out, "PROTOTYPE_LINE", "u32", prototypes.iter().map(|prototype| prototype.line));
        array(
            out,
            "PROTOTYPE_OPTIONAL",
            "u16",
            prototypes.iter().map(|prototype| prototype.optional),
        );
        array(out, "PROTOTYPE_ARGUMENTS", "u16", first);
        array(out, "ARGUMENT_TYPE", "u16", arguments.iter().map(|(ctype, _)| ctype));
        array(out, "ARGUMENT_NAME", "u16", arguments.iter().map(|(_, name)| name));
        strings(out, "SOURCES", self.sources.items)?;
        strings(out, "CONDITIONS", self.conditions.items)?;
        strings(out, "TYPES", self.types.items)?;
        strings(out, "ARGUMENT_NAMES", self.names.items)
    }
}

/// An index as it is kept.
fn index(at: usize) -> Result<u16, Error> {
    let what = || {
        Error::plain(format!(
            "index {at} is too large for what is emitted; make emit/abis.rs wider"
        ))
    };
    u16::try_from(at).ok().filter(|at| *at != NONE).ok_or_else(what)
}

/// `static NAME: Strings`: the strings one after the other, and where each begins.
fn strings(out: &mut String, name: &str, items: Vec<impl AsRef<str>>) -> Result<(), Error> {
    index(items.len())?;
    let mut places = vec![0];
    let mut at = 0;
    let _ = writeln!(out, "pub(super) static {name}: Strings = Strings::new(\n    concat!(");
    for item in &items {
        let item = item.as_ref();
        let _ = writeln!(out, "        {item:?},");
        at += item.len();
        places.push(index(at)?);
    }
    let _ = writeln!(out, "    ),\n    &{name}_AT,\n);\n");
    array(out, &format!("{name}_AT"), "u16", places);
    Ok(())
}

/// `static NAME: [TYPE; N]`, in lines of a readable length.
fn array(out: &mut String, name: &str, of: &str, items: impl IntoIterator<Item = impl Display>) {
    let (mut count, mut lines, mut line) = (0, String::new(), String::new());
    for item in items {
        let item = format!(" {item},");
        if line.len() + item.len() > 115 {
            let _ = writeln!(lines, "   {line}");
            line.clear();
        }
        line += &item;
        count += 1;
    }
    let _ = writeln!(out, "pub(super) static {name}: [{of}; {count}] = [\n{lines}   {line}\n];\n");
}
