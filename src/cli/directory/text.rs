//! Files of a directory: which kind of text one holds, and every fault of it.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::directory::Directory;
use crate::directory::signed::Genesis;
use crate::directory::signed::record::{OwnRecord, RECORD_BYTES_MAX};
use crate::directory::signed::roll::{ROLL_BYTES_MAX, Roll};
use crate::directory::strict::Fault;
use crate::domain::digest::Digest;
use crate::merkle::note::SignedNote;
use crate::pki::revoke;

/// What a text says, with its faults told.
pub(super) enum Said {
    /// An unsigned directory, all in one text.
    Directory(Box<Directory>),
    /// A genesis.
    Genesis(Box<Genesis>),
    /// A roll.
    Roll(Box<Roll>),
    /// An agency's record.
    Record(Box<OwnRecord>),
}

/// A file that was read: signed, or about to be.
pub(super) struct Text {
    /// The text, and the signatures that stand below it; none if it is unsigned.
    pub(super) note: SignedNote,
    /// What it says.
    pub(super) said: Said,
}

impl Text {
    /// Reads a file.
    ///
    /// # Errors
    /// What the system says, or every fault of the text.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = file::read(path, file::DIRECTORY_BYTES_MAX)?;
        if revoke::is_list_file(&bytes) {
            let text = format!(
                "{} holds a revocation list or something else of X.509, and no text of a directory; \
                 what it says shows: rogatory pki inspect",
                path.display()
            );
            return Err(Failure::new(Exit::Refused, text).into());
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::new(Exit::Refused, format!("{} is not UTF-8 text", path.display()))
        })?;
        let note = SignedNote::parse_up_to(text.as_bytes(), ROLL_BYTES_MAX.max(RECORD_BYTES_MAX));
        let note = note.unwrap_or(SignedNote { text, signatures: Vec::new() });
        let said = read_said(&note.text).map_err(|(what, faults)| faulty(path, what, &faults))?;
        Ok(Self { note, said })
    }

    /// The hash by which the next version names it.
    pub(super) fn hash(&self) -> Digest {
        Digest::of(self.note.text.as_bytes())
    }
}

fn read_said(text: &str) -> Result<Said, (&'static str, Vec<Fault>)> {
    let keys: toml::Table = toml::from_str(text).unwrap_or_default();
    let has = |key: &str| keys.contains_key(key);
    if has("issued_at") {
        let read = Roll::parse(text, 1).map(|it| Said::Roll(Box::new(it)));
        read.map_err(|faults| ("roll", faults))
    } else if has("threshold") {
        let read = Genesis::parse(text).map(|it| Said::Genesis(Box::new(it)));
        read.map_err(|faults| ("genesis", faults))
    } else if has("id") {
        let read = OwnRecord::parse(text).map(|it| Said::Record(Box::new(it)));
        read.map_err(|faults| ("record", faults))
    } else {
        let read = Directory::parse(text).map(|it| Said::Directory(Box::new(it)));
        read.map_err(|faults| ("directory", faults))
    }
}

/// A file that is not what it is to be, with every fault.
pub(in crate::cli) fn faulty(path: &Path, what: &str, faults: &[Fault]) -> anyhow::Error {
    let listed: String = faults.iter().map(|it| format!("\n  {it}")).collect();
    let text = format!("{} is no {what}:{listed}", path.display());
    let mut failure = Failure::new(Exit::Refused, text);
    let faults: Vec<_> = faults
        .iter()
        .map(|it| {
            let line = it.place.map(|place| place.line);
            json!({ "path": it.path, "problem": it.problem, "line": line })
        })
        .collect();
    failure.json = json!({ "faults": faults });
    failure.into()
}
