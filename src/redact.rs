//! Values that never show themselves: `Debug` prints a length and nothing more.

use std::fmt;

use zeroize::Zeroize;

use crate::entropy::Entropy;

/// Something about a person, or a text that may name one.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal<T>(pub T);

impl<T: AsRef<[u8]>> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Personal({} bytes)", self.0.as_ref().len())
    }
}

/// A key, overwritten when it is dropped. It stands in a place of its own from its making to its end, so a value
/// that holds one and is moved leaves no copy behind. There is no `Clone`: what holds one is not copied by the
/// way, and whoever needs a second one says so.
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// A key that is known already, such as a constant: by value it leaves copies where it came from.
    pub fn new(bytes: [u8; N]) -> Self {
        Self::of(&bytes)
    }

    /// The key that stands in these bytes, which are the caller's to clear.
    pub fn of(bytes: &[u8; N]) -> Self {
        Self::made(|key| key.copy_from_slice(bytes))
    }

    /// A key that is written where it will stay.
    pub fn made(write: impl FnOnce(&mut [u8; N])) -> Self {
        let mut key = Box::new([0; N]);
        write(&mut key);
        Self(key)
    }

    /// A key by chance.
    pub fn fresh(chance: &dyn Entropy) -> Self {
        Self::made(|key| chance.fill(key))
    }

    /// The same key a second time, for who must own it; overwritten when it is dropped.
    pub fn second(&self) -> Self {
        Self::of(&self.0)
    }

    /// The key itself. Do not copy it out.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({N} bytes)")
    }
}

/// So much of the stack is overwritten after what handled a key: more than the deepest of it uses.
const STACK_BYTES: usize = 256 * 1024;
/// More than a cipher or a hash uses.
const SHALLOW_BYTES: usize = 8 * 1024;

/// Runs what leaves copies of keys on the stack, as libraries do that hand them on by value, and overwrites
/// what it used of that. What it gives must hold its keys elsewhere, in a box: a value that is moved is copied.
#[inline(never)]
pub fn scrubbed<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    overwrite::<STACK_BYTES>();
    done
}

/// As [`scrubbed`], for what does not go deep and is done often: ciphers, hashes, and keys made of keys.
#[inline(never)]
pub fn swept<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    overwrite::<SHALLOW_BYTES>();
    done
}

#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn overwrite<const N: usize>() {
    std::hint::black_box(&mut [0_u8; N]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_a_length_only() {
        assert_eq!(format!("{:?}", Personal("Maria".to_owned())), "Personal(5 bytes)");
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret(32 bytes)");
    }
}
