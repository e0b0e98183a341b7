use aio_sys::Queue;
use std::fs::File;
use std::os::fd::AsFd;

fn read(queue: &mut Queue<Vec<u8>>) {
    queue.batch(|batch| {
        let file = File::open("/proc/self/exe").unwrap();
        batch.read(file.as_fd(), vec![0], 0).unwrap();
    });
}

fn main() {}
