//! Attachments that are under way while their nodes are lost: what a transit holds of them, and what had
//! come to a destination, is in a backup; what had come in part comes again.

use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use serde_json::Value;

use crate::attachments::{append, beginning, done, fault_of, file, node_of, program, request};
use crate::network::callers::insistently;
use crate::network::shim::Shim;
use crate::network::{DESTINATION, HUB, Network, ORIGIN, STAGES, until};

/// A network whose nodes have a backup key and do not run.
pub async fn with_backup_key() -> Network {
    let network = Network::started_with(&[]).await;
    let made = done(&program(&network, &["keys", "backup", "backup.key"]));
    let public = network.folder().join(made["public"].as_str().unwrap());
    let key = format!("[backup]\nkey = \"{}\"", public.display());
    for stage in STAGES {
        network.configure(stage, "[backup]\nkey = \"\"", &key);
    }
    network
}

/// Takes a backup of a node, which runs, into `name` in the network's folder.
pub fn back_up(network: &Network, stage: &str, name: &str, words: &[&str]) {
    let place = network.place(stage);
    let caller = &place.callers[&Role::Operator];
    let [certificate, key] = [&caller.certificate, &caller.key].map(|it| it.display().to_string());
    let address = place.listen.agency.to_string();
    let who = ["--address", &address, "--agency", stage, "--directory", "directory"];
    let papers = ["--tls-cert", &certificate, "--tls-key", &key];
    done(&program(network, &[&["node", "backup", name], words, &who[..], &papers].concat()));
}

/// The store of a node is gone and comes back from backups; a check finds no fault of it.
fn restored(network: &Network, stage: &str, backups: &[&str]) {
    std::fs::remove_dir_all(network.store(stage)).unwrap();
    let words = [&["restore", "--key", "backup.key"], backups].concat();
    done(&node_of(network, stage, &words));
    assert_eq!(fault_of(network, stage), None);
}

/// Names and lengths of the files of attachments, those that grow too.
fn lengths(network: &Network, stage: &str) -> Vec<(String, u64)> {
    let folder = network.store(stage).join("attachments");
    let all = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap());
    let mut all: Vec<_> = all
        .map(|it| (it.file_name().to_string_lossy().into_owned(), it.metadata().unwrap().len()))
        .collect();
    all.sort();
    all
}

/// Waits until a journal has not grown for a while.
async fn at_rest(network: &Network, stage: &str) {
    let (mut last, mut quiet) = (String::new(), 0);
    until("a journal at rest", async || {
        let metrics = network.operations(stage, "/metrics").await;
        let size = metrics.lines().find(|it| it.starts_with("rogatory_journal_entries "))?;
        quiet = if size == last { quiet + 1 } else { 0 };
        size.clone_into(&mut last);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        (quiet >= 8).then_some(())
    })
    .await;
}

async fn hand_in(client: &Client, file: &[u8]) {
    let mut offset = client.begin_attachment(beginning(file)).await.unwrap().next_offset;
    while offset < file.len() as u64 {
        offset = append(client, file, offset).await.next_offset;
    }
}

/// Reads the attachment of a message at its destination, once it may be read.
async fn read(network: &Network, message: &str) -> Vec<u8> {
    let officer = network.client(DESTINATION, Role::Officer).await;
    let asked = pb::ReadAttachmentRequest {
        origin: ORIGIN.to_owned(),
        message_id: message.to_owned(),
        attachment_id: "A1".to_owned(),
        offset: 0,
    };
    let mut pieces = insistently(|| officer.read_attachment(asked.clone())).await;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await.unwrap() {
        bytes.extend(piece.bytes);
    }
    bytes
}

async fn arrived(network: &Network, request: &str) -> Option<()> {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let asked = pb::GetRequestStateRequest { request_id: request.to_owned() };
    let state = officer.get_request_state(asked).await.ok()?;
    let mut all = state.messages.iter().flat_map(|it| &it.attachments);
    all.any(|it| it.state == "arrived").then_some(())
}

/// The report of a salvage of the store of a node, which does not run.
fn salvaged(network: &Network, stage: &str) -> Value {
    let to = format!("salvaged-{stage}");
    done(&node_of(network, stage, &["salvage", "--to", &to]))
}

/// Puts what was salvaged in the place of the store.
fn put_in_place(network: &Network, stage: &str) {
    let store = network.store(stage);
    std::fs::remove_dir_all(&store).unwrap();
    let from = network.folder().join(format!("salvaged-{stage}"));
    #[expect(clippy::disallowed_methods, reason = "what an operator does with a salvaged store")]
    std::fs::rename(from, store).unwrap();
    assert_eq!(fault_of(network, stage), None);
}

pub async fn they_are_in_backups() {
    let Some(shim) = Shim::built("a node that stands still while an attachment comes") else {
        return;
    };
    let mut network = with_backup_key().await;
    for stage in [ORIGIN, HUB] {
        network.start(stage);
    }
    // The destination stands still when a part of the attachment is durable, and is killed there.
    network.preloaded = Some(shim.library());
    let parts = network.store(DESTINATION).join("attachments/*.part");
    shim.plan(&format!("before sync 2 {}", parts.display()));
    network.start(DESTINATION);
    for stage in STAGES {
        network.serves(stage).await;
    }
    let file = file();
    let client = network.client(ORIGIN, Role::Officer).await;
    hand_in(&client, &file).await;
    let sent = client.send_message(request(&file)).await.unwrap().messages.remove(0);
    until("a part of it to be durable", async || shim.has_fired().then_some(())).await;
    network.kill(DESTINATION);
    let [(_, held)] = <[_; 1]>::try_from(lengths(&network, HUB)).unwrap();
    assert!(lengths(&network, DESTINATION).iter().any(|(name, _)| name.ends_with(".part")));

    // Each is alone when its backup is taken, so that nothing more comes or goes on.
    shim.clear();
    network.preloaded = None;
    at_rest(&network, HUB).await;
    back_up(&network, HUB, &format!("full-{HUB}"), &[]);
    assert!(network.terminate(HUB).await.success());
    network.start(DESTINATION);
    network.serves(DESTINATION).await;
    at_rest(&network, DESTINATION).await;
    back_up(&network, DESTINATION, &format!("full-{DESTINATION}"), &[]);
    assert!(network.terminate(DESTINATION).await.success());
    let whole = lengths(&network, HUB);
    assert_eq!(salvaged(&network, HUB)["lost"], serde_json::json!([]));
    put_in_place(&network, HUB);
    assert_eq!(lengths(&network, HUB), whole, "a salvage has what a transit holds");
    for stage in [DESTINATION, HUB] {
        restored(&network, stage, &[&format!("full-{stage}")]);
    }
    assert_eq!(lengths(&network, HUB), whole, "a backup has what a transit holds");
    assert_eq!(lengths(&network, DESTINATION), [], "what had come in part comes again");
    for stage in [HUB, DESTINATION] {
        network.start(stage);
    }
    until("the attachment to arrive", async || arrived(&network, &sent.request_id).await).await;
    assert!(read(&network, &sent.message_id).await == file, "it is the file that was sent");
    assert!(held > file.len() as u64, "it travels sealed");

    // What arrived after a full backup is in the increment.
    at_rest(&network, DESTINATION).await;
    let full = format!("full-{DESTINATION}");
    back_up(&network, DESTINATION, "next", &["--since", &full]);
    assert!(network.terminate(DESTINATION).await.success());
    assert_eq!(salvaged(&network, DESTINATION)["lost"], serde_json::json!([]));
    put_in_place(&network, DESTINATION);
    restored(&network, DESTINATION, &[&full, "next"]);
    network.start(DESTINATION);
    network.serves(DESTINATION).await;
    assert!(read(&network, &sent.message_id).await == file, "it is the file that came");
}
