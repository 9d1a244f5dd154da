//! Attachments between nodes: a connection of its own for each direction of each pair of peers, dialled
//! while something is owed, so that no message waits behind a piece of one.
//!
//! Whatever reads or writes a file does it on a thread that may wait for the disk. Pieces are read only
//! while there is room for them on the way, and answers are always read.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::history::rows::HistoryError;
use crate::node::Decision;
use crate::node::command::Command;
use crate::node::conduct::Misconduct;
use crate::node::duties::backoff::Backoff;
use crate::node::duties::carrying::{
    Carrier, CarryEnd, CarryLie, CarryWish, PARALLEL, PIECES_AT_ONCE,
};
use crate::node::duties::taking::{TakeStep, Taker};
use crate::node::writer::Writer;
use crate::transport::admin::PeerBoard;
use crate::transport::caller::Standing;
use crate::transport::neighbour::{Doubted, Errand, LEFT, Neighbour};
use crate::transport::patience::Patience;
use crate::transport::peer::{LOOK_AROUND, in_full, not_cut_off};
use crate::transport::tls::{ConnectedPeer, Line, Pulse};
use crate::transport::{limits, status};
use crate::wire::carriage::{Parcel, Sent, Taken};
use crate::wire::pb::relay_service_client::RelayServiceClient;
use crate::wire::pb::{TransferAttachmentsRequest, TransferAttachmentsResponse};

/// Frames that one poll may wish to send.
const FRAMES_AT_ONCE: usize = PIECES_AT_ONCE + PARALLEL;
/// Frames that may wait to be sent: pieces of at most 256 KiB.
const FRAMES_WAITING: usize = 2 * FRAMES_AT_ONCE;
/// Answers that may wait for the peer to read them.
const ANSWERS_WAITING: usize = 64;
/// A peer that owes an answer and says nothing for so long is dialled again; what is on the way adds what
/// the line needs for it.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// A peer that came anew and checks what is whole has so long to say so.
const AFTER_COMING: Duration = Duration::from_secs(5);
/// With nothing owed for so long the connection is closed.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// What the listening side streams back.
pub type Answered = Pin<Box<dyn Stream<Item = Result<TransferAttachmentsResponse, Status>> + Send>>;

/// Where the listening side puts what it answers.
pub type Answers = mpsc::Sender<Result<TransferAttachmentsResponse, Status>>;

/// Does something that may wait for the disk, apart from what must not.
async fn on_disk<S, T>(
    mut session: S,
    work: impl FnOnce(&mut S) -> T + Send + 'static,
) -> Result<(S, T), String>
where
    S: Send + 'static,
    T: Send + 'static,
{
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&mut session);
        (session, done)
    });
    done.await.map_err(|_| "a session broke off".to_owned())
}

/// Files that failed end the node: the writer finds that before it does anything.
pub(super) async fn note_failure(writer: &Writer, error: &HistoryError) {
    if matches!(error, HistoryError::Files(error) if error.is_fatal()) {
        // A writer that has stopped wants to know nothing more.
        drop(writer.ask(Command::Countersign).await);
    }
}

/// Answers a peer that brings attachments; ends when it does.
pub fn listen(
    taker: Taker,
    (frames, standing): (Streaming<TransferAttachmentsRequest>, Standing),
    writer: Writer,
) -> (Answered, Answers, BoxFuture<'static, ()>) {
    let (answers, answered) = mpsc::channel(ANSWERS_WAITING);
    let (failed, told) = (answers.clone(), answers.clone());
    let mut listening = Listening { frames, standing, writer, answers: told };
    let taking = async move {
        if let Err(status) = listening.take_frames(taker).await {
            // The peer may be gone already; then nobody wants to know.
            drop(failed.send(Err(status)).await);
        }
    };
    (Box::pin(ReceiverStream::new(answered)), answers, Box::pin(taking))
}

struct Listening {
    frames: Streaming<TransferAttachmentsRequest>,
    standing: Standing,
    writer: Writer,
    answers: Answers,
}

impl Listening {
    async fn take_frames(&mut self, mut taker: Taker) -> Result<(), Status> {
        loop {
            let step;
            let next = if taker.has_work() {
                self.frames.message().now_or_never()
            } else {
                Some(self.frames.message().await)
            };
            (taker, step) = match next {
                // Nobody speaks just now: a file that is whole is checked some more.
                None => self.on_disk(taker, Taker::work).await?,
                Some(Ok(Some(frame))) => {
                    // Each frame is a request of its own: whoever sends it must still be let in.
                    self.standing.principal(self.writer.setting().clock.now())?;
                    let frame = Sent::from_pb(frame).map_err(|error| status::of_wire(&error))?;
                    self.on_disk(taker, move |it| it.take(frame)).await?
                }
                Some(Ok(None) | Err(_)) => return Ok(()),
            };
            let replies;
            (taker, replies) = match step {
                TakeStep::Reply(replies) => (taker, replies),
                TakeStep::Ask(command, asked) => {
                    let decision = self.writer.ask(*command).await;
                    self.on_disk(taker, move |it| it.tell(&asked, decision)).await?
                }
            };
            for reply in replies {
                if self.answers.send(Ok(reply.into_pb())).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        taker: Taker,
        work: impl FnOnce(&mut Taker) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<(Taker, T), Status> {
        let done = on_disk(taker, work).await;
        let (taker, done) = done.map_err(Status::internal)?;
        match done {
            Ok(done) => Ok((taker, done)),
            Err(error) => {
                note_failure(&self.writer, &error).await;
                Err(status::of_history(&error))
            }
        }
    }
}

/// Carries what is owed to one peer, whenever something is.
pub(super) struct Carriage<'a> {
    pub(super) to: &'a Neighbour,
    pub(super) board: &'a PeerBoard,
}

impl Errand for Carriage<'_> {
    async fn wanted(&self) {
        let writer = &self.to.writer;
        let mut committed = writer.committed();
        loop {
            committed.mark_unchanged();
            match Carrier::is_wanted(writer.setting(), &self.to.peer) {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "what is owed can't be read"),
            }
            // A writer that has stopped wakes nobody; the tasks end then.
            let looked = tokio::time::timeout(LOOK_AROUND, committed.changed()).await;
            if matches!(looked, Ok(Err(_))) {
                tokio::time::sleep(LOOK_AROUND).await;
            }
        }
    }

    async fn session(&self, backoff: &mut Backoff) -> Result<(), String> {
        let Neighbour { writer, peer, .. } = self.to;
        not_cut_off(writer.setting(), peer)?;
        let Line { channel, other, pulse } = self.to.dialled().await?;
        let mut client = RelayServiceClient::new(channel)
            .max_decoding_message_size(limits::FRAME_BYTES_MAX)
            .max_encoding_message_size(limits::FRAME_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(FRAMES_WAITING);
        let carrier = Carrier::new(writer.setting().clone(), peer.clone());
        let hello = carrier.hello().into_pb();
        frames.send(hello).await.map_err(|_| "stream closed".to_owned())?;
        let opening = client.transfer_attachments(ReceiverStream::new(outgoing));
        let answers = tokio::time::timeout(SILENCE_MAX, opening)
            .await
            .map_err(|_| "the peer opens no session".to_owned())?
            .map_err(|status| format!("{}: {}", status.code(), in_full(&status)))?
            .into_inner();
        backoff.reset();
        let executing = FuturesUnordered::new();
        let writer = writer.clone();
        let (to, board) = (self.to, self.board);
        let mut session = Session { to, board, writer, frames, other, pulse, executing };
        let ended = session.speak(carrier, answers).await;
        board.attachments_not_taken(peer, &BTreeMap::new());
        ended
    }

    async fn broken_off(&self, reason: &str, next: Timestamp) {
        tracing::info!(peer = %self.to.peer, reason, %next, "attachments: session ended");
    }
}

/// A lie that ends a session is told to the writer.
async fn note_lie(writer: &Writer, peer: &AgencyId, end: &CarryEnd) {
    if let CarryEnd::Lie(_) = end {
        // A writer that has stopped wants to know nothing more.
        drop(writer.ask(Command::Misconduct(peer.clone(), Misconduct::Lie)).await);
    }
}

type Executing = FuturesUnordered<BoxFuture<'static, (Parcel, Decision)>>;

struct Session<'a> {
    to: &'a Neighbour,
    board: &'a PeerBoard,
    writer: Writer,
    frames: mpsc::Sender<TransferAttachmentsRequest>,
    other: ConnectedPeer,
    pulse: Pulse,
    executing: Executing,
}

impl Session<'_> {
    async fn speak(
        &mut self,
        mut carrier: Carrier,
        mut answers: Streaming<TransferAttachmentsResponse>,
    ) -> Result<(), String> {
        let (mut committed, room) = (self.writer.committed(), self.frames.clone());
        let mut looks = tokio::time::interval(LOOK_AROUND);
        let (mut patience, mut idle) = (Patience::of(SILENCE_MAX), Duration::ZERO);
        let mut doubted = Doubted::within(AFTER_COMING);
        loop {
            // It may have been cut off since the session began, by what it did elsewhere.
            not_cut_off(self.writer.setting(), &self.to.peer)?;
            let (mut has_room, mut more) = (self.has_room(), false);
            if has_room {
                let wishes;
                (carrier, wishes) = on_disk(carrier, Carrier::poll).await?;
                let wishes = wishes.map_err(|end| end.to_string())?;
                more = !wishes.is_empty();
                self.grant(wishes).await?;
                has_room = self.has_room();
            }
            doubted.owes(carrier.is_waiting());
            tokio::select! {
                answer = answers.message() => {
                    patience.heard();
                    idle = Duration::ZERO;
                    doubted.heard();
                    let Some(answer) = answer.map_err(|it| in_full(&it))? else {
                        return Err("the peer closed the stream".to_owned());
                    };
                    let frame = Taken::from_pb(answer).map_err(CarryLie::from);
                    let taken = frame.map_err(CarryEnd::from);
                    let wishes = match taken.and_then(|it| carrier.take(it)) {
                        Ok(wishes) => wishes,
                        Err(end) => {
                            note_lie(&self.writer, &self.to.peer, &end).await;
                            return Err(end.to_string());
                        }
                    };
                    self.grant(wishes).await?;
                }
                Some((parcel, decision)) = self.executing.next(), if !self.executing.is_empty() => {
                    if let Err(rejection) = decision {
                        let reason = rejection.reason.as_str();
                        tracing::warn!(reason, "a receipt of an attachment was not recorded");
                    }
                    carrier.executed(&parcel).map_err(|error| error.to_string())?;
                }
                changed = committed.changed() => {
                    changed.map_err(|_| "the node is stopping".to_owned())?;
                }
                _ = looks.tick() => {
                    // Certificates end and are revoked while sessions last.
                    let now = self.writer.setting().clock.now();
                    self.other.principal(now).map_err(|it| it.to_string())?;
                    self.board.attachments_not_taken(&self.to.peer, carrier.not_taken());
                    idle += LOOK_AROUND;
                    let owed = carrier.is_waiting().then(|| carrier.on_the_way());
                    patience.passed(LOOK_AROUND, owed, self.pulse.beats())?;
                    if !carrier.is_waiting() && self.executing.is_empty() && idle > IDLE_MAX {
                        return Ok(());
                    }
                }
                freed = room.reserve_many(FRAMES_AT_ONCE), if !has_room => {
                    drop(freed.map_err(|_| "the stream is closed".to_owned())?);
                }
                () = doubted.is_left(self.to) => return Err(LEFT.to_owned()),
                () = std::future::ready(()), if more && has_room => {}
            }
        }
    }

    fn has_room(&self) -> bool {
        self.frames.capacity() >= FRAMES_AT_ONCE
    }

    async fn grant(&mut self, wishes: Vec<CarryWish>) -> Result<(), String> {
        for wish in wishes {
            match wish {
                CarryWish::Send(frame) => {
                    let frame: Sent = *frame;
                    let sent = self.frames.send(frame.into_pb()).await;
                    sent.map_err(|_| "the stream is closed".to_owned())?;
                }
                CarryWish::Execute(command, parcel) => {
                    let pending = self.writer.enqueue(*command).await;
                    let decided = async move { (parcel, pending.decided().await) };
                    self.executing.push(Box::pin(decided));
                }
            }
        }
        Ok(())
    }
}
