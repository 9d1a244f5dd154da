//! `directory`: who is in the network, as the file that the caller trusts says, and where messages
//! would go, as the node says.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::call::{self, Line};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::directory::{AgencyRecord, ContactPoint, Directory, Transit};
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::kinds::KindCode;
use crate::wire::{json, pb};

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
    /// Ask the node which way a message would take, and who could read it
    #[command(before_help = "Example: rogatory directory resolve \
                       pan.maritime-authority/flag-state-desk --kind SOM.8.2.VESSEL")]
    Resolve {
        /// Contact points, `agency/desk`
        #[arg(required = true, value_name = "DESK")]
        to: Vec<ContactPointId>,
        /// Kind of the request; it decides the channel
        #[arg(long, value_name = "CODE")]
        kind: KindCode,
    },
    /// Judge a directory's text: every fault at once
    #[command(before_help = "Example: rogatory directory check directory.toml")]
    Check {
        /// The file
        file: PathBuf,
    },
}

/// Does it.
///
/// # Errors
/// What is wrong with the directory, or what the node answers.
pub async fn run(verb: Verb, global: &Global, output: &Output) -> Result<()> {
    match verb {
        Verb::Show { shown: None } => show_all(&call::trusted_directory(global)?, output),
        Verb::Show { shown: Some(agency) } => {
            let directory = call::trusted_directory(global)?;
            let record = directory.agency(&agency).ok_or_else(|| {
                Failure::new(Exit::NotFound, format!("the directory does not know {agency}"))
            })?;
            show_one(&directory, record, output)
        }
        Verb::Resolve { to, kind } => resolve(&Line::open(global).await?, &to, kind, output).await,
        Verb::Check { file } => check(&file, output),
    }
}

fn check(path: &Path, output: &Output) -> Result<()> {
    let directory = call::read_directory(path)?;
    output.show(|| head(&directory), || head_sheet(&directory))
}

fn head(directory: &Directory) -> Value {
    json!({
        "network": directory.network().to_string(),
        "version": directory.version(),
        "hash": directory.hash().to_string(),
        "agency_count": directory.agencies().count(),
    })
}

fn head_sheet(directory: &Directory) -> Sheet {
    Sheet::new()
        .field("network", directory.network())
        .field("version", directory.version())
        .field("hash", directory.hash())
        .field("agencies", directory.agencies().count())
}

fn show_all(directory: &Directory, output: &Output) -> Result<()> {
    output.show(
        || {
            let mut object = head(directory);
            let agencies: Vec<Value> =
                directory.agencies().map(|it| to_json(directory, it)).collect();
            if let Value::Object(object) = &mut object {
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
            head_sheet(directory).table(header, rows)
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
                "languages": it.languages,
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
    let strings = |texts: Vec<String>| texts;
    json!({
        "agency": record.id.to_string(),
        "country": record.country,
        "transit": record.transit.map(Transit::as_str),
        "journals": strings(record.journals.iter().map(|it| it.name.to_string()).collect()),
        "sealing_keys": strings(record.sealing.iter().map(|it| it.key_id.clone()).collect()),
        "linked_with":
            strings(directory.neighbours(&record.id).iter().map(ToString::to_string).collect()),
        "contact_points": desks,
        "nodes": nodes,
    })
}

async fn resolve(
    line: &Line,
    to: &[ContactPointId],
    kind: KindCode,
    output: &Output,
) -> Result<()> {
    let asked = pb::ResolveRecipientsRequest {
        to: to.iter().map(ToString::to_string).collect(),
        kind: kind.to_string(),
    };
    let answer = line.client.resolve_recipients(asked).await?;
    output.list(
        || json::from_message(&answer),
        "recipients",
        || {
            let rows = answer.recipients.iter().map(|it| {
                [
                    it.contact_point.clone(),
                    it.name.clone(),
                    it.functions.join(" "),
                    it.languages.join(" "),
                    it.hours.clone(),
                    if it.route.is_empty() { "no route".to_owned() } else { it.route.join(" > ") },
                    it.readers.join(" "),
                ]
            });
            let header = ["desk", "name", "functions", "languages", "hours", "route", "readers"];
            Sheet::new().table(header, rows)
        },
    )
}
