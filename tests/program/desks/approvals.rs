//! What needs a second pair of eyes waits, sealed, until somebody else has approved exactly that; nobody
//! approves an own draft, and no other verb sends it.

use rogatory::clock::Timestamp;
use rogatory::identity::Role;
use serde_json::{Value, json};

use crate::desks::posts::{Came, Post, put, read_again, restarted_with};
use crate::network::drafts::{self, ORIGIN_DESK};
use crate::network::{DESTINATION, Network, ORIGIN, until};

const SEND: &str = "ExchangeService/SendMessage";
const LIST: &str = "ApprovalService/ListDrafts";
const GET: &str = "ApprovalService/GetDraft";
const APPROVE: &str = "ApprovalService/ApproveDraft";
const WITHDRAW: &str = "ApprovalService/WithdrawDraft";

fn policy(four_eyes: &str) -> String {
    format!(
        "format = 1\n[[desk]]\nid = \"{ORIGIN_DESK}\"\nread = [\"officer\", \"service\"]\n\
         answer = [\"officer\", \"service\"]\nsend = [\"officer\", \"service\"]\n\
         release = [\"officer/head\", \"officer/deputy\", \"officer/clerk-too\"]\n{four_eyes}"
    )
}

const REQUESTS: &str = "[[four_eyes]]\nkinds = [\"SOM.8.2.*\"]\nacts = [\"request\"]\n";

struct Town {
    network: Network,
    clerk: Post,
    system: Post,
    head: Post,
    deputy: Post,
    other: Post,
}

impl Town {
    async fn begun() -> Self {
        Self::over(Network::started().await).await
    }

    async fn over(mut network: Network) -> Self {
        restarted_with(&mut network, ORIGIN, &policy(REQUESTS)).await;
        let of = |role, name| Post::of(&network, ORIGIN, role, name);
        let (clerk, system) = (of(Role::Officer, "clerk"), of(Role::Service, "files"));
        let (head, deputy) = (of(Role::Officer, "head"), of(Role::Officer, "deputy"));
        let other = of(Role::Officer, "other");
        Self { network, clerk, system, head, deputy, other }
    }

    async fn entries(&self, fact: &str) -> usize {
        let auditor = self.network.client(ORIGIN, Role::Auditor).await;
        let mut replay = auditor.replay_entries(Default::default()).await.unwrap();
        let mut count = 0;
        while let Some(entry) = replay.next().await.unwrap() {
            let entry = rogatory::wire::entry::read(&entry.entry).unwrap();
            count += usize::from(entry.fact.name() == fact);
        }
        count
    }
}

fn request(key: &str, facts: &str) -> Value {
    json!({"idempotency_key": key, "draft": drafts::request(facts)})
}

/// The draft as which a call waits.
fn draft_of(came: &Came) -> Value {
    let answer = came.json();
    assert_eq!(answer["messages"].as_array().map(Vec::len), None, "{answer}");
    answer["draft"].clone()
}

fn approval(key: &str, draft: &Value) -> Value {
    json!({"idempotency_key": key, "draft_id": draft["draft_id"], "fingerprint": draft["fingerprint"]})
}

fn naming(key: &str, draft: &Value) -> Value {
    json!({"idempotency_key": key, "draft_id": draft["draft_id"]})
}

fn only(draft: &Value) -> Value {
    json!({"draft_id": draft["draft_id"]})
}

fn nothing_more(came: &Came) -> usize {
    came.json()["drafts"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_sent_once_somebody_else_has_approved_exactly_it() {
    let town = Town::begun().await;
    let drafted = town.clerk.json(SEND, &request("one", "A vessel adrift")).await;
    let draft = draft_of(&drafted);
    assert_eq!(draft["state"], "waiting");
    assert_eq!(draft["drafter"], json!(town.clerk.id));
    assert_eq!((&draft["kind"], &draft["act"]), (&json!("SOM.8.2.VESSEL"), &json!("request")));
    let made = Timestamp::parse(draft["made_at"].as_str().unwrap()).unwrap();
    let end = Timestamp::parse(draft["approve_until"].as_str().unwrap()).unwrap();
    assert_eq!(end.millis_since(made), 24 * 3_600_000);
    // The same call waits as the same draft, and nothing of it is known as a request or a message.
    let again = town.clerk.grpc(SEND, &request("one", "A vessel adrift")).await;
    assert!(again.reason.is_empty() && again.holds(draft["draft_id"].as_str().unwrap()));
    assert_eq!(town.entries("submitted").await, 0);
    assert_eq!(town.entries("draft_made").await, 1);
    let known = json!({"request_id": draft["request_id"]});
    let came = town.clerk.json("ExchangeService/GetRequestState", &known).await;
    assert_eq!(came.reason, "NOT_FOUND");
    let id = json!({"message_id": draft["draft_id"], "with_content": true});
    assert_eq!(town.clerk.json("ExchangeService/GetMessage", &id).await.reason, "NOT_FOUND");

    // Who neither drafted it nor may release does not know of it.
    for post in [&town.other, &town.system] {
        assert_eq!(post.json(GET, &only(&draft)).await.reason, "NOT_FOUND");
        assert_eq!(nothing_more(&post.json(LIST, &json!({})).await), 0);
        assert_eq!(post.json(WITHDRAW, &naming("w", &draft)).await.reason, "NOT_FOUND");
    }
    assert_eq!(town.other.grpc(APPROVE, &approval("a", &draft)).await.reason, "NOT_FOUND");
    let no = town.system.grpc(APPROVE, &approval("a", &draft)).await;
    assert_eq!(no.reason, "ROLE_NOT_PERMITTED");
    assert_eq!(town.clerk.json(APPROVE, &approval("a", &draft)).await.reason, "OWN_DRAFT");

    // Whoever approves sees all that it says, which is recorded, and says back what was seen.
    assert_eq!(nothing_more(&town.head.json(LIST, &json!({})).await), 1);
    let shown = town.head.json(GET, &only(&draft)).await.json();
    assert_eq!(shown["content"]["facts"], "A vessel adrift");
    assert_eq!(shown["draft"]["fingerprint"], draft["fingerprint"]);
    assert_eq!(town.entries("draft_shown").await, 1);
    let mut differing = approval("b", &draft);
    differing["fingerprint"] = json!("00".repeat(32));
    assert_eq!(town.head.json(APPROVE, &differing).await.reason, "DRAFT_DIFFERS");
    differing["fingerprint"] = json!("nonsense");
    assert_eq!(town.head.json(APPROVE, &differing).await.reason, "CONTENT_INVALID");
    assert_eq!(town.entries("submitted").await, 0);

    let approved = town.head.json(APPROVE, &approval("c", &draft)).await.json();
    assert_eq!(approved["sent"]["draft"]["state"], "approved");
    assert_eq!(approved["sent"]["draft"]["ended_by"], json!(town.head.id));
    let message = approved["sent"]["messages"][0].clone();
    assert_eq!(message["request_id"], draft["request_id"]);
    assert!(approved["receipt"]["proof"].is_string());
    // Approved again it is the same approval, under the same key or another, and the drafter's call has
    // its answer. Another officer comes too late.
    for key in ["c", "d"] {
        let again = town.head.json(APPROVE, &approval(key, &draft)).await.json();
        assert_eq!(again["sent"]["messages"][0]["message_id"], message["message_id"]);
        assert_eq!(again["receipt"], approved["receipt"]);
    }
    assert_eq!(town.deputy.grpc(APPROVE, &approval("e", &draft)).await.reason, "STATE_FORBIDS");
    assert_eq!(town.clerk.json(WITHDRAW, &naming("x", &draft)).await.reason, "STATE_FORBIDS");
    let answered = town.clerk.json(SEND, &request("one", "A vessel adrift")).await.json();
    assert_eq!(answered["messages"][0]["message_id"], message["message_id"]);
    assert_eq!(answered["repeated_call"], true);
    assert_eq!((town.entries("submitted").await, town.entries("draft_approved").await), (1, 1));
    let gone = town.head.json(GET, &only(&draft)).await.json();
    assert_eq!((gone["content"].is_null(), &gone["draft"]["state"]), (true, &json!("approved")));

    // What arrives is what was drafted.
    let reader = Post::of(&town.network, DESTINATION, Role::Officer, "reader");
    let read = json!({"origin": ORIGIN, "message_id": message["message_id"]});
    let content = until("the message", async || {
        let came = reader.json("InboxService/ReadMessage", &read).await;
        came.reason.is_empty().then(|| came.json())
    })
    .await;
    assert_eq!(content["content"]["facts"], "A vessel adrift");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_line_names_is_sent_at_once_and_no_verb_leads_around_one_that_does() {
    let mut town = Town::begun().await;
    // The releaser's own drafts wait for somebody else too, and those of case systems.
    let own = draft_of(&town.head.json(SEND, &request("own", "One")).await);
    assert_eq!(town.head.json(APPROVE, &approval("a", &own)).await.reason, "OWN_DRAFT");
    let systems = draft_of(&town.system.json(SEND, &request("case", "Two")).await);
    let sent = town.deputy.json(APPROVE, &approval("a", &systems)).await.json();
    let request_id = sent["sent"]["messages"][0]["request_id"].as_str().unwrap().to_owned();
    let message_id = sent["sent"]["messages"][0]["message_id"].as_str().unwrap().to_owned();
    // Acts that no line names go at once.
    let mut follow = drafts::act(ORIGIN, "progress_query", &request_id, &message_id);
    follow.as_object_mut().unwrap().remove("in_reply_to");
    let body = json!({"idempotency_key": "query", "draft": follow});
    let came = town.system.json(SEND, &body).await;
    assert_eq!(came.json()["messages"].as_array().map(Vec::len), Some(1));
    // To check a call says that it would wait, and writes nothing.
    let made = town.entries("draft_made").await;
    let mut checked = request("check", "Three");
    checked["validate_only"] = json!(true);
    let said = town.clerk.json(SEND, &checked).await.json();
    assert_eq!(said["draft"]["kind"], "SOM.8.2.VESSEL");
    assert_eq!(said["draft"]["draft_id"], Value::Null);
    assert_eq!(town.entries("draft_made").await, made);
    // The drafter takes a draft back, an approver sends one back; once.
    let withdrawn = town.clerk.json(SEND, &request("back", "Four")).await;
    let withdrawn = draft_of(&withdrawn);
    let first = town.clerk.json(WITHDRAW, &naming("w", &withdrawn)).await.json();
    assert!(first["receipt"]["proof"].is_string());
    assert_eq!(town.clerk.json(WITHDRAW, &naming("w", &withdrawn)).await.json(), first);
    assert_eq!(town.clerk.json(WITHDRAW, &naming("v", &withdrawn)).await.reason, "STATE_FORBIDS");
    assert_eq!(town.head.json(APPROVE, &approval("w", &withdrawn)).await.reason, "STATE_FORBIDS");
    let sent_back = draft_of(&town.clerk.json(SEND, &request("sent back", "Five")).await);
    assert_eq!(town.head.grpc(WITHDRAW, &naming("s", &sent_back)).await.reason, "");
    let repeated = town.clerk.json(SEND, &request("sent back", "Five")).await;
    assert_eq!(draft_of(&repeated)["state"], "withdrawn");
    assert_eq!(town.entries("draft_withdrawn").await, 2);
    // Rights are asked for again when it is approved: of the drafter, and of the approver.
    let late = draft_of(&town.clerk.json(SEND, &request("late", "Six")).await);
    let without = policy(REQUESTS)
        .replace("send = [\"officer\", \"service\"]", "send = [\"officer/head\"]")
        .replace("\"officer/deputy\", ", "");
    assert_eq!(read_again(&town.network, ORIGIN, &without).await.read_fault, "");
    assert_eq!(town.deputy.json(APPROVE, &approval("l", &late)).await.reason, "NOT_FOUND");
    assert_eq!(town.head.json(APPROVE, &approval("l", &late)).await.reason, "DESK_NOT_PERMITTED");
    assert_eq!(nothing_more(&town.head.json(LIST, &json!({})).await), 2);

    // Drafts survive a stop, folded again or not, and what they say lies nowhere in clear.
    let before = town.head.json(LIST, &json!({"with_ended": true})).await.json();
    assert_eq!(before["drafts"].as_array().map(Vec::len), Some(5));
    town.network.kill(ORIGIN);
    put(&town.network, ORIGIN, &policy(REQUESTS));
    let config = town.network.place(ORIGIN).config.clone();
    for verb in ["check", "rebuild", "check"] {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_rogatory"))
            .args(["node", verb, "--config"])
            .arg(&config)
            .output()
            .unwrap();
        assert!(done.status.success(), "{verb}: {}", String::from_utf8_lossy(&done.stderr));
    }
    town.network.start(ORIGIN);
    town.network.serves(ORIGIN).await;
    let after = town.head.json(LIST, &json!({"with_ended": true})).await.json();
    assert_eq!(after, before);
    let approved = town.head.json(APPROVE, &approval("m", &late)).await.json();
    assert_eq!(approved["sent"]["messages"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_officer_sees_and_approves_at_the_command_line_and_the_replay_verifies_it() {
    let town = Town::begun().await;
    let draft = draft_of(&town.system.json(SEND, &request("one", "A vessel adrift")).await);
    let id = draft["draft_id"].as_str().unwrap();
    let fingerprint = draft["fingerprint"].as_str().unwrap();
    // The demo's own officer is made a releaser.
    let wider = policy(REQUESTS).replace("officer/clerk-too", "officer/duty-officer");
    assert_eq!(read_again(&town.network, ORIGIN, &wider).await.read_fault, "");
    let context = |role: &str| format!("ita-coast-guard-{role}");
    let run = |role: &str, words: &[&str]| {
        let made = &town.network.made;
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_rogatory"))
            .env("XDG_CONFIG_HOME", &made.folder)
            .args(["--context", &context(role)])
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        (done.status.code(), said, String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said, err) = run("officer", &["request", "approvals"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(said.contains(id) && said.contains("waiting until "), "{said}");
    let (code, said, err) = run("officer", &["request", "approvals", id]);
    assert_eq!(code, Some(0), "{err}");
    assert!(said.contains("A vessel adrift") && said.contains(fingerprint), "{said}");
    let (code, said, err) = run("officer", &["request", "approve", id, fingerprint]);
    assert_eq!(code, Some(0), "{err}");
    assert!(said.contains("is approved: entry "), "{said}");
    let file = town.network.folder().join("request.json");
    std::io::Write::write_all(
        &mut std::fs::File::create(&file).unwrap(),
        drafts::request("Another").to_string().as_bytes(),
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let (code, said, err) = run("officer", &["request", "send", "-f", path, "--yes"]);
    assert_eq!(code, Some(8), "{said}{err}");
    let own = said.split_whitespace().next().unwrap().to_owned();
    assert!(said.contains(": waiting until "), "{said}");
    let (code, _, err) = run("officer", &["request", "approve", &own, fingerprint]);
    assert_eq!(code, Some(4), "{err}");
    let (code, said, err) = run("officer", &["request", "withdraw-draft", &own]);
    assert_eq!(code, Some(0), "{err}");
    assert!(said.contains("is withdrawn, and not sent: entry "), "{said}");
    let (code, said, err) = run("auditor", &["audit", "replay"]);
    assert_eq!(code, Some(0), "{said}{err}");
    for fact in ["draft_made", "draft_shown", "draft_approved", "draft_withdrawn"] {
        assert!(said.contains(fact) || err.contains(fact), "{fact}: {said}{err}");
    }
}

/// Runs the program on the origin, which does not run or is asked by its operator.
fn program(network: &Network, words: &[&str]) -> Value {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_rogatory"));
    program.args(words).args(["-o", "json"]).current_dir(network.folder());
    let done = program.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&done.stdout).unwrap_or_default()
}

fn backed_up(network: &Network, name: &str, words: &[&str]) {
    let place = network.place(ORIGIN);
    let caller = &place.callers[&Role::Operator];
    let [certificate, key] = [&caller.certificate, &caller.key].map(|it| it.display().to_string());
    let address = place.listen.agency.to_string();
    let who = ["--address", &address, "--agency", ORIGIN, "--directory", "directory"];
    let papers = ["--tls-cert", &certificate, "--tls-key", &key];
    program(network, &[&["node", "backup", name], words, &who[..], &papers].concat());
}

/// What waits is in backups, in what is salvaged, and under a new storage key, and is approved after all
/// of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_waits_survives_a_restore_a_salvage_and_a_new_storage_key() {
    let mut network = Network::started_with(&[]).await;
    let made = program(&network, &["keys", "backup", "backup.key"]);
    let public = network.folder().join(made["public"].as_str().unwrap());
    let key = format!("[backup]\nkey = \"{}\"", public.display());
    network.configure(ORIGIN, "[backup]\nkey = \"\"", &key);
    for stage in crate::network::STAGES {
        network.start(stage);
        network.serves(stage).await;
    }
    let mut town = Town::over(network).await;
    let drafted = town.clerk.json(SEND, &request("one", "A vessel adrift")).await;
    let draft = draft_of(&drafted);
    let ended = draft_of(&town.clerk.json(SEND, &request("two", "Another vessel")).await);
    backed_up(&town.network, "full", &[]);
    assert_eq!(town.clerk.json(WITHDRAW, &naming("w", &ended)).await.reason, "");
    backed_up(&town.network, "next", &["--since", "full"]);
    let config = town.network.place(ORIGIN).config.display().to_string();
    let store = town.network.store(ORIGIN);
    assert!(town.network.terminate(ORIGIN).await.success());

    std::fs::remove_dir_all(&store).unwrap();
    let words = ["node", "restore", "--config", &config, "--key", "backup.key", "full", "next"];
    let restored = program(&town.network, &words);
    assert_eq!(restored["drafts_lost"], json!([]));
    program(&town.network, &["keys", "rotate", "storage", "--config", &config]);
    let saved =
        program(&town.network, &["node", "salvage", "--config", &config, "--to", "salvaged"]);
    assert_eq!(saved["lost"], json!([]));
    std::fs::remove_dir_all(&store).unwrap();
    #[expect(clippy::disallowed_methods, reason = "what an operator does with a salvaged store")]
    std::fs::rename(town.network.folder().join("salvaged"), &store).unwrap();
    program(&town.network, &["node", "check", "--config", &config]);
    town.network.start(ORIGIN);
    town.network.serves(ORIGIN).await;
    let shown = town.head.json(GET, &only(&draft)).await.json();
    assert_eq!(shown["content"]["facts"], "A vessel adrift");
    let gone = town.head.json(GET, &only(&ended)).await.json();
    assert_eq!((&gone["draft"]["state"], &gone["content"]), (&json!("withdrawn"), &Value::Null));
    let approved = town.head.json(APPROVE, &approval("a", &draft)).await.json();
    assert_eq!(approved["sent"]["draft"]["state"], "approved");
    assert_eq!(approved["sent"]["messages"].as_array().map(Vec::len), Some(1));
}
