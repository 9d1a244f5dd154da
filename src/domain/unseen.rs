//! Signs that are not seen, or that make others read as something else; and texts that look alike.
//!
//! Sources: Unicode Standard Annex 9 (marks of direction), Unicode Technical Report 36, 2.10, and
//! Unicode Technical Standard 39 (skeletons, and where joiners have a meaning).

use std::iter;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{MixedScript as _, confusable_detection};

/// Is a sign one that nothing shows of, or that moves or reorders what stands beside it: control,
/// line separators, marks and overrides of direction, joiners and spaces of no width, fillers,
/// variation selectors, tags?
pub fn is_unseen(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}')
        || matches!(sign, '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}')
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(sign, '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}')
        || matches!(sign, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
        || matches!(sign, '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}')
        || matches!(sign, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

const fn is_joiner(sign: char) -> bool {
    matches!(sign, '\u{200c}' | '\u{200d}')
}

/// Of scripts whose letters join, or whose spelling needs joiners: Arabic to Mandaic, the scripts of
/// India and Sri Lanka, Myanmar, Khmer, Mongolian.
const fn is_of_joined_script(sign: char) -> bool {
    matches!(sign, '\u{620}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}')
        || matches!(sign, '\u{1780}'..='\u{17d3}' | '\u{1820}'..='\u{18aa}')
}

/// Ideographs, of which names may choose a variant.
const fn is_ideograph(sign: char) -> bool {
    matches!(sign, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
        || matches!(sign, '\u{20000}'..='\u{323af}')
}

/// The signs of a text, each with its place in bytes and whether it is unseen *there*: a joiner
/// between two letters of a script that needs it is spelling, and so is the variant of an ideograph.
pub fn signs(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let mut before = None;
    let mut signs = text.char_indices().peekable();
    iter::from_fn(move || {
        let (at, sign) = signs.next()?;
        let after = signs.peek().map(|(_, it)| *it);
        let last = before.replace(sign);
        let joins = is_joiner(sign) && [last, after].iter().flatten().count() == 2;
        let joins = joins && [last, after].into_iter().flatten().all(is_of_joined_script);
        let variant = matches!(sign, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
        let spelling = joins || (variant && last.is_some_and(is_ideograph));
        Some((at, sign, is_unseen(sign) && !spelling))
    })
}

/// Whether a text has a sign that is unseen where it stands.
pub fn has_unseen(text: &str) -> bool {
    if text.is_ascii() {
        return text.bytes().any(|byte| byte.is_ascii_control());
    }
    signs(text).any(|(_, _, unseen)| unseen)
}

/// Whether a text is in composed form (NFC): one spelling for what reads the same.
pub fn is_composed(text: &str) -> bool {
    text.is_ascii() || text.nfc().eq(text.chars())
}

/// What is left of a text when look-alikes are made one (the skeleton of UTS 39), also across upper
/// and lower case: two texts with the same skeleton are easily taken for each other.
pub fn skeleton(text: &str) -> String {
    let first: String = confusable_detection::skeleton(text).collect();
    confusable_detection::skeleton(&first.to_lowercase()).collect()
}

/// Whether letters of several scripts stand within one word, as in `Coast` with a Cyrillic o. The
/// scripts of Japan, Korea and Taiwan that are written together count as one (UTS 39, 5.1).
pub fn mixes_scripts(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| !word.is_single_script())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joiners_and_variants_are_spelling_only_where_their_script_needs_them() {
        for text in ["نازنین\u{200c}زهرا", "श्री\u{200d}म", "葛\u{e0100}城", "Łódź 1/2", "محمود"]
        {
            assert!(!has_unseen(text), "{}", text.escape_unicode());
        }
        for text in [
            "Coast\u{200d}Guard",
            "نازنین\u{200c}",
            "\u{200c}نازنین",
            "ن\u{200c}\u{200c}ز",
            "a\u{e0100}",
            "a\u{fe0f}",
            "Coast\u{ad}Guard",
            "\u{1b}[2J",
        ] {
            assert!(has_unseen(text), "{}", text.escape_unicode());
        }
        let found: Vec<_> = signs("é\u{202e}x").map(|(at, _, unseen)| (at, unseen)).collect();
        assert_eq!(found, [(0, false), (2, true), (5, false)]);
    }

    #[test]
    fn every_mark_of_direction_is_unseen() {
        let marks = ['\u{61c}', '\u{200e}', '\u{200f}'];
        let marks = marks.into_iter().chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        assert_eq!(marks.clone().count(), 12, "Unicode Standard Annex 9, table 4");
        assert!(marks.clone().all(is_unseen));
    }

    #[test]
    fn composed_forms_are_told_from_others() {
        assert!(is_composed("Zürich") && is_composed("Zurich"));
        assert!(!is_composed("Zu\u{308}rich"));
        assert!(!is_composed("\u{212b}ngström"), "the sign of the unit is no letter");
    }

    #[test]
    fn a_word_of_two_scripts_is_found() {
        for text in ["Cоast Guard", "Αthens", "pаypal"] {
            assert!(mixes_scripts(text), "{text}");
        }
        for text in ["Coast Guard", "Береговая охрана", "海上保安庁の窓口", "Hub-2 (Αθήνα)"]
        {
            assert!(!mixes_scripts(text), "{text}");
        }
    }
}
