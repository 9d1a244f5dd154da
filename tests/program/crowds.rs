//! A hostile neighbour at the peer listener of a real node, and an auditor who reads without end: floods of
//! HTTP/2, sessions and handshakes by the hundred, frames that do not hold. The node's memory is read from
//! the system; beside them, an officer works as ever.

use std::time::Duration;

use rogatory::identity::Role;
use rogatory::node::conduct::FAULTS_OF_SESSION_MAX;
use rogatory::transport::client::Client;
use rogatory::transport::limits::{AUDIT_CALLS_AT_ONCE, FRAME_BYTES_MAX, SESSIONS_OF_ONE_MAX};
use rogatory::transport::tls::stream::ClientTls;
use rogatory::wire::pb;
use rogatory::wire::pb::relay_service_client::RelayServiceClient;
use rogatory::wire::relay::{CheckpointOffer, Hello, Incoming, Outgoing};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::floods::{self, Door, Scene};
use crate::network::raw::{GrpcAnswer, framed};
use crate::network::{HUB, Network, ORIGIN, PATIENCE, until};

/// Handshakes of one sort.
const HANDSHAKES: usize = 300;
/// Sessions that are opened one after another.
const SESSIONS: usize = 300;
/// Bytes of a checkpoint that is none.
const GARBAGE_BYTES: usize = 8 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peers_streams_that_are_taken_back_at_once_end_its_connection() {
    let scene = Scene::set().await;
    floods::rapid_resets(&scene, Door::Peers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peers_headers_without_an_end_are_not_gathered() {
    let scene = Scene::set().await;
    floods::endless_headers(&scene, Door::Peers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peers_pings_settings_and_empty_frames_do_not_pile_up() {
    let scene = Scene::set().await;
    floods::unread_pings(&scene, Door::Peers).await;
    floods::small_frames(&scene, Door::Peers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peers_bodies_that_never_come_and_answers_without_room_keep_nobody_out() {
    let scene = Scene::set().await;
    floods::no_room(&scene, Door::Peers).await;
    drop(floods::claimed_bodies(&scene, Door::Peers).await);
}

/// A connection of the hub's node to the peer listener of the origin.
async fn peer(network: &Network) -> Channel {
    let tls = ClientTls::new(network.tls(ORIGIN, HUB, Role::Node));
    let address = network.place(ORIGIN).listen.peers.to_string();
    until("a connection", async || tls.channel(&address, "localhost").await.ok()).await
}

/// One stream of frames.
struct Session {
    frames: mpsc::Sender<pb::TransferRequest>,
    answers: Streaming<pb::TransferResponse>,
}

impl Session {
    async fn opened(channel: &Channel) -> Result<Self, Status> {
        let mut client = RelayServiceClient::new(channel.clone())
            .max_decoding_message_size(FRAME_BYTES_MAX)
            .max_encoding_message_size(FRAME_BYTES_MAX);
        let (frames, outgoing) = mpsc::channel(8);
        let answers = client.transfer(ReceiverStream::new(outgoing)).await?.into_inner();
        Ok(Self { frames, answers })
    }

    /// The answer to a frame, or the status with which the stream has ended.
    async fn asks(&mut self, frame: Outgoing) -> Result<Incoming, Status> {
        drop(self.frames.send(frame.into_pb()).await);
        let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        let answer = answer.expect("the node answers or ends the stream")?;
        let answer = answer.ok_or_else(|| Status::cancelled("the stream ended"))?;
        Ok(Incoming::from_pb(answer).expect("the node speaks well"))
    }
}

fn hello(network: &Network) -> Outgoing {
    let directory = &network.made.directory;
    Outgoing::Hello(Hello {
        versions: vec![1],
        network: directory.network().clone(),
        directory_version: directory.version(),
    })
}

/// Why a frame, or the whole stream, was refused.
fn refusal(answer: Result<Incoming, Status>) -> Option<String> {
    match answer {
        Ok(Incoming::Refused(refused)) => Some(refused.reason),
        Ok(_) => None,
        Err(status) => status.get_details_error_info().map(|it| it.reason),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_says_what_never_holds_is_cut_off_and_the_node_does_not_grow() {
    let scene = Scene::set().await;
    let channel = peer(&scene.network).await;
    let mut session = Session::opened(&channel).await.expect("a place");
    let welcome = session.asks(hello(&scene.network)).await;
    assert!(matches!(welcome, Ok(Incoming::Welcome(_))), "{welcome:?}");
    let garbage = || {
        let checkpoint = vec![b'x'; GARBAGE_BYTES];
        Outgoing::CheckpointOffer(CheckpointOffer { old_size: 0, proof: Vec::new(), checkpoint })
    };
    let mut withheld = 0;
    let cut = loop {
        match session.asks(garbage()).await {
            Ok(Incoming::Cosigned(_)) => withheld += 1,
            other => break other,
        }
    };
    assert_eq!(withheld, FAULTS_OF_SESSION_MAX);
    assert_eq!(refusal(cut).as_deref(), Some("PEER_CUT_OFF"));
    scene.is_unharmed_but("frames that never hold", 1).await;
    // It comes again and again, and is told so each time.
    let mut told = 0;
    for _ in 0..SESSIONS {
        match Session::opened(&channel).await {
            Ok(mut session) => {
                let answer = session.asks(hello(&scene.network)).await;
                told += usize::from(refusal(answer).as_deref() == Some("PEER_CUT_OFF"));
            }
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}"),
        }
    }
    assert!(told > 0, "none of {SESSIONS} was told");
    println!("{told} of {SESSIONS} sessions were told");
    scene.is_unharmed_but("a peer that is cut off", 1).await;
    // Its operator reads until when, and what did not hold.
    let operator = scene.network.client(ORIGIN, Role::Operator).await;
    let peers = operator.list_peers(pb::ListPeersRequest {}).await.expect("an answer").peers;
    let shown = peers.iter().find(|it| it.agency == HUB).expect("a neighbour");
    assert_eq!(shown.cut_off_cause, "frames");
    assert!(!shown.cut_off_until.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_by_the_hundred_have_places_for_a_few_and_the_node_does_not_grow() {
    let scene = Scene::set().await;
    let channel = peer(&scene.network).await;
    let (mut held, mut refused) = (Vec::new(), 0);
    for _ in 0..SESSIONS {
        match Session::opened(&channel).await {
            Ok(session) => held.push(session),
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                refused += 1;
            }
        }
    }
    assert_eq!((held.len(), refused), (SESSIONS_OF_ONE_MAX, SESSIONS - SESSIONS_OF_ONE_MAX));
    // Those that have a place are silent, or never read what they are told.
    for session in &held {
        for _ in 0..200 {
            let frame = hello(&scene.network).into_pb();
            let said = session.frames.send(frame);
            if tokio::time::timeout(Duration::from_millis(50), said).await.is_err() {
                break;
            }
        }
    }
    scene.is_unharmed("sessions").await;
    drop(held);
    let again = until("a place for a session", async || Session::opened(&channel).await.ok()).await;
    drop(again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_stall_or_are_refused_by_the_hundred_leave_nothing() {
    let scene = Scene::set().await;
    let door = scene.network.place(ORIGIN).listen.peers;
    let mut stalled = Vec::new();
    for number in 0..HANDSHAKES {
        let mut stream = TcpStream::connect(door).await.expect("the node listens");
        // The beginning of a greeting whose end never comes, or nothing at all.
        if number % 2 == 0 {
            let begun = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];
            stream.write_all(&begun).await.expect("a fresh connection");
        }
        stalled.push(stream);
    }
    scene.is_unharmed("handshakes that stall").await;
    drop(stalled);
    // A certificate of an agency's officer opens nothing here.
    let mut refused = 0;
    for _ in 0..HANDSHAKES {
        let knocked = scene.network.knocked_as(ORIGIN, HUB, Role::Officer);
        match tokio::time::timeout(PATIENCE, knocked).await.expect("an answer") {
            Err(_) => refused += 1,
            // The alert comes after the client's own end of the handshake.
            Ok(mut stream) => {
                let mut heard = Vec::new();
                let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard).await;
                refused += usize::from(read.is_err() || heard.is_empty());
            }
        }
    }
    assert_eq!(refused, HANDSHAKES);
    scene.is_unharmed("certificates that are refused").await;
    // A neighbour is let in after all of it.
    let session = Session::opened(&peer(&scene.network).await).await;
    assert!(session.is_ok(), "{:?}", session.err());
}

/// Reads the whole journal once.
async fn reads(auditor: &Client) {
    let asked = pb::ReplayEntriesRequest { start: 0, end: 0 };
    let mut entries = auditor.replay_entries(asked).await.expect("it is let in");
    while entries.next().await.expect("the replay goes on").is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_who_asks_without_end_is_slowed_and_the_node_does_not_grow() {
    let scene = Scene::set().await;
    let auditor = scene.network.client(ORIGIN, Role::Auditor).await;
    reads(&auditor).await;
    // Streams that are opened and never read, and then more questions than the pace allows.
    let mut unread = Vec::new();
    for _ in 0..40 {
        let asked = pb::ReplayEntriesRequest { start: 0, end: 0 };
        unread.push(auditor.replay_entries(asked).await.expect("it is let in"));
    }
    let proof = pb::ProveInclusionRequest::default();
    let calls = 2 * usize::try_from(AUDIT_CALLS_AT_ONCE).expect("a count");
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (auditor, proof) = (auditor.clone(), proof);
        asking.spawn(async move {
            let mut served: u64 = 0;
            for _ in 0..calls / 4 {
                served += u64::from(auditor.prove_inclusion(proof).await.is_ok());
            }
            served
        });
    }
    let served: u64 = asking.join_all().await.iter().sum();
    println!("{served} of {calls} proofs");
    assert!(served > 0);
    drop(unread);
    // Each reading is on record: the first, those that nobody took, and each proof that was shown.
    scene.is_unharmed_but("an auditor without end", 1 + 40 + served).await;
}

/// Compressed bytes (RFC 1952) that come to `pattern` again and again, so many times 258 bytes of it: with the
/// codes that stand in RFC 1951 §3.2.6, 15 bits for each 258.
fn packed(pattern: &[u8], times: usize) -> Vec<u8> {
    let (mut packed, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    let mut put = |value: u32, width: u32| {
        bits |= value << count;
        count += width;
        while count >= 8 {
            packed.push(bits.to_le_bytes()[0]);
            bits >>= 8;
            count -= 8;
        }
    };
    // Codes are written from their highest bit on, everything else from its lowest.
    let code = |value: u32, width: u32| value.reverse_bits() >> (32 - width);
    put(0b011, 3);
    for byte in pattern.iter().map(|it| u32::from(*it)) {
        match byte {
            0..144 => put(code(0x30 + byte, 8), 8),
            _ => put(code(0x190 + byte - 144, 9), 9),
        }
    }
    for _ in 0..times {
        // The longest copy, from 1 byte ago, or from 13.
        put(code(0b1100_0101, 8), 8);
        match pattern.len() {
            1 => put(code(0, 5), 5),
            13 => {
                put(code(7, 5), 5);
                put(0, 2);
            }
            other => panic!("no code for {other} bytes"),
        }
    }
    put(code(0, 7), 7);
    put(0, 7);
    let plain = pattern.iter().copied().cycle().take(pattern.len() + 258 * times);
    let (mut sum, mut length) = (u32::MAX, 0_u32);
    for byte in plain {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(sum & 1));
        }
        length += 1;
    }
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    [&head[..], &packed, &(!sum).to_le_bytes(), &length.to_le_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_call_that_would_grow_a_hundredfold_and_again_is_refused_at_both_doors() {
    let scene = Scene::set().await;
    // Zeros packed into the same 13 bytes over and over, which are packed once more.
    let zeros = packed(&[0], 8 * 4_000);
    let inner: &[u8] = &zeros[20..33];
    assert_eq!(&zeros[33..46], inner, "it repeats");
    let nested = packed(inner, 4_000);
    assert!(258 * 4_000 > 100 * nested.len() && 258 * 8 * 4_000 > 100 * zeros.len());
    for bomb in [zeros, nested] {
        for _ in 0..20 {
            let mut body = framed(&bomb);
            body[0] = 1;
            let packed = [("grpc-encoding", "gzip")];
            let agency = scene.network.connected(ORIGIN, Role::Service, "h2").await;
            let call = "ExchangeService/SendMessage";
            let answer = GrpcAnswer::of(agency, call, &packed, body.clone()).await;
            assert_eq!(answer.code, Some(12), "{answer:?}");
            let peers = scene.network.connected_as_peer(ORIGIN, HUB).await;
            let answer = GrpcAnswer::of(peers, "RelayService/Transfer", &packed, body).await;
            assert_eq!(answer.code, Some(12), "{answer:?}");
        }
    }
    scene.is_unharmed("what would grow").await;
}
