//! A confidential request is there only for those who need to know of it (UNTOC 18(20)): for
//! everybody else it is as if it were not.

use rogatory::clock::{Clock, SystemClock, Timestamp};
use rogatory::domain::fact::Fact;
use rogatory::evidence::statement;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire;
use rogatory::wire::envelope::Statement;
use rogatory::wire::json::read_file;
use rogatory::wire::pb;
use rogatory::wire::pb::exchange_service_client::ExchangeServiceClient;
use serde_json::{Value, json};
use tonic::transport::Channel;

use crate::services::town::{Town, reason, sending, without_attachments};

const BANK_RECORDS: &str = include_str!("../../../config/demo/ex1-bank-records-untoc-18-3-f.json");
/// The reference of the agency that asks.
const OURS: &str = "BRA-CA-01/2026/000417";
const ANNA: &str = "spiffe://int.n2/officer/anna";
const BEN: &str = "spiffe://int.n2/officer/ben";

fn read(file: &Value) -> pb::Draft {
    read_file(file.to_string().as_bytes()).unwrap()
}

/// The worked request for bank records from agency 0 to agency 2.
fn request(confidential: bool) -> Value {
    let mut file: Value = serde_json::from_str(BANK_RECORDS).unwrap();
    let fields = file.as_object_mut().unwrap();
    for gone in ["message_id", "request_id", "issued_at", "respond_by"] {
        fields.remove(gone);
    }
    without_attachments(&mut file);
    file["from"] = json!("int.n0/desk");
    file["to"] = json!(["int.n2/desk"]);
    file["handling"]["confidentiality_requested"] = json!(confidential);
    file
}

/// An act in its life, from one agency to the other.
fn act((from, to): (&str, &str), request_id: &str, act: &str, references: &Value) -> pb::Draft {
    let whole = request(true);
    read(&json!({
        "request_id": request_id, "message_type": act, "kind": whole["kind"],
        "form": "electronic_written", "urgency": whole["urgency"], "official": whole["official"],
        "from": format!("{from}/desk"), "to": [format!("{to}/desk")],
        "references": references, "languages": {"request": "en"}, "handling": whole["handling"],
    }))
}

/// Somebody at the node of an agency.
struct Person {
    client: Client,
    exchange: ExchangeServiceClient<Channel>,
}

impl std::ops::Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Calls of the exchange service that are about people rather than about messages.
macro_rules! calls {
    ($($method:ident($asked:ident) -> $answer:ident;)*) => {
        impl Person {
            $(async fn $method(&self, asked: pb::$asked) -> Result<pb::$answer, ClientError> {
                Ok(self.exchange.clone().$method(asked).await?.into_inner())
            })*
        }
    };
}

calls! {
    grant_access(GrantAccessRequest) -> GrantAccessResponse;
    revoke_access(RevokeAccessRequest) -> RevokeAccessResponse;
    list_deadlines(ListDeadlinesRequest) -> ListDeadlinesResponse;
    search_requests(SearchRequestsRequest) -> SearchRequestsResponse;
    get_statistics(GetStatisticsRequest) -> GetStatisticsResponse;
}

async fn person(town: &Town, n: usize, role: Role, name: &str) -> Person {
    let issued = town.leaf(n, role, name);
    let client = town.client_with(n, &issued).await.unwrap();
    Person { client, exchange: ExchangeServiceClient::new(town.channel(n, &issued).await) }
}

async fn officer(town: &Town, n: usize, name: &str) -> Person {
    person(town, n, Role::Officer, name).await
}

/// Entries of the journal of agency `n` that are about messages sent here or about sight; the rest
/// comes and goes with the links.
fn written(town: &Town, n: usize) -> usize {
    let entries = town.writers[n].setting().journal.read(0, 1_000).unwrap();
    let facts = entries.iter().map(|it| wire::entry::read(it).unwrap().fact);
    let of_people = |it: &Fact| {
        matches!(it, Fact::Submitted { .. } | Fact::AccessGranted | Fact::AccessRevoked)
    };
    facts.filter(of_people).count()
}

async fn send(client: &Person, key: &str, draft: pb::Draft) -> pb::SentMessage {
    client.send_message(sending(key, draft)).await.unwrap().messages.remove(0)
}

/// What a caller sees of a request, in every way there is to ask.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    listed: bool,
    shown: bool,
    owed: bool,
    found: bool,
}

const ALL: Seen = Seen { listed: true, shown: true, owed: true, found: true };
const NOTHING: Seen = Seen { listed: false, shown: false, owed: false, found: false };

async fn seen(client: &Person, request_id: &str, reference: &str) -> Seen {
    let listed = client.list_request_states(pb::ListRequestStatesRequest::default()).await.unwrap();
    let one = pb::GetRequestStateRequest { request_id: request_id.to_owned() };
    let shown = match client.get_request_state(one).await {
        Ok(answer) => answer.request.unwrap().request_id == request_id,
        error => {
            assert_eq!(reason(error), "NOT_FOUND");
            false
        }
    };
    let owed = client.list_deadlines(pb::ListDeadlinesRequest::default()).await.unwrap();
    let found = search(client, reference).await;
    Seen {
        listed: listed.requests.iter().any(|it| it.request_id == request_id),
        shown,
        owed: owed.deadlines.iter().any(|it| it.request_id == request_id),
        found: found.iter().any(|it| it == request_id),
    }
}

async fn search(client: &Person, reference: &str) -> Vec<String> {
    let asked = pb::SearchRequestsRequest { reference: reference.to_owned() };
    let found = client.search_requests(asked).await.unwrap().requests;
    found.into_iter().map(|it| it.request_id).collect()
}

/// Places of an inbox after `after`, waiting for the first.
async fn inbox(client: &Person, after: u64) -> Vec<pb::InboxItem> {
    let asked = pb::ListMessagesRequest { after, wait_seconds: 10, ..Default::default() };
    client.list_messages(asked).await.unwrap().items
}

async fn inbox_now(client: &Person) -> Vec<pb::InboxItem> {
    client.list_messages(pb::ListMessagesRequest::default()).await.unwrap().items
}

fn named(sent: &pb::SentMessage, origin: &str) -> pb::ReadMessageRequest {
    pb::ReadMessageRequest { origin: origin.to_owned(), message_id: sent.message_id.clone() }
}

fn claim(sent: &pb::SentMessage, key: &str) -> pb::ClaimMessageRequest {
    pb::ClaimMessageRequest {
        idempotency_key: key.to_owned(),
        origin: "int.n0".to_owned(),
        message_id: sent.message_id.clone(),
        lease_seconds: 600,
    }
}

fn sight(key: &str, request_id: &str, holder: &str) -> pb::GrantAccessRequest {
    pb::GrantAccessRequest {
        idempotency_key: key.to_owned(),
        request_id: request_id.to_owned(),
        holder: holder.to_owned(),
    }
}

fn no_sight(key: &str, request_id: &str, holder: &str) -> pb::RevokeAccessRequest {
    let pb::GrantAccessRequest { idempotency_key, request_id, holder } =
        sight(key, request_id, holder);
    pb::RevokeAccessRequest { idempotency_key, request_id, holder }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_not_send_a_confidential_request_finds_no_trace_of_it() {
    let town = Town::built().await;
    let (anna, ben) = (officer(&town, 0, "anna").await, officer(&town, 0, "ben").await);
    let sent = send(&anna, "k1", read(&request(true))).await;
    assert_eq!(seen(&anna, &sent.request_id, OURS).await, ALL);
    assert_eq!(seen(&ben, &sent.request_id, OURS).await, NOTHING);
    for with_content in [false, true] {
        let asked = pb::GetMessageRequest {
            origin: String::new(),
            message_id: sent.message_id.clone(),
            with_content,
        };
        let shown = anna.get_message(asked.clone()).await.unwrap();
        assert_eq!(shown.message.unwrap().message_id, sent.message_id);
        assert_eq!(shown.content.is_some(), with_content);
        assert_eq!(reason(ben.get_message(asked).await), "NOT_FOUND");
    }
    assert_eq!(reason(ben.read_message(named(&sent, "int.n0")).await), "NOT_FOUND");
    let before = written(&town, 0);
    let withdrawal = act(("int.n0", "int.n2"), &sent.request_id, "withdrawal", &Value::Null);
    assert_eq!(reason(ben.send_message(sending("k2", withdrawal)).await), "NOT_FOUND");
    assert_eq!(written(&town, 0), before);
    let plain = send(&anna, "k3", read(&request(false))).await;
    assert_eq!(seen(&ben, &plain.request_id, OURS).await, ALL);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_somebody_claims_it_only_its_envelope_shows_and_then_it_is_theirs() {
    let town = Town::built().await;
    let sender = officer(&town, 0, "clerk").await;
    let (anna, ben) = (officer(&town, 2, "anna").await, officer(&town, 2, "ben").await);
    let sent = send(&sender, "k1", read(&request(true))).await;
    for client in [&anna, &ben] {
        let items = inbox(client, 0).await;
        let [item] = items.as_slice() else { panic!("{items:?}") };
        let message = item.message.as_ref().unwrap();
        assert_eq!((&message.message_id, message.origin.as_str()), (&sent.message_id, "int.n0"));
        assert!(message.confidential && item.status == "new");
        let hidden = [
            &message.request_id,
            &message.kind,
            &message.from,
            &message.message_type,
            &message.tlp,
        ];
        assert_eq!(hidden, [""; 5]);
        assert!(message.to.is_empty() && message.urgency.is_empty(), "{message:?}");
        assert_eq!(seen(client, &sent.request_id, OURS).await, NOTHING);
        assert_eq!(reason(client.read_message(named(&sent, "int.n0")).await), "NOT_FOUND");
    }
    anna.claim_message(claim(&sent, "c1")).await.unwrap();
    assert_eq!(seen(&anna, &sent.request_id, OURS).await, ALL);
    let read = anna.read_message(named(&sent, "int.n0")).await.unwrap();
    assert!(read.content.unwrap().facts().starts_with("Between January 2020"));
    assert_eq!(inbox_now(&anna).await[0].message.as_ref().unwrap().kind, "UNTOC.18.3.F.DOCS");
    assert_eq!(inbox_now(&ben).await, []);
    assert_eq!(seen(&ben, &sent.request_id, OURS).await, NOTHING);
    assert_eq!(reason(ben.read_message(named(&sent, "int.n0")).await), "NOT_FOUND");
    assert_eq!(reason(ben.claim_message(claim(&sent, "c2")).await), "NOT_FOUND");
    let next = act(("int.n0", "int.n2"), &sent.request_id, "progress_query", &Value::Null);
    let next = send(&sender, "k2", next).await;
    let items = inbox(&anna, 1).await;
    assert_eq!(items[0].message.as_ref().unwrap().message_id, next.message_id);
    assert_eq!(inbox_now(&ben).await, []);
    let acknowledge = pb::AcknowledgeMessageRequest {
        idempotency_key: "a1".to_owned(),
        origin: "int.n0".to_owned(),
        message_id: next.message_id.clone(),
    };
    assert_eq!(reason(ben.acknowledge_message(acknowledge.clone()).await), "NOT_FOUND");
    anna.acknowledge_message(acknowledge).await.unwrap();
    town.stopped().await;
}

fn fact(town: &Town, receipt: Option<pb::Statement>) -> Fact {
    let proof = Statement::from_pb(receipt.unwrap()).unwrap();
    statement::verify(&town.directory, &proof).unwrap().0.fact
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sight_is_given_and_taken_on_record_and_somebody_always_keeps_it() {
    let town = Town::built().await;
    let sender = officer(&town, 0, "clerk").await;
    let (anna, ben) = (officer(&town, 2, "anna").await, officer(&town, 2, "ben").await);
    let sent = send(&sender, "k1", read(&request(true))).await;
    inbox(&anna, 0).await;
    let id = sent.request_id.as_str();
    assert_eq!(reason(ben.grant_access(sight("g0", id, BEN)).await), "NOT_FOUND");
    anna.claim_message(claim(&sent, "c1")).await.unwrap();
    assert_eq!(reason(ben.grant_access(sight("g1", id, BEN)).await), "NOT_FOUND");
    assert_eq!(
        reason(anna.revoke_access(no_sight("r1", id, ANNA)).await),
        "STATE_FORBIDS",
        "nobody else has sight"
    );
    let before = written(&town, 2);
    let granted = anna.grant_access(sight("g2", id, BEN)).await.unwrap();
    assert_eq!(anna.grant_access(sight("g2", id, BEN)).await.unwrap(), granted);
    assert_eq!(written(&town, 2), before + 1);
    assert_eq!(fact(&town, granted.receipt), Fact::AccessGranted);
    assert_eq!(seen(&ben, id, OURS).await, ALL);
    assert_eq!(inbox_now(&ben).await.len(), 1);
    let one = pb::GetRequestStateRequest { request_id: id.to_owned() };
    let mut holders = ben.get_request_state(one).await.unwrap().request.unwrap().holders;
    holders.sort();
    assert_eq!(holders, [ANNA, BEN]);
    let taken = ben.revoke_access(no_sight("r2", id, ANNA)).await.unwrap();
    assert_eq!(fact(&town, taken.receipt), Fact::AccessRevoked);
    assert_eq!(seen(&anna, id, OURS).await, NOTHING);
    assert_eq!(inbox_now(&anna).await, []);
    assert_eq!(reason(anna.grant_access(sight("g3", id, ANNA)).await), "NOT_FOUND");
    assert_eq!(reason(ben.revoke_access(no_sight("r3", id, BEN)).await), "STATE_FORBIDS");
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sight_is_for_officers_and_services_of_the_own_agency_and_of_a_known_request() {
    let town = Town::built().await;
    let anna = officer(&town, 0, "anna").await;
    let sent = send(&anna, "k1", read(&request(true))).await;
    let id = sent.request_id.as_str();
    let before = written(&town, 0);
    for (n, holder) in
        ["spiffe://int.n2/officer/ben", "spiffe://int.n0/auditor/ben"].iter().enumerate()
    {
        let refused = anna.grant_access(sight(&format!("g{n}"), id, holder)).await;
        assert_eq!(reason(refused), "ROLE_NOT_PERMITTED", "{holder}");
    }
    let malformed = anna.grant_access(sight("g3", id, "ben")).await.unwrap_err();
    assert_eq!(malformed.violations()[0].pointer, "/holder");
    let unknown = "019cadb0-71a2-73a5-8f0f-0efba3ea04ac";
    let holder = "spiffe://int.n0/service/cases";
    assert_eq!(reason(anna.grant_access(sight("g4", unknown, holder)).await), "NOT_FOUND");
    let auditor = person(&town, 0, Role::Auditor, "one").await;
    assert_eq!(reason(auditor.grant_access(sight("g5", id, holder)).await), "ROLE_NOT_PERMITTED");
    assert_eq!(written(&town, 0), before);
    anna.grant_access(sight("g6", id, holder)).await.unwrap();
    let cases = person(&town, 0, Role::Service, "cases").await;
    assert_eq!(seen(&cases, id, OURS).await, ALL);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_found_by_the_reference_of_either_side() {
    let town = Town::built().await;
    let sender = officer(&town, 0, "clerk").await;
    let (anna, ben) = (officer(&town, 2, "anna").await, officer(&town, 2, "ben").await);
    let sent = send(&sender, "k1", read(&request(true))).await;
    inbox(&anna, 0).await;
    anna.claim_message(claim(&sent, "c1")).await.unwrap();
    // U+00E9 is also written as e with U+0301.
    let (composed, decomposed) = ("R\u{e9}f. 7/2026", "Re\u{301}f. 7/2026");
    assert_eq!(search(&anna, composed).await, Vec::<String>::new());
    let references = json!({"requesting": OURS, "requested": composed});
    send(&anna, "k2", act(("int.n2", "int.n0"), &sent.request_id, "ack_receipt", &references))
        .await;
    assert_eq!(inbox(&sender, 0).await.len(), 1);
    for client in [&sender, &anna] {
        for reference in [OURS, composed, decomposed] {
            let found = search(client, reference).await;
            assert_eq!(found, std::slice::from_ref(&sent.request_id), "{reference}");
        }
        for other in ["BRA-CA-01/2026/000418", "bra-ca-01/2026/000417", "Ref. 7/2026"] {
            assert_eq!(search(client, other).await, Vec::<String>::new(), "{other}");
        }
    }
    for reference in [OURS, composed, decomposed] {
        assert_eq!(search(&ben, reference).await, Vec::<String>::new(), "{reference}");
    }
    let nothing = anna.search_requests(pb::SearchRequestsRequest::default()).await.unwrap_err();
    assert_eq!(nothing.violations()[0].pointer, "/reference");
    town.stopped().await;
}

fn year(at: Timestamp) -> u32 {
    at.to_string()[..4].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_tell_nobody_to_which_state_a_confidential_request_went() {
    let town = Town::built().await;
    let (anna, ben) = (officer(&town, 0, "anna").await, officer(&town, 0, "ben").await);
    let sent_in = year(SystemClock.now());
    send(&anna, "k1", read(&request(true))).await;
    send(&anna, "k2", read(&request(false))).await;
    assert_eq!(year(SystemClock.now()), sent_in, "the year ended meanwhile");
    for client in [&anna, &ben] {
        let asked = pb::GetStatisticsRequest { year: sent_in };
        let rows = client.get_statistics(asked).await.unwrap().rows;
        let rows: Vec<_> =
            rows.iter().map(|it| (it.state.as_str(), it.kind.as_str(), it.count)).collect();
        assert_eq!(rows, [("int", "UNTOC.18.3.F.DOCS", 1), ("withheld", "withheld", 1)]);
    }
    town.stopped().await;
}
