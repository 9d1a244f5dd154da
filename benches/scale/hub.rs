//! A hub: the shipped node over a store in memory, driven by commands as its sessions would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rogatory::clock::{Clock, HandClock};
use rogatory::directory::Directory;
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::{EntryParts, Fact, Handover};
use rogatory::domain::header::{Header, MessageKey};
use rogatory::domain::ids::{AgencyId, JournalName};
use rogatory::domain::station::Station;
use rogatory::entropy::SeededEntropy;
use rogatory::envelope::keyring::{Keyring, SealingPrivate};
use rogatory::envelope::storage::StorageKey;
use rogatory::evidence::statement::CheckedStatement;
use rogatory::history::outbox::{self, Notice};
use rogatory::history::{message, table};
use rogatory::journal::StoreJournal;
use rogatory::journal::disk::Endless;
use rogatory::journal::files::Files;
use rogatory::journal::files::memory::MemoryFiles;
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::store::{Sealed, Store};
use rogatory::law::PartyStatus;
use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use rogatory::node::command::{Arrival, Arriving, Command, Outcome};
use rogatory::node::cosigning::WitnessSigning;
use rogatory::node::queue::Asker;
use rogatory::node::reach::Reach;
use rogatory::node::rest::open_slots;
use rogatory::node::setting::{Before, Desks, Keys, Policy, Setting};
use rogatory::node::signing::JournalSigning;
use rogatory::node::{Node, remainder};
use rogatory::redact::Secret;
use rogatory::wire::envelope::{Envelope, Statement};

/// Commands that share a commit, as the writer's queue lets them.
const BATCH: usize = 256;
/// Statements that are in flight to one peer.
const NOTICES: usize = 64;
const SLOTS_AHEAD: u64 = 1_024;
/// Wraps, proofs and what else travels with the parts of an envelope, in bytes.
const BESIDES: u64 = 3_000;

/// How long this thread has worked so far: not what it waited for a core.
fn worked() -> Duration {
    let told = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(told).expect("a thread has worked no less than nothing")
}

/// A message on its way.
pub(crate) struct Moving {
    /// Its header.
    pub(crate) header: Header,
    /// The second in which it was submitted.
    pub(crate) second: u32,
    /// Number of its recipient.
    pub(crate) destination: u32,
}

impl Moving {
    /// Bytes of its envelope.
    fn bytes(&self) -> u64 {
        let digests = &self.header.digests;
        u64::from(digests.particulars_bytes) + u64::from(digests.content_bytes) + BESIDES
    }
}

/// What comes to a hub.
pub(crate) enum Frame {
    /// A peer hands a message over.
    Handed {
        /// The peer.
        from: AgencyId,
        /// The how-manieth time.
        number: u32,
        /// Hops so far.
        hops: u32,
        /// The message.
        moving: Arc<Moving>,
    },
    /// Somebody states what became of a message.
    Stated {
        /// Who.
        issuer: AgencyId,
        /// Who had handed it over to them.
        handed_by: AgencyId,
        /// What.
        station: Station,
        /// Of which.
        moving: Arc<Moving>,
    },
}

/// What a hub sends, and to whom.
pub(crate) type Sent = (AgencyId, Frame);

/// A hub.
pub(crate) struct Hub {
    node: Node,
    disk: MemoryDisk,
    directory: Arc<Directory>,
    /// Messages that are here and not yet taken over by the next.
    waiting: BTreeMap<MessageKey, (Arc<Moving>, u32)>,
    /// Statements that are to be told, by the position of the entries that record them.
    told: BTreeMap<u64, Frame>,
    in_flight: BTreeMap<AgencyId, BTreeSet<MessageKey>>,
    /// Peers to whom something may be owed.
    owing: BTreeSet<AgencyId>,
    waiting_bytes: u64,
    /// Messages that it took over.
    pub(crate) taken: u64,
    /// At the end of each second: messages here, and the bytes of their envelopes.
    pub(crate) queued: Vec<(u64, u64)>,
    /// Time that the node worked, on whatever core.
    pub(crate) busy: Duration,
}

impl Hub {
    /// The hub of an agency.
    pub(crate) fn open(directory: &Directory, name: AgencyId, clock: &Arc<HandClock>) -> Self {
        let disk = MemoryDisk::new();
        let setting = setting(directory.clone(), name, clock, &disk);
        let directory = setting.directory();
        let node = Node::open(Arc::new(setting)).expect("a new node opens");
        Self {
            node,
            disk,
            directory,
            waiting: BTreeMap::new(),
            told: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            owing: BTreeSet::new(),
            waiting_bytes: 0,
            taken: 0,
            queued: Vec::new(),
            busy: Duration::ZERO,
        }
    }

    /// Its agency.
    pub(crate) fn name(&self) -> &AgencyId {
        &self.node.setting().agency
    }

    /// Entries of its journal.
    pub(crate) fn entries(&self) -> u64 {
        self.node.setting().journal.next()
    }

    /// Bytes in its store.
    pub(crate) fn stored(&self) -> usize {
        self.disk.bytes()
    }

    /// Whether nobody is owed anything.
    pub(crate) fn is_idle(&self) -> bool {
        self.owing.is_empty() && self.waiting.is_empty()
    }

    /// What its node itself says: nothing is owed, and it holds as many as it was counted to hold.
    pub(crate) fn assert_at_rest(&self) {
        let rest = remainder::rest(self.node.setting()).expect("the rows can be read");
        assert_eq!((rest.messages, self.waiting.len()), (0, 0), "{} is not at rest", self.name());
    }

    /// One second: what came, what may go, and the cosignature; gives what is sent. `is_up` says which
    /// peers can be reached.
    pub(crate) fn step(
        &mut self,
        frames: Vec<Frame>,
        is_up: impl Fn(&AgencyId) -> bool,
    ) -> Vec<Sent> {
        let began = worked();
        let mut sent = self.take(frames);
        let owing: Vec<AgencyId> = self.owing.iter().filter(|it| is_up(it)).cloned().collect();
        for peer in &owing {
            self.hand_over(peer, &mut sent);
            self.tell(peer, &mut sent);
        }
        self.execute(vec![Command::Countersign]);
        self.busy += worked() - began;
        sent
    }

    /// Notes the length of the queue.
    pub(crate) fn note(&mut self) {
        self.queued.push((self.waiting.len() as u64, self.waiting_bytes));
    }

    fn execute(&mut self, commands: Vec<Command>) -> Vec<Outcome> {
        let decided = self.node.execute(commands).expect("the node goes on");
        decided.into_iter().map(|it| it.expect("nothing is refused")).collect()
    }

    fn take(&mut self, frames: Vec<Frame>) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut frames = frames.into_iter().peekable();
        while frames.peek().is_some() {
            let batch: Vec<Frame> = frames.by_ref().take(BATCH).collect();
            let commands = batch.iter().map(|it| self.command(it)).collect();
            let outcomes = self.execute(commands);
            for (frame, outcome) in batch.into_iter().zip(outcomes) {
                match frame {
                    Frame::Handed { from, hops, moving, .. } => {
                        sent.push(self.taken_over(from, hops, moving));
                    }
                    Frame::Stated { .. } => self.recorded(frame, &outcome),
                }
            }
        }
        sent
    }

    fn next_hop(&self, header: &Header) -> AgencyId {
        let address = &header.address;
        let hop = self.directory.next_hop(self.name(), &address.destination, address.channel);
        hop.expect("a hub has a way to each agency")
    }

    fn command(&self, frame: &Frame) -> Command {
        match frame {
            Frame::Handed { from, number, hops, moving } => {
                let next_hop = self.next_hop(&moving.header);
                let (from, number, hops) = (from.clone(), *number, *hops);
                let verdict = Ok(Arriving::ToPassOn { next_hop });
                let envelope = envelope(&moving.header);
                let (trail, readers) = (Vec::new(), Vec::new());
                Command::Receive(Box::new(Arrival {
                    from,
                    number,
                    hops,
                    trail,
                    envelope,
                    readers,
                    verdict,
                }))
            }
            Frame::Stated { issuer, handed_by, station, moving } => {
                let handover = Handover { from: handed_by.clone(), to: issuer.clone(), number: 1 };
                let stated = self.stated(handover, *station, &moving.header);
                let by = Asker::Answering(issuer.clone());
                Command::RecordStatement(by, Box::new(stated))
            }
        }
    }

    fn stated(&self, handover: Handover, station: Station, header: &Header) -> CheckedStatement {
        let (message, issuer) = (message::reference(header), handover.to.clone());
        let header = header.clone();
        let fact = match station {
            Station::Relayed => Fact::TakenOver { header, handover },
            Station::Delivered => Fact::Delivered { header, handover },
            Station::Retrieved => Fact::Read { message: message.clone() },
            Station::Accepted
            | Station::NotTaken
            | Station::Returned
            | Station::Undelivered
            | Station::ErasureAsked
            | Station::Erased
            | Station::ErasureRefused
            | Station::Attachment(_)
            | Station::Released
            | Station::Annotated(_) => panic!("nobody states this here"),
        };
        let entry = EntryParts {
            journal: JournalName::new(issuer.clone(), 1),
            recorded_at: self.node.setting().clock.now(),
            directory_version: 1,
            fact,
            skeleton: Vec::new(),
        };
        let named = [message.header.as_bytes().as_slice(), station.as_str().as_bytes()].concat();
        let digest = Digest::of(&[&named, issuer.as_str().as_bytes()].concat());
        let statement = Statement { entry: digest.as_bytes().to_vec(), proof: Vec::new() };
        CheckedStatement { statement, entry, station, message, digest }
    }

    /// The answer to whoever handed a message over.
    fn taken_over(&mut self, from: AgencyId, hops: u32, moving: Arc<Moving>) -> Sent {
        self.taken += 1;
        self.waiting_bytes += moving.bytes();
        self.owing.insert(self.next_hop(&moving.header));
        self.waiting.insert(moving.header.key(), (Arc::clone(&moving), hops));
        let (issuer, handed_by) = (self.name().clone(), from.clone());
        (from, Frame::Stated { issuer, handed_by, station: Station::Relayed, moving })
    }

    fn recorded(&mut self, frame: Frame, outcome: &Outcome) {
        let Frame::Stated { issuer, moving, .. } = &frame else { return };
        let key = moving.header.key();
        let is_answer = self.in_flight.get_mut(issuer).is_some_and(|it| it.remove(&key));
        if is_answer && let Some((moving, _)) = self.waiting.remove(&key) {
            self.waiting_bytes -= moving.bytes();
        }
        if let Outcome::Done(position) = outcome {
            let record = message::find(self.node.setting().store.as_ref(), key);
            let record = record.expect("the rows can be read").expect("the message is known");
            self.owing.extend(record.upstream);
            self.told.insert(*position, frame);
        }
    }

    /// Hands over what is owed to a peer, as the window permits.
    fn hand_over(&mut self, peer: &AgencyId, sent: &mut Vec<Sent>) {
        let setting = Arc::clone(self.node.setting());
        let window = setting.policy.window;
        let owed = outbox::owed(setting.store.as_ref(), peer, None, window);
        let owed = owed.expect("the rows can be read").into_iter().map(|it| it.1);
        let in_flight = self.in_flight.entry(peer.clone()).or_default();
        let messages: Vec<MessageKey> = owed.filter(|it| !in_flight.contains(it)).collect();
        if messages.is_empty() {
            return;
        }
        let peer = peer.clone();
        let outcome = self.execute(vec![Command::HandOver { peer: peer.clone(), messages }]);
        let Some(Outcome::HandedOver(noted)) = outcome.into_iter().next() else {
            panic!("handovers are noted");
        };
        for (key, number) in noted {
            self.in_flight.entry(peer.clone()).or_default().insert(key);
            let (moving, hops) = self.waiting.get(&key).expect("what is owed is here");
            let (from, moving) = (self.name().clone(), Arc::clone(moving));
            sent.push((peer.clone(), Frame::Handed { from, number, hops: hops + 1, moving }));
        }
    }

    /// Tells a peer what it is owed of statements, which it takes in the same second.
    fn tell(&mut self, peer: &AgencyId, sent: &mut Vec<Sent>) {
        let store = Arc::clone(&self.node.setting().store);
        let taken = rogatory::node::records::notices_taken(store.as_ref(), peer);
        let taken = taken.expect("the rows can be read");
        let notices = outbox::notices(store.as_ref(), peer, taken, NOTICES);
        let notices = notices.expect("the rows can be read");
        let mut reached = taken;
        for (sequence, notice) in notices {
            reached = sequence;
            let (Notice::Own(position) | Notice::Recorded(position)) = notice;
            sent.extend(self.told.remove(&position).map(|it| (peer.clone(), it)));
        }
        if reached > taken {
            let peer = peer.clone();
            self.execute(vec![Command::RecordNoticesTaken { peer, sequence: reached }]);
        } else if self.in_flight.get(peer).is_none_or(BTreeSet::is_empty) {
            self.owing.remove(peer);
        }
    }
}

/// An envelope whose parts are sizes in its header, and no bytes.
fn envelope(header: &Header) -> Envelope {
    Envelope {
        header: header.clone(),
        wraps_bytes: Vec::new(),
        wraps: Vec::new(),
        particulars: Vec::new(),
        content: Vec::new(),
        origin: Statement { entry: Vec::new(), proof: Vec::new() },
        attachments: Vec::new(),
    }
}

fn setting(
    directory: Directory,
    agency: AgencyId,
    clock: &Arc<HandClock>,
    disk: &MemoryDisk,
) -> Setting {
    let secret = |number: u8| Secret::new([number; 32]);
    let storage = StorageKey::new(secret(5));
    let store = MemoryStore::open(disk).expect("a new disk opens");
    let store = Sealed::open(store, &storage, table::hidden_id).expect("a new store opens");
    let store: Arc<dyn Store> = Arc::new(store);
    let entropy = Arc::new(SeededEntropy::new(1));
    let slots = Box::new(MemorySlots::new());
    let slots = open_slots(store.as_ref(), slots, &storage, Arc::clone(&entropy) as _, SLOTS_AHEAD);
    let journal_name = JournalName::new(agency.clone(), 1);
    let journal = StoreJournal::open(Arc::clone(&store), journal_name.clone());
    let sealing = Keyring::new([SealingPrivate::from_seed(&secret(3))]);
    Setting {
        agency,
        journal_name,
        keys: Keys {
            journal: JournalSigning::alone(
                Ed25519Signer::from_seed(&secret(0)),
                MlDsa44Signer::from_seed(&secret(1)),
            ),
            witness: WitnessSigning::alone(Ed25519Signer::from_seed(&secret(2))),
            sealing: ArcSwap::from_pointee(sealing),
            skeleton: StorageKey::new(secret(4)),
            storage,
            fingerprint: secret(6),
        },
        policy: Policy::default(),
        backup: None,
        directory: Arc::new(directory).into(),
        desks: Desks::default(),
        parties: Arc::new(PartyStatus::built_in().clone()),
        journal: Arc::new(journal.expect("a new journal opens")),
        before: Before::default(),
        reach: Reach::default(),
        store,
        space: Arc::new(Endless),
        slots: Arc::new(slots.expect("new slots open")),
        files: Files::over(Arc::new(MemoryFiles::new())),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy,
    }
}
