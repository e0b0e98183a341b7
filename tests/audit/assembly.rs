//! Compares compiled calls with handwritten assembly: the same instructions, and no more.

#![cfg(target_arch = "x86_64")]

use aio_tests::root;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// The instructions of each function, spaces as in the first of them; labels are numbered in the
/// order of their jumps.
fn functions(assembly: &str) -> BTreeMap<String, Vec<String>> {
    let mut functions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in assembly.lines().map(|line| line.split('#').next().unwrap().trim()) {
        match line.strip_suffix(':') {
            // Labels inside a function: the compiler's, and handwritten ones.
            Some(label) if label.starts_with(['.', '0', '1', '2']) => {}
            Some(label) => name = label.to_owned(),
            None if line.is_empty() || line.starts_with('.') => {}
            None => functions.entry(name.clone()).or_default().push(line.to_owned()),
        }
    }
    for instructions in functions.values_mut() {
        let mut targets: Vec<String> = Vec::new();
        for instruction in instructions {
            let words: Vec<_> = instruction.split_whitespace().collect();
            *instruction = match words.as_slice() {
                [jump, target] if jump.starts_with('j') => {
                    let number =
                        targets.iter().position(|known| known == target).unwrap_or(targets.len());
                    targets.push((*target).to_owned());
                    format!("{jump} {number}")
                }
                words => words.join(" "),
            };
        }
    }
    functions
}

#[test]
fn no_instruction_more_than_by_hand() {
    let directory = tempfile::tempdir().unwrap();
    let rustc = |source: &str, arguments: &[&str]| {
        let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
            .current_dir(directory.path())
            .args(["--edition=2024", "-Copt-level=3", "-Ccodegen-units=1", "-Awarnings"])
            .args(arguments)
            .arg(root().join(source))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    // Without features the crate has no dependencies.
    rustc("aio-sys/src/lib.rs", &["--crate-name=aio_sys", "--crate-type=rlib"]);
    let from = "--extern=aio_sys=libaio_sys.rlib";
    rustc(
        "tests/assembly/calls.rs",
        &["--crate-type=lib", "--emit=asm", "-Cllvm-args=-x86-asm-syntax=intel", from],
    );
    let compiled = functions(&fs::read_to_string(directory.path().join("calls.s")).unwrap());
    let by_hand = functions(include_str!("../assembly/x86_64.s"));
    assert_eq!(by_hand.len(), compiled.len());
    for (name, instructions) in &compiled {
        let hand = &by_hand[&format!("by_hand_{name}")];
        println!("{name}: {} instructions, by hand {}", instructions.len(), hand.len());
        assert_eq!(instructions, hand, "{name}, and by hand");
    }
}
