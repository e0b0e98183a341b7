use aio_sys::{Queue, op};
use std::fs::File;

fn write<'a>(queue: &mut Queue<&'a [u8]>, file: &File, bytes: &'a [u8]) {
    queue.submit(op::write_at(&file, bytes, 0)).unwrap();
}

fn main() {}
