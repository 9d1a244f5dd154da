//! Documents go to the State that issued them, persons to the State that they claim.

use crate::law::case::{Basis, Case, Findings, basis, said};

const ISSUER: Basis = basis("R-DOC-ISSUER", "Protocol 13");
const LINK: Basis = basis("R-DOC-LINK", "Protocol 13");
const CATEGORY: Basis = basis("R-DOC-LINK", "Protocol 3(c)");
const CLAIMED: Basis = basis("R-RET-STATE", "Protocol 18(3)");

const VERIFY: &str = "SOM.13.DOCUMENT";
/// Kinds of return, which go to the State that the person claims.
const RETURN: [&str; 3] = ["SOM.18.1.READMIT", "SOM.18.3.NATIONALITY", "SOM.18.4.TRAVEL_DOC"];
/// Conduct of Protocol 6 with which a document can be linked.
const CONDUCT: [&str; 12] = [
    "6(1)(a)",
    "6(1)(b)",
    "6(1)(b)(i)",
    "6(1)(b)(ii)",
    "6(1)(c)",
    "6(2)",
    "6(2)(a)",
    "6(2)(b)",
    "6(2)(c)",
    "6(3)",
    "6(3)(a)",
    "6(3)(b)",
];
/// Why a document is fraudulent, with its provision (Protocol 3(c)).
const CATEGORIES: [(&str, &str); 3] = [
    ("falsely_made_or_altered", "3(c)(i)"),
    ("improperly_issued", "3(c)(ii)"),
    ("used_by_other", "3(c)(iii)"),
];

/// R-DOC-ISSUER: the State in whose name a document is, or purports to be, issued verifies it
/// (Protocol 13).
pub(super) fn issuer(case: &Case<'_>, found: &mut Findings) {
    if !case.asks() || !case.is(VERIFY) {
        return;
    }
    for (at, document) in case.draft.documents.iter().enumerate() {
        let pointer = format!("/documents/{at}/issuing_state");
        match document.issuing_state.as_deref() {
            Some(state) if said(Some(state)) => {
                if !case.goes_to(state) {
                    let told = "no recipient belongs to the State in whose name it is issued";
                    found.reject(ISSUER, pointer, "RECIPIENT_NOT_ISSUER", told);
                }
            }
            _ => {
                let told = "it names the State in whose name the document is issued";
                found.reject(ISSUER, pointer, "ISSUER_MISSING", told);
            }
        }
    }
}

/// R-DOC-LINK: a document is verified where it is suspected of being used for conduct of Protocol 6,
/// and the request says which (Protocol 13, 3(c)).
pub(super) fn link(case: &Case<'_>, found: &mut Findings) {
    if !case.asks() || !case.is(VERIFY) {
        return;
    }
    let suspicion = case.draft.suspicion.as_ref();
    let link = suspicion.and_then(|it| it.art6_link.as_deref());
    if !link.is_some_and(|it| CONDUCT.contains(&it.trim())) {
        let told = "it names the conduct of Protocol 6, such as 6(1)(b)(ii)";
        found.reject(LINK, "/suspicion/art6_link", "SUSPICION_LINK_MISSING", told);
    }
    let category = suspicion.and_then(|it| it.category.as_deref());
    let Some((_, provision)) = CATEGORIES.iter().find(|(word, _)| Some(*word) == category) else {
        let told = "it is falsely_made_or_altered, improperly_issued or used_by_other";
        return found.reject(CATEGORY, "/suspicion/category", "SUSPICION_UNKNOWN", told);
    };
    let stated = suspicion.and_then(|it| it.protocol_article.as_deref());
    if stated.is_some_and(|it| it.trim() != *provision) {
        let told = format!("of this category the provision is {provision}");
        let pointer = "/suspicion/protocol_article";
        found.reject(CATEGORY, pointer, "SUSPICION_CONTRADICTS", told);
    }
}

/// R-RET-STATE: nationality and return are a matter of the State whose national or resident the
/// person claims to be (Protocol 18(1), 18(3)).
pub(super) fn claimed_state(case: &Case<'_>, found: &mut Findings) {
    if !case.asks() || !case.kind.is_some_and(|it| RETURN.contains(&it.as_str())) {
        return;
    }
    let claimed = case.draft.claimed_status.as_ref().and_then(|it| it.state.as_deref());
    if claimed.is_some_and(|it| said(Some(it)) && !case.goes_to(it)) {
        let told = "no recipient belongs to the State that the person claims";
        let pointer = "/claimed_status/state";
        found.reject(CLAIMED, pointer, "RECIPIENT_NOT_CLAIMED_STATE", told);
    }
}

#[cfg(test)]
mod tests {
    use crate::law::samples::{NATIONALITY, PASSPORT, changed, found, text};
    use crate::wire::pb;

    #[test]
    fn a_document_goes_to_its_issuer() {
        let issued = |state: Option<&str>| {
            let draft = changed(PASSPORT, |it| {
                it.documents[0].issuing_state = state.map(str::to_owned);
            });
            found("R-DOC-ISSUER", &draft)
        };
        assert_eq!(issued(Some("ECU")), [""; 0]);
        let other = ["reject /documents/0/issuing_state RECIPIENT_NOT_ISSUER"];
        assert_eq!(issued(Some("PER")), other);
        let missing = ["reject /documents/0/issuing_state ISSUER_MISSING"];
        assert_eq!(issued(None), missing);
        let german = changed(PASSPORT, |it| {
            it.documents[0].issuing_state = text("D");
            it.to = vec!["deu.registry/desk".to_owned()];
        });
        assert_eq!(found("R-DOC-ISSUER", &german), [""; 0]);
    }

    #[test]
    fn a_document_is_linked_with_conduct_of_article_6() {
        let with = |change: fn(&mut pb::Suspicion)| {
            let draft = changed(PASSPORT, |it| change(it.suspicion.as_mut().unwrap()));
            found("R-DOC-LINK", &draft)
        };
        assert_eq!(with(|_| ()), [""; 0]);
        let missing = ["reject /suspicion/art6_link SUSPICION_LINK_MISSING"];
        assert_eq!(with(|it| it.art6_link = None), missing);
        assert_eq!(with(|it| it.art6_link = text("6(4)")), missing);
        let category = ["reject /suspicion/category SUSPICION_UNKNOWN"];
        assert_eq!(with(|it| it.category = text("odd")), category);
        let contradicts = ["reject /suspicion/protocol_article SUSPICION_CONTRADICTS"];
        assert_eq!(with(|it| it.protocol_article = text("3(c)(i)")), contradicts);
        assert_eq!(with(|it| it.protocol_article = None), [""; 0]);
    }

    #[test]
    fn a_person_is_asked_about_at_the_state_claimed() {
        let claimed = |state: &str| {
            let draft = changed(NATIONALITY, |it| {
                it.claimed_status.as_mut().unwrap().state = text(state);
            });
            found("R-RET-STATE", &draft)
        };
        assert_eq!(claimed("ETH"), [""; 0]);
        assert_eq!(claimed("ERI"), ["reject /claimed_status/state RECIPIENT_NOT_CLAIMED_STATE"]);
    }
}
