//! The word that a place in an order is void is told as soon as a way leads to its destination, by whoever
//! owes it, and for as long as somebody may wait for it.

use std::sync::Arc;

use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::limits::EXPIRY_MS_MAX;
use rogatory::domain::station::Station;
use rogatory::history;
use rogatory::history::message::Custody;
use rogatory::node::outstanding::{self, Item, Owed, State};
use rogatory::node::{self, Node, remainder};

use super::lanes::{LIFE_MS, Lanes, SHORT_MS};

/// An agency that sends, two that pass on, one that receives. The best way is by the first of the two.
pub const FORK: [(usize, usize); 4] = [(0, 1), (1, 3), (0, 2), (2, 3)];

/// The directory of node `n` names these links no more.
pub fn cut(lanes: &mut Lanes, n: usize, gone: &[(usize, usize)]) {
    let names: Vec<_> = gone.iter().map(|(a, b)| (lanes.agency(*a), lanes.agency(*b))).collect();
    lanes.follow(n, |draft| {
        draft.links.retain(|it| !names.iter().any(|(a, b)| (&it.a, &it.b) == (a, b)));
    });
}

/// The directory of node `n` names all links again.
pub fn name_again(lanes: &mut Lanes, n: usize) {
    let links = lanes.federation.directory.draft().links;
    lanes.follow(n, |draft| draft.links = links);
}

/// What node `n` owes of a message, also by the list of all.
pub fn owed(lanes: &Lanes, n: usize, message: MessageKey) -> Vec<Owed> {
    let setting = lanes.nodes[n].setting();
    let found = outstanding::of_id(setting, message.message()).unwrap();
    let (listed, _) = outstanding::page(setting, false, None, 100).unwrap();
    let words = |all: &[Owed]| {
        all.iter().filter(|it| it.state == State::WaitingForWay && it.key() == message).count()
    };
    assert_eq!(words(&listed), words(&found));
    assert_eq!(remainder::rest(setting).unwrap().waiting_for_way, words(&found));
    found
}

/// A node that starts again, and one that folds its journal anew, owe the same.
pub fn comes_back_the_same(lanes: &mut Lanes, n: usize) {
    let setting = Arc::clone(lanes.nodes[n].setting());
    let before = history::state_hash(setting.store.as_ref()).unwrap();
    lanes.nodes[n] = Node::open(Arc::clone(&setting)).unwrap();
    node::rebuild(&setting).unwrap();
    assert_eq!(history::state_hash(setting.store.as_ref()).unwrap(), before);
}

/// The one word that node `n` owes about a message, and that waits for a way.
pub fn waiting(lanes: &Lanes, n: usize, message: MessageKey) -> Owed {
    let found = owed(lanes, n, message);
    let [word] = &found[..] else { panic!("one word is owed: {found:?}") };
    assert_eq!((word.item, word.state), (Item::Statement(0), State::WaitingForWay));
    assert_eq!((word.state.as_str(), word.state.must_act()), ("waiting_for_way", "operator"));
    assert_eq!((&word.peer, word.reason), (&None, Some(Reason::NoRoute)));
    assert_eq!((word.key(), word.destination.clone()), (message, Some(lanes.agency(3))));
    word.clone()
}

pub fn ways_chosen(lanes: &Lanes, n: usize) -> usize {
    lanes.facts(n).iter().filter(|it| matches!(it, Fact::WayChosen { .. })).count()
}

/// Why node `n` chose its ways, in order.
fn reasons(lanes: &Lanes, n: usize) -> Vec<Reason> {
    let facts = lanes.facts(n).into_iter();
    let of_way =
        |it: Fact| if let Fact::WayChosen { reason, .. } = it { Some(reason) } else { None };
    facts.filter_map(of_way).collect()
}

/// Whether an entry records that a message was stated to be undelivered.
fn is_heard(fact: &Fact, message: MessageKey) -> bool {
    let Fact::StatementRecorded { message: it, station, .. } = fact else { return false };
    it.key() == message && *station == Station::Undelivered
}

/// Whether node 3 let anything go on without its predecessor.
fn waited_in_vain(lanes: &Lanes) -> bool {
    lanes.facts(3).iter().any(|it| matches!(it, Fact::OrderWaitEnded { .. }))
}

/// The first message has arrived; the second waits at 0 for 1, which is away; the third has come by 2 and
/// waits for the second.
fn held_up() -> (Lanes, [MessageKey; 3]) {
    let mut lanes = Lanes::new(4, &FORK);
    let first = lanes.send(3, 1, false);
    lanes.work();
    lanes.take_down(1);
    let second = lanes.send(3, 1, false);
    lanes.pass(SHORT_MS);
    let third = lanes.send(3, 1, true);
    lanes.work();
    assert_eq!(lanes.custody(0, second), Custody::Waiting { peer: lanes.agency(1) });
    assert!(lanes.stations(third).contains(&(Station::Delivered, 3, None)));
    assert_eq!(lanes.inbox(3), [first]);
    (lanes, [first, second, third])
}

/// The second message expires, and the third has not.
fn let_the_second_expire(lanes: &mut Lanes, second: MessageKey) {
    lanes.pass(LIFE_MS - SHORT_MS + 1);
    assert_eq!(lanes.custody(0, second), Custody::Ended { reason: Reason::Expired });
}

#[test]
fn an_origin_that_has_no_way_when_a_message_ends_tells_it_once_it_has_one() {
    let (mut lanes, [first, second, third]) = held_up();
    cut(&mut lanes, 0, &FORK);
    let_the_second_expire(&mut lanes, second);
    let now = lanes.nodes[0].setting().clock.now();
    let word = waiting(&lanes, 0, second);
    assert_eq!((word.since, word.origin.clone()), (now, lanes.agency(0)));
    let last = now.plus_millis(SHORT_MS - 1);
    assert_eq!(word.expires_at, Some(last), "when the third expires");
    lanes.bring_up(1);
    let before = lanes.facts(0).len();
    lanes.work();
    assert_eq!(lanes.facts(0).len(), before, "as long as there is no way nothing is written");
    comes_back_the_same(&mut lanes, 0);
    assert_eq!(waiting(&lanes, 0, second).since, now);

    name_again(&mut lanes, 0);
    lanes.work();
    assert_eq!(lanes.inbox(3), [first, third]);
    assert!(!waited_in_vain(&lanes));
    assert_eq!((reasons(&lanes, 0), owed(&lanes, 0, second).len()), (vec![Reason::NoRoute], 0));
    assert_eq!(lanes.custody(0, second), Custody::Ended { reason: Reason::Expired });
    assert_eq!(lanes.ways(0, second), [], "the word went, and not the message");
    let before = lanes.facts(0).len();
    comes_back_the_same(&mut lanes, 0);
    lanes.work();
    assert_eq!(lanes.facts(0).len(), before, "it is told once");
}

/// The word has come to node 1, which has no way on to 3.
fn stopped_at_the_transit() -> (Lanes, [MessageKey; 3]) {
    let (mut lanes, messages) = held_up();
    lanes.take_down(2);
    let_the_second_expire(&mut lanes, messages[1]);
    cut(&mut lanes, 1, &[(1, 3), (2, 3)]);
    lanes.bring_up(1);
    lanes.work();
    assert_eq!(owed(&lanes, 0, messages[1]).len(), 0, "1 has heard it");
    (lanes, messages)
}

#[test]
fn a_transit_that_has_no_way_on_for_the_word_tells_it_once_it_has_one() {
    let (mut lanes, [first, second, third]) = stopped_at_the_transit();
    let now = lanes.nodes[1].setting().clock.now();
    let word = waiting(&lanes, 1, second);
    assert_eq!((word.since, word.expires_at), (now, Some(now.plus_millis(EXPIRY_MS_MAX))));
    comes_back_the_same(&mut lanes, 1);
    assert_eq!(lanes.inbox(3), [first]);

    name_again(&mut lanes, 1);
    lanes.work();
    assert_eq!(lanes.inbox(3), [first, third]);
    assert!(!waited_in_vain(&lanes));
    assert_eq!((ways_chosen(&lanes, 1), owed(&lanes, 1, second).len()), (1, 0));
    comes_back_the_same(&mut lanes, 1);
}

#[test]
fn a_transit_owes_the_word_no_longer_than_a_message_lives_that_may_wait_for_it() {
    let (mut lanes, [first, second, third]) = stopped_at_the_transit();
    lanes.pass(EXPIRY_MS_MAX - 1);
    waiting(&lanes, 1, second);
    assert_eq!(lanes.inbox(3), [first, third], "by its own expiry");
    lanes.pass(1);
    assert_eq!(owed(&lanes, 1, second).len(), 0);
    name_again(&mut lanes, 1);
    lanes.work();
    assert_eq!(ways_chosen(&lanes, 1), 0);
    comes_back_the_same(&mut lanes, 1);
}

#[test]
fn a_word_that_two_directories_send_in_a_circle_is_told_once_all_have_the_same() {
    // The best way from 0 to 3 is by 1; without the link of 1 to 3 it leads by 0 from there.
    let (mut lanes, [first, second, third]) = held_up();
    lanes.take_down(2);
    let_the_second_expire(&mut lanes, second);
    cut(&mut lanes, 1, &[(1, 3)]);
    lanes.bring_up(1);
    lanes.work();
    let heard = |n| lanes.facts(n).iter().filter(|it| is_heard(it, second)).count();
    assert_eq!((heard(1), heard(0)), (1, 1), "1 sent it back");
    let before = ways_chosen(&lanes, 0);
    assert_eq!(lanes.inbox(3), [first]);
    comes_back_the_same(&mut lanes, 0);

    // 0 follows it too: its way leads by 2 now.
    cut(&mut lanes, 0, &[(1, 3)]);
    lanes.bring_up(2);
    lanes.work();
    assert_eq!(lanes.inbox(3), [first, third]);
    assert!(!waited_in_vain(&lanes));
    assert_eq!(ways_chosen(&lanes, 0), before + 1);
    assert_eq!(
        reasons(&lanes, 0).last(),
        Some(&Reason::DirectoryChanged),
        "its link is there still"
    );
    comes_back_the_same(&mut lanes, 0);
    comes_back_the_same(&mut lanes, 1);
}

#[test]
fn a_word_for_which_nobody_waits_is_not_listed_and_is_told_before_something_can_wait_for_it() {
    let mut lanes = Lanes::new(4, &[(0, 1), (1, 3)]);
    let first = lanes.send(3, 1, false);
    lanes.work();
    lanes.take_down(1);
    let second = lanes.send(3, 1, false);
    cut(&mut lanes, 0, &[(0, 1)]);
    lanes.pass(LIFE_MS + 1);
    assert_eq!(lanes.custody(0, second), Custody::Ended { reason: Reason::Expired });
    assert_eq!(owed(&lanes, 0, second).len(), 0, "nothing follows it");
    lanes.bring_up(1);
    name_again(&mut lanes, 0);
    let third = lanes.send(3, 1, false);
    let expires_at = lanes.nodes[0].setting().clock.now().plus_millis(LIFE_MS);
    assert_eq!(waiting(&lanes, 0, second).expires_at, Some(expires_at));
    lanes.work();
    assert_eq!(lanes.inbox(3), [first, third]);
    assert!(!waited_in_vain(&lanes));
}

#[test]
fn a_word_whose_link_ends_after_it_was_told_is_told_again_for_that_reason() {
    let (mut lanes, [_, second, _]) = stopped_at_the_transit();
    assert_eq!(reasons(&lanes, 0), [], "it went the first way");
    cut(&mut lanes, 0, &[(0, 1)]);
    lanes.bring_up(2);
    lanes.work();
    assert_eq!(reasons(&lanes, 0), [Reason::LinkEnded]);
    assert_eq!(lanes.facts(3).iter().filter(|it| is_heard(it, second)).count(), 1);
}
