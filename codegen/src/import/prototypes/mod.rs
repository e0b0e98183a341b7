//! The system calls that a kernel source tree defines in C: entry point → arguments.
//!
//! The entry point is the symbol that the kernel's tables name, the join key between a number and
//! its arguments. One entry point may have several prototypes: another architecture's, another
//! configuration's.

pub(super) mod parse;

use super::c::text::is_word;
use super::findings::Kind;
use super::tree::Tree;
use crate::Error;
use crate::source::{Source, ends, merged};
use memchr::memmem::Finder;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// The directories that can define a system call.
const DIRECTORIES: &[&str] = &[
    "arch", "block", "certs", "crypto", "fs", "init", "io_uring", "ipc", "kernel", "lib", "mm",
    "net", "security", "virt",
];
/// Directories that define none: programs, copies and bindings, and thousands of drivers.
const OTHERS: &[&str] = &["drivers", "include", "rust", "samples", "sound", "tools", "usr"];
/// The drivers that define one.
pub(super) const DRIVERS: &[&str] = &["drivers/char/random.c", "drivers/pci/syscall.c"];

/// One definition of an entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// The symbol that the tables name: `sys_io_submit`, `compat_sys_io_submit`, `parisc_pread64`.
    pub entry: String,
    /// C type and name of each argument.
    pub args: Vec<(String, String)>,
    /// Path in the tree, with forward slashes.
    pub source: String,
    /// Line of the definition, from 1.
    pub line: usize,
    /// When the kernel has it: the preprocessor's conditions around it, `defined()` left out,
    /// joined with `&&`.
    pub condition: Option<String>,
}

/// Every system call that the tree defines, sorted by entry point, source, condition and line.
///
/// Besides the macros' definitions these are the `asmlinkage` functions of `arch`. Some of those
/// are not system calls; only the tables show which.
pub(super) fn scan(tree: &Tree<'_>) -> Result<Vec<Definition>, Error> {
    let mut files = list_files(tree, directories(tree.source))?;
    let drivers = DRIVERS.iter().filter(|file| tree.source.is_file(file));
    files.extend(drivers.map(|&file| file.to_owned()));
    let found = search(tree, files, &BTreeSet::new())?;
    if found.is_empty() {
        let what = "defines no system call; pass the top directory of a kernel tree";
        tree.findings.judge(Kind::Undefined, Error::in_file(tree.source.shown(), what))?;
    }
    Ok(found)
}

/// The definitions of some entry points that [`scan`] did not find: plain C functions, and those
/// in drivers.
pub(super) fn plain(tree: &Tree<'_>, wanted: &BTreeSet<&str>) -> Result<Vec<Definition>, Error> {
    let drivers = ["drivers".to_owned(), "sound".to_owned()];
    let files = list_files(tree, directories(tree.source).into_iter().chain(drivers))?;
    let mut found = search(tree, files, wanted)?;
    found.retain(|definition| wanted.contains(definition.entry.as_str()));
    Ok(found)
}

/// The directories of a tree to search: those that mainline kernels have, and others that the top's
/// makefiles name, as in `obj-y += mycall/`.
pub(super) fn directories(source: &Source) -> Vec<String> {
    let mut found: Vec<String> =
        DIRECTORIES.iter().map(|&directory| directory.to_owned()).collect();
    for makefile in ["Kbuild", "Makefile"] {
        // An unreadable makefile names none.
        let text = source.text(makefile).unwrap_or_default();
        for word in text.split_whitespace() {
            let plain = |directory: &&str| {
                directory.starts_with(is_word) && directory.chars().all(|c| is_word(c) || c == '-')
            };
            let Some(directory) = word.strip_suffix('/').filter(plain) else { continue };
            let known = |list: &[&str]| list.contains(&directory);
            if !known(OTHERS)
                && !found.iter().any(|known| known == directory)
                && source.is_directory(directory)
            {
                found.push(directory.to_owned());
            }
        }
    }
    found
}

/// The `.c` files of some directories.
fn list_files(
    tree: &Tree<'_>,
    directories: impl IntoIterator<Item = String>,
) -> Result<Vec<String>, Error> {
    // arch/*/boot: programs that run before the kernel.
    let entered =
        |directory: &str| !(directory.ends_with("/boot") && directory.matches('/').count() == 2);
    let named = |name: &str| name.ends_with(".c");
    tree.source.walk(directories, entered, named, tree.findings.unlisted())
}

/// Searches files, several at a time.
fn search(
    tree: &Tree<'_>,
    mut files: Vec<String>,
    wanted: &BTreeSet<&str>,
) -> Result<Vec<Definition>, Error> {
    files.sort();
    let source = tree.source;
    let marks = Marks::new(wanted);
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)) {
            let (send, files, next, marks) = (send.clone(), &files, &next, &marks);
            scope.spawn(move || {
                let mut buffer = Vec::new();
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The receiver outlives the threads.
                    let _ =
                        send.send((file, definitions(source, file, wanted, marks, &mut buffer)));
                }
            });
        }
    });
    drop(send);
    let mut results: Vec<_> = receive.into_iter().collect();
    results.sort_by_key(|(file, _)| *file);
    let mut found = Vec::new();
    for (file, (definitions, faults)) in results {
        found.extend(definitions);
        for (kind, error) in faults {
            let kind = if tree.is_elsewhere(file) { Kind::Elsewhere } else { kind };
            tree.findings.judge(kind, error)?;
        }
    }
    let key = |d: &Definition| (d.entry.clone(), d.source.clone(), d.condition.clone(), d.line);
    found.sort_by_cached_key(key);
    Ok(found)
}

/// What a file with a definition contains.
struct Marks<'w> {
    macros: Finder<'w>,
    functions: Finder<'w>,
    wanted: Vec<Finder<'w>>,
}

impl<'w> Marks<'w> {
    fn new(wanted: &BTreeSet<&'w str>) -> Marks<'w> {
        Marks {
            macros: Finder::new("SYSCALL"),
            functions: Finder::new("asmlinkage"),
            wanted: wanted.iter().map(|&name| Finder::new(name)).collect(),
        }
    }

    /// Most files have none.
    fn are_in(&self, file: &str, text: &str) -> bool {
        let has = |mark: &Finder<'_>| mark.find(text.as_bytes()).is_some();
        has(&self.macros)
            || (file.starts_with("arch/") && has(&self.functions))
            || self.wanted.iter().any(has)
    }
}

type Faults = Vec<(Kind, Error)>;

fn definitions(
    source: &Source,
    file: &str,
    wanted: &BTreeSet<&str>,
    marks: &Marks<'_>,
    buffer: &mut Vec<u8>,
) -> (Vec<Definition>, Faults) {
    let text = match source.skim(file, buffer) {
        Ok(text) => text,
        Err(error) => return (Vec::new(), vec![(Kind::Code, error)]),
    };
    if !marks.are_in(file, &text) {
        return (Vec::new(), Vec::new());
    }
    let (found, faults) = parse::parse(file, &text, wanted);
    let merge = merged(&text).err().map(|fault| (Kind::Merge, fault));
    let last = ends(file, &text).err().map(|fault| (Kind::LastLine, fault));
    let faults =
        merge.into_iter().chain(last).chain(faults.into_iter().map(|fault| (Kind::Code, fault)));
    (found, faults.map(|(kind, fault)| (kind, source.fault(file, fault))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Findings;
    use crate::{Place, Tables};
    use std::collections::BTreeMap;

    #[test]
    fn a_tree_is_searched_where_system_calls_can_be() {
        let files = [
            ("fs/aio.c", &b"/* \xff */\nSYSCALL_DEFINE0(b)\nSYSCALL_DEFINE0(a)\n"[..]),
            ("drivers/char/random.c", b"SYSCALL_DEFINE0(getrandom)\n"),
            ("drivers/char/mem.c", b"SYSCALL_DEFINE0(mem)\n"),
            ("arch/x/boot/a.c", b"SYSCALL_DEFINE0(boot)\n"),
            ("arch/x/kernel/boot/a.c", b"SYSCALL_DEFINE0(b)\n"),
            ("tools/a.c", b"SYSCALL_DEFINE0(tool)\n"),
            ("fs/a.h", b"SYSCALL_DEFINE0(header)\n"),
            ("mine/a.c", b"long sys_mine(void) { }\n"),
            ("Kbuild", b"obj-y += mine/ drivers/\n"),
            ("Makefile", b"VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 0\n"),
        ];
        let mut files: BTreeMap<String, Vec<u8>> =
            files.into_iter().map(|(file, text)| (file.to_owned(), text.into())).collect();
        let facts = Tables::embedded().unwrap();
        let scanned = |files: &BTreeMap<String, Vec<u8>>, wanted: &[&str]| {
            let (source, findings) =
                (Source::in_memory("linux", files.clone()), Findings::strict());
            let tree = Tree::new(&source, &facts, &findings)?;
            match wanted {
                [] => scan(&tree),
                wanted => plain(&tree, &wanted.iter().copied().collect()),
            }
        };
        let found = scanned(&files, &[]).unwrap();
        let found: Vec<_> =
            found.iter().map(|p| (p.entry.as_str(), p.source.as_str(), p.line)).collect();
        assert_eq!(
            found,
            [
                ("sys_a", "fs/aio.c", 3),
                ("sys_b", "arch/x/kernel/boot/a.c", 1),
                ("sys_b", "fs/aio.c", 2),
                ("sys_getrandom", "drivers/char/random.c", 1),
            ]
        );
        files.insert("fs/bad.c".to_owned(), b"\nSYSCALL_DEFINE1(a)\n".into());
        let error = scanned(&files, &[]).unwrap_err();
        assert_eq!(error.place, Place::Line("linux/fs/bad.c".to_owned(), 2));
        let wanted = scanned(&files, &["sys_mem", "sys_tool"]);
        assert_eq!(wanted.unwrap_err(), error);
        files.insert("fs/bad.c".to_owned(), Vec::new());
        let wanted = scanned(&files, &["sys_mem", "sys_tool", "sys_mine"]).unwrap();
        let wanted: Vec<_> = wanted.iter().map(|found| found.source.as_str()).collect();
        assert_eq!(wanted, ["drivers/char/mem.c", "mine/a.c"]);
        files.retain(|file, _| file == "Makefile");
        let error = scanned(&files, &[]).unwrap_err();
        assert!(error.what.contains("top directory of a kernel tree"));
    }
}
