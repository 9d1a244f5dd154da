//! Newer texts take their place in a folder of a signed directory. There is no other way in: whether
//! a person, a start, SIGHUP or a peer brings a text, it is judged and kept here.
//!
//! A text is on the disk before it is in force. Rolls that follow each other are taken over all or
//! not at all: the last is judged by the clock, those on the way when they were issued. What
//! contradicts the text in force is kept as evidence beside it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::config::directory::{
    DirectoryFolder, ENDING, EVIDENCE, EVIDENCE_MAX, FolderError, LIST_ENDING, LISTS, SEEN,
    agency_of, io_error, list_agency, read, replace, version_of,
};
use crate::config::persist;
use crate::directory::signed::lists::LIST_BYTES_MAX;
use crate::directory::signed::record::RECORD_BYTES_MAX;
use crate::directory::signed::roll::ROLL_BYTES_MAX;
use crate::directory::signed::{Adopted, Held, Judging, NewList, Refusal, SignedRecord};
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;

/// A file of another folder, and whether it was adopted.
pub type Taken = (PathBuf, Result<(), Refusal>);

/// What rolls came to: how many are newer; or which of them was refused, from 0, and why.
pub type RollsTaken = Result<usize, (usize, Refusal)>;

impl DirectoryFolder {
    /// Adopts rolls that follow each other, all or none, and keeps them here.
    ///
    /// # Errors
    /// What the file system said. Those that were written by then follow the one in force, and are
    /// taken over at the next start.
    pub fn adopt_rolls(
        &self,
        held: &mut Held,
        rolls: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<RollsTaken, FolderError> {
        let mut after = held.clone();
        let mut newer = Vec::new();
        for (at, bytes) in rolls.iter().enumerate() {
            let is_last = at.saturating_add(1) == rolls.len();
            let judging = if is_last { Judging::Now(now) } else { Judging::Then };
            match after.adopt_roll(bytes, judging) {
                Ok(Adopted::Newer) => {
                    newer.push((after.roll().map_or(0, |it| it.roll.version), bytes));
                }
                Ok(Adopted::Already) => {}
                Err(refusal) => {
                    self.keep_evidence("roll", &refusal, bytes)?;
                    return Ok(Err((at, refusal)));
                }
            }
        }
        for (version, bytes) in &newer {
            replace(&self.roll_path(*version), bytes)?;
        }
        for agency in after.unsettled() {
            if let Some(note) = self.note(&after, &agency)? {
                after.settle(&agency, &note);
            }
        }
        *held = after;
        Ok(Ok(newer.len()))
    }

    /// Adopts a record into `held`, and keeps it here. What contradicts the one in force is kept as
    /// evidence.
    ///
    /// # Errors
    /// What the file system said; then nothing was adopted.
    pub fn adopt_record(
        &self,
        held: &mut Held,
        bytes: &[u8],
        judging: Judging,
    ) -> Result<Result<Adopted, Refusal>, FolderError> {
        match held.judge_record(bytes, judging) {
            Ok(Some(newer)) => {
                let agency = newer.agency().clone();
                let seen = self.path().join(SEEN).join(agency.as_str());
                replace(&seen, newer.seen().to_text().as_bytes())?;
                replace(&self.record_path(&agency), bytes)?;
                for list in held.put(newer.resting()) {
                    self.keep_list(&list)?;
                }
                Ok(Ok(Adopted::Newer))
            }
            Ok(None) => Ok(Ok(Adopted::Already)),
            Err(refusal) => {
                self.keep_evidence("record", &refusal, bytes)?;
                Ok(Err(refusal))
            }
        }
    }

    /// Adopts an agency's revocation list into `held`, and keeps it here, so that its number is
    /// remembered whatever its record says later.
    ///
    /// # Errors
    /// What the file system said; then nothing was adopted.
    pub fn adopt_list(
        &self,
        held: &mut Held,
        agency: &AgencyId,
        der: &[u8],
    ) -> Result<Result<Adopted, Refusal>, FolderError> {
        match held.judge_list(agency, der) {
            Ok(Some(newer)) => {
                self.keep_list(&newer)?;
                held.put_list(newer);
                Ok(Ok(Adopted::Newer))
            }
            Ok(None) => Ok(Ok(Adopted::Already)),
            Err(refusal) => {
                self.keep_evidence("list", &refusal, der)?;
                Ok(Err(refusal))
            }
        }
    }

    fn keep_list(&self, list: &NewList) -> Result<(), FolderError> {
        let issuer = short(&list.issuer);
        let name = format!("{}.{issuer}.{LIST_ENDING}", list.agency);
        replace(&self.path().join(LISTS).join(name), &list.list.der)
    }

    /// Keeps a properly signed text that contradicts the one in force, which stays beside it.
    fn keep_evidence(&self, of: &str, refusal: &Refusal, bytes: &[u8]) -> Result<(), FolderError> {
        let Refusal::Fork { version, .. } = refusal else {
            return Ok(());
        };
        let folder = self.path().join(EVIDENCE);
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        let short = short(&Digest::of(bytes));
        let path = folder.join(format!("{of}-{version}-{short}.{ENDING}"));
        let kept = fs::read_dir(&folder).map_err(io_error(&folder))?.count();
        if path.exists() || kept >= EVIDENCE_MAX {
            return Ok(());
        }
        persist::write_new_as(&path, bytes, persist::PUBLIC).map_err(io_error(&path))
    }

    /// Adopts what another folder of the same network has that is newer, and keeps it here: its
    /// rolls, then its records, then its revocation lists. Gives what came of each file that is not
    /// in force here already.
    ///
    /// # Errors
    /// What can't be read or written; what was adopted before that stays.
    pub fn adopt_all(
        &self,
        held: &mut Held,
        from: &Self,
        now: Timestamp,
    ) -> Result<Vec<Taken>, FolderError> {
        let mut told = Vec::new();
        self.adopt_newer_rolls(held, from, now, &mut told)?;
        if held.roll().is_none() {
            return Ok(told);
        }
        for path in from.records()? {
            let bytes = read(&path, RECORD_BYTES_MAX)?;
            if self.has_same(held, &path, &bytes)? {
                continue;
            }
            match self.adopt_record(held, &bytes, Judging::Then)? {
                // What was in force here before is no news.
                Err(Refusal::Rollback { .. }) if was_seen(held, &bytes) => {}
                adopted => note(&mut told, path, adopted),
            }
        }
        for path in from.lists()? {
            let der = read(&path, LIST_BYTES_MAX)?;
            let adopted = match held.list_owner_at(&der, list_agency(&path).as_ref()) {
                Ok(agency) => self.adopt_list(held, &agency, &der)?,
                Err(refusal) => Err(refusal),
            };
            // What peers have brought since is newer than the folder's.
            if !matches!(adopted, Err(Refusal::ListBackwards { .. })) {
                note(&mut told, path, adopted);
            }
        }
        Ok(told)
    }

    /// Whether a record of another folder is, byte for byte, the one in force here: that needs no
    /// judging again. One that the roll's key has not signed is judged, so that it is told.
    fn has_same(&self, held: &Held, path: &Path, bytes: &[u8]) -> Result<bool, FolderError> {
        let Some(agency) = agency_of(path).filter(|it| held.stands(it)) else { return Ok(false) };
        Ok(self.note(held, &agency)?.is_some_and(|it| it.to_bytes() == bytes))
    }

    fn adopt_newer_rolls(
        &self,
        held: &mut Held,
        from: &Self,
        now: Timestamp,
        told: &mut Vec<Taken>,
    ) -> Result<(), FolderError> {
        let in_force = held.roll().map_or(0, |it| it.roll.version);
        let is_news = |path: &PathBuf| version_of(path).is_none_or(|it| it >= in_force);
        let paths: Vec<PathBuf> = from.rolls()?.into_iter().filter(is_news).collect();
        let read_one = |path: &PathBuf| read(path, ROLL_BYTES_MAX);
        let rolls: Vec<Vec<u8>> = paths.iter().map(read_one).collect::<Result<_, _>>()?;
        match self.adopt_rolls(held, &rolls, now)? {
            Ok(newer) => {
                let already = paths.len().saturating_sub(newer);
                told.extend(paths.into_iter().skip(already).map(|path| (path, Ok(()))));
            }
            Err((at, refusal)) => {
                told.extend(paths.into_iter().nth(at).map(|path| (path, Err(refusal))));
            }
        }
        Ok(())
    }
}

/// Whether a record's text is one that was seen of its version.
fn was_seen(held: &Held, bytes: &[u8]) -> bool {
    let signed = SignedRecord::parse(bytes);
    signed.is_ok_and(|it| held.seen(&it.record.agency.id, it.record.version) == Some(it.hash))
}

fn note(told: &mut Vec<Taken>, path: PathBuf, adopted: Result<Adopted, Refusal>) {
    match adopted {
        Ok(Adopted::Newer) => told.push((path, Ok(()))),
        Ok(Adopted::Already) => {}
        Err(refusal) => told.push((path, Err(refusal))),
    }
}

fn short(hash: &Digest) -> String {
    hash.to_string().chars().take(16).collect()
}
