//! The man pages.

use super::{INSTALLED, build_command};
use crate::Error;

/// The man pages: file and text.
pub(super) fn pages() -> Result<Vec<(String, String)>, Error> {
    // For help there is a page of each subcommand.
    let mut command = build_command(INSTALLED).disable_help_subcommand(true);
    command.build();
    let failed =
        |error: std::io::Error| Error::plain(format!("the man pages cannot be written: {error}"));
    let mut pages = Vec::new();
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        // The date is empty: the same source gives the same pages.
        let source = concat!("aio-codegen ", env!("CARGO_PKG_VERSION"));
        let page =
            clap_mangen::Man::new(command.clone().after_help(None)).date("\"\"").source(source);
        let mut text = Vec::new();
        page.render(&mut text).map_err(failed)?;
        // The text after the help keeps its lines, below its own heading.
        if let Some((heading, lines)) = after.split_once(":\n") {
            let mut roff = clap_mangen::roff::Roff::new();
            roff.control("SH", [heading.to_uppercase().as_str()]).control("nf", []);
            roff.text([clap_mangen::roff::roman(lines)]).control("fi", []);
            roff.to_writer(&mut text).map_err(failed)?;
        }
        pages.push((page.get_filename(), String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(pages)
}
