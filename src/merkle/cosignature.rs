//! C2SP tlog-cosignature v1.1.0-rc.1: timestamped signatures over a checkpoint, by a witness or by
//! the journal's second key.
//!
//! Type 0x04 (Ed25519) signs two lines and the note text; type 0x06 (ML-DSA-44) signs a structure
//! that names cosigner, time, origin, size and root. Both say: *at that time, this was the largest
//! consistent tree that I had seen of this journal*.

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::note::{
    NoteError, SignatureLine, SignedNote, TYPE_COSIGNATURE_ED25519, TYPE_COSIGNATURE_MLDSA44,
    is_key_name, key_id,
};
use super::signature::{Ed25519Signer, MlDsa44Signer, verify_ed25519, verify_mldsa44};
use crate::clock::Timestamp;

const ED25519_HEADER: &str = "cosignature/v1";
const MLDSA44_LABEL: &[u8; 12] = b"subtree/v1\n\0";
const MILLIS_PER_SECOND: i64 = 1000;
/// Length of the time at the head of a cosignature, in bytes.
const TIME_BYTES: usize = 8;

/// Why a checkpoint does not carry a good cosignature of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// No line is by that key.
    #[error("the key has not cosigned")]
    Unsigned,
    /// A line of that key is too short to hold a time.
    #[error("the cosignature has no time")]
    NoTime,
    /// The time is 0, which says nothing, or beyond what a clock can show.
    #[error("the time of the cosignature is out of range")]
    Time,
    /// A line claims to be by that key and is not.
    #[error("the cosignature is wrong")]
    BadSignature,
}

/// Cosigns with Ed25519 (type 0x04) as `name`. The time goes in as whole seconds.
///
/// `name` must be a key name; for any other, the line comes without a signature and
/// [`with_lines`] refuses it. The same holds for [`cosign_mldsa44`].
pub fn cosign_ed25519(
    checkpoint: &Checkpoint,
    name: &str,
    key: &Ed25519Signer,
    at: Timestamp,
) -> SignatureLine {
    let seconds = posix_seconds(at);
    let signed = ed25519_message(&checkpoint.to_text(), seconds);
    let id = key_id(name, TYPE_COSIGNATURE_ED25519, &key.public());
    line(name, id, seconds, is_key_name(name).then(|| key.sign(signed.as_bytes()).to_vec()))
}

/// Verifies the Ed25519 cosignature of the witness `name` and gives its time; the earliest, should
/// the same key have signed more than once. Whether the journal signed is another question.
///
/// # Errors
/// Names the first thing that does not hold; one bad line of the key condemns the whole.
pub fn verify_cosign_ed25519(
    signed: &SignedCheckpoint,
    name: &str,
    public: &[u8; 32],
) -> Result<Timestamp, CosignatureError> {
    let id = key_id(name, TYPE_COSIGNATURE_ED25519, public);
    earliest(signed, name, id, |seconds, signature| {
        let message = ed25519_message(&signed.note.text, seconds);
        verify_ed25519(public, message.as_bytes(), signature)
    })
}

/// Verifies one line as the Ed25519 cosignature of `public`, and gives its time. Whether the line has
/// the key's name is another question.
///
/// # Errors
/// As [`verify_cosign_ed25519`]; [`CosignatureError::Unsigned`] if the line is not by that key.
pub fn verify_line_ed25519(
    signed: &SignedCheckpoint,
    line: &SignatureLine,
    public: &[u8; 32],
) -> Result<Timestamp, CosignatureError> {
    if line.key_id != key_id(&line.name, TYPE_COSIGNATURE_ED25519, public) {
        return Err(CosignatureError::Unsigned);
    }
    time_of(line, |seconds, signature| {
        let message = ed25519_message(&signed.note.text, seconds);
        verify_ed25519(public, message.as_bytes(), signature)
    })
}

/// Cosigns with ML-DSA-44 (type 0x06) as `name`. The time goes in as whole seconds. Each call
/// gives another signature, so the first one is stored and the same checkpoint not signed again.
pub fn cosign_mldsa44(
    checkpoint: &Checkpoint,
    name: &str,
    key: &MlDsa44Signer,
    at: Timestamp,
) -> SignatureLine {
    let seconds = posix_seconds(at);
    let signature = mldsa44_message(checkpoint, name, seconds).map(|message| key.sign(&message));
    line(name, key_id(name, TYPE_COSIGNATURE_MLDSA44, &key.public()), seconds, signature)
}

/// Verifies the ML-DSA-44 cosignature of `name` (a witness, or the journal itself) and gives its
/// time; the earliest, should the same key have signed more than once.
///
/// # Errors
/// As [`verify_cosign_ed25519`].
pub fn verify_cosign_mldsa44(
    signed: &SignedCheckpoint,
    name: &str,
    public: &[u8],
) -> Result<Timestamp, CosignatureError> {
    let id = key_id(name, TYPE_COSIGNATURE_MLDSA44, public);
    earliest(signed, name, id, |seconds, signature| {
        mldsa44_message(&signed.checkpoint, name, seconds)
            .is_some_and(|message| verify_mldsa44(public, &message, signature))
    })
}

/// A checkpoint with more signature lines at its end; a line that it has already is not added
/// again.
///
/// # Errors
/// When the bytes are not a note, a line is malformed, or the note would pass its limits.
pub fn with_lines(checkpoint: &[u8], lines: &[SignatureLine]) -> Result<Vec<u8>, NoteError> {
    let mut note = SignedNote::parse(checkpoint)?;
    for line in lines {
        if !note.signatures.contains(line) {
            note.signatures.push(line.clone());
        }
    }
    let bytes = note.to_bytes();
    if SignedNote::parse(&bytes)? == note { Ok(bytes) } else { Err(NoteError::SignatureLine) }
}

/// What type 0x04 signs.
fn ed25519_message(note_text: &str, seconds: u64) -> String {
    format!("{ED25519_HEADER}\ntime {seconds}\n{note_text}")
}

/// What type 0x06 signs: a `cosigned_message`. `None` if a name is not one.
fn mldsa44_message(checkpoint: &Checkpoint, name: &str, seconds: u64) -> Option<Vec<u8>> {
    let mut message = MLDSA44_LABEL.to_vec();
    push_name(&mut message, name)?;
    message.extend_from_slice(&seconds.to_be_bytes());
    push_name(&mut message, &checkpoint.origin)?;
    message.extend_from_slice(&0_u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size.to_be_bytes());
    message.extend_from_slice(checkpoint.root.as_bytes());
    Some(message)
}

/// Appends `opaque name<1..255>`.
fn push_name(message: &mut Vec<u8>, name: &str) -> Option<()> {
    message.push(u8::try_from(name.len()).ok().filter(|_| is_key_name(name))?);
    message.extend_from_slice(name.as_bytes());
    Some(())
}

/// A `timestamped_signature` as a line, or an empty one if nothing could be signed.
fn line(name: &str, key_id: [u8; 4], seconds: u64, signature: Option<Vec<u8>>) -> SignatureLine {
    let signature = signature.map(|bytes| [&seconds.to_be_bytes()[..], &bytes].concat());
    SignatureLine { name: name.to_owned(), key_id, signature: signature.unwrap_or_default() }
}

/// Checks every line of one key and gives the earliest time.
fn earliest(
    signed: &SignedCheckpoint,
    name: &str,
    key_id: [u8; 4],
    verify: impl Fn(u64, &[u8]) -> bool,
) -> Result<Timestamp, CosignatureError> {
    let mut first: Option<Timestamp> = None;
    for line in signed.note.lines_by(name, key_id) {
        let at = time_of(line, &verify)?;
        first = Some(first.map_or(at, |known| known.min(at)));
    }
    first.ok_or(CosignatureError::Unsigned)
}

/// The time that a line states, if its signature holds.
fn time_of(
    line: &SignatureLine,
    verify: impl Fn(u64, &[u8]) -> bool,
) -> Result<Timestamp, CosignatureError> {
    let (time, signature) =
        line.signature.split_first_chunk::<TIME_BYTES>().ok_or(CosignatureError::NoTime)?;
    let seconds = u64::from_be_bytes(*time);
    let at = timestamp(seconds).ok_or(CosignatureError::Time)?;
    if verify(seconds, signature) { Ok(at) } else { Err(CosignatureError::BadSignature) }
}

/// The time that a cosignature made at `at` states: its whole second.
pub const fn stated(at: Timestamp) -> Timestamp {
    let millis = at.millis();
    Timestamp::from_millis(millis.saturating_sub(millis.rem_euclid(MILLIS_PER_SECOND)))
}

/// Whole seconds since the epoch; 0, which no verifier takes, before it.
fn posix_seconds(at: Timestamp) -> u64 {
    u64::try_from(at.millis().div_euclid(MILLIS_PER_SECOND)).unwrap_or(0)
}

fn timestamp(seconds: u64) -> Option<Timestamp> {
    let millis = i64::try_from(seconds).ok()?.checked_mul(MILLIS_PER_SECOND)?;
    (millis > 0).then_some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::{sign_checkpoint, verify_checkpoint};
    use super::*;
    use crate::domain::digest::Digest;
    use crate::redact::Secret;

    const ORIGIN: &str = "ita.coast-guard/journal/1";
    const WITNESS: &str = "mlt.police/witness";
    const AT: Timestamp = Timestamp::from_millis(1_789_999_999_777);
    const AT_SECONDS: Timestamp = Timestamp::from_millis(1_789_999_999_000);

    struct Keys {
        journal: Ed25519Signer,
        second: MlDsa44Signer,
        witness: Ed25519Signer,
    }

    fn keys() -> Keys {
        Keys {
            journal: Ed25519Signer::from_seed(&Secret::new([1; 32])),
            second: MlDsa44Signer::from_seed(&Secret::new([2; 32])),
            witness: Ed25519Signer::from_seed(&Secret::new([3; 32])),
        }
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: ORIGIN.to_owned(), size: 7, root: Digest::of(b"root") }
    }

    /// A checkpoint with all three signatures.
    fn cosigned(keys: &Keys) -> Vec<u8> {
        let lines = [
            cosign_mldsa44(&checkpoint(), ORIGIN, &keys.second, AT),
            cosign_ed25519(&checkpoint(), WITNESS, &keys.witness, AT),
        ];
        with_lines(&sign_checkpoint(&checkpoint(), &keys.journal), &lines).unwrap()
    }

    /// True if journal, second key and witness have all signed.
    fn holds(bytes: &[u8], keys: &Keys, second_public: &[u8]) -> bool {
        let Ok(signed) = verify_checkpoint(bytes, ORIGIN, &keys.journal.public()) else {
            return false;
        };
        verify_cosign_mldsa44(&signed, ORIGIN, second_public) == Ok(AT_SECONDS)
            && verify_cosign_ed25519(&signed, WITNESS, &keys.witness.public()) == Ok(AT_SECONDS)
    }

    #[test]
    fn both_types_verify_beside_the_journals_own_signature() {
        let keys = keys();
        let bytes = cosigned(&keys);
        assert!(holds(&bytes, &keys, &keys.second.public()));
    }

    #[test]
    fn every_flipped_byte_is_refused_by_one_of_the_three() {
        let keys = keys();
        let public = keys.second.public();
        let bytes = cosigned(&keys);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(!holds(&changed, &keys, &public), "byte {at}");
        }
    }

    #[test]
    fn a_cosignature_is_bound_to_key_name_and_checkpoint() {
        let keys = keys();
        let signed = SignedCheckpoint::parse(&cosigned(&keys)).unwrap();
        let other = keys.journal.public();
        assert_eq!(
            verify_cosign_ed25519(&signed, WITNESS, &other),
            Err(CosignatureError::Unsigned)
        );
        assert_eq!(
            verify_cosign_ed25519(&signed, ORIGIN, &keys.witness.public()),
            Err(CosignatureError::Unsigned)
        );
        let larger = Checkpoint { size: 8, ..checkpoint() };
        let moved =
            with_lines(&sign_checkpoint(&larger, &keys.journal), &signed.note.signatures[1..]);
        let moved = SignedCheckpoint::parse(&moved.unwrap()).unwrap();
        assert_eq!(
            verify_cosign_ed25519(&moved, WITNESS, &keys.witness.public()),
            Err(CosignatureError::BadSignature)
        );
        assert_eq!(
            verify_cosign_mldsa44(&moved, ORIGIN, &keys.second.public()),
            Err(CosignatureError::BadSignature)
        );
    }

    #[test]
    fn a_key_that_signed_twice_counts_from_the_first_time() {
        let keys = keys();
        let later = cosign_ed25519(&checkpoint(), WITNESS, &keys.witness, AT.plus_millis(5000));
        let bytes = with_lines(&cosigned(&keys), &[later]).unwrap();
        assert!(holds(&bytes, &keys, &keys.second.public()));
    }

    #[test]
    fn times_that_say_nothing_are_refused() {
        let keys = keys();
        let base = sign_checkpoint(&checkpoint(), &keys.journal);
        let public = keys.witness.public();
        for (millis, wanted) in [
            (0, Err(CosignatureError::Time)),
            (-5, Err(CosignatureError::Time)),
            (999, Err(CosignatureError::Time)),
            (1000, Ok(Timestamp::from_millis(1000))),
        ] {
            let at = Timestamp::from_millis(millis);
            let line = cosign_ed25519(&checkpoint(), WITNESS, &keys.witness, at);
            let signed = SignedCheckpoint::parse(&with_lines(&base, &[line]).unwrap()).unwrap();
            assert_eq!(verify_cosign_ed25519(&signed, WITNESS, &public), wanted, "{millis}");
        }
        let mut line = cosign_ed25519(&checkpoint(), WITNESS, &keys.witness, AT);
        line.signature.truncate(7);
        let signed = SignedCheckpoint::parse(&with_lines(&base, &[line]).unwrap()).unwrap();
        assert_eq!(verify_cosign_ed25519(&signed, WITNESS, &public), Err(CosignatureError::NoTime));
        let mut line = cosign_ed25519(&checkpoint(), WITNESS, &keys.witness, AT);
        line.signature[0] = 0xff;
        let signed = SignedCheckpoint::parse(&with_lines(&base, &[line]).unwrap()).unwrap();
        assert_eq!(verify_cosign_ed25519(&signed, WITNESS, &public), Err(CosignatureError::Time));
    }

    #[test]
    fn lines_are_added_once_and_only_if_well_formed() {
        let keys = keys();
        let bytes = cosigned(&keys);
        let lines = SignedNote::parse(&bytes).unwrap().signatures;
        assert_eq!(with_lines(&bytes, &lines), Ok(bytes.clone()));
        let nameless = cosign_ed25519(&checkpoint(), "no name", &keys.witness, AT);
        assert_eq!(nameless.signature, Vec::<u8>::new());
        assert_eq!(with_lines(&bytes, &[nameless]), Err(NoteError::SignatureLine));
        let long = cosign_mldsa44(&checkpoint(), &"n".repeat(256), &keys.second, AT);
        assert_eq!(with_lines(&bytes, &[long]), Err(NoteError::SignatureLine));
        let mut smuggled = lines[0].clone();
        smuggled.name = format!("a AAAAAAA=\n\u{2014} {}", smuggled.name);
        assert_eq!(with_lines(&bytes, &[smuggled]), Err(NoteError::SignatureLine));
        assert_eq!(with_lines(b"no note", &lines), Err(NoteError::NoSignatures));
    }
}
