//! A backup's bytes: two lines in clear, then a chunked stream (`envelope::stream`).
//!
//! ```text
//! rogatory backup 1
//! {"journal":…,"from":{"size":…,"root":…},"to":…,"made_at":…,"keep_until":…,"key_id":…,…}
//! front and chunks, sealed under the hash of the two lines
//! ```
//!
//! The lines tell an operator what the file is without any key. They are bound into the stream: if
//! one byte of them changes, nothing opens.

use std::io::{ErrorKind, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::entropy::Entropy;
use crate::envelope::chunks::FRONT_BYTES;
use crate::envelope::keyring::{self, SealingPrivate};
use crate::envelope::stream::{Opener, Sealer};
use crate::envelope::{OpenError, backup};
use crate::node::copy::{CopyFault, Item, Reach, frame};

/// The first line.
pub const MAGIC: &str = "rogatory backup 1\n";
/// Longest second line, in bytes.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Bytes that are read in one step.
const READ_BYTES: usize = 256 * 1024;

/// What the second line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose journal.
    pub journal: String,
    /// The volumes before it, oldest first, all of which a full backup holds.
    pub before: Vec<String>,
    /// What it follows: nothing, or what the backup before it reached.
    pub from: Reach,
    /// What it reaches.
    pub to: Reach,
    /// When it was made.
    pub made_at: Timestamp,
    /// It is to be destroyed then.
    pub keep_until: Timestamp,
    /// Which backup key opens it.
    pub key_id: String,
    encapsulation: Vec<u8>,
}

impl Head {
    /// The line for programs, as it is in the file.
    pub fn to_json(&self) -> Value {
        let reach = |it: &Reach| json!({ "size": it.size, "root": it.root.to_string() });
        json!({
            "journal": self.journal,
            "before": self.before,
            "from": reach(&self.from),
            "to": reach(&self.to),
            "made_at": self.made_at.to_string(),
            "keep_until": self.keep_until.to_string(),
            "key_id": self.key_id,
            "encapsulation": STANDARD.encode(&self.encapsulation),
        })
    }

    fn from_json(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let reach = |name: &str| {
            let reach = value.get(name)?;
            let root = hex::decode(reach.get("root")?.as_str()?).ok()?;
            let root = Digest::from_slice(&root)?;
            Some(Reach { size: reach.get("size")?.as_u64()?, root })
        };
        // Backups of a program that knew one volume only say nothing of others.
        let before = value.get("before").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let before = before.iter().map(|it| Some(it.as_str()?.to_owned()));
        Some(Self {
            before: before.collect::<Option<_>>()?,
            journal: text("journal")?,
            from: reach("from")?,
            to: reach("to")?,
            made_at: Timestamp::parse(&text("made_at")?)?,
            keep_until: Timestamp::parse(&text("keep_until")?)?,
            key_id: text("key_id")?,
            encapsulation: STANDARD.decode(text("encapsulation")?).ok()?,
        })
    }
}

/// What a backup is to say of itself.
#[derive(Clone, Debug)]
pub struct Label {
    /// Whose journal.
    pub journal: String,
    /// The volumes before it, oldest first.
    pub before: Vec<String>,
    /// What it follows.
    pub from: Reach,
    /// What it reaches.
    pub to: Reach,
    /// When it is made.
    pub made_at: Timestamp,
    /// When it is to be destroyed.
    pub keep_until: Timestamp,
}

/// Seals items as they come.
pub struct Sealing(Sealer);

impl Sealing {
    /// Begins a backup to the backup key `public`; gives its first bytes.
    ///
    /// # Errors
    /// `NoBackup` if `public` is no such key.
    pub fn begin(
        label: Label,
        public: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<(Self, Vec<u8>), CopyFault> {
        let begun = backup::begin(public, &label.journal, entropy);
        let (encapsulation, key) = begun.ok_or(CopyFault::NoBackup("the backup key is none"))?;
        let Label { journal, before, from, to, made_at, keep_until } = label;
        let key_id = keyring::key_id(public);
        let head = Head { journal, before, from, to, made_at, keep_until, key_id, encapsulation };
        let mut bytes = format!("{MAGIC}{}\n", head.to_json()).into_bytes();
        let context = Digest::of(&bytes);
        let (sealer, front) = Sealer::new(&key, context.as_bytes(), entropy);
        bytes.extend_from_slice(&front);
        Ok((Self(sealer), bytes))
    }

    /// Takes an item; gives what is full.
    pub fn push(&mut self, item: &Item) -> Vec<u8> {
        self.0.push(&frame::write(item))
    }

    /// The last bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}

/// Reads the two lines of a backup; gives their bytes too.
///
/// # Errors
/// `NoBackup`, or that the file can't be read.
pub fn read_head(from: &mut dyn Read) -> Result<(Head, Vec<u8>), CopyFault> {
    let mut lines = Vec::new();
    let mut ends = 0;
    while ends < 2 {
        let mut byte = [0];
        if from.read(&mut byte)? == 0 {
            return Err(CopyFault::NoBackup("it ends before its head does"));
        }
        ends += u8::from(byte == *b"\n");
        lines.extend_from_slice(&byte);
        let is_ours = lines.iter().zip(MAGIC.as_bytes()).all(|(read, wanted)| read == wanted);
        if !is_ours || lines.len() > HEAD_BYTES_MAX {
            return Err(CopyFault::NoBackup("it does not begin as one, or in a later form"));
        }
    }
    let line = lines.get(MAGIC.len()..).unwrap_or_default();
    let head = Head::from_json(line).ok_or(CopyFault::NoBackup("its head is malformed"))?;
    Ok((head, lines))
}

/// A backup that is being read.
pub struct Opening<'a> {
    from: Box<dyn Read + 'a>,
    opener: Option<Opener>,
    plain: Vec<u8>,
    ended: bool,
}

impl<'a> Opening<'a> {
    /// Begins to read; gives the head, of which nothing is certain until all was read.
    ///
    /// # Errors
    /// `NoBackup`, `WrongKey`, or `Altered`.
    pub fn begin(
        mut from: Box<dyn Read + 'a>,
        private: &SealingPrivate,
    ) -> Result<(Self, Head), CopyFault> {
        let (head, lines) = read_head(&mut from)?;
        if head.key_id != private.key_id() {
            let (wanted, given) = (head.key_id, private.key_id().to_owned());
            return Err(CopyFault::WrongKey { wanted, given });
        }
        let key = backup::resume(private, &head.journal, &head.encapsulation);
        let key = key.ok_or(CopyFault::NoBackup("its encapsulation is malformed"))?;
        let mut front = [0; FRONT_BYTES];
        from.read_exact(&mut front).map_err(|error| {
            let is_short = error.kind() == ErrorKind::UnexpectedEof;
            if is_short { OpenError::Truncated.into() } else { CopyFault::Io(error) }
        })?;
        let opener = Opener::new(&key, Digest::of(&lines).as_bytes(), &front)?;
        let opening = Self { from, opener: Some(opener), plain: Vec::new(), ended: false };
        Ok((opening, head))
    }

    /// The next item; `None` after the last one, when the end was found too.
    ///
    /// # Errors
    /// `Altered`, `Malformed`, or that the file can't be read.
    pub fn next_item(&mut self) -> Result<Option<Item>, CopyFault> {
        loop {
            if let Some(item) = frame::read(&mut self.plain)? {
                return Ok(Some(item));
            }
            if self.ended {
                let is_empty = self.plain.is_empty();
                let rest = CopyFault::Malformed("it ends within an item");
                return if is_empty { Ok(None) } else { Err(rest) };
            }
            let mut bytes = vec![0; READ_BYTES];
            let count = self.from.read(&mut bytes)?;
            let opened = match (count, self.opener.take()) {
                (0, Some(opener)) => {
                    self.ended = true;
                    opener.finish()?
                }
                (_, Some(mut opener)) => {
                    let opened = opener.push(bytes.get(..count).unwrap_or_default())?;
                    self.opener = Some(opener);
                    opened
                }
                (_, None) => return Err(CopyFault::Malformed("it was given up before")),
            };
            self.plain.extend_from_slice(&opened);
        }
    }
}
