//! A queue allocates nothing once it is created. This is a separate program, since the allocator is
//! global.

mod common;

use aio_sys::{Full, PollEvents, Queue, RwFlags, op};
use aio_tests::Counting;
use common::{pair, temp_file};
use std::num::NonZeroU32;
use std::os::fd::BorrowedFd;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Every operation, refused ones and waits among them.
#[test]
fn nothing_is_allocated_after_creation() {
    let file = temp_file(4096);
    let (_reader, writer) = pair();
    // SAFETY: the kernel refuses it; nobody can own it.
    let none = unsafe { BorrowedFd::borrow_raw(i32::MAX) };
    let mut queue = Queue::<Vec<u8>>::with_eventfd(NonZeroU32::new(32).unwrap()).unwrap();
    let mut bufs: Vec<Vec<u8>> = (0..64).map(|_| vec![0; 16]).collect();
    let mut vectors: Vec<Vec<Vec<u8>>> =
        [300, 300, 300, 1024, 1025, 300, 300, 300].map(|count| vec![vec![0; 1]; count]).into();
    let before = Counting::so_far();
    for _ in 0..50 {
        queue.batch(|batch| {
            for at in 0..6 {
                batch.push(op::read_at(&file, bufs.pop().unwrap(), at)).unwrap();
                batch
                    .push(op::write_at(&file, bufs.pop().unwrap(), at).flags(RwFlags::DSYNC))
                    .unwrap();
                batch.push(op::read_at(none, bufs.pop().unwrap(), at)).unwrap();
            }
            while let Some(vector) = vectors.pop() {
                batch.push(op::readv_at(&file, vector, 0)).unwrap();
            }
            batch.push(op::fdsync(&file)).unwrap();
            batch.push(op::poll(&writer, PollEvents::OUT)).unwrap();
            while batch.free() > 0 {
                batch.push(op::fsync(none)).unwrap();
            }
            let Err(Full(back)) = batch.push(op::read_at(&file, bufs.pop().unwrap(), 0)) else {
                panic!("one too many")
            };
            bufs.push(back);
        });
        queue.clear_eventfd();
        while queue.outstanding() > 0 {
            for done in queue.wait(1, None).unwrap() {
                bufs.extend(done.buf);
                if !done.bufs.is_empty() {
                    vectors.push(done.bufs);
                }
            }
        }
    }
    assert_eq!((bufs.len(), vectors.len()), (64, 8));
    assert_eq!(Counting::so_far(), before);
}
