//! The example `ranges`, as its clients meet it: by hand, and through curl.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// It ends with its value.
struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    address: String,
    directory: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn program() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PROGRAM.get_or_init(|| crate::example::example("ranges")))
}

const BYTES: usize = 1_000_003;

fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

impl Server {
    fn new() -> Server {
        Server::with(&[])
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// With a file `some file` of `BYTES` bytes, in `below`, that is not in the page cache.
    fn with(options: &[&str]) -> Server {
        let directory = TempDir::new().unwrap();
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("below")).unwrap();
        let path = root.join("below/some file");
        fs::write(&path, (0..BYTES).map(byte).collect::<Vec<_>>()).unwrap();
        fs::write(root.join("empty"), "").unwrap();
        fs::write(directory.path().join("secret"), "not to be served").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("way out")).unwrap();
        assert!(Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink("below/some file", root.join("link")).unwrap();
        let file = fs::File::open(&path).unwrap();
        file.sync_all().unwrap();
        // SAFETY: it touches no memory.
        unsafe {
            libc::posix_fadvise(
                std::os::fd::AsRawFd::as_raw_fd(&file),
                0,
                0,
                libc::POSIX_FADV_DONTNEED,
            )
        };
        let child =
            program().args(options).arg(&root).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix("/\n"))
            .unwrap()
            .to_owned();
        Server { child, address, directory }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(&self.address).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client
    }

    /// Everything that comes until the server closes.
    fn ask(&self, request: &str) -> (String, Vec<u8>) {
        let mut client = self.connect();
        client.write_all(request.as_bytes()).unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(all[..end].to_vec()).unwrap(), all[end..].to_vec())
    }

    /// Status and body for a target and more fields.
    fn get(&self, target: &str, fields: &str) -> (String, String, Vec<u8>) {
        let (head, body) = self
            .ask(&format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n"));
        let status = head.lines().next().unwrap().strip_prefix("HTTP/1.1 ").unwrap().to_owned();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        (status, head, body)
    }
}

const FILE: &str = "/below/some%20file?query";

#[test]
fn ranges_are_the_bytes_that_were_asked_for() {
    let server = Server::new();
    let (status, head, body) = server.get(FILE, "");
    assert_eq!((status.as_str(), body.len()), ("200 OK", BYTES));
    assert!(head.contains("accept-ranges: bytes\r\n") && (0..BYTES).all(|at| body[at] == byte(at)));
    for (wanted, range) in [
        ("0-0", 0..1),
        ("5-9", 5..10),
        ("131071-131073", 131_071..131_074),
        ("999999-", 999_999..BYTES),
        ("-7", BYTES - 7..BYTES),
        ("-99999999", 0..BYTES),
        ("1000002-18446744073709551615", BYTES - 1..BYTES),
        ("1-999999", 1..1_000_000),
    ] {
        let (status, head, body) = server.get(FILE, &format!("range: bytes={wanted}\r\n"));
        assert_eq!(status, "206 Partial Content", "{wanted}");
        assert!(
            head.contains(&format!(
                "content-range: bytes {}-{}/{BYTES}\r\n",
                range.start,
                range.end - 1
            )),
            "{head}"
        );
        assert_eq!(body.len(), range.len());
        assert!(range.zip(body).all(|(at, found)| found == byte(at)), "{wanted}");
    }
    for beyond in ["1000003-", "1000003-1000009", "-0"] {
        let (status, head, _) = server.get(FILE, &format!("Range: bytes={beyond}\r\n"));
        assert_eq!(status, "416 Range Not Satisfiable");
        assert!(head.contains(&format!("content-range: bytes */{BYTES}\r\n")), "{head}");
    }
    // What cannot be understood is ignored, and so is what is only wanted of a file that is known
    // to be the same.
    for ignored in [
        "Range: bytes=9-5\r\n",
        "Range: bytes=0-1,5-6\r\n",
        "Range: lines=1-2\r\n",
        "Range: bytes=+1-2\r\n",
    ] {
        assert_eq!(server.get(FILE, ignored).0, "200 OK", "{ignored}");
    }
    assert_eq!(server.get(FILE, "Range: bytes=1-2\r\nIf-Range: \"tag\"\r\n").2.len(), BYTES);
    assert_eq!(server.get("/link", "Range: bytes=1-2\r\n").2, [1, 2]);
    assert_eq!(server.get("/empty", "").0, "200 OK");
    assert_eq!(server.get("/empty", "Range: bytes=0-\r\n").0, "416 Range Not Satisfiable");
    assert_eq!(server.get("/empty", "Range: bytes=-5\r\n").0, "200 OK");
}

#[test]
fn unavailable_files_are_reported() {
    let server = Server::new();
    for (target, status) in [
        ("/", "404 Not Found"),
        ("/below", "404 Not Found"),
        ("/nothing", "404 Not Found"),
        ("/way%20out", "404 Not Found"),
        ("/../secret", "404 Not Found"),
        ("/below/%2e%2E/%2e./%2e%2e/secret", "404 Not Found"),
        ("//etc/passwd", "404 Not Found"),
        ("/%00", "404 Not Found"),
        ("/%f", "404 Not Found"),
        ("/%ff", "404 Not Found"),
        ("/pipe", "404 Not Found"),
        ("nowhere", "400 Bad Request"),
    ] {
        assert_eq!(server.get(target, "").0, status, "{target}");
    }
    for (request, status) in [
        ("POST /link HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405"),
        ("GET /link HTTP/3\r\nHost: x\r\n\r\n", "400"),
        ("GET /link\r\n\r\n", "400"),
        ("GET /link HTTP/1.1\r\nHost: x\r\nno field\r\n\r\n", "400"),
        // RFC 9112, sections 3.2, 5.1, 5.2 and 5.5.
        ("GET /link HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        ("GET /link HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n", "400"),
        ("GET /link HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", "400"),
        ("GET /link HTTP/1.1\r\nHost : x\r\n\r\n", "400"),
        ("GET /link HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "400"),
        ("GET /link HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", "400"),
        ("GET http://other/link HTTP/1.1\r\nHost: x\r\nConnection: close, x\r\n\r\n", "200"),
        ("GET /link HTTP/1.0\r\n\r\n", "200"),
        ("HEAD /link HTTP/1.0\r\n\r\n", "200"),
        ("HEAD /nothing HTTP/1.0\r\n\r\n", "404"),
    ] {
        let (head, body) = server.ask(request);
        assert_eq!(head.split(' ').nth(1), Some(status), "{request:?}: {head}");
        assert!(head.contains("\r\ndate: "), "{head}");
        assert_eq!(head.contains("\r\nallow: GET, HEAD\r\n"), status == "405");
        let is_file = status == "200" && !request.starts_with("HEAD");
        assert!(body.len() == BYTES || !is_file, "{request:?}: {}", body.len());
        assert!(body.is_empty() || !request.starts_with("HEAD"));
    }
    let nowhere = program().arg(server.directory.path().join("nowhere")).output().unwrap();
    let said = String::from_utf8(nowhere.stderr).unwrap();
    assert!(
        nowhere.status.code() == Some(1) && said.ends_with("ENOENT (No such file or directory)\n"),
        "{said}"
    );
    let taken = program().arg(server.directory.path()).arg(&server.address).output().unwrap();
    let said = String::from_utf8(taken.stderr).unwrap();
    assert!(said.starts_with(&format!("ranges: cannot listen at {}: ", server.address)), "{said}");
    assert_eq!(program().output().unwrap().status.code(), Some(2));
}

/// Many clients with many requests each, on one connection, some sent before the answer to the last
/// one has come; others leave in the middle of an answer.
#[test]
fn many_clients_at_a_time() {
    let server = Server::new();
    thread::scope(|threads| {
        for client in 0..16 {
            let server = &server;
            threads.spawn(move || {
                let mut leaves = server.connect();
                leaves.write_all(b"GET /link HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                leaves.read_exact(&mut [0; 10]).unwrap();
                drop(leaves);
                let mut connection = server.connect();
                let ranges: Vec<_> =
                    (0..20).map(|i| ((client * 61_007 + i * 9_001) % BYTES, i * 7_919)).collect();
                let last = |&(first, more): &(usize, usize)| (first + more).min(BYTES - 1);
                for two in ranges.chunks(2) {
                    let requests: String = two
                        .iter()
                        .map(|range| {
                            format!(
                                "GET /link HTTP/1.1\r\nHost: x\r\nRange: bytes={}-{}\r\n\r\n",
                                range.0,
                                last(range)
                            )
                        })
                        .collect();
                    connection.write_all(requests.as_bytes()).unwrap();
                    let mut answers = BufReader::new(&mut connection);
                    for range in two {
                        let mut line = String::new();
                        while !line.ends_with("\r\n\r\n") {
                            assert_ne!(answers.read_line(&mut line).unwrap(), 0, "{line}");
                        }
                        let mut body = vec![0; last(range) - range.0 + 1];
                        answers.read_exact(&mut body).unwrap();
                        assert!(body.iter().zip(range.0..).all(|(&found, at)| found == byte(at)));
                    }
                }
            });
        }
    });
}

/// RFC 9110, section 13: in the order of its 13.2.2.
#[test]
fn conditions() {
    let server = Server::new();
    let (_, head, _) = server.get("/link", "");
    let field = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.to_owned()
    };
    let (tag, modified) = (field("etag: "), field("last-modified: "));
    let (before, after) = ("Thu, 01 Jan 1970 00:00:10 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    for (fields, status) in [
        (format!("If-None-Match: {tag}"), "304"),
        (format!("If-None-Match: \"a\", W/{tag}"), "304"),
        ("If-None-Match: *".to_owned(), "304"),
        (format!("If-None-Match: \"a\"\r\nIf-Modified-Since: {after}"), "200"),
        (format!("If-Modified-Since: {modified}"), "304"),
        (format!("If-Modified-Since: {before}"), "200"),
        ("If-Modified-Since: today".to_owned(), "200"),
        (format!("If-Match: {tag}"), "200"),
        ("If-Match: *".to_owned(), "200"),
        (format!("If-Match: W/{tag}"), "412"),
        ("If-Match: \"a\"".to_owned(), "412"),
        (format!("If-Match: {tag}\r\nIf-Unmodified-Since: {before}"), "200"),
        (format!("If-Unmodified-Since: {before}"), "412"),
        (format!("If-Unmodified-Since: {modified}"), "200"),
        (format!("If-Match: {tag}\r\nIf-None-Match: {tag}"), "304"),
        (format!("Range: bytes=1-2\r\nIf-Range: {tag}"), "206"),
        (format!("Range: bytes=1-2\r\nIf-Range: {modified}"), "206"),
        (format!("Range: bytes=1-2\r\nIf-Range: {after}"), "200"),
        ("Range: bytes=1-2\r\nIf-Range: \"a\"".to_owned(), "200"),
        (format!("Range: bytes=1-2\r\nIf-None-Match: {tag}"), "304"),
    ] {
        let request = format!("GET /link HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}");
        let (head, body) = server.ask(&format!("{request}\r\n\r\n"));
        assert_eq!(head.split(' ').nth(1), Some(status), "{fields}");
        assert_eq!(
            body.len(),
            match status {
                "200" => BYTES,
                "206" => 2,
                _ => 0,
            },
            "{fields}"
        );
        assert!(head.contains(&format!("\r\netag: {tag}\r\n")), "{head}");
    }
}

/// Who accepts something now and then gets all of it, however long that takes; who accepts nothing
/// is disconnected.
#[test]
fn slow_clients_are_served_and_stalled_ones_are_not() {
    let server = Server::with(&["--timeout", "3"]);
    let large = 48 << 20;
    fs::File::create(server.root().join("large")).unwrap().set_len(large).unwrap();
    let request = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    thread::scope(|threads| {
        threads.spawn(|| {
            let (mut client, mut all, mut some) = (server.connect(), 0, vec![0; 1 << 20]);
            client.write_all(request).unwrap();
            while let Ok(()) = client.read_exact(&mut some) {
                all += some.len() as u64;
                thread::sleep(Duration::from_millis(100));
            }
            assert!(all >= large, "{all}");
        });
        threads.spawn(|| {
            let mut client = server.connect();
            client.write_all(request).unwrap();
            thread::sleep(Duration::from_secs(7));
            let (mut all, mut some) = (0, vec![0; 1 << 20]);
            while let Ok(count @ 1..) = client.read(&mut some) {
                all += count as u64;
            }
            assert!(all < large, "{all}");
        });
        threads.spawn(|| {
            let mut client = server.connect();
            client.write_all(b"GET /large HTTP/1.1\r\n").unwrap();
            let mut said = Vec::new();
            let _ = client.read_to_end(&mut said);
            assert!(!String::from_utf8_lossy(&said).contains("200 OK"), "{said:?}");
        });
    });
}

/// A third-party client.
#[test]
fn curl_gets_what_it_asks_for() {
    let server = Server::new();
    let curl = |arguments: &[&str], target: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "10"]).args(arguments);
        curl.arg(format!("http://{}{target}", server.address)).output()
    };
    let Ok(whole) = curl(&["-f"], FILE) else {
        return aio_tests::skip("ranges by curl", "there is no curl here");
    };
    assert!(
        whole.stdout == fs::read(server.directory.path().join("root/link")).unwrap(),
        "{whole:?}"
    );
    for (range, expected) in
        [("100-199", 100..200), ("-50", BYTES - 50..BYTES), ("1000000-", 1_000_000..BYTES)]
    {
        let part = curl(&["-f", "-r", range], FILE).unwrap();
        assert!(
            part.status.success() && part.stdout == expected.map(byte).collect::<Vec<_>>(),
            "{range}"
        );
    }
    assert_eq!(curl(&["-f"], "/nothing").unwrap().status.code(), Some(22), "an error of HTTP");
    // A download that was interrupted goes on.
    let half: &Path = &server.directory.path().join("half");
    fs::write(half, (0..500_000).map(byte).collect::<Vec<_>>()).unwrap();
    let on = curl(&["-f", "-C", "-", "-o", half.to_str().unwrap()], FILE).unwrap();
    assert!(on.status.success() && fs::read(half).unwrap() == whole.stdout, "{on:?}");
}
