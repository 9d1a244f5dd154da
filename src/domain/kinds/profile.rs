//! Profiles: the answers that kinds of request share.

/// The answers that a kind of request gets, over and above the acts that every request knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Agreement between authorities.
    Agree,
    /// Verification of a document.
    Doc,
    /// Extradition.
    Ext,
    /// Information, asked for or given unasked.
    Info,
    /// Mutual legal assistance: consultation comes before refusal.
    Mla,
    /// Police cooperation.
    Pol,
    /// Preservation of data (Budapest 29).
    Preserve,
    /// A notice: its receipt is all that is owed.
    Receipt,
    /// Return and nationality.
    Ret,
    /// Measures at sea.
    Sea,
}

impl Profile {
    /// Every profile there is.
    pub const ALL: [Self; 10] = [
        Self::Agree,
        Self::Doc,
        Self::Ext,
        Self::Info,
        Self::Mla,
        Self::Pol,
        Self::Preserve,
        Self::Receipt,
        Self::Ret,
        Self::Sea,
    ];

    /// The profile's name in the catalogue.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agree => "RP-AGREE",
            Self::Doc => "RP-DOC",
            Self::Ext => "RP-EXT",
            Self::Info => "RP-INFO",
            Self::Mla => "RP-MLA",
            Self::Pol => "RP-POL",
            Self::Preserve => "preserve",
            Self::Receipt => "receipt",
            Self::Ret => "RP-RET",
            Self::Sea => "RP-SEA",
        }
    }

    /// The answers of the profile that are not acts themselves.
    pub(super) const fn outcomes(self) -> &'static [&'static str] {
        match self {
            Self::Agree => &["willing", "counter_proposal", "agreement", "unwilling"],
            Self::Doc => &[
                "genuine_valid",
                "genuine_but_cancelled",
                "genuine_but_reported_lost_or_stolen",
                "genuine_improperly_issued",
                "genuine_wrong_bearer",
                "altered",
                "counterfeit_not_issued",
                "cannot_determine",
            ],
            Self::Ext => &[
                "arrest_report",
                "surrender_decision",
                "surrender_date",
                "submitted_for_prosecution_16_10",
            ],
            Self::Info | Self::Mla | Self::Receipt => &[],
            Self::Pol => &["no_record", "mla_required"],
            Self::Preserve => &["preserved", "refused", "prejudice_warning"],
            Self::Ret => &[
                "confirmed_national",
                "confirmed_permanent_resident",
                "not_confirmed",
                "interview_needed",
                "travel_document_issued",
                "travel_document_declined",
                "return_date_agreed",
            ],
            Self::Sea => &[
                "registry_confirmed",
                "registry_not_confirmed",
                "authorised",
                "authorised_with_conditions",
                "will_board_itself",
                "board_jointly",
                "declined",
                "further_information_needed",
            ],
        }
    }
}
