//! Origin, transit and destination in one process: real nodes on memory stores, driven by hand.

use std::sync::Arc;

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::domain::digest::Digest;
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::RequestId;
use rogatory::entropy::SeededEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::store::Store as _;
use rogatory::node::Node;
use rogatory::node::command::{Call, Command, Submission};
use rogatory::node::content;
use rogatory::node::duties::inbound::Inbound;
use rogatory::node::sealing::{self, Plan};
use rogatory::wire;
use rogatory::wire::relay::{Handing, Incoming, Outgoing};

use crate::session;
use crate::support::{self, Federation};

/// Stands in every content.
pub const MARKER: &str = "Xanthippe Marker-Person 4711";

/// What is sent.
pub struct Told<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// The desk that it is for.
    pub desk: &'a str,
    /// Fills the request's id.
    pub request: u8,
}

/// Three nodes in a row.
pub struct Row {
    /// Who takes part.
    pub federation: Federation,
    /// Origin, transit, destination.
    pub nodes: Vec<Node>,
    /// The clock of all of them.
    pub clock: Arc<HandClock>,
}

impl Row {
    /// Origin, transit, destination; the destination has two desks of equally long names.
    pub fn new() -> Self {
        let start = Timestamp::from_millis(1_768_099_620_000);
        let federation = Federation::grow(5, 3, &[(0, 1), (1, 2)], &["deske"]);
        let hand = Arc::new(HandClock::at(start));
        let clock: Arc<dyn Clock> = Arc::clone(&hand) as Arc<dyn Clock>;
        let nodes = (0..3)
            .map(|n| {
                let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
                let entropy = Arc::new(SeededEntropy::new(n as u64));
                let clock = Arc::clone(&clock);
                let setting = federation.setting(n, Arc::new(store), clock, entropy).unwrap();
                Node::open(Arc::new(setting)).unwrap()
            })
            .collect();
        Self { federation, nodes, clock: hand }
    }

    /// Lets the origin accept a message.
    pub fn submit(&mut self, told: &Told<'_>) {
        let setting = Arc::clone(self.nodes[0].setting());
        let from = support::desk(&self.federation.agencies[0]);
        let to = format!("{}/{}", self.federation.agencies[2], told.desk);
        let text = format!(
            r#"{{"from": "{from}", "to": ["{to}"], "kind": "{}", "message_type": "request",
                "facts": "{MARKER}"}}"#,
            told.kind
        );
        let draft = wire::draft::read(wire::json::read_file(text.as_bytes()).unwrap()).unwrap();
        let request = RequestId::from_bytes([told.request; 16]);
        let plan = Plan { request, now: setting.clock.now(), expires_in_ms: 3_600_000 };
        let messages = sealing::prepare(&setting, &draft, &plan).unwrap();
        let call = Call {
            principal: Principal::new(setting.agency.clone(), Role::Officer, "clerk").unwrap(),
            key: told.request.to_string(),
            fingerprint: Digest::of(&[told.request]),
        };
        let submission = Submission::of(call, draft, &plan, messages);
        let command = Command::Submit(Box::new(submission));
        self.nodes[0].execute(vec![command]).unwrap().remove(0).unwrap();
    }

    /// Lets node `left` hand what it owes to node `right`; gives the messages that went over.
    pub fn hand_over(&mut self, left: usize, right: usize) -> Vec<Handing> {
        let [left, right] = self.nodes.get_disjoint_mut([left, right]).unwrap();
        session::hand_over(left, right)
    }

    /// Lets node `node` answer one frame.
    pub fn answer(&mut self, node: usize, inbound: &mut Inbound, frame: Outgoing) -> Incoming {
        session::answer(&mut self.nodes[node], inbound, frame)
    }

    /// The sealed content of a message as it travelled, if a node still has it.
    pub fn content(&self, node: usize, message: MessageKey) -> Option<Vec<u8>> {
        let setting = self.nodes[node].setting();
        let kept = content::export(setting.store.as_ref(), &setting.slots, message).unwrap();
        kept.content
    }

    /// Everything that the store of a node holds.
    pub fn held(&self, node: usize) -> Vec<u8> {
        let records = self.nodes[node].setting().store.range(&[0], &[255; 65], usize::MAX).unwrap();
        records.into_iter().flat_map(|(key, value)| [key, value].concat()).collect()
    }
}
