//! Accepts connections: counts them, bounds the handshake in time and number, hands on only what
//! has a verified certificate.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::transport::tls::ServerTls;
use crate::transport::tls::stream::PeerStream;
use crate::transport::{Tasks, limits};

/// Connections whose handshake is done and that wait to be served.
const ACCEPTED_WAITING: usize = 64;
/// Pause after the system refused to accept, so that a shortage does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Open connections.
    pub connections: usize,
    /// Handshakes at the same time.
    pub handshakes: usize,
    /// Longest handshake.
    pub handshake: Duration,
    /// Streams of one connection at the same time.
    pub streams: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS_MAX,
            handshakes: limits::HANDSHAKES_MAX,
            handshake: limits::HANDSHAKE_TIME_MAX,
            streams: limits::STREAMS_PER_CONNECTION_MAX,
        }
    }
}

/// Accepts on `listener` until the tasks are told to stop. Gives the connections that passed.
pub fn accept(
    listener: TcpListener,
    tls: Arc<ServerTls>,
    bounds: ListenerLimits,
    tasks: &Tasks,
) -> ReceiverStream<Result<PeerStream, std::io::Error>> {
    let (accepted, connections) = mpsc::channel(ACCEPTED_WAITING);
    tasks.spawn(accept_loop(listener, tls, bounds, accepted, tasks.clone()));
    ReceiverStream::new(connections)
}

type Accepted = mpsc::Sender<Result<PeerStream, std::io::Error>>;

async fn accept_loop(
    listener: TcpListener,
    tls: Arc<ServerTls>,
    bounds: ListenerLimits,
    accepted: Accepted,
    tasks: Tasks,
) {
    let connections = Arc::new(Semaphore::new(bounds.connections));
    let handshakes = Arc::new(Semaphore::new(bounds.handshakes));
    loop {
        let tcp = tokio::select! {
            tcp = listener.accept() => tcp,
            () = tasks.stopping() => return,
        };
        let tcp = match tcp {
            Ok((tcp, _)) => tcp,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Over the limit the connection is closed at once: nothing has been read from it.
        let (Ok(connection), Ok(handshake)) = (
            Arc::clone(&connections).try_acquire_owned(),
            Arc::clone(&handshakes).try_acquire_owned(),
        ) else {
            tracing::warn!("too many connections or handshakes; one was closed");
            continue;
        };
        let (tls, accepted, tasks_in) = (Arc::clone(&tls), accepted.clone(), tasks.clone());
        tasks.spawn(async move {
            let done = shake(tcp, &tls, bounds.handshake, connection);
            tokio::select! {
                () = tasks_in.stopping() => {}
                stream = done => if let Some(stream) = stream {
                    // The server has stopped if nobody receives; the connection closes with it.
                    drop(accepted.send(Ok(stream)).await);
                }
            }
            drop(handshake);
        });
    }
}

async fn shake(
    tcp: TcpStream,
    tls: &ServerTls,
    time_max: Duration,
    connection: OwnedSemaphorePermit,
) -> Option<PeerStream> {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "nodelay was refused");
    }
    match tokio::time::timeout(time_max, tls.accept(tcp, connection)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::info!(reason = %error, "handshake refused");
            None
        }
        Err(_) => {
            tracing::info!("handshake took too long");
            None
        }
    }
}
