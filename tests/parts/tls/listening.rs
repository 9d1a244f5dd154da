//! The listener as a node has it, with one place in all and a gRPC server behind it. It says of each
//! connection what its operator sees in the trace, and the client what it heard: the answer to its first
//! call, or the alert that it was sent away with.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper_util::rt::TokioIo;
use rogatory::clock::{Clock, SystemClock};
use rogatory::identity::Role;
use rogatory::transport::Tasks;
use rogatory::transport::listener::{ListenerLimits, accept};
use rogatory::transport::tls::{Listener, Refusal, RootsByAgency, ServerSettings, ServerTls};
use rogatory::wire::pb;
use rogatory::wire::pb::admin_service_client::AdminServiceClient;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::service::Routes;
use tonic::transport::{Endpoint, Server, Uri};
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::layer::{self, Layer, SubscriberExt as _};

use crate::tls::matrix::HOME;
use crate::tls::parties::{agency, authority, leaf, own};

/// What is waited for must come within this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// A place is given back before it has been asked for so often, with so much time in between.
const TRIES: usize = 4_000;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// What the listener says of one connection.
#[derive(Debug)]
enum Told {
    In,
    Refused(String),
    /// Its one place was not free.
    Full,
}

/// Passes on what the listener traces.
struct Overheard(Sender<Told>);

impl<S: Subscriber> Layer<S> for Overheard {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let told = match line.message.as_str() {
            "handshake refused" => Told::Refused(line.reason),
            "handshake took too long" => Told::Refused(line.message),
            "too many connections or handshakes; one was closed" => Told::Full,
            _ => return,
        };
        drop(self.0.send(told));
    }
}

#[derive(Default)]
struct Line {
    message: String,
    reason: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "reason" => self.reason = format!("{value:?}"),
            _ => {}
        }
    }
}

/// The listener, and whom it believes.
pub(crate) struct OnePlace {
    address: SocketAddr,
    pub(crate) roots: Arc<ArcSwap<RootsByAgency>>,
    told: Receiver<Told>,
    _runtime: tokio::runtime::Runtime,
}

impl OnePlace {
    pub(crate) fn at(listener: Listener) -> Self {
        Self::by(listener, Arc::new(SystemClock))
    }

    pub(crate) fn by(listener: Listener, clock: Arc<dyn Clock>) -> Self {
        let (tell, told) = channel();
        let overheard = Dispatch::new(tracing_subscriber::registry().with(Overheard(tell.clone())));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            // For as long as the thread lives.
            .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&overheard)))
            .build()
            .unwrap();
        let roots: Arc<ArcSwap<RootsByAgency>> = Arc::default();
        let italy = authority(HOME);
        let tls = ServerTls::new(ServerSettings {
            listener,
            agency: agency(HOME),
            own: own(&leaf(&italy, Role::Node, "rome-1")),
            roots: Arc::clone(&roots),
            clock,
        });
        let socket = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = socket.local_addr().unwrap();
        runtime.spawn(async move {
            let bounds = ListenerLimits { connections: 1, handshakes: 1, ..Default::default() };
            let tasks = Tasks::new();
            let passed = accept(socket, Arc::new(tls), bounds, &tasks).map(move |it| {
                drop(tell.send(Told::In));
                it
            });
            let server = Server::builder().accept_http1(true).add_routes(Routes::default());
            server.serve_with_incoming(passed).await.expect("it serves");
        });
        Self { address, roots, told, _runtime: runtime }
    }

    /// A client with this configuration makes its first call; what the listener says of it.
    pub(crate) fn meets(&self, config: ClientConfig) -> Result<(), String> {
        let (told, heard) = self.told_and_heard(config);
        assert_eq!(told.is_ok(), heard.is_ok(), "told {told:?}, and heard {heard:?}");
        told
    }

    /// The same, and what the client hears.
    pub(crate) fn told_and_heard(
        &self,
        config: ClientConfig,
    ) -> (Result<(), String>, Result<(), String>) {
        let connector = TlsConnector::from(Arc::new(config));
        for _ in 0..TRIES {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let called = async {
                tokio::time::timeout(PATIENCE, calls(self.address, connector.clone())).await
            };
            let heard = runtime.block_on(called).expect("the client hears something");
            drop(runtime);
            match self.told.recv_timeout(PATIENCE).expect("the listener says what came") {
                Told::In => return (Ok(()), heard),
                Told::Refused(reason) => return (Err(reason), heard),
                Told::Full => std::thread::sleep(BETWEEN_TRIES),
            }
        }
        panic!("the place is not given back");
    }
}

/// Connects once and makes one call, which nobody serves there: that is the answer of whoever is let in.
async fn calls(address: SocketAddr, connector: TlsConnector) -> Result<(), String> {
    let (heard, connected) = (Heard::default(), Arc::new(AtomicBool::new(false)));
    let hearing = heard.clone();
    let connect = tower::service_fn(move |_: Uri| {
        let (connector, heard) = (connector.clone(), hearing.clone());
        let again = connected.swap(true, Ordering::SeqCst);
        async move {
            if again {
                return Err(io::Error::other("it connects once"));
            }
            let tcp = TcpStream::connect(address).await?;
            let name = ServerName::try_from("localhost").expect("a name");
            match connector.connect(name, tcp).await {
                Ok(stream) => Ok(TokioIo::new(Hearing { stream, heard })),
                Err(error) => {
                    heard.note(&error);
                    Err(error)
                }
            }
        }
    });
    let endpoint = Endpoint::from_static("http://localhost");
    let channel = match endpoint.connect_with_connector(connect).await {
        Ok(channel) => channel,
        Err(error) => return Err(heard.first().unwrap_or_else(|| error.to_string())),
    };
    let answer = AdminServiceClient::new(channel).list_peers(pb::ListPeersRequest {}).await;
    let status = answer.expect_err("nobody serves it");
    match heard.first() {
        None if status.code() == Code::Unimplemented => Ok(()),
        heard => Err(heard.unwrap_or_else(|| status.to_string())),
    }
}

/// The first error that a client's connection ended with.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Option<String>>>);

impl Heard {
    fn note(&self, error: &io::Error) {
        self.0.lock().expect("nobody panics").get_or_insert_with(|| error.to_string());
    }

    fn first(&self) -> Option<String> {
        self.0.lock().expect("nobody panics").clone()
    }
}

/// A connection that notes what it is told when it ends. What can't be written to it any more is dropped, so
/// that what the other side said last is read.
struct Hearing<S> {
    stream: S,
    heard: Heard,
}

impl<S: AsyncRead + Unpin> AsyncRead for Hearing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &read {
            self.heard.note(error);
        }
        read
    }
}

fn or_dropped<T>(written: Poll<io::Result<T>>, done: T) -> Poll<io::Result<T>> {
    written.map(|it| Ok(it.unwrap_or(done)))
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Hearing<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        or_dropped(Pin::new(&mut self.stream).poll_write(cx, buf), buf.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        or_dropped(Pin::new(&mut self.stream).poll_flush(cx), ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What a client hears of its refusal: more than the alert is not told to whoever is not let in.
pub(crate) fn alert(refusal: &Refusal) -> String {
    let alert = match refusal {
        Refusal::NoCertificate => "CertificateRequired",
        Refusal::Expired | Refusal::NotYetValid => "CertificateExpired",
        Refusal::Revoked => "CertificateRevoked",
        Refusal::UnknownIssuer => "UnknownCA",
        Refusal::NotItsKey => "DecryptError",
        Refusal::ChainTooLong
        | Refusal::Id(_)
        | Refusal::UnknownAgency
        | Refusal::NoList
        | Refusal::ListExpired
        | Refusal::ListSilent
        | Refusal::ListForged
        | Refusal::Purpose
        | Refusal::NoProtocol
        | Refusal::Signature
        | Refusal::Chain(_)
        | Refusal::Role(_)
        | Refusal::OtherAgency => "CertificateUnknown",
    };
    format!("received fatal alert: {alert}")
}
