//! What crosses a link in any order comes to the same: what is out of its order waits for what goes before,
//! what came before its greeting is refused and sent again, and nothing is lost or done twice.
//!
//! Each seed shuffles all frames of a session, some of them twice, at a node of its own; then the session is
//! repeated as it was, which is what a peer does that was not answered.
//!
//! What a frame is checked for before the writer's queue (signatures, the sealed parts) is the same in every
//! order, and is three quarters of what a shuffle costs. So it is checked once, and what it asks is asked as
//! often as it comes; of a hundred seeds one has all of it checked each time.

use std::sync::Arc;

use rogatory::clock::{Clock, HandClock};
use rogatory::domain::fact::Fact;
use rogatory::domain::ids::RequestId;
use rogatory::entropy::{Entropy, SeededEntropy};
use rogatory::history::{inbox, message};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::node::command::Command;
use rogatory::node::duties::inbound::{Asked, Inbound, Step};
use rogatory::node::{Node, query};
use rogatory::wire;
use rogatory::wire::relay::{Cosigning, Incoming, Outgoing};
use serde_json::{Value, json};

use crate::corridor::{Corridor, Crossed, desk_of};
use crate::support::{Federation, agency, desk};

/// Shuffles, unless `ROGATORY_SHUFFLES` says another number; `tests/run` runs 10,000.
const SHUFFLES: u64 = 500;
/// The acts of each request, in their order.
const ACTS: [&str; 3] = ["request", "progress_query", "withdrawal"];
const REQUESTS: u8 = 2;

/// What node 0 said to node 1: a greeting, checkpoints, and the messages of two requests.
fn said() -> (Vec<Outgoing>, Arc<HandClock>) {
    let mut row = Corridor::grown(&[]);
    for (n, act) in ACTS.iter().enumerate() {
        for request in 1..=REQUESTS {
            let id = RequestId::from_bytes([request; 16]);
            let mut file = json!({
                "message_type": act, "kind": "SOM.8.2.VESSEL", "facts": "a vessel without lights",
                "from": desk_of(0, "desk"), "to": [desk_of(1, "desk")], "request_id": id.to_string(),
                "urgency": {"level": "priority", "reason": "It drifts"},
            });
            if let (Value::Object(file), "withdrawal") = (&mut file, *act) {
                file.insert("withdrawal".to_owned(), json!({"reason": "It was found"}));
            }
            row.submit(0, &format!("{n}-{request}"), id, &file.to_string());
        }
        row.rest();
    }
    let out = row.crossed.iter().filter_map(|(from, to, it)| match it {
        Crossed::Out(frame) if (*from, *to) == (0, 1) => Some(frame.clone()),
        Crossed::Out(_) | Crossed::Back(_) => None,
    });
    let mut frames: Vec<Outgoing> = out.collect();
    let hello = row.crossed.iter().find_map(|(_, _, it)| match it {
        Crossed::Out(hello @ Outgoing::Hello(_)) => Some(hello.clone()),
        Crossed::Out(_) | Crossed::Back(_) => None,
    });
    frames.retain(|it| !matches!(it, Outgoing::Hello(_)));
    let hello = hello.unwrap_or_else(|| {
        rogatory::node::duties::outbound::Outbound::new(
            Arc::clone(row.nodes[0].setting()),
            agency(1),
        )
        .hello()
    });
    frames.insert(0, hello);
    (frames, row.clock)
}

/// A node of agency 1 that knows nothing yet.
fn fresh(federation: &Federation, clock: &Arc<HandClock>) -> Node {
    let store = MemoryStore::open(&MemoryDisk::new()).expect("an empty disk");
    let store = Arc::new(federation.sealed(1, store).expect("it takes the seal"));
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let place = (store as Arc<_>, Box::new(MemorySlots::new()) as Box<_>);
    let setting = federation.setting_on(1, place, clock, Arc::new(SeededEntropy::new(1)));
    Node::open(Arc::new(setting.expect("it opens"))).expect("it opens")
}

/// A frame, and what it asks where it was checked before; nothing, if it is to be checked now.
struct Said {
    frame: Outgoing,
    asks: Option<(Command, Asked)>,
}

/// The frames of a session in their order, each checked once at a node.
fn checked(node: &Node, frames: &[Outgoing]) -> Vec<Said> {
    let mut inbound = Inbound::new(Arc::clone(node.setting()), agency(0));
    let mut check = |frame: &Outgoing| {
        let asks = match inbound.take(frame.clone()).expect("the state can be read") {
            Step::Reply(_) => None,
            Step::Ask(command, asked) => Some((*command, asked)),
        };
        Said { frame: frame.clone(), asks }
    };
    frames.iter().map(&mut check).collect()
}

/// Says all of it, decides it in one batch, and looks at each answer.
fn hears(node: &mut Node, frames: &[&Said], is_sound: impl Fn(&Incoming) -> bool) {
    let mut inbound = Inbound::new(Arc::clone(node.setting()), agency(0));
    let (mut commands, mut waiting): (Vec<_>, Vec<Asked>) = (Vec::new(), Vec::new());
    let mut greeted = false;
    for said in frames {
        // Before its greeting nothing of a session is checked.
        let step = match &said.asks {
            Some((command, asked)) if greeted => {
                Step::Ask(Box::new(command.clone()), asked.clone())
            }
            Some(_) | None => inbound.take(said.frame.clone()).expect("the state can be read"),
        };
        match step {
            Step::Reply(reply) => {
                greeted |= matches!(reply, Incoming::Welcome(_));
                assert!(is_sound(&reply), "{reply:?}");
            }
            Step::Ask(command, asked) => {
                commands.push(*command);
                waiting.push(asked);
            }
        }
    }
    let decided = node.execute(commands).expect("the store holds");
    for (asked, decision) in waiting.iter().zip(decided) {
        let told = inbound.tell(asked, decision).expect("the state can be read");
        assert!(is_sound(&told), "{told:?}");
    }
}

/// Answers that a frame out of its order may get.
fn is_typed(answer: &Incoming) -> bool {
    match answer {
        Incoming::Welcome(_) | Incoming::Answer(_) | Incoming::NoticeTaken(_) => true,
        Incoming::Refused(it) => matches!(&*it.reason, "HELLO_MISSING" | "HELLO_REPEATED"),
        Incoming::Cosigned(it) => match &it.verdict {
            Cosigning::Given(_) => true,
            Cosigning::Withheld(reason) => reason == "CHECKPOINT_STALE",
        },
        Incoming::Shown(_) => false,
    }
}

/// Answers that a session in its order gets; of checkpoints those before the last are old by then.
fn is_taken(answer: &Incoming) -> bool {
    is_typed(answer) && !matches!(answer, Incoming::Refused(_))
}

/// What the node came to: the messages of its inbox as far as their order binds, where each request stands,
/// and how often each message was taken.
fn picture(node: &Node) -> (Vec<Vec<String>>, Vec<String>, Vec<String>) {
    let setting = node.setting();
    let rows = setting.store.as_ref();
    let places = inbox::page(rows, &desk(&agency(1)), 0, 100).expect("an inbox");
    let found = |key| message::find(rows, key).expect("a record").expect("a message");
    let listed: Vec<_> = places.into_iter().map(|(_, key)| found(key)).collect();
    let of = |request: u8| -> Vec<String> {
        let id = RequestId::from_bytes([request; 16]);
        let own =
            listed.iter().filter(|it| it.particulars.as_ref().is_some_and(|it| it.request == id));
        own.map(|it| it.header().expect("a header").address.message.to_string()).collect()
    };
    let inbox = (1..=REQUESTS).map(of).collect();
    let views = query::requests_page(setting, None, 10).expect("requests");
    let states = views.iter().flat_map(|view| {
        let courses = view.dockets.iter().flat_map(|(_, docket)| docket.courses());
        courses.map(|it| format!("{} {}", view.id, it.state)).collect::<Vec<_>>()
    });
    let mut states: Vec<String> = states.collect();
    states.sort();
    let entries = setting.journal.read(0, usize::MAX).expect("the journal");
    let delivered = entries.iter().filter_map(|it| match wire::entry::read(it).ok()?.fact {
        Fact::Delivered { header, handover } => {
            Some(format!("{} by {}", header.address.message, handover.number))
        }
        other => other.message().map(|it| format!("{} of {}", other.name(), it.message)),
    });
    let mut delivered: Vec<String> = delivered.collect();
    delivered.sort();
    (inbox, states, delivered)
}

/// All frames in an order of chance, about a fifth of them twice.
fn shuffled<'a>(frames: &'a [Said], chance: &SeededEntropy) -> Vec<&'a Said> {
    let below = |end: usize| {
        let mut bytes = [0; 8];
        chance.fill(&mut bytes);
        (u64::from_be_bytes(bytes) % end as u64) as usize
    };
    let mut all: Vec<&Said> = frames.iter().collect();
    for frame in frames {
        if below(5) == 0 {
            all.push(frame);
        }
    }
    for at in (1..all.len()).rev() {
        all.swap(at, below(at + 1));
    }
    all
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long to run")]
fn shuffles() -> u64 {
    let told = std::env::var("ROGATORY_SHUFFLES").ok().and_then(|it| it.parse().ok());
    told.unwrap_or(SHUFFLES)
}

#[test]
fn a_session_that_is_shuffled_comes_to_the_same_state_under_every_seed() {
    let (frames, clock) = said();
    let handed = frames.iter().filter(|it| matches!(it, Outgoing::Handing(_))).count();
    assert_eq!(handed, ACTS.len() * usize::from(REQUESTS));
    let federation = Federation::grow(1, 3, &[(0, 1), (1, 2)], &[]);
    let unchecked: Vec<Said> =
        frames.iter().map(|it| Said { frame: it.clone(), asks: None }).collect();
    let checked = checked(&fresh(&federation, &clock), &frames);
    assert!(checked.iter().filter(|it| it.asks.is_some()).count() > handed, "checkpoints, too");
    let mut node = fresh(&federation, &clock);
    hears(&mut node, &unchecked.iter().collect::<Vec<_>>(), is_taken);
    let wanted = picture(&node);
    assert!(wanted.0.iter().all(|it| it.len() == ACTS.len()), "{wanted:?}");
    assert!(wanted.1.iter().all(|it| it.ends_with(" withdrawn")), "{wanted:?}");
    let shuffles = shuffles();
    let workers = std::thread::available_parallelism().map_or(1, |it| it.get().min(8)) as u64;
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (checked, unchecked, wanted) = (&checked, &unchecked, &wanted);
            let (federation, clock) = (&federation, &clock);
            scope.spawn(move || {
                for seed in (0..shuffles).filter(|it| it % workers == worker) {
                    let chance = SeededEntropy::new(seed);
                    let frames = [checked, unchecked][usize::from(seed.is_multiple_of(100))];
                    let mut node = fresh(federation, clock);
                    hears(&mut node, &shuffled(frames, &chance), is_typed);
                    hears(&mut node, &frames.iter().collect::<Vec<_>>(), is_taken);
                    assert_eq!(picture(&node), *wanted, "seed {seed}");
                }
            });
        }
    });
}
