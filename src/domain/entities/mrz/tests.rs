//! Specimens and their check digits; what is caught, and what is not.

use super::*;

const TD3: [&str; 2] = [
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
];
const TD2: [&str; 2] =
    ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"];
const TD1: [&str; 3] = [
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
];
const VISA: [&str; 2] = [
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
];
const ECUADOR: [&str; 2] = [
    "P<ECUQUISPE<MAMANI<<LUZ<ELENA<<<<<<<<<<<<<<<",
    "EC00000174ECU9203147F2909303<<<<<<<<<<<<<<<8",
];

fn read(lines: &[&str]) -> Mrz {
    Mrz::read(lines).unwrap()
}

fn code(lines: &[&str]) -> &'static str {
    Mrz::read(lines).unwrap_err().code
}

fn computed(mrz: &Mrz) -> Vec<Option<u8>> {
    Checked::ALL.iter().map(|it| mrz.check_digit(*it).map(|it| it.computed)).collect()
}

#[test]
fn every_format_is_known_by_its_lines() {
    let canada = [
        "P<CANMARTIN<<SARAH<<<<<<<<<<<<<<<<<<<<<<<<<<",
        "ZE000509<9CAN8501019F2301147<<<<<<<<<<<<<<08",
    ];
    let sweden = [
        "I<SWE59000002<8198703142391<<<",
        "8703145M1701027SWE<<<<<<<<<<<8",
        "SPECIMEN<<SVEN<<<<<<<<<<<<<<<<",
    ];
    let liechtenstein = [
        "IDLIEID98754015<<<<<<<<<<<<<<<",
        "8205122M1906224LIE<<<<<<<<<<<6",
        "OSPELT<BECK<<MARISA<<<<<<<<<<<",
    ];
    let small_visa =
        ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"];
    for (lines, format) in [
        (&TD3[..], MrzFormat::Td3),
        (&canada, MrzFormat::Td3),
        (&ECUADOR, MrzFormat::Td3),
        (&TD2, MrzFormat::Td2),
        (&TD1, MrzFormat::Td1),
        (&sweden, MrzFormat::Td1),
        (&liechtenstein, MrzFormat::Td1),
        (&small_visa, MrzFormat::MrvB),
    ] {
        let mrz = read(lines);
        assert_eq!((mrz.format(), mrz.all_hold()), (format, true), "{mrz}");
        assert_eq!(mrz.lines().collect::<Vec<_>>(), lines);
        assert_eq!(mrz.to_string(), lines.join("\n"));
    }
}

#[test]
fn the_specimen_passport_has_6_2_9_1_0() {
    let mrz = read(&TD3);
    assert_eq!(computed(&mrz), [6, 2, 9, 1, 0].map(Some));
    assert_eq!((mrz.document_code(), mrz.issuer(), mrz.nationality()), ("P", "UTO", "UTO"));
    assert_eq!((mrz.primary_name(), mrz.secondary_name()), ("ERIKSSON", "ANNA<MARIA"));
    assert_eq!((mrz.number().as_ref(), mrz.optional()), ("L898902C3", "ZE184226B"));
    assert_eq!(mrz.birth(), Some(MrzDate { year: Some(74), month: Some(8), day: Some(12) }));
    assert_eq!(mrz.expiry(), Some(MrzDate { year: Some(12), month: Some(4), day: Some(15) }));
    assert_eq!(mrz.sex(), Some(Sex::Female));
}

#[test]
fn cards_have_their_fields_elsewhere() {
    for mrz in [read(&TD1), read(&TD2)] {
        assert_eq!((mrz.document_code(), mrz.issuer(), mrz.nationality()), ("I", "UTO", "UTO"));
        assert_eq!((mrz.primary_name(), mrz.secondary_name()), ("ERIKSSON", "ANNA<MARIA"));
        assert_eq!((mrz.number().as_ref(), mrz.optional()), ("D23145890", ""));
        assert_eq!((mrz.birth_text(), mrz.expiry_text()), ("740812", "120415"));
        assert_eq!(computed(&mrz), [Some(7), Some(2), Some(9), None, Some(6)]);
    }
}

#[test]
fn a_visa_has_three_check_digits() {
    let mrz = read(&VISA);
    assert_eq!((mrz.format(), mrz.nationality()), (MrzFormat::MrvA, "XXX"));
    let held = Checked::ALL.iter().map(|it| mrz.holds(*it)).collect::<Vec<_>>();
    assert_eq!(held, [Some(true), Some(true), Some(true), None, None]);
}

#[test]
fn a_sample_with_wrong_digits_is_read_and_not_repaired() {
    let lines = [
        "P<INPSPECIMEN<<SAMPLE<<<<<<<<<<<<<<<<<<<<<<<",
        "XX000000<0FRA1901012F16073021234567890<<<<70",
    ];
    let mrz = read(&lines);
    let held = Checked::ALL.iter().map(|it| mrz.holds(*it)).collect::<Vec<_>>();
    assert_eq!(held, [Some(true), Some(true), Some(false), Some(true), Some(false)]);
    assert_eq!(mrz.lines().collect::<Vec<_>>(), lines);
    assert!(!mrz.all_hold());
}

#[test]
fn a_composite_digit_changed_by_hand_shows_both() {
    let wrong = ECUADOR[1].replace("<8", "<1");
    let mrz = read(&[ECUADOR[0], &wrong]);
    let digit = CheckDigit { printed: '1', computed: 8, holds: false };
    assert_eq!(mrz.check_digit(Checked::Composite), Some(digit));
    let others = [Checked::Number, Checked::Birth, Checked::Expiry, Checked::Optional];
    assert_eq!(others.map(|it| mrz.holds(it)), [Some(true); 4]);
}

#[test]
fn a_filler_holds_over_empty_optional_data_only() {
    let digit = read(&ECUADOR).check_digit(Checked::Optional).unwrap();
    assert_eq!(digit, CheckDigit { printed: '<', computed: 0, holds: true });
    let nought = ECUADOR[1].replace("<8", "08");
    assert_eq!(read(&[ECUADOR[0], &nought]).holds(Checked::Optional), Some(true));
    let filled = TD3[1].replace("<10", "<<0");
    assert_eq!(read(&[TD3[0], &filled]).holds(Checked::Optional), Some(false));
    let no_number = TD3[1].replacen("C36", "C3<", 1);
    assert_eq!(read(&[TD3[0], &no_number]).holds(Checked::Number), Some(false));
}

#[test]
fn a_long_number_of_a_card_goes_on_in_its_optional_data() {
    let line = "I<UTOD23145890<7349<<<<<<<<<<<";
    let mrz = read(&[line, TD1[1], TD1[2]]);
    assert_eq!(mrz.number(), "D23145890734");
    let digit = CheckDigit { printed: '9', computed: 9, holds: true };
    assert_eq!(mrz.check_digit(Checked::Number), Some(digit));
    assert_eq!(mrz.optional(), "");
    let more = read(&["I<UTOD23145890<7349<AB<1<<<<<<", TD1[1], TD1[2]]);
    assert_eq!((more.number().as_ref(), more.optional()), ("D23145890734", "AB<1"));
    let wrong = read(&[&line.replace("7349", "7348"), TD1[1], TD1[2]]);
    assert_eq!(wrong.holds(Checked::Number), Some(false));
    let without = read(&["I<UTOD23145890<<<<<<<<<<<<<<<<", TD1[1], TD1[2]]);
    assert_eq!(
        (without.number().as_ref(), without.holds(Checked::Number)),
        ("D23145890", Some(false))
    );
}

#[test]
fn dates_are_known_in_part_or_are_none() {
    let birth = |text: &str| read(&[TD3[0], &TD3[1].replace("740812", text)]).birth();
    let known = |year, month, day| Some(MrzDate { year, month, day });
    assert_eq!(birth("74<<<<"), known(Some(74), None, None));
    assert_eq!(birth("<<<<<<"), known(None, None, None));
    assert_eq!(birth("7408<<"), known(Some(74), Some(8), None));
    for text in ["741312", "740800", "740832", "7A0812", "7<0812", "7400<<"] {
        assert_eq!(birth(text), None, "{text}");
    }
}

#[test]
fn a_date_of_a_zone_agrees_with_all_that_it_may_be() {
    let mrz = read(&TD3).birth().unwrap();
    let agrees = |text: &str| mrz.agrees_with(&text.parse().unwrap());
    for text in ["1974-08-12", "1974-08", "1974", "2074", "1874-08-12"] {
        assert!(agrees(text), "{text}");
    }
    for text in ["1974-08-13", "1974-07", "1975"] {
        assert!(!agrees(text), "{text}");
    }
    let year_only = MrzDate { year: Some(74), month: None, day: None };
    assert!(year_only.agrees_with(&"1974-08-12".parse().unwrap()));
    let ethiopian = PartialDate::read("1974-08-12", Calendar::Ethiopian).unwrap();
    assert!(!mrz.agrees_with(&ethiopian));
}

#[test]
fn issuer_and_nationality_lose_their_fillers() {
    let first = TD3[0].replace("P<UTO", "P<D<<");
    let second = TD3[1].replace("UTO", "D<<");
    let mrz = read(&[&first, &second]);
    assert_eq!((mrz.issuer(), mrz.nationality()), ("D", "D"));
    let single = read(&["P<SOMMAHMOUD<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<", TD3[1]]);
    assert_eq!((single.primary_name(), single.secondary_name()), ("MAHMOUD", ""));
}

#[test]
fn only_what_cannot_be_read_is_a_fault() {
    assert_eq!(code(&[]), "BAD_MRZ_LINES");
    assert_eq!(code(&[TD3[0]]), "BAD_MRZ_LINES");
    assert_eq!(code(&[TD3[0], &TD3[1][..43]]), "BAD_MRZ_LINES");
    assert_eq!(code(&[&TD3[0][..43], &TD3[1][..43]]), "BAD_MRZ_LINES");
    assert_eq!(code(&[TD1[0], TD1[1]]), "BAD_MRZ_LINES");
    assert_eq!(code(&[TD1[0], TD1[1], TD1[2], TD1[2]]), "BAD_MRZ_LINES");
    for sign in ["a", " ", "-", "\n"] {
        assert_eq!(code(&[TD3[0], &TD3[1].replacen('L', sign, 1)]), "BAD_MRZ_SIGN");
    }
    assert_eq!(code(&[TD3[0], &TD3[1].replacen("L8", "É", 1)]), "BAD_MRZ_SIGN");
}

/// Every change of one sign in a field under a check digit; how many of them go unseen.
fn unseen(
    lines: &[&str; 2],
    range: std::ops::Range<usize>,
    checked: Checked,
    signs: &str,
) -> usize {
    let mut unseen = 0;
    for at in range {
        for sign in signs.bytes() {
            let mut line = lines[1].as_bytes().to_vec();
            if line[at] != sign {
                line[at] = sign;
                let line = String::from_utf8(line).unwrap();
                unseen += usize::from(read(&[lines[0], &line]).holds(checked) == Some(true));
            }
        }
    }
    unseen
}

#[test]
fn every_change_of_one_digit_into_another_is_caught() {
    let digits = "0123456789";
    assert_eq!(unseen(&TD3, 13..20, Checked::Birth, digits), 0);
    assert_eq!(unseen(&TD3, 21..28, Checked::Expiry, digits), 0);
    assert_eq!(unseen(&TD3, 1..7, Checked::Number, digits), 0);
}

#[test]
fn letters_that_weigh_like_the_digit_are_not_told_apart() {
    // 7 weighs like H and R, 4 like E, O and Y, 0 like A, K, U and the filler.
    let signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZ<";
    let alike = "740812".bytes().map(|it| {
        signs
            .bytes()
            .filter(|sign| check::icao([*sign].into_iter()) == (it - b'0') * 7 % 10)
            .count()
    });
    assert_eq!(unseen(&TD3, 13..19, Checked::Birth, signs), alike.sum::<usize>());
    for (digit, letter) in [("6", "G"), ("8", "S"), ("1", "L"), ("0", "U"), ("0", "K")] {
        let one = check::icao(digit.bytes());
        assert_eq!(one, check::icao(letter.bytes()), "{digit}{letter}");
    }
}

#[test]
fn debug_shows_no_person() {
    assert_eq!(format!("{:?}", read(&TD3)), "Mrz(TD3)");
}
