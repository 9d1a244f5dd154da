//! Values that never show themselves: `Debug` prints a length and nothing more.

use std::fmt;

use zeroize::Zeroize;

/// Something about a person, or a text that may name one.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal<T>(pub T);

impl<T: AsRef<[u8]>> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Personal({} bytes)", self.0.as_ref().len())
    }
}

/// A key, overwritten when it is dropped. There is no `Clone`: what holds one is not copied by the way,
/// and whoever needs a second one says so.
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes the key over; the caller's copy is the caller's to clear.
    pub fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The same key a second time, for who must own it; overwritten when it is dropped.
    pub fn second(&self) -> Self {
        Self(self.0)
    }

    /// The key itself. Do not copy it out.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({N} bytes)")
    }
}

/// So much of the stack is overwritten after what handled a key: more than the deepest of it uses.
const STACK_BYTES: usize = 256 * 1024;

/// Runs what leaves copies of keys on the stack, as libraries do that hand them on by value, and overwrites
/// what it used of that. What it gives must hold its keys elsewhere, in a box: a value that is moved is copied.
#[inline(never)]
pub fn scrubbed<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    overwrite();
    done
}

#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn overwrite() {
    std::hint::black_box(&mut [0_u8; STACK_BYTES]);
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
