//! What travels in clear: address and digests, never a person, never free text.
//!
//! The *address* is what routing needs; its hash is bound into every sealed part. The *digests*
//! are hashes of the sealed bytes; they join after sealing and are fixed by the journal entry. In clear
//! stand, besides, the sizes of what is sealed, and the number of attachments.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, MessageId, NetworkId};

/// The only header version there is.
pub const HEADER_VERSION: u32 = 1;

/// Which part of cooperation a message belongs to. Links say which channels they carry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Channel {
    /// Mutual legal assistance and other judicial cooperation.
    Assistance,
    /// Border and travel-document cooperation.
    Border,
    /// Police cooperation.
    Police,
    /// Protection and return of persons.
    Protection,
    /// Measures at sea.
    Sea,
}

impl Channel {
    /// All channels, in alphabetical order.
    pub const ALL: [Self; 5] =
        [Self::Assistance, Self::Border, Self::Police, Self::Protection, Self::Sea];

    /// The channel's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assistance => "assistance",
            Self::Border => "border",
            Self::Police => "police",
            Self::Protection => "protection",
            Self::Sea => "sea",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownWord { what: "channel" })
    }
}

/// How soon a message is handed over: urgent ones overtake.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Lane {
    /// Ahead of everything else: urgency `immediate`.
    Urgent,
    /// In the order of submission.
    Ordinary,
}

impl Lane {
    /// The lane's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Ordinary => "ordinary",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word outside its closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}")]
pub struct UnknownWord {
    /// Which list, such as `channel`.
    pub what: &'static str,
}

/// Keeps the messages of one request from one origin to one destination in order, without saying
/// which request it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct OrderToken {
    /// Random; the same for all messages of one stream.
    pub stream: [u8; 16],
    /// Counts from 1, without gaps.
    pub number: u64,
}

/// What routing needs of a message. Its hash is bound into every sealed part and wrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The network in which the message travels.
    pub network: NetworkId,
    /// Names the message within its origin.
    pub message: MessageId,
    /// The agency whose journal proves the message.
    pub origin: AgencyId,
    /// The one agency that the message is for.
    pub destination: AgencyId,
    /// Which links may carry it.
    pub channel: Channel,
    /// Urgent or ordinary.
    pub lane: Lane,
    /// When the origin accepted it.
    pub sent_at: Timestamp,
    /// From this time (plus the permitted clock skew) nobody takes it over any more.
    pub expires_at: Timestamp,
    /// Nodes that may take it over after the origin, the destination included.
    pub hop_limit: u32,
    /// Place among the messages of its request.
    pub order: OrderToken,
}

/// Hashes of what is sealed, and the sizes that a transit can see anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedDigests {
    /// Hash of the sealed particulars.
    pub particulars: Digest,
    /// Hash of the sealed content.
    pub content: Digest,
    /// Hash of the key wraps as they travel.
    pub wraps: Digest,
    /// Hash of what names the sealed attachments, if there are any.
    pub attachments: Option<Digest>,
    /// Size of the sealed particulars in bytes.
    pub particulars_bytes: u32,
    /// Size of the sealed content in bytes.
    pub content_bytes: u32,
}

/// An attachment as it travels: sealed, and in clear only by hash and size. How many there are and how
/// long they are with padding is what a transit learns of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedAttachment {
    /// Hash of the sealed bytes.
    pub digest: Digest,
    /// How many there are.
    pub bytes: u64,
}

/// A header together with the exact bytes that are hashed. Only `wire/` makes one, from bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What routing needs.
    pub address: Address,
    /// What is fixed about the sealed parts.
    pub digests: SealedDigests,
    /// The canonical bytes of the whole header.
    pub bytes: Vec<u8>,
}

impl Header {
    /// The hash that entries, receipts and statements name.
    pub fn hash(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Origin and message id: who and which.
    pub fn key(&self) -> MessageKey {
        MessageKey::new(&self.address.origin, self.address.message)
    }

    /// The same, as backups name it.
    pub fn mark(&self) -> MessageMark {
        MessageMark::new(&self.address.origin, self.address.message)
    }
}

/// Bytes of a message id.
const ID_BYTES: usize = 16;
/// Bytes of a [`MessageKey`].
const KEY_BYTES: usize = ID_BYTES + 8;

/// Identity of a message for keys of rows: its id, then the first bytes of a hash of its origin, for
/// ids are unique for each origin only. Ids begin with their time, so what came together lies
/// together.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct MessageKey([u8; KEY_BYTES]);

impl MessageKey {
    /// The key of message `message` of `origin`.
    pub fn new(origin: &AgencyId, message: MessageId) -> Self {
        let digest = Digest::of(origin.as_str().as_bytes());
        let mut key = [0; KEY_BYTES];
        let bytes = message.as_bytes().iter().chain(digest.as_bytes());
        for (to, from) in key.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(key)
    }

    /// `None` unless there are exactly as many bytes as a key has.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, for keys of rows.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// What of the key stands for the origin.
    pub fn origin_part(&self) -> &[u8] {
        let (_, origin) = self.0.split_at(ID_BYTES);
        origin
    }

    /// The id of the message within its origin.
    pub fn message(&self) -> MessageId {
        let (id, _) = self.0.split_first_chunk().expect("a key begins with the id");
        MessageId::from_bytes(*id)
    }
}

/// How backups, and stores of format 1, name a message: 16 bytes of a hash over origin and id.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct MessageMark([u8; 16]);

impl MessageMark {
    /// The mark of message `message` of `origin`.
    pub fn new(origin: &AgencyId, message: MessageId) -> Self {
        let digest = Digest::of_parts(&[origin.as_str().as_bytes(), b"\n", message.as_bytes()]);
        let mut mark = [0; 16];
        for (to, from) in mark.iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        Self(mark)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for MessageMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
