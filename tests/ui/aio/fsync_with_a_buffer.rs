use aio_sys::{Queue, op};
use std::fs::File;

fn sync(queue: &mut Queue<Vec<u8>>, file: &File) {
    queue.submit(op::fsync(file, vec![0], 0)).unwrap();
}

fn main() {}
