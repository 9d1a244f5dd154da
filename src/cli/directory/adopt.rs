//! `directory adopt` and `directory diff`: a newer text takes its place; what it would change.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use crate::cli::directory::check;
use crate::cli::directory::text::{Said, Text};
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock};
use crate::config::DirectoryFolder;
use crate::directory::signed::{Adopted, Held, Judging, Refusal};
use crate::directory::{LookAlike, list_remarks};
use crate::domain::digest::Digest;
use crate::pki::revoke;

/// `directory adopt`: a signed roll or record, a revocation list, or all that another folder has that is newer.
///
/// # Errors
/// Exit status 6 with the reason for which something is not adopted.
pub(super) fn adopt(
    path: &Path,
    from: &Path,
    genesis: Option<Digest>,
    output: &Output,
) -> Result<()> {
    let folder = DirectoryFolder::at(path);
    if from.is_dir() {
        return adopt_folder(&folder, &DirectoryFolder::at(from), genesis, output);
    }
    let mut held = begun(&folder, genesis)?;
    let before = check::of(&held.directory().0);
    let bytes = file::read(from, file::DIRECTORY_BYTES_MAX)?;
    if revoke::is_list_file(&bytes) {
        let der = revoke::list_der(&bytes)
            .ok_or_else(|| refused(from, &Refusal::List(revoke::ListFault::Unreadable)))?;
        let owner = held.list_owner(&der).cloned().map_err(|it| refused(from, &it))?;
        let adopted = folder.adopt_list(&mut held, &owner, &der)?;
        let adopted = adopted.map_err(|refusal| refused(from, &refusal))?;
        return told(&held, (adopted == Adopted::Newer, &[]), &before, output);
    }
    let text = Text::read(from)?;
    let now = SystemClock.now();
    let adopted = match &text.said {
        Said::Roll(_) => {
            let taken = folder.adopt_rolls(&mut held, &[bytes], now)?.map_err(|(_, it)| it);
            taken.map(|newer| if newer > 0 { Adopted::Newer } else { Adopted::Already })
        }
        Said::Record(_) => folder.adopt_record(&mut held, &bytes, Judging::Now(now))?,
        Said::Genesis(_) | Said::Directory(_) => {
            let text = "a signed roll, a signed record, a revocation list or a folder is adopted";
            return Err(Failure::new(Exit::Usage, text).into());
        }
    };
    let adopted = adopted.map_err(|refusal| refused(from, &refusal))?;
    told(&held, (adopted == Adopted::Newer, &[]), &before, output)
}

/// What is in force in a folder, of which there may be nothing but the genesis.
pub(super) fn begun(folder: &DirectoryFolder, genesis: Option<Digest>) -> Result<Held> {
    if folder.rolls()?.is_empty() {
        return Ok(Held::begin(folder.genesis(genesis)?));
    }
    Ok(folder.load(genesis)?.held)
}

fn adopt_folder(
    folder: &DirectoryFolder,
    from: &DirectoryFolder,
    genesis: Option<Digest>,
    output: &Output,
) -> Result<()> {
    if !folder.is_there() {
        let Some(pinned) = genesis else {
            let text = format!(
                "{} holds no directory yet; say which network it is to be of: --genesis HASH",
                folder.path().display()
            );
            return Err(Failure::new(Exit::Usage, text).into());
        };
        from.genesis(Some(pinned))?;
        let text = String::from_utf8(from.genesis_text()?)?;
        folder.begin(&text)?;
    }
    let mut held = begun(folder, genesis)?;
    let before = check::of(&held.directory().0);
    let results = folder.adopt_all(&mut held, from, SystemClock.now())?;
    let newer: Vec<PathBuf> =
        results.iter().filter(|(_, it)| it.is_ok()).map(|(path, _)| path.clone()).collect();
    for (path, result) in &results {
        if let Err(refusal) = result {
            output.note(format!("not adopted: {}: {refusal}", path.display()));
        }
    }
    if let Some((path, Err(refusal))) = results.iter().find(|(_, it)| it.is_err()) {
        return Err(refused(path, refusal));
    }
    told(&held, (!newer.is_empty(), &newer), &before, output)
}

fn refused(path: &Path, refusal: &Refusal) -> anyhow::Error {
    let mut failure =
        Failure::new(Exit::Refused, format!("{} is not adopted: {refusal}", path.display()));
    failure.json = json!({ "error": refusal.to_string(), "reason": refusal.word() });
    failure.into()
}

fn told(
    held: &Held,
    (newer, files): (bool, &[PathBuf]),
    before: &[LookAlike],
    output: &Output,
) -> Result<()> {
    let (directory, complaints) = held.directory();
    for complaint in &complaints {
        output.note(complaint);
    }
    let mut alike = check::of(&directory);
    alike.retain(|it| !before.contains(it));
    check::tell(&alike, output);
    let remarks = list_remarks(&directory, SystemClock.now());
    check::tell_lists(&remarks, output);
    if !newer {
        output.note("it was in force already");
    }
    output.show(
        || {
            json!({
                "newer": newer,
                "files": files,
                "roll": held.roll().map(|it| it.roll.version),
                "version": held.version(),
                "hash": held.hash().to_string(),
                "look_alikes": check::listed(&alike),
                "revocation_lists": check::listed_lists(&remarks),
            })
        },
        || Sheet::new().field("version", held.version()).field("hash", held.hash()),
    )
}

/// Most lines that `diff` compares one by one on each side; more are shown as one block.
const COMPARED_MAX: usize = 4_000;

/// `directory diff`: the lines that a text changes of the one in force.
///
/// # Errors
/// What can't be read.
pub(super) fn diff(path: &Path, from: &Path, output: &Output) -> Result<()> {
    let folder = DirectoryFolder::at(path);
    let held = begun(&folder, None)?;
    let text = Text::read(from)?;
    let before = match &text.said {
        Said::Roll(_) => held.roll().map(|it| it.note.text.clone()),
        Said::Record(record) => folder.note(&held, &record.agency.id)?.map(|it| it.text),
        Said::Genesis(_) | Said::Directory(_) => {
            let text = "a roll or a record is compared with the one in force";
            return Err(Failure::new(Exit::Usage, text).into());
        }
    };
    let before = before.unwrap_or_default();
    let changes = changed(&before, &text.note.text);
    output.list(
        || {
            let changes = changes.iter().map(|(sign, line)| {
                let word = if *sign == '+' { "added" } else { "removed" };
                json!({ "change": word, "line": line })
            });
            json!({ "changes": changes.collect::<Vec<_>>() })
        },
        "changes",
        || {
            changes
                .iter()
                .fold(Sheet::new(), |sheet, (sign, line)| sheet.line(format!("{sign} {line}")))
        },
    )
}

/// The lines that differ, in order: removed ones (`-`) before the added ones (`+`) in their place.
fn changed<'a>(before: &'a str, after: &'a str) -> Vec<(char, &'a str)> {
    let (mut old, mut new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    old.drain(..same);
    new.drain(..same);
    while old.last().is_some() && old.last() == new.last() {
        old.pop();
        new.pop();
    }
    let whole = old.len() > COMPARED_MAX || new.len() > COMPARED_MAX;
    let mut out = Vec::new();
    let (mut old, mut new) = (old.as_slice(), new.as_slice());
    while let (Some((a, old_rest)), Some((b, new_rest))) = (old.split_first(), new.split_first()) {
        // How far each side is from the other's next line: the nearer one is caught up with.
        let ahead = |line: &&str, lines: &[&str]| lines.iter().position(|it| it == line);
        match (ahead(a, new), ahead(b, old)) {
            _ if whole => break,
            (Some(0), _) => (old, new) = (old_rest, new_rest),
            (Some(to), from) if from.is_none_or(|from| to <= from) => {
                out.extend(new.iter().take(to).map(|it| ('+', *it)));
                new = new.get(to..).unwrap_or_default();
            }
            (_, Some(to)) => {
                out.extend(old.iter().take(to).map(|it| ('-', *it)));
                old = old.get(to..).unwrap_or_default();
            }
            (Some(_) | None, None) => {
                out.extend([('-', *a), ('+', *b)]);
                (old, new) = (old_rest, new_rest);
            }
        }
    }
    out.extend(old.iter().map(|it| ('-', *it)));
    out.extend(new.iter().map(|it| ('+', *it)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_shown_in_their_order() {
        assert_eq!(changed("a\nb\nc\n", "a\nb\nc\n"), []);
        assert_eq!(changed("", "a\nb\n"), [('+', "a"), ('+', "b")]);
        assert_eq!(changed("a\nb\nc", "a\nx\nc"), [('-', "b"), ('+', "x")]);
        assert_eq!(changed("a\nb\nc\nd", "a\nc\nd\ne"), [('-', "b"), ('+', "e")]);
        assert_eq!(changed("a\nd", "a\nb\nc\nd"), [('+', "b"), ('+', "c")]);
    }
}
