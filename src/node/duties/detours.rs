//! Looks for messages that wait for a peer that fails, and may go another way; and for words that are to go
//! by another way, or wait for one and have it.
//!
//! However many wait, a round looks at some, from where the last one ended, and holds no more than that.

use std::collections::BTreeMap;

use crate::domain::header::{Channel, Lane, MessageKey};
use crate::domain::ids::AgencyId;
use crate::history::message::{self, Custody, MessageRecord};
use crate::history::outbox;
use crate::history::rows::HistoryError;
use crate::history::words::{TOLD, WAITING};
use crate::node::reach::{Circumstances, Words};
use crate::node::setting::Setting;
use crate::node::trail;
use crate::node::ways;

/// Messages of one peer that are looked at in one round.
const LOOKED_AT: usize = 512;
/// Words that are looked at in one round: each that goes on is an entry.
const WORDS_LOOKED_AT: usize = 128;

/// Words that wait for a way, and that one leads on now, and those that were told by another way than that of
/// the directory: some of them. Ways are the directory's, so where none of them has another, nothing is read
/// again before there is another directory.
pub(super) fn words(setting: &Setting) -> Result<Vec<MessageKey>, HistoryError> {
    let (rows, now) = (setting.store.as_ref(), setting.clock.now());
    let mut all = Vec::new();
    for (sort, table) in [(Words::Waiting, WAITING), (Words::Told, TOLD)] {
        let looked = setting.reach.looked_for_words(sort).under(setting.directory().hash());
        if looked.done {
            continue;
        }
        let page = table.page(rows, looked.upto, WORDS_LOOKED_AT)?;
        let is_full = page.len() == WORDS_LOOKED_AT;
        let last = page.last().map(|(key, _)| *key).filter(|_| is_full);
        let before = all.len();
        for (key, word) in page {
            if ways::of_word(setting, rows, (key, &word), now)?.is_some() {
                all.push(key);
            }
        }
        setting.reach.look_for_words(sort, looked.after(last, all.len() > before));
    }
    Ok(all)
}

/// Messages that wait for peers that fail, and could go another way: some of them. Once all that waits for such
/// a peer has been looked at, only what changes is, until something changes by which others find a way.
pub(super) fn possible(setting: &Setting) -> Result<Vec<MessageKey>, HistoryError> {
    let rows = setting.store.as_ref();
    // What changes while the round goes on is looked at in the next one.
    let changed = setting.reach.take_changed();
    let (mut found, mut failing) = (Vec::new(), BTreeMap::new());
    for peer in outbox::peers(rows)? {
        if let Some(circumstances) = in_trouble(setting, &peer) {
            found.extend(of_peer(setting, &peer, circumstances.clone())?);
            failing.insert(peer, circumstances);
        }
    }
    let mut known: BTreeMap<&AgencyId, Known> = BTreeMap::new();
    for key in changed.into_iter().filter(|_| !failing.is_empty()) {
        let Some(record) = message::find(rows, key)? else {
            continue;
        };
        let peer = record.custody.peer();
        if let Some((peer, circumstances)) = peer.and_then(|it| failing.get_key_value(it))
            && has_another(
                setting,
                (key, &record),
                (peer, circumstances),
                known.entry(peer).or_default(),
            )?
        {
            found.push(key);
        }
    }
    Ok(found)
}

/// By what messages that wait for this peer have another way or not; none if no message is to leave it.
fn in_trouble(setting: &Setting, peer: &AgencyId) -> Option<Circumstances> {
    let now = setting.clock.now();
    let trouble =
        [Lane::Urgent, Lane::Ordinary].map(|lane| ways::trouble(setting, peer, lane, now));
    let directory = setting.directory().hash();
    let away = setting.reach.out_of_reach();
    trouble.iter().any(Option::is_some).then_some(Circumstances { directory, away, trouble })
}

fn of_peer(
    setting: &Setting,
    peer: &AgencyId,
    circumstances: Circumstances,
) -> Result<Vec<MessageKey>, HistoryError> {
    let rows = setting.store.as_ref();
    let looked = setting.reach.looked(peer).under(circumstances.clone());
    if looked.done {
        return Ok(Vec::new());
    }
    let listed = outbox::owed(rows, peer, looked.upto.as_ref(), LOOKED_AT)?;
    let is_last = listed.len() < LOOKED_AT;
    let end = listed.last().map(|(place, _)| place.clone()).filter(|_| !is_last);
    let (mut found, mut known) = (Vec::new(), Known::new());
    for (_, key) in listed {
        let Some(record) = message::find(rows, key)? else {
            continue;
        };
        if has_another(setting, (key, &record), (peer, &circumstances), &mut known)? {
            found.push(key);
        }
    }
    setting.reach.look(peer, looked.after(end, !found.is_empty()));
    Ok(found)
}

/// What the ways of a message depend on that was never offered from here.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    ends: (AgencyId, AgencyId),
    channel: Channel,
    from: Option<AgencyId>,
    hops: u32,
    trail: Option<Vec<AgencyId>>,
    readers: Vec<AgencyId>,
}

/// Whether ways lead around what fails, of messages whose way has not been asked for before.
type Known = BTreeMap<Alike, bool>;

fn has_another(
    setting: &Setting,
    (key, record): (MessageKey, &MessageRecord),
    (peer, circumstances): (&AgencyId, &Circumstances),
    known: &mut Known,
) -> Result<bool, HistoryError> {
    let header = record.header()?;
    let address = &header.address;
    let lasts = setting.clock.now() < address.expires_at;
    let waits = matches!(record.custody, Custody::Waiting { .. }) && lasts;
    let [urgent, ordinary] = circumstances.trouble;
    let trouble = match address.lane {
        Lane::Urgent => urgent,
        Lane::Ordinary => ordinary,
    };
    let Some(reason) = trouble.filter(|_| waits) else {
        return Ok(false);
    };
    let rows = setting.store.as_ref();
    let is_fresh = record.handovers == 0;
    let readers = ways::to_review(rows, (key, record))?;
    let from = record.upstream.clone();
    let trail = trail::known(rows, (key, record), &address.origin)?;
    let ends = (address.origin.clone(), address.destination.clone());
    let alike = Alike { ends, channel: address.channel, from, hops: record.hops, trail, readers };
    if let Some(has) = known.get(&alike).filter(|_| is_fresh) {
        return Ok(*has);
    }
    let has = ways::other(setting, rows, (key, record))?.is_some()
        || ways::is_given_back(setting, rows, (key, record), (peer, reason))?;
    if is_fresh {
        known.insert(alike, has);
    }
    Ok(has)
}
