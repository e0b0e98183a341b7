//! The tables as Rust values. The top of `tables/abis.toml` documents each key.
//!
//! `Debug` and comparisons are derived only for the tool.

use crate::version::Version;

/// No Linux call takes more arguments than this, where each is a register.
pub(crate) const MOST_ARGUMENTS: usize = 6;

/// The entry point that returns `ENOSYS`: there is no call. Reserved numbers have it, too.
pub(crate) const NO_CALL: &str = "sys_ni_syscall";

/// One kernel file of numbers, and where it is.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct TableSource {
    /// The table's name; the imported file is `NAME.toml`.
    pub name: String,
    /// The file in the kernel tree.
    pub source: String,
    /// The makefile that sets the tags of each generated header.
    pub makefile: String,
    /// The last kernel series with the table, if the kernel has removed it.
    pub frozen: Option<Version>,
}

/// An ABI: a numbering, a word size and a calling convention.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Abi {
    /// Its name, as everywhere in this project.
    pub name: String,
    /// The kernel's `arch/` directory.
    pub arch: String,
    /// The kernel table with its numbers.
    pub table: String,
    /// What user space adds to the table's number.
    pub base: u32,
    /// The kernel macro for the base.
    pub base_macro: Option<String>,
    /// The header that the kernel generates from these rows.
    pub header: String,
    /// Whether user space gets that header.
    pub uapi: bool,
    /// What a C compiler predefines, besides the word-size macros.
    pub predefined: Vec<String>,
    /// The C file that swaps entry points of a shared table.
    pub redirects: Option<String>,
    /// The first kernel series with it, where older headers seem to have it, too.
    pub since: Option<Version>,
    /// Width of `long` and of a pointer.
    pub bits: u32,
    /// Bytes of the kernel's signal set.
    pub sigset: u32,
    /// How a 64-bit argument is passed.
    pub pairs: Pairs,
    /// Values of Rust's `target_arch`.
    pub rust: Vec<String>,
    /// Patterns of target triples; one that starts with `!` excludes.
    pub triples: Vec<String>,
    /// What others call it.
    pub names: Vec<String>,
    /// What the kernel's audit calls it: constants, which `|` joins.
    pub audit: Vec<String>,
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
    /// These calls.
    pub both: Vec<Both>,
    /// How a failure is reported before the lines in `after` make it negative.
    pub failure: Failure,
    /// What fills the rest of a 64-bit register that holds a 32-bit pointer.
    pub widen: Option<Widen>,
    /// Registers that the call changes besides those named above.
    pub clobbers: Vec<Clobber>,
    /// Whether the flags are preserved.
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
    /// Surprises, and which source was followed where sources disagree.
    pub quirks: Vec<String>,
}

/// Which Rust has `asm!` for an ABI.
#[derive(PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub enum Asm {
    /// Rust has no such target.
    Never,
    /// Only nightly compilers.
    Nightly,
    /// Stable compilers from this version on.
    Stable(String),
}

/// Arguments in memory.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Stack {
    /// Lines that make room.
    pub reserve: Vec<String>,
    /// Lines that store one argument.
    pub store: Vec<String>,
    /// Lines that release the room.
    pub release: Vec<String>,
    /// Offset of the first.
    pub first: u32,
}

/// How a failure is reported.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub enum Failure {
    /// The result is `-errno`.
    Negative,
    /// This register is not 0, and the result is errno.
    Flag(String),
    /// This condition holds, and the result is errno.
    Condition(String),
}

/// Calls with a second result.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Both {
    /// Their names.
    pub calls: Vec<String>,
    /// What the two results mean.
    pub kind: BothKind,
    /// The kernel file that sets the second one.
    pub source: String,
    /// The arguments, where no prototype has them.
    pub takes: Option<Prototype>,
}

/// What two results mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BothKind {
    /// The second one is not 0 in a child, where the first is the parent's number.
    Child,
    /// They are what the call stores in an array of `int` on other ABIs.
    Array,
    /// Each is a value of its own.
    Own,
}

/// What fills a register beyond a 32-bit pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widen {
    /// Zeros.
    Zero,
    /// Copies of the highest bit.
    Sign,
}

/// Registers that the kernel changes, and the evidence.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Clobber {
    /// Their names.
    pub registers: Vec<String>,
    /// Why they change.
    pub why: String,
    /// The kernel file that shows it.
    pub source: String,
    /// How a Rust stub declares it.
    pub rust: ClobberKind,
    /// The condition under which it applies; `None` means always.
    pub only: Option<Only>,
    /// The condition under which C compilers have names for them; `None` means always.
    pub c: Option<String>,
}

#[cfg(feature = "cli")]
impl Clobber {
    /// The condition under which C compilers have names for the registers; `None` means always.
    pub(crate) fn c_condition(&self) -> Option<&str> {
        self.c.as_deref().or(self.only.as_ref().map(|only| only.c.as_str()))
    }
}

/// How a Rust stub declares that a register is clobbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClobberKind {
    /// By an operand of `asm!`.
    Operand,
    /// By leaving `preserves_flags` out.
    Flags,
    /// By a function that is never inlined: any call may clobber the register.
    Call,
    /// Not at all: Rust never keeps a value there.
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

/// Another way to make calls, besides the ABI's own.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Other {
    /// The name of its module.
    pub name: String,
    /// When to use it.
    pub when: String,
    /// The ABI whose numbers it takes.
    pub numbers: String,
    /// How.
    pub call: Convention,
}

/// An entry path: an instruction, and where it lands in the kernel.
#[cfg(feature = "cli")]
#[derive(Clone, Debug)]
pub struct Entry {
    /// The instruction, as the assembler spells it.
    pub instruction: String,
    /// On which kernel and which CPU; empty if it is the only entry path.
    pub when: String,
    /// From the label that the instruction lands on to the function that looks the number up.
    pub path: Vec<Label>,
    /// The table, or the switch made of it.
    pub table: Label,
    /// Whether it has the compat entry points.
    pub compat: bool,
    /// What the table puts before an entry point's name.
    pub prefix: String,
    /// Surprises; may be empty.
    pub note: String,
}

/// A symbol of the kernel, and where it is defined.
#[cfg(feature = "cli")]
#[derive(Clone, Debug)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// The kernel file that defines it.
    pub source: String,
    /// The text in that file, if a macro or a variable hides the name.
    pub by: Option<String>,
}

/// How a C function of some ABIs receives its arguments. The fields are the keys of
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
    pub(crate) second: Option<KeptAddress>,
}

/// How a C function stores a second result.
#[cfg(feature = "cli")]
pub(crate) struct KeptAddress {
    /// The register that keeps the address across the call.
    pub(crate) keep: String,
    /// The line that stores.
    pub(crate) store: String,
}

/// How a 64-bit argument is passed.
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
    /// The kernel's tag: for which ABIs the row is.
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
    /// Names of the table that it removes.
    pub removed: Vec<String>,
    /// Entry points that it swaps.
    pub redirects: Vec<(String, String)>,
}

/// A C function that assembly calls.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Called {
    /// Its name.
    pub function: String,
    /// The file that defines it.
    pub source: String,
    /// The line of the definition, from 1.
    pub line: u32,
}

/// An entry point's arguments.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Prototype {
    /// The entry point.
    pub entry: String,
    /// C type and name of each argument.
    pub args: Vec<(String, String)>,
    /// The ABIs that use this definition, if the entry point has several.
    pub abis: Option<Vec<String>>,
    /// The file that defines it.
    pub source: String,
    /// The line of the definition, from 1.
    pub line: u32,
    /// Where the definition is assembly: the C function of the same arguments that it calls.
    pub calls: Option<Called>,
    /// The condition of this definition: what builds its file, and the `#if` around it.
    pub condition: Option<String>,
    /// The same, if `kernel/sys_ni.c` says that the kernel may not have it.
    pub optional: Option<String>,
}

impl Prototype {
    /// Whether the ABI's calls with this entry point can use this definition.
    pub(crate) fn is_for(&self, abi: &Abi) -> bool {
        match (&self.abis, self.source.strip_prefix("arch/")) {
            (Some(abis), _) => abis.contains(&abi.name),
            (None, Some(place)) => place.split('/').next() == Some(&abi.arch),
            (None, None) => true,
        }
    }
}

/// The content of `prototypes.toml`.
pub(crate) struct Prototypes {
    /// The entry points' arguments, by entry point.
    pub(crate) prototypes: Vec<Prototype>,
    /// The kernel that they are from.
    #[cfg(feature = "cli")]
    pub(crate) linux: Version,
    /// The tables whose entry points they are.
    #[cfg(feature = "cli")]
    pub(crate) tables: Vec<String>,
    /// The entry points without prototype.
    #[cfg(feature = "cli")]
    pub(crate) bare: Vec<Bare>,
}

/// An entry point without a C definition.
#[cfg(feature = "cli")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare {
    /// The entry point.
    pub entry: String,
    /// What it is instead.
    pub why: Why,
    /// The ABIs whose tables end in it.
    pub abis: Vec<String>,
    /// The file that shows it; empty for [`Why::NotFound`].
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
    /// No configuration builds a definition for these ABIs; the kernel returns `ENOSYS`.
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

/// Calls that ABIs do not have for the same reason.
#[cfg_attr(feature = "cli", derive(Clone, Debug))]
pub struct Rule {
    /// The ABIs that it holds for; empty for every one.
    pub abis: Vec<String>,
    /// Why they are absent.
    pub why: String,
    /// Names of calls, and what to use instead: the first of these calls that the ABI has. A text
    /// with a space is not a call.
    pub calls: Vec<(Vec<String>, Vec<String>)>,
}

/// A named value of the kernel's user-space headers.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: i64,
    /// The Rust type of its field.
    pub rust: String,
}

/// The constants of one kernel file.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct Constants {
    /// The kernel's `arch/` directories that they are for; empty for all.
    pub archs: Vec<String>,
    /// The file.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// The constants, in its order.
    pub constants: Vec<Constant>,
}

/// One error number.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct ErrnoValue {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: u32,
    /// The header's comment.
    pub text: String,
}

/// The error numbers that some architectures share.
#[cfg_attr(feature = "cli", derive(Clone, Debug, PartialEq, Eq))]
pub struct ErrnoSet {
    /// The kernel's `arch/` directories.
    pub archs: Vec<String>,
    /// The header.
    pub source: String,
    /// Its SHA-256.
    pub sha256: String,
    /// The numbers, by value; an alias follows its original.
    pub errnos: Vec<ErrnoValue>,
}

impl Convention {
    /// Whether an unnameable register is loaded from a block of memory instead of another register.
    pub(crate) fn loads_from_memory(&self) -> bool {
        self.load.iter().any(|line| line.contains("{block}"))
    }

    /// How many words a call may have at most: a 64-bit argument in two words may leave a hole.
    pub fn most_arguments(&self) -> usize {
        MOST_ARGUMENTS + usize::from(self.stack.is_some())
    }

    /// Whether there are stubs in Rust.
    pub fn in_rust(&self) -> bool {
        !matches!(self.asm, Asm::Never)
    }

    /// Where the number, the arguments and the result are, in words.
    #[cfg(feature = "cli")]
    pub(crate) fn operands(&self) -> String {
        let arguments = self.arguments.join(", ");
        let memory = if self.stack.is_some() { ", then memory" } else { "" };
        let failure = match &self.failure {
            Failure::Negative => "negative on failure".to_owned(),
            Failure::Flag(register) => format!("which is errno if {register} is not 0"),
            Failure::Condition(flag) => format!("which is errno if {flag} is set"),
        };
        format!(
            "number {}; arguments {arguments}{memory}; result {}, {failure}",
            self.number, self.result
        )
    }

    /// The registers that the kernel changes besides those of [`operands`](Self::operands).
    #[cfg(feature = "cli")]
    pub(crate) fn clobbered(&self) -> String {
        let row = |row: &Clobber| {
            let only = row.only.as_ref().map_or(String::new(), |only| format!(" (if {})", only.c));
            runs(&row.registers) + &only
        };
        let mut list: Vec<String> = self.clobbers.iter().map(row).collect();
        list.extend((!self.flags_kept).then(|| "flags".to_owned()));
        if list.is_empty() { "none".to_owned() } else { list.join(", ") }
    }
}

/// A list of registers, three or more that follow one another being `r4-r12`.
#[cfg(feature = "cli")]
fn runs(registers: &[String]) -> String {
    let split = |register: &str| {
        let letters = register.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = register[letters.len()..].parse::<u32>().ok()?;
        Some((letters.to_owned(), number))
    };
    let follows = |one: &String, next: &String| {
        split(one).map(|(letters, number)| (letters, number + 1)) == split(next)
            && split(one).is_some()
    };
    let run = |run: &[String]| match run {
        [first, _, .., last] => format!("{first}-{last}"),
        few => few.join(", "),
    };
    registers.chunk_by(follows).map(run).collect::<Vec<_>>().join(", ")
}

impl Absent {
    /// Whether this kernel has an ABI without the call.
    pub fn holds(&self, abi: &str, linux: &Version) -> bool {
        self.abis.iter().any(|name| name == abi)
            && self.until.as_ref().is_none_or(|until| linux.series() <= until.series())
    }
}
