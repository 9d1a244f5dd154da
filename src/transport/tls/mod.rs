//! TLS 1.3 on both sides: our own rustls configurations, and the checks that rustls leaves to us.
//!
//! In come the node's own certificate, the agencies' roots and revocation lists, a clock; out come
//! the two configurations, and a [`Principal`] for each connection.
//!
//! What always holds:
//! - TLS 1.3 only, both sides with a certificate; no tickets, no session store, no early data:
//!   rustls resumes without asking for the certificate again, so nothing is ever resumed.
//! - Roots of different agencies are never merged: the id in the certificate picks the agency
//!   whose roots and list are used. DNS names decide nothing; certificates carry them because
//!   foreign clients look for them.
//! - Peers agree on X25519MLKEM768 or not at all, and so do our own clients with any node. The
//!   agency listener also takes X25519, and secp256r1 because it is all that older C cores of gRPC
//!   offer (Python, C++, Ruby, PHP: grpcio 1.60 and 1.71 measured; 1.85 offers X25519MLKEM768).
//! - Certificates, roots and lists change without a restart ([`OwnCertificate`], `ArcSwap`).
//!
//! Left to others: reading files, the limits on handshakes, and asking [`Gate::admit`] again on
//! each request, so that a revocation reaches open connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;

use crate::clock::Clock;
use crate::domain::ids::AgencyId;
use crate::identity::{Principal, spiffe};

pub mod noted;
pub mod own;
mod pulse;
pub mod roots;
pub mod stream;
mod token;
pub mod verifier;

pub use noted::Noted;
use noted::Noting;
pub use own::{OwnCertificate, PrivateKey};
pub use pulse::{Beats, Pulse};
pub use roots::{AgencyTrust, RootsByAgency};
pub use stream::{ClientTls, ConnectedPeer, Line, ServerTls};
/// The stream of a connection that was let in.
pub use tokio_rustls::server::TlsStream as ServerStream;
/// For the listener and the links, which speak TLS through this room alone.
pub use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream as ClientStream};
pub use verifier::{Admission, Gate, Refusal};

/// What the agency listener and peers speak: HTTP/2.
const ALPN_H2: &[u8] = b"h2";
/// What the agency listener speaks besides, for HTTP libraries that know no other.
const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

/// Which of a node's two TLS listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// For officers, services, auditors and operators of the node's own agency.
    Agency,
    /// For the nodes of all agencies in the directory.
    Peer,
}

/// What a listener needs.
pub struct ServerSettings {
    /// Which listener.
    pub listener: Listener,
    /// The agency whose node it is.
    pub agency: AgencyId,
    /// The node's certificate and key.
    pub own: Arc<OwnCertificate>,
    /// Roots and lists of all agencies, as the directory has them now.
    pub roots: Arc<ArcSwap<RootsByAgency>>,
    /// Judges validity.
    pub clock: Arc<dyn Clock>,
}

impl ServerSettings {
    /// The check that this listener makes of a certificate, to be made again on each request.
    pub fn gate(&self) -> Gate {
        let admission = match self.listener {
            Listener::Agency => Admission::CallersOf(self.agency.clone()),
            Listener::Peer => Admission::AnyNode,
        };
        Gate::new(admission, Arc::clone(&self.roots))
    }
}

/// What a client of a node needs.
pub struct ClientSettings {
    /// The agency whose node is to answer, whatever its address.
    pub expected: AgencyId,
    /// The caller's certificate and key.
    pub own: Arc<OwnCertificate>,
    /// Roots and lists; of these only the expected agency's are used.
    pub roots: Arc<ArcSwap<RootsByAgency>>,
    /// Judges validity.
    pub clock: Arc<dyn Clock>,
}

impl ClientSettings {
    /// The check that is made of the node that answers, to be made again while a session lasts.
    pub fn gate(&self) -> Gate {
        Gate::new(Admission::NodeOf(self.expected.clone()), Arc::clone(&self.roots))
    }
}

/// The configuration of a listener.
pub fn server(settings: ServerSettings) -> Arc<ServerConfig> {
    let (groups, alpn) = match settings.listener {
        Listener::Agency => (
            vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
            vec![ALPN_H2.to_vec(), ALPN_HTTP_1_1.to_vec()],
        ),
        Listener::Peer => (vec![kx_group::X25519MLKEM768], vec![ALPN_H2.to_vec()]),
    };
    let gate = Arc::new(settings.gate());
    let time = Arc::new(ClockTime(settings.clock));
    let mut config = ServerConfig::builder_with_details(provider(groups), time)
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has suites and groups of TLS 1.3")
        .with_client_cert_verifier(gate)
        .with_cert_resolver(settings.own);
    config.alpn_protocols = alpn;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.send_half_rtt_data = false;
    Arc::new(config)
}

/// The configuration of a client of one agency's node, be it a peer or a caller.
pub fn client(settings: ClientSettings) -> Arc<ClientConfig> {
    let gate = Arc::new(settings.gate());
    client_by(settings, gate)
}

/// The same, that notes which certificate it is shown.
fn noting_client(settings: ClientSettings, noted: Noted) -> Arc<ClientConfig> {
    let gate = Arc::new(settings.gate());
    client_by(settings, Arc::new(Noting { gate, noted }))
}

fn client_by(settings: ClientSettings, gate: Arc<dyn ServerCertVerifier>) -> Arc<ClientConfig> {
    let time = Arc::new(ClockTime(settings.clock));
    let provider = provider(vec![kx_group::X25519MLKEM768]);
    let mut config = ClientConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has suites and groups of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(gate)
        .with_client_cert_resolver(settings.own);
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Arc::new(config)
}

/// Who is at the other end, from the certificates of a finished handshake. They have been checked
/// then; [`Gate::admit`] checks them again.
///
/// # Errors
/// [`Refusal::NoCertificate`], [`Refusal::Id`].
pub fn principal_of(peer_certs: &[CertificateDer<'_>]) -> Result<Principal, Refusal> {
    let leaf = peer_certs.first().ok_or(Refusal::NoCertificate)?;
    Ok(spiffe::of_certificate(leaf)?)
}

/// Our reason for ending a handshake, out of the error that `tokio-rustls` gives.
pub fn refusal_of(error: &std::io::Error) -> Option<Refusal> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    verifier::refusal_in(inner)
}

fn provider(kx_groups: Vec<&'static dyn SupportedKxGroup>) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider.kx_groups = kx_groups;
    Arc::new(provider)
}

/// The node's clock as rustls asks for it.
struct ClockTime(Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.now().millis()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}
