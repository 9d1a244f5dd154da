//! Judges what a transit that means harm has brought about, from entries alone, beside what always holds.

use std::collections::BTreeSet;

use rogatory::node::conduct::{ON_RECORD_MAX, SPAN_MS};

use crate::proto::{self, Fields};
use crate::seen::{Id, Seen, Tally, count};
use crate::world::World;

/// Numbers of facts.
pub(super) const SUBMITTED: u64 = 12;
pub(super) const HANDED_OVER: u64 = 13;
pub(super) const TAKEN_OVER: u64 = 14;
pub(super) const DELIVERED: u64 = 15;
pub(super) const NOT_TAKEN: u64 = 16;
pub(super) const UNDELIVERED: u64 = 19;

/// All entries of each node's journal, in all volumes.
pub(super) fn journals(seen: &Seen) -> Result<Vec<Vec<Fields>>, String> {
    let of_node = |node: &crate::seen::Node| {
        let entries = node.volumes.iter().flatten().map(|it| proto::fields(it));
        entries.collect::<Option<_>>().ok_or_else(|| "an entry is no protobuf".to_owned())
    };
    seen.nodes.iter().map(of_node).collect()
}

/// The message of a header.
pub(super) fn of_header(header: &[u8]) -> Id {
    let address = proto::message(&proto::fields(header).unwrap_or_default(), 1);
    (proto::text(&address, 4), proto::bytes(&address, 3))
}

/// The message that a fact is about, if the entry states that fact.
pub(super) fn about(entry: &Fields, number: u64) -> Option<Id> {
    let told = entry.contains_key(&number).then(|| proto::message(entry, number))?;
    Some(match number {
        SUBMITTED | TAKEN_OVER | DELIVERED => of_header(&proto::bytes(&told, 1)),
        _ => {
            let message = proto::message(&told, 1);
            (proto::text(&message, 1), proto::bytes(&message, 2))
        }
    })
}

/// The messages of which a journal states that.
pub(super) fn all(entries: &[Fields], number: u64) -> BTreeSet<Id> {
    entries.iter().filter_map(|it| about(it, number)).collect()
}

/// What a transit that means harm has signed for and kept is stated to be undelivered; what it sent in the
/// name of another's desk is refused; and what it floods a neighbour with goes on record no more often
/// than it may.
pub fn harm_is_found(world: &World, seen: &Seen) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let Some(liar) = world.malice.node else { return Ok(tally) };
    let journals = journals(seen)?;
    let by_any = |number| journals.iter().flat_map(|it| all(it, number)).collect::<BTreeSet<Id>>();
    let (delivered, undelivered, refused) =
        (by_any(DELIVERED), by_any(UNDELIVERED), by_any(NOT_TAKEN));
    let signed_for = all(&journals[liar], TAKEN_OVER);
    for id in world.malice.dropped.intersection(&signed_for) {
        if !delivered.contains(id) && undelivered.contains(id) {
            count(&mut tally, "malice: signed for and not passed on");
        }
    }
    for id in &world.malice.forged {
        if delivered.contains(id) {
            return Err(format!("desk-is-the-directory's: {id:?} came from a desk of others"));
        }
        if refused.contains(id) {
            count(&mut tally, "malice: desk forged");
        }
    }
    let spans = world.lived_ms() / SPAN_MS + 1;
    let most = usize::try_from(spans * i64::from(ON_RECORD_MAX)).unwrap_or(usize::MAX);
    let name = &seen.nodes[liar].agency;
    for (node, journal) in journals.iter().enumerate().filter(|(node, _)| *node != liar) {
        let in_vain = journal.iter().filter(|it| {
            let handover = proto::message(&proto::message(it, NOT_TAKEN), 2);
            proto::text(&handover, 1) == *name
        });
        let in_vain = in_vain.count();
        if in_vain > most {
            return Err(format!(
                "flood-is-bounded: node {node} wrote {in_vain} refusals of one peer"
            ));
        }
    }
    Ok(tally)
}
