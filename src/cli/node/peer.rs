//! `node peer test`: tries the contact with peers as the node makes it, and shows each step.
//!
//! In comes the node's configuration, nothing of its store: it may run meanwhile. The certificates are
//! read anew, as the node does at SIGHUP; the directory is the one that the node keeps.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arc_swap::ArcSwap;
use serde_json::{Value, json};

use crate::cli::call::roots_of;
use crate::cli::exit::{Exit, Failure};
use crate::cli::node::run::own_certificate;
use crate::cli::node::setting;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::domain::ids::AgencyId;
use crate::transport::probe::{Probe, Step, Steps, Trouble};

/// What to do about peers.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Dial a peer as the node would, and show each step; for a failure the reason and what to do
    #[command(
        before_help = "Example: rogatory node peer test pan.maritime-authority --config node.toml",
        after_help = "The node may run meanwhile. Exit code 9 if nobody answers, 7 if a step fails \
                      otherwise, 5 if the directory does not know the agency."
    )]
    Test {
        /// The peer; every agency that the node is linked with where none is given
        #[arg(value_name = "AGENCY")]
        peer: Option<AgencyId>,
        /// Whose peer.
        #[command(flatten)]
        configured: super::Configured,
    },
}

/// What came of the contact with one node of a peer, or with a peer before any was dialled.
struct Tried {
    peer: AgencyId,
    /// Name of the node.
    node: Option<String>,
    steps: Steps,
}

/// Tries it.
///
/// # Errors
/// A configuration that does not hold; a step that failed, by its exit code.
pub(super) async fn test(config: &Path, peer: Option<AgencyId>, output: &Output) -> Result<()> {
    let config = Config::load(config)?;
    let directory = Arc::new(setting::directory(&config)?);
    let tls = &config.tls;
    let own = own_certificate(&config, &tls.peer_certificate, &tls.peer_key)?;
    let probe = Probe {
        agency: config.node.agency.clone(),
        genesis: config.node.genesis,
        own: Arc::new(own),
        roots: Arc::new(ArcSwap::from_pointee(roots_of(&directory))),
        clock: Arc::new(SystemClock),
        directory,
    };
    let is_known = peer.as_ref().is_none_or(|it| probe.directory.agency(it).is_some());
    let peers = match peer {
        Some(peer) => vec![peer],
        None => probe.directory.neighbours(&probe.agency),
    };
    let mut tried = Vec::new();
    for peer in peers {
        tried.extend(try_peer(&probe, peer).await);
    }
    output.show(
        || json!({ "contacts": tried.iter().map(to_json).collect::<Vec<_>>() }),
        || tried.iter().fold(Sheet::new(), add),
    )?;
    verdict(&tried, is_known)
}

async fn try_peer(probe: &Probe, peer: AgencyId) -> Vec<Tried> {
    let (before, nodes) = probe.before(&peer);
    let mut tried = Vec::new();
    for node in &nodes {
        let mut steps = before.clone();
        steps.extend(probe.contact(&peer, node).await);
        tried.push(Tried { peer: peer.clone(), node: Some(node.name.clone()), steps });
    }
    if nodes.is_empty() {
        tried.push(Tried { peer, node: None, steps: before });
    }
    tried
}

fn trouble(tried: &Tried) -> Option<&Trouble> {
    tried.steps.last()?.outcome.as_ref().err()
}

fn verdict(tried: &[Tried], is_known: bool) -> Result<()> {
    let troubles: Vec<_> = tried.iter().filter_map(trouble).collect();
    let Some(first) = troubles.first() else { return Ok(()) };
    let exit = if !is_known {
        Exit::NotFound
    } else if troubles.iter().all(|it| it.is_silence) {
        Exit::Unreachable
    } else {
        Exit::AnswerIsNo
    };
    let (failed, all) = (troubles.len(), tried.len());
    let text = format!("{failed} of {all} contacts failed: {}", first.reason);
    Err(Failure::new(exit, text).into())
}

fn to_json(tried: &Tried) -> Value {
    let steps = tried.steps.iter().map(|step| match &step.outcome {
        Ok(found) => json!({ "step": step.name, "holds": true, "found": found }),
        Err(it) => json!({
            "step": step.name,
            "holds": false,
            "reason": it.reason,
            "advice": it.advice,
        }),
    });
    json!({
        "agency": tried.peer.to_string(),
        "node": tried.node,
        "holds": trouble(tried).is_none(),
        "steps": steps.collect::<Vec<_>>(),
    })
}

fn add(sheet: Sheet, tried: &Tried) -> Sheet {
    let row = |step: &Step| match &step.outcome {
        Ok(found) => [step.name.to_owned(), "ok".to_owned(), found.clone()],
        Err(it) => [step.name.to_owned(), "failed".to_owned(), it.reason.clone()],
    };
    let title = match &tried.node {
        Some(node) => format!("{}, node {node}", tried.peer),
        None => tried.peer.to_string(),
    };
    let sheet = sheet.line(title).table(["step", "", "what"], tried.steps.iter().map(row));
    match trouble(tried) {
        Some(it) => sheet.line(format!("what to do: {}", it.advice)),
        None => sheet,
    }
}
