//! Does it come from whom it may come from, and go to whom it may go, in a language they accept?

use std::collections::BTreeSet;

use crate::directory::{ContactPoint, Transit, Unaddressed};
use crate::domain::competence::Function;
use crate::domain::header::Channel;
use crate::domain::ids::ContactPointId;
use crate::domain::kinds::{KindCode, Profile};
use crate::domain::urgency::Urgency;
use crate::domain::violation::Violation;
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::wire::pb;

const CENTRAL: Basis = basis("R-ROUTE-CA", "UNTOC 18(13)");
const FLAG: Basis = basis("R-ROUTE-FLAG", "Protocol 8(6)");
const OTHER: Basis = basis("R-ROUTE", "policy (catalogue of kinds)");
const AUTHENTIC: Basis = basis("R-AUTHENTIC", "UNTOC 18(14)");
const LANGUAGE: Basis = basis("R-LANG", "UNTOC 18(14)");

/// Where a message names a competence.
const COMPETENCE: &str = "/competence";
/// Most candidates that one finding names.
const CANDIDATES_MAX: usize = 8;
/// Kinds of which the police desk may have a copy, where a competent desk is named too.
const BORDER_MESSAGE: &str = "SOM.11.6.BORDER";

/// The rule by which a kind is routed.
fn route_of(kind: KindCode) -> Basis {
    let central = kind.receivers.first() == Some(&Function::CentralAuthority.as_str());
    if kind.channel == Channel::Sea {
        FLAG
    } else if kind.channel == Channel::Assistance && central && kind.profile != Profile::Ext {
        CENTRAL
    } else {
        OTHER
    }
}

fn is_one_of(desk: &ContactPoint, functions: &[&str]) -> bool {
    desk.functions.iter().any(|it| functions.contains(&it.as_str()))
}

/// May the desk take part in a course of this kind, on either side?
fn takes_part(desk: &ContactPoint, kind: KindCode) -> bool {
    is_one_of(desk, kind.receivers) || is_one_of(desk, kind.senders)
}

/// R-ROUTE-CA, R-ROUTE-FLAG, R-ROUTE: what opens a course goes to desks that may receive its kind:
/// mutual assistance to the central authority (UNTOC 18(13)), measures at sea to the authority of
/// Protocol 8(6), anything else as the catalogue has it. What follows stays between those two sides
/// (18(13): any communication related to it).
pub(super) fn receivers(case: &Case<'_>, found: &mut Findings) {
    let Some(kind) = case.kind else { return };
    let rule = route_of(kind);
    if case.directory().is_none() {
        let named = case.draft.competence.is_none();
        let place = if named { "/to" } else { COMPETENCE };
        let told = "without a network it is not known whether the recipients are competent";
        return found.note(rule, place, "NETWORK_NOT_KNOWN", told);
    }
    if case.draft.competence.is_some() {
        return one_is_competent(case, kind, found);
    }
    let competent = |desk: &ContactPoint| match case.opens() {
        true => is_one_of(desk, kind.receivers),
        false => takes_part(desk, kind),
    };
    let desks = || case.to.iter().filter_map(|(_, id)| case.desk(id));
    let answered = desks().any(competent);
    for (at, id) in &case.to {
        let pointer = format!("/to/{at}");
        match case.desk(id) {
            None => {
                let told = "the directory has no such contact point";
                found.reject(rule, pointer, "UNKNOWN_CONTACT_POINT", told);
            }
            Some(desk) if competent(desk) || (answered && has_copy(case, kind, id, desk)) => {}
            Some(_) => {
                let told = format!("{kind} goes to a desk that is {}", kind.receivers.join(" or "));
                found.reject(rule, pointer, "WRONG_AUTHORITY_ROLE", told);
            }
        }
    }
}

/// What follows in a request goes to the other side of it, and to no third agency (UNTOC 18(13)); a request
/// that is passed on has one more agency, which its notice names elsewhere.
pub(in crate::law) fn outside(kind: KindCode, place: usize) -> Violation {
    let Basis { rule, source } = route_of(kind);
    let told = "this agency has no part in the request; what follows in it goes to the other side";
    Violation::new(format!("/to/{place}"), "RECIPIENT_NOT_PARTY", told).by(rule, source)
}

/// Of a message that names a competence: exactly one desk answers for it, and that is another's.
fn one_is_competent(case: &Case<'_>, kind: KindCode, found: &mut Findings) {
    let rule = route_of(kind);
    match &case.unaddressed {
        Some(Unaddressed::Nobody) => {
            let told =
                format!("the directory has no desk of this State with this function for {kind}");
            found.reject(rule, COMPETENCE, "NO_COMPETENT_CONTACT_POINT", told);
        }
        Some(Unaddressed::Several(desks)) => {
            let told = format!(
                "{} desks are competent and none before the others; name one of them in `to`: {}",
                desks.len(),
                listed(desks)
            );
            found.reject(rule, COMPETENCE, "SEVERAL_COMPETENT_CONTACT_POINTS", told);
        }
        None => {
            let own = case.from.as_ref().map(ContactPointId::agency);
            if case.to.iter().any(|(_, id)| Some(id.agency()) == own) {
                let told = "the sender's own agency is competent";
                found.reject(rule, COMPETENCE, "RECIPIENT_IS_SENDER", told);
            }
        }
    }
}

/// The first of these desks, and how many more there are.
fn listed(desks: &[ContactPointId]) -> String {
    let names: Vec<String> = desks.iter().take(CANDIDATES_MAX).map(ToString::to_string).collect();
    match desks.len().saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{}, and {more} more", names.join(", ")),
    }
}

/// May the desk have a copy: the police of measures at sea and of border messages, and whoever
/// reviews what passes?
fn has_copy(case: &Case<'_>, kind: KindCode, id: &ContactPointId, desk: &ContactPoint) -> bool {
    let agency = case.directory().and_then(|it| it.agency(id.agency()));
    let reviews = agency.is_some_and(|it| it.transit == Some(Transit::Reviewing));
    let policed = kind.channel == Channel::Sea || kind.as_str() == BORDER_MESSAGE;
    reviews || (policed && desk.has(Function::PoliceContactPoint))
}

/// R-AUTHENTIC: the desk that sends stands in the directory and may send the kind (UNTOC 18(14):
/// the requested State can establish authenticity). That the proof of origin holds is checked with
/// the envelope.
pub(super) fn senders(case: &Case<'_>, found: &mut Findings) {
    let (Some(kind), Some(from)) = (case.kind, &case.from) else { return };
    if case.directory().is_none() {
        let told = "without a network it is not known whether the sender is entitled";
        return found.note(AUTHENTIC, "/from", "NETWORK_NOT_KNOWN", told);
    }
    let Some(desk) = case.desk(from) else {
        let told = "the directory has no such contact point";
        return found.reject(AUTHENTIC, "/from", "UNKNOWN_CONTACT_POINT", told);
    };
    let entitled = match case.opens() {
        true => is_one_of(desk, kind.senders),
        false => takes_part(desk, kind),
    };
    if !entitled {
        let told = format!("{kind} comes from a desk that is {}", kind.senders.join(" or "));
        found.reject(AUTHENTIC, "/from", "SENDER_NOT_ENTITLED", told);
    }
}

/// R-LANG: it is written in a language of each recipient, or a translation into one is attached
/// (UNTOC 18(14)). What is immediate goes all the same, with a warning.
pub(super) fn language(case: &Case<'_>, found: &mut Findings) {
    let languages = case.draft.languages.as_ref();
    let written = languages.and_then(|it| it.request.as_deref());
    if !said(written) {
        if case.opens() {
            let told = "it says in which language it is written";
            found.reject(LANGUAGE, "/languages/request", "LANGUAGE_MISSING", told);
        }
        return;
    }
    if case.directory().is_none() {
        let told = "without a network it is not known which languages the recipients accept";
        return found.note(LANGUAGE, "/languages/request", "NETWORK_NOT_KNOWN", told);
    }
    let written = written.unwrap_or_default();
    let translations = languages.map(|it| it.translations.as_slice()).unwrap_or_default();
    let accepts = |desk: &ContactPoint, tag: &str| desk.languages.iter().any(|it| alike(it, tag));
    let attachments: BTreeSet<&str> =
        case.draft.attachments.iter().filter_map(|it| it.id.as_deref()).collect();
    let attached = |it: &pb::Translation| {
        it.attachment_id.as_deref().is_some_and(|it| attachments.contains(it))
    };
    for (_, id) in &case.to {
        let Some(desk) = case.desk(id) else { continue };
        let mut into = translations.iter().filter_map(|it| Some((it, it.lang.as_deref()?)));
        let translated = into.any(|(it, tag)| accepts(desk, tag) && attached(it));
        if accepts(desk, written) || translated {
            continue;
        }
        let told = format!(
            "{id} works in {}; it is written in one of them, or a translation is attached",
            desk.languages.join(", ")
        );
        let pointer = "/languages/request";
        if case.opens() && case.urgency() != Urgency::Immediate {
            found.reject(LANGUAGE, pointer, "LANGUAGE_NOT_ACCEPTED", told);
        } else {
            found.warn(LANGUAGE, pointer, "LANGUAGE_NOT_ACCEPTED", told);
        }
    }
}

/// Do two tags name one language, whatever script or region they add (BCP 47)?
fn alike(one: &str, other: &str) -> bool {
    let primary = |tag: &'_ str| tag.find('-').unwrap_or(tag.len());
    let (one, other) = (one.get(..primary(one)), other.get(..primary(other)));
    one.zip(other).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{
        BANK, DEPARTURE, HEARING, NATIONALITY, PASSPORT, VESSEL, changed, found, found_offline,
        text,
    };

    const RULES: [&str; 5] = ["R-ROUTE-CA", "R-ROUTE-FLAG", "R-ROUTE", "R-AUTHENTIC", "R-LANG"];

    fn to(example: &str, desks: &[&str]) -> pb::Draft {
        changed(example, |it| it.to = desks.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn every_example_goes_from_a_desk_that_may_send_to_one_that_may_receive() {
        for example in [BANK, VESSEL, PASSPORT, NATIONALITY, DEPARTURE, HEARING] {
            for rule in RULES {
                assert_eq!(found(rule, &changed(example, |_| ())), [""; 0], "{rule}");
            }
        }
    }

    #[test]
    fn mutual_assistance_goes_to_the_central_authority() {
        let wrong = ["reject /to/0 WRONG_AUTHORITY_ROLE"];
        assert_eq!(found("R-ROUTE-CA", &to(BANK, &["ita.border-police/duty-desk"])), wrong);
        assert_eq!(found("R-ROUTE-CA", &to(BANK, &["ita.central-authority/mla"])), [""; 0]);
        let unknown = ["reject /to/0 UNKNOWN_CONTACT_POINT"];
        assert_eq!(found("R-ROUTE-CA", &to(BANK, &["ita.central-authority/none"])), unknown);
    }

    #[test]
    fn a_measure_at_sea_goes_to_the_authority_of_8_6_with_a_copy_to_the_police() {
        let flag = "pan.maritime-authority/flag-state-desk";
        let police = "ita.border-police/duty-desk";
        assert_eq!(found("R-ROUTE-FLAG", &to(VESSEL, &[flag, police])), [""; 0]);
        let wrong = ["reject /to/0 WRONG_AUTHORITY_ROLE"];
        assert_eq!(found("R-ROUTE-FLAG", &to(VESSEL, &[police])), wrong);
        assert_eq!(found("R-ROUTE-FLAG", &to(VESSEL, &["pan.central-authority/mla"])), wrong);
    }

    fn by_competence(example: &str, country: &str, function: &str) -> pb::Draft {
        let (country, function) = (text(country), text(function));
        changed(example, |it| {
            it.to.clear();
            it.competence = Some(pb::Competence { country, function });
        })
    }

    #[test]
    fn a_competence_leads_to_the_one_desk_that_is_competent_and_that_is_another_agencys() {
        let flag = |country| by_competence(VESSEL, country, "flag_state_authority");
        for rule in RULES {
            assert_eq!(found(rule, &flag("PAN")), [""; 0], "{rule}");
        }
        let nobody = ["reject /competence NO_COMPETENT_CONTACT_POINT"];
        assert_eq!(found("R-ROUTE-FLAG", &flag("PER")), nobody);
        assert_eq!(found("R-ROUTE-FLAG", &flag("int")), nobody);
        // The vessel is asked about by the coast guard of Italy.
        let own = ["reject /competence RECIPIENT_IS_SENDER"];
        assert_eq!(found("R-ROUTE-FLAG", &flag("ITA")), own);
        assert_eq!(
            found_offline("R-ROUTE-FLAG", &flag("PAN")),
            ["note /competence NETWORK_NOT_KNOWN"]
        );
        let unread = changed(VESSEL, |it| {
            it.to.clear();
            it.competence = Some(pb::Competence { country: text("Panama"), function: None });
        });
        assert_eq!(found("R-ROUTE-FLAG", &unread), [""; 0], "its shape is at fault");
    }

    #[test]
    fn what_hangs_on_the_recipient_is_judged_by_the_desk_that_is_competent() {
        let bank = |language: &str| {
            let mut draft = by_competence(BANK, "ARE", "central_authority");
            let languages = draft.languages.as_mut().unwrap();
            languages.request = text(language);
            languages.translations.clear();
            draft
        };
        assert_eq!(found("R-LANG", &bank("ar")), [""; 0]);
        let refused = ["reject /languages/request LANGUAGE_NOT_ACCEPTED"];
        assert_eq!(found("R-LANG", &bank("pt")), refused);
    }

    #[test]
    fn few_of_many_candidates_are_named() {
        let desk = |n: usize| format!("pan.x/desk-{n}").parse().unwrap();
        let desks: Vec<ContactPointId> = (0..10).map(desk).collect();
        assert_eq!(listed(&desks[..2]), "pan.x/desk-0, pan.x/desk-1");
        assert!(listed(&desks).ends_with("pan.x/desk-7, and 2 more"), "{}", listed(&desks));
    }

    #[test]
    fn other_kinds_go_where_the_catalogue_sends_them() {
        let wrong = ["reject /to/0 WRONG_AUTHORITY_ROLE"];
        assert_eq!(found("R-ROUTE", &to(PASSPORT, &["ita.border-police/duty-desk"])), wrong);
        // The central authority of Italy reviews what passes, and may stand beside.
        let beside = ["ecu.civil-registry/passport-verification", "ita.central-authority/mla"];
        assert_eq!(found("R-ROUTE", &to(PASSPORT, &beside)), [""; 0]);
        let beside =
            ["ecu.civil-registry/passport-verification", "ita.coast-guard/operations-centre"];
        assert_eq!(found("R-ROUTE", &to(PASSPORT, &beside)), ["reject /to/1 WRONG_AUTHORITY_ROLE"]);
    }

    #[test]
    fn an_answer_goes_back_to_whoever_may_ask() {
        let reply = |from: &str, to: &str| {
            changed(NATIONALITY, |it| {
                it.message_type = text("ack_receipt");
                it.from = text(from);
                it.to = vec![to.to_owned()];
            })
        };
        let (asks, answers) =
            ("zaf.immigration-inspectorate/returns", "eth.consular-service/pretoria");
        for rule in ["R-ROUTE", "R-AUTHENTIC"] {
            assert_eq!(found(rule, &reply(answers, asks)), [""; 0]);
        }
        let outsider = "ita.coast-guard/operations-centre";
        let refused = ["reject /from SENDER_NOT_ENTITLED"];
        assert_eq!(found("R-AUTHENTIC", &reply(outsider, asks)), refused);
        let refused = ["reject /to/0 WRONG_AUTHORITY_ROLE"];
        assert_eq!(found("R-ROUTE", &reply(answers, outsider)), refused);
    }

    #[test]
    fn what_goes_to_a_third_agency_is_found_by_the_rule_of_its_kinds_route() {
        let by = |kind: &str| {
            let found = outside(kind.parse().unwrap(), 1);
            assert_eq!((found.pointer.as_str(), found.code), ("/to/1", "RECIPIENT_NOT_PARTY"));
            assert!(found.rejects());
            (found.rule, found.source)
        };
        assert_eq!(by("UNTOC.18.3.F.DOCS"), ("R-ROUTE-CA", "UNTOC 18(13)"));
        assert_eq!(by("SOM.8.2.VESSEL"), ("R-ROUTE-FLAG", "Protocol 8(6)"));
        assert_eq!(by("SOM.18.3.NATIONALITY"), ("R-ROUTE", "policy (catalogue of kinds)"));
    }

    #[test]
    fn who_sends_may_send_the_kind() {
        let from = |desk| found("R-AUTHENTIC", &changed(BANK, |it| it.from = text(desk)));
        assert_eq!(from("bra.central-authority/mla"), [""; 0]);
        assert_eq!(from("ita.border-police/duty-desk"), ["reject /from SENDER_NOT_ENTITLED"]);
        assert_eq!(from("bra.central-authority/x"), ["reject /from UNKNOWN_CONTACT_POINT"]);
    }

    #[test]
    fn the_language_is_one_of_the_recipients_or_comes_with_a_translation() {
        let with = |language: &str, lang: &str, id: &str| {
            changed(BANK, |it| {
                let languages = it.languages.as_mut().unwrap();
                languages.request = text(language);
                languages.translations[0].lang = text(lang);
                languages.translations[0].attachment_id = text(id);
            })
        };
        let refused = ["reject /languages/request LANGUAGE_NOT_ACCEPTED"];
        assert_eq!(found("R-LANG", &with("EN-gb", "pt", "A2")), [""; 0]);
        assert_eq!(found("R-LANG", &with("pt", "ar", "A2")), [""; 0]);
        assert_eq!(found("R-LANG", &with("pt", "ar", "A9")), refused);
        assert_eq!(found("R-LANG", &with("pt", "fr", "A2")), refused);
        let mut silent = with("pt", "fr", "A2");
        silent.languages = None;
        assert_eq!(found("R-LANG", &silent), ["reject /languages/request LANGUAGE_MISSING"]);
        let immediate = changed(VESSEL, |it| {
            it.languages.as_mut().unwrap().request = text("it");
            it.languages.as_mut().unwrap().translations.clear();
        });
        let warned = ["warn /languages/request LANGUAGE_NOT_ACCEPTED"];
        assert_eq!(found("R-LANG", &immediate), warned);
    }

    #[test]
    fn without_a_network_each_rule_says_what_it_could_not_check() {
        let bank = changed(BANK, |_| ());
        assert_eq!(found_offline("R-ROUTE-CA", &bank), ["note /to NETWORK_NOT_KNOWN"]);
        assert_eq!(found_offline("R-AUTHENTIC", &bank), ["note /from NETWORK_NOT_KNOWN"]);
        let language = ["note /languages/request NETWORK_NOT_KNOWN"];
        assert_eq!(found_offline("R-LANG", &bank), language);
    }
}
