//! What each list has of the messages with one id.

use super::{Owed, erasures, shown, words};
use crate::domain::header::MessageKey;
use crate::domain::ids::MessageId;
use crate::history::attachments::Whereabouts;
use crate::history::erasures::Todo;
use crate::history::message::{self, MessageRecord};
use crate::history::rows::HistoryError;
use crate::history::waiting::Waiting;
use crate::history::words::WAITING;
use crate::history::{
    agenda, attachments, erasures as asked, lost, order, outbox, set_aside, under_review,
};
use crate::node::records;
use crate::node::setting::Setting;

/// Statements to one peer that are looked at for those about one message.
const STATEMENTS_LOOKED_AT: usize = 1_000;

/// What a list has of them.
pub(super) fn read(
    setting: &Setting,
    waiting: Waiting,
    id: MessageId,
) -> Result<Vec<Owed>, HistoryError> {
    match waiting {
        Waiting::Words => {
            let found = WAITING.namesakes(setting.store.as_ref(), id)?;
            let owed = found.iter().map(|(key, word)| words::owed(setting, (*key, word)));
            Ok(owed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        }
        Waiting::Drafts => Ok(shown::of_draft(setting, id)?.into_iter().collect()),
        Waiting::Statements => statements(setting, id),
        Waiting::SetAside
        | Waiting::Reviews
        | Waiting::Lost
        | Waiting::Conclusions
        | Waiting::Orders
        | Waiting::Erasures
        | Waiting::Messages
        | Waiting::Attachments => {
            let mut found = Vec::new();
            for (key, record) in message::namesakes(setting.store.as_ref(), id)? {
                found.extend(of_record(setting, waiting, (key, &record))?);
            }
            Ok(found)
        }
    }
}

/// What a list of messages that are known here has of one.
fn of_record(
    setting: &Setting,
    waiting: Waiting,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Vec<Owed>, HistoryError> {
    let store = setting.store.as_ref();
    let found = match waiting {
        Waiting::SetAside => match set_aside::ROWS.find(store, key)? {
            Some(shelved) => Some(shown::of_set_aside(setting, (key, record), shelved)?),
            None => None,
        },
        Waiting::Reviews => match under_review::ROWS.find(store, key)? {
            Some(held) => Some(shown::of_review(record, held)?),
            None => None,
        },
        Waiting::Lost => match lost::is_on_the_way(store, key)? {
            true => shown::of_lost(record)?,
            false => None,
        },
        Waiting::Conclusions => match agenda::is_unconcluded(store, key)? {
            true => Some(shown::of_conclusion(setting, record)?),
            false => None,
        },
        Waiting::Orders => {
            let address = record.header()?.address;
            match order::is_held_back(store, &address.origin, &address.order, key)? {
                true => Some(shown::of_order(record)?),
                false => None,
            }
        }
        Waiting::Erasures => return to_do(setting, key),
        Waiting::Attachments => return carried(setting, (key, record)),
        Waiting::Messages => match record.custody.peer() {
            Some(peer) if !lost::is_on_the_way(store, key)? => {
                shown::of_message(setting, (key, record), shown::covered(setting, peer)?)?
            }
            Some(_) | None => None,
        },
        Waiting::Words | Waiting::Drafts | Waiting::Statements => None,
    };
    Ok(found.into_iter().collect())
}

fn to_do(setting: &Setting, key: MessageKey) -> Result<Vec<Owed>, HistoryError> {
    let mut found = Vec::new();
    for todo in Todo::ALL {
        if asked::is_to_do(setting.store.as_ref(), todo, key)? {
            found.extend(erasures::owed(setting, todo, key)?);
        }
    }
    Ok(found)
}

fn carried(
    setting: &Setting,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Vec<Owed>, HistoryError> {
    let store = setting.store.as_ref();
    let onward = attachments::way(store, key)?.and_then(|it| it.onward);
    let mut found = Vec::new();
    for (number, attached) in attachments::all(store, key)? {
        if let (Some((peer, _)), Whereabouts::Here) = (&onward, &attached.whereabouts) {
            found.push(shown::of_attachment(setting, record, (peer, number))?);
        }
    }
    Ok(found)
}

fn statements(setting: &Setting, id: MessageId) -> Result<Vec<Owed>, HistoryError> {
    let store = setting.store.as_ref();
    let mut found = Vec::new();
    for peer in outbox::owed_to(store)? {
        let taken = records::notices_taken(store, &peer)?;
        let told = shown::statements(setting, &peer, taken, STATEMENTS_LOOKED_AT)?;
        found.extend(told.into_iter().map(|(_, owed)| owed).filter(|it| it.message == id));
    }
    Ok(found)
}
