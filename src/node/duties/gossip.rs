//! Compares the directory with one peer: says what is held here, asks for what is lacking, gives
//! what the other lacks. Both sides of a stream do the same.
//!
//! One request is open at a time, so what may come is bounded: a listing, or the texts that were
//! asked for. What comes unasked is dropped. A text that is refused is not asked for again until
//! something else is in force here, and the session stays.

use std::collections::VecDeque;

use crate::clock::Timestamp;
use crate::directory::document::AGENCIES_MAX;
use crate::directory::record::CRLS_MAX;
use crate::directory::signed::compare::{
    Declined, Holding, Lacked, Listing, TEXTS_AT_ONCE, TextName,
};
use crate::directory::signed::{Held, Refusal};
use crate::wire::gossip::Said;

/// Texts given on one stream, at the most; whoever needs more opens another.
pub const TEXTS_GIVEN_MAX: usize = 4 * AGENCIES_MAX;

/// A listing counts as so many texts.
const LISTING_WEIGHT: usize = 64;

/// What the comparing wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// Say this.
    Say(Said),
    /// Give these texts, one frame each.
    Give(Vec<TextName>),
    /// Judge these texts, tell `judged` what came of them.
    Judge(Vec<(Lacked, Vec<u8>)>),
    /// The other said what it holds, and the time by its clock.
    Heard(Holding, Timestamp),
}

/// Why a stream ends: the other breaks its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// It is of another network.
    #[error("it holds the directory of another network")]
    OtherNetwork,
    /// It asks for more than a stream gives.
    #[error("it asked for more than {TEXTS_GIVEN_MAX} texts")]
    TooMany,
    /// Its listing does not end.
    #[error("its listing does not end")]
    Endless,
}

/// What is open.
#[derive(Debug)]
enum Open {
    Nothing,
    Listing(Listing),
    Texts { left: VecDeque<Lacked>, come: Vec<(Lacked, Vec<u8>)> },
    Judging(Vec<Lacked>),
}

/// One side of a stream.
#[derive(Debug)]
pub struct Comparing {
    theirs: Option<Holding>,
    /// What was compared in full last: of the other, and here.
    compared: Option<(Holding, Holding)>,
    open: Open,
    wanted: VecDeque<Lacked>,
    declined: Declined,
    given: usize,
}

impl Default for Comparing {
    fn default() -> Self {
        Self {
            theirs: None,
            compared: None,
            open: Open::Nothing,
            wanted: VecDeque::new(),
            declined: Declined::default(),
            given: 0,
        }
    }
}

impl Comparing {
    /// What to say at first, every so often, and whenever what is held here has changed.
    pub fn say(held: &Held, now: Timestamp) -> Said {
        Said::Holding(held.holding(), now)
    }

    /// Takes one frame of the other.
    ///
    /// # Errors
    /// Why the stream must end.
    pub fn take(&mut self, held: &Held, said: Said) -> Result<Vec<Wish>, Breach> {
        let mut wishes = Vec::new();
        match said {
            Said::Holding(theirs, time) => {
                if theirs.genesis != held.genesis().hash() {
                    return Err(Breach::OtherNetwork);
                }
                wishes.push(Wish::Heard(theirs.clone(), time));
                self.theirs = Some(theirs);
            }
            Said::ListingWanted => {
                self.give(LISTING_WEIGHT)?;
                wishes.extend(Said::listing(&held.listing()).into_iter().map(Wish::Say));
            }
            Said::Listing { part, last } => self.list(held, part, last)?,
            Said::TextsWanted(names) => {
                self.give(names.len())?;
                wishes.push(Wish::Give(names));
            }
            Said::Text(name, text) => self.text(&name, text, &mut wishes),
        }
        self.go_on(held, &mut wishes);
        Ok(wishes)
    }

    /// Something else is in force here: what was refused may follow now.
    pub fn changed(&mut self, held: &Held) -> Vec<Wish> {
        self.declined.clear();
        let mut wishes = Vec::new();
        self.go_on(held, &mut wishes);
        wishes
    }

    /// What came of the texts that were judged.
    pub fn judged(&mut self, held: &Held, refused: Vec<(Lacked, Refusal)>) -> Vec<Wish> {
        let Open::Judging(given) = std::mem::replace(&mut self.open, Open::Nothing) else {
            return Vec::new();
        };
        // What was taken for good and is not there was another text than the one asked for. Rolls
        // before a refused one may still be taken by themselves.
        let astray = given.into_iter().filter(|it| refused.is_empty() && !held.has(it));
        for lacked in astray.collect::<Vec<_>>() {
            self.declined.note(lacked);
        }
        for (lacked, _) in refused {
            self.declined.note(lacked);
        }
        let mut wishes = Vec::new();
        self.go_on(held, &mut wishes);
        wishes
    }

    /// True while nothing is asked for and nothing is judged.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.open, Open::Nothing) && self.wanted.is_empty()
    }

    fn give(&mut self, weight: usize) -> Result<(), Breach> {
        self.given = self.given.saturating_add(weight);
        if self.given > TEXTS_GIVEN_MAX { Err(Breach::TooMany) } else { Ok(()) }
    }

    fn list(&mut self, held: &Held, part: Listing, last: bool) -> Result<(), Breach> {
        let Open::Listing(listing) = &mut self.open else {
            return Ok(());
        };
        listing.records.extend(part.records);
        listing.lists.extend(part.lists);
        if listing.records.len() > AGENCIES_MAX || listing.lists.len() > AGENCIES_MAX * CRLS_MAX {
            return Err(Breach::Endless);
        }
        if last {
            let lacked = held.lacked(listing);
            self.wanted = lacked.into_iter().filter(|it| !self.declined.has(it)).collect();
            self.open = Open::Nothing;
        }
        Ok(())
    }

    fn text(&mut self, name: &TextName, text: Option<Vec<u8>>, wishes: &mut Vec<Wish>) {
        let Open::Texts { left, come } = &mut self.open else {
            return;
        };
        if left.front().is_none_or(|it| it.name != *name) {
            return;
        }
        let Some(lacked) = left.pop_front() else { return };
        match text {
            Some(text) => come.push((lacked, text)),
            // It was there when it was listed, and is not any more; or it never was.
            None => self.declined.note(lacked),
        }
        if left.is_empty() {
            let come = std::mem::take(come);
            let names: Vec<Lacked> = come.iter().map(|(lacked, _)| lacked.clone()).collect();
            self.open = if come.is_empty() { Open::Nothing } else { Open::Judging(names) };
            wishes.extend((!come.is_empty()).then_some(Wish::Judge(come)));
        }
    }

    /// Asks for the next that is lacking, if nothing is open.
    fn go_on(&mut self, held: &Held, wishes: &mut Vec<Wish>) {
        let (Open::Nothing, Some(theirs)) = (&self.open, &self.theirs) else {
            return;
        };
        let rolls = held.rolls_lacked(theirs);
        // Rolls follow each other: where one was refused, none after it is asked for.
        let rolls: VecDeque<Lacked> =
            rolls.into_iter().take_while(|it| !self.declined.has(it)).collect();
        if !rolls.is_empty() {
            return self.ask(rolls, wishes);
        }
        // Another peer may have given some of them meanwhile.
        self.wanted.retain(|it| !held.has(it));
        if !self.wanted.is_empty() {
            let count = self.wanted.len().min(TEXTS_AT_ONCE);
            let next = self.wanted.drain(..count).collect();
            return self.ask(next, wishes);
        }
        let own = held.holding();
        if (theirs.hash, theirs.lists_hash) == (own.hash, own.lists_hash) {
            return;
        }
        let now = Some((theirs.clone(), own));
        if self.compared != now {
            self.compared = now;
            self.open = Open::Listing(Listing::default());
            wishes.push(Wish::Say(Said::ListingWanted));
        }
    }

    fn ask(&mut self, lacked: VecDeque<Lacked>, wishes: &mut Vec<Wish>) {
        let names = lacked.iter().map(|it| it.name.clone()).collect();
        self.open = Open::Texts { left: lacked, come: Vec::new() };
        wishes.push(Wish::Say(Said::TextsWanted(names)));
    }
}
