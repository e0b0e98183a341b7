//! The tables as Rust values. What each key means is said at the top of `tables/abis.toml`.
//!
//! What only the tool wants of them, to be printed and compared, is derived only for the tool.

mod document;

use crate::Error;
use crate::version::Version;
use aio_tables::{BY_HAND, IMPORTED};
use document::Block;
use std::borrow::Cow;
#[cfg(feature = "cli")]
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// No Linux call takes more arguments than this, where each is a register.
pub(crate) const MOST_ARGUMENTS: usize = 6;

/// No table has a higher number, and no ABI a higher base: their sum fits.
const MOST_NUMBER: u32 = 0x7fff_ffff;

/// The entry point that is none: the kernel answers `ENOSYS`. A number that is only reserved ends
/// there, too.
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
    pub frozen: Option<Version>,
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
    pub since: Option<Version>,
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
    /// Other ways to make one.
    pub others: Vec<Other>,
    /// The ways into the kernel, the most usual first.
    #[cfg(feature = "cli")]
    pub entries: Vec<Entry>,
}

/// How a call is made. Registers are named as operands of inline assembly name them, lines are in
/// GAS's own syntax.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Convention {
    /// Which Rust has `asm!` for it.
    pub asm: Asm,
    /// The instruction that enters the kernel.
    pub instruction: String,
    /// The lines that follow it.
    pub after: Vec<String>,
    /// Register of the number; empty where the instruction carries it.
    pub number: String,
    /// Registers of the arguments.
    pub arguments: Vec<String>,
    /// Where the arguments beyond those are.
    pub stack: Option<Stack>,
    /// Register of the result.
    pub result: String,
    /// Register of the second result that a few calls have.
    pub second: Option<String>,
    /// How a failure is told before the lines in `after` have made it negative.
    pub failure: Failure,
    /// What fills the rest of a 64-bit register that holds a 32-bit pointer.
    pub widen: Option<Widen>,
    /// Registers that the call changes besides those named above.
    pub destroyed: Vec<Destroyed>,
    /// Whether the flags survive.
    pub flags_kept: bool,
    /// Registers of the above that a compiler refuses as operands.
    pub unnameable: Vec<String>,
    /// Lines that save one of them.
    pub save: Vec<String>,
    /// Lines that load one of them.
    pub load: Vec<String>,
    /// Lines that restore it.
    pub restore: Vec<String>,
    /// Lines that bring the address of the entry point to where the instruction finds it.
    pub address: Vec<String>,
    /// What is surprising, and whom the block followed where sources disagree.
    pub quirks: Vec<String>,
}

/// Which Rust has `asm!` for an ABI.
#[derive(PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub enum Asm {
    /// None: there is no such target.
    Never,
    /// Only nightly compilers.
    Nightly,
    /// Stable ones from this version on.
    Stable(String),
}

/// Arguments in memory.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Stack {
    /// Lines that make room.
    pub reserve: Vec<String>,
    /// Lines that store one argument.
    pub store: Vec<String>,
    /// Lines that give the room back.
    pub release: Vec<String>,
    /// Offset of the first.
    pub first: u32,
}

/// How a failure is told.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub enum Failure {
    /// The result is `-errno`.
    Negative,
    /// This register is not 0, and the result is errno.
    Flag(String),
    /// This condition holds, and the result is errno.
    Condition(String),
}

/// What fills a register beyond a 32-bit pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widen {
    /// Zeros.
    Zero,
    /// Copies of the highest bit.
    Sign,
}

/// Registers that the kernel changes, and who says so.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Destroyed {
    /// Their names.
    pub registers: Vec<String>,
    /// Why they change.
    pub why: String,
    /// The kernel file that shows it.
    pub source: String,
    /// How a Rust stub says so.
    pub rust: Told,
    /// Where it holds, unless everywhere.
    pub only: Option<Only>,
    /// Where C compilers have names for them, unless wherever it holds.
    pub c: Option<String>,
}

/// How a Rust stub says that a register changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By an operand of `asm!`.
    Operand,
    /// By leaving `preserves_flags` out.
    Flags,
    /// By being a function that is called, and never inlined: such a call may change it, too.
    Call,
    /// Not at all: no code that Rust makes has a value there.
    Never,
}

/// A condition of compilation.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Only {
    /// For `cfg`.
    pub rust: String,
    /// For `#if`.
    pub c: String,
}

/// Another way to make calls, beside the ABI's own.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Other {
    /// The name of its module.
    pub name: String,
    /// When it is to be used.
    pub when: String,
    /// The ABI whose numbers it takes.
    pub numbers: String,
    /// How.
    pub call: Convention,
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

/// How a C function of some ABIs gets its arguments. The fields are the keys of
/// `tables/functions.toml`.
#[cfg(feature = "cli")]
pub(crate) struct CFunction {
    pub(crate) abis: Vec<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) stack: i64,
    pub(crate) step: i64,
    pub(crate) reserved: i64,
    pub(crate) spare: String,
    pub(crate) file: Vec<String>,
    pub(crate) enter: Vec<String>,
    pub(crate) leave: Vec<String>,
    pub(crate) copy: String,
    pub(crate) load: String,
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
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct KernelTable {
    /// The kernel it comes from.
    pub linux: Version,
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
    /// When the kernel has this definition, and not another: what builds its file, and the `#if`
    /// around it.
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
    pub const ALL: &'static [(Why, &'static str)] = &[
        (Why::Assembler, "assembler"),
        (Why::NotBuilt, "not built"),
        (Why::NotFound, "not found"),
    ];
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
    pub until: Option<Version>,
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
        for (place, tables) in [("tables", BY_HAND), ("tables/linux", IMPORTED)] {
            for &(name, text) in tables {
                files.push((name.to_owned(), format!("{place}/{name}"), Cow::Borrowed(text)));
            }
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
            if let Some(other) =
                abi.others.iter().find(|other| tables.abi(&other.numbers).is_none())
            {
                let what = format!(
                    "`numbers` of {}'s {} is `{}`, which is no [[abi]] here",
                    abi.name, other.name, other.numbers
                );
                return Err(Error::in_file(tables.path("abis.toml"), what));
            }
            if !tables.sources.iter().any(|source| source.name == abi.table) {
                let what = format!(
                    "`table` of {} is `{}`, which is no [[table]] here; add one",
                    abi.name, abi.table
                );
                return Err(Error::in_file(tables.path("abis.toml"), what));
            }
        }
        Ok(tables)
    }

    /// These tables with other texts in place of some files.
    #[cfg(fuzzing)]
    pub(crate) fn with(&self, texts: Vec<(String, String)>) -> Tables {
        let (sources, abis) = (self.sources.clone(), self.abis.clone());
        let mut files = self.files.clone();
        files.retain(|(file, ..)| texts.iter().all(|(name, _)| name != file));
        files.extend(
            texts.into_iter().map(|(name, text)| (name, "hostile.toml".to_owned(), text.into())),
        );
        Tables { sources, abis, files }
    }

    /// The ABI of that name.
    pub fn abi(&self, name: &str) -> Option<&Abi> {
        self.abis.iter().find(|abi| abi.name == name)
    }

    /// The ABI for a Rust target: its `target_arch` and its pointer width.
    pub fn abi_for_target(&self, arch: &str, pointer_width: &str) -> Option<&Abi> {
        self.abis
            .iter()
            .find(|abi| abi.rust.iter().any(|a| a == arch) && abi.bits.to_string() == pointer_width)
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
            let takes = top.list("takes", taker);
            let mut numbers = BTreeSet::new();
            let linux = top.string("linux");
            if linux.split(['.', '-']).take(2).any(|word| word.parse::<u32>().is_err()) {
                top.refuse(format!(
                    "`linux` is `{linux}`, and must be a kernel's version, as 6.12 is"
                ));
            }
            KernelTable {
                linux: Version::new(linux),
                source: top.string("source"),
                sha256: top.string("sha256"),
                extras: top.list("extra", extra),
                errnos: top.list("set", errno_set),
                rows: top.list("syscalls", |block| {
                    let row = row(block);
                    for (at, taker) in
                        takes.iter().enumerate().filter(|(_, taker)| taker.takes(&row.tag))
                    {
                        if !numbers.insert((at, row.nr)) {
                            block.refuse(format!(
                                "{} has two calls {}; take one away",
                                taker.abi, row.nr
                            ));
                        }
                    }
                    row
                }),
                takes,
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
    pub fn prototypes_of(&self) -> Result<Version, Error> {
        self.read("prototypes.toml", |top| Version::new(top.string("linux")))
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
        self.read("absent.toml", |top| {
            top.only(&["absent"]);
            top.list("absent", |block| {
                let absent = absence(block);
                if let Some(unknown) = absent.abis.iter().find(|name| self.abi(name).is_none()) {
                    block.refuse(format!(
                        "`{unknown}`, which is to lack {}, is no ABI of abis.toml",
                        absent.name
                    ));
                }
                absent
            })
        })
    }

    /// How C functions get their arguments.
    #[cfg(feature = "cli")]
    pub(crate) fn functions(&self) -> Result<Vec<CFunction>, Error> {
        self.read("functions.toml", |top| {
            top.only(&["function"]);
            top.list("function", c_function)
        })
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
        let frozen = |table: &str| {
            self.sources.iter().any(|source| source.name == table && source.frozen.is_some())
        };
        self.abis.iter().all(|abi| abi.arch != arch || frozen(&abi.table))
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&Block<'_>) -> T) -> Result<T, Error> {
        match self.files.iter().find(|(file, ..)| file == name) {
            Some((_, path, text)) => document::parse(path, text, read),
            None => Err(Error::in_file(
                self.path(name),
                "there is no such table; `import --linux` writes it",
            )),
        }
    }

    /// The path of a file as the user knows it: beside the others, if it is not there.
    fn path(&self, name: &str) -> String {
        let there = self.files.iter().find(|(file, ..)| file == name);
        match there.or(self.files.last()) {
            Some((file, path, _)) => {
                format!("{}{name}", path.strip_suffix(file.as_str()).unwrap_or_default())
            }
            None => name.to_owned(),
        }
    }
}

impl KernelTable {
    /// The tags that an ABI takes of it, empty for every row; `None` if this kernel has no such
    /// ABI.
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
    set.ok_or_else(|| Error::in_file("tables/linux/errno.toml", what()))
}

impl Taker {
    /// Whether rows with this tag are the ABI's own.
    pub fn takes(&self, tag: &str) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|t| t == tag)
    }
}

impl Absent {
    /// Whether this kernel has an ABI without the call.
    pub fn holds(&self, abi: &str, linux: &Version) -> bool {
        self.abis.iter().any(|name| name == abi)
            && self.until.as_ref().is_none_or(|until| linux.series() <= until.series())
    }
}

impl Abi {
    /// How a Rust stub makes a call, where there is one.
    pub fn stub(&self) -> Option<&Convention> {
        self.call.as_ref().filter(|call| call.in_rust())
    }

    /// Whether a way into the kernel takes that column of the table: the native entry points or the
    /// compat ones.
    #[cfg(feature = "cli")]
    pub(crate) fn takes(&self, compat: bool) -> bool {
        self.entries.iter().any(|way| way.compat == compat)
    }

    /// The entry point that a call ends in by the ways that take a column; `None` without such a
    /// way.
    #[cfg(feature = "cli")]
    pub(crate) fn ends_in<'t>(&self, call: &Call<'t>, compat: bool) -> Option<&'t str> {
        let entry = if compat { call.compat.or(call.entry) } else { call.entry };
        // A row without entry point is reserved; a header's number without row is none of the
        // table's business.
        entry.or(call.tag.map(|_| NO_CALL)).filter(|_| self.takes(compat))
    }

    /// The calls of this ABI: the table's rows, which are in order of number, then the names that
    /// only headers define. None, if the table's kernel has no such ABI.
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
            let number = self.base.saturating_add(row.nr);
            calls.push(Call { number, tag, name, entry, compat, noreturn: row.noreturn });
        }
        for (nr, name) in names {
            let number = self.base.saturating_add(nr);
            let same = calls.iter().find(|call| call.number == number).cloned();
            let other =
                Call { number, tag: None, name, entry: None, compat: None, noreturn: false };
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
    "other",
    "entry",
];

#[cfg(feature = "cli")]
const ENTRY_KEYS: &[&str] = &["instruction", "when", "path", "table", "column", "prefix", "note"];

const OTHER_KEYS: &[&str] = &["name", "when", "numbers"];

const CALL_KEYS: &[&str] = &[
    "asm",
    "instruction",
    "after",
    "number",
    "arguments",
    "stack",
    "result",
    "second",
    "failure",
    "flag",
    "widen",
    "destroyed",
    "flags",
    "unnameable",
    "save",
    "load",
    "restore",
    "address",
    "quirks",
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
        frozen: non_empty(block.string("frozen")).map(Version::new),
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
        base: block.number_to("base", MOST_NUMBER),
        base_macro: non_empty(block.string("base_macro")),
        header: block.string("header"),
        uapi: block.flag("uapi"),
        predefined: block.strings("predefined"),
        redirects: non_empty(block.string("redirects")),
        since: non_empty(block.string("since")).map(Version::new),
        bits,
        sigset: block.number("sigset"),
        pairs: [Pairs::Whole, Pairs::Consecutive, Pairs::Even]
            [word(block, "pairs", &["whole", "consecutive", "even"])],
        rust: block.strings("rust"),
        triples: block.strings("triples"),
        call: block.block("call", |block| convention(block, CALL_KEYS)),
        others: block.list("other", other),
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
    Label {
        name: block.string("label"),
        source: block.string("source"),
        by: block.optional_string("by"),
    }
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

fn convention(block: &Block<'_>, keys: &[&str]) -> Convention {
    block.only(keys);
    let flag = block.string("flag");
    let failure = match word(block, "failure", &["negative", "flag", "condition"]) {
        1 => Failure::Flag(flag.clone()),
        2 => Failure::Condition(flag.clone()),
        _ => Failure::Negative,
    };
    let after = block.strings("after");
    let negative = matches!(failure, Failure::Negative);
    if flag.is_empty() != negative {
        block.refuse(
            "`flag` names what tells a failure, and is empty where `failure` is \"negative\""
                .to_owned(),
        );
    } else if !negative && after.is_empty() {
        block.refuse("`after` is empty, and nothing makes a failure negative".to_owned());
    }
    let convention = Convention {
        asm: match block.string("asm").as_str() {
            "" => Asm::Never,
            "nightly" => Asm::Nightly,
            version => Asm::Stable(version.to_owned()),
        },
        instruction: block.string("instruction"),
        after,
        number: block.string("number"),
        arguments: block.strings("arguments"),
        stack: block.block("stack", stack).flatten(),
        result: block.string("result"),
        second: non_empty(block.string("second")),
        failure,
        widen: [None, Some(Widen::Zero), Some(Widen::Sign)]
            [word(block, "widen", &["", "zero", "sign"])],
        destroyed: block.list("destroyed", destroyed),
        flags_kept: word(block, "flags", &["destroyed", "kept"]) == 1,
        unnameable: block.strings("unnameable"),
        save: block.strings("save"),
        load: block.strings("load"),
        restore: block.strings("restore"),
        address: block.strings("address"),
        quirks: block.strings("quirks"),
    };
    if let Some(what) = convention.mistake() {
        block.refuse(what);
    }
    convention
}

impl Convention {
    /// What is wrong with it as a whole.
    fn mistake(&self) -> Option<String> {
        let Convention { instruction, number, arguments, unnameable, load, .. } = self;
        let has = |lines: &[String], word| lines.iter().any(|line| line.contains(word));
        let known = |register: &String| register == number || arguments.contains(register);
        let dead = |register: &&String| {
            **register == self.result || (known(register) && unnameable.contains(register))
        };
        if number.is_empty() != instruction.contains("{number}") {
            Some(
                "`number` is to be a register, or empty where `instruction` has `{number}`"
                    .to_owned(),
            )
        } else if self.stack.is_none() && arguments.len() < MOST_ARGUMENTS {
            Some(format!(
                "`arguments` has {}, and a call may have {MOST_ARGUMENTS}: name the others, or `stack`",
                arguments.len()
            ))
        } else if let Some(other) = unnameable.iter().find(|register| !known(register)) {
            Some(format!("`{other}` is unnameable, and neither `number` nor one of `arguments`"))
        } else if unnameable.is_empty() != load.is_empty() && self.address.is_empty() {
            Some("`load` says how an unnameable register gets its value, and is empty where there is none".to_owned())
        } else if !load.is_empty() && !has(load, "{register}") {
            Some("`load` does not say `{register}`".to_owned())
        } else if !load.is_empty()
            && has(load, "{from}") == (has(load, "{block}") && has(load, "{offset}"))
        {
            Some(
                "`load` has to take its value from `{from}`, or from `{offset}` beyond `{block}`"
                    .to_owned(),
            )
        } else if self.save.is_empty() != self.restore.is_empty() {
            Some("what `save` saves `restore` restores, and one of them is empty".to_owned())
        } else {
            let mut gone = self.destroyed.iter().flat_map(|row| &row.registers);
            gone.find(dead).map(|register| {
                format!("`{register}` is `result` or unnameable, and cannot be `destroyed`, too")
            })
        }
    }

    /// Whether an unnameable register gets its value from a block of memory, and not from another
    /// register.
    pub(crate) fn loads_from_memory(&self) -> bool {
        self.load.iter().any(|line| line.contains("{block}"))
    }

    /// How many words a call may have at most: a 64-bit argument of two may leave a hole, for which
    /// memory has the room.
    pub fn most_arguments(&self) -> usize {
        MOST_ARGUMENTS + usize::from(self.stack.is_some())
    }

    /// Whether there are stubs in Rust.
    pub fn in_rust(&self) -> bool {
        !matches!(self.asm, Asm::Never)
    }
}

fn other(block: &Block<'_>) -> Other {
    Other {
        name: block.string("name"),
        when: block.string("when"),
        numbers: block.string("numbers"),
        call: convention(block, &[OTHER_KEYS, CALL_KEYS].concat()),
    }
}

fn stack(block: &Block<'_>) -> Option<Stack> {
    if !block.has("first") {
        block.only(&[]);
        return None;
    }
    block.only(&["reserve", "store", "release", "first"]);
    let stack = Stack {
        reserve: block.strings("reserve"),
        store: block.strings("store"),
        release: block.strings("release"),
        first: block.number("first"),
    };
    let has = |word| stack.store.iter().any(|line| line.contains(word));
    if !has("{from}") || !has("{offset}") {
        block.refuse("`store` has to put `{from}` at `{offset}`".to_owned());
    }
    Some(stack)
}

fn destroyed(block: &Block<'_>) -> Destroyed {
    block.only(&["registers", "why", "source", "rust", "only", "c"]);
    let rust = match block.has("rust") {
        true => {
            [Told::Flags, Told::Call, Told::Never][word(block, "rust", &["flags", "call", "never"])]
        }
        false => Told::Operand,
    };
    let mut registers = Vec::new();
    for name in block.strings("registers") {
        match range(&name) {
            Some(names) => registers.extend(names),
            None => block.refuse(format!(
                "`{name}` is no register, and no range of them such as `v0..=v31`"
            )),
        }
    }
    let only = block.block("only", |block| {
        block.only(&["rust", "c"]);
        Only { rust: block.string("rust"), c: block.string("c") }
    });
    if only.is_some() && matches!(rust, Told::Operand) {
        block.refuse(
            "an operand of asm! has no condition: `only` needs another word in `rust`".to_owned(),
        );
    }
    let (why, source, c) =
        (block.string("why"), block.string("source"), block.optional_string("c"));
    Destroyed { registers, why, source, rust, only, c }
}

/// The registers that `v0..=v31` means, or the one that there is.
fn range(name: &str) -> Option<Vec<String>> {
    let Some((first, last)) = name.split_once("..=") else { return Some(vec![name.to_owned()]) };
    let prefix = first.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let [first, last]: [u8; 2] =
        [first.strip_prefix(prefix)?.parse().ok()?, last.strip_prefix(prefix)?.parse().ok()?];
    Some((first..=last).map(|number| format!("{prefix}{number}")).collect())
}

#[cfg(feature = "cli")]
const FUNCTION_KEYS: &[&str] = &[
    "abis",
    "arguments",
    "stack",
    "step",
    "reserved",
    "spare",
    "file",
    "enter",
    "leave",
    "copy",
    "load",
];

#[cfg(feature = "cli")]
fn c_function(block: &Block<'_>) -> CFunction {
    block.only(FUNCTION_KEYS);
    CFunction {
        abis: block.strings("abis"),
        arguments: block.strings("arguments"),
        stack: block.integer("stack"),
        step: block.integer("step"),
        reserved: block.integer("reserved"),
        spare: block.string("spare"),
        file: block.strings("file"),
        enter: block.strings("enter"),
        leave: block.strings("leave"),
        copy: block.string("copy"),
        load: block.string("load"),
    }
}

fn taker(block: &Block<'_>) -> Taker {
    block.only(&["abi", "tags"]);
    Taker { abi: block.string("abi"), tags: block.strings("tags") }
}

fn row(block: &Block<'_>) -> Row {
    block.only(&["nr", "tag", "name", "entry", "compat", "noreturn"]);
    Row {
        nr: block.number_to("nr", MOST_NUMBER),
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
            (block.number_to("nr", MOST_NUMBER), block.string("name"))
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
            None => block
                .refuse(format!("`{arg}` is no argument: a C type, a blank and a name are wanted")),
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
        until: block.optional_string("until").map(Version::new),
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
            Constant {
                name: block.string("name"),
                value: block.integer("value"),
                rust: block.string("rust"),
            }
        }),
    }
}

fn errno_set(block: &Block<'_>) -> ErrnoSet {
    block.only(&["archs", "source", "sha256", "errnos"]);
    let errnos = block.list("errnos", |block| {
        block.only(&["value", "name", "text"]);
        ErrnoValue {
            name: block.string("name"),
            value: block.number("value"),
            text: block.string("text"),
        }
    });
    ErrnoSet {
        archs: block.strings("archs"),
        source: block.string("source"),
        sha256: block.string("sha256"),
        errnos,
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
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
    #[cfg(feature = "cli")]
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
    fn mistakes_in_a_table_are_sentences_with_a_line() {
        let table = |text: &str| {
            let mut files: Vec<_> = BY_HAND
                .iter()
                .chain(IMPORTED)
                .map(|&(name, text)| (name.to_owned(), name.to_owned(), Cow::from(text)))
                .collect();
            files.retain(|(name, ..)| name != "sh.toml");
            files.push(("sh.toml".into(), "sh.toml".into(), text.to_owned().into()));
            Tables::new(files).unwrap().table("sh").unwrap_err().to_string()
        };
        let head = "linux = \"1\"\nsource = \"s\"\nsha256 = \"x\"\n";
        assert_eq!(
            table(&format!(
                "{head}syscalls = [\n  {{ nr = 1, tag = \"a\", nmae = \"exit\" }},\n]\n"
            )),
            "sh.toml:5: unknown key `nmae`; the keys here are nr, tag, name, entry, compat, noreturn"
        );
        assert_eq!(
            table(&format!(
                "{head}syscalls = [\n  {{ nr = -1, tag = \"a\", name = \"exit\" }},\n]\n"
            )),
            "sh.toml:5: `nr` is -1, and must be in 0..=2147483647"
        );
        assert_eq!(
            table(&format!("{head}syscalls = [\n  {{ nr = 1, name = \"exit\" }},\n]\n")),
            "sh.toml:5: the key `tag` is missing"
        );
        assert_eq!(
            table("linux = \"abc\"\n"),
            "sh.toml:1: `linux` is `abc`, and must be a kernel's version, as 6.12 is"
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
