//! Names and numbers by which persons, bodies, accounts and places are told apart.
//!
//! What the sender *asserts*, so that somebody acts on it, must have its form and its check digits;
//! what was *read* from an object under suspicion may be as wrong as the object, and is marked.

use std::str::FromStr;

use crate::domain::entities::Provenance::{self, AsRead, Asserted};
use crate::domain::entities::bic::Bic;
use crate::domain::entities::country::{Country, IcaoNationality};
use crate::domain::entities::fault::EntityFault;
use crate::domain::entities::iban::Iban;
use crate::domain::entities::imei::Imei;
use crate::domain::entities::imsi::Imsi;
use crate::domain::entities::lei::Lei;
use crate::domain::entities::name::{Language, MrzName, PersonName, Script};
use crate::domain::entities::partial_date::{Calendar, PartialDate, Precision};
use crate::domain::entities::phone::PhoneNumber;
use crate::domain::entities::position::Position;
use crate::domain::entities::reference::CaseReference;
use crate::domain::entities::role::PersonRole;
use crate::domain::entities::sex::Sex;
use crate::domain::entities::unlocode::UnLocode;
use crate::domain::header::Channel;
use crate::domain::kinds::Profile;
use crate::domain::violation::Violation;
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::wire::pb;

const IBAN: Basis = basis("R-ID-IBAN", "policy (18(15)(d))");
const BIC: Basis = basis("R-ID-BIC", "policy (ISO 9362)");
const LEI: Basis = basis("R-ID-LEI", "policy (ISO 17442)");
const PHONE: Basis = basis("R-ID-PHONE", "policy (E.164)");
const IMEI: Basis = basis("R-ID-IMEI", "policy (3GPP TS 23.003)");
const IMSI: Basis = basis("R-ID-IMSI", "policy (E.212)");
const COUNTRY: Basis = basis("R-ID-COUNTRY", "policy (ISO 3166-1)");
const NATIONALITY: Basis = basis("R-ID-NATIONALITY", "policy (ICAO 9303-3)");
const NAME: Basis = basis("R-ID-NAME", "policy");
const SCRIPT: Basis = basis("R-ID-SCRIPT", "policy (ISO 15924)");
const LANGUAGE: Basis = basis("R-ID-LANGUAGE", "policy (BCP 47)");
const ROLE: Basis = basis("R-ID-ROLE", "policy");
const SEX: Basis = basis("R-ID-SEX", "policy (ICAO 9303-3)");
const MRZ_NAME: Basis = basis("R-ID-MRZ-NAME", "policy (ICAO 9303-3)");
pub(super) const DATE: Basis = basis("R-ID-DATE", "policy (ISO 8601)");
const LOCODE: Basis = basis("R-ID-UNLOCODE", "policy (UNECE Recommendation 16)");
pub(super) const POSITION: Basis = basis("R-ID-POSITION", "policy (WGS 84)");
const REFERENCE: Basis = basis("R-ID-REFERENCE", "policy");

/// Writes down a fault of a value, as gravely as its provenance has it.
pub(super) fn fault(
    found: &mut Findings,
    basis: Basis,
    provenance: Provenance,
    pointer: String,
    fault: EntityFault,
) {
    let severity = provenance.severity();
    let violation = Violation::new(pointer, fault.code, fault.why).by(basis.rule, basis.source);
    found.add(Violation { severity, ..violation });
}

/// The value that a field states, if it has its form. A blank field states nothing; whether something
/// must stand there is for other rules to say.
pub(super) fn value<T: FromStr<Err = EntityFault>>(
    found: &mut Findings,
    basis: Basis,
    provenance: Provenance,
    text: Option<&str>,
    pointer: impl FnOnce() -> String,
) -> Option<T> {
    match text.filter(|it| said(Some(it)))?.parse() {
        Ok(value) => Some(value),
        Err(wrong) => {
            fault(found, basis, provenance, pointer(), wrong);
            None
        }
    }
}

/// Does somebody act on the numbers of this message, or does it report what was found?
fn addressed(case: &Case<'_>) -> Provenance {
    let acts = case.kind.is_some_and(|it| {
        it.channel == Channel::Assistance || matches!(it.profile, Profile::Preserve | Profile::Pol)
    });
    if case.asks() && acts { Asserted } else { AsRead }
}

/// R-ID-IBAN, R-ID-BIC, R-ID-LEI: an account or company of which something is asked (UNTOC
/// 18(15)(d)) can be found by its number.
pub(super) fn accounts(case: &Case<'_>, found: &mut Findings) {
    let who = addressed(case);
    for (at, account) in case.draft.accounts.iter().enumerate() {
        let pointer = |field| move || format!("/accounts/{at}/{field}");
        let _: Option<Iban> = value(found, IBAN, who, account.iban.as_deref(), pointer("iban"));
        let _: Option<Bic> = value(found, BIC, who, account.bic.as_deref(), pointer("bic"));
        if let Some(period) = &account.period {
            days(found, period, &format!("/accounts/{at}/period"));
        }
    }
    for (at, body) in case.draft.organisations.iter().enumerate() {
        let pointer = |field| move || format!("/organisations/{at}/{field}");
        let _: Option<Lei> = value(found, LEI, who, body.lei.as_deref(), pointer("lei"));
        country(found, body.country.as_deref(), pointer("country"));
    }
}

fn days(found: &mut Findings, period: &pb::Period, pointer: &str) {
    let day = |found: &mut Findings, field, text: Option<&str>| -> Option<PartialDate> {
        value(found, DATE, Asserted, text, || format!("{pointer}/{field}"))
    };
    let from = day(found, "from", period.from.as_deref());
    let to = day(found, "to", period.to.as_deref());
    // Dates of one form are in order where their texts are.
    let same = |it: &(PartialDate, PartialDate)| it.0.precision() == it.1.precision();
    if from.zip(to).filter(same).is_some_and(|(from, to)| to.as_str() < from.as_str()) {
        let told = "a stretch of days does not end before it begins";
        found.reject(DATE, format!("{pointer}/to"), "PERIOD_REVERSED", told);
    }
}

/// R-ID-PHONE, R-ID-IMEI, R-ID-IMSI: the official can be called; a device of which something is asked
/// can be found.
pub(super) fn communications(case: &Case<'_>, found: &mut Findings) {
    let phone = case.draft.official.as_ref().and_then(|it| it.phone.as_deref());
    let pointer = || "/official/phone".to_owned();
    let _: Option<PhoneNumber> = value(found, PHONE, Asserted, phone, pointer);
    let who = addressed(case);
    for (at, comm) in case.draft.comms.iter().enumerate() {
        let pointer = || format!("/comms/{at}/value");
        let text = comm.value.as_deref();
        match comm.r#type.as_deref() {
            Some("phone") => drop(value::<PhoneNumber>(found, PHONE, who, text, pointer)),
            Some("imei") => drop(value::<Imei>(found, IMEI, who, text, pointer)),
            Some("imsi") => {
                let imsi: Option<Imsi> = value(found, IMSI, who, text, pointer);
                if imsi.is_some_and(|it| !it.is_country_code_known()) {
                    let told = "no country has this mobile country code";
                    found.warn(IMSI, pointer(), "UNKNOWN_MOBILE_COUNTRY_CODE", told);
                }
            }
            _ => {}
        }
    }
}

fn country(found: &mut Findings, text: Option<&str>, pointer: impl FnOnce() -> String) {
    let _: Option<Country> = value(found, COUNTRY, Asserted, text, pointer);
}

/// R-ID-NAME, R-ID-ROLE, R-ID-NATIONALITY, R-ID-DATE and others: a person is described in words that
/// both sides read alike. Single names, a year of birth alone and no State at all are lawful.
pub(super) fn persons(case: &Case<'_>, found: &mut Findings) {
    for (at, person) in case.draft.persons.iter().enumerate() {
        let at = format!("/persons/{at}");
        for (place, role) in person.roles.iter().enumerate() {
            let pointer = || format!("{at}/roles/{place}");
            let _: Option<PersonRole> = value(found, ROLE, Asserted, Some(role), pointer);
        }
        for (place, name) in person.names.iter().enumerate() {
            let field = |field| format!("{at}/names/{place}/{field}");
            let full = name.full.as_deref();
            let _: Option<PersonName> = value(found, NAME, Asserted, full, || field("full"));
            let script = name.script.as_deref();
            let _: Option<Script> = value(found, SCRIPT, Asserted, script, || field("script"));
            let lang = name.lang.as_deref();
            let _: Option<Language> = value(found, LANGUAGE, Asserted, lang, || field("lang"));
        }
        let mrz_name = person.mrz_name.as_deref();
        let pointer = || format!("{at}/mrz_name");
        let _: Option<MrzName> = value(found, MRZ_NAME, AsRead, mrz_name, pointer);
        let _: Option<Sex> =
            value(found, SEX, Asserted, person.sex.as_deref(), || format!("{at}/sex"));
        for (place, nationality) in person.nationalities.iter().enumerate() {
            let pointer = || format!("{at}/nationalities/{place}/code");
            let code = nationality.code.as_deref();
            let _: Option<IcaoNationality> = value(found, NATIONALITY, Asserted, code, pointer);
        }
        if let Some(stated) = &person.birth {
            birth(found, stated, &format!("{at}/birth"));
        }
        let location = person.location.as_ref().and_then(|it| it.country.as_deref());
        country(found, location, || format!("{at}/location/country"));
        let address = person.address_last.as_ref().and_then(|it| it.country.as_deref());
        country(found, address, || format!("{at}/address_last/country"));
        for (place, tag) in person.languages.iter().enumerate() {
            let pointer = || format!("{at}/languages/{place}");
            let _: Option<Language> = value(found, LANGUAGE, Asserted, Some(tag), pointer);
        }
    }
}

fn birth(found: &mut Findings, birth: &pb::Birth, pointer: &str) {
    country(found, birth.country.as_deref(), || format!("{pointer}/country"));
    let calendar = birth.calendar.as_deref();
    let field = || format!("{pointer}/calendar");
    let known: Option<Calendar> = value(found, DATE, Asserted, calendar, field);
    if calendar.is_some() && known.is_none() {
        return;
    }
    let field = || format!("{pointer}/precision");
    let precision: Option<Precision> =
        value(found, DATE, Asserted, birth.precision.as_deref(), field);
    let Some(text) = birth.date.as_deref() else { return };
    match PartialDate::read(text, known.unwrap_or(Calendar::Gregorian)) {
        Err(wrong) => fault(found, DATE, Asserted, format!("{pointer}/date"), wrong),
        Ok(date) => {
            if precision.is_some_and(|it| it != date.precision()) {
                let told = "the precision is that of the date";
                let field = format!("{pointer}/precision");
                found.reject(DATE, field, "PRECISION_CONTRADICTS", told);
            }
            if date.may_stand_for_year_only() {
                let told = "the first of January often stands for a year alone";
                found.warn(DATE, format!("{pointer}/date"), "MAY_BE_YEAR_ONLY", told);
            }
        }
    }
}

/// R-ID-UNLOCODE, R-ID-POSITION: a place is where it is said to be.
pub(super) fn places(case: &Case<'_>, found: &mut Findings) {
    for (at, route) in case.draft.routes.iter().enumerate() {
        for (place, point) in route.points.iter().enumerate() {
            let pointer = |field| move || format!("/routes/{at}/points/{place}/{field}");
            let code = point.unlocode.as_deref();
            let _: Option<UnLocode> = value(found, LOCODE, Asserted, code, pointer("unlocode"));
            country(found, point.country.as_deref(), pointer("country"));
            let place = format!("/routes/{at}/points/{place}");
            coordinates(found, point.lat, point.lon, &place);
        }
    }
    if let Some(position) = &case.draft.position {
        coordinates(found, position.lat, position.lon, "/position");
        if position.course_deg.is_some_and(|it| !(0.0..360.0).contains(&it)) {
            let told = "a course is 0 to less than 360 degrees";
            found.reject(POSITION, "/position/course_deg", "BAD_COURSE", told);
        }
    }
}

fn coordinates(found: &mut Findings, lat: Option<f64>, lon: Option<f64>, pointer: &str) {
    let (lat, lon) = match (lat, lon) {
        (None, None) => return,
        (Some(lat), Some(lon)) => (lat, lon),
        (Some(_), None) | (None, Some(_)) => {
            let told = "a place has a latitude and a longitude";
            return found.reject(POSITION, pointer, "COORDINATE_MISSING", told);
        }
    };
    match Position::new(lat, lon) {
        Err(wrong) => fault(found, POSITION, Asserted, pointer.to_owned(), wrong),
        Ok(place) if place.is_null_island() => {
            let told = "0 north, 0 east often stands for a place that is not known";
            found.warn(POSITION, pointer, "MAY_BE_UNKNOWN_PLACE", told);
        }
        Ok(_) => {}
    }
}

/// R-ID-LANGUAGE, R-ID-REFERENCE, R-ID-DATE: languages, file references and days of the message
/// itself.
pub(super) fn message(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let mut tag = |text: Option<&str>, pointer: &dyn Fn() -> String| {
        let _: Option<Language> = value(found, LANGUAGE, Asserted, text, pointer);
    };
    let languages = draft.languages.as_ref();
    tag(languages.and_then(|it| it.request.as_deref()), &|| "/languages/request".to_owned());
    for (at, it) in languages.iter().flat_map(|it| &it.translations).enumerate() {
        tag(it.lang.as_deref(), &|| format!("/languages/translations/{at}/lang"));
    }
    for (at, it) in draft.attachments.iter().enumerate() {
        tag(it.language.as_deref(), &|| format!("/attachments/{at}/language"));
    }
    if let Some(references) = &draft.references {
        for (field, text) in
            [("requesting", &references.requesting), ("requested", &references.requested)]
        {
            let pointer = || format!("/references/{field}");
            let text = text.as_deref();
            let _: Option<CaseReference> = value(found, REFERENCE, Asserted, text, pointer);
        }
    }
    if let Some(handling) = &draft.handling {
        for (field, text) in
            [("review_by", &handling.review_by), ("retain_until", &handling.retain_until)]
        {
            let pointer = || format!("/handling/{field}");
            let _: Option<PartialDate> = value(found, DATE, Asserted, text.as_deref(), pointer);
        }
    }
}

#[cfg(test)]
#[path = "identifiers_tests.rs"]
mod tests;
