//! What a hop that lies, or a wire that does, can make of a frame: nothing that the next honest hop
//! takes.
//!
//! Each frame that crossed a link is recorded. Then every byte of it is changed once, and it comes
//! again, three times, before and after a restart, a day later, and to nodes that it was not for.

use std::collections::BTreeMap;

use prost::Message as _;
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::domain::reason::Reason;
use rogatory::evidence::statement;
use rogatory::history::state_hash;
use rogatory::journal::memory::MemoryDisk;
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::node::command::Command;
use rogatory::node::duties::inbound::{Inbound, Step, check_answer};
use rogatory::node::duties::outbound::Outbound;
use rogatory::node::queue::Asker;
use rogatory::wire::pb;
use rogatory::wire::relay::{Answer, Incoming, Outgoing};
use serde_json::json;

use crate::corridor::{Corridor, Crossed, desk_of};
use crate::support::agency;

const DESKS: [&str; 1] = ["second"];
const REQUEST: [u8; 16] = *b"\x01\x9c\xad\xb0\x5d\xa8\x76\x4d\x8e\xde\xa5\x70\x47\x39\x07\xc3";
const DAY_MS: i64 = 86_400_000;

type Disks = [(MemoryDisk, MemorySlots); 3];

/// A row in which a request crossed and its receipts came back.
fn crossed(disks: &Disks) -> Corridor {
    let mut row = Corridor::on(&DESKS, disks);
    let file = json!({
        "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "a vessel without lights",
        "from": desk_of(0, "desk"), "to": [desk_of(2, "desk")],
        "urgency": {"level": "priority", "reason": "It drifts"},
    });
    row.submit(0, "key-1", RequestId::from_bytes(REQUEST), &file.to_string());
    row.rest();
    row
}

/// The listening end of `to` for a session that `from` has opened.
fn greeted(row: &Corridor, from: usize, to: usize) -> Inbound {
    let setting = |n: usize| std::sync::Arc::clone(row.nodes[n].setting());
    let mut inbound = Inbound::new(setting(to), agency(from));
    let hello = Outbound::new(setting(from), agency(to)).hello();
    let Step::Reply(Incoming::Welcome(_)) = inbound.take(hello).unwrap() else {
        panic!("the peer is known")
    };
    inbound
}

/// The bytes with one bit of byte `at` turned; which bit changes from byte to byte.
fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << (at % 8);
    bytes
}

/// What came of the flipped bytes of one frame.
#[derive(Debug, Default)]
struct Came {
    refused: usize,
    same: usize,
}

/// Flips every byte of a frame on its way from `from` to `to`. What is taken all the same must be
/// what was sent: the number and the hops are the dialling node's own words, and lines of a proof
/// that nobody asks for may be anything.
fn flip_out(row: &Corridor, (from, to): (usize, usize), frame: &Outgoing) -> Came {
    let bytes = frame.clone().into_pb().encode_to_vec();
    let mut inbound = greeted(row, from, to);
    let mut came = Came::default();
    for at in 0..bytes.len() {
        // A session of nothing but garbage is cut off.
        if at % 512 == 511 {
            inbound = greeted(row, from, to);
        }
        let read = pb::TransferRequest::decode(&*flipped(&bytes, at)).ok();
        let Some(Ok(changed)) = read.map(Outgoing::from_pb) else {
            came.refused += 1;
            continue;
        };
        let taken = match inbound.take(changed).unwrap() {
            Step::Reply(_) => None,
            Step::Ask(command, _) => Some(*command),
        };
        let is_same = match (taken, frame) {
            (Some(Command::Receive(arrival)), Outgoing::Handing(sound)) => {
                let mut envelope = arrival.envelope;
                envelope.origin.proof.clone_from(&sound.envelope.origin.proof);
                arrival.verdict.is_ok().then(|| assert_eq!(envelope, sound.envelope, "byte {at}"))
            }
            (Some(Command::RecordStatement(by, checked)), Outgoing::Notice(sound)) => {
                assert_eq!(by, Asker::Peer(agency(from)), "byte {at}");
                assert_eq!(checked.statement.entry, sound.statement.entry, "byte {at}");
                Some(())
            }
            (Some(other), _) => panic!("byte {at} makes it {other:?}"),
            (None, _) => None,
        };
        if is_same.is_some() { came.same += 1 } else { came.refused += 1 }
    }
    came
}

/// Flips every byte of an answer that `from` gave to `to`.
fn flip_answer(row: &Corridor, (from, to): (usize, usize), sound: &Answer) -> Came {
    let bytes = Incoming::Answer(sound.clone()).into_pb().encode_to_vec();
    let mut came = Came::default();
    for at in 0..bytes.len() {
        let read = pb::TransferResponse::decode(&*flipped(&bytes, at)).ok();
        let Some(Ok(Incoming::Answer(changed))) = read.map(Incoming::from_pb) else {
            came.refused += 1;
            continue;
        };
        match check_answer(row.nodes[to].setting(), &agency(from), changed) {
            Ok(checked) => {
                assert_eq!(checked.statement.entry, sound.statement.entry, "byte {at}");
                came.same += 1;
            }
            Err(_) => came.refused += 1,
        }
    }
    came
}

#[test]
fn no_byte_of_a_frame_can_be_changed_and_the_frame_be_taken_for_another() {
    let row = crossed(&Disks::default());
    let mut seen = BTreeMap::<&str, Came>::new();
    for (from, to, frame) in &row.crossed {
        let (sort, came) = match frame {
            Crossed::Out(frame @ Outgoing::Handing(_)) => {
                ("handing", flip_out(&row, (*from, *to), frame))
            }
            Crossed::Out(frame @ Outgoing::Notice(_)) => {
                ("notice", flip_out(&row, (*from, *to), frame))
            }
            Crossed::Back(Incoming::Answer(answer)) => {
                ("answer", flip_answer(&row, (*from, *to), answer))
            }
            _ => continue,
        };
        let all = seen.entry(sort).or_default();
        all.refused += came.refused;
        all.same += came.same;
    }
    println!("bytes changed: {seen:?}");
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), ["answer", "handing", "notice"]);
    for (sort, Came { refused, same }) in seen {
        assert!(refused > 20 * same, "{sort}: {same} of {refused}");
    }
}

/// What each node holds: its folded state and the size of its journal.
fn states(row: &Corridor) -> Vec<(Digest, u64)> {
    let of = |node: &rogatory::node::Node| {
        let setting = node.setting();
        (state_hash(setting.store.as_ref()).unwrap(), setting.journal.next())
    };
    row.nodes.iter().map(of).collect()
}

/// Gives each recorded frame to the node that it was for, three times.
fn replay(row: &mut Corridor, recorded: &[(usize, usize, Outgoing)]) {
    for (from, to, frame) in recorded {
        let mut inbound = greeted(row, *from, *to);
        let answers: Vec<_> =
            (0..3).map(|_| row.answered(*to, &mut inbound, frame.clone())).collect();
        assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
    }
}

fn recorded(row: &Corridor) -> Vec<(usize, usize, Outgoing)> {
    let out = row.crossed.iter().filter_map(|(from, to, it)| match it {
        Crossed::Out(frame) => Some((*from, *to, frame.clone())),
        Crossed::Back(_) => None,
    });
    out.collect()
}

#[test]
fn a_frame_that_comes_again_changes_nothing() {
    let disks = Disks::default();
    let mut row = crossed(&disks);
    let recorded = recorded(&row);
    assert!(recorded.len() > 5, "{} frames", recorded.len());
    let before = states(&row);
    replay(&mut row, &recorded);
    assert_eq!(states(&row), before);
    drop(row);
    for (disk, slots) in &disks {
        assert_eq!(disk.crash(0), 0, "all of it is durable");
        slots.crash();
    }
    let mut row = Corridor::on(&DESKS, &disks);
    // Roots are made anew with chance, so the nodes have adopted another directory.
    let before = states(&row);
    replay(&mut row, &recorded);
    assert_eq!(states(&row), before);
    row.clock.advance(DAY_MS);
    replay(&mut row, &recorded);
    assert_eq!(states(&row), before);
}

#[test]
fn a_frame_that_was_for_another_is_never_taken() {
    let mut row = crossed(&Disks::default());
    let sound = row.crossed.iter().filter_map(|(from, to, it)| match it {
        Crossed::Out(Outgoing::Handing(handing)) => Some((*from, *to, handing.clone())),
        Crossed::Out(_) | Crossed::Back(_) => None,
    });
    let sound: Vec<_> = sound.collect();
    assert_eq!(
        sound.iter().map(|(from, to, _)| (*from, *to)).collect::<Vec<_>>(),
        [(0, 1), (1, 2)]
    );
    let mut tried = 0;
    for (from, to) in [(1, 0), (2, 1), (0, 2), (2, 0)] {
        for (_, _, handing) in &sound {
            let mut inbound = greeted(&row, from, to);
            let frame = Outgoing::Handing(handing.clone());
            match row.answered(to, &mut inbound, frame) {
                Incoming::Answer(answer) => {
                    let directory = &row.nodes[to].setting().directory();
                    let (entry, _) = statement::verify(directory, &answer.statement).unwrap();
                    let Fact::NotTaken { reason, .. } = entry.fact else {
                        panic!("from {from} to {to}: {:?}", entry.fact)
                    };
                    // What comes back to its origin has gone in a circle; the entry is the evidence.
                    assert!(to != 0 || reason == Reason::Loop, "from {from} to {to}: {reason:?}");
                }
                other => panic!("from {from} to {to}: {other:?}"),
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 8);
}
