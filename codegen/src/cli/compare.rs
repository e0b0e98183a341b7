//! The subcommands `diff` and `check`: which sides are compared, and what is printed.

use super::print::{print, to_stderr};
use super::{HeaderOptions, Outcome, find_abis};
use crate::import::{Claims, Findings, Kind as FindingKind};
use crate::report::check as judgement;
use crate::report::diff::{self, AbiDiff, Kind, Side};
use crate::report::records::Records;
use crate::source::Source;
use crate::store::{committed, in_memory, whole, with_records};
use crate::version::Version;
use crate::{Error, Tables, import};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use std::path::{Path, PathBuf};

/// The error message of a subcommand that needs a kernel.
pub(super) const NO_SOURCE: &str = "give --linux DIR or --headers DIR";

/// Show what changed between kernels, per ABI
///
/// One source is compared with the committed tables. Of two sources, the first is the old side
/// and the second the new one. Two releases are compared by tables/history.toml, without a kernel
/// tree. Names that only headers define are marked, and so are added calls that are private or
/// that a later release of mainline brought. Exit status: 0 no difference, 1 difference found,
/// 2 error.
///
/// JSON is {differs, old, new, abis}. `old` and `new` are {kind, path}; kind is tables, linux,
/// headers or release. Each of `abis` is {abi, old, new, left_the_kernel, entries_compared,
/// unread, changes}; `old` and `new` are {linux, source}, or null if that side does not have the
/// ABI; `unread` says why an ABI that it has is not read, or is null.
/// Each of `changes` is {change, header_name, mainline, old, new}; change is added, removed,
/// renumbered, renamed, entry or compat; header_name is true for a name that only headers define;
/// `mainline` is private for an added call that no release has, the release for one that a later
/// one brought, and else null; `old` and `new` are {number, name, entry, compat} or null. Keys may
/// be added; none will change its meaning.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  cargo codegen diff --linux ~/src/linux                      \
what an import of that kernel would change
  cargo codegen diff --linux ~/src/linux-6.12 --linux ~/src/linux
  cargo codegen diff 5.10 6.12                                \
what the releases after 5.10 changed, up to 6.12
  cargo codegen diff 6.1 --linux ~/src/vendor-6.1             \
what a vendor and stable updates changed in 6.1
  cargo codegen diff --headers /usr/include/x86_64-linux-gnu  \
which system calls the installed headers do not have
  cargo codegen diff --tables /tmp/old --tables tables --abi x86_64 --abi i386
  cargo codegen diff --linux ~/src/linux --json | jq '.abis[] | select(.abi == \"x32\").changes'"
)]
pub(super) struct Diff {
    /// Two releases, the older one first, or one and a source
    #[arg(value_name = "RELEASE", num_args = 1..=2)]
    releases: Vec<Version>,
    #[command(flatten)]
    sources: Sources,
    /// The kernel's name of the headers' architecture
    #[arg(long, value_name = "ARCH", requires = "headers")]
    arch: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Compare only this ABI; may be repeated
    #[arg(long, value_name = "ABI")]
    abi: Vec<String>,
}

/// Check the committed tables against a kernel of any version
///
/// A number or a name that differs is an error, unless tables/history.toml has it for the release
/// of that kernel. If the history does not cover the release, a name that is missing on one side
/// is an error unless the kernel of that side is older. Another entry point is an error between
/// equal versions, and so is a table of the source that cannot be read. Everything else is a note.
/// Exit status: 0 no errors, 1 errors found, 2 nothing of a source can be read.
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
    /// The kernel source tree
    #[arg(long, value_name = "DIR", conflicts_with = "headers")]
    linux: Option<PathBuf>,
    /// A directory of installed headers, as for `import`; may be repeated
    ///
    /// Only the ABIs of the headers are checked.
    #[arg(long, value_name = "DIR")]
    headers: Vec<PathBuf>,
    #[command(flatten)]
    options: HeaderOptions,
    /// Check the imported tables in this directory
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Check only this ABI; may be repeated
    #[arg(long, value_name = "ABI")]
    abi: Vec<String>,
}

pub(super) fn diff(args: Diff) -> Result<Outcome, Error> {
    let Sources(sources) = args.sources;
    if !matches!((args.releases.len(), sources.len()), (2, 0) | (1, 1) | (0, 1 | 2)) {
        return Err(Error::plain(
            "give two releases, a release and a source, or one or two sources; a source is \
             --linux, --headers or --tables, each with a directory",
        ));
    }
    let side = |(kind, directory): (Kind, PathBuf)| {
        Ok(match kind {
            Kind::Tables => tables(&directory)?,
            Kind::Linux => SideInput::Linux(Source::open(directory)),
            Kind::Release => unreachable!("no option has this kind"),
            Kind::Headers => {
                let claims = Claims { arch: args.arch.clone(), linux: None };
                SideInput::Headers(Source::headers(&[directory])?, claims)
            }
        })
    };
    let releases = args.releases.into_iter().map(|linux| Ok(SideInput::Release(linux)));
    let sides: Vec<_> = releases.chain(sources.into_iter().map(side)).collect::<Result<_, _>>()?;
    let mut sides = sides.into_iter();
    let (old, new) = match (sides.next(), sides.next()) {
        (Some(old), Some(new)) => (old, new),
        (Some(new), None) => (committed_side()?, new),
        (None, _) => unreachable!("there is a release or a source"),
    };
    report(compare_sides(old, new, &args.abi, args.json)?)
}

pub(super) fn check(args: Check) -> Result<Outcome, Error> {
    let theirs = match args.linux {
        Some(directory) => SideInput::Linux(Source::open(directory)),
        None if args.headers.is_empty() => {
            return Err(Error::plain(NO_SOURCE));
        }
        None => SideInput::Headers(Source::headers(&args.headers)?, args.options.claims()),
    };
    let ours = args.tables.map_or_else(committed_side, |directory| tables(&directory))?;
    report(check_sides(ours, theirs, &args.abi)?)
}

fn report(comparison: Comparison) -> Result<Outcome, Error> {
    comparison.warnings.iter().for_each(to_stderr);
    print(&comparison.text)?;
    Ok(Outcome::differs(comparison.differs))
}

/// A side of a comparison, before it is compared.
pub enum SideInput {
    /// Imported tables, and their name in messages.
    Tables(String, Box<Tables>),
    /// A kernel tree.
    Linux(Source),
    /// Installed headers, and the user's facts about them.
    Headers(Source, Claims),
    /// A release from the history of the committed tables.
    Release(Version),
}

/// What a subcommand prints, in colour, and whether it found a difference.
#[derive(Debug)]
pub struct Comparison {
    /// For standard output.
    pub text: String,
    /// Whether the exit status is 1.
    pub differs: bool,
    /// For standard error: doubtful findings in a tree or in headers.
    pub warnings: Vec<String>,
}

/// Compares two sides for `diff`: the ABIs named in `only`, or all of them.
///
/// # Errors
/// A side cannot be read, or has none of these ABIs.
pub fn compare_sides(
    old: SideInput,
    new: SideInput,
    only: &[String],
    json: bool,
) -> Result<Comparison, Error> {
    let mut warnings = Vec::new();
    let ((old, _), (new, _)) = (side(old, only, &mut warnings)?, side(new, only, &mut warnings)?);
    let found = compare(&old, &new, only)?;
    let differs = found.iter().any(AbiDiff::differs);
    let dated = with_records(&new.facts)?;
    let records = Records::new(dated.as_ref().unwrap_or(&new.facts))?;
    let text = if json { diff::json } else { diff::text };
    Ok(Comparison { text: text(&old, &new, &found, &records), differs, warnings })
}

/// Checks our tables against another side for `check`.
///
/// # Errors
/// Same as [`compare_sides`].
pub fn check_sides(
    ours: SideInput,
    theirs: SideInput,
    only: &[String],
) -> Result<Comparison, Error> {
    let mut warnings = Vec::new();
    let (ours, _) = side(ours, only, &mut warnings)?;
    let (theirs, left_out) = side(theirs, only, &mut warnings)?;
    let found = compare(&ours, &theirs, only)?;
    if !found.iter().any(|diff| diff.old.is_some() && diff.new.is_some()) {
        return Err(nothing(&ours, &theirs));
    }
    let dated = with_records(&ours.facts)?;
    let records = Records::new(dated.as_ref().unwrap_or(&ours.facts))?;
    let findings = judgement::judge(&ours, &theirs, &found, &records);
    let text = judgement::text(&theirs, &found, &findings, left_out);
    let differs = left_out || findings.iter().any(|finding| finding.error);
    Ok(Comparison { text, differs, warnings })
}

fn compare<'t>(old: &'t Side, new: &'t Side, only: &[String]) -> Result<Vec<AbiDiff<'t>>, Error> {
    let only = find_abis(&old.facts, only)?;
    let found = diff::compare(old, new, &only);
    if found.is_empty() {
        return Err(nothing(old, new));
    }
    Ok(found)
}

fn nothing(old: &Side, new: &Side) -> Error {
    let what = format!("has none of the ABIs to compare with {}", old.shown);
    Error::in_file(&new.shown, what)
}

fn committed_side() -> Result<SideInput, Error> {
    Ok(SideInput::Tables("tables/linux".to_owned(), committed()?.into()))
}

fn tables(directory: &Path) -> Result<SideInput, Error> {
    Ok(SideInput::Tables(directory.display().to_string(), whole(directory)?.into()))
}

/// Reads a side, of a kernel tree only what the ABIs in `only` need, unless it is empty. The
/// comparison shows its gaps. Also returns whether ABIs were left out that could not be read.
fn side(
    given: SideInput,
    only: &[String],
    warnings: &mut Vec<String>,
) -> Result<(Side, bool), Error> {
    let (facts, findings) = (Tables::embedded()?, Findings::lenient());
    let (source, files) = match given {
        SideInput::Tables(shown, tables) => return Ok((Side::tables(shown, *tables)?, false)),
        SideInput::Release(linux) => {
            let files = import::history::release(&committed()?, &linux)?;
            let tables = in_memory(&format!("Linux {linux}"), &files)?;
            return Ok((Side::release(&linux, tables)?, false));
        }
        SideInput::Linux(source) => {
            let abis = find_abis(&facts, only)?.into_iter();
            let tables: Vec<String> = abis.map(|abi| abi.table.clone()).collect();
            let files = import::numbers(&source, &facts, &tables, &findings)?;
            (source, files)
        }
        SideInput::Headers(source, claims) => {
            let files = import::headers(&source, &claims, &facts, &findings)?;
            (source, files)
        }
    };
    warnings.extend(findings.lines());
    warnings.extend(findings.summary());
    let left_out = findings.warnings().iter().any(|(kind, _)| *kind == FindingKind::LeftOut);
    let tables = in_memory(source.shown(), &files)?;
    Ok((Side::imported(source, tables)?, left_out))
}

/// The sources of `diff`, in the order of the command line, whichever options they are
/// given with.
struct Sources(Vec<(Kind, PathBuf)>);

const SOURCES: [(Kind, &str); 3] = [
    (Kind::Linux, "A kernel source tree"),
    (Kind::Headers, "A directory of installed headers; only its ABIs are compared"),
    (Kind::Tables, "A directory of imported tables"),
];

impl Args for Sources {
    fn augment_args(command: Command) -> Command {
        let arg = |(kind, help): (Kind, &'static str)| {
            let arg = Arg::new(kind.word()).long(kind.word()).value_name("DIR").help(help);
            arg.action(ArgAction::Append).value_parser(value_parser!(PathBuf))
        };
        command.args(SOURCES.map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Sources {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Sources, clap::Error> {
        let mut found = Vec::new();
        for (kind, _) in SOURCES {
            let directories =
                matches.get_many::<PathBuf>(kind.word()).into_iter().flatten().cloned();
            let places = matches.indices_of(kind.word()).into_iter().flatten();
            found.extend(places.zip(directories.map(|directory| (kind, directory))));
        }
        found.sort_by_key(|(place, _)| *place);
        Ok(Sources(found.into_iter().map(|(_, source)| source).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Sources::from_arg_matches(matches)?;
        Ok(())
    }
}
