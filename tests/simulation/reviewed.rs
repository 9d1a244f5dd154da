//! Judges agencies that review (UNTOC 18(13)), from entries, and from what travelled.

use std::collections::{BTreeMap, BTreeSet};

use super::{Journal, about, causes, erasing, fact, lost, of_header, of_reference};
use crate::proto::{self, Fields};
use crate::seen::{Content, Id, Seen, Tally, count};

const RELEASED: u64 = 90;
const ANNOTATED: u64 = 91;
/// How the reasons begin for which an officer gives back.
const OF_REVIEW: &str = "REVIEW_";

/// What became of a message at an agency that reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Held,
    Released,
    /// Let go on, and given back then: it was there still, and its way did not lead on, it expired, or an
    /// operator ended it there.
    TurnedBack,
    /// Given back, for this reason.
    Ended(String),
}

/// Where each message is that a node took over.
type Fates = BTreeMap<Id, Fate>;

/// All entries of a journal in the order in which they were written, what was lost in its place.
pub(super) fn ever(journal: &Journal) -> impl Iterator<Item = &Fields> {
    let is_whole = journal.gap.is_empty();
    let first = journal.volumes.first().map_or(0, |it| it.entries.len());
    let (before, after) = journal.entries.split_at(if is_whole { 0 } else { first });
    before.iter().chain(&journal.gap).chain(after).map(|(_, entry)| entry)
}

/// `released-first`: what is sealed to an agency that reviews goes on from it only after the word of one of
/// its officers, and not after it was given back; what was given back is delivered nowhere, and its origin
/// states so for the reason that it heard; each comes to an end; what arrives was let go on by everybody on its
/// way who reviews, and by everybody to whom it is sealed; and who does not review can read nothing.
pub(super) fn what_passes_is_released_first(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    if let Some(unread) = seen.unread.first() {
        return Err(format!("released-first: what is held can't be read: {unread}"));
    }
    let touched = lost::touched(journals);
    let mut all: BTreeMap<usize, Fates> = BTreeMap::new();
    for node in &seen.reviewing {
        let mut fates = Fates::new();
        for entry in ever(&journals[*node]) {
            step(seen, *node, &mut fates, entry, &touched).map_err(|(id, what)| {
                let story = lost::story(journals, &id);
                format!("released-first: node {node} {what} {id:?}: {story}")
            })?;
        }
        for (id, fate) in &fates {
            match fate {
                Fate::Held => {
                    let story = lost::story(journals, id);
                    return Err(format!("released-first: {id:?} has no end: {story}"));
                }
                Fate::Released => count(&mut tally, "released by an officer"),
                Fate::TurnedBack => {
                    count(&mut tally, "released and turned back");
                    let given_back = causes::gives_back_for_cause(journals, (*node, id));
                    if let (Err(what), false) = (given_back, touched.contains(id)) {
                        let story = lost::story(journals, id);
                        return Err(format!("released-first: node {node} {what} {id:?}: {story}"));
                    }
                }
                Fate::Ended(reason) if reason == "EXPIRED" => {
                    count(&mut tally, "expired under review");
                }
                Fate::Ended(reason) if reason.starts_with(OF_REVIEW) => {
                    count(&mut tally, "given back by an officer");
                    let is_touched = touched.contains(id);
                    was_given_back(seen, journals, (id, reason), is_touched)?;
                }
                Fate::Ended(_) if touched.contains(id) => count(&mut tally, "ended under review"),
                Fate::Ended(reason) => {
                    let story = lost::story(journals, id);
                    return Err(format!(
                        "released-first: {id:?} is given back by no officer, for {reason}: {story}"
                    ));
                }
            }
        }
        let remarks = about(&journals[*node], ANNOTATED).len() as u64;
        *tally.entry("remarked on by an officer").or_default() += remarks;
        all.insert(*node, fates);
    }
    tally.retain(|_, count| *count > 0);
    everybody_on_the_way_let_it_on(seen, journals, &all)?;
    nobody_else_can_read(seen, journals)?;
    Ok(tally)
}

fn step(
    seen: &Seen,
    node: usize,
    fates: &mut Fates,
    entry: &Fields,
    touched: &BTreeSet<Id>,
) -> Result<(), (Id, &'static str)> {
    if entry.contains_key(&fact::TAKEN_OVER) {
        let id = of_header(&proto::bytes(&proto::message(entry, fact::TAKEN_OVER), 1));
        let agency = &seen.nodes[node].agency;
        if !seen.sealed_to.get(&id).is_some_and(|it| it.contains(agency)) {
            return Err((id, "takes over what is not sealed to it,"));
        }
        fates.entry(id).or_insert(Fate::Held);
        return Ok(());
    }
    let Some(number) = entry.keys().find(|number| **number >= 10).copied() else {
        return Ok(());
    };
    let said = proto::message(entry, number);
    let id = of_reference(&said);
    let Some(fate) = fates.get_mut(&id) else {
        return Ok(());
    };
    // What a lost end of the journal said may not have been heard by anybody.
    let is_lost = touched.contains(&id);
    match (number, &*fate) {
        (RELEASED, Fate::Held) => *fate = Fate::Released,
        (RELEASED, _) if is_lost => *fate = Fate::Released,
        (RELEASED, Fate::Released | Fate::TurnedBack) => return Err((id, "lets go on again")),
        (RELEASED, Fate::Ended(_)) => return Err((id, "lets go on what it gave back,")),
        (ANNOTATED, Fate::Released | Fate::TurnedBack | Fate::Ended(_)) if !is_lost => {
            return Err((id, "remarks on what it does not hold,"));
        }
        (fact::HANDED_OVER | fact::WAY_CHOSEN, Fate::Held) => {
            return Err((id, "hands over without a word of its officers"));
        }
        (fact::HANDED_OVER | fact::WAY_CHOSEN, Fate::TurnedBack | Fate::Ended(_)) => {
            return Err((id, "hands over what it gave back,"));
        }
        // What it lost came once more, and it refused it: that leaves it with whoever brought it.
        (fact::NOT_TAKEN, Fate::Held) if is_lost => {
            *fate = Fate::Ended(proto::text(&said, 3));
        }
        (fact::RETURNED, _) => {
            let reason = proto::text(&said, 2);
            let is_late = reason.starts_with(OF_REVIEW) && *fate == Fate::Released;
            if is_late && !is_lost {
                return Err((id, "gives back what it let go on,"));
            }
            let is_let_on = *fate == Fate::Released && !reason.starts_with(OF_REVIEW);
            *fate = if is_let_on { Fate::TurnedBack } else { Fate::Ended(reason) };
        }
        _ => {}
    }
    Ok(())
}

/// Nobody delivered it, and its origin states so for the reason that it heard.
fn was_given_back(
    seen: &Seen,
    journals: &[Journal],
    (id, reason): (&Id, &str),
    is_touched: bool,
) -> Result<(), String> {
    let broken = |what: &str| {
        let story = lost::story(journals, id);
        Err(format!("released-first: {id:?} was given back, and {what}: {story}"))
    };
    if is_touched {
        return Ok(());
    }
    if journals.iter().any(|it| about(it, fact::DELIVERED).contains(id)) {
        return broken("delivered");
    }
    let origin = seen.nodes.iter().position(|it| it.agency == id.0);
    let Some(journal) = origin.map(|it| &journals[it]) else {
        return broken("nobody sent it");
    };
    if !erasing::told(journal, "returned").contains(id) {
        return broken("its origin has not heard so");
    }
    let stated = journal.entries.iter().any(|(_, entry)| {
        let said = proto::message(entry, fact::UNDELIVERED);
        of_reference(&said) == *id && proto::text(&said, 4) == reason
    });
    if stated { Ok(()) } else { broken("its origin does not state it for the reason") }
}

/// From whom a message came to a node, by the first entry that says so.
fn came_from(journal: &Journal, number: u64, id: &Id) -> Option<String> {
    ever(journal).find_map(|entry| {
        let said = proto::message(entry, number);
        let header = proto::bytes(&said, 1);
        let is_it = !header.is_empty() && of_header(&header) == *id;
        is_it.then(|| proto::text(&proto::message(&said, 2), 1))
    })
}

/// Whether the origin had heard that an agency let a message go on when it offered it last: by then it could
/// send it past that agency, which had given its copy back.
fn heard_before_it_was_sent(journal: &Journal, id: &Id, agency: &str) -> bool {
    let (mut heard, mut at_last) = (false, false);
    for entry in ever(journal) {
        let told = proto::message(entry, fact::STATEMENT_RECORDED);
        let by = proto::text(&told, 2);
        let is_by = by.split('/').next() == Some(agency);
        heard |= is_by && of_reference(&told) == *id && proto::text(&told, 3) == "released";
        let handed = entry.contains_key(&fact::HANDED_OVER);
        if handed && of_reference(&proto::message(entry, fact::HANDED_OVER)) == *id {
            at_last = heard;
        }
    }
    at_last
}

/// The nodes over which a message came where it was delivered, the last one first.
fn way_of(
    journals: &[Journal],
    names: &[&String],
    at: usize,
    id: &Id,
) -> Result<Vec<usize>, String> {
    let mut from = came_from(&journals[at], fact::DELIVERED, id).unwrap_or_default();
    let mut way = Vec::new();
    while from != id.0 {
        let node = names.iter().position(|it| **it == from);
        let before = node.and_then(|it| came_from(&journals[it], fact::TAKEN_OVER, id));
        let (Some(node), Some(before), true) = (node, before, way.len() <= names.len()) else {
            return Err(format!("released-first: {id:?} came from {from}, which it never was at"));
        };
        way.push(node);
        from = before;
    }
    Ok(way)
}

/// Whoever reviews on the way of what arrived has let just this copy go on; and whoever it is sealed to
/// besides had done so before its origin sent it past there, and given its own copy back.
fn everybody_on_the_way_let_it_on(
    seen: &Seen,
    journals: &[Journal],
    all: &BTreeMap<usize, Fates>,
) -> Result<(), String> {
    let touched = lost::touched(journals);
    let names: Vec<&String> = seen.nodes.iter().map(|it| &it.agency).collect();
    for (at, journal) in journals.iter().enumerate() {
        for id in about(journal, fact::DELIVERED) {
            if touched.contains(&id) {
                continue;
            }
            let way = way_of(journals, &names, at, &id)?;
            let origin = names.iter().position(|it| **it == id.0);
            let sealed_to = seen.sealed_to.get(&id);
            for (node, fates) in all {
                let is_read = sealed_to.is_some_and(|it| it.contains(names[*node]));
                // Who takes no part reviews nothing: what is sealed to it goes another way, if there is one.
                let is_absent = seen.absent.contains(names[*node]);
                let is_so = match fates.get(&id) {
                    _ if way.contains(node) => fates.get(&id) == Some(&Fate::Released),
                    _ if !is_read || is_absent || *node == at => true,
                    Some(Fate::Released | Fate::TurnedBack) => origin.is_some_and(|it| {
                        heard_before_it_was_sent(&journals[it], &id, names[*node])
                    }),
                    Some(Fate::Held | Fate::Ended(_)) | None => false,
                };
                if !is_so {
                    let story = lost::story(journals, &id);
                    return Err(format!("released-first: {id:?} came past node {node}: {story}"));
                }
            }
        }
    }
    Ok(())
}

/// Messages are sealed to their destination and to agencies that review, and a blind transit opens nothing.
fn nobody_else_can_read(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    let reviewing: BTreeSet<&String> =
        seen.reviewing.iter().map(|it| &seen.nodes[*it].agency).collect();
    for (node, journal) in journals.iter().enumerate() {
        for (_, entry) in &journal.entries {
            let header = proto::bytes(&proto::message(entry, fact::TAKEN_OVER), 1);
            if header.is_empty() {
                continue;
            }
            let id = of_header(&header);
            let fields = proto::message(&proto::fields(&header).unwrap_or_default(), 1);
            let destination = proto::text(&fields, 5);
            let sealed_to = seen.sealed_to.get(&id).cloned().unwrap_or_default();
            let beside = |it: &&String| **it != destination && !reviewing.contains(*it);
            if let Some(other) = sealed_to.iter().find(beside) {
                return Err(format!("released-first: {id:?} is sealed to {other}"));
            }
            if !seen.reviewing.contains(&node) {
                is_closed(seen, node, &id)?;
            }
        }
    }
    Ok(())
}

fn is_closed(seen: &Seen, node: usize, id: &Id) -> Result<(), String> {
    let shown = &seen.nodes[node];
    match (shown.particulars.contains(id), shown.contents.get(id)) {
        (false, Some(Content::Absent)) => Ok(()),
        (_, opened) => Err(format!(
            "released-first: node {node} only passes {id:?} on, and knows what it is: {opened:?}"
        )),
    }
}
