//! A corridor of three node processes, made by the demo's own code and run by the test: each node
//! can be killed by its process id and started again on the same folder and ports.
//!
//! Only processes that a test started are ended, and all of them when the network goes.

pub mod callers;
pub mod drafts;
pub mod files;
pub mod journals;
pub mod raw;
pub mod shim;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rogatory::cli::demo::agency::Place;
use rogatory::cli::demo::network;
use rogatory::domain::ids::AgencyId;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The agency that sends requests.
pub const ORIGIN: &str = "ita.coast-guard";
/// The agency through which everything goes; it reads nothing.
pub const HUB: &str = network::HUB;
/// The agency that is asked.
pub const DESTINATION: &str = "pan.maritime-authority";
/// The three stages of the corridor.
pub const STAGES: [&str; 3] = [ORIGIN, HUB, DESTINATION];

const PROGRAM: &str = env!("CARGO_BIN_EXE_rogatory");
/// What is waited for must come within this time.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often what is waited for is looked at.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Looks until something is there.
///
/// # Panics
/// If it does not come in time.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(found) => found,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// Three agencies in a row, each with a node that is a process of its own.
pub struct Network {
    /// Who they are and where their things stand.
    pub made: network::Network,
    /// A library that each node loads before all others (`LD_PRELOAD`).
    pub preloaded: Option<PathBuf>,
    /// Variables that each node gets besides.
    pub environment: Vec<(&'static str, PathBuf)>,
    /// The network namespaces in which nodes run; those that are not named run where the test does.
    pub spaces: BTreeMap<AgencyId, String>,
    nodes: BTreeMap<AgencyId, Child>,
    folder: TempDir,
}

impl Network {
    /// Makes the network and waits until all three nodes serve.
    pub async fn started() -> Self {
        Self::started_with(&STAGES).await
    }

    /// Makes the network and waits until these of its nodes serve.
    pub async fn started_with(stages: &[&str]) -> Self {
        let mut network = Self::between(&[HUB]).await;
        for stage in stages {
            network.start(stage);
        }
        for stage in stages {
            network.serves(stage).await;
        }
        network
    }

    /// Makes the network with these hubs, and with each a link of both other agencies; starts nothing.
    pub async fn between(hubs: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let hubs: BTreeSet<AgencyId> = hubs.iter().map(|it| agency(it)).collect();
        let running = [ORIGIN, DESTINATION].into_iter().map(agency).chain(hubs.clone()).collect();
        let made = network::make_between(folder.path(), &running, &hubs).await;
        Self::of(folder, made.expect("the network can be made"))
    }

    /// Makes the network in which each of these ways leads from the one agency to the other; starts nothing.
    pub async fn of_ways(ways: &[&[&str]]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let hubs: BTreeSet<AgencyId> =
            ways.iter().copied().flatten().map(|it| agency(it)).collect();
        let running = [ORIGIN, DESTINATION].into_iter().map(agency).chain(hubs.clone()).collect();
        let links = ways.iter().flat_map(|way| {
            let stages = [&[ORIGIN], *way, &[DESTINATION]].concat();
            let links = stages.windows(2).map(|it| (agency(it[0]), agency(it[1])));
            links.collect::<Vec<_>>()
        });
        let links: Vec<_> = links.collect();
        let made = network::make_linked(folder.path(), &running, &hubs, &links).await;
        Self::of(folder, made.expect("the network can be made"))
    }

    fn of(folder: TempDir, made: network::Network) -> Self {
        let (preloaded, environment) = (None, Vec::new());
        let (nodes, spaces) = (BTreeMap::new(), BTreeMap::new());
        Self { made, preloaded, environment, spaces, nodes, folder }
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the things of an agency stand.
    pub fn place(&self, stage: &str) -> &Place {
        self.made.place(&agency(stage)).expect("the agency runs a node")
    }

    /// The folder of a node's journal and content.
    pub fn store(&self, stage: &str) -> PathBuf {
        self.place(stage).folder.join("store")
    }

    /// Starts the node of an agency; does not wait for it.
    pub fn start(&mut self, stage: &str) {
        let place = self.place(stage);
        let log = OpenOptions::new().create(true).append(true).open(&place.log);
        let log = log.expect("the log can be written");
        let mut command = match self.spaces.get(&place.agency) {
            None => Command::new(PROGRAM),
            Some(space) => {
                let mut within = Command::new("ip");
                within.args(["netns", "exec", space, PROGRAM]);
                within
            }
        };
        command.args(["node", "run", "--config"]).arg(&place.config).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle of the log")).stderr(log);
        if let Some(library) = &self.preloaded {
            command.env("LD_PRELOAD", library);
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        let child = command.spawn().expect("the program starts");
        let before = self.nodes.insert(agency(stage), child);
        assert!(before.is_none(), "{stage} ran already");
    }

    /// Lets the node of an agency, which does not run, trace as much as it can.
    pub fn trace_everything(&self, stage: &str) {
        self.configure(stage, "level = \"info\"", "level = \"trace\"");
    }

    /// Kills the node of an agency with SIGKILL; it has ended when this returns.
    pub fn kill(&mut self, stage: &str) {
        let mut child = self.nodes.remove(&agency(stage)).expect("the node runs");
        child.kill().expect("the node is killed");
        child.wait().expect("the node has ended");
    }

    /// The process id of the node of an agency.
    pub fn process(&self, stage: &str) -> u32 {
        self.nodes.get(&agency(stage)).expect("the node runs").id()
    }

    /// Sees to it that the node of an agency does not run, whether it has ended by itself or not.
    pub fn end(&mut self, stage: &str) {
        if self.nodes.contains_key(&agency(stage)) {
            self.kill(stage);
        }
    }

    /// Tells the node of an agency to stop with SIGTERM; gives how it ended.
    pub async fn terminate(&mut self, stage: &str) -> ExitStatus {
        self.signal(stage, "TERM");
        let child = self.nodes.get_mut(&agency(stage)).expect("the node runs");
        let ended = until("a node to end", async || child.try_wait().expect("its status")).await;
        self.nodes.remove(&agency(stage));
        ended
    }

    /// Tells the node of an agency to read its files again, with SIGHUP.
    pub fn hang_up(&self, stage: &str) {
        self.signal(stage, "HUP");
    }

    /// Sends the node of an agency a signal, by its name without SIG.
    pub fn signal(&self, stage: &str, signal: &str) {
        let kill = format!("kill -s {signal} {}", self.process(stage));
        let told = Command::new("sh").args(["-c", &kill]).status().expect("there is a shell");
        assert!(told.success(), "{stage} gets no {signal}");
    }

    /// A metric of the node of an agency, by its name with its labels; none if it shows no such line.
    pub async fn metric(&self, stage: &str, name: &str) -> Option<u64> {
        let answer = self.operations(stage, "/metrics").await;
        let line = answer.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// Waits until the node of an agency has ended by itself; gives how.
    pub async fn ends(&mut self, stage: &str) -> ExitStatus {
        let child = self.nodes.get_mut(&agency(stage)).expect("the node was started");
        let ended = until("a node to end", async || child.try_wait().expect("its status")).await;
        self.nodes.remove(&agency(stage));
        ended
    }

    /// Writes a line of the configuration of an agency whose node does not run anew.
    pub fn configure(&self, stage: &str, before: &str, after: &str) {
        let config = &self.place(stage).config;
        let text = std::fs::read_to_string(config).expect("the configuration is there");
        let changed = text.replace(before, after);
        assert_ne!(text, changed, "the configuration has {before}");
        let mut file = OpenOptions::new().write(true).truncate(true).open(config);
        let written = file.as_mut().map(|it| it.write_all(changed.as_bytes()));
        assert!(matches!(written, Ok(Ok(()))), "the configuration is written");
    }

    /// Waits until a node says that it serves.
    pub async fn serves(&mut self, stage: &str) {
        if let Err(status) = self.opens(stage).await {
            panic!("the node of {stage} ended with {status}:\n{}", self.log(stage));
        }
    }

    /// Waits until a node says that it serves; how it ended, if it ends instead.
    pub async fn opens(&mut self, stage: &str) -> Result<(), ExitStatus> {
        let operations = self.place(stage).listen.operations.to_string();
        let child = self.nodes.get_mut(&agency(stage)).expect("the node was started");
        let opened = until("a node to serve", async || {
            if let Some(status) = child.try_wait().expect("the node can be looked at") {
                return Some(Err(status));
            }
            let answer = get(&operations, "/health").await?;
            answer.starts_with("HTTP/1.1 200").then_some(Ok(()))
        })
        .await;
        if opened.is_err() {
            self.nodes.remove(&agency(stage));
        }
        opened
    }

    /// An answer of the operations listener, headers included.
    pub async fn operations(&self, stage: &str, path: &str) -> String {
        let operations = self.place(stage).listen.operations.to_string();
        until("the operations listener", async || get(&operations, path).await).await
    }

    /// What a node wrote about itself.
    pub fn log(&self, stage: &str) -> String {
        std::fs::read_to_string(&self.place(stage).log).expect("the log can be read")
    }
}

impl Drop for Network {
    #[expect(clippy::print_stderr, reason = "a test that fails shows what its nodes said")]
    fn drop(&mut self) {
        for child in self.nodes.values_mut() {
            // A node that has ended already is what is wanted.
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            for place in &self.made.places {
                let log = std::fs::read_to_string(&place.log).unwrap_or_default();
                let lines: Vec<&str> = log.lines().rev().take(20).collect();
                let end: Vec<&str> = lines.into_iter().rev().collect();
                eprintln!("-- {} --\n{}", place.agency, end.join("\n"));
            }
        }
    }
}

/// An agency by its name.
pub fn agency(name: &str) -> AgencyId {
    name.parse().expect("a well-formed agency")
}

async fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let asked = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
