//! Judges why a message was not delivered: after everything has healed, each that nobody refused and that
//! has not expired is. And why a transit gave a message back.

use super::{Journal, address, fact, lost, of_header, of_reference, recorded_at};
use crate::proto::{self, Fields};
use crate::seen::{Id, Seen, Tally, count};

/// By how much two clocks may differ, in milliseconds.
const SKEW_MS: i64 = 120_000;
/// Where a skeleton says what a recorded statement said.
const DETAIL: u64 = 10;

/// What a node says ends its copy, or why it takes none.
struct Word<'a> {
    node: usize,
    /// The number of the fact.
    fact: u64,
    reason: String,
    at: i64,
    skeleton: &'a Fields,
    /// What the journal had said before, and the agency's own part of that.
    before: &'a [(Vec<u8>, Fields)],
    before_own: &'a [Fields],
}

/// Where a message is at a node, by the node's own entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Nowhere,
    Here,
    /// Offered to this agency, which has not answered.
    Offered(String),
    Passed,
}

/// How a message stands at a node when it says that it ends there.
#[derive(Default)]
struct Standing {
    place: Place,
    /// An operator is to look at it.
    is_aside: bool,
    /// Why a next hop refused it for good, since its way was chosen last.
    refused: Option<String>,
}

/// By what the journal had said of it before.
fn standing(word: &Word<'_>, id: &Id) -> Standing {
    let mut now = Standing::default();
    for ((_, entry), skeleton) in word.before.iter().zip(word.before_own) {
        for came in [fact::SUBMITTED, fact::TAKEN_OVER] {
            let header = proto::bytes(&proto::message(entry, came), 1);
            if !header.is_empty() && of_header(&header) == *id {
                now = Standing { place: Place::Here, ..Standing::default() };
            }
        }
        let about = |number: u64| {
            let said = entry.contains_key(&number).then(|| proto::message(entry, number))?;
            (of_reference(&said) == *id).then_some(said)
        };
        if let Some(handed) = about(fact::HANDED_OVER) {
            now.place = Place::Offered(proto::text(&proto::message(&handed, 2), 2));
        }
        if about(fact::SET_ASIDE).is_some() {
            now.is_aside = true;
        }
        if about(fact::WAY_CHOSEN).is_some() {
            let in_doubt = matches!(now.place, Place::Offered(_));
            let place = if in_doubt { now.place } else { Place::Here };
            now = Standing { place, ..Standing::default() };
        }
        if let Some(told) = about(fact::STATEMENT_RECORDED) {
            let journal = proto::text(&told, 2);
            let agency = journal.split('/').next().unwrap_or_default();
            let is_asked = now.place == Place::Offered(agency.to_owned());
            match proto::text(&told, 3).as_str() {
                "relayed" | "delivered" if is_asked => now.place = Place::Passed,
                "not_taken" if is_asked => {
                    now.place = Place::Here;
                    now.refused = Some(proto::text(&proto::message(skeleton, DETAIL), 2));
                }
                _ => {}
            }
        }
    }
    now
}

/// Whether a refusal says of the way only that it does not lead on.
fn is_about_the_way(reason: &str) -> bool {
    matches!(reason, "NO_ROUTE" | "LOOP" | "HOP_LIMIT" | "LOST")
}

/// Why a transit may not give back, for this reason, what it had let go on; none if it may: the message is
/// there still, and is given back for what became of its way, by its expiry, or by an operator's word.
fn may_not_give_back(word: &Word<'_>, id: &Id, expires_at: i64) -> Option<&'static str> {
    let Standing { place, is_aside, refused } = standing(word, id);
    if place != Place::Here {
        return Some("which it does not hold");
    }
    let is_so = match word.reason.as_str() {
        "EXPIRED" => word.at >= expires_at,
        "OPERATOR" => is_aside && proto::text(word.skeleton, 1).contains("/operator/"),
        // Nobody refused it, and its next hop is away; or the way ended at whoever refused it.
        "NO_ROUTE" => refused.is_none_or(|it| is_about_the_way(&it)),
        "NEXT_HOP_REFUSED" => refused.is_some_and(|it| !is_about_the_way(&it)),
        _ => false,
    };
    (!is_so).then_some("for which it has no cause")
}

/// What a node gives back it has still, and gives back for a cause that its own entries show.
pub(super) fn gives_back_for_cause(
    journals: &[Journal],
    (node, id): (usize, &Id),
) -> Result<(), String> {
    let address = sent(journals, id).ok_or("undelivered-for-cause: never sent")?;
    let expires_at = i64::try_from(proto::number(&address, 9)).unwrap_or(i64::MAX);
    let all = words(journals, id);
    let own = all.iter().filter(|it| it.node == node && it.fact == fact::RETURNED);
    for word in own {
        if let Some(why) = may_not_give_back(word, id, expires_at) {
            return Err(format!("gives back for {}, {why},", word.reason));
        }
    }
    Ok(())
}

fn words<'a>(journals: &'a [Journal], id: &Id) -> Vec<Word<'a>> {
    let mut found = Vec::new();
    for (node, journal) in journals.iter().enumerate() {
        for (place, (_, entry)) in journal.entries.iter().enumerate() {
            for (number, field) in
                [(fact::NOT_TAKEN, 3), (fact::RETURNED, 2), (fact::UNDELIVERED, 4)]
            {
                if !entry.contains_key(&number) {
                    continue;
                }
                let said = proto::message(entry, number);
                if of_reference(&said) == *id {
                    found.push(Word {
                        node,
                        fact: number,
                        reason: proto::text(&said, field),
                        at: recorded_at(entry),
                        skeleton: &journal.skeletons[place],
                        before: &journal.entries[..place],
                        before_own: &journal.skeletons[..place],
                    });
                }
            }
        }
    }
    found
}

/// The address of a message, from the entry of its origin.
pub(super) fn sent(journals: &[Journal], id: &Id) -> Option<Fields> {
    let entries = journals.iter().flat_map(|it| it.entries.iter().chain(&it.gap));
    let mut headers = entries.map(|(_, it)| proto::bytes(&proto::message(it, fact::SUBMITTED), 1));
    headers.find(|it| !it.is_empty() && of_header(it) == *id).map(|it| address(&it))
}

/// Whether the journal knew the message before it said this.
fn was_known(word: &Word<'_>, id: &Id) -> bool {
    word.before.iter().any(|(_, entry)| {
        [fact::SUBMITTED, fact::TAKEN_OVER, fact::DELIVERED].iter().any(|number| {
            let header = proto::bytes(&proto::message(entry, *number), 1);
            !header.is_empty() && of_header(&header) == *id
        })
    })
}

/// When a message expires, by its address.
fn expiry(address: &Fields) -> i64 {
    i64::try_from(proto::number(address, 9)).unwrap_or(i64::MAX)
}

/// Whether the desk that it is for had another name for a while.
fn was_renamed(seen: &Seen, address: &Fields) -> bool {
    seen.moved.contains(&proto::text(address, 5))
}

/// Whether the word says what was so: it had expired by the speaker's own clock, it was known there, an
/// operator said it of what was set aside for him, or a disk was set back.
fn is_true(seen: &Seen, word: &Word<'_>, id: &Id, address: &Fields) -> bool {
    let expires_at = expiry(address);
    let by = |role: &str| proto::text(word.skeleton, 1).contains(role);
    match (word.fact, word.reason.as_str()) {
        (fact::NOT_TAKEN, "EXPIRED") => word.at > expires_at + SKEW_MS,
        (_, "EXPIRED") => word.at >= expires_at,
        (_, "OPERATOR") => by("/operator/") && standing(word, id).is_aside,
        (fact::NOT_TAKEN, "LOOP") => was_known(word, id),
        // The way ends there; whoever has the message looks for another.
        (fact::NOT_TAKEN, "NO_ROUTE" | "HOP_LIMIT") => true,
        // It is for a desk that had another name for a while, by the directory of whoever looked.
        (fact::NOT_TAKEN, "HEADER_MISMATCH") if was_renamed(seen, address) => true,
        (fact::RETURNED, "NO_ROUTE") => may_not_give_back(word, id, expires_at).is_none(),
        // What was altered on its way is refused where that is seen.
        (fact::NOT_TAKEN, "PROOF_INVALID" | "HEADER_MISMATCH" | "ORDER_INVALID") => {
            seen.harmful.is_some() || seen.lost.is_some()
        }
        (fact::RETURNED, "REVIEW_FORM" | "REVIEW_COMPETENCE" | "REVIEW_LAW") => by("/officer/"),
        (fact::RETURNED, "LOST") => seen.lost.is_some(),
        (_, _) => false,
    }
}

/// Whether another node's word is behind this one: a refusal behind a return, either behind a non-delivery.
/// That a message expired, or that an operator ended it, is told on in these words and is no other's.
fn is_told_on(seen: &Seen, word: &Word<'_>, all: &[Word<'_>], id: &Id, address: &Fields) -> bool {
    let may_be_behind: &[u64] = match word.fact {
        fact::UNDELIVERED => &[fact::NOT_TAKEN, fact::RETURNED],
        fact::RETURNED => &[fact::NOT_TAKEN],
        _ => &[],
    };
    let is_own = |reason: &str| matches!(reason, "EXPIRED" | "OPERATOR");
    all.iter().any(|it| {
        it.node != word.node
            && may_be_behind.contains(&it.fact)
            && (!is_own(&word.reason) || it.reason == word.reason)
            && (is_true(seen, it, id, address) || is_told_on(seen, it, all, id, address))
    })
}

/// Whether the origin states that a message is undelivered, and that is so without a word on any way: it
/// had expired by the clock of whoever says so, or an operator ended it.
pub(super) fn has_ended(seen: &Seen, journals: &[Journal], (origin, id): (usize, &Id)) -> bool {
    let Some(address) = sent(journals, id) else { return false };
    let expires_at = expiry(&address);
    let all = words(journals, id);
    let mut own = all.iter().filter(|it| it.node == origin && it.fact == fact::UNDELIVERED);
    own.any(|it| {
        let is_so = it.reason == "EXPIRED" || it.reason == "OPERATOR";
        it.at >= expires_at
            || (is_so
                && (is_true(seen, it, id, &address) || is_told_on(seen, it, &all, id, &address)))
    })
}

/// `undelivered-for-cause`: a message that is stated undelivered had expired by the clock of whoever
/// states it, or an entry of somebody who refused it or gave it back, an operator, or lost entries say why.
/// Every such refusal is true in turn.
pub(super) fn what_is_not_delivered_has_a_cause(
    seen: &Seen,
    journals: &[Journal],
) -> Result<Tally, String> {
    let mut tally = Tally::new();
    let touched = lost::touched(journals);
    for (node, journal) in journals.iter().enumerate() {
        for id in super::about(journal, fact::UNDELIVERED) {
            if touched.contains(&id) {
                count(&mut tally, "undelivered and touched");
                continue;
            }
            let address = sent(journals, &id).ok_or("undelivered-for-cause: never sent")?;
            let expires_at = expiry(&address);
            let all = words(journals, &id);
            let own = all.iter().find(|it| it.node == node && it.fact == fact::UNDELIVERED);
            let own = own.ok_or("undelivered-for-cause: an entry is not found again")?;
            let is_so =
                is_true(seen, own, &id, &address) || is_told_on(seen, own, &all, &id, &address);
            if !is_so {
                let (reason, early) = (&own.reason, expires_at - own.at);
                let said = all.iter().map(|it| format!("node {}: {}", it.node, it.reason));
                let (said, story) = (said.collect::<Vec<_>>(), lost::story(journals, &id));
                return Err(format!(
                    "undelivered-for-cause: {id:?} was given up for {reason}, {early} ms before it \
                     expires, and nobody says why ({said:?}): {story}"
                ));
            }
            count(
                &mut tally,
                if own.at >= expires_at { "undelivered: expired" } else { "undelivered: refused" },
            );
        }
    }
    Ok(tally)
}
