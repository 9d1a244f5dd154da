//! What a person or a service manager sets: a node's configuration, its key files, the contexts of
//! the command line.
//!
//! What comes in is files and the environment; what goes out is values that were checked, or every
//! fault at once with line and column. This is the only room that reads environment variables, and
//! the list of them is short and written down ([`environment`]). Secrets stand in the configuration
//! only as paths.
//!
//! - `file.rs` the node's configuration as values; `check.rs` from its text to those values,
//!   `keeping.rs` for the section on retention, `attachments.rs` for that on attachments,
//!   `staleness.rs` for that on the directory, `store.rs` for that on the store, `listening.rs` for the doors.
//! - `keys.rs` the private keys of a node, one file each, never overwritten and never shared.
//! - `sealing_keys.rs`, `storage_keys.rs`, `witness_keys.rs` and `volume_keys.rs` those of which there
//!   are several;
//!   `backup_keys.rs` those that open backups, and are no node's.
//! - `key_source.rs` which keys are in a token instead, and what opens it.
//! - `secret_files.rs` who may read a file with a secret.
//! - `note_keys.rs` the keys of those who sign a directory: a name, and a private half in a file.
//! - `context.rs` which node a person talks to; `resolved.rs` what a call makes of it, and who
//!   decided that: flag, environment, context, default.
//! - `directory.rs` the folder of a signed directory; `loading.rs` how it is read whole,
//!   `adoption.rs` how newer texts get into it.
//! - `desks.rs` the file of who may do what at which desk of the agency.
//! - `persist.rs` files that count only when they and their folder are on disk.
//!
//! Relative paths are relative to the folder of the file that holds them, so a service and a person
//! in another folder mean the same file. Left to others: reading what the paths point at
//! (certificates and revocation lists), and acting on a changed file (`cli/`).

pub mod adoption;
mod attachments;
pub mod backup_keys;
pub mod check;
pub mod context;
pub mod desks;
pub mod directory;
pub mod environment;
pub mod file;
pub mod key_source;
pub mod keys;
pub mod note_keys;
mod keeping;
mod listening;
mod loading;
mod persist;
pub mod resolved;
pub mod secret_files;
pub mod sealing_keys;
pub mod staleness;
pub mod store;
pub mod storage_keys;
pub mod volume_keys;
pub mod witness_keys;

pub use attachments::Attachments;
pub use check::ConfigFault;
pub use directory::DirectoryFolder;
pub use environment::Environment;
pub use file::{Config, ConfigError};
pub use key_source::KeySource;
pub use keys::NodeKeys;
