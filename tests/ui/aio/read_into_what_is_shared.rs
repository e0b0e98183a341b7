use aio_sys::Queue;
use std::fs::File;
use std::os::fd::AsFd;

fn read(queue: &mut Queue<&'static [u8]>, file: &File) {
    queue.read(file.as_fd(), b"text", 0).unwrap();
}

fn main() {}
