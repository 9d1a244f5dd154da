//! A transit that means harm: what leaves it is altered, repeated, reordered, sent to somebody else, held
//! until it is too late, or kept; it floods, lies about attachments, and forges addresses and desks.
//!
//! Its node is the shipped one; what it says goes wrong behind it, as a transit with the right key could
//! do it. Frames are altered as bytes and read again as the receiving node would; what cannot be read does
//! not arrive. All of the invariants hold for everybody, and for it. An act counts once a node has taken the
//! frame that it made, or once the journals show what came of it. `forks.rs` has what ends its
//! journal's credit: a second history, and one that was cut and goes on.

mod acts;
pub mod forks;
pub mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use rogatory::domain::header::Channel;
use rogatory::domain::limits::CLOCK_SKEW_MS_MAX;
use rogatory::wire::carriage::Sent;
use rogatory::wire::relay::{Handing, Outgoing};

use crate::network::Frame;
use crate::support::Federation;
use crate::world::{Chance, Id, World, count};

/// One world in so many has such a transit.
const MALICE_EVERY: u64 = 4;
/// After so many worlds it is the one before: of whatever else is in every so many worlds, some have both.
const SHIFTED_EVERY: u64 = 12;
/// Of so many of those worlds one has it anywhere; in the others it lies on ways.
const ANYWHERE_EVERY: u64 = 5;
/// Of a thousand frames that leave it, so many meet one of these acts.
const ACTS: u64 = 300;
/// The same of frames about attachments, which are few.
const ACTS_ON_ATTACHMENTS: u64 = 600;
/// Frames that it remembers.
const REMEMBERED_MAX: usize = 40;
/// In so many of a thousand ticks it writes in another's name.
const FORGERIES: u64 = 15;
/// It floods so often at most.
const FLOODS_MAX: u32 = 2;
/// A life so short ends in the storm, in milliseconds.
const SHORT_MS: i64 = 30_000;
/// Of a thousand messages so many have one, where such a transit holds them back and elsewhere.
const SHORT_WHERE_HELD: u64 = 600;
const SHORT_ELSEWHERE: u64 = 250;
/// A flood that it thinks of comes in so many of a thousand cases.
const FLOODS: u64 = 250;
/// Two clocks differ by so much at most, in milliseconds.
const CLOCKS_MS: i64 = 125_000;
/// A message waits so long for one that is to overtake it, in milliseconds.
const PARKED_MS: i64 = 15_000;

/// What it has made up its mind to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// It goes on as it should.
    PassedOn,
    /// Nothing of it leaves before this time.
    KeptUntil(i64),
}

/// A message that waits for one behind it in its order.
struct Parked {
    id: Id,
    stream: [u8; 16],
    number: u64,
    to: usize,
    session: u64,
    frame: Frame,
    since: i64,
}

/// A message that it says when it is too late.
struct Late {
    to: usize,
    frame: Frame,
    from_ms: i64,
}

/// A frame as it really leaves.
pub struct Said {
    /// To whom.
    pub to: usize,
    /// In which session of these two.
    pub session: u64,
    /// What it says.
    pub frame: Frame,
    /// So much later, in milliseconds.
    pub later_ms: i64,
    /// The act that counts once somebody has taken it.
    pub act: Option<&'static str>,
}

impl Said {
    const fn of(to: usize, session: u64, frame: Frame) -> Self {
        Self { to, session, frame, later_ms: 0, act: None }
    }

    fn counts(self, act: &'static str) -> Self {
        Self { act: Some(act), ..self }
    }
}

/// The transit that means harm, and what it has heard itself say.
pub struct Malice {
    node: Option<usize>,
    /// Of what it does by itself, beside the world's.
    chance: Chance,
    /// It shows a second history of its journal, to this node.
    pub fork: Option<forks::Fork>,
    remembered: Vec<(usize, Frame)>,
    plans: BTreeMap<Id, Plan>,
    parked: Option<Parked>,
    late: Vec<Late>,
    floods: u32,
    /// Messages that it signed for and did not pass on.
    dropped: BTreeSet<Id>,
    /// Messages that it sent in the name of a desk that is not its own.
    forged: BTreeSet<Id>,
}

/// For each node, how many ways between others lead over it.
fn ways_over(federation: &Federation) -> Vec<usize> {
    let agencies = &federation.agencies;
    let mut over = vec![0; agencies.len()];
    for from in agencies {
        for to in agencies.iter().filter(|it| *it != from) {
            let way = federation.directory.route(from, to, Channel::Assistance).unwrap_or_default();
            for hop in way.iter().filter(|it| *it != to) {
                if let Some(at) = agencies.iter().position(|it| it == hop) {
                    over[at] += 1;
                }
            }
        }
    }
    over
}

impl Malice {
    /// Of some worlds one node.
    pub fn of(seed: u64, federation: &Federation) -> Self {
        let is_there = (seed + seed / SHIFTED_EVERY) % MALICE_EVERY == MALICE_EVERY - 1;
        let node = is_there.then(|| Self::place(seed / MALICE_EVERY, federation));
        Self::of_node(seed, node)
    }

    /// Nobody means harm.
    pub fn none() -> Self {
        Self::of_node(0, None)
    }

    fn of_node(seed: u64, node: Option<usize>) -> Self {
        Self {
            node,
            chance: Chance::new(seed ^ 0x11a5_ca1e),
            fork: None,
            remembered: Vec::new(),
            plans: BTreeMap::new(),
            parked: None,
            late: Vec::new(),
            floods: 0,
            dropped: BTreeSet::new(),
            forged: BTreeSet::new(),
        }
    }

    /// A node that lies on ways, or in some worlds any node.
    pub fn place(number: u64, federation: &Federation) -> usize {
        let over = ways_over(federation);
        let (mut on_ways, all): (Vec<usize>, usize) =
            ((0..over.len()).filter(|it| over[*it] > 0).collect(), over.len());
        if number.is_multiple_of(ANYWHERE_EVERY) || on_ways.is_empty() {
            on_ways = (0..all).collect();
        }
        on_ways[usize::try_from(number).unwrap_or(0) % on_ways.len()]
    }
}

fn id_of(handing: &Handing) -> Id {
    let address = &handing.envelope.header.address;
    (address.origin.to_string(), address.message.as_bytes().to_vec())
}

impl World {
    /// Whether a node is the one that means harm.
    pub fn means_harm(&self, node: usize) -> bool {
        self.malice.node == Some(node)
    }

    /// What really leaves a node when it says this.
    pub fn twisted(&mut self, from: usize, to: usize, session: u64, frame: Frame) -> Vec<Said> {
        let said = Said::of(to, session, frame);
        if self.malice.node != Some(from) {
            return vec![said];
        }
        if self.malice.fork.is_some() {
            return self.forked(from, said);
        }
        if let Some(handing) = handed(&said.frame) {
            if let Some(kept) = self.kept(from, &said, &handing) {
                return kept;
            }
            if let Some(overtaken) = self.overtaken(&said, &handing) {
                return overtaken;
            }
        }
        if !self.is_stormy() {
            return vec![said];
        }
        self.remember(&said);
        let is_attachment =
            matches!(&said.frame, Frame::Sent(it) if !matches!(it.as_ref(), Sent::Hello(_)));
        if is_attachment && self.chance.one_in_thousand(ACTS_ON_ATTACHMENTS) {
            return self.lie_about_an_attachment(said);
        }
        if !self.chance.one_in_thousand(ACTS) {
            return vec![said];
        }
        self.act_on(from, said)
    }

    fn remember(&mut self, said: &Said) {
        let what = (said.to, said.frame.clone());
        if self.malice.remembered.len() < REMEMBERED_MAX {
            self.malice.remembered.push(what);
        } else {
            let place = self.chance.below(REMEMBERED_MAX as u64) as usize;
            self.malice.remembered[place] = what;
        }
    }

    fn act_on(&mut self, from: usize, said: Said) -> Vec<Said> {
        match self.chance.below(8) {
            0 if !acts::is_of_no_use(&said.frame) => {
                count(&mut self.tally, "malice: byte changed");
                let Said { to, session, frame, .. } = said;
                let altered = acts::altered(&mut self.chance, frame);
                altered.map(|it| Said::of(to, session, it)).into_iter().collect()
            }
            1 => {
                let again = self.chance.pick(&self.malice.remembered).cloned();
                let again = again.map(|(_, frame)| Said::of(said.to, said.session, frame));
                let again = again.map(|it| it.counts("malice: said again"));
                [said].into_iter().chain(again).collect()
            }
            2 | 3 if !acts::is_of_no_use(&said.frame) => self.said_elsewhere(from, said),
            4 if self.malice.floods < FLOODS_MAX && self.chance.one_in_thousand(FLOODS) => {
                self.flood(said)
            }
            5 => self.with_a_forged_address(said),
            _ => {
                count(&mut self.tally, "malice: kept");
                Vec::new()
            }
        }
    }

    /// What becomes of a message that it holds back; none if it passes it on. One with a short life it
    /// signs for, and hands over when it is too late, or not at all.
    fn kept(&mut self, from: usize, said: &Said, handing: &Handing) -> Option<Vec<Said>> {
        let (now, id) = (self.now(), id_of(handing));
        let address = &handing.envelope.header.address;
        let own = address.origin == self.federation.agencies[from];
        match self.malice.plans.get(&id) {
            Some(Plan::KeptUntil(until)) if now < *until => return Some(Vec::new()),
            Some(Plan::KeptUntil(_) | Plan::PassedOn) => return None,
            None => {}
        }
        let is_short = address.expires_at.millis_since(address.sent_at) <= SHORT_MS;
        if own || !is_short || !self.is_stormy() {
            return None;
        }
        let until = address.expires_at.millis() + CLOCK_SKEW_MS_MAX + CLOCKS_MS;
        match self.chance.below(5) {
            0 | 1 => {
                self.malice.plans.insert(id, Plan::KeptUntil(until));
                let late = Late { to: said.to, frame: said.frame.clone(), from_ms: until };
                self.malice.late.push(late);
                Some(Vec::new())
            }
            2 | 3 => {
                self.malice.plans.insert(id.clone(), Plan::KeptUntil(until));
                self.malice.dropped.insert(id);
                Some(Vec::new())
            }
            _ => {
                self.malice.plans.insert(id, Plan::PassedOn);
                None
            }
        }
    }

    /// Lets a message be overtaken by the next one in its order.
    fn overtaken(&mut self, said: &Said, handing: &Handing) -> Option<Vec<Said>> {
        let (now, id) = (self.now(), id_of(handing));
        let order = handing.envelope.header.address.order;
        if self.malice.parked.as_ref().is_some_and(|it| now - it.since > PARKED_MS) {
            self.malice.parked = None;
        }
        let Some(parked) = &self.malice.parked else {
            if self.malice.plans.contains_key(&id)
                || !self.is_stormy()
                || !self.chance.one_in_thousand(300)
            {
                return None;
            }
            self.malice.plans.insert(id.clone(), Plan::PassedOn);
            let Said { to, session, ref frame, .. } = *said;
            let (stream, number, frame) = (order.stream, order.number, frame.clone());
            let parked = Parked { id, stream, number, to, session, frame, since: now };
            self.malice.parked = Some(parked);
            return Some(Vec::new());
        };
        if parked.id == id {
            return Some(Vec::new());
        }
        let overtakes =
            parked.stream == order.stream && parked.number < order.number && parked.to == said.to;
        let parked = self.malice.parked.take_if(|_| overtakes)?;
        let Said { to, session, ref frame, .. } = *said;
        let first = Said::of(to, session, frame.clone());
        let behind = Said::of(parked.to, parked.session, parked.frame).counts("malice: reordered");
        Some(vec![first, Said { later_ms: 10, ..behind }])
    }

    /// What it does by itself at a tick.
    pub fn scheme(&mut self) {
        if self.malice.fork.is_some() {
            self.note_belief();
            return;
        }
        let Some(node) = self.malice.node else { return };
        self.say_late(node);
        if self.is_stormy() && self.malice.chance.one_in_thousand(FORGERIES) {
            self.forge_a_desk(node);
        }
    }

    /// Says what it held until it is too late, in the session that there is then.
    fn say_late(&mut self, node: usize) {
        let now = self.now();
        for late in std::mem::take(&mut self.malice.late) {
            let session = self.session_with(node, late.to);
            let session = session.filter(|_| late.from_ms <= now && self.can_reach(node, late.to));
            if let Some(session) = session {
                let said = Said::of(late.to, session, late.frame);
                self.let_go(node, said.counts("malice: held past expiry"));
            } else {
                self.malice.late.push(late);
            }
        }
    }

    /// So many of a thousand messages have a short life: more where somebody makes use of that.
    pub const fn short_lived(&self) -> u64 {
        if self.malice.node.is_some() && self.malice.fork.is_none() {
            SHORT_WHERE_HELD
        } else {
            SHORT_ELSEWHERE
        }
    }

    /// Counts an act whose frame a node takes now.
    pub fn note_act(&mut self, act: Option<&'static str>, taken: bool) {
        if let Some(act) = act.filter(|_| taken) {
            count(&mut self.tally, act);
        }
    }
}

/// The handover that a frame brings, if it brings one.
fn handed(frame: &Frame) -> Option<Handing> {
    match frame {
        Frame::Asking(it) => match it.as_ref() {
            Outgoing::Handing(handing) => Some(handing.as_ref().clone()),
            Outgoing::Hello(_)
            | Outgoing::CheckpointOffer(_)
            | Outgoing::Notice(_)
            | Outgoing::Missing(_) => None,
        },
        Frame::Answering(_) | Frame::Sent(_) | Frame::Taken(_) => None,
    }
}
