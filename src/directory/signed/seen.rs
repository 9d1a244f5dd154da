//! The hashes of the versions of a record that were seen, so that a second text of one is found.
//!
//! A record replaces all before it, and versions may be skipped; what is remembered of those before
//! is the hash. It comes from texts whose signature held: their own hash, and the one that they name
//! for the version before.

use std::collections::BTreeMap;

use crate::directory::signed::record::SignedRecord;
use crate::domain::digest::Digest;

/// Most versions of one record that are remembered; the oldest are forgotten first.
pub const SEEN_MAX: usize = 128;

/// Versions of one agency's record under one key, with their hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<u64, Digest>);

impl Seen {
    /// Remembers a text whose signature holds, and what it says of the version before.
    pub(crate) fn note(&mut self, signed: &SignedRecord) {
        let version = signed.record.version;
        self.add(version, signed.hash);
        if let Some(previous) = signed.record.previous {
            self.add(version.saturating_sub(1), previous);
        }
    }

    /// The first that is seen of a version stays.
    fn add(&mut self, version: u64, hash: Digest) {
        self.0.entry(version).or_insert(hash);
        while self.0.len() > SEEN_MAX {
            self.0.pop_first();
        }
    }

    /// The hash of a version, if it was seen.
    pub fn hash(&self, version: u64) -> Option<Digest> {
        self.0.get(&version).copied()
    }

    /// As a file: a version and its hash a line, the oldest first.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|(version, hash)| format!("{version} {hash}\n")).collect()
    }

    /// Reads such a file.
    ///
    /// # Errors
    /// The number of the first line that is none, from 1; one past the last if there are too many.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut seen = Self::default();
        for (index, line) in text.lines().enumerate() {
            let number = index.saturating_add(1);
            let (version, hash) = line.split_once(' ').ok_or(number)?;
            let version: u64 = version.parse().map_err(|_| number)?;
            let hash = hex::decode(hash).ok().and_then(|it| Digest::from_slice(&it));
            if number > SEEN_MAX || seen.0.insert(version, hash.ok_or(number)?).is_some() {
                return Err(number);
            }
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_written_and_read_and_bounded() {
        let mut seen = Seen::default();
        for version in 1..=200 {
            seen.add(version, Digest::of(&version.to_be_bytes()));
        }
        seen.add(200, Digest::of(b"another"));
        assert_eq!(seen.hash(72), None);
        assert_eq!(seen.hash(73), Some(Digest::of(&73_u64.to_be_bytes())));
        assert_eq!(seen.hash(200), Some(Digest::of(&200_u64.to_be_bytes())));
        assert_eq!(Seen::parse(&seen.to_text()), Ok(seen.clone()));
        assert_eq!(Seen::parse(&format!("{}9 00\n", seen.to_text())), Err(129));
        let hash = Digest::of(b"");
        let wrong = [("x", 1), ("1", 1), ("1 00\n", 1), ("-1 00", 1)];
        for (text, line) in wrong {
            assert_eq!(Seen::parse(text), Err(line), "{text}");
        }
        assert_eq!(Seen::parse(&format!("1 {hash}\n1 {hash}\n")), Err(2));
    }
}
