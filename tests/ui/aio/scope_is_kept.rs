use aio_sys::scope;
use std::num::NonZeroU32;

fn main() {
    let mut kept = None;
    scope(NonZeroU32::MIN, |scope| kept = Some(scope)).unwrap();
}
