//! Rings for what an operator must look after, by the hook that rings for messages: clocks that are
//! apart, a directory that nobody confirms, certificates and revocation lists that end, a journal that
//! shows two histories, a desk that is gone while requests are open with it.
//!
//! What stands is looked at again and again, not recorded: it is rung once when it begins, again every
//! day while it stands, and after a restart. What has ended and begins again within an hour is the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::directory::freshness::Freshness;
use crate::domain::ids::AgencyId;
use crate::history::neighbours;
use crate::history::rows::HistoryError;
use crate::node::conduct;
use crate::node::doubt::{Doubt, NOBODY_TO_ASK};
use crate::node::overdue::{self, Overdue};
use crate::node::recovery::{Beyond, Recovery};
use crate::node::setting::Setting;
use crate::node::stranded;
use crate::transport::Tasks;
use crate::transport::alarm::AlarmHook;
use crate::transport::certificates::CertificateBoard;
use crate::transport::followed::DirectoryBoard;

/// It is looked around so often.
const INTERVAL: Duration = Duration::from_secs(5);
/// A ring that did not arrive is tried again after this time, in milliseconds.
const AGAIN_AFTER_MS: i64 = 30_000;
/// What still stands is rung again after this time, in milliseconds: a day.
const REMINDER_MS: i64 = 24 * 3600 * 1000;
/// What no way leads on is rung for after this time, in milliseconds: a minute.
const NO_WAY_AFTER_MS: i64 = 60_000;
/// What has ended for so long is forgotten, in milliseconds: an hour.
const FORGET_AFTER_MS: i64 = 3600 * 1000;

/// Why the agency is rung for without a message: an operator must look after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum OperatorCause {
    /// The clock of a peer and that of this node are further apart than messages allow for.
    ClockApart,
    /// No peer has confirmed the directory for `directory.alarm_after_s`.
    DirectoryStale,
    /// Nor for `directory.end_after_s`: nothing new is sent.
    DirectoryEnded,
    /// Two thirds of the life of a certificate of this node are over.
    CertificateDue,
    /// All of it is.
    CertificateEnded,
    /// The revocation list of an agency is past its next update.
    RevocationListOverdue,
    /// A journal has shown two histories.
    ConflictFound,
    /// Too much of what a peer sent did not hold.
    PeerCutOff,
    /// The directory names a desk no more with which requests are open.
    DeskGone,
    /// A peer was offered messages and has not answered, and they have expired.
    DoubtExpired,
    /// Something waits for a way or a link that the directory does not name.
    NoWay,
    /// The node was restored, and the directory names nobody who could say what was seen of its journal.
    NobodyToAsk,
    /// Neighbours show more of a volume that was lost in part than the directory counts of it.
    ShownBeyond,
}

impl OperatorCause {
    /// The word in what goes out.
    const fn as_str(self) -> &'static str {
        match self {
            Self::ClockApart => "clock_apart",
            Self::DirectoryStale => "directory_stale",
            Self::DirectoryEnded => "directory_ended",
            Self::CertificateDue => "certificate_due",
            Self::CertificateEnded => "certificate_ended",
            Self::RevocationListOverdue => "revocation_list_overdue",
            Self::ConflictFound => "conflict_found",
            Self::PeerCutOff => "peer_cut_off",
            Self::DeskGone => "desk_gone",
            Self::DoubtExpired => "doubt_expired",
            Self::NoWay => "no_way",
            Self::NobodyToAsk => "nobody_to_ask",
            Self::ShownBeyond => "shown_beyond",
        }
    }

    /// For how long it must stand before it is rung, in milliseconds. What waits for a peer whose link has
    /// just ended goes another way if there is one.
    const fn patience_ms(self) -> i64 {
        match self {
            Self::NoWay => NO_WAY_AFTER_MS,
            Self::ClockApart
            | Self::DirectoryStale
            | Self::DirectoryEnded
            | Self::CertificateDue
            | Self::CertificateEnded
            | Self::RevocationListOverdue
            | Self::ConflictFound
            | Self::PeerCutOff
            | Self::DeskGone
            | Self::DoubtExpired
            | Self::NobodyToAsk
            | Self::ShownBeyond => 0,
        }
    }
}

/// What goes out for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OperatorAlarm {
    /// Why.
    event: OperatorCause,
    /// The agency, listener, network or journal that it is about.
    subject: String,
    /// The same in a sentence, with its figures.
    detail: String,
    /// Since when the node knows of it.
    at: Timestamp,
}

impl OperatorAlarm {
    /// The one form in which it goes out.
    fn to_json(&self) -> String {
        let object = serde_json::json!({
            "event": self.event.as_str(),
            "subject": self.subject,
            "detail": self.detail,
            "at": self.at.to_string(),
        });
        object.to_string()
    }
}

/// What stands: cause and whom or what it concerns, with a sentence.
type Found = BTreeMap<(OperatorCause, String), String>;

/// What was found before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    since: Timestamp,
    seen: Timestamp,
    /// When it is to be rung.
    ring_at: Timestamp,
}

/// What was found before, by cause and subject.
#[derive(Debug, Default)]
struct Memory(BTreeMap<(OperatorCause, String), Standing>);

/// Looks around and rings.
pub(super) struct Sentry {
    pub(super) setting: Arc<Setting>,
    pub(super) hook: AlarmHook,
    pub(super) certificates: CertificateBoard,
    pub(super) heard: DirectoryBoard,
}

impl Sentry {
    /// Until told to stop; never, where nobody is to be rung.
    pub(super) async fn keep(self, tasks: Tasks) {
        if self.hook.is_silent() {
            return;
        }
        let (mut memory, sentry) = (Memory::default(), Arc::new(self));
        loop {
            let looks = Arc::clone(&sentry);
            let found = tokio::task::spawn_blocking(move || looks.found()).await;
            match found {
                Ok(Ok(found)) => {
                    for alarm in memory.see(found, sentry.setting.clock.now()) {
                        let rung = tokio::select! {
                            rung = sentry.hook.send(alarm.to_json()) => rung,
                            () = tasks.stopping() => return,
                        };
                        memory.rung(&alarm, rung.is_ok(), sentry.setting.clock.now());
                    }
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "what an operator must look after can't be read")
                }
                Err(error) => tracing::error!(%error, "the look for alarms broke off"),
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = tasks.stopping() => return,
            }
        }
    }

    /// All that stands now.
    fn found(&self) -> Result<Found, HistoryError> {
        let (setting, now) = (self.setting.as_ref(), self.setting.clock.now());
        let mut found = Found::new();
        for (peer, ahead_ms) in self.heard.apart() {
            let side = if ahead_ms < 0 { "behind" } else { "ahead of" };
            let seconds = ahead_ms.unsigned_abs() / 1000;
            let text = format!("the clock of {peer} is {seconds} s {side} this node's");
            found.insert((OperatorCause::ClockApart, peer.to_string()), text);
        }
        for (desk, open) in self.heard.gone() {
            let text = format!("the directory names {desk} no more; requests open with it: {open}");
            found.insert((OperatorCause::DeskGone, desk.to_string()), text);
        }
        let stale = match setting.freshness() {
            Freshness::Fresh => None,
            Freshness::Stale => Some((OperatorCause::DirectoryStale, "")),
            Freshness::Ended => Some((OperatorCause::DirectoryEnded, "; nothing new is sent")),
        };
        if let (Some((cause, more)), Some((at, _))) = (stale, setting.directory_confirmed()) {
            let text = format!("no peer has confirmed the directory since {at}{more}");
            found.insert((cause, setting.directory().network().to_string()), text);
        }
        let status = self.certificates.status(now);
        for it in status.certificates {
            let cause = match it.state.as_str() {
                "due" => OperatorCause::CertificateDue,
                "ended" => OperatorCause::CertificateEnded,
                _ => continue,
            };
            let text = format!("the certificate for {} ends at {}", it.listener, it.not_after);
            found.insert((cause, it.listener), text);
        }
        for it in status.lists.into_iter().filter(|it| it.overdue) {
            let text =
                format!("the revocation list of {} was due at {}", it.agency, it.next_update);
            found.insert((OperatorCause::RevocationListOverdue, it.agency), text);
        }
        let directory = setting.directory();
        for peer in directory.neighbours(&setting.agency) {
            let store = setting.store.as_ref();
            let conduct = conduct::of(store, &peer, now)?;
            if let Some(until) = conduct.cut_off_until() {
                let cause = conduct.cut_off_cause().map(|it| format!(" ({})", it.told()));
                let text = format!(
                    "too much of what {peer} sent did not hold{}: nothing is taken from it until \
                     {until}",
                    cause.unwrap_or_default()
                );
                found.insert((OperatorCause::PeerCutOff, peer.to_string()), text);
            }
        }
        found.extend(overdue::by_peer(setting)?.into_iter().map(unanswered));
        found.extend(stranded::by_agency(setting)?.into_iter().map(without_a_way));
        let doubt = Doubt::of(setting.store.as_ref())?;
        if doubt.is_some_and(|it| it.has_nobody_to_ask(setting)) {
            let cause = (OperatorCause::NobodyToAsk, setting.journal_name.to_string());
            found.insert(cause, NOBODY_TO_ASK.to_owned());
        }
        let recovery = Recovery::of(setting.store.as_ref())?;
        let beyond = recovery.map(|it| it.beyond(setting)).unwrap_or_default();
        // Of one volume the greatest size stays, which is what has to be named.
        found.extend(beyond.iter().map(shown_beyond));
        let journals = directory.agencies().flat_map(|it| &it.journals);
        for journal in journals.map(|it| &it.name) {
            if let Some(position) = neighbours::conflict(setting.store.as_ref(), journal)? {
                let text =
                    format!("two histories of {journal} were shown; entry {position} has both");
                found.insert((OperatorCause::ConflictFound, journal.to_string()), text);
            }
        }
        Ok(found)
    }
}

/// What an operator is told of doubt that no node can end.
fn unanswered(overdue: Overdue) -> ((OperatorCause, String), String) {
    let Overdue { peer, messages, since } = overdue;
    let text = format!(
        "{peer} was offered {messages} messages that have expired, the first at {since}, and has not \
         answered: it may have them; its operator has to let its node answer"
    );
    ((OperatorCause::DoubtExpired, peer.to_string()), text)
}

/// What an operator is told of what counts for nobody, for the agency's record retired a volume too soon.
fn shown_beyond(beyond: &Beyond) -> ((OperatorCause, String), String) {
    ((OperatorCause::ShownBeyond, beyond.journal.to_string()), beyond.to_string())
}

/// What an operator is told of what no directory leads on.
fn without_a_way((agency, count): (AgencyId, usize)) -> ((OperatorCause, String), String) {
    let text = format!(
        "{count} things wait for {agency}, to which the directory names no link or way: rogatory node \
         queue lists them"
    );
    ((OperatorCause::NoWay, agency.to_string()), text)
}

impl Memory {
    /// Takes what stands now; gives what is to be rung.
    fn see(&mut self, found: Found, now: Timestamp) -> Vec<OperatorAlarm> {
        let mut due = Vec::new();
        for ((cause, subject), detail) in found {
            let ring_at = now.plus_millis(cause.patience_ms());
            let new = Standing { since: now, seen: now, ring_at };
            let standing = self.0.entry((cause, subject.clone())).or_insert(new);
            standing.seen = now;
            if standing.ring_at <= now {
                due.push(OperatorAlarm { event: cause, subject, detail, at: standing.since });
            }
        }
        self.0.retain(|_, it| now.millis_since(it.seen) < FORGET_AFTER_MS);
        due
    }

    /// It was rung for, or tried in vain.
    fn rung(&mut self, alarm: &OperatorAlarm, arrived: bool, now: Timestamp) {
        let wait = if arrived { REMINDER_MS } else { AGAIN_AFTER_MS };
        if let Some(standing) = self.0.get_mut(&(alarm.event, alarm.subject.clone())) {
            standing.ring_at = now.plus_millis(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(1_768_099_620_000).plus_millis(minutes * MINUTE)
    }

    fn apart() -> Found {
        Found::from([((OperatorCause::ClockApart, "int.hub".to_owned()), "apart".to_owned())])
    }

    /// Looks at a minute, and rings with that luck; how often it was rung.
    fn looked(memory: &mut Memory, minute: i64, found: Found, arrived: bool) -> usize {
        let due = memory.see(found, at(minute));
        due.iter().for_each(|it| memory.rung(it, arrived, at(minute)));
        due.len()
    }

    #[test]
    fn what_stands_is_rung_once_a_day_and_what_did_not_arrive_again_soon() {
        let mut memory = Memory::default();
        assert_eq!(looked(&mut memory, 0, apart(), false), 1);
        assert_eq!(looked(&mut memory, 0, apart(), true), 0, "it is not tried at once again");
        assert_eq!(looked(&mut memory, 1, apart(), true), 1);
        assert_eq!(looked(&mut memory, 2, apart(), true), 0);
        assert_eq!(looked(&mut memory, 24 * 60, apart(), true), 0);
        let due = memory.see(apart(), at(24 * 60 + 1));
        assert_eq!(due.iter().map(|it| it.at).collect::<Vec<_>>(), [at(0)], "since it began");
    }

    #[test]
    fn doubt_past_expiry_is_rung_once_for_a_peer_however_many_messages_join_it() {
        let mut memory = Memory::default();
        let doubt = |messages| {
            let peer = "int.hub".parse().unwrap();
            Found::from([unanswered(Overdue { peer, messages, since: at(0) })])
        };
        let due = memory.see(doubt(1), at(1));
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].event.as_str(), "doubt_expired");
        assert_eq!(due[0].subject, "int.hub");
        assert!(due[0].detail.starts_with("int.hub was offered 1 messages"), "{}", due[0].detail);
        memory.rung(&due[0], true, at(1));
        assert_eq!(memory.see(doubt(2), at(2)), []);
        assert_eq!(memory.see(doubt(2), at(600)), []);
    }

    #[test]
    fn what_is_shown_beyond_what_counts_is_rung_for_with_the_size_to_be_named() {
        let journal = "int.hub/journal/1".parse().unwrap();
        let beyond =
            Beyond { by: "ita.coast-guard".parse().unwrap(), journal, size: 23, counts: 17 };
        let due = Memory::default().see(Found::from([shown_beyond(&beyond)]), at(0));
        let [alarm] = &due[..] else { panic!("{due:?}") };
        let said: serde_json::Value = serde_json::from_str(&alarm.to_json()).unwrap();
        assert_eq!(
            (&said["event"], &said["subject"]),
            (&"shown_beyond".into(), &"int.hub/journal/1".into())
        );
        let detail = said["detail"].as_str().unwrap();
        assert!(
            detail.contains("retires at 17") && detail.ends_with("retired_at_size = 23"),
            "{detail}"
        );
    }

    #[test]
    fn what_no_way_leads_on_is_rung_once_it_has_stood_for_a_minute() {
        let mut memory = Memory::default();
        let stranded = |count| Found::from([without_a_way(("int.hub".parse().unwrap(), count))]);
        assert_eq!(memory.see(stranded(1), at(0)), []);
        assert_eq!(memory.see(stranded(1), at(1).plus_millis(-1)), []);
        let due = memory.see(stranded(2), at(1));
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].event.as_str(), due[0].subject.as_str()), ("no_way", "int.hub"));
        assert_eq!(due[0].at, at(0), "since it began");
        assert!(due[0].detail.starts_with("2 things wait for int.hub"), "{}", due[0].detail);
        memory.rung(&due[0], true, at(1));
        assert_eq!(memory.see(stranded(3), at(2)), []);
    }

    #[test]
    fn what_comes_and_goes_is_one_alarm_and_after_an_hour_another() {
        let mut memory = Memory::default();
        assert_eq!(looked(&mut memory, 0, apart(), true), 1);
        assert_eq!(looked(&mut memory, 1, Found::new(), true), 0);
        assert_eq!(looked(&mut memory, 59, apart(), true), 0);
        assert_eq!(looked(&mut memory, 118, Found::new(), true), 0);
        assert_eq!(looked(&mut memory, 119, Found::new(), true), 0);
        let due = memory.see(apart(), at(120));
        assert_eq!(due.iter().map(|it| it.at).collect::<Vec<_>>(), [at(120)]);
    }
}
