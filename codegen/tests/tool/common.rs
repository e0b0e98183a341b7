//! Shared code: the importer on a miniature kernel tree, in this process, and the tool as a
//! separate process.

pub use aio_codegen::testing::*;

use aio_codegen::import::Findings;
use aio_codegen::source::Source;
use aio_codegen::tables::Call;
use aio_codegen::{Error, Tables, import, store};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use tempfile::TempDir;

/// The files that an import of [`Tree::new`] writes: the tables of current ABIs, and the other
/// files.
pub const IMPORTED: &[&str] = &[
    "alpha.toml",
    "arm.toml",
    "arm64-compat.toml",
    "asm-generic.toml",
    "errno.toml",
    "i386.toml",
    "lookup.toml",
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

/// The files with regions that `emit` writes, with nothing but these.
pub const PAGES: [(&str, &str); 3] = [
    ("README.md", "<!-- targets: written by `cargo codegen emit` -->\n<!-- end of targets -->\n"),
    ("docs/abis.md", "<!-- ABIs: written by `cargo codegen emit` -->\n<!-- end of ABIs -->\n"),
    ("codegen/README.md", "$ cargo codegen explain io_setup --abi i386\n```\n"),
];

/// Writes them into a repository.
pub fn write_pages(repository: &Path) {
    for (name, text) in PAGES {
        let path = repository.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A temporary repository with the tables of removed ABIs.
pub fn new_repository() -> TempDir {
    let repository = TempDir::new().unwrap();
    let tables = repository.path().join("tables/linux");
    fs::create_dir_all(&tables).unwrap();
    fs::create_dir_all(repository.path().join("aio-sys/src/generated")).unwrap();
    // With this file it is a directory of handwritten tables, with the imported ones below it.
    fs::copy(committed().join("../abis.toml"), repository.path().join("tables/abis.toml")).unwrap();
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

/// The tool. It finds no repository, so that no test can write into it.
pub fn codegen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aio-codegen"));
    command.env("CARGO_MANIFEST_DIR", "/nonexistent/codegen");
    command
}

/// Exit status, standard output and standard error.
pub fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// `import --linux TREE --tables DIR --only …`, by the tool.
pub fn import(tree: &Path, directory: &Path, only: &[&str]) -> (Option<i32>, String, String) {
    let mut command = codegen();
    command.arg("import").arg("--linux").arg(tree).arg("--tables").arg(directory);
    run(command.args(only.iter().flat_map(|table| ["--only", table])))
}

/// The committed tables, read once.
pub static COMMITTED: LazyLock<Tables> = LazyLock::new(|| Tables::embedded().unwrap());

/// Sets the tree's version, with three numbers.
pub fn is_linux(tree: &mut Tree, version: &str) {
    let (numbers, extra) = version.split_at(version.find('-').unwrap_or(version.len()));
    let parts: Vec<&str> = numbers.split('.').collect();
    let [version, patchlevel, sublevel] = parts[..] else { panic!("{numbers}") };
    let text = format!(
        "VERSION = {version}\nPATCHLEVEL = {patchlevel}\nSUBLEVEL = {sublevel}\n\
         EXTRAVERSION = {extra}\n"
    );
    tree.write("Makefile", text);
}

/// The result of an import: names and texts.
pub type Files = Vec<(String, String)>;

/// A tree that is named `shown` in messages.
pub fn source(tree: &Tree, shown: &str) -> Source {
    Source::in_memory(shown, tree.files.clone())
}

/// The files that an import of the tree would write; `{tree}` in messages.
pub fn files(tree: &Tree, only: &[&str]) -> Result<Files, Error> {
    let only: Vec<String> = only.iter().map(|&table| table.to_owned()).collect();
    import::tree(&source(tree, "{tree}"), &COMMITTED, &only, &Findings::strict())
}

/// Imports a good tree.
#[track_caller]
pub fn good(tree: &Tree, only: &[&str]) -> Files {
    files(tree, only).unwrap_or_else(|error| panic!("{error}"))
}

/// Imports a good tree and reads the files that would be written.
#[track_caller]
pub fn imported(tree: &Tree, only: &[&str]) -> Tables {
    store::in_memory("{tables}", &good(tree, only)).unwrap()
}

/// The error message of an import.
#[track_caller]
pub fn mistake(tree: &Tree, only: &[&str]) -> String {
    files(tree, only).expect_err("the import is refused").to_string()
}

/// The tables of a directory, with the committed facts.
pub fn tables(directory: &Path) -> Tables {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let files = contents(directory).into_iter().map(|(name, bytes)| (name, text(bytes)));
    store::in_memory("{tables}", &files.collect::<Files>()).unwrap()
}

/// The calls of an ABI. They are leaked: they live as long as the test.
pub fn calls_of(tables: &Tables, abi: &str) -> Vec<Call<'static>> {
    let abi = tables.abi(abi).unwrap();
    abi.calls(Box::leak(Box::new(tables.table(&abi.table).unwrap().clone())))
}

/// Number and entry point of a call, `-` if it has none; `None` if the ABI does not have it.
pub fn call(tables: &Tables, abi: &str, name: &str) -> Option<(u32, &'static str)> {
    let calls = calls_of(tables, abi);
    calls.iter().find(|call| call.name == name).map(|call| (call.number, call.entry.unwrap_or("-")))
}

/// Every file of a directory.
pub fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).map(|path| (name(&path), fs::read(path).unwrap())).collect()
}

/// A directory of tables that any import would change.
pub fn stale() -> TempDir {
    let directory = TempDir::new().unwrap();
    for name in IMPORTED.iter().chain(&["ia64.toml", "s390-31bit.toml", "notes.txt"]) {
        fs::write(directory.path().join(name), format!("# stale {name}\n")).unwrap();
    }
    directory
}

/// The import fails with this error message.
#[track_caller]
pub fn refused(tree: &Tree, message: &str) {
    refused_only(tree, &[], message);
}

/// The same with `--only`.
#[track_caller]
pub fn refused_only(tree: &Tree, only: &[&str], message: &str) {
    assert_eq!(mistake(tree, only), message);
}
