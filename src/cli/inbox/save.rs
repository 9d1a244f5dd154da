//! Saves an attachment: goes on where an earlier try ended, and gives the file its name only once its
//! hash is the one that the message states.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::inbox::landing::Landing;
use crate::cli::inbox::{Named, find};
use crate::cli::output::{Carrying, Output};
use crate::cli::sheet::Sheet;
use crate::domain::digest::{Digest, Hashing};
use crate::wire::draft::{self, Described};
use crate::wire::pb;

const STEP_BYTES: usize = 256 * 1024;

/// Where it is to be saved.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Where {
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// The folder to write to: under the name that its sender gave it, where that is nothing but a name
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Where {
    fn landing(&self, named: Option<&str>, number: usize, digest: &Digest) -> Result<Landing> {
        match (&self.to, &self.folder) {
            (Some(to), _) => Landing::at(to, digest),
            (None, folder) => {
                let folder = folder.as_deref().context("neither a file nor a folder is named")?;
                Landing::within(folder, named, number, digest)
            }
        }
    }
}

/// Saves one attachment. A name that leads elsewhere, or hides what it is, is never used.
///
/// # Errors
/// What the node answers; a file that exists; bytes that are not those that the message states.
pub async fn run(
    line: &Line,
    named: &Named,
    (id, to): (&str, &Where),
    output: &Output,
) -> Result<()> {
    if let Some(to) = &to.to {
        file::must_be_free([to.as_path()])?;
    }
    let origin = find::origin(line, named).await?;
    let message_id = named.message.id.to_string();
    let asked = pb::ReadMessageRequest { origin: origin.clone(), message_id: message_id.clone() };
    let content = line.client.read_message(asked).await?.content.context("no content came")?;
    let described = draft::attachments_of(&content);
    let (number, it) = (1..).zip(described).find(|(_, it)| it.id == id).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("the message has no attachment {id}"))
    })?;
    let landing = to.landing(it.name.as_deref(), number, &it.digest)?;
    let mut file = landing.begin()?;
    let going = output.carrying(format!("saving {id}"), it.bytes);
    let (mut hashing, mut at) = hashed(&mut file, it.bytes)?;
    let asked =
        pb::ReadAttachmentRequest { origin, message_id, attachment_id: id.to_owned(), offset: at };
    fetch(line, asked, (&mut file, &mut hashing, &mut at), (&it, &going)).await?;
    if at != it.bytes || hashing.finish() != it.digest {
        drop(file);
        landing.give_up()?;
        let text = format!("what came of {id} is not what the message states; nothing is kept");
        return Err(Failure::new(Exit::AnswerIsNo, text).into());
    }
    file.sync_all()?;
    landing.finish()?;
    drop(going);
    output.show(
        || {
            let (sha256, file) = (it.digest.to_string(), landing.path().display().to_string());
            json!({ "attachment": id, "bytes": it.bytes, "sha256": sha256, "file": file })
        },
        || {
            Sheet::new()
                .field("attachment", id)
                .field("bytes", it.bytes.to_string())
                .field("sha256", it.digest.to_string())
        },
    )?;
    output.note(format!("saved as {}", landing.path().display()));
    Ok(())
}

/// The hash of what an earlier try left, and where it goes on.
fn hashed(file: &mut File, bytes: u64) -> Result<(Hashing, u64)> {
    let mut hashing = Hashing::default();
    let left = file.metadata()?.len();
    if left > bytes {
        file.set_len(0)?;
        return Ok((hashing, 0));
    }
    let mut buffer = vec![0; STEP_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..read).filter(|it| !it.is_empty()) else {
            break;
        };
        hashing.update(piece);
    }
    Ok((hashing, file.seek(SeekFrom::End(0))?))
}

async fn fetch(
    line: &Line,
    asked: pb::ReadAttachmentRequest,
    (file, hashing, at): (&mut File, &mut Hashing, &mut u64),
    (it, going): (&Described, &Carrying),
) -> Result<()> {
    let mut pieces = line.client.read_attachment(asked).await?;
    while let Some(piece) = pieces.next().await? {
        let end = at.saturating_add(u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX));
        if piece.offset != *at || end > it.bytes {
            let text = format!("the node sends other bytes of {} than were asked for", it.id);
            return Err(Failure::new(Exit::AnswerIsNo, text).into());
        }
        file.write_all(&piece.bytes)?;
        hashing.update(&piece.bytes);
        *at = end;
        going.at(end);
    }
    Ok(())
}
