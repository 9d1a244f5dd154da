//! Who is party to what: the built-in table, and a network's own file in its place where it says more.

use std::path::Path;

use anyhow::Result;

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::law::PartyStatus;
use crate::law::parties::PARTIES_BYTES_MAX;

/// The built-in table with the rows of a file, if there is one.
///
/// # Errors
/// Exit status 6 with every fault of the file.
pub fn read(path: Option<&Path>) -> Result<PartyStatus> {
    let built_in = PartyStatus::built_in().clone();
    let Some(path) = path else { return Ok(built_in) };
    let text = file::read_text(path, u64::try_from(PARTIES_BYTES_MAX).unwrap_or(u64::MAX))?;
    let own = PartyStatus::read(&text).map_err(|faults| {
        let lines: String = faults.iter().map(|it| format!("\n  {it}")).collect();
        let text = format!("{}: {} faults{lines}", path.display(), faults.len());
        Failure::new(Exit::Refused, text)
    })?;
    Ok(built_in.with(own))
}
