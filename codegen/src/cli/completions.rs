//! Completions: what a shell offers. The tool takes more, such as what others call an ABI.

use super::{INSTALLED, build_command};
use crate::{Error, Tables};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ValueHint};
use clap_complete::Shell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The script of a shell.
pub(super) fn script(shell: Shell, tables: &Tables) -> Result<String, Error> {
    let values = values(tables)?;
    let offer = |arg| offer(arg, &values);
    let mut command =
        build_command(INSTALLED).mut_subcommands(|subcommand| subcommand.mut_args(offer));
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, INSTALLED, &mut text);
    // For bash the hyphen is spelled in two ways, and no option is found below a subcommand:
    // clap-rs/clap#6421.
    let mut text = String::from_utf8_lossy(&text).replace("aio__subcmd__codegen", "aio__codegen");
    if shell == Shell::Fish {
        // What follows `help` was offered only where no `help` is before it.
        text = text.replace(" help\" -f -a", "\" -f -a");
        text += &positionals(&command);
    }
    Ok(text)
}

/// The values that there are, by what `--help` calls a value.
type Values<'t> = [(&'static str, BTreeSet<&'t str>); 4];

fn values(tables: &Tables) -> Result<Values<'_>, Error> {
    let mut calls = BTreeSet::new();
    for abi in &tables.abis {
        calls.extend(abi.calls(tables.table(&abi.table)?).iter().map(|call| call.name));
    }
    let imported = aio_tables::IMPORTED.iter().filter_map(|(file, _)| file.strip_suffix(".toml"));
    Ok([
        ("ABI", tables.abis.iter().map(|abi| abi.name.as_str()).collect()),
        ("ARCH", tables.abis.iter().map(|abi| abi.arch.as_str()).collect()),
        ("TABLE", imported.collect()),
        ("NAME|NUMBER", calls),
    ])
}

fn offer(arg: Arg, values: &Values<'_>) -> Arg {
    let Some([called]) = arg.get_value_names() else { return arg };
    if called == "DIR" {
        return arg.value_hint(ValueHint::DirPath);
    }
    match values.iter().find(|(name, _)| called == name) {
        Some((_, words)) => {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            arg.value_parser(PossibleValuesParser::new(words))
        }
        None => arg,
    }
}

/// The values of positional arguments for fish, which clap_complete leaves out.
fn positionals(command: &clap::Command) -> String {
    let mut text = String::new();
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name();
        for arg in subcommand.get_positionals() {
            let values = arg.get_possible_values();
            let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
            if !values.is_empty() {
                let _ = writeln!(
                    text,
                    "complete -c {INSTALLED} -n '__fish_aio_codegen_using_subcommand {name}' -f \
                     -a '{}'",
                    values.join(" "),
                );
            }
        }
    }
    text
}
