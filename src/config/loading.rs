//! Reads the folder of a signed directory whole, as at a start.
//!
//! Nothing of an earlier reading is trusted: each text is read, verified and judged again, and what is
//! read so has no copy in memory but what it says. Records are worked on by all cores.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::config::directory::{
    DirectoryFolder, FolderError, Loaded, ROLLS, Refused, SEEN, agency_of, files, list_agency, read,
};
use crate::directory::signed::held::NewRecord;
use crate::directory::signed::lists::LIST_BYTES_MAX;
use crate::directory::signed::record::RECORD_BYTES_MAX;
use crate::directory::signed::roll::ROLL_BYTES_MAX;
use crate::directory::signed::seen::{SEEN_MAX, Seen};
use crate::directory::signed::{Held, Judging, Refusal};
use crate::domain::digest::Digest;

/// Most threads that read records at a time.
const READERS_MAX: usize = 8;
/// A thread takes so many records at a time; fewer are read by one.
const READER_SHARE: usize = 32;
/// Longest file of what was seen of one record, in bytes.
const SEEN_BYTES_MAX: usize = SEEN_MAX * 96;

impl DirectoryFolder {
    /// Everything that is in force, each text judged at the time at which it was issued.
    ///
    /// # Errors
    /// A genesis that is not `pinned`, a roll that does not follow, what can't be read.
    pub fn load(&self, pinned: Option<Digest>) -> Result<Loaded, FolderError> {
        let mut held = Held::begin(self.genesis(pinned)?);
        if let Some(Refused { path, refusal }) = self.load_rolls(&mut held)? {
            return Err(FolderError::Roll { path, refusal });
        }
        self.load_rest(held)
    }

    /// The same as far as rolls follow: what is in force by the last one that does. The first that does not is
    /// among what is refused.
    ///
    /// # Errors
    /// What can't be read; no roll that holds.
    pub fn load_as_far(&self) -> Result<Loaded, FolderError> {
        let mut held = Held::begin(self.genesis(None)?);
        let broken = self.load_rolls(&mut held)?;
        if let (None, Some(Refused { path, refusal })) = (held.roll(), &broken) {
            return Err(FolderError::Roll { path: path.clone(), refusal: refusal.clone() });
        }
        let mut loaded = self.load_rest(held)?;
        loaded.refused.splice(..0, broken);
        Ok(loaded)
    }

    /// Adopts rolls, the oldest first, up to the first that is refused.
    fn load_rolls(&self, held: &mut Held) -> Result<Option<Refused>, FolderError> {
        for path in self.rolls()? {
            let bytes = read(&path, ROLL_BYTES_MAX)?;
            if let Err(refusal) = held.adopt_roll(&bytes, Judging::Then) {
                return Ok(Some(Refused { path, refusal }));
            }
        }
        Ok(None)
    }

    fn load_rest(&self, mut held: Held) -> Result<Loaded, FolderError> {
        if held.roll().is_none() {
            return Err(FolderError::NoRoll { path: self.path().join(ROLLS) });
        }
        let mut refused = Vec::new();
        for path in files(&self.path().join(SEEN), None)? {
            self.load_seen(&mut held, path)?;
        }
        for (path, judged) in judge_records(&held, self.records()?)? {
            let put = match judged {
                Ok(Some(newer)) if held.record(newer.agency()).is_none() => {
                    held.put(newer);
                    Ok(())
                }
                // Another file has brought a record of this agency already.
                Ok(Some(_)) => put_after(&mut held, &path)?,
                Ok(None) => Ok(()),
                Err(refusal) => Err(refusal),
            };
            if let Err(refusal) = put {
                refused.push(Refused { path, refusal });
            }
        }
        for path in self.lists()? {
            match load_list(&mut held, &path)? {
                // The record has brought a newer one since.
                Err(Refusal::ListBackwards { .. }) | Ok(()) => {}
                Err(refusal) => refused.push(Refused { path, refusal }),
            }
        }
        Ok(Loaded { held, refused })
    }

    fn load_seen(&self, held: &mut Held, path: PathBuf) -> Result<(), FolderError> {
        let text = String::from_utf8_lossy(&read(&path, SEEN_BYTES_MAX)?).into_owned();
        let agency = path.file_name().and_then(|it| it.to_str()?.parse().ok());
        match (agency, Seen::parse(&text)) {
            (Some(agency), Ok(seen)) => held.remember(agency, seen),
            (None, Ok(_)) => return Err(FolderError::Seen { path, line: 0 }),
            (_, Err(line)) => return Err(FolderError::Seen { path, line }),
        }
        Ok(())
    }
}

/// A record's file, and what it would put in force.
type JudgedRecord = (PathBuf, Result<Option<NewRecord>, Refusal>);

/// Reads records and judges each against what is held before any of them, in the order given: on all
/// cores where there are many, since that is most of what a load costs. Texts stay in their files.
fn judge_records(held: &Held, paths: Vec<PathBuf>) -> Result<Vec<JudgedRecord>, FolderError> {
    let shares: Vec<&[PathBuf]> = paths.chunks(READER_SHARE).collect();
    let next = AtomicUsize::new(0);
    let judge_some = || -> Result<Vec<(usize, Vec<JudgedRecord>)>, FolderError> {
        let mut judged = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(share) = shares.get(number) else { return Ok(judged) };
            judged.push((number, judge_share(held, share)?));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from).min(READERS_MAX);
    let judged = thread::scope(|scope| {
        let others = 1..cores.min(shares.len());
        let readers: Vec<_> = others.map(|_| scope.spawn(judge_some)).collect();
        let mut all = vec![judge_some()];
        let joined = readers.into_iter().map(|it| it.join());
        all.extend(joined.map(|it| it.expect("reading a record never panics")));
        all.into_iter().collect::<Result<Vec<_>, _>>()
    })?;
    let mut judged: Vec<_> = judged.into_iter().flatten().collect();
    judged.sort_by_key(|(number, _)| *number);
    Ok(judged.into_iter().flat_map(|(_, share)| share).collect())
}

fn judge_share(held: &Held, paths: &[PathBuf]) -> Result<Vec<JudgedRecord>, FolderError> {
    let one = |path: &PathBuf| {
        let bytes = read(path, RECORD_BYTES_MAX)?;
        let judged = held.judge_record(&bytes, Judging::Then);
        Ok((path.clone(), judged.map(|it| it.map(|newer| resting(newer, path)))))
    };
    paths.iter().map(one).collect()
}

/// A record whose text rests in its file, if that has its agency's name; another could not be found
/// again.
fn resting(newer: NewRecord, path: &Path) -> NewRecord {
    let is_named = agency_of(path).as_ref() == Some(newer.agency());
    if is_named { newer.resting() } else { newer }
}

/// Reads a record and puts it in force if it follows what is held.
fn put_after(held: &mut Held, path: &Path) -> Result<Result<(), Refusal>, FolderError> {
    let bytes = read(path, RECORD_BYTES_MAX)?;
    let judged = held.judge_record(&bytes, Judging::Then);
    Ok(judged.map(|newer| {
        newer.into_iter().for_each(|it| drop(held.put(resting(it, path))));
    }))
}

/// Puts a list in force that was adopted before; `AGENCY.ISSUER.crl` says whose it is.
fn load_list(held: &mut Held, path: &Path) -> Result<Result<(), Refusal>, FolderError> {
    let der = read(path, LIST_BYTES_MAX)?;
    Ok(held.list_owner_at(&der, list_agency(path).as_ref()).and_then(|agency| {
        let newer = held.judge_list(&agency, &der)?;
        newer.into_iter().for_each(|it| held.put_list(it));
        Ok(())
    }))
}
