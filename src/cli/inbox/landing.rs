//! Where an attachment lands: in one folder, under one name, whatever its sender called it.
//!
//! The folder is opened once, and all else is named within it: no link that stands there already, and
//! none that appears meanwhile, leads a file elsewhere.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{self, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::domain::digest::Digest;
use crate::domain::file_name::{self, FILE_NAME_BYTES_MAX};

/// Behind the name of what is not whole yet.
const PART: &str = ".part";

/// A place for one file.
#[derive(Debug)]
pub struct Landing {
    folder: OwnedFd,
    name: OsString,
    part: OsString,
    /// As people are told.
    shown: PathBuf,
}

impl Landing {
    /// The file that whoever saves has named.
    ///
    /// # Errors
    /// If it exists, or its folder does not.
    pub fn at(to: &Path, digest: &Digest) -> Result<Self> {
        file::must_be_free([to])?;
        let name = to.file_name().ok_or_else(|| {
            Failure::new(Exit::Usage, format!("{} is no name of a file", to.display()))
        })?;
        let folder = to.parent().filter(|it| !it.as_os_str().is_empty());
        Self::under(folder.unwrap_or(Path::new(".")), name, digest)
    }

    /// A file in a folder, under the name that its sender gave it if that is a name and nothing else;
    /// otherwise under its number in the message, from 1.
    ///
    /// # Errors
    /// If there is no such folder, or a file of this name in it.
    pub fn within(
        folder: &Path,
        named: Option<&str>,
        number: usize,
        digest: &Digest,
    ) -> Result<Self> {
        let own = named.filter(|it| file_name::check(it).is_ok());
        let name = own.map_or_else(|| format!("attachment-{number}"), str::to_owned);
        if !folder.is_dir() {
            let text = format!("there is no folder {}", folder.display());
            return Err(Failure::new(Exit::NotFound, text).into());
        }
        file::must_be_free([folder.join(&name).as_path()])?;
        Self::under(folder, OsStr::new(&name), digest)
    }

    fn under(folder: &Path, name: &OsStr, digest: &Digest) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = fs::open(folder, flags, Mode::empty());
        let opened = opened.with_context(|| format!("opening {}", folder.display()))?;
        let mut part = name.to_owned();
        part.push(PART);
        if part.len() > FILE_NAME_BYTES_MAX {
            part = format!("{digest}{PART}").into();
        }
        let (name, shown) = (name.to_owned(), folder.join(name));
        Ok(Self { folder: opened, name, part, shown })
    }

    /// Where the file will stand.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// Opens what an earlier try has left, or begins.
    ///
    /// # Errors
    /// What the system says; that something stands there which is no file.
    pub fn begin(&self) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = fs::openat(&self.folder, &self.part, flags, Mode::RUSR | Mode::WUSR);
        let told = || format!("writing {}", self.shown.display());
        let file = File::from(opened.with_context(told)?);
        if !file.metadata().with_context(told)?.is_file() {
            let text = format!("beside {} stands something that is no file", self.shown.display());
            return Err(Failure::new(Exit::Refused, text).into());
        }
        Ok(file)
    }

    /// Takes away what has come.
    ///
    /// # Errors
    /// What the system says.
    pub fn give_up(&self) -> Result<()> {
        let removed = fs::unlinkat(&self.folder, &self.part, AtFlags::empty());
        removed.with_context(|| format!("removing what came for {}", self.shown.display()))
    }

    /// Gives a file that is whole, and synced, its name.
    ///
    /// # Errors
    /// If the name was taken meanwhile, or what the system says.
    pub fn finish(&self) -> Result<()> {
        let (folder, part, name) = (&self.folder, &self.part, &self.name);
        let kept = fs::renameat_with(folder, part, folder, name, RenameFlags::NOREPLACE);
        let renamed = match kept {
            // Not every file system can rename without replacing.
            Err(Errno::INVAL | Errno::NOSYS) => {
                file::must_be_free([self.shown.as_path()])?;
                fs::renameat(folder, part, folder, name)
            }
            other => other,
        };
        if renamed == Err(Errno::EXIST) {
            let text = format!("{} exists, and is not overwritten", self.shown.display());
            return Err(Failure::new(Exit::Refused, text).into());
        }
        renamed.with_context(|| format!("writing {}", self.shown.display()))?;
        fs::fsync(folder).with_context(|| format!("writing {}", self.shown.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn digest() -> Digest {
        Digest::of(b"content")
    }

    fn listed(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            names.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn saved(landing: &Landing) -> Result<()> {
        landing.begin()?.write_all(b"content")?;
        landing.finish()
    }

    #[test]
    fn whatever_a_file_is_called_it_lands_in_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("export");
        let long = "n".repeat(FILE_NAME_BYTES_MAX + 1);
        let evil = [
            "../evil",
            "/etc/passwd",
            "a/../../evil",
            "C:\\evil",
            "C:evil",
            "evil\0",
            "CON",
            "nul.txt",
            &long,
            "evil.",
            "evil ",
            ".",
            "..",
            "",
            ".bashrc",
            "e\u{202e}vil",
            "e\u{1b}[2Jvil",
            "..\\evil",
            "\u{2215}evil",
            "zu\u{308}rich",
        ];
        for name in evil {
            std::fs::create_dir(&folder).unwrap();
            saved(&Landing::within(&folder, Some(name), 3, &digest()).unwrap()).unwrap();
            assert_eq!(listed(&folder), ["attachment-3"], "{}", name.escape_debug());
            assert_eq!(listed(home.path()), ["export"], "{}", name.escape_debug());
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir(&folder).unwrap();
        let longest = "n".repeat(FILE_NAME_BYTES_MAX);
        for name in ["order.pdf", "證據.jpg", longest.as_str()] {
            let landing = Landing::within(&folder, Some(name), 3, &digest()).unwrap();
            assert_eq!(landing.path(), folder.join(name));
            saved(&landing).unwrap();
            assert_eq!(std::fs::read(folder.join(name)).unwrap(), b"content");
        }
    }

    #[test]
    fn links_lead_nowhere_and_what_stands_there_is_not_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let (folder, secret) = (home.path().join("export"), home.path().join("secret"));
        std::fs::create_dir(&folder).unwrap();
        File::create(&secret).unwrap().write_all(b"secret").unwrap();
        let within = |name| Landing::within(&folder, Some(name), 1, &digest());
        symlink(&secret, folder.join("order.pdf")).unwrap();
        assert!(within("order.pdf").unwrap_err().to_string().contains("exists"));
        symlink(&secret, folder.join("other.pdf.part")).unwrap();
        assert!(saved(&within("other.pdf").unwrap()).is_err());
        symlink(home.path().join("absent"), folder.join("third.pdf.part")).unwrap();
        assert!(saved(&within("third.pdf").unwrap()).is_err());
        // One that appears while the bytes come.
        let landing = within("late.pdf").unwrap();
        landing.begin().unwrap().write_all(b"content").unwrap();
        symlink(&secret, folder.join("late.pdf")).unwrap();
        assert!(landing.finish().unwrap_err().to_string().contains("not overwritten"));
        landing.give_up().unwrap();
        assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
        assert_eq!(listed(home.path()), ["export", "secret"]);
    }
}
