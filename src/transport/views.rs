//! What readers see: the node's own values as messages of the API.
//!
//! Times are RFC 3339, ids hyphenated UUIDs, words those of the closed lists. Deadlines and the
//! acts that are possible now are said by `domain/`, seen from this agency's side.

use tonic::Status;

use crate::domain::header::{Lane, MessageKey};
use crate::domain::ids::{AgencyId, ContactPointId, RequestId};
use crate::domain::kinds::KindCode;
use crate::domain::lifecycle::Side;
use crate::domain::obligation::DueStage;
use crate::domain::station::Station;
use crate::domain::urgency::Urgency;
use crate::domain::violation::Violation;
use crate::history::addressed::Addressed;
use crate::history::dockets::PartyRecord;
use crate::history::dues::OpenDue;
use crate::history::message::{Claim, Custody, Part};
use crate::history::requests;
use crate::history::ways::Chosen;
use crate::node::query::{self, AttachmentView, MessageView, RequestView, StationView};
use crate::node::setting::Setting;
use crate::node::sight::{self, Sight};
use crate::node::writer::Writer;
use crate::transport::status;
use crate::wire::envelope::Statement;
use crate::wire::pb;

/// Reads on a thread that may wait for the disk.
///
/// # Errors
/// Whatever `read` says.
pub async fn read<T, F>(writer: &Writer, read: F) -> Result<T, Status>
where
    T: Send + 'static,
    F: FnOnce(&Setting) -> Result<T, Status> + Send + 'static,
{
    let setting = writer.setting().clone();
    let done = tokio::task::spawn_blocking(move || read(&setting)).await;
    done.unwrap_or_else(|error| Err(status::of_failure(&error)))
}

/// A message that this agency sent or was sent, as far as `holder` may see it; nothing that it only
/// passes on.
///
/// # Errors
/// `NOT_FOUND` for every other message, whether it exists or not.
pub fn own_message(
    setting: &Setting,
    key: MessageKey,
    holder: &str,
) -> Result<MessageView, Status> {
    let view = query::message(setting, key).map_err(|error| status::of_history(&error))?;
    let visible = |view: &MessageView| match view.record.part {
        Part::Origin => true,
        Part::Destination => view.record.is_listed(),
        Part::Transit => view.record.was_reviewed_here(),
    };
    let view = view.filter(visible).ok_or_else(status::not_found)?;
    as_seen(setting, view, holder)?.ok_or_else(status::not_found)
}

/// As much of a message as `holder` may see; none if it must not show.
///
/// # Errors
/// A state that can't be read.
pub fn as_seen(
    setting: &Setting,
    mut view: MessageView,
    holder: &str,
) -> Result<Option<MessageView>, Status> {
    let sight = sight::of_message(setting, setting.store.as_ref(), &view.record, holder);
    Ok(match sight.map_err(|error| status::of_history(&error))? {
        Sight::Full => Some(view),
        Sight::Envelope => {
            view.record.particulars = None;
            view.hidden = true;
            Some(view)
        }
        Sight::None => None,
    })
}

/// The statement as it is shown.
pub fn statement(statement: Statement) -> pb::Statement {
    statement.into_pb()
}

/// A message without its content.
pub fn summary(view: MessageView) -> pb::MessageSummary {
    let custody = custody(&view);
    let MessageView { header, record, stations, attachments, ways, readers, addressed, hidden } =
        view;
    let incoming = record.part == Part::Destination;
    let address = header.address;
    let mut summary = pb::MessageSummary {
        message_id: address.message.to_string(),
        origin: address.origin.to_string(),
        destination: address.destination.to_string(),
        sent_at: address.sent_at.to_string(),
        expires_at: address.expires_at.to_string(),
        stations: stations.into_iter().map(station).collect(),
        incoming,
        attachments: attachments.into_iter().map(|it| attachment(it, incoming)).collect(),
        ways: ways.into_iter().map(way).collect(),
        readers: readers.iter().map(ToString::to_string).collect(),
        in_transit: record.part == Part::Transit,
        custody: custody.to_owned(),
        unreadable: record.unreadable,
        confidential: hidden,
        out_of_state: record.out_of_state,
        erased_at: shown(record.erased.map(|it| it.at)),
        erasure_cause: shown(record.erased.map(|it| it.cause)),
        urgency: known_urgency(address.lane).to_owned(),
        ..pb::MessageSummary::default()
    };
    if let Some(particulars) = record.particulars {
        summary.request_id = particulars.request.to_string();
        summary.from = particulars.from.to_string();
        summary.to = particulars.to.iter().map(ToString::to_string).collect();
        summary.kind = particulars.kind.to_string();
        summary.message_type = particulars.act.to_string();
        summary.outcome = particulars.outcome.unwrap_or_default();
        summary.urgency = particulars.urgency.to_string();
        summary.in_reply_to = shown(particulars.in_reply_to);
        summary.respond_by = shown(particulars.respond_by);
        summary.competence = addressed.map(|it| competence(&it, &particulars.to));
        let bearing = particulars.bearing;
        summary.exercise = bearing.exercise;
        summary.confidential = bearing.confidential;
        summary.tlp = bearing.label.tlp.to_string();
    }
    summary
}

/// A competence and the contact point that it led to.
pub fn competence(addressed: &Addressed, to: &[ContactPointId]) -> pb::ResolvedCompetence {
    let Addressed { competence, directory_version } = addressed;
    pb::ResolvedCompetence {
        country: competence.country_text().to_owned(),
        function: competence.function.to_string(),
        contact_point: shown(to.first()),
        directory_version: *directory_version,
    }
}

/// A way that was chosen.
pub fn way(chosen: Chosen) -> pb::WayChoice {
    let Chosen { at, from, to, reason } = chosen;
    pb::WayChoice {
        at: at.to_string(),
        from: shown(from),
        to: to.to_string(),
        reason: reason.to_string(),
    }
}

/// What the lane says of a message's urgency. Whoever may not see more has to come at once or not.
const fn known_urgency(lane: Lane) -> &'static str {
    match lane {
        Lane::Urgent => Urgency::Immediate.as_str(),
        Lane::Ordinary => "",
    }
}

/// A value or an empty text.
fn shown<T: ToString>(value: Option<T>) -> String {
    value.map(|it| it.to_string()).unwrap_or_default()
}

fn custody(view: &MessageView) -> &'static str {
    let has = |station| view.stations.iter().any(|it| it.record.station == station);
    match &view.record.custody {
        Custody::PassedOn if has(Station::Delivered) => "delivered",
        Custody::Ended { .. } => "undelivered",
        other @ (Custody::Waiting { .. }
        | Custody::InDoubt { .. }
        | Custody::SetAside { .. }
        | Custody::PassedOn
        | Custody::Held
        | Custody::UnderReview) => other.as_str(),
    }
}

fn attachment(view: AttachmentView, incoming: bool) -> pb::AttachmentState {
    let AttachmentView { number, sealed_bytes, record, stations } = view;
    let (state, reason) = record.standing(incoming);
    pb::AttachmentState {
        number,
        sealed_bytes,
        state: state.to_owned(),
        reason: shown(reason),
        stations: stations.into_iter().map(station).collect(),
    }
}

fn station(view: StationView) -> pb::Station {
    let StationView { record, receipt } = view;
    pb::Station {
        station: record.station.to_string(),
        agency: record.agency.to_string(),
        at: record.at.to_string(),
        reason: shown(record.reason),
        receipt: receipt.map(statement),
    }
}

/// One place of an inbox. A lease that has ended is not shown.
pub fn inbox_item(
    setting: &Setting,
    desk: &str,
    sequence: u64,
    view: MessageView,
) -> pb::InboxItem {
    let now = setting.clock.now();
    let claim = view.record.claim.clone().filter(|claim| claim.until > now);
    let status = match (&claim, view.record.acknowledged) {
        _ if view.record.custody == Custody::UnderReview => "under_review",
        _ if view.record.was_reviewed_here() => "reviewed",
        (_, Some(_)) => "acknowledged",
        (Some(_), None) => "claimed",
        (None, None) => "new",
    };
    let (claimed_by, lease_until) = match claim {
        Some(Claim { holder, until, .. }) => (holder, until.to_string()),
        None => (String::new(), String::new()),
    };
    pb::InboxItem {
        sequence,
        contact_point: desk.to_owned(),
        message: Some(summary(view)),
        status: status.to_owned(),
        claimed_by,
        lease_until,
    }
}

/// A request as this agency sees it.
pub fn request(own: &AgencyId, view: &RequestView) -> pb::RequestState {
    let side = requests::side(&view.record, own);
    pb::RequestState {
        request_id: view.id.to_string(),
        kind: view.record.kind.to_string(),
        requester: view.record.requester.to_string(),
        parties: view.parties.iter().map(|it| party(view, side, it)).collect(),
        opened_at: view.record.opened_at.to_string(),
        message_count: view.record.messages,
        confidential: view.record.confidential,
        exercise: view.record.exercise,
        holders: view.holders.clone(),
        held: view.held.is_some(),
    }
}

fn party(view: &RequestView, side: Side, party: &PartyRecord) -> pb::PartyState {
    let kind = view.record.kind;
    let owed = party.owed();
    let docket = view.dockets.iter().find(|(agency, _)| *agency == party.agency);
    let owner = docket.and_then(|(_, it)| it.owner());
    // What a closed course still owes, its erasure, stands among the deadlines and is no next step.
    let due = party.due.as_ref().map(|it| it.due).filter(|_| owner.is_some());
    let acts = docket.map(|(_, it)| it.possible(side, kind)).unwrap_or_default();
    let items = docket.map(|(_, it)| it.items().iter().zip(it.courses())).into_iter().flatten();
    let items = items.map(|(item, course)| pb::ItemState {
        item: item.to_string(),
        state: course.state.to_string(),
    });
    pb::PartyState {
        agency: party.agency.to_string(),
        state: party.state.to_string(),
        since: party.since.to_string(),
        owner: owner.map_or("nobody", Side::as_str).to_owned(),
        due: shown(due.map(|it| it.at)),
        due_source: due.map_or("", |it| it.source.as_str()).to_owned(),
        possible_acts: acts.iter().map(ToString::to_string).collect(),
        items: items.collect(),
        deadlines: owed
            .iter()
            .map(|it| deadline(view.id, &party.agency, (kind, side), it))
            .collect(),
    }
}

/// What a rule found.
pub fn finding(violation: &Violation) -> pb::Finding {
    pb::Finding {
        rule: violation.rule.to_owned(),
        pointer: violation.pointer.clone(),
        severity: violation.severity.to_string(),
        code: violation.code.to_owned(),
        reason: violation.text.clone(),
        source: violation.source.to_owned(),
    }
}

/// Something owed, as `side` sees it.
pub fn deadline(
    request: RequestId,
    agency: &AgencyId,
    (kind, side): (KindCode, Side),
    open: &OpenDue,
) -> pb::Deadline {
    pb::Deadline {
        request_id: request.to_string(),
        agency: agency.to_string(),
        obligation: open.due.obligation.to_string(),
        owner: open.due.owner.to_string(),
        due: open.due.at.to_string(),
        source: open.due.source.as_str().to_owned(),
        stage: open.stage.map_or("", DueStage::as_str).to_owned(),
        ours: open.due.owner == side,
        kind: kind.to_string(),
    }
}
