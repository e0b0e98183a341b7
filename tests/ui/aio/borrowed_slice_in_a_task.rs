use aio_sys::{op, tokio::Queue};
use std::fs::File;

async fn read<'b>(queue: &Queue<&'b mut [u8]>, file: &File, buf: &'b mut [u8]) {
    queue.submit(op::read_at(file, buf, 0)).await.0.unwrap();
}

fn main() {}
