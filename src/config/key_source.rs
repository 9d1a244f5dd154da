//! Where private keys are: in files, or in a token (`[keys]`, `[token]`, and the keys of `[tls]`).

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::environment::Environment;
use crate::config::keys::KeyError;
use crate::config::secret_files;
use crate::directory::strict::{Spot, Table};
use crate::token::uri::SCHEME;
use crate::token::{Access, TokenUri};

/// The keys of `[token]`.
pub(super) const TOKEN_KEYS: &[&str] = &["module", "pin"];
/// Name of the PIN's file among a service's credentials.
pub const PIN_CREDENTIAL: &str = "token.pin";
/// Most keys of a journal that are in a token at a time.
pub const TOKEN_JOURNAL_KEYS_MAX: usize = 8;
/// Longest PIN, in bytes.
const PIN_BYTES_MAX: u64 = 255;

/// `[keys]`: where the private keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysSection {
    /// The folder, see [`crate::config::NodeKeys::load`].
    pub folder: PathBuf,
    /// Ed25519 keys of the journal that are in a token.
    pub journal_ed25519: Vec<TokenUri>,
}

impl KeysSection {
    /// A folder that holds all of them.
    pub fn of_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), journal_ed25519: Vec::new() }
    }

    pub(super) fn to_toml(&self) -> String {
        let folder = toml::Value::from(self.folder.display().to_string());
        let uris = self.journal_ed25519.iter().map(ToString::to_string).collect::<Vec<_>>();
        format!("[keys]\nfolder = {folder}\njournal_ed25519 = {}\n", toml::Value::from(uris))
    }
}

/// `[token]`: how a token is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenSection {
    /// The module (a shared library), as an absolute path.
    pub module: Option<PathBuf>,
    /// The file of the PIN.
    pub pin: Option<PathBuf>,
}

/// Why a token can't be reached, before anybody asks it. No variant shows a PIN.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No module is named.
    #[error("token.module: names no module, and a key is in a token")]
    NoModule,
    /// Nothing says where the PIN is.
    #[error(
        "token.pin: names no file, the URI has no pin-source, and there is no {PIN_CREDENTIAL} \
         among the service's credentials"
    )]
    NoPin,
    /// The PIN's file can't be read, or is open to others.
    #[error("token.pin: {0}")]
    File(#[from] KeyError),
    /// The file holds no PIN.
    #[error("token.pin: {} must hold a PIN of 1 to {PIN_BYTES_MAX} bytes in one line", path.display())]
    NotAPin {
        /// Which file.
        path: PathBuf,
    },
}

impl TokenSection {
    /// What opens the token of a URI. The PIN is read from the file that the URI names, else from the
    /// one that the section names, else from the service's credentials.
    ///
    /// # Errors
    /// No module, no PIN, or a file that can't be read.
    pub fn access(&self, uri: &TokenUri, environment: &Environment) -> Result<Access, AccessError> {
        let module = self.module.clone().ok_or(AccessError::NoModule)?;
        let credential = environment.credentials().map(|it| it.join(PIN_CREDENTIAL));
        let path = uri.pin_source.clone().or_else(|| self.pin.clone()).or(credential);
        let path = path.ok_or(AccessError::NoPin)?;
        Ok(Access { module, pin: read_pin(path, environment)? })
    }

    pub(super) fn to_toml(&self) -> String {
        let quoted = |path: &Option<PathBuf>| {
            let path = path.as_deref().unwrap_or(Path::new(""));
            toml::Value::from(path.display().to_string())
        };
        format!("[token]\nmodule = {}\npin = {}\n", quoted(&self.module), quoted(&self.pin))
    }
}

fn read_pin(path: PathBuf, environment: &Environment) -> Result<Zeroizing<String>, AccessError> {
    let text = secret_files::secret_text(&path, PIN_BYTES_MAX.saturating_add(2), environment)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let fits = u64::try_from(line.len()).is_ok_and(|it| (1..=PIN_BYTES_MAX).contains(&it));
    if !fits || line.chars().any(char::is_control) {
        return Err(AccessError::NotAPin { path });
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// Where the private key of a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A PEM file.
    File(PathBuf),
    /// A token.
    Token(Box<TokenUri>),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Token(uri) => uri.fmt(f),
        }
    }
}

impl From<PathBuf> for KeySource {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl KeySource {
    /// The URI, if the key is in a token.
    pub fn uri(&self) -> Option<&TokenUri> {
        match self {
            Self::File(_) => None,
            Self::Token(uri) => Some(uri),
        }
    }
}

/// Whether a text is meant as the URI of a key in a token.
pub fn is_uri(text: &str) -> bool {
    text.get(..SCHEME.len()).is_some_and(|it| it.eq_ignore_ascii_case(SCHEME))
}

/// The URI at a spot; one that is wrong is a fault.
pub(super) fn read_uri(spot: &Spot<'_>) -> Option<TokenUri> {
    match spot.text()?.parse() {
        Ok(uri) => Some(uri),
        Err(fault) => {
            spot.fault(format!("{fault}"));
            None
        }
    }
}

/// Keys of the journal in a token; each wrong one is a fault.
pub(super) fn read_journal(table: &Table<'_>) -> Vec<TokenUri> {
    let spots = table.elements("journal_ed25519", TOKEN_JOURNAL_KEYS_MAX);
    let uris: Vec<TokenUri> = spots.iter().filter_map(read_uri).collect();
    for (at, uri) in uris.iter().enumerate() {
        if uris.iter().take(at).any(|it| it == uri) {
            table.fault_at("journal_ed25519", "names a key twice");
        }
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::persist;

    fn written(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(PIN_CREDENTIAL);
        persist::write_new(&path, text).unwrap();
        (home, path)
    }

    fn section(pin: Option<PathBuf>) -> TokenSection {
        TokenSection { module: Some("/m.so".into()), pin }
    }

    fn uri(more: &str) -> TokenUri {
        format!("pkcs11:token=a;object=b{more}").parse().unwrap()
    }

    #[test]
    fn the_pin_is_that_of_the_uri_else_of_the_section_else_of_the_credentials() {
        let ((_a, first), (_b, second), (third, _)) =
            (written(b"1111\n"), written(b"2222"), written(b"3333\r\n"));
        let none = Environment::default();
        let service = Environment::of(&[("CREDENTIALS_DIRECTORY", third.path().to_str().unwrap())]);
        let of_uri = uri(&format!("?pin-source=file:{}", first.display()));
        let pin = |section: &TokenSection, uri: &TokenUri, environment: &Environment| {
            section.access(uri, environment).map(|it| it.pin.to_string())
        };
        assert_eq!(pin(&section(Some(second.clone())), &of_uri, &service).unwrap(), "1111");
        assert_eq!(pin(&section(Some(second)), &uri(""), &service).unwrap(), "2222");
        assert_eq!(pin(&section(None), &uri(""), &service).unwrap(), "3333");
        let error = pin(&section(None), &uri(""), &none).unwrap_err();
        assert!(error.to_string().starts_with("token.pin: names no file, the URI has no"));
        let error = pin(&TokenSection::default(), &of_uri, &none).unwrap_err();
        assert_eq!(error.to_string(), "token.module: names no module, and a key is in a token");
    }

    #[test]
    fn a_file_that_holds_no_pin_is_named_and_not_shown() {
        let long = "9".repeat(256);
        for text in ["", "\n", "12\n34\n", "12\t34", long.as_str()] {
            let (_home, path) = written(text.as_bytes());
            let access = section(Some(path.clone())).access(&uri(""), &Environment::default());
            let wanted = format!(
                "token.pin: {} must hold a PIN of 1 to 255 bytes in one line",
                path.display()
            );
            assert_eq!(access.unwrap_err().to_string(), wanted, "{text:?}");
        }
        let (_home, path) = written(b"4321");
        let access = section(Some(path)).access(&uri(""), &Environment::default()).unwrap();
        assert!(!format!("{access:?}").contains("4321"));
    }
}
