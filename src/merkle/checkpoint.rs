//! C2SP tlog-checkpoint v1.0.0: the head of a journal's tree as a signed text of three lines.
//!
//! Narrower than the specification: the origin must be usable as a key name, since it is the name
//! of the journal's keys, and no extension lines are taken, since a 0x06 cosignature would not
//! cover them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{NoteError, SignatureLine, SignedNote, TYPE_ED25519, is_key_name, key_id};
use super::signature::{Ed25519Signer, SignFault, SignsEd25519, verify_ed25519};
use super::tree::{TREE_SIZE_MAX, empty_root};
use crate::domain::digest::Digest;

/// Why bytes are not a checkpoint, or not one of this journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note at all.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not three lines.
    #[error("the checkpoint is not three lines")]
    Lines,
    /// The first line cannot be the name of a journal's key.
    #[error("the origin is malformed")]
    Origin,
    /// The second line is no number, has leading zeroes, or is over the limit.
    #[error("the size is malformed")]
    Size,
    /// The third line is not the base64 form of 32 bytes.
    #[error("the root is malformed")]
    Root,
    /// A tree without leaves has another root than the empty one.
    #[error("the root of an empty tree is wrong")]
    EmptyRoot,
    /// It is a checkpoint of another journal.
    #[error("the checkpoint is of another journal")]
    OtherOrigin,
    /// No line is by the journal's key.
    #[error("the journal's key has not signed")]
    Unsigned,
    /// A line claims to be by the journal's key and is not.
    #[error("the signature of the journal's key is wrong")]
    BadSignature,
}

/// The head of a tree.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// Name of the journal, and of its keys.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The text that is signed: three lines, each with its line feed.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, hash_to_text(&self.root))
    }

    /// Reads the text of a checkpoint.
    ///
    /// # Errors
    /// Names the first rule that the text breaks.
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        if !is_key_name(origin) {
            return Err(CheckpointError::Origin);
        }
        let size = number_from_text(size)
            .filter(|size| *size <= TREE_SIZE_MAX)
            .ok_or(CheckpointError::Size)?;
        let root = hash_from_text(root).ok_or(CheckpointError::Root)?;
        if size == 0 && root != empty_root() {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A checkpoint with the note that it came in. Nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What the text says.
    pub checkpoint: Checkpoint,
    /// Text and signature lines.
    pub note: SignedNote,
    /// The bytes as received.
    pub bytes: Vec<u8>,
}

impl SignedCheckpoint {
    /// Reads a checkpoint without verifying a signature.
    ///
    /// # Errors
    /// Names the first rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(bytes)?;
        let checkpoint = Checkpoint::parse_text(&note.text)?;
        Ok(Self { checkpoint, note, bytes: bytes.to_vec() })
    }
}

/// The checkpoint as a note with one signature of type 0x01 by the journal's key. The origin must
/// be a key name (every journal's name is), or no parser takes the note. Signing again gives the
/// same bytes.
pub fn sign_checkpoint(checkpoint: &Checkpoint, key: &Ed25519Signer) -> Vec<u8> {
    let signature = key.sign(checkpoint.to_text().as_bytes());
    signed_note(checkpoint, &key.public(), &signature)
}

/// [`sign_checkpoint`] by whoever holds the key.
///
/// # Errors
/// That it did not sign.
pub fn sign_checkpoint_by(
    checkpoint: &Checkpoint,
    key: &dyn SignsEd25519,
) -> Result<Vec<u8>, SignFault> {
    let signature = key.try_sign(checkpoint.to_text().as_bytes())?;
    Ok(signed_note(checkpoint, &key.public_key(), &signature))
}

fn signed_note(checkpoint: &Checkpoint, public: &[u8; 32], signature: &[u8; 64]) -> Vec<u8> {
    let line = SignatureLine {
        name: checkpoint.origin.clone(),
        key_id: key_id(&checkpoint.origin, TYPE_ED25519, public),
        signature: signature.to_vec(),
    };
    SignedNote { text: checkpoint.to_text(), signatures: vec![line] }.to_bytes()
}

/// Reads a checkpoint and verifies that it is of the journal `origin` and signed by its Ed25519
/// key. Lines of other keys are left alone.
///
/// # Errors
/// Names the first thing that does not hold.
pub fn verify_checkpoint(
    bytes: &[u8],
    origin: &str,
    public: &[u8; 32],
) -> Result<SignedCheckpoint, CheckpointError> {
    let signed = SignedCheckpoint::parse(bytes)?;
    if signed.checkpoint.origin != origin {
        return Err(CheckpointError::OtherOrigin);
    }
    let mut known = 0_usize;
    for line in signed.note.lines_by(origin, key_id(origin, TYPE_ED25519, public)) {
        if !verify_ed25519(public, signed.note.text.as_bytes(), &line.signature) {
            return Err(CheckpointError::BadSignature);
        }
        known += 1;
    }
    if known == 0 { Err(CheckpointError::Unsigned) } else { Ok(signed) }
}

/// A hash as C2SP texts write it: standard base64 with padding.
pub(super) fn hash_to_text(hash: &Digest) -> String {
    STANDARD.encode(hash.as_bytes())
}

/// Reads what [`hash_to_text`] writes, and nothing else.
pub(super) fn hash_from_text(text: &str) -> Option<Digest> {
    Digest::from_slice(&STANDARD.decode(text).ok()?)
}

/// Reads ASCII decimal without sign and without leading zeroes.
pub(super) fn number_from_text(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Secret;

    const ORIGIN: &str = "ita.coast-guard/journal/1";

    fn key() -> Ed25519Signer {
        Ed25519Signer::from_seed(&Secret::new([5; 32]))
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: ORIGIN.to_owned(), size: 7, root: Digest::of(b"root") }
    }

    #[test]
    fn a_signed_checkpoint_verifies_and_signing_again_gives_the_same_bytes() {
        let bytes = sign_checkpoint(&checkpoint(), &key());
        let signed = verify_checkpoint(&bytes, ORIGIN, &key().public()).unwrap();
        assert_eq!(signed.checkpoint, checkpoint());
        assert_eq!(signed.bytes, bytes);
        assert_eq!(signed.note.to_bytes(), bytes);
        assert_eq!(sign_checkpoint(&checkpoint(), &key()), bytes);
    }

    #[test]
    fn another_origin_key_or_signature_is_refused_with_its_reason() {
        let bytes = sign_checkpoint(&checkpoint(), &key());
        let stranger = Ed25519Signer::from_seed(&Secret::new([6; 32]));
        assert_eq!(
            verify_checkpoint(&bytes, "mlt.police/journal/1", &key().public()),
            Err(CheckpointError::OtherOrigin)
        );
        assert_eq!(
            verify_checkpoint(&bytes, ORIGIN, &stranger.public()),
            Err(CheckpointError::Unsigned)
        );
        let mut note = SignedNote::parse(&bytes).unwrap();
        note.text = Checkpoint { size: 8, ..checkpoint() }.to_text();
        assert_eq!(
            verify_checkpoint(&note.to_bytes(), ORIGIN, &key().public()),
            Err(CheckpointError::BadSignature)
        );
    }

    #[test]
    fn one_bad_line_of_a_known_key_condemns_the_note() {
        let bytes = sign_checkpoint(&checkpoint(), &key());
        let mut note = SignedNote::parse(&bytes).unwrap();
        let mut bad = note.signatures[0].clone();
        bad.signature[0] ^= 1;
        note.signatures.push(bad);
        assert_eq!(
            verify_checkpoint(&note.to_bytes(), ORIGIN, &key().public()),
            Err(CheckpointError::BadSignature)
        );
        note.signatures[1].key_id[0] ^= 1;
        assert!(verify_checkpoint(&note.to_bytes(), ORIGIN, &key().public()).is_ok());
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let bytes = sign_checkpoint(&checkpoint(), &key());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                verify_checkpoint(&changed, ORIGIN, &key().public()).unwrap_err();
            }
        }
    }

    #[test]
    fn malformed_texts_are_refused_with_their_reason() {
        let root = hash_to_text(&Digest::of(b"root"));
        let empty = hash_to_text(&empty_root());
        let short = STANDARD.encode([0; 31]);
        let largest = format!("o\n{TREE_SIZE_MAX}\n{root}\n");
        assert_eq!(Checkpoint::parse_text(&largest).unwrap().size, TREE_SIZE_MAX);
        assert_eq!(Checkpoint::parse_text(&format!("o\n0\n{empty}\n")).unwrap().size, 0);
        for (text, reason) in [
            (String::new(), CheckpointError::Lines),
            (format!("o\n1\n{root}"), CheckpointError::Lines),
            (format!("o\n1\n{root}\n\n"), CheckpointError::Lines),
            (format!("o\n1\n{root}\nextension\n"), CheckpointError::Lines),
            (format!("\n1\n{root}\n"), CheckpointError::Origin),
            (format!("o o\n1\n{root}\n"), CheckpointError::Origin),
            (format!("{}\n1\n{root}\n", "o".repeat(256)), CheckpointError::Origin),
            (format!("o\n01\n{root}\n"), CheckpointError::Size),
            (format!("o\n+1\n{root}\n"), CheckpointError::Size),
            (format!("o\n-1\n{root}\n"), CheckpointError::Size),
            (format!("o\n\n{root}\n"), CheckpointError::Size),
            (format!("o\n{}\n{root}\n", TREE_SIZE_MAX + 1), CheckpointError::Size),
            (format!("o\n18446744073709551616\n{root}\n"), CheckpointError::Size),
            ("o\n1\n\n".to_owned(), CheckpointError::Root),
            (format!("o\n1\n{short}\n"), CheckpointError::Root),
            (format!("o\n1\n {root}\n"), CheckpointError::Root),
            (format!("o\n0\n{root}\n"), CheckpointError::EmptyRoot),
        ] {
            assert_eq!(Checkpoint::parse_text(&text), Err(reason), "{text:?}");
        }
    }

    #[test]
    fn truncated_checkpoints_never_panic() {
        let bytes = sign_checkpoint(&checkpoint(), &key());
        for length in 0..bytes.len() {
            SignedCheckpoint::parse(&bytes[..length]).unwrap_err();
        }
    }
}
