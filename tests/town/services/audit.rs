//! An auditor replays what the node serves, and an operator sees what it owes.

use rogatory::domain::auditing::AuditFact;
use rogatory::domain::fact::Fact;
use rogatory::evidence::replay::Replay;
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::node::turn::open_entry;
use rogatory::wire;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;

use crate::services::conduct::until;
use crate::services::town::{Town, draft, reason, sending};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_replays_the_journal_and_it_holds() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let system = town.client(2, Role::Service).await;
    officer.send_message(sending("k1", draft("x"))).await.unwrap();
    let wait = pb::ListMessagesRequest { wait_seconds: 10, ..Default::default() };
    assert_eq!(system.list_messages(wait).await.unwrap().items.len(), 1);

    let auditor = town.client(0, Role::Auditor).await;
    let shown = auditor.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap();
    let size = |note: &[u8]| SignedCheckpoint::parse(note).unwrap().checkpoint.size;
    let (end, countersigned) = (size(&shown.checkpoint), size(&shown.countersigned_checkpoint));
    let name = town.writers[0].setting().journal_name.clone();
    let mut replay = Replay::new(&town.directory, name, &[end, countersigned]);
    let asked = pb::ReplayEntriesRequest { start: 0, end };
    let mut entries = auditor.replay_entries(asked).await.unwrap();
    let mut principals = 0;
    while let Some(entry) = entries.next().await.unwrap() {
        replay.entry(entry.index, &entry.entry).unwrap();
        principals += usize::from(entry.skeleton_json.contains("spiffe://int.n0/officer/one"));
        if entry.skeleton_json.contains("\"act\":\"request\"") {
            assert!(entry.skeleton_json.contains("\"next_hop\":\"int.n1\""));
        }
    }
    assert_eq!(principals, 1);
    let kept = auditor.list_statements(pb::ListStatementsRequest::default()).await.unwrap();
    for statement in kept.statements.into_iter().filter(|it| it.index < end) {
        let (entry, proof) = (statement.entry, statement.proof);
        replay.statement(statement.index, &Statement { entry, proof }).unwrap();
    }
    let verdict = replay.finish(&shown.checkpoint, &shown.countersigned_checkpoint).unwrap();
    assert_eq!((verdict.entries, verdict.countersigned), (end, countersigned));
    assert_eq!(verdict.facts.get("submitted"), Some(&1));
    assert_eq!(
        reason(officer.get_checkpoint(pb::GetCheckpointRequest {}).await),
        "ROLE_NOT_PERMITTED"
    );
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proofs_are_given_for_sizes_that_exist() {
    let town = Town::built().await;
    let auditor = town.client(1, Role::Auditor).await;
    let setting = town.writers[1].setting();
    let size = setting.journal.next();
    let asked = |index, size| pb::ProveInclusionRequest { index, size };
    let proof = auditor.prove_inclusion(asked(0, size)).await.unwrap();
    let directory = setting.directory();
    let keys = directory.journal(&setting.journal_name).unwrap();
    let parsed = rogatory::merkle::receipt::TlogProof::parse(&proof.proof).unwrap();
    let name = setting.journal_name.to_string();
    assert!(parsed.verify(&proof.entry, &name, &keys.ed25519).is_ok());
    assert_eq!(reason(auditor.prove_inclusion(asked(0, 1 << 40)).await), "SIZE_UNKNOWN");
    assert_eq!(reason(auditor.prove_inclusion(asked(u64::MAX, size)).await), "SIZE_UNKNOWN");
    let grown = |old_size, new_size| pb::ProveConsistencyRequest { old_size, new_size };
    let same = auditor.prove_consistency(grown(size, size)).await.unwrap();
    assert_eq!((same.hashes.len(), same.new_size), (0, size));
    assert_eq!(reason(auditor.prove_consistency(grown(5, 4)).await), "SIZE_UNKNOWN");
    assert_eq!(reason(auditor.prove_consistency(grown(1, 1 << 40)).await), "SIZE_UNKNOWN");
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_peers_and_queues_and_no_content() {
    let town = Town::built().await;
    let operator = town.client(1, Role::Operator).await;
    for _ in 0..1_200 {
        let peers = operator.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
        let names: Vec<_> = peers.iter().map(|it| it.agency.as_str()).collect();
        assert_eq!(names, ["int.n0", "int.n2"]);
        if peers.iter().all(|it| it.connected && it.witnessed_size > 0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let peers = operator.list_peers(pb::ListPeersRequest {}).await.unwrap().peers;
    assert!(peers.iter().all(|it| it.connected && !it.conflict), "{peers:?}");
    let queue = operator.list_queue(pb::ListQueueRequest::default()).await.unwrap();
    assert_eq!((queue.items.len(), queue.next_page_token.as_str()), (0, ""));
    let curious = operator.list_messages(pb::ListMessagesRequest::default()).await;
    assert_eq!(reason(curious), "ROLE_NOT_PERMITTED");
    town.stopped().await;
}

/// The readings of the journal of agency 0 that are on record, in their order, and where the last one stands.
fn readings(town: &Town) -> (Vec<(u64, u64)>, u64) {
    let journal = &town.writers[0].setting().journal;
    let (mut found, mut at) = (Vec::new(), 0);
    for (position, bytes) in (0..).zip(journal.read(0, 1_000).unwrap()) {
        if let Fact::Audit(AuditFact::JournalRead { from, to }) =
            wire::entry::read(&bytes).unwrap().fact
        {
            found.push((from, to));
            at = position;
        }
    }
    (found, at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shows_an_auditor_a_record_is_an_entry_and_what_shows_none_is_not() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    officer.send_message(sending("k1", draft("x"))).await.unwrap();
    // Its neighbours' receipts come: how many is not known, so they are looked at without the auditor.
    let setting = town.writers[0].setting();
    let recorded = || {
        let read = setting.journal.read(0, 1_000).unwrap();
        let is_it = |it: &Vec<u8>| {
            matches!(wire::entry::read(it).unwrap().fact, Fact::StatementRecorded { .. })
        };
        read.iter().rposition(is_it).map(|it| it as u64)
    };
    until("a receipt", async || recorded()).await;

    let auditor = town.client(0, Role::Auditor).await;
    auditor.get_checkpoint(pb::GetCheckpointRequest {}).await.unwrap();
    let grown = pb::ProveConsistencyRequest { old_size: 1, new_size: 0 };
    auditor.prove_consistency(grown).await.unwrap();
    let proving = |index, size| pb::ProveInclusionRequest { index, size };
    assert_eq!(reason(auditor.prove_inclusion(proving(0, 1 << 40)).await), "SIZE_UNKNOWN");
    let beyond = pb::ListStatementsRequest { start: 1 << 40, page_size: 0 };
    assert!(auditor.list_statements(beyond).await.unwrap().statements.is_empty());
    assert_eq!(readings(&town).0, [], "none of it shows a record");

    auditor.prove_inclusion(proving(0, 0)).await.unwrap();
    let (found, at) = readings(&town);
    assert_eq!(found, [(0, 1)]);
    let entry = setting.journal.read(at, 1).unwrap().remove(0);
    let opened = open_entry(setting, at, &entry).unwrap();
    let auditor_id = "spiffe://int.n0/auditor/one";
    assert_eq!(opened.skeleton.principal.as_deref(), Some(auditor_id));
    let page = auditor.list_statements(pb::ListStatementsRequest::default()).await.unwrap();
    let last = page.statements.last().expect("it is kept").index;
    assert_eq!(readings(&town).0, [(0, 1), (0, last + 1)]);
    // Who looks at a reading alone adds none, or it would never end.
    until("a checkpoint over it", async || auditor.prove_inclusion(proving(at, 0)).await.ok())
        .await;
    assert_eq!(readings(&town).0.len(), 2);
    town.stopped().await;
}
