//! Moves the times of the worked examples, so that a story starts now and keeps its intervals.
//!
//! Times move by one interval to the second, days by whole days. What a message tells of long ago
//! stays (births, statement periods, earlier cases), and so do the dates of documents, because
//! their check digits cover them.

use serde_json::Value;

use crate::clock::Timestamp;

/// What lies further back than this before the message, in milliseconds, is not moved.
const HISTORY_MS: i64 = 365 * DAY_MS;
const DAY_MS: i64 = 86_400_000;

/// Fields that stay as they are.
const STAYS: &[&str] = &["birth", "mrz", "issued_on", "expires_on"];

/// From where to where the times of an example move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    from: Timestamp,
    to: Timestamp,
}

impl Move {
    /// Moves what happened at `from` to `to`, which is cut to whole seconds.
    pub(super) fn new(from: Timestamp, to: Timestamp) -> Self {
        let seconds = to.millis().div_euclid(1_000);
        Self { from, to: Timestamp::from_millis(seconds.saturating_mul(1_000)) }
    }

    /// The time after the move.
    pub(super) fn time(self, at: Timestamp) -> Timestamp {
        at.plus_millis(self.to.millis_since(self.from))
    }

    fn days(self) -> i64 {
        self.to.millis().div_euclid(DAY_MS) - self.from.millis().div_euclid(DAY_MS)
    }

    fn is_history(self, at: Timestamp) -> bool {
        self.from.millis_since(at) > HISTORY_MS
    }

    /// Moves every time and day in the texts of `value`.
    pub(super) fn value(self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|it| self.value(it)),
            Value::Object(fields) => {
                let moving = fields.iter_mut().filter(|(key, _)| !STAYS.contains(&key.as_str()));
                moving.for_each(|(_, it)| self.value(it));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Moves the times and days that stand in a text: `2026-01-08T14:02Z`, `2026-01-08`, `14:02Z`
    /// and `14:02Z on 2026-01-08`, each written again as precisely as it was.
    pub(super) fn text(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = ' ';
        while let Some(first) = rest.chars().next() {
            let starts = first.is_ascii_digit() && !before.is_alphanumeric() && before != ':';
            let found = if starts { self.token(rest) } else { None };
            if let Some((moved, left)) = found {
                out.push_str(&moved);
                rest = left;
                before = 'Z';
            } else {
                out.push(first);
                rest = rest.strip_prefix(first).unwrap_or_default();
                before = first;
            }
        }
        out
    }

    /// A time or day at the start of `text`, moved, and what follows it.
    fn token(self, text: &str) -> Option<(String, &str)> {
        if let Some((clock, left)) = shaped(text, "##:##Z") {
            let on = left.strip_prefix(" on ").and_then(|it| shaped(it, "####-##-##"));
            if let Some((day, left)) = on.filter(|(_, left)| !left.starts_with('T')) {
                let at = Timestamp::parse(&format!("{day}T{clock}"))?;
                let moved = self.moved(at);
                return Some((written(moved, "%H:%MZ on %Y-%m-%d")?, left));
            }
            let at = Timestamp::parse(&format!("1970-01-02T{clock}"))?;
            return Some((written(self.time(at), "%H:%MZ")?, left));
        }
        let times = [
            ("####-##-##T##:##:##Z", "%Y-%m-%dT%H:%M:%SZ"),
            ("####-##-##T##:##Z", "%Y-%m-%dT%H:%MZ"),
        ];
        for (shape, format) in times {
            if let Some((time, left)) = shaped(text, shape) {
                return Some((written(self.moved(Timestamp::parse(time)?), format)?, left));
            }
        }
        let (day, left) = shaped(text, "####-##-##")?;
        let goes_on = left.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        if goes_on {
            return None;
        }
        let at = Timestamp::parse(&format!("{day}T00:00:00Z"))?;
        let days = if self.is_history(at) { 0 } else { self.days() };
        Some((written(at.plus_millis(days.saturating_mul(DAY_MS)), "%Y-%m-%d")?, left))
    }

    fn moved(self, at: Timestamp) -> Timestamp {
        if self.is_history(at) { at } else { self.time(at) }
    }
}

/// The start of `text` if it has the shape, where `#` is a digit; and what follows it.
fn shaped<'a>(text: &'a str, shape: &str) -> Option<(&'a str, &'a str)> {
    let (start, rest) = text.split_at_checked(shape.len())?;
    let fits = start.chars().zip(shape.chars()).all(|(given, wanted)| match wanted {
        '#' => given.is_ascii_digit(),
        wanted => given == wanted,
    });
    fits.then_some((start, rest))
}

fn written(at: Timestamp, format: &str) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
    Some(at.strftime(format).to_string())
}

/// A time of day with milliseconds, as the story shows it.
pub(super) fn time_of_day(at: Timestamp) -> String {
    written(at, "%H:%M:%S%.3f").unwrap_or_else(|| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_move() -> Move {
        let from = Timestamp::parse("2026-01-11T02:47:00Z").unwrap();
        Move::new(from, Timestamp::parse("2027-03-05T12:00:30.250Z").unwrap())
    }

    #[test]
    fn times_keep_their_interval_and_days_theirs() {
        let moved = a_move();
        for (given, expected) in [
            ("2026-01-11T02:47:00Z", "2027-03-05T12:00:30Z"),
            ("2026-01-11T06:45:00Z", "2027-03-05T15:58:30Z"),
            ("2026-01-08T14:02Z", "2027-03-02T23:15Z"),
            ("2026-07-11", "2027-09-02"),
            ("Thermal at 2026-01-10.", "Thermal at 2027-03-04."),
            ("At 23:58Z on 2026-01-10 seen", "At 09:11Z on 2027-03-05 seen"),
            ("gale from 07:00Z and", "gale from 16:13Z and"),
        ] {
            assert_eq!(moved.text(given), expected, "{given}");
        }
    }

    #[test]
    fn history_and_other_numbers_stay() {
        let moved = a_move();
        for text in [
            "2021-10-31",
            "from 2020-01-01 to 2021-12-31",
            "ITA-SEA-01/2026/000031",
            "+390212345678",
            "019cadb0-eef7-70f4-8158-cde69e1d7f9d",
            "12:61",
            "2026-13-40",
            "2026-01-11x",
            "naïve é 1",
        ] {
            assert_eq!(moved.text(text), text);
        }
    }

    #[test]
    fn births_and_documents_stay_and_the_rest_of_a_message_moves() {
        let mut value = serde_json::json!({
            "issued_at": "2026-01-11T02:47:00Z",
            "documents": [{"expires_on": "2029-09-30", "mrz": {"lines": ["2026-01-11"]}}],
            "persons": [{"birth": {"date": "2026-01-01"}}],
            "dates": ["2026-01-12"],
        });
        a_move().value(&mut value);
        let expected = serde_json::json!({
            "issued_at": "2027-03-05T12:00:30Z",
            "documents": [{"expires_on": "2029-09-30", "mrz": {"lines": ["2026-01-11"]}}],
            "persons": [{"birth": {"date": "2026-01-01"}}],
            "dates": ["2027-03-06"],
        });
        assert_eq!(value, expected);
    }
}
