//! The tables in which folded state lies: two letters in front of each key, no two tables the same.
//!
//! All begin with `p`, so that everything folded can be dropped at once.

/// The first two bytes of a table's keys.
pub type Table = &'static [u8; 2];

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $letters:literal,)*) => {
        $($(#[$doc])* pub const $name: Table = $letters;)*

        #[cfg(test)]
        const ALL: &[Table] = &[$($name,)*];
    };
}

tables! {
    /// Competences that messages were addressed by.
    ADDRESSED = b"p0",
    /// Answers to handovers, but for the one that brought the message.
    ANSWERS = b"ph",
    /// The position up to which entries are folded.
    APPLIED = b"pa",
    /// Attachments of messages.
    ATTACHMENTS = b"pA",
    /// Messages by when their attachments come no more.
    ATTACHMENT_ENDS = b"pE",
    /// Attachments owed to peers.
    ATTACHMENTS_OWED = b"pO",
    /// What of an attachment does not fit one row.
    ATTACHMENT_RESTS = b"pB",
    /// How the attachments of messages go on.
    ATTACHMENT_WAYS = b"pG",
    /// Answers to offers of attachments.
    ATTACHMENT_ANSWERS = b"pH",
    /// Content that auditors are shown.
    AUDIT_GRANTS = b"pK",
    /// Calls that were accepted.
    CALLS = b"pi",
    /// Messages that must be concluded.
    CONCLUSIONS = b"pw",
    /// Journals that showed two histories.
    CONFLICTS = b"pf",
    /// Deadlines by their time.
    DEADLINES = b"pD",
    /// Erasures that one side asked the other for.
    ERASURES = b"pX",
    /// Erasures that this node may answer by itself.
    ERASURES_TO_DO = b"pZ",
    /// Erasures that were asked for, by request.
    REQUEST_ERASURES = b"pY",
    /// Reviews of content, by request and executing agency.
    REVIEWS = b"pR",
    /// What this agency must erase, by time.
    RETENTIONS = b"pT",
    /// Deadlines by when they must be noted.
    DEADLINES_TO_NOTE = b"pj",
    /// Drafts that somebody must approve, or did not.
    DRAFTS = b"pF",
    /// Drafts that wait, by when they expire.
    DRAFTS_BY_END = b"pC",
    /// Drafts that wait, by their ids.
    DRAFTS_WAITING = b"pQ",
    /// The directory that is followed.
    DIRECTORY = b"pd",
    /// Messages by their expiry.
    EXPIRIES = b"pe",
    /// Lengths of inboxes.
    INBOX_LENGTHS = b"pc",
    /// Inboxes of desks, in pages.
    INBOX_PLACES = b"px",
    /// Messages that were lost, with what was shown of them.
    LOST = b"pL",
    /// Where it stands what was shown last of a message that is known.
    SHOWN = b"pI",
    /// What was shown of a lost message and is said again once it is known here.
    SHOWN_BEFORE = b"pJ",
    /// Messages that were lost here on their way, and that nobody is known to have from here.
    LOST_ON_THE_WAY = b"pU",
    /// What of a message does not fit one row.
    MESSAGE_RESTS = b"pM",
    /// Messages.
    MESSAGES = b"pm",
    /// Requests, the newest first.
    NEWEST_REQUESTS = b"pl",
    /// Notices owed to peers, in pages.
    NOTICES = b"pn",
    /// Notices owed to peers, counted.
    NOTICE_COUNTS = b"pN",
    /// Notes about messages that are not here yet.
    NOTES = b"p5",
    /// Messages by their place in a stream.
    ORDER_PLACES = b"pk",
    /// Messages owed to peers.
    OUTBOX = b"po",
    /// Messages owed, by stream.
    OUTBOX_STREAMS = b"pv",
    /// Turns of origins in urgent lanes, while something waits there.
    OUTBOX_TURNS = b"p1",
    /// Reviewing transits to which messages are sealed.
    READERS = b"py",
    /// Requests by the marks of their references.
    REFERENCES = b"pz",
    /// All that is known of a request, side by side under its id: see [`OfRequest`].
    REQUESTS = b"pr",
    /// Alarms that were raised.
    RINGS = b"pb",
    /// Messages that wait for an operator.
    SET_ASIDE = b"pP",
    /// Statements that were recorded and stand in no record of a message.
    STATEMENTS = b"pS",
    /// Stations of messages that have more than their record holds.
    STATIONS = b"ps",
    /// The next number of streams.
    STREAMS = b"pt",
    /// Words of origins about their messages that were told on.
    TOLD = b"p4",
    /// Agencies that had messages before they came here.
    TRAILS = b"pp",
    /// Urgent messages that nobody took.
    UNCLAIMED = b"pu",
    /// Messages that a reviewing transit holds.
    UNDER_REVIEW = b"pq",
    /// Volumes of other journals that may be followed.
    VOLUMES = b"pW",
    /// Words of origins about their messages that wait for a way.
    UNTOLD = b"p2",
    /// Ways that were chosen for messages instead of others.
    WAYS = b"pg",
    /// Messages that their origin made void.
    VOID_MESSAGES = b"pV",
    /// Words of origins about their messages, by when nobody waits for them any more.
    WORD_ENDS = b"p3",
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
        let letters: std::collections::BTreeSet<_> = ALL.iter().collect();
        assert_eq!(letters.len(), ALL.len());
        assert!(ALL.iter().all(|it| it.starts_with(b"p")));
    }
}
