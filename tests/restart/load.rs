//! A load in both directions: requests with supplements one way, answers the other way. Every call
//! has an idempotency key and is made until it is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use rogatory::clock::{Clock as _, SystemClock, Timestamp};
use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::network::callers::insistently;
use crate::network::drafts::{self, DESTINATION_DESK, ORIGIN_DESK};
use crate::network::{DESTINATION, LOOK_INTERVAL, Network, ORIGIN};

/// Senders at the same time.
const SENDERS: usize = 192;
/// With so many messages unfinished the senders wait.
const UNFINISHED_MAX: usize = 320;
/// What a request is followed by, in this order.
const FOLLOW_UPS: [&str; 2] = ["supplement", "progress_query"];
/// What the other side answers, in this order.
const ANSWERS: [&str; 2] = ["ack_receipt", "progress_report"];

/// A message that a node acknowledged.
#[derive(Clone)]
pub struct Sent {
    /// The agency whose node acknowledged it.
    pub origin: &'static str,
    /// The call, to be made again.
    pub call: pb::SendMessageRequest,
    /// What the node said.
    pub answer: pb::SentMessage,
    /// When the answer came.
    pub at: Timestamp,
    /// When the destination took it over by its own word; none as long as it is not listed there.
    pub delivered_at: Option<Timestamp>,
}

impl Sent {
    /// Whether the message was acknowledged and not delivered at that time.
    pub fn is_unfinished(&self, at: Timestamp) -> bool {
        self.at <= at && self.delivered_at.is_none_or(|it| it > at)
    }
}

/// A message as an inbox lists it.
#[derive(Clone)]
pub struct Listed {
    /// Its place.
    pub sequence: u64,
    /// Its id.
    pub message: String,
    /// Its request.
    pub request: String,
}

#[derive(Default)]
struct Seen {
    sent: Vec<Sent>,
    by_id: BTreeMap<String, usize>,
    /// Delivered before its sender heard that it was accepted.
    early: BTreeMap<String, Timestamp>,
    listed: BTreeMap<&'static str, Vec<Listed>>,
    stopping: bool,
    requests: u64,
}

impl Seen {
    fn unfinished(&self) -> usize {
        self.sent.iter().filter(|it| it.delivered_at.is_none()).count()
    }
}

/// The load and all that was seen of it; clones share it.
#[derive(Clone, Default)]
pub struct Load(Arc<Mutex<Seen>>);

impl Load {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("no holder panics")
    }

    /// Everything that was acknowledged so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.seen().sent.clone()
    }

    /// Everything that an inbox listed so far, in its order.
    pub fn listed(&self, stage: &str) -> Vec<Listed> {
        self.seen().listed.get(stage).cloned().unwrap_or_default()
    }

    /// Messages that are acknowledged and not listed yet.
    pub fn unfinished(&self) -> usize {
        self.seen().unfinished()
    }

    /// How often a message was accepted or delivered so far.
    pub fn moved(&self) -> usize {
        let seen = self.seen();
        seen.sent.len() + seen.listed.values().map(Vec::len).sum::<usize>()
    }

    /// Starts senders; they end after [`Self::stop`].
    pub async fn start(&self, network: &Network) -> JoinSet<()> {
        self.seen().stopping = false;
        let mut tasks = JoinSet::new();
        let mut officers = Vec::new();
        for _ in 0..4 {
            officers.push(network.client(ORIGIN, Role::Officer).await);
        }
        for lane in 0..SENDERS {
            let officer = officers[lane % officers.len()].clone();
            tasks.spawn(self.clone().requests(officer));
        }
        tasks
    }

    /// Lets every sender end after what it has begun.
    pub fn stop(&self) {
        self.seen().stopping = true;
    }

    /// Reads both inboxes for as long as the tasks stand, and answers requests.
    pub async fn read(&self, network: &Network) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let officer = network.client(ORIGIN, Role::Service).await;
        tasks.spawn(self.clone().inbox(ORIGIN, ORIGIN_DESK, officer));
        let service = network.client(DESTINATION, Role::Service).await;
        tasks.spawn(self.clone().inbox(DESTINATION, DESTINATION_DESK, service));
        tasks
    }

    async fn requests(self, officer: Client) {
        while !self.seen().stopping {
            if self.unfinished() >= UNFINISHED_MAX {
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            }
            let number = {
                let mut seen = self.seen();
                seen.requests += 1;
                seen.requests
            };
            let facts = format!("A vessel was sighted without lights, report {number}");
            let (key, file) = (format!("r{number}"), drafts::request(&facts));
            let opened = self.send(ORIGIN, &officer, &key, file).await;
            for act in FOLLOW_UPS {
                let file = drafts::act(ORIGIN, act, &opened.request_id, &opened.message_id);
                self.send(ORIGIN, &officer, &format!("r{number}-{act}"), file).await;
            }
        }
    }

    async fn send(
        &self,
        origin: &'static str,
        client: &Client,
        key: &str,
        file: Value,
    ) -> pb::SentMessage {
        let call = drafts::sending(key, &file);
        let answer = insistently(|| client.send_message(call.clone())).await;
        let at = SystemClock.now();
        let [answer] = <[_; 1]>::try_from(answer.messages).expect("one agency, one message");
        let mut seen = self.seen();
        let place = seen.sent.len();
        let before = seen.by_id.insert(answer.message_id.clone(), place);
        assert_eq!(before, None, "two calls got one message");
        let delivered_at = seen.early.remove(&answer.message_id);
        seen.sent.push(Sent { origin, call, answer: answer.clone(), at, delivered_at });
        answer
    }

    async fn inbox(self, stage: &'static str, desk: &'static str, client: Client) {
        let mut after = 0;
        let mut answering = JoinSet::new();
        loop {
            let asked = pb::ListMessagesRequest {
                contact_point: desk.to_owned(),
                after,
                page_size: 200,
                wait_seconds: 1,
                open_only: false,
            };
            let page = insistently(|| client.list_messages(asked.clone())).await;
            after = page.next_after;
            for item in page.items {
                let message = item.message.clone().expect("an item has its message");
                self.note(stage, item);
                if message.message_type == "request" {
                    answering.spawn(self.clone().answer(client.clone(), message));
                }
            }
            while let Some(done) = answering.try_join_next() {
                done.expect("no answerer panics");
            }
        }
    }

    async fn answer(self, client: Client, message: pb::MessageSummary) {
        for act in ANSWERS {
            let file = drafts::act(DESTINATION, act, &message.request_id, &message.message_id);
            let key = format!("a-{}-{act}", message.message_id);
            self.send(DESTINATION, &client, &key, file).await;
        }
    }

    /// Notes what an inbox lists: the next place, a message that it never listed before.
    fn note(&self, stage: &'static str, item: pb::InboxItem) {
        let message = item.message.expect("an item has its message");
        let delivered = message.stations.iter().find(|it| it.station == "delivered");
        let at = delivered.and_then(|it| Timestamp::parse(&it.at)).expect("it was delivered");
        let mut guard = self.seen();
        let seen = &mut *guard;
        let listed = seen.listed.entry(stage).or_default();
        listed.push(Listed {
            sequence: item.sequence,
            message: message.message_id.clone(),
            request: message.request_id,
        });
        match seen.by_id.get(&message.message_id) {
            Some(place) => {
                let before = seen.sent[*place].delivered_at.replace(at);
                assert_eq!(before, None, "{} was listed twice", message.message_id);
            }
            None => {
                let before = seen.early.insert(message.message_id, at);
                assert_eq!(before, None, "a message was listed twice");
            }
        }
    }

    /// Whether everything that was begun is answered and everything acknowledged is listed.
    pub fn is_finished(&self) -> bool {
        let seen = self.seen();
        let requests = usize::try_from(seen.requests).expect("a count");
        let due = requests * (1 + FOLLOW_UPS.len() + ANSWERS.len());
        let listed: usize = seen.listed.values().map(Vec::len).sum();
        seen.sent.len() == due && listed == due
    }
}
