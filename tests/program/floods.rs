//! The promise: nothing that a caller sends makes a node panic, keep others waiting, or grow without
//! bound.
//!
//! A caller with a sound certificate speaks HTTP/2 as no library would: streams opened and taken
//! back at once, headers without end, bodies that claim gigabytes or never come. Beside it, another
//! caller works as ever, and the node's memory is read from the system.

use std::time::Duration;

use rogatory::identity::Role;
use rogatory::transport::client::Client;
use rogatory::transport::limits::{HEADERS_BYTES_MAX, STREAMS_PER_CONNECTION_MAX};
use rogatory::transport::tls::ClientStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::network::{HUB, Network, ORIGIN, PATIENCE};

/// Frames of HTTP/2 (RFC 9113 §6) and their flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
/// What a flood may make a node grow by, in KiB: far less than what is sent.
const GROWTH_KIB_MAX: u64 = 48 * 1024;
/// Streams that are opened and taken back at once.
const RESETS: u32 = 50_000;
/// Header bytes without an end.
const HEADER_FLOOD_BYTES: usize = 64 << 20;
/// Pings whose answers nobody reads.
const PINGS: usize = 400_000;
/// Frames that are nothing by themselves.
const SMALL_FRAMES: usize = 400_000;

/// A node, and a caller who means well.
pub struct Scene {
    pub network: Network,
    officer: Client,
    entries: u64,
    memory_kib: u64,
}

impl Scene {
    pub async fn set() -> Self {
        let network = Network::started_with(&[ORIGIN]).await;
        let officer = network.client(ORIGIN, Role::Officer).await;
        let entries = network.entries(ORIGIN).await;
        let mut scene = Self { network, officer, entries, memory_kib: 0 };
        scene.serves().await;
        scene.memory_kib = scene.memory();
        scene
    }

    /// Resident memory of the node, in KiB.
    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.network.process(ORIGIN));
        let told = std::fs::read_to_string(path).expect("the node runs");
        let line = told.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        let digits = line.and_then(|it| it.split_whitespace().next());
        digits.and_then(|it| it.parse().ok()).expect("the system tells")
    }

    pub async fn serves(&self) {
        let asked = self.officer.list_request_states(Default::default());
        tokio::time::timeout(PATIENCE, asked).await.expect("in time").expect("an answer");
    }

    /// The other caller is served, nothing was written, and the node has not grown.
    pub async fn is_unharmed(&self, what: &str) {
        self.is_unharmed_but(what, 0).await;
    }

    /// The same, where so many entries were written.
    pub async fn is_unharmed_but(&self, what: &str, written: u64) {
        self.serves().await;
        let entries = self.network.entries(ORIGIN).await;
        assert_eq!(entries, self.entries + written, "{what}: the journal grew");
        let grown = self.memory().saturating_sub(self.memory_kib);
        println!("{what}: {grown} KiB more");
        assert!(grown < GROWTH_KIB_MAX, "{what}: {grown} KiB more");
    }

    async fn attacker(&self) -> Attacker {
        self.attacker_at(Door::Agency).await
    }

    /// Somebody whose certificate is sound at this door.
    pub async fn attacker_at(&self, door: Door) -> Attacker {
        let mut stream = match door {
            Door::Agency => self.network.connected(ORIGIN, Role::Service, "h2").await,
            Door::Peers => self.network.connected_as_peer(ORIGIN, HUB).await,
        };
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("a fresh connection");
        let mut attacker = Attacker { stream, call: call(door) };
        assert!(attacker.says(&frame(SETTINGS, 0, 0, &[])).await);
        attacker
    }
}

/// Where somebody knocks.
#[derive(Clone, Copy, Debug)]
pub enum Door {
    /// The listener for people and systems of the agency.
    Agency,
    /// The listener for nodes of other agencies.
    Peers,
}

/// Someone who writes frames as they like.
pub struct Attacker {
    stream: ClientStream<TcpStream>,
    call: Vec<u8>,
}

impl Attacker {
    /// Whether the node still listened; it is not waited for longer than patience lasts.
    async fn says(&mut self, bytes: &[u8]) -> bool {
        let written = tokio::time::timeout(Duration::from_secs(5), self.stream.write_all(bytes));
        matches!(written.await, Ok(Ok(())))
    }

    /// All frames until the node closes, by sort; what it says of its reasons stands in GOAWAY.
    async fn hears(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut heard = Vec::new();
        // A node that resets the connection may take its last words with it.
        drop(tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut heard)).await);
        let mut frames = Vec::new();
        let mut rest = heard.as_slice();
        while let Some((head, body)) = rest.split_at_checked(9) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let length = usize::try_from(length).expect("three bytes");
            let Some((payload, more)) = body.split_at_checked(length) else { break };
            frames.push((head[3], payload.to_vec()));
            rest = more;
        }
        frames
    }
}

fn frame(sort: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    let head = [&length[1..], &[sort, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}

/// A header field without an index (RFC 7541 §6.2.2).
fn field(name: &str, value: &str) -> Vec<u8> {
    let short = |it: &str| u8::try_from(it.len()).ok().filter(|it| *it < 127).expect("short");
    [&[0, short(name)], name.as_bytes(), &[short(value)], value.as_bytes()].concat()
}

/// The headers of a call of gRPC that is let in at a door.
fn call(door: Door) -> Vec<u8> {
    let path = match door {
        Door::Agency => "/rogatory.v1.InboxService/ListMessages",
        Door::Peers => "/rogatory.v1.RelayService/Transfer",
    };
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// Numbers of the streams that a client opens.
fn streams() -> impl Iterator<Item = u32> {
    (0..).map(|n| 2 * n + 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_opened_and_taken_back_at_once_end_the_connection() {
    let scene = Scene::set().await;
    rapid_resets(&scene, Door::Agency).await;
}

/// Streams are opened and taken back at once, which the node does not listen to for long.
pub async fn rapid_resets(scene: &Scene, door: Door) {
    let mut attacker = scene.attacker_at(door).await;
    let cancel = 8_u32.to_be_bytes();
    let mut opened = 0;
    for number in streams().take(usize::try_from(RESETS).expect("a count")) {
        let opening = frame(HEADERS, END_HEADERS, number, &attacker.call);
        let both = [opening, frame(RST_STREAM, 0, number, &cancel)].concat();
        if !attacker.says(&both).await {
            break;
        }
        opened += 1;
    }
    let heard = attacker.hears().await;
    println!("{opened} streams before the node closed");
    assert!(opened < RESETS, "the node listened to all of it");
    // 11 is ENHANCE_YOUR_CALM (RFC 9113 §7).
    for (_, reason) in heard.iter().filter(|(sort, _)| *sort == GOAWAY) {
        assert_eq!(reason.get(4..8), Some(&[0, 0, 0, 11][..]));
    }
    scene.is_unharmed("rapid resets").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_without_an_end_are_not_gathered() {
    let scene = Scene::set().await;
    endless_headers(&scene, Door::Agency).await;
}

/// Headers that never end, which the node does not gather.
pub async fn endless_headers(scene: &Scene, door: Door) {
    let mut attacker = scene.attacker_at(door).await;
    let begun = frame(HEADERS, 0, 1, &attacker.call);
    assert!(attacker.says(&begun).await);
    let more: Vec<u8> = (0..100).flat_map(|_| field("x-filler", &"f".repeat(126))).collect();
    let more = frame(CONTINUATION, 0, 1, &more);
    let mut sent = 0;
    while sent < HEADER_FLOOD_BYTES && attacker.says(&more).await {
        sent += more.len();
    }
    println!("{sent} bytes of headers before the node closed");
    assert!(sent < HEADER_FLOOD_BYTES, "the node listened to all of it");
    scene.is_unharmed("headers without an end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_over_the_limit_are_refused_and_the_connection_goes_on() {
    let scene = Scene::set().await;
    let mut attacker = scene.attacker().await;
    let limit = usize::try_from(HEADERS_BYTES_MAX).expect("a size");
    let mut much = call(Door::Agency);
    while much.len() <= limit {
        much.extend(field("x-filler", &"f".repeat(126)));
    }
    let (first, rest) = much.split_at(16_000);
    assert!(attacker.says(&frame(HEADERS, 0, 1, first)).await);
    assert!(attacker.says(&frame(CONTINUATION, END_HEADERS, 1, rest)).await);
    assert!(attacker.says(&frame(GOAWAY, 0, 0, &[0; 8])).await);
    let heard = attacker.hears().await;
    // `:status` 431 in HPACK, packed as the node packs it.
    let too_large = (HEADERS, vec![0x48, 0x83, 0x69, 0x90, 0xff]);
    assert!(heard.contains(&too_large), "{heard:?}");
    let ends: Vec<_> = heard.iter().filter(|(sort, _)| *sort == GOAWAY).collect();
    assert_eq!(ends, [&(GOAWAY, vec![0, 0, 0, 1, 0, 0, 0, 0])], "no fault of the connection");
    scene.is_unharmed("headers over the limit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_do_not_pile_up() {
    let scene = Scene::set().await;
    unread_pings(&scene, Door::Agency).await;
}

/// Pings whose answers nobody reads.
pub async fn unread_pings(scene: &Scene, door: Door) {
    let mut attacker = scene.attacker_at(door).await;
    let pings: Vec<u8> = (0..1_000).flat_map(|_| frame(PING, 0, 0, b"nobody..")).collect();
    let mut sent = 0;
    while sent < PINGS && attacker.says(&pings).await {
        sent += 1_000;
    }
    println!("{sent} pings whose answers nobody read");
    scene.is_unharmed("pings").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_empty_frames_without_an_end_are_not_gathered() {
    let scene = Scene::set().await;
    small_frames(&scene, Door::Agency).await;
}

/// Settings and empty frames, without an end.
pub async fn small_frames(scene: &Scene, door: Door) {
    // Each settings frame wants an answer (RFC 9113 §6.5); each empty frame is work for nothing.
    let settings: Vec<u8> = (0..1_000).flat_map(|_| frame(SETTINGS, 0, 0, &[])).collect();
    let empty: Vec<u8> = (0..1_000).flat_map(|_| frame(DATA, 0, 1, &[])).collect();
    let mut attacker = scene.attacker_at(door).await;
    let mut sent = 0;
    while sent < SMALL_FRAMES && attacker.says(&settings).await {
        sent += 1_000;
    }
    println!("{sent} settings whose answers nobody read");
    let mut attacker = scene.attacker_at(door).await;
    let opening = frame(HEADERS, END_HEADERS, 1, &attacker.call);
    assert!(attacker.says(&opening).await);
    let mut sent = 0;
    while sent < SMALL_FRAMES && attacker.says(&empty).await {
        sent += 1_000;
    }
    println!("{sent} empty frames of a body");
    scene.is_unharmed("settings and empty frames").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_for_which_nobody_makes_room_do_not_pile_up() {
    let scene = Scene::set().await;
    no_room(&scene, Door::Agency).await;
}

/// Calls whose answers may not flow.
pub async fn no_room(scene: &Scene, door: Door) {
    let no_room = [&[0, 4][..], &0_u32.to_be_bytes()].concat();
    let whole = [&[0][..], &0_u32.to_be_bytes()].concat();
    let mut attackers = Vec::new();
    for _ in 0..8 {
        let mut attacker = scene.attacker_at(door).await;
        // No byte of an answer may flow (SETTINGS_INITIAL_WINDOW_SIZE is 0).
        assert!(attacker.says(&frame(SETTINGS, 0, 0, &no_room)).await);
        let all = usize::try_from(STREAMS_PER_CONNECTION_MAX).expect("a count");
        for number in streams().take(all) {
            let opening = frame(HEADERS, END_HEADERS, number, &attacker.call);
            let asked = [opening, frame(DATA, END_STREAM, number, &whole)].concat();
            assert!(attacker.says(&asked).await, "stream {number}");
        }
        attackers.push(attacker);
    }
    scene.is_unharmed("answers without room").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_claims_gigabytes_or_never_comes_keeps_nobody_out() {
    let scene = Scene::set().await;
    let mut attackers = claimed_bodies(&scene, Door::Agency).await;
    // One more than a connection may have open is refused, and only that one.
    let mut attacker = attackers.pop().expect("the last one");
    let over = 2 * STREAMS_PER_CONNECTION_MAX + 1;
    let opening = frame(HEADERS, END_HEADERS, over, &attacker.call);
    assert!(attacker.says(&opening).await);
    assert!(attacker.says(&frame(GOAWAY, 0, 0, &[0; 8])).await);
    for number in streams().take(usize::try_from(STREAMS_PER_CONNECTION_MAX).expect("a count")) {
        attacker.says(&frame(RST_STREAM, 0, number, &8_u32.to_be_bytes())).await;
    }
    let heard = attacker.hears().await;
    let refused: Vec<_> = heard.iter().filter(|(sort, _)| *sort == RST_STREAM).collect();
    // 7 is REFUSED_STREAM: it may be tried again.
    assert_eq!(refused, [&(RST_STREAM, vec![0, 0, 0, 7])]);
    scene.is_unharmed("a stream too many").await;
}

/// Bodies that claim gigabytes or never come, as many as a connection may open.
pub async fn claimed_bodies(scene: &Scene, door: Door) -> Vec<Attacker> {
    let mut attackers = Vec::new();
    for claimed in [u32::MAX, 1 << 30, 1 << 20] {
        let mut attacker = scene.attacker_at(door).await;
        let all = usize::try_from(STREAMS_PER_CONNECTION_MAX).expect("a count");
        for number in streams().take(all) {
            let begun = [&[0][..], &claimed.to_be_bytes(), b"a few bytes"].concat();
            let opening = frame(HEADERS, END_HEADERS, number, &attacker.call);
            let said = [opening, frame(DATA, 0, number, &begun)].concat();
            assert!(attacker.says(&said).await, "{claimed} on stream {number}");
        }
        attackers.push(attacker);
    }
    scene.is_unharmed("bodies that never come").await;
    attackers
}
