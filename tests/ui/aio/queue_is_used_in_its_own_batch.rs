use aio_sys::{Queue, op};
use std::fs::File;

fn read(queue: &mut Queue<Vec<u8>>, file: &File) {
    queue.batch(|batch| {
        batch.push(op::read_at(&file, vec![0], 0)).unwrap();
        queue.reap().count();
    });
}

fn main() {}
