// What others call an ABI. This text is compiled twice: as part of the tool, and of what is emitted
// for `aio_sys::Abi`.

/// The name in what begins as constants of libseccomp and audit.h do, or QEMU's programs, which may
/// end in `-static`.
pub(super) const fn bare(text: &[u8]) -> &[u8] {
    const STATIC: &[u8] = b"-static";
    const PREFIXES: &[&[u8]] = &[b"SCMP_ARCH_", b"AUDIT_ARCH_", b"qemu-"];
    let mut prefixes = PREFIXES;
    while let [prefix, rest @ ..] = prefixes {
        if let Some((head, name)) = text.split_at_checked(prefix.len()) {
            if is(head, prefix) {
                return match name.len().checked_sub(STATIC.len()) {
                    Some(at) if is(prefix, b"qemu-") && is(name.split_at(at).1, STATIC) => {
                        name.split_at(at).0
                    }
                    _ => name,
                };
            }
        }
        prefixes = rest;
    }
    text
}

/// Whether two names are the same but for upper and lower case; that of `core` is not `const`
/// before Rust 1.89.
const fn is(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (mut a, mut b) = (one, other);
    while let ([byte_a, rest_a @ ..], [byte_b, rest_b @ ..]) = (a, b) {
        if !byte_a.eq_ignore_ascii_case(byte_b) {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    true
}

/// Whether a text is the name `own` or one of `names`, in upper or lower case.
pub(super) const fn is_named(own: &str, names: &[&str], text: &[u8]) -> bool {
    if is(own.as_bytes(), text) {
        return true;
    }
    let mut names = names;
    while let [name, rest @ ..] = names {
        if is(name.as_bytes(), text) {
            return true;
        }
        names = rest;
    }
    false
}

/// Whether a text fits a pattern, in upper or lower case. In the pattern `*` is any text.
pub(super) const fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (pattern, text);
    // Where to try again: behind the last star, one byte further on in the text.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        match (p, t) {
            ([b'*', rest @ ..], _) => {
                again = Some((rest, t));
                p = rest;
            }
            ([], []) => return true,
            ([a, rest_p @ ..], [b, rest_t @ ..]) if a.eq_ignore_ascii_case(b) => {
                (p, t) = (rest_p, rest_t);
            }
            _ => match again {
                Some((behind, [_, rest @ ..])) => {
                    again = Some((behind, rest));
                    (p, t) = (behind, rest);
                }
                _ => return false,
            },
        }
    }
}

/// Whether one of the patterns fits a target triple, and none of those that begin with `!`.
pub(super) const fn is_triple(patterns: &[&str], triple: &[u8]) -> bool {
    let (mut wanted, mut refused) = (false, false);
    let mut patterns = patterns;
    while let [pattern, rest @ ..] = patterns {
        match pattern.as_bytes() {
            [b'!', pattern @ ..] => refused |= fits(pattern, triple),
            pattern => wanted |= fits(pattern, triple),
        }
        patterns = rest;
    }
    wanted && !refused
}

/// The name that is nearest to a misspelt one, if one is near.
pub(super) fn nearest<'n>(names: impl Iterator<Item = &'n str>, text: &str) -> Option<&'n str> {
    let text = bare(text.as_bytes());
    let near = names.map(|name| (distance(name.as_bytes(), text), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= text.len() / 3).then_some(name)
}

/// How many bytes must be changed, inserted, removed or swapped with the next to make one text of
/// the other. A text that is longer than any name is far from all of them.
fn distance(name: &[u8], text: &[u8]) -> usize {
    const LONGEST: usize = 31;
    if name.len() > LONGEST || text.len() > LONGEST {
        return usize::MAX;
    }
    let is = |n: usize, t: usize| name[n - 1].eq_ignore_ascii_case(&text[t - 1]);
    // For a beginning of `name`, and for the two that are shorter, the distance from each beginning
    // of `text`.
    let mut rows = [[0; LONGEST + 1]; 3];
    for n in 0..=name.len() {
        rows.rotate_right(1);
        for t in 0..=text.len() {
            if n == 0 || t == 0 {
                rows[0][t] = n + t;
                continue;
            }
            let changed = rows[1][t - 1] + usize::from(!is(n, t));
            let mut least = changed.min(rows[1][t] + 1).min(rows[0][t - 1] + 1);
            if n > 1 && t > 1 && is(n, t - 1) && is(n - 1, t) {
                least = least.min(rows[2][t - 2] + 1);
            }
            rows[0][t] = least;
        }
    }
    rows[0][text.len()]
}
