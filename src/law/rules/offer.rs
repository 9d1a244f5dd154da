//! An offer of information: restrictions are accepted before anything is told.

use crate::domain::acts::Act;
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::wire::pb;

const OFFER: Basis = basis("R-OFFER", "policy (UNTOC 18(5); Budapest 26(2))");

/// R-OFFER: restrictions bind whoever receives information, without a way to opt out (UNTOC 18(5)).
/// So information may first be offered: topic, label and restrictions, and nothing else.
pub(super) fn only_topic(case: &Case<'_>, found: &mut Findings) {
    if !case.offers() {
        return;
    }
    let draft = case.draft;
    if case.act.is_some_and(|it| it != Act::SpontaneousInformation) {
        let told = "only information that nobody asked for is offered first";
        found.reject(OFFER, "/offer", "OFFER_NOT_HERE", told);
        return;
    }
    let subject = draft.matter.as_ref().and_then(|it| it.subject.as_deref());
    let topic = draft.intelligence.as_ref().and_then(|it| it.topic.as_deref());
    if !said(subject) && !said(topic) {
        let told = "an offer names its topic";
        found.reject(OFFER, "/matter/subject", "OFFER_WITHOUT_TOPIC", told);
    }
    let told = "an offer tells topic, label and restrictions, and nothing else";
    let known = told_of(draft);
    for (field, _) in known.iter().filter(|(_, tells)| *tells) {
        found.reject(OFFER, format!("/{field}"), "OFFER_TELLS_TOO_MUCH", told);
    }
    if known.iter().all(|(_, tells)| !tells) && !is_only_an_offer(draft) {
        found.reject(OFFER, "", "OFFER_TELLS_TOO_MUCH", told);
    }
}

/// The fields that an officer is most likely to have left in.
fn told_of(draft: &pb::Draft) -> [(&'static str, bool); 18] {
    [
        ("conducting_authority", draft.conducting_authority.is_some()),
        ("facts", said(draft.facts.as_deref())),
        ("offences", !draft.offences.is_empty()),
        ("assistance", draft.assistance.is_some()),
        ("questions", !draft.questions.is_empty()),
        ("nexus", said(draft.nexus.as_deref())),
        ("evaluation", draft.evaluation.is_some()),
        ("attachments", !draft.attachments.is_empty()),
        ("note", said(draft.note.as_deref())),
        ("persons", !draft.persons.is_empty()),
        ("documents", !draft.documents.is_empty()),
        ("vessel", draft.vessel.is_some()),
        ("position", draft.position.is_some()),
        ("vehicles", !draft.vehicles.is_empty()),
        ("routes", !draft.routes.is_empty()),
        ("organisations", !draft.organisations.is_empty()),
        ("accounts", !draft.accounts.is_empty()),
        ("comms", !draft.comms.is_empty()),
    ]
}

/// Is nothing left once what an offer may say is taken away? So no field that comes later slips
/// through.
fn is_only_an_offer(draft: &pb::Draft) -> bool {
    let topic = |it: &pb::Intelligence| {
        it == &pb::Intelligence { topic: it.topic.clone(), ..Default::default() }
    };
    let left = pb::Draft {
        message_id: None,
        request_id: None,
        in_reply_to: None,
        message_type: None,
        outcome: None,
        kind: None,
        issued_at: None,
        form: None,
        urgency: None,
        respond_by: None,
        legal_basis: None,
        from: None,
        official: None,
        to: Vec::new(),
        references: None,
        languages: None,
        relay_of: None,
        consent_message_id: None,
        matter: None,
        facts: None,
        nexus: None,
        note: None,
        handling: None,
        art_18_5: None,
        protect_source: None,
        exercise: None,
        offer: None,
        filler: None,
        attachment_key: None,
        intelligence: None,
        ..draft.clone()
    };
    draft.intelligence.as_ref().is_none_or(topic) && left == pb::Draft::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{DEPARTURE, changed, found, text};

    fn offer(change: impl FnOnce(&mut pb::Draft)) -> pb::Draft {
        changed(DEPARTURE, |it| {
            let full = std::mem::take(it);
            *it = pb::Draft {
                offer: Some(true),
                message_type: full.message_type,
                kind: full.kind,
                issued_at: full.issued_at,
                urgency: full.urgency,
                legal_basis: full.legal_basis,
                from: full.from,
                official: full.official,
                to: full.to,
                languages: Some(pb::Languages { request: text("fr"), translations: Vec::new() }),
                matter: full.matter,
                handling: full.handling,
                art_18_5: full.art_18_5,
                ..pb::Draft::default()
            };
            change(it);
        })
    }

    #[test]
    fn an_offer_tells_its_topic_and_nothing_else() {
        assert_eq!(found("R-OFFER", &offer(|_| ())), [""; 0]);
        let talks = offer(|it| {
            it.facts = text("a boat leaves");
            it.persons.push(pb::Person::default());
        });
        assert_eq!(
            found("R-OFFER", &talks),
            ["reject /facts OFFER_TELLS_TOO_MUCH", "reject /persons OFFER_TELLS_TOO_MUCH"]
        );
        let late = offer(|it| {
            it.voyage = Some(pb::Voyage { origin: text("TNSFA"), ..Default::default() });
        });
        assert_eq!(found("R-OFFER", &late), ["reject  OFFER_TELLS_TOO_MUCH"]);
        let mute = offer(|it| it.matter = None);
        assert_eq!(found("R-OFFER", &mute), ["reject /matter/subject OFFER_WITHOUT_TOPIC"]);
    }

    #[test]
    fn only_information_unasked_is_offered() {
        let request = offer(|it| it.message_type = text("request"));
        assert_eq!(found("R-OFFER", &request), ["reject /offer OFFER_NOT_HERE"]);
        assert_eq!(found("R-OFFER", &changed(DEPARTURE, |it| it.offer = Some(false))), [""; 0]);
    }

    #[test]
    fn an_offer_is_acceptable_as_a_whole() {
        for rule in ["R-CONTENT-C", "R-CONTENT-KIND", "R-HANDLING", "R-REGIME", "R-LANG"] {
            assert_eq!(found(rule, &offer(|_| ())), [""; 0], "{rule}");
        }
    }
}
