//! What every request for assistance says: UNTOC 18(15)(a) to (f).

use crate::domain::kinds::{KindCode, Profile};
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::wire::pb;

const A: Basis = basis("R-CONTENT-A", "UNTOC 18(15)(a)");
const B: Basis = basis("R-CONTENT-B", "UNTOC 18(15)(b)");
const C: Basis = basis("R-CONTENT-C", "UNTOC 18(15)(c)");
const D: Basis = basis("R-CONTENT-D", "UNTOC 18(15)(d)");
const E: Basis = basis("R-CONTENT-E", "UNTOC 18(15)(e)");
const F: Basis = basis("R-CONTENT-F", "UNTOC 18(15)(f)");

/// The kind that needs no facts (UNTOC 18(15)(c)).
const SERVICE: &str = "UNTOC.18.3.B.SERVICE";

/// Do 18(15)(a) to (f) bind a request of this kind? Of the kinds that are assistance in the wide
/// sense, all but provisional arrest, which the request follows, and the proposal of art. 17.
pub(in crate::law) fn has_base(kind: KindCode) -> bool {
    match kind.as_str() {
        "UNTOC.16.9.PROVISIONAL_ARREST" | "UNTOC.17.TRANSFER_SENTENCED" => false,
        "UNTOC.21.TRANSFER_PROCEEDINGS" => true,
        _ => matches!(kind.profile, Profile::Mla | Profile::Ext),
    }
}

/// R-CONTENT-A to R-CONTENT-F: who asks (a), the proceeding and who conducts it (b), the facts (c),
/// what is sought (d), where possible the person concerned (e), and the purpose (f).
pub(super) fn base(case: &Case<'_>, found: &mut Findings) {
    let Some(kind) = case.kind.filter(|it| case.asks() && has_base(*it)) else { return };
    let draft = case.draft;
    let mut need = |basis, present: bool, pointer, code, told| {
        if !present {
            found.reject(basis, pointer, code, told);
        }
    };
    let official = draft.official.as_ref();
    let acts = official.is_some_and(|it| said(it.name.as_deref()) || said(it.function.as_deref()));
    let told = "it says who acts for the requesting authority, by name or desk";
    need(A, acts, "/official", "MISSING_AUTHORITY", told);
    let matter = draft.matter.as_ref();
    let subject = matter.and_then(|it| it.subject.as_deref());
    let told = "it says what the proceeding is about";
    need(B, said(subject), "/matter/subject", "MISSING_SUBJECT", told);
    let nature = matter.and_then(|it| it.nature.as_deref());
    let told = "it says what kind of proceeding it is";
    need(B, said(nature), "/matter/nature", "MISSING_NATURE", told);
    let conducting = draft.conducting_authority.as_ref();
    let name = conducting.and_then(|it| it.name.as_deref());
    let told = "it names the authority that conducts the proceeding";
    need(B, said(name), "/conducting_authority/name", "MISSING_CONDUCTING_AUTHORITY", told);
    let functions = conducting.and_then(|it| it.functions.as_deref());
    let told = "it states the functions of the authority that conducts the proceeding";
    need(B, said(functions), "/conducting_authority/functions", "MISSING_FUNCTIONS", told);
    let facts = said(draft.facts.as_deref()) || kind.as_str() == SERVICE;
    let told = "it summarises the relevant facts; only service of documents needs none";
    need(C, facts, "/facts", "MISSING_FACTS", told);
    let sought = draft.assistance.as_ref().and_then(|it| it.description.as_deref());
    let told = "it describes the assistance sought";
    need(D, said(sought), "/assistance/description", "MISSING_ASSISTANCE", told);
    let told = "it states the purpose for which it is sought";
    need(F, said(draft.purpose.as_deref()), "/purpose", "MISSING_PURPOSE", told);
    person_concerned(draft, found);
}

/// (e) asks for what is possible, so nothing that lacks here stops a request.
fn person_concerned(draft: &pb::Draft, found: &mut Findings) {
    if draft.persons.is_empty() && draft.organisations.is_empty() {
        let told = "where possible, it names the person concerned";
        found.note(E, "/persons", "PERSON_NOT_NAMED", told);
    }
    for (at, person) in draft.persons.iter().enumerate() {
        if !person.names.iter().any(|it| said(it.full.as_deref())) {
            let told = "where possible, it states the identity of the person concerned";
            found.note(E, format!("/persons/{at}/names"), "IDENTITY_NOT_STATED", told);
        }
        let location = person.location.as_ref();
        if !location.is_some_and(|it| said(it.country.as_deref()) || said(it.note.as_deref())) {
            let told = "where possible, it says where the person concerned is";
            found.note(E, format!("/persons/{at}/location"), "LOCATION_NOT_STATED", told);
        }
        if !person.nationalities.iter().any(|it| said(it.code.as_deref())) {
            let told = "where possible, it states the nationality of the person concerned";
            found.note(E, format!("/persons/{at}/nationalities"), "NATIONALITY_NOT_STATED", told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{BANK, HEARING, VESSEL, changed, found, text};

    const PUBLISHED: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/domain/kinds.json"));

    #[test]
    fn the_kinds_bound_by_18_15_are_the_published_ones() {
        let published: serde_json::Value = serde_json::from_str(PUBLISHED).unwrap();
        for row in published["kinds"].as_array().unwrap() {
            let kind: KindCode = row["code"].as_str().unwrap().parse().unwrap();
            let first = row["mandatory"][0].as_str().unwrap();
            assert_eq!(has_base(kind), first.starts_with("BASE"), "{kind}");
            assert_eq!(kind.as_str() == SERVICE, first == "BASE without (c)", "{kind}");
        }
    }

    #[test]
    fn each_letter_is_missed_where_it_lacks() {
        for letter in ["A", "B", "C", "D", "E", "F"] {
            for example in [BANK, HEARING] {
                let rule = format!("R-CONTENT-{letter}");
                assert_eq!(found(&rule, &changed(example, |_| ())), [""; 0]);
            }
        }
        let missed = |rule, change: fn(&mut pb::Draft)| found(rule, &changed(BANK, change));
        let a = missed("R-CONTENT-A", |it| it.official.as_mut().unwrap().name = None);
        assert_eq!(a, [""; 0]);
        let a = missed("R-CONTENT-A", |it| it.official = None);
        assert_eq!(a, ["reject /official MISSING_AUTHORITY"]);
        let b = missed("R-CONTENT-B", |it| it.matter.as_mut().unwrap().nature = text(" "));
        assert_eq!(b, ["reject /matter/nature MISSING_NATURE"]);
        let b = missed("R-CONTENT-B", |it| {
            it.matter.as_mut().unwrap().subject = None;
            it.conducting_authority = None;
        });
        assert_eq!(
            b,
            [
                "reject /conducting_authority/functions MISSING_FUNCTIONS",
                "reject /conducting_authority/name MISSING_CONDUCTING_AUTHORITY",
                "reject /matter/subject MISSING_SUBJECT",
            ]
        );
        let c = missed("R-CONTENT-C", |it| it.facts = text("\n "));
        assert_eq!(c, ["reject /facts MISSING_FACTS"]);
        let d = missed("R-CONTENT-D", |it| it.assistance = None);
        assert_eq!(d, ["reject /assistance/description MISSING_ASSISTANCE"]);
        let f = missed("R-CONTENT-F", |it| it.purpose = None);
        assert_eq!(f, ["reject /purpose MISSING_PURPOSE"]);
    }

    #[test]
    fn service_of_documents_needs_no_facts_and_an_answer_needs_nothing() {
        let served = changed(BANK, |it| {
            it.facts = None;
            it.kind = text(SERVICE);
        });
        assert_eq!(found("R-CONTENT-C", &served), [""; 0]);
        let answer = changed(BANK, |it| {
            it.facts = None;
            it.message_type = text("ack_receipt");
        });
        assert_eq!(found("R-CONTENT-C", &answer), [""; 0]);
        let vessel = changed(VESSEL, |it| it.purpose = None);
        assert_eq!(found("R-CONTENT-F", &vessel), [""; 0]);
    }

    #[test]
    fn what_is_not_known_of_a_person_is_noted_only() {
        let none = changed(BANK, |it| {
            it.persons.clear();
            it.organisations.clear();
        });
        assert_eq!(found("R-CONTENT-E", &none), ["note /persons PERSON_NOT_NAMED"]);
        let little = changed(BANK, |it| {
            it.persons[0] = pb::Person { id: text("P1"), ..pb::Person::default() };
        });
        assert_eq!(
            found("R-CONTENT-E", &little),
            [
                "note /persons/0/location LOCATION_NOT_STATED",
                "note /persons/0/names IDENTITY_NOT_STATED",
                "note /persons/0/nationalities NATIONALITY_NOT_STATED",
            ]
        );
    }
}
