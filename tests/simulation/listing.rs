//! Judges inboxes: as they are shown, and against what follows from entries.

use std::collections::{BTreeMap, BTreeSet};

use super::{ByHash, Journal, about, address, fact, lost, of_header, of_reference, place_in_order};
use crate::proto::{self, Fields};
use crate::seen::{Id, Seen};

const TO: u64 = 6;

/// `order`: an inbox lists each message once, and those of one stream by their numbers, but for
/// what came after its wait had ended, and for what its origin had lost, when it had given its number to another
/// message that was listed since.
pub(super) fn inboxes_are_in_order_without_repeats(
    seen: &Seen,
    journals: &[Journal],
) -> Result<(), String> {
    let touched = lost::touched(journals);
    for (node, journal) in journals.iter().enumerate() {
        let ended: BTreeSet<Id> = about(journal, fact::ORDER_WAIT_ENDED).into_iter().collect();
        let mut excused = BTreeSet::new();
        let places = seen.nodes[node].inbox.as_ref().map_err(Clone::clone)?;
        let mut listed = BTreeSet::new();
        let mut last: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        let mut before_it = 0;
        for (place, header) in places {
            let (id, (stream, number)) = (of_header(header), place_in_order(header));
            let follows = lost::may_follow(seen, node, before_it, *place);
            before_it = *place;
            if !follows || !listed.insert(id.clone()) {
                return Err(format!("order: node {node} lists {id:?} again"));
            }
            // What only passes through stands there as it came.
            if proto::text(&address(header), 5) != seen.nodes[node].agency {
                continue;
            }
            let is_taken = !taken.insert((stream.clone(), number));
            if is_taken && touched.contains(&id) {
                continue;
            }
            let before = last.insert(stream.clone(), number).unwrap_or(0);
            if ended.contains(&id) {
                excused.insert(stream.clone());
            }
            if number < before && !excused.contains(&stream) {
                let story = lost::story(journals, &id);
                return Err(format!(
                    "order: node {node} lists {before} before its predecessor {number}: {story}"
                ));
            }
        }
    }
    Ok(())
}

/// `delivered-is-listed`: what a node states to be delivered stands in its inbox. But what follows, in its
/// order, a message that its origin lost with its disk and that nobody else ever had, waits for it until
/// its own expiry: nobody is left who could say that the place is void.
pub(super) fn inboxes_list_what_is_delivered(
    seen: &Seen,
    journals: &[Journal],
) -> Result<(), String> {
    let waited_for = lost::places_that_stay_open(journals);
    for (node, journal) in journals.iter().enumerate() {
        let places = seen.nodes[node].inbox.as_ref().map_err(Clone::clone)?;
        let listed: BTreeSet<Id> = places.iter().map(|(_, header)| of_header(header)).collect();
        for (_, entry) in &journal.entries {
            let header = proto::bytes(&proto::message(entry, fact::DELIVERED), 1);
            let (id, place) = (of_header(&header), place_in_order(&header));
            if header.is_empty() || listed.contains(&id) {
                continue;
            }
            let waits = |open: &(Vec<u8>, u64)| open.0 == place.0 && open.1 < place.1;
            if !waited_for.iter().any(waits) {
                let story = lost::story(journals, &id);
                return Err(format!(
                    "delivered-is-listed: {id:?}, place {place:?}, stands in no inbox of node {node}: {story}"
                ));
            }
        }
    }
    Ok(())
}

/// What holds a place in a stream until its turn comes.
enum Held {
    Message(Id),
    Void,
}

/// The messages of one stream that wait, and the number whose turn it is.
#[derive(Default)]
struct Stream {
    passed: u64,
    waiting: BTreeMap<u64, Held>,
}

impl Stream {
    fn take(&mut self, number: u64, held: Held, listed: &mut Vec<Id>) {
        if number > self.passed {
            self.waiting.insert(number, held);
        } else if let Held::Message(id) = held {
            listed.push(id);
        }
        self.go_on(listed);
    }

    fn go_on(&mut self, listed: &mut Vec<Id>) {
        while let Some(held) = self.waiting.remove(&(self.passed + 1)) {
            self.passed += 1;
            if let Held::Message(id) = held {
                listed.push(id);
            }
        }
    }

    /// Nobody waits any more for what stands before this number.
    fn end_wait(&mut self, number: u64, listed: &mut Vec<Id>) {
        let later = self.waiting.split_off(&number);
        let earlier = std::mem::replace(&mut self.waiting, later);
        listed.extend(earlier.into_values().filter_map(|held| match held {
            Held::Message(id) => Some(id),
            Held::Void => None,
        }));
        self.passed = self.passed.max(number.saturating_sub(1));
        self.go_on(listed);
    }
}

/// The inbox of the desk of an agency, as it follows from its entries and those that they speak of. Who
/// reviews what passes through lists that as it comes.
fn derived(
    (agency, is_reviewing): (&str, bool),
    journal: &Journal,
    by_hash: &ByHash<'_>,
) -> Result<Vec<Id>, String> {
    let mut streams: BTreeMap<(String, Vec<u8>), Stream> = BTreeMap::new();
    let mut came: BTreeMap<Id, (Vec<u8>, u64)> = BTreeMap::new();
    let mut listed = Vec::new();
    for (_, entry) in &journal.entries {
        let told = |number: u64| entry.contains_key(&number).then(|| proto::message(entry, number));
        if let Some(taken) = told(fact::TAKEN_OVER).filter(|_| is_reviewing) {
            listed.push(of_header(&proto::bytes(&taken, 1)));
        }
        if let Some(delivered) = told(fact::DELIVERED) {
            let header = proto::bytes(&delivered, 1);
            let (id, (stream, number)) = (of_header(&header), place_in_order(&header));
            // A second handover of it is answered, and brings nothing.
            if came.insert(id.clone(), (stream.clone(), number)).is_none() {
                let stream = streams.entry((id.0.clone(), stream)).or_default();
                stream.take(number, Held::Message(id), &mut listed);
            }
        }
        if let Some(ended) = told(fact::ORDER_WAIT_ENDED) {
            let id = of_reference(&ended);
            let (stream, number) = came.get(&id).cloned().ok_or("a wait for what never came")?;
            streams.entry((id.0, stream)).or_default().end_wait(number, &mut listed);
        }
        if let Some(told) = told(fact::STATEMENT_RECORDED)
            && proto::text(&told, 3) == "undelivered"
        {
            let stated = by_hash.get(&proto::bytes(&told, 4)).ok_or("a statement of nobody")?.1;
            let void = proto::message(stated, fact::UNDELIVERED);
            if proto::text(&void, 2) == agency {
                let order: Fields = proto::message(&void, 3);
                let stream = (of_reference(&void).0, proto::bytes(&order, 1));
                let stream = streams.entry(stream).or_default();
                stream.take(proto::number(&order, 2), Held::Void, &mut listed);
            }
        }
    }
    Ok(listed)
}

/// `listed-as-recorded`: an inbox shows what follows from the entries of its journal, message by message.
pub(super) fn inboxes_are_those_of_entries(
    seen: &Seen,
    journals: &[Journal],
    by_hash: &ByHash<'_>,
) -> Result<(), String> {
    for (at, (node, journal)) in seen.nodes.iter().zip(journals).enumerate() {
        let broken = |what: String| format!("listed-as-recorded: {}: {what}", node.agency);
        let whose = (node.agency.as_str(), seen.reviewing.contains(&at));
        let derived = derived(whose, journal, by_hash).map_err(broken)?;
        let shown = node.inbox.as_ref().map_err(Clone::clone)?;
        let shown: Vec<Id> = shown.iter().map(|(_, header)| of_header(header)).collect();
        let desk = format!("{}/desk", node.agency);
        // What passes through a reviewing agency is shown to its desk, by the name that it has then.
        let elsewhere = node.elsewhere.as_ref().map_err(Clone::clone)?;
        let elsewhere: BTreeSet<Id> = elsewhere.iter().map(|it| of_header(&it.1)).collect();
        if let Some(other) = elsewhere.iter().find(|it| !derived.contains(*it)) {
            return Err(broken(format!("{other:?} never came here, and is shown elsewhere")));
        }
        let at_desk =
            |id: &Id| journal.particulars(id).is_none_or(|it| proto::text(&it, TO) == desk);
        let expected: Vec<Id> =
            derived.into_iter().filter(|it| at_desk(it) && !elsewhere.contains(it)).collect();
        if shown != expected {
            let differs = shown.iter().zip(&expected).find(|(one, other)| one != other);
            return Err(broken(format!(
                "{} are shown and {} follow; first {differs:?}",
                shown.len(),
                expected.len()
            )));
        }
    }
    Ok(())
}
