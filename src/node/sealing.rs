//! Work before the queue: drafts become sealed messages.
//!
//! Sealing binds the address, and the address holds the number that the message will have in its
//! stream. The number is read from the state as it stands; the writer seals again in the rare case
//! that another message of the same request came first.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::Route;
use crate::domain::digest::Digest;
use crate::domain::draft::Draft;
use crate::domain::header::{Address, Header, OrderToken, SealedAttachment, SealedDigests};
use crate::domain::ids::{AgencyId, ContactPointId, MessageId, RequestId};
use crate::domain::limits::{CONTENT_BYTES_MAX, HOP_LIMIT_DEFAULT, PARTICULARS_BYTES_MAX};
use crate::domain::particulars::Particulars;
use crate::entropy;
use crate::envelope::{self, RecipientKey, SealError, Sealing};
use crate::history::order;
use crate::history::rows::{HistoryError, Rows};
use crate::journal::files::FileId;
use crate::node::course::{self, Prospect};
use crate::node::passing_on;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::ways;
use crate::redact::Secret;
use crate::wire;
use crate::wire::draft::Given;
use crate::wire::envelope::write_attachments;

/// What binds a stored content key to its purpose; origin and message id follow.
const STORED_KEY_CONTEXT: &str = "rogatory content key 1";

/// A message, sealed for one destination agency.
#[derive(Clone, Debug)]
pub struct SealedMessage {
    /// Its header.
    pub header: Header,
    /// Its particulars in clear, for this agency's own skeleton.
    pub particulars: Particulars,
    /// The first hop.
    pub next_hop: AgencyId,
    /// The whole route, the destination last.
    pub route: Vec<AgencyId>,
    /// The reviewing transits on it, to which it is sealed besides its destination.
    pub readers: Vec<AgencyId>,
    /// The wraps as they travel.
    pub wraps: Vec<u8>,
    /// The sealed particulars.
    pub sealed_particulars: Vec<u8>,
    /// The sealed content.
    pub sealed_content: Vec<u8>,
    /// The content key under the agency's own storage key.
    pub stored_key: Vec<u8>,
    /// What names the sealed attachments; empty without any.
    pub attachments: Vec<u8>,
    /// The attachments, if there are any.
    pub attached: Option<Arc<Attached>>,
}

/// The attachments of one message, sealed ahead: whatever number the message gets, they stay.
#[derive(Debug)]
pub struct Attached {
    /// Their key.
    pub key: Secret<32>,
    /// What they are on the road, in their order.
    pub sealed: Vec<SealedAttachment>,
    /// The file of each.
    pub files: Vec<FileId>,
}

/// What a draft is sealed with besides itself.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its request.
    pub request: RequestId,
    /// When it is accepted.
    pub now: Timestamp,
    /// Its life in milliseconds.
    pub expires_in_ms: i64,
}

/// Why a draft could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The caller must change something.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The state could not be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Binds a stored content key to its message.
pub fn stored_key_context(origin: &AgencyId, message: MessageId) -> Vec<u8> {
    format!("{STORED_KEY_CONTEXT}\n{origin}\n{message}").into_bytes()
}

/// The destination agencies of a draft, each with its contact points, in the order of the draft; the
/// agency that its request is passed on to comes last.
pub fn destinations(draft: &Draft) -> Vec<(AgencyId, Vec<ContactPointId>)> {
    let mut found: Vec<(AgencyId, Vec<ContactPointId>)> = Vec::new();
    for desk in &draft.to {
        match found.iter_mut().find(|(agency, _)| agency == desk.agency()) {
            Some((_, desks)) => desks.push(desk.clone()),
            None => found.push((desk.agency().clone(), vec![desk.clone()])),
        }
    }
    found.extend(draft.bearing.passed_on().map(|it| (it.agency().clone(), vec![it.clone()])));
    found
}

/// Seals a draft for one destination.
pub fn seal_for<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    draft: &Draft,
    plan: &Plan,
    to: &(AgencyId, Vec<ContactPointId>),
    attached: Option<&Arc<Attached>>,
) -> Result<SealedMessage, PrepareError> {
    let (destination, _) = to;
    let message = match draft.message {
        Some(message) if !passing_on::goes_to(draft, destination) => message,
        Some(_) | None => MessageId::from(entropy::uuid_v7(setting.entropy.as_ref(), plan.now)),
    };
    let (particulars, content) = written(setting, rows, draft, plan, (message, to, attached))?;
    let channel = particulars.channel();
    let kind = (channel, particulars.lane());
    let route = ways::first(setting, destination, kind, HOP_LIMIT_DEFAULT)
        .ok_or_else(|| no_route(destination, channel.as_str()))?;
    let address = Address {
        network: setting.directory().network().clone(),
        message,
        origin: setting.agency.clone(),
        destination: destination.clone(),
        channel,
        lane: particulars.lane(),
        sent_at: plan.now,
        expires_at: plan.now.plus_millis(plan.expires_in_ms),
        hop_limit: HOP_LIMIT_DEFAULT,
        order: next_order(setting, rows, plan.request, destination)?,
    };
    seal(setting, address, particulars, (&content, attached), route)
}

/// Message, destination with its desks, attachments.
type Written<'a> = (MessageId, &'a (AgencyId, Vec<ContactPointId>), Option<&'a Arc<Attached>>);

/// What is sealed: particulars and content, with the request itself where it is passed on.
fn written<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    draft: &Draft,
    plan: &Plan,
    (message, (destination, desks), attached): Written<'_>,
) -> Result<(Particulars, Vec<u8>), PrepareError> {
    let particulars = Particulars {
        request: plan.request,
        kind: draft.kind,
        act: draft.act,
        outcome: draft.outcome.clone(),
        from: draft.from.clone(),
        to: desks.clone(),
        in_reply_to: draft.in_reply_to,
        urgency: draft.urgency,
        respond_by: draft.respond_by,
        bearing: course::bearing(setting, rows, draft, plan, destination)?,
        issued_at: draft.issued_at.unwrap_or(plan.now),
    };
    let issued_at = particulars.issued_at;
    let attachment_key = attached.map(|it| it.key.second());
    let given = Given { message, request: plan.request, issued_at, attachment_key };
    let damaged = |_| HistoryError::Damaged { what: "content that was just read" };
    let content = wire::draft::fill(&draft.content, &given).map_err(damaged)?;
    let prospect = course::prospect(setting, rows, draft, plan.request, destination)?;
    if !passing_on::goes_to(draft, destination) || !matches!(prospect, Prospect::Possible(_)) {
        // Where the act is not possible the door says so; what is sealed ahead has no effect.
        return Ok((particulars, content));
    }
    let (particulars, original) = passing_on::prepare(setting, rows, particulars)?;
    Ok((particulars, wire::draft::hand_on(&content, &original).map_err(damaged)?))
}

fn next_order<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    request: RequestId,
    destination: &AgencyId,
) -> Result<OrderToken, HistoryError> {
    Ok(match order::sending(rows, request, destination)? {
        Some(known) => OrderToken { stream: known.stream, number: known.last.saturating_add(1) },
        None => OrderToken { stream: entropy::bytes(setting.entropy.as_ref()), number: 1 },
    })
}

/// Seals particulars and content for the end of a route and its readers.
pub(super) fn seal(
    setting: &Setting,
    address: Address,
    particulars: Particulars,
    (content, attached): (&[u8], Option<&Arc<Attached>>),
    route: Route,
) -> Result<SealedMessage, PrepareError> {
    let next_hop = route.hops.first().cloned();
    let next_hop =
        next_hop.ok_or_else(|| no_route(&address.destination, address.channel.as_str()))?;
    let recipients = std::iter::once(&address.destination).chain(&route.readers);
    let recipients: Vec<_> =
        recipients.map(|it| recipient_key(setting, it)).collect::<Result<_, _>>()?;
    let plain = wire::particulars::write(&particulars);
    let content_bytes_max = setting.policy.content_bytes_max.min(CONTENT_BYTES_MAX);
    within("content", content.len(), content_bytes_max)?;
    within("particulars", plain.len(), PARTICULARS_BYTES_MAX)?;
    let address_bytes = wire::header::write_address(&address);
    let sealing = Sealing {
        address: &address_bytes,
        sender: &address.origin,
        message: address.message,
        recipients: &recipients,
        particulars: &plain,
        content,
    };
    let sealed = envelope::seal(&sealing, setting.entropy.as_ref()).map_err(seal_rejection)?;
    let wraps = wire::envelope::write_wraps(&sealed.wraps);
    let attachments = attached.map_or_else(Vec::new, |it| write_attachments(&it.sealed));
    let digests = SealedDigests {
        particulars: Digest::of(&sealed.particulars),
        content: Digest::of(&sealed.content),
        wraps: Digest::of(&wraps),
        attachments: attached.map(|_| Digest::of(&attachments)),
        particulars_bytes: u32::try_from(sealed.particulars.len()).unwrap_or(u32::MAX),
        content_bytes: u32::try_from(sealed.content.len()).unwrap_or(u32::MAX),
    };
    let header = wire::header::write_header(&address, &digests);
    let context = stored_key_context(&address.origin, address.message);
    let stored_key = setting.keys.storage.seal_record(
        &context,
        sealed.content_key.expose(),
        setting.entropy.as_ref(),
    );
    Ok(SealedMessage {
        header,
        particulars,
        next_hop,
        route: route.hops,
        readers: route.readers,
        wraps,
        sealed_particulars: sealed.particulars,
        sealed_content: sealed.content,
        stored_key,
        attachments,
        attached: attached.map(Arc::clone),
    })
}

fn recipient_key(setting: &Setting, agency: &AgencyId) -> Result<RecipientKey, Rejection> {
    let directory = setting.directory();
    let record = directory.agency(agency);
    let current = record.and_then(|record| record.sealing.first());
    current
        .map(|key| RecipientKey {
            agency: agency.clone(),
            key_id: key.key_id.clone(),
            public: key.public.clone(),
        })
        .ok_or_else(|| no_route(agency, "the directory names no sealing key"))
}

pub(super) fn no_route(destination: &AgencyId, why: &str) -> Rejection {
    let text = format!("no route to {destination} ({why})");
    Rejection::new(RejectionReason::NoRoute, text).with("destination", destination.as_str())
}

fn within(what: &'static str, given: usize, allowed: usize) -> Result<(), Rejection> {
    if given <= allowed {
        return Ok(());
    }
    let text = format!("{what} of {given} bytes is over the limit of {allowed} bytes");
    Err(Rejection::new(RejectionReason::LimitExceeded, text)
        .with("limit", what)
        .with("unit", "bytes")
        .with("allowed", allowed.to_string())
        .with("given", given.to_string()))
}

fn seal_rejection(error: SealError) -> PrepareError {
    Rejection::new(RejectionReason::LimitExceeded, error.to_string()).into()
}

/// Seals a draft without attachments for each of its destinations, before its turn.
pub fn prepare(
    setting: &Setting,
    draft: &Draft,
    plan: &Plan,
) -> Result<Vec<SealedMessage>, PrepareError> {
    prepare_with(setting, draft, plan, &BTreeMap::new())
}

/// Seals a draft for each of its destinations, before its turn, with the attachments of each.
pub fn prepare_with(
    setting: &Setting,
    draft: &Draft,
    plan: &Plan,
    attached: &BTreeMap<AgencyId, Arc<Attached>>,
) -> Result<Vec<SealedMessage>, PrepareError> {
    let rows = setting.store.as_ref();
    let seal = |to: &(AgencyId, Vec<ContactPointId>)| {
        seal_for(setting, rows, draft, plan, to, attached.get(&to.0))
    };
    destinations(draft).iter().map(seal).collect()
}

/// True if a message sealed ahead still has the number, and still does what its turn would give it.
pub fn still_fits<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    draft: &Draft,
    plan: &Plan,
    sealed: &SealedMessage,
) -> Result<bool, HistoryError> {
    let address = &sealed.header.address;
    let bearing = course::bearing(setting, rows, draft, plan, &address.destination)?;
    let sealed = &sealed.particulars.bearing;
    let handed_on = sealed.handed_on().is_some();
    if !handed_on && (&bearing.items, bearing.heard) != (&sealed.items, sealed.heard) {
        return Ok(false);
    }
    let expected = order::sending(rows, plan.request, &address.destination)?;
    Ok(match expected {
        Some(known) => {
            address.order.stream == known.stream
                && address.order.number == known.last.saturating_add(1)
        }
        None => address.order.number == 1,
    })
}
