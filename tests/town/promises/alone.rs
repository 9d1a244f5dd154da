//! A restored node whose directory names no neighbour has nobody to ask what was seen of its journal: it says
//! so, signs nothing, and asks as soon as a newer directory names one.

use std::sync::Arc;

use rogatory::domain::fact::Fact;
use rogatory::journal::store::Batch;
use rogatory::node::Node;
use rogatory::node::command::Command;
use rogatory::node::doubt::{Doubt, NOBODY_TO_ASK};
use rogatory::node::duties::due;
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::node::recovery::{self, Recovery};
use rogatory::node::rejection::RejectionReason;
use rogatory::wire::relay::Outgoing;

use super::lanes::Lanes;
use crate::session;

/// Two agencies with a message between them; node 0 then follows a directory without links, as one that
/// suspends its neighbour, and `put` changes its store while it is stopped.
fn alone(put: impl FnOnce(&Node, &mut Batch)) -> Lanes {
    let mut lanes = Lanes::new(2, &[(0, 1)]);
    lanes.send(1, 1, false);
    lanes.work();
    lanes.take_down(1);
    lanes.follow(0, |draft| draft.links.clear());
    let mut batch = Batch::new();
    put(&lanes.nodes[0], &mut batch);
    lanes.nodes[0].setting().store.commit(batch).unwrap();
    start_again(&mut lanes);
    lanes
}

fn start_again(lanes: &mut Lanes) {
    let setting = Arc::clone(lanes.nodes[0].setting());
    lanes.nodes[0] = Node::open(setting).unwrap();
}

/// The directory of node 0 names its neighbour again, which is there.
fn name_again(lanes: &mut Lanes) {
    lanes.bring_up(1);
    let links = lanes.federation.directory.draft().links;
    lanes.follow(0, |draft| draft.links = links);
}

#[test]
fn a_restored_node_without_neighbours_says_so_and_signs_nothing_until_it_has_asked_one() {
    let mut lanes = alone(|node, batch| {
        let setting = node.setting();
        let doubt = Doubt::begun(setting.clock.now(), setting.journal.next());
        doubt.put(setting.store.as_ref(), batch).unwrap();
    });
    let size = lanes.facts(0).len();
    for _ in 0..2 {
        let setting = Arc::clone(lanes.nodes[0].setting());
        let no = recovery::reads_only(&setting).unwrap().expect("it only reads");
        assert_eq!(
            (no.reason, no.text.as_str()),
            (RejectionReason::JournalUnconfirmed, NOBODY_TO_ASK)
        );
        let decided = lanes.nodes[0].execute(vec![Command::Countersign]).unwrap().remove(0);
        assert_eq!(decided.unwrap_err(), no);
        assert!(due::commands(&setting).unwrap().is_empty());
        lanes.work();
        assert_eq!(lanes.facts(0).len(), size, "nothing is signed");
        start_again(&mut lanes);
    }

    name_again(&mut lanes);
    let store = Arc::clone(&lanes.nodes[0].setting().store);
    let no = recovery::reads_only(lanes.nodes[0].setting()).unwrap().expect("it has asked nobody");
    assert_ne!(no.text, NOBODY_TO_ASK);
    assert_eq!(lanes.facts(0).len(), size);
    lanes.settle();
    assert_eq!(Doubt::of(store.as_ref()).unwrap(), None);
    let adopted = |it: &&Fact| matches!(it, Fact::DirectoryAdopted { .. });
    assert_eq!(lanes.facts(0)[size..].iter().filter(adopted).count(), 1, "it goes on");
    let message = lanes.send(1, 1, false);
    lanes.work();
    assert!(lanes.inbox(1).contains(&message));
}

#[test]
fn a_restored_node_waits_for_whoever_was_its_neighbour_when_it_began_to_ask() {
    let mut lanes = Lanes::new(3, &[(0, 1), (0, 2)]);
    lanes.send(2, 1, false);
    lanes.work();
    let setting = Arc::clone(lanes.nodes[0].setting());
    let mut batch = Batch::new();
    let doubt = Doubt::begun(setting.clock.now(), setting.journal.next());
    doubt.put(setting.store.as_ref(), &mut batch).unwrap();
    setting.store.commit(batch).unwrap();
    let size = lanes.facts(0).len();
    start_again(&mut lanes);
    // What 2 alone may have seen, 0 does not hear while the directory names no link with it.
    let links = lanes.federation.directory.draft().links;
    let end = |lanes: &mut Lanes, n: usize| {
        let gone = lanes.agency(2);
        lanes.follow(n, |draft| draft.links.retain(|it| it.a != gone && it.b != gone));
    };
    (0..2).for_each(|n| end(&mut lanes, n));
    let waits_for = |lanes: &Lanes| {
        let setting = lanes.nodes[0].setting();
        let doubt = Doubt::of(setting.store.as_ref()).unwrap().expect("it still asks");
        (doubt.unanswered(doubt.asked(setting)), doubt.has_nobody_to_ask(setting))
    };
    assert_eq!(waits_for(&lanes), (vec![lanes.agency(1), lanes.agency(2)], false));
    let ask = |lanes: &mut Lanes, peer: usize| {
        let [own, other] = lanes.nodes.get_disjoint_mut([0, peer]).unwrap();
        session::hand_over(own, other);
    };
    for _ in 0..2 {
        ask(&mut lanes, 1);
        assert_eq!(waits_for(&lanes), (vec![lanes.agency(2)], true), "1 has seen no more");
        assert_eq!(lanes.facts(0).len(), size, "nothing is signed");
        start_again(&mut lanes);
    }

    (0..2).for_each(|n| lanes.follow(n, |draft| draft.links.clone_from(&links)));
    assert_eq!(waits_for(&lanes), (vec![lanes.agency(2)], false));
    ask(&mut lanes, 2);
    assert_eq!(Doubt::of(lanes.nodes[0].setting().store.as_ref()).unwrap(), None);
    assert!(lanes.facts(0).len() > size, "it goes on");
}

#[test]
fn what_was_lost_with_a_volume_is_asked_for_once_the_directory_names_a_neighbour() {
    let mut lanes = alone(|node, batch| {
        let (setting, before) = (node.setting(), node.setting().journal_name.to_string());
        let begun = Recovery::begun(before, setting.journal.next(), Vec::new());
        begun.put(setting.store.as_ref(), batch).unwrap();
    });
    let store = Arc::clone(&lanes.nodes[0].setting().store);
    let stands = |lanes: &Lanes| {
        let recovery = Recovery::of(store.as_ref()).unwrap().map(|it| it.settled);
        (recovery, recovery::reads_only(lanes.nodes[0].setting()).unwrap().is_some())
    };
    assert_eq!(stands(&lanes), (Some(true), false), "it is kept, and nobody is waited for");
    name_again(&mut lanes);
    assert_eq!(stands(&lanes), (Some(false), true), "no number is given before it has asked");
    start_again(&mut lanes);
    assert_eq!(stands(&lanes), (Some(false), true));

    let settings = [0, 1].map(|n| Arc::clone(lanes.nodes[n].setting()));
    let mut outbound = Outbound::new(Arc::clone(&settings[0]), lanes.agency(1));
    let mut inbound = Inbound::new(Arc::clone(&settings[1]), lanes.agency(0));
    let welcome = session::answer(&mut lanes.nodes[1], &mut inbound, outbound.hello());
    outbound.take(welcome).unwrap();
    let asks = |it: &Wish| matches!(it, Wish::Send(it) if matches!(**it, Outgoing::Missing(_)));
    assert!(outbound.poll().unwrap().iter().any(asks), "it asks");
}
