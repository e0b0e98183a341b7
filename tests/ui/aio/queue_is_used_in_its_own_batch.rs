use aio_sys::Queue;
use std::fs::File;
use std::os::fd::AsFd;

fn read(queue: &mut Queue<Vec<u8>>, file: &File) {
    queue.batch(|batch| {
        batch.read(file.as_fd(), vec![0], 0).unwrap();
        queue.reap(|_| ());
    });
}

fn main() {}
