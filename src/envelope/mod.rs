//! Content that only its recipients can read, whoever carries it.
//!
//! What comes in is the plain bytes of a message's particulars and content, its address in
//! canonical form, and the sealing keys of the recipient agencies; what goes out is two sealed
//! parts and one wrapped key for each recipient, and on the other side the plain bytes again.
//! Nothing here knows what the bytes mean, how they travel (`wire/`) or where they are kept.
//!
//! - Each part is padded, then sealed once, under a key derived from a fresh *content key*.
//! - Part number and address hash are bound into every part; suite, sender, recipient, its key id,
//!   message id and address hash into every wrap. A part or wrap moved elsewhere does not open.
//! - A sealed part commits to its key, so one ciphertext never opens to two texts.
//! - Nothing is released before all of it is verified, and no length that a message cannot have
//!   is decrypted.
//! - Encapsulations are never reused, so each wrapping key encrypts one thing.
//!
//! HPKE base mode proves nothing about the sender; the journal does (DESIGN §5). The sender's own
//! copy of the content key goes under its storage key (`storage`), and stays at home. Attachments
//! (`attachment`) go under a key inside the content.

pub mod at_rest;
pub mod attachment;
pub mod backup;
pub mod chunks;
pub mod keyring;
pub mod padding;
pub mod primitive;
pub mod storage;
pub mod stream;
pub mod wrap;

use std::fmt;

use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, MessageId};
use crate::domain::limits::{CONTENT_BYTES_MAX, PARTICULARS_BYTES_MAX, RECIPIENTS_MAX};
use crate::entropy::Entropy;
use crate::redact::Secret;

pub use at_rest::RowKey;
pub use keyring::{Keyring, SealingPrivate};
pub use storage::StorageKey;
pub use wrap::{RecipientKey, WrappedKey};

/// Salt of the derivation of a part's key from the content key; names what the key is for.
const PART_KEY_LABEL: &[u8] = b"rogatory/v1 part key";

/// A sealed part of a message. Its number is bound into the key that seals it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Kind, act, contact points, times: what a recipient needs to file the message.
    Particulars,
    /// The message itself.
    Content,
}

impl Part {
    /// The part's number, for good: sealed bytes depend on it.
    const fn number(self) -> u8 {
        match self {
            Self::Particulars => 1,
            Self::Content => 2,
        }
    }

    /// Largest plain size of this part, in bytes.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Particulars => PARTICULARS_BYTES_MAX,
            Self::Content => CONTENT_BYTES_MAX,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Particulars => "particulars",
            Self::Content => "content",
        })
    }
}

/// Size of a part of `plain_bytes` once padded and sealed, in bytes.
pub const fn sealed_bytes(plain_bytes: usize) -> usize {
    chunks::sealed_bytes(padding::padded_bytes(plain_bytes))
}

/// What is to be sealed, for whom, and what it is bound to.
pub struct Sealing<'a> {
    /// The canonical bytes of the address; their hash is bound into every part and wrap.
    pub address: &'a [u8],
    /// The agency that seals.
    pub sender: &'a AgencyId,
    /// The message.
    pub message: MessageId,
    /// Who is to read it: 1 to [`RECIPIENTS_MAX`] sealing keys.
    pub recipients: &'a [RecipientKey],
    /// Plain particulars, at most [`PARTICULARS_BYTES_MAX`].
    pub particulars: &'a [u8],
    /// Plain content, at most [`CONTENT_BYTES_MAX`].
    pub content: &'a [u8],
}

/// A sealed message, and the key that opens it.
#[derive(Debug)]
pub struct Sealed {
    /// The sealed particulars.
    pub particulars: Vec<u8>,
    /// The sealed content.
    pub content: Vec<u8>,
    /// The content key, wrapped for each recipient, in the order given.
    pub wraps: Vec<WrappedKey>,
    /// The content key itself, for the sender's own records; it never travels unwrapped.
    pub content_key: Secret<32>,
}

/// Why a message cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Nobody could open it.
    #[error("no recipient is named")]
    NoRecipients,
    /// The sealing key is no X-Wing key, or is not the one that its id names.
    #[error("sealing key {key_id} of {agency} is malformed")]
    RecipientKey {
        /// Whose key.
        agency: AgencyId,
        /// Which key.
        key_id: String,
    },
    /// A part is over its limit.
    #[error("{part} has {bytes} bytes, more than {bytes_max}")]
    TooLarge {
        /// Which part.
        part: Part,
        /// Its plain size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// More recipients than a message may have.
    #[error("{count} recipients are named, more than {RECIPIENTS_MAX}")]
    TooManyRecipients {
        /// How many.
        count: usize,
    },
}

/// Why sealed bytes do not open. None of these tells anything about the plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key is not the one that these bytes commit to, or what they are bound to differs.
    #[error("the key commitment does not match")]
    Commitment,
    /// The encapsulation is not one of X-Wing.
    #[error("the encapsulation is malformed")]
    Encapsulation,
    /// Nothing sealed has this many bytes.
    #[error("sealed bytes cannot be {bytes} long")]
    Length {
        /// The length.
        bytes: usize,
    },
    /// The padding is not what the length inside asks for.
    #[error("the padding is wrong")]
    Padding,
    /// Something was altered, reordered, added or moved here from elsewhere.
    #[error("an authentication tag does not match")]
    Tag,
    /// The stream ends on a full chunk, so its end is missing.
    #[error("the end is missing")]
    Truncated,
    /// The sealing key is not, or no longer, in the keyring.
    #[error("the keyring has no sealing key of this id")]
    UnknownKey,
}

/// Seals a message under a fresh content key and wraps that key for each recipient.
///
/// The order of what is drawn from `entropy` is fixed: content key, salts of the two parts, then
/// the encapsulations; a seeded source gives the same bytes again.
///
/// # Errors
/// A part is over its limit, there is no recipient or too many, or a recipient's key is malformed.
pub fn seal(s: &Sealing<'_>, entropy: &dyn Entropy) -> Result<Sealed, SealError> {
    match s.recipients.len() {
        0 => return Err(SealError::NoRecipients),
        count if count > RECIPIENTS_MAX => return Err(SealError::TooManyRecipients { count }),
        _ => {}
    }
    let content_key = Secret::fresh(entropy);
    let address = Digest::of(s.address);
    let particulars = seal_part(Part::Particulars, &content_key, &address, s.particulars, entropy)?;
    let content = seal_part(Part::Content, &content_key, &address, s.content, entropy)?;
    let binding = wrap::Binding { sender: s.sender, message: s.message, address };
    let wraps = s
        .recipients
        .iter()
        .map(|recipient| wrap::wrap(&content_key, recipient, &binding, entropy))
        .collect::<Result<_, _>>()?;
    Ok(Sealed { particulars, content, wraps, content_key })
}

/// The content key out of a wrap that was made for one of our sealing keys.
///
/// # Errors
/// [`OpenError::UnknownKey`] without the private key, [`OpenError::Length`] or
/// [`OpenError::Encapsulation`] for bytes that are no wrap, [`OpenError::Tag`] if anything that
/// the wrap is bound to differs.
pub fn unwrap_key(
    address: &[u8],
    sender: &AgencyId,
    message: MessageId,
    wrap: &WrappedKey,
    keys: &Keyring,
) -> Result<Secret<32>, OpenError> {
    let private = keys.find(&wrap.key_id).ok_or(OpenError::UnknownKey)?;
    let binding = wrap::Binding { sender, message, address: Digest::of(address) };
    wrap::unwrap(wrap, private, &binding)
}

/// The plain bytes of a sealed part.
///
/// # Errors
/// [`OpenError::Length`] or [`OpenError::Truncated`] before anything is decrypted,
/// [`OpenError::Commitment`] if key, part or address is another, [`OpenError::Tag`] if a chunk was
/// altered, [`OpenError::Padding`] if the sealer did not pad by the rule.
pub fn open_part(
    part: Part,
    key: &Secret<32>,
    address: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let padded_bytes = chunks::plain_bytes(sealed.len())?;
    if padded_bytes > padding::padded_bytes(part.bytes_max()) || !padding::is_size(padded_bytes) {
        return Err(OpenError::Length { bytes: sealed.len() });
    }
    let padded = chunks::open(&part_key(part, key), Digest::of(address).as_bytes(), sealed)?;
    let plain = padding::unpad(&padded).ok_or(OpenError::Padding)?;
    Ok(plain.to_vec())
}

fn seal_part(
    part: Part,
    key: &Secret<32>,
    address: &Digest,
    plain: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    let (bytes, bytes_max) = (plain.len(), part.bytes_max());
    let too_large = SealError::TooLarge { part, bytes, bytes_max };
    if bytes > bytes_max {
        return Err(too_large);
    }
    let padded = padding::pad(plain).ok_or(too_large)?;
    Ok(chunks::seal(&part_key(part, key), address.as_bytes(), &padded, entropy))
}

/// HKDF-SHA-512 of the content key, salted with a label, for the part's number.
fn part_key(part: Part, key: &Secret<32>) -> Secret<32> {
    primitive::derive(key.expose(), PART_KEY_LABEL, &[&[part.number()]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    const ADDRESS: &[u8] = b"address";

    fn sender() -> AgencyId {
        "ita.coast-guard".parse().unwrap()
    }

    fn recipients(count: u8) -> Vec<RecipientKey> {
        let agency: AgencyId = "pan.maritime-authority".parse().unwrap();
        (1..=count)
            .map(|n| SealingPrivate::from_seed(&Secret::new([n; 32])).recipient(agency.clone()))
            .collect()
    }

    fn sealed(recipients: &[RecipientKey], sizes: (usize, usize)) -> Result<Sealed, SealError> {
        let sealing = Sealing {
            address: ADDRESS,
            sender: &sender(),
            message: MessageId::from_bytes([1; 16]),
            recipients,
            particulars: &vec![1; sizes.0],
            content: &vec![2; sizes.1],
        };
        seal(&sealing, &SeededEntropy::new(1))
    }

    #[test]
    fn parts_are_refused_above_their_limit_only() {
        let to = recipients(1);
        let most = sealed(&to, (PARTICULARS_BYTES_MAX, CONTENT_BYTES_MAX)).unwrap();
        assert_eq!(most.content.len(), sealed_bytes(CONTENT_BYTES_MAX));
        let open = |part, bytes| open_part(part, &most.content_key, ADDRESS, bytes);
        assert_eq!(open(Part::Particulars, &most.particulars), Ok(vec![1; PARTICULARS_BYTES_MAX]));
        assert_eq!(open(Part::Content, &most.content), Ok(vec![2; CONTENT_BYTES_MAX]));
        for part in [Part::Particulars, Part::Content] {
            let (bytes, bytes_max) = (part.bytes_max() + 1, part.bytes_max());
            let sizes = if part == Part::Content { (1, bytes) } else { (bytes, 1) };
            let too_large = SealError::TooLarge { part, bytes, bytes_max };
            assert_eq!(sealed(&to, sizes).unwrap_err(), too_large);
        }
    }

    #[test]
    fn a_message_has_one_to_so_many_recipients() {
        let most = u8::try_from(RECIPIENTS_MAX).unwrap();
        assert_eq!(sealed(&[], (1, 1)).unwrap_err(), SealError::NoRecipients);
        assert_eq!(sealed(&recipients(most), (1, 1)).unwrap().wraps.len(), RECIPIENTS_MAX);
        let too_many = SealError::TooManyRecipients { count: RECIPIENTS_MAX + 1 };
        assert_eq!(sealed(&recipients(most + 1), (1, 1)).unwrap_err(), too_many);
    }

    #[test]
    fn a_sealing_key_must_be_one_and_have_its_own_id() {
        let [good, other] = recipients(2).try_into().unwrap();
        let refused = |key: RecipientKey| {
            let (agency, key_id) = (key.agency.clone(), key.key_id.clone());
            let error = sealed(&[key], (1, 1)).unwrap_err();
            assert_eq!(error, SealError::RecipientKey { agency, key_id });
        };
        refused(RecipientKey { key_id: other.key_id, ..good.clone() });
        for bytes in [0, 1215, 1217] {
            let public = vec![1; bytes];
            refused(RecipientKey { key_id: keyring::key_id(&public), public, ..good.clone() });
        }
        let public = vec![0xff; wrap::PUBLIC_BYTES];
        refused(RecipientKey { key_id: keyring::key_id(&public), public, ..good });
    }

    #[test]
    fn lengths_that_no_message_has_are_refused_before_anything_is_decrypted() {
        let key = Secret::new([1; 32]);
        let open = |part, bytes| open_part(part, &key, ADDRESS, &vec![0; bytes]);
        let next = sealed_bytes(PARTICULARS_BYTES_MAX + 1);
        assert_eq!(open(Part::Particulars, next - 1), Err(OpenError::Length { bytes: next - 1 }));
        let above = chunks::sealed_bytes(padding::padded_bytes(9000));
        assert_eq!(open(Part::Particulars, above), Err(OpenError::Length { bytes: above }));
        assert_eq!(open(Part::Content, above), Err(OpenError::Commitment));
        let unpadded = chunks::sealed_bytes(1025);
        assert_eq!(open(Part::Content, unpadded), Err(OpenError::Length { bytes: unpadded }));
        let empty = chunks::sealed_bytes(0);
        assert_eq!(open(Part::Content, empty), Err(OpenError::Length { bytes: empty }));
    }

    #[test]
    fn a_sealer_that_pads_otherwise_is_found() {
        let (key, address) = (Secret::new([1; 32]), Digest::of(ADDRESS));
        let mut padded = padding::pad(&[7; 1000]).unwrap();
        *padded.last_mut().unwrap() = 1;
        let chance = SeededEntropy::new(1);
        let input = part_key(Part::Content, &key);
        let sealed = chunks::seal(&input, address.as_bytes(), &padded, &chance);
        assert_eq!(open_part(Part::Content, &key, ADDRESS, &sealed), Err(OpenError::Padding));
    }
}
