//! What holds for every entity: nothing panics, nothing takes long, what is read is given back.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;

use super::*;

fn back<T: FromStr<Err = fault::EntityFault> + Display + Debug>(text: &str) -> Option<String> {
    match text.parse::<T>() {
        Ok(value) => {
            assert!(!format!("{value:?}").is_empty());
            Some(value.to_string())
        }
        Err(fault) => {
            assert!(!fault.why.is_empty() && !fault.why.ends_with('.'));
            let stable = |it: u8| it.is_ascii_uppercase() || it == b'_' || it.is_ascii_digit();
            assert!(fault.code.bytes().all(stable), "{}", fault.code);
            None
        }
    }
}

/// Every parser that gives a text back as it was.
const PARSERS: [fn(&str) -> Option<String>; 20] = [
    back::<bic::Bic>,
    back::<call_sign::CallSign>,
    back::<container::ContainerNumber>,
    back::<country::Country>,
    back::<country::IcaoNationality>,
    back::<evaluation::Evaluation>,
    back::<iban::Iban>,
    back::<imei::Imei>,
    back::<imo::ImoCompanyNumber>,
    back::<imo::ImoNumber>,
    back::<imsi::Imsi>,
    back::<lei::Lei>,
    back::<mmsi::Mmsi>,
    back::<name::Language>,
    back::<name::PersonName>,
    back::<name::Script>,
    back::<partial_date::PartialDate>,
    back::<phone::PhoneNumber>,
    back::<reference::CaseReference>,
    back::<unlocode::UnLocode>,
];

fn feed(text: &str) {
    for parse in PARSERS {
        if let Some(back) = parse(text) {
            assert_eq!(back, text);
        }
    }
    if let Some(back) = back::<vin::Vin>(text) {
        assert_eq!(back, text);
    }
    for calendar in partial_date::Calendar::ALL {
        let date = partial_date::PartialDate::read(text, *calendar);
        assert!(
            date.is_ok_and(|it| it.as_str() == text)
                || text.parse::<partial_date::PartialDate>().is_err()
        );
    }
    if let Ok(name) = text.parse::<name::MrzName>() {
        assert_eq!(name.as_str(), text.trim_end_matches('<'));
    }
    if let Ok(position) = text.parse::<position::Position>() {
        assert_eq!(position.to_string().parse(), Ok(position));
    }
    let key = transliteration::ComparisonKey::of(text);
    assert!(key.as_str().len() <= 4 * text.len().max(1));
    let written = transliteration::to_mrz(text).unwrap_or_default();
    assert!(written.bytes().all(|it| it.is_ascii_uppercase() || it == b'<'));
    let lines: Vec<&str> = text.lines().collect();
    if let Ok(mrz) = mrz::Mrz::read(&lines) {
        assert_eq!(mrz.to_string(), lines.join("\n"));
        feed_mrz(&mrz);
    }
}

fn feed_mrz(mrz: &mrz::Mrz) {
    let (number, birth, expiry) = (mrz.number(), mrz.birth(), mrz.expiry());
    assert!(number.len() < 24 && mrz.name().len() < 40, "{birth:?} {expiry:?}");
    for checked in mrz::Checked::ALL {
        let digit = mrz.check_digit(*checked);
        assert_eq!(digit.map(|it| it.holds), mrz.holds(*checked));
        assert!(digit.is_none_or(|it| it.computed < 10));
    }
}

#[test]
fn a_value_that_is_asserted_is_stopped_and_one_that_is_read_is_marked() {
    assert_eq!(Provenance::Asserted.severity(), Severity::Reject);
    assert_eq!(Provenance::AsRead.severity(), Severity::Warn);
}

#[test]
fn text_of_ten_thousand_bytes_is_refused_or_read_and_never_waited_for() {
    for sign in ["0", "A", "<", "-", "é", "م", "\u{301}", "X", "李", " ", "Щ"] {
        feed(&sign.repeat(10_000 / sign.len()));
        feed(&format!("A{}", sign.repeat(10_000 / sign.len())));
        feed(&format!("{}\n", sign.repeat(44)).repeat(222));
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        feed(&text);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..10_000)) {
        feed(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_text_that_looks_like_an_entity_panics(text in "[A-Z0-9<+., -]{0,45}") {
        feed(&text);
    }

    #[test]
    fn every_zone_of_the_right_size_is_read(
        one in "[VPI][A-Z0-9<]{43}",
        two in "[A-Z0-9<]{44}",
        three in "[A-Z0-9<]{30}",
    ) {
        let cards = [&one[..30], &two[..30], &three];
        for lines in [&[&one[..], &two][..], &[&one[..36], &two[..36]], &cards] {
            let mrz = mrz::Mrz::read(lines).unwrap();
            prop_assert_eq!(mrz.lines().collect::<Vec<_>>(), lines);
            feed_mrz(&mrz);
        }
    }

    #[test]
    fn numbers_made_with_their_check_digit_are_read(number in 0_u64..100_000_000_000_000) {
        let body = format!("{number:014}");
        let held = (0..10).filter(|it| format!("{body}{it}").parse::<imei::Imei>().is_ok());
        prop_assert_eq!(held.count(), 1);
        let held = (0..10).filter(|it| format!("{}{it}", &body[8..]).parse::<imo::ImoNumber>().is_ok());
        prop_assert_eq!(held.count(), 1);
        let body = format!("CSQU{}", &body[8..]);
        let held = (0..10).filter(|it| format!("{body}{it}").parse::<container::ContainerNumber>().is_ok());
        prop_assert_eq!(held.count(), 1);
    }

    #[test]
    fn every_position_on_the_earth_is_given_back(
        latitude in -90.0..=90.0_f64,
        longitude in -180.0..=180.0_f64,
    ) {
        let position = position::Position::new(latitude, longitude).unwrap();
        prop_assert_eq!(position.to_string().parse(), Ok(position));
    }
}
