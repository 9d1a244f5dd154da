//! The promise: whatever is wrong with a file that people or peers give (directory, genesis, roll, record,
//! revocation list, certificate, desk policy, configuration), it is refused with its line or field,
//! and nothing of it is adopted: not a byte of the folder, and nothing of what is in force.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use rogatory::config::desks;
use rogatory::config::directory::replace;
use rogatory::config::{Config, DirectoryFolder, Environment};
use rogatory::directory::Directory;
use rogatory::directory::signed::compare::TextName;
use rogatory::directory::signed::lists::LIST_BYTES_MAX;
use rogatory::directory::signed::record::RECORD_BYTES_MAX;
use rogatory::directory::signed::{Held, Judging, write};
use rogatory::domain::digest::Digest;
use rogatory::transport::tls::OwnCertificate;
use tempfile::TempDir;

use crate::directory::ceremony::{Holder, Town, at, next_record, sign, signed_record};
use crate::directory::making;

/// A bad content and what is said of it.
type Bad = (Vec<u8>, String);

fn bad(content: impl Into<Vec<u8>>, said: &str) -> Bad {
    (content.into(), said.to_owned())
}

/// Gives each content to `take`, which must refuse it in these words while `state` stays the same.
fn refused<S: PartialEq + Debug>(
    kind: &str,
    contents: Vec<Bad>,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
    state: impl Fn() -> S,
) {
    assert!(contents.len() >= 5, "{kind}");
    let mut wrong = Vec::new();
    for (number, (content, expected)) in contents.into_iter().enumerate() {
        let before = state();
        let said = take(&content).expect_err(kind);
        assert_eq!(state(), before, "{kind} {number} has changed something");
        if said != expected {
            wrong.push(format!("{kind} {number}:\n  is   {said:?}\n  not  {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn lines<T: ToString>(faults: &[T]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Every file under a folder with its bytes.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// A town's directory in force, in a folder and in memory.
struct InForce {
    town: Town,
    home: TempDir,
    held: std::cell::RefCell<Held>,
}

impl InForce {
    fn new() -> Self {
        let (town, home) = (Town::new(), tempfile::tempdir().unwrap());
        let held = town.held();
        let folder = DirectoryFolder::at(home.path());
        folder.begin(&town.genesis_text).unwrap();
        replace(&folder.roll_path(1), &held.text(&TextName::Roll(1)).unwrap()).unwrap();
        for agency in held.recorded() {
            let text = held.text(&TextName::Record(agency.clone())).unwrap();
            replace(&folder.record_path(agency), &text).unwrap();
        }
        Self { town, home, held: held.into() }
    }

    fn folder(&self) -> DirectoryFolder {
        DirectoryFolder::at(self.home.path())
    }

    fn state(&self) -> (BTreeMap<PathBuf, Vec<u8>>, [Digest; 2], u64) {
        let held = self.held.borrow();
        let hashes = [held.hash(), held.lists_hash()];
        (everything(self.home.path()), hashes, held.version())
    }

    fn record(&self, bytes: &[u8]) -> Result<(), String> {
        let mut held = self.held.borrow_mut();
        let adopted = self.folder().adopt_record(&mut held, bytes, Judging::Now(at(1))).unwrap();
        adopted.map(drop).map_err(|it| it.to_string())
    }

    fn roll(&self, bytes: &[u8]) -> Result<(), String> {
        let mut held = self.held.borrow_mut();
        let adopted = self.folder().adopt_rolls(&mut held, &[bytes.to_vec()], at(1)).unwrap();
        adopted.map(drop).map_err(|(_, it)| it.to_string())
    }

    fn list(&self, bytes: &[u8]) -> Result<(), String> {
        let mut held = self.held.borrow_mut();
        let agency = making::id(GUARD);
        let adopted = self.folder().adopt_list(&mut held, &agency, bytes).unwrap();
        adopted.map(drop).map_err(|it| it.to_string())
    }
}

const GUARD: &str = "ita.coast-guard";

/// What is wrong with any signed note of a kind that has at most so many bytes.
fn no_notes(bytes_max: usize) -> Vec<Bad> {
    let text = "network = \"demo\"\n";
    vec![
        bad("", "it is not signed"),
        bad(text, "it is not signed"),
        bad(b"\xff\xfe".to_vec(), "it is no signed note: the note is not plain text"),
        bad(
            format!("{text}\n\u{2014} a AAAA"),
            "it is no signed note: a signature line is malformed",
        ),
        bad(
            vec![b' '; bytes_max + 1],
            "it is no signed note: the note is longer than its kind may be",
        ),
        bad(
            format!("{text}\n{}", "\u{2014} key AAAAAAA=\n".repeat(33)),
            "it is no signed note: the note has more than 32 signatures",
        ),
    ]
}

/// A text signed by the agency whose record it is to be.
fn by_the_guard(text: &str) -> Vec<u8> {
    sign(text, &[&Holder::of(GUARD)])
}

#[test]
fn a_bad_directory_text_is_told_line_by_line_and_is_none() {
    let contents = vec![
        bad(
            "",
            "line 1, column 1: network: is missing\nline 1, column 1: version: is missing\n\
             line 1, column 1: agency: is missing",
        ),
        bad(
            "network = \"demo\"\nversion = \"1\"\nagency = []",
            "line 2, column 11: version: must be an integer, is a string\n\
             line 3, column 10: agency: needs at least one agency",
        ),
        bad(
            "network = ",
            "line 1, column 11: string values must be quoted, expected literal string",
        ),
        bad(
            "network = \"demo\"\nversion = 1\ncolour = 2\nagency = 3",
            "line 3, column 1: colour: unknown key; known here: network, version, agency, link\n\
             line 4, column 10: agency: must be an array, is an integer\n\
             line 4, column 10: agency: needs at least one agency",
        ),
        bad(
            "network = \"De mo\"\nversion = 1\n[[agency]]\nid = \"ita\"\ncontact_point = []",
            "line 1, column 11: network: network is malformed: it is 1 to 63 of a-z, 0-9 and inner \
             hyphens\nline 4, column 6: agency[0].id: agency is malformed: it needs a country, a dot, \
             a name",
        ),
    ];
    let take = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap();
        Directory::parse(text).map(drop).map_err(|it| lines(&it))
    };
    refused("directory", contents, take, || ());
}

#[test]
fn a_bad_genesis_begins_no_network() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("genesis.toml");
    let said = |faults: &str| format!("{} is no genesis:{faults}", path.display());
    let good = Town::new().genesis_text;
    let contents = vec![
        bad(b"\xff".to_vec(), &said("\n  the text is not UTF-8")),
        bad(
            "",
            &said(
                "\n  line 1, column 1: network: is missing\n  line 1, column 1: threshold: is \
                 missing\n  line 1, column 1: authority: is missing",
            ),
        ),
        bad(
            good.replace("threshold = 2", "threshold = 1"),
            &said(
                "\n  line 2, column 13: threshold: must be at least 2: no single authority decides",
            ),
        ),
        bad(
            good.replace("threshold = 2", "threshold = 4"),
            &said("\n  line 2, column 13: threshold: is more than the 3 authorities"),
        ),
        bad(
            good.replace("[[authority]]", "[[authorities]]"),
            &said(
                "\n  line 4, column 3: authorities: unknown key; known here: network, demo, \
                 threshold, authority\n  line 1, column 1: authority: is missing",
            ),
        ),
    ];
    let take = |bytes: &[u8]| {
        replace(&path, bytes).unwrap();
        DirectoryFolder::at(home.path()).load(None).map(drop).map_err(|it| it.to_string())
    };
    refused("genesis", contents, take, || ());
}

#[test]
fn a_bad_roll_is_not_adopted() {
    let it = InForce::new();
    let next = it.town.next(&it.held.borrow());
    let text = write::roll(&next);
    let signed = |text: &str| sign(text, &[&it.town.a, &it.town.b]);
    let mut contents = no_notes(rogatory::directory::signed::roll::ROLL_BYTES_MAX);
    contents.extend([
        bad(sign(&text, &[&it.town.a]), "1 of the authorities in force have signed, 2 are needed"),
        bad(sign(&text, &[&Holder::of(GUARD)]), "it is signed by strangers only"),
        bad(
            signed(&text.replace("threshold = 2", "threshold = 0")),
            "its text has 1 faults:\n  line 5, column 13: threshold: must be 1 to 12",
        ),
        bad(
            String::from_utf8(signed(&text))
                .unwrap()
                .replace("status = \"active\"", "status = \"left\""),
            "the signature of ita.ministry is wrong",
        ),
        bad(
            signed(&text.replace("version = 2", "version = 3")),
            "version 3 does not follow 1: those between are missing",
        ),
        bad(signed(&text.replace("\"demo\"", "\"other\"")), "it is of another network"),
    ]);
    refused("roll", contents, |bytes| it.roll(bytes), || it.state());
}

#[test]
fn a_bad_record_is_not_adopted() {
    let it = InForce::new();
    let text = write::record(&next_record(&it.held.borrow(), &making::id(GUARD)));
    let place = |text: &str, key: &str| {
        1 + text.lines().position(|line| line.starts_with(key)).expect("it is there")
    };
    let functions = place(&text, "functions");
    let mut contents = no_notes(RECORD_BYTES_MAX);
    contents.extend([
        bad(sign(&text, &[&Holder::of("pan.flag")]), "it is signed by strangers only"),
        bad(
            by_the_guard(&text.replace("version = 2", "version = 0")),
            "its text has 1 faults:\n  line 2, column 11: version: must be 1 to 1099511627776",
        ),
        bad(
            by_the_guard(&text.replace("\"contact_point_24_7\"", "\"harbour\"")),
            &format!(
                "its text has 1 faults:\n  line {functions}, column 35: \
                 contact_point[0].functions[1]: unknown function; it is one of the roles of the \
                 catalogue, such as central_authority"
            ),
        ),
        bad(
            by_the_guard(&text.replace("São", "S\u{202e}ão")),
            &format!(
                "its text has 1 faults:\n  line {}, column 8: contact_point[0].name: has a sign that \
                 is not seen, or that changes the direction of others",
                functions - 1
            ),
        ),
        bad(
            String::from_utf8(by_the_guard(&text)).unwrap().replace("version = 2", "version = 3"),
            "the signature of ita.coast-guard/record is wrong",
        ),
        bad(by_the_guard(&text.replace("network = \"demo\"", "network = \"other\"")),
            "it is of another network"),
        bad(signed_record(&crate::directory::ceremony::small("fra.police")),
            "the roll does not list fra.police"),
    ]);
    refused("record", contents, |bytes| it.record(bytes), || it.state());
}

#[test]
fn a_bad_revocation_list_is_not_adopted() {
    let it = InForce::new();
    let good = it.held.borrow().lists().next().expect("a list").2.der.as_ref().clone();
    let changed = |at: usize| {
        let mut der = good.clone();
        der[at] ^= 1;
        der
    };
    let unreadable = "crl: the list cannot be read, or has no number or no next update";
    let contents = vec![
        bad("", unreadable),
        bad("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", unreadable),
        bad(good[..good.len() - 1].to_vec(), unreadable),
        bad([good.as_slice(), &[0]].concat(), unreadable),
        bad(changed(good.len() - 1), "crl: the list is not signed by the authority that it names"),
        bad(
            making::authority("demo").1,
            "crl: the list is not signed by the authority that it names",
        ),
        bad(vec![0x30; LIST_BYTES_MAX + 1], "crl: the list has more than 262144 bytes"),
    ];
    refused("list", contents, |bytes| it.list(bytes), || it.state());
}

/// A certificate of an officer with these ids, and its key, in PEM form.
fn certificate(ids: &[&str]) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        rcgen::ExtendedKeyUsagePurpose::ServerAuth,
    ];
    params.subject_alt_names =
        ids.iter().map(|it| rcgen::SanType::URI((*it).try_into().unwrap())).collect();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn a_bad_certificate_is_not_shown() {
    let id = "spiffe://ita.coast-guard/node/one";
    let (chain, key) = certificate(&[id]);
    let own = OwnCertificate::from_pem(&chain, &key).unwrap();
    let contents = vec![
        bad("", "no certificate in PEM form"),
        bad("nothing", "no certificate in PEM form"),
        bad(key.clone(), "no certificate in PEM form"),
        bad(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "the certificate cannot be read",
        ),
        bad(certificate(&[]).0, "the certificate carries no id"),
        bad(certificate(&[id, id]).0, "the certificate carries 2 ids instead of one"),
        bad(certificate(&["spiffe://ita.coast-guard/captain/one"]).0, "the id's role is unknown"),
        bad(
            certificate(&[id]).0,
            "the key does not fit the certificate: keys may not be consistent: KeyMismatch",
        ),
    ];
    let take = |bytes: &[u8]| {
        let chain = std::str::from_utf8(bytes).unwrap();
        own.renew_from_pem(chain, &key).map_err(|it| it.to_string())
    };
    refused("certificate", contents, take, || (own.principal(), own.validity()));
    let (other, other_key) = certificate(&["spiffe://pan.flag/node/one"]);
    let said = own.renew_from_pem(&other, &other_key).unwrap_err().to_string();
    assert_eq!(
        said,
        "the renewed certificate is of spiffe://pan.flag/node/one and not of \
         spiffe://ita.coast-guard/node/one"
    );
    assert_eq!(own.principal().to_string(), id);
}

#[test]
fn a_bad_desk_policy_is_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("desks.toml");
    let one = |line: &str| format!("{} has 1 faults:\n  {line}", path.display());
    let contents = vec![
        bad("", &one("line 1, column 1: format: is missing")),
        bad("format = 2", &one("line 1, column 10: format: must be 1 to 1")),
        bad(
            "format = 1\n[[desk]]\nid = \"pan.flag/one\"",
            &one("line 3, column 6: desk[0].id: must be a contact point of ita.coast-guard"),
        ),
        bad(
            "format = 1\n[[desk]]\nid = \"ita.coast-guard/one\"\nsend = [\"captain\"]",
            &one("line 4, column 9: desk[0].send[0]: must be a role, a role and a post such as \
                 officer/duty-1, or a SPIFFE id"),
        ),
        bad(
            "format = 1\n[desks]",
            &one(
                "line 2, column 2: desks: unknown key; known here: format, desk, keeping, four_eyes",
            ),
        ),
        bad(
            "format = 1\n[[desk]]\nid = \"ita.coast-guard/one\"\nanswer = [\"officer\"]",
            &one("line 4, column 10: desk[0].answer: whoever may answer must stand in read too"),
        ),
    ];
    let agency = making::id(GUARD);
    let take = |bytes: &[u8]| {
        replace(&path, bytes).unwrap();
        desks::load(Some(&path), &agency).map(drop).map_err(|it| it.to_string())
    };
    refused("policy", contents, take, || ());
}

#[test]
fn a_bad_configuration_starts_no_node() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("node.toml");
    let good = include_str!("../../config/node.toml");
    let said = |faults: &[&str]| {
        let lines: String = faults.iter().map(|it| format!("\n  {it}")).collect();
        format!("{} has {} faults:{lines}", path.display(), faults.len())
    };
    let line = |key: &str| 1 + good.lines().position(|it| it.starts_with(key)).expect("a line");
    let contents = vec![
        bad(
            "",
            &said(&[
                "line 1, column 1: node: is missing",
                "line 1, column 1: tls: is missing",
                "line 1, column 1: keys: names no folder, and CREDENTIALS_DIRECTORY is unset",
            ]),
        ),
        bad("[node", &said(&["line 1, column 6: unclosed table, expected `]`"])),
        bad(
            good.replace("streams = ", "streems = "),
            &said(&[&format!(
                "line {}, column 1: limits.streems: unknown key; known here: content_bytes, \
                 connections, handshake_timeout_ms, handshakes_max, streams",
                line("streams = ")
            )]),
        ),
        bad(
            good.replace("low_water_bytes = ", "low_water_bytes = -"),
            &said(&[&format!(
                "line {}, column 19: store.low_water_bytes: must be 0 to 1125899906842624",
                line("low_water_bytes = ")
            )]),
        ),
        bad(
            good.replace("data_dir = \"", "data_dir = 7 # \""),
            &said(&[&format!(
                "line {}, column 12: node.data_dir: must be a string, is an integer",
                line("data_dir = ")
            )]),
        ),
    ];
    let take = |bytes: &[u8]| {
        replace(&path, bytes).unwrap();
        Config::load_under(&path, &Environment::default()).map(drop).map_err(|it| it.to_string())
    };
    refused("configuration", contents, take, || ());
}
