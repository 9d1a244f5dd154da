//! A peer's stream coming in: frames in, one answer each, in their order.
//!
//! Frames are checked as they come and queued for the writer at once; their decisions are awaited
//! in a second task. So one commit serves all frames that are in flight, and answers keep order.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::identity::permission::Verb;
use crate::node::conduct;
use crate::node::duties::inbound::{Asked, Inbound, Step};
use crate::node::duties::taking::{Taker, Writers};
use crate::node::records;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::writer::{Pending, Writer};
use crate::transport::caller::{Admitted, Standing};
use crate::transport::carriage::{self, Answered};
use crate::transport::limits::{FRAME_BYTES_MAX, SESSIONS_OF_ONE_MAX};
use crate::transport::peer::{LOOK_AROUND, Peers};
use crate::transport::status::EdgeReason;
use crate::transport::{Tasks, caller, status};
use crate::wire::WireError;
use crate::wire::pb::relay_service_server::RelayService;
use crate::wire::pb::{TransferAttachmentsRequest, TransferRequest, TransferResponse};
use crate::wire::relay::{Incoming, Outgoing, Refused};

/// Answers that may wait for the peer to read them.
const ANSWERS_WAITING: usize = 256;
/// Frames of a session that wait for their decisions, in KiB together: eight of the largest. What comes
/// beyond stays with the peer.
const UNDECIDED_KIB_MAX: usize = 8 * FRAME_BYTES_MAX / 1024;
/// Frames of one session that may be unreadable; one more ends it.
const UNREADABLE_MAX: usize = 64;

/// The listening side of the relay.
#[derive(Clone)]
pub struct Peering {
    writer: Writer,
    peers: Peers,
    tasks: Tasks,
    files: Writers,
}

enum Owed {
    Told(Incoming),
    Pending(Asked, Pending, OwnedSemaphorePermit),
}

type Answers = mpsc::Sender<Result<TransferResponse, Status>>;

impl Peering {
    /// Answers peers on behalf of the node behind `writer`.
    pub fn new(writer: Writer, peers: Peers, tasks: Tasks) -> Self {
        Self { writer, peers, tasks, files: Writers::default() }
    }

    fn inbound(&self, peer: AgencyId) -> Inbound {
        Inbound::new(self.writer.setting().clone(), peer)
    }
}

#[tonic::async_trait]
impl RelayService for Peering {
    type TransferStream = Pin<Box<dyn Stream<Item = Result<TransferResponse, Status>> + Send>>;

    async fn transfer(
        &self,
        request: Request<Streaming<TransferRequest>>,
    ) -> Result<Response<Self::TransferStream>, Status> {
        let setting = self.writer.setting();
        let peer = caller::peer(&request, setting, Verb::Transfer)?;
        let Admitted { standing, shares, .. } = Admitted::of(&request, Verb::Transfer)?;
        let session = shares.session(&peer).ok_or_else(|| {
            let text = format!("{SESSIONS_OF_ONE_MAX} sessions of this peer are open already");
            status::of_edge(EdgeReason::RateLimited, &text)
        })?;
        self.peers.came_anew(&peer);
        let (answers, answered) = mpsc::channel(ANSWERS_WAITING);
        let (owing, owed) = mpsc::channel(ANSWERS_WAITING);
        let inbound = self.inbound(peer.clone());
        let teller = Teller {
            inbound: self.inbound(peer.clone()),
            peer: peer.clone(),
            peers: self.peers.clone(),
        };
        let frames = request.into_inner();
        let (writer, failed) = (self.writer.clone(), answers.clone());
        let stopping = self.tasks.clone();
        let gone = answers.clone();
        let cut = cut_off(writer.clone(), peer, answers.clone());
        let turned = drain_turned(writer.clone(), answers.clone());
        let taken = take_frames(inbound, (frames, standing), writer, owing, failed);
        self.tasks.spawn(async move {
            let _session = session;
            tokio::select! {
                // Nobody listens any more, or the door has closed the stream.
                () = gone.closed() => {}
                () = cut => {}
                () = turned => {}
                () = stopping.stopping() => {}
                () = taken => {}
            }
        });
        self.tasks.spawn(tell_answers(teller, owed, answers));
        Ok(Response::new(Box::pin(ReceiverStream::new(answered))))
    }

    type TransferAttachmentsStream = Answered;

    async fn transfer_attachments(
        &self,
        request: Request<Streaming<TransferAttachmentsRequest>>,
    ) -> Result<Response<Answered>, Status> {
        let setting = self.writer.setting();
        let peer = caller::peer(&request, setting, Verb::TransferAttachments)?;
        let standing = Admitted::of(&request, Verb::TransferAttachments)?.standing;
        self.peers.made_contact(&peer);
        let taker = Taker::new(setting.clone(), peer.clone(), self.files.clone());
        let frames = (request.into_inner(), standing);
        let (answered, answers, taken) = carriage::listen(taker, frames, self.writer.clone());
        let stopping = self.tasks.clone();
        let cut = cut_off(self.writer.clone(), peer, answers.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                // Nobody listens any more, or the door has closed the stream.
                () = answers.closed() => {}
                () = cut => {}
                () = stopping.stopping() => {}
                () = taken => {}
            }
        });
        Ok(Response::new(answered))
    }
}

/// Ends once the directory names no link with the peer any more, or the peer is cut off for what it sent,
/// and says so to it.
async fn cut_off<T>(writer: Writer, peer: AgencyId, answers: mpsc::Sender<Result<T, Status>>) {
    let setting = writer.setting();
    while setting.directory().are_linked(&setting.agency, &peer) {
        let cut = conduct::told(setting.store.as_ref(), &peer, setting.clock.now());
        if let Ok(Some(told)) = cut {
            // It may be gone already; then nobody wants to know.
            drop(answers.send(Err(status::of_rejection(told))).await);
            return;
        }
        tokio::time::sleep(LOOK_AROUND).await;
    }
    tracing::warn!(%peer, "cut off: the directory names no link with it any more");
    let text = "the directory names no link between our agencies any more";
    // The peer may be gone already; then nobody wants to know.
    drop(answers.send(Err(status::of_edge(EdgeReason::NotInDirectory, text))).await);
}

/// Ends once the node takes nothing new any more, or takes again: a peer learns of it at the next
/// stream, and offers nothing before in vain.
async fn drain_turned(writer: Writer, answers: Answers) {
    let store = &writer.setting().store;
    let drains = || records::draining(store.as_ref()).map(|it| it.is_some());
    let Ok(before) = drains() else {
        return;
    };
    loop {
        tokio::time::sleep(LOOK_AROUND).await;
        match drains() {
            Ok(now) if now == before => {}
            Ok(true) => {
                // The peer may be gone already; then nobody wants to know.
                drop(answers.send(Err(status::of_rejection(Rejection::draining()))).await);
                return;
            }
            Ok(false) | Err(_) => return,
        }
    }
}

async fn take_frames(
    mut inbound: Inbound,
    (mut frames, standing): (Streaming<TransferRequest>, Standing),
    writer: Writer,
    owing: mpsc::Sender<Owed>,
    failed: Answers,
) {
    let room = Arc::new(Semaphore::new(UNDECIDED_KIB_MAX));
    let (mut place, mut unreadable): (u64, usize) = (0, 0);
    while let Ok(Some(frame)) = frames.message().await {
        place = place.saturating_add(1);
        let kib = u32::try_from(frame.encoded_len() / 1024 + 1).unwrap_or(u32::MAX);
        let Ok(held) = Arc::clone(&room).acquire_many_owned(kib).await else {
            return;
        };
        // Each frame is a request of its own: whoever sends it must still be let in.
        let admitted = standing.principal(writer.setting().clock.now());
        let handed = Outgoing::handed(&frame);
        let step = match admitted.map(|_| Outgoing::from_pb(frame)) {
            Ok(Ok(frame)) => inbound.take(frame).map_err(|error| status::of_history(&error)),
            Ok(Err(error)) => {
                unreadable = unreadable.saturating_add(1);
                // Who does not greet legibly has nothing to say.
                let goes_on = place > 1 && unreadable <= UNREADABLE_MAX;
                if goes_on {
                    Ok(unread(handed, place, &error))
                } else {
                    Err(status::of_wire(&error))
                }
            }
            Err(status) => Err(status),
        };
        // The peer is told why once, and the stream ends.
        let ends = inbound.is_over().unwrap_or(false);
        let owed = match step {
            Ok(Step::Reply(reply)) => Owed::Told(reply),
            Ok(Step::Ask(command, asked)) => {
                Owed::Pending(asked, writer.enqueue(*command).await, held)
            }
            Err(status) => {
                // The peer may be gone already; then nobody wants to know.
                drop(failed.send(Err(status)).await);
                return;
            }
        };
        if owing.send(owed).await.is_err() || ends {
            return;
        }
        // What a frame costs is work: whoever sends many gives way to the others after each.
        tokio::task::yield_now().await;
    }
}

/// The answer to a frame that can't be read: it is named, a message by its header and everything else by
/// its place, so that it holds up none of the others.
fn unread(handed: Option<Digest>, place: u64, error: &WireError) -> Step {
    tracing::warn!(%error, place, "a frame of a peer can't be read");
    let reason = status::reason_of_wire(error).as_str().to_owned();
    let refused = match handed {
        Some(header) => Refused::of_message(header, reason, false),
        None => Refused { frame: Some(place), ..Refused::unnamed(reason, false) },
    };
    Step::Reply(Incoming::Refused(refused))
}

/// Tells decisions, and counts those of which no entry speaks.
struct Teller {
    inbound: Inbound,
    peer: AgencyId,
    peers: Peers,
}

impl Teller {
    fn counted(&self, reply: Incoming) -> Incoming {
        let unrecorded = [RejectionReason::PeerCutOff, RejectionReason::TooManyRefusals];
        if let Incoming::Refused(it) = &reply
            && unrecorded.iter().any(|reason| reason.as_str() == it.reason)
        {
            self.peers.refused_unrecorded(&self.peer);
        }
        reply
    }
}

async fn tell_answers(teller: Teller, mut owed: mpsc::Receiver<Owed>, answers: Answers) {
    let inbound = &teller.inbound;
    while let Some(next) = owed.recv().await {
        let told = match next {
            Owed::Told(reply) => Ok(reply),
            Owed::Pending(asked, pending, _held) => inbound.tell(&asked, pending.decided().await),
        };
        let answer = match told {
            Ok(reply) => Ok(teller.counted(reply).into_pb()),
            Err(error) => Err(status::of_history(&error)),
        };
        let ended = answer.is_err();
        if answers.send(answer).await.is_err() || ended {
            return;
        }
        tokio::task::yield_now().await;
    }
}
