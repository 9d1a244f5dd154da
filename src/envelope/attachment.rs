//! Attachments, which are too long to be sealed in one piece or to be held in memory.
//!
//! At rest where it was handed in, a file is sealed a chunk at a time under a *file key* of its own:
//!
//! ```text
//! resting = AES-256-GCM-SIV(file key, nonce = chunk number, file's name, 16 KiB of it) ‖ …
//! ```
//!
//! GCM-SIV (RFC 8452), for after a stop a chunk is perhaps written a second time. On the road it is
//! C2SP chunked encryption (`chunks`) over the plain bytes and zeros up to a size of Padmé (`padding`):
//!
//! ```text
//! input key = HKDF-SHA-512(attachment key, salt "…attachment key", number)
//! salt      = HKDF-SHA-512(attachment key, salt "…attachment salt", number), 24 bytes of it
//! ```
//!
//! The *attachment key* is 32 random bytes of one message to one agency, and travels inside its sealed
//! content; so nobody without the content opens an attachment, and two messages with the same file
//! have nothing in common. Since the salt comes of the key, who has key and plain bytes makes any
//! piece of the same travelling bytes again, and needs no second copy. Key and salt are used for one
//! file, so no nonce comes again for other bytes.

use zeroize::Zeroizing;

use super::OpenError;
use super::chunks::{
    self, CHUNK_BYTES, COMMITMENT_BYTES, FRONT_BYTES, Keys, SALT_BYTES, SEALED_CHUNK_BYTES,
};
use super::padding;
use super::primitive::{self, Cipher, NONCE_BYTES, TAG_BYTES};
use crate::redact::Secret;

/// Plain bytes of a chunk, at rest and on the road: what is handed in comes in multiples of it.
pub const CHUNK: u64 = CHUNK_BYTES as u64;
/// Bytes of a chunk at rest.
pub const RESTING_CHUNK: u64 = CHUNK + TAG_BYTES as u64;
/// Bytes of a chunk on the road.
pub const TRAVELLING_CHUNK: u64 = SEALED_CHUNK_BYTES as u64;
/// Bytes before the first chunk on the road.
pub const FRONT: u64 = FRONT_BYTES as u64;

const INPUT_KEY: &[u8] = b"rogatory/v1 attachment key";
const SALT: &[u8] = b"rogatory/v1 attachment salt";
const CONTEXT: &[u8] = b"rogatory/v1 attachment";

/// The number of an attachment within its message, from 1.
pub type Number = u32;

/// Size at rest of a file of `plain` bytes.
pub const fn resting_bytes(plain: u64) -> u64 {
    plain.saturating_add(plain.div_ceil(CHUNK).saturating_mul(TAG_BYTES as u64))
}

/// Plain bytes within so many at rest, if they end with a whole chunk.
pub const fn plain_of_whole(resting: u64) -> Option<u64> {
    if resting.is_multiple_of(RESTING_CHUNK) { Some(resting / RESTING_CHUNK * CHUNK) } else { None }
}

/// Size on the road of a file of `plain` bytes; none if no file is so long.
pub fn travelling_bytes(plain: u64) -> Option<u64> {
    let padded = padded_bytes(plain)?;
    let chunks = padded / CHUNK + 1;
    FRONT.checked_add(padded)?.checked_add(chunks.checked_mul(TAG_BYTES as u64)?)
}

/// Size of a file with its zeros.
fn padded_bytes(plain: u64) -> Option<u64> {
    const LONGEST: u64 = 1 << 50;
    if plain > LONGEST {
        return None;
    }
    u64::try_from(padding::next_size(usize::try_from(plain).ok()?)).ok()
}

/// A file as it rests where it was handed in.
pub struct Resting {
    cipher: Cipher,
    name: [u8; 16],
}

impl Resting {
    /// The file `name` under its key.
    pub fn new(key: &Secret<32>, name: &[u8; 16]) -> Self {
        Self { cipher: Cipher::aes_256_gcm_siv(key.expose()), name: *name }
    }

    fn nonce(number: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        for (to, from) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *to = from;
        }
        nonce
    }

    /// Seals plain bytes from chunk `first` on; all chunks but the last of the file are full.
    pub fn seal(&self, first: u64, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plain.len() + plain.len() / CHUNK_BYTES * TAG_BYTES);
        for (number, chunk) in (first..).zip(plain.chunks(CHUNK_BYTES)) {
            sealed.extend_from_slice(&self.cipher.seal(Self::nonce(number), &self.name, chunk));
        }
        sealed
    }

    /// The plain bytes of whole chunks from chunk `first` on.
    ///
    /// # Errors
    /// [`OpenError::Tag`] if one was altered, is another, or is not whole.
    pub fn open(&self, first: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
        let chunks = sealed.chunks(CHUNK_BYTES + TAG_BYTES);
        for (number, chunk) in (first..).zip(chunks) {
            let opened = self.cipher.open(Self::nonce(number), &self.name, chunk);
            plain.extend_from_slice(&opened.ok_or(OpenError::Tag)?);
        }
        Ok(plain)
    }
}

/// One attachment on the road.
pub struct Travelling {
    keys: Keys,
    front: [u8; FRONT_BYTES],
    plain: u64,
    padded: u64,
    sealed: u64,
}

/// The sizes of an attachment that no file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no file is so long")]
pub struct TooLong;

impl Travelling {
    /// The attachment `number` of a message, of `plain` bytes, under the message's attachment key.
    ///
    /// # Errors
    /// No file is so long.
    pub fn new(key: &Secret<32>, number: Number, plain: u64) -> Result<Self, TooLong> {
        let (padded, sealed) = padded_bytes(plain).zip(travelling_bytes(plain)).ok_or(TooLong)?;
        let number = number.to_be_bytes();
        let input = primitive::derive(key.expose(), INPUT_KEY, &[&number]);
        let derived = primitive::derive(key.expose(), SALT, &[&number]);
        let mut salt = [0; SALT_BYTES];
        for (to, from) in salt.iter_mut().zip(derived.expose()) {
            *to = *from;
        }
        let keys = Keys::derive(&input, &salt, CONTEXT);
        let mut front = [0; FRONT_BYTES];
        for (to, from) in front.iter_mut().zip(salt.iter().chain(&keys.commitment)) {
            *to = *from;
        }
        Ok(Self { keys, front, plain, padded, sealed })
    }

    /// Its size on the road, in bytes.
    pub const fn bytes(&self) -> u64 {
        self.sealed
    }

    /// Its size in bytes, without padding.
    pub const fn plain_bytes(&self) -> u64 {
        self.plain
    }

    /// Chunks on the road, the last shorter one included.
    pub const fn chunks(&self) -> u64 {
        self.padded / CHUNK + 1
    }

    /// The front: what goes before the first chunk.
    pub const fn front(&self) -> &[u8; FRONT_BYTES] {
        &self.front
    }

    /// Where chunk `number` begins on the road, and how long it is.
    pub fn place(&self, number: u64) -> (u64, usize) {
        let at = FRONT.saturating_add(number.saturating_mul(TRAVELLING_CHUNK));
        let left = self.sealed.saturating_sub(at).min(TRAVELLING_CHUNK);
        (at, usize::try_from(left).unwrap_or(SEALED_CHUNK_BYTES))
    }

    /// The plain bytes that chunk `number` holds, without padding: where they begin and how many.
    pub fn plain_place(&self, number: u64) -> (u64, usize) {
        let at = number.saturating_mul(CHUNK).min(self.plain);
        let left = self.plain.saturating_sub(at).min(CHUNK);
        (at, usize::try_from(left).unwrap_or(CHUNK_BYTES))
    }

    /// Chunk `number` on the road; `plain` is what [`Self::plain_place`] names.
    pub fn seal(&self, number: u64, plain: &[u8]) -> Vec<u8> {
        let padded = self.padded.saturating_sub(number.saturating_mul(CHUNK)).min(CHUNK);
        let mut chunk = Zeroizing::new(plain.to_vec());
        chunk.resize(usize::try_from(padded).unwrap_or(CHUNK_BYTES), 0);
        self.keys.cipher.seal(self.keys.nonce(number), &[], &chunk)
    }

    /// The plain bytes of chunk `number`, without padding.
    ///
    /// # Errors
    /// [`OpenError::Tag`] if it was altered or is another, [`OpenError::Padding`] if behind the plain
    /// bytes stands anything but zeros.
    pub fn open(&self, number: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let opened = self.keys.cipher.open(self.keys.nonce(number), &[], sealed);
        let mut plain = opened.ok_or(OpenError::Tag)?;
        let (_, bytes) = self.plain_place(number);
        if plain.get(bytes..).is_none_or(|rest| rest.iter().any(|it| *it != 0)) {
            return Err(OpenError::Padding);
        }
        plain.truncate(bytes);
        Ok(plain)
    }

    /// `length` bytes on the road from `at` on, or as many as there are; `read` fills its buffer with
    /// plain bytes from a place of the file on.
    ///
    /// # Errors
    /// What `read` says.
    pub fn read<E>(
        &self,
        at: u64,
        length: usize,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let wanted = u64::try_from(length).unwrap_or(u64::MAX);
        let end = at.saturating_add(wanted).min(self.sealed);
        let length = usize::try_from(end.saturating_sub(at)).unwrap_or(length);
        let mut bytes = Vec::with_capacity(length.saturating_add(2 * SEALED_CHUNK_BYTES));
        let from_front = usize::try_from(at).ok().and_then(|at| self.front.get(at..));
        bytes.extend_from_slice(from_front.unwrap_or_default());
        let mut number = at.saturating_sub(FRONT) / TRAVELLING_CHUNK;
        while number < self.chunks() && self.place(number).0 < end {
            let (begins, _) = self.place(number);
            let (place, count) = self.plain_place(number);
            let mut plain = Zeroizing::new(vec![0; count]);
            read(place, &mut plain)?;
            let sealed = self.seal(number, &plain);
            let skipped = usize::try_from(at.saturating_sub(begins)).unwrap_or(usize::MAX);
            bytes.extend_from_slice(sealed.get(skipped..).unwrap_or_default());
            number = number.saturating_add(1);
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// The plain size of what is `sealed` bytes long on the road, with its padding.
///
/// # Errors
/// As [`chunks::plain_bytes`]; [`OpenError::Length`] for a size that no padding has.
pub fn check_travelling(sealed: u64) -> Result<u64, OpenError> {
    let bytes = usize::try_from(sealed).unwrap_or(usize::MAX);
    let padded = chunks::plain_bytes(bytes)?;
    if padding::next_size(padded) != padded {
        return Err(OpenError::Length { bytes });
    }
    Ok(u64::try_from(padded).unwrap_or(u64::MAX))
}

const _: () = assert!(COMMITMENT_BYTES + SALT_BYTES == FRONT_BYTES);

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::envelope::stream::Opener;

    fn plain(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    fn travelling(key: u8, number: Number, bytes: usize) -> Travelling {
        Travelling::new(&Secret::new([key; 32]), number, bytes as u64).unwrap()
    }

    fn read(it: &Travelling, plain: &[u8], at: u64, length: usize) -> Vec<u8> {
        let read = |at: u64, into: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            into.copy_from_slice(&plain[at..at + into.len()]);
            Ok::<(), Infallible>(())
        };
        it.read(at, length, read).unwrap()
    }

    const SIZES: [usize; 9] = [
        0,
        1,
        9,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        17_000,
        4 * CHUNK_BYTES,
        5 * CHUNK_BYTES + 100,
    ];

    #[test]
    fn what_travels_is_the_published_format_over_plain_bytes_and_zeros() {
        for size in SIZES {
            let (plain, it) = (plain(size), travelling(1, 3, size));
            let whole = read(&it, &plain, 0, usize::MAX >> 1);
            assert_eq!(whole.len() as u64, it.bytes(), "{size}");
            let input = primitive::derive(&[1; 32], INPUT_KEY, &[&3_u32.to_be_bytes()]);
            let (front, rest) = whole.split_first_chunk().unwrap();
            let mut opener = Opener::new(&input, CONTEXT, front).unwrap();
            let mut opened = opener.push(rest).unwrap().to_vec();
            opened.extend_from_slice(&opener.finish().unwrap());
            assert_eq!(opened.len(), padding::next_size(size));
            assert_eq!(opened[..size], plain);
            assert!(opened[size..].iter().all(|it| *it == 0));
        }
    }

    #[test]
    fn any_piece_is_the_same_bytes_as_in_the_whole() {
        for size in SIZES {
            let (plain, it) = (plain(size), travelling(1, 1, size));
            let whole = read(&it, &plain, 0, usize::MAX >> 1);
            for at in (0..=whole.len()).step_by(1 + whole.len() / 23) {
                for length in [0, 1, 55, 57, 16_400, 40_000] {
                    let end = (at + length).min(whole.len());
                    let piece = read(&it, &plain, at as u64, length);
                    assert_eq!(piece, whole[at..end], "{size} from {at}, {length}");
                }
            }
            assert_eq!(read(&it, &plain, it.bytes() + 5, 9), Vec::<u8>::new());
        }
    }

    #[test]
    fn chunks_open_at_their_place_only_and_padding_is_zeros() {
        let size = 2 * CHUNK_BYTES + 100;
        let (plain, it) = (plain(size), travelling(1, 1, size));
        let sealed = |number: u64| {
            let (at, count) = it.plain_place(number);
            it.seal(number, &plain[usize::try_from(at).unwrap()..][..count])
        };
        for number in 0..it.chunks() {
            let (at, count) = it.plain_place(number);
            let at = usize::try_from(at).unwrap();
            let chunk = sealed(number);
            assert_eq!(chunk.len(), it.place(number).1);
            assert_eq!(it.open(number, &chunk).unwrap().as_slice(), &plain[at..at + count]);
            assert_eq!(it.open(number + 1, &chunk), Err(OpenError::Tag));
            assert_eq!(travelling(1, 2, size).open(number, &chunk), Err(OpenError::Tag));
            assert_eq!(travelling(2, 1, size).open(number, &chunk), Err(OpenError::Tag));
        }
        let marked = [&plain[2 * CHUNK_BYTES..], &[1]].concat();
        let longer = travelling(1, 1, size + 1).seal(2, &marked);
        assert_eq!(it.open(2, &longer), Err(OpenError::Padding));
    }

    #[test]
    fn a_file_at_rest_opens_under_its_key_and_name_chunk_by_chunk() {
        let plain = plain(3 * CHUNK_BYTES + 7);
        let resting = |key: u8, name: u8| Resting::new(&Secret::new([key; 32]), &[name; 16]);
        let it = resting(1, 1);
        let sealed = it.seal(0, &plain);
        assert_eq!(sealed.len() as u64, resting_bytes(plain.len() as u64));
        assert_eq!(it.open(0, &sealed).unwrap().as_slice(), plain);
        let second = usize::try_from(RESTING_CHUNK).unwrap();
        let chunk = &sealed[second..2 * second];
        assert_eq!(it.open(1, chunk).unwrap().as_slice(), &plain[CHUNK_BYTES..2 * CHUNK_BYTES]);
        assert_eq!(it.seal(1, &plain[CHUNK_BYTES..2 * CHUNK_BYTES]), chunk);
        for wrong in [it.open(2, chunk), resting(2, 1).open(1, chunk), resting(1, 2).open(1, chunk)]
        {
            assert_eq!(wrong, Err(OpenError::Tag));
        }
        assert_eq!(it.open(1, &chunk[1..]), Err(OpenError::Tag));
    }

    #[test]
    fn sizes_are_those_of_the_bytes_and_none_is_endless() {
        for size in SIZES.map(|it| it as u64) {
            let sealed = travelling_bytes(size).unwrap();
            assert_eq!(check_travelling(sealed).unwrap(), padded_bytes(size).unwrap());
        }
        assert_eq!(travelling_bytes(10 << 30), Some(10_747_904_072));
        assert_eq!(travelling_bytes(u64::MAX), None);
        let wrong = FRONT + 9 + 16;
        let bytes = usize::try_from(wrong).unwrap();
        assert_eq!(check_travelling(wrong), Err(OpenError::Length { bytes }));
        assert_eq!(check_travelling(FRONT), Err(OpenError::Truncated));
        assert_eq!(
            (resting_bytes(0), resting_bytes(1), resting_bytes(CHUNK)),
            (0, 17, RESTING_CHUNK)
        );
        assert_eq!(plain_of_whole(3 * RESTING_CHUNK), Some(3 * CHUNK));
        assert_eq!(plain_of_whole(RESTING_CHUNK - 1), None);
    }
}
