//! Files that a person names: read whole within a limit, and never overwritten unasked.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, IsTerminal as _, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use zeroize::Zeroizing;

use crate::cli::exit::{Exit, Failure};
use crate::config::{Environment, secret_files};

/// Largest certificate, proof, entry or password file, in bytes.
pub const SMALL_BYTES_MAX: u64 = 1024 * 1024;
/// Largest directory, in bytes.
pub const DIRECTORY_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Mode of files with secrets.
pub const OWNER_ONLY: u32 = 0o600;
/// Mode of files for everybody.
pub const PUBLIC: u32 = 0o644;

/// Reads a file of at most `max` bytes.
///
/// # Errors
/// What the system says, or that it is longer.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("reading {shown}"))?;
    let bytes = read_all(file, max).with_context(|| format!("reading {shown}"))?;
    Ok(bytes)
}

/// Reads a text file of at most `max` bytes.
///
/// # Errors
/// As [`read`], or that it is not UTF-8.
pub fn read_text(path: &Path, max: u64) -> Result<String> {
    let bytes = read(path, max)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(Exit::Refused, format!("{} is not UTF-8 text", path.display()))
    })?;
    Ok(text)
}

/// Reads the PEM file of a private key, which nobody but its owner may read; the text is cleared when
/// it is dropped.
///
/// # Errors
/// As [`read_text`], and a file that is open to others.
pub fn read_key(path: &Path) -> Result<Zeroizing<String>> {
    Ok(secret_files::secret_text(path, SMALL_BYTES_MAX, &Environment::of_process())?)
}

/// Reads a file, or stdin where the path is `-`. A terminal is not waited for.
///
/// # Errors
/// As [`read`]; a terminal where a file is expected.
pub fn read_body(path: &Path, max: u64) -> Result<Vec<u8>> {
    if path != Path::new("-") {
        return read(path, max);
    }
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let text = "the message is expected on stdin, and that is a terminal; \
                    name a file, or pipe one: rogatory request send -f - < message.json";
        return Err(Failure::new(Exit::Usage, text).into());
    }
    read_all(stdin.lock(), max).context("reading stdin")
}

fn read_all(from: impl Read, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        let text = format!("it has more than {max} bytes, which is more than it may have");
        return Err(Failure::new(Exit::Refused, text).into());
    }
    Ok(bytes)
}

/// Writes a file that must not exist yet, and syncs it and its folder.
///
/// # Errors
/// What the system says; exit status 6 if it exists.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match path.parent().filter(|it| !it.as_os_str().is_empty()) {
            Some(folder) => File::open(folder)?.sync_all(),
            None => File::open(".")?.sync_all(),
        }
    };
    match write() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        other => other.with_context(|| format!("writing {}", path.display())),
    }
}

/// Refuses if something stands where files are to be written, or if their folder is missing.
///
/// # Errors
/// Exit status 6 with the first that exists, 5 with the first folder that does not.
pub fn must_be_free<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    for path in paths {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|it| !it.is_dir()) {
            let text = format!("there is no folder {}", folder.display());
            return Err(Failure::new(Exit::NotFound, text).into());
        }
    }
    Ok(())
}

fn exists(path: &Path) -> anyhow::Error {
    let text = format!("{} exists, and is not overwritten", path.display());
    Failure::new(Exit::Refused, text).into()
}

/// Makes a folder that is closed to others, and what is missing above it.
///
/// # Errors
/// What the system says.
pub fn make_folder(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("making {}", folder.display()))
}
