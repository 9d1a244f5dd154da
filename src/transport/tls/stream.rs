//! Streams with a verified certificate at the other end: what listeners and dialling code use
//! without knowing TLS.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::clock::Timestamp;
use crate::identity::principal::Principal;
use crate::transport::limits;
use crate::transport::tls::pulse::{Pulse, Watched};
use crate::transport::tls::verifier::{Gate, Judged, Refusal};
use crate::transport::tls::{self, ClientSettings, Listener, Noted, ServerSettings};

/// The TLS side of one listener.
pub struct ServerTls {
    acceptor: TlsAcceptor,
    gate: Arc<Gate>,
    listener: Listener,
}

/// The other end of a connection, as its certificate names it.
#[derive(Clone)]
pub struct ConnectedPeer {
    shown: Arc<Vec<CertificateDer<'static>>>,
    gate: Arc<Gate>,
    /// The last answer, which stands until something ends or changes.
    judged: Arc<ArcSwapOption<Judged>>,
}

impl ConnectedPeer {
    fn of(shown: Option<&[CertificateDer<'static>]>, gate: Arc<Gate>) -> Self {
        let shown = Arc::new(shown.unwrap_or_default().to_vec());
        Self { shown, gate, judged: Arc::default() }
    }

    /// The certificate that was shown, DER; empty if none was.
    pub fn certificate(&self) -> &[u8] {
        self.shown.first().map(AsRef::as_ref).unwrap_or_default()
    }

    /// Who it is, checked again against time, roots and revocation list as they stand now: a
    /// revocation reaches open connections with their next request.
    ///
    /// # Errors
    /// Why it is let in no more.
    pub fn principal(&self, now: Timestamp) -> Result<Principal, Refusal> {
        if let Some(judged) = self.judged.load_full().filter(|it| self.gate.still(it, now)) {
            return Ok(judged.principal.clone());
        }
        let judged = Arc::new(self.gate.judge(&self.shown, now)?);
        self.judged.store(Some(Arc::clone(&judged)));
        Ok(judged.principal.clone())
    }
}

impl ServerTls {
    /// The TLS side of the listener that `settings` describe.
    pub fn new(settings: ServerSettings) -> Self {
        let (gate, listener) = (Arc::new(settings.gate()), settings.listener);
        let config: Arc<ServerConfig> = tls::server(settings);
        Self { acceptor: TlsAcceptor::from(config), gate, listener }
    }

    /// Shakes hands on a connection. `place` is given back when the connection ends.
    ///
    /// # Errors
    /// What ended the handshake; our own reason where we had one.
    pub async fn accept(
        &self,
        tcp: TcpStream,
        place: OwnedSemaphorePermit,
    ) -> Result<PeerStream, std::io::Error> {
        let stream = match self.acceptor.accept(tcp).await {
            Ok(stream) => stream,
            Err(error) => return Err(named(error)),
        };
        let (_, connection) = stream.get_ref();
        // Libraries that know HTTP/1.1 alone may name no protocol; between nodes nothing is guessed.
        if self.listener == Listener::Peer && connection.alpn_protocol().is_none() {
            return Err(std::io::Error::other(Refusal::NoProtocol));
        }
        let peer = ConnectedPeer::of(connection.peer_certificates(), Arc::clone(&self.gate));
        Ok(PeerStream { stream, peer, _place: place })
    }
}

/// A connection whose certificate was verified.
pub struct PeerStream {
    stream: tokio_rustls::server::TlsStream<TcpStream>,
    peer: ConnectedPeer,
    _place: OwnedSemaphorePermit,
}

impl Connected for PeerStream {
    type ConnectInfo = ConnectedPeer;

    fn connect_info(&self) -> ConnectedPeer {
        self.peer.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The TLS side of going out.
#[derive(Clone)]
pub struct ClientTls {
    connector: TlsConnector,
    gate: Arc<Gate>,
}

/// A connection that we opened, and who answered.
pub struct Line {
    /// What calls go through.
    pub channel: Channel,
    /// The node at the other end, to be judged again while the connection stands.
    pub other: ConnectedPeer,
    /// When something came over it last.
    pub pulse: Pulse,
}

/// Why a node could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not `host:port`.
    #[error("{0} is not an address")]
    Address(String),
    /// The node's certificate is not taken.
    #[error("{0}")]
    Refused(Refusal),
    /// Nobody answered, or the handshake failed.
    #[error("{0}")]
    Transport(String),
}

impl ClientTls {
    /// Goes out as `settings` say.
    pub fn new(settings: ClientSettings) -> Self {
        let gate = Arc::new(settings.gate());
        let config: Arc<ClientConfig> = tls::client(settings);
        Self { connector: TlsConnector::from(config), gate }
    }

    /// Goes out as `settings` say, and notes which certificate it is shown.
    pub fn noting(settings: ClientSettings, noted: Noted) -> Self {
        let gate = Arc::new(settings.gate());
        let config = tls::noting_client(settings, noted);
        Self { connector: TlsConnector::from(config), gate }
    }

    /// Connects to `address`; the node there must have the id that the configuration expects.
    /// `server_name` is only what is said in the handshake.
    ///
    /// # Errors
    /// An address that is none; whatever kept the connection from standing.
    pub async fn channel(&self, address: &str, server_name: &str) -> Result<Channel, ConnectError> {
        Ok(self.connected((address, server_name), limits::of_clients).await?.channel)
    }

    /// As [`ClientTls::channel`], to a peer, with the node that answered. Who uses the line looks for
    /// signs of life: it alone knows what is on the way.
    ///
    /// # Errors
    /// As [`ClientTls::channel`].
    pub async fn line(&self, address: &str, server_name: &str) -> Result<Line, ConnectError> {
        self.connected((address, server_name), limits::of_peer_lines).await
    }

    async fn connected(
        &self,
        (address, server_name): (&str, &str),
        within: fn(Endpoint) -> Endpoint,
    ) -> Result<Line, ConnectError> {
        let malformed = || ConnectError::Address(address.to_owned());
        let uri: Uri = format!("http://{address}").parse().map_err(|_| malformed())?;
        let name = ServerName::try_from(server_name.to_owned()).map_err(|_| malformed())?;
        let (endpoint, pulse) = (within(Endpoint::from(uri)), Pulse::default());
        let (connector, target) = (self.connector.clone(), address.to_owned());
        let met: Arc<ArcSwapOption<ConnectedPeer>> = Arc::default();
        let (meeting, gate) = (Arc::clone(&met), Arc::clone(&self.gate));
        let kept = pulse.clone();
        let connect = tower::service_fn(move |_: Uri| {
            let (connector, target, name) = (connector.clone(), target.clone(), name.clone());
            let (meeting, gate) = (Arc::clone(&meeting), Arc::clone(&gate));
            let kept = kept.clone();
            async move {
                let tcp = TcpStream::connect(&target).await?;
                tcp.set_nodelay(true)?;
                let shake = connector.connect(name, tcp);
                let limit: Duration = limits::HANDSHAKE_TIME_MAX;
                let stream = tokio::time::timeout(limit, shake).await.map_err(|_| {
                    std::io::Error::new(std::io::ErrorKind::TimedOut, "the handshake took too long")
                })?;
                let stream = stream.map_err(named)?;
                if stream.get_ref().1.alpn_protocol().is_none() {
                    return Err(std::io::Error::other(Refusal::NoProtocol));
                }
                let other = ConnectedPeer::of(stream.get_ref().1.peer_certificates(), gate);
                meeting.store(Some(Arc::new(other)));
                Ok::<_, std::io::Error>(TokioIo::new(Watched::new(stream, kept)))
            }
        });
        let connected = endpoint.connect_with_connector(connect).await;
        let channel = connected.map_err(|error| connect_error(&error))?;
        let other = met.load_full().expect("a connection that stands has met somebody");
        Ok(Line { channel, other: other.as_ref().clone(), pulse })
    }
}

/// The error of a handshake, in our own words where the reason is ours.
fn named(error: std::io::Error) -> std::io::Error {
    match tls::refusal_of(&error) {
        Some(refusal) => std::io::Error::other(refusal),
        None => error,
    }
}

fn connect_error(error: &(dyn std::error::Error + 'static)) -> ConnectError {
    let (mut text, mut source) = (error.to_string(), Some(error));
    while let Some(inner) = source {
        let io = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(refusal) = io.and_then(|it| it.downcast_ref::<Refusal>()) {
            return ConnectError::Refused(refusal.clone());
        }
        text = inner.to_string();
        source = inner.source();
    }
    ConnectError::Transport(text)
}
