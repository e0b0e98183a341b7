//! Every ABI as a value: the data that `aio_sys::Abi` looks things up in. Each string is stored
//! once; everything else is an index.

use super::hash::{bucket, hash, slot};
use super::history::{Dates, dates};
use super::{Reason, Reasons, SubCall, prototype};
use crate::Error;
use crate::tables::{Abi, Call, ErrnoSet, KernelTable, Prototype, Tables, set_of};
use std::collections::BTreeMap;

/// A hole in the numbers that is wider than this starts a new run.
const WIDEST_HOLE: u32 = 256;

/// The index for "none".
const NONE: u16 = u16::MAX;

/// The input of the printer of the lookup.
pub struct Lookup<'t> {
    pub(crate) abis: Vec<Facts<'t>>,
    /// For each bucket of the perfect hash.
    pub(crate) seeds: Vec<u16>,
    /// The calls' names, each at the slot that its hash gives.
    pub(crate) names: Strings<&'t str>,
    /// For each ABI and each name, the slot of the call after the ABI's first.
    pub(crate) slot_of_name: Vec<u16>,
    /// Name, entry point and compat entry point of each call of each ABI.
    pub(crate) slots: Vec<[u16; 3]>,
    /// Entry points, and the prototype of each.
    pub(crate) entries: Strings<String>,
    pub(crate) prototype_of: Vec<u16>,
    pub(crate) prototypes: Vec<Declared>,
    /// The start of each prototype's arguments, and the end.
    pub(crate) first_arguments: Vec<u16>,
    pub(crate) sources: Strings<&'t str>,
    pub(crate) conditions: Strings<&'t str>,
    pub(crate) types: Strings<&'t str>,
    pub(crate) argument_names: Strings<&'t str>,
    /// The values and names of each set of error numbers.
    pub(crate) errnos: Vec<Vec<(u32, u16)>>,
    pub(crate) errno_names: Strings<&'t str>,
    pub(crate) dates: Dates<'t>,
    /// The bit of an audit architecture that is for little-endian ones.
    pub(crate) little: u32,
    /// Why ABIs do not have calls, and a bit for each of those ABIs.
    pub(crate) absent: Vec<(Reason, u64)>,
    /// What `socketcall` and `ipc` do.
    pub(crate) sub_calls: Vec<SubCall<'t>>,
}

/// The facts about an ABI.
pub(crate) struct Facts<'t> {
    pub(crate) abi: &'t Abi,
    pub(crate) table: &'t KernelTable,
    /// Its names and values in the kernel's audit.
    pub(crate) audit: Vec<(&'t str, u32)>,
    /// Its set of error numbers.
    pub(crate) errnos: usize,
    pub(crate) calls: usize,
    pub(crate) runs: Vec<Run>,
}

/// Numbers that follow each other, holes included.
pub(crate) struct Run {
    pub(crate) first: u32,
    pub(crate) count: usize,
    /// The slot of the first.
    pub(crate) slot: usize,
}

/// A prototype, its strings in pools.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Declared {
    pub(crate) source: u16,
    pub(crate) line: u32,
    pub(crate) optional: u16,
    /// Type and name of each.
    pub(crate) args: Vec<(u16, u16)>,
}

/// Concatenated strings, and the start of each; the last index is the end.
#[derive(Default)]
pub(crate) struct Strings<S> {
    pub(crate) items: Vec<S>,
    pub(crate) places: Vec<u16>,
}

/// Lowers every ABI, whether it has stubs or not.
pub fn lookup(tables: &Tables) -> Result<Lookup<'_>, Error> {
    let mut read = Vec::new();
    for abi in &tables.abis {
        read.push((abi, tables.table(&abi.table)?));
    }
    let mut sets: Vec<&ErrnoSet> = tables.errno_sets()?.iter().collect();
    let mut kernel = BTreeMap::new();
    for (abi, table) in &read {
        kernel.insert(&abi.table, *table);
    }
    sets.extend(kernel.values().flat_map(|table| &table.errnos));
    let every: Vec<_> = read.iter().map(|(abi, table)| abi.calls(table)).collect();
    let (mut names, seeds) = perfect(every.iter().flatten().map(|call| call.name).collect())?;
    let mut functions = Functions::of(tables.prototypes()?);
    let (mut slots, mut slot_of_name, mut abis) = (Vec::new(), Vec::new(), Vec::new());
    for (&(abi, table), calls) in read.iter().zip(&every) {
        let begin = slots.len();
        let mut of_name = vec![NONE; names.items.len()];
        let mut runs = Vec::new();
        for (first, same) in runs_of(calls) {
            runs.push(Run { first, count: same.len(), slot: slots.len() });
            for same in same {
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
        slot_of_name.extend(of_name);
        let calls = slots[begin..].iter().filter(|[name, ..]| *name != NONE).count();
        let mut audit = Vec::new();
        for name in &abi.audit {
            audit.extend(tables.lookup_value(name)?.map(|value| (name.as_str(), value)));
        }
        abis.push(Facts { abi, table, audit, errnos: set_of(&sets, &abi.arch)?, calls, runs });
    }
    let mut errno_names = Pool::default();
    let mut errnos = Vec::new();
    for set in sets {
        let mut values = Vec::new();
        for errno in &set.errnos {
            values.push((errno.value, errno_names.of(errno.name.as_str())));
        }
        errnos.push(values);
    }
    let reasons = Reasons::new(tables, tables.history()?)?;
    let mut absent = Vec::new();
    for (reason, abis) in reasons.of_all(read.iter().copied()) {
        let mut bits = 0;
        for at in abis {
            bits |= bit(at)?;
        }
        absent.push((reason, bits));
    }
    let (entries, prototype_of) = functions.entries.items.into_iter().unzip();
    let prototypes = functions.prototypes.items;
    let (mut first_arguments, mut arguments) = (vec![0], 0);
    for prototype in &prototypes {
        arguments += prototype.args.len();
        first_arguments.push(index(arguments)?);
    }
    let mut lookup = Lookup {
        abis,
        seeds,
        names: strings(names.items)?,
        slot_of_name,
        slots,
        entries: strings(entries)?,
        prototype_of,
        prototypes,
        first_arguments,
        sources: strings(functions.sources.items)?,
        conditions: strings(functions.conditions.items)?,
        types: strings(functions.types.items)?,
        argument_names: strings(functions.names.items)?,
        errnos,
        errno_names: strings(errno_names.items)?,
        dates: Dates::default(),
        little: tables.lookup_value("__AUDIT_ARCH_LE")?.unwrap_or_default(),
        absent,
        sub_calls: reasons.sub_calls,
    };
    lookup.dates = dates(tables, &lookup)?;
    Ok(lookup)
}

/// The calls that have one number.
type Same<'c, 't> = Vec<&'c Call<'t>>;

/// The runs of an ABI's numbers: the first number, and the calls that each has: the table's own,
/// then its aliases.
fn runs_of<'c, 't>(calls: &'c [Call<'t>]) -> Vec<(u32, Vec<Same<'c, 't>>)> {
    let mut taken: BTreeMap<u32, Same<'_, '_>> = BTreeMap::new();
    for call in calls {
        taken.entry(call.number).or_default().push(call);
    }
    let mut runs: Vec<(u32, Vec<Same<'_, '_>>)> = Vec::new();
    for (number, same) in taken {
        match runs.last_mut() {
            Some((first, slots))
                if (number - *first) as usize <= slots.len() + WIDEST_HOLE as usize =>
            {
                slots.resize((number - *first) as usize, Vec::new());
                slots.push(same);
            }
            _ => runs.push((number, vec![same])),
        }
    }
    runs
}

/// The names, ordered so that each index is the name's [`slot`], and the seed of each [`bucket`].
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
                "no seed separates the calls' names; change the hash in lower/hash.rs",
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

/// Stores equal items once; an index identifies each.
pub(super) struct Pool<T> {
    pub(super) items: Vec<T>,
    places: BTreeMap<T, u16>,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { items: Vec::new(), places: BTreeMap::new() }
    }
}

impl<T: Clone + Ord> Pool<T> {
    /// The index of an item. Its size is checked when the pool is written.
    pub(super) fn of(&mut self, item: T) -> u16 {
        if let Some(place) = self.places.get(&item) {
            return *place;
        }
        let place = self.items.len() as u16;
        self.places.insert(item.clone(), place);
        self.items.push(item);
        place
    }
}

/// Entry points with their prototypes. A symbol that several architectures define counts once for
/// each.
struct Functions<'p> {
    known: &'p [Prototype],
    entries: Pool<(String, u16)>,
    prototypes: Pool<Declared>,
    sources: Pool<&'p str>,
    conditions: Pool<&'p str>,
    types: Pool<&'p str>,
    names: Pool<&'p str>,
}

impl<'p> Functions<'p> {
    fn of(known: &'p [Prototype]) -> Functions<'p> {
        Functions {
            known,
            entries: Pool::default(),
            prototypes: Pool::default(),
            sources: Pool::default(),
            conditions: Pool::default(),
            types: Pool::default(),
            names: Pool::default(),
        }
    }

    fn entry(&mut self, abi: &Abi, entry: &str) -> u16 {
        let prototype = prototype(self.known, abi, entry).map_or(NONE, |found| {
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
}

/// An index as it is kept.
pub(super) fn index(at: usize) -> Result<u16, Error> {
    let what = || {
        Error::plain(format!(
            "index {at} is too large for what is emitted; make lower/lookup.rs wider"
        ))
    };
    u16::try_from(at).ok().filter(|at| *at != NONE).ok_or_else(what)
}

/// The bit of an ABI in a set of them.
fn bit(at: usize) -> Result<u64, Error> {
    let what = "there are more ABIs than a set has bits; make lower/lookup.rs wider";
    u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).ok_or_else(|| Error::plain(what))
}

/// Strings whose count fits into an index.
pub(super) fn strings<S: AsRef<str>>(items: Vec<S>) -> Result<Strings<S>, Error> {
    index(items.len())?;
    let (mut places, mut at) = (vec![0], 0);
    for item in &items {
        at += item.as_ref().len();
        places.push(index(at)?);
    }
    Ok(Strings { items, places })
}
