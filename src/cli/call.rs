//! Whom a command talks to: resolves flags, environment and context, and connects.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::cli::args::Global;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::clock::{Clock as _, SystemClock};
use crate::config::context::Contexts;
use crate::config::resolved::{Anchor, Resolved};
use crate::config::{DirectoryFolder, Environment};
use crate::directory::Directory;
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::entropy::{self, SystemEntropy};
use crate::transport::client::{Client, ClientSettings as Target};
use crate::transport::tls::roots::{AgencyTrust, CRL_GRACE_MILLIS, RootsByAgency};
use crate::transport::tls::stream::ClientTls;
use crate::transport::tls::{ClientSettings, OwnCertificate};

/// So many texts of a directory are named that a call goes without.
const REFUSED_TOLD_MAX: usize = 5;

/// A node that answers, and what is known of it.
pub struct Line {
    /// Makes calls.
    pub client: Client,
    /// The agency whose node it is, which is the caller's own.
    pub agency: AgencyId,
    /// Against it proofs are checked; none where the caller trusts bare roots.
    pub directory: Option<Directory>,
    /// The caller's desk.
    pub contact_point: Option<ContactPointId>,
}

impl Line {
    /// Connects to the node that the flags, the environment or the context name.
    ///
    /// # Errors
    /// What is not known, can't be read, or keeps the connection from standing.
    pub async fn open(global: &Global) -> Result<Self> {
        let resolved = resolve(global)?;
        let (directory, roots) = anchor(&resolved, &Output::new(global))?;
        let agency = resolved.agency.value.clone();
        let tls = ClientSettings {
            expected: agency.clone(),
            own: Arc::new(own(&resolved)?),
            roots: Arc::new(ArcSwap::from_pointee(roots)),
            clock: Arc::new(SystemClock),
        };
        let address = &resolved.address.value;
        let client = Client::connect(Target::new(address.as_str(), ClientTls::new(tls))).await;
        let client = client.with_context(|| format!("calling {agency} at {address}"))?;
        let contact_point = resolved.contact_point.map(|it| it.value);
        Ok(Self { client, agency, directory, contact_point })
    }

    /// The desk by which the caller sends and receives; empty leaves it to the node, which knows
    /// it where there is only one.
    pub fn desk(&self) -> String {
        self.contact_point.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// What a call uses, with who decided it.
///
/// # Errors
/// What is not known, and what is wrong with a context or a variable.
pub fn resolve(global: &Global) -> Result<Resolved> {
    let contexts = Contexts::of_user()?;
    let environment = Environment::of_process();
    Ok(contexts.resolve(global.context.as_deref(), &global.said(), &environment)?)
}

/// The directory that the caller trusts, without any node.
///
/// # Errors
/// If none is named, or it can't be read.
pub fn trusted_directory(global: &Global) -> Result<Directory> {
    read_directory(&trusted_path(global)?)
}

/// Where it stands.
///
/// # Errors
/// If none is named.
pub fn trusted_path(global: &Global) -> Result<PathBuf> {
    let contexts = Contexts::of_user()?;
    let environment = Environment::of_process();
    Ok(contexts.directory(global.context.as_deref(), &global.said(), &environment)?)
}

/// Reads a directory: the folder of a signed one, or the file of one that nobody signed.
///
/// # Errors
/// What the system says, or every fault of the text.
pub fn read_directory(path: &Path) -> Result<Directory> {
    if path.is_dir() {
        return Ok(DirectoryFolder::at(path).load(None)?.held.directory().0);
    }
    let text = file::read_text(path, file::DIRECTORY_BYTES_MAX)?;
    Directory::parse(&text).map_err(|faults| {
        let listed: String = faults.iter().map(|it| format!("\n  {it}")).collect();
        let text = format!("{} is no directory:{listed}", path.display());
        let mut failure = Failure::new(Exit::Refused, text);
        let faults: Vec<_> = faults
            .iter()
            .map(|it| serde_json::json!({ "path": it.path, "problem": it.problem }))
            .collect();
        failure.json = serde_json::json!({ "faults": faults });
        failure.into()
    })
}

/// The same for a call, which needs no more of a signed one than holds: by the last roll that does. What does not
/// is said, and keeps out nobody who is let in without it.
fn directory_to_call_by(path: &Path, output: &Output) -> Result<Directory> {
    if !path.is_dir() {
        return read_directory(path);
    }
    let loaded = DirectoryFolder::at(path).load_as_far()?;
    for refused in loaded.refused.iter().take(REFUSED_TOLD_MAX) {
        output.note(format!("not adopted: {refused}"));
    }
    let left_out = loaded.refused.len().saturating_sub(REFUSED_TOLD_MAX);
    if left_out > 0 {
        output.note(format!("and {left_out} more that are not adopted"));
    }
    Ok(loaded.held.directory().0)
}

/// The roots and revocation lists that a directory names. Agencies without a node have none.
pub fn roots_of(directory: &Directory) -> RootsByAgency {
    let (roots, faults) = RootsByAgency::build(trust_of(directory), CRL_GRACE_MILLIS);
    for fault in faults {
        tracing::warn!(%fault, "an agency is not let in");
    }
    roots
}

/// What a directory says of the agencies that name a root.
pub fn trust_of(directory: &Directory) -> Vec<(AgencyId, AgencyTrust)> {
    let named = directory.agencies().filter(|record| !record.roots.is_empty());
    let trust = named.map(|record| {
        let trust = AgencyTrust { roots: record.roots.clone(), crls: directory.lists(record) };
        (record.id.clone(), trust)
    });
    trust.collect()
}

/// A name for a call that is made once.
pub fn new_key() -> String {
    entropy::uuid_v7(&SystemEntropy, SystemClock.now()).to_string()
}

fn anchor(resolved: &Resolved, output: &Output) -> Result<(Option<Directory>, RootsByAgency)> {
    match &resolved.anchor.value {
        Anchor::Directory(path) => {
            let directory = directory_to_call_by(path, output)?;
            let roots = roots_of(&directory);
            Ok((Some(directory), roots))
        }
        Anchor::Roots(path) => {
            let text = file::read_text(path, file::SMALL_BYTES_MAX)?;
            let roots = CertificateDer::pem_slice_iter(text.as_bytes())
                .map(|it| it.map(|der| der.to_vec()))
                .collect::<Result<Vec<_>, _>>();
            let roots = roots.ok().filter(|it| !it.is_empty()).ok_or_else(|| {
                let text = format!("{} holds no certificates in PEM form", path.display());
                Failure::new(Exit::Refused, text)
            })?;
            let agency = resolved.agency.value.clone();
            let roots = RootsByAgency::by_roots_alone(agency, roots).map_err(|fault| {
                Failure::new(Exit::Refused, format!("{}: {fault}", path.display()))
            })?;
            Ok((None, roots))
        }
    }
}

fn own(resolved: &Resolved) -> Result<OwnCertificate> {
    let (chain, key) = (&resolved.certificate.value, &resolved.key.value);
    let own = OwnCertificate::from_pem(
        &file::read_text(chain, file::SMALL_BYTES_MAX)?,
        &file::read_key(key)?,
    );
    let own = own.map_err(|error| {
        Failure::new(Exit::Refused, format!("certificate {}: {error}", chain.display()))
    })?;
    let principal = own.principal();
    let agency = &resolved.agency.value;
    if principal.agency != *agency {
        let text = format!("the certificate is of {principal}, and {agency} is to be called");
        return Err(Failure::new(Exit::NotPermitted, text).into());
    }
    Ok(own)
}
