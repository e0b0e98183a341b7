//! The stubs of any ABI, compiled for any target of it, without the standard library of that
//! target.

use aio_codegen::tables::{Abi, Asm, Convention, Failure, Tables};
use aio_codegen::{emit, lower};
use std::fs;
use std::process::Command;
use std::sync::LazyLock;

/// The most arguments of a call.
pub const MOST_ARGUMENTS: usize = 6;

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
}

fn rustc_emits(kind: &str, arguments: &[&str], program: &str) -> Result<Vec<u8>, String> {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let shim = include_str!("shim/core.rs");
    fs::write(directory.path().join("shim.rs"), format!("{shim}\n{program}"))
        .expect("it can be written");
    let output = rustc()
        // The replacement of `core` is not stable Rust.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(directory.path())
        .args([
            "--edition=2024",
            "-Copt-level=3",
            "-Ccodegen-units=1",
            "-Cpanic=abort",
            "-Crelocation-model=static",
            "-Zmerge-functions=disabled",
            "-Awarnings",
        ])
        .args(arguments)
        .args([&format!("--emit={kind}=shim.out"), "shim.rs"])
        .output()
        .expect("rustc runs");
    match fs::read(directory.path().join("shim.out")) {
        Ok(text) if output.status.success() => Ok(text),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Whether the compiler is new enough to require more traits about sizes from the shim.
static SIZED_HIERARCHY: LazyLock<bool> = LazyLock::new(|| {
    let shim = |arguments: &[&str]| rustc_emits("metadata", arguments, "");
    match (shim(&["--cfg=sized_hierarchy"]), shim(&[])) {
        (Ok(_), _) => true,
        (_, Ok(_)) => false,
        (Err(error), _) => panic!("tests/audit/shim/core.rs does not compile: {error}"),
    }
});

/// Compiles a program behind the shim: `kind` is the argument of `--emit`.
pub fn compile(target: &str, kind: &str, program: &str) -> Result<Vec<u8>, String> {
    let target = format!("--target={target}");
    let hierarchy = if *SIZED_HIERARCHY { "--cfg=sized_hierarchy" } else { "--cfg=sized_alone" };
    rustc_emits(kind, &[&target, hierarchy], program)
}

/// A way to make system calls: the ABI's own, or another.
pub struct Way<'t> {
    /// Its module's path.
    pub name: String,
    /// The contract.
    pub convention: &'t Convention,
    /// Bits of a word in Rust.
    pub bits: u32,
    /// The targets of the compiler that have it.
    pub targets: Vec<String>,
    /// The emitted module, called `stub`, without those of other ways.
    pub stubs: String,
}

/// Whether the compiler has `asm!` for each ABI that any compiler has it for; otherwise reports
/// what is skipped.
pub fn has_asm(tables: &Tables, what: &str) -> bool {
    let minor =
        |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    let stable = |abi: &Abi| match &abi.stub()?.asm {
        Asm::Stable(version) => minor(version),
        _ => None,
    };
    let wanted = tables.abis.iter().filter_map(stable).max().unwrap_or(0);
    let output = rustc().arg("--version").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let enough = minor(&version).is_some_and(|minor| minor >= wanted);
    if !enough {
        aio_tests::skip(what, &format!("it takes Rust 1.{wanted}, and this is {}", version.trim()));
    }
    enough
}

/// Every way that there are stubs for.
pub fn all_ways(tables: &Tables) -> Vec<Way<'_>> {
    let output = rustc().args(["--print", "target-list"]).output().expect("rustc runs");
    let list = String::from_utf8(output.stdout).expect("rustc speaks UTF-8");
    let means = |target: &&str, abi: &Abi| {
        aio_sys::Abi::of(target).is_some_and(|found| found.as_str() == abi.name)
    };
    let mut ways = Vec::new();
    for abi in &tables.abis {
        let Some(convention) = abi.stub() else { continue };
        let targets: Vec<_> =
            list.lines().filter(|target| means(target, abi)).map(str::to_owned).collect();
        let target = lower::target(tables, abi).expect("the committed tables are right");
        let text = emit::target(&target);
        let mut stubs = module(&text, "", "stub");
        let mut way = |name: String, convention, stubs| {
            ways.push(Way { name, convention, bits: abi.bits, targets: targets.clone(), stubs });
        };
        for other in &abi.others {
            let text = module(&stubs, "    ", &other.name);
            stubs = stubs.replace(&text, &format!("    pub mod {} {{}}\n", other.name));
            let renamed = text.replacen(&format!("pub mod {} {{", other.name), "pub mod stub {", 1);
            way(format!("{}::{}", abi.name, other.name), &other.call, renamed);
        }
        way(abi.name.clone(), convention, stubs);
    }
    ways
}

/// The text of a module; if a compiler's features choose among several, the last has the stubs.
fn module(text: &str, indent: &str, name: &str) -> String {
    let from =
        text.rfind(&format!("\n{indent}pub mod {name} {{")).expect("every way has its module") + 1;
    let end = format!("\n{indent}}}\n");
    let length = text[from..].find(&end).expect("a module ends");
    text[from..from + length + end.len()].to_owned()
}

/// A function of the emitted module.
#[derive(Clone, Debug)]
pub struct Stub {
    pub name: String,
    /// How many arguments the call has.
    pub count: usize,
    /// It returns the call's second result, too.
    pub both: bool,
}

impl Way<'_> {
    /// The stubs, except those with more arguments than any call has.
    pub fn each(&self) -> Vec<Stub> {
        let mut stubs = Vec::new();
        for rest in self.stubs.split(" fn syscall").skip(1) {
            let (digits, rest) = rest.split_at(1);
            let count = digits.parse().expect("a count follows");
            let both = rest.starts_with("_both(");
            let suffix = if both { "_both" } else { "" };
            if count <= MOST_ARGUMENTS {
                stubs.push(Stub { name: format!("syscall{count}{suffix}"), count, both });
            }
        }
        let plain = stubs.iter().filter(|stub| !stub.both).map(|stub| stub.count);
        assert!(plain.eq(0..=MOST_ARGUMENTS), "{stubs:?}");
        stubs
    }

    /// Name and type of each parameter of a stub, as it is declared.
    pub fn parameters(&self, stub: &Stub) -> Vec<(String, String)> {
        let (_, rest) =
            self.stubs.split_once(&format!(" fn {}(", stub.name)).expect("it is one of them");
        let (list, _) = rest.split_once(')').expect("a list of parameters ends");
        let pair = |parameter: &str| {
            parameter.split_once(": ").map(|(name, of)| (name.to_owned(), of.to_owned()))
        };
        list.split(", ").map(|parameter| pair(parameter).expect("a parameter has a type")).collect()
    }

    /// Every register that a call changes, except the result's.
    pub fn clobbered(&self) -> Vec<&str> {
        let mut registers: Vec<&str> = self.convention.second.as_deref().into_iter().collect();
        if let Failure::Flag(flag) = &self.convention.failure {
            registers.push(flag);
        }
        registers.extend(
            self.convention.clobbers.iter().flat_map(|row| &row.registers).map(String::as_str),
        );
        registers
    }
}

/// The stubs that read the second result from another register; `None` where no stub has one.
pub fn with_wrong_second(way: &Way<'_>) -> Option<String> {
    let second = way.convention.second.as_deref()?;
    let taken = format!("lateout({second:?}) second");
    let other = way.convention.arguments.iter().find(|argument| {
        **argument != way.convention.result && way.clobbered().iter().all(|one| one != argument)
    })?;
    let wrong = format!("lateout({other:?}) second, lateout({second:?}) _");
    way.stubs.contains(&taken).then(|| way.stubs.replace(&taken, &wrong))
}

/// The stubs without the declaration of a clobbered register.
pub fn without(stubs: &str, register: &str) -> String {
    let (output, name) = (format!("lateout({register:?}) _"), format!("({register:?})"));
    let mut lines = String::new();
    for line in stubs.lines().filter(|line| !line.trim_start().starts_with(&output)) {
        match line.split_once(&name) {
            Some((_, rest)) if rest.ends_with("=> _,") => {
                lines += &format!("in({register:?}){}\n", rest.replace(" => _", ""));
            }
            _ => lines += &format!("{line}\n"),
        }
    }
    lines
}

/// The stubs with another option, where they do not have it.
pub fn with_option(stubs: &str, option: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in stubs.lines() {
        // Before the end of an `asm!`, whose last line has the options.
        if line.trim() == ");" && !lines.last().is_some_and(|last| last.contains(option)) {
            lines.push(format!("options({option}),"));
        }
        lines.push(line.to_owned());
    }
    lines.join("\n") + "\n"
}
