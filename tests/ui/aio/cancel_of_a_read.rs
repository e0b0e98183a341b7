use aio_sys::Queue;
use std::fs::File;
use std::os::fd::AsFd;

fn impatient(queue: &mut Queue<Vec<u8>>, file: &File) {
    let read = queue.read(file.as_fd(), vec![0], 0).unwrap();
    queue.cancel(read).unwrap();
}

fn main() {}
