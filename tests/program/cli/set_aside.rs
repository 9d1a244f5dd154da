//! What a peer can't read is set aside; an operator releases it or gives it back, by the command line
//! alone.
//!
//! The peer is a listener of the test's own, with the certificate of the agency's node: it reads nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use futures::Stream;
use rogatory::cli::node::run::roots_of;
use rogatory::clock::SystemClock;
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::transport::Tasks;
use rogatory::transport::listener::{self, ListenerLimits};
use rogatory::transport::tls::{Listener, OwnCertificate, ServerSettings, ServerTls};
use rogatory::wire::pb;
use rogatory::wire::pb::relay_service_server::{RelayService, RelayServiceServer};
use rogatory::wire::relay::{
    Cosigned, Cosigning, Incoming, NoticeTaken, Outgoing, Refused, Welcome,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::cli::people::{RECEIVER, SENDER, all_hold, answer, call, stations, until};
use crate::cli::{code, err, text, write};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, agency, drafts};

const OPERATOR: &str = "int-liaison-hub-operator";

/// A node that can read no message.
#[derive(Clone)]
struct Unreading {
    directory_version: u64,
    tasks: Tasks,
    offered: Arc<AtomicUsize>,
}

impl Unreading {
    fn says(&self, frame: Outgoing) -> Incoming {
        match frame {
            Outgoing::Hello(_) => Incoming::Welcome(Welcome {
                version: 1,
                window: 64,
                witnessed_size: 0,
                directory_version: self.directory_version,
                witnessed: Vec::new(),
                shown: Vec::new(),
                draining: false,
            }),
            Outgoing::CheckpointOffer(offer) => {
                let signed = SignedCheckpoint::parse(&offer.checkpoint).expect("a checkpoint");
                let verdict = Cosigning::Withheld("DIRECTORY_BEHIND".to_owned());
                let (offered_size, witnessed_size) = (signed.checkpoint.size, 0);
                Incoming::Cosigned(Cosigned { offered_size, witnessed_size, verdict })
            }
            Outgoing::Handing(handing) => {
                self.offered.fetch_add(1, Ordering::SeqCst);
                let (header, reason) = (handing.envelope.header.hash(), "FRAME_INVALID".to_owned());
                Incoming::Refused(Refused::of_message(header, reason, false))
            }
            Outgoing::Notice(notice) => {
                Incoming::NoticeTaken(NoticeTaken { sequence: notice.sequence })
            }
            Outgoing::Missing(_) => {
                Incoming::Refused(Refused::unnamed("NOT_FOUND".to_owned(), true))
            }
        }
    }

    /// Listens where the directory names the node of the destination, until the tasks end.
    async fn listen(&self, network: &Network) {
        let place = network.place(DESTINATION);
        let own = &place.callers[&Role::Node];
        let read = |path| std::fs::read_to_string(path).expect("the file is there");
        let own = OwnCertificate::from_pem(&read(&own.certificate), &read(&own.key));
        let tls = ServerTls::new(ServerSettings {
            listener: Listener::Peer,
            agency: agency(DESTINATION),
            own: Arc::new(own.expect("a certificate with its key")),
            roots: Arc::new(ArcSwap::from_pointee(roots_of(&network.made.directory))),
            clock: Arc::new(SystemClock),
        });
        let listening = TcpListener::bind(place.listen.peers).await.expect("the port is free");
        let limits = ListenerLimits::default();
        let accepted = listener::accept(listening, Arc::new(tls), limits, &self.tasks);
        let mut server = tonic::transport::Server::builder();
        let server = server.add_service(RelayServiceServer::new(self.clone()));
        let tasks = self.tasks.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                served = server.serve_with_incoming(accepted) => served.expect("it serves"),
                () = tasks.stopping() => {}
            }
        });
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl RelayService for Unreading {
    type TransferStream = Answers<pb::TransferResponse>;

    async fn transfer(
        &self,
        request: Request<Streaming<pb::TransferRequest>>,
    ) -> Result<Response<Self::TransferStream>, Status> {
        let mut frames = request.into_inner();
        let (answers, answered) = mpsc::channel(64);
        let (unreading, tasks) = (self.clone(), self.tasks.clone());
        self.tasks.spawn(async move {
            loop {
                let next = tokio::select! {
                    next = frames.message() => next,
                    () = tasks.stopping() => return,
                };
                let Ok(Some(frame)) = next else { return };
                let frame = Outgoing::from_pb(frame).expect("the hub speaks well");
                if answers.send(Ok(unreading.says(frame).into_pb())).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answered))))
    }

    type TransferAttachmentsStream = Answers<pb::TransferAttachmentsResponse>;

    async fn transfer_attachments(
        &self,
        _: Request<Streaming<pb::TransferAttachmentsRequest>>,
    ) -> Result<Response<Self::TransferAttachmentsStream>, Status> {
        Err(Status::unavailable("not now"))
    }
}

fn sent(network: &Network, name: &str) -> [String; 2] {
    let file = network.folder().join(name);
    write(&file, &drafts::request(name).to_string());
    let sent = answer(network, SENDER, &["request", "send", "-f", text(&file)]);
    ["message_id", "request_id"]
        .map(|it| sent["messages"][0][it].as_str().expect("an id").to_owned())
}

fn set_aside(network: &Network) -> Vec<Value> {
    let listed = answer(network, OPERATOR, &["node", "queue", "--set-aside"]);
    listed["items"].as_array().cloned().unwrap_or_default()
}

/// Waits until these messages, and no others, are set aside at the hub.
fn stands_aside(network: &Network, ids: &[&str]) -> Vec<Value> {
    until("messages to be set aside", || {
        let items = set_aside(network);
        let mut found: Vec<_> = items.iter().filter_map(|it| it["message_id"].as_str()).collect();
        let mut wanted = ids.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        (found == wanted).then_some(items.clone())
    })
}

fn shown(network: &Network, request: &str) -> Value {
    answer(network, SENDER, &["request", "show", request, "--route"])["messages"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_releases_what_was_set_aside_and_gives_the_rest_back() {
    let mut network = Network::started_with(&[ORIGIN, HUB]).await;
    let unreading = Unreading {
        directory_version: network.made.directory.version(),
        tasks: Tasks::new(),
        offered: Arc::default(),
    };
    unreading.listen(&network).await;
    let [arrives, its_request] = sent(&network, "arrives");
    let [returns, other_request] = sent(&network, "returns");
    let items = stands_aside(&network, &[&arrives, &returns]);
    for item in &items {
        let said = ["reason", "must_act", "peer"].map(|it| item[it].as_str().unwrap_or_default());
        assert_eq!(said, ["FRAME_INVALID", "operator", DESTINATION], "{item}");
    }
    assert_eq!(unreading.offered.load(Ordering::SeqCst), 2, "each is offered once");

    // Nobody but an operator, and nothing twice.
    let named = |id: &str| format!("{ORIGIN}/{id}");
    let (first, second) = (named(&arrives), named(&returns));
    let auditor = call(&network, "int-liaison-hub-auditor", &["node", "queue", "release", &first]);
    assert_eq!(code(&auditor), 4, "{}", err(&auditor));
    let returning = ["node", "queue", "return", &second, "--idempotency-key", "r-1"];
    let given_back = answer(&network, OPERATOR, &returning);
    assert_eq!(
        answer(&network, OPERATOR, &returning),
        given_back,
        "the same call, the same receipt"
    );
    let other = call(&network, OPERATOR, &["node", "queue", "return", &second]);
    assert_eq!(code(&other), 6, "{}", err(&other));
    stands_aside(&network, &[&arrives]);

    // Released while the peer still can't read it, it is offered again, and set aside again.
    let release = ["node", "queue", "release", &first];
    let released = answer(&network, OPERATOR, &release);
    assert_eq!(released["peer"], DESTINATION);
    until("the message to be offered again", || {
        (unreading.offered.load(Ordering::SeqCst) == 3).then_some(())
    });
    stands_aside(&network, &[&arrives]);

    // Once somebody reads there, it arrives; what was given back does not.
    unreading.tasks.stop();
    unreading.tasks.ended().await;
    network.start(DESTINATION);
    network.serves(DESTINATION).await;
    answer(&network, OPERATOR, &release);
    let message = until("the message to be delivered", || {
        let message = shown(&network, &its_request);
        stations(&message).contains(&("delivered", DESTINATION)).then_some(message)
    });
    assert!(all_hold(&message), "{message}");
    let message = until("the other's end", || {
        let message = shown(&network, &other_request);
        (message["custody"] == "undelivered").then_some(message)
    });
    let way = [("accepted", ORIGIN), ("relayed", HUB), ("returned", HUB), ("undelivered", ORIGIN)];
    assert_eq!(stations(&message), way);
    assert_eq!(message["stations"][2]["reason"], "OPERATOR");
    assert!(all_hold(&message), "{message}");
    assert!(set_aside(&network).is_empty());
    let inbox = answer(&network, RECEIVER, &["inbox", "list"]);
    let listed = inbox["items"].as_array().expect("items").iter();
    let ids: Vec<_> = listed.map(|it| it["message"]["message_id"].clone()).collect();
    assert_eq!(ids, [Value::from(arrives)]);
}
