//! Pages of lists: their size, and the tokens by which a caller goes on.
//!
//! A token is opaque and grants nothing: permission is asked for on each page. It carries a keyed
//! hash, so that a place can only be one that this node has given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Status;

use crate::domain::ids::AgencyId;
use crate::node::query::QueuePlace;
use crate::node::setting::Setting;
use crate::transport::caller;
use crate::transport::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use crate::transport::status::{self, EdgeReason};

/// Bytes of the keyed hash in a token.
const TAG_BYTES: usize = 8;

/// How many items a page gets: 0 takes the default, too many are cut.
///
/// # Errors
/// A negative number.
pub fn size(asked: i32) -> Result<usize, Status> {
    size_within(asked, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
}

/// The same with another default and another limit.
///
/// # Errors
/// A negative number.
pub fn size_within(asked: i32, default: usize, max: usize) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(asked) => Ok(asked.min(max)),
        Err(_) => Err(status::of_field("/page_size", "OUT_OF_RANGE", "it is not negative")),
    }
}

/// Token of a page of requests that ended before this position.
pub fn of_requests(setting: &Setting, before: u64) -> String {
    token(setting, "requests", &before.to_be_bytes())
}

/// Where a page of requests goes on; none for the first page.
///
/// # Errors
/// `CURSOR_INVALID` for what is no token of such a list.
pub fn requests_before(setting: &Setting, token: &str) -> Result<Option<u64>, Status> {
    let Some(place) = place(setting, "requests", token)? else {
        return Ok(None);
    };
    let place = <[u8; 8]>::try_from(place).map_err(|_| invalid())?;
    Ok(Some(u64::from_be_bytes(place)))
}

/// Token of a page of the queue that ended here.
pub fn of_queue(setting: &Setting, after: &QueuePlace) -> String {
    let (peer, place) = after;
    let bytes = [peer.as_str().as_bytes(), b"\n", place.as_slice()].concat();
    token(setting, "queue", &bytes)
}

/// Where a page of the queue goes on; none for the first page.
///
/// # Errors
/// `CURSOR_INVALID` for what is no token of such a list.
pub fn queue_after(setting: &Setting, token: &str) -> Result<Option<QueuePlace>, Status> {
    let Some(place) = place(setting, "queue", token)? else {
        return Ok(None);
    };
    let end = place.iter().position(|it| *it == b'\n').ok_or_else(invalid)?;
    let (peer, rest) = place.split_at(end);
    let peer: Option<AgencyId> = std::str::from_utf8(peer).ok().and_then(|it| it.parse().ok());
    Ok(Some((peer.ok_or_else(invalid)?, rest.iter().skip(1).copied().collect())))
}

fn tag(setting: &Setting, list: &str, place: &[u8]) -> [u8; TAG_BYTES] {
    let whole = caller::tag(setting, &format!("page token {list}"), place);
    *whole.as_bytes().first_chunk().expect("a hash is longer than a tag")
}

fn token(setting: &Setting, list: &str, place: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([tag(setting, list, place).as_slice(), place].concat())
}

fn place(setting: &Setting, list: &str, token: &str) -> Result<Option<Vec<u8>>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let (given, place) = bytes.split_at_checked(TAG_BYTES).ok_or_else(invalid)?;
    if tag(setting, list, place) != given {
        return Err(invalid());
    }
    Ok(Some(place.to_vec()))
}

fn invalid() -> Status {
    status::of_edge(EdgeReason::CursorInvalid, "this page token is none of this list")
}
