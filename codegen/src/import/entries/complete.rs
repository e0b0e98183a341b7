//! Finds definitions that are missing from a tree, according to its tables or the committed ones.

use super::choice::condition;
use super::uses::Use;
use super::{Architectures, Index};
use crate::Error;
use crate::import::c::text::tokens;
use crate::import::findings::Kind;
use crate::import::kernel::everywhere::Everywhere;
use crate::import::kernel::kbuild::{Built, Kbuild};
use crate::import::prototypes::Definition;
use crate::import::tree::{Read, Tree};
use crate::source::Doubt;
use crate::tables::{Abi, Bare, Why};
use std::collections::{BTreeMap, BTreeSet};

/// Reports a definition whose condition the tree does not show.
pub(super) fn understood(
    tree: &Tree<'_>,
    definition: &Definition,
    kbuild: &mut Kbuild<'_>,
    architectures: &Architectures<'_>,
    everywhere: &Everywhere<'_>,
) -> Result<(), Error> {
    let Definition { entry, source, line, .. } = definition;
    if tree.is_elsewhere(source) {
        return Ok(());
    }
    if kbuild.built(source)? == Built::Unnamed {
        let (directory, file) = source.rsplit_once('/').unwrap_or_default();
        let what = format!("no makefile here builds {file}, which defines {entry}");
        let error = tree.source.incomplete(directory, Doubt::Missing, what);
        tree.findings.judge(Kind::Unbuilt, error)?;
    }
    let when = condition(definition, kbuild)?.unwrap_or_default();
    for symbol in tokens(&when).into_iter().filter_map(|word| word.strip_prefix("CONFIG_")) {
        let here = architectures.values().any(|architecture| architecture.declares(symbol));
        if !here && !everywhere.declares(symbol)? {
            let what = format!("{entry} needs CONFIG_{symbol}, which no Kconfig file declares");
            let error = tree.source.incomplete_at(&tree.source.name(source), *line, what);
            tree.findings.judge(Kind::Undeclared, error)?;
        }
    }
    Ok(())
}

/// Reports the entry points of the tables that the tree does not define, where the committed tables
/// have them.
pub(super) fn check_complete(
    tree: &Tree<'_>,
    read: &Read<'_>,
    uses: &BTreeSet<Use<'_>>,
    bare: &[Bare],
    definitions: &Index<'_>,
) -> Result<(), Error> {
    let facts = tree.facts;
    let (before, before_bare) = (facts.prototypes()?, facts.bare()?);
    let newer = tree.linux >= *facts.prototypes_of()?;
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
    let mut gone: BTreeMap<&str, (Option<String>, &Use<'_>)> = BTreeMap::new();
    for bare in bare {
        for abi in facts.abis.iter().filter(|abi| bare.abis.contains(&abi.name)) {
            let source = place(&bare.entry, abi);
            let own = format!("arch/{}/", tree.arch(abi));
            let usable = |definition: &&&Definition| {
                !newer
                    || !definition.source.starts_with("arch/")
                    || definition.source.starts_with(&own)
            };
            let lost = match bare.why {
                Why::Assembler => false,
                Why::NotFound => true,
                // A definition of the committed tables must still exist, though this configuration
                // may leave it out.
                Why::NotBuilt => {
                    let all =
                        definitions.get(bare.entry.as_str()).map(Vec::as_slice).unwrap_or_default();
                    source.is_some() && !all.iter().any(|definition| usable(&definition))
                }
            };
            let used = uses.iter().find(|used| used.entry == bare.entry && used.abi == abi.name);
            if let Some(used) = used.filter(|used| lost && !used.wide.is_empty()) {
                gone.entry(&bare.entry).or_insert((source, used));
            }
        }
    }
    // An entry point with a known file gives the better message.
    let (placed, others): (Vec<_>, Vec<_>) =
        gone.into_iter().partition(|(_, (source, _))| source.is_some());
    // What a lost file has defined is one finding.
    let (in_files, placed): (Vec<_>, Vec<_>) = placed.into_iter().partition(|(_, (source, _))| {
        source.as_ref().is_some_and(|source| tree.source.exists(source))
    });
    let mut lost: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (entry, (source, _)) in placed {
        lost.entry(source.unwrap_or_default()).or_default().push(entry);
    }
    for (file, entries) in lost {
        let more = match entries.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = format!(
            "does not exist; mainline defines {}{more} there, and no file here does",
            entries[0]
        );
        tree.findings.judge(Kind::Undefined, Error::in_file(tree.source.name(&file), what))?;
    }
    // Some sources are published without their assembly.
    let archs: BTreeSet<&str> = others.iter().map(|(_, (_, used))| used.arch).collect();
    let files = |arch: &str| tree.source.list(&format!("arch/{arch}/kernel")).unwrap_or_default();
    let assembly = |arch: &&str| files(arch).iter().any(|file| file.name.ends_with(".S"));
    let others = match others.as_slice() {
        [(entry, _), _, ..] if !archs.iter().any(assembly) => {
            let what = format!(
                "has no assembly files (.S): {} entry points have no definition, such as {entry}",
                others.len()
            );
            tree.findings.judge(Kind::Undefined, tree.source.wrong("arch", what))?;
            Vec::new()
        }
        _ => others,
    };
    for (entry, (source, used)) in in_files.into_iter().chain(others) {
        let Use { call, abi, .. } = used;
        let error = match source {
            Some(source) => {
                let what = format!(
                    "does not define {entry}, the entry point of {call} on {abi}, and no other \
                     file does"
                );
                tree.source.incomplete(&source, Doubt::Missing, what)
            }
            None => {
                let what = format!("no file defines {entry}, the entry point of {call} on {abi}");
                let table = facts.abi(abi).and_then(|abi| {
                    let (_, table) = read.iter().find(|(source, _)| source.name == abi.table)?;
                    Some(table.source.as_str())
                });
                tree.at(table.unwrap_or_default(), entry, what)
            }
        };
        tree.findings.judge(Kind::Undefined, error)?;
    }
    Ok(())
}
