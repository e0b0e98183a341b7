use aio_sys::{Context, types::io_event};
use std::num::NonZeroU32;

fn main() {
    let mut context = Context::new(NonZeroU32::MIN).unwrap();
    let events = context.peek().unwrap();
    context.getevents(0, &mut [io_event::default()], None).unwrap();
    println!("{events:?}");
}
