//! Who is party to which treaty, from when, and with which reservations.
//!
//! The starting set is built in; a network loads rows of its own beside it. A State without a row
//! is *not known*, which is something else than *not a party*.

use std::cmp::Ordering;
use std::sync::LazyLock;

use crate::clock::Timestamp;
use crate::directory::strict::{self, Fault, Spot, Table};
use crate::domain::ids::StateCode;
use crate::domain::unseen::has_unseen;

/// The Convention.
pub const UNTOC: &str = "UNTOC";
/// The Protocol against the Smuggling of Migrants by Land, Sea and Air.
pub const PROTOCOL: &str = "SOM-PROTOCOL";
/// The Convention on Cybercrime.
pub const BUDAPEST: &str = "BUDAPEST";

/// Largest text, in bytes.
pub const PARTIES_BYTES_MAX: usize = 1024 * 1024;
/// Most rows of one text.
pub const ROWS_MAX: usize = 8192;
/// Most objections to one reservation.
pub const OBJECTIONS_MAX: usize = 256;
/// Longest name of an instrument or article, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest text of a reservation or source, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

const STARTING_SET: &str = include_str!("../../config/law/parties.toml");
const ROW_KEYS: &[&str] =
    &["state", "instrument", "article", "from", "to", "reservation", "objections", "source"];

static BUILT_IN: LazyLock<PartyStatus> = LazyLock::new(|| {
    PartyStatus::read(STARTING_SET).unwrap_or_else(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("the built-in table of parties has faults: {}", told.join("; "))
    })
});

/// How a State stands to an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    /// A party on that day.
    Party,
    /// Days are known, and this one is outside.
    NotParty,
    /// A party that reserved the article.
    Reserved {
        /// States that objected to the reservation.
        objections: &'a [StateCode],
    },
    /// Nothing is known of this State and instrument.
    Unknown,
}

/// One row: a State and an instrument, or one article of it that the State reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    state: StateCode,
    instrument: String,
    /// The reserved article; `None` for the instrument as a whole.
    article: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    objections: Vec<StateCode>,
}

impl Row {
    fn key(&self) -> (StateCode, &str, Option<&str>) {
        (self.state, &self.instrument, self.article.as_deref())
    }

    fn holds_on(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    /// Is `article` the reserved one, or within it?
    fn covers(&self, article: &str) -> bool {
        let reserved = self.article.as_deref();
        let rest = reserved.and_then(|it| article.trim().strip_prefix(it));
        rest.is_some_and(|it| it.is_empty() || it.starts_with('('))
    }
}

/// A table of parties. Asking it allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartyStatus {
    /// In the order of their keys.
    rows: Vec<Row>,
}

impl PartyStatus {
    /// The starting set: what a source was read for, and nothing else.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads a table from TOML: `[[party]]` with `state`, `instrument`, and as they are known
    /// `from` and `to` (days; `to` is the first on which it no longer holds), `source`; with
    /// `article`, `reservation` and `objections` for a reservation.
    ///
    /// # Errors
    /// Every fault of the text at once, each with its line.
    pub fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let mut rows = strict::read(text, PARTIES_BYTES_MAX, &["party"], |root| {
            let tables = root.tables("party", ROW_KEYS, ROWS_MAX);
            Some(tables.iter().filter_map(read_row).collect::<Vec<_>>())
        })?;
        rows.sort_by(|a, b| a.key().cmp(&b.key()));
        Ok(Self { rows })
    }

    /// Both tables; where `other` has rows for a State, instrument and article, they stand in place
    /// of ours.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.rows.retain(|ours| {
            other.rows.binary_search_by(|theirs| theirs.key().cmp(&ours.key())).is_err()
        });
        self.rows.extend(other.rows);
        self.rows.sort_by(|a, b| a.key().cmp(&b.key()));
        self
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How `state` stands on the day `at` to `article` of `instrument`; an empty article asks about
    /// the instrument. Whoever is party to the Protocol is party to the Convention (UNTOC 37(2)).
    pub fn on(
        &self,
        state: StateCode,
        instrument: &str,
        article: &str,
        at: Timestamp,
    ) -> Status<'_> {
        let rows = self.rows_of(state, instrument);
        let reserved = rows.iter().find(|it| it.covers(article) && it.holds_on(at));
        if let Some(row) = reserved {
            return Status::Reserved { objections: &row.objections };
        }
        let mut whole = rows.iter().filter(|it| it.article.is_none()).peekable();
        if whole.peek().is_none() {
            let protocol = self.rows_of(state, PROTOCOL);
            let by_protocol = instrument == UNTOC
                && protocol.iter().any(|it| it.article.is_none() && it.holds_on(at));
            return if by_protocol { Status::Party } else { Status::Unknown };
        }
        if whole.any(|it| it.holds_on(at)) { Status::Party } else { Status::NotParty }
    }

    fn rows_of(&self, state: StateCode, instrument: &str) -> &[Row] {
        let place = |row: &Row| (row.state, row.instrument.as_str()).cmp(&(state, instrument));
        let start = self.rows.partition_point(|row| place(row) == Ordering::Less);
        let end = self.rows.partition_point(|row| place(row) != Ordering::Greater);
        self.rows.get(start..end).unwrap_or_default()
    }
}

fn read_row(table: &Table<'_>) -> Option<Row> {
    table.require(&["state", "instrument"]);
    let state = table.parsed::<StateCode>("state");
    let instrument = table.spot("instrument").and_then(|it| read_text(&it, NAME_BYTES_MAX));
    let article = table.spot("article").and_then(|it| read_text(&it, NAME_BYTES_MAX));
    if let Some(spot) = table.spot("source") {
        read_text(&spot, TEXT_BYTES_MAX);
    }
    let (from, to) = (read_day(table, "from"), read_day(table, "to"));
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        table.fault_at("to", "must be later than from");
    }
    if let Some(spot) = table.spot("reservation") {
        read_text(&spot, TEXT_BYTES_MAX);
    }
    if table.has("article") != table.has("reservation") {
        table.fault_at("reservation", "a reservation and its article stand together");
    }
    if table.has("objections") && !table.has("reservation") {
        table.fault_at("objections", "objections are made to a reservation");
    }
    let objections = table.elements("objections", OBJECTIONS_MAX);
    let objections = objections.iter().filter_map(Spot::parsed::<StateCode>).collect();
    Some(Row { state: state?, instrument: instrument?, article, from, to, objections })
}

fn read_text(spot: &Spot<'_>, bytes_max: usize) -> Option<String> {
    let text = spot.text()?;
    let blank = text.trim().is_empty() || text.trim() != text;
    if blank || text.len() > bytes_max || has_unseen(text) {
        spot.fault(format!("must be 1 to {bytes_max} bytes without outer spaces"));
    }
    Some(text.to_owned())
}

fn read_day(table: &Table<'_>, key: &'static str) -> Option<Timestamp> {
    let spot = table.spot(key)?;
    let text = spot.text()?;
    let is_day = text.len() == 10 && text.is_ascii();
    let day = if is_day { Timestamp::parse(&format!("{text}T00:00:00Z")) } else { None };
    if day.is_none() {
        spot.fault("must be a day, such as 2004-01-28");
    }
    day
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state(code: &str) -> StateCode {
        code.parse().unwrap()
    }

    fn at(day: &str) -> Timestamp {
        Timestamp::parse(&format!("{day}T00:00:00Z")).unwrap()
    }

    fn faults(text: &str) -> Vec<String> {
        PartyStatus::read(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_starting_set_holds_what_a_source_says() {
        let set = PartyStatus::built_in();
        assert_eq!((set.len(), set.is_empty()), (13, false));
        let today = at("2026-01-11");
        for code in ["BEL", "ECU", "ETH", "IRQ", "ITA", "PAN", "TUN", "ZAF", "BRA", "BGD"] {
            assert_eq!(set.on(state(code), PROTOCOL, "8(2)", today), Status::Party, "{code}");
            assert_eq!(set.on(state(code), UNTOC, "18", today), Status::Party, "{code}");
        }
        assert_eq!(set.on(state("ARE"), UNTOC, "18(3)(f)", today), Status::Unknown);
        assert_eq!(set.on(state("BRA"), "OTHER", "", today), Status::Unknown);
    }

    #[test]
    fn a_reservation_cuts_its_article_and_no_other() {
        let set = PartyStatus::built_in();
        let status = |article| set.on(state("AFG"), PROTOCOL, article, at("2026-01-11"));
        let reserved = Status::Reserved { objections: &[state("DEU")] };
        assert_eq!([status("18"), status("18(3)"), status(" 18(4)")], [reserved; 3]);
        // Nothing says more of this State: not party, not another.
        assert_eq!([status("8(2)"), status("180"), status("")], [Status::Unknown; 3]);
    }

    #[test]
    fn days_hold_from_the_first_to_the_day_before_the_last() {
        let text = "[[party]]\nstate='FRA'\ninstrument='UNTOC'\nfrom='2004-01-28'\n\
                    to='2020-02-01'\n";
        let set = PartyStatus::read(text).unwrap();
        let status = |day| set.on(state("FRA"), UNTOC, "18", at(day));
        assert_eq!(status("2004-01-27"), Status::NotParty);
        assert_eq!(status("2004-01-28"), Status::Party);
        assert_eq!(status("2020-01-31"), Status::Party);
        assert_eq!(status("2020-02-01"), Status::NotParty);
    }

    #[test]
    fn rows_of_the_network_stand_in_place_of_ours() {
        let own = "[[party]]\nstate='BRA'\ninstrument='UNTOC'\nfrom='2004-02-28'\n\
                   [[party]]\nstate='ARE'\ninstrument='UNTOC'\n";
        let both = PartyStatus::built_in().clone().with(PartyStatus::read(own).unwrap());
        assert_eq!(both.len(), 14);
        let status = |code, day| both.on(state(code), UNTOC, "", at(day));
        assert_eq!(status("BRA", "2004-02-27"), Status::NotParty);
        assert_eq!(status("BRA", "2004-02-28"), Status::Party);
        assert_eq!(status("ARE", "2004-02-27"), Status::Party);
        assert_eq!(status("BGD", "2004-02-27"), Status::Party);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let text = "[[party]]\nstate = 'Bra'\ninstrument = ' '\nfrom = 'soon'\nbogus = 1\n\
                    [[party]]\nstate = 'BRA'\narticle = '18'\nobjections = ['x']\n";
        assert_eq!(
            faults(text),
            [
                "line 5, column 1: party[0].bogus: unknown key; known here: state, instrument, \
                 article, from, to, reservation, objections, source",
                "line 2, column 9: party[0].state: state is malformed: it is three upper-case \
                 letters",
                "line 3, column 14: party[0].instrument: must be 1 to 64 bytes without outer \
                 spaces",
                "line 4, column 8: party[0].from: must be a day, such as 2004-01-28",
                "line 6, column 1: party[1].instrument: is missing",
                "line 6, column 1: party[1].reservation: a reservation and its article stand \
                 together",
                "line 9, column 14: party[1].objections: objections are made to a reservation",
                "line 9, column 15: party[1].objections[0]: state is malformed: it is three \
                 letters",
            ]
        );
        let reversed = "[[party]]\nstate='BRA'\ninstrument='UNTOC'\nfrom='2004-01-28'\n\
                        to='2004-01-28'\n";
        assert_eq!(faults(reversed), ["line 5, column 4: party[0].to: must be later than from"]);
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in r#"(\[\[party\]\]\n|(state|instrument|article|from|to|objections) = |['"\[\]\n A-Z0-9-]){0,40}"#,
        ) {
            drop(PartyStatus::read(&String::from_utf8_lossy(&bytes)));
            drop(PartyStatus::read(&text));
        }
    }
}
