//! How long a directory counts that nobody confirms.
//!
//! A peer that holds the same confirms it. Without that a node can't know whether somebody was
//! suspended since: past a first time there is an alarm, past a second one nothing new is sent. What
//! was accepted is delivered all the same, and what comes is taken.

use crate::clock::Timestamp;

/// Default of the time until the alarm, in seconds: 3 days.
pub const ALARM_AFTER_S_DEFAULT: u64 = 3 * 24 * 3600;
/// Default of the time until the end, in seconds: 14 days.
pub const END_AFTER_S_DEFAULT: u64 = 14 * 24 * 3600;

/// For how long a directory counts after it was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshFor {
    /// From this age on there is an alarm, in milliseconds.
    pub alarm_after_ms: i64,
    /// From this age on nothing new is sent, in milliseconds.
    pub end_after_ms: i64,
}

/// How a directory stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It was confirmed lately.
    Fresh,
    /// It was not, and there is an alarm.
    Stale,
    /// Nothing new is sent.
    Ended,
}

impl Freshness {
    /// The word on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Ended => "ended",
        }
    }
}

impl FreshFor {
    /// How a directory stands that was confirmed last at `confirmed`.
    pub fn judge(self, confirmed: Timestamp, now: Timestamp) -> Freshness {
        let age = now.millis_since(confirmed);
        if age >= self.end_after_ms {
            Freshness::Ended
        } else if age >= self.alarm_after_ms {
            Freshness::Stale
        } else {
            Freshness::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_and_the_end_come_to_the_millisecond() {
        let fresh_for = FreshFor { alarm_after_ms: 1_000, end_after_ms: 5_000 };
        let start = Timestamp::from_millis(1_700_000_000_000);
        for (age, wanted) in [
            (-1, Freshness::Fresh),
            (999, Freshness::Fresh),
            (1_000, Freshness::Stale),
            (4_999, Freshness::Stale),
            (5_000, Freshness::Ended),
        ] {
            assert_eq!(fresh_for.judge(start, start.plus_millis(age)), wanted, "{age}");
        }
    }
}
