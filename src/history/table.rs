//! The tables in which folded state lies: two letters in front of each key, no two tables the same.
//!
//! All begin with `p`, so that everything folded can be dropped at once. Of each table stands here whether
//! its rows say that something waits for somebody, and which line of the queue shows it.

use crate::history::waiting::Waiting;

/// The first two bytes of a table's keys.
pub type Table = &'static [u8; 2];

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// What is known here, and makes nobody wait by itself.
    Known,
    /// When something happens by itself, or where to find what stands in another table.
    Index,
    /// What people of the agency look after: their inboxes, deadlines, and what was lost.
    People,
    /// What waits for somebody.
    Waits(Waiting),
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $letters:literal: $sort:expr,)*) => {
        $($(#[$doc])* pub const $name: Table = $letters;)*

        /// All tables, and what their rows are.
        pub const ALL: &[(Table, Sort)] = {
            use Sort::{Index, Known, People, Waits};
            &[$(($name, $sort),)*]
        };
    };
}

tables! {
    /// Competences that messages were addressed by.
    ADDRESSED = b"p0": Known,
    /// Answers to handovers, but for the one that brought the message.
    ANSWERS = b"ph": Known,
    /// The position up to which entries are folded.
    APPLIED = b"pa": Known,
    /// Attachments of messages.
    ATTACHMENTS = b"pA": Known,
    /// Messages by when their attachments come no more.
    ATTACHMENT_ENDS = b"pE": Index,
    /// Attachments owed to peers.
    ATTACHMENTS_OWED = b"pO": Waits(Waiting::Attachments),
    /// What of an attachment does not fit one row.
    ATTACHMENT_RESTS = b"pB": Known,
    /// How the attachments of messages go on.
    ATTACHMENT_WAYS = b"pG": Known,
    /// Answers to offers of attachments.
    ATTACHMENT_ANSWERS = b"pH": Known,
    /// Content that auditors are shown.
    AUDIT_GRANTS = b"pK": Known,
    /// Calls that were accepted.
    CALLS = b"pi": Known,
    /// Messages that must be concluded.
    CONCLUSIONS = b"pw": Waits(Waiting::Conclusions),
    /// Journals that showed two histories.
    CONFLICTS = b"pf": Known,
    /// Deadlines by their time.
    DEADLINES = b"pD": People,
    /// Erasures that one side asked the other for.
    ERASURES = b"pX": Known,
    /// Erasures that this node may answer by itself.
    ERASURES_TO_DO = b"pZ": Waits(Waiting::Erasures),
    /// Erasures that were asked for, by request.
    REQUEST_ERASURES = b"pY": Index,
    /// Reviews of content, by request and executing agency.
    REVIEWS = b"pR": People,
    /// What this agency must erase, by time.
    RETENTIONS = b"pT": People,
    /// Deadlines by when they must be noted.
    DEADLINES_TO_NOTE = b"pj": People,
    /// Drafts that somebody must approve, or did not.
    DRAFTS = b"pF": Known,
    /// Drafts that wait, by when they expire.
    DRAFTS_BY_END = b"pC": Index,
    /// Drafts that wait, by their ids.
    DRAFTS_WAITING = b"pQ": Waits(Waiting::Drafts),
    /// The directory that is followed.
    DIRECTORY = b"pd": Known,
    /// Messages by their expiry.
    EXPIRIES = b"pe": Index,
    /// Lengths of inboxes.
    INBOX_LENGTHS = b"pc": Known,
    /// Inboxes of desks, in pages.
    INBOX_PLACES = b"px": People,
    /// Messages that were lost, with what was shown of them.
    LOST = b"pL": People,
    /// Where it stands what was shown last of a message that is known.
    SHOWN = b"pI": Known,
    /// What was shown of a lost message and is said again once it is known here.
    SHOWN_BEFORE = b"pJ": Known,
    /// Messages that were lost here on their way, and that nobody is known to have from here.
    LOST_ON_THE_WAY = b"pU": Waits(Waiting::Lost),
    /// What of a message does not fit one row.
    MESSAGE_RESTS = b"pM": Known,
    /// Messages.
    MESSAGES = b"pm": Known,
    /// Requests, the newest first.
    NEWEST_REQUESTS = b"pl": Index,
    /// Notices owed to peers, in pages.
    NOTICES = b"pn": Waits(Waiting::Statements),
    /// Notices owed to peers, counted.
    NOTICE_COUNTS = b"pN": Known,
    /// Notes about messages that are not here yet.
    NOTES = b"p6": Known,
    /// Notes of this agency's own, by when what they say is erased.
    NOTE_ENDS = b"p7": People,
    /// Until when what notes of this agency's own say is kept.
    NOTES_KEPT = b"p8": Known,
    /// Messages by their place in a stream.
    ORDER_PLACES = b"pk": Waits(Waiting::Orders),
    /// Messages owed to peers.
    OUTBOX = b"po": Waits(Waiting::Messages),
    /// Agencies to which something was owed, now or before.
    OWED_TO = b"p5": Known,
    /// Messages owed, by stream.
    OUTBOX_STREAMS = b"pv": Index,
    /// Turns of origins in urgent lanes, while something waits there.
    OUTBOX_TURNS = b"p1": Known,
    /// Reviewing transits to which messages are sealed.
    READERS = b"py": Known,
    /// Requests by the marks of their references.
    REFERENCES = b"pz": Index,
    /// All that is known of a request, side by side under its id: see [`OfRequest`].
    REQUESTS = b"pr": Known,
    /// Alarms that were raised.
    RINGS = b"pb": Known,
    /// Messages that wait for an operator.
    SET_ASIDE = b"pP": Waits(Waiting::SetAside),
    /// Statements that were recorded and stand in no record of a message.
    STATEMENTS = b"pS": Known,
    /// Stations of messages that have more than their record holds.
    STATIONS = b"ps": Known,
    /// The next number of streams.
    STREAMS = b"pt": Known,
    /// Words of origins about their messages that were told on.
    TOLD = b"p4": Known,
    /// Agencies that had messages before they came here.
    TRAILS = b"pp": Known,
    /// Urgent messages that nobody took.
    UNCLAIMED = b"pu": People,
    /// Messages that a reviewing transit holds.
    UNDER_REVIEW = b"pq": Waits(Waiting::Reviews),
    /// Volumes of other journals that may be followed.
    VOLUMES = b"pW": Known,
    /// Words of origins about their messages that wait for a way.
    UNTOLD = b"p2": Waits(Waiting::Words),
    /// Ways that were chosen for messages instead of others.
    WAYS = b"pg": Known,
    /// Messages that their origin made void.
    VOID_MESSAGES = b"pV": Known,
    /// Words of origins about their messages, by when nobody waits for them any more.
    WORD_ENDS = b"p3": Index,
}

/// The sorts of rows of one request: the letter behind its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum OfRequest {
    /// What is the same for all executing agencies.
    Record = b'a',
    /// Its messages in order, in pages.
    Messages = b'b',
    /// Its executing agencies.
    Parties = b'c',
    /// The dockets at them.
    Dockets = b'd',
    /// The streams in which this agency sends.
    Sending = b'e',
    /// Acts that were listed before it was known.
    EarlyActs = b'f',
    /// Who has sight of it.
    Holders = b'g',
    /// The hold on it.
    Hold = b'h',
    /// The messages by which it was passed on to another agency.
    HandedOn = b'i',
}

/// Where in a key a request's id stands, if one does: at rest nobody reads it there (UNTOC 18(20)).
pub fn hidden_id(key: &[u8]) -> Option<usize> {
    const ID_BYTES: usize = 16;
    const TIME_BYTES: usize = 8;
    let table: &[u8; 2] = key.first_chunk()?;
    let behind = |bytes: usize| table.len().checked_add(bytes);
    match table {
        REQUESTS | REQUEST_ERASURES | REVIEWS => behind(0),
        REFERENCES => behind(ID_BYTES),
        DEADLINES | DEADLINES_TO_NOTE | RETENTIONS => behind(TIME_BYTES),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tables_share_their_letters_and_all_are_dropped_at_once() {
        let letters: std::collections::BTreeSet<_> = ALL.iter().map(|(table, _)| table).collect();
        assert_eq!(letters.len(), ALL.len());
        assert!(ALL.iter().all(|(table, _)| table.starts_with(b"p")));
    }

    #[test]
    fn each_sort_of_what_waits_is_what_the_rows_of_one_table_are() {
        for waiting in Waiting::ALL {
            let its = ALL.iter().filter(|(_, sort)| *sort == Sort::Waits(*waiting));
            assert_eq!(its.count(), 1, "{waiting:?}");
        }
    }
}
