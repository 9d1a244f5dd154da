//! An auditor replays what the node serves, and an operator sees what it owes.

use rogatory::evidence::replay::Replay;
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;

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
