//! The caller as the rest of the product sees it: an agency's officer, service, auditor, operator
//! or node.

use std::fmt;

use crate::domain::ids::AgencyId;
use crate::identity::spiffe::{self, SpiffeError};

/// What a caller is to its agency; the first segment of the SPIFFE id's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Replays the journal and proves it; sees no content, changes nothing.
    Auditor,
    /// A node, as other nodes meet it.
    Node,
    /// A person at a desk.
    Officer,
    /// Keeps the node running; sees peers and queues, no content.
    Operator,
    /// A case system.
    Service,
}

impl Role {
    /// Every role, in the order of their names.
    pub const ALL: [Self; 5] =
        [Self::Auditor, Self::Node, Self::Officer, Self::Operator, Self::Service];

    /// The role as the id spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Node => "node",
            Self::Officer => "officer",
            Self::Operator => "operator",
            Self::Service => "service",
        }
    }

    /// The role that `word` spells; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whoever calls: agency, role and the name of a post or machine, never of a person.
///
/// `Display` prints the SPIFFE id, `spiffe://AGENCY/ROLE/NAME`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    /// The agency, which is the id's trust domain.
    pub agency: AgencyId,
    /// What the caller is to its agency.
    pub role: Role,
    /// The post or machine: 1 to 63 of `a-z`, `0-9` and inner hyphens.
    pub name: String,
}

impl Principal {
    /// Checks the name and puts the three together.
    ///
    /// # Errors
    /// [`SpiffeError::Name`] when the name is not 1 to 63 of `a-z`, `0-9` and inner hyphens.
    pub fn new(agency: AgencyId, role: Role, name: &str) -> Result<Self, SpiffeError> {
        spiffe::check_name(name)?;
        Ok(Self { agency, role, name: name.to_owned() })
    }

    /// Reads a SPIFFE id; see [`spiffe::parse`].
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse_spiffe(text: &str) -> Result<Self, SpiffeError> {
        spiffe::parse(text)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}/{}", spiffe::SCHEME, self.agency, self.role, self.name)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_prints_the_id_it_was_read_from() {
        for role in Role::ALL {
            let id = format!("spiffe://ita.coast-guard/{role}/rome-1");
            let principal = Principal::parse_spiffe(&id).unwrap();
            assert_eq!((principal.role, principal.name.as_str()), (role, "rome-1"));
            assert_eq!(principal.agency.as_str(), "ita.coast-guard");
            assert_eq!(principal.to_string(), id);
        }
    }

    #[test]
    fn only_the_five_words_are_roles() {
        for bad in ["", "Officer", "admin", "officers", "node "] {
            assert_eq!(Role::from_word(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_checked_when_a_principal_is_put_together() {
        let agency: AgencyId = "ita.coast-guard".parse().unwrap();
        assert_eq!(Principal::new(agency, Role::Node, "../x"), Err(SpiffeError::Name));
    }
}
