use aio_sys::{Queue, op};
use std::fs::File;

fn impatient(queue: &mut Queue<Vec<u8>>, file: &File) {
    let read = queue.submit(op::read_at(&file, vec![0], 0)).unwrap();
    queue.cancel(read).unwrap();
}

fn main() {}
