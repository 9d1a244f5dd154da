//! Judges a node whose disk was set back: what it lost, and what everybody keeps all the same.
//!
//! What the lost entries do not speak of keeps every promise, as if nothing had happened. A message of
//! which they do speak is *touched*: it is still never delivered twice nor both delivered and stated
//! undelivered, and among the other nodes at most one has it in custody. The node itself has it again,
//! or lists it as lost, wherever a neighbour had taken it; what nobody else had is gone, and gone from
//! this node alone.

use std::collections::BTreeSet;

use super::{Journal, about, fact, of_header, of_reference, place_in_order};
use crate::proto::{self, Fields};
use crate::seen::{Id, Lost, Seen, Tally, count};

const READ: u64 = 23;
const VOLUME_OPENED: u64 = 50;
const MISSED: u64 = 52;
const TAKEN_BACK: u64 = 53;
const ATTACHMENTS: std::ops::RangeInclusive<u64> = 60..=63;
const REVIEWED: std::ops::RangeInclusive<u64> = 90..=91;
const INBOX_GAP: u64 = 1 << 32;

/// The message that an entry speaks of, if it speaks of one.
fn spoken_of(entry: &Fields) -> Option<Id> {
    let (number, _) = entry.iter().find(|(number, _)| **number >= 10)?;
    let said = proto::message(entry, *number);
    let id = match *number {
        fact::SUBMITTED | fact::TAKEN_OVER | fact::DELIVERED => of_header(&proto::bytes(&said, 1)),
        number if ATTACHMENTS.contains(&number) => of_reference(&proto::message(&said, 1)),
        number if REVIEWED.contains(&number) => of_reference(&said),
        fact::HANDED_OVER
        | fact::NOT_TAKEN..=fact::SET_ASIDE
        | READ..=fact::ORDER_WAIT_ENDED
        | fact::CONTENT_ERASED
        | fact::ERASURE_ASKED
        | fact::ERASURE_REFUSED
        | MISSED
        | TAKEN_BACK => of_reference(&said),
        _ => return None,
    };
    Some(id)
}

/// What each node says of a message, by the numbers of the facts, and what it lost of that.
pub(super) fn story(journals: &[Journal], id: &Id) -> String {
    let of = |entries: &[(Vec<u8>, Fields)]| {
        let about = entries.iter().filter(|(_, it)| spoken_of(it).as_ref() == Some(id));
        let numbers = about.filter_map(|(_, it)| {
            let number = *it.keys().find(|number| **number >= 10)?;
            let told = proto::text(&proto::message(it, number), 3);
            let is_told = number == fact::STATEMENT_RECORDED;
            Some(if is_told { format!("heard {told}") } else { number.to_string() })
        });
        numbers.collect::<Vec<_>>().join(", ")
    };
    let each = journals.iter().enumerate().map(|(node, journal)| {
        format!("node {node}: {} (lost {})", of(&journal.entries), of(&journal.gap))
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The messages of which lost entries speak.
pub(super) fn touched(journals: &[Journal]) -> BTreeSet<Id> {
    journals.iter().flat_map(|it| &it.gap).filter_map(|(_, entry)| spoken_of(entry)).collect()
}

/// The requests to which they belong, as far as anybody knows.
pub(super) fn touched_requests(seen: &Seen, journals: &[Journal]) -> BTreeSet<Vec<u8>> {
    let mut requests = BTreeSet::new();
    for id in touched(journals) {
        requests.extend(seen.requests.get(&id.1).cloned());
        requests.extend(journals.iter().filter_map(|it| it.request(&id)));
    }
    requests
}

/// Places in orders of messages that their origin lost, and that nobody else ever had.
pub(super) fn places_that_stay_open(journals: &[Journal]) -> Vec<(Vec<u8>, u64)> {
    let known: BTreeSet<Id> =
        [fact::SUBMITTED, fact::TAKEN_OVER, fact::DELIVERED, fact::UNDELIVERED]
            .iter()
            .flat_map(|number| journals.iter().flat_map(|it| about(it, *number)))
            .collect();
    let gone = journals.iter().flat_map(|it| &it.gap).filter_map(|(_, entry)| {
        let header = proto::bytes(&proto::message(entry, fact::SUBMITTED), 1);
        let is_gone = !header.is_empty() && !known.contains(&of_header(&header));
        is_gone.then(|| place_in_order(&header))
    });
    gone.collect()
}

/// Whether nobody can say any more what became of a message: its origin lost it.
pub(super) fn is_out_of_sight(seen: &Seen, journals: &[Journal], id: &Id) -> bool {
    let Some(lost) = &seen.lost else {
        return false;
    };
    let journal = &journals[lost.node];
    let gone = |number: u64| {
        let had = journal
            .gap
            .iter()
            .any(|(_, it)| it.contains_key(&number) && spoken_of(it).as_ref() == Some(id));
        had && !about(journal, number).contains(id)
    };
    gone(fact::SUBMITTED)
}

/// Whether the node says of a message that a neighbour has shown it as lost.
pub(super) fn is_listed(journal: &Journal, id: &Id) -> bool {
    about(journal, MISSED).contains(id)
}

/// `no-fork`, `acknowledged-survives` and `order` at a node whose disk was set back.
pub(super) fn what_was_set_back_keeps_its_word(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let Some(lost) = &seen.lost else {
        return match seen.sent_before.first() {
            Some((node, message)) => {
                Err(format!("node {node} says that {message:?} was sent before, and lost nothing"))
            }
            None => Ok(tally),
        };
    };
    let journal = &journals[lost.node];
    goes_on_in_another_volume(lost, journal)?;
    for told in &lost.acknowledged {
        let id: Id = (seen.nodes[told.origin].agency.clone(), told.message.clone());
        let others = (0..journals.len()).filter(|it| *it != lost.node).map(|it| &journals[it]);
        let mut taken = others.filter(|it| {
            [fact::TAKEN_OVER, fact::DELIVERED].iter().any(|fact| about(it, *fact).contains(&id))
        });
        let is_here = about(journal, fact::SUBMITTED).contains(&id);
        match (taken.next().is_some(), is_here || is_listed(journal, &id)) {
            (true, false) => {
                return Err(format!(
                    "acknowledged-survives: {id:?} was taken from node {}, which neither has nor \
                     lists it",
                    lost.node
                ));
            }
            (true, true) if is_here => count(&mut tally, "acknowledged and here again"),
            (true, true) => count(&mut tally, "acknowledged and listed"),
            (false, _) => count(&mut tally, "acknowledged and missing"),
        }
    }
    let gap: BTreeSet<Id> = journal.gap.iter().filter_map(|(_, it)| spoken_of(it)).collect();
    for (node, message) in &seen.sent_before {
        let id = (seen.nodes[*node].agency.clone(), message.clone());
        if *node != lost.node || !gap.contains(&id) {
            return Err(format!("node {node} says that {id:?} was sent before, and it was not"));
        }
    }
    let listed = seen.nodes[lost.node].inbox.as_ref().map_err(Clone::clone)?;
    for (place, id) in &lost.listed {
        if listed.iter().any(|(now, other)| now == place && of_header(other) != *id) {
            return Err(format!("order: node {} gave place {place} twice", lost.node));
        }
    }
    Ok(tally)
}

fn goes_on_in_another_volume(lost: &Lost, journal: &Journal) -> Result<(), String> {
    let size = usize::try_from(lost.size).unwrap_or(usize::MAX);
    let [first, second] = journal.volumes.as_slice() else {
        let count = journal.volumes.len();
        return Err(format!("no-fork: node {} was set back and has {count} volumes", lost.node));
    };
    if lost.entries.get(..size) != Some(first.entries.as_slice()) {
        return Err(format!("no-fork: node {} signed on where it was set back", lost.node));
    }
    let opened = second.entries.first().and_then(|it| proto::fields(it)).unwrap_or_default();
    let opened = proto::message(&opened, VOLUME_OPENED);
    let (here, seen) = (proto::number(&opened, 2), proto::number(&opened, 3));
    if proto::text(&opened, 1) != first.name || here != lost.size {
        return Err(format!("no-fork: node {} goes on from another place", lost.node));
    }
    if seen <= lost.size || seen > lost.entries.len() as u64 {
        return Err(format!("no-fork: node {} was shown {seen} entries", lost.node));
    }
    Ok(())
}

/// Whether a place may follow another in an inbox: densely, and once after a gap where a volume ended.
pub(super) fn may_follow(seen: &Seen, node: usize, before: u64, place: u64) -> bool {
    let is_set_back = seen.lost.as_ref().is_some_and(|it| it.node == node);
    place == before + 1 || (is_set_back && before < INBOX_GAP && place > INBOX_GAP)
}
