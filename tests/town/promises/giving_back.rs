//! A transit that has no other way gives back, however far in, if the origin has a way over agencies that
//! have not had the message; and only then.

use std::sync::Arc;

use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::station::Station;
use rogatory::history::message::Custody;
use rogatory::history::trails;
use rogatory::node::command::SetAsideAct;
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::duties::outbound::Outbound;
use rogatory::wire::relay::{Incoming, Outgoing, Refused};

use super::lanes::{LIFE_MS, LONG_MS, Lanes};
use crate::session::{self, Fate};

/// Two ways of four hops for messages to 7: by 1, 2 and 3, and by 4, 5 and 6.
const TWO: [(usize, usize); 8] = [(0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 7)];
/// One more, by 8, 9 and 10.
const THREE: [(usize, usize); 4] = [(0, 8), (8, 9), (9, 10), (10, 7)];

fn two() -> Lanes {
    Lanes::new(8, &TWO)
}

fn three() -> Lanes {
    Lanes::new(11, &[&TWO[..], &THREE].concat())
}

fn trail(lanes: &Lanes, n: usize, message: MessageKey) -> Option<Vec<usize>> {
    let store = &lanes.nodes[n].setting().store;
    let named = trails::ROWS.find(store.as_ref(), message).unwrap()?;
    let number = |it| lanes.federation.agencies.iter().position(|agency| agency == it).unwrap();
    Some(named.iter().map(number).collect())
}

fn relayed(lanes: &Lanes, message: MessageKey) -> Vec<usize> {
    let stations = lanes.stations(message).into_iter();
    stations.filter(|it| it.0 == Station::Relayed).map(|it| it.1).collect()
}

#[test]
fn what_waits_behind_the_first_transit_goes_back_and_by_the_other_way() {
    let mut lanes = two();
    lanes.take_down(3);
    let message = lanes.send(7, 1, false);
    lanes.settle();
    assert_eq!(lanes.custody(2, message), Custody::Waiting { peer: lanes.agency(3) });
    assert_eq!(trail(&lanes, 2, message), Some(vec![0, 1]));
    lanes.pass(LONG_MS - 2_000);
    assert_eq!(lanes.custody(2, message), Custody::Waiting { peer: lanes.agency(3) });
    lanes.pass(2_000);
    assert_eq!(lanes.custody(2, message), Custody::Ended { reason: Reason::NoRoute });
    assert_eq!(lanes.custody(1, message), Custody::PassedOn);
    assert_eq!(lanes.ways(0, message), [(None, 4, Reason::NoRoute)]);
    let told = lanes.stations(message);
    let expected = [
        (Station::Accepted, 0, None),
        (Station::Relayed, 1, None),
        (Station::Relayed, 2, None),
        (Station::Returned, 2, Some(Reason::NoRoute)),
        (Station::Relayed, 4, None),
        (Station::Relayed, 5, None),
        (Station::Relayed, 6, None),
        (Station::Delivered, 7, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(trail(&lanes, 6, message), Some(vec![1, 2, 0, 4, 5]));
    lanes.bring_up(3);
    lanes.pass(LIFE_MS + LIFE_MS);
    assert_eq!((lanes.stations(message), lanes.inbox(7)), (expected.to_vec(), vec![message]));
}

#[test]
fn it_is_given_back_once_more_while_a_way_is_left_and_then_waits_where_it_is() {
    let mut lanes = three();
    for n in [3, 6, 10] {
        lanes.take_down(n);
    }
    let message = lanes.send(7, 1, false);
    for _ in 0..6 {
        lanes.pass(LONG_MS);
    }
    let chosen = [(None, 4, Reason::NoRoute), (None, 8, Reason::NoRoute)];
    assert_eq!(lanes.ways(0, message), chosen);
    assert_eq!(relayed(&lanes, message), [1, 2, 4, 5, 8, 9]);
    assert_eq!(trail(&lanes, 9, message), Some(vec![1, 2, 4, 5, 0, 8]));
    assert_eq!(lanes.custody(9, message), Custody::Waiting { peer: lanes.agency(10) });
    for n in [3, 6] {
        lanes.bring_up(n);
        lanes.pass(LONG_MS);
    }
    assert_eq!(lanes.ways(0, message), chosen, "those who had it don't take it over again");
    lanes.bring_up(10);
    lanes.work();
    assert_eq!(lanes.inbox(7), [message]);
}

#[test]
fn what_has_no_way_left_is_returned_at_its_expiry_and_not_before() {
    let mut lanes = two();
    lanes.take_down(3);
    lanes.take_down(6);
    let message = lanes.send(7, 1, false);
    lanes.pass(LONG_MS);
    lanes.pass(LONG_MS);
    lanes.pass(LIFE_MS - 4 * LONG_MS);
    assert_eq!(lanes.custody(5, message), Custody::Waiting { peer: lanes.agency(6) });
    assert_eq!(lanes.custody(0, message), Custody::PassedOn);
    lanes.pass(4 * LONG_MS);
    assert_eq!(lanes.custody(5, message), Custody::Ended { reason: Reason::Expired });
    let last = lanes.stations(message).pop();
    assert_eq!(last, Some((Station::Undelivered, 0, Some(Reason::Expired))));
}

#[test]
fn a_destination_that_is_away_is_waited_for_however_far_the_message_has_come() {
    let mut lanes = two();
    lanes.take_down(7);
    let message = lanes.send(7, 1, false);
    for _ in 0..4 {
        lanes.pass(LONG_MS);
    }
    assert_eq!(lanes.custody(3, message), Custody::Waiting { peer: lanes.agency(7) });
    assert_eq!(relayed(&lanes, message), [1, 2, 3]);
    lanes.bring_up(7);
    lanes.work();
    assert_eq!((lanes.ways(0, message), lanes.inbox(7)), (Vec::new(), vec![message]));
}

#[test]
fn a_link_with_the_destination_that_has_ended_is_not_waited_for() {
    let mut lanes = two();
    lanes.take_down(7);
    let message = lanes.send(7, 1, false);
    lanes.settle();
    lanes.bring_up(7);
    lanes.follow(3, |draft| {
        draft.links.retain(|it| it.a.as_str() != "int.n3" || it.b.as_str() != "int.n7");
    });
    lanes.work();
    assert_eq!(lanes.custody(3, message), Custody::Ended { reason: Reason::NoRoute });
    assert_eq!(relayed(&lanes, message), [1, 2, 3, 4, 5, 6]);
    assert_eq!(lanes.inbox(7), [message]);
}

#[test]
fn nothing_is_given_back_to_whoever_is_not_reached_to_hear_it() {
    let mut lanes = two();
    lanes.take_down(3);
    let message = lanes.send(7, 1, false);
    lanes.settle();
    lanes.take_down(1);
    lanes.pass(LONG_MS);
    assert_eq!(lanes.custody(2, message), Custody::Waiting { peer: lanes.agency(3) });
    lanes.bring_up(1);
    lanes.settle();
    lanes.work();
    assert_eq!(lanes.custody(2, message), Custody::Ended { reason: Reason::NoRoute });
    assert_eq!(lanes.inbox(7), [message]);
}

#[test]
fn whoever_does_not_know_who_had_it_waits() {
    let mut lanes = two();
    let message = lanes.send(7, 1, false);
    let [left, right] = lanes.nodes.get_disjoint_mut([0, 1]).unwrap();
    session::hand_over(left, right);
    // 1 hands it to 2 without a trail.
    let [left, right] = lanes.nodes.get_disjoint_mut([1, 2]).unwrap();
    let handed = session::hand_over_where(left, right, |it| match it {
        Outgoing::Handing(it) => {
            let (header, reason) = (it.envelope.header.hash(), "INTERNAL".to_owned());
            Fate::Refused(Incoming::Refused(Refused::of_message(header, reason, true)))
        }
        _ => Fate::Answered,
    });
    let mut handing = handed.into_iter().next().unwrap();
    assert_eq!(handing.trail.len(), 2);
    handing.trail.clear();
    let mut inbound = Inbound::new(Arc::clone(right.setting()), left.setting().agency.clone());
    let target = right.setting().agency.clone();
    let hello = Outbound::new(Arc::clone(left.setting()), target).hello();
    session::answer(right, &mut inbound, hello);
    session::answer(right, &mut inbound, Outgoing::Handing(Box::new(handing)));
    lanes.take_down(3);
    lanes.pass(LONG_MS);
    lanes.pass(LONG_MS);
    assert_eq!(trail(&lanes, 2, message), None);
    assert_eq!(lanes.custody(2, message), Custody::Waiting { peer: lanes.agency(3) });
    assert_eq!(lanes.ways(0, message), []);
    lanes.bring_up(3);
    lanes.work();
    assert_eq!((trail(&lanes, 3, message), lanes.inbox(7)), (None, vec![message]));
}

#[test]
fn messages_of_one_request_keep_their_order_where_one_goes_back() {
    let mut lanes = two();
    lanes.take_down(3);
    let first = lanes.send(7, 1, false);
    lanes.settle();
    // What follows begins the other way, and is there before what goes back.
    lanes.take_down(1);
    lanes.pass(LONG_MS);
    let second = lanes.send(7, 1, true);
    let third = lanes.send(7, 1, false);
    lanes.settle();
    assert_eq!(relayed(&lanes, third), [4, 5, 6]);
    assert!(lanes.stations(third).contains(&(Station::Delivered, 7, None)));
    assert!(lanes.inbox(7).is_empty(), "they wait for the first");
    lanes.bring_up(1);
    lanes.settle();
    lanes.work();
    assert_eq!(relayed(&lanes, first), [1, 2, 4, 5, 6]);
    assert_eq!(lanes.inbox(7), [first, second, third]);
}

#[test]
fn what_is_in_doubt_is_not_given_back() {
    let mut lanes = two();
    lanes.take_down(3);
    let message = lanes.send(7, 1, false);
    lanes.settle();
    lanes.lose_an_offer(2, message);
    for _ in 0..3 {
        lanes.pass(LONG_MS);
    }
    assert_eq!(lanes.custody(2, message), Custody::InDoubt { peer: lanes.agency(3), number: 1 });
    let gone = |it: &Fact| matches!(it, Fact::Returned { .. } | Fact::WayChosen { .. });
    assert!((0..3).all(|n| !lanes.facts(n).iter().any(gone)));
    lanes.bring_up(3);
    lanes.work();
    assert_eq!(lanes.inbox(7), [message]);
}

#[test]
fn what_an_operator_lets_go_on_goes_to_nobody_who_had_it() {
    // From 0 to 4 by 1, or around by 2; from 2 the shortest way leads back over 0.
    let links = [(0, 1), (1, 4), (0, 2), (2, 3), (3, 5), (5, 6), (6, 4)];
    let mut lanes = Lanes::new(7, &links);
    lanes.take_down(1);
    let message = lanes.send(4, 1, false);
    lanes.make_unreadable(3, message);
    lanes.pass(LONG_MS + 2_000);
    assert!(matches!(lanes.custody(2, message), Custody::SetAside { .. }));
    lanes.bring_up(1);
    lanes.make_readable(3);
    lanes.decide(2, message, SetAsideAct::Release);
    assert_eq!(lanes.custody(2, message), Custody::Waiting { peer: lanes.agency(3) });
    lanes.settle();
    assert_eq!(lanes.custody(4, message), Custody::Held);
    assert_eq!(lanes.custody(0, message), Custody::PassedOn);
}
