//! Going out to peers: one task for each, which dials, speaks, and dials again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::domain::ids::AgencyId;
use crate::node::Decision;
use crate::node::command::Command;
use crate::node::doubt::{Doubt, Sighting};
use crate::node::duties::backoff::Backoff;
use crate::node::duties::outbound::{Outbound, SessionEnd, Then, Wish};
use crate::node::recovery::Recovery;
use crate::node::writer::Writer;
use crate::transport::admin::PeerBoard;
use crate::transport::carriage::Carriage;
use crate::transport::gossip::{Gossip, LINGER};
use crate::transport::tls::{ConnectedPeer, Line};
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
/// A peer that owes an answer and says nothing for so long is dialled again.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Opens a connection to a peer's listener, whose certificate must be a node's of that agency.
pub trait Dial: Send + Sync {
    /// Connects.
    fn dial(&self, peer: &AgencyId) -> BoxFuture<'static, Result<Line, String>>;
}

/// What wakes the tasks of each peer: the one for messages, the one for attachments.
type Wakes = BTreeMap<AgencyId, [Arc<Notify>; 2]>;

/// The peers of this node, and what wakes their tasks.
#[derive(Clone)]
pub struct Peers {
    wakes: Arc<Mutex<Wakes>>,
    board: PeerBoard,
    gossip: Option<Gossip>,
}

impl Peers {
    /// None yet.
    pub fn new(board: PeerBoard) -> Self {
        Self { wakes: Arc::default(), board, gossip: None }
    }

    /// The same, that compare the directory too.
    pub fn with_gossip(self, gossip: Option<Gossip>) -> Self {
        Self { gossip, ..self }
    }

    fn wakes(&self) -> MutexGuard<'_, Wakes> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A peer made contact: whoever waits to dial it does so now.
    pub fn made_contact(&self, peer: &AgencyId) {
        if let Some(wake) = self.wakes().get(peer) {
            wake.iter().for_each(|it| it.notify_one());
        }
    }

    /// Starts a task for each neighbour of this node's agency that has none.
    fn start(&self, writer: &Writer, dial: &Arc<dyn Dial>, tasks: &Tasks) {
        let setting = writer.setting();
        for peer in setting.directory().neighbours(&setting.agency) {
            if self.wakes().contains_key(&peer) {
                continue;
            }
            let wakes = [Arc::new(Notify::new()), Arc::new(Notify::new())];
            self.wakes().insert(peer.clone(), wakes.clone());
            let [wake, wake_carriage] = wakes;
            let relay = Relay {
                writer: writer.clone(),
                dial: Arc::clone(dial),
                wake,
                board: self.board.clone(),
                gossip: self.gossip.clone(),
                peer,
                tasks: tasks.clone(),
            };
            let carriage = Carriage {
                writer: writer.clone(),
                dial: Arc::clone(dial),
                wake: wake_carriage,
                peer: relay.peer.clone(),
                tasks: tasks.clone(),
            };
            let (peers, peer) = (self.clone(), relay.peer.clone());
            tasks.spawn(async move {
                tokio::join!(relay.run(), carriage.run());
                peers.wakes().remove(&peer);
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

struct Relay {
    writer: Writer,
    dial: Arc<dyn Dial>,
    wake: Arc<Notify>,
    board: PeerBoard,
    gossip: Option<Gossip>,
    peer: AgencyId,
    tasks: Tasks,
}

impl Relay {
    async fn run(self) {
        let setting = self.writer.setting().clone();
        let policy = setting.policy;
        let mut backoff = Backoff::new(policy.retry_min_ms, policy.retry_max_ms);
        while !self.tasks.is_stopping() && self.is_neighbour() {
            let ended = tokio::select! {
                ended = self.session(&mut backoff) => ended,
                () = self.cut_off() => Err("the directory names no link with it".to_owned()),
                () = self.tasks.stopping() => return,
            };
            let reason = match ended {
                Ok(()) => "the peer closed the stream".to_owned(),
                Err(reason) => reason,
            };
            let wait_ms = backoff.wait_ms(setting.entropy.as_ref());
            let next = setting.clock.now().plus_millis(wait_ms);
            tracing::info!(peer = %self.peer, reason, wait_ms, "relay session ended");
            self.board.lost(&self.peer, next, &reason);
            self.note_unreached().await;
            let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => backoff.reset(),
                () = self.tasks.stopping() => return,
            }
        }
    }

    fn is_neighbour(&self) -> bool {
        let setting = self.writer.setting();
        setting.directory().are_linked(&setting.agency, &self.peer)
    }

    /// Ends once the directory names no link with the peer any more.
    async fn cut_off(&self) {
        while self.is_neighbour() {
            tokio::time::sleep(LOOK_AROUND).await;
        }
    }

    /// While the end of the journal is in doubt, it counts that a neighbour could not be asked.
    async fn note_unreached(&self) {
        let store = self.writer.setting().store.as_ref();
        if matches!(Doubt::of(store), Ok(Some(_))) || matches!(Recovery::of(store), Ok(Some(_))) {
            let (by, note) = (self.peer.clone(), Vec::new());
            let said = Sighting { by, size: None, note };
            // A writer that has stopped wants to know nothing more.
            drop(self.writer.ask(Command::Sighted(said)).await);
        }
    }

    async fn session(&self, backoff: &mut Backoff) -> Result<(), String> {
        let Line { channel, other } = self.dial.dial(&self.peer).await?;
        let rest = AtomicBool::new(true);
        let gossip = async {
            match &self.gossip {
                Some(gossip) => gossip.dialled(channel.clone(), &self.peer, &rest).await,
                None => std::future::pending().await,
            }
        };
        let relay = async {
            let ended = self.relay((channel.clone(), other), backoff).await;
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

    async fn relay(
        &self,
        (channel, other): (Channel, ConnectedPeer),
        backoff: &mut Backoff,
    ) -> Result<(), String> {
        let mut client = RelayServiceClient::new(channel)
            .max_decoding_message_size(limits::FRAME_BYTES_MAX)
            .max_encoding_message_size(limits::FRAME_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(FRAMES_WAITING);
        let outbound = Outbound::new(self.writer.setting().clone(), self.peer.clone());
        let hello = outbound.hello();
        frames.send(hello.into_pb()).await.map_err(|_| "stream closed".to_owned())?;
        let answers = client
            .transfer(ReceiverStream::new(outgoing))
            .await
            .map_err(|status| format!("{}: {}", status.code(), in_full(&status)))?
            .into_inner();
        backoff.reset();
        self.board.connected(&self.peer);
        tracing::info!(peer = %self.peer, "relay session opened");
        let executing = FuturesUnordered::new();
        let mut session = Session { outbound, frames, other, executing };
        session.speak(&self.writer, answers).await
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

struct Session {
    outbound: Outbound,
    frames: mpsc::Sender<TransferRequest>,
    other: ConnectedPeer,
    executing: Executing,
}

impl Session {
    async fn speak(
        &mut self,
        writer: &Writer,
        mut answers: Streaming<TransferResponse>,
    ) -> Result<(), String> {
        let mut committed = writer.committed();
        let mut looks = tokio::time::interval(LOOK_AROUND);
        let mut silence = Duration::ZERO;
        loop {
            tokio::select! {
                answer = answers.message() => {
                    silence = Duration::ZERO;
                    let Some(answer) = answer.map_err(|it| in_full(&it))? else {
                        return Ok(());
                    };
                    let frame = Incoming::from_pb(answer).map_err(|error| error.to_string())?;
                    let wishes = match self.outbound.take(frame) {
                        Ok(wishes) => wishes,
                        Err(end) => {
                            note_evidence(writer, &end).await;
                            return Err(told(end));
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
                    silence += LOOK_AROUND;
                    if self.outbound.is_waiting() && silence > SILENCE_MAX {
                        return Err("the peer owes an answer and is silent".to_owned());
                    }
                }
            }
            let wishes = self.outbound.poll().map_err(told)?;
            self.grant(writer, wishes).await?;
        }
    }

    async fn grant(&mut self, writer: &Writer, wishes: Vec<Wish>) -> Result<(), String> {
        for wish in wishes {
            match wish {
                Wish::Send(frame) => {
                    let frame: Outgoing = *frame;
                    let sent = self.frames.send(frame.into_pb()).await;
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

/// A peer that has seen more than is here says so to the writer before the session ends.
async fn note_evidence(writer: &Writer, end: &SessionEnd) {
    if let SessionEnd::Rewound { said, .. } = end {
        // A writer that has stopped wants to know nothing more.
        drop(writer.ask(Command::Sighted(said.as_ref().clone())).await);
    }
}

fn told(end: SessionEnd) -> String {
    end.to_string()
}
