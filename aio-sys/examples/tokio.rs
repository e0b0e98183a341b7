//! Count the lines of files in tasks that share one queue.
//!
//! ```text
//! cargo run -p aio-sys --features tokio --example tokio -- FILE...
//! ```

use aio_sys::op;
use aio_sys::tokio::Queue;
use std::fs::File;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::{env, error, io};

#[tokio::main]
async fn main() -> Result<(), Box<dyn error::Error>> {
    // More requests than this wait until another has completed.
    let queue = Queue::new(NonZeroU32::new(32).unwrap())?;
    let count = |path| tokio::spawn(lines(queue.clone(), path));
    for task in env::args().skip(1).map(count).collect::<Vec<_>>() {
        println!("{}", task.await??);
    }
    queue.close().await?;
    Ok(())
}

async fn lines(queue: Queue<Vec<u8>>, path: String) -> io::Result<String> {
    let file = Arc::new(File::open(&path)?);
    let (mut lines, mut offset, mut buf) = (0, 0, vec![0; 64 << 10]);
    loop {
        // The buffer is moved into the request, and returned with the result.
        let (result, returned) = queue.submit(op::read_at(file.clone(), buf, offset)).await;
        buf = returned;
        let bytes = result?;
        if bytes == 0 {
            return Ok(format!("{lines} {path}"));
        }
        lines += buf[..bytes].iter().filter(|&&byte| byte == b'\n').count();
        offset += bytes as u64;
    }
}
