//! The nodes as processes: started, waited for, ended by their ids.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures::future::{join_all, try_join_all};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::cli::demo::folder;
use crate::cli::demo::network::Network;
use crate::config::environment::{CREDENTIALS_DIRECTORY, NODE_OVERRIDES};
use crate::domain::ids::AgencyId;

/// A node must serve after this time.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// A node that was told to stop must have ended after this time; then it is killed.
pub(super) const STOP_TIME_MAX: Duration = Duration::from_secs(10);
/// How often a node that starts or stops is looked at.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// An answer about health must come within this time.
const HEALTH_TIME_MAX: Duration = Duration::from_secs(2);
/// Lines of a node's log that are shown when it does not start.
const LOG_LINES_SHOWN: usize = 5;

/// A node's process.
struct Process {
    agency: AgencyId,
    child: Child,
    operations: SocketAddr,
    log: PathBuf,
}

/// The nodes that this process started.
#[derive(Default)]
pub(super) struct Nodes(Vec<Process>);

impl Nodes {
    /// Starts the node of every agency of `network`. Each stands in a process group of its own, so
    /// that Ctrl-C reaches this process alone, which then ends them in order.
    ///
    /// # Errors
    /// If a process cannot be started; those that were are in `self`.
    pub(super) fn start(&mut self, network: &Network, outlive: bool) -> Result<()> {
        let program = std::env::current_exe().context("finding this program's own file")?;
        for place in &network.places {
            let log = folder::create(&place.log)?;
            let mut command = Command::new(&program);
            command.args(["node", "run", "--config"]).arg(&place.config);
            let foreign = NODE_OVERRIDES.iter().map(|(name, _)| *name);
            for name in foreign.chain([CREDENTIALS_DIRECTORY]) {
                command.env_remove(name);
            }
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            command.process_group(0).kill_on_drop(!outlive);
            let child = command.spawn();
            self.0.push(Process {
                agency: place.agency.clone(),
                child: child.with_context(|| format!("starting the node of {}", place.agency))?,
                operations: place.listen.operations,
                log: place.log.clone(),
            });
        }
        Ok(())
    }

    /// Waits until every node serves.
    ///
    /// # Errors
    /// A node that ended or does not serve in time, with the end of its log.
    pub(super) async fn healthy(&mut self) -> Result<()> {
        try_join_all(self.0.iter_mut().map(Process::healthy)).await.map(drop)
    }

    /// The process ids by agency.
    pub(super) fn ids(&self) -> impl Iterator<Item = (&AgencyId, u32)> {
        self.0.iter().filter_map(|it| Some((&it.agency, it.child.id()?)))
    }

    /// Tells every node to stop and waits until it has ended; kills those that do not.
    pub(super) async fn stop(&mut self) {
        join_all(self.0.iter_mut().map(Process::stop)).await;
        self.0.clear();
    }
}

impl Process {
    async fn healthy(&mut self) -> Result<()> {
        let serves = async {
            loop {
                if let Some(status) = self.child.try_wait()? {
                    return Err(anyhow!("it ended with {status}"));
                }
                if is_healthy(self.operations).await {
                    return Ok(());
                }
                sleep(LOOK_INTERVAL).await;
            }
        };
        let served = timeout(START_TIME_MAX, serves).await;
        let served = served.unwrap_or_else(|_| Err(anyhow!("it does not serve in time")));
        served.with_context(|| {
            format!("the node of {} does not start:\n{}", self.agency, end_of(&self.log))
        })
    }

    async fn stop(&mut self) {
        let Some(pid) = self.child.id() else {
            return;
        };
        let told = terminate(pid).await;
        let ended = timeout(STOP_TIME_MAX, self.child.wait()).await;
        if (told.is_err() || ended.is_err())
            && let Err(error) = self.child.kill().await
        {
            let text = format!("process {pid} of {} could not be ended: {error}", self.agency);
            drop(writeln!(anstream::stderr(), "{text}"));
        }
    }
}

/// Sends SIGTERM through the shell, whose `kill` is built in: not every system has the program.
///
/// # Errors
/// If there is no shell, or no such process.
pub(super) async fn terminate(pid: u32) -> Result<()> {
    signal(pid, "TERM").await
}

/// Sends a signal by its name.
///
/// # Errors
/// If there is no shell, or no such process.
pub(super) async fn signal(pid: u32, name: &str) -> Result<()> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -s \"$1\" \"$2\"", "sh", name]).arg(pid.to_string());
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = shell.status().await.context("sending a signal")?;
    if status.success() { Ok(()) } else { Err(anyhow!("process {pid} does not take SIG{name}")) }
}

/// Whether a node's operations listener answers `GET /health` with 200.
async fn is_healthy(operations: SocketAddr) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(operations).await?;
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.") && answer.ends_with(b" 200"))
    };
    matches!(timeout(HEALTH_TIME_MAX, asked).await, Ok(Ok(true)))
}

/// The last lines of a log.
fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(LOG_LINES_SHOWN).collect();
    let shown = lines.iter().rev().map(|line| format!("  {line}"));
    shown.collect::<Vec<_>>().join("\n")
}
