//! What this node knows of a request that the law asks about.

use crate::domain::draft::Draft;
use crate::domain::ids::RequestId;
use crate::history::message::{self, MessageRecord};
use crate::history::rows::{HistoryError, Rows};
use crate::history::{dockets, requests};
use crate::identity::principal::Principal;
use crate::law::{Relayed, Thread};
use crate::node::course::{self, Prospect};
use crate::node::setting::Setting;
use crate::node::sight::Sight;
use crate::node::{desks, handling, sealing, sight};

/// True if the door refuses `draft` whatever it says: it is sent from another's desk, or one that is
/// not for `caller`, or its act is not possible now, or its request is none that `caller` may know of.
pub fn is_barred<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    draft: &Draft,
    caller: &str,
) -> Result<bool, HistoryError> {
    let own_desk = *draft.from.agency() == setting.agency
        && setting.directory().contact_point(&draft.from).is_some()
        && Principal::parse_spiffe(caller)
            .is_ok_and(|it| desks::demand_sending(setting, &it, draft).is_ok());
    let Some(request) = draft.request.filter(|_| own_desk && !course::opens(draft.act)) else {
        return Ok(!own_desk);
    };
    if requests::find(rows, request)?.is_none() || !sight::has(setting, rows, request, caller)? {
        return Ok(true);
    }
    for (agency, _) in sealing::destinations(draft) {
        let prospect = course::prospect(setting, rows, draft, request, &agency)?;
        if !matches!(prospect, Prospect::Possible(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The request so far, as it bears on `draft`. Of a message that is passed on nothing is told unless
/// `caller` may see all of it.
pub fn thread<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    draft: &Draft,
    caller: &str,
) -> Result<Thread, HistoryError> {
    let mut thread = match draft.request {
        Some(request) if !course::opens(draft.act) => of_request(rows, request)?,
        Some(_) | None => Thread::default(),
    };
    if let Some(relayed) = draft.bearing.relay_of {
        for key in message::by_id(rows, relayed)? {
            let record = message::find(rows, key)?;
            let Some(record) = record else { continue };
            if sight::of_message(setting, rows, &record, caller)? == Sight::Full {
                thread.relayed = relays(rows, &record)?.or(thread.relayed);
            }
        }
    }
    if !course::opens(draft.act) {
        thread.parents = handling::answered(rows, draft, draft.request)?;
    }
    Ok(thread)
}

fn of_request<R: Rows + ?Sized>(rows: &R, request: RequestId) -> Result<Thread, HistoryError> {
    let Some(record) = requests::find(rows, request)? else {
        return Ok(Thread::default());
    };
    let parties = dockets::parties(rows, request)?;
    Ok(Thread {
        consulted: Some(parties.iter().any(|it| it.consulted)),
        registry_confirmed: Some(parties.iter().any(|it| it.registry_confirmed)),
        exercise: Some(record.exercise),
        ..Thread::default()
    })
}

fn relays<R: Rows + ?Sized>(
    rows: &R,
    record: &MessageRecord,
) -> Result<Option<Relayed>, HistoryError> {
    let Some(particulars) = &record.particulars else {
        return Ok(None);
    };
    let label = particulars.bearing.label;
    let request = requests::find(rows, particulars.request)?;
    // Who may consent is for the door to judge (`handling`); a State once named is no warning.
    let consented = request.map(|it| it.consented).unwrap_or_default();
    let consented = consented.into_iter().map(|(_, state)| state).collect();
    Ok(Some(Relayed { label, originator: label.originator, consented }))
}
