//! `aiobench FILE` measures random reads by native AIO: reads per second, and their latencies.
//!
//! ```text
//! cargo run --release -p aio-sys --example aiobench -- FILE
//! ```
//!
//! `--help` lists the options. It is meant as a model of a loop that keeps a disk busy:
//!
//! - [`load::run`] keeps requests in flight, and allocates no memory meanwhile;
//! - [`options::Options`] parses the command line;
//! - [`histogram::Histogram`] counts latencies in buckets, and draws them.

#[path = "../common/mod.rs"]
mod common;
mod histogram;
mod load;
mod options;
#[path = "../common/signal.rs"]
mod signal;

use common::{Program, Result, print};
use lexopt::Parser;
use load::{Input, Outcome};
use options::Options;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

const PROGRAM: Program = Program {
    name: "aiobench",
    usage: "[OPTION]... FILE",
    help: "\
Reads blocks at random offsets of FILE, a regular file or a block device, by Linux native AIO.
Nothing is written.

Options:
  --depth N,...  requests in flight, one run for each number      [default: 1,32,128]
  --batch N      requests submitted by one system call at most    [default: 1]
  --block SIZE   bytes of a read; 4k, 1m                          [default: 4k]
  --seconds N    duration of a run                                [default: 5]
  --direct       read with O_DIRECT, not through the page cache   [default]
  --buffered     read through the page cache
  --seed N       seed of the offsets; the same give the same      [default: 1]
  -h, --help     print this text
  -V, --version  print the version

Each run reports on standard output: reads per second, and latencies, from before a request is
submitted until its completion is seen. A percentile is exact to 2 %. The bars show how many reads
took that long. A line that begins with 'result' is for scripts: KEY=VALUE, separated by spaces;
times are in microseconds.

The progress is on standard error if that is a terminal. Colours and fine bars are for terminals
without NO_COLOR.
An interruption (Ctrl-C) ends the measurement, and what was measured so far is reported.
Exit status: 0 measured, 1 failed, 2 wrong usage; killed by the signal that interrupts it.",
};

/// The signal that has arrived, or 0.
static STOP: AtomicI32 = AtomicI32::new(0);

fn main() -> ExitCode {
    let options = match Options::parse(Parser::from_env()) {
        Ok(options) => options,
        Err(stop) => return PROGRAM.stop(stop),
    };
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: it only stores to an atomic variable.
        unsafe { signal::handle_once(signal, stop) };
    }
    let result = measure(&options);
    if result.is_ok() && STOP.load(Relaxed) != 0 {
        // SAFETY: it ends the process: the signal has its default action since it arrived.
        unsafe { libc::raise(STOP.load(Relaxed)) };
    }
    PROGRAM.end(result)
}

extern "C" fn stop(signal: i32) {
    STOP.store(signal, Relaxed);
}

/// One run after the other.
fn measure(options: &Options) -> Result<()> {
    let input = Input::open(options)?;
    for &depth in &options.depths {
        let outcome = load::run(&input, options, depth)?;
        print(report(&input, options, depth.get(), &outcome))?;
        if STOP.load(Relaxed) != 0 {
            break;
        }
    }
    Ok(())
}

/// The results of a run, for people and for scripts.
fn report(input: &Input, options: &Options, depth: u32, outcome: &Outcome) -> String {
    let (seconds, latencies) = (outcome.elapsed.as_secs_f64(), &outcome.latencies);
    let (reads, block) = (latencies.count(), options.block);
    // An interruption may come before the first read has completed.
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
