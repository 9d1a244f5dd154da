//! An authority that issues under its agency's root, each with a revocation list of its own: the cases
//! of the lists, at the same listener and from the same client.

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rogatory::transport::tls::roots::RootsFault;
use rogatory::transport::tls::{AgencyTrust, Listener, Refusal};

use super::{Case, Maker, OnePlace, Shown, believing, caller};
use crate::tls::matrix::{HOME, now};
use crate::tls::parties::{GRACE, HOUR, Odd, Said, agency, at, p256, past};

/// The serial number of each leaf, and of each issuing authority.
const LEAF: u64 = 7;
const ISSUING: u64 = 5;

/// A root, an authority under it, and a leaf by that one.
struct Issued {
    root: (CertificateParams, KeyPair),
    root_der: Vec<u8>,
    issuing: (CertificateParams, KeyPair),
    shown: [Vec<u8>; 2],
    key: KeyPair,
}

fn authority(name: &str, serial: u64) -> (CertificateParams, KeyPair) {
    let key = p256();
    let mut odd = Odd::new(&["spiffe://ita.coast-guard"]);
    odd.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    odd.params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    odd.params.extended_key_usages = Vec::new();
    odd.params.serial_number = Some(SerialNumber::from(serial));
    odd.params.distinguished_name.push(rcgen::DnType::OrganizationName, name);
    (odd.params, key)
}

fn list((params, key): &(CertificateParams, KeyPair), said: Said<'_>) -> Vec<u8> {
    said.signed_by(&Issuer::from_params(params, key))
}

impl Issued {
    fn by(maker: &Maker) -> Self {
        let root = authority("root", 1);
        let root_der = root.0.self_signed(&root.1).unwrap().der().to_vec();
        let issuing = authority("issuing", ISSUING);
        let by_root = Issuer::from_params(&root.0, &root.1);
        let issuing_der = issuing.0.signed_by(&issuing.1, &by_root).unwrap().der().to_vec();
        let key = p256();
        let leaf = maker.odd(&[maker.id], &|it| it.serial_number = Some(SerialNumber::from(LEAF)));
        let by_issuing = Issuer::from_params(&issuing.0, &issuing.1);
        let leaf = leaf.params.signed_by(&key, &by_issuing).unwrap().der().to_vec();
        Self { root, root_der, issuing, shown: [leaf, issuing_der], key }
    }

    fn shown(&self) -> Shown {
        Shown::of(&[&self.shown[0], &self.shown[1]], &self.key)
    }

    fn trust(&self, crls: Vec<Vec<u8>>) -> AgencyTrust {
        AgencyTrust { roots: vec![self.root_der.clone()], crls }
    }
}

impl Maker {
    /// Adds the cases of lists with an authority between (rows 10 to 14 of the matrix).
    pub(super) fn issuing(&mut self) {
        let fresh = Said::fresh(&[]);
        let late = Said { next_update: past().plus_millis(-HOUR), ..fresh };
        let dead = Said { next_update: past().plus_millis(-GRACE - HOUR), ..fresh };
        let (leaf, between) = (Said::fresh(&[LEAF]), Said::fresh(&[ISSUING]));
        let cases = [
            ("two lists that name nobody", Some(fresh), Some(fresh), None),
            ("revoked by who issued it", Some(fresh), Some(leaf), Some(Refusal::Revoked)),
            (
                "its issuer is revoked by the root",
                Some(between),
                Some(fresh),
                Some(Refusal::Revoked),
            ),
            ("the root's list names its serial, which is another's", Some(leaf), Some(fresh), None),
            ("both lists late, within the grace", Some(late), Some(late), None),
            (
                "the issuer's list past its grace",
                Some(fresh),
                Some(dead),
                Some(Refusal::ListExpired),
            ),
            ("the root's list past its grace", Some(dead), Some(fresh), Some(Refusal::ListExpired)),
            ("the issuer has no list", Some(fresh), None, Some(Refusal::ListSilent)),
            ("the root has no list", None, Some(fresh), Some(Refusal::ListSilent)),
            ("neither has a list", None, None, Some(Refusal::NoList)),
        ];
        for (name, root, issuing, refusal) in cases {
            let issued = Issued::by(self);
            let root = root.map(|said| list(&issued.root, said));
            let issuing = issuing.map(|said| list(&issued.issuing, said));
            let trust = issued.trust(root.into_iter().chain(issuing).collect());
            self.cases.push(Case { name, shown: issued.shown(), trust, refusal });
        }
        let issued = Issued::by(self);
        // In the issuer's name, by a key that is not its own.
        let forged = list(&(issued.issuing.0.clone(), p256()), fresh);
        let trust = issued.trust(vec![list(&issued.root, fresh), forged]);
        let (name, refusal) = ("the issuer's list is forged", Some(Refusal::ListForged));
        self.cases.push(Case { name, shown: issued.shown(), trust, refusal });
    }
}

#[test]
fn the_number_of_an_issuing_authoritys_list_never_goes_down() {
    let maker = Maker::new(true);
    let issued = Issued::by(&maker);
    let second = Said { number: 2, ..Said::fresh(&[LEAF]) };
    let root = list(&issued.root, Said { number: 9, ..Said::fresh(&[]) });
    let lists =
        |issuing: Said<'_>| issued.trust(vec![root.clone(), list(&issued.issuing, issuing)]);
    let place = OnePlace::at(Listener::Agency);
    let believed = believing(lists(second));
    place.roots.store(believed.clone());
    let revoked = Err(Refusal::Revoked.to_string());
    assert_eq!(place.meets(caller(issued.shown())), revoked);
    // An older list, on which it does not stand, changes nothing, whatever number the root's has.
    let older = lists(Said::fresh(&[]));
    let (kept, faults) = believed.followed_by([(agency(HOME), older)], GRACE);
    assert_eq!(faults, [RootsFault::ListBackwards(agency(HOME), 1, 2)]);
    place.roots.store(kept.into());
    assert_eq!(place.meets(caller(issued.shown())), revoked);
    // A newer one counts.
    let newer = lists(Said { number: 3, ..Said::fresh(&[]) });
    let (after, faults) = believed.followed_by([(agency(HOME), newer)], GRACE);
    assert_eq!(faults, []);
    place.roots.store(after.into());
    assert_eq!(place.meets(caller(issued.shown())), Ok(()));
}

#[test]
fn a_renewed_certificate_is_taken_with_the_same_key_and_beside_the_old_one() {
    let maker = Maker::new(true);
    let issued = Issued::by(&maker);
    let place = OnePlace::at(Listener::Agency);
    let lists = [&issued.root, &issued.issuing].map(|it| list(it, Said::fresh(&[])));
    place.roots.store(believing(issued.trust(lists.to_vec())));
    let later = now().plus_millis(48 * HOUR);
    let renewed = maker.odd(&[maker.id], &|it| it.not_after = at(later));
    let by_issuing = Issuer::from_params(&issued.issuing.0, &issued.issuing.1);
    let renewed = renewed.params.signed_by(&issued.key, &by_issuing).unwrap().der().to_vec();
    assert_ne!(renewed, issued.shown[0]);
    let again = Shown::of(&[&renewed, &issued.shown[1]], &issued.key);
    for shown in [issued.shown(), again, issued.shown()] {
        assert_eq!(place.meets(caller(shown)), Ok(()));
    }
}
