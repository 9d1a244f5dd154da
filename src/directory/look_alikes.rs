//! Names of a directory that are easily taken for each other. Nothing of it is refused: two desks may
//! be called the same, and who reads a name is shown the id beside it.

use std::collections::BTreeMap;
use std::fmt;

use crate::directory::contact_point::ContactPoint;
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::unseen::{mixes_scripts, skeleton};

/// Most ids that one line names; the rest is counted.
const NAMED_MAX: usize = 4;

/// Names that look alike, or one that looks like what it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookAlike {
    /// Ids of agencies with the same skeleton.
    Agencies(Vec<AgencyId>),
    /// Ids of desks of one agency with the same skeleton.
    Desks(Vec<ContactPointId>),
    /// Names of desks with the same skeleton, that are written otherwise.
    Names(Vec<ContactPointId>),
    /// Desks with the very same name.
    SameName(Vec<ContactPointId>),
    /// A name with letters of several scripts within a word.
    MixedScripts(ContactPointId),
}

impl LookAlike {
    /// A word for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Agencies(_) => "agency_ids",
            Self::Desks(_) => "desk_ids",
            Self::Names(_) => "desk_names",
            Self::SameName(_) => "same_desk_name",
            Self::MixedScripts(_) => "mixed_scripts",
        }
    }

    /// The ids of those that it is about.
    pub fn ids(&self) -> Vec<String> {
        match self {
            Self::Agencies(ids) => ids.iter().map(ToString::to_string).collect(),
            Self::Desks(ids) | Self::Names(ids) | Self::SameName(ids) => {
                ids.iter().map(ToString::to_string).collect()
            }
            Self::MixedScripts(id) => vec![id.to_string()],
        }
    }
}

impl fmt::Display for LookAlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.ids();
        let named = ids.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match ids.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = match self {
            Self::Agencies(_) => "agencies whose ids look alike",
            Self::Desks(_) => "desks whose ids look alike",
            Self::Names(_) => "desks whose names look alike and are not the same",
            Self::SameName(_) => "desks that have the same name",
            Self::MixedScripts(_) => "a desk whose name mixes scripts within a word",
        };
        write!(f, "{what}: {named}{more}")
    }
}

/// What looks alike among agencies and their desks, by severity, then by id.
pub fn look_alikes<'a>(
    agencies: impl IntoIterator<Item = &'a AgencyId>,
    desks: impl IntoIterator<Item = &'a ContactPoint>,
) -> Vec<LookAlike> {
    let mut found = Vec::new();
    let agencies = agencies.into_iter().map(|it| (skeleton(it.as_str()), it.clone()));
    found.extend(grouped(agencies).map(LookAlike::Agencies));
    let desks: Vec<&ContactPoint> = desks.into_iter().collect();
    let ids = desks.iter().map(|it| {
        let own = (it.id.agency().to_string(), skeleton(it.id.desk()));
        (own, it.id.clone())
    });
    found.extend(grouped(ids).map(LookAlike::Desks));
    let named = desks.iter().map(|it| (skeleton(&it.name), (it.name.clone(), it.id.clone())));
    let (mut alike, mut same) = (Vec::new(), Vec::new());
    for group in grouped(named) {
        let first = group.first().map(|(name, _)| name.clone());
        let differ = group.iter().any(|(name, _)| Some(name) != first.as_ref());
        let ids = group.into_iter().map(|(_, id)| id).collect();
        if differ { alike.push(LookAlike::Names(ids)) } else { same.push(LookAlike::SameName(ids)) }
    }
    found.extend(alike);
    let mixed = desks.iter().filter(|it| mixes_scripts(&it.name));
    found.extend(mixed.map(|it| LookAlike::MixedScripts(it.id.clone())));
    found.extend(same);
    found
}

/// The values of each key that has several.
fn grouped<K: Ord, V>(pairs: impl Iterator<Item = (K, V)>) -> impl Iterator<Item = Vec<V>> {
    let mut groups: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups.into_values().filter(|it| it.len() > 1)
}
