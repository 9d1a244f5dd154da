//! Judges a finished run from the bytes that nodes hold, the answers that clients got, and what left nodes.
//!
//! Uses nothing of the product, in any of its files (`tests/house.rs` holds that): entries and skeletons
//! are read with a reader of its own (`proto.rs`, `skeletons.rs`), trees hashed and signatures verified by
//! `notes.rs`, inboxes and stations derived from entries. What the product shows when it is asked comes as
//! plain values (`seen.rs`) and is compared with that. Each invariant is named as in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::proto::{self, Fields};
use crate::seen::{AtAgency, Id, Seen, Tally, count};

use self::notes::{Hash, Keys, Note, leaf, root};

/// Numbers of the facts in an entry's `oneof`.
mod fact {
    pub const SUBMITTED: u64 = 12;
    pub const HANDED_OVER: u64 = 13;
    pub const TAKEN_OVER: u64 = 14;
    pub const DELIVERED: u64 = 15;
    pub const NOT_TAKEN: u64 = 16;
    pub const STATEMENT_RECORDED: u64 = 17;
    pub const RETURNED: u64 = 18;
    pub const UNDELIVERED: u64 = 19;
    pub const SET_ASIDE: u64 = 20;
    pub const ORDER_WAIT_ENDED: u64 = 25;
    pub const WAY_CHOSEN: u64 = 33;
    /// The same fact with another number here, where it is about a word and no message.
    pub const WAY_OF_WORD_CHOSEN: u64 = 1 << 32 | 33;
    pub const CONTENT_ERASED: u64 = 40;
    pub const HOLD_PLACED: u64 = 41;
    pub const HOLD_RELEASED: u64 = 42;
    pub const ERASURE_ASKED: u64 = 44;
    pub const ERASURE_REFUSED: u64 = 45;
}

#[path = "attaching.rs"]
mod attaching;
#[path = "causes.rs"]
mod causes;
#[path = "competent.rs"]
mod competent;
#[path = "cut_offs.rs"]
mod cut_offs;
#[path = "erasing.rs"]
mod erasing;
#[path = "listing.rs"]
mod listing;
#[path = "lost.rs"]
mod lost;
#[path = "notes.rs"]
mod notes;
#[path = "owing.rs"]
mod owing;
#[path = "receipts.rs"]
mod receipts;
#[path = "reviewed.rs"]
mod reviewed;
#[path = "said.rs"]
mod said;
#[path = "skeletons.rs"]
pub mod skeletons;
#[path = "trails.rs"]
mod trails;
#[path = "ways.rs"]
mod ways;

/// A volume of a journal, under the origin line of its checkpoints.
struct Volume {
    name: String,
    entries: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Journal {
    /// What is there, in all volumes.
    entries: Vec<(Vec<u8>, Fields)>,
    /// The agency's own parts of these, opened, in the same order.
    skeletons: Vec<Fields>,
    volumes: Vec<Volume>,
    /// What was there and was lost with the end of a volume.
    gap: Vec<(Vec<u8>, Fields)>,
    /// Particulars of messages that were sent from here, or came here, lost or not.
    particulars: BTreeMap<Id, Vec<u8>>,
}

impl Journal {
    /// Every entry that ever stood in the volume of that name, lost or not.
    fn ever(&self, seen: &Seen, name: &str) -> Option<Vec<Vec<u8>>> {
        let place = self.volumes.iter().position(|it| it.name == name)?;
        let was = seen.lost.as_ref().filter(|_| place == 0 && !self.gap.is_empty());
        Some(was.map_or_else(|| self.volumes[place].entries.clone(), |it| it.entries.clone()))
    }

    /// The particulars of a message, where this agency may know them.
    fn particulars(&self, id: &Id) -> Option<Fields> {
        proto::fields(self.particulars.get(id)?)
    }

    /// The request to which a message belongs, where this agency may know it.
    fn request(&self, id: &Id) -> Option<Vec<u8>> {
        self.particulars(id).map(|it| proto::bytes(&it, 1))
    }

    fn learn(&mut self, entry: &Fields, skeleton: &Fields) {
        for came in [fact::SUBMITTED, fact::DELIVERED] {
            let particulars = proto::bytes(skeleton, 4);
            if entry.contains_key(&came) && !particulars.is_empty() {
                let id = of_header(&proto::bytes(&proto::message(entry, came), 1));
                self.particulars.entry(id).or_insert(particulars);
            }
        }
    }
}

/// Numbers in a skeleton: of the place in an order that is void, and of the agency that is asked to erase.
const WORDS: [u64; 2] = [11, 36];

/// A way that is chosen for a word about a message moves no message.
fn part_words_from_moves(entry: &mut Fields, skeleton: &Fields) {
    let is_word = WORDS.iter().any(|it| skeleton.contains_key(it));
    if let Some(chosen) = is_word.then(|| entry.remove(&fact::WAY_CHOSEN)).flatten() {
        entry.insert(fact::WAY_OF_WORD_CHOSEN, chosen);
    }
}

fn read(seen: &Seen, node: usize) -> Result<Journal, String> {
    let held = &seen.nodes[node];
    let mut journal = Journal::default();
    let parsed = |bytes: &Vec<u8>| -> Result<(Vec<u8>, Fields), String> {
        let fields = proto::fields(bytes).ok_or("an entry is no protobuf")?;
        Ok((bytes.clone(), fields))
    };
    let skeleton = |entry: &Fields| -> Result<Fields, String> {
        let opened = skeletons::opened(&held.skeleton_key, &proto::bytes(entry, 5));
        opened.ok_or_else(|| format!("a skeleton of node {node} does not open"))
    };
    for entries in &held.volumes {
        let fields = entries.iter().map(parsed).collect::<Result<Vec<_>, _>>()?;
        let name = fields.first().map(|(_, it)| proto::text(it, 2)).unwrap_or_default();
        for (bytes, mut entry) in fields {
            let skeleton = skeleton(&entry)?;
            part_words_from_moves(&mut entry, &skeleton);
            journal.learn(&entry, &skeleton);
            journal.skeletons.push(skeleton);
            journal.entries.push((bytes, entry));
        }
        journal.volumes.push(Volume { name, entries: entries.clone() });
    }
    if let Some(lost) = seen.lost.as_ref().filter(|it| it.node == node) {
        let gap = lost.entries.iter().skip(usize::try_from(lost.size).unwrap_or(usize::MAX));
        for (bytes, mut entry) in gap.map(parsed).collect::<Result<Vec<_>, _>>()? {
            let skeleton = skeleton(&entry)?;
            part_words_from_moves(&mut entry, &skeleton);
            journal.learn(&entry, &skeleton);
            journal.gap.push((bytes, entry));
        }
    }
    Ok(journal)
}

fn of_header(header: &[u8]) -> Id {
    let address = address(header);
    (proto::text(&address, 4), proto::bytes(&address, 3))
}

fn address(header: &[u8]) -> Fields {
    proto::message(&proto::fields(header).unwrap_or_default(), 1)
}

/// Stream and number of a header.
fn place_in_order(header: &[u8]) -> (Vec<u8>, u64) {
    let order = proto::message(&address(header), 11);
    (proto::bytes(&order, 1), proto::number(&order, 2))
}

fn of_reference(fact: &Fields) -> Id {
    let message = proto::message(fact, 1);
    (proto::text(&message, 1), proto::bytes(&message, 2))
}

/// When an entry was recorded, in milliseconds.
fn recorded_at(entry: &Fields) -> i64 {
    i64::try_from(proto::number(entry, 3)).unwrap_or(i64::MAX)
}

/// Every entry that ever stood anywhere, by its hash, with the agency whose it is.
type ByHash<'a> = BTreeMap<Vec<u8>, (&'a str, &'a Fields)>;

fn by_hash<'a>(seen: &'a Seen, journals: &'a [Journal]) -> ByHash<'a> {
    let mut found = ByHash::new();
    for (node, journal) in seen.nodes.iter().zip(journals) {
        for (bytes, entry) in journal.entries.iter().chain(&journal.gap) {
            found.insert(Sha256::digest(bytes).to_vec(), (node.agency.as_str(), entry));
        }
    }
    found
}

/// Checks every invariant that exists so far; counts what became of messages.
pub fn check(seen: &Seen) -> Result<Tally, String> {
    let journals: Vec<Journal> =
        (0..seen.nodes.len()).map(|node| read(seen, node)).collect::<Result<_, _>>()?;
    let keys = Keys::read(&seen.directory).ok_or("the directory can't be read")?;
    let by_hash = by_hash(seen, &journals);
    let mut fates = Tally::new();
    let counted = [
        lost::what_was_set_back_keeps_its_word(seen, &journals),
        said::what_was_said_stays_said(seen, &journals),
        delivered_once_or_returned(seen, &journals),
        causes::what_is_not_delivered_has_a_cause(seen, &journals),
        ways::are_chosen_by_whoever_holds(seen, &journals),
        erasing::who_is_asked_hears_and_answers(seen, &journals),
        attaching::attachments_arrive_or_are_refused(seen, &journals),
        receipts::statements_stand_in_journals(&by_hash, &journals),
        owing::what_is_open_is_owned_and_due(seen, &journals),
        reviewed::what_passes_is_released_first(seen, &journals),
        trails::each_that_had_it_is_on_it(seen, &journals),
        cut_offs::nothing_is_taken_in_between(seen, &journals),
        competent::is_the_same_everywhere(seen, &journals),
    ];
    let asserted = [
        acknowledged_survive(seen, &journals),
        custody_is_in_one_place(seen, &journals),
        receipts::receipts_stand_in_journals(seen, &journals, &keys),
        receipts::stations_are_those_of_entries(seen, &journals),
        receipts::cosignatures_hold(seen, &keys),
        refolding_gives_the_same_bytes(seen),
        checkpoints_are_consistent(seen, &journals, &keys),
        listing::inboxes_are_in_order_without_repeats(seen, &journals),
        listing::inboxes_list_what_is_delivered(seen, &journals),
        listing::inboxes_are_those_of_entries(seen, &journals, &by_hash),
        origins_hear_of_deliveries(&journals),
        nothing_is_shown(seen, &journals),
        nobody_is_permitted_what_is_not_his(seen, &journals),
        both_sides_agree(seen, &journals),
        both_sides_hold_the_same_acts(seen, &journals),
        each_has_a_state_of_its_own(seen, &journals),
        owing::nothing_grows_by_itself(seen, &journals),
        refusals_speak_and_write_nothing(seen, &journals),
        erasing::what_is_erased_is_not_served(seen, &journals),
    ];
    let mut broken: Vec<String> = asserted.into_iter().filter_map(Result::err).collect();
    for verdict in counted {
        match verdict {
            Ok(found) => fates.extend(found),
            Err(what) => broken.push(what),
        }
    }
    if broken.is_empty() { Ok(fates) } else { Err(broken.join("; ")) }
}

/// Checks a world in which a link never carries anything: some wait there for what can't come.
pub fn check_severed(seen: &Seen) -> Result<Tally, String> {
    let journals: Vec<Journal> =
        (0..seen.nodes.len()).map(|node| read(seen, node)).collect::<Result<_, _>>()?;
    let keys = Keys::read(&seen.directory).ok_or("the directory can't be read")?;
    let mut tally = ways::are_chosen_by_whoever_holds(seen, &journals)?;
    tally.extend(ways::a_way_that_is_left_is_taken(seen, &journals)?);
    tally.extend(trails::each_that_had_it_is_on_it(seen, &journals)?);
    custody_is_in_one_place(seen, &journals)?;
    receipts::receipts_stand_in_journals(seen, &journals, &keys)?;
    refolding_gives_the_same_bytes(seen)?;
    listing::inboxes_are_in_order_without_repeats(seen, &journals)?;
    Ok(tally)
}

/// `same-course`: once all is delivered or returned, both sides of a request show the same state of it,
/// item by item.
fn both_sides_agree(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    let touched = lost::touched_requests(seen, journals);
    let mut courses: BTreeMap<&AtAgency, (usize, &Vec<String>)> = BTreeMap::new();
    for (node, shown) in seen.nodes.iter().enumerate() {
        let shown = shown.courses.as_ref().map_err(Clone::clone)?;
        for (name, states) in shown.iter().filter(|(name, _)| !touched.contains(&name.0)) {
            // A request that never arrived is known to its sender alone.
            let (one, known) = *courses.entry(name).or_insert((node, states));
            if known != states {
                return Err(format!(
                    "same-course: request {name:?} stands at {known:?} on node {one} and at \
                     {states:?} on node {node}"
                ));
            }
        }
    }
    Ok(())
}

/// `same-acts`: what a message does is the same in the entries of its origin and of its destination.
fn both_sides_hold_the_same_acts(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    for (node, journal) in journals.iter().enumerate() {
        for id in about(journal, fact::DELIVERED) {
            let origin = seen.nodes.iter().position(|it| it.agency == id.0);
            let origin = origin.ok_or("same-acts: a message of nobody")?;
            let sent = journals[origin].particulars.get(&id);
            let came = journal.particulars.get(&id);
            if sent.is_some() && came.is_some() && sent != came {
                return Err(format!(
                    "same-acts: {id:?} says one thing on node {origin} and another on node {node}"
                ));
            }
        }
    }
    Ok(())
}

/// `same-course`: a request to several agencies has a state at each of them.
fn each_has_a_state_of_its_own(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    let touched = lost::touched_requests(seen, journals);
    for (node, journal) in seen.nodes.iter().zip(journals) {
        let courses = node.courses.as_ref().map_err(Clone::clone)?;
        for (_, entry) in &journal.entries {
            let header = proto::bytes(&proto::message(entry, fact::SUBMITTED), 1);
            let said = journal.particulars(&of_header(&header)).unwrap_or_default();
            let (request, to) = (proto::bytes(&said, 1), proto::text(&address(&header), 5));
            let opens = !header.is_empty() && proto::text(&said, 3) == "request";
            let name = (request, to);
            // Who means harm writes in the name of others' desks: those requests are not its own.
            let own_desk = format!("{}/", node.agency);
            let is_forged = !proto::text(&said, 5).starts_with(&own_desk);
            if is_forged && seen.harmful.is_some_and(|it| seen.nodes[it].agency == node.agency) {
                continue;
            }
            if opens && !touched.contains(&name.0) && !courses.contains_key(&name) {
                return Err(format!("same-course: {name:?} has no state on {}", node.agency));
            }
        }
    }
    Ok(())
}

/// `refused-without-trace`: a refusal says what is possible instead, and what was refused stands in
/// no journal.
fn refusals_speak_and_write_nothing(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    if let Some(silent) = seen.silent.first() {
        return Err(format!("refused-without-trace: {silent}"));
    }
    let mut written: BTreeSet<Id> = BTreeSet::new();
    for journal in journals {
        written.extend(about(journal, fact::SUBMITTED));
        written.extend(about(journal, fact::DELIVERED));
    }
    for (origin, message) in &seen.refused {
        let id = (seen.nodes[*origin].agency.clone(), message.clone());
        if written.contains(&id) {
            let story = lost::story(journals, &id);
            return Err(format!("refused-without-trace: {id:?} was refused: {story}"));
        }
    }
    Ok(())
}

/// `acknowledged-survives`: what a client was told stands in the journal, at its place.
fn acknowledged_survive(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    for told in &seen.acknowledged {
        let entry = journals[told.origin].entries.get(told.position as usize);
        let submitted = entry.map(|(_, fields)| proto::message(fields, fact::SUBMITTED));
        let id = submitted.map(|fact| of_header(&proto::bytes(&fact, 1)));
        if id != Some((seen.nodes[told.origin].agency.clone(), told.message.clone())) {
            return Err(format!("acknowledged-survives: {:?} is lost", told.message));
        }
    }
    Ok(())
}

fn about(journal: &Journal, number: u64) -> Vec<Id> {
    about_in(&journal.entries, number)
}

fn about_in(entries: &[(Vec<u8>, Fields)], number: u64) -> Vec<Id> {
    let facts = entries.iter().filter(|(_, fields)| fields.contains_key(&number));
    facts
        .map(|(_, fields)| {
            let fact = proto::message(fields, number);
            match number {
                fact::SUBMITTED | fact::TAKEN_OVER | fact::DELIVERED => {
                    of_header(&proto::bytes(&fact, 1))
                }
                _ => of_reference(&fact),
            }
        })
        .collect()
}

/// `delivered-xor-returned`: each message is delivered, once, or stated undelivered; never both,
/// and at the end never neither, unless the only one who could say so was set back and lost it.
fn delivered_once_or_returned(seen: &Seen, journals: &[Journal]) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let mut wanted: BTreeSet<Id> = BTreeSet::new();
    for journal in journals {
        wanted.extend(about(journal, fact::SUBMITTED));
        wanted.extend(about_in(&journal.gap, fact::SUBMITTED));
    }
    let delivered: BTreeSet<Id> =
        journals.iter().flat_map(|it| about(it, fact::DELIVERED)).collect();
    let undelivered: BTreeSet<Id> =
        journals.iter().flat_map(|it| about(it, fact::UNDELIVERED)).collect();
    for id in &wanted {
        match (delivered.contains(id), undelivered.contains(id)) {
            (true, true) => {
                let story = lost::story(journals, id);
                return Err(format!("delivered-xor-returned: {id:?} is both: {story}"));
            }
            (false, false) if lost::is_out_of_sight(seen, journals, id) => {
                count(&mut tally, "message out of sight");
            }
            (false, false) => {
                let story = lost::story(journals, id);
                return Err(format!("delivered-xor-returned: {id:?} is neither: {story}"));
            }
            (true, false) => count(&mut tally, "message delivered"),
            (false, true) => count(&mut tally, "message undelivered"),
        }
    }
    if let Some(id) = delivered.difference(&wanted).next() {
        return Err(format!("delivered-xor-returned: {id:?} was delivered, but never submitted"));
    }
    Ok(tally)
}

/// `one-custody`: by their own entries, exactly one node holds each message at the end, or none if
/// it is undelivered. Of what a node lost that was set back, the others hold it once at most.
fn custody_is_in_one_place(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    let mut holders: BTreeMap<Id, BTreeSet<usize>> = BTreeMap::new();
    for (node, journal) in journals.iter().enumerate() {
        let mut doubts: BTreeMap<Id, u64> = BTreeMap::new();
        let mut stated: BTreeSet<Id> = BTreeSet::new();
        for (_, fields) in &journal.entries {
            for taken in [fact::SUBMITTED, fact::TAKEN_OVER, fact::DELIVERED] {
                if !fields.contains_key(&taken) {
                    continue;
                }
                let id = of_header(&proto::bytes(&proto::message(fields, taken), 1));
                // What is stated once more in a new volume changes nothing.
                if taken != fact::SUBMITTED || stated.insert(id.clone()) {
                    holders.entry(id).or_default().insert(node);
                }
            }
            if fields.contains_key(&fact::HANDED_OVER) {
                let handed = proto::message(fields, fact::HANDED_OVER);
                let number = proto::number(&proto::message(&handed, 2), 3);
                doubts.insert(of_reference(&handed), number);
            }
            // What was given back is its origin's again.
            if fields.contains_key(&fact::WAY_CHOSEN) {
                let id = of_reference(&proto::message(fields, fact::WAY_CHOSEN));
                holders.entry(id).or_default().insert(node);
            }
            for ended in [fact::RETURNED, fact::UNDELIVERED] {
                if fields.contains_key(&ended) {
                    let id = of_reference(&proto::message(fields, ended));
                    holders.entry(id).or_default().remove(&node);
                }
            }
            if fields.contains_key(&fact::STATEMENT_RECORDED) {
                let told = proto::message(fields, fact::STATEMENT_RECORDED);
                let station = proto::text(&told, 3);
                let id = of_reference(&told);
                let passed = matches!(station.as_str(), "relayed" | "delivered");
                if passed && doubts.remove(&id).is_some() {
                    holders.entry(id).or_default().remove(&node);
                }
            }
        }
    }
    let undelivered: BTreeSet<Id> =
        journals.iter().flat_map(|it| about(it, fact::UNDELIVERED)).collect();
    let (lost, touched) = (seen.lost.as_ref().map(|it| it.node), lost::touched(journals));
    for (id, mut nodes) in holders {
        if let Some(lost) = lost.filter(|_| touched.contains(&id)) {
            nodes.remove(&lost);
            if nodes.len() > 1 {
                return Err(format!("one-custody: {id:?} is held by {nodes:?}"));
            }
            continue;
        }
        let expected = usize::from(!undelivered.contains(&id));
        if nodes.len() != expected {
            let story = lost::story(journals, &id);
            return Err(format!("one-custody: {id:?} is held by {nodes:?}: {story}"));
        }
    }
    Ok(())
}

/// `refold`: dropping every row and folding the journal again gives the same bytes.
fn refolding_gives_the_same_bytes(seen: &Seen) -> Result<(), String> {
    for (node, shown) in seen.nodes.iter().enumerate() {
        let hashes = shown.refolded.as_ref().map_err(Clone::clone)?;
        if hashes.as_ref().is_some_and(|(before, after)| before != after) {
            return Err(format!("refold: node {node} has another state"));
        }
    }
    Ok(())
}

/// `no-fork`: every checkpoint that ever left a node is one of the volume that it names, as that stood
/// before any of it was lost, and is signed by a key of that volume which counts at its size.
fn checkpoints_are_consistent(
    seen: &Seen,
    journals: &[Journal],
    keys: &Keys,
) -> Result<(), String> {
    let mut leaves: BTreeMap<String, Vec<Hash>> = BTreeMap::new();
    for journal in journals {
        for volume in &journal.volumes {
            let ever = journal.ever(seen, &volume.name).unwrap_or_default();
            leaves.insert(volume.name.clone(), ever.iter().map(|it| leaf(it)).collect());
        }
    }
    for note in &seen.checkpoints {
        let note = Note::read(note).ok_or("no-fork: a checkpoint is malformed")?;
        let (name, size) = (&note.name, note.size);
        let leaves = leaves.get(name).and_then(|it| it.get(..size as usize));
        if leaves.map(root) != Some(note.root) {
            return Err(format!("no-fork: {name} was shown with another history of size {size}"));
        }
        // Of a volume whose end was lost only that counts, by the directory, which somebody has seen.
        let first = seen.lost.as_ref().and_then(|it| journals[it.node].volumes.first());
        let is_lost = first.is_some_and(|it| it.name == *name);
        let is_signed = if is_lost { keys.had_signed(&note) } else { keys.have_signed(&note) };
        if !is_signed {
            return Err(format!("no-fork: {name} of size {size} is not signed by its keys"));
        }
    }
    Ok(())
}

/// `delivered-is-heard`: the origin of a message recorded that it was delivered.
fn origins_hear_of_deliveries(journals: &[Journal]) -> Result<(), String> {
    let delivered: BTreeSet<Id> =
        journals.iter().flat_map(|it| about(it, fact::DELIVERED)).collect();
    let touched = lost::touched(journals);
    for (node, journal) in journals.iter().enumerate() {
        let heard = erasing::told(journal, "delivered");
        let own = about(journal, fact::SUBMITTED).into_iter();
        let own = own.filter(|it| delivered.contains(it) && !touched.contains(it));
        if let Some(id) = own.into_iter().find(|it| !heard.contains(it)) {
            return Err(format!("delivered-is-heard: node {node} has not heard of {id:?}"));
        }
    }
    Ok(())
}

/// `no-other-verb`: what a role may not do is refused to it; and no entry says that it was done by one.
fn nobody_is_permitted_what_is_not_his(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    /// Facts that are an officer's, or an operator's, if somebody's.
    const OF_OFFICERS: [u64; 7] = [
        fact::SUBMITTED,
        21,
        22,
        24,
        fact::HOLD_PLACED,
        fact::HOLD_RELEASED,
        fact::ERASURE_REFUSED,
    ];
    const OF_OPERATORS: [u64; 2] = [fact::WAY_CHOSEN, fact::UNDELIVERED];
    if let Some(what) = seen.permitted.first() {
        return Err(format!("no-other-verb: {what}"));
    }
    for (node, journal) in journals.iter().enumerate() {
        for ((_, entry), skeleton) in journal.entries.iter().zip(&journal.skeletons) {
            let by = proto::text(skeleton, 1);
            let is_of = |facts: &[u64]| facts.iter().any(|it| entry.contains_key(it));
            let is_wrong = (is_of(&OF_OFFICERS) && !by.contains("/officer/"))
                || (is_of(&OF_OPERATORS) && !by.contains("/operator/"));
            if !by.is_empty() && is_wrong {
                return Err(format!("no-other-verb: {by} did on node {node} what is not for it"));
            }
        }
    }
    Ok(())
}

/// `no-personal-data`: the marker stands in no entry and in nothing that travels.
fn nothing_is_shown(seen: &Seen, journals: &[Journal]) -> Result<(), String> {
    let marker = seen.marker.as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(marker.len()).any(|it| it == marker);
    let in_entries = journals.iter().any(|it| it.entries.iter().any(|(bytes, _)| holds(bytes)));
    if in_entries || seen.clear.iter().any(|bytes| holds(bytes)) {
        return Err("no-personal-data: the marker stands in clear".to_owned());
    }
    Ok(())
}
