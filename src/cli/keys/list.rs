//! `keys list`: every key of a node with what it is for, since when and until when it counts, and where
//! it stands in its life.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::node::own_keys::{IN_FILE, IN_TOKEN, OwnKeys, place_of};
use crate::cli::node::run::own_certificate;
use crate::cli::node::setting;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::{Config, Environment, KeySource, sealing_keys};
use crate::directory::WitnessKeys;
use crate::directory::journal_keys::JournalKeys;
use crate::directory::record::{AgencyRecord, SEALING_KEPT_MS};
use crate::domain::digest::Digest;
use crate::envelope::keyring::{SealingPrivate, key_id};
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer, SignsEd25519 as _};
use crate::redact::Secret;

/// A line of the list.
#[derive(Debug, Default)]
struct Listed {
    purpose: String,
    id: String,
    state: &'static str,
    /// From when on it counts; empty where nothing says.
    from: String,
    /// Until when, or up to which size.
    until: String,
    /// Where the private half is.
    held: &'static str,
}

impl Listed {
    fn new(purpose: impl Into<String>, id: String, state: &'static str) -> Self {
        Self { purpose: purpose.into(), id, state, held: IN_FILE, ..Self::default() }
    }

    fn to_json(&self) -> Value {
        json!({
            "purpose": self.purpose,
            "id": self.id,
            "state": self.state,
            "from": self.from,
            "until": self.until,
            "held": self.held,
        })
    }

    fn to_row(&self) -> [String; 6] {
        let Self { purpose, id, state, from, until, held } = self;
        let [state, held] = [state, held].map(|it| (*it).to_owned());
        [purpose.clone(), id.clone(), state, from.clone(), until.clone(), held]
    }
}

/// Shows the keys of a configuration, as its directory names them.
///
/// # Errors
/// Keys, certificates or a directory that can't be read.
pub(super) fn run(path: &Path, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let keys = OwnKeys::load(&config)?;
    let own = &keys.files;
    let directory = setting::directory(&config)?;
    let record = directory.agency(&config.node.agency);
    let mut keys = journal(&keys, record);
    let named = record.and_then(|it| it.witness.as_ref());
    keys.extend(own.witness.values().map(|seed| witness(seed, named)));
    keys.extend(sealing(&config, record, SystemClock.now())?);
    let storages = own.storage_before.iter().chain([&own.storage]);
    let state = if own.storage_before.is_empty() { IN_USE } else { "being replaced" };
    keys.extend(storages.map(|it| Listed::new("storage", secret_id(it.expose()), state)));
    for (purpose, key) in [("skeleton", &own.skeleton), ("fingerprint", &own.fingerprint)] {
        keys.push(Listed::new(purpose, secret_id(key.expose()), IN_USE));
    }
    keys.extend(certificates(&config)?);
    output.list(
        || json!({ "keys": keys.iter().map(Listed::to_json).collect::<Vec<_>>() }),
        "keys",
        || {
            let header = ["purpose", "id", "state", "from", "until", "held"];
            Sheet::new().table(header, keys.iter().map(Listed::to_row))
        },
    )
}

const IN_USE: &str = "in use";
const UNPUBLISHED: &str = "unpublished";

/// The id of a key that nobody else has: nothing of the key can be told from it.
pub(super) fn secret_id(key: &[u8; 32]) -> String {
    let label = b"rogatory/v1 id of a secret key";
    Digest::of_parts(&[label, key]).to_string().chars().take(16).collect()
}

fn journal(own: &OwnKeys, record: Option<&AgencyRecord>) -> Vec<Listed> {
    let volumes = record.map(|it| it.journals.as_slice()).unwrap_or_default();
    let mut listed = Vec::new();
    let mut known = BTreeSet::new();
    let mut enter = |keys: &JournalKeys, (name, held): (&str, &'static str), public: Vec<u8>| {
        let (state, from, until) = state_of(keys, &public);
        if state != UNPUBLISHED || !known.contains(&public) {
            let purpose = format!("journal {} {name}", keys.name.volume());
            listed.push(Listed { purpose, id: key_id(&public), state, from, until, held });
            known.insert(public);
        }
    };
    for keys in volumes {
        for (_, seeds) in own.files.pairs(keys.name.volume()) {
            if let Some(seed) = seeds.ed25519 {
                let public = Ed25519Signer::from_seed(seed).public().to_vec();
                enter(keys, (ED25519, IN_FILE), public);
            }
            let public = MlDsa44Signer::from_seed(seeds.mldsa44).public();
            enter(keys, ("mldsa44", IN_FILE), public);
        }
        for public in own.tokens.iter().map(|it| it.public_key().to_vec()) {
            if state_of(keys, &public).0 != UNPUBLISHED {
                enter(keys, (ED25519, IN_TOKEN), public);
            }
        }
    }
    if let Some(last) = volumes.last() {
        for key in own.unnamed(record) {
            enter(last, (ED25519, IN_TOKEN), key.public_key().to_vec());
        }
    }
    listed
}

const ED25519: &str = "ed25519";

/// Where a witness key stands in its life.
fn witness(seed: &Secret<32>, named: Option<&WitnessKeys>) -> Listed {
    let public = Ed25519Signer::from_seed(seed).public();
    let listed = |state| Listed::new("witness", key_id(&public), state);
    let Some(named) = named else {
        return listed(UNPUBLISHED);
    };
    if named.ed25519 == public {
        return listed(IN_USE);
    }
    if let Some(next) = named.next.filter(|it| it.ed25519 == public) {
        return Listed { from: next.from.to_string(), ..listed("announced") };
    }
    match named.earlier.iter().find(|it| it.ed25519 == public) {
        Some(earlier) => Listed { until: earlier.retired_at.to_string(), ..listed("retired") },
        None => listed(UNPUBLISHED),
    }
}

/// Where a key of a volume, of either kind, stands in its life; from when, and until which size.
fn state_of(keys: &JournalKeys, public: &[u8]) -> (&'static str, String, String) {
    let size = |size: u64| format!("{size} entries");
    let is = |ed25519: &[u8; 32], mldsa44: &[u8]| public == ed25519 || public == mldsa44;
    if is(&keys.ed25519, &keys.mldsa44) {
        return match keys.retired_at_size {
            Some(at) => ("retired", String::new(), size(at)),
            None => (IN_USE, String::new(), String::new()),
        };
    }
    if let Some(next) = keys.next.as_ref().filter(|it| is(&it.ed25519, &it.mldsa44)) {
        return ("announced", next.from.to_string(), String::new());
    }
    match keys.earlier.iter().find(|it| is(&it.ed25519, &it.mldsa44)) {
        Some(earlier) => ("retired", String::new(), size(earlier.retired_at_size)),
        None => (UNPUBLISHED, String::new(), String::new()),
    }
}

fn sealing(config: &Config, record: Option<&AgencyRecord>, now: Timestamp) -> Result<Vec<Listed>> {
    let named = record.map(|it| it.sealing.as_slice()).unwrap_or_default();
    let files = sealing_keys::files(&config.keys.folder, &Environment::of_process())?;
    let listed = files.iter().map(|(_, seed)| {
        let id = SealingPrivate::from_seed(seed).key_id().to_owned();
        let place = named.iter().position(|it| it.key_id == id);
        let retired_at = named.iter().find(|it| it.key_id == id).and_then(|it| it.retired_at);
        let state = match (place, retired_at) {
            (None, _) => UNPUBLISHED,
            (Some(0), _) => IN_USE,
            (Some(_), Some(at)) if at.plus_millis(SEALING_KEPT_MS) <= now => "to be destroyed",
            (Some(_), Some(at)) if at <= now => "retired",
            (Some(_), Some(_) | None) => "accepted",
        };
        let until = retired_at.map(|it| it.plus_millis(SEALING_KEPT_MS).to_string());
        Listed { until: until.unwrap_or_default(), ..Listed::new("sealing", id, state) }
    });
    Ok(listed.collect())
}

fn certificates(config: &Config) -> Result<Vec<Listed>> {
    let tls = &config.tls;
    let listeners = [
        ("tls agency", &tls.certificate, &tls.key),
        ("tls peers", &tls.peer_certificate, &tls.peer_key),
    ];
    let one = |(purpose, chain, key): (&str, &PathBuf, &KeySource)| {
        let own = own_certificate(config, chain, key)?;
        let (validity, id) = (own.validity(), key_id(&own.leaf()));
        Ok(Listed {
            from: validity.not_before.to_string(),
            until: validity.not_after.to_string(),
            held: place_of(key),
            ..Listed::new(purpose, id, IN_USE)
        })
    };
    listeners.into_iter().map(one).collect()
}
