//! The edge: listeners, certificates, services; bytes on wires and nothing else.
//!
//! Three listeners, each for its own callers: *agency* for officers, case systems, auditors and
//! operators of the node's own agency (gRPC, and JSON for those who have no gRPC); *peers* for
//! nodes of neighbouring agencies; *operations* for health and metrics, without certificates and
//! therefore on loopback. Nothing is decoded before the caller's certificate was verified.
//!
//! A method converts, calls, converts: decisions are made in `node/`. `status.rs` is the only
//! place that decides what outsiders learn of an error.
//!
//! **Invariant `one corridor`:** gRPC and JSON enter the same services; a peer's frame goes to the
//! same writer as an officer's call.

pub mod admin;
pub mod admission;
pub mod alarm;
pub mod approval;
pub mod attachments;
pub mod audit;
mod auditing;
mod backup;
mod bell;
pub mod caller;
pub mod carriage;
pub mod certificates;
pub mod client;
mod desk_watch;
pub mod exchange;
pub mod followed;
pub mod gossip;
pub mod inbox;
pub mod json;
pub mod keeping;
pub mod limits;
pub mod listener;
mod neighbour;
pub mod operations;
pub mod oversight;
pub mod pages;
mod patience;
pub mod peer;
pub mod peering;
pub mod outstanding;
pub mod probe;
mod resolve;
mod reviewing;
mod sentry;
pub mod shares;
pub mod status;
mod submission;
pub mod tasks;
pub mod tls;
pub mod told;
pub mod views;
pub mod volumes;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::node::command::Command;
use crate::node::duties::due;
use crate::node::writer::Writer;
pub use crate::transport::tasks::Tasks;

use crate::transport::admin::{Admin, PeerBoard};
use crate::transport::alarm::AlarmHook;
use crate::transport::approval::Approval;
use crate::transport::attachments::Attachments;
use crate::transport::audit::Audit;
use crate::transport::certificates::CertificateBoard;
use crate::transport::desk_watch::DeskWatch;
use crate::transport::exchange::Exchange;
use crate::transport::followed::DirectoryBoard;
use crate::transport::gossip::{Follow, Gossip};
use crate::transport::inbox::Inbox;
use crate::transport::json::Services;
use crate::transport::listener::ListenerLimits;
use crate::transport::operations::Operations;
use crate::transport::peer::{Dial, Peers};
use crate::transport::peering::Peering;
use crate::transport::sentry::Sentry;
use crate::transport::shares::Shares;
use crate::transport::tls::ServerTls;
use crate::wire::pb::relay_service_server::RelayServiceServer;

/// The node comes back to what is due so often.
const DUE_INTERVAL: Duration = Duration::from_millis(250);
/// While the journal grows, its checkpoint gets the ML-DSA-44 cosignature so often.
const COUNTERSIGN_INTERVAL: Duration = Duration::from_secs(1);

/// The sockets of a node, bound by whoever starts it.
pub struct Listeners {
    /// For the agency's own callers.
    pub agency: TcpListener,
    /// For nodes of other agencies.
    pub peers: TcpListener,
    /// For health and metrics.
    pub operations: TcpListener,
}

/// How the node proves itself and checks others.
pub struct Trust {
    /// For the agency listener.
    pub agency: Arc<ServerTls>,
    /// For the peer listener.
    pub peers: Arc<ServerTls>,
    /// For going out to peers.
    pub dial: Arc<dyn Dial>,
    /// What of it the operator is shown.
    pub shown: CertificateBoard,
    /// Keeps the directory; compares nothing with peers without one.
    pub follow: Option<Arc<dyn Follow>>,
}

/// Why serving ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener failed.
    #[error("a listener failed: {0}")]
    Listener(#[from] tonic::transport::Error),
}

/// Serves until `tasks` is told to stop, then lets every call and stream end.
///
/// # Errors
/// If a listener fails.
pub async fn serve(
    listeners: Listeners,
    writer: Writer,
    trust: Trust,
    bounds: ListenerLimits,
    hook: AlarmHook,
    tasks: Tasks,
) -> Result<(), ServeError> {
    let board = PeerBoard::default();
    let heard = DirectoryBoard::default();
    let clock = Arc::clone(&writer.setting().clock);
    let gossip = trust.follow.clone().map(|it| Gossip::new(it, heard.clone(), clock));
    let peers = Peers::new(board.clone()).with_gossip(gossip.clone());
    tasks.spawn(peers.clone().keep(writer.clone(), trust.dial, tasks.clone()));
    tasks.spawn(keep_due(writer.clone(), tasks.clone()));
    tasks.spawn(keep_countersigned(writer.clone(), tasks.clone()));
    let operations =
        Operations::new(writer.clone(), board.clone(), trust.shown.clone(), tasks.clone())
            .with_alarms(hook.board().clone())
            .with_directory(heard.clone());
    let clock = Arc::clone(&writer.setting().clock);
    tasks.spawn(trust.shown.clone().remind(clock, tasks.clone()));
    let sentry = Sentry {
        setting: Arc::clone(writer.setting()),
        hook: hook.clone(),
        certificates: trust.shown.clone(),
        heard: heard.clone(),
    };
    tasks.spawn(sentry.keep(tasks.clone()));
    let desks = DeskWatch::new(Arc::clone(writer.setting()), heard.clone());
    tasks.spawn(desks.keep(tasks.clone()));
    tasks.spawn(bell::ring(writer.clone(), hook, tasks.clone()));
    let shows = operations.services();
    let from_operations = TcpListenerStream::new(listeners.operations);
    let admin = Admin::new(writer.clone(), board, trust.shown).with_directory(heard);
    let agency = agency_services(&writer, admin, bounds.streams, &tasks);
    let from_agency = listener::accept(listeners.agency, trust.agency, bounds, &tasks);
    let from_peers = listener::accept(listeners.peers, trust.peers, bounds, &tasks);
    let shares = Shares::new(Arc::clone(&writer.setting().clock));
    let relay = RelayServiceServer::new(Peering::new(writer, peers, tasks.clone()))
        .max_decoding_message_size(limits::FRAME_BYTES_MAX)
        .max_encoding_message_size(limits::FRAME_BYTES_MAX);
    let gossip = gossip.map(|it| it.service(tasks.clone()));
    let relay = match gossip {
        Some(gossip) => Routes::new(relay).add_service(gossip),
        None => Routes::new(relay),
    };
    let relay = relay.into_axum_router();
    let relay = Routes::from(admission::before(relay, shares));
    let peering = limits::of_peers(Server::builder(), bounds.streams).add_routes(relay);
    tokio::try_join!(
        async {
            let stopping = tasks.stopping();
            Ok::<(), ServeError>(agency.serve_with_incoming_shutdown(from_agency, stopping).await?)
        },
        async {
            let stopping = tasks.stopping();
            Ok(peering.serve_with_incoming_shutdown(from_peers, stopping).await?)
        },
        async {
            let stopping = tasks.stopping();
            Ok(shows.serve_with_incoming_shutdown(from_operations, stopping).await?)
        },
    )?;
    tasks.ended().await;
    Ok(())
}

fn agency_services(
    writer: &Writer,
    admin: Admin,
    streams: u32,
    tasks: &Tasks,
) -> tonic::transport::server::Router {
    let services = Services {
        exchange: Exchange::new(writer.clone()),
        inbox: Inbox::new(writer.clone(), tasks.clone()),
        approval: Approval::new(writer.clone()),
        audit: Audit::new(writer.clone()),
        admin,
        attachments: Attachments::new(writer.clone()),
    };
    let routes = services.clone().into_routes().into_axum_router();
    let routes = json::before(routes, services);
    let shares = Shares::new(Arc::clone(&writer.setting().clock));
    let routes = admission::before(routes, shares);
    let routes = Routes::from(routes);
    limits::of_agency(Server::builder(), streams).add_routes(routes)
}

/// Asks for what is due, again and again. It is looked for on a thread that may wait for the disk: where much
/// is queued the look is long, and those who carry frames have no time for it.
async fn keep_due(writer: Writer, tasks: Tasks) {
    loop {
        let setting = Arc::clone(writer.setting());
        let found = tokio::task::spawn_blocking(move || due::commands(&setting)).await;
        match found {
            Ok(Ok(commands)) => {
                for command in commands {
                    if let Err(rejection) = writer.ask(command).await {
                        tracing::warn!(reason = rejection.reason.as_str(), "due command rejected");
                    }
                }
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "what is due could not be read; nothing is done unasked");
            }
            Err(error) => tracing::error!(%error, "the look for what is due broke off"),
        }
        tokio::select! {
            () = tokio::time::sleep(DUE_INTERVAL) => {}
            () = tasks.stopping() => return,
        }
    }
}

/// Countersigns the latest checkpoint while the journal grows.
async fn keep_countersigned(writer: Writer, tasks: Tasks) {
    let mut size = 0;
    loop {
        let now = writer.setting().journal.next();
        if now != size && writer.ask(Command::Countersign).await.is_ok() {
            size = now;
        }
        tokio::select! {
            () = tokio::time::sleep(COUNTERSIGN_INTERVAL) => {}
            () = tasks.stopping() => return,
        }
    }
}
