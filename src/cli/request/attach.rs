//! Hands in the bytes of a message's attachments before the message: a piece at a time, gone on with
//! where an earlier try ended.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cli::call::Line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::domain::file_name;
use crate::transport::limits::ATTACHMENT_PIECE_BYTES_MAX;
use crate::wire::draft::{self, Described};
use crate::wire::pb;

/// How often a file is begun again that another process hands in at the same time.
const TRIES: usize = 8;

/// A file that is named for an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attach {
    /// Id of the attachment.
    id: String,
    path: PathBuf,
}

impl std::str::FromStr for Attach {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text.split_once('=') {
            Some((id, path)) if !id.is_empty() && !path.is_empty() => {
                Ok(Self { id: id.to_owned(), path: PathBuf::from(path) })
            }
            Some(_) | None => Err("it is ID=PATH, such as A1=order.pdf"),
        }
    }
}

/// Hands in what a draft attaches: the file that was named for it, or the one of its name beside the
/// message. What has no file here must have been handed in before. Gives the bytes of all.
///
/// # Errors
/// A file of another size, a name that no attachment has, what the node answers.
pub async fn hand_in(
    line: &Line,
    draft: &pb::Draft,
    (named, beside): (&[Attach], Option<&Path>),
    output: &Output,
) -> Result<u64> {
    let described = draft::attachments_of(draft);
    for it in named {
        if !described.iter().any(|found| found.id == it.id) {
            let text = format!("the message has no attachment {}", it.id);
            return Err(Failure::new(Exit::Refused, text).into());
        }
    }
    for it in &described {
        let given = named.iter().find(|named| named.id == it.id).map(|it| it.path.clone());
        let Some(path) = given.or_else(|| found_beside(it, beside)) else {
            output.note(format!("{} has no file here; it must be at the node already", it.id));
            continue;
        };
        hand_in_one(line, it, &path, output).await?;
    }
    Ok(described.iter().fold(0, |sum, it| sum.saturating_add(it.bytes)))
}

/// The file of its name beside the message, if the name is one.
fn found_beside(described: &Described, beside: Option<&Path>) -> Option<PathBuf> {
    let name = described.name.as_deref().filter(|it| file_name::check(it).is_ok())?;
    let path = beside?.join(name);
    path.is_file().then_some(path)
}

async fn hand_in_one(line: &Line, it: &Described, path: &Path, output: &Output) -> Result<()> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("reading {shown}"))?;
    let length = file.metadata().with_context(|| format!("reading {shown}"))?.len();
    if length != it.bytes {
        let text = format!("{shown} has {length} bytes, and {} has {}", it.id, it.bytes);
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let going = output.carrying(format!("handing in {}", it.id), length);
    for _ in 0..TRIES {
        if bring(line, it, &file, &going).await? {
            return Ok(());
        }
    }
    let text = format!("{} is handed in by somebody else at the same time", it.id);
    Err(Failure::new(Exit::Failed, text).into())
}

/// Brings what the node has not got yet; false if somebody else brought a piece meanwhile.
async fn bring(
    line: &Line,
    it: &Described,
    file: &File,
    going: &crate::cli::output::Carrying,
) -> Result<bool> {
    let sha256 = it.digest.to_string();
    let asked = pb::BeginAttachmentRequest { size_bytes: it.bytes, sha256: sha256.clone() };
    let begun = line.client.begin_attachment(asked).await?;
    let (mut offset, mut complete) = (begun.next_offset, begun.complete);
    while !complete {
        going.at(offset);
        let left = usize::try_from(it.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(ATTACHMENT_PIECE_BYTES_MAX)];
        file.read_exact_at(&mut bytes, offset).context("the file became shorter")?;
        let asked = pb::AppendAttachmentRequest {
            size_bytes: it.bytes,
            sha256: sha256.clone(),
            offset,
            bytes,
        };
        let answer = match line.client.append_attachment(asked).await {
            Err(error) if error.reason() == "STATE_FORBIDS" => return Ok(false),
            answer => answer?,
        };
        (offset, complete) = (answer.next_offset, answer.complete);
    }
    going.at(it.bytes);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_for_an_attachment_by_its_id() {
        let named = |text: &str| text.parse::<Attach>();
        let path = PathBuf::from("out/a=b.pdf");
        assert_eq!(named("A1=out/a=b.pdf"), Ok(Attach { id: "A1".to_owned(), path }));
        for wrong in ["", "A1", "A1=", "=path"] {
            assert_eq!(named(wrong), Err("it is ID=PATH, such as A1=order.pdf"), "{wrong}");
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_not_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        File::create(folder.path().join("secret")).unwrap();
        File::create(inner.join("order.pdf")).unwrap();
        let described = |name: &str| Described {
            id: "A1".to_owned(),
            pointer: "/attachments/0".to_owned(),
            name: Some(name.to_owned()),
            bytes: 0,
            digest: crate::domain::digest::Digest::of(b""),
        };
        let found = |name| found_beside(&described(name), Some(&inner));
        assert_eq!(found("order.pdf"), Some(inner.join("order.pdf")));
        assert_eq!((found("../secret"), found("other.pdf")), (None, None));
        assert_eq!(found_beside(&described("order.pdf"), None), None);
    }
}
