//! Erase what was kept long enough: content of a request whose time has ended, and what an own note about a
//! message says.

use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::lifecycle::State;
use crate::domain::obligation::{DueStage, Obligation};
use crate::domain::retention::ErasureCause;
use crate::history::dues::{self, DueKey};
use crate::history::message::{self, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::history::{dockets, holds, note_ends, requests};
use crate::node::command::Outcome;
use crate::node::commands::{erase, snapshot};
use crate::node::content;
use crate::node::turn::Turn;
use crate::wire::skeleton::{NotedDeadline, Skeleton};

/// Messages whose content one command erases: they share a commit.
const MESSAGES_MAX: usize = 4;
/// Messages looked at in one step.
const STEP: usize = 256;

/// Erases a few messages of the request, and once none is left says so. Nothing that is held or
/// still on its way; of a request that goes on only what the other side gave.
pub(super) fn decide(turn: &mut Turn<'_>, due: DueKey) -> Result<Outcome, HistoryError> {
    let Some(found) = ending(turn, &due)? else {
        return Ok(Outcome::Unchanged);
    };
    let mut last = None;
    for key in found.messages.into_iter().take(MESSAGES_MAX) {
        let Some(record) = message::find(&turn.rows, key)? else {
            continue;
        };
        last = Some(erased(turn, key, &record)?);
    }
    if let Some(position) = last {
        return Ok(Outcome::Done(position));
    }
    if found.waits {
        return Ok(Outcome::Unchanged);
    }
    let DueKey { request, party, obligation, owner } = due;
    let stage = DueStage::Overdue;
    let deadline = Some(NotedDeadline { request, party, obligation, owner, stage });
    let skeleton = Skeleton { deadline, ..Skeleton::default() };
    Ok(Outcome::Done(turn.record(Fact::RetentionEnded, skeleton)?))
}

/// Erases what an own note about a message says, whose time is over: nothing that is still on its way, or
/// stands in a request that is held.
pub(super) fn of_note(turn: &mut Turn<'_>, note: MessageKey) -> Result<Outcome, HistoryError> {
    let until = note_ends::KEPT.find(&turn.rows, note)?;
    let (Some(record), true) =
        (message::find(&turn.rows, note)?, until.is_some_and(|it| it <= turn.now))
    else {
        return Ok(Outcome::Unchanged);
    };
    if erase::is_on_its_way(turn, &record) || holds::of_message(&turn.rows, &record)?.is_some() {
        return Ok(Outcome::Unchanged);
    }
    Ok(Outcome::Done(erased(turn, note, &record)?))
}

/// Erases a message whose time has ended, with an entry that says so.
fn erased(
    turn: &mut Turn<'_>,
    key: MessageKey,
    record: &MessageRecord,
) -> Result<u64, HistoryError> {
    let message = message::reference(&record.header()?);
    let fact = Fact::ContentErased { message, cause: ErasureCause::RetentionEnded };
    let backups = snapshot::holding(turn, record.recorded)?;
    let position = turn.record(fact, Skeleton { backups, ..Skeleton::default() })?;
    content::erase(turn, key)?;
    Ok(position)
}

/// What is to be erased.
struct Ending {
    messages: Vec<MessageKey>,
    /// Something is still on its way from here.
    waits: bool,
}

fn ending(turn: &Turn<'_>, due: &DueKey) -> Result<Option<Ending>, HistoryError> {
    let rows = &turn.rows;
    let open = dues::find(rows, due)?.filter(|it| it.due.at <= turn.now);
    let (Some(_), Some(request), Some(party)) = (
        open.filter(|_| due.obligation == Obligation::EndRetention),
        requests::find(rows, due.request)?,
        dockets::party(rows, due.request, &due.party)?,
    ) else {
        return Ok(None);
    };
    let ours = requests::side(&request, &turn.setting.agency) == due.owner;
    if !ours || holds::placed(rows, due.request)?.is_some() {
        return Ok(None);
    }
    let closed = party.state == State::Closed;
    let mut found = Ending { messages: Vec::new(), waits: false };
    let mut from = 0;
    loop {
        let page = requests::messages(rows, due.request, from, STEP)?;
        for key in &page {
            let Some(record) = message::find(rows, *key)? else {
                continue;
            };
            if record.erased.is_some() || !is_meant(&record, due, closed)? {
                continue;
            }
            if erase::is_on_its_way(turn, &record) {
                found.waits = true;
            } else {
                found.messages.push(*key);
            }
        }
        if page.len() < STEP || found.messages.len() >= MESSAGES_MAX {
            return Ok(Some(found));
        }
        from = from.saturating_add(u32::try_from(STEP).unwrap_or(u32::MAX));
    }
}

/// Is it a message between this agency and the party whose time has ended, or a note about one?
fn is_meant(record: &MessageRecord, due: &DueKey, closed: bool) -> Result<bool, HistoryError> {
    let address = record.header()?.address;
    let noted = record.particulars.as_ref().and_then(|it| it.bearing.noted());
    let between = address.origin == due.party
        || address.destination == due.party
        || noted.is_some_and(|sender| *sender.agency() == due.party);
    Ok(between && (closed || record.part == Part::Destination))
}
