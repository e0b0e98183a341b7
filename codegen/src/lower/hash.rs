// A perfect hash over the names of all calls: each bucket has a seed, which gives each name of the
// bucket its own slot. This file is compiled twice: in the generator, which finds the seeds, and in
// the generated code.

/// 64 bits of a name, of which 8 bytes are read at a time.
#[inline]
pub(super) const fn hash(name: &[u8]) -> u64 {
    const fn mix(hash: u64, word: u64) -> u64 {
        let product = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ (product >> 32)
    }
    let (mut hash, mut rest) = (name.len() as u64, name);
    while let Some((word, behind)) = rest.split_first_chunk() {
        hash = mix(hash, u64::from_le_bytes(*word));
        rest = behind;
    }
    // Read the last 8 bytes, which may overlap: faster than the rest byte by byte.
    if let Some(word) = name.last_chunk() {
        return mix(hash, u64::from_le_bytes(*word));
    }
    match (rest.first_chunk(), rest.last_chunk(), rest) {
        (Some(low), Some(high), _) => {
            mix(hash, u32::from_le_bytes(*low) as u64 | (u32::from_le_bytes(*high) as u64) << 32)
        }
        (_, _, [first, .., last]) => {
            mix(hash, *first as u64 | (rest[rest.len() / 2] as u64) << 8 | (*last as u64) << 16)
        }
        (_, _, [only]) => mix(hash, *only as u64),
        (_, _, []) => hash,
    }
}

/// The bucket of a hash.
#[inline]
pub(super) const fn bucket(hash: u64, buckets: usize) -> usize {
    (((hash >> 32) * buckets as u64) >> 32) as usize
}

/// The slot of a hash whose bucket has that seed.
#[inline]
pub(super) const fn slot(hash: u64, seed: u16, slots: usize) -> usize {
    let place = (hash as u32).wrapping_add(((hash >> 32) as u32).wrapping_mul(seed as u32));
    ((place as u64 * slots as u64) >> 32) as usize
}
