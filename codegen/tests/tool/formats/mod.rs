//! The importer on other formats than `syscall.tbl`: headers of older kernel trees, and installed
//! headers.

mod installed;
mod older;
mod vendor;

use crate::common::*;
use aio_codegen::Tables;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// Number, name and entry point of every call of an ABI, without the base; names that only headers
/// define are in parentheses.
fn listed(tables: &Tables, abi: &str) -> String {
    let base = tables.abi(abi).unwrap().base;
    let mut lines = String::new();
    for call in calls_of(tables, abi) {
        let name =
            if call.tag.is_some() { call.name.to_owned() } else { format!("({})", call.name) };
        lines += &format!("{} {name} {}\n", call.number - base, call.entry.unwrap_or("-"));
    }
    lines
}
