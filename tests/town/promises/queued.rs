//! The queue names all that waits: each sort of it with where it is, since when and who must act; what is
//! owed to an agency that the directory names no more, too.

use std::sync::Arc;

use rogatory::directory::Directory;
use rogatory::directory::write::to_toml;
use rogatory::domain::fact::Reason;
use rogatory::domain::header::MessageKey;
use rogatory::domain::retention::Honour;
use rogatory::history::message::Custody;
use rogatory::node::command::{Command, SetAsideAct};
use rogatory::node::outstanding::{self, Item, Owed, State};
use rogatory::node::overdue;
use rogatory::node::remainder::{self, Rest};
use rogatory::node::setting::Setting;
use rogatory::node::stranded;

use super::erasures::{ORDER, erase, follow, hold, honouring, key_of};
use super::lanes::{LIFE_MS, Lanes};
use super::messages::bank_records;
use super::network::{ARE, BRA, Network};
use super::voids::{FORK, comes_back_the_same, cut, name_again};

/// What is listed, read in pages of one.
fn listed(setting: &Setting) -> Vec<Owed> {
    let (mut found, mut place) = (Vec::new(), None);
    loop {
        let (page, next) = outstanding::page(setting, false, place, 1).unwrap();
        found.extend(page);
        place = next;
        if place.is_none() {
            return found;
        }
    }
}

type Line = (Item, State, Option<String>, Option<Reason>);

fn line(owed: &Owed) -> Line {
    (owed.item, owed.state, owed.peer.as_ref().map(ToString::to_string), owed.reason)
}

/// What the queue has of a message, the same by the list of all and by its id.
fn of(setting: &Setting, message: MessageKey) -> Vec<Owed> {
    let named = outstanding::of_id(setting, message.message()).unwrap();
    let all = listed(setting).into_iter().filter(|it| it.key() == message);
    assert_eq!(
        all.map(|it| line(&it)).collect::<Vec<_>>(),
        named.iter().map(line).collect::<Vec<_>>()
    );
    named
}

/// The one line that the queue has of a message.
fn one(setting: &Setting, message: MessageKey) -> (Owed, &'static str) {
    let found = of(setting, message);
    let [owed] = &found[..] else { panic!("one line: {found:?}") };
    (owed.clone(), owed.state.must_act())
}

fn rest(setting: &Setting) -> Rest {
    remainder::rest(setting).unwrap()
}

/// Node `n` follows a directory that does not know agency `gone`.
fn forget(lanes: &mut Lanes, n: usize, gone: usize) {
    let gone = lanes.agency(gone);
    lanes.follow(n, |draft| {
        draft.links.retain(|it| it.a != gone && it.b != gone);
        draft.agencies.retain(|it| it.id != gone);
    });
}

#[test]
fn what_is_owed_to_an_agency_that_has_left_is_listed_until_it_ends_or_goes() {
    let mut lanes = Lanes::new(3, &[(0, 1), (1, 2)]);
    let first = lanes.send(2, 1, false);
    lanes.work();
    lanes.erase(0, first);
    lanes.work();
    lanes.take_down(1);
    let [waits, doubt] = [2, 3].map(|request| lanes.send(2, request, false));
    lanes.lose_an_offer(0, doubt);
    let peer = Some(lanes.agency(1));
    let setting = Arc::clone(lanes.nodes[0].setting());
    assert_eq!(one(&setting, doubt).0.state, State::InDoubt);
    let before = lanes.federation.directory.draft();
    forget(&mut lanes, 0, 1);
    lanes.work();
    let (owed, must_act) = one(&setting, waits);
    assert_eq!(
        (owed.item, owed.state, must_act),
        (Item::Message, State::WaitingForWay, "operator")
    );
    assert_eq!(
        (&owed.peer, owed.reason, owed.since),
        (&peer, Some(Reason::LinkEnded), lanes.now())
    );
    let (owed, must_act) = one(&setting, doubt);
    assert_eq!((owed.state, must_act), (State::DoubtWithoutLink, "operators"));
    assert_eq!((&owed.peer, owed.reason, owed.handover), (&peer, Some(Reason::LinkEnded), 1));
    let left = rest(&setting);
    assert_eq!((left.messages, left.waiting_for_way, left.is_empty()), (0, 2, true));
    assert!(of(&setting, first).is_empty());
    let stranded = stranded::by_agency(&setting).unwrap();
    assert_eq!(stranded.into_iter().collect::<Vec<_>>(), [(lanes.agency(1), 2)]);

    // Node 2 owes the same agency its answer about the first one.
    forget(&mut lanes, 2, 1);
    lanes.erase(2, first);
    let far = Arc::clone(lanes.nodes[2].setting());
    let (owed, must_act) = one(&far, first);
    assert!(matches!(owed.item, Item::Statement(place) if place > 0), "{owed:?}");
    assert_eq!((owed.state, must_act), (State::WaitingForWay, "operator"));
    assert_eq!((&owed.peer, owed.reason), (&peer, Some(Reason::LinkEnded)));
    assert_eq!((rest(&far).statements, rest(&far).waiting_for_way), (0, 1));
    comes_back_the_same(&mut lanes, 2);

    // What waits ends by its expiry, and what is in doubt is for operators of both sides.
    lanes.pass(LIFE_MS + 3_600_000);
    assert_eq!(lanes.custody(0, waits), Custody::Ended { reason: Reason::Expired });
    let (owed, must_act) = one(&setting, doubt);
    assert_eq!((owed.state, must_act, &owed.peer), (State::DoubtPastExpiry, "operators", &peer));
    let [overdue] = &overdue::by_peer(&setting).unwrap()[..] else { panic!("it is rung for") };
    assert_eq!((Some(&overdue.peer), overdue.messages), (peer.as_ref(), 1));

    // The agency takes part again.
    lanes.bring_up(1);
    for n in [0, 2] {
        let (agencies, links) = (before.agencies.clone(), before.links.clone());
        lanes.follow(n, |draft| (draft.agencies, draft.links) = (agencies, links));
    }
    assert_eq!(one(&far, first).0.state, State::ToTell);
    lanes.work();
    assert!(of(&far, first).is_empty() && of(&setting, doubt).is_empty());
}

#[test]
fn an_attachment_for_an_agency_that_has_left_is_listed_and_carried_once_it_is_there_again() {
    let mut network = Network::new();
    let sent = network.send_attached(BRA, &bank_records(), ARE);
    let key = key_of(&network, BRA, sent);
    let setting = network.setting(BRA);
    let (owed, must_act) = one(&setting, key);
    assert_eq!((owed.item, owed.state, must_act), (Item::Attachment(1), State::ToCarry, "node"));
    assert_eq!((rest(&setting).attachments, rest(&setting).is_empty()), (1, false));
    let (gone, whole) = (network.agency(ARE).clone(), setting.directory());
    follow(&mut network, BRA, |draft| {
        draft.links.retain(|it| it.a != gone && it.b != gone);
        draft.agencies.retain(|it| it.id != gone);
    });
    let (owed, must_act) = one(&setting, key);
    assert_eq!((owed.item, owed.state), (Item::Attachment(1), State::WaitingForWay));
    assert_eq!(
        (must_act, owed.peer, owed.reason),
        ("operator", Some(gone), Some(Reason::LinkEnded))
    );
    assert_eq!((rest(&setting).attachments, rest(&setting).waiting_for_way), (0, 1));
    let again = Directory::parse(&to_toml(&whole.draft())).unwrap();
    network.ask(BRA, Command::AdoptDirectory(Arc::new(again))).unwrap();
    assert_eq!(one(&setting, key).0.state, State::ToCarry);
}

#[test]
fn an_erasure_that_no_way_leads_to_ask_for_is_listed_until_it_is_asked_for() {
    let mut lanes = Lanes::new(4, &FORK);
    let message = lanes.send(3, 1, false);
    lanes.work();
    let setting = Arc::clone(lanes.nodes[0].setting());
    assert!(of(&setting, message).is_empty());
    cut(&mut lanes, 0, &FORK);
    lanes.pass(5);
    lanes.erase(0, message);
    lanes.work();
    let (owed, must_act) = one(&setting, message);
    assert_eq!((owed.item, owed.state), (Item::Statement(0), State::WaitingForWay));
    assert_eq!((must_act, owed.reason, &owed.peer), ("operator", Some(Reason::NoRoute), &None));
    assert_eq!((owed.since, owed.destination), (lanes.now(), Some(lanes.agency(3))));
    let left = rest(&setting);
    assert_eq!((left.statements, left.waiting_for_way, left.is_empty()), (0, 1, true));
    let stranded = || stranded::by_agency(&setting).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(stranded(), [(lanes.agency(3), 1)]);
    comes_back_the_same(&mut lanes, 0);
    name_again(&mut lanes, 0);
    assert_eq!(stranded(), []);
    let (owed, must_act) = one(&setting, message);
    assert_eq!((owed.state, must_act, owed.reason), (State::ToTell, "node", None));
    assert_eq!((rest(&setting).statements, rest(&setting).is_empty()), (1, false));
    lanes.work();
    assert!(of(&setting, message).is_empty());
    // It is owed there until somebody decides.
    let (owed, must_act) = one(lanes.nodes[3].setting(), message);
    assert_eq!((owed.item, owed.state), (Item::Statement(0), State::WaitingForDecision));
    assert_eq!((must_act, owed.peer), ("officer", Some(lanes.agency(1))));
    assert!(rest(lanes.nodes[3].setting()).is_empty(), "it waits for people");
    lanes.erase(3, message);
    lanes.work();
    assert!(of(lanes.nodes[3].setting(), message).is_empty());
}

#[test]
fn an_erasure_that_waits_for_the_arrival_of_its_message_is_listed_as_that() {
    let mut lanes = Lanes::new(3, &[(0, 1), (1, 2)]);
    lanes.take_down(2);
    let message = lanes.send(2, 1, false);
    lanes.work();
    assert_eq!(lanes.custody(0, message), Custody::PassedOn);
    lanes.pass(5);
    lanes.erase(0, message);
    lanes.work();
    let setting = Arc::clone(lanes.nodes[0].setting());
    let (owed, must_act) = one(&setting, message);
    assert_eq!((owed.item, owed.state), (Item::Statement(0), State::WaitingForArrival));
    assert_eq!((must_act, owed.since, &owed.peer), ("peer", lanes.now(), &Some(lanes.agency(1))));
    assert!(rest(&setting).is_empty());
    comes_back_the_same(&mut lanes, 0);
    lanes.bring_up(2);
    lanes.work();
    assert!(of(&setting, message).is_empty());
    assert_eq!(one(lanes.nodes[2].setting(), message).0.state, State::WaitingForDecision);
}

#[test]
fn an_erasure_whose_message_never_arrives_waits_no_longer() {
    let mut lanes = Lanes::new(3, &[(0, 1), (1, 2)]);
    lanes.take_down(2);
    let message = lanes.send(2, 1, false);
    lanes.work();
    lanes.erase(0, message);
    let setting = Arc::clone(lanes.nodes[0].setting());
    assert_eq!(one(&setting, message).0.state, State::WaitingForArrival);
    lanes.pass(LIFE_MS + 1);
    assert!(of(&setting, message).is_empty(), "{:?}", of(&setting, message));
}

#[test]
fn an_answer_that_the_node_gives_by_itself_is_listed_until_it_is_given() {
    // What is held is answered by the node; so is what its policy erases at once.
    for honours in [false, true] {
        let policy = |n, setting: &mut Setting| {
            if honours {
                honouring(ARE)(n, setting);
            }
        };
        let mut network = Network::with(|_| {}, policy);
        let sent = network.send(BRA, &bank_records());
        let key = key_of(&network, BRA, sent);
        if !honours {
            hold(&mut network, ARE, sent.request, true);
        }
        let setting = network.setting(ARE);
        assert_eq!(setting.policy.honour == Honour::AtOnce, honours);
        erase(&mut network, BRA, key, ORDER);
        let (owed, must_act) = one(&setting, key);
        assert_eq!(
            (owed.item, owed.state, must_act),
            (Item::Statement(0), State::ToAnswer, "node")
        );
        assert_eq!((owed.since, owed.peer.as_ref()), (network.now(), Some(network.agency(BRA))));
        assert_eq!((rest(&setting).statements, rest(&setting).is_empty()), (1, false));
        network.do_duties(ARE);
        let (owed, must_act) = one(&setting, key);
        assert_eq!((owed.state, must_act), (State::ToTell, "node"));
        network.settle();
        assert!(of(&setting, key).is_empty());
    }
}

#[test]
fn a_message_that_goes_no_further_is_listed_until_it_is_concluded() {
    let mut lanes = Lanes::new(3, &[(0, 1), (1, 2)]);
    let message = lanes.send(2, 1, false);
    lanes.make_unreadable(2, message);
    lanes.settle();
    lanes.work();
    lanes.decide(1, message, SetAsideAct::Return);
    lanes.settle();
    assert_eq!(lanes.custody(0, message), Custody::PassedOn);
    let setting = Arc::clone(lanes.nodes[0].setting());
    let (owed, must_act) = one(&setting, message);
    assert_eq!((owed.item, owed.state, must_act), (Item::Message, State::ToConclude, "node"));
    assert_eq!((rest(&setting).statements, rest(&setting).is_empty()), (1, false));
    lanes.work();
    assert_eq!(lanes.custody(0, message), Custody::Ended { reason: Reason::Operator });
    assert!(of(&setting, message).is_empty());
}

#[test]
fn a_message_that_has_come_before_its_turn_is_listed_until_it_has_its_turn() {
    let mut lanes = Lanes::new(4, &FORK);
    lanes.take_down(1);
    let first = lanes.send(3, 1, false);
    lanes.pass(31_000);
    let second = lanes.send(3, 1, true);
    lanes.work();
    assert!(lanes.inbox(3).is_empty());
    let setting = Arc::clone(lanes.nodes[3].setting());
    let (owed, must_act) = one(&setting, second);
    assert_eq!((owed.item, owed.state, must_act), (Item::Message, State::WaitingForOrder, "peer"));
    let ends = lanes.now().plus_millis(LIFE_MS);
    assert_eq!((owed.since, owed.expires_at), (lanes.now(), Some(ends)));
    assert!(rest(&setting).is_empty());
    comes_back_the_same(&mut lanes, 3);
    lanes.bring_up(1);
    lanes.work();
    assert_eq!(lanes.inbox(3), [first, second]);
    assert!(of(&setting, second).is_empty());
}
