//! Who is in the network: agencies with their keys, nodes, contact points and links.
//!
//! What comes in is the TOML text of `directory.toml`; what goes out is a [`Directory`] that exists
//! only if every line of it holds, or all faults of the text at once, each with its path (such as
//! `agency[2].contact_point[0].functions[1]`), line and column. From a directory follow the keys
//! that proofs are checked against and the routes that messages take.
//!
//! What always holds of a directory:
//! - names are unique, a contact point and a journal belong to the agency that lists them, and no
//!   key serves twice (a key signs one kind of text);
//! - an agency that runs a node has roots, a witness key, a sealing key and exactly one journal
//!   that is not retired; an agency without a node may lack them, and nobody can reach it;
//! - routes are loop-free and the same at every node that holds the same text.
//!
//! Left to others: who may sign a directory and which version is in force are questions about
//! authorities, not about the text; files are read by `config/` and `cli/`; certificates are judged
//! in `transport/tls/`. The room does no IO and takes no time; what an
//! office's hours make of a time is the same everywhere, since the rules of time zones are compiled in.

pub mod calendar;
pub mod changes;
pub mod competence;
pub mod contact_point;
pub mod document;
pub mod freshness;
pub mod journal_keys;
pub mod link;
pub mod list_remarks;
pub mod look_alikes;
pub mod notes;
mod plain;
pub mod record;
pub mod route;
pub mod signed;
pub mod strict;
mod tree;
pub mod witness_keys;
pub mod write;

pub use calendar::{OfficeHours, Opening};
pub use competence::{Competent, Unaddressed, Wanted};
pub use contact_point::{ContactPoint, Hours};
pub use document::{Directory, DirectoryFault};
pub use journal_keys::JournalKeys;
pub use link::Link;
pub use list_remarks::{ListRemark, list_remarks};
pub use look_alikes::{LookAlike, look_alikes};
pub use record::{AgencyRecord, Endpoint, SealingKey, Transit};
pub use route::{Route, Through};
pub use witness_keys::WitnessKeys;
pub use write::DirectoryDraft;
