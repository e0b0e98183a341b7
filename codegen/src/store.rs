//! The places of tables: a checkout of this project, a directory that the user names, the tool
//! itself, or memory.

use crate::report::{coverage, pages::PAGES};
use crate::source::{Source, disk};
use crate::tables::history;
use crate::{Error, Tables, emit, import, lower};
use std::borrow::Cow;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where the repository keeps its tables, and below it those that `import` writes.
const TABLES: &str = "tables";
const LINUX: &str = "linux";

/// The checkout of this project that contains the tool, if any: cargo passes the package's
/// directory.
fn checkout() -> Option<PathBuf> {
    let place = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .or_else(|| std::env::current_dir().ok())?;
    let is_root = |directory: &&Path| {
        ["aio-sys/src/generated", "tables/linux"].iter().all(|part| directory.join(part).is_dir())
    };
    place.ancestors().find(is_root).map(Path::to_owned)
}

/// The same for a subcommand that writes into it; `otherwise` is the advice if there is none.
pub(crate) fn writable(otherwise: &str) -> Result<PathBuf, Error> {
    let what = || format!("no checkout of aio-sys to write to here; {otherwise}");
    checkout().ok_or_else(|| Error::plain(what()))
}

/// The tables that a subcommand reads: those of a directory, or the committed ones.
pub(crate) fn chosen(directory: Option<PathBuf>) -> Result<Tables, Error> {
    directory.map_or_else(committed, |directory| whole(&directory))
}

/// The committed tables: those of the checkout, or without one those that the tool was built with.
pub(crate) fn committed() -> Result<Tables, Error> {
    let Some(root) = checkout() else { return Tables::embedded() };
    let directory = root.join(TABLES);
    let tables = whole(&directory)?;
    let imported = imported_in(&directory);
    match aio_tables::IMPORTED.iter().find(|(name, _)| !imported.join(name).exists()) {
        Some((name, _)) => Err(missing(&imported.join(name))),
        None => Ok(tables),
    }
}

/// The tables whose history dates the calls of others: `None` for those that have one themselves,
/// and else the committed ones.
pub(crate) fn with_records(tables: &Tables) -> Result<Option<Tables>, Error> {
    if tables.history()?.releases.is_empty() { committed().map(Some) } else { Ok(None) }
}

/// The imported tables of a directory; all must exist.
pub(crate) fn whole(directory: &Path) -> Result<Tables, Error> {
    let tables = load(directory, &[])?;
    match tables.joined()?.iter().find(|name| !tables.has_table(name)) {
        Some(name) => Err(missing(&imported_in(directory).join(format!("{name}.toml")))),
        None => Ok(tables),
    }
}

fn missing(path: &Path) -> Error {
    Error::in_file(
        path.display().to_string(),
        "is missing from the tables next to it; import them again",
    )
}

/// The directory of the imported tables: a subdirectory in a repository, which also has handwritten
/// tables, and otherwise the directory itself.
pub(crate) fn imported_in(directory: &Path) -> PathBuf {
    let below = directory.join(LINUX);
    if directory.join("abis.toml").is_file() && below.is_dir() {
        below
    } else {
        directory.to_owned()
    }
}

/// The handwritten tables for an import into a directory: those of the directory, and otherwise the
/// tool's own. Messages about the latter tell how to replace them.
fn handwritten(directory: &Path) -> Result<Vec<(String, String, Cow<'static, str>)>, Error> {
    let mut found = Vec::new();
    for &(name, text) in aio_tables::BY_HAND {
        let path = directory.join(name);
        found.push(match path.symlink_metadata().is_ok() {
            true => (name.to_owned(), path.display().to_string(), disk::read(&path)?.into()),
            false => (name.to_owned(), format!("{TABLES}/{name}"), text.into()),
        });
    }
    Ok(found)
}

/// Where a checkout has the tables that are written by hand.
pub(crate) fn by_hand_in(root: &Path) -> PathBuf {
    root.join(TABLES)
}

/// The tables before an import: the handwritten ones of the target directory, and the imported ones
/// that the tool was built with.
pub(crate) fn facts(directory: &Path) -> Result<Tables, Error> {
    let imported = aio_tables::IMPORTED.iter().map(|&(name, text)| {
        (name.to_owned(), format!("{TABLES}/{LINUX}/{name}"), Cow::Borrowed(text))
    });
    let mut by_hand = handwritten(directory)?;
    for (name, shown, _) in &mut by_hand {
        // Messages name the file to correct.
        let own = directory.join(&*name).display().to_string();
        if *shown != own {
            *shown = format!("{own}, a copy of {shown}");
        }
    }
    Tables::new(by_hand.into_iter().chain(imported).collect())
}

/// The tables of a directory, with `newer` instead of those it has. Handwritten tables that it does
/// not have are the repository's.
pub(crate) fn load(directory: &Path, newer: &[(String, String)]) -> Result<Tables, Error> {
    let mut found = handwritten(directory)?;
    let imported = imported_in(directory);
    let mut names: Vec<String> =
        aio_tables::IMPORTED.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(
        Tables::new(found.clone())?.sources.iter().map(|source| format!("{}.toml", source.name)),
    );
    names.push(history::FILE.to_owned());
    for name in names {
        // The history belongs to the tables next to it; other tables have none.
        let path = match name == history::FILE {
            true => directory.join(&name),
            false => imported.join(&name),
        };
        if found.iter().any(|(known, ..)| *known == name) {
            continue;
        } else if let Some((_, text)) = newer.iter().find(|(newer, _)| *newer == name) {
            found.push((name, path.display().to_string(), text.clone().into()));
        } else if path.symlink_metadata().is_ok() {
            found.push((name, path.display().to_string(), disk::read(&path)?.into()));
        }
    }
    let no_table = |(name, ..): &(String, String, Cow<'_, str>)| {
        name == history::FILE || aio_tables::BY_HAND.iter().any(|(known, _)| known == name)
    };
    if found.iter().all(no_table) {
        return Err(Error::in_file(
            imported.display().to_string(),
            "has no imported tables; create them with `import`",
        ));
    }
    Tables::new(found)
}

/// Tables in memory, together with the handwritten ones; `shown` is their origin.
///
/// # Errors
/// The tables written by hand cannot be read.
pub fn in_memory(shown: &str, imported: &[(String, String)]) -> Result<Tables, Error> {
    let by_hand = aio_tables::BY_HAND
        .iter()
        .map(|&(name, text)| (name.to_owned(), format!("{TABLES}/{name}"), text.into()));
    let imported = imported
        .iter()
        .map(|(name, text)| (name.clone(), format!("{shown}: {name}"), text.clone().into()));
    Tables::new(by_hand.chain(imported).collect())
}

/// Refuses a tree that is older than the repository's tables, which would lose what is newer. The
/// tables of removed ABIs are imported from older trees, one by one.
pub(crate) fn check_not_older(root: &Path, tree: &Source, only: &[String]) -> Result<(), Error> {
    let tables = load(&root.join(TABLES), &[])?;
    let (frozen, current): (Vec<_>, Vec<_>) =
        tables.sources.iter().partition(|source| source.frozen.is_some());
    let is_frozen = |name: &String| frozen.iter().any(|source| source.name == *name);
    if !only.is_empty() && only.iter().all(is_frozen) {
        return Ok(());
    }
    // A table that cannot be read is about to be repaired.
    let read = current.iter().filter_map(|source| tables.table(&source.name).ok());
    let (linux, newest) = (tree.version()?, read.map(|table| &table.linux).max());
    match newest.filter(|newest| linux < **newest) {
        Some(newest) => {
            let what = format!(
                "is Linux {linux}, which is older than the tables of this repository, from \
                 {newest}; pass --tables DIR to import it into another directory"
            );
            Err(Error::in_file(tree.shown(), what))
        }
        None => Ok(()),
    }
}

/// The files of a checkout that an import changes: the imported tables, and what is emitted from
/// them. An import that would lose a table or an ABI is refused.
pub(crate) fn update(
    root: &Path,
    tree: &Source,
    all: bool,
    mut imported: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, Error> {
    let directory = root.join(TABLES);
    let old = load(&directory, &[])?;
    if all {
        import::nothing_missing(&old, tree, &imported)?;
    }
    let mut new = load(&directory, &imported)?;
    import::check_nothing_lost(&old, &new, &imported)?;
    let mut tables: Vec<(String, String)> = imported
        .iter()
        .map(|(name, text)| (format!("{TABLES}/{LINUX}/{name}"), text.clone()))
        .collect();
    if let Some(text) = import::history::updated(&old, &new, &tree.version()?)? {
        tables.push((format!("{TABLES}/{}", history::FILE), text.clone()));
        imported.push((history::FILE.to_owned(), text));
        new = load(&directory, &imported)?;
    }
    tables.extend(emit_copies(root, &new)?);
    Ok(tables)
}

/// The files of a checkout that another history changes.
pub(crate) fn with_history(root: &Path, text: String) -> Result<Vec<(String, String)>, Error> {
    let name = history::FILE;
    let copies = emit_copies(root, &load(&root.join(TABLES), &[(name.to_owned(), text.clone())])?)?;
    Ok(std::iter::once((format!("{TABLES}/{name}"), text)).chain(copies).collect())
}

/// The imported tables of a directory that an import of a whole tree does not rewrite: they are of
/// another kernel.
pub(crate) fn left_over(directory: &Path, imported: &[(String, String)]) -> Vec<PathBuf> {
    let names = aio_tables::IMPORTED.iter().map(|(name, _)| *name);
    let left = names.filter(|name| imported.iter().all(|(new, _)| new != name));
    left.map(|name| directory.join(name)).filter(|path| path.is_file()).collect()
}

/// Reads every file that is to be written into a directory.
pub(crate) fn check_readable(directory: &Path, imported: &[(String, String)]) -> Result<(), Error> {
    let tables = load(directory, imported)?;
    for (name, _) in imported {
        match name.trim_end_matches(".toml") {
            "prototypes" => tables.prototypes().map(drop)?,
            "errno" => tables.errno_sets().map(drop)?,
            "uapi" => tables.constants().map(drop)?,
            "lookup" => tables.lookup_constants().map(drop)?,
            table => tables.table(table).map(drop)?,
        }
    }
    Ok(())
}

/// The report on entry points after an import of tables and prototypes.
///
/// # Errors
/// The imported tables cannot be read.
pub fn summary(imported: &[(String, String)]) -> Result<Vec<String>, Error> {
    if imported.len() == 1 || !imported.iter().any(|(name, _)| name == "prototypes.toml") {
        return Ok(Vec::new());
    }
    coverage::summary(&in_memory("", imported)?)
}

/// Every file of the repository that is emitted from the tables: path and text.
pub(crate) fn emit_copies(root: &Path, tables: &Tables) -> Result<Vec<(String, String)>, Error> {
    let place = |name: &str| format!("aio-sys/src/generated/{name}.rs");
    let mut copies = vec![
        (place("target"), emit::choice(tables)),
        (place("abis"), emit::abis(&lower::lookup(tables)?)),
    ];
    for abi in tables.abis.iter().filter(|abi| abi.stub().is_some()) {
        copies.push((place(&abi.name), emit::target(&lower::target(tables, abi)?)));
    }
    for (path, written) in PAGES {
        let text = written(tables, path, &disk::read(&root.join(path))?)?;
        copies.push((path.to_owned(), text));
    }
    Ok(copies)
}

/// Writes the files that differ into a directory and returns their names: each to a temporary file
/// first, and none renamed before all are written.
pub(crate) fn replace(directory: &Path, files: &[(String, String)]) -> Result<Vec<String>, Error> {
    let wrong = |path: &Path, what: String| {
        Error::in_file(path.display().to_string(), format!("cannot be written: {what}"))
    };
    let failed = |error: std::io::Error| wrong(directory, error.to_string());
    let mut written = Vec::new();
    for (name, text) in files {
        let path = directory.join(name);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).map_err(failed)?;
        // Opening a named pipe would block until it has a writer.
        match fs::metadata(&path) {
            Ok(there) if there.is_dir() => {
                return Err(wrong(&path, "it is a directory".to_owned()));
            }
            Ok(there) if !there.is_file() => {
                return Err(wrong(&path, "it is not a regular file".to_owned()));
            }
            _ => {}
        }
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            continue;
        }
        let mut temporary = tempfile::Builder::new()
            .prefix(".")
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(parent)
            .map_err(failed)?;
        temporary.as_file_mut().write_all(text.as_bytes()).map_err(failed)?;
        written.push((temporary, path, name.clone()));
    }
    let mut names = Vec::new();
    for (temporary, path, name) in written {
        temporary.persist(&path).map_err(|error| failed(error.error))?;
        names.push(name);
    }
    Ok(names)
}
