//! All that this node owes somebody, or that waits here: where it is, since when, and who must act. Reads
//! only.
//!
//! There is a list for each sort of what waits ([`Waiting`]), and none of them is left out: what was set
//! aside comes first, then what is held for review, what was lost or is to be concluded, what waits for its
//! turn, words that no way leads on, erasures that are asked for, and drafts; then what is owed to each
//! peer, whether the directory still names it or not. Nothing of what a message says is read for it.

mod erasures;
mod lists;
mod named;
mod shown;
mod state;
mod words;

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::header::{Lane, MessageKey};
use crate::domain::ids::{AgencyId, MessageId};
use crate::history::outbox;
use crate::history::rows::HistoryError;
use crate::history::waiting::Waiting;
use crate::history::ways::Chosen;
use crate::node::setting::Setting;

pub use state::State;

/// Counting what is owed to one peer stops here.
pub const COUNT_MAX: usize = 10_000;

/// What is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message that is to be handed over, or ended, or that waits for its turn.
    Message,
    /// The attachment at this place of a message, from 1.
    Attachment(u32),
    /// The statement at this place of those for a peer, from 1; 0 of one that has none yet: it waits for
    /// a way, or is not made yet.
    Statement(u64),
    /// A draft.
    Draft,
}

/// One thing that is owed.
#[derive(Clone, Debug)]
pub struct Owed {
    /// What.
    pub item: Item,
    /// How it stands.
    pub state: State,
    /// The message, or the draft.
    pub message: MessageId,
    /// Agency of origin; this one of a draft.
    pub origin: AgencyId,
    /// Agency of destination, where it is known here.
    pub destination: Option<AgencyId>,
    /// To whom it is owed; nobody of a draft, and of a statement that waits for a way.
    pub peer: Option<AgencyId>,
    /// Lane of a message or attachment.
    pub lane: Option<Lane>,
    /// Since when.
    pub since: Timestamp,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// Number of the handover that is in doubt; 0 if none.
    pub handover: u32,
    /// Why it was set aside, if it was, or why it waits for a way.
    pub reason: Option<Reason>,
    /// Ways that were chosen for a message instead of others, the latest last.
    pub ways: Vec<Chosen>,
}

impl Owed {
    /// The message, as rows name it.
    pub fn key(&self) -> MessageKey {
        MessageKey::new(&self.origin, self.message)
    }
}

/// Where a page ended: the list, the peer, and the place in that list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the list.
    pub list: u8,
    /// The peer; empty for the lists of no peer.
    pub peer: String,
    /// The place in the list.
    pub bytes: Vec<u8>,
}

/// A page of a list: each place, and what is owed there if anything is.
type Listed = Vec<(Vec<u8>, Option<Owed>)>;

/// A page that is being filled.
struct Page<'a> {
    setting: &'a Setting,
    after: Option<Place>,
    limit: usize,
    found: Vec<Owed>,
    end: Option<Place>,
}

/// Up to `limit` things that are owed, after a place; and where to go on.
pub fn page(
    setting: &Setting,
    only_set_aside: bool,
    after: Option<Place>,
    limit: usize,
) -> Result<(Vec<Owed>, Option<Place>), HistoryError> {
    let mut page = Page { setting, after, limit, found: Vec::new(), end: None };
    let is_asked = |it: &Waiting| !only_set_aside || *it == Waiting::SetAside;
    let lists = || Waiting::ALL.iter().copied().filter(is_asked);
    for waiting in lists().filter(|it| !it.is_of_peers()) {
        page.fill(waiting, None)?;
    }
    for peer in outbox::owed_to(setting.store.as_ref())? {
        for waiting in lists().filter(|it| it.is_of_peers()) {
            page.fill(waiting, Some(&peer))?;
        }
    }
    Ok((page.found, page.end))
}

/// Where a list stands among all: those of no peer, then those of each.
fn rank(list: u8, peer: &str) -> (bool, &str, u8) {
    (!peer.is_empty(), peer, list)
}

impl Page<'_> {
    /// Goes on with one list, unless the page is full or began behind it.
    fn fill(&mut self, waiting: Waiting, peer: Option<&AgencyId>) -> Result<(), HistoryError> {
        let (list, name) = (waiting.number(), peer.map_or("", AgencyId::as_str));
        if self.end.is_some() {
            return Ok(());
        }
        let from = match &self.after {
            Some(after) if rank(list, name) < rank(after.list, &after.peer) => return Ok(()),
            Some(after) if after.list == list && after.peer == name => Some(after.bytes.clone()),
            Some(_) | None => None,
        };
        let left = self.limit.saturating_sub(self.found.len());
        let listed = lists::read(self.setting, (waiting, peer), from, left)?;
        let is_full = listed.len() >= left;
        for (bytes, owed) in listed {
            self.found.extend(owed);
            if is_full {
                self.end = Some(Place { list, peer: name.to_owned(), bytes });
            }
        }
        Ok(())
    }
}

/// What is owed of this sort, to this peer where it is listed for each by itself: at most so much.
pub(super) fn some_of(
    setting: &Setting,
    list: (Waiting, Option<&AgencyId>),
    limit: usize,
) -> Result<Vec<Owed>, HistoryError> {
    let listed = lists::read(setting, list, None, limit)?;
    Ok(listed.into_iter().filter_map(|(_, owed)| owed).collect())
}

/// All that is owed of the messages with this id; there may be several, of different origins.
pub fn of_id(setting: &Setting, id: MessageId) -> Result<Vec<Owed>, HistoryError> {
    let mut found = Vec::new();
    for waiting in Waiting::ALL {
        found.extend(named::read(setting, *waiting, id)?);
    }
    Ok(found)
}
