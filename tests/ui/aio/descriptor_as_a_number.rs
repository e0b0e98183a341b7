use aio_sys::Queue;

fn read(queue: &mut Queue<Vec<u8>>) {
    queue.read(3, vec![0], 0).unwrap();
}

fn main() {}
