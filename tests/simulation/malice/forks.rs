//! Journals that lose their credit: one that shows a second history to one neighbour, and one that was cut
//! and is written anew.
//!
//! Whoever finds that takes nothing more of that journal, for good. So these worlds do not come to rest,
//! and what is judged is what honest nodes are promised all the same: the lie is found, with what shows it
//! to anybody; nothing is delivered that was not sent, nor twice, nor stated undelivered besides; and
//! what the liar has in its hands is not settled behind anybody's back.

use std::collections::BTreeSet;

use rogatory::domain::digest::Digest;
use rogatory::domain::ids::JournalName;
use rogatory::merkle::checkpoint::{Checkpoint, SignedCheckpoint, sign_checkpoint_by};
use rogatory::merkle::proof::prove_consistency;
use rogatory::merkle::tree::{Hashes, leaf_hash, root_of};
use rogatory::node::records;
use rogatory::node::setting::Setting;
use rogatory::wire::relay::{CheckpointOffer, Outgoing};

use super::verdict::{
    DELIVERED, HANDED_OVER, SUBMITTED, TAKEN_OVER, UNDELIVERED, about, all, journals, of_header,
};
use super::{Malice, Said};
use crate::network::Frame;
use crate::observed;
use crate::proto::{self, Fields};
use crate::seen::{Id, Seen, Tally, count};
use crate::support::Federation;
use crate::world::World;

const CONFLICT_FOUND: u64 = 26;
/// The second history is shown from then on, in milliseconds of the world.
const FORK_FROM_MS: i64 = 15_000;

/// A second history of a journal, for one neighbour.
#[derive(Clone, Debug)]
pub struct Fork {
    /// Who is shown it.
    victim: usize,
    /// From which entry on it is another.
    from: Option<u64>,
    /// Checkpoints of it that left.
    shown: Vec<Vec<u8>>,
    /// The victim has cosigned one of them.
    is_believed: bool,
}

/// Hashes of leaves, of which a tree is made when it is asked for.
struct Leaves(Vec<Digest>);

impl Hashes for Leaves {
    type Error = std::convert::Infallible;

    fn complete(&self, level: u8, index: u64) -> Result<Digest, Self::Error> {
        let width = 1_u64 << level;
        let at = |it: u64| usize::try_from(it).unwrap_or(usize::MAX);
        let part = &self.0[at(index * width)..at((index + 1) * width)];
        let mut hashes = part.to_vec();
        while hashes.len() > 1 {
            let pair = |it: &[Digest]| rogatory::merkle::tree::node_hash(&it[0], &it[1]);
            hashes = hashes.chunks(2).map(pair).collect();
        }
        Ok(hashes[0])
    }
}

impl Malice {
    /// One that shows a second history to a neighbour; where no node has two, none.
    pub fn forking(seed: u64, federation: &Federation) -> Self {
        let node = Self::place(seed * super::ANYWHERE_EVERY + 1, federation);
        let near = federation.directory.neighbours(&federation.agencies[node]);
        let victim = near.get(usize::try_from(seed).unwrap_or(0) % near.len().max(1));
        let victim = federation.agencies.iter().position(|it| Some(it) == victim);
        let fork =
            victim.map(|victim| Fork { victim, from: None, shown: Vec::new(), is_believed: false });
        Self { fork, ..Self::of_node(seed, Some(node)) }
    }
}

impl World {
    /// Notes whether the victim has cosigned a checkpoint of the second history.
    pub(super) fn note_belief(&mut self) {
        let (Some(fork), Some(liar)) = (&self.malice.fork, self.malice.node) else { return };
        let journal = JournalName::new(self.federation.agencies[liar].clone(), 1);
        let Some(setting) = self.setting(fork.victim).filter(|_| !fork.is_believed) else { return };
        let seen = records::seen_note(setting.store.as_ref(), &journal).ok().flatten();
        let is_believed = seen.is_some_and(|it| fork.shown.contains(&it));
        if let Some(fork) = self.malice.fork.as_mut().filter(|_| is_believed) {
            fork.is_believed = true;
            count(&mut self.tally, "malice: two journals cosigned");
        }
    }

    /// What leaves the node that shows two histories: the victim gets checkpoints of the second.
    pub(super) fn forked(&mut self, from: usize, said: Said) -> Vec<Said> {
        let Some(mut fork) = self.malice.fork.take() else { return vec![said] };
        let offer = match &said.frame {
            Frame::Asking(it) => match it.as_ref() {
                Outgoing::CheckpointOffer(offer) => Some(offer.clone()),
                Outgoing::Hello(_)
                | Outgoing::Handing(_)
                | Outgoing::Notice(_)
                | Outgoing::Missing(_) => None,
            },
            Frame::Answering(_) | Frame::Sent(_) | Frame::Taken(_) => None,
        };
        let is_time = self.is_stormy() && self.lived_ms() >= FORK_FROM_MS;
        let setting = self.setting(from);
        let other = match (offer, setting) {
            (Some(offer), Some(setting)) if said.to == fork.victim && is_time => {
                second(&setting, &offer, &mut fork)
            }
            _ => None,
        };
        self.malice.fork = Some(fork);
        let Some(other) = other else { return vec![said] };
        let frame = Frame::Asking(Box::new(Outgoing::CheckpointOffer(other)));
        vec![Said::of(said.to, said.session, frame).counts("malice: two journals shown")]
    }
}

/// The same offer of a history that is another behind what the peer has seen.
fn second(setting: &Setting, offer: &CheckpointOffer, fork: &mut Fork) -> Option<CheckpointOffer> {
    let known = SignedCheckpoint::parse(&offer.checkpoint).ok()?.checkpoint;
    if known.size <= offer.old_size {
        return None;
    }
    let from = *fork.from.get_or_insert(offer.old_size);
    let mut leaves = Vec::new();
    while (leaves.len() as u64) < known.size {
        let more = setting.journal.read(leaves.len() as u64, 500).ok()?;
        if more.is_empty() {
            return None;
        }
        for bytes in more {
            let is_other = leaves.len() as u64 >= from;
            let bytes = if is_other { [bytes, b"another".to_vec()].concat() } else { bytes };
            leaves.push(leaf_hash(&bytes));
        }
    }
    leaves.truncate(usize::try_from(known.size).ok()?);
    let leaves = Leaves(leaves);
    let root = root_of(&leaves, known.size).ok()?;
    let proof = match offer.old_size {
        0 => Vec::new(),
        old => prove_consistency(&leaves, old, known.size).ok()?,
    };
    let checkpoint = Checkpoint { root, ..known };
    let key = setting.keys.journal.present().ed25519;
    let checkpoint = sign_checkpoint_by(&checkpoint, key.as_ref()).ok()?;
    fork.shown.push(checkpoint.clone());
    Some(CheckpointOffer { old_size: offer.old_size, proof, checkpoint })
}

/// What honest nodes are promised whatever a liar does to its journal; `strictly` if it forgets nothing of
/// what it signed.
pub fn honest_nodes_are_safe(world: &World, liar: usize, strictly: bool) -> Result<Tally, String> {
    let seen = observed::observe(world)?;
    let mut tally = Tally::new();
    let journals = journals(&seen)?;
    let name = seen.nodes[liar].agency.clone();
    let honest: Vec<usize> = (0..journals.len()).filter(|it| *it != liar).collect();
    found(world, liar, &journals, &mut tally)?;
    let by_honest = |number: u64| -> BTreeSet<Id> {
        honest.iter().flat_map(|it| all(&journals[*it], number)).collect()
    };
    let (sent, delivered) = (by_honest(SUBMITTED), by_honest(DELIVERED));
    let undelivered = by_honest(UNDELIVERED);
    let near = touched(&journals, liar, &name);
    if let Some(id) = delivered.iter().find(|it| it.0 != name && !sent.contains(*it)) {
        return Err(format!("sent-by-whom: {id:?} was delivered, and its origin never sent it"));
    }
    let both = delivered.intersection(&undelivered);
    if let Some(id) = both.into_iter().find(|it| strictly || !near.contains(*it)) {
        return Err(format!("delivered-xor-returned: {id:?} is both"));
    }
    for id in sent.iter().filter(|it| !delivered.contains(*it) && !undelivered.contains(*it)) {
        if !near.contains(id) {
            return Err(format!("delivered-xor-returned: {id:?} is neither, far from the liar"));
        }
        count(&mut tally, "malice: in the liar's hands");
    }
    for _ in &delivered {
        count(&mut tally, "message delivered");
    }
    for node in honest {
        listed_once(&seen, node)?;
    }
    nothing_is_read(&seen)?;
    Ok(tally)
}

/// Messages that the liar sent, was sent, took over or was offered: what becomes of them is in its hands,
/// and of what follows them in their order.
fn touched(journals: &[Vec<Fields>], liar: usize, name: &str) -> BTreeSet<Id> {
    let mut found: BTreeSet<Id> = BTreeSet::new();
    for number in [SUBMITTED, TAKEN_OVER, DELIVERED, HANDED_OVER] {
        found.extend(all(&journals[liar], number));
    }
    for entry in journals.iter().flatten() {
        let handover = proto::message(&proto::message(entry, HANDED_OVER), 2);
        if proto::text(&handover, 2) == name {
            found.extend(about(entry, HANDED_OVER));
        }
    }
    found
}

/// Whoever saw a conflict has both checkpoints, by the liar's own key, and they are of two histories.
fn found(
    world: &World,
    liar: usize,
    journals: &[Vec<Fields>],
    tally: &mut Tally,
) -> Result<(), String> {
    let name = JournalName::new(world.federation.agencies[liar].clone(), 1);
    for (node, journal) in journals.iter().enumerate() {
        let setting = world.setting(node).ok_or("a node is down at the end")?;
        for told in journal.iter().filter(|it| it.contains_key(&CONFLICT_FOUND)) {
            let told = proto::message(told, CONFLICT_FOUND);
            if proto::text(&told, 1) != name.to_string() {
                return Err(format!("found: node {node} accuses {}", proto::text(&told, 1)));
            }
            let kept = |number: u64| -> Option<SignedCheckpoint> {
                let hash: [u8; 32] = proto::bytes(&told, number).try_into().ok()?;
                let hash = Digest::from_bytes(hash);
                let note = records::conflict(setting.store.as_ref(), &hash).ok()??;
                // What was offered with a proof stands behind it.
                let at = note.windows(2).position(|it| it == b"\n\n");
                let note = match at.filter(|_| note.starts_with(b"old ")) {
                    Some(at) => note[at + 2..].to_vec(),
                    None => note,
                };
                let keys = setting.directory().journal(&name)?.clone();
                keys.checkpoint(&note).ok()
            };
            let (Some(known), Some(shown)) = (kept(2), kept(3)) else {
                return Err(format!("found: node {node} can't show what it found"));
            };
            if known.checkpoint == shown.checkpoint {
                return Err(format!("found: node {node} shows one history"));
            }
            count(tally, "malice: found");
        }
    }
    let is_believed = world.malice.fork.as_ref().is_some_and(|it| it.is_believed);
    if is_believed && !tally.contains_key("malice: found") {
        return Err("found: two histories were shown, and nobody has found it".to_owned());
    }
    Ok(())
}

fn listed_once(seen: &Seen, node: usize) -> Result<(), String> {
    let mut listed: BTreeSet<Id> = BTreeSet::new();
    for (_, header) in seen.nodes[node].inbox.as_ref().map_err(Clone::clone)? {
        let id = of_header(header);
        if !listed.insert(id.clone()) {
            return Err(format!("order: node {node} lists {id:?} twice"));
        }
    }
    Ok(())
}

fn nothing_is_read(seen: &Seen) -> Result<(), String> {
    let marker = seen.marker.as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(marker.len()).any(|it| it == marker);
    if seen.clear.iter().any(|it| holds(it)) {
        return Err("no-personal-data: the marker stands in clear".to_owned());
    }
    Ok(())
}
