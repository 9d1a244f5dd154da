//! What follows when a journal goes on in a new volume: its neighbours confirm it and show what was
//! lost of the one before, and the node itself states again what it still owes.

use crate::directory::JournalKeys;
use crate::domain::digest::Digest;
use crate::domain::entry::EntryParts;
use crate::domain::fact::{Fact, Handover, Reason};
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, JournalName};
use crate::domain::reviewing::{ReviewFact, ReviewWord};
use crate::domain::station::Station;
use crate::domain::volume::VolumeFact;
use crate::evidence::statement::{self, StatementError};
use crate::history::message::{self, Custody, MessageRecord, Part, StationRecord};
use crate::history::rows::HistoryError;
use crate::history::{known, lost, neighbours, readers, set_aside};
use crate::identity::permission::Verb;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::receipt::TlogProof;
use crate::node::command::{Call, Outcome};
use crate::node::commands::{Decline, admitted, record_statement, said_before};
use crate::node::recovery::{self, Asked};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::node::{content, proofs, records};
use crate::wire;
use crate::wire::envelope::Statement;
use crate::wire::relay::{Missing, Shown};
use crate::wire::skeleton::{Skeleton, Void};

/// Entries that one answer looks at.
const ENTRIES_MAX: usize = 256;
/// Statements after which an answer ends.
const STATEMENTS_MAX: usize = 64;

/// Confirms that another agency's journal goes on in a volume that the directory names.
pub(super) fn confirm(
    turn: &mut Turn<'_>,
    call: &Call,
    journal: JournalName,
) -> Result<Outcome, Decline> {
    if let Some(position) = admitted(turn, call, Verb::ConfirmVolume)? {
        return Ok(Outcome::Done(position));
    }
    let directory = turn.setting.directory();
    let record = directory.agency(journal.agency());
    let volumes = record.map(|it| it.journals.as_slice()).unwrap_or_default();
    let (Some(current), true) = (volumes.last(), *journal.agency() != turn.setting.agency) else {
        return Err(Rejection::not_found().into());
    };
    if current.name != journal || current.retired_at_size.is_some() {
        let text = format!("the directory names {} and not this one", current.name);
        return Err(Rejection::new(RejectionReason::NotFound, text).into());
    }
    if let Some(position) = neighbours::confirmation(&turn.rows, &journal)? {
        return Ok(Outcome::Done(position));
    }
    let before = volumes.len().checked_sub(2).and_then(|at| volumes.get(at));
    let (witnessed, known) = match before {
        Some(before) => last_seen(turn, before)?,
        None => (0, None),
    };
    let fact = Fact::Volume(VolumeFact::Confirmed { journal, witnessed, known });
    let skeleton = Skeleton {
        principal: Some(call.principal.to_string()),
        call: Some((call.key.clone(), call.fingerprint)),
        ..Skeleton::default()
    };
    Ok(Outcome::Done(turn.record(fact, skeleton)?))
}

/// The last checkpoint that was witnessed of a volume; it is kept for good, as evidence.
fn last_seen(
    turn: &mut Turn<'_>,
    before: &JournalKeys,
) -> Result<(u64, Option<Digest>), HistoryError> {
    let store = turn.setting.store.as_ref();
    let seen = records::seen(store, &before.name)?;
    let Some(note) = records::seen_note(store, &before.name)? else {
        return Ok((0, None));
    };
    records::put_conflict(&mut turn.beside, &note);
    Ok((seen.map_or(0, |it| it.size), Some(Digest::of(&note))))
}

/// Shows a neighbour what it lost, and takes back what it had taken over where all of it is still here.
pub(super) fn show(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    missing: &Missing,
) -> Result<Outcome, Decline> {
    if recovery::is_unconfirmed(turn.setting, peer)? {
        return Err(unconfirmed().into());
    }
    let is_theirs = missing.journal.agency() == peer
        && turn
            .setting
            .directory()
            .current_journal(peer)
            .is_some_and(|it| it.name != missing.journal);
    if !is_theirs {
        return Err(Rejection::not_found().into());
    }
    let mut shown = Shown { statements: Vec::new(), next: missing.from, done: false };
    let entries = turn.setting.read(missing.from, ENTRIES_MAX).map_err(HistoryError::from)?;
    for bytes in entries {
        if shown.statements.len() >= STATEMENTS_MAX {
            return Ok(Outcome::Shown(shown));
        }
        let damaged = HistoryError::Damaged { what: "entry of the journal" };
        let fact = wire::entry::read(&bytes).map_err(|_| damaged)?.fact;
        let found = of_entry(turn, (peer, missing), (shown.next, &fact))?;
        shown.statements.extend(found);
        shown.next = shown.next.saturating_add(1);
    }
    shown.done = shown.next >= turn.setting.next();
    if shown.done {
        // Statements that it took and lost come again: one that it still knows changes nothing.
        records::put_notices_taken(&mut turn.beside, peer, 0);
    }
    Ok(Outcome::Shown(shown))
}

/// What an entry here shows of what a neighbour lost.
fn of_entry(
    turn: &mut Turn<'_>,
    (peer, missing): (&AgencyId, &Missing),
    (position, fact): (u64, &Fact),
) -> Result<Vec<Statement>, HistoryError> {
    if let Fact::StatementRecorded { issuer, station, message, .. } = fact {
        let kept = content::statement(turn.setting, position)?;
        let kept = kept.filter(|it| *issuer == missing.journal && index_of(it) >= missing.size);
        let Some(kept) = kept else {
            return Ok(Vec::new());
        };
        let key = message.key();
        let took = matches!(station, Station::Relayed | Station::Delivered);
        if took && take_back(turn, peer, (key, &kept))? {
            return Ok(Vec::new());
        }
        return Ok(vec![kept]);
    }
    let mut shown = Vec::new();
    if fact.handover().is_some_and(|it| it.from == *peer) {
        if let Some(header) = fact.header().filter(|it| it.address.origin == *peer) {
            let origin = content::origin_statement(turn.setting, header.key())?;
            shown.extend(origin.filter(|it| index_of(it) >= missing.size));
        }
        shown.push(proofs::statement(turn.setting, position)?);
    }
    Ok(shown)
}

/// The place of a statement's entry in its volume.
pub(super) fn index_of(statement: &Statement) -> u64 {
    TlogProof::parse(&statement.proof).map_or(0, |it| it.index)
}

/// Takes a message back that the peer had taken over from here, if all of it is still here, and hands it
/// over anew: that handover is in doubt, for the peer may have passed it on before it lost it. True if so.
fn take_back(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    (key, receipt): (MessageKey, &Statement),
) -> Result<bool, HistoryError> {
    let own = turn.setting.agency.clone();
    let taken = wire::entry::read(&receipt.entry).ok().and_then(|it| it.fact.handover().cloned());
    let taken = taken.filter(|it| it.from == own && it.to == *peer);
    let (Some(taken), Some(record)) = (taken, message::find(&turn.rows, key)?) else {
        return Ok(false);
    };
    // The peer may ask more than once.
    let anew = Handover { number: taken.number.saturating_add(1), ..taken };
    let in_doubt = set_aside::in_doubt(&turn.rows, key, &record)?;
    if in_doubt.is_some_and(|(to, number)| to == anew.to && number == anew.number) {
        return Ok(true);
    }
    if record.custody != Custody::PassedOn || record.handovers != taken.number {
        return Ok(false);
    }
    // What it gave up or erased it does not need again.
    let ended = |it: &StationRecord| {
        it.agency == *peer && matches!(it.station, Station::Returned | Station::Erased)
    };
    if message::stations(&turn.rows, key, &record)?.iter().any(ended) {
        return Ok(false);
    }
    let header = record.header()?;
    let kept = content::export(turn.setting.store.as_ref(), &turn.setting.slots, key)?;
    let is_whole = kept.wraps.is_some() && kept.particulars.is_some() && kept.content.is_some();
    if !is_whole || header.address.expires_at <= turn.now {
        return Ok(false);
    }
    let message = message::reference(&header);
    let fact = Fact::Volume(VolumeFact::TakenBack { message: message.clone() });
    let skeleton = Skeleton { next_hop: Some(peer.clone()), ..Skeleton::default() };
    turn.record(fact, skeleton)?;
    turn.record(Fact::HandedOver { message, handover: anew }, Skeleton::default())?;
    Ok(true)
}

/// Takes what a neighbour shows of what was lost.
pub(super) fn recover(
    turn: &mut Turn<'_>,
    by: &AgencyId,
    shown: Shown,
) -> Result<Outcome, Decline> {
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
            return Ok(is_beyond.then(|| size_of(&statement)));
        }
    };
    take_verified(turn, statement, &entry)?;
    Ok(None)
}

/// Under which size of its volume a statement is proved.
fn size_of(statement: &Statement) -> u64 {
    let proof = TlogProof::parse(&statement.proof).ok();
    let signed = proof.and_then(|it| SignedCheckpoint::parse(&it.checkpoint).ok());
    signed.map_or(0, |it| it.checkpoint.size)
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
    let index = index_of(&statement);
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

/// The typed no to a journal in a volume that nobody confirmed.
fn unconfirmed() -> Rejection {
    let text = "the journal goes on in a new volume, which no operator has confirmed here";
    Rejection::new(RejectionReason::VolumeUnconfirmed, text)
}
