//! Certificates, one fault each, before the check that every handshake and every request makes.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType,
};
use rogatory::clock::{Clock, SystemClock, Timestamp};
use rogatory::entropy::SystemEntropy;
use rogatory::identity::{Role, SpiffeError, spiffe};
use rogatory::pki::{Authority, RevocationList, Validity};
use rogatory::transport::tls::roots::RootsFault;
use rogatory::transport::tls::{Admission, AgencyTrust, Gate, Refusal, RootsByAgency};
use rustls::pki_types::CertificateDer;

use crate::tls::parties::{
    GRACE, HOUR, Odd, agency, at, authority, certs, leaf, leaf_within, p256, past, roots, trust,
    trust_with_list,
};

pub(crate) const HOME: &str = "ita.coast-guard";
pub(crate) const OFFICER: &str = "spiffe://ita.coast-guard/officer/duty-desk";

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

pub(crate) fn home(trust: AgencyTrust) -> Gate {
    Gate::new(Admission::CallersOf(agency(HOME)), roots(vec![(HOME, trust)]))
}

pub(crate) fn reason(gate: &Gate, der: &[u8]) -> Refusal {
    gate.admit(&certs(der), now()).expect_err("it is refused")
}

#[test]
fn a_stranger_is_refused() {
    let (italy, impostor) = (authority(HOME), authority(HOME));
    let malta = authority("mlt.armed-forces");
    let gate = home(trust(&italy));
    assert_eq!(gate.admit(&[], now()), Err(Refusal::NoCertificate));
    let (selfmade, _) = Odd::new(&[OFFICER]).self_signed(&p256());
    assert_eq!(reason(&gate, &selfmade), Refusal::UnknownIssuer);
    // Another agency's authority, with our agency's id.
    assert_eq!(reason(&gate, &Odd::new(&[OFFICER]).signed_by(&malta)), Refusal::UnknownIssuer);
    // An authority that calls itself like ours.
    let forged = leaf(&impostor, Role::Officer, "duty-desk");
    assert_eq!(reason(&gate, forged.certificate_der()), Refusal::Signature);
    let unknown = leaf(&malta, Role::Officer, "duty-desk");
    assert_eq!(reason(&gate, unknown.certificate_der()), Refusal::UnknownAgency);
    let other = agency("mlt.armed-forces");
    let both = roots(vec![(HOME, trust(&italy)), (other.as_str(), trust(&malta))]);
    let gate = Gate::new(Admission::CallersOf(agency(HOME)), both);
    assert_eq!(reason(&gate, unknown.certificate_der()), Refusal::OtherAgency);
}

#[test]
fn each_role_has_its_door() {
    let italy = authority(HOME);
    let known = roots(vec![(HOME, trust(&italy))]);
    let doors =
        [Admission::CallersOf(agency(HOME)), Admission::AnyNode, Admission::NodeOf(agency(HOME))];
    for role in Role::ALL {
        let shown = leaf(&italy, role, "rome-1");
        for door in &doors {
            let gate = Gate::new(door.clone(), known.clone());
            let found = gate.admit(&certs(shown.certificate_der()), now());
            let callers = matches!(door, Admission::CallersOf(_));
            if (role == Role::Node) != callers {
                assert_eq!(found, Ok(shown.principal.clone()), "{role} {door:?}");
            } else {
                let purpose = !callers && matches!(door, Admission::NodeOf(_));
                let expected = if purpose { Refusal::Purpose } else { Refusal::Role(role) };
                assert_eq!(found, Err(expected), "{role} {door:?}");
            }
        }
    }
}

#[test]
fn times_are_kept_to_the_second() {
    let italy = authority(HOME);
    let gate = home(trust(&italy));
    let validity = Validity { not_before: past(), not_after: past().plus_millis(10_000) };
    let shown = leaf_within(&italy, Role::Officer, "duty-desk", validity);
    let cases = [
        (-1, Some(Refusal::NotYetValid)),
        (0, None),
        (10_999, None),
        (11_000, Some(Refusal::Expired)),
    ];
    for (millis, expected) in cases {
        let found = gate.admit(&certs(shown.certificate_der()), past().plus_millis(millis));
        if millis < 0 {
            // The authority begins at the same second, so it does not count yet either.
            assert!(found.is_err(), "{millis}");
        } else {
            assert_eq!(found.err(), expected, "{millis}");
        }
    }
    let inner =
        Validity { not_before: past().plus_millis(HOUR / 2), not_after: past().plus_millis(HOUR) };
    let later = leaf_within(&italy, Role::Officer, "duty-desk", inner);
    let found = gate.admit(&certs(later.certificate_der()), past().plus_millis(HOUR / 2 - 1));
    assert_eq!(found, Err(Refusal::NotYetValid));
}

#[test]
fn a_root_counts_only_in_its_own_time() {
    let short = Validity { not_before: past(), not_after: past().plus_millis(10_000) };
    let old = Authority::create(&agency(HOME), short, &SystemEntropy).unwrap();
    let gate = home(trust(&old));
    let mut odd = Odd::new(&[OFFICER]);
    odd.params.not_after = at(past().plus_millis(24 * HOUR));
    let shown = odd.signed_by(&old);
    let at_the_end = gate.admit(&certs(&shown), past().plus_millis(10_000));
    assert_eq!(at_the_end.unwrap().to_string(), OFFICER);
    let after = gate.admit(&certs(&shown), past().plus_millis(11_000));
    assert_eq!(after, Err(Refusal::UnknownIssuer));
}

#[test]
fn revocation_follows_the_list() {
    let (italy, malta) = (authority(HOME), authority("mlt.armed-forces"));
    let (good, bad) = (leaf(&italy, Role::Officer, "a"), leaf(&italy, Role::Officer, "b"));
    let mut list = RevocationList::first(past(), past().plus_millis(2 * HOUR));
    let serial = rogatory::pki::inspect(bad.certificate_der()).unwrap().serial;
    list.revoke(&hex::decode(serial).unwrap(), past());
    let gate = home(trust_with_list(&italy, &list));
    assert_eq!(gate.admit(&certs(good.certificate_der()), now()), Ok(good.principal.clone()));
    assert_eq!(reason(&gate, bad.certificate_der()), Refusal::Revoked);

    // Signed by another authority: it does not speak of this issuer, or it is a forgery.
    let foreign =
        AgencyTrust { crls: vec![malta.sign_revocations(&list).unwrap()], ..trust(&italy) };
    assert_eq!(reason(&home(foreign), good.certificate_der()), Refusal::ListSilent);
    let impostor = authority(HOME).sign_revocations(&list).unwrap();
    let forged = AgencyTrust { crls: vec![impostor], ..trust(&italy) };
    assert_eq!(reason(&home(forged), good.certificate_der()), Refusal::ListForged);

    // Nobody is let in of an agency that publishes no list, and what is wrong besides is said first.
    let bare = || AgencyTrust { crls: Vec::new(), ..trust(&italy) };
    assert_eq!(reason(&home(bare()), good.certificate_der()), Refusal::NoList);
    let foreign = Odd::new(&[OFFICER]).signed_by(&malta);
    assert_eq!(reason(&home(bare()), &foreign), Refusal::UnknownIssuer);
    let node = Gate::new(Admission::NodeOf(agency(HOME)), roots(vec![(HOME, bare())]));
    let shown = leaf(&italy, Role::Node, "rome-1");
    assert_eq!(reason(&node, shown.certificate_der()), Refusal::NoList);
    // Who chose the roots by hand has no directory that could hold a list.
    let chosen = RootsByAgency::by_roots_alone(agency(HOME), bare().roots).unwrap();
    let chosen = std::sync::Arc::new(arc_swap::ArcSwap::from_pointee(chosen));
    let gate = Gate::new(Admission::NodeOf(agency(HOME)), chosen);
    assert_eq!(gate.admit(&certs(shown.certificate_der()), now()), Ok(shown.principal.clone()));
}

#[test]
fn a_late_list_counts_for_its_grace_and_no_longer() {
    let italy = authority(HOME);
    let next_update = past().plus_millis(HOUR);
    let list = RevocationList::first(past(), next_update);
    let long = Validity::days(past(), 20);
    let shown = leaf_within(&italy, Role::Officer, "duty-desk", long);
    let trust = trust_with_list(&italy, &list);
    let (built, faults) = RootsByAgency::build([(agency(HOME), trust.clone())], GRACE);
    assert_eq!(faults, []);
    assert_eq!(built.overdue(next_update), Vec::<&_>::new());
    assert_eq!(built.overdue(next_update.plus_millis(1)), [&agency(HOME)]);
    let gate = home(trust);
    let end = next_update.plus_millis(GRACE);
    let shown = certs(shown.certificate_der());
    assert!(gate.admit(&shown, end).is_ok());
    assert_eq!(gate.admit(&shown, end.plus_millis(1)), Err(Refusal::ListExpired));
}

#[test]
fn a_record_with_a_fault_shuts_out_its_own_agency_alone() {
    let (italy, malta) = (authority(HOME), authority("mlt.armed-forces"));
    let officer = leaf(&italy, Role::Officer, "a");
    let faulty = [
        (AgencyTrust::default(), RootsFault::NoRoot(agency("mlt.armed-forces"))),
        (
            AgencyTrust { roots: vec![officer.certificate_der().to_vec()], crls: Vec::new() },
            RootsFault::Root(agency("mlt.armed-forces"), 0),
        ),
        (
            AgencyTrust { crls: vec![vec![0x30, 0]], ..trust(&malta) },
            RootsFault::List(agency("mlt.armed-forces")),
        ),
    ];
    for (given, expected) in faulty {
        let agencies = [(agency(HOME), trust(&italy)), (agency("mlt.armed-forces"), given)];
        let (built, faults) = RootsByAgency::build(agencies, GRACE);
        assert_eq!(faults, [expected]);
        let known = std::sync::Arc::new(arc_swap::ArcSwap::from_pointee(built));
        let gate = Gate::new(Admission::AnyNode, known);
        let node = leaf(&italy, Role::Node, "rome-1");
        assert!(gate.admit(&certs(node.certificate_der()), now()).is_ok());
        let node = leaf(&malta, Role::Node, "valletta-1");
        assert_eq!(reason(&gate, node.certificate_der()), Refusal::UnknownAgency);
    }
}

#[test]
fn exactly_one_well_formed_id_names_the_caller() {
    use SpiffeError::{Character, Name, NoId, Role, Scheme, SeveralIds, Shape, TooLong, UpperCase};
    let italy = authority(HOME);
    let gate = home(trust(&italy));
    let long = format!("spiffe://ita.coast-guard/officer/{}", "a".repeat(2048));
    let long = [long.as_str()];
    let several = [OFFICER, "spiffe://ita.coast-guard/auditor/x"];
    let cases: Vec<(&[&str], SpiffeError)> = vec![
        (&[], NoId),
        (&several, SeveralIds(2)),
        (&[OFFICER, OFFICER], SeveralIds(2)),
        (&[OFFICER, "https://example"], SeveralIds(2)),
        (&["https://ita.coast-guard/officer/a"], Scheme),
        (&["spiffe://ita.coast-guard"], Shape),
        (&["spiffe://ita.coast-guard/"], Shape),
        (&["spiffe://ita.coast-guard/captain/a"], Role),
        (&["spiffe://ita.coast-guard/officer/.."], Name),
        (&["spiffe://ita.coast-guard/officer/%61"], Character('%')),
        (&["spiffe://ita.coast-guard/officer/A"], UpperCase),
        (&["spiffe://ITA.coast-guard/officer/a"], UpperCase),
        (&["spiffe://ita.coast-guard/officer/a/"], Shape),
        (&["spiffe://ita.coast-guard/officer/a?b"], Character('?')),
        (&["spiffe://ita.coast-guard/officer/a#b"], Character('#')),
        (&["spiffe://ita.coast-guard:1/officer/a"], Character(':')),
        (&["spiffe://u@ita.coast-guard/officer/a"], Character('@')),
        (&long, TooLong),
    ];
    for (ids, expected) in cases {
        let shown = Odd::new(ids).signed_by(&italy);
        assert_eq!(reason(&gate, &shown), Refusal::Id(expected), "{ids:?}");
    }
    // The role stands only in the subject; a DNS name is no id.
    let mut odd = Odd::new(&[]);
    odd.params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
    assert_eq!(reason(&gate, &odd.signed_by(&italy)), Refusal::Id(NoId));
    // A control: the same certificate with its one id is good.
    let good = Odd::new(&[OFFICER]).signed_by(&italy);
    assert_eq!(gate.admit(&certs(&good), now()).unwrap().to_string(), OFFICER);
}

/// Key usage that says digital signature, and that whoever does not know it may pass over.
pub(crate) fn uncritical_usage(params: &mut CertificateParams) {
    params.key_usages.clear();
    let usage = CustomExtension::from_oid_content(&[2, 5, 29, 15], vec![3, 2, 7, 0x80]);
    params.custom_extensions = vec![usage];
}

#[test]
fn a_leaf_is_for_signing_handshakes_and_nothing_else() {
    let italy = authority(HOME);
    let gate = home(trust(&italy));
    let refused = |change: &dyn Fn(&mut CertificateParams)| {
        let mut odd = Odd::new(&[OFFICER]);
        change(&mut odd.params);
        reason(&gate, &odd.signed_by(&italy))
    };
    let id = |error| Refusal::Id(error);
    assert_eq!(
        refused(&|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        id(SpiffeError::Authority)
    );
    assert_eq!(
        refused(&|p| p.key_usages.push(KeyUsagePurpose::KeyCertSign)),
        id(SpiffeError::Authority)
    );
    assert_eq!(
        refused(&|p| p.key_usages.push(KeyUsagePurpose::CrlSign)),
        id(SpiffeError::Authority)
    );
    assert_eq!(refused(&|p| p.key_usages.clear()), id(SpiffeError::KeyUsage));
    assert_eq!(
        refused(&|p| p.key_usages = vec![KeyUsagePurpose::KeyAgreement]),
        id(SpiffeError::KeyUsage)
    );
    assert_eq!(refused(&uncritical_usage), id(SpiffeError::KeyUsageNotCritical));
    assert_eq!(refused(&|p| p.extended_key_usages.clear()), id(SpiffeError::NoPurpose));
    assert_eq!(
        refused(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        Refusal::Purpose
    );
    let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    unknown.set_criticality(true);
    assert_eq!(
        refused(&move |p| p.custom_extensions = vec![unknown.clone()]),
        Refusal::Chain(webpki::Error::UnsupportedCriticalExtension)
    );
    let root = certs(italy.certificate_der());
    assert_eq!(gate.admit(&root, now()), Err(id(SpiffeError::Authority)));
}

#[test]
fn no_cut_or_changed_certificate_is_taken() {
    let italy = authority(HOME);
    let gate = home(trust(&italy));
    let good = leaf(&italy, Role::Officer, "duty-desk").certificate_der().to_vec();
    for end in 0..good.len() {
        assert_eq!(reason(&gate, &good[..end]), Refusal::Id(SpiffeError::Unreadable), "{end}");
    }
    for index in 0..good.len() {
        let mut changed = good.clone();
        changed[index] ^= 1;
        assert!(gate.admit(&certs(&changed), now()).is_err(), "byte {index}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(reason(&gate, &longer), Refusal::Id(SpiffeError::Unreadable));
    let huge = vec![0x30; 1024 * 1024];
    assert_eq!(reason(&gate, &huge), Refusal::Id(SpiffeError::CertificateTooLong));
    let beside = [CertificateDer::from(good), CertificateDer::from(huge)];
    assert_eq!(gate.admit(&beside, now()), Err(Refusal::ChainTooLong));
    assert_eq!(spiffe::CERTIFICATE_BYTES_MAX, 16 * 1024);
}
