//! A neighbour with a sound certificate that lies about attachments: sizes that nobody has room for, pieces
//! without end, other bytes than were named, bytes changed on the way. At the real listener over mutual TLS
//! each comes to a typed no, nothing of it stays on the disk, and what is sound is taken after it.

use std::sync::Arc;

use prost::Message as _;
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::envelope::attachment::travelling_bytes;
use rogatory::evidence::statement;
use rogatory::history::attachments::Whereabouts;
use rogatory::history::message;
use rogatory::identity::{Principal, Role};
use rogatory::node::attachments;
use rogatory::node::attachments::upload::{Growing, Upload};
use rogatory::node::command::{Command, Outcome};
use rogatory::node::duties::carrying::Carrier;
use rogatory::node::query;
use rogatory::node::sealing::Attached;
use rogatory::node::travelling;
use rogatory::wire::carriage::{Offer, Parcel, Piece, Sent, Taken};
use rogatory::wire::pb;
use serde_json::{Value, json};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::services::carriage::Carriage;
use crate::services::hostile::{DAY_MS, Neighbour, submission_with};

/// Attachments of one message, at the most.
const OF_ONE_MESSAGE: usize = 16;
const PIECE: usize = 256 * 1024;

impl Carriage {
    /// What becomes of an attachment, whose pieces are all said; signs of life are passed over.
    async fn ends(&mut self) -> Taken {
        loop {
            match self.hears().await.unwrap() {
                Taken::Durable { .. } => {}
                other => return other,
            }
        }
    }
}

/// The neighbour, and what its officers hand in.
struct Bringer {
    neighbour: Neighbour,
}

impl Bringer {
    async fn met() -> Self {
        Self { neighbour: Neighbour::met().await }
    }

    /// A stream on which the node has been greeted.
    async fn greeted(&self) -> Carriage {
        let mut stream = Carriage::opened(&self.neighbour.channel).await;
        let setting = self.neighbour.town.writers[0].setting();
        let carrier = Carrier::new(Arc::clone(setting), self.neighbour.town.agencies[1].clone());
        let welcome = stream.asks(carrier.hello()).await.unwrap();
        assert!(matches!(welcome, Taken::Welcome(_)), "{welcome:?}");
        stream
    }

    /// Hands a file in at the node of agency 0.
    async fn hands_in(&self, file: &[u8]) {
        let writer = &self.neighbour.town.writers[0];
        let setting = writer.setting();
        let principal = Principal::new(setting.agency.clone(), Role::Officer, "clerk").unwrap();
        let (digest, bytes) = (Digest::of(file), file.len() as u64);
        let mark = attachments::mark_of_upload(setting, &principal.to_string(), bytes, &digest);
        writer.ask(Command::Upload(Upload::Begin { mark, bytes })).await.unwrap();
        let growing = Growing::default();
        let begun = growing.resume(setting, mark, &digest).unwrap();
        let grown = growing.append(setting, (mark, &digest), begun.next, file).unwrap();
        let finished = Upload::Finish(grown.finished.unwrap());
        writer.ask(Command::Upload(finished)).await.unwrap();
    }

    /// Sends a message with the same file so many times over; it has been taken by node 1.
    async fn sends(
        &self,
        number: u8,
        (file, times): (&[u8], usize),
        change: impl Fn(&mut Attached),
    ) -> MessageKey {
        let described = |at: usize| {
            json!({
                "id": format!("A{at}"), "name": format!("annex {at}.pdf"),
                "media_type": "application/pdf", "class": "evidence",
                "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
            })
        };
        let described: Vec<Value> = (1..=times).map(described).collect();
        let writer = &self.neighbour.town.writers[0];
        let (command, message) = submission_with(writer.setting(), (1, number), &described, change);
        let decided = writer.ask(command).await.unwrap();
        assert!(matches!(decided, Outcome::Submitted(_, false)));
        self.neighbour.speaks().await;
        message
    }

    fn offer(&self, message: MessageKey, number: u32) -> Offer {
        let setting = self.neighbour.town.writers[0].setting();
        let header = query::message(setting, message).unwrap().unwrap().header;
        Offer { message: message::reference(&header), number, handover: 1 }
    }

    /// Where an attachment stands at node 1.
    fn whereabouts(&self, message: MessageKey, number: u32) -> Whereabouts {
        let setting = self.neighbour.town.writers[1].setting();
        let shown = query::message(setting, message).unwrap().unwrap().attachments;
        shown.into_iter().find(|it| it.number == number).unwrap().record.whereabouts
    }

    /// Files beside the store of node 1, and their bytes.
    fn disk(&self) -> (usize, u64) {
        let files = &self.neighbour.town.writers[1].setting().files;
        let found = files.list().unwrap();
        (found.len(), found.iter().map(|it| it.bytes).sum())
    }

    /// The pieces of an attachment as its node would send them from the beginning.
    async fn pieces(&self, stream: &mut Carriage, offer: &Offer) -> Vec<Piece> {
        let parcel = offer.parcel();
        let wanted = stream.asks(Sent::Offer(offer.clone())).await.unwrap();
        assert_eq!(wanted, Taken::Wanted { parcel, offset: 0 });
        let setting = self.neighbour.town.writers[0].setting();
        let (key, number) = (offer.message.key(), offer.number);
        let sealed = travelling::sealed(setting, key, number).unwrap().unwrap();
        let record = message::find(setting.store.as_ref(), key).unwrap().unwrap();
        let source = travelling::Source::open(setting, &record, number).unwrap().unwrap();
        let pieces = (0..sealed.bytes).step_by(PIECE).map(|offset| {
            let length = sealed.bytes.saturating_sub(offset).min(PIECE as u64);
            let bytes = source.read(setting, offset, usize::try_from(length).unwrap()).unwrap();
            Piece { parcel, offset, bytes }
        });
        pieces.collect()
    }

    fn stated(&self, answer: &Taken) -> Fact {
        let Taken::Answer { statement, .. } = answer else { panic!("{answer:?}") };
        let directory = &self.neighbour.town.directory;
        statement::check(directory, statement.clone()).unwrap().entry.fact
    }
}

fn refused(answer: &Taken) -> (&str, bool) {
    let Taken::Refused { reason, retry, .. } = answer else { panic!("{answer:?}") };
    (reason, *retry)
}

fn piece(parcel: Parcel, offset: usize, bytes: &[u8]) -> Sent {
    Sent::Piece(Piece { parcel, offset: offset as u64, bytes: bytes.to_vec() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_that_is_not_what_was_said_leaves_nothing_and_the_next_is_taken() {
    let bringer = Bringer::met().await;
    let real: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    bringer.hands_in(&real).await;
    let message = bringer.sends(1, (&real, 4), |_| ()).await;
    let of = |number| bringer.offer(message, number);
    assert_eq!(bringer.disk(), (0, 0));
    let before = bringer.neighbour.state();
    let mut stream = bringer.greeted().await;
    // Unasked, under a handover and a number that are none, and behind the beginning.
    let answer = stream.asks(piece(of(1).parcel(), 0, b"unasked")).await.unwrap();
    assert_eq!(refused(&answer), ("NOT_FOUND", true));
    for wrong in [Offer { handover: 2, ..of(1) }, of(5)] {
        let answer = stream.asks(Sent::Offer(wrong)).await.unwrap();
        assert_eq!(refused(&answer), ("NOT_FOUND", true));
    }
    assert_eq!((bringer.neighbour.state(), bringer.disk()), (before, (0, 0)));
    stream.asks(Sent::Offer(of(1))).await.unwrap();
    let answer = stream.asks(piece(of(1).parcel(), 5, b"behind")).await.unwrap();
    assert_eq!(refused(&answer), ("OUT_OF_STEP", true));

    let altered = Whereabouts::Ended { reason: Reason::AttachmentAltered };
    let garbage = vec![7; PIECE];
    // Without end: it is over with the first byte beyond what was said.
    let wanted = stream.asks(Sent::Offer(of(1))).await.unwrap();
    assert_eq!(wanted, Taken::Wanted { parcel: of(1).parcel(), offset: 0 });
    let mut said = 0;
    let answer = loop {
        let answer = stream.asks(piece(of(1).parcel(), said, &garbage)).await.unwrap();
        said += garbage.len();
        match answer {
            Taken::Durable { .. } => assert!(said <= 2 * real.len(), "{said} bytes"),
            other => break other,
        }
    };
    assert_eq!(bringer.stated(&answer).reason(), Some(Reason::AttachmentAltered));
    assert_eq!(bringer.whereabouts(message, 1), altered);
    assert_eq!(bringer.disk(), (0, 0));
    // As long as it was said to be, and other bytes.
    let mut honest = bringer.pieces(&mut stream, &of(2)).await;
    honest[1].bytes[100] ^= 1;
    for it in honest {
        stream.says(Sent::Piece(it).into_pb()).await;
    }
    let answer = stream.ends().await;
    assert_eq!(bringer.stated(&answer).reason(), Some(Reason::AttachmentAltered));
    assert_eq!(bringer.whereabouts(message, 2), altered);
    assert_eq!(bringer.disk(), (0, 0));
    // The next is what it was said to be.
    for it in bringer.pieces(&mut stream, &of(3)).await {
        stream.says(Sent::Piece(it).into_pb()).await;
    }
    let answer = stream.ends().await;
    assert_eq!(bringer.stated(&answer).reason(), None);
    assert_eq!(bringer.whereabouts(message, 3), Whereabouts::Here);
    assert_eq!(bringer.whereabouts(message, 4), Whereabouts::Awaited);
    assert_eq!(bringer.disk().0, 1);
    // What crossed comes once more, also days later: it is answered as it was, and nothing is written.
    let disk = bringer.disk();
    for _ in 0..2 {
        let mut again = bringer.greeted().await;
        for (number, wanted) in [(1, Some(Reason::AttachmentAltered)), (3, None)] {
            let answer = again.asks(Sent::Offer(of(number))).await.unwrap();
            assert_eq!(bringer.stated(&answer).reason(), wanted);
            let answer = again.asks(piece(of(number).parcel(), 0, &garbage)).await.unwrap();
            assert_eq!(refused(&answer), ("NOT_FOUND", true));
        }
        assert_eq!(bringer.disk(), disk);
        bringer.neighbour.clock.advance(DAY_MS + DAY_MS / 2);
    }
    bringer.neighbour.town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_size_for_which_there_is_no_room_is_refused_and_one_that_never_comes_takes_none() {
    let bringer = Bringer::met().await;
    let real = b"a page".to_vec();
    bringer.hands_in(&real).await;
    let huge = |plain: u64| {
        move |it: &mut Attached| it.sealed[0].bytes = travelling_bytes(plain).expect("a size")
    };
    // A terabyte: more than all attachments here may take.
    let message = bringer.sends(1, (&real, 1), huge(1 << 40)).await;
    let mut stream = bringer.greeted().await;
    let offer = bringer.offer(message, 1);
    let before = bringer.neighbour.state();
    let answer = stream.asks(Sent::Offer(offer.clone())).await.unwrap();
    assert_eq!(refused(&answer), ("LIMIT_EXCEEDED", true));
    let answer = stream.asks(piece(offer.parcel(), 0, &[7; PIECE])).await.unwrap();
    assert_eq!(refused(&answer), ("NOT_FOUND", true));
    assert_eq!((bringer.neighbour.state(), bringer.disk()), (before, (0, 0)));
    // A hundred gigabytes: there would be room, so pieces are taken as they come, and take what they are.
    let message = bringer.sends(2, (&real, 1), huge(100 << 30)).await;
    let offer = bringer.offer(message, 1);
    let parcel = offer.parcel();
    let answer = stream.asks(Sent::Offer(offer)).await.unwrap();
    assert_eq!(answer, Taken::Wanted { parcel, offset: 0 });
    for at in 0..24 {
        let answer = stream.asks(piece(parcel, at * PIECE, &[7; PIECE])).await.unwrap();
        assert!(matches!(answer, Taken::Durable { .. }), "{answer:?}");
    }
    assert_eq!(bringer.disk(), (1, 24 * PIECE as u64));
    // A sound one is taken beside it.
    let sound = bringer.sends(3, (&real, 1), |_| ()).await;
    for it in bringer.pieces(&mut stream, &bringer.offer(sound, 1)).await {
        stream.says(Sent::Piece(it).into_pb()).await;
    }
    let answer = stream.ends().await;
    assert_eq!(bringer.stated(&answer).reason(), None);
    let whole = bringer.disk();
    assert_eq!(whole.0, 2);
    // What never came whole ends with its message, and leaves nothing.
    bringer.neighbour.clock.advance(31 * DAY_MS);
    let ended = Whereabouts::Ended { reason: Reason::Expired };
    crate::services::conduct::until("the attachment to be given up", async || {
        let is_over = bringer.whereabouts(message, 1) == ended;
        (is_over && bringer.disk().1 < PIECE as u64).then_some(())
    })
    .await;
    bringer.neighbour.town.stopped().await;
}

/// A frame that can't be read ends its stream, and that is said.
fn is_unread(status: &Status) -> bool {
    status.get_details_error_info().is_some_and(|it| it.reason == "FRAME_INVALID")
}

/// Offers an attachment with byte after byte changed: none of it is known.
async fn offers_changed(bringer: &Bringer, offer: &Offer) {
    let sound = Sent::Offer(offer.clone()).into_pb().encode_to_vec();
    let mut stream = bringer.greeted().await;
    for at in 0..sound.len() {
        let Some(changed) = flipped(&sound, at) else { continue };
        stream.says(changed).await;
        match stream.hears().await {
            Ok(answer) => assert_eq!(refused(&answer), ("NOT_FOUND", true), "byte {at}"),
            Err(status) => {
                assert!(is_unread(&status), "byte {at}: {status:?}");
                stream = bringer.greeted().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_byte_of_an_attachments_frames_is_changed_once_and_nothing_else_is_taken() {
    let bringer = Bringer::met().await;
    let real = b"0".to_vec();
    bringer.hands_in(&real).await;
    let lone = bringer.sends(1, (&real, 1), |_| ()).await;
    // The offer: nothing but itself is wanted.
    offers_changed(&bringer, &bringer.offer(lone, 1)).await;
    let mut stream = bringer.greeted().await;
    // The piece: an attachment that was ended by an altered copy is followed by the next.
    let (mut number, mut next, mut message) = (1, 2, lone);
    let (mut ended, mut refusals, mut at) = (0, 0, 0);
    let mut fresh = 1;
    let length = loop {
        let offer = bringer.offer(message, number);
        let sound = bringer.pieces(&mut stream, &offer).await.remove(0);
        let bytes = Sent::Piece(sound).into_pb().encode_to_vec();
        if at == bytes.len() {
            break at;
        }
        let Some(changed) = flipped(&bytes, at) else {
            (at, refusals) = (at + 1, refusals + 1);
            continue;
        };
        stream.says(changed).await;
        let answer = loop {
            match stream.hears().await {
                Ok(Taken::Durable { .. }) => {}
                other => break other,
            }
        };
        match answer {
            Ok(answer @ Taken::Answer { .. }) => {
                let reason = bringer.stated(&answer).reason();
                assert_eq!(reason, Some(Reason::AttachmentAltered), "byte {at}");
                ended += 1;
                number += 1;
                if number > fresh {
                    let times = OF_ONE_MESSAGE;
                    message = bringer.sends(next, (&real, times), |_| ()).await;
                    (next, number, fresh) = (next + 1, 1, 16);
                }
            }
            Ok(answer) => {
                let (reason, retry) = refused(&answer);
                assert!(matches!(reason, "NOT_FOUND" | "OUT_OF_STEP") && retry, "byte {at}");
                refusals += 1;
            }
            Err(status) => {
                assert!(is_unread(&status), "byte {at}: {status:?}");
                stream = bringer.greeted().await;
                refusals += 1;
            }
        }
        at += 1;
    };
    println!("{length} bytes: {ended} attachments ended, {refusals} frames refused");
    assert!(ended > 60 && refusals > 30, "{ended} and {refusals} of {length}");
    assert_eq!(bringer.disk(), (1, 0), "the one that is still awaited");
    // It is taken as it is.
    let offer = bringer.offer(message, number);
    let mut stream = bringer.greeted().await;
    for it in bringer.pieces(&mut stream, &offer).await {
        stream.says(Sent::Piece(it).into_pb()).await;
    }
    let answer = stream.ends().await;
    assert_eq!(bringer.stated(&answer).reason(), None);
    assert_eq!(bringer.whereabouts(message, number), Whereabouts::Here);
    bringer.neighbour.town.stopped().await;
}

/// The frame with one bit of a byte turned; none if that is no frame.
fn flipped(bytes: &[u8], at: usize) -> Option<pb::TransferAttachmentsRequest> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << (at % 8);
    pb::TransferAttachmentsRequest::decode(&*bytes).ok()
}
