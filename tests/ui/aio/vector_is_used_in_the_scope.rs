use aio_sys::{op, scope};
use std::fs::File;
use std::num::NonZeroU32;

fn read(file: &File) {
    let (mut low, mut high) = ([0; 4], [0; 4]);
    scope(NonZeroU32::MIN, |scope| {
        scope.batch(|batch| batch.push(op::readv_at(&file, vec![&mut low, &mut high], 0))).unwrap();
        high[0] = 1;
    })
    .unwrap();
}

fn main() {}
