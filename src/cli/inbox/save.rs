//! Saves an attachment: goes on where an earlier try ended, and gives the file its name only once its
//! hash is the one that the message states.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::inbox::{Named, find};
use crate::cli::output::{Carrying, Output};
use crate::cli::sheet::Sheet;
use crate::domain::digest::Hashing;
use crate::wire::draft::{self, Described};
use crate::wire::pb;

const STEP_BYTES: usize = 256 * 1024;

/// Saves one attachment to `to`. The name that its sender gave it is shown and never used.
///
/// # Errors
/// What the node answers; a file that exists; bytes that are not those that the message states.
pub async fn run(
    line: &Line,
    named: &Named,
    (id, to): (&str, &Path),
    output: &Output,
) -> Result<()> {
    file::must_be_free([to])?;
    let origin = find::origin(line, named).await?;
    let message_id = named.message.id.to_string();
    let asked = pb::ReadMessageRequest { origin: origin.clone(), message_id: message_id.clone() };
    let content = line.client.read_message(asked).await?.content.context("no content came")?;
    let described = draft::attachments_of(&content);
    let it = described.into_iter().find(|it| it.id == id).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("the message has no attachment {id}"))
    })?;
    let part = part_of(to);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(file::OWNER_ONLY);
    let mut file = options.open(&part).with_context(|| format!("writing {}", part.display()))?;
    let going = output.carrying(format!("saving {id}"), it.bytes);
    let (mut hashing, mut at) = hashed(&mut file, it.bytes)?;
    let asked =
        pb::ReadAttachmentRequest { origin, message_id, attachment_id: id.to_owned(), offset: at };
    fetch(line, asked, (&mut file, &mut hashing, &mut at), (&it, &going)).await?;
    if at != it.bytes || hashing.finish() != it.digest {
        drop(file);
        std::fs::remove_file(&part).with_context(|| format!("removing {}", part.display()))?;
        let text = format!("what came of {id} is not what the message states; nothing is kept");
        return Err(Failure::new(Exit::AnswerIsNo, text).into());
    }
    file.sync_all()?;
    named_as(&part, to)?;
    drop(going);
    output.show(
        || json!({ "attachment": id, "bytes": it.bytes, "sha256": it.digest.to_string() }),
        || {
            Sheet::new()
                .field("attachment", id)
                .field("bytes", it.bytes.to_string())
                .field("sha256", it.digest.to_string())
        },
    )?;
    output.note(format!("saved as {}", to.display()));
    Ok(())
}

/// Where it lies until it is whole.
fn part_of(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    to.with_file_name(name)
}

#[expect(clippy::disallowed_methods, reason = "the file is synced before, and its folder after")]
fn named_as(part: &Path, to: &Path) -> Result<()> {
    file::must_be_free([to])?;
    std::fs::rename(part, to).with_context(|| format!("writing {}", to.display()))?;
    let folder = to.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
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
