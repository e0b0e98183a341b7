use aio_sys::{Queue, op};

fn read(queue: &mut Queue<Vec<u8>>) {
    queue.submit(op::read_at(3, vec![0], 0)).unwrap();
}

fn main() {}
