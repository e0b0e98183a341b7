use aio_sys::Queue;
use std::fs::File;
use std::os::fd::AsFd;

fn sync(queue: &mut Queue<Vec<u8>>, file: &File) {
    queue.fsync(file.as_fd(), vec![0], 0).unwrap();
}

fn main() {}
