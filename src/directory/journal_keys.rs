//! The public keys of a journal's volumes: those in use, those before them, and those that follow.
//!
//! A volume's keys are replaced while it goes on. The next ones are announced in the agency's record
//! first, so that everybody knows them before they sign; from their time on the node signs with
//! them; then the record puts them in the first place and names up to which size the old ones
//! count. A checkpoint is judged by the key that signed it and by its size, so old proofs hold
//! for ever, and a key that is stolen after its retirement proves nothing new.

use crate::clock::Timestamp;
use crate::directory::record::{ED25519_PUBLIC_BYTES, read_ed25519, read_key};
use crate::directory::strict::Table;
use crate::domain::ids::{AgencyId, JournalName};
use crate::merkle::checkpoint::{CheckpointError, SignedCheckpoint, verify_checkpoint};
use crate::merkle::cosignature::{self, CosignatureError};
use crate::merkle::note::{SignatureLine, TYPE_COSIGNATURE_MLDSA44, TYPE_ED25519, key_id};
use crate::merkle::receipt::{ReceiptError, TlogProof};

/// Bytes of an ML-DSA-44 public key (FIPS 204).
pub const MLDSA44_PUBLIC_BYTES: usize = 1312;
/// Most volumes of one agency's journal that a directory names.
pub const JOURNALS_MAX: usize = 64;
/// Most retired keys of one volume.
pub const EARLIER_MAX: usize = 64;

/// The public keys of one volume of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalKeys {
    /// The volume: the origin line of its checkpoints.
    pub name: JournalName,
    /// Signs each checkpoint.
    pub ed25519: [u8; ED25519_PUBLIC_BYTES],
    /// Cosigns at least once a second while the journal grows; 1312 bytes.
    pub mldsa44: Vec<u8>,
    /// Keys that signed the volume before, the oldest first.
    pub earlier: Vec<EarlierKeys>,
    /// Keys that are announced; what they sign counts already.
    pub next: Option<NextKeys>,
    /// Keys and volume count only for trees up to this size; `None` while the volume is in use.
    pub retired_at_size: Option<u64>,
}

/// Retired keys of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierKeys {
    /// Signed each checkpoint.
    pub ed25519: [u8; ED25519_PUBLIC_BYTES],
    /// Cosigned; 1312 bytes.
    pub mldsa44: Vec<u8>,
    /// They count only for trees up to this size.
    pub retired_at_size: u64,
}

/// Keys that will sign a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextKeys {
    /// Will sign each checkpoint.
    pub ed25519: [u8; ED25519_PUBLIC_BYTES],
    /// Will cosign; 1312 bytes.
    pub mldsa44: Vec<u8>,
    /// From then on the agency's node signs with them.
    pub from: Timestamp,
}

/// Why a checkpoint is not one of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is malformed, another journal's, or not signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its key had been retired before this size.
    #[error("the journal's key was retired before this size")]
    Retired,
}

/// Why a proof is not one of the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// Signature, inclusion or origin do not hold.
    #[error(transparent)]
    Proof(#[from] ReceiptError),
    /// The key had been retired before this size.
    #[error("the journal's key was retired before this size")]
    Retired,
}

/// One pair of keys, and up to which size it counts.
struct Pair<'a> {
    ed25519: &'a [u8; ED25519_PUBLIC_BYTES],
    mldsa44: &'a [u8],
    until_size: Option<u64>,
}

impl Pair<'_> {
    fn counts(&self, size: u64) -> bool {
        self.until_size.is_none_or(|until| size <= until)
    }
}

impl JournalKeys {
    /// A volume in use, with its first keys.
    pub const fn of(
        name: JournalName,
        ed25519: [u8; ED25519_PUBLIC_BYTES],
        mldsa44: Vec<u8>,
    ) -> Self {
        Self { name, ed25519, mldsa44, earlier: Vec::new(), next: None, retired_at_size: None }
    }

    /// Reads a checkpoint of this volume and verifies that a key signed it that counts at its size.
    ///
    /// # Errors
    /// The first thing that does not hold; [`KeyFault::Retired`] for a good signature that came
    /// too late.
    pub fn checkpoint(&self, note: &[u8]) -> Result<SignedCheckpoint, KeyFault> {
        let pair = self.signer(note);
        let signed = verify_checkpoint(note, &self.name.to_string(), pair.ed25519)?;
        if pair.counts(signed.checkpoint.size) { Ok(signed) } else { Err(KeyFault::Retired) }
    }

    /// Verifies that an entry stands in this volume, under a checkpoint that a key signed that
    /// counts at its size.
    ///
    /// # Errors
    /// As [`JournalKeys::checkpoint`], or that the entry is not included.
    pub fn proof(&self, proof: &TlogProof, entry: &[u8]) -> Result<SignedCheckpoint, ProofFault> {
        let pair = self.signer(&proof.checkpoint);
        let signed = proof.verify(entry, &self.name.to_string(), pair.ed25519)?;
        if pair.counts(signed.checkpoint.size) { Ok(signed) } else { Err(ProofFault::Retired) }
    }

    /// When the journal cosigned a checkpoint with ML-DSA-44, under a key that counts at its size.
    ///
    /// # Errors
    /// That no such key did, or the signature does not hold.
    pub fn countersigned(&self, signed: &SignedCheckpoint) -> Result<Timestamp, CosignatureError> {
        let name = self.name.to_string();
        let by = |line: &SignatureLine, pair: &Pair<'_>| {
            line.name == name
                && line.key_id == key_id(&name, TYPE_COSIGNATURE_MLDSA44, pair.mldsa44)
        };
        let counting = self.pairs().filter(|it| it.counts(signed.checkpoint.size));
        let found = counting
            .map(|pair| (signed.note.signatures.iter().any(|line| by(line, &pair)), pair.mldsa44))
            .find_map(|(is_by, key)| is_by.then_some(key));
        cosignature::verify_cosign_mldsa44(signed, &name, found.unwrap_or(&self.mldsa44))
    }

    /// Whether a line is a signature of the volume's own by a key that counts at `size`; of which
    /// type it is then.
    pub fn own_line(&self, line: &SignatureLine, size: u64) -> Option<u8> {
        let name = self.name.to_string();
        if line.name != name {
            return None;
        }
        self.pairs().filter(|it| it.counts(size)).find_map(|pair| {
            let by = |kind, public: &[u8]| line.key_id == key_id(&name, kind, public);
            if by(TYPE_ED25519, pair.ed25519) {
                return Some(TYPE_ED25519);
            }
            by(TYPE_COSIGNATURE_MLDSA44, pair.mldsa44).then_some(TYPE_COSIGNATURE_MLDSA44)
        })
    }

    /// The pair that signed a note: one that counts where there are several, the one in use where there
    /// is none.
    fn signer(&self, note: &[u8]) -> Pair<'_> {
        let Ok(signed) = SignedCheckpoint::parse(note) else {
            return self.in_use();
        };
        let (name, size) = (self.name.to_string(), signed.checkpoint.size);
        let has_signed = |pair: &Pair<'_>| {
            let id = key_id(&name, TYPE_ED25519, pair.ed25519);
            signed.note.lines_by(&name, id).next().is_some()
        };
        let mut signers = self.pairs().filter(has_signed);
        let first = signers.next();
        match first {
            Some(first) if first.counts(size) => first,
            Some(first) => signers.find(|it| it.counts(size)).unwrap_or(first),
            None => self.in_use(),
        }
    }

    fn in_use(&self) -> Pair<'_> {
        Pair { ed25519: &self.ed25519, mldsa44: &self.mldsa44, until_size: self.retired_at_size }
    }

    /// All pairs, the one in use first.
    fn pairs(&self) -> impl Iterator<Item = Pair<'_>> {
        let least = |size: u64| self.retired_at_size.map_or(size, |it| it.min(size));
        let next = self.next.iter().map(|it| Pair {
            ed25519: &it.ed25519,
            mldsa44: &it.mldsa44,
            until_size: self.retired_at_size,
        });
        let earlier = self.earlier.iter().rev().map(move |it| Pair {
            ed25519: &it.ed25519,
            mldsa44: &it.mldsa44,
            until_size: Some(least(it.retired_at_size)),
        });
        std::iter::once(self.in_use()).chain(next).chain(earlier)
    }

    /// The public keys, all of them.
    pub fn publics(&self) -> impl Iterator<Item = &[u8]> {
        self.pairs().flat_map(|it| [it.ed25519.as_slice(), it.mldsa44])
    }
}

const KEYS: &[&str] = &["name", "ed25519", "mldsa44", "earlier", "next", "retired_at_size"];
const EARLIER_KEYS: &[&str] = &["ed25519", "mldsa44", "retired_at_size"];
const NEXT_KEYS: &[&str] = &["ed25519", "mldsa44", "from"];

/// Reads the volumes of an agency's journal.
pub(crate) fn read(table: &Table<'_>, agency: Option<&AgencyId>) -> Vec<JournalKeys> {
    let tables = table.tables("journal", KEYS, JOURNALS_MAX);
    let mut journals: Vec<JournalKeys> = Vec::new();
    for (index, volume) in tables.iter().enumerate() {
        let Some(keys) = read_volume(volume, agency) else {
            continue;
        };
        if journals.last().is_some_and(|before| before.name.volume() >= keys.name.volume()) {
            volume.fault_at("name", "volumes stand in ascending order");
        }
        if index + 1 < tables.len() && !volume.has("retired_at_size") {
            volume.fault_at("retired_at_size", "is missing, and only the last volume is in use");
        }
        journals.push(keys);
    }
    journals
}

type Publics = ([u8; ED25519_PUBLIC_BYTES], Vec<u8>);

fn read_pair(table: &Table<'_>) -> Option<Publics> {
    table.require(&["ed25519", "mldsa44"]);
    let ed25519 = table.spot("ed25519").and_then(|spot| read_ed25519(table, &spot));
    let mldsa44 = table
        .spot("mldsa44")
        .and_then(|spot| read_key::<MLDSA44_PUBLIC_BYTES>(table, &spot, "ML-DSA-44"));
    Some((ed25519?, mldsa44?.to_vec()))
}

fn read_volume(table: &Table<'_>, agency: Option<&AgencyId>) -> Option<JournalKeys> {
    table.require(&["name"]);
    let name = table.parsed::<JournalName>("name");
    if let (Some(name), Some(agency)) = (&name, agency)
        && name.agency() != agency
    {
        table.fault_at("name", format!("the journal is not one of {agency}"));
    }
    let pair = read_pair(table);
    let earlier = read_earlier(table);
    let next = table.table("next", NEXT_KEYS).and_then(|next| {
        next.require(&["from"]);
        let from = next.spot("from").and_then(|spot| spot.time());
        let (ed25519, mldsa44) = read_pair(&next)?;
        Some(NextKeys { ed25519, mldsa44, from: from? })
    });
    let retired_at_size = table.integer("retired_at_size", 0..=u64::MAX >> 1);
    if table.has("next") && table.has("retired_at_size") {
        table.fault_at("next", "has no use: the volume is retired");
    }
    let (ed25519, mldsa44) = pair?;
    Some(JournalKeys { name: name?, ed25519, mldsa44, earlier, next, retired_at_size })
}

fn read_earlier(table: &Table<'_>) -> Vec<EarlierKeys> {
    let mut earlier: Vec<EarlierKeys> = Vec::new();
    for keys in table.tables("earlier", EARLIER_KEYS, EARLIER_MAX) {
        keys.require(&["retired_at_size"]);
        let size = keys.integer("retired_at_size", 0..=u64::MAX >> 1);
        if let (Some(size), Some(before)) = (size, earlier.last())
            && before.retired_at_size > size
        {
            keys.fault_at("retired_at_size", "is less than that of the keys before");
        }
        if let (Some((ed25519, mldsa44)), Some(retired_at_size)) = (read_pair(&keys), size) {
            earlier.push(EarlierKeys { ed25519, mldsa44, retired_at_size });
        }
    }
    earlier
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::checkpoint::{Checkpoint, sign_checkpoint};
    use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer};
    use crate::redact::Secret;

    const NAME: &str = "ita.coast-guard/journal/1";

    fn ed25519(byte: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(&Secret::new([byte; 32]))
    }

    fn mldsa44(byte: u8) -> MlDsa44Signer {
        MlDsa44Signer::from_seed(&Secret::new([byte; 32]))
    }

    /// Keys of byte 2 in use, of byte 1 up to size 10, of byte 3 announced.
    fn keys() -> JournalKeys {
        let earlier = EarlierKeys {
            ed25519: ed25519(1).public(),
            mldsa44: mldsa44(1).public(),
            retired_at_size: 10,
        };
        let next = NextKeys {
            ed25519: ed25519(3).public(),
            mldsa44: mldsa44(3).public(),
            from: Timestamp::from_millis(0),
        };
        let name = NAME.parse().unwrap();
        JournalKeys {
            earlier: vec![earlier],
            next: Some(next),
            ..JournalKeys::of(name, ed25519(2).public(), mldsa44(2).public())
        }
    }

    fn shown(size: u64) -> Checkpoint {
        let root = crate::domain::digest::Digest::of(&size.to_be_bytes());
        Checkpoint { origin: NAME.to_owned(), size, root }
    }

    fn note(byte: u8, size: u64) -> Vec<u8> {
        sign_checkpoint(&shown(size), &ed25519(byte))
    }

    #[test]
    fn a_retired_key_counts_up_to_its_size_and_the_others_at_any() {
        let keys = keys();
        for (byte, size) in [(1, 1), (1, 10), (2, 1), (2, 11), (3, 1), (3, 1_000)] {
            let signed = keys.checkpoint(&note(byte, size)).unwrap();
            assert_eq!(signed.checkpoint.size, size);
        }
        assert_eq!(keys.checkpoint(&note(1, 11)), Err(KeyFault::Retired));
        let unsigned = Err(KeyFault::Checkpoint(CheckpointError::Unsigned));
        assert_eq!(keys.checkpoint(&note(4, 1)), unsigned);
        let retired = JournalKeys { retired_at_size: Some(5), next: None, ..keys };
        assert_eq!(retired.checkpoint(&note(1, 6)), Err(KeyFault::Retired));
        assert_eq!(retired.checkpoint(&note(2, 6)), Err(KeyFault::Retired));
        assert!(retired.checkpoint(&note(2, 5)).is_ok());
    }

    #[test]
    fn a_checkpoint_that_both_keys_signed_counts_by_the_one_that_still_does() {
        let line = SignedCheckpoint::parse(&note(1, 11)).unwrap().note.signatures.remove(0);
        let both = cosignature::with_lines(&note(3, 11), std::slice::from_ref(&line)).unwrap();
        assert!(keys().checkpoint(&both).is_ok());
        assert_eq!(keys().own_line(&line, 11), None);
        assert_eq!(keys().own_line(&line, 10), Some(TYPE_ED25519));
    }

    #[test]
    fn a_cosignature_counts_by_the_same_sizes() {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let cosigned = |byte: u8, size: u64| {
            let line = cosignature::cosign_mldsa44(&shown(size), NAME, &mldsa44(byte), at);
            let bytes = cosignature::with_lines(&note(2, size), &[line]).unwrap();
            keys().countersigned(&SignedCheckpoint::parse(&bytes).unwrap())
        };
        assert_eq!(cosigned(1, 10), Ok(at));
        assert_eq!(cosigned(3, 11), Ok(at));
        assert!(cosigned(1, 11).is_err() && cosigned(4, 1).is_err());
    }
}
