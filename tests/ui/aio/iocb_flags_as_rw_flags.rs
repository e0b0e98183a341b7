use aio_sys::{IocbFlags, Queue, op};
use std::fs::File;

fn durable(queue: &mut Queue<Vec<u8>>, file: &File) {
    queue.submit(op::write_at(file, vec![1], 0).flags(IocbFlags::RESFD)).unwrap();
}

fn main() {}
