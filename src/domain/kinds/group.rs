//! Two columns with few words: the group of a kind, and why it may be put off.

/// A part of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// A: mutual legal assistance.
    Assistance,
    /// B: other cooperation under the Convention.
    Cooperation,
    /// C: smuggling of migrants by sea.
    Sea,
    /// D: information, borders and documents.
    Information,
    /// E: protection and return.
    Protection,
    /// F: kinds of other instruments.
    Companion,
}

impl Group {
    /// Every group there is, in order.
    pub const ALL: [Self; 6] = [
        Self::Assistance,
        Self::Cooperation,
        Self::Sea,
        Self::Information,
        Self::Protection,
        Self::Companion,
    ];

    /// The group's letter and title.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assistance => "A. Mutual legal assistance (UNTOC art. 18)",
            Self::Cooperation => "B. Other UNTOC cooperation",
            Self::Sea => "C. Smuggling of migrants by sea (Protocol arts 7-9)",
            Self::Information => "D. Information, borders and documents (Protocol arts 10-13)",
            Self::Protection => "E. Protection and return (Protocol arts 16 and 18)",
            Self::Companion => "F. Companion kinds (other instruments, same users)",
        }
    }
}

/// Why a request may be put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Postponement {
    /// It interferes with an ongoing investigation, prosecution or proceeding (UNTOC 18(25)).
    P25,
    /// It would disturb an operation.
    Operational,
    /// Domestic law says when.
    DomesticLaw,
    /// It is not put off.
    None,
}

impl Postponement {
    /// The ground's name in the catalogue.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P25 => "P-25",
            Self::Operational => "operational",
            Self::DomesticLaw => "domestic law",
            Self::None => "none",
        }
    }
}
