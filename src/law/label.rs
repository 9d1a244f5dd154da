//! Handling labels as message files write them.

use crate::domain::handling::{Classification, HandlingCode, HandlingCodes, Label, Onward, Tlp};
use crate::domain::ids::StateCode;
use crate::wire::pb;

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

    #[test]
    fn without_a_word_on_passing_on_consent_is_needed() {
        let silent = pb::Handling { onward_sharing: None, ..handling() };
        assert_eq!(read(&silent).unwrap().onward, Onward::OriginatorConsent);
    }
}
