//! A peer with a sound certificate that lies where it is asked: it takes the connection, and answers with
//! receipts, proofs and cosignatures that are none. Each is refused with its reason and counted, and nothing
//! changes by it; whoever goes on so is cut off, and what is owed to it waits.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::Stream;
use rogatory::clock::{Clock, HandClock, SystemClock};
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::AgencyId;
use rogatory::identity::Role;
use rogatory::node::conduct::{self, Conduct, LIES_MAX, SPAN_MS};
use rogatory::node::duties::inbound::{Inbound, Step};
use rogatory::node::setting::Policy;
use rogatory::node::writer::Writer;
use rogatory::transport::Tasks;
use rogatory::transport::tls::ClientTls;
use rogatory::wire;
use rogatory::wire::pb;
use rogatory::wire::pb::relay_service_server::{RelayService, RelayServiceServer};
use rogatory::wire::relay::{
    Answer, Cosigned, Cosigning, Incoming, NoticeTaken, Outgoing, Shown, Welcome,
};
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::services::conduct::{peer, until};
use crate::services::gone::follow;
use crate::services::hostile::Session;
use crate::services::town::{Town, file, sending};

/// What is said in the place of a sound answer.
pub(crate) type Lie = fn(&Outgoing, Incoming) -> Vec<pb::TransferResponse>;

/// The node of agency 1 as agency 0 finds it: it knows what its own writer would answer.
#[derive(Clone)]
pub(crate) struct Liar {
    writer: Writer,
    peer: AgencyId,
    lie: Arc<Mutex<Option<Lie>>>,
    told: Arc<AtomicUsize>,
    hung_up: Arc<Notify>,
    tasks: Tasks,
}

impl Liar {
    /// As agency 0 of the town finds it; without a lie it is honest.
    pub(crate) fn of(town: &Town, lie: Option<Lie>) -> Self {
        Self {
            writer: town.writers[1].clone(),
            peer: town.agencies[0].clone(),
            lie: Arc::new(Mutex::new(lie)),
            told: Arc::default(),
            hung_up: Arc::default(),
            tasks: Tasks::new(),
        }
    }

    fn says(&self, asked: &Outgoing, sound: Incoming) -> Vec<pb::TransferResponse> {
        let Some(lie) = *self.lie.lock().unwrap() else {
            return vec![sound.into_pb()];
        };
        let honest = sound.clone().into_pb();
        let said = lie(asked, sound);
        self.told.fetch_add(usize::from(said != [honest]), Ordering::SeqCst);
        said
    }

    /// From here on it lies so, or not at all.
    pub(crate) fn lies(&self, lie: Option<Lie>) {
        *self.lie.lock().unwrap() = lie;
        self.told.store(0, Ordering::SeqCst);
    }

    pub(crate) fn has_lied(&self) -> bool {
        self.told() > 0
    }

    /// How many lies it told, of this sort.
    pub(crate) fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    /// Ends its streams.
    pub(crate) fn hangs_up(&self) {
        self.hung_up.notify_waiters();
    }
}

/// What the node behind `writer` answers to a frame.
pub(crate) async fn soundly(inbound: &mut Inbound, writer: &Writer, frame: Outgoing) -> Incoming {
    match inbound.take(frame).unwrap() {
        Step::Reply(reply) => reply,
        Step::Ask(command, asked) => {
            let decided = writer.ask(*command).await;
            inbound.tell(&asked, decided).unwrap()
        }
    }
}

pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl RelayService for Liar {
    type TransferStream = Answers<pb::TransferResponse>;

    async fn transfer(
        &self,
        request: Request<Streaming<pb::TransferRequest>>,
    ) -> Result<Response<Self::TransferStream>, Status> {
        let mut frames = request.into_inner();
        let (answers, answered) = mpsc::channel(64);
        let liar = self.clone();
        self.tasks.spawn(async move {
            let setting = Arc::clone(liar.writer.setting());
            let mut inbound = Inbound::new(setting, liar.peer.clone());
            loop {
                let next = tokio::select! {
                    next = frames.message() => next,
                    () = liar.hung_up.notified() => return,
                };
                let Ok(Some(frame)) = next else { return };
                let frame = Outgoing::from_pb(frame).unwrap();
                let sound = soundly(&mut inbound, &liar.writer, frame.clone()).await;
                for answer in liar.says(&frame, sound) {
                    if answers.send(Ok(answer)).await.is_err() {
                        return;
                    }
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

/// A town whose node 1 is a liar towards node 0.
pub(crate) struct Fooled {
    pub(crate) town: Town,
    clock: Arc<HandClock>,
    pub(crate) liar: Liar,
}

impl Fooled {
    async fn by(lie: Option<Lie>, retry_ms: i64) -> Self {
        let change = |policy: &mut Policy| {
            (policy.retry_min_ms, policy.retry_max_ms) = (retry_ms, retry_ms);
        };
        Self::with(lie, change).await
    }

    /// The same, where the nodes' policy is changed.
    pub(crate) async fn with(lie: Option<Lie>, change: impl Fn(&mut Policy)) -> Self {
        let clock = Arc::new(HandClock::at(SystemClock.now()));
        let town = Town::built_by(Arc::clone(&clock) as Arc<dyn Clock>, change).await;
        let liar = Liar::of(&town, lie);
        town.peers_answered_by(1, RelayServiceServer::new(liar.clone())).await;
        Self { town, clock, liar }
    }

    /// Agency 0 sends to agency 1; gives the message's id.
    pub(crate) async fn sends(&self, key: &str) -> String {
        let mut draft = file("a vessel without lights");
        draft["to"] = serde_json::json!(["int.n1/desk"]);
        let draft = wire::json::read_file(draft.to_string().as_bytes()).unwrap();
        let officer = self.town.client(0, Role::Officer).await;
        let sent = officer.send_message(sending(key, draft)).await.unwrap();
        sent.messages[0].message_id.clone()
    }

    fn facts(&self) -> Vec<Fact> {
        let read = self.town.writers[0].setting().journal.read(0, usize::MAX).unwrap();
        read.iter().map(|it| wire::entry::read(it).unwrap().fact).collect()
    }

    pub(crate) fn count(&self, is_it: impl Fn(&Fact) -> bool) -> usize {
        self.facts().iter().filter(|it| is_it(it)).count()
    }

    fn conduct(&self) -> Conduct {
        let setting = self.town.writers[0].setting();
        conduct::of(setting.store.as_ref(), &self.liar.writer.setting().agency, self.clock.now())
            .unwrap()
    }

    pub(crate) async fn as_seen(&self) -> pb::Peer {
        peer(&self.town, 0, "int.n1").await
    }
}

fn is_recorded(fact: &Fact) -> bool {
    matches!(fact, Fact::StatementRecorded { .. })
}

fn is_cut(fact: &Fact) -> bool {
    matches!(fact, Fact::PeerCutOff { .. })
}

/// What is said instead of receipts; all else as it is.
fn answering(sound: Incoming, change: impl FnOnce(&mut Answer)) -> Vec<pb::TransferResponse> {
    let Incoming::Answer(mut answer) = sound else {
        return vec![sound.into_pb()];
    };
    change(&mut answer);
    vec![Incoming::Answer(answer).into_pb()]
}

pub(crate) fn welcoming(
    sound: Incoming,
    change: impl FnOnce(&mut Welcome),
) -> Vec<pb::TransferResponse> {
    let Incoming::Welcome(mut welcome) = sound else {
        return vec![sound.into_pb()];
    };
    change(&mut welcome);
    vec![Incoming::Welcome(welcome).into_pb()]
}

/// After its welcome it says this, too.
fn after_welcome(sound: Incoming, more: Incoming) -> Vec<pb::TransferResponse> {
    let is_welcome = matches!(sound, Incoming::Welcome(_));
    let more = is_welcome.then(|| more.into_pb());
    std::iter::once(sound.into_pb()).chain(more).collect()
}

/// Changes a character of the last line's signature.
fn altered(sound: Incoming) -> Vec<pb::TransferResponse> {
    match sound {
        Incoming::Cosigned(Cosigned { offered_size, witnessed_size, verdict }) => {
            let verdict = match verdict {
                Cosigning::Given(mut line) => {
                    let at = line.len() - 12;
                    line[at] = if line[at] == b'A' { b'B' } else { b'A' };
                    Cosigning::Given(line)
                }
                Cosigning::Withheld(why) => Cosigning::Withheld(why),
            };
            vec![Incoming::Cosigned(Cosigned { offered_size, witnessed_size, verdict }).into_pb()]
        }
        other => vec![other.into_pb()],
    }
}

fn twice(sound: Incoming) -> Vec<pb::TransferResponse> {
    match sound {
        Incoming::Cosigned(_) | Incoming::Welcome(_) => {
            vec![sound.clone().into_pb(), sound.into_pb()]
        }
        other => vec![other.into_pb()],
    }
}

/// Each lie, and how the reason begins that the operator reads.
const LIES: [(&str, Lie, &str); 11] = [
    // The first one: what is cosigned already is not offered again.
    (
        "a cosignature with a byte changed",
        |_, sound| altered(sound),
        "peer: cosignature is invalid: ",
    ),
    (
        "the receipt of another handover",
        |_, sound| answering(sound, |it| it.handover += 1),
        "peer: PROOF_INVALID: the answer is for another handover",
    ),
    (
        "a receipt that can't be read",
        |_, sound| {
            answering(sound, |it| {
                it.statement.entry = it.statement.entry.iter().rev().copied().collect();
            })
        },
        "peer: PROOF_INVALID: the entry is malformed",
    ),
    (
        "what the sender itself states",
        |asked, sound| {
            let Outgoing::Handing(handing) = asked else {
                return vec![sound.into_pb()];
            };
            answering(sound, |it| it.statement = handing.envelope.origin.clone())
        },
        "peer: PROOF_INVALID: the answer is for another handover",
    ),
    (
        "a proof with a byte changed",
        |_, sound| {
            answering(sound, |it| {
                let at = it.statement.proof.len() - 12;
                let byte = &mut it.statement.proof[at];
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            })
        },
        "peer: PROOF_INVALID: the proof does not hold: ",
    ),
    (
        "a welcome in another version",
        |_, sound| welcoming(sound, |it| it.version += 1),
        "peer: welcome with an unknown version or window",
    ),
    (
        "a welcome without room",
        |_, sound| welcoming(sound, |it| it.window = 0),
        "peer: what it answers can't be read: ",
    ),
    (
        "everything twice",
        |_, sound| twice(sound),
        "peer: welcome with an unknown version or window",
    ),
    (
        "statements that were not sent",
        |_, sound| after_welcome(sound, Incoming::NoticeTaken(NoticeTaken { sequence: 99 })),
        "peer: took statements that were not sent",
    ),
    (
        "what was lost, unasked",
        |_, sound| {
            let (statements, next, done) = (Vec::new(), 1, true);
            after_welcome(sound, Incoming::Shown(Shown { statements, next, done }))
        },
        "peer: showed what was not asked for",
    ),
    (
        "no answer at all",
        |_, _| vec![pb::TransferResponse::default()],
        "peer: what it answers can't be read: ",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_lie_of_a_peer_that_is_asked_has_its_reason_and_changes_nothing() {
    let (_, first, _) = LIES[0];
    let fooled = Fooled::by(Some(first), 2_000).await;
    let message = fooled.sends("send").await;
    for (what, lie, reason) in LIES {
        fooled.liar.lies(Some(lie));
        until(what, async || {
            let seen = fooled.as_seen().await;
            // On a slow machine one lie may be told so often that the peer is cut off.
            if !seen.cut_off_until.is_empty() {
                fooled.clock.advance(SPAN_MS);
            }
            (fooled.liar.has_lied() && seen.last_error.starts_with(reason)).then_some(())
        })
        .await;
        until("the lie to be counted", async || {
            let conduct = fooled.conduct();
            (conduct.lies() > 0 || conduct.cut_off_until().is_some()).then_some(())
        })
        .await;
        assert_eq!(fooled.count(is_recorded), 0, "{what}");
        let handed = |it: &Fact| matches!(it, Fact::HandedOver { .. });
        assert!(fooled.count(handed) <= 1, "{what}: {:?}", fooled.facts());
        // What is counted begins anew.
        fooled.clock.advance(SPAN_MS);
    }
    // Once it is honest the message is answered for, and was taken over once.
    fooled.liar.lies(None);
    until("the receipt", async || (fooled.count(is_recorded) > 0).then_some(())).await;
    let there = fooled.liar.writer.setting().journal.read(0, usize::MAX).unwrap();
    let taken = there.iter().filter(|it| {
        let fact = wire::entry::read(it).unwrap().fact;
        matches!(&fact, Fact::Delivered { header, .. }
            if header.address.message.to_string() == message)
    });
    assert_eq!(taken.count(), 1);
    fooled.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_goes_on_answering_with_lies_is_cut_off_and_offered_nothing() {
    let (_, receipt, _) = LIES[1];
    let fooled = Fooled::by(Some(receipt), 100).await;
    fooled.sends("send").await;
    let cut = until("the peer to be cut off", async || {
        let seen = fooled.as_seen().await;
        (!seen.cut_off_until.is_empty()).then_some(seen)
    })
    .await;
    assert!(!cut.cut_off_until.is_empty());
    assert_eq!(fooled.count(is_cut), 1);
    assert_eq!(fooled.conduct().lies(), LIES_MAX + 1);
    // The next attempts say why, and offer nothing.
    until("the reason", async || {
        let seen = fooled.as_seen().await;
        seen.last_error.starts_with("PEER_CUT_OFF").then_some(())
    })
    .await;
    let size = fooled.facts().len();
    fooled.liar.lies(Some(receipt));
    let mut attempts = BTreeSet::new();
    until("more attempts", async || {
        attempts.insert(fooled.as_seen().await.next_attempt);
        (attempts.len() > 3).then_some(())
    })
    .await;
    assert!(!fooled.liar.has_lied(), "nothing was offered to it");
    assert_eq!(fooled.facts().len(), size);
    assert_eq!(fooled.count(is_recorded), 0);
    // After its time it is heard again, and what was owed is answered for.
    fooled.liar.lies(None);
    fooled.clock.advance(SPAN_MS);
    until("the receipt", async || (fooled.count(is_recorded) > 0).then_some(())).await;
    assert!(fooled.as_seen().await.cut_off_until.is_empty());
    assert_eq!(fooled.count(is_cut), 1);
    fooled.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_to_follow_another_directory_greets_anew_at_once_and_nobody_has_failed() {
    // After a failure it would wait for minutes, unless its peer made contact.
    let fooled = Fooled::by(None, 600_000).await;
    let address = &fooled.town.directory.agency(&fooled.town.agencies[0]).unwrap().nodes[0];
    let leaf = fooled.town.leaf(1, Role::Node, "one");
    let tls = ClientTls::new(fooled.town.caller_tls(0, &leaf));
    let channel = tls.channel(&address.peer_address, "localhost").await.unwrap();
    drop(Session::silent(&channel).await);
    until("a session", async || fooled.as_seen().await.connected.then_some(())).await;
    for key in ["first", "second"] {
        follow(&fooled.town, 0, |_| ()).await;
        fooled.sends(key).await;
        let count = usize::from(key == "second") + 1;
        until("its receipt", async || (fooled.count(is_recorded) >= count).then_some(())).await;
    }
    assert!(fooled.as_seen().await.connected);
    assert_eq!(fooled.conduct().lies(), 0);
    fooled.town.stopped().await;
}
