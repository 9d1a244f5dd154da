//! How values are written, and read again: protobuf between machines, JSON in message files.
//!
//! What comes in is bytes from a peer, a caller or the journal; what goes out is domain values, or
//! a [`WireError`] that names the field at fault. The other way round, values become bytes. This
//! is the only home of generated types besides `transport/`, and every conversion takes a value
//! apart field by field, so that a new field breaks the build instead of getting lost.
//!
//! Bytes that are hashed are always the bytes that were received. protobuf has many encodings of
//! one value, and a decoder drops fields that it does not know; so whatever is hashed is kept as
//! it came, and reading refuses bytes that differ from what [`write`](entry::write) would make of
//! the value: one value, one encoding, one hash.
//!
//! Reading is strict and never panics: sizes have limits, lengths are exact, enum values known,
//! parts present. What a kind of request requires is not said here (`domain/`), nor who may send
//! it (`node/`), nor how frames travel (`transport/`).

use prost::Message;

mod attachment;
pub mod auditing;
mod bearing;
pub mod carriage;
pub mod codec;
pub mod draft;
pub mod drafting;
pub mod entry;
pub mod envelope;
mod extract;
mod fact;
mod filler;
mod frame;
pub mod gossip;
pub mod header;
mod ids;
pub mod json;
pub mod particulars;
pub mod pb;
pub mod relay;
mod reviewing;
pub mod skeleton;
pub mod violation;
mod volume;

/// The file descriptor set of `proto/`, without comments: for reflection and for JSON.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rogatory.v1.bin"));

/// Why bytes are not the value they should be. Never carries what the bytes said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not protobuf of this message.
    #[error("{what} is not well-formed protobuf")]
    Undecodable {
        /// The value, such as `header`.
        what: &'static str,
    },
    /// More bytes than the limit allows.
    #[error("{what} has {given} bytes, allowed are {allowed}")]
    TooLarge {
        /// The value.
        what: &'static str,
        /// The limit in bytes.
        allowed: usize,
        /// The size in bytes.
        given: usize,
    },
    /// Another encoding of the same value exists, or a field is unknown: hashes would not agree.
    #[error("{what} is not in canonical form")]
    NotCanonical {
        /// The value.
        what: &'static str,
    },
    /// A part is absent.
    #[error("{field} is missing")]
    Missing {
        /// Dotted path of the part.
        field: &'static str,
    },
    /// A field of fixed length has another length.
    #[error("{field} has {given} bytes, not {expected}")]
    Length {
        /// Dotted path of the field.
        field: &'static str,
        /// The length that it must have, in bytes.
        expected: usize,
        /// The length that it has, in bytes.
        given: usize,
    },
    /// A text is not the name, id or time that it should be.
    #[error("{field} is malformed: {why}")]
    Malformed {
        /// Dotted path of the field.
        field: &'static str,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A word or number outside its closed list.
    #[error("{field} is unknown")]
    Unknown {
        /// Dotted path of the field.
        field: &'static str,
    },
    /// A number or count outside its range.
    #[error("{field} is out of range")]
    OutOfRange {
        /// Dotted path of the field.
        field: &'static str,
    },
    /// A hash or size does not agree with the bytes that it speaks of.
    #[error("{field} does not agree with its bytes")]
    Mismatch {
        /// Dotted path of the field.
        field: &'static str,
    },
}

/// Reads a message whose bytes are hashed: refuses every encoding but the one that prost writes.
fn decode_canonical<M>(what: &'static str, bytes: &[u8], allowed: usize) -> Result<M, WireError>
where
    M: Message + Default,
{
    if bytes.len() > allowed {
        return Err(WireError::TooLarge { what, allowed, given: bytes.len() });
    }
    let message = M::decode(bytes).map_err(|_| WireError::Undecodable { what })?;
    if message.encode_to_vec() == bytes {
        Ok(message)
    } else {
        Err(WireError::NotCanonical { what })
    }
}
