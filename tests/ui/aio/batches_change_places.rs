use aio_sys::Queue;

fn swap(one: &mut Queue<Vec<u8>>, other: &mut Queue<Vec<u8>>) {
    one.batch(|batch| other.batch(|inner| std::mem::swap(batch, inner)));
}

fn main() {}
