//! Maritime mobile service identities (Recommendation ITU-R M.585-9): nine digits that tell who
//! transmits and, by three of them, whose flag it says it flies.

use std::ops::RangeInclusive;
use std::str::FromStr;

use super::ascii::{Ascii, digits, shown_by_length};
use super::fault::{EntityFault, fault};

/// What transmits under an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MmsiKind {
    /// A ship station: flag and six digits.
    Ship,
    /// A group of ships: `0`, flag.
    Group,
    /// A coast station: `00`, flag.
    Coast,
    /// An aircraft in search and rescue: `111`, flag.
    SarAircraft,
    /// A hand-held radio: `8`, flag.
    HandHeld,
    /// An aid to navigation: `99`, flag.
    AidToNavigation,
    /// A craft of a parent ship: `98`, flag.
    Craft,
    /// A search-and-rescue transmitter: `970`.
    RescueTransmitter,
    /// A man-overboard device: `972`.
    ManOverboard,
    /// An emergency beacon: `974`.
    EmergencyBeacon,
}

/// Maritime identification digits and the flag they stand for. What is not in this list may be
/// assigned all the same.
static FLAGS: [(RangeInclusive<u16>, &str); 12] = [
    (214..=214, "MDA"),
    (219..=219, "DNK"),
    (237..=237, "GRC"),
    (247..=247, "ITA"),
    (256..=256, "MLT"),
    (271..=271, "TUR"),
    (310..=310, "BMU"),
    (351..=357, "PAN"),
    (370..=374, "PAN"),
    (642..=642, "LBY"),
    (667..=667, "SLE"),
    (672..=672, "TUN"),
];

/// A maritime mobile service identity of a kind that exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mmsi {
    text: Ascii<9>,
    kind: MmsiKind,
    mid: Option<u16>,
}

impl Mmsi {
    /// The nine digits.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// What transmits.
    pub fn kind(&self) -> MmsiKind {
        self.kind
    }

    /// The maritime identification digits, 201 to 775; `None` for a distress device, which has
    /// none.
    pub fn mid(&self) -> Option<u16> {
        self.mid
    }

    /// The flag that the digits stand for, ISO 3166-1 alpha-3; `None` if they are not in the list.
    pub fn flag(&self) -> Option<&'static str> {
        let mid = self.mid?;
        FLAGS.iter().find(|(range, _)| range.contains(&mid)).map(|(_, flag)| *flag)
    }

    /// Do the digits stand for `flag` (alpha-3)? `None` if nothing is known of them. A no may be
    /// a false flag, or a ship that changed its flag and kept its radio.
    pub fn agrees_with_flag(&self, flag: &str) -> Option<bool> {
        self.flag().map(|it| it == flag)
    }
}

/// The kind, and where its three identification digits begin.
fn kind_of(text: &str) -> Option<(MmsiKind, Option<usize>)> {
    const PREFIXES: [(&str, MmsiKind, Option<usize>); 9] = [
        ("00", MmsiKind::Coast, Some(2)),
        ("0", MmsiKind::Group, Some(1)),
        ("111", MmsiKind::SarAircraft, Some(3)),
        ("8", MmsiKind::HandHeld, Some(1)),
        ("98", MmsiKind::Craft, Some(2)),
        ("99", MmsiKind::AidToNavigation, Some(2)),
        ("970", MmsiKind::RescueTransmitter, None),
        ("972", MmsiKind::ManOverboard, None),
        ("974", MmsiKind::EmergencyBeacon, None),
    ];
    if matches!(text.as_bytes().first(), Some(b'2'..=b'7')) {
        return Some((MmsiKind::Ship, Some(0)));
    }
    let found = PREFIXES.iter().find(|(prefix, ..)| text.starts_with(prefix));
    found.map(|(_, kind, at)| (*kind, *at))
}

impl FromStr for Mmsi {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let shape = fault("BAD_MMSI_SHAPE", "an MMSI is nine digits");
        let digits: [u32; 9] = digits(text).ok_or(shape)?;
        let why = "the first digits of an MMSI name a kind of station";
        let (kind, at) = kind_of(text).ok_or(fault("BAD_MMSI_KIND", why))?;
        let mid = at.and_then(|at| digits.get(at..at + 3));
        let mid = mid.map(|it| it.iter().fold(0, |sum, digit| sum * 10 + digit));
        if mid.is_some_and(|it| !(201..=775).contains(&it)) {
            let why = "the identification digits of an MMSI are 201 to 775";
            return Err(fault("BAD_MMSI_MID", why));
        }
        let mid = mid.and_then(|it| u16::try_from(it).ok());
        Ok(Self { text: Ascii::read(text).ok_or(shape)?, kind, mid })
    }
}

shown_by_length!(Mmsi);

#[cfg(test)]
mod tests {
    use super::*;

    fn mmsi(text: &str) -> Mmsi {
        text.parse().unwrap()
    }

    fn code(text: &str) -> Option<&'static str> {
        text.parse::<Mmsi>().err().map(|it| it.code)
    }

    #[test]
    fn digits_that_are_not_the_flag_are_seen() {
        assert_eq!(mmsi("352999001").agrees_with_flag("PAN"), Some(true));
        assert_eq!(mmsi("214999001").agrees_with_flag("PAN"), Some(false));
        assert_eq!(mmsi("214999001").flag(), Some("MDA"));
        assert_eq!(mmsi("255999001").agrees_with_flag("PRT"), None, "not in the list");
        assert_eq!(mmsi("970123456").agrees_with_flag("PAN"), None, "no digits of a flag");
    }

    #[test]
    fn listed_digits_stand_for_their_flag() {
        let listed = [
            (247, "ITA"),
            (256, "MLT"),
            (271, "TUR"),
            (237, "GRC"),
            (642, "LBY"),
            (672, "TUN"),
            (214, "MDA"),
            (219, "DNK"),
            (310, "BMU"),
            (667, "SLE"),
        ];
        let panama = (351..=357).chain(370..=374).map(|mid| (mid, "PAN"));
        for (mid, flag) in listed.into_iter().chain(panama) {
            assert_eq!(mmsi(&format!("{mid}123456")).flag(), Some(flag), "{mid}");
        }
        for mid in [350, 358, 369, 375] {
            assert_ne!(mmsi(&format!("{mid}123456")).flag(), Some("PAN"), "{mid}");
        }
    }

    #[test]
    fn every_kind_is_known_by_its_first_digits() {
        for (text, kind, mid) in [
            ("247123456", MmsiKind::Ship, Some(247)),
            ("024712345", MmsiKind::Group, Some(247)),
            ("002471234", MmsiKind::Coast, Some(247)),
            ("111247123", MmsiKind::SarAircraft, Some(247)),
            ("824712345", MmsiKind::HandHeld, Some(247)),
            ("992471234", MmsiKind::AidToNavigation, Some(247)),
            ("982471234", MmsiKind::Craft, Some(247)),
            ("970123456", MmsiKind::RescueTransmitter, None),
            ("972123456", MmsiKind::ManOverboard, None),
            ("974123456", MmsiKind::EmergencyBeacon, None),
        ] {
            let mmsi = mmsi(text);
            assert_eq!((mmsi.as_str(), mmsi.kind(), mmsi.mid()), (text, kind, mid));
        }
        for text in ["112247123", "123456789", "973123456", "960000000"] {
            assert_eq!(code(text), Some("BAD_MMSI_KIND"), "{text}");
        }
    }

    #[test]
    fn identification_digits_are_201_to_775() {
        for (text, found) in [("200123456", Some("BAD_MMSI_MID")), ("201123456", None)] {
            assert_eq!(code(text), found);
        }
        for (text, found) in [("775123456", None), ("776123456", Some("BAD_MMSI_MID"))] {
            assert_eq!(code(text), found);
        }
        assert_eq!(code("000471234"), Some("BAD_MMSI_MID"));
    }

    #[test]
    fn an_identity_is_nine_digits() {
        for text in ["", "24712345", "2471234567", "24712345A"] {
            assert_eq!(code(text), Some("BAD_MMSI_SHAPE"), "{text}");
        }
    }
}
