//! Who signs the journal: the keys in use, and those that follow them from an announced time on.
//!
//! Once the next keys have signed, the ones before never sign again, whatever the clock says: at a
//! start the last checkpoint of the journal tells who signed last. So at each size one key signed,
//! and the size at which the old one is retired can be named.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::clock::Timestamp;
use crate::domain::ids::JournalName;
use crate::journal::{Journal, JournalError};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::note::{TYPE_ED25519, key_id};
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer, SignsEd25519};

/// One pair of keys of a journal.
#[derive(Clone, Debug)]
pub struct SigningPair {
    /// Signs each checkpoint (note type 0x01).
    pub ed25519: Arc<dyn SignsEd25519>,
    /// Countersigns checkpoints (note type 0x06).
    pub mldsa44: Arc<MlDsa44Signer>,
}

/// Who signs, now and from an announced time on.
struct Signers {
    in_use: SigningPair,
    next: Option<(Timestamp, SigningPair)>,
    /// Entries that stood before the next pair first signed; [`NEVER`] until then.
    changed_at: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Signers {
    fn present(&self) -> &SigningPair {
        match &self.next {
            Some((_, next)) if self.changed_at.load(Ordering::SeqCst) != NEVER => next,
            Some(_) | None => &self.in_use,
        }
    }
}

/// The signing keys of the volume that a node writes.
pub struct JournalSigning(ArcSwap<Signers>);

impl JournalSigning {
    /// A pair in use, and one that follows it from a time on.
    pub fn of(in_use: SigningPair, next: Option<(Timestamp, SigningPair)>) -> Self {
        Self(ArcSwap::from_pointee(Signers { in_use, next, changed_at: AtomicU64::new(NEVER) }))
    }

    /// A pair that nothing follows.
    pub fn alone(ed25519: Ed25519Signer, mldsa44: MlDsa44Signer) -> Self {
        Self::of(SigningPair { ed25519: Arc::new(ed25519), mldsa44: Arc::new(mldsa44) }, None)
    }

    /// The pair that signs the batch behind `entries` at a time. Only the writer asks: a pair that is
    /// due signs from here on.
    pub fn at(&self, now: Timestamp, entries: u64) -> SigningPair {
        let signers = self.0.load();
        let is_due = signers.next.as_ref().is_some_and(|(from, _)| *from <= now);
        if is_due && signers.changed_at.load(Ordering::SeqCst) == NEVER {
            tracing::info!(size = entries, "the journal's next keys sign from here on");
            signers.changed_at.store(entries, Ordering::SeqCst);
        }
        signers.present().clone()
    }

    /// The pair that signed last, or signs first.
    pub fn present(&self) -> SigningPair {
        self.0.load().present().clone()
    }

    /// Entries that stood before the next pair first signed; none until then. To this size the pair
    /// before it counts.
    pub fn changed_at(&self) -> Option<u64> {
        let signers = self.0.load();
        let at = signers.changed_at.load(Ordering::SeqCst);
        signers.next.as_ref().and_then(|_| (at != NEVER).then_some(at))
    }

    /// Finds out from the journal which pair signed last.
    ///
    /// # Errors
    /// What can't be read.
    pub fn settle(&self, journal: &dyn Journal) -> Result<(), JournalError> {
        let signers = self.0.load();
        let Some((_, next)) = &signers.next else {
            return Ok(());
        };
        let public = next.ed25519.public_key();
        let latest = journal.latest_checkpoint()?.unwrap_or_default();
        if has_signed(&latest, journal.name(), &public) {
            let at = FirstSigned::within(journal, &public)?;
            signers.changed_at.store(at, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Puts other pairs in the place of these; which of them signed last is found out.
    ///
    /// # Errors
    /// What can't be read; nothing changes then.
    pub fn replace(&self, other: Self, journal: &dyn Journal) -> Result<(), JournalError> {
        other.settle(journal)?;
        self.0.store(other.0.load_full());
        Ok(())
    }
}

fn has_signed(note: &[u8], journal: &JournalName, public: &[u8; 32]) -> bool {
    let name = journal.to_string();
    let id = key_id(&name, TYPE_ED25519, public);
    SignedCheckpoint::parse(note).is_ok_and(|it| it.note.lines_by(&name, id).next().is_some())
}

/// Looks for the first entry that a key signed for, where it signed from some entry on: a few
/// checkpoints tell.
#[derive(Clone, Copy, Debug)]
pub struct FirstSigned {
    low: u64,
    high: u64,
}

impl FirstSigned {
    /// Among this many entries.
    pub const fn among(size: u64) -> Self {
        Self { low: 0, high: size }
    }

    /// The entry whose checkpoint is to be looked at next; none once the first is found.
    pub const fn next(&self) -> Option<u64> {
        if self.low < self.high { Some(self.low.midpoint(self.high)) } else { None }
    }

    /// Takes the checkpoint that covers the entry asked for.
    pub fn told(&mut self, note: &[u8], journal: &JournalName, public: &[u8; 32]) {
        let middle = self.low.midpoint(self.high);
        if has_signed(note, journal, public) {
            self.high = middle;
        } else {
            self.low = middle.saturating_add(1);
        }
    }

    /// The entries before the first one that the key signed for; all if it signed for none.
    pub const fn found(&self) -> u64 {
        self.low
    }

    /// The search, in a journal that is here.
    ///
    /// # Errors
    /// What can't be read.
    pub fn within(journal: &dyn Journal, public: &[u8; 32]) -> Result<u64, JournalError> {
        let mut search = Self::among(journal.next());
        while let Some(position) = search.next() {
            let note = journal.checkpoint_covering(position)?.unwrap_or_default();
            search.told(&note, journal.name(), public);
        }
        Ok(search.found())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::merkle::checkpoint::{Checkpoint, sign_checkpoint_by};
    use crate::redact::Secret;

    const NAME: &str = "ita.coast-guard/journal/1";

    fn pair(byte: u8) -> SigningPair {
        SigningPair {
            ed25519: Arc::new(Ed25519Signer::from_seed(&Secret::new([byte; 32]))),
            mldsa44: Arc::new(MlDsa44Signer::from_seed(&Secret::new([byte; 32]))),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn public(pair: &SigningPair) -> [u8; 32] {
        pair.ed25519.public_key()
    }

    #[test]
    fn the_next_keys_sign_from_their_time_on_and_never_stop_again() {
        let signing = JournalSigning::of(pair(1), Some((at(10), pair(2))));
        assert_eq!(public(&signing.at(at(9), 5)), public(&pair(1)));
        assert_eq!(signing.changed_at(), None);
        assert_eq!(public(&signing.at(at(10), 7)), public(&pair(2)));
        assert_eq!(public(&signing.at(at(3), 8)), public(&pair(2)), "the clock went back");
        assert_eq!(public(&signing.present()), public(&pair(2)));
        assert_eq!(signing.changed_at(), Some(7));
    }

    #[test]
    fn the_first_entry_that_a_key_signed_for_is_found() {
        let name: JournalName = NAME.parse().unwrap();
        let note = |size: u64, by: u8| {
            let root = Digest::of(b"root");
            let checkpoint = Checkpoint { origin: NAME.to_owned(), size, root };
            sign_checkpoint_by(&checkpoint, pair(by).ed25519.as_ref()).unwrap()
        };
        for first in 0..=40 {
            let mut search = FirstSigned::among(40);
            let mut looked = 0;
            while let Some(position) = search.next() {
                let by = if position >= first { 2 } else { 1 };
                search.told(&note(position + 1, by), &name, &public(&pair(2)));
                looked += 1;
            }
            assert_eq!(search.found(), first);
            assert!(looked <= 6, "{looked}");
        }
    }
}
