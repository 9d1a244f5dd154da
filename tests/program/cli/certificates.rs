//! `pki renew` and `pki revoke`, on files alone.

#![expect(clippy::unwrap_used, reason = "what surrounds a test may fail like the test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use rogatory::clock::{Clock as _, SystemClock};
use rogatory::domain::ids::AgencyId;
use rogatory::entropy::SystemEntropy;
use rogatory::identity::{Principal, Role};
use rogatory::pki::{
    Authority, CertificateFacts, LeafRequest, RevocationList, Validity, inspect, revoke,
};
use rogatory::transport::tls::OwnCertificate;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use serde_json::{Value, json};

use crate::cli::{code, err, folder, out, run, text, write};

const HOUR_MS: i64 = 3_600_000;

/// An agency's authority with its files, and a node's certificate with its key.
struct Scene {
    home: tempfile::TempDir,
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// A certificate that counts from `from_ms` to `to_ms` after now.
fn scene(from_ms: i64, to_ms: i64) -> Scene {
    let home = folder();
    let at = |name: &str| home.path().join(name);
    let scene = Scene { ca: at("ca"), certificate: at("node.pem"), key: at("node.key"), home };
    let authority = authority(&scene.ca, "ita.coast-guard");
    let now = SystemClock.now();
    let request = LeafRequest {
        principal: Principal::parse_spiffe("spiffe://ita.coast-guard/node/rome-1").unwrap(),
        validity: Validity {
            not_before: now.plus_millis(from_ms),
            not_after: now.plus_millis(to_ms),
        },
        dns_names: vec!["rome.example".to_owned()],
        ip_addresses: vec!["127.0.0.1".parse().unwrap()],
    };
    let issued = authority.issue(&request, &SystemEntropy).unwrap();
    write(&scene.certificate, &issued.certificate_pem());
    write(&scene.key, &issued.key_pem());
    scene
}

fn authority(folder: &Path, agency: &str) -> Authority {
    let start = SystemClock.now().plus_millis(-240 * HOUR_MS);
    let agency: AgencyId = agency.parse().unwrap();
    let made = Authority::create(&agency, Validity::days(start, 365), &SystemEntropy).unwrap();
    std::fs::create_dir(folder).unwrap();
    write(&folder.join("ca.pem"), &made.certificate_pem());
    write(&folder.join("ca.key"), &made.key_pem());
    let list = RevocationList::first(start, start.plus_millis(24 * HOUR_MS));
    let list = made.sign_revocations(&list).unwrap();
    write(&folder.join("ca.crl"), &revoke::list_pem(&list));
    made
}

impl Scene {
    fn renew(&self, more: &[&str]) -> (i32, Value, String) {
        let pair = ["--certificate", text(&self.certificate), "--key", text(&self.key)];
        let words = [&["--output", "json", "pki", "renew"], &pair[..], more].concat();
        let output = run(self.home.path(), &words);
        let said = serde_json::from_str(&out(&output)).unwrap_or(Value::Null);
        (code(&output), said, err(&output))
    }

    fn pair(&self) -> (String, String) {
        let read = |path| std::fs::read_to_string(path).unwrap();
        (read(&self.certificate), read(&self.key))
    }

    fn facts(&self) -> CertificateFacts {
        let pem = self.pair().0;
        inspect(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap()
    }

    /// The files of the folder; nothing may be left over.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_renewal_comes_when_two_thirds_of_the_life_are_over_and_not_before() {
    let young = scene(-HOUR_MS, HOUR_MS);
    let before = young.pair();
    let (ended, said, _) = young.renew(&["--ca", text(&young.ca)]);
    assert_eq!((ended, &said["renewed"]), (0, &json!(false)));
    assert!(said["due_at"].is_string(), "{said}");
    assert_eq!(young.pair(), before);
    let (ended, said, _) = young.renew(&["--ca", text(&young.ca), "--force"]);
    assert_eq!((ended, &said["renewed"]), (0, &json!(true)));
    assert_ne!(young.pair().1, before.1, "the key is new");

    let due = scene(-3 * HOUR_MS, HOUR_MS);
    let (before, was) = (due.pair(), due.facts());
    let (ended, said, told) = due.renew(&["--ca", text(&due.ca)]);
    assert_eq!((ended, &said["renewed"]), (0, &json!(true)), "{told}");
    let (after, is) = (due.pair(), due.facts());
    assert!(after.0 != before.0 && after.1 != before.1, "certificate and key are new");
    assert_eq!((&is.principal, &is.dns_names), (&was.principal, &was.dns_names));
    assert_eq!(is.ip_addresses, was.ip_addresses);
    assert!(is.not_after.millis_since(SystemClock.now()) > 3 * HOUR_MS, "{}", is.not_after);
    OwnCertificate::from_pem(&after.0, &after.1).expect("they fit");
    assert_eq!(crate::cli::mode(&due.key), 0o600);
    assert_eq!(due.files(), ["ca", "node.key", "node.pem"]);
}

#[test]
fn a_renewal_that_fails_leaves_certificate_and_key_as_they_were() {
    let due = scene(-3 * HOUR_MS, HOUR_MS);
    let before = due.pair();
    let other = due.home.path().join("other");
    authority(&other, "mlt.armed-forces");
    let (ended, _, told) = due.renew(&["--ca", text(&other)]);
    assert_eq!(ended, 6, "{told}");
    assert!(told.contains("mlt.armed-forces"), "{told}");
    let (ended, _, told) = due.renew(&["--ca", text(&due.home.path().join("nowhere"))]);
    assert_ne!(ended, 0, "{told}");
    let (ended, _, told) = due.renew(&[]);
    assert_eq!(ended, 2, "{told}");
    assert_eq!(due.pair(), before);
}

#[test]
fn a_renewal_that_was_cut_between_key_and_certificate_is_finished_by_the_next() {
    let (cut, next) = (scene(-HOUR_MS, HOUR_MS), scene(-HOUR_MS, HOUR_MS));
    let (certificate, key) = next.pair();
    write(&cut.key, &key);
    write(&cut.certificate.with_file_name("node.pem.new"), &certificate);
    let (ended, said, told) = cut.renew(&["--ca", text(&cut.ca)]);
    assert_eq!((ended, &said["renewed"]), (0, &json!(false)), "{told}");
    assert_eq!(cut.pair(), (certificate, key));
    assert_eq!(cut.files(), ["ca", "node.key", "node.pem"]);
}

#[test]
fn an_authority_elsewhere_signs_what_is_asked_for() {
    if !Command::new("openssl").arg("version").output().is_ok_and(|it| it.status.success()) {
        println!("SKIPPED: no openssl on this machine");
        return;
    }
    let due = scene(-3 * HOUR_MS, HOUR_MS);
    let before = due.pair();
    let at = |name: &str| due.home.path().join(name);
    let (request, signed) = (at("node.csr"), at("signed.pem"));
    let (ended, _, told) = due.renew(&["--request", text(&request)]);
    assert_eq!(ended, 0, "{told}");
    assert_eq!(due.pair(), before, "nothing is replaced yet");
    write(
        &at("extensions"),
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
         extendedKeyUsage=serverAuth,clientAuth\n\
         subjectAltName=URI:spiffe://ita.coast-guard/node/rome-1,DNS:rome.example\n",
    );
    let (ca, ca_key) = (due.ca.join("ca.pem"), due.ca.join("ca.key"));
    let mut sign = Command::new("openssl");
    sign.args(["x509", "-req", "-days", "2", "-in", text(&request), "-CA", text(&ca)]);
    sign.args(["-CAkey", text(&ca_key), "-extfile", text(&at("extensions"))]);
    let output = sign.args(["-out", text(&signed)]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What does not fit the new key is not taken, and changes nothing.
    let (ended, _, told) = due.renew(&["--signed", text(&due.certificate)]);
    assert_eq!(ended, 6, "{told}");
    assert_eq!(due.pair(), before);
    let (ended, said, told) = due.renew(&["--signed", text(&signed)]);
    assert_eq!((ended, &said["renewed"]), (0, &json!(true)), "{told}");
    let after = due.pair();
    assert_eq!(after.0, std::fs::read_to_string(&signed).unwrap());
    OwnCertificate::from_pem(&after.0, &after.1).expect("they fit");
}

#[test]
fn a_list_goes_forward_and_names_what_is_revoked() {
    let scene = scene(-HOUR_MS, HOUR_MS);
    let revoke = |more: &[&str]| {
        let words =
            [&["--output", "json", "pki", "revoke", "--ca", text(&scene.ca)], more].concat();
        let output = run(scene.home.path(), &words);
        let said: Value = serde_json::from_str(&out(&output)).unwrap_or(Value::Null);
        (code(&output), said, err(&output))
    };
    let list = || {
        let pem = std::fs::read(scene.ca.join("ca.crl")).unwrap();
        RevocationList::parse(&CertificateRevocationListDer::from_pem_slice(&pem).unwrap()).unwrap()
    };
    let (ended, said, told) = revoke(&[text(&scene.certificate)]);
    assert_eq!((ended, &said["number"], &said["added"]), (0, &json!(2), &json!(1)), "{told}");
    let serial = hex::decode(scene.facts().serial).unwrap();
    assert_eq!(list().revoked.iter().map(|it| &it.serial).collect::<Vec<_>>(), [&serial]);
    // Again, and without anybody new: the number goes up, nobody is forgotten.
    let (_, said, _) = revoke(&[text(&scene.certificate)]);
    assert_eq!((&said["number"], &said["added"]), (&json!(3), &json!(0)));
    let (_, said, _) = revoke(&["--serial", "01:ab"]);
    assert_eq!((&said["number"], &said["revoked"]), (&json!(4), &json!(2)));
    assert!(list().next_update > SystemClock.now());
    for bad in ["", "xyz", &"ab".repeat(21)] {
        let (ended, _, told) = revoke(&["--serial", bad]);
        assert_eq!(ended, 6, "{told}");
    }
    let other = scene.home.path().join("other");
    authority(&other, "mlt.armed-forces");
    let (ended, _, told) = revoke(&[text(&other.join("ca.pem"))]);
    assert_eq!(ended, 6, "{told}");
    assert!(told.contains("another authority"), "{told}");
    assert_eq!(list().number, 4);
}

/// The commands of a unit with this key, without what systemd makes of their first letters.
fn commands(unit: &str, key: &str) -> Vec<String> {
    let lines = unit.lines().filter_map(|it| it.strip_prefix(key));
    lines.map(|it| it.trim_start_matches(['+', '-']).to_owned()).collect()
}

fn is_understood(words: &str) {
    let words = std::iter::once("rogatory").chain(words.split(' '));
    let parsed = rogatory::cli::pages::definition().try_get_matches_from(words);
    assert!(parsed.is_ok(), "{:?}", parsed.err());
}

#[test]
fn the_timer_calls_what_there_is() {
    let unit = include_str!("../../../deploy/rogatory-renew.service");
    let started = commands(unit, "ExecStart=/usr/local/bin/rogatory ");
    let [renew] = started.as_slice() else { panic!("one command: {started:?}") };
    is_understood(renew);
    let timer = include_str!("../../../deploy/rogatory-renew.timer");
    for line in ["OnCalendar=*:0/15", "RandomizedDelaySec=5min", "Persistent=true"] {
        assert!(timer.lines().any(|it| it == line), "{line}: {timer}");
    }
}

/// The condition of the unit, as systemd hands it to the shell, for the files of a scene.
fn condition(scene: &Scene) -> i32 {
    let unit = include_str!("../../../deploy/rogatory-renew.service");
    let conditions = commands(unit, "ExecCondition=/bin/sh -c ");
    let [script] = conditions.as_slice() else { panic!("one condition: {conditions:?}") };
    let script = script.trim_matches('\'').replace("$$", "$");
    let asked = script.strip_prefix("/usr/local/bin/rogatory ").expect("it asks the program");
    is_understood(asked.split(" || ").next().expect("a command"));
    let script = script
        .replace("/usr/local/bin/rogatory", env!("CARGO_BIN_EXE_rogatory"))
        .replace("/etc/rogatory/node.pem", text(&scene.certificate))
        .replace("/etc/rogatory/node.key", text(&scene.key));
    let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
    code(&output)
}

#[test]
fn it_is_said_at_two_thirds_of_the_life_whether_a_renewal_is_needed() {
    let needs = |scene: &Scene| {
        let pair = ["--certificate", text(&scene.certificate), "--key", text(&scene.key)];
        let words = [&["--output", "json", "pki", "needs-renewal"], &pair[..]].concat();
        let output = run(scene.home.path(), &words);
        let said = if code(&output) == 0 { out(&output) } else { err(&output) };
        let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
        (code(&output), said)
    };
    // In hundredths of its life.
    for (over, due) in [(0, false), (65, false), (66, false), (67, true), (68, true), (99, true)] {
        let scene = scene(-over * HOUR_MS, (100 - over) * HOUR_MS);
        let before = scene.pair();
        let (ended, said) = needs(&scene);
        let expected = (if due { 0 } else { 7 }, Value::Bool(due));
        assert_eq!((ended, said["needs_renewal"].clone()), expected, "{over} %: {said}");
        assert_eq!(condition(&scene), ended, "{over} %");
        let (ended, said, told) = scene.renew(&["--ca", text(&scene.ca)]);
        assert_eq!((ended, &said["renewed"]), (0, &Value::Bool(due)), "{over} %: {told}");
        assert_eq!(scene.pair() != before, due, "{over} %");
        assert_eq!(needs(&scene).0, 7, "{over} %: now it is not");
    }
    // One that has ended.
    assert_eq!(needs(&scene(-2 * HOUR_MS, -HOUR_MS)).0, 0);
    // A renewal that was cut between key and certificate is needed until it is finished.
    let (cut, next) = (scene(-HOUR_MS, HOUR_MS), scene(-HOUR_MS, HOUR_MS));
    let (certificate, key) = next.pair();
    write(&cut.key, &key);
    write(&cut.certificate.with_file_name("node.pem.new"), &certificate);
    let (ended, said) = needs(&cut);
    assert_eq!((ended, &said["was_cut"]), (0, &json!(true)));
    cut.renew(&["--ca", text(&cut.ca)]);
    assert_eq!(needs(&cut).0, 7);
    // What can't be read is no answer; the unit fails then and is not skipped.
    write(&cut.certificate, "nothing");
    assert_eq!((needs(&cut).0, condition(&cut)), (6, 255));
}

#[test]
fn systemd_takes_the_units() {
    let there = Command::new("systemd-analyze").arg("--version").output();
    if !there.is_ok_and(|it| it.status.success()) {
        println!("SKIPPED: no systemd-analyze on this machine");
        return;
    }
    let home = folder();
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let mut units = Vec::new();
    for name in ["rogatory.service", "rogatory-renew.service", "rogatory-renew.timer"] {
        let unit = std::fs::read_to_string(deploy.join(name)).unwrap();
        // Verified is whether the programs are there; here the one that was built is.
        let program = env!("CARGO_BIN_EXE_rogatory");
        write(&home.path().join(name), &unit.replace("/usr/local/bin/rogatory", program));
        units.push(home.path().join(name));
    }
    let verify = |units: &[PathBuf]| {
        let mut command = Command::new("systemd-analyze");
        command
            .args(["verify", "--recursive-errors=no"])
            .args(units)
            .env("SYSTEMD_LOG_LEVEL", "warning");
        let output = command.output().unwrap();
        (output.status.success(), err(&output))
    };
    let (taken, said) = verify(&units);
    assert!(taken && !said.contains("rogatory"), "{said}");
    // It would say what is wrong.
    let wrong = home.path().join("wrong.timer");
    write(&wrong, "[Timer]\nOnCalendar=every now and then\n");
    let (_, said) = verify(&[wrong]);
    assert!(said.contains("Failed to parse calendar specification"), "{said}");
}

#[test]
fn an_officer_s_certificate_is_renewed_like_a_node_s() {
    let home = folder();
    let at = |name: &str| home.path().join(name);
    let (ca, base) = (at("ca"), at("officer"));
    authority(&ca, "ita.coast-guard");
    let id = "spiffe://ita.coast-guard/officer/duty-desk";
    let issue = ["pki", "issue", id, "--ca", text(&ca), "--out", text(&base)];
    let output = run(home.path(), &issue);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let (certificate, key) = (at("officer.pem"), at("officer.key"));
    let scene = Scene { home, ca, certificate, key };
    let (ended, said, told) = scene.renew(&["--ca", text(&scene.ca), "--force", "--days", "1"]);
    assert_eq!((ended, &said["renewed"]), (0, &json!(true)), "{told}");
    let facts = scene.facts();
    assert_eq!(facts.principal.unwrap().role, Role::Officer);
    assert!(facts.not_after.millis_since(SystemClock.now()) <= 24 * HOUR_MS);
}
