//! The command line: what `cargo codegen` takes, and where it reads and writes.
//!
//! Exit status: 0 success, 1 difference found, 2 error.

mod compare;
mod completions;
mod man;
mod named;
mod print;

pub use compare::{Comparison, SideInput, check_sides, compare_sides};

use crate::import::{Claims, Findings};
use crate::report::profile::{Input, profile as report_on};
use crate::report::records::Records;
use crate::report::{explain, then};
use crate::source::Source;
use crate::tables::Abi;
use crate::version::Version;
use crate::{Error, Tables, emit, export, import, lower, store};
use clap::builder::{Resettable, StyledStr};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use print::{fail, ignore_broken_pipe, print, to_stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Import Linux system-call tables, print them, and emit Rust from them.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true, after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    subcommand: Subcommands,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  fine
  1  something differs (diff, check, emit --check), is doubtful (import --strict), is not on the
     ABI (explain --abi), or is to be mended (profile)
  2  the verb could not do its work; nothing was changed

`--help` after a verb shows examples.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  cargo codegen export tsv | grep -P '\\tio_submit\\t'
  cargo codegen export html >syscalls.html           one page with a search, for a browser
  cargo codegen export c --abi x86_64 >x86_64.h
  cargo codegen export tsv --header-names --tables /tmp/new";

#[derive(Subcommand)]
enum Subcommands {
    /// Read a kernel source tree and write the tables. All or nothing: an error changes no file.
    #[command(after_help = "\
Examples:
  cargo codegen import --linux ~/src/linux                    \
bring tables/ and the Rust copies up to that kernel
  cargo codegen import --linux ~/src/linux-6.1 --only ia64
  cargo codegen import --linux ~/src/linux --tables /tmp/new  \
into another directory; the repository stays as it is
  cargo codegen import --headers /usr/include/x86_64-linux-gnu --tables /tmp/installed")]
    Import {
        /// The kernel source tree.
        #[arg(
            long,
            value_name = "DIR",
            required_unless_present = "headers",
            conflicts_with = "headers"
        )]
        linux: Option<PathBuf>,
        /// Installed headers instead: /usr/include/TRIPLET, /usr/lib/linux/uapi/ARCH, a cross
        /// compiler's include directory, what `make headers_install` wrote. May be repeated where
        /// they are split, as Zig's x86-linux-any and any-linux-any are. They have no entry
        /// points, so --tables must name another directory.
        #[arg(long, value_name = "DIR", conflicts_with = "only")]
        headers: Vec<PathBuf>,
        #[command(flatten)]
        options: HeaderOptions,
        /// Write into this directory instead of the repository's own tables. What is doubtful in
        /// the tree, such as a private call or a gap, is then a warning. abis.toml, absent.toml
        /// and functions.toml are read from this directory if they are there.
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
        /// Exit with status 1 if there are warnings.
        #[arg(long, requires = "tables")]
        strict: bool,
        /// Import only this table (x86_64, asm-generic, …, prototypes, errno, uapi, lookup); may be
        /// repeated.
        #[arg(long, value_name = "TABLE")]
        only: Vec<String>,
    },
    /// Build tables/history.toml again: what each release changed in the numbers of the ABIs.
    #[command(after_help = "\
Examples:
  cargo codegen history ~/src/linux-6.12 ~/src/linux-6.13 ~/src/linux
  cargo codegen history ~/src/releases/*    \
a kernel tree of each release; the newest is the one that the tables are from")]
    History {
        /// Kernel source trees, one of each release, in any order.
        #[arg(value_name = "DIR", required = true)]
        trees: Vec<PathBuf>,
    },
    Diff(compare::Diff),
    Check(compare::Check),
    /// Print every call of every ABI: numbers as user space loads them, entry points as the kernel
    /// runs them.
    #[command(
        after_help = EXPORT_EXAMPLES,
        after_long_help = format!("{EXPORT_EXAMPLES}\n\n{}", export::SCHEMA)
    )]
    Export {
        /// The format.
        format: Format,
        /// Only this ABI; may be repeated.
        #[arg(long, value_name = "ABI")]
        abi: Vec<String>,
        /// Read the imported tables from this directory.
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
        /// Also the names that only headers define: aliases, and ARM's private calls.
        #[arg(long)]
        header_names: bool,
        /// TSV: also the calls that older kernels had, with the last release that had them.
        #[arg(long)]
        removed: bool,
    },
    /// Say which kernel function a call ends in, and how: instruction, labels, table, entry point,
    /// prototype.
    #[command(after_help = "\
Examples:
  cargo codegen explain io_submit                  its number and entry point on every ABI
  cargo codegen explain 209 --abi x86_64           what becomes of it, from the instruction on
  cargo codegen explain 0x40000220 --abi x32
  cargo codegen explain openat2 --kernel 5.10      which ABIs of that release have it")]
    Explain {
        /// A call's name, `__NR_openat`, `SYS_openat` or a function of the kernel as
        /// `__x64_sys_openat`, or its number: decimal, or hexadecimal after 0x. A number below the
        /// ABI's base is the table's own.
        #[arg(value_name = "NAME|NUMBER")]
        call: String,
        /// The whole path on this ABI; may be repeated. Without it, a line for each ABI.
        #[arg(long, value_name = "ABI")]
        abi: Vec<String>,
        /// Answer for this release instead, from the history: number, name, since and until. With
        /// --abi the exit status is 1 if the release does not have the call there.
        #[arg(long, value_name = "VERSION")]
        kernel: Option<Version>,
        /// Read the imported tables from this directory.
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
    },
    /// Report what a seccomp profile of a container engine leaves open.
    ///
    /// For each architecture of the profile: the calls that it does not know, which of them are
    /// newer than the newest call that it knows, and what they get. A program that gets EPERM of a
    /// newer call does not fall back to an older one, as it does with ENOSYS. Also the names that
    /// no kernel has ever had. The exit status is 1 if there is such a name, if newer calls are
    /// refused with anything but ENOSYS, or if libseccomp does not resolve a call of the profile.
    #[command(after_help = "\
Examples:
  cargo codegen profile /usr/share/containers/seccomp.json
  cargo codegen profile default.json --libseccomp libseccomp/src/syscalls.csv
  cargo codegen profile config.json --abi aarch64  a container that maps no architecture")]
    Profile {
        /// The profile: JSON, as Docker, Podman and the OCI's runtime specification have it, or a
        /// `config.json` with one.
        #[arg(value_name = "FILE")]
        profile: PathBuf,
        /// The table of the libseccomp that reads the profile: src/syscalls.csv of its source.
        #[arg(long, value_name = "FILE")]
        libseccomp: Option<PathBuf>,
        /// Report on this ABI alone; may be repeated. Without it, on those of the profile, or where
        /// it has none, on that of this machine.
        #[arg(long, value_name = "ABI")]
        abi: Vec<String>,
    },
    /// Write the Rust copies under aio-sys/src/generated, and the README's table of ABIs and
    /// example of explain.
    #[command(after_help = "\
Examples:
  cargo codegen emit               write the committed Rust copies anew
  cargo codegen emit --check       \
write nothing; exit status 1 if a copy is not what the tables give
  cargo codegen emit --abi i386    print what a build for i386 gets
  cargo codegen emit c --abi sh >stubs.h
  cargo codegen emit asm --abi sh >stubs.S")]
    Emit {
        /// Print stubs for C instead: aio_syscall0 to aio_syscall6, from the same contract as
        /// Rust's.
        #[arg(requires = "abi")]
        language: Option<Language>,
        /// Print the text for one ABI instead.
        #[arg(long, value_name = "ABI")]
        abi: Option<String>,
        /// Write nothing; the exit status is 1 if a copy differs.
        #[arg(long, conflicts_with = "abi")]
        check: bool,
        /// Read the imported tables from this directory.
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
    },
    /// Print the completions of a shell for `aio-codegen`, as the tool is called once it is
    /// installed.
    #[command(after_help = "\
Examples:
  cargo codegen completions bash > ~/.local/share/bash-completion/completions/aio-codegen
  cargo codegen completions zsh > ~/.zfunc/_aio-codegen    where fpath has ~/.zfunc
  cargo codegen completions fish > ~/.config/fish/completions/aio-codegen.fish")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man pages of `aio-codegen` and of its verbs.
    #[command(after_help = "\
Examples:
  cargo codegen man | man -l -
  cargo codegen man ~/.local/share/man/man1    aio-codegen.1, aio-codegen-diff.1, ...")]
    Man {
        /// Write them into this directory instead, a file each.
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

// Facts about installed headers, for `import` and `check`. Clap would print a doc comment, and what
// is required is not if it conflicts with another argument, as --headers does with --linux.
#[derive(Args)]
struct HeaderOptions {
    /// The kernel's name of the headers' architecture, where the path does not tell.
    #[arg(long, value_name = "ARCH", requires = "headers", conflicts_with = "linux")]
    arch: Option<String>,
    /// The version of the headers' kernel, as 6.12 or 7.2.13, where no linux/version.h tells.
    #[arg(long, value_name = "VERSION", requires = "headers", conflicts_with = "linux")]
    linux_version: Option<Version>,
}

impl HeaderOptions {
    fn claims(self) -> Claims {
        Claims { arch: self.arch, linux: self.linux_version }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// A header with inline assembly, or with AIO_SYSCALL_EXTERN the declarations of what the .S
    /// file has.
    C,
    /// A .S file with the same functions, for what calls them by the ABI's C convention.
    Asm,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A line a call: abi, number, name, entry, compat entry, since and until, with tabs between.
    Tsv,
    /// One document; its keys are explained below.
    Json,
    /// A header: AIO_SYS_NR_<abi>_<name>, and with one --abi also __NR_<name> and SYS_<name> where
    /// the compiler is for that ABI and the system's headers lack them.
    C,
    /// A table to paste: names and ABIs, or with one --abi its calls and their entry points.
    Markdown,
    /// One self-contained page with a search.
    Html,
}

/// The result of a subcommand that succeeded.
#[derive(Clone, Copy)]
enum Outcome {
    Fine,
    Differs,
}

impl Outcome {
    fn differs(differs: bool) -> Outcome {
        if differs { Outcome::Differs } else { Outcome::Fine }
    }
}

/// Runs the tool on the process's arguments.
pub fn run() -> ExitCode {
    let cargo =
        std::env::var_os("CARGO_PKG_NAME").is_some_and(|package| package == env!("CARGO_PKG_NAME"));
    let matches = build_command(if cargo { ALIAS } else { INSTALLED }).try_get_matches();
    let outcome = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => run_subcommand(cli.subcommand),
        Err(answer) => match ignore_broken_pipe(answer.print()) {
            Ok(()) => return ExitCode::from(answer.exit_code() as u8),
            Err(error) => Err(error),
        },
    };
    match outcome {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Differs) => ExitCode::from(1),
        Err(error) => {
            fail(error);
            ExitCode::from(2)
        }
    }
}

fn run_subcommand(subcommand: Subcommands) -> Result<Outcome, Error> {
    match subcommand {
        Subcommands::Import { linux, headers, options, tables, strict, only } => {
            let (directory, committed) = match tables {
                Some(directory) => (directory, false),
                None if !headers.is_empty() => {
                    let what = "headers have no entry points, which the repository's tables would \
                                lose; pass --tables DIR";
                    return Err(Error::argument("--headers", what));
                }
                None => (store::writable("pass --tables DIR")?, true),
            };
            let source = match linux {
                Some(linux) => Source::open(linux),
                None => Source::headers(&headers)?,
            };
            let facts = match committed {
                true => store::facts(&store::by_hand_in(&directory))?,
                false => store::facts(&directory)?,
            };
            let findings = if committed { Findings::strict() } else { Findings::lenient() };
            let imported = match source.is_installed() {
                true => import::headers(&source, &options.claims(), &facts, &findings),
                false => import::tree(&source, &facts, &only, &findings),
            };
            findings.lines().into_iter().for_each(to_stderr);
            let imported = imported?;
            // Nothing is written unless what is about to be written can be read.
            let summary = store::summary(&imported)?;
            let (directory, files) = match committed {
                true => {
                    let files = store::update(&directory, &source, only.is_empty(), imported)?;
                    (directory, files)
                }
                false => {
                    store::check_readable(&directory, &imported)?;
                    (store::imported_in(&directory), imported)
                }
            };
            let written = report(&directory, &files)?;
            if !committed && only.is_empty() && !source.is_installed() {
                for left in store::left_over(&directory, &files) {
                    let left = left.display();
                    to_stderr(format_args!(
                        "{left} is from an earlier import; this kernel does not have that table"
                    ));
                }
            }
            if let Some(summary) = summary {
                to_stderr(summary);
            }
            to_stderr(format_args!("{written} of {} files changed", files.len()));
            if let Some(warnings) = findings.summary() {
                to_stderr(warnings);
                return Ok(Outcome::differs(strict));
            }
        }
        Subcommands::History { trees } => {
            let root = store::writable("run this in a checkout")?;
            let facts = store::committed()?;
            let mut kernels = Vec::new();
            for tree in trees {
                let source = Source::open(tree);
                let files = import::numbers(&source, &facts, &Findings::lenient())?;
                kernels.push((source.version()?, store::in_memory(source.shown(), &files)?));
            }
            kernels.sort_by(|(one, _), (other, _)| one.cmp(other));
            let text = import::history::from_releases(&kernels, &facts)?;
            report(&root, &store::with_history(&root, text)?)?;
        }
        Subcommands::Diff(args) => return compare::diff(args),
        Subcommands::Check(args) => return compare::check(args),
        Subcommands::Export { format, abi, tables, header_names, removed } => {
            let tables = store::chosen(tables)?;
            let read = tables.imported()?;
            let abis = find_abis(&tables, &abi)?;
            let exported = export::choose(&tables, &read, &abis, header_names)?;
            let committed = store::with_records(&tables)?;
            let records = Records::new(committed.as_ref().unwrap_or(&tables))?;
            print(&match format {
                Format::Tsv => export::tsv(&exported, &records, removed),
                Format::Json => export::json(&tables, &exported, &records)?,
                Format::C => export::c(&exported, &records)?,
                Format::Markdown => export::markdown(&exported, &records),
                Format::Html => export::html(&tables, &exported, &records)?,
            })?;
        }
        Subcommands::Explain { call, abi: names, kernel, tables } => {
            let tables = store::chosen(tables)?;
            let abis = find_abis(&tables, &names)?;
            let call = named::call(&tables, &abis, &call)?;
            let committed = store::with_records(&tables)?;
            let dated = committed.as_ref().unwrap_or(&tables);
            let records = Records::new(dated)?;
            if let Some(kernel) = kernel {
                let (text, has) = then::then(dated, &records, &call, &abis, &kernel)?;
                print(&text)?;
                return Ok(Outcome::differs(!has));
            }
            let (text, has) = explain::explain(&tables, &records, &call, &abis)?;
            print(&text)?;
            return Ok(Outcome::differs(!has));
        }
        Subcommands::Profile { profile, libseccomp, abi } => {
            let profile = Input::read(&profile)?;
            let libseccomp = libseccomp.as_deref().map(Input::read).transpose()?;
            let tables = store::chosen(None)?;
            let abis = find_abis(&tables, &abi)?;
            let (text, mend) = report_on(&tables, &profile, libseccomp.as_ref(), &abis)?;
            print(&text)?;
            return Ok(Outcome::differs(mend));
        }
        Subcommands::Emit { language, abi: Some(name), tables, .. } => {
            let tables = store::chosen(tables)?;
            let abi = find_abi(&tables, &name)?;
            print(&match language {
                None => emit::target(&lower::target(&tables, abi)?),
                Some(Language::C) => emit::c(&lower::c(&tables, abi)?),
                Some(Language::Asm) => emit::asm(&lower::assembly(&tables, abi)?),
            })?;
        }
        Subcommands::Emit { abi: None, check, tables, .. } => {
            let root = store::writable("pass --abi ABI")?;
            let copies = store::emit_copies(&root, &store::chosen(tables)?)?;
            if !check {
                report(&root, &copies)?;
                return Ok(Outcome::Fine);
            }
            let stale = |(name, text): &&(String, String)| {
                std::fs::read(root.join(name)).ok().as_deref() != Some(text.as_bytes())
            };
            if let Some((name, _)) = copies.iter().find(stale) {
                fail(Error::in_file(name, "is out of date; run `cargo codegen emit`"));
                return Ok(Outcome::Differs);
            }
        }
        Subcommands::Completions { shell } => {
            print(&completions::script(shell, &Tables::embedded()?)?)?;
        }
        Subcommands::Man { directory } => {
            let pages = man::pages()?;
            match directory {
                Some(directory) => report(&directory, &pages).map(drop)?,
                None => print(&pages.into_iter().map(|(_, text)| text).collect::<String>())?,
            }
        }
    }
    Ok(Outcome::Fine)
}

/// The tool's name in a checkout, an alias of cargo, and its name when installed.
const ALIAS: &str = "cargo codegen";
const INSTALLED: &str = "aio-codegen";

/// The command line of the tool with this name.
fn build_command(name: &'static str) -> clap::Command {
    let called = |text: Option<&StyledStr>| {
        Resettable::from(text.map(|text| text.to_string().replace(ALIAS, name).into()))
    };
    Cli::command().name(name).bin_name(name).mut_subcommands(|subcommand| {
        let (help, long) =
            (called(subcommand.get_after_help()), called(subcommand.get_after_long_help()));
        subcommand.after_help(help).after_long_help(long)
    })
}

/// The ABIs that the user named.
fn find_abis<'t>(tables: &'t Tables, names: &[String]) -> Result<Vec<&'t Abi>, Error> {
    names.iter().map(|name| find_abi(tables, name)).collect()
}

/// The ABI that the user named.
fn find_abi<'t>(tables: &'t Tables, name: &str) -> Result<&'t Abi, Error> {
    tables.abi_called(name).ok_or_else(|| {
        let near = tables.abi_near(name).map(|near| format!(" (did you mean `{near}`?)"));
        let own: Vec<&str> = tables.abis.iter().map(|abi| abi.name.as_str()).collect();
        let (near, own) = (near.unwrap_or_default(), own.join(", "));
        Error::argument("--abi", format!("unknown ABI `{name}`{near}; expected one of {own}"))
    })
}

fn report(directory: &Path, files: &[(String, String)]) -> Result<usize, Error> {
    let written = store::replace(directory, files)?;
    for name in &written {
        to_stderr(format_args!("wrote {}", directory.join(name).display()));
    }
    Ok(written.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subcommand_shows_valid_examples() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for subcommand in command.get_subcommands() {
            let help = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help
                .lines()
                .filter_map(|line| line.trim().strip_prefix("cargo codegen "))
                .collect();
            assert!(examples.len() >= 2, "{}", subcommand.get_name());
            for example in examples {
                // The rest is for the shell, or a comment.
                let line = example.split(['|', '>']).next().unwrap().trim_end();
                let words = line.split("  ").next().unwrap().split(' ');
                let parsed = Cli::try_parse_from(std::iter::once("cargo codegen").chain(words));
                assert!(parsed.is_ok(), "{example}: {}", parsed.err().unwrap());
                assert!(example.starts_with(subcommand.get_name()), "{example}");
            }
        }
    }
}
