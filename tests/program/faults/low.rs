//! Room for a file is asked for before its bytes flow: of a client that begins to hand one in, and of a
//! peer that offers one. What there is no room for is refused with its reason, nothing of it is kept, and
//! what is smaller is taken.

use rogatory::domain::digest::Digest;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::pb;
use serde_json::json;

use crate::faults::image::Image;
use crate::network::callers::insistently;
use crate::network::drafts::{request, sending};
use crate::network::{HUB, Network, ORIGIN, until};

const MIB: usize = 1024 * 1024;
/// Size of the disk, in MiB. A store has 16 at least.
const DISK_MIB: u64 = 128;
/// The configuration's own mark, and the one of this disk.
const MARKS: [&str; 2] = ["low_water_bytes = 268435456", "low_water_bytes = 33554432"];
/// Fits while the disk is empty, and not once all but so many MiB of it are taken.
const LARGE: usize = 24 * MIB;
const FREE_MIB: u64 = 48;

fn file(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from((at / 7 + at) % 251).expect("it fits")).collect()
}

fn beginning(file: &[u8]) -> pb::BeginAttachmentRequest {
    let sha256 = Digest::of(file).to_string();
    pb::BeginAttachmentRequest { size_bytes: file.len() as u64, sha256 }
}

async fn hand_in(client: &Client, file: &[u8]) {
    let mut offset = insistently(|| client.begin_attachment(beginning(file))).await.next_offset;
    while offset < file.len() as u64 {
        let at = usize::try_from(offset).expect("it fits");
        let pb::BeginAttachmentRequest { size_bytes, sha256 } = beginning(file);
        let bytes = file[at..file.len().min(at + MIB)].to_vec();
        let piece = pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes };
        offset = client.append_attachment(piece).await.expect("it is taken").next_offset;
    }
}

fn files(network: &Network, stage: &str) -> usize {
    let folder = network.store(stage).join("attachments");
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_room_is_refused_when_it_is_begun_and_a_smaller_one_is_taken() {
    let mut network = Network::started_with(&[]).await;
    let image = Image::mounted("a file without room", DISK_MIB, &network.store(ORIGIN));
    let Some(image) = image else { return };
    network.configure(ORIGIN, MARKS[0], MARKS[1]);
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let client = network.client(ORIGIN, Role::Officer).await;
    let (large, small) = (file(LARGE), file(MIB));
    let ballast = image.filled_but(FREE_MIB);
    let Err(ClientError::Call(told)) = client.begin_attachment(beginning(&large)).await else {
        panic!("there is no room for it")
    };
    assert_eq!((told.code, told.told.reason.as_str()), (8, "STORAGE_LOW"));
    assert_eq!(files(&network, ORIGIN), 0, "nothing of it is kept");
    // Nor does a piece of it come in by another way.
    let pb::BeginAttachmentRequest { size_bytes, sha256 } = beginning(&large);
    let bytes = large[..MIB].to_vec();
    let piece = pb::AppendAttachmentRequest { size_bytes, sha256, offset: 0, bytes };
    let Err(ClientError::Call(told)) = client.append_attachment(piece).await else {
        panic!("it was not begun")
    };
    assert_eq!(told.told.reason, "NOT_FOUND");
    assert_eq!(files(&network, ORIGIN), 0);
    hand_in(&client, &small).await;
    drop(ballast);
    until("room", async || client.begin_attachment(beginning(&large)).await.ok()).await;
    hand_in(&client, &large).await;
    assert!(client.begin_attachment(beginning(&large)).await.expect("it is here").complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_a_peer_has_no_room_for_waits_and_its_message_goes_on() {
    let mut network = Network::started_with(&[]).await;
    let image = Image::mounted("a peer without room", DISK_MIB, &network.store(HUB));
    let Some(image) = image else { return };
    network.configure(HUB, MARKS[0], MARKS[1]);
    for stage in crate::network::STAGES {
        network.start(stage);
    }
    for stage in crate::network::STAGES {
        network.serves(stage).await;
    }
    let client = network.client(ORIGIN, Role::Officer).await;
    let large = file(LARGE);
    hand_in(&client, &large).await;
    let ballast = image.filled_but(FREE_MIB);
    let mut message = request("a vessel without lights");
    message["attachments"] = json!([{
        "id": "A1", "name": "track.bin", "media_type": "application/octet-stream",
        "class": "evidence", "size_bytes": large.len(), "sha256": Digest::of(&large).to_string(),
    }]);
    let call = sending("call-1", &message);
    let length = large.len() as u64;
    let sent = insistently(|| client.send_message_with(call.clone(), length)).await;
    let request_id = sent.messages[0].request_id.clone();
    let shown = async || {
        let asked = pb::GetRequestStateRequest { request_id: request_id.clone() };
        client.get_request_state(asked).await.ok()?.messages.pop()
    };
    until("the message to be delivered", async || {
        shown().await?.stations.iter().any(|it| it.station == "delivered").then_some(())
    })
    .await;
    let free = image.free_bytes();
    until("the file to be refused", async || {
        network.log(ORIGIN).contains("STORAGE_LOW").then_some(())
    })
    .await;
    let state = shown().await.expect("it is shown").attachments.remove(0).state;
    assert_eq!(state, "waiting", "custody stays with its sender");
    assert_eq!(files(&network, HUB), 0, "nothing of it is kept");
    assert!(free.abs_diff(image.free_bytes()) < (4 * MIB) as u64, "no bytes flowed");
    drop(ballast);
    until("the file to arrive", async || {
        (shown().await?.attachments.first()?.state == "arrived").then_some(())
    })
    .await;
}
