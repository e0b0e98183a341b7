//! The stubs of any ABI, compiled for any target of it, with no standard library of that target.

use aio_codegen::emit;
use aio_codegen::tables::{Abi, Tables};
use std::fs;
use std::process::Command;
use std::sync::LazyLock;

/// The most arguments of a call.
pub const MOST_ARGUMENTS: usize = 6;

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
}

fn rustc_emits(kind: &str, arguments: &[&str], program: &str) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let shim = include_str!("../shim/core.rs");
    fs::write(folder.path().join("shim.rs"), format!("{shim}\n{program}")).expect("it can be written");
    let output = rustc()
        // What takes the place of `core` is no stable Rust.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(folder.path())
        .args(["--edition=2024", "-Copt-level=3", "-Ccodegen-units=1", "-Zmerge-functions=disabled", "-Awarnings"])
        .args(arguments)
        .args([&format!("--emit={kind}=shim.out"), "shim.rs"])
        .output()
        .expect("rustc runs");
    match fs::read(folder.path().join("shim.out")) {
        Ok(text) if output.status.success() => Ok(text),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Whether the compiler is so new that the shim has to say more about sizes.
static SIZED_HIERARCHY: LazyLock<bool> = LazyLock::new(|| {
    let shim = |arguments: &[&str]| rustc_emits("metadata", arguments, "");
    match (shim(&["--cfg=sized_hierarchy"]), shim(&[])) {
        (Ok(_), _) => true,
        (_, Ok(_)) => false,
        (Err(error), _) => panic!("tests/shim/core.rs does not compile: {error}"),
    }
});

/// What the compiler makes of a program that stands behind the shim: `kind` is what `--emit` takes.
pub fn compile(target: &str, kind: &str, program: &str) -> Result<Vec<u8>, String> {
    let target = format!("--target={target}");
    let hierarchy = if *SIZED_HIERARCHY { "--cfg=sized_hierarchy" } else { "--cfg=sized_alone" };
    rustc_emits(kind, &[&target, hierarchy], program)
}

/// The module `stub` of an ABI, as it is emitted.
pub fn stubs(tables: &Tables, abi: &Abi) -> String {
    let text = emit::target(tables, abi).expect("the committed tables are right");
    let from = text.find("pub mod stub {").expect("every ABI with a convention has stubs");
    let length = text[from..].find("\n}\n").expect("a module ends");
    text[from..from + length + 3].to_owned()
}

/// The stubs without the word that a register is destroyed.
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
        if line.trim() == ");" && !lines.last().is_some_and(|last| last.contains(option)) {
            lines.push(format!("options({option}),"));
        }
        lines.push(line.to_owned());
    }
    lines.join("\n") + "\n"
}

/// Each ABI that has stubs, with the targets of the compiler that mean it.
pub fn targets(tables: &Tables) -> Vec<(&Abi, Vec<String>)> {
    let output = rustc().args(["--print", "target-list"]).output().expect("rustc runs");
    let list = String::from_utf8(output.stdout).expect("rustc speaks UTF-8");
    let means = |target: &&str, abi: &Abi| aio_sys::Abi::of(target).is_some_and(|found| found.as_str() == abi.name);
    let with_stubs = tables.abis.iter().filter(|abi| abi.call.is_some());
    let targets = |abi| list.lines().filter(|target| means(target, abi)).map(str::to_owned).collect();
    with_stubs.map(|abi| (abi, targets(abi))).collect()
}
