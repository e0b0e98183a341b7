//! The verbs `diff` and `check`: which sides are compared, and what is said of them.

use super::{Outcome, abi, print};
use crate::report::check as judgement;
use crate::report::diff::{self, AbiDiff, Kind, Side};
use crate::store::{committed, in_memory, whole};
use crate::{Error, Tables, import};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches, value_parser};
use std::path::{Path, PathBuf};

/// Print what was added, removed, renumbered, renamed, or got another entry point, ABI by ABI
///
/// One source is compared with the committed tables; of two, the first is the old side and
/// the second the new one. Names that only headers define are marked. The exit status is 0
/// if nothing differs, 1 if something does, 2 if a source could not be read.
///
/// JSON is {differs, old, new, abis}; `old` and `new` are {kind, path}, kind being tables,
/// linux or headers. Each of `abis` is {abi, old, new, left_the_kernel, entries_compared,
/// changes}; `old` and `new` are {linux, source}, or null where that side lacks the ABI.
/// Each of `changes` is {change, header_name, old, new}; change is added, removed,
/// renumbered, renamed, entry or compat; header_name tells a name that only headers define;
/// `old` and `new` are {number, name, entry, compat} or null. Keys may be added in time, and
/// none will change its meaning.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  cargo codegen diff --linux ~/src/linux                      what an import of that kernel would change
  cargo codegen diff --linux ~/src/linux-6.12 --linux ~/src/linux
  cargo codegen diff --headers /usr/include/x86_64-linux-gnu  which calls this machine's C programs lack
  cargo codegen diff --tables /tmp/old --tables tables --abi x86_64 --abi i386
  cargo codegen diff --linux ~/src/linux --json | jq '.abis[] | select(.abi == \"x32\").changes'"
)]
pub(super) struct Diff {
    #[command(flatten)]
    sources: Sources,
    /// The kernel's name of the headers' architecture, where the path does not tell.
    #[arg(long, value_name = "ARCH", requires = "headers")]
    arch: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Compare this ABI only; may be repeated.
    #[arg(long, value_name = "ABI")]
    abi: Vec<String>,
}

/// Hold the committed tables against a kernel of any version
///
/// Another number or another name is an error. A name that one side lacks is an error unless
/// the kernel of that side is older, and another entry point is one between equal versions;
/// else they are notes. The exit status is 0 without errors, 1 with some, 2 if a source could
/// not be read.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  cargo codegen check --linux ~/src/linux
  cargo codegen check --headers /usr/include/x86_64-linux-gnu
  cargo codegen check --linux ~/src/linux --tables /tmp/new --abi riscv64"
)]
pub(super) struct Check {
    /// The kernel source tree.
    #[arg(long, value_name = "DIR", conflicts_with = "headers")]
    linux: Option<PathBuf>,
    /// Installed headers, as `import` takes them; only the ABIs that they are for are checked.
    #[arg(long, value_name = "DIR")]
    headers: Option<PathBuf>,
    /// The kernel's name of the headers' architecture, where the path does not tell.
    #[arg(long, value_name = "ARCH", requires = "headers")]
    arch: Option<String>,
    /// Check the imported tables of this folder instead of the committed ones.
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Check this ABI only; may be repeated.
    #[arg(long, value_name = "ABI")]
    abi: Vec<String>,
}

pub(super) fn diff(args: Diff) -> Result<Outcome, Error> {
    let Sources { first, second } = args.sources;
    let side = |(kind, folder): (Kind, PathBuf)| side(kind, &folder, args.arch.as_deref());
    let (old, new) = match second {
        Some(second) => (side(first)?, side(second)?),
        None => (committed_side()?, side(first)?),
    };
    let found = compare(&old, &new, &args.abi)?;
    print(&if args.json {
        diff::json(&old, &new, &found)
    } else {
        diff::text(&old, &new, &found)
    })?;
    Ok(Outcome::differs(found.iter().any(AbiDiff::differs)))
}

pub(super) fn check(args: Check) -> Result<Outcome, Error> {
    let theirs = match (&args.linux, &args.headers) {
        (Some(folder), _) => side(Kind::Linux, folder, None)?,
        (None, Some(folder)) => side(Kind::Headers, folder, args.arch.as_deref())?,
        (None, None) => return Err(Error::plain("give --linux DIR or --headers DIR")),
    };
    let ours =
        args.tables.map_or_else(committed_side, |folder| side(Kind::Tables, &folder, None))?;
    let found = compare(&ours, &theirs, &args.abi)?;
    if !found.iter().any(|diff| diff.old.is_some() && diff.new.is_some()) {
        return Err(nothing(&ours, &theirs));
    }
    let findings = judgement::judge(&ours, &theirs, &found);
    print(&judgement::text(&theirs, &found, &findings))?;
    Ok(Outcome::differs(findings.iter().any(|finding| finding.error)))
}

fn compare<'t>(old: &'t Side, new: &'t Side, only: &[String]) -> Result<Vec<AbiDiff<'t>>, Error> {
    only.iter().try_for_each(|name| abi(&old.facts, name).map(drop))?;
    let found = diff::compare(old, new, only);
    if found.is_empty() {
        return Err(nothing(old, new));
    }
    Ok(found)
}

fn nothing(old: &Side, new: &Side) -> Error {
    Error::in_file(
        &new.shown,
        format!("has none of the ABIs that are to be compared with {}", old.shown),
    )
}

fn committed_side() -> Result<Side, Error> {
    Side::new(Kind::Tables, "tables/linux".to_owned(), committed()?)
}

fn side(kind: Kind, folder: &Path, arch: Option<&str>) -> Result<Side, Error> {
    let shown = folder.display().to_string();
    let facts = Tables::embedded()?;
    let tables = match kind {
        Kind::Tables => whole(folder)?,
        Kind::Linux => in_memory(&shown, &import::numbers(folder, &facts)?)?,
        Kind::Headers => in_memory(&shown, &import::headers(folder, arch, &facts)?)?,
    };
    Side::new(kind, shown, tables)
}

/// The sources of `diff`, in the order of the command line, whichever options they are given with.
struct Sources {
    first: (Kind, PathBuf),
    second: Option<(Kind, PathBuf)>,
}

const SOURCES: [(Kind, &str); 3] = [
    (Kind::Linux, "A kernel source tree"),
    (
        Kind::Headers,
        "Installed headers, as `import` takes them; only the ABIs that they are for are compared",
    ),
    (Kind::Tables, "A folder of imported tables"),
];

impl Args for Sources {
    fn augment_args(command: Command) -> Command {
        let arg = |(kind, help): (Kind, &'static str)| {
            let arg = Arg::new(kind.word()).long(kind.word()).value_name("DIR").help(help);
            arg.action(ArgAction::Append).value_parser(value_parser!(PathBuf))
        };
        let group = ArgGroup::new("sources").args(SOURCES.map(|(kind, _)| kind.word()));
        command.args(SOURCES.map(arg)).group(group.required(true).multiple(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Sources {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Sources, clap::Error> {
        let mut found = Vec::new();
        for (kind, _) in SOURCES {
            let folders = matches.get_many::<PathBuf>(kind.word()).into_iter().flatten().cloned();
            let places = matches.indices_of(kind.word()).into_iter().flatten();
            found.extend(places.zip(folders.map(|folder| (kind, folder))));
        }
        found.sort_by_key(|(place, _)| *place);
        let mut found = found.into_iter().map(|(_, source)| source);
        match (found.next(), found.next(), found.next()) {
            (Some(first), second, None) => Ok(Sources { first, second }),
            _ => Err(clap::Error::raw(
                ErrorKind::WrongNumberOfValues,
                "one or two sources can be compared\n",
            )),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Sources::from_arg_matches(matches)?;
        Ok(())
    }
}
