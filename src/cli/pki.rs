//! `pki`: an agency's certificates: its authority, leaves for nodes and callers, what they say.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, SubjectPublicKeyInfoDer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::demo::network;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::renewal::{LIST_DAYS, NeedsRenewal, Renew, Revoke};
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::domain::ids::AgencyId;
use crate::entropy::SystemEntropy;
use crate::identity::{Principal, Role};
use crate::pki::{
    Authority, CertificateFacts, LeafRequest, RevocationList, Validity, inspect, revoke,
};

/// Certificates count from so long before they are made, in milliseconds: clocks differ.
const SKEW_MS: i64 = 3_600_000;
/// Life of an authority, in days.
const AUTHORITY_DAYS: u32 = 3_650;
/// Life of a leaf of a node or a service, in days.
const MACHINE_DAYS: u32 = 30;
/// Life of a leaf of a person, in days.
const PERSON_DAYS: u32 = 1;

/// The agencies of a throw-away network where none are named.
const DEMO_AGENCIES: [&str; 3] = ["ita.coast-guard", "int.liaison-hub", "pan.maritime-authority"];

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an agency's authority: root, key and an empty revocation list
    #[command(before_help = "Example: rogatory pki init ita.coast-guard --out ca")]
    Init {
        /// The agency
        #[arg(value_name = "AGENCY")]
        authority: AgencyId,
        /// The folder that is to hold ca.pem, ca.key and ca.crl
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Life in days
        #[arg(long, default_value_t = AUTHORITY_DAYS, value_name = "DAYS")]
        days: u32,
    },
    /// Make a certificate with its key: PEM, and PKCS#12 where a password is given
    #[command(
        before_help = "Example: rogatory pki issue spiffe://ita.coast-guard/officer/duty-officer \
                       --ca ca --out officer"
    )]
    Issue(Issue),
    /// Write a throw-away network: authorities, certificates, keys, configurations, a directory
    #[command(
        before_help = "Example: rogatory pki demo net",
        after_help = "Every node is ready to run: rogatory node run --config net/AGENCY/node.toml. \
                      The keys are for trying things out and for nothing else."
    )]
    Demo {
        /// A folder that is empty or not there yet
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// An agency of the worked examples that is to have a node; by default a coast guard, a
        /// hub and a maritime authority
        #[arg(long = "with", value_name = "AGENCY")]
        agencies: Vec<AgencyId>,
    },
    /// Say what certificates and revocation lists hold
    #[command(before_help = "Example: rogatory pki inspect officer.pem")]
    Inspect {
        /// PEM or DER
        file: PathBuf,
    },
    /// Put a new certificate with a new key in the place of one whose life is two thirds over
    #[command(
        before_help = "Example: rogatory pki renew --certificate node.pem --key node.key --ca ca",
        after_help = "Before that it does nothing and ends well, so it may run as often as you like: \
                      deploy/rogatory-renew.timer. For an authority whose key is elsewhere: \
                      --request FILE, and later --signed FILE."
    )]
    Renew(Renew),
    /// Say by the exit status whether two thirds of a certificate's life are over: 0 yes, 7 no
    #[command(
        before_help = "Example: rogatory pki needs-renewal --certificate node.pem --key node.key"
    )]
    NeedsRenewal(NeedsRenewal),
    /// Put certificates on the authority's revocation list, or make the next list
    #[command(before_help = "Example: rogatory pki revoke officer.pem --ca ca")]
    Revoke(Revoke),
}

/// What to make.
#[derive(Debug, Args)]
pub struct Issue {
    /// The holder: spiffe://AGENCY/ROLE/NAME, where ROLE is auditor, node, officer, operator or
    /// service and NAME that of a post or machine
    #[arg(value_name = "SPIFFE_ID", value_parser = principal)]
    holder: Principal,
    /// The folder that holds ca.pem and ca.key
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// Writes BASE.pem, BASE.key and BASE.p12
    #[arg(long, value_name = "BASE")]
    out: PathBuf,
    /// A DNS name that foreign clients look for; nodes only
    #[arg(long = "dns", value_name = "NAME")]
    dns_names: Vec<String>,
    /// An IP address that foreign clients look for; nodes only
    #[arg(long = "ip", value_name = "ADDRESS")]
    ip_addresses: Vec<IpAddr>,
    /// Life in days, within the authority's; 30 for nodes and services and 1 for people where none is
    /// given
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
    /// Make no key: the certificate is for this public one (SubjectPublicKeyInfo, PEM or DER), whose
    /// private half is in a token
    #[arg(long, value_name = "FILE", conflicts_with = "p12_password_file")]
    public_key: Option<PathBuf>,
    /// Write BASE.p12 too, under the password in this file; - reads stdin
    #[arg(long, value_name = "FILE")]
    p12_password_file: Option<PathBuf>,
}

fn principal(text: &str) -> Result<Principal, String> {
    Principal::parse_spiffe(text).map_err(|error| error.to_string())
}

/// Does it.
///
/// # Errors
/// What can't be read or made; files that exist.
pub fn run(verb: Verb, output: &Output) -> Result<()> {
    match verb {
        Verb::Init { authority, out, days } => init(&authority, &out, days, output),
        Verb::Issue(issue) => issue.run(output),
        Verb::Demo { folder, agencies } => super::wait(demo(&folder, agencies, output)),
        Verb::Inspect { file } => show(&file, output),
        Verb::Renew(renew) => renew.run(output),
        Verb::NeedsRenewal(asked) => asked.run(output),
        Verb::Revoke(revoke) => revoke.run(output),
    }
}

fn init(agency: &AgencyId, folder: &Path, days: u32, output: &Output) -> Result<()> {
    let [certificate, key, list] = ["ca.pem", "ca.key", "ca.crl"].map(|name| folder.join(name));
    file::make_folder(folder)?;
    file::must_be_free([certificate.as_path(), key.as_path(), list.as_path()])?;
    let start = SystemClock.now().plus_millis(-SKEW_MS);
    let authority = Authority::create(agency, Validity::days(start, days), &SystemEntropy)?;
    let next_update = Validity::days(start, LIST_DAYS.min(days)).not_after;
    let revoked = authority.sign_revocations(&RevocationList::first(start, next_update))?;
    file::write_new(&key, authority.key_pem().as_bytes(), file::OWNER_ONLY)?;
    file::write_new(&certificate, authority.certificate_pem().as_bytes(), file::PUBLIC)?;
    file::write_new(&list, revoke::list_pem(&revoked).as_bytes(), file::PUBLIC)?;
    let facts = authority.facts();
    output.show(
        || json!({ "certificate": certificate, "key": key, "crl": list, "says": to_json(facts) }),
        || sheet(facts, output).field("key file", key.display()),
    )?;
    output.note(format!("whoever has {} speaks for {agency}: keep it offline", key.display()));
    output.note(format!(
        "next: rogatory pki issue spiffe://{agency}/node/node-1 --ca {} --dns NAME \
                         --out node",
        folder.display()
    ));
    Ok(())
}

async fn demo(folder: &Path, agencies: Vec<AgencyId>, output: &Output) -> Result<()> {
    let mut running: BTreeSet<AgencyId> = agencies.into_iter().collect();
    if running.is_empty() {
        running = DEMO_AGENCIES.iter().map(|it| it.parse()).collect::<Result<_, _>>()?;
    }
    file::make_folder(folder)?;
    let folder = folder.canonicalize().context("finding the folder")?;
    if std::fs::read_dir(&folder)?.next().is_some() {
        let text = format!("{} is not empty", folder.display());
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let made = network::make(&folder, &running).await?;
    if let Some(unknown) = running.iter().find(|it| made.place(it).is_err()) {
        let text = format!("{unknown} is no agency of the worked examples");
        return Err(Failure::new(Exit::NotFound, text).into());
    }
    output.show(
        || {
            let places = made.places.iter().map(|it| {
                json!({
                    "agency": it.agency.to_string(),
                    "config": it.config,
                    "listen": it.listen.agency.to_string(),
                })
            });
            json!({
                "network": made.id.to_string(),
                "directory": made.directory_path,
                "agencies": places.collect::<Vec<_>>(),
            })
        },
        || {
            let rows = made.places.iter().map(|it| {
                let config = it.config.display().to_string();
                [it.agency.to_string(), it.listen.agency.to_string(), config]
            });
            Sheet::new()
                .field("network", &made.id)
                .field("directory", made.directory_path.display())
                .table(["agency", "listens at", "configuration"], rows)
        },
    )?;
    if let Some(place) = made.places.first() {
        output.note(format!("next: rogatory node run --config {}", place.config.display()));
    }
    Ok(())
}

impl Issue {
    fn run(&self, output: &Output) -> Result<()> {
        let base = self.out.to_string_lossy();
        let [certificate, key, store] =
            ["pem", "key", "p12"].map(|ending| PathBuf::from(format!("{base}.{ending}")));
        file::must_be_free([certificate.as_path(), key.as_path(), store.as_path()])?;
        let password = self.p12_password_file.as_deref().map(read_password).transpose()?;
        let authority = load(&self.ca)?;
        let (own, now) = (authority.facts(), SystemClock.now());
        let days = self.days.unwrap_or(match self.holder.role {
            Role::Node | Role::Service => MACHINE_DAYS,
            Role::Auditor | Role::Officer | Role::Operator => PERSON_DAYS,
        });
        let until = Validity::days(now, days).not_after;
        let request = LeafRequest {
            principal: self.holder.clone(),
            validity: Validity {
                not_before: own.not_before.max(now.plus_millis(-SKEW_MS)),
                not_after: until,
            },
            dns_names: self.dns_names.clone(),
            ip_addresses: self.ip_addresses.clone(),
        };
        if let Some(public) = &self.public_key {
            let public = read_public(public)?;
            let made = authority.issue_for(&request, &public, &SystemEntropy).map_err(refused)?;
            file::write_new(&certificate, made.as_bytes(), file::PUBLIC)?;
            let der = CertificateDer::from_pem_slice(made.as_bytes())?;
            let facts = inspect(&der)?;
            return output.show(
                || json!({ "certificate": certificate, "key": null, "says": to_json(&facts) }),
                || sheet(&facts, output),
            );
        }
        let issued = authority.issue(&request, &SystemEntropy).map_err(refused)?;
        let pkcs12 = password.map(|it| issued.pkcs12(&it)).transpose().map_err(refused)?;
        file::write_new(&key, issued.key_pem().as_bytes(), file::OWNER_ONLY)?;
        file::write_new(&certificate, issued.certificate_pem().as_bytes(), file::PUBLIC)?;
        if let Some(bytes) = &pkcs12 {
            file::write_new(&store, bytes, file::OWNER_ONLY)?;
        }
        let facts = inspect(issued.certificate_der())?;
        let store = pkcs12.map(|_| store);
        output.show(
            || {
                json!({
                    "certificate": certificate,
                    "key": key,
                    "p12": store,
                    "says": to_json(&facts),
                })
            },
            || sheet(&facts, output).field("key file", key.display()),
        )
    }
}

fn refused(error: crate::pki::PkiError) -> anyhow::Error {
    Failure::new(Exit::Refused, error.to_string()).into()
}

/// Reads the authority in a folder.
///
/// # Errors
/// What can't be read, or is no authority with its key.
pub(super) fn load(folder: &Path) -> Result<Authority> {
    let read = |name: &str| file::read_text(&folder.join(name), file::SMALL_BYTES_MAX);
    let key = file::read_key(&folder.join("ca.key"))?;
    Authority::load(&read("ca.pem")?, &key)
        .map_err(refused)
        .with_context(|| format!("the authority in {}", folder.display()))
}

/// A public key, PEM or DER, as `pkcs11-tool --read-object --type pubkey` or openssl writes it.
fn read_public(path: &Path) -> Result<Vec<u8>> {
    let bytes = file::read(path, file::SMALL_BYTES_MAX)?;
    match SubjectPublicKeyInfoDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key.to_vec()),
        Err(_) => Ok(bytes),
    }
}

fn read_password(path: &Path) -> Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(file::read_body(path, file::SMALL_BYTES_MAX)?);
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::new(Exit::Refused, "the password is not UTF-8 text"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn show(path: &Path, output: &Output) -> Result<()> {
    let bytes = file::read(path, file::SMALL_BYTES_MAX)?;
    let unreadable = |_| {
        let text = format!("{} holds no certificate and no revocation list", path.display());
        Failure::new(Exit::Refused, text)
    };
    let (mut ders, mut lists) = (Vec::new(), Vec::new());
    for der in CertificateDer::pem_slice_iter(&bytes) {
        ders.push(der.map_err(unreadable)?.to_vec());
    }
    for der in CertificateRevocationListDer::pem_slice_iter(&bytes) {
        lists.push(der.map_err(unreadable)?.to_vec());
    }
    if ders.is_empty() && lists.is_empty() {
        // DER, of one or the other.
        if inspect(&bytes).is_ok() { ders.push(bytes) } else { lists.push(bytes) }
    }
    let facts = ders.iter().map(|der| inspect(der)).collect::<Result<Vec<_>, _>>();
    let facts = facts.map_err(|error| unreadable_as(path, &error))?;
    let lists = lists.iter().map(|der| RevocationList::parse(der)).collect::<Result<Vec<_>, _>>();
    let lists = lists.map_err(|error| unreadable_as(path, &error))?;
    output.show(
        || {
            json!({
                "certificates": facts.iter().map(to_json).collect::<Vec<_>>(),
                "revocation_lists": lists.iter().map(list_json).collect::<Vec<_>>(),
            })
        },
        || {
            let sheet = facts.iter().fold(Sheet::new(), |all, it| add(all.line(""), it, output));
            lists.iter().fold(sheet, |sheet, list| {
                sheet
                    .line("")
                    .field("revocation list", list.number)
                    .field("this update", output.times().at(list.this_update))
                    .field("next update", output.times().at(list.next_update))
                    .field("revoked", list.revoked.len())
            })
        },
    )
}

fn unreadable_as(path: &Path, error: &crate::pki::PkiError) -> Failure {
    Failure::new(Exit::Refused, format!("{}: {error}", path.display()))
}

/// What a certificate says, for people.
pub(super) fn sheet(facts: &CertificateFacts, output: &Output) -> Sheet {
    add(Sheet::new(), facts, output)
}

fn add(sheet: Sheet, facts: &CertificateFacts, output: &Output) -> Sheet {
    let stands_for = match &facts.principal {
        Ok(principal) => principal.to_string(),
        Err(_) if facts.is_authority => "an authority".to_owned(),
        Err(error) => format!("nobody: {error}"),
    };
    let addresses: Vec<String> = facts.ip_addresses.iter().map(ToString::to_string).collect();
    sheet
        .field("stands for", stands_for)
        .field("subject", &facts.subject)
        .field("issuer", &facts.issuer)
        .field("serial", &facts.serial)
        .field("from", shown(facts.not_before, output))
        .field("until", shown(facts.not_after, output))
        .field("key", &facts.key)
        .field("ids", facts.ids.join(" "))
        .field("dns names", facts.dns_names.join(" "))
        .field("addresses", addresses.join(" "))
        .field("purposes", facts.purposes.join(" "))
}

fn shown(at: Timestamp, output: &Output) -> String {
    format!("{at} ({})", output.times().at(at))
}

/// What a certificate says, for programs.
pub(super) fn to_json(facts: &CertificateFacts) -> Value {
    let addresses: Vec<String> = facts.ip_addresses.iter().map(ToString::to_string).collect();
    json!({
        "principal": facts.principal.as_ref().ok().map(ToString::to_string),
        "role": facts.principal.as_ref().ok().map(|it| it.role.as_str()),
        "subject": facts.subject,
        "issuer": facts.issuer,
        "serial": facts.serial,
        "not_before": facts.not_before.to_string(),
        "not_after": facts.not_after.to_string(),
        "key": facts.key,
        "ids": facts.ids,
        "dns_names": facts.dns_names,
        "ip_addresses": addresses,
        "is_authority": facts.is_authority,
        "path_length": facts.path_length,
        "purposes": facts.purposes,
    })
}

fn list_json(list: &RevocationList) -> Value {
    let revoked: Vec<Value> = list
        .revoked
        .iter()
        .map(|it| json!({ "serial": hex::encode(&it.serial), "at": it.at.to_string() }))
        .collect();
    json!({
        "number": list.number,
        "this_update": list.this_update.to_string(),
        "next_update": list.next_update.to_string(),
        "revoked": revoked,
    })
}
