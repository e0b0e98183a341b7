//! Prototypes: every entry point of every table is accounted for, and each call's registers are what others say.

mod common;

use aio_codegen::tables::Abi;
use aio_codegen::{Tables, emit, resolved};

/// Shown by `cargo test -p aio-tests --test prototypes -- --nocapture figures`.
#[test]
fn figures() {
    let tables = Tables::embedded().unwrap();
    println!("{:13} functions  entry points", "ABI");
    for (abi, found) in resolved::abis(&tables).unwrap() {
        assert_eq!(found.entries, found.prototypes + found.bare.len(), "{}", abi.name);
        let [functions, calls] = found.functions;
        println!("{:13} {functions:>4}/{calls:<4}  {found}", abi.name);
        println!("              {:?}", found.unclear);
    }
    println!("{}", resolved::summary(&tables).unwrap());
}

#[test]
fn lay() {
    let tables = Tables::embedded().unwrap();
    let prototypes = tables.prototypes().unwrap();
    for name in [
        "pread64",
        "pwrite64",
        "preadv",
        "preadv2",
        "fallocate",
        "ftruncate64",
        "truncate64",
        "ftruncate",
        "truncate",
        "sync_file_range",
        "sync_file_range2",
        "fadvise64_64",
        "arm_fadvise64_64",
        "fadvise64",
        "readahead",
        "lookup_dcookie",
        "_llseek",
        "llseek",
        "lseek",
        "fanotify_mark",
        "clone",
        "mmap",
        "mmap2",
        "rt_sigaction",
        "sigsuspend",
        "quotactl_fd",
        "io_submit",
        "io_getevents",
    ] {
        println!("== {name}");
        for abi in &tables.abis {
            let table = tables.table(&abi.table).unwrap();
            for call in abi.calls(&table).into_iter().filter(|call| call.name == name) {
                println!(
                    "  {:12} {:?} {:?}",
                    abi.name,
                    call.entry,
                    emit::registers(&prototypes, abi, &call).map(|r| r.join(", "))
                );
            }
        }
    }
}
