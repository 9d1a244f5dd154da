//! What of a request is still elsewhere because it was passed on to the agency that is competent.
//!
//! The notice by which it was passed on holds the request itself, so erasing the request is done only
//! once that copy is gone too: here, and with the agency that got it, which is asked in turn.

use crate::domain::acts::Act;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::RequestId;
use crate::history::erasures::{self, Answer};
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::requests;
use crate::history::rows::{HistoryError, Rows, Working, after, message_key, request_row};
use crate::history::table::OfRequest;

/// Most notices by which one request is passed on; the state of a request allows one.
const NOTICES_MAX: usize = 16;

fn notice_key(request: RequestId, notice: &[u8]) -> Vec<u8> {
    request_row(request, OfRequest::HandedOn, &[notice])
}

/// The request is passed on with this message of this agency.
pub(super) fn note(rows: &mut Working<'_>, request: RequestId, notice: MessageKey) {
    rows.save(notice_key(request, notice.as_bytes()), &notice);
}

/// Messages of a request among which the one that opens it is looked for.
const OPENING_AMONG: usize = 64;

/// The message by which the requester sent the request here, if one did. It is the first, but where the
/// wait of a later one ended before it came.
pub fn opening<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
) -> Result<Option<(MessageKey, MessageRecord)>, HistoryError> {
    let opens = |it: &MessageRecord| {
        let asks = it.particulars.as_ref().is_some_and(|it| it.act == Act::Request);
        it.part == Part::Destination && asks
    };
    for key in requests::messages(rows, request, 0, OPENING_AMONG)? {
        if let Some(record) = message::find(rows, key)?.filter(opens) {
            return Ok(Some((key, record)));
        }
    }
    Ok(None)
}

/// The messages of this agency that hold the message of `record` and took it on; none for most.
pub fn notices<R: Rows + ?Sized>(
    rows: &R,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Vec<MessageKey>, HistoryError> {
    let Some(particulars) =
        record.particulars.as_ref().filter(|_| record.part == Part::Destination)
    else {
        return Ok(Vec::new());
    };
    let prefix = notice_key(particulars.request, &[]);
    let found = rows.rows(&prefix, &after(&prefix), NOTICES_MAX)?;
    let opens = match found.is_empty() {
        true => false,
        false => opening(rows, particulars.request)?.is_some_and(|(opening, _)| opening == key),
    };
    found.iter().filter(|_| opens).map(|(_, value)| message_key(value)).collect()
}

/// How far what was passed on is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The copy in the notice is still here.
    Here,
    /// Whoever got it has not answered, or can't be asked yet.
    Waits,
    /// Whoever got it keeps it.
    Kept(Reason),
    /// Nothing of it is left, or there never was.
    Gone,
}

/// How far all that was passed on of a message is erased.
pub fn standing<R: Rows + ?Sized>(
    rows: &R,
    message: (MessageKey, &MessageRecord),
) -> Result<Standing, HistoryError> {
    let mut worst = Standing::Gone;
    for notice in notices(rows, message)? {
        let one = of_notice(rows, notice)?;
        if rank(one) > rank(worst) {
            worst = one;
        }
    }
    Ok(worst)
}

const fn rank(standing: Standing) -> u8 {
    match standing {
        Standing::Gone => 0,
        Standing::Kept(Reason::HeldOnward) => 1,
        Standing::Kept(_) => 2,
        Standing::Waits => 3,
        Standing::Here => 4,
    }
}

fn of_notice<R: Rows + ?Sized>(rows: &R, notice: MessageKey) -> Result<Standing, HistoryError> {
    let Some(record) = message::find(rows, notice)? else {
        return Ok(Standing::Gone);
    };
    if record.erased.is_none() {
        return Ok(Standing::Here);
    }
    if matches!(record.custody, Custody::Ended { .. }) {
        return Ok(Standing::Gone);
    }
    let asked = erasures::find(rows, notice)?;
    Ok(match asked {
        Some(_) if erasures::is_to_ask(rows, notice)?.is_some() => Standing::Waits,
        None => Standing::Waits,
        Some(asked) => match asked.answer {
            None => Standing::Waits,
            Some(Answer::Erased) => Standing::Gone,
            // Its hold ends one day, and then it answers again.
            Some(Answer::Refused(_)) if asked.is_open() => Standing::Kept(Reason::HeldOnward),
            Some(Answer::Refused(_)) => Standing::Kept(Reason::KeptOnward),
        },
    })
}

/// Whoever got what was passed on is to be asked to erase it, unless it is asked and may still answer.
pub(super) fn ask(
    rows: &mut Working<'_>,
    message: (MessageKey, &MessageRecord),
) -> Result<(), HistoryError> {
    for notice in notices(rows, message)? {
        let asked = erasures::find(rows, notice)?;
        let ended = message::find(rows, notice)?
            .is_none_or(|it| matches!(it.custody, Custody::Ended { .. }));
        if !ended && asked.is_none_or(|it| it.is_refused()) {
            erasures::ask_onward(rows, notice);
        }
    }
    Ok(())
}
