//! `node`: run a node, and look after it.
//!
//! In comes a configuration file, or a node to ask. `run.rs` serves until told to stop, and with
//! `setting.rs` is the only place that opens a node's stores and keys for good. `store.rs` looks at
//! a store while no node has it: `check` on a copy, in a process of its own, because an engine that
//! meets damage may end its process (`verify.rs`); `rebuild` in place. `migrate.rs` brings a store of
//! an older format to this one, on a copy. `ask.rs` asks a node that runs, `queue.rs` what it owes;
//! `health.rs` its operations listener; `peer.rs` tries the contact with its peers. `reload.rs` reads
//! again and takes over while a node runs, `followed.rs` keeps the directory that it follows. `publish.rs` keeps the journal's files for auditors while a node runs.
//! `salvage.rs` and `restore.rs` make new stores, out of a damaged one and out of backups, in
//! processes of their own (`apart.rs`); `backup.rs` takes backups from a node that runs. `volume.rs`
//! lets a journal go on where it is behind.
//!
//! What always holds: a check changes nothing that it checks; a store is opened by one process; a
//! new store takes its place when it is whole, or not at all; a process whose store failed or stands
//! still ends with status 74 (`ending.rs`).

pub mod apart;
pub mod ask;
pub mod backup;
pub mod ending;
pub(in crate::cli) mod health;
mod migrate;
mod followed;
mod peer;
mod publish;
pub mod queue;
mod reload;
pub mod restore;
pub mod rotation;
pub mod own_keys;
pub mod run;
pub mod salvage;
mod seal;
pub mod setting;
pub mod settled;
pub mod store;
pub mod verify;
mod volume;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::args::Global;
use crate::cli::call::Line;
use crate::cli::output::Output;
use crate::domain::ids::{AgencyId, JournalName};

/// What to do with a node.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Serve until SIGTERM or SIGINT; SIGHUP reads certificates and revocation lists again
    #[command(before_help = "Example: rogatory node run --config node.toml")]
    Run(Configured),
    /// Judge or show a configuration
    Config {
        /// The verb.
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Verify the store of a node that does not run: entries, hashes, checkpoints, statements,
    /// sealed content, and all that follows from the entries
    #[command(
        before_help = "Example: rogatory node check --config node.toml",
        after_help = "A copy is checked, which needs as much free disk as the store has; the store \
                      itself stays as it is. Exit code 7 names the first fault."
    )]
    Check {
        /// Whose store.
        #[command(flatten)]
        configured: Configured,
        /// Where the copy is made; beside the store where none is given
        #[arg(long, value_name = "DIR")]
        copy_to: Option<PathBuf>,
        /// This is the copy.
        #[arg(long, value_name = "DIR", hide = true, conflicts_with = "copy_to")]
        opened: Option<PathBuf>,
    },
    /// Drop everything that follows from the journal, and make it again
    #[command(before_help = "Example: rogatory node rebuild --config node.toml")]
    Rebuild(Configured),
    /// Bring the store of a node that does not run to the format of this program
    #[command(
        before_help = "Example: rogatory node migrate --config node.toml --check",
        after_help = "A copy is migrated and checked, which needs as much free disk as the store \
                      has; then the two change places, and the store as it was stays beside it."
    )]
    Migrate {
        /// Whose store.
        #[command(flatten)]
        configured: Configured,
        /// What to do
        #[command(flatten)]
        wish: MigrateWish,
    },
    /// Write all that verifies in a damaged store into a new one, and list exactly what is lost
    #[command(
        before_help = "Example: rogatory node salvage --config node.toml --to /srv/new-store",
        after_help = "The damaged store is copied and never written. DIR gets the new store, and \
                      DIR.lost.json the list. Exit code 7 if anything is lost."
    )]
    Salvage {
        /// Whose store.
        #[command(flatten)]
        configured: Configured,
        /// The folder of the new store; at most an empty one stands there
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// This is the copy.
        #[arg(long, value_name = "DIR", hide = true, requires = "at")]
        opened: Option<PathBuf>,
        /// What is read next is noted here.
        #[arg(long, value_name = "FILE", hide = true)]
        at: Option<PathBuf>,
        /// What is not read, one a line.
        #[arg(long, value_name = "UNITS", hide = true, default_value = "")]
        leave_out: String,
    },
    /// Take a backup from a running node, sealed to its backup key; or verify backups
    #[command(
        before_help = "Example: rogatory node backup --context rome-operator 2026-11-25.backup",
        after_help = "--since makes an increment. To verify, away from the node:\n  \
                      rogatory node backup --verify --key backup.key full.backup next.backup"
    )]
    Backup(backup::Asked),
    /// Make the store of a node anew out of backups
    #[command(
        before_help = "Example: rogatory node restore --config node.toml --key b.key full.backup",
        after_help = "The data folder must be empty or missing. Nothing is written there unless \
                      everything holds."
    )]
    Restore {
        /// Whose store.
        #[command(flatten)]
        configured: Configured,
        /// What it is made of.
        #[command(flatten)]
        from: restore::From,
        /// It is built here.
        #[arg(long, value_name = "DIR", hide = true)]
        into: Option<PathBuf>,
    },
    /// Let the journal of a node that does not run, and is behind what was seen of it, go on in a new volume
    #[command(
        before_help = "Example: rogatory node new-volume --config node.toml --by duty-1",
        after_help = "Shows what the directory must name then. The node asks its neighbours for what \
                      was lost, once their operators have confirmed the volume. The same call shows \
                      the same again."
    )]
    NewVolume {
        /// Whose journal.
        #[command(flatten)]
        configured: Configured,
        /// The operator who decides it, by the name in the certificate; it stands in the entry
        #[arg(long, value_name = "NAME")]
        by: String,
        /// A neighbour that is gone for good and can't be asked
        #[arg(long, value_name = "AGENCY")]
        gone: Vec<AgencyId>,
    },
    /// Confirm to a node that the journal of another agency goes on in a new volume
    #[command(
        before_help = "Example: rogatory node confirm-volume --context rome-operator \
                       pan.maritime-authority/journal/2",
        after_help = "Ask the agency first, by another way than this network."
    )]
    ConfirmVolume {
        /// The volume, as the directory names it
        journal: JournalName,
    },
    /// Ask a node which messages it lost with an earlier volume of its journal
    #[command(before_help = "Example: rogatory node lost --context rome-operator")]
    Lost,
    /// Try the contact with a peer
    Peer {
        /// The verb.
        #[command(subcommand)]
        verb: peer::Verb,
    },
    /// Ask a node how it stands with its neighbours
    #[command(before_help = "Example: rogatory node peers --context rome-operator")]
    Peers,
    /// Ask a node how long its certificates last, whose revocation lists are late, and whether
    /// what it read last was taken
    #[command(before_help = "Example: rogatory node status --context rome-operator")]
    Status,
    /// Ask a node what it owes, where it is and who must act; decide about what was set aside
    #[command(before_help = "Example: rogatory node queue --context rome-operator")]
    Queue(queue::Asked),
    /// Let a node take nothing new while it hands over what it has, or take again
    #[command(
        before_help = "Example: rogatory node drain on --wait 10m --context rome-operator",
        after_help = "It lasts until it is ended, also when the node starts again. Without on or off \
                      it is said how it stands."
    )]
    Drain(queue::Draining),
    /// Ask whether a node serves, at its operations listener; exit code 7 if it does not
    #[command(before_help = "Example: rogatory node health --config node.toml")]
    Health {
        /// The node's configuration, which names the listener
        #[arg(long, value_name = "FILE", required_unless_present = "operations")]
        config: Option<PathBuf>,
        /// The listener itself
        #[arg(long, value_name = "HOST:PORT", conflicts_with = "config")]
        operations: Option<String>,
    },
}

/// Look, or do it.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct MigrateWish {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub check: bool,
    /// Do it
    #[arg(long)]
    pub apply: bool,
}

/// Names a configuration.
#[derive(Debug, Clone, Args)]
pub struct Configured {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// What to do with a configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Judge a configuration and what it names: every fault at once
    #[command(before_help = "Example: rogatory node config check --config node.toml")]
    Check {
        /// Which one.
        #[command(flatten)]
        configured: Configured,
        /// Judge the text alone, and not the files that it names
        #[arg(long)]
        text_only: bool,
    },
    /// Show every key with the value that is in force
    #[command(before_help = "Example: rogatory node config show --config node.toml")]
    Show(Configured),
}

/// Does it.
///
/// # Errors
/// What the verb says.
pub fn run(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    match verb {
        Verb::Run(Configured { config }) => run::run(&config),
        Verb::Config { verb: ConfigVerb::Check { configured, text_only } } => {
            settled::check(&configured.config, text_only, output)
        }
        Verb::Config { verb: ConfigVerb::Show(Configured { config }) } => {
            settled::show(&config, output)
        }
        Verb::Check { configured, opened: Some(copy), .. } => {
            verify::check_copy(&configured.config, &copy, output)
        }
        Verb::Check { configured, copy_to, opened: None } => {
            store::check(&configured.config, copy_to.as_deref(), output)
        }
        Verb::Rebuild(Configured { config }) => store::rebuild(&config, output),
        Verb::Migrate { configured, wish } => migrate::run(&configured.config, wish.apply, output),
        Verb::Salvage { configured, to, opened, at, leave_out } => match (&opened, &at) {
            (Some(copy), Some(at)) => {
                let told = salvage::Told { copy, to: &to, at, leave_out: &leave_out };
                salvage::read_copy(&configured.config, &told, output)
            }
            _ => salvage::run(&configured.config, &to, output),
        },
        Verb::Backup(asked) if asked.verify => backup::verify(&asked, global, output),
        Verb::Backup(asked) => super::wait(backup::take(&asked, global, output)),
        Verb::Restore { configured, from, into: Some(into) } => {
            restore::build(&configured.config, &into, &from, output)
        }
        Verb::Restore { configured, from, into: None } => {
            restore::run(&configured.config, &from, output)
        }
        Verb::NewVolume { configured, by, gone } => {
            volume::begin(&configured.config, &by, &gone, output)
        }
        Verb::ConfirmVolume { journal } => super::wait(async {
            volume::confirm(&Line::open(global).await?, &journal, output).await
        }),
        Verb::Lost => super::wait(async { volume::lost(&Line::open(global).await?, output).await }),
        Verb::Peer { verb: peer::Verb::Test { peer, configured } } => {
            super::wait(peer::test(&configured.config, peer, output))
        }
        Verb::Peers => super::wait(async { ask::peers(&Line::open(global).await?, output).await }),
        Verb::Status => {
            super::wait(async { ask::status(&Line::open(global).await?, output).await })
        }
        Verb::Queue(asked) => {
            super::wait(async { queue::run(&Line::open(global).await?, asked, output).await })
        }
        Verb::Drain(asked) => {
            super::wait(async { queue::drain(&Line::open(global).await?, &asked, output).await })
        }
        Verb::Health { config, operations } => {
            super::wait(health::run(config.as_deref(), operations, output))
        }
    }
}
