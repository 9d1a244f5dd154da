//! A network that was left running: `network.json` for scripts, and the end of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::cli::demo::network::Network;
use crate::cli::demo::processes::{self, LOOK_INTERVAL, Nodes, STOP_TIME_MAX};
use crate::cli::demo::{folder, say::Teller};
use crate::cli::exit::{Exit, Failure};
use crate::domain::ids::AgencyId;
use crate::identity::Role;

/// Name of the file in the network's folder.
pub(super) const NETWORK_FILE: &str = "network.json";

/// What scripts need to know of a network that runs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptNetwork {
    /// The network's name.
    pub(super) network: String,
    /// The directory's text.
    pub(super) directory: PathBuf,
    /// What XDG_CONFIG_HOME must be for the contexts to be found by name.
    pub(super) config_home: PathBuf,
    /// Opens every PKCS#12 file of the network.
    pub(super) pkcs12_password: String,
    /// The agencies that run a node.
    pub(super) agencies: BTreeMap<AgencyId, KeptAgency>,
}

/// One agency.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptAgency {
    /// Process id of its node.
    pub(super) pid: u32,
    /// Its node's configuration.
    pub(super) config: PathBuf,
    /// What its node writes about itself.
    pub(super) log: PathBuf,
    /// Where its node listens: host and port by `agency`, `peers`, `operations`.
    pub(super) listeners: BTreeMap<String, String>,
    /// Its root certificate, PEM.
    pub(super) ca: PathBuf,
    /// Its authority's private key, PEM.
    pub(super) ca_key: PathBuf,
    /// Its desk.
    pub(super) contact_point: String,
    /// Its certificates by role: `officer`, `service`, `auditor`, `operator`, `node`.
    pub(super) roles: BTreeMap<String, KeptCaller>,
}

/// One certificate.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptCaller {
    /// The name in it.
    pub(super) id: String,
    /// Certificate, PEM.
    pub(super) certificate: PathBuf,
    /// Private key, PEM.
    pub(super) key: PathBuf,
    /// Both and the root, PKCS#12.
    pub(super) p12: PathBuf,
    /// File of the context; absent for nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<PathBuf>,
    /// Name of the context; absent for nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context_name: Option<String>,
}

impl KeptNetwork {
    /// Describes a network whose nodes run.
    pub(super) fn of(network: &Network, nodes: &Nodes, pkcs12_password: &str) -> Self {
        let pids: BTreeMap<_, _> = nodes.ids().collect();
        let contexts = network.contexts_home().join("contexts");
        let agencies = network.places.iter().filter_map(|place| {
            let address = |name: &str, at: std::net::SocketAddr| (name.to_owned(), at.to_string());
            let listen = &place.listen;
            let caller = |(role, caller): (&Role, &crate::cli::demo::agency::Caller)| {
                let context = caller.context.clone();
                let kept = KeptCaller {
                    id: caller.id.clone(),
                    certificate: caller.certificate.clone(),
                    key: caller.key.clone(),
                    p12: caller.pkcs12.clone(),
                    context: context.as_ref().map(|it| contexts.join(format!("{it}.toml"))),
                    context_name: context,
                };
                (role.to_string(), kept)
            };
            let kept = KeptAgency {
                pid: *pids.get(&place.agency)?,
                config: place.config.clone(),
                log: place.log.clone(),
                listeners: BTreeMap::from([
                    address("agency", listen.agency),
                    address("peers", listen.peers),
                    address("operations", listen.operations),
                ]),
                ca: place.ca.clone(),
                ca_key: place.ca_key.clone(),
                contact_point: place.desk.to_string(),
                roles: place.callers.iter().map(caller).collect(),
            };
            Some((place.agency.clone(), kept))
        });
        Self {
            network: network.id.to_string(),
            directory: network.directory_path.clone(),
            config_home: network.folder.clone(),
            pkcs12_password: pkcs12_password.to_owned(),
            agencies: agencies.collect(),
        }
    }

    /// Writes `network.json`.
    ///
    /// # Errors
    /// What the file system said.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("writing network.json")?;
        folder::write(&folder.join(NETWORK_FILE), text + "\n")
    }

    /// Reads `network.json`.
    ///
    /// # Errors
    /// If no demo network was kept there.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NETWORK_FILE);
        let shown = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::new(Exit::NotFound, format!("no demo network: {shown}: {error}"))
        })?;
        serde_json::from_str(&text).with_context(|| format!("{shown} is not what demo wrote"))
    }
}

/// Ends the nodes of a network that was kept in `folder`, and leaves the folder.
///
/// A process is ended only if its command line is that of the node: its id may belong to another
/// by now. A node that was started again with the same configuration is found and ended too.
///
/// # Errors
/// If no network was kept there, or a node does not end.
pub(super) async fn stop(path: &Path, teller: &Teller) -> Result<()> {
    let network = KeptNetwork::read(path)?;
    let configs: BTreeMap<&Path, &AgencyId> =
        network.agencies.iter().map(|(id, it)| (it.config.as_path(), id)).collect();
    let mut found = Vec::new();
    for pid in process_ids()? {
        if let Some(agency) = config_of(pid).and_then(|it| configs.get(it.as_path()).copied()) {
            found.push((agency, pid));
        }
    }
    let ended = join_all(found.iter().map(|(_, pid)| end(*pid))).await;
    for ((agency, pid), ended) in found.iter().zip(ended) {
        ended.with_context(|| format!("the node of {agency}, process {pid}"))?;
        teller.line(format!("ended   {agency} (process {pid})"));
    }
    let ran: Vec<&AgencyId> = found.iter().map(|(agency, _)| *agency).collect();
    for agency in network.agencies.keys().filter(|it| !ran.contains(it)) {
        teller.line(format!("no node {agency} (it had ended)"));
    }
    let mut ended: Vec<String> = ran.iter().map(ToString::to_string).collect();
    ended.sort();
    teller.object(&serde_json::json!({ "ended": ended }));
    Ok(())
}

async fn end(pid: u32) -> Result<()> {
    let gone = async {
        while config_of(pid).is_some() {
            sleep(LOOK_INTERVAL).await;
        }
    };
    processes::terminate(pid).await?;
    if timeout(STOP_TIME_MAX, gone).await.is_ok() || config_of(pid).is_none() {
        return Ok(());
    }
    processes::signal(pid, "KILL").await
}

fn process_ids() -> Result<Vec<u32>> {
    let entries = std::fs::read_dir("/proc")
        .map_err(|error| anyhow!("the processes cannot be looked at (/proc: {error})"))?;
    let names = entries.filter_map(|it| it.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|it| it.parse().ok()).collect())
}

/// The configuration of the node that a process is; none for any other process.
fn config_of(pid: u32) -> Option<PathBuf> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments: Vec<&str> =
        line.split(|it| *it == 0).filter_map(|it| std::str::from_utf8(it).ok()).collect();
    match arguments.as_slice() {
        [_, "node", "run", "--config", config, ..] => Some(PathBuf::from(config)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_no_node_is_left_alone() {
        assert_eq!(config_of(std::process::id()), None);
        assert!(process_ids().unwrap().contains(&std::process::id()));
    }

    #[test]
    fn a_folder_without_a_network_is_said_to_have_none() {
        let home = tempfile::tempdir().unwrap();
        let error = KeptNetwork::read(home.path()).unwrap_err();
        assert_eq!(crate::cli::exit::code_of(&error), Exit::NotFound);
    }
}
