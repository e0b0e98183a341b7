//! The command line: what `cargo codegen` takes, and where it reads and writes.

use crate::{Error, Tables, emit, export, files, import, resolved};
use clap::{Parser, Subcommand, ValueEnum};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Import Linux system-call tables, print them, and emit Rust from them.
#[derive(Parser)]
#[command(name = "cargo codegen", bin_name = "cargo codegen", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  cargo codegen import --linux ~/src/linux               bring tables/ and the Rust copies up to that kernel
  cargo codegen import --linux ~/src/linux-6.1 --only ia64
  cargo codegen import --linux ~/src/linux --tables /tmp/new    into another folder; the repository stays as it is
  cargo codegen export tsv | grep -P '\\tio_submit\\t'
  cargo codegen emit                                     write the committed Rust copies anew
  cargo codegen emit --abi i386                          print what a build for i386 gets";

#[derive(Subcommand)]
enum Verb {
    /// Read a kernel source tree and write the tables. All or nothing: a mistake in the tree changes no file.
    Import {
        /// The kernel source tree.
        #[arg(long, value_name = "DIR")]
        linux: PathBuf,
        /// Write into this folder instead of the repository's own tables.
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
        /// Import only this table (x86_64, asm-generic, …, prototypes, errno, uapi); may be repeated.
        #[arg(long, value_name = "TABLE")]
        only: Vec<String>,
    },
    /// Print every call of every ABI: numbers as user space loads them, entry points as the kernel runs them.
    Export {
        /// The format: abi, number, name, entry and compat entry, with tabs between.
        format: Format,
        /// Read the imported tables from this folder.
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
        /// Also the names that only headers define: aliases, and ARM's private calls.
        #[arg(long)]
        header_names: bool,
    },
    /// Write the Rust copies under aio-sys/src/generated and the README's table of ABIs.
    Emit {
        /// Print the text for one ABI instead.
        #[arg(long, value_name = "ABI")]
        abi: Option<String>,
        /// Write nothing; fail if a copy differs.
        #[arg(long, conflicts_with = "abi")]
        check: bool,
        /// Read the imported tables from this folder.
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Tsv,
}

/// Runs the tool on the process's arguments.
pub fn run() -> ExitCode {
    match verb(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn verb(verb: Verb) -> Result<(), Error> {
    match verb {
        Verb::Import { linux, tables, only } => {
            let imported = import::tree(&linux, &Tables::embedded()?, &only)?;
            // Nothing is written unless what is about to be written can be read.
            let summary = summary(&imported)?;
            let (folder, files) = match tables {
                Some(folder) => {
                    readable(&load(&folder, &imported)?, &imported)?;
                    (folder, imported)
                }
                None => {
                    let copies = copies(&load(&workspace().join("tables"), &imported)?)?;
                    let tables = imported.into_iter().map(|(name, text)| (format!("tables/{name}"), text));
                    (workspace(), tables.chain(copies).collect())
                }
            };
            let written = report(&folder, &files)?;
            if let Some(summary) = summary {
                eprintln!("{summary}");
            }
            eprintln!("{written} of {} files changed", files.len());
            Ok(())
        }
        Verb::Export { format: Format::Tsv, tables, header_names } => {
            print(&export::tsv(&load(&folder(tables), &[])?, header_names)?)
        }
        Verb::Emit { abi: Some(name), tables, .. } => {
            let tables = load(&folder(tables), &[])?;
            let known: Vec<_> = tables.abis.iter().map(|abi| abi.name.as_str()).collect();
            let unknown = || Error::new("--abi", 0, format!("`{name}` is no ABI; there are {}", known.join(", ")));
            print(&emit::target(&tables, tables.abi(&name).ok_or_else(unknown)?)?)
        }
        Verb::Emit { abi: None, check, tables } => {
            let copies = copies(&load(&folder(tables), &[])?)?;
            if !check {
                return report(&workspace(), &copies).map(drop);
            }
            let stale = |(name, text): &&(String, String)| {
                std::fs::read(workspace().join(name)).ok().as_deref() != Some(text.as_bytes())
            };
            match copies.iter().find(stale) {
                None => Ok(()),
                Some((name, _)) => Err(Error::new(name, 0, "is not what the tables give; run `cargo codegen emit`")),
            }
        }
    }
}

/// The repository: cargo says where this package is when it runs the tool.
fn workspace() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package.as_deref().and_then(Path::parent).unwrap_or(Path::new(".")).to_owned()
}

fn folder(tables: Option<PathBuf>) -> PathBuf {
    tables.unwrap_or_else(|| workspace().join("tables"))
}

fn report(folder: &Path, files: &[(String, String)]) -> Result<usize, Error> {
    let written = files::replace(folder, files)?;
    for name in &written {
        eprintln!("wrote {}", folder.join(name).display());
    }
    Ok(written.len())
}

fn print(text: &str) -> Result<(), Error> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // A reader that has seen enough, as `head` has, is no mistake.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new("standard output", 0, format!("cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// The tables that no import writes.
const BY_HAND: &[&str] = &["abis.toml", "absent.toml"];

/// The imported tables of a folder, with `newer` in place of those it has, beside the facts written by hand.
fn load(folder: &Path, newer: &[(String, String)]) -> Result<Tables, Error> {
    let mut found = Vec::new();
    for &(name, text) in aio_tables::FILES {
        let path = folder.join(name);
        let shown = path.display().to_string();
        if BY_HAND.contains(&name) {
            found.push((name.to_owned(), format!("tables/{name}"), text.into()));
        } else if let Some((_, text)) = newer.iter().find(|(newer, _)| newer == name) {
            found.push((name.to_owned(), shown, text.clone().into()));
        } else if path.exists() {
            found.push((name.to_owned(), shown, files::read(&path)?.into()));
        }
    }
    if found.len() == BY_HAND.len() {
        return Err(Error::new(
            folder.display().to_string(),
            0,
            "holds no imported tables; `cargo codegen import` writes them",
        ));
    }
    Tables::new(found)
}

/// What an import that brings tables and prototypes says of the entry points.
fn summary(imported: &[(String, String)]) -> Result<Option<String>, Error> {
    if imported.len() == 1 || !imported.iter().any(|(name, _)| name == "prototypes.toml") {
        return Ok(None);
    }
    let by_hand = aio_tables::FILES.iter().filter(|(name, _)| BY_HAND.contains(name));
    let by_hand = by_hand.map(|&(name, text)| (name.to_owned(), format!("tables/{name}"), text.into()));
    let new = imported.iter().map(|(name, text)| (name.clone(), name.clone(), text.clone().into()));
    resolved::summary(&Tables::new(by_hand.chain(new).collect())?).map(Some)
}

/// Reads every file that is to be written.
fn readable(tables: &Tables, imported: &[(String, String)]) -> Result<(), Error> {
    for (name, _) in imported {
        match name.trim_end_matches(".toml") {
            "prototypes" => tables.prototypes().map(drop)?,
            "errno" => tables.errnos("x86").map(drop)?,
            "uapi" => tables.constants().map(drop)?,
            table => tables.table(table).map(drop)?,
        }
    }
    Ok(())
}

/// Every file of the repository that is emitted from the tables: path and text.
fn copies(tables: &Tables) -> Result<Vec<(String, String)>, Error> {
    let place = |name: &str| format!("aio-sys/src/generated/{name}.rs");
    let mut copies = vec![(place("target"), emit::choice(tables))];
    for abi in tables.abis.iter().filter(|abi| abi.call.is_some()) {
        copies.push((place(&abi.name), emit::target(tables, abi)?));
    }
    let readme = files::read(&workspace().join("README.md"))?;
    copies.push(("README.md".to_owned(), export::in_readme(tables, &readme)?));
    Ok(copies)
}
