//! What a node that opened a new volume asks its neighbours for: what it lost of the one before.
//!
//! Nobody here knows what this node stated after the last entry that it still has. Its neighbours do:
//! they keep its statements, and their own answers to it. Until they have said so it takes nothing new,
//! or it would give numbers a second time that others have seen, and conclude what was delivered long
//! ago. What they show is signed, by the volume that was lost or by them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::fact::Fact;
use crate::domain::ids::{AgencyId, JournalName};
use crate::domain::volume::VolumeFact;
use crate::history::message::{MessageRecord, Part};
use crate::history::neighbours;
use crate::history::rows::{HistoryError, decode, encode};
use crate::journal::content;
use crate::journal::store::{Batch, Store};
use crate::node::doubt::{ATTEMPTS_MIN, Doubt};
use crate::node::records::{self, recovery_key};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::wire;

/// How far a neighbour has shown what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// It goes on at this entry of its own.
    From(u64),
    /// It has shown everything.
    Done,
    /// It could not be reached, so many times; none where nobody has tried yet.
    Unreached(u32),
    /// It has shown what stands in the volume before beyond the size up to which the directory counts that: so
    /// nobody may take it for stated. It is asked for again once the agency's record names a greater size.
    Beyond {
        /// The greatest size that it has shown.
        size: u64,
        /// It goes on at this entry of its own; none once it has shown everything.
        next: Option<u64>,
    },
}

impl Asked {
    /// What is known once it has shown a page more, which stands up to `size` beyond what counts, and goes on at
    /// `next`.
    pub(super) fn after(self, size: Option<u64>, next: Option<u64>) -> Self {
        let before = match self {
            Self::Beyond { size, next: Some(_) } => Some(size),
            Self::Beyond { next: None, .. } | Self::From(_) | Self::Done | Self::Unreached(_) => {
                None
            }
        };
        match (before.max(size), next) {
            (Some(size), next) => Self::Beyond { size, next },
            (None, Some(next)) => Self::From(next),
            (None, None) => Self::Done,
        }
    }

    /// Whether it has answered, and goes on with nothing.
    const fn has_answered(self) -> bool {
        matches!(self, Self::Done | Self::Beyond { next: None, .. })
    }
}

/// What a neighbour has shown of a volume before, beyond what counts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// Who has shown it.
    pub by: AgencyId,
    /// The volume.
    pub journal: JournalName,
    /// Up to which size it would have to count.
    pub size: u64,
    /// Up to which size it counts by the directory.
    pub counts: u64,
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, journal, size, counts } = self;
        write!(
            f,
            "{by} shows {size} entries of {journal}, which the directory retires at {counts}: what stands beyond \
             counts for nobody before the agency's record says retired_at_size = {size}"
        )
    }
}

/// What is still to be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The volume before, `agency/journal/volume`.
    pub before: String,
    /// How many of its entries are here.
    pub size: u64,
    /// Neighbours that are gone and are not waited for.
    pub unasked: Vec<AgencyId>,
    /// How far the others have shown what they know.
    pub asked: BTreeMap<AgencyId, Asked>,
    /// From which of their own entries on they are asked: what was seen of their journals before anything
    /// more is.
    pub starts: BTreeMap<AgencyId, u64>,
    /// That all who could be reached have shown it; then the node works again.
    pub settled: bool,
}

impl Recovery {
    /// Begins, with nobody asked yet.
    pub fn begun(before: String, size: u64, unasked: Vec<AgencyId>) -> Self {
        let (asked, starts) = (BTreeMap::new(), BTreeMap::new());
        Self { before, size, unasked, asked, starts, settled: false }
    }

    /// Notes who is to be asked under a directory, and from where on. Whoever is no neighbour by a later one
    /// is asked once it is one again.
    ///
    /// # Errors
    /// What can't be read.
    pub fn note(
        &mut self,
        setting: &Setting,
        neighbours: Vec<AgencyId>,
    ) -> Result<(), HistoryError> {
        let directory = setting.directory();
        for neighbour in neighbours {
            let journals = directory.agency(&neighbour).map(|it| it.journals.as_slice());
            // Of a peer with several volumes everything is asked for.
            let seen = match journals {
                Some([only]) => records::seen(setting.store.as_ref(), &only.name)?,
                Some(_) | None => None,
            };
            let start = seen.map_or(0, |it| it.size);
            self.starts.entry(neighbour.clone()).or_insert(start);
            self.asked.entry(neighbour).or_insert(Asked::Unreached(0));
        }
        Ok(())
    }

    /// What a store is still to be asked for; `None` if nothing is.
    ///
    /// # Errors
    /// What can't be read.
    pub fn of(store: &dyn Store) -> Result<Option<Self>, HistoryError> {
        let bytes = content::get(store, &recovery_key())?;
        bytes.map(|bytes| decode(&bytes, "what neighbours are asked for")).transpose()
    }

    /// Notes it, in the place of what stood there.
    ///
    /// # Errors
    /// What can't be read.
    pub fn put(&self, store: &dyn Store, batch: &mut Batch) -> Result<(), HistoryError> {
        Ok(content::replace(store, batch, &recovery_key(), &encode(self))?)
    }

    /// The typed no to whatever would give numbers or conclude.
    pub fn rejection(&self) -> Rejection {
        let text = format!(
            "the journal goes on in a new volume, and neighbours are asked what was lost of {}",
            self.before
        );
        Rejection::new(RejectionReason::JournalUnconfirmed, text)
            .with("size", self.size.to_string())
            .with("before", self.before.clone())
    }

    /// From which of its own entries on `peer` is to be asked; none if it has shown everything or is
    /// not asked. Entries of a peer with several volumes are asked for from the first on.
    pub fn asks(&self, setting: &Setting, peer: &AgencyId) -> Option<u64> {
        if self.unasked.contains(peer) {
            return None;
        }
        match self.asked.get(peer) {
            Some(Asked::Done) => return None,
            Some(Asked::From(next) | Asked::Beyond { next: Some(next), .. }) => return Some(*next),
            Some(Asked::Beyond { size, next: None }) if *size > self.counts(setting) => {
                return None;
            }
            Some(Asked::Beyond { .. } | Asked::Unreached(_)) | None => {}
        }
        // What the peer recorded of the lost entries stands behind what was seen of its journal then; what is
        // seen of it now may be beyond that.
        let journals = setting.directory().agency(peer).map(|it| it.journals.len());
        let start = self.starts.get(peer).filter(|_| journals == Some(1));
        Some(start.copied().unwrap_or(0))
    }

    /// Up to which size the directory counts the volume before; nothing where it names none.
    fn counts(&self, setting: &Setting) -> u64 {
        let directory = setting.directory();
        let keys = self.before.parse().ok().and_then(|it| directory.journal(&it).cloned());
        keys.map_or(0, |it| it.retired_at_size.unwrap_or(u64::MAX))
    }

    /// What neighbours have shown beyond that: their agency's record has to name a greater size, or what it stated
    /// there counts for nobody. The greatest comes last.
    pub fn beyond(&self, setting: &Setting) -> Vec<Beyond> {
        let (counts, journal) = (self.counts(setting), self.before.parse::<JournalName>());
        let shown = self.asked.iter().filter_map(|(by, asked)| match asked {
            Asked::Beyond { size, .. } if *size > counts => Some((by.clone(), *size)),
            Asked::Beyond { .. } | Asked::From(_) | Asked::Done | Asked::Unreached(_) => None,
        });
        let of = |(by, size)| Some(Beyond { by, journal: journal.clone().ok()?, size, counts });
        let mut beyond: Vec<Beyond> = shown.filter_map(of).collect();
        beyond.sort_by_key(|it| it.size);
        beyond
    }

    /// The neighbours, and those that were some, that have not shown everything.
    pub fn unanswered(&self, neighbours: Vec<AgencyId>) -> Vec<AgencyId> {
        let is_done = |it: &AgencyId| self.asked.get(it) == Some(&Asked::Done);
        let earlier = self.asked.keys().filter(|it| !neighbours.contains(it)).cloned();
        let earlier: Vec<AgencyId> = earlier.collect();
        let all = neighbours.into_iter().chain(earlier);
        all.filter(|it| !self.unasked.contains(it) && !is_done(it)).collect()
    }

    /// Notes what became of asking; whether anything is left to ask.
    pub(super) fn heard(&mut self, setting: &Setting, by: &AgencyId, asked: Asked) -> bool {
        let neighbours = setting.directory().neighbours(&setting.agency);
        self.asked.insert(by.clone(), asked);
        self.settled |= self.has_heard_all(&neighbours);
        !self.unanswered(neighbours).is_empty()
    }

    /// Whether all who can be reached have shown what they know, and one at least. Whoever is no neighbour
    /// now can't be reached.
    fn has_heard_all(&self, neighbours: &[AgencyId]) -> bool {
        let left = self.unanswered(neighbours.to_vec());
        let is_away = |it: &AgencyId| {
            let asked = self.asked.get(it);
            let is_out = matches!(asked, Some(Asked::Unreached(n)) if *n >= ATTEMPTS_MIN);
            let has_answered = asked.is_some_and(|it| it.has_answered());
            is_out || has_answered || !neighbours.contains(it)
        };
        let answers = self.asked.values().any(|it| it.has_answered());
        left.is_empty() || (answers && left.iter().all(is_away))
    }

    /// Takes the directory into account. Where it names no neighbour there is nobody to wait for, and nobody
    /// to whom a number could be given twice; once it names one, the node waits again until somebody has shown
    /// what it knows.
    ///
    /// # Errors
    /// What can't be read.
    pub(super) fn under(
        &mut self,
        setting: &Setting,
        neighbours: &[AgencyId],
    ) -> Result<(), HistoryError> {
        let answers = self.asked.values().any(|it| it.has_answered());
        let settled = self.settled || self.has_heard_all(neighbours);
        self.settled = neighbours.is_empty() || (settled && answers);
        self.note(setting, neighbours.to_vec())
    }

    /// Notes that a neighbour was reached and is asked later.
    pub(super) fn reached(&mut self, by: &AgencyId) {
        if let Some(asked @ Asked::Unreached(_)) = self.asked.get_mut(by) {
            *asked = Asked::Unreached(0);
        }
    }

    /// Notes that a neighbour could not be reached.
    pub(super) fn unreached(&mut self, setting: &Setting, by: &AgencyId) {
        match self.asked.get(by).copied() {
            Some(Asked::Unreached(times)) => {
                self.heard(setting, by, Asked::Unreached(times.saturating_add(1)));
            }
            None => {
                self.heard(setting, by, Asked::Unreached(1));
            }
            Some(Asked::Done | Asked::From(_) | Asked::Beyond { .. }) => {}
        }
    }
}

/// Why a node takes nothing new: the end of its journal is in doubt, or it still asks what it lost.
///
/// # Errors
/// What can't be read.
pub fn reads_only(setting: &Setting) -> Result<Option<Rejection>, HistoryError> {
    let store = setting.store.as_ref();
    if let Some(doubt) = Doubt::of(store)? {
        return Ok(Some(doubt.rejection(setting)));
    }
    let recovery = Recovery::of(store)?.filter(|it| !it.settled);
    Ok(recovery.map(|it| it.rejection()))
}

/// Whether a message was here before this node's journal went on in this volume: until all neighbours have shown
/// what was lost of the one before, one of them may have got it from here.
pub(super) fn is_asked_about(setting: &Setting, record: &MessageRecord) -> bool {
    record.part != Part::Destination && record.first_recorded() < setting.before.size()
}

/// Whether every neighbour has shown what it knows of each volume whose end was lost: then nobody has
/// what none of them spoke of.
///
/// # Errors
/// What can't be read.
pub fn has_asked_all(setting: &Setting) -> Result<bool, HistoryError> {
    if Recovery::of(setting.store.as_ref())?.is_some() {
        return Ok(false);
    }
    for volume in setting.before.volumes().iter().chain([&setting.journal]) {
        let first = volume.read(0, 1)?;
        let fact = first.first().and_then(|it| wire::entry::read(it).ok()).map(|it| it.fact);
        if let Some(Fact::Volume(VolumeFact::Opened { unasked, .. })) = fact
            && !unasked.is_empty()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Nothing is left to ask for.
pub(super) fn forget(store: &dyn Store, batch: &mut Batch) -> Result<(), HistoryError> {
    Ok(content::delete(store, batch, &recovery_key())?)
}

/// A node that has asked all waits for nobody. Who could not be reached before is asked again; while the
/// directory names no neighbour, all are still to be asked.
///
/// # Errors
/// What can't be read or written.
pub(super) fn at_start(setting: &Setting) -> Result<(), HistoryError> {
    let store = setting.store.as_ref();
    let Some(mut recovery) = Recovery::of(store)? else {
        return Ok(());
    };
    for asked in recovery.asked.values_mut() {
        if let Asked::Unreached(times) = asked {
            *times = 0;
        }
    }
    let mut batch = Batch::new();
    let neighbours = setting.directory().neighbours(&setting.agency);
    recovery.under(setting, &neighbours)?;
    if !neighbours.is_empty() && recovery.unanswered(neighbours).is_empty() {
        forget(store, &mut batch)?;
    } else {
        recovery.put(store, &mut batch)?;
    }
    Ok(store.commit(batch)?)
}

/// Whether the journal of `agency` goes on in a volume that no operator has confirmed here.
///
/// # Errors
/// What can't be read.
pub fn is_unconfirmed(setting: &Setting, agency: &AgencyId) -> Result<bool, HistoryError> {
    let directory = setting.directory();
    let Some(record) = directory.agency(agency) else {
        return Ok(false);
    };
    let follows = record.journals.len() > 1;
    let Some(keys) = record.current_journal().filter(|_| follows) else {
        return Ok(false);
    };
    Ok(neighbours::confirmation(setting.store.as_ref(), &keys.name)?.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_size_beyond_what_counts_is_kept_through_a_walk_and_not_into_the_next() {
        let page = Asked::From(0).after(Some(23), Some(256));
        assert_eq!(page, Asked::Beyond { size: 23, next: Some(256) });
        let walked = page.after(Some(21), None);
        assert_eq!(walked, Asked::Beyond { size: 23, next: None });
        assert!(walked.has_answered() && !page.has_answered());
        assert_eq!(walked.after(None, Some(256)), Asked::From(256));
        assert_eq!(walked.after(None, None), Asked::Done);
        assert_eq!(Asked::Unreached(2).after(None, Some(7)).after(None, None), Asked::Done);
    }
}
