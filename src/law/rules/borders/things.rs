//! Persons, numbers, objects, attachments and times that a message speaks of.

use super::{Border, border};
use crate::domain::entities::name::NAME_BYTES_MAX;
use crate::domain::entities::phone::PHONE_DIGITS_MAX;
use crate::domain::entities::reference::REFERENCE_BYTES_MAX;
use crate::domain::limits::{CLOCK_SKEW_MS_MAX, ITEMS_MAX};
use crate::law::samples::{BANK, DEPARTURE, PASSPORT, VESSEL, now, text};
use crate::wire::pb;

fn device(draft: &mut pb::Draft, kind: &str, number: &str) {
    draft.comms = vec![pb::Communication {
        r#type: text(kind),
        value: text(number),
        ..pb::Communication::default()
    }];
}

fn period(draft: &mut pb::Draft, to: &str) {
    draft.accounts[0].period = Some(pb::Period { from: text("2020-01-01"), to: text(to) });
}

fn phone(draft: &mut pb::Draft, digits: usize) {
    let number = format!("+55{}", "1".repeat(digits - 2));
    draft.official.as_mut().unwrap().phone = Some(number);
}

fn name(draft: &mut pb::Draft, bytes: usize) {
    draft.persons[0].names[0].full = Some("a".repeat(bytes));
}

fn script(draft: &mut pb::Draft, word: &str) {
    draft.persons[0].names[0].script = text(word);
}

fn nationality(draft: &mut pb::Draft, code: &str) {
    draft.persons[0].nationalities[0].code = text(code);
}

fn place(draft: &mut pb::Draft, lat: f64, lon: f64) {
    let point = &mut draft.routes[0].points[2];
    (point.lat, point.lon) = (Some(lat), Some(lon));
}

fn reference(draft: &mut pb::Draft, bytes: usize) {
    draft.references.as_mut().unwrap().requesting = Some("7".repeat(bytes));
}

/// The last check digit of the zone, and what the message declares of it.
fn zone(draft: &mut pb::Draft, digit: char, holds: bool) {
    let zone = draft.documents[0].mrz.as_mut().unwrap();
    zone.lines[1].pop();
    zone.lines[1].push(digit);
    let digits = zone.check_digits.as_mut().unwrap();
    *digits = pb::MrzCheckDigits { composite: Some(holds), ..*digits };
}

fn vessel(draft: &mut pb::Draft) -> &mut pb::Vessel {
    draft.vessel.as_mut().unwrap()
}

fn vehicle(draft: &mut pb::Draft, vin: &str, container: &str) {
    draft.vehicles = vec![pb::Vehicle {
        vin: text(vin),
        container_no: text(container),
        ..pb::Vehicle::default()
    }];
}

fn items(draft: &mut pb::Draft, count: usize) {
    draft.items = (0..count).map(|at| format!("I{at}")).collect();
}

fn issued(draft: &mut pb::Draft, late_ms: i64) {
    draft.issued_at = Some(now().plus_millis(late_ms).to_string());
}

fn window(draft: &mut pb::Draft, to: &str) {
    draft.routes[0].window.as_mut().unwrap().to = text(to);
}

pub(super) const BORDERS: &[Border] = &[
    border(
        "identifiers::accounts",
        BANK,
        |it| it.accounts[0].iban = text("AE070331234567890123456"),
        |it| it.accounts[0].iban = text("AE080331234567890123456"),
        "reject R-ID-IBAN /accounts/0/iban BAD_IBAN_CHECK_DIGITS",
    ),
    border(
        "identifiers::accounts",
        BANK,
        |it| it.accounts[0].bic = text("AGRIFRPP"),
        |it| it.accounts[0].bic = text("AGRIFRPP8"),
        "reject R-ID-BIC /accounts/0/bic BAD_BIC_SHAPE",
    ),
    border(
        "identifiers::accounts",
        BANK,
        |it| it.organisations[0].lei = text("213800KUD8LAJWSQ9D15"),
        |it| it.organisations[0].lei = text("213800KUD8LXJWSQ9D15"),
        "reject R-ID-LEI /organisations/0/lei BAD_LEI_CHECK_DIGITS",
    ),
    border(
        "identifiers::accounts",
        BANK,
        |it| period(it, "2020-01-01"),
        |it| period(it, "2019-12-31"),
        "reject R-ID-DATE /accounts/0/period/to PERIOD_REVERSED",
    ),
    border(
        "identifiers::communications",
        BANK,
        |it| phone(it, PHONE_DIGITS_MAX),
        |it| phone(it, PHONE_DIGITS_MAX + 1),
        "reject R-ID-PHONE /official/phone BAD_PHONE_SHAPE",
    ),
    border(
        "identifiers::communications",
        BANK,
        |it| device(it, "imei", "354178036859789"),
        |it| device(it, "imei", "354178036859781"),
        "reject R-ID-IMEI /comms/0/value BAD_IMEI_CHECK_DIGIT",
    ),
    border(
        "identifiers::communications",
        BANK,
        |it| device(it, "imsi", "31015012345678"),
        |it| device(it, "imsi", "3101501234567"),
        "reject R-ID-IMSI /comms/0/value BAD_IMSI_SHAPE",
    ),
    border(
        "identifiers::persons",
        BANK,
        |it| it.persons[0].birth.as_mut().unwrap().country = text("GBR"),
        |it| it.persons[0].birth.as_mut().unwrap().country = text("GBN"),
        "reject R-ID-COUNTRY /persons/0/birth/country UNKNOWN_COUNTRY",
    ),
    border(
        "identifiers::persons",
        BANK,
        |it| nationality(it, "XXA"),
        |it| nationality(it, "XXD"),
        "reject R-ID-NATIONALITY /persons/0/nationalities/0/code UNKNOWN_NATIONALITY",
    ),
    border(
        "identifiers::persons",
        BANK,
        |it| name(it, NAME_BYTES_MAX),
        |it| name(it, NAME_BYTES_MAX + 1),
        "reject R-ID-NAME /persons/0/names/0/full BAD_NAME_LENGTH",
    ),
    border(
        "identifiers::persons",
        BANK,
        |it| script(it, "Ethi"),
        |it| script(it, "Ethio"),
        "reject R-ID-SCRIPT /persons/0/names/0/script BAD_SCRIPT_SHAPE",
    ),
    border(
        "identifiers::persons",
        BANK,
        |it| it.persons[0].roles = vec!["suspect".to_owned()],
        |it| it.persons[0].roles = vec!["Suspect".to_owned()],
        "reject R-ID-ROLE /persons/0/roles/0 UNKNOWN_ROLE",
    ),
    border(
        "identifiers::persons",
        BANK,
        |it| it.persons[0].sex = text("X"),
        |it| it.persons[0].sex = text("<"),
        "reject R-ID-SEX /persons/0/sex UNKNOWN_SEX",
    ),
    border(
        "identifiers::persons",
        BANK,
        |it| it.persons[0].mrz_name = text("CHOWDHURY<<RAFIQUL<KARIM"),
        |it| it.persons[0].mrz_name = text("CHOWDHURY<<RAFIQUL KARIM"),
        "warn R-ID-MRZ-NAME /persons/0/mrz_name BAD_MRZ_NAME_SHAPE",
    ),
    border(
        "identifiers::places",
        DEPARTURE,
        |it| it.routes[0].points[1].unlocode = text("TNSF2"),
        |it| it.routes[0].points[1].unlocode = text("TNSF1"),
        "reject R-ID-UNLOCODE /routes/0/points/1/unlocode BAD_UNLOCODE_SHAPE",
    ),
    border(
        "identifiers::places",
        DEPARTURE,
        |it| place(it, 90.0, -180.0),
        |it| place(it, 90.000_001, -180.0),
        "reject R-ID-POSITION /routes/0/points/2 BAD_POSITION_RANGE",
    ),
    border(
        "identifiers::places",
        VESSEL,
        |it| it.position.as_mut().unwrap().course_deg = Some(359.9),
        |it| it.position.as_mut().unwrap().course_deg = Some(360.0),
        "reject R-ID-POSITION /position/course_deg BAD_COURSE",
    ),
    border(
        "identifiers::message",
        BANK,
        |it| it.attachments[0].language = text("pt-BR"),
        |it| it.attachments[0].language = text("pt_BR"),
        "reject R-ID-LANGUAGE /attachments/0/language BAD_LANGUAGE_SHAPE",
    ),
    border(
        "identifiers::message",
        BANK,
        |it| reference(it, REFERENCE_BYTES_MAX),
        |it| reference(it, REFERENCE_BYTES_MAX + 1),
        "reject R-ID-REFERENCE /references/requesting BAD_REFERENCE_LENGTH",
    ),
    border(
        "objects::documents",
        PASSPORT,
        |it| zone(it, '8', true),
        |it| zone(it, '1', false),
        "warn R-ID-MRZ /documents/0/mrz/check_digits/composite BAD_MRZ_CHECK_DIGIT",
    ),
    border(
        "objects::documents",
        PASSPORT,
        |it| zone(it, '8', true),
        |it| zone(it, '8', false),
        "reject R-ID-MRZ-DECL /documents/0/mrz/check_digits/composite MRZ_CHECK_DECLARATION_FALSE",
    ),
    border(
        "objects::vessel",
        VESSEL,
        |it| vessel(it).imo = text("8814275"),
        |it| vessel(it).imo = text("8814274"),
        "warn R-ID-IMO /vessel/imo BAD_IMO_CHECK_DIGIT",
    ),
    border(
        "objects::vessel",
        VESSEL,
        |it| vessel(it).mmsi = text("352999001"),
        |it| vessel(it).mmsi = text("214999001"),
        "warn R-ID-MMSI /vessel/mmsi MMSI_FLAG_DIFFERS",
    ),
    border(
        "objects::vessel",
        VESSEL,
        |it| vessel(it).call_sign = text("H3ZZ9"),
        |it| vessel(it).call_sign = text("9HA1234"),
        "warn R-ID-CALL-SIGN /vessel/call_sign CALL_SIGN_FLAG_DIFFERS",
    ),
    border(
        "objects::vehicles",
        DEPARTURE,
        |it| vehicle(it, "1HGCM82633A004352", "CSQU3054383"),
        |it| vehicle(it, "1HGCM82633A00435", "CSQU3054383"),
        "warn R-ID-VIN /vehicles/0/vin BAD_VIN_SHAPE",
    ),
    border(
        "objects::vehicles",
        DEPARTURE,
        |it| vehicle(it, "1HGCM82633A004352", "CSQU3054383"),
        |it| vehicle(it, "1HGCM82633A004352", "CSQU3054384"),
        "warn R-ID-CONTAINER /vehicles/0/container_no BAD_CONTAINER_CHECK_DIGIT",
    ),
    border(
        "attachments::digests",
        BANK,
        |it| it.attachments[0].sha256 = Some("0".repeat(64)),
        |it| it.attachments[0].sha256 = Some("0".repeat(65)),
        "reject R-ATT-DIGEST /attachments/0/sha256 DIGEST_MALFORMED",
    ),
    border(
        "attachments::digests",
        BANK,
        |it| it.attachments[0].size_bytes = Some(0),
        |it| it.attachments[0].size_bytes = Some(-1),
        "reject R-ATT-DIGEST /attachments/0/size_bytes SIZE_MISSING",
    ),
    border(
        "attachments::names",
        BANK,
        |it| it.attachments[0].name = text("order.pdf"),
        |it| it.attachments[0].name = text("order/../pdf"),
        "reject R-ATT-NAME /attachments/0/name FILE_NAME_UNSAFE",
    ),
    border(
        "attachments::referenced",
        BANK,
        |it| it.offences[1].text_attachment = text("A3"),
        |it| it.offences[1].text_attachment = text("A4"),
        "reject R-ATT-DIGEST /offences/1/text_attachment ATTACHMENT_NOT_FOUND",
    ),
    border(
        "references::unique",
        BANK,
        |it| items(it, ITEMS_MAX),
        |it| items(it, ITEMS_MAX + 1),
        "reject R-REFERENCE /items TOO_MANY_ITEMS",
    ),
    border(
        "references::resolve",
        BANK,
        |it| it.accounts[0].holder = text("P1"),
        |it| it.accounts[0].holder = text("P2"),
        "reject R-REFERENCE /accounts/0/holder REFERENCE_NOT_FOUND",
    ),
    border(
        "references::ids",
        BANK,
        |it| it.relay_of = text("019cadb0-31dc-77d7-8565-f70001ab37ff"),
        |it| it.relay_of = text("019cadb0-31dc-77d7-8565-f70001ab37f"),
        "reject R-REFERENCE /relay_of MESSAGE_ID_MALFORMED",
    ),
    border(
        "time::issued",
        BANK,
        |it| issued(it, CLOCK_SKEW_MS_MAX),
        |it| issued(it, CLOCK_SKEW_MS_MAX + 1),
        "reject R-TIME /issued_at ISSUED_IN_FUTURE",
    ),
    border(
        "time::times",
        VESSEL,
        |it| it.position.as_mut().unwrap().at = text("2026-01-11T02:40:00Z"),
        |it| it.position.as_mut().unwrap().at = text("2026-01-11T02:40:00"),
        "reject R-TIME /position/at TIME_MALFORMED",
    ),
    border(
        "time::windows",
        DEPARTURE,
        |it| window(it, "2026-05-05T20:00:00Z"),
        |it| window(it, "2026-05-05T19:59:59Z"),
        "reject R-TIME /routes/0/window/to WINDOW_REVERSED",
    ),
];
