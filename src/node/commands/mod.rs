//! Deciding commands: one verb a file.
//!
//! A decision reads the state as it stands in its turn, says no without having written anything,
//! or records one or more facts. It is never undone: what is decided becomes durable with the
//! turn, and only then does anyone hear of it.

mod adopt_directory;
mod alarm;
mod asked_erasure;
mod attachment;
mod auditing;
mod conclude;
mod deadline;
mod detour;
mod drain;
mod drafting;
mod end_retention;
mod erase;
mod hand_over;
mod hold;
mod inbox;
mod receive;
mod record_statement;
mod recover;
mod review;
mod said_before;
mod set_aside;
mod sight;
mod snapshot;
mod submit;
mod transit;
mod volume;
mod witness;

pub(super) use said_before::give_up_lost;

use crate::domain::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::history::known;
use crate::history::rows::HistoryError;
use crate::identity::permission::{Verb, permitted};
use crate::node::attachments::upload;
use crate::node::command::{Call, Command, Outcome};
use crate::node::conduct;
use crate::node::doubt;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;

/// What a decision can come to besides an outcome.
#[derive(Debug, thiserror::Error)]
pub(in crate::node) enum Decline {
    /// A typed no; the turn goes on.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The state can't be read; the node must stop.
    #[error(transparent)]
    Stopped(#[from] HistoryError),
}

/// Decides one command in its turn.
pub(super) fn decide(turn: &mut Turn<'_>, command: Command) -> Result<Outcome, Decline> {
    if let Some(doubt) = turn.doubt.as_ref().filter(|_| !command.is_harmless()) {
        return Err(doubt.rejection(turn.setting).into());
    }
    if let Some(recovery) = turn.recovery.as_ref().filter(|it| !it.settled)
        && !command.is_possible_meanwhile()
    {
        return Err(recovery.rejection().into());
    }
    match command {
        Command::Submit(submission) => submit::decide(turn, *submission),
        Command::Receive(arrival) => receive::decide(turn, *arrival),
        Command::HandOver { peer, messages } => Ok(hand_over::decide(turn, &peer, &messages)?),
        Command::RecordStatement(_, statement) => record_statement::decide(turn, *statement),
        Command::Witness(offer) => Ok(witness::decide(turn, *offer)?),
        Command::Misconduct(peer, what) => conduct::note(turn, &peer, what),
        Command::RecordCosigned { peer, size, checkpoint } => {
            Ok(witness::record_cosigned(turn, &peer, size, checkpoint)?)
        }
        Command::RecordNoticesTaken { peer, sequence } => {
            Ok(witness::record_notices_taken(turn, &peer, sequence)?)
        }
        Command::Countersign => Ok(witness::countersign(turn)?),
        Command::Inbox { call, message, act } => inbox::decide(turn, &call, message, act),
        Command::Audit { call, act } => auditing::decide(turn, &call, act),
        Command::Draft { call, draft, act } => drafting::decide(turn, &call, draft, act),
        Command::ExpireDraft { draft } => Ok(drafting::expire(turn, draft)?),
        Command::Conclude { message } => Ok(conclude::decide(turn, message)?),
        Command::Detour { messages } => Ok(detour::decide(turn, &messages)?),
        Command::SetAside { message, reason } => Ok(conclude::set_aside(turn, message, reason)?),
        Command::OfSetAside { call, message, act } => set_aside::decide(turn, &call, message, act),
        Command::OfTransit { call, message, act } => transit::decide(turn, &call, message, act),
        Command::Drain { call, on } => drain::decide(turn, &call, on),
        Command::Upload(upload) => Ok(upload::decide(turn, upload)??),
        Command::Sight { call, request, holder, granted } => {
            sight::decide(turn, &call, request, (&holder, granted))
        }
        Command::Erase { by, message, cause } => erase::decide(turn, by.as_ref(), message, cause),
        Command::HonourErasure { message } => Ok(asked_erasure::honour(turn, message)?),
        Command::AskErasure { message } => Ok(asked_erasure::ask_at_last(turn, message)?),
        Command::RefuseErasure { call, message, reason } => {
            asked_erasure::refuse(turn, &call, message, reason)
        }
        Command::EndRetention { due } => Ok(end_retention::decide(turn, due)?),
        Command::EndNote { note } => Ok(end_retention::of_note(turn, note)?),
        Command::Hold { call, request, held } => hold::decide(turn, &call, request, held),
        Command::Review { call, request, keep_until } => {
            review::decide(turn, &call, request, keep_until)
        }
        Command::NoteDeadline { due } => Ok(deadline::decide(turn, due)?),
        Command::Alarm { message } => Ok(alarm::decide(turn, message)?),
        Command::RecordRung { position } => Ok(alarm::record_rung(turn, position)),
        Command::Sighted(said) => Ok(doubt::decide(turn, said)?),
        Command::AdoptDirectory(directory) => Ok(adopt_directory::decide(turn, directory)?),
        Command::TakeSnapshot(backup) => Ok(snapshot::decide(turn, backup)?),
        Command::ConfirmVolume { call, journal } => volume::confirm(turn, &call, journal),
        Command::ShowMissed { peer, missing } => volume::show(turn, &peer, &missing),
        Command::Recover { by, shown } => recover::take(turn, &by, shown),
        Command::Restate { messages } => Ok(recover::restate(turn, &messages)?),
        Command::OfferAttachment(offered) => attachment::offer(turn, &offered),
        Command::StateAttachment(carried) => attachment::state(turn, &carried),
        Command::EndAttachments { message } => Ok(attachment::end(turn, message)?),
        Command::EndOrderWait { message } => Ok(conclude::end_order_wait(turn, message)?),
    }
}

/// Whether a call may be made at all. Gives the entry that it came to before, if it was made before:
/// the same call has the same answer.
fn admitted(turn: &Turn<'_>, call: &Call, verb: Verb) -> Result<Option<u64>, Decline> {
    if !permitted(call.principal.role, verb) {
        let text = "this role may not do this";
        return Err(Rejection::new(RejectionReason::RoleNotPermitted, text).into());
    }
    named_shortly(call)?;
    let Some(known) = known::call(&turn.rows, &call.principal.to_string(), &call.key)? else {
        return Ok(None);
    };
    if known.fingerprint != call.fingerprint {
        return Err(key_reused().into());
    }
    Ok(known.positions.first().copied())
}

/// A key that is too long would make an entry that nobody reads again, whatever brought the call.
fn named_shortly(call: &Call) -> Result<(), Rejection> {
    if call.key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let text = format!("an idempotency key has at most {IDEMPOTENCY_KEY_BYTES_MAX} bytes");
        return Err(Rejection::new(RejectionReason::LimitExceeded, text));
    }
    Ok(())
}

/// The idempotency key belongs to another call.
fn key_reused() -> Rejection {
    let text = "this idempotency key was used for another call";
    Rejection::new(RejectionReason::IdempotencyKeyReused, text)
}
