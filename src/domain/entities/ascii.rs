//! Short ASCII text without allocation, and how values made of it show themselves.

/// At most `N` bytes of ASCII, `N` up to 255.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ascii<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Ascii<N> {
    /// `None` if `text` is too long or not ASCII.
    pub(super) fn read(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, len: u8::try_from(text.len()).ok()? })
    }

    pub(super) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// Exactly `N` decimal digits, as numbers 0 to 9.
pub(super) fn digits<const N: usize>(text: &str) -> Option<[u32; N]> {
    let bytes: [u8; N] = text.as_bytes().try_into().ok()?;
    bytes.iter().all(u8::is_ascii_digit).then(|| bytes.map(|it| u32::from(it - b'0')))
}

/// Only upper-case letters and digits?
pub(super) fn is_upper_or_digit(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit())
}

/// `Display` writes the value; `Debug` a length only, for numbers lead to persons.
macro_rules! shown_by_length {
    ($($name:ident),+) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.as_str().len())
            }
        }
    )+};
}
pub(super) use shown_by_length;

/// A closed list of words.
macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident, $code:literal, $why:literal { $($(#[$case:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$case])* $variant,)* }

        impl $name {
            /// Every value there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in message files; never translated.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::entities::fault::EntityFault;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut all = Self::ALL.iter().copied();
                let unknown = $crate::domain::entities::fault::fault($code, $why);
                all.find(|it| it.as_str() == text).ok_or(unknown)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(super) use closed_list;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_up_to_its_room_and_not_beyond() {
        assert_eq!(Ascii::<3>::read("ABC").unwrap().as_str(), "ABC");
        assert_eq!(Ascii::<3>::read("").unwrap().as_str(), "");
        assert!(Ascii::<3>::read("ABCD").is_none());
        assert!(Ascii::<3>::read("é").is_none());
    }

    #[test]
    fn digits_are_ascii_and_counted() {
        assert_eq!(digits::<3>("709"), Some([7, 0, 9]));
        for text in ["70", "7090", "70a", "٧٠٩"] {
            assert_eq!(digits::<3>(text), None, "{text}");
        }
    }
}
