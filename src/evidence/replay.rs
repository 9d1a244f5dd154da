//! Replays a journal from its bytes and compares it with what was signed.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::directory::witness_keys::{self, WitnessFault};
use crate::directory::{Directory, JournalKeys};
use crate::domain::digest::Digest;
use crate::domain::drafting::DraftFact;
use crate::domain::fact::Fact;
use crate::domain::ids::{JournalName, MessageId};
use crate::evidence::statement::{self, StatementError};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::cosignature::CosignatureError;
use crate::merkle::note::{TYPE_COSIGNATURE_MLDSA44, TYPE_ED25519};
use crate::merkle::tree::{Frontier, leaf_hash};
use crate::wire;
use crate::wire::envelope::Statement;

/// What is wrong with a journal, naming the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The directory names no such journal.
    #[error("the directory names no journal {0}")]
    UnknownJournal(JournalName),
    /// Entries came in another order than that of the tree.
    #[error("entry {given} came where entry {expected} was due")]
    OutOfOrder {
        /// What was due.
        expected: u64,
        /// What came.
        given: u64,
    },
    /// An entry does not read.
    #[error("entry {index} is malformed: {problem}")]
    Entry {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// An entry belongs to another journal.
    #[error("entry {index} says that it stands in {journal}")]
    ForeignEntry {
        /// Its index.
        index: u64,
        /// The journal that it names.
        journal: JournalName,
    },
    /// A checkpoint's signature does not hold.
    #[error("checkpoint of size {size}: {problem}")]
    Checkpoint {
        /// Its size, as far as it can be read.
        size: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The entries do not make up the signed tree.
    #[error("the first {size} entries have the root {computed}, the checkpoint says {signed}")]
    Root {
        /// Size of the tree.
        size: u64,
        /// Root of the entries given.
        computed: Digest,
        /// Root that was signed.
        signed: Digest,
    },
    /// A checkpoint covers entries that were not given.
    #[error("the checkpoint covers {signed} entries, {given} were given")]
    Missing {
        /// Size of the checkpoint.
        signed: u64,
        /// Entries given.
        given: u64,
    },
    /// A draft was approved or ended that did not wait, or as another one than was drafted.
    #[error("entry {index} about a draft: {problem}")]
    Draft {
        /// Index of the entry.
        index: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A recorded statement is not there, or does not verify.
    #[error("statement recorded by entry {index}: {problem}")]
    Statement {
        /// Index of the entry that recorded it.
        index: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// A replay under way. Memory grows with the statements and with the drafts that wait, not with the
/// journal.
pub struct Replay<'a> {
    directory: &'a Directory,
    journal: JournalName,
    frontier: Frontier,
    roots: BTreeMap<u64, Digest>,
    recorded: BTreeMap<u64, Digest>,
    drafts: BTreeMap<MessageId, (Digest, Timestamp)>,
    facts: BTreeMap<&'static str, u64>,
}

/// What a replay that found nothing wrong can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The journal.
    pub journal: JournalName,
    /// Entries replayed.
    pub entries: u64,
    /// Root over them.
    pub root: Digest,
    /// Entries covered by a checkpoint with the ML-DSA-44 cosignature.
    pub countersigned: u64,
    /// Statements of other journals that were verified.
    pub statements: u64,
    /// How often each fact occurs.
    pub facts: BTreeMap<&'static str, u64>,
}

impl<'a> Replay<'a> {
    /// A replay of `journal`; `sizes` are those of the checkpoints that will be compared.
    pub fn new(directory: &'a Directory, journal: JournalName, sizes: &[u64]) -> Self {
        let unknown = Digest::from_bytes([0; 32]);
        Self {
            directory,
            journal,
            frontier: Frontier::new(),
            roots: sizes.iter().map(|size| (*size, unknown)).collect(),
            recorded: BTreeMap::new(),
            drafts: BTreeMap::new(),
            facts: BTreeMap::new(),
        }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The first fault found in it.
    pub fn entry(&mut self, index: u64, bytes: &[u8]) -> Result<(), Fault> {
        let expected = self.frontier.size();
        if index != expected {
            return Err(Fault::OutOfOrder { expected, given: index });
        }
        let entry = wire::entry::read(bytes)
            .map_err(|error| Fault::Entry { index, problem: error.to_string() })?;
        if entry.journal != self.journal {
            return Err(Fault::ForeignEntry { index, journal: entry.journal });
        }
        if let Fact::StatementRecorded { entry, .. } = &entry.fact {
            self.recorded.insert(index, *entry);
        }
        if let Fact::Draft(fact) = &entry.fact {
            let judged = self.draft(fact, entry.recorded_at);
            judged.map_err(|problem| Fault::Draft { index, problem })?;
        }
        let count = self.facts.entry(entry.fact.name()).or_default();
        *count = count.saturating_add(1);
        self.frontier.push(leaf_hash(bytes));
        if let Some(root) = self.roots.get_mut(&self.frontier.size()) {
            *root = self.frontier.root();
        }
        Ok(())
    }

    /// Drafts that wait are remembered; each ends once, in time, and as what was drafted. One that an
    /// earlier volume began is not known here.
    fn draft(&mut self, fact: &DraftFact, at: Timestamp) -> Result<(), &'static str> {
        let waits = self.drafts.get(&fact.draft()).copied();
        let (fingerprint, until) = match (fact, waits) {
            (DraftFact::Made { .. }, Some(_)) => return Err("it was drafted before"),
            (DraftFact::Made { draft, fingerprint, until }, None) => {
                self.drafts.insert(*draft, (*fingerprint, *until));
                return Ok(());
            }
            (_, None) if self.journal.volume() > 1 => return Ok(()),
            (_, None) => return Err("no such draft waits"),
            (_, Some(waits)) => waits,
        };
        match fact {
            DraftFact::Made { .. } | DraftFact::Shown { .. } => return Ok(()),
            DraftFact::Approved { fingerprint: it, .. } if *it != fingerprint => {
                return Err("what was approved is not what was drafted");
            }
            DraftFact::Approved { .. } if at >= until => return Err("it was approved too late"),
            DraftFact::Expired { .. } if at < until => return Err("it expired before its time"),
            DraftFact::Approved { .. }
            | DraftFact::Withdrawn { .. }
            | DraftFact::Expired { .. } => {}
        }
        self.drafts.remove(&fact.draft());
        Ok(())
    }

    /// Takes a statement that the entry at `index` recorded.
    ///
    /// # Errors
    /// If it is not the one that was recorded, or does not verify.
    pub fn statement(&mut self, index: u64, statement: &Statement) -> Result<(), Fault> {
        let fault = |problem: String| Fault::Statement { index, problem };
        let recorded = self.recorded.get(&index);
        if recorded != Some(&Digest::of(&statement.entry)) {
            return Err(fault("it is not the statement that was recorded".to_owned()));
        }
        statement::verify(self.directory, statement)
            .map_err(|error: StatementError| fault(error.to_string()))?;
        self.recorded.remove(&index);
        let count = self.facts.entry("statement_verified").or_default();
        *count = count.saturating_add(1);
        Ok(())
    }

    /// Compares the entries with the latest checkpoint and with the latest countersigned one.
    ///
    /// # Errors
    /// The first fault found.
    pub fn finish(mut self, latest: &[u8], countersigned: &[u8]) -> Result<Verdict, Fault> {
        let signed = self.checked(latest)?;
        let entries = signed.checkpoint.size;
        let mut covered = 0;
        if !countersigned.is_empty() {
            let signed = self.checked(countersigned)?;
            self.check_countersignature(&signed)?;
            covered = signed.checkpoint.size;
        }
        if let Some((index, _)) = self.recorded.first_key_value() {
            let problem = "the statement was not given".to_owned();
            return Err(Fault::Statement { index: *index, problem });
        }
        Ok(Verdict {
            journal: self.journal,
            entries,
            root: signed.checkpoint.root,
            countersigned: covered,
            statements: self.facts.remove("statement_verified").unwrap_or(0),
            facts: self.facts,
        })
    }

    /// Compares the entries with a checkpoint alone: for who has no statements, such as the reader
    /// of a published journal. The verdict counts those that were recorded as not verified: 0.
    ///
    /// # Errors
    /// The first fault found.
    pub fn finish_entries(mut self, checkpoint: &[u8]) -> Result<Verdict, Fault> {
        self.recorded.clear();
        let signed = self.checked(checkpoint)?;
        let is_countersigned = self.check_countersignature(&signed).is_ok();
        Ok(Verdict {
            journal: self.journal,
            entries: signed.checkpoint.size,
            root: signed.checkpoint.root,
            countersigned: if is_countersigned { signed.checkpoint.size } else { 0 },
            statements: 0,
            facts: self.facts,
        })
    }

    fn checked(&self, note: &[u8]) -> Result<SignedCheckpoint, Fault> {
        let keys = self
            .directory
            .journal(&self.journal)
            .ok_or_else(|| Fault::UnknownJournal(self.journal.clone()))?;
        let signed = keys.checkpoint(note).map_err(|error| {
            let size = SignedCheckpoint::parse(note).map_or(0, |it| it.checkpoint.size);
            Fault::Checkpoint { size, problem: error.to_string() }
        })?;
        self.check_lines(&signed, keys)?;
        let size = signed.checkpoint.size;
        let given = self.frontier.size();
        match self.roots.get(&size) {
            Some(root) if size <= given => {
                let (computed, signed_root) = (*root, signed.checkpoint.root);
                if computed == signed_root {
                    Ok(signed)
                } else {
                    Err(Fault::Root { size, computed, signed: signed_root })
                }
            }
            Some(_) | None => Err(Fault::Missing { signed: size, given }),
        }
    }

    /// Every signature on a checkpoint is by the journal or by a witness that the directory names,
    /// and holds. A line by an unknown key is no better than a broken one: it may be a known one
    /// that was changed.
    fn check_lines(&self, signed: &SignedCheckpoint, keys: &JournalKeys) -> Result<(), Fault> {
        let size = signed.checkpoint.size;
        let fault = |problem: String| Fault::Checkpoint { size, problem };
        for line in &signed.note.signatures {
            let unknown = CosignatureError::Unsigned;
            let witness = witness_keys::witness_of(line)
                .and_then(|it| self.directory.agency(&it)?.witness.as_ref());
            let checked = match witness {
                Some(witness) => witness.line(signed, line).map(drop),
                None => match keys.own_line(line, size) {
                    Some(TYPE_COSIGNATURE_MLDSA44) => {
                        keys.countersigned(signed).map(drop).map_err(WitnessFault::from)
                    }
                    // Verified with the checkpoint itself.
                    Some(TYPE_ED25519) => Ok(()),
                    Some(_) | None => Err(unknown.into()),
                },
            };
            checked.map_err(|error| {
                let is_unknown = error == WitnessFault::from(unknown);
                let text = format!("signature of {}: {error}", line.name);
                fault(if is_unknown { format!("unknown key of {}", line.name) } else { text })
            })?;
        }
        Ok(())
    }

    fn check_countersignature(&self, signed: &SignedCheckpoint) -> Result<(), Fault> {
        let Some(keys) = self.directory.journal(&self.journal) else {
            return Err(Fault::UnknownJournal(self.journal.clone()));
        };
        keys.countersigned(signed).map(drop).map_err(|error| Fault::Checkpoint {
            size: signed.checkpoint.size,
            problem: error.to_string(),
        })
    }
}
