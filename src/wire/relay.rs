//! What two nodes say to each other on a stream. `frame` writes and reads it.

use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, JournalName, NetworkId};
use crate::domain::misconduct::CutOffCause;
use crate::wire::envelope::{Envelope, Statement};

/// A frame of the dialling node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// First frame: who dials, and in which network.
    Hello(Hello),
    /// The latest checkpoint, to be verified and cosigned.
    CheckpointOffer(CheckpointOffer),
    /// A message to be taken over. Boxed: it is far larger than the others.
    Handing(Box<Handing>),
    /// A statement on its way to the agencies that it concerns.
    Notice(Notice),
    /// What the node lost of its journal.
    Missing(Missing),
}

/// A frame of the listening node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Answers the hello.
    Welcome(Welcome),
    /// Answers a checkpoint.
    Cosigned(Cosigned),
    /// Answers a message: taken over, delivered or not taken.
    Answer(Answer),
    /// Answers notices.
    NoticeTaken(NoticeTaken),
    /// Answers a frame that can't be worked on.
    Refused(Refused),
    /// What is known of what the other side lost.
    Shown(Shown),
}

/// Who dials, and in which network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Protocol versions that the node speaks.
    pub versions: Vec<u32>,
    /// Its network.
    pub network: NetworkId,
    /// Version of the directory that it follows.
    pub directory_version: u64,
}

/// Answers a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The chosen protocol version.
    pub version: u32,
    /// Messages that may be in flight, at least 1.
    pub window: u32,
    /// Size of the dialling node's journal that this node has witnessed.
    pub witnessed_size: u64,
    /// Version of the directory that this node follows.
    pub directory_version: u64,
    /// The checkpoint that it has witnessed last, as the dialling node signed it; empty if none.
    pub witnessed: Vec<u8>,
    /// The greatest checkpoint of that journal that came with a statement; empty if none did.
    pub shown: Vec<u8>,
    /// Whether this node takes no message over until its operator says so.
    pub draining: bool,
}

/// A checkpoint and the proof that it continues the last one seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointOffer {
    /// The size from which the proof starts.
    pub old_size: u64,
    /// The consistency proof.
    pub proof: Vec<Digest>,
    /// The signed checkpoint.
    pub checkpoint: Vec<u8>,
}

/// The listening node's word on a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Size of the checkpoint that was offered.
    pub offered_size: u64,
    /// Size that this node has now witnessed.
    pub witnessed_size: u64,
    /// The cosignature, or why there is none.
    pub verdict: Cosigning,
}

/// A cosignature, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cosigning {
    /// The cosignature line (C2SP tlog-cosignature).
    Given(Vec<u8>),
    /// The reason, in UPPER_SNAKE_CASE.
    Withheld(String),
}

/// A message to be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handing {
    /// The message.
    pub envelope: Envelope,
    /// Number of the handover between these two nodes, from 1.
    pub handover: u32,
    /// Hops that the message has made, this one included.
    pub hops: u32,
    /// Agencies that have had the message or never will take it, the hops of this way last; none where
    /// that is not known.
    pub trail: Vec<AgencyId>,
    /// Reviewing transits to which it is sealed and that have not let it go on yet.
    pub to_review: Vec<AgencyId>,
}

/// Answers a handing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Hash of the header that was handed over.
    pub header: Digest,
    /// Number of the handover, from 1.
    pub handover: u32,
    /// The listening node's entry about it.
    pub statement: Statement,
}

/// A statement, numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Place in the dense sequence of notices between these two nodes, from 1.
    pub sequence: u64,
    /// The statement.
    pub statement: Statement,
}

/// Answers notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoticeTaken {
    /// All notices up to this one are durable here.
    pub sequence: u64,
}

/// Answers a frame that can't be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Hash of the header, for a handing.
    pub header: Option<Digest>,
    /// Sequence, for a notice.
    pub sequence: Option<u64>,
    /// Why, in UPPER_SNAKE_CASE.
    pub reason: String,
    /// True if the same frame may be sent again later.
    pub retry: bool,
    /// Place of the frame in its stream, from 1, where nothing else names it.
    pub frame: Option<u64>,
    /// Why the peer is cut off, if it is, and a word for that is known.
    pub cut_off: Option<CutOffCause>,
}

impl Refused {
    /// The answer to a frame that nothing names.
    pub const fn unnamed(reason: String, retry: bool) -> Self {
        Self { header: None, sequence: None, reason, retry, frame: None, cut_off: None }
    }

    /// The answer to a message, by the hash of its header.
    pub fn of_message(header: Digest, reason: String, retry: bool) -> Self {
        Self { header: Some(header), ..Self::unnamed(reason, retry) }
    }
}

/// What a node lost of its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The volume that was lost in part.
    pub journal: JournalName,
    /// How many of its entries the node still has.
    pub size: u64,
    /// The first entry of the other side's journal that is to be looked at.
    pub from: u64,
}

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Statements that were lost, and answers to them.
    pub statements: Vec<Statement>,
    /// The entry to go on with.
    pub next: u64,
    /// Nothing follows.
    pub done: bool,
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::limits::{READERS_MAX, TRAIL_MAX};
    use crate::wire::envelope::samples;
    use crate::wire::fact::samples::any_journal;
    use crate::wire::frame::{PROOF_HASHES_MAX, VERSIONS_MAX};
    use crate::wire::header::samples::{any_agency, any_digest};

    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 1..80)
    }

    fn any_statement() -> impl Strategy<Value = Statement> {
        (any_bytes(), any_bytes()).prop_map(|(entry, proof)| Statement { entry, proof })
    }

    fn any_reviewers() -> impl Strategy<Value = Vec<AgencyId>> {
        prop::collection::vec(any_agency(), 0..=READERS_MAX)
    }

    pub(in crate::wire) fn any_outgoing() -> impl Strategy<Value = Outgoing> {
        let network = "[a-z0-9]{1,63}".prop_map(|it| it.parse().unwrap());
        let versions = prop::collection::vec(any::<u32>(), 1..=VERSIONS_MAX);
        let hashes = prop::collection::vec(any_digest(), 0..=PROOF_HASHES_MAX);
        let trail = prop::collection::vec(any_agency(), 0..=TRAIL_MAX);
        prop_oneof![
            (versions, network, any::<u64>()).prop_map(|(versions, network, directory_version)| {
                Outgoing::Hello(Hello { versions, network, directory_version })
            }),
            (any::<u64>(), hashes, any_bytes()).prop_map(|(old_size, proof, checkpoint)| {
                Outgoing::CheckpointOffer(CheckpointOffer { old_size, proof, checkpoint })
            }),
            (any_bytes(), any_bytes(), (1..=u32::MAX, 1..=u32::MAX), trail, any_reviewers())
                .prop_map(|(left, right, (handover, hops), trail, to_review)| {
                    let envelope = samples::envelope(left, right);
                    let handing = Handing { envelope, handover, hops, trail, to_review };
                    Outgoing::Handing(Box::new(handing))
                }),
            (1..=u64::MAX, any_statement()).prop_map(|(sequence, statement)| {
                Outgoing::Notice(Notice { sequence, statement })
            }),
            (any_journal(), any::<u64>(), any::<u64>()).prop_map(|(journal, size, from)| {
                Outgoing::Missing(Missing { journal, size, from })
            }),
        ]
    }

    pub(in crate::wire) fn any_incoming() -> impl Strategy<Value = Incoming> {
        let sizes = (any::<u64>(), any::<u64>());
        let notes = (any_bytes(), any_bytes());
        let welcome = (1..=u32::MAX, 1..=u32::MAX, sizes, notes, any::<bool>());
        let shown = prop::collection::vec(any_statement(), 0..4);
        let verdict = prop_oneof![
            any_bytes().prop_map(Cosigning::Given),
            "[A-Z0-9_]{1,64}".prop_map(Cosigning::Withheld),
        ];
        let header = prop::option::of(any_digest());
        let numbers = (prop::option::of(1..=u64::MAX), prop::option::of(1..=u64::MAX));
        let cut_off = prop::option::of(prop::sample::select(CutOffCause::ALL.to_vec()));
        let refused = (header, numbers, "[A-Z0-9_]{1,64}", any::<bool>(), cut_off);
        prop_oneof![
            welcome.prop_map(|it| {
                let (version, window, sizes, (witnessed, shown), draining) = it;
                let (witnessed_size, directory_version) = sizes;
                Incoming::Welcome(Welcome {
                    version,
                    window,
                    witnessed_size,
                    directory_version,
                    witnessed,
                    shown,
                    draining,
                })
            }),
            (shown, any::<u64>(), any::<bool>()).prop_map(|(statements, next, done)| {
                Incoming::Shown(Shown { statements, next, done })
            }),
            (any::<u64>(), any::<u64>(), verdict).prop_map(
                |(offered_size, witnessed_size, verdict)| {
                    let it = Cosigned { offered_size, witnessed_size, verdict };
                    Incoming::Cosigned(it)
                }
            ),
            (any_digest(), 1..=u32::MAX, any_statement()).prop_map(
                |(header, handover, statement)| {
                    Incoming::Answer(Answer { header, handover, statement })
                }
            ),
            any::<u64>().prop_map(|sequence| Incoming::NoticeTaken(NoticeTaken { sequence })),
            refused.prop_map(|(header, (sequence, frame), reason, retry, cut_off)| {
                Incoming::Refused(Refused { header, sequence, reason, retry, frame, cut_off })
            }),
        ]
    }
}
