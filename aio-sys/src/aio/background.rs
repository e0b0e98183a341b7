//! Where to wait for io_destroy.

use std::thread::Builder;

/// Drops a value on a thread of its own; here, if there can be none.
pub(crate) fn drop<T: Send + 'static>(value: T) {
    // What cannot be spawned is dropped, and the value with it.
    let _ = Builder::new().name("aio-destroy".into()).spawn(move || std::mem::drop(value));
}
