use aio_sys::scope;
use std::fs::File;
use std::num::NonZeroU32;
use std::os::fd::AsFd;

fn read(file: &File) {
    let mut buf = [0; 4];
    scope(NonZeroU32::MIN, |scope| {
        scope.read(file.as_fd(), &mut buf, 0).unwrap();
        buf[0] = 1;
    })
    .unwrap();
}

fn main() {}
