//! A store under another storage key: every row is sealed again, and so is each content key.
//!
//! What rests under the key of a slot stays so, under the same slot; only the content key in it, or what
//! a draft says that waits, is sealed under the storage key, and changes with it.

use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::entropy::Entropy;
use crate::envelope::storage::StorageKey;
use crate::history::message;
use crate::history::rows::HistoryError;
use crate::journal::slots::Slots;
use crate::journal::store::{Batch, Store};
use crate::node::content;
use crate::node::rest;
use crate::node::sealing::stored_key_context;
use crate::node::waiting;

/// Messages that are looked up at a time.
const STEP: usize = 64;

/// Where something rests: store, slots, and the storage key of both.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The keys of content.
    pub slots: &'a Slots,
    /// The storage key.
    pub storage: &'a StorageKey,
}

/// Seals the content keys of all messages, and the drafts of agency `own`, under the storage key of `to`,
/// whose rows and slots are those of `from` already; gives how many there are.
///
/// # Errors
/// What can't be read or written, and content that does not open.
pub fn content_keys(
    own: &AgencyId,
    from: Place<'_>,
    to: Place<'_>,
    entropy: &dyn Entropy,
) -> Result<u64, HistoryError> {
    let (mut last, mut count) = (None, 0_u64);
    loop {
        let taken = rest::taken(from.store, last, STEP)?;
        let Some((message, _)) = taken.last() else {
            return Ok(count);
        };
        last = Some(*message);
        for (message, slot) in taken {
            content_key(own, (from, to), (message, slot), entropy)?;
            count = count.saturating_add(1);
        }
    }
}

fn content_key(
    own: &AgencyId,
    (from, to): (Place<'_>, Place<'_>),
    (message, slot): (MessageKey, u64),
    entropy: &dyn Entropy,
) -> Result<(), HistoryError> {
    let damaged = || HistoryError::Damaged { what: "content key of a message" };
    let mut kept = content::export(from.store, from.slots, message)?;
    let record = message::find(from.store, message)?;
    match (&kept.stored_key, record) {
        (Some(stored), record) => {
            let address = record.ok_or_else(damaged)?.header()?.address;
            let context = stored_key_context(&address.origin, address.message);
            let opened = from.storage.open_record(&context, stored).map_err(|_| damaged())?;
            kept.stored_key = Some(to.storage.seal_record(&context, &opened, entropy));
        }
        // A blind transit has no key.
        (None, Some(_)) => return Ok(()),
        // No message, so it is a draft.
        (None, None) => {
            let lost = || HistoryError::Damaged { what: "draft that waits" };
            let sealed = kept.content.as_ref().ok_or_else(lost)?;
            let keys = (from.storage, to.storage);
            let again = waiting::sealed_again(own, message, keys, sealed, entropy);
            kept.content = Some(again.ok_or_else(lost)?);
        }
    }
    let mut batch = Batch::new();
    content::lay_again(entropy, (&mut batch, &to.slots.rest_key(slot)?), message, &kept);
    to.store.apply(batch)?;
    // Read as a reader would.
    if content::export(to.store, to.slots, message)? == kept { Ok(()) } else { Err(damaged()) }
}
