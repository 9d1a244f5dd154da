//! Verify, remember and cosign a neighbour's checkpoint (C2SP tlog-witness), and keep what others
//! cosigned of ours.
//!
//! Judging and remembering are one step of one turn, so two offers in a race can't roll each other
//! back; and the cosignature leaves only after the record is durable.

use crate::domain::digest::Digest;
use crate::domain::fact::Fact;
use crate::domain::ids::{AgencyId, JournalName};
use crate::history::neighbours;
use crate::history::rows::HistoryError;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::cosignature;
use crate::merkle::witness::{Seen, Verdict, judge, offer_text};
use crate::node::command::{Outcome, WitnessOffer, Witnessed};
use crate::node::conduct;
use crate::node::records::{self, CosignedCheckpoint, SeenCheckpoint};
use crate::node::turn::Turn;
use crate::wire::skeleton::Skeleton;

/// Decides an offer.
pub(super) fn decide(turn: &mut Turn<'_>, offer: WitnessOffer) -> Result<Outcome, HistoryError> {
    if neighbours::conflict(&turn.rows, &offer.journal)?.is_some() {
        return Ok(Outcome::Witnessed(Witnessed::Conflict));
    }
    let seen = turn.seen(&offer.journal)?;
    let known = seen.as_ref().map(|it| Seen { size: it.size, root: it.root });
    let shown = &offer.checkpoint.checkpoint;
    let witnessed = match judge(known.as_ref(), shown, offer.old_size, &offer.proof) {
        Verdict::Advance | Verdict::Same => {
            let seen = SeenCheckpoint { size: shown.size, root: shown.root };
            turn.remember_seen(&offer.journal, &seen, &offer.bytes)?;
            let key = turn.setting.keys.witness.at(turn.now);
            let name = turn.setting.witness_name();
            let line = cosignature::cosign_ed25519(shown, &name, &key, turn.now);
            Witnessed::Cosigned { size: shown.size, line: line.to_text().into_bytes() }
        }
        Verdict::Stale { known } => Witnessed::Stale(known),
        Verdict::BadProof if known.is_none() => Witnessed::Stale(0),
        // A proof that fails shows nothing about the journal: two checkpoints that may well be of one
        // history convict nobody. It says something of whoever brings it.
        Verdict::BadProof => {
            conduct::lied(turn, offer.journal.agency())?;
            Witnessed::BadProof(known.map_or(0, |it| it.size))
        }
        Verdict::Contradiction => {
            let with_proof = offer_text(offer.old_size, &offer.proof, &offer.bytes);
            conflict(turn, &offer.journal, &with_proof)?;
            Witnessed::Conflict
        }
        Verdict::Conflict => {
            conflict(turn, &offer.journal, &offer.bytes)?;
            Witnessed::Conflict
        }
    };
    Ok(Outcome::Witnessed(witnessed))
}

/// Keeps the checkpoint that was known and what contradicts it, and states what was found. Together they
/// show it to anybody who has the journal's key.
fn conflict(turn: &mut Turn<'_>, journal: &JournalName, shown: &[u8]) -> Result<(), HistoryError> {
    let known = records::seen_note(turn.setting.store.as_ref(), journal)?;
    let known = known.unwrap_or_default();
    records::put_conflict(&mut turn.beside, &known);
    records::put_conflict(&mut turn.beside, shown);
    let (known, shown) = (Digest::of(&known), Digest::of(shown));
    let fact = Fact::ConflictFound { journal: journal.clone(), known, shown };
    turn.record(fact, Skeleton::default())?;
    Ok(())
}

/// Remembers a checkpoint of this node's journal that a peer cosigned; never an older one.
pub(super) fn record_cosigned(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    size: u64,
    note: Vec<u8>,
) -> Result<Outcome, HistoryError> {
    let known = records::cosigned(turn.setting.store.as_ref(), peer)?;
    let known = known.filter(|it| it.is_of(&turn.setting.journal_name));
    if known.is_none_or(|it| it.size <= size) {
        let store = turn.setting.store.as_ref();
        let checkpoint = CosignedCheckpoint { size, note };
        records::put_cosigned(store, &mut turn.beside, peer, &checkpoint)?;
    }
    Ok(Outcome::Unchanged)
}

/// Remembers how far a peer took this node's statements; never less far.
pub(super) fn record_notices_taken(
    turn: &mut Turn<'_>,
    peer: &AgencyId,
    sequence: u64,
) -> Result<Outcome, HistoryError> {
    if records::notices_taken(turn.setting.store.as_ref(), peer)? < sequence {
        records::put_notices_taken(&mut turn.beside, peer, sequence);
    }
    Ok(Outcome::Unchanged)
}

/// Gives the latest checkpoint the journal's ML-DSA-44 cosignature, once for each size.
pub(super) fn countersign(turn: &mut Turn<'_>) -> Result<Outcome, HistoryError> {
    let damaged = || HistoryError::Damaged { what: "checkpoint of the journal" };
    let journal = turn.setting.journal.as_ref();
    let Some(latest) = journal.latest_checkpoint()? else {
        return Ok(Outcome::Unchanged);
    };
    let signed = SignedCheckpoint::parse(&latest).map_err(|_| damaged())?;
    if let Some(before) = journal.countersigned()? {
        let before = SignedCheckpoint::parse(&before).map_err(|_| damaged())?;
        if before.checkpoint.size >= signed.checkpoint.size {
            return Ok(Outcome::Unchanged);
        }
    }
    let name = turn.setting.journal_name.to_string();
    let key = turn.setting.keys.journal.present().mldsa44;
    let line = cosignature::cosign_mldsa44(&signed.checkpoint, &name, &key, turn.now);
    let note = cosignature::with_lines(&latest, &[line]).map_err(|_| damaged())?;
    journal.put_countersigned(signed.checkpoint.size, &note)?;
    Ok(Outcome::Unchanged)
}
