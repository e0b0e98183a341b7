//! The cost of reads in tasks: `aio_sys::tokio::Queue` against linux-aio-tokio, tokio-uring,
//! `spawn_blocking` and a bare `Queue` loop. Prints a table for each runtime and kind of file.
//!
//! Reads of 4 KiB at random offsets, by 1 to 128 tasks, each of which waits for one read at a time:
//! requests per second, latency (median and 99th percentile), and CPU time of the whole process per
//! request. Medians of alternating rounds, in one run: `cargo bench -p aio-tests --features
//! linux-aio-tokio --bench tokio -- [DIRECTORY] [TASKS…] [NAME…]`. The directory, by default that
//! for temporary files, needs 256 MiB and a file system with `O_DIRECT`; numbers of tasks and
//! contenders' names restrict the measurements. linux-aio-tokio's build needs libclang; it reads
//! past the page cache only, and tokio-uring has one thread.
//!
//! `AIO_BENCH_BUSY=1` runs one more busy process.

use aio_sys::{AlignedBuf, op};
use aio_tests::{median, process_time};
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::num::NonZeroU32;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

const TASKS: [usize; 5] = [1, 8, 32, 64, 128];
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(400);
const BLOCK: usize = 4096;
const BLOCKS: u64 = 65536;

/// The file, and how it is read.
#[derive(Clone, Copy)]
struct Work<'a> {
    path: &'a Path,
    direct: bool,
    tasks: usize,
    several_threads: bool,
}

impl Work<'_> {
    fn open(&self) -> File {
        let flags = if self.direct { libc::O_DIRECT } else { 0 };
        File::options().read(true).custom_flags(flags).open(self.path).unwrap()
    }

    fn runtime(&self) -> Runtime {
        let mut builder = match self.several_threads {
            false => Builder::new_current_thread(),
            true => Builder::new_multi_thread(),
        };
        builder.enable_all().build().unwrap()
    }
}

/// The latency of each request, in nanoseconds.
type Latencies = Vec<u64>;

/// One task: reads at random offsets until the time is over.
struct Task {
    until: Instant,
    random: u64,
    latencies: Latencies,
    started: Instant,
}

impl Task {
    fn all(count: usize) -> impl Iterator<Item = Task> {
        let until = Instant::now() + ROUND;
        (1..=count as u64).map(move |seed| Task {
            until,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            latencies: Vec::with_capacity(1 << 16),
            started: until,
        })
    }

    /// The offset of the next read, if there is one.
    fn next(&mut self) -> Option<u64> {
        self.started = Instant::now();
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.started < self.until).then_some(self.random % BLOCKS * BLOCK as u64)
    }

    fn ended(&mut self, bytes: usize) {
        assert_eq!(bytes, BLOCK);
        self.latencies.push(self.started.elapsed().as_nanos() as u64);
    }
}

fn buffer() -> AlignedBuf {
    AlignedBuf::new(BLOCK, BLOCK).unwrap()
}

/// Runs the tasks of a runtime, each by `read`.
fn spawn<F: Future<Output = Latencies> + Send + 'static>(
    work: Work<'_>,
    mut read: impl FnMut(Task) -> F,
) -> impl Future<Output = Latencies> {
    let tasks: Vec<_> = Task::all(work.tasks).map(|task| tokio::spawn(read(task))).collect();
    async move {
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        all
    }
}

fn queue(work: Work<'_>) -> Option<Latencies> {
    Some(work.runtime().block_on(async {
        let capacity = NonZeroU32::new(work.tasks as u32).unwrap();
        let (queue, file) = (aio_sys::tokio::Queue::new(capacity).unwrap(), Arc::new(work.open()));
        spawn(work, |mut task| {
            let (queue, file) = (queue.clone(), file.clone());
            async move {
                let mut buf = buffer();
                while let Some(offset) = task.next() {
                    let (result, back) = queue.submit(op::read_at(file.clone(), buf, offset)).await;
                    task.ended(result.unwrap());
                    buf = back;
                }
                task.latencies
            }
        })
        .await
    }))
}

#[cfg(feature = "linux-aio-tokio")]
fn linux_aio_tokio(work: Work<'_>) -> Option<Latencies> {
    use linux_aio_tokio::{AioOpenOptionsExt, LockedBuf, ReadFlags, aio_context};
    if !work.direct {
        return None;
    }
    Some(work.runtime().block_on(async {
        let (context, handle) = aio_context(work.tasks, true).unwrap();
        let options = File::options().read(true).clone();
        let file = Arc::new(options.aio_open(work.path.to_owned(), false).await.unwrap());
        let all = spawn(work, |mut task| {
            let (handle, file) = (handle.clone(), file.clone());
            async move {
                let mut buf = LockedBuf::with_size(BLOCK).unwrap();
                while let Some(offset) = task.next() {
                    let read =
                        file.read_at(&handle, offset, &mut buf, BLOCK as u64, ReadFlags::empty());
                    task.ended(read.await.unwrap() as usize);
                }
                task.latencies
            }
        })
        .await;
        drop(handle);
        context.close().await;
        all
    }))
}

#[cfg(not(feature = "linux-aio-tokio"))]
fn linux_aio_tokio(_: Work<'_>) -> Option<Latencies> {
    None
}

/// A buffer for that crate.
struct Aligned(AlignedBuf);

// SAFETY: the memory is on the heap, and stays there when the owner moves.
unsafe impl tokio_uring::buf::IoBuf for Aligned {
    fn stable_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }
    fn bytes_init(&self) -> usize {
        BLOCK
    }
    fn bytes_total(&self) -> usize {
        BLOCK
    }
}

// SAFETY: the memory is on the heap, and stays there when the owner moves; all of it is
// initialised.
unsafe impl tokio_uring::buf::IoBufMut for Aligned {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }
    unsafe fn set_init(&mut self, _: usize) {}
}

fn tokio_uring(work: Work<'_>) -> Option<Latencies> {
    if work.several_threads || io_uring::IoUring::new(8).is_err() {
        return None;
    }
    Some(tokio_uring::start(async move {
        let file = Rc::new(tokio_uring::fs::File::from_std(work.open()));
        let tasks: Vec<_> = Task::all(work.tasks)
            .map(|mut task| {
                let file = file.clone();
                tokio_uring::spawn(async move {
                    let mut buf = Aligned(buffer());
                    while let Some(offset) = task.next() {
                        let (result, back) = file.read_at(buf, offset).await;
                        task.ended(result.unwrap());
                        buf = back;
                    }
                    task.latencies
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        all
    }))
}

fn spawn_blocking(work: Work<'_>) -> Option<Latencies> {
    Some(work.runtime().block_on(async {
        let file = Arc::new(work.open());
        spawn(work, |mut task| {
            let file = file.clone();
            async move {
                let mut buf = buffer();
                while let Some(offset) = task.next() {
                    let file = file.clone();
                    let read = tokio::task::spawn_blocking(move || {
                        (file.read_at(&mut buf, offset).unwrap(), buf)
                    });
                    let (bytes, back) = read.await.unwrap();
                    task.ended(bytes);
                    buf = back;
                }
                task.latencies
            }
        })
        .await
    }))
}

/// The same without tasks.
fn bare_queue(work: Work<'_>) -> Option<Latencies> {
    if work.several_threads {
        return None;
    }
    let file = work.open();
    let mut queue = aio_sys::Queue::new(NonZeroU32::new(work.tasks as u32).unwrap()).unwrap();
    let mut tasks: Vec<Task> = Task::all(work.tasks).collect();
    let mut idle: Vec<_> = (0..work.tasks).map(|task| (task, buffer())).collect();
    loop {
        queue.batch(|batch| {
            for (number, buf) in idle.drain(..) {
                if let Some(offset) = tasks[number].next() {
                    let read = op::read_at(&file, buf, offset).user_data(number as u64);
                    batch.push(read).unwrap();
                }
            }
        });
        if queue.outstanding() == 0 {
            return Some(tasks.into_iter().flat_map(|task| task.latencies).collect());
        }
        for done in queue.wait(1, None).unwrap() {
            let number = done.user_data as usize;
            tasks[number].ended(done.result.unwrap());
            idle.push((number, done.buf.unwrap()));
        }
    }
}

type Contender = fn(Work<'_>) -> Option<Latencies>;

const CONTENDERS: [(&str, Contender); 5] = [
    ("tokio::Queue", queue),
    ("linux-aio-tokio", linux_aio_tokio),
    ("tokio-uring", tokio_uring),
    ("spawn_blocking", spawn_blocking),
    ("Queue, no tasks", bare_queue),
];

/// Requests per second, median and 99th percentile of the latency in µs, CPU time in µs.
type Row = [f64; 4];

fn measure(contender: Contender, work: Work<'_>) -> Option<Row> {
    let (start, time) = (Instant::now(), process_time());
    let mut latencies = contender(work)?;
    let elapsed = start.elapsed().as_secs_f64();
    let time = (process_time() - time).as_nanos() as f64 / 1e3;
    latencies.sort_unstable();
    let count = latencies.len() as f64;
    let at = |part: f64| latencies[((count - 1.0) * part) as usize] as f64 / 1e3;
    // Destroying a context takes tens of milliseconds without requests.
    Some([count / elapsed.min(ROUND.as_secs_f64()), at(0.5), at(0.99), time / count])
}

fn table(work: Work<'_>, wanted: &[String]) {
    let chosen = |name: &str, all: &[&str]| {
        let none = !all.iter().any(|name| wanted.iter().any(|wanted| wanted == name));
        none || wanted.iter().any(|wanted| wanted == name)
    };
    let names = CONTENDERS.map(|(name, _)| name);
    let numbers = TASKS.map(|tasks| tasks.to_string());
    let runtime = if work.several_threads { "multi-thread" } else { "current-thread" };
    let kind = if work.direct { "O_DIRECT" } else { "page cache" };
    println!("\n{kind}, {runtime} runtime: requests/s, p50 µs, p99 µs, CPU µs per request");
    for tasks in TASKS {
        if !chosen(&tasks.to_string(), &numbers.each_ref().map(String::as_str)) {
            continue;
        }
        let work = Work { tasks, ..work };
        let mut rows = CONTENDERS.map(|_| Vec::<Row>::new());
        for round in 0..ROUNDS {
            for turn in 0..CONTENDERS.len() {
                let at = (turn + round) % CONTENDERS.len();
                let (name, contender) = CONTENDERS[at];
                if chosen(name, &names) {
                    rows[at].extend(measure(contender, work));
                }
            }
        }
        for ((name, _), rows) in CONTENDERS.iter().zip(&rows) {
            if rows.is_empty() {
                continue;
            }
            let [rate, p50, p99, time] =
                [0, 1, 2, 3].map(|column| median(rows.iter().map(|row| row[column]).collect()));
            println!("{tasks:4} {name:16} {rate:9.0} {p50:9.1} {p99:9.1} {time:7.2}");
        }
    }
}

/// A file whose blocks are on disk.
fn new_file(directory: &Path) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new_in(directory).unwrap();
    let part = vec![7; 1 << 20];
    for _ in 0..(BLOCKS * BLOCK as u64) >> 20 {
        file.write_all(&part).unwrap();
    }
    file.as_file().sync_all().unwrap();
    file
}

fn main() {
    // cargo gives `--bench`.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let directory = arguments.iter().find(|argument| argument.contains('/'));
    let file = new_file(&directory.map_or_else(std::env::temp_dir, PathBuf::from));
    let busy = std::env::var_os("AIO_BENCH_BUSY").map(|_| {
        println!("beside a busy process");
        Command::new("sh").arg("-c").arg("while :; do :; done").spawn().unwrap()
    });
    for direct in [true, false] {
        for several_threads in [false, true] {
            table(Work { path: file.path(), direct, tasks: 0, several_threads }, &arguments);
        }
    }
    if let Some(mut busy) = busy {
        busy.kill().unwrap();
        busy.wait().unwrap();
    }
}
