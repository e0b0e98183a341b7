//! Longer tests: many queues on many threads, and a process that is killed while it writes.
//!
//! Each takes a second, or as many as `AIO_SECONDS` says.

use crate::common::{Random, pair};
use aio_sys::{Queue, RwFlags, op};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

const BLOCK: usize = 512;

fn seconds() -> Duration {
    let seconds =
        std::env::var("AIO_SECONDS").map(|text| text.parse().expect("AIO_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(1))
}

/// The content of a block: its place and its write count, repeated, with a checksum at the end.
fn fill(block: &mut [u8], at: u64, version: u64) {
    let mut random = Random((at << 32) + version + 1);
    let (body, sum) = block.split_at_mut(BLOCK - 8);
    body[..8].copy_from_slice(&version.to_le_bytes());
    body[8..].fill_with(|| random.next() as u8);
    sum.copy_from_slice(&checksum(body).to_le_bytes());
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn version(block: &[u8]) -> Option<u64> {
    let (body, sum) = block.split_at(BLOCK - 8);
    (checksum(body).to_le_bytes() == sum).then(|| u64::from_le_bytes(body[..8].try_into().unwrap()))
}

/// 64 queues on 8 threads: every block that is read has its last written content.
#[test]
fn checksums_on_64_queues() {
    const THREADS: u64 = 8;
    const QUEUES: u64 = 8;
    const BLOCKS: u64 = 64;
    let until = Instant::now() + seconds();
    let transfers = std::thread::scope(|threads| {
        let run = |thread: u64| {
            let file = tempfile::tempfile().unwrap();
            let mut random = Random(thread + 1);
            let mut queues: Vec<Queue<Vec<u8>>> =
                (0..QUEUES).map(|_| Queue::new(NonZeroU32::new(16).unwrap()).unwrap()).collect();
            let mut versions = [0; (QUEUES * BLOCKS) as usize];
            let mut spare: Vec<Vec<u8>> = (0..16 * QUEUES).map(|_| vec![0; BLOCK]).collect();
            let mut busy = [false; (QUEUES * BLOCKS) as usize];
            // The block, by queue and index.
            let mut asked = [[None; 16]; QUEUES as usize];
            let mut transfers = 0u64;
            while Instant::now() < until {
                let at = random.below(QUEUES) as usize;
                let (queue, asked) = (&mut queues[at], &mut asked[at]);
                queue.batch(|batch| {
                    for _ in 0..random.below(16) {
                        let block = random.below(QUEUES * BLOCKS) as usize;
                        if batch.free() == 0 || busy[block] {
                            break;
                        }
                        busy[block] = true;
                        let mut buf = spare.pop().unwrap();
                        let offset = (block * BLOCK) as u64;
                        let write = versions[block] == 0 || random.below(2) == 0;
                        let token = if write {
                            versions[block] += 1;
                            fill(&mut buf, block as u64, versions[block]);
                            batch.push(op::write_at(&file, buf, offset)).unwrap()
                        } else {
                            batch.push(op::read_at(&file, buf, offset)).unwrap()
                        };
                        asked[token.index()] = Some(block);
                    }
                });
                let min = random.below(queue.outstanding() as u64 + 1) as usize;
                for done in queue.wait(min, None).unwrap() {
                    let block = asked[done.token.index()].take().expect("each once");
                    let buf = done.buf.unwrap();
                    assert_eq!(done.result, Ok(BLOCK));
                    assert_eq!(
                        version(&buf),
                        Some(versions[block]),
                        "thread {thread}, block {block}"
                    );
                    let mut expected = vec![0; BLOCK];
                    fill(&mut expected, block as u64, versions[block]);
                    assert!(buf == expected);
                    busy[block] = false;
                    spare.push(buf);
                    transfers += 1;
                }
            }
            transfers
        };
        let threads: Vec<_> =
            (0..THREADS).map(|thread| threads.spawn(move || run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    eprintln!("{} transfers", transfers.iter().sum::<u64>());
    assert!(transfers.iter().all(|&count| count > 0));
}

/// A child writes with `RWF_DSYNC`, and reports durable writes through a pipe. When it is killed at
/// any time, all reported writes are durable.
#[test]
fn reported_durable_writes_survive_a_kill() {
    const BLOCKS: u64 = 256;
    let until = Instant::now() + seconds();
    let mut random = Random(7);
    let mut reported = 0;
    for round in 0.. {
        if round > 0 && Instant::now() >= until {
            break;
        }
        let file = tempfile::tempfile().unwrap();
        let (mut reader, writer) = pair();
        // SAFETY: the child makes calls on memory of its own, until it is killed.
        let child = unsafe { libc::fork() };
        if child == 0 {
            write_for_good(&file, writer, BLOCKS);
        }
        drop(writer);
        let mut said = Vec::new();
        // Every other round kills during the start; the other rounds have reports to check, however
        // slow the disk.
        if round % 2 == 0 {
            said.resize(16, 0);
            reader.read_exact(&mut said).expect("it reports until it is killed");
        }
        std::thread::sleep(Duration::from_micros(random.below(50_000)));
        // SAFETY: the process is our own child, not yet waited for.
        unsafe { libc::kill(child, libc::SIGKILL) };
        reader.read_to_end(&mut said).unwrap();
        let mut status = 0;
        // SAFETY: `status` is writable. The child's contexts are gone, and its writes done, when it
        // has returned.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(libc::WTERMSIG(status), libc::SIGKILL, "it has not ended by itself");
        let mut newest = vec![0; BLOCKS as usize];
        // A truncated pair was not reported.
        for pair in said.chunks_exact(16) {
            let [block, version] =
                [&pair[..8], &pair[8..]].map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
            newest[block as usize] = version;
            reported += 1;
        }
        for (block, &reported) in newest.iter().enumerate().filter(|(_, version)| **version > 0) {
            let mut bytes = vec![0; BLOCK];
            file.read_exact_at(&mut bytes, (block * BLOCK) as u64).unwrap();
            let found = version(&bytes).expect("a whole block");
            assert!(found >= reported, "block {block} was reported as {reported}, and is {found}");
        }
    }
    eprintln!("{reported} writes reported");
    assert!(reported > 0);
}

/// Does not return.
fn write_for_good(file: &File, mut writer: impl Write, blocks: u64) -> ! {
    let mut queue = Queue::<Vec<u8>>::new(NonZeroU32::new(16).unwrap()).unwrap();
    let mut spare: Vec<Vec<u8>> = (0..16).map(|_| vec![0; BLOCK]).collect();
    let mut asked = [(0, 0); 16];
    let mut count = 0;
    loop {
        queue.batch(|batch| {
            while let Some(mut buf) = spare.pop() {
                let (block, version) = (count % blocks, count / blocks + 1);
                count += 1;
                fill(&mut buf, block, version);
                let token = batch
                    .push(op::write_at(file, buf, block * BLOCK as u64).flags(RwFlags::DSYNC))
                    .unwrap();
                asked[token.index()] = (block, version);
            }
        });
        // All of them, so that no block is written twice at a time.
        let waited = queue.wait(16, None).map(|ready| {
            ready
                .map(|done| {
                    assert_eq!(done.result, Ok(BLOCK));
                    let (block, version) = asked[done.token.index()];
                    let mut pair = [0; 16];
                    pair[..8].copy_from_slice(&block.to_le_bytes());
                    pair[8..].copy_from_slice(&version.to_le_bytes());
                    writer.write_all(&pair).unwrap();
                    spare.extend(done.buf);
                })
                .count()
        });
        assert!(waited.is_ok());
    }
}
