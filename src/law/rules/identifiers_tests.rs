//! Identifiers, each at its border and with its gravity.

use super::*;
use crate::law::samples::{self, BANK, DEPARTURE, changed, found, text};

#[test]
fn every_example_has_identifiers_of_their_form() {
    let rules = [
        "R-ID-IBAN",
        "R-ID-BIC",
        "R-ID-LEI",
        "R-ID-PHONE",
        "R-ID-IMEI",
        "R-ID-IMSI",
        "R-ID-COUNTRY",
        "R-ID-NATIONALITY",
        "R-ID-NAME",
        "R-ID-SCRIPT",
        "R-ID-LANGUAGE",
        "R-ID-ROLE",
        "R-ID-SEX",
        "R-ID-MRZ-NAME",
        "R-ID-DATE",
        "R-ID-UNLOCODE",
        "R-ID-POSITION",
        "R-ID-REFERENCE",
    ];
    let examples = [
        samples::BANK,
        samples::VESSEL,
        samples::PASSPORT,
        samples::NATIONALITY,
        samples::DEPARTURE,
        samples::HEARING,
    ];
    for example in examples {
        for rule in rules {
            assert_eq!(found(rule, &changed(example, |_| ())), [""; 0], "{rule}");
        }
    }
}

#[test]
fn an_account_is_refused_where_records_are_asked_and_marked_where_it_is_reported() {
    let wrong = |example, id: &str| {
        changed(example, |it| {
            it.accounts = vec![pb::Account { iban: text(id), ..pb::Account::default() }];
        })
    };
    let bad = "AE080331234567890123456";
    let refused = ["reject /accounts/0/iban BAD_IBAN_CHECK_DIGITS"];
    assert_eq!(found("R-ID-IBAN", &wrong(BANK, bad)), refused);
    assert_eq!(found("R-ID-IBAN", &wrong(BANK, "AE070331234567890123456")), [""; 0]);
    let marked = ["warn /accounts/0/iban BAD_IBAN_CHECK_DIGITS"];
    assert_eq!(found("R-ID-IBAN", &wrong(DEPARTURE, bad)), marked);
    let bic = changed(BANK, |it| it.accounts[0].bic = text("AGRIFRPP8"));
    let told = found("R-ID-BIC", &bic);
    assert!(told.len() == 1 && told[0].starts_with("reject /accounts/0/bic BAD_BIC"), "{told:?}");
    let lei = changed(BANK, |it| it.organisations[0].lei = text("213800KUD8LXJWSQ9D15"));
    let refused = ["reject /organisations/0/lei BAD_LEI_CHECK_DIGITS"];
    assert_eq!(found("R-ID-LEI", &lei), refused);
    let lei = changed(BANK, |it| it.organisations[0].lei = text("213800KUD8LAJWSQ9D15"));
    assert_eq!(found("R-ID-LEI", &lei), [""; 0]);
}

#[test]
fn days_of_an_account_are_in_order() {
    let period = |from: &str, to: &str| {
        let draft = changed(BANK, |it| {
            let days = pb::Period { from: text(from), to: text(to) };
            it.accounts[0].period = Some(days);
        });
        found("R-ID-DATE", &draft)
    };
    assert_eq!(period("2020-01-01", "2020-01-01"), [""; 0]);
    let reversed = ["reject /accounts/0/period/to PERIOD_REVERSED"];
    assert_eq!(period("2020-01-01", "2019-12-31"), reversed);
    assert_eq!(period("2020", "2019-12-31"), [""; 0]);
    assert_eq!(period("2020-02-30", "2021"), ["reject /accounts/0/period/from NO_SUCH_DAY"]);
}

#[test]
fn the_official_can_be_called_and_other_numbers_are_marked() {
    let phone = |number: &str| {
        let draft = changed(BANK, |it| it.official.as_mut().unwrap().phone = text(number));
        found("R-ID-PHONE", &draft)
    };
    assert_eq!(phone("+551121234567"), [""; 0]);
    let told = phone("011 21234567");
    assert!(told.len() == 1 && told[0].starts_with("reject /official/phone"), "{told:?}");
    let device = |kind: &str, number: &str, rule| {
        let draft = changed(DEPARTURE, |it| {
            (it.comms[1].r#type, it.comms[1].value) = (text(kind), text(number));
        });
        found(rule, &draft)
    };
    let marked = ["warn /comms/1/value BAD_IMEI_CHECK_DIGIT"];
    assert_eq!(device("imei", "354178036859781", "R-ID-IMEI"), marked);
    assert_eq!(device("imei", "354178036859789", "R-ID-IMEI"), [""; 0]);
    let marked = ["warn /comms/1/value UNKNOWN_MOBILE_COUNTRY_CODE"];
    assert_eq!(device("imsi", "439011234567890", "R-ID-IMSI"), marked);
    assert_eq!(device("imsi", "310150123456789", "R-ID-IMSI"), [""; 0]);
}

#[test]
fn a_person_is_described_in_known_words() {
    let with = |rule: &str, change: fn(&mut pb::Person)| {
        found(rule, &changed(BANK, |it| change(&mut it.persons[0])))
    };
    let role = with("R-ID-ROLE", |it| it.roles.push("villain".to_owned()));
    assert_eq!(role, ["reject /persons/0/roles/1 UNKNOWN_ROLE"]);
    let sex = with("R-ID-SEX", |it| it.sex = text("<"));
    assert_eq!(sex, ["reject /persons/0/sex UNKNOWN_SEX"]);
    let told = with("R-ID-NATIONALITY", |it| it.nationalities[0].code = text("ZZZ"));
    assert!(told[0].starts_with("reject /persons/0/nationalities/0/code"), "{told:?}");
    let stateless = with("R-ID-NATIONALITY", |it| it.nationalities[0].code = text("XXA"));
    assert_eq!(stateless, [""; 0]);
    let country = with("R-ID-COUNTRY", |it| it.birth.as_mut().unwrap().country = text("UK"));
    assert!(country[0].starts_with("reject /persons/0/birth/country"), "{country:?}");
    let name = with("R-ID-MRZ-NAME", |it| it.mrz_name = text("Chowdhury"));
    assert!(name[0].starts_with("warn /persons/0/mrz_name"), "{name:?}");
}

#[test]
fn a_birth_may_be_known_in_part_and_says_how_much() {
    let born = |date: &str, precision: &str, calendar: Option<&str>| {
        let draft = changed(BANK, |it| {
            let birth = it.persons[0].birth.as_mut().unwrap();
            (birth.date, birth.precision) = (text(date), text(precision));
            birth.calendar = calendar.map(str::to_owned);
        });
        found("R-ID-DATE", &draft)
    };
    assert_eq!(born("1984", "year", None), [""; 0]);
    assert_eq!(born("1984-07", "month", None), [""; 0]);
    let contradicts = ["reject /persons/0/birth/precision PRECISION_CONTRADICTS"];
    assert_eq!(born("1984", "day", None), contradicts);
    let first = ["warn /persons/0/birth/date MAY_BE_YEAR_ONLY"];
    assert_eq!(born("1984-01-01", "day", None), first);
    assert_eq!(born("1984-02-30", "day", None), ["reject /persons/0/birth/date NO_SUCH_DAY"]);
    assert_eq!(born("1984-13-05", "day", Some("ethiopian")), [""; 0]);
    let calendar = ["reject /persons/0/birth/calendar UNKNOWN_CALENDAR"];
    assert_eq!(born("1984-13-05", "day", Some("julian")), calendar);
}

#[test]
fn a_place_is_on_this_earth() {
    let at = |lat: Option<f64>, lon: Option<f64>| {
        let draft = changed(DEPARTURE, |it| {
            let point = &mut it.routes[0].points[2];
            (point.lat, point.lon) = (lat, lon);
        });
        found("R-ID-POSITION", &draft)
    };
    assert_eq!(at(Some(90.0), Some(-180.0)), [""; 0]);
    assert_eq!(at(None, None), [""; 0]);
    for (lat, lon) in [(90.1, 0.0), (0.0, 180.1), (f64::NAN, 1.0)] {
        let told = at(Some(lat), Some(lon));
        assert!(told[0].starts_with("reject /routes/0/points/2"), "{told:?}");
    }
    let half = ["reject /routes/0/points/2 COORDINATE_MISSING"];
    assert_eq!(at(Some(1.0), None), half);
    let null = ["warn /routes/0/points/2 MAY_BE_UNKNOWN_PLACE"];
    assert_eq!(at(Some(0.0), Some(0.0)), null);
    let course = |degrees| {
        let draft = changed(samples::VESSEL, |it| {
            it.position.as_mut().unwrap().course_deg = Some(degrees);
        });
        found("R-ID-POSITION", &draft)
    };
    assert_eq!(course(0.0), [""; 0]);
    assert_eq!(course(360.0), ["reject /position/course_deg BAD_COURSE"]);
    let code = changed(DEPARTURE, |it| it.routes[0].points[1].unlocode = text("TNSF0"));
    let told = found("R-ID-UNLOCODE", &code);
    assert!(told[0].starts_with("reject /routes/0/points/1/unlocode"), "{told:?}");
}

#[test]
fn tags_and_references_of_the_message_have_their_form() {
    let tag = changed(BANK, |it| it.languages.as_mut().unwrap().request = text("english!"));
    let told = found("R-ID-LANGUAGE", &tag);
    assert!(told[0].starts_with("reject /languages/request"), "{told:?}");
    let reference = changed(BANK, |it| it.references.as_mut().unwrap().requesting = text("a\nb"));
    let told = found("R-ID-REFERENCE", &reference);
    assert_eq!(told, ["reject /references/requesting BAD_REFERENCE_SIGN"]);
    let blank = changed(BANK, |it| it.references.as_mut().unwrap().requesting = text(" "));
    assert_eq!(found("R-ID-REFERENCE", &blank), [""; 0]);
    let review = changed(BANK, |it| it.handling.as_mut().unwrap().review_by = text("2027-13"));
    assert_eq!(found("R-ID-DATE", &review), ["reject /handling/review_by NO_SUCH_DAY"]);
}
