//! A kernel tree, one file of which is hostile: the input's first line names it, the rest is its
//! text.
#![no_main]

#[allow(dead_code)]
#[path = "../../../tests/tests/common/tree.rs"]
mod tree;

use std::fs;
use std::sync::LazyLock;

static TREE: LazyLock<(tree::Tree, aio_codegen::Tables)> = LazyLock::new(|| {
    let tree = tree::Tree::new();
    let known = aio_codegen::fuzzing::known(tree.path());
    (tree, known)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(name) = std::str::from_utf8(&bytes[..end]) else { return };
    let (tree, known) = &*TREE;
    // Only what the tree has: no other path, and no way out.
    let path = tree.path().join(name);
    if name.contains("..") || name.starts_with('/') || !path.is_file() {
        return;
    }
    let good = fs::read(&path).unwrap();
    fs::write(&path, &bytes[end + 1..]).unwrap();
    aio_codegen::fuzzing::tree(tree.path(), known);
    fs::write(&path, good).unwrap();
});
