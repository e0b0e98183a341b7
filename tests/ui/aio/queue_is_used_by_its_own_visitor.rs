use aio_sys::Queue;
use std::fs::File;
use std::os::fd::AsFd;

fn again(queue: &mut Queue<Vec<u8>>, file: &File) {
    queue.reap(|done| {
        queue.read(file.as_fd(), done.buf.unwrap(), 0).unwrap();
    });
}

fn main() {}
