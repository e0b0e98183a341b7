use aio_sys::{Scope, op, scope};
use std::fs::File;
use std::num::NonZeroU32;

async fn read<'env>(scope: &mut Scope<'env>, file: &File, buf: &'env mut [u8]) {
    scope.submit(op::read_at(&file, buf, 0)).unwrap();
    std::future::ready(()).await;
}

fn keep(file: &File) -> impl Future<Output = ()> {
    let mut buf = [0; 4];
    scope(NonZeroU32::MIN, |scope| read(scope, file, &mut buf)).unwrap()
}

fn main() {}
