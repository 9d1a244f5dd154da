//! What a finished run left behind, as plain values: bytes of journals, what clients were told, what
//! left nodes, and what the product shows when it is asked. `observed.rs` fills it in, the checker judges it.

use std::collections::{BTreeMap, BTreeSet};

/// Which message: (origin, id).
pub type Id = (String, Vec<u8>);

/// How often each thing happened.
pub type Tally = BTreeMap<&'static str, u64>;

/// Counts one occurrence.
pub fn count(tally: &mut Tally, what: &'static str) {
    *tally.entry(what).or_default() += 1;
}

/// What the product answers when it is asked, or why it does not.
pub type Answer<T> = Result<T, String>;

/// A request at one of its executing agencies.
pub type AtAgency = (Vec<u8>, String);

/// The states of requests, item by item.
pub type Courses = BTreeMap<AtAgency, Vec<String>>;

/// A message that was acknowledged to its client.
#[derive(Clone, Debug)]
pub struct Told {
    /// The node that took it.
    pub origin: usize,
    /// Its id.
    pub message: Vec<u8>,
    /// Position of the entry.
    pub position: u64,
    /// What was attached.
    pub files: Vec<Vec<u8>>,
}

/// A station of a message, as its node shows it.
#[derive(Clone, Debug)]
pub struct Station {
    /// Its name.
    pub name: String,
    /// Who states it.
    pub agency: String,
    /// Whether that is the node which shows it.
    pub own: bool,
    /// The entry and its proof.
    pub receipt: Option<(Vec<u8>, Vec<u8>)>,
}

/// What a node has of a message's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The node does not know the message.
    Unknown,
    /// It opens.
    Opens,
    /// It is not here.
    Absent,
    /// It fails otherwise.
    Fails(String),
}

/// A competence, and to whom it led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The country, or `int`.
    pub country: String,
    /// The function.
    pub function: String,
    /// The desk.
    pub desk: String,
    /// By which version of the directory.
    pub version: u64,
}

/// One agency: what its disk holds, and what its node shows of that.
#[derive(Clone)]
pub struct Node {
    /// Its name.
    pub agency: String,
    /// The key of its skeletons.
    pub skeleton_key: [u8; 32],
    /// The entries of each volume of its journal.
    pub volumes: Vec<Vec<Vec<u8>>>,
    /// Bytes that its store holds.
    pub store_bytes: usize,
    /// Most commands that waited for its writer at once.
    pub queue_max: usize,
    /// Whether it erases by itself what the other side asks it to.
    pub honours_at_once: bool,
    /// Shown: its inbox, places with headers.
    pub inbox: Answer<Vec<(u64, Vec<u8>)>>,
    /// Shown: the inbox of the other name that its desk had for a while.
    pub elsewhere: Answer<Vec<(u64, Vec<u8>)>>,
    /// Shown: the hashes of its rows before and after they were dropped and folded again; none where a
    /// broken port may refuse to drop rows.
    pub refolded: Answer<Option<(String, String)>>,
    /// Shown: stations of what it acknowledged; none where it does not know the message.
    pub stations: BTreeMap<Id, Answer<Option<Vec<Station>>>>,
    /// Shown: contents of what it sent, was sent, or passed on.
    pub contents: BTreeMap<Id, Content>,
    /// Shown: of which messages it knows the particulars.
    pub particulars: BTreeSet<Id>,
    /// Shown: attachments that came here, opened.
    pub attachments: BTreeMap<(Id, u64), Vec<u8>>,
    /// Shown: the states of its requests, item by item, by executing agency.
    pub courses: Answer<Courses>,
    /// Its time at the end, in milliseconds.
    pub now: i64,
    /// Shown: until when each neighbour is cut off that is, and for what.
    pub cut_off: Answer<BTreeMap<String, (i64, String)>>,
    /// Shown: the competences by which messages were addressed.
    pub competences: BTreeMap<Id, Named>,
    /// Shown: the latest checkpoint of its journal that each neighbour cosigned.
    pub cosigned: Answer<Vec<(String, Vec<u8>)>>,
}

/// What a node had when its disk was set back.
#[derive(Clone)]
pub struct Lost {
    /// Which node.
    pub node: usize,
    /// Entries that it still has.
    pub size: u64,
    /// All entries of its journal, as it stood.
    pub entries: Vec<Vec<u8>>,
    /// What it had acknowledged to clients, and has no more.
    pub acknowledged: Vec<Told>,
    /// What it had listed in its inbox, with the places.
    pub listed: Vec<(u64, Id)>,
}

/// All of it.
#[derive(Clone)]
pub struct Seen {
    /// The agencies.
    pub nodes: Vec<Node>,
    /// The newest directory, as text.
    pub directory: String,
    /// What clients were told.
    pub acknowledged: Vec<Told>,
    /// What was refused: origin and the id that its client gave it.
    pub refused: Vec<(usize, Vec<u8>)>,
    /// Refusals that say too little.
    pub silent: Vec<String>,
    /// What somebody was permitted whose role it is not.
    pub permitted: Vec<String>,
    /// What nodes said is erased there.
    pub erased: Vec<(usize, Id)>,
    /// What nodes would not send again: it was sent before.
    pub sent_before: Vec<(usize, Vec<u8>)>,
    /// The requests in which clients wanted messages sent.
    pub requests: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The competences that clients named, country and function, by message.
    pub asked: BTreeMap<Id, (String, String)>,
    /// Whose disk was set back, if one was.
    pub lost: Option<Lost>,
    /// Who reviews what passes through.
    pub reviewing: Vec<usize>,
    /// What is held for review there and could not be read.
    pub unread: Vec<String>,
    /// To whom each message that left its origin is sealed.
    pub sealed_to: BTreeMap<Id, BTreeSet<String>>,
    /// The links that carry something once everything has healed.
    pub links_alive: Vec<(usize, usize)>,
    /// The link that never carries anything, if there is one.
    pub link_dead: Option<(usize, usize)>,
    /// Agencies whose desk had another name for a while.
    pub moved: BTreeSet<String>,
    /// Agencies that took no part for a while.
    pub absent: BTreeSet<String>,
    /// Who means harm, if somebody does.
    pub harmful: Option<usize>,
    /// What stands in every content and nowhere in clear.
    pub marker: &'static str,
    /// Every envelope that left a node.
    pub clear: Vec<Vec<u8>>,
    /// Every checkpoint that left a node.
    pub checkpoints: BTreeSet<Vec<u8>>,
}
