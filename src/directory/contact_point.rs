//! A desk of an agency: what it may do, in which languages, and when somebody is there.

use std::sync::Arc;

use jiff::civil::Date;

use crate::directory::calendar::{
    self, HOLIDAYS_MAX, OPENINGS_MAX, OfficeFault, OfficeHours, Opening,
};
use crate::directory::strict::{Spot, Table};
use crate::directory::tree::Words;
use crate::domain::competence::Function;
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::unseen::{has_unseen, is_composed};

/// Longest name of a contact point, in bytes.
pub const NAME_BYTES_MAX: usize = 200;
/// Most languages of one contact point.
pub const LANGUAGES_MAX: usize = 32;

/// When a contact point answers.
///
/// ```toml
/// hours = "office"
/// zone = "Europe/Rome"                                     # default: UTC
/// open = ["mon-thu 09:00-17:00", "fri 09:00-13:00"]        # default: mon-fri 09:00-17:00
/// holidays = ["2026-12-25", "2027-01-01"]                  # default: none
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hours {
    /// At any time: `24/7`.
    Always,
    /// On working days: `office`.
    Office(OfficeHours),
}

impl Hours {
    /// The word in files and on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Always => "24/7",
            Self::Office(_) => "office",
        }
    }
}

/// An addressable desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactPoint {
    /// Its address.
    pub id: ContactPointId,
    /// Its name, for people.
    pub name: String,
    /// What it is competent for; at least one function. Desks of one record share what is the same.
    pub functions: Arc<[Function]>,
    /// BCP 47 tags of the languages it works in, the preferred one first; at least one.
    pub languages: Arc<[String]>,
    /// When it answers.
    pub hours: Hours,
}

impl ContactPoint {
    /// Whether the desk is competent for `function`.
    pub fn has(&self, function: Function) -> bool {
        self.functions.contains(&function)
    }
}

pub(crate) const KEYS: &[&str] =
    &["id", "name", "functions", "languages", "hours", "zone", "open", "holidays"];
const OFFICE_KEYS: [&str; 3] = ["zone", "open", "holidays"];

/// Zone, openings and holidays of an office, as they are written.
type HoursWords<'t> = (Option<&'t str>, Words<'t>, Words<'t>);

/// What desks of one record have in common, by the words that say it: those are read once, and what they say
/// stands in memory once.
#[derive(Default)]
pub(crate) struct Shared<'t> {
    hours: Vec<(HoursWords<'t>, OfficeHours)>,
    functions: Vec<(Words<'t>, Arc<[Function]>)>,
    languages: Vec<(Words<'t>, Arc<[String]>)>,
}

/// What `words` say: as it was read before, or with `read` now. It is remembered while nothing is wrong.
fn once<W: PartialEq, T: Clone>(
    table: &Table<'_>,
    known: &mut Vec<(W, T)>,
    words: Option<W>,
    read: impl FnOnce() -> Option<T>,
) -> Option<T> {
    if let Some((_, same)) = known.iter().find(|(it, _)| Some(it) == words.as_ref()) {
        return Some(same.clone());
    }
    let value = read()?;
    if let Some(words) = words.filter(|_| !table.notes.has_faults()) {
        known.push((words, value.clone()));
    }
    Some(value)
}

/// Reads one desk; `agency` is `None` when the agency's own id is at fault.
pub(crate) fn read<'t>(
    table: &Table<'t>,
    agency: Option<&AgencyId>,
    seen: &mut Shared<'t>,
) -> Option<ContactPoint> {
    table.require(&["id", "name", "functions", "languages", "hours"]);
    let id = read_id(table, agency);
    let name = table.spot("name").and_then(|spot| read_name(&spot));
    let functions = once(table, &mut seen.functions, table.words("functions"), || {
        Some(read_functions(table).into())
    });
    let languages = once(table, &mut seen.languages, table.words("languages"), || {
        Some(read_languages(table).into())
    });
    let hours = read_hours(table, seen);
    Some(ContactPoint {
        id: id?,
        name: name?,
        functions: functions?,
        languages: languages?,
        hours: hours?,
    })
}

fn read_id(table: &Table<'_>, agency: Option<&AgencyId>) -> Option<ContactPointId> {
    let spot = table.spot("id")?;
    let id: ContactPointId = spot.parsed()?;
    let text = spot.said().unwrap_or_default();
    if let Some(agency) = agency.filter(|agency| *agency != id.agency()) {
        spot.fault(format!("the contact point is not one of {agency}"));
    }
    table.notes.claim("contact point", text.as_bytes(), &spot);
    match agency {
        Some(agency) => Some(id.sharing(agency)),
        None => Some(id),
    }
}

fn read_name(spot: &Spot<'_>) -> Option<String> {
    let text = spot.text()?;
    // Most names have nothing but visible ASCII: none of what is looked for below.
    let is_ascii = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_ascii && (1..=NAME_BYTES_MAX).contains(&text.len()) && text.trim_ascii() == text {
        return Some(text.to_owned());
    }
    let blank = text.trim().is_empty() || text.trim() != text;
    if blank || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        spot.fault(format!(
            "must be 1 to {NAME_BYTES_MAX} bytes without control characters or outer spaces"
        ));
    } else if has_unseen(text) {
        spot.fault("has a sign that is not seen, or that changes the direction of others");
    } else if !is_composed(text) {
        spot.fault("must be in composed form (Unicode NFC)");
    }
    Some(text.to_owned())
}

fn read_functions(table: &Table<'_>) -> Vec<Function> {
    let mut functions = Vec::new();
    let spots = table.elements("functions", Function::ALL.len());
    if spots.is_empty() && table.has("functions") {
        table.fault_at("functions", "needs at least one function");
    }
    for spot in spots {
        let Some(function) = spot.parsed::<Function>() else {
            continue;
        };
        if functions.contains(&function) {
            spot.fault("this function is listed twice");
        }
        functions.push(function);
    }
    functions
}

fn read_languages(table: &Table<'_>) -> Vec<String> {
    let mut languages: Vec<String> = Vec::new();
    let spots = table.elements("languages", LANGUAGES_MAX);
    if spots.is_empty() && table.has("languages") {
        table.fault_at("languages", "needs at least one language");
    }
    for spot in spots {
        let Some(tag) = spot.text() else { continue };
        if !is_language(tag) {
            spot.fault("must be a BCP 47 tag such as en, fr or zh-Hant");
        }
        if languages.iter().any(|it| it == tag) {
            spot.fault("this language is listed twice");
        }
        languages.push(tag.to_owned());
    }
    languages
}

/// Shape of RFC 5646: a primary subtag of 2 or 3 letters in lower case, then subtags.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    tag.len() <= 35
        && (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_lowercase())
        && parts
            .all(|it| (1..=8).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn read_hours<'t>(table: &Table<'t>, seen: &mut Shared<'t>) -> Option<Hours> {
    match table.text("hours")? {
        "24/7" => {
            for key in OFFICE_KEYS.into_iter().filter(|key| table.has(key)) {
                table.fault_at(key, "has a meaning for office hours only");
            }
            Some(Hours::Always)
        }
        "office" => {
            let words = words_of(table);
            once(table, &mut seen.hours, words, || read_office(table)).map(Hours::Office)
        }
        _ => {
            table.fault_at("hours", "must be 24/7 or office");
            None
        }
    }
}

/// The words that say an office's hours; none where one of them is no text.
fn words_of<'t>(table: &Table<'t>) -> Option<HoursWords<'t>> {
    let zone = match table.spot("zone") {
        Some(spot) => Some(spot.said()?),
        None => None,
    };
    Some((zone, table.words("open")?, table.words("holidays")?))
}

/// Reads an office's hours. What could not be read is noted and left out of the sum, so that each
/// fault is told once.
fn read_office(table: &Table<'_>) -> Option<OfficeHours> {
    let zone = table.text("zone");
    let (open, open_spots) = read_openings(table);
    let (holidays, holiday_spots) = read_holidays(table);
    match OfficeHours::new(zone, open, holidays) {
        Ok(office) => Some(office),
        Err(faults) => {
            for fault in faults {
                let problem = fault.to_string();
                match fault {
                    OfficeFault::UnknownZone => table.fault_at("zone", problem),
                    OfficeFault::NoOpening => table.fault_at("open", problem),
                    OfficeFault::ClosedTooLong { .. } => table.fault_at("holidays", problem),
                    OfficeFault::OpenAlready { index } => fault_of(&open_spots, index, problem),
                    OfficeFault::HolidayOutOfOrder { index } => {
                        fault_of(&holiday_spots, index, problem);
                    }
                }
            }
            None
        }
    }
}

fn fault_of(spots: &[Spot<'_>], index: usize, problem: String) {
    if let Some(spot) = spots.get(index) {
        spot.fault(problem);
    }
}

/// The openings with their places. Those of an empty list are none, and those of a list in which
/// nothing could be read are the usual ones, since its faults are told.
fn read_openings<'t>(table: &Table<'t>) -> (Vec<Opening>, Vec<Spot<'t>>) {
    let spots = table.elements("open", OPENINGS_MAX);
    let is_empty = spots.is_empty() && table.has("open");
    let read = spots.into_iter().filter_map(|spot| Some((spot.parsed::<Opening>()?, spot)));
    let (open, spots): (Vec<_>, Vec<_>) = read.unzip();
    if open.is_empty() && !is_empty {
        return (vec![Opening::DEFAULT], spots);
    }
    (open, spots)
}

fn read_holidays<'t>(table: &Table<'t>) -> (Vec<Date>, Vec<Spot<'t>>) {
    let spots = table.elements("holidays", HOLIDAYS_MAX);
    if spots.is_empty() && table.has("holidays") {
        table.fault_at("holidays", "needs at least one day; leave it out for none");
    }
    let read = spots.into_iter().filter_map(|spot| {
        let date = calendar::read_date(spot.text()?);
        if date.is_none() {
            spot.fault("must be a day such as 2026-12-25");
        }
        Some((date?, spot))
    });
    read.unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_a_shape() {
        for good in ["en", "mt", "zh-Hant", "sr-Latn-RS", "yue"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["", "e", "EN", "english", "en-", "en_US", "en-toolongsubtag"] {
            assert!(!is_language(bad), "{bad}");
        }
    }
}
