//! Pages of lists: their size, and the tokens by which a caller goes on.
//!
//! A token is opaque and grants nothing: permission is asked for on each page. It carries a keyed
//! hash under the node's fingerprint key, so that a place can only be one that this node has given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Status;

use crate::history::dues::DuePlace;
use crate::node::outstanding::Place;
use crate::redact::Secret;
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
pub fn of_requests(key: &Secret<32>, before: u64) -> String {
    token(key, "requests", &before.to_be_bytes())
}

/// Where a page of requests goes on; none for the first page.
///
/// # Errors
/// `CURSOR_INVALID` for what is no token of such a list.
pub fn requests_before(key: &Secret<32>, token: &str) -> Result<Option<u64>, Status> {
    let Some(place) = place(key, "requests", token)? else {
        return Ok(None);
    };
    let place = <[u8; 8]>::try_from(place).map_err(|_| invalid())?;
    Ok(Some(u64::from_be_bytes(place)))
}

/// Token of a page of the queue that ended here.
pub fn of_queue(key: &Secret<32>, after: &Place) -> String {
    let Place { list, peer, bytes } = after;
    let bytes = [&[*list], peer.as_bytes(), b"\n", bytes.as_slice()].concat();
    token(key, "queue", &bytes)
}

/// Where a page of the queue goes on; none for the first page.
///
/// # Errors
/// `CURSOR_INVALID` for what is no token of such a list.
pub fn queue_after(key: &Secret<32>, token: &str) -> Result<Option<Place>, Status> {
    let Some(place) = place(key, "queue", token)? else {
        return Ok(None);
    };
    let (list, place) = place.split_first().ok_or_else(invalid)?;
    let end = place.iter().position(|it| *it == b'\n').ok_or_else(invalid)?;
    let (peer, rest) = place.split_at(end);
    let peer = std::str::from_utf8(peer).map_err(|_| invalid())?.to_owned();
    Ok(Some(Place { list: *list, peer, bytes: rest.iter().skip(1).copied().collect() }))
}

/// Token of a page of deadlines that ended here.
pub fn of_deadlines(key: &Secret<32>, after: &DuePlace) -> String {
    token(key, "deadlines", after)
}

/// Where a page of deadlines goes on; none for the first page.
///
/// # Errors
/// `CURSOR_INVALID` for what is no token of such a list.
pub fn deadlines_after(key: &Secret<32>, token: &str) -> Result<Option<DuePlace>, Status> {
    place(key, "deadlines", token)
}

fn tag(key: &Secret<32>, list: &str, place: &[u8]) -> [u8; TAG_BYTES] {
    let whole = caller::tag(key, &format!("page token {list}"), place);
    *whole.as_bytes().first_chunk().expect("a hash is longer than a tag")
}

fn token(key: &Secret<32>, list: &str, place: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([tag(key, list, place).as_slice(), place].concat())
}

fn place(key: &Secret<32>, list: &str, token: &str) -> Result<Option<Vec<u8>>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let (given, place) = bytes.split_at_checked(TAG_BYTES).ok_or_else(invalid)?;
    if tag(key, list, place) != given {
        return Err(invalid());
    }
    Ok(Some(place.to_vec()))
}

fn invalid() -> Status {
    status::of_edge(EdgeReason::CursorInvalid, "this page token is none of this list")
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn key() -> Secret<32> {
        Secret::new([7; 32])
    }

    fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
        let status = result.unwrap_err();
        (status.code(), crate::transport::told::told(&status).reason)
    }

    #[test]
    fn a_place_comes_back_from_its_token() {
        let token = of_requests(&key(), 4711);
        assert_eq!(requests_before(&key(), &token).unwrap(), Some(4711));
        assert_eq!(requests_before(&key(), "").unwrap(), None);
        let (peer, bytes) = ("int.hub".to_owned(), vec![b'p', b'o', 0, b'\n', 255]);
        let place = Place { list: b'\n', peer, bytes };
        let token = of_queue(&key(), &place);
        assert_eq!(queue_after(&key(), &token).unwrap(), Some(place));
    }

    #[test]
    fn what_another_list_or_node_gave_is_no_token() {
        let invalid = (Code::InvalidArgument, "CURSOR_INVALID".to_owned());
        let token = of_requests(&key(), 1);
        assert_eq!(refused(queue_after(&key(), &token)), invalid);
        assert_eq!(refused(requests_before(&Secret::new([8; 32]), &token)), invalid);
        for bad in ["?", "AAAA", "not base64 at all", &"A".repeat(400)] {
            assert_eq!(refused(requests_before(&key(), bad)), invalid, "{bad}");
        }
        for end in 1..token.len() {
            assert_eq!(refused(requests_before(&key(), &token[..end])), invalid, "{end}");
        }
    }

    #[test]
    fn sizes_hold_at_their_border() {
        let given = [0, 1, 200, 201, i32::MAX].map(|it| size(it).unwrap());
        assert_eq!(given, [50, 1, 200, 200, 200]);
        assert_eq!(refused(size(-1)), (Code::InvalidArgument, "CONTENT_INVALID".to_owned()));
    }
}
