use aio_sys::scope;
use std::fs::File;
use std::num::NonZeroU32;
use std::os::fd::AsFd;

fn read(file: &File) {
    let (mut low, mut high) = ([0; 4], [0; 4]);
    scope(NonZeroU32::MIN, |scope| {
        scope.batch(|batch| batch.readv(file.as_fd(), vec![&mut low, &mut high], 0)).unwrap();
        high[0] = 1;
    })
    .unwrap();
}

fn main() {}
