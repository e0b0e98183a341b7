use aio_sys::{op, tokio::Queue};
use std::fs::File;

async fn read(queue: &Queue<Vec<u8>>) {
    let request = queue.batch(1, |batch| {
        let file = File::open("/proc/self/exe").unwrap();
        batch.push(op::read_at(&file, vec![0; 4], 0)).unwrap()
    });
    request.await.await.0.unwrap();
}

fn main() {}
