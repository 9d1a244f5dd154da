//! What the command line verifies itself: that a statement says what the node says it does, and
//! stands in a journal that the directory names.

use std::fmt;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::directory::{Directory, WitnessKeys};
use crate::domain::digest::Digest;
use crate::domain::fact::{EntryParts, Fact};
use crate::domain::header::Header;
use crate::domain::ids::AgencyId;
use crate::domain::reviewing::Remark;
use crate::domain::station::Station;
use crate::evidence::original;
use crate::evidence::statement;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::receipt::TlogProof;
use crate::wire;
use crate::wire::envelope::Statement;
use crate::wire::pb;

/// A statement whose proof holds.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The entry.
    pub entry: EntryParts,
    /// Its index in the journal.
    pub index: u64,
    /// The tree that was signed.
    pub signed: SignedCheckpoint,
}

impl Proven {
    /// When it was recorded, by the clock of the agency that states it.
    pub fn at(&self) -> Timestamp {
        self.entry.recorded_at
    }
}

/// Checks a statement against the directory.
///
/// # Errors
/// Why it proves nothing.
pub fn check(directory: &Directory, statement: pb::Statement) -> Result<Proven, String> {
    let statement = Statement::from_pb(statement).map_err(|error| error.to_string())?;
    let (entry, signed) =
        statement::verify(directory, &statement).map_err(|error| error.to_string())?;
    let index = TlogProof::parse(&statement.proof).map_err(|error| error.to_string())?.index;
    Ok(Proven { entry, index, signed })
}

/// What a statement about a message must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Name of the fact.
    pub fact: &'a str,
    /// The agency that states it.
    pub agency: &'a str,
    /// Agency of origin of the message.
    pub origin: &'a str,
    /// Id of the message.
    pub message: &'a str,
}

/// Checks that a statement says what it should of a message; gives the header's hash with it.
///
/// # Errors
/// Why it does not.
pub fn check_about(
    directory: &Directory,
    statement: pb::Statement,
    expected: Expected<'_>,
) -> Result<(Proven, Digest), String> {
    let proven = check(directory, statement)?;
    let fact = proven.entry.fact.name();
    if fact != expected.fact {
        return Err(format!("it states {fact} and not {}", expected.fact));
    }
    let issuer = proven.entry.journal.agency();
    if issuer.as_str() != expected.agency {
        return Err(format!("{issuer} states it and not {}", expected.agency));
    }
    let about = proven.entry.fact.message().ok_or("it is about no message")?;
    if about.origin.as_str() != expected.origin || about.message.to_string() != expected.message {
        return Err("it is about another message".to_owned());
    }
    Ok((proven, about.header))
}

/// The hash of the header that a statement is about, if it holds and is about one.
pub fn header_of(directory: &Directory, statement: pb::Statement) -> Option<Digest> {
    check(directory, statement).ok()?.entry.fact.message().map(|it| it.header)
}

/// What is known of a station's proof.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It was verified.
    Holds {
        /// The journal in which it stands.
        journal: String,
        /// The entry's index.
        index: u64,
        /// Size of the tree that was signed.
        size: u64,
    },
    /// The node gave none.
    Missing,
    /// There is no directory to check it against.
    Unchecked,
    /// It does not prove the station.
    Fails(String),
}

impl Standing {
    /// Whether something is wrong.
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Fails(_))
    }

    /// The word for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Holds { .. } => "holds",
            Self::Missing => "missing",
            Self::Unchecked => "unchecked",
            Self::Fails(_) => "fails",
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Holds { journal, index, size } => {
                json!({ "state": self.word(), "journal": journal, "index": index, "size": size })
            }
            Self::Fails(why) => json!({ "state": self.word(), "problem": why }),
            Self::Missing | Self::Unchecked => json!({ "state": self.word() }),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds { journal, index, size } => {
                write!(f, "proved: entry {index} of {size} in {journal}")
            }
            Self::Missing => f.write_str("no proof was given"),
            Self::Unchecked => f.write_str("not checked: no directory is named"),
            Self::Fails(why) => write!(f, "THE PROOF DOES NOT HOLD: {why}"),
        }
    }
}

/// The proof of the request that `content` hands on, for which `wrong` was no competent authority;
/// none if it hands on none.
pub fn handed_on(
    directory: Option<&Directory>,
    content: &pb::Draft,
    wrong: &str,
) -> Option<Standing> {
    let original = match wire::draft::original(content) {
        Ok(original) => original?,
        Err(error) => return Some(Standing::Fails(error.to_string())),
    };
    let Some(directory) = directory else {
        return Some(Standing::Unchecked);
    };
    let checked = wrong
        .parse()
        .map_err(|_| "no agency hands it on".to_owned())
        .and_then(|wrong| {
            original::check(directory, &wrong, &original).map_err(|error| error.to_string())
        })
        .and_then(|_| check(directory, original.origin.clone().into_pb()));
    Some(match checked {
        Ok(proven) => holds(&proven),
        Err(why) => Standing::Fails(why),
    })
}

/// The message that a reviewing transit's note to `recipient` is about, and its proof; none if the content
/// is no note, nothing of a message if it could not be checked.
pub fn noted(
    directory: Option<&Directory>,
    content: &pb::Draft,
    recipient: &str,
) -> Option<(Option<Header>, Standing)> {
    let note = match wire::draft::transit_note(content) {
        Ok(note) => note?,
        Err(error) => return Some((None, Standing::Fails(error.to_string()))),
    };
    let Some(directory) = directory else {
        return Some((None, Standing::Unchecked));
    };
    let checked = recipient
        .parse()
        .map_err(|_| "it is for no agency".to_owned())
        .and_then(|recipient| {
            original::noted(directory, &recipient, &note).map_err(|error| error.to_string())
        })
        .and_then(|header| Ok((header, check(directory, note.origin.clone().into_pb())?)));
    Some(match checked {
        Ok((header, proven)) => (Some(header), holds(&proven)),
        Err(why) => (None, Standing::Fails(why)),
    })
}

fn holds(proven: &Proven) -> Standing {
    let (index, size) = (proven.index, proven.signed.checkpoint.size);
    Standing::Holds { journal: proven.entry.journal.to_string(), index, size }
}

/// The proofs of all stations of a message. All must be about the same header.
pub fn stations(directory: Option<&Directory>, message: &pb::MessageSummary) -> Vec<Standing> {
    let Some(directory) = directory else {
        return message.stations.iter().map(|_| Standing::Unchecked).collect();
    };
    let mut header = None;
    let mut standings = Vec::with_capacity(message.stations.len());
    for station in &message.stations {
        standings.push(of_station(directory, message, station, &mut header));
    }
    standings
}

/// The proofs of all stations of an attachment, which must be about this attachment of this message.
pub fn attachment_stations(
    directory: Option<&Directory>,
    message: &pb::MessageSummary,
    attachment: &pb::AttachmentState,
) -> Vec<Standing> {
    let Some(directory) = directory else {
        return attachment.stations.iter().map(|_| Standing::Unchecked).collect();
    };
    let mut header = None;
    let mut standings = Vec::with_capacity(attachment.stations.len());
    for station in &attachment.stations {
        let standing = of_station(directory, message, station, &mut header);
        let stated = station.receipt.clone().and_then(|it| Statement::from_pb(it).ok());
        let stated = stated.and_then(|it| wire::entry::read(&it.entry).ok()).map(|it| it.fact);
        let about_this = matches!(&stated, Some(Fact::Attachment(fact))
            if fact.attachment.number == attachment.number);
        let is_other = matches!(standing, Standing::Holds { .. }) && !about_this;
        let wrong = || Standing::Fails("it is about another attachment".to_owned());
        standings.push(if is_other { wrong() } else { standing });
    }
    standings
}

fn of_station(
    directory: &Directory,
    message: &pb::MessageSummary,
    station: &pb::Station,
    header: &mut Option<Digest>,
) -> Standing {
    let Some(receipt) = station.receipt.clone() else {
        return Standing::Missing;
    };
    let expected = Expected {
        fact: fact_of(&station.station),
        agency: &station.agency,
        origin: &message.origin,
        message: &message.message_id,
    };
    match check_about(directory, receipt, expected) {
        Err(why) => Standing::Fails(why),
        Ok((_, hash)) if header.is_some_and(|known| known != hash) => {
            Standing::Fails("it is about another header of this message".to_owned())
        }
        Ok((proven, hash)) => {
            *header = Some(hash);
            let size = proven.signed.checkpoint.size;
            let journal = proven.entry.journal.to_string();
            Standing::Holds { journal, index: proven.index, size }
        }
    }
}

/// The name of the fact that proves a station.
fn fact_of(station: &str) -> &str {
    // What an entry states of an attachment has the name of its station.
    let facts = [
        (Station::Accepted, "submitted"),
        (Station::Relayed, "taken_over"),
        (Station::Delivered, "delivered"),
        (Station::Retrieved, "read"),
        (Station::NotTaken, "not_taken"),
        (Station::Returned, "returned"),
        (Station::Undelivered, "undelivered"),
        (Station::ErasureAsked, "erasure_asked"),
        (Station::Erased, "content_erased"),
        (Station::ErasureRefused, "erasure_refused"),
        (Station::Released, "transit_released"),
    ];
    if Remark::ALL.into_iter().any(|it| Station::Annotated(it).as_str() == station) {
        return "transit_annotated";
    }
    let found = facts.into_iter().find(|(known, _)| known.as_str() == station);
    found.map_or(station, |(_, fact)| fact)
}

/// The agencies whose cosignature of a checkpoint holds, under a key that counts at its time.
pub fn witnesses(directory: &Directory, signed: &SignedCheckpoint) -> Vec<AgencyId> {
    let holds = |keys: &WitnessKeys, agency: &AgencyId| keys.cosigned(agency, signed).is_ok();
    let named = directory.agencies().filter_map(|it| Some((&it.id, it.witness.as_ref()?)));
    named.filter(|(agency, keys)| holds(keys, agency)).map(|(agency, _)| agency.clone()).collect()
}
