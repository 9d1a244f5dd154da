//! A peer that takes nothing for a while is handed no more than the window: what it may have is asked again
//! now and then, and nothing else is offered, at whatever instant somebody looks. What it answers stands in a line
//! apart from what it asks.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::entropy::{SeededEntropy, uuid_v7};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::node::Node;
use rogatory::node::duties::inbound::{Inbound, Step};
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::node::queue::Asker;
use rogatory::wire;
use rogatory::wire::relay::{Incoming, Outgoing, Refused};
use serde_json::json;

use crate::corridor::{Corridor, desk_of};
use crate::session::answer;
use crate::support::{Federation, agency};

const START: i64 = 1_750_000_000_000;
const WINDOW: usize = 4;
const MESSAGES: usize = 5 * WINDOW;
/// How long a frame and its answer are under way.
const WAY_MS: i64 = 20;
/// Some times as long as a peer is not asked again (5 s).
const SPAN_MS: i64 = 13_000;

/// A clock on which time passes between any two looks.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Three nodes in a row, and more messages at the first than the window holds.
fn waiting(clock: &Arc<Ticking>) -> Corridor {
    let federation = Federation::grow(1, 3, &[(0, 1), (1, 2)], &[]);
    let node = |n: usize| {
        let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
        let entropy = Arc::new(SeededEntropy::new(n as u64));
        let mut setting = federation.setting(n, Arc::new(store), clock, entropy).unwrap();
        setting.policy.window = WINDOW;
        Node::open(Arc::new(setting)).unwrap()
    };
    let own = Arc::new(HandClock::at(Timestamp::from_millis(START)));
    let mut row = Corridor { nodes: (0..3).map(node).collect(), clock: own, crossed: Vec::new() };
    let entropy = SeededEntropy::new(9);
    for number in 0..MESSAGES {
        let file = json!({
            "message_type": "request", "kind": "SOM.8.2.VESSEL", "facts": "a vessel adrift",
            "from": desk_of(0, "desk"), "to": [desk_of(2, "desk")],
            "urgency": {"level": "priority", "reason": "It drifts"},
        });
        let request = RequestId::from(uuid_v7(&entropy, clock.now()));
        row.submit(0, &format!("key-{number}"), request, &file.to_string());
    }
    row
}

/// How many messages the first node has handed over.
fn handed_over(row: &Corridor) -> usize {
    let entries = row.nodes[0].setting().read(0, usize::MAX).unwrap();
    let facts = entries.iter().map(|it| wire::entry::read(it).unwrap().fact);
    facts.filter(|it| matches!(it, Fact::HandedOver { .. })).count()
}

/// Executes what the session wants; gives the frames that it sends.
fn granted(node: &mut Node, outbound: &mut Outbound, wishes: Vec<Wish>) -> Vec<Outgoing> {
    let (mut frames, mut wishes) = (Vec::new(), VecDeque::from(wishes));
    while let Some(wish) = wishes.pop_front() {
        match wish {
            Wish::Send(frame) => frames.push(*frame),
            Wish::Execute(command, then) => {
                node.execute(vec![*command]).unwrap().remove(0).unwrap();
                outbound.executed(&then);
                wishes.extend(outbound.poll().unwrap());
            }
        }
    }
    frames
}

#[test]
fn a_peer_without_room_is_handed_no_more_than_the_window_however_often_it_is_asked() {
    let clock = Arc::new(Ticking(AtomicI64::new(START)));
    let mut row = waiting(&clock);
    let mut outbound = Outbound::new(Arc::clone(row.nodes[0].setting()), agency(1));
    let mut inbound = Inbound::new(Arc::clone(row.nodes[1].setting()), agency(0));
    let (mut frames, mut asked) = (VecDeque::from([(clock.now(), outbound.hello())]), 0);
    let ends = clock.now().plus_millis(SPAN_MS);
    while clock.now() < ends {
        let mut wishes = outbound.poll().unwrap();
        // A frame and its answer need their time.
        if frames.front().is_some_and(|(sent, _)| clock.now().millis_since(*sent) > WAY_MS) {
            let reply = match frames.pop_front().unwrap().1 {
                Outgoing::Handing(handing) => {
                    asked += 1;
                    let header = Some(handing.envelope.header.hash());
                    let reason = "STORAGE_LOW".to_owned();
                    Incoming::Refused(Refused { header, ..Refused::unnamed(reason, true) })
                }
                frame => answer(&mut row.nodes[1], &mut inbound, frame),
            };
            wishes.extend(outbound.take(reply).unwrap());
        }
        let sent = granted(&mut row.nodes[0], &mut outbound, wishes);
        frames.extend(sent.into_iter().map(|it| (clock.now(), it)));
        let handed = handed_over(&row);
        assert!(handed <= WINDOW, "{handed} were handed over, at {}", clock.now());
    }
    assert_eq!(handed_over(&row), WINDOW);
    assert!((3 * WINDOW..=6 * WINDOW).contains(&asked), "asked {asked} times");
}

#[test]
fn what_a_peer_answers_stands_apart_from_what_it_asks() {
    let clock = Arc::new(Ticking(AtomicI64::new(START)));
    let mut row = waiting(&clock);
    let mut outbound = Outbound::new(Arc::clone(row.nodes[0].setting()), agency(1));
    let mut inbound = Inbound::new(Arc::clone(row.nodes[1].setting()), agency(0));
    let mut wishes = VecDeque::from([Wish::Send(Box::new(outbound.hello()))]);
    let (mut answers, mut asked) = (HashSet::new(), 0);
    while let Some(wish) = wishes.pop_front() {
        match wish {
            Wish::Execute(command, then) => {
                assert_eq!(command.asker(), Asker::Answering(agency(1)), "{command:?}");
                assert!(!command.asker().asks_of_itself());
                answers.insert(std::mem::discriminant(&*command));
                row.nodes[0].execute(vec![*command]).unwrap().remove(0).unwrap();
                outbound.executed(&then);
            }
            Wish::Send(frame) => {
                let reply = match inbound.take(*frame).unwrap() {
                    Step::Reply(reply) => reply,
                    Step::Ask(command, matter) => {
                        assert_eq!(command.asker(), Asker::Peer(agency(0)), "{command:?}");
                        assert!(command.asker().asks_of_itself());
                        asked += 1;
                        let decision = row.nodes[1].execute(vec![*command]).unwrap().remove(0);
                        inbound.tell(&matter, decision).unwrap()
                    }
                };
                wishes.extend(outbound.take(reply).unwrap());
            }
        }
        wishes.extend(outbound.poll().unwrap());
    }
    assert_eq!(handed_over(&row), MESSAGES);
    assert!(asked > MESSAGES, "each message and a checkpoint: {asked}");
    assert_eq!(answers.len(), 3, "what is handed over, what is answered, what is cosigned");
}
