//! Attachments: described so that their bytes can be held against the description.

use std::collections::BTreeSet;

use crate::domain::file_name;
use crate::domain::unseen::skeleton;
use crate::law::case::{Basis, Case, Findings, basis, said};
use crate::wire::pb;

const DIGEST: Basis = basis("R-ATT-DIGEST", "policy");
const NAME: Basis = basis("R-ATT-NAME", "policy");

/// Every attachment of a message with its place.
fn each(draft: &pb::Draft) -> impl Iterator<Item = (Place, &pb::Attachment)> {
    let own = draft.attachments.iter().enumerate().map(|(at, it)| (Place::Own(at), it));
    let supplement = draft.supplement.iter().flat_map(|it| &it.attachments).enumerate();
    let supplement = supplement.map(|(at, it)| (Place::Supplement(at), it));
    let items = draft.result.iter().flat_map(|it| &it.items).enumerate();
    let items = items.flat_map(|(item, result)| {
        let attached = result.attachments.iter().enumerate();
        attached.map(move |(at, it)| (Place::Result(item, at), it))
    });
    own.chain(supplement).chain(items)
}

#[derive(Clone, Copy)]
enum Place {
    Own(usize),
    Supplement(usize),
    Result(usize, usize),
}

impl Place {
    fn pointer(self, field: &str) -> String {
        match self {
            Self::Own(at) => format!("/attachments/{at}/{field}"),
            Self::Supplement(at) => format!("/supplement/attachments/{at}/{field}"),
            Self::Result(item, at) => format!("/result/items/{item}/attachments/{at}/{field}"),
        }
    }
}

/// R-ATT-DIGEST: each attachment has an id of its own, a size and the SHA-256 of its bytes.
pub(super) fn digests(case: &Case<'_>, found: &mut Findings) {
    let mut known = BTreeSet::new();
    for (place, attachment) in each(case.draft) {
        match attachment.id.as_deref() {
            Some(id) if said(Some(id)) => {
                if !known.insert(id) {
                    let told = "another attachment of the message has this id";
                    found.reject(DIGEST, place.pointer("id"), "ATTACHMENT_ID_REPEATED", told);
                }
            }
            _ => {
                let told = "an attachment has an id, such as A1";
                found.reject(DIGEST, place.pointer("id"), "ATTACHMENT_ID_MISSING", told);
            }
        }
        if !attachment.sha256.as_deref().is_some_and(is_sha256) {
            let told = "it is the SHA-256 of the bytes, 64 lower-case hexadecimal digits";
            found.reject(DIGEST, place.pointer("sha256"), "DIGEST_MALFORMED", told);
        }
        if attachment.size_bytes.is_none_or(|it| it < 0) {
            let told = "it is the size in bytes, zero or more";
            found.reject(DIGEST, place.pointer("size_bytes"), "SIZE_MISSING", told);
        }
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// R-ATT-NAME: the name of an attachment leads nowhere, hides nothing, and can be saved under.
pub(super) fn names(case: &Case<'_>, found: &mut Findings) {
    for (place, attachment) in each(case.draft) {
        if let Some(Err(fault)) = attachment.name.as_deref().map(file_name::check) {
            let told = format!("it is the name of a file, and {fault}");
            found.reject(NAME, place.pointer("name"), "FILE_NAME_UNSAFE", told);
        }
    }
    let mut known = BTreeSet::new();
    for (place, attachment) in each(case.draft) {
        if attachment.name.as_deref().is_some_and(|it| !known.insert(skeleton(it))) {
            let told = "another attachment of the message has a name that looks the same";
            found.warn(NAME, place.pointer("name"), "FILE_NAME_ALIKE", told);
        }
    }
}

/// R-ATT-DIGEST: whatever names an attachment names one of this message.
pub(super) fn referenced(case: &Case<'_>, found: &mut Findings) {
    let draft = case.draft;
    let known: BTreeSet<&str> = each(draft).filter_map(|(_, it)| it.id.as_deref()).collect();
    let mut one = |named: Option<&str>, pointer: &dyn Fn() -> String| {
        if named.is_some_and(|it| !known.contains(it)) {
            let told = "the message has no attachment with this id";
            found.reject(DIGEST, pointer(), "ATTACHMENT_NOT_FOUND", told);
        }
    };
    for (at, it) in draft.languages.iter().flat_map(|it| &it.translations).enumerate() {
        let pointer = || format!("/languages/translations/{at}/attachment_id");
        one(it.attachment_id.as_deref(), &pointer);
    }
    for (at, it) in draft.offences.iter().enumerate() {
        one(it.text_attachment.as_deref(), &|| format!("/offences/{at}/text_attachment"));
    }
    for (at, person) in draft.persons.iter().enumerate() {
        for (place, it) in person.biometrics.iter().enumerate() {
            let pointer = || format!("/persons/{at}/biometrics/{place}/attachment");
            one(it.attachment.as_deref(), &pointer);
        }
    }
    let consent = draft.consent.as_ref().and_then(|it| it.consent_attachment.as_deref());
    one(consent, &|| "/consent/consent_attachment".to_owned());
    for (pointer, named) in of_measures(draft) {
        one(named, &|| pointer.to_owned());
    }
    let topics = draft.hearing.as_ref().and_then(|it| it.topics_attachment.as_deref());
    one(topics, &|| "/hearing/topics_attachment".to_owned());
}

/// Does a block of a single kind name an attachment at this place?
pub(in crate::law) fn names_attachment(pointer: &str) -> bool {
    of_measures(&pb::Draft::default()).iter().any(|(place, _)| *place == pointer)
}

/// What the blocks of single kinds name.
fn of_measures(draft: &pb::Draft) -> [(&'static str, Option<&str>); 9] {
    let confiscation = draft.confiscation.as_ref();
    let transfer = draft.custody_transfer.as_ref().and_then(|it| it.consent.as_ref());
    let extradition = draft.extradition.as_ref();
    let proceedings = draft.proceedings_transfer.as_ref();
    [
        ("/service/document", draft.service.as_ref().and_then(|it| it.document.as_deref())),
        ("/search/order", draft.search.as_ref().and_then(|it| it.order.as_deref())),
        ("/custody_transfer/consent/attachment", transfer.and_then(|it| it.attachment.as_deref())),
        ("/confiscation/order", confiscation.and_then(|it| it.order.as_deref())),
        (
            "/confiscation/finality_certificate",
            confiscation.and_then(|it| it.finality_certificate.as_deref()),
        ),
        (
            "/extradition/warrant_or_judgment",
            extradition.and_then(|it| it.warrant_or_judgment.as_deref()),
        ),
        ("/sentence/judgment", draft.sentence.as_ref().and_then(|it| it.judgment.as_deref())),
        (
            "/proceedings_transfer/case_file_index",
            proceedings.and_then(|it| it.case_file_index.as_deref()),
        ),
        ("/intelligence/dataset", draft.intelligence.as_ref().and_then(|it| it.dataset.as_deref())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::samples::{BANK, HEARING, NATIONALITY, changed, found, text};

    #[test]
    fn an_attachment_has_an_id_a_size_and_a_digest() {
        let with = |change: fn(&mut pb::Attachment)| {
            found("R-ATT-DIGEST", &changed(BANK, |it| change(&mut it.attachments[0])))
        };
        assert_eq!(with(|_| ()), [""; 0]);
        let digest = ["reject /attachments/0/sha256 DIGEST_MALFORMED"];
        assert_eq!(with(|it| it.sha256 = None), digest);
        assert_eq!(with(|it| it.sha256.as_mut().unwrap().push('0')), digest);
        assert_eq!(with(|it| it.sha256.as_mut().unwrap().truncate(63)), digest);
        assert_eq!(with(|it| it.sha256 = Some("G".repeat(64))), digest);
        assert_eq!(with(|it| it.size_bytes = Some(0)), [""; 0]);
        let size = ["reject /attachments/0/size_bytes SIZE_MISSING"];
        assert_eq!(with(|it| it.size_bytes = Some(-1)), size);
        assert_eq!(with(|it| it.size_bytes = None), size);
        let repeated = ["reject /attachments/1/id ATTACHMENT_ID_REPEATED"];
        assert_eq!(with(|it| it.id = text("A2")), repeated);
        assert_eq!(with(|it| it.id = text("")), ["reject /attachments/0/id ATTACHMENT_ID_MISSING"]);
    }

    #[test]
    fn names_that_look_alike_are_told() {
        let named = |one: &str, other: &str| {
            let draft = changed(BANK, |it| {
                it.attachments[0].name = text(one);
                it.attachments[1].name = text(other);
            });
            found("R-ATT-NAME", &draft)
        };
        let alike = ["warn /attachments/1/name FILE_NAME_ALIKE"];
        assert_eq!(named("order.pdf", "order.pdf"), alike);
        assert_eq!(
            named("order.pdf", "оrder.pdf"),
            alike,
            "the second begins with a Cyrillic letter"
        );
        assert_eq!(named("annex-1.pdf", "annex-l.pdf"), alike);
        assert_eq!(named("annex-1.pdf", "annex-2.pdf"), [""; 0]);
    }

    #[test]
    fn ids_are_unique_over_all_places_of_a_message() {
        let one = |id: &str| pb::Attachment {
            id: text(id),
            size_bytes: Some(1),
            sha256: Some("0".repeat(64)),
            ..pb::Attachment::default()
        };
        let draft = changed(BANK, |it| {
            let supplement = pb::Supplement { attachments: vec![one("S")], ..Default::default() };
            it.supplement = Some(supplement);
            let item = pb::ResultItem { attachments: vec![one("S")], ..Default::default() };
            it.result = Some(pb::ExecutionResult { items: vec![item], ..Default::default() });
        });
        let repeated = ["reject /result/items/0/attachments/0/id ATTACHMENT_ID_REPEATED"];
        assert_eq!(found("R-ATT-DIGEST", &draft), repeated);
    }

    #[test]
    fn what_names_an_attachment_names_one_of_the_message() {
        let missing = |pointer: &str| vec![format!("reject {pointer} ATTACHMENT_NOT_FOUND")];
        let bank = changed(BANK, |it| it.offences[1].text_attachment = text("A9"));
        assert_eq!(found("R-ATT-DIGEST", &bank), missing("/offences/1/text_attachment"));
        let translation = changed(BANK, |it| {
            it.languages.as_mut().unwrap().translations[0].attachment_id = text("A9");
        });
        let place = "/languages/translations/0/attachment_id";
        assert_eq!(found("R-ATT-DIGEST", &translation), missing(place));
        let biometric = changed(NATIONALITY, |it| {
            it.persons[0].biometrics[1].attachment = text("A9");
        });
        assert_eq!(
            found("R-ATT-DIGEST", &biometric),
            missing("/persons/0/biometrics/1/attachment")
        );
        let consent = changed(NATIONALITY, |it| {
            it.consent.as_mut().unwrap().consent_attachment = text("A9");
        });
        assert_eq!(found("R-ATT-DIGEST", &consent), missing("/consent/consent_attachment"));
        let topics = changed(HEARING, |it| {
            it.hearing.as_mut().unwrap().topics_attachment = text("A9");
        });
        assert_eq!(found("R-ATT-DIGEST", &topics), missing("/hearing/topics_attachment"));
        let order = changed(HEARING, |it| {
            it.search = Some(pb::SearchAndSeizure { order: text("A9"), ..Default::default() });
        });
        assert_eq!(found("R-ATT-DIGEST", &order), missing("/search/order"));
    }
}
