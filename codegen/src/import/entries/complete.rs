//! What a tree does not define, though its tables or the committed ones say that it should.

use super::choice::condition;
use super::uses::Use;
use super::{Architectures, Index};
use crate::Error;
use crate::import::c::text::tokens;
use crate::import::kernel::kbuild::{Built, Kbuild};
use crate::import::prototypes::Definition;
use crate::import::tree::{Read, Tree};
use crate::source::{Doubt, Source};
use crate::tables::{Abi, Bare, Why};
use std::collections::{BTreeMap, BTreeSet};

/// Refuses a definition of which the tree does not say when the kernel has it.
pub(super) fn understood(
    tree: &Source,
    definition: &Definition,
    kbuild: &mut Kbuild<'_>,
    architectures: &Architectures<'_>,
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
pub(super) fn complete(
    tree: &Tree<'_>,
    read: &Read<'_>,
    uses: &BTreeSet<Use<'_>>,
    bare: &[Bare],
    definitions: &Index<'_>,
) -> Result<(), Error> {
    let facts = tree.facts;
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
    let what = format!(
        "does not define {entry}, in which {call} of {abi} ends, nor does any other file{others}"
    );
    Err(tree.source.incomplete(source.as_deref().unwrap_or_default(), Doubt::Missing, what))
}
