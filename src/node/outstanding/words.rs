//! Words of an origin about its message, and that no way led on: they are owed while somebody waits for
//! them.

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::limits::EXPIRY_MS_MAX;
use crate::history::message::{self, Custody};
use crate::history::requests;
use crate::history::rows::{HistoryError, Rows};
use crate::history::words::{Said, Word};
use crate::node::outstanding::{Item, Owed, State};
use crate::node::setting::Setting;

/// Messages of a request that are read in one step.
const STEP: usize = 256;

/// Up to when something may wait for the word; none if nothing does. Whoever passes it on does not know
/// what follows, and takes it that something does.
fn waited_for_until<R: Rows + ?Sized>(
    rows: &R,
    (key, word): (MessageKey, &Word),
    now: Timestamp,
) -> Result<Option<Timestamp>, HistoryError> {
    let until = match word.ends_at() {
        Some(ends_at) => Some(ends_at),
        None => last_expiry(rows, (key, word))?,
    };
    Ok(until.filter(|it| *it > now))
}

/// When the last of those expires that follow in the order and have not ended here.
fn last_expiry<R: Rows + ?Sized>(
    rows: &R,
    (key, word): (MessageKey, &Word),
) -> Result<Option<Timestamp>, HistoryError> {
    let particulars = message::find(rows, key)?.and_then(|it| it.particulars);
    let (Some(particulars), Said::Void(order)) = (particulars, word.said) else {
        return Ok(Some(word.since.plus_millis(EXPIRY_MS_MAX)));
    };
    let (mut from, mut last) = (0_u32, None);
    loop {
        let page = requests::messages(rows, particulars.request, from, STEP)?;
        for key in &page {
            let Some(record) = message::find(rows, *key)? else {
                continue;
            };
            let address = record.header()?.address;
            let follows =
                address.order.stream == order.stream && address.order.number > order.number;
            if follows && !matches!(record.custody, Custody::Ended { .. }) {
                last = last.max(Some(address.expires_at));
            }
        }
        if page.len() < STEP {
            return Ok(last);
        }
        from = from.saturating_add(u32::try_from(page.len()).unwrap_or(u32::MAX));
    }
}

/// How the word stands; none if nobody waits for it now.
pub(super) fn owed(
    setting: &Setting,
    (key, word): (MessageKey, &Word),
) -> Result<Option<Owed>, HistoryError> {
    let until = waited_for_until(setting.store.as_ref(), (key, word), setting.clock.now())?;
    Ok(until.map(|until| Owed {
        item: Item::Statement(0),
        state: State::WaitingForWay,
        message: word.message,
        origin: word.origin.clone(),
        destination: Some(word.destination.clone()),
        peer: None,
        lane: None,
        since: word.since,
        expires_at: Some(until),
        handover: 0,
        reason: Some(Reason::NoRoute),
        ways: Vec::new(),
    }))
}
