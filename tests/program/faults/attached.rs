//! Files of attachments: calls on them that fail, and one that is missing.

use std::fs;
use std::path::PathBuf;

use rogatory::domain::digest::Digest;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::pb;
use serde_json::json;

use crate::faults::{Bench, STORE_FAILED};
use crate::network::ORIGIN;
use crate::network::drafts::{request, sending};
use crate::network::shim::Shim;

/// What fails while a file is handed in: error, call, at which call of this kind, and whether the node
/// ends of it. Only a piece for which there is no room can be given back.
const ROWS: &[(&str, &str, u64, bool)] = &[
    ("EIO", "open", 1, true),
    ("EIO", "write", 2, true),
    ("ENOSPC", "write", 2, false),
    ("EIO", "sync", 1, true),
    ("ENOSPC", "sync", 1, true),
    ("EIO", "sync", 2, true),
    ("EIO", "rename", 1, true),
    ("ENOSPC", "rename", 1, true),
];
/// More than two steps of making durable.
const BYTES: usize = 9 * 1024 * 1024 + 5;
const PIECE: usize = 1024 * 1024;

fn file(kind: usize) -> Vec<u8> {
    let first = Digest::of(&kind.to_be_bytes());
    first.as_bytes().iter().copied().cycle().take(BYTES).collect()
}

fn beginning(file: &[u8]) -> pb::BeginAttachmentRequest {
    let sha256 = Digest::of(file).to_string();
    pb::BeginAttachmentRequest { size_bytes: file.len() as u64, sha256 }
}

/// Hands a file in, from where it goes on to its end.
async fn hand_in(client: &Client, file: &[u8]) -> Result<(), ClientError> {
    let begun = client.begin_attachment(beginning(file)).await?;
    let mut offset = begun.next_offset;
    while offset < file.len() as u64 {
        let at = usize::try_from(offset).expect("it fits");
        let pb::BeginAttachmentRequest { size_bytes, sha256 } = beginning(file);
        let bytes = file[at..file.len().min(at + PIECE)].to_vec();
        let piece = pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes };
        offset = client.append_attachment(piece).await?.next_offset;
    }
    Ok(())
}

async fn send(client: &Client, file: &[u8], kind: usize) -> pb::SentMessage {
    let mut message = request(&format!("a vessel without lights, sheet {kind}"));
    message["attachments"] = json!([{
        "id": "A1", "name": "track.bin", "media_type": "application/octet-stream",
        "class": "evidence", "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
    }]);
    let call = sending(&format!("attached-{kind}"), &message);
    client.send_message(call).await.expect("it is accepted").messages.remove(0)
}

async fn read(client: &Client, sent: &pb::SentMessage) -> Result<Vec<u8>, ClientError> {
    let asked = pb::ReadAttachmentRequest {
        origin: ORIGIN.to_owned(),
        message_id: sent.message_id.clone(),
        attachment_id: "A1".to_owned(),
        offset: 0,
    };
    let mut pieces = client.read_attachment(asked).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await? {
        bytes.extend(piece.bytes);
    }
    Ok(bytes)
}

fn folder(bench: &Bench) -> Vec<PathBuf> {
    let files = fs::read_dir(bench.store().join("attachments")).expect("the folder is there");
    files.map(|it| it.expect("it can be listed").path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_on_a_file_that_fails_ends_the_node_and_the_file_goes_on_where_it_was_durable() {
    let Some(shim) = Shim::built("calls on files that fail") else { return };
    let mut bench = Bench::made(Some(shim.library())).await;
    for (kind, (error, call, number, ends)) in ROWS.iter().enumerate() {
        shim.clear();
        bench.start().await;
        let officer = bench.network.client(ORIGIN, Role::Officer).await;
        let file = file(kind);
        let row = format!("{error} {call} {number} /store/attachments/");
        shim.plan(&row);
        let told = hand_in(&officer, &file).await;
        assert!(shim.has_fired(), "{row}");
        assert!(told.is_err(), "{row}: a piece that is not there is not acknowledged");
        if *ends {
            let status = bench.network.ends(ORIGIN).await;
            assert_eq!(status.code(), Some(STORE_FAILED), "{row}: {}", bench.last_line());
            assert!(!shim.was_synced_again(), "{row}: a sync that failed was tried again");
            shim.clear();
            bench.start().await;
        } else {
            let reason = told.map_err(|it| it.reason().to_owned());
            assert_eq!(reason, Err("STORAGE_LOW".to_owned()), "{row}");
        }
        shim.clear();
        let officer = bench.network.client(ORIGIN, Role::Officer).await;
        hand_in(&officer, &file).await.expect("it goes on");
        let sent = send(&officer, &file, kind).await;
        assert!(read(&officer, &sent).await.expect("it can be read") == file, "{row}");
        assert!(bench.network.terminate(ORIGIN).await.success(), "{row}");
        println!("{row}: {}", if *ends { "ended with 74" } else { "refused" });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_missing_is_a_named_damage_and_takes_nothing_else_along() {
    let mut bench = Bench::made(None).await;
    bench.start().await;
    let officer = bench.network.client(ORIGIN, Role::Officer).await;
    let (lost, kept) = (file(100), file(101));
    hand_in(&officer, &lost).await.expect("it is handed in");
    let before = folder(&bench);
    hand_in(&officer, &kept).await.expect("it is handed in");
    let first = send(&officer, &lost, 100).await;
    let second = send(&officer, &kept, 101).await;
    bench.network.kill(ORIGIN);
    let [path] = &before[..] else { panic!("one file was there: {before:?}") };
    fs::remove_file(path).expect("the file is there");
    bench.start().await;
    let officer = bench.network.client(ORIGIN, Role::Officer).await;
    let told = read(&officer, &first).await.unwrap_err();
    assert_eq!(told.reason(), "RECORD_DAMAGED");
    let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
    assert!(bench.network.log(ORIGIN).contains(&name), "the log names the file");
    assert!(read(&officer, &second).await.expect("the other is whole") == kept);
}
