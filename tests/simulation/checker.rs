//! Judges a finished run from the bytes that nodes hold and the answers that clients got.
//!
//! Shares no code with the node: entries are read with a reader of its own, trees are hashed by a
//! recursion of its own. Each invariant is named as in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use rogatory::domain::header::MessageKey;
use rogatory::history;
use rogatory::node::{self, query};

use crate::proto::{self, Fields};
use crate::support;
use crate::workload::MARKER;
use crate::world::{Id, Tally, World, count};

/// Numbers of the facts in an entry's `oneof`.
mod fact {
    pub const SUBMITTED: u64 = 12;
    pub const HANDED_OVER: u64 = 13;
    pub const TAKEN_OVER: u64 = 14;
    pub const DELIVERED: u64 = 15;
    pub const STATEMENT_RECORDED: u64 = 17;
    pub const RETURNED: u64 = 18;
    pub const UNDELIVERED: u64 = 19;
    pub const ORDER_WAIT_ENDED: u64 = 25;
    pub const WAY_CHOSEN: u64 = 33;
    pub const CONTENT_ERASED: u64 = 40;
    pub const ERASURE_ASKED: u64 = 44;
    pub const ERASURE_REFUSED: u64 = 45;
}

#[path = "attaching.rs"]
mod attaching;
#[path = "erasing.rs"]
mod erasing;
#[path = "lost.rs"]
mod lost;
#[path = "reviewed.rs"]
mod reviewed;
#[path = "said.rs"]
mod said;
#[path = "ways.rs"]
mod ways;

type Hash = [u8; 32];

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            let mut hash = Sha256::new();
            hash.update([1]);
            hash.update(root(left));
            hash.update(root(right));
            hash.finalize().into()
        }
    }
}

/// A volume of a journal, under the origin line of its checkpoints.
struct Volume {
    name: String,
    entries: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Journal {
    /// What is there, in all volumes.
    entries: Vec<(Vec<u8>, Fields)>,
    volumes: Vec<Volume>,
    /// What was there and was lost with the end of a volume.
    gap: Vec<(Vec<u8>, Fields)>,
}

impl Journal {
    /// Every entry that ever stood in the volume of that name, lost or not.
    fn ever(&self, world: &World, name: &str) -> Option<Vec<Vec<u8>>> {
        let place = self.volumes.iter().position(|it| it.name == name)?;
        let was = lost::lost(world).filter(|_| place == 0 && !self.gap.is_empty());
        Some(was.map_or_else(|| self.volumes[place].entries.clone(), |it| it.entries.clone()))
    }
}

fn leaf(bytes: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(bytes);
    hash.finalize().into()
}

fn read(world: &World, node: usize) -> Result<Journal, String> {
    let setting = world.setting(node).ok_or("a node is down at the end")?;
    let mut journal = Journal::default();
    let parsed = |bytes: &Vec<u8>| -> Result<(Vec<u8>, Fields), String> {
        let fields = proto::fields(bytes).ok_or("an entry is no protobuf")?;
        Ok((bytes.clone(), fields))
    };
    for volume in setting.before.volumes().iter().chain([&setting.journal]) {
        let mut entries: Vec<Vec<u8>> = Vec::new();
        loop {
            let from = entries.len() as u64;
            let more = volume.read(from, 500).map_err(|error| error.to_string())?;
            if more.is_empty() {
                break;
            }
            entries.extend(more);
        }
        let fields = entries.iter().map(parsed).collect::<Result<Vec<_>, _>>()?;
        let name = fields.first().map(|(_, it)| proto::text(it, 2)).unwrap_or_default();
        journal.entries.extend(fields);
        journal.volumes.push(Volume { name, entries });
    }
    if let Some(lost) = lost::lost(world).filter(|it| it.node == node) {
        let gap = lost.entries.iter().skip(usize::try_from(lost.size).unwrap_or(usize::MAX));
        journal.gap = gap.map(parsed).collect::<Result<_, _>>()?;
    }
    Ok(journal)
}

fn of_header(header: &[u8]) -> Id {
    let header = proto::fields(header).unwrap_or_default();
    let address = proto::message(&header, 1);
    (proto::text(&address, 4), proto::bytes(&address, 3))
}

/// Stream and number of a header.
fn place_in_order(header: &[u8]) -> (Vec<u8>, u64) {
    let header = proto::fields(header).unwrap_or_default();
    let order = proto::message(&proto::message(&header, 1), 11);
    (proto::bytes(&order, 1), proto::number(&order, 2))
}

fn of_reference(fact: &Fields) -> Id {
    let message = proto::message(fact, 1);
    (proto::text(&message, 1), proto::bytes(&message, 2))
}

/// Checks every invariant that exists so far; counts what became of messages.
pub fn check(world: &World) -> Result<Tally, String> {
    let journals: Vec<Journal> =
        (0..world.machines.len()).map(|node| read(world, node)).collect::<Result<_, _>>()?;
    let (mut fates, mut attached, mut passed) = (Tally::new(), Tally::new(), Tally::new());
    let (mut chosen, mut kept, mut words) = (Tally::new(), Tally::new(), Tally::new());
    let mut reviewed = Tally::new();
    let verdicts = [
        lost::what_was_set_back_keeps_its_word(world, &journals).map(|found| kept = found),
        said::what_was_said_stays_said(world, &journals).map(|found| words = found),
        acknowledged_survive(world, &journals),
        delivered_once_or_returned(world, &journals).map(|found| fates = found),
        custody_is_in_one_place(world, &journals),
        ways::are_chosen_by_whoever_holds(world, &journals).map(|found| chosen = found),
        receipts_stand_in_journals(world, &journals),
        refolding_gives_the_same_bytes(world),
        checkpoints_are_consistent(world, &journals),
        inboxes_are_in_order_without_repeats(world, &journals),
        inboxes_list_what_is_delivered(world, &journals),
        origins_hear_of_deliveries(&journals),
        nothing_is_shown(world, &journals),
        both_sides_agree(world, &journals),
        refusals_speak_and_write_nothing(world, &journals),
        erasing::what_is_erased_is_not_served(world, &journals),
        erasing::who_is_asked_hears_and_answers(world, &journals).map(|found| passed = found),
        attaching::attachments_arrive_or_are_refused(world, &journals)
            .map(|found| attached = found),
        reviewed::what_passes_is_released_first(world, &journals).map(|found| reviewed = found),
    ];
    fates.extend(attached);
    fates.extend(passed);
    fates.extend(chosen);
    fates.extend(kept);
    fates.extend(words);
    fates.extend(reviewed);
    let broken: Vec<String> = verdicts.into_iter().filter_map(Result::err).collect();
    if broken.is_empty() { Ok(fates) } else { Err(broken.join("; ")) }
}

/// Checks a world in which a link never carries anything: some wait there for what can't come.
pub fn check_severed(world: &World) -> Result<Tally, String> {
    let journals: Vec<Journal> =
        (0..world.machines.len()).map(|node| read(world, node)).collect::<Result<_, _>>()?;
    let mut tally = ways::are_chosen_by_whoever_holds(world, &journals)?;
    tally.extend(ways::a_way_that_is_left_is_taken(world, &journals)?);
    custody_is_in_one_place(world, &journals)?;
    receipts_stand_in_journals(world, &journals)?;
    refolding_gives_the_same_bytes(world)?;
    inboxes_are_in_order_without_repeats(world, &journals)?;
    Ok(tally)
}

/// `same-course`: once all is delivered or returned, both sides of a request stand in the same state,
/// item by item.
fn both_sides_agree(world: &World, journals: &[Journal]) -> Result<(), String> {
    let touched = lost::touched_requests(world, journals);
    let mut courses: BTreeMap<(String, String), (usize, Vec<String>)> = BTreeMap::new();
    for node in 0..world.machines.len() {
        let setting = world.setting(node).ok_or("a node is down at the end")?;
        let views = query::requests_page(&setting, None, 10_000).map_err(|it| it.to_string())?;
        for view in views.iter().filter(|it| !touched.contains(&it.id.to_string())) {
            for (agency, docket) in &view.dockets {
                let name = (view.id.to_string(), agency.to_string());
                let states: Vec<String> =
                    docket.courses().iter().map(|it| it.state.to_string()).collect();
                let known = courses.entry(name.clone()).or_insert((node, states.clone()));
                // A request that never arrived is known to its sender alone.
                if known.1 != states {
                    let (one, other) = (known.0, node);
                    return Err(format!(
                        "same-course: request {} stands at {:?} on node {one} and at {states:?} \
                         on node {other}",
                        name.0, known.1
                    ));
                }
            }
        }
    }
    Ok(())
}

/// `refused-without-trace`: a refusal says what is possible instead, and what was refused stands in
/// no journal.
fn refusals_speak_and_write_nothing(world: &World, journals: &[Journal]) -> Result<(), String> {
    if let Some(silent) = world.workload.silent.first() {
        return Err(format!("refused-without-trace: {silent}"));
    }
    let mut written: BTreeSet<Id> = BTreeSet::new();
    for journal in journals {
        written.extend(about(journal, fact::SUBMITTED));
        written.extend(about(journal, fact::DELIVERED));
    }
    for refused in &world.workload.refused {
        let agency = world.federation.agencies[refused.origin].to_string();
        if written.contains(&(agency, refused.message.as_bytes().to_vec())) {
            return Err(format!("refused-without-trace: {} was refused", refused.message));
        }
    }
    Ok(())
}

/// `acknowledged-survives`: what a client was told stands in the journal, at its place.
fn acknowledged_survive(world: &World, journals: &[Journal]) -> Result<(), String> {
    for told in &world.workload.acknowledged {
        let entry = journals[told.origin].entries.get(told.position as usize);
        let submitted = entry.map(|(_, fields)| proto::message(fields, fact::SUBMITTED));
        let id = submitted.map(|fact| of_header(&proto::bytes(&fact, 1)));
        let agency = world.federation.agencies[told.origin].to_string();
        if id != Some((agency, told.message.as_bytes().to_vec())) {
            return Err(format!("acknowledged-survives: {} is lost", told.message));
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
fn delivered_once_or_returned(world: &World, journals: &[Journal]) -> Result<Tally, String> {
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
            (false, false) if lost::is_out_of_sight(world, journals, id) => {
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
fn custody_is_in_one_place(world: &World, journals: &[Journal]) -> Result<(), String> {
    let mut holders: BTreeMap<Id, BTreeSet<usize>> = BTreeMap::new();
    for (node, journal) in journals.iter().enumerate() {
        let mut doubts: BTreeMap<Id, u64> = BTreeMap::new();
        for (_, fields) in &journal.entries {
            for taken in [fact::SUBMITTED, fact::TAKEN_OVER, fact::DELIVERED] {
                if fields.contains_key(&taken) {
                    let id = of_header(&proto::bytes(&proto::message(fields, taken), 1));
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
    let (lost, touched) = (lost::lost(world).map(|it| it.node), lost::touched(journals));
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

fn path_root(leaf: Hash, mut index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let (mut hash, mut last) = (leaf, size.checked_sub(1)?);
    let mut path = path.iter();
    while last > 0 {
        if index % 2 == 1 || index == last {
            while index.is_multiple_of(2) && index != 0 {
                index /= 2;
                last /= 2;
            }
            if last == 0 {
                break;
            }
            let left = path.next()?;
            let mut node = Sha256::new();
            node.update([1]);
            node.update(left);
            node.update(hash);
            hash = node.finalize().into();
        } else {
            let right = path.next()?;
            let mut node = Sha256::new();
            node.update([1]);
            node.update(hash);
            node.update(right);
            hash = node.finalize().into();
        }
        index /= 2;
        last /= 2;
    }
    path.next().is_none().then_some(hash)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|it| *it == letter)? as u32;
        (bits, held) = ((bits << 6) | value, held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

fn size_and_root(note: &str) -> Option<(u64, Hash)> {
    let mut lines = note.lines().skip(1);
    let size = lines.next()?.parse().ok()?;
    Some((size, base64(lines.next()?)?.try_into().ok()?))
}

/// `receipt-in-journal`: each proof that a node shows leads from an entry of the journal it names
/// to the root of the checkpoint that comes with it.
fn receipts_stand_in_journals(world: &World, journals: &[Journal]) -> Result<(), String> {
    let broken = |what: &str| format!("receipt-in-journal: {what}");
    for told in &world.workload.acknowledged {
        let setting = world.setting(told.origin).ok_or("a node is down at the end")?;
        let key = MessageKey::new(&setting.agency, told.message);
        let view = query::message(&setting, key).map_err(|error| error.to_string())?;
        let view = view.ok_or_else(|| broken("an acknowledged message is not shown"))?;
        for station in view.stations {
            let receipt = station.receipt.ok_or_else(|| broken("a station has no proof"))?;
            let text = String::from_utf8(receipt.proof).map_err(|error| error.to_string())?;
            let (head, note) = text.split_once("\n\n").ok_or_else(|| broken("no checkpoint"))?;
            let index = head.lines().find_map(|line| line.strip_prefix("index "));
            let index: u64 =
                index.and_then(|it| it.parse().ok()).ok_or_else(|| broken("no index"))?;
            let path: Option<Vec<Hash>> = head
                .lines()
                .filter(|line| line.len() == 44)
                .map(|line| base64(line)?.try_into().ok())
                .collect();
            let path = path.ok_or_else(|| broken("a hash is malformed"))?;
            let (size, signed) = size_and_root(note).ok_or_else(|| broken("no root"))?;
            let computed = path_root(leaf(&receipt.entry), index, size, &path);
            let issuer =
                world.federation.agencies.iter().position(|it| *it == station.record.agency);
            let name = note.lines().next().unwrap_or_default();
            let volume = issuer.and_then(|node| journals[node].ever(world, name));
            let stands = volume.and_then(|it| it.get(index as usize).cloned());
            if computed != Some(signed) || stands.is_none_or(|bytes| bytes != receipt.entry) {
                return Err(broken(&format!("{} of {}", station.record.station, told.message)));
            }
        }
    }
    Ok(())
}

/// `refold`: dropping every row and folding the journal again gives the same bytes.
///
/// A broken port may refuse to drop rows, and dropping them would never end: there it is not asked.
fn refolding_gives_the_same_bytes(world: &World) -> Result<(), String> {
    if !world.is_sound() {
        return Ok(());
    }
    for node in 0..world.machines.len() {
        let setting = world.setting(node).ok_or("a node is down at the end")?;
        let hash = || history::state_hash(setting.store.as_ref()).map_err(|it| it.to_string());
        let before = hash()?;
        node::rebuild(&setting).map_err(|error| error.to_string())?;
        if hash()? != before {
            return Err(format!("refold: node {node} has another state"));
        }
    }
    Ok(())
}

/// `no-fork`: every checkpoint that ever left a node is one of the volume that it names, as that stood
/// before any of it was lost.
fn checkpoints_are_consistent(world: &World, journals: &[Journal]) -> Result<(), String> {
    let mut leaves: BTreeMap<String, Vec<Hash>> = BTreeMap::new();
    for journal in journals {
        for volume in &journal.volumes {
            let ever = journal.ever(world, &volume.name).unwrap_or_default();
            leaves.insert(volume.name.clone(), ever.iter().map(|it| leaf(it)).collect());
        }
    }
    let shown: BTreeSet<&[u8]> = world.shown.iter().map(Vec::as_slice).collect();
    for note in shown {
        let text = String::from_utf8_lossy(note);
        let name = text.lines().next().unwrap_or_default();
        let (size, signed) = size_and_root(&text).ok_or("no-fork: a checkpoint is malformed")?;
        let leaves = leaves.get(name).and_then(|it| it.get(..size as usize));
        if leaves.map(root) != Some(signed) {
            return Err(format!("no-fork: {name} was shown with another history of size {size}"));
        }
    }
    Ok(())
}

/// `order`: an inbox lists each message once, and those of one stream by their numbers, but for
/// what came after its wait had ended.
fn inboxes_are_in_order_without_repeats(world: &World, journals: &[Journal]) -> Result<(), String> {
    for (node, journal) in journals.iter().enumerate() {
        let ended: BTreeSet<Id> = about(journal, fact::ORDER_WAIT_ENDED).into_iter().collect();
        let mut excused = BTreeSet::new();
        let setting = world.setting(node).ok_or("a node is down at the end")?;
        let desk = support::desk(&setting.agency);
        let places =
            query::inbox_page(&setting, &desk, 0, 10_000).map_err(|error| error.to_string())?;
        let mut seen = BTreeSet::new();
        let mut last: BTreeMap<[u8; 16], u64> = BTreeMap::new();
        let mut before_it = 0;
        for (place, view) in &places {
            let address = &view.header.address;
            let follows = lost::may_follow(world, node, before_it, *place);
            before_it = *place;
            if !follows || !seen.insert((address.origin.clone(), address.message)) {
                return Err(format!("order: node {node} lists {} again", address.message));
            }
            // What only passes through stands there as it came.
            if address.destination != setting.agency {
                continue;
            }
            let before = last.insert(address.order.stream, address.order.number).unwrap_or(0);
            let id = (address.origin.to_string(), address.message.as_bytes().to_vec());
            if ended.contains(&id) {
                excused.insert(address.order.stream);
            }
            if address.order.number < before && !excused.contains(&address.order.stream) {
                let (number, story) = (address.order.number, lost::story(journals, &id));
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
fn inboxes_list_what_is_delivered(world: &World, journals: &[Journal]) -> Result<(), String> {
    let waited_for = lost::places_that_stay_open(journals);
    for (node, journal) in journals.iter().enumerate() {
        let setting = world.setting(node).ok_or("a node is down at the end")?;
        let desk = support::desk(&setting.agency);
        let places =
            query::inbox_page(&setting, &desk, 0, 10_000).map_err(|error| error.to_string())?;
        let listed: BTreeSet<Id> =
            places.iter().map(|(_, view)| of_header(&view.header.bytes)).collect();
        for (_, entry) in &journal.entries {
            let header = proto::bytes(&proto::message(entry, fact::DELIVERED), 1);
            let (id, place) = (of_header(&header), place_in_order(&header));
            if header.is_empty() || listed.contains(&id) {
                continue;
            }
            let waits = |open: &(Vec<u8>, u64)| open.0 == place.0 && open.1 < place.1;
            if !waited_for.iter().any(waits) {
                return Err(format!(
                    "delivered-is-listed: {id:?} stands in no inbox of node {node}"
                ));
            }
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

/// `no-personal-data`: the marker stands in no entry and in nothing that travels.
fn nothing_is_shown(world: &World, journals: &[Journal]) -> Result<(), String> {
    let marker = MARKER.as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(marker.len()).any(|it| it == marker);
    let in_entries = journals.iter().any(|it| it.entries.iter().any(|(bytes, _)| holds(bytes)));
    if in_entries || world.clear_headers.iter().any(|bytes| holds(bytes)) {
        return Err("no-personal-data: the marker stands in clear".to_owned());
    }
    Ok(())
}
