//! Who is competent: the desks of a State for a kind of request, in the order in which they are asked.
//!
//! A sender often knows which State must answer and for what, and not at which desk: "the flag State's
//! authority of Panama" (UNTOC art. 18(13), Smuggling of Migrants Protocol art. 8(6)). The table is
//! made once for each directory: desks by State and function, so that an answer costs what it is long.
//! Hours that several desks of a State keep are asked once.
//!
//! The order, of any two desks: who is there at the instant before who is not; then by function, best
//! first as the kind's row of the catalogue has it; then agencies that run a node; then by the agency's
//! id, and within an agency as its record lists them.
//!
//! A message that names a competence goes to whoever comes first ([`Directory::addressee`]), of those
//! that a way leads to if it leads to any. The last of these orders only make lists alike: desks that
//! nothing but an id or a place in a record sets apart are of equal rank, and then the sender chooses.
//!
//! [`Directory::addressee`]: crate::directory::Directory::addressee

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::clock::Timestamp;
use crate::directory::calendar::Opening;
use crate::directory::contact_point::{ContactPoint, Hours};
use crate::directory::record::AgencyRecord;
use crate::domain::competence::{Competence, Function};
use crate::domain::ids::{AgencyId, ContactPointId, StateCode};
use crate::domain::kinds::KindCode;

/// Who is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Desks of agencies of this State; of international bodies without one.
    pub country: Option<StateCode>,
    /// They may receive this kind.
    pub kind: KindCode,
    /// By this function; by any that may receive the kind without one.
    pub function: Option<Function>,
}

impl Wanted {
    /// Whoever answers for `kind` by a competence.
    pub const fn by(competence: &Competence, kind: KindCode) -> Self {
        let Competence { country, function } = *competence;
        Self { country, kind, function: Some(function) }
    }
}

/// Why a competence leads to no desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unaddressed {
    /// Nobody is competent.
    Nobody,
    /// These are, and none of them before the others.
    Several(Vec<ContactPointId>),
}

/// A desk that is competent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Competent<'d> {
    /// Which.
    pub desk: &'d ContactPoint,
    /// By which of its functions; of several that fit, the one that comes first for the kind.
    pub function: Function,
    /// The instant that was asked for if somebody is there then, or else when somebody is next.
    pub opens: Timestamp,
}

/// Functions, a bit for each: what a lookup asks of a desk lies beside the desk's place, since records lie apart and
/// have to come from memory one after the other.
#[derive(Clone, Copy, Debug)]
struct Functions(u32);

impl Functions {
    fn of(functions: &[Function]) -> Self {
        const { assert!(Function::ALL.len() <= u32::BITS as usize, "a bit for each") };
        Self(functions.iter().fold(0, |bits, it| bits | 1 << *it as u32))
    }

    fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A desk's place: its agency in [`Table::agencies`], its place in the record, its hours in those of
/// the country; and what it does.
#[derive(Clone, Copy, Debug)]
struct Place {
    agency: usize,
    desk: usize,
    hours: usize,
    functions: Functions,
}

/// The desks of one State.
#[derive(Clone, Debug, Default)]
struct Country {
    /// All that its desks keep, each once.
    hours: Vec<Hours>,
    /// By function, in order.
    desks: BTreeMap<Function, Vec<Place>>,
}

/// What hours say, to find those that are the same.
type SaidHours<'d> = Option<(Option<&'d str>, &'d [Opening], &'d [Date])>;

/// Desks by State and function.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    agencies: Vec<Arc<AgencyRecord>>,
    countries: BTreeMap<Option<StateCode>, Country>,
}

impl Table {
    pub(crate) fn new(agencies: &BTreeMap<AgencyId, Arc<AgencyRecord>>) -> Self {
        let mut agencies: Vec<_> = agencies.values().cloned().collect();
        agencies.sort_by_key(|it| (StateCode::of(&it.id), it.nodes.is_empty()));
        let mut countries: BTreeMap<_, Country> = BTreeMap::new();
        let of_country = agencies.chunk_by(|a, b| a.id.country() == b.id.country());
        let mut first = 0;
        for records in of_country {
            let country = records.first().and_then(|it| StateCode::of(&it.id));
            countries.insert(country, Country::new(first, records));
            first += records.len();
        }
        Self { agencies, countries }
    }

    /// Every desk that is competent, in order.
    pub(crate) fn competent(&self, wanted: &Wanted, at: Timestamp) -> Vec<Competent<'_>> {
        let Some(country) = self.countries.get(&wanted.country) else { return Vec::new() };
        let receivers = wanted.kind.receivers.iter().filter_map(|it| it.parse().ok());
        let functions: Vec<Function> =
            receivers.filter(|it| wanted.function.is_none_or(|only| *it == only)).collect();
        let mut opens = vec![None; country.hours.len()];
        let (mut there, mut later) = (Vec::new(), Vec::new());
        for (rank, function) in functions.iter().enumerate() {
            let better = Functions::of(functions.get(..rank).unwrap_or_default());
            let places = country.desks.get(function).into_iter().flatten();
            for place in places.filter(|it| !it.functions.meet(better)) {
                let Some(desk) = self.desk(*place) else { continue };
                let opens = opens
                    .get_mut(place.hours)
                    .map_or(at, |known| *known.get_or_insert_with(|| desk.hours.next_open(at)));
                let list = if opens == at { &mut there } else { &mut later };
                list.push(Competent { desk, function: *function, opens });
            }
        }
        there.append(&mut later);
        there
    }

    fn desk(&self, place: Place) -> Option<&ContactPoint> {
        self.agencies.get(place.agency)?.contact_points.get(place.desk)
    }
}

impl Country {
    /// The desks of these agencies; `first` is the place of the first of them.
    fn new(first: usize, records: &[Arc<AgencyRecord>]) -> Self {
        let mut country = Self::default();
        let mut known: BTreeMap<SaidHours<'_>, usize> = BTreeMap::new();
        for (agency, record) in (first..).zip(records) {
            for (desk, point) in record.contact_points.iter().enumerate() {
                let hours = *known.entry(said(&point.hours)).or_insert_with(|| {
                    country.hours.push(point.hours.clone());
                    country.hours.len() - 1
                });
                let functions = Functions::of(&point.functions);
                for function in point.functions.iter() {
                    let places = country.desks.entry(*function).or_default();
                    places.push(Place { agency, desk, hours, functions });
                }
            }
        }
        country
    }
}

fn said(hours: &Hours) -> SaidHours<'_> {
    match hours {
        Hours::Always => None,
        Hours::Office(office) => Some((office.zone(), office.open(), office.holidays())),
    }
}
