//! What a directory says about one agency: country, trust anchors, keys, nodes, desks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::ServerName;
use rustls_pki_types::pem::{PemObject as _, SectionKind, SliceIter};

use crate::clock::Timestamp;
use crate::directory::contact_point::{self, ContactPoint, Shared};
use crate::directory::journal_keys::{self, JournalKeys};
use crate::directory::strict::{Spot, Table};
use crate::directory::witness_keys::{self, WitnessKeys};
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::pki::revoke::{self, SignedList};

/// Bytes of an Ed25519 public key (RFC 8032).
pub const ED25519_PUBLIC_BYTES: usize = 32;
/// Bytes of an X-Wing public key (draft-connolly-cfrg-xwing-kem).
pub const XWING_PUBLIC_BYTES: usize = 1216;
/// Most roots of one agency: the old, the new, and one to spare.
pub const ROOTS_MAX: usize = 8;
/// Most issuing authorities of one agency.
pub const ISSUING_MAX: usize = 8;
/// Most revocation lists of one agency: one of each of its authorities.
pub const CRLS_MAX: usize = ROOTS_MAX + ISSUING_MAX;
/// Most sealing keys of one agency at a time.
pub const SEALING_KEYS_MAX: usize = 8;
/// Most nodes of one agency.
pub const NODES_MAX: usize = 16;
/// Most contact points of one agency.
pub const CONTACT_POINTS_MAX: usize = 512;

/// How an agency lets messages of others through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transit {
    /// Relays what it cannot read.
    Blind,
    /// Reads and releases: a central authority under UNTOC art. 18(13), which must be a recipient.
    Reviewing,
}

impl Transit {
    /// The word in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Reviewing => "reviewing",
        }
    }
}

/// A public key to which content is sealed for the agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKey {
    /// The first 8 bytes of SHA-256 over the public key, in lower-case hexadecimal.
    pub key_id: String,
    /// X-Wing public key; 1216 bytes.
    pub public: Vec<u8>,
    /// From then on nobody seals to it; `None` while it is in use.
    pub retired_at: Option<Timestamp>,
}

/// So long after its retirement a private sealing key is kept for what is under way, in
/// milliseconds: 30 days; then it is destroyed.
pub const SEALING_KEPT_MS: i64 = 30 * 24 * 3600 * 1000;

impl SealingKey {
    /// The key with the id that belongs to it.
    pub fn new(public: Vec<u8>) -> Self {
        let hash = Digest::of(&public).to_string();
        Self { key_id: hash.chars().take(16).collect(), public, retired_at: None }
    }

    /// Whether the private half may be destroyed: it was retired long enough ago.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.retired_at.is_some_and(|at| at.plus_millis(SEALING_KEPT_MS) <= now)
    }
}

/// Where a node of the agency takes its peers' connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The node's name, as in `spiffe://AGENCY/node/NAME`.
    pub name: String,
    /// Host and port of its peer listener.
    pub peer_address: String,
    /// The DNS name or IP address that its certificate carries besides the SPIFFE id.
    pub server_name: String,
}

/// One agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyRecord {
    /// Its id.
    pub id: AgencyId,
    /// ISO 3166-1 alpha-3 in upper case; `None` for international bodies.
    pub country: Option<String>,
    /// Certificates (DER) of its own authorities, the only ones its certificates are checked with.
    pub roots: Vec<Vec<u8>>,
    /// Certificates (DER) of the authorities under those roots that issue in their place.
    pub issuing: Vec<Vec<u8>>,
    /// Revocation lists (DER) of the roots and of the issuing authorities, at most one of each.
    pub crls: Vec<Vec<u8>>,
    /// Volumes of its journal, oldest first; all but the last are retired.
    pub journals: Vec<JournalKeys>,
    /// Keys with which it cosigns other agencies' checkpoints.
    pub witness: Option<WitnessKeys>,
    /// Keys to seal to; the first is the one to use.
    pub sealing: Vec<SealingKey>,
    /// Its nodes; none while it takes part by no node, and then nobody can reach it.
    pub nodes: Vec<Endpoint>,
    /// Its desks.
    pub contact_points: Vec<ContactPoint>,
    /// Whether it may stand in the middle of a route.
    pub transit: Option<Transit>,
}

impl AgencyRecord {
    /// Whoever may sign a revocation list of the agency, DER: its roots, and those who issue for
    /// them.
    pub fn authorities(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().chain(&self.issuing).map(Vec::as_slice)
    }

    /// The volume in use.
    pub fn current_journal(&self) -> Option<&JournalKeys> {
        self.journals.last().filter(|it| it.retired_at_size.is_none())
    }
}

pub(crate) const KEYS: &[&str] = &[
    "id",
    "country",
    "transit",
    "roots",
    "issuing",
    "crl",
    "witness",
    "witness_next",
    "witness_earlier",
    "journal",
    "sealing",
    "node",
    "contact_point",
];
const SEALING_KEYS: &[&str] = &["key_id", "public", "retired_at"];
const NODE_KEYS: &[&str] = &["name", "peer_address", "server_name"];

/// Reads one agency.
pub(crate) fn read(table: &Table<'_>) -> Option<AgencyRecord> {
    Some(read_with_lists(table)?.0)
}

/// Reads one agency; gives its revocation lists as they were verified, in the order of the text.
pub(crate) fn read_with_lists(table: &Table<'_>) -> Option<(AgencyRecord, Vec<SignedList>)> {
    table.require(&["id", "contact_point"]);
    let id = table.spot("id").and_then(|spot| {
        let id: AgencyId = spot.parsed()?;
        table.notes.claim("agency", id.as_str().as_bytes(), &spot);
        Some(id)
    });
    let mut shared = Shared::default();
    let mut record = AgencyRecord {
        country: read_country(table, id.as_ref()),
        roots: read_pem(table, "roots", SectionKind::Certificate, ROOTS_MAX),
        issuing: read_pem(table, "issuing", SectionKind::Certificate, ISSUING_MAX),
        crls: read_pem(table, "crl", SectionKind::Crl, CRLS_MAX),
        journals: journal_keys::read(table, id.as_ref()),
        witness: witness_keys::read(table),
        sealing: read_sealing(table),
        nodes: table
            .tables("node", NODE_KEYS, NODES_MAX)
            .iter()
            .filter_map(|node| read_node(node, id.as_ref()))
            .collect(),
        contact_points: table
            .tables("contact_point", contact_point::KEYS, CONTACT_POINTS_MAX)
            .iter()
            .filter_map(|desk| contact_point::read(desk, id.as_ref(), &mut shared))
            .collect(),
        transit: read_transit(table),
        id: id?,
    };
    record.contact_points.shrink_to_fit();
    check_complete(table, &record);
    let lists = check_lists(table, &record);
    Some((record, lists))
}

/// An agency that runs a node can be proved, sealed to and authenticated.
fn check_complete(table: &Table<'_>, record: &AgencyRecord) {
    if !table.has("node") {
        return;
    }
    for key in ["roots", "witness", "journal", "sealing"] {
        if !table.has(key) {
            table.fault_at(key, "is missing, and an agency that runs a node needs it");
        }
    }
    if record.sealing.first().is_some_and(|it| it.retired_at.is_some()) {
        table.fault_at("sealing", "the first key is retired, and it is the one to seal to");
    }
    if !record.journals.is_empty() && record.current_journal().is_none() {
        table.fault_at("journal", "every volume is retired, and a node needs one in use");
    }
}

/// Each list is one of the agency's own authorities, and each authority has one.
fn check_lists(table: &Table<'_>, record: &AgencyRecord) -> Vec<SignedList> {
    let mut lists: Vec<SignedList> = Vec::new();
    // Roots that can't be read were told; what they signed is not judged.
    if record.roots.is_empty() && table.has("roots") {
        return lists;
    }
    for (index, der) in record.crls.iter().enumerate() {
        match revoke::list_of(der, record.authorities()) {
            Ok(list) if lists.iter().all(|it| it.issuer != list.issuer) => lists.push(list),
            Ok(_) => table.fault_at("crl", format!("list {index} is a second one of its issuer")),
            Err(fault) => table.fault_at("crl", format!("list {index} {fault}")),
        }
    }
    lists
}

fn read_country(table: &Table<'_>, id: Option<&AgencyId>) -> Option<String> {
    let country = table.text("country");
    let id = id?;
    let expected = (id.country() != "int").then(|| id.country().to_ascii_uppercase());
    if country != expected.as_deref() {
        let problem = match &expected {
            Some(code) => format!("must be {code}, the country in the agency's id"),
            None => "an international body has no country".to_owned(),
        };
        table.fault_at("country", problem);
    }
    expected
}

fn read_transit(table: &Table<'_>) -> Option<Transit> {
    match table.text("transit")? {
        "blind" => Some(Transit::Blind),
        "reviewing" => Some(Transit::Reviewing),
        _ => {
            table.fault_at("transit", "must be blind or reviewing");
            None
        }
    }
}

fn read_pem(table: &Table<'_>, key: &'static str, kind: SectionKind, max: usize) -> Vec<Vec<u8>> {
    let Some(spot) = table.spot(key) else {
        return Vec::new();
    };
    let Some(text) = spot.text() else {
        return Vec::new();
    };
    let mut found: Vec<Vec<u8>> = Vec::new();
    let sections: SliceIter<'_, (SectionKind, Vec<u8>)> = <_>::pem_slice_iter(text.as_bytes());
    for section in sections {
        match section {
            Ok((is, der)) if is == kind && is_whole(kind, &der) => found.push(der),
            Ok(_) => spot.fault(format!("holds something that is not {}", name_of(kind))),
            Err(_) => {
                spot.fault("is not well-formed PEM");
                break;
            }
        }
    }
    if found.is_empty() {
        spot.fault(format!("holds no {} in PEM", name_of(kind)));
    }
    if found.len() > max {
        spot.fault(format!("holds {} PEM sections, more than {max}", found.len()));
    }
    found
}

/// Whether the bytes are one X.509 structure of that kind and nothing after it. What it says is
/// for the verifier to judge.
fn is_whole(kind: SectionKind, der: &[u8]) -> bool {
    let rest = if kind == SectionKind::Crl {
        x509_parser::parse_x509_crl(der).map(|(rest, _)| rest)
    } else {
        x509_parser::parse_x509_certificate(der).map(|(rest, _)| rest)
    };
    rest.is_ok_and(<[u8]>::is_empty)
}

fn name_of(kind: SectionKind) -> &'static str {
    if kind == SectionKind::Crl { "X.509 CRL" } else { "X.509 certificate" }
}

pub(crate) fn read_key<const N: usize>(
    table: &Table<'_>,
    spot: &Spot<'_>,
    what: &str,
) -> Option<[u8; N]> {
    let bytes = STANDARD.decode(spot.text()?).ok();
    let key: Option<[u8; N]> = bytes.and_then(|bytes| bytes.try_into().ok());
    match &key {
        Some(key) => table.notes.claim("key", key, spot),
        None => spot.fault(format!("must be the base64 of the {N} bytes of an {what} public key")),
    }
    key
}

pub(crate) fn read_ed25519(
    table: &Table<'_>,
    spot: &Spot<'_>,
) -> Option<[u8; ED25519_PUBLIC_BYTES]> {
    read_key(table, spot, "Ed25519")
}

fn read_sealing(table: &Table<'_>) -> Vec<SealingKey> {
    let tables = table.tables("sealing", SEALING_KEYS, SEALING_KEYS_MAX);
    tables
        .iter()
        .filter_map(|key| {
            key.require(&["key_id", "public"]);
            let spot = key.spot("public")?;
            let public = read_key::<XWING_PUBLIC_BYTES>(key, &spot, "X-Wing")?;
            let retired_at = key.spot("retired_at").and_then(|spot| spot.time());
            let sealing = SealingKey { retired_at, ..SealingKey::new(public.to_vec()) };
            if key.text("key_id").is_some_and(|it| it != sealing.key_id) {
                key.fault_at("key_id", format!("must be {}, by the key", sealing.key_id));
            }
            Some(sealing)
        })
        .collect()
}

fn read_node(table: &Table<'_>, agency: Option<&AgencyId>) -> Option<Endpoint> {
    table.require(&["name", "peer_address", "server_name"]);
    let name = table.spot("name").and_then(|spot| {
        let name = spot.text()?;
        if !is_node_name(name) {
            spot.fault("must be 1 to 63 of a-z, 0-9 and inner hyphens");
        }
        if let Some(agency) = agency {
            table.notes.claim("node", format!("{agency} {name}").as_bytes(), &spot);
        }
        Some(name.to_owned())
    });
    let peer_address = table.spot("peer_address").and_then(|spot| {
        let address = spot.text()?;
        if !is_address(address) {
            spot.fault(
                "must be a host and a port, such as rome.example:7444 or [2001:db8::1]:7444",
            );
        }
        table.notes.claim("peer address", address.as_bytes(), &spot);
        Some(address.to_owned())
    });
    let server_name = table.spot("server_name").and_then(|spot| {
        let server_name = spot.text()?;
        if ServerName::try_from(server_name).is_err() {
            spot.fault("must be a DNS name or an IP address");
        }
        Some(server_name.to_owned())
    });
    Some(Endpoint { name: name?, peer_address: peer_address?, server_name: server_name? })
}

/// Whether `name` can stand in `spiffe://AGENCY/node/NAME`.
pub(crate) fn is_node_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether `address` is a host (name, IPv4, or IPv6 in brackets) and a port other than 0.
pub(crate) fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    let is_port = port.parse::<u16>().is_ok_and(|it| it > 0) && !port.starts_with('+');
    let is_host = match host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.contains(':') && ServerName::try_from(host).is_ok(),
    };
    is_port && is_host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port() {
        for good in ["127.0.0.1:7444", "rome-1.example:1", "[::1]:65535", "localhost:7444"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", ":1", "host", "host:0", "host:65536", "host:+1", "::1:7444", "a b:1"] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn sealing_keys_are_named_by_their_hash() {
        let key = SealingKey::new(b"abc".to_vec());
        assert_eq!(key.key_id, "ba7816bf8f01cfea");
    }
}
