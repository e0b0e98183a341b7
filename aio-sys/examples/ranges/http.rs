//! As much of HTTP/1.1 (RFC 9110, RFC 9112) as the server needs.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Component, PathBuf};

/// Bytes of a request's head at most.
pub const LONGEST_HEAD: usize = 8 << 10;

/// What a client wants.
pub struct Request {
    /// Relative to the folder; or the status to answer with.
    pub path: Result<PathBuf, &'static str>,
    pub range: Option<Wanted>,
    pub wants_body: bool,
    pub keep_alive: bool,
}

/// `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`.
#[derive(Clone, Copy)]
pub enum Wanted {
    From(u64, Option<u64>),
    Last(u64),
}

impl Request {
    /// One to be refused, after which nothing can be made of what else is sent.
    pub fn bad(status: &'static str) -> Request {
        Request { path: Err(status), range: None, wants_body: true, keep_alive: false }
    }

    /// Of the lines before the empty one.
    pub fn parse(head: &[u8]) -> Request {
        let Ok(head) = std::str::from_utf8(head) else { return Request::bad("400 Bad Request") };
        let mut lines = head.split("\r\n");
        let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, target, version] = words[..] else { return Request::bad("400 Bad Request") };
        if !["HTTP/1.1", "HTTP/1.0"].contains(&version) {
            return Request::bad("505 HTTP Version Not Supported");
        }
        if !["GET", "HEAD"].contains(&method) {
            // It may have a body, in which the next request would be looked for.
            return Request::bad("405 Method Not Allowed");
        }
        let mut request = Request {
            path: path(target).ok_or("400 Bad Request"),
            range: None,
            wants_body: method == "GET",
            keep_alive: version == "HTTP/1.1",
        };
        let mut whole = false;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                return Request::bad("400 Bad Request");
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "connection" if value.eq_ignore_ascii_case("close") => request.keep_alive = false,
                // What is malformed, or has several ranges, may be ignored, and is.
                "range" => request.range = range(value),
                // The file has no tag and no date here, so it is not known to be the same.
                "if-range" => whole = true,
                "content-length" if value != "0" => return Request::bad("400 Bad Request"),
                "transfer-encoding" => return Request::bad("400 Bad Request"),
                _ => {}
            }
        }
        request.range = request.range.filter(|_| !whole && method == "GET");
        request
    }
}

/// The path of a target, without what is after a `?`, decoded; `None` if it is none, or leads
/// upwards.
fn path(target: &str) -> Option<PathBuf> {
    let path = target.split('?').next()?.strip_prefix('/')?;
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits =
                    [bytes.next()?, bytes.next()?].map(|digit| (digit as char).to_digit(16));
                let [Some(high), Some(low)] = digits else { return None };
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    let path = PathBuf::from(String::from_utf8(decoded).ok().filter(|path| !path.contains('\0'))?);
    path.components().all(|part| matches!(part, Component::Normal(_))).then_some(path)
}

fn range(value: &str) -> Option<Wanted> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    // `parse` would take a sign.
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    match (first, last) {
        ("", count) => Some(Wanted::Last(number(count)?)),
        (first, "") => Some(Wanted::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Wanted::From(first, Some(last)))
        }
    }
}

/// What is answered before the file's bytes.
pub struct Head {
    status: &'static str,
    fields: String,
    /// What is sent of the file.
    pub range: Range<u64>,
    /// In place of a file.
    text: Option<&'static str>,
}

impl Head {
    pub fn error(status: &'static str) -> Head {
        let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        Head { status, fields: allow.to_owned(), range: 0..0, text: Some(status) }
    }

    /// A file of so many bytes, or what is wanted of it.
    pub fn file(wanted: Option<Wanted>, bytes: u64) -> Head {
        let fields =
            "Accept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n".to_owned();
        let range = match wanted {
            None => return Head { status: "200 OK", fields, range: 0..bytes, text: None },
            Some(Wanted::From(first, last)) => {
                first..last.map_or(bytes, |last| bytes.min(last.saturating_add(1)))
            }
            Some(Wanted::Last(count)) => bytes.saturating_sub(count)..bytes,
        };
        if range.start >= range.end {
            let status = "416 Range Not Satisfiable";
            return Head {
                fields: format!("Content-Range: bytes */{bytes}\r\n"),
                ..Head::error(status)
            };
        }
        let fields =
            fields + &format!("Content-Range: bytes {}-{}/{bytes}\r\n", range.start, range.end - 1);
        Head { status: "206 Partial Content", fields, range, text: None }
    }

    pub fn has_file(&self) -> bool {
        self.text.is_none()
    }

    /// Up to the file's first byte.
    pub fn text(&self, request: &Request) -> String {
        let length =
            self.text.map_or(self.range.end - self.range.start, |text| text.len() as u64 + 1);
        let mut head =
            format!("HTTP/1.1 {}\r\n{}Content-Length: {length}\r\n", self.status, self.fields);
        if !request.keep_alive {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        if let Some(text) = self.text.filter(|_| request.wants_body) {
            let _ = writeln!(head, "{text}");
        }
        head
    }
}
