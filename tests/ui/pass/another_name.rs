//! The crate under another name: as that of a dependency, or in a crate that a macro belongs to.

#[allow(unused_imports, reason = "it hides the crate's own name")]
use core as aio_sys;

mod inner {
    pub(crate) use ::aio_sys as sys;

    macro_rules! parent {
        ($name:ident) => {
            #[$crate::another_name::inner::sys::syscall(
                                                    crate = $crate::another_name::inner::sys,
                                                    unsafe getppid(),
                                                    safe = "it takes no argument and cannot fail"
                                                )]
            fn $name() -> i32;
        };
    }
    pub(crate) use parent;
}

use inner::sys as renamed;

#[renamed::syscall(crate = renamed, unsafe close(-1), safe = "there is no such descriptor")]
fn close_none() -> Result<(), renamed::Errno>;

#[renamed::syscall(
    crate = self::inner::sys,
    unsafe 100_000(renamed::nr::SYS_close),
    safe = "there is no such call"
)]
fn by_number() -> Result<(), renamed::Errno>;

inner::parent!(getppid);

pub(crate) fn main() {
    assert!(getppid() >= 0);
    assert_eq!(close_none(), Err(renamed::Errno::EBADF));
    assert_eq!(by_number(), Err(renamed::Errno::ENOSYS));
}
