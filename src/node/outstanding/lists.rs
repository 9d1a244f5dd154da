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
    match (waiting, peer) {
        (Waiting::SetAside, _) => {
            let found = keyed(set_aside::ROWS.page(store, after, limit)?);
            each(setting, found, |it, shelved| shown::of_set_aside(setting, it, shelved).map(Some))
        }
        (Waiting::Reviews, _) => {
            let found = keyed(under_review::ROWS.page(store, after, limit)?);
            each(setting, found, |(_, it), held| shown::of_review(it, held).map(Some))
        }
        (Waiting::Lost, _) => {
            let found = unvalued(lost::on_the_way_after(store, after, limit)?);
            each(setting, found, |(_, it), ()| shown::of_lost(it))
        }
        (Waiting::Conclusions, _) => {
            let found = unvalued(agenda::unconcluded_after(store, after, limit)?);
            each(setting, found, |(_, it), ()| shown::of_conclusion(setting, it).map(Some))
        }
        (Waiting::Orders, _) => orders(setting, from, limit),
        (Waiting::Words, _) => {
            let found = keyed(WAITING.page(store, after, limit)?);
            found.map(|(at, key, word)| Ok((at, words::owed(setting, (key, &word))?))).collect()
        }
        (Waiting::Erasures, _) => {
            let found = asked::all_to_do(store, from.as_ref(), limit)?.into_iter();
            found.map(|(at, todo, key)| Ok((at, erasures::owed(setting, todo, key)?))).collect()
        }
        (Waiting::Drafts, _) => {
            let after = from.as_deref().and_then(MessageId::from_slice);
            let found = drafts::page(store, true, after, limit)?.into_iter();
            found.map(|id| Ok((id.as_bytes().to_vec(), shown::of_draft(setting, id)?))).collect()
        }
        (Waiting::Messages, Some(peer)) => {
            let found = outbox::owed(store, peer, from.as_ref(), limit)?.into_iter();
            let covered = shown::covered(setting, peer)?;
            each(setting, found.map(|(at, key)| (at, key, ())), |it, ()| {
                shown::of_message(setting, it, covered)
            })
        }
        (Waiting::Attachments, Some(peer)) => {
            let found = attachments::owed_after(store, peer, from.as_ref(), limit)?;
            each(setting, found, |(_, it), number| {
                shown::of_attachment(setting, it, (peer, number)).map(Some)
            })
        }
        (Waiting::Statements, Some(peer)) => statements(setting, peer, from, limit),
        (Waiting::Messages | Waiting::Attachments | Waiting::Statements, None) => Ok(Listed::new()),
    }
}

/// Messages with a value each, at the places that their keys are.
fn keyed<T>(found: Vec<(MessageKey, T)>) -> impl Iterator<Item = (Vec<u8>, MessageKey, T)> {
    found.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), key, value))
}

fn unvalued(keys: Vec<MessageKey>) -> impl Iterator<Item = (Vec<u8>, MessageKey, ())> {
    keys.into_iter().map(|key| (key.as_bytes().to_vec(), key, ()))
}

/// What is owed of each message at its place; nothing of one that is not known here.
fn each<T>(
    setting: &Setting,
    found: impl IntoIterator<Item = (Vec<u8>, MessageKey, T)>,
    shown: impl Fn((MessageKey, &MessageRecord), T) -> Result<Option<Owed>, HistoryError>,
) -> Result<Listed, HistoryError> {
    let mut listed = Listed::new();
    for (place, key, value) in found {
        let owed = match message::find(setting.store.as_ref(), key)? {
            Some(record) => shown((key, &record), value)?,
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
