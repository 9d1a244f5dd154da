//! The format of `chunks`, a piece at a time: for what is too long for memory, such as a backup.
//!
//! A full chunk is never the last one, so a stream that was cut off is found at its end. What comes
//! out before the end is verified chunk by chunk, and yet a reader must not act on it before
//! [`Opener::finish`] has found the end.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::OpenError;
use super::chunks::{CHUNK_BYTES, COMMITMENT_BYTES, FRONT_BYTES, Keys, SEALED_CHUNK_BYTES};
use crate::entropy::{self, Entropy};
use crate::redact::Secret;

/// Seals as bytes come.
pub struct Sealer {
    keys: Keys,
    number: u64,
    held: Zeroizing<Vec<u8>>,
}

impl Sealer {
    /// Begins a stream; gives its front, which goes before all else.
    pub fn new(key: &Secret<32>, context: &[u8], entropy: &dyn Entropy) -> (Self, Vec<u8>) {
        let salt = entropy::bytes(entropy);
        let keys = Keys::derive(key, &salt, context);
        let front = [salt.as_slice(), &keys.commitment].concat();
        (Self { keys, number: 0, held: Zeroizing::default() }, front)
    }

    /// Takes plain bytes; gives the sealed chunks that they fill.
    pub fn push(&mut self, plain: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(plain);
        let full = self.held.len() / CHUNK_BYTES * CHUNK_BYTES;
        let mut sealed = Vec::with_capacity(full / CHUNK_BYTES * SEALED_CHUNK_BYTES);
        for chunk in self.held[..full].chunks_exact(CHUNK_BYTES) {
            let nonce = self.keys.nonce(self.number);
            sealed.extend_from_slice(&self.keys.cipher.seal(nonce, &[], chunk));
            self.number = self.number.saturating_add(1);
        }
        self.held.drain(..full);
        sealed
    }

    /// The last chunk, which is shorter than the others.
    pub fn finish(self) -> Vec<u8> {
        self.keys.cipher.seal(self.keys.nonce(self.number), &[], &self.held)
    }
}

/// Opens as bytes come.
pub struct Opener {
    keys: Keys,
    number: u64,
    held: Vec<u8>,
}

impl Opener {
    /// Begins with the front of a stream.
    ///
    /// # Errors
    /// [`OpenError::Commitment`] if the key or the context is another.
    pub fn new(
        key: &Secret<32>,
        context: &[u8],
        front: &[u8; FRONT_BYTES],
    ) -> Result<Self, OpenError> {
        let too_short = OpenError::Length { bytes: front.len() };
        let (salt, rest) = front.split_first_chunk().ok_or(too_short)?;
        let commitment = rest.first_chunk::<COMMITMENT_BYTES>().ok_or(too_short)?;
        let keys = Keys::derive(key, salt, context);
        if !bool::from(keys.commitment.ct_eq(commitment)) {
            return Err(OpenError::Commitment);
        }
        Ok(Self { keys, number: 0, held: Vec::new() })
    }

    /// Takes sealed bytes; gives the plain bytes of the chunks that they complete.
    ///
    /// # Errors
    /// [`OpenError::Tag`] if a chunk was altered or stands elsewhere.
    pub fn push(&mut self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.held.extend_from_slice(sealed);
        let full = self.held.len() / SEALED_CHUNK_BYTES * SEALED_CHUNK_BYTES;
        let mut plain = Zeroizing::new(Vec::with_capacity(full));
        for chunk in self.held[..full].chunks_exact(SEALED_CHUNK_BYTES) {
            let nonce = self.keys.nonce(self.number);
            let opened = self.keys.cipher.open(nonce, &[], chunk).ok_or(OpenError::Tag)?;
            plain.extend_from_slice(&opened);
            self.number = self.number.saturating_add(1);
        }
        self.held.drain(..full);
        Ok(plain)
    }

    /// The plain bytes of the last chunk, once all sealed bytes were given.
    ///
    /// # Errors
    /// [`OpenError::Truncated`] if the end is missing, [`OpenError::Tag`] if it was altered.
    pub fn finish(self) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if self.held.is_empty() {
            return Err(OpenError::Truncated);
        }
        let nonce = self.keys.nonce(self.number);
        self.keys.cipher.open(nonce, &[], &self.held).ok_or(OpenError::Tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::envelope::chunks;

    fn sealed(plain: &[u8], step: usize) -> Vec<u8> {
        let (mut sealer, mut out) =
            Sealer::new(&Secret::new([1; 32]), b"there", &SeededEntropy::new(1));
        for piece in plain.chunks(step) {
            out.extend(sealer.push(piece));
        }
        out.extend(sealer.finish());
        out
    }

    fn opened(sealed: &[u8], step: usize) -> Result<Vec<u8>, OpenError> {
        let (front, rest) = sealed.split_first_chunk().expect("a front");
        let mut opener = Opener::new(&Secret::new([1; 32]), b"there", front)?;
        let mut plain = Vec::new();
        for piece in rest.chunks(step) {
            plain.extend_from_slice(&opener.push(piece)?);
        }
        plain.extend_from_slice(&opener.finish()?);
        Ok(plain)
    }

    #[test]
    fn a_stream_in_pieces_is_the_stream_in_one() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5] {
            let plain: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let key = Secret::new([1; 32]);
            let whole = chunks::seal(&key, b"there", &plain, &SeededEntropy::new(1));
            for step in [7, 1000, CHUNK_BYTES, 1 << 20] {
                assert_eq!(sealed(&plain, step), whole, "{length} in steps of {step}");
                assert_eq!(opened(&whole, step).unwrap(), plain, "{length} in steps of {step}");
            }
        }
    }

    #[test]
    fn a_stream_that_was_cut_off_or_altered_is_refused() {
        let whole = sealed(&vec![7; 2 * CHUNK_BYTES + 9], 1000);
        let second = FRONT_BYTES + SEALED_CHUNK_BYTES;
        assert_eq!(opened(&whole[..second], 999), Err(OpenError::Truncated));
        assert_eq!(opened(&whole[..second + 5], 999), Err(OpenError::Tag));
        assert_eq!(opened(&whole[..whole.len() - 1], 999), Err(OpenError::Tag));
        let mut at = 0;
        while at < whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            let wanted = if at < FRONT_BYTES { OpenError::Commitment } else { OpenError::Tag };
            assert_eq!(opened(&flipped, 999), Err(wanted), "byte {at}");
            at += 97;
        }
    }
}
