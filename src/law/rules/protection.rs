//! What protects the smuggled person: Protocol arts 5, 16 and 19.

use std::collections::BTreeSet;

use crate::domain::entities::country::{IcaoNationality, NationalityKind, is_state};
use crate::domain::entities::role::PersonRole;
use crate::law::case::{Basis, Case, Findings, basis, plain, said};
use crate::law::parties::PROTOCOL;
use crate::law::rules::person::is_accused;
use crate::wire::pb;

const ART5: Basis = basis("R-PROT-ART5", "Protocol 5");
const ASYLUM: Basis = basis("R-PROT-ASYLUM", "Protocol 19(1)");
const INFORMED: Basis = basis("R-PROT-CONSULAR", "Protocol 16(5)");
const ASKED: Basis = basis("R-PROT-CONSULAR", "VCCR 36(1)(b)");

const CONSULAR: &str = "SOM.16.5.CONSULAR";
/// Words for having been the object of the conduct of Protocol 6.
const OBJECT: [&str; 3] = ["was_smuggled", "being_smuggled", "object_of_smuggling"];

/// Is it a charge apart from having been smuggled (Protocol 6(4))?
fn is_another_charge(offence: &pb::Offence) -> bool {
    match offence.conduct.as_deref() {
        Some(conduct) => !OBJECT.contains(&conduct),
        None => {
            let domestic = said(offence.domestic_law.as_deref());
            domestic || offence.instrument.as_deref() != Some(PROTOCOL)
        }
    }
}

/// R-PROT-ART5: nobody is carried as suspect, accused or convicted for the sole fact of having been
/// smuggled (Protocol 5); another charge against the person is stated as an offence of its own.
pub(super) fn not_criminalised(case: &Case<'_>, found: &mut Findings) {
    let offences = &case.draft.offences;
    // Each list is gone through once, however many persons and offences there are.
    let others = offences.iter().filter(|it| is_another_charge(it));
    let charged: BTreeSet<&str> = others.filter_map(|it| it.person.as_deref()).collect();
    let mut told_of = BTreeSet::new();
    for (at, person) in case.draft.persons.iter().enumerate() {
        let smuggled = person.art5_protected == Some(true)
            || person.roles.iter().any(|it| it == PersonRole::SmuggledMigrant.as_str());
        let id = person.id.as_deref().filter(|it| !it.is_empty());
        let charged = id.is_some_and(|it| charged.contains(it));
        if is_accused(person) && smuggled && !charged {
            let told = "a smuggled person is not suspect or accused for that fact alone; another \
                        charge is stated as an offence against that person";
            found.reject(ART5, format!("/persons/{at}/roles"), "ART5_CRIMINALISATION", told);
            told_of.extend(id);
        }
    }
    for (at, offence) in offences.iter().enumerate() {
        let object = offence.conduct.as_deref().is_some_and(|it| OBJECT.contains(&it));
        let told = offence.person.as_deref().is_some_and(|it| told_of.contains(it));
        if object && !told {
            let told = "having been smuggled is no offence under the Protocol";
            found.reject(ART5, format!("/offences/{at}/conduct"), "ART5_CRIMINALISATION", told);
        }
    }
}

/// R-PROT-ASYLUM: nothing of an asylum claim goes to the State of origin (Protocol 19(1): refugee law
/// and non-refoulement are untouched). That the person was asked and has no claim may be said.
pub(super) fn asylum(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let goes_home = origins(draft).any(|it| case.goes_to(it));
    if let Some(asylum) = &draft.asylum {
        let claim = asylum.claim_made == Some(true);
        let status = asylum.status.as_deref().is_some_and(|it| it != "no_claim");
        let content = said(asylum.disclosed_content.as_deref());
        let told_of = [("claim_made", claim), ("status", status), ("disclosed_content", content)];
        for (field, _) in told_of.into_iter().filter(|(_, tells)| *tells) {
            let pointer = format!("/asylum/{field}");
            if goes_home {
                let told = "nothing of an asylum claim goes to the State of origin";
                found.reject(ASYLUM, pointer, "ASYLUM_DISCLOSED", told);
            } else if origins(draft).next().is_none() {
                let told = "the State of origin is not stated, so whether the claim is told to it \
                            could not be checked";
                found.warn(ASYLUM, pointer, "ASYLUM_ORIGIN_UNKNOWN", told);
            }
        }
    }
    for (at, person) in draft.persons.iter().enumerate() {
        for (place, nationality) in person.nationalities.iter().enumerate() {
            let code = nationality.code.as_deref().and_then(|it| it.parse().ok());
            let refugee = |it: IcaoNationality| it.kind() == NationalityKind::Refugee;
            if code.is_some_and(refugee) && goes_home {
                let told = "the code of a refugee does not go to the State of origin";
                let pointer = format!("/persons/{at}/nationalities/{place}/code");
                found.reject(ASYLUM, pointer, "ASYLUM_DISCLOSED", told);
            }
        }
    }
}

/// The States from which the persons may have fled: nationalities, birth, documents, claims.
fn origins(draft: &pb::Draft) -> impl Iterator<Item = &str> {
    let nationalities = draft.persons.iter().flat_map(|it| &it.nationalities);
    let nationalities = nationalities.filter_map(|it| it.code.as_deref());
    let births = draft.persons.iter().filter_map(|it| it.birth.as_ref()?.country.as_deref());
    let documents = draft.documents.iter().filter_map(|it| it.issuing_state.as_deref());
    let claimed = draft.claimed_status.iter().filter_map(|it| it.state.as_deref());
    let all = nationalities.chain(births).chain(documents).chain(claimed);
    all.filter(|it| is_state(plain(it)))
}

/// R-PROT-CONSULAR: a consular post is told of a detained person only if the person was informed
/// (Protocol 16(5)) and asks for it (VCCR 36(1)(b)).
pub(super) fn consular(case: &Case<'_>, found: &mut Findings) {
    if !case.asks() || !case.is(CONSULAR) {
        return;
    }
    let notice = case.draft.consular_notice.as_ref();
    if notice.and_then(|it| it.person_was_informed) != Some(true) {
        let told = "the person is informed of the right without delay";
        let pointer = "/consular_notice/person_was_informed";
        found.reject(INFORMED, pointer, "PERSON_NOT_INFORMED", told);
    }
    if notice.and_then(|it| it.person_asked_for_notification) != Some(true) {
        let told = "the consular post is told only if the person asks";
        let pointer = "/consular_notice/person_asked_for_notification";
        found.reject(ASKED, pointer, "CONSULAR_NOT_ASKED", told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{DEPARTURE, NATIONALITY, changed, found, text};

    fn accused(offence: Option<pb::Offence>) -> Vec<String> {
        let draft = changed(NATIONALITY, |it| {
            it.persons[0].roles.push("suspect".to_owned());
            it.offences.extend(offence);
        });
        found("R-PROT-ART5", &draft)
    }

    #[test]
    fn having_been_smuggled_makes_nobody_an_accused() {
        let offence = |person: &str, conduct: Option<&str>, law: Option<&str>| {
            Some(pb::Offence {
                instrument: text(PROTOCOL),
                person: text(person),
                conduct: conduct.map(str::to_owned),
                domestic_law: law.map(str::to_owned),
                ..pb::Offence::default()
            })
        };
        let refused = ["reject /persons/0/roles ART5_CRIMINALISATION"];
        assert_eq!(accused(None), refused);
        assert_eq!(accused(offence("P1", Some("was_smuggled"), Some("an act"))), refused);
        assert_eq!(accused(offence("P2", Some("steered_the_boat"), None)), refused);
        assert_eq!(accused(offence("P1", None, None)), refused);
        assert_eq!(accused(offence("P1", Some("steered_the_boat"), None)), [""; 0]);
        assert_eq!(accused(offence("P1", None, Some("an act"))), [""; 0]);
        // A suspect who was not smuggled is none of this rule's business.
        assert_eq!(found("R-PROT-ART5", &changed(DEPARTURE, |_| ())), [""; 0]);
    }

    #[test]
    fn having_been_smuggled_is_no_offence() {
        let draft = changed(NATIONALITY, |it| {
            it.offences = vec![pb::Offence {
                conduct: text("was_smuggled"),
                person: text("P1"),
                ..pb::Offence::default()
            }];
        });
        let refused = ["reject /offences/0/conduct ART5_CRIMINALISATION"];
        assert_eq!(found("R-PROT-ART5", &draft), refused);
    }

    fn claim(change: fn(&mut pb::Asylum), home: bool) -> Vec<String> {
        let draft = changed(NATIONALITY, |it| {
            change(it.asylum.as_mut().unwrap());
            if !home {
                it.to = vec!["ita.border-police/duty-desk".to_owned()];
            }
        });
        found("R-PROT-ASYLUM", &draft)
    }

    #[test]
    fn an_asylum_claim_is_not_told_to_the_state_of_origin() {
        assert_eq!(claim(|_| (), true), [""; 0]);
        let refused = |field: &str| vec![format!("reject /asylum/{field} ASYLUM_DISCLOSED")];
        assert_eq!(claim(|it| it.claim_made = Some(true), true), refused("claim_made"));
        assert_eq!(claim(|it| it.status = text("decided"), true), refused("status"));
        let content: fn(&mut pb::Asylum) = |it| it.disclosed_content = text("fled");
        assert_eq!(claim(content, true), refused("disclosed_content"));
        assert_eq!(claim(content, false), [""; 0]);
        let unknown = changed(NATIONALITY, |it| {
            it.asylum.as_mut().unwrap().claim_made = Some(true);
            it.persons.clear();
            it.claimed_status = None;
        });
        let warned = ["warn /asylum/claim_made ASYLUM_ORIGIN_UNKNOWN"];
        assert_eq!(found("R-PROT-ASYLUM", &unknown), warned);
    }

    #[test]
    fn a_stateless_person_may_be_named_to_the_state_claimed_and_a_refugee_not() {
        let with = |code: &str| {
            let draft = changed(NATIONALITY, |it| it.persons[0].nationalities[0].code = text(code));
            found("R-PROT-ASYLUM", &draft)
        };
        assert_eq!(with("XXA"), [""; 0]);
        let refused = ["reject /persons/0/nationalities/0/code ASYLUM_DISCLOSED"];
        assert_eq!(with("XXB"), refused);
    }

    #[test]
    fn a_consular_post_is_told_if_the_person_asks() {
        let with = |informed, asks| {
            let draft = changed(NATIONALITY, |it| {
                it.kind = text(CONSULAR);
                it.consular_notice = Some(pb::ConsularNotice {
                    person_was_informed: informed,
                    person_asked_for_notification: asks,
                    ..pb::ConsularNotice::default()
                });
            });
            found("R-PROT-CONSULAR", &draft)
        };
        assert_eq!(with(Some(true), Some(true)), [""; 0]);
        let place = "/consular_notice/person_asked_for_notification";
        let refused = [format!("reject {place} CONSULAR_NOT_ASKED")];
        assert_eq!(with(Some(true), Some(false)), refused);
        assert_eq!(with(Some(true), None), refused);
        let informed = ["reject /consular_notice/person_was_informed PERSON_NOT_INFORMED"];
        assert_eq!(with(Some(false), Some(true)), informed);
    }
}
