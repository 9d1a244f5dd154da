//! Erasures that one side asks the other for, and that are not asked for yet, or not answered.

use super::{Item, Owed, State, shown};
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::retention::Honour;
use crate::history::erasures::{self, Todo};
use crate::history::message::{self, Custody, MessageRecord};
use crate::history::rows::HistoryError;
use crate::node::setting::Setting;

/// How it stands what is to be done about the erasure of a message.
pub(super) fn owed(
    setting: &Setting,
    todo: Todo,
    key: MessageKey,
) -> Result<Option<Owed>, HistoryError> {
    let store = setting.store.as_ref();
    let Some(record) = message::find(store, key)? else {
        return Ok(None);
    };
    let asked = erasures::find(store, key)?;
    let to_answer = match setting.policy.honour {
        Honour::AtOnce => State::ToAnswer,
        Honour::Ask => State::WaitingForDecision,
    };
    let (state, peer, since) = match todo {
        Todo::Answer => (State::ToAnswer, record.upstream.as_ref(), asked.as_ref().map(|it| it.at)),
        Todo::Erase => (to_answer, record.upstream.as_ref(), asked.as_ref().map(|it| it.at)),
        Todo::Ask => (to_ask(setting, &record)?, None, record.erased.map(|it| it.at)),
        Todo::Tell => {
            let asked = asked.as_ref();
            let peer = asked.and_then(|it| it.untold.as_ref());
            (State::WaitingForArrival, peer, asked.map(|it| it.at))
        }
    };
    let reason = (state == State::WaitingForWay).then_some(Reason::NoRoute);
    let owed = shown::from_record(&record, Item::Statement(0), state, peer)?;
    let since = since.unwrap_or(owed.since);
    Ok(Some(Owed { since, reason, lane: None, expires_at: None, ..owed }))
}

/// How it stands that the destination is to be asked: what was passed on may be on its way still.
fn to_ask(setting: &Setting, record: &MessageRecord) -> Result<State, HistoryError> {
    if record.custody != Custody::PassedOn {
        return Ok(State::WaitingForArrival);
    }
    Ok(match setting.way_of_word(&record.header()?.address) {
        Some(_) => State::ToTell,
        None => State::WaitingForWay,
    })
}
