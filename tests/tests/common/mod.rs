//! What the tests of the importer share: the tool as a process, and a kernel tree in miniature for
//! it to read.
// Each test file compiles its own copy and uses a part of it.
#![allow(dead_code)]

mod tree;

pub use tree::*;

use aio_codegen::Tables;
use aio_codegen::tables::Call;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs, str};
use tempfile::TempDir;

/// What an import of [`Tree::new`] writes: the tables that have not left the kernel, and what comes
/// with them.
pub const IMPORTED: &[&str] = &[
    "alpha.toml",
    "arm.toml",
    "arm64-compat.toml",
    "asm-generic.toml",
    "errno.toml",
    "i386.toml",
    "m68k.toml",
    "microblaze.toml",
    "mips-n32.toml",
    "mips-n64.toml",
    "mips-o32.toml",
    "parisc.toml",
    "powerpc.toml",
    "prototypes.toml",
    "s390.toml",
    "sh.toml",
    "sparc.toml",
    "uapi.toml",
    "x86_64.toml",
    "xtensa.toml",
];

/// A README with nothing but the places that `emit` writes.
pub const README: &str = "<!-- ABIs: written by `cargo codegen emit` -->\n<!-- end of ABIs -->\n\
                          $ cargo codegen explain io_setup --abi i386\n```\n";

/// A folder for a repository, which has the tables of ABIs that have left the kernel.
pub fn repository() -> TempDir {
    let repository = TempDir::new().unwrap();
    let tables = repository.path().join("tables/linux");
    fs::create_dir_all(&tables).unwrap();
    fs::create_dir_all(repository.path().join("aio-sys/src/generated")).unwrap();
    for name in FROZEN {
        fs::copy(committed().join(name), tables.join(name)).unwrap();
    }
    repository
}

/// The tables that no newer kernel has.
pub const FROZEN: &[&str] = &["ia64.toml", "s390-31bit.toml"];

/// The committed tables.
pub fn committed() -> PathBuf {
    aio_tests::root().join("tables/linux")
}

/// The tool, built once. It believes that the repository is nowhere, so that no test can write into
/// it.
pub fn codegen() -> Command {
    static TOOL: OnceLock<PathBuf> = OnceLock::new();
    let tool = TOOL.get_or_init(|| {
        let build = [
            "build",
            "-q",
            "-p",
            "aio-codegen",
            "--features",
            "cli",
            "--message-format=json",
            "--manifest-path",
        ];
        let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
        let output = Command::new(cargo)
            .args(build)
            .arg(aio_tests::root().join("Cargo.toml"))
            .output()
            .unwrap();
        let messages = str::from_utf8(&output.stdout).unwrap();
        let path =
            messages.split("\"executable\":\"").nth(1).and_then(|rest| rest.split('"').next());
        path.unwrap_or_else(|| panic!("{}", str::from_utf8(&output.stderr).unwrap())).into()
    });
    let mut command = Command::new(tool);
    command.env("CARGO_MANIFEST_DIR", "/nonexistent/codegen");
    command
}

/// Exit status, standard output and standard error.
pub fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// `import --linux TREE --tables FOLDER --only …`.
pub fn import(tree: &Path, folder: &Path, only: &[&str]) -> (Option<i32>, String, String) {
    let mut command = codegen();
    command.arg("import").arg("--linux").arg(tree).arg("--tables").arg(folder);
    run(command.args(only.iter().flat_map(|table| ["--only", table])))
}

/// Imports a good tree and reads what was written.
pub fn imported(tree: &Tree, only: &[&str]) -> Tables {
    let folder = TempDir::new().unwrap();
    let (status, _, stderr) = import(tree.path(), folder.path(), only);
    assert_eq!(status, Some(0), "{stderr}");
    tables(folder.path())
}

/// The tables of a folder, beside the committed facts.
pub fn tables(folder: &Path) -> Tables {
    let by_hand = ["abis.toml", "absent.toml"]
        .map(|name| (name.to_owned(), fs::read(committed().join("..").join(name)).unwrap()));
    let files = contents(folder).into_iter().chain(by_hand);
    Tables::new(
        files
            .map(|(name, bytes)| (name.clone(), name, String::from_utf8(bytes).unwrap().into()))
            .collect(),
    )
    .unwrap()
}

/// The calls of an ABI. They live as long as the test, which is all that borrows them.
pub fn calls(tables: &Tables, abi: &str) -> Vec<Call<'static>> {
    let abi = tables.abi(abi).unwrap();
    abi.calls(Box::leak(Box::new(tables.table(&abi.table).unwrap().clone())))
}

/// Number and entry point of a call, `-` if it has none; `None` if the ABI lacks it.
pub fn call(tables: &Tables, abi: &str, name: &str) -> Option<(u32, &'static str)> {
    let calls = calls(tables, abi);
    calls.iter().find(|call| call.name == name).map(|call| (call.number, call.entry.unwrap_or("-")))
}

/// Every file of a folder.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).map(|path| (name(&path), fs::read(path).unwrap())).collect()
}

/// A folder of tables that any import would change.
pub fn stale() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in IMPORTED.iter().chain(&["ia64.toml", "s390-31bit.toml", "notes.txt"]) {
        fs::write(folder.path().join(name), format!("# stale {name}\n")).unwrap();
    }
    folder
}

/// The import ends with this sentence, in which `{tree}` is the tree's path, and changes no table.
#[track_caller]
pub fn refused(tree: &Tree, sentence: &str) {
    refused_only(tree, &[], sentence);
}

/// The same with `--only`.
#[track_caller]
pub fn refused_only(tree: &Tree, only: &[&str], sentence: &str) {
    let folder = stale();
    let before = contents(folder.path());
    let sentence = sentence.replace("{tree}", tree.path().to_str().unwrap());
    assert_eq!(
        import(tree.path(), folder.path(), only),
        (Some(2), String::new(), format!("error: {sentence}\n"))
    );
    assert!(contents(folder.path()) == before, "a refused import changed a file");
}
