//! A throw-away network: its agencies, its directory, and where everything stands.
//!
//! All agencies of the worked examples stand in the directory with their contact points; those that
//! take part in the run have a node, keys and one link, with the hub. So every message crosses it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use futures::future::try_join_all;
use serde::Deserialize;

use crate::cli::demo::agency::{self, Place};
use crate::cli::demo::authorities::Ceremony;
use crate::directory::{
    AgencyRecord, ContactPoint, Directory, DirectoryDraft, Hours, Link, OfficeHours, Transit,
    write::to_toml,
};
use crate::domain::competence::Function;
use crate::domain::ids::{AgencyId, ContactPointId, NetworkId};
use crate::entropy::{self, SystemEntropy};

/// The agencies of the worked examples.
const AGENCIES: &str = include_str!("../../../config/demo/network.json");
/// Every message crosses this agency's node.
pub const HUB: &str = "int.liaison-hub";
/// The network's name.
const NETWORK: &str = "demo";
/// Where free ports are looked for: below those that systems give to outgoing connections, so that
/// a node that starts again finds its port free.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports that a process takes for itself at a time; the first of them stays bound while it runs.
const PORTS_TAKEN: u16 = 64;

#[derive(Deserialize)]
struct AgencyList {
    agencies: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    agency: AgencyId,
    country: Option<String>,
    contact_points: Vec<ListedDesk>,
    transit: Option<String>,
}

#[derive(Deserialize)]
struct ListedDesk {
    address: String,
    name: String,
    functions: Vec<String>,
    languages: Vec<String>,
    hours: String,
}

/// A network that was made and can be started.
pub struct Network {
    /// Its name.
    pub id: NetworkId,
    /// The folder of everything.
    pub folder: PathBuf,
    /// The folder of the signed directory.
    pub directory_path: PathBuf,
    /// The same, read.
    pub directory: Arc<Directory>,
    /// The agencies that run a node.
    pub places: Vec<Place>,
}

impl Network {
    /// The agency of that name, which must run a node.
    ///
    /// # Errors
    /// If it runs none.
    pub fn place(&self, agency: &AgencyId) -> Result<&Place> {
        let found = self.places.iter().find(|it| it.agency == *agency);
        found.ok_or_else(|| anyhow!("{agency} runs no node"))
    }

    /// The folder that holds `contexts/`: what XDG_CONFIG_HOME/rogatory is to a person.
    pub(super) fn contexts_home(&self) -> PathBuf {
        self.folder.join("rogatory")
    }
}

/// Every agency of the worked examples.
///
/// # Errors
/// If the list that was built in does not read.
pub(super) fn all_agencies() -> Result<BTreeSet<AgencyId>> {
    Ok(listed()?.into_iter().map(|it| it.agency).collect())
}

fn listed() -> Result<Vec<Listed>> {
    listed_in(AGENCIES)
}

fn listed_in(text: &str) -> Result<Vec<Listed>> {
    let list: AgencyList = serde_json::from_str(text).context("the list of agencies")?;
    Ok(list.agencies)
}

/// A directory of the desks in a list of agencies in the form of `config/demo/network.json`: who is
/// competent for what, in which languages, without nodes.
///
/// # Errors
/// If the list does not read, or a desk of it is not well formed.
pub fn desks(text: &str) -> Result<Directory> {
    let agencies = listed_in(text)?.into_iter().map(record_of).collect::<Result<_>>()?;
    directory(&DirectoryDraft {
        network: NETWORK.parse()?,
        version: 1,
        agencies,
        links: Vec::new(),
    })
}

fn directory(draft: &DirectoryDraft) -> Result<Directory> {
    Directory::parse(&to_toml(draft)).map_err(|faults| {
        let faults: Vec<String> =
            faults.iter().map(|it| format!("{}: {}", it.path, it.problem)).collect();
        anyhow!("the directory that was made has faults: {}", faults.join("; "))
    })
}

/// Makes a network in `folder`: everything but running nodes.
///
/// # Errors
/// What the file system said; anything that does not fit together.
pub async fn make(folder: &Path, running: &BTreeSet<AgencyId>) -> Result<Network> {
    make_between(folder, running, &BTreeSet::from([HUB.parse()?])).await
}

/// The same with these hubs, which pass on without reading unless they are listed as reviewing: every other agency that runs a node has a
/// link with each hub that does, and so as many ways to the others.
///
/// # Errors
/// As [`make`].
pub async fn make_between(
    folder: &Path,
    running: &BTreeSet<AgencyId>,
    hubs: &BTreeSet<AgencyId>,
) -> Result<Network> {
    let ends = |hub: &AgencyId| {
        let hub = hub.clone();
        running.difference(hubs).map(move |it| (it.clone(), hub.clone()))
    };
    let links: Vec<_> = hubs.intersection(running).flat_map(ends).collect();
    make_linked(folder, running, hubs, &links).await
}

/// The same with links between these only.
///
/// # Errors
/// As [`make`].
pub async fn make_linked(
    folder: &Path,
    running: &BTreeSet<AgencyId>,
    hubs: &BTreeSet<AgencyId>,
    links: &[(AgencyId, AgencyId)],
) -> Result<Network> {
    let id: NetworkId = NETWORK.parse()?;
    let directory_path = folder.join("directory");
    let keys = folder.join("directory-keys");
    let ceremony = Ceremony::begin(id.clone(), &directory_path, keys)?;
    let mut ports = free_ports(running.len().saturating_mul(3))?.into_iter();
    let mut records = Vec::new();
    let mut making = Vec::new();
    for listed in listed()? {
        let mut record = record_of(listed)?;
        if hubs.contains(&record.id) {
            record.transit.get_or_insert(Transit::Blind);
        }
        if running.contains(&record.id) {
            let mut next = || ports.next().context("there are too few free ports");
            let site = agency::Site {
                network: id.clone(),
                folder: folder.join(record.id.as_str()),
                contexts_home: folder.join("rogatory"),
                directory: directory_path.clone(),
                genesis: ceremony.genesis(),
                listen: [next()?, next()?, next()?],
            };
            making.push(tokio::task::spawn_blocking(move || agency::make(record, site)));
        } else {
            records.push(record);
        }
    }
    let mut places = Vec::new();
    for made in try_join_all(making).await? {
        let (record, place) = made?;
        records.push(record);
        places.push(place);
    }
    // A link stands only where both ends name it.
    let links = links.iter().map(|(a, b)| Link::between(a.clone(), b.clone())).collect();
    let draft = DirectoryDraft { network: id.clone(), version: 1, agencies: records, links };
    let directory = Arc::new(ceremony.sign(&draft)?);
    Ok(Network { id, folder: folder.to_owned(), directory_path, directory, places })
}

fn record_of(listed: Listed) -> Result<AgencyRecord> {
    let desks = listed.contact_points.into_iter().map(desk_of);
    let transit = match listed.transit.as_deref() {
        None => None,
        Some("blind") => Some(Transit::Blind),
        Some("reviewing") => Some(Transit::Reviewing),
        Some(other) => return Err(anyhow!("{other} is no transit")),
    };
    Ok(AgencyRecord {
        id: listed.agency,
        country: listed.country,
        roots: Vec::new(),
        issuing: Vec::new(),
        crls: Vec::new(),
        journals: Vec::new(),
        witness: None,
        sealing: Vec::new(),
        nodes: Vec::new(),
        contact_points: desks.collect::<Result<_>>()?,
        transit,
    })
}

fn desk_of(listed: ListedDesk) -> Result<ContactPoint> {
    let id: ContactPointId = listed.address.parse()?;
    let functions = listed.functions.iter().map(|word| {
        let known = Function::ALL.iter().find(|it| it.as_str() == word);
        known.copied().ok_or_else(|| anyhow!("{word} is no function of {id}"))
    });
    let functions = functions.collect::<Result<_>>()?;
    let hours = match listed.hours.as_str() {
        "24/7" => Hours::Always,
        "office" => Hours::Office(OfficeHours::default()),
        other => return Err(anyhow!("{other} are no hours of {id}")),
    };
    Ok(ContactPoint { id, name: listed.name, functions, languages: listed.languages.into(), hours })
}

/// Ports that no other process takes for its networks, and those of them not given away yet.
#[derive(Default)]
struct Taken {
    /// The first port of each block, bound until the process ends: who finds one bound takes
    /// another block.
    bound: Vec<TcpListener>,
    free: std::ops::Range<u16>,
}

impl Taken {
    /// The next port that nobody listens on; `None` once every block is taken.
    fn next(&mut self) -> Option<SocketAddr> {
        loop {
            let Some(port) = self.free.next() else {
                self.take_block()?;
                continue;
            };
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if TcpListener::bind(address).is_ok() {
                return Some(address);
            }
        }
    }

    /// Takes a block that no process holds, looked for from a random one on.
    fn take_block(&mut self) -> Option<()> {
        let blocks = (PORTS.end - PORTS.start) / PORTS_TAKEN;
        let begin = u16::from_be_bytes(entropy::bytes(&SystemEntropy)) % blocks;
        let (first, listener) = (begin..blocks).chain(0..begin).find_map(|block| {
            let first = PORTS.start + block * PORTS_TAKEN;
            TcpListener::bind((Ipv4Addr::LOCALHOST, first)).ok().map(|it| (first, it))
        })?;
        self.bound.push(listener);
        self.free = first + 1..first + PORTS_TAKEN;
        Some(())
    }
}

/// Loopback addresses with free ports, each given once by this process and by no other one while
/// this one runs. With every block taken the system gives the ports.
fn free_ports(count: usize) -> Result<Vec<SocketAddr>> {
    static TAKEN: Mutex<Taken> = Mutex::new(Taken { bound: Vec::new(), free: 0..0 });
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found: Vec<SocketAddr> = std::iter::from_fn(|| taken.next()).take(count).collect();
    let mut bound = Vec::new();
    while found.len() < count {
        bound.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?);
        found.push(bound[bound.len() - 1].local_addr()?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_differ() {
        let found = free_ports(60).unwrap();
        let distinct: BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), distinct.len()), (60, 60));
        assert!(found.iter().all(|it| it.ip().is_loopback() && it.port() != 0));
        // Those of a network that has not started yet go to no other one.
        let others = free_ports(60).unwrap();
        assert!(others.iter().all(|it| !distinct.contains(it)), "{others:?}");
    }

    #[test]
    fn ports_of_two_processes_differ_before_anything_listens() {
        // What another process would hold: the same rules with a memory of its own.
        let mut one = Taken::default();
        let mut other = Taken::default();
        let mut given = BTreeSet::new();
        for _ in 0..200 {
            assert!(given.insert(one.next().unwrap()));
            assert!(given.insert(other.next().unwrap()));
        }
    }

    #[test]
    fn every_listed_agency_becomes_a_record() {
        let records: Vec<_> = listed().unwrap().into_iter().map(record_of).collect();
        assert_eq!(records.len(), 18);
        assert!(records.iter().all(Result::is_ok));
        assert_eq!(all_agencies().unwrap().len(), 18);
        let directory = desks(AGENCIES).unwrap();
        assert_eq!(directory.agencies().count(), 18);
        let desk = "pan.maritime-authority/flag-state-desk".parse().unwrap();
        let desk = directory.contact_point(&desk).unwrap();
        assert_eq!(*desk.functions, [Function::FlagStateAuthority]);
        assert!(desks("{}").is_err() && desks(&AGENCIES.replace("pan.", "PAN.")).is_err());
    }

    #[test]
    fn a_network_has_a_way_through_the_hub_between_its_running_agencies() {
        use crate::domain::header::Channel;
        let home = tempfile::tempdir().unwrap();
        let agencies = ["ita.coast-guard", "int.liaison-hub", "pan.maritime-authority"];
        let [ita, hub, pan]: [AgencyId; 3] = agencies.map(|it| it.parse().unwrap());
        let running = BTreeSet::from([ita.clone(), hub.clone(), pan.clone()]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let network = runtime.block_on(make(home.path(), &running)).unwrap();
        let route = network.directory.route(&ita, &pan, Channel::Sea);
        assert_eq!(route, Some(vec![hub, pan]));
        let silent = "ita.central-authority".parse().unwrap();
        assert_eq!(network.directory.route(&ita, &silent, Channel::Sea), None);
        for place in &network.places {
            crate::config::Config::load(&place.config).unwrap();
            crate::config::NodeKeys::load(&place.folder.join("keys")).unwrap();
        }
        let contexts = crate::config::context::Contexts::in_folder(network.contexts_home());
        assert_eq!(contexts.names().unwrap().len(), 12);
        let context = contexts.get("ita-coast-guard-officer").unwrap();
        assert_eq!(context.contact_point.unwrap().to_string(), "ita.coast-guard/operations-centre");
    }
}
