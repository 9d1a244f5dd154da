//! What the agency's own policy lets a caller do: at a desk, with a message, with what is kept.
//!
//! Every way to a message ends here, whatever verb it was asked with: reading through
//! [`sight`](crate::node::sight), changing through the commands.

use crate::domain::draft::Draft;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, ContactPointId, RequestId};
use crate::history::drafts::DraftRecord;
use crate::history::message::{self, MessageRecord, Part};
use crate::history::requests;
use crate::history::rows::{HistoryError, Rows};
use crate::identity::desks::{Keeping, Right};
use crate::identity::principal::{Principal, Role};
use crate::node::course;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::sight::{self, Sight};

/// Messages of a request that are looked at in one step.
const STEP: usize = 64;

/// The agency's own desks at which a message was sent, or that got it.
pub fn of_message(own: &AgencyId, record: &MessageRecord) -> Vec<ContactPointId> {
    let listed = || record.inbox.iter().map(|(desk, _)| desk.clone());
    match (&record.particulars, record.part) {
        (Some(particulars), Part::Origin) => vec![particulars.from.clone()],
        (Some(particulars), Part::Destination) if record.inbox.is_empty() => {
            particulars.to.iter().filter(|it| it.agency() == own).cloned().collect()
        }
        (Some(_) | None, Part::Destination) => listed().collect(),
        // A reviewing transit lists what it holds at the desk that decides about it.
        (Some(_) | None, Part::Transit) => listed().collect(),
        (None, Part::Origin) => Vec::new(),
    }
}

/// Whether `caller` has `right` at a desk of the message.
pub fn allows(setting: &Setting, record: &MessageRecord, caller: &Principal, right: Right) -> bool {
    let policy = setting.desks();
    policy.rules().is_none()
        || of_message(&setting.agency, record).iter().any(|it| policy.allows(caller, right, it))
}

/// Whether `holder`, a SPIFFE id, may read at a desk of the message.
pub fn reads(setting: &Setting, record: &MessageRecord, holder: &str) -> bool {
    let policy = setting.desks();
    policy.rules().is_none()
        || Principal::parse_spiffe(holder)
            .is_ok_and(|caller| allows(setting, record, &caller, Right::Read))
}

/// Whether `holder`, a SPIFFE id, may read at a desk that takes part in the request.
pub fn reads_of<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    request: RequestId,
    holder: &str,
) -> Result<bool, HistoryError> {
    if setting.desks().rules().is_none() {
        return Ok(true);
    }
    let mut from = 0;
    loop {
        let page: Vec<MessageKey> = requests::messages(rows, request, from, STEP)?;
        for key in &page {
            if message::find(rows, *key)?.is_some_and(|it| reads(setting, &it, holder)) {
                return Ok(true);
            }
        }
        if page.len() < STEP {
            return Ok(false);
        }
        from = from.saturating_add(u32::try_from(STEP).unwrap_or(u32::MAX));
    }
}

/// `caller` has `right` at `desk`.
///
/// # Errors
/// `DESK_NOT_PERMITTED`, with the right.
pub fn demand(
    setting: &Setting,
    caller: &Principal,
    right: Right,
    desk: &ContactPointId,
) -> Result<(), Rejection> {
    if setting.desks().allows(caller, right, desk) {
        Ok(())
    } else {
        Err(forbidden(right.as_str()))
    }
}

/// `caller` has `right` at a desk of the message.
///
/// # Errors
/// `DESK_NOT_PERMITTED`, with the right.
pub fn demand_of(
    setting: &Setting,
    caller: &Principal,
    right: Right,
    record: &MessageRecord,
) -> Result<(), Rejection> {
    if allows(setting, record, caller, right) { Ok(()) } else { Err(forbidden(right.as_str())) }
}

/// `caller` may send from the desk of a draft: what opens something new, or what belongs to what is
/// known.
///
/// # Errors
/// `DESK_NOT_PERMITTED`, with the right.
pub fn demand_sending(
    setting: &Setting,
    caller: &Principal,
    draft: &Draft,
) -> Result<(), Rejection> {
    let right = if course::opens(draft.act) { Right::Send } else { Right::Answer };
    demand(setting, caller, right, &draft.from)
}

/// Whether `caller` may know of a draft: whoever made it, and whoever may release at its desk and would
/// see the request that it belongs to.
pub fn sees_draft<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    record: &DraftRecord,
    caller: &Principal,
) -> Result<bool, HistoryError> {
    let id = caller.to_string();
    if record.drafter == id {
        return Ok(true);
    }
    let releases = caller.role == Role::Officer
        && setting.desks().allows(caller, Right::Release, &record.desk);
    Ok(releases && sight::confided(rows, record.request, &id)? == Sight::Full)
}

/// `caller` looks after what is kept.
///
/// # Errors
/// `DESK_NOT_PERMITTED`, with what it is that somebody else does.
pub fn demand_keeping(
    setting: &Setting,
    caller: &Principal,
    what: Keeping,
) -> Result<(), Rejection> {
    if setting.desks().keeps(caller, what) { Ok(()) } else { Err(forbidden(what.as_str())) }
}

fn forbidden(right: &'static str) -> Rejection {
    let text = "the agency's policy about its desks does not give the caller this right";
    Rejection::new(RejectionReason::DeskNotPermitted, text).with("right", right)
}
