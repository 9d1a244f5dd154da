//! Form, deadline, and whether it is an exercise.

use crate::clock::Timestamp;
use crate::domain::draft::code;
use crate::domain::urgency::Urgency;
use crate::law::case::{Basis, Case, Findings, basis, said};

const ORAL: Basis = basis("R-FORM-ORAL", "UNTOC 18(14)");
const DEADLINE: Basis = basis("R-DEADLINE", "UNTOC 18(24)");
const EXERCISE: Basis = basis("R-EXERCISE", "policy");

/// R-FORM-ORAL: a request may be made by word of mouth in urgent circumstances and where the States
/// agreed, and is confirmed in writing forthwith (UNTOC 18(14)).
pub(super) fn oral(case: &Case<'_>, found: &mut Findings) {
    match case.draft.form.as_deref() {
        None | Some("electronic_written") => return,
        Some("oral_note") => {}
        Some(_) => {
            let told = "it is electronic_written or oral_note";
            return found.reject(ORAL, "/form", "FORM_UNKNOWN", told);
        }
    }
    let oral = case.draft.oral.as_ref();
    let agreed = oral.and_then(|it| it.agreed) == Some(true);
    let urgent = case.urgency() != Urgency::Routine;
    if !urgent || !agreed {
        let told = match (urgent, agreed) {
            (false, false) => "an oral request needs urgency and the agreement of both States",
            (false, true) => "an oral request needs urgency",
            (true, _) => "an oral request needs the agreement of both States",
        };
        found.reject(ORAL, "/form", "ORAL_REQUEST_NOT_ALLOWED", told);
    } else if !said(oral.and_then(|it| it.written_confirmation.as_deref())) {
        let told = "what was asked by word of mouth is confirmed in writing forthwith";
        found.warn(ORAL, "/oral/written_confirmation", "ORAL_CONFIRMATION_OWED", told);
    }
}

/// R-DEADLINE: a deadline is later than the issue of the message and says why (UNTOC 18(24)).
pub(super) fn deadline(case: &Case<'_>, found: &mut Findings) {
    let Some(stated) = &case.draft.respond_by else { return };
    if !said(stated.reason.as_deref()) {
        let told = "a deadline says why";
        found.reject(DEADLINE, "/respond_by/reason", code::DEADLINE_REASON_MISSING, told);
    }
    let Some(at) = stated.at.as_deref().and_then(Timestamp::parse) else { return };
    match case.issued_at {
        Some(issued) if at <= issued => {
            let told = "a deadline is later than the issue of the message";
            found.reject(DEADLINE, "/respond_by/at", code::DEADLINE_NOT_AFTER_ISSUE, told);
        }
        None if at <= case.standing.now => {
            let told = "the deadline has passed already";
            found.warn(DEADLINE, "/respond_by/at", "DEADLINE_PASSED", told);
        }
        Some(_) | None => {}
    }
}

/// R-EXERCISE: an exercise is marked in every message, and only there (policy).
pub(super) fn exercise(case: &Case<'_>, found: &mut Findings) {
    let marked = case.draft.exercise == Some(true);
    if case.thread().exercise.is_some_and(|it| it != marked) {
        let told = "a request is an exercise in all of its messages or in none";
        found.reject(EXERCISE, "/exercise", "EXERCISE_MIXED", told);
    } else if marked {
        let told = "this is an exercise, without effect in law";
        found.note(EXERCISE, "/exercise", "EXERCISE", told);
    }
}

#[cfg(test)]
mod tests {
    use crate::law::Thread;
    use crate::law::samples::{BANK, changed, found, found_in, text};
    use crate::wire::pb;

    fn spoken(level: &str, agreed: bool, confirmed: bool) -> Vec<String> {
        let id = "019cadb0-25e6-7c9b-86be-0fb773433c28";
        found(
            "R-FORM-ORAL",
            &changed(BANK, |it| {
                it.form = text("oral_note");
                it.urgency.as_mut().unwrap().level = text(level);
                it.oral = Some(pb::Oral {
                    agreed: Some(agreed),
                    written_confirmation: confirmed.then(|| id.to_owned()),
                });
            }),
        )
    }

    #[test]
    fn an_oral_request_is_urgent_agreed_and_confirmed() {
        assert_eq!(spoken("priority", true, true), [""; 0]);
        let owed = ["warn /oral/written_confirmation ORAL_CONFIRMATION_OWED"];
        assert_eq!(spoken("immediate", true, false), owed);
        let refused = ["reject /form ORAL_REQUEST_NOT_ALLOWED"];
        assert_eq!(spoken("routine", true, true), refused);
        assert_eq!(spoken("priority", false, true), refused);
        let unknown = changed(BANK, |it| it.form = text("letter"));
        assert_eq!(found("R-FORM-ORAL", &unknown), ["reject /form FORM_UNKNOWN"]);
    }

    #[test]
    fn a_deadline_is_later_than_the_issue_and_says_why() {
        let with = |at: &str, reason: &str| {
            found(
                "R-DEADLINE",
                &changed(BANK, |it| {
                    it.respond_by = Some(pb::RespondBy { at: text(at), reason: text(reason) });
                }),
            )
        };
        assert_eq!(with("2026-03-02T09:14:00.001Z", "hearing"), [""; 0]);
        let early = ["reject /respond_by/at DEADLINE_NOT_AFTER_ISSUE"];
        assert_eq!(with("2026-03-02T09:14:00Z", "hearing"), early);
        let silent = ["reject /respond_by/reason DEADLINE_REASON_MISSING"];
        assert_eq!(with("2026-03-03T00:00:00Z", " "), silent);
        let passed = changed(BANK, |it| it.issued_at = None);
        assert_eq!(found("R-DEADLINE", &passed), ["warn /respond_by/at DEADLINE_PASSED"]);
    }

    #[test]
    fn an_exercise_is_marked_everywhere_or_nowhere() {
        let marked = changed(BANK, |it| it.exercise = Some(true));
        let thread = |exercise| Thread { exercise: Some(exercise), ..Thread::default() };
        let noted = ["note /exercise EXERCISE"];
        assert_eq!(found("R-EXERCISE", &marked), noted);
        assert_eq!(found_in("R-EXERCISE", &marked, thread(true)), noted);
        let mixed = ["reject /exercise EXERCISE_MIXED"];
        assert_eq!(found_in("R-EXERCISE", &marked, thread(false)), mixed);
        let plain = changed(BANK, |_| ());
        assert_eq!(found_in("R-EXERCISE", &plain, thread(true)), mixed);
        assert_eq!(found_in("R-EXERCISE", &plain, thread(false)), [""; 0]);
    }
}
