//! Dates that are known in part: a year, a month of it, or a day.

use std::fmt;
use std::str::FromStr;

use super::ascii::{Ascii, closed_list, digits};
use super::fault::{EntityFault, fault};

closed_list! {
    /// How much of a date is known.
    Precision, "UNKNOWN_PRECISION", "the precision of a date is day, month or year" {
        /// `YYYY`
        Year = "year",
        /// `YYYY-MM`
        Month = "month",
        /// `YYYY-MM-DD`
        Day = "day",
    }
}

closed_list! {
    /// The calendar that a date is written in. Dates are not converted: which year a person meant
    /// is for a person to say.
    Calendar, "UNKNOWN_CALENDAR", "the calendar is gregorian, ethiopian, hijri or jalali" {
        /// The civil calendar.
        Gregorian = "gregorian",
        /// Ethiopia: thirteen months, seven to eight years behind.
        Ethiopian = "ethiopian",
        /// Lunar Islamic.
        Hijri = "hijri",
        /// Solar, Iran and Afghanistan.
        Jalali = "jalali",
    }
}

/// A date of day, month or year. Days of the Gregorian calendar exist; of others only the form is
/// looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    text: Ascii<10>,
    calendar: Calendar,
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(if year.is_multiple_of(100) { 400 } else { 4 }) => 29,
        2 => 28,
        _ => 31,
    }
}

fn two_digits(text: &str) -> Option<u8> {
    digits(text).and_then(|[tens, ones]| u8::try_from(tens * 10 + ones).ok())
}

fn parts(text: &str) -> Option<(u16, Option<u8>, Option<u8>)> {
    let mut parts = text.split('-');
    let year = digits::<4>(parts.next()?)?.iter().fold(0, |sum, digit| sum * 10 + digit);
    let month = parts.next().map(|it| two_digits(it).ok_or(())).transpose().ok()?;
    let day = parts.next().map(|it| two_digits(it).ok_or(())).transpose().ok()?;
    parts.next().is_none().then_some((u16::try_from(year).ok()?, month, day))
}

impl PartialDate {
    /// The date that `text` says in `calendar`.
    ///
    /// # Errors
    /// `BAD_DATE_SHAPE` if it is not `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; `NO_SUCH_DAY` if the
    /// Gregorian calendar has no such year, month or day.
    pub fn read(text: &str, calendar: Calendar) -> Result<Self, EntityFault> {
        let shape = fault("BAD_DATE_SHAPE", "a date is YYYY, YYYY-MM or YYYY-MM-DD");
        let (year, month, day) = parts(text).ok_or(shape)?;
        let months = month.is_none_or(|it| (1..=12).contains(&it));
        let days = days_in(year, month.unwrap_or(1));
        let exists = year > 0 && months && day.is_none_or(|it| (1..=days).contains(&it));
        if calendar == Calendar::Gregorian && !exists {
            return Err(fault("NO_SUCH_DAY", "a date is a day of the Gregorian calendar"));
        }
        Ok(Self { text: Ascii::read(text).ok_or(shape)?, calendar, year, month, day })
    }

    /// The date as written.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// The calendar it is written in.
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// How much of it is known.
    pub fn precision(&self) -> Precision {
        match (self.month, self.day) {
            (None, _) => Precision::Year,
            (Some(_), None) => Precision::Month,
            (Some(_), Some(_)) => Precision::Day,
        }
    }

    /// The year, in its calendar.
    pub fn year(&self) -> u16 {
        self.year
    }

    /// The month, from 1.
    pub fn month(&self) -> Option<u8> {
        self.month
    }

    /// The day of the month, from 1.
    pub fn day(&self) -> Option<u8> {
        self.day
    }

    /// The first day of a year: many registers write it where only the year is known.
    pub fn may_stand_for_year_only(&self) -> bool {
        (self.month, self.day) == (Some(1), Some(1))
    }
}

impl FromStr for PartialDate {
    type Err = EntityFault;

    /// In the Gregorian calendar.
    fn from_str(text: &str) -> Result<Self, EntityFault> {
        Self::read(text, Calendar::Gregorian)
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartialDate({}, {})", self.calendar, self.precision())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        text.parse::<PartialDate>().err().map(|it| it.code)
    }

    #[test]
    fn a_date_says_no_more_than_is_known() {
        for (text, precision, parts) in [
            ("1991", Precision::Year, (1991, None, None)),
            ("1991-07", Precision::Month, (1991, Some(7), None)),
            ("1991-07-31", Precision::Day, (1991, Some(7), Some(31))),
        ] {
            let date: PartialDate = text.parse().unwrap();
            assert_eq!((date.as_str(), date.precision()), (text, precision));
            assert_eq!((date.year(), date.month(), date.day()), parts);
        }
        assert_eq!("day".parse(), Ok(Precision::Day));
        assert_eq!("week".parse::<Precision>().unwrap_err().code, "UNKNOWN_PRECISION");
    }

    #[test]
    fn days_of_the_gregorian_calendar_exist() {
        for (text, exists) in [
            ("0001", true),
            ("0000", false),
            ("1991-01", true),
            ("1991-00", false),
            ("1991-12", true),
            ("1991-13", false),
            ("1991-12-31", true),
            ("1991-12-32", false),
            ("1991-11-31", false),
            ("1991-02-00", false),
            ("2000-02-29", true),
            ("1900-02-29", false),
            ("2024-02-29", true),
            ("2023-02-29", false),
        ] {
            assert_eq!(code(text), (!exists).then_some("NO_SUCH_DAY"), "{text}");
        }
    }

    #[test]
    fn a_date_has_one_of_three_forms() {
        for text in [
            "",
            "91",
            "19910",
            "1991-",
            "1991-7",
            "1991-07-",
            "1991-07-1",
            "1991/07",
            "1991-07-01-",
            "199a",
            "+991",
        ] {
            assert_eq!(code(text), Some("BAD_DATE_SHAPE"), "{text}");
        }
    }

    #[test]
    fn other_calendars_are_looked_at_by_form_only() {
        let date = PartialDate::read("1983-13-05", Calendar::Ethiopian).unwrap();
        assert_eq!((date.calendar(), date.month()), (Calendar::Ethiopian, Some(13)));
        assert_eq!(code("1983-13-05"), Some("NO_SUCH_DAY"));
        let fault = PartialDate::read("1983-13-5", Calendar::Ethiopian).unwrap_err();
        assert_eq!(fault.code, "BAD_DATE_SHAPE");
        for calendar in Calendar::ALL {
            assert_eq!(calendar.as_str().parse(), Ok(*calendar));
        }
        assert_eq!("julian".parse::<Calendar>().unwrap_err().code, "UNKNOWN_CALENDAR");
    }

    #[test]
    fn the_first_of_january_may_stand_for_the_year() {
        let stands = |text: &str| text.parse::<PartialDate>().unwrap().may_stand_for_year_only();
        assert!(stands("1991-01-01"));
        for text in ["1991", "1991-01", "1991-01-02", "1991-02-01"] {
            assert!(!stands(text), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_birthday() {
        let date: PartialDate = "1991-07-31".parse().unwrap();
        assert_eq!(format!("{date:?}"), "PartialDate(gregorian, day)");
    }
}
