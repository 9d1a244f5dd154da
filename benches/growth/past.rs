//! A past for a node: requests that went out, were acknowledged, answered and closed, each message
//! with every entry, row, statement and sealed part that it leaves at its origin or destination.
//!
//! Entries are recorded by the shipped turn, folded by the shipped folds and appended by the shipped
//! journal, batch by batch as `Node` does it. Only what costs time and changes no size is left out:
//! sealed parts and statements of others are random bytes of the length of real ones.

use rogatory::clock::Timestamp;
use rogatory::domain::acts::Act;
use rogatory::domain::bearing::{Bearing, ItemMark};
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::{EntryParts, Fact, Handover, MessageRef};
use rogatory::domain::header::{Address, Header, OrderToken, SealedDigests};
use rogatory::domain::ids::{AgencyId, ContactPointId, JournalName, MessageId, RequestId};
use rogatory::domain::lifecycle::State;
use rogatory::domain::limits::HOP_LIMIT_DEFAULT;
use rogatory::domain::particulars::{Particulars, Urgency};
use rogatory::domain::station::Station;
use rogatory::entropy::{Entropy as _, SystemEntropy, bytes, uuid_v7};
use rogatory::envelope::{RecipientKey, Sealing, seal};
use rogatory::history::message;
use rogatory::journal::Append;
use rogatory::journal::store::Batch;
use rogatory::merkle::checkpoint::{
    Checkpoint, SignedCheckpoint, sign_checkpoint, sign_checkpoint_by,
};
use rogatory::merkle::cosignature::{cosign_ed25519, with_lines};
use rogatory::merkle::receipt::TlogProof;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::merkle::tree::{Frontier, leaf_hash};
use rogatory::node::content::{self, Parts};
use rogatory::node::setting::Setting;
use rogatory::node::turn::Turn;
use rogatory::redact::Secret;
use rogatory::wire;
use rogatory::wire::envelope::Statement;
use rogatory::wire::skeleton::{Skeleton, StatementDetail};

use crate::network::drafts::{DESTINATION_DESK, ORIGIN_DESK};
use crate::network::{DESTINATION, HUB, agency};

/// The messages of one request in order: whether this node sends it, the act, the state that its
/// sender had seen, its number among the sender's messages, and what its sender had heard.
const COURSE: [(bool, Act, Option<State>, u64, u64); 4] = [
    (true, Act::Request, None, 1, 0),
    (false, Act::AckReceipt, Some(State::Delivered), 1, 1),
    (false, Act::Result, Some(State::Received), 2, 1),
    (true, Act::Closing, Some(State::Executed), 2, 2),
];
/// Entries of a message that went out: submitted, handed over, relayed, delivered, retrieved.
const ENTRIES_OUT: u64 = 5;
/// Entries of a message that came in: delivered, claimed, read, acknowledged.
const ENTRIES_IN: u64 = 4;
/// Entries that one request leaves.
pub const ENTRIES_A_REQUEST: u64 = 2 * ENTRIES_OUT + 2 * ENTRIES_IN;
/// Levels of the trees of other journals: a million entries.
const PROOF_HASHES: usize = 20;

/// Lengths of the parts of a message of this content, as sealing gives them.
pub struct Shape {
    wraps: usize,
    particulars: usize,
    content: usize,
    stored_key: usize,
    /// Bytes of the whole envelope, header and origin's statement included.
    pub envelope: usize,
}

/// One message on its course.
struct Message {
    header: Header,
    particulars: Particulars,
}

/// Grows the journal of one node.
pub struct Past<'a> {
    setting: &'a Setting,
    frontier: Frontier,
    shape: Shape,
    /// False leaves sealed parts out, as if they had been erased.
    keeps_content: bool,
    /// Requests that take their course side by side: entries that share a commit.
    abreast: usize,
    others: Others,
    calls: u64,
}

/// The other journals: of the hub and of the agency asked.
struct Others {
    hub: AgencyId,
    other: AgencyId,
    own_desk: ContactPointId,
    other_desk: ContactPointId,
    signer: Ed25519Signer,
}

impl<'a> Past<'a> {
    /// A past on what `setting` holds, with messages of `content_bytes` (0 for erased ones).
    pub fn new(setting: &'a Setting, content_bytes: usize, abreast: usize) -> Self {
        let others = Others {
            hub: agency(HUB),
            other: agency(DESTINATION),
            own_desk: ORIGIN_DESK.parse().expect("a desk"),
            other_desk: DESTINATION_DESK.parse().expect("a desk"),
            signer: Ed25519Signer::from_seed(&Secret::new(bytes(&SystemEntropy))),
        };
        let frontier = setting.journal.frontier().expect("the journal can be read");
        let shape = shape(setting, &others, content_bytes);
        let keeps_content = content_bytes > 0;
        Self { setting, frontier, shape, keeps_content, abreast, others, calls: 0 }
    }

    /// What one message looks like.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// As many whole requests, side by side, from their first message to their last.
    pub fn requests(&mut self) {
        let now = self.setting.clock.now();
        let threads: Vec<Thread> = (0..self.abreast).map(|_| Thread::new(now)).collect();
        for step in COURSE {
            let messages: Vec<Message> =
                threads.iter().map(|thread| self.message(thread, step)).collect();
            if step.0 { self.send(&messages) } else { self.receive(&messages) }
        }
    }

    fn message(
        &self,
        thread: &Thread,
        (ours, act, seen, number, heard): (bool, Act, Option<State>, u64, u64),
    ) -> Message {
        let own = &self.setting.agency;
        let others = &self.others;
        let (from, to) = match ours {
            true => (&others.own_desk, &others.other_desk),
            false => (&others.other_desk, &others.own_desk),
        };
        let (origin, destination) = if ours { (own, &others.other) } else { (&others.other, own) };
        let now = self.setting.clock.now();
        let stream = if ours { thread.sent } else { thread.received };
        let particulars = particulars(thread.request, act, (from, to), now);
        let item = ItemMark { item: None, act, seen };
        let bearing = Bearing { items: vec![item], heard, ..particulars.bearing.clone() };
        let particulars = Particulars { bearing, ..particulars };
        let address = address(self.setting, (origin, destination), &particulars, now);
        let address = Address { order: OrderToken { stream, number }, ..address };
        let digest = || Digest::from_bytes(bytes(&SystemEntropy));
        let digests = SealedDigests {
            particulars: digest(),
            content: digest(),
            wraps: digest(),
            attachments: None,
            particulars_bytes: u32::try_from(self.shape.particulars).unwrap_or(u32::MAX),
            content_bytes: u32::try_from(self.shape.content).unwrap_or(u32::MAX),
        };
        let header = wire::header::write_header(&address, &digests);
        Message { header, particulars }
    }

    fn send(&mut self, messages: &[Message]) {
        self.submitted(messages);
        self.batch(messages, |past, turn, message| {
            let handover = past.handover_out();
            let message = message::reference(&message.header);
            let fact = Fact::HandedOver { message, handover };
            record(turn, fact, Skeleton::default());
        });
        let (hub, other) = (self.others.hub.clone(), self.others.other.clone());
        let own = self.setting.agency.clone();
        self.told(messages, &hub, Station::Relayed, Some(own));
        self.told(messages, &other, Station::Delivered, Some(hub));
        self.told(messages, &other, Station::Retrieved, None);
    }

    fn submitted(&mut self, messages: &[Message]) {
        let calls = self.calls;
        self.calls += u64::try_from(messages.len()).unwrap_or_default();
        let numbers = std::cell::Cell::new(calls);
        self.batch(messages, |past, turn, message| {
            numbers.set(numbers.get() + 1);
            past.put(turn, message, None);
            let skeleton = Skeleton {
                principal: Some(officer(past.setting)),
                call: Some((format!("past-{}", numbers.get()), random_digest())),
                particulars: Some(message.particulars.clone()),
                next_hop: Some(past.others.hub.clone()),
                ..Skeleton::default()
            };
            record(turn, Fact::Submitted { header: message.header.clone() }, skeleton);
        });
    }

    /// Statements of `issuer` about messages that went out.
    fn told(
        &mut self,
        messages: &[Message],
        issuer: &AgencyId,
        station: Station,
        from: Option<AgencyId>,
    ) {
        let journal = JournalName::new(issuer.clone(), 1);
        self.batch(messages, |past, turn, message| {
            let reference = message::reference(&message.header);
            let header = message.header.clone();
            let handover = Handover { from: past.others.hub.clone(), ..past.handover_out() };
            let fact = if station == Station::Retrieved {
                Fact::Read { message: reference.clone() }
            } else if station == Station::Relayed {
                Fact::TakenOver { header, handover: past.handover_out() }
            } else {
                Fact::Delivered { header, handover }
            };
            let statement = past.statement(&journal, fact, false);
            let fact = Fact::StatementRecorded {
                message: reference,
                issuer: journal.clone(),
                station,
                entry: Digest::of(&statement.entry),
            };
            let number = u32::from(from.is_some());
            let detail = StatementDetail {
                at: turn.now,
                reason: None,
                cause: None,
                from: from.clone(),
                number,
                attachment: 0,
            };
            let skeleton = Skeleton { statement: Some(detail), ..Skeleton::default() };
            let position = record(turn, fact, skeleton);
            content::put_statement(&mut turn.beside, position, &statement);
        });
    }

    fn receive(&mut self, messages: &[Message]) {
        self.batch(messages, |past, turn, message| {
            let handover = Handover {
                from: past.others.hub.clone(),
                to: past.setting.agency.clone(),
                number: 1,
            };
            let journal = JournalName::new(past.others.other.clone(), 1);
            let header = message.header.clone();
            let origin = past.statement(&journal, Fact::Submitted { header }, true);
            past.put(turn, message, Some(&origin));
            let particulars = Some(message.particulars.clone());
            let skeleton = Skeleton { particulars, ..Skeleton::default() };
            let fact = Fact::Delivered { header: message.header.clone(), handover };
            record(turn, fact, skeleton);
        });
        let acts: [fn(MessageRef) -> Fact; 3] = [
            |message| Fact::Claimed { message },
            |message| Fact::Read { message },
            |message| Fact::Acknowledged { message },
        ];
        for act in acts {
            let calls = self.calls;
            self.calls += u64::try_from(messages.len()).unwrap_or_default();
            let numbers = std::cell::Cell::new(calls);
            self.batch(messages, |past, turn, message| {
                numbers.set(numbers.get() + 1);
                let skeleton = Skeleton {
                    principal: Some(officer(past.setting)),
                    call: Some((format!("past-{}", numbers.get()), random_digest())),
                    lease_until: Some(turn.now.plus_millis(1_800_000)),
                    ..Skeleton::default()
                };
                record(turn, act(message::reference(&message.header)), skeleton);
            });
        }
    }

    fn handover_out(&self) -> Handover {
        let (from, to) = (self.setting.agency.clone(), self.others.hub.clone());
        Handover { from, to, number: 1 }
    }

    fn put(&self, turn: &mut Turn<'_>, message: &Message, origin: Option<&Statement>) {
        if !self.keeps_content {
            return;
        }
        let shape = &self.shape;
        let parts = Parts {
            wraps: &random(shape.wraps),
            particulars: &random(shape.particulars),
            content: &random(shape.content),
            origin,
            stored_key: Some(&random(shape.stored_key)),
            attachments: &[],
        };
        content::put(turn, message.header.key(), &parts).expect("the slots hold");
    }

    fn statement(&self, journal: &JournalName, fact: Fact, cosigned: bool) -> Statement {
        statement(&self.others.signer, self.setting.clock.now(), (journal, cosigned), fact)
    }

    /// One batch, durable as the node makes it: entries, checkpoint and what lies beside them in
    /// one commit, then the rows.
    fn batch(&mut self, messages: &[Message], act: impl Fn(&Self, &mut Turn<'_>, &Message)) {
        let setting = self.setting;
        let mut turn = Turn::begin(setting);
        for message in messages {
            act(self, &mut turn, message);
        }
        let Turn { rows, beside, entries, .. } = turn;
        for entry in &entries {
            self.frontier.push(leaf_hash(entry));
        }
        let checkpoint = Checkpoint {
            origin: setting.journal_name.to_string(),
            size: self.frontier.size(),
            root: self.frontier.root(),
        };
        let checkpoint =
            sign_checkpoint_by(&checkpoint, setting.keys.journal.present().ed25519.as_ref())
                .expect("it signs");
        let expected = setting.journal.next();
        let append = Append { entries, checkpoint, rows: beside };
        setting.journal.append(expected, append).expect("the journal takes the batch");
        let rows: Batch = rows.into_batch();
        setting.store.apply(rows).expect("the store takes the rows");
    }
}

/// One request between two agencies.
struct Thread {
    request: RequestId,
    sent: [u8; 16],
    received: [u8; 16],
}

impl Thread {
    fn new(now: Timestamp) -> Self {
        let request = RequestId::from(uuid_v7(&SystemEntropy, now));
        Self { request, sent: bytes(&SystemEntropy), received: bytes(&SystemEntropy) }
    }
}

fn record(turn: &mut Turn<'_>, fact: Fact, skeleton: Skeleton) -> u64 {
    turn.record(fact, skeleton).expect("the fact fits the history")
}

fn officer(setting: &Setting) -> String {
    format!("spiffe://{}/officer/duty-officer", setting.agency)
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SystemEntropy.fill(&mut bytes);
    bytes
}

fn random_digest() -> Digest {
    Digest::from_bytes(bytes(&SystemEntropy))
}

fn particulars(
    request: RequestId,
    act: Act,
    (from, to): (&ContactPointId, &ContactPointId),
    now: Timestamp,
) -> Particulars {
    Particulars {
        request,
        kind: "SOM.8.2.VESSEL".parse().expect("a kind"),
        act,
        outcome: None,
        from: from.clone(),
        to: vec![to.clone()],
        in_reply_to: None,
        urgency: Urgency::Priority,
        respond_by: None,
        bearing: Bearing::silent("ITA".parse().ok()),
        issued_at: now,
    }
}

fn address(
    setting: &Setting,
    (origin, destination): (&AgencyId, &AgencyId),
    particulars: &Particulars,
    now: Timestamp,
) -> Address {
    Address {
        network: setting.directory().network().clone(),
        message: MessageId::from(uuid_v7(&SystemEntropy, now)),
        origin: origin.clone(),
        destination: destination.clone(),
        channel: particulars.channel(),
        lane: particulars.lane(),
        sent_at: now,
        expires_at: now.plus_millis(setting.policy.expiry_default_ms),
        hop_limit: HOP_LIMIT_DEFAULT,
        order: OrderToken { stream: [0; 16], number: 1 },
    }
}

/// A statement by a journal of a million entries; `cosigned` ones carry a witness's line too.
fn statement(
    signer: &Ed25519Signer,
    now: Timestamp,
    (journal, cosigned): (&JournalName, bool),
    fact: Fact,
) -> Statement {
    let entry = EntryParts {
        journal: journal.clone(),
        recorded_at: now,
        directory_version: 1,
        fact,
        skeleton: random(120),
    };
    let checkpoint =
        Checkpoint { origin: journal.to_string(), size: 1 << PROOF_HASHES, root: random_digest() };
    let mut note = sign_checkpoint(&checkpoint, signer);
    if cosigned {
        let signed = SignedCheckpoint::parse(&note).expect("a checkpoint").checkpoint;
        let line = cosign_ed25519(&signed, &format!("{HUB}/witness"), signer, now);
        note = with_lines(&note, &[line]).expect("a cosigned checkpoint");
    }
    let hashes = (0..PROOF_HASHES).map(|_| random_digest()).collect();
    let proof = TlogProof { index: 1 << (PROOF_HASHES - 1), hashes, checkpoint: note };
    Statement { entry: wire::entry::write(&entry), proof: proof.to_bytes() }
}

/// Seals one message for real and measures it.
fn shape(setting: &Setting, others: &Others, content_bytes: usize) -> Shape {
    let now = setting.clock.now();
    let request = Thread::new(now).request;
    let desks = (&others.own_desk, &others.other_desk);
    let particulars = particulars(request, Act::Request, desks, now);
    let address = address(setting, (&setting.agency, &others.other), &particulars, now);
    let directory = setting.directory();
    let record = directory.agency(&others.other).expect("it is in the directory");
    let key = record.sealing.first().expect("it has a sealing key");
    let recipient = RecipientKey {
        agency: others.other.clone(),
        key_id: key.key_id.clone(),
        public: key.public.clone(),
    };
    let sealing = Sealing {
        address: &wire::header::write_address(&address),
        sender: &address.origin,
        message: address.message,
        recipients: std::slice::from_ref(&recipient),
        particulars: &wire::particulars::write(&particulars),
        content: &random(content_bytes),
    };
    let sealed = seal(&sealing, &SystemEntropy).expect("the message is sealed");
    let wraps = wire::envelope::write_wraps(&sealed.wraps);
    let digests = SealedDigests {
        particulars: Digest::of(&sealed.particulars),
        content: Digest::of(&sealed.content),
        wraps: Digest::of(&wraps),
        attachments: None,
        particulars_bytes: u32::try_from(sealed.particulars.len()).unwrap_or(u32::MAX),
        content_bytes: u32::try_from(sealed.content.len()).unwrap_or(u32::MAX),
    };
    let header = wire::header::write_header(&address, &digests);
    let key = sealed.content_key.expose();
    let stored_key = setting.keys.storage.seal_record(b"shape", key, &SystemEntropy).len();
    let fact = Fact::Submitted { header: header.clone() };
    let origin = statement(&others.signer, now, (&setting.journal_name, true), fact);
    let envelope = header.bytes.len()
        + wraps.len()
        + sealed.particulars.len()
        + sealed.content.len()
        + wire::envelope::write_statement(&origin).len();
    Shape {
        wraps: wraps.len(),
        particulars: sealed.particulars.len(),
        content: sealed.content.len(),
        stored_key,
        envelope,
    }
}
