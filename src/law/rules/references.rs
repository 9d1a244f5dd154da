//! Parts of a message that name each other, and messages that it names.

use std::collections::BTreeSet;

use crate::domain::ids::{ItemId, MessageId};
use crate::domain::limits::ITEMS_MAX;
use crate::law::case::{Basis, Case, Findings, basis};
use crate::wire::pb;

const REFERENCE: Basis = basis("R-REFERENCE", "policy");

/// R-REFERENCE: within a message an id names one thing.
pub(super) fn unique(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let lists: [(&str, Vec<Option<&str>>); 7] = [
        ("persons", draft.persons.iter().map(|it| it.id.as_deref()).collect()),
        ("documents", draft.documents.iter().map(|it| it.id.as_deref()).collect()),
        ("vehicles", draft.vehicles.iter().map(|it| it.id.as_deref()).collect()),
        ("routes", draft.routes.iter().map(|it| it.id.as_deref()).collect()),
        ("organisations", draft.organisations.iter().map(|it| it.id.as_deref()).collect()),
        ("accounts", draft.accounts.iter().map(|it| it.id.as_deref()).collect()),
        ("comms", draft.comms.iter().map(|it| it.id.as_deref()).collect()),
    ];
    let mut known = BTreeSet::new();
    known.extend(draft.vessel.iter().filter_map(|it| it.id.as_deref()));
    for (name, ids) in lists {
        for (at, id) in ids.into_iter().enumerate() {
            if id.is_some_and(|it| !known.insert(it)) {
                repeated(found, format!("/{name}/{at}/id"));
            }
        }
    }
    questions_and_conditions(draft, found);
    items(draft, found);
}

fn repeated(found: &mut Findings, pointer: String) {
    let told = "another part of the message has this id";
    found.reject(REFERENCE, pointer, "ID_REPEATED", told);
}

fn questions_and_conditions(draft: &pb::Draft, found: &mut Findings) {
    let mut known = BTreeSet::new();
    let questions = draft.clarification.iter().flat_map(|it| &it.questions).enumerate();
    for (at, question) in questions {
        if question.id.as_deref().is_some_and(|it| !known.insert(it)) {
            repeated(found, format!("/clarification/questions/{at}/id"));
        }
    }
    let mut known = BTreeSet::new();
    for (at, condition) in draft.conditions.iter().flat_map(|it| &it.items).enumerate() {
        if condition.id.as_deref().is_some_and(|it| !known.insert(it)) {
            repeated(found, format!("/conditions/items/{at}/id"));
        }
    }
}

/// Items have ids of their form, and not more than a request can hold.
fn items(draft: &pb::Draft, found: &mut Findings) {
    let mut known = BTreeSet::new();
    let asked = draft.assistance.as_ref().map(|it| it.items.as_slice()).unwrap_or_default();
    let form = "an item has an id of 1 to 8 letters, digits and hyphens, such as I1";
    for (at, item) in asked.iter().enumerate() {
        let pointer = format!("/assistance/items/{at}/id");
        let id = item.id.as_deref().unwrap_or_default();
        if id.parse::<ItemId>().is_err() {
            found.reject(REFERENCE, pointer, "ITEM_MALFORMED", form);
        } else if !known.insert(id) {
            repeated(found, pointer);
        }
    }
    for (at, item) in draft.items.iter().enumerate() {
        if item.parse::<ItemId>().is_err() {
            found.reject(REFERENCE, format!("/items/{at}"), "ITEM_MALFORMED", form);
        }
    }
    for (at, result) in draft.result.iter().flat_map(|it| &it.items).enumerate() {
        if result.item.as_deref().is_some_and(|it| it.parse::<ItemId>().is_err()) {
            found.reject(REFERENCE, format!("/result/items/{at}/item"), "ITEM_MALFORMED", form);
        }
    }
    for (pointer, count) in [("/assistance/items", asked.len()), ("/items", draft.items.len())] {
        if count > ITEMS_MAX {
            let told = format!("there are at most {ITEMS_MAX}");
            found.reject(REFERENCE, pointer, "TOO_MANY_ITEMS", told);
        }
    }
}

/// R-REFERENCE: who holds an account, uses a number, is heard or charged stands in the message.
pub(super) fn resolve(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let persons: BTreeSet<&str> = draft.persons.iter().filter_map(|it| it.id.as_deref()).collect();
    let bodies = draft.organisations.iter().filter_map(|it| it.id.as_deref());
    let all: BTreeSet<&str> = persons.iter().copied().chain(bodies).collect();
    let mut one = |named: Option<&str>, among: &BTreeSet<&str>, pointer: &dyn Fn() -> String| {
        if named.is_some_and(|it| !among.contains(it)) {
            let told = "nobody in the message has this id";
            found.reject(REFERENCE, pointer(), "REFERENCE_NOT_FOUND", told);
        }
    };
    for (at, account) in draft.accounts.iter().enumerate() {
        one(account.holder.as_deref(), &all, &|| format!("/accounts/{at}/holder"));
    }
    for (at, comm) in draft.comms.iter().enumerate() {
        one(comm.user.as_deref(), &all, &|| format!("/comms/{at}/user"));
    }
    for (at, offence) in draft.offences.iter().enumerate() {
        one(offence.person.as_deref(), &all, &|| format!("/offences/{at}/person"));
    }
    let sought = draft.extradition.as_ref().and_then(|it| it.person.as_deref());
    one(sought, &persons, &|| "/extradition/person".to_owned());
    let moved = draft.custody_transfer.as_ref().and_then(|it| it.person.as_deref());
    one(moved, &persons, &|| "/custody_transfer/person".to_owned());
    let witness = draft.testimony.as_ref().and_then(|it| it.person.as_deref());
    one(witness, &persons, &|| "/testimony/person".to_owned());
    let owner = draft.tracing.as_ref().and_then(|it| it.subject.as_deref());
    one(owner, &all, &|| "/tracing/subject".to_owned());
    let heard = draft.hearing.as_ref().and_then(|it| it.person.as_deref());
    one(heard, &persons, &|| "/hearing/person".to_owned());
}

/// R-REFERENCE: whatever names a message names it by its id.
pub(super) fn ids(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let refusal = draft.refusal.as_ref();
    let postponement = draft.postponement.as_ref();
    let named = [
        ("/relay_of", draft.relay_of.as_deref()),
        ("/consent_message_id", draft.consent_message_id.as_deref()),
        (
            "/oral/written_confirmation",
            draft.oral.as_ref().and_then(|it| it.written_confirmation.as_deref()),
        ),
        (
            "/refusal/consultation_message_id",
            refusal.and_then(|it| it.consultation_message_id.as_deref()),
        ),
        (
            "/postponement/consultation_message_id",
            postponement.and_then(|it| it.consultation_message_id.as_deref()),
        ),
    ];
    for (pointer, id) in named {
        if id.is_some_and(|it| it.parse::<MessageId>().is_err()) {
            let told = "it is the id of a message, a hyphenated UUID";
            found.reject(REFERENCE, pointer, "MESSAGE_ID_MALFORMED", told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{BANK, DEPARTURE, HEARING, changed, found, text};

    #[test]
    fn an_id_names_one_thing() {
        assert_eq!(found("R-REFERENCE", &changed(DEPARTURE, |_| ())), [""; 0]);
        let twice = changed(DEPARTURE, |it| it.organisations[0].id = text("P1"));
        let repeated = ["reject /organisations/0/id ID_REPEATED"];
        assert_eq!(found("R-REFERENCE", &twice), repeated);
        let questions = changed(BANK, |it| {
            let one = |id: &str| pb::ClarificationQuestion { id: text(id), ..Default::default() };
            it.clarification = Some(pb::Clarification {
                questions: vec![one("Q1"), one("Q2"), one("Q1")],
                ..Default::default()
            });
            let one = |id: &str| pb::ConditionItem { id: text(id), ..Default::default() };
            let items = vec![one("K1"), one("K1")];
            it.conditions = Some(pb::Conditions { items, ..Default::default() });
        });
        assert_eq!(
            found("R-REFERENCE", &questions),
            [
                "reject /clarification/questions/2/id ID_REPEATED",
                "reject /conditions/items/1/id ID_REPEATED",
            ]
        );
    }

    #[test]
    fn items_have_ids_of_their_form_and_are_few() {
        let asked = |ids: &[&str]| {
            let draft = changed(BANK, |it| {
                let one = |id: &&str| pb::AskedItem { id: text(id), text: text("a file") };
                it.assistance.as_mut().unwrap().items = ids.iter().map(one).collect();
            });
            found("R-REFERENCE", &draft)
        };
        assert_eq!(asked(&["I1", "I2"]), [""; 0]);
        assert_eq!(asked(&["I1", "I1"]), ["reject /assistance/items/1/id ID_REPEATED"]);
        assert_eq!(asked(&[""]), ["reject /assistance/items/0/id ITEM_MALFORMED"]);
        let many = |count: usize| {
            found(
                "R-REFERENCE",
                &changed(BANK, |it| {
                    it.items = (0..count).map(|at| format!("I{at}")).collect();
                }),
            )
        };
        assert_eq!(many(ITEMS_MAX), [""; 0]);
        assert_eq!(many(ITEMS_MAX + 1), ["reject /items TOO_MANY_ITEMS"]);
    }

    #[test]
    fn whoever_is_named_stands_in_the_message() {
        let missing = |pointer: &str| vec![format!("reject {pointer} REFERENCE_NOT_FOUND")];
        let holder = changed(BANK, |it| it.accounts[0].holder = text("O9"));
        assert_eq!(found("R-REFERENCE", &holder), missing("/accounts/0/holder"));
        let person = changed(BANK, |it| it.accounts[0].holder = text("P1"));
        assert_eq!(found("R-REFERENCE", &person), [""; 0]);
        let user = changed(DEPARTURE, |it| it.comms[1].user = text("F1"));
        assert_eq!(found("R-REFERENCE", &user), missing("/comms/1/user"));
        let heard = changed(HEARING, |it| it.hearing.as_mut().unwrap().person = text("P2"));
        assert_eq!(found("R-REFERENCE", &heard), missing("/hearing/person"));
        let charged = changed(BANK, |it| it.offences[0].person = text("P2"));
        assert_eq!(found("R-REFERENCE", &charged), missing("/offences/0/person"));
    }

    #[test]
    fn a_message_is_named_by_its_id() {
        let with = |id: &str| found("R-REFERENCE", &changed(BANK, |it| it.relay_of = text(id)));
        assert_eq!(with("019cadb0-31dc-77d7-8565-f70001ab37ff"), [""; 0]);
        assert_eq!(with("the first one"), ["reject /relay_of MESSAGE_ID_MALFORMED"]);
    }
}
