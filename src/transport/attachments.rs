//! For agencies: hand in the bytes of attachments, and read them. Pieces never pass the writer.

use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status};

use crate::domain::digest::Digest;
use crate::domain::header::{Header, MessageKey};
use crate::identity::permission::Verb;
use crate::node::attachments::reading::Source;
use crate::node::attachments::upload::{Growing, PieceError, Progress, Upload};
use crate::node::attachments::{mark_of_upload, of_message};
use crate::node::command::Command;
use crate::node::rejection::{Rejection, RejectionReason};
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::transport::carriage::note_failure;
use crate::transport::limits::{ATTACHMENT_PIECE_BYTES_MAX, ATTACHMENT_SHOWN_BYTES};
use crate::transport::{caller, inbox, status, views};
use crate::wire;
use crate::wire::pb;
use crate::wire::pb::attachment_service_server::AttachmentService;

/// The attachments of an agency.
#[derive(Clone)]
pub struct Attachments {
    writer: Writer,
    growing: Growing,
}

/// A file that is handed in: whose, how long, which.
struct Named {
    caller: String,
    bytes: u64,
    digest: Digest,
}

impl Named {
    fn read(caller: String, bytes: u64, sha256: &str) -> Result<Self, Status> {
        let mut digest = [0; 32];
        hex::decode_to_slice(sha256, &mut digest).map_err(|_| {
            let text = "it is 64 hexadecimal digits";
            status::of_field("/sha256", "DIGEST_MALFORMED", text)
        })?;
        Ok(Self { caller, bytes, digest: Digest::from_bytes(digest) })
    }

    fn mark(&self, setting: &Setting) -> crate::node::attachments::Mark {
        mark_of_upload(setting, &self.caller, self.bytes, &self.digest)
    }
}

impl Attachments {
    /// Over the node behind `writer`.
    pub fn new(writer: Writer) -> Self {
        Self { writer, growing: Growing::default() }
    }

    async fn ask(&self, upload: Upload) -> Result<(), Status> {
        let asked = self.writer.ask(Command::Upload(upload)).await;
        asked.map(drop).map_err(status::of_rejection)
    }

    /// Ends a file that is whole, or is not what was said.
    async fn settled(&self, step: Result<Progress, PieceError>) -> Result<Progress, Status> {
        if let Err(PieceError::History(error)) = &step {
            note_failure(&self.writer, error).await;
        }
        match step {
            Ok(progress) => {
                if let Some(file) = progress.finished {
                    self.ask(Upload::Finish(file)).await?;
                }
                Ok(progress)
            }
            Err(PieceError::DigestDiffers { file }) => {
                self.ask(Upload::Drop(file)).await?;
                let text = "the bytes that came have another hash; nothing of them is kept";
                Err(status::of_field("/sha256", "DIGEST_DIFFERS", text))
            }
            Err(error) => Err(self.refused(&error)),
        }
    }

    fn refused(&self, error: &PieceError) -> Status {
        let text = error.to_string();
        match error {
            PieceError::NotBegun => status::not_found(),
            PieceError::OutOfStep { offset } => {
                let rejection = Rejection::new(RejectionReason::StateForbids, text);
                status::of_rejection(rejection.with("next_offset", offset.to_string()))
            }
            PieceError::Uneven => status::of_field("/bytes", "PIECE_UNEVEN", text),
            PieceError::NoRoom => status::of_rejection(Rejection::storage_low()),
            PieceError::DigestDiffers { .. } => status::of_failure(&"a piece came to its end"),
            PieceError::History(error) => status::of_history(error),
        }
    }
}

type Pieces = Pin<Box<dyn Stream<Item = Result<pb::ReadAttachmentResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AttachmentService for Attachments {
    type ReadAttachmentStream = Pieces;

    async fn begin_attachment(
        &self,
        request: Request<pb::BeginAttachmentRequest>,
    ) -> Result<Response<pb::BeginAttachmentResponse>, Status> {
        let setting = self.writer.setting();
        let holder = caller::caller(&request, setting, Verb::BeginAttachment)?.to_string();
        let pb::BeginAttachmentRequest { size_bytes, sha256 } = request.into_inner();
        let named = Named::read(holder, size_bytes, &sha256)?;
        let mark = named.mark(setting);
        self.ask(Upload::Begin { mark, bytes: size_bytes }).await?;
        let growing = self.growing.clone();
        let step = views::read(&self.writer, move |setting| {
            Ok(growing.resume(setting, mark, &named.digest))
        });
        let Progress { durable, next, complete, .. } = self.settled(step.await?).await?;
        Ok(Response::new(pb::BeginAttachmentResponse {
            durable_bytes: durable,
            next_offset: next,
            complete,
        }))
    }

    async fn append_attachment(
        &self,
        request: Request<pb::AppendAttachmentRequest>,
    ) -> Result<Response<pb::AppendAttachmentResponse>, Status> {
        let setting = self.writer.setting();
        let holder = caller::caller(&request, setting, Verb::AppendAttachment)?.to_string();
        let asked = request.into_inner();
        let pb::AppendAttachmentRequest { size_bytes, sha256, offset, bytes } = asked;
        if bytes.len() > ATTACHMENT_PIECE_BYTES_MAX {
            let text = format!("a piece has at most {ATTACHMENT_PIECE_BYTES_MAX} bytes");
            return Err(status::of_field("/bytes", "LIMIT_EXCEEDED", text));
        }
        let named = Named::read(holder, size_bytes, &sha256)?;
        if setting.is_storage_low() {
            return Err(status::of_rejection(Rejection::storage_low()));
        }
        let (mark, growing) = (named.mark(setting), self.growing.clone());
        let step = views::read(&self.writer, move |setting| {
            Ok(growing.append(setting, (mark, &named.digest), offset, &bytes))
        });
        let Progress { durable, next, complete, .. } = self.settled(step.await?).await?;
        Ok(Response::new(pb::AppendAttachmentResponse {
            durable_bytes: durable,
            next_offset: next,
            complete,
        }))
    }

    async fn read_attachment(
        &self,
        request: Request<pb::ReadAttachmentRequest>,
    ) -> Result<Response<Self::ReadAttachmentStream>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ReadAttachment)?;
        let mut asked = request.into_inner();
        if asked.origin.is_empty() {
            asked.origin = setting.agency.to_string();
        }
        let key = caller::message(&asked.origin, &asked.message_id)?;
        let (holder, named) = (principal.to_string(), asked.attachment_id.clone());
        let source = views::read(&self.writer, move |setting| {
            let header = inbox::readable(setting, key, &holder)?.header;
            source(setting, &header, key, &named)
        });
        let source = source.await?;
        let submitted = caller::fingerprint(setting, "ReadAttachment", &asked);
        let call = caller::unnamed_call(setting, principal, submitted);
        if asked.offset > source.bytes() {
            let text = "the attachment is not so long";
            return Err(status::of_field("/offset", "OUT_OF_RANGE", text));
        }
        inbox::open_for(&self.writer, call, key).await?;
        let reading =
            Reading { writer: self.writer.clone(), source, at: asked.offset, begun: false };
        Ok(Response::new(Box::pin(futures::stream::try_unfold(reading, Reading::next))))
    }
}

/// The attachment of this id within a message.
fn source(
    setting: &Setting,
    header: &Header,
    key: MessageKey,
    named: &str,
) -> Result<Source, Status> {
    let content = crate::node::content::open(setting, header);
    let content = content.map_err(|error| status::of_content(&error))?;
    let described = wire::draft::attachments(&content).map_err(|_| status::unreadable())?;
    let place = described.iter().position(|it| it.id == named).ok_or_else(status::not_found)?;
    let number = u32::try_from(place.saturating_add(1)).unwrap_or(u32::MAX);
    let broken = |error| status::of_history(&error);
    let file = of_message(setting.store.as_ref(), key, number).map_err(broken)?;
    let source = match file {
        Some(file) => Source::open(setting, file).map_err(broken)?,
        None => {
            let named = (number, described.get(place).map_or(0, |it| it.bytes));
            let came = Source::in_transit(setting, header, named);
            came.map_err(|error| status::of_content(&error))?
        }
    };
    source.ok_or_else(|| {
        let text = "the attachment has not arrived, was not taken, or was lost";
        status::of_rejection(Rejection::new(RejectionReason::StateForbids, text))
    })
}

struct Reading {
    writer: Writer,
    source: Source,
    at: u64,
    begun: bool,
}

impl Reading {
    /// The next piece, once the one before was taken.
    async fn next(self) -> Result<Option<(pb::ReadAttachmentResponse, Self)>, Status> {
        let Self { writer, source, at, begun } = self;
        let size = source.bytes();
        if begun && at >= size {
            return Ok(None);
        }
        let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
        let read = views::read(&writer, move |_| {
            let mut bytes = vec![0; left.min(ATTACHMENT_SHOWN_BYTES)];
            source.read(at, &mut bytes).map_err(|error| status::of_history(&error.into()))?;
            Ok((source, bytes))
        });
        let (source, bytes) = read.await?;
        let next = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let piece = pb::ReadAttachmentResponse { offset: at, bytes, size_bytes: size };
        Ok(Some((piece, Self { writer, source, at: next, begun: true })))
    }
}
