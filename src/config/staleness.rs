//! The section `[directory]`: how long a directory counts that no peer confirms, and a revocation list
//! past its next update.

use crate::config::check::number;
use crate::directory::freshness::{ALARM_AFTER_S_DEFAULT, END_AFTER_S_DEFAULT, FreshFor};
use crate::directory::strict::Table;
use crate::transport::tls::roots::CRL_GRACE_MILLIS;

/// The keys of the section.
pub(super) const KEYS: &[&str] = &["alarm_after_s", "end_after_s", "crl_grace_s"];
/// Longest of both times, in seconds: a year.
const YEAR_S: u64 = 365 * 24 * 3600;
/// Shortest of both times, in seconds.
const LEAST_S: u64 = 30;
/// Longest grace of a revocation list, in seconds: 30 days.
const CRL_GRACE_S_MAX: u64 = 30 * 24 * 3600;
/// Grace of a revocation list where none is said.
const CRL_GRACE_S_DEFAULT: u64 = CRL_GRACE_MILLIS.unsigned_abs() / 1000;

/// `[directory]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staleness {
    /// From this age on there is an alarm, in seconds.
    pub alarm_after_s: u64,
    /// From this age on nothing new is sent, in seconds.
    pub end_after_s: u64,
    /// So long a revocation list counts past its next update, in seconds.
    pub crl_grace_s: u64,
}

impl Default for Staleness {
    fn default() -> Self {
        Self {
            alarm_after_s: ALARM_AFTER_S_DEFAULT,
            end_after_s: END_AFTER_S_DEFAULT,
            crl_grace_s: CRL_GRACE_S_DEFAULT,
        }
    }
}

impl Staleness {
    /// As the node reckons with it.
    pub fn fresh_for(self) -> FreshFor {
        FreshFor {
            alarm_after_ms: millis(self.alarm_after_s),
            end_after_ms: millis(self.end_after_s),
        }
    }

    /// How long a revocation list counts past its next update, in milliseconds.
    pub fn crl_grace_millis(self) -> i64 {
        millis(self.crl_grace_s)
    }

    pub(super) fn to_toml(self) -> String {
        let Self { alarm_after_s, end_after_s, crl_grace_s } = self;
        format!(
            "[directory]\nalarm_after_s = {alarm_after_s}\nend_after_s = {end_after_s}\n\
             crl_grace_s = {crl_grace_s}\n"
        )
    }
}

fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
}

/// Reads the section; each wrong value is a fault.
pub(super) fn read(table: &Table<'_>) -> Staleness {
    let read = Staleness {
        alarm_after_s: number(table, "alarm_after_s", LEAST_S, YEAR_S, ALARM_AFTER_S_DEFAULT),
        end_after_s: number(table, "end_after_s", LEAST_S, YEAR_S, END_AFTER_S_DEFAULT),
        crl_grace_s: number(table, "crl_grace_s", 0, CRL_GRACE_S_MAX, CRL_GRACE_S_DEFAULT),
    };
    if read.end_after_s <= read.alarm_after_s {
        table.fault_at("end_after_s", "must be more than alarm_after_s: the alarm comes first");
    }
    read
}
