//! The faults found in a text, each with its path and its place, and the values that must be unique.
//!
//! A text is read without its faults' places first ([`Notes::quick`]): that there is one is all that is
//! noted then. Who has found one reads again with [`Notes::exact`].

use std::cell::{Cell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::directory::strict::Spot;
use crate::domain::unseen;

/// Most faults that one text is told of; one more line counts the rest.
pub const FAULTS_MAX: usize = 100;

/// A place in a text, counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which value, such as `agency[2].journal[0].name`; empty for the text as a whole.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
    /// Where it stands, as far as it stands anywhere.
    pub place: Option<Place>,
}

impl Fault {
    /// A fault of the text as a whole.
    pub fn of_text(problem: impl Into<String>) -> Self {
        Self { path: String::new(), problem: problem.into(), place: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "line {}, column {}: ", place.line, place.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

/// The faults found so far in one text, and the values that must be unique in it.
pub(crate) struct Notes<'t> {
    text: &'t str,
    /// Whether paths and places are told; if not, only whether there is a fault.
    is_exact: bool,
    is_faulty: Cell<bool>,
    found: RefCell<Vec<Fault>>,
    uncounted: RefCell<usize>,
    taken: RefCell<BTreeMap<(&'static str, Vec<u8>), String>>,
}

impl<'t> Notes<'t> {
    /// Notes whether there is a fault, and no more.
    pub(crate) fn quick(text: &'t str) -> Self {
        Self::new(text, false)
    }

    /// Notes every fault with its place.
    pub(crate) fn exact(text: &'t str) -> Self {
        Self::new(text, true)
    }

    fn new(text: &'t str, is_exact: bool) -> Self {
        Self {
            text,
            is_exact,
            is_faulty: Cell::new(false),
            found: RefCell::default(),
            uncounted: RefCell::default(),
            taken: RefCell::default(),
        }
    }

    /// A path, where paths are told.
    pub(crate) fn path(&self, path: impl FnOnce() -> String) -> String {
        if self.is_exact { path() } else { String::new() }
    }

    pub(crate) fn note(&self, path: &str, at: usize, problem: impl Into<String>) {
        self.is_faulty.set(true);
        if !self.is_exact {
            return;
        }
        let mut found = self.found.borrow_mut();
        if found.len() >= FAULTS_MAX {
            *self.uncounted.borrow_mut() += 1;
            return;
        }
        let place = place_of(self.text, at);
        found.push(Fault { path: path.to_owned(), problem: problem.into(), place });
    }

    /// Whether anything is wrong so far.
    pub(crate) fn has_faults(&self) -> bool {
        self.is_faulty.get()
    }

    /// Notes a fault unless `value` is the first of its `kind` in the text. Values of a kind that
    /// must not be repeated are ids and keys.
    pub(crate) fn claim(&self, kind: &'static str, value: &[u8], spot: &Spot<'_>) {
        let mut taken = self.taken.borrow_mut();
        match taken.entry((kind, value.to_vec())) {
            Entry::Occupied(it) => {
                spot.fault(format!("this {kind} stands already at {}", it.get()));
            }
            Entry::Vacant(free) => {
                free.insert(spot.path().to_owned());
            }
        }
    }

    /// Notes each sign that is not seen, on lines of which no fault is told. Whoever signs or edits a
    /// text reads all of it, comments too (CVE-2021-42574).
    pub(crate) fn note_unseen(&self) {
        // Of the signs of ASCII only controls are not seen, which TOML refuses.
        if self.text.is_ascii() {
            return;
        }
        let places = |it: &Fault| Some(it.place?.line);
        let told: BTreeSet<usize> = self.found.borrow().iter().filter_map(places).collect();
        let mut start = 0;
        for (number, line) in (1..).zip(self.text.split('\n')) {
            let line_start = start;
            start += line.len() + 1;
            if line.is_ascii() {
                continue;
            }
            let signs = unseen::signs(line).filter(|it| it.2 && !it.1.is_control());
            for (at, ..) in signs.filter(|_| !told.contains(&number)) {
                let at = line_start + at;
                self.note("", at, "a sign that is not seen, or that changes direction");
            }
        }
    }

    pub(crate) fn into_faults(self) -> Vec<Fault> {
        let mut found = self.found.into_inner();
        let uncounted = self.uncounted.into_inner();
        if uncounted > 0 {
            found.push(Fault::of_text(format!("and {uncounted} more faults")));
        }
        found
    }
}

fn place_of(text: &str, offset: usize) -> Option<Place> {
    let before = text.get(..offset)?;
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some(Place { line, column })
}
