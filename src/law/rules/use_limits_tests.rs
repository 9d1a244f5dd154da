//! Labels and originator control, each rule at its border.

use super::*;
use crate::law::Thread;
use crate::law::samples::{BANK, DEPARTURE, changed, found, found_in, text};

const ID: &str = "019cadb0-31dc-77d7-8565-f70001ab37ff";

fn labelled(change: impl FnOnce(&mut pb::Handling)) -> Vec<String> {
    found("R-HANDLING", &changed(DEPARTURE, |it| change(it.handling.as_mut().unwrap())))
}

#[test]
fn a_label_uses_the_words_of_its_schemes() {
    assert_eq!(labelled(|_| ()), [""; 0]);
    let at = |field: &str, code: &str| vec![format!("reject /handling/{field} {code}")];
    assert_eq!(labelled(|it| it.tlp = None), at("tlp", "TLP_MISSING"));
    assert_eq!(labelled(|it| it.tlp = text("TLP:WHITE")), at("tlp", "TLP_UNKNOWN"));
    let codes = |codes: &'static str| labelled(|it| it.handling_code = text(codes));
    assert_eq!(codes("H0+H1+H2"), [""; 0]);
    for bad in ["H4", "H1 + H2", "H1+", ""] {
        assert_eq!(codes(bad), at("handling_code", "HANDLING_CODE_UNKNOWN"), "{bad}");
    }
    assert_eq!(codes("H1+H3"), at("other_restrictions", "H3_WITHOUT_TEXT"));
    let with_text = labelled(|it| {
        it.handling_code = text("H3");
        it.other_restrictions = text("for the duty officer");
    });
    assert_eq!(with_text, [""; 0]);
    let classified = |word: &'static str| labelled(|it| it.classification = text(word));
    assert_eq!(classified("R-UE/EU-R"), [""; 0]);
    assert_eq!(classified("secret"), at("classification", "CLASSIFICATION_UNKNOWN"));
    let onward = labelled(|it| it.onward_sharing = text("maybe"));
    assert_eq!(onward, at("onward_sharing", "ONWARD_UNKNOWN"));
    let onward = labelled(|it| it.onward_sharing = None);
    assert_eq!(onward, ["note /handling/onward_sharing ONWARD_SHARING_DEFAULT"]);
    let originator = labelled(|it| it.originator = text("Tunisia"));
    assert_eq!(originator, at("originator", "ORIGINATOR_UNKNOWN"));
}

#[test]
fn what_opens_a_course_is_labelled_and_states_its_restrictions() {
    let bare = changed(BANK, |it| it.handling = None);
    assert_eq!(found("R-HANDLING", &bare), ["reject /handling HANDLING_MISSING"]);
    let reply = changed(BANK, |it| {
        it.handling = None;
        it.message_type = text("ack_receipt");
    });
    assert_eq!(found("R-HANDLING", &reply), [""; 0]);
    let silent = changed(DEPARTURE, |it| it.art_18_5.as_mut().unwrap().restrictions = None);
    let refused = ["reject /art_18_5/restrictions RESTRICTIONS_NOT_EXPLICIT"];
    assert_eq!(found("R-HANDLING", &silent), refused);
    let none = changed(DEPARTURE, |it| it.art_18_5.as_mut().unwrap().restrictions = text(""));
    assert_eq!(found("R-HANDLING", &none), [""; 0]);
}

#[test]
fn the_message_is_as_strict_as_each_of_its_parts() {
    let part = |tlp: &'static str| {
        let draft = changed(DEPARTURE, |it| {
            let mut label = it.handling.clone().unwrap();
            label.tlp = text(tlp);
            it.attachments[0].handling = Some(label.clone());
            it.result = Some(pb::ExecutionResult {
                items: vec![pb::ResultItem { handling: Some(label), ..pb::ResultItem::default() }],
                ..pb::ExecutionResult::default()
            });
        });
        found("R-HANDLING", &draft)
    };
    assert_eq!(part("TLP:AMBER"), [""; 0]);
    assert_eq!(part("TLP:AMBER+STRICT"), [""; 0]);
    assert_eq!(
        part("TLP:RED"),
        [
            "reject /attachments/0/handling MESSAGE_LABEL_WEAKER",
            "reject /result/items/0/handling MESSAGE_LABEL_WEAKER",
        ]
    );
    assert_eq!(
        part("RED"),
        [
            "reject /attachments/0/handling/tlp TLP_UNKNOWN",
            "reject /result/items/0/handling/tlp TLP_UNKNOWN",
        ]
    );
}

#[test]
fn letters_of_an_evaluation_are_those_of_their_scheme() {
    let with = |scheme: Option<&str>, source: &str, information: &str| {
        let draft = changed(DEPARTURE, |it| {
            it.evaluation = Some(pb::Evaluation {
                scheme: scheme.map(str::to_owned),
                source: text(source),
                information: text(information),
                assessed_at: None,
            });
        });
        found("R-HANDLING", &draft)
    };
    assert_eq!(with(Some("europol_4x4"), "X", "4"), [""; 0]);
    let source = ["reject /evaluation/source EVALUATION_CODE_UNKNOWN"];
    assert_eq!(with(Some("europol_4x4"), "D", "4"), source);
    let information = ["reject /evaluation/information EVALUATION_CODE_UNKNOWN"];
    assert_eq!(with(Some("europol_4x4"), "A", "5"), information);
    assert_eq!(with(Some("uk_5x5x5"), "D", "5"), [""; 0]);
    assert_eq!(with(Some("uk_3x5x2"), "3", "E"), [""; 0]);
    assert_eq!(with(Some("admiralty"), "F", "6"), [""; 0]);
    let unknown = ["reject /evaluation/scheme EVALUATION_SCHEME_UNKNOWN"];
    assert_eq!(with(Some("4x4"), "A", "1"), unknown);
    let without = ["reject /evaluation/scheme EVALUATION_WITHOUT_SCHEME"];
    assert_eq!(with(None, "A", "1"), without);
}

/// Italy passes information of Tunisia on to Malta.
fn relay(change: impl FnOnce(&mut pb::Draft)) -> pb::Draft {
    changed(DEPARTURE, |it| {
        it.from = text("ita.border-police/duty-desk");
        it.to = vec!["mlt.police/contact-point".to_owned()];
        it.relay_of = text(ID);
        change(it);
    })
}

fn relayed(draft: &pb::Draft, consented: &[&str], onward: Onward) -> Vec<String> {
    let stated = changed(DEPARTURE, |_| ()).handling.unwrap();
    let label = Label { onward, ..label::read(&stated).unwrap() };
    let consented = consented.iter().map(|it| it.parse().unwrap()).collect();
    let relayed = Some(Relayed { label, originator: label.originator, consented });
    found_in(USE_ORIGINATOR, draft, Thread { relayed, ..Thread::default() })
}

#[test]
fn a_further_state_needs_the_originators_consent() {
    let broken = ["reject /handling/onward_sharing ORIGINATOR_RESTRICTION_BROKEN"];
    let same = relay(|_| ());
    for onward in [Onward::OriginatorConsent, Onward::Forbidden] {
        let kept = relay(|it| {
            it.handling.as_mut().unwrap().onward_sharing = text(onward.as_str());
        });
        assert_eq!(relayed(&kept, &["MLT"], onward), [""; 0]);
        assert_eq!(relayed(&kept, &["GRC"], onward), broken);
        assert_eq!(relayed(&kept, &[], onward), broken);
    }
    assert_eq!(relayed(&same, &[], Onward::Free), [""; 0]);
    let back = relay(|it| it.to = vec!["tun.national-guard/coastal-crime".to_owned()]);
    assert_eq!(relayed(&back, &[], Onward::OriginatorConsent), [""; 0]);
}

#[test]
fn what_is_passed_on_keeps_its_label_unless_the_originator_sends() {
    let weaker = relay(|it| it.handling.as_mut().unwrap().tlp = text("TLP:GREEN"));
    let broken = ["reject /handling/tlp ORIGINATOR_RESTRICTION_BROKEN"];
    assert_eq!(relayed(&weaker, &["MLT"], Onward::OriginatorConsent), broken);
    // One finding tells all: the wider label and the State without consent.
    let broken = ["reject /handling/onward_sharing ORIGINATOR_RESTRICTION_BROKEN"];
    assert_eq!(relayed(&weaker, &[], Onward::OriginatorConsent), broken);
    let own = relay(|it| {
        it.handling.as_mut().unwrap().tlp = text("TLP:GREEN");
        it.from = text("tun.national-guard/coastal-crime");
    });
    assert_eq!(relayed(&own, &[], Onward::OriginatorConsent), [""; 0]);
}

#[test]
fn a_file_that_contradicts_itself_is_refused_without_the_rest_of_the_request() {
    let broken = ["reject /handling/onward_sharing ORIGINATOR_RESTRICTION_BROKEN"];
    let not_known = ["warn /handling/onward_sharing ORIGINATOR_NOT_KNOWN"];
    assert_eq!(found(USE_ORIGINATOR, &relay(|_| ())), broken);
    let free = |it: &mut pb::Draft| {
        let handling = it.handling.as_mut().unwrap();
        handling.onward_sharing = text("free");
        handling.confidentiality_requested = None;
    };
    assert_eq!(found(USE_ORIGINATOR, &relay(free)), broken);
    let unrestricted = relay(|it| {
        free(it);
        it.art_18_5 = None;
    });
    assert_eq!(found(USE_ORIGINATOR, &unrestricted), not_known);
    let consented = relay(|it| it.consent_message_id = text(ID));
    assert_eq!(found(USE_ORIGINATOR, &consented), not_known);
    assert_eq!(found(USE_ORIGINATOR, &changed(DEPARTURE, |_| ())), [""; 0]);
}

#[test]
fn an_answer_is_not_labelled_weaker_than_what_it_answers() {
    let parent = label::read(&changed(BANK, |_| ()).handling.unwrap());
    let answer = |from: &str, tlp: &str| {
        let draft = changed(BANK, |it| {
            it.message_type = text("ack_receipt");
            it.from = text(from);
            it.handling.as_mut().unwrap().tlp = text(tlp);
        });
        let parents = parent.into_iter().collect();
        found_in(USE_ORIGINATOR, &draft, Thread { parents, ..Thread::default() })
    };
    let (answers, originator) = ("are.central-authority/mla", "bra.central-authority/mla");
    assert_eq!(answer(answers, "TLP:AMBER+STRICT"), [""; 0]);
    assert_eq!(answer(answers, "TLP:RED"), [""; 0]);
    let weaker = ["reject /handling/tlp LABEL_WEAKER_THAN_PARENT"];
    assert_eq!(answer(answers, "TLP:AMBER"), weaker);
    assert_eq!(answer(originator, "TLP:AMBER"), [""; 0]);
}
