//! Neighbours of the hub that the benchmark plays itself, with their own journals and certificates: what
//! they hand over is made, signed and witnessed as by their nodes.

use std::collections::VecDeque;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rogatory::cli::node::setting;
use rogatory::clock::SystemClock;
use rogatory::config::Config;
use rogatory::domain::digest::Digest;
use rogatory::domain::ids::{AgencyId, RequestId};
use rogatory::identity::{Principal, Role};
use rogatory::node::Node;
use rogatory::node::command::{Call as Named, Command, Submission};
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::node::sealing::{self, Plan};
use rogatory::transport::limits::FRAME_BYTES_MAX;
use rogatory::transport::tls;
use rogatory::transport::tls::stream::ClientTls;
use rogatory::wire;
use rogatory::wire::pb;
use rogatory::wire::relay::{Incoming, Outgoing};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::kept::{HUB, Kept, draft};
use crate::{Bare, Call, kept};

type Out = pb::TransferRequest;
type Back = pb::TransferResponse;

/// Frames that may wait to be sent.
const WAITING: usize = 256;
/// Messages whose handover shares a commit.
const OFFERED_AT_ONCE: usize = 64;
/// How long a message may take.
const LIFE_MS: i64 = 86_400_000;

/// Frames out, answers back in the same order.
#[derive(Clone)]
struct Session {
    frames: mpsc::Sender<Out>,
    asked: Arc<Mutex<VecDeque<oneshot::Sender<Back>>>>,
}

impl Session {
    async fn opened(channel: Channel, path: &'static str, tasks: &mut JoinSet<()>) -> Self {
        let (frames, outgoing) = mpsc::channel(WAITING);
        let mut grpc = Grpc::new(channel)
            .max_decoding_message_size(FRAME_BYTES_MAX)
            .max_encoding_message_size(FRAME_BYTES_MAX);
        grpc.ready().await.expect("the connection stands");
        let path = http::uri::PathAndQuery::from_static(path);
        let request = tonic::Request::new(ReceiverStream::new(outgoing));
        let codec: ProstCodec<Out, Back> = ProstCodec::default();
        let answers = grpc.streaming(request, path, codec).await.expect("a stream");
        let asked: Arc<Mutex<VecDeque<oneshot::Sender<Back>>>> = Arc::default();
        tasks.spawn(told(answers.into_inner(), Arc::clone(&asked)));
        Self { frames, asked }
    }

    async fn asks(&self, frame: Out) -> Option<Back> {
        let (tell, answer) = oneshot::channel();
        {
            // Both under one lock, so that answers find who asked.
            let mut asked = self.asked.lock().await;
            asked.push_back(tell);
            self.frames.send(frame).await.ok()?;
        }
        answer.await.ok()
    }
}

async fn told(mut answers: Streaming<Back>, asked: Arc<Mutex<VecDeque<oneshot::Sender<Back>>>>) {
    while let Ok(Some(answer)) = answers.message().await {
        if let Some(tell) = asked.lock().await.pop_front() {
            // Whoever asked may have given up at the end of the time.
            drop(tell.send(answer));
        }
    }
    asked.lock().await.clear();
}

/// A neighbour of the hub.
pub(crate) struct Neighbour {
    node: Node,
    tls: ClientTls,
}

impl Neighbour {
    /// Takes the place of the node of an agency, which is killed.
    pub(crate) fn of(kept: &Kept, agency: &str) -> Self {
        kept.kill(agency);
        let path = PathBuf::from(kept.agency(agency)["config"].as_str().expect("a path"));
        let config = Config::load(&path).expect("its configuration");
        let mut setting = setting::open(&config).expect("its store").setting;
        setting.policy.window = 100_000;
        let key = config.tls.peer_key.to_string();
        let tls = ClientTls::new(tls::ClientSettings {
            expected: hub(),
            own: kept::own(&config.tls.peer_certificate, Path::new(&key)),
            roots: kept::roots(&kept.directory()),
            clock: Arc::new(SystemClock),
        });
        Self { node: Node::open(Arc::new(setting)).expect("it opens"), tls }
    }

    async fn session(&self, tasks: &mut JoinSet<()>) -> Session {
        let directory = self.node.setting().directory();
        let there = directory.agency(&hub()).expect("the hub").nodes[0].clone();
        let channel = self.tls.channel(&there.peer_address, &there.server_name).await;
        let path = "/rogatory.v1.RelayService/Transfer";
        Session::opened(channel.expect("the hub answers"), path, tasks).await
    }

    /// Submits `count` messages, and gives the frames that hand them over to the hub.
    pub(crate) async fn handings(&mut self, count: u64, tasks: &mut JoinSet<()>) -> Vec<Out> {
        for number in 0..count {
            self.submit(number);
        }
        let session = self.session(tasks).await;
        let mut outbound = Outbound::new(Arc::clone(self.node.setting()), hub());
        let mut wishes = VecDeque::from([Wish::Send(Box::new(outbound.hello()))]);
        let mut handings = Vec::new();
        while let Some(wish) = wishes.pop_front() {
            match wish {
                Wish::Execute(command, then) => {
                    for command in in_parts(*command) {
                        let done = self.node.execute(vec![command]).expect("the store holds");
                        drop(done);
                    }
                    outbound.executed(&then);
                }
                Wish::Send(frame) if matches!(*frame, Outgoing::Handing(_)) => {
                    handings.push(frame.into_pb());
                }
                Wish::Send(frame) => {
                    let answer = session.asks(frame.into_pb()).await.expect("an answer");
                    let mut answer = Incoming::from_pb(answer).expect("the hub speaks well");
                    // What is made here is handed over later, at the pace that is measured.
                    if let Incoming::Welcome(welcome) = &mut answer {
                        welcome.window = u32::MAX;
                    }
                    wishes.extend(outbound.take(answer).expect("the session goes on"));
                }
            }
            if wishes.is_empty() {
                wishes.extend(outbound.poll().expect("the session goes on"));
            }
        }
        assert_eq!(handings.len() as u64, count, "all are to be handed over");
        handings
    }

    fn submit(&mut self, number: u64) {
        let setting = Arc::clone(self.node.setting());
        let mut id = [7; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        let mut file = draft(number);
        let own = file.from.take().expect("a desk");
        // Whoever sends it: the other end is the one that the example names.
        let (from, to) = match own.starts_with(setting.agency.as_str()) {
            true => (own, file.to.clone()),
            false => (file.to[0].clone(), vec![own]),
        };
        (file.from, file.to) = (Some(from), to);
        let draft = wire::draft::read(file).expect("a well-formed draft");
        let request = RequestId::from_bytes(id);
        let plan = Plan { request, now: setting.clock.now(), expires_in_ms: LIFE_MS };
        let messages = sealing::prepare(&setting, &draft, &plan).expect("it can be sealed");
        let principal = Principal::new(setting.agency.clone(), Role::Officer, "clerk");
        let key = format!("flood {number}");
        let fingerprint = Digest::of(key.as_bytes());
        let call = Named { principal: principal.expect("a principal"), key, fingerprint };
        let submission = Submission::of(call, draft, &plan, messages);
        let decided = self.node.execute(vec![Command::Submit(Box::new(submission))]);
        decided.expect("the store holds").remove(0).expect("it is accepted");
    }

    /// Hands over frame after frame, and the same again after the last.
    pub(crate) async fn calls(&self, frames: Vec<Out>, tasks: &mut JoinSet<()>) -> Call {
        let session = self.session(tasks).await;
        let hello = Outbound::new(Arc::clone(self.node.setting()), hub()).hello().into_pb();
        let welcome = session.asks(hello).await.map(Incoming::from_pb);
        assert!(matches!(welcome, Some(Ok(Incoming::Welcome(_)))), "the hub greets");
        let is_yes = |answer| matches!(Incoming::from_pb(answer), Ok(Incoming::Answer(_)));
        asking(session, frames, is_yes)
    }

    /// The same frames to the bare server, which answers each with nothing: at once, or once its store has it.
    pub(crate) async fn bare_calls(
        &self,
        (bare, path): (&Bare, &'static str),
        frames: Vec<Out>,
        tasks: &mut JoinSet<()>,
    ) -> Call {
        let channel = bare.channel(&self.tls).await;
        asking(Session::opened(channel, path, tasks).await, frames, |_| true)
    }
}

/// More may be handed over at once here than one commit takes.
fn in_parts(command: Command) -> Vec<Command> {
    let Command::HandOver { peer, messages } = command else {
        return vec![command];
    };
    let part =
        |messages: &[_]| Command::HandOver { peer: peer.clone(), messages: messages.to_vec() };
    messages.chunks(OFFERED_AT_ONCE).map(part).collect()
}

fn hub() -> AgencyId {
    HUB.parse().expect("an agency")
}

fn asking(session: Session, frames: Vec<Out>, is_yes: fn(Back) -> bool) -> Call {
    let (frames, at) = (Arc::new(frames), Arc::new(AtomicUsize::new(0)));
    Arc::new(move |_| {
        let at = at.fetch_add(1, Ordering::Relaxed);
        let frame = frames[at % frames.len()].clone();
        let session = session.clone();
        Box::pin(async move { session.asks(frame).await.is_some_and(is_yes) })
    })
}

/// Answers each frame at once.
pub(crate) struct StreamEcho;

pub(crate) type Answers = Pin<Box<dyn futures::Stream<Item = Result<Back, tonic::Status>> + Send>>;
pub(crate) type Answering =
    Pin<Box<dyn Future<Output = Result<tonic::Response<Answers>, tonic::Status>> + Send>>;

impl tonic::server::StreamingService<Out> for StreamEcho {
    type Response = Back;
    type ResponseStream = Answers;
    type Future = Answering;

    fn call(&mut self, request: tonic::Request<Streaming<Out>>) -> Answering {
        use futures::StreamExt as _;
        let answers = request.into_inner().map(|frame| frame.map(|_| Back::default()));
        let answers: Answers = Box::pin(answers);
        Box::pin(std::future::ready(Ok(tonic::Response::new(answers))))
    }
}
