//! The promise: an attachment goes from client to client over three nodes, and `kill -9` of any of
//! them in the middle of it only delays it: it goes on at the last durable byte.
//!
//! Each kill lands while a part of the file grows at the node that is killed, or at the one that takes
//! from it. A file that was too quick for the kill is followed by another one.

use std::fs;

use rogatory::domain::digest::Digest;
use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::wire::pb;
use serde_json::{Value, json};

use crate::network::callers::insistently;
use crate::network::drafts::{request, sending};
use crate::network::{DESTINATION, HUB, Network, ORIGIN, until};

/// Long enough that a kill lands in the middle.
const BYTES: usize = 32 * 1024 * 1024;
const PIECE: usize = 1024 * 1024;
/// A part that has grown by so much has durable bytes.
const GROWN: u64 = 5 * 1024 * 1024;
/// Kills that may come too late before one lands.
const TRIES: u8 = 6;

/// A file that no other is like.
fn file(kind: u8) -> Vec<u8> {
    let mut state = u64::from(kind) + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..BYTES / 8).flat_map(|_| next()).collect()
}

fn named(kind: u8, file: &[u8]) -> Value {
    let mut message = request(&format!("a vessel without lights, sheet {kind}"));
    message["attachments"] = json!([{
        "id": "A1", "name": "track.bin", "media_type": "application/octet-stream",
        "class": "evidence", "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
    }]);
    message
}

fn beginning(file: &[u8]) -> pb::BeginAttachmentRequest {
    let sha256 = Digest::of(file).to_string();
    pb::BeginAttachmentRequest { size_bytes: file.len() as u64, sha256 }
}

/// Brings what is missing of a file, at most up to `end`; gives where it went on.
async fn hand_in(client: &Client, file: &[u8], end: usize) -> u64 {
    let begun = insistently(|| client.begin_attachment(beginning(file))).await;
    let mut offset = begun.next_offset;
    while offset < end as u64 {
        let at = usize::try_from(offset).expect("it fits");
        let pb::BeginAttachmentRequest { size_bytes, sha256 } = beginning(file);
        let bytes = file[at..file.len().min(at + PIECE)].to_vec();
        let piece = pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes };
        offset = client.append_attachment(piece).await.expect("the piece is taken").next_offset;
    }
    begun.durable_bytes
}

/// Bytes of the largest part that grows at a node; none if none does.
fn growing(network: &Network, stage: &str) -> Option<u64> {
    let folder = network.store(stage).join("attachments");
    let parts = fs::read_dir(folder).ok()?.filter_map(|it| {
        let path = it.ok()?.path();
        let is_part = path.extension().is_some_and(|it| it == "part");
        is_part.then(|| fs::metadata(path).map_or(0, |it| it.len()))
    });
    parts.max()
}

fn files(network: &Network, stage: &str) -> usize {
    let folder = network.store(stage).join("attachments");
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Sends a file, and kills `victim` while the part of it at `taking` grows; gives the file.
async fn killed_in_the_middle(
    network: &mut Network,
    (taking, victim): (&str, &str),
    kinds: std::ops::Range<u8>,
) -> (Vec<u8>, pb::SentMessage) {
    for kind in kinds {
        let file = file(kind);
        let officer = network.client(ORIGIN, Role::Officer).await;
        hand_in(&officer, &file, file.len()).await;
        let call = sending(&format!("call-{kind}"), &named(kind, &file));
        let length = file.len() as u64;
        let mut sent = insistently(|| officer.send_message_with(call.clone(), length)).await;
        let sent = sent.messages.remove(0);
        let in_time =
            until("the part to grow, or to be whole", async || match growing(network, taking) {
                Some(bytes) if bytes > GROWN => Some(bytes < BYTES as u64),
                Some(_) => None,
                None => arrived(network, &sent).await.then_some(false),
            })
            .await;
        if in_time {
            network.kill(victim);
            let left = growing(network, taking).expect("a part is left");
            assert!(left < BYTES as u64, "{victim} was killed in the middle");
            network.start(victim);
            network.serves(victim).await;
            return (file, sent);
        }
    }
    panic!("every file was too quick for the kill of {victim}");
}

/// Whether the attachment of a message has arrived, by what its origin shows.
async fn arrived(network: &Network, sent: &pb::SentMessage) -> bool {
    let officer = network.client(ORIGIN, Role::Officer).await;
    let asked = pb::GetRequestStateRequest { request_id: sent.request_id.clone() };
    let Ok(state) = officer.get_request_state(asked).await else {
        return false;
    };
    state.messages.iter().flat_map(|it| &it.attachments).any(|it| it.state == "arrived")
}

/// The bytes of the attachment as an officer of the destination reads them; the stream is cut once, and
/// goes on where it was cut.
async fn read(network: &Network, sent: &pb::SentMessage) -> Vec<u8> {
    let officer = network.client(DESTINATION, Role::Officer).await;
    let mut bytes: Vec<u8> = Vec::new();
    for cut_at in [BYTES / 3, usize::MAX] {
        let asked = pb::ReadAttachmentRequest {
            origin: ORIGIN.to_owned(),
            message_id: sent.message_id.clone(),
            attachment_id: "A1".to_owned(),
            offset: bytes.len() as u64,
        };
        let mut pieces = officer.read_attachment(asked).await.expect("it may be read");
        while let Some(piece) = pieces.next().await.expect("it can be read") {
            bytes.extend(piece.bytes);
            if bytes.len() > cut_at {
                break;
            }
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_survives_the_kill_of_each_party_in_the_middle_of_it() {
    let mut network = Network::started().await;

    // From the client: the node is killed while the file is handed in.
    let first = file(1);
    let officer = network.client(ORIGIN, Role::Officer).await;
    hand_in(&officer, &first, BYTES / 2).await;
    network.kill(ORIGIN);
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    let durable = hand_in(&officer, &first, BYTES).await;
    let half = (BYTES / 2) as u64;
    assert!((half - 5 * 1024 * 1024..=half).contains(&durable), "{durable} of {half}");

    // Between nodes: each of them is killed while a part grows at one of them.
    let kills = [(HUB, HUB), (HUB, ORIGIN), (DESTINATION, DESTINATION), (DESTINATION, HUB)];
    for ((taking, victim), from) in kills.into_iter().zip((10..).step_by(usize::from(TRIES))) {
        let kinds = from..from + TRIES;
        let (file, sent) = killed_in_the_middle(&mut network, (taking, victim), kinds).await;
        until("the attachment to arrive", async || arrived(&network, &sent).await.then_some(()))
            .await;
        assert!(read(&network, &sent).await == file, "it is the file that was sent");
        assert!(network.log(taking).contains("an attachment goes on"), "{taking} began anew");
    }
    // A blind transit keeps nothing, and nothing that was begun is left anywhere.
    until("the hub to have dropped everything", async || (files(&network, HUB) == 0).then_some(()))
        .await;
    assert_eq!((growing(&network, ORIGIN), growing(&network, DESTINATION)), (None, None));
    for stage in [ORIGIN, HUB, DESTINATION] {
        let journal = network.journal(stage).await;
        let verdict = journal.replayed(&network.made.directory);
        verdict.unwrap_or_else(|fault| panic!("journal of {stage}: {fault}"));
    }
}
