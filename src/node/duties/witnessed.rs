//! Checks the cosignature that a peer gave to a checkpoint of this node.

use crate::directory::Directory;
use crate::domain::ids::AgencyId;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::cosignature;
use crate::merkle::note::SignatureLine;
use crate::node::duties::session::Lie;
use crate::node::setting::Setting;

/// The note of the checkpoint that was offered, with the peer's line; none where it is too early to judge that,
/// because the peer follows a newer directory, by its own word the version `told`.
///
/// # Errors
/// [`Lie::Cosignature`] if the line is none, or not that of a witness key of the peer that counts then.
pub(super) fn note(
    setting: &Setting,
    (peer, told): (&AgencyId, u64),
    offered: &SignedCheckpoint,
    line: &[u8],
) -> Result<Option<Vec<u8>>, Lie> {
    let invalid = |what: &str| Lie::Cosignature(what.to_owned());
    let line = std::str::from_utf8(line).ok().map(str::trim_end).and_then(SignatureLine::parse);
    let line = line.ok_or_else(|| invalid("it is no signature line"))?;
    let note = cosignature::with_lines(&offered.bytes, &[line])
        .map_err(|error| invalid(&error.to_string()))?;
    let signed = SignedCheckpoint::parse(&note).map_err(|error| invalid(&error.to_string()))?;
    let directory = setting.directory();
    match is_by(&directory, peer, &signed) {
        Ok(()) => Ok(Some(note)),
        Err(_) if told > directory.version() => Ok(None),
        Err(what) => Err(Lie::Cosignature(what)),
    }
}

fn is_by(directory: &Directory, peer: &AgencyId, signed: &SignedCheckpoint) -> Result<(), String> {
    let record = directory.agency(peer).ok_or("the peer is not in the directory")?;
    let witness = record.witness.as_ref().ok_or("the peer has no witness key")?;
    witness.cosigned(peer, signed).map(drop).map_err(|error| error.to_string())
}
