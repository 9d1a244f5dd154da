//! Checks the cosignature that a peer gave to a checkpoint of this node.

use crate::domain::ids::AgencyId;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::cosignature;
use crate::merkle::note::SignatureLine;
use crate::node::duties::session::Lie;
use crate::node::setting::Setting;

/// The note of the checkpoint that was offered, with the peer's line.
///
/// # Errors
/// [`Lie::Cosignature`] if the line is none, or not that of a witness key of the peer that counts then.
pub(super) fn note(
    setting: &Setting,
    peer: &AgencyId,
    offered: &SignedCheckpoint,
    line: &[u8],
) -> Result<Vec<u8>, Lie> {
    let invalid = |what: &str| Lie::Cosignature(what.to_owned());
    let line = std::str::from_utf8(line).ok().map(str::trim_end).and_then(SignatureLine::parse);
    let line = line.ok_or_else(|| invalid("it is no signature line"))?;
    let note = cosignature::with_lines(&offered.bytes, &[line])
        .map_err(|error| invalid(&error.to_string()))?;
    let signed = SignedCheckpoint::parse(&note).map_err(|error| invalid(&error.to_string()))?;
    let directory = setting.directory();
    let record = directory.agency(peer);
    let record = record.ok_or_else(|| invalid("the peer is not in the directory"))?;
    let witness = record.witness.as_ref().ok_or_else(|| invalid("the peer has no witness key"))?;
    witness.cosigned(peer, &signed).map_err(|error| invalid(&error.to_string()))?;
    Ok(note)
}
