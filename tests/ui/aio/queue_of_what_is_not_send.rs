use aio_sys::{IoBuf, Queue};
use std::rc::Rc;

struct Shared(Rc<Vec<u8>>);

// SAFETY: the vector lives as long as this, and nobody can change it.
unsafe impl IoBuf for Shared {
    fn byte_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }
    fn byte_len(&self) -> usize {
        self.0.len()
    }
}

fn send(queue: Queue<Shared>) {
    std::thread::spawn(move || drop(queue));
}

fn main() {}
