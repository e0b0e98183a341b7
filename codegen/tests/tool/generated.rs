//! Generated text: the committed copies are what a build emits, and a build emits only if
//! necessary.

use crate::common::*;
use aio_codegen::emit;
use aio_codegen::lower;
use aio_codegen::tables::Asm;
use aio_tests::root;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

fn copy(name: &str) -> String {
    let path = root().join("aio-sys/src/generated").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_committed_copies_are_what_the_tables_give() {
    let tables = &*COMMITTED;
    let mut expected = vec!["abis.rs".to_owned(), "calls.rs".to_owned(), "target.rs".to_owned()];
    assert!(
        copy("abis.rs") == emit::abis(&lower::lookup(tables).unwrap()),
        "abis.rs: run `cargo codegen emit`"
    );
    assert!(copy("target.rs") == emit::choice(tables), "target.rs: run `cargo codegen emit`");
    for abi in tables.abis.iter().filter(|abi| abi.stub().is_some()) {
        let name = format!("{}.rs", abi.name);
        assert!(
            copy(&name) == emit::target(&lower::target(tables, abi).unwrap()),
            "{name}: run `cargo codegen emit`"
        );
        expected.push(name);
    }
    let directory = fs::read_dir(root().join("aio-sys/src/generated")).unwrap();
    let mut found: Vec<_> =
        directory.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "each committed copy has an ABI, and no ABI goes without");
}

/// Checks aio-sys with only its build script, in a separate target directory, so that it does not
/// wait for the cargo that runs this test. Returns cargo's standard output and standard error.
fn check_the_crate() -> (String, String) {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["check", "-v", "-p", "aio-sys", "--no-default-features", "--features", "generate"])
        .arg("--message-format=json")
        .current_dir(root())
        .env("CARGO_TARGET_DIR", root().join("target/generated-test"))
        .output()
        .unwrap();
    let [out, err] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{err}");
    (out, err)
}

#[test]
fn a_build_emits_the_committed_text_and_only_once() {
    let (messages, _) = check_the_crate();
    let script = messages
        .lines()
        .find(|line| line.contains("build-script-executed") && line.contains("aio-sys"))
        .expect("the build script ran");
    let (_, rest) = script.split_once("\"out_dir\":\"").expect("it has an output directory");
    let out_dir = rest.split('"').next().unwrap();
    let emitted = fs::read_to_string(format!("{out_dir}/target.rs")).unwrap();
    // Cargo builds for the host, even if this test was built for another target.
    let (_, named) = emitted.split_once("// ABI ").expect("it names its ABI");
    let abi = named.split(':').next().unwrap();
    assert!(emitted == copy(&format!("{abi}.rs")), "{abi}.rs is not what a build emits");

    let library = fs::File::options().append(true).open(root().join("aio-sys/src/lib.rs")).unwrap();
    let before = library.metadata().unwrap().modified().unwrap();
    library.set_modified(SystemTime::now()).unwrap();
    let (_, progress) = check_the_crate();
    // Nothing else may be rebuilt.
    library.set_modified(before).unwrap();
    assert!(progress.contains("Checking aio-sys"), "the library was built again: {progress}");
    let ran = progress
        .lines()
        .any(|line| line.contains("Running") && line.contains("build-script-build"));
    assert!(!ran, "the generator ran again: {progress}");
}

/// Attributes and dependencies cannot be emitted: they are checked against the tables.
#[test]
fn the_crate_names_the_architectures_of_nightly_stubs() {
    let tables = &*COMMITTED;
    let nightly = tables
        .abis
        .iter()
        .filter(|abi| abi.call.as_ref().is_some_and(|call| call.asm == Asm::Nightly));
    let mut wanted: Vec<&str> =
        nightly.flat_map(|abi| abi.rust.iter().map(String::as_str)).collect();
    wanted.sort();
    let named = |text: &str, from: &str| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from}"));
        let words = rest.split(")").next().unwrap().split("target_arch = \"").skip(1);
        let mut names: Vec<String> =
            words.map(|word| word.split('"').next().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let read = |path: &str| fs::read_to_string(root().join("aio-sys").join(path)).unwrap();
    let (library, manifest) = (read("src/lib.rs"), read("Cargo.toml"));
    assert_eq!(named(&library, "#![cfg_attr("), wanted, "lib.rs: feature(asm_experimental_arch)");
    let sys = read("src/sys/mod.rs");
    let before = sys.split_once("mod by_libc;").unwrap().0;
    assert_eq!(
        named(&before[before.rfind("#[cfg(").unwrap()..], "nightly\")"),
        wanted,
        "sys/mod.rs: mod by_libc"
    );
    assert_eq!(named(&manifest, "[target.'cfg("), wanted, "Cargo.toml: libc");
}
