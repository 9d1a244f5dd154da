//! Countries (ISO 3166-1), and the codes that travel documents have besides (ICAO 9303-3 part 8).

use std::fmt;
use std::str::FromStr;

use super::fault::{EntityFault, fault};

/// Alpha-3 and alpha-2 of every country, in order. Territories are countries here, as they are in
/// the standard.
#[rustfmt::skip]
static COUNTRIES: [&str; 249] = [
    "ABWAW", "AFGAF", "AGOAO", "AIAAI", "ALAAX", "ALBAL", "ANDAD", "AREAE", "ARGAR", "ARMAM",
    "ASMAS", "ATAAQ", "ATFTF", "ATGAG", "AUSAU", "AUTAT", "AZEAZ", "BDIBI", "BELBE", "BENBJ",
    "BESBQ", "BFABF", "BGDBD", "BGRBG", "BHRBH", "BHSBS", "BIHBA", "BLMBL", "BLRBY", "BLZBZ",
    "BMUBM", "BOLBO", "BRABR", "BRBBB", "BRNBN", "BTNBT", "BVTBV", "BWABW", "CAFCF", "CANCA",
    "CCKCC", "CHECH", "CHLCL", "CHNCN", "CIVCI", "CMRCM", "CODCD", "COGCG", "COKCK", "COLCO",
    "COMKM", "CPVCV", "CRICR", "CUBCU", "CUWCW", "CXRCX", "CYMKY", "CYPCY", "CZECZ", "DEUDE",
    "DJIDJ", "DMADM", "DNKDK", "DOMDO", "DZADZ", "ECUEC", "EGYEG", "ERIER", "ESHEH", "ESPES",
    "ESTEE", "ETHET", "FINFI", "FJIFJ", "FLKFK", "FRAFR", "FROFO", "FSMFM", "GABGA", "GBRGB",
    "GEOGE", "GGYGG", "GHAGH", "GIBGI", "GINGN", "GLPGP", "GMBGM", "GNBGW", "GNQGQ", "GRCGR",
    "GRDGD", "GRLGL", "GTMGT", "GUFGF", "GUMGU", "GUYGY", "HKGHK", "HMDHM", "HNDHN", "HRVHR",
    "HTIHT", "HUNHU", "IDNID", "IMNIM", "INDIN", "IOTIO", "IRLIE", "IRNIR", "IRQIQ", "ISLIS",
    "ISRIL", "ITAIT", "JAMJM", "JEYJE", "JORJO", "JPNJP", "KAZKZ", "KENKE", "KGZKG", "KHMKH",
    "KIRKI", "KNAKN", "KORKR", "KWTKW", "LAOLA", "LBNLB", "LBRLR", "LBYLY", "LCALC", "LIELI",
    "LKALK", "LSOLS", "LTULT", "LUXLU", "LVALV", "MACMO", "MAFMF", "MARMA", "MCOMC", "MDAMD",
    "MDGMG", "MDVMV", "MEXMX", "MHLMH", "MKDMK", "MLIML", "MLTMT", "MMRMM", "MNEME", "MNGMN",
    "MNPMP", "MOZMZ", "MRTMR", "MSRMS", "MTQMQ", "MUSMU", "MWIMW", "MYSMY", "MYTYT", "NAMNA",
    "NCLNC", "NERNE", "NFKNF", "NGANG", "NICNI", "NIUNU", "NLDNL", "NORNO", "NPLNP", "NRUNR",
    "NZLNZ", "OMNOM", "PAKPK", "PANPA", "PCNPN", "PERPE", "PHLPH", "PLWPW", "PNGPG", "POLPL",
    "PRIPR", "PRKKP", "PRTPT", "PRYPY", "PSEPS", "PYFPF", "QATQA", "REURE", "ROURO", "RUSRU",
    "RWARW", "SAUSA", "SDNSD", "SENSN", "SGPSG", "SGSGS", "SHNSH", "SJMSJ", "SLBSB", "SLESL",
    "SLVSV", "SMRSM", "SOMSO", "SPMPM", "SRBRS", "SSDSS", "STPST", "SURSR", "SVKSK", "SVNSI",
    "SWESE", "SWZSZ", "SXMSX", "SYCSC", "SYRSY", "TCATC", "TCDTD", "TGOTG", "THATH", "TJKTJ",
    "TKLTK", "TKMTM", "TLSTL", "TONTO", "TTOTT", "TUNTN", "TURTR", "TUVTV", "TWNTW", "TZATZ",
    "UGAUG", "UKRUA", "UMIUM", "URYUY", "USAUS", "UZBUZ", "VATVA", "VCTVC", "VENVE", "VGBVG",
    "VIRVI", "VNMVN", "VUTVU", "WLFWF", "WSMWS", "YEMYE", "ZAFZA", "ZMBZM", "ZWEZW",
];

/// Where a pair of upper-case letters stands in [`BY_ALPHA2`].
const fn slot(one: u8, other: u8) -> usize {
    (one as usize - b'A' as usize) * 26 + (other as usize - b'A' as usize)
}

/// The row of [`COUNTRIES`] by alpha-2 code: a message may name hundreds of places.
static BY_ALPHA2: [u8; 26 * 26] = {
    let mut rows = [u8::MAX; 26 * 26];
    let mut at = 0;
    while at < COUNTRIES.len() {
        let row = COUNTRIES[at].as_bytes();
        rows[slot(row[3], row[4])] = at as u8;
        at += 1;
    }
    rows
};

/// The alpha-3 code of the country whose alpha-2 code this is.
pub fn alpha3_of(alpha2: &str) -> Option<&'static str> {
    let letters: [u8; 2] = alpha2.as_bytes().try_into().ok()?;
    if !letters.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    let row = BY_ALPHA2.get(slot(letters[0], letters[1]))?;
    COUNTRIES.get(usize::from(*row)).and_then(|it| it.get(..3))
}

/// The list's own text of an alpha-3 code.
fn listed(alpha3: &str) -> Option<&'static str> {
    let at = COUNTRIES.binary_search_by(|it| it.get(..3).cmp(&Some(alpha3))).ok()?;
    COUNTRIES.get(at).and_then(|it| it.get(..3))
}

/// Is there a country of this alpha-3 code, in upper case? Territories with a code of their own
/// count.
pub fn is_state(alpha3: &str) -> bool {
    listed(alpha3).is_some()
}

/// A country: an alpha-3 code that is in ISO 3166-1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(&'static str);

impl Country {
    /// The alpha-3 code.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for Country {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        if text.len() != 3 || !text.bytes().all(|it| it.is_ascii_uppercase()) {
            let why = "a country is three upper-case letters (ISO 3166-1 alpha-3)";
            return Err(fault("BAD_COUNTRY_SHAPE", why));
        }
        let why = "a country is one of ISO 3166-1 alpha-3";
        listed(text).map(Self).ok_or(fault("UNKNOWN_COUNTRY", why))
    }
}

/// What a nationality code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NationalityKind {
    /// A country of ISO 3166-1, or a status under its law.
    National,
    /// Staff of an international organisation, or the bearer of its document.
    Organisation,
    /// No State considers the person its national (1954 Convention).
    Stateless,
    /// A refugee.
    Refugee,
    /// Not known or not stated.
    Unspecified,
    /// The country of specimens, Utopia.
    Specimen,
    /// In use and in no list of ICAO.
    Unendorsed,
}

type Extra = (&'static str, NationalityKind, Option<&'static str>, &'static str);

/// Code, kind, country where it belongs to one, meaning; in order of the codes.
#[rustfmt::skip]
static EXTRAS: [Extra; 23] = [
    ("D", NationalityKind::National, Some("DEU"), "Germany"),
    ("EUE", NationalityKind::Organisation, None, "European Union laissez-passer"),
    ("GBD", NationalityKind::National, Some("GBR"), "British overseas territories citizen"),
    ("GBN", NationalityKind::National, Some("GBR"), "British national (overseas)"),
    ("GBO", NationalityKind::National, Some("GBR"), "British overseas citizen"),
    ("GBP", NationalityKind::National, Some("GBR"), "British protected person"),
    ("GBS", NationalityKind::National, Some("GBR"), "British subject"),
    ("RKS", NationalityKind::Unendorsed, None, "Kosovo, not endorsed by ICAO"),
    ("UNA", NationalityKind::Organisation, None, "official of a United Nations agency"),
    ("UNK", NationalityKind::Organisation, None, "resident of Kosovo, United Nations document"),
    ("UNO", NationalityKind::Organisation, None, "official of the United Nations"),
    ("UTO", NationalityKind::Specimen, None, "Utopia, for specimens"),
    ("XBA", NationalityKind::Organisation, None, "African Development Bank"),
    ("XCC", NationalityKind::Organisation, None, "Caribbean Community"),
    ("XCO", NationalityKind::Organisation, None, "Common Market for Eastern and Southern Africa"),
    ("XEC", NationalityKind::Organisation, None, "Economic Community of West African States"),
    ("XIM", NationalityKind::Organisation, None, "African Export-Import Bank"),
    ("XOM", NationalityKind::Organisation, None, "Sovereign Military Order of Malta"),
    ("XPO", NationalityKind::Organisation, None, "Interpol"),
    ("XXA", NationalityKind::Stateless, None, "stateless person (1954 Convention)"),
    ("XXB", NationalityKind::Refugee, None, "refugee (1951 Convention)"),
    ("XXC", NationalityKind::Refugee, None, "refugee, other"),
    ("XXX", NationalityKind::Unspecified, None, "unspecified nationality"),
];

/// A nationality or issuer as travel documents code it: a country of ISO 3166-1, or one of the
/// further codes of ICAO 9303-3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IcaoNationality {
    code: &'static str,
    kind: NationalityKind,
    country: Option<&'static str>,
    meaning: Option<&'static str>,
}

impl IcaoNationality {
    /// The code without fillers: `D`, `ITA`, `XXA`.
    pub const fn as_str(self) -> &'static str {
        self.code
    }

    /// What it says.
    pub const fn kind(self) -> NationalityKind {
        self.kind
    }

    /// The country, alpha-3: `DEU` for `D`, `GBR` for `GBN`; `None` where no country is named.
    pub const fn country(self) -> Option<&'static str> {
        self.country
    }

    /// The meaning of a code that is not of ISO 3166-1.
    pub const fn meaning(self) -> Option<&'static str> {
        self.meaning
    }
}

impl FromStr for IcaoNationality {
    type Err = EntityFault;

    fn from_str(text: &str) -> Result<Self, EntityFault> {
        if let Some(code) = listed(text) {
            let kind = NationalityKind::National;
            return Ok(Self { code, kind, country: Some(code), meaning: None });
        }
        let why = "a nationality is a code of ISO 3166-1 alpha-3 or ICAO 9303-3";
        let found = EXTRAS.iter().find(|(code, ..)| *code == text);
        let (code, kind, country, meaning) = found.ok_or(fault("UNKNOWN_NATIONALITY", why))?;
        Ok(Self { code, kind: *kind, country: *country, meaning: Some(meaning) })
    }
}

macro_rules! shown_as_code {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
    )+};
}
shown_as_code!(Country, IcaoNationality);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_agrees_with_one_kept_elsewhere() {
        assert!(COUNTRIES.is_sorted() && COUNTRIES.iter().all(|it| it.len() == 5));
        for country in rust_iso3166::ALL {
            assert_eq!(alpha3_of(country.alpha2), Some(country.alpha3));
            assert!(is_state(country.alpha3), "{}", country.alpha3);
        }
        assert_eq!(rust_iso3166::ALL.len(), COUNTRIES.len());
    }

    #[test]
    fn a_country_is_in_the_list() {
        for text in ["ITA", "ABW", "ZWE"] {
            assert_eq!(text.parse::<Country>().unwrap().as_str(), text);
        }
        for text in ["", "IT", "ITAL", "ita", "I1A", "É"] {
            assert_eq!(text.parse::<Country>().unwrap_err().code, "BAD_COUNTRY_SHAPE", "{text}");
        }
        for text in ["XXA", "UTO", "RKS", "ABA", "ZZZ"] {
            assert_eq!(text.parse::<Country>().unwrap_err().code, "UNKNOWN_COUNTRY", "{text}");
        }
        for text in ["XK", "AA", "ZZ", "", "I", "it", "ITA", "I\u{7f}", "[["] {
            assert_eq!(alpha3_of(text), None, "{text}");
        }
    }

    fn nationality(text: &str) -> IcaoNationality {
        text.parse().unwrap()
    }

    #[test]
    fn travel_documents_have_codes_that_countries_have_not() {
        let codes = "D GBD GBN GBO GBP GBS UNO UNA UNK EUE XXA XXB XXC XXX XOM XPO XBA XIM XCC \
                     XCO XEC UTO RKS";
        for code in codes.split_whitespace() {
            assert_eq!(nationality(code).as_str(), code);
            assert!(!is_state(code) && nationality(code).meaning().is_some(), "{code}");
        }
        assert_eq!(codes.split_whitespace().count(), EXTRAS.len());
        assert!(EXTRAS.is_sorted());
    }

    #[test]
    fn a_code_says_more_than_a_country() {
        assert_eq!(nationality("D").country(), Some("DEU"));
        assert_eq!(nationality("DEU").country(), Some("DEU"));
        assert_eq!(nationality("GBN").country(), Some("GBR"));
        assert_eq!(nationality("XXA").kind(), NationalityKind::Stateless);
        assert_eq!(nationality("XXB").kind(), NationalityKind::Refugee);
        assert_eq!(nationality("UTO").kind(), NationalityKind::Specimen);
        assert_eq!(nationality("XXA").country(), None);
        for text in ["", "D<<", "XXD", "de", "ita", "INP"] {
            let code = text.parse::<IcaoNationality>().unwrap_err().code;
            assert_eq!(code, "UNKNOWN_NATIONALITY", "{text}");
        }
    }
}
