//! A message that the next hop can't read is set aside for an operator, and holds up none of the others.

use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::station::Station;
use rogatory::history::message::Custody;
use rogatory::node::command::SetAsideAct;
use rogatory::node::outstanding::{self, Owed, State};

use super::lanes::{LIFE_MS, Lanes};

/// An agency that sends, one that passes on, one that receives.
const ROW: [(usize, usize); 2] = [(0, 1), (1, 2)];
const ASIDE: Custody = Custody::SetAside { reason: Reason::FrameInvalid };

fn row() -> Lanes {
    Lanes::new(3, &ROW)
}

fn owed(lanes: &Lanes, n: usize, message: MessageKey) -> Vec<Owed> {
    let mut owed = outstanding::of_id(lanes.nodes[n].setting(), message.message()).unwrap();
    owed.retain(|it| it.item == outstanding::Item::Message);
    owed
}

fn offered(lanes: &Lanes, to: usize, message: MessageKey) -> usize {
    lanes.offers.iter().filter(|it| **it == (to, message)).count()
}

#[test]
fn it_is_set_aside_with_its_reason_and_offered_no_more_and_the_others_arrive() {
    let mut lanes = row();
    let poison = lanes.send(2, 1, false);
    lanes.make_unreadable(1, poison);
    let (same, other) = (lanes.send(2, 1, false), lanes.send(2, 2, false));
    for _ in 0..3 {
        lanes.work();
    }
    assert_eq!(lanes.custody(0, poison), ASIDE);
    assert_eq!(offered(&lanes, 1, poison), 1, "once, however often the peer is met");
    assert_eq!(lanes.inbox(2), [other], "what follows in its request waits for it there");
    assert!(lanes.stations(same).contains(&(Station::Delivered, 2, None)));
    let [shelved] = &owed(&lanes, 0, poison)[..] else { panic!("it is owed once") };
    assert_eq!((shelved.state, shelved.handover), (State::SetAside, 0));
    assert_eq!(shelved.reason, Some(Reason::FrameInvalid));
    assert_eq!(shelved.peer, Some(lanes.agency(1)));
    assert_eq!(shelved.state.must_act(), "operator");
}

#[test]
fn what_a_peer_may_have_taken_before_it_could_not_read_it_stays_in_doubt() {
    let mut lanes = row();
    let taken = lanes.send(2, 1, false);
    lanes.hand_over_unheard(0, 1);
    lanes.make_unreadable(1, taken);
    for _ in 0..3 {
        lanes.work();
    }
    assert!(matches!(lanes.custody(0, taken), Custody::InDoubt { .. }));
    assert_eq!(lanes.inbox(2), [taken], "it arrived");
    lanes.make_readable(1);
    lanes.work();
    assert_eq!(lanes.custody(0, taken), Custody::PassedOn);
    assert!(lanes.stations(taken).contains(&(Station::Delivered, 2, None)));
}

#[test]
fn an_operator_has_it_tried_again_and_everything_comes_in_order() {
    let mut lanes = row();
    let poison = lanes.send(2, 1, false);
    lanes.make_unreadable(1, poison);
    let same = lanes.send(2, 1, false);
    lanes.work();
    lanes.decide(0, poison, SetAsideAct::Release);
    lanes.work();
    assert_eq!((lanes.custody(0, poison), offered(&lanes, 1, poison)), (ASIDE, 2));
    lanes.make_readable(1);
    lanes.decide(0, poison, SetAsideAct::Release);
    lanes.work();
    assert_eq!(lanes.inbox(2), [poison, same]);
    assert_eq!(lanes.custody(0, poison), Custody::PassedOn);
}

#[test]
fn an_operator_gives_it_back_and_what_follows_waits_no_longer() {
    let mut lanes = row();
    let poison = lanes.send(2, 1, false);
    lanes.make_unreadable(1, poison);
    let same = lanes.send(2, 1, false);
    lanes.work();
    lanes.decide(0, poison, SetAsideAct::Return);
    lanes.work();
    let told = lanes.stations(poison);
    assert_eq!(told.last(), Some(&(Station::Undelivered, 0, Some(Reason::Operator))));
    assert_eq!(lanes.inbox(2), [same]);
}

#[test]
fn at_a_transit_it_is_given_back_to_its_origin_which_says_that_it_was_not_delivered() {
    let mut lanes = row();
    let poison = lanes.send(2, 1, false);
    lanes.make_unreadable(2, poison);
    lanes.work();
    assert_eq!(lanes.custody(1, poison), ASIDE);
    assert_eq!(lanes.custody(0, poison), Custody::PassedOn);
    lanes.decide(1, poison, SetAsideAct::Return);
    lanes.work();
    let expected = [
        (Station::Accepted, 0, None),
        (Station::Relayed, 1, None),
        (Station::Returned, 1, Some(Reason::Operator)),
        (Station::Undelivered, 0, Some(Reason::Operator)),
    ];
    assert_eq!(lanes.stations(poison), expected);
}

#[test]
fn nobody_decides_and_its_expiry_ends_it_with_proof() {
    let mut lanes = row();
    let poison = lanes.send(2, 1, false);
    lanes.make_unreadable(1, poison);
    lanes.work();
    lanes.pass(LIFE_MS - 1);
    assert_eq!(lanes.custody(0, poison), ASIDE);
    let later = lanes.send(2, 1, false);
    lanes.pass(2);
    let told = lanes.stations(poison);
    assert_eq!(told.last(), Some(&(Station::Undelivered, 0, Some(Reason::Expired))));
    assert_eq!(lanes.inbox(2), [later], "its place in the order is void");
    let aside = |it: &&Fact| matches!(it, Fact::SetAside { reason: Reason::FrameInvalid, .. });
    assert_eq!(lanes.facts(0).iter().filter(aside).count(), 1);
}
