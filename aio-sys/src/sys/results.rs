//! Combines the two results of a system call, on the ABIs that have such system calls (`both` in
//! `tables/abis.toml`). A failure has no second result.

use core::ffi::c_int;

/// The result of `fork`, `vfork` and `clone`: 0 in the child, where the second result is not 0 and
/// the first is the parent's id.
pub(crate) fn child((result, second): (isize, isize)) -> isize {
    if result >= 0 && second != 0 { 0 } else { result }
}

/// The result of `pipe`: stores both results in `array`, and returns 0.
///
/// # Safety
///
/// `array` must have room for two elements.
pub(crate) unsafe fn array((result, second): (isize, isize), array: *mut c_int) -> isize {
    if result < 0 {
        return result;
    }
    // SAFETY: the caller guarantees room for two elements.
    unsafe { array.cast::<[c_int; 2]>().write([result as c_int, second as c_int]) };
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_child_returns_0() {
        assert_eq!(child((4711, 1)), 0, "the child, with the parent's number");
        assert_eq!(child((4712, 0)), 4712, "the parent, with the child's number");
        assert_eq!(child((-11, 1)), -11, "a failure, with what was in the register before");
    }

    #[test]
    fn an_array_is_written_unless_the_call_fails() {
        let mut fds = [-1; 3];
        // SAFETY: `fds` has three elements.
        assert_eq!(unsafe { array((-24, 7), fds.as_mut_ptr()) }, -24);
        assert_eq!(fds, [-1; 3]);
        // SAFETY: `fds` has three elements.
        assert_eq!(unsafe { array((3, 4), fds.as_mut_ptr()) }, 0);
        assert_eq!(fds, [3, 4, -1]);
    }
}
