use aio_sys::{Queue, op};
use std::fs::File;

fn again(queue: &mut Queue<Vec<u8>>, file: &File) {
    for done in queue.reap() {
        queue.submit(op::read_at(file, done.buf.unwrap(), 0)).unwrap();
    }
}

fn main() {}
