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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_a_length_only() {
        assert_eq!(format!("{:?}", Personal("Maria".to_owned())), "Personal(5 bytes)");
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret(32 bytes)");
    }
}
