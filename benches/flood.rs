//! Somebody under another's flood: one asks for 2,000 messages a second, the other for 20, and what the
//! other waits is held against the same flood at a bare tonic server that answers at once, over the same TLS. Once as two
//! callers of an agency's node, once as two neighbours of the hub, each in a relay session.
//!
//! `cargo bench --bench flood` prints p50 and p99 of the other, alone and under the flood, at a node and
//! at the bare server, and the ratio of the two of one run; machines differ, so the ratio is what can be
//! compared. Each server is a process of its own. A node makes each message durable before it answers, the
//! bare server makes nothing; for neighbours it answers another time once a store of the product's has each
//! frame (`flood/keeper.rs`), so that what keeping costs is told from the rest.
//! `ROGATORY_BENCH_SECONDS=N` sets how long each of the ten takes; `-- --peers` leaves the callers out. With `--aims` it
//! fails if a neighbour waits more than twice as long for the flood as without it, or as at the server that keeps.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod kept;
#[path = "flood/keeper.rs"]
mod keeper;
#[path = "flood/peers.rs"]
mod peers;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use futures::future::BoxFuture;
use rogatory::clock::SystemClock;
use rogatory::config::Config;
use rogatory::transport::Tasks;
use rogatory::transport::client::Client;
use rogatory::transport::limits::FRAME_BYTES_MAX;
use rogatory::transport::listener::{ListenerLimits, accept};
use rogatory::transport::tls::{ClientTls, Listener, ServerSettings, ServerTls};
use rogatory::wire::pb;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tonic::server::{Grpc, UnaryService};
use tonic::service::Routes;
use tonic::transport::{Channel, Server};
use tonic_prost::ProstCodec;

use crate::keeper::Keeper;
use crate::kept::{DESTINATION, HUB, Kept, ORIGIN, draft, now, told};
use crate::peers::{Neighbour, StreamEcho};

const SECONDS_DEFAULT: u64 = 20;
/// What this program is told when it is to be the bare server.
const BE_BARE: &str = "be-the-bare-server";
/// Whose place it takes: that of a node's listener for its agency's callers, or for its neighbours.
const FOR_CALLERS: &str = "for-callers";
const FOR_NEIGHBOURS: &str = "for-neighbours";
/// Frames that the bare server answers at once, and those that it answers once a store has them.
const ECHO: &str = "/echo/Transfer";
const KEEP: &str = "/keep/Transfer";
/// Leaves the callers of an agency out.
const ONLY_PEERS: &str = "--peers";
const AIMS: &str = "--aims";
/// So many times as long may the other wait.
const TIMES_MAX: f64 = 2.0;
/// Messages that the other caller sends in a second.
const STEADY_PER_SECOND: u64 = 20;
/// Messages that the flooder asks for in a second, 100 times as many.
const FLOOD_PER_SECOND: u64 = 100 * STEADY_PER_SECOND;
/// Calls of the flooder at the same time: what one connection has streams for.
const AT_ONCE: u64 = 64;

/// One call: true if it was answered with a yes.
type Call = Arc<dyn Fn(u64) -> BoxFuture<'static, bool> + Send + Sync>;

fn sending(who: &str, number: u64) -> pb::SendMessageRequest {
    let idempotency_key = format!("{who}-{number}");
    pb::SendMessageRequest { idempotency_key, draft: Some(draft(number)), ..Default::default() }
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

/// The bare server in a process of its own, as a node is: it shares no thread with those who ask, and those who
/// ask shake hands with it as with the node whose certificate it shows. It ends with whoever holds its input.
struct Bare {
    child: Child,
    address: String,
}

impl Bare {
    /// In the place of the node of `agency`, for its callers or for its neighbours.
    fn started(kept: &Kept, agency: &str, listener: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let config = kept.agency(agency)["config"].as_str().expect("a path");
        command.args([BE_BARE, listener, config]).arg(kept.directory_folder());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut address = String::new();
        let said = child.stdout.take().expect("its output");
        BufReader::new(said).read_line(&mut address).expect("its address");
        Self { child, address: address.trim().to_owned() }
    }

    /// A connection to it of somebody with this certificate.
    async fn channel(&self, tls: &ClientTls) -> Channel {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        tls.channel(&self.address, host).await.expect("the bare server answers")
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Serves until nobody holds the input any more.
async fn be_bare(told: &[String]) {
    let [listener, config, directory] = told else { panic!("three words") };
    let config = Config::load(Path::new(config)).expect("its configuration");
    let (listener, certificate, key) = match listener.as_str() {
        FOR_CALLERS => (Listener::Agency, &config.tls.certificate, &config.tls.key),
        _ => (Listener::Peer, &config.tls.peer_certificate, &config.tls.peer_key),
    };
    let tls = ServerTls::new(ServerSettings {
        listener,
        agency: config.node.agency.clone(),
        own: kept::own(certificate, Path::new(&key.to_string())),
        roots: kept::roots(&kept::directory_in(Path::new(directory))),
        clock: Arc::new(SystemClock),
    });
    let tasks = Tasks::new();
    let keeper = Keeper::started(&config.node.data_dir.join("bare"));
    println!("{}", bare_server(tls, keeper, &tasks).await);
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
    drop(ended.await);
}

/// Serves; gives the address.
async fn bare_server(tls: ServerTls, keeper: Keeper, tasks: &Tasks) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let answer = move |request: axum::extract::Request| {
        let keeper = keeper.clone();
        async move {
            let mut frames = Grpc::new(ProstCodec::default())
                .apply_max_message_size_config(Some(FRAME_BYTES_MAX), Some(FRAME_BYTES_MAX));
            Ok::<_, Infallible>(match request.uri().path() {
                ECHO => frames.streaming(StreamEcho, request).await,
                KEEP => frames.streaming(keeper, request).await,
                _ => Grpc::new(ProstCodec::default()).unary(Echo, request).await,
            })
        }
    };
    let routes = Router::new().fallback_service(tower::service_fn(answer));
    let server = Server::builder().add_routes(Routes::from(routes));
    let accepted = accept(listener, Arc::new(tls), ListenerLimits::default(), tasks);
    let serving = server.serve_with_incoming(accepted);
    tasks.spawn(async move { drop(serving.await) });
    address.to_string()
}

async fn echo(bare: &Bare, tls: ClientTls, who: &'static str) -> Call {
    let channel = bare.channel(&tls).await;
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

/// Ticks so often in a second; what is late is not made up for.
fn every(per_second: u64, missed: MissedTickBehavior) -> Interval {
    let mut pace = tokio::time::interval(Duration::from_nanos(1_000_000_000 / per_second));
    pace.set_missed_tick_behavior(missed);
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
            let mut pace = every(FLOOD_PER_SECOND / AT_ONCE, MissedTickBehavior::Delay);
            let mut number = lane;
            while began.elapsed() < time {
                pace.tick().await;
                answered.fetch_add(u64::from(flood(number).await), Ordering::Relaxed);
                number += AT_ONCE;
            }
        });
    }
    let mut waiting = JoinSet::new();
    // What is late because this machine is busy has waited all the same: time runs from when it was due.
    let mut pace = every(STEADY_PER_SECOND, MissedTickBehavior::Burst);
    let mut number = 0;
    while began.elapsed() < time {
        let due = pace.tick().await.into_std();
        let call = Arc::clone(steady);
        number += 1;
        waiting.spawn(async move {
            assert!(call(number).await, "the other caller is served");
            due.elapsed()
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

/// 99 % of the other's waits are no longer than so many milliseconds.
#[derive(Clone, Copy, Default)]
struct P99 {
    alone: f64,
    flooded: f64,
}

/// Prints one server's figures.
async fn compared(name: &str, steady: &Call, flood: &Call) -> P99 {
    let time = Duration::from_secs(told("ROGATORY_BENCH_SECONDS", SECONDS_DEFAULT));
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
    P99 { alone: p99, flooded: flooded_p99 }
}

/// At the agency listener: two callers of the origin.
async fn at_agency(kept: &Kept) {
    let bare = Bare::started(kept, ORIGIN, FOR_CALLERS);
    let [officer, service] = ["officer", "service"].map(|role| kept.tls(ORIGIN, role));
    let (steady, flood) =
        (echo(&bare, officer, "steady").await, echo(&bare, service, "flood").await);
    let bare = compared("bare, calls", &steady, &flood).await;
    let officer = kept.client(ORIGIN, "officer").await;
    let service = kept.client(ORIGIN, "service").await;
    let (steady, flood) = (node(officer, "steady"), node(service, "flood"));
    let before = kept.rss_mib(ORIGIN);
    let at_node = compared("node, calls", &steady, &flood).await;
    let times = at_node.flooded / bare.flooded;
    println!("calls: p99 at the node is {times:.2} times that at the bare server");
    println!("memory of the node: {before:.0} MiB before, {:.0} MiB after", kept.rss_mib(ORIGIN));
}

/// At the peer listener: two neighbours of the hub.
async fn at_peers(kept: &Kept) {
    let bare = Bare::started(kept, HUB, FOR_NEIGHBOURS);
    let mut tasks = JoinSet::new();
    let seconds = told("ROGATORY_BENCH_SECONDS", SECONDS_DEFAULT);
    let mut one = Neighbour::of(kept, ORIGIN);
    let steady = one.handings(2 * STEADY_PER_SECOND * (seconds + 1), &mut tasks).await;
    let mut other = Neighbour::of(kept, DESTINATION);
    let flood = other.handings(FLOOD_PER_SECOND * seconds, &mut tasks).await;
    let mut at_bare =
        [("bare, frames", ECHO, P99::default()), ("bare, kept", KEEP, P99::default())];
    for (name, path, p99) in &mut at_bare {
        let steady = one.bare_calls((&bare, *path), steady.clone(), &mut tasks).await;
        let flood = other.bare_calls((&bare, *path), flood.clone(), &mut tasks).await;
        *p99 = compared(name, &steady, &flood).await;
    }
    let steady = one.calls(steady, &mut tasks).await;
    let flood = other.calls(flood, &mut tasks).await;
    let before = kept.rss_mib(HUB);
    let at_node = compared("node, frames", &steady, &flood).await;
    let [times, keeping] = at_bare.map(|(_, _, p99)| at_node.flooded / p99.flooded);
    let alone = at_node.flooded / at_node.alone;
    println!("frames: p99 at the node is {times:.2} times that at the bare server");
    println!("frames: and {keeping:.2} times that at one that keeps each frame before it answers");
    println!("frames: and {alone:.2} times that at the node without the flood");
    println!("memory of the hub: {before:.0} MiB before, {:.0} MiB after", kept.rss_mib(HUB));
    if std::env::args().any(|it| it == AIMS) {
        assert!(keeping <= TIMES_MAX, "{keeping:.2} times as long as at the server that keeps");
        assert!(alone <= TIMES_MAX, "{alone:.2} times as long as without the flood");
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let told: Vec<String> = std::env::args().skip_while(|it| it != BE_BARE).skip(1).collect();
        if !told.is_empty() {
            return be_bare(&told).await;
        }
        println!("flood of {FLOOD_PER_SECOND}/s asked for, another at {STEADY_PER_SECOND}/s");
        // A network each: what the first flood left waiting would be handed over in the second.
        let folder = tempfile::tempdir().expect("a temporary folder");
        if !std::env::args().any(|it| it == ONLY_PEERS) {
            at_agency(&Kept::start(&folder.path().join("callers"))).await;
        }
        at_peers(&Kept::start(&folder.path().join("peers"))).await;
    });
}
