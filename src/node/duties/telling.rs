//! Statements that are told a peer, numbered, so many on the way at a time. One that the peer does not
//! take yet is told again after a while, and holds up none of the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::domain::ids::AgencyId;
use crate::history::outbox::{self, Notice};
use crate::history::rows::HistoryError;
use crate::node::duties::refusals::AGAIN_MS;
use crate::node::setting::Setting;
use crate::node::{content, proofs, records};
use crate::wire::envelope::Statement;
use crate::wire::relay::{Notice as NoticeFrame, Outgoing};

/// Statements in flight to one peer.
pub(super) const IN_FLIGHT: usize = 64;
/// So many are told at the most beyond the first that is not taken.
const AHEAD_MAX: u64 = 4_096;

/// What was told in a session.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// The last that was told.
    sent: u64,
    /// Taken, beyond one that is not.
    taken: BTreeSet<u64>,
    /// All up to this one are taken, and that is durable.
    reached: u64,
    /// Not taken yet, and told again then.
    held: BTreeMap<u64, Timestamp>,
}

impl Telling {
    /// What is to be told now.
    pub(super) fn next(
        &mut self,
        setting: &Setting,
        peer: &AgencyId,
    ) -> Result<Vec<Outgoing>, HistoryError> {
        let rows = setting.store.as_ref();
        let reached = records::notices_taken(rows, peer)?;
        // The peer lost what it had taken: everything is sent again.
        if reached < self.reached {
            *self = Self { sent: reached, ..Self::default() };
        }
        self.reached = reached;
        self.sent = self.sent.max(reached);
        let mut frames = Vec::new();
        for sequence in self.due(setting.clock.now()) {
            let found = outbox::notices(rows, peer, sequence.saturating_sub(1), 1)?;
            for (_, notice) in found.into_iter().filter(|it| it.0 == sequence) {
                frames.push(told(setting, sequence, notice)?);
            }
            self.held.remove(&sequence);
        }
        for (sequence, notice) in outbox::notices(rows, peer, self.sent, self.free())? {
            frames.push(told(setting, sequence, notice)?);
            self.sent = sequence;
        }
        Ok(frames)
    }

    /// Those that are told again now, as the window permits.
    fn due(&self, now: Timestamp) -> Vec<u64> {
        let due = self.held.iter().filter(|(_, again)| **again <= now);
        due.map(|(sequence, _)| *sequence)
            .take(IN_FLIGHT.saturating_sub(self.in_flight()))
            .collect()
    }

    fn in_flight(&self) -> usize {
        let open = usize::try_from(self.sent.saturating_sub(self.reached)).unwrap_or(usize::MAX);
        open.saturating_sub(self.taken.len()).saturating_sub(self.held.len())
    }

    /// How many more may be told.
    fn free(&self) -> usize {
        let ahead = AHEAD_MAX.saturating_sub(self.sent.saturating_sub(self.reached));
        let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
        IN_FLIGHT.saturating_sub(self.in_flight()).min(ahead)
    }

    /// Whether it was told in this session, or before.
    pub(super) const fn has_told(&self, sequence: u64) -> bool {
        sequence <= self.sent
    }

    /// The peer takes it later.
    pub(super) fn hold(&mut self, sequence: u64, now: Timestamp) {
        if sequence > self.reached && !self.taken.contains(&sequence) {
            self.held.insert(sequence, now.plus_millis(AGAIN_MS));
        }
    }

    /// The peer has it, or will never take it: up to where all are taken, if that is further than before.
    pub(super) fn taken(
        &mut self,
        setting: &Setting,
        peer: &AgencyId,
        sequence: u64,
    ) -> Result<Option<u64>, HistoryError> {
        let before = records::notices_taken(setting.store.as_ref(), peer)?;
        self.held.remove(&sequence);
        self.taken.insert(sequence);
        self.taken.retain(|it| *it > before);
        let mut reached = before;
        while self.taken.contains(&reached.saturating_add(1)) {
            reached = reached.saturating_add(1);
        }
        Ok((reached > before).then_some(reached))
    }
}

fn told(setting: &Setting, sequence: u64, notice: Notice) -> Result<Outgoing, HistoryError> {
    let statement = statement_of(setting, notice)?;
    Ok(Outgoing::Notice(NoticeFrame { sequence, statement }))
}

fn statement_of(setting: &Setting, notice: Notice) -> Result<Statement, HistoryError> {
    let missing = HistoryError::Damaged { what: "statement that is owed to a peer" };
    match notice {
        Notice::Own(position) => proofs::statement(setting, position),
        Notice::Recorded(position) => content::statement(setting, position)?.ok_or(missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn what_is_held_leaves_its_place_on_the_way_to_others() {
        let mut telling = Telling { sent: 64, ..Telling::default() };
        assert_eq!((telling.in_flight(), telling.free()), (64, 0));
        telling.hold(1, at(0));
        telling.taken.extend(2..=64);
        assert_eq!((telling.in_flight(), telling.free()), (0, IN_FLIGHT));
        assert!(telling.due(at(AGAIN_MS - 1)).is_empty());
        assert_eq!(telling.due(at(AGAIN_MS)), [1]);
        telling.hold(2, at(0));
        assert_eq!(telling.held.len(), 1, "it is taken");
    }

    #[test]
    fn there_is_an_end_to_how_far_ahead_the_others_are_told() {
        let mut telling = Telling { sent: AHEAD_MAX - 1, ..Telling::default() };
        telling.hold(1, at(0));
        telling.taken.extend(2..AHEAD_MAX);
        assert_eq!(telling.free(), 1);
        telling.sent = AHEAD_MAX;
        assert_eq!(telling.free(), 0);
    }
}
