//! What a command weighs, and whose it is: what batches and lines at the writer's queue are bounded by.

use crate::domain::limits::{ATTACHMENTS_MAX, CONTENT_BYTES_MAX};
use crate::node::command::{Command, DraftAct, Submission};
use crate::node::queue::Asker;

/// Bytes that one stored value holds, roughly.
const VALUE_BYTES: usize = 4_000;
/// A value of content weighs as much as three others, which are shorter.
const CONTENT_WEIGHT: usize = 3;
/// Messages that one end of a retention erases.
const ENDED_MESSAGES_MAX: usize = 4;
/// Values that one fact changes at the most, roughly: entry, tiles, rows.
const FACT_VALUES: usize = 32;

/// What sealed content weighs.
fn content_weight(bytes: usize) -> usize {
    bytes / VALUE_BYTES * CONTENT_WEIGHT
}

impl Submission {
    /// What it weighs: the messages, or the draft that waits in their place.
    fn weight(&self) -> usize {
        let sealed: usize = self.messages.iter().map(|it| it.sealed_content.len()).sum();
        let facts = self.messages.len().max(1);
        content_weight(sealed.max(self.as_submitted.len())) + facts * FACT_VALUES
    }
}

impl Command {
    /// Who asks, as far as lines at the writer's queue go: what comes of a peer's frames is the peer's, and
    /// stands apart where the peer answers what this node asked it.
    pub fn asker(&self) -> Asker {
        match self {
            Self::Submit(submission) => Asker::Caller(submission.call.principal.clone()),
            Self::Inbox { call, .. }
            | Self::Audit { call, .. }
            | Self::Draft { call, .. }
            | Self::Sight { call, .. }
            | Self::RefuseErasure { call, .. }
            | Self::Hold { call, .. }
            | Self::Review { call, .. }
            | Self::OfSetAside { call, .. }
            | Self::OfTransit { call, .. }
            | Self::Drain { call, .. }
            | Self::ConfirmVolume { call, .. } => Asker::Caller(call.principal.clone()),
            Self::Erase { by: Some(by), .. } => Asker::Caller(by.clone()),
            Self::Receive(arrival) => Asker::Peer(arrival.from.clone()),
            Self::RecordStatement(by, _) => by.clone(),
            Self::Witness(offer) => Asker::Peer(offer.journal.agency().clone()),
            Self::HandOver { peer, .. }
            | Self::RecordCosigned { peer, .. }
            | Self::RecordNoticesTaken { peer, .. } => Asker::Answering(peer.clone()),
            Self::ShowMissed { peer, .. }
            | Self::Misconduct(peer, _)
            | Self::Recover { by: peer, .. } => Asker::Peer(peer.clone()),
            Self::OfferAttachment(it) => Asker::Peer(it.from.clone()),
            Self::StateAttachment(it) => Asker::Peer(it.offered.from.clone()),
            // What begins and ends a file that is handed in; how many there are is bounded.
            Self::Upload(_)
            | Self::Countersign
            | Self::Conclude { .. }
            | Self::Detour { .. }
            | Self::SetAside { .. }
            | Self::AskErasure { .. }
            | Self::EndAttachments { .. }
            | Self::Erase { by: None, .. }
            | Self::HonourErasure { .. }
            | Self::EndRetention { .. }
            | Self::EndNote { .. }
            | Self::NoteDeadline { .. }
            | Self::Alarm { .. }
            | Self::RecordRung { .. }
            | Self::Sighted(_)
            | Self::TakeSnapshot(_)
            | Self::AdoptDirectory(_)
            | Self::ExpireDraft { .. }
            | Self::Restate { .. }
            | Self::EndOrderWait { .. } => Asker::Duty,
        }
    }

    /// How many stored values the command may change, roughly: what a batch is bounded by.
    pub fn weight(&self) -> usize {
        match self {
            Self::Submit(submission) => submission.weight(),
            Self::Draft { act: DraftAct::Approve { submission, .. }, .. } => {
                // The draft itself goes in the same batch.
                let becomes = submission.as_ref().map_or(0, |it| it.weight());
                becomes + content_weight(CONTENT_BYTES_MAX) + FACT_VALUES
            }
            Self::Draft { act: DraftAct::Show, .. } => FACT_VALUES,
            Self::Draft { act: DraftAct::Withdraw, .. } | Self::ExpireDraft { .. } => {
                content_weight(CONTENT_BYTES_MAX) + FACT_VALUES
            }
            Self::Receive(arrival) => content_weight(arrival.envelope.content.len()) + FACT_VALUES,
            // A request that was passed on goes with the notice that holds it.
            Self::Erase { .. } | Self::HonourErasure { .. } => {
                2 * (content_weight(CONTENT_BYTES_MAX) + 2 * FACT_VALUES)
            }
            Self::EndNote { .. } => content_weight(CONTENT_BYTES_MAX) + FACT_VALUES,
            Self::EndRetention { .. } => {
                ENDED_MESSAGES_MAX * (content_weight(CONTENT_BYTES_MAX) + FACT_VALUES)
            }
            Self::HandOver { messages, .. } => messages.len() * 4 + FACT_VALUES,
            Self::Restate { messages } => messages.len() * 4 + FACT_VALUES,
            Self::Recover { shown, .. } => shown.statements.len() * 2 * FACT_VALUES,
            Self::ShowMissed { .. } => 64 * 8,
            Self::EndAttachments { .. } => ATTACHMENTS_MAX * FACT_VALUES,
            Self::Upload(_)
            | Self::OfferAttachment(_)
            | Self::StateAttachment(_)
            | Self::AskErasure { .. }
            | Self::RecordStatement(..)
            | Self::Witness(_)
            | Self::RecordCosigned { .. }
            | Self::RecordNoticesTaken { .. }
            | Self::Countersign
            | Self::Inbox { .. }
            | Self::Audit { .. }
            | Self::Conclude { .. }
            | Self::Detour { .. }
            | Self::SetAside { .. }
            | Self::OfSetAside { .. }
            | Self::OfTransit { .. }
            | Self::Drain { .. }
            | Self::Sight { .. }
            | Self::RefuseErasure { .. }
            | Self::Hold { .. }
            | Self::Review { .. }
            | Self::NoteDeadline { .. }
            | Self::Alarm { .. }
            | Self::RecordRung { .. }
            | Self::Misconduct(..)
            | Self::Sighted(_)
            | Self::TakeSnapshot(_)
            | Self::AdoptDirectory(_)
            | Self::ConfirmVolume { .. }
            | Self::EndOrderWait { .. } => FACT_VALUES,
        }
    }
}
