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
    // SAFETY: the caller guarantees `count` bytes at both addresses, those at `to` writable.
    unsafe { memmove(to, from, count) }
}

/// memmove(3).
///
/// # Safety
///
/// Same as memmove(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller guarantees `count` bytes at both addresses, and `index` is below `count`.
    let copy = |index| unsafe { to.add(index).write_volatile(from.add(index).read()) };
    if to.cast_const() < from {
        (0..count).for_each(copy)
    } else {
        (0..count).rev().for_each(copy)
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
        // SAFETY: the caller guarantees `count` writable bytes at `to`.
        unsafe { to.add(index).write_volatile(byte as u8) };
    }
    to
}

/// memcmp(3) for those who want to know only whether there is a difference.
///
/// # Safety
///
/// Same as memcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    // SAFETY: the caller guarantees `count` bytes at both addresses, and `index` is below `count`.
    let differs = |index| unsafe { one.add(index).read_volatile() != other.add(index).read() };
    (0..count).any(differs) as i32
}
