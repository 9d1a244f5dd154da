//! Times and durations as people write and read them.

use std::io::IsTerminal as _;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::clock::{Clock as _, SystemClock, Timestamp};

/// How a time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TimeFormat {
    /// From now: `3 min ago`, `in 2 days`. The default on a terminal.
    Relative,
    /// RFC 3339 with offset. The default in a pipe.
    Iso,
}

/// Shows times of the API to people.
#[derive(Clone, Debug)]
pub struct Times {
    format: TimeFormat,
    zone: TimeZone,
    now: Timestamp,
}

impl Times {
    /// In the zone of the machine, or in UTC.
    pub fn new(format: Option<TimeFormat>, utc: bool) -> Self {
        let on_terminal = std::io::stdout().is_terminal();
        let default = if on_terminal { TimeFormat::Relative } else { TimeFormat::Iso };
        let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
        Self { format: format.unwrap_or(default), zone, now: SystemClock.now() }
    }

    /// An RFC 3339 time of the API; anything else stays as it is.
    pub fn show(&self, text: &str) -> String {
        Timestamp::parse(text).map_or_else(|| text.to_owned(), |at| self.at(at))
    }

    /// A time.
    pub fn at(&self, at: Timestamp) -> String {
        match self.format {
            TimeFormat::Relative => relative(at.millis_since(self.now)),
            TimeFormat::Iso => self.exact(at),
        }
    }

    /// A time to the millisecond, however times are shown otherwise.
    pub fn exact(&self, at: Timestamp) -> String {
        let Ok(time) = jiff::Timestamp::from_millisecond(at.millis()) else {
            return at.to_string();
        };
        if self.zone == TimeZone::UTC {
            return time.to_string();
        }
        time.display_with_offset(self.zone.to_offset(time)).to_string()
    }
}

/// A distance from now: negative is the past.
fn relative(millis: i64) -> String {
    let seconds = millis.unsigned_abs() / 1_000;
    if seconds == 0 {
        return "now".to_owned();
    }
    let steps = [(86_400 * 2, 86_400, "days"), (3_600 * 2, 3_600, "h"), (120, 60, "min")];
    let found = steps.into_iter().find(|(from, _, _)| seconds >= *from);
    let (unit, word) = found.map_or((1, "s"), |(_, unit, word)| (unit, word));
    let count = seconds / unit;
    if millis < 0 { format!("{count} {word} ago") } else { format!("in {count} {word}") }
}

/// A duration between two stations.
pub fn span(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "+" };
    let millis = millis.unsigned_abs();
    if millis < 60_000 {
        return format!("{sign}{}.{:03} s", millis / 1_000, millis % 1_000);
    }
    let seconds = millis / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{sign}{minutes} min {} s", seconds % 60),
        (0, _) => format!("{sign}{hours} h {minutes} min"),
        (_, _) => format!("{sign}{days} d {hours} h"),
    }
}

/// How long something took, without its fractions; 0 stands for nothing.
pub fn lasting(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 => String::new(),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// Reads a duration such as `30s`, `5m`, `2h` or `1h 30m`.
///
/// # Errors
/// What is wrong with it, for the reader of a command line.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a duration is a number with a unit, such as 30s, 5m or 2h".to_owned();
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(span).map_err(|_| wrong())?;
    if duration.is_zero() { Err(wrong()) } else { Ok(duration) }
}

/// Whole seconds of a duration, cut.
pub fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// A time of RFC 3339, or a day: its end, in UTC.
///
/// # Errors
/// What it should look like.
pub fn parse_end(text: &str) -> Result<Timestamp, String> {
    let end = format!("{text}T23:59:59Z");
    let found = Timestamp::parse(text).or_else(|| Timestamp::parse(&end));
    found.ok_or_else(|| "it is a day such as 2027-03-01, or a time of RFC 3339".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_or_the_end_of_a_day() {
        let end = |text| parse_end(text).map(|it| it.to_string());
        assert_eq!(end("2027-03-01"), Ok("2027-03-01T23:59:59Z".to_owned()));
        assert_eq!(end("2027-03-01T10:00:00Z"), Ok("2027-03-01T10:00:00Z".to_owned()));
        for bad in ["", "tomorrow", "2027-02-30", "2027-03-01T"] {
            assert!(end(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "5", "-5m", "0s", "soon"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn distances_from_now_are_words() {
        let words =
            [(-400, "now"), (-3_000, "3 s ago"), (90_000, "in 90 s"), (120_000, "in 2 min")];
        let more = [(-7_200_000, "2 h ago"), (172_800_000, "in 2 days")];
        for (millis, word) in words.into_iter().chain(more) {
            assert_eq!(relative(millis), word);
        }
    }

    #[test]
    fn times_are_shown_in_utc_on_demand() {
        let times = Times::new(Some(TimeFormat::Iso), true);
        assert_eq!(times.show("2026-01-11T02:47:00.120Z"), "2026-01-11T02:47:00.12Z");
        assert_eq!(times.show("soon"), "soon");
        assert_eq!(times.show(""), "");
    }

    #[test]
    fn how_long_something_took_is_said_in_two_units() {
        let words = [(0, ""), (59, "59 s"), (60, "1 min 0 s"), (3_599, "59 min 59 s")];
        let more = [(3_600, "1 h 0 min"), (86_399, "23 h 59 min"), (93_600, "1 d 2 h")];
        for (seconds, word) in words.into_iter().chain(more) {
            assert_eq!(lasting(seconds), word);
        }
    }

    #[test]
    fn spans_are_precise_where_they_are_short() {
        assert_eq!(span(31), "+0.031 s");
        assert_eq!(span(-1_500), "-1.500 s");
        assert_eq!(span(125_000), "+2 min 5 s");
        assert_eq!(span(93_600_000), "+1 d 2 h");
    }
}
