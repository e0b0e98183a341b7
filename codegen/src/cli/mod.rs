//! The command line: what `cargo codegen` takes, and where it reads and writes.
//!
//! Exit status: 0 success, 1 difference found, 2 error.

mod compare;
mod completions;
mod man;
mod named;
mod print;

use compare::NO_SOURCE;
pub use compare::{Comparison, SideInput, check_sides, compare_sides};

use crate::import::{Claims, Findings};
use crate::report::profile::{Input, Request, profile as report_on};
use crate::report::records::Records;
use crate::report::{explain, then};
use crate::source::Source;
use crate::tables::Abi;
use crate::term::counted;
use crate::version::Version;
use crate::{Error, Tables, emit, export, import, lower, store};
use clap::builder::{Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use print::{fail, ignore_broken_pipe, print, to_stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Import the system-call tables of Linux, query them, and generate code from them
#[derive(Parser)]
#[command(version, after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    subcommand: Subcommands,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  success
  1  difference found (diff, check, emit --check), warnings (import --strict), no such call
     (explain), or a mistake in the profile (profile)
  2  error; no file was changed

`help COMMAND` describes a command and shows examples.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  cargo codegen export tsv | grep -P '\\tio_submit\\t'
  cargo codegen export html >syscalls.html           one page with a search, for a browser
  cargo codegen export c --abi x86_64 >x86_64.h
  cargo codegen export tsv --header-names --tables /tmp/new";

#[derive(Subcommand)]
enum Subcommands {
    /// Write the tables from a kernel source tree or from installed headers
    ///
    /// All files are written or none: an error changes nothing.
    #[command(after_help = "\
Examples:
  cargo codegen import --linux ~/src/linux                    \
update the tables and the bindings to that kernel
  cargo codegen import --linux ~/src/linux-6.1 --only ia64
  cargo codegen import --linux ~/src/linux --tables /tmp/new  \
into another directory; the repository does not change
  cargo codegen import --headers /usr/include/x86_64-linux-gnu --tables /tmp/installed")]
    Import {
        /// The kernel source tree
        #[arg(long, value_name = "DIR", conflicts_with = "headers")]
        linux: Option<PathBuf>,
        /// A directory of installed headers; may be repeated
        ///
        /// /usr/include/TRIPLET, /usr/lib/linux/uapi/ARCH, the include directory of a cross
        /// compiler, or what `make headers_install` wrote. Repeat it for headers that are split,
        /// such as Zig's x86-linux-any and any-linux-any. Headers have no entry points, so --tables
        /// must name another directory.
        #[arg(long, value_name = "DIR", conflicts_with = "only")]
        headers: Vec<PathBuf>,
        #[command(flatten)]
        options: HeaderOptions,
        /// Write into this directory instead of the repository
        ///
        /// Doubtful facts in the source, such as private calls or gaps, are then warnings.
        /// abis.toml, absent.toml and functions.toml are read from this directory if they are
        /// there.
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
        /// Exit with status 1 if there are warnings
        #[arg(long, requires = "tables")]
        strict: bool,
        /// Import only this table; may be repeated
        ///
        /// A file in tables/linux without its ending: x86_64, asm-generic, …, prototypes, errno,
        /// uapi, lookup.
        #[arg(long, value_name = "TABLE")]
        only: Vec<String>,
    },
    /// Rebuild tables/history.toml: which release added or removed each call
    ///
    /// The file is built from these trees alone, so give a tree of every release that it has. An
    /// `import` into the repository adds the new release by itself.
    #[command(after_help = "\
Examples:
  cargo codegen history ~/src/releases/*              \
a kernel tree of each release; the newest is that of the tables
  cargo codegen history ~/src/releases/* ~/src/linux  \
the newest one is in another directory")]
    History {
        /// Kernel source trees, one per release, in any order
        #[arg(value_name = "DIR", required = true)]
        trees: Vec<PathBuf>,
    },
    Diff(compare::Diff),
    Check(compare::Check),
    /// Print the system calls of every ABI as TSV, JSON, C, Markdown or HTML
    ///
    /// Numbers are those that user space loads into the register, base included.
    #[command(
        after_help = EXPORT_EXAMPLES,
        after_long_help =
            format!("{EXPORT_EXAMPLES}\n\n{}\n\n{}", export::COLUMNS, export::SCHEMA)
    )]
    Export {
        /// The format
        format: Format,
        /// Only this ABI; may be repeated
        #[arg(long, value_name = "ABI")]
        abi: Vec<String>,
        /// Read the imported tables from this directory
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
        /// Include names that only headers define: aliases, private calls of ARM
        #[arg(long)]
        header_names: bool,
        /// TSV: include removed calls, with the last release that had them
        #[arg(long)]
        removed: bool,
    },
    /// Trace a system call to its kernel function
    ///
    /// Shows the instruction, the kernel's labels, the table, the entry point and the prototype.
    #[command(after_help = "\
Examples:
  cargo codegen explain io_submit                  its number and entry point on every ABI
  cargo codegen explain 209 --abi x86_64           its path through the kernel
  cargo codegen explain 0x40000220 --abi x32
  cargo codegen explain 437 --abi 0xc00000b7       the call of a seccomp event, by its arch
  cargo codegen explain openat2 --kernel 5.10      which ABIs of that release have it")]
    Explain {
        /// The name or the number of a system call
        ///
        /// A name can also be a macro, `__NR_openat` or `SYS_openat`, or a function of the kernel,
        /// `sys_openat` or `__x64_sys_openat`. A number is decimal, or hexadecimal after 0x; below
        /// the base of the ABI it is a number of the kernel's table.
        #[arg(value_name = "NAME|NUMBER")]
        call: String,
        /// Show the whole path on this ABI; may be repeated
        ///
        /// Without it, there is one line per ABI. ABI can also be the `arch` of a seccomp or audit
        /// event, an AUDIT_ARCH value such as 0xc00000b7: decimal, hexadecimal after 0x, or as
        /// eight hexadecimal digits. Of several ABIs with that value, the call's number decides.
        #[arg(long, value_name = "ABI")]
        abi: Vec<String>,
        /// Show number, name, since and until for this release, from the history
        ///
        /// With --abi, the exit status is 1 if the release does not have the call on the ABI.
        #[arg(long, value_name = "VERSION")]
        kernel: Option<Version>,
        /// Read the imported tables from this directory
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
    },
    /// Report which system calls a seccomp profile does not know
    ///
    /// For each architecture of the profile of a container engine: the calls that it does not name,
    /// which of them are newer than the newest call that it names, and what they return. A program
    /// that gets EPERM for a newer call does not fall back to an older one, as it does with ENOSYS.
    /// Names that no kernel has ever had are reported, too. The exit status is 1 if there is such a
    /// name, if newer calls are refused with anything but ENOSYS, or if libseccomp does not resolve
    /// a call of the profile.
    ///
    /// On a machine whose architecture the profile does not map, libseccomp filters programs of
    /// that architecture alone, and kills others; --abi reports on it.
    ///
    /// JSON is {mend, profile, kernel, newest, unknown_names, unknown_architectures, unmapped,
    /// absent, abis}. `mend` is true if the exit status is 1; `kernel` is that of --kernel or null;
    /// `newest` is {name, since} or null. Each of the unknown ones is {word, line, near}.
    /// `unmapped` has the ABIs that the profile does not map, `absent` those of the profile that
    /// the kernel does not have. Each of `abis` is {abi, architectures, linux, default, calls,
    /// reserved, known, newer, older, private, named, shared, unclear, before, above, unresolved};
    /// `calls` is how many the kernel has, `reserved` how many numbers without a call, `known` how
    /// many the profile knows. Each of `newer`, `older`, `private` and `unclear` is {number, name,
    /// since}; `private` has those that are not mainline's, of which `since` is null, and `unclear`
    /// those of which it is not known whether the kernel has them. `named` has the names of
    /// `private` that the profile has, in vain: libseccomp has no such number for them. Each of
    /// `shared` is {number, name, mainline}: a call that is not mainline's, with the number of a
    /// call that the profile knows. Each of `before` is {kernel, names}: names that the profile
    /// knows from that kernel on. `above` is how many it does not know with a number above all of
    /// its own. `unresolved` has texts, or is null without --libseccomp. Keys may be added; none
    /// will change its meaning.
    #[command(after_help = "\
Examples:
  cargo codegen profile /usr/share/containers/seccomp.json
  cargo codegen profile default.json --kernel 6.12  the calls of that release
  cargo codegen profile default.json --libseccomp libseccomp/src/syscalls.csv
  cargo codegen profile config.json --abi aarch64  a container that maps no architecture
  cargo codegen profile default.json --tables /tmp/vendor  the calls of an imported tree
  cargo codegen profile default.json --json | jq '.abis[] | {abi, new: [.newer[].name]}'")]
    Profile {
        /// The profile: JSON of Docker, Podman or OCI, or a `config.json` with one
        #[arg(value_name = "FILE")]
        profile: PathBuf,
        /// The table of a libseccomp: src/syscalls.csv in its source
        #[arg(long, value_name = "FILE")]
        libseccomp: Option<PathBuf>,
        /// Report on this ABI alone, mapped or not; may be repeated
        ///
        /// Without it, the report is on those of the profile or, if it has none, on that of this
        /// machine.
        #[arg(long, value_name = "ABI")]
        abi: Vec<String>,
        /// Report on the calls and the ABIs of this release, from the history
        ///
        /// Not counted are names that later releases removed, and numbers that are reserved today.
        #[arg(long, value_name = "VERSION")]
        kernel: Option<Version>,
        /// Report on the calls of the imported tables in this directory
        ///
        /// They are those of any kernel, a vendor's too; `import` writes them.
        #[arg(long, value_name = "DIR", conflicts_with = "kernel")]
        tables: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the checked-in bindings, or print the code for one ABI
    ///
    /// The bindings are in aio-sys/src/generated. The tables of ABIs in README.md and docs/abis.md
    /// and the example of explain in codegen/README.md are written, too.
    #[command(after_help = "\
Examples:
  cargo codegen emit               write the checked-in bindings
  cargo codegen emit --check       \
write nothing; exit with status 1 if a file is out of date
  cargo codegen emit --abi i386    print the bindings for i386
  cargo codegen emit c --abi sh >stubs.h
  cargo codegen emit asm --abi sh >stubs.S")]
    Emit {
        /// Print stubs for C, aio_syscall0 to aio_syscall6, instead of Rust
        #[arg(requires = "abi")]
        language: Option<Language>,
        /// Print the code for this ABI; without LANGUAGE, a module of aio-sys
        #[arg(long, value_name = "ABI")]
        abi: Option<String>,
        /// Write nothing; exit with status 1 if a file is out of date
        #[arg(long, conflicts_with = "abi")]
        check: bool,
        /// Read the imported tables from this directory
        #[arg(long, value_name = "DIR")]
        tables: Option<PathBuf>,
    },
    /// Print the completions of a shell
    ///
    /// They are for `aio-codegen`, the name of the tool when it is installed.
    #[command(after_help = "\
Examples:
  cargo codegen completions bash > ~/.local/share/bash-completion/completions/aio-codegen
  cargo codegen completions zsh > ~/.zfunc/_aio-codegen    where fpath has ~/.zfunc
  cargo codegen completions fish > ~/.config/fish/completions/aio-codegen.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man pages of `aio-codegen` and of its subcommands
    #[command(after_help = "\
Examples:
  cargo codegen man | man -l -
  cargo codegen man ~/.local/share/man/man1    aio-codegen.1, aio-codegen-diff.1, ...")]
    Man {
        /// Write them into this directory, one file each
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

// Facts about installed headers, for `import` and `check`. Clap would print a doc comment, and what
// is required is not if it conflicts with another argument, as --headers does with --linux.
#[derive(Args)]
struct HeaderOptions {
    /// The kernel's name of the headers' architecture
    ///
    /// Needed if the path does not show it.
    #[arg(long, value_name = "ARCH", requires = "headers", conflicts_with = "linux")]
    arch: Option<String>,
    /// The kernel version of the headers, such as 6.12 or 7.2.13
    ///
    /// Needed if there is no linux/version.h.
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
    /// A header: inline assembly, or with AIO_SYSCALL_EXTERN declarations
    C,
    /// A .S file with the same functions, for the C calling convention
    Asm,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One line per call: abi, number, name, entry, compat entry, since, until
    Tsv,
    /// One document; --help describes its keys
    Json,
    /// A C header: AIO_SYS_NR_<abi>_<name>, for one --abi also __NR_<name>
    C,
    /// A table: names and ABIs, or for one --abi its calls and entry points
    Markdown,
    /// A self-contained page with a search
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
        Err(mut answer) => {
            add_tip(&mut answer);
            match ignore_broken_pipe(answer.print()) {
                Ok(()) => return ExitCode::from(answer.exit_code() as u8),
                Err(error) => Err(error),
            }
        }
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

/// Adds a tip to clap's message about an unexpected word that names an ABI.
fn add_tip(answer: &mut clap::Error) {
    let abi = [ContextKind::InvalidArg, ContextKind::InvalidValue].iter().find_map(|kind| {
        let Some(ContextValue::String(word)) = answer.get(*kind) else { return None };
        Tables::embedded().is_ok_and(|tables| tables.abi_called(word).is_some()).then_some(word)
    });
    if let Some(abi) = abi {
        let tip = StyledStr::from(format!("to choose this ABI, use '--abi {abi}'"));
        answer.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
}

fn run_subcommand(subcommand: Subcommands) -> Result<Outcome, Error> {
    match subcommand {
        Subcommands::Import { linux, headers, options, tables, strict, only } => {
            if linux.is_none() && headers.is_empty() {
                return Err(Error::plain(NO_SOURCE));
            }
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
            if committed {
                store::check_not_older(&directory, &source, &only)?;
            }
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
            let new = files.iter().all(|(name, _)| !directory.join(name).exists());
            let written = report(&directory, &files)?;
            let whole_tree = only.is_empty() && !source.is_installed();
            if !committed && whole_tree {
                for left in store::left_over(&directory, &files) {
                    let left = left.display();
                    to_stderr(format_args!(
                        "{left} is from an earlier import, and this one has no such table; delete \
                         the file if the directory is for this kernel alone"
                    ));
                }
            }
            for line in summary {
                to_stderr(line);
            }
            let unknown = match whole_tree {
                true => import::unknown_archs(&source, &facts)?,
                false => Vec::new(),
            };
            if !unknown.is_empty() {
                let archs = unknown.join(", ");
                to_stderr(format_args!(
                    "not read, since this project does not have their ABIs: {archs}"
                ));
            }
            let missing = match whole_tree {
                true => import::missing_abis(&source, &facts)?,
                false => None,
            };
            if let Some((linux, missing)) = missing {
                let missing = missing.join(", ");
                to_stderr(format_args!(
                    "Linux {linux} also has, and this tree does not: {missing}"
                ));
            }
            to_stderr(match new {
                true => format!("{} written", counted(written, "file")),
                false => format!("{written} of {} changed", counted(files.len(), "file")),
            });
            if let Some(warnings) = findings.summary() {
                to_stderr(warnings);
                return Ok(Outcome::differs(strict));
            }
        }
        Subcommands::History { trees } => {
            let root = store::writable("run this in a checkout")?;
            let facts = store::committed()?;
            let known = facts.history()?.releases.len();
            if trees.len() < known {
                let given = counted(trees.len(), "tree");
                return Err(Error::plain(format!(
                    "{given} for the {known} releases in tables/history.toml; give a tree of each \
                     release, or delete the file first"
                )));
            }
            let mut kernels = Vec::new();
            for tree in trees {
                let source = Source::open(tree);
                let files = import::numbers(&source, &facts, &[], &Findings::lenient())?;
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
            let abis = find_abis_of(&tables, &names, &call)?;
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
        Subcommands::Profile { profile, libseccomp, abi, kernel, tables, json } => {
            let profile = Input::read(&profile)?;
            let libseccomp = libseccomp.as_deref().map(Input::read).transpose()?;
            let tables = store::chosen(tables)?;
            let abis = find_abis(&tables, &abi)?;
            let committed = store::with_records(&tables)?;
            let (libseccomp, kernel) = (libseccomp.as_ref(), kernel.as_ref());
            let committed = committed.as_ref();
            let request = Request { libseccomp, abis: &abis, committed, kernel, json };
            let (text, mend) = report_on(&tables, &profile, &request)?;
            print(&text)?;
            return Ok(Outcome::differs(mend));
        }
        Subcommands::Emit { language, abi: Some(name), tables, .. } => {
            let tables = store::chosen(tables)?;
            let abi = find_abi(&tables, &name, "")?;
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
    find_abis_of(tables, names, "")
}

/// The same for a call: an AUDIT_ARCH value may be that of several ABIs, and the call's number
/// decides.
fn find_abis_of<'t>(
    tables: &'t Tables,
    names: &[String],
    call: &str,
) -> Result<Vec<&'t Abi>, Error> {
    names.iter().map(|name| find_abi(tables, name, call)).collect()
}

/// The ABI that the user named, by a name or by its AUDIT_ARCH value.
fn find_abi<'t>(tables: &'t Tables, name: &str, call: &str) -> Result<&'t Abi, Error> {
    if let Some(abi) = tables.abi_called(name) {
        return Ok(abi);
    }
    // The kernel's log has `arch=` and eight hexadecimal digits.
    let name = name.strip_prefix("arch=").unwrap_or(name);
    let logged = || u32::from_str_radix(name, 16).ok().filter(|_| name.len() == 8);
    let arch = explain::number(name).ok();
    for arch in arch.into_iter().chain(logged()) {
        if let Some(abi) = tables.abi_of_audit(arch, explain::number(call).unwrap_or(0))? {
            return Ok(abi);
        }
    }
    let near = tables.abi_near(name).map(|near| format!(" (did you mean `{near}`?)"));
    let own: Vec<&str> = tables.abis.iter().map(|abi| abi.name.as_str()).collect();
    let (near, own) = (near.unwrap_or_default(), own.join(", "));
    let what = format!("unknown ABI `{name}`{near}; expected an AUDIT_ARCH value or one of {own}");
    Err(Error::argument("--abi", what))
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

    /// What `-h` prints: a terminal of 100 columns has room for it beside the longest option.
    #[test]
    fn each_option_is_one_line_of_help() {
        let mut command = Cli::command();
        command.build();
        for subcommand in command.get_subcommands() {
            let values = |arg: &clap::Arg| {
                let values = arg.get_possible_values();
                values.iter().filter_map(|value| value.get_help().cloned()).collect::<Vec<_>>()
            };
            let args = subcommand.get_arguments().flat_map(|arg| {
                arg.get_help().cloned().into_iter().chain(values(arg)).collect::<Vec<_>>()
            });
            for help in subcommand.get_about().cloned().into_iter().chain(args) {
                let help = help.to_string();
                let name = subcommand.get_name();
                assert!(help.chars().count() <= 72, "{name}: {help}");
                assert!(!help.is_empty() && !help.ends_with('.'), "{name}: {help}");
            }
        }
    }

    #[test]
    fn each_subcommand_shows_valid_examples() {
        let mut command = Cli::command().disable_help_subcommand(true);
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
