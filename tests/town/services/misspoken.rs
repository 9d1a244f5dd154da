//! A peer that misspeaks: unknown versions, frames out of their order, proofs that do not hold, more than
//! there is room for. Each frame gets its typed no on the stream on which it came, the peer stays
//! connected, and the sound frame behind it is answered.

use std::collections::VecDeque;
use std::sync::Arc;

use rogatory::domain::digest::Digest;
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::history::message::reference;
use rogatory::identity::{Principal, Role};
use rogatory::node::attachments::upload::{Growing, Upload};
use rogatory::node::attachments::{mark_of_upload, sending};
use rogatory::node::command::{Call, Command, Submission};
use rogatory::node::duties::carrying::{Carrier, CarryWish};
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::node::sealing::{self, Plan};
use rogatory::wire;
use rogatory::wire::carriage::{Offer, PIECE_BYTES_MAX, Parcel, Piece, Sent, Taken};
use rogatory::wire::pb;
use rogatory::wire::relay::{Cosigning, Hello, Incoming, Notice, Outgoing, Welcome};
use serde_json::json;
use tonic_types::StatusExt as _;

use crate::services::answering::{Fooled, welcoming};
use crate::services::carriage::Carriage;
use crate::services::conduct::{peer, until};
use crate::services::hostile::Neighbour;
use crate::services::town::file;

/// What a node made of a frame, in a word.
fn verdict(answer: &Incoming) -> String {
    match answer {
        Incoming::Welcome(_) => "welcome".to_owned(),
        Incoming::Cosigned(it) => match &it.verdict {
            Cosigning::Given(_) => "cosigned".to_owned(),
            Cosigning::Withheld(reason) => reason.clone(),
        },
        Incoming::Answer(it) => match wire::entry::read(&it.statement.entry).unwrap().fact {
            Fact::NotTaken { reason, .. } => format!("not taken: {reason}"),
            other => other.name().to_owned(),
        },
        Incoming::NoticeTaken(_) => "noticed".to_owned(),
        Incoming::Refused(it) => it.reason.clone(),
        Incoming::Shown(_) => "shown".to_owned(),
    }
}

/// Changes a character of the first signature: that of the journal.
fn altered(mut text: Vec<u8>) -> Vec<u8> {
    let lines = String::from_utf8(text.clone()).unwrap();
    let begins = lines.find("\n\u{2014} ").expect("a signature") + 1;
    let ends = begins + lines[begins..].find('\n').expect("the end of its line");
    let at = ends - 12;
    text[at] = if text[at] == b'A' { b'B' } else { b'A' };
    text
}

/// What is said before each sound frame, and what is made of it.
fn misspoken(sound: &Outgoing, hello: &Hello, early: &[Outgoing]) -> Vec<(Outgoing, &'static str)> {
    let hello = |versions: &[u32], network: &str| {
        let (versions, network) = (versions.to_vec(), network.parse().unwrap());
        Outgoing::Hello(Hello { versions, network, ..hello.clone() })
    };
    match sound {
        Outgoing::Hello(_) => {
            let mut wrong = vec![
                (hello(&[2], "test"), "VERSION_UNKNOWN"),
                (hello(&[0, 2, u32::MAX], "test"), "VERSION_UNKNOWN"),
                (hello(&[1], "elsewhere"), "NETWORK_UNKNOWN"),
                (hello(&[2], "elsewhere"), "VERSION_UNKNOWN"),
            ];
            wrong.extend(early.iter().cloned().map(|it| (it, "HELLO_MISSING")));
            wrong
        }
        Outgoing::CheckpointOffer(offer) => {
            let mut wrong = vec![
                (hello(&[1], "test"), "HELLO_REPEATED"),
                (hello(&[2], "elsewhere"), "HELLO_REPEATED"),
            ];
            let mut other = offer.clone();
            other.checkpoint = altered(other.checkpoint);
            wrong.push((Outgoing::CheckpointOffer(other), "PROOF_INVALID"));
            let mut other = offer.clone();
            other.old_size -= 1;
            wrong.push((Outgoing::CheckpointOffer(other), "CHECKPOINT_STALE"));
            let mut other = offer.clone();
            let last = other.proof.last_mut().expect("a journal that grew has a proof");
            *last = Digest::of(b"another branch");
            wrong.push((Outgoing::CheckpointOffer(other), "PROOF_INVALID"));
            let mut other = offer.clone();
            other.proof.push(Digest::of(b"one more"));
            wrong.push((Outgoing::CheckpointOffer(other), "PROOF_INVALID"));
            wrong
        }
        Outgoing::Handing(handing) => {
            let mut statement = handing.envelope.origin.clone();
            statement.proof = altered(statement.proof);
            let mut other = handing.clone();
            (other.handover, other.envelope.origin) = (77, statement.clone());
            vec![
                (Outgoing::Notice(Notice { sequence: 9, statement }), "PROOF_INVALID"),
                (Outgoing::Handing(other), "not taken: PROOF_INVALID"),
            ]
        }
        Outgoing::Notice(_) | Outgoing::Missing(_) => Vec::new(),
    }
}

fn hello_of(neighbour: &Neighbour) -> Hello {
    let setting = Arc::clone(neighbour.town.writers[0].setting());
    match Outbound::new(setting, neighbour.town.agencies[1].clone()).hello() {
        Outgoing::Hello(hello) => hello,
        other => panic!("{other:?}"),
    }
}

/// What is refused is refused for good, and a notice by its number.
fn is_for_good(wrong: &Outgoing, told: &Incoming) {
    if let Incoming::Refused(it) = told {
        let notice = matches!(wrong, Outgoing::Notice(_)).then_some(9);
        assert_eq!((it.sequence, it.retry), (notice, false), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_frame_gets_its_typed_no_and_the_sound_one_behind_it_is_answered() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let early: Vec<_> = neighbour
        .speaks()
        .await
        .into_iter()
        .map(|(frame, _)| Outgoing::from_pb(frame).unwrap())
        .filter(|it| !matches!(it, Outgoing::Hello(_)))
        .collect();
    assert_eq!(early.len(), 2, "a checkpoint and a message: {early:?}");
    neighbour.submits(2).await;
    let hello = hello_of(&neighbour);
    let writer = &neighbour.town.writers[0];
    let mut outbound =
        Outbound::new(Arc::clone(writer.setting()), neighbour.town.agencies[1].clone());
    // One stream for all of it.
    let mut session = neighbour.silent().await;
    let mut wishes = VecDeque::from([Wish::Send(Box::new(outbound.hello()))]);
    let (mut refused, mut sound) = (0, Vec::new());
    while let Some(wish) = wishes.pop_front() {
        match wish {
            Wish::Execute(command, then) => {
                writer.ask(*command).await.unwrap();
                outbound.executed(&then);
            }
            Wish::Send(frame) => {
                for (wrong, expected) in misspoken(&frame, &hello, &early) {
                    let told = session.asks(wrong.clone().into_pb()).await.unwrap();
                    assert_eq!(verdict(&told), expected, "{wrong:?}");
                    is_for_good(&wrong, &told);
                    refused += 1;
                }
                let answer = session.asks(frame.into_pb()).await.unwrap();
                sound.push(verdict(&answer));
                wishes.extend(outbound.take(answer).unwrap());
            }
        }
        wishes.extend(outbound.poll().unwrap());
    }
    assert_eq!(sound, ["welcome", "cosigned", "delivered"]);
    assert_eq!(refused, 6 + 6 + 2);
    assert!(peer(&neighbour.town, 1, "int.n0").await.cut_off_until.is_empty());
    neighbour.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greeting_without_a_version_ends_its_stream_alone_and_one_with_a_known_one_is_welcome() {
    let neighbour = Neighbour::met().await;
    neighbour.submits(1).await;
    let said = neighbour.speaks().await;
    let hello = hello_of(&neighbour);
    let with = |versions: Vec<u32>| Outgoing::Hello(Hello { versions, ..hello.clone() }).into_pb();
    // Another stream of the same connection, which must outlive them.
    let mut beside = neighbour.greeted(&with(vec![2, 1])).await;
    for versions in [Vec::new(), vec![1; 17]] {
        let mut session = neighbour.silent().await;
        let ended = session.asks(with(versions.clone())).await.unwrap_err();
        let told = ended.get_details_error_info().expect("a typed reason");
        assert_eq!((&*told.reason, &*told.domain), ("FRAME_INVALID", "rogatory"), "{versions:?}");
        assert!(ended.message().contains("hello.versions"), "{ended:?}");
    }
    for versions in [vec![1, 2], vec![7, 1], vec![1; 16]] {
        let mut session = neighbour.silent().await;
        let welcome = session.asks(with(versions.clone())).await.unwrap();
        assert!(matches!(welcome, Incoming::Welcome(Welcome { version: 1, .. })), "{versions:?}");
    }
    let (handing, sound) = said.last().unwrap();
    assert_eq!(beside.asks(handing.clone()).await.unwrap(), *sound);
    neighbour.town.stopped().await;
}

impl Carriage {
    /// Sends what must not be taken: of which attachment, why, and whether it may come again.
    async fn is_refused(&mut self, frame: Sent, parcel: Option<Parcel>, no: (&str, bool)) {
        let told = self.asks(frame).await.unwrap();
        let Taken::Refused { parcel: of, reason, retry } = &told else { panic!("{told:?}") };
        assert_eq!((of, (reason.as_str(), *retry)), (&parcel, no));
    }
}

/// Agency 0 sends agency 1 a message with so many small files, of which no two are alike.
async fn sends_files(neighbour: &Neighbour, number: u8, count: u8) {
    let writer = &neighbour.town.writers[0];
    let setting = writer.setting();
    let principal = Principal::new(setting.agency.clone(), Role::Officer, "clerk").unwrap();
    let caller = principal.to_string();
    let mut attached = Vec::new();
    for n in 1..=count {
        let bytes = vec![n; 40_000 + usize::from(number)];
        let (digest, length) = (Digest::of(&bytes), bytes.len() as u64);
        let mark = mark_of_upload(setting, &caller, length, &digest);
        let begun = Command::Upload(Upload::Begin { mark, bytes: length });
        writer.ask(begun).await.unwrap();
        let growing = Growing::default();
        growing.resume(setting, mark, &digest).unwrap();
        let grown = growing.append(setting, (mark, &digest), 0, &bytes).unwrap();
        let whole = Command::Upload(Upload::Finish(grown.finished.expect("it is whole")));
        writer.ask(whole).await.unwrap();
        attached.push(json!({
            "id": format!("A{n}"), "name": format!("annex {n}.pdf"), "class": "evidence",
            "media_type": "application/pdf", "size_bytes": length, "sha256": digest.to_string(),
        }));
    }
    let mut draft = file("a vessel without lights");
    draft["to"] = json!(["int.n1/desk"]);
    draft["attachments"] = json!(attached);
    let draft = wire::json::read_file(draft.to_string().as_bytes()).unwrap();
    let draft = wire::draft::read(draft).unwrap();
    let attached = sending::prepare(setting, &draft, &caller).unwrap();
    let request = RequestId::from_bytes([number; 16]);
    let plan = Plan { request, now: setting.clock.now(), expires_in_ms: 86_400_000 };
    let messages = sealing::prepare_with(setting, &draft, &plan, &attached).unwrap();
    let key = format!("files {number}");
    let fingerprint = Digest::of(key.as_bytes());
    let submission = Submission::of(Call { principal, key, fingerprint }, draft, &plan, messages);
    writer.ask(Command::Submit(Box::new(submission))).await.unwrap();
}

/// The offers of all attachments of messages that were handed over.
fn offers(said: &[(pb::TransferRequest, Incoming)]) -> Vec<Offer> {
    let mut offers = Vec::new();
    for (frame, _) in said {
        let Ok(Outgoing::Handing(handing)) = Outgoing::from_pb(frame.clone()) else { continue };
        let (message, handover) = (reference(&handing.envelope.header), handing.handover);
        let sealed = wire::envelope::read_attachments(&handing.envelope.attachments).unwrap();
        let count = u32::try_from(sealed.len()).unwrap();
        let offer = |number| Offer { message: message.clone(), number, handover };
        offers.extend((1..=count).map(offer));
    }
    offers
}

/// The sealed bytes of the first attachment that agency 0 owes, as its node would send them.
fn sound_pieces(neighbour: &Neighbour, welcome: Welcome) -> (Parcel, Vec<Piece>) {
    let setting = Arc::clone(neighbour.town.writers[0].setting());
    let mut carrier = Carrier::new(setting, neighbour.town.agencies[1].clone());
    assert!(carrier.take(Taken::Welcome(welcome)).unwrap().is_empty());
    let wishes = carrier.poll().unwrap();
    let Some(CarryWish::Send(first)) = wishes.into_iter().next() else { panic!("nothing owed") };
    let Sent::Offer(offer) = *first else { panic!("{first:?}") };
    let parcel = offer.parcel();
    let wishes = carrier.take(Taken::Wanted { parcel, offset: 0 }).unwrap();
    let wishes = wishes.into_iter().chain(carrier.poll().unwrap());
    let pieces = wishes.filter_map(|it| match it {
        CarryWish::Send(frame) => match *frame {
            Sent::Piece(piece) => Some(piece),
            _ => None,
        },
        CarryWish::Execute(..) => None,
    });
    (parcel, pieces.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_misspeaks_about_attachments_is_told_so_each_time_and_a_sound_one_arrives() {
    let neighbour = Neighbour::met().await;
    // 64 may come in a session at a time; these are two more.
    for (number, count) in [(1, 16), (2, 16), (3, 16), (4, 16), (5, 2)] {
        sends_files(&neighbour, number, count).await;
    }
    let said = neighbour.speaks().await;
    let offers = offers(&said);
    assert_eq!(offers.len(), 66);
    let hello = hello_of(&neighbour);
    let mut beside = neighbour.greeted(&Outgoing::Hello(hello.clone()).into_pb()).await;
    let mut stream = Carriage::opened(&neighbour.channel).await;
    let greeting = |versions: &[u32], network: &str| {
        let (versions, network) = (versions.to_vec(), network.parse().unwrap());
        Sent::Hello(Hello { versions, network, ..hello.clone() })
    };
    let offer = |n: usize| Sent::Offer(offers[n].clone());
    let piece = |n: usize, offset, bytes: &[u8]| {
        Sent::Piece(Piece { parcel: offers[n].parcel(), offset, bytes: bytes.to_vec() })
    };
    stream.is_refused(greeting(&[2], "test"), None, ("VERSION_UNKNOWN", false)).await;
    stream.is_refused(greeting(&[1], "elsewhere"), None, ("NETWORK_UNKNOWN", false)).await;
    stream.is_refused(offer(0), None, ("HELLO_MISSING", false)).await;
    stream.is_refused(piece(0, 0, b"early"), None, ("HELLO_MISSING", false)).await;
    let welcome = stream.asks(greeting(&[1, 2], "test")).await.unwrap();
    let Taken::Welcome(welcome) = welcome else { panic!("{welcome:?}") };
    stream.is_refused(greeting(&[1], "test"), None, ("HELLO_REPEATED", false)).await;
    let last = Some(offers[65].parcel());
    stream.is_refused(piece(65, 0, b"unasked"), last, ("NOT_FOUND", true)).await;
    let wanted = |n: usize| Taken::Wanted { parcel: offers[n].parcel(), offset: 0 };
    assert_eq!(stream.asks(offer(65)).await.unwrap(), wanted(65));
    stream.is_refused(piece(65, 5, b"behind"), last, ("OUT_OF_STEP", true)).await;
    // More pieces than there are: what this peer brings is not the attachment.
    assert_eq!(stream.asks(offer(65)).await.unwrap(), wanted(65));
    let told = stream.asks(piece(65, u64::MAX, b"endless")).await.unwrap();
    let Taken::Answer { statement, .. } = told else { panic!("{told:?}") };
    let fact = wire::entry::read(&statement.entry).unwrap().fact;
    assert_eq!(fact.name(), "attachment_not_taken");
    // Offers without end: so many are taken up, and the next one must wait.
    for n in 0..64 {
        assert_eq!(stream.asks(offer(n)).await.unwrap(), wanted(n));
    }
    let next = Some(offers[64].parcel());
    stream.is_refused(offer(64), next, ("WINDOW_EXCEEDED", true)).await;
    // The sound one behind all of it arrives, and makes room.
    let (parcel, pieces) = sound_pieces(&neighbour, welcome);
    for piece in pieces {
        stream.says(Sent::Piece(piece).into_pb()).await;
    }
    let statement = loop {
        match stream.hears().await.unwrap() {
            Taken::Durable { parcel: of, .. } => assert_eq!(of, parcel),
            Taken::Answer { parcel: of, statement } if of == parcel => break statement,
            other => panic!("{other:?}"),
        }
    };
    let fact = wire::entry::read(&statement.entry).unwrap().fact;
    assert_eq!(fact.name(), "attachment_arrived");
    assert_eq!(stream.asks(offer(64)).await.unwrap(), wanted(64));
    // A piece over its limit ends this stream, and none beside it.
    let ended = stream.asks(piece(64, 0, &vec![0; PIECE_BYTES_MAX + 1])).await.unwrap_err();
    assert_eq!(ended.get_details_error_info().unwrap().reason, "LIMIT_EXCEEDED");
    let (handing, sound) = said.last().unwrap();
    assert_eq!(beside.asks(handing.clone()).await.unwrap(), *sound);
    neighbour.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_of_nothing_is_a_lie_and_an_endless_one_widens_none() {
    const OWN: usize = 4;
    let none = |_: &Outgoing, sound| welcoming(sound, |it: &mut Welcome| it.window = 0);
    let change = |policy: &mut rogatory::node::setting::Policy| {
        (policy.retry_min_ms, policy.retry_max_ms, policy.window) = (2_000, 2_000, OWN);
    };
    let fooled = Fooled::with(Some(none), change).await;
    for n in 0..3 * OWN {
        fooled.sends(&format!("send {n}")).await;
    }
    until("the reason", async || {
        let seen = fooled.as_seen().await;
        (fooled.liar.has_lied() && seen.last_error.contains("window")).then_some(())
    })
    .await;
    let handed = |it: &Fact| matches!(it, Fact::HandedOver { .. });
    assert_eq!(fooled.count(handed), 0, "nothing is offered to it");
    // Now it has endless room, it says, and answers no handover.
    fooled.liar.lies(Some(|asked, sound| match asked {
        Outgoing::Handing(_) => Vec::new(),
        _ => welcoming(sound, |it| it.window = u32::MAX),
    }));
    until("its own window to be full", async || {
        (fooled.count(handed) == OWN && fooled.liar.told() >= OWN).then_some(())
    })
    .await;
    // A session looks around once a second.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let seen = fooled.as_seen().await;
    println!("told {} times, {}", fooled.liar.told(), seen.last_error);
    assert_eq!(fooled.count(handed), OWN, "{seen:?}");
    until("it to be connected", async || fooled.as_seen().await.connected.then_some(())).await;
    // Once it answers, the rest follows.
    fooled.liar.lies(Some(|_, sound| welcoming(sound, |it| it.window = u32::MAX)));
    fooled.liar.hangs_up();
    until("every receipt", async || {
        let received = |it: &Fact| matches!(it, Fact::StatementRecorded { .. });
        (fooled.count(received) >= 3 * OWN).then_some(())
    })
    .await;
    fooled.town.stopped().await;
}
