//! Read the head and the tail of a file at the same time, into borrowed buffers.
//!
//! ```text
//! cargo run -p aio-sys --example scope -- FILE
//! ```

use aio_sys::{op, scope};
use std::error::Error;
use std::fs::File;
use std::num::NonZeroU32;
use std::{env, io};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: scope FILE")?;
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let (mut head, mut tail) = ([0; 16], [0; 16]);
    let tail_offset = size.saturating_sub(tail.len() as u64);
    let (mut head_len, mut tail_len) = (0, 0);

    scope(NonZeroU32::new(2).unwrap(), |scope| -> io::Result<()> {
        let first = scope.submit(op::read_at(&file, &mut head, 0)).expect("two slots");
        scope.submit(op::read_at(&file, &mut tail, tail_offset)).expect("two slots");
        for completion in scope.wait(2, None)? {
            let len = if completion.token == first { &mut head_len } else { &mut tail_len };
            *len = completion.result?;
        }
        Ok(())
    })??;

    // The scope has waited for the kernel, so the buffers can be used again.
    println!("head: {}", head[..head_len].escape_ascii());
    println!("tail: {}", tail[..tail_len].escape_ascii());
    Ok(())
}
