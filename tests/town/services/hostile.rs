//! A neighbour with a sound certificate that lies, repeats and crowds, and an auditor in a hurry: at the
//! real listeners of a node, over mutual TLS.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use rogatory::clock::{Clock, HandClock, SystemClock};
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::RequestId;
use rogatory::history::state_hash;
use rogatory::identity::{Principal, Role};
use rogatory::node::attachments::sending;
use rogatory::node::command::{Call, Command, InboxAct, Outcome, SetAsideAct, Submission};
use rogatory::node::conduct::SPAN_MS;
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::node::sealing::{self, Attached, Plan};
use rogatory::node::setting::Setting;
use rogatory::node::writer::Writer;
use rogatory::transport::limits::{
    AUDIT_CALLS_AT_ONCE, AUDIT_CALLS_PER_SECOND, FRAME_BYTES_MAX, SESSIONS_OF_ONE_MAX,
};
use rogatory::transport::tls::ClientTls;
use rogatory::wire;
use rogatory::wire::pb;
use rogatory::wire::pb::audit_service_client::AuditServiceClient;
use rogatory::wire::pb::relay_service_client::RelayServiceClient;
use rogatory::wire::relay::{Cosigning, Handing, Incoming, Outgoing};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::services::answering::soundly;
use crate::services::town::{Town, file, sending as sent};

/// What is waited for must come within this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Agency 0, whose own node stands still, at the peer listener of node 1.
pub(crate) struct Neighbour {
    pub(crate) town: Town,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) channel: Channel,
}

/// One stream of frames.
pub(crate) struct Session {
    frames: mpsc::Sender<pb::TransferRequest>,
    answers: Streaming<pb::TransferResponse>,
}

impl Session {
    /// Sends bytes as a frame. A stream that ended, or bytes that are no frame at all, give the reason.
    pub(crate) async fn asks(&mut self, frame: pb::TransferRequest) -> Result<Incoming, Status> {
        self.says(frame).await;
        self.hears().await
    }

    /// Sends a frame, and waits for no answer.
    pub(crate) async fn says(&self, frame: pb::TransferRequest) {
        drop(self.frames.send(frame).await);
    }

    /// The next answer.
    pub(crate) async fn hears(&mut self) -> Result<Incoming, Status> {
        let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        let answer = answer.expect("the node answers or ends the stream")?;
        let answer = answer.ok_or_else(|| Status::cancelled("the stream ended"))?;
        Ok(Incoming::from_pb(answer).expect("the node speaks well"))
    }
}

impl Neighbour {
    pub(crate) async fn met() -> Self {
        let clock = Arc::new(HandClock::at(SystemClock.now()));
        let town = Town::built_by(Arc::clone(&clock) as Arc<dyn Clock>, |_| ()).await;
        // Its own node goes nowhere; what it knows is used by hand.
        town.stop(0);
        let channel = connected(&town, 0).await;
        Self { town, clock, channel }
    }

    async fn opened(&self) -> Result<Session, Status> {
        Session::opened(&self.channel).await
    }

    /// A connection of the node of agency `n` to the peer listener of node 1.
    pub(crate) async fn connected_as(&self, n: usize) -> Channel {
        connected(&self.town, n).await
    }

    /// A session in which nothing was said; an earlier one may still be ending.
    pub(crate) async fn silent(&self) -> Session {
        Session::silent(&self.channel).await
    }

    pub(crate) async fn greeted(&self, hello: &pb::TransferRequest) -> Session {
        let mut session = self.silent().await;
        let welcome = session.asks(hello.clone()).await.unwrap();
        assert!(matches!(welcome, Incoming::Welcome(_)), "{welcome:?}");
        session
    }

    /// Lets agency 0 submit a message for agency 1.
    pub(crate) async fn submits(&self, number: u8) {
        self.submits_to((0, 1), number).await;
    }

    /// Lets an agency submit a message for another.
    pub(crate) async fn submits_to(&self, (from, to): (usize, usize), number: u8) {
        let writer = &self.town.writers[from];
        let decided = writer.ask(submission(writer.setting(), to, number)).await.unwrap();
        assert!(matches!(decided, Outcome::Submitted(_, false)));
    }

    /// Speaks as its node would until nothing more is owed; what was said, and each answer.
    pub(crate) async fn speaks(&self) -> Vec<(pb::TransferRequest, Incoming)> {
        self.speaks_with(|_| ()).await
    }

    /// The same, each frame changed on its way.
    pub(crate) async fn speaks_with(
        &self,
        mut change: impl FnMut(&mut pb::TransferRequest),
    ) -> Vec<(pb::TransferRequest, Incoming)> {
        let each = |frame: &mut pb::TransferRequest| {
            change(frame);
            true
        };
        self.speaks_as((0, &self.channel), each).await.0
    }

    /// The node of agency `n` says all that comes before handing messages over; what it said, and what it
    /// would hand over.
    pub(crate) async fn withholds(&self, (n, channel): (usize, &Channel)) -> (Said, Vec<Handing>) {
        let is_said = |frame: &mut pb::TransferRequest| sort(frame) != "handing";
        let (said, kept) = self.speaks_as((n, channel), is_said).await;
        let handings = kept.into_iter().map(|it| match Outgoing::from_pb(it) {
            Ok(Outgoing::Handing(handing)) => *handing,
            other => panic!("{other:?}"),
        });
        (said, handings.collect())
    }

    /// Speaks as the node of agency `n` would over a connection of it, but for the frames of which `change` says
    /// no; what was said with each answer, and what was kept back.
    async fn speaks_as(
        &self,
        (n, channel): (usize, &Channel),
        mut change: impl FnMut(&mut pb::TransferRequest) -> bool,
    ) -> (Said, Vec<pb::TransferRequest>) {
        let writer = &self.town.writers[n];
        let mut outbound =
            Outbound::new(Arc::clone(writer.setting()), self.town.agencies[1].clone());
        let mut session = Session::silent(channel).await;
        let mut wishes = VecDeque::from([Wish::Send(Box::new(outbound.hello()))]);
        let (mut said, mut kept) = (Vec::new(), Vec::new());
        while let Some(wish) = wishes.pop_front() {
            match wish {
                Wish::Execute(command, then) => {
                    writer.ask(*command).await.unwrap();
                    outbound.executed(&then);
                }
                Wish::Send(frame) => {
                    let mut frame = frame.into_pb();
                    if change(&mut frame) {
                        let answer = session.asks(frame.clone()).await.unwrap();
                        said.push((frame, answer.clone()));
                        wishes.extend(outbound.take(answer).unwrap());
                    } else {
                        kept.push(frame);
                    }
                }
            }
            wishes.extend(outbound.poll().unwrap());
        }
        (said, kept)
    }

    /// Node 1 hands over to agency 0 what it owes it, by hand: the node of agency 0 listens to nobody. Gives
    /// what crossed.
    pub(crate) async fn is_brought(&self) -> Vec<Outgoing> {
        let (there, here) = (&self.town.writers[1], &self.town.writers[0]);
        let setting = |it: &Writer| Arc::clone(it.setting());
        let mut outbound = Outbound::new(setting(there), self.town.agencies[0].clone());
        let mut inbound = Inbound::new(setting(here), self.town.agencies[1].clone());
        let mut wishes = VecDeque::from([Wish::Send(Box::new(outbound.hello()))]);
        let mut crossed = Vec::new();
        while let Some(wish) = wishes.pop_front() {
            match wish {
                Wish::Execute(command, then) => {
                    there.ask(*command).await.unwrap();
                    outbound.executed(&then);
                }
                Wish::Send(frame) => {
                    crossed.push(frame.as_ref().clone());
                    let answer = soundly(&mut inbound, here, *frame).await;
                    wishes.extend(outbound.take(answer).unwrap());
                }
            }
            wishes.extend(outbound.poll().unwrap());
        }
        crossed
    }

    /// What node 1 holds: its folded state and the size of its journal.
    pub(crate) fn state(&self) -> (Digest, u64) {
        let setting = self.town.writers[1].setting();
        (state_hash(setting.store.as_ref()).unwrap(), setting.journal.next())
    }

    /// What stands in the journal of node `n` from a place on.
    pub(crate) fn facts(&self, n: usize, from: u64) -> Vec<Fact> {
        let journal = &self.town.writers[n].setting().journal;
        let (mut found, mut next) = (Vec::new(), from);
        loop {
            // The journal gives a page at a time.
            let page = journal.read(next, 1_000).unwrap();
            if page.is_empty() {
                return found;
            }
            next += page.len() as u64;
            found.extend(page.iter().map(|it| wire::entry::read(it).unwrap().fact));
        }
    }
}

/// What was said, and each answer.
pub(crate) type Said = Vec<(pb::TransferRequest, Incoming)>;

/// A connection of the node of agency `n` to the peer listener of node 1.
async fn connected(town: &Town, n: usize) -> Channel {
    let leaf = town.leaf(n, Role::Node, "one");
    let address = &town.directory.agency(&town.agencies[1]).unwrap().nodes[0].peer_address;
    let tls = ClientTls::new(town.caller_tls(1, &leaf));
    tls.channel(address, "localhost").await.unwrap()
}

/// A message from one desk to that of agency `to`.
pub(crate) fn submission(setting: &Setting, to: usize, number: u8) -> Command {
    submission_with(setting, (to, number), &[], |_| ()).0
}

/// The same with attachments, and with what is said of them sealed changed: the node asks nothing of the law.
pub(crate) fn submission_with(
    setting: &Setting,
    (to, number): (usize, u8),
    described: &[serde_json::Value],
    change: impl Fn(&mut Attached),
) -> (Command, MessageKey) {
    let mut draft = file("a vessel without lights");
    draft["from"] = serde_json::json!(format!("{}/desk", setting.agency));
    draft["to"] = serde_json::json!([format!("int.n{to}/desk")]);
    if !described.is_empty() {
        draft["attachments"] = described.into();
    }
    let draft = wire::json::read_file(draft.to_string().as_bytes()).unwrap();
    let draft = wire::draft::read(draft).unwrap();
    let request = RequestId::from_bytes([number; 16]);
    let expires_in_ms = 30 * DAY_MS;
    let plan = Plan { request, now: setting.clock.now(), expires_in_ms };
    let principal = Principal::new(setting.agency.clone(), Role::Officer, "clerk").unwrap();
    let attached = sending::prepare(setting, &draft, &principal.to_string()).unwrap();
    let attached = attached.into_iter().map(|(agency, it)| {
        let mut it = Arc::into_inner(it).unwrap();
        change(&mut it);
        (agency, Arc::new(it))
    });
    let attached = attached.collect();
    let messages = sealing::prepare_with(setting, &draft, &plan, &attached).unwrap();
    let address = &messages[0].header.address;
    let message = MessageKey::new(&address.origin, address.message);
    let key = format!("send {number}");
    let fingerprint = Digest::of(key.as_bytes());
    let submission = Submission::of(Call { principal, key, fingerprint }, draft, &plan, messages);
    (Command::Submit(Box::new(submission)), message)
}

impl Session {
    async fn opened(channel: &Channel) -> Result<Self, Status> {
        let mut client = RelayServiceClient::new(channel.clone())
            .max_decoding_message_size(FRAME_BYTES_MAX)
            .max_encoding_message_size(FRAME_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(8);
        let answers = client.transfer(ReceiverStream::new(outgoing)).await?.into_inner();
        Ok(Self { frames, answers })
    }

    /// One in which nothing was said; an earlier one may still be ending.
    pub(crate) async fn silent(channel: &Channel) -> Self {
        let opening = async {
            loop {
                match Self::opened(channel).await {
                    Ok(session) => return session,
                    Err(status) if is_limited(&status) => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err(status) => panic!("{status:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, opening).await.expect("a place for a session")
    }
}

fn is_limited(status: &Status) -> bool {
    status.get_details_error_info().is_some_and(|it| it.reason == "RATE_LIMITED")
}

pub(crate) fn sort(frame: &pb::TransferRequest) -> &'static str {
    use pb::transfer_request::Frame;
    match frame.frame.as_ref().unwrap() {
        Frame::Hello(_) => "hello",
        Frame::Checkpoint(_) => "checkpoint",
        Frame::Handing(_) => "handing",
        Frame::Notice(_) => "notice",
        Frame::Missing(_) => "missing",
    }
}

/// What came of frames with a byte changed.
#[derive(Debug, Default)]
struct Came {
    ended: usize,
    refused: usize,
    same: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_byte_of_a_peers_frames_is_changed_once_and_the_node_takes_nothing_else() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let said = neighbour.speaks().await;
    let hello = said[0].0.clone();
    let sorts: Vec<_> = said.iter().map(|(frame, _)| sort(frame)).collect();
    assert_eq!(sorts, ["hello", "checkpoint", "handing"]);
    let before = neighbour.state();
    let mut seen = BTreeMap::<&str, Came>::new();
    let mut cuts = 0_u64;
    for (frame, sound) in &said {
        let bytes = frame.encode_to_vec();
        let came = seen.entry(sort(frame)).or_default();
        let mut session = None;
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            // What is no frame never leaves the bench of whoever writes one; the wire's own garbage is
            // in `tests/program/door.rs` and `tests/program/floods.rs`.
            let Ok(changed) = pb::TransferRequest::decode(&*changed) else {
                came.ended += 1;
                continue;
            };
            let is_hello = sort(frame) == "hello";
            let mut used = match (is_hello, session.take()) {
                (true, _) => neighbour.silent().await,
                (false, Some(session)) => session,
                (false, None) => neighbour.greeted(&hello).await,
            };
            let mut told = used.asks(changed.clone()).await;
            if told.as_ref().is_ok_and(is_cut_off) {
                // So many lies are enough; after a time it is heard again.
                cuts += 1;
                neighbour.clock.advance(SPAN_MS);
                used = match is_hello {
                    true => neighbour.silent().await,
                    false => neighbour.greeted(&hello).await,
                };
                told = used.asks(changed).await;
            }
            match told {
                Err(_) => came.ended += 1,
                Ok(answer) => {
                    let same = answer == *sound || is_welcome(&answer) || again(&answer, sound);
                    let no = is_no(&answer);
                    assert!(same || no, "byte {at} of a {}: {answer:?}", sort(frame));
                    came.same += usize::from(same);
                    came.refused += usize::from(!same);
                    session = Some(used);
                }
            }
        }
    }
    println!("bytes changed: {seen:?}");
    // The message stands there already, so whatever names it is told so again, and nothing else of it
    // is looked at; each byte of one that is not there yet is changed in `tests/town/transit/hostile.rs`.
    for (sort, came) in seen.iter().filter(|it| *it.0 != "handing") {
        assert!(came.ended + came.refused > 2 * came.same, "{sort}: {came:?}");
    }
    let journal = &neighbour.town.writers[1].setting().journal;
    let came = journal.read(before.1, usize::MAX).unwrap();
    println!("{} entries came of it, and it was cut off {cuts} times", came.len());
    assert!(cuts > 2, "{cuts}");
    let Some((_, Incoming::Answer(delivered))) = said.last() else { panic!("{said:?}") };
    let is_same = |it: &[u8]| {
        let fact = wire::entry::read(it).unwrap().fact;
        fact.message().map(|it| it.header) == Some(delivered.header)
    };
    let is_cut = |it: &[u8]| matches!(wire::entry::read(it).unwrap().fact, Fact::PeerCutOff { .. });
    // The clock went on meanwhile, so deadlines came near.
    let is_due = |it: &[u8]| matches!(wire::entry::read(it).unwrap().fact, Fact::DeadlineNoted);
    let other =
        came.iter().find(|it| !(is_not_taken(it) || is_same(it) || is_cut(it) || is_due(it)));
    let other = other.map(|it| wire::entry::read(it).unwrap().fact);
    assert_eq!(other, None, "none takes anything else");
    answered_as_ever(&neighbour, &said).await;
    neighbour.town.stopped().await;
}

/// The sound frames, said once more when it is heard again.
async fn answered_as_ever(neighbour: &Neighbour, said: &[(pb::TransferRequest, Incoming)]) {
    neighbour.clock.advance(SPAN_MS);
    for (frame, sound) in said.iter().skip(1) {
        let answer = neighbour.greeted(&said[0].0).await.asks(frame.clone()).await.unwrap();
        assert_eq!(sort_of(&answer), sort_of(sound));
        if sort(frame) == "handing" {
            assert!(answer == *sound || again(&answer, sound), "{answer:?}");
        }
    }
}

/// Cuts the key wraps of the first message that is handed over.
fn cut_the_first() -> impl FnMut(&mut pb::TransferRequest) {
    let mut first = true;
    move |frame| {
        if let Some(pb::transfer_request::Frame::Handing(handing)) = &mut frame.frame {
            let envelope = handing.envelope.as_mut().unwrap();
            if std::mem::take(&mut first) {
                envelope.wraps.pop();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_a_peer_cannot_read_is_named_and_the_ones_behind_it_arrive() {
    let neighbour = Neighbour::met().await;
    for number in 1..=3 {
        neighbour.submits(number).await;
    }
    let said = neighbour.speaks_with(cut_the_first()).await;
    let answers = said.iter().filter(|(frame, _)| sort(frame) == "handing").map(|(_, it)| it);
    let (no, yes): (Vec<_>, Vec<_>) = answers.partition(|it| matches!(it, Incoming::Refused(_)));
    let [Incoming::Refused(refused)] = &no[..] else { panic!("{no:?}") };
    assert_eq!((refused.reason.as_str(), refused.retry), ("FRAME_INVALID", false));
    assert_eq!(yes.len(), 2, "{yes:?}");
    let facts = |n: usize| -> Vec<Fact> {
        let read = neighbour.town.writers[n].setting().journal.read(0, 1_000).unwrap();
        read.iter().map(|it| wire::entry::read(it).unwrap().fact).collect()
    };
    let aside: Vec<_> =
        facts(0).into_iter().filter(|it| matches!(it, Fact::SetAside { .. })).collect();
    let [Fact::SetAside { message, reason: Reason::FrameInvalid }] = &aside[..] else {
        panic!("{aside:?}")
    };
    assert_eq!(Some(message.header), refused.header);
    let delivered = |it: &Fact| matches!(it, Fact::Delivered { .. });
    assert_eq!(facts(1).iter().filter(|it| delivered(it)).count(), 2);
    let again = neighbour.speaks().await;
    assert!(again.iter().all(|(frame, _)| sort(frame) != "handing"), "it is offered no more");

    let setting = neighbour.town.writers[0].setting();
    let principal = Principal::new(setting.agency.clone(), Role::Operator, "one").unwrap();
    let (key, fingerprint) = ("release".to_owned(), Digest::of(b"release"));
    let message = MessageKey::new(&message.origin, message.message);
    let call = Call { principal, key, fingerprint };
    let command = Command::OfSetAside { call, message, act: SetAsideAct::Release };
    neighbour.town.writers[0].ask(command).await.unwrap();
    neighbour.speaks().await;
    assert_eq!(facts(1).iter().filter(|it| delivered(it)).count(), 3);
    neighbour.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_sends_nothing_readable_is_cut_off_with_the_reason() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let said = neighbour.speaks_with(cut_the_first()).await;
    let hello = said[0].0.clone();
    let (frame, _) = said.iter().find(|(frame, _)| sort(frame) == "handing").unwrap();
    let mut session = neighbour.greeted(&hello).await;
    for _ in 0..64 {
        let answer = session.asks(frame.clone()).await.unwrap();
        assert!(matches!(answer, Incoming::Refused(_)), "{answer:?}");
    }
    let cut = session.asks(frame.clone()).await.unwrap_err();
    assert_eq!(cut.get_details_error_info().unwrap().reason, "FRAME_INVALID");
    neighbour.town.stopped().await;
}

/// Whether an answer says of the same message that it is here: which handover asked is the dialling
/// node's own word, and a destination tells each that it has the message.
fn again(answer: &Incoming, sound: &Incoming) -> bool {
    let (Incoming::Answer(answer), Incoming::Answer(sound)) = (answer, sound) else {
        return false;
    };
    answer.header == sound.header && !is_not_taken(&answer.statement.entry)
}

fn is_cut_off(answer: &Incoming) -> bool {
    matches!(answer, Incoming::Refused(it) if it.reason == "PEER_CUT_OFF")
}

fn is_welcome(answer: &Incoming) -> bool {
    matches!(answer, Incoming::Welcome(_))
}

/// Whether an entry says that a message was not taken.
pub(crate) fn is_not_taken(entry: &[u8]) -> bool {
    matches!(wire::entry::read(entry).unwrap().fact, Fact::NotTaken { .. })
}

/// A refusal, a checkpoint that was not cosigned, or the entry that a message was not taken.
pub(crate) fn is_no(answer: &Incoming) -> bool {
    match answer {
        Incoming::Answer(it) => is_not_taken(&it.statement.entry),
        Incoming::Refused(_) => true,
        Incoming::Cosigned(it) => matches!(it.verdict, Cosigning::Withheld(_)),
        Incoming::Welcome(_) | Incoming::NoticeTaken(_) | Incoming::Shown(_) => false,
    }
}

fn sort_of(answer: &Incoming) -> std::mem::Discriminant<Incoming> {
    std::mem::discriminant(answer)
}

/// Agency 2 sends agency 0 a message, which is brought to it and read there: its node has that to tell.
async fn reads_a_message(neighbour: &Neighbour) {
    let mut draft = file("a vessel without lights");
    draft["from"] = serde_json::json!("int.n2/desk");
    draft["to"] = serde_json::json!(["int.n0/desk"]);
    let draft = wire::json::read_file(draft.to_string().as_bytes()).unwrap();
    let officer = neighbour.town.client(2, Role::Officer).await;
    officer.send_message(sent("to agency 0", draft)).await.unwrap();
    let arrives = async {
        loop {
            let taken = neighbour.facts(1, 0).into_iter().find_map(|it| match it {
                Fact::TakenOver { header, .. } => Some(header.key()),
                _ => None,
            });
            if let Some(message) = taken {
                return message;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let message = tokio::time::timeout(PATIENCE, arrives).await.expect("node 1 takes it over");
    neighbour.is_brought().await;
    let writer = &neighbour.town.writers[0];
    let principal = Principal::new(writer.setting().agency.clone(), Role::Officer, "clerk");
    let (key, fingerprint) = (String::new(), Digest::of(b"read"));
    let call = Call { principal: principal.unwrap(), key, fingerprint };
    writer.ask(Command::Inbox { call, message, act: InboxAct::Read }).await.unwrap();
}

/// Says each frame three times more in a session of its own; each time it is answered as it was.
async fn replayed(neighbour: &Neighbour, hello: &pb::TransferRequest, crossed: &Said) {
    for (frame, sound) in crossed {
        let mut session = neighbour.greeted(hello).await;
        for time in 0..3 {
            let answer = session.asks(frame.clone()).await.unwrap();
            let is_same = match (&answer, sound) {
                // A later cosignature may stand beside the lines of its proof.
                (Incoming::Answer(answer), Incoming::Answer(sound)) => {
                    (answer.header, answer.handover) == (sound.header, sound.handover)
                        && answer.statement.entry == sound.statement.entry
                }
                _ => answer == *sound,
            };
            assert!(is_same, "time {time}: {answer:?} and not {sound:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_crossed_a_link_comes_three_times_more_also_days_and_a_restart_later_and_elsewhere() {
    let mut neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    reads_a_message(&neighbour).await;
    let said = neighbour.speaks().await;
    let hello = said[0].0.clone();
    let is_replayed = |it: &&(_, _)| matches!(sort(&it.0), "handing" | "notice");
    let crossed: Said = said.iter().filter(is_replayed).cloned().collect();
    let count = |wanted| crossed.iter().filter(|(frame, _)| sort(frame) == wanted).count();
    assert_eq!(count("handing"), 1);
    assert!(count("notice") > 0, "{crossed:?}");
    let before = neighbour.state();
    replayed(&neighbour, &hello, &crossed).await;
    assert_eq!(neighbour.state(), before);
    // Later, deadlines come near, and what nobody claims rings: that is written down, and nothing else.
    for restarts in [false, true, false] {
        neighbour.clock.advance(DAY_MS + DAY_MS / 2);
        if restarts {
            neighbour.town.restarted(1).await;
            neighbour.channel = neighbour.connected_as(0).await;
        }
        replayed(&neighbour, &hello, &crossed).await;
        let came = neighbour.facts(1, before.1);
        let is_due = |it: &&Fact| matches!(it, Fact::DeadlineNoted | Fact::AlarmRaised { .. });
        let other = came.iter().find(|it| !is_due(it));
        assert_eq!(other, None, "restarted: {restarts}");
    }
    let handings: Vec<_> = crossed.iter().filter(|(frame, _)| sort(frame) == "handing").collect();
    // Elsewhere: node 2 knows of no link with agency 0, and says so before anything is read.
    let leaf = neighbour.town.leaf(0, Role::Node, "one");
    let other = &neighbour.town.agencies[2];
    let address = &neighbour.town.directory.agency(other).unwrap().nodes[0].peer_address;
    let tls = ClientTls::new(neighbour.town.caller_tls(2, &leaf));
    let channel = tls.channel(address, "localhost").await.unwrap();
    let (frames, outgoing) = mpsc::channel(8);
    frames.send(hello.clone()).await.unwrap();
    frames.send(handings[0].0.clone()).await.unwrap();
    let refused = RelayServiceClient::new(channel).transfer(ReceiverStream::new(outgoing)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "NOT_IN_DIRECTORY");
    neighbour.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_opens_session_after_session_has_places_for_a_few() {
    let neighbour = Neighbour::met().await;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS_OF_ONE_MAX {
        sessions.push(neighbour.opened().await.unwrap());
    }
    let refused = neighbour.opened().await.err().expect("one too many");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(is_limited(&refused), "{refused:?}");
    // Whoever ends one may open another.
    sessions.pop();
    let again = neighbour.silent().await;
    drop((sessions, again));
    neighbour.town.stopped().await;
}

/// Longer than a file system takes (255 bytes).
const LONG: &str = concat!(
    "a_name_of_263_bytes",
    "________________________________________________________________________________",
    "________________________________________________________________________________",
    "________________________________________________________________________________",
    ".pdf",
);

/// Names that lead elsewhere on some system, hide what they are, or stand for a device.
const EVIL: [&str; 15] = [
    "../evil",
    "../../../../tmp/evil",
    "/etc/evil",
    "C:\\evil",
    "..\\evil",
    "a/../../evil",
    "evil\0",
    "CON",
    "nul.txt",
    "evil.",
    "ev\u{202e}il",
    LONG,
    "\u{1b}[2Jevil",
    "link.pdf",
    "honest.pdf",
];

/// A message whose sender's node asks nothing of the law: its attachments are called as it likes.
async fn sent_unlawfully(town: &Town) -> String {
    let officer = town.client(0, Role::Officer).await;
    let mut attached = Vec::new();
    for (number, name) in (1..).zip(EVIL) {
        let bytes = format!("content {number}").into_bytes();
        let (size_bytes, sha256) = (u64::try_from(bytes.len()).unwrap(), Digest::of(&bytes));
        let sha256 = sha256.to_string();
        let begun = pb::BeginAttachmentRequest { size_bytes, sha256: sha256.clone() };
        officer.begin_attachment(begun).await.unwrap();
        let piece =
            pb::AppendAttachmentRequest { size_bytes, sha256: sha256.clone(), offset: 0, bytes };
        officer.append_attachment(piece).await.unwrap();
        attached.push(pb::Attachment {
            id: Some(format!("A{number}")),
            name: Some(name.to_owned()),
            size_bytes: Some(i64::try_from(size_bytes).unwrap()),
            sha256: Some(sha256),
            ..pb::Attachment::default()
        });
    }
    let mut draft = crate::services::town::draft("names that lead elsewhere");
    draft.attachments = attached;
    let writer = &town.writers[0];
    let setting = writer.setting();
    let draft = wire::draft::read(draft).unwrap();
    let principal = Principal::new(setting.agency.clone(), Role::Officer, "one").unwrap();
    let attached = sending::prepare(setting, &draft, &principal.to_string()).unwrap();
    let (request, expires_in_ms) = (RequestId::from_bytes([3; 16]), DAY_MS);
    let plan = Plan { request, now: setting.clock.now(), expires_in_ms };
    let messages = sealing::prepare_with(setting, &draft, &plan, &attached).unwrap();
    let key = "unlawful".to_owned();
    let submission = Submission::of(
        Call { principal, key, fingerprint: Digest::of(b"unlawful") },
        draft,
        &plan,
        messages,
    );
    let decided = writer.ask(Command::Submit(Box::new(submission))).await.unwrap();
    let Outcome::Submitted(sent, false) = decided else { panic!("{decided:?}") };
    sent[0].message.to_string()
}

/// The program itself, as an officer of agency 2.
fn program(town: &Town, home: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = program_of(town, home, (2, Role::Officer), "json");
    command.args(arguments).output().unwrap()
}

/// The program for a caller of agency `n` at its own node, with this form of output.
pub(crate) fn program_of(
    town: &Town,
    home: &Path,
    (n, role): (usize, Role),
    output: &str,
) -> std::process::Command {
    let caller = town.leaf(n, role, "one");
    let file = |name: &str, text: &str| {
        let path = home.join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&path).and_then(|mut it| it.write_all(text.as_bytes())).unwrap();
        path
    };
    let certificate = file("officer.pem", &caller.certificate_pem());
    let key = file("officer.key", &caller.key_pem());
    let roots = file("roots.pem", &town.root_pem(n));
    let port = town.addresses[n].rsplit(':').next().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rogatory"));
    command.env("XDG_CONFIG_HOME", home).env("HOME", home).current_dir(home);
    command.args(["--address", &format!("localhost:{port}"), "-o", output]);
    command.args(["--agency", &format!("int.n{n}")]);
    command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key).arg("--tls-ca").arg(roots);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_of_any_name_land_in_the_folder_that_was_named_and_nowhere_else() {
    let town = Arc::new(Town::built().await);
    let message = sent_unlawfully(&town).await;
    let home = tempfile::tempdir().unwrap();
    let (export, secret) = (home.path().join("export"), home.path().join("secret"));
    std::fs::create_dir(&export).unwrap();
    std::fs::File::create(&secret).and_then(|mut it| it.write_all(b"secret")).unwrap();
    std::os::unix::fs::symlink(&secret, export.join("link.pdf")).unwrap();
    let folder = export.to_str().unwrap().to_owned();
    let run = async |words: Vec<String>| {
        let (town, home) = (Arc::clone(&town), home.path().to_owned());
        let work = move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            program(&town, &home, &words)
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    };
    let words = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    // Content first, then the files; both take their time.
    let claimed = tokio::time::timeout(PATIENCE, async {
        while !run(words(&["inbox", "claim", &message])).await.status.success() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    claimed.await.expect("the message arrives");
    for (number, name) in (1..).zip(EVIL) {
        let id = format!("A{number}");
        let save = words(&["inbox", "save", &message, &id, "--folder", &folder]);
        let saving = tokio::time::timeout(PATIENCE, async {
            let mut output = run(save.clone()).await;
            // 6 for the one that stands there already; until a file has arrived, another no.
            while !output.status.success() && name != "link.pdf" {
                tokio::time::sleep(Duration::from_millis(100)).await;
                output = run(save.clone()).await;
            }
            output
        });
        let output =
            saving.await.unwrap_or_else(|_| panic!("{} is not saved", name.escape_debug()));
        let err = String::from_utf8(output.stderr).unwrap();
        if name == "link.pdf" {
            assert_eq!(output.status.code(), Some(6), "{err}");
            assert!(err.contains("exists, and is not overwritten"), "{err}");
            continue;
        }
        let landed =
            if name == "honest.pdf" { name.to_owned() } else { format!("attachment-{number}") };
        let content = std::fs::read_to_string(export.join(&landed)).unwrap();
        assert_eq!(content, format!("content {number}"), "{}", name.escape_debug());
    }
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
    let mut outside: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    outside.sort();
    let wanted = ["export", "officer.key", "officer.pem", "roots.pem", "secret"];
    assert_eq!(outside, wanted);
    assert_eq!(std::fs::read_dir(&export).unwrap().count(), EVIL.len());
    Arc::into_inner(town).expect("nobody else has it").stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_who_reads_in_bulk_is_told_when_to_come_back() {
    let clock = Arc::new(HandClock::at(SystemClock.now()));
    let town = Town::built_by(Arc::clone(&clock) as Arc<dyn Clock>, |_| ()).await;
    let auditor = town.leaf(0, Role::Auditor, "one");
    let mut audit = AuditServiceClient::new(town.channel(0, &auditor).await);
    for _ in 0..AUDIT_CALLS_AT_ONCE {
        audit.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap();
    }
    let refused = audit.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(is_limited(&refused), "{refused:?}");
    let wait = Duration::from_millis(1_000 / AUDIT_CALLS_PER_SECOND);
    assert_eq!(refused.get_details_retry_info().unwrap().retry_delay, Some(wait));
    assert_eq!(refused.message(), "too many calls; the next one is let in after 20 ms");
    // Others are served all the while, also another auditor.
    town.client(0, Role::Officer).await.list_request_states(Default::default()).await.unwrap();
    let second = town.leaf(0, Role::Auditor, "two");
    let mut second = AuditServiceClient::new(town.channel(0, &second).await);
    second.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap();
    // After the time it is let in, once.
    clock.advance(i64::try_from(wait.as_millis()).unwrap());
    audit.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap();
    assert!(is_limited(&audit.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap_err()));
    // A replay flows at the same pace: it waits, and loses nothing.
    clock.advance(i64::try_from(wait.as_millis()).unwrap());
    let asked = pb::ReplayEntriesRequest { start: 0, end: 0 };
    let mut entries = audit.replay_entries(asked).await.unwrap().into_inner();
    clock.advance(1_000);
    let first = tokio::time::timeout(PATIENCE, entries.message()).await;
    assert_eq!(first.expect("in time").unwrap().expect("an entry").index, 0);
    town.stopped().await;
}
