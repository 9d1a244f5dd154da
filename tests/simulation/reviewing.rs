//! Agencies that review what passes through them (UNTOC 18(13)), and their officers: each held message is
//! read, and let go on, given back or remarked on, after a while; some are never decided about.
//!
//! It has chance of its own, so that worlds without such an agency stay what they were.

use std::collections::{BTreeMap, BTreeSet};

use rogatory::clock::Timestamp;
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::Reason;
use rogatory::domain::header::MessageKey;
use rogatory::domain::reviewing::Remark;
use rogatory::history::message;
use rogatory::history::under_review::{self, UnderReview};
use rogatory::identity::{Principal, Role};
use rogatory::node::command::{Call, Command, TransitAct};
use rogatory::node::content;
use rogatory::node::setting::Setting;

use crate::workload::MARKER;
use crate::world::{Chance, Waiting, World, count};

/// So many of a thousand worlds have agencies that review.
pub const REVIEWED_WORLDS: u64 = 250;
/// An officer looks at a message within so long, in milliseconds.
const DELAY_MS: u64 = 12_000;
/// Then he asks again after this time, if it is still listed.
const AGAIN_MS: i64 = 2_000;
/// Nobody ever decides about some messages, but only of those that expire within this time.
const SOON_MS: i64 = 60_000;
/// Who has given a message back so often and sees it still lets it go on: his node said why.
const ASKED_MAX: u64 = 8;
/// Chances of a thousand, at each tick, that a blind way opens past an agency that reviews, once a world.
const WAY_OPENS: u64 = 3;
/// Messages that officers of one agency look at.
const LOOKED_AT: usize = 256;

/// What an officer does about a message.
struct Plan {
    number: usize,
    at: i64,
    remark: Option<Remark>,
    /// None: nobody decides.
    act: Option<TransitAct>,
    asked: u64,
}

/// The agencies that review, and what their officers are about to do.
pub struct Officers {
    chance: Chance,
    /// The nodes of those agencies.
    pub nodes: Vec<usize>,
    plans: BTreeMap<(usize, MessageKey), Plan>,
    /// The directory names a link past one of them.
    is_opened: bool,
    /// What was held and could not be read.
    pub unread: Vec<String>,
}

/// Whether taking these nodes out leaves two of the others without a way.
fn separate(links: &[(usize, usize)], count: usize, out: &[usize]) -> bool {
    let Some(first) = (0..count).find(|it| !out.contains(it)) else {
        return false;
    };
    let (mut reached, mut next) = (BTreeSet::from([first]), vec![first]);
    while let Some(node) = next.pop() {
        for (one, other) in links {
            let peer = if *one == node { *other } else { *one };
            let is_link = *one == node || *other == node;
            if is_link && !out.contains(&peer) && reached.insert(peer) {
                next.push(peer);
            }
        }
    }
    reached.len() + out.len() < count
}

impl Officers {
    /// Who reviews in the world of `seed`: in so many of a thousand, one or two agencies without which
    /// others have no way.
    pub fn planned(seed: u64, count: usize, links: &[(usize, usize)], worlds: u64) -> Self {
        let mut chance = Chance::new(seed ^ 0x0ff1_ce45);
        let mut nodes = Vec::new();
        if chance.one_in_thousand(worlds) {
            let alone = (0..count).map(|it| vec![it]);
            let pairs = (0..count).flat_map(|one| (0..one).map(move |other| vec![one, other]));
            let mut able: Vec<Vec<usize>> =
                alone.chain(pairs).filter(|it| separate(links, count, it)).collect();
            let most = 1 + chance.below(2) as usize;
            if able.iter().any(|it| it.len() == most) {
                able.retain(|it| it.len() == most);
            }
            nodes = chance.pick(&able).cloned().unwrap_or_default();
        }
        Self { chance, nodes, plans: BTreeMap::new(), is_opened: false, unread: Vec::new() }
    }

    fn plan(&mut self, now: i64, expires_in_ms: i64) -> Plan {
        let chance = &mut self.chance;
        let words: Vec<Remark> =
            Remark::ALL.into_iter().filter(|it| *it != Remark::Noted).collect();
        let remark = chance.one_in_thousand(300).then(|| chance.pick(&words).copied());
        let reason = chance.pick(&Reason::OF_REVIEW).copied();
        let act = match (chance.below(10), reason) {
            (0, _) if expires_in_ms < SOON_MS => None,
            (1 | 2, Some(reason)) => Some(TransitAct::Return(reason)),
            _ => Some(TransitAct::Release),
        };
        let at = now + chance.below(DELAY_MS) as i64;
        Plan { number: self.plans.len(), at, remark: remark.flatten(), act, asked: 0 }
    }
}

fn call(setting: &Setting, key: String) -> Call {
    let principal = Principal::new(setting.agency.clone(), Role::Officer, "reviewer");
    Call {
        principal: principal.expect("a well-formed name"),
        fingerprint: Digest::of(key.as_bytes()),
        key,
    }
}

impl World {
    /// Officers of agencies that review do what they are about to do.
    pub fn review(&mut self) {
        self.open_a_way();
        for node in self.officers.nodes.clone() {
            let Some(setting) = self.setting(node) else {
                continue;
            };
            let rows = setting.store.as_ref();
            let held = under_review::ROWS.page(rows, None, LOOKED_AT).unwrap_or_default();
            for (key, held) in held {
                self.look_at(node, &setting, key, &held);
            }
        }
    }

    /// Two neighbours of an agency that reviews are linked, so a blind way leads past it: nodes hear of it
    /// while messages are under way that are sealed to it.
    fn open_a_way(&mut self) {
        let (nodes, is_open) = (self.officers.nodes.clone(), self.officers.is_opened);
        let Some(reviewer) = nodes.first().filter(|_| !is_open && self.is_changing()) else {
            return;
        };
        if !self.is_stormy() || !self.officers.chance.one_in_thousand(WAY_OPENS) {
            return;
        }
        let near = |node: usize| {
            let is = |(one, other): &(usize, usize)| {
                (*one, *other) == (node.min(*reviewer), node.max(*reviewer))
            };
            !nodes.contains(&node) && self.links.iter().any(is)
        };
        let near: Vec<usize> = (0..self.machines.len()).filter(|it| near(*it)).collect();
        if let [one, other, ..] = near[..]
            && self.name_link((one, other))
        {
            count(&mut self.tally, "link opened past a review");
            self.officers.is_opened = true;
            self.links.push((one, other));
        }
    }

    fn look_at(&mut self, node: usize, setting: &Setting, key: MessageKey, held: &UnderReview) {
        let now = self.now();
        let Some(record) = message::find(setting.store.as_ref(), key).ok().flatten() else {
            return;
        };
        let Ok(header) = record.header() else {
            return;
        };
        if !self.officers.plans.contains_key(&(node, key)) {
            let sent_at: Timestamp = header.address.sent_at;
            let expires_in_ms = header.address.expires_at.millis_since(sent_at);
            let plan = self.officers.plan(now, expires_in_ms);
            self.officers.plans.insert((node, key), plan);
        }
        let Some(plan) = self.officers.plans.get_mut(&(node, key)) else {
            return;
        };
        if plan.at > now {
            return;
        }
        plan.at = now + AGAIN_MS;
        // What may have been passed on before is only let go on: somebody must.
        if held.again || (plan.asked > ASKED_MAX && plan.act.is_some()) {
            plan.act = Some(TransitAct::Release);
        }
        let remark = plan.remark.take().map(TransitAct::Annotate);
        let acts = remark.into_iter().chain(plan.act.clone());
        let acts: Vec<TransitAct> = acts.collect();
        plan.asked += 1;
        let number = plan.number;
        if !record.unreadable && record.erased.is_none() {
            let marker = MARKER.as_bytes();
            let opened = content::open(setting, &header);
            let is_read =
                opened.is_ok_and(|it| it.windows(marker.len()).any(|bytes| bytes == marker));
            if !is_read {
                let (origin, message) = (&header.address.origin, header.address.message);
                self.officers.unread.push(format!("node {node}: {origin} {message}"));
            }
        }
        for act in acts {
            let call = call(setting, format!("{act:?} of {number}"));
            count(&mut self.tally, "officer asked");
            self.ask(node, Command::OfTransit { call, message: key, act }, Waiting::Nobody);
        }
    }
}
