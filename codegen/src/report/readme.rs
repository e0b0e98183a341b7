//! The regions of the README that the tool writes; the rest of it is a person's.

use super::explain::explain;
use super::records::Records;
use crate::export::{Exported, choose};
use crate::{Error, Tables};
use std::fmt::Write as _;

/// The README with its table of ABIs and its example of `explain` written again.
pub(crate) fn readme(tables: &Tables, readme: &str) -> Result<String, Error> {
    with_example(tables, &with_abis(tables, readme)?)
}

/// With its table of ABIs.
fn with_abis(tables: &Tables, readme: &str) -> Result<String, Error> {
    let (begin, end) = ("<!-- ABIs: written by `cargo codegen emit` -->\n", "<!-- end of ABIs -->");
    let parts =
        readme.split_once(begin).and_then(|(head, rest)| Some((head, rest.split_once(end)?.1)));
    let Some((head, tail)) = parts else {
        return Err(Error::in_file(
            "README.md",
            format!("the lines `{}` and `{end}` are missing", begin.trim_end()),
        ));
    };
    Ok(format!("{head}{begin}{}{end}{tail}", abi_table(tables)?))
}

/// One line an ABI, with the numbers of the AIO calls.
fn abi_table(tables: &Tables) -> Result<String, Error> {
    let aio =
        ["setup", "destroy", "submit", "cancel", "getevents", "pgetevents", "pgetevents_time64"];
    let mut out = format!("| ABI | stubs | calls | Linux | base | {} |\n", aio.join(" | "));
    let _ = writeln!(out, "|---|---|--:|---|--:|{}", "--:|".repeat(aio.len()));
    let mut total = 0;
    for Exported { abi, table, calls } in choose(tables, &tables.imported()?, &[], true)? {
        let rows = calls.iter().filter(|call| call.tag.is_some()).count();
        total += rows;
        let stubs = if abi.stub().is_some() { "yes" } else { "" };
        let base =
            if abi.base > 0xffff { format!("{:#x}", abi.base) } else { abi.base.to_string() };
        let _ = write!(out, "| {} | {stubs} | {rows} | {} | {base} |", abi.name, table.linux);
        for name in aio {
            let call = calls.iter().find(|call| call.name.strip_prefix("io_") == Some(name));
            let number = call
                .map_or("–".to_owned(), |call| call.number.wrapping_sub(abi.base).to_string());
            let _ = write!(out, " {number} |");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "| all | | {total} | | |{}", " |".repeat(aio.len()));
    Ok(out)
}

/// With its example of `explain`; the command that it shows is a person's.
fn with_example(tables: &Tables, readme: &str) -> Result<String, Error> {
    let shown = |readme: &str| {
        let (head, rest) = readme.split_once("$ cargo codegen explain ")?;
        let (command, rest) = rest.split_once('\n')?;
        let (what, abi) = command.split_once(" --abi ")?;
        let (_, tail) = rest.split_once("```")?;
        Some([head, command, what, abi, tail].map(str::to_owned))
    };
    let Some([head, command, what, abi, tail]) = shown(readme) else {
        let what = "the block with `$ cargo codegen explain NAME --abi ABI` is missing";
        return Err(Error::in_file("README.md", what));
    };
    let abi = tables.abi(&abi).ok_or_else(|| {
        Error::in_file("README.md", format!("explains a call on `{abi}`, which is no ABI"))
    })?;
    Ok(format!(
        "{head}$ cargo codegen explain {command}\n{}```{tail}",
        explain(tables, &Records::new(tables)?, &what, &[abi])?.0
    ))
}
