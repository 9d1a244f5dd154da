//! The directory without a centre: authorities sign who belongs, agencies sign their own records.
//!
//! - `genesis.rs` what a network begins with: its name, its first authorities, their threshold. A
//!   node's configuration pins its hash; nothing else is trusted unseen.
//! - `authorities.rs` t of n: who of them signed a note, and whether that suffices.
//! - `roll.rs` who belongs: agencies with the key that signs their record, and their status; the
//!   authorities from here on. Each version names the hash of the one before.
//! - `record.rs` what an agency says of itself, signed by that key, replaced by version.
//! - `succession.rs` what one version of the roll may change of the one before.
//! - `held.rs` what was adopted so far: takes newer texts or refuses them, and gives the
//!   [`crate::directory::Directory`] that follows.
//! - `assembly.rs` the directory that follows from what is held, and what stands in the way of a part.
//! - `compare.rs` what two nodes hold, told and compared: which texts one lacks of the other.
//! - `lists.rs` revocation lists, which go about beside the records; `seen.rs` hashes of the versions
//!   of a record that were seen.
//! - `refusal.rs` every reason why a text is not adopted; `write.rs` texts made from values.
//!
//! A roll and a record are TOML texts that people edit, as the text of a signed note (C2SP
//! signed-note v1.0.0): below an empty line stand the signatures. A text's hash is that of the TOML
//! without them, so a further signature makes no other version.
//!
//! What always holds: what is refused changes nothing; versions only go up; of two texts of one
//! version the one adopted first stays, and both are evidence; an agency whose record is missing is
//! named, and the others go on.

pub mod assembly;
pub mod authorities;
pub mod compare;
pub mod genesis;
pub mod held;
pub mod lists;
pub mod record;
pub mod refusal;
pub mod roll;
pub mod seen;
pub mod succession;
pub mod write;

pub use assembly::Complaint;
pub use authorities::{Authorities, Authority};
pub use genesis::Genesis;
pub use held::{Adopted, Held, Judging};
pub use lists::{HeldList, NewList};
pub use record::{LinkOffer, SignedRecord};
pub use refusal::Refusal;
pub use roll::{Member, NextKey, Roll, SignedRoll, Status};

use crate::directory::strict::Spot;
use crate::domain::digest::Digest;
use crate::merkle::note::{NoteError, SignedNote};

/// How a signature line begins, after the line before it.
const SIGNATURE_START: &[u8] = "\n\u{2014} ".as_bytes();

/// Reads a hash as these texts write it: 64 lower-case hexadecimal digits.
fn read_hash(spot: &Spot<'_>) -> Option<Digest> {
    let text = spot.text()?;
    let hash = hex::decode(text).ok().and_then(|bytes| Digest::from_slice(&bytes));
    let hash = hash.filter(|hash| hash.to_string() == text);
    if hash.is_none() {
        spot.fault("must be a SHA-256 hash: 64 lower-case hexadecimal digits");
    }
    hash
}

/// Reads a signed note. A text without any signature line is said to be unsigned, and no more.
fn read_note(bytes: &[u8], bytes_max: usize) -> Result<SignedNote, Refusal> {
    SignedNote::parse_up_to(bytes, bytes_max).map_err(|error| {
        let has_line = bytes.windows(SIGNATURE_START.len()).any(|it| it == SIGNATURE_START);
        match error {
            NoteError::NoSignatures | NoteError::SignatureLine if !has_line => Refusal::Unsigned,
            NoteError::NoSignatures
            | NoteError::SignatureLine
            | NoteError::TooLong
            | NoteError::NotText
            | NoteError::TooManySignatures => Refusal::Note(error),
        }
    })
}
