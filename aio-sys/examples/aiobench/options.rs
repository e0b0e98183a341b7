//! The command line.

use crate::Result;
use std::ffi::{OsStr, OsString};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

/// What it asks for.
pub enum Command {
    Run(Options),
    Help,
}

pub struct Options {
    pub path: PathBuf,
    pub depths: Vec<NonZeroU32>,
    /// Requests that are submitted by one call at most.
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
    pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Command> {
        let mut options = Options {
            path: PathBuf::new(),
            depths: [1, 32, 128].into_iter().filter_map(NonZeroU32::new).collect(),
            batch: NonZeroU32::MIN,
            block: 4096,
            time: Duration::from_secs(5),
            direct: true,
            seed: 1,
        };
        let (mut paths, mut more) = (Vec::new(), true);
        let mut args = args;
        while let Some(arg) = args.next() {
            // `--name value` or `--name=value`
            let bytes = arg.as_bytes();
            let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
                Some(at) => (&bytes[..at], Some(OsStr::from_bytes(&bytes[at + 1..]).to_owned())),
                None => (bytes, None),
            };
            match name {
                b"--" if more && value.is_none() => more = false,
                b"--help" | b"-h" if more && value.is_none() => return Ok(Command::Help),
                b"--direct" if more && value.is_none() => options.direct = true,
                b"--buffered" if more && value.is_none() => options.direct = false,
                b"--depth" | b"--batch" | b"--block" | b"--seconds" | b"--seed" if more => {
                    let name = String::from_utf8_lossy(name).into_owned();
                    let value = value
                        .or_else(|| args.next())
                        .ok_or_else(|| format!("{name} needs a value"))?;
                    options.set(&name, &value)?;
                }
                [b'-', _, ..] if more => return Err(format!("unknown option {arg:?}")),
                _ => paths.push(PathBuf::from(arg)),
            }
        }
        match paths.len() {
            1 => Ok(Command::Run(Options { path: paths.remove(0), ..options })),
            given => Err(format!("one FILE is needed, {given} given")),
        }
    }

    fn set(&mut self, name: &str, value: &OsStr) -> Result<()> {
        let text = value.to_str().unwrap_or_default();
        let known = match name {
            "--depth" => text
                .split(',')
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()
                .map(|v| self.depths = v),
            "--batch" => text.parse().ok().map(|batch| self.batch = batch),
            "--block" => size(text).map(|block| self.block = block),
            "--seconds" => seconds(text).map(|time| self.time = time),
            _ => text.parse().ok().map(|seed| self.seed = seed),
        };
        known.ok_or_else(|| {
            let wanted = match name {
                "--depth" => "numbers from 1 on, separated by commas",
                "--batch" => "a number from 1 on",
                "--block" => "a multiple of 512 below 2 GiB, such as 4096, 4k or 1m",
                "--seconds" => "a number above 0, such as 5 or 0.5",
                _ => "a number from 0 on",
            };
            format!("{name} takes {wanted}, not {value:?}")
        })
    }
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
    // A year is long enough, and an `Instant` can be so far away.
    let seconds = text.parse::<f64>().ok().filter(|&seconds| seconds <= 366.0 * 86400.0)?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
}
