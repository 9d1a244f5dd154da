//! `node run`: opens the stores, binds the listeners, serves until told to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::Channel;

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::setting;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::directory::Directory;
use crate::domain::ids::AgencyId;
use crate::node::Node;
use crate::node::writer::Writer;
use crate::transport::listener::ListenerLimits;
use crate::transport::peer::Dial;
use crate::transport::tls::own::OwnCertificate;
use crate::transport::tls::roots::{AgencyTrust, CRL_GRACE_MILLIS, RootsByAgency};
use crate::transport::tls::stream::ClientTls;
use crate::transport::tls::{self, ClientSettings, Listener, ServerSettings, ServerTls};
use crate::transport::{Listeners, Tasks, Trust, serve};

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
    let setting = Arc::new(setting::open(&config)?);
    let directory = Arc::clone(&setting.directory);
    let node = Node::open(setting)
        .map_err(|stop| Failure::new(Exit::StoreFailed, format!("the node can't open: {stop}")))?;
    let (writer, thread) = Writer::start(node)?;
    let listeners = bind(&config).await?;
    let trust = trust(&config, &directory)?;
    let bounds = ListenerLimits {
        connections: usize::try_from(config.limits.connections)?,
        handshakes: usize::try_from(config.limits.handshakes_max)?,
        handshake: Duration::from_millis(config.limits.handshake_timeout_ms),
    };
    let tasks = Tasks::new();
    tracing::info!(agency = %config.node.agency, "serving");
    let serving = serve(listeners, writer.clone(), trust, bounds, tasks.clone());
    let ended = tokio::select! {
        ended = serving => ended.context("serving"),
        () = told_to_stop() => {
            tracing::info!("stopping");
            Ok(())
        }
        () = writer.stopped() => Ok(()),
    };
    tasks.stop();
    drop(writer);
    tasks.ended().await;
    let stopped = tokio::task::spawn_blocking(move || thread.join()).await?;
    match stopped {
        Ok(Ok(())) => ended,
        Ok(Err(stop)) => {
            tracing::error!(%stop, "the store failed; the node stops and answers nobody");
            Err(Failure::new(Exit::StoreFailed, stop.to_string()).into())
        }
        Err(_) => Err(Failure::new(Exit::StoreFailed, "the writer ended unexpectedly").into()),
    }
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

/// The roots and revocation lists that a directory names.
pub fn roots_of(directory: &Directory) -> RootsByAgency {
    let named = directory.agencies().filter(|record| !record.roots.is_empty());
    let agencies = named.map(|record| {
        let trust = AgencyTrust { roots: record.roots.clone(), crl: record.crl.clone() };
        (record.id.clone(), trust)
    });
    let (roots, faults) = RootsByAgency::build(agencies, CRL_GRACE_MILLIS);
    for fault in faults {
        tracing::warn!(%fault, "an agency is not let in");
    }
    roots
}

fn own_certificate(chain: &Path, key: &Path) -> Result<Arc<OwnCertificate>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
    };
    let own = OwnCertificate::from_pem(&read(chain)?, &read(key)?)
        .with_context(|| format!("certificate {}", chain.display()))?;
    Ok(Arc::new(own))
}

fn trust(config: &Config, directory: &Arc<Directory>) -> Result<Trust> {
    let roots = Arc::new(ArcSwap::from_pointee(roots_of(directory)));
    let agency_own = own_certificate(&config.tls.certificate, &config.tls.key)?;
    let peer_own = own_certificate(&config.tls.peer_certificate, &config.tls.peer_key)?;
    let listener = |listener, own| {
        Arc::new(ServerTls::new(ServerSettings {
            listener,
            agency: config.node.agency.clone(),
            own,
            roots: Arc::clone(&roots),
            clock: Arc::new(SystemClock),
        }))
    };
    let agency = listener(Listener::Agency, agency_own);
    let peers = listener(Listener::Peer, Arc::clone(&peer_own));
    let directory = Arc::clone(directory);
    let dial = Arc::new(DirectoryDial { directory, own: peer_own, roots });
    Ok(Trust { agency, peers, dial })
}

/// Finds a peer's address in the directory and insists that a node of that agency answers.
struct DirectoryDial {
    directory: Arc<Directory>,
    own: Arc<OwnCertificate>,
    roots: Arc<ArcSwap<RootsByAgency>>,
}

impl Dial for DirectoryDial {
    fn dial(&self, peer: &AgencyId) -> BoxFuture<'static, Result<Channel, String>> {
        let nodes = self.directory.agency(peer).map(|record| record.nodes.clone());
        let config = tls::client(ClientSettings {
            expected: peer.clone(),
            own: Arc::clone(&self.own),
            roots: Arc::clone(&self.roots),
            clock: Arc::new(SystemClock),
        });
        let tls = ClientTls::new(config);
        async move {
            let mut last = "the directory names no node".to_owned();
            for node in nodes.unwrap_or_default() {
                match tls.channel(&node.peer_address, &node.server_name).await {
                    Ok(channel) => return Ok(channel),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(last)
        }
        .boxed()
    }
}
