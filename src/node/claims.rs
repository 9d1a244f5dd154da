//! Which peers name a newer directory than the one here, and for how long that is believed.
//!
//! What does not hold by the directory here, and may by a newer one that a peer names, is no lie: it is asked for
//! again. A peer that has a newer one shows it, on the connection of its session (`duties/gossip.rs`). So it
//! is believed for [`BELIEVED_MS`] under one and the same directory here; and where nobody has confirmed that one
//! meanwhile, for as long as it takes until that is an alarm, for then it may be this node that lags behind.
//! What comes after that is counted ([`conduct`](crate::node::conduct)), and is asked for again all the same.
//!
//! It is lost with the process: then the time begins anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::directory::freshness::FreshFor;
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::node::setting::Setting;

/// So long a peer is believed that there is a newer directory, in milliseconds: an hour. Who needed none for
/// as long is believed anew.
pub const BELIEVED_MS: i64 = 3_600_000;

/// What peers made good by a directory that is not here.
#[derive(Debug, Default)]
pub struct Claims(Mutex<BTreeMap<AgencyId, Claim>>);

#[derive(Clone, Copy, Debug)]
struct Claim {
    /// The directory that was followed here.
    under: Digest,
    since: Timestamp,
    last: Timestamp,
}

impl Claims {
    /// What `peer` sent at `now` may hold by a newer directory than `under`. Gives since when it has needed
    /// that, again and again under the same directory here.
    fn needed(&self, peer: &AgencyId, under: Digest, now: Timestamp) -> Timestamp {
        // Each change is a single one, so what is guarded is whole whatever panicked beside it.
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = |it: &&Claim| {
            // A clock that was put back begins anew.
            it.under == under && (0..BELIEVED_MS).contains(&now.millis_since(it.last))
        };
        let since = claims.get(peer).filter(goes_on).map_or(now, |it| it.since);
        claims.insert(peer.clone(), Claim { under, since, last: now });
        since
    }
}

/// Whether `peer` is believed that what it sent now may hold by a newer directory.
pub fn is_believed(setting: &Setting, peer: &AgencyId) -> bool {
    let now = setting.clock.now();
    let since = setting.claims().needed(peer, setting.directory().hash(), now);
    now.millis_since(since) < believed_ms(setting.directory_confirmed(), since)
}

/// For how long a claim is believed that began at `since`, by when somebody confirmed the directory here.
fn believed_ms(confirmed: Option<(Timestamp, FreshFor)>, since: Timestamp) -> i64 {
    match confirmed {
        Some((at, fresh_for)) if at <= since => BELIEVED_MS.max(fresh_for.alarm_after_ms),
        Some(_) | None => BELIEVED_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_768_099_620_000 + millis)
    }

    #[test]
    fn a_claim_begins_anew_under_another_directory_and_after_an_hour_without_it() {
        let claims = Claims::default();
        let [peer, other]: [AgencyId; 2] = ["int.hub", "int.hub-2"].map(|it| it.parse().unwrap());
        let [one, two] = [b"one", b"two"].map(|it| Digest::of(it));
        assert_eq!(claims.needed(&peer, one, at(0)), at(0));
        assert_eq!(claims.needed(&peer, one, at(BELIEVED_MS - 1)), at(0));
        assert_eq!(claims.needed(&other, one, at(BELIEVED_MS - 1)), at(BELIEVED_MS - 1));
        assert_eq!(claims.needed(&peer, one, at(2 * BELIEVED_MS - 2)), at(0));
        assert_eq!(claims.needed(&peer, one, at(3 * BELIEVED_MS - 2)), at(3 * BELIEVED_MS - 2));
        assert_eq!(claims.needed(&peer, two, at(3 * BELIEVED_MS)), at(3 * BELIEVED_MS));
        assert_eq!(claims.needed(&peer, two, at(-1)), at(-1), "the clock was put back");
    }

    #[test]
    fn where_nobody_has_confirmed_the_directory_since_a_peer_is_believed_until_that_is_an_alarm() {
        let fresh_for = |alarm_after_ms| FreshFor { alarm_after_ms, end_after_ms: i64::MAX };
        let days = 3 * 24 * BELIEVED_MS;
        assert_eq!(believed_ms(Some((at(5), fresh_for(days))), at(5)), days);
        assert_eq!(believed_ms(Some((at(6), fresh_for(days))), at(5)), BELIEVED_MS);
        assert_eq!(believed_ms(Some((at(5), fresh_for(30_000))), at(5)), BELIEVED_MS);
        assert_eq!(believed_ms(None, at(5)), BELIEVED_MS);
    }
}
