//! A person who is heard at a distance or transferred.

use crate::domain::acts::Act;
use crate::domain::entities::role::PersonRole;
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::wire::pb;

const VIDEO: Basis = basis("R-VIDEO-REASON", "UNTOC 18(18)");
const TRANSFER: Basis = basis("R-TRANSFER-CONSENT", "UNTOC 18(10)(a)");

const HEARING: &str = "UNTOC.18.18.VIDEO";
const TRANSFERRED: &str = "UNTOC.18.10.TRANSFER";

/// Does a proceeding go against the person?
pub(super) fn is_accused(person: &pb::Person) -> bool {
    let roles = person.roles.iter().filter_map(|it| it.parse::<PersonRole>().ok());
    roles.into_iter().any(PersonRole::incriminates)
}

/// R-VIDEO-REASON: a witness or expert, not an accused, is heard by video where appearing in person
/// is not possible or not desirable, and the request says why (UNTOC 18(18)).
pub(super) fn video_reason(case: &Case<'_>, found: &mut Findings) {
    if !case.asks() || !case.is(HEARING) {
        return;
    }
    let hearing = case.draft.hearing.as_ref();
    let reason = hearing.and_then(|it| it.reason_not_in_person.as_ref());
    let code = reason.and_then(|it| it.code.as_deref());
    if !code.is_some_and(|it| ["not_possible", "not_desirable"].contains(&it)) {
        let told = "it says that appearing in person is not_possible or not_desirable";
        let pointer = "/hearing/reason_not_in_person/code";
        found.reject(VIDEO, pointer, "VIDEO_REASON_MISSING", told);
    }
    if !said(reason.and_then(|it| it.text.as_deref())) {
        let told = "it says why the person does not appear in person";
        let pointer = "/hearing/reason_not_in_person/text";
        found.reject(VIDEO, pointer, "VIDEO_REASON_MISSING", told);
    }
    let capacity = hearing.and_then(|it| it.capacity.as_deref());
    if !capacity.is_some_and(|it| ["witness", "expert"].contains(&it)) {
        let told = "the paragraph covers a witness or an expert";
        found.reject(VIDEO, "/hearing/capacity", "CAPACITY_NOT_COVERED", told);
    }
    let heard = hearing.and_then(|it| it.person.as_deref());
    let person = case.draft.persons.iter().find(|it| heard.is_some() && it.id.as_deref() == heard);
    if person.is_some_and(is_accused) {
        let told = "the paragraph does not cover a person against whom the proceeding goes";
        found.reject(VIDEO, "/hearing/person", "HEARD_AS_ACCUSED", told);
    }
}

/// R-TRANSFER-CONSENT: a detained person is transferred only with free and informed consent: the
/// request says that the person was informed and attaches the consent, and agreement comes after it
/// is on record (UNTOC 18(10)(a)).
pub(super) fn transfer_consent(case: &Case<'_>, found: &mut Findings) {
    if !case.is(TRANSFERRED) {
        return;
    }
    if case.asks() {
        let consent = case.draft.custody_transfer.as_ref().and_then(|it| it.consent.as_ref());
        let place = |field: &str| format!("/custody_transfer/consent/{field}");
        if consent.and_then(|it| it.informed) != Some(true) {
            let told = "the person was informed before consenting";
            found.reject(TRANSFER, place("informed"), "CONSENT_NOT_INFORMED", told);
        }
        if consent.and_then(|it| it.given) != Some(true) {
            let told = "the person consents of free will";
            found.reject(TRANSFER, place("given"), "CONSENT_MISSING", told);
        }
        if !said(consent.and_then(|it| it.attachment.as_deref())) {
            let told = "the record of the consent is attached";
            found.reject(TRANSFER, place("attachment"), "CONSENT_NOT_ATTACHED", told);
        }
    }
    let agrees = matches!(case.act, Some(Act::Result | Act::PartialResult))
        && case.draft.outcome.as_deref() == Some("agreement");
    match case.thread().consent_recorded {
        Some(true) => {}
        Some(false) if agrees => {
            let told = "both sides agree only after the person's consent is on record";
            found.reject(TRANSFER, "/outcome", "CONSENT_NOT_RECORDED", told);
        }
        None if agrees => {
            let told = "whether the person's consent is on record is not known here";
            found.warn(TRANSFER, "/outcome", "CONSENT_NOT_KNOWN", told);
        }
        Some(false) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Thread;
    use crate::law::samples::{self, changed, found, found_in, text};

    #[test]
    fn a_hearing_by_video_says_why_and_of_whom() {
        let with = |change: fn(&mut pb::Hearing)| {
            let draft = changed(samples::HEARING, |it| change(it.hearing.as_mut().unwrap()));
            found("R-VIDEO-REASON", &draft)
        };
        assert_eq!(with(|_| ()), [""; 0]);
        assert_eq!(
            with(|it| it.reason_not_in_person = None),
            [
                "reject /hearing/reason_not_in_person/code VIDEO_REASON_MISSING",
                "reject /hearing/reason_not_in_person/text VIDEO_REASON_MISSING",
            ]
        );
        let accused = ["reject /hearing/capacity CAPACITY_NOT_COVERED"];
        assert_eq!(with(|it| it.capacity = text("accused")), accused);
        assert_eq!(with(|it| it.capacity = text("expert")), [""; 0]);
        let person = changed(samples::HEARING, |it| it.persons[0].roles.push("accused".to_owned()));
        assert_eq!(found("R-VIDEO-REASON", &person), ["reject /hearing/person HEARD_AS_ACCUSED"]);
    }

    #[test]
    fn a_transfer_needs_informed_consent_on_paper() {
        let with = |informed, given, attachment: Option<&str>| {
            let draft = changed(samples::HEARING, |it| {
                let consent = pb::TransferConsent {
                    informed,
                    given,
                    attachment: attachment.map(str::to_owned),
                    ..pb::TransferConsent::default()
                };
                it.kind = text(TRANSFERRED);
                it.custody_transfer =
                    Some(pb::CustodyTransfer { consent: Some(consent), ..Default::default() });
            });
            found("R-TRANSFER-CONSENT", &draft)
        };
        let at = |field: &str, code: &str| {
            vec![format!("reject /custody_transfer/consent/{field} {code}")]
        };
        assert_eq!(with(Some(true), Some(true), Some("A1")), [""; 0]);
        let informed = with(Some(false), Some(true), Some("A1"));
        assert_eq!(informed, at("informed", "CONSENT_NOT_INFORMED"));
        assert_eq!(with(Some(true), None, Some("A1")), at("given", "CONSENT_MISSING"));
        assert_eq!(with(Some(true), Some(true), None), at("attachment", "CONSENT_NOT_ATTACHED"));
    }

    #[test]
    fn agreement_to_a_transfer_comes_after_the_consent() {
        let draft = changed(samples::HEARING, |it| {
            it.kind = text(TRANSFERRED);
            it.message_type = text("result");
            it.outcome = text("agreement");
        });
        let with = |consent_recorded| {
            let thread = Thread { consent_recorded, ..Thread::default() };
            found_in("R-TRANSFER-CONSENT", &draft, thread)
        };
        assert_eq!(with(Some(true)), [""; 0]);
        assert_eq!(with(Some(false)), ["reject /outcome CONSENT_NOT_RECORDED"]);
        assert_eq!(with(None), ["warn /outcome CONSENT_NOT_KNOWN"]);
    }
}
