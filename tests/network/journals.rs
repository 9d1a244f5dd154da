//! What an auditor takes home from a node, and the verdict on it.

use rogatory::directory::Directory;
use rogatory::domain::ids::JournalName;
use rogatory::evidence::replay::{Fault, Replay, Verdict};
use rogatory::identity::Role;
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::transport::client::Client;
use rogatory::wire::envelope::Statement;
use rogatory::wire::pb;

use super::{Network, agency, until};

/// Statements that are asked for at a time.
const STATEMENTS_PAGE: i32 = 500;

/// A journal with everything that is needed to verify it.
#[derive(Clone)]
pub struct JournalCopy {
    /// Its name.
    pub journal: JournalName,
    /// Its entries with their indices.
    pub entries: Vec<(u64, Vec<u8>)>,
    /// The statements of other journals that it recorded, with the recording entry's index.
    pub statements: Vec<(u64, Statement)>,
    /// The latest checkpoint.
    pub latest: Vec<u8>,
    /// The latest checkpoint with the ML-DSA-44 cosignature.
    pub countersigned: Vec<u8>,
}

impl JournalCopy {
    /// Replays the copy.
    ///
    /// # Errors
    /// The first fault that is found.
    pub fn replayed(&self, directory: &Directory) -> Result<Verdict, Fault> {
        let size = |note| SignedCheckpoint::parse(note).map_or(0, |it| it.checkpoint.size);
        let sizes = [size(&self.latest), size(&self.countersigned)];
        let mut replay = Replay::new(directory, self.journal.clone(), &sizes);
        for (index, entry) in &self.entries {
            replay.entry(*index, entry)?;
        }
        for (index, statement) in &self.statements {
            replay.statement(*index, statement)?;
        }
        replay.finish(&self.latest, &self.countersigned)
    }
}

/// Size that a checkpoint signs.
pub fn size_of(checkpoint: &[u8]) -> u64 {
    SignedCheckpoint::parse(checkpoint).expect("a checkpoint").checkpoint.size
}

impl Network {
    /// What an auditor takes home from the node of an agency, once its journal rests under a
    /// countersigned checkpoint.
    pub async fn journal(&self, stage: &str) -> JournalCopy {
        let auditor = self.client(stage, Role::Auditor).await;
        let shown = at_rest(&auditor).await;
        let size = size_of(&shown.checkpoint);
        let asked = pb::ReplayEntriesRequest { start: 0, end: size };
        let mut answers = auditor.replay_entries(asked).await.expect("the journal is replayed");
        let mut entries = Vec::new();
        while let Some(entry) = answers.next().await.expect("the replay goes on") {
            entries.push((entry.index, entry.entry));
        }
        let mut statements = Vec::new();
        let mut start = 0;
        loop {
            let asked = pb::ListStatementsRequest { start, page_size: STATEMENTS_PAGE };
            let page = auditor.list_statements(asked).await.expect("statements are listed");
            for kept in page.statements.into_iter().filter(|it| it.index < size) {
                let (entry, proof) = (kept.entry, kept.proof);
                statements.push((kept.index, Statement { entry, proof }));
            }
            start = page.next_start;
            if start == 0 || start >= size {
                break;
            }
        }
        let named = self.made.directory.current_journal(&agency(stage));
        JournalCopy {
            journal: named.expect("the directory names the journal").name.clone(),
            entries,
            statements,
            latest: shown.checkpoint,
            countersigned: shown.countersigned_checkpoint,
        }
    }

    /// Number of entries in the journal of an agency.
    pub async fn entries(&self, stage: &str) -> u64 {
        let auditor = self.client(stage, Role::Auditor).await;
        let shown = auditor.get_checkpoint(pb::GetCheckpointRequest {}).await;
        size_of(&shown.expect("the checkpoint is shown").checkpoint)
    }
}

/// The latest checkpoints, once both cover the same and the journal grows no more.
async fn at_rest(auditor: &Client) -> pb::GetCheckpointResponse {
    let mut before = 0;
    until("a journal at rest", async || {
        let shown = auditor.get_checkpoint(pb::GetCheckpointRequest {}).await.ok()?;
        let size = size_of(&shown.checkpoint);
        let rests = std::mem::replace(&mut before, size) == size;
        let countersigned = &shown.countersigned_checkpoint;
        let covered = !countersigned.is_empty() && size_of(countersigned) == size;
        (rests && covered).then_some(shown)
    })
    .await
}
