//! What a kind must say besides what every request says.

use crate::domain::kinds::block::BASE;
use crate::law::blocks::missing;
use crate::law::case::{Case, Findings, basis};
use crate::law::rules::content::has_base;

/// R-CONTENT-KIND, R-CONTENT-13-3: a message that opens a course says every block of its kind;
/// confiscation says what UNTOC 13(3) adds. What 18(15) asks for has rules of its own, and so has
/// much else: where one of them spoke, this one is silent.
pub(super) fn blocks(case: &Case<'_>, found: &mut Findings) {
    let (Some(kind), Some(act)) = (case.kind, case.act) else { return };
    if case.offers() {
        return;
    }
    let rule = match kind.as_str().starts_with("UNTOC.13.") {
        true => "R-CONTENT-13-3",
        false => "R-CONTENT-KIND",
    };
    let mut lacking = missing(case.draft, kind, act);
    let is_base = |name: &str| BASE.parts.iter().any(|it| it.name == name);
    lacking.retain(|it| !(has_base(kind) && is_base(it.block.name)));
    lacking.retain(|it| !found.rejects_within(it.pointer));
    for it in lacking {
        let told = format!("{kind} says {}: {}", it.block.name, it.block.says);
        found.reject(basis(rule, it.block.source), it.pointer, "BLOCK_MISSING", told);
    }
}

#[cfg(test)]
mod tests {
    use crate::law::samples::{self, BANK, DEPARTURE, HEARING, VESSEL, changed, found, text};
    use crate::wire::pb;

    #[test]
    fn the_examples_say_every_block_of_their_kind() {
        let examples = [BANK, VESSEL, samples::PASSPORT, samples::NATIONALITY, DEPARTURE, HEARING];
        for example in examples {
            assert_eq!(found("R-CONTENT-KIND", &changed(example, |_| ())), [""; 0]);
        }
    }

    #[test]
    fn a_block_that_is_missing_is_told_with_its_place() {
        let grounds = changed(VESSEL, |it| it.suspicion_grounds.clear());
        let missing = ["reject /suspicion_grounds BLOCK_MISSING"];
        assert_eq!(found("R-CONTENT-KIND", &grounds), missing);
        let answer = changed(VESSEL, |it| {
            it.suspicion_grounds.clear();
            it.message_type = text("ack_receipt");
        });
        assert_eq!(found("R-CONTENT-KIND", &answer), [""; 0]);
    }

    #[test]
    fn where_a_rule_of_its_own_spoke_the_kind_is_silent() {
        let facts = changed(BANK, |it| it.facts = None);
        assert_eq!(found("R-CONTENT-KIND", &facts), [""; 0]);
        assert_eq!(found("R-CONTENT-C", &facts).len(), 1);
        let reason = changed(HEARING, |it| {
            it.hearing.as_mut().unwrap().reason_not_in_person = None;
        });
        assert_eq!(found("R-CONTENT-KIND", &reason), [""; 0]);
    }

    #[test]
    fn confiscation_says_what_13_3_adds() {
        let with = |kind: &str, change: fn(&mut pb::Draft)| {
            let draft = changed(BANK, |it| {
                it.kind = text(kind);
                change(it);
            });
            found("R-CONTENT-13-3", &draft)
        };
        let enforce = "UNTOC.13.1.B.CONFISCATE_ENFORCE";
        assert_eq!(
            with(enforce, |_| ()),
            [
                "reject /confiscation/extent_of_execution BLOCK_MISSING",
                "reject /confiscation/order BLOCK_MISSING",
            ]
        );
        let whole: fn(&mut pb::Draft) = |it| {
            it.confiscation = Some(pb::Confiscation {
                order: text("A1"),
                extent_of_execution: text("all of it"),
                ..pb::Confiscation::default()
            });
        };
        assert_eq!(with(enforce, whole), [""; 0]);
        let freeze = with("UNTOC.13.2.FREEZE", |_| ());
        assert_eq!(freeze, ["reject /freezing/actions BLOCK_MISSING"]);
    }
}
