//! Handling labels as message files write them, and the one that a message takes over.

use std::borrow::Cow;

use crate::domain::acts::Act;
use crate::domain::handling::{Classification, HandlingCode, HandlingCodes, Label, Onward, Tlp};
use crate::domain::ids::StateCode;
use crate::law::Thread;
use crate::wire::pb;

/// What H3 restricts where the text stands in another message.
const H3_ELSEWHERE: &str = "as stated in what this answers or passes on";

/// Does the message answer or pass on, and so take over what its label leaves out? What begins a
/// course of its own states its label itself.
pub fn may_take_over(draft: &pb::Draft) -> bool {
    let act = draft.message_type.as_deref().and_then(|it| it.parse::<Act>().ok());
    let opens = act.is_none_or(|it| matches!(it, Act::Request | Act::SpontaneousInformation));
    draft.relay_of.is_some() || !opens
}

/// The message with what its label leaves out: the strictest of what it answers, passes on and
/// holds. What it states stays as it is, weaker or not; rules judge that. Whose information it is
/// stays with what is passed on; an answer is its author's.
///
/// Where nothing is said of passing on, consent is needed (UNTOC 18(19)), and no parent weakens
/// that. The same message comes back where there is nothing to take over.
pub fn join<'d>(draft: &'d pb::Draft, thread: &Thread) -> Cow<'d, pb::Draft> {
    let relayed = thread.relayed.as_ref().map(|it| it.label);
    let known: Vec<Label> = relayed.into_iter().chain(thread.parents.iter().copied()).collect();
    if known.is_empty() || !may_take_over(draft) {
        return Cow::Borrowed(draft);
    }
    let mut all = known;
    each_part(draft, |_, part| all.extend(read(part)));
    let Some(label) = all.into_iter().reduce(Label::join) else {
        return Cow::Borrowed(draft);
    };
    let mut taken = draft.handling.clone().unwrap_or_default();
    let word = |it: &str| it.to_owned();
    taken.tlp = taken.tlp.or_else(|| Some(word(label.tlp.as_str())));
    if taken.handling_code.is_none() && label.codes.codes().next().is_some() {
        let codes: Vec<&str> = label.codes.codes().map(HandlingCode::as_str).collect();
        taken.handling_code = Some(codes.join("+"));
        if label.codes.has(HandlingCode::H3) && taken.other_restrictions.is_none() {
            taken.other_restrictions = Some(word(H3_ELSEWHERE));
        }
    }
    let classification = label.classification.map(|it| word(it.as_str()));
    taken.classification = taken.classification.or(classification);
    let onward = label.onward.max(Onward::OriginatorConsent);
    taken.onward_sharing = taken.onward_sharing.or_else(|| Some(word(onward.as_str())));
    if let Some(relayed) = relayed {
        let originator = relayed.originator.map(|it| word(it.as_str()));
        taken.originator = taken.originator.or(originator);
    }
    Cow::Owned(pb::Draft { handling: Some(taken), ..draft.clone() })
}

/// A label in the words of its schemes, for whoever is told of it.
pub fn words(label: &Label) -> String {
    let codes = label.codes.codes().map(HandlingCode::as_str);
    let classification = label.classification.map(Classification::as_str);
    let all = std::iter::once(label.tlp.as_str()).chain(codes).chain(classification);
    all.chain(std::iter::once(label.onward.as_str())).collect::<Vec<_>>().join(", ")
}

/// Every label of a part of the message.
pub fn each_part(draft: &pb::Draft, mut see: impl FnMut(String, &pb::Handling)) {
    let mut attached = |place: &str, attachments: &[pb::Attachment]| {
        for (at, attachment) in attachments.iter().enumerate() {
            if let Some(handling) = &attachment.handling {
                see(format!("{place}/{at}/handling"), handling);
            }
        }
    };
    attached("/attachments", &draft.attachments);
    if let Some(supplement) = &draft.supplement {
        attached("/supplement/attachments", &supplement.attachments);
    }
    for (at, item) in draft.result.iter().flat_map(|it| &it.items).enumerate() {
        attached(&format!("/result/items/{at}/attachments"), &item.attachments);
    }
    for (at, item) in draft.result.iter().flat_map(|it| &it.items).enumerate() {
        if let Some(handling) = &item.handling {
            see(format!("/result/items/{at}/handling"), handling);
        }
    }
}

/// The label that a message states; `None` without a known TLP word or with an unknown word
/// elsewhere. Where nothing is said of passing on, the originator's consent is needed: so UNTOC
/// 18(19) has it.
pub fn read(handling: &pb::Handling) -> Option<Label> {
    let classification = match handling.classification.as_deref() {
        None => None,
        Some(word) => Some(word.parse::<Classification>().ok()?),
    };
    let onward = match handling.onward_sharing.as_deref() {
        None => Onward::OriginatorConsent,
        Some(word) => word.parse().ok()?,
    };
    let originator = match handling.originator.as_deref() {
        None => None,
        Some(code) => Some(code.parse::<StateCode>().ok()?),
    };
    Some(Label {
        tlp: handling.tlp.as_deref()?.parse::<Tlp>().ok()?,
        codes: codes(handling.handling_code.as_deref())?,
        classification,
        onward,
        originator,
    })
}

/// The handling codes of `H1+H2`; `None` if one is unknown or stands twice.
pub fn codes(text: Option<&str>) -> Option<HandlingCodes> {
    let mut found = HandlingCodes::default();
    for word in text.into_iter().flat_map(|it| it.split('+')) {
        let code: HandlingCode = word.parse().ok()?;
        if found.has(code) {
            return None;
        }
        found = found.with(code);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Relayed;

    fn handling() -> pb::Handling {
        let text = |it: &str| Some(it.to_owned());
        pb::Handling {
            tlp: text("TLP:AMBER"),
            handling_code: text("H1+H2"),
            classification: text("R-UE/EU-R"),
            originator: text("TUN"),
            onward_sharing: text("forbidden"),
            ..pb::Handling::default()
        }
    }

    #[test]
    fn a_label_is_read_whole_or_not_at_all() {
        let label = read(&handling()).unwrap();
        assert_eq!((label.tlp, label.onward), (Tlp::Amber, Onward::Forbidden));
        let codes: Vec<_> = label.codes.codes().collect();
        assert_eq!(codes, [HandlingCode::H1, HandlingCode::H2]);
        assert_eq!(label.classification, Some(Classification::Restricted));
        assert_eq!(label.originator.unwrap().as_str(), "TUN");
        let changes: [fn(&mut pb::Handling); 5] = [
            |it| it.tlp = None,
            |it| it.handling_code = Some("H1+H1".to_owned()),
            |it| it.classification = Some("secret".to_owned()),
            |it| it.originator = Some("tun".to_owned()),
            |it| it.onward_sharing = Some("never".to_owned()),
        ];
        for change in changes {
            let mut changed = handling();
            change(&mut changed);
            assert_eq!(read(&changed), None);
        }
    }

    fn answer(handling: Option<pb::Handling>) -> pb::Draft {
        let message_type = Some("ack_receipt".to_owned());
        pb::Draft { message_type, handling, ..pb::Draft::default() }
    }

    fn answering(parents: &[pb::Handling]) -> Thread {
        let parents = parents.iter().filter_map(read).collect();
        Thread { parents, ..Thread::default() }
    }

    fn amber() -> pb::Handling {
        pb::Handling { tlp: Some("TLP:AMBER".to_owned()), ..pb::Handling::default() }
    }

    #[test]
    fn an_answer_without_a_label_takes_over_the_strictest_of_what_it_answers() {
        let red = pb::Handling { tlp: Some("TLP:RED".to_owned()), ..pb::Handling::default() };
        let joined = join(&answer(None), &answering(&[handling(), red])).into_owned();
        let taken = joined.handling.unwrap();
        assert_eq!(taken.tlp.as_deref(), Some("TLP:RED"));
        assert_eq!(taken.handling_code.as_deref(), Some("H1+H2"));
        assert_eq!(taken.classification.as_deref(), Some("R-UE/EU-R"));
        assert_eq!(taken.onward_sharing.as_deref(), Some("forbidden"));
        assert_eq!(taken.originator, None, "an answer is its author's");
        let told = words(&read(&taken).unwrap());
        assert_eq!(told, "TLP:RED, H1, H2, R-UE/EU-R, forbidden");
    }

    #[test]
    fn what_is_stated_stays_and_what_is_held_counts() {
        let clear = pb::Handling { tlp: Some("TLP:CLEAR".to_owned()), ..pb::Handling::default() };
        let joined = join(&answer(Some(clear)), &answering(&[handling()])).into_owned();
        let taken = joined.handling.unwrap();
        assert_eq!(taken.tlp.as_deref(), Some("TLP:CLEAR"), "rules refuse it, nobody changes it");
        assert_eq!(taken.handling_code.as_deref(), Some("H1+H2"));
        let mut extract = answer(None);
        let part = pb::Attachment { handling: Some(handling()), ..pb::Attachment::default() };
        extract.attachments.push(part);
        let joined = join(&extract, &answering(&[amber()])).into_owned();
        assert_eq!(joined.handling.unwrap().onward_sharing.as_deref(), Some("forbidden"));
    }

    #[test]
    fn what_is_passed_on_stays_its_originators() {
        let label = read(&handling()).unwrap();
        let relayed = Relayed { label, originator: label.originator, consented: Vec::new() };
        let thread = Thread { relayed: Some(relayed), ..Thread::default() };
        let relay = pb::Draft {
            message_type: Some("request".to_owned()),
            relay_of: Some("019cadb0-31dc-77d7-8565-f70001ab37ff".to_owned()),
            ..pb::Draft::default()
        };
        let joined = join(&relay, &thread).into_owned();
        assert_eq!(joined.handling.as_ref().and_then(read), Some(label));
    }

    #[test]
    fn what_begins_a_course_or_answers_nothing_known_takes_over_nothing() {
        let request = pb::Draft { message_type: Some("request".to_owned()), ..answer(None) };
        assert!(matches!(join(&request, &answering(&[handling()])), Cow::Borrowed(_)));
        assert!(matches!(join(&answer(None), &Thread::default()), Cow::Borrowed(_)));
        let free = pb::Handling { onward_sharing: Some("free".to_owned()), ..amber() };
        let taken = join(&answer(None), &answering(&[free])).into_owned().handling.unwrap();
        assert_eq!(taken.onward_sharing.as_deref(), Some("originator_consent"));
        let h3 = pb::Handling { handling_code: Some("H3".to_owned()), ..amber() };
        let taken = join(&answer(None), &answering(&[h3])).into_owned().handling.unwrap();
        assert_eq!(taken.other_restrictions.as_deref(), Some(H3_ELSEWHERE));
    }

    #[test]
    fn without_a_word_on_passing_on_consent_is_needed() {
        let silent = pb::Handling { onward_sharing: None, ..handling() };
        assert_eq!(read(&silent).unwrap().onward, Onward::OriginatorConsent);
    }
}
