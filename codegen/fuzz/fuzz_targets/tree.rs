//! A kernel tree, one file of which is hostile: the input's first line names it, the rest is its
//! text.
#![no_main]

use aio_codegen::testing::Tree;
use std::sync::LazyLock;

static TREE: LazyLock<(Tree, aio_codegen::Tables)> = LazyLock::new(|| {
    let tree = Tree::new();
    let known = aio_codegen::fuzzing::known(&tree.source());
    (tree, known)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(name) = std::str::from_utf8(&bytes[..end]) else { return };
    let (tree, known) = &*TREE;
    if !tree.files.contains_key(name) {
        return;
    }
    let mut tree = tree.clone();
    tree.put(name, &bytes[end + 1..]);
    aio_codegen::fuzzing::tree(&tree.source(), known);
});
