//! The vocabulary of legal cooperation: values and rules, nothing about computers.
//!
//! What comes in is text and numbers that someone claims; what goes out is values that exist only
//! if they are well formed. Nothing here reads a file, a clock or a random source, and nothing
//! knows how a value is written on the wire (`wire/`) or kept (`history/`).
//!
//! The room's words are those of the glossary in `ARCHITECTURE.md`: a *request* is the legal act,
//! a *message* one act in its life, a *header* what a blind transit needs, *particulars* what only
//! recipients may know besides the content.

pub mod acts;
pub mod attachment;
pub mod auditing;
pub mod bearing;
pub mod competence;
pub mod digest;
pub mod draft;
pub mod drafting;
pub mod due;
pub mod entities;
pub mod entry;
pub mod fact;
pub mod file_name;
pub mod grounds;
pub mod handling;
pub mod header;
pub mod ids;
pub mod kinds;
pub mod lifecycle;
pub mod limits;
pub mod misconduct;
pub mod obligation;
pub mod particulars;
pub mod reason;
pub mod retention;
pub mod reviewing;
pub mod station;
pub mod unseen;
pub mod urgency;
pub mod violation;
pub mod volume;
