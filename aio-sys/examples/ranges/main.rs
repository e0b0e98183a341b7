//! `ranges` serves the files of a directory over HTTP/1.1, whole or by range. The HTTP is hyper's,
//! the reads are native AIO.
//!
//! ```text
//! cargo run --release -p aio-sys --features tokio --example ranges -- DIRECTORY [ADDRESS]
//! curl -r 100-199 http://127.0.0.1:8080/file
//! ```
//!
//! What it shows of [`aio_sys::tokio`]:
//!
//! - one queue for all connections. If its slots are taken, requests wait for one.
//!   [`Builder::nowait`] keeps the threads from blocking on what is not in the page cache;
//! - [`body::Piecewise`] reads the next piece of a file while one is sent;
//! - a client that disconnects drops its connection's task. Reads in flight keep their buffers
//!   until they have completed.
//!
//! What a file server has to decide about ranges and conditions is in [`reply`]. It does not have
//! TLS, compression and multipart ranges.

mod body;
#[path = "../common/mod.rs"]
mod common;
mod open;
mod reply;

use aio_sys::tokio::{Builder, Queue};
use body::Piecewise;
use common::{Program, Result, Stop, cannot, print, reason};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, HOST, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use lexopt::{Arg, Parser, ValueExt};
use open::Root;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

const PROGRAM: Program = Program {
    name: "ranges",
    usage: "[--timeout SECONDS] DIRECTORY [ADDRESS]",
    help: "\
Serves the files in DIRECTORY and below over HTTP. Symbolic links are followed as long as they are
relative and stay in the directory. The address is printed on standard output.

ADDRESS is 127.0.0.1:8080 by default. Port 0 is any that is free.

Options:
  --timeout SECONDS  how long a connection may be idle, a request's head may take, and a client may
                     accept nothing of a response [default: 30]
  -h, --help         print this text
  -V, --version      print the version

Exit status: 1 failed, 2 wrong usage.",
};

struct Options {
    directory: PathBuf,
    address: String,
    timeout: Duration,
}

/// Reads in flight, of all connections.
const READS: NonZeroU32 = NonZeroU32::new(64).unwrap();

fn main() -> ExitCode {
    match parse(Parser::from_env()) {
        Ok(options) => PROGRAM.end(run(options)),
        Err(stop) => PROGRAM.stop(stop),
    }
}

fn parse(mut args: Parser) -> std::result::Result<Options, Stop> {
    let (mut directory, mut address, mut timeout) = (None, None, 30);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("timeout") => timeout = args.value()?.parse::<NonZeroU32>()?.get(),
            Arg::Value(path) if directory.is_none() => directory = Some(path.into()),
            Arg::Value(name) if address.is_none() => address = Some(name.string()?),
            arg => return Err(Stop::at(arg)),
        }
    }
    Ok(Options {
        directory: directory.ok_or_else(|| Stop::Wrong("DIRECTORY is missing".to_owned()))?,
        address: address.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
        timeout: Duration::from_secs(timeout.into()),
    })
}

/// Returns only on failure.
#[tokio::main]
async fn run(Options { directory, address, timeout }: Options) -> Result<()> {
    let root = Root::open(&directory).map_err(cannot("serve", &directory))?;
    let reads = Builder::new(READS).nowait(true).build().map_err(|error| error.to_string())?;
    let server = Arc::new(Server { root, reads });
    let failed = |error| format!("cannot listen at {address}: {}", reason(&error));
    let listener = TcpListener::bind(&address).await.map_err(failed)?;
    // It serves files all the same.
    let _ = print(format_args!("http://{}/\n", listener.local_addr().map_err(failed)?));
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(connection(server.clone(), client, timeout))),
            // Out of descriptors, for example: wait until other clients have disconnected.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Errors end the connection, and nothing else.
async fn connection(server: Arc<Server>, client: TcpStream, timeout: Duration) {
    // The last packet of a response is not delayed.
    let _ = client.set_nodelay(true);
    let mut client = TimeoutStream::new(client);
    client.set_write_timeout(Some(timeout));
    let service = service_fn(|request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(server.respond(&request).await) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .serve_connection(TokioIo::new(Box::pin(client)), service)
        .await;
}

struct Server {
    root: Root,
    reads: Queue<Vec<u8>>,
}

impl Server {
    async fn respond(
        &self,
        request: &Request<Incoming>,
    ) -> Response<Either<Full<Bytes>, Piecewise>> {
        let has_host = request.version() < Version::HTTP_11 || has_one_host(request.headers());
        if !has_host || !request.uri().path().starts_with('/') {
            return error(StatusCode::BAD_REQUEST);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = error(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let (file, metadata) = match self.root.file(request.uri().path()).await {
            Ok(found) => found,
            Err(error_) if error_.kind() == ErrorKind::PermissionDenied => {
                return error(StatusCode::FORBIDDEN);
            }
            Err(_) => return error(StatusCode::NOT_FOUND),
        };
        let (head, range) = reply::to(request.method(), request.headers(), &metadata);
        let body = match range {
            Some(range) if *request.method() == Method::GET => {
                Either::Right(Piecewise::new(self.reads.clone(), file, range))
            }
            _ => Either::Left(Full::default()),
        };
        Response::from_parts(head, body)
    }
}

/// RFC 9112, section 3.2.
fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let valid = |host: &HeaderValue| {
        host.is_empty() || hyper::http::uri::Authority::try_from(host.as_bytes()).is_ok()
    };
    hosts.next().is_some_and(valid) && hosts.next().is_none()
}

fn error(status: StatusCode) -> Response<Either<Full<Bytes>, Piecewise>> {
    let mut response = Response::new(Either::Left(Full::from(format!("{status}\n"))));
    *response.status_mut() = status;
    response
}
