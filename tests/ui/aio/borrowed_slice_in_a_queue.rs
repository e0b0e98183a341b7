use aio_sys::Queue;
use std::fs::File;
use std::os::fd::AsFd;

fn write<'a>(queue: &mut Queue<&'a [u8]>, file: &File, bytes: &'a [u8]) {
    queue.write(file.as_fd(), bytes, 0).unwrap();
}

fn main() {}
