//! Whoever loses what let it in loses every open stream within five seconds: each kind of stream, at both
//! listeners of a node, and on both sides of the lines between nodes.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, join_all};
use futures::{Stream, StreamExt as _};
use rogatory::clock::{Clock, HandClock, SystemClock, Timestamp};
use rogatory::directory::signed::compare::{Lacked, TextName};
use rogatory::directory::signed::{Authorities, Authority, Genesis, Held, Refusal, write};
use rogatory::domain::ids::AgencyId;
use rogatory::identity::Role;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::merkle::vkey::VerifierKey;
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::writer::Writer;
use rogatory::pki::{Issued, Validity, inspect};
use rogatory::redact::Secret;
use rogatory::transport::Tasks;
use rogatory::transport::client::{Answers, Client, ClientError};
use rogatory::transport::gossip::{Follow, Given};
use rogatory::transport::limits::AUDIT_CALLS_AT_ONCE;
use rogatory::transport::tls::{ClientTls, ConnectedPeer};
use rogatory::wire::pb;
use rogatory::wire::pb::gossip_service_client::GossipServiceClient;
use rogatory::wire::pb::relay_service_client::RelayServiceClient;
use rogatory::wire::pb::relay_service_server::{RelayService, RelayServiceServer};
use rogatory::wire::relay::Outgoing;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::services::answering::soundly;
use crate::services::attachments::{asking, file, hand_in, with};
use crate::services::town::{Town, sending};

/// DESIGN: open streams are closed within this time.
const WITHIN: Duration = Duration::from_secs(5);
/// What must come in a test, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(120);
/// More than what may be on the way to a caller who does not read, twice over.
const LARGE: usize = 12 * 1024 * 1024;
/// A caller who does not read does so for this long; longer than a node needs to look again.
const PAUSE: Duration = Duration::from_secs(2);

/// A directory of which nothing is there but its beginning.
struct Bare(watch::Sender<Arc<Held>>);

impl Bare {
    fn new() -> Self {
        let public = Ed25519Signer::from_seed(&Secret::new([7; 32])).public();
        let key = VerifierKey::new("ita.ministry", public).unwrap();
        let members = vec![Authority { key, until: None }];
        let text =
            write::genesis(&"demo".parse().unwrap(), true, &Authorities { threshold: 1, members });
        Self(watch::Sender::new(Arc::new(Held::begin(Genesis::parse(&text).unwrap()))))
    }
}

impl Follow for Bare {
    fn held(&self) -> watch::Receiver<Arc<Held>> {
        self.0.subscribe()
    }

    fn text(&self, _: &TextName) -> Option<Vec<u8>> {
        None
    }

    fn judge(&self, _: &AgencyId, _: Given) -> BoxFuture<'static, Vec<(Lacked, Refusal)>> {
        async { Vec::new() }.boxed()
    }

    fn confirmed(&self) {}
}

/// An open stream: what it is, and the reason for which it ends.
type Open = (&'static str, BoxFuture<'static, String>);

/// Reads until the stream ends, after a pause.
fn ends<T: Send + 'static>(mut answers: Answers<T>, pause: Duration) -> BoxFuture<'static, String> {
    async move {
        tokio::time::sleep(pause).await;
        loop {
            match answers.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return "it was read to its end".to_owned(),
                Err(error) => return error.reason().to_owned(),
            }
        }
    }
    .boxed()
}

/// The same of a stream between nodes, whose other direction stays open.
fn ends_between<F, T>(
    frames: mpsc::Sender<F>,
    mut answers: Streaming<T>,
) -> BoxFuture<'static, String>
where
    F: Send + 'static,
    T: Send + 'static,
{
    async move {
        let _open = frames;
        loop {
            match answers.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return "the node closed it without a word".to_owned(),
                Err(status) => return ClientError::from(status).reason().to_owned(),
            }
        }
    }
    .boxed()
}

/// Callers of agency 0 at their node, and its node's certificate at the peer listener of node 1.
struct Callers {
    officer: Issued,
    auditor: Issued,
    operator: Issued,
    node: Issued,
}

impl Callers {
    fn of(town: &Town, validity: Validity) -> Self {
        let leaf = |role, name| town.leaf_within(0, (role, name), validity);
        Self {
            officer: leaf(Role::Officer, "leaving"),
            auditor: leaf(Role::Auditor, "leaving"),
            operator: leaf(Role::Operator, "leaving"),
            node: leaf(Role::Node, "leaving"),
        }
    }

    /// A stream of each kind.
    async fn open(&self, town: &Town) -> Vec<Open> {
        let mut open = self.open_at_home(town).await;
        open.extend(self.open_at_peers(town).await);
        open
    }

    async fn open_at_home(&self, town: &Town) -> Vec<Open> {
        let none = Duration::ZERO;
        let client = async |issued| town.client_with(0, issued).await.unwrap();
        let officer = client(&self.officer).await;
        let large = file(LARGE, 3);
        hand_in(&officer, &large).await;
        let sent = officer.send_message(sending("large", with(&[&large]))).await.unwrap();
        let watch = watching(&officer).await;
        let mut attachment = officer.read_attachment(asking(&sent.messages[0], "A1", 0)).await;
        attachment.as_mut().unwrap().next().await.unwrap().expect("a first piece");
        let auditor = client(&self.auditor).await;
        // As many calls as there are at once: the clock stands still, so what flows waits its turn.
        for _ in 1..AUDIT_CALLS_AT_ONCE {
            auditor.audit().get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap();
        }
        let replay = pb::ReplayEntriesRequest { start: 0, end: 0 };
        let replay = auditor.replay_entries(replay).await.unwrap();
        let operator = client(&self.operator).await;
        let mut backup = operator.take_backup(pb::TakeBackupRequest::default()).await.unwrap();
        backup.next().await.unwrap().expect("a first piece");
        vec![
            ("WatchMessages", ends(watch, none)),
            ("ReadAttachment", ends(attachment.unwrap(), PAUSE)),
            ("ReplayEntries", ends(replay, none)),
            ("TakeBackup", ends(backup, PAUSE)),
        ]
    }

    async fn open_at_peers(&self, town: &Town) -> Vec<Open> {
        let address = &town.directory.agency(&town.agencies[1]).unwrap().nodes[0].peer_address;
        let tls = ClientTls::new(town.caller_tls(1, &self.node));
        let channel = tls.channel(address, "localhost").await.unwrap();
        let mut relay = RelayServiceClient::new(channel.clone());
        let (transfer, outgoing) = mpsc::channel(1);
        let transferred = relay.transfer(ReceiverStream::new(outgoing)).await.unwrap();
        let (carried, outgoing) = mpsc::channel(1);
        let answered = relay.transfer_attachments(ReceiverStream::new(outgoing)).await.unwrap();
        let (compared, outgoing) = mpsc::channel(1);
        let mut gossip = GossipServiceClient::new(channel);
        let mut said = gossip.compare(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        said.message().await.unwrap().expect("what the node holds");
        vec![
            ("Transfer", ends_between(transfer, transferred.into_inner())),
            ("TransferAttachments", ends_between(carried, answered.into_inner())),
            ("Compare", ends_between(compared, said)),
        ]
    }
}

async fn watching(client: &Client) -> Answers<pb::WatchMessagesResponse> {
    let contact_point = "int.n0/desk".to_owned();
    client.watch_messages(pb::WatchMessagesRequest { contact_point, after: 0 }).await.unwrap()
}

/// Each stream ends in time and for this reason.
async fn all_end(open: Vec<Open>, reason: &str) {
    assert_eq!(open.len(), 7);
    let begun = Instant::now();
    let ended = open.into_iter().map(|(name, ended)| async move {
        let told = tokio::time::timeout(PATIENCE, ended).await;
        (name, told.unwrap_or_else(|_| panic!("{name} stays open")), begun.elapsed())
    });
    for (name, told, after) in join_all(ended).await {
        assert_eq!(told, reason, "{name}, after {after:?}");
        assert!(after <= WITHIN, "{name} ended after {after:?}");
    }
}

/// A clock that stands still, from this time on.
fn standing(at: Timestamp) -> Arc<HandClock> {
    Arc::new(HandClock::at(at))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_stream_ends_in_time_once_its_caller_is_revoked() {
    let clock = standing(SystemClock.now());
    let town = Town::built_whole(Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(Bare::new())).await;
    let end = SystemClock.now().plus_millis(3_600_000);
    let life = Validity { not_before: SystemClock.now().plus_millis(-60_000), not_after: end };
    let callers = Callers::of(&town, life);
    let open = callers.open(&town).await;
    let staying = town.client(0, Role::Officer).await;
    let mut other = watching(&staying).await;
    let Callers { officer, auditor, operator, node } = &callers;
    town.revoke_all(0, &[officer, auditor, operator, node]);
    all_end(open, "CERTIFICATE_REVOKED").await;
    // Nobody else is troubled.
    let waited = tokio::time::timeout(Duration::from_millis(100), other.next()).await;
    assert!(waited.is_err(), "it goes on");
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_stream_ends_in_time_with_its_callers_certificate() {
    let now = SystemClock.now();
    let end = Timestamp::from_millis((now.millis() / 1000 + 3_600) * 1000);
    // It counts to the end of its last second.
    let clock = standing(end.plus_millis(995));
    let town = Town::built_whole(Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(Bare::new())).await;
    let life = Validity { not_before: now.plus_millis(-60_000), not_after: end };
    let open = Callers::of(&town, life).open(&town).await;
    let staying = town.client(0, Role::Officer).await;
    let mut other = watching(&staying).await;
    clock.advance(10);
    all_end(open, "CERTIFICATE_EXPIRED").await;
    let waited = tokio::time::timeout(Duration::from_millis(100), other.next()).await;
    assert!(waited.is_err(), "it goes on");
    town.stopped().await;
}

/// Node 1 as node 0 finds it: it takes messages as its own writer does, never answers attachments, and
/// says when a stream begins and when the other side has ended it. It opens no stream with anybody else.
#[derive(Clone)]
struct Observer {
    writer: Writer,
    peer: AgencyId,
    told: mpsc::Sender<Seen>,
    begun: Arc<AtomicU64>,
    tasks: Tasks,
}

/// What is seen of a stream: its kind, which one it is, and whether it begins.
type Seen = (&'static str, u64, bool);

impl Observer {
    /// Follows a stream of node 0; a number that no other stream has.
    async fn begins<T>(&self, name: &'static str, request: &Request<T>) -> Result<u64, Status> {
        let caller =
            request.extensions().get::<ConnectedPeer>().expect("a connection has two ends");
        let caller = caller.principal(SystemClock.now()).expect("it was let in");
        if caller.agency != self.peer {
            return Err(Status::unavailable("only one neighbour is looked at"));
        }
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.told.send((name, number, true)).await.unwrap();
        Ok(number)
    }
}

type Told<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl RelayService for Observer {
    type TransferStream = Told<pb::TransferResponse>;

    async fn transfer(
        &self,
        request: Request<Streaming<pb::TransferRequest>>,
    ) -> Result<Response<Self::TransferStream>, Status> {
        let number = self.begins("Transfer", &request).await?;
        let mut frames = request.into_inner();
        let (answers, answered) = mpsc::channel(64);
        let it = self.clone();
        self.tasks.spawn(async move {
            let mut inbound = Inbound::new(Arc::clone(it.writer.setting()), it.peer.clone());
            while let Ok(Some(frame)) = frames.message().await {
                let frame = Outgoing::from_pb(frame).unwrap();
                let reply = soundly(&mut inbound, &it.writer, frame).await;
                answers.send(Ok(reply.into_pb())).await.unwrap();
            }
            it.told.send(("Transfer", number, false)).await.unwrap();
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answered))))
    }

    type TransferAttachmentsStream = Told<pb::TransferAttachmentsResponse>;

    async fn transfer_attachments(
        &self,
        request: Request<Streaming<pb::TransferAttachmentsRequest>>,
    ) -> Result<Response<Self::TransferAttachmentsStream>, Status> {
        let number = self.begins("TransferAttachments", &request).await?;
        let mut frames = request.into_inner();
        let it = self.clone();
        self.tasks.spawn(async move {
            while let Ok(Some(_)) = frames.message().await {}
            it.told.send(("TransferAttachments", number, false)).await.unwrap();
        });
        Ok(Response::new(futures::stream::pending().boxed()))
    }
}

/// What may be told before anybody looks.
const TOLD_MAX: usize = 64;

/// The streams that node 0 has open with node 1.
struct Observed {
    seen: mpsc::Receiver<Seen>,
    open: BTreeMap<&'static str, u64>,
}

impl Observed {
    /// Node 0 has both streams open with node 1, and has looked at who is at the other end since.
    async fn of(town: &Town) -> Self {
        let (told, seen) = mpsc::channel(TOLD_MAX);
        let (writer, peer) = (town.writers[1].clone(), town.agencies[0].clone());
        let (begun, tasks) = (Arc::default(), Tasks::new());
        let observer = Observer { writer, peer, told, begun, tasks };
        town.peers_answered_by(1, RelayServiceServer::new(observer)).await;
        let officer = town.client(0, Role::Officer).await;
        let annex = file(100_000, 5);
        hand_in(&officer, &annex).await;
        officer.send_message(sending("annex", with(&[&annex]))).await.unwrap();
        let mut observed = Self { seen, open: BTreeMap::new() };
        while observed.open.len() < 2 {
            let next = tokio::time::timeout(PATIENCE, observed.seen.recv()).await;
            observed.note(next.expect("both are opened").expect("the peer stands"));
        }
        // Whoever opens a stream looks at once: that look is over, and only a later one can end it.
        tokio::time::sleep(PAUSE).await;
        while let Ok(next) = observed.seen.try_recv() {
            observed.note(next);
        }
        assert_eq!(observed.open.len(), 2, "both stay open");
        observed
    }

    fn note(&mut self, (name, number, begins): Seen) {
        if begins {
            self.open.insert(name, number);
        } else if self.open.get(name) == Some(&number) {
            self.open.remove(name);
        }
    }

    /// The streams that are open now end in time. What is opened after them is none of them: a handshake
    /// is judged by the machine's own time, by which it may be let in again.
    async fn end(mut self) {
        let begun = Instant::now();
        while !self.open.is_empty() {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let next = tokio::time::timeout(left, self.seen.recv()).await;
            let open = self.open.keys();
            let next = next.unwrap_or_else(|_| panic!("{open:?} stay open"));
            let (name, number, begins) = next.expect("the peer stands");
            if begins || self.open.get(name) != Some(&number) {
                continue;
            }
            let after = begun.elapsed();
            assert!(after <= WITHIN, "{name} ended after {after:?}");
            self.open.remove(name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_ends_its_streams_with_a_peer_whose_certificate_is_revoked() {
    let town = Town::built().await;
    let observed = Observed::of(&town).await;
    town.revoke(1, &town.nodes[1]);
    observed.end().await;
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_ends_its_streams_with_a_peer_whose_certificate_ends() {
    let clock = standing(SystemClock.now());
    let town = Town::built_by(Arc::clone(&clock) as Arc<dyn Clock>, |_| ()).await;
    let end = inspect(town.nodes[1].certificate_der()).unwrap().not_after;
    clock.advance(end.plus_millis(995).millis_since(clock.now()));
    let observed = Observed::of(&town).await;
    clock.advance(10);
    observed.end().await;
    town.stopped().await;
}
