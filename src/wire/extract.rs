//! Of a draft, what must be known for good: labels, items, times that it sets, consent.
//!
//! Words outside their closed lists are violations of the message file, as in the rest of a draft.
//! The label is the strictest of the message's own and those of its attachments and results.

use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::acts::Act;
use crate::domain::bearing::{Bearing, Consent, ItemMark, Redirect};
use crate::domain::draft::code;
use crate::domain::due::{Due, DueSource};
use crate::domain::handling::{HandlingCode, HandlingCodes, Label};
use crate::domain::ids::{ContactPointId, ItemId, StateCode};
use crate::domain::limits::{CONSENT_STATES_MAX, ITEMS_MAX, STATED_DUES_MAX};
use crate::domain::obligation::{Obligation, StatedDue};
use crate::domain::violation::Violation;
use crate::wire::pb;

/// The word is in no list of labels.
const LABEL_UNKNOWN: &str = "LABEL_UNKNOWN";
/// More items, or States, than one message may name.
const TOO_MANY: &str = "LIMIT_EXCEEDED";

/// What a draft says, and what is wrong with it.
pub(super) struct Extract {
    /// What must be known for good.
    pub(super) bearing: Bearing,
    /// Every violation.
    pub(super) violations: Vec<Violation>,
}

/// Reads the bearing of a draft whose act is `act`, sent by an agency of `own` State.
pub(super) fn bearing(draft: &pb::Draft, act: Option<Act>, own: Option<StateCode>) -> Extract {
    let mut found = Extract { bearing: Bearing::silent(own), violations: Vec::new() };
    if let Some(handling) = &draft.handling {
        found.bearing.label = found.label("/handling", handling, &found.bearing.label.clone());
    }
    found.inner_labels(draft);
    let handling = draft.handling.as_ref();
    found.bearing.confidential =
        handling.and_then(|it| it.confidentiality_requested).unwrap_or(false);
    found.bearing.exercise = draft.exercise.unwrap_or(false);
    found.bearing.offer = draft.offer.unwrap_or(false);
    found.dues(draft);
    if let Some(act) = act {
        found.items(draft, act);
        found.consent(draft, act);
        found.bearing.redirect = redirect(draft).filter(|_| act == Act::RedirectNotice);
    }
    let relayed = draft.relay_of.as_deref().map(str::parse);
    match relayed.transpose() {
        Ok(relay_of) => found.bearing.relay_of = relay_of,
        Err(_) => found.add("/relay_of", code::MALFORMED, "it is a hyphenated UUID"),
    }
    found
}

impl Extract {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, text: impl Into<String>) {
        self.violations.push(Violation::new(pointer, code, text));
    }

    fn word<T: FromStr>(&mut self, pointer: String, text: Option<&str>, what: &str) -> Option<T> {
        let word = text?.parse::<T>();
        word.map_err(|_| self.add(pointer, LABEL_UNKNOWN, format!("it is {what}"))).ok()
    }

    fn label(&mut self, at: &str, handling: &pb::Handling, silent: &Label) -> Label {
        let tlp = self.word(
            format!("{at}/tlp"),
            handling.tlp.as_deref(),
            "a TLP 2.0 label such as TLP:AMBER, in capitals and without spaces",
        );
        let classification = self.word(
            format!("{at}/classification"),
            handling.classification.as_deref(),
            "R-UE/EU-R, C-UE/EU-C, S-UE/EU-S or TS-UE/EU-TS",
        );
        let onward = self.word(
            format!("{at}/onward_sharing"),
            handling.onward_sharing.as_deref(),
            "free, originator_consent or forbidden",
        );
        let originator = self.word(
            format!("{at}/originator"),
            handling.originator.as_deref(),
            "a State by its three letters",
        );
        let mut codes = HandlingCodes::default();
        for text in handling.handling_code.iter().flat_map(|it| it.split('+')) {
            let code: Option<HandlingCode> = self.word(
                format!("{at}/handling_code"),
                Some(text),
                "H0, H1, H2 or H3, several joined by +",
            );
            codes = code.map_or(codes, |code| codes.with(code));
        }
        Label {
            tlp: tlp.unwrap_or(silent.tlp),
            codes,
            classification,
            onward: onward.unwrap_or(silent.onward),
            originator: originator.or(silent.originator),
        }
    }

    /// Labels of what the message holds: each is at least as strict as nothing at all.
    fn inner_labels(&mut self, draft: &pb::Draft) {
        let mut inner: Vec<(String, &pb::Handling)> = Vec::new();
        let attachments = |at: &str, list: &'_ [pb::Attachment]| -> Vec<(String, usize)> {
            let labelled = list.iter().enumerate().filter(|(_, it)| it.handling.is_some());
            labelled.map(|(n, _)| (format!("{at}/{n}/handling"), n)).collect()
        };
        let lists = [
            ("/attachments".to_owned(), draft.attachments.as_slice()),
            (
                "/supplement/attachments".to_owned(),
                draft.supplement.as_ref().map_or(&[][..], |it| &it.attachments),
            ),
        ];
        for (at, list) in lists {
            for (pointer, n) in attachments(&at, list) {
                inner.extend(
                    list.get(n).and_then(|it| it.handling.as_ref()).map(|it| (pointer, it)),
                );
            }
        }
        let results = draft.result.as_ref().map_or(&[][..], |it| &it.items);
        for (n, item) in results.iter().enumerate() {
            let at = format!("/result/items/{n}");
            inner.extend(item.handling.as_ref().map(|it| (format!("{at}/handling"), it)));
            for (pointer, m) in attachments(&format!("{at}/attachments"), &item.attachments) {
                let handling = item.attachments.get(m).and_then(|it| it.handling.as_ref());
                inner.extend(handling.map(|it| (pointer, it)));
            }
        }
        for (pointer, handling) in inner {
            let own = self.bearing.label;
            let label = self.label(&pointer, handling, &own);
            self.bearing.label = own.join(label);
        }
    }

    fn time(&mut self, pointer: &str, text: Option<&str>) -> Option<Timestamp> {
        let time = Timestamp::parse(text?);
        if time.is_none() {
            self.add(pointer, code::MALFORMED, "it is an RFC 3339 time with an offset");
        }
        time
    }

    /// The end of a day, in UTC.
    fn day(&mut self, pointer: &str, text: Option<&str>) -> Option<Timestamp> {
        let time = Timestamp::parse(&format!("{}T23:59:59Z", text?));
        if time.is_none() {
            self.add(pointer, code::MALFORMED, "it is a day, YYYY-MM-DD");
        }
        time
    }

    fn owe(&mut self, obligation: Obligation, at: Option<Timestamp>, source: DueSource) {
        self.bearing.dues.extend(at.map(|at| StatedDue { obligation, at, source }));
    }

    fn dues(&mut self, draft: &pb::Draft) {
        use DueSource::{Agreed, Suggested, TreatyPhrase};
        let answer_by = draft.clarification.as_ref().and_then(|it| it.answer_by.as_deref());
        let at = self.time("/clarification/answer_by", answer_by);
        self.owe(Obligation::Clarify, at, Suggested);
        let answer_by = draft.conditions.as_ref().and_then(|it| it.answer_by.as_deref());
        let at = self.time("/conditions/answer_by", answer_by);
        self.owe(Obligation::AnswerConditions, at, Suggested);
        let answer_by = draft.consultation.as_ref().and_then(|it| it.answer_by.as_deref());
        let at = self.time("/consultation/answer_by", answer_by);
        self.owe(Obligation::AnswerConsultation, at, Suggested);
        let review_at = draft.postponement.as_ref().and_then(|it| it.review_at.as_deref());
        let at = self.time("/postponement/review_at", review_at);
        self.owe(Obligation::ReviewPostponement, at, Suggested);
        let disclosed_at = draft.disclosure.as_ref().and_then(|it| it.at.as_deref());
        let at = self.time("/disclosure/at", disclosed_at);
        self.owe(Obligation::NoticeBeforeDisclosure, at, TreatyPhrase);
        if let Some(safe) = &draft.safe_conduct {
            let told = safe.presence_no_longer_required_at.as_deref();
            let told = self.time("/safe_conduct/presence_no_longer_required_at", told);
            let days = safe.days_agreed;
            let source = if days.is_some() { Agreed } else { TreatyPhrase };
            let at = told.map(|told| Due::safe_conduct(told, days));
            self.owe(Obligation::SafeConductEnds, at, source);
        }
        let transfer = draft.custody_transfer.as_ref();
        let return_by = transfer.and_then(|it| it.return_by.as_deref());
        let at = self.day("/custody_transfer/return_by", return_by);
        self.owe(Obligation::ReturnPerson, at, TreatyPhrase);
        let handling = draft.handling.as_ref();
        let at = self.day("/handling/review_by", handling.and_then(|it| it.review_by.as_deref()));
        self.owe(Obligation::ReviewRetention, at, Agreed);
        let retained = handling.and_then(|it| it.retain_until.as_deref());
        let at = self.day("/handling/retain_until", retained);
        self.owe(Obligation::EndRetention, at, Agreed);
        let until = draft.art_18_5.as_ref().and_then(|it| it.until.as_deref());
        let at = self.day("/art_18_5/until", until);
        self.owe(Obligation::ConfidentialityEnds, at, TreatyPhrase);
        // One place is left for the confirmation in writing that an oral request owes.
        if self.bearing.dues.len() >= STATED_DUES_MAX {
            let text = format!("one message sets at most {} times", STATED_DUES_MAX - 1);
            self.add("", TOO_MANY, text);
            self.bearing.dues.truncate(STATED_DUES_MAX - 1);
        }
    }

    /// What the act does to which items: those that a request names, those that an act names, or
    /// those that a result tells one by one.
    fn items(&mut self, draft: &pb::Draft, act: Act) {
        let mut named: Vec<(String, Option<&str>, Act)> = Vec::new();
        if matches!(act, Act::Request | Act::SpontaneousInformation) {
            let asked = draft.assistance.as_ref().map_or(&[][..], |it| &it.items);
            for (n, item) in asked.iter().enumerate() {
                named.push((format!("/assistance/items/{n}/id"), item.id.as_deref(), act));
            }
        } else {
            for (n, item) in draft.items.iter().enumerate() {
                named.push((format!("/items/{n}"), Some(item), act));
            }
        }
        if matches!(act, Act::Result | Act::PartialResult) {
            let told = draft.result.as_ref().map_or(&[][..], |it| &it.items);
            for (n, item) in told.iter().enumerate().filter(|(_, it)| it.item.is_some()) {
                if let Some(act) = told_of(item.status.as_deref(), act) {
                    named.push((format!("/result/items/{n}/item"), item.item.as_deref(), act));
                }
            }
        }
        if named.len() > ITEMS_MAX {
            let text = format!("one message names at most {ITEMS_MAX} items");
            self.add("/items", TOO_MANY, text);
        }
        for (pointer, item, act) in named.into_iter().take(ITEMS_MAX) {
            match item.map(str::parse::<ItemId>) {
                Some(Ok(item)) if self.bearing.named().any(|it| *it == item) => {
                    self.add(pointer, "ITEM_REPEATED", "each item is named once");
                }
                Some(Ok(item)) => {
                    self.bearing.items.push(ItemMark { item: Some(item), act, seen: None });
                }
                Some(Err(why)) => self.add(pointer, code::MALFORMED, why.why),
                None => self.add(pointer, code::MISSING, "an item has an id, such as I1"),
            }
        }
    }

    fn consent(&mut self, draft: &pb::Draft, act: Act) {
        let Some(word) = draft.use_consent.as_ref() else { return };
        if !matches!(act, Act::UseConsent | Act::UseConsentRequest) {
            return;
        }
        if word.states.len() > CONSENT_STATES_MAX {
            let text = format!("it names at most {CONSENT_STATES_MAX} States");
            self.add("/use_consent/states", TOO_MANY, text);
        }
        let mut states = Vec::new();
        for (n, text) in word.states.iter().take(CONSENT_STATES_MAX).enumerate() {
            let pointer = format!("/use_consent/states/{n}");
            states.extend(self.word::<StateCode>(
                pointer,
                Some(text),
                "a State by its three letters",
            ));
        }
        let granted = word.granted.filter(|_| act == Act::UseConsent);
        self.bearing.consent = Some(Consent { granted, states });
    }
}

/// Where the request goes: passed on with the notice unless its sender says otherwise, or the desk
/// belongs to one of the two agencies that have the request already.
fn redirect(draft: &pb::Draft) -> Option<Redirect> {
    let said = draft.redirect.as_ref()?;
    let desk = |it: &str| it.parse::<ContactPointId>().ok();
    let competent = desk(said.to.as_deref()?)?;
    let near = draft.from.iter().chain(&draft.to).filter_map(|it| desk(it));
    let near = near.into_iter().any(|it| it.agency() == competent.agency());
    let passed_on = said.passed_on.unwrap_or(true) && !near;
    Some(if passed_on { Redirect::PassedOn(competent) } else { Redirect::Named(competent) })
}

/// What a result says of one item: delivered and not available end it, a refusal declines it, what
/// is pending goes on.
fn told_of(status: Option<&str>, act: Act) -> Option<Act> {
    match status {
        Some("delivered" | "not_available") => Some(Act::Result),
        Some("refused") => Some(Act::Refusal),
        Some("pending") => Some(Act::PartialResult),
        Some(_) | None => Some(act),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::handling::{Onward, Tlp};

    fn text(it: &str) -> Option<String> {
        Some(it.to_owned())
    }

    fn handling(tlp: &str) -> pb::Handling {
        pb::Handling { tlp: text(tlp), ..pb::Handling::default() }
    }

    fn read(draft: &pb::Draft, act: Act) -> (Bearing, Vec<String>) {
        let Extract { bearing, violations } = bearing(draft, Some(act), "ITA".parse().ok());
        (bearing, violations.into_iter().map(|it| format!("{} {}", it.pointer, it.code)).collect())
    }

    #[test]
    fn the_label_is_the_strictest_of_all_that_the_message_holds() {
        let attachment =
            pb::Attachment { handling: Some(handling("TLP:RED")), ..pb::Attachment::default() };
        let draft = pb::Draft {
            handling: Some(pb::Handling {
                handling_code: text("H1+H2"),
                onward_sharing: text("free"),
                ..handling("TLP:GREEN")
            }),
            attachments: vec![attachment],
            ..pb::Draft::default()
        };
        let (bearing, wrong) = read(&draft, Act::Request);
        assert_eq!((bearing.label.tlp, bearing.label.onward), (Tlp::Red, Onward::Free));
        assert_eq!(bearing.label.codes.codes().count(), 2);
        assert_eq!((bearing.label.originator, wrong), ("ITA".parse().ok(), Vec::new()));
        let (silent, _) = read(&pb::Draft::default(), Act::Request);
        assert_eq!(silent.label.onward, Onward::OriginatorConsent);
    }

    #[test]
    fn words_outside_the_lists_are_named_where_they_stand() {
        let draft = pb::Draft {
            handling: Some(pb::Handling {
                handling_code: text("H4"),
                onward_sharing: text("yes"),
                review_by: text("soon"),
                ..handling("TLP:WHITE")
            }),
            ..pb::Draft::default()
        };
        let expected = [
            "/handling/tlp LABEL_UNKNOWN",
            "/handling/onward_sharing LABEL_UNKNOWN",
            "/handling/handling_code LABEL_UNKNOWN",
            "/handling/review_by MALFORMED",
        ];
        assert_eq!(read(&draft, Act::Request).1, expected);
    }

    #[test]
    fn a_result_tells_items_one_by_one() {
        let item = |id: &str, status: &str| pb::ResultItem {
            item: text(id),
            status: text(status),
            ..pb::ResultItem::default()
        };
        let items = vec![item("I1", "delivered"), item("I2", "refused"), item("I3", "pending")];
        let result = Some(pb::ExecutionResult { items, ..pb::ExecutionResult::default() });
        let draft = pb::Draft { result, ..pb::Draft::default() };
        let (bearing, wrong) = read(&draft, Act::PartialResult);
        let acts: Vec<Act> = bearing.items.iter().map(|it| it.act).collect();
        assert_eq!(acts, [Act::Result, Act::Refusal, Act::PartialResult]);
        assert_eq!(wrong, Vec::<String>::new());
        let twice = pb::Draft { items: vec!["I1".to_owned(); 2], ..pb::Draft::default() };
        assert_eq!(read(&twice, Act::Refusal).1, ["/items/1 ITEM_REPEATED"]);
        let many = pb::Draft {
            items: (0..=ITEMS_MAX).map(|n| format!("I{n}")).collect(),
            ..pb::Draft::default()
        };
        assert_eq!(read(&many, Act::Refusal).1, ["/items LIMIT_EXCEEDED"]);
    }

    #[test]
    fn times_that_a_message_sets_are_owed_with_their_source() {
        let safe_conduct = Some(pb::SafeConduct {
            presence_no_longer_required_at: text("2026-01-01T00:00:00Z"),
            ..pb::SafeConduct::default()
        });
        let draft = pb::Draft { safe_conduct, ..pb::Draft::default() };
        let (bearing, _) = read(&draft, Act::SafeConductNotice);
        let expected = StatedDue {
            obligation: Obligation::SafeConductEnds,
            at: Timestamp::parse("2026-01-16T00:00:00Z").unwrap(),
            source: DueSource::TreatyPhrase,
        };
        assert_eq!(bearing.dues, [expected]);
    }

    #[test]
    fn a_message_sets_no_more_times_than_its_particulars_hold() {
        let at = || text("2026-02-01T00:00:00Z");
        let mut draft = pb::Draft {
            clarification: Some(pb::Clarification { answer_by: at(), ..Default::default() }),
            conditions: Some(pb::Conditions { answer_by: at(), ..Default::default() }),
            consultation: Some(pb::Consultation { answer_by: at(), ..Default::default() }),
            postponement: Some(pb::Postponement { review_at: at(), ..Default::default() }),
            disclosure: Some(pb::DisclosureNotice { at: at(), ..Default::default() }),
            ..pb::Draft::default()
        };
        assert_eq!(read(&draft, Act::Request).1, Vec::<String>::new());
        let review_by = text("2026-02-01");
        draft.handling = Some(pb::Handling { review_by, ..handling("TLP:GREEN") });
        let (bearing, wrong) = read(&draft, Act::Request);
        assert_eq!((bearing.dues.len(), wrong), (5, vec![" LIMIT_EXCEEDED".to_owned()]));
    }

    #[test]
    fn a_redirected_request_is_passed_on_to_another_agency_unless_its_sender_says_no() {
        let notice = |to: &str, passed_on| pb::Draft {
            from: text("are.authority/mla"),
            to: vec!["bra.authority/mla".to_owned()],
            redirect: Some(pb::Redirect { to: text(to), passed_on, ..pb::Redirect::default() }),
            ..pb::Draft::default()
        };
        let said = |to, passed_on| read(&notice(to, passed_on), Act::RedirectNotice).0.redirect;
        let third: ContactPointId = "mlt.authority/mla".parse().unwrap();
        for passed_on in [None, Some(true)] {
            let expected = Some(Redirect::PassedOn(third.clone()));
            assert_eq!(said("mlt.authority/mla", passed_on), expected);
        }
        assert_eq!(said("mlt.authority/mla", Some(false)), Some(Redirect::Named(third)));
        for near in ["are.authority/night", "bra.authority/night"] {
            let expected = Some(Redirect::Named(near.parse().unwrap()));
            assert_eq!(said(near, Some(true)), expected, "{near}");
        }
        assert_eq!(said("nobody", None), None);
        assert_eq!(read(&notice("mlt.authority/mla", None), Act::Request).0.redirect, None);
    }

    #[test]
    fn consent_names_states_and_whether_it_is_granted() {
        let word = |granted| {
            let states = vec!["MLT".to_owned()];
            pb::Draft {
                use_consent: Some(pb::UseConsent { states, granted, ..pb::UseConsent::default() }),
                ..pb::Draft::default()
            }
        };
        let states: Vec<StateCode> = vec!["MLT".parse().unwrap()];
        let consent = |granted| Some(Consent { granted, states: states.clone() });
        assert_eq!(read(&word(Some(true)), Act::UseConsent).0.consent, consent(Some(true)));
        assert_eq!(read(&word(Some(true)), Act::UseConsentRequest).0.consent, consent(None));
        assert_eq!(read(&word(Some(true)), Act::Request).0.consent, None);
    }
}
