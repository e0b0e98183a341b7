use aio_sys::scope;
use std::fs::File;
use std::num::NonZeroU32;
use std::os::fd::AsFd;

fn read(file: &File) {
    scope(NonZeroU32::MIN, |scope| {
        let mut buf = [0; 4];
        scope.read(file.as_fd(), &mut buf, 0).unwrap();
    })
    .unwrap();
}

fn main() {}
