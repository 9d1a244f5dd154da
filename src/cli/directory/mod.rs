//! `directory`: who is in the network, as the file that the caller trusts says, and where messages
//! would go, as the node says; and how a signed directory comes about and changes.
//!
//! What changes a directory works offline, on the files of a folder (`config/directory.rs`):
//! `propose.rs` makes a text, `sign.rs` puts signatures below it, `adopt.rs` lets it take its place.
//! `check.rs` judges one, `resolve.rs` asks the node.

mod adopt;
mod check;
pub(in crate::cli) mod propose;
mod resolve;
mod sign;
pub(in crate::cli) mod text;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::DirectoryFolder;
use crate::directory::{AgencyRecord, ContactPoint, Directory, Transit};
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;

/// What to do with the directory.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show the agencies of the network, or one with its desks and keys
    #[command(before_help = "Example: rogatory directory show pan.maritime-authority")]
    Show {
        /// The agency; all where none is given
        #[arg(value_name = "AGENCY")]
        shown: Option<AgencyId>,
    },
    /// Ask the node who is competent, is there, and which way a message would take
    #[command(
        before_help = "Example: rogatory directory resolve --country PAN --kind SOM.8.2.VESSEL"
    )]
    Resolve(resolve::Resolve),
    /// Judge a directory, or one text of it: every fault at once
    #[command(before_help = "Example: rogatory directory check /etc/rogatory/directory")]
    Check {
        /// The folder of a signed directory, or a file: a genesis, a roll, a record, an unsigned
        /// directory
        file: PathBuf,
    },
    /// Begin a network: its genesis, and a first roll to be signed
    #[command(
        before_help = "Example: rogatory directory init net/directory --network mla \\\n  \
                       --authority ita.pub --authority pan.pub --authority secretariat.pub",
        after_help = "An authority makes its key with: rogatory keys directory NAME FILE. The \
                      genesis goes to every node by hand; its hash is pinned in node.toml."
    )]
    Init(propose::Init),
    /// Write the next roll, or an agency's next record, to be signed
    #[command(
        before_help = "Example: rogatory directory propose net/directory --join per.pub",
        after_help = "Join: the agency makes a record key (rogatory keys directory AGENCY/record \
                      FILE), --join, sign, adopt; then it proposes its record with --record AGENCY \
                      --from FILE and signs it. Leave: --leave AGENCY. Emergency: --suspend AGENCY. \
                      All else is changed by hand in the proposed text."
    )]
    Propose(propose::Propose),
    /// Put a signature below a roll or a record
    #[command(
        before_help = "Example: rogatory directory sign net/directory/proposed/roll-2.toml --key \
                       ita.key",
        after_help = "The note stands beside the text, with the ending .note; who signs next names \
                      either of them."
    )]
    Sign {
        /// The text, or the note with the signatures so far
        file: PathBuf,
        /// The private key; its public half stands beside it, under the name with .pub
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Verify a directory from its genesis on, or whether a roll or record would be adopted now
    #[command(before_help = "Example: rogatory directory verify net/directory \
                       net/directory/proposed/roll-2.note")]
    Verify {
        /// The folder of the directory
        folder: PathBuf,
        /// A signed roll or record
        file: Option<PathBuf>,
        /// The genesis must have this hash
        #[arg(long, value_name = "HASH", value_parser = hash)]
        genesis: Option<Digest>,
    },
    /// Show what a roll or record changes of the one in force
    #[command(before_help = "Example: rogatory directory diff net/directory \
                       net/directory/proposed/roll-2.toml")]
    Diff {
        /// The folder of the directory
        folder: PathBuf,
        /// The roll or record, signed or not
        file: PathBuf,
    },
    /// Put a signed roll, a signed record or a revocation list in force, or all that another folder
    /// has that is newer
    #[command(
        before_help = "Example: rogatory directory adopt /etc/rogatory/directory \
                       net/directory/proposed/roll-2.note",
        after_help = "A node takes over what its folder has that is newer when it is told to read \
                      again (SIGHUP). What contradicts the version in force is refused, and kept \
                      in evidence/."
    )]
    Adopt {
        /// The folder of the directory
        folder: PathBuf,
        /// A signed roll or record, a revocation list, or another folder of the same network
        from: PathBuf,
        /// The genesis must have this hash; needed where the folder holds none yet
        #[arg(long, value_name = "HASH", value_parser = hash)]
        genesis: Option<Digest>,
    },
}

fn hash(text: &str) -> Result<Digest, &'static str> {
    let hash = hex::decode(text).ok().and_then(|bytes| Digest::from_slice(&bytes));
    hash.ok_or("a hash is 64 hexadecimal digits")
}

/// Does it.
///
/// # Errors
/// What is wrong with the directory, or what the node answers.
pub async fn run(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    match verb {
        Verb::Show { shown: None } => show_all(&call::trusted_path(global)?, output),
        Verb::Show { shown: Some(agency) } => {
            let directory = call::trusted_directory(global)?;
            let record = directory.agency(&agency).ok_or_else(|| {
                Failure::new(Exit::NotFound, format!("the directory does not know {agency}"))
            })?;
            show_one(&directory, record, output)
        }
        Verb::Resolve(asked) => resolve::resolve(&Line::open(global).await?, asked, output).await,
        Verb::Check { file } => check::run(&file, output),
        Verb::Init(asked) => propose::init(&asked, output),
        Verb::Propose(asked) => propose::propose(&asked, output),
        Verb::Sign { file, key } => sign::sign(&file, &key, output),
        Verb::Verify { folder, file, genesis } => {
            sign::verify(&folder, file.as_ref(), genesis, output)
        }
        Verb::Diff { folder, file } => adopt::diff(&folder, &file, output),
        Verb::Adopt { folder, from, genesis } => adopt::adopt(&folder, &from, genesis, output),
    }
}

fn head(directory: &Directory) -> Value {
    json!({
        "network": directory.network().to_string(),
        "version": directory.version(),
        "hash": directory.hash().to_string(),
        "issued_at": directory.issued_at().map(|it| it.to_string()),
        "agency_count": directory.agencies().count(),
    })
}

fn head_sheet(directory: &Directory) -> Sheet {
    Sheet::new()
        .field("network", directory.network())
        .field("version", directory.version())
        .field("hash", directory.hash())
        .field("issued", directory.issued_at().map(|it| it.to_string()).unwrap_or_default())
        .field("agencies", directory.agencies().count())
}

fn show_all(path: &Path, output: &Output) -> Result<()> {
    let directory = &call::read_directory(path)?;
    let confirmed = DirectoryFolder::at(path).confirmed();
    output.show(
        || {
            let mut object = head(directory);
            let agencies: Vec<Value> =
                directory.agencies().map(|it| to_json(directory, it)).collect();
            if let Value::Object(object) = &mut object {
                object.insert("confirmed_at".to_owned(), confirmed.map(|it| it.to_string()).into());
                object.insert("agencies".to_owned(), Value::Array(agencies));
            }
            object
        },
        || {
            let rows = directory.agencies().map(|it| {
                [
                    it.id.to_string(),
                    it.country.clone().unwrap_or_default(),
                    it.nodes.len().to_string(),
                    it.contact_points.len().to_string(),
                    it.transit.map(Transit::as_str).unwrap_or_default().to_owned(),
                    listed(directory.neighbours(&it.id)),
                ]
            });
            let header = ["agency", "country", "nodes", "desks", "transit", "linked with"];
            let sheet = head_sheet(directory);
            let sheet = match confirmed {
                Some(at) => sheet.field("confirmed by a peer", output.times().at(at)),
                None => sheet,
            };
            sheet.table(header, rows)
        },
    )
}

fn show_one(directory: &Directory, record: &AgencyRecord, output: &Output) -> Result<()> {
    output.show(
        || to_json(directory, record),
        || {
            let desks = record.contact_points.iter().map(|it| {
                [
                    it.id.to_string(),
                    it.name.clone(),
                    functions(it).join(" "),
                    it.languages.join(" "),
                    it.hours.as_str().to_owned(),
                ]
            });
            let nodes = record
                .nodes
                .iter()
                .map(|it| [it.name.clone(), it.peer_address.clone(), it.server_name.clone()]);
            Sheet::new()
                .field("agency", &record.id)
                .field("country", record.country.as_deref().unwrap_or_default())
                .field("transit", record.transit.map(Transit::as_str).unwrap_or_default())
                .field("journals", listed(record.journals.iter().map(|it| &it.name)))
                .field("sealing keys", listed(record.sealing.iter().map(|it| &it.key_id)))
                .field("linked with", listed(directory.neighbours(&record.id)))
                .table(["desk", "name", "functions", "languages", "hours"], desks)
                .table(["node", "peer address", "server name"], nodes)
        },
    )
}

fn functions(desk: &ContactPoint) -> Vec<&'static str> {
    desk.functions.iter().map(|it| it.as_str()).collect()
}

fn listed<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|it| it.to_string()).collect::<Vec<_>>().join(" ")
}

fn to_json(directory: &Directory, record: &AgencyRecord) -> Value {
    let desks: Vec<Value> = record
        .contact_points
        .iter()
        .map(|it| {
            json!({
                "id": it.id.to_string(),
                "name": it.name,
                "functions": functions(it),
                "languages": &it.languages[..],
                "hours": it.hours.as_str(),
            })
        })
        .collect();
    let nodes: Vec<Value> = record
        .nodes
        .iter()
        .map(|it| {
            json!({
                "name": it.name,
                "peer_address": it.peer_address,
                "server_name": it.server_name,
            })
        })
        .collect();
    let strings = |texts: &mut dyn Iterator<Item = String>| texts.collect::<Vec<_>>();
    json!({
        "agency": record.id.to_string(),
        "country": record.country,
        "transit": record.transit.map(Transit::as_str),
        "journals": strings(&mut record.journals.iter().map(|it| it.name.to_string())),
        "sealing_keys": strings(&mut record.sealing.iter().map(|it| it.key_id.clone())),
        "linked_with":
            strings(&mut directory.neighbours(&record.id).iter().map(ToString::to_string)),
        "contact_points": desks,
        "nodes": nodes,
    })
}
