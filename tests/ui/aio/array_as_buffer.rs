use aio_sys::Queue;
use std::num::NonZeroU32;

fn main() {
    let _queue = Queue::<[u8; 512]>::new(NonZeroU32::MIN);
}
