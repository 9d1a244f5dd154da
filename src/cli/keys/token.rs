//! `keys token`: what a configuration has in its token, opened and tried.

use std::path::Path;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::node::own_keys::{HeldKey, journal_key};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::{Config, KeySource};
use crate::merkle::signature::SignsEd25519 as _;

/// Opens each key of the token and shows it. The public halves of the journal's keys are as the
/// directory names them; whether it does is not asked, so they can be put into a first record.
///
/// # Errors
/// Exit status 6 if there is none, or with what is wrong with the first that can't be used.
pub(super) fn run(path: &Path, output: &Output) -> Result<()> {
    let config = Config::load(path)?;
    let mut rows = Vec::new();
    for uri in &config.keys.journal_ed25519 {
        let public = STANDARD.encode(journal_key(&config, uri)?.public_key());
        rows.push(["keys.journal_ed25519".to_owned(), uri.to_string(), public]);
    }
    let tls = [("tls.key", &config.tls.key), ("tls.peer_key", &config.tls.peer_key)];
    for (field, source) in tls {
        if let KeySource::Token(uri) = source {
            HeldKey::load(&config, source)?;
            rows.push([field.to_owned(), uri.to_string(), String::new()]);
        }
    }
    if rows.is_empty() {
        let text = format!("{} has no key in a token", path.display());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    output.show(
        || {
            let keys = rows.iter().map(
                |[field, uri, public]| json!({ "field": field, "uri": uri, "ed25519": public }),
            );
            json!({ "keys": keys.collect::<Vec<_>>() })
        },
        || Sheet::new().table(["field", "uri", "ed25519"], rows.clone()),
    )
}
