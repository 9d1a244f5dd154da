//! Numbers of mobile subscribers (ITU-T E.212): country, network, subscriber. No check digit.

use std::str::FromStr;

use super::ascii::{Ascii, shown_by_length};
use super::fault::{EntityFault, fault};

/// A subscriber's number: fourteen or fifteen digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Imsi(Ascii<15>);

/// Mobile country codes in use, as published in 2025; 901 and above belong to no country. The
/// codes of test networks (001, 999) are left out.
#[rustfmt::skip]
static COUNTRY_CODES: [u16; 235] = [
    202, 204, 206, 208, 212, 213, 214, 216, 218, 219, 220, 221, 222, 226, 228, 230, 231, 232, 234,
    235, 238, 240, 242, 244, 246, 247, 248, 250, 255, 257, 259, 260, 262, 266, 268, 270, 272, 274,
    276, 278, 280, 282, 283, 284, 286, 288, 289, 290, 292, 293, 294, 295, 297, 302, 308, 310, 311,
    312, 313, 314, 316, 330, 334, 338, 340, 342, 344, 346, 348, 350, 352, 354, 356, 358, 360, 362,
    363, 364, 365, 366, 368, 370, 372, 374, 376, 400, 401, 402, 404, 405, 410, 412, 413, 414, 415,
    416, 417, 418, 419, 420, 421, 422, 424, 425, 426, 427, 428, 429, 432, 434, 436, 437, 438, 440,
    441, 450, 452, 454, 455, 456, 457, 460, 466, 467, 470, 472, 502, 505, 510, 514, 515, 520, 525,
    528, 530, 536, 537, 539, 540, 541, 542, 543, 544, 545, 546, 547, 548, 549, 550, 551, 552, 553,
    554, 555, 602, 603, 604, 605, 606, 607, 608, 609, 610, 611, 612, 613, 614, 615, 616, 617, 618,
    619, 620, 621, 622, 623, 624, 625, 626, 627, 628, 629, 630, 631, 632, 633, 634, 635, 636, 637,
    638, 639, 640, 641, 642, 643, 645, 646, 647, 648, 649, 650, 651, 652, 653, 654, 655, 657, 658,
    659, 702, 704, 706, 708, 710, 712, 714, 716, 722, 724, 730, 732, 734, 736, 738, 740, 742, 744,
    746, 748, 750, 901, 902, 991, 995,
];

impl Imsi {
    /// The digits.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The mobile country code, the first three digits.
    pub fn mobile_country_code(&self) -> &str {
        self.as_str().get(..3).unwrap_or_default()
    }

    /// Is the mobile country code in use? A no may be an error, or a code newer than the list.
    pub fn is_country_code_known(&self) -> bool {
        let code = self.mobile_country_code().parse::<u16>();
        code.is_ok_and(|it| COUNTRY_CODES.binary_search(&it).is_ok())
    }
}

impl FromStr for Imsi {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        let shape = fault("BAD_IMSI_SHAPE", "an IMSI is 14 or 15 digits");
        if !matches!(text.len(), 14 | 15) || !text.bytes().all(|it| it.is_ascii_digit()) {
            return Err(shape);
        }
        Ok(Self(Ascii::read(text).ok_or(shape)?))
    }
}

shown_by_length!(Imsi);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_code_is_known_or_not() {
        for (text, known) in [
            ("429011234567890", true),
            ("310150123456789", true),
            ("460001234567890", true),
            ("439011234567890", false),
            ("001011234567890", false),
        ] {
            let imsi: Imsi = text.parse().unwrap();
            assert_eq!((imsi.as_str(), imsi.is_country_code_known()), (text, known));
        }
        assert!(COUNTRY_CODES.is_sorted());
    }

    #[test]
    fn a_number_has_14_or_15_digits() {
        assert!("42901123456789".parse::<Imsi>().is_ok());
        for text in ["", "4290112345678", "4290112345678901", "42901123456789A"] {
            assert_eq!(text.parse::<Imsi>().unwrap_err().code, "BAD_IMSI_SHAPE", "{text}");
        }
    }
}
