//! Tables for others: every call of every ABI as text.

use crate::Error;
use crate::tables::Tables;
use std::fmt::Write as _;

/// `abi⇥number⇥name⇥entry⇥compat`, by ABI and number; an absent entry is empty. With `header_names` also the aliases and
/// private calls that only headers define.
pub(crate) fn tsv(tables: &Tables, header_names: bool) -> Result<String, Error> {
    let mut out = String::new();
    for abi in tables.abis.iter().filter(|abi| tables.has_table(&abi.table)) {
        let table = tables.table(&abi.table)?;
        for call in abi.calls(&table).iter().filter(|call| header_names || call.tag.is_some()) {
            let (entry, compat) = (call.entry.unwrap_or(""), call.compat.unwrap_or(""));
            let _ = writeln!(out, "{}\t{}\t{}\t{entry}\t{compat}", abi.name, call.number, call.name);
        }
    }
    Ok(out)
}

/// The README with its table of ABIs made anew; the rest of it is a person's.
pub(crate) fn in_readme(tables: &Tables, readme: &str) -> Result<String, Error> {
    let (begin, end) = ("<!-- ABIs: written by `cargo codegen emit` -->\n", "<!-- end of ABIs -->");
    let parts = readme.split_once(begin).and_then(|(head, rest)| Some((head, rest.split_once(end)?.1)));
    let Some((head, tail)) = parts else {
        return Err(Error::new("README.md", 0, format!("the lines `{}` and `{end}` are missing", begin.trim_end())));
    };
    Ok(format!("{head}{begin}{}{end}{tail}", abi_table(tables)?))
}

/// One line an ABI, with the numbers of the AIO calls.
fn abi_table(tables: &Tables) -> Result<String, Error> {
    let aio = ["setup", "destroy", "submit", "cancel", "getevents", "pgetevents", "pgetevents_time64"];
    let mut out = format!("| ABI | stubs | calls | Linux | base | {} |\n", aio.join(" | "));
    let _ = writeln!(out, "|---|---|--:|---|--:|{}", "--:|".repeat(aio.len()));
    for abi in tables.abis.iter().filter(|abi| tables.has_table(&abi.table)) {
        let table = tables.table(&abi.table)?;
        if table.tags(&abi.name).is_none() {
            continue;
        }
        let calls = abi.calls(&table);
        let rows = calls.iter().filter(|call| call.tag.is_some()).count();
        let stubs = if abi.call.is_some() { "yes" } else { "" };
        let base = if abi.base > 0xffff { format!("{:#x}", abi.base) } else { abi.base.to_string() };
        let _ = write!(out, "| {} | {stubs} | {rows} | {} | {base} |", abi.name, table.linux);
        for name in aio {
            let call = calls.iter().find(|call| call.name.strip_prefix("io_") == Some(name));
            let number = call.map_or("–".to_owned(), |call| (call.number - abi.base).to_string());
            let _ = write!(out, " {number} |");
        }
        out.push('\n');
    }
    Ok(out)
}
