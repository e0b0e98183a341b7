use aio_sys::{RwFlags, types::iocb};

fn main() {
    let _durable = iocb::default().with_flags(RwFlags::DSYNC);
}
