//! An auditor sees entries, skeletons and sealed bytes of its own agency, content by grant alone, and each
//! reading is an entry. That it changes nothing is asked of every method in `tests/program/roles.rs`.

use rogatory::clock::{Clock as _, SystemClock};
use rogatory::domain::auditing::AuditFact;
use rogatory::domain::digest::Digest;
use rogatory::domain::fact::Fact;
use rogatory::identity::Role;
use rogatory::wire;
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::desks::posts::{Post, restarted_with};
use crate::network::drafts::{self, ORIGIN_DESK, sending};
use crate::network::{Network, ORIGIN};

const DAY_MS: i64 = 86_400_000;

/// Entries with their skeletons as an auditor is shown them from `start` on.
async fn replayed(network: &Network, start: u64) -> Vec<(Fact, Value)> {
    let auditor = network.client(ORIGIN, Role::Auditor).await;
    let asked = pb::ReplayEntriesRequest { start, end: 0 };
    let mut stream = auditor.replay_entries(asked).await.unwrap();
    let mut found = Vec::new();
    while let Some(entry) = stream.next().await.unwrap() {
        let fact = wire::entry::read(&entry.entry).unwrap().fact;
        let skeleton = serde_json::from_str(&entry.skeleton_json).unwrap_or_default();
        found.push((fact, skeleton));
    }
    found
}

fn readings(entries: &[(Fact, Value)]) -> usize {
    let is_reading = |it: &Fact| matches!(it, Fact::Audit(AuditFact::JournalRead { .. }));
    entries.iter().filter(|(fact, _)| is_reading(fact)).count()
}

const GIVE: &str = "AuditService/GrantContent";
const TAKE: &str = "AuditService/RevokeContent";
const READ: &str = "AuditService/ReadGranted";
const LIST: &str = "AuditService/ListContentGrants";

/// A node with a policy, a message that it sent, and those who have to do with it.
struct Scene {
    network: Network,
    sent: pb::SentMessage,
    auditor: Post,
    other: Post,
    records: Post,
    blind: Post,
    duty: Post,
}

impl Scene {
    async fn set() -> Self {
        let mut network = Network::started_with(&[ORIGIN]).await;
        let policy = format!(
            "format = 1\n[[desk]]\nid = \"{ORIGIN_DESK}\"\nread = [\"officer/duty-officer\", \
             \"officer/records\"]\nsend = [\"officer\"]\n[keeping]\n\
             audit = [\"officer/records\"]\n"
        );
        restarted_with(&mut network, ORIGIN, &policy).await;
        let officer = network.client(ORIGIN, Role::Officer).await;
        let sent = officer.send_message(sending("k", &drafts::request("Adrift"))).await;
        let sent = sent.unwrap().messages.remove(0);
        let of = |role, name| Post::of(&network, ORIGIN, role, name);
        let (auditor, other) = (of(Role::Auditor, "audit-office"), of(Role::Auditor, "other"));
        let (records, blind) = (of(Role::Officer, "records"), of(Role::Officer, "blind"));
        let duty = of(Role::Officer, "duty-officer");
        Self { network, sent, auditor, other, records, blind, duty }
    }

    fn message(&self) -> Value {
        json!({"origin": ORIGIN, "message_id": self.sent.message_id})
    }

    fn grant(&self, key: &str, days: i64) -> Value {
        let until = SystemClock.now().plus_millis(days * DAY_MS).to_string();
        json!({"idempotency_key": key, "grant": {
            "auditor": self.auditor.id, "request_id": self.sent.request_id, "reason": "complaint",
            "until": until,
        }})
    }

    /// Who may not grant, does not; nor beyond the bounds, nor to anybody but an auditor.
    async fn refuses_what_is_no_grant(&self) {
        let Self { auditor, other, records, blind, duty, .. } = self;
        assert_eq!(blind.json(GIVE, &self.grant("a", 1)).await.reason, "NOT_FOUND");
        assert_eq!(duty.json(GIVE, &self.grant("a", 1)).await.reason, "DESK_NOT_PERMITTED");
        for days in [-1, 91] {
            let came = records.grpc(GIVE, &self.grant("a", days)).await;
            assert_eq!(came.reason, "LIMIT_EXCEEDED");
        }
        let mut wrong = self.grant("a", 1);
        wrong["grant"]["auditor"] = json!(duty.id);
        assert_eq!(records.json(GIVE, &wrong).await.reason, "ROLE_NOT_PERMITTED");
        wrong["grant"]["auditor"] = json!(auditor.id);
        wrong["grant"]["reason"] = json!("because");
        assert_eq!(records.json(GIVE, &wrong).await.reason, "CONTENT_INVALID");
        for role in [auditor, other] {
            let came = role.json(GIVE, &self.grant("a", 1)).await;
            assert_eq!(came.reason, "ROLE_NOT_PERMITTED");
        }
    }

    /// They need no grant; they are those that the header's hashes speak of.
    async fn shows_sealed_bytes(&self) {
        let auditor = self.network.client(ORIGIN, Role::Auditor).await;
        let (origin, message_id) = (ORIGIN.to_owned(), self.sent.message_id.clone());
        let sealed = auditor.read_sealed(pb::ReadSealedRequest { origin, message_id }).await;
        let sealed = sealed.unwrap();
        let header = wire::header::read_header(&sealed.header).unwrap();
        assert_eq!(Digest::of(&sealed.sealed_content), header.digests.content);
        assert_eq!(Digest::of(&sealed.sealed_particulars), header.digests.particulars);
        assert_eq!(Digest::of(&sealed.wraps), header.digests.wraps);
        assert!(!sealed.sealed_content.windows(6).any(|it| it == b"Adrift"));
    }

    /// All of it stands in the journal: who, what of, why, until when.
    async fn is_on_record(&self) {
        let entries = replayed(&self.network, 0).await;
        let of = |name: &str| -> Vec<&Value> {
            entries.iter().filter(|(fact, _)| fact.name() == name).map(|(_, it)| it).collect()
        };
        let granted = of("audit_granted");
        assert_eq!(granted.len(), 1);
        assert_eq!(granted[0]["auditor"], json!(self.auditor.id));
        assert_eq!(granted[0]["principal"], json!(self.records.id));
        assert_eq!(granted[0]["reason"], "complaint");
        assert_eq!(granted[0]["request"], json!(self.sent.request_id));
        assert_eq!(of("audit_revoked").len(), 1);
        assert_eq!(of("audit_content_read").len(), 1);
        assert_eq!(of("audit_content_read")[0]["principal"], json!(self.auditor.id));
        assert_eq!(of("audit_sealed_read").len(), 1);
        assert_eq!(of("read").len(), 0, "no auditor's reading is the station retrieved");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_is_shown_by_a_grant_alone_and_each_reading_is_an_entry() {
    let scene = Scene::set().await;
    let Scene { auditor, other, records, blind, .. } = &scene;
    let message = scene.message();
    assert_eq!(auditor.json(READ, &message).await.reason, "NOT_FOUND");
    scene.refuses_what_is_no_grant().await;

    let given = records.json(GIVE, &scene.grant("g", 1)).await.json();
    let reused = records.grpc(GIVE, &scene.grant("g", 2)).await;
    assert_eq!(reused.reason, "IDEMPOTENCY_KEY_REUSED");
    let shown = auditor.json(READ, &message).await.json();
    assert_eq!(shown["content"]["facts"], "Adrift");
    assert!(given["receipt"]["proof"].is_string() && shown["receipt"]["proof"].is_string());
    assert_eq!(other.grpc(READ, &message).await.reason, "NOT_FOUND");
    // No other verb shows an auditor content, granted or not.
    for call in ["InboxService/ReadMessage", "ExchangeService/GetMessage"] {
        assert_eq!(auditor.json(call, &message).await.reason, "ROLE_NOT_PERMITTED", "{call}");
    }
    let listed = records.json(LIST, &json!({})).await.json();
    assert_eq!(listed["grants"][0]["granted_by"], json!(records.id));
    let hidden = blind.json(LIST, &json!({})).await.json();
    assert!(hidden["grants"].is_null(), "{hidden}");
    let grant = json!({"auditor": auditor.id, "request_id": scene.sent.request_id});
    let taking = json!({"idempotency_key": "t", "grant": grant});
    records.json(TAKE, &taking).await.json();
    records.json(TAKE, &taking).await.json();
    assert_eq!(auditor.json(READ, &message).await.reason, "NOT_FOUND");
    let again = json!({"idempotency_key": "u", "grant": grant});
    assert_eq!(records.json(TAKE, &again).await.reason, "STATE_FORBIDS");
    scene.shows_sealed_bytes().await;
    scene.is_on_record().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_the_journal_is_one_entry_a_replay_and_following_it_adds_none() {
    let network = Network::started_with(&[ORIGIN]).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    officer.send_message(sending("k", &drafts::request("Adrift"))).await.unwrap();
    let entries = network.entries(ORIGIN).await;
    let first = replayed(&network, 0).await;
    assert_eq!(readings(&first), 0);
    let second = replayed(&network, 0).await;
    assert_eq!(readings(&second), 1);
    let (fact, skeleton) =
        second.iter().find(|(fact, _)| readings(&[(fact.clone(), Value::Null)]) == 1).unwrap();
    let to = u64::try_from(first.len()).unwrap();
    assert_eq!(*fact, Fact::Audit(AuditFact::JournalRead { from: 0, to }));
    let name = skeleton["principal"].as_str().unwrap();
    assert!(name.contains("/auditor/"), "{name}");
    // Whoever follows sees the readings of others, and adds nothing by looking at nothing else.
    let at = network.entries(ORIGIN).await;
    assert_eq!(at, entries + 2);
    for _ in 0..5 {
        assert_eq!(readings(&replayed(&network, at - 1).await), 1);
        assert_eq!(replayed(&network, at).await.len(), 0);
    }
    assert_eq!(network.entries(ORIGIN).await, at);
}
