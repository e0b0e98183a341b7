use aio_sys::{op, scope};
use std::fs::File;
use std::num::NonZeroU32;

fn read(file: &File) {
    let mut buf = [0; 4];
    scope(NonZeroU32::MIN, |scope| {
        scope.submit(op::read_at(&file, &mut buf, 0)).unwrap();
        buf[0] = 1;
    })
    .unwrap();
}

fn main() {}
