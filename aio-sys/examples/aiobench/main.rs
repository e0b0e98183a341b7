//! `aiobench FILE` measures random reads by native AIO: how many a second, and how long each takes.
//!
//! ```text
//! cargo run --release -p aio-sys --example aiobench -- FILE
//! ```
//!
//! `--help` lists the options. It is meant as a model of a loop that keeps a disk busy:
//!
//! - [`load::run`] keeps requests in flight, and allocates nothing meanwhile;
//! - [`options::Options`] reads the command line;
//! - [`histogram::Histogram`] counts times in buckets, and draws them.

#[path = "../common/mod.rs"]
mod common;
mod histogram;
mod load;
mod options;

use common::reason;
use load::{Input, Outcome};
use options::{Command, Options};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

const USAGE: &str = "usage: aiobench [--depth N,…] [--batch N] [--block SIZE] [--seconds N] \
    [--direct|--buffered] [--seed N] FILE";
const HELP: &str = "
Reads blocks at random places of FILE, a regular file or a block device, by Linux native AIO.
Nothing is written.

  --depth N,…   requests in flight, one run for each number      [1,32,128]
  --batch N     requests submitted by one call at most           [1]
  --block SIZE  bytes of a read; 4k, 1m                          [4k]
  --seconds N   how long each run takes                          [5]
  --direct      past the page cache, with O_DIRECT               [this]
  --buffered    through the page cache
  --seed N      where the places begin; the same are the same    [1]

Each run reports on standard output: reads a second, and latencies, from before a request is
submitted until its completion is seen. A percentile is exact to 2 %. The bars show how many reads
took so long. A line that begins with 'result' is for scripts: KEY=VALUE, separated by spaces; times
are in microseconds.

The state of things is on standard error if that is a terminal. Colours and fine bars are for
terminals, without NO_COLOR.
An interruption (Ctrl-C) ends the measurement, and what was measured so far is reported.
Exit status: 0 measured, 1 failed, 2 wrong usage; it dies of the signal that interrupts it.";

/// A failure is a sentence for the user.
type Result<T> = std::result::Result<T, String>;

/// The signal that has come, or 0.
static STOP: AtomicI32 = AtomicI32::new(0);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => return finish(write(&format!("{USAGE}\n{HELP}\n"))),
        Err(sentence) => return complain(2, &format!("{sentence}; {USAGE}")),
    };
    for signal in [libc::SIGINT, libc::SIGTERM] {
        on_signal(signal);
    }
    finish(measure(&options))
}

/// One run after the other.
fn measure(options: &Options) -> Result<()> {
    let input = Input::open(options)?;
    for &depth in &options.depths {
        let outcome = load::run(&input, options, depth)?;
        write(&report(&input, options, depth.get(), &outcome))?;
        if STOP.load(Relaxed) != 0 {
            break;
        }
    }
    Ok(())
}

/// What a run has found out, for people and for scripts.
fn report(input: &Input, options: &Options, depth: u32, outcome: &Outcome) -> String {
    let (seconds, latencies) = (outcome.elapsed.as_secs_f64(), &outcome.latencies);
    let (reads, block) = (latencies.count(), options.block);
    // Nothing was measured if it was interrupted at once.
    let per_second = |amount: f64| if reads == 0 { 0.0 } else { amount / seconds };
    let iops = per_second(reads as f64);
    let mib = iops * block as f64 / f64::from(1 << 20);
    let times = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)]
        .map(|(name, part)| (name, latencies.quantile(part)));
    let words = times.map(|(name, nanos)| format!("{name} {}", histogram::human(nanos))).join(", ");
    let fancy = io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mode = if input.direct { "direct" } else { "buffered" };
    let pairs = times.map(|(name, nanos)| format!("{name}_us={:.3}", nanos as f64 / 1e3)).join(" ");
    format!(
        "depth {depth}: {iops:.0} IOPS, {mib:.1} MiB/s; {words}\n{}\
         result depth={depth} block={block} mode={mode} seed={} seconds={seconds:.3} \
         reads={reads} calls={} iops={iops:.0} mib_per_s={mib:.2} {pairs}\n",
        latencies.draw(fancy),
        options.seed,
        outcome.batches,
    )
}

fn write(text: &str) -> Result<()> {
    let written = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    written.map_err(|error| format!("cannot write to standard output: {}", reason(&error)))
}

/// The exit status, or the signal that ended it.
fn finish(result: Result<()>) -> ExitCode {
    match (result, STOP.load(Relaxed)) {
        (Err(sentence), _) => complain(1, &sentence),
        (Ok(()), 0) => ExitCode::SUCCESS,
        (Ok(()), signal) => {
            // SAFETY: it ends the process: the signal's action is the default again since it came.
            unsafe { libc::raise(signal) };
            ExitCode::FAILURE
        }
    }
}

/// Not `eprintln!`, which panics if standard error takes nothing.
fn complain(status: u8, sentence: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "aiobench: {sentence}");
    ExitCode::from(status)
}

/// `cannot read "PATH": REASON`.
fn cannot_read(path: &Path, reason: impl Display) -> String {
    format!("cannot read {path:?}: {reason}")
}

/// Has `stop` handle a signal the first time; the second time it kills. One that is ignored stays
/// so.
fn on_signal(signal: i32) {
    // SAFETY: zeros are a valid `sigaction`: no flags, no signals masked, the default action.
    let (mut action, mut old): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    action.sa_sigaction = stop as extern "C" fn(i32) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESETHAND;
    // SAFETY: both are valid `sigaction`s, and `stop` calls nothing.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), &mut old);
        if old.sa_sigaction != libc::SIG_IGN {
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

extern "C" fn stop(signal: i32) {
    STOP.store(signal, Relaxed);
}
