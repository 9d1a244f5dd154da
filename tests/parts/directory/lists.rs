//! Revocation lists: one of each authority, in the record or by itself; what is not its authority's,
//! or is older than the one that is known, is refused with its field, and nothing is taken over.

use rogatory::clock::Timestamp;
use rogatory::config::DirectoryFolder;
use rogatory::config::directory::replace;
use rogatory::directory::signed::compare::{ListedList, TextName};
use rogatory::directory::signed::lists::LIST_BYTES_MAX;
use rogatory::directory::signed::record::OwnRecord;
use rogatory::directory::signed::{Adopted, Held, Judging, Refusal, write};
use rogatory::directory::{Directory, list_remarks};
use rogatory::domain::digest::Digest;
use rogatory::pki::revoke::{self, ListFault, list_of};

use crate::directory::ceremony::{Town, next_record, now, record_after, signed_record};
use crate::directory::id;

/// An authority whose key signs lists: a root, or one that issues under a root.
struct Signer {
    key: rcgen::KeyPair,
    params: rcgen::CertificateParams,
    certificate: Vec<u8>,
}

impl Signer {
    fn params(name: &str) -> rcgen::CertificateParams {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages =
            vec![rcgen::KeyUsagePurpose::CrlSign, rcgen::KeyUsagePurpose::KeyCertSign];
        params
    }

    fn root(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = Self::params(name);
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self { key, params, certificate }
    }

    fn under(&self, name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = Self::params(name);
        let issuer = rcgen::Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap().der().to_vec();
        Self { key, params, certificate }
    }

    fn list(&self, number: u64) -> Vec<u8> {
        self.list_of(number, 1)
    }

    /// One that was made on this day of January.
    fn list_of(&self, number: u64, day: u8) -> Vec<u8> {
        let params = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, day),
            next_update: rcgen::date_time_ymd(2036, 1, 1),
            crl_number: rcgen::SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let issuer = rcgen::Issuer::from_params(&self.params, &self.key);
        params.signed_by(&issuer).unwrap().der().to_vec()
    }
}

/// The guard's record with a root, an authority under it, and a list of each.
fn record(held: &Held, root: &Signer, issuing: &Signer, numbers: [u64; 2]) -> OwnRecord {
    let mut record = next_record(held, &id("ita.coast-guard"));
    record.agency.roots = vec![root.certificate.clone()];
    record.agency.issuing = vec![issuing.certificate.clone()];
    record.agency.crls = vec![root.list(numbers[0]), issuing.list(numbers[1])];
    record
}

fn lists(directory: &Directory) -> usize {
    directory.lists(directory.agency(&id("ita.coast-guard")).unwrap()).len()
}

#[test]
fn each_authority_of_an_agency_has_a_list_and_a_newer_one_comes_by_itself() {
    let (town, guard) = (Town::new(), id("ita.coast-guard"));
    let mut held = town.held();
    let root = Signer::root("root");
    let issuing = root.under("issuing");
    let own = record(&held, &root, &issuing, [3, 5]);
    assert_eq!(OwnRecord::parse(&write::record(&own)).unwrap(), own);
    assert_eq!(held.adopt_record(&signed_record(&own), now(1)), Ok(Adopted::Newer));
    let (version, hash, before) = (held.version(), held.hash(), held.lists_hash());
    assert_eq!(lists(&held.directory().0), 2);
    let newer = issuing.list(6);
    held.put_list(held.judge_list(&guard, &newer).unwrap().unwrap());
    assert!(held.judge_list(&guard, &newer).unwrap().is_none(), "it is in force already");
    assert_eq!((held.version(), held.hash()), (version, hash), "lists change no version");
    assert_ne!(held.lists_hash(), before);
    let (directory, _) = held.directory();
    assert!(directory.lists(directory.agency(&guard).unwrap()).contains(&newer));
    // The next record still holds the older one, which does not come back.
    let again = next_record(&held, &guard);
    assert_eq!(held.adopt_record(&signed_record(&again), now(1)), Ok(Adopted::Newer));
    let numbers: Vec<u64> =
        held.lists().filter(|(it, ..)| **it == guard).map(|(_, _, it)| it.number).collect();
    assert!(numbers.contains(&3) && numbers.contains(&6) && numbers.len() == 2, "{numbers:?}");
}

#[test]
fn a_list_that_is_not_its_authoritys_or_goes_back_is_refused() {
    let (town, guard) = (Town::new(), id("ita.coast-guard"));
    let mut held = town.held();
    let root = Signer::root("root");
    let issuing = root.under("issuing");
    held.adopt_record(&signed_record(&record(&held, &root, &issuing, [3, 5])), now(1)).unwrap();
    let judge = |der: &[u8]| held.judge_list(&guard, der).map(|it| it.is_some()).unwrap_err();
    let stranger = Signer::root("somebody else");
    assert_eq!(judge(&stranger.list(9)), Refusal::List(ListFault::Issuer));
    let impostor = Signer::root("issuing");
    assert_eq!(judge(&impostor.list(9)), Refusal::List(ListFault::Signature));
    assert_eq!(judge(&issuing.list(4)), Refusal::ListBackwards { number: 4, held: 5 });
    assert_eq!(judge(b"0 no list"), Refusal::List(ListFault::Unreadable));
    assert_eq!(judge(&vec![0x30; LIST_BYTES_MAX + 1]), Refusal::ListTooLong);
    let other = issuing.list_of(5, 2);
    assert!(held.judge_list(&guard, &issuing.list(5)).unwrap().is_none(), "another signature");
    let fork = judge(&other);
    assert!(matches!(fork, Refusal::Fork { version: 5, .. }), "two lists of one number: {fork:?}");
    let unknown = id("per.registry");
    assert_eq!(held.judge_list(&unknown, &other).unwrap_err(), Refusal::NoRecord(unknown));
    // Every byte of a list is signed.
    let good = issuing.list(6);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x01;
        assert!(held.judge_list(&guard, &bad).is_err(), "byte {at}");
    }
    assert_eq!(held.list_owner(&good), Ok(&guard));
    assert_eq!(held.list_owner(&impostor.list(1)), Err(Refusal::List(ListFault::Signature)));
}

#[test]
fn a_record_whose_lists_are_wrong_is_refused_whole_and_the_field_is_named() {
    let (town, guard) = (Town::new(), id("ita.coast-guard"));
    let mut held = town.held();
    let root = Signer::root("root");
    let issuing = root.under("issuing");
    let good = record(&held, &root, &issuing, [3, 5]);
    let told = |change: &dyn Fn(&mut OwnRecord)| {
        let mut record = good.clone();
        change(&mut record);
        let faults = OwnRecord::parse(&write::record(&record)).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        (faults[0].path.clone(), faults[0].problem.clone(), faults[0].to_string())
    };
    let (path, problem, line) = told(&|it| it.agency.crls[1] = Signer::root("issuing").list(5));
    assert_eq!(
        (path.as_str(), problem.as_str()),
        ("crl", "list 1 is not signed by the authority that it names")
    );
    assert!(line.starts_with("line "), "{line}");
    let (_, problem, _) = told(&|it| it.agency.crls[1] = Signer::root("x").list(5));
    assert_eq!(problem, "list 1 is issued by none of the agency's authorities");
    let (_, problem, _) = told(&|it| it.agency.crls.push(issuing.list(6)));
    assert_eq!(problem, "list 2 is a second one of its issuer");
    held.adopt_record(&signed_record(&good), now(1)).unwrap();
    let mut older = next_record(&held, &guard);
    older.agency.crls[1] = issuing.list(4);
    older.agency.contact_points[0].name = "A newer name".to_owned();
    let before = (held.version(), held.hash(), held.lists_hash());
    let refused = held.adopt_record(&signed_record(&older), now(1)).unwrap_err();
    assert_eq!(refused.to_string(), "crl: the list is number 4, and number 5 is known");
    assert_eq!(refused.word(), "list_backwards");
    assert_eq!((held.version(), held.hash(), held.lists_hash()), before, "nothing was taken over");
}

#[test]
fn the_number_of_a_list_is_remembered_through_a_restart() {
    let (town, guard) = (Town::new(), id("ita.coast-guard"));
    let home = tempfile::tempdir().unwrap();
    let folder = DirectoryFolder::at(home.path());
    folder.begin(&town.genesis_text).unwrap();
    let mut held = town.held();
    replace(&folder.roll_path(1), &held.text(&TextName::Roll(1)).unwrap()).unwrap();
    for other in ["int.hub", "pan.flag"].map(id) {
        let text = held.text(&TextName::Record(other.clone())).unwrap();
        replace(&folder.record_path(&other), &text).unwrap();
    }
    let root = Signer::root("root");
    let issuing = root.under("issuing");
    let own = signed_record(&record(&held, &root, &issuing, [3, 5]));
    folder.adopt_record(&mut held, &own, Judging::Then).unwrap().unwrap();
    let newer = issuing.list(8);
    assert_eq!(folder.adopt_list(&mut held, &guard, &newer).unwrap(), Ok(Adopted::Newer));
    // A record that has no lists any more takes none back.
    let note = folder.note(&held, &guard).unwrap().unwrap();
    let mut none = record_after(&held, &guard, &note);
    none.agency.crls = Vec::new();
    folder.adopt_record(&mut held, &signed_record(&none), Judging::Then).unwrap().unwrap();
    let loaded = folder.load(Some(town.genesis.hash())).unwrap();
    assert_eq!(loaded.refused, []);
    let mut again = loaded.held;
    assert_eq!(again.lists_hash(), held.lists_hash());
    assert_eq!(lists(&again.directory().0), 2);
    let older = folder.adopt_list(&mut again, &guard, &issuing.list(7)).unwrap();
    assert_eq!(older, Err(Refusal::ListBackwards { number: 7, held: 8 }));
    // A file that somebody puts there is judged like all others, and named.
    let forged = home.path().join(format!("lists/{guard}.0000000000000000.crl"));
    replace(&forged, &Signer::root("issuing").list(99)).unwrap();
    let loaded = folder.load(Some(town.genesis.hash())).unwrap();
    assert_eq!(loaded.refused.len(), 1);
    assert_eq!(loaded.refused[0].refusal, Refusal::List(ListFault::Signature));
    assert_eq!(loaded.held.lists_hash(), held.lists_hash());
}

#[test]
fn a_list_that_is_lacked_is_asked_for_only_if_it_can_count() {
    let (town, guard) = (Town::new(), id("ita.coast-guard"));
    let mut held = town.held();
    let root = Signer::root("root");
    let issuing = root.under("issuing");
    held.adopt_record(&signed_record(&record(&held, &root, &issuing, [3, 5])), now(1)).unwrap();
    let issuer = revoke::authority_id(&issuing.certificate).unwrap();
    let mut listing = held.listing();
    listing.lists.clear();
    let mut lacked = |agency: &str, issuer: Digest, number| {
        listing.lists = vec![ListedList { agency: id(agency), issuer, number }];
        held.lacked(&listing).into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    assert_eq!(lacked("ita.coast-guard", issuer, 5), []);
    assert_eq!(lacked("ita.coast-guard", issuer, 6), [TextName::List(guard, issuer)]);
    assert_eq!(lacked("ita.coast-guard", Digest::of(b"a stranger"), 6), []);
    assert_eq!(lacked("per.registry", issuer, 6), []);
}

proptest::proptest! {
    #[test]
    fn no_bytes_at_all_harm_a_reader_of_lists(bytes in proptest::collection::vec(0_u8.., 0..600)) {
        let read = list_of(&bytes, std::iter::empty());
        proptest::prop_assert!(read.is_err());
        drop(revoke::list_der(&bytes));
    }
}

#[test]
fn what_is_amiss_with_lists_is_remarked_upon_and_keeps_nothing_out() {
    let town = Town::new();
    let held = town.held();
    let root = Signer::root("root");
    let issuing = root.under("issuing");
    let guard = id("ita.coast-guard");
    let remarks = |change: &dyn Fn(&mut OwnRecord), at: &str| {
        let mut held = held.clone();
        let mut record = record(&held, &root, &issuing, [1, 1]);
        change(&mut record);
        let adopted = held.adopt_record(&signed_record(&record), now(1)).unwrap();
        assert_eq!(adopted, Adopted::Newer);
        let remarks = list_remarks(&held.directory().0, Timestamp::parse(at).unwrap());
        let of_guard = remarks.into_iter().filter(|it| *it.agency() == guard);
        of_guard.map(|it| it.word()).collect::<Vec<_>>()
    };
    // Made for ten years, each.
    let within = "2035-12-31T23:59:59Z";
    assert_eq!(remarks(&|_| (), within), ["list_too_long", "list_too_long"]);
    assert_eq!(remarks(&|_| (), "2036-01-01T00:00:01Z"), ["list_overdue", "list_overdue"]);
    assert_eq!(remarks(&|it| it.agency.crls.clear(), within), ["no_list"]);
    // An agency without a root has nobody to revoke.
    assert_eq!(
        remarks(
            &|it| {
                it.agency.crls.clear();
                it.agency.issuing.clear();
                it.agency.roots.clear();
                it.agency.nodes.clear();
                it.links.clear();
            },
            within
        ),
        Vec::<&str>::new()
    );
}
