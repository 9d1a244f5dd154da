//! Another way is taken where a peer fails, and only by what nobody else may have.

use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::station::Station;
use rogatory::history::message::Custody;
use rogatory::node::outstanding::{self, State};
use rogatory::transport::views;

use super::lanes::{LIFE_MS, LONG_MS, Lanes, SHORT_MS};

/// An agency that sends, two that pass on, one that receives. The best way is by the first of the two.
const FORK: [(usize, usize); 4] = [(0, 1), (1, 3), (0, 2), (2, 3)];
/// Two ways of three hops: by 1 and 2, and by 3 and 4. Messages are for 5.
const TWO_LONG: [(usize, usize); 6] = [(0, 1), (1, 2), (2, 5), (0, 3), (3, 4), (4, 5)];

fn fork() -> Lanes {
    Lanes::new(4, &FORK)
}

fn chosen(lanes: &Lanes, n: usize) -> usize {
    lanes.facts(n).iter().filter(|it| matches!(it, Fact::WayChosen { .. })).count()
}

#[test]
fn what_waits_for_a_peer_that_stays_away_goes_by_the_next_one_after_its_time() {
    let mut lanes = fork();
    lanes.take_down(1);
    let message = lanes.send(3, 1, false);
    lanes.pass(LONG_MS - 2_000);
    assert_eq!(lanes.custody(0, message), Custody::Waiting { peer: lanes.agency(1) });
    assert_eq!(chosen(&lanes, 0), 0);
    lanes.pass(2_000);
    assert_eq!(lanes.ways(0, message), [(Some(1), 2, Reason::PeerUnreachable)]);
    assert_eq!(lanes.inbox(3), [message]);
    let stations = [(Station::Accepted, 0, None), (Station::Relayed, 2, None)];
    assert_eq!(lanes.stations(message)[..2], stations);
    assert_eq!(lanes.stations(message)[2], (Station::Delivered, 3, None));
    let view = rogatory::node::query::message(lanes.nodes[0].setting(), message).unwrap().unwrap();
    let [way] = &views::summary(view).ways[..] else { panic!("one way was chosen") };
    assert_eq!([&way.from, &way.to, &way.reason], ["int.n1", "int.n2", "PEER_UNREACHABLE"]);
}

#[test]
fn an_urgent_message_waits_less_and_what_follows_is_given_to_the_other_peer_at_once() {
    let mut lanes = fork();
    lanes.take_down(1);
    let (urgent, routine) = (lanes.send(3, 1, true), lanes.send(3, 2, false));
    lanes.pass(SHORT_MS);
    assert_eq!(lanes.inbox(3), [urgent]);
    assert_eq!(lanes.custody(0, routine), Custody::Waiting { peer: lanes.agency(1) });
    lanes.pass(LONG_MS);
    let later = lanes.send(3, 3, false);
    assert_eq!(lanes.custody(0, later), Custody::Waiting { peer: lanes.agency(2) });
    assert_eq!(lanes.ways(0, later), [], "nothing was chosen anew");
    lanes.work();
    assert_eq!(lanes.inbox(3), [urgent, routine, later]);
}

#[test]
fn with_every_peer_away_it_waits_and_goes_by_whichever_returns_first() {
    let mut lanes = fork();
    lanes.take_down(1);
    lanes.take_down(2);
    let message = lanes.send(3, 1, false);
    lanes.pass(LONG_MS);
    lanes.pass(LONG_MS);
    assert_eq!(chosen(&lanes, 0), 0);
    let [owed] = &outstanding::of_id(lanes.nodes[0].setting(), message.message()).unwrap()[..]
    else {
        panic!("it is owed once")
    };
    assert!(matches!(owed.state, State::Waiting | State::WaitingForWitness), "{owed:?}");
    lanes.bring_up(2);
    lanes.work();
    assert_eq!(lanes.ways(0, message), [(Some(1), 2, Reason::PeerUnreachable)]);
    assert_eq!(lanes.inbox(3), [message]);
}

#[test]
fn a_peer_that_returns_gets_what_was_not_moved_and_nothing_that_was() {
    let mut lanes = fork();
    lanes.take_down(1);
    let urgent = lanes.send(3, 1, true);
    lanes.take_down(3);
    let routine = lanes.send(3, 2, false);
    lanes.pass(SHORT_MS);
    lanes.bring_up(1);
    lanes.bring_up(3);
    lanes.work();
    assert_eq!(lanes.stations(urgent)[1], (Station::Relayed, 2, None));
    assert_eq!(lanes.stations(routine)[1], (Station::Relayed, 1, None));
    assert_eq!(chosen(&lanes, 0), 1);
    assert_eq!(lanes.inbox(3).len(), 2);
}

#[test]
fn what_is_in_doubt_waits_for_its_peer_and_what_follows_is_held_for_it_at_the_end() {
    let mut lanes = fork();
    lanes.settle();
    let first = lanes.send(3, 1, false);
    lanes.lose_an_offer(0, first);
    lanes.take_down(1);
    let second = lanes.send(3, 1, false);
    let other = lanes.send(3, 2, false);
    lanes.pass(LONG_MS);
    assert_eq!(lanes.custody(0, first), Custody::InDoubt { peer: lanes.agency(1), number: 1 });
    assert_eq!(lanes.ways(0, first), [], "the peer may have it");
    assert_eq!(lanes.ways(0, second), [(Some(1), 2, Reason::PeerUnreachable)]);
    assert!(lanes.stations(second).contains(&(Station::Delivered, 3, None)));
    assert_eq!(lanes.inbox(3), [other], "its successor came by another way, and waits for it");
    lanes.bring_up(1);
    lanes.work();
    assert_eq!(lanes.inbox(3), [other, first, second]);
    assert_eq!(lanes.stations(first)[1], (Station::Relayed, 1, None));
}

#[test]
fn a_message_in_doubt_is_delivered_once_where_its_peer_had_taken_it() {
    let mut lanes = fork();
    lanes.settle();
    let message = lanes.send(3, 1, false);
    lanes.hand_over_unheard(0, 1);
    lanes.take_down(0);
    assert_eq!(lanes.inbox(3), [message]);
    lanes.take_down(1);
    lanes.bring_up(0);
    lanes.pass(LONG_MS);
    assert_eq!(lanes.custody(0, message), Custody::InDoubt { peer: lanes.agency(1), number: 1 });
    assert_eq!(lanes.ways(0, message), []);
    lanes.bring_up(1);
    lanes.work();
    assert_eq!(lanes.custody(0, message), Custody::PassedOn);
    assert_eq!(lanes.inbox(3), [message]);
    let delivered = lanes.facts(3).iter().filter(|it| matches!(it, Fact::Delivered { .. })).count();
    assert_eq!(delivered, 1);
}

#[test]
fn messages_of_one_request_keep_their_order_although_they_come_by_two_ways() {
    let mut lanes = fork();
    let first = lanes.send(3, 1, false);
    lanes.lose_an_offer(0, first);
    lanes.take_down(1);
    let later: Vec<_> = (0..4).map(|_| lanes.send(3, 1, false)).collect();
    lanes.pass(LONG_MS);
    assert!(lanes.inbox(3).is_empty());
    lanes.bring_up(1);
    let last = lanes.send(3, 1, true);
    lanes.work();
    assert_eq!(lanes.inbox(3), [vec![first], later, vec![last]].concat());
}

#[test]
fn a_transit_goes_around_a_peer_that_fails_and_never_back() {
    // From the transit 1 two ways lead on: by 2, and by 3. A third one leads back by 0 and 5.
    let links = [(0, 1), (1, 2), (2, 4), (1, 3), (3, 4), (0, 5), (5, 6), (6, 4)];
    let mut lanes = Lanes::new(7, &links);
    lanes.take_down(2);
    let message = lanes.send(4, 1, false);
    lanes.settle();
    assert_eq!(lanes.custody(1, message), Custody::Waiting { peer: lanes.agency(2) });
    lanes.pass(LONG_MS);
    assert_eq!(lanes.ways(1, message), [(Some(2), 3, Reason::PeerUnreachable)]);
    assert_eq!((lanes.ways(0, message), lanes.inbox(4)), (Vec::new(), vec![message]));
    let next = lanes.send(4, 2, false);
    lanes.settle();
    assert_eq!(lanes.ways(1, next), [], "what comes later is given to the other peer at once");
    assert_eq!(lanes.inbox(4), [message, next]);
}

#[test]
fn a_transit_without_another_way_gives_back_and_the_origin_chooses_again() {
    let mut lanes = Lanes::new(6, &TWO_LONG);
    lanes.take_down(2);
    let message = lanes.send(5, 1, false);
    lanes.settle();
    assert!(matches!(lanes.custody(1, message), Custody::Waiting { .. }));
    lanes.pass(LONG_MS);
    assert_eq!(lanes.custody(1, message), Custody::Ended { reason: Reason::NoRoute });
    assert_eq!(lanes.ways(0, message), [(None, 3, Reason::NoRoute)]);
    let told = lanes.stations(message);
    let expected = [
        (Station::Accepted, 0, None),
        (Station::Relayed, 1, None),
        (Station::Returned, 1, Some(Reason::NoRoute)),
        (Station::Relayed, 3, None),
        (Station::Relayed, 4, None),
        (Station::Delivered, 5, None),
    ];
    assert_eq!(told, expected);
    lanes.bring_up(2);
    lanes.pass(LIFE_MS + LIFE_MS);
    assert_eq!((lanes.stations(message), lanes.inbox(5)), (expected.to_vec(), vec![message]));
}

#[test]
fn what_was_given_back_and_has_no_way_left_is_not_delivered_with_proof() {
    let mut lanes = Lanes::new(6, &TWO_LONG);
    lanes.take_down(2);
    let message = lanes.send(5, 1, false);
    lanes.settle();
    // By then the origin's own directory knows the other way no more.
    lanes.follow(0, |draft| {
        draft.links.retain(|it| it.a.as_str() != "int.n3" && it.b.as_str() != "int.n3");
    });
    lanes.pass(LONG_MS);
    let told = lanes.stations(message);
    assert_eq!(told.last(), Some(&(Station::Undelivered, 0, Some(Reason::NoRoute))));
    assert_eq!(lanes.custody(0, message), Custody::Ended { reason: Reason::NoRoute });
    assert!(lanes.inbox(5).is_empty());
}

#[test]
fn a_destination_that_is_away_is_waited_for_and_nothing_is_given_back() {
    let mut lanes = fork();
    lanes.take_down(3);
    let message = lanes.send(3, 1, false);
    for _ in 0..4 {
        lanes.pass(LONG_MS);
    }
    assert_eq!(lanes.custody(1, message), Custody::Waiting { peer: lanes.agency(3) });
    assert_eq!((chosen(&lanes, 0), chosen(&lanes, 1)), (0, 0));
    lanes.bring_up(3);
    lanes.work();
    assert_eq!(lanes.inbox(3), [message]);
}

#[test]
fn a_link_that_the_directory_names_no_more_is_left_at_once() {
    let mut lanes = fork();
    let message = lanes.send(3, 1, false);
    lanes.follow(0, |draft| {
        draft.links.retain(|it| it.a.as_str() != "int.n0" || it.b.as_str() != "int.n1");
    });
    lanes.work();
    assert_eq!(lanes.ways(0, message), [(Some(1), 2, Reason::LinkEnded)]);
    assert_eq!(lanes.inbox(3), [message]);
}

#[test]
fn a_peer_that_knows_no_way_on_says_so_and_another_one_is_asked() {
    let mut lanes = fork();
    lanes.follow(1, |draft| {
        draft.links.retain(|it| it.a.as_str() != "int.n1" || it.b.as_str() != "int.n3");
    });
    let message = lanes.send(3, 1, false);
    lanes.work();
    assert_eq!(lanes.ways(0, message), [(None, 2, Reason::NoRoute)]);
    let told = lanes.stations(message);
    assert_eq!(told[1], (Station::NotTaken, 1, Some(Reason::NoRoute)));
    assert_eq!(told.last(), Some(&(Station::Delivered, 3, None)));
    assert_eq!(lanes.inbox(3), [message]);
}

#[test]
fn a_way_that_is_too_long_for_the_hops_that_are_left_is_none() {
    // Straight to 1 and on to 2; around it leads a way of more hops than any message has.
    let ring: Vec<(usize, usize)> = (2..16).map(|n| (n, n + 1)).collect();
    let links = [vec![(0, 1), (1, 2), (0, 16)], ring].concat();
    let mut lanes = Lanes::new(17, &links);
    lanes.take_down(1);
    let message = lanes.send(2, 1, false);
    lanes.pass(LONG_MS);
    assert_eq!(lanes.custody(0, message), Custody::Waiting { peer: lanes.agency(1) });
    assert_eq!(chosen(&lanes, 0), 0);
}
