//! What the node owes, as operators see it; what they decide about it; and the word that nothing new is
//! taken.

use tonic::Status;

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::header::MessageKey;
use crate::domain::ids::MessageId;
use crate::history::message as message_rows;
use crate::identity::principal::Principal;
use crate::node::command::{Command, Outcome, SetAsideAct};
use crate::node::outstanding::{self, Item, Owed, State};
use crate::node::remainder::{self, Rest};
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::node::{proofs, records};
use crate::transport::admin::{Contact, PeerBoard};
use crate::transport::{caller, pages, status, views};
use crate::wire::pb;

/// Lists what is owed.
///
/// # Errors
/// A token that is none, a malformed id, or a state that can't be read.
pub fn list(
    setting: &Setting,
    board: &PeerBoard,
    asked: &pb::ListQueueRequest,
) -> Result<pb::ListQueueResponse, Status> {
    let broken = |error| status::of_history(&error);
    let (found, next) = if asked.message_id.is_empty() {
        let size = pages::size(asked.page_size)?;
        let after = pages::queue_after(&setting.keys.fingerprint, &asked.page_token)?;
        outstanding::page(setting, asked.only_set_aside, after, size).map_err(broken)?
    } else {
        let id: MessageId = caller::name("/message_id", &asked.message_id)?;
        let mut found = outstanding::of_id(setting, id).map_err(broken)?;
        found.retain(|it| !asked.only_set_aside || it.state == State::SetAside);
        (found, None)
    };
    let next_page_token =
        next.map_or_else(String::new, |it| pages::of_queue(&setting.keys.fingerprint, &it));
    let items = found.into_iter().map(|it| item(board, it)).collect();
    Ok(pb::ListQueueResponse { items, next_page_token, drain: drain(setting)? })
}

/// How the node stands if it takes nothing new; none if it takes.
///
/// # Errors
/// A state that can't be read.
pub fn drain(setting: &Setting) -> Result<Option<pb::DrainState>, Status> {
    let broken = |error| status::of_history(&error);
    let store = setting.store.as_ref();
    // What is left is counted only for a node that drains.
    if records::draining(store).map_err(broken)?.is_none() {
        return Ok(None);
    }
    let rest = remainder::rest(setting).map_err(broken)?;
    let empty = rest.is_empty();
    let Rest {
        draining,
        messages,
        attachments,
        statements,
        waiting_for_way,
        set_aside,
        under_review,
        drafts,
    } = rest;
    let counted = |count| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(draining.map(|it| pb::DrainState {
        since: it.since.to_string(),
        by: it.by,
        empty,
        messages: counted(messages),
        attachments: counted(attachments),
        statements: counted(statements),
        set_aside: counted(set_aside),
        drafts: counted(drafts),
        under_review: counted(under_review),
        waiting_for_way: counted(waiting_for_way),
    }))
}

fn item(board: &PeerBoard, owed: Owed) -> pb::QueuedItem {
    let (name, number) = match owed.item {
        Item::Message => ("message", 0),
        Item::Attachment(number) => ("attachment", u64::from(number)),
        Item::Statement(number) => ("statement", number),
        Item::Draft => ("draft", 0),
    };
    let contact = owed.peer.as_ref().map(|it| board.contact(it)).unwrap_or_default();
    let Tried { next_try, attempts, reason, must_act } = tried(&owed, &contact);
    let shown = |it: Option<String>| it.unwrap_or_default();
    pb::QueuedItem {
        origin: owed.origin.to_string(),
        message_id: owed.message.to_string(),
        destination: shown(owed.destination.map(|it| it.to_string())),
        peer: shown(owed.peer.map(|it| it.to_string())),
        state: owed.state.to_string(),
        lane: shown(owed.lane.map(|it| it.to_string())),
        since: owed.since.to_string(),
        expires_at: shown(owed.expires_at.map(|it| it.to_string())),
        handover: owed.handover,
        reason,
        item: name.to_owned(),
        number,
        next_try,
        attempts,
        must_act: must_act.to_owned(),
        ways: owed.ways.into_iter().map(views::way).collect(),
    }
}

/// What is known of attempts.
struct Tried {
    next_try: String,
    attempts: u32,
    reason: String,
    must_act: &'static str,
}

/// What the contact with the peer says of something that is owed to it.
fn tried(owed: &Owed, contact: &Contact) -> Tried {
    let must_act = owed.state.must_act();
    let refused = match owed.item {
        Item::Message => contact.refused.get(&owed.key()),
        Item::Attachment(number) => contact.attachments_refused.get(&(owed.key(), number)),
        Item::Statement(_) | Item::Draft => None,
    };
    let shown = |at: Option<Timestamp>| at.map(|it| it.to_string()).unwrap_or_default();
    match (owed.reason, refused) {
        (Some(reason), _) => {
            let (next_try, attempts) = (String::new(), owed.handover);
            Tried { next_try, attempts, reason: reason.to_string(), must_act }
        }
        (None, Some(refused)) => Tried {
            next_try: shown(Some(refused.again)),
            attempts: refused.times,
            reason: refused.reason.clone(),
            must_act: "peer",
        },
        (None, None) => {
            let waits = owed.state == State::Waiting;
            let held_back = contact.held_back.as_ref().filter(|_| waits && !contact.drains);
            let (next, reason, is_peers) = match held_back {
                Some((reason, until)) => (Some(*until), reason.clone(), true),
                None if waits && contact.drains => {
                    (contact.next_attempt, "DRAINING".to_owned(), true)
                }
                None => (contact.next_attempt, contact.last_error.clone(), false),
            };
            let must_act = if is_peers { "peer" } else { must_act };
            Tried { next_try: shown(next), attempts: contact.failures, reason, must_act }
        }
    }
}

/// Decides about a message that was set aside; gives the entry.
async fn decided(
    writer: &Writer,
    principal: Principal,
    (key, message, fingerprint): (&str, MessageKey, Digest),
    act: SetAsideAct,
) -> Result<pb::Statement, Status> {
    let call = caller::call(writer.setting(), principal, key, fingerprint)?;
    let command = Command::OfSetAside { call, message, act };
    let decided = writer.ask(command).await.map_err(status::of_rejection)?;
    let Outcome::Done(position) = decided else {
        return Err(status::of_failure(
            &"a decision about what is set aside came to something else",
        ));
    };
    let read = move |setting: &Setting| {
        proofs::statement(setting, position).map_err(|error| status::of_history(&error))
    };
    Ok(views::statement(views::read(writer, read).await?))
}

/// Tries a message again.
///
/// # Errors
/// `STATE_FORBIDS` for what is not set aside, `NO_ROUTE` if no way leads to its destination.
pub async fn release(
    writer: &Writer,
    principal: Principal,
    asked: pb::ReleaseSetAsideRequest,
) -> Result<pb::ReleaseSetAsideResponse, Status> {
    let message = caller::message(&asked.origin, &asked.message_id)?;
    let fingerprint = caller::fingerprint(writer.setting(), "ReleaseSetAside", &asked);
    let named = (asked.idempotency_key.as_str(), message, fingerprint);
    let receipt = Some(decided(writer, principal, named, SetAsideAct::Release).await?);
    let peer = views::read(writer, move |setting| {
        let record = message_rows::find(setting.store.as_ref(), message);
        let record = record.map_err(|error| status::of_history(&error))?;
        Ok(record.and_then(|it| it.custody.peer().cloned()))
    });
    let peer = peer.await?.map(|it| it.to_string()).unwrap_or_default();
    Ok(pb::ReleaseSetAsideResponse { receipt, peer })
}

/// Ends a message here.
///
/// # Errors
/// `STATE_FORBIDS` for what is not set aside, and for what a peer may have.
pub async fn give_back(
    writer: &Writer,
    principal: Principal,
    asked: pb::ReturnSetAsideRequest,
) -> Result<pb::ReturnSetAsideResponse, Status> {
    let message = caller::message(&asked.origin, &asked.message_id)?;
    let fingerprint = caller::fingerprint(writer.setting(), "ReturnSetAside", &asked);
    let named = (asked.idempotency_key.as_str(), message, fingerprint);
    let receipt = Some(decided(writer, principal, named, SetAsideAct::Return).await?);
    Ok(pb::ReturnSetAsideResponse { receipt })
}

/// Lets the node take nothing new, or take again.
///
/// # Errors
/// A state that can't be read.
pub async fn set_drain(
    writer: &Writer,
    principal: Principal,
    asked: pb::SetDrainRequest,
) -> Result<pb::SetDrainResponse, Status> {
    let setting = writer.setting();
    let fingerprint = caller::fingerprint(setting, "SetDrain", &asked);
    let call = caller::unnamed_call(setting, principal, fingerprint);
    let asked = writer.ask(Command::Drain { call, on: asked.on }).await;
    asked.map_err(status::of_rejection)?;
    Ok(pb::SetDrainResponse { drain: views::read(writer, drain).await? })
}
