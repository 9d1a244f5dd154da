//! Three central authorities, each linked to both others: real nodes in one process.

use std::collections::BTreeMap;
use std::sync::Arc;

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::directory::Directory;
use rogatory::directory::contact_point::{ContactPoint, Hours};
use rogatory::directory::link::Link;
use rogatory::directory::write::{DirectoryDraft, to_toml};
use rogatory::domain::digest::Digest;
use rogatory::domain::draft::Draft;
use rogatory::domain::fact::Fact;
use rogatory::domain::header::{MessageKey, SealedAttachment};
use rogatory::domain::ids::{AgencyId, JournalName, MessageId, RequestId};
use rogatory::entropy::{self, SeededEntropy};
use rogatory::history::Opened;
use rogatory::identity::{Principal, Role};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::slots::SlotDisk;
use rogatory::journal::store::Store;
use rogatory::node::command::{Call, Command, InboxAct, Outcome, Submission};
use rogatory::node::duties::due;
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::rejection::Rejection;
use rogatory::node::sealing::{self, Attached, Plan, PrepareError};
use rogatory::node::setting::Setting;
use rogatory::node::turn::open_entry;
use rogatory::node::{Node, query};
use rogatory::redact::Secret;
use rogatory::transport::views;
use rogatory::wire;
use rogatory::wire::pb;
use rogatory::wire::relay::{Incoming, Outgoing};
use serde_json::Value;

use crate::session;
use crate::support::Federation;

/// The agency that asks.
pub const BRA: usize = 0;
/// The agency that is asked. It has two desks, `mla` and `night`.
pub const ARE: usize = 1;
/// The agency of a third State.
pub const MLT: usize = 2;
/// The agencies by name, each with its desks.
const AGENCIES: [(&str, &[&str]); 3] = [
    ("bra.central-authority", &["mla"]),
    ("are.central-authority", &["mla", "night"]),
    ("mlt.central-authority", &["mla"]),
];
/// Each desk does all that the tests ask for.
const FUNCTIONS: [&str; 3] = ["central_authority", "flag_state_authority", "police_contact_point"];

/// One second, minute, hour and day in milliseconds.
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// The time of a text.
pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A message that the door accepted.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Names it.
    pub message: MessageId,
    /// Its request.
    pub request: RequestId,
}

/// The nodes and their clock.
pub struct Network {
    agencies: Vec<AgencyId>,
    federation: Federation,
    disks: Vec<MemoryDisk>,
    slots: Vec<MemorySlots>,
    nodes: Vec<Option<Node>>,
    clock: Arc<HandClock>,
    calls: u64,
}

impl Network {
    /// All desks answer at any time.
    pub fn new() -> Self {
        Self::with(|_| {}, |_, _| {})
    }

    /// The network with another directory, and other policies.
    pub fn with(
        change: impl FnOnce(&mut DirectoryDraft),
        policy: impl Fn(usize, &mut Setting),
    ) -> Self {
        let mut federation = Federation::grow(11, AGENCIES.len(), &[(0, 1), (1, 2), (0, 2)], &[]);
        let mut draft = federation.directory.draft();
        let agencies: Vec<AgencyId> =
            AGENCIES.iter().map(|(name, _)| name.parse().unwrap()).collect();
        for (record, (name, desks)) in draft.agencies.iter_mut().zip(AGENCIES) {
            record.id = name.parse().unwrap();
            record.country = name.get(..3).map(|it| it.to_ascii_uppercase().parse().unwrap());
            record.journals[0].name = JournalName::new(record.id.clone(), 1);
            record.contact_points = desks.iter().map(|desk| contact_point(name, desk)).collect();
        }
        let ends = [(0, 1), (1, 2), (0, 2)];
        let link = |(a, b): (usize, usize)| Link::between(agencies[a].clone(), agencies[b].clone());
        draft.links = ends.into_iter().map(link).collect();
        change(&mut draft);
        federation.directory = Arc::new(Directory::parse(&to_toml(&draft)).unwrap());
        federation.agencies.clone_from(&agencies);
        let disks: Vec<MemoryDisk> = agencies.iter().map(|_| MemoryDisk::new()).collect();
        let clock = Arc::new(HandClock::at(time("2026-03-02T09:14:00Z")));
        let slots = agencies.iter().map(|_| MemorySlots::new()).collect();
        let (nodes, calls) = (Vec::new(), 0);
        let mut network = Self { agencies, federation, disks, slots, nodes, clock, calls };
        network.nodes = (0..AGENCIES.len()).map(|n| Some(network.open(n, &policy))).collect();
        network
    }

    fn open(&self, n: usize, policy: impl Fn(usize, &mut Setting)) -> Node {
        let store = MemoryStore::open(&self.disks[n]).unwrap();
        let store = Arc::new(self.federation.sealed(n, store).unwrap());
        let entropy = Arc::new(SeededEntropy::new(self.calls * 10 + n as u64));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let on = (store as Arc<dyn Store>, Box::new(self.slots[n].clone()) as Box<dyn SlotDisk>);
        let mut setting = self.federation.setting_on(n, on, clock, entropy).unwrap();
        policy(n, &mut setting);
        Node::open(Arc::new(setting)).unwrap()
    }

    /// Stops a node and starts it again from its disk.
    pub fn restart(&mut self, n: usize) {
        self.calls += 1;
        self.nodes[n] = None;
        self.nodes[n] = Some(self.open(n, |_, _| {}));
    }

    /// What node `n` stands in.
    pub fn setting(&self, n: usize) -> Arc<Setting> {
        Arc::clone(self.nodes[n].as_ref().unwrap().setting())
    }

    /// The name of agency `n`.
    pub fn agency(&self, n: usize) -> &AgencyId {
        &self.agencies[n]
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock of all.
    pub fn pass(&self, millis: i64) {
        self.clock.advance(millis);
    }

    /// Moves the clock of all to `at`.
    pub fn pass_to(&self, at: Timestamp) {
        self.clock.advance(at.millis_since(self.now()));
    }

    /// Asks node `n`.
    pub fn ask(&mut self, n: usize, command: Command) -> Result<Outcome, Rejection> {
        let node = self.nodes[n].as_mut().unwrap();
        node.execute(vec![command]).unwrap().remove(0)
    }

    /// A call of somebody at agency `n`.
    pub fn call(&mut self, n: usize, who: &str) -> Call {
        self.calls += 1;
        let principal = Principal::new(self.agencies[n].clone(), Role::Officer, who).unwrap();
        let key = format!("call-{}", self.calls);
        Call { principal, fingerprint: Digest::of(key.as_bytes()), key }
    }

    /// What the door of node `n` says to a message of its clerk.
    pub fn try_send(&mut self, n: usize, file: &Value) -> Result<Sent, Rejection> {
        self.submit(n, file, false, &BTreeMap::new())
    }

    /// What the door of node `n` says to a message that is only to be checked.
    pub fn check(&mut self, n: usize, file: &Value) -> Result<Sent, Rejection> {
        self.submit(n, file, true, &BTreeMap::new())
    }

    /// Sends a message to agency `to` with an attachment of which nothing is here, and lets it arrive.
    pub fn send_attached(&mut self, n: usize, file: &Value, to: usize) -> Sent {
        let sealed = vec![SealedAttachment { digest: Digest::of(b"sealed"), bytes: 73 }];
        let attached = Attached { key: Secret::new([1; 32]), sealed, files: Vec::new() };
        let attached = BTreeMap::from([(self.agencies[to].clone(), Arc::new(attached))]);
        let sent = self.submit(n, file, false, &attached).unwrap();
        self.settle();
        sent
    }

    fn submit(
        &mut self,
        n: usize,
        file: &Value,
        validate_only: bool,
        attached: &BTreeMap<AgencyId, Arc<Attached>>,
    ) -> Result<Sent, Rejection> {
        let call = self.call(n, "clerk");
        let setting = self.setting(n);
        let draft: Draft =
            wire::draft::read(wire::json::read_file(file.to_string().as_bytes()).unwrap()).unwrap();
        let now = self.now();
        let request = draft
            .request
            .unwrap_or_else(|| RequestId::from(entropy::uuid_v7(setting.entropy.as_ref(), now)));
        let expires_in_ms = setting.policy.expiry_default_ms;
        let plan = Plan { request, now, expires_in_ms };
        let messages = match sealing::prepare_with(&setting, &draft, &plan, attached) {
            Ok(messages) => messages,
            Err(PrepareError::Rejected(rejection)) => return Err(rejection),
            Err(error @ PrepareError::History(_)) => panic!("{error}"),
        };
        let submission =
            Submission { validate_only, ..Submission::of(call, draft, &plan, messages) };
        let outcome = self.ask(n, Command::Submit(Box::new(submission)))?;
        let Outcome::Submitted(sent, false) = outcome else {
            panic!("a submission came to {outcome:?}");
        };
        Ok(Sent { message: sent[0].message, request: sent[0].request })
    }

    /// Sends a message of the clerk of node `n`, and lets everything arrive.
    pub fn send(&mut self, n: usize, file: &Value) -> Sent {
        let sent = self.try_send(n, file).unwrap();
        self.settle();
        sent
    }

    /// The clerk of node `n` takes a message of agency `from`, as whoever works on it must.
    pub fn claim(&mut self, n: usize, from: usize, sent: Sent) {
        let call = self.call(n, "clerk");
        let message = MessageKey::new(&self.agencies[from], sent.message);
        let act = InboxAct::Claim { lease_ms: 5 * MINUTE };
        let claimed = self.ask(n, Command::Inbox { call, message, act });
        assert!(matches!(claimed, Ok(Outcome::Done(_))), "{claimed:?}");
    }

    /// Does what is due at node `n` now, once.
    pub fn do_duties(&mut self, n: usize) {
        for command in due::commands(&self.setting(n)).unwrap() {
            self.ask(n, command).unwrap();
        }
    }

    /// Entries of the journal of node `n` from position `from`.
    pub fn entries(&self, n: usize, from: u64) -> Vec<Opened> {
        let setting = self.setting(n);
        let read = setting.journal.read(from, 10_000).unwrap();
        let opened = (from..).zip(&read).map(|(at, bytes)| open_entry(&setting, at, bytes));
        opened.map(Result::unwrap).collect()
    }

    /// Facts of the journal of node `n` from position `from`.
    pub fn facts(&self, n: usize, from: u64) -> Vec<Fact> {
        self.entries(n, from).into_iter().map(|it| it.entry.fact).collect()
    }

    /// Entries of the journal of node `n`.
    pub fn size(&self, n: usize) -> u64 {
        self.setting(n).journal.next()
    }

    /// A request as agency `n` shows it.
    pub fn shown(&self, n: usize, request: RequestId) -> pb::RequestState {
        let setting = self.setting(n);
        let view = query::request(&setting, request).unwrap().unwrap();
        views::request(&setting.agency, &view)
    }

    /// A request as agency `n` shows it, at its one executing agency.
    pub fn party(&self, n: usize, request: RequestId) -> pb::PartyState {
        let mut parties = self.shown(n, request).parties;
        assert_eq!(parties.len(), 1);
        parties.remove(0)
    }

    /// Where a request stands by agency `n`.
    pub fn state(&self, n: usize, request: RequestId) -> String {
        self.party(n, request).state
    }

    /// Where both sides of a request between BRA and ARE say that it stands.
    pub fn states(&self, request: RequestId) -> [String; 2] {
        [self.state(BRA, request), self.state(ARE, request)]
    }

    /// Lets all that waits go over all links, until every journal rests.
    pub fn settle(&mut self) {
        loop {
            let before: Vec<u64> = (0..self.nodes.len()).map(|n| self.size(n)).collect();
            for from in 0..self.nodes.len() {
                for to in (0..self.nodes.len()).filter(|to| *to != from) {
                    self.hand_over(from, to);
                }
            }
            if (0..self.nodes.len()).all(|n| self.size(n) == before[n]) {
                return;
            }
        }
    }

    /// Lets node `n` answer one frame.
    pub fn answered(&mut self, n: usize, inbound: &mut Inbound, frame: Outgoing) -> Incoming {
        session::answer(self.nodes[n].as_mut().unwrap(), inbound, frame)
    }

    /// One session in which node `left` hands what it owes to node `right`.
    pub fn hand_over(&mut self, left: usize, right: usize) {
        let [left, right] = self.nodes.get_disjoint_mut([left, right]).unwrap();
        session::hand_over(left.as_mut().unwrap(), right.as_mut().unwrap());
    }
}

fn contact_point(agency: &str, desk: &str) -> ContactPoint {
    ContactPoint {
        id: format!("{agency}/{desk}").parse().unwrap(),
        name: format!("Desk {desk} of {agency}"),
        functions: FUNCTIONS.iter().map(|it| it.parse().unwrap()).collect(),
        languages: [String::from("en")].into(),
        hours: Hours::Always,
    }
}
