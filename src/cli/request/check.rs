//! Is a message file well-formed? Judged as far as it can be without a node: unknown fields, types,
//! ids, acts, kinds and what they require. Whether it is possible now is for the node to say.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::wire::json::{self, JSON_BYTES_MAX, JsonError};
use crate::wire::{draft, pb};

/// Judges a file.
///
/// # Errors
/// Exit status 6 with every violation.
pub fn run(path: &Path, output: &Output) -> Result<()> {
    let read = read(path)?;
    judge(path, &read)?;
    output.show(
        || json!({ "well_formed": true }),
        || Sheet::new().line(format!("{} is well-formed", path.display())),
    )?;
    output.note(format!("send it: rogatory request send -f {}", path.display()));
    Ok(())
}

/// Reads a message file.
///
/// # Errors
/// Exit status 6 with every field that is unknown or ill-typed.
pub fn read(path: &Path) -> Result<pb::Draft> {
    let bytes = file::read_body(path, u64::try_from(JSON_BYTES_MAX).unwrap_or(u64::MAX))?;
    let shown = path.display();
    json::read_file(&bytes).map_err(|error| match error {
        JsonError::Invalid(violations) => {
            let count = violations.len();
            let text = format!("{shown}: {count} fields are unknown or ill-typed");
            Failure::violations(text, &violations).into()
        }
        JsonError::TooLarge { .. } | JsonError::TooDeep | JsonError::NotJson { .. } => {
            Failure::new(Exit::Refused, format!("{shown}: {error}")).into()
        }
    })
}

/// Judges what was read.
///
/// # Errors
/// Exit status 6 with every violation.
pub fn judge(path: &Path, read: &pb::Draft) -> Result<()> {
    match draft::read(read.clone()) {
        Ok(_) => Ok(()),
        Err(violations) => {
            let count = violations.len();
            let text = format!("{}: {count} rules are broken", path.display());
            Err(Failure::violations(text, &violations).into())
        }
    }
}
