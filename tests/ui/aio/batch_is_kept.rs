use aio_sys::{Batch, Queue};

fn keep<'q, 'fd>(queue: &'q mut Queue<Vec<u8>>) -> &'q mut Batch<'q, 'fd, Vec<u8>> {
    queue.batch(|batch| batch)
}

fn main() {}
