//! The promise: attachments cross a blind transit sealed, each as a unit of custody of its own; what is
//! cut off goes on at the last durable byte; what lies is cut off, and nothing of it stays; and nothing
//! is stuck.

use std::collections::VecDeque;
use std::sync::Arc;

use rogatory::domain::digest::Digest;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::{MessageId, RequestId};
use rogatory::evidence::statement;
use rogatory::history::attachments::{AtDestination, Whereabouts};
use rogatory::node::attachments::reading::Source;
use rogatory::node::attachments::upload::{Growing, Upload};
use rogatory::node::attachments::{self, of_message};
use rogatory::node::command::Command;
use rogatory::node::duties::carrying::{Carrier, CarryEnd, CarryWish};
use rogatory::node::duties::due;
use rogatory::node::duties::taking::{TakeStep, Taker, Writers};
use rogatory::node::query::{self, AttachmentView};
use rogatory::wire;
use rogatory::wire::carriage::{Offer, Parcel, Piece, Sent, Taken};
use serde_json::{Value, json};

use crate::corridor::{Corridor, desk_of};
use crate::support::agency;
use crate::transit::conduct::go_on;

const REQUEST: [u8; 16] = *b"\x01\x9c\xad\xb0\x5d\xa8\x76\x4d\x8e\xde\xa5\x70\x47\x39\x07\xc3";
const MESSAGE: &str = "019cadb0-eef7-70f4-8158-cde69e1d7f9d";
const CALLER: &str = "clerk";
const HOUR_MS: i64 = 3_600_000;
/// Longer than two steps of making durable.
const LONG: usize = 9 * 1024 * 1024 + 11;

pub(super) fn file(bytes: usize, kind: u8) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap() ^ kind).collect()
}

/// Hands a file in at node `n`.
pub(super) fn hand_in(row: &mut Corridor, n: usize, file: &[u8]) {
    let setting = Arc::clone(row.nodes[n].setting());
    let digest = Digest::of(file);
    let bytes = file.len() as u64;
    let mark = attachments::mark_of_upload(&setting, CALLER, bytes, &digest);
    let mut ask = |upload| {
        let decided = row.nodes[n].execute(vec![Command::Upload(upload)]).unwrap();
        decided.into_iter().for_each(|it| drop(it.unwrap()));
    };
    ask(Upload::Begin { mark, bytes });
    let growing = Growing::default();
    let mut progress = growing.resume(&setting, mark, &digest).unwrap();
    if progress.complete && progress.finished.is_none() {
        return;
    }
    for piece in file.chunks(1024 * 1024) {
        progress = growing.append(&setting, (mark, &digest), progress.next, piece).unwrap();
    }
    ask(Upload::Finish(progress.finished.unwrap()));
}

fn with(files: &[&[u8]]) -> Value {
    let described = files.iter().zip(1..).map(|(file, number)| {
        json!({
            "id": format!("A{number}"), "name": format!("annex {number}.pdf"),
            "media_type": "application/pdf", "class": "evidence",
            "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
        })
    });
    json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "a vessel without lights",
        "from": desk_of(0, "desk"), "to": [desk_of(2, "desk")], "message_id": MESSAGE,
        "urgency": {"level": "priority", "reason": "It drifts"},
        "attachments": described.collect::<Vec<_>>(),
    })
}

/// Files handed in at the first node, named by a message that has arrived at the last.
pub(super) fn sent(files: &[&[u8]]) -> Corridor {
    let mut row = Corridor::grown(&[]);
    for file in files {
        hand_in(&mut row, 0, file);
    }
    submit(&mut row, "key-1", &with(files), &with(files));
    row.rest();
    row
}

/// Submits `said`, with the attachments that `sealed` describes.
fn submit(row: &mut Corridor, key: &str, said: &Value, sealed: &Value) {
    let setting = Arc::clone(row.nodes[0].setting());
    let draft = wire::json::read_file(sealed.to_string().as_bytes()).unwrap();
    let draft = wire::draft::read(draft).unwrap();
    let attached = attachments::sending::prepare(&setting, &draft, CALLER).unwrap();
    let request = RequestId::from_bytes(REQUEST);
    row.submit_with(0, key, request, &said.to_string(), &attached);
}

fn key() -> MessageKey {
    let message: MessageId = MESSAGE.parse().unwrap();
    MessageKey::new(&agency(0), message)
}

fn shown(row: &Corridor, n: usize) -> Vec<AttachmentView> {
    query::message(row.nodes[n].setting(), key()).unwrap().unwrap().attachments
}

pub(super) fn states(row: &Corridor, n: usize) -> Vec<&'static str> {
    shown(row, n).iter().map(|it| it.record.standing(n == 2).0).collect()
}

/// A stream of attachments between two nodes, driven by hand.
struct Stream {
    from: usize,
    to: usize,
    carrier: Carrier,
    taker: Taker,
    /// Offsets from which the other side wanted something.
    wanted: Vec<u64>,
    pieces: usize,
}

impl Stream {
    fn opened(row: &Corridor, from: usize, to: usize, writers: &Writers) -> Self {
        let setting = |n: usize| Arc::clone(row.nodes[n].setting());
        let mut carrier = Carrier::new(setting(from), agency(to));
        let mut taker = Taker::new(setting(to), agency(from), writers.clone());
        let TakeStep::Reply(welcome) = taker.take(carrier.hello()).unwrap() else {
            panic!("a hello is answered at once")
        };
        for frame in welcome {
            assert!(carrier.take(frame).unwrap().is_empty());
        }
        Self { from, to, carrier, taker, wanted: Vec::new(), pieces: 0 }
    }

    /// One frame, and all that follows from it at the listening node.
    fn take(&mut self, row: &mut Corridor, frame: Sent) -> Vec<Taken> {
        let mut answers = Vec::new();
        let mut step = self.taker.take(frame).unwrap();
        loop {
            match step {
                TakeStep::Reply(replies) => answers.extend(replies),
                TakeStep::Ask(command, asked) => {
                    let decided = row.nodes[self.to].execute(vec![*command]).unwrap().remove(0);
                    answers.extend(self.taker.tell(&asked, decided).unwrap());
                }
            }
            if !self.taker.has_work() {
                return answers;
            }
            step = self.taker.work().unwrap();
        }
    }

    /// Speaks until nobody has anything more to say, or so many pieces have crossed.
    fn speak(&mut self, row: &mut Corridor, pieces_max: usize) -> Result<(), CarryEnd> {
        loop {
            let wishes = self.carrier.poll()?;
            if wishes.is_empty() {
                return Ok(());
            }
            let mut next = VecDeque::from(wishes);
            while let Some(wish) = next.pop_front() {
                match wish {
                    CarryWish::Execute(command, parcel) => {
                        let decided = row.nodes[self.from].execute(vec![*command]).unwrap();
                        decided.into_iter().for_each(|it| drop(it.unwrap()));
                        self.carrier.executed(&parcel).unwrap();
                    }
                    CarryWish::Send(frame) => match self.cross(row, *frame, pieces_max)? {
                        Some(wishes) => next.extend(wishes),
                        None => return Ok(()),
                    },
                }
            }
        }
    }

    /// One frame, and what follows from its answers; none once enough pieces have crossed.
    fn cross(
        &mut self,
        row: &mut Corridor,
        frame: Sent,
        pieces_max: usize,
    ) -> Result<Option<Vec<CarryWish>>, CarryEnd> {
        self.pieces += usize::from(matches!(frame, Sent::Piece(_)));
        if self.pieces > pieces_max {
            return Ok(None);
        }
        let mut wishes = Vec::new();
        for answer in self.take(row, frame) {
            if let Taken::Wanted { offset, .. } = answer {
                self.wanted.push(offset);
            }
            wishes.extend(self.carrier.take(answer)?);
        }
        Ok(Some(wishes))
    }
}

/// Carries all that is owed from one node to the next.
pub(super) fn carry(row: &mut Corridor, from: usize, to: usize) -> Vec<u64> {
    let mut stream = Stream::opened(row, from, to, &Writers::default());
    stream.speak(row, usize::MAX).unwrap();
    stream.wanted
}

fn files_at(row: &Corridor, n: usize) -> usize {
    row.nodes[n].setting().files.list().unwrap().len()
}

fn read_at_destination(row: &Corridor, number: u32) -> Vec<u8> {
    let setting = row.nodes[2].setting();
    let file = of_message(setting.store.as_ref(), key(), number).unwrap().unwrap();
    let source = Source::open(setting, file).unwrap().unwrap();
    let mut bytes = vec![0; usize::try_from(source.bytes()).unwrap()];
    source.read(0, &mut bytes).unwrap();
    bytes
}

/// Answers that a peer without a carrier gets to `frames`.
fn answers(row: &mut Corridor, stream: &mut Stream, frames: Vec<Sent>) -> Vec<Taken> {
    frames.into_iter().flat_map(|it| stream.take(row, it)).collect()
}

fn refused(answers: &[Taken]) -> Option<(&str, bool)> {
    match answers.last() {
        Some(Taken::Refused { reason, retry, .. }) => Some((reason, *retry)),
        _ => None,
    }
}

fn offer(row: &Corridor, number: u32, handover: u32) -> Offer {
    let header = query::message(row.nodes[0].setting(), key()).unwrap().unwrap().header;
    Offer { message: rogatory::history::message::reference(&header), number, handover }
}

fn piece(parcel: Parcel, offset: u64, bytes: &[u8]) -> Sent {
    Sent::Piece(Piece { parcel, offset, bytes: bytes.to_vec() })
}

#[test]
fn attachments_cross_a_blind_transit_and_each_arrives_with_a_proof_of_its_own() {
    let (first, second) = (file(300_000, 1), file(0, 2));
    let mut row = sent(&[&first, &second]);
    assert_eq!(states(&row, 0), ["waiting", "waiting"]);
    assert_eq!((states(&row, 1), states(&row, 2)), (vec!["awaited"; 2], vec!["awaited"; 2]));
    assert_eq!(carry(&mut row, 0, 1), [0, 0]);
    assert_eq!((states(&row, 0), states(&row, 1)), (vec!["passed_on"; 2], vec!["waiting"; 2]));
    assert_eq!(carry(&mut row, 1, 2), [0, 0]);
    row.rest();
    for n in 0..3 {
        assert_eq!(states(&row, n), ["arrived", "arrived"], "node {n}");
    }
    assert_eq!((read_at_destination(&row, 1), read_at_destination(&row, 2)), (first, second));
    // The transit has nothing any more; the two ends hold each file once.
    assert_eq!([files_at(&row, 0), files_at(&row, 1), files_at(&row, 2)], [2, 0, 2]);
    let directory = row.nodes[0].setting().directory();
    for view in shown(&row, 0) {
        let mut told = Vec::new();
        for station in view.stations {
            let checked = statement::check(&directory, station.receipt.unwrap()).unwrap();
            assert_eq!(checked.station, station.record.station);
            let Fact::Attachment(fact) = checked.entry.fact else { panic!("another fact") };
            assert_eq!(
                (fact.attachment.number, fact.attachment.bytes),
                (view.number, view.sealed_bytes)
            );
            told.push((station.record.station.as_str(), station.record.agency.to_string()));
        }
        let wanted = [("attachment_relayed", agency(1)), ("attachment_arrived", agency(2))];
        assert_eq!(told, wanted.map(|(it, by)| (it, by.to_string())));
    }
    // What is asked again is answered with the same receipt.
    let mut again = Stream::opened(&row, 0, 1, &Writers::default());
    let asked = offer(&row, 1, 1);
    let told = answers(&mut row, &mut again, vec![Sent::Offer(asked.clone()), Sent::Offer(asked)]);
    assert!(
        matches!(&told[..], [Taken::Answer { statement: a, .. }, Taken::Answer { statement: b, .. }] if a == b)
    );
}

#[test]
fn what_was_cut_off_goes_on_at_the_last_durable_byte() {
    let long = file(LONG, 3);
    let mut row = sent(&[&long]);
    let writers = Writers::default();
    let mut cut = Stream::opened(&row, 0, 1, &writers);
    // 20 pieces of 256 KiB are five mebibytes: four of them are durable.
    cut.speak(&mut row, 20).unwrap();
    assert_eq!((cut.wanted.as_slice(), cut.pieces), (&[0][..], 21));
    // The old stream lingers, and a new one takes the file over with all that it holds.
    let mut again = Stream::opened(&row, 0, 1, &writers);
    again.speak(&mut row, 4).unwrap();
    assert_eq!(again.wanted, [5 * 1024 * 1024]);
    let lingering = cut.speak(&mut row, usize::MAX);
    assert!(lingering.is_ok(), "{lingering:?}");
    assert_eq!(states(&row, 0), ["waiting"]);
    drop((cut, again));
    assert_eq!(carry(&mut row, 0, 1), [6 * 1024 * 1024]);
    assert_eq!(carry(&mut row, 1, 2), [0]);
    assert_eq!(read_at_destination(&row, 1), long);
}

#[test]
fn the_same_file_rests_once_however_many_messages_bring_it() {
    let same = file(70_000, 4);
    let mut row = sent(&[&same, &same]);
    carry(&mut row, 0, 1);
    carry(&mut row, 1, 2);
    row.rest();
    assert_eq!(states(&row, 0), ["arrived", "arrived"]);
    assert_eq!(files_at(&row, 2), 1);
    assert_eq!((read_at_destination(&row, 1), read_at_destination(&row, 2)), (same.clone(), same));
}

#[test]
fn the_same_file_is_sealed_anew_each_time_and_a_transit_does_not_see_that_it_is_the_same() {
    let same = file(70_000, 4);
    let mut row = sent(&[&same, &same]);
    assert_eq!(files_at(&row, 0), 1, "it rests once where it was handed in");
    carry(&mut row, 0, 1);
    let files = &row.nodes[1].setting().files;
    let sealed = files.list().unwrap().into_iter().map(|it| {
        let mut bytes = vec![0; usize::try_from(it.bytes).unwrap()];
        files.read(it.id, 0, &mut bytes).unwrap();
        bytes
    });
    let [one, other] = &sealed.collect::<Vec<_>>()[..] else { panic!("both wait there") };
    assert_eq!(one.len(), other.len());
    // Of the same text under other keys no place is alike but by chance: one in 256.
    let alike = one.iter().zip(other).filter(|(one, other)| one == other).count();
    assert!(alike < one.len() / 64, "{alike} of {} bytes are alike", one.len());
}

#[test]
fn a_size_or_hash_that_lies_is_cut_off_and_nothing_stays() {
    let real = file(300_000, 5);
    let mut row = sent(&[&real]);
    let mut stream = Stream::opened(&row, 0, 1, &Writers::default());
    let offered = offer(&row, 1, 1);
    let parcel = offered.parcel();
    let told = answers(&mut row, &mut stream, vec![Sent::Offer(offered)]);
    assert_eq!(told, [Taken::Wanted { parcel, offset: 0 }]);
    let bytes = usize::try_from(shown(&row, 0)[0].sealed_bytes).unwrap();
    let garbage = vec![7; 256 * 1024];
    let mut offset = 0;
    // Endless: more than the header says.
    let told = loop {
        let told = answers(&mut row, &mut stream, vec![piece(parcel, offset as u64, &garbage)]);
        offset += garbage.len();
        if offset > bytes {
            break told;
        }
    };
    let [Taken::Answer { statement, .. }] = &told[..] else { panic!("{told:?}") };
    let directory = row.nodes[0].setting().directory();
    let checked = statement::check(&directory, statement.clone()).unwrap();
    assert_eq!(checked.entry.fact.reason(), Some(Reason::AttachmentAltered));
    assert_eq!(files_at(&row, 1), 0);

    // As long as it should be, and another.
    let mut row = sent(&[&real]);
    let mut stream = Stream::opened(&row, 0, 1, &Writers::default());
    let offered = Sent::Offer(offer(&row, 1, 1));
    answers(&mut row, &mut stream, vec![offered]);
    let mut told = Vec::new();
    for (at, part) in vec![7; bytes].chunks(256 * 1024).enumerate() {
        let frame = piece(parcel, (at * 256 * 1024) as u64, part);
        told = answers(&mut row, &mut stream, vec![frame]);
    }
    assert!(matches!(told.last(), Some(Taken::Answer { .. })), "{told:?}");
    let ended = Whereabouts::Ended { reason: Reason::AttachmentAltered };
    assert_eq!(shown(&row, 1)[0].record.whereabouts, ended);
    assert_eq!(files_at(&row, 1), 0);
    // The honest carrier hears the same for good, and the origin shows it.
    carry(&mut row, 0, 1);
    assert_eq!(states(&row, 0), ["not_taken"]);
}

#[test]
fn a_peer_can_bring_only_what_it_handed_over_and_only_in_order() {
    let real = file(300_000, 6);
    let mut row = sent(&[&real]);
    let mut stream = Stream::opened(&row, 0, 1, &Writers::default());
    let good = offer(&row, 1, 1);
    let parcel = good.parcel();
    let no = Some(("NOT_FOUND", true));
    let told = answers(&mut row, &mut stream, vec![piece(parcel, 0, b"unasked")]);
    assert_eq!(refused(&told), no);
    let mut unknown = good.clone();
    unknown.message.message = MessageId::from_bytes([9; 16]);
    let mut other_header = good.clone();
    other_header.message.header = Digest::of(b"another header");
    let wrong = [
        Offer { handover: 2, ..good.clone() },
        Offer { number: 2, ..good.clone() },
        unknown,
        other_header,
    ];
    for wrong in wrong {
        let told = answers(&mut row, &mut stream, vec![Sent::Offer(wrong.clone())]);
        assert_eq!(refused(&told), no, "{wrong:?}");
    }
    // Another peer, which did not hand the message over.
    let mut other = Stream::opened(&row, 2, 1, &Writers::default());
    let told = answers(&mut row, &mut other, vec![Sent::Offer(good.clone())]);
    assert_eq!(refused(&told), no);
    assert_eq!(files_at(&row, 1), 0);
    let frames = vec![Sent::Offer(good.clone()), piece(parcel, 5, b"behind")];
    assert_eq!(refused(&answers(&mut row, &mut stream, frames)), Some(("OUT_OF_STEP", true)));
    let mut silent = Taker::new(Arc::clone(row.nodes[1].setting()), agency(0), Writers::default());
    let TakeStep::Reply(told) = silent.take(Sent::Offer(good)).unwrap() else { panic!("asked") };
    assert_eq!(refused(&told), Some(("HELLO_MISSING", false)));
    carry(&mut row, 0, 1);
    assert_eq!(states(&row, 1), ["waiting"]);
}

#[test]
fn a_listener_that_lies_about_what_it_holds_ends_the_session() {
    let real = file(300_000, 7);
    let row = sent(&[&real]);
    let parcel = offer(&row, 1, 1).parcel();
    let bytes = shown(&row, 0)[0].sealed_bytes;
    let lies = [
        vec![Taken::Wanted { parcel, offset: bytes + 1 }],
        vec![Taken::Wanted { parcel, offset: 0 }, Taken::Durable { parcel, offset: 1 }],
        vec![Taken::Wanted { parcel, offset: 5 }, Taken::Wanted { parcel, offset: 0 }],
        vec![Taken::Answer { parcel, statement: shown_statement(&row) }],
    ];
    for lie in lies {
        let mut stream = Stream::opened(&row, 0, 1, &Writers::default());
        assert_eq!(stream.carrier.poll().unwrap().len(), 1);
        let ended = lie.clone().into_iter().find_map(|it| stream.carrier.take(it).err());
        assert!(matches!(ended, Some(CarryEnd::Lie(_))), "{lie:?}");
    }
}

/// Some statement that holds, and is no answer to an offer.
fn shown_statement(row: &Corridor) -> rogatory::wire::envelope::Statement {
    let view = query::message(row.nodes[0].setting(), key()).unwrap().unwrap();
    view.stations[0].receipt.clone().unwrap()
}

#[test]
fn content_that_lies_about_an_attachment_is_found_where_it_is_opened() {
    let real = file(70_000, 8);
    let other = file(70_000, 9);
    let mut row = Corridor::grown(&[]);
    hand_in(&mut row, 0, &real);
    // The file of one hash, under the description of another.
    submit(&mut row, "key-1", &with(&[&other]), &with(&[&real]));
    row.rest();
    carry(&mut row, 0, 1);
    assert_eq!(states(&row, 1), ["waiting"]);
    carry(&mut row, 1, 2);
    row.rest();
    let never = AtDestination::NotTaken { reason: Reason::AttachmentFalse };
    assert_eq!(shown(&row, 0)[0].record.at_destination, Some(never));
    assert_eq!((files_at(&row, 1), files_at(&row, 2)), (0, 0));
}

#[test]
fn what_has_not_come_in_time_is_refused_for_good_and_the_origin_hears_it() {
    let real = file(300_000, 10);
    let mut row = sent(&[&real, &real]);
    let mut cut = Stream::opened(&row, 0, 1, &Writers::default());
    cut.speak(&mut row, 1).unwrap();
    drop(cut);
    let ask_due = |row: &mut Corridor, n: usize| {
        let commands = due::commands(row.nodes[n].setting()).unwrap();
        drop(row.nodes[n].execute(commands).unwrap());
    };
    row.clock.advance(HOUR_MS + 119_000);
    (0..3).for_each(|n| ask_due(&mut row, n));
    assert_eq!(states(&row, 2), ["awaited", "awaited"]);
    row.clock.advance(2_000);
    (0..3).for_each(|n| ask_due(&mut row, n));
    assert_eq!((states(&row, 1), states(&row, 2)), (vec!["not_taken"; 2], vec!["not_taken"; 2]));
    assert_eq!(files_at(&row, 1), 0);
    row.rest();
    let never = AtDestination::NotTaken { reason: Reason::Expired };
    let origin: Vec<_> = shown(&row, 0).into_iter().map(|it| it.record.at_destination).collect();
    assert_eq!(origin, [Some(never), Some(never)]);
    // Nothing is owed any more, and an offer is answered with what was said.
    assert!(!Carrier::is_wanted(row.nodes[0].setting(), &agency(1)).unwrap());
    let mut late = Stream::opened(&row, 0, 1, &Writers::default());
    let offered = Sent::Offer(offer(&row, 1, 1));
    let told = answers(&mut row, &mut late, vec![offered]);
    let [Taken::Answer { statement, .. }] = &told[..] else { panic!("{told:?}") };
    let checked = statement::check(&row.nodes[0].setting().directory(), statement.clone()).unwrap();
    assert_eq!(checked.entry.fact.reason(), Some(Reason::Expired));
}

#[test]
fn an_origin_that_erased_its_message_hears_that_the_attachment_arrived() {
    let first = file(300_000, 9);
    let mut row = Corridor::grown(&[]);
    hand_in(&mut row, 0, &first);
    let mut direct = with(&[&first]);
    direct["to"] = json!([desk_of(1, "desk")]);
    submit(&mut row, "key-1", &direct, &direct);
    row.rest();
    // It arrives, and the answer is lost on the way back.
    let mut stream = Stream::opened(&row, 0, 1, &Writers::default());
    let mut answered = false;
    while !answered {
        let wishes = stream.carrier.poll().unwrap();
        assert!(!wishes.is_empty(), "there is more to send until it is answered");
        for wish in wishes {
            let CarryWish::Send(frame) = wish else { panic!("{wish:?}") };
            for answer in stream.take(&mut row, *frame) {
                match answer {
                    Taken::Answer { .. } => answered = true,
                    Taken::Welcome(_)
                    | Taken::Wanted { .. }
                    | Taken::Durable { .. }
                    | Taken::Refused { .. } => drop(stream.carrier.take(answer).unwrap()),
                }
            }
        }
    }
    drop(stream);
    assert_eq!((states(&row, 0), states(&row, 1)), (vec!["waiting"], vec!["arrived"]));
    let by =
        rogatory::identity::Principal::new(agency(0), rogatory::identity::Role::Officer, CALLER);
    let cause = rogatory::domain::retention::ErasureCause::OwnDecision;
    let erase = Command::Erase { by: Some(by.unwrap()), message: key(), cause };
    row.nodes[0].execute(vec![erase]).unwrap().remove(0).unwrap();
    assert_eq!(states(&row, 0), ["not_taken"]);
    assert_eq!(carry(&mut row, 0, 1), Vec::<u64>::new(), "nothing of it is sent again");
    row.rest();
    assert_eq!(states(&row, 0), ["arrived"], "by the statement of its destination");
    let stations = shown(&row, 0).remove(0).stations;
    assert_eq!(stations.len(), 1);
    assert!(stations.iter().all(|it| it.receipt.is_some()));
    let before = row.entries(0).len();
    row.rest();
    assert_eq!(row.entries(0).len(), before, "once");
}

#[test]
fn a_stream_ends_once_the_listening_node_follows_another_directory_and_the_next_goes_on() {
    let mut row = sent(&[&file(3_000_000, 1)]);
    let mut stream = Stream::opened(&row, 0, 1, &Writers::default());
    stream.speak(&mut row, 2).unwrap();
    go_on(&mut row, 1);
    let ended = stream.speak(&mut row, usize::MAX);
    let is_changed = |it: &CarryEnd| it.to_string() == "peer: refused: DIRECTORY_CHANGED";
    assert!(ended.as_ref().is_err_and(is_changed), "{ended:?}");
    let wanted = carry(&mut row, 0, 1);
    assert!(matches!(wanted[..], [offset] if offset > 0), "{wanted:?}");
    assert_eq!((states(&row, 0), states(&row, 1)), (vec!["passed_on"], vec!["waiting"]));
}

#[test]
fn what_was_stated_of_an_attachment_while_the_directory_changed_is_told_in_the_next_stream() {
    let mut row = sent(&[&file(1_000, 1)]);
    let mut stream = Stream::opened(&row, 0, 1, &Writers::default());
    let mut refusals = 0;
    for _ in 0..2 {
        for wish in stream.carrier.poll().unwrap() {
            let CarryWish::Send(frame) = wish else { panic!("nothing is recorded yet") };
            let mut step = stream.taker.take(*frame).unwrap();
            while stream.taker.has_work() {
                step = stream.taker.work().unwrap();
            }
            let replies = match step {
                TakeStep::Reply(replies) => replies,
                TakeStep::Ask(command, asked) => {
                    let is_stated = matches!(*command, Command::StateAttachment(_));
                    let decided = row.nodes[1].execute(vec![*command]).unwrap().remove(0);
                    if is_stated {
                        go_on(&mut row, 1);
                    }
                    stream.taker.tell(&asked, decided).unwrap()
                }
            };
            let is_changed = refused(&replies) == Some(("DIRECTORY_CHANGED", true));
            let ended = replies.into_iter().find_map(|it| stream.carrier.take(it).err());
            assert_eq!(ended.is_some(), is_changed, "{ended:?}");
            refusals += usize::from(is_changed);
        }
    }
    assert_eq!(refusals, 1, "the answer is kept back");
    assert_eq!((states(&row, 0), states(&row, 1)), (vec!["waiting"], vec!["waiting"]));
    // It has been stated once, and the same answer is told now.
    let before = row.entries(1).len();
    assert_eq!(carry(&mut row, 0, 1), [0; 0]);
    assert_eq!((states(&row, 0), row.entries(1).len()), (vec!["passed_on"], before));
}
