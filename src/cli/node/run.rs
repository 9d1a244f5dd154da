//! `node run`: opens the stores, binds the listeners, serves until told to stop.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

pub use crate::cli::call::roots_of;
use crate::cli::exit::{Exit, Failure, sentence};
use crate::cli::file;
use crate::cli::node::ending::die;
use crate::cli::node::followed::{Confirmed, Door, Followed};
use crate::cli::node::own_keys::HeldKey;
use crate::cli::node::reload::{Certificates, Reload};
use crate::cli::node::{followed, publish, rotation, setting};
use crate::clock::{Clock as _, SystemClock};
use crate::config::directory::FolderError;
use crate::config::keys::webhook_key;
use crate::config::{Config, Environment, KeySource};
use crate::identity::{Principal, Role};
use crate::node::setting::Following;
use crate::node::writer::Writer;
use crate::node::{Node, Stop};
use crate::transport::alarm::{AlarmBoard, AlarmHook, AlarmWays};
use crate::transport::listener::ListenerLimits;
use crate::transport::tls::own::OwnCertificate;
use crate::transport::{Listeners, Tasks, serve};

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
    runtime.block_on(run_config(path, config))
}

async fn run_config(path: &Path, config: Config) -> Result<()> {
    let followed = match Followed::start(&config) {
        Ok(followed) => followed,
        // The node's own copy lies where its store does, and fails with the same disk.
        Err(FolderError::Io { path, source }) if path.starts_with(&config.node.data_dir) => {
            die(&format!("the node can't open: {}: {source}", path.display()))
        }
        Err(error) => return Err(error.into()),
    };
    let confirmed = Confirmed::start(&config)?;
    let node = open(&config, &followed, &confirmed)?;
    let listeners = bind(&config).await?;
    let (writer, thread) = Writer::start(node)?;
    let certificates = Certificates::of(&config, &followed, &writer.setting().directory())?;
    let (asked, asking) = mpsc::channel(followed::ASKED_WAITING);
    let held = watch::Sender::new(Arc::new(followed.held().clone()));
    let door = Door::new(&followed, held.subscribe(), asked);
    let trust = certificates.trust(&config, writer.setting(), Arc::new(door));
    let bounds = bounds(&config)?;
    let tasks = Tasks::new();
    let hangup = signal(SignalKind::hangup()).context("hearing of SIGHUP")?;
    let reload = Reload {
        path: path.to_owned(),
        config: config.clone(),
        certificates,
        followed,
        confirmed,
        held,
        writer: writer.clone(),
    };
    tasks.spawn(reload.when_told(hangup, asking, tasks.clone()));
    let setting = Arc::clone(writer.setting());
    tasks.spawn(rotation::destroy_in_time(config.clone(), setting, tasks.clone()));
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

/// What a listener takes on at a time.
fn bounds(config: &Config) -> Result<ListenerLimits> {
    Ok(ListenerLimits {
        connections: usize::try_from(config.limits.connections)?,
        handshakes: usize::try_from(config.limits.handshakes_max)?,
        handshake: Duration::from_millis(config.limits.handshake_timeout_ms),
        streams: config.limits.streams,
    })
}

/// The node over its store and keys, with the directory that it follows.
fn open(config: &Config, followed: &Followed, confirmed: &Confirmed) -> Result<Node> {
    let directory = followed.directory();
    rotation::destroy_and_tell(config, &directory, SystemClock.now());
    let mut setting = setting::open_with(config, directory)?.setting;
    rotation::must_reach_at_start(&setting)?;
    let fresh_for = config.directory.fresh_for();
    setting.directory = Following::confirmed(setting.directory(), fresh_for, confirmed.at());
    match Node::open(Arc::new(setting)) {
        Ok(node) => Ok(node),
        Err(stop) => die(&format!("the node can't open: {stop}")),
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
        webhook_key: alarm.webhook_secret.as_ref().map(key).transpose()?.map(Arc::new),
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

pub(super) fn read(path: &Path) -> Result<String> {
    file::read_text(path, file::SMALL_BYTES_MAX)
}

/// A certificate that the node may show: its own, and that of a node.
///
/// # Errors
/// What can't be read, does not fit, or is somebody else's.
pub fn own_certificate(config: &Config, chain: &Path, key: &KeySource) -> Result<OwnCertificate> {
    let key = HeldKey::load(config, key)?;
    let own = OwnCertificate::of(&read(chain)?, key.lent()).map_err(|error| {
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
