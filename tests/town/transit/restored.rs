//! The promise: a node whose disk was set back never denies what it has stated and others have heard; what
//! it lost on its way holds nobody up; and what it asked for stays asked for.

use std::sync::Arc;

use rogatory::clock::Clock;
use rogatory::directory::link::Link;
use rogatory::domain::competence::Competence;
use rogatory::domain::digest::Digest;
use rogatory::domain::draft::Draft;
use rogatory::domain::fact::{Fact, Reason};
use rogatory::domain::header::MessageKey;
use rogatory::domain::ids::{JournalName, MessageId, RequestId};
use rogatory::domain::retention::ErasureCause;
use rogatory::domain::station::Station;
use rogatory::domain::volume::VolumeFact;
use rogatory::entropy::SeededEntropy;
use rogatory::history::erasures::{self, Answer};
use rogatory::history::message::Custody;
use rogatory::identity::{Principal, Role};
use rogatory::journal::StoreJournal;
use rogatory::journal::files::memory::MemoryFiles;
use rogatory::journal::memory::{MemoryDisk, MemoryStore};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::store::{Batch, Store};
use rogatory::journal::volumes::{self, Volume};
use rogatory::merkle::checkpoint::SignedCheckpoint;
use rogatory::node::command::{
    Call, Command, InboxAct, Outcome, SetAsideAct, Submission, TransitAct,
};
use rogatory::node::content::{self, ContentError};
use rogatory::node::duties::due;
use rogatory::node::outstanding::{self, Owed, State};
use rogatory::node::recovery::{Beyond, Recovery};
use rogatory::node::rejection::RejectionReason;
use rogatory::node::sealing::{self, Plan};
use rogatory::node::setting::{Before, Setting};
use rogatory::node::turn::open_entry;
use rogatory::node::{Node, attachments, query, records};
use rogatory::wire;
use rogatory::wire::relay::Missing;
use serde_json::{Value, json};

use super::attached::{carry, file, hand_in};
use crate::corridor::{Corridor, desk_of};
use crate::support::{self, Federation, agency};

const REQUEST: [u8; 16] = *b"\x01\x9c\xad\xb0\x5d\xa8\x76\x4d\x8e\xde\xa5\x70\x47\x39\x07\xc3";
const OTHER_REQUEST: [u8; 16] =
    *b"\x01\x9c\xad\xb0\x5d\xa8\x76\x4d\x8e\xde\xa5\x70\x47\x39\x07\xc4";
const FIRST: &str = "019cadb0-eef7-70f4-8158-cde69e1d7f9d";
const SECOND: &str = "019cadb0-eef7-70f4-8158-cde69e1d7f9e";
const THIRD: &str = "019cadb0-eef7-70f4-8158-cde69e1d7f9f";
const CALLER: &str = "clerk";
const HOUR_MS: i64 = 3_600_000;

/// A disk as it was once, with its slots.
type Backup = (MemoryDisk, MemorySlots);

/// Three nodes in a row, and the disks under them.
struct Town {
    row: Corridor,
    federation: Federation,
    disks: [Backup; 3],
}

impl Town {
    fn grown() -> Self {
        let disks = std::array::from_fn(|_| (MemoryDisk::new(), MemorySlots::new()));
        let row = Corridor::on(&[], &disks);
        Self { row, federation: Federation::grow(1, 3, &[(0, 1), (1, 2)], &[]), disks }
    }

    /// The next version of the directory: agency 1, in the middle, reviews what passes.
    fn review_in_the_middle(&mut self) {
        self.federation.name_reviewing(1);
        self.follow();
    }

    /// All nodes follow the directory as it is now.
    fn follow(&mut self) {
        for node in &mut self.row.nodes {
            let directory = Arc::clone(&self.federation.directory);
            let decided = node.execute(vec![Command::AdoptDirectory(directory)]).unwrap().remove(0);
            assert!(decided.is_ok(), "{decided:?}");
        }
    }

    fn backup(&self, n: usize) -> Backup {
        (self.disks[n].0.copy(), self.disks[n].1.copy())
    }

    fn call(&self, n: usize, role: Role, key: &str) -> Call {
        let principal = Principal::new(agency(n), role, CALLER).unwrap();
        Call { principal, fingerprint: Digest::of(key.as_bytes()), key: key.to_owned() }
    }

    /// What the nodes have to do by themselves, and all that follows, until nothing does.
    fn settle(&mut self) {
        loop {
            let before: Vec<u64> = self.row.nodes.iter().map(|it| it.setting().next()).collect();
            for node in &mut self.row.nodes {
                let commands = due::commands(node.setting()).unwrap();
                drop(node.execute(commands).unwrap());
            }
            self.row.rest();
            let after: Vec<u64> = self.row.nodes.iter().map(|it| it.setting().next()).collect();
            if before == after {
                return;
            }
        }
    }

    /// Node `n` comes out of a backup: its journal goes on in the next volume, which the directory names
    /// and its neighbours have confirmed. The files beside its store are gone.
    fn set_back(&mut self, n: usize, backup: &Backup) {
        self.set_back_unheard(n, backup);
        self.row.rest();
        let recovery = Recovery::of(self.setting(n).store.as_ref()).unwrap();
        assert_eq!(recovery, None, "everybody has shown what it knows");
    }

    /// The same, before anybody has shown it anything.
    fn set_back_unheard(&mut self, n: usize, backup: &Backup) {
        self.set_back_counting(n, backup, |_, seen| seen);
    }

    /// The same; the directory counts the volume before up to a size that follows from what is here and what
    /// was seen of it. Gives what was seen.
    fn set_back_counting(
        &mut self,
        n: usize,
        (disk, slots): &Backup,
        counted: impl Fn(u64, u64) -> u64,
    ) -> u64 {
        let old = JournalName::new(agency(n), 1);
        let others = self.row.nodes.iter().filter(|it| it.setting().agency != agency(n));
        // What they have witnessed, and what came with statements.
        let notes = others.flat_map(|it| {
            let store = it.setting().store.as_ref();
            let seen = records::seen_note(store, &old).unwrap();
            seen.into_iter().chain(records::shown(store, &old).unwrap())
        });
        let size = |it: &Vec<u8>| SignedCheckpoint::parse(it).unwrap().checkpoint.size;
        let notes = notes.map(|it| (size(&it), it));
        let (seen, note) = notes.max_by_key(|it| it.0).expect("a neighbour has seen it");
        let store = MemoryStore::open(disk).unwrap();
        let store: Arc<dyn Store> = Arc::new(self.federation.sealed(n, store).unwrap());
        let files = Arc::new(MemoryFiles::new());
        let place =
            || (Arc::clone(&store), Box::new(slots.clone()) as Box<_>, files.clone() as Arc<_>);
        let clock = || Arc::clone(&self.row.clock) as Arc<dyn Clock>;
        let entropy = Arc::new(SeededEntropy::new(70 + n as u64));
        let setting = self.federation.setting_beside(n, place(), clock(), entropy.clone()).unwrap();
        let here = setting.journal.next();
        assert!(here < seen, "nothing of it is lost");
        begin(setting, (seen, &note), self.federation.keys(n, 2));
        self.federation.name_next_volume(n, counted(here, seen));
        let setting = self.federation.setting_beside(n, place(), clock(), entropy).unwrap();
        self.row.nodes[n] = Node::open(Arc::new(setting)).unwrap();
        for peer in (0..3).filter(|it| *it != n) {
            let directory = Arc::clone(&self.federation.directory);
            let mut commands = vec![Command::AdoptDirectory(directory)];
            if peer.abs_diff(n) == 1 {
                let call = self.call(peer, Role::Operator, "confirms");
                let journal = JournalName::new(agency(n), 2);
                commands.push(Command::ConfirmVolume { call, journal });
            }
            for command in commands {
                let decided = self.row.nodes[peer].execute(vec![command]).unwrap().remove(0);
                assert!(decided.is_ok(), "{decided:?}");
            }
        }
        seen
    }

    fn setting(&self, n: usize) -> &Arc<Setting> {
        self.row.nodes[n].setting()
    }

    /// Sends a message in always the same request.
    fn send(&mut self, way: (usize, usize), message: &str, said: Value, files: &[&[u8]]) {
        self.send_in(REQUEST, way, message, (said, files));
    }

    /// Sends a message in this request.
    fn send_in(
        &mut self,
        request: [u8; 16],
        (from, to): (usize, usize),
        message: &str,
        (said, files): (Value, &[&[u8]]),
    ) {
        for file in files {
            hand_in(&mut self.row, from, file);
        }
        let described = files.iter().zip(1..).map(|(file, number)| {
            json!({
                "id": format!("A{number}"), "name": format!("annex {number}.pdf"),
                "media_type": "application/pdf", "class": "evidence",
                "size_bytes": file.len(), "sha256": Digest::of(file).to_string(),
            })
        });
        let mut text = json!({
            "kind": "SOM.8.2.VESSEL", "facts": "a vessel without lights", "message_id": message,
            "from": desk_of(from, "desk"), "to": [desk_of(to, "desk")],
            "attachments": described.collect::<Vec<_>>(),
        });
        text.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let draft = wire::draft::read(wire::json::read_file(text.to_string().as_bytes()).unwrap());
        let attached =
            attachments::sending::prepare(self.setting(from), &draft.unwrap(), CALLER).unwrap();
        let request = RequestId::from_bytes(request);
        self.row.submit_with(from, message, request, &text.to_string(), &attached);
    }

    /// Sends a request of its own to whoever is competent, which is the desk of node `to`.
    fn request_by(&mut self, competence: Competence, (from, to): (usize, usize), message: &str) {
        let text = json!({
            "message_type": "request", "urgency": {"level": "priority", "reason": "It drifts"},
            "kind": "UNTOC.27.1.B.I.PERSON", "facts": "who is he", "message_id": message,
            "from": desk_of(from, "desk"), "to": [desk_of(to, "desk")],
        });
        let draft = wire::draft::read(wire::json::read_file(text.to_string().as_bytes()).unwrap());
        let draft = Draft { competence: Some(competence), ..draft.unwrap() };
        let (call, setting) = (self.call(from, Role::Officer, message), self.setting(from));
        let request = RequestId::from_bytes(OTHER_REQUEST);
        let plan = Plan { request, now: setting.clock.now(), expires_in_ms: HOUR_MS };
        let messages = sealing::prepare(setting, &draft, &plan).unwrap();
        let submission = Submission::of(call, draft, &plan, messages);
        let submit = Command::Submit(Box::new(submission));
        let decided = self.row.nodes[from].execute(vec![submit]).unwrap().remove(0);
        assert!(matches!(decided, Ok(Outcome::Submitted(_, false))), "{decided:?}");
    }

    fn request(&mut self, way: (usize, usize), files: &[&[u8]]) {
        let opening = json!({
            "message_type": "request", "urgency": {"level": "priority", "reason": "It drifts"},
        });
        self.send(way, FIRST, opening, files);
        self.row.rest();
    }

    fn supplement(&mut self, way: (usize, usize), message: &str) {
        let request = RequestId::from_bytes(REQUEST).to_string();
        let said = json!({
            "message_type": "supplement", "in_reply_to": FIRST, "request_id": request,
        });
        self.send(way, message, said, &[]);
    }

    /// Node 0 erases what it has sent.
    fn erase(&mut self, message: MessageKey, cause: ErasureCause) {
        let by = Some(self.call(0, Role::Officer, "erases").principal);
        let erase = Command::Erase { by, message, cause };
        let decided = self.row.nodes[0].execute(vec![erase]).unwrap().remove(0);
        assert!(matches!(decided, Ok(Outcome::Done(_))), "{decided:?}");
    }

    /// What the queue of node `n` has of a message, by both of its lists.
    fn queued(&self, n: usize, message: MessageKey) -> Vec<(State, &'static str, Option<Reason>)> {
        let line = |it: Owed| (it.state, it.state.must_act(), it.reason);
        let named = outstanding::of_id(self.setting(n), message.message()).unwrap().into_iter();
        let named: Vec<_> = named.map(line).collect();
        let (all, _) = outstanding::page(self.setting(n), false, None, 100).unwrap();
        let all = all.into_iter().filter(|it| it.key() == message).map(line);
        assert_eq!(all.collect::<Vec<_>>(), named);
        named
    }

    /// The facts of node `n` about attachments, by name.
    fn of_attachments(&self, n: usize) -> Vec<&'static str> {
        let facts = self.facts(n).into_iter().filter(|it| matches!(it, Fact::Attachment(_)));
        facts.map(|it| it.name()).collect()
    }

    /// The facts of the volume in which node `n` writes.
    fn facts(&self, n: usize) -> Vec<Fact> {
        let entries = self.setting(n).journal.read(0, 10_000).unwrap();
        entries.iter().map(|it| wire::entry::read(it).unwrap().fact).collect()
    }

    /// How the one attachment of the first message stands at node `n`.
    fn standing(&self, n: usize, key: MessageKey) -> &'static str {
        let view = query::message(self.setting(n), key).unwrap().unwrap();
        let is_destination = view.header.address.destination == agency(n);
        view.attachments[0].record.standing(is_destination).0
    }

    /// What the desk of node `n` lists.
    fn listed(&self, n: usize) -> Vec<String> {
        let places = query::inbox_page(self.setting(n), &support::desk(&agency(n)), 0, 100);
        let ids = places.unwrap().into_iter();
        ids.map(|(_, view)| view.header.address.message.to_string()).collect()
    }
}

/// The first entry of the next volume, as `node new-volume` makes it.
fn begin(old: Setting, (seen, note): (u64, &[u8]), keys: rogatory::node::setting::Keys) {
    let (before, size) = (old.journal_name.clone(), old.journal.next());
    let journal_name = JournalName::new(old.agency.clone(), 2);
    let store = Arc::clone(&old.store);
    let volume = Volume::of(Arc::clone(&store), 1);
    let journal = Arc::new(StoreJournal::open(volume, journal_name.clone()).unwrap());
    let mut batch = Batch::new();
    volumes::put_current(&mut batch, 1);
    records::put_conflict(&mut batch, note);
    let recovery = Recovery::begun(before.to_string(), size, Vec::new());
    recovery.put(store.as_ref(), &mut batch).unwrap();
    let shown = Some(Digest::of(note));
    let first = VolumeFact::Opened { before, size, seen, shown, unasked: Vec::new() };
    let mut earlier = old.before.volumes().to_vec();
    earlier.push(Arc::clone(&old.journal));
    let setting = Setting { journal_name, keys, journal, before: Before::of(earlier), ..old };
    Node::begin_volume(Arc::new(setting), first, "duty-1".to_owned(), batch).unwrap();
}

fn key(origin: usize, message: &str) -> MessageKey {
    let message: MessageId = message.parse().unwrap();
    MessageKey::new(&agency(origin), message)
}

fn is_readable(setting: &Setting, key: MessageKey) -> bool {
    let view = query::message(setting, key).unwrap().unwrap();
    match content::open(setting, &view.header) {
        Ok(_) => true,
        Err(ContentError::Absent) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn what_a_restored_destination_said_of_an_attachment_it_never_denies() {
    let bytes = file(300_000, 1);
    let key = key(1, FIRST);
    for comes_in_time in [true, false] {
        let mut town = Town::grown();
        let backup = town.backup(2);
        town.request((1, 2), &[&bytes]);
        carry(&mut town.row, 1, 2);
        town.row.rest();
        assert_eq!((town.standing(1, key), town.standing(2, key)), ("arrived", "arrived"));
        // Its neighbour sent the message, and hands it over again.
        town.set_back(2, &backup);
        assert_eq!(town.listed(2), [FIRST]);
        assert!(is_readable(town.setting(2), key));
        assert_eq!(town.of_attachments(2), ["attachment_arrived"], "it is said again");
        assert_eq!(town.standing(2, key), "lost");
        if comes_in_time {
            carry(&mut town.row, 1, 2);
            assert_eq!(town.standing(2, key), "arrived");
        } else {
            town.row.clock.advance(HOUR_MS + 130_000);
            town.settle();
            carry(&mut town.row, 1, 2);
            assert_eq!(town.standing(2, key), "lost", "its bytes have not come again");
        }
        town.settle();
        assert_eq!(town.of_attachments(2), ["attachment_arrived"; 2]);
        assert_eq!(town.standing(1, key), "arrived");
    }
}

#[test]
fn what_a_restored_transit_said_of_an_attachment_it_never_denies() {
    let bytes = file(300_000, 2);
    let key = key(0, FIRST);
    let mut town = Town::grown();
    let backup = town.backup(1);
    town.request((0, 2), &[&bytes]);
    carry(&mut town.row, 0, 1);
    assert_eq!((town.standing(0, key), town.standing(1, key)), ("passed_on", "waiting"));
    town.set_back(1, &backup);
    assert_eq!(town.of_attachments(1), ["attachment_relayed"], "{:?}", town.facts(1));
    assert_eq!(town.standing(1, key), "lost");
    // Its expiry has passed before it comes again: the transit gives up what it had, and says nothing else.
    town.row.clock.advance(HOUR_MS + 130_000);
    town.settle();
    assert_eq!(town.of_attachments(1), ["attachment_relayed", "attachment_returned"]);
}

/// A message that node 1 takes over after the backup, and that nobody can hand over again: its origin has
/// erased it meanwhile.
fn taken_over_after_the_backup() -> (Town, Backup) {
    let mut town = Town::grown();
    town.request((0, 2), &[]);
    let backup = town.backup(1);
    town.supplement((0, 2), SECOND);
    town.row.session(0, 1);
    town.erase(key(0, SECOND), ErasureCause::OwnDecision);
    (town, backup)
}

/// Node 0 has stated once that it is lost.
fn is_stated_lost_once(town: &Town) -> bool {
    let ended = |it: &Fact| matches!(it, Fact::Undelivered { reason: Reason::Lost, .. });
    town.facts(0).iter().filter(|it| ended(it)).count() == 1
}

#[test]
fn what_a_restored_transit_lost_on_its_way_holds_up_nobody() {
    let (mut town, backup) = taken_over_after_the_backup();
    town.set_back(1, &backup);
    town.supplement((0, 2), THIRD);
    town.row.rest();
    assert_eq!(town.listed(2), [FIRST], "the third one waits for the second");
    let lost = town.queued(1, key(0, SECOND));
    assert_eq!(lost, [(State::LostOnTheWay, "peer", Some(Reason::Lost))]);
    let waits = town.queued(2, key(0, THIRD));
    assert_eq!(waits, [(State::WaitingForOrder, "peer", None)]);
    town.settle();
    assert_eq!(town.queued(1, key(0, SECOND)), []);
    assert_eq!(town.listed(2), [FIRST, THIRD]);
    let given_up = |it: &Fact| matches!(it, Fact::Returned { reason: Reason::Lost, .. });
    assert!(town.facts(1).iter().any(given_up), "{:?}", town.facts(1));
    assert!(is_stated_lost_once(&town), "{:?}", town.facts(0));
}

#[test]
fn what_is_shown_beyond_what_the_directory_counts_is_named_and_taken_once_it_counts() {
    let (mut town, backup) = taken_over_after_the_backup();
    // Its operator names the size that is here, and not the one that was seen.
    let seen = town.set_back_counting(1, &backup, |here, _| here);
    let asks = |town: &Town| Recovery::of(town.setting(1).store.as_ref()).unwrap();
    for _ in 0..2 {
        town.row.rest();
        let recovery = asks(&town).expect("something is left to ask");
        assert!(recovery.settled, "it works on");
        let beyond = recovery.beyond(town.setting(1));
        let [Beyond { by, journal, size, counts }] = &beyond[..] else { panic!("{beyond:?}") };
        assert_eq!((by, journal.volume(), *size), (&agency(0), 1, seen));
        assert!(*counts < seen);
        assert_eq!(town.queued(1, key(0, SECOND)), [], "it counts for nobody");
    }
    // A greater one that is too small all the same changes nothing.
    for (size, is_enough) in [(seen - 1, false), (seen, true)] {
        town.federation.name_retired_size(1, size);
        town.follow();
        town.row.rest();
        assert_eq!(asks(&town).is_none(), is_enough, "{size} of {seen}");
    }
    let lost = town.queued(1, key(0, SECOND));
    assert_eq!(lost, [(State::LostOnTheWay, "peer", Some(Reason::Lost))]);
    town.settle();
    assert!(is_stated_lost_once(&town), "{:?}", town.facts(0));
}

#[test]
fn a_restored_transit_that_asks_twice_is_asked_about_what_it_took_and_refuses_nothing() {
    let mut town = Town::grown();
    let backup = town.backup(1);
    town.request((0, 2), &[]);
    assert_eq!(town.listed(2), [FIRST]);
    town.set_back_unheard(1, &backup);
    let message = key(0, FIRST);
    let custody = |town: &Town, n: usize| {
        query::message(town.setting(n), message).unwrap().unwrap().record.custody
    };
    let lost = JournalName::new(agency(1), 1);
    let missing = Missing { journal: lost, size: 0, from: 0 };
    for _ in 0..2 {
        let ask = Command::ShowMissed { peer: agency(1), missing: missing.clone() };
        let decided = town.row.nodes[0].execute(vec![ask]).unwrap().remove(0);
        let Ok(Outcome::Shown(shown)) = decided else { panic!("{decided:?}") };
        let of_it = shown.statements.iter().filter(|it| {
            let fact = wire::entry::read(&it.entry).unwrap().fact;
            fact.name() == "taken_over" && fact.message().unwrap().key() == message
        });
        assert_eq!(of_it.count(), 0, "it gets the message itself");
        assert_eq!(custody(&town, 0), Custody::InDoubt { peer: agency(1), number: 2 });
    }
    town.row.rest();
    town.row.clock.advance(HOUR_MS + 130_000);
    town.settle();
    assert_eq!([custody(&town, 0), custody(&town, 1)], [Custody::PassedOn, Custody::PassedOn]);
    assert_eq!(town.listed(2), [FIRST]);
    let names: Vec<_> = town.facts(0).iter().map(Fact::name).collect();
    assert_eq!(names.iter().filter(|it| **it == "handed_over").count(), 2, "{names:?}");
    assert!(!names.contains(&"undelivered"), "{names:?}");
}

#[test]
fn what_a_restored_reviewing_transit_lost_is_given_up_and_waits_for_no_officer() {
    let mut town = Town::grown();
    town.review_in_the_middle();
    let backup = town.backup(1);
    town.request((0, 2), &[]);
    let message = key(0, FIRST);
    let custody = |town: &Town, n: usize| {
        query::message(town.setting(n), message).unwrap().unwrap().record.custody
    };
    assert_eq!(custody(&town, 1), Custody::UnderReview);
    // Nobody can hand it over again.
    town.erase(message, ErasureCause::OwnDecision);
    town.set_back(1, &backup);
    assert!(!is_readable(town.setting(1), message));
    let call = town.call(1, Role::Officer, "lets go");
    let release = Command::OfTransit { call, message, act: TransitAct::Release };
    let decided = town.row.nodes[1].execute(vec![release]).unwrap().remove(0);
    assert_eq!(decided.unwrap_err().reason, RejectionReason::StateForbids, "there is nothing");
    town.settle();
    assert_eq!(custody(&town, 1), Custody::Ended { reason: Reason::Lost });
    assert_eq!(custody(&town, 0), Custody::Ended { reason: Reason::Lost });
    assert_eq!(town.listed(2), Vec::<String>::new());
}

/// A reviewing transit lets a message go on and loses that, with the message or without.
fn let_go_on(is_message_kept: bool) {
    let mut town = Town::grown();
    town.review_in_the_middle();
    let before = town.backup(1);
    town.request((0, 2), &[]);
    let backup = if is_message_kept { town.backup(1) } else { before };
    let message = key(0, FIRST);
    let call = town.call(1, Role::Officer, "lets go");
    let release = Command::OfTransit { call, message, act: TransitAct::Release };
    let decided = town.row.nodes[1].execute(vec![release]).unwrap().remove(0);
    assert!(matches!(decided, Ok(Outcome::Done(_))), "{decided:?}");
    town.row.rest();
    assert_eq!(town.listed(2), [FIRST]);
    town.set_back(1, &backup);
    town.settle();
    let custody = query::message(town.setting(1), message).unwrap().unwrap().record.custody;
    assert_eq!(custody, Custody::PassedOn);
    let released = |it: &Fact| it.name() == "transit_released";
    assert_eq!(town.facts(1).iter().filter(|it| released(it)).count(), 1, "it is said again");
    let names: Vec<_> = town.facts(0).iter().map(Fact::name).collect();
    assert!(!names.contains(&"undelivered"), "{names:?}");
    assert_eq!(town.listed(2), [FIRST]);
}

#[test]
fn what_a_reviewing_transit_let_go_on_before_it_lost_that_is_passed_on_all_the_same() {
    let_go_on(false);
    let_go_on(true);
}

#[test]
fn nobody_gives_back_what_a_neighbour_may_have_that_is_still_asked() {
    let mut town = Town::grown();
    town.review_in_the_middle();
    town.request((0, 2), &[]);
    let opening = json!({
        "message_type": "request", "urgency": {"level": "priority", "reason": "It drifts"},
    });
    town.send_in(OTHER_REQUEST, (1, 2), SECOND, (opening, &[]));
    let backup = town.backup(1);
    let decided = |town: &mut Town, command: Command| {
        town.row.nodes[1].execute(vec![command]).unwrap().remove(0)
    };
    let call = town.call(1, Role::Officer, "lets go");
    let release = Command::OfTransit { call, message: key(0, FIRST), act: TransitAct::Release };
    assert!(matches!(decided(&mut town, release), Ok(Outcome::Done(_))));
    // That it goes on hears its next hop alone.
    town.row.session(1, 2);
    assert_eq!(town.listed(2), [FIRST, SECOND]);
    let links = town.federation.directory.draft().links;
    town.set_back_unheard(1, &backup);
    town.federation.name_links(vec![links[0].clone()]);
    town.follow();
    town.row.session(1, 0);

    let message = key(1, SECOND);
    let set_aside = Command::SetAside { message, reason: Reason::HandlingForbids };
    assert!(matches!(decided(&mut town, set_aside), Ok(Outcome::Done(_))));
    let acts = [
        Command::OfTransit {
            call: town.call(1, Role::Officer, "gives back"),
            message: key(0, FIRST),
            act: TransitAct::Return(Reason::ReviewForm),
        },
        Command::OfSetAside {
            call: town.call(1, Role::Operator, "returns"),
            message,
            act: SetAsideAct::Return,
        },
    ];
    for act in acts {
        let refused = decided(&mut town, act).unwrap_err();
        assert_eq!(refused.reason, RejectionReason::JournalUnconfirmed, "{}", refused.text);
    }
    town.federation.name_links(links);
    town.follow();
    town.settle();
    let custody =
        |key: MessageKey| query::message(town.setting(1), key).unwrap().unwrap().record.custody;
    assert_eq!(custody(key(0, FIRST)), Custody::PassedOn);
}

#[test]
fn what_a_restored_origin_sent_another_way_than_at_first_is_with_whoever_took_it() {
    let mut town = Town::grown();
    let links = town.federation.directory.draft().links;
    town.row.rest();
    let backup = town.backup(1);
    // When it is sent the way from 1 to 2 leads by 0; before it goes there is a straight one, and no other.
    let by_zero = Link { b: agency(2), ..links[0].clone() };
    town.federation.name_links(vec![links[0].clone(), by_zero]);
    town.follow();
    let opening = json!({
        "message_type": "request", "urgency": {"level": "priority", "reason": "It drifts"},
    });
    town.send((1, 2), FIRST, opening, &[]);
    let message = key(1, FIRST);
    let custody =
        |town: &Town| query::message(town.setting(1), message).unwrap().unwrap().record.custody;
    assert_eq!(custody(&town), Custody::Waiting { peer: agency(0) });
    town.federation.name_links(vec![links[1].clone()]);
    town.follow();
    town.settle();
    assert_eq!(custody(&town), Custody::PassedOn);
    town.federation.name_links(links);
    town.follow();
    town.settle();

    town.set_back(1, &backup);
    town.settle();
    let way = town.facts(1).into_iter().filter(|it| matches!(it, Fact::WayChosen { .. })).count();
    assert_eq!((custody(&town), way), (Custody::PassedOn, 1));
    town.row.clock.advance(40 * 24 * HOUR_MS);
    town.settle();
    let ended = |it: &Fact| matches!(it, Fact::Undelivered { .. });
    assert!(!town.facts(1).iter().any(ended), "it was delivered");
}

#[test]
fn what_a_neighbour_knows_that_takes_no_part_for_a_while_is_asked_for_once_it_does_again() {
    let mut town = Town::grown();
    town.row.rest();
    let backup = town.backup(1);
    town.request((0, 1), &[]);
    assert_eq!(town.listed(1), [FIRST]);
    town.set_back_unheard(1, &backup);
    let links = town.federation.directory.draft().links;
    town.federation.name_links(vec![links[1].clone()]);
    town.follow();
    town.row.session(1, 2);
    let asked = |town: &Town| {
        let recovery = Recovery::of(town.setting(1).store.as_ref()).unwrap();
        recovery.map(|it| (it.settled, it.unanswered(Vec::new())))
    };
    assert_eq!(asked(&town), Some((true, vec![agency(0)])), "it works, and 0 is still to be asked");
    assert!(town.listed(1).is_empty());
    town.federation.name_links(links);
    town.follow();
    // It sees more of that one's journal before it asks.
    let name = JournalName::new(agency(0), 1);
    let seen = |town: &Town| {
        records::seen(town.setting(1).store.as_ref(), &name).unwrap().map_or(0, |it| it.size)
    };
    let before = seen(&town);
    town.row.session(0, 1);
    assert!(seen(&town) > before);
    town.settle();
    assert_eq!((asked(&town), town.listed(1)), (None, vec![FIRST.to_owned()]));
}

/// Node 1 hands `more` messages after the first over to node 2, and loses that; 2 is no neighbour of it by the
/// directory under which 1 works again. What it sends to 0 then is not handed over, and after that all have
/// expired. Gives the first two messages, and the links as they were.
fn expired_before_all_were_asked(more: u64) -> (Town, [MessageKey; 2], Vec<Link>) {
    let mut town = Town::grown();
    town.row.rest();
    let links = town.federation.directory.draft().links;
    let opening = json!({
        "message_type": "request", "urgency": {"level": "priority", "reason": "It drifts"},
    });
    town.send((1, 2), FIRST, opening.clone(), &[]);
    let further = |n: u64| format!("019cadb0-eef7-70f4-8158-{n:012x}");
    for n in 1..=more {
        let mut request = REQUEST;
        request[..8].copy_from_slice(&n.to_be_bytes());
        town.send_in(request, (1, 2), &further(n), (opening.clone(), &[]));
    }
    let backup = town.backup(1);
    town.row.rest();
    assert_eq!(town.listed(2)[..2], [FIRST.to_owned(), further(1)]);
    town.set_back_unheard(1, &backup);
    town.federation.name_links(vec![links[0].clone()]);
    town.follow();
    town.row.session(1, 0);
    let both = [key(1, FIRST), key(1, &further(1))];
    let waits = vec![(State::WaitingForWay, "operator", Some(Reason::LinkEnded))];
    assert_eq!(town.queued(1, both[0]), waits);
    town.send_in(OTHER_REQUEST, (1, 0), THIRD, (opening, &[]));
    town.row.clock.advance(40 * 24 * HOUR_MS);
    (town, both, links)
}

/// What node 1 states undelivered.
fn undelivered(town: &Town) -> Vec<MessageId> {
    let facts = town.facts(1).into_iter().filter(|it| matches!(it, Fact::Undelivered { .. }));
    facts.filter_map(|it| it.message().map(|it| it.message)).collect()
}

/// One round of what is due at node 1.
fn look_once(town: &mut Town) {
    let commands = due::commands(town.setting(1)).unwrap();
    drop(town.row.nodes[1].execute(commands).unwrap());
}

#[test]
fn what_a_restored_origin_handed_over_and_lost_ends_only_once_whoever_may_have_it_was_asked() {
    let (mut town, both, links) = expired_before_all_were_asked(1);
    look_once(&mut town);
    let third = vec![key(1, THIRD).message()];
    assert_eq!(undelivered(&town), third, "that it was never handed over is known");
    let asked = vec![(State::AskedAbout, "peer", Some(Reason::LinkEnded))];
    assert_eq!(both.map(|it| town.queued(1, it)), [asked.clone(), asked]);

    town.federation.name_links(links);
    town.follow();
    town.settle();
    for message in both {
        let record = query::message(town.setting(1), message).unwrap().unwrap().record;
        assert_eq!((town.queued(1, message), record.custody), (Vec::new(), Custody::PassedOn));
    }
    assert_eq!(undelivered(&town), third);
}

#[test]
fn what_must_not_end_yet_holds_up_nothing_that_may_however_much_there_is() {
    // More than are looked at in one round.
    let (mut town, ..) = expired_before_all_were_asked(300);
    look_once(&mut town);
    assert_eq!(undelivered(&town), []);
    look_once(&mut town);
    assert_eq!(undelivered(&town), [key(1, THIRD).message()]);
}

#[test]
fn an_erasure_that_a_restored_origin_asked_for_stays_asked_for() {
    let mut town = Town::grown();
    town.request((0, 2), &[]);
    let backup = town.backup(0);
    let message = key(0, FIRST);
    town.erase(message, ErasureCause::AuthorityOrder);
    town.settle();
    assert!(is_readable(town.setting(2), message), "the other side decides by itself");
    town.set_back(0, &backup);
    let setting = town.setting(0);
    assert!(!is_readable(setting, message), "what was erased after the backup is erased again");
    let asked = erasures::find(setting.store.as_ref(), message).unwrap().unwrap();
    assert_eq!((asked.cause, asked.answer), (ErasureCause::AuthorityOrder, None));
    // The answer is heard as if nothing had been lost.
    let call = town.call(2, Role::Officer, "keeps");
    let keep = Command::RefuseErasure { call, message, reason: Reason::LawRequires };
    let decided = town.row.nodes[2].execute(vec![keep]).unwrap().remove(0);
    assert!(matches!(decided, Ok(Outcome::Done(_))), "{decided:?}");
    town.settle();
    let asked = erasures::find(town.setting(0).store.as_ref(), message).unwrap().unwrap();
    assert_eq!(asked.answer, Some(Answer::Refused(Reason::LawRequires)));
}

#[test]
fn what_is_stated_again_stays_addressed_by_the_competence_and_the_directory_of_the_first_time() {
    let function = "interpol_ncb";
    let competence = Competence::read("int", function).unwrap();
    let mut town = Town::grown();
    town.federation.name_competent(2, function);
    town.follow();
    let key = key(1, SECOND);
    town.request_by(competence, (1, 2), SECOND);
    let addressed = |town: &Town| query::message(town.setting(1), key).unwrap().unwrap().addressed;
    let at_first = addressed(&town).expect("it is kept");
    let directory_version = town.setting(1).directory().version();
    assert_eq!((at_first.competence, at_first.directory_version), (competence, directory_version));
    let backup = town.backup(1);
    // What follows is seen by the neighbour on the other side alone, and lost.
    let opening = json!({
        "message_type": "request", "urgency": {"level": "priority", "reason": "It drifts"},
    });
    town.send((1, 0), THIRD, opening, &[]);
    town.row.session(1, 0);
    town.set_back(1, &backup);
    assert_eq!(town.listed(2), [SECOND]);
    let setting = town.setting(1);
    let entries = setting.journal.read(0, 10_000).unwrap();
    let opened = (0..).zip(&entries).map(|(at, it)| open_entry(setting, at, it).unwrap());
    let again: Vec<_> = opened
        .filter(|it| matches!(&it.entry.fact, Fact::Submitted { header } if header.key() == key))
        .collect();
    assert_eq!(again.len(), 1, "it is stated again");
    // It would name a directory by which nobody asked who is competent.
    assert!(again[0].entry.directory_version > directory_version);
    assert_eq!(again[0].skeleton.competence, None);
    assert_eq!(addressed(&town), Some(at_first));
}

#[test]
fn what_a_restored_origin_lost_and_its_transit_gave_back_holds_up_nothing_that_follows() {
    let mut town = Town::grown();
    town.request((0, 2), &[]);
    let backup = town.backup(0);
    town.supplement((0, 2), SECOND);
    town.row.session(0, 1);
    town.row.clock.advance(HOUR_MS + 130_000);
    for command in due::commands(town.setting(1)).unwrap() {
        town.row.nodes[1].execute(vec![command]).unwrap().remove(0).unwrap();
    }
    let gave_back = |it: &Fact| matches!(it, Fact::Returned { reason: Reason::Expired, .. });
    assert_eq!(town.facts(1).iter().filter(|it| gave_back(it)).count(), 1);
    town.set_back(0, &backup);
    town.supplement((0, 2), THIRD);
    town.settle();
    assert_eq!(town.listed(2), [FIRST, THIRD]);
    let message = key(0, SECOND);
    let ended = |it: &Fact| matches!(it, Fact::Undelivered { message: of, reason: Reason::Expired, .. } if of.key() == message);
    assert_eq!(town.facts(0).iter().filter(|it| ended(it)).count(), 1);
    assert!(query::message(town.setting(0), message).unwrap().is_none(), "its header is enough");
}

#[test]
fn what_was_told_of_a_message_before_it_came_to_a_restored_transit_again_is_heard_beyond_it() {
    let mut town = Town::grown();
    let backup = town.backup(1);
    town.request((0, 2), &[]);
    let (message, call) = (key(0, FIRST), town.call(2, Role::Officer, "reads"));
    town.set_back_unheard(1, &backup);
    // Both have shown what they know; the first one has not handed it over again.
    town.row.session(1, 2);
    town.row.session(1, 0);
    assert_eq!(Recovery::of(town.setting(1).store.as_ref()).unwrap(), None);
    let read = Command::Inbox { call, message, act: InboxAct::Read };
    town.row.nodes[2].execute(vec![read]).unwrap().remove(0).unwrap();
    town.row.session(2, 1);
    assert!(query::message(town.setting(1), message).unwrap().is_none());
    town.settle();
    let view = query::message(town.setting(0), message).unwrap().unwrap();
    let said: Vec<_> = view.stations.iter().map(|it| it.record.station).collect();
    assert!(said.contains(&Station::Retrieved), "{said:?}");
}
