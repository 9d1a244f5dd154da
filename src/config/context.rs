//! Contexts: which node a person talks to, and as whom.
//!
//! A context is a small TOML file in `$XDG_CONFIG_HOME/rogatory/contexts/`; the file `current`
//! beside that folder names the one in use. `resolved.rs` says what a call makes of them.

use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::config::persist;
use crate::directory::record::{is_address, is_node_name};
use crate::directory::strict::{self, Fault, Table};
use crate::domain::ids::{AgencyId, ContactPointId};

/// Largest context file, in bytes.
pub const CONTEXT_BYTES_MAX: usize = 16 * 1024;

const KEYS: &[&str] =
    &["address", "agency", "certificate", "key", "directory", "roots", "contact_point"];

/// How to reach one node; also what flags or the environment say of it. Any field may be open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Host and port of the agency listener.
    pub address: Option<String>,
    /// The agency whose node must answer there.
    pub agency: Option<AgencyId>,
    /// The caller's certificate chain (PEM).
    pub certificate: Option<PathBuf>,
    /// The caller's private key (PEM).
    pub key: Option<PathBuf>,
    /// The directory in which the agency's roots stand.
    pub directory: Option<PathBuf>,
    /// The agency's roots (PEM), instead of a directory.
    pub roots: Option<PathBuf>,
    /// The caller's desk.
    pub contact_point: Option<ContactPointId>,
}

/// Why a context cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no home folder to look in.
    #[error("no home folder is known; set HOME or XDG_CONFIG_HOME")]
    NoHome,
    /// The name cannot be that of a context.
    #[error("a context's name is 1 to 63 of a-z, 0-9 and inner hyphens")]
    Name,
    /// There is no such context.
    #[error("there is no context {0}")]
    Unknown(String),
    /// The context's file is wrong.
    #[error("context {name} has {} faults:{}", faults.len(),
        faults.iter().map(|it| format!("\n  {it}")).collect::<String>())]
    Faulty {
        /// Which context.
        name: String,
        /// All of them.
        faults: Vec<Fault>,
    },
    /// A variable's value is wrong.
    #[error("environment variable {name} {problem}")]
    Variable {
        /// Which variable.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody decided these fields.
    #[error("not known: {}; name them by flag, ROGATORY_ variable or context", .0.join(", "))]
    Open(Vec<&'static str>),
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> ContextError {
    let path = path.to_owned();
    |source| ContextError::Io { path, source }
}

impl Context {
    /// Reads a context's text; relative paths are those of `folder`.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Fault>> {
        strict::read(text, CONTEXT_BYTES_MAX, KEYS, |table| Some(read_context(table, folder)))
    }

    /// The context's text.
    pub fn to_toml(&self) -> String {
        let path = |it: &Option<PathBuf>| it.as_ref().map(|it| it.display().to_string());
        let fields = [
            ("address", self.address.clone()),
            ("agency", self.agency.as_ref().map(ToString::to_string)),
            ("certificate", path(&self.certificate)),
            ("key", path(&self.key)),
            ("directory", path(&self.directory)),
            ("roots", path(&self.roots)),
            ("contact_point", self.contact_point.as_ref().map(ToString::to_string)),
        ];
        let lines = fields.into_iter().filter_map(|(key, value)| {
            value.map(|value| format!("{key} = {}\n", toml::Value::String(value)))
        });
        lines.collect()
    }
}

fn read_context(table: &Table<'_>, folder: &Path) -> Context {
    let path = |key| table.text(key).map(|it| folder.join(it));
    if table.has("directory") && table.has("roots") {
        table.fault_at("roots", "stands beside directory; one of the two decides");
    }
    let address = table.spot("address").and_then(|spot| {
        let address = spot.text()?;
        if !is_address(address) {
            spot.fault("must be a host and a port, such as 127.0.0.1:7443");
        }
        Some(address.to_owned())
    });
    Context {
        address,
        agency: table.parsed("agency"),
        certificate: path("certificate"),
        key: path("key"),
        directory: path("directory"),
        roots: path("roots"),
        contact_point: table.parsed("contact_point"),
    }
}

/// A person's contexts: the folder `rogatory` of their configuration.
#[derive(Debug, Clone)]
pub struct Contexts {
    folder: PathBuf,
}

impl Contexts {
    /// Those of the person who runs the process: `$XDG_CONFIG_HOME/rogatory`.
    ///
    /// # Errors
    /// [`ContextError::NoHome`].
    pub fn of_user() -> Result<Self, ContextError> {
        let strategy = etcetera::choose_base_strategy().map_err(|_| ContextError::NoHome)?;
        Ok(Self::in_folder(strategy.config_dir().join("rogatory")))
    }

    /// Those of `folder`, which need not exist.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, name: &str) -> Result<PathBuf, ContextError> {
        if !is_node_name(name) {
            return Err(ContextError::Name);
        }
        Ok(self.folder.join("contexts").join(format!("{name}.toml")))
    }

    /// The names of all contexts, in order. Files with other names are passed over.
    ///
    /// # Errors
    /// What the file system said.
    pub fn names(&self) -> Result<Vec<String>, ContextError> {
        let folder = self.folder.join("contexts");
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(io_error(&folder))?.file_name();
            let name = file.to_str().and_then(|it| it.strip_suffix(".toml"));
            names.extend(name.filter(|it| is_node_name(it)).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// One context.
    ///
    /// # Errors
    /// [`ContextError::Unknown`], [`ContextError::Faulty`], or what the file system said.
    pub fn get(&self, name: &str) -> Result<Context, ContextError> {
        let path = self.path(name)?;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ContextError::Unknown(name.to_owned()));
            }
            Err(error) => return Err(io_error(&path)(error)),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        Context::parse(&text, folder)
            .map_err(|faults| ContextError::Faulty { name: name.to_owned(), faults })
    }

    /// Writes a context, in the place of one of the same name.
    ///
    /// # Errors
    /// [`ContextError::Name`], or what the file system said.
    pub fn put(&self, name: &str, context: &Context) -> Result<(), ContextError> {
        let path = self.path(name)?;
        let folder = self.folder.join("contexts");
        persist::make_folder(&folder).map_err(io_error(&folder))?;
        persist::replace(&path, context.to_toml().as_bytes()).map_err(io_error(&path))
    }

    /// The name of the context in use.
    ///
    /// # Errors
    /// [`ContextError::Name`] if the file names none, or what the file system said.
    pub fn current(&self) -> Result<Option<String>, ContextError> {
        let path = self.folder.join("current");
        match std::fs::read_to_string(&path) {
            Ok(text) if is_node_name(text.trim_end()) => Ok(Some(text.trim_end().to_owned())),
            Ok(_) => Err(ContextError::Name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    /// Removes a context; if it was in use, none is.
    ///
    /// # Errors
    /// [`ContextError::Unknown`], or what the file system said.
    pub fn remove(&self, name: &str) -> Result<(), ContextError> {
        let path = self.path(name)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ContextError::Unknown(name.to_owned()));
            }
            removed => removed.map_err(io_error(&path))?,
        }
        if self.current()?.as_deref() == Some(name) {
            let path = self.folder.join("current");
            std::fs::remove_file(&path).map_err(io_error(&path))?;
        }
        Ok(())
    }

    /// Makes `name` the context in use.
    ///
    /// # Errors
    /// As [`Contexts::get`]: a context that cannot be read is not taken into use.
    pub fn select(&self, name: &str) -> Result<(), ContextError> {
        self.get(name)?;
        let path = self.folder.join("current");
        persist::replace(&path, format!("{name}\n").as_bytes()).map_err(io_error(&path))
    }
}

#[cfg(test)]
pub(super) mod fixtures {
    use super::*;

    pub(in crate::config) fn context() -> Context {
        Context {
            address: Some("rome.example:7443".to_owned()),
            agency: "ita.coast-guard".parse().ok(),
            certificate: Some("/c/officer.pem".into()),
            key: Some("/c/officer.key".into()),
            directory: Some("/c/directory.toml".into()),
            roots: None,
            contact_point: "ita.coast-guard/operations-centre".parse().ok(),
        }
    }

    pub(in crate::config) fn stored() -> (tempfile::TempDir, Contexts) {
        let home = tempfile::tempdir().unwrap();
        let contexts = Contexts::in_folder(home.path().join("rogatory"));
        contexts.put("rome", &context()).unwrap();
        (home, contexts)
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::{context, stored};
    use super::*;

    #[test]
    fn contexts_are_kept_listed_and_selected() {
        let (_home, contexts) = stored();
        assert_eq!(contexts.get("rome").unwrap(), context());
        assert_eq!(contexts.current().unwrap(), None);
        contexts.put("panama", &Context::default()).unwrap();
        contexts.put("panama", &Context { key: Some("/k".into()), ..Context::default() }).unwrap();
        assert_eq!(contexts.names().unwrap(), ["panama", "rome"]);
        contexts.select("rome").unwrap();
        assert_eq!(contexts.current().unwrap().as_deref(), Some("rome"));
        assert!(matches!(contexts.select("oslo"), Err(ContextError::Unknown(it)) if it == "oslo"));
        for bad in ["", "../x", "a/b", "A"] {
            assert!(matches!(contexts.get(bad), Err(ContextError::Name)), "{bad}");
            assert!(matches!(contexts.put(bad, &context()), Err(ContextError::Name)), "{bad}");
        }
    }

    #[test]
    fn every_fault_of_a_context_is_told() {
        let text = "address = 'x'\nagency = 'X'\nroots = 'a'\ndirectory = 'b'\nport = 1\nkey = 7";
        let faults = Context::parse(text, Path::new("/c")).unwrap_err();
        let paths: Vec<_> = faults.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["port", "roots", "address", "agency", "key"]);
        let read = Context::parse("key = 'k.pem'", Path::new("/c")).unwrap();
        assert_eq!(read.key, Some("/c/k.pem".into()));
    }
}
