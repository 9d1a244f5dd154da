//! What one corridor carries on this machine: three node processes on loopback, real mutual TLS,
//! real sealing, every message durable at three nodes before it counts.
//!
//! `cargo bench --bench corridor` prints figures and ratios of one run; machines differ, so the
//! ratios are what can be compared. `ROGATORY_BENCH_MESSAGES=N` sets how many messages.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod kept;

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use rogatory::transport::client::Client;
use rogatory::wire::pb;

use crate::kept::{DESTINATION, HUB, Kept, ORIGIN, PROGRAM, draft, now, told};

const MESSAGES_DEFAULT: u64 = 3_000;
const AT_ONCE: usize = 64;

async fn send_all(client: &Client, count: usize) -> Duration {
    let began = now();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..AT_ONCE {
        let client = client.clone();
        tasks.spawn(async move {
            for number in (lane..count).step_by(AT_ONCE) {
                let request = pb::SendMessageRequest {
                    idempotency_key: format!("load-{number}"),
                    draft: Some(draft(number as u64)),
                    ..Default::default()
                };
                client.send_message(request).await.expect("the message is accepted");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no sender panics");
    }
    began.elapsed()
}

async fn last_place(client: &Client, from: u64) -> u64 {
    let mut after = from;
    loop {
        let request = pb::ListMessagesRequest { after, page_size: 200, ..Default::default() };
        let page = client.list_messages(request).await.expect("the inbox is listed");
        if page.items.is_empty() {
            return after;
        }
        after = page.next_after;
    }
}

fn commits_per_second() -> f64 {
    use rogatory::journal::store::{Batch, DiskStore, Store};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = DiskStore::open(folder.path(), 16 << 20).expect("a store opens");
    let began = now();
    let count = 300_u64;
    for number in 0..count {
        let mut batch = Batch::new();
        batch.put(number.to_be_bytes(), vec![b'x'; 600]);
        store.commit(batch).expect("the batch is durable");
    }
    count as f64 / began.elapsed().as_secs_f64()
}

fn is_healthy(address: &str) -> bool {
    let Ok(mut stream) = std::net::TcpStream::connect(address) else {
        return false;
    };
    let asked = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(asked).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

fn start_seconds(kept: &Kept) -> f64 {
    let config = kept.agency(HUB)["config"].as_str().expect("a path").to_owned();
    let address = kept.agency(HUB)["listeners"]["operations"].as_str().expect("an address");
    kept.kill(HUB);
    let began = now();
    let mut node = Command::new(PROGRAM)
        .args(["node", "run", "--config", &config])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the node starts");
    while !is_healthy(address) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let seconds = began.elapsed().as_secs_f64();
    node.kill().expect("the node is ended");
    node.wait().expect("the node has ended");
    seconds
}

#[tokio::main]
async fn main() {
    let messages = told("ROGATORY_BENCH_MESSAGES", MESSAGES_DEFAULT);
    let count = usize::try_from(messages).expect("a count");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kept = Kept::start(&folder.path().join("network"));
    let officer = kept.client(ORIGIN, "officer").await;
    let reader = kept.client(DESTINATION, "officer").await;
    let idle = kept.rss_mib(ORIGIN);
    let before = last_place(&reader, 0).await;
    let began = now();
    let accepted = send_all(&officer, count).await;
    let mut place = before;
    while place < before + count as u64 {
        place = last_place(&reader, place).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let delivered = began.elapsed();
    let per_second = |took: Duration| count as f64 / took.as_secs_f64();
    let commits = commits_per_second();
    println!("messages                      {count} of about 1 KiB, {AT_ONCE} clients at once");
    println!("accepted by the origin        {:.0}/s", per_second(accepted));
    println!("delivered through the hub     {:.0}/s", per_second(delivered));
    println!(
        "delivered to accepted         {:.2}",
        accepted.as_secs_f64() / delivered.as_secs_f64()
    );
    println!("bare commits of 600 B         {commits:.0}/s, one by one");
    println!("delivered to bare commits     {:.2}", per_second(delivered) / commits);
    println!("origin, idle                  {idle:.1} MiB resident");
    for agency in [ORIGIN, HUB, DESTINATION] {
        println!("{agency:29} {:.1} MiB resident after the load", kept.rss_mib(agency));
    }
    let binary = fs::metadata(PROGRAM).map_or(0, |it| it.len());
    println!("program                       {:.1} MiB", binary as f64 / 1_048_576.0);
    println!("hub, start after kill -9      {:.3} s until it serves", start_seconds(&kept));
}
