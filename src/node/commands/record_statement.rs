//! Keep what another journal states about a message, and pass it on to whom it concerns.

use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::domain::station::Station;
use crate::evidence::statement::CheckedStatement;
use crate::history::known;
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::node::command::Outcome;
use crate::node::commands::Decline;
use crate::node::content;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::wire::skeleton::{Skeleton, StatementDetail, Void};

/// Decides a statement: known ones change nothing, ones about unknown messages are not kept
/// (except that a place in a stream is void), the rest are recorded.
pub(super) fn decide(turn: &mut Turn<'_>, told: CheckedStatement) -> Result<Outcome, Decline> {
    if let Some(position) = known::statement(&turn.rows, &told.digest)? {
        return Ok(Outcome::Done(position));
    }
    let key = MessageKey::new(&told.message.origin, told.message.message);
    let record = message::find(&turn.rows, key)?;
    let issuer = told.entry.journal.agency().clone();
    let void = void_of(&told);
    match &record {
        Some(record) => credible(&told, record, &issuer)?,
        None if void.is_some() && issuer == told.message.origin => {}
        None => return Ok(Outcome::Unchanged),
    }
    let next_hop = pass_to(turn, &told, record.as_ref());
    let position = turn.record(
        Fact::StatementRecorded {
            message: told.message.clone(),
            issuer: told.entry.journal.clone(),
            station: told.station,
            entry: told.digest,
        },
        Skeleton { next_hop, statement: Some(detail(&told)), void, ..Skeleton::default() },
    )?;
    content::put_statement(&mut turn.beside, position, &told.statement);
    drop_what_was_passed_on(turn, key, record.as_ref())?;
    Ok(Outcome::Done(position))
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
        Station::Relayed | Station::Returned => {
            *issuer != header.address.origin && *issuer != header.address.destination
        }
        Station::NotTaken => *issuer != header.address.origin,
    };
    if told.message.header == header.hash() && right_issuer {
        return Ok(());
    }
    let text = "the statement does not fit the message";
    Err(Rejection::new(RejectionReason::ProofInvalid, text).into())
}

fn detail(told: &CheckedStatement) -> StatementDetail {
    let handover = told.entry.fact.handover();
    StatementDetail {
        at: told.entry.recorded_at,
        reason: told.entry.fact.reason(),
        from: handover.map(|it| it.from.clone()),
        number: handover.map_or(0, |it| it.number),
    }
}

fn void_of(told: &CheckedStatement) -> Option<Void> {
    if let Fact::Undelivered { message, destination, order, .. } = &told.entry.fact {
        let (origin, destination) = (message.origin.clone(), destination.clone());
        return Some(Void { origin, destination, order: *order });
    }
    None
}

/// Statements travel back to the origin; the origin's word that a place is void travels on to the
/// destination.
fn pass_to(
    turn: &Turn<'_>,
    told: &CheckedStatement,
    record: Option<&MessageRecord>,
) -> Option<AgencyId> {
    if let Some(void) = void_of(told) {
        let own = &turn.setting.agency;
        let directory = &turn.setting.directory;
        let channels = crate::domain::header::Channel::ALL;
        return if void.destination == *own {
            None
        } else {
            channels.into_iter().find_map(|it| directory.next_hop(own, &void.destination, it))
        };
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
