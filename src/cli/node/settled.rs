//! Judges and shows a node's configuration, and what it names.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure, sentence};
use crate::cli::node::own_keys::OwnKeys;
use crate::cli::node::{run, setting};
use crate::cli::output::Output;
use crate::cli::parties;
use crate::cli::sheet::Sheet;
use crate::config::keys::webhook_key;
use crate::config::{Config, ConfigError, Environment};

/// Judges a configuration: its text, and unless told otherwise the files that it names.
///
/// # Errors
/// Exit status 6 with every fault.
pub fn check(path: &Path, text_only: bool, output: &Output) -> Result<()> {
    let config = load(path)?;
    let faults = if text_only { Vec::new() } else { faults_of_files(&config) };
    if !faults.is_empty() {
        let listed: String = faults.iter().map(|it| format!("\n  {it}")).collect();
        let text = format!("{} names what is not in order:{listed}", path.display());
        let mut failure = Failure::new(Exit::Refused, text);
        failure.json = json!({ "faults": faults });
        return Err(failure.into());
    }
    output.show(
        || json!({ "well_formed": true, "files_checked": !text_only }),
        || Sheet::new().line(format!("{} is in order", path.display())),
    )?;
    output.note(format!("start the node: rogatory node run --config {}", path.display()));
    Ok(())
}

fn load(path: &Path) -> Result<Config> {
    Config::load(path).map_err(|error| match error {
        ConfigError::Faulty { path, faults } => {
            let json: Vec<Value> =
                faults.iter().map(|it| json!({ "path": it.path, "problem": it.problem })).collect();
            let text = ConfigError::Faulty { path, faults }.to_string();
            let mut failure = Failure::new(Exit::Refused, text);
            failure.json = json!({ "faults": json });
            failure.into()
        }
        error @ ConfigError::Unreadable { .. } => error.into(),
    })
}

/// What keeps a node from starting, apart from the text and the store.
fn faults_of_files(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let tls = &config.tls;
    for (certificate, key) in [(&tls.certificate, &tls.key), (&tls.peer_certificate, &tls.peer_key)]
    {
        match run::own_certificate(config, certificate, key) {
            Ok(_) => {}
            Err(error) => faults.push(sentence(&error)),
        }
    }
    let directory = setting::directory(config).map_err(|error| faults.push(sentence(&error)));
    let keys = OwnKeys::load(config).map_err(|error| faults.push(sentence(&error)));
    if let (Ok(directory), Ok(keys)) = (directory, keys) {
        let fits = setting::named_journal(config, &directory, &keys);
        faults.extend(fits.err().map(|error| sentence(&error)));
    }
    if let Some(path) = &config.alarm.webhook_secret {
        let key = webhook_key(path, &Environment::of_process());
        faults.extend(key.err().map(|error| error.to_string()));
    }
    faults.extend(setting::backup(config).err().map(|error| sentence(&error)));
    let parties = parties::read(config.handling.parties.as_deref());
    faults.extend(parties.err().map(|error| sentence(&error)));
    faults.extend(setting::desks(config).err().map(|error| sentence(&error)));
    faults.dedup();
    faults
}

/// Shows every key with its value.
///
/// # Errors
/// What is wrong with the configuration.
pub fn show(path: &Path, output: &Output) -> Result<()> {
    let text = load(path)?.to_toml();
    let value: toml::Value = toml::from_str(&text)?;
    let value = serde_json::to_value(value)?;
    output.show(|| value, || Sheet::new().line(&text))
}
