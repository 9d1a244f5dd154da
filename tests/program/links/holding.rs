//! What must hold once lines are good again, and everything has come.

use std::collections::{BTreeMap, BTreeSet};

use rogatory::evidence::statement;
use rogatory::identity::Role;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;

use crate::network::drafts::{DESTINATION_DESK, ORIGIN_DESK};
use crate::network::{DESTINATION, Network, ORIGIN, STAGES, until};

/// A node of three in a row never has more memory than this, in KiB, whatever its lines do: three
/// times what one takes that has carried some hundreds of messages, not optimised.
const MEMORY_KIB_MAX: u64 = 256 * 1024;

/// A message that its origin's node acknowledged.
#[derive(Clone)]
pub(super) struct Sent {
    /// The agency that sent it.
    pub(super) origin: &'static str,
    /// The call, to be made again.
    pub(super) call: pb::SendMessageRequest,
    /// What the node said.
    pub(super) answer: pb::SentMessage,
}

impl Sent {
    /// Its id.
    pub(super) fn message(&self) -> &str {
        &self.answer.message_id
    }

    /// Its request.
    pub(super) fn request(&self) -> &str {
        &self.answer.request_id
    }
}

/// What became of a message, by what its origin shows; none if nothing is answered just now.
pub(super) async fn stations(network: &Network, sent: &Sent) -> Option<Vec<pb::Station>> {
    let client = network.client(sent.origin, Role::Service).await;
    let message_id = sent.message().to_owned();
    let asked = pb::GetMessageRequest { message_id, ..Default::default() };
    Some(client.get_message(asked).await.ok()?.message?.stations)
}

/// What the inbox of a desk lists, from its beginning.
pub(super) async fn inbox(network: &Network, stage: &str, desk: &str) -> Vec<pb::InboxItem> {
    let client = network.client(stage, Role::Service).await;
    let (mut after, mut items) = (0, Vec::new());
    loop {
        let contact_point = desk.to_owned();
        let asked =
            pb::ListMessagesRequest { contact_point, after, page_size: 200, ..Default::default() };
        let page = client.list_messages(asked).await.expect("the inbox is listed");
        if page.items.is_empty() {
            return items;
        }
        after = page.next_after;
        items.extend(page.items);
    }
}

/// Waits until all that was sent has arrived, and asserts that
///
/// - each end lists what was sent to it, each once, without gaps, in the order of its request;
/// - what each origin shows is accepted, relayed and delivered, each once and with a receipt that
///   verifies, and the same call is answered with the same bytes;
/// - both ends say the same of each request;
/// - nobody owes anything to anybody, and all journals verify;
/// - no node has grown.
pub(super) async fn hold(network: &Network, sent: &[Sent]) {
    for it in sent {
        let stations = until("everything to be delivered, by the receipts", async || {
            let stations = stations(network, it).await?;
            let is = |name: &str| stations.iter().any(|it| it.station == name);
            (is("relayed") && is("delivered")).then_some(stations)
        })
        .await;
        verify(network, it, stations);
    }
    listed(network, sent).await;
    answered_again(network, sent).await;
    agreed(network, sent).await;
    for stage in STAGES {
        nothing_owed(network, stage).await;
        let journal = network.journal(stage).await;
        let verdict = journal.replayed(&network.made.directory);
        verdict.unwrap_or_else(|fault| panic!("journal of {stage}: {fault}"));
        let kib = memory_kib(network, stage);
        assert!(kib < MEMORY_KIB_MAX, "{stage} took {kib} KiB");
    }
}

fn verify(network: &Network, sent: &Sent, stations: Vec<pb::Station>) {
    // A receipt may come before that of the station before it, whose line was cut.
    let mut names: Vec<&str> = stations.iter().map(|it| it.station.as_str()).collect();
    names.retain(|it| *it != "retrieved");
    names.sort_unstable();
    assert_eq!(names, ["accepted", "delivered", "relayed"], "{}", sent.message());
    for station in stations {
        let receipt = Statement::from_pb(station.receipt.expect("a station has a receipt"));
        let receipt = receipt.expect("a well-formed statement");
        let checked = statement::check(&network.made.directory, receipt);
        let checked = checked.unwrap_or_else(|error| panic!("{}: {error}", sent.message()));
        assert_eq!(checked.station.as_str(), station.station);
        assert_eq!(checked.message.message.to_string(), sent.message());
        assert_eq!(checked.entry.journal.agency().as_str(), station.agency);
    }
}

async fn listed(network: &Network, sent: &[Sent]) {
    for (origin, stage, desk) in
        [(ORIGIN, DESTINATION, DESTINATION_DESK), (DESTINATION, ORIGIN, ORIGIN_DESK)]
    {
        let items = inbox(network, stage, desk).await;
        let dense = items.iter().zip(1..).all(|(it, place)| it.sequence == place);
        assert!(dense, "the inbox of {stage} has a gap");
        let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for message in items.into_iter().filter_map(|it| it.message) {
            came.entry(message.request_id).or_default().push(message.message_id);
        }
        let mut went: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for it in sent.iter().filter(|it| it.origin == origin) {
            went.entry(it.request().to_owned()).or_default().push(it.message().to_owned());
        }
        assert_eq!(came, went, "{origin} to {stage}");
    }
}

async fn answered_again(network: &Network, sent: &[Sent]) {
    for origin in [ORIGIN, DESTINATION] {
        let role = if origin == ORIGIN { Role::Officer } else { Role::Service };
        let client = network.client(origin, role).await;
        for it in sent.iter().filter(|it| it.origin == origin) {
            let again = client.send_message(it.call.clone()).await.expect("it is answered");
            assert!(again.repeated_call, "{} was sent anew", it.message());
            assert_eq!(again.messages, std::slice::from_ref(&it.answer));
        }
    }
}

async fn agreed(network: &Network, sent: &[Sent]) {
    let requests: BTreeSet<&str> = sent.iter().map(Sent::request).collect();
    let [asking, asked] = [ORIGIN, DESTINATION].map(|it| network.client(it, Role::Service));
    let (asking, asked) = (asking.await, asked.await);
    for request in requests {
        let says = async |client: &rogatory::transport::client::Client| {
            let request_id = request.to_owned();
            let told = client.get_request_state(pb::GetRequestStateRequest { request_id }).await;
            let told = told.expect("the request is known");
            let state = told.request.expect("it has a state").parties.remove(0).state;
            let mut messages: Vec<_> = told.messages.into_iter().map(|it| it.message_id).collect();
            messages.sort();
            (state, messages)
        };
        assert_eq!(says(&asking).await, says(&asked).await, "request {request}");
    }
}

/// Waits until a node owes nothing to anybody.
async fn nothing_owed(network: &Network, stage: &str) {
    let operator = network.client(stage, Role::Operator).await;
    until("nothing to be owed", async || {
        let queue = operator.list_queue(Default::default()).await.ok()?;
        queue.items.is_empty().then_some(())
    })
    .await;
}

/// The most memory that a node had, in KiB.
pub(super) fn memory_kib(network: &Network, stage: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", network.process(stage)));
    let status = status.expect("a process has a status");
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse().ok());
    kib.expect("the kernel says how much")
}
