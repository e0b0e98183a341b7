//! The command line.

use crate::common::Stop;
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

pub struct Options {
    pub path: PathBuf,
    pub depths: Vec<NonZeroU32>,
    /// Requests that are submitted by one system call at most.
    pub batch: NonZeroU32,
    /// A multiple of 512.
    pub block: usize,
    pub time: Duration,
    pub direct: bool,
    pub seed: u64,
}

/// Bytes of a transfer at most: `MAX_RW_COUNT` of `include/linux/fs.h`, for pages of 4 KiB.
const MAX_BLOCK: usize = 0x7fff_f000;

impl Options {
    pub fn parse(mut args: Parser) -> Result<Options, Stop> {
        let mut path = None;
        let mut options = Options {
            path: PathBuf::new(),
            depths: [1, 32, 128].into_iter().filter_map(NonZeroU32::new).collect(),
            batch: NonZeroU32::MIN,
            block: 4096,
            time: Duration::from_secs(5),
            direct: true,
            seed: 1,
        };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("direct") => options.direct = true,
                Arg::Long("buffered") => options.direct = false,
                Arg::Long("depth") => options.depths = value(&mut args, "depth", DEPTH, depths)?,
                Arg::Long("batch") => options.batch = value(&mut args, "batch", BATCH, number)?,
                Arg::Long("block") => options.block = value(&mut args, "block", BLOCK, size)?,
                Arg::Long("seconds") => options.time = value(&mut args, "seconds", TIME, seconds)?,
                Arg::Long("seed") => options.seed = value(&mut args, "seed", SEED, number)?,
                Arg::Value(file) if path.is_none() => path = Some(file),
                arg => return Err(Stop::at(arg)),
            }
        }
        let path: OsString = path.ok_or_else(|| Stop::Wrong("FILE is missing".to_owned()))?;
        Ok(Options { path: path.into(), ..options })
    }
}

const DEPTH: &str = "numbers from 1 on, separated by commas";
const BATCH: &str = "a number from 1 on";
const BLOCK: &str = "a multiple of 512 below 2 GiB, such as 4096, 4k or 1m";
const TIME: &str = "a number above 0, such as 5 or 0.5";
const SEED: &str = "a number from 0 on";

/// The value of an option, or an error that says what is expected.
fn value<T>(
    args: &mut Parser,
    name: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, Stop> {
    let value = args.value()?;
    value.to_str().and_then(parse).ok_or_else(|| {
        Stop::Wrong(format!("invalid value {value:?} of option '--{name}'; expected {expected}"))
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn depths(text: &str) -> Option<Vec<NonZeroU32>> {
    text.split(',').map(number).collect()
}

fn size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let size = digits.parse::<usize>().ok()?.checked_mul(unit)?;
    (size > 0 && size % 512 == 0 && size <= MAX_BLOCK).then_some(size)
}

fn seconds(text: &str) -> Option<Duration> {
    // At most a year, which can be added to an `Instant`.
    let seconds = text.parse::<f64>().ok().filter(|&seconds| seconds <= 366.0 * 86400.0)?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
}
