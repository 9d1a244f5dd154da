//! For agencies: poll what came in. Polling and watching read the same dense sequence.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::domain::header::MessageKey;
use crate::domain::ids::ContactPointId;
use crate::evidence::original;
use crate::history::message::Custody;
use crate::identity::desks::Right;
use crate::identity::permission::Verb;
use crate::identity::principal::Principal;
use crate::node::command::{Call, Command, InboxAct, Outcome};
use crate::node::content;
use crate::node::desks;
use crate::node::proofs;
use crate::node::query::{self, MessageView};
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::turn::open_entry;
use crate::node::writer::Writer;
use crate::transport::limits::{INBOX_SCAN_MAX, PAGE_BYTES_MAX, PAGE_SIZE_MAX, WAIT_SECONDS_MAX};
use crate::transport::{Tasks, caller, pages, reviewing, status, views};
use crate::wire;
use crate::wire::pb;
use crate::wire::pb::inbox_service_server::InboxService;

/// The inboxes of an agency.
#[derive(Clone)]
pub struct Inbox {
    writer: Writer,
    tasks: Tasks,
}

impl Inbox {
    /// Over the node behind `writer`. Whoever waits or watches is told when `tasks` stop.
    pub fn new(writer: Writer, tasks: Tasks) -> Self {
        Self { writer, tasks }
    }

    /// Does an act on a message on behalf of a caller; gives the position of its entry.
    async fn act(&self, call: Call, message: MessageKey, act: InboxAct) -> Result<u64, Status> {
        ask(&self.writer, call, message, act).await
    }

    async fn receipt(&self, position: u64) -> Result<Option<pb::Statement>, Status> {
        let receipt = views::read(&self.writer, move |setting| {
            proofs::statement(setting, position).map_err(|error| status::of_history(&error))
        });
        Ok(Some(views::statement(receipt.await?)))
    }

    /// Reads one page of what was asked for, without waiting.
    async fn page(&self, asked: &Asked) -> Result<Page, Status> {
        let asked = asked.clone();
        views::read(&self.writer, move |setting| page(setting, &asked)).await
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<pb::WatchMessagesResponse, Status>> + Send>>;

#[tonic::async_trait]
impl InboxService for Inbox {
    type WatchMessagesStream = Messages;

    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        let setting = self.writer.setting();
        let holder = caller::caller(&request, setting, Verb::ListMessages)?.to_string();
        let asked = request.into_inner();
        if asked.wait_seconds > WAIT_SECONDS_MAX {
            let text = format!("a call waits for at most {WAIT_SECONDS_MAX} seconds");
            return Err(status::of_field("/wait_seconds", "LIMIT_EXCEEDED", text));
        }
        let mut wanted = Asked {
            desk: desk(setting, &asked.contact_point)?,
            after: asked.after,
            size: pages::size(asked.page_size)?,
            open_only: asked.open_only,
            holder,
        };
        let mut committed = self.writer.committed();
        let until = tokio::time::sleep(Duration::from_secs(u64::from(asked.wait_seconds)));
        tokio::pin!(until);
        loop {
            committed.mark_unchanged();
            let page = self.page(&wanted).await?;
            wanted.after = page.next_after;
            let waits = page.items.is_empty() && page.at_end && asked.wait_seconds > 0;
            let ended = !waits
                || tokio::select! {
                    changed = committed.changed() => changed.is_err(),
                    () = &mut until => true,
                    () = self.tasks.stopping() => true,
                };
            if ended {
                let Page { items, next_after, .. } = page;
                return Ok(Response::new(pb::ListMessagesResponse { items, next_after }));
            }
        }
    }

    async fn watch_messages(
        &self,
        request: Request<pb::WatchMessagesRequest>,
    ) -> Result<Response<Self::WatchMessagesStream>, Status> {
        let setting = self.writer.setting();
        let holder = caller::caller(&request, setting, Verb::WatchMessages)?.to_string();
        let pb::WatchMessagesRequest { contact_point, after } = request.into_inner();
        let asked = Asked {
            desk: desk(setting, &contact_point)?,
            after,
            size: PAGE_SIZE_MAX,
            open_only: false,
            holder,
        };
        let committed = self.writer.committed();
        let found = VecDeque::new();
        let watch = Watch { inbox: self.clone(), asked, committed, found };
        let stream = futures::stream::try_unfold(watch, |mut watch| async move {
            let item = watch.next().await?;
            Ok(Some((pb::WatchMessagesResponse { item: Some(item) }, watch)))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn claim_message(
        &self,
        request: Request<pb::ClaimMessageRequest>,
    ) -> Result<Response<pb::ClaimMessageResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ClaimMessage)?;
        let asked = request.into_inner();
        let key = caller::message(&asked.origin, &asked.message_id)?;
        let submitted = caller::fingerprint(setting, "ClaimMessage", &asked);
        let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
        let lease_ms = match asked.lease_seconds {
            0 => self.writer.setting().policy.lease_default_ms,
            seconds => i64::from(seconds).saturating_mul(1000),
        };
        let position = self.act(call, key, InboxAct::Claim { lease_ms }).await?;
        let lease_until = views::read(&self.writer, move |setting| lease(setting, position));
        let (lease_until, receipt) = (lease_until.await?, self.receipt(position).await?);
        Ok(Response::new(pb::ClaimMessageResponse { lease_until, receipt }))
    }

    async fn release_message(
        &self,
        request: Request<pb::ReleaseMessageRequest>,
    ) -> Result<Response<pb::ReleaseMessageResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ReleaseMessage)?;
        let asked = request.into_inner();
        let key = caller::message(&asked.origin, &asked.message_id)?;
        let submitted = caller::fingerprint(setting, "ReleaseMessage", &asked);
        let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
        let position = self.act(call, key, InboxAct::Release).await?;
        let receipt = self.receipt(position).await?;
        Ok(Response::new(pb::ReleaseMessageResponse { receipt }))
    }

    async fn read_message(
        &self,
        request: Request<pb::ReadMessageRequest>,
    ) -> Result<Response<pb::ReadMessageResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ReadMessage)?;
        let asked = request.into_inner();
        let key = caller::message(&asked.origin, &asked.message_id)?;
        let submitted = caller::fingerprint(setting, "ReadMessage", &asked);
        let holder = principal.to_string();
        let call = caller::unnamed_call(setting, principal, submitted);
        let (content, position) = open_for(&self.writer, call, key).await?;
        let shown = views::read(&self.writer, move |setting| {
            let origin = content::origin_statement(setting, key);
            let origin = origin.map_err(|error| status::of_history(&error))?;
            Ok((views::own_message(setting, key, &holder)?, origin))
        });
        let (message, origin) = shown.await?;
        Ok(Response::new(pb::ReadMessageResponse {
            message: Some(views::summary(message)),
            original: handed_on(&content),
            content: Some(content),
            receipt: self.receipt(position).await?,
            origin: origin.map(views::statement),
        }))
    }

    async fn acknowledge_message(
        &self,
        request: Request<pb::AcknowledgeMessageRequest>,
    ) -> Result<Response<pb::AcknowledgeMessageResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::AcknowledgeMessage)?;
        let asked = request.into_inner();
        let key = caller::message(&asked.origin, &asked.message_id)?;
        let submitted = caller::fingerprint(setting, "AcknowledgeMessage", &asked);
        let call = caller::call(setting, principal, &asked.idempotency_key, submitted)?;
        let position = self.act(call, key, InboxAct::Acknowledge).await?;
        let receipt = self.receipt(position).await?;
        Ok(Response::new(pb::AcknowledgeMessageResponse { receipt }))
    }

    async fn release_transit(
        &self,
        request: Request<pb::ReleaseTransitRequest>,
    ) -> Result<Response<pb::ReleaseTransitResponse>, Status> {
        reviewing::release(&self.writer, request).await
    }

    async fn return_transit(
        &self,
        request: Request<pb::ReturnTransitRequest>,
    ) -> Result<Response<pb::ReturnTransitResponse>, Status> {
        reviewing::give_back(&self.writer, request).await
    }

    async fn annotate_transit(
        &self,
        request: Request<pb::AnnotateTransitRequest>,
    ) -> Result<Response<pb::AnnotateTransitResponse>, Status> {
        reviewing::annotate(&self.writer, request).await
    }
}

async fn ask(
    writer: &Writer,
    call: Call,
    message: MessageKey,
    act: InboxAct,
) -> Result<u64, Status> {
    let asked = writer.ask(Command::Inbox { call, message, act }).await;
    match asked.map_err(status::of_rejection)? {
        Outcome::Done(position) => Ok(position),
        Outcome::Submitted(..)
        | Outcome::Answered(_)
        | Outcome::Drafted(_)
        | Outcome::HandedOver(_)
        | Outcome::Wanted(_)
        | Outcome::Shown(_)
        | Outcome::Snapshot(_)
        | Outcome::Witnessed(_)
        | Outcome::Unchanged => Err(status::of_failure(&"an inbox act came to something else")),
    }
}

/// Opens the content of a message for a caller. It leaves only once the entry that records the
/// reading is durable; what cannot be opened is not recorded as read.
///
/// # Errors
/// `NOT_FOUND`, `CONTENT_ERASED`, `CONTENT_UNREADABLE`, or what the door says.
pub async fn open_for(
    writer: &Writer,
    call: Call,
    key: MessageKey,
) -> Result<(pb::Draft, u64), Status> {
    let holder = call.principal.to_string();
    let opened = views::read(writer, move |setting| {
        let view = readable(setting, key, &holder)?;
        let bytes = content::open(setting, &view.header);
        let bytes = bytes.map_err(|error| status::of_content(&error))?;
        wire::draft::read_content(&bytes).map_err(|_| status::unreadable())
    });
    let opened = opened.await?;
    let position = ask(writer, call, key, InboxAct::Read).await?;
    Ok((opened, position))
}

/// A message whose content `holder` may be shown, and that is here.
///
/// # Errors
/// As [`open_for`].
pub fn readable(setting: &Setting, key: MessageKey, holder: &str) -> Result<MessageView, Status> {
    let view = views::own_message(setting, key, holder)?;
    if view.hidden {
        return Err(status::not_found());
    }
    if let Some(erased) = &view.record.erased {
        return Err(status::of_rejection(Rejection::erased(erased)));
    }
    if view.record.unreadable {
        return Err(status::unreadable());
    }
    Ok(view)
}

/// What the request says that a message hands on; none if it hands on none.
pub fn handed_on(content: &pb::Draft) -> Option<pb::Draft> {
    let original = wire::draft::original(content).ok().flatten()?;
    wire::draft::read_content(&original::content(&original).ok()?).ok()
}

/// The desk that a call names, or the only one there is.
fn desk(setting: &Setting, text: &str) -> Result<ContactPointId, Status> {
    let directory = setting.directory();
    let own = directory.agency(&setting.agency);
    let desks = own.map(|it| it.contact_points.as_slice()).unwrap_or_default();
    if text.is_empty() {
        return match desks {
            [only] => Ok(only.id.clone()),
            _ => {
                let text = "this agency has more than one contact point; name one";
                Err(status::of_field("/contact_point", "REQUIRED", text))
            }
        };
    }
    let named: ContactPointId = caller::name("/contact_point", text)?;
    if desks.iter().any(|desk| desk.id == named) {
        return Ok(named);
    }
    let text = format!("{named} is no contact point of {}", setting.agency);
    let reason = RejectionReason::NotYourContactPoint;
    Err(status::of_rejection(Rejection::new(reason, text)))
}

/// End of the lease that the entry at `position` gave: the same for a call that is repeated.
fn lease(setting: &Setting, position: u64) -> Result<String, Status> {
    let found = setting.read(position, 1).map_err(|error| status::of_journal(&error))?;
    let bytes = found.first().ok_or_else(|| status::of_failure(&"the entry of a lease is gone"))?;
    let opened = open_entry(setting, position, bytes).map_err(|it| status::of_history(&it))?;
    Ok(opened.skeleton.lease_until.map(|it| it.to_string()).unwrap_or_default())
}

/// What a reader wants to see of an inbox.
#[derive(Clone)]
struct Asked {
    desk: ContactPointId,
    after: u64,
    size: usize,
    open_only: bool,
    holder: String,
}

/// Part of an inbox.
struct Page {
    items: Vec<pb::InboxItem>,
    next_after: u64,
    /// True if nothing stands behind what was looked at.
    at_end: bool,
}

fn page(setting: &Setting, asked: &Asked) -> Result<Page, Status> {
    // Asked for again with each page: a policy may change while somebody watches.
    let caller = Principal::parse_spiffe(&asked.holder).map_err(|it| status::of_failure(&it))?;
    let allowed = desks::demand(setting, &caller, Right::Read, &asked.desk);
    allowed.map_err(status::of_rejection)?;
    let desk = asked.desk.to_string();
    let mut page = Page { items: Vec::new(), next_after: asked.after, at_end: false };
    let (mut bytes, mut looked_at) = (0, 0);
    while looked_at < INBOX_SCAN_MAX {
        let found = query::inbox_page(setting, &asked.desk, page.next_after, asked.size)
            .map_err(|error| status::of_history(&error))?;
        page.at_end = found.len() < asked.size;
        looked_at += found.len();
        for (place, view) in found {
            let record = &view.record;
            let passed = record.was_reviewed_here() && record.custody != Custody::UnderReview;
            if asked.open_only && (record.acknowledged.is_some() || passed) {
                page.next_after = place;
                continue;
            }
            let Some(view) = views::as_seen(setting, view, &asked.holder)? else {
                page.next_after = place;
                continue;
            };
            let item = views::inbox_item(setting, &desk, place, view);
            bytes += prost::Message::encoded_len(&item);
            let full = page.items.len() == asked.size || bytes > PAGE_BYTES_MAX;
            if full && !page.items.is_empty() {
                page.at_end = false;
                return Ok(page);
            }
            page.next_after = place;
            page.items.push(item);
        }
        if page.at_end || page.items.len() == asked.size {
            break;
        }
    }
    Ok(page)
}

/// A stream of what comes into an inbox.
struct Watch {
    inbox: Inbox,
    asked: Asked,
    committed: watch::Receiver<u64>,
    found: VecDeque<pb::InboxItem>,
}

impl Watch {
    /// The next item, as soon as there is one.
    async fn next(&mut self) -> Result<pb::InboxItem, Status> {
        loop {
            if let Some(item) = self.found.pop_front() {
                return Ok(item);
            }
            self.committed.mark_unchanged();
            let page = self.inbox.page(&self.asked).await?;
            self.asked.after = page.next_after;
            self.found = page.items.into();
            if self.found.is_empty() && page.at_end {
                let stops = tokio::select! {
                    changed = self.committed.changed() => changed.is_err(),
                    () = self.inbox.tasks.stopping() => true,
                };
                if stops {
                    let text = "the node is stopping; go on from the last message seen";
                    let rejection = Rejection::new(RejectionReason::Draining, text);
                    return Err(status::of_rejection(rejection));
                }
            }
        }
    }
}
