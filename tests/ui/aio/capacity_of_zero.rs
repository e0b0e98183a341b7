use aio_sys::Context;

fn main() {
    let _context = Context::new(0);
}
