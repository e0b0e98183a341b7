//! The tables as Rust values.

mod calls;
#[cfg(feature = "cli")]
pub(crate) mod corrections;
mod document;
pub mod history;
mod manual;
mod model;
#[cfg(feature = "cli")]
mod names;
mod read;

pub use calls::Call;
pub use model::*;

use crate::Error;
#[cfg(feature = "cli")]
use crate::version::Version;
use aio_tables::{BY_HAND, HISTORY, IMPORTED};
#[cfg(feature = "cli")]
use corrections::Corrections;
use document::Block;
use history::History;
use manual::Manual;
use std::borrow::Cow;
#[cfg(feature = "cli")]
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The content of a file, parsed once, on first use.
type Once<T> = OnceLock<Result<T, Error>>;

fn once<T>(cell: &Once<T>, read: impl FnOnce() -> Result<T, Error>) -> Result<&T, Error> {
    cell.get_or_init(read).as_ref().map_err(Clone::clone)
}

/// All tables. The ABIs are parsed at once, the rest on first use.
pub struct Tables {
    /// The kernel files of numbers.
    pub sources: Vec<TableSource>,
    /// The ABIs, in the order of `abis.toml`.
    pub abis: Vec<Abi>,
    files: Vec<(String, String, Cow<'static, str>)>,
    /// A cell for each of `files`.
    kernel: Vec<Once<KernelTable>>,
    prototypes: Once<Prototypes>,
    absent: Once<(Vec<Absent>, Vec<Rule>)>,
    headers: Once<Vec<Constants>>,
    lookup: Once<Vec<Constants>>,
    errnos: Once<Vec<ErrnoSet>>,
    history: Once<History>,
    #[cfg(feature = "cli")]
    functions: Once<Vec<CFunction>>,
    #[cfg(feature = "cli")]
    corrections: Once<Corrections>,
    manual: Once<Manual>,
}

impl Tables {
    /// The tables that this crate was built with.
    pub fn embedded() -> Result<Tables, Error> {
        let mut files = Vec::new();
        for (place, tables) in
            [("tables", BY_HAND), ("tables", HISTORY), ("tables/linux", IMPORTED)]
        {
            for &(name, text) in tables {
                files.push((name.to_owned(), format!("{place}/{name}"), Cow::Borrowed(text)));
            }
        }
        Tables::new(files)
    }

    /// Tables from `(name, path to show, text)`.
    pub fn new(files: Vec<(String, String, Cow<'static, str>)>) -> Result<Tables, Error> {
        let mut tables = Tables::unread(files);
        (tables.sources, tables.abis) = tables.read("abis.toml", read::abis)?;
        for abi in &tables.abis {
            if let Some(other) =
                abi.others.iter().find(|other| tables.abi(&other.numbers).is_none())
            {
                let what = format!(
                    "`numbers` of {}'s {} is `{}`, which is not an [[abi]] of this file",
                    abi.name, other.name, other.numbers
                );
                return Err(Error::in_file(tables.path("abis.toml"), what));
            }
            if !tables.sources.iter().any(|source| source.name == abi.table) {
                let what = format!(
                    "`table` of {} is `{}`, which is not a [[table]] of this file; add one",
                    abi.name, abi.table
                );
                return Err(Error::in_file(tables.path("abis.toml"), what));
            }
        }
        Ok(tables)
    }

    fn unread(files: Vec<(String, String, Cow<'static, str>)>) -> Tables {
        let mut kernel = Vec::new();
        kernel.resize_with(files.len(), OnceLock::new);
        Tables {
            sources: Vec::new(),
            abis: Vec::new(),
            files,
            kernel,
            prototypes: OnceLock::new(),
            absent: OnceLock::new(),
            headers: OnceLock::new(),
            lookup: OnceLock::new(),
            errnos: OnceLock::new(),
            history: OnceLock::new(),
            #[cfg(feature = "cli")]
            functions: OnceLock::new(),
            #[cfg(feature = "cli")]
            corrections: OnceLock::new(),
            manual: OnceLock::new(),
        }
    }

    /// Copies the tables, with some imported files replaced.
    #[cfg(fuzzing)]
    pub(crate) fn with(&self, texts: Vec<(String, String)>) -> Tables {
        let (sources, abis) = (self.sources.clone(), self.abis.clone());
        let mut files = self.files.clone();
        files.retain(|(file, ..)| texts.iter().all(|(name, _)| name != file));
        files.extend(
            texts.into_iter().map(|(name, text)| (name, "hostile.toml".to_owned(), text.into())),
        );
        Tables { sources, abis, ..Tables::unread(files) }
    }

    /// The ABI of that name.
    pub fn abi(&self, name: &str) -> Option<&Abi> {
        self.abis.iter().find(|abi| abi.name == name)
    }

    /// The ABI with that name or alias, as `aio_sys::Abi` parses it.
    #[cfg(feature = "cli")]
    pub(crate) fn abi_called(&self, name: &str) -> Option<&Abi> {
        let bare = names::bare(name.as_bytes());
        let named = |abi: &&Abi| {
            let others: Vec<&str> = abi.names.iter().map(String::as_str).collect();
            names::is_named(&abi.name, &others, bare)
        };
        let meant = |abi: &&Abi| {
            let triples: Vec<&str> = abi.triples.iter().map(String::as_str).collect();
            names::is_triple(&triples, name.as_bytes())
        };
        self.abis.iter().find(named).or_else(|| self.abis.iter().find(meant))
    }

    /// The ABI of call that seccomp, ptrace or audit report, as in `aio_sys::Abi::of_audit`.
    #[cfg(feature = "cli")]
    pub(crate) fn abi_of_audit(&self, arch: u32, number: u32) -> Result<Option<&Abi>, Error> {
        // Tables of an older kernel may not have the constants.
        let constants = Tables::embedded()?;
        let mut found: Option<&Abi> = None;
        for abi in &self.abis {
            // A number is negative where a tracer skips the call.
            let better = |found: &Abi| found.base < abi.base && abi.base as i32 <= number as i32;
            for name in abi.audit.iter().filter(|_| found.is_none_or(better)) {
                if constants.lookup_value(name)? == Some(arch) {
                    found = Some(abi);
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The known ABI name that is most similar to an unknown one.
    #[cfg(feature = "cli")]
    pub(crate) fn abi_near(&self, name: &str) -> Option<&str> {
        let known = self.abis.iter().flat_map(|abi| [&abi.name].into_iter().chain(&abi.names));
        names::nearest(known.map(String::as_str), name)
    }

    /// The ABI for a Rust target: its `target_arch` and its pointer width.
    pub fn abi_for_target(&self, arch: &str, pointer_width: &str) -> Option<&Abi> {
        self.abis
            .iter()
            .find(|abi| abi.rust.iter().any(|a| a == arch) && abi.bits.to_string() == pointer_width)
    }

    /// Whether the imported table exists.
    pub fn has_table(&self, name: &str) -> bool {
        self.files.iter().any(|(file, ..)| file.strip_suffix(".toml") == Some(name))
    }

    /// An imported table of numbers.
    pub fn table(&self, name: &str) -> Result<&KernelTable, Error> {
        let file = format!("{name}.toml");
        match self.files.iter().position(|(there, ..)| *there == file) {
            Some(at) => once(&self.kernel[at], || self.read(&file, read::kernel_table)),
            None => Err(self.no_such(&file)),
        }
    }

    /// Every existing imported table of numbers, by name.
    #[cfg(feature = "cli")]
    pub(crate) fn imported(&self) -> Result<BTreeMap<&str, &KernelTable>, Error> {
        let there = self.sources.iter().filter(|source| self.has_table(&source.name));
        there.map(|source| Ok((source.name.as_str(), self.table(&source.name)?))).collect()
    }

    /// By table, the kernels that the entry paths of the tool's own `abis.toml` are from: those of
    /// the tool's own tables. Empty where another `abis.toml` has the entry paths.
    #[cfg(feature = "cli")]
    pub(crate) fn own_ways(&self) -> Result<BTreeMap<String, Version>, Error> {
        let own = |(file, _, text): &(String, String, Cow<'static, str>)| {
            file == "abis.toml" && matches!(text, Cow::Borrowed(_))
        };
        if !self.files.iter().any(own) {
            return Ok(BTreeMap::new());
        }
        let own = Tables::embedded()?;
        let linux = |(name, table): (&str, &KernelTable)| (name.to_owned(), table.linux.clone());
        Ok(own.imported()?.into_iter().map(linux).collect())
    }

    fn joined_prototypes(&self) -> Result<&Prototypes, Error> {
        once(&self.prototypes, || self.read("prototypes.toml", read::prototypes))
    }

    /// The entry points' arguments, by entry point.
    pub fn prototypes(&self) -> Result<&[Prototype], Error> {
        Ok(&self.joined_prototypes()?.prototypes)
    }

    /// The kernel that the prototypes are from.
    #[cfg(feature = "cli")]
    pub fn prototypes_of(&self) -> Result<&Version, Error> {
        Ok(&self.joined_prototypes()?.linux)
    }

    /// The tables whose entry points have prototypes; empty if there are no prototypes.
    #[cfg(feature = "cli")]
    pub fn joined(&self) -> Result<&[String], Error> {
        match self.has_table("prototypes") {
            true => Ok(&self.joined_prototypes()?.tables),
            false => Ok(&[]),
        }
    }

    /// The entry points without prototype.
    #[cfg(feature = "cli")]
    pub fn bare(&self) -> Result<&[Bare], Error> {
        Ok(&self.joined_prototypes()?.bare)
    }

    /// The calls that an ABI never had.
    pub fn absent(&self) -> Result<&[Absent], Error> {
        Ok(&self.all_absent()?.0)
    }

    /// The rules by which ABIs do not have calls.
    pub fn absent_by_rule(&self) -> Result<&[Rule], Error> {
        Ok(&self.all_absent()?.1)
    }

    fn all_absent(&self) -> Result<&(Vec<Absent>, Vec<Rule>), Error> {
        let read = || self.read("absent.toml", |top| read::absences(top, &self.abis));
        once(&self.absent, read)
    }

    /// How C functions get their arguments.
    #[cfg(feature = "cli")]
    pub(crate) fn functions(&self) -> Result<&[CFunction], Error> {
        Ok(once(&self.functions, || self.read("functions.toml", read::functions))?)
    }

    /// Constants of the kernel's user-space headers.
    pub fn constants(&self) -> Result<&[Constants], Error> {
        Ok(once(&self.headers, || self.read("uapi.toml", read::headers))?)
    }

    /// The constants by which tracers and filters identify architectures, and the calls of
    /// `socketcall` and `ipc`. No import of a kernel before 3.7 has them.
    pub fn lookup_constants(&self) -> Result<&[Constants], Error> {
        if !self.has_table("lookup") {
            return Ok(&[]);
        }
        Ok(once(&self.lookup, || self.read("lookup.toml", read::headers))?)
    }

    /// The value of constants of `lookup.toml` that `|` joins; `None` if its kernel does not have
    /// one of them yet.
    pub fn lookup_value(&self, constants: &str) -> Result<Option<u32>, Error> {
        let known = self.lookup_constants()?;
        let value = |name| {
            let mut constants = known.iter().flat_map(|header| &header.constants);
            Some(constants.find(|constant| constant.name == name)?.value as u32)
        };
        Ok(constants.split('|').map(value).try_fold(0, |joined, value| Some(joined | value?)))
    }

    /// All error numbers of `errno.toml`.
    pub fn errno_sets(&self) -> Result<&[ErrnoSet], Error> {
        Ok(once(&self.errnos, || self.read("errno.toml", read::errno_sets))?)
    }

    /// The error numbers of a kernel architecture. Those of an architecture that the kernel has
    /// removed are next to its last table.
    pub fn errnos(&self, arch: &str) -> Result<&[ErrnoValue], Error> {
        let mut sets: Vec<&ErrnoSet> = self.errno_sets()?.iter().collect();
        if self.frozen(arch) {
            for abi in self.abis.iter().filter(|abi| abi.arch == arch) {
                sets.extend(&self.table(&abi.table)?.errnos);
            }
        }
        Ok(&sets[set_of(&sets, arch)?].errnos)
    }

    /// Whether the kernel has removed the architecture: each of its tables is frozen.
    pub fn frozen(&self, arch: &str) -> bool {
        let frozen = |table: &str| {
            self.sources.iter().any(|source| source.name == table && source.frozen.is_some())
        };
        self.abis.iter().all(|abi| abi.arch != arch || frozen(&abi.table))
    }

    /// Rows in which published trees differ from their releases.
    #[cfg(feature = "cli")]
    pub(crate) fn corrections(&self) -> Result<&Corrections, Error> {
        once(&self.corrections, || self.read(corrections::FILE, corrections::read))
    }

    /// Which system calls have a page in the man-pages.
    pub(crate) fn manual(&self) -> Result<&Manual, Error> {
        once(&self.manual, || self.read(manual::FILE, manual::read))
    }

    /// What each release changed; empty if there is no such file next to the tables.
    pub fn history(&self) -> Result<&History, Error> {
        let read = || match self.files.iter().any(|(file, ..)| file == history::FILE) {
            true => self.read(history::FILE, history::read),
            false => Ok(History { releases: Vec::new() }),
        };
        once(&self.history, read)
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&Block<'_>) -> T) -> Result<T, Error> {
        match self.files.iter().find(|(file, ..)| file == name) {
            Some((_, path, text)) => document::parse(path, text, read),
            None => Err(self.no_such(name)),
        }
    }

    fn no_such(&self, name: &str) -> Error {
        Error::in_file(self.path(name), "missing table; create it with `import --linux`")
    }

    /// The path of a file that the user knows; next to the others if it does not exist.
    pub(crate) fn path(&self, name: &str) -> String {
        let there = self.files.iter().find(|(file, ..)| file == name);
        match there.or(self.files.last()) {
            Some((file, path, _)) => {
                format!("{}{name}", path.strip_suffix(file.as_str()).unwrap_or_default())
            }
            None => name.to_owned(),
        }
    }
}

/// Which of the sets is for a kernel architecture.
pub(crate) fn set_of(sets: &[&ErrnoSet], arch: &str) -> Result<usize, Error> {
    let what = || format!("no error numbers for arch/{arch}; import the tables again");
    let set = sets.iter().position(|set| set.archs.iter().any(|a| a == arch));
    set.ok_or_else(|| Error::in_file("tables/linux/errno.toml", what()))
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::read::{ABI_KEYS, CALL_KEYS, ENTRY_KEYS, FUNCTION_KEYS, OTHER_KEYS};
    use super::*;

    fn nested(top: &Block<'_>, keys: fn(&Block<'_>) -> Vec<Vec<String>>) -> Vec<Vec<String>> {
        top.list("abi", keys).into_iter().flatten().collect()
    }

    fn blocks_of(key: &str) -> Vec<Vec<String>> {
        let (_, text) = BY_HAND.iter().find(|(name, _)| *name == "abis.toml").unwrap();
        document::parse("abis.toml", text, |top| match key {
            "call" => top
                .list("abi", |block| block.block("call", |call| call.keys()))
                .into_iter()
                .flatten()
                .collect(),
            "entry" => nested(top, |block| block.list("entry", |entry| entry.keys())),
            "other" => nested(top, |block| block.list("other", |other| other.keys())),
            key => top.list(key, |block| block.keys()),
        })
        .unwrap()
    }

    #[test]
    fn every_abi_has_the_same_keys_in_the_same_order() {
        let abis = blocks_of("abi");
        assert!(abis.len() > 30);
        for keys in abis {
            let optional = |key: &str| ["call", "other"].contains(&key);
            let wanted = ABI_KEYS
                .iter()
                .filter(|&&key| !optional(key) || keys.iter().any(|have| have == key));
            assert_eq!(keys, wanted.copied().collect::<Vec<_>>());
        }
        let calls = blocks_of("call");
        assert!(calls.len() >= 18);
        for keys in calls {
            assert_eq!(keys, CALL_KEYS);
        }
        for keys in blocks_of("other") {
            assert_eq!(keys, [OTHER_KEYS, CALL_KEYS].concat());
        }
    }

    #[test]
    fn every_way_into_the_kernel_has_the_same_keys_in_the_same_order() {
        for keys in blocks_of("entry") {
            assert_eq!(keys, ENTRY_KEYS);
        }
        for abi in Tables::embedded().unwrap().abis {
            assert!(!abi.entries.is_empty(), "{}", abi.name);
            assert!(abi.entries.iter().all(|entry| !entry.path.is_empty()), "{}", abi.name);
            // The one that needs no condition comes first.
            assert!(abi.entries.iter().skip(1).all(|entry| !entry.when.is_empty()), "{}", abi.name);
        }
    }

    #[test]
    fn every_function_has_the_same_keys_in_the_same_order() {
        let (_, text) = BY_HAND.iter().find(|(name, _)| *name == "functions.toml").unwrap();
        let keys = document::parse("functions.toml", text, |top| {
            top.list("function", |block| block.keys())
        })
        .unwrap();
        assert!(keys.iter().all(|keys| keys == FUNCTION_KEYS));
    }

    #[test]
    fn no_two_abis_claim_one_rust_target() {
        let tables = Tables::embedded().unwrap();
        for abi in &tables.abis {
            for arch in &abi.rust {
                assert_eq!(
                    tables.abi_for_target(arch, &abi.bits.to_string()).unwrap().name,
                    abi.name
                );
            }
        }
    }

    #[test]
    fn errors_in_a_table_have_a_line() {
        let table = |text: &str| {
            let mut files: Vec<_> = BY_HAND
                .iter()
                .chain(IMPORTED)
                .map(|&(name, text)| (name.to_owned(), name.to_owned(), Cow::from(text)))
                .collect();
            files.retain(|(name, ..)| name != "sh.toml");
            files.push(("sh.toml".into(), "sh.toml".into(), text.to_owned().into()));
            Tables::new(files).unwrap().table("sh").map(drop).unwrap_err().to_string()
        };
        let head = "linux = \"1\"\nsource = \"s\"\nsha256 = \"x\"\n";
        assert_eq!(
            table(&format!(
                "{head}syscalls = [\n  {{ nr = 1, tag = \"a\", nmae = \"exit\" }},\n]\n"
            )),
            "sh.toml:5: unknown key `nmae`; expected one of nr, tag, name, entry, compat, noreturn"
        );
        assert_eq!(
            table(&format!(
                "{head}syscalls = [\n  {{ nr = -1, tag = \"a\", name = \"exit\" }},\n]\n"
            )),
            "sh.toml:5: `nr` is -1, but must be in 0..=2147483647"
        );
        assert_eq!(
            table(&format!("{head}syscalls = [\n  {{ nr = 1, name = \"exit\" }},\n]\n")),
            "sh.toml:5: the key `tag` is missing"
        );
        assert_eq!(
            table("linux = \"abc\"\n"),
            "sh.toml:1: `linux` is `abc`, but must be a kernel version such as 6.12"
        );
        let rows = |count| {
            (0..count)
                .map(|nr| format!("  {{ nr = {nr}, tag = \"a\", name = \"a\" }},\n"))
                .collect::<String>()
        };
        assert_eq!(
            table(&format!("{head}syscalls = [\n{}]\n", rows(10_001))),
            "sh.toml:10005: `syscalls` has more than 10000 items"
        );
        assert!(table("linux = ").starts_with("sh.toml:1: not valid TOML: "));
    }
}
