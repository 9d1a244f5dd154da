//! What a message speaks of: persons, documents, vessels, accounts, devices, places.
//!
//! One file per noun. What comes in is text that somebody wrote or read from an object; what goes
//! out is a value that exists only if it has the form that its standard gives it, or an
//! [`fault::EntityFault`] that names the rule and never the text. Nothing is repaired, completed or
//! guessed: in a document or a vessel case the error is the evidence.
//!
//! The same fault weighs differently by who answers for the value. An account number that a
//! requester *asserts* must be right, for nobody can act on a wrong one; a number *as read* from
//! an object under suspicion may be as wrong as the object: [`Provenance`]. Which place of which
//! message has which provenance is a question of law, not of form, and is not answered here.
//!
//! A check digit that holds proves little: blind spots are counted in the tests of each file.

mod ascii;
pub mod bic;
pub mod call_sign;
mod check;
pub mod container;
pub mod country;
pub mod evaluation;
pub mod fault;
pub mod iban;
pub mod imei;
pub mod imo;
pub mod imsi;
pub mod lei;
pub mod mmsi;
pub mod mrz;
pub mod name;
pub mod partial_date;
pub mod phone;
pub mod position;
pub mod reference;
pub mod role;
pub mod sex;
pub mod transliteration;
pub mod unlocode;
pub mod vin;

#[cfg(test)]
mod tests;

use crate::domain::violation::Severity;

/// Who answers for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// The sender says that it is so.
    Asserted,
    /// The sender copied it from an object, which may be false.
    AsRead,
}

impl Provenance {
    /// How grave a fault in such a value is: what is only read is marked and never stopped.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Asserted => Severity::Reject,
            Self::AsRead => Severity::Warn,
        }
    }
}
