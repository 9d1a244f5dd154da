//! Refusal and postponement: grounds, reasons, and the consultation that comes before.

use crate::domain::acts::Act;
use crate::domain::grounds;
use crate::domain::kinds::Postponement;
use crate::law::case::{Basis, Case, Findings, basis, said};

const REASONS: Basis = basis("R-RESP-REASONS", "UNTOC 18(23)");
const POSTPONED: Basis = basis("R-RESP-REASONS", "policy (Budapest Convention 27(7))");
const NOT_DELIVERED: Basis = basis("R-RESP-REASONS", "policy");
const CONSULT: Basis = basis("R-RESP-CONSULT", "UNTOC 18(26)");
const GROUND: Basis = basis("R-RESP-GROUND", "policy (catalogue of kinds)");
const PUT_OFF: Basis = basis("R-RESP-GROUND", "UNTOC 18(25)");
const FORBIDDEN: &str = "R-RESP-FORBIDDEN-GROUND";

/// Grounds that are preceded by consultation (UNTOC 18(26)).
const CONSULTED: [&str; 4] = ["18.21.a", "18.21.b", "18.21.c", "18.21.d"];

/// R-RESP-REASONS: any refusal, whole or in part, gives reasons (UNTOC 18(23)). A postponement gives
/// them too, as Budapest 27(7) has it, and so does what is not available.
pub(super) fn reasons(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    if case.act == Some(Act::Refusal) {
        let reasons = draft.refusal.as_ref().and_then(|it| it.reasons.as_deref());
        if !said(reasons) {
            let told = "a refusal gives reasons; its grounds alone are none";
            found.reject(REASONS, "/refusal/reasons", "REFUSAL_REASONS_MISSING", told);
        }
    }
    if case.act == Some(Act::Postponement) {
        let reasons = draft.postponement.as_ref().and_then(|it| it.reasons.as_deref());
        if !said(reasons) {
            let told = "a postponement gives reasons";
            found.reject(POSTPONED, "/postponement/reasons", "POSTPONEMENT_REASONS_MISSING", told);
        }
    }
    for (at, item) in draft.result.iter().flat_map(|it| &it.items).enumerate() {
        let rule = match item.status.as_deref() {
            Some("refused") => REASONS,
            Some("not_available") => NOT_DELIVERED,
            _ => continue,
        };
        if !said(item.reason.as_deref()) {
            let told = "what is not delivered says why";
            let pointer = format!("/result/items/{at}/reason");
            found.reject(rule, pointer, "RESULT_REASON_MISSING", told);
        }
    }
}

/// R-RESP-CONSULT: before a refusal on a ground of 18(21) and before a postponement the requested
/// side consults (UNTOC 18(26)). Dual criminality (18(9)) is not among these grounds.
pub(super) fn consulted(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let (pointer, named) = match case.act {
        Some(Act::Refusal) => {
            let Some(refusal) = &draft.refusal else { return };
            let binds = |it: &String| {
                let ground = case.kind.and_then(|kind| kind.ground(it));
                ground.is_some_and(|it| CONSULTED.contains(&it.code))
            };
            if !refusal.grounds.iter().any(binds) {
                return;
            }
            ("/refusal/consultation_message_id", refusal.consultation_message_id.as_deref())
        }
        Some(Act::Postponement) => {
            let named = draft.postponement.as_ref();
            let named = named.and_then(|it| it.consultation_message_id.as_deref());
            ("/postponement/consultation_message_id", named)
        }
        _ => return,
    };
    match (case.thread().consulted, said(named)) {
        (Some(true), _) | (None, true) => {}
        (Some(false), _) => {
            let told = "the sides consult first, and the request holds no consultation";
            found.reject(CONSULT, pointer, "CONSULTATION_MISSING", told);
        }
        (None, false) => {
            let told = "the sides consult first; whether they did is not known here, and no \
                        consultation is named";
            found.warn(CONSULT, pointer, "CONSULTATION_NOT_KNOWN", told);
        }
    }
}

/// R-RESP-FORBIDDEN-GROUND, R-RESP-GROUND: bank secrecy is never a ground (UNTOC 18(8)), fiscal
/// matters not alone (18(22), 16(15)); any other ground is one of the kind. A kind is put off only
/// where its treaty or domestic law knows that (18(25)).
pub(super) fn grounds(case: &Case<'_>, found: &mut Findings) {
    let Some(kind) = case.kind else { return };
    if case.act == Some(Act::Postponement) && kind.postponement == Postponement::None {
        let told = format!("a request of kind {kind} is not put off");
        found.reject(PUT_OFF, "/message_type", "POSTPONEMENT_NOT_IN_PROFILE", told);
    }
    if case.act != Some(Act::Refusal) {
        return;
    }
    let stated = case.draft.refusal.as_ref().map(|it| it.grounds.as_slice()).unwrap_or_default();
    if !stated.iter().any(|it| said(Some(it))) {
        let told = "a refusal names its ground";
        return found.reject(GROUND, "/refusal/grounds", "GROUND_MISSING", told);
    }
    let lawful = stated.iter().any(|it| grounds::forbidden(it).is_none());
    for (at, ground) in stated.iter().enumerate() {
        let pointer = format!("/refusal/grounds/{at}");
        match grounds::forbidden(ground) {
            Some(forbidden) if forbidden.only_as_sole && lawful => {}
            Some(forbidden) => {
                let rule = basis(FORBIDDEN, forbidden.ground.source);
                let told = format!("{} may not be a ground", forbidden.ground.text);
                found.reject(rule, pointer, "FORBIDDEN_REFUSAL_GROUND", told);
            }
            None if kind.may_refuse_on(ground) => {}
            None => {
                let known: Vec<&str> = kind.refusal.all().map(|it| it.code).collect();
                let told = if known.is_empty() {
                    format!("a message of kind {kind} is not refused")
                } else {
                    format!("for {kind} it is one of {}", known.join(", "))
                };
                found.reject(GROUND, pointer, "GROUND_NOT_IN_PROFILE", told);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::law::Thread;
    use crate::law::samples::{BANK, DEPARTURE, changed, found, found_in, text};
    use crate::wire::pb;

    const ID: &str = "019cadb0-89fc-70f6-8aa4-921aac940a46";

    fn refused(grounds: &[&str], reasons: Option<&str>, named: bool) -> pb::Draft {
        changed(BANK, |it| {
            it.message_type = text("refusal");
            it.refusal = Some(pb::Refusal {
                grounds: grounds.iter().map(|it| (*it).to_owned()).collect(),
                reasons: reasons.map(str::to_owned),
                consultation_message_id: named.then(|| ID.to_owned()),
                parts: Vec::new(),
            });
        })
    }

    fn postponed(reasons: &str, named: bool) -> pb::Draft {
        changed(BANK, |it| {
            it.message_type = text("postponement");
            it.postponement = Some(pb::Postponement {
                reasons: text(reasons),
                consultation_message_id: named.then(|| ID.to_owned()),
                ..pb::Postponement::default()
            });
        })
    }

    #[test]
    fn a_refusal_and_a_postponement_give_reasons() {
        let missing = ["reject /refusal/reasons REFUSAL_REASONS_MISSING"];
        let with = |reasons| found("R-RESP-REASONS", &refused(&["18.9"], reasons, false));
        assert_eq!(with(Some("no offence here")), [""; 0]);
        assert_eq!(with(Some(" ")), missing);
        assert_eq!(with(None), missing);
        assert_eq!(found("R-RESP-REASONS", &postponed("a trial", true)), [""; 0]);
        let missing = ["reject /postponement/reasons POSTPONEMENT_REASONS_MISSING"];
        assert_eq!(found("R-RESP-REASONS", &postponed("", true)), missing);
    }

    #[test]
    fn what_is_not_delivered_says_why() {
        let item = |status: &str, reason: Option<&str>| {
            let draft = changed(BANK, |it| {
                it.message_type = text("partial_result");
                let item = pb::ResultItem {
                    status: text(status),
                    reason: reason.map(str::to_owned),
                    ..pb::ResultItem::default()
                };
                it.result = Some(pb::ExecutionResult { items: vec![item], ..Default::default() });
            });
            found("R-RESP-REASONS", &draft)
        };
        let missing = ["reject /result/items/0/reason RESULT_REASON_MISSING"];
        assert_eq!(item("delivered", None), [""; 0]);
        assert_eq!(item("refused", Some("secret")), [""; 0]);
        assert_eq!(item("refused", None), missing);
        assert_eq!(item("not_available", None), missing);
    }

    #[test]
    fn grounds_of_18_21_and_postponement_come_after_consultation() {
        let place = "/refusal/consultation_message_id";
        let draft = refused(&["18.21.b"], Some("why"), false);
        let with = |draft: &pb::Draft, consulted| {
            found_in("R-RESP-CONSULT", draft, Thread { consulted, ..Thread::default() })
        };
        assert_eq!(with(&draft, Some(true)), [""; 0]);
        let missing = [format!("reject {place} CONSULTATION_MISSING")];
        assert_eq!(with(&draft, Some(false)), missing);
        assert_eq!(with(&draft, None), [format!("warn {place} CONSULTATION_NOT_KNOWN")]);
        let named = refused(&["18.21.b"], Some("why"), true);
        assert_eq!(with(&named, None), [""; 0]);
        assert_eq!(with(&named, Some(false)), missing);
        let dual = refused(&["18.9"], Some("why"), false);
        assert_eq!(with(&dual, Some(false)), [""; 0]);
        let place = "/postponement/consultation_message_id";
        let missing = [format!("reject {place} CONSULTATION_MISSING")];
        assert_eq!(with(&postponed("a trial", false), Some(false)), missing);
        assert_eq!(with(&postponed("a trial", true), None), [""; 0]);
    }

    #[test]
    fn bank_secrecy_is_never_a_ground_and_fiscal_matters_not_alone() {
        let rule = "R-RESP-FORBIDDEN-GROUND";
        let at =
            |place: usize| [format!("reject /refusal/grounds/{place} FORBIDDEN_REFUSAL_GROUND")];
        let with = |grounds: &[&str]| found(rule, &refused(grounds, Some("why"), true));
        assert_eq!(with(&["18.21.b", "bank_secrecy"]), at(1));
        assert_eq!(with(&["18.22"]), at(0));
        assert_eq!(with(&["18.22", "18.9"]), [""; 0]);
        assert_eq!(with(&["18.9"]), [""; 0]);
    }

    #[test]
    fn a_ground_is_one_of_the_kind() {
        let with = |grounds: &[&str]| found("R-RESP-GROUND", &refused(grounds, Some("why"), true));
        assert_eq!(with(&["18(21)(c)"]), [""; 0]);
        let unknown = ["reject /refusal/grounds/1 GROUND_NOT_IN_PROFILE"];
        assert_eq!(with(&["18.9", "16.1"]), unknown);
        assert_eq!(with(&["", " "]), ["reject /refusal/grounds GROUND_MISSING"]);
        assert_eq!(with(&["bank_secrecy"]), [""; 0]);
    }

    #[test]
    fn only_what_can_be_put_off_is_put_off() {
        assert_eq!(found("R-RESP-GROUND", &postponed("a trial", true)), [""; 0]);
        let information = changed(DEPARTURE, |it| it.message_type = text("postponement"));
        let refused = ["reject /message_type POSTPONEMENT_NOT_IN_PROFILE"];
        assert_eq!(found("R-RESP-GROUND", &information), refused);
    }
}
