//! Going out to peers: whom, and what is said when messages are handed over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use prost::Message as _;
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::node::Decision;
use crate::node::command::Command;
use crate::node::conduct::{self, Misconduct};
use crate::node::doubt::{Doubt, Sighting};
use crate::node::duties::backoff::Backoff;
use crate::node::duties::outbound::{Lie, Outbound, SessionEnd, Then, Wish};
use crate::node::recovery::Recovery;
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::transport::admin::PeerBoard;
use crate::transport::carriage::Carriage;
use crate::transport::gossip::{Gossip, LINGER};
use crate::transport::neighbour::{AFTER_CONTACT, Doubted, Errand, LEFT, Neighbour};
use crate::transport::patience::{Patience, Unanswered};
use crate::transport::tls::{ConnectedPeer, Line, Pulse};
use crate::transport::{Tasks, limits};
use crate::wire::pb::relay_service_client::RelayServiceClient;
use crate::wire::pb::{TransferRequest, TransferResponse};
use crate::wire::relay::{Incoming, Outgoing};

/// Frames that may wait to be sent; more than can be in flight, so that sending never waits while
/// answers wait to be read.
const FRAMES_WAITING: usize = 512;
/// A session looks around so often even if nothing happens.
pub(super) const LOOK_AROUND: Duration = Duration::from_secs(1);
/// When a session ends in error, a comparison of the directory has at least so long to begin.
const LINGER_LEAST: Duration = Duration::from_millis(500);
/// A peer that owes an answer and says nothing for so long is dialled again; what is on the way adds what
/// the line needs for it.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Opens a connection to a peer's listener, whose certificate must be a node's of that agency.
pub trait Dial: Send + Sync {
    /// Connects.
    fn dial(&self, peer: &AgencyId) -> BoxFuture<'static, Result<Line, String>>;
}

/// Each peer twice: as the task for messages sees it, and the one for attachments.
type Known = BTreeMap<AgencyId, [Arc<Neighbour>; 2]>;

/// The peers that tasks of this node go out to.
#[derive(Clone)]
pub struct Peers {
    known: Arc<Mutex<Known>>,
    board: PeerBoard,
    gossip: Option<Gossip>,
}

impl Peers {
    /// None yet.
    pub fn new(board: PeerBoard) -> Self {
        Self { known: Arc::default(), board, gossip: None }
    }

    /// The same, that compare the directory too.
    pub fn with_gossip(self, gossip: Option<Gossip>) -> Self {
        Self { gossip, ..self }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame of `peer` was refused without an entry.
    pub(super) fn refused_unrecorded(&self, peer: &AgencyId) {
        self.board.refused_unrecorded(peer);
    }

    /// A peer made contact: whoever waits to dial it does so now.
    pub fn made_contact(&self, peer: &AgencyId) {
        if let Some(tasks) = self.known().get(peer) {
            tasks.iter().for_each(|it| it.wake.notify_one());
        }
    }

    /// A peer opened a relay session: besides, whoever waits for its answer finds out whether it still
    /// knows of the question.
    pub fn came_anew(&self, peer: &AgencyId) {
        self.made_contact(peer);
        if let Some(tasks) = self.known().get(peer) {
            tasks.iter().for_each(|it| it.anew.notify_one());
        }
    }

    /// Starts a task for each neighbour of this node's agency that has none.
    fn start(&self, writer: &Writer, dial: &Arc<dyn Dial>, tasks: &Tasks) {
        let setting = writer.setting();
        for peer in setting.directory().neighbours(&setting.agency) {
            if self.known().contains_key(&peer) {
                continue;
            }
            let going_out = || {
                Arc::new(Neighbour {
                    writer: writer.clone(),
                    dial: Arc::clone(dial),
                    wake: Notify::new(),
                    anew: Notify::new(),
                    peer: peer.clone(),
                    tasks: tasks.clone(),
                })
            };
            let [relayed, carried] = [going_out(), going_out()];
            self.known().insert(peer.clone(), [Arc::clone(&relayed), Arc::clone(&carried)]);
            let peers = self.clone();
            tasks.spawn(async move {
                let relay = Relay { to: &relayed, board: &peers.board, gossip: &peers.gossip };
                let carriage = Carriage { to: &carried, board: &peers.board };
                // If one has seen that the link ended, the other may have missed it, where it is there again by
                // now: both begin anew together.
                tokio::select! {
                    () = relayed.visit(&relay) => {}
                    () = carried.visit(&carriage) => {}
                }
                peers.known().remove(&peer);
            });
        }
    }

    /// Keeps a task for each neighbour, whoever that is by the directory that is followed.
    pub async fn keep(self, writer: Writer, dial: Arc<dyn Dial>, tasks: Tasks) {
        loop {
            self.start(&writer, &dial, &tasks);
            tokio::select! {
                () = tokio::time::sleep(LOOK_AROUND) => {}
                () = tasks.stopping() => return,
            }
        }
    }
}

/// Hands over what is owed to one peer, as long as there is a link with it.
struct Relay<'a> {
    to: &'a Neighbour,
    board: &'a PeerBoard,
    gossip: &'a Option<Gossip>,
}

impl Errand for Relay<'_> {
    async fn wanted(&self) {}

    async fn session(&self, backoff: &mut Backoff) -> Result<(), String> {
        let Line { channel, other, pulse } = self.to.dialled().await?;
        let rest = AtomicBool::new(true);
        let gossip = async {
            match self.gossip {
                Some(gossip) => gossip.dialled(channel.clone(), &self.to.peer, &rest).await,
                None => std::future::pending().await,
            }
        };
        let relay = async {
            let ended = self.relay(Line { channel: channel.clone(), other, pulse }, backoff).await;
            // Whoever is not let in may be told by the other why, and that it is over.
            if ended.is_err() && self.gossip.is_some() {
                linger(&rest).await;
            }
            ended
        };
        tokio::select! {
            ended = relay => ended,
            () = gossip => Err("the directory is compared no more".to_owned()),
        }
    }

    async fn broken_off(&self, reason: &str, next: Timestamp) {
        tracing::info!(peer = %self.to.peer, reason, %next, "relay session ended");
        self.board.lost(&self.to.peer, next, reason);
        let setting = self.to.writer.setting();
        setting.reach.lost(&self.to.peer, setting.clock.now());
        self.note_unreached().await;
    }
}

impl Relay<'_> {
    /// While the end of the journal is in doubt, it counts that a neighbour could not be asked.
    async fn note_unreached(&self) {
        let store = self.to.writer.setting().store.as_ref();
        if matches!(Doubt::of(store), Ok(Some(_))) || matches!(Recovery::of(store), Ok(Some(_))) {
            let (by, note) = (self.to.peer.clone(), Vec::new());
            let said = Sighting { by, size: None, note, follows_newer: false };
            // A writer that has stopped wants to know nothing more.
            drop(self.to.writer.ask(Command::Sighted(said)).await);
        }
    }

    async fn relay(
        &self,
        Line { channel, other, pulse }: Line,
        backoff: &mut Backoff,
    ) -> Result<(), String> {
        not_cut_off(self.to.writer.setting(), &self.to.peer)?;
        let mut client = RelayServiceClient::new(channel)
            .max_decoding_message_size(limits::FRAME_BYTES_MAX)
            .max_encoding_message_size(limits::FRAME_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(FRAMES_WAITING);
        let outbound = Outbound::new(self.to.writer.setting().clone(), self.to.peer.clone());
        let hello = outbound.hello();
        frames.send(hello.into_pb()).await.map_err(|_| "stream closed".to_owned())?;
        let opening = client.transfer(ReceiverStream::new(outgoing));
        let answers = tokio::time::timeout(SILENCE_MAX, opening)
            .await
            .map_err(|_| "the peer opens no session".to_owned())?
            .map_err(|status| format!("{}: {}", status.code(), in_full(&status)))?
            .into_inner();
        backoff.reset();
        self.board.connected(&self.to.peer);
        tracing::info!(peer = %self.to.peer, "relay session opened");
        let executing = FuturesUnordered::new();
        let (to, board) = (self.to, self.board.clone());
        let unanswered = Unanswered::default();
        let mut session =
            Session { to, board, outbound, frames, other, pulse, unanswered, executing };
        session.speak(&self.to.writer, answers).await
    }
}

/// Waits until what is compared is at rest, a moment at least and not for long.
async fn linger(rest: &AtomicBool) {
    let resting = async {
        tokio::time::sleep(LINGER_LEAST).await;
        while !rest.load(Ordering::Relaxed) {
            tokio::time::sleep(LINGER_LEAST / 10).await;
        }
    };
    // What is not done by then is for the next session.
    drop(tokio::time::timeout(LINGER, resting).await);
}

/// What a status says, and what lies under it: such as the alert by which a peer refused this node.
pub(super) fn in_full(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut under = std::error::Error::source(status);
    while let Some(cause) = under {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        under = cause.source();
    }
    text
}

type Executing = FuturesUnordered<BoxFuture<'static, (Then, Decision)>>;

struct Session<'a> {
    to: &'a Neighbour,
    board: PeerBoard,
    outbound: Outbound,
    frames: mpsc::Sender<TransferRequest>,
    other: ConnectedPeer,
    pulse: Pulse,
    unanswered: Unanswered,
    executing: Executing,
}

impl Session<'_> {
    async fn speak(
        &mut self,
        writer: &Writer,
        mut answers: Streaming<TransferResponse>,
    ) -> Result<(), String> {
        let mut committed = writer.committed();
        let mut looks = tokio::time::interval(LOOK_AROUND);
        let mut doubted = Doubted::within(AFTER_CONTACT);
        let mut patience = Patience::of(SILENCE_MAX);
        loop {
            doubted.owes(self.outbound.is_waiting());
            tokio::select! {
                answer = answers.message() => {
                    patience.heard();
                    doubted.heard();
                    let Some(answer) = answer.map_err(|it| in_full(&it))? else {
                        return Err("the peer closed the stream".to_owned());
                    };
                    self.unanswered.answered();
                    let frame = Incoming::from_pb(answer).map_err(Lie::from);
                    let taken = frame.map_err(SessionEnd::from);
                    let wishes = match taken.and_then(|it| self.outbound.take(it)) {
                        Ok(wishes) => wishes,
                        Err(end) => {
                            note_evidence(writer, &self.to.peer, &end).await;
                            return Err(end.to_string());
                        }
                    };
                    self.grant(writer, wishes).await?;
                }
                Some((then, decision)) = self.executing.next(), if !self.executing.is_empty() => {
                    if let Err(rejection) = decision {
                        tracing::warn!(reason = rejection.reason.as_str(), "relay command rejected");
                    }
                    self.outbound.executed(&then);
                }
                changed = committed.changed() => {
                    changed.map_err(|_| "the node is stopping".to_owned())?;
                }
                _ = looks.tick() => {
                    // Certificates end and are revoked while sessions last.
                    let now = writer.setting().clock.now();
                    self.other.principal(now).map_err(|it| it.to_string())?;
                    let held_back = self.outbound.held_back_until();
                    self.board.not_taken(&self.to.peer, self.outbound.not_taken(), held_back);
                    let owed = self.outbound.is_waiting().then(|| self.unanswered.bytes());
                    patience.passed(LOOK_AROUND, owed, self.pulse.beats())?;
                }
                () = doubted.is_left(self.to) => return Err(LEFT.to_owned()),
            }
            // It may have been cut off since the session began, by what it did elsewhere.
            not_cut_off(writer.setting(), &self.to.peer)?;
            match self.outbound.poll() {
                Ok(wishes) => self.grant(writer, wishes).await?,
                // Nobody failed: the next session begins at once.
                Err(end @ SessionEnd::DirectoryChanged) => {
                    tracing::info!(peer = %self.to.peer, reason = %end, "relay session begins anew");
                    return Ok(());
                }
                Err(end) => return Err(end.to_string()),
            }
        }
    }

    async fn grant(&mut self, writer: &Writer, wishes: Vec<Wish>) -> Result<(), String> {
        for wish in wishes {
            match wish {
                Wish::Send(frame) => {
                    let frame: Outgoing = *frame;
                    let frame = frame.into_pb();
                    self.unanswered.handed(frame.encoded_len());
                    let sent = self.frames.send(frame).await;
                    sent.map_err(|_| "the stream is closed".to_owned())?;
                }
                Wish::Execute(command, then) => {
                    let pending = writer.enqueue(*command).await;
                    self.executing.push(Box::pin(async move { (then, pending.decided().await) }));
                }
            }
        }
        Ok(())
    }
}

/// Nothing is offered to a peer that is cut off.
pub(super) fn not_cut_off(setting: &Setting, peer: &AgencyId) -> Result<(), String> {
    let cut = conduct::told(setting.store.as_ref(), peer, setting.clock.now());
    match cut.map_err(|error| error.to_string())? {
        Some(told) => Err(told.to_string()),
        None => Ok(()),
    }
}

/// What a session ended with is told to the writer before it ends: that the peer has seen more than is
/// here, or lied.
async fn note_evidence(writer: &Writer, peer: &AgencyId, end: &SessionEnd) {
    let command = match end {
        SessionEnd::Rewound { said, .. } => Command::Sighted(said.as_ref().clone()),
        SessionEnd::Lie(_) => Command::Misconduct(peer.clone(), Misconduct::Lie),
        SessionEnd::History(_) | SessionEnd::Peer(_) | SessionEnd::DirectoryChanged => return,
    };
    // A writer that has stopped wants to know nothing more.
    drop(writer.ask(command).await);
}
