//! A line that a test can break: a proxy in front of a listener, on loopback, below TLS. It passes
//! bytes and knows nothing of them; what it does to them it is told for each way.
//!
//! What a fault holds back is not lost: [`Proxy::heal`] lets it flow on the same connection. What a
//! test waits for is that a fault has struck: bytes came that it concerns.

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::network::until;

/// Bytes that are passed at a time.
const PIECE: usize = 16 * 1024;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From whoever dialled to the listener.
    There,
    /// From the listener to whoever dialled.
    Back,
}

/// What is done to the bytes of one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// They pass.
    None,
    /// They wait.
    Stalled,
    /// So many pass at each tick.
    Trickle(usize, Duration),
    /// They come so much later.
    Delay(Duration),
    /// The connection is reset, both its ends.
    Reset,
    /// The receiver is told that nothing more comes, and nothing does; the other way is as it was.
    HalfClosed,
}

/// One way of all connections of a proxy.
struct Lane {
    /// What is done once so many bytes more have passed.
    told: Mutex<(usize, Fault)>,
    /// Counts what was told.
    turn: watch::Sender<u64>,
    passed: AtomicU64,
    struck: AtomicU64,
}

impl Lane {
    fn new() -> Self {
        Self {
            told: Mutex::new((0, Fault::None)),
            turn: watch::channel(0).0,
            passed: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        }
    }

    fn told(&self) -> MutexGuard<'_, (usize, Fault)> {
        self.told.lock().expect("no holder panics")
    }

    fn tell(&self, after: usize, fault: Fault) {
        *self.told() = (after, fault);
        self.struck.store(0, Ordering::SeqCst);
        self.turn.send_modify(|it| *it += 1);
    }

    /// How many bytes may pass now, and what is done if none may.
    fn now(&self) -> (usize, Fault) {
        let (left, fault) = *self.told();
        let free = if fault == Fault::None { PIECE } else { left.min(PIECE) };
        (free, fault)
    }

    fn note(&self, bytes: usize) {
        let mut told = self.told();
        told.0 = told.0.saturating_sub(bytes);
        self.passed.fetch_add(bytes as u64, Ordering::SeqCst);
    }
}

struct Lanes {
    there: Lane,
    back: Lane,
    /// True while whoever dials is turned away.
    shut: AtomicBool,
    /// Counts how often every connection was reset.
    severed: watch::Sender<u64>,
    dialled: AtomicU64,
    /// Connections after the first of these numbers and up to the second never pass anything again.
    stranded: watch::Sender<(u64, u64)>,
}

/// A proxy; everything of it ends with the value.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    lanes: Arc<Lanes>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens at `at`, with port 0 at any port of that host, and passes everything on to `to`.
    pub async fn between(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).await.expect("the proxy can listen");
        let address = listener.local_addr().expect("it has an address");
        let lanes = Arc::new(Lanes {
            there: Lane::new(),
            back: Lane::new(),
            shut: AtomicBool::new(false),
            severed: watch::channel(0).0,
            dialled: AtomicU64::new(0),
            stranded: watch::channel((0, 0)).0,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, to, Arc::clone(&lanes)));
        Self { address, lanes, _tasks: tasks }
    }

    fn lane(&self, way: Way) -> &Lane {
        match way {
            Way::There => &self.lanes.there,
            Way::Back => &self.lanes.back,
        }
    }

    fn tell(&self, ways: &[Way], after: usize, fault: Fault) {
        ways.iter().for_each(|it| self.lane(*it).tell(after, fault));
    }

    /// Connections stand, new ones too, and nothing passes.
    pub fn stall(&self) {
        self.tell(&[Way::There, Way::Back], 0, Fault::Stalled);
    }

    /// One way passes so many bytes more and then nothing.
    pub fn stall_after(&self, way: Way, bytes: usize) {
        self.tell(&[way], bytes, Fault::Stalled);
    }

    /// A connection is reset as soon as so many bytes more have passed that way, and others come.
    pub fn reset_after(&self, way: Way, bytes: usize) {
        self.tell(&[way], bytes, Fault::Reset);
    }

    /// Whoever receives on this way is told that nothing more comes.
    pub fn half_close(&self, way: Way) {
        self.tell(&[way], 0, Fault::HalfClosed);
    }

    /// So many bytes pass at each tick, both ways.
    pub fn trickle(&self, bytes: usize, tick: Duration) {
        self.tell(&[Way::There, Way::Back], 0, Fault::Trickle(bytes, tick));
    }

    /// What passes comes later, both ways.
    pub fn delay(&self, by: Duration) {
        self.tell(&[Way::There, Way::Back], 0, Fault::Delay(by));
    }

    /// Every connection is reset, and others come.
    pub fn sever(&self) {
        self.lanes.severed.send_modify(|it| *it += 1);
    }

    /// Every connection is reset, and whoever dials is turned away.
    pub fn shut(&self) {
        self.lanes.shut.store(true, Ordering::SeqCst);
        self.sever();
    }

    /// The connections that stand pass nothing any more, for ever, and nobody is told; others are good.
    pub fn strand(&self) {
        self.lanes.stranded.send_replace((0, self.dialled()));
    }

    /// The same of the connection that was dialled last, alone.
    pub fn strand_latest(&self) {
        let latest = self.dialled();
        self.lanes.stranded.send_replace((latest - 1, latest));
    }

    /// Nothing is wrong any more.
    pub fn heal(&self) {
        self.lanes.shut.store(false, Ordering::SeqCst);
        self.tell(&[Way::There, Way::Back], 0, Fault::None);
    }

    /// Bytes that passed one way since the beginning.
    pub fn passed(&self, way: Way) -> u64 {
        self.lane(way).passed.load(Ordering::SeqCst)
    }

    /// Connections that were dialled since the beginning, those that were turned away included.
    pub fn dialled(&self) -> u64 {
        self.lanes.dialled.load(Ordering::SeqCst)
    }

    /// Waits until bytes have come that what this way was told last has held back.
    pub async fn struck(&self, way: Way) {
        let struck = &self.lane(way).struck;
        until("the fault to strike", async || (struck.load(Ordering::SeqCst) > 0).then_some(()))
            .await;
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, lanes: Arc<Lanes>) {
    let mut pairs = JoinSet::new();
    loop {
        let Ok((dialler, _)) = listener.accept().await else { continue };
        let number = lanes.dialled.fetch_add(1, Ordering::SeqCst) + 1;
        pairs.spawn(pass(number, dialler, to, Arc::clone(&lanes)));
        while pairs.try_join_next().is_some() {}
    }
}

/// Lets both ends of a connection know that it is broken.
fn reset(ends: &[&TcpStream]) {
    for end in ends {
        // An end that is gone already needs to know nothing.
        drop(end.set_zero_linger());
    }
}

async fn pass(number: u64, dialler: TcpStream, to: SocketAddr, lanes: Arc<Lanes>) {
    let (mut severed, mut stranded) = (lanes.severed.subscribe(), lanes.stranded.subscribe());
    if lanes.shut.load(Ordering::SeqCst) {
        return reset(&[&dialler]);
    }
    let Ok(listener) = TcpStream::connect(to).await else {
        return reset(&[&dialler]);
    };
    drop((dialler.set_nodelay(true), listener.set_nodelay(true)));
    let both = async {
        tokio::try_join!(
            flow(&dialler, &listener, &lanes.there),
            flow(&listener, &dialler, &lanes.back)
        )
    };
    let is_stranded = async {
        // Whoever could tell otherwise goes with the proxy.
        drop(stranded.wait_for(|it| (it.0 + 1..=it.1).contains(&number)).await);
    };
    let passing = async {
        let stood_still = tokio::select! {
            ended = both => Some(ended),
            () = is_stranded => None,
        };
        match stood_still {
            Some(ended) => ended,
            // Both ends are kept open, and nothing is read from either.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = passing => if ended.is_err() { reset(&[&dialler, &listener]) },
        _ = severed.changed() => reset(&[&dialler, &listener]),
    }
}

/// The connection is broken.
struct Broken;

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// Passes one way until its sender has nothing more to say.
async fn flow(from: &TcpStream, to: &TcpStream, lane: &Lane) -> Result<(), Broken> {
    let mut turn = lane.turn.subscribe();
    let mut buffer = vec![0; PIECE];
    loop {
        turn.borrow_and_update();
        let (free, fault) = lane.now();
        if fault == Fault::HalfClosed && free == 0 {
            close(to)?;
            lane.struck.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        tokio::select! {
            ready = from.readable() => ready?,
            _ = turn.changed() => continue,
        }
        let bytes = match fault {
            _ if free > 0 => free,
            Fault::None | Fault::HalfClosed => continue,
            Fault::Delay(_) => PIECE,
            Fault::Trickle(bytes, _) => bytes,
            Fault::Reset => {
                lane.struck.fetch_add(1, Ordering::SeqCst);
                *lane.told() = (0, Fault::None);
                return Err(Broken);
            }
            Fault::Stalled => {
                lane.struck.fetch_add(1, Ordering::SeqCst);
                // Whoever told this goes, or tells something else.
                drop(turn.changed().await);
                continue;
            }
        };
        let read = match from.try_read(&mut buffer[..bytes]) {
            Ok(0) => return Ok(close(to)?),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return Err(Broken),
        };
        if let (0, Fault::Delay(wait) | Fault::Trickle(_, wait)) = (free, fault) {
            lane.struck.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(wait).await;
        }
        write(to, &buffer[..read]).await?;
        lane.note(read);
    }
}

async fn write(to: &TcpStream, mut bytes: &[u8]) -> Result<(), Broken> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Broken),
        }
    }
    Ok(())
}

/// Says on one way that nothing more comes.
fn close(to: &TcpStream) -> std::io::Result<()> {
    let other = std::net::TcpStream::from(to.as_fd().try_clone_to_owned()?);
    // Who has gone meanwhile hears nothing more anyway.
    drop(other.shutdown(std::net::Shutdown::Write));
    Ok(())
}
