//! How the directory that is followed stands, as operators see it: who of the peers holds the same, how
//! far clocks are apart, which texts were refused, which contact points changed or are gone.
//!
//! Written by the gossip and `desk_watch.rs`, read by `node status`, metrics and the trace. Nothing is
//! lost with it but what is heard again; texts that contradict each other are kept on disk by whoever
//! refuses them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::directory::changes::ChangedDesk;
use crate::directory::signed::Refusal;
use crate::directory::signed::compare::{Holding, TextName};
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::limits::CLOCK_SKEW_MS_MAX;
use crate::wire::pb;

/// Most refused texts that are remembered, the latest.
pub const REFUSED_MAX: usize = 64;
/// Most changed contact points that are remembered, the latest.
pub const CHANGED_DESKS_MAX: usize = 256;

/// What a peer said last.
#[derive(Clone, Debug)]
struct Heard {
    at: Timestamp,
    version: u64,
    agrees: bool,
    /// Its clock less ours, in milliseconds.
    ahead_ms: i64,
}

/// A text that a peer gave and that was refused.
#[derive(Clone, Debug)]
struct RefusedText {
    at: Timestamp,
    from: AgencyId,
    name: TextName,
    word: &'static str,
    text: String,
}

/// Contact points that changed, and when this node followed the directory that says so.
type ChangedAt = (Timestamp, ChangedDesk);

#[derive(Debug, Default)]
struct Board {
    heard: BTreeMap<AgencyId, Heard>,
    refused: VecDeque<RefusedText>,
    counts: BTreeMap<(&'static str, &'static str), u64>,
    changed: VecDeque<ChangedAt>,
    changes: BTreeMap<&'static str, u64>,
    /// Desks that are gone, with how many requests are open with each.
    gone: BTreeMap<ContactPointId, usize>,
}

/// What was heard of the directory; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct DirectoryBoard(Arc<Mutex<Board>>);

impl DirectoryBoard {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A peer said what it holds and what its clock shows. An alarm is traced when its clock begins
    /// to be too far from ours.
    pub fn heard(&self, peer: &AgencyId, theirs: &Holding, agrees: bool, clocks: [Timestamp; 2]) {
        let [time, now] = clocks;
        let ahead_ms = time.millis_since(now);
        let heard = Heard { at: now, version: theirs.version, agrees, ahead_ms };
        let before = self.board().heard.insert(peer.clone(), heard);
        let was_off = before.is_some_and(|it| is_off(it.ahead_ms));
        if is_off(ahead_ms) && !was_off {
            tracing::error!(%peer, ahead_ms, "the clocks of this node and its peer are too far apart");
        } else if was_off && !is_off(ahead_ms) {
            tracing::info!(%peer, ahead_ms, "the clocks agree again");
        }
    }

    /// A text that a peer gave was refused.
    pub fn refused(&self, from: &AgencyId, name: &TextName, why: &Refusal, at: Timestamp) {
        let word = why.word();
        tracing::error!(peer = %from, reason = word, error = %format!("{name}: {why}"),
            "a text of the directory is refused");
        let mut board = self.board();
        let count = board.counts.entry((name.kind(), word)).or_default();
        *count = count.saturating_add(1);
        let (from, name, text) = (from.clone(), name.clone(), why.to_string());
        board.refused.push_back(RefusedText { at, from, name, word, text });
        if board.refused.len() > REFUSED_MAX {
            board.refused.pop_front();
        }
    }

    /// Contact points have changed in the directory that is followed now.
    pub fn desks_changed(&self, changed: &[ChangedDesk], at: Timestamp) {
        let mut board = self.board();
        for it in changed {
            for change in &it.changes {
                let count = board.changes.entry(change.as_str()).or_default();
                *count = count.saturating_add(1);
            }
            board.changed.push_back((at, it.clone()));
        }
        let more = board.changed.len().saturating_sub(CHANGED_DESKS_MAX);
        board.changed.drain(..more);
    }

    /// These desks are gone while so many requests are open with each.
    pub fn desks_gone(&self, gone: BTreeMap<ContactPointId, usize>) {
        self.board().gone = gone;
    }

    /// Whether any desk is gone with which a request is open.
    pub fn has_gone_desks(&self) -> bool {
        !self.board().gone.is_empty()
    }

    /// The desks that are gone, with how many requests are open with each.
    pub fn gone(&self) -> BTreeMap<ContactPointId, usize> {
        self.board().gone.clone()
    }

    /// The contact points that changed, the latest last.
    pub fn changed_desks(&self) -> Vec<pb::ChangedDesk> {
        let board = self.board();
        let changed = board.changed.iter().map(|(at, it)| pb::ChangedDesk {
            at: at.to_string(),
            contact_point: it.desk.to_string(),
            changes: it.changes.iter().map(ToString::to_string).collect(),
        });
        changed.collect()
    }

    /// The desks that are gone, as operators see them.
    pub fn gone_desks(&self) -> Vec<pb::GoneDesk> {
        let gone = self.gone().into_iter().map(|(desk, open)| pb::GoneDesk {
            contact_point: desk.to_string(),
            open_requests: u64::try_from(open).unwrap_or(u64::MAX),
        });
        gone.collect()
    }

    /// What the peers said last, as operators see it.
    pub fn peers(&self) -> Vec<pb::DirectoryPeer> {
        let board = self.board();
        let peers = board.heard.iter().map(|(agency, it)| pb::DirectoryPeer {
            agency: agency.to_string(),
            heard_at: it.at.to_string(),
            version: it.version,
            agrees: it.agrees,
            clock_ahead_ms: it.ahead_ms,
            clock_alarm: is_off(it.ahead_ms),
        });
        peers.collect()
    }

    /// The peers whose clocks are too far from ours, with theirs less ours in milliseconds.
    pub fn apart(&self) -> Vec<(AgencyId, i64)> {
        let board = self.board();
        let heard = board.heard.iter().filter(|(_, it)| is_off(it.ahead_ms));
        heard.map(|(peer, it)| (peer.clone(), it.ahead_ms)).collect()
    }

    /// The texts that were refused, the latest last.
    pub fn refused_texts(&self) -> Vec<pb::RefusedText> {
        let board = self.board();
        let refused = board.refused.iter().map(|it| pb::RefusedText {
            at: it.at.to_string(),
            from: it.from.to_string(),
            text: it.name.to_string(),
            reason: it.word.to_owned(),
            detail: it.text.clone(),
        });
        refused.collect()
    }

    /// The lines of the metrics: name, labels, value.
    pub fn metrics(&self) -> Vec<(&'static str, String, u64)> {
        let board = self.board();
        let mut lines = Vec::new();
        for (peer, it) in &board.heard {
            let label = format!("{{peer=\"{peer}\"}}");
            lines.push(("rogatory_directory_agrees", label.clone(), u64::from(it.agrees)));
            let apart = it.ahead_ms.unsigned_abs();
            lines.push(("rogatory_peer_clock_apart_milliseconds", label.clone(), apart));
            lines.push(("rogatory_peer_clock_alarm", label, u64::from(is_off(it.ahead_ms))));
        }
        for ((kind, word), count) in &board.counts {
            let label = format!("{{text=\"{kind}\",reason=\"{word}\"}}");
            lines.push(("rogatory_directory_refused", label, *count));
        }
        for (change, count) in &board.changes {
            let label = format!("{{change=\"{change}\"}}");
            lines.push(("rogatory_directory_desk_changes", label, *count));
        }
        let gone = u64::try_from(board.gone.len()).unwrap_or(u64::MAX);
        lines.push(("rogatory_directory_desks_gone", String::new(), gone));
        lines
    }
}

/// Whether two clocks are further apart than those of two honest nodes.
fn is_off(ahead_ms: i64) -> bool {
    ahead_ms.saturating_abs() > CLOCK_SKEW_MS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;

    #[test]
    fn a_clock_is_off_beyond_the_skew_and_not_at_it() {
        let board = DirectoryBoard::default();
        let peer: AgencyId = "int.hub".parse().unwrap();
        let hash = Digest::of(b"");
        let (genesis, roll_hash, lists_hash) = (hash, hash, hash);
        let theirs = Holding { genesis, roll: 1, roll_hash, version: 4, hash, lists_hash };
        let now = Timestamp::from_millis(1_000_000_000);
        for (apart, alarm) in [
            (0, false),
            (CLOCK_SKEW_MS_MAX, false),
            (CLOCK_SKEW_MS_MAX + 1, true),
            (-CLOCK_SKEW_MS_MAX, false),
            (-CLOCK_SKEW_MS_MAX - 1, true),
        ] {
            board.heard(&peer, &theirs, true, [now.plus_millis(apart), now]);
            let told = board.peers();
            assert_eq!((told[0].clock_ahead_ms, told[0].clock_alarm), (apart, alarm));
        }
    }

    #[test]
    fn refusals_are_counted_and_the_latest_are_kept() {
        let board = DirectoryBoard::default();
        let peer: AgencyId = "int.hub".parse().unwrap();
        for version in 0..100 {
            let name = TextName::Roll(version);
            board.refused(&peer, &name, &Refusal::Stranger, Timestamp::from_millis(0));
        }
        let told = board.refused_texts();
        assert_eq!(told.len(), REFUSED_MAX);
        let last = told.last().map(|it| (it.text.as_str(), it.reason.as_str()));
        assert_eq!(last, Some(("roll 99", "stranger")));
        let label = "{text=\"roll\",reason=\"stranger\"}".to_owned();
        let gone = ("rogatory_directory_desks_gone", String::new(), 0);
        assert_eq!(board.metrics(), [("rogatory_directory_refused", label, 100), gone]);
    }
}
