//! Checks a request that a wrong authority hands on, or a message that a reviewing transit writes a note
//! about: its origin sent it to that agency, in these words, and a witness has seen the history in which
//! it stands.

use crate::directory::Directory;
use crate::domain::acts::Act;
use crate::domain::digest::Digest;
use crate::domain::header::Header;
use crate::domain::ids::AgencyId;
use crate::domain::particulars::Particulars;
use crate::envelope::{self, OpenError, Part};
use crate::evidence::statement::{StatementError, check_origin};
use crate::wire;
use crate::wire::WireError;
use crate::wire::draft::{Original, TransitNote};
use crate::wire::envelope::Statement;

/// A request as its origin sent it, opened and proven.
#[derive(Clone, Debug)]
pub struct Request {
    /// What its origin's journal holds.
    pub header: Header,
    /// What it is and whom it concerns.
    pub particulars: Particulars,
}

/// Why what is handed on proves no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginalError {
    /// Header, particulars or content can't be read.
    #[error("the request can't be read: {0}")]
    Malformed(#[from] WireError),
    /// The origin's statement does not hold.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It was sent to somebody else, or in another network.
    #[error("it was not sent to the agency that hands it on, or that is told of it")]
    SentElsewhere,
    /// A sealed part is not the one that the origin's header names.
    #[error("the {0} are not what the origin sent")]
    Altered(&'static str),
    /// A sealed part does not open under the key that is given.
    #[error("the key does not open it: {0}")]
    Key(#[from] OpenError),
    /// It is another act.
    #[error("what is handed on is no request")]
    NoRequest,
}

impl OriginalError {
    /// Whether what was refused so by `directory` may hold by a newer one, as
    /// [`StatementError::may_hold_by`] says it of its origin's statement.
    pub fn may_hold_by(&self, directory: &Directory, told: u64, origin: &Statement) -> bool {
        match self {
            Self::Statement(error) => error.may_hold_by(directory, told, origin),
            Self::Malformed(_)
            | Self::SentElsewhere
            | Self::Altered(_)
            | Self::Key(_)
            | Self::NoRequest => false,
        }
    }
}

/// Proves and opens the request that `wrong` hands on.
///
/// # Errors
/// The first thing about it that does not hold.
pub fn check(
    directory: &Directory,
    wrong: &AgencyId,
    original: &Original,
) -> Result<Request, OriginalError> {
    let header = sent(directory, wrong, &original.header, &original.origin)?;
    if Digest::of(&original.particulars) != header.digests.particulars {
        return Err(OriginalError::Altered("particulars"));
    }
    if Digest::of(&original.content) != header.digests.content {
        return Err(OriginalError::Altered("contents"));
    }
    let bytes = wire::header::address_bytes(&header)?;
    let plain =
        envelope::open_part(Part::Particulars, &original.key, &bytes, &original.particulars)?;
    let particulars = wire::particulars::read(&plain)?;
    wire::draft::read_content(&content(original)?)?;
    if particulars.act != Act::Request {
        return Err(OriginalError::NoRequest);
    }
    Ok(Request { header, particulars })
}

/// Proves which message to `recipient` a reviewing transit's note is about: gives its header.
///
/// # Errors
/// The first thing about it that does not hold.
pub fn noted(
    directory: &Directory,
    recipient: &AgencyId,
    note: &TransitNote,
) -> Result<Header, OriginalError> {
    sent(directory, recipient, &note.header, &note.origin)
}

/// The header that its origin submitted to an agency of this network.
fn sent(
    directory: &Directory,
    to: &AgencyId,
    header: &[u8],
    origin: &Statement,
) -> Result<Header, OriginalError> {
    let header = wire::header::read_header(header)?;
    let address = &header.address;
    if address.destination != *to || address.network != *directory.network() {
        return Err(OriginalError::SentElsewhere);
    }
    check_origin(directory, to, to, &header.bytes, origin)?;
    Ok(header)
}

/// What the request says: bytes of a draft. Nothing is proven by this.
///
/// # Errors
/// The key does not open it.
pub fn content(original: &Original) -> Result<Vec<u8>, OriginalError> {
    let header = wire::header::read_header(&original.header)?;
    let bytes = wire::header::address_bytes(&header)?;
    Ok(envelope::open_part(Part::Content, &original.key, &bytes, &original.content)?)
}
