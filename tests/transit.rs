//! A blind transit learns nothing from what it holds: two runs that differ only in kind within a
//! channel, in contact point or in request show it equal clear fields and equal sizes.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod support;

use std::sync::Arc;

use rogatory::clock::{Clock, HandClock, Timestamp};
use rogatory::domain::digest::Digest;
use rogatory::domain::ids::RequestId;
use rogatory::entropy::SeededEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::store::Store as _;
use rogatory::node::Node;
use rogatory::node::command::{Call, Command, Submission};
use rogatory::node::duties::inbound::{Inbound, Step};
use rogatory::node::duties::outbound::{Outbound, Wish};
use rogatory::node::sealing::{self, Plan};
use rogatory::wire;
use rogatory::wire::relay::{Handing, Incoming, Outgoing};

use crate::support::Federation;

const MARKER: &str = "Xanthippe Marker-Person 4711";

struct Told<'a> {
    kind: &'a str,
    desk: &'a str,
    request: u8,
}

struct Row {
    federation: Federation,
    nodes: Vec<Node>,
}

impl Row {
    /// Origin, transit, destination; the destination has two desks of equally long names.
    fn new() -> Self {
        let start = Timestamp::from_millis(1_768_099_620_000);
        let federation = Federation::grow(5, 3, &[(0, 1), (1, 2)], &["deske"]);
        let clock: Arc<dyn Clock> = Arc::new(HandClock::at(start));
        let nodes = (0..3)
            .map(|n| {
                let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
                let entropy = Arc::new(SeededEntropy::new(n as u64));
                let clock = Arc::clone(&clock);
                let setting = federation.setting(n, Arc::new(store), clock, entropy).unwrap();
                Node::open(Arc::new(setting)).unwrap()
            })
            .collect();
        Self { federation, nodes }
    }

    fn submit(&mut self, told: &Told<'_>) {
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
            key: "one".to_owned(),
            fingerprint: Digest::of(b"one"),
        };
        let expires_in_ms = plan.expires_in_ms;
        let submission =
            Submission { call, draft, request, expires_in_ms, messages, validate_only: false };
        let command = Command::Submit(Box::new(submission));
        self.nodes[0].execute(vec![command]).unwrap().remove(0).unwrap();
    }

    /// Lets node `left` hand what it owes to node `right`; gives the messages that went over.
    fn hand_over(&mut self, left: usize, right: usize) -> Vec<Handing> {
        let peers =
            (self.federation.agencies[left].clone(), self.federation.agencies[right].clone());
        let mut outbound = Outbound::new(Arc::clone(self.nodes[left].setting()), peers.1);
        let mut inbound = Inbound::new(Arc::clone(self.nodes[right].setting()), peers.0);
        let mut handed = Vec::new();
        let mut frames = vec![outbound.hello()];
        while let Some(frame) = frames.pop() {
            if let Outgoing::Handing(handing) = &frame {
                handed.push(handing.as_ref().clone());
            }
            let answer = self.answer(right, &mut inbound, frame);
            let wishes = outbound.take(answer).unwrap();
            self.grant(left, &mut outbound, wishes, &mut frames);
        }
        handed
    }

    /// Executes what the session wants, again and again, and collects the frames that it sends.
    fn grant(
        &mut self,
        node: usize,
        outbound: &mut Outbound,
        mut wishes: Vec<Wish>,
        frames: &mut Vec<Outgoing>,
    ) {
        loop {
            for wish in wishes {
                match wish {
                    Wish::Send(frame) => frames.push(*frame),
                    Wish::Execute(command, then) => {
                        self.nodes[node].execute(vec![*command]).unwrap().remove(0).unwrap();
                        outbound.executed(&then);
                    }
                }
            }
            wishes = outbound.poll().unwrap();
            if wishes.is_empty() {
                return;
            }
        }
    }

    fn answer(&mut self, node: usize, inbound: &mut Inbound, frame: Outgoing) -> Incoming {
        match inbound.take(frame).unwrap() {
            Step::Reply(reply) => reply,
            Step::Ask(command, asked) => {
                let decision = self.nodes[node].execute(vec![*command]).unwrap().remove(0);
                inbound.tell(&asked, decision).unwrap()
            }
        }
    }

    /// Everything that the store of a node holds.
    fn held(&self, node: usize) -> Vec<u8> {
        let records = self.nodes[node].setting().store.range(&[0], &[255; 65], usize::MAX).unwrap();
        records.into_iter().flat_map(|(key, value)| [key, value].concat()).collect()
    }
}

/// What a transit sees in clear of a message, but for what is random or a hash: ids, times, stream.
fn clear(handing: &Handing) -> (Vec<String>, Vec<usize>) {
    let envelope = &handing.envelope;
    let address = &envelope.header.address;
    let fields = vec![
        address.network.to_string(),
        address.origin.to_string(),
        address.destination.to_string(),
        address.channel.to_string(),
        address.lane.to_string(),
        address.expires_at.millis_since(address.sent_at).to_string(),
        address.hop_limit.to_string(),
        address.order.number.to_string(),
    ];
    let sizes = vec![
        envelope.header.bytes.len(),
        envelope.wraps_bytes.len(),
        envelope.particulars.len(),
        envelope.content.len(),
        envelope.origin.entry.len(),
        envelope.origin.proof.len(),
    ];
    (fields, sizes)
}

fn seen_by_transit(told: &Told<'_>) -> (Vec<String>, Vec<usize>) {
    let mut row = Row::new();
    row.submit(told);
    let handed = row.hand_over(0, 1);
    assert_eq!(handed.len(), 1);
    clear(&handed[0])
}

#[test]
fn kind_contact_point_and_request_make_no_difference_to_a_transit() {
    let first = seen_by_transit(&Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "desk", request: 1 });
    let kind = seen_by_transit(&Told { kind: "UNTOC.28.STRATEGIC", desk: "desk", request: 1 });
    assert_eq!(first, kind);
    let desk = seen_by_transit(&Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "deske", request: 1 });
    assert_eq!(first, desk);
    let request =
        seen_by_transit(&Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "desk", request: 2 });
    assert_eq!(first, request);
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|it| it == part)
}

#[test]
fn a_transit_holds_no_word_of_it_and_drops_sealed_bytes_with_the_next_receipt() {
    let mut row = Row::new();
    row.submit(&Told { kind: "UNTOC.27.1.B.I.PERSON", desk: "desk", request: 77 });
    let sealed = row.hand_over(0, 1).remove(0).envelope;
    let before = row.held(1);
    for word in ["UNTOC.27", "int.n2/desk", MARKER] {
        assert!(!holds(&before, word.as_bytes()), "the transit holds {word}");
    }
    assert!(!holds(&before, &[77; 16]), "the transit holds the request id");
    let piece = &sealed.content[100..160];
    assert!(holds(&before, piece), "the transit holds the sealed content to pass it on");
    assert_eq!(row.hand_over(1, 2).len(), 1);
    assert!(!holds(&row.held(1), piece), "the transit still holds sealed content");
    let destination = row.held(2);
    assert!(holds(&destination, piece) && !holds(&destination, MARKER.as_bytes()));
}
