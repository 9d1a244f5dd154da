//! When an office is open, and what time that makes of a service level in hours or days.
//!
//! Zone rules come from the database that is compiled into the program, so every node that runs the
//! same version says the same, whatever is installed beside it. Work is bounded: no question walks
//! over more than [`WALK_DAYS`] days.
//!
//! What always holds, of every time and all hours: nothing moves back, [`Hours::next_open`] is a
//! time at which the desk is open, and more opening time ends no earlier. Beyond the years that a
//! calendar can say (-9999 to 9999) every desk counts as open, so that all sums still come out.

use std::fmt;
use std::iter;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::clock::Timestamp;
use crate::directory::contact_point::Hours;

/// Most openings of one desk: four a day.
pub const OPENINGS_MAX: usize = 28;
/// Most holidays of one desk.
pub const HOLIDAYS_MAX: usize = 64;
/// A desk that is closed for more days in a row than these is no desk, and a fault.
pub const CLOSED_DAYS_MAX: u16 = 400;
/// Days that one question walks over at most: more than [`CLOSED_DAYS_MAX`] by what lies between
/// two openings without holidays.
pub const WALK_DAYS: usize = 420;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_MINUTES: u16 = 24 * 60;
const DAY_MS: i64 = 86_400_000;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The same hours on one day of the week, or on several that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    /// Day of the week, 0 is Monday.
    first: u8,
    /// The last such day, included.
    last: u8,
    /// Minute of the day.
    from: u16,
    /// Minute of the day, not included; 1440 is midnight.
    until: u16,
}

impl Opening {
    /// What holds when nothing is said: `mon-fri 09:00-17:00`.
    pub const DEFAULT: Self = Self { first: 0, last: 4, from: 9 * 60, until: 17 * 60 };
}

/// A text that is no opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be days and times such as mon-fri 09:00-17:00 or sat 09:00-24:00, the earlier one first"
)]
pub struct NotAnOpening;

impl FromStr for Opening {
    type Err = NotAnOpening;

    fn from_str(text: &str) -> Result<Self, NotAnOpening> {
        read_opening(text).ok_or(NotAnOpening)
    }
}

fn read_opening(text: &str) -> Option<Opening> {
    let (days, times) = text.split_once(' ')?;
    let (first, last) = match days.split_once('-') {
        Some((first, last)) => (read_day(first)?, read_day(last)?),
        None => (read_day(days)?, read_day(days)?),
    };
    let (from, until) = times.split_once('-')?;
    let (from, until) = (read_minute(from)?, read_minute(until)?);
    let ordered = from < until && (first < last || !days.contains('-'));
    ordered.then_some(Opening { first, last, from, until })
}

fn read_day(text: &str) -> Option<u8> {
    u8::try_from(DAYS.iter().position(|it| *it == text)?).ok()
}

/// `HH:MM`, each of two digits, up to `24:00`.
fn read_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |it: &str| it.len() == 2 && it.bytes().all(|b| b.is_ascii_digit());
    if !two(hour) || !two(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= DAY_MINUTES).then_some(at)
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |it: u8| DAYS.get(usize::from(it)).copied().unwrap_or_default();
        f.write_str(day(self.first))?;
        if self.last != self.first {
            write!(f, "-{}", day(self.last))?;
        }
        let (from, until) = (self.from, self.until);
        write!(f, " {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

/// Why hours are none that an office can keep. `index` counts the openings or holidays given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfficeFault {
    /// The bundled database has no zone of this name.
    #[error("must be an IANA time zone that this program knows, such as Europe/Rome")]
    UnknownZone,
    /// There is no opening at all.
    #[error("needs at least one opening; leave it out for {}", Opening::DEFAULT)]
    NoOpening,
    /// Two openings share a minute.
    #[error("opens while an opening above is open already")]
    OpenAlready {
        /// Which opening, the later one.
        index: usize,
    },
    /// Holidays stand in ascending order, and none twice.
    #[error("holidays stand in ascending order, none twice")]
    HolidayOutOfOrder {
        /// Which holiday, the later one.
        index: usize,
    },
    /// No opening within [`CLOSED_DAYS_MAX`] days.
    #[error("leave the desk closed for more than {CLOSED_DAYS_MAX} days from {from}")]
    ClosedTooLong {
        /// The first of those holidays.
        from: Date,
    },
}

/// The working hours of an office: a week, without its holidays, on the clock of its zone. Copies
/// share one value, so desks that keep the same hours cost little more than one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficeHours(Arc<Office>);

#[derive(Debug, PartialEq, Eq)]
struct Office {
    zone: Option<String>,
    open: Vec<Opening>,
    holidays: Vec<Date>,
    rules: TimeZone,
    /// From and until, in minutes of the day, in order; Monday first.
    week: Vec<Vec<(u16, u16)>>,
}

impl Default for OfficeHours {
    fn default() -> Self {
        Self::of(None, TimeZone::UTC, vec![Opening::DEFAULT], Vec::new())
    }
}

impl OfficeHours {
    /// Hours on the clock of `zone` (an IANA name), or of UTC.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn new(
        zone: Option<&str>,
        open: Vec<Opening>,
        holidays: Vec<Date>,
    ) -> Result<Self, Vec<OfficeFault>> {
        let mut faults = Vec::new();
        let rules = zone.map_or(Some(TimeZone::UTC), rules_of);
        if rules.is_none() {
            faults.push(OfficeFault::UnknownZone);
        }
        if open.is_empty() {
            faults.push(OfficeFault::NoOpening);
        }
        faults.extend(overlaps(&open));
        let pairs = holidays.iter().zip(holidays.iter().skip(1));
        let disorder = pairs.enumerate().filter(|(_, (before, after))| before >= after);
        faults.extend(disorder.map(|(at, _)| OfficeFault::HolidayOutOfOrder { index: at + 1 }));
        let Some(rules) = rules.filter(|_| faults.is_empty()) else {
            return Err(faults);
        };
        let hours = Self::of(zone.map(str::to_owned), rules, open, holidays);
        match hours.closed_too_long() {
            Some(from) => Err(vec![OfficeFault::ClosedTooLong { from }]),
            None => Ok(hours),
        }
    }

    fn of(zone: Option<String>, rules: TimeZone, open: Vec<Opening>, holidays: Vec<Date>) -> Self {
        let mut week = vec![Vec::new(); DAYS.len()];
        for opening in &open {
            let days = usize::from(opening.first)..=usize::from(opening.last);
            let days = week.get_mut(days).unwrap_or_default();
            days.iter_mut().for_each(|day| day.push((opening.from, opening.until)));
        }
        week.iter_mut().for_each(|day| day.sort_unstable());
        Self(Arc::new(Office { zone, open, holidays, rules, week }))
    }

    /// The IANA name of the zone; without one the office keeps the hours of UTC.
    pub fn zone(&self) -> Option<&str> {
        self.0.zone.as_deref()
    }

    /// The openings, as they were given.
    pub fn open(&self) -> &[Opening] {
        &self.0.open
    }

    /// Days of the zone's calendar on which the desk stays closed, in ascending order.
    pub fn holidays(&self) -> &[Date] {
        &self.0.holidays
    }

    /// The first holiday after which the desk is not open within [`CLOSED_DAYS_MAX`] days. Only
    /// holidays can close a desk for so long, and no day is looked at twice.
    fn closed_too_long(&self) -> Option<Date> {
        let mut seen = Date::MIN;
        for from in self.0.holidays.iter().copied() {
            if from < seen {
                continue;
            }
            let mut days = days_from(from).take(usize::from(CLOSED_DAYS_MAX) + 1);
            match days.find(|day| !self.on(*day).is_empty()) {
                Some(day) => seen = day,
                None => return Some(from),
            }
        }
        None
    }

    /// What is open on a day of the zone's calendar.
    fn on(&self, date: Date) -> &[(u16, u16)] {
        if self.0.holidays.binary_search(&date).is_ok() {
            return &[];
        }
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).ok();
        day.and_then(|day| self.0.week.get(day)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The stretches of opening time that end after `at`, in order, over [`WALK_DAYS`] days. None of
    /// yesterday is left: a day ends when its midnight is first shown.
    fn stretches(&self, at: jiff::Timestamp) -> impl Iterator<Item = (i64, i64)> {
        let from_minutes = |(date, (from, until)): (Date, &(u16, u16))| {
            (self.at_minute(date, *from), self.at_minute(date, *until))
        };
        days_from(self.day_of(at))
            .take(WALK_DAYS)
            .flat_map(|date| iter::repeat(date).zip(self.on(date)))
            .map(from_minutes)
            .filter(move |(from, until)| from < until && *until > at.as_millisecond())
    }

    /// Where [`OfficeHours::stretches`] ends.
    fn walked(&self, at: jiff::Timestamp) -> i64 {
        let last = days_from(self.day_of(at)).nth(WALK_DAYS);
        last.map_or(beyond(), |date| self.at_minute(date, 0))
    }

    fn day_of(&self, at: jiff::Timestamp) -> Date {
        self.0.rules.to_datetime(at).date()
    }

    fn at_minute(&self, date: Date, minute: u16) -> i64 {
        let date = if minute == DAY_MINUTES { date.tomorrow().ok() } else { Some(date) };
        let minutes = i64::from(minute % DAY_MINUTES);
        let since = SignedDuration::from_mins(minutes);
        let local = date.and_then(|it| it.to_datetime(Time::midnight()).checked_add(since).ok());
        local.map_or(beyond(), |local| self.at_local(local))
    }

    /// When the zone's clock shows `local`: of two such times the first, of none the time at which
    /// the clock jumps over it. So a later `local` is never an earlier time.
    fn at_local(&self, local: DateTime) -> i64 {
        let at = match self.0.rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local),
            AmbiguousOffset::Gap { after, .. } => after.to_timestamp(local).map(|short_of| {
                let jump = self.0.rules.following(short_of).next();
                jump.map_or(short_of, |jump| jump.timestamp())
            }),
        };
        match at {
            Ok(at) => at.as_millisecond(),
            Err(_) if local.year() < 0 => jiff::Timestamp::MIN.as_millisecond(),
            Err(_) => beyond(),
        }
    }

    fn after_open_time(&self, start: jiff::Timestamp, millis: i64) -> Timestamp {
        let mut rest = millis;
        for (from, until) in self.stretches(start) {
            let from = Timestamp::from_millis(from.max(start.as_millisecond()));
            let length = Timestamp::from_millis(until).millis_since(from);
            if rest <= length {
                return from.plus_millis(rest);
            }
            rest -= length;
        }
        Timestamp::from_millis(self.walked(start)).plus_millis(rest)
    }
}

/// The first millisecond that no calendar is asked about: the last second counts to its start only.
fn beyond() -> i64 {
    jiff::Timestamp::MAX.as_second().saturating_mul(1000).saturating_add(1)
}

fn days_from(date: Date) -> impl Iterator<Item = Date> {
    iter::successors(Some(date), |day| day.tomorrow().ok())
}

fn rules_of(zone: &str) -> Option<TimeZone> {
    let rules = ZONES.get(zone).ok().filter(|it| !it.is_unknown())?;
    (rules.iana_name() == Some(zone)).then_some(rules)
}

fn overlaps(open: &[Opening]) -> impl Iterator<Item = OfficeFault> {
    let shares = |a: &Opening, b: &Opening| {
        a.first <= b.last && b.first <= a.last && a.from < b.until && b.from < a.until
    };
    let later = open.iter().enumerate();
    later
        .filter(move |(at, it)| open.iter().take(*at).any(|above| shares(above, it)))
        .map(|(index, _)| OfficeFault::OpenAlready { index })
}

/// Reads a day of the calendar, `YYYY-MM-DD` and nothing else.
pub(crate) fn read_date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    (date.year() >= 0 && date.to_string() == text).then_some(date)
}

impl Hours {
    /// Whether somebody is there at `at`. The moment of closing is closed.
    pub fn open_at(&self, at: Timestamp) -> bool {
        self.next_open(at) == at
    }

    /// `at` if the desk is open then, or else the next time at which it is.
    pub fn next_open(&self, at: Timestamp) -> Timestamp {
        let Some((office, local)) = self.office(at) else {
            return at;
        };
        let opening = office.stretches(local).next().map(|(from, _)| from);
        let opening = opening.unwrap_or_else(|| office.walked(local));
        Timestamp::from_millis(opening.max(at.millis()))
    }

    /// The moment when `millis` of opening time have passed since `start`; where closing time comes
    /// at that moment it is the closing, not the next opening. None or less is `start` itself.
    ///
    /// What is not used up after some [`WALK_DAYS`] days runs on without regard to hours: a level
    /// that is more than a year away needs no desk to be there.
    pub fn after_open_time(&self, start: Timestamp, millis: i64) -> Timestamp {
        match self.office(start) {
            Some((office, local)) if millis > 0 => office.after_open_time(local, millis),
            Some(_) | None => start.plus_millis(millis.max(0)),
        }
    }

    /// The end of the last of so many days that begin at `start`: the same time on the desk's clock
    /// that many days later, or the next opening if the desk is closed then. For a desk that is
    /// always there a day has 24 hours.
    pub fn end_of_day_after(&self, start: Timestamp, days: u32) -> Timestamp {
        let Some((office, at)) = self.office(start) else {
            return start.plus_millis(i64::from(days).saturating_mul(DAY_MS));
        };
        let span = SignedDuration::from_hours(i64::from(days).saturating_mul(24));
        let later = office.0.rules.to_datetime(at).checked_add(span);
        let later = later.map_or(beyond(), |local| office.at_local(local));
        self.next_open(Timestamp::from_millis(later.max(start.millis())))
    }

    /// The office and the time as its calendar counts it; `None` where no calendar is asked.
    fn office(&self, at: Timestamp) -> Option<(&OfficeHours, jiff::Timestamp)> {
        match self {
            Self::Always => None,
            Self::Office(office) => {
                Some((office, jiff::Timestamp::from_millisecond(at.millis()).ok()?))
            }
        }
    }
}
