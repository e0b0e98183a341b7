//! `ranges` serves the files of a folder over HTTP/1.1, whole or by range, from tasks that read by
//! native AIO.
//!
//! ```text
//! cargo run --release -p aio-sys --features tokio --example ranges -- FOLDER [ADDRESS]
//! curl -r 100-199 http://127.0.0.1:8080/file
//! ```
//!
//! It is meant as a model of [`aio_sys::tokio`]:
//!
//! - one queue for all connections, which waits for a slot where others would fail, and keeps the
//!   workers from blocking on what is not in the page cache ([`Builder::nowait`]);
//! - [`send`] has the next piece read while one is sent, so that neither the disk nor the network
//!   waits for the other;
//! - a client that goes away takes its task with it, and the reads that are in flight keep their
//!   buffers until they end.
//!
//! As an HTTP server it is honest rather than complete: GET and HEAD, one range a request, no
//! caching, no TLS. [`http`] has it.

mod http;

use aio_sys::op;
use aio_sys::tokio::{Builder, Queue};
use http::{Head, Request};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const USAGE: &str = "usage: ranges FOLDER [ADDRESS]

Serves the files in FOLDER, and below, over HTTP at ADDRESS (127.0.0.1:8080 unless told otherwise;
port 0: any that is free). Once it listens, it says where on standard output. Links that lead out of
the folder are not followed.
";
/// Reads in flight, of all connections.
const READS: NonZeroU32 = NonZeroU32::new(64).unwrap();
/// What is read at once.
const PIECE: u64 = 128 << 10;
/// A client that asks for nothing, or takes nothing, for so long is let go.
const PATIENCE: Duration = Duration::from_secs(30);

type Reads = Queue<Vec<u8>>;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (folder, address) = match args.as_slice() {
        [help] if help == "--help" || help == "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [folder] => (folder, "127.0.0.1:8080"),
        [folder, address] if address.to_str().is_some() => {
            (folder, address.to_str().expect("just looked"))
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let served = fs::canonicalize(folder)
        .map_err(|error| format!("cannot serve {folder:?}: {error}"))
        .and_then(|folder| {
            let runtime =
                tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
            runtime.block_on(serve(folder.into(), address))
        });
    let Err(sentence) = served;
    eprintln!("ranges: {sentence}");
    ExitCode::FAILURE
}

/// Until something stands in the way.
async fn serve(folder: Arc<Path>, address: &str) -> Result<std::convert::Infallible, String> {
    let reads = Builder::new(READS).nowait(true).build().map_err(|error| error.to_string())?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen at {address}: {error}"))?;
    let local =
        listener.local_addr().map_err(|error| format!("cannot listen at {address}: {error}"))?;
    // Flushed at the line's end; who does not want to know closes it.
    let _ = writeln!(io::stdout(), "http://{local}/");
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let (reads, folder) = (reads.clone(), folder.clone());
                // What becomes of one client is no other's affair.
                tokio::spawn(async move { attend(client, &reads, &folder).await });
            }
            // Out of descriptors, say: some come back when clients leave.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// One request after the other, as long as the client likes.
async fn attend(mut client: TcpStream, reads: &Reads, folder: &Path) -> io::Result<()> {
    let mut received = Vec::new();
    loop {
        let Some(request) = timeout(PATIENCE, next_request(&mut client, &mut received)).await??
        else {
            return Ok(());
        };
        let (head, file) = answer(&request, folder).await;
        timeout(PATIENCE, client.write_all(head.text(&request).as_bytes())).await??;
        if let (Some(file), true) = (file, request.wants_body) {
            send(&mut client, reads, file, head.range).await?;
        }
        if !request.keep_alive {
            return client.shutdown().await;
        }
    }
}

/// The head of a request; `None` if the client has left. `received` is what it has sent so far and
/// nobody has read.
async fn next_request(
    client: &mut TcpStream,
    received: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    loop {
        if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            let request = Request::parse(&received[..end]);
            received.drain(..end + 4);
            return Ok(Some(request));
        }
        if received.len() > http::LONGEST_HEAD {
            return Ok(Some(Request::bad("431 Request Header Fields Too Large")));
        }
        if client.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

/// What to say, and the file to send if it is one.
async fn answer(request: &Request, folder: &Path) -> (Head, Option<Arc<File>>) {
    let Ok(path) = &request.path else {
        return (Head::error(request.path.as_ref().unwrap_err()), None);
    };
    let path = folder.join(path);
    let folder = folder.to_owned();
    // To look for a file may block as well.
    let found = tokio::task::spawn_blocking(move || find(&folder, path)).await;
    match found.expect("it does not panic") {
        Ok((file, bytes)) => {
            let head = Head::file(request.range, bytes);
            let file = head.has_file().then(|| Arc::new(file));
            (head, file)
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            (Head::error("403 Forbidden"), None)
        }
        Err(_) => (Head::error("404 Not Found"), None),
    }
}

/// The file below the folder, and its length.
fn find(folder: &Path, path: PathBuf) -> io::Result<(File, u64)> {
    let path = fs::canonicalize(path)?;
    // A pipe would keep us waiting for its other end.
    if !path.starts_with(folder) || !fs::metadata(&path)?.is_file() {
        return Err(ErrorKind::NotFound.into());
    }
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// A part of a file, piece by piece, the next of which is read while one is sent.
async fn send(
    client: &mut TcpStream,
    reads: &Reads,
    file: Arc<File>,
    range: Range<u64>,
) -> io::Result<()> {
    let mut spare = Some(Vec::new());
    let mut offset = range.start;
    // A task of its own makes headway while this one waits for the client.
    let read = |mut buf: Vec<u8>, at: u64| {
        buf.resize(PIECE.min(range.end - at) as usize, 0);
        let (reads, file) = (reads.clone(), file.clone());
        tokio::spawn(async move { reads.submit(op::read_at(file, buf, at)).await })
    };
    let mut coming = (offset < range.end).then(|| read(Vec::new(), offset));
    while let Some(piece) = coming.take() {
        let (result, buf) = piece.await?;
        // The length is promised: a file that was cut off meanwhile ends the connection.
        let bytes = result.map_err(|errno| io::Error::from_raw_os_error(errno.raw_os_error()))?;
        if bytes == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        offset += bytes as u64;
        if offset < range.end {
            coming = Some(read(spare.take().unwrap_or_default(), offset));
        }
        timeout(PATIENCE, client.write_all(&buf[..bytes])).await??;
        spare = Some(buf);
    }
    Ok(())
}
