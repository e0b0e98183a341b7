use aio_sys::{Queue, op};
use std::fs::File;

fn read(queue: &mut Queue<[u8; 4096]>, file: &File) {
    queue.submit(op::read_at(file, [0; 4096], 0)).unwrap();
}

fn main() {}
