//! Answers a peer that dials: each of its frames once.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::journal_keys::KeyFault;
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::evidence::statement::{self, CheckedStatement};
use crate::history::neighbours;
use crate::history::rows::HistoryError;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::node::command::{Command, Outcome, WitnessOffer, Witnessed};
use crate::node::conduct::Misconduct;
use crate::node::doubt::Doubt;
use crate::node::duties::greeting::{DIRECTORY_CHANGED, Greeting, is_outdated};
use crate::node::queue::Asker;
use crate::node::recovery::{Recovery, is_unconfirmed};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::{Decision, arrival, conduct, proofs, records};
use crate::wire::relay::{
    Answer, CheckpointOffer, Cosigned, Cosigning, Handing, Hello, Incoming, Notice, NoticeTaken,
    Outgoing, Refused, Welcome,
};

/// The only protocol version there is.
pub const PROTOCOL_VERSION: u32 = 1;

/// One frame on its way through the door: what to ask, and how the answer is to be told.
#[derive(Debug)]
pub enum Step {
    /// Nothing to ask: the answer.
    Reply(Incoming),
    /// Ask this, then tell the decision with `Asked::tell`.
    Ask(Box<Command>, Asked),
}

/// What a frame asked, kept until the decision is durable.
#[derive(Clone, Debug)]
pub struct Asked {
    what: Matter,
    greeting: Option<Greeting>,
}

#[derive(Clone, Debug)]
enum Matter {
    /// To take a message over.
    Handing {
        /// Hash of its header.
        header: Digest,
        /// Number of the handover.
        number: u32,
    },
    /// To witness a checkpoint.
    Checkpoint {
        /// Its size.
        size: u64,
    },
    /// To show what it lost.
    Missing,
    /// Nothing: it is cut off.
    CutOff,
    /// Nothing, for it is too early to judge; the answer to it.
    Early(Box<Incoming>),
    /// To keep a statement.
    Notice {
        /// Its place in the sequence.
        sequence: u64,
    },
}

/// The answering side of one stream.
pub struct Inbound {
    setting: Arc<Setting>,
    peer: AgencyId,
    /// What this node named in its welcome; none before the peer has greeted.
    greeting: Option<Greeting>,
    /// The version of the directory that the peer named in its greeting.
    told: u64,
    faults: u32,
}

impl Inbound {
    /// A stream that `peer`, known by its certificate, has opened.
    pub fn new(setting: Arc<Setting>, peer: AgencyId) -> Self {
        Self { setting, peer, greeting: None, told: 0, faults: 0 }
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// `HistoryError` if the state can't be read; what the peer does wrong is a reply.
    pub fn take(&mut self, frame: Outgoing) -> Result<Step, HistoryError> {
        if self.cut_off()?.is_some() {
            return Ok(Step::Reply(self.told_cut_off()?));
        }
        if is_outdated(&self.setting, self.greeting) {
            return Ok(refuse(DIRECTORY_CHANGED, true));
        }
        let step = self.judged(frame)?;
        if let Step::Reply(reply) = &step {
            self.faults = self.faults.saturating_add(u32::from(is_fault(reply)));
        }
        if self.faults <= conduct::FAULTS_OF_SESSION_MAX {
            return Ok(step);
        }
        let peer = self.peer.clone();
        let command = Command::Misconduct(peer, Misconduct::Faults);
        Ok(self.ask(command, Matter::CutOff))
    }

    /// Whether the session is to end once what was taken is answered: the peer is cut off, or this node follows
    /// another directory than it named.
    ///
    /// # Errors
    /// `HistoryError` if the state can't be read.
    pub fn is_over(&self) -> Result<bool, HistoryError> {
        Ok(is_outdated(&self.setting, self.greeting) || self.cut_off()?.is_some())
    }

    fn ask(&self, command: Command, what: Matter) -> Step {
        Step::Ask(Box::new(command), Asked { what, greeting: self.greeting })
    }

    /// Until when nothing is taken from the peer; none if it is heard. A session of a peer that is cut off
    /// is to end.
    ///
    /// # Errors
    /// `HistoryError` if the state can't be read.
    pub fn cut_off(&self) -> Result<Option<Timestamp>, HistoryError> {
        conduct::cut_off(self.setting.store.as_ref(), &self.peer, self.setting.clock.now())
    }

    fn judged(&mut self, frame: Outgoing) -> Result<Step, HistoryError> {
        match &frame {
            Outgoing::Hello(_) if self.greeting.is_some() => {
                return Ok(refuse("HELLO_REPEATED", false));
            }
            Outgoing::Hello(hello) => return self.hello(hello),
            Outgoing::CheckpointOffer(_)
            | Outgoing::Handing(_)
            | Outgoing::Notice(_)
            | Outgoing::Missing(_) => {}
        }
        if self.greeting.is_none() {
            return Ok(refuse("HELLO_MISSING", false));
        }
        // A peer is told what was seen of its journal, and nothing more is taken from it.
        if let Some(doubt) = Doubt::of(self.setting.store.as_ref())? {
            return Ok(refuse(doubt.reason().as_str(), true));
        }
        if let Some(refused) = self.not_now(&frame)? {
            return Ok(refused);
        }
        match frame {
            Outgoing::Missing(missing) => {
                let peer = self.peer.clone();
                let command = Command::ShowMissed { peer, missing };
                Ok(self.ask(command, Matter::Missing))
            }
            Outgoing::Hello(_) => Ok(refuse("HELLO_REPEATED", false)),
            Outgoing::CheckpointOffer(offer) => Ok(self.checkpoint(offer)),
            Outgoing::Handing(handing) => self.handing(*handing),
            Outgoing::Notice(notice) => Ok(self.notice(notice)),
        }
    }

    /// What is not taken now: everything but questions while this node asks what it lost, and from a
    /// peer whose journal goes on in a volume that nobody confirmed here.
    fn not_now(&self, frame: &Outgoing) -> Result<Option<Step>, HistoryError> {
        if matches!(frame, Outgoing::Missing(_)) {
            return Ok(None);
        }
        let recovery = Recovery::of(self.setting.store.as_ref())?;
        let reason = if recovery.is_some_and(|it| !it.settled) {
            RejectionReason::JournalUnconfirmed.as_str()
        } else if is_unconfirmed(&self.setting, &self.peer)? {
            RejectionReason::VolumeUnconfirmed.as_str()
        } else {
            return Ok(None);
        };
        Ok(Some(match frame {
            Outgoing::CheckpointOffer(_) => Step::Reply(withheld(0, 0, reason)),
            Outgoing::Handing(handing) => {
                let header = handing.envelope.header.hash();
                Step::Reply(refused_handing(header, reason, true))
            }
            Outgoing::Hello(_) | Outgoing::Notice(_) | Outgoing::Missing(_) => refuse(reason, true),
        }))
    }

    fn hello(&mut self, hello: &Hello) -> Result<Step, HistoryError> {
        match greet(&self.setting, &self.peer, hello)? {
            Ok(welcome) => {
                self.greeting = Some(Greeting::given(&welcome));
                self.told = hello.directory_version;
                Ok(Step::Reply(Incoming::Welcome(welcome)))
            }
            Err(reason) => Ok(refuse(reason, false)),
        }
    }

    fn checkpoint(&self, offer: CheckpointOffer) -> Step {
        let directory = self.setting.directory();
        // A peer that has a newer directory may have keys that are not known here yet.
        let is_early =
            self.told > directory.version() && SignedCheckpoint::parse(&offer.checkpoint).is_ok();
        let behind = RejectionReason::DirectoryBehind.as_str();
        let refused = |reason| match is_early {
            true => self.early(withheld(0, 0, behind)),
            false => Step::Reply(withheld(0, 0, reason)),
        };
        let Some(keys) = directory.current_journal(&self.peer) else {
            return refused("NOT_IN_DIRECTORY");
        };
        let checkpoint = match keys.checkpoint(&offer.checkpoint) {
            Ok(checkpoint) => checkpoint,
            Err(KeyFault::Retired) => return refused("KEY_RETIRED"),
            Err(KeyFault::Checkpoint(_)) => return refused("PROOF_INVALID"),
        };
        let size = checkpoint.checkpoint.size;
        let offer = WitnessOffer {
            journal: keys.name.clone(),
            checkpoint,
            bytes: offer.checkpoint,
            old_size: offer.old_size,
            proof: offer.proof,
        };
        self.ask(Command::Witness(Box::new(offer)), Matter::Checkpoint { size })
    }

    fn handing(&self, handing: Handing) -> Result<Step, HistoryError> {
        let header = handing.envelope.header.hash();
        let origin = &handing.envelope.header.address.origin;
        if in_conflict(&self.setting, origin)? || in_conflict(&self.setting, &self.peer)? {
            let reason = RejectionReason::JournalForked.as_str();
            return Ok(Step::Reply(refused_handing(header, reason, false)));
        }
        let number = handing.handover;
        let arrival = arrival::check(&self.setting, &self.peer, self.told, handing);
        let command = Command::Receive(Box::new(arrival));
        Ok(self.ask(command, Matter::Handing { header, number }))
    }

    fn notice(&self, notice: Notice) -> Step {
        let (sequence, directory) = (notice.sequence, self.setting.directory());
        let may_hold = |error: &statement::StatementError| {
            error.may_hold_by(&directory, self.told, &notice.statement)
        };
        match statement::check(&directory, notice.statement.clone()) {
            // It is not taken yet, and comes again; what follows it goes on.
            Err(error) if may_hold(&error) => {
                let reason = RejectionReason::DirectoryBehind.as_str().to_owned();
                let sequence = Some(sequence);
                let refused = Refused { sequence, ..Refused::unnamed(reason, true) };
                self.early(Incoming::Refused(refused))
            }
            Ok(statement) => {
                let by = Asker::Peer(self.peer.clone());
                let command = Command::RecordStatement(by, Box::new(statement));
                self.ask(command, Matter::Notice { sequence })
            }
            Err(_) => Step::Reply(Incoming::Refused(Refused {
                sequence: Some(sequence),
                ..Refused::unnamed(RejectionReason::ProofInvalid.as_str().to_owned(), false)
            })),
        }
    }

    /// What the peer needs a newer directory for is noted, and then answered.
    fn early(&self, reply: Incoming) -> Step {
        let command = Command::Misconduct(self.peer.clone(), Misconduct::Early);
        self.ask(command, Matter::Early(Box::new(reply)))
    }

    /// What the peer is told that is cut off.
    fn told_cut_off(&self) -> Result<Incoming, HistoryError> {
        let rows = self.setting.store.as_ref();
        let known = conduct::of(rows, &self.peer, self.setting.clock.now())?;
        let reason = RejectionReason::PeerCutOff.as_str().to_owned();
        let cut_off = known.cut_off_cause();
        Ok(Incoming::Refused(Refused { cut_off, ..Refused::unnamed(reason, true) }))
    }

    /// Tells a decision that is durable.
    pub fn tell(&self, asked: &Asked, decision: Decision) -> Result<Incoming, HistoryError> {
        if is_outdated(&self.setting, asked.greeting) {
            // It may be signed under keys that the peer was told nothing of. It asks again.
            let reason = DIRECTORY_CHANGED.to_owned();
            return Ok(Incoming::Refused(Refused::unnamed(reason, true)));
        }
        match &asked.what {
            Matter::Handing { header, number } => self.tell_handing(*header, *number, decision),
            Matter::Checkpoint { size } => Ok(tell_checkpoint(*size, decision)),
            Matter::Missing => Ok(tell_missing(decision)),
            Matter::CutOff => self.told_cut_off(),
            Matter::Early(_) if is_cut_off(&decision) => self.told_cut_off(),
            Matter::Early(reply) => Ok(reply.as_ref().clone()),
            // A statement that was not looked at is not taken: the session ends, it comes again.
            Matter::Notice { .. } if is_in_doubt(&decision) => {
                let reason = RejectionReason::JournalUnconfirmed.as_str().to_owned();
                let refused = Refused::unnamed(reason, true);
                Ok(Incoming::Refused(refused))
            }
            // Its origin has stated too much of this kind; whoever brings it is not to blame.
            Matter::Notice { sequence } if is_too_much(&decision) => {
                let reason = RejectionReason::TooManyRefusals.as_str().to_owned();
                let sequence = Some(*sequence);
                Ok(Incoming::Refused(Refused { sequence, ..Refused::unnamed(reason, true) }))
            }
            Matter::Notice { sequence } => {
                Ok(Incoming::NoticeTaken(NoticeTaken { sequence: *sequence }))
            }
        }
    }

    fn tell_handing(
        &self,
        header: Digest,
        number: u32,
        decision: Decision,
    ) -> Result<Incoming, HistoryError> {
        match decision {
            Ok(Outcome::Answered(position)) => {
                let statement = proofs::statement(&self.setting, position)?;
                Ok(Incoming::Answer(Answer { header, handover: number, statement }))
            }
            Ok(_) => Ok(refused_handing(header, "INTERNAL", true)),
            Err(rejection) => Ok(refused_handing(header, rejection.reason.as_str(), true)),
        }
    }
}

/// Answers a hello: the welcome, or why there is none.
pub(super) fn greet(
    setting: &Setting,
    peer: &AgencyId,
    hello: &Hello,
) -> Result<Result<Welcome, &'static str>, HistoryError> {
    if !hello.versions.contains(&PROTOCOL_VERSION) {
        return Ok(Err("VERSION_UNKNOWN"));
    }
    let directory = setting.directory();
    if hello.network != *directory.network() {
        return Ok(Err("NETWORK_UNKNOWN"));
    }
    let Some(keys) = directory.current_journal(peer) else {
        return Ok(Err("NOT_IN_DIRECTORY"));
    };
    let store = setting.store.as_ref();
    let seen = records::seen(store, &keys.name)?;
    Ok(Ok(Welcome {
        version: PROTOCOL_VERSION,
        window: u32::try_from(setting.policy.window).unwrap_or(u32::MAX),
        witnessed_size: seen.map_or(0, |it| it.size),
        directory_version: directory.version(),
        witnessed: records::seen_note(store, &keys.name)?.unwrap_or_default(),
        shown: records::shown(store, &keys.name)?.unwrap_or_default(),
        draining: records::draining(store)?.is_some(),
    }))
}

/// Whether a reply that asked nothing of the writer says that the frame did not hold. What is refused for
/// now, and what this node can't do, is no fault of the peer.
fn is_fault(reply: &Incoming) -> bool {
    match reply {
        Incoming::Refused(it) => !it.retry,
        Incoming::Cosigned(it) => matches!(&it.verdict, Cosigning::Withheld(reason)
            if reason == RejectionReason::ProofInvalid.as_str()),
        Incoming::Welcome(_)
        | Incoming::Answer(_)
        | Incoming::NoticeTaken(_)
        | Incoming::Shown(_) => false,
    }
}

/// Whether the decision was a no because the end of this node's journal is in doubt.
fn is_in_doubt(decision: &Decision) -> bool {
    let doubts = [RejectionReason::JournalBehind, RejectionReason::JournalUnconfirmed];
    decision.as_ref().is_err_and(|it| doubts.contains(&it.reason))
}

/// Whether the decision was a no because the peer is cut off.
fn is_cut_off(decision: &Decision) -> bool {
    decision.as_ref().is_err_and(|it| it.reason == RejectionReason::PeerCutOff)
}

/// Whether the decision was a no for a while, because too much of the same kind went on record.
fn is_too_much(decision: &Decision) -> bool {
    let reasons = [RejectionReason::TooManyRefusals, RejectionReason::PeerCutOff];
    decision.as_ref().is_err_and(|it| reasons.contains(&it.reason))
}

fn tell_checkpoint(offered_size: u64, decision: Decision) -> Incoming {
    match decision {
        Ok(Outcome::Witnessed(Witnessed::Cosigned { size, line })) => {
            let verdict = Cosigning::Given(line);
            Incoming::Cosigned(Cosigned { offered_size, witnessed_size: size, verdict })
        }
        Ok(Outcome::Witnessed(Witnessed::Stale(known))) => {
            withheld(offered_size, known, "CHECKPOINT_STALE")
        }
        Ok(Outcome::Witnessed(Witnessed::BadProof(known))) => {
            withheld(offered_size, known, RejectionReason::ProofInvalid.as_str())
        }
        Ok(Outcome::Witnessed(Witnessed::Conflict)) => withheld(offered_size, 0, "JOURNAL_FORKED"),
        Ok(_) | Err(_) => withheld(offered_size, 0, "INTERNAL"),
    }
}

fn tell_missing(decision: Decision) -> Incoming {
    let reason = match decision {
        Ok(Outcome::Shown(shown)) => return Incoming::Shown(shown),
        Ok(_) => "INTERNAL",
        Err(rejection) => rejection.reason.as_str(),
    };
    let reason = reason.to_owned();
    Incoming::Refused(Refused::unnamed(reason, true))
}

fn withheld(offered_size: u64, witnessed_size: u64, reason: &str) -> Incoming {
    let verdict = Cosigning::Withheld(reason.to_owned());
    Incoming::Cosigned(Cosigned { offered_size, witnessed_size, verdict })
}

fn refuse(reason: &str, retry: bool) -> Step {
    let reason = reason.to_owned();
    Step::Reply(Incoming::Refused(Refused::unnamed(reason, retry)))
}

fn refused_handing(header: Digest, reason: &str, retry: bool) -> Incoming {
    let reason = reason.to_owned();
    Incoming::Refused(Refused::of_message(header, reason, retry))
}

/// Checks the answer that a peer gave to a handover of this node.
///
/// # Errors
/// `ProofInvalid` unless the statement proves that this peer took over, or never will take over,
/// this very handover.
pub fn check_answer(
    setting: &Setting,
    peer: &AgencyId,
    answer: Answer,
) -> Result<CheckedStatement, Rejection> {
    let no = |text: String| Rejection::new(RejectionReason::ProofInvalid, text);
    let checked = statement::check(&setting.directory(), answer.statement)
        .map_err(|error| no(error.to_string()))?;
    let fits = checked.message.header == answer.header
        && checked.entry.journal.agency() == peer
        && checked.entry.fact.handover().is_some_and(|it| {
            it.from == setting.agency && it.to == *peer && it.number == answer.handover
        });
    if fits { Ok(checked) } else { Err(no("the answer is for another handover".to_owned())) }
}

/// True if the journal of `agency` showed two histories.
pub fn in_conflict(setting: &Setting, agency: &AgencyId) -> Result<bool, HistoryError> {
    let rows = setting.store.as_ref();
    match setting.directory().current_journal(agency) {
        Some(keys) => Ok(neighbours::conflict(rows, &keys.name)?.is_some()),
        None => Ok(false),
    }
}
