use aio_sys::{Queue, op};
use std::fs::File;

fn read(queue: &mut Queue<&'static [u8]>, file: &File) {
    queue.submit(op::read_at(&file, b"text", 0)).unwrap();
}

fn main() {}
