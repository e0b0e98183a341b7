use aio_sys::{Queue, op};
use std::fs::File;

fn read<'b>(queue: &mut Queue<&'b mut [u8]>, file: &File, buf: &'b mut [u8]) {
    queue.submit(op::read_at(file, buf, 0)).unwrap();
}

fn main() {}
