//! `keys`: the private keys of a node, other than those of TLS, and of those who sign a directory.

mod list;
mod rotate;
mod storage;
mod text;
mod token;
mod witness;

use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::own_keys::OwnKeys;
use crate::cli::node::{Configured, rotation, setting};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock};
use crate::config::backup_keys::{backup_private, new_backup_key};
use crate::config::note_keys::NoteKey;
use crate::config::{Config, NodeKeys, witness_keys};
use crate::directory::SealingKey;
use crate::entropy::SystemEntropy;
use crate::envelope::keyring::SealingPrivate;
use crate::merkle::signature::{Ed25519Signer, MlDsa44Signer, SignsEd25519 as _};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make fresh keys; those that are there are never overwritten
    #[command(before_help = "Example: rogatory keys new /etc/rogatory/keys")]
    New {
        /// The folder that is to hold them
        folder: PathBuf,
    },
    /// Make a backup key: the private half into FILE, the public one into FILE.pub
    #[command(
        before_help = "Example: rogatory keys backup /media/safe/backup.key",
        after_help = "The node needs FILE.pub alone ([backup] key). Whoever has FILE opens every \
                      backup: keep it away from the node."
    )]
    Backup {
        /// The file that is to hold the private half
        file: PathBuf,
    },
    /// Make a key that signs a directory: the private half into FILE, the public one into FILE.pub
    #[command(
        before_help = "Example: rogatory keys directory ita.coast-guard/record record.key",
        after_help = "An agency's record key has the name AGENCY/record; an authority's has any \
                      name without spaces and plus signs. FILE.pub goes to those who sign the roll."
    )]
    Directory {
        /// The key's name
        name: String,
        /// The file that is to hold the private half
        file: PathBuf,
    },
    /// List every key of a node: what it is for, since when, until when
    #[command(before_help = "Example: rogatory keys list --config node.toml")]
    List(Configured),
    /// Show the keys that a configuration has in a token, with the public halves of the journal's
    #[command(before_help = "Example: rogatory keys token --config node.toml")]
    Token(Configured),
    /// Replace keys while the node serves, or the storage key while it does not
    Rotate {
        /// Which.
        #[command(subcommand)]
        verb: Rotate,
    },
    /// Destroy private sealing keys that were retired 30 days ago or longer, as a running node does too,
    /// and keys of the journal and of the witness that were retired
    #[command(before_help = "Example: rogatory keys destroy --config node.toml")]
    Destroy(Configured),
    /// Show the public halves, as the directory names them
    #[command(before_help = "Example: rogatory keys show /etc/rogatory/keys")]
    Show {
        /// The folder that holds them
        folder: PathBuf,
    },
}

/// Which keys are to be replaced. TLS certificates: `pki renew`.
#[derive(Debug, Subcommand)]
pub enum Rotate {
    /// Make the next sealing key, and propose it in the agency's record
    #[command(
        before_help = "Example: rogatory keys rotate sealing --config node.toml",
        after_help = "Let the node read its keys again (kill -HUP), then sign and adopt what is \
                      proposed. What is sealed to the old key is opened for 30 days after its \
                      retirement; then its private half is destroyed."
    )]
    Sealing {
        /// Whose keys.
        #[command(flatten)]
        configured: Configured,
        /// After so many days nobody seals to the old key
        #[arg(long, value_name = "DAYS", default_value_t = 7)]
        overlap_days: u16,
    },
    /// Make the journal's next keys, and announce them in the agency's record; or retire the old
    #[command(
        before_help = "Example: rogatory keys rotate journal --config node.toml",
        after_help = "Sign and adopt what is proposed; the node signs with the new keys from the \
                      time announced on. Then: --retire, sign and adopt again."
    )]
    Journal {
        /// Whose keys.
        #[command(flatten)]
        configured: Configured,
        /// So many hours from now the new keys sign, so that all know them by then
        #[arg(long, value_name = "HOURS", default_value_t = 168)]
        after_hours: u32,
        /// The new keys sign: name up to which size the old ones count
        #[arg(long, conflicts_with = "after_hours")]
        retire: bool,
    },
    /// Make the next witness key, and announce it in the agency's record; or retire the old one
    #[command(
        before_help = "Example: rogatory keys rotate witness --config node.toml",
        after_help = "Sign and adopt what is proposed; the node cosigns its neighbours' checkpoints \
                      with the new key from the time announced on. Then: --retire, sign and adopt \
                      again."
    )]
    Witness {
        /// Whose keys.
        #[command(flatten)]
        configured: Configured,
        /// So many hours from now the new key cosigns, so that all know it by then
        #[arg(long, value_name = "HOURS", default_value_t = 168)]
        after_hours: u32,
        /// The new key cosigns: name up to which time the old one counts
        #[arg(long, conflicts_with = "after_hours")]
        retire: bool,
    },
    /// Seal the store of a node that does not run under a new storage key, and destroy the old one
    #[command(
        before_help = "Example: rogatory keys rotate storage --config node.toml",
        after_help = "A new store is built, which needs as much free disk as the old one has, and \
                      takes its place in one step. Stopped at any time, it goes on when it is \
                      called again; the node serves in between."
    )]
    Storage(Configured),
}

/// Does it.
///
/// # Errors
/// A key that exists, or can't be read.
pub async fn run(verb: &Verb, output: &Output) -> Result<()> {
    match verb {
        Verb::List(configured) => list::run(&configured.config, output),
        Verb::Token(configured) => token::run(&configured.config, output),
        Verb::Rotate { verb: Rotate::Sealing { configured, overlap_days } } => {
            rotate::sealing(&configured.config, *overlap_days, output)
        }
        Verb::Rotate { verb: Rotate::Journal { configured, after_hours, retire } } => {
            if *retire {
                return rotate::retire(&configured.config, output).await;
            }
            rotate::announce(&configured.config, *after_hours, output)
        }
        Verb::Rotate { verb: Rotate::Witness { configured, after_hours, retire } } => {
            if *retire {
                return witness::retire(&configured.config, output).await;
            }
            witness::announce(&configured.config, *after_hours, output)
        }
        Verb::Rotate { verb: Rotate::Storage(configured) } => {
            storage::run(&configured.config, output)
        }
        Verb::Destroy(configured) => destroy(&configured.config, output),
        Verb::New { folder } => {
            let keys = NodeKeys::generate(&SystemEntropy);
            keys.save(folder)?;
            output.note(format!("keys are in {}, for their owner only", folder.display()));
            output.note("who loses them loses the journal's signature and what was sealed to them");
            show(folder, &keys, output)
        }
        Verb::Backup { file } => {
            let public_of = |key: &_| SealingPrivate::from_seed(key).public();
            let public = new_backup_key(file, &SystemEntropy, public_of)?;
            let key_id = SealingPrivate::from_seed(&backup_private(file)?).key_id().to_owned();
            output.note(format!("keep {} away from the node", file.display()));
            output.show(
                || {
                    json!({
                        "private": file.display().to_string(),
                        "public": public.display().to_string(),
                        "key_id": key_id,
                    })
                },
                || {
                    Sheet::new()
                        .field("private", file.display())
                        .field("public", public.display())
                        .field("key_id", &key_id)
                },
            )
        }
        Verb::Directory { name, file } => {
            let key = NoteKey::create(file, name, &SystemEntropy)?.key().to_string();
            output.note(format!("whoever has {} signs as {name}", file.display()));
            output.show(
                || json!({ "private": file, "key": key }),
                || Sheet::new().field("private", file.display()).field("key", &key),
            )
        }
        Verb::Show { folder } => show(folder, &NodeKeys::load(folder)?, output),
    }
}

fn destroy(path: &Path, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let directory = setting::directory(&config)?;
    let mut told = rotation::destroy_over(&config, &directory, SystemClock.now())?;
    let own = OwnKeys::load(&config)?;
    let record = directory.agency(&config.node.agency);
    told.extend(rotation::destroy_retired(&config, &own, record));
    told.extend(rotation::destroy_witness(&config, &own, record));
    for key in own.tokens.iter().filter(|it| rotation::is_retired(record, &it.public_key())) {
        output.note(format!(
            "{} is retired too, and nothing in a token is destroyed by this program: do it by the \
             token's own means (pkcs11-tool --delete-object --type privkey)",
            key.uri()
        ));
    }
    let gone: Vec<&str> =
        told.iter().filter(|it| it.fault.is_none()).map(|it| it.key_id.as_str()).collect();
    output.show(
        || json!({ "destroyed": gone }),
        || Sheet::new().table(["destroyed"], gone.iter().map(|it| [(*it).to_owned()])),
    )?;
    match told.iter().find_map(|it| it.fault.as_ref()) {
        Some(fault) => Err(Failure::new(Exit::Failed, fault.clone()).into()),
        None => Ok(()),
    }
}

/// What a witness key is called in JSON.
fn witness_title(number: u32) -> String {
    witness_keys::title(number).replace('-', "_")
}

fn show(folder: &Path, keys: &NodeKeys, output: &Output) -> Result<()> {
    let ed25519 = |seed| Ed25519Signer::from_seed(seed).public().to_vec();
    let mldsa44 = |seed| MlDsa44Signer::from_seed(seed).public();
    let journal = [
        keys.journal_ed25519.as_ref().map(|it| ("journal.ed25519", ed25519(it))),
        keys.journal_mldsa44.as_ref().map(|it| ("journal.mldsa44", mldsa44(it))),
    ];
    let named = |(name, key): (&'static str, Vec<u8>)| (name, name.replace('.', "_"), key);
    let journal = journal.into_iter().flatten().map(named);
    let witness = keys.witness.iter();
    let witness = witness.map(|(number, it)| ("witness", witness_title(*number), ed25519(it)));
    let public: Vec<_> = journal.chain(witness).collect();
    let sealing: Vec<SealingKey> = keys
        .sealing
        .iter()
        .map(|seed| SealingKey::new(SealingPrivate::from_seed(seed).public()))
        .collect();
    output.show(
        || {
            let listed: Vec<Value> = sealing
                .iter()
                .map(|it| json!({ "key_id": it.key_id, "public": STANDARD.encode(&it.public) }))
                .collect();
            let mut object = json!({ "folder": folder.display().to_string() });
            if let Value::Object(object) = &mut object {
                let named = public
                    .iter()
                    .map(|(_, name, key)| (name.clone(), Value::String(STANDARD.encode(key))));
                object.extend(named);
                object.insert("sealing".to_owned(), Value::Array(listed));
            }
            object
        },
        || {
            let sheet = public.iter().fold(Sheet::new(), |sheet, (name, _, key)| {
                sheet.field(name, STANDARD.encode(key))
            });
            sealing.iter().fold(sheet, |sheet, key| {
                sheet
                    .field("sealing.key_id", &key.key_id)
                    .field("sealing.public", STANDARD.encode(&key.public))
            })
        },
    )
}
