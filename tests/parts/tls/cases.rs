//! The matrix of certificates through real sockets: clients before a node's listener with a gRPC server
//! behind it, servers before the TLS side of our client. Each case has its exact refusal, and what the
//! other side hears of it; the listener has one place in all, so whoever is refused gives it back before
//! the next one is let in.

#[path = "issuing.rs"]
mod issuing;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rogatory::clock::{Clock, HandClock, SystemClock, Timestamp};
use rogatory::identity::{Role, SpiffeError};
use rogatory::pki::{Authority, RevocationList, Validity};
use rogatory::transport::tls::{
    AgencyTrust, ClientSettings, ClientTls, Listener, Refusal, RootsByAgency,
};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{ClientConfig, ServerConfig, SignatureAlgorithm, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::tls::listening::{OnePlace, alert};
use crate::tls::matrix::{HOME, OFFICER, uncritical_usage};
use crate::tls::parties::{
    GRACE, HOUR, Odd, Said, agency, at, authority, leaf, leaf_within, own, p256, past, trust,
    trust_with_list,
};
use crate::tls::weak::{WEAK_KEYS, leaf_with};

const NODE: &str = "spiffe://ita.coast-guard/node/rome-1";
const OTHER: &str = "mlt.armed-forces";

/// A chain and key as somebody shows them, fit or not.
#[derive(Debug)]
pub(crate) struct Shown(Option<Arc<CertifiedKey>>);

impl Shown {
    fn of(chain: &[&[u8]], key: &KeyPair) -> Self {
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let key = aws_lc_rs::sign::any_supported_type(&key.into()).unwrap();
        Self::signing(chain, key)
    }

    pub(crate) fn signing(chain: &[&[u8]], key: Arc<dyn SigningKey>) -> Self {
        let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
        Self(Some(Arc::new(CertifiedKey::new(chain, key))))
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}

/// A key that says it signs as P-256 does, and signs as another.
#[derive(Debug)]
struct Pretending(Arc<dyn SigningKey>);

impl SigningKey for Pretending {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let all = [
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
        ];
        Some(Box::new(PretendingSigner(self.0.choose_scheme(&all)?)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

#[derive(Debug)]
struct PretendingSigner(Box<dyn Signer>);

impl Signer for PretendingSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.0.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

/// One case: what is shown, what the agency's record says, and the refusal; none for a good one.
struct Case {
    name: &'static str,
    shown: Shown,
    trust: AgencyTrust,
    refusal: Option<Refusal>,
}

/// What the cases of one side are made of: an authority, and a good leaf's id and purpose.
struct Maker {
    italy: Authority,
    malta: Authority,
    id: &'static str,
    role: Role,
    purpose: ExtendedKeyUsagePurpose,
    wrong_purpose: ExtendedKeyUsagePurpose,
    cases: Vec<Case>,
}

type Change<'a> = &'a dyn Fn(&mut CertificateParams);

impl Maker {
    fn new(client: bool) -> Self {
        let (both, id, role) = if client {
            (
                [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth],
                OFFICER,
                Role::Officer,
            )
        } else {
            (
                [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
                NODE,
                Role::Node,
            )
        };
        let [purpose, wrong_purpose] = both;
        let (italy, malta) = (authority(HOME), authority(OTHER));
        Self { italy, malta, id, role, purpose, wrong_purpose, cases: Vec::new() }
    }

    fn odd(&self, ids: &[&str], change: Change<'_>) -> Odd {
        let mut odd = Odd::new(ids);
        odd.params.extended_key_usages = vec![self.purpose.clone()];
        change(&mut odd.params);
        odd
    }

    fn add(&mut self, name: &'static str, shown: Shown, refusal: impl Into<Option<Refusal>>) {
        let (trust, refusal) = (trust(&self.italy), refusal.into());
        self.cases.push(Case { name, shown, trust, refusal });
    }

    /// A leaf of the agency's own authority that differs from a good one in one thing.
    fn changed(
        &mut self,
        name: &'static str,
        refusal: impl Into<Option<Refusal>>,
        change: Change<'_>,
    ) {
        let key = p256();
        let (der, _) = self.odd(&[self.id], change).signed_with_key(&self.italy, &key);
        self.add(name, Shown::of(&[&der], &key), refusal);
    }

    fn with_ids(&mut self, name: &'static str, ids: &[&str], error: SpiffeError) {
        let key = p256();
        let (der, _) = self.odd(ids, &|_| {}).signed_with_key(&self.italy, &key);
        self.add(name, Shown::of(&[&der], &key), Refusal::Id(error));
    }

    /// A good leaf, judged by another list.
    fn listed<const N: usize>(
        &mut self,
        name: &'static str,
        crls: [Vec<u8>; N],
        refusal: impl Into<Option<Refusal>>,
    ) {
        let key = p256();
        let (der, _) = self.odd(&[self.id], &|_| {}).signed_with_key(&self.italy, &key);
        let trust = AgencyTrust { crls: crls.to_vec(), ..trust(&self.italy) };
        let (shown, refusal) = (Shown::of(&[&der], &key), refusal.into());
        self.cases.push(Case { name, shown, trust, refusal });
    }

    fn who(&mut self) {
        let key = p256();
        self.changed("a good one", None, &|_| {});
        let (selfmade, _) = self.odd(&[self.id], &|_| {}).self_signed(&key);
        self.add("self-signed", Shown::of(&[&selfmade], &key), Refusal::UnknownIssuer);
        let (der, _) = self.odd(&[self.id], &|_| {}).signed_with_key(&self.malta, &key);
        self.add("another agency's authority", Shown::of(&[&der], &key), Refusal::UnknownIssuer);
        let impostor = authority(HOME);
        let (der, _) = self.odd(&[self.id], &|_| {}).signed_with_key(&impostor, &key);
        self.add("an authority of the same name", Shown::of(&[&der], &key), Refusal::Signature);
        let (der, _) =
            self.odd(&["spiffe://zzz.nobody/node/x"], &|_| {}).signed_with_key(&self.italy, &key);
        self.add("an agency that nobody knows", Shown::of(&[&der], &key), Refusal::UnknownAgency);
        let (der, _) = self.odd(&[self.id], &|_| {}).signed_with_key(&self.italy, &key);
        self.add("another's certificate", Shown::of(&[&der], &p256()), Refusal::NotItsKey);
        let other = if self.role == Role::Node { OFFICER } else { NODE };
        let refusal =
            Refusal::Role(if self.role == Role::Node { Role::Officer } else { Role::Node });
        let (der, _) = self.odd(&[other], &|_| {}).signed_with_key(&self.italy, &key);
        self.add("a role of another door", Shown::of(&[&der], &key), refusal);
    }

    fn times(&mut self) {
        let ended = past().plus_millis(HOUR / 2);
        self.changed("expired", Refusal::Expired, &|it| it.not_after = at(ended));
        let later = past().plus_millis(2 * HOUR);
        self.changed("not yet valid", Refusal::NotYetValid, &|it| it.not_before = at(later));
        let old = Validity { not_before: past(), not_after: past().plus_millis(HOUR / 2) };
        let old = Authority::create(&agency(HOME), old, &rogatory::entropy::SystemEntropy).unwrap();
        let key = p256();
        let (der, _) = self.odd(&[self.id], &|_| {}).signed_with_key(&old, &key);
        let (shown, refusal) = (Shown::of(&[&der], &key), Some(Refusal::UnknownIssuer));
        self.cases.push(Case { name: "a root that has ended", shown, trust: trust(&old), refusal });
    }

    fn lists(&mut self) {
        let sign = |by: &Authority, list: &RevocationList| by.sign_revocations(list).unwrap();
        let fresh = RevocationList::first(past(), past().plus_millis(2 * HOUR));
        let late = RevocationList::first(past().plus_millis(-48 * HOUR), past().plus_millis(-HOUR));
        let dead = past().plus_millis(-100 * HOUR);
        let dead = RevocationList::first(dead, dead.plus_millis(HOUR));
        let (good, by_other) = (sign(&self.italy, &fresh), sign(&self.malta, &fresh));
        let (by_impostor, mut broken) = (sign(&authority(HOME), &fresh), sign(&self.italy, &fresh));
        let (late, dead) = (sign(&self.italy, &late), sign(&self.italy, &dead));
        self.listed("a list that does not name it", [good], None);
        self.listed("no list at all", [], Refusal::NoList);
        self.listed("a late list, within its grace", [late], None);
        self.listed("a list past its grace", [dead], Refusal::ListExpired);
        self.listed("a list of another authority", [by_other], Refusal::ListSilent);
        self.listed("a forged list", [by_impostor], Refusal::ListForged);
        let last = broken.len() - 1;
        broken[last] ^= 1;
        self.listed("a list whose signature is harmed", [broken], Refusal::ListForged);
        self.listed("a list that can't be read", [vec![0x30, 0]], Refusal::UnknownAgency);
        let name = if self.role == Role::Node { "rome-1" } else { "duty-desk" };
        let issued = leaf(&self.italy, self.role, name);
        let serial = rogatory::pki::inspect(issued.certificate_der()).unwrap().serial;
        let mut list = fresh;
        list.revoke(&hex::decode(serial).unwrap(), past());
        let key = PrivatePkcs8KeyDer::from(issued.key_der().to_vec());
        let key = aws_lc_rs::sign::any_supported_type(&key.into()).unwrap();
        let shown = Shown::signing(&[issued.certificate_der()], key);
        let (trust, refusal) = (trust_with_list(&self.italy, &list), Some(Refusal::Revoked));
        self.cases.push(Case { name: "revoked", shown, trust, refusal });
    }

    fn ids(&mut self) {
        use SpiffeError as E;
        let long = format!("{}{}", self.id, "a".repeat(2048));
        let with = |end: &str| format!("{}{end}", self.id);
        let (slash, query, fragment) = (with("/"), with("?b"), with("#b"));
        let id = self.id;
        self.with_ids("no id", &[], E::NoId);
        self.with_ids("two ids", &[id, "spiffe://ita.coast-guard/auditor/x"], E::SeveralIds(2));
        self.with_ids("an id and another URI", &[id, "https://example"], E::SeveralIds(2));
        self.with_ids("a URI that is no id", &["https://ita.coast-guard/officer/a"], E::Scheme);
        self.with_ids("an id without a path", &["spiffe://ita.coast-guard"], E::Shape);
        self.with_ids("an id with an empty path", &["spiffe://ita.coast-guard/"], E::Shape);
        self.with_ids("an unknown role", &["spiffe://ita.coast-guard/captain/a"], E::Role);
        self.with_ids("dots", &["spiffe://ita.coast-guard/officer/.."], E::Name);
        self.with_ids("escapes", &["spiffe://ita.coast-guard/officer/%61"], E::Character('%'));
        self.with_ids("upper case", &["spiffe://ita.coast-guard/Officer/a"], E::UpperCase);
        self.with_ids("a trailing slash", &[&slash], E::Shape);
        self.with_ids("a query", &[&query], E::Character('?'));
        self.with_ids("a fragment", &[&fragment], E::Character('#'));
        self.with_ids("a port", &["spiffe://ita.coast-guard:1/node/a"], E::Character(':'));
        self.with_ids("a user", &["spiffe://u@ita.coast-guard/node/a"], E::Character('@'));
        self.with_ids("an id that is too long", &[&long], E::TooLong);
        let no_names = Refusal::Id(E::NoId);
        self.changed("its role in the subject alone", no_names, &|it| {
            it.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into().unwrap())];
        });
    }

    fn uses(&mut self) {
        let authority = || Refusal::Id(SpiffeError::Authority);
        self.changed("an authority as a leaf", authority(), &|it| {
            it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        self.changed("a leaf that may sign certificates", authority(), &|it| {
            it.key_usages.push(KeyUsagePurpose::KeyCertSign);
        });
        self.changed("a leaf that may sign lists", authority(), &|it| {
            it.key_usages.push(KeyUsagePurpose::CrlSign);
        });
        let usage = || Refusal::Id(SpiffeError::KeyUsage);
        self.changed("no key usage", usage(), &|it| it.key_usages.clear());
        self.changed("no digital signature", usage(), &|it| {
            it.key_usages = vec![KeyUsagePurpose::KeyAgreement];
        });
        let uncritical = Refusal::Id(SpiffeError::KeyUsageNotCritical);
        self.changed("a key usage that is not critical", uncritical, &uncritical_usage);
        self.changed("no purpose", Refusal::Id(SpiffeError::NoPurpose), &|it| {
            it.extended_key_usages.clear();
        });
        let wrong = self.wrong_purpose.clone();
        self.changed("the other side's purpose", Refusal::Purpose, &|it| {
            it.extended_key_usages = vec![wrong.clone()];
        });
        let unknown = Refusal::Chain(webpki::Error::UnsupportedCriticalExtension);
        self.changed("an unknown critical extension", unknown, &|it| {
            let oid = [1, 3, 6, 1, 4, 1, 99999, 1];
            let mut strange = rcgen::CustomExtension::from_oid_content(&oid, vec![5, 0]);
            strange.set_criticality(true);
            it.custom_extensions = vec![strange];
        });
        let huge = Refusal::Id(SpiffeError::CertificateTooLong);
        self.changed("a certificate over its size", huge, &|it| {
            let oid = [1, 3, 6, 1, 4, 1, 99999, 2];
            let content = [&[4, 0x82, 0x42, 0x68][..], &vec![0; 17_000]].concat();
            it.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&oid, content)];
        });
    }

    /// Leaves with keys that are not P-256: an honest side has nothing to sign with, and a lying
    /// one signs with a key that the certificate does not have.
    fn keys(&mut self) {
        let kinds = [
            ("a key on P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
            ("an Ed25519 key", &rcgen::PKCS_ED25519),
            ("an RSA key", &rcgen::PKCS_RSA_SHA256),
        ];
        for (name, kind) in kinds {
            let key = KeyPair::generate_for(kind).unwrap();
            let (der, _) = self.odd(&[self.id], &|_| {}).signed_with_key(&self.italy, &key);
            let pkcs8 = PrivatePkcs8KeyDer::from(key.serialize_der());
            let signing = aws_lc_rs::sign::any_supported_type(&pkcs8.into()).unwrap();
            let shown = Shown::signing(&[&der], Arc::new(Pretending(signing)));
            self.add(name, shown, Refusal::NotItsKey);
        }
        let client = self.purpose == ExtendedKeyUsagePurpose::ClientAuth;
        let purpose = if client { "clientAuth" } else { "serverAuth" };
        for (name, key) in WEAK_KEYS {
            let der = leaf_with(key, &self.italy, (self.id, purpose));
            self.add(name, Shown::of(&[&der], &p256()), Refusal::NotItsKey);
        }
    }

    /// A root of its own, `levels` authorities below it, and a leaf; all as `change` wants them.
    fn chained(&mut self, name: &'static str, levels: usize, refusal: Option<Refusal>, how: How) {
        let signing = |change: Change<'_>| {
            let mut odd = Odd::new(&["spiffe://ita.coast-guard"]);
            odd.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            odd.params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            odd.params.extended_key_usages = Vec::new();
            let unique = hex::encode(p256().public_key_raw().get(1..9).unwrap());
            odd.params.distinguished_name.push(rcgen::DnType::OrganizationName, unique);
            change(&mut odd.params);
            odd.params
        };
        let root_key = p256();
        let params = signing(&how.root);
        let root = params.self_signed(&root_key).unwrap().der().to_vec();
        let mut issuer = Issuer::new(params, root_key);
        let mut crls = vec![Said::fresh(&[]).signed_by(&issuer)];
        let mut shown: Vec<Vec<u8>> = Vec::new();
        for _ in 0..levels {
            let key = p256();
            let params = signing(&how.between);
            shown.insert(0, params.signed_by(&key, &issuer).unwrap().der().to_vec());
            issuer = Issuer::new(params, key);
            crls.push(Said::fresh(&[]).signed_by(&issuer));
        }
        let key = p256();
        let leaf = self.odd(&[self.id], &how.leaf).params.signed_by(&key, &issuer).unwrap();
        shown.insert(0, leaf.der().to_vec());
        (how.order)(&mut shown);
        let chain: Vec<&[u8]> = shown.iter().map(Vec::as_slice).collect();
        let trust = AgencyTrust { roots: vec![root], crls };
        self.cases.push(Case { name, shown: Shown::of(&chain, &key), trust, refusal });
    }

    fn chains(&mut self) {
        let chain = |error| Some(Refusal::Chain(error));
        self.chained("one authority between", 1, None, How::plain());
        self.chained("three authorities between", 3, None, How::plain());
        self.chained("four authorities between", 4, Some(Refusal::ChainTooLong), How::plain());
        let lost = |shown: &mut Vec<Vec<u8>>| shown.truncate(1);
        let missing = How { order: Box::new(lost), ..How::plain() };
        self.chained("the authority between is missing", 1, Some(Refusal::UnknownIssuer), missing);
        let stranger = authority(OTHER).certificate_der().to_vec();
        let beside = move |shown: &mut Vec<Vec<u8>>| shown.push(stranger.clone());
        self.chained(
            "a stranger in the chain",
            1,
            None,
            How { order: Box::new(beside), ..How::plain() },
        );
        let turned = |shown: &mut Vec<Vec<u8>>| shown.reverse();
        let refusal = Some(Refusal::Id(SpiffeError::Authority));
        let turned = How { order: Box::new(turned), ..How::plain() };
        self.chained("a chain in wrong order", 1, refusal, turned);
        let ended = at(past().plus_millis(HOUR / 2));
        let old = move |it: &mut CertificateParams| it.not_after = ended;
        let old = How { between: Box::new(old), ..How::plain() };
        self.chained("an authority between that has ended", 1, Some(Refusal::Expired), old);
        let short = |it: &mut CertificateParams| {
            it.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        };
        let refusal = chain(webpki::Error::PathLenConstraintViolated);
        let short = How { root: Box::new(short), ..How::plain() };
        self.chained("more authorities than the root allows", 1, refusal, short);
        let is_leaf = |it: &mut CertificateParams| it.is_ca = IsCa::ExplicitNoCa;
        let refusal = chain(webpki::Error::EndEntityUsedAsCa);
        let is_leaf = How { between: Box::new(is_leaf), ..How::plain() };
        self.chained("a leaf that issued a leaf", 1, refusal, is_leaf);
        self.constrained();
    }

    fn constrained(&mut self) {
        let only = |name: &'static str| {
            Box::new(move |it: &mut CertificateParams| {
                it.name_constraints = Some(rcgen::NameConstraints {
                    permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName(name.to_owned())],
                    excluded_subtrees: Vec::new(),
                });
            })
        };
        let named = || {
            Box::new(|it: &mut CertificateParams| {
                let name = "desk.mlt.example".try_into().unwrap();
                it.subject_alt_names.push(rcgen::SanType::DnsName(name));
            })
        };
        let refusal = Some(Refusal::Chain(webpki::Error::NameConstraintViolation));
        let broken = How { root: only("ita.example"), leaf: named(), ..How::plain() };
        self.chained("a name that its root forbids", 0, refusal, broken);
        let kept = How { root: only("mlt.example"), leaf: named(), ..How::plain() };
        self.chained("a name that its root allows", 0, None, kept);
    }

    fn all(client: bool) -> Vec<Case> {
        let mut maker = Self::new(client);
        maker.who();
        maker.times();
        maker.lists();
        maker.ids();
        maker.uses();
        maker.keys();
        maker.chains();
        maker.issuing();
        maker.cases
    }
}

type Making = Box<dyn Fn(&mut CertificateParams)>;
type Ordering = Box<dyn Fn(&mut Vec<Vec<u8>>)>;

/// How a chain differs from a good one.
struct How {
    root: Making,
    between: Making,
    leaf: Making,
    order: Ordering,
}

impl How {
    fn plain() -> Self {
        Self {
            root: Box::new(|_| {}),
            between: Box::new(|_| {}),
            leaf: Box::new(|_| {}),
            order: Box::new(|_| {}),
        }
    }
}

/// What the directory says, faults and all.
fn believing(trust: AgencyTrust) -> Arc<RootsByAgency> {
    Arc::new(RootsByAgency::build([(agency(HOME), trust)], GRACE).0)
}

/// A client that believes any server and shows what it is told to.
pub(crate) fn caller(shown: Shown) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_client_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// Believes any server.
#[derive(Debug)]
struct Credulous;

impl rustls::client::danger::ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[test]
fn each_client_certificate_gets_its_exact_answer_and_gives_its_place_back() {
    let cases = Maker::all(true);
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let place = OnePlace::at(Listener::Agency);
    let none = (Shown(None), trust(&authority(HOME)));
    let none =
        Case { name: "none", shown: none.0, trust: none.1, refusal: Some(Refusal::NoCertificate) };
    for case in cases.into_iter().chain([none]) {
        place.roots.store(believing(case.trust));
        let expected = match &case.refusal {
            None => (Ok(()), Ok(())),
            Some(it) => (Err(it.to_string()), Err(alert(it))),
        };
        assert_eq!(place.told_and_heard(caller(case.shown)), expected, "{}", case.name);
    }
}

#[test]
fn a_certificate_counts_to_the_end_of_its_last_second_at_both_ends() {
    let end = past().plus_millis(2 * HOUR);
    let cases = [(999, Ok(())), (1_000, Err(Refusal::Expired.to_string()))];
    for (millis, expected) in cases {
        let clock = || Arc::new(HandClock::at(end.plus_millis(millis)));
        for client in [true, false] {
            let maker = Maker::new(client);
            let key = p256();
            let odd = maker.odd(&[maker.id], &|it| it.not_after = at(end));
            let (der, _) = odd.signed_with_key(&maker.italy, &key);
            let (shown, trust) = (Shown::of(&[&der], &key), trust(&maker.italy));
            let told = if client {
                let place = OnePlace::by(Listener::Agency, clock());
                place.roots.store(believing(trust));
                place.meets(caller(shown))
            } else {
                dialled_by(clock(), serving(shown, |_| {}), trust)
            };
            assert_eq!(told, expected, "{millis} ms after its last second began, {client}");
        }
    }
}

#[test]
fn a_certificate_of_a_megabyte_is_cut_off_unread_at_both_ends() {
    let huge = |maker: &Maker| {
        let key = p256();
        let odd = maker.odd(&[maker.id], &|it| {
            let oid = [1, 3, 6, 1, 4, 1, 99999, 2];
            let content = [&[4, 0x83, 0x10, 0, 0][..], &vec![0; 1 << 20]].concat();
            it.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&oid, content)];
        });
        let (der, _) = odd.signed_with_key(&maker.italy, &key);
        assert!(der.len() > 1 << 20);
        Shown::of(&[&der], &key)
    };
    let too_large = "received corrupt message of type HandshakePayloadTooLarge";
    let maker = Maker::new(true);
    let place = OnePlace::at(Listener::Agency);
    place.roots.store(believing(trust(&maker.italy)));
    let told = place.meets(caller(huge(&maker)));
    assert_eq!(told, Err(too_large.to_owned()));
    // The place is given back.
    let key = p256();
    let (der, _) = maker.odd(&[maker.id], &|_| {}).signed_with_key(&maker.italy, &key);
    assert_eq!(place.meets(caller(Shown::of(&[&der], &key))), Ok(()));
    let maker = Maker::new(false);
    let told = dialled(serving(huge(&maker), |_| {}), trust(&maker.italy));
    assert_eq!(told, Err(too_large.to_owned()));
}

#[test]
fn a_handshake_that_is_not_the_doors_own_is_refused() {
    let italy = authority(HOME);
    let of = |role, name| {
        let issued = leaf(&italy, role, name);
        let key = PrivatePkcs8KeyDer::from(issued.key_der().to_vec());
        let key = aws_lc_rs::sign::any_supported_type(&key.into()).unwrap();
        caller(Shown::signing(&[issued.certificate_der()], key))
    };
    let (node, officer) = (|| of(Role::Node, "rome-2"), || of(Role::Officer, "duty-desk"));
    let (peers, home) = (OnePlace::at(Listener::Peer), OnePlace::at(Listener::Agency));
    for place in [&peers, &home] {
        place.roots.store(believing(trust(&italy)));
    }
    assert_eq!(peers.meets(node()), Ok(()));
    assert_eq!(home.meets(officer()), Ok(()));
    let silent = |mut config: ClientConfig| {
        config.alpn_protocols.clear();
        config
    };
    assert_eq!(peers.meets(silent(node())), Err(Refusal::NoProtocol.to_string()));
    assert_eq!(home.meets(silent(officer())), Ok(()), "HTTP/1.1 is spoken where none is named");
    for (place, config) in [(&peers, node()), (&home, officer())] {
        let mut config = config;
        config.alpn_protocols = vec![b"http/1.0".to_vec()];
        let told = place.meets(config).unwrap_err();
        assert_eq!(told, "peer doesn't support any known protocol");
    }
    let grouped = |config: ClientConfig, group| {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = vec![group];
        let mut anew = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Credulous))
            .with_client_cert_resolver(Arc::clone(&config.client_auth_cert_resolver));
        anew.alpn_protocols = config.alpn_protocols.clone();
        anew
    };
    let no_group = "peer is incompatible: NoKxGroupsInCommon";
    let refused = |told: Result<(), String>| assert_eq!(told, Err(no_group.to_owned()));
    refused(peers.meets(grouped(node(), kx_group::X25519)));
    refused(peers.meets(grouped(node(), kx_group::SECP256R1)));
    refused(home.meets(grouped(officer(), kx_group::SECP384R1)));
    assert_eq!(home.meets(grouped(officer(), kx_group::X25519)), Ok(()));
    assert_eq!(peers.meets(grouped(node(), kx_group::X25519MLKEM768)), Ok(()));
    assert_eq!(peers.meets(officer()), Err(Refusal::Role(Role::Officer).to_string()));
    assert_eq!(home.meets(node()), Err(Refusal::Role(Role::Node).to_string()));
}

/// A server that shows what it is told to, and takes any client.
fn serving(shown: Shown, change: impl Fn(&mut ServerConfig)) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"h2".to_vec()];
    change(&mut config);
    config
}

/// What our client says of a server: through the channel that calls and sessions go through.
fn dialled(config: ServerConfig, trust: AgencyTrust) -> Result<(), String> {
    dialled_by(Arc::new(SystemClock), config, trust)
}

fn dialled_by(
    clock: Arc<dyn Clock>,
    config: ServerConfig,
    trust: AgencyTrust,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let served = async {
            let (tcp, _) = socket.accept().await.unwrap();
            if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(tcp).await {
                // The preface of HTTP/2, and nothing else: the connection stands.
                drop(stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await);
                let mut said = [0; 24];
                drop(stream.read_exact(&mut said).await);
                std::future::pending::<()>().await;
            }
            std::future::pending().await
        };
        let malta = authority(OTHER);
        let client = ClientTls::new(ClientSettings {
            expected: agency(HOME),
            own: own(&leaf(&malta, Role::Node, "valletta-1")),
            roots: Arc::new(ArcSwap::new(believing(trust))),
            clock,
        });
        let dialled = async {
            let channel = client.channel(&address, "any.name.at.all").await;
            channel.map(|_| ()).map_err(|error| error.to_string())
        };
        tokio::select! {
            told = dialled => told,
            () = served => unreachable!("it serves for ever"),
        }
    })
}

#[test]
fn each_server_certificate_gets_its_exact_answer_from_our_client() {
    let cases = Maker::all(false);
    assert!(cases.len() >= 60, "{} cases", cases.len());
    for case in cases {
        let told = dialled(serving(case.shown, |_| {}), case.trust);
        let expected = case.refusal.map_or(Ok(()), |it| Err(it.to_string()));
        assert_eq!(told, expected, "{}", case.name);
    }
}

#[test]
fn our_client_meets_the_node_it_meant_and_speaks_h2_alone() {
    let (italy, malta) = (authority(HOME), authority(OTHER));
    let node = |authority: &Authority, dns: Timestamp| {
        let validity = Validity { not_before: past(), not_after: dns };
        let issued = leaf_within(authority, Role::Node, "rome-1", validity);
        let key = PrivatePkcs8KeyDer::from(issued.key_der().to_vec());
        let key = aws_lc_rs::sign::any_supported_type(&key.into()).unwrap();
        Shown::signing(&[issued.certificate_der()], key)
    };
    let end = past().plus_millis(24 * HOUR);
    // Its DNS name is another than the one that was dialled: the id counts, and nothing else.
    assert_eq!(dialled(serving(node(&italy, end), |_| {}), trust(&italy)), Ok(()));
    let told = dialled(serving(node(&malta, end), |_| {}), trust(&italy)).unwrap_err();
    assert_eq!(told, Refusal::UnknownAgency.to_string());
    let silent = serving(node(&italy, end), |it| it.alpn_protocols.clear());
    assert_eq!(dialled(silent, trust(&italy)), Err(Refusal::NoProtocol.to_string()));
    let other = serving(node(&italy, end), |it| it.alpn_protocols = vec![b"http/1.1".to_vec()]);
    let told = dialled(other, trust(&italy)).unwrap_err();
    assert_eq!(told, "received fatal alert: NoApplicationProtocol");
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::X25519];
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(node(&italy, end)));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let told = dialled(config, trust(&italy)).unwrap_err();
    assert_eq!(told, "received fatal alert: HandshakeFailure");
}
