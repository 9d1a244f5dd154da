//! Journal keys: announced, in use, retired at a size, with messages flowing and nodes killed.

use rogatory::config::NodeKeys;
use rogatory::evidence::replay::Fault;
use rogatory::evidence::statement::{self, StatementError};
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::{SignedCheckpoint, sign_checkpoint};
use rogatory::merkle::receipt::TlogProof;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;

use crate::network::{HUB, Network, ORIGIN, STAGES, until};
use crate::rotation::{
    adopt, directory, done, followed, keys, killed, opens, put, replays, sent, states,
};
use crate::stores::{program, text};

const CHANGED: &str = "rogatory_journal_keys_changed_at_entries";

/// A statement of the origin's entry at a position, under its checkpoint.
async fn stated(network: &Network, position: u64) -> Statement {
    let auditor = network.client(ORIGIN, Role::Auditor).await;
    let asked = pb::ProveInclusionRequest { index: position, ..Default::default() };
    let answer = auditor.prove_inclusion(asked).await.expect("a proof");
    Statement { entry: answer.entry, proof: answer.proof }
}

/// The same statement, its checkpoint signed by another key.
fn signed_by(statement: &Statement, key: &Ed25519Signer) -> Statement {
    let mut proof = TlogProof::parse(&statement.proof).expect("a proof");
    let checkpoint = SignedCheckpoint::parse(&proof.checkpoint).expect("a checkpoint").checkpoint;
    proof.checkpoint = sign_checkpoint(&checkpoint, key);
    Statement { entry: statement.entry.clone(), proof: proof.to_bytes() }
}

fn verified(network: &Network, statement: &Statement) -> (i32, String) {
    let [entry, proof] = ["it.entry", "it.proof"].map(|it| network.folder().join(it));
    put(&entry, &statement.entry);
    put(&proof, &statement.proof);
    let folder = &network.made.directory_path;
    let words = ["audit", "verify", "--proof", text(&proof), "--entry", text(&entry)];
    let done = program(&[&words[..], &["--directory", text(folder)]].concat());
    (done.code, done.err.to_string())
}

pub async fn they_are_replaced() {
    let mut network = Network::started().await;
    let keys_folder = network.place(ORIGIN).folder.join("keys");
    let seed =
        NodeKeys::load(&keys_folder).expect("keys").journal_ed25519.expect("it is in a file");
    let old = Ed25519Signer::from_seed(&seed);
    let mut messages = vec![sent(&network, "before").await];
    opens(&network, &messages).await;
    let early = stated(&network, 1).await;

    let refused = keys(&network, ORIGIN, &["rotate", "journal", "--retire"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    assert!(refused.err.to_string().contains("announces no keys"), "{}", refused.err);
    let words = ["rotate", "journal", "--after-hours", "0"];
    killed(&network, ORIGIN, &words, 9, || {
        let found = states(&network, ORIGIN, "journal 1 ed25519");
        assert!(found == ["in use"] || found == ["in use", "unpublished"], "{found:?}");
    });
    let announced = done(&network, ORIGIN, &words);
    adopt(&network, ORIGIN, &announced, |text| text);
    assert_eq!(states(&network, ORIGIN, "journal 1 mldsa44"), ["in use", "announced"]);
    let again = keys(&network, ORIGIN, &words);
    assert_eq!(again.code, 6, "{}", again.err);
    assert!(again.err.to_string().contains("are announced already"), "{}", again.err);
    followed(&network, &[HUB, crate::network::DESTINATION]).await;

    // From here on the node signs with them, and dies and comes back meanwhile.
    followed(&network, &[ORIGIN]).await;
    for round in 0..4 {
        messages.push(sent(&network, &format!("while it changes {round}")).await);
        network.kill(ORIGIN);
        network.start(ORIGIN);
        network.serves(ORIGIN).await;
    }
    opens(&network, &messages).await;
    let size = until("the change", async || network.metric(ORIGIN, CHANGED).await).await;
    replays(&network).await;

    let retired = done(&network, ORIGIN, &["rotate", "journal", "--retire"]);
    assert_eq!(retired["when"], format!("it counts up to {size} entries"));
    retired_too_early(&mut network, &retired, size).await;
    followed(&network, &STAGES).await;
    assert_eq!(states(&network, ORIGIN, "journal 1 ed25519"), ["retired", "in use"]);
    assert_eq!(network.metric(ORIGIN, CHANGED).await, None);
    messages.push(sent(&network, "after").await);
    opens(&network, &messages).await;
    let sizes = replays(&network).await;
    assert!(sizes[0] > size);

    only_old_proofs_hold(&network, (&early, &old), sizes[0]).await;

    let gone = done(&network, ORIGIN, &["destroy"]);
    assert_eq!(gone["destroyed"].as_array().map(Vec::len), Some(2), "{gone}");
    for name in ["journal.ed25519", "journal.mldsa44"] {
        assert!(!keys_folder.join(name).exists(), "{name}");
    }
    assert_eq!(states(&network, ORIGIN, "journal 1 ed25519"), ["in use"]);
    assert_eq!(done(&network, ORIGIN, &["destroy"])["destroyed"], serde_json::json!([]));
    // A node that starts now signs with the keys that the record names.
    network.kill(ORIGIN);
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    messages.push(sent(&network, "at the end").await);
    opens(&network, &messages).await;
    replays(&network).await;
}

/// A record that retires the old key below what it has signed is followed neither by a node that runs
/// nor at a start; the next version, with the right size, is.
async fn retired_too_early(network: &mut Network, retired: &serde_json::Value, size: u64) {
    // A size that the old key has passed is not followed: its statements would prove nothing.
    let wrong = format!("retired_at_size = {}", size - 1);
    let right = format!("retired_at_size = {size}");
    adopt(network, ORIGIN, retired, |text| text.replace(&right, &wrong));
    network.hang_up(ORIGIN);
    crate::rotation::logged(network, ORIGIN, "name that size in the next version").await;
    // Nor does a node start with it.
    network.kill(ORIGIN);
    let told = network.log(ORIGIN).matches("name that size in the next version").count();
    network.start(ORIGIN);
    let ended = network.ends(ORIGIN).await;
    assert_eq!(ended.code(), Some(6), "{}", network.log(ORIGIN));
    let again = network.log(ORIGIN).matches("name that size in the next version").count();
    assert!(again > told, "{}", network.log(ORIGIN));
    let folder = network.made.directory_path.clone();
    let done_again = program(&["directory", "propose", text(&folder), "--record", ORIGIN]);
    assert_eq!(done_again.code, 0, "{}", done_again.err);
    adopt(network, ORIGIN, &done_again.out, |text| text.replace(&wrong, &right));
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
}

/// Old proofs hold; new ones by the old key do not, wherever they are shown.
async fn only_old_proofs_hold(
    network: &Network,
    (early, old): (&Statement, &Ed25519Signer),
    size: u64,
) {
    let directory = directory(network);
    assert!(statement::verify(&directory, early).is_ok());
    assert_eq!(verified(network, early).0, 0);
    let late = stated(network, size - 1).await;
    assert!(statement::verify(&directory, &late).is_ok());
    let forged = signed_by(&late, old);
    let refused = statement::verify(&directory, &forged).map(drop);
    assert_eq!(refused, Err(StatementError::RetiredKey));
    let (code, said) = verified(network, &forged);
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("the journal's key was retired before this size"), "{said}");
    let mut copy = network.journal(ORIGIN).await;
    let latest = SignedCheckpoint::parse(&copy.latest).expect("a checkpoint").checkpoint;
    copy.latest = sign_checkpoint(&latest, old);
    let fault = copy.replayed(&directory).expect_err("it is by a retired key");
    let problem = "the journal's key was retired before this size".to_owned();
    assert_eq!(fault, Fault::Checkpoint { size: latest.size, problem });
}
