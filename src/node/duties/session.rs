//! What the dialling side of a stream of messages wants, hears, remembers and ends with.

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::domain::misconduct::CutOffCause;
use crate::history::rows::HistoryError;
use crate::node::command::Command;
use crate::node::doubt::Sighting;
use crate::wire::WireError;
use crate::wire::relay::Outgoing;

/// Why a session must end. The relay's schedule dials again.
#[derive(Debug, thiserror::Error)]
pub enum SessionEnd {
    /// The state can't be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The peer refused the session, or answered what was not asked.
    #[error("peer: {0}")]
    Peer(String),
    /// The peer answered what no honest node answers.
    #[error("peer: {0}")]
    Lie(#[from] Lie),
    /// This node follows another directory than it named in its greeting. The next session may begin at once, and
    /// greets by it.
    #[error("another directory is followed than was named in the greeting")]
    DirectoryChanged,
    /// The peer has witnessed more of this journal than it holds: it was rewound.
    #[error("the peer has witnessed {witnessed} entries, this journal holds {held}")]
    Rewound {
        /// What the peer has seen.
        witnessed: u64,
        /// What is here.
        held: u64,
        /// What the peer shows for it.
        said: Box<Sighting>,
    },
}

/// An answer that no honest node gives. It changes nothing but what is known of the peer's conduct.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    /// A welcome that was given before, or that names what was not proposed.
    #[error("welcome with an unknown version or window")]
    Welcome,
    /// A cosignature before a checkpoint was offered.
    #[error("cosigned what was not offered")]
    NotOffered,
    /// A cosignature that is none of the peer's.
    #[error("cosignature is invalid: {0}")]
    Cosignature(String),
    /// A receipt that does not prove what the peer made of this handover.
    #[error("{0}")]
    Answer(String),
    /// More statements than it was told.
    #[error("took statements that were not sent")]
    NotSent,
    /// Bytes that are no answer.
    #[error("what it answers can't be read: {0}")]
    Malformed(#[from] WireError),
    /// What this node lost, without having been asked.
    #[error("showed what was not asked for")]
    NotAsked,
}

impl SessionEnd {
    /// The peer takes nothing from this node for a while, and says why.
    pub fn cut_off(cause: Option<CutOffCause>) -> Self {
        let why = cause.map(|it| format!(" ({})", it.told())).unwrap_or_default();
        Self::Peer(format!(
            "PEER_CUT_OFF: too much of what this node sent did not hold there{why}; it takes nothing for \
             ten minutes"
        ))
    }
}

/// What a session wants done.
#[derive(Debug)]
pub enum Wish {
    /// Send this frame.
    Send(Box<Outgoing>),
    /// Execute this, tell the session with `executed`, then poll again.
    Execute(Box<Command>, Then),
}

/// What a session must hear of once a wish was executed, whatever came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The peer's cosignature is recorded.
    Cosigned,
    /// What the peer showed of what was lost is recorded.
    Recovered,
    /// What these messages came to is noted: their handover, or the answer to it.
    Noted(Vec<MessageKey>),
    /// This message is set aside.
    SetAside(MessageKey),
}

/// A message that the peer did not take, and that is asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedOnce {
    /// Why, in the peer's word.
    pub reason: String,
    /// When it is asked again.
    pub again: Timestamp,
    /// How often it was refused in this session.
    pub times: u32,
}
