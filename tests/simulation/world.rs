//! The world of one seed: nodes with disks, a clock, links, and what happens to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::domain::retention::Honour;
use rogatory::entropy::SeededEntropy;
use rogatory::journal::files::FileDisk;
use rogatory::journal::files::memory::MemoryFiles;
use rogatory::journal::memory::{CommitFault, MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::slots::SlotDisk;
use rogatory::journal::store::Store;
use rogatory::node::command::{Command, Outcome};
use rogatory::node::duties::due;
use rogatory::node::duties::inbound::{Asked, Inbound, Step};
use rogatory::node::duties::outbound::{Outbound, Then, Wish};
use rogatory::node::rejection::RejectionReason;
use rogatory::node::remainder::{self, Rest};
use rogatory::node::setting::Setting;
use rogatory::node::{Decision, Node, outstanding};
use rogatory::wire::relay::{Incoming, Outgoing};

use crate::carriage::{Carrying, Streams};
use crate::competences;
use crate::directory::Registry;
use crate::faults::{Fault, FaultyFiles, FaultySlots, Port};
use crate::malice::{Malice, Said};
use crate::network::{Frame, InFlight, Network, Weather};
use crate::restored::Setback;
use crate::reviewing::{Officers, REVIEWED_WORLDS};
use crate::rotation::Rotations;
use crate::support::Federation;
use crate::trouble::Trouble;
use crate::workload::Workload;

pub use crate::seen::{Id, Tally, count};

fn name_of(command: &Command) -> &'static str {
    match command {
        Command::Submit(_) => "command Submit",
        Command::Upload(_) => "command Upload",
        Command::Receive(_) => "command Receive",
        Command::Misconduct(..) => "command Misconduct",
        Command::HandOver { .. } => "command HandOver",
        Command::RecordStatement(..) => "command RecordStatement",
        Command::Witness(_) => "command Witness",
        Command::RecordCosigned { .. } => "command RecordCosigned",
        Command::RecordNoticesTaken { .. } => "command RecordNoticesTaken",
        Command::Countersign => "command Countersign",
        Command::Inbox { .. } => "command Inbox",
        Command::Conclude { .. } => "command Conclude",
        Command::Detour { .. } => "command Detour",
        Command::SetAside { .. } => "command SetAside",
        Command::OfSetAside { .. } => "command OfSetAside",
        Command::OfTransit { .. } => "command OfTransit",
        Command::Drain { .. } => "command Drain",
        Command::EndOrderWait { .. } => "command EndOrderWait",
        Command::Sight { .. } => "command Sight",
        Command::Erase { .. } => "command Erase",
        Command::HonourErasure { .. } => "command HonourErasure",
        Command::AskErasure { .. } => "command AskErasure",
        Command::RefuseErasure { .. } => "command RefuseErasure",
        Command::Hold { .. } => "command Hold",
        Command::EndRetention { .. } => "command EndRetention",
        Command::EndNote { .. } => "command EndNote",
        Command::Review { .. } => "command Review",
        Command::NoteDeadline { .. } => "command NoteDeadline",
        Command::Alarm { .. } => "command Alarm",
        Command::RecordRung { .. } => "command RecordRung",
        Command::Sighted(_) => "command Sighted",
        Command::TakeSnapshot(_) => "command TakeSnapshot",
        Command::AdoptDirectory(_) => "command AdoptDirectory",
        Command::ConfirmVolume { .. } => "command ConfirmVolume",
        Command::ShowMissed { .. } => "command ShowMissed",
        Command::Recover { .. } => "command Recover",
        Command::Restate { .. } => "command Restate",
        Command::OfferAttachment(_) => "command OfferAttachment",
        Command::StateAttachment(_) => "command StateAttachment",
        Command::EndAttachments { .. } => "command EndAttachments",
        Command::Draft { .. } => "command Draft",
        Command::ExpireDraft { .. } => "command ExpireDraft",
        Command::Audit { .. } => "command Audit",
    }
}

/// Chance from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The chance of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    /// True in so many of a thousand cases.
    pub fn one_in_thousand(&mut self, chances: u64) -> bool {
        self.below(1_000) < chances
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }
}

/// Who waits for a decision.
#[derive(Clone, Debug)]
pub enum Waiting {
    /// Nobody.
    Nobody,
    /// The client of this call.
    Client(usize),
    /// The session with this peer, if it is still this one.
    Session(usize, u64, Then),
    /// The client that erases this message.
    Erasing(Id),
    /// The peer that asked, on this session.
    Answer(usize, u64, Asked),
    /// A stream of attachments.
    Carrying(Carrying),
    /// Somebody whose role this is not.
    Trespassing,
}

struct Dial {
    outbound: Outbound,
    number: u64,
    heard_at: i64,
    opened_at: i64,
}

/// A node that is up.
pub struct Up {
    /// The shipped node.
    pub node: Node,
    dials: BTreeMap<usize, Dial>,
    answering: BTreeMap<usize, Inbound>,
    queue: Vec<(Command, Waiting)>,
    streams: Streams,
}

/// A node and its disk.
pub struct Machine {
    /// What survives.
    pub disk: MemoryDisk,
    /// The keys of content, which survive too.
    pub slots: MemorySlots,
    /// The files beside the store, of which what was synced survives.
    pub files: MemoryFiles,
    /// What its clock and its disk do.
    pub trouble: Trouble,
    /// What does not.
    pub up: Option<Up>,
    /// Most commands that waited at once.
    pub queue_max: usize,
    /// It is not started again before.
    away_until: i64,
}

/// All of it.
pub struct World {
    /// The seed.
    pub seed: u64,
    /// Who takes part.
    pub federation: Federation,
    /// The machines, in the order of the agencies.
    pub machines: Vec<Machine>,
    /// The clock of all of them.
    pub clock: Arc<HandClock>,
    /// Chance.
    pub chance: Chance,
    /// How often each thing happened.
    pub tally: Tally,
    /// What clients want and got.
    pub workload: Workload,
    /// Every checkpoint that left a node, as it was signed.
    pub shown: Vec<Vec<u8>>,
    /// Whose disk is set back, if one is.
    pub setback: Option<Setback>,
    /// Who gives answers that don't hold, if somebody does.
    pub liar: Option<usize>,
    /// Every frame that left a node, for searches.
    pub clear_headers: Vec<Vec<u8>>,
    /// Which keys were replaced.
    pub rotations: Rotations,
    /// Agencies that review what passes.
    pub officers: Officers,
    /// To whom each message that left its origin is sealed.
    pub sealed_to: BTreeMap<Id, BTreeSet<String>>,
    /// Who can reach whom.
    pub links: Vec<(usize, usize)>,
    cut: BTreeSet<(usize, usize)>,
    /// The link that the directory names and that carries nothing, if there is one.
    dead: Option<(usize, usize)>,
    network: Network,
    weather: Weather,
    /// The transit that means harm.
    pub malice: Malice,
    fault: Fault,
    sessions: u64,
    stops: Vec<String>,
    stormy: bool,
}

/// When it begins, in milliseconds.
const START_MS: i64 = 1_768_099_620_000;
/// Every so many worlds one is a ring, in which a transit may have nobody to go around by but its origin.
const RING_EVERY: u64 = 5;

fn ring(count: usize) -> Vec<(usize, usize)> {
    (1..count).map(|node| (node - 1, node)).chain([(0, count - 1)]).collect()
}

fn tree(chance: &mut Chance, count: usize) -> Vec<(usize, usize)> {
    (1..count).map(|node| (chance.below(node as u64) as usize, node)).collect()
}

/// A tree, in two of three worlds with more links: so with more than one way.
fn links(chance: &mut Chance, seed: u64, count: usize) -> Vec<(usize, usize)> {
    let mut links = tree(chance, count);
    let more = if seed.is_multiple_of(3) { 0 } else { 1 + chance.below(4) };
    for _ in 0..more {
        let ends = (chance.below(count as u64) as usize, chance.below(count as u64) as usize);
        let link = (ends.0.min(ends.1), ends.0.max(ends.1));
        if link.0 != link.1 && !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

/// What surely happens in a world, and elsewhere by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// Nothing.
    Nothing,
    /// A disk is set back.
    SetBack,
    /// Agencies review what passes.
    Reviews,
    /// Both.
    SetBackAndReviews,
    /// Nobody reviews anything.
    Blind,
}

impl Sure {
    const fn sets_back(self) -> bool {
        matches!(self, Self::SetBack | Self::SetBackAndReviews)
    }

    /// In so many of a thousand worlds agencies review.
    const fn reviews(self) -> u64 {
        match self {
            Self::Reviews | Self::SetBackAndReviews => 1_000,
            Self::Nothing | Self::SetBack => REVIEWED_WORLDS,
            Self::Blind => 0,
        }
    }
}

/// Most nodes of a world, and of one in so many seeds, this one of them.
const NODES_FEW: u64 = 7;
const NODES_MANY: u64 = 50;
const MANY: (u64, u64) = (25, 50);
/// The seed whose world is as large as any may be.
const LARGEST: u64 = 25;
/// How often a key is replaced in the storm, in a thousand ticks.
const ROTATIONS_IN_THOUSAND: u64 = 15;
const STORMY_TICKS: u64 = 260;
/// A node that goes away for long does so in so many of a thousand cases, and for so long.
const LONG_OUTAGES: u64 = 15;
const OUTAGE_MS: i64 = 15_000;
/// A peer that is out of reach for so long is gone around; urgent messages wait half of it.
const DETOUR_AFTER_MS: i64 = 4_000;
/// Half a minute of rest in the calm means that everything has come to its end.
const REST_TICKS: u64 = 60;
const CALM_TICKS_MAX: u64 = 4_000;
/// Five minutes of calm: longer than a few ways that come to nothing take, and far from any expiry.
const SETTLING_TICKS: u64 = 600;
/// A world with a broken port may never come to rest; what it did is judged after so many ticks.
const BROKEN_TICKS_MAX: u64 = 400;

/// So many frames of a peer are read ahead of their decisions; no more of them is read before.
const UNDECIDED_MAX: usize = 256;

/// Whether nothing waits for a peer, a way, or people.
const fn owes_nothing(rest: &Rest) -> bool {
    let for_people = rest.set_aside + rest.under_review;
    rest.messages + rest.waiting_for_way + for_people == 0
}

impl World {
    /// A sound world in which keys are replaced so often, in a thousand ticks.
    pub fn rotating(seed: u64, rate: u64) -> Self {
        Self::grown(seed, Fault::None, (rate, Sure::Nothing))
    }

    /// A sound world in which no text and no key is replaced.
    pub fn steady(seed: u64, sure: Sure) -> Self {
        Self::grown(seed, Fault::None, (0, sure))
    }

    /// The world of `seed`, all nodes up, with stores that break the promise of `fault`.
    pub fn new(seed: u64, fault: Fault) -> Self {
        Self::with(seed, fault, Sure::Nothing)
    }

    /// The same, in which this surely happens.
    pub fn with(seed: u64, fault: Fault, sure: Sure) -> Self {
        let rate = if fault == Fault::None { ROTATIONS_IN_THOUSAND } else { 0 };
        Self::grown(seed, fault, (rate, sure))
    }

    /// A world in which a transit shows a second history of its journal.
    pub fn forking(seed: u64) -> Self {
        let world = Self::grown(seed, Fault::None, (0, Sure::Nothing));
        let malice = Malice::forking(seed, &world.federation);
        Self { malice, setback: None, ..world }
    }

    /// A world in which a node cuts its journal and signs on; nobody else means harm.
    pub fn cut_in(seed: u64) -> Self {
        let world = Self::grown(seed, Fault::SignsOn, (0, Sure::SetBack));
        Self { malice: Malice::none(), ..world }
    }

    /// A sound world, most often a ring, in which one link never carries anything: what takes the way over
    /// it must turn back.
    pub fn severed(seed: u64) -> Self {
        let mut world = Self::grown(seed * RING_EVERY, Fault::None, (0, Sure::Blind));
        (world.setback, world.malice) = (None, Malice::none());
        world.dead = world.chance.pick(&world.links.clone()).copied();
        world
    }

    /// Storm, then so much calm that all that can move has moved.
    pub fn settle(&mut self) {
        self.storm();
        for _ in 0..SETTLING_TICKS {
            Workload::insist(self);
            self.tick(500);
        }
    }

    /// How many nodes take part in the world of a seed, and whether they stand in a ring.
    fn size(chance: &mut Chance, seed: u64) -> (usize, bool) {
        let most = if seed % MANY.1 == MANY.0 { NODES_MANY } else { NODES_FEW };
        let is_ring = most == NODES_FEW && seed.is_multiple_of(RING_EVERY);
        let count = if is_ring { 6 + chance.below(2) } else { 3 + chance.below(most - 2) };
        (if seed == LARGEST { NODES_MANY } else { count } as usize, is_ring)
    }

    /// How many nodes take part in the world of a seed.
    pub fn nodes_of(seed: u64) -> usize {
        Self::size(&mut Chance::new(seed), seed).0
    }

    fn grown(seed: u64, fault: Fault, (rate, sure): (u64, Sure)) -> Self {
        let mut chance = Chance::new(seed);
        let (count, is_ring) = Self::size(&mut chance, seed);
        let is_changing = rate > 0;
        // Who replaces keys at a time that is announced has a clock that goes right.
        let rate = if Self::has_jumps(seed) { 0 } else { rate };
        let setback = Setback::planned(seed, count, sure.sets_back());
        let links = if is_ring { ring(count) } else { links(&mut chance, seed, count) };
        let mut federation = Federation::grow(seed, count, &links, &[]);
        let officers = Officers::planned(seed, count, &links, sure.reviews());
        officers.nodes.iter().for_each(|node| federation.name_reviewing(*node));
        competences::name(seed, &mut federation);
        let start = Timestamp::from_millis(START_MS);
        let weather = Weather {
            loss: chance.below(80),
            duplication: chance.below(120),
            delay: chance.below(200),
        };
        let machine = |_| Machine {
            disk: MemoryDisk::new(),
            slots: MemorySlots::new(),
            files: MemoryFiles::new(),
            trouble: Trouble::default(),
            up: None,
            queue_max: 0,
            away_until: 0,
        };
        let machines = (0..count).map(machine).collect();
        let malice = Malice::of(seed, &federation);
        let spared = setback.as_ref().map(Setback::node);
        let spared = spared.into_iter().chain(competences::competent(seed, count)).collect();
        let registry = is_changing.then(|| Registry::new(seed, START_MS, &federation, spared));
        let rotations = Rotations::new(seed, rate, &federation, registry);
        let mut world = Self {
            rotations,
            officers,
            sealed_to: BTreeMap::new(),
            seed,
            federation,
            machines,
            clock: Arc::new(HandClock::at(start)),
            chance,
            tally: Tally::new(),
            workload: Workload::default(),
            shown: Vec::new(),
            setback,
            liar: None,
            clear_headers: Vec::new(),
            links,
            cut: BTreeSet::new(),
            dead: None,
            network: Network::default(),
            weather,
            malice,
            fault,
            sessions: 0,
            stops: Vec::new(),
            stormy: true,
        };
        world.put_clocks_wrong();
        for node in 0..count {
            world.start(node);
        }
        world
    }

    /// Storm, then calm until nothing moves any more.
    pub fn live(&mut self) -> Result<(), String> {
        self.storm();
        let mut quiet = 0;
        let comes_to_rest = self.fault == Fault::None && self.malice.fork.is_none();
        let ticks_max = if comes_to_rest { CALM_TICKS_MAX } else { BROKEN_TICKS_MAX };
        for _ in 0..ticks_max {
            Workload::insist(self);
            self.tick(500);
            quiet = if self.is_quiet() { quiet + 1 } else { 0 };
            if quiet > REST_TICKS {
                return Ok(());
            }
        }
        Err(format!("still not at rest long after everything healed: {}", self.unrest()))
    }

    /// Storm, until everything heals.
    fn storm(&mut self) {
        for _ in 0..STORMY_TICKS {
            self.misfortune();
            Workload::act(self);
            self.tick(50 + self.chance.clone().below(400) as i64);
        }
        self.weather = Weather::CALM;
        self.stormy = false;
        self.cut.clear();
        self.end_trouble();
        for node in 0..self.machines.len() {
            // A fault that was ordered and has not come stays away.
            self.machines[node].disk.fail_commit(u64::MAX / 2, CommitFault::BeforeWritten);
            if self.machines[node].up.is_none() {
                self.start(node);
            }
        }
    }

    fn unrest(&self) -> String {
        let mut text = format!("{} clients wait", self.workload.waiting().len());
        if let Some(lost) = self.setback.as_ref().and_then(|it| it.lost.as_ref()) {
            let mended = self.is_mended();
            text += &format!("; node {} was set back, mended: {mended}", lost.node);
        }
        for (node, machine) in self.machines.iter().enumerate() {
            let Some(up) = &machine.up else {
                let own = format!("node {node}");
                let why = self.stops.iter().rfind(|it| it.starts_with(&own));
                text += &format!("; node {node} is down, {why:?}");
                continue;
            };
            let owed = outstanding::page(up.node.setting(), false, None, 3);
            for owed in owed.map(|it| it.0).unwrap_or_default() {
                text += &format!("; node {node}: {} {:?} {}", owed.message, owed.item, owed.state);
            }
            for (peer, dial) in &up.dials {
                let refused = dial.outbound.not_taken().0.values();
                let why: BTreeSet<&str> = refused.map(|it| it.reason.as_str()).collect();
                if !why.is_empty() {
                    text += &format!("; node {peer} refuses {why:?} of node {node}");
                }
            }
        }
        text
    }

    fn is_quiet(&self) -> bool {
        self.workload.all_answered()
            && self.is_mended()
            && self.is_complete()
            && self.nobody_is_cut_off()
            && self.machines.iter().all(|machine| {
                machine.up.as_ref().is_some_and(|up| {
                    let rest = remainder::rest(up.node.setting());
                    rest.is_ok_and(|it| owes_nothing(&it))
                        && self.has_carried_everything(up.node.setting())
                })
            })
    }

    /// Whether each node hears each of its neighbours: statements wait with whom one has cut off, and nothing
    /// else need wait there.
    fn nobody_is_cut_off(&self) -> bool {
        (0..self.machines.len())
            .all(|node| self.peers_of(node).into_iter().all(|peer| !self.has_cut_off(node, peer)))
    }

    fn misfortune(&mut self) {
        let nodes = self.machines.len() as u64;
        let node = self.chance.below(nodes) as usize;
        self.trouble(node);
        if self.machines[node].up.is_none() {
            let is_away = self.machines[node].away_until > self.now();
            if !is_away && self.chance.one_in_thousand(150) {
                self.start(node);
            }
        } else if self.chance.one_in_thousand(LONG_OUTAGES) {
            count(&mut self.tally, "long outage");
            self.machines[node].away_until = self.now() + OUTAGE_MS;
            self.crash(node, "crash");
        } else if self.chance.one_in_thousand(40) {
            self.crash(node, "crash");
        } else if self.chance.one_in_thousand(40) {
            let (fault, _) = self.commit_fault();
            self.machines[node].disk.fail_commit(1 + self.chance.below(3), fault);
        }
        if self.chance.one_in_thousand(25)
            && let Some(link) = self.chance.clone().pick(&self.links).copied()
        {
            count(&mut self.tally, "partition");
            self.cut.insert(link);
            self.network.cut(link.0, link.1);
        }
        if self.chance.one_in_thousand(60) && !self.cut.is_empty() {
            count(&mut self.tally, "heal");
            self.cut.pop_first();
        }
    }

    fn commit_fault(&mut self) -> (CommitFault, &'static str) {
        match self.chance.below(3) {
            0 => (CommitFault::BeforeWritten, "crash before write"),
            1 => (CommitFault::BeforeDurable, "crash before durable"),
            _ => (CommitFault::AfterDurable, "crash after durable"),
        }
    }

    /// True until everything heals.
    pub const fn is_stormy(&self) -> bool {
        self.stormy
    }

    /// Loses all frames of a node: it comes back later than any of them is under way.
    pub fn drop_of(&mut self, node: usize) {
        self.network.drop_of(node);
    }

    /// A node stops, and loses what was not durable.
    pub fn crash(&mut self, node: usize, how: &'static str) {
        count(&mut self.tally, how);
        self.machines[node].up = None;
        self.network.drop_to(node);
        let entropy = SeededEntropy::new(self.chance.below(u64::MAX));
        self.machines[node].slots.crash();
        self.machines[node].files.crash();
        if self.machines[node].disk.crash_by(&entropy) > 0 {
            count(&mut self.tally, "unsynced batch lost");
        }
    }

    /// A node starts; one whose volume the directory does not name refuses to.
    pub fn start(&mut self, node: usize) {
        if self.machines[node].disk.bytes() > 0 {
            count(&mut self.tally, "restart");
        }
        let clock = self.clock_of(node);
        let store = MemoryStore::open(&self.machines[node].disk)
            .and_then(|store| self.federation.sealed(node, store))
            .and_then(|store| Port::over(store, self.fault, Arc::clone(&clock)));
        let store: Arc<dyn Store> = match store {
            Ok(store) => Arc::new(store),
            Err(error) => {
                self.stops.push(format!("node {node}: its disk does not open: {error}"));
                self.crash(node, "crash");
                return;
            }
        };
        let entropy = Arc::new(SeededEntropy::new(self.chance.below(u64::MAX)));
        let fault = self.fault;
        let slots = FaultySlots { inner: self.machines[node].slots.clone(), fault };
        let slots: Box<dyn SlotDisk> = Box::new(slots);
        let files = Arc::new(FaultyFiles::over(self.machines[node].files.clone(), fault));
        let place = (store, slots, files as Arc<dyn FileDisk>);
        let mut setting = self.federation.setting_beside(node, place, clock, entropy);
        if let Some(setting) = &mut setting {
            self.rotated(node, setting);
            if fault == Fault::PassesUnread {
                setting.directory = self.federation.where_blind(node).into();
            }
            setting.policy.detour_after_ms = DETOUR_AFTER_MS;
            setting.policy.detour_urgent_after_ms = DETOUR_AFTER_MS / 2;
            if Self::honours_at_once(node) {
                setting.policy.honour = Honour::AtOnce;
            }
        }
        let is_named = |it: &Setting| it.directory().journal(&it.journal_name).is_some();
        if setting.as_ref().is_some_and(|it| !is_named(it)) {
            return;
        }
        match setting.map(|setting| Node::open(Arc::new(setting))) {
            Some(Ok(node_up)) => {
                let up = Up {
                    node: node_up,
                    dials: BTreeMap::new(),
                    answering: BTreeMap::new(),
                    queue: Vec::new(),
                    streams: Streams::default(),
                };
                self.machines[node].up = Some(up);
            }
            Some(Err(stop)) => {
                self.stops.push(format!("node {node} at its start: {stop}"));
                self.crash(node, "crash");
            }
            None => {
                self.stops.push(format!("node {node}: its journal does not open"));
                self.crash(node, "crash");
            }
        }
    }

    /// Whether a node erases by itself what the other side asks it to.
    pub const fn honours_at_once(node: usize) -> bool {
        !node.is_multiple_of(2)
    }

    /// True if no port breaks a promise on purpose.
    pub fn is_sound(&self) -> bool {
        self.fault == Fault::None
    }

    /// What node `node` stands in, if it is up.
    pub fn setting(&self, node: usize) -> Option<Arc<Setting>> {
        self.machines[node].up.as_ref().map(|up| Arc::clone(up.node.setting()))
    }

    /// Asks node `node`, if it is up.
    pub fn ask(&mut self, node: usize, command: Command, waiting: Waiting) {
        let machine = &mut self.machines[node];
        if let Some(up) = &mut machine.up {
            up.queue.push((command, waiting));
            machine.queue_max = machine.queue_max.max(up.queue.len());
        }
    }

    fn tick(&mut self, millis: i64) {
        self.clock.advance(millis);
        self.set_back();
        self.operate();
        let now = self.clock.now().millis();
        self.rotate();
        self.scheme();
        self.review();
        for frame in self.network.arrived(now) {
            self.arrive(frame);
        }
        for node in 0..self.machines.len() {
            self.do_duties(node, now);
            if !self.is_slow(node) {
                self.commit(node);
            }
        }
    }

    fn do_duties(&mut self, node: usize, now: i64) {
        let Some(setting) = self.setting(node) else {
            return;
        };
        if self.chance.one_in_thousand(300) {
            for command in due::commands(&setting).unwrap_or_default() {
                count(&mut self.tally, "duty due");
                self.ask(node, command, Waiting::Nobody);
            }
        }
        if self.chance.one_in_thousand(100) {
            self.ask(node, Command::Countersign, Waiting::Nobody);
        }
        let peers = self.peers_of(node);
        if let Some(up) = &mut self.machines[node].up {
            // Sessions end with the link.
            up.dials.retain(|peer, _| peers.contains(peer));
            up.answering.retain(|peer, _| peers.contains(peer));
            up.streams.keep(&peers);
        }
        for peer in peers {
            self.keep_dialled(node, peer, now);
            self.poll(node, peer);
            self.carry(node, peer, now);
        }
    }

    fn is_cut(&self, left: usize, right: usize) -> bool {
        let is_out = |link| self.cut.contains(&link) || self.dead == Some(link);
        is_out((left, right)) || is_out((right, left))
    }

    /// The links that carry something once everything has healed.
    pub fn links_alive(&self) -> Vec<(usize, usize)> {
        self.links.iter().filter(|it| Some(**it) != self.dead).copied().collect()
    }

    /// The link that never carries anything, if there is one.
    pub const fn link_dead(&self) -> Option<(usize, usize)> {
        self.dead
    }

    fn keep_dialled(&mut self, node: usize, peer: usize, now: i64) {
        let Some(setting) = self.setting(node) else {
            return;
        };
        if !self.can_reach(node, peer) {
            setting.reach.lost(&self.federation.agencies[peer], setting.clock.now());
            return;
        }
        let stale = self.machines[node].up.as_ref().is_some_and(|up| {
            up.dials.get(&peer).is_none_or(|dial| {
                let silent = dial.outbound.is_waiting() && now - dial.heard_at > 3_000;
                silent || now - dial.opened_at > 20_000
            })
        });
        if !stale || self.has_cut_off(node, peer) {
            return;
        }
        count(&mut self.tally, "duty dial");
        self.sessions += 1;
        let number = self.sessions;
        let outbound = Outbound::new(setting, self.federation.agencies[peer].clone());
        let hello = outbound.hello();
        if let Some(up) = &mut self.machines[node].up {
            up.dials.insert(peer, Dial { outbound, number, heard_at: now, opened_at: now });
        }
        self.send(node, peer, number, Frame::Asking(Box::new(hello)));
    }

    fn poll(&mut self, node: usize, peer: usize) {
        let Some(up) = &mut self.machines[node].up else {
            return;
        };
        let Some(dial) = up.dials.get_mut(&peer) else {
            return;
        };
        let number = dial.number;
        match dial.outbound.poll() {
            Ok(wishes) => self.grant(node, peer, number, wishes),
            Err(_) => drop(up.dials.remove(&peer)),
        }
    }

    fn grant(&mut self, node: usize, peer: usize, number: u64, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Send(frame) => self.send(node, peer, number, Frame::Asking(frame)),
                Wish::Execute(command, then) => {
                    self.ask(node, *command, Waiting::Session(peer, number, then));
                }
            }
        }
    }

    /// The streams of attachments of a node, if it is up.
    pub fn streams(&mut self, node: usize) -> Option<&mut Streams> {
        self.machines[node].up.as_mut().map(|up| &mut up.streams)
    }

    /// A node, if it is up.
    pub fn node(&mut self, node: usize) -> Option<&mut Node> {
        self.machines[node].up.as_mut().map(|up| &mut up.node)
    }

    /// Whether a peer can be dialled.
    pub fn can_reach(&self, node: usize, peer: usize) -> bool {
        !self.is_cut(node, peer) && self.lets_in(peer, node)
    }

    /// A number for a session.
    pub fn next_session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    /// How long it has lived, in milliseconds.
    pub fn lived_ms(&self) -> i64 {
        self.now() - START_MS
    }

    /// The time, in milliseconds.
    pub fn now(&self) -> i64 {
        self.clock.now().millis()
    }

    /// A node has failed, and is down.
    pub fn stop(&mut self, node: usize, why: String) {
        self.stops.push(why);
        self.crash(node, "crash");
    }

    /// Sends a frame, if the link is there.
    pub fn send(&mut self, from: usize, to: usize, session: u64, frame: Frame) {
        if self.is_cut(from, to) {
            return;
        }
        if let Frame::Answering(answering) = &frame
            && let Incoming::Answer(answer) = answering.as_ref()
        {
            self.shown.extend(note_of(&answer.statement.proof));
        }
        if let Frame::Asking(asking) = &frame {
            match asking.as_ref() {
                Outgoing::CheckpointOffer(offer) => self.shown.push(offer.checkpoint.clone()),
                Outgoing::Handing(handing) => {
                    let mut clear = handing.envelope.header.bytes.clone();
                    clear.extend_from_slice(&handing.envelope.origin.entry);
                    clear.extend_from_slice(&handing.envelope.particulars);
                    clear.extend_from_slice(&handing.envelope.content);
                    self.clear_headers.push(clear);
                    let address = &handing.envelope.header.address;
                    let id = (address.origin.to_string(), address.message.as_bytes().to_vec());
                    let wraps = handing.envelope.wraps.iter().map(|it| it.recipient.to_string());
                    self.sealed_to.entry(id).or_default().extend(wraps);
                }
                Outgoing::Notice(notice) => {
                    self.shown.extend(note_of(&notice.statement.proof));
                }
                Outgoing::Hello(_) | Outgoing::Missing(_) => {}
            }
        }
        let frame = self.said(from, frame);
        for said in self.twisted(from, to, session, frame) {
            self.let_go(from, said);
        }
    }

    /// What a node really says goes on its way.
    pub fn let_go(&mut self, from: usize, said: Said) {
        let Said { to, session, frame, later_ms, act } = said;
        let at = self.now() + 1 + later_ms;
        let frame = InFlight { at, from, to, session, frame, act };
        self.network.send(&mut self.chance, self.weather, &mut self.tally, frame);
    }

    /// The number of the session that a node has dialled with a peer, if there is one.
    pub fn session_with(&self, node: usize, peer: usize) -> Option<u64> {
        self.machines[node].up.as_ref()?.dials.get(&peer).map(|it| it.number)
    }

    /// The number of the stream of attachments that a node has dialled with a peer.
    pub fn stream_with(&self, node: usize, peer: usize) -> Option<u64> {
        self.machines[node].up.as_ref()?.streams.number(peer)
    }

    /// Whether the node that a frame comes to has the session that it belongs to.
    fn listens(&self, frame: &InFlight) -> bool {
        let InFlight { from, to, session, .. } = frame;
        let Some(up) = &self.machines[*to].up else { return false };
        match &frame.frame {
            Frame::Asking(_) => up.answering.contains_key(from),
            Frame::Answering(_) => self.session_with(*to, *from) == Some(*session),
            Frame::Sent(_) => up.streams.takes(*from, *session),
            Frame::Taken(_) => up.streams.number(*from) == Some(*session),
        }
    }

    fn arrive(&mut self, arrived: InFlight) {
        if !self.lets_in(arrived.to, arrived.from) {
            return;
        }
        let taken = self.listens(&arrived);
        self.note_act(arrived.act, taken);
        let InFlight { from, to, session, frame, .. } = arrived;
        match frame {
            Frame::Asking(frame) => self.answer(to, from, session, *frame),
            Frame::Answering(frame) => self.hear(to, from, session, *frame),
            Frame::Sent(frame) => self.take_sent(to, from, session, *frame),
            Frame::Taken(frame) => self.hear_taken(to, from, session, *frame),
        }
    }

    fn answer(&mut self, node: usize, peer: usize, session: u64, frame: Outgoing) {
        let Some(setting) = self.setting(node) else {
            return;
        };
        let agency = self.federation.agencies[peer].clone();
        let Some(up) = &mut self.machines[node].up else {
            return;
        };
        let is_theirs = |it: &Waiting| matches!(it, Waiting::Answer(from, ..) if *from == peer);
        if up.queue.iter().filter(|(_, it)| is_theirs(it)).count() >= UNDECIDED_MAX {
            return;
        }
        if matches!(frame, Outgoing::Hello(_)) {
            up.answering.insert(peer, Inbound::new(setting, agency));
        }
        let Some(inbound) = up.answering.get_mut(&peer) else {
            return;
        };
        count(&mut self.tally, "duty answer");
        match inbound.take(frame) {
            Ok(Step::Reply(reply)) => {
                self.send(node, peer, session, Frame::Answering(Box::new(reply)));
            }
            Ok(Step::Ask(command, asked)) => {
                self.ask(node, *command, Waiting::Answer(peer, session, asked));
            }
            Err(error) => {
                self.stops.push(format!("node {node} while answering: {error}"));
                self.crash(node, "crash");
            }
        }
    }

    fn hear(&mut self, node: usize, peer: usize, session: u64, frame: Incoming) {
        let now = self.clock.now().millis();
        let Some(up) = &mut self.machines[node].up else {
            return;
        };
        let Some(dial) = up.dials.get_mut(&peer).filter(|dial| dial.number == session) else {
            return;
        };
        dial.heard_at = now;
        match dial.outbound.take(frame) {
            Ok(wishes) => self.grant(node, peer, session, wishes),
            Err(end) => {
                up.dials.remove(&peer);
                self.note_evidence(node, peer, end);
            }
        }
    }

    fn commit(&mut self, node: usize) {
        let Some(up) = &mut self.machines[node].up else {
            return;
        };
        let queue = std::mem::take(&mut up.queue);
        if queue.is_empty() {
            return;
        }
        let (commands, waiting): (Vec<_>, Vec<_>) = queue.into_iter().unzip();
        for command in &commands {
            count(&mut self.tally, name_of(command));
        }
        let before = self.machines[node].disk.commits();
        let Some(up) = &mut self.machines[node].up else {
            return;
        };
        match up.node.execute(commands) {
            Ok(decisions) => {
                // The answers may die with the node, although all of it is durable.
                if self.stormy && self.chance.one_in_thousand(8) {
                    self.crash(node, "crash");
                    return;
                }
                for (waiting, decision) in waiting.into_iter().zip(decisions) {
                    self.release(node, waiting, decision);
                }
            }
            Err(stop) => {
                self.stops.push(format!("node {node}: {stop}"));
                let how = match (before + self.seed) % 3 {
                    0 => "crash before write",
                    1 => "crash before durable",
                    _ => "crash after durable",
                };
                self.crash(node, how);
            }
        }
    }

    fn release(&mut self, node: usize, waiting: Waiting, decision: Decision) {
        match waiting {
            Waiting::Nobody => {}
            Waiting::Trespassing => match decision {
                Ok(done) => self.workload.permitted.push(format!("node {node} came to {done:?}")),
                Err(no) if no.reason == RejectionReason::RoleNotPermitted => {
                    count(&mut self.tally, "refused to a role");
                }
                Err(_) => {}
            },
            Waiting::Carrying(carrying) => self.release_carriage(node, carrying, decision),
            Waiting::Erasing(id) => {
                if decision.is_ok() {
                    count(&mut self.tally, "content erased");
                    self.workload.erased.push((node, id));
                }
            }
            Waiting::Client(call) => {
                let asked = (self.workload.destinations(call), self.workload.names_items(call));
                count_decision(&mut self.tally, asked, &decision);
                self.workload.answered(call, &decision);
            }
            Waiting::Session(peer, number, then) => {
                let Some(up) = &mut self.machines[node].up else {
                    return;
                };
                if let Some(dial) = up.dials.get_mut(&peer).filter(|it| it.number == number) {
                    dial.outbound.executed(&then);
                }
            }
            Waiting::Answer(peer, session, asked) => {
                let Some(up) = &self.machines[node].up else {
                    return;
                };
                let told = up.answering.get(&peer).map(|it| it.tell(&asked, decision));
                if let Some(Ok(reply)) = told {
                    self.send(node, peer, session, Frame::Answering(Box::new(reply)));
                }
            }
        }
    }
}

/// The checkpoint at the end of a proof.
fn note_of(proof: &[u8]) -> Option<Vec<u8>> {
    let at = proof.windows(2).position(|it| it == b"\n\n")?;
    proof.get(at + 2..).map(<[u8]>::to_vec)
}

/// What the door said to a client.
fn count_decision(
    tally: &mut Tally,
    (destinations, names_items): (usize, bool),
    decision: &Decision,
) {
    if let Ok(Outcome::Submitted(messages, _)) = decision {
        if destinations > 1 {
            count(tally, "request to several");
        }
        // A notice goes to whom it is addressed to, and to the competent one too.
        if messages.len() > destinations {
            count(tally, "request passed on");
        }
    }
    match decision {
        Ok(Outcome::Submitted(_, true)) => count(tally, "call repeated"),
        Ok(_) if names_items => count(tally, "item named"),
        Err(rejection) if rejection.reason == RejectionReason::StateForbids => {
            count(tally, "act refused");
        }
        Err(rejection) if rejection.reason == RejectionReason::ContentInvalid => {
            count(tally, "item unknown");
        }
        Err(rejection) if rejection.reason == RejectionReason::Draining => {
            count(tally, "refused while draining");
        }
        Ok(_) | Err(_) => {}
    }
}
