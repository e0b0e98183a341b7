use aio_sys::Queue;
use std::num::NonZeroU32;

fn main() {
    let _queue = Queue::<&mut [u8]>::new(NonZeroU32::MIN);
}
