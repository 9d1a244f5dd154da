//! The promise: what is handed in at a real node goes on at the last durable byte after a kill, rests
//! where a check finds every fault of it, and leaves nothing behind that belongs to nobody.

mod restored;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rogatory::domain::digest::{Digest, Hashing};
use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::json::read_file;
use rogatory::wire::pb;
use serde_json::Value;

use crate::network::callers::insistently;
use crate::network::{Network, ORIGIN, drafts};

const PIECE: usize = 1024 * 1024;

fn file() -> Vec<u8> {
    (0..9 * PIECE + 5).map(|at| u8::try_from((at / 7 + at) % 251).unwrap()).collect()
}

fn beginning(file: &[u8]) -> pb::BeginAttachmentRequest {
    let sha256 = Digest::of(file).to_string();
    pb::BeginAttachmentRequest { size_bytes: file.len() as u64, sha256 }
}

async fn append(client: &Client, file: &[u8], offset: u64) -> pb::AppendAttachmentResponse {
    let at = usize::try_from(offset).unwrap();
    let pb::BeginAttachmentRequest { size_bytes, sha256 } = beginning(file);
    let bytes = file[at..file.len().min(at + PIECE)].to_vec();
    let asked = pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes };
    client.append_attachment(asked).await.unwrap()
}

fn request(file: &[u8]) -> pb::SendMessageRequest {
    let message = drafts::request("A vessel was sighted");
    let mut draft = read_file(message.to_string().as_bytes()).unwrap();
    draft.attachments = vec![pb::Attachment {
        id: Some("A1".to_owned()),
        name: Some("track.bin".to_owned()),
        class: Some("evidence".to_owned()),
        size_bytes: Some(file.len().try_into().unwrap()),
        sha256: Some(Digest::of(file).to_string()),
        ..pb::Attachment::default()
    }];
    let idempotency_key = "k1".to_owned();
    pb::SendMessageRequest { idempotency_key, draft: Some(draft), ..Default::default() }
}

/// Runs the program with a configuration that names a backup key.
fn program(network: &Network, words: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    program.args(words).args(["-o", "json"]).current_dir(network.folder());
    program.output().unwrap()
}

/// `node VERB` on the store of the origin, which does not run.
fn node(network: &Network, words: &[&str]) -> Output {
    node_of(network, ORIGIN, words)
}

/// The same, on that of any node.
fn node_of(network: &Network, stage: &str, words: &[&str]) -> Output {
    let config = network.place(stage).config.display().to_string();
    program(network, &[&["node"], words, &["--config", &config]].concat())
}

fn done(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// The fault that a check of the origin's store names; none if it holds.
fn fault(network: &Network) -> Option<String> {
    fault_of(network, ORIGIN)
}

/// The same, of the store of any node.
fn fault_of(network: &Network, stage: &str) -> Option<String> {
    let checked = node_of(network, stage, &["check"]);
    match checked.status.code() {
        Some(0) => None,
        Some(7) => {
            let told: Value = serde_json::from_slice(&checked.stderr).unwrap();
            Some(told["fault"].as_str().unwrap().to_owned())
        }
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&checked.stderr)),
    }
}

fn files(network: &Network) -> Vec<PathBuf> {
    let folder = network.store(ORIGIN).join("attachments");
    std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test damages a store behind the program's back")]
fn damage(file: &Path, bytes: &[u8]) {
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_survives_kills_and_a_check_names_what_is_wrong_with_it() {
    let mut network = Network::started_with(&[ORIGIN]).await;
    let file = file();
    let client = network.client(ORIGIN, Role::Officer).await;
    let begun = client.begin_attachment(beginning(&file)).await.unwrap();
    assert_eq!((begun.next_offset, begun.complete), (0, false));
    let (mut offset, mut durable) = (0, 0);
    for _ in 0..6 {
        let answer = append(&client, &file, offset).await;
        (offset, durable) = (answer.next_offset, answer.durable_bytes);
    }
    assert_eq!(offset, 6 * PIECE as u64);
    assert!(durable >= 3 * PIECE as u64, "{durable}");
    network.kill(ORIGIN);

    // What belongs to nobody goes at a start.
    let stray = network.store(ORIGIN).join("attachments").join("ab".repeat(16));
    std::fs::File::create(&stray).unwrap();
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    assert!(!stray.exists());
    let client = network.client(ORIGIN, Role::Officer).await;
    let begun = insistently(|| client.begin_attachment(beginning(&file))).await;
    assert!(begun.next_offset >= durable, "{} after {durable}", begun.next_offset);
    assert!(begun.next_offset < offset, "what was not durable was cut off");
    let mut offset = begun.next_offset;
    loop {
        let answer = append(&client, &file, offset).await;
        if answer.complete {
            break;
        }
        offset = answer.next_offset;
    }
    let sent = client.send_message(request(&file)).await.unwrap().messages.remove(0);
    network.kill(ORIGIN);
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let client = network.client(ORIGIN, Role::Officer).await;
    let asked = pb::ReadAttachmentRequest {
        message_id: sent.message_id.clone(),
        attachment_id: "A1".to_owned(),
        offset: 4_000_000,
        ..pb::ReadAttachmentRequest::default()
    };
    let mut pieces = client.read_attachment(asked).await.unwrap();
    let mut read = Vec::new();
    while let Some(piece) = pieces.next().await.unwrap() {
        read.extend(piece.bytes);
    }
    assert!(read == file[4_000_000..], "{} bytes came", read.len());
    assert!(network.terminate(ORIGIN).await.success());

    assert_eq!(fault(&network), None);
    let [kept] = files(&network).try_into().unwrap();
    let whole = std::fs::read(&kept).unwrap();
    let name = format!("attachments of message {ORIGIN}/{}", sent.message_id);
    let mut flipped = whole.clone();
    flipped[5 * PIECE] ^= 1;
    damage(&kept, &flipped);
    let found = fault(&network).unwrap();
    let id = kept.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(found, format!("{name}: attachment 1: file {id} is not what was written"));
    damage(&kept, &whole[..whole.len() - 1]);
    let found = fault(&network).unwrap();
    assert_eq!(found, format!("{name}: attachment 1: file {id} is not what was written"));
    std::fs::remove_file(&kept).unwrap();
    assert_eq!(fault(&network).unwrap(), format!("{name}: attachment 1 is missing"));
    damage(&kept, &whole);
    assert_eq!(fault(&network), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_under_way_survive_the_loss_of_their_nodes() {
    Box::pin(restored::they_are_in_backups()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_carries_attachments_and_so_does_a_salvage() {
    let mut network = restored::with_backup_key().await;
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let client = network.client(ORIGIN, Role::Officer).await;
    let file = file();
    let mut offset = client.begin_attachment(beginning(&file)).await.unwrap().next_offset;
    while offset < file.len() as u64 {
        offset = append(&client, &file, offset).await.next_offset;
    }
    for key in ["k1", "k2"] {
        let asked = pb::SendMessageRequest { idempotency_key: key.to_owned(), ..request(&file) };
        client.send_message(asked).await.unwrap();
    }
    restored::back_up(&network, ORIGIN, "backup", &[]);
    assert!(network.terminate(ORIGIN).await.success());
    let [kept] = files(&network).try_into().unwrap();
    let whole = std::fs::read(&kept).unwrap();

    // Salvaged: the same file for both messages; without it, both are told.
    let saved = done(&node(&network, &["salvage", "--to", "salvaged"]));
    assert_eq!(saved["lost"], serde_json::json!([]));
    let salvaged = network.folder().join("salvaged/attachments");
    let salvaged = salvaged.join(kept.file_name().unwrap());
    assert!(std::fs::read(&salvaged).unwrap() == whole);
    std::fs::remove_file(&kept).unwrap();
    let output = node(&network, &["salvage", "--to", "salvaged-again"]);
    let report = [&output.stdout, &output.stderr].map(|it| serde_json::from_slice(it).ok());
    let report: Value = report.into_iter().flatten().next().unwrap();
    let lost = report["lost"].as_array().unwrap();
    assert_eq!(lost.len(), 2, "{report}");
    let why = lost[0]["why"].as_str().unwrap();
    assert!(why.starts_with("attachment 1: file ") && why.ends_with(" is missing"), "{why}");

    // Restored: what the backup holds, and a check finds no fault.
    std::fs::remove_dir_all(network.store(ORIGIN)).unwrap();
    done(&node(&network, &["restore", "--key", "backup.key", "backup"]));
    assert!(std::fs::read(&kept).unwrap() == whole);
    assert_eq!(fault(&network), None);
}

/// A line of `/proc/PID/status` in KiB: `VmRSS` is what a process has, `VmHWM` the most that it had.
fn memory_kib(network: &Network, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", network.process(ORIGIN)));
    let status = status.unwrap();
    let found = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
    found.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_attachment_takes_no_more_memory_than_pieces_of_it() {
    const MEBIBYTES: usize = 160;
    let network = Network::started_with(&[ORIGIN]).await;
    let client = network.client(ORIGIN, Role::Officer).await;
    let piece = |number: usize| vec![u8::try_from(number).unwrap(); PIECE];
    let mut hashing = Hashing::default();
    (0..MEBIBYTES).for_each(|number| hashing.update(&piece(number)));
    let (size_bytes, digest) = ((MEBIBYTES * PIECE) as u64, hashing.finish());
    let before = memory_kib(&network, "VmRSS");
    let asked = pb::BeginAttachmentRequest { size_bytes, sha256: digest.to_string() };
    client.begin_attachment(asked).await.unwrap();
    for number in 0..MEBIBYTES {
        let asked = pb::AppendAttachmentRequest {
            size_bytes,
            sha256: digest.to_string(),
            offset: (number * PIECE) as u64,
            bytes: piece(number),
        };
        let answer = client.append_attachment(asked).await.unwrap();
        assert_eq!(answer.complete, number + 1 == MEBIBYTES);
    }
    let mut asked = request(b"");
    let described = &mut asked.draft.as_mut().unwrap().attachments[0];
    described.size_bytes = Some(size_bytes.try_into().unwrap());
    described.sha256 = Some(digest.to_string());
    let sent = client.send_message_with(asked, 100 * size_bytes).await.unwrap().messages.remove(0);
    let asked = pb::ReadAttachmentRequest {
        message_id: sent.message_id,
        attachment_id: "A1".to_owned(),
        ..pb::ReadAttachmentRequest::default()
    };
    let mut pieces = client.read_attachment(asked).await.unwrap();
    let mut hashing = Hashing::default();
    while let Some(piece) = pieces.next().await.unwrap() {
        hashing.update(&piece.bytes);
    }
    assert_eq!(hashing.finish(), digest);
    let grown = memory_kib(&network, "VmHWM").saturating_sub(before);
    println!("{MEBIBYTES} MiB took {grown} KiB above {before}");
    assert!(grown < 64 * 1024, "{grown} KiB above {before}");
}
