//! A page of each list.

use super::{Listed, Owed, erasures, shown, words};
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, MessageId};
use crate::history::message::{self, MessageRecord};
use crate::history::rows::HistoryError;
use crate::history::waiting::Waiting;
use crate::history::words::WAITING;
use crate::history::{
    agenda, attachments, drafts, erasures as asked, lost, order, outbox, set_aside, under_review,
};
use crate::node::records;
use crate::node::setting::Setting;

/// Up to `limit` places of a list after one of them. Of peers each has its own list.
pub(super) fn read(
    setting: &Setting,
    (waiting, peer): (Waiting, Option<&AgencyId>),
    from: Option<Vec<u8>>,
    limit: usize,
) -> Result<Listed, HistoryError> {
    let store = setting.store.as_ref();
    let after = from.as_deref().and_then(MessageKey::from_slice);
    match waiting {
        Waiting::SetAside => {
            let found = set_aside::ROWS.page(store, after, limit)?;
            each(setting, found, |it, shelved| shown::of_set_aside(setting, it, shelved).map(Some))
        }
        Waiting::Reviews => {
            let found = under_review::ROWS.page(store, after, limit)?;
            each(setting, found, |(_, it), held| shown::of_review(it, held).map(Some))
        }
        Waiting::Lost => {
            let found = unvalued(lost::on_the_way_after(store, after, limit)?);
            each(setting, found, |(_, it), ()| shown::of_lost(it))
        }
        Waiting::Conclusions => {
            let found = unvalued(agenda::unconcluded_after(store, after, limit)?);
            each(setting, found, |(_, it), ()| shown::of_conclusion(it).map(Some))
        }
        Waiting::Orders => orders(setting, from, limit),
        Waiting::Words => {
            let found = WAITING.page(store, after, limit)?.into_iter();
            let owed =
                found.map(|(key, word)| Ok((place(key), words::owed(setting, (key, &word))?)));
            owed.collect()
        }
        Waiting::Erasures => {
            let found = asked::all_to_do(store, from.as_ref(), limit)?.into_iter();
            found.map(|(at, todo, key)| Ok((at, erasures::owed(setting, todo, key)?))).collect()
        }
        Waiting::Drafts => {
            let after = from.as_deref().and_then(MessageId::from_slice);
            let found = drafts::page(store, true, after, limit)?.into_iter();
            found.map(|id| Ok((id.as_bytes().to_vec(), shown::of_draft(setting, id)?))).collect()
        }
        Waiting::Messages | Waiting::Attachments | Waiting::Statements => match peer {
            Some(peer) => of_peer(setting, (waiting, peer), from, limit),
            None => Ok(Listed::new()),
        },
    }
}

fn of_peer(
    setting: &Setting,
    (waiting, peer): (Waiting, &AgencyId),
    from: Option<Vec<u8>>,
    limit: usize,
) -> Result<Listed, HistoryError> {
    match waiting {
        Waiting::Messages => messages(setting, peer, from, limit),
        Waiting::Attachments => carried(setting, peer, from, limit),
        Waiting::Statements => statements(setting, peer, from, limit),
        Waiting::SetAside
        | Waiting::Reviews
        | Waiting::Lost
        | Waiting::Conclusions
        | Waiting::Orders
        | Waiting::Words
        | Waiting::Erasures
        | Waiting::Drafts => Ok(Listed::new()),
    }
}

fn place(key: MessageKey) -> Vec<u8> {
    key.as_bytes().to_vec()
}

fn unvalued(keys: Vec<MessageKey>) -> Vec<(MessageKey, ())> {
    keys.into_iter().map(|it| (it, ())).collect()
}

/// What is owed of each message that has such a value.
fn each<T>(
    setting: &Setting,
    found: Vec<(MessageKey, T)>,
    shown: impl Fn((MessageKey, &MessageRecord), T) -> Result<Option<Owed>, HistoryError>,
) -> Result<Listed, HistoryError> {
    let mut listed = Listed::new();
    for (key, value) in found {
        let owed = match message::find(setting.store.as_ref(), key)? {
            Some(record) => shown((key, &record), value)?,
            None => None,
        };
        listed.push((place(key), owed));
    }
    Ok(listed)
}

/// What came at such a place.
fn at_places(
    setting: &Setting,
    found: Vec<(Vec<u8>, MessageKey)>,
    shown: impl Fn((MessageKey, &MessageRecord)) -> Result<Option<Owed>, HistoryError>,
) -> Result<Listed, HistoryError> {
    let mut listed = Listed::new();
    for (place, key) in found {
        let owed = match message::find(setting.store.as_ref(), key)? {
            Some(record) => shown((key, &record))?,
            None => None,
        };
        listed.push((place, owed));
    }
    Ok(listed)
}

fn orders(setting: &Setting, from: Option<Vec<u8>>, limit: usize) -> Result<Listed, HistoryError> {
    let store = setting.store.as_ref();
    let mut listed = Listed::new();
    for (place, key) in order::held_back(store, from.as_ref(), limit)? {
        let owed = match key {
            Some(key) => {
                let record = message::find(store, key)?;
                record.map(|it| shown::of_order(&it)).transpose()?
            }
            // That a place is void is known, and nothing of it waits.
            None => None,
        };
        listed.push((place, owed));
    }
    Ok(listed)
}

fn messages(
    setting: &Setting,
    peer: &AgencyId,
    from: Option<Vec<u8>>,
    limit: usize,
) -> Result<Listed, HistoryError> {
    let found = outbox::owed(setting.store.as_ref(), peer, from.as_ref(), limit)?;
    let covered = shown::covered(setting, peer)?;
    at_places(setting, found, |it| shown::of_message(setting, it, covered))
}

fn carried(
    setting: &Setting,
    peer: &AgencyId,
    from: Option<Vec<u8>>,
    limit: usize,
) -> Result<Listed, HistoryError> {
    let store = setting.store.as_ref();
    let mut listed = Listed::new();
    for (place, key, number) in attachments::owed_after(store, peer, from.as_ref(), limit)? {
        let record = message::find(store, key)?;
        let owed = record.map(|it| shown::of_attachment(setting, &it, (peer, number)));
        listed.push((place, owed.transpose()?));
    }
    Ok(listed)
}

fn statements(
    setting: &Setting,
    peer: &AgencyId,
    from: Option<Vec<u8>>,
    limit: usize,
) -> Result<Listed, HistoryError> {
    let from = from.as_deref().and_then(|it| it.first_chunk::<8>().copied());
    let taken = records::notices_taken(setting.store.as_ref(), peer)?;
    let from = from.map_or(taken, |it| taken.max(u64::from_be_bytes(it)));
    let listed = shown::statements(setting, peer, from, limit)?.into_iter();
    Ok(listed.map(|(at, owed)| (at.to_be_bytes().to_vec(), Some(owed))).collect())
}
