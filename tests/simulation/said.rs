//! Judges that no node takes back what it has signed of a message or of an attachment, also not in the
//! next volume of its journal.
//!
//! Of what a node lost with its disk only that counts which had reached somebody: its hash stands in
//! another journal, or the message that it brought does; and that journal is no liar's, who may hide it. What
//! nobody else ever held was never said. What is said again of a lost entry, right behind the fact that a
//! neighbour has shown it, is no new word. Nor is a message taken over anew, if the next thing that is said of it
//! in this way is that it was given back; or one let go on that was before, if the next is that it was handed
//! over, as whoever took it has shown.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::{Hash, Journal, about, fact, of_header, of_reference};
use crate::proto::{self, Fields};
use crate::seen::{Id, Seen, Tally, count};

const NOT_TAKEN: u64 = fact::NOT_TAKEN;
const READ: u64 = 23;
const RELAYED: u64 = 60;
const ARRIVED: u64 = 61;
const REFUSED: u64 = 62;
const GIVEN_UP: u64 = 63;
const MISSED: u64 = 52;
const LET_GO_ON: u64 = 90;

/// What a word is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// A handover: of which header, from whom, the how-manieth.
    Handover(Vec<u8>, String, u64),
    /// A message, whatever became of single handovers of it.
    Message(Id),
    /// An attachment of a message, by its place.
    Attachment(Id, u64),
}

/// A word: the number of its fact, and its reason if it gives one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    fact: u64,
    reason: String,
}

/// Whether the later word can't be true if the earlier one was.
fn denies(subject: &Subject, earlier: &Word, later: &Word) -> bool {
    let onward = matches!(later.reason.as_str(), "HELD_ONWARD" | "KEPT_ONWARD");
    let too_late = matches!(later.reason.as_str(), "EXPIRED" | "ORDER_INVALID");
    match (subject, earlier.fact, later.fact) {
        (Subject::Handover(..), one, other) => (one == NOT_TAKEN) != (other == NOT_TAKEN),
        (Subject::Message(_), fact::UNDELIVERED, fact::SUBMITTED)
        | (Subject::Message(_), fact::RETURNED, fact::TAKEN_OVER | LET_GO_ON)
        | (Subject::Message(_), fact::CONTENT_ERASED, READ) => true,
        (Subject::Message(_), fact::CONTENT_ERASED, fact::ERASURE_REFUSED) => !onward,
        (Subject::Message(_), fact::DELIVERED, NOT_TAKEN) => too_late,
        (Subject::Attachment(..), RELAYED | ARRIVED | GIVEN_UP, REFUSED)
        | (Subject::Attachment(..), REFUSED | GIVEN_UP, RELAYED | ARRIVED) => true,
        (Subject::Message(_) | Subject::Attachment(..), _, _) => false,
    }
}

/// What an entry says, if it says something that is shown to others.
fn words(entry: &Fields) -> Vec<(Subject, Word)> {
    let Some((number, _)) = entry.iter().find(|(number, _)| **number >= 10) else {
        return Vec::new();
    };
    let said = proto::message(entry, *number);
    let word = |reason: String| Word { fact: *number, reason };
    let handed = |header: Vec<u8>| {
        let handover = proto::message(&said, 2);
        Subject::Handover(header, proto::text(&handover, 1), proto::number(&handover, 3))
    };
    match *number {
        fact::SUBMITTED => {
            vec![(Subject::Message(of_header(&proto::bytes(&said, 1))), word(String::new()))]
        }
        fact::TAKEN_OVER | fact::DELIVERED => {
            let header = proto::bytes(&said, 1);
            let hash = Sha256::digest(&header).to_vec();
            let message = Subject::Message(of_header(&header));
            vec![(handed(hash), word(String::new())), (message, word(String::new()))]
        }
        NOT_TAKEN => {
            let hash = proto::bytes(&proto::message(&said, 1), 3);
            let message = Subject::Message(of_reference(&said));
            let reason = proto::text(&said, 3);
            vec![(handed(hash), word(reason.clone())), (message, word(reason))]
        }
        fact::RETURNED | fact::UNDELIVERED | READ | fact::CONTENT_ERASED | LET_GO_ON => {
            vec![(Subject::Message(of_reference(&said)), word(String::new()))]
        }
        fact::ERASURE_REFUSED => {
            vec![(Subject::Message(of_reference(&said)), word(proto::text(&said, 2)))]
        }
        RELAYED..=GIVEN_UP => {
            let attachment = proto::message(&said, 1);
            let about =
                Subject::Attachment(of_reference(&attachment), proto::number(&attachment, 2));
            vec![(about, word(proto::text(&said, 3)))]
        }
        _ => Vec::new(),
    }
}

/// Hashes of the entries of others that a journal holds, as it recorded them or was shown them.
fn held(journal: &Journal) -> impl Iterator<Item = Vec<u8>> {
    journal.entries.iter().filter_map(|(_, entry)| {
        let of = |number, field| {
            entry.contains_key(&number).then(|| proto::bytes(&proto::message(entry, number), field))
        };
        of(fact::STATEMENT_RECORDED, 4).or_else(|| of(MISSED, 3))
    })
}

/// The hash of the lost entry that a fact says a neighbour has shown.
fn shown(entry: &Fields) -> Option<Vec<u8>> {
    entry.contains_key(&MISSED).then(|| proto::bytes(&proto::message(entry, MISSED), 3))
}

/// What a node said in the entries that it lost.
#[derive(Default)]
struct Lost {
    /// What somebody has heard of, by the hash of its entry.
    heard: BTreeMap<Vec<u8>, Vec<(Subject, Word)>>,
    /// What it had let go on, whether somebody has heard that or not.
    let_go_on: BTreeSet<Subject>,
}

impl Lost {
    /// What an entry says once more that was said there, by the entries right behind it: none if it is a new word.
    fn once_more(
        &self,
        (subject, word): (&Subject, &Word),
        next: &[(Vec<u8>, Fields)],
    ) -> Option<&'static str> {
        match word.fact {
            fact::TAKEN_OVER if self.is_given_back(subject, next) => {
                Some("taken over anew and given back at once")
            }
            LET_GO_ON if self.let_go_on.contains(subject) && is_handed_over(subject, next) => {
                Some("let go on once more and handed over at once")
            }
            _ => None,
        }
    }

    /// Whether the next entries say that a neighbour has shown the lost word by which the message was given
    /// back, and that word again.
    fn is_given_back(&self, message: &Subject, next: &[(Vec<u8>, Fields)]) -> bool {
        let [(_, told), (_, said), ..] = next else { return false };
        let is_return =
            |(subject, word): &(Subject, Word)| subject == message && word.fact == fact::RETURNED;
        let lost = shown(told).and_then(|it| self.heard.get(&it));
        lost.is_some_and(|it| it.iter().any(is_return)) && words(said).iter().any(is_return)
    }
}

/// Whether the next entry says that the message was handed over, which nobody does before it was let go on.
fn is_handed_over(message: &Subject, next: &[(Vec<u8>, Fields)]) -> bool {
    next.first().is_some_and(|(_, entry)| {
        let handed = || of_reference(&proto::message(entry, fact::HANDED_OVER));
        entry.contains_key(&fact::HANDED_OVER) && *message == Subject::Message(handed())
    })
}

fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// `stays-said`: what a node has signed of a message or an attachment, and others have heard, it never
/// denies later.
pub(super) fn what_was_said_stays_said(seen: &Seen, journals: &[Journal]) -> Result<Tally, String> {
    let mut tally = Tally::new();
    for (node, journal) in journals.iter().enumerate() {
        let mut said: BTreeMap<Subject, Vec<Word>> = BTreeMap::new();
        let mut lost = Lost::default();
        // Who means harm can keep to itself what it has heard.
        let honest = |at: usize| at != node && seen.harmful != Some(at);
        let others = || journals.iter().enumerate().filter(|(at, _)| honest(*at));
        let reached: BTreeSet<Vec<u8>> = others().flat_map(|(_, it)| held(it)).collect();
        let brought: BTreeSet<Id> = others()
            .flat_map(|(_, it)| [about(it, fact::TAKEN_OVER), about(it, fact::DELIVERED)].concat())
            .collect();
        let is_lost = seen.lost.as_ref().is_some_and(|it| it.node == node);
        let first = journal.volumes.first().map_or(0, |it| it.entries.len());
        let (before, after) = journal.entries.split_at(if is_lost { first } else { 0 });
        for (_, entry) in before {
            for (subject, word) in words(entry) {
                said.entry(subject).or_default().push(word);
            }
        }
        for (bytes, entry) in &journal.gap {
            let found = words(entry);
            let on = found.iter().filter(|(_, word)| word.fact == LET_GO_ON);
            lost.let_go_on.extend(on.map(|(subject, _)| subject.clone()));
            let is_brought = |(subject, word): &(Subject, Word)| match subject {
                Subject::Message(id) => word.fact == fact::SUBMITTED && brought.contains(id),
                Subject::Handover(..) | Subject::Attachment(..) => false,
            };
            if !reached.contains(&hash(bytes)[..]) && !found.iter().any(is_brought) {
                count(&mut tally, "lost and never heard");
                continue;
            }
            for (subject, word) in &found {
                said.entry(subject.clone()).or_default().push(word.clone());
            }
            lost.heard.insert(hash(bytes).to_vec(), found);
        }
        let (mut last, mut anew) = (None, BTreeSet::new());
        for (place, (_, entry)) in after.iter().enumerate() {
            let found = words(entry);
            let again = last.take().and_then(|it| lost.heard.get(&it));
            last = shown(entry);
            if again == Some(&found) {
                count(&mut tally, "said again as it was");
                continue;
            }
            for (subject, word) in found {
                let earlier = said.entry(subject.clone()).or_default();
                // What stands in the volume before is entered again, so that this one proves it, before all have
                // said what became of it.
                let is_first = anew.insert(subject.clone());
                if word.fact == fact::SUBMITTED && is_first && earlier.contains(&word) {
                    count(&mut tally, "submitted once more in a new volume");
                    continue;
                }
                if let Some(what) = lost.once_more((&subject, &word), &after[place + 1..]) {
                    count(&mut tally, what);
                    continue;
                }
                if let Some(denied) = earlier.iter().find(|it| denies(&subject, it, &word)) {
                    return Err(format!(
                        "stays-said: node {node} said {denied:?} and then {word:?} of {subject:?}"
                    ));
                }
                earlier.push(word);
            }
        }
    }
    Ok(tally)
}
