//! Which call is meant by a macro of C or by a function of the kernel.

use super::print::to_stderr;
use crate::tables::Abi;
use crate::{Error, Tables};
use std::collections::BTreeMap;

/// What the macros of numbers begin with, in the kernel's headers and in those of C libraries.
const MACROS: [&str; 4] = ["__NR_", "__NR3264_", "__ARM_NR_", "SYS_"];

/// The name of the call, on one of `abis` or, if there are none, on any: `text` itself if a call
/// has that name.
pub(super) fn call(tables: &Tables, abis: &[&Abi], text: &str) -> Result<String, Error> {
    let read = tables.imported()?;
    let chosen = |abi: &&Abi| abis.is_empty() || abis.iter().any(|only| only.name == abi.name);
    let mut calls = Vec::new();
    for abi in tables.abis.iter().filter(chosen) {
        calls.extend(read.get(abi.table.as_str()).into_iter().flat_map(|table| abi.calls(table)));
    }
    if calls.iter().any(|call| call.name == text) {
        return Ok(text.to_owned());
    }
    if let Some(name) = MACROS.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        return Ok(name.to_owned());
    }
    // What the kernel's macros make of an entry point is __x64_sys_read, or __se_compat_sys_read.
    let entry = text.strip_prefix("__").and_then(|text| text.split_once('_'));
    let entry = entry.map_or(text, |(_, entry)| entry);
    let Some(name) = entry.strip_prefix("compat_").unwrap_or(entry).strip_prefix("sys_") else {
        return Ok(text.to_owned());
    };
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls.iter().filter(|call| [call.entry, call.compat].contains(&Some(entry))) {
        *names.entry(call.name).or_default() += 1;
    }
    // Of several the one that most ABIs have.
    let Some((most, _)) = names.iter().max_by_key(|(_, abis)| **abis) else {
        return Ok(name.to_owned());
    };
    if names.contains_key(name) {
        return Ok(name.to_owned());
    }
    let all = names.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    to_stderr(format_args!("{entry} is the entry point of {all}; this is `{most}`"));
    Ok((*most).to_owned())
}
