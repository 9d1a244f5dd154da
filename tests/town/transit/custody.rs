//! A hop takes a message over only with the origin's proof, and says never to everything else, in
//! an entry of its own; the answer to one handover is no answer to another.

use std::sync::Arc;

use rogatory::domain::fact::{Fact, Reason};
use rogatory::evidence::statement;
use rogatory::merkle::note::SignedNote;
use rogatory::merkle::receipt::TlogProof;
use rogatory::node::conduct;
use rogatory::node::duties::inbound::{Inbound, check_answer};
use rogatory::node::duties::outbound::Outbound;
use rogatory::wire::relay::{Answer, Handing, Incoming, Outgoing};

use crate::transit::row::{MARKER, Row, Told};

const FIRST: Told<'static> = Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "desk", request: 1 };
const SECOND: Told<'static> = Told { kind: "UNTOC.28.STRATEGIC", desk: "deske", request: 2 };

type Flip<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
type Spoil = fn(&mut Handing, Flip<'_>);

/// A row in which the origin's message was handed to the transit, and what was handed.
fn handed() -> (Row, Handing) {
    let mut row = Row::new();
    row.submit(&FIRST);
    let handing = row.hand_over(0, 1).remove(0);
    (row, handing)
}

/// Hands `handing` to node `to` as if node `from` had sent it.
fn hand(row: &mut Row, from: usize, to: usize, handing: Handing) -> Answer {
    let peer = row.federation.agencies[from].clone();
    let mut inbound = Inbound::new(Arc::clone(row.nodes[to].setting()), peer);
    let target = row.federation.agencies[to].clone();
    let hello = Outbound::new(Arc::clone(row.nodes[from].setting()), target).hello();
    row.answer(to, &mut inbound, hello);
    match row.answer(to, &mut inbound, Outgoing::Handing(Box::new(handing))) {
        Incoming::Answer(answer) => answer,
        other => panic!("expected an answer, not {other:?}"),
    }
}

fn fact(row: &Row, answer: &Answer) -> Fact {
    statement::verify(&row.federation.directory, &answer.statement).unwrap().0.fact
}

fn refusal(row: &Row, answer: &Answer) -> Reason {
    match fact(row, answer) {
        Fact::NotTaken { reason, .. } => reason,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

#[test]
fn the_same_handover_gets_the_same_bytes_and_another_number_is_a_loop() {
    let (mut row, handing) = handed();
    let size = row.nodes[1].setting().journal.next();
    let again = hand(&mut row, 0, 1, handing.clone());
    assert!(matches!(fact(&row, &again), Fact::TakenOver { .. }));
    assert_eq!(hand(&mut row, 0, 1, handing.clone()), again);
    assert_eq!(row.nodes[1].setting().journal.next(), size);
    let other = Handing { handover: handing.handover + 1, ..handing };
    let answer = hand(&mut row, 0, 1, other);
    assert_eq!(refusal(&row, &answer), Reason::Loop);
}

#[test]
fn a_message_without_the_proof_of_its_origin_is_never_taken() {
    let (_, sound) = handed();
    let mut other = Row::new();
    other.submit(&FIRST);
    other.submit(&SECOND);
    let foreign = other.hand_over(0, 1).remove(0).envelope.origin;
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    let spoilt: [Spoil; 4] = [
        |it, flip| it.envelope.content = flip(&it.envelope.content),
        |it, flip| it.envelope.particulars = flip(&it.envelope.particulars),
        |it, flip| it.envelope.wraps_bytes = flip(&it.envelope.wraps_bytes),
        |it, flip| it.envelope.origin.entry = flip(&it.envelope.origin.entry),
    ];
    for spoil in spoilt {
        let mut row = Row::new();
        row.submit(&FIRST);
        let mut handing = Handing { handover: 9, ..sound.clone() };
        spoil(&mut handing, &flipped);
        let answer = hand(&mut row, 0, 1, handing);
        assert_eq!(refusal(&row, &answer), Reason::ProofInvalid);
    }
    let mut row = Row::new();
    let mut handing = sound.clone();
    handing.envelope.origin = foreign;
    let answer = hand(&mut row, 0, 1, handing);
    assert_eq!(refusal(&row, &answer), Reason::ProofInvalid);
}

#[test]
fn a_checkpoint_that_no_witness_has_seen_is_no_proof() {
    let (_, mut handing) = handed();
    let mut proof = TlogProof::parse(&handing.envelope.origin.proof).unwrap();
    let mut note = SignedNote::parse(&proof.checkpoint).unwrap();
    note.signatures.retain(|line| !line.name.ends_with("/witness"));
    proof.checkpoint = note.to_bytes();
    handing.envelope.origin.proof = proof.to_bytes();
    let mut row = Row::new();
    let answer = hand(&mut row, 0, 1, handing);
    assert_eq!(refusal(&row, &answer), Reason::ProofInvalid);
}

#[test]
fn hops_are_counted_and_time_runs_out() {
    let (_, handing) = handed();
    let far = Handing { hops: 9, ..handing.clone() };
    let mut row = Row::new();
    let answer = hand(&mut row, 0, 1, far);
    assert_eq!(refusal(&row, &answer), Reason::HopLimit);
    let mut row = Row::new();
    row.clock.advance(3_600_000 + 120_001);
    let answer = hand(&mut row, 0, 1, handing);
    assert_eq!(refusal(&row, &answer), Reason::Expired);
}

#[test]
fn a_trail_that_can_not_be_is_refused_as_a_lie_and_none_is_not() {
    let (mut passed, first) = handed();
    let second = passed.hand_over(1, 2).remove(0);
    let agency = |n: usize| passed.federation.agencies[n].clone();
    let named = |trail: &[usize]| -> Vec<_> { trail.iter().map(|n| agency(*n)).collect() };
    assert_eq!((&first.trail, &second.trail), (&named(&[0]), &named(&[0, 1])));
    let stranger = "int.elsewhere".parse().unwrap();
    let odd = [
        (1, named(&[0, 0])),
        (1, named(&[1, 0])),
        (1, named(&[2, 0])),
        (1, named(&[0, 1])),
        (1, vec![agency(0), stranger]),
        (2, named(&[0, 1, 1])),
        (2, named(&[1, 0])),
        (2, named(&[0])),
        (2, named(&[1])),
        (2, named(&[2, 0, 1])),
    ];
    for (to, trail) in odd {
        let mut row = Row::new();
        row.submit(&FIRST);
        let sound = if to == 1 { &first } else { &second };
        let answer = hand(&mut row, to - 1, to, Handing { trail, ..sound.clone() });
        assert_eq!(refusal(&row, &answer), Reason::TrailInvalid);
        let (setting, peer) = (row.nodes[to].setting(), &row.federation.agencies[to - 1]);
        let conduct = conduct::of(setting.store.as_ref(), peer, setting.clock.now()).unwrap();
        assert_eq!((conduct.lies(), conduct.on_record()), (1, 1));
    }
    let mut row = Row::new();
    row.submit(&FIRST);
    let answer = hand(&mut row, 0, 1, Handing { trail: Vec::new(), ..first });
    assert!(matches!(fact(&row, &answer), Fact::TakenOver { .. }));
}

#[test]
fn an_answer_counts_only_for_the_handover_that_it_names() {
    let (mut row, handing) = handed();
    let answer = hand(&mut row, 0, 1, handing);
    let (origin, peer) = (Arc::clone(row.nodes[0].setting()), row.federation.agencies[1].clone());
    assert_eq!(check_answer(&origin, &peer, answer.clone()).unwrap().digest.as_bytes().len(), 32);
    let other = Answer { handover: answer.handover + 1, ..answer.clone() };
    let text = "PROOF_INVALID: the answer is for another handover";
    assert_eq!(check_answer(&origin, &peer, other).unwrap_err().to_string(), text);
    let stranger = row.federation.agencies[2].clone();
    assert_eq!(check_answer(&origin, &stranger, answer).unwrap_err().to_string(), text);
    assert!(row.held(2).windows(MARKER.len()).all(|it| it != MARKER.as_bytes()));
}
