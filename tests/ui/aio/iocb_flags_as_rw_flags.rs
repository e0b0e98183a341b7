use aio_sys::{IocbFlags, Queue};
use std::fs::File;
use std::os::fd::AsFd;

fn durable(queue: &mut Queue<Vec<u8>>, file: &File) {
    queue.batch(|batch| batch.write_with(file.as_fd(), vec![1], 0, IocbFlags::RESFD)).unwrap();
}

fn main() {}
