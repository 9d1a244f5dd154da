//! Files with secrets: who may read them, and how they are read.
//!
//! Only their owner may; in the folder in which systemd keeps a service's credentials the group may
//! too, since it lets the service in by an access list whose mask shows there.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::environment::Environment;
use crate::config::keys::{KeyError, io_error};

/// Whether the service manager keeps `folder` for this service.
pub(super) fn is_of_service(folder: &Path, environment: &Environment) -> bool {
    environment.credentials().is_some_and(|it| it == folder)
}

pub(super) fn closed_bits(of_service: bool) -> u32 {
    if of_service { 0o037 } else { 0o077 }
}

/// Reads a private key in another form than the node's own: a text, cleared when it is dropped.
///
/// # Errors
/// [`KeyError::Exposed`], or what the file system said, such as that it is not text. In the folder
/// named by `CREDENTIALS_DIRECTORY` the group may read.
pub fn secret_text(
    path: &Path,
    bytes_max: u64,
    environment: &Environment,
) -> Result<Zeroizing<String>, KeyError> {
    let of_service = path.parent().is_some_and(|it| is_of_service(it, environment));
    let file = opened(path, closed_bits(of_service))?;
    let length = file.metadata().map_err(io_error(path))?.len().min(bytes_max).saturating_add(1);
    let room = usize::try_from(length).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(bytes_max).read_to_string(&mut text).map_err(io_error(path))?;
    Ok(text)
}

/// Opens a file that is closed to others.
pub(super) fn opened(path: &Path, closed_bits: u32) -> Result<File, KeyError> {
    let file = File::open(path).map_err(io_error(path))?;
    let mode = file.metadata().map_err(io_error(path))?.permissions().mode() & 0o7777;
    if mode & closed_bits != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::persist;

    #[test]
    fn a_key_in_any_form_is_refused_where_others_may_read_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("node.key");
        persist::write_new(&path, b"-----BEGIN PRIVATE KEY-----").unwrap();
        let alone = Environment::default();
        let read = |environment: &Environment| secret_text(&path, 64, environment);
        assert_eq!(read(&alone).unwrap().as_str(), "-----BEGIN PRIVATE KEY-----");
        let service = Environment::of(&[("CREDENTIALS_DIRECTORY", home.path().to_str().unwrap())]);
        let mode =
            |mode: u32| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        mode(0o640).unwrap();
        let error = read(&alone).unwrap_err().to_string();
        assert!(error.contains("is open to others (mode 0640); run: chmod 600"), "{error}");
        mode(0o440).unwrap();
        assert!(read(&service).is_ok());
        mode(0o644).unwrap();
        assert!(matches!(read(&service), Err(KeyError::Exposed { mode: 0o644, .. })));
    }
}
