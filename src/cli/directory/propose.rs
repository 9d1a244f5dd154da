//! `directory init` and `directory propose`: the texts that are to be signed.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::directory::text::faulty;
use crate::cli::exit::{Exit, Failure};
use crate::cli::file;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::DirectoryFolder;
use crate::config::directory::PROPOSED;
use crate::config::note_keys::verifier_key;
use crate::directory::signed::record::OwnRecord;
use crate::directory::signed::roll::{NOTICE_MS, record_key_name};
use crate::directory::signed::{
    Authorities, Authority, Genesis, Held, Member, NextKey, Roll, Status, write,
};
use crate::domain::digest::Digest;
use crate::domain::ids::{AgencyId, NetworkId};
use crate::merkle::vkey::VerifierKey;

/// Above the seven days of notice, so that signing may take a day, in milliseconds.
const SIGNING_MS: i64 = 24 * 3600 * 1000;

/// What a network begins with.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder that is to hold the directory
    folder: PathBuf,
    /// The network's name
    #[arg(long)]
    network: NetworkId,
    /// The public key file of an authority; once for each
    #[arg(long = "authority", value_name = "FILE", required = true)]
    authorities: Vec<PathBuf>,
    /// How many of them must sign
    #[arg(long, default_value_t = 2, value_name = "COUNT")]
    threshold: usize,
    /// A network for trying things out, in which one authority may decide
    #[arg(long)]
    demo: bool,
}

/// What is to change.
#[derive(Debug, Args)]
pub struct Propose {
    /// The folder of the directory
    folder: PathBuf,
    /// Let an agency join: the public key file of its record key
    #[arg(long = "join", value_name = "FILE")]
    join: Vec<PathBuf>,
    /// Cut an agency's nodes off
    #[arg(long = "suspend", value_name = "AGENCY")]
    suspend: Vec<AgencyId>,
    /// Let a suspended agency take part again
    #[arg(long = "activate", value_name = "AGENCY")]
    activate: Vec<AgencyId>,
    /// Let an agency leave; it stays listed
    #[arg(long = "leave", value_name = "AGENCY")]
    leave: Vec<AgencyId>,
    /// Replace an agency's record key by the one in this public key file: its old key must sign
    /// too, or it was announced seven days ago
    #[arg(long = "replace-key", value_name = "FILE")]
    replace_key: Vec<PathBuf>,
    /// Announce the key in this public key file for an agency that lost its own
    #[arg(long = "announce-key", value_name = "FILE")]
    announce_key: Vec<PathBuf>,
    /// The authorities from here on, all of them: public key files
    #[arg(long = "authority", value_name = "FILE")]
    authorities: Vec<PathBuf>,
    /// How many authorities must sign from here on
    #[arg(long, value_name = "COUNT")]
    threshold: Option<usize>,
    /// Propose an agency's record and not a roll
    #[arg(long, value_name = "AGENCY", conflicts_with_all = [
        "join", "suspend", "activate", "leave", "replace_key", "announce_key", "authorities",
        "threshold",
    ])]
    record: Option<AgencyId>,
    /// Take what the record says from this file, and not from the one in force
    #[arg(long, value_name = "FILE", requires = "record")]
    from: Option<PathBuf>,
}

fn keys(paths: &[PathBuf]) -> Result<Vec<VerifierKey>> {
    Ok(paths.iter().map(|path| verifier_key(path)).collect::<Result<_, _>>()?)
}

fn authorities(threshold: usize, keys: Vec<VerifierKey>) -> Authorities {
    let members = keys.into_iter().map(|key| Authority { key, until: None }).collect();
    Authorities { threshold, members }
}

/// `directory init`.
///
/// # Errors
/// Keys that can't be read, a threshold that does not fit, a folder that holds one already.
pub(super) fn init(asked: &Init, output: &Output) -> Result<()> {
    let first = authorities(asked.threshold, keys(&asked.authorities)?);
    let text = write::genesis(&asked.network, asked.demo, &first);
    let folder = DirectoryFolder::at(&asked.folder);
    let genesis = Genesis::parse(&text)
        .map_err(|faults| faulty(Path::new("what was asked for"), "genesis", &faults))?;
    folder.begin(&text)?;
    let roll = Roll {
        network: asked.network.clone(),
        version: 1,
        previous: genesis.hash(),
        issued_at: now(),
        authorities: first,
        agencies: Vec::new(),
    };
    let path = proposed(&folder, "roll", 1);
    keep(&path, &write::roll(&roll))?;
    output.note(format!("every node pins it: genesis = \"{}\"", genesis.hash()));
    output.note(format!("next: rogatory directory sign {} --key FILE", path.display()));
    output.show(
        || {
            json!({
                "network": asked.network.to_string(),
                "genesis": genesis.hash().to_string(),
                "proposed": path,
            })
        },
        || {
            Sheet::new()
                .field("network", &asked.network)
                .field("genesis", genesis.hash())
                .field("proposed", path.display())
        },
    )
}

/// Now, in whole seconds.
fn now() -> Timestamp {
    let millis = SystemClock.now().millis();
    Timestamp::from_millis(millis - millis.rem_euclid(1000))
}

fn proposed(folder: &DirectoryFolder, of: &str, version: u64) -> PathBuf {
    folder.path().join(PROPOSED).join(format!("{of}-{version}.toml"))
}

fn keep(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)?;
    file::write_new(path, text.as_bytes(), file::PUBLIC)
}

/// `directory propose`.
///
/// # Errors
/// What is asked for and cannot be; a proposal of that version that stands already.
pub(super) fn propose(asked: &Propose, output: &Output) -> Result<()> {
    let folder = DirectoryFolder::at(&asked.folder);
    let (path, text, what) = match &asked.record {
        Some(agency) => propose_record(asked, &folder, agency)?,
        None => propose_roll(asked, &folder)?,
    };
    keep(&path, &text)?;
    output.note("look at it, change it by hand if need be, then let those sign who must");
    output.note(format!("next: rogatory directory sign {} --key FILE", path.display()));
    output.show(
        || json!({ "proposed": path, "of": what }),
        || Sheet::new().field("proposed", path.display()).field("of", &what),
    )
}

fn propose_roll(asked: &Propose, folder: &DirectoryFolder) -> Result<(PathBuf, String, String)> {
    let held = folder.load(None)?.held;
    let Some(before) = held.roll() else {
        return Err(Failure::new(Exit::NotFound, "there is no roll").into());
    };
    let (version, previous) = (before.roll.version.saturating_add(1), before.hash);
    let mut roll = Roll { version, previous, issued_at: now(), ..before.roll.clone() };
    for key in keys(&asked.join)? {
        let id = agency_of(&key)?;
        if roll.member(&id).is_some() {
            let text = format!("{id} is on the roll already");
            return Err(Failure::new(Exit::Refused, text).into());
        }
        roll.agencies.push(Member { id, key, status: Status::Active, next: None });
    }
    let changes = [
        (&asked.suspend, Status::Suspended),
        (&asked.activate, Status::Active),
        (&asked.leave, Status::Left),
    ];
    for (agencies, status) in changes {
        for id in agencies {
            member(&mut roll, id)?.status = status;
        }
    }
    for key in keys(&asked.replace_key)? {
        let member = member(&mut roll, &agency_of(&key)?)?;
        member.key = key;
        member.next = None;
    }
    let from = roll.issued_at.plus_millis(NOTICE_MS + SIGNING_MS);
    for key in keys(&asked.announce_key)? {
        let member = member(&mut roll, &agency_of(&key)?)?;
        member.next = Some(NextKey { key, from });
    }
    if !asked.authorities.is_empty() {
        roll.authorities = authorities(roll.authorities.threshold, keys(&asked.authorities)?);
    }
    roll.authorities.threshold = asked.threshold.unwrap_or(roll.authorities.threshold);
    let text = write::roll(&roll);
    Roll::parse(&text, held.genesis().threshold_min())
        .map_err(|faults| faulty(Path::new("what was asked for"), "roll", &faults))?;
    Ok((proposed(folder, "roll", version), text, format!("roll {version}")))
}

fn member<'a>(roll: &'a mut Roll, id: &AgencyId) -> Result<&'a mut Member> {
    let found = roll.agencies.iter_mut().find(|it| it.id == *id);
    let missing = || Failure::new(Exit::NotFound, format!("{id} is not on the roll"));
    Ok(found.ok_or_else(missing)?)
}

/// The agency whose record a key signs, by the key's name.
fn agency_of(key: &VerifierKey) -> Result<AgencyId> {
    let agency: Option<AgencyId> =
        key.name().strip_suffix("/record").and_then(|it| it.parse().ok());
    let agency = agency.filter(|it| record_key_name(it) == key.name());
    let wrong = || Failure::new(Exit::Refused, "a record key has the name AGENCY/record");
    Ok(agency.ok_or_else(wrong)?)
}

fn propose_record(
    asked: &Propose,
    folder: &DirectoryFolder,
    agency: &AgencyId,
) -> Result<(PathBuf, String, String)> {
    let held = folder.load(None)?.held;
    let before = held.record(agency);
    let body = match (&asked.from, folder.note(&held, agency)?) {
        (Some(path), _) => file::read_text(path, file::SMALL_BYTES_MAX)?,
        (None, Some(note)) => note.text,
        (None, None) => {
            let text = format!("there is no record of {agency}; name its text: --from FILE");
            return Err(Failure::new(Exit::NotFound, text).into());
        }
    };
    let version = before.map_or(1, |(version, _)| version.saturating_add(1));
    let text = headed(&held, version, before.map(|(_, hash)| hash), &body);
    let shown = asked.from.as_deref().unwrap_or(Path::new("the record in force"));
    let record = OwnRecord::parse(&text).map_err(|faults| faulty(shown, "record", &faults))?;
    if record.agency.id != *agency {
        let text = format!("{} is of {}, and not of {agency}", shown.display(), record.agency.id);
        return Err(Failure::new(Exit::Refused, text).into());
    }
    let path = proposed(folder, agency.as_str(), version);
    Ok((path, text, format!("record {version} of {agency}")))
}

/// A record's text with the head of the version that is next; what people wrote stays as it is.
pub(in crate::cli) fn headed(
    held: &Held,
    version: u64,
    previous: Option<Digest>,
    body: &str,
) -> String {
    let mut text = format!("network = \"{}\"\nversion = {version}\n", held.genesis().network);
    if let Some(previous) = previous {
        text += &format!("previous = \"{previous}\"\n");
    }
    let mut in_head = true;
    for line in body.lines() {
        in_head = in_head && !line.trim_start().starts_with('[');
        let key = line.split('=').next().unwrap_or_default().trim();
        if in_head && ["network", "version", "previous"].contains(&key) {
            continue;
        }
        text += line;
        text.push('\n');
    }
    text
}
