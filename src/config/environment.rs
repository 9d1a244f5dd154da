//! The environment variables that count, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where systemd puts the secrets of a service (`LoadCredential=`): default of `keys.folder`.
pub const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Overrides of a node's configuration: the variable and the key that it stands for.
pub const NODE_OVERRIDES: &[(&str, &str)] = &[
    ("ROGATORY_DATA_DIR", "node.data_dir"),
    ("ROGATORY_DIRECTORY", "node.directory"),
    ("ROGATORY_KEYS", "keys.folder"),
    ("ROGATORY_TRACE", "trace.level"),
    ("ROGATORY_TRACE_FORMAT", "trace.format"),
];

/// Variables that choose the node a person talks to; each stands for a field of a context.
pub const CONTEXT_VARIABLES: &[(&str, &str)] = &[
    ("ROGATORY_CONTEXT", "context"),
    ("ROGATORY_ADDRESS", "address"),
    ("ROGATORY_AGENCY", "agency"),
    ("ROGATORY_CERTIFICATE", "certificate"),
    ("ROGATORY_KEY", "key"),
    ("ROGATORY_DIRECTORY", "directory"),
    ("ROGATORY_ROOTS", "roots"),
    ("ROGATORY_CONTACT_POINT", "contact_point"),
];

/// The variables that count, as they stood when the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    values: BTreeMap<String, String>,
    unreadable: Vec<&'static str>,
}

impl Environment {
    /// Reads the process's environment. An empty variable counts as one that is not set.
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        let names = NODE_OVERRIDES.iter().chain(CONTEXT_VARIABLES).map(|(name, _)| *name);
        for name in names.chain([CREDENTIALS_DIRECTORY]) {
            match std::env::var_os(name).map(std::ffi::OsString::into_string) {
                Some(Ok(value)) if !value.is_empty() => {
                    environment.values.insert(name.to_owned(), value);
                }
                Some(Err(_)) if !environment.unreadable.contains(&name) => {
                    environment.unreadable.push(name);
                }
                Some(Ok(_) | Err(_)) | None => {}
            }
        }
        environment
    }

    /// An environment with these variables and no others.
    pub fn of(values: &[(&str, &str)]) -> Self {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { values: values.collect(), unreadable: Vec::new() }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Variables whose value is not UTF-8.
    pub fn unreadable(&self) -> &[&'static str] {
        &self.unreadable
    }

    /// The folder in which the service manager keeps this service's secrets.
    pub fn credentials(&self) -> Option<PathBuf> {
        self.get(CREDENTIALS_DIRECTORY).map(PathBuf::from)
    }
}
