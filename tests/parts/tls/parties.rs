//! Agencies with their authorities, callers with their files, and doors that write down who came.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use arc_swap::ArcSwap;
use rcgen::{
    CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, SigningKey,
};
use rogatory::clock::{Clock, SystemClock, Timestamp};
use rogatory::domain::ids::AgencyId;
use rogatory::entropy::SystemEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::pki::{Authority, Issued, LeafRequest, RevocationList, Validity};
use rogatory::transport::tls::{
    self, AgencyTrust, Listener, OwnCertificate, Refusal, RootsByAgency, ServerSettings,
};
use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, NamedGroup, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const GRACE: i64 = 72 * HOUR;

pub(crate) fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

/// A whole second, an hour ago: certificates made by the tests begin here.
pub(crate) fn past() -> Timestamp {
    let now = SystemClock.now().millis();
    Timestamp::from_millis(now - now.rem_euclid(1000) - HOUR)
}

pub(crate) fn authority(id: &str) -> Authority {
    Authority::create(&agency(id), Validity::days(past(), 30), &SystemEntropy).unwrap()
}

pub(crate) fn leaf(authority: &Authority, role: Role, name: &str) -> Issued {
    leaf_within(authority, role, name, Validity::days(past(), 1))
}

pub(crate) fn leaf_within(
    authority: &Authority,
    role: Role,
    name: &str,
    validity: Validity,
) -> Issued {
    let dns_names = if role == Role::Node { vec!["localhost".to_owned()] } else { Vec::new() };
    let request = LeafRequest {
        principal: Principal::new(authority.agency().clone(), role, name).unwrap(),
        validity,
        dns_names,
        ip_addresses: Vec::new(),
    };
    authority.issue(&request, &SystemEntropy).unwrap()
}

/// An agency as its record should be: its root, and a list on which nobody stands.
pub(crate) fn trust(authority: &Authority) -> AgencyTrust {
    let fresh = RevocationList::first(past(), past().plus_millis(24 * HOUR));
    trust_with_list(authority, &fresh)
}

pub(crate) fn trust_with_list(authority: &Authority, list: &RevocationList) -> AgencyTrust {
    let crl = authority.sign_revocations(list).unwrap();
    AgencyTrust { roots: vec![authority.certificate_der().to_vec()], crls: vec![crl] }
}

/// A list of an authority that is made by rcgen alone: its number, when the next is due, and the
/// serial numbers on it.
#[derive(Clone, Copy)]
pub(crate) struct Said<'s> {
    pub(crate) number: u64,
    pub(crate) next_update: Timestamp,
    pub(crate) revoked: &'s [u64],
}

impl Said<'_> {
    pub(crate) fn fresh(revoked: &[u64]) -> Said<'_> {
        Said { number: 1, next_update: past().plus_millis(24 * HOUR), revoked }
    }

    pub(crate) fn signed_by<S: SigningKey>(&self, issuer: &Issuer<'_, S>) -> Vec<u8> {
        let revoked = self.revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: at(past()),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: at(past().plus_millis(-200 * HOUR)),
            next_update: at(self.next_update),
            crl_number: SerialNumber::from(self.number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(issuer).unwrap().der().to_vec()
    }
}

pub(crate) fn roots(agencies: Vec<(&str, AgencyTrust)>) -> Arc<ArcSwap<RootsByAgency>> {
    let agencies = agencies.into_iter().map(|(id, trust)| (agency(id), trust));
    let (built, faults) = RootsByAgency::build(agencies, GRACE);
    assert_eq!(faults, []);
    Arc::new(ArcSwap::from_pointee(built))
}

pub(crate) fn own(issued: &Issued) -> Arc<OwnCertificate> {
    let chain = [issued.certificate_der().to_vec()];
    Arc::new(OwnCertificate::from_der(&chain, issued.key_der()).unwrap())
}

pub(crate) fn certs(der: &[u8]) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from(der.to_vec())]
}

/// A leaf as nobody should make it; the fields are those of a good one until changed.
pub(crate) struct Odd {
    pub(crate) params: CertificateParams,
}

impl Odd {
    pub(crate) fn new(ids: &[&str]) -> Self {
        let mut params = CertificateParams::default();
        params.not_before = at(past());
        params.not_after = at(past().plus_millis(24 * HOUR));
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "spiffe://ita.coast-guard/officer/a");
        params.subject_alt_names =
            ids.iter().map(|id| SanType::URI((*id).try_into().unwrap())).collect();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Self { params }
    }

    pub(crate) fn signed_by(&self, authority: &Authority) -> Vec<u8> {
        self.signed_with_key(authority, &p256()).0
    }

    /// The leaf and its key, PEM.
    pub(crate) fn signed_with_key(
        &self,
        authority: &Authority,
        key: &KeyPair,
    ) -> (Vec<u8>, String) {
        let signing = KeyPair::from_pem(&authority.key_pem()).unwrap();
        let root = CertificateDer::from(authority.certificate_der().to_vec());
        let issuer = Issuer::from_ca_cert_der(&root, signing).unwrap();
        let leaf = self.params.signed_by(key, &issuer).unwrap();
        (leaf.der().to_vec(), leaf.pem())
    }

    pub(crate) fn self_signed(&self, key: &KeyPair) -> (Vec<u8>, String) {
        let leaf = self.params.self_signed(key).unwrap();
        (leaf.der().to_vec(), leaf.pem())
    }
}

pub(crate) fn p256() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

pub(crate) fn at(time: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(time.millis() / 1000).unwrap()
}

/// A folder for what foreign clients read from files.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::File::create(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, bytes.as_ref()))
            .unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Certificate and key of a caller.
    pub(crate) fn pair(&self, name: &str, issued: &Issued) -> (PathBuf, PathBuf) {
        self.pem_pair(name, &issued.certificate_pem(), &issued.key_pem())
    }

    pub(crate) fn pem_pair(&self, name: &str, certificate: &str, key: &str) -> (PathBuf, PathBuf) {
        let certificate = self.put(&format!("{name}.crt"), certificate);
        (certificate, self.put(&format!("{name}.key"), key))
    }
}

/// What the server knows of a connection that it let in.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) principal: Principal,
    pub(crate) group: Option<NamedGroup>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) kind: Option<HandshakeKind>,
    /// Bytes that came before the client's handshake was done, and were taken.
    pub(crate) early: usize,
}

/// What the server knows of one that it did not.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) refusal: Option<Refusal>,
    pub(crate) text: String,
}

/// A listener on the loopback that reports each connection.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    seen: Receiver<Result<Session, Closed>>,
    _runtime: tokio::runtime::Runtime,
}

impl Door {
    pub(crate) fn open(
        listener: Listener,
        node: &Issued,
        roots: Arc<ArcSwap<RootsByAgency>>,
    ) -> Self {
        let agency = node.principal.agency.clone();
        let clock = Arc::new(SystemClock);
        Self::serve(tls::server(ServerSettings { listener, agency, own: own(node), roots, clock }))
    }

    pub(crate) fn serve(config: Arc<ServerConfig>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (report, seen) = channel();
        let socket = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = socket.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let met = meet(Arc::clone(&config), stream).await;
                if report.send(met).is_err() {
                    return;
                }
            }
        });
        Self { address, seen, _runtime: runtime }
    }

    /// The next connection, as the server saw it.
    pub(crate) fn next(&self) -> Result<Session, Closed> {
        self.seen.recv_timeout(Duration::from_secs(20)).expect("somebody connects")
    }

    pub(crate) fn admitted(&self) -> Session {
        self.next().expect("it is let in")
    }

    pub(crate) fn refused(&self) -> Closed {
        self.next().expect_err("it is refused")
    }
}

async fn meet(config: Arc<ServerConfig>, socket: tokio::net::TcpStream) -> Result<Session, Closed> {
    let accepted = TlsAcceptor::from(config).accept(socket).await;
    let mut stream = accepted
        .map_err(|error| Closed { refusal: tls::refusal_of(&error), text: error.to_string() })?;
    let connection = stream.get_mut().1;
    let mut early = Vec::new();
    if let Some(mut data) = connection.early_data() {
        std::io::Read::read_to_end(&mut data, &mut early).unwrap();
    }
    let session = Session {
        principal: tls::principal_of(connection.peer_certificates().unwrap_or_default()).unwrap(),
        group: connection.negotiated_key_exchange_group().map(|group| group.name()),
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        kind: connection.handshake_kind(),
        early: early.len(),
    };
    // A foreign client that goes away at once has still been met.
    if stream.write_all(b"welcome\n").await.is_ok() && stream.shutdown().await.is_ok() {
        let mut rest = Vec::new();
        drop(tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await);
    }
    Ok(session)
}

/// The text of a finished child, both streams.
pub(crate) fn said(output: &std::process::Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(error))
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
