//! One agency of a throw-away network: authority, certificates, node keys, configuration, contexts.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;

use crate::cli::demo::folder;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::context::Context;
use crate::config::file::{KeysSection, Listen, NodeSection, Relay, Tls};
use crate::config::{Config, NodeKeys};
use crate::directory::{AgencyRecord, Endpoint, JournalKeys, SealingKey, WitnessKeys};
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, ContactPointId, JournalName, NetworkId};
use crate::entropy::SystemEntropy;
use crate::envelope::keyring::SealingPrivate;
use crate::identity::{Principal, Role};
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use crate::pki::{Authority, Issued, LeafRequest, RevocationList, Validity, revoke};

/// Name of every agency's node.
pub(super) const NODE: &str = "node-1";
/// Life of everything that is issued, in days.
const LIFE_DAYS: u32 = 30;
/// Certificates count from so long before they were made, in milliseconds.
const SKEW_MS: i64 = 3_600_000;
/// First and longest pause of a node before it tries a peer again, in milliseconds: on one machine
/// a peer that is down is being started.
const RETRY_MS: (u64, u64) = (50, 1_000);

/// Those who call a node, with the name of their post.
const CALLERS: &[(Role, &str)] = &[
    (Role::Officer, "duty-officer"),
    (Role::Service, "case-system"),
    (Role::Auditor, "audit-office"),
    (Role::Operator, "operations"),
];

/// Where an agency is to be made.
pub(super) struct Site {
    /// The network.
    pub(super) network: NetworkId,
    /// The agency's own folder.
    pub(super) folder: PathBuf,
    /// The folder of `contexts/`.
    pub(super) contexts_home: PathBuf,
    /// Where the directory will stand.
    pub(super) directory: PathBuf,
    /// The hash of its genesis.
    pub(super) genesis: Digest,
    /// Addresses of the agency, peer and operations listeners.
    pub(super) listen: [SocketAddr; 3],
}

/// Somebody with a certificate, and where it stands.
pub struct Caller {
    /// The name in the certificate.
    pub id: String,
    /// Certificate, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Both and the root in one file; made for networks that are kept.
    pub pkcs12: PathBuf,
    /// Name of the context; nodes have none.
    pub context: Option<String>,
    issued: Issued,
}

/// An agency that was made.
pub struct Place {
    /// Its id.
    pub agency: AgencyId,
    /// Its folder.
    pub folder: PathBuf,
    /// Its desk.
    pub desk: ContactPointId,
    /// Its node's configuration.
    pub config: PathBuf,
    /// What its node writes about itself.
    pub log: PathBuf,
    /// Where its node listens.
    pub listen: Listen,
    /// Its root certificate, PEM.
    pub ca: PathBuf,
    /// Its authority's private key, PEM.
    pub ca_key: PathBuf,
    /// Its certificates by role.
    pub callers: BTreeMap<Role, Caller>,
}

impl Place {
    /// Writes the PKCS#12 files.
    ///
    /// # Errors
    /// What the file system or the library said.
    pub(super) fn write_pkcs12(&self, password: &str) -> Result<()> {
        for caller in self.callers.values() {
            folder::write(&caller.pkcs12, caller.issued.pkcs12(password)?.as_slice())?;
        }
        Ok(())
    }
}

/// Makes an agency: its files, and the record that the directory is to hold.
///
/// # Errors
/// What the file system said, or a certificate that cannot be made.
pub(super) fn make(mut record: AgencyRecord, site: Site) -> Result<(AgencyRecord, Place)> {
    folder::make(&site.folder)?;
    let start = SystemClock.now().plus_millis(-SKEW_MS);
    let authority =
        Authority::create(&record.id, Validity::days(start, LIFE_DAYS), &SystemEntropy)?;
    let (ca, ca_key) = (site.folder.join("ca.pem"), site.folder.join("ca.key"));
    folder::write(&ca, authority.certificate_pem())?;
    folder::write(&ca_key, authority.key_pem().as_bytes())?;
    let keys = NodeKeys::generate(&SystemEntropy);
    keys.save(&site.folder.join("keys"))?;
    name_keys(&mut record, &keys, &site);
    name_authority(&mut record, &authority, start, &site)?;
    let desk = record.contact_points.first().map(|it| it.id.clone());
    let desk = desk.ok_or_else(|| anyhow::anyhow!("{} has no desk", record.id))?;
    let config = site.folder.join("node.toml");
    let wanted = configuration(&record.id, &site);
    folder::write(&config, wanted.to_toml())?;
    let mut place = Place {
        agency: record.id.clone(),
        desk,
        config,
        log: site.folder.join("node.log"),
        listen: wanted.listen,
        ca,
        ca_key,
        callers: BTreeMap::new(),
        folder: site.folder.clone(),
    };
    for (role, name) in CALLERS.iter().chain(&[(Role::Node, NODE)]) {
        let caller = issue(&authority, &place, &site, (*role, name))?;
        place.callers.insert(*role, caller);
    }
    Ok((record, place))
}

/// Names the public half of the node's keys in the directory's record.
fn name_keys(record: &mut AgencyRecord, keys: &NodeKeys, site: &Site) {
    let first = keys.journal(1).expect("fresh keys are whole");
    record.journals = vec![JournalKeys::of(
        JournalName::new(record.id.clone(), 1),
        Ed25519Signer::from_seed(first.ed25519.expect("fresh keys are in files")).public(),
        MlDsa44Signer::from_seed(first.mldsa44).public(),
    )];
    let witness = keys.witness.values().next().expect("fresh keys are whole");
    record.witness = Some(WitnessKeys::of(Ed25519Signer::from_seed(witness).public()));
    let sealing = keys.sealing.iter().map(|seed| SealingPrivate::from_seed(seed).public());
    record.sealing = sealing.map(SealingKey::new).collect();
    let [_, peers, _] = site.listen;
    record.nodes = vec![Endpoint {
        name: NODE.to_owned(),
        peer_address: peers.to_string(),
        server_name: "localhost".to_owned(),
    }];
}

fn name_authority(
    record: &mut AgencyRecord,
    authority: &Authority,
    start: Timestamp,
    site: &Site,
) -> Result<()> {
    let end = Validity::days(start, LIFE_DAYS).not_after;
    let list = authority.sign_revocations(&RevocationList::first(start, end))?;
    folder::write(&site.folder.join("ca.crl"), revoke::list_pem(&list))?;
    record.roots = vec![authority.certificate_der().to_vec()];
    record.crls = vec![list];
    Ok(())
}

fn configuration(agency: &AgencyId, site: &Site) -> Config {
    let [agency_listener, peers, operations] = site.listen;
    let (certificate, key) = (PathBuf::from("node.pem"), PathBuf::from("node.key"));
    Config {
        node: NodeSection {
            name: NODE.to_owned(),
            agency: agency.clone(),
            network: site.network.clone(),
            data_dir: "store".into(),
            directory: "../directory".into(),
            genesis: site.genesis,
        },
        listen: Listen { agency: agency_listener, peers, operations },
        tls: Tls {
            certificate: certificate.clone(),
            key: key.clone().into(),
            peer_certificate: certificate,
            peer_key: key.into(),
        },
        keys: KeysSection::of_folder("keys"),
        token: Default::default(),
        store: Default::default(),
        backup: Default::default(),
        directory: Default::default(),
        relay: Relay { retry_min_ms: RETRY_MS.0, retry_max_ms: RETRY_MS.1, ..Default::default() },
        limits: Default::default(),
        messages: Default::default(),
        handling: Default::default(),
        attachments: Default::default(),
        retention: Default::default(),
        alarm: Default::default(),
        trace: Default::default(),
    }
}

fn issue(
    authority: &Authority,
    place: &Place,
    site: &Site,
    (role, name): (Role, &str),
) -> Result<Caller> {
    let is_node = role == Role::Node;
    let start = SystemClock.now().plus_millis(-SKEW_MS);
    let request = LeafRequest {
        principal: Principal::new(place.agency.clone(), role, name)?,
        validity: Validity { not_before: start, not_after: authority.facts().not_after },
        dns_names: is_node.then(|| "localhost".to_owned()).into_iter().collect(),
        ip_addresses: is_node.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST)).into_iter().collect(),
    };
    let issued = authority.issue(&request, &SystemEntropy)?;
    let file = |ending: &str| place.folder.join(format!("{role}.{ending}"));
    let mut caller = Caller {
        id: request.principal.to_string(),
        certificate: file("pem"),
        key: file("key"),
        pkcs12: file("p12"),
        context: None,
        issued,
    };
    folder::write(&caller.certificate, caller.issued.certificate_pem())?;
    folder::write(&caller.key, caller.issued.key_pem().as_bytes())?;
    if !is_node {
        caller.context = Some(write_context(place, site, role, &caller)?);
    }
    Ok(caller)
}

/// Contexts are named by agency and role, with hyphens throughout: `ita-coast-guard-officer`.
fn write_context(place: &Place, site: &Site, role: Role, caller: &Caller) -> Result<String> {
    let name = format!("{}-{role}", place.agency.as_str().replace('.', "-"));
    let desk = matches!(role, Role::Officer | Role::Service).then(|| place.desk.clone());
    let context = Context {
        address: Some(place.listen.agency.to_string()),
        agency: Some(place.agency.clone()),
        certificate: Some(caller.certificate.clone()),
        key: Some(caller.key.clone()),
        directory: Some(site.directory.clone()),
        roots: None,
        contact_point: desk,
    };
    let contexts = site.contexts_home.join("contexts");
    folder::make(&contexts)?;
    folder::write(&contexts.join(format!("{name}.toml")), context.to_toml())?;
    Ok(name)
}
