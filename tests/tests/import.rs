//! Probe.
mod common;
use common::*;
#[test]
fn probe() {
    let tree = Tree::new();
    let f = stale();
    println!("{:?}", import(tree.path(), f.path(), &[]));
    std::process::Command::new("cp").arg("-rT").arg(f.path()).arg("/tmp/probe").status().unwrap();
    std::process::Command::new("cp").arg("-rT").arg(tree.path()).arg("/tmp/probe-tree").status().unwrap();
    for t in [Tree::linux_6_1(), Tree::linux_6_12()] {
        println!("{:?}", import(t.path(), f.path(), &[]));
    }
    let mut c = codegen();
    println!("{:?}", run(c.args(["export", "tsv", "--tables"]).arg(f.path())).2);
}
