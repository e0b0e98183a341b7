use aio_sys::{op, scope};
use std::fs::File;
use std::num::NonZeroU32;

fn read(file: &File, buf: &mut [u8]) {
    scope(NonZeroU32::MIN, |scope| {
        scope.submit(op::read_at(&file, &mut *buf, 0)).unwrap();
        scope.submit(op::read_at(&file, &mut *buf, 0)).unwrap();
    })
    .unwrap();
}

fn main() {}
