//! Erasures that one side asked the other for: what was asked, what is owed, what was answered.
//!
//! Both sides keep the same row: whoever sent the message asks, whoever received it answers. An
//! answer that the content is held is not the last one: it is owed again once it is released.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::due::{Due, DueSource};
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, RequestId};
use crate::domain::lifecycle::Side;
use crate::domain::obligation::Obligation;
use crate::domain::retention::ErasureCause;
use crate::history::dues::{self, DueKey};
use crate::history::message::{self, Part};
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key, message_key};
use crate::history::table;

/// Most erasures of one request that are looked at together.
const ASKED_MAX: usize = 256;

/// What came of an erasure that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The content is erased there, too.
    Erased,
    /// It is kept.
    Refused(Reason),
}

/// One erasure that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedErasure {
    /// The request of the message; none where it could not be opened.
    pub request: Option<RequestId>,
    /// The executing agency of that request.
    pub party: AgencyId,
    /// Which side is asked.
    pub owner: Side,
    /// When it was recorded here.
    pub at: Timestamp,
    /// By when it is to be answered.
    pub due: Timestamp,
    /// Nobody here could ever open the message.
    pub unopened: bool,
    /// Why it is asked for.
    pub cause: ErasureCause,
    /// Position of the entry that says so here.
    pub position: u64,
    /// At the origin: to whom it goes once the message is known to have arrived.
    pub untold: Option<AgencyId>,
    /// What came of it last.
    pub answer: Option<Answer>,
}

impl AskedErasure {
    /// Whether another answer is to come.
    pub fn is_open(&self) -> bool {
        matches!(self.answer, None | Some(Answer::Refused(Reason::LegalHold | Reason::HeldOnward)))
    }

    /// Whether it is kept by a decision of whoever holds it, and may be asked for again.
    pub fn is_refused(&self) -> bool {
        matches!(self.answer, Some(Answer::Refused(_))) && !self.is_open()
    }

    fn due(&self) -> Due {
        let obligation = Obligation::AnswerErasure;
        Due { obligation, owner: self.owner, at: self.due, source: DueSource::Policy }
    }
}

fn asked_key(message: MessageKey) -> Vec<u8> {
    key(table::ERASURES, &[message.as_bytes()])
}

fn of_request_key(request: RequestId, message: MessageKey) -> Vec<u8> {
    key(table::REQUEST_ERASURES, &[request.as_bytes(), message.as_bytes()])
}

/// What is to be done about an erasure that one side asks the other for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo {
    /// The node answers in any case: that it is held, or by erasing what nobody could open.
    Answer,
    /// It erases, if the agency's policy says so, or else an officer does or keeps it.
    Erase,
    /// It asks the other side, once there is a way to it.
    Ask,
    /// It has asked, and tells the other side once the message is known to have arrived.
    Tell,
}

impl Todo {
    /// All of them, in the order of their rows.
    pub const ALL: [Self; 4] = [Self::Answer, Self::Erase, Self::Ask, Self::Tell];

    const fn class(self) -> u8 {
        match self {
            Self::Answer => 0,
            Self::Erase => 1,
            Self::Ask => 2,
            Self::Tell => 3,
        }
    }
}

fn todo_key(todo: Todo, message: MessageKey) -> Vec<u8> {
    key(table::ERASURES_TO_DO, &[&[todo.class()], message.as_bytes()])
}

/// Up to `limit` messages about whose erasure something is to be done, after a place.
pub fn all_to_do<R: Rows + ?Sized>(
    rows: &R,
    place: Option<&Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Todo, MessageKey)>, HistoryError> {
    let damaged = || HistoryError::Damaged { what: "erasure about which something is to be done" };
    let prefix = key(table::ERASURES_TO_DO, &[]);
    let first = place.map_or_else(|| prefix.clone(), |it| [it.as_slice(), &[0]].concat());
    let mut found = Vec::new();
    for (place, _) in rows.rows(&first, &after(&prefix), limit)? {
        let (class, message) =
            place.get(prefix.len()..).and_then(<[u8]>::split_first).ok_or_else(damaged)?;
        let todo = Todo::ALL.into_iter().find(|it| it.class() == *class).ok_or_else(damaged)?;
        let message = message_key(message)?;
        found.push((place, todo, message));
    }
    Ok(found)
}

/// Whether this is to be done about the erasure of a message.
pub fn is_to_do<R: Rows + ?Sized>(
    rows: &R,
    todo: Todo,
    message: MessageKey,
) -> Result<bool, HistoryError> {
    Ok(rows.row(&todo_key(todo, message))?.is_some())
}

/// The erasure that was asked for a message, if one was.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Option<AskedErasure>, HistoryError> {
    rows.load(&asked_key(message), "erasure that was asked for")
}

/// Up to `limit` messages for which this node is asked something that it may answer by itself:
/// those that it answers in any case first, and the others only where `erases`.
pub fn to_do<R: Rows + ?Sized>(
    rows: &R,
    erases: bool,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    let table = key(table::ERASURES_TO_DO, &[]);
    let first_not = if erases { Todo::Ask } else { Todo::Erase };
    let end = key(table::ERASURES_TO_DO, &[&[first_not.class()]]);
    let found = rows.rows(&table, &end, limit)?;
    found.iter().map(|(_, value)| message_key(value)).collect()
}

/// Up to `limit` messages for whose erasure the other side is still to be asked, since there was no
/// way to it, each with why.
pub fn to_ask<R: Rows + ?Sized>(
    rows: &R,
    limit: usize,
) -> Result<Vec<(MessageKey, ErasureCause)>, HistoryError> {
    let table = key(table::ERASURES_TO_DO, &[&[Todo::Ask.class()]]);
    let found = rows.rows(&table, &after(&table), limit)?;
    found.iter().map(|(_, value)| decode(value, "erasure that is to be asked for")).collect()
}

/// Why the other side is still to be asked to erase this message; `None` if it is not.
pub fn is_to_ask<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Option<ErasureCause>, HistoryError> {
    let found: Option<(MessageKey, ErasureCause)> =
        rows.load(&todo_key(Todo::Ask, message), "erasure that is to be asked for")?;
    Ok(found.map(|(_, cause)| cause))
}

/// The other side is to be asked once there is a way to it.
pub(super) fn ask_later(rows: &mut Working<'_>, message: MessageKey, cause: ErasureCause) {
    rows.save(todo_key(Todo::Ask, message), &(message, cause));
}

/// Whoever this message passed a request on to is to be asked, in the name of the origin of that.
pub(super) fn ask_onward(rows: &mut Working<'_>, message: MessageKey) {
    ask_later(rows, message, ErasureCause::OriginatorOrder);
}

/// The node itself has something to do about what was passed on of a message, or only waits.
pub(super) fn look_onward(rows: &mut Working<'_>, message: MessageKey, to_do: bool) {
    queue(rows, message, to_do.then_some(Todo::Answer));
}

fn queue(rows: &mut Working<'_>, message: MessageKey, todo: Option<Todo>) {
    for class in [Todo::Answer, Todo::Erase] {
        if todo == Some(class) {
            rows.save(todo_key(class, message), &message);
        } else {
            rows.remove(todo_key(class, message));
        }
    }
}

/// Whether the node itself has to look at it: at what others ask of it, not at what it asks.
fn look(
    rows: &mut Working<'_>,
    message: MessageKey,
    asked: &AskedErasure,
    held: bool,
) -> Result<(), HistoryError> {
    let told = asked.answer.is_some();
    let todo = match (asked.is_open(), held) {
        (true, true) if !told => Some(Todo::Answer),
        (true, false) if asked.unopened => Some(Todo::Answer),
        (true, false) => Some(Todo::Erase),
        (true, true) | (false, _) => None,
    };
    queue(rows, message, todo);
    Ok(())
}

/// An erasure is asked for: of the other side, or of this one where `held` says whether it may.
pub(super) fn ask(
    rows: &mut Working<'_>,
    message: MessageKey,
    asked: &AskedErasure,
    held: Option<bool>,
) -> Result<(), HistoryError> {
    rows.save(asked_key(message), asked);
    rows.remove(todo_key(Todo::Ask, message));
    if asked.untold.is_some() {
        rows.save(todo_key(Todo::Tell, message), &message);
    }
    if let Some(request) = asked.request {
        rows.save(of_request_key(request, message), &message);
    }
    if let Some(held) = held {
        look(rows, message, asked, held)?;
    }
    owe(rows, asked)
}

/// An answer: from the other side, or by this one.
pub(super) fn answer(
    rows: &mut Working<'_>,
    message: MessageKey,
    answer: Answer,
) -> Result<(), HistoryError> {
    let Some(mut asked) = find(rows, message)?.filter(AskedErasure::is_open) else {
        return Ok(());
    };
    asked.answer = Some(answer);
    queue(rows, message, None);
    rows.save(asked_key(message), &asked);
    owe(rows, &asked)
}

/// What asks for the erasure goes by this neighbour from here on, if it has not been told yet.
pub(super) fn goes_by(
    rows: &mut Working<'_>,
    message: MessageKey,
    peer: &AgencyId,
) -> Result<bool, HistoryError> {
    let Some(mut asked) = find(rows, message)?.filter(|it| it.untold.is_some()) else {
        return Ok(false);
    };
    asked.untold = Some(peer.clone());
    rows.save(asked_key(message), &asked);
    Ok(true)
}

/// The message is known to have arrived: gives the entry that asks, and whom to tell it.
pub(super) fn arrived(
    rows: &mut Working<'_>,
    message: MessageKey,
) -> Result<Option<(AgencyId, u64)>, HistoryError> {
    let Some(mut asked) = find(rows, message)? else {
        return Ok(None);
    };
    let told = asked.untold.take().map(|peer| (peer, asked.position));
    rows.save(asked_key(message), &asked);
    rows.remove(todo_key(Todo::Tell, message));
    Ok(told)
}

/// The message never arrived: nothing is there to be erased.
pub(super) fn forget(rows: &mut Working<'_>, message: MessageKey) -> Result<(), HistoryError> {
    rows.remove(todo_key(Todo::Ask, message));
    rows.remove(todo_key(Todo::Tell, message));
    let Some(asked) = find(rows, message)? else {
        return Ok(());
    };
    rows.remove(asked_key(message));
    if let Some(request) = asked.request {
        rows.remove(of_request_key(request, message));
    }
    owe(rows, &asked)
}

/// A request is held or released here, where this agency stands on `side`.
pub(super) fn held(
    rows: &mut Working<'_>,
    request: RequestId,
    side: Side,
    (held, at): (bool, Timestamp),
) -> Result<(), HistoryError> {
    for (message, mut asked) in of_request(rows, request)? {
        // Of a request that was passed on this agency asks another for an answer of the same side.
        let theirs = message::find(rows, message)?.is_some_and(|it| it.part == Part::Destination);
        if !asked.is_open() || asked.owner != side || !theirs {
            continue;
        }
        if !held && asked.answer == Some(Answer::Refused(Reason::LegalHold)) {
            asked.answer = None;
            // It is owed again, for as long as it was at first.
            asked.due = at.plus_millis(asked.due.millis_since(asked.at));
            asked.at = at;
            rows.save(asked_key(message), &asked);
            owe(rows, &asked)?;
        }
        look(rows, message, &asked, held)?;
    }
    Ok(())
}

fn of_request(
    rows: &Working<'_>,
    request: RequestId,
) -> Result<Vec<(MessageKey, AskedErasure)>, HistoryError> {
    let prefix = key(table::REQUEST_ERASURES, &[request.as_bytes()]);
    let mut all = Vec::new();
    for (_, value) in rows.rows(&prefix, &after(&prefix), ASKED_MAX)? {
        let message = message_key(&value)?;
        all.extend(find(rows, message)?.map(|asked| (message, asked)));
    }
    Ok(all)
}

/// What is owed of a side in a request is the first of all that it has not answered.
fn owe(rows: &mut Working<'_>, changed: &AskedErasure) -> Result<(), HistoryError> {
    let Some(request) = changed.request else {
        return Ok(());
    };
    let same = |it: &AskedErasure| {
        it.answer.is_none() && it.owner == changed.owner && it.party == changed.party
    };
    let open = of_request(rows, request)?.into_iter().map(|(_, it)| it).filter(same);
    let first = open.min_by_key(|it| it.due).map(|it| (it.due(), it.at));
    let (party, owner) = (changed.party.clone(), changed.owner);
    let key = DueKey { request, party, obligation: Obligation::AnswerErasure, owner };
    dues::replace(rows, &key, first)
}
