//! Keep what another journal states about a message, and pass it on to whom it concerns.

use crate::domain::fact::{EntryParts, Fact, Handover};
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::domain::station::{Carried, Station};
use crate::evidence::statement::CheckedStatement;
use crate::history::erasures::{Answer, AskedErasure};
use crate::history::message::{self, Custody, MessageRecord, Part, StationRecord};
use crate::history::rows::HistoryError;
use crate::history::{attachments, erasures, known, lost};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::receipt::TlogProof;
use crate::node::command::Outcome;
use crate::node::commands::{Decline, asked_erasure, attachment, said_before};
use crate::node::conduct::{self, Vain};
use crate::node::content;
use crate::node::records;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::travelling;
use crate::node::turn::Turn;
use crate::wire::skeleton::{Skeleton, StatementDetail, Void};

/// Decides a statement: known ones change nothing, ones about unknown messages are not kept
/// (except that a place in a stream is void, and of what was lost here), the rest are recorded.
pub(super) fn decide(turn: &mut Turn<'_>, told: CheckedStatement) -> Result<Outcome, Decline> {
    let key = told.message.key();
    let record = message::find(&turn.rows, key)?;
    let known = known::statement(&turn.rows, record.as_ref(), &told.digest)?;
    if let Some(position) = known.filter(|_| !is_awaited(turn, &told, record.as_ref())) {
        return Ok(Outcome::Done(position));
    }
    take(turn, told)
}

/// The same of a statement that was kept, and so is known, before its message came (again).
pub(super) fn take(turn: &mut Turn<'_>, told: CheckedStatement) -> Result<Outcome, Decline> {
    let key = told.message.key();
    let record = message::find(&turn.rows, key)?;
    let issuer = told.entry.journal.agency().clone();
    let (void, asked) = (void_of(&told), asked_of(&told).cloned());
    match &record {
        Some(record) => {
            credible(&told, record, &issuer)?;
            if !is_news(turn, &told, (key, record))? {
                return Ok(Outcome::Unchanged);
            }
        }
        // What an origin states of messages that were never here is bounded, and the rest comes again.
        None if issuer == told.message.origin && travels_on(turn, &told) => {
            conduct::goes_on_record(turn, &issuer, Vain::Chance)?;
        }
        None if lost::position_of(&turn.rows, key)?.is_some() => {
            return said_before::keep_told(turn, told);
        }
        None => return Ok(Outcome::Unchanged),
    }
    let next_hop = pass_to(turn, &told, record.as_ref());
    let owed = match &record {
        Some(record) if told.station == Station::ErasureAsked => {
            Some(asked_erasure::due(turn, record, &record.header()?)?)
        }
        Some(_) | None => None,
    };
    let position = turn.record(
        Fact::StatementRecorded {
            message: told.message.clone(),
            issuer: told.entry.journal.clone(),
            station: told.station,
            entry: told.digest,
        },
        Skeleton {
            next_hop,
            statement: Some(detail(&told.entry)),
            void,
            asked,
            owed,
            ..Skeleton::default()
        },
    )?;
    content::put_statement(&mut turn.beside, position, &told.statement);
    remember_shown(turn, &told)?;
    drop_what_was_passed_on(turn, key, record.as_ref())?;
    if told.station.carried().is_some() {
        attachment::drop_what_was_passed_on(turn, key)?;
    }
    Ok(Outcome::Done(position))
}

/// Whether the statement answers the handover that is in doubt. One that was shown when the message was
/// lost here is known, and answers all the same once the message has come again.
fn is_awaited(turn: &Turn<'_>, told: &CheckedStatement, record: Option<&MessageRecord>) -> bool {
    let Some(Custody::InDoubt { peer, number }) = record.map(|it| &it.custody) else {
        return false;
    };
    let own = Handover { from: turn.setting.agency.clone(), to: peer.clone(), number: *number };
    told.station.carried().is_none()
        && told.entry.journal.agency() == peer
        && told.entry.fact.handover() == Some(&own)
}

fn credible(
    told: &CheckedStatement,
    record: &MessageRecord,
    issuer: &AgencyId,
) -> Result<(), Decline> {
    let header = record.header()?;
    let right_issuer = match told.station {
        Station::Delivered | Station::Retrieved => *issuer == header.address.destination,
        Station::Accepted | Station::Undelivered => *issuer == header.address.origin,
        Station::Relayed | Station::Returned | Station::Released | Station::Annotated(_) => {
            *issuer != header.address.origin && *issuer != header.address.destination
        }
        Station::NotTaken => *issuer != header.address.origin,
        Station::ErasureAsked => {
            let meant = asked_of(told) == Some(&header.address.destination);
            *issuer == header.address.origin && record.part != Part::Origin && meant
        }
        Station::Erased | Station::ErasureRefused => {
            *issuer == header.address.destination && record.part != Part::Destination
        }
        Station::Attachment(Carried::Arrived) => *issuer == header.address.destination,
        Station::Attachment(Carried::Relayed | Carried::Returned) => {
            *issuer != header.address.origin && *issuer != header.address.destination
        }
        Station::Attachment(Carried::NotTaken) => *issuer != header.address.origin,
    };
    if told.message.header == header.hash() && right_issuer {
        return Ok(());
    }
    let text = "the statement does not fit the message";
    Err(Rejection::new(RejectionReason::ProofInvalid, text).into())
}

/// Times that an erasure of one message is asked for through a transit, at the most.
const ASKED_MAX: usize = 8;

/// Times that one agency's journal states the same of one message, and it is recorded here: among honest
/// nodes once for each copy. A word that ends a handover of this node's own always is.
const SAID_MAX: usize = 16;

/// Whether an erasure is asked for where none is asked for yet, or answered where one is, and of the
/// rest whether the issuer has not said it [`SAID_MAX`] times: whoever may say something once may not
/// fill this journal with it.
fn is_news(
    turn: &Turn<'_>,
    told: &CheckedStatement,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<bool, HistoryError> {
    let issuer = told.entry.journal.agency();
    let said = |turn: &Turn<'_>, by: Option<&AgencyId>| -> Result<usize, HistoryError> {
        let stations = message::stations(&turn.rows, key, record)?;
        let is_it = |it: &&StationRecord| {
            it.station == told.station && by.is_none_or(|by| it.agency == *by)
        };
        Ok(stations.iter().filter(is_it).count())
    };
    let passes = |turn: &Turn<'_>| Ok::<_, HistoryError>(said(turn, None)? < ASKED_MAX);
    match told.station {
        Station::ErasureAsked | Station::Erased | Station::ErasureRefused => {}
        Station::Attachment(carried) => return is_news_of(turn, told, key, carried),
        Station::Accepted
        | Station::Relayed
        | Station::Delivered
        | Station::Retrieved
        | Station::NotTaken
        | Station::Returned
        | Station::Undelivered
        | Station::Released
        | Station::Annotated(_) => {
            return Ok(is_awaited(turn, told, Some(record)) || said(turn, Some(issuer))? < SAID_MAX);
        }
    }
    let asked = erasures::find(&turn.rows, key)?;
    Ok(match record.part {
        Part::Transit => passes(turn)?,
        Part::Destination => asked.is_none_or(|it| it.is_refused()),
        Part::Origin => passes(turn)? && asked.is_some_and(|it| is_answer(told, &it)),
    })
}

/// Whether it answers an erasure that was asked for: the first answer does, one after an answer that was not
/// the last, and a refusal that an erasure has overtaken.
fn is_answer(told: &CheckedStatement, asked: &AskedErasure) -> bool {
    let is_overtaken = asked.answer == Some(Answer::Erased);
    asked.is_open() || (told.station == Station::ErasureRefused && is_overtaken)
}

/// Whether the issuer says it for the first time, of an attachment that the message has as it says.
fn is_news_of(
    turn: &Turn<'_>,
    told: &CheckedStatement,
    key: MessageKey,
    carried: Carried,
) -> Result<bool, HistoryError> {
    let Fact::Attachment(fact) = &told.entry.fact else {
        return Ok(false);
    };
    let issuer = told.entry.journal.agency();
    let number = fact.attachment.number;
    let record = attachments::find(&turn.rows, key, number)?;
    let sealed = travelling::sealed(turn.setting, key, number)?;
    let is_so = sealed
        .is_none_or(|it| it.digest == fact.attachment.sealed && it.bytes == fact.attachment.bytes);
    Ok(is_so && record.is_some_and(|it| !it.says(carried, issuer)))
}

/// Who is asked to erase, where that is asked.
const fn asked_of(told: &CheckedStatement) -> Option<&AgencyId> {
    let Fact::ErasureAsked { destination, .. } = &told.entry.fact else {
        return None;
    };
    Some(destination)
}

/// The destination that a word of the origin travels on to.
fn destination(told: &CheckedStatement) -> Option<AgencyId> {
    asked_of(told).cloned().or_else(|| void_of(told).map(|it| it.destination))
}

/// Is it a word of the origin that goes on from here, or that a place in an order is void? Others
/// about a message that is not known here are not kept.
fn travels_on(turn: &Turn<'_>, told: &CheckedStatement) -> bool {
    void_of(told).is_some() || asked_of(told).is_some_and(|it| *it != turn.setting.agency)
}

/// What an entry says besides its station.
pub(super) fn detail(entry: &EntryParts) -> StatementDetail {
    let cause =
        if let Fact::ErasureAsked { cause, .. } = &entry.fact { Some(*cause) } else { None };
    let attachment =
        if let Fact::Attachment(fact) = &entry.fact { fact.attachment.number } else { 0 };
    let handover = entry.fact.handover();
    StatementDetail {
        at: entry.recorded_at,
        reason: entry.fact.reason(),
        from: handover.map(|it| it.from.clone()),
        number: handover.map_or(0, |it| it.number),
        cause,
        attachment,
    }
}

fn void_of(told: &CheckedStatement) -> Option<Void> {
    void(&told.entry.fact)
}

/// The place in an order that a fact makes void, if it makes one.
pub(super) fn void(fact: &Fact) -> Option<Void> {
    if let Fact::Undelivered { message, destination, order, .. } = fact {
        let (origin, destination) = (message.origin.clone(), destination.clone());
        return Some(Void { origin, destination, order: *order });
    }
    None
}

/// Statements travel back to the origin; the origin's word that a place is void, or that it asks for
/// an erasure, travels on to the destination.
fn pass_to(
    turn: &Turn<'_>,
    told: &CheckedStatement,
    record: Option<&MessageRecord>,
) -> Option<AgencyId> {
    if let Some(destination) = destination(told) {
        let is_ours = destination == turn.setting.agency;
        return turn.setting.way_of_passing_word(&destination).filter(|_| !is_ours);
    }
    let record = record?;
    match record.part {
        Part::Transit => record.upstream.clone(),
        Part::Origin | Part::Destination => None,
    }
}

/// A blind transit holds sealed bytes no longer than it must.
fn drop_what_was_passed_on(
    turn: &mut Turn<'_>,
    key: MessageKey,
    before: Option<&MessageRecord>,
) -> Result<(), HistoryError> {
    let transit = before.is_some_and(|it| {
        it.part == Part::Transit && matches!(it.custody, Custody::InDoubt { .. })
    });
    let after = message::find(&turn.rows, key)?;
    if transit && after.is_some_and(|it| it.custody == Custody::PassedOn) {
        content::drop_sealed(turn, key)?;
    }
    Ok(())
}

/// A neighbour's statement stands under a checkpoint of its journal; the greatest is remembered.
fn remember_shown(turn: &mut Turn<'_>, told: &CheckedStatement) -> Result<(), HistoryError> {
    let (setting, journal) = (turn.setting, &told.entry.journal);
    let Ok(proof) = TlogProof::parse(&told.statement.proof) else {
        return Ok(());
    };
    let size_of = |note: &[u8]| SignedCheckpoint::parse(note).map_or(0, |it| it.checkpoint.size);
    let size = size_of(&proof.checkpoint);
    let kept = records::shown(setting.store.as_ref(), journal)?.map_or(0, |it| size_of(&it));
    let known = turn.shown.get(journal).copied().unwrap_or_default().max(kept);
    let is_neighbour = setting.directory().neighbours(&setting.agency).contains(journal.agency());
    if is_neighbour && size > known {
        let store = setting.store.as_ref();
        records::put_shown(store, &mut turn.beside, journal, &proof.checkpoint)?;
        turn.shown.insert(journal.clone(), size);
    }
    Ok(())
}
