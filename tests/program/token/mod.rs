//! The promise: a token (PKCS#11) holds the journal's Ed25519 key and the certificate's P-256 key. A
//! node serves with them as with files, no private half is ever in its folder, and what is wrong with
//! a token is told with the field that names it.
//!
//! Real nodes, the program at work, and SoftHSM as the token.

mod hsm;
mod refusals;
mod serving;
mod silent;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::network::{Network, ORIGIN};
use crate::stores::{text, with_room};
use crate::token::hsm::{Hsm, PIN, uri};

fn put(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("a write");
}

/// Writes a file for its owner only.
fn put_closed(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    put(path, bytes);
    let closed = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, closed).expect("the mode is set");
}

/// How a call of the program ended.
struct Told {
    code: i32,
    out: Value,
    err: String,
}

/// A network whose origin has its keys in a token.
struct Held {
    network: Network,
    hsm: Hsm,
}

impl Held {
    /// Makes it; no node runs yet. None, aloud, where there is no SoftHSM.
    async fn made() -> Option<Self> {
        let mut network = Network::started_with(&[]).await;
        let hsm = Hsm::new(network.folder())?;
        hsm.make("prime256v1", "tls", "01");
        hsm.make("edwards25519", "journal", "02");
        network.environment = vec![("SOFTHSM2_CONF", hsm.settings())];
        let held = Self { network, hsm };
        let folder = held.folder();
        put_closed(&folder.join("pin"), format!("{PIN}\n").as_bytes());
        held.configure("journal_ed25519 = []", &journal(&[&uri("journal", "")]));
        held.configure("key = \"node.key\"", &format!("key = \"{}\"", uri("tls", "")));
        let module = format!("module = \"{}\"", held.hsm.module.display());
        held.configure("module = \"\"", &module);
        held.configure("\npin = \"\"", "\npin = \"pin\"");
        held.certify();
        for file in ["node.key", "keys/journal.ed25519"] {
            std::fs::remove_file(folder.join(file)).expect("the key goes");
        }
        held.name_journal();
        Some(held)
    }

    /// The folder of the origin.
    fn folder(&self) -> PathBuf {
        self.network.place(ORIGIN).folder.clone()
    }

    fn configure(&self, before: &str, after: &str) {
        self.network.configure(ORIGIN, before, after);
    }

    /// The program, with SoftHSM's settings.
    fn program(&self, words: &[&str]) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
        command.args(["-o", "json"]).args(words).stdin(Stdio::null());
        command.env("SOFTHSM2_CONF", self.hsm.settings());
        let done = command.output().expect("the program starts");
        Told {
            code: done.status.code().unwrap_or(-1),
            out: serde_json::from_slice(&done.stdout).unwrap_or_default(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    fn done(&self, words: &[&str]) -> Value {
        let told = self.program(words);
        assert_eq!(told.code, 0, "{words:?}: {}", told.err);
        told.out
    }

    /// `WORDS --config …` for the origin.
    fn configured(&self, words: &[&str]) -> Told {
        let config = self.network.place(ORIGIN).config.clone();
        self.program(&[words, &["--config", text(&config)]].concat())
    }

    /// A certificate for the key in the token, by the agency's own authority.
    fn certify(&self) {
        let folder = self.folder();
        let [public, base] = ["tls.pub", "token"].map(|it| folder.join(it));
        put(&public, &self.hsm.public("tls"));
        self.done(&[
            "pki",
            "issue",
            "spiffe://ita.coast-guard/node/node-1",
            "--ca",
            text(&folder),
            "--out",
            text(&base),
            "--dns",
            "localhost",
            "--days",
            "1",
            "--public-key",
            text(&public),
        ]);
        assert!(!folder.join("token.key").exists(), "no key is made");
        let made = std::fs::read(folder.join("token.pem")).expect("a certificate");
        put(&folder.join("node.pem"), &made);
    }

    /// Puts the journal's key of the token into the agency's record, in the place of the one before.
    fn name_journal(&self) {
        let told = self.configured(&["keys", "token"]);
        assert_eq!(told.code, 0, "{}", told.err);
        let public = told.out["keys"][0]["ed25519"].as_str().expect("a key").to_owned();
        let folder = text(&self.network.made.directory_path).to_owned();
        let proposed = self.done(&["directory", "propose", &folder, "--record", ORIGIN]);
        self.adopt(&proposed, |line| {
            let is_first = line.starts_with("ed25519 = ");
            if is_first { format!("ed25519 = \"{public}\"") } else { line.to_owned() }
        });
    }

    /// Changes the lines of what is proposed, signs it and adopts it in the folder of all.
    fn adopt(&self, proposed: &Value, change: impl Fn(&str) -> String) {
        let proposed = PathBuf::from(proposed["proposed"].as_str().expect("a path"));
        let before = std::fs::read_to_string(&proposed).expect("the text");
        std::fs::remove_file(&proposed).expect("it goes");
        let after: String = before.lines().map(|line| change(line) + "\n").collect();
        put(&proposed, after.as_bytes());
        let key = self.network.made.folder.join(format!("directory-keys/{ORIGIN}.key"));
        let folder = text(&self.network.made.directory_path).to_owned();
        self.done(&["directory", "sign", text(&proposed), "--key", text(&key)]);
        self.done(&["directory", "adopt", &folder, text(&proposed.with_extension("note"))]);
    }
}

/// The line of a configuration that names keys of the journal.
fn journal(uris: &[&str]) -> String {
    format!("journal_ed25519 = {uris:?}")
}

#[test]
fn a_node_whose_keys_are_in_a_token_serves_and_proves_and_nothing_of_them_is_in_its_folder() {
    with_room(serving::it_serves_and_proves);
}

#[test]
fn a_token_that_comes_back_is_logged_in_to_anew_and_one_that_stays_away_stops_the_node() {
    with_room(serving::a_token_goes_and_comes);
}

#[test]
fn the_journals_key_is_followed_by_another_in_the_token_and_never_made_there() {
    with_room(serving::one_key_follows_another);
}

#[test]
fn a_module_that_never_comes_back_stops_the_node_in_time_and_what_was_answered_is_there() {
    with_room(silent::a_module_stops_answering);
}

#[test]
fn what_is_wrong_with_a_token_is_told_with_its_field() {
    with_room(refusals::each_is_told);
}

#[test]
fn a_pin_that_was_refused_is_not_tried_again() {
    with_room(refusals::a_wrong_pin_is_tried_once);
}

#[test]
fn a_certificate_of_a_key_in_a_token_is_renewed_and_the_key_stays() {
    with_room(serving::its_certificate_is_renewed);
}
