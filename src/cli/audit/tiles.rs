//! Reads a published journal (C2SP tlog-tiles) from a folder: no node, no network, only the
//! directory. Every entry and every hash is held against the signed root.

use std::path::Path;

use anyhow::{Result, anyhow};
use serde_json::json;

use crate::cli::args::Global;
use crate::cli::audit::{replay, verify};
use crate::cli::call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::proof;
use crate::directory::Directory;
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, JournalName};
use crate::evidence::replay::{Replay, Verdict};
use crate::journal::published::{Folder, PublishedError};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::tile::{TILE_LEVELS, TILE_WIDTH, Tile};
use crate::merkle::tree::{Frontier, leaf_hash};
use crate::wire::pb;

/// Prints the entries from `from` to `to`, and judges all of them.
///
/// # Errors
/// Exit status 7 with the first fault, 5 if nothing is published in the folder.
pub(super) fn print(
    global: &Global,
    folder: &Path,
    (from, to): (u64, Option<u64>),
    output: &Output,
) -> Result<()> {
    let directory = call::trusted_directory(global)?;
    let end = to.unwrap_or(u64::MAX);
    let mut stream = output.stream();
    let (verdict, _) = judged(&directory, folder, |index, entry| {
        if !(from..end).contains(&index) {
            return Ok(());
        }
        let skeleton_json = String::new();
        let answer = pb::ReplayEntriesResponse { index, entry: entry.to_vec(), skeleton_json };
        stream.push(|| replay::to_json(&answer), || replay::to_sheet(&answer, output))
    })?;
    stream.finish()?;
    output.note(format!("all {} entries lead to the signed root", verdict.entries));
    Ok(())
}

/// Judges everything in the folder and shows the verdict.
///
/// # Errors
/// As [`print`].
pub(super) fn judge(global: &Global, folder: &Path, output: &Output) -> Result<()> {
    let directory = call::trusted_directory(global)?;
    let doing = output.doing(format!("reading the journal in {}", folder.display()));
    let (verdict, witnesses) = judged(&directory, folder, |_, _| Ok(()))?;
    drop(doing);
    verify::show(&verdict, &witnesses, output)?;
    output.note("statements of other journals are not published; their hashes are");
    Ok(())
}

/// Reads the whole folder; each entry is given on as soon as its bundle leads to its tile.
fn judged(
    directory: &Directory,
    folder: &Path,
    mut each: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<(Verdict, Vec<AgencyId>)> {
    let published = Folder::at(folder);
    let Some(note) = published.checkpoint().map_err(|error| unreadable(&error))? else {
        let text = format!("there is no published journal in {}", folder.display());
        return Err(Failure::new(Exit::NotFound, text).into());
    };
    let signed = SignedCheckpoint::parse(&note)
        .map_err(|error| no(format!("the checkpoint is malformed: {error}")))?;
    let journal: JournalName = signed
        .checkpoint
        .origin
        .parse()
        .map_err(|_| no("the checkpoint is of no journal of this network".to_owned()))?;
    let size = signed.checkpoint.size;
    let mut replay = Replay::new(directory, journal, &[size]);
    let mut tree = Tree::default();
    for index in 0..size.div_ceil(TILE_WIDTH) {
        let tile = Tile::within(0, index, size).ok_or_else(|| anyhow!("a tree without leaves"))?;
        let entries = published.entries(&tile).map_err(|error| unreadable(&error))?;
        for (at, entry) in (tile.first_entry()..).zip(&entries) {
            replay.entry(at, entry).map_err(|fault| no(fault.to_string()))?;
            tree.push(leaf_hash(entry));
        }
        tree.check(&published, size)?;
        (tile.first_entry()..).zip(&entries).try_for_each(|(at, entry)| each(at, entry))?;
    }
    let verdict = replay.finish_entries(&note).map_err(|fault| no(fault.to_string()))?;
    Ok((verdict, proof::witnesses(directory, &signed)))
}

/// The tree out of entries, with the hashes of its tiles that were not compared yet.
#[derive(Default)]
struct Tree {
    frontier: Frontier,
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    index: u64,
    hashes: Vec<Digest>,
}

impl Tree {
    fn push(&mut self, leaf: Digest) {
        let levels = &mut self.levels;
        self.frontier.push_with(leaf, |level, _, hash| {
            if level % TILE_LEVELS == 0 {
                let at = usize::from(level / TILE_LEVELS);
                if levels.len() <= at {
                    levels.push(Level::default());
                }
                if let Some(level) = levels.get_mut(at) {
                    level.hashes.push(hash);
                }
            }
        });
    }

    /// Compares the tiles that are whole now, or all if these were the last entries.
    fn check(&mut self, published: &Folder, size: u64) -> Result<()> {
        let is_last = self.frontier.size() == size;
        for (level, known) in (0..).zip(&mut self.levels) {
            let width = u64::try_from(known.hashes.len()).unwrap_or(u64::MAX);
            if width == 0 || (width < TILE_WIDTH && !is_last) {
                continue;
            }
            let tile = Tile { level, index: known.index, width };
            let found = published.hashes(&tile).map_err(|error| unreadable(&error))?;
            if found != known.hashes {
                return Err(no(format!("{} does not hold the hashes of the entries", tile.path())));
            }
            *known = Level { index: known.index.saturating_add(1), hashes: Vec::new() };
        }
        Ok(())
    }
}

/// A file that is not what it should be is an answer; one that the system keeps back is none.
fn unreadable(error: &PublishedError) -> anyhow::Error {
    match error {
        PublishedError::Io { .. } => anyhow!("{error}"),
        PublishedError::Ahead { .. }
        | PublishedError::Differs { .. }
        | PublishedError::Forked { .. }
        | PublishedError::Journal(_)
        | PublishedError::Missing { .. }
        | PublishedError::Tile { .. }
        | PublishedError::TooLong { .. } => no(error.to_string()),
    }
}

fn no(fault: String) -> anyhow::Error {
    let text = format!("the published journal does not hold: {fault}");
    let mut failure = Failure::new(Exit::AnswerIsNo, text);
    failure.json = json!({ "verified": false, "fault": fault });
    failure.into()
}
