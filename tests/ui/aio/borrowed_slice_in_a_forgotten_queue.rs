use aio_sys::{Borrowed, Queue, op};
use std::fs::File;
use std::num::NonZeroU32;

fn forget(file: &File) {
    let mut buf = vec![0; 4096];
    let mut queue = Queue::<Borrowed<'_>>::new(NonZeroU32::MIN).unwrap();
    queue.submit(op::read_at(file, &mut buf, 0)).unwrap();
    std::mem::forget(queue);
}

fn main() {}
