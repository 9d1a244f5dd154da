//! What a neighbour does when a journal goes on in a new volume: it confirms that, and shows what was lost
//! of the one before.

use crate::directory::JournalKeys;
use crate::domain::digest::Digest;
use crate::domain::fact::{Fact, Handover};
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, JournalName};
use crate::domain::station::Station;
use crate::domain::volume::VolumeFact;
use crate::evidence::statement;
use crate::history::message::{self, Custody, StationRecord};
use crate::history::rows::HistoryError;
use crate::history::{neighbours, set_aside};
use crate::identity::permission::Verb;
use crate::node::command::{Call, Outcome};
use crate::node::commands::{Decline, admitted};
use crate::node::recovery;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::turn::Turn;
use crate::node::{content, proofs, records};
use crate::wire;
use crate::wire::envelope::Statement;
use crate::wire::relay::{Missing, Shown};
use crate::wire::skeleton::Skeleton;

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
        let kept =
            kept.filter(|it| *issuer == missing.journal && statement::index_of(it) >= missing.size);
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
            shown.extend(origin.filter(|it| statement::index_of(it) >= missing.size));
        }
        shown.push(proofs::statement(turn.setting, position)?);
    }
    Ok(shown)
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

/// The typed no to a journal in a volume that nobody confirmed.
fn unconfirmed() -> Rejection {
    let text = "the journal goes on in a new volume, which no operator has confirmed here";
    Rejection::new(RejectionReason::VolumeUnconfirmed, text)
}
