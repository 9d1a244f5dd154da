//! The bytes of attachments: handed in a piece at a time, used by messages, read, and erased with the
//! last message that has them.

use rogatory::domain::digest::Digest;
use rogatory::identity::Role;
use rogatory::journal::files::Found;
use rogatory::node::setting::Policy;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::pb;
use serde_json::json;

use crate::services::json::post;
use crate::services::town::{Town, draft, reason, sending};

const PIECE: usize = 32 * 1024;

/// A file of some length, and no two alike.
pub(crate) fn file(bytes: usize, kind: u8) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap() ^ kind).collect()
}

fn beginning(file: &[u8]) -> pb::BeginAttachmentRequest {
    let sha256 = Digest::of(file).to_string();
    pb::BeginAttachmentRequest { size_bytes: file.len() as u64, sha256 }
}

fn piece(file: &[u8], offset: usize, bytes: &[u8]) -> pb::AppendAttachmentRequest {
    let pb::BeginAttachmentRequest { size_bytes, sha256 } = beginning(file);
    pb::AppendAttachmentRequest { size_bytes, sha256, offset: offset as u64, bytes: bytes.to_vec() }
}

pub(crate) async fn hand_in(client: &Client, file: &[u8]) {
    let mut offset = client.begin_attachment(beginning(file)).await.unwrap().next_offset;
    while offset < file.len() as u64 {
        let at = usize::try_from(offset).unwrap();
        let bytes = &file[at..file.len().min(at + PIECE)];
        offset = client.append_attachment(piece(file, at, bytes)).await.unwrap().next_offset;
    }
    assert!(client.begin_attachment(beginning(file)).await.unwrap().complete);
}

/// A request with these attachments, A1 and so on.
pub(crate) fn with(files: &[&[u8]]) -> pb::Draft {
    let attachments = files.iter().zip(1..).map(|(file, number)| pb::Attachment {
        id: Some(format!("A{number}")),
        name: Some(format!("annex {number}.pdf")),
        media_type: Some("application/pdf".to_owned()),
        class: Some("evidence".to_owned()),
        size_bytes: Some(file.len().try_into().unwrap()),
        sha256: Some(Digest::of(file).to_string()),
        ..pb::Attachment::default()
    });
    pb::Draft { attachments: attachments.collect(), ..draft("A vessel was sighted") }
}

pub(crate) fn asking(
    message: &pb::SentMessage,
    id: &str,
    offset: u64,
) -> pb::ReadAttachmentRequest {
    pb::ReadAttachmentRequest {
        origin: "int.n0".to_owned(),
        message_id: message.message_id.clone(),
        attachment_id: id.to_owned(),
        offset,
    }
}

pub(crate) async fn read(
    client: &Client,
    asked: pb::ReadAttachmentRequest,
) -> Result<Vec<u8>, ClientError> {
    let mut at = asked.offset;
    let mut pieces = client.read_attachment(asked).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await? {
        assert_eq!(piece.offset, at);
        at += piece.bytes.len() as u64;
        bytes.extend(piece.bytes);
    }
    Ok(bytes)
}

fn files(town: &Town) -> Vec<Found> {
    town.writers[0].setting().files.list().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_is_handed_in_in_pieces_named_by_a_message_and_read_again() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let (first, second) = (file(100_007, 1), file(0, 2));
    let begun = officer.begin_attachment(beginning(&first)).await.unwrap();
    assert_eq!((begun.durable_bytes, begun.next_offset, begun.complete), (0, 0, false));
    let grown = officer.append_attachment(piece(&first, 0, &first[..PIECE])).await.unwrap();
    assert_eq!((grown.next_offset, grown.complete), (PIECE as u64, false));
    let again = officer.begin_attachment(beginning(&first)).await.unwrap();
    assert_eq!((again.durable_bytes, again.next_offset), (PIECE as u64, PIECE as u64));
    hand_in(&officer, &first).await;
    hand_in(&officer, &second).await;
    let kept = files(&town);
    assert_eq!(kept.len(), 2);

    let sent = officer.send_message(sending("k1", with(&[&first, &second]))).await.unwrap();
    let sent = &sent.messages[0];
    assert_eq!(read(&officer, asking(sent, "A1", 0)).await.unwrap(), first);
    assert_eq!(read(&officer, asking(sent, "A1", 70_001)).await.unwrap(), first[70_001..]);
    assert_eq!(read(&officer, asking(sent, "A1", 100_007)).await.unwrap(), b"");
    assert_eq!(read(&officer, asking(sent, "A2", 0)).await.unwrap(), b"");
    let beyond = read(&officer, asking(sent, "A1", 100_008)).await;
    assert_eq!(beyond.unwrap_err().violations()[0].code, "OUT_OF_RANGE");
    assert_eq!(reason(read(&officer, asking(sent, "A3", 0)).await), "NOT_FOUND");
    let auditor = town.client(0, Role::Auditor).await;
    assert_eq!(reason(read(&auditor, asking(sent, "A1", 0)).await), "ROLE_NOT_PERMITTED");

    // Nothing of it rests in clear.
    let setting = town.writers[0].setting();
    for found in kept {
        let mut bytes = vec![0; usize::try_from(found.bytes).unwrap()];
        setting.files.read(found.id, 0, &mut bytes).unwrap();
        assert!(!bytes.windows(32).any(|it| it == &first[..32]), "{found:?}");
    }
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_attachment_was_not_handed_in_by_its_sender_is_refused() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let file = file(20_000, 1);
    let other = town.client_with(0, &town.leaf(0, Role::Officer, "other")).await.unwrap();
    hand_in(&other, &file).await;
    officer.begin_attachment(beginning(&file)).await.unwrap();
    let refused = officer.send_message(sending("k1", with(&[&file]))).await.unwrap_err();
    let found = &refused.violations()[0];
    let told = (found.pointer.as_str(), found.code.as_str());
    assert_eq!(told, ("/attachments/0", "ATTACHMENT_NOT_UPLOADED"));
    let checked = pb::SendMessageRequest { validate_only: true, ..sending("k2", with(&[&file])) };
    assert_eq!(officer.send_message(checked).await.unwrap().messages.len(), 1);
    hand_in(&officer, &file).await;
    officer.send_message(sending("k1", with(&[&file]))).await.unwrap();
    let mut keyed = with(&[&file]);
    keyed.attachment_key = Some(vec![1; 32]);
    let refused = officer.send_message(sending("k3", keyed)).await.unwrap_err();
    let found = &refused.violations()[0];
    let told = (found.pointer.as_str(), found.code.as_str());
    assert_eq!(told, ("/attachment_key", "SET_BY_NODE"));
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_what_was_said_leaves_nothing_behind() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let file = file(PIECE + 5, 1);
    let none = officer.append_attachment(piece(&file, 0, &file[..PIECE])).await;
    assert_eq!(reason(none), "NOT_FOUND");
    officer.begin_attachment(beginning(&file)).await.unwrap();
    let append = async |offset, bytes: &[u8]| {
        let refused = officer.append_attachment(piece(&file, offset, bytes)).await.unwrap_err();
        let code = refused.violations().first().map(|it| it.code.clone());
        code.unwrap_or_else(|| refused.reason().to_owned())
    };
    assert_eq!(append(PIECE, &file[PIECE..]).await, "STATE_FORBIDS");
    assert_eq!(append(0, &file[..100]).await, "PIECE_UNEVEN");
    assert_eq!(append(0, &[]).await, "PIECE_UNEVEN");
    assert_eq!(append(0, &[0; PIECE + 16]).await, "PIECE_UNEVEN");
    assert_eq!(append(0, &vec![0; 1024 * 1024 + 1]).await, "LIMIT_EXCEEDED");
    officer.append_attachment(piece(&file, 0, &file[..PIECE])).await.unwrap();
    assert_eq!(append(PIECE, &[9; 16 * 1024]).await, "PIECE_UNEVEN", "it would be too long");
    assert_eq!(files(&town).len(), 1);
    assert_eq!(append(PIECE, b"other").await, "DIGEST_DIFFERS");
    assert_eq!(files(&town), []);
    assert_eq!(append(0, &file[..PIECE]).await, "NOT_FOUND");
    hand_in(&officer, &file).await;
    let malformed = pb::BeginAttachmentRequest { size_bytes: 1, sha256: "ab".to_owned() };
    let malformed = officer.begin_attachment(malformed).await.unwrap_err();
    assert_eq!(malformed.violations()[0].code, "DIGEST_MALFORMED");
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_decided_before_the_first_byte_at_below_and_above() {
    let limit = |policy: &mut Policy| {
        policy.attachments.file_bytes_max = 10_000;
        policy.attachments.message_bytes_max = 15_000;
        policy.attachments.quota_bytes = 30_000 + 4 * 16;
        policy.attachments.parallel = 2;
    };
    let town = Town::built_with(limit).await;
    let officer = town.client(0, Role::Officer).await;
    let begin = async |bytes, kind| {
        let begun = officer.begin_attachment(beginning(&file(bytes, kind))).await;
        begun.map(drop).map_err(|error| error.to_string())
    };
    let over = |text: &str| Err(format!("{text} (LIMIT_EXCEEDED)"));
    let large = "attachment: 10001 bytes are over the limit of 10000";
    assert_eq!(begin(10_001, 1).await, over(large));
    assert_eq!(files(&town), []);
    for (bytes, kind) in [(10_000, 1), (5_000, 2), (5_001, 3)] {
        hand_in(&officer, &file(bytes, kind)).await;
    }
    let full = "all attachments: 30065 bytes are over the limit of 30064";
    assert_eq!(begin(10_000, 4).await, over(full));
    assert_eq!(begin(9_999, 4).await, Ok(()));

    let send = async |key, last: &[u8]| {
        let draft = with(&[&file(10_000, 1), last]);
        officer.send_message(sending(key, draft)).await.map_err(|error| error.to_string())
    };
    let many = "attachments of a message: 15001 bytes are over the limit of 15000";
    assert_eq!(send("k1", &file(5_001, 3)).await.map(drop), over(many));
    assert_eq!(send("k2", &file(5_000, 2)).await.map(|it| it.messages.len()), Ok(1));

    let small = file(1, 9);
    let most = vec![small.as_slice(); 17];
    let refused = officer.send_message(sending("k3", with(&most))).await.unwrap_err();
    let told = "attachments: 17 files are over the limit of 16 (LIMIT_EXCEEDED)";
    assert_eq!(refused.to_string(), told);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_files_grow_at_a_time_and_what_nobody_uses_is_dropped() {
    let limit = |policy: &mut Policy| policy.attachments.parallel = 2;
    let town = Town::built_with(limit).await;
    let officer = town.client(0, Role::Officer).await;
    for kind in [1, 2, 1, 2] {
        officer.begin_attachment(beginning(&file(100, kind))).await.unwrap();
    }
    let third = officer.begin_attachment(beginning(&file(100, 3))).await.unwrap_err();
    let told = "attachments that grow: 3 files are over the limit of 2 (LIMIT_EXCEEDED)";
    assert_eq!(third.to_string(), told);
    hand_in(&officer, &file(100, 1)).await;
    officer.begin_attachment(beginning(&file(100, 3))).await.unwrap();
    town.stopped().await;

    // Whoever gives no time at all drops everything that no message names.
    let town = Town::built_with(|policy| policy.attachments.upload_ms = -1).await;
    let officer = town.client(0, Role::Officer).await;
    if let Err(error) = officer.begin_attachment(beginning(&file(100, 1))).await {
        assert_eq!(error.reason(), "NOT_FOUND", "it was dropped meanwhile");
    }
    for _ in 0..1_200 {
        if files(&town).is_empty() {
            town.stopped().await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("what nobody uses is still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_hands_in_as_grpc_does() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let text = json!({ "size_bytes": 3, "sha256": Digest::of(b"abc").to_string() });
    let begun: pb::BeginAttachmentRequest =
        rogatory::wire::json::to_message(text.to_string().as_bytes()).unwrap();
    assert_eq!(begun, beginning(b"abc"));
    let path = "/rogatory.v1.AttachmentService/BeginAttachment";
    let answer = post(&town, 0, Role::Officer, path, &text.to_string()).await;
    assert_eq!(answer, (200, json!({})));
    let bytes = json!({
        "size_bytes": 3, "sha256": Digest::of(b"abc").to_string(), "bytes": "YWJj",
    });
    let path = "/rogatory.v1.AttachmentService/AppendAttachment";
    let answer = post(&town, 0, Role::Officer, path, &bytes.to_string()).await;
    let whole = json!({ "durable_bytes": 3, "next_offset": 3, "complete": true });
    assert_eq!(answer, (200, whole));
    assert!(officer.begin_attachment(begun).await.unwrap().complete);
    town.stopped().await;
}

/// Erases a message at a node, once that is possible.
async fn erase(officer: &Client, origin: &str, message: &pb::SentMessage) {
    let asked = pb::EraseContentRequest {
        message_id: message.message_id.clone(),
        origin: origin.to_owned(),
        cause: "own_decision".to_owned(),
        ..pb::EraseContentRequest::default()
    };
    for _ in 0..1_200 {
        match officer.erase_content(asked.clone()).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.reason(), "STATE_FORBIDS", "it is on its way"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the message was to be delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_they_arrive_too_a_file_rests_once_and_goes_with_the_last_message_that_has_it() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let file = file(40_000, 3);
    hand_in(&officer, &file).await;
    let there = town.client(2, Role::Officer).await;
    let mut sent = Vec::new();
    for key in ["k1", "k2"] {
        let answer = officer.send_message(sending(key, with(&[&file]))).await.unwrap();
        let message = answer.messages[0].clone();
        let come = async || read(&there, asking(&message, "A1", 0)).await.ok();
        assert!(crate::services::queue::until("the file to come", come).await == file);
        sent.push(message);
    }
    let rests = || town.writers[2].setting().files.list().unwrap().len();
    assert_eq!(rests(), 1, "the second is found to be the first once it is opened");
    erase(&there, "int.n0", &sent[0]).await;
    let gone = read(&there, asking(&sent[0], "A1", 0)).await;
    assert_eq!(reason(gone), "CONTENT_ERASED");
    assert_eq!(read(&there, asking(&sent[1], "A1", 0)).await.unwrap(), file);
    assert_eq!(rests(), 1);
    erase(&there, "int.n0", &sent[1]).await;
    assert_eq!(rests(), 0);
    let setting = town.writers[2].setting();
    let total = rogatory::node::attachments::total_bytes(setting.store.as_ref()).unwrap();
    assert_eq!(total, 0);
    town.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_with_the_last_message_that_has_it() {
    let town = Town::built().await;
    let officer = town.client(0, Role::Officer).await;
    let file = file(40_000, 1);
    hand_in(&officer, &file).await;
    let mut sent = Vec::new();
    for key in ["k1", "k2"] {
        let answer = officer.send_message(sending(key, with(&[&file]))).await.unwrap();
        sent.push(answer.messages[0].clone());
    }
    assert_eq!(files(&town).len(), 1, "the same file rests once");
    let [first, second] = [&sent[0], &sent[1]];
    let erase = async |message| erase(&officer, "", message).await;
    erase(first).await;
    assert_eq!(reason(read(&officer, asking(first, "A1", 0)).await), "CONTENT_ERASED");
    assert_eq!(read(&officer, asking(second, "A1", 0)).await.unwrap(), file);
    erase(second).await;
    assert_eq!(reason(read(&officer, asking(second, "A1", 0)).await), "CONTENT_ERASED");
    assert_eq!(files(&town), []);
    let setting = town.writers[0].setting();
    let total = rogatory::node::attachments::total_bytes(setting.store.as_ref()).unwrap();
    assert_eq!(total, 0);
    let begun = officer.begin_attachment(beginning(&file)).await.unwrap();
    assert_eq!((begun.next_offset, begun.complete), (0, false), "it is a new file");
    town.stopped().await;
}
