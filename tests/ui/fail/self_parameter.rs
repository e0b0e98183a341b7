use aio_sys::{Errno, syscall};

struct Owned(i32);

impl Owned {
    #[syscall(unsafe close(self.0), safe = "the descriptor is owned, and gone afterwards")]
    fn close(self) -> Result<(), Errno>;
}

fn main() {}
