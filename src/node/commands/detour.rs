//! Another way for messages that wait for a peer that fails, and for words where the directory names one.

use crate::domain::fact::{Fact, Reason};
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::history::message::{self, Custody, MessageRecord};
use crate::history::rows::HistoryError;
use crate::history::words::{self, Said, Word};
use crate::node::command::Outcome;
use crate::node::commands::conclude;
use crate::node::turn::Turn;
use crate::node::ways;
use crate::wire::skeleton::{Skeleton, Void};

/// Records another way for each message that still waits for a peer that still fails; what has none is
/// given back where its origin has one over agencies that have not had it, and waits otherwise. What is in
/// doubt is left alone: the peer may have it. A word goes by the way that there is now.
pub(super) fn decide(
    turn: &mut Turn<'_>,
    messages: &[MessageKey],
) -> Result<Outcome, HistoryError> {
    for key in messages {
        if let Some(record) = message::find(&turn.rows, *key)? {
            go_around(turn, (*key, &record))?;
        }
        tell_on(turn, *key)?;
    }
    Ok(Outcome::Unchanged)
}

/// Sends a word of an origin on its way, if the directory names another one since than that by which it was
/// told.
fn tell_on(turn: &mut Turn<'_>, key: MessageKey) -> Result<(), HistoryError> {
    let Some(word) = words::find(&turn.rows, key)? else {
        return Ok(());
    };
    let next_hop = ways::of_word(turn.setting, &turn.rows, (key, &word), turn.now)?;
    if next_hop.is_some() {
        let fact = Fact::WayChosen { message: word.reference(), reason: why_on(turn, &word) };
        let Word { origin, destination, said, .. } = word;
        let way = Skeleton { next_hop, ..Skeleton::default() };
        let way = match said {
            Said::Void(order) => {
                Skeleton { void: Some(Void { origin, destination, order }), ..way }
            }
            Said::Erasure => Skeleton { asked: Some(destination), ..way },
        };
        turn.record(fact, way)?;
    }
    Ok(())
}

/// Why a word goes another way than before: it had none, it ended with the link, or there is a better one.
fn why_on(turn: &Turn<'_>, word: &Word) -> Reason {
    let setting = turn.setting;
    match &word.to {
        None => Reason::NoRoute,
        Some(told) if setting.directory().are_linked(&setting.agency, told) => {
            Reason::DirectoryChanged
        }
        Some(_) => Reason::LinkEnded,
    }
}

fn go_around(
    turn: &mut Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<(), HistoryError> {
    let Custody::Waiting { peer } = &record.custody else {
        return Ok(());
    };
    let header = record.header()?;
    let trouble = ways::trouble(turn.setting, peer, header.address.lane, turn.now);
    let Some(reason) = trouble.filter(|_| turn.now < header.address.expires_at) else {
        return Ok(());
    };
    if let Some(next) = ways::other(turn.setting, &turn.rows, (key, record))? {
        return choose(turn, record, next, reason);
    }
    if turn.asks_about(record).is_none()
        && ways::is_given_back(turn.setting, &turn.rows, (key, record), (peer, reason))?
    {
        conclude::end(turn, (key, record), Reason::NoRoute, Skeleton::default())?;
    }
    Ok(())
}

/// From here on the message waits for `next`.
pub(super) fn choose(
    turn: &mut Turn<'_>,
    record: &MessageRecord,
    next: AgencyId,
    reason: Reason,
) -> Result<(), HistoryError> {
    let fact = Fact::WayChosen { message: message::reference(&record.header()?), reason };
    turn.record(fact, Skeleton { next_hop: Some(next), ..Skeleton::default() })?;
    Ok(())
}
