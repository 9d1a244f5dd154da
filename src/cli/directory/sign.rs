//! `directory sign` and `directory verify`: signatures below a text, and what they come to.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::directory::adopt::begun;
use crate::cli::directory::text::{Said, Text};
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::DirectoryFolder;
use crate::config::directory::{ENDING, FolderError, Loaded, replace};
use crate::config::note_keys::NoteKey;
use crate::directory::signed::{Authorities, Held, Judging, Refusal};
use crate::domain::digest::Digest;
use crate::merkle::note::SignedNote;
use crate::merkle::vkey::Verdict;

/// `directory sign`: puts a signature below a text.
///
/// # Errors
/// A text with faults, a key that can't be read, another text under the name of the note.
pub(super) fn sign(path: &Path, key: &Path, output: &Output) -> Result<()> {
    let text = Text::read(path)?;
    let what = describe(&text)?;
    let key = NoteKey::load(key)?;
    let target = path.with_extension(ENDING);
    let mut note = text.note.clone();
    if path != target && target.is_file() {
        note = Text::read(&target)?.note;
        if note.text != text.note.text {
            let text = format!("{} holds another text, and is not overwritten", target.display());
            return Err(Failure::new(Exit::Refused, text).into());
        }
    }
    if key.key().verdict(&note) == Verdict::Absent {
        note.signatures.push(key.sign(&note.text));
    }
    let bytes = note.to_bytes();
    if SignedNote::parse_up_to(&bytes, bytes.len()).ok().as_ref() != Some(&note) {
        let text = "the text can't be the text of a signed note: it ends without a line feed, or \
                    holds tabs or other control characters";
        return Err(Failure::new(Exit::Refused, text).into());
    }
    replace(&target, &bytes)?;
    let signers: Vec<_> = note.signatures.iter().map(|it| it.name.clone()).collect();
    output.show(
        || {
            json!({
                "signed": target,
                "of": what,
                "hash": text.hash().to_string(),
                "signatures": signers,
            })
        },
        || {
            Sheet::new()
                .field("signed", target.display())
                .field("of", &what)
                .field("hash", text.hash())
                .field("signatures", signers.join(" "))
        },
    )
}

fn describe(text: &Text) -> Result<String> {
    match &text.said {
        Said::Roll(roll) => Ok(format!("roll {} of {}", roll.version, roll.network)),
        Said::Record(record) => Ok(format!("record {} of {}", record.version, record.agency.id)),
        Said::Genesis(_) | Said::Directory(_) => {
            let text = "only a roll and a record are signed; a genesis is pinned by its hash";
            Err(Failure::new(Exit::Usage, text).into())
        }
    }
}

/// `directory verify`: a whole folder, or whether a file could be adopted into it now.
///
/// # Errors
/// Exit status 7 with the reason if it does not hold.
pub(super) fn verify(
    folder: &Path,
    text: Option<&PathBuf>,
    genesis: Option<Digest>,
    output: &Output,
) -> Result<()> {
    let folder = DirectoryFolder::at(folder);
    match text {
        Some(path) => verify_text(&begun(&folder, genesis)?, path, output),
        None => verify_folder(&folder.load(genesis).map_err(answer_is_no)?, output),
    }
}

/// What is there and does not hold is an answer; what can't be read is none.
fn answer_is_no(error: FolderError) -> anyhow::Error {
    if matches!(error, FolderError::Io { .. }) {
        return error.into();
    }
    Failure::new(Exit::AnswerIsNo, error.to_string()).into()
}

fn verify_folder(loaded: &Loaded, output: &Output) -> Result<()> {
    let held = &loaded.held;
    if let Some(first) = loaded.refused.first() {
        return Err(Failure::new(Exit::AnswerIsNo, first.to_string()).into());
    }
    let (signers, needed) = match held.roll() {
        Some(roll) => signers(&roll.roll.authorities, &roll.note, roll.roll.issued_at),
        None => (Vec::new(), 0),
    };
    let roll = held.roll().map_or(0, |it| it.roll.version);
    output.show(
        || {
            json!({
                "network": held.genesis().network.to_string(),
                "genesis": held.genesis().hash().to_string(),
                "roll": roll,
                "version": held.version(),
                "hash": held.hash().to_string(),
                "signed_by": signers,
                "needed": needed,
                "records": held.recorded().count(),
            })
        },
        || {
            Sheet::new()
                .field("network", &held.genesis().network)
                .field("genesis", held.genesis().hash())
                .field("roll", roll)
                .field("signed by", signers.join(" "))
                .field("needed", needed)
                .field("records", held.recorded().count())
        },
    )
}

fn signers(authorities: &Authorities, note: &SignedNote, at: Timestamp) -> (Vec<String>, usize) {
    let signed = authorities.signed(note, at).unwrap_or_default();
    (signed.into_iter().map(str::to_owned).collect(), authorities.threshold)
}

fn verify_text(held: &Held, path: &Path, output: &Output) -> Result<()> {
    let text = Text::read(path)?;
    let what = describe(&text)?;
    let now = SystemClock.now();
    let bytes = file::read(path, file::DIRECTORY_BYTES_MAX)?;
    let mut after = held.clone();
    let (verdict, who): (Result<_, Refusal>, Value) = match &text.said {
        Said::Roll(_) => {
            let present = held.roll().map(|it| &it.roll.authorities);
            let present = present.unwrap_or(&held.genesis().authorities);
            let (signed, needed) = signers(present, &text.note, now);
            let who = json!({ "signed_by": signed, "needed": needed });
            (after.adopt_roll(&bytes, Judging::Now(now)), who)
        }
        Said::Record(_) | Said::Genesis(_) | Said::Directory(_) => {
            (after.adopt_record(&bytes, Judging::Now(now)), json!({}))
        }
    };
    if let Err(refusal) = verdict {
        let mut failure = Failure::new(Exit::AnswerIsNo, format!("{what}: {refusal}"));
        failure.json = json!({
            "error": refusal.to_string(),
            "reason": refusal.word(),
            "signatures": who,
        });
        return Err(failure.into());
    }
    output.show(
        || json!({ "holds": true, "of": what, "hash": text.hash().to_string(), "signatures": who }),
        || Sheet::new().field("holds", &what).field("hash", text.hash()),
    )
}
