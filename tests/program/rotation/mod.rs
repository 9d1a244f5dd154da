//! The promise: keys are replaced while messages flow. What was sealed before is opened, what was
//! proved before is proved, retired keys prove nothing new, and whenever a rotation is stopped the node
//! works.
//!
//! Real nodes, and the program at work as an operator has it.

mod journal;
mod sealing;
mod storage;
mod witness;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rogatory::config::DirectoryFolder;
use rogatory::directory::Directory;
use rogatory::identity::Role;
use rogatory::wire::pb;
use serde_json::Value;

use crate::network::callers::insistently;
use crate::network::drafts::{self, DESTINATION_DESK};
use crate::network::{DESTINATION, Network, ORIGIN, STAGES, until};
use crate::stores::{Done, listed, program, send, text, with_room};

/// `keys WORDS --config …` for the node of a stage.
fn keys(network: &Network, stage: &str, words: &[&str]) -> Done {
    let config = &network.place(stage).config;
    program(&[&["keys"], words, &["--config", text(config)]].concat())
}

fn done(network: &Network, stage: &str, words: &[&str]) -> Value {
    let done = keys(network, stage, words);
    assert_eq!(done.code, 0, "{words:?}: {}", done.err);
    done.out
}

/// The states of the keys of one purpose, in the order of the list.
fn states(network: &Network, stage: &str, purpose: &str) -> Vec<String> {
    let listed = done(network, stage, &["list"]);
    let all = listed["keys"].as_array().expect("a list").iter();
    let of = all.filter(|it| it["purpose"] == purpose);
    of.map(|it| it["state"].as_str().expect("a state").to_owned()).collect()
}

/// Kills `keys WORDS` at many instants; `holds` is asked after each.
fn killed(network: &Network, stage: &str, words: &[&str], steps: u64, mut holds: impl FnMut()) {
    let config = &network.place(stage).config;
    for step in 0..steps {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
        command.arg("keys").args(words).arg("--config").arg(config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(step * step * 3));
        // It may have ended by itself.
        drop(child.kill());
        child.wait().expect("it has ended");
        holds();
    }
}

/// Changes what is proposed, signs it with the agency's record key and adopts it in the folder of all.
fn adopt(network: &Network, stage: &str, proposed: &Value, change: impl Fn(String) -> String) {
    let proposed = PathBuf::from(proposed["proposed"].as_str().expect("a path"));
    let before = std::fs::read_to_string(&proposed).expect("the text");
    std::fs::remove_file(&proposed).expect("it goes");
    put(&proposed, change(before).as_bytes());
    let key = network.made.folder.join(format!("directory-keys/{stage}.key"));
    let folder = &network.made.directory_path;
    for words in [
        ["directory", "sign", text(&proposed), "--key", text(&key)].as_slice(),
        &["directory", "adopt", text(folder), text(&proposed.with_extension("note"))],
    ] {
        let done = program(words);
        assert_eq!(done.code, 0, "{words:?}: {}", done.err);
    }
}

fn put(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("a write");
}

/// The directory as the folder of all has it.
fn directory(network: &Network) -> Directory {
    let loaded = DirectoryFolder::at(&network.made.directory_path).load(None);
    loaded.expect("the folder holds").held.directory().0
}

/// Lets nodes read again and waits until they follow the directory that the folder has.
async fn followed(network: &Network, stages: &[&str]) {
    let version = directory(network).version();
    for stage in stages {
        network.hang_up(stage);
        until("the newer directory", async || {
            let found = network.metric(stage, "rogatory_directory_version").await;
            (found == Some(version)).then_some(())
        })
        .await;
    }
}

async fn logged(network: &Network, stage: &str, said: &str) {
    until(said, async || network.log(stage).contains(said).then_some(())).await;
}

/// Sends a request; gives its message's id.
async fn sent(network: &Network, name: &str) -> String {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let facts = format!("A vessel was sighted without lights: {name}");
    send(&officer, name, &drafts::request(&facts)).await.message_id
}

/// Waits for messages in the destination's inbox and opens what they say.
async fn opens(network: &Network, messages: &[String]) {
    let service = network.client(DESTINATION, Role::Service).await;
    for message in messages {
        listed(&service, DESTINATION_DESK, message).await;
        let (origin, message_id) = (ORIGIN.to_owned(), message.clone());
        let asked = pb::ReadMessageRequest { origin, message_id };
        let read = insistently(|| service.read_message(asked.clone())).await;
        assert!(read.content.is_some(), "{message} is opened");
    }
}

/// Every journal replays against the directory as it is now; gives how many entries each has.
async fn replays(network: &Network) -> Vec<u64> {
    let directory = directory(network);
    let mut sizes = Vec::new();
    for stage in STAGES {
        let copy = network.journal(stage).await;
        let verdict = copy.replayed(&directory).unwrap_or_else(|fault| panic!("{stage}: {fault}"));
        assert_eq!(verdict.countersigned, verdict.entries, "{stage}");
        sizes.push(verdict.entries);
    }
    sizes
}

#[test]
fn a_sealing_key_is_replaced_while_messages_flow_and_then_destroyed() {
    with_room(sealing::it_is_replaced_and_destroyed);
}

#[test]
fn keys_destroy_does_it_where_no_node_runs_and_only_once_it_is_time() {
    with_room(sealing::the_program_destroys_it);
}

#[test]
fn journal_keys_are_replaced_while_messages_flow_and_nodes_are_killed() {
    with_room(journal::they_are_replaced);
}

#[test]
fn a_witness_key_is_replaced_while_messages_flow_and_old_proofs_hold() {
    with_room(witness::it_is_replaced);
}

#[test]
fn a_store_between_two_storage_keys_is_salvaged_and_restored() {
    with_room(storage::it_is_saved_between_two_keys);
}

#[test]
fn a_store_is_sealed_under_another_key_whenever_it_is_stopped() {
    with_room(storage::it_is_sealed_anew);
}
