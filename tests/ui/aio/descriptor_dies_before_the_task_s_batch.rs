use aio_sys::tokio::Queue;
use std::fs::File;
use std::os::fd::AsFd;

async fn read(queue: &Queue<Vec<u8>>) {
    let request = queue.batch(1, |batch| {
        let file = File::open("/proc/self/exe").unwrap();
        batch.read_at(file.as_fd(), vec![0; 4], 0).unwrap()
    });
    request.await.await.0.unwrap();
}

fn main() {}
