//! What drafts say that wait for a second pair of eyes: sealed beside the journal as the content of a message
//! is, under keys that go when they end.

use zeroize::Zeroizing;

use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, MessageId};
use crate::entropy::Entropy;
use crate::envelope::storage::StorageKey;
use crate::history::rows::HistoryError;
use crate::journal::slots::Slots;
use crate::journal::store::{Batch, Store};
use crate::node::content::{self, ContentError, lay_again, resealed};
use crate::node::kept::Kept;
use crate::node::rest::{self, Slotting};
use crate::node::setting::Setting;
use crate::node::turn::Turn;

/// What binds a draft that waits to its purpose; agency and draft follow.
const CONTEXT: &str = "rogatory draft 1";

fn context(own: &AgencyId, draft: MessageId) -> Vec<u8> {
    format!("{CONTEXT}\n{own}\n{draft}").into_bytes()
}

/// Under this name a draft that waits rests. No message has the id of a draft.
fn place_of(own: &AgencyId, draft: MessageId) -> MessageKey {
    MessageKey::new(own, draft)
}

/// Stores what a draft says with the batch of its entry, under a key of its own that goes when it ends.
///
/// # Errors
/// A file of slots, or a store, that fails.
pub(super) fn put(turn: &mut Turn<'_>, draft: MessageId, bytes: &[u8]) -> Result<(), HistoryError> {
    let (setting, own) = (turn.setting, &turn.setting.agency);
    let message = place_of(own, draft);
    let rest_key = rest::take(setting, &mut turn.slots, &mut turn.beside, message)?;
    let entropy = setting.entropy.as_ref();
    let sealed = setting.keys.storage.seal_record(&context(own, draft), bytes, entropy);
    let kept = Kept { content: Some(sealed), ..Kept::default() };
    lay_again(entropy, (&mut turn.beside, &rest_key), message, &kept);
    Ok(())
}

/// What a draft says, while it waits.
///
/// # Errors
/// `Absent` once it has ended, or where a backup lacks it that the store came out of.
pub fn open(setting: &Setting, draft: MessageId) -> Result<Zeroizing<Vec<u8>>, ContentError> {
    let own = &setting.agency;
    let sealed = export((setting.store.as_ref(), &setting.slots), own, draft)?;
    let sealed = sealed.ok_or(ContentError::Absent)?;
    let opened = setting.keys.storage.open_record(&context(own, draft), &sealed);
    opened.map_err(|_| ContentError::Unreadable)
}

/// What a draft says, under the storage key, for a copy; none once it has ended.
///
/// # Errors
/// What can't be read.
pub fn export(
    (store, slots): (&dyn Store, &Slots),
    own: &AgencyId,
    draft: MessageId,
) -> Result<Option<Vec<u8>>, HistoryError> {
    Ok(content::export(store, slots, place_of(own, draft))?.content)
}

/// Stores what [`export`] gave, which opens under one of these storage keys, under keys of its own.
///
/// # Errors
/// A file of slots, or a store, that fails; a draft that opens under none of the keys.
pub(super) fn import(
    setting: &Setting,
    (batch, slots): (&mut Batch, &mut Slotting),
    draft: MessageId,
    (storage, sealed): (&[&StorageKey], &[u8]),
) -> Result<(), HistoryError> {
    let (own, entropy) = (&setting.agency, setting.entropy.as_ref());
    let (context, message) = (context(own, draft), place_of(own, draft));
    let again = resealed((storage, &setting.keys.storage), (&context, sealed), entropy);
    let again = again.ok_or(HistoryError::Damaged { what: "draft that waits" })?;
    let rest_key = rest::take(setting, slots, batch, message)?;
    let kept = Kept { content: Some(again), ..Kept::default() };
    lay_again(entropy, (batch, &rest_key), message, &kept);
    Ok(())
}

/// What is kept under the name of a draft of this agency, sealed under another storage key; none if it
/// does not open under `from`.
pub(super) fn sealed_again(
    own: &AgencyId,
    message: MessageKey,
    (from, to): (&StorageKey, &StorageKey),
    sealed: &[u8],
    entropy: &dyn Entropy,
) -> Option<Vec<u8>> {
    let draft = message.message();
    let is_draft = place_of(own, draft) == message;
    let context = context(own, draft);
    is_draft.then(|| resealed((&[from], to), (&context, sealed), entropy)).flatten()
}

/// Erases what a draft says, once the turn is durable.
pub(super) fn erase(turn: &mut Turn<'_>, draft: MessageId) -> Result<bool, HistoryError> {
    let message = place_of(&turn.setting.agency, draft);
    content::erase(turn, message)
}
