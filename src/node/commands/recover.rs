//! What a node that goes on in a new volume takes of what its neighbours show of the one before, and what
//! it states again because it still owes it.

use crate::domain::digest::Digest;
use crate::domain::entry::EntryParts;
use crate::domain::fact::{Fact, Handover, Reason};
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::AgencyId;
use crate::domain::reviewing::{ReviewFact, ReviewWord};
use crate::evidence::statement::{self, StatementError};
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::history::{known, lost, readers};
use crate::node::command::Outcome;
use crate::node::commands::{Decline, record_statement, said_before};
use crate::node::recovery::{self, Asked};
use crate::node::turn::Turn;
use crate::wire;
use crate::wire::envelope::Statement;
use crate::wire::relay::Shown;
use crate::wire::skeleton::{Skeleton, Void};

/// Takes what a neighbour shows of what was lost.
pub(super) fn take(turn: &mut Turn<'_>, by: &AgencyId, shown: Shown) -> Result<Outcome, Decline> {
    let Some(mut recovery) = turn.recovery.take() else {
        return Ok(Outcome::Unchanged);
    };
    let mut beyond = None;
    for statement in shown.statements {
        beyond = beyond.max(take_shown(turn, (by, &recovery.before), statement)?);
    }
    let before = recovery.asked.get(by).copied().unwrap_or(Asked::Unreached(0));
    let asked = before.after(beyond, (!shown.done).then_some(shown.next));
    if let Asked::Beyond { next: None, .. } = asked {
        tracing::error!(peer = %by, "more of the volume before is shown than the directory counts");
    }
    let store = turn.setting.store.as_ref();
    if recovery.heard(turn.setting, by, asked) {
        recovery.put(store, &mut turn.beside)?;
        turn.recovery = Some(recovery);
    } else {
        recovery::forget(store, &mut turn.beside)?;
    }
    Ok(Outcome::Unchanged)
}

/// One statement: what does not verify, or is known, changes nothing. Of one that stands in the volume `before`
/// beyond the size up to which that counts, the size under which it would.
fn take_shown(
    turn: &mut Turn<'_>,
    (by, before): (&AgencyId, &str),
    statement: Statement,
) -> Result<Option<u64>, Decline> {
    let entry = match statement::verify(&turn.setting.directory(), &statement) {
        Ok((entry, _)) => entry,
        Err(error) => {
            tracing::warn!(peer = %by, %error, "a statement that a neighbour shows does not verify");
            let is_beyond = matches!(error, StatementError::RetiredKey)
                && wire::entry::read(&statement.entry)
                    .is_ok_and(|it| it.journal.to_string() == before);
            return Ok(is_beyond.then(|| statement::size_of(&statement)));
        }
    };
    take_verified(turn, statement, &entry)?;
    Ok(None)
}

fn take_verified(
    turn: &mut Turn<'_>,
    statement: Statement,
    entry: &EntryParts,
) -> Result<(), Decline> {
    let digest = Digest::of(&statement.entry);
    let key = entry.fact.message().map(|it| it.key());
    let record = key.map(|key| message::find(&turn.rows, key)).transpose()?.flatten();
    if known::statement(&turn.rows, record.as_ref(), &digest)?.is_some() {
        return Ok(());
    }
    if *entry.journal.agency() != turn.setting.agency {
        return answered(turn, statement);
    }
    let index = statement::index_of(&statement);
    let is_here = turn
        .setting
        .before
        .volumes()
        .iter()
        .any(|volume| *volume.name() == entry.journal && index < volume.next());
    if is_here || entry.journal == turn.setting.journal_name {
        return Ok(());
    }
    said_before::take(turn, statement)
}

/// A neighbour's own answer to a handover that may be lost: custody went with it.
pub(super) fn answered(turn: &mut Turn<'_>, statement: Statement) -> Result<(), Decline> {
    let Ok(told) = statement::check(&turn.setting.directory(), statement) else {
        return Ok(());
    };
    let own = &turn.setting.agency;
    let Some(handover) = told.entry.fact.handover().filter(|it| it.from == *own).cloned() else {
        return Ok(());
    };
    let key = told.message.key();
    match message::find(&turn.rows, key)? {
        // Who refused what was lost here says nothing of whom it went to after that.
        Some(_)
            if matches!(told.entry.fact, Fact::NotTaken { .. })
                && lost::is_on_the_way(&turn.rows, key)? =>
        {
            Ok(())
        }
        Some(record) => {
            let took = matches!(told.entry.fact, Fact::TakenOver { .. } | Fact::Delivered { .. });
            note_handover(turn, &record, (handover, took))?;
            let taken = record_statement::decide(turn, told);
            said_before::or_not(taken)
        }
        None => {
            let Some(header) = told.entry.fact.header() else {
                return Ok(());
            };
            let void = Some(place_of(header));
            said_before::keep_of(turn, told, void)?;
            Ok(())
        }
    }
}

fn place_of(header: &Header) -> Void {
    let address = &header.address;
    Void {
        origin: address.origin.clone(),
        destination: address.destination.clone(),
        order: address.order,
    }
}

/// The handover that was answered was made, although the entry of it is lost.
fn note_handover(
    turn: &mut Turn<'_>,
    record: &MessageRecord,
    (handover, took): (Handover, bool),
) -> Result<(), HistoryError> {
    let is_new = match &record.custody {
        Custody::Waiting { .. } if record.handovers >= handover.number => false,
        Custody::Waiting { peer } if *peer == handover.to => true,
        // It went to whoever took it: the entry that chose that way is lost, too, and what is said again
        // of the message names the way before.
        Custody::Waiting { .. } if took => {
            let message = message::reference(&record.header()?);
            let fact = Fact::WayChosen { message, reason: Reason::Lost };
            let next_hop = Some(handover.to.clone());
            turn.record(fact, Skeleton { next_hop, ..Skeleton::default() })?;
            true
        }
        Custody::Waiting { .. } => false,
        // Of what a transit lost nothing is known but that it was to be handed over.
        Custody::InDoubt { peer, number } => {
            let is_it = *peer == handover.to && *number == handover.number;
            lost::is_on_the_way(&turn.rows, record.header()?.key())? && !is_it
        }
        // Nobody hands over what was not let go on: that entry is lost too.
        Custody::UnderReview => {
            let message = message::reference(&record.header()?);
            let fact = Fact::Review(ReviewFact { message, word: ReviewWord::Released });
            let next_hop = Some(handover.to.clone());
            turn.record(fact, Skeleton { next_hop, ..Skeleton::default() })?;
            record.handovers < handover.number
        }
        Custody::SetAside { .. } | Custody::PassedOn | Custody::Held | Custody::Ended { .. } => {
            false
        }
    };
    if is_new {
        let message = message::reference(&record.header()?);
        turn.record(Fact::HandedOver { message, handover }, Skeleton::default())?;
    }
    Ok(())
}

/// States own messages again that stand in a volume before this one: only here can they be witnessed.
pub(super) fn restate(
    turn: &mut Turn<'_>,
    messages: &[MessageKey],
) -> Result<Outcome, HistoryError> {
    for key in messages {
        let Some(record) = message::find(&turn.rows, *key)? else {
            continue;
        };
        let peer = match &record.custody {
            Custody::Waiting { peer } | Custody::InDoubt { peer, .. } => peer.clone(),
            Custody::SetAside { .. }
            | Custody::PassedOn
            | Custody::Held
            | Custody::UnderReview
            | Custody::Ended { .. } => continue,
        };
        if record.part == Part::Origin && record.recorded < turn.setting.before.size() {
            let header = record.header()?;
            let skeleton = Skeleton {
                particulars: record.particulars.clone(),
                next_hop: Some(peer),
                readers: readers::of(&turn.rows, *key)?,
                references: record.references.clone(),
                ..Skeleton::default()
            };
            turn.record(Fact::Submitted { header }, skeleton)?;
        }
    }
    Ok(Outcome::Unchanged)
}
