//! Judges proofs and stations: what a node shows of a message against what journals say.

use std::collections::BTreeSet;

use super::notes::{self, Keys, Note, leaf, path_root};
use super::{ByHash, Journal, fact, lost, of_header, of_reference};
use crate::proto::{self, Fields};
use crate::seen::{Id, Seen, Tally, count};

/// The number of the fact by which a station comes about; none for a name that no station has.
fn fact_of(station: &str) -> Option<u64> {
    Some(match station {
        "accepted" => fact::SUBMITTED,
        "relayed" => fact::TAKEN_OVER,
        "delivered" => fact::DELIVERED,
        "not_taken" => fact::NOT_TAKEN,
        "returned" => fact::RETURNED,
        "undelivered" => fact::UNDELIVERED,
        "retrieved" => 23,
        "erased" => fact::CONTENT_ERASED,
        "erasure_asked" => fact::ERASURE_ASKED,
        "erasure_refused" => fact::ERASURE_REFUSED,
        "attachment_relayed" => 60,
        "attachment_arrived" => 61,
        "attachment_not_taken" => 62,
        "attachment_returned" => 63,
        "released" => 90,
        it if it.starts_with("annotated_") => 91,
        _ => return None,
    })
}

/// Whether an entry states this of this message.
fn states(entry: &Fields, station: &str, id: &Id) -> bool {
    let Some(number) = fact_of(station).filter(|it| entry.contains_key(it)) else {
        return false;
    };
    let said = proto::message(entry, number);
    let about = match number {
        fact::SUBMITTED | fact::TAKEN_OVER | fact::DELIVERED => of_header(&proto::bytes(&said, 1)),
        60..=63 => of_reference(&proto::message(&said, 1)),
        _ => of_reference(&said),
    };
    about == *id
}

/// `receipt-in-journal`: each proof that a node shows leads from an entry of the journal it names, which
/// states what it is shown for, to the root of the checkpoint that comes with it; a key of that journal
/// signed it, one that counts at its size.
pub(super) fn receipts_stand_in_journals(
    seen: &Seen,
    journals: &[Journal],
    keys: &Keys,
) -> Result<(), String> {
    let broken = |what: &str| format!("receipt-in-journal: {what}");
    for told in &seen.acknowledged {
        let node = &seen.nodes[told.origin];
        let id = (node.agency.clone(), told.message.clone());
        let shown = node.stations.get(&id).ok_or_else(|| broken("nobody was asked"))?;
        let shown = shown.as_ref().map_err(Clone::clone)?.as_ref();
        for station in shown.ok_or_else(|| broken("an acknowledged message is not shown"))? {
            let receipt = station.receipt.as_ref();
            let (entry, proof) = receipt.ok_or_else(|| broken("a station has no proof"))?;
            let (index, path, note) =
                notes::proof(proof).ok_or_else(|| broken("a proof is malformed"))?;
            let issuer = seen.nodes.iter().position(|it| it.agency == station.agency);
            let volume = issuer.and_then(|it| journals[it].ever(seen, &note.name));
            let stands = volume.and_then(|it| it.get(index as usize).cloned());
            let leads = path_root(leaf(entry), index, note.size, &path) == Some(note.root);
            let fields = proto::fields(entry).unwrap_or_default();
            let is_said = states(&fields, &station.name, &id);
            if !leads || !is_said || stands.as_ref() != Some(entry) {
                return Err(broken(&format!("{} of {id:?}", station.name)));
            }
            if !keys.have_signed(&note) {
                let name = &station.name;
                return Err(broken(&format!("{name} of {id:?} is under no key of its journal")));
            }
        }
    }
    Ok(())
}

/// `shown-as-recorded`: what others state of a message on its way is shown to whoever sent it, each station
/// that its entries name and no other.
pub(super) fn stations_are_those_of_entries(
    seen: &Seen,
    journals: &[Journal],
) -> Result<(), String> {
    const ON_THE_WAY: [&str; 5] = ["relayed", "delivered", "not_taken", "returned", "retrieved"];
    let touched = lost::touched(journals);
    for (node, journal) in seen.nodes.iter().zip(journals) {
        let mut recorded: BTreeSet<(Id, String, String)> = BTreeSet::new();
        for (_, entry) in &journal.entries {
            let told = proto::message(entry, fact::STATEMENT_RECORDED);
            let agency = proto::text(&told, 2).split('/').next().unwrap_or_default().to_owned();
            recorded.insert((of_reference(&told), proto::text(&told, 3), agency));
        }
        for (id, shown) in node.stations.iter().filter(|(id, _)| !touched.contains(id)) {
            let shown = shown.as_ref().map_err(Clone::clone)?.iter().flatten();
            let is_told = |name: &str| ON_THE_WAY.contains(&name);
            let shown: BTreeSet<(String, String)> = shown
                .filter(|it| !it.own && is_told(&it.name))
                .map(|it| (it.name.clone(), it.agency.clone()))
                .collect();
            let expected = recorded.iter().filter(|it| it.0 == *id && is_told(&it.1));
            let expected: BTreeSet<(String, String)> =
                expected.map(|it| (it.1.clone(), it.2.clone())).collect();
            if shown != expected {
                return Err(format!(
                    "shown-as-recorded: {id:?} is shown at {shown:?} and recorded at {expected:?}"
                ));
            }
        }
    }
    Ok(())
}

/// `statement-in-journal`: what a node recorded as another's word is that one's word: an entry of the
/// journal named, about that message.
pub(super) fn statements_stand_in_journals(
    by_hash: &ByHash<'_>,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    for (node, journal) in journals.iter().enumerate() {
        for (_, entry) in &journal.entries {
            if !entry.contains_key(&fact::STATEMENT_RECORDED) {
                continue;
            }
            let told = proto::message(entry, fact::STATEMENT_RECORDED);
            let (id, issuer, station) =
                (of_reference(&told), proto::text(&told, 2), proto::text(&told, 3));
            let stated = by_hash.get(&proto::bytes(&told, 4));
            let is_said = stated.is_some_and(|(_, stated)| {
                proto::text(stated, 2) == issuer && states(stated, &station, &id)
            });
            if !is_said {
                return Err(format!(
                    "statement-in-journal: node {node} heard {station} of {id:?} from {issuer}, \
                     which does not say so"
                ));
            }
            count(&mut tally, "statement traced");
        }
    }
    Ok(tally)
}

/// `proved-for-ever`: the latest checkpoint that each neighbour cosigned is cosigned by a key of that
/// neighbour, one that counts at the time that it states, and signed by its journal.
pub(super) fn cosignatures_hold(seen: &Seen, keys: &Keys) -> Result<(), String> {
    for node in &seen.nodes {
        for (peer, note) in node.cosigned.as_ref().map_err(Clone::clone)? {
            let note = Note::read(note).ok_or("proved-for-ever: a checkpoint is malformed")?;
            if !keys.have_cosigned(peer, &note) || !keys.have_signed(&note) {
                let own = &node.agency;
                return Err(format!("proved-for-ever: {peer} has not cosigned what {own} keeps"));
            }
        }
    }
    Ok(())
}
