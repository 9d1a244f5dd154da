//! An erasure that is asked for, and that a station can't pass on when it hears of it, is asked for as soon
//! as a way leads on.

use rogatory::domain::header::MessageKey;
use rogatory::domain::limits::EXPIRY_MS_MAX;
use rogatory::domain::station::Station;
use rogatory::history::message::Custody;

use super::lanes::{LIFE_MS, Lanes};
use super::voids::{FORK, comes_back_the_same, cut, name_again, owed, waiting, ways_chosen};

/// How often a station stands at a message, as node `n` shows it.
fn told(lanes: &Lanes, n: usize, message: MessageKey, station: Station) -> usize {
    let all = lanes.stations_at(n, message);
    all.iter().filter(|it| it.0 == station).count()
}

/// A message of node 0 has arrived at 3, and is to be erased there; 1 has heard that, and has no way on.
fn stopped_at_the_transit() -> (Lanes, MessageKey) {
    let mut lanes = Lanes::new(4, &FORK);
    let message = lanes.send(3, 1, false);
    lanes.work();
    assert_eq!(lanes.custody(0, message), Custody::PassedOn);
    cut(&mut lanes, 1, &[(1, 3), (2, 3)]);
    lanes.erase(0, message);
    lanes.work();
    assert_eq!(told(&lanes, 0, message, Station::ErasureAsked), 1);
    assert_eq!(owed(&lanes, 0, message).len(), 0, "1 has heard it");
    assert_eq!(told(&lanes, 3, message, Station::ErasureAsked), 0);
    (lanes, message)
}

#[test]
fn a_transit_that_has_no_way_on_for_an_erasure_asks_for_it_once_it_has_one() {
    let (mut lanes, message) = stopped_at_the_transit();
    let now = lanes.now();
    let word = waiting(&lanes, 1, message);
    assert_eq!((word.since, word.expires_at), (now, Some(now.plus_millis(EXPIRY_MS_MAX))));
    let before = lanes.facts(1).len();
    lanes.work();
    assert_eq!(lanes.facts(1).len(), before, "as long as there is no way nothing is written");
    comes_back_the_same(&mut lanes, 1);
    assert_eq!(waiting(&lanes, 1, message).since, now);

    name_again(&mut lanes, 1);
    lanes.work();
    assert_eq!(told(&lanes, 3, message, Station::ErasureAsked), 1);
    assert_eq!((ways_chosen(&lanes, 1), owed(&lanes, 1, message).len()), (1, 0));
    assert_eq!(lanes.ways(1, message), [], "the word went, and not the message");
    lanes.erase(3, message);
    lanes.work();
    for n in [0, 1, 3] {
        assert_eq!(told(&lanes, n, message, Station::Erased), if n == 0 { 2 } else { 1 });
    }
    comes_back_the_same(&mut lanes, 1);
}

#[test]
fn an_erasure_that_a_stranger_to_the_message_hears_of_waits_there_too() {
    let mut lanes = Lanes::new(4, &FORK);
    let message = lanes.send(3, 1, false);
    lanes.work();
    // What 0 asks goes by 2, which never had the message and has no way on.
    cut(&mut lanes, 0, &[(0, 1)]);
    cut(&mut lanes, 2, &[(2, 3), (1, 3)]);
    lanes.erase(0, message);
    lanes.work();
    waiting(&lanes, 2, message);
    comes_back_the_same(&mut lanes, 2);
    name_again(&mut lanes, 2);
    lanes.work();
    assert_eq!(told(&lanes, 3, message, Station::ErasureAsked), 1);
    assert_eq!(owed(&lanes, 2, message).len(), 0);
    comes_back_the_same(&mut lanes, 2);
}

#[test]
fn what_a_transit_hears_again_by_then_goes_once_and_ends_untold_when_nobody_can_wait_for_it() {
    let (mut lanes, message) = stopped_at_the_transit();
    lanes.pass(EXPIRY_MS_MAX - 1);
    waiting(&lanes, 1, message);
    lanes.pass(1);
    assert_eq!(owed(&lanes, 1, message).len(), 0);
    name_again(&mut lanes, 1);
    lanes.pass(LIFE_MS);
    assert_eq!((ways_chosen(&lanes, 1), told(&lanes, 3, message, Station::ErasureAsked)), (0, 0));
    comes_back_the_same(&mut lanes, 1);
}
