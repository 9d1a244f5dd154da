//! `node run`: opens the stores, binds the listeners, serves until told to stop.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use crate::cli::call::roots_of;
use crate::cli::call::trust_of;
use crate::cli::exit::{Exit, Failure, sentence};
use crate::cli::file;
use crate::cli::node::ending::die;
use crate::cli::node::followed::Followed;
use crate::cli::node::{publish, setting};
use crate::clock::{Clock as _, SystemClock};
use crate::config::directory::FolderError;
use crate::config::keys::webhook_key;
use crate::config::{Config, Environment};
use crate::directory::Directory;
use crate::domain::ids::AgencyId;
use crate::identity::{Principal, Role};
use crate::node::command::Command;
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::node::{Node, Stop};
use crate::transport::alarm::{AlarmBoard, AlarmHook, AlarmWays};
use crate::transport::certificates::CertificateBoard;
use crate::transport::listener::ListenerLimits;
use crate::transport::peer::Dial;
use crate::transport::tls::own::OwnCertificate;
use crate::transport::tls::roots::{CRL_GRACE_MILLIS, RootsByAgency};
use crate::transport::tls::stream::ClientTls;
use crate::transport::tls::{ClientSettings, Line, Listener, ServerSettings, ServerTls};
use crate::transport::{Listeners, Tasks, Trust, serve};

/// Why a node ends whose writer ended without a reason.
const UNEXPECTED: &str = "the writer ended unexpectedly";
/// What still runs when the node is told to stop gets this long to end.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Runs the node of a configuration until SIGTERM or SIGINT.
///
/// # Errors
/// A fault of the configuration, a socket that can't be bound, a store that can't be opened; exit
/// status 74 if the store fails while the node runs.
pub fn run(path: &Path) -> Result<()> {
    let config = Config::load(path)?;
    crate::cli::trace::start(&config.trace);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run_config(config))
}

async fn run_config(config: Config) -> Result<()> {
    let followed = match Followed::start(&config) {
        Ok(followed) => followed,
        // The node's own copy lies where its store does, and fails with the same disk.
        Err(FolderError::Io { path, source }) if path.starts_with(&config.node.data_dir) => {
            die(&format!("the node can't open: {}: {source}", path.display()))
        }
        Err(error) => return Err(error.into()),
    };
    let setting = Arc::new(setting::open_with(&config, followed.directory())?.setting);
    let node = match Node::open(setting) {
        Ok(node) => node,
        Err(stop) => die(&format!("the node can't open: {stop}")),
    };
    let listeners = bind(&config).await?;
    let (writer, thread) = Writer::start(node)?;
    let certificates = Certificates::of(&config, &writer.setting().directory())?;
    let trust = certificates.trust(&config, writer.setting());
    let bounds = ListenerLimits {
        connections: usize::try_from(config.limits.connections)?,
        handshakes: usize::try_from(config.limits.handshakes_max)?,
        handshake: Duration::from_millis(config.limits.handshake_timeout_ms),
        streams: config.limits.streams,
    };
    let tasks = Tasks::new();
    let hangup = signal(SignalKind::hangup()).context("hearing of SIGHUP")?;
    let reload = Reload { config: config.clone(), certificates, followed, writer: writer.clone() };
    tasks.spawn(reload.when_told(hangup, tasks.clone()));
    for publisher in publish::publishers(&config.tiles(), writer.setting()) {
        tasks.spawn(publish::publish(publisher, tasks.clone()));
    }
    tracing::info!(agency = %config.node.agency, "serving");
    let hook = alarm_hook(&config)?;
    let mut serving =
        Box::pin(serve(listeners, writer.clone(), trust, bounds, hook, tasks.clone()));
    let mut ended = tokio::select! {
        ended = &mut serving => Some(ended),
        () = told_to_stop() => None,
        () = writer.stopped() => None,
    };
    if writer.has_stopped() {
        ended_by_its_store(thread);
    }
    tracing::info!("stopping");
    tasks.stop();
    if ended.is_none() {
        // Calls and streams end by themselves; whoever does not is cut off.
        ended = tokio::time::timeout(DRAIN_TIME_MAX, &mut serving).await.ok();
    }
    drop(serving);
    drop(writer);
    drop(tokio::time::timeout(DRAIN_TIME_MAX, tasks.ended()).await);
    let joined = tokio::task::spawn_blocking(move || thread.join());
    match tokio::time::timeout(DRAIN_TIME_MAX, joined).await {
        Ok(Ok(Ok(Ok(())))) => {
            tracing::info!("stopped");
            ended.transpose().map(|_| ()).context("serving")
        }
        Ok(Ok(Ok(Err(stop)))) => die(&sentence(&stop.into())),
        // Whatever was answered is durable; what was not is for its sender to repeat.
        Err(_) => Err(Failure::new(Exit::Failed, "the writer did not end in time").into()),
        Ok(Ok(Err(_)) | Err(_)) => die(UNEXPECTED),
    }
}

/// The writer ends by itself only if it must not go on.
fn ended_by_its_store(writer: JoinHandle<Result<(), Stop>>) -> ! {
    match writer.join() {
        Ok(Err(stop)) => die(&sentence(&stop.into())),
        Ok(Ok(())) | Err(_) => die(UNEXPECTED),
    }
}

/// Whom to ring, by the configuration.
fn alarm_hook(config: &Config) -> Result<AlarmHook> {
    let alarm = &config.alarm;
    let key = |path: &std::path::PathBuf| webhook_key(path, &Environment::of_process());
    let ways = AlarmWays {
        command: alarm.command.clone(),
        webhook: alarm.webhook.clone(),
        webhook_key: alarm.webhook_secret.as_ref().map(key).transpose()?,
        timeout: Duration::from_millis(alarm.timeout_ms),
    };
    Ok(AlarmHook::new(ways, Arc::new(SystemClock), AlarmBoard::default()))
}

async fn told_to_stop() {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// What is read again at each SIGHUP: certificates and the directory. What can't be read, or is
/// wrong, leaves the present ones in force.
struct Reload {
    config: Config,
    certificates: Certificates,
    followed: Followed,
    writer: Writer,
}

impl Reload {
    async fn when_told(mut self, mut hangup: Signal, tasks: Tasks) {
        loop {
            tokio::select! {
                _ = hangup.recv() => {}
                () = tasks.stopping() => return,
            }
            let own = self.certificates.reload(&self.config);
            let directory = self.take_over().await;
            let faults: Vec<String> = [own, directory]
                .into_iter()
                .filter_map(Result::err)
                .map(|it| sentence(&it))
                .collect();
            let fault = (!faults.is_empty()).then(|| faults.join("; "));
            match &fault {
                None => tracing::info!("certificates and the directory were read again"),
                Some(fault) => tracing::error!(error = fault, "what is named stays as it was"),
            }
            self.certificates.shown.read_again(SystemClock.now(), fault);
        }
    }

    /// Takes over what the operator's folder has that is newer, and lets the node follow it.
    async fn take_over(&mut self) -> Result<()> {
        // Reading and verifying takes a while, and the others go on meanwhile.
        let (newer, directory) = tokio::task::block_in_place(|| {
            let newer = self.followed.take_over();
            (newer, self.followed.directory())
        });
        let newer = newer?;
        let setting = self.writer.setting();
        if !newer && directory.hash() == setting.directory().hash() {
            tracing::info!("the directory was read again; nothing in it is newer");
            return Ok(());
        }
        let own = directory.current_journal(&setting.agency);
        let is_ours = own.is_some_and(|it| {
            it.name == setting.journal_name && it.ed25519 == setting.keys.journal.public()
        });
        if !is_ours {
            let text = "the newer directory names another journal for this node; it is followed \
                        after a restart with the keys of that one";
            return Err(Failure::new(Exit::Refused, text).into());
        }
        let directory = Arc::new(directory);
        let command = Command::AdoptDirectory(Arc::clone(&directory));
        let decided = self.writer.ask(command).await;
        decided.map_err(|it| Failure::new(Exit::Failed, it.reason.as_str()))?;
        tracing::info!(version = directory.version(), "a newer directory is followed");
        self.certificates.follow(&directory)
    }
}

async fn bind(config: &Config) -> Result<Listeners> {
    let listen = &config.listen;
    let bound = |address| async move {
        TcpListener::bind(address).await.with_context(|| format!("binding {address}"))
    };
    Ok(Listeners {
        agency: bound(listen.agency).await?,
        peers: bound(listen.peers).await?,
        operations: bound(listen.operations).await?,
    })
}

/// What the node shows and trusts; it can be read again while the node serves.
#[derive(Clone)]
struct Certificates {
    agency: Arc<OwnCertificate>,
    peers: Arc<OwnCertificate>,
    roots: Arc<ArcSwap<RootsByAgency>>,
    shown: CertificateBoard,
}

impl Certificates {
    fn of(config: &Config, directory: &Directory) -> Result<Self> {
        let tls = &config.tls;
        let agency = Arc::new(own_certificate(config, &tls.certificate, &tls.key)?);
        let peers = Arc::new(own_certificate(config, &tls.peer_certificate, &tls.peer_key)?);
        let roots = Arc::new(ArcSwap::from_pointee(roots_of(directory)));
        let own = [(Listener::Agency, Arc::clone(&agency)), (Listener::Peer, Arc::clone(&peers))];
        let shown = CertificateBoard::new(own, Arc::clone(&roots));
        Ok(Self { agency, peers, roots, shown })
    }

    /// Both are read and judged before either changes.
    fn reload(&self, config: &Config) -> Result<()> {
        let tls = &config.tls;
        let renewal = |own: &OwnCertificate, chain: &Path, key: &Path| {
            let read = own.renewal(&read(chain)?, &read(key)?);
            read.with_context(|| format!("certificate {}", chain.display()))
        };
        let agency = renewal(&self.agency, &tls.certificate, &tls.key)?;
        let peers = renewal(&self.peers, &tls.peer_certificate, &tls.peer_key)?;
        self.agency.renew(agency);
        self.peers.renew(peers);
        Ok(())
    }

    /// Trusts as another directory says. An agency whose new record has a fault keeps the roots and
    /// the list that it had.
    fn follow(&self, directory: &Directory) -> Result<()> {
        let present = self.roots.load();
        let (roots, faults) = present.followed_by(trust_of(directory), CRL_GRACE_MILLIS);
        self.roots.store(Arc::new(roots));
        if faults.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Err(Failure::new(Exit::Refused, named.join("; ")).into())
    }

    fn trust(&self, config: &Config, setting: &Arc<Setting>) -> Trust {
        let listener = |listener, own: &Arc<OwnCertificate>| {
            Arc::new(ServerTls::new(ServerSettings {
                listener,
                agency: config.node.agency.clone(),
                own: Arc::clone(own),
                roots: Arc::clone(&self.roots),
                clock: Arc::new(SystemClock),
            }))
        };
        let dial = DirectoryDial {
            setting: Arc::clone(setting),
            own: Arc::clone(&self.peers),
            roots: Arc::clone(&self.roots),
        };
        Trust {
            agency: listener(Listener::Agency, &self.agency),
            peers: listener(Listener::Peer, &self.peers),
            dial: Arc::new(dial),
            shown: self.shown.clone(),
        }
    }
}

fn read(path: &Path) -> Result<String> {
    file::read_text(path, file::SMALL_BYTES_MAX)
}

/// A certificate that the node may show: its own, and that of a node.
///
/// # Errors
/// What can't be read, does not fit, or is somebody else's.
pub fn own_certificate(config: &Config, chain: &Path, key: &Path) -> Result<OwnCertificate> {
    let own = OwnCertificate::from_pem(&read(chain)?, &read(key)?).map_err(|error| {
        Failure::new(Exit::Refused, format!("certificate {}: {error}", chain.display()))
    })?;
    let node = &config.node;
    let wanted =
        Principal { agency: node.agency.clone(), role: Role::Node, name: node.name.clone() };
    let found = own.principal();
    if found != wanted {
        let text = format!("certificate {} is of {found}, and not of {wanted}", chain.display());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    Ok(own)
}

/// Finds a peer's address in the directory and insists that a node of that agency answers.
struct DirectoryDial {
    setting: Arc<Setting>,
    own: Arc<OwnCertificate>,
    roots: Arc<ArcSwap<RootsByAgency>>,
}

impl Dial for DirectoryDial {
    fn dial(&self, peer: &AgencyId) -> BoxFuture<'static, Result<Line, String>> {
        let nodes = self.setting.directory().agency(peer).map(|record| record.nodes.clone());
        let tls = ClientTls::new(ClientSettings {
            expected: peer.clone(),
            own: Arc::clone(&self.own),
            roots: Arc::clone(&self.roots),
            clock: Arc::new(SystemClock),
        });
        async move {
            let mut last = "the directory names no node".to_owned();
            for node in nodes.unwrap_or_default() {
                match tls.line(&node.peer_address, &node.server_name).await {
                    Ok(line) => return Ok(line),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(last)
        }
        .boxed()
    }
}
