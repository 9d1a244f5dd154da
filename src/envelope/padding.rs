//! Padmé: sealed sizes tell little about plain sizes, for at most 12 % more bytes.
//!
//! A four-byte length goes before the plain bytes, zeros after them, up to the next size of
//! Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
//! PURBs", PoPETS 2019, algorithm 1): sizes whose binary form has no more significant bits than
//! their exponent has.

use zeroize::Zeroizing;

/// Size of the length before the plain bytes: 32 bits, big-endian.
const PREFIX_BYTES: usize = 4;

/// Size of `plain_bytes` with length and padding.
pub const fn padded_bytes(plain_bytes: usize) -> usize {
    next_size(plain_bytes.saturating_add(PREFIX_BYTES))
}

/// Whether something padded can be `bytes` long.
pub const fn is_size(bytes: usize) -> bool {
    bytes >= PREFIX_BYTES && next_size(bytes) == bytes
}

/// The plain bytes with length and padding; `None` when the length does not fit in 32 bits.
pub(super) fn pad(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let length = u32::try_from(plain.len()).ok()?;
    let size = padded_bytes(plain.len());
    let mut padded = Zeroizing::new(Vec::with_capacity(size));
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(plain);
    padded.resize(size, 0);
    Some(padded)
}

/// The plain bytes within `padded`; `None` unless length, size and zeros are as `pad` makes them.
pub(super) fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let (prefix, rest) = padded.split_first_chunk::<PREFIX_BYTES>()?;
    let length = usize::try_from(u32::from_be_bytes(*prefix)).ok()?;
    let (plain, zeros) = rest.split_at_checked(length)?;
    (padded_bytes(length) == padded.len() && zeros.iter().all(|byte| *byte == 0)).then_some(plain)
}

/// The least size of Padmé that is not below `bytes`.
pub(super) const fn next_size(bytes: usize) -> usize {
    if bytes < 2 {
        return bytes;
    }
    let exponent = bytes.ilog2();
    let zero_bits = exponent.saturating_sub(exponent.ilog2() + 1);
    let mask = (1_usize << zero_bits) - 1;
    bytes.saturating_add(mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_paper() {
        let sizes = [(0, 0), (1, 1), (2, 2), (7, 7), (8, 8), (9, 10), (15, 16), (16, 16)];
        let more = [(17, 18), (100, 104), (1000, 1024), (1024, 1024), (1025, 1088)];
        let large = [(16_385, 17_408), (1_048_576, 1_048_576), (1_048_577, 1_081_344)];
        for (bytes, size) in sizes.into_iter().chain(more).chain(large) {
            assert_eq!(next_size(bytes), size, "{bytes}");
        }
    }

    #[test]
    fn a_size_is_its_own_next_and_costs_at_most_an_eighth() {
        for bytes in 0..70_000 {
            let size = next_size(bytes);
            assert_eq!(next_size(size), size);
            assert!(size >= bytes && size - bytes <= bytes / 8, "{bytes} {size}");
        }
    }

    #[test]
    fn padding_comes_off_at_every_boundary() {
        let boundaries = [1024, 1088, 16_384, 17_408];
        for edge in boundaries {
            for bytes in edge - PREFIX_BYTES - 1..=edge - PREFIX_BYTES + 1 {
                let plain = vec![7; bytes];
                let padded = pad(&plain).unwrap();
                assert_eq!(padded.len() == edge, bytes <= edge - PREFIX_BYTES, "{bytes}");
                assert_eq!(unpad(&padded), Some(plain.as_slice()));
            }
        }
        assert_eq!(unpad(&pad(b"").unwrap()), Some(b"".as_slice()));
    }

    #[test]
    fn the_longest_and_shortest_of_a_class_have_one_size() {
        let (shortest, longest) = (1088 - 63 - PREFIX_BYTES, 1088 - PREFIX_BYTES);
        assert_eq!((padded_bytes(shortest - 1), padded_bytes(shortest)), (1024, 1088));
        assert_eq!((padded_bytes(longest), padded_bytes(longest + 1)), (1088, 1152));
    }

    #[test]
    fn other_paddings_are_refused() {
        let padded = pad(&[7; 1021]).unwrap();
        assert_eq!(padded.len(), 1088);
        let mut longer = padded.to_vec();
        longer.resize(1152, 0);
        assert_eq!(unpad(&longer), None);
        let mut marked = padded.to_vec();
        *marked.last_mut().unwrap() = 1;
        assert_eq!(unpad(&marked), None);
        let mut overlong = padded.to_vec();
        overlong[0] = 0x80;
        assert_eq!(unpad(&overlong), None);
        for bytes in 0..PREFIX_BYTES {
            assert_eq!(unpad(&padded[..bytes]), None);
        }
    }
}
