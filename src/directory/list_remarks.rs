//! What is amiss with the revocation lists of a directory. Nothing of it keeps a text out: an agency
//! publishes its lists itself, and what they lack shuts out itself alone.

use std::fmt;

use crate::clock::Timestamp;
use crate::directory::document::Directory;
use crate::domain::ids::AgencyId;
use crate::pki::RevocationList;
use crate::pki::revoke::NEXT_UPDATE_MS_MAX;

/// What is amiss with an agency's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListRemark {
    /// It names a root and publishes no list: nobody of it is let in anywhere.
    None(AgencyId),
    /// The next was due at this time.
    Overdue(AgencyId, Timestamp),
    /// The next is due at this time, more than [`NEXT_UPDATE_MS_MAX`] after this one was made:
    /// whoever is kept from the newer one believes this one for that long.
    Long(AgencyId, Timestamp),
}

impl ListRemark {
    /// A word for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None(_) => "no_list",
            Self::Overdue(..) => "list_overdue",
            Self::Long(..) => "list_too_long",
        }
    }

    /// Whose lists.
    pub const fn agency(&self) -> &AgencyId {
        match self {
            Self::None(agency) | Self::Overdue(agency, _) | Self::Long(agency, _) => agency,
        }
    }
}

impl fmt::Display for ListRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(agency) => {
                write!(f, "{agency} publishes no revocation list: nobody of it is let in anywhere")
            }
            Self::Overdue(agency, due) => {
                write!(f, "the revocation list of {agency} was to be followed by the next at {due}")
            }
            Self::Long(agency, due) => {
                let hours = NEXT_UPDATE_MS_MAX / 3_600_000;
                write!(
                    f,
                    "the revocation list of {agency} names {due} for the next, more than {hours} \
                     hours after it was made: a revocation can be kept from others for that long"
                )
            }
        }
    }
}

/// What is amiss, in the order of the agencies' ids.
pub fn list_remarks(directory: &Directory, now: Timestamp) -> Vec<ListRemark> {
    let mut remarks = Vec::new();
    for record in directory.agencies().filter(|it| !it.roots.is_empty()) {
        let lists = directory.lists(record);
        if lists.is_empty() {
            remarks.push(ListRemark::None(record.id.clone()));
        }
        for list in lists.iter().filter_map(|der| RevocationList::parse(der).ok()) {
            let (id, due) = (record.id.clone(), list.next_update);
            if due < now {
                remarks.push(ListRemark::Overdue(id, due));
            } else if due.millis_since(list.this_update) > NEXT_UPDATE_MS_MAX {
                remarks.push(ListRemark::Long(id, due));
            }
        }
    }
    remarks
}
