//! A demo network of real processes that goes on while something is measured, and what is sent in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rogatory::cli::call::roots_of;
use rogatory::clock::SystemClock;
use rogatory::config::DirectoryFolder;
use rogatory::directory::Directory;
use rogatory::transport::client::{Client, ClientSettings};
use rogatory::transport::tls::stream::ClientTls;
use rogatory::transport::tls::{self, OwnCertificate, RootsByAgency};
use rogatory::wire::pb;
use serde_json::Value;

/// The agency that sends.
pub(crate) const ORIGIN: &str = "ita.coast-guard";
/// The agency through which everything goes.
pub(crate) const HUB: &str = "int.liaison-hub";
/// The agency that is asked.
pub(crate) const DESTINATION: &str = "pan.maritime-authority";
/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_rogatory");

/// Whether a process is gone or a zombie without threads: only then its files are closed (proc(5), `stat`
/// and `task`).
fn has_ended(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_over = stat.rsplit(')').next().is_none_or(|it| it.is_empty() || it.starts_with(" Z"));
    is_over && fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count) <= 1
}

/// A network, until the value is dropped.
pub(crate) struct Kept {
    folder: PathBuf,
    network: Value,
}

impl Kept {
    /// Starts one in a folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let status = Command::new(PROGRAM)
            .args(["demo", "--keep"])
            .arg(folder)
            .args(["-o", "json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the program starts");
        assert!(status.success(), "the demo network comes up");
        let text = fs::read_to_string(folder.join("network.json")).expect("network.json is there");
        let network = serde_json::from_str(&text).expect("network.json is JSON");
        Self { folder: folder.to_owned(), network }
    }

    /// What is known of an agency.
    pub(crate) fn agency(&self, agency: &str) -> &Value {
        &self.network["agencies"][agency]
    }

    /// Kills the node of an agency; it has ended when this returns.
    pub(crate) fn kill(&self, agency: &str) {
        let pid = self.agency(agency)["pid"].as_u64().expect("a process id").to_string();
        let killed = Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
        assert!(killed.success(), "the node of {agency} is killed");
        while !has_ended(&pid) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Who is in the network.
    pub(crate) fn directory(&self) -> Directory {
        directory_in(&self.directory_folder())
    }

    /// Where it says so.
    pub(crate) fn directory_folder(&self) -> PathBuf {
        PathBuf::from(self.network["directory"].as_str().expect("a path"))
    }

    /// The TLS side of a caller of an agency.
    pub(crate) fn tls(&self, agency: &str, role: &str) -> ClientTls {
        let at = |value: &Value| PathBuf::from(value.as_str().expect("a path"));
        let caller = &self.agency(agency)["roles"][role];
        ClientTls::new(tls::ClientSettings {
            expected: agency.parse().expect("an agency"),
            own: own(&at(&caller["certificate"]), &at(&caller["key"])),
            roots: roots(&self.directory()),
            clock: Arc::new(SystemClock),
        })
    }

    /// A caller of an agency at its node.
    pub(crate) async fn client(&self, agency: &str, role: &str) -> Client {
        let address = self.agency(agency)["listeners"]["agency"].as_str().expect("an address");
        let settings = ClientSettings::new(address, self.tls(agency, role));
        Client::connect(settings).await.expect("the node answers")
    }

    /// Memory of a node, in MiB.
    pub(crate) fn rss_mib(&self, agency: &str) -> f64 {
        let pid = self.agency(agency)["pid"].as_u64().expect("a process id");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1_024.0
    }
}

/// The directory in a folder.
pub(crate) fn directory_in(folder: &Path) -> Directory {
    DirectoryFolder::at(folder).load(None).expect("a directory").held.directory().0
}

/// A certificate with its key.
pub(crate) fn own(certificate: &Path, key: &Path) -> Arc<OwnCertificate> {
    let [certificate, key] =
        [certificate, key].map(|it| fs::read_to_string(it).expect("the file is there"));
    Arc::new(OwnCertificate::from_pem(&certificate, &key).expect("a certificate with its key"))
}

/// Whom all of a directory trust.
pub(crate) fn roots(directory: &Directory) -> Arc<ArcSwap<RootsByAgency>> {
    Arc::new(ArcSwap::from_pointee(roots_of(directory)))
}

impl Drop for Kept {
    fn drop(&mut self) {
        let stopped = Command::new(PROGRAM).args(["demo", "--stop"]).arg(&self.folder).output();
        if stopped.is_err() {
            eprintln!("the demo network was not stopped");
        }
    }
}

/// The worked example of a vessel, whole and lawful.
const VESSEL: &str = include_str!("../../config/demo/ex2-vessel-boarding-som-8-2.json");

/// A request of about 1 KiB, from [`ORIGIN`] to [`DESTINATION`].
pub(crate) fn draft(number: u64) -> pb::Draft {
    let mut draft = rogatory::wire::json::read_file(VESSEL.as_bytes()).expect("an example");
    let text = |it: &str| Some(it.to_owned());
    (draft.message_id, draft.request_id, draft.issued_at) = (None, None, None);
    draft.respond_by = None;
    draft.attachments.clear();
    draft.languages = Some(pb::Languages { request: text("en"), translations: Vec::new() });
    draft.urgency = Some(pb::Urgency { level: text("priority"), reason: text("load") });
    draft.facts = Some(format!("{} {number}", "A vessel was sighted without lights. ".repeat(8)));
    draft
}

/// The time, to measure by.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A number that the environment gives, or another.
#[expect(clippy::disallowed_methods, reason = "a benchmark is told by its environment")]
pub(crate) fn told(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(otherwise)
}
