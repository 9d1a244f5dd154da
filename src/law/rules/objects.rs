//! Documents, vessels and vehicles as they were read: what does not fit is marked, for it may be the
//! very ground of suspicion. Only what the message says *about* a reading must be true.

use crate::domain::entities::Provenance::AsRead;
use crate::domain::entities::call_sign::CallSign;
use crate::domain::entities::container::ContainerNumber;
use crate::domain::entities::country::{Country, IcaoNationality};
use crate::domain::entities::imo::ImoNumber;
use crate::domain::entities::mmsi::Mmsi;
use crate::domain::entities::mrz::{Checked, Mrz, MrzFormat};
use crate::domain::entities::partial_date::PartialDate;
use crate::domain::entities::vin::Vin;
use crate::law::case::{Basis, Case, Findings, basis};
use crate::law::rules::identifiers::{DATE, fault, value};
use crate::wire::pb;

const MRZ: Basis = basis("R-ID-MRZ", "ICAO 9303-3 (policy)");
const DECLARED: Basis = basis("R-ID-MRZ-DECL", "ICAO 9303-3 check digits (policy)");
const ISSUER: Basis = basis("R-ID-COUNTRY", "policy (ICAO 9303-3)");
const IMO: Basis = basis("R-ID-IMO", "policy (IMO ship number)");
const MMSI: Basis = basis("R-ID-MMSI", "policy (ITU-R M.585)");
const CALL_SIGN: Basis = basis("R-ID-CALL-SIGN", "policy (ITU call sign series)");
const FLAG: Basis = basis("R-ID-COUNTRY", "policy (ISO 3166-1)");
const VIN: Basis = basis("R-ID-VIN", "policy (ISO 3779)");
const CONTAINER: Basis = basis("R-ID-CONTAINER", "policy (ISO 6346)");

/// R-ID-MRZ, R-ID-MRZ-DECL: a machine-readable zone may be wrong, and is marked; what the message
/// declares about its check digits may not.
pub(super) fn documents(case: &Case<'_>, found: &mut Findings) {
    for (at, document) in case.draft.documents.iter().enumerate() {
        let field = |field: &str| format!("/documents/{at}/{field}");
        let issuer = document.issuing_state.as_deref();
        let pointer = || field("issuing_state");
        let _: Option<IcaoNationality> = value(found, ISSUER, AsRead, issuer, pointer);
        let days = [("issued_on", &document.issued_on), ("expires_on", &document.expires_on)];
        for (name, day) in days {
            let _: Option<PartialDate> = value(found, DATE, AsRead, day.as_deref(), || field(name));
        }
        if let Some(mrz) = &document.mrz {
            zone(found, document, mrz, &field("mrz"));
        }
    }
}

fn zone(found: &mut Findings, document: &pb::TravelDocument, mrz: &pb::Mrz, pointer: &str) {
    if mrz.lines.is_empty() {
        return;
    }
    let read = match Mrz::read(&mrz.lines) {
        Ok(read) => read,
        Err(wrong) => {
            declared_unread(found, mrz, pointer);
            return fault(found, MRZ, AsRead, format!("{pointer}/lines"), wrong);
        }
    };
    let format = || format!("{pointer}/format");
    let declared: Option<MrzFormat> = value(found, MRZ, AsRead, mrz.format.as_deref(), format);
    if declared.is_some_and(|it| it != read.format()) {
        let told = format!("these lines are of format {}", read.format());
        found.warn(MRZ, format(), "MRZ_FORMAT_DIFFERS", told);
    }
    if document.number.as_deref().is_some_and(|it| it != read.number()) {
        let told = "the number of the document is not that of its zone";
        found.warn(MRZ, format!("{pointer}/lines"), "MRZ_NUMBER_DIFFERS", told);
    }
    for checked in Checked::ALL {
        let pointer = || format!("{pointer}/check_digits/{checked}");
        let holds = read.holds(*checked);
        if holds == Some(false) {
            let told = "the check digit of the zone does not hold";
            found.warn(MRZ, pointer(), "BAD_MRZ_CHECK_DIGIT", told);
        }
        let said = mrz.check_digits.as_ref().and_then(|it| declaration(it, *checked));
        // A digit that the format does not have can be declared neither right nor wrong.
        if said.is_some_and(|it| holds.is_some_and(|holds| holds != it)) {
            let told = "the message declares of this check digit what the lines do not bear out";
            found.reject(DECLARED, pointer(), "MRZ_CHECK_DECLARATION_FALSE", told);
        }
    }
}

/// Of a zone that can't be read, no check digit can be said to hold.
fn declared_unread(found: &mut Findings, mrz: &pb::Mrz, pointer: &str) {
    for checked in Checked::ALL {
        let said = mrz.check_digits.as_ref().and_then(|it| declaration(it, *checked));
        if said == Some(true) {
            let told = "the zone cannot be read, so this check digit is not known to hold";
            let pointer = format!("{pointer}/check_digits/{checked}");
            found.reject(DECLARED, pointer, "MRZ_CHECK_DECLARATION_FALSE", told);
        }
    }
}

const fn declaration(digits: &pb::MrzCheckDigits, checked: Checked) -> Option<bool> {
    match checked {
        Checked::Number => digits.number,
        Checked::Birth => digits.birth,
        Checked::Expiry => digits.expiry,
        Checked::Optional => digits.optional,
        Checked::Composite => digits.composite,
    }
}

/// R-ID-IMO, R-ID-MMSI, R-ID-CALL-SIGN: marks of a vessel that are wrong, or that belong to another
/// flag, are what a false flag looks like. Small boats have none.
pub(super) fn vessel(case: &Case<'_>, found: &mut Findings) {
    let Some(vessel) = &case.draft.vessel else { return };
    let field = |field: &str| format!("/vessel/{field}");
    let claimed = vessel.flag_claimed.as_deref();
    let _: Option<Country> = value(found, FLAG, AsRead, claimed, || field("flag_claimed"));
    let _: Option<ImoNumber> = value(found, IMO, AsRead, vessel.imo.as_deref(), || field("imo"));
    let mmsi: Option<Mmsi> = value(found, MMSI, AsRead, vessel.mmsi.as_deref(), || field("mmsi"));
    let agrees = |agrees: Option<bool>| agrees.is_none_or(|it| it);
    if let (Some(mmsi), Some(flag)) = (mmsi, claimed)
        && !agrees(mmsi.agrees_with_flag(flag))
    {
        let told = "the country digits of the MMSI are not those of the flag";
        found.warn(MMSI, field("mmsi"), "MMSI_FLAG_DIFFERS", told);
    }
    let sign = vessel.call_sign.as_deref();
    let sign: Option<CallSign> = value(found, CALL_SIGN, AsRead, sign, || field("call_sign"));
    if let (Some(sign), Some(flag)) = (sign, claimed)
        && !agrees(sign.agrees_with_flag(flag))
    {
        let told = "the series of the call sign is not one of the flag";
        found.warn(CALL_SIGN, field("call_sign"), "CALL_SIGN_FLAG_DIFFERS", told);
    }
}

/// R-ID-VIN, R-ID-CONTAINER: numbers of vehicles and containers as they read.
pub(super) fn vehicles(case: &Case<'_>, found: &mut Findings) {
    for (at, vehicle) in case.draft.vehicles.iter().enumerate() {
        let field = |field: &str| format!("/vehicles/{at}/{field}");
        let _: Option<Vin> = value(found, VIN, AsRead, vehicle.vin.as_deref(), || field("vin"));
        let number = vehicle.container_no.as_deref();
        let pointer = || field("container_no");
        let _: Option<ContainerNumber> = value(found, CONTAINER, AsRead, number, pointer);
        let plate = vehicle.plate_country.as_deref();
        let _: Option<Country> = value(found, FLAG, AsRead, plate, || field("plate_country"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{DEPARTURE, PASSPORT, VESSEL, changed, found, text};

    fn zone_with(change: fn(&mut pb::Mrz)) -> Vec<String> {
        let draft = changed(PASSPORT, |it| change(it.documents[0].mrz.as_mut().unwrap()));
        [found("R-ID-MRZ", &draft), found("R-ID-MRZ-DECL", &draft)].concat()
    }

    #[test]
    fn a_wrong_zone_is_marked_and_a_wrong_word_about_it_refused() {
        let place = "/documents/0/mrz/check_digits/composite";
        let marked = &format!("warn {place} BAD_MRZ_CHECK_DIGIT");
        let refused = &format!("reject {place} MRZ_CHECK_DECLARATION_FALSE");
        assert_eq!(zone_with(|_| ()), [""; 0]);
        let altered: fn(&mut pb::Mrz) = |it| {
            it.lines[1].pop();
            it.lines[1].push('1');
        };
        assert_eq!(zone_with(altered), [marked.as_str(), refused]);
        let declared: fn(&mut pb::Mrz) = |it| {
            it.lines[1].pop();
            it.lines[1].push('1');
            it.check_digits.as_mut().unwrap().composite = Some(false);
        };
        assert_eq!(zone_with(declared), [marked.as_str()]);
        let silent: fn(&mut pb::Mrz) = |it| {
            it.lines[1].pop();
            it.lines[1].push('1');
            it.check_digits = None;
        };
        assert_eq!(zone_with(silent), [marked.as_str()]);
        let slander: fn(&mut pb::Mrz) = |it| {
            it.check_digits.as_mut().unwrap().composite = Some(false);
        };
        assert_eq!(zone_with(slander), [refused.as_str()]);
    }

    #[test]
    fn a_zone_that_cannot_be_read_holds_no_check_digit() {
        let unread = zone_with(|it| {
            it.lines.pop();
            let digits = it.check_digits.as_mut().unwrap();
            *digits = pb::MrzCheckDigits { birth: Some(true), number: Some(false), ..*digits };
            (digits.expiry, digits.optional, digits.composite) = (None, None, None);
        });
        let expected = [
            "warn /documents/0/mrz/lines BAD_MRZ_LINES",
            "reject /documents/0/mrz/check_digits/birth MRZ_CHECK_DECLARATION_FALSE",
        ];
        assert_eq!(unread, expected);
    }

    #[test]
    fn a_zone_that_differs_from_the_document_is_marked() {
        let format = zone_with(|it| it.format = text("TD2"));
        assert_eq!(format, ["warn /documents/0/mrz/format MRZ_FORMAT_DIFFERS"]);
        let draft = changed(PASSPORT, |it| it.documents[0].number = text("EC0000018"));
        let differs = ["warn /documents/0/mrz/lines MRZ_NUMBER_DIFFERS"];
        assert_eq!(found("R-ID-MRZ", &draft), differs);
        let issuer = changed(PASSPORT, |it| it.documents[0].issuing_state = text("ZZZ"));
        let unknown = ["warn /documents/0/issuing_state UNKNOWN_NATIONALITY"];
        assert_eq!(found("R-ID-COUNTRY", &issuer), unknown);
    }

    #[test]
    fn marks_of_a_vessel_are_marked_and_never_refused() {
        let with = |rule, change: fn(&mut pb::Vessel)| {
            found(rule, &changed(VESSEL, |it| change(it.vessel.as_mut().unwrap())))
        };
        for rule in ["R-ID-IMO", "R-ID-MMSI", "R-ID-CALL-SIGN"] {
            assert_eq!(with(rule, |_| ()), [""; 0]);
            let none: fn(&mut pb::Vessel) = |it| {
                (it.imo, it.mmsi, it.call_sign) = (None, None, None);
            };
            assert_eq!(with(rule, none), [""; 0]);
        }
        let imo = with("R-ID-IMO", |it| it.imo = text("8814274"));
        assert_eq!(imo, ["warn /vessel/imo BAD_IMO_CHECK_DIGIT"]);
        let mmsi = with("R-ID-MMSI", |it| it.mmsi = text("214999001"));
        assert_eq!(mmsi, ["warn /vessel/mmsi MMSI_FLAG_DIFFERS"]);
        let sign = with("R-ID-CALL-SIGN", |it| it.call_sign = text("9HA1234"));
        assert_eq!(sign, ["warn /vessel/call_sign CALL_SIGN_FLAG_DIFFERS"]);
    }

    #[test]
    fn numbers_of_vehicles_are_marked() {
        let with = |vin: &str, container: &str| {
            let draft = changed(DEPARTURE, |it| {
                it.vehicles = vec![pb::Vehicle {
                    vin: text(vin),
                    container_no: text(container),
                    ..pb::Vehicle::default()
                }];
            });
            [found("R-ID-VIN", &draft), found("R-ID-CONTAINER", &draft)].concat()
        };
        assert_eq!(with("1HGCM82633A004352", "CSQU3054383"), [""; 0]);
        let container = ["warn /vehicles/0/container_no BAD_CONTAINER_CHECK_DIGIT"];
        assert_eq!(with("1HGCM82633A004352", "CSQU3054384"), container);
        let vin = with("1HGCM82633A00435O", "CSQU3054383");
        assert!(vin[0].starts_with("warn /vehicles/0/vin BAD_VIN"), "{vin:?}");
    }
}
