use aio_sys::{op, scope};
use std::fs::File;
use std::num::NonZeroU32;

fn read(file: &File) {
    scope(NonZeroU32::MIN, |scope| {
        let mut buf = [0; 4];
        scope.submit(op::read_at(&file, &mut buf, 0)).unwrap();
    })
    .unwrap();
}

fn main() {}
