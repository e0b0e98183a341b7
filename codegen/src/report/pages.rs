//! The regions of the documentation that the tool writes; the rest of these files is a person's.

use super::explain::explain;
use super::records::Records;
use crate::export::{Exported, choose};
use crate::tables::{Abi, Asm};
use crate::{Error, Tables};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A file with a region, and what writes the region again: from the tables, the path and the text.
type Page = (&'static str, fn(&Tables, &str, &str) -> Result<String, Error>);

/// Every file with a region.
pub(crate) const PAGES: [Page; 3] = [
    ("README.md", |tables, path, text| region(path, text, "targets", &targets(tables))),
    ("docs/abis.md", |tables, path, text| region(path, text, "ABIs", &abi_table(tables)?)),
    ("codegen/README.md", with_example),
];

/// The text with another region between the two marks of `name`.
fn region(path: &str, text: &str, name: &str, written: &str) -> Result<String, Error> {
    let begin = format!("<!-- {name}: written by `cargo codegen emit` -->\n");
    let end = format!("<!-- end of {name} -->");
    let parts =
        text.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let Some((head, tail)) = parts else {
        let what = format!("the lines `{}` and `{end}` are missing", begin.trim_end());
        return Err(Error::in_file(path, what));
    };
    Ok(format!("{head}{begin}{written}{end}{tail}"))
}

/// Which ABIs have stubs of which kind, and from which Rust version on.
fn targets(tables: &Tables) -> String {
    let minimum = env!("CARGO_PKG_RUST_VERSION");
    let kind = |abi: &Abi| match abi.stub().map(|stub| &stub.asm) {
        Some(Asm::Stable(version)) if newer(version, minimum) => (1, version.clone()),
        Some(Asm::Stable(_)) => (0, minimum.to_owned()),
        Some(Asm::Nightly) => (2, format!("{minimum}, or nightly")),
        Some(Asm::Never) | None => (3, minimum.to_owned()),
    };
    let mut kinds = BTreeMap::<_, Vec<&str>>::new();
    for abi in &tables.abis {
        kinds.entry(kind(abi)).or_default().push(&abi.name);
    }
    let mut out = "| ABI | system calls by | Rust |\n|---|---|---|\n".to_owned();
    for ((kind, rust), names) in kinds {
        let by = match kind {
            0 | 1 => "inline assembly",
            2 => "`libc::syscall`, or inline assembly with the feature `nightly`",
            _ => "none, for look-ups only (`Abi`)",
        };
        let _ = writeln!(out, "| {} | {by} | {rust} |", names.join(", "));
    }
    out
}

/// Whether a Rust version, such as `1.95`, is newer than another.
fn newer(version: &str, than: &str) -> bool {
    let parts = |version: &str| -> Vec<u32> {
        version.split('.').map_while(|part| part.parse().ok()).collect()
    };
    parts(version) > parts(than)
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

/// The tool's README with its example of `explain` again; the command that it shows is a person's.
fn with_example(tables: &Tables, path: &str, text: &str) -> Result<String, Error> {
    let shown = |text: &str| {
        let (head, rest) = text.split_once("$ cargo codegen explain ")?;
        let (command, rest) = rest.split_once('\n')?;
        let (what, abi) = command.split_once(" --abi ")?;
        let (_, tail) = rest.split_once("```")?;
        Some([head, command, what, abi, tail].map(str::to_owned))
    };
    let Some([head, command, what, abi, tail]) = shown(text) else {
        let what = "the block with `$ cargo codegen explain NAME --abi ABI` is missing";
        return Err(Error::in_file(path, what));
    };
    let abi = tables.abi(&abi).ok_or_else(|| {
        Error::in_file(path, format!("explains a call on the unknown ABI `{abi}`"))
    })?;
    let (answer, _) = explain(tables, &Records::new(tables)?, &what, &[abi])?;
    // The page is the same in every checkout.
    let file = format!("{}.toml", abi.table);
    let answer = answer.replace(&tables.path(&file), &format!("tables/linux/{file}"));
    Ok(format!("{head}$ cargo codegen explain {command}\n{answer}```{tail}"))
}
