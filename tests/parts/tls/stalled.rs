//! Handshakes that stall: a client that says the first bytes of what it has to say, and then nothing. Each
//! is cut off by the real listener in its time, and whoever comes meanwhile is let in.
//!
//! The bytes are written by hand: what rustls would send goes into a buffer, and a part of it to the
//! socket. So it stalls after each byte of the greeting, and after each byte of what follows the server's
//! answer (certificate, signature, end).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rogatory::clock::SystemClock;
use rogatory::identity::Role;
use rogatory::transport::Tasks;
use rogatory::transport::listener::{ListenerLimits, accept};
use rogatory::transport::tls::{Listener, ServerSettings, ServerTls};
use rustls::ClientConnection;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;

use crate::tls::cases::{Shown, caller};
use crate::tls::matrix::HOME;
use crate::tls::parties::{agency, authority, leaf, own, roots, trust};

/// What is waited for must come within this time.
const PATIENCE: Duration = Duration::from_secs(240);

/// A real listener, and a client that it would let in.
struct Scene {
    address: SocketAddr,
    client: Arc<rustls::ClientConfig>,
    /// Connections that passed.
    passed: Arc<AtomicUsize>,
    tasks: Tasks,
}

impl Scene {
    async fn set(bounds: ListenerLimits) -> Self {
        let italy = authority(HOME);
        let tls = Arc::new(ServerTls::new(ServerSettings {
            listener: Listener::Peer,
            agency: agency(HOME),
            own: own(&leaf(&italy, Role::Node, "rome-1")),
            roots: roots(vec![(HOME, trust(&italy))]),
            clock: Arc::new(SystemClock),
        }));
        let issued = leaf(&italy, Role::Node, "rome-2");
        let key = PrivatePkcs8KeyDer::from(issued.key_der().to_vec());
        let key = aws_lc_rs::sign::any_supported_type(&key.into()).unwrap();
        let client = Arc::new(caller(Shown::signing(&[issued.certificate_der()], key)));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (passed, tasks) = (Arc::new(AtomicUsize::new(0)), Tasks::new());
        let mut accepted = accept(socket, tls, bounds, &tasks);
        let counted = Arc::clone(&passed);
        tasks.spawn(async move {
            // A connection that passed is closed at once: only handshakes are looked at.
            while let Some(Ok(_)) = accepted.next().await {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, client, passed, tasks }
    }

    fn begun(&self) -> (ClientConnection, Vec<u8>) {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        let greeting = said(&mut tls);
        (tls, greeting)
    }

    /// Whether an honest client is let in; not while there is no place.
    async fn lets_in(&self) -> bool {
        let (tls, greeting) = self.begun();
        let Ok(mut stream) = TcpStream::connect(self.address).await else {
            return false;
        };
        let Some(rest) = heard(&mut stream, tls, &greeting).await else {
            return false;
        };
        let before = self.passed.load(Ordering::SeqCst);
        if stream.write_all(&rest).await.is_err() {
            return false;
        }
        drop(ended(&mut stream).await);
        self.passed.load(Ordering::SeqCst) > before
    }
}

/// All that the client has to say now.
fn said(tls: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Says the whole greeting and hears the whole answer; what the client has to say to it. None if the
/// server closed.
async fn heard(
    stream: &mut TcpStream,
    mut tls: ClientConnection,
    greeting: &[u8],
) -> Option<Vec<u8>> {
    stream.write_all(greeting).await.ok()?;
    let mut buffer = vec![0; 16 * 1024];
    while tls.is_handshaking() {
        let length = stream.read(&mut buffer).await.ok().filter(|it| *it > 0)?;
        let mut bytes = &buffer[..length];
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).unwrap();
            tls.process_new_packets().unwrap();
        }
    }
    Some(said(&mut tls))
}

/// Reads until the other side closes.
async fn ended(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A connection that is reset has ended too.
    drop(
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is closed"),
    );
    rest
}

/// Where a client stops.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// After so many bytes of its greeting.
    Greeting(usize),
    /// After so many bytes of what follows.
    Rest(usize),
}

/// One client that stalls; true if it came as far as it was meant to.
async fn stalls(scene: &Scene, stop: Stop) -> bool {
    let (tls, greeting) = scene.begun();
    let mut stream = TcpStream::connect(scene.address).await.expect("the listener listens");
    match stop {
        Stop::Greeting(bytes) => {
            let part = &greeting[..bytes.min(greeting.len() - 1)];
            // Where all places are taken it is closed already.
            if stream.write_all(part).await.is_err() {
                return false;
            }
        }
        Stop::Rest(bytes) => {
            let Some(rest) = heard(&mut stream, tls, &greeting).await else {
                return false;
            };
            // Signatures differ in length by a few bytes.
            let part = &rest[..bytes.min(rest.len() - 1)];
            if stream.write_all(part).await.is_err() {
                return false;
            }
        }
    }
    let told = ended(&mut stream).await;
    assert!(told.is_empty() || matches!(stop, Stop::Rest(_)), "{stop:?}: {told:?}");
    true
}

/// Room for so many files of this process, as far as the system gives them; two to a connection.
fn places() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(8_192).min(8_192);
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap_or_default();
    let room = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    (usize::try_from(room).unwrap_or(1_024) / 2).saturating_sub(200).clamp(64, 1_500)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_stalls_at_any_byte_is_cut_off_and_others_are_let_in_meanwhile() {
    let places = places();
    let bounds = ListenerLimits {
        connections: places + 16,
        handshakes: places + 16,
        handshake: Duration::from_secs(3),
        ..ListenerLimits::default()
    };
    let scene = Arc::new(Scene::set(bounds).await);
    let (tls, greeting) = scene.begun();
    let mut stream = TcpStream::connect(scene.address).await.unwrap();
    let rest = heard(&mut stream, tls, &greeting).await.expect("an answer").len();
    drop(stream);
    assert!(greeting.len() > 1_200 && rest > 400, "{} and {rest} bytes", greeting.len());
    let stops: Vec<Stop> =
        (0..greeting.len()).map(Stop::Greeting).chain((0..rest).map(Stop::Rest)).collect();
    assert!(scene.lets_in().await, "before");
    let passed = scene.passed.load(Ordering::SeqCst);
    let room = Arc::new(Semaphore::new(places));
    let (mut stalled, done) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for stop in stops.iter().copied() {
        let (scene, room, done) = (Arc::clone(&scene), Arc::clone(&room), Arc::clone(&done));
        stalled.spawn(async move {
            let _place = room.acquire_owned().await;
            // A machine that is busy may take longer to answer than a handshake may take.
            let mut tries = 0;
            while !stalls(&scene, stop).await {
                tries += 1;
                assert!(tries < 20, "{stop:?}");
            }
            done.fetch_add(1, Ordering::SeqCst);
        });
    }
    // Whoever has something to say is let in while they hang.
    let mut honest = 0;
    while done.load(Ordering::SeqCst) < stops.len() {
        honest += usize::from(scene.lets_in().await);
    }
    while let Some(ended) = stalled.join_next().await {
        ended.unwrap();
    }
    assert!(honest > 0, "nobody was let in while {} hung", stops.len());
    let all = scene.passed.load(Ordering::SeqCst) - passed;
    assert_eq!(all, honest, "none of those that stalled has passed");
    assert!(scene.lets_in().await, "and all places are free again");
    scene.tasks.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_handshakes_have_so_many_places_and_whoever_comes_beyond_is_closed_at_once() {
    let bounds = ListenerLimits {
        connections: 64,
        handshakes: 4,
        handshake: Duration::from_secs(4),
        ..ListenerLimits::default()
    };
    let scene = Arc::new(Scene::set(bounds).await);
    let mut stalled = JoinSet::new();
    let trying = async {
        // One more each time: whoever came while an honest one had a place was closed at once.
        while scene.lets_in().await {
            let scene = Arc::clone(&scene);
            stalled.spawn(async move { stalls(&scene, Stop::Greeting(100)).await });
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.expect("all places are taken at some time");
    let waiting = async {
        while !scene.lets_in().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("they are given back");
    while let Some(ended) = stalled.join_next().await {
        ended.unwrap();
    }
    scene.tasks.stop();
}
