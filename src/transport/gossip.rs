//! The directory told on between nodes, on the connection of their relay session.
//!
//! `node/duties/gossip.rs` decides what is said, asked and given; here is what carries it. Whoever
//! is let in as a node of the network may compare, linked or not: an agency that was suspended
//! learns so that it is no more. What comes is judged and kept by [`Follow`], one at a time, in the
//! same way as what a person adopts.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

use crate::clock::Clock;
use crate::directory::signed::compare::{Lacked, TextName};
use crate::directory::signed::{Held, Refusal};
use crate::domain::ids::AgencyId;
use crate::identity::permission::Verb;
use crate::node::duties::gossip::{Comparing, Wish};
use crate::transport::Tasks;
use crate::transport::caller::Admitted;
use crate::transport::followed::DirectoryBoard;
use crate::wire::gossip::{GOSSIP_BYTES_MAX, Said};
use crate::wire::pb;
use crate::wire::pb::gossip_service_client::GossipServiceClient;
use crate::wire::pb::gossip_service_server::{GossipService, GossipServiceServer};

/// What is held is said again so often.
pub const SAY_INTERVAL: Duration = Duration::from_secs(10);
/// When a relay session ends, what was begun to be compared gets this long to end: with the second in
/// which a revocation is noticed, less than the five within which all streams are closed.
pub const LINGER: Duration = Duration::from_secs(3);
/// A stream that has ended is opened again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// Frames that may wait for the other side to read them: each may be as long as a roll.
const FRAMES_WAITING: usize = 2;

/// Texts that were asked for, each with what was told of it.
pub type Given = Vec<(Lacked, Vec<u8>)>;

/// Whoever keeps the directory that is followed, and lets newer texts of it take their place.
pub trait Follow: Send + Sync {
    /// What is held; changes when something newer is in force.
    fn held(&self) -> watch::Receiver<Arc<Held>>;

    /// A text that rests on the disk: an earlier roll, or a record in force.
    fn text(&self, name: &TextName) -> Option<Vec<u8>>;

    /// Judges what a peer gave, and follows what is newer. Gives what was refused.
    fn judge(&self, from: &AgencyId, given: Given) -> BoxFuture<'static, Vec<(Lacked, Refusal)>>;

    /// A peer holds the same as this node.
    fn confirmed(&self);
}

/// Compares the directory with peers, on either side of a stream.
#[derive(Clone)]
pub struct Gossip {
    follow: Arc<dyn Follow>,
    board: DirectoryBoard,
    clock: Arc<dyn Clock>,
}

type Frames = mpsc::Sender<pb::GossipFrame>;

impl Gossip {
    /// Compares what `follow` keeps, and shows on `board` what is heard.
    pub fn new(follow: Arc<dyn Follow>, board: DirectoryBoard, clock: Arc<dyn Clock>) -> Self {
        Self { follow, board, clock }
    }

    /// Compares with a peer at the other end of a connection that this node has opened, for as long
    /// as that stands. `rest` says whether nothing is open.
    pub async fn dialled(&self, channel: Channel, peer: &AgencyId, rest: &AtomicBool) {
        loop {
            let ended = self.stream(channel.clone(), peer, rest).await;
            rest.store(true, Ordering::Relaxed);
            if let Err(reason) = ended {
                tracing::info!(%peer, reason, "a stream that compares the directory has ended");
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    async fn stream(
        &self,
        channel: Channel,
        peer: &AgencyId,
        rest: &AtomicBool,
    ) -> Result<(), String> {
        let mut client = GossipServiceClient::new(channel)
            .max_decoding_message_size(GOSSIP_BYTES_MAX)
            .max_encoding_message_size(GOSSIP_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(FRAMES_WAITING);
        let outgoing =
            ReceiverStream::new(outgoing).map(|frame| pb::CompareRequest { frame: Some(frame) });
        let answers = client.compare(outgoing).await.map_err(|it| it.message().to_owned())?;
        let said = answers.into_inner().map(|it| it.map(|it| it.frame));
        Talk::new(self, peer, frames).run(said, rest).await
    }

    /// The listening side.
    pub fn service(self, tasks: Tasks) -> GossipServiceServer<Gossiping> {
        GossipServiceServer::new(Gossiping { gossip: self, tasks })
            .max_decoding_message_size(GOSSIP_BYTES_MAX)
            .max_encoding_message_size(GOSSIP_BYTES_MAX)
    }
}

/// What waits to be said.
enum Out {
    Said(Box<Said>),
    Text(TextName),
}

type Judging = BoxFuture<'static, Vec<(Lacked, Refusal)>>;

/// One side of a stream; both do the same. Whoever has much to say goes on listening meanwhile, so
/// two that both do never wait for each other.
struct Talk<'a> {
    gossip: &'a Gossip,
    peer: &'a AgencyId,
    held: watch::Receiver<Arc<Held>>,
    comparing: Comparing,
    frames: Frames,
    out: VecDeque<Out>,
    judging: Option<Judging>,
}

impl<'a> Talk<'a> {
    fn new(gossip: &'a Gossip, peer: &'a AgencyId, frames: Frames) -> Self {
        Self {
            gossip,
            peer,
            held: gossip.follow.held(),
            comparing: Comparing::default(),
            frames,
            out: VecDeque::new(),
            judging: None,
        }
    }

    async fn run(
        mut self,
        mut said: impl Stream<Item = Result<Option<pb::GossipFrame>, Status>> + Unpin,
        rest: &AtomicBool,
    ) -> Result<(), String> {
        let mut says = tokio::time::interval(SAY_INTERVAL);
        let frames = self.frames.clone();
        loop {
            let wishes = tokio::select! {
                frame = said.next() => {
                    let Some(frame) = frame else { return Ok(()) };
                    let frame = frame.map_err(|status| status.message().to_owned())?;
                    self.take(frame.ok_or_else(|| "an empty frame".to_owned())?)?
                }
                refused = judged(&mut self.judging), if self.judging.is_some() => {
                    self.judging = None;
                    let held = self.present();
                    self.comparing.judged(&held, refused)
                }
                permit = frames.reserve(), if !self.out.is_empty() => {
                    let permit = permit.map_err(|_| "the stream is closed".to_owned())?;
                    if let Some(next) = self.next() {
                        permit.send(next.into_pb());
                    }
                    Vec::new()
                }
                changed = self.held.changed() => {
                    changed.map_err(|_| "the node is stopping".to_owned())?;
                    self.say();
                    let held = self.present();
                    self.comparing.changed(&held)
                }
                _ = says.tick() => {
                    self.say();
                    Vec::new()
                }
            };
            for wish in wishes {
                self.grant(wish);
            }
            let at_rest = self.comparing.is_at_rest() && self.out.is_empty();
            rest.store(at_rest, Ordering::Relaxed);
        }
    }

    fn present(&mut self) -> Arc<Held> {
        Arc::clone(&self.held.borrow_and_update())
    }

    fn say(&mut self) {
        let said = Comparing::say(&self.present(), self.gossip.clock.now());
        // What is newer stands for what was not said yet.
        self.out.retain(|it| !matches!(it, Out::Said(it) if matches!(**it, Said::Holding(..))));
        self.out.push_front(Out::Said(Box::new(said)));
    }

    fn take(&mut self, frame: pb::GossipFrame) -> Result<Vec<Wish>, String> {
        let frame = Said::from_pb(frame).map_err(|error| error.to_string())?;
        let held = self.present();
        self.comparing.take(&held, frame).map_err(|breach| breach.to_string())
    }

    /// What is said next. A text is read only now, so that few are in memory.
    fn next(&mut self) -> Option<Said> {
        match self.out.pop_front()? {
            Out::Said(said) => Some(*said),
            Out::Text(name) => {
                let here = self.present().text(&name);
                let text =
                    here.or_else(|| tokio::task::block_in_place(|| self.gossip.follow.text(&name)));
                Some(Said::Text(name, text))
            }
        }
    }

    fn grant(&mut self, wish: Wish) {
        let Gossip { follow, board, clock } = self.gossip;
        match wish {
            Wish::Say(said) => self.out.push_back(Out::Said(Box::new(said))),
            Wish::Give(names) => self.out.extend(names.into_iter().map(Out::Text)),
            Wish::Heard(theirs, time) => {
                let agrees = theirs.hash == self.present().hash();
                board.heard(self.peer, &theirs, agrees, [time, clock.now()]);
                if agrees {
                    follow.confirmed();
                }
            }
            Wish::Judge(given) => {
                let (board, clock) = (board.clone(), Arc::clone(clock));
                let (from, judged) = (self.peer.clone(), follow.judge(self.peer, given));
                let judged = async move {
                    let refused = judged.await;
                    for (lacked, why) in &refused {
                        board.refused(&from, &lacked.name, why, clock.now());
                    }
                    refused
                };
                self.judging = Some(judged.boxed());
            }
        }
    }
}

async fn judged(judging: &mut Option<Judging>) -> Vec<(Lacked, Refusal)> {
    match judging {
        Some(judging) => judging.await,
        None => std::future::pending().await,
    }
}

/// Answers peers that dial.
#[derive(Clone)]
pub struct Gossiping {
    gossip: Gossip,
    tasks: Tasks,
}

#[tonic::async_trait]
impl GossipService for Gossiping {
    type CompareStream = Pin<Box<dyn Stream<Item = Result<pb::CompareResponse, Status>> + Send>>;

    async fn compare(
        &self,
        request: Request<Streaming<pb::CompareRequest>>,
    ) -> Result<Response<Self::CompareStream>, Status> {
        let peer = Admitted::of(&request, Verb::Compare)?.principal.agency;
        let said = request.into_inner().map(|it| it.map(|it| it.frame));
        let (frames, answers) = mpsc::channel(FRAMES_WAITING);
        let (gossip, stopping, gone) = (self.gossip.clone(), self.tasks.clone(), frames.clone());
        self.tasks.spawn(async move {
            let rest = AtomicBool::new(true);
            let ended = tokio::select! {
                () = gone.closed() => Ok(()),
                () = stopping.stopping() => Ok(()),
                ended = Talk::new(&gossip, &peer, frames).run(said, &rest) => ended,
            };
            if let Err(reason) = ended {
                tracing::info!(%peer, reason, "a peer compares the directory no more");
            }
        });
        let answers = ReceiverStream::new(answers)
            .map(|frame| Ok(pb::CompareResponse { frame: Some(frame) }));
        Ok(Response::new(Box::pin(answers)))
    }
}
