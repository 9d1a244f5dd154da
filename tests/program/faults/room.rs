//! Disks that are full, nearly full, or read-only: small images that are mounted.

use std::time::Duration;

use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError};
use rogatory::wire::pb;

use crate::faults::image::Image;
use crate::faults::{Bench, STORE_FAILED};
use crate::network::{HUB, Network, ORIGIN, STAGES, drafts, until};

/// Size of the disk, in MiB. A store has 16 at least.
const DISK_MIB: u64 = 96;
/// The configuration's own mark, and one that is met when the disk is half full.
const MARKS: [&str; 2] = ["low_water_bytes = 268435456", "low_water_bytes = 33554432"];

/// A node on a disk of its own, with a low-water mark in its configuration.
async fn on_a_disk(what: &str, low_water: &str) -> Option<(Bench, Image)> {
    let bench = Bench::made(None).await;
    let image = Image::mounted(what, DISK_MIB, &bench.store())?;
    bench.network.configure(ORIGIN, MARKS[0], low_water);
    Some((bench, image))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_a_read_only_disk_says_so_and_starts_once_it_can_write() {
    let Some((mut bench, image)) = on_a_disk("a read-only disk", MARKS[1]).await else { return };
    bench.start().await;
    bench.send(20).await;
    assert!(bench.network.terminate(ORIGIN).await.success());
    image.set_read_only(true);
    let status = bench.try_start().await.unwrap_err();
    let said = bench.last_line();
    assert_eq!(status.code(), Some(STORE_FAILED), "{said}");
    assert!(said.contains("the store cannot open its"), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    image.set_read_only(false);
    bench.start().await;
    bench.holds_everything().await;
    assert!(bench.network.terminate(ORIGIN).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_ends_a_node_without_a_low_water_mark_and_loses_nothing() {
    let none = "low_water_bytes = 0";
    let Some((mut bench, image)) = on_a_disk("a full disk", none).await else { return };
    bench.start().await;
    bench.send(20).await;
    let mut ballast = None;
    let status = bench.send_until_the_end(|| ballast = Some(image.filled_but(1))).await;
    assert_eq!(status.code(), Some(STORE_FAILED), "{}", bench.last_line());
    let full = bench.try_start().await.unwrap_err();
    assert_eq!(full.code(), Some(STORE_FAILED), "{}", bench.last_line());
    drop(ballast);
    bench.start().await;
    bench.holds_everything().await;
    bench.send(20).await;
    assert!(bench.network.terminate(ORIGIN).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_its_low_water_mark_a_node_takes_nothing_new_shows_all_and_recovers_by_itself() {
    let Some((mut bench, image)) = on_a_disk("a low-water mark", MARKS[1]).await else { return };
    bench.start().await;
    bench.send(20).await;
    assert!(image.free_bytes() > 33_554_432);
    let officer = bench.network.client(ORIGIN, Role::Officer).await;
    let call = |key: &str| drafts::sending(key, &drafts::request("nobody hears of it"));
    let ballast = image.filled_but(24);
    let Err(ClientError::Call(told)) = officer.send_message(call("low-1")).await else {
        panic!("nothing new is taken")
    };
    // 8 is RESOURCE_EXHAUSTED: the gRPC documents name a full file system as its example.
    assert_eq!((told.code, told.told.reason.as_str()), (8, "STORAGE_LOW"));
    // Asked whether it would be taken, it is judged; asked again, an old call has its old answer.
    let asked = pb::SendMessageRequest { validate_only: true, ..call("low-2") };
    officer.send_message(asked).await.unwrap();
    bench.holds_everything().await;
    let health = bench.network.operations(ORIGIN, "/health").await;
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert!(health.ends_with("serving, but storage is low: nothing new is taken\n"), "{health}");
    let metrics = bench.network.operations(ORIGIN, "/metrics").await;
    assert!(metrics.contains("\nrogatory_store_low 1\n"), "{metrics}");
    assert!(metrics.contains("\nrogatory_store_low_water_bytes 33554432\n"), "{metrics}");
    drop(ballast);
    until("room", async || officer.send_message(call("low-1")).await.ok()).await;
    let health = bench.network.operations(ORIGIN, "/health").await;
    assert!(health.ends_with("\r\nserving\n"), "{health}");
    bench.send(20).await;
    bench.holds_everything().await;
    assert!(bench.network.terminate(ORIGIN).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_room_takes_nothing_over_and_custody_stays_with_its_neighbour() {
    let mut network = Network::started_with(&[]).await;
    network.configure(HUB, MARKS[0], "low_water_bytes = 1125899906842624");
    for stage in STAGES {
        network.start(stage);
    }
    for stage in STAGES {
        network.serves(stage).await;
    }
    let health = network.operations(HUB, "/health").await;
    assert!(health.ends_with("serving, but storage is low: nothing new is taken\n"), "{health}");
    let officer = network.client(ORIGIN, Role::Officer).await;
    let call = drafts::sending("room", &drafts::request("a vessel adrift"));
    officer.send_message(call).await.unwrap();
    let at_origin = network.client(ORIGIN, Role::Operator).await;
    let at_hub = network.client(HUB, Role::Operator).await;
    let queue = async |operator: &Client| {
        let queue = operator.list_queue(pb::ListQueueRequest::default()).await;
        let queue = queue.expect("the queue is listed").items;
        let messages = queue.into_iter().filter(|it| it.item == "message");
        messages.map(|it| (it.state, it.handover)).collect::<Vec<_>>()
    };
    let offered = [("in_doubt".to_owned(), 1)];
    until("a handover", async || (queue(&at_origin).await == offered).then_some(())).await;
    // Longer than it takes to hand over, and shorter than the pause before it is tried again.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(queue(&at_origin).await, offered);
    assert_eq!(queue(&at_hub).await, []);
    assert!(network.terminate(HUB).await.success());
    network.configure(HUB, "low_water_bytes = 1125899906842624", MARKS[0]);
    network.start(HUB);
    network.serves(HUB).await;
    until("custody to pass", async || queue(&at_origin).await.is_empty().then_some(())).await;
}
