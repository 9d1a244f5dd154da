//! Another caller under a flood: one caller asks for 2,000 messages a second, another sends 20, and what
//! the other waits is held against the same flood at a bare tonic server that answers at once.
//!
//! `cargo bench --bench flood` prints p50 and p99 of the other caller, alone and under the flood, at a
//! node and at the bare server, and the ratio of the two of one run; machines differ, so the ratio is
//! what can be compared. A node makes each message durable before it answers, the bare server makes
//! nothing. `ROGATORY_BENCH_SECONDS=N` sets how long each of the four takes.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

use std::convert::Infallible;
use std::fs;
use std::future::{Ready, ready};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use futures::future::BoxFuture;
use rogatory::cli::call::roots_of;
use rogatory::clock::SystemClock;
use rogatory::config::DirectoryFolder;
use rogatory::transport::client::{Client, ClientSettings};
use rogatory::transport::tls::stream::ClientTls;
use rogatory::transport::tls::{self, OwnCertificate};
use rogatory::wire::pb;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::server::{Grpc, UnaryService};
use tonic::service::Routes;
use tonic::transport::{Channel, Server};
use tonic_prost::ProstCodec;

const ORIGIN: &str = "ita.coast-guard";
const PROGRAM: &str = env!("CARGO_BIN_EXE_rogatory");
const SECONDS_DEFAULT: u64 = 8;
/// Messages that the other caller sends in a second.
const STEADY_PER_SECOND: u64 = 20;
/// Messages that the flooder asks for in a second, 100 times as many.
const FLOOD_PER_SECOND: u64 = 100 * STEADY_PER_SECOND;
/// Calls of the flooder at the same time: what one connection has streams for.
const AT_ONCE: u64 = 64;

/// One call: true if it was answered with a yes.
type Call = Arc<dyn Fn(u64) -> BoxFuture<'static, bool> + Send + Sync>;

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

    async fn client(&self, role: &str) -> Client {
        let agency = &self.network["agencies"][ORIGIN];
        let at = |value: &Value| PathBuf::from(value.as_str().expect("a path or an address"));
        let read = |value: &Value| fs::read_to_string(at(value)).expect("the file is there");
        let caller = &agency["roles"][role];
        let own = OwnCertificate::from_pem(&read(&caller["certificate"]), &read(&caller["key"]));
        let folder = DirectoryFolder::at(&at(&self.network["directory"]));
        let (directory, _) = folder.load(None).expect("a directory").held.directory();
        let config = tls::ClientSettings {
            expected: ORIGIN.parse().expect("an agency"),
            own: Arc::new(own.expect("a certificate with its key")),
            roots: Arc::new(ArcSwap::from_pointee(roots_of(&directory))),
            clock: Arc::new(SystemClock),
        };
        let address = agency["listeners"]["agency"].as_str().expect("an address");
        let settings = ClientSettings::new(address, ClientTls::new(config));
        Client::connect(settings).await.expect("the node answers")
    }

    fn rss_mib(&self) -> f64 {
        let pid = self.network["agencies"][ORIGIN]["pid"].as_u64().expect("a process id");
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

fn sending(who: &str, number: u64) -> pb::SendMessageRequest {
    let mut draft = rogatory::wire::json::read_file(VESSEL.as_bytes()).expect("an example");
    let text = |it: &str| Some(it.to_owned());
    (draft.message_id, draft.request_id, draft.issued_at) = (None, None, None);
    draft.respond_by = None;
    draft.attachments.clear();
    draft.languages = Some(pb::Languages { request: text("en"), translations: Vec::new() });
    draft.urgency = Some(pb::Urgency { level: text("priority"), reason: text("load") });
    let idempotency_key = format!("{who}-{number}");
    pb::SendMessageRequest { idempotency_key, draft: Some(draft), ..Default::default() }
}

fn node(client: Client, who: &'static str) -> Call {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    Arc::new(move |_| {
        let client = client.clone();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { client.send_message(sending(who, number)).await.is_ok() })
    })
}

/// Answers each call at once with nothing.
struct Echo;

impl UnaryService<pb::SendMessageRequest> for Echo {
    type Response = pb::SendMessageResponse;
    type Future = Ready<Result<tonic::Response<pb::SendMessageResponse>, tonic::Status>>;

    fn call(&mut self, _: tonic::Request<pb::SendMessageRequest>) -> Self::Future {
        ready(Ok(tonic::Response::new(pb::SendMessageResponse::default())))
    }
}

async fn echo_server(serving_tasks: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let answer = |request: axum::extract::Request| async move {
        let mut grpc = Grpc::new(ProstCodec::default());
        Ok::<_, Infallible>(grpc.unary(Echo, request).await)
    };
    let routes = Router::new().fallback_service(tower::service_fn(answer));
    let server = Server::builder().add_routes(Routes::from(routes));
    let serving = server.serve_with_incoming(TcpListenerStream::new(listener));
    serving_tasks.spawn(async move { drop(serving.await) });
    format!("http://{address}")
}

async fn echo(address: &str, who: &'static str) -> Call {
    let channel = Channel::from_shared(address.to_owned()).expect("an address");
    let channel = channel.connect().await.expect("the bare server answers");
    Arc::new(move |number| {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        Box::pin(async move {
            if grpc.ready().await.is_err() {
                return false;
            }
            let path = http::uri::PathAndQuery::from_static("/echo/Send");
            let codec: ProstCodec<pb::SendMessageRequest, pb::SendMessageResponse> =
                ProstCodec::default();
            let asked = tonic::Request::new(sending(who, number));
            grpc.unary(asked, path, codec).await.is_ok()
        })
    })
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// Ticks so often in a second; what is late is not made up for.
fn every(per_second: u64) -> Interval {
    let mut pace = tokio::time::interval(Duration::from_nanos(1_000_000_000 / per_second));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// What the other caller waited, shortest first, and how many calls of the flooder were answered.
async fn measured(steady: &Call, flood: Option<&Call>, time: Duration) -> (Vec<Duration>, u64) {
    let answered = Arc::new(AtomicU64::new(0));
    let began = now();
    let mut flooding = JoinSet::new();
    for lane in flood.map_or(0..0, |_| 0..AT_ONCE) {
        let (flood, answered) = (Arc::clone(flood.expect("there is one")), Arc::clone(&answered));
        flooding.spawn(async move {
            let mut pace = every(FLOOD_PER_SECOND / AT_ONCE);
            let mut number = lane;
            while began.elapsed() < time {
                pace.tick().await;
                answered.fetch_add(u64::from(flood(number).await), Ordering::Relaxed);
                number += AT_ONCE;
            }
        });
    }
    let mut waiting = JoinSet::new();
    let mut pace = every(STEADY_PER_SECOND);
    let mut number = 0;
    while began.elapsed() < time {
        pace.tick().await;
        let call = Arc::clone(steady);
        number += 1;
        waiting.spawn(async move {
            let asked = now();
            assert!(call(number).await, "the other caller is served");
            asked.elapsed()
        });
    }
    let mut waited = waiting.join_all().await;
    flooding.join_all().await;
    waited.sort();
    (waited, answered.load(Ordering::Relaxed))
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or(0.0, |it| it.as_secs_f64() * 1_000.0)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is told by its environment")]
fn time() -> Duration {
    let told = std::env::var("ROGATORY_BENCH_SECONDS").ok().and_then(|it| it.parse().ok());
    Duration::from_secs(told.unwrap_or(SECONDS_DEFAULT))
}

/// Prints one server's figures; gives the p99 of the other caller under the flood.
async fn compared(name: &str, steady: &Call, flood: &Call) -> f64 {
    let time = time();
    let (alone, _) = measured(steady, None, time).await;
    let (flooded, answered) = measured(steady, Some(flood), time).await;
    let rate = answered / time.as_secs().max(1);
    let figures = [(&alone, 50), (&alone, 99), (&flooded, 50), (&flooded, 99)];
    let [p50, p99, flooded_p50, flooded_p99] = figures.map(|(it, at)| percentile(it, at));
    println!(
        "{name:<12} alone p50 {p50:7.2} ms  p99 {p99:7.2} ms   flooded p50 {flooded_p50:7.2} ms  \
         p99 {flooded_p99:7.2} ms   flooder answered {rate}/s, calls of the other {}",
        flooded.len()
    );
    flooded_p99
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        println!(
            "flood of {FLOOD_PER_SECOND}/s asked for, another caller at {STEADY_PER_SECOND}/s"
        );
        let mut serving = JoinSet::new();
        let address = echo_server(&mut serving).await;
        let (steady, flood) = (echo(&address, "steady").await, echo(&address, "flood").await);
        let bare = compared("bare server", &steady, &flood).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kept = Kept::start(&folder.path().join("demo"));
        let (officer, service) = (kept.client("officer").await, kept.client("service").await);
        let (steady, flood) = (node(officer, "steady"), node(service, "flood"));
        let before = kept.rss_mib();
        let at_node = compared("node", &steady, &flood).await;
        println!("p99 at the node is {:.2} times that at the bare server", at_node / bare);
        println!("memory of the node: {before:.0} MiB before, {:.0} MiB after", kept.rss_mib());
    });
}
