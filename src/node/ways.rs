//! Which neighbour a message goes to next: the best way at first, and another one where that fails.
//!
//! Three rules hold for every way that is chosen. It is one of the directory's, through no reviewing
//! transit to which the message is not sealed, past none to which it is and that has not let it go on, and
//! no longer than the hops that the message has left. It leaves out whoever had the message: the
//! agency that it came from, its origin, those on its trail, and those that stated they took it or never
//! will. And it is chosen only for a message that is here and that nobody else may have: never while a
//! handover is in doubt.
//!
//! A transit that has no other way gives a message back only if its origin has one over agencies of which
//! none had it. Each way that comes to nothing adds one at least to those, and nobody takes a message
//! over twice, so a message moves no more often than there are agencies.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::directory::{Route, Through};
use crate::domain::fact::Reason;
use crate::domain::header::{Address, Channel, Header, Lane, MessageKey};
use crate::domain::ids::AgencyId;
use crate::domain::limits::READERS_MAX;
use crate::domain::station::Station;
use crate::history::message::{self, Custody, MessageRecord, Part, StationRecord};
use crate::history::readers;
use crate::history::rows::{HistoryError, Rows};
use crate::history::words::{Said, Word};
use crate::node::setting::Setting;
use crate::node::trail;

/// Where a way is to lead.
#[derive(Clone, Copy)]
struct Goal<'a> {
    to: &'a AgencyId,
    channel: Channel,
    /// Hops that are left.
    hops: u32,
    /// What it may lead through.
    through: Through<'a>,
    /// Agencies that it must lead through, if they review: the message is sealed to them.
    past: &'a [AgencyId],
}

impl<'a> Goal<'a> {
    /// Of a message that is sealed to these reviewing transits, of which those in `past` have not let it
    /// go on. Who has may have lost it since: then it goes there again.
    const fn of(
        address: &'a Address,
        hops: u32,
        (readers, past): (&'a [AgencyId], &'a [AgencyId]),
    ) -> Self {
        let through = Through::Sealed(readers);
        Self { to: &address.destination, channel: address.channel, hops, through, past }
    }
}

/// The reviewing transits to which a message is sealed and that have not let it go on, by what is known here:
/// this one is among them as long as it has the message.
pub fn to_review<R: Rows + ?Sized>(
    rows: &R,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Vec<AgencyId>, HistoryError> {
    let mut readers = readers::of(rows, key)?;
    if !readers.is_empty() {
        let stations = message::stations(rows, key, record)?;
        let released = stations.iter().filter(|it| !it.own && it.station == Station::Released);
        let released: BTreeSet<_> = released.map(|it| &it.agency).collect();
        readers.retain(|it| !released.contains(it));
    }
    Ok(readers)
}

/// The best way from `from` that fits and goes over none of `avoid`; to the goal itself it may lead all
/// the same, though not straight. What it must lead through may stand beside all best ways to the goal:
/// then the way goes there first.
fn pick(
    setting: &Setting,
    from: &AgencyId,
    goal: &Goal<'_>,
    avoid: &BTreeSet<AgencyId>,
) -> Option<Route> {
    let directory = setting.directory();
    let past = goal.past.iter().filter(|it| *it != from && **it != setting.agency);
    let past: Vec<AgencyId> = past.filter(|it| directory.reviews(it)).cloned().collect();
    let straight = pick_past(setting, from, &Goal { past: &past, ..*goal }, avoid);
    if straight.is_some() || past.is_empty() {
        return straight;
    }
    let legs = past.iter().filter_map(|reader| {
        let mut around = avoid.clone();
        around.insert(goal.to.clone());
        let leg = pick_past(setting, from, &Goal { to: reader, past: &[], ..*goal }, &around)?;
        let others: Vec<AgencyId> = past.iter().filter(|it| *it != reader).cloned().collect();
        let made = u32::try_from(leg.hops.len()).unwrap_or(u32::MAX);
        let rest = Goal { hops: goal.hops.saturating_sub(made), past: &others, ..*goal };
        around.remove(goal.to);
        around.extend(leg.hops.iter().filter(|it| *it != reader).chain([from]).cloned());
        let rest = pick(setting, reader, &rest, &around)?;
        let cost = leg.cost.saturating_add(rest.cost);
        let hops = [leg.hops, rest.hops].concat();
        Some(Route { hops, cost, readers: past.clone() })
    });
    legs.min_by(|one, other| (one.hops.len(), one.cost).cmp(&(other.hops.len(), other.cost)))
}

/// The same, of the best ways to the goal.
fn pick_past(
    setting: &Setting,
    from: &AgencyId,
    goal: &Goal<'_>,
    avoid: &BTreeSet<AgencyId>,
) -> Option<Route> {
    let directory = setting.directory();
    let fits = |route: &Route| {
        let straight = route.hops.len() == 1;
        let (hops, left) = (route.hops.len(), usize::try_from(goal.hops).unwrap_or(usize::MAX));
        let over = |it: &AgencyId| avoid.contains(it) && (straight || it != goal.to);
        let reads = |it: &AgencyId| route.readers.contains(it);
        hops <= left && !route.hops.iter().any(over) && goal.past.iter().all(reads)
    };
    let ways = |around: &BTreeSet<AgencyId>| {
        directory.routes_around((from, goal.to), goal.channel, goal.through, around)
    };
    let known = ways(&BTreeSet::new()).into_iter().find(fits);
    if known.is_some() || avoid.is_empty() {
        return known;
    }
    let mut around = avoid.clone();
    around.remove(goal.to);
    ways(&around).into_iter().find(fits)
}

/// For how long a peer may be out of reach before what waits for it goes another way, in milliseconds.
const fn patience_ms(setting: &Setting, lane: Lane) -> i64 {
    match lane {
        Lane::Urgent => setting.policy.detour_urgent_after_ms,
        Lane::Ordinary => setting.policy.detour_after_ms,
    }
}

/// Peers that a new message of this lane is not given to: they have been out of reach for too long.
fn failing(setting: &Setting, lane: Lane) -> BTreeSet<AgencyId> {
    let until = setting.clock.now().plus_millis(-patience_ms(setting, lane));
    setting.reach.out_of_reach_since(until)
}

/// The way of a message that begins here and is not sealed yet: the best over peers that don't fail, or
/// else the best. Who fails decides about nobody's reading: where a way leads over blind transits alone
/// the message waits for one of these.
pub fn first(setting: &Setting, to: &AgencyId, kind: (Channel, Lane), hops: u32) -> Option<Route> {
    let (channel, lane) = kind;
    let own = &setting.agency;
    let best = setting.directory().routes(own, to, channel).into_iter().find(few_read)?;
    let through = if best.readers.is_empty() { Through::Sealed(&[]) } else { Through::Any };
    let goal = Goal { to, channel, hops, through, past: &[] };
    pick(setting, own, &goal, &failing(setting, lane)).filter(few_read).or(Some(best))
}

/// Whether a message may be sealed to all the readers of a way.
fn few_read(route: &Route) -> bool {
    route.readers.len() <= READERS_MAX
}

/// The way of an own message that is sealed already, by the same rules.
fn again(
    setting: &Setting,
    address: &Address,
    (readers, past): (&[AgencyId], &[AgencyId]),
) -> Option<AgencyId> {
    let goal = Goal::of(address, address.hop_limit, (readers, past));
    let (own, failing) = (&setting.agency, failing(setting, address.lane));
    let route = pick(setting, own, &goal, &failing)
        .or_else(|| pick(setting, own, &Goal { hops: u32::MAX, ..goal }, &BTreeSet::new()));
    route.and_then(|it| it.hops.into_iter().next())
}

/// Where a message goes on that came from `from` after so many hops, with this trail: to nobody who had it.
/// It is sealed to `readers`, of whom those in `past` have not let it go on.
pub fn onward(
    setting: &Setting,
    address: &Address,
    (readers, past): (&[AgencyId], &[AgencyId]),
    (from, hops, trail): (&AgencyId, u32, &[AgencyId]),
) -> Option<AgencyId> {
    let had: BTreeSet<AgencyId> =
        [from, &address.origin].into_iter().chain(trail).cloned().collect();
    let left = address.hop_limit.saturating_sub(hops);
    let goal = Goal::of(address, left, (readers, past));
    let (own, all) = (&setting.agency, failing(setting, address.lane).into_iter());
    let route = pick(setting, own, &goal, &all.chain(had.iter().cloned()).collect())
        .or_else(|| pick(setting, own, &goal, &had))
        // Too long a way is refused by whoever is the first to see it.
        .or_else(|| pick(setting, own, &Goal { hops: u32::MAX, ..goal }, &had));
    route.and_then(|it| it.hops.into_iter().next())
}

/// Why a message that waits for `peer` should wait for it no longer; none if it should.
pub fn trouble(setting: &Setting, peer: &AgencyId, lane: Lane, now: Timestamp) -> Option<Reason> {
    if !setting.directory().are_linked(&setting.agency, peer) {
        return Some(Reason::LinkEnded);
    }
    let since = setting.reach.lost_since(peer)?;
    (now.millis_since(since) >= patience_ms(setting, lane)).then_some(Reason::PeerUnreachable)
}

/// Whether a refusal, or a return, says of the way only that it does not lead on, or did not for this copy.
pub const fn is_about_the_way(reason: Reason) -> bool {
    matches!(reason, Reason::NoRoute | Reason::Loop | Reason::HopLimit | Reason::Lost)
}

/// Who had the message, by what is known here: nobody of them takes it over again.
fn had(record: &MessageRecord, known: &Known) -> BTreeSet<AgencyId> {
    let origin = (record.part != Part::Origin).then_some(&known.header.address.origin);
    let named = known.trail.iter().flatten();
    let told = trail::told(&known.stations);
    record.upstream.iter().chain(origin).chain(named).chain(told).cloned().collect()
}

/// What is known of a message that looks for another way.
struct Known {
    header: Header,
    readers: Vec<AgencyId>,
    /// Those of the readers that have not let it go on.
    past: Vec<AgencyId>,
    stations: Vec<StationRecord>,
    /// The trail with which it came; none where it is not known.
    trail: Option<Vec<AgencyId>>,
}

impl Known {
    fn of<R: Rows + ?Sized>(
        rows: &R,
        (key, record): (MessageKey, &MessageRecord),
    ) -> Result<Self, HistoryError> {
        let header = record.header()?;
        Ok(Self {
            readers: readers::of(rows, key)?,
            past: to_review(rows, (key, record))?,
            stations: message::stations(rows, key, record)?,
            trail: trail::known(rows, (key, record), &header.address.origin)?,
            header,
        })
    }
}

/// The next hop of a way that leaves out whoever had the message, and these besides.
fn around(
    setting: &Setting,
    record: &MessageRecord,
    known: &Known,
    besides: BTreeSet<AgencyId>,
) -> Option<AgencyId> {
    let Known { header, readers, past, .. } = known;
    let mut avoid = had(record, known);
    avoid.extend(besides);
    let hops = header.address.hop_limit.saturating_sub(record.hops);
    let goal = Goal::of(&header.address, hops, (readers, past));
    pick(setting, &setting.agency, &goal, &avoid)?.hops.into_iter().next()
}

/// The next hop of another way for a message that is here, over peers that are reached.
pub fn other<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Option<AgencyId>, HistoryError> {
    let known = Known::of(rows, (key, record))?;
    Ok(around(setting, record, &known, setting.reach.out_of_reach()))
}

/// The next hop of a message whose way has ended without its arrival, because it did not lead on: over
/// peers that are reached, or else one to wait for. None if it is over.
pub fn anew<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Option<AgencyId>, HistoryError> {
    let known = Known::of(rows, (key, record))?;
    let ended = setting.clock.now() >= known.header.address.expires_at;
    if ended || !may_go_on(record, &known.header, &known.stations) {
        return Ok(None);
    }
    let reached = around(setting, record, &known, setting.reach.out_of_reach());
    Ok(reached.or_else(|| around(setting, record, &known, BTreeSet::new())))
}

/// The next hop of a message that was set aside and that an operator lets go on: by the same rules as
/// another way, over peers that are reached if one of them is on such a way. Its origin may have nobody
/// left and tries again whom it can.
pub fn let_go_on<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Option<AgencyId>, HistoryError> {
    let known = Known::of(rows, (key, record))?;
    let reached = around(setting, record, &known, setting.reach.out_of_reach());
    let next = reached.or_else(|| around(setting, record, &known, BTreeSet::new()));
    if next.is_some() || record.part != Part::Origin {
        return Ok(next);
    }
    Ok(again(setting, &known.header.address, (&known.readers, &known.past)))
}

/// The neighbour to which a word is to be told next: the one of the way that the directory names, unless it was
/// told that one last. None as long as no way leads to its destination, and once nobody can wait for it there.
pub fn of_word<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    (key, word): (MessageKey, &Word),
    now: Timestamp,
) -> Result<Option<AgencyId>, HistoryError> {
    if word.has_ended(now) {
        return Ok(None);
    }
    // Of an own message that was lost here nothing more is known than of another's.
    let record = if word.own { message::find(rows, key)? } else { None };
    let next = match record {
        Some(record) => setting.way_of_word(&record.header()?.address),
        None => setting.way_of_passing_word(&word.destination),
    };
    let next = next.filter(|it| word.to.as_ref() != Some(it));
    let is_over = next.is_some() && word.to.is_some() && is_settled(rows, (key, word))?;
    Ok(next.filter(|_| !is_over))
}

/// Whether the word was heard where it is meant for, as far as that shows here: an erasure that is asked for is
/// answered. Nobody answers that a place is void.
fn is_settled<R: Rows + ?Sized>(
    rows: &R,
    (key, word): (MessageKey, &Word),
) -> Result<bool, HistoryError> {
    let record = match word.said {
        Said::Void(_) => None,
        Said::Erasure => message::find(rows, key)?,
    };
    let Some(record) = record else {
        return Ok(false);
    };
    let stations = message::stations(rows, key, &record)?;
    Ok(is_answered(stations.iter().map(|it| it.station)))
}

/// Whether the last erasure that is asked for among these stations is answered.
fn is_answered(stations: impl DoubleEndedIterator<Item = Station>) -> bool {
    let about_it = |it: &Station| {
        matches!(it, Station::ErasureAsked | Station::Erased | Station::ErasureRefused)
    };
    stations.rev().find(about_it).is_some_and(|it| it != Station::ErasureAsked)
}

/// Whether what ended the way is only that it did not lead on.
fn may_go_on(record: &MessageRecord, header: &Header, stations: &[StationRecord]) -> bool {
    let by_destination = |it: &&StationRecord| it.agency == header.address.destination;
    if stations.iter().any(|it| it.station == Station::NotTaken && by_destination(&it)) {
        return false;
    }
    let last = |station| stations.iter().rev().find(|it| !it.own && it.station == station);
    let ended = match record.custody {
        Custody::SetAside { reason: Reason::NextHopRefused } => last(Station::NotTaken),
        Custody::PassedOn if record.part == Part::Origin => last(Station::Returned),
        Custody::Waiting { .. }
        | Custody::InDoubt { .. }
        | Custody::SetAside { .. }
        | Custody::PassedOn
        | Custody::Held
        | Custody::UnderReview
        | Custody::Ended { .. } => None,
    };
    ended.and_then(|it| it.reason).is_some_and(is_about_the_way)
}

/// Whether a transit gives a message back that waits for `peer`, which fails for this reason, and that
/// can't go another way from here: only if it knows who had it, the one that it came from is reached,
/// and its origin has a way over none of those, nor through here, nor over what is out of reach from
/// here. Otherwise it waits, and in any case for a destination that is away: who is not reached is taken
/// to be away, and only where the directory names no link any more it is not for the peer that one waits.
pub fn is_given_back<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    (key, record): (MessageKey, &MessageRecord),
    (peer, reason): (&AgencyId, Reason),
) -> Result<bool, HistoryError> {
    if record.part != Part::Transit {
        return Ok(false);
    }
    let known = Known::of(rows, (key, record))?;
    let address = &known.header.address;
    let is_away = reason != Reason::LinkEnded;
    let mut avoid = setting.reach.out_of_reach();
    let directory = setting.directory();
    let is_heard = |it| !avoid.contains(it) && directory.are_linked(&setting.agency, it);
    if (is_away && *peer == address.destination)
        || known.trail.is_none()
        || !record.upstream.as_ref().is_some_and(is_heard)
    {
        return Ok(false);
    }
    if is_away {
        avoid.insert(peer.clone());
    } else {
        avoid.remove(peer);
    }
    avoid.extend(had(record, &known));
    avoid.insert(setting.agency.clone());
    avoid.remove(&address.origin);
    let goal = Goal::of(address, address.hop_limit, (&known.readers, &known.past));
    Ok(pick(setting, &address.origin, &goal, &avoid).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::station::Carried;

    #[test]
    fn what_else_is_said_of_a_message_is_no_answer_to_an_erasure_that_is_asked_for() {
        use Station::{Delivered, Erased, ErasureAsked, ErasureRefused, Released};
        let is_so = |stations: &[Station]| is_answered(stations.iter().copied());
        assert!(!is_so(&[Delivered]) && !is_so(&[Erased, ErasureAsked]));
        let beside = [Released, Station::Attachment(Carried::Arrived)];
        for other in beside {
            assert!(!is_so(&[ErasureAsked, other]), "{other:?}");
            assert!(is_so(&[ErasureAsked, Erased, other]), "{other:?}");
        }
        assert!(is_so(&[ErasureAsked, ErasureRefused]));
        assert!(!is_so(&[ErasureAsked, ErasureRefused, ErasureAsked]), "it is asked again");
    }
}
