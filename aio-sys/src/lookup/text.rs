//! Comparing text in `const fn`.

/// Whether two names are the same; `==` is not for `const fn`.
#[inline]
pub(super) const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (mut a, mut b) = (one, other);
    while let (Some((word_a, rest_a)), Some((word_b, rest_b))) =
        (a.split_first_chunk(), b.split_first_chunk())
    {
        if u64::from_le_bytes(*word_a) != u64::from_le_bytes(*word_b) {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    // The last bytes once more, as far as a word reaches.
    if let (Some(a), Some(b)) = (one.last_chunk(), other.last_chunk()) {
        return u64::from_le_bytes(*a) == u64::from_le_bytes(*b);
    }
    while let ([byte_a, rest_a @ ..], [byte_b, rest_b @ ..]) = (a, b) {
        if *byte_a != *byte_b {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    true
}

#[cfg(test)]
mod tests {
    /// Two names that differ in one byte hardly ever share a slot, so that look-ups alone would not
    /// show a byte that is left out.
    #[test]
    fn names_are_the_same_if_every_byte_is() {
        let text = *b"rt_tgsigqueueinfo_time64_and_more";
        for len in 0..=text.len() {
            assert!(super::same(&text[..len], &text[..len]));
            assert!(len == text.len() || !super::same(&text[..len], &text[..=len]));
            for at in 0..len {
                let mut other = text;
                other[at] ^= 0x20;
                assert!(
                    !super::same(&text[..len], &other[..len]),
                    "{len} bytes, of which {at} differs"
                );
            }
        }
    }
}
