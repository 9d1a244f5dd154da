//! Hands messages and statements to one peer: windowed, urgent first, in order within a lane.
//!
//! A session follows three rules. A message of this agency's own is handed over only under a
//! checkpoint that the peer has cosigned, so the envelope carries its witness from the first hop
//! on. A handover is durable before its frame is sent, so a restart knows what is in doubt. And
//! what is in doubt is asked again, under the same number, until the peer answers.

mod answers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::outbox;
use crate::history::rows::HistoryError;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::node::command::Command;
use crate::node::doubt::{Doubt, Sighting};
use crate::node::duties::greeting::Greeting;
use crate::node::duties::inbound::PROTOCOL_VERSION;
use crate::node::duties::missed::Missed;
use crate::node::duties::places::Places;
use crate::node::duties::readiness::{Readiness, readiness};
use crate::node::duties::refusals::Refusals;
pub use crate::node::duties::session::{Lie, RefusedOnce, SessionEnd, Then, Wish};
use crate::node::duties::telling::{self, Telling};
use crate::node::recovery::{Recovery, is_unconfirmed};
use crate::node::rejection::RejectionReason;
use crate::node::setting::Setting;
use crate::node::{content, proofs, records, trail, ways};
use crate::wire::relay::{CheckpointOffer, Handing, Hello, Incoming, Outgoing};

/// Why a peer does not cosign yet.
const WAITS: [&str; 3] = ["DIRECTORY_BEHIND", "JOURNAL_UNCONFIRMED", "VOLUME_UNCONFIRMED"];

/// The dialling side of one stream.
pub struct Outbound {
    setting: Arc<Setting>,
    peer: AgencyId,
    greeting: Greeting,
    window: usize,
    welcomed: bool,
    /// The version of the directory that the peer named in its welcome.
    told: u64,
    /// What it said there of this journal, while somebody may wait for that.
    said: Option<Sighting>,
    /// It is looked at again then.
    said_again: Option<Timestamp>,
    witnessed: u64,
    offered: Option<SignedCheckpoint>,
    offered_at: Option<Timestamp>,
    /// The peer could not read a checkpoint, or must do something first: none is offered before.
    rests_until: Option<Timestamp>,
    cosigning: bool,
    asked: BTreeMap<Digest, MessageKey>,
    noting: BTreeSet<MessageKey>,
    /// Offered for the first time in this session, and not answered: the peer can't have them yet.
    first: BTreeSet<MessageKey>,
    refusals: Refusals,
    /// The peer said that it drains.
    draining: bool,
    telling: Telling,
    missed: Missed,
    places: Places,
}

impl Outbound {
    /// A session that is about to dial `peer`.
    pub fn new(setting: Arc<Setting>, peer: AgencyId) -> Self {
        let window = setting.policy.window;
        let greeting = Greeting::of(&setting);
        Self {
            setting,
            peer,
            greeting,
            window,
            welcomed: false,
            told: 0,
            said: None,
            said_again: None,
            witnessed: 0,
            offered: None,
            offered_at: None,
            rests_until: None,
            cosigning: false,
            asked: BTreeMap::new(),
            noting: BTreeSet::new(),
            first: BTreeSet::new(),
            refusals: Refusals::default(),
            draining: false,
            telling: Telling::default(),
            missed: Missed::default(),
            // Besides messages and statements a checkpoint and a question may be unanswered.
            places: Places::of(window.saturating_add(telling::IN_FLIGHT).saturating_add(2)),
        }
    }

    /// The first frame.
    pub fn hello(&self) -> Outgoing {
        Outgoing::Hello(Hello {
            versions: vec![PROTOCOL_VERSION],
            network: self.setting.directory().network().clone(),
            directory_version: self.greeting.version(),
        })
    }

    /// What is to be done now. Call it after contact, after each frame, after each executed wish,
    /// when something new is owed, and about once a second.
    pub fn poll(&mut self) -> Result<Vec<Wish>, SessionEnd> {
        let wishes = self.wished()?;
        self.places.note(&wishes);
        Ok(wishes)
    }

    fn wished(&mut self) -> Result<Vec<Wish>, SessionEnd> {
        if self.greeting.is_outdated(&self.setting) {
            return Err(SessionEnd::DirectoryChanged);
        }
        let mut wishes = Vec::new();
        if !self.welcomed {
            return Ok(wishes);
        }
        if self.said.is_some() {
            wishes.extend(self.sighted()?);
        }
        if Doubt::of(self.setting.store.as_ref())?.is_some() {
            return Ok(wishes);
        }
        let recovery = Recovery::of(self.setting.store.as_ref())?;
        if let Some(recovery) = recovery.as_ref().filter(|_| !self.follows_newer()) {
            wishes.extend(self.missed.ask(&self.setting, &self.peer, recovery)?);
        }
        let reads_only = recovery.is_some_and(|it| !it.settled);
        if reads_only || is_unconfirmed(&self.setting, &self.peer)? {
            return Ok(wishes);
        }
        let cosigned = records::cosigned(self.setting.store.as_ref(), &self.peer)?;
        let cosigned = cosigned.filter(|it| it.is_of(&self.setting.journal_name));
        let covered = cosigned.as_ref().map_or(0, |it| it.size);
        let note = cosigned.map(|it| it.note).unwrap_or_default();
        let TakenUp { fresh, earlier, uncovered } = self.take_up(covered, &note, &mut wishes)?;
        if !fresh.is_empty() {
            let peer = self.peer.clone();
            self.first.extend(&fresh);
            let then = Then::Noted(fresh.clone());
            let command = Command::HandOver { peer, messages: fresh };
            wishes.push(Wish::Execute(Box::new(command), then));
        }
        if !earlier.is_empty() {
            let then = Then::Noted(earlier.clone());
            let command = Command::Restate { messages: earlier };
            wishes.push(Wish::Execute(Box::new(command), then));
        }
        let told = self.telling.next(&self.setting, &self.peer)?;
        wishes.extend(told.into_iter().map(send));
        self.offer(uncovered, covered, &mut wishes)?;
        Ok(wishes)
    }

    /// Takes up what is owed, as the window permits.
    fn take_up(
        &mut self,
        covered: u64,
        note: &[u8],
        wishes: &mut Vec<Wish>,
    ) -> Result<TakenUp, SessionEnd> {
        let mut up = TakenUp::default();
        let first = self.setting.before.size();
        // Asked first: time passes meanwhile, and what was refused has its turn before what is new.
        let held_back = self.held_back();
        for (key, record) in self.owed()? {
            if record.part == Part::Origin && record.recorded < first {
                self.noting.insert(key);
                up.earlier.push(key);
                continue;
            }
            if record.part == Part::Origin && record.recorded >= first.saturating_add(covered) {
                up.uncovered = true;
                continue;
            }
            match &record.custody {
                Custody::Waiting { .. } => {
                    match readiness(&self.setting, held_back, key, &record)? {
                        Readiness::NotNow => {}
                        Readiness::Ready => {
                            self.noting.insert(key);
                            up.fresh.push(key);
                        }
                        Readiness::Never => {
                            self.noting.insert(key);
                            wishes.push(set_aside(key, Reason::ProofInvalid));
                        }
                    }
                }
                Custody::InDoubt { number, .. } => {
                    wishes.push(self.hand(key, &record, *number, note)?);
                }
                Custody::SetAside { .. }
                | Custody::PassedOn
                | Custody::Held
                | Custody::UnderReview
                | Custody::Ended { .. } => {}
            }
        }
        Ok(up)
    }

    /// Whether nothing is offered for the first time now.
    fn held_back(&self) -> bool {
        self.draining || self.held_back_until().is_some()
    }

    /// Why the peer takes nothing for a while, in its word, and until when nothing new is offered.
    pub fn held_back_until(&self) -> Option<(&str, Timestamp)> {
        self.refusals.hold_back(self.setting.clock.now())
    }

    /// Messages owed to the peer that this session has not taken up yet, as the window permits.
    fn owed(&mut self) -> Result<Vec<(MessageKey, MessageRecord)>, HistoryError> {
        let now = self.setting.clock.now();
        let shelved = self.refusals.shelved(now);
        let rows = self.setting.store.as_ref();
        let busy = self.asked.len() + self.noting.len();
        let look = self.window.saturating_add(shelved);
        let mut found = Vec::new();
        for (_, key) in outbox::owed(rows, &self.peer, None, look)? {
            let taken_up = self.noting.contains(&key)
                || self.refusals.is_shelved(&key, now)
                || self.asked.values().any(|it| *it == key);
            if busy + found.len() >= self.window {
                break;
            }
            if let (false, Some(record)) = (taken_up, message::find(rows, key)?) {
                found.push((key, record));
            }
        }
        Ok(found)
    }

    fn hand(
        &mut self,
        key: MessageKey,
        record: &MessageRecord,
        number: u32,
        note: &[u8],
    ) -> Result<Wish, HistoryError> {
        let header = record.header()?;
        let origin = match record.part {
            Part::Origin => {
                Some(proofs::statement_under(&self.setting, record.recorded, note.to_vec())?)
            }
            Part::Transit | Part::Destination => content::origin_statement(&self.setting, key)?,
        };
        let envelope = match origin {
            Some(origin) => content::envelope(&self.setting, &header, origin)?,
            None => None,
        };
        self.asked.insert(header.hash(), key);
        let Some(envelope) = envelope else {
            let reason = Reason::ProofInvalid;
            let command = Command::SetAside { message: key, reason };
            return Ok(Wish::Execute(Box::new(command), Then::SetAside(key)));
        };
        let hops = record.hops.saturating_add(1);
        let (rows, ends) = (self.setting.store.as_ref(), (&self.setting.agency, &self.peer));
        let trail = trail::onward(rows, (key, record), ends)?;
        let mut to_review = ways::to_review(rows, (key, record))?;
        to_review.retain(|it| it != ends.0);
        let handing = Handing { envelope, handover: number, hops, trail, to_review };
        Ok(send(Outgoing::Handing(Box::new(handing))))
    }

    /// Offers the latest checkpoint at contact, when an own message needs it, and at intervals
    /// while the journal grows.
    fn offer(
        &mut self,
        needed: bool,
        covered: u64,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), HistoryError> {
        let now = self.setting.clock.now();
        let interval = self.setting.policy.checkpoint_interval_ms;
        let waited = self.offered_at.is_none_or(|at| now.millis_since(at) >= interval);
        let rests = self.rests_until.is_some_and(|it| now < it);
        if self.offered.is_some() || self.cosigning || rests || !(needed || waited) {
            return Ok(());
        }
        let Some(note) = self.setting.journal.latest_checkpoint()? else {
            return Ok(());
        };
        let damaged = HistoryError::Damaged { what: "checkpoint of the journal" };
        let Ok(signed) = SignedCheckpoint::parse(&note) else {
            return Err(damaged);
        };
        let size = signed.checkpoint.size;
        if size == covered && self.witnessed == size {
            return Ok(());
        }
        let old_size = self.witnessed;
        let proof = if old_size == 0 || old_size == size {
            Vec::new()
        } else {
            proofs::consistency(&self.setting, old_size, size)?
        };
        self.offered = Some(signed);
        self.offered_at = Some(now);
        wishes.push(send(Outgoing::CheckpointOffer(CheckpointOffer {
            old_size,
            proof,
            checkpoint: note,
        })));
        Ok(())
    }

    /// Takes one frame of the peer.
    pub fn take(&mut self, frame: Incoming) -> Result<Vec<Wish>, SessionEnd> {
        match frame {
            Incoming::Welcome(welcome) => self.welcome(&welcome),
            Incoming::Cosigned(cosigned) => self.cosigned(cosigned),
            Incoming::Answer(answer) => self.answer(answer),
            Incoming::NoticeTaken(taken) => {
                if !self.telling.has_told(taken.sequence) {
                    return Err(Lie::NotSent.into());
                }
                self.notice_taken(taken.sequence)
            }
            Incoming::Refused(refused) => self.refused(refused),
            Incoming::Shown(shown) => self.missed.shown(&self.peer, shown),
        }
    }

    /// A wish was executed; what it was about may be taken up again.
    pub fn executed(&mut self, then: &Then) {
        match then {
            Then::Nothing => {}
            Then::Cosigned => self.cosigning = false,
            Then::Recovered => self.missed = Missed::default(),
            Then::Noted(messages) => {
                for key in messages {
                    self.noting.remove(key);
                }
            }
            Then::SetAside(message) => self.asked.retain(|_, key| key != message),
        }
    }

    /// What the peer did not take in this session, and whether it takes nothing over now.
    pub fn not_taken(&self) -> (&BTreeMap<MessageKey, RefusedOnce>, bool) {
        let draining = RejectionReason::Draining.as_str();
        let refused = self.refusals.all();
        (refused, self.draining || refused.values().any(|it| it.reason == draining))
    }

    /// True while the peer owes an answer.
    pub fn is_waiting(&self) -> bool {
        !self.asked.is_empty() || self.offered.is_some() || self.missed.is_asked()
    }
}

/// What is to be noted before anything of it is sent.
#[derive(Default)]
struct TakenUp {
    /// Offered for the first time.
    fresh: Vec<MessageKey>,
    /// Own ones of an earlier volume, to be stated again.
    earlier: Vec<MessageKey>,
    /// Whether an own one waits for the peer's cosignature.
    uncovered: bool,
}

fn set_aside(message: MessageKey, reason: Reason) -> Wish {
    let command = Command::SetAside { message, reason };
    Wish::Execute(Box::new(command), Then::Noted(vec![message]))
}

pub(super) fn send(frame: Outgoing) -> Wish {
    Wish::Send(Box::new(frame))
}

fn execute(command: Command) -> Wish {
    Wish::Execute(Box::new(command), Then::Nothing)
}
