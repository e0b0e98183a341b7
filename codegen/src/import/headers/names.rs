//! Facts about an ABI's calls that only headers and C files have: aliases, private calls, removed
//! names, bases, swapped entry points.

use super::SearchPath;
use super::numbers::optional;
use crate::Error;
use crate::import::findings::Kind;
use crate::import::tbl::Rows;
use crate::import::tree::Tree;
use crate::import::unistd::{self, called};
use crate::source::{Doubt, Source};
use crate::tables::{Abi, Extra, KernelTable, Taker};
use crate::version::Version;
use std::collections::BTreeSet;

/// Whether the architecture's `asm/unistd.h` includes the header of an ABI that no makefile
/// generates.
pub(in crate::import) fn asks(headers: &SearchPath<'_>, abi: &Abi) -> Result<bool, Error> {
    let (unit, _) = headers.preprocess_for(abi, &headers.unistd(), &[], None)?;
    Ok(unit.missing.iter().any(|missing| missing.text.strip_prefix("asm/") == Some(&abi.header)))
}

/// Checks the ABI's block against its `asm/unistd.h`, and returns the names that the header adds or
/// removes.
pub(in crate::import) fn names(
    tree: &Tree<'_>,
    abi: &Abi,
    taker: &Taker,
    rows: &Rows,
) -> Result<Option<Extra>, Error> {
    if !abi.uapi {
        return Ok(None);
    }
    let (findings, headers) = (tree.findings, tree.headers(abi));
    let source = headers.unistd();
    let wrong = |what: String| tree.source.wrong(&source, what);
    let mut generated = "#define AIO_SYS_ROWS\n".to_owned();
    let rows: Vec<(u32, &str)> = rows
        .iter()
        .filter(|(_, row)| taker.takes(&row.tag))
        .map(|(_, row)| (row.nr, row.name.as_str()))
        .collect();
    for (nr, name) in &rows {
        generated += &format!("#define __NR_{name} {}\n", abi.base.wrapping_add(*nr));
    }
    let include = format!("asm/{}", abi.header);
    let mut symbols = BTreeSet::new();
    let unit = loop {
        let macros: Vec<_> = symbols.iter().map(|symbol: &String| (symbol.as_str(), "1")).collect();
        let read = headers.preprocess_for(abi, &source, &macros, Some((&include, &generated)));
        let Some((unit, _)) = findings.accept(Kind::Names, read)? else { return Ok(None) };
        let before = symbols.len();
        symbols.extend(optional(tree, &unit)?);
        if symbols.len() == before {
            break unit;
        }
    };
    let macros = unit.macros();
    if !macros.iter().any(|found| found.name == "AIO_SYS_ROWS") {
        let to = format!(
            "does not include <{include}> for {}; correct `header` or `predefined` in {}",
            abi.name,
            tree.facts.path("abis.toml")
        );
        findings.judge(Kind::Names, wrong(to))?;
        return Ok(None);
    }
    headers.check_missing(&unit, |what| called(what).is_some(), findings)?;
    unistd::check_numbers(&unit, findings)?;
    let base = match unistd::read_base(&unit, abi) {
        Ok(Some(base)) => base,
        Ok(None) => {
            let name = abi.base_macro.as_deref().unwrap_or_default();
            let file = tree.facts.path("abis.toml");
            let what = format!("does not define {name}; correct `base_macro` in {file}");
            findings.judge(Kind::Names, wrong(what))?;
            i64::from(abi.base)
        }
        Err(what) => {
            findings.judge(Kind::Base, wrong(what))?;
            i64::from(abi.base)
        }
    };
    let mut extra =
        Extra { abis: vec![abi.name.clone()], source: source.clone(), ..Extra::default() };
    for found in &macros {
        let Some((name, _)) = called(&found.name) else { continue };
        if rows.iter().any(|(_, row)| *row == name) {
            continue;
        }
        let value = findings.accept(Kind::Unnumbered, unit.value(&found.name))?.flatten();
        match value.and_then(|value| u32::try_from(value.checked_sub(base)?).ok()) {
            Some(number) => extra.names.push((number, name.to_owned())),
            None => findings.judge(Kind::Unnumbered, unistd::no_number(found))?,
        }
    }
    extra.names.sort();
    let kept =
        |name: &str| macros.iter().any(|found| found.name.strip_prefix("__NR_") == Some(name));
    extra.removed =
        rows.iter().filter(|(_, name)| !kept(name)).map(|(_, name)| (*name).to_owned()).collect();
    finish(tree.source, extra)
}

/// Refuses a header that is missing a name which the committed table, of the same or an older
/// kernel, has for one of the rows.
pub(in crate::import) fn kept(
    source: &Source,
    linux: &Version,
    before: &KernelTable,
    abi: &Abi,
    rows: &Rows,
    extra: Option<&Extra>,
) -> Result<(), Error> {
    if linux < &before.linux {
        return Ok(());
    }
    let here = |nr: u32| rows.iter().any(|(_, row)| row.nr == nr);
    let kept = |name: &String| {
        extra.is_some_and(|extra| extra.names.iter().any(|(_, other)| other == name))
    };
    let lost =
        before.extras_of(abi).flat_map(|extra| extra.names.iter().map(move |named| (extra, named)));
    match lost.into_iter().find(|(_, (nr, name))| here(*nr) && !kept(name)) {
        None => Ok(()),
        Some((extra, (_, name))) => {
            let what =
                format!("does not define __NR_{name}, which it did in Linux {}", before.linux);
            Err(source.incomplete(&extra.source, Doubt::CutOff, what))
        }
    }
}

/// The entry points that an architecture swaps before it includes the shared table: `#define
/// sys_clone sys_clone_wrapper`. `listed` are those of the ABI's rows.
pub(in crate::import) fn redirects(
    tree: &Tree<'_>,
    abi: &Abi,
    listed: &[&str],
) -> Result<Option<Extra>, Error> {
    let Tree { source, findings, .. } = tree;
    let Some(file) = &abi.redirects else { return Ok(None) };
    let read = findings.whole(source, file);
    let Some(text) = findings.accept(Kind::Code, read)? else { return Ok(None) };
    // The swaps are before the array that uses them.
    if !text.contains("sys_call_table[") {
        let error = source.incomplete(file, Doubt::CutOff, "does not define sys_call_table");
        findings.judge(Kind::Code, error)?;
    }
    let mut extra =
        Extra { abis: vec![abi.name.clone()], source: file.clone(), ..Extra::default() };
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["#define", from, to] = words.as_slice() else { continue };
        // arm64 puts its own prefix before every symbol.
        let prefix = format!("__{}_", abi.arch);
        let (from, to) =
            (from.strip_prefix(&prefix).unwrap_or(from), to.strip_prefix(&prefix).unwrap_or(to));
        if listed.contains(&from) {
            extra.redirects.push((from.to_owned(), to.to_owned()));
        }
    }
    finish(source, extra)
}

/// The names that a table, or a header with numbers, has besides the rows.
pub(in crate::import) fn further(
    source: &Source,
    abi: &Abi,
    names: Vec<(u32, String)>,
    file: &str,
) -> Result<Option<Extra>, Error> {
    let abis = vec![abi.name.clone()];
    finish(source, Extra { abis, source: file.to_owned(), names, ..Extra::default() })
}

/// Adds the hash; a file that adds nothing is skipped.
fn finish(source: &Source, mut extra: Extra) -> Result<Option<Extra>, Error> {
    if extra.names.is_empty() && extra.removed.is_empty() && extra.redirects.is_empty() {
        return Ok(None);
    }
    extra.sha256 = source.sha256(&extra.source)?;
    Ok(Some(extra))
}
