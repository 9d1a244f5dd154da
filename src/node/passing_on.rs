//! A request that came to a wrong authority goes on to the one that is competent.
//!
//! The redirect notice goes to both: to the requester, and to the competent agency with the request
//! as it came, its origin's proof and the key that opens it. So the competent agency takes nothing
//! on the word of the one that passes it on, and answers the requester itself.

use crate::domain::acts::Act;
use crate::domain::bearing::{Bearing, Redirect};
use crate::domain::draft::Draft;
use crate::domain::fact::Reason;
use crate::domain::handling::Label;
use crate::domain::header::Header;
use crate::domain::ids::{AgencyId, RequestId};
use crate::domain::particulars::Particulars;
use crate::evidence::original;
use crate::history::message::MessageRecord;
use crate::history::rows::{HistoryError, Rows};
use crate::history::{erasures, onward};
use crate::node::conduct::{No, Vain};
use crate::node::content::{self, ContentError};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::sealing::PrepareError;
use crate::node::setting::Setting;
use crate::wire;
use crate::wire::draft::Original;

/// Does the draft pass its request on to that agency?
pub fn goes_to(draft: &Draft, destination: &AgencyId) -> bool {
    draft.bearing.passed_on().is_some_and(|desk| desk.agency() == destination)
}

/// The message by which the requester sent the request here. A request that was passed on to this
/// agency has none: its requester sends it anew, since nobody vouches for what somebody else had.
pub fn opening<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
) -> Result<Option<MessageRecord>, HistoryError> {
    Ok(onward::opening(rows, request)?.map(|(_, record)| record))
}

/// What forbids that a request goes on which its origin wants erased; judged again in its turn, since
/// it may have been sealed before.
///
/// # Errors
/// The rows can't be read.
pub fn forbidden<R: Rows + ?Sized>(
    rows: &R,
    draft: &Draft,
    request: RequestId,
) -> Result<Option<Rejection>, HistoryError> {
    let Some((key, record)) = onward::opening(rows, request)? else {
        return Ok(None);
    };
    if draft.bearing.passed_on().is_none() {
        return Ok(None);
    }
    let asked = erasures::find(rows, key)?.is_some_and(|it| it.is_open());
    let text = "the request is erased here, or its requester asks for its erasure; say \
                passed_on: false, and its requester sends it anew if it wants to";
    let forbids = asked || record.erased.is_some();
    Ok(forbids.then(|| Rejection::new(RejectionReason::StateForbids, text)))
}

/// What the notice says of itself to the competent agency: all that the request says, so that it
/// has its effect there.
fn handed_on(request: &Particulars, label: Label) -> Bearing {
    Bearing {
        label: request.bearing.label.join(label),
        redirect: Some(Redirect::HandedOn(request.from.clone())),
        ..request.bearing.clone()
    }
}

/// The notice to the competent agency, and the request that goes with it.
///
/// # Errors
/// The request did not come from its requester, has attachments, or its content is not here any more.
pub fn prepare<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    notice: Particulars,
) -> Result<(Particulars, Original), PrepareError> {
    let Some((record, request)) = opening(rows, notice.request)?
        .and_then(|it| it.particulars.clone().map(|particulars| (it, particulars)))
    else {
        let text = "it was passed on to this agency already; say passed_on: false, and its \
                    requester sends it anew";
        return Err(Rejection::new(RejectionReason::StateForbids, text).into());
    };
    let header = record.header()?;
    if header.digests.attachments.is_some() {
        let text = "the request has attachments, which only its requester can send on; say \
                    passed_on: false, and its requester sends it anew";
        return Err(Rejection::new(RejectionReason::StateForbids, text).into());
    }
    let original = content::original(setting, &header).map_err(|error| match error {
        ContentError::Absent | ContentError::Unreadable => {
            let text = "the content of the request is not here any more";
            PrepareError::from(Rejection::new(RejectionReason::ContentErased, text))
        }
        ContentError::History(error) => PrepareError::from(error),
    })?;
    let particulars = Particulars {
        kind: request.kind,
        urgency: request.urgency,
        respond_by: request.respond_by,
        bearing: handed_on(&request, notice.bearing.label),
        outcome: None,
        in_reply_to: None,
        ..notice
    };
    Ok((particulars, original))
}

/// Checks that the notice from the agency of `header` hands on what it says of itself. The content beside
/// its particulars is the notice's own, opened; `told` is the version of the directory that whoever hands it
/// over follows.
///
/// # Errors
/// [`Reason::ProofInvalid`] if the request or its proof is missing or fails, too early where a newer
/// directory may judge that otherwise; [`Reason::HeaderMismatch`] if notice and request differ.
pub fn check(
    setting: &Setting,
    told: u64,
    header: &Header,
    (notice, content): (&Particulars, Option<&[u8]>),
) -> Result<(), No> {
    let no = |reason| No { reason, vain: Vain::Chance };
    if notice.bearing.redirect.is_some() && notice.act != Act::RedirectNotice {
        return Err(no(Reason::HeaderMismatch));
    }
    let Some(requester) = notice.bearing.handed_on() else {
        return Ok(());
    };
    let original = content.and_then(|it| wire::draft::original_in(it).ok().flatten());
    let original = original.ok_or(no(Reason::ProofInvalid))?;
    let directory = setting.directory();
    let original::Request { header: sent, particulars: request } =
        original::check(&directory, &header.address.origin, &original).map_err(|error| {
            let is_early = error.may_hold_by(&directory, told, &original.origin);
            let vain = if is_early { Vain::Early } else { Vain::Chance };
            No { reason: Reason::ProofInvalid, vain }
        })?;
    let agrees = *requester == request.from
        && *requester.agency() == sent.address.origin
        && notice.request == request.request
        && notice.kind == request.kind
        && notice.urgency == request.urgency
        && notice.respond_by == request.respond_by
        && notice.bearing == handed_on(&request, notice.bearing.label);
    if agrees { Ok(()) } else { Err(no(Reason::HeaderMismatch)) }
}
