use aio_sys::op::{Descriptor, KeptOpen};

struct Any(i32);

impl Descriptor<'static> for Any {
    fn into_parts(self) -> (i32, Option<KeptOpen>) {
        (self.0, None)
    }
}

fn main() {}
