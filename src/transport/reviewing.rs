//! For the officers of a reviewing transit: let go on, give back, remark. Converts, calls, converts.

use tonic::{Request, Response, Status};

use crate::domain::digest::Digest;
use crate::domain::fact::{Fact, Reason};
use crate::domain::reviewing::Remark;
use crate::identity::permission::Verb;
use crate::identity::principal::Principal;
use crate::node::command::{Command, Outcome, TransitAct};
use crate::node::proofs;
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::transport::{caller, status, views};
use crate::wire;
use crate::wire::pb;

/// Which call about which message.
struct Named<'a> {
    key: &'a str,
    origin: &'a str,
    message: &'a str,
    fingerprint: Digest,
}

/// Decides about a message that is held; gives the position of the entry, and its receipt.
async fn decided(
    writer: &Writer,
    principal: Principal,
    named: Named<'_>,
    act: TransitAct,
) -> Result<(u64, Option<pb::Statement>), Status> {
    let message = caller::message(named.origin, named.message)?;
    let call = caller::call(writer.setting(), principal, named.key, named.fingerprint)?;
    let command = Command::OfTransit { call, message, act };
    let decided = writer.ask(command).await.map_err(status::of_rejection)?;
    let Outcome::Done(position) = decided else {
        return Err(status::of_failure(&"a word about what is held came to something else"));
    };
    let read = move |setting: &Setting| {
        proofs::statement(setting, position).map_err(|error| status::of_history(&error))
    };
    Ok((position, Some(views::statement(views::read(writer, read).await?))))
}

/// Lets a message go on.
pub(super) async fn release(
    writer: &Writer,
    request: Request<pb::ReleaseTransitRequest>,
) -> Result<Response<pb::ReleaseTransitResponse>, Status> {
    let principal = caller::caller(&request, writer.setting(), Verb::ReleaseTransit)?;
    let asked = request.into_inner();
    let fingerprint = caller::fingerprint(writer.setting(), "ReleaseTransit", &asked);
    let pb::ReleaseTransitRequest { idempotency_key: key, origin, message_id: message } = &asked;
    let named = Named { key, origin, message, fingerprint };
    let (_, receipt) = decided(writer, principal, named, TransitAct::Release).await?;
    Ok(Response::new(pb::ReleaseTransitResponse { receipt }))
}

/// Gives a message back.
pub(super) async fn give_back(
    writer: &Writer,
    request: Request<pb::ReturnTransitRequest>,
) -> Result<Response<pb::ReturnTransitResponse>, Status> {
    let principal = caller::caller(&request, writer.setting(), Verb::ReturnTransit)?;
    let asked = request.into_inner();
    let fingerprint = caller::fingerprint(writer.setting(), "ReturnTransit", &asked);
    let pb::ReturnTransitRequest { idempotency_key: key, origin, message_id: message, reason } =
        &asked;
    let reason = reason.parse().ok().filter(|it: &Reason| Reason::OF_REVIEW.contains(it));
    let reason = reason.ok_or_else(|| {
        let known = Reason::OF_REVIEW.map(Reason::as_str).join(", ");
        status::of_field("/reason", "UNKNOWN_WORD", format!("it is one of {known}"))
    })?;
    let named = Named { key, origin, message, fingerprint };
    let (_, receipt) = decided(writer, principal, named, TransitAct::Return(reason)).await?;
    Ok(Response::new(pb::ReturnTransitResponse { receipt }))
}

/// Remarks on a message.
pub(super) async fn annotate(
    writer: &Writer,
    request: Request<pb::AnnotateTransitRequest>,
) -> Result<Response<pb::AnnotateTransitResponse>, Status> {
    let principal = caller::caller(&request, writer.setting(), Verb::AnnotateTransit)?;
    let asked = request.into_inner();
    let fingerprint = caller::fingerprint(writer.setting(), "AnnotateTransit", &asked);
    let pb::AnnotateTransitRequest { idempotency_key: key, origin, message_id, remark, note } =
        &asked;
    let named = Named { key, origin, message: message_id, fingerprint };
    if note.is_empty() {
        let said = remark.parse().ok().filter(|it| *it != Remark::Noted);
        let remark: Remark = said.ok_or_else(|| {
            let known = Remark::ALL.iter().filter(|it| **it != Remark::Noted);
            let known: Vec<_> = known.map(|it| it.as_str()).collect();
            let told = format!("it is one of {}", known.join(", "));
            status::of_field("/remark", "UNKNOWN_WORD", told)
        })?;
        let act = TransitAct::Annotate(remark);
        let (_, receipt) = decided(writer, principal, named, act).await?;
        return Ok(Response::new(pb::AnnotateTransitResponse {
            receipt,
            ..pb::AnnotateTransitResponse::default()
        }));
    }
    if !remark.is_empty() {
        let told = "it has a remark of the list or a note, not both";
        return Err(status::of_field("/remark", "REMARK_AND_NOTE", told));
    }
    let act = TransitAct::Note(note.clone());
    let (position, receipt) = decided(writer, principal, named, act).await?;
    let sent = views::read(writer, move |setting| sent_behind(setting, position)).await?;
    let (note_id, note_receipt) = (sent.0, Some(sent.1));
    Ok(Response::new(pb::AnnotateTransitResponse { receipt, note_id, note_receipt }))
}

/// The message that holds a note: the entry right behind the word that there is one.
fn sent_behind(setting: &Setting, position: u64) -> Result<(String, pb::Statement), Status> {
    let behind = position.saturating_add(1);
    let statement = proofs::statement(setting, behind).map_err(|it| status::of_history(&it))?;
    let entry = wire::entry::read(&statement.entry).map_err(|it| status::of_failure(&it))?;
    let Fact::Submitted { header } = entry.fact else {
        return Err(status::of_failure(&"a note has no entry of its own"));
    };
    Ok((header.address.message.to_string(), views::statement(statement)))
}
