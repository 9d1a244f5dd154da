//! The catalogue is the published one, column by column, and its words belong together.

use super::*;
use crate::domain::grounds::forbidden;

const PUBLISHED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/domain/kinds.json"));

fn published() -> serde_json::Value {
    serde_json::from_str(PUBLISHED).unwrap()
}

/// `RP-MLA + order, enforcement_report` -> the words.
fn words(responses: &str) -> Vec<&str> {
    responses.split([' ', '+', ',', '/']).filter(|word| !word.is_empty()).collect()
}

#[test]
fn the_catalogue_is_the_published_one() {
    let published = published();
    let rows = published["kinds"].as_array().unwrap();
    assert_eq!((rows.len(), CATALOGUE.len()), (53, 53));
    for row in rows {
        let code = row["code"].as_str().unwrap();
        let kind = find(code).unwrap_or_else(|| panic!("{code} is not in the catalogue"));
        assert_eq!(kind.title, row["title"], "{code}");
        let mut expected = words(row["responses"].as_str().unwrap());
        let mut built: Vec<_> = kind.own_outcomes.to_vec();
        match kind.profile {
            Profile::Preserve => built.extend(kind.profile.outcomes()),
            Profile::Agree
            | Profile::Doc
            | Profile::Ext
            | Profile::Info
            | Profile::Mla
            | Profile::Pol
            | Profile::Receipt
            | Profile::Ret
            | Profile::Sea => built.push(kind.profile.as_str()),
        }
        expected.sort_unstable();
        built.sort_unstable();
        assert_eq!(built, expected, "{code}");
        for (column, word) in [
            ("group", kind.group.as_str()),
            ("legal_basis", kind.legal_basis),
            ("refusal", kind.refusal.says),
            ("postponement", kind.postponement.as_str()),
            ("urgency_default", kind.urgency_default()),
            ("deadline_anchor", kind.deadline_anchor),
        ] {
            assert_eq!(row[column], word, "{code} {column}");
        }
        let named = |blocks: &[Block]| blocks.iter().map(|it| it.name).collect::<Vec<_>>();
        for (column, words) in [
            ("sender_roles", kind.senders.to_vec()),
            ("receiver_roles", kind.receivers.to_vec()),
            ("mandatory", named(kind.mandatory)),
            ("optional", named(kind.optional)),
        ] {
            assert_eq!(row[column], serde_json::json!(words), "{code} {column}");
        }
        assert_eq!(row.as_object().unwrap().len(), 13, "{code}: a column of its own");
    }
}

#[test]
fn what_its_sender_grades_is_routine_until_then() {
    let graded: Vec<_> = CATALOGUE.iter().filter(|it| it.as_graded).collect();
    assert_eq!(graded.len(), 6);
    assert!(graded.iter().all(|it| it.urgency == Urgency::Routine));
}

#[test]
fn base_is_article_18_15() {
    let published = published();
    let letters = published["base_18_15"].as_object().unwrap();
    let rests_on = |it: &Block, letter: &str| it.source.contains(&format!("18(15)({letter})"));
    for letter in letters.keys() {
        let named = block::BASE.parts.iter().any(|it| rests_on(it, letter));
        assert_eq!(named, letter != "e", "{letter}: where possible is not mandatory");
    }
    assert!(rests_on(&block::PERSON_CONCERNED, "e"));
    let without: Vec<_> = block::BASE.parts.iter().filter(|it| **it != block::FACTS).collect();
    assert_eq!(block::BASE_WITHOUT_C.parts.iter().collect::<Vec<_>>(), without);
    let service = find("UNTOC.18.3.B.SERVICE").unwrap();
    assert!(!service.must_say().any(|it| *it == block::FACTS));
    assert_eq!(service.must_say().count(), 9);
}

#[test]
fn every_kind_says_why_its_channel_is_the_right_one() {
    for kind in &CATALOGUE {
        assert!(kind.channel_reason.len() > 40, "{}", kind.code);
        assert!(!kind.channel_reason.ends_with('.'), "{}", kind.code);
    }
}

#[test]
fn grounds_are_those_of_the_kind_and_never_forbidden_ones() {
    let kind = |code: &str| find(code).unwrap();
    let docs = kind("UNTOC.18.3.F.DOCS");
    assert!(docs.may_refuse_on("18.21.b") && docs.may_refuse_on("18(9)"));
    assert!(!docs.may_refuse_on("bank_secrecy") && !docs.may_refuse_on("13.7"));
    assert!(kind("UNTOC.13.2.FREEZE").may_refuse_on("13(7)"));
    assert!(kind("UNTOC.18.10.TRANSFER").may_refuse_on("18.10.a"));
    assert!(kind("UNTOC.16.EXTRADITION").may_refuse_on("16.10"));
    assert!(!kind("UNTOC.16.EXTRADITION").may_refuse_on("18.21.b"));
    assert!(kind("CYBER.29.PRESERVE").may_refuse_on("29.5"));
    for kind in &CATALOGUE {
        for ground in kind.refusal.all() {
            assert!(kind.may_refuse_on(ground.code), "{} {}", kind.code, ground.code);
            assert_eq!(forbidden(ground.code), None, "{} {}", kind.code, ground.code);
        }
        let (says, common) = (kind.refusal.says, kind.refusal.common);
        assert_eq!(says.starts_with("G-"), common.is_some(), "{}", kind.code);
        assert!(common.is_none_or(|it| says.starts_with(it.as_str())), "{}", kind.code);
        let never = matches!(says, "none" | "not refusable")
            || ["not a request", "a 'not ours'"].iter().any(|it| says.starts_with(it));
        assert_eq!(kind.refusal.all().count() == 0, never, "{}", kind.code);
    }
}

#[test]
fn every_kind_has_an_instrument_and_articles() {
    let articles = |code: &str| find(code).unwrap().articles().collect::<Vec<_>>();
    assert_eq!(articles("UNTOC.18.3.H.APPEAR"), ["18(3)(h)", "18(27)"]);
    assert_eq!(articles("UNTOC.18.10.TRANSFER"), ["18(10)"]);
    assert_eq!(articles("SOM.16.5.CONSULAR"), ["16(5)"]);
    assert_eq!(articles("CYBER.29.PRESERVE"), ["29"]);
    assert_eq!(find("SOM.13.DOCUMENT").unwrap().instrument(), "SOM-PROTOCOL");
    assert!(CATALOGUE.iter().all(|it| it.articles().all(|it| !it.is_empty())));
}

#[test]
fn every_published_answer_is_an_act_or_an_outcome() {
    let published = published();
    for (name, answers) in published["response_profiles"].as_object().unwrap() {
        let profile = Profile::ALL.into_iter().find(|it| it.as_str() == name).unwrap();
        for answer in answers.as_array().unwrap() {
            let answer = answer.as_str().unwrap();
            let is_act = answer.parse::<Act>().is_ok() || answer == "receipt";
            let is_outcome = profile.outcomes().contains(&answer);
            assert!(is_act != is_outcome, "{name}: {answer}");
        }
    }
}

#[test]
fn every_outcome_belongs_to_some_act() {
    for kind in KindCode::all() {
        for outcome in kind.outcomes() {
            let acts = Act::ALL.into_iter().filter(|act| kind.allows(*act, outcome)).count();
            assert!((1..=2).contains(&acts), "{kind} {outcome}");
        }
    }
    let vessel = find("SOM.8.2.VESSEL").unwrap();
    assert!(vessel.allows(Act::ConditionsOffer, "authorised_with_conditions"));
    assert!(!vessel.allows(Act::Result, "authorised_with_conditions"));
    assert!(vessel.allows(Act::PartialResult, "registry_confirmed"));
    assert!(!vessel.allows(Act::Result, "genuine_valid"));
    assert!(!vessel.allows(Act::Result, ""));
    let service = find("UNTOC.18.3.B.SERVICE").unwrap();
    assert!(service.allows(Act::Result, "proof_of_service"));
}

#[test]
fn results_of_a_measure_stand_in_the_request_for_it() {
    let kind = |code: &str| code.parse::<KindCode>().unwrap();
    let (results, vessel) = (kind("SOM.8.3.RESULTS"), kind("SOM.8.2.VESSEL"));
    assert!(results.belongs_to(vessel) && results.belongs_to(results));
    assert!(!vessel.belongs_to(results));
    assert!(!results.belongs_to(kind("SOM.13.DOCUMENT")));
    assert_eq!((results.profile, results.rules()), (Profile::Receipt, Profile::Sea));
    assert_eq!(vessel.rules(), Profile::Sea);
}

#[test]
fn a_kind_is_kept_as_its_code() {
    let kind: KindCode = "SOM.13.DOCUMENT".parse().unwrap();
    assert_eq!(serde_json::to_value(kind).unwrap(), "SOM.13.DOCUMENT");
    let bytes = postcard::to_stdvec(&kind).unwrap();
    assert_eq!(postcard::from_bytes::<KindCode>(&bytes).unwrap(), kind);
    assert!(serde_json::from_str::<KindCode>("\"SOM.13\"").is_err());
    assert_eq!("som.13.document".parse::<KindCode>(), Err(UnknownWord { what: "kind" }));
}

#[test]
fn codes_are_unique() {
    let codes: std::collections::BTreeSet<_> = KindCode::all().collect();
    assert_eq!(codes.len(), CATALOGUE.len());
}
