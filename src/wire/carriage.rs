//! What two nodes say to each other about attachments, over a connection of its own: the reader
//! checks every length, count and word.

use crate::domain::digest::Digest;
use crate::domain::fact::MessageRef;
use crate::wire::attachment::number as read_number;
use crate::wire::envelope::Statement;
use crate::wire::fact::{read_ref, write_ref};
use crate::wire::frame::{read_hello, read_reason, read_welcome, write_hello, write_welcome};
use crate::wire::relay::{Hello, Welcome};
use crate::wire::{WireError, ids, pb};

use pb::transfer_attachments_request::Frame as Said;
use pb::transfer_attachments_response::Frame as Answered;

/// Largest piece of an attachment on the road, in bytes.
pub const PIECE_BYTES_MAX: usize = 256 * 1024;

/// Names an attachment between two nodes: its message's header, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parcel {
    /// Hash of the message's header.
    pub header: Digest,
    /// Place among its attachments, from 1.
    pub number: u32,
}

/// A frame of the node that sends attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// First frame: who dials, and in which network.
    Hello(Hello),
    /// An attachment that is owed.
    Offer(Offer),
    /// A piece of one that is wanted.
    Piece(Piece),
}

/// An attachment of a message that the other node took over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which message.
    pub message: MessageRef,
    /// Place among its attachments, from 1.
    pub number: u32,
    /// The handover by which the message went there, from 1.
    pub handover: u32,
}

impl Offer {
    /// How frames name the attachment.
    pub const fn parcel(&self) -> Parcel {
        Parcel { header: self.message.header, number: self.number }
    }
}

/// A piece of the sealed file of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which attachment.
    pub parcel: Parcel,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// The bytes: at least one, at most [`PIECE_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

/// A frame of the node that takes attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Answers the hello.
    Welcome(Welcome),
    /// It is wanted from this offset on: so much is durable already.
    Wanted {
        /// Which attachment.
        parcel: Parcel,
        /// In bytes.
        offset: u64,
    },
    /// So much is durable; also a sign of life while a whole file is checked.
    Durable {
        /// Which attachment.
        parcel: Parcel,
        /// In bytes.
        offset: u64,
    },
    /// What became of it.
    Answer {
        /// Which attachment.
        parcel: Parcel,
        /// The entry that says so.
        statement: Statement,
    },
    /// A frame that can't be worked on.
    Refused {
        /// Which attachment; none where the session is refused.
        parcel: Option<Parcel>,
        /// Why, in UPPER_SNAKE_CASE.
        reason: String,
        /// True if it may be offered again later.
        retry: bool,
    },
}

impl Sent {
    /// The frame as it travels.
    pub fn into_pb(self) -> pb::TransferAttachmentsRequest {
        let frame = match self {
            Self::Hello(hello) => Said::Hello(write_hello(hello)),
            Self::Offer(Offer { message, number, handover }) => {
                let message = write_ref(&message);
                Said::Offer(pb::AttachmentOffer { message, number, handover })
            }
            Self::Piece(Piece { parcel, offset, bytes }) => {
                let (header_hash, number) = write_parcel(&parcel);
                Said::Piece(pb::AttachmentPiece { header_hash, number, offset, bytes })
            }
        };
        pb::TransferAttachmentsRequest { frame: Some(frame) }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// Names the field that is missing, malformed or over its limit.
    pub fn from_pb(frame: pb::TransferAttachmentsRequest) -> Result<Self, WireError> {
        match ids::part("frame", frame.frame)? {
            Said::Hello(hello) => read_hello(hello).map(Self::Hello),
            Said::Offer(pb::AttachmentOffer { message, number, handover }) => {
                if handover == 0 {
                    return Err(WireError::OutOfRange { field: "offer.handover" });
                }
                let number = read_number("offer.number", number)?;
                Ok(Self::Offer(Offer { message: read_ref(message)?, number, handover }))
            }
            Said::Piece(pb::AttachmentPiece { header_hash, number, offset, bytes }) => {
                let field = "piece.bytes";
                match bytes.len() {
                    0 => return Err(WireError::Missing { field }),
                    given if given > PIECE_BYTES_MAX => {
                        let allowed = PIECE_BYTES_MAX;
                        return Err(WireError::TooLarge { what: field, allowed, given });
                    }
                    _ => {}
                }
                let parcel = read_parcel(&header_hash, number)?;
                Ok(Self::Piece(Piece { parcel, offset, bytes }))
            }
        }
    }
}

impl Taken {
    /// The frame as it travels.
    pub fn into_pb(self) -> pb::TransferAttachmentsResponse {
        let frame = match self {
            Self::Welcome(welcome) => Answered::Welcome(write_welcome(welcome)),
            Self::Wanted { parcel, offset } => {
                let (header_hash, number) = write_parcel(&parcel);
                Answered::Wanted(pb::AttachmentWanted { header_hash, number, offset })
            }
            Self::Durable { parcel, offset } => {
                let (header_hash, number) = write_parcel(&parcel);
                Answered::Durable(pb::AttachmentDurable { header_hash, number, offset })
            }
            Self::Answer { parcel, statement } => {
                let (header_hash, number) = write_parcel(&parcel);
                let statement = Some(statement.into_pb());
                Answered::Answer(pb::AttachmentAnswer { header_hash, number, statement })
            }
            Self::Refused { parcel, reason, retry } => {
                let (header_hash, number) = parcel.as_ref().map(write_parcel).unwrap_or_default();
                Answered::Refused(pb::AttachmentRefused { header_hash, number, reason, retry })
            }
        };
        pb::TransferAttachmentsResponse { frame: Some(frame) }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// Names the field that is missing, malformed or over its limit.
    pub fn from_pb(frame: pb::TransferAttachmentsResponse) -> Result<Self, WireError> {
        match ids::part("frame", frame.frame)? {
            Answered::Welcome(welcome) => read_welcome(welcome).map(Self::Welcome),
            Answered::Wanted(pb::AttachmentWanted { header_hash, number, offset }) => {
                Ok(Self::Wanted { parcel: read_parcel(&header_hash, number)?, offset })
            }
            Answered::Durable(pb::AttachmentDurable { header_hash, number, offset }) => {
                Ok(Self::Durable { parcel: read_parcel(&header_hash, number)?, offset })
            }
            Answered::Answer(pb::AttachmentAnswer { header_hash, number, statement }) => {
                let statement = Statement::from_pb(ids::part("answer.statement", statement)?)?;
                Ok(Self::Answer { parcel: read_parcel(&header_hash, number)?, statement })
            }
            Answered::Refused(pb::AttachmentRefused { header_hash, number, reason, retry }) => {
                let of_session = header_hash.is_empty() && number == 0;
                let parcel =
                    (!of_session).then(|| read_parcel(&header_hash, number)).transpose()?;
                Ok(Self::Refused { parcel, reason: read_reason("refused.reason", reason)?, retry })
            }
        }
    }
}

fn write_parcel(parcel: &Parcel) -> (Vec<u8>, u32) {
    (parcel.header.as_bytes().to_vec(), parcel.number)
}

fn read_parcel(header_hash: &[u8], number: u32) -> Result<Parcel, WireError> {
    let header = ids::digest("attachment.header_hash", header_hash)?;
    Ok(Parcel { header, number: read_number("attachment.number", number)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::wire::fact::samples::any_ref;
    use crate::wire::header::samples::any_digest;

    fn any_parcel() -> impl Strategy<Value = Parcel> {
        (any_digest(), 1..=16_u32).prop_map(|(header, number)| Parcel { header, number })
    }

    fn any_sent() -> impl Strategy<Value = Sent> {
        let bytes = prop::collection::vec(any::<u8>(), 1..90);
        prop_oneof![
            (any_ref(), 1..=16_u32, 1..=u32::MAX).prop_map(|(message, number, handover)| {
                Sent::Offer(Offer { message, number, handover })
            }),
            (any_parcel(), any::<u64>(), bytes)
                .prop_map(|(parcel, offset, bytes)| Sent::Piece(Piece { parcel, offset, bytes })),
        ]
    }

    fn any_taken() -> impl Strategy<Value = Taken> {
        let refused = (prop::option::of(any_parcel()), "[A-Z0-9_]{1,64}", any::<bool>());
        prop_oneof![
            (any_parcel(), any::<u64>())
                .prop_map(|(parcel, offset)| Taken::Wanted { parcel, offset }),
            (any_parcel(), any::<u64>())
                .prop_map(|(parcel, offset)| Taken::Durable { parcel, offset }),
            any_parcel().prop_map(|parcel| {
                let statement = Statement { entry: vec![1], proof: vec![2] };
                Taken::Answer { parcel, statement }
            }),
            refused.prop_map(|(parcel, reason, retry)| Taken::Refused { parcel, reason, retry }),
        ]
    }

    #[test]
    fn faults_are_named_and_a_piece_has_a_limit() {
        let said = |frame| Sent::from_pb(pb::TransferAttachmentsRequest { frame }).map(|_| ());
        assert_eq!(said(None), Err(WireError::Missing { field: "frame" }));
        let piece = |bytes: usize| {
            Some(Said::Piece(pb::AttachmentPiece {
                header_hash: vec![1; 32],
                number: 1,
                offset: 0,
                bytes: vec![0; bytes],
            }))
        };
        let field = "piece.bytes";
        assert_eq!(said(piece(0)), Err(WireError::Missing { field }));
        assert_eq!(said(piece(PIECE_BYTES_MAX)), Ok(()));
        let (allowed, given) = (PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1);
        let too_large = WireError::TooLarge { what: field, allowed, given };
        assert_eq!(said(piece(PIECE_BYTES_MAX + 1)), Err(too_large));
        let offer = pb::AttachmentOffer::default();
        let no_handover = WireError::OutOfRange { field: "offer.handover" };
        assert_eq!(said(Some(Said::Offer(offer))), Err(no_handover));
        let offer = pb::AttachmentOffer { handover: 1, number: 17, message: None };
        let too_many = WireError::OutOfRange { field: "offer.number" };
        assert_eq!(said(Some(Said::Offer(offer))), Err(too_many));
    }

    proptest! {
        #[test]
        fn what_is_sent_comes_back(frame in any_sent()) {
            let bytes = frame.clone().into_pb().encode_to_vec();
            let read = pb::TransferAttachmentsRequest::decode(&bytes[..]).unwrap();
            prop_assert_eq!(Sent::from_pb(read), Ok(frame));
        }

        #[test]
        fn what_is_answered_comes_back(frame in any_taken()) {
            let bytes = frame.clone().into_pb().encode_to_vec();
            let read = pb::TransferAttachmentsResponse::decode(&bytes[..]).unwrap();
            prop_assert_eq!(Taken::from_pb(read), Ok(frame));
        }

        #[test]
        fn hostile_frames_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(frame) = pb::TransferAttachmentsRequest::decode(&bytes[..]) {
                Sent::from_pb(frame).unwrap_err();
            }
            if let Ok(frame) = pb::TransferAttachmentsResponse::decode(&bytes[..]) {
                // An answer of numbers alone may well be one.
                drop(Taken::from_pb(frame));
            }
        }
    }
}
