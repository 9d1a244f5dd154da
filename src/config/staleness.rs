//! The section `[directory]`: how long a directory counts that no peer confirms.

use crate::config::check::number;
use crate::directory::freshness::{ALARM_AFTER_S_DEFAULT, END_AFTER_S_DEFAULT, FreshFor};
use crate::directory::strict::Table;

/// The keys of the section.
pub(super) const KEYS: &[&str] = &["alarm_after_s", "end_after_s"];
/// Longest of both times, in seconds: a year.
const YEAR_S: u64 = 365 * 24 * 3600;
/// Shortest of both times, in seconds.
const LEAST_S: u64 = 30;

/// `[directory]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staleness {
    /// From this age on there is an alarm, in seconds.
    pub alarm_after_s: u64,
    /// From this age on nothing new is sent, in seconds.
    pub end_after_s: u64,
}

impl Default for Staleness {
    fn default() -> Self {
        Self { alarm_after_s: ALARM_AFTER_S_DEFAULT, end_after_s: END_AFTER_S_DEFAULT }
    }
}

impl Staleness {
    /// As the node reckons with it.
    pub fn fresh_for(self) -> FreshFor {
        let millis = |it: u64| i64::try_from(it.saturating_mul(1000)).unwrap_or(i64::MAX);
        FreshFor {
            alarm_after_ms: millis(self.alarm_after_s),
            end_after_ms: millis(self.end_after_s),
        }
    }

    pub(super) fn to_toml(self) -> String {
        let Self { alarm_after_s, end_after_s } = self;
        format!("[directory]\nalarm_after_s = {alarm_after_s}\nend_after_s = {end_after_s}\n")
    }
}

/// Reads the section; each wrong value is a fault.
pub(super) fn read(table: &Table<'_>) -> Staleness {
    let read = Staleness {
        alarm_after_s: number(table, "alarm_after_s", LEAST_S, YEAR_S, ALARM_AFTER_S_DEFAULT),
        end_after_s: number(table, "end_after_s", LEAST_S, YEAR_S, END_AFTER_S_DEFAULT),
    };
    if read.end_after_s <= read.alarm_after_s {
        table.fault_at("end_after_s", "must be more than alarm_after_s: the alarm comes first");
    }
    read
}
