//! What stands under a key in that part of a store which is written first.

use super::store::{CHECKSUM_BYTES, StoreError, checked, checksum, guarded};

/// A value, or that there is none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// This is the value, whatever the settled rows say.
    Value(Vec<u8>),
    /// There is nothing under the key, whatever the settled rows say.
    Gone,
}

impl Kept {
    /// How it is stored: a value behind its checksum, and for [`Kept::Gone`] the checksum of an empty
    /// value with every bit turned. To a program that knows no settled rows that is a damaged record.
    pub(super) fn stored(&self, key: &[u8]) -> Vec<u8> {
        match self {
            Self::Value(value) => guarded(key, value),
            Self::Gone => gone(key).to_vec(),
        }
    }

    /// Reads what is stored under `key`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is neither.
    pub(super) fn read(key: &[u8], stored: &[u8]) -> Result<Self, StoreError> {
        if stored == gone(key) {
            return Ok(Self::Gone);
        }
        checked(key, stored).map(Self::Value)
    }

    /// Length of the value, in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Value(value) => value.len(),
            Self::Gone => 0,
        }
    }

    /// The value, if it is one.
    pub(super) fn value(self) -> Option<Vec<u8>> {
        match self {
            Self::Value(value) => Some(value),
            Self::Gone => None,
        }
    }
}

fn gone(key: &[u8]) -> [u8; CHECKSUM_BYTES] {
    (!checksum(key, &[])).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_as_it_was_and_one_bit_makes_it_damage() {
        for kept in [Kept::Gone, Kept::Value(Vec::new()), Kept::Value(b"value".to_vec())] {
            let stored = kept.stored(b"key");
            assert_eq!(Kept::read(b"key", &stored).unwrap(), kept);
            assert!(Kept::read(b"kez", &stored).is_err());
            for bit in 0..stored.len() * 8 {
                let mut flipped = stored.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(Kept::read(b"key", &flipped).is_err(), "{kept:?}, bit {bit}");
            }
            assert!(stored.len() < 4 || Kept::read(b"key", &stored[..3]).is_err());
        }
    }

    #[test]
    fn a_program_that_knows_no_settled_rows_takes_what_is_gone_for_damage() {
        assert!(checked(b"key", &Kept::Gone.stored(b"key")).is_err());
    }
}
