//! Checks on what a peer hands over, done before the queue because they need no order.

use crate::directory::{AgencyRecord, ContactPoint, Transit};
use crate::domain::competence::Function;
use crate::domain::fact::Reason;
use crate::domain::header::{Address, Header};
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::limits::{HOP_LIMIT_MAX, READERS_MAX};
use crate::domain::particulars::Particulars;
use crate::envelope::{self, Part};
use crate::evidence::statement::{check_origin, names_newer};
use crate::node::command::{Arrival, Arriving, Opened};
use crate::node::conduct::{No, Vain};
use crate::node::noting;
use crate::node::passing_on;
use crate::node::references;
use crate::node::sealing::stored_key_context;
use crate::node::setting::Setting;
use crate::node::trail;
use crate::node::ways;
use crate::redact::Secret;
use crate::wire;
use crate::wire::envelope::Envelope;
use crate::wire::relay::Handing;

/// Checks what `from` hands over, and opens it if it is for this agency. `told` is the version of the
/// directory that `from` follows, as it says itself.
pub fn check(setting: &Setting, from: &AgencyId, told: u64, handing: Handing) -> Arrival {
    let all = readers(setting, &handing.envelope);
    let mut readers = all.clone();
    if handing.envelope.header.address.destination != setting.agency {
        // Whoever is to look at it looks again if it comes again: it has lost what it let go on.
        readers.retain(|it| handing.to_review.contains(it) || *it == setting.agency);
    }
    let verdict = judge(setting, (from, told), &handing, (&all, &readers));
    let Handing { envelope, handover: number, hops, trail, to_review: _ } = handing;
    Arrival { from: from.clone(), number, hops, trail, envelope, readers, verdict }
}

fn judge(
    setting: &Setting,
    (from, told): (&AgencyId, u64),
    handing: &Handing,
    (all, readers): (&[AgencyId], &[AgencyId]),
) -> Result<Arriving, No> {
    let Handing { envelope, hops, trail, .. } = handing;
    let lie = |reason| No { reason, vain: Vain::Lie };
    let no = |reason| No { reason, vain: Vain::Chance };
    let header = &envelope.header;
    let address = &header.address;
    envelope.check_digests().map_err(|_| lie(Reason::ProofInvalid))?;
    if address.network != *setting.directory().network() || address.expires_at <= address.sent_at {
        return Err(lie(Reason::HeaderMismatch));
    }
    if address.hop_limit > HOP_LIMIT_MAX || *hops == 0 {
        return Err(lie(Reason::HopLimit));
    }
    if *hops > address.hop_limit {
        return Err(no(Reason::HopLimit));
    }
    if address.origin == setting.agency {
        return Err(no(Reason::Loop));
    }
    if !trail::holds(trail, address, (from, &setting.agency), *hops) {
        return Err(lie(Reason::TrailInvalid));
    }
    let directory = &setting.directory();
    check_origin(directory, &setting.agency, from, &header.bytes, &envelope.origin).map_err(
        |error| match error.may_hold_by(directory, told, &envelope.origin) {
            true => No { reason: Reason::ProofInvalid, vain: Vain::Early },
            false => lie(Reason::ProofInvalid),
        },
    )?;
    if address.destination == setting.agency {
        // What is sealed no hop can see: it says nothing about the one that hands it over.
        let opened = open(setting, told, envelope).map_err(|it| of_inside(it, (address, from)));
        return opened.map(Box::new).map(Arriving::ForUs);
    }
    let next = ways::onward(setting, address, (all, readers), (from, *hops, trail));
    let next_hop = next.ok_or(no(Reason::NoRoute))?;
    let own = directory.agency(&setting.agency);
    match own.and_then(|it| Some((it, it.transit?))) {
        Some((_, Transit::Blind)) => Ok(Arriving::ToPassOn { next_hop }),
        // It passes nothing on that it can't look at.
        Some((own, Transit::Reviewing)) if readers.contains(&setting.agency) => {
            let desk = reviewing_desk(own).ok_or(no(Reason::NoRoute))?;
            let opened = open(setting, told, envelope);
            let opened = Box::new(opened.map_err(|it| of_inside(it, (address, from)))?);
            Ok(Arriving::ToReview { desk, opened })
        }
        Some((_, Transit::Reviewing)) | None => Err(no(Reason::NoRoute)),
    }
}

/// What is too early to judge inside of what is sealed says nothing about a transit, which can't see it. Its
/// origin can.
fn of_inside(no: No, (address, from): (&Address, &AgencyId)) -> No {
    let is_hidden = no.vain == Vain::Early && address.origin != *from;
    if is_hidden { No { vain: Vain::EarlyInside, ..no } } else { no }
}

/// The reviewing transits to which a message is sealed; what it is sealed to besides opens no way.
fn readers(setting: &Setting, envelope: &Envelope) -> Vec<AgencyId> {
    let directory = setting.directory();
    let all = envelope.readers().into_iter().filter(|it| directory.reviews(it));
    all.take(READERS_MAX).collect()
}

/// The desk whose officers look at what passes: the first that is a central authority (UNTOC 18(13)), or
/// else the first there is.
fn reviewing_desk(own: &AgencyRecord) -> Option<ContactPointId> {
    let central = |it: &&ContactPoint| it.has(Function::CentralAuthority);
    let desks = &own.contact_points;
    desks.iter().find(central).or_else(|| desks.first()).map(|it| it.id.clone())
}

/// Opens a message that is sealed to this agency. What can't be opened is taken over all the same and
/// shown as unreadable, in its place; what contradicts its header is refused. A desk of this agency that the
/// directory does not name may be named by a newer one; a desk of another is that one's to know.
fn open(setting: &Setting, told: u64, envelope: &Envelope) -> Result<Opened, No> {
    let header = &envelope.header;
    let no = |reason| No { reason, vain: Vain::Chance };
    let unreadable = Opened { particulars: None, stored_key: None, references: Vec::new() };
    let Some(key) = content_key(setting, envelope) else {
        return Ok(unreadable);
    };
    let Ok(address) = wire::header::address_bytes(header) else {
        return Err(no(Reason::HeaderMismatch));
    };
    let plain = envelope::open_part(Part::Particulars, &key, &address, &envelope.particulars);
    let Some(particulars) = plain.ok().and_then(|it| wire::particulars::read(&it).ok()) else {
        return Ok(unreadable);
    };
    if !agrees(header, &particulars) {
        return Err(no(Reason::HeaderMismatch));
    }
    let directory = setting.directory();
    let is_known = |desk: &ContactPointId| directory.contact_point(desk).is_some();
    let is_ours = header.address.destination == setting.agency;
    if is_ours && !particulars.to.iter().all(is_known) {
        let is_early = names_newer(&directory, told, &envelope.origin);
        let vain = if is_early { Vain::Early } else { Vain::Chance };
        return Err(No { reason: Reason::HeaderMismatch, vain });
    }
    if !particulars.bearing.label.within(setting.policy.ceiling) {
        return Err(no(Reason::HandlingForbids));
    }
    let content = envelope::open_part(Part::Content, &key, &address, &envelope.content).ok();
    let draft = content.as_deref().and_then(|it| wire::draft::read_content(it).ok());
    match particulars.bearing.noted() {
        Some(_) => noting::check(setting, told, header, (&particulars, content.as_deref()))?,
        None => passing_on::check(setting, told, header, (&particulars, content.as_deref()))?,
    }
    let draft = draft.filter(|_| is_ours);
    let references = draft.map(|it| references::marks(setting, &wire::draft::references(&it)));
    let readable = content.is_some();
    let context = stored_key_context(&header.address.origin, header.address.message);
    let stored = setting.keys.storage.seal_record(&context, key.expose(), setting.entropy.as_ref());
    Ok(Opened {
        particulars: Some(particulars),
        stored_key: readable.then_some(stored),
        references: references.unwrap_or_default(),
    })
}

fn content_key(setting: &Setting, envelope: &Envelope) -> Option<Secret<32>> {
    let address = wire::header::address_bytes(&envelope.header).ok()?;
    let own = envelope.wraps.iter().find(|wrap| wrap.recipient == setting.agency)?;
    let origin = &envelope.header.address.origin;
    let message = envelope.header.address.message;
    envelope::unwrap_key(&address, origin, message, own, &setting.keys.sealing.load()).ok()
}

/// Channel and lane follow from kind and urgency; contact points belong to origin and destination.
fn agrees(header: &Header, particulars: &Particulars) -> bool {
    let address = &header.address;
    particulars.kind.channel == address.channel
        && particulars.urgency.lane() == address.lane
        && *particulars.from.agency() == address.origin
        && !particulars.to.is_empty()
        && particulars.to.iter().all(|desk| *desk.agency() == address.destination)
}
