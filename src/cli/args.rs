//! The command line's definition: nouns, and the flags that every verb knows.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cli::output::{Color, Format};
use crate::cli::times::TimeFormat;
use crate::cli::{
    audit, context, demo, directory, inbox, keys, kinds, node, pki, request, transit,
};
use crate::config::context::Context;
use crate::domain::ids::{AgencyId, ContactPointId};

const AFTER_HELP: &str = "\
Begin with `rogatory demo`. Exit codes: `rogatory help exit-codes`.
A flag beats the environment, the environment beats the context, the context beats the default.";

/// Exchanges requests for mutual assistance between agencies, with proof at every station.
#[derive(Debug, Parser)]
#[command(
    name = "rogatory",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    infer_subcommands = false,
    after_help = AFTER_HELP
)]
pub struct Arguments {
    /// What every verb knows.
    #[command(flatten)]
    pub global: Global,
    /// The noun.
    #[command(subcommand)]
    pub noun: Noun,
}

/// Flags that every verb knows.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// The context to use [ROGATORY_CONTEXT]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Node and caller")]
    pub context: Option<String>,
    /// Host and port of the node's agency listener [ROGATORY_ADDRESS]
    #[arg(long, global = true, value_name = "HOST:PORT", help_heading = "Node and caller")]
    pub address: Option<String>,
    /// The agency whose node must answer there [ROGATORY_AGENCY]
    #[arg(long, global = true, value_name = "AGENCY", help_heading = "Node and caller")]
    pub agency: Option<AgencyId>,
    /// The caller's certificate, PEM [ROGATORY_CERTIFICATE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Node and caller")]
    pub tls_cert: Option<PathBuf>,
    /// The caller's private key, PEM [ROGATORY_KEY]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Node and caller")]
    pub tls_key: Option<PathBuf>,
    /// The agency's root certificates, PEM, where there is no directory [ROGATORY_ROOTS]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Node and caller",
        conflicts_with = "directory"
    )]
    pub tls_ca: Option<PathBuf>,
    /// The directory against which nodes and proofs are checked [ROGATORY_DIRECTORY]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Node and caller")]
    pub directory: Option<PathBuf>,
    /// The caller's desk, `agency/desk` [ROGATORY_CONTACT_POINT]
    #[arg(long, global = true, value_name = "DESK", help_heading = "Node and caller")]
    pub contact_point: Option<ContactPointId>,
    /// In which form data is printed
    #[arg(
        short = 'o',
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "text|json|jsonl|none",
        help_heading = "Output"
    )]
    pub output: Format,
    /// How times are shown; relative on a terminal, iso in a pipe
    #[arg(
        long,
        global = true,
        value_enum,
        hide_possible_values = true,
        value_name = "relative|iso",
        help_heading = "Output"
    )]
    pub time_format: Option<TimeFormat>,
    /// Show times in UTC and not in the zone of this machine
    #[arg(long, global = true, help_heading = "Output")]
    pub utc: bool,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "auto|always|never",
        help_heading = "Output"
    )]
    pub color: Color,
}

impl Global {
    /// What the flags say of node and caller.
    pub fn said(&self) -> Context {
        Context {
            address: self.address.clone(),
            agency: self.agency.clone(),
            certificate: self.tls_cert.clone(),
            key: self.tls_key.clone(),
            directory: self.directory.clone(),
            roots: self.tls_ca.clone(),
            contact_point: self.contact_point.clone(),
        }
    }
}

/// What there is to do something with.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Send requests and follow them
    Request {
        /// The verb.
        #[command(subcommand)]
        verb: request::Verb,
    },
    /// See, take, read and answer what came in
    Inbox {
        /// The verb.
        #[command(subcommand)]
        verb: inbox::Verb,
    },
    /// Look at what passes through a reviewing agency: let it go on, or give it back
    Transit {
        /// The verb.
        #[command(subcommand)]
        verb: transit::Verb,
    },
    /// Replay journals and verify what they prove
    Audit {
        /// The verb.
        #[command(subcommand)]
        verb: audit::Verb,
    },
    /// Who is in the network
    Directory {
        /// The verb.
        #[command(subcommand)]
        verb: directory::Verb,
    },
    /// What can be asked for
    Kinds {
        /// The verb.
        #[command(subcommand)]
        verb: kinds::Verb,
    },
    /// Name a node and a caller once, use them by name
    Context {
        /// The verb.
        #[command(subcommand)]
        verb: context::Verb,
    },
    /// Make and look at certificates
    Pki {
        /// The verb.
        #[command(subcommand)]
        verb: pki::Verb,
    },
    /// Make a node's private keys
    Keys {
        /// The verb.
        #[command(subcommand)]
        verb: keys::Verb,
    },
    /// Run a node, and look after it
    Node {
        /// The verb.
        #[command(subcommand)]
        verb: node::Verb,
    },
    /// Make a throw-away network on this machine and play a case on it
    #[command(before_help = "Example: rogatory demo")]
    Demo(demo::Options),
    /// Print completions for a shell
    #[command(before_help = "Example: rogatory completions bash > \
                       ~/.local/share/bash-completion/completions/rogatory")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all of them into a folder
    #[command(before_help = "Example: rogatory man --folder ~/.local/share/man/man1")]
    Man {
        /// Writes one page for each command into this folder
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Print help for a command, or the exit codes
    #[command(before_help = "Example: rogatory help exit-codes")]
    Help {
        /// A command such as `request send`, or `exit-codes`
        topic: Vec<String>,
    },
}
