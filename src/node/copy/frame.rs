//! Items as bytes: the length of each (four bytes, big-endian), then its postcard form.

use crate::history::rows::{decode, encode};
use crate::node::copy::{CopyFault, Item};

/// Longest item, in bytes: a full batch of the longest entries is less.
const ITEM_BYTES_MAX: usize = 12 * 1024 * 1024;
const LENGTH_BYTES: usize = 4;

/// The bytes of an item.
pub(super) fn write(item: &Item) -> Vec<u8> {
    let bytes = encode(item);
    let length = u32::try_from(bytes.len()).expect("an item is far below 4 GiB");
    [&length.to_be_bytes()[..], &bytes].concat()
}

/// Takes the first item off `bytes`; `None` if there is not all of it.
///
/// # Errors
/// `Malformed` for a length that none has, or bytes that are none.
pub(super) fn read(bytes: &mut Vec<u8>) -> Result<Option<Item>, CopyFault> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > ITEM_BYTES_MAX {
        return Err(CopyFault::Malformed("a length that nothing in it has"));
    }
    let Some(item) = rest.get(..length) else {
        return Ok(None);
    };
    let item = decode(item, "item").map_err(|_| CopyFault::Malformed("an item is none"))?;
    bytes.drain(..LENGTH_BYTES + length);
    Ok(Some(item))
}
