//! What one corridor carries on this machine: three node processes on loopback, real mutual TLS,
//! real sealing, every message durable at three nodes before it counts.
//!
//! `cargo bench --bench corridor` prints figures and ratios of one run; machines differ, so the
//! ratios are what can be compared. `ROGATORY_BENCH_MESSAGES=N` sets how many messages.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rogatory::cli::call::roots_of;
use rogatory::clock::SystemClock;
use rogatory::config::DirectoryFolder;
use rogatory::transport::client::{Client, ClientSettings};
use rogatory::transport::tls::stream::ClientTls;
use rogatory::transport::tls::{self, OwnCertificate};
use rogatory::wire::pb;
use serde_json::Value;

const ORIGIN: &str = "ita.coast-guard";
const HUB: &str = "int.liaison-hub";
const DESTINATION: &str = "pan.maritime-authority";
const PROGRAM: &str = env!("CARGO_BIN_EXE_rogatory");
const MESSAGES_DEFAULT: usize = 3_000;
const AT_ONCE: usize = 64;

struct Kept {
    folder: PathBuf,
    network: Value,
}

impl Kept {
    fn start(folder: &Path) -> Self {
        let status = Command::new(PROGRAM)
            .args(["demo", "--keep"])
            .arg(folder)
            .args(["-o", "json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the program starts");
        assert!(status.success(), "the demo network comes up");
        let text = fs::read_to_string(folder.join("network.json")).expect("network.json is there");
        let network = serde_json::from_str(&text).expect("network.json is JSON");
        Self { folder: folder.to_owned(), network }
    }

    fn agency(&self, agency: &str) -> &Value {
        &self.network["agencies"][agency]
    }

    async fn client(&self, agency: &str, role: &str) -> Client {
        let at = |value: &Value| PathBuf::from(value.as_str().expect("a path or an address"));
        let read = |value: &Value| fs::read_to_string(at(value)).expect("the file is there");
        let caller = &self.agency(agency)["roles"][role];
        let own = OwnCertificate::from_pem(&read(&caller["certificate"]), &read(&caller["key"]));
        let folder = DirectoryFolder::at(&at(&self.network["directory"]));
        let (directory, _) = folder.load(None).expect("a directory").held.directory();
        let config = tls::ClientSettings {
            expected: agency.parse().expect("an agency"),
            own: Arc::new(own.expect("a certificate with its key")),
            roots: Arc::new(ArcSwap::from_pointee(roots_of(&directory))),
            clock: Arc::new(SystemClock),
        };
        let address = self.agency(agency)["listeners"]["agency"].as_str().expect("an address");
        let settings = ClientSettings::new(address, ClientTls::new(config));
        Client::connect(settings).await.expect("the node answers")
    }

    fn rss_mib(&self, agency: &str) -> f64 {
        let pid = self.agency(agency)["pid"].as_u64().expect("a process id");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1_024.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let stopped = Command::new(PROGRAM).args(["demo", "--stop"]).arg(&self.folder).output();
        if stopped.is_err() {
            eprintln!("the demo network was not stopped");
        }
    }
}

/// The worked example of a vessel, whole and lawful.
const VESSEL: &str = include_str!("../config/demo/ex2-vessel-boarding-som-8-2.json");

fn draft(number: usize) -> pb::Draft {
    let mut draft = rogatory::wire::json::read_file(VESSEL.as_bytes()).expect("an example");
    let text = |it: &str| Some(it.to_owned());
    (draft.message_id, draft.request_id, draft.issued_at) = (None, None, None);
    draft.respond_by = None;
    draft.attachments.clear();
    draft.languages = Some(pb::Languages { request: text("en"), translations: Vec::new() });
    draft.urgency = Some(pb::Urgency { level: text("priority"), reason: text("load") });
    draft.facts = Some(format!("{} {number}", "A vessel was sighted without lights. ".repeat(8)));
    draft
}

async fn send_all(client: &Client, count: usize) -> Duration {
    let began = now();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..AT_ONCE {
        let client = client.clone();
        tasks.spawn(async move {
            for number in (lane..count).step_by(AT_ONCE) {
                let request = pb::SendMessageRequest {
                    idempotency_key: format!("load-{number}"),
                    draft: Some(draft(number)),
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

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is told by its environment")]
fn messages() -> usize {
    let told = std::env::var("ROGATORY_BENCH_MESSAGES").ok().and_then(|it| it.parse().ok());
    told.unwrap_or(MESSAGES_DEFAULT)
}

fn commits_per_second() -> f64 {
    use rogatory::journal::store::{Batch, SledStore, Store};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SledStore::open(folder.path(), 16 << 20).expect("a store opens");
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
    let pid = kept.agency(HUB)["pid"].as_u64().expect("a process id").to_string();
    let killed = Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
    assert!(killed.success(), "the hub is killed");
    while Path::new(&format!("/proc/{pid}/exe")).exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
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
    let count = messages();
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
