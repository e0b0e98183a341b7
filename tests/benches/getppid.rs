//! The cost of a system call that does nothing: `raw::getppid` against handwritten assembly and
//! other crates. Prints a table.
//!
//! Medians of alternating rounds in one run: `cargo bench -p aio-tests --features bench --bench
//! getppid`.

#![cfg_attr(not(target_arch = "x86_64"), allow(unused))]

use aio_tests::{median, pin, thread_time};
use std::hint::black_box;

const ROUNDS: usize = 201;
const CALLS: u32 = 2000;

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(include_str!("../assembly/x86_64.s"));

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    safe fn by_hand_getppid() -> isize;
}

/// Nanoseconds per call.
fn time<T>(call: impl Fn() -> T) -> f64 {
    let start = thread_time();
    for _ in 0..CALLS {
        black_box(call());
    }
    (thread_time() - start).as_nanos() as f64 / f64::from(CALLS)
}

macro_rules! contenders {
    ($($name:literal $call:expr;)*) => {
        [$(($name, (|| time(|| $call)) as fn() -> f64)),*]
    };
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    aio_tests::skip("the cost of getppid", "assembly by hand is of x86_64");
}

#[cfg(target_arch = "x86_64")]
fn main() {
    // SAFETY: getppid takes no argument.
    let contenders = contenders! {
        "aio_sys::raw" unsafe { aio_sys::raw::getppid() };
        "by hand, called" by_hand_getppid();
        "libc::syscall" unsafe { libc::syscall(libc::SYS_getppid) };
        "libc::getppid" unsafe { libc::getppid() };
        "syscalls" unsafe { syscalls::syscall!(syscalls::Sysno::getppid) };
        "rustix" rustix::process::getppid();
    };
    pin(0);
    let mut times = [const { Vec::new() }; 6];
    for round in 0..ROUNDS {
        // The order varies.
        for at in 0..contenders.len() {
            let at = (at + round) % contenders.len();
            times[at].push(contenders[at].1());
        }
    }
    let own = times[0].clone();
    println!(
        "ns per getppid, median of {ROUNDS} rounds of {CALLS} calls; then the median of each \
         round's ratio to aio_sys"
    );
    for ((name, _), times) in contenders.iter().zip(times) {
        let ratios = times.iter().zip(&own).map(|(time, own)| time / own).collect();
        println!("{name:16} {:7.1} {:7.3}", median(times), median(ratios));
    }
}
