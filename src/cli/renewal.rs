//! `pki renew`, `pki needs-renewal` and `pki revoke`: certificates that follow on others, and lists that
//! follow on lists.
//!
//! A renewal has a new key. Both are written beside the present ones and synced before either takes
//! its place; whatever fails before that leaves the present pair as it was. If the machine stops
//! between the two, the next renewal finishes what was begun.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock};
use crate::config::key_source;
use crate::entropy::SystemEntropy;
use crate::identity::Principal;
use crate::pki::{
    Authority, CertificateFacts, LeafRequest, RevocationList, Validity, inspect, revoke,
};
use crate::transport::tls::OwnCertificate;

/// Certificates count from so long before they are made, in milliseconds: clocks differ.
const SKEW_MS: i64 = 3_600_000;
/// Life of a revocation list, in days.
pub(super) const LIST_DAYS: u32 = 3;

/// Which certificate is renewed, and by whom.
#[derive(Debug, Args)]
pub struct Renew {
    /// The certificate (PEM); it is replaced
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Its key (PEM), which is replaced by a new one; or pkcs11:…, which stays
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The folder that holds ca.pem and ca.key of the agency's authority
    #[arg(long, value_name = "DIR", required_unless_present_any = ["request", "signed"])]
    ca: Option<PathBuf>,
    /// Write a request (PKCS#10, PEM) for another authority to sign, and keep the new key beside
    /// the present one; then use --signed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ca", "signed"])]
    request: Option<PathBuf>,
    /// Take the certificate, or the chain with the leaf first, that another authority has signed
    #[arg(long, value_name = "FILE", conflicts_with = "ca")]
    signed: Option<PathBuf>,
    /// Life in days; that of the present certificate where none is given
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
    /// Renew although two thirds of the life are not over
    #[arg(long)]
    force: bool,
}

/// Which certificate may be due.
#[derive(Debug, Args)]
pub struct NeedsRenewal {
    /// The certificate (PEM)
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Its key (PEM): where it is another's, a renewal was cut off, and the next one finishes it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl NeedsRenewal {
    /// Says whether it is due.
    ///
    /// # Errors
    /// Exit status 7 if it is not; what can't be read.
    pub fn run(&self, output: &Output) -> Result<()> {
        let text = read(&self.certificate)?;
        let present = facts_of(&text, &self.certificate)?;
        let life = Validity { not_before: present.not_before, not_after: present.not_after };
        let (due_at, now) = (life.due_at(), SystemClock.now());
        let in_file = self.key.as_deref().filter(|it| !it.to_str().is_some_and(key_source::is_uri));
        let was_cut = match in_file {
            Some(key) => OwnCertificate::from_pem(&text, &file::read_key(key)?).is_err(),
            None => false,
        };
        let needed = life.is_due(now) || was_cut;
        if !needed {
            let due = output.times().at(due_at);
            let text = format!("not due before {due}");
            let mut failure = Failure::new(Exit::AnswerIsNo, text.clone());
            failure.json = json!({
                "error": text,
                "needs_renewal": false,
                "due_at": due_at.to_string(),
            });
            return Err(failure.into());
        }
        output.show(
            || {
                json!({
                    "needs_renewal": true,
                    "due_at": due_at.to_string(),
                    "was_cut": was_cut,
                })
            },
            || {
                if was_cut {
                    return Sheet::new().line("the key is not the certificate's");
                }
                Sheet::new().line(format!("due since {}", output.times().at(due_at)))
            },
        )
    }
}

/// The first certificate of a chain in PEM form.
fn first_of(text: &str, path: &Path) -> Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|_| refused(format!("{} holds no certificate in PEM form", path.display())))
}

/// What the first certificate of a file says.
fn facts_of(text: &str, path: &Path) -> Result<CertificateFacts> {
    let facts = inspect(&first_of(text, path)?);
    facts.map_err(|error| refused(format!("{}: {error}", path.display())))
}

/// Which certificates count no longer.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Certificates (PEM) of the authority; none makes the next list with the same ones
    #[arg(value_name = "FILE")]
    certificates: Vec<PathBuf>,
    /// The serial number of one whose file is lost, in hex
    #[arg(long = "serial", value_name = "HEX")]
    serials: Vec<String>,
    /// The folder that holds ca.pem, ca.key and ca.crl
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// Days until the next list is due
    #[arg(long, default_value_t = LIST_DAYS, value_name = "DAYS")]
    days: u32,
}

fn refused(text: impl Into<String>) -> anyhow::Error {
    Failure::new(Exit::Refused, text).into()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn read(path: &Path) -> Result<String> {
    file::read_text(path, file::SMALL_BYTES_MAX)
}

/// Puts a file that stands beside another in its place.
#[expect(clippy::disallowed_methods, reason = "the file was synced, and its folder is")]
fn take_place(path: &Path) -> Result<()> {
    let moved = std::fs::rename(beside(path), path);
    moved.with_context(|| format!("replacing {}", path.display()))?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|it| it.sync_all());
    synced.with_context(|| format!("syncing the folder of {}", path.display()))
}

/// Writes a file beside another, in place of what an earlier attempt left there.
fn put_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let beside = beside(path);
    if beside.symlink_metadata().is_ok() {
        let removed = std::fs::remove_file(&beside);
        removed.with_context(|| format!("removing {}", beside.display()))?;
    }
    file::write_new(&beside, bytes, mode)
}

impl Renew {
    /// Does it.
    ///
    /// # Errors
    /// What can't be read, written or made; the present certificate and key then stay.
    pub fn run(&self, output: &Output) -> Result<()> {
        if self.is_in_token() {
            self.signed_by_token()?;
        }
        self.finish()?;
        let present = self.present()?;
        let principal = present.principal.clone().map_err(|error| refused(error.to_string()))?;
        let life = Validity { not_before: present.not_before, not_after: present.not_after };
        let now = SystemClock.now();
        if !life.is_due(now) && !self.force && self.signed.is_none() {
            let due = life.due_at();
            return output.show(
                || json!({ "renewed": false, "due_at": due.to_string() }),
                || Sheet::new().line(format!("not due before {}", output.times().at(due))),
            );
        }
        match (&self.ca, &self.request, &self.signed) {
            (Some(folder), ..) => self.by_own(folder, (&present, principal), output),
            (None, Some(request), _) => self.ask(request, &present, output),
            (None, None, Some(signed)) => self.take(signed, &principal, output),
            (None, None, None) => Err(refused("nobody is named who signs")),
        }
    }

    /// What a renewal left half done when the machine stopped: the key has changed, the certificate
    /// has not.
    fn finish(&self) -> Result<()> {
        let next = beside(&self.certificate);
        if self.is_in_token() || next.symlink_metadata().is_err() {
            return Ok(());
        }
        let key = file::read_key(&self.key)?;
        let fits = |chain: &Path| {
            OwnCertificate::from_pem(&read(chain)?, &key).map_err(anyhow::Error::from)
        };
        if fits(&self.certificate).is_err() && fits(&next).is_ok() {
            take_place(&self.certificate)?;
        }
        Ok(())
    }

    fn present(&self) -> Result<CertificateFacts> {
        Ok(inspect(&self.present_der()?)?)
    }

    fn present_der(&self) -> Result<CertificateDer<'static>> {
        first_of(&read(&self.certificate)?, &self.certificate)
    }

    /// Whether the key is in a token: then it stays, and the certificate alone is replaced.
    fn is_in_token(&self) -> bool {
        self.key.to_str().is_some_and(key_source::is_uri)
    }

    /// What can't be done with such a key is refused.
    fn signed_by_token(&self) -> Result<()> {
        if self.request.is_none() && self.signed.is_none() {
            return Ok(());
        }
        Err(refused(
            "--key: the key is in a token and stays; a request for it is made, and what comes back \
             put in the certificate's place, by the token's own means",
        ))
    }

    fn by_own(
        &self,
        folder: &Path,
        (present, principal): (&CertificateFacts, Principal),
        output: &Output,
    ) -> Result<()> {
        let authority = super::pki::load(folder)?;
        let (now, own) = (SystemClock.now(), authority.facts());
        let life_ms = present.not_after.millis_since(present.not_before);
        let not_after = match self.days {
            Some(days) => Validity::days(now, days).not_after,
            None => now.plus_millis(life_ms).min(own.not_after),
        };
        let request = LeafRequest {
            principal,
            validity: Validity {
                not_before: own.not_before.max(now.plus_millis(-SKEW_MS)),
                not_after,
            },
            dns_names: present.dns_names.clone(),
            ip_addresses: present.ip_addresses.clone(),
        };
        if self.is_in_token() {
            let public = public_of(&self.present_der()?)?;
            let made = authority.issue_for(&request, &public, &SystemEntropy);
            let made = made.map_err(|error| refused(error.to_string()))?;
            put_beside(&self.certificate, made.as_bytes(), file::PUBLIC)?;
            take_place(&self.certificate)?;
            return self.told(output);
        }
        let issued = authority.issue(&request, &SystemEntropy);
        let issued = issued.map_err(|error| refused(error.to_string()))?;
        put_beside(&self.key, issued.key_pem().as_bytes(), file::OWNER_ONLY)?;
        self.replace(&issued.certificate_pem(), output)
    }

    fn ask(&self, request: &Path, present: &CertificateFacts, output: &Output) -> Result<()> {
        file::must_be_free([request])?;
        let (text, key) =
            crate::pki::renewal::request(present).map_err(|error| refused(error.to_string()))?;
        put_beside(&self.key, key.as_bytes(), file::OWNER_ONLY)?;
        file::write_new(request, text.as_bytes(), file::PUBLIC)?;
        output.show(
            || json!({ "renewed": false, "request": request, "key": beside(&self.key) }),
            || Sheet::new().field("request", request.display()),
        )?;
        output.note("next: let it be signed, then --signed CERTIFICATE");
        Ok(())
    }

    fn take(&self, signed: &Path, principal: &Principal, output: &Output) -> Result<()> {
        let chain = read(signed)?;
        let key = file::read_key(&beside(&self.key)).context("the new key of --request")?;
        let own = OwnCertificate::from_pem(&chain, &key);
        let own = own.map_err(|error| refused(format!("{}: {error}", signed.display())))?;
        if own.principal() != *principal {
            let found = own.principal();
            return Err(refused(format!("{} is of {found}, not {principal}", signed.display())));
        }
        let life = own.validity();
        let now = SystemClock.now();
        if now < life.not_before || now > life.not_after {
            return Err(refused(format!("{} does not count now", signed.display())));
        }
        self.replace(&chain, output)
    }

    /// The new key stands beside the present one. First both are there, then the key takes its
    /// place, then the certificate.
    fn replace(&self, chain: &str, output: &Output) -> Result<()> {
        put_beside(&self.certificate, chain.as_bytes(), file::PUBLIC)?;
        take_place(&self.key)?;
        take_place(&self.certificate)?;
        self.told(output)
    }

    fn told(&self, output: &Output) -> Result<()> {
        let facts = self.present()?;
        output.show(
            || {
                json!({
                    "renewed": true,
                    "certificate": self.certificate,
                    "key": self.key,
                    "says": super::pki::to_json(&facts),
                })
            },
            || super::pki::sheet(&facts, output),
        )?;
        output.note("a node that runs takes it at SIGHUP (systemctl reload)");
        Ok(())
    }
}

fn public_of(certificate: &CertificateDer<'_>) -> Result<Vec<u8>> {
    crate::pki::inspect::public_key(certificate).map_err(|error| refused(error.to_string()))
}

impl Revoke {
    /// Does it.
    ///
    /// # Errors
    /// What can't be read or written, and certificates of another authority; the list then stays.
    pub fn run(&self, output: &Output) -> Result<()> {
        let authority = super::pki::load(&self.ca)?;
        let path = self.ca.join("ca.crl");
        let before = of_authority(&path, &authority)?;
        let now = SystemClock.now();
        let next_update = Validity::days(now, self.days).not_after;
        let mut next = before.next(now, next_update)?;
        for serial in self.named(&authority)? {
            next.revoke(&serial, now);
        }
        let signed = authority.sign_revocations(&next);
        let signed = signed.map_err(|error| refused(error.to_string()))?;
        put_beside(&path, revoke::list_pem(&signed).as_bytes(), file::PUBLIC)?;
        take_place(&path)?;
        let added = next.revoked.len().saturating_sub(before.revoked.len());
        output.show(
            || {
                json!({
                    "crl": path,
                    "number": next.number,
                    "next_update": next_update.to_string(),
                    "revoked": next.revoked.len(),
                    "added": added,
                })
            },
            || {
                Sheet::new()
                    .field("revocation list", path.display())
                    .field("number", next.number)
                    .field("next update", output.times().at(next_update))
                    .field("revoked", format!("{} ({added} new)", next.revoked.len()))
            },
        )?;
        if next_update.millis_since(now) > revoke::NEXT_UPDATE_MS_MAX {
            output.note(
                "warning: whoever is kept from newer lists believes this one until the next is due; \
                 72 hours are the most that is usual",
            );
        }
        output.note("next: publish it: rogatory directory adopt FOLDER ca.crl");
        Ok(())
    }

    /// The serial numbers, each of a certificate that names this authority as its issuer.
    fn named(&self, authority: &Authority) -> Result<Vec<Vec<u8>>> {
        let mut serials = Vec::new();
        for path in &self.certificates {
            let facts = facts_of(&read(path)?, path)?;
            if facts.issuer != authority.facts().subject {
                let text = format!("{} is of another authority", path.display());
                return Err(refused(text));
            }
            serials.push(hex::decode(&facts.serial).context("a serial number in hex")?);
        }
        for text in &self.serials {
            let serial = hex::decode(text.replace(':', ""));
            let serial = serial.ok().filter(|it| !it.is_empty() && it.len() <= 20);
            serials.push(serial.ok_or_else(|| refused("a serial number is 1 to 20 bytes in hex"))?);
        }
        Ok(serials)
    }
}

/// The list in an authority's file, which only that authority can have signed.
fn of_authority(path: &Path, authority: &Authority) -> Result<RevocationList> {
    let text = read(path)?;
    let der = CertificateRevocationListDer::from_pem_slice(text.as_bytes());
    let none = || refused(format!("{} holds no revocation list in PEM form", path.display()));
    let own = std::iter::once(authority.certificate_der());
    let read = revoke::list_of(&der.map_err(|_| none())?, own);
    Ok(read.map_err(|fault| refused(format!("{}: the list {fault}", path.display())))?.says)
}
