//! A trail is one that an honest node can name, and whoever hands on stands at its end.

use super::*;
use crate::clock::Timestamp;
use crate::domain::header::{Channel, Lane, OrderToken};
use crate::domain::ids::MessageId;

fn agency(name: &str) -> AgencyId {
    format!("int.{name}").parse().unwrap()
}

fn agencies(names: &str) -> Vec<AgencyId> {
    names.split_whitespace().map(agency).collect()
}

/// From `a` to `z`.
fn address() -> Address {
    Address {
        network: "test".parse().unwrap(),
        message: MessageId::from_bytes([1; 16]),
        origin: agency("a"),
        destination: agency("z"),
        channel: Channel::Police,
        lane: Lane::Ordinary,
        sent_at: Timestamp::from_millis(1),
        expires_at: Timestamp::from_millis(2),
        hop_limit: 8,
        order: OrderToken { stream: [1; 16], number: 1 },
    }
}

#[test]
fn a_trail_that_no_honest_node_names_does_not_hold() {
    let holds = |names: &str, from: &str, own: &str, hops| {
        super::holds(&agencies(names), &address(), (&agency(from), &agency(own)), hops)
    };
    assert!(holds("a", "a", "b", 1));
    assert!(holds("a b", "b", "c", 2));
    assert!(holds("b c a", "a", "d", 1), "what came to nothing stands before the origin");
    assert!(holds("b c a d", "d", "z", 2));
    assert!(holds("", "b", "c", 2), "it is not known");
    let odd = [
        ("a b a", "a", "c", 1, "somebody twice"),
        ("a b b", "b", "c", 3, "somebody twice at its end"),
        ("c a b", "b", "c", 2, "the one that is to take it over"),
        ("z a b", "b", "c", 2, "the destination"),
        ("a b", "d", "c", 2, "it ends with somebody else than who hands over"),
        ("b", "b", "c", 1, "no origin"),
        ("a b", "b", "c", 1, "more on this way than hops"),
        ("b a", "a", "c", 2, "fewer on this way than hops"),
    ];
    for (names, from, own, hops, why) in odd {
        assert!(!holds(names, from, own, hops), "{why}");
    }
}

fn station(station: Station, name: &str, own: bool) -> StationRecord {
    StationRecord {
        station,
        agency: agency(name),
        at: Timestamp::from_millis(1),
        reason: None,
        from: None,
        position: 1,
        own,
        statement: None,
    }
}

#[test]
fn who_had_it_on_other_ways_and_who_refused_it_stands_before_its_origin() {
    let stations = [
        station(Station::Accepted, "a", true),
        station(Station::Relayed, "c", false),
        station(Station::Relayed, "d", false),
        station(Station::Returned, "d", false),
        station(Station::NotTaken, "b", false),
        station(Station::NotTaken, "z", false),
    ];
    let joined = |came: &str, own: &str, stations: &[StationRecord]| {
        super::joined(&agencies(came), stations, &agency(own), &agency("z"))
    };
    assert_eq!(joined("", "a", &[]), agencies("a"));
    assert_eq!(joined("", "a", &stations), agencies("b c d a"));
    let refused = [station(Station::Relayed, "e", true), station(Station::NotTaken, "f", false)];
    assert_eq!(joined("b c d a", "e", &refused), agencies("f b c d a e"));
    assert_eq!(joined("b a", "e", &[station(Station::NotTaken, "b", false)]), agencies("b a e"));
}
