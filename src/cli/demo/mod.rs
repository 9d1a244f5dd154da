//! `demo`: a throw-away network on this machine, and a story that is played on it.
//!
//! In come the flags; out comes a story for people or one JSON object for programs. One command
//! makes authorities, certificates, keys, a directory and configurations in a folder that is closed
//! to others, starts a node for each agency as a process of its own, lets officers exchange the
//! worked examples through the hub, verifies every receipt against the directory, and lets an
//! auditor replay every journal. Nothing is staged: the demo is a client like any other.
//!
//! What always holds: only nodes of the demo's own network are ended, by their process ids; keys
//! are written into the network's folder and nowhere else; when the command ends, also by a signal,
//! a network that is not kept is gone, processes and folder. (SIGKILL alone leaves both.)
//!
//! - `network.rs`, `agency.rs`, `folder.rs`: what is made; `processes.rs`: what runs.
//! - `examples.rs`, `times.rs`, `story.rs`: what is sent; `carry.rs`, `line.rs`: how.
//! - `replay.rs`, `summary.rs`, `say.rs`: what is found and told.
//! - `kept.rs`, `hints.rs`: a network that stays, what to do with it, and its end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::demo::carry::{Corridor, seconds};
use crate::cli::demo::folder::Folder;
use crate::cli::demo::kept::KeptNetwork;
use crate::cli::demo::network::Network;
use crate::cli::demo::processes::Nodes;
use crate::cli::demo::say::{Teller, bold, dim};
use crate::cli::demo::summary::Report;
use crate::cli::exit::{Exit, Failure};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::domain::ids::AgencyId;
use crate::entropy::{self, SystemEntropy};

pub use crate::cli::demo::say::Output;

pub mod agency;
pub mod authorities;
mod carry;
mod examples;
mod folder;
mod hints;
mod kept;
mod line;
mod made;
pub mod network;
mod processes;
mod replay;
mod say;
mod story;
mod summary;
mod times;

/// The agencies of the story: origin, transit, destination.
const STORY_AGENCIES: [&str; 3] = ["ita.coast-guard", network::HUB, "pan.maritime-authority"];
/// What still runs when the story is over gets this long to end.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// What the demo is to do.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Run one node per agency of the worked examples, all six examples and a whole thread
    #[arg(long)]
    pub all: bool,
    /// Leave the nodes running, with everything about them in DIR
    #[arg(long, value_name = "DIR", conflicts_with = "stop")]
    pub keep: Option<PathBuf>,
    /// End the nodes that were left running in DIR
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    pub stop: Option<PathBuf>,
    /// The form of what is printed.
    #[arg(skip)]
    pub output: Output,
}

impl Options {
    fn agencies(&self) -> Result<BTreeSet<AgencyId>> {
        if self.all {
            return network::all_agencies();
        }
        STORY_AGENCIES.iter().map(|it| Ok(it.parse()?)).collect()
    }

    fn messages(&self) -> u64 {
        let more = examples::THREAD_MESSAGES + examples::Example::OPENERS.len() as u64;
        story::MESSAGES + if self.all { more } else { 0 }
    }
}

/// Runs the demo.
///
/// # Errors
/// What could not be made or started; a rejection or a proof that does not hold; exit status 7 if
/// a journal does not verify, 130 if interrupted.
pub fn run(options: Options) -> Result<()> {
    let began = SystemClock.now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let teller = Teller::new(options.output, options.messages());
    if let Some(path) = &options.stop {
        return runtime.block_on(kept::stop(path, &teller));
    }
    let signals = runtime.block_on(async { Signals::listen() })?;
    let mut folder = match &options.keep {
        Some(path) => Folder::given(path)?,
        None => Folder::throw_away()?,
    };
    let stage = Stage { options: &options, began, teller: &teller };
    let ended = runtime.block_on(stage.run(&mut folder, signals));
    // Threads that still write into the folder end before it goes.
    runtime.shutdown_timeout(END_TIME_MAX);
    drop(folder);
    ended
}

/// What every part of one demo needs.
struct Stage<'a> {
    options: &'a Options,
    began: Timestamp,
    teller: &'a Teller,
}

impl Stage<'_> {
    async fn run(&self, folder: &mut Folder, mut signals: Signals) -> Result<()> {
        let mut nodes = Nodes::default();
        let played = tokio::select! {
            played = self.play(folder, &mut nodes) => Some(played),
            () = signals.told_to_stop() => None,
        };
        self.teller.finish();
        let Some(played) = played else {
            nodes.stop().await;
            let text = "interrupted; the nodes are ended and the folder is removed";
            return Err(Failure::new(Exit::Interrupted, text).into());
        };
        let keep = self.options.keep.as_ref();
        if keep.is_some() {
            folder.keep();
        }
        if keep.is_none() || played.is_err() {
            nodes.stop().await;
        }
        let played = played.with_context(|| match keep {
            Some(path) => format!("the nodes were ended; their logs are in {}", path.display()),
            None => "the demo failed; with --keep DIR the nodes' logs stay".to_owned(),
        });
        match played?.is_good() {
            true => Ok(()),
            false => Err(Failure::new(Exit::AnswerIsNo, "not every journal verifies").into()),
        }
    }

    async fn play(&self, folder: &Folder, nodes: &mut Nodes) -> Result<Report> {
        let Self { options, began, teller } = *self;
        let so_far = || seconds(SystemClock.now().millis_since(began));
        teller.doing("making authorities, certificates, keys, a directory");
        let network = network::make(folder.path(), &options.agencies()?).await?;
        let made = so_far();
        teller.doing("starting the nodes");
        nodes.start(&network, options.keep.is_some())?;
        nodes.healthy().await?;
        tell_network(&network, nodes, teller, (made, so_far()));
        let mut corridor = Corridor::new(&network, teller, began);
        story::play(&mut corridor, SystemClock.now()).await?;
        if options.all {
            examples::play_thread(&mut corridor, SystemClock.now()).await?;
            examples::play_openers(&mut corridor, SystemClock.now()).await?;
        }
        let states = corridor.states().await?;
        teller.doing("the auditors replay every journal");
        let findings = replay::replay_all(&network).await?;
        let took_ms = SystemClock.now().millis_since(began);
        let report = Report { tally: corridor.tally, states, findings, took_ms };
        report.tell(teller);
        if options.keep.is_some() {
            let kept = keep(network, nodes).await?;
            hints::of_kept(&kept, folder.path(), &report, teller);
        } else {
            hints::of_thrown_away(teller);
        }
        teller.object(&report.to_json());
        Ok(report)
    }
}

/// Writes what only a network that stays needs.
async fn keep(network: Network, nodes: &Nodes) -> Result<KeptNetwork> {
    let password = hex::encode(entropy::bytes::<12>(&SystemEntropy));
    let kept = KeptNetwork::of(&network, nodes, &password);
    hints::write_files(&network.folder, SystemClock.now())?;
    let writing = network.places.into_iter().map(|place| {
        let password = password.clone();
        tokio::task::spawn_blocking(move || place.write_pkcs12(&password))
    });
    for written in try_join_all(writing).await? {
        written?;
    }
    kept.write(&network.folder)?;
    Ok(kept)
}

fn tell_network(network: &Network, nodes: &Nodes, teller: &Teller, (made, serve): (f64, f64)) {
    let folder = network.folder.display();
    let count = network.places.len();
    teller.line(format!("{} in {folder}", bold(format!("A network of {count} agencies"))));
    teller.line(format!("    made after {made:.2} s, all nodes serve after {serve:.2} s"));
    for (agency, pid) in nodes.ids() {
        let Ok(place) = network.place(agency) else {
            continue;
        };
        let listen = &place.listen;
        let where_ = format!("agency {}  peers {}  process {pid}", listen.agency, listen.peers);
        teller.line(format!("    {:<28} {}", agency.as_str(), dim(where_)));
    }
}

/// What tells the demo to stop: Ctrl-C, SIGTERM, the end of the terminal.
struct Signals([Signal; 3]);

impl Signals {
    /// From here on these signals do not end the process: it cleans up first.
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals");
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    async fn told_to_stop(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
