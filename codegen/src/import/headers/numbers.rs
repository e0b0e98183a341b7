//! The numbers of an ABI from the headers of a tree: what user space sees, what the kernel
//! compiles, what depends on the configuration, and what has no name.

use crate::Error;
use crate::import::c::{Unit, Unsure};
use crate::import::findings::{Findings, Kind};
use crate::import::kernel::everywhere::Everywhere;
use crate::import::tree::{self, Tree};
use crate::import::unistd::{self, Numbers};
use crate::tables::{Abi, NO_CALL, Row, TableSource};
use std::collections::BTreeSet;

/// Headers whose list the kernel counts, and the file that does: up to Linux 3.19. Mainline's 3.17
/// is one line short there, so getrandom answers to the number of seccomp.
const COUNTED: &[(&str, &str)] =
    &[("arch/arm64/include/asm/unistd32.h", "arch/arm64/kernel/sys32.S")];

/// The macros with the number of calls that the kernel's table has room for, and what to add: on
/// MIPS it is the last number.
const COUNTS: &[(&str, i64)] = &[
    ("__NR_Linux_syscalls", 1),
    ("__NR_syscalls", 0),
    ("NR_syscalls", 0),
    ("NR_SYSCALLS", 0),
    ("__NR_syscall_count", 0),
];
const COMPAT_COUNTS: &[(&str, i64)] = &[("__NR_compat_syscalls", 0)];

/// Reads the header that has the numbers of an ABI. `None` if it cannot be read.
pub(in crate::import) fn read<'f>(
    tree: &Tree<'f>,
    table: &TableSource,
    abi: &'f Abi,
    header: &str,
) -> Result<Option<Numbers<'f>>, Error> {
    let name = tree.source.name(header);
    let mut symbols = BTreeSet::new();
    let mut found: Option<Numbers<'_>> = None;
    if tree.source.is_file(header) {
        tree.findings.accept(Kind::Unreadable, tree.findings.whole(tree.source, header))?;
    }
    loop {
        let Some((unit, built)) = units(tree, table, abi, header, &symbols)? else {
            return Ok(found);
        };
        let counted = COUNTED.iter().find(|(counted, _)| *counted == header);
        if let Some((_, file)) = counted.filter(|(_, file)| tree.source.is_file(file)) {
            let checked = unistd::check_places(&unit, file);
            tree.findings.accept(Kind::Unsorted, checked)?;
        }
        let read = unistd::numbers(&unit, built.as_ref(), abi, &name, tree.findings)?;
        match &mut found {
            Some(found) => add(found, read),
            None => found = Some(read),
        }
        let before = symbols.len();
        for unit in [Some(&unit), built.as_ref()].into_iter().flatten() {
            symbols.extend(optional(tree, unit)?);
        }
        if symbols.len() == before {
            return Ok(found);
        }
    }
}

/// The header as user space sees it, with the symbols of a configuration, and as the kernel's table
/// includes it, which is compiled with `__KERNEL__`, if it has the kernel's list.
fn units(
    tree: &Tree<'_>,
    table: &TableSource,
    abi: &Abi,
    header: &str,
    symbols: &BTreeSet<String>,
) -> Result<Option<(Unit, Option<Unit>)>, Error> {
    let Tree { source, findings, .. } = tree;
    let headers = tree.headers(abi);
    // __SYSCALL expands to itself, so that the lines that use it remain.
    let mut macros = vec![("__SYSCALL", "__SYSCALL")];
    macros.extend(symbols.iter().map(|symbol| (symbol.as_str(), "1")));
    let left_out = |why: Error| tree.leave_out(abi, why).map(|()| None);
    let (unit, included) = match headers.preprocess_for(abi, header, &macros, None) {
        Err(error) if !source.exists(header) => return left_out(error),
        read => match findings.accept(Kind::Unreadable, read)? {
            Some(read) => read,
            None => return Ok(None),
        },
    };
    if let Some(missing) = unit.missing.iter().find(|missing| missing.text.contains("unistd")) {
        let is_own = missing.text.trim_start_matches("asm/").starts_with("unistd");
        let [file, makefile] = tree::places(source, table);
        match source.text(&file) {
            // The kernel generates the header from a table, so the table is what is missing.
            Err(error) if is_own && source.is_file(&makefile) => return left_out(error),
            Err(_) if is_own => {
                let what = format!("includes <{}>, which does not exist", missing.text);
                return left_out(Error::at(&*missing.file, missing.line, what));
            }
            _ => {
                let error = headers.missing_header(&missing.text, &missing.file, missing.line);
                findings.judge(Kind::Unreadable, error)?;
            }
        }
    }
    let built = match unistd::has_list(&unit) {
        true => {
            let read = headers.preprocess_for_table(abi, header, &macros, &included);
            findings.accept(Kind::Names, read)?
        }
        false => None,
    };
    match &built {
        Some(built) => {
            headers.check_missing(&unit, is_number, findings)?;
            headers.check_decided(built, unistd::is_element, findings)?;
        }
        None => {
            let needed = |what: &str| is_number(what) || unistd::is_element(what);
            headers.check_missing(&unit, needed, findings)?;
        }
    }
    Ok(Some((unit, built)))
}

fn is_number(what: &str) -> bool {
    unistd::called(what).is_some()
}

/// The symbols of the configuration that decide about numbers, or about the kernel's list. Reports
/// each such condition. A symbol that the tree does not declare is never defined.
pub(super) fn optional(tree: &Tree<'_>, unit: &Unit) -> Result<Vec<String>, Error> {
    let everywhere = Everywhere::new(tree);
    let mut found = Vec::new();
    for Unsure { at, names, within } in &unit.unsure {
        let mut needed = within.iter().filter(|what| is_number(what));
        let Some(first) =
            needed.next().or_else(|| within.iter().find(|what| unistd::is_element(what)))
        else {
            continue;
        };
        let others = match needed.count() {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        for name in names {
            let Some(symbol) = name.strip_prefix("CONFIG_") else { continue };
            let (kind, why) = match everywhere.declares(symbol)? {
                true => (Kind::Optional, "; not every kernel has it"),
                false => (Kind::Undeclared, ", which no Kconfig file declares; it is not defined"),
            };
            let what = format!("`{first}`{others} depends on {name}{why}");
            tree.findings.judge(kind, Error::at(&*at.file, at.line, what))?;
            found.extend((kind == Kind::Optional).then(|| name.clone()));
        }
    }
    Ok(found)
}

/// Adds the calls that only another configuration has, and their entry points.
fn add(found: &mut Numbers<'_>, others: Numbers<'_>) {
    for row in others.rows {
        let known =
            found.rows.iter_mut().find(|known| known.nr == row.nr || known.name == row.name);
        match known {
            Some(known) if known.nr == row.nr && known.name == row.name => {
                if known.entry.as_deref().is_none_or(|entry| entry == NO_CALL) {
                    *known = row;
                }
            }
            Some(_) => {}
            None => found.rows.push(row),
        }
    }
    found.rows.sort_by_key(|row| row.nr);
    let new = |name: &(u32, String)| {
        !found.names.contains(name) && !found.rows.iter().any(|row| row.name == name.1)
    };
    let names: Vec<_> = others.names.into_iter().filter(new).collect();
    found.names.extend(names);
    found.names.sort();
    for unnamed in others.unnamed {
        if found.unnamed.iter().all(|known| known.nr != unnamed.nr) {
            found.unnamed.push(unnamed);
        }
    }
    let Numbers { rows, unnamed, .. } = found;
    unnamed.retain(|unnamed| rows.iter().all(|row| row.nr != unnamed.nr));
}

/// Reports the first call that the kernel's table has no room for: who adds a call may forget the
/// count, which is in the header with the numbers or in the kernel's own.
pub(in crate::import) fn check_count(
    tree: &Tree<'_>,
    numbers: &Numbers<'_>,
    header: &str,
) -> Result<(), Error> {
    let Tree { source, findings, .. } = tree;
    let abi = numbers.abi;
    let headers = tree.headers(abi);
    let Ok((_, included)) = headers.preprocess_for(abi, header, &[], None) else { return Ok(()) };
    let kernel = format!("arch/{}/include/asm/unistd.h", abi.arch);
    let places = [header, &kernel].into_iter().filter(|place| source.is_file(place));
    let counts = if abi.uapi { COUNTS } else { COMPAT_COUNTS };
    for place in places {
        let symbols = [("CONFIG_COMPAT", "1")];
        let Ok(unit) = headers.preprocess_for_table(abi, place, &symbols, &included) else {
            continue;
        };
        let count = counts.iter().find_map(|(name, more)| {
            let value = unit.value(name).ok().flatten()?;
            let of = unit.macros().into_iter().find(|of| of.name == *name)?;
            Some((of, value + more, value))
        });
        let Some((of, count, value)) = count else { continue };
        let there = numbers.rows.iter().filter(|row| row.entry.as_deref() != Some(NO_CALL));
        if let Some(row) = there.filter(|row| i64::from(row.nr) >= count).min_by_key(|row| row.nr) {
            let what = format!(
                "{} is {value}, but {} is {}, so the kernel answers ENOSYS; raise it",
                of.name, row.name, row.nr
            );
            findings.judge(Kind::Beyond, Error::at(&*of.file, of.line, what))?;
        }
        break;
    }
    Ok(())
}

/// Names the calls in the kernel's list for which the header defines no name. A header that is not
/// installed needs no names: the ABI whose `programs` make these calls has them in its own. What it
/// does not have either is named by its entry point. Without such an ABI, a call that has no name
/// is left out: user space cannot see it. `false` if the ABI has to be left out.
pub(in crate::import) fn name(
    tree: &Tree<'_>,
    numbers: &mut Numbers<'_>,
    programs: Option<&Abi>,
) -> Result<bool, Error> {
    let unnamed = std::mem::take(&mut numbers.unnamed);
    let (Some(first), findings) = (unnamed.first(), tree.findings) else { return Ok(true) };
    let Some(programs) = programs else {
        for call in &unnamed {
            findings.judge(Kind::Unnumbered, call.wrong(""))?;
        }
        return Ok(true);
    };
    let header = tree.headers(programs).unistd();
    let Some(names) = rows(tree, programs, &header) else {
        let header = tree.source.name(&header);
        let then = format!(", and {header}, which has the names for programs, cannot be read");
        return tree.leave_out(numbers.abi, first.wrong(&then)).map(|()| false);
    };
    let known = tree.facts.imported()?;
    for call in &unnamed {
        let is_free = |name: &&str| numbers.rows.iter().all(|row| row.name != **name);
        let name = names.iter().find(|row| row.nr == call.nr).map(|row| row.name.as_str());
        let can_be = |name: &&str| {
            let rows = known.values().flat_map(|table| &table.rows);
            let same = rows.filter(|row| row.name == **name);
            let entries = same.flat_map(|row| [&row.entry, &row.compat]).flatten();
            call.can_be(name, entries.map(String::as_str))
        };
        if let Some(name) = name.filter(is_free).filter(can_be) {
            numbers.rows.push(call.named(name));
            continue;
        }
        let own = call.own_name().filter(is_free);
        let then = own.map_or(String::new(), |name| format!("; the tables call it {name}"));
        findings.judge(Kind::Unnumbered, call.wrong(&then))?;
        numbers.rows.extend(own.map(|name| call.named(name)));
    }
    numbers.rows.sort_by_key(|row| row.nr);
    Ok(true)
}

/// The rows of another ABI from its header; none where it has a `.tbl`, since by then every header
/// had all names. What is wrong with that header is reported when its own table is read.
fn rows(tree: &Tree<'_>, abi: &Abi, header: &str) -> Option<Vec<Row>> {
    let table = tree.facts.sources.iter().find(|table| table.name == abi.table)?;
    if tree.source.exists(&table.source) {
        return Some(Vec::new());
    }
    let findings = Findings::lenient();
    let numbers = read(&tree.with(&findings), table, abi, header).ok()??;
    Some(numbers.rows)
}
