//! Each right of a policy, each verb, in both languages: the cells, and how a policy is read.

use rogatory::identity::Role;
use serde_json::{Value, json};

use crate::desks::posts::{Post, put, read_again, restarted_with};
use crate::network::drafts::{self, DESTINATION_DESK, sending};
use crate::network::{DESTINATION, Network, ORIGIN, until};

const POSTS: [&str; 8] =
    ["reads", "claims", "answers", "sends", "releases", "erases", "holds", "nobody"];

/// One post a right; all who see something stand in `read`.
fn policy() -> String {
    format!(
        "format = 1\n[[desk]]\nid = \"{DESTINATION_DESK}\"\n\
         read = [\"officer/reads\", \"officer/claims\", \"officer/answers\", \"officer/erases\", \
         \"officer/holds\", \"operator-not\"]\nclaim = [\"officer/claims\"]\n\
         answer = [\"officer/answers\"]\nsend = [\"spiffe://{DESTINATION}/officer/sends\"]\n\
         release = [\"officer/releases\"]\n\
         [keeping]\nerase = [\"officer/erases\"]\nhold = [\"officer/holds\"]\n"
    )
    .replace(", \"operator-not\"", "")
}

/// A message that came, and its request.
struct Known {
    message: String,
    request: String,
}

/// What the policy makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// The policy lets it through.
    Open,
    /// Told so.
    Forbidden,
    /// As if it were not there.
    Hidden,
}

/// Who may make a call; for all others it is forbidden, or hidden from those who do not read.
struct Row {
    call: &'static str,
    body: fn(&Known, &str) -> Value,
    /// Whose cells are open.
    open: &'static [&'static str],
    /// Whose cells are hidden.
    hidden: &'static [&'static str],
    /// Whether what is hidden is left out of a list, and nobody is told anything.
    is_list: bool,
}

const READERS: &[&str] = &["reads", "claims", "answers", "erases", "holds"];
const BLIND: &[&str] = &["sends", "releases", "nobody"];

fn inbox_act(known: &Known, key: &str) -> Value {
    json!({"idempotency_key": key, "origin": ORIGIN, "message_id": known.message})
}

fn of_request(known: &Known, key: &str) -> Value {
    json!({"idempotency_key": key, "request_id": known.request})
}

fn draft(file: &Value, key: &str) -> Value {
    json!({"idempotency_key": key, "draft": file})
}

fn answer(known: &Known, key: &str) -> Value {
    let file = drafts::act(DESTINATION, "ack_receipt", &known.request, &known.message);
    draft(&file, key)
}

fn opening(_: &Known, key: &str) -> Value {
    let mut file = drafts::request("A second vessel");
    file["from"] = json!(DESTINATION_DESK);
    file["to"] = json!([drafts::ORIGIN_DESK]);
    draft(&file, key)
}

fn desk(_: &Known, _: &str) -> Value {
    json!({"contact_point": DESTINATION_DESK})
}

fn nothing(_: &Known, _: &str) -> Value {
    json!({})
}

fn row(call: &'static str, body: fn(&Known, &str) -> Value, open: &'static [&'static str]) -> Row {
    Row { call, body, open, hidden: &[], is_list: false }
}

fn rows() -> Vec<Row> {
    let seen = |call, body, open| Row { hidden: BLIND, ..row(call, body, open) };
    let listed = |call, body| Row { is_list: true, ..seen(call, body, READERS) };
    vec![
        row("ExchangeService/SendMessage", answer, &["answers"]),
        row("ExchangeService/SendMessage", opening, &["sends"]),
        row("InboxService/ListMessages", desk, READERS),
        row("InboxService/WatchMessages", desk, READERS),
        listed("ExchangeService/ListRequestStates", nothing),
        listed("ExchangeService/ListDeadlines", nothing),
        seen("ExchangeService/GetRequestState", of_request_only, READERS),
        seen("ExchangeService/GetMessage", whole, READERS),
        seen("InboxService/ReadMessage", message_only, READERS),
        seen("InboxService/ClaimMessage", inbox_act, &["claims"]),
        seen("InboxService/ReleaseMessage", inbox_act, &["claims"]),
        seen("InboxService/AcknowledgeMessage", inbox_act, &["claims"]),
        seen("ExchangeService/PlaceHold", of_request, &["holds"]),
        seen("ExchangeService/ReleaseHold", of_request, &["holds"]),
        seen("ExchangeService/RefuseErasure", refusal, &["erases"]),
        seen("ExchangeService/ReviewContent", of_request, &["erases"]),
        seen("ExchangeService/EraseContent", erasure, &["erases"]),
        seen("ExchangeService/EraseContent", erasure_of_all, &["erases"]),
    ]
}

fn of_request_only(known: &Known, _: &str) -> Value {
    json!({"request_id": known.request})
}

fn message_only(known: &Known, _: &str) -> Value {
    json!({"origin": ORIGIN, "message_id": known.message})
}

fn whole(known: &Known, _: &str) -> Value {
    json!({"origin": ORIGIN, "message_id": known.message, "with_content": true})
}

fn refusal(known: &Known, key: &str) -> Value {
    let mut body = inbox_act(known, key);
    body["reason"] = json!("LAW_REQUIRES");
    body
}

fn erasure(known: &Known, _: &str) -> Value {
    json!({"origin": ORIGIN, "message_id": known.message, "cause": "own_decision"})
}

fn erasure_of_all(known: &Known, _: &str) -> Value {
    json!({"request_id": known.request, "cause": "own_decision"})
}

/// A request that arrived at the desk, sent before anyone had a policy.
async fn arrived(network: &Network) -> Known {
    let sender = network.client(ORIGIN, Role::Officer).await;
    let mut sent = sender.send_message(sending("one", &drafts::request("A vessel"))).await.unwrap();
    let sent = sent.messages.remove(0);
    let reader = network.client(DESTINATION, Role::Officer).await;
    until("the message", async || {
        let asked = rogatory::wire::pb::ListMessagesRequest {
            contact_point: DESTINATION_DESK.to_owned(),
            ..Default::default()
        };
        let page = reader.list_messages(asked).await.ok()?;
        (!page.items.is_empty()).then_some(())
    })
    .await;
    Known { message: sent.message_id, request: sent.request_id }
}

/// What the policy makes of one call of a post, in one language.
async fn found(row: &Row, post: &Post, known: &Known, (language, key): (&str, &str)) -> Cell {
    let body = (row.body)(known, key);
    let came = match language {
        "json" => post.json(row.call, &body).await,
        _ => post.grpc(row.call, &body).await,
    };
    match came.reason.as_str() {
        "DESK_NOT_PERMITTED" => Cell::Forbidden,
        "NOT_FOUND" => Cell::Hidden,
        "" if row.is_list && !came.holds(&known.request) => Cell::Hidden,
        // The law speaks only of what the policy lets through.
        "CONTENT_INVALID" if row.call.ends_with("SendMessage") => Cell::Open,
        "ROLE_NOT_PERMITTED" | "CONTENT_INVALID" => panic!("{}: {came:?}", row.call),
        _ => Cell::Open,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_of_a_policy_holds_in_json_and_in_grpc() {
    let mut network = Network::started().await;
    let known = arrived(&network).await;
    restarted_with(&mut network, DESTINATION, &policy()).await;
    let posts = POSTS.map(|it| (it, Post::of(&network, DESTINATION, Role::Officer, it)));
    let mut cells = 0;
    for row in rows() {
        for (name, post) in &posts {
            let expected = match (row.open.contains(name), row.hidden.contains(name)) {
                (true, _) => Cell::Open,
                (false, true) => Cell::Hidden,
                (false, false) => Cell::Forbidden,
            };
            // A stream is had by gRPC only, and does not end by itself.
            let languages: &[&str] = match (row.call.ends_with("WatchMessages"), expected) {
                (true, Cell::Open) => &[],
                (true, Cell::Forbidden | Cell::Hidden) => &["grpc"],
                (false, _) => &["json", "grpc"],
            };
            for language in languages {
                cells += 1;
                let found = found(&row, post, &known, (language, &format!("key-{cells}"))).await;
                assert_eq!(found, expected, "{} {name} {language}", row.call);
            }
        }
    }
    assert_eq!(cells, rows().len() * POSTS.len() * 2 - POSTS.len() - READERS.len());
    // Sight that is given does not stand above the policy either.
    let nobody = &posts[7].1;
    let search = json!({"reference": "2026/0815"});
    assert!(!nobody.json("ExchangeService/SearchRequests", &search).await.holds(&known.request));
    let grant = json!({"idempotency_key": "g", "request_id": known.request, "holder": nobody.id});
    assert_eq!(nobody.json("ExchangeService/GrantAccess", &grant).await.reason, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_policy_keeps_the_last_good_one_and_the_operator_is_told_line_and_field() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    let origin = drafts::ORIGIN_DESK;
    let only = |post: &str| {
        let head = format!("format = 1\n[[desk]]\nid = \"{origin}\"\n");
        format!("{head}read = [\"officer\"]\nsend = [\"officer/{post}\"]\n")
    };
    restarted_with(&mut network, ORIGIN, &only("one")).await;
    let one = Post::of(&network, ORIGIN, Role::Officer, "one");
    let two = Post::of(&network, ORIGIN, Role::Officer, "two");
    let send = |key: &str| draft(&drafts::request("A vessel"), key);
    let call = "ExchangeService/SendMessage";
    assert_eq!(one.json(call, &send("a")).await.reason, "");
    assert_eq!(two.json(call, &send("a")).await.reason, "DESK_NOT_PERMITTED");

    let told = read_again(&network, ORIGIN, &only("../two")).await;
    let fault = "line 5, column 9: desk[0].send[0]: the id's name is not 1 to 63";
    assert!(told.read_fault.contains(fault), "{}", told.read_fault);
    assert_eq!(one.json(call, &send("b")).await.reason, "");
    assert_eq!(two.json(call, &send("b")).await.reason, "DESK_NOT_PERMITTED");

    let told = read_again(&network, ORIGIN, &only("two")).await;
    assert_eq!(told.read_fault, "");
    assert_eq!(one.json(call, &send("c")).await.reason, "DESK_NOT_PERMITTED");
    assert_eq!(two.json(call, &send("c")).await.reason, "");
    // What was accepted stays accepted: the same call has the same answer.
    assert_eq!(one.json(call, &send("a")).await.reason, "");

    // A desk that the policy does not name is nobody's.
    let elsewhere = only("one").replace(origin, &format!("{ORIGIN}/elsewhere"));
    assert_eq!(read_again(&network, ORIGIN, &elsewhere).await.read_fault, "");
    for post in [&one, &two] {
        assert_eq!(post.json(call, &send("d")).await.reason, "DESK_NOT_PERMITTED");
        let listed = json!({"contact_point": origin});
        let came = post.grpc("InboxService/ListMessages", &listed).await;
        assert_eq!(came.reason, "DESK_NOT_PERMITTED");
    }

    // A node does not start with a policy that is wrong, and says why.
    network.terminate(ORIGIN).await;
    put(&network, ORIGIN, "format = 1\nread = 3\n");
    network.start(ORIGIN);
    let status = network.opens(ORIGIN).await.unwrap_err();
    assert_eq!(status.code(), Some(6));
    assert!(network.log(ORIGIN).contains("line 2, column 1: read: unknown key"));
    let config = network.place(ORIGIN).config.clone();
    let check = std::process::Command::new(env!("CARGO_BIN_EXE_rogatory"))
        .args(["node", "config", "check", "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert_eq!(check.status.code(), Some(6));
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(said.contains("line 2, column 1: read: unknown key"), "{said}");
}
