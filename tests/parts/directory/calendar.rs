//! Office hours on the clocks of their zones, over nights, holidays, gaps and folds.

use proptest::prelude::*;
use rogatory::clock::Timestamp;
use rogatory::directory::calendar::{NotAnOpening, OfficeFault};
use rogatory::directory::{Hours, OfficeHours, Opening};

use crate::directory::making::office;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn rome(open: &[&str], holidays: &[&str]) -> Hours {
    Hours::Office(office("Europe/Rome", open, holidays))
}

/// The stretches of opening time within two times, found by asking only [`Hours::open_at`].
fn stretches(hours: &Hours, from: &str, until: &str) -> Vec<(String, String)> {
    let (mut now, end) = (at(from), at(until));
    let mut found = Vec::new();
    while now < end {
        let minute = now.plus_millis(MINUTE);
        match (hours.open_at(now.plus_millis(-1)), hours.open_at(now)) {
            (false, true) => found.push((now.to_string(), String::new())),
            (true, false) => {
                if let Some(last) = found.last_mut() {
                    last.1 = now.to_string();
                }
            }
            (false, false) | (true, true) => {}
        }
        now = minute;
    }
    found
}

fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
    found.iter().map(|(from, until)| (from.as_str(), until.as_str())).collect()
}

#[test]
fn an_opening_has_one_way_to_be_written() {
    for good in ["mon-fri 09:00-17:00", "sat 00:00-24:00", "sun 23:59-24:00", "mon-sun 00:00-00:01"]
    {
        assert_eq!(good.parse::<Opening>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "mon",
        "mon-fri",
        "09:00-17:00",
        "Mon 09:00-17:00",
        "fri-mon 09:00-17:00",
        "mon-mon 09:00-17:00",
        "mon 9:00-17:00",
        "mon 09:00-24:01",
        "mon 09:60-17:00",
        "mon 17:00-09:00",
        "mon 09:00-09:00",
        "mon  09:00-17:00",
        "mon 09:00-17:00 ",
        "mon 09:00",
        "mon +9:00-17:00",
        "mon-wed-fri 09:00-17:00",
    ] {
        assert_eq!(bad.parse::<Opening>(), Err(NotAnOpening), "{bad}");
    }
}

#[test]
fn a_desk_that_is_always_there_changes_no_time() {
    let now = at("2026-03-29T02:30:00Z");
    assert!(Hours::Always.open_at(now));
    assert_eq!(Hours::Always.next_open(now), now);
    assert_eq!(Hours::Always.after_open_time(now, HOUR), now.plus_millis(HOUR));
    assert_eq!(Hours::Always.after_open_time(now, -HOUR), now);
    assert_eq!(Hours::Always.end_of_day_after(now, 2), now.plus_millis(48 * HOUR));
}

#[test]
fn an_office_opens_and_closes_to_the_millisecond() {
    let hours = rome(&[], &[]);
    let (opens, closes) = (at("2026-01-12T08:00:00Z"), at("2026-01-12T16:00:00Z"));
    assert!(!hours.open_at(opens.plus_millis(-1)) && hours.open_at(opens));
    assert!(hours.open_at(closes.plus_millis(-1)) && !hours.open_at(closes));
    assert_eq!(hours.next_open(opens.plus_millis(-1)), opens);
    assert_eq!(hours.next_open(opens.plus_millis(1)), opens.plus_millis(1));
    assert_eq!(hours.next_open(closes), at("2026-01-13T08:00:00Z"));
    assert_eq!(hours.next_open(at("2026-01-16T16:00:00Z")), at("2026-01-19T08:00:00Z"));
}

#[test]
fn an_office_without_a_zone_keeps_the_hours_of_utc() {
    let hours = Hours::Office(OfficeHours::default());
    assert_eq!(hours.next_open(at("2026-07-05T12:00:00Z")), at("2026-07-06T09:00:00Z"));
    assert!(!hours.open_at(at("2026-07-06T17:00:00Z")));
}

#[test]
fn hours_of_service_run_only_while_the_desk_is_open() {
    let hours = rome(&[], &["2026-01-19"]);
    let friday = at("2026-01-16T15:00:00Z");
    assert_eq!(hours.after_open_time(friday, 0), friday);
    assert_eq!(hours.after_open_time(friday, -1), friday);
    assert_eq!(hours.after_open_time(friday, HOUR), at("2026-01-16T16:00:00Z"), "at closing");
    assert_eq!(hours.after_open_time(friday, HOUR + 1), at("2026-01-20T08:00:00.001Z"));
    let night = at("2026-01-16T22:00:00Z");
    assert_eq!(hours.after_open_time(night, 24 * HOUR), at("2026-01-22T16:00:00Z"));
    assert_eq!(hours.after_open_time(night, 0), night, "nothing has to pass");
}

#[test]
fn days_of_service_end_at_the_same_time_of_the_clock_or_at_the_next_opening() {
    let hours = rome(&[], &["2026-04-06"]);
    let thursday = at("2026-03-26T09:30:00Z");
    assert_eq!(hours.end_of_day_after(thursday, 0), thursday);
    assert_eq!(hours.end_of_day_after(thursday, 1), at("2026-03-27T09:30:00Z"));
    assert_eq!(hours.end_of_day_after(thursday, 2), at("2026-03-30T07:00:00Z"), "Saturday");
    assert_eq!(hours.end_of_day_after(thursday, 5), at("2026-03-31T08:30:00Z"), "summer time");
    assert_eq!(hours.end_of_day_after(thursday, 11), at("2026-04-07T07:00:00Z"), "Easter Monday");
    assert_eq!(
        hours.end_of_day_after(at("2026-03-26T20:00:00Z"), 0),
        at("2026-03-27T08:00:00Z"),
        "no days after the evening is the next morning"
    );
}

#[test]
fn in_spring_the_skipped_hour_is_not_worked() {
    let hours = rome(&["sat-sun 00:00-24:00"], &[]);
    let found = stretches(&hours, "2026-03-27T12:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(pairs(&found), [("2026-03-27T23:00:00Z", "2026-03-29T22:00:00Z")]);
    let start = at("2026-03-27T23:00:00Z");
    assert_eq!(hours.after_open_time(start, 47 * HOUR), at("2026-03-29T22:00:00Z"), "not 48");

    let inside = rome(&["sun 02:15-02:45"], &[]);
    let found = stretches(&inside, "2026-03-28T12:00:00Z", "2026-04-05T12:00:00Z");
    assert_eq!(pairs(&found), [("2026-04-05T00:15:00Z", "2026-04-05T00:45:00Z")]);
    let half = rome(&["sun 01:30-02:30", "sun 02:30-03:30"], &[]);
    let found = stretches(&half, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(pairs(&found), [("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z")]);
    assert_eq!(
        inside.end_of_day_after(at("2026-03-22T01:20:00Z"), 7),
        at("2026-04-05T00:15:00Z"),
        "a time that the clock skips is the time of the jump, and the desk is closed then"
    );
}

#[test]
fn in_autumn_a_time_shown_twice_counts_when_it_is_shown_first() {
    let hours = rome(&["sat-sun 00:00-24:00"], &[]);
    let found = stretches(&hours, "2026-10-23T12:00:00Z", "2026-10-26T12:00:00Z");
    assert_eq!(pairs(&found), [("2026-10-23T22:00:00Z", "2026-10-25T23:00:00Z")]);
    let start = at("2026-10-23T22:00:00Z");
    assert_eq!(hours.after_open_time(start, 49 * HOUR), at("2026-10-25T23:00:00Z"), "not 48");

    let inside = rome(&["sun 02:15-02:45", "sun 02:50-03:10"], &[]);
    let found = stretches(&inside, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
    assert_eq!(
        pairs(&found),
        [
            ("2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z"),
            ("2026-10-25T00:50:00Z", "2026-10-25T02:10:00Z")
        ]
    );
    let second = at("2026-10-25T01:55:00Z");
    assert_eq!(inside.end_of_day_after(second, 0), second, "nothing moves back");
}

#[test]
fn a_clock_that_goes_back_over_midnight_shows_yesterday_again() {
    let nuuk = |open: &[&str]| Hours::Office(office("America/Nuuk", open, &[]));
    let sunday = stretches(&nuuk(&["sun 00:00-24:00"]), "2026-10-24T00:00Z", "2026-10-27T00:00Z");
    assert_eq!(pairs(&sunday), [("2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z")]);
    let late = stretches(&nuuk(&["sat 23:30-24:00"]), "2026-10-24T00:00Z", "2026-10-27T00:00Z");
    assert_eq!(pairs(&late), [("2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z")]);
}

#[test]
fn a_day_that_a_country_left_out_is_not_worked() {
    let apia = Hours::Office(office("Pacific/Apia", &["thu-fri 09:00-17:00"], &[]));
    let thursday = at("2011-12-30T03:00:00Z");
    assert!(!apia.open_at(thursday), "17:00 in Apia");
    assert_eq!(apia.next_open(thursday), at("2012-01-04T19:00:00Z"), "there was no 30 December");
}

#[test]
fn zones_are_those_that_the_program_carries() {
    let new = |zone| OfficeHours::new(Some(zone), vec![Opening::DEFAULT], Vec::new());
    for good in ["UTC", "Europe/Rome", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
        assert_eq!(new(good).unwrap().zone(), Some(good));
    }
    for bad in ["", "Europe/", "europe/rome", "../etc", "Europe/Atlantis", "Etc/Unknown"] {
        assert_eq!(new(bad), Err(vec![OfficeFault::UnknownZone]), "{bad}");
    }
}

#[test]
fn a_desk_may_be_closed_for_400_days_and_no_longer() {
    let mondays = |count: i64| {
        let first: jiff::civil::Date = "2026-01-05".parse().unwrap();
        let day = |week: i64| first.checked_add(jiff::SignedDuration::from_hours(week * 168));
        let holidays = (0..count).map(|week| day(week).unwrap()).collect();
        OfficeHours::new(None, vec!["mon 09:00-10:00".parse().unwrap()], holidays)
    };
    let hours = Hours::Office(mondays(57).unwrap());
    assert_eq!(hours.next_open(at("2025-12-29T10:00:00Z")), at("2027-02-08T09:00:00Z"));
    let from = "2026-01-05".parse().unwrap();
    assert_eq!(mondays(58), Err(vec![OfficeFault::ClosedTooLong { from }]));
}

#[test]
fn what_is_not_used_up_in_420_days_runs_without_regard_to_hours() {
    let hours = Hours::Office(office("UTC", &["mon 00:00-00:01"], &[]));
    let monday = at("2026-01-05T00:00:00Z");
    assert_eq!(hours.after_open_time(monday, 60 * MINUTE), at("2027-02-22T00:01:00Z"));
    let walked = at("2027-03-01T00:00:00Z");
    assert_eq!(hours.after_open_time(monday, 61 * MINUTE), walked.plus_millis(MINUTE));
    assert_eq!(hours.after_open_time(monday, i64::MAX), Timestamp::from_millis(i64::MAX));
}

#[test]
fn beyond_the_years_of_the_calendar_every_desk_is_open() {
    let hours = rome(&["sat 09:00-17:00"], &[]);
    let beyond = jiff::Timestamp::MAX.as_second() * 1000 + 1;
    for millis in [i64::MIN, jiff::Timestamp::MIN.as_millisecond() - 1, beyond, i64::MAX] {
        assert!(hours.open_at(Timestamp::from_millis(millis)), "{millis}");
    }
    let last = Timestamp::from_millis(beyond - 1);
    assert!(!hours.open_at(last));
    assert_eq!(hours.next_open(last), Timestamp::from_millis(beyond));
    assert_eq!(hours.end_of_day_after(last, u32::MAX), Timestamp::from_millis(beyond));
}

fn any_hours() -> impl Strategy<Value = Hours> {
    const ZONES: &[&str] =
        &["UTC", "Europe/Rome", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"];
    let openings = proptest::collection::vec((0_u8..7, 0_u16..1440, 1_u16..=1440), 1..9);
    let holidays = proptest::collection::btree_set(20_000_i32..21_000, 0..=64);
    (proptest::sample::select(ZONES), openings, holidays).prop_map(|(zone, openings, holidays)| {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let mut open: Vec<Opening> = Vec::new();
        for (day, from, until) in openings {
            let (from, until) = (from.min(until - 1), from.max(until));
            let day = days[usize::from(day)];
            let text = format!("{day} {}-{}", clock(from), clock(until.min(1440)));
            open.push(text.parse().unwrap());
            if OfficeHours::new(None, open.clone(), Vec::new()).is_err() {
                open.pop();
            }
        }
        let epoch: jiff::civil::Date = "1970-01-01".parse().unwrap();
        let day = |it: i32| {
            let span = jiff::SignedDuration::from_hours(i64::from(it) * 24);
            epoch.checked_add(span).unwrap()
        };
        let holidays = holidays.into_iter().map(day).collect();
        let office = OfficeHours::new(Some(zone), open.clone(), holidays);
        Hours::Office(
            office.unwrap_or_else(|_| OfficeHours::new(Some(zone), open, Vec::new()).unwrap()),
        )
    })
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    let edge = jiff::Timestamp::MAX.as_second() * 1000;
    let start = jiff::Timestamp::MIN.as_millisecond();
    prop_oneof![
        4 => 1_700_000_000_000..1_830_000_000_000_i64,
        1 => any::<i64>(),
        1 => edge - 90_000_000..edge + 2,
        1 => start - 2..start + 90_000_000,
    ]
    .prop_map(Timestamp::from_millis)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_moves_back_and_the_next_opening_is_open(
        hours in any_hours(),
        now in any_time(),
        millis in prop_oneof![any::<i64>(), -HOUR..400 * HOUR],
        more in 0..100 * HOUR,
        days in prop_oneof![any::<u32>(), 0..400_u32],
    ) {
        let next = hours.next_open(now);
        prop_assert!(next >= now && hours.open_at(next), "{next}");
        prop_assert_eq!(hours.open_at(now), next == now);
        if next > now {
            let between = now.millis() + (next.millis() - now.millis()) / 2;
            prop_assert!(!hours.open_at(Timestamp::from_millis(between)));
        }
        let after = hours.after_open_time(now, millis);
        prop_assert!(after >= now.plus_millis(millis.max(0)), "{after}");
        prop_assert!(hours.after_open_time(now, millis.saturating_add(more)) >= after);
        let ended = hours.end_of_day_after(now, days);
        prop_assert!(ended >= now && hours.open_at(ended), "{ended}");
    }

    #[test]
    fn opening_time_adds_up(
        hours in any_hours(),
        now in 1_700_000_000_000..1_830_000_000_000_i64,
        first in 1..40 * HOUR,
        second in 1..40 * HOUR,
    ) {
        let now = Timestamp::from_millis(now);
        let middle = hours.after_open_time(now, first);
        if middle.millis_since(now) < 200 * 24 * HOUR {
            let at_once = hours.after_open_time(now, first + second);
            let in_two = hours.after_open_time(middle, second);
            if at_once.millis_since(now) < 400 * 24 * HOUR {
                prop_assert_eq!(at_once, in_two);
            }
            prop_assert!(hours.open_at(middle.plus_millis(-1)), "the last of it was worked");
        }
    }
}
