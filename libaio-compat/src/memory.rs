//! The memory functions that the compiler calls; the library needs no C library. They are local to
//! it. Volatile accesses keep the compiler from making calls of themselves of them. No function on
//! the way of a request calls them.

/// memcpy(3).
///
/// # Safety
///
/// Same as memcpy(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    for index in 0..count {
        // SAFETY: the caller vouches for both.
        unsafe { to.add(index).write_volatile(from.add(index).read()) };
    }
    to
}

/// memset(3).
///
/// # Safety
///
/// Same as memset(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    for index in 0..count {
        // SAFETY: the caller vouches for it.
        unsafe { to.add(index).write_volatile(byte as u8) };
    }
    to
}
