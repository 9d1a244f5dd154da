//! Names in the letters A to Z (ICAO 9303-3 section 6), and keys by which names are compared.
//!
//! In a machine-readable zone an Arabic name has consonants only, and an X before sounds that have
//! no letter: محمد is `MXHMD`. The same name in Latin letters has a dozen spellings. A key takes
//! escapes, vowels and doubled letters away, so that all of these meet. It loses much on purpose:
//! equal keys ask for a second look and never say that two people are one.
//!
//! Rows for hamza and its bearers and for teh marbuta have not been compared with the document.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

#[rustfmt::skip]
static LATIN: [(char, &str); 22] = [
    ('Ä', "AE"), ('Å', "AA"), ('Æ', "AE"), ('Ð', "D"), ('Ñ', "N"), ('Ö', "OE"), ('Ø', "OE"),
    ('Ü', "UE"), ('Þ', "TH"), ('ß', "SS"), ('Đ', "D"), ('Ħ', "H"), ('ı', "I"), ('Ĳ', "IJ"),
    ('ĸ', "Q"), ('Ŀ', "L"), ('Ł', "L"), ('Ŋ', "N"), ('Œ', "OE"), ('Ŧ', "T"), ('ſ', "S"),
    ('ẞ', "SS"),
];

#[rustfmt::skip]
static GREEK: [(char, &str); 25] = [
    ('Α', "A"), ('Β', "V"), ('Γ', "G"), ('Δ', "D"), ('Ε', "E"), ('Ζ', "Z"), ('Η', "I"),
    ('Θ', "TH"), ('Ι', "I"), ('Κ', "K"), ('Λ', "L"), ('Μ', "M"), ('Ν', "N"), ('Ξ', "X"),
    ('Ο', "O"), ('Π', "P"), ('Ρ', "R"), ('Σ', "S"), ('Τ', "T"), ('Υ', "Y"), ('Φ', "F"),
    ('Χ', "CH"), ('Ψ', "PS"), ('Ω', "O"), ('ς', "S"),
];

#[rustfmt::skip]
static CYRILLIC: [(char, &str); 48] = [
    ('Ё', "E"), ('Ђ', "D"), ('Ѓ', "G"), ('Є', "IE"), ('Ѕ', "DZ"), ('І', "I"), ('Ї', "I"),
    ('Ј', "J"), ('Љ', "LJ"), ('Њ', "NJ"), ('Ќ', "K"), ('Ў', "U"), ('Џ', "DZ"), ('А', "A"),
    ('Б', "B"), ('В', "V"), ('Г', "G"), ('Д', "D"), ('Е', "E"), ('Ж', "ZH"), ('З', "Z"),
    ('И', "I"), ('Й', "I"), ('К', "K"), ('Л', "L"), ('М', "M"), ('Н', "N"), ('О', "O"),
    ('П', "P"), ('Р', "R"), ('С', "S"), ('Т', "T"), ('У', "U"), ('Ф', "F"), ('Х', "KH"),
    ('Ц', "TS"), ('Ч', "CH"), ('Ш', "SH"), ('Щ', "SHCH"), ('Ъ', "IE"), ('Ы', "Y"), ('Ь', ""),
    ('Э', "E"), ('Ю', "IU"), ('Я', "IA"), ('Ѫ', "U"), ('Ґ', "G"), ('Һ', "C"),
];

/// With the letters that Persian, Urdu and Pashto add; signs of vowels are left out.
#[rustfmt::skip]
static ARABIC: [(char, &str); 76] = [
    ('ء', "XE"), ('آ', "XAA"), ('أ', "XAE"), ('ؤ', "U"), ('إ', "I"), ('ئ', "XI"), ('ا', "A"),
    ('ب', "B"), ('ة', "XTA"), ('ت', "T"), ('ث', "XTH"), ('ج', "J"), ('ح', "XH"), ('خ', "XKH"),
    ('د', "D"), ('ذ', "XDH"), ('ر', "R"), ('ز', "Z"), ('س', "S"), ('ش', "XSH"), ('ص', "XSS"),
    ('ض', "XDZ"), ('ط', "XTT"), ('ظ', "XZZ"), ('ع', "E"), ('غ', "G"), ('ـ', ""), ('ف', "F"),
    ('ق', "Q"), ('ك', "K"), ('ل', "L"), ('م', "M"), ('ن', "N"), ('ه', "H"), ('و', "W"),
    ('ى', "XAY"), ('ي', "Y"), ('\u{64b}', ""), ('\u{64c}', ""), ('\u{64d}', ""),
    ('\u{64e}', ""), ('\u{64f}', ""), ('\u{650}', ""), ('\u{651}', ""), ('\u{652}', ""),
    ('\u{670}', ""), ('ٱ', "XXA"), ('ٹ', "XXT"), ('ټ', "XRT"), ('پ', "P"), ('ځ', "XKE"),
    ('څ', "XXH"), ('چ', "XC"), ('ڈ', "XXD"), ('ډ', "XDR"), ('ڑ', "XXR"), ('ړ', "XRR"),
    ('ږ', "XRX"), ('ژ', "XJ"), ('ښ', "XXS"), ('ک', "XKK"), ('ګ', "XXK"), ('ڭ', "XNG"),
    ('گ', "XGG"), ('ں', "XNN"), ('ڼ', "XXN"), ('ھ', "XDO"), ('ۀ', "XYH"), ('ہ', "XXG"),
    ('ۂ', "XGE"), ('ۃ', "XTG"), ('ی', "XYA"), ('ۍ', "XXY"), ('ې', "Y"), ('ے', "XYB"),
    ('ۓ', "XBE"),
];

fn row(letter: char) -> Option<&'static str> {
    let table: &[(char, &str)] = match letter {
        '\u{80}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => &LATIN,
        '\u{370}'..='\u{3ff}' => &GREEK,
        '\u{400}'..='\u{52f}' => &CYRILLIC,
        '\u{600}'..='\u{6ff}' => &ARABIC,
        _ => return None,
    };
    let at = table.binary_search_by_key(&letter, |(it, _)| *it).ok()?;
    table.get(at).map(|(_, row)| *row)
}

fn is_apart(sign: char) -> bool {
    sign.is_whitespace() || matches!(sign, '<' | '-' | ',' | '\u{2010}'..='\u{2015}')
}

fn is_left_out(sign: char) -> bool {
    matches!(sign, '\'' | '.' | '’' | '‘' | 'ʼ' | 'ʾ' | 'ʿ' | '`' | '\u{200c}' | '\u{200d}')
        || unicode_normalization::char::is_combining_mark(sign)
}

/// Writes `sign` in A to Z; false if no table has it.
fn write(out: &mut String, sign: char) -> bool {
    if sign.is_ascii_alphabetic() {
        out.push(sign.to_ascii_uppercase());
        return true;
    }
    if is_left_out(sign) && row(sign).is_none() {
        return true;
    }
    let mut upper = sign.to_uppercase();
    if let Some(row) = row(sign).or_else(|| row(upper.next().unwrap_or(sign))) {
        out.push_str(row);
        return true;
    }
    let mut known = false;
    for part in sign.nfd() {
        let base = part.to_uppercase().next().unwrap_or(part);
        if part.is_ascii_alphabetic() {
            out.push(base);
            known = true;
        } else if part != sign
            && let Some(row) = row(base)
        {
            out.push_str(row);
            known = true;
        }
    }
    known
}

/// A name in the letters of a machine-readable zone, its words joined by `<`. `None` if a sign is
/// in no table: scripts other than Latin, Greek, Cyrillic and Arabic are transliterated by people.
pub fn to_mrz(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    for sign in name.nfc() {
        if !is_apart(sign) {
            write(&mut out, sign).then_some(())?;
        } else if !out.is_empty() && !out.ends_with('<') {
            out.push('<');
        }
    }
    out.truncate(out.trim_end_matches('<').len());
    (!out.is_empty()).then_some(out)
}

/// Escapes of Arabic letters and what they count as in a key, the longest first; what stands for
/// a vowel counts as nothing.
static ESCAPES: [(&str, &str); 22] = [
    ("XTH", "TH"),
    ("XKH", "KH"),
    ("XDH", "DH"),
    ("XSH", "SH"),
    ("XSS", "S"),
    ("XDZ", "D"),
    ("XTT", "T"),
    ("XZZ", "Z"),
    ("XTA", ""),
    ("XAH", ""),
    ("XAY", ""),
    ("XAA", "A"),
    ("XAE", "A"),
    ("XYA", ""),
    ("XKK", "K"),
    ("XGG", "G"),
    ("XNN", "N"),
    ("XH", "H"),
    ("XE", ""),
    ("XI", ""),
    ("XC", "CH"),
    ("XJ", "ZH"),
];

/// What is left of a name when script, vowels, doubled letters and escapes are taken away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComparisonKey(String);

/// One word, in A to Z, without what spellings differ in.
fn skeleton(word: &str) -> String {
    let mut key = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(sign) = rest.chars().next() {
        let escape = ESCAPES.iter().find(|(escape, _)| rest.starts_with(escape));
        let (taken, meant) = match escape {
            Some((escape, meant)) => (escape.len(), *meant),
            None => (sign.len_utf8(), rest.get(..sign.len_utf8()).unwrap_or_default()),
        };
        rest = rest.get(taken..).unwrap_or_default();
        for sign in meant.chars() {
            let sound = match sign {
                'A' | 'E' | 'I' | 'O' | 'U' if key.is_empty() => 'A',
                'W' | 'Y' if !key.is_empty() => continue,
                'A' | 'E' | 'I' | 'O' | 'U' => continue,
                'Q' => 'K',
                other => other,
            };
            if !key.ends_with(sound) {
                key.push(sound);
            }
        }
    }
    if key.len() > 1 && key.ends_with('H') {
        key.pop();
    }
    key
}

impl ComparisonKey {
    /// The key of a name in any script, or of a name from a machine-readable zone. Signs of
    /// scripts that have no table stay as they are.
    pub fn of(name: &str) -> Self {
        let mut plain = String::with_capacity(name.len());
        for sign in name.nfc() {
            if is_apart(sign) {
                plain.push(' ');
            } else if !write(&mut plain, sign) {
                plain.extend(sign.to_uppercase());
            }
        }
        let mut key = String::with_capacity(plain.len());
        let mut article = false;
        for word in plain.split_whitespace() {
            // The Arabic article belongs to the word that it stands before.
            let joined = article || key.is_empty();
            key.push_str(if joined { "" } else { " " });
            key.push_str(&skeleton(word));
            article = matches!(word, "AL" | "EL" | "UL");
        }
        Self(key)
    }

    /// May both names be the same? An empty key says nothing and meets none.
    pub fn meets(&self, other: &Self) -> bool {
        !self.0.is_empty() && self == other
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ComparisonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ComparisonKey({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order_and_have_no_row_twice() {
        for table in [&LATIN[..], &GREEK, &CYRILLIC, &ARABIC] {
            assert!(table.is_sorted_by(|one, other| one.0 < other.0));
            for (letter, written) in table {
                assert_eq!(row(*letter), Some(*written), "{letter}");
                assert!(written.bytes().all(|it| it.is_ascii_uppercase()), "{letter}");
            }
        }
    }

    fn mrz(text: &str) -> String {
        to_mrz(text).unwrap()
    }

    #[test]
    fn cyrillic_and_latin_letters_have_their_rows() {
        for (letter, written) in [
            ("Щ", "SHCH"),
            ("Х", "KH"),
            ("Ц", "TS"),
            ("Ж", "ZH"),
            ("Ю", "IU"),
            ("Я", "IA"),
            ("Й", "I"),
            ("Э", "E"),
            ("Ы", "Y"),
            ("Ї", "I"),
            ("Є", "IE"),
            ("Ä", "AE"),
            ("Ö", "OE"),
            ("Ø", "OE"),
            ("Å", "AA"),
            ("ç", "C"),
            ("ß", "SS"),
            ("þ", "TH"),
            ("ü", "UE"),
            ("é", "E"),
            ("e\u{301}", "E"),
            ("ł", "L"),
            ("ế", "E"),
        ] {
            assert_eq!(mrz(letter), written, "{letter}");
        }
        assert_eq!(mrz("Щербаков Юрий"), "SHCHERBAKOV<IURII");
        assert_eq!(mrz("María José O’Neill-García"), "MARIA<JOSE<ONEILL<GARCIA");
    }

    #[test]
    fn greek_rho_is_r() {
        assert_eq!(mrz("Ρ"), "R");
        assert_eq!(mrz("Γιώργος"), "GIORGOS");
    }

    #[test]
    fn arabic_has_consonants_and_escapes() {
        for (letter, written) in
            [("ث", "XTH"), ("ح", "XH"), ("ش", "XSH"), ("ص", "XSS"), ("ي", "Y"), ("خ", "XKH")]
        {
            assert_eq!(mrz(letter), written, "{letter}");
        }
        assert_eq!(mrz("محمد"), "MXHMD");
        assert_eq!(mrz("مُحَمَّد"), "MXHMD", "signs of vowels are left out");
    }

    #[test]
    fn scripts_without_a_table_are_left_to_people() {
        for text in ["አበበ", "রফিকুল", "李", "Anna 李", "Karim 2", "", " - "] {
            assert_eq!(to_mrz(text), None, "{text}");
        }
    }

    fn same(names: &[&str]) {
        let keys: Vec<_> = names.iter().map(|it| ComparisonKey::of(it)).collect();
        for (name, key) in names.iter().zip(&keys) {
            assert_eq!(key.as_str(), keys[0].as_str(), "{name}");
        }
    }

    #[test]
    fn spellings_of_one_name_meet() {
        same(&["Mohammed", "MXHMD", "محمد", "Muhammad", "Mohamed", "MOHAMMED", "مُحَمَّد"]);
        same(&["Mahmoud", "Mahmood", "محمود", "MXHMWD"]);
        same(&["Rashid", "Rasheed", "رشيد", "RXSHYD"]);
        same(&["Nasser", "Nasir", "ناصر", "NAXSSR"]);
        same(&["Ahmed", "Ahmad", "أحمد", "XAEXHMD"]);
        same(&["Omar", "Umar", "عمر", "EMR"]);
        same(&["Yusuf", "Youssef", "يوسف"]);
        same(&["Fatima", "Fatimah", "فاطمة"]);
        same(&["Al-Rashid", "AL<RASHID", "el Rasheed", "الرشيد"]);
        same(&["Karim", "Qarim", "كريم", "کریم"]);
        same(&["Müller", "MUELLER", "Muller"]);
    }

    #[test]
    fn other_names_do_not_meet() {
        let keys = ["Mohammed", "Mahmoud Ali", "Hamid", "Ahmed", "Rashid", "李", "አበበ"];
        let keys = keys.map(ComparisonKey::of);
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{}", key.as_str());
        }
    }

    #[test]
    fn mohammed_and_mahmoud_are_not_told_apart() {
        // What the vowels carry is lost: a key asks for a second look and decides nothing.
        assert_eq!(ComparisonKey::of("Mohammed"), ComparisonKey::of("Mahmoud"));
    }

    #[test]
    fn an_empty_key_meets_none() {
        let keys = ["\u{301}", "", "Mohammed", "MXHMD"].map(ComparisonKey::of);
        assert!(keys[0] == keys[1] && !keys[0].meets(&keys[1]));
        assert!(keys[2].meets(&keys[3]) && !keys[2].meets(&keys[0]));
    }

    #[test]
    fn debug_shows_no_name() {
        assert_eq!(format!("{:?}", ComparisonKey::of("Mohammed")), "ComparisonKey(4 bytes)");
    }
}
