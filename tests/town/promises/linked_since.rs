//! A neighbour with which a restored node was linked only after its backup is named by nothing that the node
//! still has, so it is not asked. What it saw is found at its next contact all the same: the node stands
//! still, or, where it has signed as much again meanwhile, the neighbour shows the fork and takes nothing.

use std::sync::Arc;

use rogatory::clock::Clock;
use rogatory::directory::{Directory, Link};
use rogatory::domain::fact::Fact;
use rogatory::entropy::SeededEntropy;
use rogatory::history::message::Custody;
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::store::Batch;
use rogatory::node::claims::BELIEVED_MS;
use rogatory::node::command::Command;
use rogatory::node::doubt::Doubt;
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::duties::outbound::{Outbound, SessionEnd, Wish};
use rogatory::node::rejection::RejectionReason;
use rogatory::node::{Node, records, recovery};

use super::lanes::Lanes;
use crate::session;

/// What a neighbour said is heard again so much later, where it waits for a directory.
const AGAIN_MS: i64 = 60_000;

/// Node 0 over a disk, under a directory; each chance makes another history.
fn opened(
    lanes: &Lanes,
    (disk, slots): (&MemoryDisk, &MemorySlots),
    chance: u64,
    directory: Arc<Directory>,
) -> Node {
    let store = MemoryStore::open(disk).unwrap();
    let store = Arc::new(lanes.federation.sealed(0, store).unwrap());
    let clock = Arc::clone(&lanes.clock) as Arc<dyn Clock>;
    let entropy = Arc::new(SeededEntropy::new(chance));
    let place = (store as Arc<_>, Box::new(slots.clone()) as Box<_>);
    let mut setting = lanes.federation.setting_on(0, place, clock, entropy).unwrap();
    setting.directory = directory.into();
    Node::open(Arc::new(setting)).unwrap()
}

/// From here on all follow a directory with these links.
fn link(lanes: &mut Lanes, links: &[Link]) {
    for n in 0..3 {
        lanes.follow(n, |draft| draft.links = links.to_vec());
    }
}

/// Agencies 1 and 2 are neighbours of 0, and 2 is one only after 0 made its backup and until that is restored.
/// Node 0 has asked nobody yet. Gives the links of both, and how much 2 has seen.
fn in_doubt() -> (Lanes, Vec<Link>, u64) {
    let mut lanes = Lanes::new(3, &[(0, 1), (0, 2)]);
    let both = lanes.federation.directory.draft().links;
    let two = lanes.agency(2);
    let one: Vec<Link> = both.iter().filter(|it| it.a != two && it.b != two).cloned().collect();
    let (disk, slots) = (MemoryDisk::new(), MemorySlots::new());
    let directory = Arc::clone(&lanes.federation.directory);
    lanes.nodes[0] = opened(&lanes, (&disk, &slots), 21, directory);
    link(&mut lanes, &one);
    lanes.send(1, 1, false);
    lanes.work();
    let backup = (disk.copy(), slots.copy());
    let directory = lanes.nodes[0].setting().directory();
    lanes.take_down(1);
    link(&mut lanes, &both);
    let message = lanes.send(2, 2, false);
    lanes.work();
    assert!(lanes.inbox(2).contains(&message));
    link(&mut lanes, &one);
    lanes.bring_up(1);

    lanes.nodes[0] = opened(&lanes, (&backup.0, &backup.1), 77, directory);
    let setting = Arc::clone(lanes.nodes[0].setting());
    let mut batch = Batch::new();
    let doubt = Doubt::begun(setting.clock.now(), setting.journal.next());
    doubt.put(setting.store.as_ref(), &mut batch).unwrap();
    setting.store.commit(batch).unwrap();
    lanes.nodes[0] = Node::open(Arc::clone(&setting)).unwrap();
    // It follows what 1 follows, and that names no other neighbour either.
    let newest = lanes.nodes[1].setting().directory();
    lanes.ask(0, Command::AdoptDirectory(newest));
    let journal = &setting.journal_name;
    let seen = records::seen(lanes.nodes[2].setting().store.as_ref(), journal).unwrap();
    let seen = seen.expect("it has seen the journal").size;
    assert!(seen > setting.journal.next() + 1, "more than is here");
    (lanes, both, seen)
}

/// The doubt of node 0 after it has met node 1.
fn asked(lanes: &mut Lanes) -> Option<Doubt> {
    let [own, other] = lanes.nodes.get_disjoint_mut([0, 1]).unwrap();
    session::hand_over(own, other);
    Doubt::of(lanes.nodes[0].setting().store.as_ref()).unwrap()
}

/// The same once node 0 has asked 1, which has seen no more than is there, and goes on.
fn restored() -> (Lanes, Vec<Link>, u64) {
    let (mut lanes, both, seen) = in_doubt();
    assert_eq!(asked(&mut lanes), None, "nothing names another neighbour");
    (lanes, both, seen)
}

/// With what a session of node 0 with node 2 ends.
fn contact(lanes: &mut Lanes) -> SessionEnd {
    let settings = [0, 2].map(|n| Arc::clone(lanes.nodes[n].setting()));
    let agencies = [0, 2].map(|n| lanes.agency(n));
    let mut outbound = Outbound::new(Arc::clone(&settings[0]), agencies[1].clone());
    let mut inbound = Inbound::new(Arc::clone(&settings[1]), agencies[0].clone());
    let mut frames = vec![outbound.hello()];
    while let Some(frame) = frames.pop() {
        let reply = session::answer(&mut lanes.nodes[2], &mut inbound, frame);
        let mut wishes = match outbound.take(reply) {
            Ok(wishes) => wishes,
            Err(end) => return end,
        };
        loop {
            for wish in wishes {
                match wish {
                    Wish::Send(frame) => frames.push(*frame),
                    Wish::Execute(command, then) => {
                        lanes.ask(0, *command);
                        outbound.executed(&then);
                    }
                }
            }
            wishes = outbound.poll().unwrap();
            if wishes.is_empty() {
                break;
            }
        }
    }
    panic!("nothing is wrong with the journal");
}

#[test]
fn a_restored_node_that_hears_of_more_than_it_has_stands_still_though_it_asked_already() {
    let (mut lanes, both, seen) = restored();
    link(&mut lanes, &both);
    let size = lanes.facts(0).len() as u64;
    let SessionEnd::Rewound { witnessed, held, said } = contact(&mut lanes) else {
        panic!("it has seen more");
    };
    assert_eq!((witnessed, held), (seen, size));
    lanes.ask(0, Command::Sighted(*said));
    let no = recovery::reads_only(lanes.nodes[0].setting()).unwrap().expect("it only reads");
    assert_eq!(no.reason, RejectionReason::JournalBehind);
    let metadata = |name: &str| no.metadata.iter().find(|it| it.0 == name).map(|it| it.1.clone());
    assert_eq!(metadata("seen_by"), Some(lanes.agency(2).to_string()));
    assert_eq!(metadata("size_seen"), Some(seen.to_string()));
    let decided = lanes.nodes[0].execute(vec![Command::Countersign]).unwrap().remove(0);
    assert_eq!(decided.unwrap_err(), no);
    assert_eq!(lanes.facts(0).len() as u64, size, "nothing is signed");
}

#[test]
fn a_restored_node_that_signed_as_much_again_is_shown_to_have_two_histories() {
    let (mut lanes, both, seen) = restored();
    for request in 3.. {
        lanes.send(1, request, false);
        if lanes.facts(0).len() as u64 > seen {
            break;
        }
    }
    link(&mut lanes, &both);
    let message = lanes.send(2, 2, false);
    for _ in 0..2 {
        let SessionEnd::Peer(why) = contact(&mut lanes) else { panic!("it is refused") };
        assert!(why.contains("JOURNAL_FORKED"), "{why}");
    }
    let own = lanes.nodes[0].setting().journal_name.clone();
    let found = lanes
        .facts(2)
        .into_iter()
        .filter(|it| matches!(it, Fact::ConflictFound { journal, .. } if *journal == own));
    assert_eq!(found.count(), 1, "both checkpoints are kept, once");
    assert!(!lanes.inbox(2).contains(&message));
    let peer = lanes.agency(2);
    assert_eq!(lanes.custody(0, message), Custody::Waiting { peer }, "it is here still");
}

#[test]
fn a_restored_node_waits_for_the_directory_that_a_neighbour_follows_and_asks_whom_that_names() {
    let (mut lanes, both, seen) = in_doubt();
    let two = lanes.agency(2);
    for n in [1, 2] {
        lanes.follow(n, |draft| draft.links.clone_from(&both));
    }
    let unanswered = |doubt: &Doubt, lanes: &Lanes| {
        let setting = lanes.nodes[0].setting();
        doubt.unanswered(doubt.asked(setting))
    };
    for _ in 0..2 {
        let doubt = asked(&mut lanes).expect("others may have seen more");
        assert_eq!(unanswered(&doubt, &lanes), [lanes.agency(1)]);
    }
    lanes.follow(0, |draft| draft.links.clone_from(&both));
    let doubt = asked(&mut lanes).expect("one is not asked yet");
    assert_eq!(unanswered(&doubt, &lanes), [two]);
    let SessionEnd::Rewound { witnessed, .. } = contact(&mut lanes) else {
        panic!("it has seen more");
    };
    assert_eq!(witnessed, seen);
}

#[test]
fn a_directory_that_is_named_and_never_shown_holds_a_restored_node_up_for_an_hour() {
    let (mut lanes, both, _) = in_doubt();
    lanes.follow(1, |draft| draft.links.clone_from(&both));
    assert!(asked(&mut lanes).is_some());
    lanes.clock.advance(BELIEVED_MS / 2);
    assert!(asked(&mut lanes).is_some());
    lanes.clock.advance(BELIEVED_MS / 2);
    assert_eq!(asked(&mut lanes), None);
}

/// Whether what node 1 said of the journal of node 0 is heard now, and whether it counts as following a newer
/// directory then.
fn heard(lanes: &mut Lanes, wishes: Vec<Wish>) -> Vec<bool> {
    let mut heard = Vec::new();
    for wish in wishes {
        if let Wish::Execute(command, _) = wish {
            if let Command::Sighted(sighting) = command.as_ref() {
                heard.push(sighting.follows_newer);
            }
            lanes.ask(0, *command);
        }
    }
    heard
}

#[test]
fn within_a_session_what_a_neighbour_said_is_heard_again_until_it_is_believed_no_longer() {
    let (mut lanes, both, _) = in_doubt();
    lanes.follow(1, |draft| draft.links.clone_from(&both));
    let settings = [0, 1].map(|n| Arc::clone(lanes.nodes[n].setting()));
    let mut outbound = Outbound::new(Arc::clone(&settings[0]), lanes.agency(1));
    let mut inbound = Inbound::new(Arc::clone(&settings[1]), lanes.agency(0));
    let reply = session::answer(&mut lanes.nodes[1], &mut inbound, outbound.hello());
    let wishes = outbound.take(reply).unwrap();
    assert_eq!(heard(&mut lanes, wishes), [true]);
    let mut later = |lanes: &mut Lanes, millis: i64| -> Vec<bool> {
        lanes.clock.advance(millis);
        let wishes = outbound.poll().unwrap();
        heard(lanes, wishes)
    };
    assert!(later(&mut lanes, AGAIN_MS / 2).is_empty());
    assert_eq!(later(&mut lanes, AGAIN_MS / 2), [true]);
    assert!(Doubt::of(settings[0].store.as_ref()).unwrap().is_some());
    assert_eq!(later(&mut lanes, BELIEVED_MS / 2), [true]);
    assert_eq!(later(&mut lanes, BELIEVED_MS / 2), [false]);
    assert_eq!(Doubt::of(settings[0].store.as_ref()).unwrap(), None);
    assert!(later(&mut lanes, AGAIN_MS).is_empty());
}
