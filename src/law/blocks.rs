//! Which blocks of its kind a message says, and which are missing.
//!
//! Only messages that open a request or give information are held against the catalogue: a later
//! act speaks of what was said before. What 18(15)(e) asks for "where possible" is never missing.

use crate::domain::acts::Act;
use crate::domain::kinds::block::{self, Block};
use crate::domain::kinds::{KindCode, Profile};
use crate::law::places;
use crate::wire::pb;

/// What an offer of information says: topic and restrictions; the rest follows once those are
/// accepted (UNTOC 18(5), Protocol 10(2)).
const OFFER: [Block; 3] = [block::TOPIC, block::HANDLING, block::RESTRICTIONS_OR_NONE];

/// A block that a message must say and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingBlock {
    /// The block.
    pub block: &'static Block,
    /// The place where it would be said: of several ways to say it the one that is begun, and of
    /// that the first place with nothing in it.
    pub pointer: &'static str,
}

/// Every block that a message of this kind and act must say and does not, in the order of the
/// catalogue.
pub fn missing(draft: &pb::Draft, kind: KindCode, act: Act) -> Vec<MissingBlock> {
    owed(draft, kind, act)
        .filter_map(|block| Some(MissingBlock { block, pointer: gap(draft, block)? }))
        .collect()
}

/// Does the message say the block? One that stands for others is said when all of them are.
pub fn present(draft: &pb::Draft, block: &Block) -> bool {
    block.expanded().all(|it| it.places.iter().any(|group| says(draft, group)))
}

/// The blocks that a message of this kind and act must say.
pub fn owed(
    draft: &pb::Draft,
    kind: KindCode,
    act: Act,
) -> impl Iterator<Item = &'static Block> + use<> {
    static OFFERED: [Block; 3] = OFFER;
    let opens = matches!(act, Act::Request | Act::SpontaneousInformation);
    let given = act == Act::SpontaneousInformation && kind.profile == Profile::Info;
    let offered = given && draft.offer == Some(true);
    let whole = (opens && !offered).then(|| kind.kind().must_say());
    let offer = offered.then(|| OFFERED.iter());
    whole.into_iter().flatten().chain(offer.into_iter().flatten())
}

/// Where the block is missing; nothing if it is said.
fn gap(draft: &pb::Draft, block: &Block) -> Option<&'static str> {
    if present(draft, block) {
        return None;
    }
    let said = |text: &'static str| says(draft, &[text]);
    let begun = |group: &[&'static str]| group.iter().filter(|it| said(it)).count();
    // Of equals the first counts, and `max_by_key` takes the last.
    let group = block.places.iter().rev().max_by_key(|group| begun(group))?;
    let text = group.iter().find(|it| !said(it)).or_else(|| group.first())?;
    Some(block::place(text).0)
}

/// Does the message say all of these places? Those in one list must be said by one item of it.
fn says(draft: &pb::Draft, group: &[&'static str]) -> bool {
    let items = places::items(draft);
    let together = |root: &str| {
        (0..items).any(|index| {
            let mut own = group.iter().filter(|it| root_of(it) == root);
            own.all(|text| {
                let (pointer, word) = block::place(text);
                places::says(draft, pointer, index, word)
            })
        })
    };
    group.iter().all(|it| together(root_of(it)))
}

/// `persons` of `/persons/0/names/0/full`.
fn root_of(text: &str) -> &str {
    text.split(['/', '=']).nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json;

    fn kind(code: &str) -> KindCode {
        code.parse().unwrap()
    }

    fn file(name: &str) -> pb::Draft {
        let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
        json::read_file(&std::fs::read(path).unwrap()).unwrap()
    }

    fn missing_of(draft: &pb::Draft) -> Vec<(&'static str, &'static str)> {
        let act = draft.message_type().parse().unwrap();
        let found = missing(draft, kind(draft.kind()), act);
        found.into_iter().map(|it| (it.block.name, it.pointer)).collect()
    }

    #[test]
    fn lawful_messages_miss_nothing() {
        for name in [
            "config/demo/ex1-bank-records-untoc-18-3-f.json",
            "config/demo/ex2-vessel-boarding-som-8-2.json",
            "config/demo/ex3-document-verification-som-13.json",
            "config/demo/ex4-nationality-verification-som-18-3.json",
            "config/demo/ex5-spontaneous-route-som-10-untoc-18-4.json",
            "config/demo/ex6-witness-video-hearing-untoc-18-18.json",
            "tests/data/domain/edge01-mrz-wrong-but-declared.json",
            "tests/data/domain/edge03-vessel-without-imo.json",
            "tests/data/domain/edge04-mononym-year-only-stateless.json",
        ] {
            assert_eq!(missing_of(&file(name)), [], "{name}");
        }
    }

    #[test]
    fn a_request_without_facts_misses_them_and_nothing_else() {
        let draft = file("tests/data/domain/inv01-missing-facts.json");
        assert_eq!(missing_of(&draft), [("facts", "/facts")]);
        let served = missing(&draft, kind("UNTOC.18.3.B.SERVICE"), Act::Request);
        assert!(served.iter().all(|it| *it.block != block::FACTS), "18(15)(c): not for service");
    }

    #[test]
    fn an_empty_message_misses_every_block_of_its_kind() {
        let empty = pb::Draft::default();
        for kind in KindCode::all() {
            let found = missing(&empty, kind, kind.opening());
            let blocks: Vec<&Block> = found.iter().map(|it| it.block).collect();
            assert_eq!(blocks, kind.kind().must_say().collect::<Vec<_>>(), "{kind}");
            for it in found {
                let first = it.block.places.first().and_then(|group| group.first()).unwrap();
                assert_eq!(it.pointer, block::place(first).0, "{kind} {}", it.block.name);
            }
        }
    }

    #[test]
    fn later_acts_owe_no_blocks() {
        let empty = pb::Draft::default();
        for act in Act::ALL {
            let owes = !missing(&empty, kind("UNTOC.18.3.F.DOCS"), act).is_empty();
            assert_eq!(owes, matches!(act, Act::Request | Act::SpontaneousInformation), "{act}");
        }
    }

    #[test]
    fn the_way_that_is_begun_is_the_one_that_is_pointed_at() {
        let mut draft = file("config/demo/ex1-bank-records-untoc-18-3-f.json");
        let period = draft.accounts[0].period.as_mut().unwrap();
        period.to = Some(" ".to_owned());
        assert_eq!(missing_of(&draft), [("period", "/accounts/0/period/to")]);
        draft.accounts.clear();
        let expected = [
            ("record_holder", "/records/holder"),
            ("account_or_company_identifier", "/accounts/0/iban"),
            ("period", "/records/period/from"),
        ];
        assert_eq!(missing_of(&draft), expected);
    }

    #[test]
    fn what_is_said_of_two_persons_is_not_said_of_one() {
        let mut draft = file("config/demo/ex4-nationality-verification-som-18-3.json");
        let mut other = draft.persons[0].clone();
        draft.persons[0].parents.clear();
        other.birth = None;
        draft.persons.push(other);
        let (name, pointer) = missing_of(&draft)[0];
        assert_eq!(name, "person (names, birth, parents, address)");
        assert_eq!(pointer, "/persons/0/names/0/full");
        draft.persons.push(draft.persons[0].clone());
        draft.persons[2].parents = draft.persons[1].parents.clone();
        assert_eq!(missing_of(&draft), []);
    }

    #[test]
    fn an_undertaking_counts_only_where_it_is_given() {
        let with = |given: Option<bool>| pb::Draft {
            custody_transfer: Some(pb::CustodyTransfer {
                return_undertaking: given,
                ..pb::CustodyTransfer::default()
            }),
            ..pb::Draft::default()
        };
        assert!(present(&with(Some(true)), &block::RETURN_UNDERTAKING));
        assert!(!present(&with(Some(false)), &block::RETURN_UNDERTAKING));
        assert!(!present(&with(None), &block::RETURN_UNDERTAKING));
    }

    #[test]
    fn base_is_present_when_all_of_its_parts_are() {
        let mut draft = file("config/demo/ex1-bank-records-untoc-18-3-f.json");
        assert!(present(&draft, &block::BASE) && present(&draft, &block::PERSON_CONCERNED));
        draft.facts = None;
        assert!(!present(&draft, &block::BASE) && present(&draft, &block::BASE_WITHOUT_C));
    }

    #[test]
    fn an_offer_owes_topic_and_restrictions_until_it_is_accepted() {
        let mut draft = file("config/demo/ex5-spontaneous-route-som-10-untoc-18-4.json");
        draft.facts = None;
        draft.routes.clear();
        assert_eq!(missing_of(&draft).len(), 2);
        draft.offer = Some(true);
        assert_eq!(missing_of(&draft), [("topic", "/intelligence/topic")]);
        let intelligence =
            pb::Intelligence { topic: Some("a departure".to_owned()), ..Default::default() };
        draft.intelligence = Some(intelligence);
        assert_eq!(missing_of(&draft), []);
        draft.art_18_5 = None;
        assert_eq!(missing_of(&draft), [("restrictions_or_none", "/art_18_5/restrictions")]);
        draft.message_type = Some("request".to_owned());
        assert!(missing_of(&draft).len() > 1, "a question is no offer");
    }
}
