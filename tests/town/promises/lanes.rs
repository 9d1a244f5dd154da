//! Nodes in one process over links that a test takes away and gives back: who can't be dialled is noted
//! as out of reach, as whoever dials in the program notes it.

use std::collections::BTreeSet;
use std::sync::Arc;

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::directory::Directory;
use rogatory::directory::write::{DirectoryDraft, to_toml};
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::{AgencyId, MessageId, RequestId};
use rogatory::domain::retention::ErasureCause;
use rogatory::domain::station::Station;
use rogatory::entropy::SeededEntropy;
use rogatory::history::message;
use rogatory::history::message::Custody;
use rogatory::identity::{Principal, Role};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::node::command::{Call, Command, Outcome, SetAsideAct, Submission};
use rogatory::node::duties::due;
use rogatory::node::sealing::{self, Plan};
use rogatory::node::{Node, query};
use rogatory::wire;
use rogatory::wire::relay::{Incoming, Outgoing, Refused};

use crate::session::{self, Fate};
use crate::support::{self, Federation};

const START: Timestamp = Timestamp::from_millis(1_768_099_620_000);
/// What is sent expires after so long.
pub const LIFE_MS: i64 = 7 * 86_400_000;
/// Longer than any peer is waited for by what could go another way.
pub const LONG_MS: i64 = 301_000;
/// Longer than an urgent message waits for one.
pub const SHORT_MS: i64 = 31_000;

/// The nodes, their clock and their links.
pub struct Lanes {
    /// Who takes part.
    pub federation: Federation,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Their clock.
    pub clock: Arc<HandClock>,
    links: Vec<(usize, usize)>,
    down: BTreeSet<usize>,
    unreadable: BTreeSet<(usize, MessageKey)>,
    /// What was offered to whom, in order.
    pub offers: Vec<(usize, MessageKey)>,
    calls: u8,
}

impl Lanes {
    /// So many agencies, and the links between them.
    pub fn new(count: usize, links: &[(usize, usize)]) -> Self {
        let federation = Federation::grow(9, count, links, &[]);
        let clock = Arc::new(HandClock::at(START));
        let open = |n: usize| {
            let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
            let entropy = Arc::new(SeededEntropy::new(n as u64));
            let time = Arc::clone(&clock) as Arc<dyn Clock>;
            let mut setting = federation.setting(n, Arc::new(store), time, entropy).unwrap();
            // So the order in which messages go over a link is the order in which they are offered.
            setting.policy.window = 1;
            Node::open(Arc::new(setting)).unwrap()
        };
        let nodes = (0..count).map(open).collect();
        let links = links.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        let (down, unreadable, offers) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        Self { federation, nodes, clock, links, down, unreadable, offers, calls: 0 }
    }

    /// Agency `n`.
    pub fn agency(&self, n: usize) -> AgencyId {
        self.federation.agencies[n].clone()
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Node `n` is away from here on; whoever owes it something notes so.
    pub fn take_down(&mut self, n: usize) {
        self.down.insert(n);
        self.settle();
    }

    /// Node `n` is back.
    pub fn bring_up(&mut self, n: usize) {
        self.down.remove(&n);
    }

    /// Time goes by; every node does what is due, and all that can go goes.
    pub fn pass(&mut self, millis: i64) {
        self.clock.advance(millis);
        self.work();
    }

    /// Every node does what is due, and all that can go goes, until nothing changes.
    pub fn work(&mut self) {
        loop {
            let before = self.sizes();
            self.settle();
            let down = self.down.clone();
            for n in (0..self.nodes.len()).filter(|n| !down.contains(n)) {
                for command in due::commands(self.nodes[n].setting()).unwrap() {
                    self.ask(n, command);
                }
            }
            if self.sizes() == before {
                return;
            }
        }
    }

    fn sizes(&self) -> Vec<u64> {
        self.nodes.iter().map(|it| it.setting().journal.next()).collect()
    }

    /// Lets all that waits go over all links that are there.
    pub fn settle(&mut self) {
        loop {
            let before = self.sizes();
            for (left, right) in self.links.clone() {
                self.meet(left, right);
            }
            if self.sizes() == before {
                return;
            }
        }
    }

    fn meet(&mut self, left: usize, right: usize) {
        let peer = self.agency(right);
        if self.down.contains(&left) {
            return;
        }
        let setting = Arc::clone(self.nodes[left].setting());
        if !setting.directory().are_linked(&setting.agency, &peer) {
            return;
        }
        if self.down.contains(&right) {
            setting.reach.lost(&peer, self.clock.now());
            return;
        }
        let (unreadable, n) = (self.unreadable.clone(), right);
        let [left, right] = self.nodes.get_disjoint_mut([left, right]).unwrap();
        let handed = session::hand_over_where(left, right, |it| match it {
            Outgoing::Handing(it) if unreadable.contains(&(n, it.envelope.header.key())) => {
                let header = it.envelope.header.hash();
                let reason = "FRAME_INVALID".to_owned();
                Fate::Refused(Incoming::Refused(Refused::of_message(header, reason, false)))
            }
            _ => Fate::Answered,
        });
        self.offers.extend(handed.iter().map(|it| (n, it.envelope.header.key())));
    }

    /// Node `left` hands over what it owes to node `right`, and hears nothing of what becomes of it.
    pub fn hand_over_unheard(&mut self, left: usize, right: usize) {
        let [left, right] = self.nodes.get_disjoint_mut([left, right]).unwrap();
        session::hand_over_where(left, right, |it| match it {
            Outgoing::Handing(_) => Fate::Unheard,
            _ => Fate::Answered,
        });
    }

    /// From here on node `n` can't read this message, whoever offers it.
    pub fn make_unreadable(&mut self, n: usize, message: MessageKey) {
        self.unreadable.insert((n, message));
    }

    /// Node `n` can read everything again.
    pub fn make_readable(&mut self, n: usize) {
        self.unreadable.retain(|(of, _)| *of != n);
    }

    /// Asks node `n`.
    pub fn ask(&mut self, n: usize, command: Command) -> Outcome {
        self.nodes[n].execute(vec![command]).unwrap().remove(0).unwrap()
    }

    /// An operator of node `n` decides about a message that is set aside.
    pub fn decide(&mut self, n: usize, message: MessageKey, act: SetAsideAct) {
        self.calls += 1;
        let fingerprint = Digest::of(&[self.calls]);
        let agency = self.agency(n);
        let principal = Principal::new(agency, Role::Operator, "operations").unwrap();
        let call = Call { principal, key: self.calls.to_string(), fingerprint };
        self.ask(n, Command::OfSetAside { call, message, act });
    }

    /// An officer of node `n` erases a message, and its content is asked back where the rules say so.
    pub fn erase(&mut self, n: usize, message: MessageKey) {
        let principal = Principal::new(self.agency(n), Role::Officer, "clerk").unwrap();
        let cause = ErasureCause::AuthorityOrder;
        self.ask(n, Command::Erase { by: Some(principal), message, cause });
    }

    /// Node 0 sends a message to agency `to`: a request, or a supplement to one that it sent.
    pub fn send(&mut self, to: usize, request: u8, urgent: bool) -> MessageKey {
        self.send_from(0, to, request, urgent)
    }

    /// The same of node `from`.
    pub fn send_from(&mut self, from: usize, to: usize, request: u8, urgent: bool) -> MessageKey {
        self.calls += 1;
        let setting = Arc::clone(self.nodes[from].setting());
        let request = RequestId::from_bytes([request; 16]);
        let act = match query::request(&setting, request).unwrap() {
            Some(_) => "supplement",
            None => "request",
        };
        let message = MessageId::from_bytes([self.calls; 16]);
        let level = if urgent { "immediate" } else { "routine" };
        let desks = [from, to].map(|n| support::desk(&self.federation.agencies[n]));
        let text = format!(
            r#"{{"from": "{}", "to": ["{}"], "kind": "UNTOC.27.1.B.I.PERSON",
                "message_type": "{act}", "request_id": "{request}", "message_id": "{message}",
                "urgency": {{"level": "{level}", "reason": "a test"}}, "facts": "a test"}}"#,
            desks[0], desks[1]
        );
        let draft = wire::draft::read(wire::json::read_file(text.as_bytes()).unwrap()).unwrap();
        let plan = Plan { request, now: self.clock.now(), expires_in_ms: LIFE_MS };
        let messages = sealing::prepare(&setting, &draft, &plan).unwrap();
        let call = Call {
            principal: Principal::new(setting.agency.clone(), Role::Officer, "clerk").unwrap(),
            key: self.calls.to_string(),
            fingerprint: Digest::of(&[self.calls]),
        };
        let submission = Submission::of(call, draft, &plan, messages);
        self.ask(from, Command::Submit(Box::new(submission)));
        MessageKey::new(&setting.agency, message)
    }

    /// Node `n` offers a message to its next hop, and what comes of it is never heard.
    pub fn lose_an_offer(&mut self, n: usize, message: MessageKey) {
        let Custody::Waiting { peer } = self.custody(n, message) else { panic!("it is not here") };
        self.ask(n, Command::HandOver { peer, messages: vec![message] });
    }

    /// Where node `n` says that a message is.
    pub fn custody(&self, n: usize, message: MessageKey) -> Custody {
        let store = &self.nodes[n].setting().store;
        message::find(store.as_ref(), message).unwrap().unwrap().custody
    }

    /// What node 0 knows of the way of a message: each station, by whom, and why.
    pub fn stations(&self, message: MessageKey) -> Vec<(Station, usize, Option<Reason>)> {
        self.stations_at(0, message)
    }

    /// The same of node `n`.
    pub fn stations_at(
        &self,
        n: usize,
        message: MessageKey,
    ) -> Vec<(Station, usize, Option<Reason>)> {
        let view = query::message(self.nodes[n].setting(), message).unwrap().unwrap();
        let number = |agency: &AgencyId| {
            self.federation.agencies.iter().position(|it| it == agency).unwrap()
        };
        let stations = view.stations.into_iter();
        stations
            .map(|it| (it.record.station, number(&it.record.agency), it.record.reason))
            .collect()
    }

    /// Ways that node `n` chose for a message: the next hop before and after, and why.
    pub fn ways(&self, n: usize, message: MessageKey) -> Vec<(Option<usize>, usize, Reason)> {
        let view = query::message(self.nodes[n].setting(), message).unwrap().unwrap();
        let number = |agency: &AgencyId| {
            self.federation.agencies.iter().position(|it| it == agency).unwrap()
        };
        let ways = view.ways.iter();
        ways.map(|it| (it.from.as_ref().map(number), number(&it.to), it.reason)).collect()
    }

    /// Messages in the inbox of agency `n`, in order.
    pub fn inbox(&self, n: usize) -> Vec<MessageKey> {
        let setting = self.nodes[n].setting();
        let places = query::inbox_page(setting, &support::desk(&setting.agency), 0, 100).unwrap();
        places.into_iter().map(|(_, view)| view.header.key()).collect()
    }

    /// Facts of the journal of node `n`.
    pub fn facts(&self, n: usize) -> Vec<Fact> {
        let read = self.nodes[n].setting().journal.read(0, 10_000).unwrap();
        read.iter().map(|bytes| wire::entry::read(bytes).unwrap().fact).collect()
    }

    /// Node `n` follows its directory with something else in it.
    pub fn follow(&mut self, n: usize, change: impl FnOnce(&mut DirectoryDraft)) {
        let mut draft = self.nodes[n].setting().directory().draft();
        draft.version += 1;
        change(&mut draft);
        let directory = Directory::parse(&to_toml(&draft)).unwrap();
        self.ask(n, Command::AdoptDirectory(Arc::new(directory)));
    }
}
