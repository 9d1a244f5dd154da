//! What a newer directory changes of contact points: who is told looks here, and nothing is decided by it.
//!
//! A desk has *moved* where it is gone under its old address while one of the same name has come in the
//! same State (of international bodies: in the same agency), and no other of that name has come or gone
//! there: whoever wrote to the old address finds the new one named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::directory::contact_point::ContactPoint;
use crate::directory::document::Directory;
use crate::directory::record::AgencyRecord;
use crate::domain::ids::ContactPointId;

/// What of a contact point is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskChange {
    /// It is new.
    Opened,
    /// It is not there any more, and nothing tells where it went.
    Gone,
    /// It has another address now.
    Moved(ContactPointId),
    /// Its name, for people.
    Name,
    /// What it is competent for.
    Functions,
    /// In which languages it works.
    Languages,
    /// When somebody is there.
    Hours,
}

impl DeskChange {
    /// The word in traces, metrics and on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Gone => "gone",
            Self::Moved(_) => "moved",
            Self::Name => "name",
            Self::Functions => "functions",
            Self::Languages => "languages",
            Self::Hours => "hours",
        }
    }

    /// Whether nobody is there any more under the address.
    pub const fn ends_the_address(&self) -> bool {
        match self {
            Self::Gone | Self::Moved(_) => true,
            Self::Opened | Self::Name | Self::Functions | Self::Languages | Self::Hours => false,
        }
    }
}

impl fmt::Display for DeskChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved(to) => write!(f, "moved to {to}"),
            Self::Opened
            | Self::Gone
            | Self::Name
            | Self::Functions
            | Self::Languages
            | Self::Hours => f.write_str(self.as_str()),
        }
    }
}

/// A contact point that is another than before, and in what; at least one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedDesk {
    /// Its address; the old one of one that has moved.
    pub desk: ContactPointId,
    /// What has changed.
    pub changes: Vec<DeskChange>,
}

/// The contact points that differ between two directories, in the order of their addresses.
pub fn changed_desks(before: &Directory, after: &Directory) -> Vec<ChangedDesk> {
    let mut told: BTreeMap<ContactPointId, Vec<DeskChange>> = BTreeMap::new();
    let (mut gone, mut opened) = (Vec::new(), Vec::new());
    let agencies = before.agencies().chain(after.agencies()).map(|it| &it.id);
    for agency in agencies.collect::<BTreeSet<_>>() {
        let (old, new) = (before.agency(agency), after.agency(agency));
        if old.zip(new).is_some_and(|(old, new)| std::ptr::eq(old, new)) {
            continue;
        }
        let (old, new) = (desks_of(old), desks_of(new));
        gone.extend(old.iter().filter(|(id, _)| !new.contains_key(*id)).map(|(_, desk)| *desk));
        opened.extend(new.iter().filter(|(id, _)| !old.contains_key(*id)).map(|(_, desk)| *desk));
        for (id, desk) in &new {
            let changes = old.get(id).map(|old| differing(old, desk)).unwrap_or_default();
            if !changes.is_empty() {
                told.insert((*id).clone(), changes);
            }
        }
    }
    for desk in &opened {
        told.insert(desk.id.clone(), vec![DeskChange::Opened]);
    }
    for desk in &gone {
        let change = moved_to(desk, &gone, &opened).map_or(DeskChange::Gone, DeskChange::Moved);
        told.insert(desk.id.clone(), vec![change]);
    }
    told.into_iter().map(|(desk, changes)| ChangedDesk { desk, changes }).collect()
}

fn desks_of(record: Option<&AgencyRecord>) -> BTreeMap<&ContactPointId, &ContactPoint> {
    let desks = record.into_iter().flat_map(|it| &it.contact_points);
    desks.map(|it| (&it.id, it)).collect()
}

fn differing(before: &ContactPoint, after: &ContactPoint) -> Vec<DeskChange> {
    let parts = [
        (before.name == after.name, DeskChange::Name),
        (before.functions == after.functions, DeskChange::Functions),
        (before.languages == after.languages, DeskChange::Languages),
        (before.hours == after.hours, DeskChange::Hours),
    ];
    parts.into_iter().filter_map(|(same, change)| (!same).then_some(change)).collect()
}

/// Where a desk that is gone went, if exactly one of its name has come, and only it has gone.
fn moved_to(
    desk: &ContactPoint,
    gone: &[&ContactPoint],
    opened: &[&ContactPoint],
) -> Option<ContactPointId> {
    let is_alike = |it: &&&ContactPoint| it.name == desk.name && neighbours(desk, it);
    let mut came = opened.iter().filter(is_alike);
    let (first, second) = (came.next(), came.next());
    let alone = gone.iter().filter(is_alike).take(2).count() < 2;
    first.filter(|_| alone && second.is_none()).map(|it| it.id.clone())
}

/// Whether two desks are of the same State, or of the same international body.
fn neighbours(a: &ContactPoint, b: &ContactPoint) -> bool {
    let (a, b) = (a.id.agency(), b.id.agency());
    a == b || (a.country() == b.country() && a.country() != "int")
}
