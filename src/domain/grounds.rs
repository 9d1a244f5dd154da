//! Grounds of refusal: which there are, which of them a kind allows, and which nobody may use.
//!
//! A ground is named by its code, such as `18.21.b`. Officers write the same ground in several
//! ways, such as `18(21)(b)` or `UNTOC art. 18(21)(b)`; all of them are read. The codes of a kind
//! mean provisions of that kind's treaty, so `18.2` of a return is not article 18 of the
//! Convention.

/// One ground on which a request may be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// Its code, such as `18.21.b`; stable.
    pub code: &'static str,
    /// What it says.
    pub text: &'static str,
    /// The paragraph that it rests on; `policy` where it is ours.
    pub source: &'static str,
    /// Other words under which it is known.
    pub also: &'static [&'static str],
}

impl Ground {
    /// Is this the ground that `written` means?
    pub fn is(&self, written: &str) -> bool {
        same(self.code, written) || self.also.iter().any(|it| same(it, written))
    }
}

const fn ground(code: &'static str, text: &'static str, source: &'static str) -> Ground {
    Ground { code, text, source, also: &[] }
}

impl Ground {
    /// The same ground, also known by other words.
    const fn also(mut self, words: &'static [&'static str]) -> Self {
        self.also = words;
        self
    }
}

/// Grounds that many kinds share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Common {
    /// Of mutual legal assistance.
    Mla,
    /// Of extradition.
    Ext,
    /// Of police cooperation.
    Pol,
}

impl Common {
    /// Every set there is.
    pub const ALL: [Self; 3] = [Self::Mla, Self::Ext, Self::Pol];

    /// The set's name in the catalogue.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mla => "G-MLA",
            Self::Ext => "G-EXT",
            Self::Pol => "G-POL",
        }
    }

    /// The grounds of the set.
    pub const fn grounds(self) -> &'static [Ground] {
        match self {
            Self::Mla => MLA,
            Self::Ext => EXT,
            Self::Pol => POL,
        }
    }
}

const MLA: &[Ground] = &[
    ground("18.9", "the act is no offence under the law of the requested State", "UNTOC 18(9)")
        .also(&["dual_criminality"]),
    ground("18.21.a", "the request does not conform to article 18", "UNTOC 18(21)(a)"),
    ground(
        "18.21.b",
        "it would harm sovereignty, security, ordre public or other essential interests",
        "UNTOC 18(21)(b)",
    ),
    ground(
        "18.21.c",
        "domestic law would forbid the action in a similar domestic case",
        "UNTOC 18(21)(c)",
    ),
    ground(
        "18.21.d",
        "it would be contrary to the legal system on mutual legal assistance",
        "UNTOC 18(21)(d)",
    ),
];

const EXT: &[Ground] = &[
    ground("16.1", "the act is not an offence in both States", "UNTOC 16(1)"),
    ground("16.7", "a condition of domestic law or of a treaty is not met", "UNTOC 16(7)"),
    ground(
        "16.10",
        "the person is a national, and the case goes to the own prosecution",
        "UNTOC 16(10)",
    )
    .also(&["own_national"]),
    ground("16.14", "the purpose is discriminatory, or would prejudice the person", "UNTOC 16(14)"),
];

const POL: &[Ground] = &[
    ground("27.1", "the domestic legal and administrative system forbids it", "UNTOC 27(1)"),
    ground("operational_harm", "it would harm an operation", "policy"),
    ground("mla_needed", "it needs coercion, and so a request for assistance", "policy")
        .also(&["mla_required"]),
];

/// The offence is not one that the Convention covers.
pub const NOT_COVERED: Ground =
    ground("13.7", "the offence is not covered by the Convention", "UNTOC 13(7)");
/// Video hearing against fundamental principles.
pub const PRINCIPLES: Ground = ground(
    "18.18",
    "a hearing by video is against fundamental principles of domestic law",
    "UNTOC 18(18)",
);
/// The detained person does not consent.
pub const NO_CONSENT: Ground =
    ground("18.10.a", "the person does not consent", "UNTOC 18(10)(a)").also(&["no_consent"]);
/// Records that are not public are given at discretion.
pub const NOT_PUBLIC: Ground =
    ground("18.29.b", "the records are not available to the public", "UNTOC 18(29)(b)");
/// Domestic law, where the treaty leaves it to that.
pub const DOMESTIC_LAW: Ground = ground("domestic_law", "domestic law does not allow it", "policy");
/// What rests on agreement, without one.
pub const NO_AGREEMENT: Ground =
    ground("no_agreement", "it needs an agreement, and none is reached", "policy");
/// A technique against basic principles.
pub const BASIC_PRINCIPLES: Ground =
    ground("20.1", "basic principles of the domestic legal system forbid it", "UNTOC 20(1)");
/// Help at sea is owed within means only.
pub const MEANS_AT_SEA: Ground =
    ground("8.1", "it is beyond the means available", "Protocol 8(1)").also(&["means"]);
/// A flag State may authorise, and need not.
pub const FLAG_STATE: Ground =
    ground("8.2", "the flag State does not authorise the measure", "Protocol 8(2)");
/// Nothing more without express authorisation.
pub const FURTHER_MEASURE: Ground =
    ground("8.5", "the flag State does not authorise the further measure", "Protocol 8(5)");
/// Compensation is not owed.
pub const JUSTIFIED: Ground =
    ground("9.2", "the vessel committed an act that justified the measures", "Protocol 9(2)");
/// Information within the domestic system.
pub const DOMESTIC_SYSTEM: Ground =
    ground("10.1", "the domestic legal and administrative system forbids it", "Protocol 10(1)");
/// The person does not want to be visited or written to.
pub const AGAINST_THE_WILL: Ground = ground(
    "16.5",
    "the person did not ask for it, or expressly opposes it",
    "Protocol 16(5); VCCR 36(1)(b), 36(1)(c)",
);
/// Protection within means.
pub const MEANS: Ground =
    ground("16.3", "it is beyond the means available", "Protocol 16(2), 16(3)").also(&["means"]);
/// No travel document without a confirmed status.
pub const STATUS_NOT_CONFIRMED: Ground =
    ground("18.4", "nationality or residence is not confirmed", "Protocol 18(4)")
        .also(&["status_not_confirmed"]);
/// Former residents are returned at discretion.
pub const FORMER_RESIDENT: Ground =
    ground("18.2", "the person is a former resident only", "Protocol 18(2)");
/// Political offences.
pub const POLITICAL: Ground =
    ground("29.5.a", "the offence is political", "Budapest Convention 29(5)(a)")
        .also(&["29.5", "political_offence"]);
/// Essential interests, for preservation.
pub const SOVEREIGNTY: Ground = ground(
    "29.5.b",
    "it would harm sovereignty, security, ordre public or other essential interests",
    "Budapest Convention 29(5)(b)",
)
.also(&["29.5"]);

/// A ground that nobody may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The ground.
    pub ground: Ground,
    /// True: it may stand beside another ground, but not alone.
    pub only_as_sole: bool,
}

/// Every ground that is forbidden.
pub static FORBIDDEN: [Forbidden; 3] = [
    Forbidden {
        ground: ground("18.8", "bank secrecy", "UNTOC 18(8)")
            .also(&["bank_secrecy", "banking_secrecy"]),
        only_as_sole: false,
    },
    Forbidden {
        ground: ground("18.22", "fiscal matter as the sole ground", "UNTOC 18(22)")
            .also(&["fiscal", "fiscal_matter"]),
        only_as_sole: true,
    },
    Forbidden {
        ground: ground("16.15", "fiscal matter as the sole ground (extradition)", "UNTOC 16(15)"),
        only_as_sole: true,
    },
];

/// The forbidden ground that `written` means. One that is [`Forbidden::only_as_sole`] may stand
/// beside others; see [`first_forbidden`].
pub fn forbidden(written: &str) -> Option<&'static Forbidden> {
    FORBIDDEN.iter().find(|it| it.ground.is(written))
}

/// Of all grounds of a refusal the first that may not be used: its index, and which it is.
pub fn first_forbidden<T: AsRef<str>>(written: &[T]) -> Option<(usize, &'static Forbidden)> {
    let meant = |it: &T| forbidden(it.as_ref());
    let lawful = written.iter().any(|it| meant(it).is_none());
    let found = written.iter().enumerate().filter_map(|(at, it)| Some((at, meant(it)?)));
    let mut barred = found.filter(|(_, it)| !it.only_as_sole || !lawful);
    barred.next()
}

/// The refusal column of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// The column in words, discretion included.
    pub says: &'static str,
    /// The set that it shares with other kinds.
    pub common: Option<Common>,
    /// Grounds of its own.
    pub own: &'static [Ground],
}

impl Grounds {
    /// Every ground on which the kind may be refused.
    pub fn all(&self) -> impl Iterator<Item = &'static Ground> + use<> {
        self.common.map_or(&[][..], Common::grounds).iter().chain(self.own)
    }
}

/// Are two codes the same, whatever brackets, case, treaty and "art." they are written with?
fn same(left: &str, right: &str) -> bool {
    let (mut left, mut right) = (parts(left), parts(right));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(left), Some(right)) if left.eq_ignore_ascii_case(right) => {}
            (None | Some(_), None | Some(_)) => return false,
        }
    }
}

/// `UNTOC art. 18(21)(B)` as `18`, `21`, `B`, without what only names the treaty.
fn parts(code: &str) -> impl Iterator<Item = &str> {
    let names = ["untoc", "som", "protocol", "convention", "budapest", "art", "article"];
    let words = code.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty());
    words.filter(move |word| !names.iter().any(|it| it.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ground_is_read_however_it_is_written() {
        let found = |written: &str| MLA.iter().find(|it| it.is(written)).map(|it| it.code);
        for written in ["18.21.b", "18(21)(b)", "UNTOC art. 18(21)(B)", "18-21-b"] {
            assert_eq!(found(written), Some("18.21.b"), "{written}");
        }
        assert_eq!(found("dual criminality"), Some("18.9"));
        for written in ["", "18", "18.21", "18.21.e", "18.21.b.i", "1821b", "UNTOC"] {
            assert_eq!(found(written), None, "{written}");
        }
    }

    #[test]
    fn bank_secrecy_is_forbidden_and_fiscal_matters_only_alone() {
        let source = |written: &str| forbidden(written).map(|it| it.ground.source);
        assert_eq!(source("bank_secrecy"), Some("UNTOC 18(8)"));
        assert_eq!(source("18(8)"), Some("UNTOC 18(8)"));
        assert_eq!(source("18.9"), None);
        let first =
            |written: &[&str]| first_forbidden(written).map(|(at, it)| (at, it.ground.code));
        assert_eq!(first(&["18.21.b", "bank_secrecy"]), Some((1, "18.8")));
        assert_eq!(first(&["18.22"]), Some((0, "18.22")));
        assert_eq!(first(&["18.22", "16.15"]), Some((0, "18.22")));
        assert_eq!(first(&["18.22", "18.21.b"]), None);
        assert_eq!(first(&["18.21.b"]), None);
        assert_eq!(first(&[]), None);
    }

    #[test]
    fn the_sets_are_the_published_ones() {
        let published = include_str!("../../tests/data/domain/kinds.json");
        let published: serde_json::Value = serde_json::from_str(published).unwrap();
        let rows = published["refusal_profiles"].as_object().unwrap();
        let listed = |name: &str| -> Vec<String> {
            let rows = rows[name].as_array().unwrap();
            rows.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        for set in Common::ALL {
            let (rows, grounds) = (listed(set.as_str()), set.grounds());
            assert_eq!(rows.len(), grounds.len(), "{}", set.as_str());
            for (row, ground) in rows.iter().zip(grounds) {
                let words = row.replace("27(1)", "27.1").replace(' ', "_").to_lowercase();
                assert!(words.starts_with(ground.code), "{row} {}", ground.code);
            }
        }
        let forbidden: Vec<String> =
            FORBIDDEN.iter().map(|it| format!("{} {}", it.ground.code, it.ground.text)).collect();
        assert_eq!(listed("forbidden"), forbidden);
        assert_eq!(rows.len(), Common::ALL.len() + 1);
    }
}
