//! Names, hashes and times: one reader each, told which field it reads.

use std::str::FromStr;

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::header::UnknownWord;
use crate::domain::ids::{MalformedId, MessageId, RequestId};
use crate::wire::WireError;

/// The field's part, which must be there.
pub(super) fn part<T>(field: &'static str, part: Option<T>) -> Result<T, WireError> {
    part.ok_or(WireError::Missing { field })
}

/// Exactly `N` bytes.
pub(super) fn array<const N: usize>(field: &'static str, it: &[u8]) -> Result<[u8; N], WireError> {
    it.try_into().map_err(|_| WireError::Length { field, expected: N, given: it.len() })
}

/// A SHA-256 hash.
pub(super) fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, WireError> {
    Ok(Digest::from_bytes(array(field, bytes)?))
}

/// A message id.
pub(super) fn message_id(field: &'static str, bytes: &[u8]) -> Result<MessageId, WireError> {
    Ok(MessageId::from_bytes(array(field, bytes)?))
}

/// A request id.
pub(super) fn request_id(field: &'static str, bytes: &[u8]) -> Result<RequestId, WireError> {
    Ok(RequestId::from_bytes(array(field, bytes)?))
}

/// An agency, contact point, journal or network.
pub(super) fn name<T>(field: &'static str, text: &str) -> Result<T, WireError>
where
    T: FromStr<Err = MalformedId>,
{
    text.parse().map_err(|fault: MalformedId| WireError::Malformed { field, why: fault.why })
}

/// A word of a closed list.
pub(super) fn word<T>(field: &'static str, text: &str) -> Result<T, WireError>
where
    T: FromStr<Err = UnknownWord>,
{
    text.parse().map_err(|_| WireError::Unknown { field })
}

/// A time that is absent when it is 0.
pub(super) fn time_or_none(millis: i64) -> Option<Timestamp> {
    (millis != 0).then_some(Timestamp::from_millis(millis))
}

/// 0 where there is no time.
pub(super) fn millis_or_zero(time: Option<Timestamp>) -> i64 {
    time.map_or(0, Timestamp::millis)
}
