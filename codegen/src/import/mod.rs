//! From a kernel source tree, or from installed headers, to `tables/`: read everything, check
//! everything, and only then hand over the files.

mod c;
mod condition;
mod cpp;
mod entries;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod header;
mod installed;
mod kbuild;
mod kconfig;
mod makefile;
mod prototypes;
mod render;
mod tbl;
mod tree;
mod unistd;

use crate::Error;
use crate::source::files;
use crate::tables::{Constant, Constants, ErrnoSet, Extra, KernelTable, TableSource, Tables};
use crate::version::Version;
use header::Includes;
use std::collections::BTreeSet;
use std::path::Path;

/// Prefixes of constants' names, the Rust type of the field that takes them, and the series that
/// began them.
type Group = (&'static [&'static str], &'static str, &'static str);

/// The constants that `uapi.toml` holds, by header.
const CONSTANTS: &[(&str, &[Group])] = &[
    (
        "include/uapi/linux/aio_abi.h",
        &[(&["IOCB_CMD_"], "u16", "2.6"), (&["IOCB_FLAG_"], "u32", "2.6")],
    ),
    ("include/uapi/linux/fs.h", &[(&["RWF_"], "i32", "4.6")]),
    ("include/uapi/linux/auxvec.h", &[(&["AT_HWCAP2"], "usize", "3.10")]),
    ("arch/x86/include/uapi/asm/auxvec.h", &[(&["AT_SYSINFO"], "usize", "2.6")]),
    ("arch/powerpc/include/uapi/asm/cputable.h", &[(&["PPC_FEATURE2_SCV"], "usize", "5.9")]),
    ("include/uapi/linux/uio.h", &[(&["UIO_MAXIOV"], "usize", "2.6")]),
    ("fs/aio.c", &[(&["AIO_RING_MAGIC", "AIO_RING_COMPAT_", "AIO_RING_INCOMPAT_"], "u32", "3.10")]),
];

/// Those that architectures have values of their own for, by header: their names, and the rest as
/// above.
const CONSTANTS_OF_ARCH: &[(&str, &[&str], &str, &str)] = &[
    ("asm/fcntl.h", &["O_NONBLOCK", "O_CLOEXEC"], "i32", "2.6"),
    ("asm/mman.h", &["PROT_READ", "PROT_WRITE", "MAP_ANONYMOUS", "MADV_WIPEONFORK"], "i32", "4.14"),
    ("linux/mman.h", &["MAP_PRIVATE"], "i32", "5.1"),
    (
        "asm/poll.h",
        &["POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLRDHUP"],
        "u16",
        "2.6",
    ),
];

/// The files to write: name and text.
pub(crate) type Files = Vec<(String, String)>;

/// Imports a kernel tree. `only` names the files to import (`x86_64`, `prototypes`, …); empty: all
/// that the tree is for.
pub(crate) fn tree(root: &Path, facts: &Tables, only: &[String]) -> Result<Files, Error> {
    let linux = tree::version(root)?;
    let others = ["prototypes", "errno", "uapi"];
    if let Some(unknown) = only.iter().find(|name| {
        !others.contains(&name.as_str()) && !facts.sources.iter().any(|s| s.name == **name)
    }) {
        let known: Vec<_> =
            facts.sources.iter().map(|source| source.name.as_str()).chain(others).collect();
        return Err(Error::argument(
            "--only",
            format!("`{unknown}` is no table; there are {}", known.join(", ")),
        ));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    let mut read = tree::tables(root, &linux, facts, only, wanted)?;

    let mut out = Files::new();
    for (source, table) in read.iter_mut().filter(|(source, _)| wanted(&source.name)) {
        // errno.toml is of a kernel that no longer has the architecture of a last table.
        let left =
            facts.abis.iter().find(|abi| abi.table == source.name && facts.frozen(&abi.arch));
        table.errnos.extend(left.map(|abi| errno_set(root, &abi.arch, &[])).transpose()?);
        out.push((format!("{}.toml", source.name), render::table(table)));
    }
    if wanted("prototypes") {
        let (found, bare) = entries::join(root, facts, &read)?;
        let tables: Vec<&str> = read.iter().map(|(source, _)| source.name.as_str()).collect();
        out.push((
            "prototypes.toml".to_owned(),
            render::prototypes(&linux, &tables, &found, &bare),
        ));
    }
    if wanted("errno") {
        out.push(("errno.toml".to_owned(), errnos(root, &linux, facts)?));
    }
    if wanted("uapi") {
        let header = |source: &str| Some(root.join(source));
        let mut headers = constants(&linux, &Includes::of_tree(root, "x86"), header)?;
        let before = facts.constants()?;
        for of_arch in CONSTANTS_OF_ARCH {
            let mut sets = Vec::<Constants>::new();
            for arch in archs(root, facts) {
                let had = |own: &str| before.iter().any(|header| header.source == own);
                let source = asm_header(root, arch, of_arch.0, had);
                let path = root.join(&source);
                let found = constants_of_arch(
                    &linux,
                    &Includes::of_tree(root, arch),
                    arch,
                    of_arch,
                    source,
                    &path,
                )?;
                let Some(found) = found else { continue };
                match sets.iter_mut().find(|set| set.source == found.source) {
                    Some(set) => set.archs.extend(found.archs),
                    None => sets.push(found),
                }
            }
            headers.extend(sets);
        }
        out.push(("uapi.toml".to_owned(), render::constants(&linux, &headers)));
    }
    Ok(out)
}

/// The tables of numbers alone, all that the tree has.
pub(crate) fn numbers(root: &Path, facts: &Tables) -> Result<Files, Error> {
    let read = tree::tables(root, &tree::version(root)?, facts, &[], |_| true)?;
    Ok(read
        .iter()
        .map(|(source, table)| (format!("{}.toml", source.name), render::table(table)))
        .collect())
}

/// Imports installed headers: the tables of one architecture, without entry points, its error
/// numbers and the constants. `arch` is the kernel's name of it; without one, the path says it.
pub(crate) fn headers(folder: &Path, arch: Option<&str>, facts: &Tables) -> Result<Files, Error> {
    let installed = installed::Installed::find(folder, arch, facts)?;
    let mut out = Files::new();
    for source in &facts.sources {
        if let Some(table) = installed.table(facts, source)? {
            out.push((format!("{}.toml", source.name), render::table(&table)));
        }
    }
    let shown = installed.folder.display().to_string();
    if out.is_empty() {
        let what = format!("has the headers of no ABI of arch/{}", installed.arch);
        return Err(Error::in_file(shown, what));
    }
    let includes = &installed.includes;
    let Some(path) = includes.find("asm/errno.h") else {
        return Err(Error::in_file(
            shown,
            "holds no asm/errno.h; are all of the headers installed?",
        ));
    };
    let errnos = header::errnos(includes, &path)?;
    let (archs, source) = (vec![installed.arch.clone()], "asm/errno.h".to_owned());
    let set = ErrnoSet { archs, source, sha256: files::sha256(&path)?, errnos };
    out.push(("errno.toml".to_owned(), render::errnos(&installed.linux, &[set])));
    // User space gets no fs/aio.c, and a package may have no more than asm/.
    let header = |source: &str| includes.find(source.strip_prefix("include/uapi/")?);
    let mut headers = constants(&installed.linux, includes, header)?;
    for of_arch in CONSTANTS_OF_ARCH {
        let Some(path) = includes.find(of_arch.0) else { continue };
        let source = of_arch.0.to_owned();
        headers.extend(constants_of_arch(
            &installed.linux,
            includes,
            &installed.arch,
            of_arch,
            source,
            &path,
        )?);
    }
    if !headers.is_empty() {
        out.push(("uapi.toml".to_owned(), render::constants(&installed.linux, &headers)));
    }
    Ok(out)
}

/// Stops if the tables that are about to be replaced have one that the whole of a tree should have
/// given, and did not.
pub(crate) fn nothing_missing(
    old: &Tables,
    root: &Path,
    files: &[(String, String)],
) -> Result<(), Error> {
    let given =
        |table: &str| files.iter().any(|(file, _)| file.strip_suffix(".toml") == Some(table));
    let missing = |source: &&TableSource| {
        source.frozen.is_none() && old.has_table(&source.name) && !given(&source.name)
    };
    let Some(source) = old.sources.iter().find(missing) else { return Ok(()) };
    let what = format!(
        "has no {}, and the repository has tables/linux/{}.toml; is all of the tree there? If it has left the kernel, give the \
         [[table]] in abis.toml the last series that had it, frozen = \"…\"",
        source.source, source.name
    );
    Err(Error::in_file(root.display().to_string(), what))
}

/// Stops if the tables that are about to be replaced have an ABI that their successors lack: it
/// would be lost.
pub(crate) fn nothing_lost(
    old: &Tables,
    new: &Tables,
    files: &[(String, String)],
) -> Result<(), Error> {
    for source in &old.sources {
        let file = format!("{}.toml", source.name);
        if source.frozen.is_some()
            || !files.iter().any(|(name, _)| *name == file)
            || !old.has_table(&source.name)
        {
            continue;
        }
        // A table that cannot be read is about to be repaired.
        let Ok(old) = old.table(&source.name) else { continue };
        let new = new.table(&source.name)?;
        if let Some(lost) = old.takes.iter().find(|taker| new.tags(&taker.abi).is_none()) {
            let (major, minor) = old.linux.series();
            let what = format!(
                "Linux {} has no {} any more, and the table is from {}; if it has left the kernel, give it a [[table]] of \
                 its own in abis.toml with frozen = \"{major}.{minor}\", and import that from a tree of this series",
                new.linux, lost.abi, old.linux
            );
            return Err(Error::in_file(format!("tables/linux/{file}"), what));
        }
    }
    Ok(())
}

/// Joins what a file adds for one ABI with what it adds for others, if that is the same.
fn add(extras: &mut Vec<Extra>, extra: Option<Extra>) {
    let Some(extra) = extra else { return };
    let bare = |extra: &Extra| Extra { abis: Vec::new(), ..extra.clone() };
    match extras.iter_mut().find(|known| bare(known) == bare(&extra)) {
        Some(known) => known.abis.extend(extra.abis),
        None => extras.push(extra),
    }
}

/// The table that headers come to; `None` if there is no ABI. `root` is left out of the file's
/// name.
fn merged(
    linux: &Version,
    root: &Path,
    all: &[unistd::Numbers<'_>],
    extras: Vec<Extra>,
) -> Result<Option<KernelTable>, Error> {
    let Some(first) = all.first() else { return Ok(None) };
    let path = Path::new(&*first.file);
    let (takes, rows) = unistd::merge(all);
    let source = path.strip_prefix(root).unwrap_or(path).display().to_string();
    Ok(Some(KernelTable {
        linux: linux.clone(),
        source,
        sha256: files::sha256(path)?,
        takes,
        extras,
        rows,
        errnos: Vec::new(),
    }))
}

/// The architectures of the tree. What is of one that has left the kernel stands beside its last
/// table.
fn archs<'f>(root: &Path, facts: &'f Tables) -> BTreeSet<&'f str> {
    let archs = facts.abis.iter().map(|abi| abi.arch.as_str());
    archs.filter(|arch| root.join("arch").join(arch).is_dir() && !facts.frozen(arch)).collect()
}

/// The file that `asm/x.h` is for an architecture. One that `had` a header of its own still has:
/// without it the tree is damaged.
fn asm_header(root: &Path, arch: &str, name: &str, had: impl Fn(&str) -> bool) -> String {
    let own = format!("arch/{arch}/include/uapi/{name}");
    match had(&own) || root.join(&own).symlink_metadata().is_ok() {
        true => own,
        false => format!("include/uapi/{}", name.replace("asm/", "asm-generic/")),
    }
}

/// The error numbers of an architecture of the tree.
fn errno_set(root: &Path, arch: &str, before: &[ErrnoSet]) -> Result<ErrnoSet, Error> {
    let source =
        asm_header(root, arch, "asm/errno.h", |own| before.iter().any(|set| set.source == own));
    let path = root.join(&source);
    let errnos = header::errnos(&Includes::of_tree(root, arch), &path)?;
    Ok(ErrnoSet { archs: vec![arch.to_owned()], sha256: files::sha256(&path)?, source, errnos })
}

fn errnos(root: &Path, linux: &Version, facts: &Tables) -> Result<String, Error> {
    let (before, mut sets) = (facts.errno_sets()?, Vec::<ErrnoSet>::new());
    for arch in archs(root, facts) {
        let found = errno_set(root, arch, before)?;
        match sets.iter_mut().find(|set| set.source == found.source) {
            Some(set) => set.archs.extend(found.archs),
            None => sets.push(found),
        }
    }
    Ok(render::errnos(linux, &sets))
}

/// The constants of the headers that `find` finds.
fn constants(
    linux: &Version,
    includes: &Includes,
    find: impl Fn(&str) -> Option<std::path::PathBuf>,
) -> Result<Vec<Constants>, Error> {
    let mut headers = Vec::new();
    for (source, groups) in CONSTANTS {
        let Some(path) = find(source) else { continue };
        let mut constants = Vec::new();
        for (prefixes, rust, _) in
            groups.iter().filter(|(.., since)| Version::new(*since).series() <= linux.series())
        {
            let found = header::constants(includes, &path, prefixes)?;
            if found.is_empty() {
                let what =
                    format!("defines no {}; is the tree complete?", prefixes.join(" and no "));
                return Err(Error::in_file(path.display().to_string(), what));
            }
            constants.extend(found.into_iter().map(|(name, value)| constant(name, value, rust)));
        }
        if !constants.is_empty() {
            let arch = source.strip_prefix("arch/").and_then(|rest| rest.split('/').next());
            let (source, sha256) = ((*source).to_owned(), files::sha256(&path)?);
            headers.push(Constants {
                archs: arch.map(str::to_owned).into_iter().collect(),
                source,
                sha256,
                constants,
            });
        }
    }
    Ok(headers)
}

/// Those of one header of one architecture, if the kernel has them.
fn constants_of_arch(
    linux: &Version,
    includes: &Includes,
    arch: &str,
    (_, names, rust, since): &(&str, &[&str], &str, &str),
    source: String,
    path: &Path,
) -> Result<Option<Constants>, Error> {
    if Version::new(*since).series() > linux.series() {
        return Ok(None);
    }
    let values = header::values(includes, path, names)?;
    let constants = names
        .iter()
        .zip(values)
        .map(|(name, value)| constant((*name).to_owned(), value, rust))
        .collect();
    Ok(Some(Constants {
        archs: vec![arch.to_owned()],
        sha256: files::sha256(path)?,
        source,
        constants,
    }))
}

fn constant(name: String, value: i64, rust: &str) -> Constant {
    Constant { name, value, rust: rust.to_owned() }
}
