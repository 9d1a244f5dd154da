//! Chains of certificates with authorities between leaf and root, before the same check.

use rcgen::{
    BasicConstraints, CertificateParams, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType,
};
use rogatory::transport::tls::verifier::CHAIN_MAX;
use rogatory::transport::tls::{AgencyTrust, Refusal};
use rustls::pki_types::CertificateDer;

use crate::tls::matrix::{HOME, OFFICER, home, now, reason};
use crate::tls::parties::{Odd, Said, authority, p256, trust};

/// An authority made by rcgen alone, so that it can be below another or constrained.
fn made(change: impl Fn(&mut CertificateParams), key: &KeyPair) -> CertificateParams {
    let mut odd = Odd::new(&["spiffe://ita.coast-guard"]);
    odd.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    odd.params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    odd.params.extended_key_usages = Vec::new();
    odd.params.distinguished_name.push(
        rcgen::DnType::OrganizationName,
        hex::encode(key.public_key_raw().get(1..9).unwrap()),
    );
    change(&mut odd.params);
    odd.params
}

/// An agency with that root, and the chain that one of its officers shows.
fn chain(levels: usize, path_length: Option<u8>) -> (AgencyTrust, Vec<CertificateDer<'static>>) {
    let key = p256();
    let params = made(
        |params| {
            if let Some(length) = path_length {
                params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
            }
        },
        &key,
    );
    let root = params.self_signed(&key).unwrap().der().to_vec();
    let mut issuer = Issuer::new(params, key);
    let mut crls = vec![Said::fresh(&[]).signed_by(&issuer)];
    let mut shown = Vec::new();
    for _ in 0..levels {
        let key = p256();
        let params = made(|_| {}, &key);
        shown.insert(0, params.signed_by(&key, &issuer).unwrap().der().clone());
        issuer = Issuer::new(params, key);
        crls.push(Said::fresh(&[]).signed_by(&issuer));
    }
    let leaf = Odd::new(&[OFFICER]).params.signed_by(&p256(), &issuer).unwrap();
    shown.insert(0, leaf.der().clone());
    (AgencyTrust { roots: vec![root], crls }, shown)
}

#[test]
fn chains_are_short_and_keep_to_their_length() {
    let judge = |(trust, shown): (AgencyTrust, Vec<CertificateDer<'static>>)| {
        home(trust).admit(&shown, now())
    };
    for levels in 0..CHAIN_MAX {
        assert_eq!(judge(chain(levels, None)).unwrap().to_string(), OFFICER, "{levels}");
    }
    assert_eq!(judge(chain(CHAIN_MAX, None)), Err(Refusal::ChainTooLong));
    assert_eq!(judge(chain(1, Some(1))).unwrap().to_string(), OFFICER);
    let beyond = Refusal::Chain(webpki::Error::PathLenConstraintViolated);
    assert_eq!(judge(chain(1, Some(0))), Err(beyond));

    // A leaf that issued a leaf.
    let italy = authority(HOME);
    let (first_key, second_key) = (p256(), p256());
    let (first, _) = Odd::new(&[OFFICER]).signed_with_key(&italy, &first_key);
    let issuer = Issuer::new(Odd::new(&[OFFICER]).params, first_key);
    let second = Odd::new(&[OFFICER]).params.signed_by(&second_key, &issuer).unwrap();
    let shown = [second.der().clone(), CertificateDer::from(first)];
    let found = home(trust(&italy)).admit(&shown, now());
    assert_eq!(found, Err(Refusal::Chain(webpki::Error::EndEntityUsedAsCa)));
}

#[test]
fn a_root_may_bind_its_agency_to_dns_names() {
    let key = p256();
    let params = made(
        |params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName("ita.example".to_owned())],
                excluded_subtrees: Vec::new(),
            });
        },
        &key,
    );
    let root = params.self_signed(&key).unwrap().der().to_vec();
    let issuer = Issuer::new(params, key);
    let crls = vec![Said::fresh(&[]).signed_by(&issuer)];
    let gate = home(AgencyTrust { roots: vec![root], crls });
    let named = |name: &str| {
        let mut odd = Odd::new(&[OFFICER]);
        odd.params.subject_alt_names.push(SanType::DnsName(name.try_into().unwrap()));
        let leaf = odd.params.signed_by(&p256(), &issuer).unwrap();
        gate.admit(&[leaf.der().clone()], now())
    };
    assert_eq!(named("desk.ita.example").unwrap().to_string(), OFFICER);
    let broken = Refusal::Chain(webpki::Error::NameConstraintViolation);
    assert_eq!(named("desk.mlt.example"), Err(broken));
}

#[test]
fn other_kinds_of_keys_sign_nothing_here() {
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let params = made(|_| {}, &key);
        let root = params.self_signed(&key).unwrap().der().to_vec();
        let issuer = Issuer::new(params, key);
        let leaf = Odd::new(&[OFFICER]).params.signed_by(&p256(), &issuer).unwrap();
        let crls = vec![Said::fresh(&[]).signed_by(&issuer)];
        let gate = home(AgencyTrust { roots: vec![root], crls });
        assert_eq!(reason(&gate, leaf.der()), Refusal::Signature);
    }
}
