use aio_sys::Context;
use std::thread;

fn take(context: &mut Context) {
    thread::scope(|threads| {
        threads.spawn(|| context.reap(|event| drop(event)));
        threads.spawn(|| context.reap(|event| drop(event)));
    });
}

fn main() {}
