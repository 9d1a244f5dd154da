//! Urgent messages overtake on every leg, and take with them what they wait for.

use super::lanes::Lanes;

/// An agency that sends, one that passes on, one that receives. One message goes over a link at a time.
fn row() -> Lanes {
    Lanes::new(3, &[(0, 1), (1, 2)])
}

#[test]
fn an_urgent_message_goes_before_all_that_waits_and_its_predecessors_with_it() {
    let mut lanes = row();
    let first = lanes.send(2, 1, false);
    let second = lanes.send(2, 2, false);
    let waited_for = lanes.send(2, 3, false);
    let urgent = lanes.send(2, 3, true);
    lanes.work();
    let to = |lanes: &Lanes, n: usize| -> Vec<_> {
        lanes.offers.iter().filter(|it| it.0 == n).map(|it| it.1).collect()
    };
    let expected = [waited_for, urgent, first, second];
    assert_eq!(to(&lanes, 1), expected);
    assert_eq!(to(&lanes, 2), expected);
    assert_eq!(lanes.inbox(2), expected);
}

#[test]
fn at_a_transit_too_where_more_waits_than_it_was_told_of_before() {
    let mut lanes = row();
    lanes.take_down(2);
    let waiting: Vec<_> = (1..4).map(|request| lanes.send(2, request, false)).collect();
    lanes.settle();
    let urgent = lanes.send(2, 2, true);
    lanes.settle();
    assert!(lanes.inbox(2).is_empty());
    lanes.bring_up(2);
    lanes.work();
    assert_eq!(lanes.inbox(2), [waiting[1], urgent, waiting[0], waiting[2]]);
}

#[test]
fn one_origin_that_calls_everything_urgent_holds_up_no_urgent_message_of_another() {
    // Two agencies send over the same hub to a third.
    let mut lanes = Lanes::new(4, &[(0, 1), (2, 1), (1, 3)]);
    lanes.take_down(3);
    let flood: Vec<_> = (1..6).map(|request| lanes.send(3, request, true)).collect();
    lanes.settle();
    let few: Vec<_> = (6..8).map(|request| lanes.send_from(2, 3, request, true)).collect();
    let ordinary = lanes.send_from(2, 3, 8, false);
    lanes.settle();
    assert!(lanes.inbox(3).is_empty());
    lanes.bring_up(3);
    lanes.work();
    let turns = [flood[0], few[0], flood[1], few[1], flood[2], flood[3], flood[4], ordinary];
    assert_eq!(lanes.inbox(3), turns);
}
