//! What the law asks of a message that opens a request, besides the blocks of its kind.
//!
//! A kind's row says what its own article asks for. Other rules ask for more: which regime governs,
//! for which offence, an id for whoever is named. A template has all of it, so that what is filled
//! in is also lawful.

use crate::domain::header::Channel;
use crate::domain::kinds::block::{self, Block};
use crate::domain::kinds::{KindCode, Profile};
use crate::law::parties::BUDAPEST;
use crate::law::rules::{has_base, names_attachment};

/// A block that is asked for by a rule, and by no row of the catalogue.
const fn asked(
    name: &'static str,
    source: &'static str,
    says: &'static str,
    places: &'static [&'static [&'static str]],
) -> Block {
    Block { name, source, says, places, parts: &[] }
}

static REGIME: Block = asked(
    "regime",
    "UNTOC 18(7)",
    "do UNTOC 18(9) to 18(29) govern: default, instead_of_treaty or not_applicable",
    &[&["/legal_basis/apply_18_9_to_29"]],
);
static OFFENCE: Block = asked(
    "offence in scope",
    "UNTOC 3(1), 18(1); Protocol 4, 6",
    "an offence by instrument and article: UNTOC 5, 6, 8, 23, SOM-PROTOCOL 6, or UNTOC 3(1)(b)",
    &[&["/offences/0/instrument", "/offences/0/article"]],
);
static TRANSNATIONAL: Block = asked(
    "transnational offence of a group",
    "UNTOC 18(1), 3(2)",
    "which test is suspected to be met, a list of 3(2)(a) to 3(2)(d), and true for a group",
    &[&["/transnational/grounds", "/transnational/organised_group_alleged=true"]],
);
static CONSENT_RECORD: Block = asked(
    "record of consent",
    "UNTOC 18(10)(a)",
    "id of the attachment with the record of the consent",
    &[&["/custody_transfer/consent/attachment"]],
);
static AUTHORISE_STEP: Block = asked(
    "steps in order",
    "Protocol 8(2)",
    "steps count from 1; the second asks to authorise and hangs on the first, which confirms",
    &[&[
        "/requests/0/step=1",
        "/requests/1/step=2",
        "/requests/1/what=authorise",
        "/requests/1/conditional_on=1",
    ]],
);
static UNIT_STATE: Block = asked(
    "authorised unit",
    "Protocol 9(4)",
    "the State that authorised the unit",
    &[&["/acting_unit/authorised_by"]],
);
static RESTRICTIONS: Block = block::RESTRICTIONS_OR_NONE;
static NAMED_PERSON: Block = asked(
    "id of the person",
    "policy",
    "id by which the message names the person, such as P1, and a name",
    &[&["/persons/0/id", "/persons/0/names/0/full"]],
);
static ATTACHED: Block = asked(
    "attachment",
    "policy",
    "id such as A1, size in bytes and SHA-256, 64 lower-case hexadecimal digits",
    &[&["/attachments/0/id", "/attachments/0/size_bytes", "/attachments/0/sha256"]],
);

/// Places that name a person of the message by its id.
const NAMES_PERSON: [&str; 2] = ["/custody_transfer/person", "/tracing/subject"];

/// Blocks that a message which opens a request of this kind says besides those of its row. Which
/// places stand for an id is read from the first of the ways in which a block may be said.
pub fn beside(kind: KindCode) -> Vec<&'static Block> {
    let row = |it: &'static Block| kind.must_say().any(|block| block == it);
    let based = has_base(kind);
    let ours = kind.instrument() != BUDAPEST;
    let transfer = kind.must_say().any(|it| *it == block::INFORMED_CONSENT);
    let first = || kind.must_say().filter_map(|it| it.places.first()).copied().flatten();
    let names_person = first().any(|it| NAMES_PERSON.contains(it));
    let attached = transfer || first().any(|it| names_attachment(it));
    let at_sea =
        kind.channel == Channel::Sea && kind.must_say().any(|it| *it == block::ACTING_UNIT);
    let steps = kind.must_say().any(|it| *it == block::REQUEST_STEPS);
    let told = kind.profile == Profile::Info && !row(&RESTRICTIONS);
    let all = [
        (kind.profile == Profile::Mla, &REGIME),
        (based && ours, &OFFENCE),
        (based && ours, &TRANSNATIONAL),
        (transfer, &CONSENT_RECORD),
        (steps, &AUTHORISE_STEP),
        (at_sea, &UNIT_STATE),
        (told, &RESTRICTIONS),
        (names_person, &NAMED_PERSON),
        (attached, &ATTACHED),
    ];
    all.into_iter().filter(|(asked, _)| *asked).map(|(_, block)| block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(code: &str) -> Vec<&'static str> {
        beside(code.parse().unwrap()).into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn rules_ask_for_more_than_the_row_of_a_kind() {
        let assistance = ["regime", "offence in scope", "transnational offence of a group"];
        assert_eq!(names("UNTOC.18.3.F.DOCS"), assistance);
        assert_eq!(names("UNTOC.18.3.B.SERVICE"), [&assistance[..], &["attachment"]].concat());
        let moved = ["record of consent", "id of the person", "attachment"];
        assert_eq!(names("UNTOC.18.10.TRANSFER"), [&assistance[..], &moved].concat());
        assert_eq!(names("SOM.8.2.VESSEL"), ["steps in order", "authorised unit"]);
        assert_eq!(names("UNTOC.28.STRATEGIC"), ["restrictions_or_none"]);
        assert_eq!(names("SOM.10.1.A.ROUTE"), [""; 0]);
        assert_eq!(names("CYBER.29.PRESERVE"), [""; 0]);
    }
}
