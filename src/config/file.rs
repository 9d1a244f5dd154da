//! A node's configuration as values. `config/node.toml` explains each key.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::attachments::Attachments;
use crate::config::check::{self, ConfigFault};
use crate::config::environment::Environment;
pub use crate::config::key_source::{KeySource, KeysSection, TokenSection};
use crate::config::staleness::Staleness;
use crate::config::store::Store;
use crate::domain::digest::Digest;
use crate::domain::handling::Classification;
use crate::domain::ids::{AgencyId, NetworkId};
use crate::domain::limits;
use crate::domain::retention::Retention;
use crate::transport::alarm::WebhookAddress;

/// Default of `listen.agency`.
pub const LISTEN_AGENCY_DEFAULT: SocketAddr = loopback(7443);
/// Default of `listen.peers`.
pub const LISTEN_PEERS_DEFAULT: SocketAddr = loopback(7444);
/// Default of `listen.operations`.
pub const LISTEN_OPERATIONS_DEFAULT: SocketAddr = loopback(7445);

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// A node's whole configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Who the node is and where its things are.
    pub node: NodeSection,
    /// Where it listens.
    pub listen: Listen,
    /// Its certificates.
    pub tls: Tls,
    /// Its private keys other than those of TLS.
    pub keys: KeysSection,
    /// The token that holds some of them.
    pub token: TokenSection,
    /// The store.
    pub store: Store,
    /// Its backups.
    pub backup: Backup,
    /// How long a directory counts that no peer confirms.
    pub directory: Staleness,
    /// How it hands messages over.
    pub relay: Relay,
    /// How much it takes from anyone.
    pub limits: Limits,
    /// What holds for a message when its sender does not say.
    pub messages: Messages,
    /// What it may hold, and by which law it judges.
    pub handling: Handling,
    /// What may be handed in as attachments, and held.
    pub attachments: Attachments,
    /// How long it keeps content after a request was closed, in days by group of kinds.
    pub retention: Retention,
    /// Whom it rings when a message needs somebody.
    pub alarm: Alarm,
    /// What it writes about itself.
    pub trace: Trace,
}

/// `[node]`: who the node is and where its things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSection {
    /// The node's name, as in `spiffe://AGENCY/node/NAME`.
    pub name: String,
    /// The agency that it is a node of.
    pub agency: AgencyId,
    /// The network that the directory must be of.
    pub network: NetworkId,
    /// The folder of journal and store.
    pub data_dir: PathBuf,
    /// The folder of the signed directory.
    pub directory: PathBuf,
    /// Hash of the network's genesis: the one thing that is trusted unseen.
    pub genesis: Digest,
}

/// `[listen]`: three separate doors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Officers, services, auditors and operators of the agency.
    pub agency: SocketAddr,
    /// Nodes of other agencies.
    pub peers: SocketAddr,
    /// Health and metrics only, without TLS.
    pub operations: SocketAddr,
}

/// `[tls]`: certificate chains (PEM, as paths) and where their private keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Chain shown at the agency listener.
    pub certificate: PathBuf,
    /// Private key of [`Tls::certificate`].
    pub key: KeySource,
    /// Chain shown to peers, in both directions.
    pub peer_certificate: PathBuf,
    /// Private key of [`Tls::peer_certificate`].
    pub peer_key: KeySource,
}

/// `[backup]`: to whom backups are sealed, and how long they may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// File of the public backup key, see [`crate::config::backup_keys::backup_public`]; none are made
    /// without one.
    pub key: Option<PathBuf>,
    /// Longest life of a backup, in days.
    pub keep_days: u64,
}

impl Default for Backup {
    fn default() -> Self {
        Self { key: None, keep_days: 90 }
    }
}

impl Backup {
    fn to_toml(&self) -> String {
        let key = self.key.as_deref().unwrap_or(Path::new(""));
        let key = toml::Value::from(key.display().to_string());
        format!("[backup]\nkey = {key}\nkeep_days = {}\n", self.keep_days)
    }
}

/// `[relay]`: how the node hands messages over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Messages handed to one peer and not answered yet.
    pub window: u32,
    /// First pause after a failed attempt, in milliseconds.
    pub retry_min_ms: u64,
    /// Longest pause between attempts, in milliseconds.
    pub retry_max_ms: u64,
    /// What waits for a peer that is not reached for so long goes another way, in seconds.
    pub detour_after_s: u64,
    /// The same of urgent messages, in seconds.
    pub detour_urgent_after_s: u64,
    /// A journal that grew offers its checkpoint to neighbours this often, in milliseconds.
    pub checkpoint_interval_ms: u64,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            window: 64,
            retry_min_ms: 250,
            retry_max_ms: 900_000,
            detour_after_s: 300,
            detour_urgent_after_s: 30,
            checkpoint_interval_ms: 10_000,
        }
    }
}

/// `[limits]`: how much the node takes from anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest content of a message sent here, in bytes before sealing.
    pub content_bytes: u64,
    /// Open connections of one listener.
    pub connections: u32,
    /// A handshake that takes longer is cut off, in milliseconds.
    pub handshake_timeout_ms: u64,
    /// Handshakes of one listener at the same time.
    pub handshakes_max: u32,
    /// Streams of one connection at the same time.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            content_bytes: limits::CONTENT_BYTES_MAX as u64,
            connections: 1024,
            handshake_timeout_ms: 5000,
            handshakes_max: 256,
            streams: 64,
        }
    }
}

/// `[messages]`: what holds for a message when its sender does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    /// Life of a message, in seconds.
    pub expiry_default_s: u64,
    /// Lease of a claim, in seconds.
    pub lease_default_s: u64,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            expiry_default_s: limits::EXPIRY_MS_DEFAULT.unsigned_abs() / 1000,
            lease_default_s: 1800,
        }
    }
}

/// `[handling]`: what the node may hold, and by which law it judges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handling {
    /// Highest classification; only what is unclassified without one.
    pub ceiling: Option<Classification>,
    /// The network's own file of who is party to what.
    pub parties: Option<PathBuf>,
    /// The agency's own file of who may do what at which desk, see [`crate::config::desks`].
    pub desks: Option<PathBuf>,
}

impl Handling {
    fn to_toml(&self) -> String {
        let ceiling = self.ceiling.map_or("", Classification::as_str);
        let quoted = |path: &Option<PathBuf>| {
            let path = path.as_deref().unwrap_or(Path::new(""));
            toml::Value::from(path.display().to_string())
        };
        let (parties, desks) = (quoted(&self.parties), quoted(&self.desks));
        format!("[handling]\nceiling = \"{ceiling}\"\nparties = {parties}\ndesks = {desks}\n")
    }
}

/// `[retention]`: how long content is kept.
fn retention(set: &Retention) -> String {
    let lines = set.keep_days.named().map(|(name, days)| format!("{name} = {days}\n"));
    let reviews = set.review_days.named().map(|(name, days)| format!("{name} = {days}\n"));
    let (lines, reviews) = (lines.collect::<String>(), reviews.collect::<String>());
    format!("[retention]\n{lines}{reviews}honour_erasure = \"{}\"\n", set.honour.as_str())
}

/// `[alarm]`: whom the node rings when a message needs somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Program and arguments, run without a shell; empty for none.
    pub command: Vec<String>,
    /// Where the same is posted to.
    pub webhook: Option<WebhookAddress>,
    /// File of the key that signs what is posted, see [`crate::config::keys::webhook_key`].
    pub webhook_secret: Option<PathBuf>,
    /// Longest run of the command, and longest single attempt at the webhook, in milliseconds.
    pub timeout_ms: u64,
    /// An immediate message that nobody claims rings after this long, in seconds.
    pub unclaimed_after_s: u64,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            webhook: None,
            webhook_secret: None,
            timeout_ms: 10_000,
            unclaimed_after_s: 600,
        }
    }
}

impl Alarm {
    fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let command: Vec<_> = self.command.iter().map(|it| quoted(it)).collect();
        let webhook = self.webhook.as_ref().map(ToString::to_string).unwrap_or_default();
        let secret = self.webhook_secret.as_deref().unwrap_or(Path::new(""));
        format!(
            "[alarm]\ncommand = [{}]\nwebhook = {}\nwebhook_secret = {}\ntimeout_ms = {}\n\
             unclaimed_after_s = {}\n",
            command.join(", "),
            quoted(&webhook),
            quoted(&secret.display().to_string()),
            self.timeout_ms,
            self.unclaimed_after_s,
        )
    }
}

/// How much the node writes about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TraceLevel {
    /// What needs somebody now.
    Error,
    /// What needs somebody some day.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// How it happened.
    Debug,
    /// Every step.
    Trace,
}

impl TraceLevel {
    /// All levels, the quietest first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// In which form the node writes about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TraceFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// Lines for people.
    #[default]
    Text,
}

impl TraceFormat {
    /// Both formats.
    pub const ALL: [Self; 2] = [Self::Json, Self::Text];

    /// The word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

/// `[trace]`: what the node writes about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// How much.
    pub level: TraceLevel,
    /// In which form.
    pub format: TraceFormat,
}

/// Why a configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is read and wrong.
    #[error("{} has {} faults:{}", path.display(), faults.len(), listed(faults))]
    Faulty {
        /// Which file.
        path: PathBuf,
        /// All of them.
        faults: Vec<ConfigFault>,
    },
}

fn listed(faults: &[ConfigFault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}

impl Config {
    /// Checks a configuration's text, under the process's environment. Relative paths stay as they
    /// are written.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn check(text: &str) -> Result<Self, Vec<ConfigFault>> {
        check::check(text, &Environment::of_process())
    }

    /// Reads a configuration file under the process's environment, and makes its relative paths
    /// relative to the file's folder. Paths from the environment stay relative to the process's.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] or [`ConfigError::Faulty`], the latter with every fault at once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_under(path, &Environment::of_process())
    }

    /// [`Config::load`] under a given environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_under(path: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        check::check_in(&text, environment, folder)
            .map_err(|faults| ConfigError::Faulty { path: path.to_owned(), faults })
    }

    /// Every key with the value that is in force, as a configuration's text.
    pub fn to_toml(&self) -> String {
        let path = |path: &Path| toml::Value::String(path.display().to_string()).to_string();
        let key = |key: &KeySource| toml::Value::String(key.to_string()).to_string();
        let (node, tls) = (&self.node, &self.tls);
        format!(
            "[node]\nname = \"{}\"\nagency = \"{}\"\nnetwork = \"{}\"\ndata_dir = {}\n\
             directory = {}\ngenesis = \"{}\"\n\n[listen]\nagency = \"{}\"\npeers = \"{}\"\noperations = \"{}\"\n\n\
             [tls]\ncertificate = {}\nkey = {}\npeer_certificate = {}\npeer_key = {}\n\n\
             {}\n{}\n{}",
            node.name,
            node.agency,
            node.network,
            path(&node.data_dir),
            path(&node.directory),
            node.genesis,
            self.listen.agency,
            self.listen.peers,
            self.listen.operations,
            path(&tls.certificate),
            key(&tls.key),
            path(&tls.peer_certificate),
            key(&tls.peer_key),
            self.keys.to_toml(),
            self.token.to_toml(),
            self.figures(),
        )
    }

    /// The folder in which the node's journals are published.
    pub fn tiles(&self) -> PathBuf {
        self.store.tiles.clone().unwrap_or_else(|| self.node.data_dir.join("tiles"))
    }

    fn figures(&self) -> String {
        let tiles = self.store.tiles.as_deref().unwrap_or(Path::new(""));
        let tiles = toml::Value::from(tiles.display().to_string());
        let (relay, limits, messages) = (&self.relay, &self.limits, &self.messages);
        format!(
            "[store]\ncache_bytes = {}\nrecent_rows = {}\nlow_water_bytes = {}\nstandstill_s = {}\ntiles = {tiles}\n\n{}\n{}\n[relay]\nwindow = {}\nretry_min_ms = {}\n\
             retry_max_ms = {}\ndetour_after_s = {}\ndetour_urgent_after_s = {}\ncheckpoint_interval_ms = {}\n\n[limits]\ncontent_bytes = {}\n\
             connections = {}\nhandshake_timeout_ms = {}\nhandshakes_max = {}\nstreams = {}\n\n\
             [messages]\nexpiry_default_s = {}\nlease_default_s = {}\n\n{}\n{}\n{}\n{}\n[trace]\nlevel = \"{}\"\n\
             format = \"{}\"\n",
            self.store.cache_bytes,
            self.store.recent_rows,
            self.store.low_water_bytes,
            self.store.standstill_s,
            self.backup.to_toml(),
            self.directory.to_toml(),
            relay.window,
            relay.retry_min_ms,
            relay.retry_max_ms,
            relay.detour_after_s,
            relay.detour_urgent_after_s,
            relay.checkpoint_interval_ms,
            limits.content_bytes,
            limits.connections,
            limits.handshake_timeout_ms,
            limits.handshakes_max,
            limits.streams,
            messages.expiry_default_s,
            messages.lease_default_s,
            self.attachments.to_toml(),
            self.handling.to_toml(),
            retention(&self.retention),
            self.alarm.to_toml(),
            self.trace.level.as_str(),
            self.trace.format.as_str(),
        )
    }
}
