//! An auditor at every node: replays the journal and verifies all of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures::future::try_join_all;
use tokio::time::{sleep, timeout};

use crate::cli::demo::line::Line;
use crate::cli::demo::network::Network;
use crate::domain::ids::{AgencyId, JournalName};
use crate::evidence::replay::{Replay, Verdict};
use crate::identity::Role;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::wire::envelope::Statement;
use crate::wire::pb;

/// Every entry must be under a countersigned checkpoint within this time after the last message.
const COVERED_TIME_MAX: Duration = Duration::from_secs(10);
/// How often the auditor looks.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// What an auditor found in one journal: a verdict, or the first fault.
pub(super) type Finding = Result<Verdict, String>;

/// Replays the journal of every node of the network.
///
/// # Errors
/// If a node cannot be asked. What is wrong with a journal is a finding, not an error.
pub(super) async fn replay_all(network: &Network) -> Result<BTreeMap<AgencyId, Finding>> {
    let replays = network.places.iter().map(|place| async {
        let finding = replay(network, &place.agency).await;
        let finding = finding.with_context(|| format!("replaying {}", place.agency))?;
        Ok::<_, anyhow::Error>((place.agency.clone(), finding))
    });
    Ok(try_join_all(replays).await?.into_iter().collect())
}

async fn replay(network: &Network, agency: &AgencyId) -> Result<Finding> {
    let auditor = Line::open(network, agency, Role::Auditor).await?;
    let covered = timeout(COVERED_TIME_MAX, covered(&auditor)).await;
    let (latest, countersigned) = covered
        .map_err(|_| anyhow!("the journal is not covered by a countersigned checkpoint"))??;
    let size = size_of(&latest)?;
    let sizes = [size, size_of(&countersigned)?];
    let journal: JournalName = match network.directory.current_journal(agency) {
        Some(keys) => keys.name.clone(),
        None => return Err(anyhow!("the directory names no journal")),
    };
    let mut replay = Replay::new(&network.directory, journal, &sizes);
    let mut entries = auditor.entries(0, size).await?;
    while let Some(entry) = entries.next().await? {
        if let Err(fault) = replay.entry(entry.index, &entry.entry) {
            return Ok(Err(fault.to_string()));
        }
    }
    let mut start = 0;
    loop {
        let page = auditor.statements(start).await?;
        for kept in page.statements.into_iter().filter(|it| it.index < size) {
            let index = kept.index;
            let pb::KeptStatement { entry, proof, .. } = kept;
            let statement = Statement { entry, proof };
            if let Err(fault) = replay.statement(index, &statement) {
                return Ok(Err(fault.to_string()));
            }
        }
        start = page.next_start;
        if start == 0 || start >= size {
            break;
        }
    }
    Ok(replay.finish(&latest, &countersigned).map_err(|fault| fault.to_string()))
}

/// The latest checkpoint, once the countersigned one covers as much and the journal rests.
async fn covered(auditor: &Line) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut before = 0;
    loop {
        let shown = auditor.checkpoint().await?;
        let size = size_of(&shown.checkpoint)?;
        let rests = size == before;
        let countersigned = &shown.countersigned_checkpoint;
        if rests && !countersigned.is_empty() && size_of(countersigned)? == size {
            return Ok((shown.checkpoint, shown.countersigned_checkpoint));
        }
        before = size;
        sleep(ASK_INTERVAL).await;
    }
}

fn size_of(checkpoint: &[u8]) -> Result<u64> {
    Ok(SignedCheckpoint::parse(checkpoint).context("a checkpoint")?.checkpoint.size)
}
