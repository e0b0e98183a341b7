//! Read the first bytes of several files at the same time.
//!
//! ```text
//! cargo run -p aio-sys --example read -- FILE...
//! ```

use aio_sys::{Queue, op};
use std::env;
use std::error::Error;
use std::fs::File;
use std::num::NonZeroU32;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = env::args().skip(1).collect();
    let mut queue = Queue::new(NonZeroU32::new(32).unwrap())?;
    // At most as many requests at a time as the queue has slots.
    for paths in paths.chunks(32) {
        let files = paths.iter().map(File::open).collect::<Result<Vec<_>, _>>()?;
        // The requests of a batch are submitted by one system call.
        queue.batch(|batch| {
            for (index, file) in files.iter().enumerate() {
                // The queue owns the buffer until the read has completed.
                let read = op::read_at(file, vec![0; 16], 0).user_data(index as u64);
                batch.push(read).expect("a slot for each file");
            }
        });
        // In any order.
        for completion in queue.wait(files.len(), None)? {
            let path = &paths[completion.user_data as usize];
            // A read is short at the end of the file.
            let bytes = completion.result.map_err(|errno| format!("{path}: {errno}"))?;
            let buf = completion.buf.expect("a read returns its buffer");
            println!("{path}: {}", buf[..bytes].escape_ascii());
        }
    }
    Ok(())
}
