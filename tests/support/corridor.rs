//! Three nodes in a row in one process, driven by hand; everything that crosses the links is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::domain::digest::Digest;
use rogatory::domain::draft::Draft;
use rogatory::domain::ids::{AgencyId, RequestId};
use rogatory::entropy::SeededEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::slots::SlotDisk;
use rogatory::journal::store::Store;
use rogatory::node::Node;
use rogatory::node::command::{Call, Command, Submission};
use rogatory::node::duties::inbound::{Inbound, Step};
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::node::sealing::{self, Attached, Plan};
use rogatory::wire;
use rogatory::wire::relay::{Incoming, Outgoing};

use crate::support::{Federation, agency};

const START: Timestamp = Timestamp::from_millis(1_768_099_620_000);
const LIFE_MS: i64 = 3_600_000;

/// A sealed store, and the slots beside it.
pub type Place = (Arc<dyn Store>, Box<dyn SlotDisk>);

/// A frame that crossed a link.
pub enum Crossed {
    /// From the node that dialled.
    Out(Outgoing),
    /// The answer.
    Back(Incoming),
}

/// Nodes 0, 1 and 2, and what crossed the links from and to node 1.
pub struct Corridor {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The clock of all of them.
    pub clock: Arc<HandClock>,
    /// What crossed, in order: from which node to which.
    pub crossed: Vec<(usize, usize, Crossed)>,
}

impl Corridor {
    /// Three agencies, grown from always the same seed. Each has a desk for every one of `desks`.
    pub fn grown(desks: &[&str]) -> Self {
        Self::on(desks, &std::array::from_fn(|_| (MemoryDisk::new(), MemorySlots::new())))
    }

    /// The same on these disks; what lies on them is opened.
    pub fn on(desks: &[&str], disks: &[(MemoryDisk, MemorySlots); 3]) -> Self {
        let federation = Federation::grow(1, 3, &[(0, 1), (1, 2)], desks);
        let place = |n: usize| -> Place {
            let (disk, slots) = disks[n].clone();
            let store = MemoryStore::open(&disk).expect("a disk that nobody has open");
            let store = federation.sealed(n, store).expect("it takes the seal");
            (Arc::new(store), Box::new(slots))
        };
        Self::over(desks, std::array::from_fn(place))
    }

    /// The same on these sealed stores, each with its slots.
    pub fn over(desks: &[&str], places: [Place; 3]) -> Self {
        let federation = Federation::grow(1, 3, &[(0, 1), (1, 2)], desks);
        let clock = Arc::new(HandClock::at(START));
        let node = |(n, place): (usize, Place)| {
            let entropy = Arc::new(SeededEntropy::new(n as u64));
            let clock: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
            let setting = federation.setting_on(n, place, clock, entropy);
            Node::open(Arc::new(setting.expect("it opens"))).expect("it opens")
        };
        let nodes = places.into_iter().enumerate().map(node).collect();
        Self { nodes, clock, crossed: Vec::new() }
    }

    /// Submits a message file at node `n`; gives its request.
    pub fn submit(&mut self, n: usize, key: &str, request: RequestId, file: &str) -> Draft {
        self.submit_with(n, key, request, file, &BTreeMap::new())
    }

    /// The same with what is attached, for each agency that it goes to.
    pub fn submit_with(
        &mut self,
        n: usize,
        key: &str,
        request: RequestId,
        file: &str,
        attached: &BTreeMap<AgencyId, Arc<Attached>>,
    ) -> Draft {
        let node = &mut self.nodes[n];
        let setting = Arc::clone(node.setting());
        let file = wire::json::read_file(file.as_bytes()).expect("a message file");
        let draft = wire::draft::read(file).expect("a well-formed draft");
        let plan = Plan { request, now: setting.clock.now(), expires_in_ms: LIFE_MS };
        let messages = sealing::prepare_with(&setting, &draft, &plan, attached);
        let messages = messages.expect("it can be sealed");
        let call = Call {
            principal: Principal::new(setting.agency.clone(), Role::Officer, "clerk").expect("one"),
            key: key.to_owned(),
            fingerprint: Digest::of(key.as_bytes()),
        };
        let submission = Submission::of(call, draft.clone(), &plan, messages);
        let decided = node.execute(vec![Command::Submit(Box::new(submission))]);
        decided.expect("the store holds").remove(0).expect("it is accepted");
        draft
    }

    /// Lets all sessions speak until nobody has anything more to say.
    pub fn rest(&mut self) {
        loop {
            let before = self.crossed.len();
            for (from, to) in [(0, 1), (1, 2), (2, 1), (1, 0)] {
                self.session(from, to);
            }
            let spoke = self.crossed.drain(before..).filter(|(_, _, it)| says_more(it));
            let spoke: Vec<_> = spoke.collect();
            let ended = spoke.is_empty();
            self.crossed.extend(spoke);
            if ended {
                return;
            }
        }
    }

    /// One session from `from` to `to`, until it has nothing more to say.
    pub fn session(&mut self, from: usize, to: usize) {
        let mut out = Outbound::new(Arc::clone(self.nodes[from].setting()), agency(to));
        let mut inn = Inbound::new(Arc::clone(self.nodes[to].setting()), agency(from));
        let mut wishes = vec![Wish::Send(Box::new(out.hello()))];
        while !wishes.is_empty() {
            let mut next = Vec::new();
            for wish in wishes {
                match wish {
                    Wish::Execute(command, then) => {
                        let decided = self.nodes[from].execute(vec![*command]);
                        drop(decided.expect("the store holds"));
                        out.executed(&then);
                    }
                    Wish::Send(frame) => {
                        self.crossed.push((from, to, Crossed::Out((*frame).clone())));
                        let answer = self.answered(to, &mut inn, *frame);
                        self.crossed.push((to, from, Crossed::Back(answer.clone())));
                        next.extend(out.take(answer).expect("the session goes on"));
                    }
                }
            }
            next.extend(out.poll().expect("the session goes on"));
            wishes = next;
        }
    }

    /// Lets node `to` answer one frame.
    pub fn answered(&mut self, to: usize, inn: &mut Inbound, frame: Outgoing) -> Incoming {
        match inn.take(frame).expect("the state can be read") {
            Step::Reply(reply) => reply,
            Step::Ask(command, asked) => {
                let decided = self.nodes[to].execute(vec![*command]);
                let decision = decided.expect("the store holds").remove(0);
                inn.tell(&asked, decision).expect("the state can be read")
            }
        }
    }

    /// Every value in the store of node `n`, with its key.
    pub fn stored(&self, n: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let store: &Arc<dyn Store> = &self.nodes[n].setting().store;
        store.range(&[], &[0xff; 64], usize::MAX).expect("the store can be read")
    }

    /// The entries of node `n`.
    pub fn entries(&self, n: usize) -> Vec<Vec<u8>> {
        let journal = &self.nodes[n].setting().journal;
        journal.read(0, usize::MAX).expect("the journal can be read")
    }
}

/// Whether a frame is more than a greeting.
fn says_more(crossed: &Crossed) -> bool {
    !matches!(crossed, Crossed::Out(Outgoing::Hello(_)) | Crossed::Back(Incoming::Welcome(_)))
}

/// The desk of agency `n` with this name.
pub fn desk_of(n: usize, name: &str) -> String {
    format!("{}/{name}", agency(n))
}
