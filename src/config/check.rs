//! From a configuration's text to its values, or every fault at once.

use std::path::{Path, PathBuf};

use crate::config::attachments;
use crate::config::environment::{Environment, NODE_OVERRIDES};
use crate::config::file::{
    Alarm, Backup, Config, Handling, KeySource, KeysSection, Limits, Messages, NodeSection, Relay,
    Tls, TokenSection, Trace, TraceFormat, TraceLevel,
};
use crate::config::store::{self, Store};
use crate::config::{keeping, key_source, listening, staleness};
use crate::directory::record::is_node_name;
use crate::directory::strict::{self, Fault, Table};
use crate::domain::digest::Digest;
use crate::domain::handling::Classification;
use crate::domain::limits;

/// Most words of `alarm.command`, the program included.
pub const COMMAND_WORDS_MAX: usize = 32;

/// One thing that is wrong with a configuration.
pub type ConfigFault = Fault;

/// Largest configuration file, in bytes.
pub const CONFIG_BYTES_MAX: usize = 64 * 1024;

/// Every key of a configuration, by section, in the order of `config/node.toml`.
pub const SECTIONS: &[(&str, &[&str])] = &[
    ("node", NODE),
    ("listen", listening::KEYS),
    ("tls", TLS),
    ("keys", KEYS),
    ("token", key_source::TOKEN_KEYS),
    ("store", store::KEYS),
    ("backup", BACKUP),
    ("directory", staleness::KEYS),
    ("relay", RELAY),
    ("limits", LIMITS),
    ("messages", MESSAGES),
    ("handling", HANDLING),
    ("attachments", attachments::KEYS),
    ("retention", keeping::KEYS),
    ("alarm", ALARM),
    ("trace", TRACE),
];
const ROOT: &[&str] = &[
    "node",
    "listen",
    "tls",
    "keys",
    "token",
    "store",
    "backup",
    "directory",
    "relay",
    "limits",
    "messages",
    "handling",
    "attachments",
    "retention",
    "alarm",
    "trace",
];
const NODE: &[&str] = &["name", "agency", "network", "data_dir", "directory", "genesis"];
const TLS: &[&str] = &["certificate", "key", "peer_certificate", "peer_key"];
const KEYS: &[&str] = &["folder", "journal_ed25519"];
const BACKUP: &[&str] = &["key", "keep_days"];
const RELAY: &[&str] = &[
    "window",
    "retry_min_ms",
    "retry_max_ms",
    "detour_after_s",
    "detour_urgent_after_s",
    "checkpoint_interval_ms",
];
const LIMITS: &[&str] =
    &["content_bytes", "connections", "handshake_timeout_ms", "handshakes_max", "streams"];
const MESSAGES: &[&str] = &["expiry_default_s", "lease_default_s"];
const HANDLING: &[&str] = &["ceiling", "parties", "desks"];
const ALARM: &[&str] = &["command", "webhook", "webhook_secret", "timeout_ms", "unclaimed_after_s"];
const TRACE: &[&str] = &["level", "format"];

/// Checks a text under an environment; relative paths stay as written.
///
/// # Errors
/// Every fault at once.
pub fn check(text: &str, environment: &Environment) -> Result<Config, Vec<ConfigFault>> {
    check_in(text, environment, Path::new(""))
}

/// Checks a text under an environment; relative paths of the text are those of `folder`.
pub(super) fn check_in(
    text: &str,
    environment: &Environment,
    folder: &Path,
) -> Result<Config, Vec<ConfigFault>> {
    let read = strict::read(text, CONFIG_BYTES_MAX, ROOT, |root| {
        let sections = Sections { root, environment, folder };
        sections.read()
    });
    let mut faults: Vec<_> = environment
        .unreadable()
        .iter()
        .filter(|name| NODE_OVERRIDES.iter().any(|(it, _)| it == *name))
        .map(|name| Fault::of_text(format!("{name} is not UTF-8")))
        .collect();
    match read {
        Ok(config) if faults.is_empty() => Ok(config),
        Ok(_) => Err(faults),
        Err(found) => {
            faults.extend(found);
            Err(faults)
        }
    }
}

struct Sections<'a, 't> {
    root: &'a Table<'t>,
    environment: &'a Environment,
    folder: &'a Path,
}

impl<'t> Sections<'_, 't> {
    fn read(&self) -> Option<Config> {
        self.root.require(&["node", "tls"]);
        let node = self.root.table("node", NODE).and_then(|it| self.node(&it));
        let listen = self.root.table("listen", listening::KEYS);
        let tls = self.root.table("tls", TLS).and_then(|it| self.tls(&it));
        let keys = self.keys();
        let token = self.token(tls.as_ref(), keys.as_ref());
        let config = Config {
            listen: listen.map(|it| listening::read(&it)).unwrap_or_else(listening::default),
            store: self.store(),
            backup: self.backup(),
            directory: self.section("directory", staleness::KEYS, staleness::read),
            relay: self.section("relay", RELAY, read_relay),
            limits: self.section("limits", LIMITS, read_limits),
            messages: self.section("messages", MESSAGES, read_messages),
            handling: self.handling(),
            attachments: self.section("attachments", attachments::KEYS, attachments::read),
            retention: self.section("retention", keeping::KEYS, keeping::read),
            alarm: self.alarm(),
            trace: self.trace(),
            token,
            node: node?,
            tls: tls?,
            keys: keys?,
        };
        Some(config)
    }

    fn section<T: Default>(
        &self,
        name: &'static str,
        known: &'static [&'static str],
        read: impl FnOnce(&Table<'t>) -> T,
    ) -> T {
        self.root.table(name, known).map(|it| read(&it)).unwrap_or_default()
    }

    /// The value of the override that stands for `path`, and its variable.
    fn overriding(&self, path: &str) -> Option<(&'static str, &str)> {
        let (name, _) = NODE_OVERRIDES.iter().find(|(_, it)| *it == path)?;
        Some((name, self.environment.get(name)?))
    }

    /// A path of the text, unless an override stands for it.
    fn path(&self, table: &Table<'t>, key: &'static str, full: &str) -> Option<PathBuf> {
        let written = table.spot(key).and_then(|spot| {
            let text = spot.text()?;
            if text.is_empty() || text.contains('\0') {
                spot.fault("must be a path");
            }
            Some(self.folder.join(text))
        });
        self.overriding(full).map(|(_, value)| PathBuf::from(value)).or(written)
    }

    fn node(&self, table: &Table<'t>) -> Option<NodeSection> {
        table.require(&["name", "agency", "network"]);
        for (key, full) in [("data_dir", "node.data_dir"), ("directory", "node.directory")] {
            if self.overriding(full).is_none() {
                table.require(&[key]);
            }
        }
        let name = table.spot("name").and_then(|spot| {
            let name = spot.text()?;
            if !is_node_name(name) {
                spot.fault("must be 1 to 63 of a-z, 0-9 and inner hyphens");
            }
            Some(name.to_owned())
        });
        let (agency, network) = (table.parsed("agency"), table.parsed("network"));
        let genesis = read_genesis(table);
        let data_dir = self.path(table, "data_dir", "node.data_dir");
        let directory = self.path(table, "directory", "node.directory");
        Some(NodeSection {
            name: name?,
            agency: agency?,
            network: network?,
            data_dir: data_dir?,
            directory: directory?,
            genesis: genesis?,
        })
    }

    fn tls(&self, table: &Table<'t>) -> Option<Tls> {
        table.require(&["certificate", "key"]);
        let certificate = self.path(table, "certificate", "tls.certificate");
        let key = self.key_source(table, "key");
        let peer_certificate = self.path(table, "peer_certificate", "tls.peer_certificate");
        let peer_key = self.key_source(table, "peer_key");
        if table.has("peer_certificate") != table.has("peer_key") {
            table.fault("peer_certificate and peer_key stand together or not at all");
        }
        let (certificate, key) = (certificate?, key?);
        Some(Tls {
            peer_certificate: peer_certificate.unwrap_or_else(|| certificate.clone()),
            peer_key: peer_key.unwrap_or_else(|| key.clone()),
            certificate,
            key,
        })
    }

    fn keys(&self) -> Option<KeysSection> {
        let table = self.root.table("keys", KEYS);
        let journal_ed25519 = table.as_ref().map(key_source::read_journal).unwrap_or_default();
        let is_written = table.as_ref().is_some_and(|it| it.has("folder"));
        let written = table.and_then(|it| self.path(&it, "folder", "keys.folder"));
        let overriding = self.overriding("keys.folder").map(|(_, value)| PathBuf::from(value));
        let folder = written.or(overriding).or_else(|| self.environment.credentials());
        if folder.is_none() && !is_written {
            self.root.fault_at("keys", "names no folder, and CREDENTIALS_DIRECTORY is unset");
        }
        Some(KeysSection { folder: folder?, journal_ed25519 })
    }

    /// A path, or the URI of a key in a token.
    fn key_source(&self, table: &Table<'t>, key: &'static str) -> Option<KeySource> {
        if table.text(key).is_some_and(key_source::is_uri) {
            let uri = table.spot(key).and_then(|spot| key_source::read_uri(&spot));
            return uri.map(|it| KeySource::Token(Box::new(it)));
        }
        self.path(table, key, "").map(KeySource::File)
    }

    fn token(&self, tls: Option<&Tls>, keys: Option<&KeysSection>) -> TokenSection {
        let table = self.root.table("token", key_source::TOKEN_KEYS);
        let path = |key| {
            let table = table.as_ref()?;
            let is_said = table.text(key).is_some_and(|it| !it.is_empty());
            is_said.then(|| self.path(table, key, "")).flatten()
        };
        let section = TokenSection { module: path("module"), pin: path("pin") };
        let is_used = tls.is_some_and(|it| it.key.uri().or(it.peer_key.uri()).is_some())
            || keys.is_some_and(|it| !it.journal_ed25519.is_empty());
        if is_used && section.module.is_none() {
            self.root.fault_at("token", "names no module, and a key is in a token");
        }
        section
    }

    fn store(&self) -> Store {
        let Some(table) = self.root.table("store", store::KEYS) else {
            return Store::default();
        };
        let has_tiles = table.text("tiles").is_some_and(|it| !it.is_empty());
        let tiles = has_tiles.then(|| self.path(&table, "tiles", "")).flatten();
        store::read(&table, tiles)
    }

    fn backup(&self) -> Backup {
        let default = Backup::default();
        let Some(table) = self.root.table("backup", BACKUP) else {
            return default;
        };
        let has_key = table.text("key").is_some_and(|it| !it.is_empty());
        let key = has_key.then(|| self.path(&table, "key", "")).flatten();
        Backup { key, keep_days: number(&table, "keep_days", 1, 3650, default.keep_days) }
    }

    fn handling(&self) -> Handling {
        let Some(table) = self.root.table("handling", HANDLING) else {
            return Handling::default();
        };
        let file = |key| {
            let is_said = table.text(key).is_some_and(|it| !it.is_empty());
            is_said.then(|| self.path(&table, key, "")).flatten()
        };
        Handling { ceiling: read_ceiling(&table), parties: file("parties"), desks: file("desks") }
    }

    fn alarm(&self) -> Alarm {
        let default = Alarm::default();
        let Some(table) = self.root.table("alarm", ALARM) else {
            return default;
        };
        let is_said = |key| table.text(key).is_some_and(|it| !it.is_empty());
        let has_webhook = is_said("webhook");
        let webhook = table.spot("webhook").filter(|_| has_webhook).and_then(|it| it.parsed());
        let has_secret = is_said("webhook_secret");
        let secret = has_secret.then(|| self.path(&table, "webhook_secret", "")).flatten();
        if has_secret && !has_webhook {
            table.fault_at("webhook_secret", "signs what a webhook gets, and there is none");
        }
        Alarm {
            command: read_command(&table),
            webhook,
            webhook_secret: secret,
            timeout_ms: number(&table, "timeout_ms", 100, 60_000, default.timeout_ms),
            unclaimed_after_s: number(
                &table,
                "unclaimed_after_s",
                10,
                3600,
                default.unclaimed_after_s,
            ),
        }
    }

    fn trace(&self) -> Trace {
        let table = self.root.table("trace", TRACE);
        let mut trace = Trace::default();
        if let Some(table) = &table {
            if let Some(text) = table.text("level") {
                set(&mut trace.level, level(text), |problem| table.fault_at("level", problem));
            }
            if let Some(text) = table.text("format") {
                set(&mut trace.format, format(text), |problem| table.fault_at("format", problem));
            }
        }
        if let Some((name, text)) = self.overriding("trace.level") {
            set(&mut trace.level, level(text), |problem| self.blame(name, problem));
        }
        if let Some((name, text)) = self.overriding("trace.format") {
            set(&mut trace.format, format(text), |problem| self.blame(name, problem));
        }
        trace
    }

    fn blame(&self, variable: &str, problem: &str) {
        self.root.fault(format!("environment variable {variable} {problem}"));
    }
}

fn set<T>(slot: &mut T, value: Result<T, &'static str>, fault: impl FnOnce(&'static str)) {
    match value {
        Ok(value) => *slot = value,
        Err(problem) => fault(problem),
    }
}

fn level(text: &str) -> Result<TraceLevel, &'static str> {
    let found = TraceLevel::ALL.into_iter().find(|it| it.as_str() == text);
    found.ok_or("must be error, warn, info, debug or trace")
}

fn format(text: &str) -> Result<TraceFormat, &'static str> {
    let found = TraceFormat::ALL.into_iter().find(|it| it.as_str() == text);
    found.ok_or("must be json or text")
}

/// The hash that is pinned. It is given by hand, for all else follows from it.
fn read_genesis(table: &Table<'_>) -> Option<Digest> {
    let Some(spot) = table.spot("genesis") else {
        table.fault_at("genesis", "is missing: a node starts only with the hash of its genesis");
        return None;
    };
    let hash = hex::decode(spot.text()?).ok().and_then(|bytes| Digest::from_slice(&bytes));
    if hash.is_none() {
        spot.fault("must be the hash of a genesis: 64 hexadecimal digits");
    }
    hash
}

/// The number of `key` within `low..=high`, or `default`.
pub(super) fn number(
    table: &Table<'_>,
    key: &'static str,
    low: u64,
    high: u64,
    default: u64,
) -> u64 {
    table.integer(key, low..=high).unwrap_or(default)
}

fn small(table: &Table<'_>, key: &'static str, high: u32, default: u32) -> u32 {
    let value = table.integer(key, 1..=u64::from(high));
    value.and_then(|it| u32::try_from(it).ok()).unwrap_or(default)
}

/// Program and arguments. The program is an absolute path, so that no search decides what runs.
fn read_command(table: &Table<'_>) -> Vec<String> {
    let mut words = Vec::new();
    for (index, spot) in table.elements("command", COMMAND_WORDS_MAX).into_iter().enumerate() {
        let Some(word) = spot.text() else { continue };
        if word.contains('\0') {
            spot.fault("must not hold a zero byte");
        }
        if index == 0 && !Path::new(word).is_absolute() {
            spot.fault("must be the absolute path of a program");
        }
        words.push(word.to_owned());
    }
    words
}

fn read_relay(table: &Table<'_>) -> Relay {
    const DAY_S: u64 = 86_400;
    const DAY_MS: u64 = DAY_S * 1_000;
    let default = Relay::default();
    let relay = Relay {
        window: small(table, "window", 4096, default.window),
        retry_min_ms: number(table, "retry_min_ms", 10, 60_000, default.retry_min_ms),
        retry_max_ms: number(table, "retry_max_ms", 10, DAY_MS, default.retry_max_ms),
        detour_after_s: number(table, "detour_after_s", 1, DAY_S, default.detour_after_s),
        detour_urgent_after_s: number(
            table,
            "detour_urgent_after_s",
            1,
            DAY_S,
            default.detour_urgent_after_s,
        ),
        checkpoint_interval_ms: number(
            table,
            "checkpoint_interval_ms",
            100,
            3_600_000,
            default.checkpoint_interval_ms,
        ),
    };
    if relay.retry_max_ms < relay.retry_min_ms {
        table.fault_at("retry_max_ms", "must not be less than retry_min_ms");
    }
    if relay.detour_urgent_after_s > relay.detour_after_s {
        table.fault_at("detour_urgent_after_s", "must not be more than detour_after_s");
    }
    relay
}

fn read_limits(table: &Table<'_>) -> Limits {
    let default = Limits::default();
    let content_max = default.content_bytes;
    Limits {
        content_bytes: number(table, "content_bytes", 1, content_max, content_max),
        connections: small(table, "connections", 65_536, default.connections),
        handshake_timeout_ms: number(
            table,
            "handshake_timeout_ms",
            100,
            60_000,
            default.handshake_timeout_ms,
        ),
        handshakes_max: small(table, "handshakes_max", 65_536, default.handshakes_max),
        streams: small(table, "streams", 4096, default.streams),
    }
}

fn read_messages(table: &Table<'_>) -> Messages {
    let default = Messages::default();
    let expiry_max = limits::EXPIRY_MS_MAX.unsigned_abs() / 1000;
    let lease_max = limits::LEASE_MS_MAX.unsigned_abs() / 1000;
    Messages {
        expiry_default_s: number(
            table,
            "expiry_default_s",
            1,
            expiry_max,
            default.expiry_default_s,
        ),
        lease_default_s: number(table, "lease_default_s", 1, lease_max, default.lease_default_s),
    }
}

fn read_ceiling(table: &Table<'_>) -> Option<Classification> {
    let written = table.text("ceiling").filter(|it| !it.is_empty());
    written.and_then(|text| {
        let known = text.parse::<Classification>().ok();
        if known.is_none() {
            let problem = "must be R-UE/EU-R, C-UE/EU-C, S-UE/EU-S or TS-UE/EU-TS, or empty";
            table.fault_at("ceiling", problem);
        }
        known
    })
}
