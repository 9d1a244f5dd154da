//! Notes of reviewing transits about messages that this agency gets: each stands in the request of its
//! message, from when both are here.

use crate::domain::header::MessageKey;
use crate::domain::particulars::Particulars;
use crate::history::message::{self, Part};
use crate::history::rows::{HistoryError, Rows, Working, after, key, message_key};
use crate::history::{requests, table};

/// Most notes that wait for one message: fewer transits may read it.
const WAITING_MAX: usize = 16;

fn notes_of(message: MessageKey, note: &[u8]) -> Vec<u8> {
    key(table::NOTES, &[message.as_bytes(), note])
}

/// The message that a note is about; none if it is no note.
pub fn about(particulars: &Particulars) -> Option<MessageKey> {
    let sender = particulars.bearing.noted()?;
    Some(MessageKey::new(sender.agency(), particulars.bearing.relay_of?))
}

/// A note came about `about`: it stands in the request of that message, at once or as soon as that is
/// here. False if it names another request: it is then on record without effect.
pub(super) fn came(
    rows: &mut Working<'_>,
    (note, particulars): (MessageKey, &Particulars),
    about: MessageKey,
) -> Result<bool, HistoryError> {
    let known = message::find(rows, about)?
        .filter(|it| it.part == Part::Destination && it.is_listed())
        .and_then(|it| it.particulars);
    match known {
        Some(known) if known.request != particulars.request => return Ok(false),
        Some(known) => requests::list(rows, known.request, note)?,
        None => {
            let prefix = notes_of(about, &[]);
            if rows.rows(&prefix, &after(&prefix), WAITING_MAX)?.len() < WAITING_MAX {
                rows.save(notes_of(about, note.as_bytes()), &note);
            }
        }
    }
    Ok(true)
}

/// A message is listed: the notes that wait for it stand in its request from here on.
pub(super) fn follow(
    rows: &mut Working<'_>,
    message: MessageKey,
    particulars: &Particulars,
) -> Result<(), HistoryError> {
    let prefix = notes_of(message, &[]);
    for (place, value) in rows.rows(&prefix, &after(&prefix), WAITING_MAX)? {
        rows.remove(place);
        let note = message_key(&value)?;
        let Some(mut record) = message::find(rows, note)? else {
            continue;
        };
        if record.particulars.as_ref().is_some_and(|it| it.request == particulars.request) {
            requests::list(rows, particulars.request, note)?;
        } else {
            record.out_of_state = true;
            message::save(rows, note, &record);
        }
    }
    Ok(())
}
