//! Witness keys: announced, in use, retired at a time, with messages flowing and the witness killed.

use rogatory::clock::{Clock as _, SystemClock, Timestamp};
use rogatory::config::NodeKeys;
use rogatory::directory::Directory;
use rogatory::directory::witness_keys::{WitnessFault, witness_name};
use rogatory::domain::fact::Fact;
use rogatory::evidence::replay::Fault;
use rogatory::evidence::statement::{self, StatementError};
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::merkle::cosignature;
use rogatory::merkle::note::{SignedNote, TYPE_COSIGNATURE_ED25519, key_id};
use rogatory::merkle::receipt::TlogProof;
use rogatory::merkle::signature::Ed25519Signer;
use rogatory::wire;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;

use crate::network::callers::insistently;
use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, agency, until};
use crate::rotation::{
    adopt, directory, done, followed, keys, killed, opens, put, replays, sent, states,
};
use crate::stores::{program, text};

const CHANGED: &str = "rogatory_witness_key_changed_at_seconds";
const HOUR_MS: i64 = 3_600_000;

/// What the origin states of a message, under the checkpoint that the hub cosigned, as the destination
/// keeps it.
async fn cosigned(network: &Network, message: &str) -> Statement {
    let service = network.client(DESTINATION, Role::Service).await;
    let (origin, message_id) = (ORIGIN.to_owned(), message.to_owned());
    let asked = pb::ReadMessageRequest { origin, message_id };
    let read = insistently(|| service.read_message(asked.clone())).await;
    let origin = read.origin.expect("the origin's statement came with it");
    Statement { entry: origin.entry, proof: origin.proof }
}

/// How a node judges the statement that the hub hands over with its message.
fn judged(directory: &Directory, statement: &Statement) -> Result<(), StatementError> {
    let entry = wire::entry::read(&statement.entry).expect("an entry");
    let Fact::Submitted { header } = entry.fact else {
        panic!("it states something else: {}", entry.fact.name());
    };
    let (own, from) = (agency(DESTINATION), agency(HUB));
    statement::check_origin(directory, &own, &from, &header.bytes, statement)
}

fn checkpoint(statement: &Statement) -> SignedCheckpoint {
    let proof = TlogProof::parse(&statement.proof).expect("a proof");
    SignedCheckpoint::parse(&proof.checkpoint).expect("a checkpoint")
}

/// Whether a key of the hub cosigned what is stated.
fn is_by(statement: &Statement, key: &Ed25519Signer) -> bool {
    let name = witness_name(&agency(HUB));
    let id = key_id(&name, TYPE_COSIGNATURE_ED25519, &key.public());
    checkpoint(statement).note.lines_by(&name, id).next().is_some()
}

/// The note, cosigned in the hub's name by one key at a time, and by nobody else.
fn cosigned_by(note: &[u8], key: &Ed25519Signer, at: Timestamp) -> Vec<u8> {
    let signed = SignedCheckpoint::parse(note).expect("a checkpoint");
    let name = witness_name(&agency(HUB));
    let line = cosignature::cosign_ed25519(&signed.checkpoint, &name, key, at);
    let mut note = SignedNote::parse(note).expect("a note");
    note.signatures.retain(|it| it.name != name);
    cosignature::with_lines(&note.to_bytes(), &[line]).expect("a note")
}

/// The same statement, cosigned by another key.
fn forged(statement: &Statement, key: &Ed25519Signer, at: Timestamp) -> Statement {
    let mut proof = TlogProof::parse(&statement.proof).expect("a proof");
    proof.checkpoint = cosigned_by(&proof.checkpoint, key, at);
    Statement { entry: statement.entry.clone(), proof: proof.to_bytes() }
}

/// Who cosigned it, as an auditor's program says who has the directory and nothing else.
fn witnesses(network: &Network, statement: &Statement) -> serde_json::Value {
    let [entry, proof] = ["it.entry", "it.proof"].map(|it| network.folder().join(it));
    put(&entry, &statement.entry);
    put(&proof, &statement.proof);
    let folder = &network.made.directory_path;
    let words = ["audit", "verify", "--proof", text(&proof), "--entry", text(&entry)];
    let done = program(&[&words[..], &["--directory", text(folder)]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    done.out["witnesses"].clone()
}

fn holds(network: &Network, statement: &Statement) {
    assert_eq!(judged(&directory(network), statement), Ok(()));
    assert_eq!(witnesses(network, statement), serde_json::json!([HUB]));
}

fn seed_of(network: &Network, number: u32) -> Ed25519Signer {
    let keys = NodeKeys::load(&network.place(HUB).folder.join("keys")).expect("keys");
    Ed25519Signer::from_seed(&keys.witness[&number])
}

pub async fn it_is_replaced() {
    let mut network = Network::started().await;
    let old = seed_of(&network, 1);
    let mut messages = vec![sent(&network, "before").await];
    opens(&network, &messages).await;
    let early = cosigned(&network, &messages[0]).await;
    assert!(is_by(&early, &old));
    holds(&network, &early);

    let refused = keys(&network, HUB, &["rotate", "witness", "--retire"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    assert!(refused.err.to_string().contains("announces no witness key"), "{}", refused.err);
    let words = ["rotate", "witness", "--after-hours", "0"];
    killed(&network, HUB, &words, 7, || {
        let found = states(&network, HUB, "witness");
        assert!(found == ["in use"] || found == ["in use", "unpublished"], "{found:?}");
    });
    let announced = done(&network, HUB, &words);
    assert_eq!(done(&network, HUB, &words)["key_id"], announced["key_id"], "it is shown again");
    adopt(&network, HUB, &announced, |text| text);
    assert_eq!(states(&network, HUB, "witness"), ["in use", "announced"]);
    let again = keys(&network, HUB, &words);
    assert_eq!(again.code, 6, "{}", again.err);
    assert!(again.err.to_string().contains("a key is announced already"), "{}", again.err);
    let sooner = keys(&network, HUB, &["rotate", "witness", "--retire"]);
    assert_eq!(sooner.code, 6, "{}", sooner.err);
    assert!(sooner.err.to_string().contains("does not cosign yet"), "{}", sooner.err);
    followed(&network, &[ORIGIN, DESTINATION, HUB]).await;

    // From here on the hub cosigns with it, and dies and comes back meanwhile.
    let next = seed_of(&network, 2);
    for round in 0..3 {
        messages.push(sent(&network, &format!("while it changes {round}")).await);
        network.kill(HUB);
        network.start(HUB);
        network.serves(HUB).await;
    }
    opens(&network, &messages).await;
    until("the change", async || network.metric(HUB, CHANGED).await).await;
    let late = cosigned(&network, messages.last().expect("some")).await;
    assert!(is_by(&late, &next) && !is_by(&late, &old));
    holds(&network, &late);
    replays(&network).await;

    let retired = done(&network, HUB, &["rotate", "witness", "--retire"]);
    adopt(&network, HUB, &retired, |text| text);
    followed(&network, &STAGES).await;
    assert_eq!(states(&network, HUB, "witness"), ["retired", "in use"]);
    assert_eq!(network.metric(HUB, CHANGED).await, None);
    messages.push(sent(&network, "after").await);
    opens(&network, &messages).await;
    holds(&network, &early);
    holds(&network, &late);
    only_old_cosignatures_count(&network, &late, &old).await;

    let gone = done(&network, HUB, &["destroy"]);
    assert_eq!(gone["destroyed"].as_array().map(Vec::len), Some(1), "{gone}");
    assert!(!network.place(HUB).folder.join("keys/witness.ed25519").exists());
    assert_eq!(states(&network, HUB, "witness"), ["in use"]);
    // A node that starts now cosigns with the key that the record names.
    network.kill(HUB);
    network.start(HUB);
    network.serves(HUB).await;
    messages.push(sent(&network, "at the end").await);
    opens(&network, &messages).await;
    let last = cosigned(&network, messages.last().expect("some")).await;
    assert!(is_by(&last, &next));
    for statement in [&early, &late, &last] {
        holds(&network, statement);
    }
    replays(&network).await;
}

/// What the retired key cosigns at a later time counts nowhere.
async fn only_old_cosignatures_count(network: &Network, late: &Statement, old: &Ed25519Signer) {
    let directory = directory(network);
    let later = SystemClock.now().plus_millis(HOUR_MS);
    let forged = forged(late, old, later);
    let refused = judged(&directory, &forged);
    assert_eq!(refused, Err(StatementError::WitnessKey(WitnessFault::Retired)));
    assert_eq!(witnesses(network, &forged), serde_json::json!([]), "the entry stands all the same");
    let mut copy = network.journal(ORIGIN).await;
    let size = SignedCheckpoint::parse(&copy.latest).expect("a checkpoint").checkpoint.size;
    let early = SystemClock.now().plus_millis(-HOUR_MS);
    copy.latest = cosigned_by(&copy.latest, old, early);
    assert!(copy.replayed(&directory).is_ok(), "a time at which it counted");
    copy.latest = cosigned_by(&copy.latest, old, later);
    let fault = copy.replayed(&directory).expect_err("it is by a retired key");
    let problem = format!(
        "signature of {}: the witness key was retired before this time",
        witness_name(&agency(HUB))
    );
    assert_eq!(fault, Fault::Checkpoint { size, problem });
}
