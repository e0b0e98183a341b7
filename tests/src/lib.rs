//! Shared code of tests and benchmarks: the paths of the repository and of other crates, skips that
//! are visible in the log, a C compiler, and a counting allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a directory of the workspace")
}

/// Reports that something was skipped, and why. The test harness does not capture it.
pub fn skip(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: {why}");
}

/// The system's allocator, which counts the allocations of this thread.
pub struct Counting;

thread_local!(static ALLOCATIONS: Cell<u64> = const { Cell::new(0) });

impl Counting {
    /// The number of this thread's allocations, if a [`Counting`] is the global allocator.
    pub fn so_far() -> u64 {
        ALLOCATIONS.get()
    }
}

// SAFETY: each call is the system allocator's, with the same arguments; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's contract for `layout` is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: every block of this allocator is the system's, of the same layout.
        unsafe { System.dealloc(start, layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: every block of this allocator is the system's, of the same layout.
        unsafe { System.realloc(start, layout, size) }
    }
}

/// Pins this thread to one CPU.
pub fn pin(processor: usize) {
    // SAFETY: zeros are an empty set, and the kernel reads no more than its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

/// The CPU time of this thread.
pub fn thread_time() -> Duration {
    time(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The CPU time of this process.
pub fn process_time() -> Duration {
    time(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn time(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is written.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The value in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Where cargo keeps the source of a package that the workspace depends on. The query is for a
/// target without an operating system, for which `Cargo.toml` has the packages that are only read.
pub fn package_source(name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version=1",
            "--filter-platform=x86_64-unknown-none",
            "--manifest-path",
        ])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("cargo speaks UTF-8");
    let version = |directory: &Path| {
        Some(directory.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('-')?.to_owned())
    };
    let manifests =
        text.split('"').filter_map(|word| word.strip_suffix("/Cargo.toml")).map(Path::new);
    let mut sources = manifests.filter(|directory| {
        version(directory).is_some_and(|version| version.starts_with(char::is_numeric))
    });
    match (sources.next(), sources.next()) {
        (Some(source), None) => source.to_owned(),
        (None, _) => panic!(
            "cargo metadata does not know {name}: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
        (_, Some(_)) => panic!("the workspace depends on two versions of {name}"),
    }
}

/// A C compiler of the host, and the directory in which Debian keeps the kernel's headers for every
/// word size.
pub struct CCompiler {
    command: &'static str,
    headers: String,
}

impl CCompiler {
    /// The first that exists.
    pub fn find() -> Option<CCompiler> {
        let multiarch = |command| Command::new(command).arg("-print-multiarch").output().ok();
        let (command, output) =
            ["cc", "gcc", "clang"].into_iter().find_map(|cc| Some((cc, multiarch(cc)?)))?;
        let headers = format!("/usr/include/{}", String::from_utf8_lossy(&output.stdout).trim());
        Some(CCompiler { command, headers })
    }

    /// Runs it on a program; returns its output, or its first error.
    pub fn run(&self, flags: &[&str], program: &str) -> Result<String, String> {
        let source =
            tempfile::Builder::new().suffix(".c").tempfile().expect("a temporary file can be made");
        std::fs::write(&source, program).expect("the temporary file can be written");
        let output = Command::new(self.command)
            .args(flags)
            .args(["-I", &self.headers])
            .arg(source.path())
            .output();
        let output = output.expect("the compiler was found");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let complaint = text(&output.stderr);
        Err(complaint.lines().find(|line| line.contains("error")).unwrap_or(&complaint).to_owned())
    }
}

/// The examples of the documentation, run as documentation tests.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../aio-sys/README.md")]
    struct Crate;
    #[doc = include_str!("../../docs/abis.md")]
    struct Abis;
}
