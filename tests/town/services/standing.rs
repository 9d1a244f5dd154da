//! A peer that is cut off while sessions with it stand: they end at once, with a reason that both operators
//! read; nothing is offered to it, and nothing taken from it, until its time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rogatory::clock::{Clock, HandClock, SystemClock};
use rogatory::domain::fact::Fact;
use rogatory::identity::Role;
use rogatory::node::command::Command;
use rogatory::node::conduct::{FAULTS_OF_SESSION_MAX, Misconduct, SPAN_MS};
use rogatory::node::duties::outbound::Outbound;
use rogatory::node::duties::taking::{TakeStep, Taker, Writers};
use rogatory::node::rejection::RejectionReason;
use rogatory::transport::Tasks;
use rogatory::transport::tls::ClientTls;
use rogatory::wire;
use rogatory::wire::carriage::Sent;
use rogatory::wire::pb;
use rogatory::wire::pb::relay_service_server::{RelayService, RelayServiceServer};
use rogatory::wire::relay::Incoming;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::services::answering::{Answers, Liar};
use crate::services::attachments;
use crate::services::conduct::{peer, until};
use crate::services::hostile::Session;
use crate::services::town::{Town, file, sending};

/// A session looks at its peer once a second; a busy machine may take this long for it.
const AT_ONCE: Duration = Duration::from_secs(15);

async fn town() -> (Town, Arc<HandClock>) {
    let clock = Arc::new(HandClock::at(SystemClock.now()));
    let town = Town::built_by(Arc::clone(&clock) as Arc<dyn Clock>, |_| ()).await;
    (town, clock)
}

async fn at_once<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(AT_ONCE, until(what, look)).await;
    found.unwrap_or_else(|_| panic!("too late: {what}"))
}

/// Agency 1 says, in a session of its own at node 0, what never holds, until it is told that it is cut off;
/// gives what that session ends with.
async fn is_cut_off(town: &Town) -> Status {
    let leaf = town.leaf(1, Role::Node, "one");
    let address = &town.directory.agency(&town.agencies[0]).unwrap().nodes[0].peer_address;
    let tls = ClientTls::new(town.caller_tls(0, &leaf));
    let channel = tls.channel(address, "localhost").await.unwrap();
    let mut session = Session::silent(&channel).await;
    let setting = Arc::clone(town.writers[1].setting());
    let hello = Outbound::new(setting, town.agencies[0].clone()).hello().into_pb();
    for _ in 0..=FAULTS_OF_SESSION_MAX + 1 {
        match session.asks(hello.clone()).await {
            Ok(Incoming::Refused(it)) if it.reason == "PEER_CUT_OFF" => {}
            Ok(Incoming::Welcome(_) | Incoming::Refused(_)) => continue,
            Ok(other) => panic!("{other:?}"),
            Err(status) => return status,
        }
        return session.hears().await.unwrap_err();
    }
    panic!("it is heard for ever")
}

/// Agency `from` sends to the desk of agency `to`.
async fn sends(town: &Town, from: usize, to: usize) -> String {
    let mut draft = file("a vessel without lights");
    draft["from"] = json!(format!("int.n{from}/desk"));
    draft["to"] = json!([format!("int.n{to}/desk")]);
    let draft = wire::json::read_file(draft.to_string().as_bytes()).unwrap();
    let officer = town.client(from, Role::Officer).await;
    let sent = officer.send_message(sending("send", draft)).await.unwrap();
    sent.messages[0].message_id.clone()
}

fn count(town: &Town, n: usize, is_it: impl Fn(&Fact) -> bool) -> usize {
    let read = town.writers[n].setting().journal.read(0, usize::MAX).unwrap();
    read.iter().filter(|it| is_it(&wire::entry::read(it).unwrap().fact)).count()
}

fn is_offered(fact: &Fact) -> bool {
    matches!(fact, Fact::HandedOver { .. })
}

fn is_taken(fact: &Fact) -> bool {
    matches!(fact, Fact::Delivered { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_stand_end_when_their_peer_is_cut_off_and_both_operators_read_why() {
    let (town, clock) = town().await;
    for (n, of) in [(0, "int.n1"), (1, "int.n0")] {
        until("both to have met", async || peer(&town, n, of).await.connected.then_some(())).await;
    }
    let told = is_cut_off(&town).await;
    let told = told.get_details_error_info();
    assert!(told.is_none_or(|it| it.reason == "PEER_CUT_OFF"));
    assert_eq!(count(&town, 0, |it| matches!(it, Fact::PeerCutOff { .. })), 1);
    let (to_it, from_it) = (sends(&town, 0, 1).await, sends(&town, 1, 0).await);

    // The session that node 0 has dialled,
    let here = at_once("the session of node 0 to end", async || {
        let seen = peer(&town, 0, "int.n1").await;
        (!seen.connected).then_some(seen)
    })
    .await;
    assert!(here.last_error.starts_with("PEER_CUT_OFF"), "{}", here.last_error);
    let until_then = clock.now().plus_millis(SPAN_MS).to_string();
    assert_eq!(here.cut_off_until, until_then);
    // and the one that node 1 has.
    at_once("the session of node 1 to end", async || {
        let seen = peer(&town, 1, "int.n0").await;
        (!seen.connected && seen.last_error.contains("PEER_CUT_OFF")).then_some(())
    })
    .await;

    let operator = town.client(0, Role::Operator).await;
    let asked = pb::ListQueueRequest { message_id: to_it.clone(), ..Default::default() };
    let owed = operator.list_queue(asked).await.unwrap().items;
    assert!(owed.iter().all(|it| it.state.starts_with("waiting")), "{owed:?}");
    assert_eq!((count(&town, 0, is_offered), count(&town, 0, is_taken)), (0, 0));
    assert_eq!(count(&town, 1, is_taken), 0);

    clock.advance(SPAN_MS);
    until("both messages to arrive", async || {
        let taken = [0, 1].map(|n| count(&town, n, is_taken));
        (taken == [1, 1]).then_some(())
    })
    .await;
    assert_ne!(to_it, from_it);
    town.stopped().await;
}

/// Takes messages as its node would, and leaves every attachment that is offered without an answer.
#[derive(Clone)]
struct Mute {
    honest: Liar,
    taker: Arc<dyn Fn() -> Taker + Send + Sync>,
    offered: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    tasks: Tasks,
}

#[tonic::async_trait]
impl RelayService for Mute {
    type TransferStream = Answers<pb::TransferResponse>;

    async fn transfer(
        &self,
        request: Request<Streaming<pb::TransferRequest>>,
    ) -> Result<Response<Self::TransferStream>, Status> {
        self.honest.transfer(request).await
    }

    type TransferAttachmentsStream = Answers<pb::TransferAttachmentsResponse>;

    async fn transfer_attachments(
        &self,
        request: Request<Streaming<pb::TransferAttachmentsRequest>>,
    ) -> Result<Response<Self::TransferAttachmentsStream>, Status> {
        let mut frames = request.into_inner();
        let (answers, answered) = mpsc::channel(64);
        let mute = self.clone();
        self.tasks.spawn(async move {
            let mut taker = (mute.taker)();
            while let Ok(Some(frame)) = frames.message().await {
                let frame = Sent::from_pb(frame).unwrap();
                if !matches!(frame, Sent::Hello(_)) {
                    mute.offered.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let Ok(TakeStep::Reply(replies)) = taker.take(frame) else { return };
                for reply in replies {
                    drop(answers.send(Ok(reply.into_pb())).await);
                }
            }
            mute.ended.fetch_add(1, Ordering::SeqCst);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answered))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_under_way_to_a_peer_that_is_cut_off_stop_at_once() {
    let (town, clock) = town().await;
    let (setting, from) = (Arc::clone(town.writers[1].setting()), town.agencies[0].clone());
    let taker = move || Taker::new(Arc::clone(&setting), from.clone(), Writers::default());
    let mute = Mute {
        honest: Liar::of(&town, None),
        taker: Arc::new(taker),
        offered: Arc::default(),
        ended: Arc::default(),
        tasks: Tasks::new(),
    };
    town.peers_answered_by(1, RelayServiceServer::new(mute.clone())).await;
    let officer = town.client(0, Role::Officer).await;
    let annex = attachments::file(100_000, 1);
    attachments::hand_in(&officer, &annex).await;
    let draft = attachments::with(&[&annex]);
    let draft = pb::Draft { to: vec!["int.n1/desk".to_owned()], ..draft };
    officer.send_message(sending("send", draft)).await.unwrap();
    until("the attachment to be offered", async || {
        (mute.offered.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    assert_eq!(mute.ended.load(Ordering::SeqCst), 0);
    // Not by a session of its own, which would end this one as well: it would look as if it came anew.
    let misconduct = Command::Misconduct(town.agencies[1].clone(), Misconduct::Faults);
    let told = town.writers[0].ask(misconduct).await.unwrap_err();
    assert_eq!(told.reason, RejectionReason::PeerCutOff);
    at_once("the stream to end", async || (mute.ended.load(Ordering::SeqCst) > 0).then_some(()))
        .await;
    let offered = mute.offered.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(mute.offered.load(Ordering::SeqCst), offered, "nothing is offered to it");
    clock.advance(SPAN_MS);
    until("the attachment to be offered again", async || {
        (mute.offered.load(Ordering::SeqCst) > offered).then_some(())
    })
    .await;
    mute.tasks.stop();
    town.stopped().await;
}
