//! Labels, limits on use, and whose information it is.

use std::collections::BTreeSet;

use crate::domain::acts::Act;
use crate::domain::entities::evaluation::EvaluationScheme;
use crate::domain::handling::{Classification, HandlingCode, Label, Onward, Respect, Tlp};
use crate::domain::ids::StateCode;
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::law::{Relayed, label};
use crate::wire::pb;

/// The rule of originator control.
pub(in crate::law) const USE_ORIGINATOR: &str = "R-USE-ORIGINATOR";

const HANDLING: Basis = basis("R-HANDLING", "policy (TLP 2.0, Europol handling codes)");
const DEFAULT: Basis = basis("R-HANDLING", "UNTOC 18(19)");
const ITEMS: Basis = basis("R-HANDLING", "policy (the strictest label holds)");
const EVALUATION: Basis = basis("R-HANDLING", "Europol Regulation 29");
const EXPLICIT: Basis = basis("R-HANDLING", "UNTOC 18(5); Protocol 10(2)");
const ORIGINATOR: Basis = basis(USE_ORIGINATOR, "Protocol 10(2); UNTOC 18(5)");
const PARENT: Basis = basis(USE_ORIGINATOR, "UNTOC 18(19), 18(5); Protocol 10(2)");

/// R-HANDLING: what opens a course says how it is handled, in words of the schemes; code H3 says in
/// words what it restricts.
pub(super) fn handling(case: &Case<'_>, found: &mut Findings) {
    let Some(stated) = &case.draft.handling else {
        if case.opens() && case.draft.relay_of.is_none() {
            let told = "it says how it may be seen, used and passed on";
            found.reject(HANDLING, "/handling", "HANDLING_MISSING", told);
        }
        return;
    };
    words("/handling", stated, found);
    if case.opens() && stated.onward_sharing.is_none() {
        let told = "where nothing is said of passing on, the originator's consent is needed";
        found.note(DEFAULT, "/handling/onward_sharing", "ONWARD_SHARING_DEFAULT", told);
    }
    label::each_part(case.draft, |pointer, item| words(&pointer, item, found));
}

fn words(pointer: &str, stated: &pb::Handling, found: &mut Findings) {
    let mut need = |known: bool, field: &str, code, told: &str| {
        if !known {
            found.reject(HANDLING, format!("{pointer}/{field}"), code, told);
        }
    };
    match stated.tlp.as_deref() {
        None => need(false, "tlp", "TLP_MISSING", "it has a TLP label, such as TLP:AMBER"),
        Some(word) => {
            let told = "it is a label of TLP 2.0: TLP:RED, TLP:AMBER+STRICT, TLP:AMBER, TLP:GREEN or \
                        TLP:CLEAR";
            need(word.parse::<Tlp>().is_ok(), "tlp", "TLP_UNKNOWN", told);
        }
    }
    let codes = label::codes(stated.handling_code.as_deref());
    let told = "it is one of H0, H1, H2, H3, or several joined by +, each once";
    need(codes.is_some(), "handling_code", "HANDLING_CODE_UNKNOWN", told);
    let restricts = codes.is_some_and(|it| it.has(HandlingCode::H3));
    let told = "H3 says in words what it restricts";
    let silent = restricts && !said(stated.other_restrictions.as_deref());
    need(!silent, "other_restrictions", "H3_WITHOUT_TEXT", told);
    let known = |word: Option<&str>, is: fn(&str) -> bool| word.is_none_or(is);
    let told = "it is R-UE/EU-R, C-UE/EU-C, S-UE/EU-S or TS-UE/EU-TS";
    let is: fn(&str) -> bool = |it| it.parse::<Classification>().is_ok();
    let classified = known(stated.classification.as_deref(), is);
    need(classified, "classification", "CLASSIFICATION_UNKNOWN", told);
    let told = "it is free, originator_consent or forbidden";
    let is: fn(&str) -> bool = |it| it.parse::<Onward>().is_ok();
    need(known(stated.onward_sharing.as_deref(), is), "onward_sharing", "ONWARD_UNKNOWN", told);
    let told = "it is the State whose information it is, three upper-case letters";
    let is: fn(&str) -> bool = |it| it.parse::<StateCode>().is_ok();
    need(known(stated.originator.as_deref(), is), "originator", "ORIGINATOR_UNKNOWN", told);
}

/// R-HANDLING: the message's label is at least as strict as that of each part, for whoever handles
/// the message looks at its label.
pub(super) fn item_labels(case: &Case<'_>, found: &mut Findings) {
    let own = case.draft.handling.as_ref().and_then(label::read);
    label::each_part(case.draft, |pointer, item| {
        let (Some(own), Some(item)) = (own, label::read(item)) else { return };
        if !own.weaker_than(&item).is_empty() {
            let told = "the label of the message is at least as strict as that of each part";
            found.reject(ITEMS, pointer, "MESSAGE_LABEL_WEAKER", told);
        }
    });
}

/// R-HANDLING: letters of an evaluation mean nothing without their scheme, and are letters of it.
pub(super) fn evaluation(case: &Case<'_>, found: &mut Findings) {
    let Some(stated) = &case.draft.evaluation else { return };
    let Some(scheme) = stated.scheme.as_deref() else {
        if stated.source.is_some() || stated.information.is_some() {
            let told = "letters mean nothing without their scheme";
            found.reject(EVALUATION, "/evaluation/scheme", "EVALUATION_WITHOUT_SCHEME", told);
        }
        return;
    };
    let Ok(scheme) = scheme.parse::<EvaluationScheme>() else {
        let told = "it is europol_4x4, uk_5x5x5, uk_3x5x2 or admiralty";
        return found.reject(EVALUATION, "/evaluation/scheme", "EVALUATION_SCHEME_UNKNOWN", told);
    };
    let fields = [
        ("source", &stated.source, scheme.sources()),
        ("information", &stated.information, scheme.informations()),
    ];
    for (field, code, codes) in fields {
        let known = |it: &str| it.chars().count() == 1 && codes.contains(it);
        if code.as_deref().is_some_and(|it| !known(it)) {
            let told = format!("in this scheme it is one of the signs {codes}");
            let pointer = format!("/evaluation/{field}");
            found.reject(EVALUATION, pointer, "EVALUATION_CODE_UNKNOWN", told);
        }
    }
}

/// R-HANDLING: information unasked states its restrictions, or that there are none: they bind whoever
/// receives it (UNTOC 18(5), Protocol 10(2)).
pub(super) fn explicit(case: &Case<'_>, found: &mut Findings) {
    let opens = case.act == Some(Act::SpontaneousInformation);
    let stated = case.draft.art_18_5.as_ref().is_some_and(|it| it.restrictions.is_some());
    if opens && !stated {
        let told = "it states restrictions on use, or by an empty text that there are none";
        let pointer = "/art_18_5/restrictions";
        found.reject(EXPLICIT, pointer, "RESTRICTIONS_NOT_EXPLICIT", told);
    }
}

/// R-USE-ORIGINATOR: what is passed on keeps the label of its originator, and reaches a further State
/// only with the originator's consent (UNTOC 18(5), 18(19); Protocol 10(2)).
pub(super) fn originator(case: &Case<'_>, found: &mut Findings) {
    if case.draft.relay_of.is_none() {
        return;
    }
    match &case.thread().relayed {
        Some(relayed) => passed_on(case, relayed, found),
        None => passed_on_unseen(case, found),
    }
}

fn passed_on(case: &Case<'_>, relayed: &Relayed, found: &mut Findings) {
    if relayed.originator.is_some() && relayed.originator == case.own_state() {
        return;
    }
    let label = case.draft.handling.as_ref().and_then(label::read);
    let weaker = label.map(|it| it.weaker_than(&relayed.label)).unwrap_or_default();
    let knows = |it: &StateCode| {
        relayed.consented.contains(it)
            || Some(*it) == relayed.originator
            || Some(*it) == case.own_state()
    };
    let mut barred: Vec<StateCode> = case.states.iter().copied().filter(|it| !knows(it)).collect();
    if relayed.label.onward == Onward::Free {
        barred.clear();
    }
    let pointer = match weaker.first() {
        Some(respect) if barred.is_empty() && !weaker.contains(&Respect::Onward) => place(*respect),
        Some(_) => place(Respect::Onward),
        None if barred.is_empty() => return,
        None => place(Respect::Onward),
    };
    let mut told = "what is passed on keeps its originator's restrictions".to_owned();
    for respect in weaker {
        told += &format!("; the label is weaker in {}", word(respect));
    }
    for state in barred {
        told += &format!("; the originator did not consent to {state}");
    }
    found.reject(ORIGINATOR, pointer, "ORIGINATOR_RESTRICTION_BROKEN", told);
}

/// Without the message that is passed on: what its file says of itself.
fn passed_on_unseen(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let stated = draft.handling.as_ref();
    let originator = stated.and_then(|it| it.originator.as_deref());
    let is_originator = |it: &StateCode| originator == Some(it.as_str());
    if case.own_state().is_some_and(|it| is_originator(&it)) {
        return;
    }
    let further = |it: &StateCode| !is_originator(it) && Some(*it) != case.own_state();
    if !case.states.iter().any(further) {
        return;
    }
    let onward = stated.and_then(|it| it.onward_sharing.as_deref());
    let given = draft.art_18_5.as_ref();
    let restricted = onward != Some(Onward::Free.as_str())
        || given.is_some_and(|it| said(it.restrictions.as_deref()))
        || given.is_some_and(|it| it.remain_confidential == Some(true))
        || stated.is_some_and(|it| it.confidentiality_requested == Some(true));
    let pointer = place(Respect::Onward);
    if restricted && draft.consent_message_id.is_none() {
        let told = "it passes restricted information of another State on to a further one, and names \
                    no message by which the originator consented";
        found.reject(ORIGINATOR, pointer, "ORIGINATOR_RESTRICTION_BROKEN", told);
    } else {
        let told = "what the originator restricted and consented to is not known here";
        found.warn(ORIGINATOR, pointer, "ORIGINATOR_NOT_KNOWN", told);
    }
}

/// R-USE-ORIGINATOR: an answer is not labelled weaker than what it answers, unless its sender is the
/// originator (only the originator lowers a label).
pub(super) fn parent(case: &Case<'_>, found: &mut Findings) {
    let own: Option<Label> = case.draft.handling.as_ref().and_then(label::read);
    let Some(own) = own else { return };
    let mut weaker = BTreeSet::new();
    for parent in &case.thread().parents {
        if parent.originator.is_none() || parent.originator != case.own_state() {
            weaker.extend(own.weaker_than(parent));
        }
    }
    for respect in weaker {
        let told = "it is labelled weaker than what it answers, and only the originator lowers a \
                    label";
        found.reject(PARENT, place(respect), "LABEL_WEAKER_THAN_PARENT", told);
    }
}

/// R-USE-ORIGINATOR: an answer, and what is passed on, may leave its label out: it takes over the
/// strictest of what it answers or passes on, and its author is told which.
pub(super) fn left_out(case: &Case<'_>, found: &mut Findings) {
    let (stated, taken) = (case.stated.handling.as_ref(), case.draft.handling.as_ref());
    if !label::may_take_over(case.stated) || (stated.is_some() && stated == taken) {
        return;
    }
    let mut told =
        "what its label leaves out it takes over from what it answers or passes on, the \
                    strictest of several"
            .to_owned();
    if let Some(label) = taken.and_then(label::read) {
        told += &format!(": {}", label::words(&label));
    }
    found.note(PARENT, "/handling", "LABEL_TAKEN_OVER", told);
}

/// Where a respect of a label stands.
const fn place(respect: Respect) -> &'static str {
    match respect {
        Respect::Tlp => "/handling/tlp",
        Respect::Codes => "/handling/handling_code",
        Respect::Classification => "/handling/classification",
        Respect::Onward => "/handling/onward_sharing",
    }
}

const fn word(respect: Respect) -> &'static str {
    match respect {
        Respect::Tlp => "who may see it",
        Respect::Codes => "handling codes",
        Respect::Classification => "classification",
        Respect::Onward => "passing on",
    }
}

#[cfg(test)]
#[path = "use_limits_tests.rs"]
mod tests;
