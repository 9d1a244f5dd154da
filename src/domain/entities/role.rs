//! What a person is in a request.

use super::ascii::closed_list;

closed_list! {
    /// A role. A person may have several: one who was smuggled may be the victim of another crime.
    PersonRole, "UNKNOWN_ROLE", "a role of a person is one of the closed list" {
        /// Was smuggled; not liable to prosecution for that alone (Protocol 5).
        SmuggledMigrant = "smuggled_migrant",
        /// Can testify.
        Witness = "witness",
        /// Knows the matter by profession.
        Expert = "expert",
        /// Was harmed.
        Victim = "victim",
        /// Is kin of a victim.
        VictimFamily = "victim_family",
        /// May have committed an offence.
        Suspect = "suspect",
        /// Is charged with an offence.
        Accused = "accused",
        /// Was found guilty.
        Convicted = "convicted",
        /// Carried or presented a document.
        DocumentBearer = "document_bearer",
        /// Holds an account.
        AccountHolder = "account_holder",
        /// Can be reached about the matter.
        Contact = "contact",
    }
}

impl PersonRole {
    /// Does the role say that the person did wrong? None of these for having been smuggled alone
    /// (Protocol 5).
    pub const fn incriminates(self) -> bool {
        match self {
            Self::Suspect | Self::Accused | Self::Convicted => true,
            Self::SmuggledMigrant
            | Self::Witness
            | Self::Expert
            | Self::Victim
            | Self::VictimFamily
            | Self::DocumentBearer
            | Self::AccountHolder
            | Self::Contact => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_by_their_word_only() {
        assert_eq!(PersonRole::ALL.len(), 11);
        for role in PersonRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
        }
        assert_eq!("Suspect".parse::<PersonRole>().unwrap_err().code, "UNKNOWN_ROLE");
    }

    #[test]
    fn three_roles_say_that_the_person_did_wrong() {
        let found: Vec<_> = PersonRole::ALL.iter().filter(|it| it.incriminates()).collect();
        let expected = [PersonRole::Suspect, PersonRole::Accused, PersonRole::Convicted];
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
    }
}
