use aio_sys::{Queue, op};
use std::fs::File;

fn read(queue: &mut Queue<Vec<u8>>) {
    queue.batch(|batch| {
        let file = File::open("/proc/self/exe").unwrap();
        batch.push(op::read_at(&file, vec![0], 0)).unwrap();
    });
}

fn main() {}
