//! What is sent of a file: conditions and ranges (RFC 9110, sections 13 and 14).

use headers::{
    ETag, HeaderMapExt as _, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince, LastModified,
};
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use hyper::http::response::Parts;
use hyper::{Method, Response, StatusCode};
use std::fs::Metadata;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, UNIX_EPOCH};

/// The head of the response to a GET or HEAD of the file, and which of its bytes follow, if any.
pub fn to(method: &Method, request: &HeaderMap, file: &Metadata) -> (Parts, Option<Range<u64>>) {
    let (mut head, ()) = Response::new(()).into_parts();
    let headers = &mut head.headers;
    // As strong as it gets without reading the file: a change gives it another time in nanoseconds.
    let tag = format!("\"{:x}-{:x}-{:x}.{:x}\"", file.ino(), file.len(), file.mtime(), {
        file.mtime_nsec()
    });
    let tag: ETag = tag.parse().expect("a tag in quotes");
    let modified = UNIX_EPOCH + Duration::from_secs(file.mtime().max(0) as u64);
    headers.typed_insert(tag.clone());
    headers.typed_insert(LastModified::from(modified));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));

    let unchanged = match request.typed_get::<IfMatch>() {
        Some(tags) => tags.precondition_passes(&tag),
        None => request
            .typed_get::<IfUnmodifiedSince>()
            .is_none_or(|since| since.precondition_passes(modified)),
    };
    let changed = match request.typed_get::<IfNoneMatch>() {
        Some(tags) => tags.precondition_passes(&tag),
        None => {
            request.typed_get::<IfModifiedSince>().is_none_or(|since| since.is_modified(modified))
        }
    };
    if !unchanged || !changed {
        head.status =
            if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::PRECONDITION_FAILED };
        return (head, None);
    }

    // The same file, whose validators the client got from here.
    let validators = [headers.typed_get::<ETag>().map(|_| headers["etag"].clone()), {
        headers.get(LAST_MODIFIED).cloned()
    }];
    let same = request.get(IF_RANGE).is_none_or(|one| validators.contains(&Some(one.clone())));
    let wanted = request.get(RANGE).filter(|_| same && *method == Method::GET);
    let all = 0..file.len();
    let range = match wanted.and_then(|range| parse(range.to_str().ok()?, file.len())) {
        Some(range) if range.is_empty() => {
            head.status = StatusCode::RANGE_NOT_SATISFIABLE;
            headers.insert(CONTENT_RANGE, text(format!("bytes */{}", all.end)));
            return (head, None);
        }
        Some(range) => {
            head.status = StatusCode::PARTIAL_CONTENT;
            let (first, last) = (range.start, range.end - 1);
            headers.insert(CONTENT_RANGE, text(format!("bytes {first}-{last}/{}", all.end)));
            range
        }
        None => all,
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
    (head, Some(range))
}

fn text(value: String) -> HeaderValue {
    value.try_into().expect("digits and a few signs")
}

/// `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT` of a file with `len` bytes; empty if the
/// file does not have it. `None` for what is ignored: malformed, in other units, several ranges,
/// and the last bytes of an empty file, which no `Content-Range` can name.
fn parse(range: &str, len: u64) -> Option<Range<u64>> {
    let (unit, set) = range.split_once('=')?;
    let (first, last) =
        set.trim().split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
    // `parse` would accept a sign.
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number of more than 64 bits is beyond the end of each file.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (number(first), number(last)) {
        (None, Some(0)) if first.is_empty() => 0..0,
        (None, Some(_)) if first.is_empty() && len == 0 => return None,
        (None, Some(count)) if first.is_empty() => len.saturating_sub(count)..len,
        (Some(first), None) if last.is_empty() => first..len,
        (Some(first), Some(last)) if first <= last => first..len.min(last.saturating_add(1)),
        _ => return None,
    };
    Some(range)
}
