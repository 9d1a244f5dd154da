//! What a message asks, from whom it comes and how it is answered.

use super::{Border, border};
use crate::domain::handling::Label;
use crate::law::samples::{BANK, DEPARTURE, HEARING, NATIONALITY, PASSPORT, VESSEL, text};
use crate::law::{Relayed, Thread, label};
use crate::wire::pb;

const ID: &str = "019cadb0-31dc-77d7-8565-f70001ab37ff";

fn to(draft: &mut pb::Draft, desk: &str) {
    draft.to = vec![desk.to_owned()];
}

fn articles(draft: &mut pb::Draft, article: &str) {
    draft.legal_basis.as_mut().unwrap().instruments[0].articles = vec![article.to_owned()];
}

fn regime(draft: &mut pb::Draft, word: &str) {
    let legal_basis = draft.legal_basis.as_mut().unwrap();
    legal_basis.apply_18_9_to_29 = text(word);
    legal_basis.other_mla_treaty.as_mut().unwrap().exists = Some(false);
}

fn oral(draft: &mut pb::Draft, level: &str) {
    draft.form = text("oral_note");
    draft.urgency.as_mut().unwrap().level = text(level);
    draft.oral = Some(pb::Oral { agreed: Some(true), written_confirmation: text(ID) });
}

fn respond_by(draft: &mut pb::Draft, at: &str) {
    draft.respond_by = Some(pb::RespondBy { at: text(at), reason: text("a hearing") });
}

fn written_in(draft: &mut pb::Draft, tag: &str) {
    let languages = draft.languages.as_mut().unwrap();
    languages.request = text(tag);
    languages.translations.clear();
}

fn hearing(draft: &mut pb::Draft, capacity: &str) {
    draft.hearing.as_mut().unwrap().capacity = text(capacity);
}

fn transfer(draft: &mut pb::Draft, given: bool) {
    let consent = pb::TransferConsent {
        informed: Some(true),
        given: Some(given),
        attachment: text("A1"),
        ..pb::TransferConsent::default()
    };
    draft.kind = text("UNTOC.18.10.TRANSFER");
    draft.custody_transfer =
        Some(pb::CustodyTransfer { consent: Some(consent), ..Default::default() });
}

fn marked(draft: &mut pb::Draft, kind: &str) {
    let unit = draft.acting_unit.as_mut().unwrap();
    (unit.r#type, unit.marked_and_identifiable) = (text(kind), None);
}

fn suspected(draft: &mut pb::Draft, conduct: &str) {
    draft.persons[0].roles.push("suspect".to_owned());
    draft.offences = vec![pb::Offence {
        instrument: text("SOM-PROTOCOL"),
        person: text("P1"),
        conduct: text(conduct),
        ..pb::Offence::default()
    }];
}

fn consular(draft: &mut pb::Draft, asked: Option<bool>) {
    draft.kind = text("SOM.16.5.CONSULAR");
    draft.consular_notice = Some(pb::ConsularNotice {
        person_was_informed: Some(true),
        person_asked_for_notification: asked,
        ..pb::ConsularNotice::default()
    });
}

fn part(draft: &mut pb::Draft, tlp: &str) {
    let mut label = draft.handling.clone().unwrap();
    label.tlp = text(tlp);
    draft.attachments[0].handling = Some(label);
}

fn evaluated(draft: &mut pb::Draft, information: &str) {
    draft.evaluation = Some(pb::Evaluation {
        scheme: text("europol_4x4"),
        source: text("X"),
        information: text(information),
        assessed_at: None,
    });
}

/// Italy passes information of Tunisia on.
fn relayed(draft: &mut pb::Draft, desk: &str) {
    draft.from = text("ita.border-police/duty-desk");
    draft.relay_of = text(ID);
    to(draft, desk);
}

fn labelled(tlp: &str, originator: &str) -> Label {
    let (tlp, originator) = (text(tlp), text(originator));
    label::read(&pb::Handling { tlp, originator, ..pb::Handling::default() }).unwrap()
}

fn consented() -> Thread {
    let label = labelled("TLP:AMBER", "TUN");
    let (originator, consented) = (label.originator, vec!["MLT".parse().unwrap()]);
    Thread { relayed: Some(Relayed { label, originator, consented }), ..Thread::default() }
}

fn parent() -> Thread {
    Thread { parents: vec![labelled("TLP:AMBER+STRICT", "BRA")], ..Thread::default() }
}

fn answer(draft: &mut pb::Draft, tlp: &str) {
    draft.message_type = text("ack_receipt");
    draft.from = text("are.central-authority/mla");
    draft.handling = Some(pb::Handling { tlp: text(tlp), ..pb::Handling::default() });
}

/// An answer that says all of its label.
fn whole(draft: &mut pb::Draft, onward: &str) {
    answer(draft, "TLP:RED");
    draft.handling.as_mut().unwrap().onward_sharing = text(onward);
}

fn offer(draft: &mut pb::Draft, facts: &str) {
    let full = std::mem::take(draft);
    *draft = pb::Draft {
        offer: Some(true),
        message_type: full.message_type,
        kind: full.kind,
        matter: full.matter,
        handling: full.handling,
        art_18_5: full.art_18_5,
        facts: text(facts),
        ..pb::Draft::default()
    };
}

fn redirect(draft: &mut pb::Draft, desk: &str) {
    draft.message_type = text("redirect_notice");
    draft.redirect =
        Some(pb::Redirect { to: text(desk), reason: text("why"), ..Default::default() });
}

fn refusal(draft: &mut pb::Draft, grounds: &[&str], reasons: &str) {
    draft.message_type = text("refusal");
    draft.refusal = Some(pb::Refusal {
        grounds: grounds.iter().map(|it| (*it).to_owned()).collect(),
        reasons: text(reasons),
        ..pb::Refusal::default()
    });
}

fn confiscation(draft: &mut pb::Draft, extent: &str) {
    draft.kind = text("UNTOC.13.1.B.CONFISCATE_ENFORCE");
    draft.confiscation = Some(pb::Confiscation {
        order: text("A1"),
        extent_of_execution: text(extent),
        ..pb::Confiscation::default()
    });
}

pub(super) const BORDERS: &[Border] = &[
    border(
        "parties::party",
        BANK,
        |it| it.issued_at = text("2026-03-02T00:00:00Z"),
        |it| it.issued_at = text("2026-03-01T23:59:59Z"),
        "reject R-PARTY /legal_basis/instruments/0 NOT_A_PARTY",
    ),
    border(
        "parties::party",
        VESSEL,
        |it| articles(it, "80"),
        |it| articles(it, "8(2)"),
        "reject R-PARTY /legal_basis/instruments/0/articles/0 ARTICLE_RESERVED",
    ),
    border(
        "parties::regime",
        BANK,
        |it| regime(it, "default"),
        |it| regime(it, "instead_of_treaty"),
        "reject R-REGIME /legal_basis/apply_18_9_to_29 REGIME_CONTRADICTS_TREATY",
    ),
    border(
        "parties::regime",
        DEPARTURE,
        |_| (),
        |it| it.legal_basis.as_mut().unwrap().instruments.clear(),
        "reject R-REGIME /legal_basis/instruments LEGAL_BASIS_MISSING",
    ),
    border(
        "routing::receivers",
        BANK,
        |it| to(it, "ita.central-authority/mla"),
        |it| to(it, "ita.border-police/duty-desk"),
        "reject R-ROUTE-CA /to/0 WRONG_AUTHORITY_ROLE",
    ),
    border(
        "routing::receivers",
        VESSEL,
        |it| it.to.push("ita.border-police/duty-desk".to_owned()),
        |it| to(it, "ita.border-police/duty-desk"),
        "reject R-ROUTE-FLAG /to/0 WRONG_AUTHORITY_ROLE",
    ),
    border(
        "routing::receivers",
        PASSPORT,
        |it| to(it, "ecu.civil-registry/passport-verification"),
        |it| to(it, "ita.border-police/duty-desk"),
        "reject R-ROUTE /to/0 WRONG_AUTHORITY_ROLE",
    ),
    border(
        "routing::senders",
        BANK,
        |it| it.from = text("ita.central-authority/mla"),
        |it| it.from = text("ita.border-police/duty-desk"),
        "reject R-AUTHENTIC /from SENDER_NOT_ENTITLED",
    ),
    border(
        "routing::language",
        BANK,
        |it| written_in(it, "EN-gb"),
        |it| written_in(it, "eng"),
        "reject R-LANG /languages/request LANGUAGE_NOT_ACCEPTED",
    ),
    border(
        "form::oral",
        BANK,
        |it| oral(it, "priority"),
        |it| oral(it, "routine"),
        "reject R-FORM-ORAL /form ORAL_REQUEST_NOT_ALLOWED",
    ),
    border(
        "form::deadline",
        BANK,
        |it| respond_by(it, "2026-03-02T09:14:01Z"),
        |it| respond_by(it, "2026-03-02T09:14:00Z"),
        "reject R-DEADLINE /respond_by/at DEADLINE_NOT_AFTER_ISSUE",
    ),
    border(
        "form::exercise",
        BANK,
        |_| (),
        |it| it.exercise = Some(true),
        "reject R-EXERCISE /exercise EXERCISE_MIXED",
    )
    .knowing(|| Thread { exercise: Some(false), ..Thread::default() }),
    border(
        "content::base",
        BANK,
        |it| it.official = Some(pb::Official { function: text("judge"), ..Default::default() }),
        |it| it.official = Some(pb::Official { function: text(" "), ..Default::default() }),
        "reject R-CONTENT-A /official MISSING_AUTHORITY",
    ),
    border(
        "content::base",
        BANK,
        |it| it.matter.as_mut().unwrap().nature = text("trial"),
        |it| it.matter.as_mut().unwrap().nature = text(" "),
        "reject R-CONTENT-B /matter/nature MISSING_NATURE",
    ),
    border(
        "content::base",
        BANK,
        |it| (it.kind, it.facts) = (text("UNTOC.18.3.B.SERVICE"), None),
        |it| (it.kind, it.facts) = (text("UNTOC.18.3.A.EVIDENCE"), None),
        "reject R-CONTENT-C /facts MISSING_FACTS",
    ),
    border(
        "content::base",
        BANK,
        |it| it.assistance.as_mut().unwrap().description = text("records"),
        |it| it.assistance.as_mut().unwrap().description = text("\n"),
        "reject R-CONTENT-D /assistance/description MISSING_ASSISTANCE",
    ),
    border(
        "content::base",
        BANK,
        |it| it.persons.clear(),
        |it| (it.persons, it.organisations) = (Vec::new(), Vec::new()),
        "note R-CONTENT-E /persons PERSON_NOT_NAMED",
    ),
    border(
        "content::base",
        BANK,
        |it| it.purpose = text("trial"),
        |it| it.purpose = text(""),
        "reject R-CONTENT-F /purpose MISSING_PURPOSE",
    ),
    border(
        "scope::offences",
        BANK,
        |it| it.offences[0].max_penalty_years = Some(4),
        |it| it.offences[0].max_penalty_years = Some(3),
        "reject R-SCOPE /offences/0/max_penalty_years NOT_SERIOUS_CRIME",
    ),
    border(
        "scope::offences",
        HEARING,
        |it| it.offences[0].article = text("6"),
        |it| it.offences[0].article = text("61"),
        "reject R-SCOPE /offences OFFENCE_OUT_OF_SCOPE",
    ),
    border(
        "person::video_reason",
        HEARING,
        |it| hearing(it, "expert"),
        |it| hearing(it, "accused"),
        "reject R-VIDEO-REASON /hearing/capacity CAPACITY_NOT_COVERED",
    ),
    border(
        "person::transfer_consent",
        HEARING,
        |it| transfer(it, true),
        |it| transfer(it, false),
        "reject R-TRANSFER-CONSENT /custody_transfer/consent/given CONSENT_MISSING",
    ),
    border(
        "sea::order",
        VESSEL,
        |it| it.requests[1].conditional_on = Some(1),
        |it| it.requests[1].conditional_on = Some(2),
        "reject R-SEA-ORDER /requests/1/conditional_on AUTHORISATION_NOT_CONDITIONAL",
    ),
    border(
        "sea::unit",
        VESSEL,
        |it| marked(it, "warship"),
        |it| marked(it, "government_ship"),
        "reject R-SEA-UNIT /acting_unit/marked_and_identifiable UNIT_NOT_MARKED",
    ),
    border(
        "sea::target",
        VESSEL,
        |it| it.vessel.as_mut().unwrap().r#type = text("general_cargo"),
        |it| it.vessel.as_mut().unwrap().r#type = text("warship"),
        "reject R-SEA-TARGET /vessel/type TARGET_IS_STATE_VESSEL",
    ),
    border(
        "document::issuer",
        PASSPORT,
        |it| it.documents[0].issuing_state = text("ECU"),
        |it| it.documents[0].issuing_state = text("PER"),
        "reject R-DOC-ISSUER /documents/0/issuing_state RECIPIENT_NOT_ISSUER",
    ),
    border(
        "document::link",
        PASSPORT,
        |it| it.suspicion.as_mut().unwrap().art6_link = text("6(3)(b)"),
        |it| it.suspicion.as_mut().unwrap().art6_link = text("6(4)"),
        "reject R-DOC-LINK /suspicion/art6_link SUSPICION_LINK_MISSING",
    ),
    border(
        "document::claimed_state",
        NATIONALITY,
        |it| it.claimed_status.as_mut().unwrap().state = text("ETH"),
        |it| it.claimed_status.as_mut().unwrap().state = text("ERI"),
        "reject R-RET-STATE /claimed_status/state RECIPIENT_NOT_CLAIMED_STATE",
    ),
    border(
        "protection::not_criminalised",
        NATIONALITY,
        |it| suspected(it, "steered_the_boat"),
        |it| suspected(it, "was_smuggled"),
        "reject R-PROT-ART5 /persons/0/roles ART5_CRIMINALISATION",
    ),
    border(
        "protection::asylum",
        NATIONALITY,
        |it| it.persons[0].nationalities[0].code = text("XXA"),
        |it| it.persons[0].nationalities[0].code = text("XXB"),
        "reject R-PROT-ASYLUM /persons/0/nationalities/0/code ASYLUM_DISCLOSED",
    ),
    border(
        "protection::consular",
        NATIONALITY,
        |it| consular(it, Some(true)),
        |it| consular(it, None),
        "reject R-PROT-CONSULAR /consular_notice/person_asked_for_notification CONSULAR_NOT_ASKED",
    ),
    border(
        "use_limits::handling",
        DEPARTURE,
        |it| it.handling.as_mut().unwrap().handling_code = text("H0+H1+H2"),
        |it| it.handling.as_mut().unwrap().handling_code = text("H0+H1+H1"),
        "reject R-HANDLING /handling/handling_code HANDLING_CODE_UNKNOWN",
    ),
    border(
        "use_limits::item_labels",
        DEPARTURE,
        |it| part(it, "TLP:AMBER+STRICT"),
        |it| part(it, "TLP:RED"),
        "reject R-HANDLING /attachments/0/handling MESSAGE_LABEL_WEAKER",
    ),
    border(
        "use_limits::evaluation",
        DEPARTURE,
        |it| evaluated(it, "4"),
        |it| evaluated(it, "5"),
        "reject R-HANDLING /evaluation/information EVALUATION_CODE_UNKNOWN",
    ),
    border(
        "use_limits::explicit",
        DEPARTURE,
        |it| it.art_18_5.as_mut().unwrap().restrictions = text(""),
        |it| it.art_18_5.as_mut().unwrap().restrictions = None,
        "reject R-HANDLING /art_18_5/restrictions RESTRICTIONS_NOT_EXPLICIT",
    ),
    border(
        "use_limits::originator",
        DEPARTURE,
        |it| relayed(it, "mlt.police/contact-point"),
        |it| relayed(it, "grc.police/contact-point"),
        "reject R-USE-ORIGINATOR /handling/onward_sharing ORIGINATOR_RESTRICTION_BROKEN",
    )
    .knowing(consented),
    border(
        "use_limits::parent",
        BANK,
        |it| answer(it, "TLP:AMBER+STRICT"),
        |it| answer(it, "TLP:AMBER"),
        "reject R-USE-ORIGINATOR /handling/tlp LABEL_WEAKER_THAN_PARENT",
    )
    .knowing(parent),
    border(
        "use_limits::left_out",
        BANK,
        |it| whole(it, "originator_consent"),
        |it| answer(it, "TLP:RED"),
        "note R-USE-ORIGINATOR /handling LABEL_TAKEN_OVER",
    )
    .knowing(parent),
    border(
        "offer::only_topic",
        DEPARTURE,
        |it| offer(it, " "),
        |it| offer(it, "a boat"),
        "reject R-OFFER /facts OFFER_TELLS_TOO_MUCH",
    ),
    border(
        "redirect::competent",
        VESSEL,
        |it| redirect(it, "ita.coast-guard/operations-centre"),
        |it| redirect(it, "ita.central-authority/mla"),
        "reject R-REDIRECT /redirect/to WRONG_AUTHORITY_ROLE",
    ),
    border(
        "response::reasons",
        BANK,
        |it| refusal(it, &["18.9"], "no offence here"),
        |it| refusal(it, &["18.9"], " "),
        "reject R-RESP-REASONS /refusal/reasons REFUSAL_REASONS_MISSING",
    ),
    border(
        "response::consulted",
        BANK,
        |it| refusal(it, &["18.9"], "why"),
        |it| refusal(it, &["18.9", "18.21.d"], "why"),
        "reject R-RESP-CONSULT /refusal/consultation_message_id CONSULTATION_MISSING",
    )
    .knowing(|| Thread { consulted: Some(false), ..Thread::default() }),
    border(
        "response::grounds",
        BANK,
        |it| refusal(it, &["18(21)(c)"], "why"),
        |it| refusal(it, &["16.1"], "why"),
        "reject R-RESP-GROUND /refusal/grounds/0 GROUND_NOT_IN_PROFILE",
    ),
    border(
        "response::grounds",
        BANK,
        |it| refusal(it, &["18.22", "18.9"], "why"),
        |it| refusal(it, &["18.22"], "why"),
        "reject R-RESP-FORBIDDEN-GROUND /refusal/grounds/0 FORBIDDEN_REFUSAL_GROUND",
    ),
    border(
        "kind::blocks",
        VESSEL,
        |it| it.suspicion_grounds = vec!["no lights".to_owned()],
        |it| it.suspicion_grounds = vec![" ".to_owned()],
        "reject R-CONTENT-KIND /suspicion_grounds BLOCK_MISSING",
    ),
    border(
        "kind::blocks",
        BANK,
        |it| confiscation(it, "all"),
        |it| confiscation(it, " "),
        "reject R-CONTENT-13-3 /confiscation/extent_of_execution BLOCK_MISSING",
    ),
];
