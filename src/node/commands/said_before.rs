//! What this node stated in the lost part of a volume, as neighbours show it, is said again: at once where
//! its message is known here, or as soon as the message comes again. Until then nothing is stated of that
//! message, so nobody hears the contrary. What others say of it meanwhile is kept likewise.

use crate::domain::digest::Digest;
use crate::domain::fact::{EntryParts, Fact, MessageRef, Reason};
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::domain::retention::ErasureCause;
use crate::domain::reviewing::ReviewWord;
use crate::domain::station::Station;
use crate::domain::volume::VolumeFact;
use crate::evidence::statement::{self, CheckedStatement};
use crate::history::message::{self, Custody, MessageRecord, Part, StationRecord};
use crate::history::rows::HistoryError;
use crate::history::{Opened, erasures, known, lost, words};
use crate::node::command::Outcome;
use crate::node::commands::{
    Decline, asked_erasure, attachment, record_statement, recover, snapshot,
};
use crate::node::content;
use crate::node::recovery;
use crate::node::turn::{Turn, open_entry};
use crate::wire;
use crate::wire::envelope::Statement;
use crate::wire::skeleton::{Skeleton, Void};

/// Takes an own statement of a lost entry: it is said again if it is news, or kept until its message is
/// known here.
pub(super) fn take(turn: &mut Turn<'_>, statement: Statement) -> Result<(), Decline> {
    let opened = open_entry(turn.setting, statement::index_of(&statement), &statement.entry)?;
    let Some(reference) = opened.entry.fact.message() else {
        return Ok(());
    };
    let key = reference.key();
    let record = message::find(&turn.rows, key)?;
    let is_possible =
        opened.entry.fact.header().is_some() || matches!(opened.entry.fact, Fact::NotTaken { .. });
    if record.is_none() && !is_possible {
        let void = record_statement::void(&opened.entry.fact);
        let detail = Some(record_statement::detail(&opened.entry));
        let skeleton = Skeleton { void, statement: detail, ..Skeleton::default() };
        let missed = missed(&reference, &opened, &statement);
        keep(turn, missed, skeleton, statement)?;
        return Ok(());
    }
    if !is_news(turn, record.as_ref(), &opened.entry.fact)? {
        return Ok(());
    }
    let before = lost::shown_before(&turn.rows, key)?;
    say(turn, opened, statement)?;
    after_coming(turn, &before)
}

/// Says again what was kept of a message that is known here from now on, by the entries that keep it. Of
/// one that was lost on its way it counts besides what others had answered.
pub(super) fn after_coming(turn: &mut Turn<'_>, before: &[u64]) -> Result<(), Decline> {
    for position in before {
        let Some((entry, statement)) = kept(turn, *position)? else {
            continue;
        };
        let Some(key) = entry.fact.message().map(|it| it.key()) else {
            continue;
        };
        if *entry.journal.agency() != turn.setting.agency {
            // Who answered a handover from here answers again, unless there is nothing to hand over.
            let from = entry.fact.handover().map(|it| &it.from);
            if from != Some(&turn.setting.agency) {
                take_told(turn, statement)?;
            } else if lost::is_on_the_way(&turn.rows, key)? {
                recover::answered(turn, statement)?;
            }
            continue;
        }
        let at = statement::index_of(&statement);
        let opened = open_entry(turn.setting, at, &statement.entry)?;
        let record = message::find(&turn.rows, key)?;
        if record.is_some() && is_news(turn, record.as_ref(), &opened.entry.fact)? {
            say(turn, opened, statement)?;
        }
    }
    Ok(())
}

/// Most words of others that are kept of one lost message: each of its stations says a few.
const KEPT_MAX: usize = 64;

/// Keeps what another states of a message that was lost here: whoever says it takes it for heard, and says it
/// once. It counts when the message comes again, or once nobody has the message any more that this node sent.
pub(super) fn keep_told(turn: &mut Turn<'_>, told: CheckedStatement) -> Result<Outcome, Decline> {
    let key = told.message.key();
    if lost::shown_before(&turn.rows, key)?.len() >= KEPT_MAX {
        return Ok(Outcome::Unchanged);
    }
    let is_own = told.message.origin == turn.setting.agency;
    keep_of(turn, told, None)?;
    if is_own && turn.recovery.is_none() {
        give_up(turn, key)?;
    }
    Ok(Outcome::Unchanged)
}

/// Keeps the statement of another, with the place in an order that it shows to be taken.
pub(super) fn keep_of(
    turn: &mut Turn<'_>,
    told: CheckedStatement,
    void: Option<Void>,
) -> Result<(), HistoryError> {
    let missed = Fact::Volume(VolumeFact::Missed {
        message: told.message.clone(),
        issuer: told.entry.journal.clone(),
        entry: told.digest,
    });
    let statement = Some(record_statement::detail(&told.entry));
    keep(turn, missed, Skeleton { void, statement, ..Skeleton::default() }, told.statement)
}

/// Lost messages that are looked at in one turn.
const GIVEN_UP: usize = 64;

/// States of own messages after `from` that were lost here, and that whoever took them gave back, that they
/// are undelivered: nobody else can say so, and what follows them waits for that. Once everybody was asked
/// what it knows of them. Gives where to go on.
pub(in crate::node) fn give_up_lost(
    turn: &mut Turn<'_>,
    from: Option<MessageKey>,
) -> Result<Option<MessageKey>, HistoryError> {
    let page = lost::page(&turn.rows, from, GIVEN_UP)?;
    for (key, _) in &page {
        give_up(turn, *key)?;
    }
    Ok(page.last().map(|(key, _)| *key).filter(|_| page.len() == GIVEN_UP))
}

/// The same of one.
fn give_up(turn: &mut Turn<'_>, key: MessageKey) -> Result<(), HistoryError> {
    let is_open = message::find(&turn.rows, key)?.is_none()
        && words::find(&turn.rows, key)?.is_none()
        && recovery::has_asked_all(turn.setting)?;
    if !is_open {
        return Ok(());
    }
    let own = turn.setting.agency.clone();
    let (mut stations, mut header) = (Vec::new(), None);
    for position in lost::shown_before(&turn.rows, key)? {
        let Some((_, statement)) = kept(turn, position)? else {
            continue;
        };
        let Ok(told) = statement::check(&turn.setting.directory(), statement) else {
            continue;
        };
        let sent = told.entry.fact.header().filter(|it| it.address.origin == own);
        header = header.or_else(|| sent.cloned());
        stations.push(StationRecord {
            station: told.station,
            agency: told.entry.journal.agency().clone(),
            at: told.entry.recorded_at,
            reason: told.entry.fact.reason(),
            from: told.entry.fact.handover().map(|it| it.from.clone()),
            position,
            own: false,
            statement: Some(told.digest),
        });
    }
    let Some(header) = header else {
        return Ok(());
    };
    let address = &header.address;
    if !message::accounted_for(&own, &address.destination, &stations) {
        return Ok(());
    }
    let ended = stations.iter().rev().find_map(|it| it.reason);
    let fact = Fact::Undelivered {
        message: message::reference(&header),
        destination: address.destination.clone(),
        order: address.order,
        reason: ended.unwrap_or(Reason::Lost),
    };
    let next_hop = turn.setting.way_of_word(address);
    turn.record(fact, Skeleton { next_hop, ..Skeleton::default() })?;
    Ok(())
}

/// Takes a kept word of another as if it was said now.
fn take_told(turn: &mut Turn<'_>, statement: Statement) -> Result<(), Decline> {
    match statement::check(&turn.setting.directory(), statement) {
        Ok(told) => or_not(record_statement::take(turn, told)),
        Err(_) => Ok(()),
    }
}

/// A word that is refused changes nothing.
pub(super) fn or_not(taken: Result<Outcome, Decline>) -> Result<(), Decline> {
    match taken {
        Ok(_) => Ok(()),
        Err(Decline::Rejected(rejection)) => {
            let reason = rejection.reason.as_str();
            tracing::warn!(reason, "an answer that a neighbour shows is not taken");
            Ok(())
        }
        Err(stopped @ Decline::Stopped(_)) => Err(stopped),
    }
}

/// Whether this node stated before that the content of a message is erased, by the entries that keep it.
pub(super) fn is_erased(turn: &Turn<'_>, before: &[u64]) -> Result<bool, HistoryError> {
    for position in before {
        if let Some((entry, _)) = kept(turn, *position)?
            && *entry.journal.agency() == turn.setting.agency
            && matches!(entry.fact, Fact::ContentErased { .. })
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who has a message from here that was lost with the end of a volume, by the entries that keep that word.
pub(super) fn passed_on_to(
    turn: &Turn<'_>,
    before: &[u64],
) -> Result<Option<AgencyId>, HistoryError> {
    for position in before {
        if let Some((entry, _)) = kept(turn, *position)?
            && let Fact::TakenOver { handover, .. } | Fact::Delivered { handover, .. } = entry.fact
            && handover.from == turn.setting.agency
        {
            return Ok(Some(handover.to));
        }
    }
    Ok(None)
}

/// The statement that the entry at `position` keeps, also in this turn.
fn kept(turn: &Turn<'_>, position: u64) -> Result<Option<(EntryParts, Statement)>, HistoryError> {
    let found = match turn.kept.get(&position) {
        Some(statement) => Some(statement.clone()),
        None => content::statement(turn.setting, position)?,
    };
    Ok(found.and_then(|it| Some((wire::entry::read(&it.entry).ok()?, it))))
}

/// Keeps a statement that a neighbour shows beside the entry that says so.
fn keep(
    turn: &mut Turn<'_>,
    missed: Fact,
    skeleton: Skeleton,
    statement: Statement,
) -> Result<(), HistoryError> {
    let position = turn.record(missed, skeleton)?;
    content::put_statement(&mut turn.beside, position, &statement);
    turn.kept.insert(position, statement);
    Ok(())
}

fn missed(reference: &MessageRef, opened: &Opened, statement: &Statement) -> Fact {
    Fact::Volume(VolumeFact::Missed {
        message: reference.clone(),
        issuer: opened.entry.journal.clone(),
        entry: Digest::of(&statement.entry),
    })
}

/// Says it again, right behind the entry that says that a neighbour has shown it.
fn say(turn: &mut Turn<'_>, opened: Opened, statement: Statement) -> Result<(), Decline> {
    let Some(reference) = opened.entry.fact.message() else {
        return Ok(());
    };
    let key = reference.key();
    let missed = missed(&reference, &opened, &statement);
    let Opened { entry, skeleton, .. } = opened;
    let fact = entry.fact;
    let mut skeleton = Skeleton { owed: None, owed_onward: None, ..skeleton };
    if matches!(fact, Fact::Attachment(_)) {
        // What was said of an attachment was told then.
        skeleton.next_hop = None;
    }
    if let Fact::ErasureAsked { cause, .. } = &fact {
        let Some(record) = message::find(&turn.rows, key)? else {
            return Ok(());
        };
        erased_before_asking(turn, (key, &record), *cause)?;
        skeleton.owed = Some(asked_erasure::due(turn, &record, &record.header()?)?);
    }
    // What came out of a backup, and was erased after it, is erased again.
    let erased = matches!(fact, Fact::ContentErased { .. });
    keep(turn, missed, Skeleton::default(), statement)?;
    turn.record(fact, skeleton)?;
    if erased {
        content::erase(turn, key)?;
    }
    Ok(())
}

/// Whoever asks for an erasure has erased it. Only what this agency passed on for others it may keep.
fn erased_before_asking(
    turn: &mut Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
    cause: ErasureCause,
) -> Result<(), HistoryError> {
    let is_notice = record.particulars.as_ref().is_some_and(|it| it.bearing.handed_on().is_some());
    if record.is_erased() || is_notice || record.custody != Custody::PassedOn {
        return Ok(());
    }
    let message = message::reference(&record.header()?);
    let backups = snapshot::holding(turn, record.recorded)?;
    let skeleton = Skeleton { backups, ..Skeleton::default() };
    turn.record(Fact::ContentErased { message, cause }, skeleton)?;
    content::erase(turn, key)?;
    Ok(())
}

/// Whether an entry that was lost says something that is not known here.
fn is_news(
    turn: &Turn<'_>,
    record: Option<&MessageRecord>,
    fact: &Fact,
) -> Result<bool, HistoryError> {
    if fact.header().is_some() {
        return Ok(record.is_none());
    }
    if let Fact::NotTaken { message, handover, .. } = fact {
        return Ok(known::answer_beside(&turn.rows, &message.header, handover)?.is_none());
    }
    if let Fact::Attachment(fact) = fact {
        return attachment::is_news_again(turn, fact);
    }
    let (Some(record), Some(message)) = (record, fact.message()) else {
        return Ok(false);
    };
    // An officer let it go on; who has it since shows that itself.
    if let Fact::Review(it) = fact {
        return Ok(it.word == ReviewWord::Released && record.custody == Custody::UnderReview);
    }
    let key = message.key();
    let is_destination = record.part == Part::Destination;
    if matches!(fact, Fact::ContentErased { .. }) {
        return Ok(!record.is_erased());
    }
    if matches!(fact, Fact::Read { .. }) {
        return Ok(is_destination && record.read.is_none());
    }
    if matches!(fact, Fact::Returned { .. } | Fact::Undelivered { .. }) {
        return Ok(!matches!(record.custody, Custody::Ended { .. }));
    }
    if matches!(fact, Fact::ErasureAsked { .. }) {
        let asked = erasures::find(&turn.rows, key)?;
        return Ok(record.part == Part::Origin && asked.is_none_or(|it| it.is_refused()));
    }
    let says = |it: &StationRecord| it.own && it.station == Station::ErasureRefused;
    let is_refusal = is_destination && matches!(fact, Fact::ErasureRefused { .. });
    Ok(is_refusal && !message::stations(&turn.rows, key, record)?.iter().any(says))
}
