//! What a peer answers under keys that only a newer directory names is no lie: it is asked again, and counts
//! once that directory is here. And a session ends in which either side has come to follow another directory
//! than it named, so that the other never judges by less than it was told.

use std::sync::Arc;

use rogatory::clock::Clock as _;
use rogatory::directory::witness_keys::WitnessKeys;
use rogatory::domain::fact::Fact;
use rogatory::history::message::{self, Custody};
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::node::command::Command;
use rogatory::node::conduct::{self, Misconduct};
use rogatory::node::duties::inbound::{Inbound, Step};
use rogatory::node::duties::outbound::{Lie, Outbound, SessionEnd, Wish};
use rogatory::redact::Secret;
use rogatory::wire;
use rogatory::wire::relay::{Cosigned, Cosigning, Incoming, Outgoing};

use crate::corridor::Corridor;
use crate::support::agency;
use crate::transit::attached::{carry, file, sent, states};
use crate::transit::conduct::{catch_up, follow, go_on, lag, request};

/// A peer is asked again after so many milliseconds.
const AGAIN_MS: i64 = 5_000;

fn facts(row: &Corridor, n: usize) -> Vec<Fact> {
    row.entries(n).into_iter().map(|it| wire::entry::read(&it).expect("an entry").fact).collect()
}

/// Where the one message of node 0 is.
fn custody(row: &Corridor) -> Custody {
    let submitted = facts(row, 0)
        .into_iter()
        .find_map(|it| if let Fact::Submitted { header } = it { Some(header.key()) } else { None });
    let store = Arc::clone(&row.nodes[0].setting().store);
    let found = message::find(store.as_ref(), submitted.expect("it was submitted"));
    found.expect("it can be read").expect("it is known").custody
}

fn lies(row: &Corridor) -> u32 {
    let store = Arc::clone(&row.nodes[0].setting().store);
    conduct::of(store.as_ref(), &agency(1), row.clock.now()).expect("it can be read").lies()
}

#[test]
fn a_receipt_under_a_key_that_is_not_known_yet_is_no_lie_and_is_asked_for_again() {
    let mut row = Corridor::grown(&[]);
    lag(&mut row, 0, 1);
    [1, 2].into_iter().for_each(|n| go_on(&mut row, n));
    request(&mut row);
    for _ in 0..3 {
        // The session goes on: it would not after a lie.
        row.session(0, 1);
        assert_eq!(custody(&row), Custody::InDoubt { peer: agency(1), number: 1 });
        assert_eq!(lies(&row), 0);
    }
    let taken = |row: &Corridor| {
        facts(row, 1).iter().filter(|it| matches!(it, Fact::TakenOver { .. })).count()
    };
    assert_eq!(taken(&row), 1);
    catch_up(&mut row, 0, 1);
    row.session(0, 1);
    assert_eq!((custody(&row), taken(&row)), (Custody::PassedOn, 1));
}

#[test]
fn a_cosignature_under_a_key_that_is_not_known_yet_is_no_lie_and_is_asked_for_again() {
    let mut row = Corridor::grown(&[]);
    follow(&mut row, 0, |draft| {
        let found = draft.agencies.iter_mut().find(|it| it.id == agency(1));
        let other = Ed25519Signer::from_seed(&Secret::new([98; 32])).public();
        found.expect("an agency").witness = Some(WitnessKeys::of(other));
    });
    [1, 2].into_iter().for_each(|n| go_on(&mut row, n));
    request(&mut row);
    let setting = |n: usize| Arc::clone(row.nodes[n].setting());
    let mut outbound = Outbound::new(setting(0), agency(1));
    let mut inbound = Inbound::new(setting(1), agency(0));
    let welcome = row.answered(1, &mut inbound, outbound.hello());
    outbound.take(welcome).expect("it is welcome");
    let offer = |outbound: &mut Outbound| {
        let wishes = outbound.poll().expect("the session goes on");
        wishes.into_iter().find_map(|it| match it {
            Wish::Send(frame) if matches!(*frame, Outgoing::CheckpointOffer(_)) => Some(*frame),
            Wish::Send(_) | Wish::Execute(..) => None,
        })
    };
    let offered = offer(&mut outbound).expect("what waits needs a cosignature");
    let given = row.answered(1, &mut inbound, offered);
    let wishes = outbound.take(given).expect("it is no lie");
    let [Wish::Execute(noted, _)] = &wishes[..] else { panic!("{wishes:?}") };
    assert!(matches!(**noted, Command::Misconduct(_, Misconduct::Early)), "{noted:?}");
    assert!(offer(&mut outbound).is_none(), "it rests");
    row.clock.advance(AGAIN_MS);
    offer(&mut outbound).expect("it is asked for again");
    // What no directory makes good is a lie all the same.
    let verdict = Cosigning::Given(b"no line".to_vec());
    let bad = Incoming::Cosigned(Cosigned { offered_size: 1, witnessed_size: 1, verdict });
    let told = outbound.take(bad).expect_err("a lie");
    assert!(matches!(told, SessionEnd::Lie(Lie::Cosignature(_))), "{told}");
    catch_up(&mut row, 0, 1);
    row.session(0, 1);
    assert_eq!(custody(&row), Custody::PassedOn);
}

#[test]
fn a_receipt_for_an_attachment_under_a_key_that_is_not_known_yet_is_no_lie_and_is_asked_for_again()
{
    let mut row = sent(&[&file(300_000, 1)]);
    lag(&mut row, 0, 1);
    [1, 2].into_iter().for_each(|n| go_on(&mut row, n));
    // All of it comes; what the peer says of it can't be judged, also not when it is offered again.
    assert_eq!(carry(&mut row, 0, 1), [0]);
    assert_eq!(carry(&mut row, 0, 1), [0; 0]);
    assert_eq!((states(&row, 0), states(&row, 1)), (vec!["waiting"], vec!["waiting"]));
    catch_up(&mut row, 0, 1);
    assert_eq!(carry(&mut row, 0, 1), [0; 0]);
    assert_eq!(states(&row, 0), ["passed_on"]);
}

/// Node `n` knows another witness key of agency `of` than that has.
fn knows_another_witness(row: &mut Corridor, n: usize, of: usize) {
    follow(row, n, |draft| {
        let found = draft.agencies.iter_mut().find(|it| it.id == agency(of));
        let other = Ed25519Signer::from_seed(&Secret::new([98; 32])).public();
        found.expect("an agency").witness = Some(WitnessKeys::of(other));
    });
}

/// Both ends of a session of `from` with `to` that has been greeted, and the welcome taken.
fn greeted(row: &mut Corridor, from: usize, to: usize) -> (Outbound, Inbound) {
    let mut outbound = Outbound::new(Arc::clone(row.nodes[from].setting()), agency(to));
    let mut inbound = Inbound::new(Arc::clone(row.nodes[to].setting()), agency(from));
    let welcome = row.answered(to, &mut inbound, outbound.hello());
    outbound.take(welcome).expect("it is welcome");
    (outbound, inbound)
}

#[test]
fn what_a_new_key_witnessed_goes_in_a_session_that_was_greeted_by_its_directory() {
    let mut row = Corridor::grown(&[]);
    knows_another_witness(&mut row, 2, 1);
    request(&mut row);
    row.session(0, 1);
    let (mut outbound, _) = greeted(&mut row, 1, 2);
    // What the transit owes is witnessed under the key that the next version names, and nobody has told it so.
    go_on(&mut row, 1);
    let ended = outbound.poll().expect_err("another directory is followed");
    assert!(matches!(ended, SessionEnd::DirectoryChanged), "{ended}");
    let before = row.entries(2).len();
    row.session(1, 2);
    assert_eq!(row.entries(2).len(), before, "it is too early to refuse it");
    catch_up(&mut row, 2, 1);
    row.clock.advance(AGAIN_MS);
    row.session(1, 2);
    let last = facts(&row, 2).pop();
    assert!(matches!(last, Some(Fact::Delivered { .. })), "{last:?}");
}

#[test]
fn whoever_listens_and_follows_another_directory_than_it_named_answers_nothing_more() {
    let mut row = Corridor::grown(&[]);
    knows_another_witness(&mut row, 0, 1);
    request(&mut row);
    // Before a frame is taken, and after that.
    for is_taken in [false, true] {
        let (mut outbound, mut inbound) = greeted(&mut row, 0, 1);
        let wishes = outbound.poll().expect("the session goes on");
        let offer = wishes.into_iter().find_map(|it| match it {
            Wish::Send(frame) if matches!(*frame, Outgoing::CheckpointOffer(_)) => Some(*frame),
            Wish::Send(_) | Wish::Execute(..) => None,
        });
        let offer = offer.expect("what waits needs a cosignature");
        assert!(!inbound.is_over().expect("it can be read"));
        let answer = if is_taken {
            let Step::Ask(command, asked) = inbound.take(offer).expect("it can be read") else {
                panic!("the writer is asked")
            };
            go_on(&mut row, 1);
            let decided = row.nodes[1].execute(vec![*command]).expect("the store holds").remove(0);
            inbound.tell(&asked, decided).expect("it can be read")
        } else {
            go_on(&mut row, 1);
            row.answered(1, &mut inbound, offer)
        };
        assert!(inbound.is_over().expect("it can be read"));
        let ended = outbound.take(answer).expect_err("the session ends");
        assert_eq!(ended.to_string(), "peer: refused: DIRECTORY_CHANGED");
        assert!(matches!(ended, SessionEnd::Peer(_)), "it is no lie");
        assert_eq!(lies(&row), 0);
    }
    row.session(0, 1);
    assert!(matches!(custody(&row), Custody::Waiting { .. }), "its key is not known here yet");
    catch_up(&mut row, 0, 1);
    row.session(0, 1);
    assert_eq!(custody(&row), Custody::PassedOn);
}
