//! The tables as Rust values. What each key means is said at the top of `tables/abis.toml`.
//!
//! What only the tool wants of them, to be printed and compared, is derived only for the tool.

use crate::Error;
use crate::document::{self, Block};
use std::borrow::Cow;
#[cfg(feature = "cli")]
use std::collections::BTreeMap;

/// The entry point that is none: the kernel answers `ENOSYS`. A number that is only reserved ends there, too.
pub(crate) const NO_CALL: &str = "sys_ni_syscall";

/// One kernel file of numbers, and where it is.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct TableSource {
    /// The table's name; the imported file is `NAME.toml`.
    pub name: String,
    /// The file in the kernel tree.
    pub source: String,
    /// The makefile that says which tags each generated header takes.
    pub makefile: String,
    /// The last kernel series that has the table, if it has left the kernel.
    pub frozen: Option<String>,
}

/// An ABI: a numbering, a word size and a calling convention.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Abi {
    /// Its name, as everywhere in this project.
    pub name: String,
    /// The kernel's `arch/` folder.
    pub arch: String,
    /// The kernel table with its numbers.
    pub table: String,
    /// What user space adds to the table's number.
    pub base: u32,
    /// The kernel macro that says so.
    pub base_macro: Option<String>,
    /// The header that the kernel generates from these rows.
    pub header: String,
    /// Whether user space gets that header.
    pub uapi: bool,
    /// What a C compiler predefines, besides the word-size macros.
    pub predefined: Vec<String>,
    /// The C file that swaps entry points of a shared table.
    pub redirects: Option<String>,
    /// The first kernel series that has it, where older headers look as if they had it, too.
    pub since: Option<String>,
    /// Width of `long` and of a pointer.
    pub bits: u32,
    /// Bytes of the kernel's signal set.
    pub sigset: u32,
    /// How a 64-bit argument travels.
    pub pairs: Pairs,
    /// Values of Rust's `target_arch`.
    pub rust: Vec<String>,
    /// Patterns of target triples; one that begins with `!` takes away.
    pub triples: Vec<String>,
    /// How a call is made, where a stub is emitted.
    pub call: Option<Convention>,
    /// The ways into the kernel, the most usual first.
    #[cfg(feature = "cli")]
    pub entries: Vec<Entry>,
}

/// How a call is made.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Convention {
    /// The instruction that enters the kernel.
    pub instruction: String,
    /// Register of the number.
    pub number: String,
    /// Registers of the arguments.
    pub arguments: Vec<String>,
    /// Register of the result.
    pub result: String,
    /// Registers that the call changes besides the result.
    pub destroyed: Vec<Destroyed>,
    /// Whether the flags survive.
    pub flags_kept: bool,
    /// Registers that Rust's `asm!` refuses as operands.
    pub unnameable: Vec<String>,
    /// One line that saves an unnameable `{register}`.
    pub save: String,
    /// One line that loads `{register}` from `{block} + {offset}`.
    pub load: String,
    /// One line that restores it.
    pub restore: String,
}

/// A register that the kernel changes, and who says so.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Destroyed {
    /// Its name in the assembler.
    pub register: String,
    /// Why it changes.
    pub why: String,
    /// The kernel file that shows it.
    pub source: String,
}

/// A way into the kernel: an instruction, and where it leads.
#[cfg(feature = "cli")]
#[derive(Clone, Debug)]
pub struct Entry {
    /// The instruction, as the assembler spells it.
    pub instruction: String,
    /// On which kernel and which CPU; empty where it is the only way.
    pub when: String,
    /// From the label that the instruction lands on to the function that looks the number up.
    pub path: Vec<Label>,
    /// The table, or the switch made of it.
    pub table: Label,
    /// Whether it has the compat entry points.
    pub compat: bool,
    /// What the table puts before an entry point's name.
    pub prefix: String,
    /// What is surprising; may be empty.
    pub note: String,
}

/// A symbol of the kernel, and who defines it.
#[cfg(feature = "cli")]
#[derive(Clone, Debug)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// The kernel file that defines it.
    pub source: String,
    /// What that file says instead, where a macro or a variable hides the name.
    pub by: Option<String>,
}

/// How a 64-bit argument travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// In one register.
    Whole,
    /// In the next two registers, in memory order.
    Consecutive,
    /// The same, but from an even argument on.
    Even,
}

/// An imported table.
#[cfg_attr(feature = "cli", derive(Clone, Debug, Default))]
pub struct KernelTable {
    /// The kernel it comes from.
    pub linux: String,
    /// The file in that kernel.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// The ABIs that this kernel makes of it.
    pub takes: Vec<Taker>,
    /// What other kernel files add to it, for some of its ABIs.
    pub extras: Vec<Extra>,
    /// The error numbers of an architecture that has left the kernel with this table.
    pub errnos: Vec<ErrnoSet>,
    /// Its rows, in the kernel's order.
    pub rows: Vec<Row>,
}

/// An ABI, and which rows of a table are its own.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Taker {
    /// The ABI.
    pub abi: String,
    /// The tags of its rows; empty: every row.
    pub tags: Vec<String>,
}

/// A row of a kernel table.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Row {
    /// The number, base not included.
    pub nr: u32,
    /// The kernel's word for the ABIs that the row is for.
    pub tag: String,
    /// The call's name.
    pub name: String,
    /// The entry point; `None` where the number is only reserved.
    pub entry: Option<String>,
    /// The compat entry point.
    pub compat: Option<String>,
    /// The call does not return.
    pub noreturn: bool,
}

/// What a header or a C file of one architecture adds to a table.
#[cfg_attr(feature = "cli", derive(Clone, Debug, Default, PartialEq, Eq))]
pub struct Extra {
    /// The ABIs it holds for.
    pub abis: Vec<String>,
    /// The file in the kernel tree.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Names that it defines, with their numbers, base not included.
    pub names: Vec<(u32, String)>,
    /// Names of the table that it takes away.
    pub removed: Vec<String>,
    /// Entry points that it swaps.
    pub redirects: Vec<(String, String)>,
}

/// An entry point's arguments.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Prototype {
    /// The entry point.
    pub entry: String,
    /// C type and name of each argument.
    pub args: Vec<(String, String)>,
    /// The ABIs whose tables end in this definition, where the entry point has several.
    pub abis: Option<Vec<String>>,
    /// The file that defines it.
    pub source: String,
    /// The line of the definition, from 1.
    pub line: u32,
    /// Where the definition is assembly: the C function of the same arguments that it calls.
    pub calls: Option<String>,
    /// When the kernel has this definition, and not another: what builds its file, and the `#if` around it.
    pub condition: Option<String>,
    /// The same, where `kernel/sys_ni.c` says that the kernel may have none.
    pub optional: Option<String>,
}

impl Prototype {
    /// Whether a call of the ABI that ends in this entry point can end in this definition.
    pub(crate) fn is_for(&self, abi: &Abi) -> bool {
        match (&self.abis, self.source.strip_prefix("arch/")) {
            (Some(abis), _) => abis.contains(&abi.name),
            (None, Some(place)) => place.split('/').next() == Some(&abi.arch),
            (None, None) => true,
        }
    }
}

/// An entry point that no C definition gives arguments.
#[cfg(feature = "cli")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare {
    /// The entry point.
    pub entry: String,
    /// What it is instead.
    pub why: Why,
    /// The ABIs whose tables end in it.
    pub abis: Vec<String>,
    /// The file that says so; empty for [`Why::NotFound`].
    pub source: String,
    /// The line there.
    pub line: u32,
}

/// Why an entry point has no prototype.
#[cfg(feature = "cli")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is written in assembly.
    Assembler,
    /// No configuration builds a definition for these ABIs, and the kernel answers `ENOSYS`.
    NotBuilt,
    /// Nothing in the tree defines it.
    NotFound,
}

#[cfg(feature = "cli")]
impl Why {
    /// Every reason, in the words of `prototypes.toml`.
    pub const ALL: &'static [(Why, &'static str)] =
        &[(Why::Assembler, "assembler"), (Why::NotBuilt, "not built"), (Why::NotFound, "not found")];
}

/// A call that an ABI never had.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Absent {
    /// The call.
    pub name: String,
    /// The ABIs without it.
    pub abis: Vec<String>,
    /// The entry point that it has elsewhere.
    pub entry: String,
    /// Why it is absent.
    pub why: String,
    /// What to use instead.
    pub instead: String,
    /// The last kernel series without it, where a newer one has it.
    pub until: Option<String>,
}

/// A named value of the kernel's user-space headers.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: i64,
    /// The Rust type of the field that takes it.
    pub rust: String,
}

/// The constants of one kernel file.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Constants {
    /// The kernel's `arch/` folders that they are for; empty for all.
    pub archs: Vec<String>,
    /// The file.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// The constants, in its order.
    pub constants: Vec<Constant>,
}

/// One error number.
#[derive(Clone)]
#[cfg_attr(feature = "cli", derive(Debug, PartialEq, Eq))]
pub struct ErrnoValue {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: u32,
    /// The header's comment.
    pub text: String,
}

/// The error numbers that some architectures share.
#[derive(Clone)]
#[cfg_attr(feature = "cli", derive(Debug, PartialEq, Eq))]
pub struct ErrnoSet {
    /// The kernel's `arch/` folders.
    pub archs: Vec<String>,
    /// The header.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// The numbers, by value; an alias stands behind its original.
    pub errnos: Vec<ErrnoValue>,
}

/// A call as user space sees it on one ABI.
#[derive(Clone)]
#[cfg_attr(feature = "cli", derive(Debug, PartialEq, Eq))]
pub struct Call<'t> {
    /// The number that user space loads, base included.
    pub number: u32,
    /// The tag of its row; `None` for a name that only a header defines.
    pub tag: Option<&'t str>,
    /// The call's name.
    pub name: &'t str,
    /// The entry point that the number ends in, redirections followed.
    pub entry: Option<&'t str>,
    /// The compat entry point.
    pub compat: Option<&'t str>,
    /// The call does not return.
    pub noreturn: bool,
}

/// All tables: the ABIs read, the rest read when asked for.
pub struct Tables {
    /// The kernel files of numbers.
    pub sources: Vec<TableSource>,
    /// The ABIs, in the order of `abis.toml`.
    pub abis: Vec<Abi>,
    files: Vec<(String, String, Cow<'static, str>)>,
}

impl Tables {
    /// The tables that this crate was built with.
    pub fn embedded() -> Result<Tables, Error> {
        let mut files = Vec::new();
        for (name, text) in aio_tables::FILES {
            files.push(((*name).to_owned(), format!("tables/{name}"), Cow::Borrowed(*text)));
        }
        Tables::new(files)
    }

    /// Tables from `(name, path to show, text)`.
    pub fn new(files: Vec<(String, String, Cow<'static, str>)>) -> Result<Tables, Error> {
        let mut tables = Tables { sources: Vec::new(), abis: Vec::new(), files };
        let read = tables.read("abis.toml", |top| {
            top.only(&["table", "abi"]);
            (top.list("table", table_source), top.list("abi", abi))
        })?;
        (tables.sources, tables.abis) = read;
        for abi in &tables.abis {
            if !tables.sources.iter().any(|source| source.name == abi.table) {
                let what = format!("`table` of {} is `{}`, which is no [[table]] here; add one", abi.name, abi.table);
                return Err(Error::new("tables/abis.toml", 0, what));
            }
        }
        Ok(tables)
    }

    /// These tables with another text in place of one file.
    #[cfg(fuzzing)]
    pub(crate) fn with(&self, name: &str, text: String) -> Tables {
        let (sources, abis) = (self.sources.clone(), self.abis.clone());
        let mut files = self.files.clone();
        files.retain(|(file, ..)| file != name);
        files.push((name.to_owned(), "hostile.toml".to_owned(), text.into()));
        Tables { sources, abis, files }
    }

    /// The ABI of that name.
    pub fn abi(&self, name: &str) -> Option<&Abi> {
        self.abis.iter().find(|abi| abi.name == name)
    }

    /// The ABI for a Rust target: its `target_arch` and its pointer width.
    pub fn abi_for_target(&self, arch: &str, pointer_width: &str) -> Option<&Abi> {
        self.abis.iter().find(|abi| abi.rust.iter().any(|a| a == arch) && abi.bits.to_string() == pointer_width)
    }

    /// Whether the imported table is there.
    #[cfg(feature = "cli")]
    pub fn has_table(&self, name: &str) -> bool {
        self.files.iter().any(|(file, ..)| file.strip_suffix(".toml") == Some(name))
    }

    /// An imported table.
    pub fn table(&self, name: &str) -> Result<KernelTable, Error> {
        self.read(&format!("{name}.toml"), |top| {
            top.only(&["linux", "source", "sha256", "takes", "extra", "set", "syscalls"]);
            KernelTable {
                linux: top.string("linux"),
                source: top.string("source"),
                sha256: top.string("sha256"),
                takes: top.list("takes", taker),
                extras: top.list("extra", extra),
                errnos: top.list("set", errno_set),
                rows: top.list("syscalls", row),
            }
        })
    }

    /// Every imported table of numbers that is there, by name.
    #[cfg(feature = "cli")]
    pub(crate) fn imported(&self) -> Result<BTreeMap<String, KernelTable>, Error> {
        let there = self.sources.iter().filter(|source| self.has_table(&source.name));
        there.map(|source| Ok((source.name.clone(), self.table(&source.name)?))).collect()
    }

    /// The entry points' arguments.
    pub fn prototypes(&self) -> Result<Vec<Prototype>, Error> {
        self.read("prototypes.toml", |top| {
            top.only(&["linux", "tables", "prototypes", "bare"]);
            top.list("prototypes", prototype)
        })
    }

    /// The kernel that the prototypes are from.
    #[cfg(feature = "cli")]
    pub fn prototypes_of(&self) -> Result<String, Error> {
        self.read("prototypes.toml", |top| top.string("linux"))
    }

    /// The tables whose entry points the prototypes are; none where there are no prototypes.
    #[cfg(feature = "cli")]
    pub fn joined(&self) -> Result<Vec<String>, Error> {
        if !self.has_table("prototypes") {
            return Ok(Vec::new());
        }
        self.read("prototypes.toml", |top| top.strings("tables"))
    }

    /// The entry points without prototype.
    #[cfg(feature = "cli")]
    pub fn bare(&self) -> Result<Vec<Bare>, Error> {
        self.read("prototypes.toml", |top| top.list("bare", bare))
    }

    /// The calls that an ABI never had.
    pub fn absent(&self) -> Result<Vec<Absent>, Error> {
        let absent = self.read("absent.toml", |top| {
            top.only(&["absent"]);
            top.list("absent", absence)
        })?;
        for Absent { name, abis, .. } in &absent {
            if let Some(unknown) = abis.iter().find(|name| self.abi(name).is_none()) {
                let what = format!("`{unknown}`, which is to lack {name}, is no ABI of abis.toml");
                return Err(Error::new("tables/absent.toml", 0, what));
            }
        }
        Ok(absent)
    }

    /// Constants of the kernel's user-space headers.
    pub fn constants(&self) -> Result<Vec<Constants>, Error> {
        self.read("uapi.toml", |top| {
            top.only(&["linux", "header"]);
            top.list("header", constants)
        })
    }

    /// All error numbers of `errno.toml`.
    pub fn errno_sets(&self) -> Result<Vec<ErrnoSet>, Error> {
        self.read("errno.toml", |top| {
            top.only(&["linux", "set"]);
            top.list("set", errno_set)
        })
    }

    /// The error numbers of a kernel architecture.
    pub fn errnos(&self, arch: &str) -> Result<Vec<ErrnoValue>, Error> {
        let mut sets = self.errno_sets()?;
        if self.frozen(arch) {
            for abi in self.abis.iter().filter(|abi| abi.arch == arch) {
                sets.extend(self.table(&abi.table)?.errnos);
            }
        }
        Ok(sets.swap_remove(set_of(&sets, arch)?).errnos)
    }

    /// Whether the architecture has left the kernel: each of its tables is frozen.
    pub fn frozen(&self, arch: &str) -> bool {
        let frozen = |table: &str| self.sources.iter().any(|source| source.name == table && source.frozen.is_some());
        self.abis.iter().all(|abi| abi.arch != arch || frozen(&abi.table))
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&Block<'_>) -> T) -> Result<T, Error> {
        match self.files.iter().find(|(file, ..)| file == name) {
            Some((_, path, text)) => document::parse(path, text, read),
            None => Err(Error::new(name, 0, "there is no such table; `cargo codegen import` writes it")),
        }
    }
}

impl KernelTable {
    /// The tags that an ABI takes of it, empty for every row; `None` if this kernel has no such ABI.
    pub fn tags(&self, abi: &str) -> Option<&[String]> {
        self.taker(abi).map(|taker| taker.tags.as_slice())
    }

    /// What other kernel files add for an ABI.
    pub(crate) fn extras_of<'t>(&'t self, abi: &Abi) -> impl Iterator<Item = &'t Extra> {
        self.extras.iter().filter(|extra| extra.abis.contains(&abi.name))
    }

    fn taker(&self, abi: &str) -> Option<&Taker> {
        self.takes.iter().find(|taker| taker.abi == abi)
    }
}

/// Which of the sets is for a kernel architecture.
pub(crate) fn set_of(sets: &[ErrnoSet], arch: &str) -> Result<usize, Error> {
    let what = || format!("no error numbers for arch/{arch}; import the tables again");
    let set = sets.iter().position(|set| set.archs.iter().any(|a| a == arch));
    set.ok_or_else(|| Error::new("tables/errno.toml", 0, what()))
}

impl Taker {
    /// Whether rows with this tag are the ABI's own.
    pub fn takes(&self, tag: &str) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|t| t == tag)
    }
}

impl Absent {
    /// Whether this kernel has an ABI without the call.
    pub fn holds(&self, abi: &str, linux: &str) -> bool {
        self.abis.iter().any(|name| name == abi)
            && self.until.as_deref().is_none_or(|until| series(linux) <= series(until))
    }
}

/// The series of a kernel, as numbers: 7 and 2 of `7.2.13`.
pub(crate) fn series(linux: &str) -> (u32, u32) {
    let mut numbers = linux.split(['.', '-']).map(|word| word.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

impl Abi {
    /// Whether a way into the kernel takes that column of the table: the native entry points or the compat ones.
    #[cfg(feature = "cli")]
    pub(crate) fn takes(&self, compat: bool) -> bool {
        self.entries.iter().any(|way| way.compat == compat)
    }

    /// The entry point that a call ends in by the ways that take a column; `None` without such a way.
    #[cfg(feature = "cli")]
    pub(crate) fn ends_in<'t>(&self, call: &Call<'t>, compat: bool) -> Option<&'t str> {
        let entry = if compat { call.compat.or(call.entry) } else { call.entry };
        // A row without entry point is reserved; a header's number without row is none of the table's business.
        entry.or(call.tag.map(|_| NO_CALL)).filter(|_| self.takes(compat))
    }

    /// The calls of this ABI: the table's rows, which are in order of number, then the names that only headers define.
    /// None, if the table's kernel has no such ABI.
    pub fn calls<'t>(&self, table: &'t KernelTable) -> Vec<Call<'t>> {
        let Some(taker) = table.taker(&self.name) else { return Vec::new() };
        let mut names: Vec<(u32, &str)> = Vec::new();
        let mut removed: Vec<&str> = Vec::new();
        let mut redirects: Vec<&(String, String)> = Vec::new();
        for extra in table.extras_of(self) {
            names.extend(extra.names.iter().map(|(nr, name)| (*nr, name.as_str())));
            removed.extend(extra.removed.iter().map(String::as_str));
            redirects.extend(&extra.redirects);
        }
        let mut calls: Vec<Call<'t>> = Vec::new();
        for row in &table.rows {
            let mut name = row.name.as_str();
            if !taker.takes(&row.tag) {
                continue;
            }
            if removed.contains(&name) {
                // The header took the name away; the name that it gives the number takes its place.
                let Some(at) = names.iter().position(|(nr, _)| *nr == row.nr) else { continue };
                name = names.remove(at).1;
            }
            let mut entry = row.entry.as_deref();
            for (from, to) in &redirects {
                if entry == Some(from) {
                    entry = Some(to);
                    break;
                }
            }
            let (tag, compat) = (Some(row.tag.as_str()), row.compat.as_deref());
            let number = self.base.wrapping_add(row.nr);
            calls.push(Call { number, tag, name, entry, compat, noreturn: row.noreturn });
        }
        for (nr, name) in names {
            let number = self.base.wrapping_add(nr);
            let same = calls.iter().find(|call| call.number == number).cloned();
            let other = Call { number, tag: None, name, entry: None, compat: None, noreturn: false };
            calls.push(same.map_or(other, |call| Call { tag: None, name, ..call }));
        }
        calls
    }
}

const ABI_KEYS: &[&str] = &[
    "name",
    "arch",
    "table",
    "base",
    "base_macro",
    "header",
    "uapi",
    "predefined",
    "redirects",
    "since",
    "bits",
    "sigset",
    "pairs",
    "rust",
    "triples",
    "call",
    "entry",
];

#[cfg(feature = "cli")]
const ENTRY_KEYS: &[&str] = &["instruction", "when", "path", "table", "column", "prefix", "note"];

const CALL_KEYS: &[&str] = &[
    "instruction",
    "number",
    "arguments",
    "result",
    "failure",
    "destroyed",
    "flags",
    "unnameable",
    "save",
    "load",
    "restore",
];

fn non_empty(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

fn table_source(block: &Block<'_>) -> TableSource {
    block.only(&["name", "source", "makefile", "frozen"]);
    TableSource {
        name: block.string("name"),
        source: block.string("source"),
        makefile: block.string("makefile"),
        frozen: non_empty(block.string("frozen")),
    }
}

fn abi(block: &Block<'_>) -> Abi {
    block.only(ABI_KEYS);
    let bits = block.number("bits");
    if bits != 32 && bits != 64 {
        block.refuse(format!("`bits` is {bits}, and must be 32 or 64"));
    }
    Abi {
        name: block.string("name"),
        arch: block.string("arch"),
        table: block.string("table"),
        base: block.number("base"),
        base_macro: non_empty(block.string("base_macro")),
        header: block.string("header"),
        uapi: block.flag("uapi"),
        predefined: block.strings("predefined"),
        redirects: non_empty(block.string("redirects")),
        since: non_empty(block.string("since")),
        bits,
        sigset: block.number("sigset"),
        pairs: [Pairs::Whole, Pairs::Consecutive, Pairs::Even][word(block, "pairs", &["whole", "consecutive", "even"])],
        rust: block.strings("rust"),
        triples: block.strings("triples"),
        call: block.block("call", convention),
        #[cfg(feature = "cli")]
        entries: block.list("entry", entry),
    }
}

#[cfg(feature = "cli")]
fn entry(block: &Block<'_>) -> Entry {
    block.only(ENTRY_KEYS);
    Entry {
        instruction: block.string("instruction"),
        when: block.string("when"),
        path: block.list("path", label),
        table: block.block("table", label).unwrap_or_else(|| {
            block.refuse("the key `table` is missing".to_owned());
            Label { name: String::new(), source: String::new(), by: None }
        }),
        compat: word(block, "column", &["entry", "compat"]) == 1,
        prefix: block.string("prefix"),
        note: block.string("note"),
    }
}

#[cfg(feature = "cli")]
fn label(block: &Block<'_>) -> Label {
    block.only(&["label", "source", "by"]);
    Label { name: block.string("label"), source: block.string("source"), by: block.optional_string("by") }
}

/// Which of a closed set of words the key has.
fn word(block: &Block<'_>, key: &str, words: &[&str]) -> usize {
    let text = block.string(key);
    let found = words.iter().position(|word| *word == text);
    if found.is_none() {
        block.refuse(format!("`{key}` is \"{text}\", and can only be one of {words:?}"));
    }
    found.unwrap_or(0)
}

fn convention(block: &Block<'_>) -> Convention {
    block.only(CALL_KEYS);
    word(block, "failure", &["negative"]);
    Convention {
        instruction: block.string("instruction"),
        number: block.string("number"),
        arguments: block.strings("arguments"),
        result: block.string("result"),
        destroyed: block.list("destroyed", |block| {
            block.only(&["register", "why", "source"]);
            Destroyed { register: block.string("register"), why: block.string("why"), source: block.string("source") }
        }),
        flags_kept: word(block, "flags", &["destroyed", "kept"]) == 1,
        unnameable: block.strings("unnameable"),
        save: block.string("save"),
        load: block.string("load"),
        restore: block.string("restore"),
    }
}

fn taker(block: &Block<'_>) -> Taker {
    block.only(&["abi", "tags"]);
    Taker { abi: block.string("abi"), tags: block.strings("tags") }
}

fn row(block: &Block<'_>) -> Row {
    block.only(&["nr", "tag", "name", "entry", "compat", "noreturn"]);
    Row {
        nr: block.number("nr"),
        tag: block.string("tag"),
        name: block.string("name"),
        entry: block.optional_string("entry"),
        compat: block.optional_string("compat"),
        noreturn: block.has("noreturn") && block.flag("noreturn"),
    }
}

fn extra(block: &Block<'_>) -> Extra {
    block.only(&["abis", "source", "sha256", "names", "removed", "redirects"]);
    Extra {
        abis: block.strings("abis"),
        source: block.string("source"),
        sha256: block.string("sha256"),
        names: block.list("names", |block| {
            block.only(&["nr", "name"]);
            (block.number("nr"), block.string("name"))
        }),
        removed: block.strings("removed"),
        redirects: block.list("redirects", |block| {
            block.only(&["entry", "to"]);
            (block.string("entry"), block.string("to"))
        }),
    }
}

fn prototype(block: &Block<'_>) -> Prototype {
    block.only(&["entry", "args", "abis", "source", "line", "calls", "condition", "optional"]);
    let mut args = Vec::new();
    for arg in block.strings("args") {
        match arg.rsplit_once(' ') {
            Some((ctype, name)) => args.push((ctype.to_owned(), name.to_owned())),
            None => block.refuse(format!("`{arg}` is no argument: a C type, a blank and a name are wanted")),
        }
    }
    Prototype {
        entry: block.string("entry"),
        args,
        abis: if block.has("abis") { Some(block.strings("abis")) } else { None },
        source: block.string("source"),
        line: block.number("line"),
        calls: block.optional_string("calls"),
        condition: block.optional_string("condition"),
        optional: block.optional_string("optional"),
    }
}

#[cfg(feature = "cli")]
fn bare(block: &Block<'_>) -> Bare {
    block.only(&["entry", "why", "abis", "source", "line"]);
    let words: Vec<&str> = Why::ALL.iter().map(|(_, word)| *word).collect();
    let why = Why::ALL[word(block, "why", &words)].0;
    let placed = why != Why::NotFound;
    Bare {
        entry: block.string("entry"),
        why,
        abis: block.strings("abis"),
        source: if placed { block.string("source") } else { String::new() },
        line: if placed { block.number("line") } else { 0 },
    }
}

fn absence(block: &Block<'_>) -> Absent {
    block.only(&["name", "abis", "entry", "why", "instead", "until"]);
    Absent {
        name: block.string("name"),
        abis: block.strings("abis"),
        entry: block.string("entry"),
        why: block.string("why"),
        instead: block.string("instead"),
        until: block.optional_string("until"),
    }
}

fn constants(block: &Block<'_>) -> Constants {
    block.only(&["archs", "source", "sha256", "constants"]);
    Constants {
        archs: block.strings("archs"),
        source: block.string("source"),
        sha256: block.string("sha256"),
        constants: block.list("constants", |block| {
            block.only(&["name", "value", "rust"]);
            Constant { name: block.string("name"), value: block.integer("value"), rust: block.string("rust") }
        }),
    }
}

fn errno_set(block: &Block<'_>) -> ErrnoSet {
    block.only(&["archs", "source", "sha256", "errnos"]);
    let errnos = block.list("errnos", |block| {
        block.only(&["value", "name", "text"]);
        ErrnoValue { name: block.string("name"), value: block.number("value"), text: block.string("text") }
    });
    ErrnoSet { archs: block.strings("archs"), source: block.string("source"), sha256: block.string("sha256"), errnos }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks_of(key: &str) -> Vec<Vec<String>> {
        let (_, text) = aio_tables::FILES.iter().find(|(name, _)| *name == "abis.toml").unwrap();
        document::parse("abis.toml", text, |top| match key {
            "call" => top.list("abi", |block| block.block("call", |call| call.keys())).into_iter().flatten().collect(),
            "entry" => {
                top.list("abi", |block| block.list("entry", |entry| entry.keys())).into_iter().flatten().collect()
            }
            key => top.list(key, |block| block.keys()),
        })
        .unwrap()
    }

    #[test]
    fn every_abi_has_the_same_keys_in_the_same_order() {
        let abis = blocks_of("abi");
        assert!(abis.len() > 30);
        for keys in abis {
            // Only `call` may be missing.
            let wanted = ABI_KEYS.iter().filter(|&&key| key != "call" || keys.iter().any(|key| key == "call"));
            assert_eq!(keys, wanted.copied().collect::<Vec<_>>());
        }
        let calls = blocks_of("call");
        assert!(calls.len() >= 2);
        for keys in calls {
            assert_eq!(keys, CALL_KEYS);
        }
    }

    #[test]
    #[cfg(feature = "cli")]
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
    fn no_two_abis_claim_one_rust_target() {
        let tables = Tables::embedded().unwrap();
        for abi in &tables.abis {
            for arch in &abi.rust {
                assert_eq!(tables.abi_for_target(arch, &abi.bits.to_string()).unwrap().name, abi.name);
            }
        }
    }

    #[test]
    fn mistakes_in_a_table_are_sentences_with_a_line() {
        let table = |text: &str| {
            let mut files: Vec<_> = aio_tables::FILES
                .iter()
                .map(|&(name, text)| (name.to_owned(), name.to_owned(), Cow::from(text)))
                .collect();
            files.retain(|(name, ..)| name != "sh.toml");
            files.push(("sh.toml".into(), "sh.toml".into(), text.to_owned().into()));
            Tables::new(files).unwrap().table("sh").unwrap_err().to_string()
        };
        let head = "linux = \"1\"\nsource = \"s\"\nsha256 = \"x\"\n";
        assert_eq!(
            table(&format!("{head}syscalls = [\n  {{ nr = 1, tag = \"a\", nmae = \"exit\" }},\n]\n")),
            "sh.toml:5: unknown key `nmae`; the keys here are nr, tag, name, entry, compat, noreturn"
        );
        assert_eq!(
            table(&format!("{head}syscalls = [\n  {{ nr = -1, tag = \"a\", name = \"exit\" }},\n]\n")),
            "sh.toml:5: `nr` is -1, and must be in 0..=4294967295"
        );
        assert_eq!(
            table(&format!("{head}syscalls = [\n  {{ nr = 1, name = \"exit\" }},\n]\n")),
            "sh.toml:5: the key `tag` is missing"
        );
        assert!(table("linux = ").starts_with("sh.toml:1: not valid TOML: "));
    }
}
