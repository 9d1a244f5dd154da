//! What one caller may take of the node, so that the others are served too. All of it is decided before
//! anything of a call is read, by who calls.
//!
//! A caller has places for calls at the same time; what comes beyond waits for one, unread, behind the
//! caller's own. A peer has places for sessions. An auditor, who may read all there is, has a pace
//! besides: calls beyond it are refused with the time after which the next one is let in.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::clock::{Clock, Timestamp};
use crate::domain::ids::AgencyId;
use crate::identity::permission::Verb;
use crate::identity::principal::{Principal, Role};
use crate::transport::limits::{
    AUDIT_CALLS_AT_ONCE, AUDIT_CALLS_PER_SECOND, CALL_TIME_MAX, CALLS_OF_ONE_MAX,
    SEALINGS_OF_ONE_MIN, SESSIONS_OF_ONE_MAX,
};

/// Callers that are remembered before those are forgotten who take nothing now.
const REMEMBERED_MAX: usize = 1_024;

/// How much an auditor may still ask for at once, in thousandths of a call.
#[derive(Clone, Copy, Debug)]
struct Pace {
    left: u64,
    at: Timestamp,
}

const ONE: u64 = 1_000;
const FULL: u64 = AUDIT_CALLS_AT_ONCE * ONE;

impl Pace {
    /// The same at a later time. A clock that was put back gives nothing and takes nothing.
    fn at(self, now: Timestamp) -> Self {
        let passed = u64::try_from(now.millis_since(self.at)).unwrap_or(0);
        let more = passed.saturating_mul(AUDIT_CALLS_PER_SECOND * ONE / 1_000);
        Self { left: self.left.saturating_add(more).min(FULL), at: now }
    }

    /// Takes one call; or after how long there is one.
    fn take(&mut self) -> Result<(), Duration> {
        match self.left.checked_sub(ONE) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                let lacks = ONE.saturating_sub(self.left);
                Err(Duration::from_millis(lacks.div_ceil(AUDIT_CALLS_PER_SECOND)))
            }
        }
    }
}

/// How much longer than others a call may take, since what it asks for is long work that was checked to
/// be within its limits. Whoever serves the call lengthens it; clones are of the same call.
#[derive(Clone, Debug, Default)]
pub struct CallTime(Arc<AtomicU64>);

impl CallTime {
    /// Gives the call so much more time.
    pub fn lengthen(&self, by: Duration) {
        let more = self.more().saturating_add(by).as_millis();
        self.0.store(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn more(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Why a call was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// Faster than its caller's pace; there is a place again after this time.
    TooFast(Duration),
    /// It took longer than a call may.
    TooLong,
}

#[derive(Default)]
struct Taken {
    places: BTreeMap<Principal, Arc<Semaphore>>,
    sealings: BTreeMap<Principal, Arc<Semaphore>>,
    sessions: BTreeMap<AgencyId, Arc<Semaphore>>,
    paces: BTreeMap<Principal, Pace>,
}

/// What callers take at one listener.
#[derive(Clone)]
pub struct Shares {
    clock: Arc<dyn Clock>,
    taken: Arc<Mutex<Taken>>,
    time_max: Duration,
}

impl Shares {
    /// Nobody takes anything yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, taken: Arc::default(), time_max: CALL_TIME_MAX }
    }

    /// By which paces are reckoned.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // A thread that panicked while it held them left them whole: each change is one step.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self, principal: &Principal) -> Arc<Semaphore> {
        of_one(&mut self.taken().places, principal, CALLS_OF_ONE_MAX)
    }

    fn sealings(&self, principal: &Principal) -> Arc<Semaphore> {
        of_one(&mut self.taken().sealings, principal, sealings_of_one())
    }

    /// Does the work of a call once its caller has a place for it. What waits for something to happen,
    /// and what flows, takes no place. The work may lengthen its `time` while it goes on.
    ///
    /// # Errors
    /// [`Unserved::TooLong`]; the work is dropped then. What it asked of the writer stands.
    pub async fn served<T>(
        &self,
        principal: &Principal,
        (verb, time): (Verb, &CallTime),
        work: impl Future<Output = T>,
    ) -> Result<T, Unserved> {
        let sealings = match work_of(verb) {
            Work::Endless => return Ok(work.await),
            Work::Short => None,
            Work::Sealing => Some(self.sealings(principal)),
        };
        let places = self.places(principal);
        let mut work = pin!(async {
            // Who waits to seal takes no place from the caller's other calls.
            let _sealing = match &sealings {
                Some(sealings) => Some(sealings.acquire().await),
                None => None,
            };
            let _place = places.acquire().await;
            work.await
        });
        let (mut waited, mut given) = (Duration::ZERO, self.time_max);
        while waited < given {
            if let Ok(done) = timeout(given.saturating_sub(waited), &mut work).await {
                return Ok(done);
            }
            (waited, given) = (given, self.time_max.saturating_add(time.more()));
        }
        Err(Unserved::TooLong)
    }

    /// A place for one more session of a peer, by whichever of its nodes; `None` if all are taken.
    pub fn session(&self, peer: &AgencyId) -> Option<OwnedSemaphorePermit> {
        let places = of_one(&mut self.taken().sessions, peer, SESSIONS_OF_ONE_MAX);
        places.try_acquire_owned().ok()
    }

    /// Takes one call of a caller's pace. Only auditors have one.
    ///
    /// # Errors
    /// [`Unserved::TooFast`]; nothing is taken then.
    pub fn paced(&self, principal: &Principal) -> Result<(), Unserved> {
        if principal.role != Role::Auditor {
            return Ok(());
        }
        let now = self.clock.now();
        let paces = &mut self.taken().paces;
        if paces.len() >= REMEMBERED_MAX {
            paces.retain(|_, it| it.at(now).left < FULL);
        }
        let pace = paces.entry(principal.clone()).or_insert(Pace { left: FULL, at: now });
        *pace = pace.at(now);
        pace.take().map_err(Unserved::TooFast)
    }

    /// The same for a part of what flows already: waits until it is its turn.
    pub async fn in_pace(&self, principal: &Principal) {
        while let Err(Unserved::TooFast(wait)) = self.paced(principal) {
            tokio::time::sleep(wait).await;
        }
    }
}

/// The places of one among all, of whom those are forgotten who have none.
fn of_one<K: Ord + Clone>(
    all: &mut BTreeMap<K, Arc<Semaphore>>,
    one: &K,
    count: usize,
) -> Arc<Semaphore> {
    if all.len() >= REMEMBERED_MAX {
        all.retain(|_, it| Arc::strong_count(it) > 1);
    }
    let own = all.entry(one.clone());
    Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(count))))
}

/// Sealings of one caller at the same time.
fn sealings_of_one() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(SEALINGS_OF_ONE_MIN, CALLS_OF_ONE_MAX)
}

/// What a call is for the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// It waits for what may never come, or flows.
    Endless,
    /// It ends by itself and soon.
    Short,
    /// The same, and until then it keeps a core busy.
    Sealing,
}

/// What a call of this verb is. A match without a remainder: a method that nobody has decided on does not
/// compile.
const fn work_of(verb: Verb) -> Work {
    match verb {
        // A stream's place would be given back with its first byte; these wait for what may never come.
        Verb::ListMessages
        | Verb::WatchMessages
        | Verb::ReadAttachment
        | Verb::ReplayEntries
        | Verb::TakeBackup
        | Verb::Transfer
        | Verb::TransferAttachments
        | Verb::Compare => Work::Endless,
        Verb::SendMessage | Verb::ApproveDraft | Verb::AnnotateTransit => Work::Sealing,
        Verb::ListRequestStates
        | Verb::GetRequestState
        | Verb::GetMessage
        | Verb::ResolveRecipients
        | Verb::GrantAccess
        | Verb::RevokeAccess
        | Verb::EraseContent
        | Verb::RefuseErasure
        | Verb::ReviewContent
        | Verb::PlaceHold
        | Verb::ReleaseHold
        | Verb::ListDeadlines
        | Verb::SearchRequests
        | Verb::GetStatistics
        | Verb::ListDrafts
        | Verb::GetDraft
        | Verb::WithdrawDraft
        | Verb::ClaimMessage
        | Verb::ReleaseMessage
        | Verb::ReadMessage
        | Verb::AcknowledgeMessage
        | Verb::ReleaseTransit
        | Verb::ReturnTransit
        | Verb::BeginAttachment
        | Verb::AppendAttachment
        | Verb::GetCheckpoint
        | Verb::ProveInclusion
        | Verb::ProveConsistency
        | Verb::ListStatements
        | Verb::ReadSealed
        | Verb::ReadGranted
        | Verb::GrantContent
        | Verb::RevokeContent
        | Verb::ListContentGrants
        | Verb::ListPeers
        | Verb::ListQueue
        | Verb::ReleaseSetAside
        | Verb::ReturnSetAside
        | Verb::SetDrain
        | Verb::GetNodeStatus
        | Verb::ConfirmVolume
        | Verb::ListLost => Work::Short,
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;
    use crate::clock::HandClock;

    const START: Timestamp = Timestamp::from_millis(1_768_099_620_000);

    fn shares() -> (Shares, Arc<HandClock>) {
        let clock = Arc::new(HandClock::at(START));
        (Shares::new(Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    fn somebody(role: Role, name: &str) -> Principal {
        Principal::new("ita.coast-guard".parse().unwrap(), role, name).unwrap()
    }

    #[tokio::test]
    async fn calls_beyond_a_callers_places_wait_and_those_of_others_do_not() {
        let (shares, _) = shares();
        let (one, other) = (somebody(Role::Service, "a"), somebody(Role::Service, "b"));
        let time = CallTime::default();
        let show = (Verb::GetMessage, &time);
        let serve = |who| Box::pin(shares.served(who, show, std::future::pending::<u8>()));
        let mut busy: Vec<_> = (0..CALLS_OF_ONE_MAX).map(|_| serve(&one)).collect();
        for call in &mut busy {
            assert!(poll!(call.as_mut()).is_pending());
        }
        let done = || std::future::ready(7);
        let mut beyond = Box::pin(shares.served(&one, show, done()));
        assert!(poll!(beyond.as_mut()).is_pending(), "it waits");
        assert_eq!(shares.served(&other, show, done()).await, Ok(7));
        assert_eq!(
            shares.served(&one, (Verb::ListMessages, &time), done()).await,
            Ok(7),
            "it may wait long"
        );
        busy.pop();
        assert_eq!(beyond.await, Ok(7));
    }

    #[tokio::test]
    async fn calls_that_seal_wait_for_each_other_and_keep_no_place_from_others_of_their_caller() {
        let (shares, _) = shares();
        let (one, other) = (somebody(Role::Service, "a"), somebody(Role::Service, "b"));
        let time = CallTime::default();
        let send = (Verb::SendMessage, &time);
        let serve = |who| Box::pin(shares.served(who, send, std::future::pending::<u8>()));
        let mut busy: Vec<_> = (0..CALLS_OF_ONE_MAX).map(|_| serve(&one)).collect();
        for call in &mut busy {
            assert!(poll!(call.as_mut()).is_pending());
        }
        let done = || std::future::ready(7);
        let mut beyond = Box::pin(shares.served(&one, send, done()));
        assert!(poll!(beyond.as_mut()).is_pending(), "it waits");
        assert_eq!(shares.served(&other, send, done()).await, Ok(7));
        assert_eq!(shares.served(&one, (Verb::GetMessage, &time), done()).await, Ok(7));
        busy.clear();
        assert_eq!(beyond.await, Ok(7));
    }

    #[tokio::test]
    async fn a_call_that_never_ends_gives_its_place_back() {
        let (mut shares, _) = shares();
        shares.time_max = Duration::from_millis(1);
        let one = somebody(Role::Officer, "a");
        let time = CallTime::default();
        let send = (Verb::SendMessage, &time);
        for _ in 0..2 * CALLS_OF_ONE_MAX {
            let late = shares.served(&one, send, std::future::pending::<()>()).await;
            assert_eq!(late, Err(Unserved::TooLong));
        }
        let in_time = shares.served(&one, send, std::future::ready(1)).await;
        assert_eq!(in_time, Ok(1));
    }

    #[tokio::test]
    async fn a_call_that_was_given_more_time_has_so_much_and_no_more() {
        let (mut shares, _) = shares();
        shares.time_max = Duration::from_millis(1);
        let one = somebody(Role::Officer, "a");
        let served = async |takes| {
            let time = CallTime::default();
            let work = async {
                time.lengthen(Duration::from_millis(200));
                tokio::time::sleep(takes).await;
            };
            shares.served(&one, (Verb::SendMessage, &time), work).await
        };
        assert_eq!(served(Duration::from_millis(100)).await, Ok(()));
        assert_eq!(served(Duration::from_secs(3_600)).await, Err(Unserved::TooLong));
    }

    #[test]
    fn an_auditor_who_asks_faster_than_the_pace_is_told_when_to_come_back() {
        let (shares, clock) = shares();
        let (one, other) = (somebody(Role::Auditor, "a"), somebody(Role::Auditor, "b"));
        for _ in 0..AUDIT_CALLS_AT_ONCE {
            assert_eq!(shares.paced(&one), Ok(()));
        }
        let wait = Duration::from_millis(1_000 / AUDIT_CALLS_PER_SECOND);
        assert_eq!(shares.paced(&one), Err(Unserved::TooFast(wait)));
        assert_eq!(shares.paced(&other), Ok(()), "each has a pace of their own");
        assert_eq!(shares.paced(&somebody(Role::Officer, "a")), Ok(()));
        clock.advance(i64::try_from(wait.as_millis()).unwrap() - 1);
        let left = Unserved::TooFast(Duration::from_millis(1));
        assert_eq!(shares.paced(&one), Err(left));
        clock.advance(1);
        assert_eq!(shares.paced(&one), Ok(()));
        // A clock that is put back gives nothing, and takes no time beyond.
        clock.advance(-3_600_000);
        assert_eq!(shares.paced(&one), Err(Unserved::TooFast(wait)));
        clock.advance(i64::try_from(wait.as_millis()).unwrap());
        assert_eq!(shares.paced(&one), Ok(()));
        clock.advance(86_400_000);
        let at_once = (0..).take_while(|_| shares.paced(&one).is_ok()).count();
        assert_eq!(
            u64::try_from(at_once),
            Ok(AUDIT_CALLS_AT_ONCE),
            "no more than at the beginning"
        );
    }

    #[test]
    fn a_peer_has_places_for_a_few_sessions() {
        let (shares, _) = shares();
        let [peer, other] = ["ita.coast-guard", "int.hub"].map(|it| it.parse().unwrap());
        let mut sessions: Vec<_> =
            (0..SESSIONS_OF_ONE_MAX).map(|_| shares.session(&peer).unwrap()).collect();
        assert!(shares.session(&peer).is_none());
        assert!(shares.session(&other).is_some());
        sessions.pop();
        assert!(shares.session(&peer).is_some());
    }

    #[test]
    fn callers_who_take_nothing_are_forgotten() {
        let (shares, clock) = shares();
        for n in 0..REMEMBERED_MAX {
            shares.places(&somebody(Role::Officer, &format!("n{n}")));
            shares.paced(&somebody(Role::Auditor, &format!("n{n}"))).unwrap();
        }
        clock.advance(60_000);
        shares.places(&somebody(Role::Officer, "last"));
        shares.paced(&somebody(Role::Auditor, "last")).unwrap();
        let taken = shares.taken();
        assert_eq!((taken.places.len(), taken.paces.len()), (1, 1));
    }
}
