//! Drafts at the borders of every rule.

use proptest::prelude::*;

use super::*;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn vessel() -> UncheckedDraft {
    UncheckedDraft {
        message_id: some("019cadb0-eef7-70f4-8158-cde69e1d7f9d"),
        request_id: some("019cadb0-5da8-764d-8ede-a570473907c2"),
        in_reply_to: None,
        message_type: some("request"),
        outcome: None,
        kind: some("SOM.8.2.VESSEL"),
        issued_at: some("2026-01-11T02:47:00Z"),
        urgency: Some(UncheckedUrgency { level: some("immediate"), reason: some("adrift") }),
        respond_by: Some(UncheckedDeadline {
            at: some("2026-01-11T06:45:00Z"),
            reason: some("gale"),
        }),
        from: some("ita.coast-guard/operations-centre"),
        to: vec!["pan.maritime-authority/flag-state-desk".to_owned()],
        content: vec![1, 2, 3],
        ..UncheckedDraft::default()
    }
}

/// What `change` breaks: pointers and codes.
fn broken(change: impl FnOnce(&mut UncheckedDraft)) -> Vec<(String, &'static str)> {
    let mut draft = vessel();
    change(&mut draft);
    let found = draft.check().err().unwrap_or_default();
    found.into_iter().map(|violation| (violation.pointer, violation.code)).collect()
}

fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

/// The parts of a message file that a draft is made of.
fn from_file(text: &str) -> UncheckedDraft {
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    let word = |pointer: &str| file.pointer(pointer).and_then(|it| it.as_str()).map(str::to_owned);
    let has = |name: &str| file.get(name).is_some_and(|it| !it.is_null());
    UncheckedDraft {
        message_id: word("/message_id"),
        request_id: word("/request_id"),
        in_reply_to: word("/in_reply_to"),
        message_type: word("/message_type"),
        outcome: word("/outcome"),
        kind: word("/kind"),
        issued_at: word("/issued_at"),
        urgency: has("urgency").then(|| UncheckedUrgency {
            level: word("/urgency/level"),
            reason: word("/urgency/reason"),
        }),
        respond_by: has("respond_by").then(|| UncheckedDeadline {
            at: word("/respond_by/at"),
            reason: word("/respond_by/reason"),
        }),
        from: word("/from"),
        to: file["to"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().into()).collect(),
        content: text.as_bytes().to_vec(),
        ..UncheckedDraft::default()
    }
}

macro_rules! demo {
    ($($name:literal),*) => {
        [$(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/", $name, ".json"))),*]
    };
}

#[test]
fn the_published_examples_are_well_formed() {
    let files = demo![
        "ex1-bank-records-untoc-18-3-f",
        "ex2-vessel-boarding-som-8-2",
        "ex3-document-verification-som-13",
        "ex4-nationality-verification-som-18-3",
        "ex5-spontaneous-route-som-10-untoc-18-4",
        "ex6-witness-video-hearing-untoc-18-18"
    ];
    let urgencies = files.map(|text| from_file(text).check().unwrap().urgency.as_str());
    assert_eq!(urgencies, ["priority", "immediate", "priority", "routine", "priority", "routine"]);
    let [thread] = demo!["thread1-ex1-lifecycle"];
    let thread: serde_json::Value = serde_json::from_str(thread).unwrap();
    for message in thread["messages"].as_array().unwrap() {
        from_file(&message.to_string()).check().unwrap();
    }
}

#[test]
fn a_good_draft_keeps_what_was_written() {
    let draft = vessel().check().unwrap();
    assert_eq!(draft.from.to_string(), "ita.coast-guard/operations-centre");
    assert_eq!((draft.kind.as_str(), draft.act), ("SOM.8.2.VESSEL", Act::Request));
    assert_eq!(draft.message.unwrap().to_string(), vessel().message_id.unwrap());
    assert_eq!(draft.request.unwrap().to_string(), vessel().request_id.unwrap());
    assert_eq!(draft.respond_by, Timestamp::parse("2026-01-11T06:45:00Z"));
    assert_eq!(draft.issued_at, Timestamp::parse("2026-01-11T02:47:00Z"));
    assert_eq!((draft.urgency, draft.content), (Urgency::Immediate, vec![1, 2, 3]));
}

#[test]
fn a_new_request_needs_neither_ids_nor_times() {
    let mut bare = vessel();
    (bare.message_id, bare.request_id, bare.issued_at) = (None, None, None);
    (bare.urgency, bare.respond_by) = (None, None);
    let draft = bare.check().unwrap();
    assert_eq!((draft.message, draft.request, draft.issued_at), (None, None, None));
    assert_eq!(draft.urgency, Urgency::Immediate, "as is usual for a vessel");
}

#[test]
fn every_field_is_named_by_its_pointer() {
    use code::*;
    assert_eq!(broken(|it| it.message_id = some("7")), one("/message_id", MALFORMED));
    assert_eq!(broken(|it| it.request_id = some("")), one("/request_id", MALFORMED));
    assert_eq!(broken(|it| it.in_reply_to = some("x")), one("/in_reply_to", MALFORMED));
    assert_eq!(broken(|it| it.message_type = None), one("/message_type", MISSING));
    let relay = broken(|it| it.message_type = some("relay"));
    assert_eq!(relay, one("/message_type", MESSAGE_TYPE_UNKNOWN));
    assert_eq!(broken(|it| it.kind = None), one("/kind", MISSING));
    assert_eq!(broken(|it| it.kind = some("SOM.8.2")), one("/kind", KIND_UNKNOWN));
    assert_eq!(broken(|it| it.issued_at = some("today")), one("/issued_at", MALFORMED));
    assert_eq!(broken(|it| it.from = None), one("/from", MISSING));
    assert_eq!(broken(|it| it.from = some("ita.coast-guard")), one("/from", MALFORMED));
}

#[test]
fn urgency_is_known_and_immediate_says_why() {
    use code::*;
    let stated = |level: Option<&str>, reason: Option<&str>| {
        broken(|it| {
            it.urgency = Some(UncheckedUrgency {
                level: level.map(str::to_owned),
                reason: reason.map(str::to_owned),
            });
        })
    };
    assert_eq!(stated(Some("urgent"), Some("gale")), one("/urgency/level", URGENCY_UNKNOWN));
    assert_eq!(stated(None, None), one("/urgency/level", MISSING));
    for reason in [None, Some(""), Some(" \n")] {
        let found = stated(Some("immediate"), reason);
        assert_eq!(found, one("/urgency/reason", URGENCY_REASON_MISSING));
    }
    assert_eq!(stated(Some("priority"), None), []);
}

#[test]
fn a_deadline_is_a_later_time_with_a_reason() {
    use code::*;
    let stated = |at: Option<&str>, reason: &str| {
        broken(|it| {
            it.respond_by =
                Some(UncheckedDeadline { at: at.map(str::to_owned), reason: some(reason) });
        })
    };
    assert_eq!(stated(None, "gale"), one("/respond_by/at", MISSING));
    assert_eq!(stated(Some("2026-01-11"), "gale"), one("/respond_by/at", MALFORMED));
    let late = Some("2026-01-11T06:45:00Z");
    assert_eq!(stated(late, " "), one("/respond_by/reason", DEADLINE_REASON_MISSING));
    let issue = Some("2026-01-11T03:47:00+01:00");
    assert_eq!(stated(issue, "gale"), one("/respond_by/at", DEADLINE_NOT_AFTER_ISSUE));
    assert_eq!(stated(Some("2026-01-11T02:47:00.001Z"), "gale"), []);
}

#[test]
fn recipients_are_one_to_sixteen_and_none_twice() {
    use code::*;
    let desks = |count| (0..count).map(|n| format!("pan.x/desk-{n}")).collect::<Vec<_>>();
    assert_eq!(broken(|it| it.to.clear()), one("/to", MISSING));
    assert_eq!(broken(|it| it.to = desks(RECIPIENTS_MAX)), []);
    let many = broken(|it| it.to = desks(RECIPIENTS_MAX + 1));
    assert_eq!(many, one("/to", TOO_MANY_RECIPIENTS));
    let mut mixed = desks(3);
    mixed.extend(["pan.x/desk-1".to_owned(), "nobody".to_owned()]);
    assert_eq!(
        broken(|it| it.to = mixed),
        [("/to/3".to_owned(), RECIPIENT_REPEATED), ("/to/4".to_owned(), MALFORMED)]
    );
}

fn by_competence(
    country: Option<&str>,
    function: Option<&str>,
) -> impl FnOnce(&mut UncheckedDraft) {
    let own = |it: Option<&str>| it.map(str::to_owned);
    let asked = UncheckedCompetence { country: own(country), function: own(function) };
    |it| {
        it.to.clear();
        it.competence = Some(asked);
    }
}

#[test]
fn a_competence_stands_in_the_place_of_contact_points() {
    use code::*;
    let flag = Some("flag_state_authority");
    let mut draft = vessel();
    by_competence(Some("PAN"), flag)(&mut draft);
    let draft = draft.check().unwrap();
    let said = draft.competence.map(|it| it.to_string());
    assert_eq!((said.as_deref(), draft.to.len()), (Some("PAN flag_state_authority"), 0));
    assert_eq!(broken(by_competence(Some("int"), flag)), []);
    let mut both = vessel();
    both.competence =
        Some(UncheckedCompetence { country: some("PAN"), function: some("flag_state_authority") });
    let found = both.check().unwrap_err();
    assert_eq!((found[0].pointer.as_str(), found[0].code), ("/to", TO_AND_COMPETENCE));
    assert_eq!(found.len(), 1);
    let (country, function) = ("/competence/country", "/competence/function");
    let missing = [(country.to_owned(), MISSING), (function.to_owned(), MISSING)];
    assert_eq!(broken(by_competence(None, None)), missing);
    for odd in ["", "pan", "PA", "ZZZ", "Panama", "P\u{410}N", "PAN\0", "\u{202e}NAP"] {
        assert_eq!(
            broken(by_competence(Some(odd), flag)),
            one(country, COUNTRY_UNKNOWN),
            "{odd:?}"
        );
    }
    for odd in ["", "Flag_State_Authority", "the harbour master", "flag_state_authority\n"] {
        let found = broken(by_competence(Some("PAN"), Some(odd)));
        assert_eq!(found, one(function, FUNCTION_UNKNOWN), "{odd:?}");
    }
    let other = broken(by_competence(Some("PAN"), Some("fiu")));
    assert_eq!(other, one(function, WRONG_AUTHORITY_ROLE), "no vessel is asked of it");
}

#[test]
fn only_what_opens_a_request_names_a_competence() {
    for act in Act::ALL {
        let found = broken(|it| {
            by_competence(Some("PAN"), Some("flag_state_authority"))(it);
            it.message_type = some(act.as_str());
        });
        let refused = one("/competence", code::COMPETENCE_NOT_HERE);
        let expected = if opens(act) { vec![] } else { refused };
        assert_eq!(found, expected, "{act}");
    }
}

#[test]
fn only_what_opens_a_request_may_leave_it_unnamed() {
    for act in Act::ALL {
        let found = broken(|it| {
            it.request_id = None;
            it.message_type = some(act.as_str());
        });
        let expected = if opens(act) { vec![] } else { one("/request_id", code::MISSING) };
        assert_eq!(found, expected, "{act}");
    }
}

#[test]
fn an_outcome_is_one_that_the_kind_knows_of_the_act() {
    let stated = |act: &str, outcome: &str| {
        broken(|it| {
            it.message_type = some(act);
            it.outcome = some(outcome);
        })
    };
    assert_eq!(stated("conditions_offer", "authorised_with_conditions"), []);
    assert_eq!(stated("partial_result", "registry_confirmed"), []);
    for (act, outcome) in
        [("request", "authorised"), ("result", "genuine_valid"), ("result", ""), ("result", "x")]
    {
        let found = stated(act, outcome);
        assert_eq!(found, one("/outcome", code::OUTCOME_NOT_IN_PROFILE), "{act} {outcome}");
    }
}

#[test]
fn content_ends_at_its_limit() {
    assert_eq!(broken(|it| it.content = vec![0; CONTENT_BYTES_MAX]), []);
    let found = broken(|it| it.content = vec![0; CONTENT_BYTES_MAX + 1]);
    assert_eq!(found, one("", code::CONTENT_TOO_LARGE));
}

#[test]
fn all_violations_come_at_once_and_quote_nothing() {
    let secret = "Maria";
    let word = || some(secret);
    let draft = UncheckedDraft {
        message_id: word(),
        request_id: word(),
        in_reply_to: word(),
        message_type: word(),
        outcome: word(),
        kind: word(),
        issued_at: word(),
        urgency: Some(UncheckedUrgency { level: word(), reason: word() }),
        respond_by: Some(UncheckedDeadline { at: word(), reason: None }),
        from: word(),
        to: vec![secret.to_owned()],
        content: secret.into(),
        ..UncheckedDraft::default()
    };
    assert!(!format!("{draft:?}").contains(secret));
    let found = draft.check().unwrap_err();
    let pointers: Vec<_> = found.iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/message_id",
            "/request_id",
            "/in_reply_to",
            "/message_type",
            "/kind",
            "/issued_at",
            "/urgency/level",
            "/respond_by/at",
            "/respond_by/reason",
            "/from",
            "/to/0",
        ]
    );
    assert!(!format!("{found:?}").contains(secret));
}

proptest! {
    #[test]
    fn hostile_words_are_named_and_never_panic(
        words in proptest::collection::vec(proptest::option::of(".{0,40}"), 14),
        to in proptest::collection::vec(".{0,20}", 0..40),
    ) {
        let word = |n: usize| words.get(n).cloned().flatten();
        let draft = UncheckedDraft {
            message_id: word(0),
            request_id: word(1),
            in_reply_to: word(2),
            message_type: word(3),
            outcome: word(4),
            kind: word(5),
            issued_at: word(6),
            urgency: Some(UncheckedUrgency { level: word(7), reason: word(8) }),
            respond_by: Some(UncheckedDeadline { at: word(9), reason: word(10) }),
            from: word(11),
            to,
            competence: Some(UncheckedCompetence { country: word(12), function: word(13) }),
            content: Vec::new(),
        ..UncheckedDraft::default()
    };
        let found = draft.check().unwrap_err();
        prop_assert!((1..=14 + RECIPIENTS_MAX + 3).contains(&found.len()));
    }
}
