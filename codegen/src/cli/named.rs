//! Which call is meant by a macro of C or by a function of the kernel.

use super::print::to_stderr;
use crate::tables::{Abi, Call};
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
        let of_abi = read.get(abi.table.as_str()).into_iter().flat_map(|table| abi.calls(table));
        calls.extend(of_abi.map(|call| (abi, call)));
    }
    if calls.iter().any(|(_, call)| call.name == text) {
        return Ok(text.to_owned());
    }
    if let Some(name) = MACROS.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        return Ok(name.to_owned());
    }
    // What the kernel's macros make of an entry point is __x64_sys_read, or __se_compat_sys_read.
    let made = text.strip_prefix("__").and_then(|text| text.split_once('_'));
    let made = made.map_or(text, |(_, entry)| entry);
    let name = made.strip_prefix("compat_").unwrap_or(made).strip_prefix("sys_").unwrap_or(text);
    let is_entry = |entry: &&str| calls.iter().any(|(abi, call)| ends_in(abi, call, entry));
    let entry = [text, made].into_iter().find(is_entry).unwrap_or(made);
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, call) in calls.iter().filter(|(abi, call)| ends_in(abi, call, entry)) {
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
    let this = if names.len() > 1 { format!("; this is `{most}`") } else { String::new() };
    to_stderr(format_args!("{entry} is the entry point of {all}{this}"));
    Ok((*most).to_owned())
}

/// Whether an entry point is a call's in the kernel's table, or the one that an ABI makes of it.
fn ends_in(abi: &Abi, call: &Call<'_>, entry: &str) -> bool {
    let own = [call.entry, call.compat, abi.ends_in(call, false), abi.ends_in(call, true)];
    own.contains(&Some(entry))
}
