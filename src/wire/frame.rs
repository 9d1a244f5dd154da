//! Frames between two nodes, both ways: the reader checks every length, count and word.

use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::domain::limits::{HEADER_BYTES_MAX, READERS_MAX, TRAIL_MAX};
use crate::wire::envelope::{Envelope, Statement};
use crate::wire::relay::{
    Answer, CheckpointOffer, Cosigned, Cosigning, Handing, Hello, Incoming, Missing, Notice,
    NoticeTaken, Outgoing, Refused, Shown, Welcome,
};
use crate::wire::{WireError, ids, pb};

use pb::transfer_request::Frame as Said;
use pb::transfer_response::Frame as Answered;

/// Most protocol versions that a hello may name.
pub(super) const VERSIONS_MAX: usize = 16;
/// Most hashes in a consistency proof (C2SP tlog-witness).
pub(super) const PROOF_HASHES_MAX: usize = 63;
/// Largest signed checkpoint, in bytes.
const CHECKPOINT_BYTES_MAX: usize = 16 * 1024;
/// Largest cosignature line, in bytes.
const COSIGNATURE_BYTES_MAX: usize = 8 * 1024;
/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 64;
/// Most statements that are shown at once.
const SHOWN_MAX: usize = 256;

impl Outgoing {
    /// The frame as it travels.
    pub fn into_pb(self) -> pb::TransferRequest {
        let frame = match self {
            Self::Hello(hello) => Said::Hello(write_hello(hello)),
            Self::CheckpointOffer(CheckpointOffer { old_size, proof, checkpoint }) => {
                let proof = proof.iter().map(|it| it.as_bytes().to_vec()).collect();
                Said::Checkpoint(pb::CheckpointOffer { old_size, proof, checkpoint })
            }
            Self::Handing(handing) => {
                let Handing { envelope, handover, hops, trail, to_review } = *handing;
                let envelope = Some(envelope.into_pb());
                let trail = trail.iter().map(ToString::to_string).collect();
                let to_review = to_review.iter().map(ToString::to_string).collect();
                Said::Handing(pb::Handing { envelope, handover, hops, trail, to_review })
            }
            Self::Notice(Notice { sequence, statement }) => {
                Said::Notice(pb::Notice { sequence, statement: Some(statement.into_pb()) })
            }
            Self::Missing(Missing { journal, size, from }) => {
                Said::Missing(pb::Missing { journal: journal.to_string(), size, from })
            }
        };
        pb::TransferRequest { frame: Some(frame) }
    }

    /// Hash of the header of the message that a frame hands over, read from a frame of which the rest may
    /// be malformed: by it the one who sent it knows the message again. None of any other frame.
    pub fn handed(frame: &pb::TransferRequest) -> Option<Digest> {
        let Some(Said::Handing(pb::Handing { envelope: Some(envelope), .. })) = &frame.frame else {
            return None;
        };
        let length = envelope.header.len();
        (1..=HEADER_BYTES_MAX).contains(&length).then(|| Digest::of(&envelope.header))
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// Names the field that is missing, malformed or over its limit.
    pub fn from_pb(frame: pb::TransferRequest) -> Result<Self, WireError> {
        let pb::TransferRequest { frame } = frame;
        match ids::part("frame", frame)? {
            Said::Hello(hello) => Ok(Self::Hello(read_hello(hello)?)),
            Said::Checkpoint(offer) => Ok(Self::CheckpointOffer(read_offer(offer)?)),
            Said::Handing(pb::Handing { envelope, handover, hops, trail, to_review }) => {
                let envelope = Envelope::from_pb(ids::part("handing.envelope", envelope)?)?;
                let handover = counted("handing.handover", handover)?;
                let hops = counted("handing.hops", hops)?;
                let trail = agencies("handing.trail", &trail, TRAIL_MAX)?;
                let to_review = agencies("handing.to_review", &to_review, READERS_MAX)?;
                let handing = Handing { envelope, handover, hops, trail, to_review };
                Ok(Self::Handing(Box::new(handing)))
            }
            Said::Notice(pb::Notice { sequence, statement }) => {
                let statement = Statement::from_pb(ids::part("notice.statement", statement)?)?;
                let sequence = counted("notice.sequence", sequence)?;
                Ok(Self::Notice(Notice { sequence, statement }))
            }
            Said::Missing(pb::Missing { journal, size, from }) => {
                let journal = ids::name("missing.journal", &journal)?;
                Ok(Self::Missing(Missing { journal, size, from }))
            }
        }
    }
}

impl Incoming {
    /// The frame as it travels.
    pub fn into_pb(self) -> pb::TransferResponse {
        let frame = match self {
            Self::Welcome(welcome) => Answered::Welcome(write_welcome(welcome)),
            Self::Cosigned(Cosigned { offered_size, witnessed_size, verdict }) => {
                let (cosignature, reason) = match verdict {
                    Cosigning::Given(line) => (line, String::new()),
                    Cosigning::Withheld(reason) => (Vec::new(), reason),
                };
                let said = pb::Cosigned { offered_size, witnessed_size, cosignature, reason };
                Answered::Cosigned(said)
            }
            Self::Answer(Answer { header, handover, statement }) => Answered::Answer(pb::Answer {
                header_hash: header.as_bytes().to_vec(),
                handover,
                statement: Some(statement.into_pb()),
            }),
            Self::NoticeTaken(NoticeTaken { sequence }) => {
                Answered::NoticeTaken(pb::NoticeTaken { sequence })
            }
            Self::Refused(Refused { header, sequence, reason, retry, frame, cut_off }) => {
                let header_hash = header.map(|it| it.as_bytes().to_vec()).unwrap_or_default();
                let [sequence, frame] = [sequence, frame].map(Option::unwrap_or_default);
                let cut_off_cause = cut_off.map(|it| it.to_string()).unwrap_or_default();
                Answered::Refused(pb::Refused {
                    header_hash,
                    sequence,
                    reason,
                    retry,
                    frame,
                    cut_off_cause,
                })
            }
            Self::Shown(Shown { statements, next, done }) => {
                let statements = statements.into_iter().map(Statement::into_pb).collect();
                Answered::Shown(pb::Shown { statements, next, done })
            }
        };
        pb::TransferResponse { frame: Some(frame) }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// Names the field that is missing, malformed or over its limit.
    pub fn from_pb(frame: pb::TransferResponse) -> Result<Self, WireError> {
        let pb::TransferResponse { frame } = frame;
        match ids::part("frame", frame)? {
            Answered::Welcome(welcome) => Ok(Self::Welcome(read_welcome(welcome)?)),
            Answered::Cosigned(cosigned) => Ok(Self::Cosigned(read_cosigned(cosigned)?)),
            Answered::Answer(pb::Answer { header_hash, handover, statement }) => {
                let statement = ids::part("answer.statement", statement)?;
                Ok(Self::Answer(Answer {
                    header: ids::digest("answer.header_hash", &header_hash)?,
                    handover: counted("answer.handover", handover)?,
                    statement: Statement::from_pb(statement)?,
                }))
            }
            Answered::NoticeTaken(pb::NoticeTaken { sequence }) => {
                Ok(Self::NoticeTaken(NoticeTaken { sequence }))
            }
            Answered::Refused(refused) => Ok(Self::Refused(read_refused(refused)?)),
            Answered::Shown(shown) => Ok(Self::Shown(read_shown(shown)?)),
        }
    }
}

pub(super) fn write_hello(hello: Hello) -> pb::Hello {
    let Hello { versions, network, directory_version } = hello;
    pb::Hello { versions, network: network.to_string(), directory_version }
}

pub(super) fn read_hello(hello: pb::Hello) -> Result<Hello, WireError> {
    let pb::Hello { versions, network, directory_version } = hello;
    if !(1..=VERSIONS_MAX).contains(&versions.len()) {
        return Err(WireError::OutOfRange { field: "hello.versions" });
    }
    let network = ids::name("hello.network", &network)?;
    Ok(Hello { versions, network, directory_version })
}

pub(super) fn write_welcome(welcome: Welcome) -> pb::Welcome {
    let Welcome { version, window, witnessed_size, directory_version, .. } = welcome;
    let Welcome { witnessed, shown, draining, .. } = welcome;
    pb::Welcome { version, window, witnessed_size, directory_version, witnessed, shown, draining }
}

pub(super) fn read_welcome(welcome: pb::Welcome) -> Result<Welcome, WireError> {
    let pb::Welcome { version, window, witnessed_size, directory_version, .. } = welcome;
    let pb::Welcome { witnessed, shown, draining, .. } = welcome;
    for (field, note) in [("welcome.witnessed", &witnessed), ("welcome.shown", &shown)] {
        if !note.is_empty() {
            sized(field, note.len(), CHECKPOINT_BYTES_MAX)?;
        }
    }
    let version = counted("welcome.version", version)?;
    let window = counted("welcome.window", window)?;
    Ok(Welcome { version, window, witnessed_size, directory_version, witnessed, shown, draining })
}

fn read_shown(shown: pb::Shown) -> Result<Shown, WireError> {
    let pb::Shown { statements, next, done } = shown;
    if statements.len() > SHOWN_MAX {
        return Err(WireError::OutOfRange { field: "shown.statements" });
    }
    let statements = statements.into_iter().map(Statement::from_pb).collect::<Result<_, _>>()?;
    Ok(Shown { statements, next, done })
}

fn read_offer(offer: pb::CheckpointOffer) -> Result<CheckpointOffer, WireError> {
    let pb::CheckpointOffer { old_size, proof, checkpoint } = offer;
    if proof.len() > PROOF_HASHES_MAX {
        return Err(WireError::OutOfRange { field: "checkpoint.proof" });
    }
    sized("checkpoint.checkpoint", checkpoint.len(), CHECKPOINT_BYTES_MAX)?;
    let proof = proof.iter().map(|it| ids::digest("checkpoint.proof", it));
    Ok(CheckpointOffer { old_size, proof: proof.collect::<Result<_, _>>()?, checkpoint })
}

fn read_cosigned(cosigned: pb::Cosigned) -> Result<Cosigned, WireError> {
    let pb::Cosigned { offered_size, witnessed_size, cosignature, reason } = cosigned;
    let verdict = if reason.is_empty() {
        sized("cosigned.cosignature", cosignature.len(), COSIGNATURE_BYTES_MAX)?;
        Cosigning::Given(cosignature)
    } else if cosignature.is_empty() {
        Cosigning::Withheld(read_reason("cosigned.reason", reason)?)
    } else {
        let why = "a cosignature and a reason exclude each other";
        return Err(WireError::Malformed { field: "cosigned.reason", why });
    };
    Ok(Cosigned { offered_size, witnessed_size, verdict })
}

fn read_refused(refused: pb::Refused) -> Result<Refused, WireError> {
    let pb::Refused { header_hash, sequence, reason, retry, frame, cut_off_cause } = refused;
    let header = match header_hash.as_slice() {
        [] => None,
        hash => Some(ids::digest("refused.header_hash", hash)?),
    };
    let [sequence, frame] = [sequence, frame].map(|it| (it != 0).then_some(it));
    let reason = read_reason("refused.reason", reason)?;
    // A word that is not known here says no more than the reason does.
    let cut_off = cut_off_cause.parse().ok();
    Ok(Refused { header, sequence, reason, retry, frame, cut_off })
}

/// A peer's reason reaches traces: only an UPPER_SNAKE_CASE word may.
pub(super) fn read_reason(field: &'static str, reason: String) -> Result<String, WireError> {
    sized(field, reason.len(), REASON_BYTES_MAX)?;
    let known = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_';
    if reason.bytes().all(known) {
        Ok(reason)
    } else {
        Err(WireError::Malformed { field, why: "it is a word in UPPER_SNAKE_CASE" })
    }
}

/// The agencies that a field names, at most so many.
fn agencies(
    field: &'static str,
    names: &[String],
    allowed: usize,
) -> Result<Vec<AgencyId>, WireError> {
    let given = names.len();
    if given > allowed {
        return Err(WireError::TooLarge { what: field, allowed, given });
    }
    names.iter().map(|it| ids::name(field, it)).collect()
}

/// A number that counts from 1.
fn counted<N: Default + PartialEq>(field: &'static str, number: N) -> Result<N, WireError> {
    if number == N::default() { Err(WireError::OutOfRange { field }) } else { Ok(number) }
}

/// A length of at least 1 and at most `allowed` bytes.
fn sized(field: &'static str, given: usize, allowed: usize) -> Result<(), WireError> {
    match given {
        0 => Err(WireError::Missing { field }),
        _ if given > allowed => Err(WireError::TooLarge { what: field, allowed, given }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::wire::relay::samples::{any_incoming, any_outgoing};

    #[test]
    fn faults_are_named() {
        let missing = |field| WireError::Missing { field };
        let range = |field| WireError::OutOfRange { field };
        let said = |frame| Outgoing::from_pb(pb::TransferRequest { frame }).unwrap_err();
        assert_eq!(said(None), missing("frame"));
        assert_eq!(said(Some(Said::Handing(pb::Handing::default()))), missing("handing.envelope"));
        assert_eq!(said(Some(Said::Notice(pb::Notice::default()))), missing("notice.statement"));
        assert_eq!(said(Some(Said::Hello(pb::Hello::default()))), range("hello.versions"));
        let offer = pb::CheckpointOffer { proof: vec![vec![0; 32]; 64], ..Default::default() };
        assert_eq!(said(Some(Said::Checkpoint(offer))), range("checkpoint.proof"));
        let answered = |frame| Incoming::from_pb(pb::TransferResponse { frame }).unwrap_err();
        assert_eq!(answered(None), missing("frame"));
        let cosigned = pb::Cosigned::default();
        assert_eq!(answered(Some(Answered::Cosigned(cosigned))), missing("cosigned.cosignature"));
        assert_eq!(
            answered(Some(Answered::Welcome(pb::Welcome { version: 1, ..Default::default() }))),
            range("welcome.window")
        );
    }

    #[test]
    fn a_trail_is_of_agencies_and_has_an_end() {
        let trail: Vec<AgencyId> =
            (0..=TRAIL_MAX).map(|n| format!("int.n{n}").parse().unwrap()).collect();
        let envelope = crate::wire::envelope::samples::envelope(vec![1], vec![2]);
        let to_review = Vec::new();
        let handing = Handing { envelope, handover: 1, hops: 1, trail, to_review };
        let read = |change: fn(&mut Vec<String>)| {
            let mut frame = Outgoing::Handing(Box::new(handing.clone())).into_pb();
            let Some(Said::Handing(handing)) = &mut frame.frame else { panic!("a handing") };
            change(&mut handing.trail);
            Outgoing::from_pb(frame).map(|_| ())
        };
        let (what, given) = ("handing.trail", TRAIL_MAX + 1);
        let too_many = WireError::TooLarge { what, allowed: TRAIL_MAX, given };
        assert_eq!(read(|_| ()), Err(too_many));
        assert_eq!(read(|it| it.truncate(TRAIL_MAX)), Ok(()));
        let odd = read(|it| it.splice(.., ["nowhere".to_owned()]).for_each(drop));
        assert!(matches!(odd, Err(WireError::Malformed { field: "handing.trail", .. })), "{odd:?}");
    }

    #[test]
    fn a_reason_is_a_word_and_no_text() {
        let read = |reason: &str| {
            let refused = pb::Refused { reason: reason.to_owned(), ..pb::Refused::default() };
            let frame = Some(Answered::Refused(refused));
            Incoming::from_pb(pb::TransferResponse { frame }).map(|_| ())
        };
        assert_eq!(read("LOOP"), Ok(()));
        let field = "refused.reason";
        assert_eq!(read(""), Err(WireError::Missing { field }));
        let why = "it is a word in UPPER_SNAKE_CASE";
        assert_eq!(read("Loop\n"), Err(WireError::Malformed { field, why }));
        let too_large = WireError::TooLarge { what: field, allowed: 64, given: 65 };
        assert_eq!(read(&"A".repeat(65)), Err(too_large));
    }

    proptest! {
        #[test]
        fn what_is_said_comes_back(frame in any_outgoing()) {
            let bytes = frame.clone().into_pb().encode_to_vec();
            let read = pb::TransferRequest::decode(&bytes[..]).unwrap();
            prop_assert_eq!(Outgoing::from_pb(read), Ok(frame));
        }

        #[test]
        fn what_is_answered_comes_back(frame in any_incoming()) {
            let bytes = frame.clone().into_pb().encode_to_vec();
            let read = pb::TransferResponse::decode(&bytes[..]).unwrap();
            prop_assert_eq!(Incoming::from_pb(read), Ok(frame));
        }

        #[test]
        fn hostile_frames_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(frame) = pb::TransferRequest::decode(&bytes[..]) {
                Outgoing::from_pb(frame).unwrap_err();
            }
            if let Ok(frame) = pb::TransferResponse::decode(&bytes[..]) {
                // An answer of numbers alone may well be one.
                drop(Incoming::from_pb(frame));
            }
        }
    }
}
