//! Whether this node's journal may be behind what its neighbours have seen of it.
//!
//! A store that came out of a backup or a salvage is a prefix of the journal, and nobody here knows
//! how much is missing. While the doubt stands the node signs nothing and takes nothing new: it
//! asks each neighbour for the last checkpoint of this journal that it verified. A neighbour shows
//! that checkpoint, signed by this journal's own key, so none can stop a node by a mere word. If
//! one has seen more, the doubt becomes certainty and stays; if all that can be reached have seen
//! no more, it goes. Whoever was a neighbour when it began, or since, is waited for also where a newer
//! directory names no link with it: it may have seen what nobody else has. And whoever follows a newer directory
//! is asked again once that is here, for it may name others.
//!
//! What follows certainty is a new volume of the journal, which an operator opens: it begins with
//! the evidence that [`Doubt::behind`] holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::history::rows::{HistoryError, decode, encode, key};
use crate::journal::content;
use crate::journal::store::{Batch, Store};
use crate::node::command::Outcome;
use crate::node::records;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::turn::Turn;

/// What a restored node says that nobody can help.
pub const NOBODY_TO_ASK: &str = "the node was restored, and the directory names no neighbour who could say \
                                 what was seen of its journal: it asks as soon as a newer one does; where \
                                 there is none, an operator opens a new volume";

/// A neighbour counts as out of reach after so many attempts, which take some seconds.
pub(super) const ATTEMPTS_MIN: u32 = 5;

/// What came of asking a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heard {
    /// It has seen so many entries of this journal, and no more.
    Saw(u64),
    /// It could not be reached, so many times; none where nobody has tried yet.
    Unreached(u32),
}

/// Evidence that a neighbour has seen more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// Who has seen it.
    pub by: AgencyId,
    /// How many entries.
    pub size: u64,
    /// The checkpoint, signed by this journal.
    pub note: Vec<u8>,
}

/// A doubt about the end of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Since when.
    pub since: Timestamp,
    /// Entries that are here.
    pub size: u64,
    /// What neighbours said.
    pub heard: BTreeMap<AgencyId, Heard>,
    /// That one has seen more; then the doubt is none any more and stays.
    pub behind: Option<Behind>,
}

fn doubt_key() -> Vec<u8> {
    key(b"lR", &[])
}

impl Doubt {
    /// A doubt that begins; nobody was asked.
    pub const fn begun(since: Timestamp, size: u64) -> Self {
        Self { since, size, heard: BTreeMap::new(), behind: None }
    }

    /// The doubt that stands in a store; `None` if the end of the journal is sure.
    ///
    /// # Errors
    /// What can't be read.
    pub fn of(store: &dyn Store) -> Result<Option<Self>, HistoryError> {
        let bytes = content::get(store, &doubt_key())?;
        bytes.map(|bytes| decode(&bytes, "doubt about the journal")).transpose()
    }

    /// Notes the doubt, in the place of what stood there.
    ///
    /// # Errors
    /// What can't be read.
    pub fn put(&self, store: &dyn Store, batch: &mut Batch) -> Result<(), HistoryError> {
        Ok(content::replace(store, batch, &doubt_key(), &encode(self))?)
    }

    /// The word for it.
    pub const fn reason(&self) -> RejectionReason {
        match self.behind {
            Some(_) => RejectionReason::JournalBehind,
            None => RejectionReason::JournalUnconfirmed,
        }
    }

    /// Notes who is to be asked under a directory: these are waited for under every later one.
    pub(super) fn note(&mut self, neighbours: Vec<AgencyId>) {
        for neighbour in neighbours {
            self.heard.entry(neighbour).or_insert(Heard::Unreached(0));
        }
    }

    /// Whoever is asked: the neighbours by the directory, and those of the doubt's earlier ones.
    pub fn asked(&self, setting: &Setting) -> Vec<AgencyId> {
        let mut asked = setting.directory().neighbours(&setting.agency);
        let earlier = self.heard.keys().filter(|it| !asked.contains(it)).cloned();
        let earlier: Vec<AgencyId> = earlier.collect();
        asked.extend(earlier);
        asked
    }

    /// Whether nobody has shown anything, and the directory names no neighbour who still could.
    pub fn has_nobody_to_ask(&self, setting: &Setting) -> bool {
        let neighbours = setting.directory().neighbours(&setting.agency);
        let left = self.unanswered(self.asked(setting));
        let is_left = left.is_empty() || left.iter().any(|it| neighbours.contains(it));
        self.behind.is_none() && (neighbours.is_empty() || !is_left)
    }

    /// The typed no to whatever would write or sign.
    pub fn rejection(&self, setting: &Setting) -> Rejection {
        let size = self.size.to_string();
        match &self.behind {
            Some(behind) => {
                let text = format!(
                    "{} has seen {} entries of this journal, and {size} are here",
                    behind.by, behind.size
                );
                Rejection::new(self.reason(), text)
                    .with("size", size)
                    .with("size_seen", behind.size.to_string())
                    .with("seen_by", behind.by.to_string())
            }
            None => {
                let text = match self.has_nobody_to_ask(setting) {
                    true => NOBODY_TO_ASK,
                    false => {
                        "the node was restored and still asks its neighbours what they have seen of \
                         its journal"
                    }
                };
                Rejection::new(self.reason(), text).with("size", size)
            }
        }
    }

    /// Those of them that have not said what they saw.
    pub fn unanswered(&self, neighbours: Vec<AgencyId>) -> Vec<AgencyId> {
        let answered = |it: &AgencyId| matches!(self.heard.get(it), Some(Heard::Saw(_)));
        neighbours.into_iter().filter(|it| !answered(it)).collect()
    }

    /// Whether everybody who is asked and can be reached has answered, and one at least.
    fn is_settled(&self) -> bool {
        let answers = self.heard.values().any(|it| matches!(it, Heard::Saw(_)));
        let is_asked = |it: &Heard| match it {
            Heard::Saw(_) => true,
            Heard::Unreached(times) => *times >= ATTEMPTS_MIN,
        };
        answers && self.heard.values().all(is_asked)
    }
}

/// The doubt is none any more.
///
/// # Errors
/// What can't be read.
pub fn forget(store: &dyn Store, batch: &mut Batch) -> Result<(), HistoryError> {
    Ok(content::delete(store, batch, &doubt_key())?)
}

/// Whether a doubt stands when the node starts. Who could not be reached before is asked again. A node
/// without neighbours has nobody to ask, and stays in doubt: others may have seen more under a directory
/// that named them.
///
/// # Errors
/// What can't be read or written.
pub(super) fn at_start(setting: &Setting) -> Result<bool, HistoryError> {
    let store = setting.store.as_ref();
    let Some(mut doubt) = Doubt::of(store)? else {
        return Ok(false);
    };
    for heard in doubt.heard.values_mut() {
        if let Heard::Unreached(times) = heard {
            *times = 0;
        }
    }
    doubt.note(setting.directory().neighbours(&setting.agency));
    if doubt.has_nobody_to_ask(setting) {
        tracing::error!(size = doubt.size, "{NOBODY_TO_ASK}");
    }
    let mut batch = Batch::new();
    doubt.put(store, &mut batch)?;
    store.commit(batch)?;
    Ok(true)
}

/// A doubt about a store that was just built, and certainty where it holds the proof itself: a
/// checkpoint of this journal that a neighbour has cosigned, of more entries than are here.
///
/// # Errors
/// What can't be read.
pub(super) fn of_a_copy(setting: &Setting) -> Result<Doubt, HistoryError> {
    let mut doubt = Doubt::begun(setting.clock.now(), setting.journal.next());
    doubt.note(setting.directory().neighbours(&setting.agency));
    for agency in setting.directory().agencies() {
        let cosigned = records::cosigned(setting.store.as_ref(), &agency.id)?;
        let Some(note) = cosigned.map(|it| it.note) else {
            continue;
        };
        let known = doubt.behind.as_ref().map_or(0, |it| it.size);
        if let Some(size) = is_ahead(setting, &note).filter(|size| *size > known) {
            doubt.behind = Some(Behind { by: agency.id.clone(), size, note });
        }
    }
    Ok(doubt)
}

/// What a neighbour says of this journal: the size and the checkpoint that it saw last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Who says it.
    pub by: AgencyId,
    /// Size of what it saw; `None` if it could not be reached.
    pub size: Option<u64>,
    /// The checkpoint as it was signed here; empty if it has seen none.
    pub note: Vec<u8>,
    /// It follows a newer directory than this node, or says so and is believed ([`claims`](crate::node::claims)):
    /// that may name others who have seen something.
    pub follows_newer: bool,
}

/// Whether the checkpoint shows that there were more entries than are here: only if a key of this
/// journal signed it that counts at its size.
pub fn is_ahead(setting: &Setting, note: &[u8]) -> Option<u64> {
    let directory = setting.directory();
    let signed = directory.journal(&setting.journal_name)?.checkpoint(note).ok()?;
    let size = signed.checkpoint.size;
    (size > setting.journal.next()).then_some(size)
}

/// Takes what a neighbour says.
///
/// # Errors
/// What can't be read.
pub(super) fn decide(turn: &mut Turn<'_>, said: Sighting) -> Result<Outcome, HistoryError> {
    let setting = turn.setting;
    let store = setting.store.as_ref();
    if let Some(recovery) = turn.recovery.as_mut() {
        match said.size {
            None => recovery.unreached(setting, &said.by),
            Some(_) if said.follows_newer => recovery.reached(&said.by),
            Some(_) => {}
        }
        recovery.put(store, &mut turn.beside)?;
    }
    let ahead = is_ahead(setting, &said.note);
    let here = setting.journal.next();
    let mut doubt = match (turn.doubt.take(), ahead) {
        (None, None) => return Ok(Outcome::Unchanged),
        // What this turn has recorded already was decided before the evidence came.
        (None, Some(_)) => Doubt::begun(turn.now, here),
        (Some(doubt), _) => doubt,
    };
    if let Some(size) = ahead
        && doubt.behind.as_ref().is_none_or(|it| it.size < size)
    {
        tracing::error!(size = here, seen = size, peer = %said.by, "the journal is behind what was seen");
        doubt.behind = Some(Behind { by: said.by.clone(), size, note: said.note });
    }
    let heard = match (doubt.heard.get(&said.by), said.size) {
        // Whatever it has seen, others may be asked by the directory that it follows: it is asked again by that.
        (_, Some(_)) if said.follows_newer => Heard::Unreached(0),
        (_, Some(size)) => Heard::Saw(size),
        // That it can't be reached any more takes nothing back of what it said.
        (Some(Heard::Saw(size)), None) => Heard::Saw(*size),
        (Some(Heard::Unreached(times)), None) => Heard::Unreached(times.saturating_add(1)),
        (None, None) => Heard::Unreached(1),
    };
    doubt.heard.insert(said.by, heard);
    doubt.note(setting.directory().neighbours(&setting.agency));
    if doubt.behind.is_none() && doubt.is_settled() {
        tracing::info!(
            size = here,
            "no neighbour that can be reached has seen more of the journal"
        );
        content::delete(store, &mut turn.beside, &doubt_key())?;
    } else {
        doubt.put(store, &mut turn.beside)?;
        turn.doubt = Some(doubt);
    }
    Ok(Outcome::Unchanged)
}
