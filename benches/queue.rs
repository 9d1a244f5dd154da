//! What a long queue costs: a node with many messages for peers that are away, against one with few.
//!
//! The messages are accepted by the shipped node before the measured process starts. What that process
//! needs once its store is open is the store's share, which follows the number of values. What it needs
//! more after it has dialled in vain, looked for other ways and shown its queue must not follow the number of
//! messages. Some of that is the store's cache, which a short queue of some ten thousand fills. Then the peers
//! come up: how long until the first message is over, and how fast the rest goes.
//!
//! And what the same queue costs a hub (`queue/hub.rs`): it takes it from the origin while the destination
//! is away, in the program's own session, holds it while more is pressed upon it and it has no room, and
//! passes it on in the end.
//!
//! `cargo bench --bench queue -- --few 20000 --messages 1000000 --seconds 600` prints figures of this
//! machine, with `--only origin` or `--only hub` of one of the two; `--cache 1` gives the stores a cache of so
//! many MiB, and `--passed 10000` waits for so many to be passed on and not for 500. Without arguments it
//! queues 8,000 messages. The stores lie where `TMPDIR` says.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(unreachable_pub, reason = "a benchmark's modules have no outside")]

#[path = "queue/hub.rs"]
mod hub;
#[expect(dead_code, reason = "the benchmark uses a part of the network")]
#[path = "../tests/network/mod.rs"]
mod network;
#[expect(dead_code, reason = "the benchmark uses a part of it")]
mod told;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use network::drafts::request;
use network::{DESTINATION, HUB, Network, ORIGIN};
use rogatory::cli::node::setting;
use rogatory::config::Config;
use rogatory::domain::digest::Digest;
use rogatory::domain::ids::RequestId;
use rogatory::entropy::{SystemEntropy, uuid_v7};
use rogatory::identity::{Principal, Role};
use rogatory::node::Node;
use rogatory::node::command::{Call, Command, Outcome, Submission};
use rogatory::node::sealing::{self, Plan};
use rogatory::node::setting::Setting;
use rogatory::transport::client::Client;
use rogatory::wire;
use rogatory::wire::pb;

/// As the program has it: the queue is filled in this process.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The cache of a store, in MiB, unless one is named: that of a node as it is shipped.
const CACHE_MIB: u64 = 16;
/// The queues that are compared, unless others are named. Fewer do not use the first of the log's buffers, 16 MiB
/// each, throughout.
const QUEUES: [u64; 2] = [2_000, 8_000];
/// So many are waited for once the peers are there, unless another number is named.
const PASSED: u64 = 500;
/// Messages that share a commit while the queue is filled.
const ABREAST: u64 = 16;
const LIFE_MS: i64 = 7 * 86_400_000;
/// More than this, in MiB, may no queue cost above what a short one costs: a buffer or two of the store's log more
/// may be there when one looks, the more of them the slower the disk. As they lie in the log, the messages that
/// the longer queue has more are some 90.
const MORE_MIB_MAX: f64 = 40.0;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn resident(network: &Network, stage: &str) -> f64 {
    let process = network.process(stage);
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1_024.0
}

/// A submission of a desk of the origin.
fn submission(setting: &Setting, number: u64) -> Command {
    let file = request("A vessel adrift without lights.").to_string();
    let file = wire::json::read_file(file.as_bytes()).expect("a message file");
    let draft = wire::draft::read(file).expect("a well-formed draft");
    let now = setting.clock.now();
    let request = RequestId::from(uuid_v7(&SystemEntropy, now));
    let plan = Plan { request, now, expires_in_ms: LIFE_MS };
    let messages = sealing::prepare(setting, &draft, &plan).expect("it can be sealed");
    let principal = Principal::new(setting.agency.clone(), Role::Officer, "duty-officer");
    let (key, principal) = (format!("queued {number}"), principal.expect("a post"));
    let call = Call { principal, fingerprint: Digest::of(key.as_bytes()), key };
    Command::Submit(Box::new(Submission::of(call, draft, &plan, messages)))
}

/// A network of nodes that do not run, and whose stores have so large a cache.
async fn silent() -> Network {
    let network = Network::started_with(&[]).await;
    let cache = format!("cache_bytes = {}", told::number("--cache", CACHE_MIB) << 20);
    for stage in [ORIGIN, HUB, DESTINATION] {
        network.configure(stage, "cache_bytes = 16777216\n", &format!("{cache} # of this run\n"));
    }
    network
}

/// Three messages of a queue.
struct Queued {
    first: String,
    /// The last one that is waited for.
    passed: String,
    last: String,
}

/// Fills the queue of the origin's node, which does not run.
fn fill(network: &Network, messages: u64) -> Queued {
    let config = Config::load(&network.place(ORIGIN).config).expect("the configuration is good");
    let opened = setting::open(&config).expect("the node's store opens");
    let setting = Arc::new(opened.setting);
    let mut node = Node::open(Arc::clone(&setting)).expect("the node opens");
    let passed = passed(messages);
    let mut queued: Option<Queued> = None;
    let mut number = 0;
    while number < messages {
        let until = messages.min(number + ABREAST);
        let commands = (number..until).map(|it| submission(&setting, it)).collect();
        for decided in node.execute(commands).expect("the store holds") {
            let Ok(Outcome::Submitted(sent, _)) = decided else { panic!("{decided:?}") };
            number += 1;
            let id = sent[0].message.to_string();
            let begun = queued.get_or_insert_with(|| Queued {
                first: id.clone(),
                passed: id.clone(),
                last: id.clone(),
            });
            if number == passed {
                begun.passed.clone_from(&id);
            }
            begun.last = id;
        }
    }
    queued.expect("a queue holds messages")
}

/// How many of so many are waited for.
fn passed(messages: u64) -> u64 {
    told::number("--passed", PASSED).min(messages)
}

/// What the node of the origin needs once it serves, and after its peers have been away for so long.
async fn alone(network: &mut Network, seconds: u64) -> [f64; 2] {
    network.start(ORIGIN);
    network.serves(ORIGIN).await;
    let opened = resident(network, ORIGIN);
    let operator = network.client(ORIGIN, Role::Operator).await;
    // A node that drains counts what is left whenever it is asked how it stands.
    operator.set_drain(pb::SetDrainRequest { on: true }).await.expect("it drains");
    let began = now();
    while began.elapsed() < Duration::from_secs(seconds) {
        let asked = pb::ListQueueRequest { page_size: 100, ..Default::default() };
        operator.list_queue(asked).await.expect("the queue is shown");
        operator.list_peers(pb::ListPeersRequest {}).await.expect("the peers are shown");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    operator.set_drain(pb::SetDrainRequest { on: false }).await.expect("it takes again");
    [opened, resident(network, ORIGIN)]
}

/// Whether a message has been at a station, by what its origin shows.
async fn is_at(officer: &Client, message: &str, station: &str) -> bool {
    let asked = pb::GetMessageRequest { message_id: message.to_owned(), ..Default::default() };
    let shown = officer.get_message(asked).await.expect("it is shown").message;
    shown.is_some_and(|it| it.stations.iter().any(|it| it.station == station))
}

/// Waits until it has.
async fn reached(officer: &Client, message: &str, station: &str) {
    while !is_at(officer, message, station).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn measure(name: &str, messages: u64, seconds: u64) -> f64 {
    let mut network = silent().await;
    let began = now();
    let queued = fill(&network, messages);
    let rate = messages as f64 / began.elapsed().as_secs_f64();
    println!("{name}: {messages} messages queued, {rate:.0}/s");
    let [opened, away] = alone(&mut network, seconds).await;
    println!("{name}: once the store is open      {opened:.0} MiB");
    println!("{name}: more while peers are away   {:.1} MiB", away - opened);
    let officer = network.client(ORIGIN, Role::Officer).await;
    for stage in [DESTINATION, HUB] {
        network.start(stage);
    }
    network.serves(HUB).await;
    let began = now();
    reached(&officer, &queued.first, "relayed").await;
    println!("{name}: first one over after        {:.2} s", began.elapsed().as_secs_f64());
    reached(&officer, &queued.passed, "relayed").await;
    let passed = passed(messages);
    let rate = passed as f64 / began.elapsed().as_secs_f64();
    let (origin, hub) = (resident(&network, ORIGIN), resident(&network, HUB));
    println!("{name}: {passed} over, {rate:.0}/s; origin {origin:.0} MiB, hub {hub:.0} MiB");
    away - opened
}

/// Whether a part was asked for: `--only` leaves out all others.
fn is_wanted(part: &str) -> bool {
    let mut told = std::env::args().skip_while(|it| it != "--only").skip(1);
    told.next().is_none_or(|it| it == part)
}

#[tokio::main]
async fn main() {
    let seconds = told::number("--seconds", 6);
    let [shorter, messages] = QUEUES;
    let (shorter, messages) =
        (told::number("--few", shorter), told::number("--messages", messages));
    if is_wanted("origin") {
        let few = measure("few ", shorter, seconds).await;
        let many = measure("many", messages, seconds).await;
        println!("a queue of {messages} costs {:.1} MiB more than one of {shorter}", many - few);
        assert!(many - few <= MORE_MIB_MAX, "what a queue costs follows its length");
    }
    if is_wanted("hub") {
        let few = hub::measure("few  at a hub", shorter, seconds).await;
        let many = hub::measure("many at a hub", messages, seconds).await;
        let more = [many.taking - few.taking, many.holding - few.holding];
        let ratios = [many.took / few.took, many.passed / few.passed];
        println!(
            "a hub with {messages} needs {:.1} MiB more to take them and {:.1} MiB more to hold them than one \
             with {shorter}; it takes them {:.2} and passes them on {:.2} times as fast",
            more[0], more[1], ratios[0], ratios[1],
        );
        assert!(more[0] <= MORE_MIB_MAX, "what a hub needs to take a queue follows its length");
        assert!(more[1] <= MORE_MIB_MAX, "what a hub needs to hold a queue follows its length");
    }
}
