//! Directories to test with: real certificates, keys that are only bytes.

use std::collections::BTreeSet;

use rogatory::clock::Timestamp;
use rogatory::directory::witness_keys::{EarlierWitness, NextWitness};
use rogatory::directory::{
    AgencyRecord, ContactPoint, DirectoryDraft, Endpoint, Hours, JournalKeys, Link, OfficeHours,
    SealingKey, Transit, WitnessKeys,
};
use rogatory::domain::competence::Function;
use rogatory::domain::header::Channel;
use rogatory::domain::ids::{AgencyId, JournalName};
use rogatory::entropy::{Entropy as _, SeededEntropy};

pub(crate) fn id(text: &str) -> AgencyId {
    text.parse().unwrap()
}

pub(crate) fn key(seed: u64, bytes: usize) -> Vec<u8> {
    let mut key = vec![0; bytes];
    SeededEntropy::new(seed).fill(&mut key);
    key
}

/// An authority's certificate and its empty revocation list.
pub(crate) fn authority(name: &str) -> (Vec<u8>, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
    let root = params.self_signed(&key).unwrap().der().to_vec();
    let crl = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 1, 1),
        next_update: rcgen::date_time_ymd(2036, 1, 1),
        crl_number: rcgen::SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let crl = crl.signed_by(&rcgen::Issuer::from_params(&params, &key)).unwrap();
    (root, crl.der().to_vec())
}

/// Office hours; without openings the usual ones.
pub(crate) fn office(zone: &str, open: &[&str], holidays: &[&str]) -> OfficeHours {
    let open = if open.is_empty() { &["mon-fri 09:00-17:00"] } else { open };
    let open = open.iter().map(|it| it.parse().unwrap()).collect();
    let holidays = holidays.iter().map(|it| it.parse().unwrap()).collect();
    OfficeHours::new(Some(zone), open, holidays).unwrap()
}

pub(crate) fn desk(agency: &AgencyId) -> ContactPoint {
    ContactPoint {
        id: format!("{agency}/desk").parse().unwrap(),
        name: "Desk \"one\", São \\ 指".to_owned(),
        functions: [Function::CentralAuthority, Function::ContactPoint247].into(),
        languages: ["en", "zh-Hant"].map(str::to_owned).into(),
        hours: Hours::Office(office("Europe/Rome", &[], &[])),
    }
}

pub(crate) fn without_node(agency: &str) -> AgencyRecord {
    let id = id(agency);
    AgencyRecord {
        country: (id.country() != "int").then(|| id.country().to_ascii_uppercase()),
        roots: Vec::new(),
        issuing: Vec::new(),
        crls: Vec::new(),
        journals: Vec::new(),
        witness: None,
        sealing: Vec::new(),
        nodes: Vec::new(),
        contact_points: vec![desk(&id)],
        transit: None,
        id,
    }
}

pub(crate) fn with_node(agency: &str, number: u64, pki: &(Vec<u8>, Vec<u8>)) -> AgencyRecord {
    let id = id(agency);
    let seed = number * 10;
    let journal = JournalKeys::of(
        JournalName::new(id.clone(), 1),
        key(seed, 32).try_into().unwrap(),
        key(seed + 1, 1312),
    );
    let node = Endpoint {
        name: "one".to_owned(),
        peer_address: format!("127.0.0.1:{}", 10_000 + number),
        server_name: "localhost".to_owned(),
    };
    AgencyRecord {
        roots: vec![pki.0.clone()],
        crls: vec![pki.1.clone()],
        journals: vec![journal],
        witness: Some(WitnessKeys::of(key(seed + 2, 32).try_into().unwrap())),
        sealing: vec![SealingKey::new(key(seed + 3, 1216))],
        nodes: vec![node],
        ..without_node(agency)
    }
}

pub(crate) fn draft() -> DirectoryDraft {
    let pki = authority("demo");
    let mut guard = with_node("ita.coast-guard", 1, &pki);
    let first = guard.journals.first_mut().unwrap();
    first.retired_at_size = Some(42);
    let second = JournalKeys::of(
        JournalName::new(id("ita.coast-guard"), 3),
        key(90, 32).try_into().unwrap(),
        key(91, 1312),
    );
    guard.journals.push(second);
    guard.roots.push(authority("next").0);
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let earlier = |seed: u64, time: &str| EarlierWitness {
        ed25519: key(seed, 32).try_into().unwrap(),
        retired_at: at(time),
    };
    let witness = guard.witness.as_mut().unwrap();
    witness.earlier =
        vec![earlier(92, "2025-01-01T00:00:00Z"), earlier(93, "2025-07-01T00:00:00Z")];
    witness.next = Some(NextWitness {
        ed25519: key(94, 32).try_into().unwrap(),
        from: at("2026-03-01T00:00:00Z"),
    });
    let hub = AgencyRecord { transit: Some(Transit::Blind), ..with_node("int.hub", 2, &pki) };
    let mut links = vec![
        Link::between(id("ita.coast-guard"), id("int.hub")),
        Link::between(id("pan.flag"), id("int.hub")),
        Link::between(id("per.registry"), id("int.hub")),
    ];
    links[1].channels = BTreeSet::from([Channel::Sea, Channel::Police]);
    links[1].cost = 7;
    DirectoryDraft {
        network: "demo".parse().unwrap(),
        version: 3,
        agencies: vec![hub, guard, with_node("pan.flag", 3, &pki), without_node("per.registry")],
        links,
    }
}
