//! For auditors: replay the journal and prove what stands in it. Reads only, shows no content.

use std::collections::VecDeque;
use std::pin::Pin;

use futures::Stream;
use serde_json::{Map, Value, json};
use tonic::{Request, Response, Status};

use crate::domain::fact::Fact;
use crate::domain::header::MessageKey;
use crate::domain::particulars::Particulars;
use crate::history::Opened;
use crate::history::message::{self, Erased};
use crate::history::rows::HistoryError;
use crate::identity::permission::Verb;
use crate::identity::principal::Principal;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::cosignature;
use crate::node::command::Call;
use crate::node::records::CosignedCheckpoint;
use crate::node::setting::Setting;
use crate::node::turn::open_entry;
use crate::node::writer::Writer;
use crate::node::{content, proofs, records};
use crate::transport::caller::Admitted;
use crate::transport::limits::{
    PAGE_BYTES_MAX, REPLAY_STEP, STATEMENTS_DEFAULT, STATEMENTS_MAX, STATEMENTS_SCAN_MAX,
};
use crate::transport::shares::Shares;
use crate::transport::status::EdgeReason;
use crate::transport::{auditing, caller, pages, status, views};
use crate::wire::auditing::AuditScope;
use crate::wire::pb::audit_service_server::AuditService;
use crate::wire::skeleton::Skeleton;
use crate::wire::{self, pb};

/// The journal of the node, for auditors of its agency.
#[derive(Clone)]
pub struct Audit {
    writer: Writer,
}

impl Audit {
    /// Over the node behind `writer`.
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// A call that shows something: nobody can repeat it.
    fn unnamed<M: prost::Message>(&self, principal: Principal, method: &str, asked: &M) -> Call {
        let setting = self.writer.setting();
        let submitted = caller::fingerprint(setting, method, asked);
        caller::unnamed_call(setting, principal, submitted)
    }
}

type Entries = Pin<Box<dyn Stream<Item = Result<pb::ReplayEntriesResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AuditService for Audit {
    type ReplayEntriesStream = Entries;

    async fn replay_entries(
        &self,
        request: Request<pb::ReplayEntriesRequest>,
    ) -> Result<Response<Self::ReplayEntriesStream>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ReplayEntries)?;
        let shares = Admitted::of(&request, Verb::ReplayEntries)?.shares;
        let pace = (shares, principal.clone());
        let asked = request.into_inner();
        let call = self.unnamed(principal, "ReplayEntries", &asked);
        let pb::ReplayEntriesRequest { start, end } = asked;
        let size = setting.journal.next();
        let end = if end == 0 { size } else { end.min(size) };
        auditing::replayed(&self.writer, call, (start, end)).await?;
        let found = VecDeque::new();
        let replay = Replay { writer: self.writer.clone(), pace, next: start, end, found };
        let stream = futures::stream::try_unfold(replay, |mut replay| async move {
            Ok(replay.next().await?.map(|entry| (entry, replay)))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<Response<pb::GetCheckpointResponse>, Status> {
        caller::caller(&request, self.writer.setting(), Verb::GetCheckpoint)?;
        let answer = views::read(&self.writer, |setting| {
            let countersigned = setting.journal.countersigned();
            let countersigned = countersigned.map_err(|error| status::of_journal(&error))?;
            Ok(pb::GetCheckpointResponse {
                checkpoint: with_cosignatures(setting, latest(setting)?)?,
                countersigned_checkpoint: countersigned.unwrap_or_default(),
            })
        });
        Ok(Response::new(answer.await?))
    }

    async fn prove_inclusion(
        &self,
        request: Request<pb::ProveInclusionRequest>,
    ) -> Result<Response<pb::ProveInclusionResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::ProveInclusion)?;
        let asked = request.into_inner();
        let call = self.unnamed(principal, "ProveInclusion", &asked);
        let pb::ProveInclusionRequest { index, size } = asked;
        let answer = views::read(&self.writer, move |setting| {
            let checkpoint = of_size(setting, size)?;
            let covered = size_of(&checkpoint)?;
            if index >= covered {
                let text = format!("entry {index} is not among the first {covered}");
                return Err(status::of_edge(EdgeReason::SizeUnknown, &text));
            }
            let place = (setting.journal.as_ref(), index);
            let statement = proofs::statement_in(place, checkpoint);
            let statement = statement.map_err(|error| status::of_history(&error))?;
            let erased = erased(setting, &statement.entry)?;
            let erasure = match &erased {
                Some(erased) => {
                    let stands = proofs::statement(setting, erased.position);
                    Some(views::statement(stands.map_err(|error| status::of_history(&error))?))
                }
                None => None,
            };
            Ok(pb::ProveInclusionResponse {
                proof: statement.proof,
                entry: statement.entry,
                erased_at: erased.map(|it| it.at.to_string()).unwrap_or_default(),
                erasure_cause: erased.map(|it| it.cause.to_string()).unwrap_or_default(),
                erasure,
            })
        });
        let answer = answer.await?;
        auditing::replayed(&self.writer, call, (index, index.saturating_add(1))).await?;
        Ok(Response::new(answer))
    }

    async fn prove_consistency(
        &self,
        request: Request<pb::ProveConsistencyRequest>,
    ) -> Result<Response<pb::ProveConsistencyResponse>, Status> {
        caller::caller(&request, self.writer.setting(), Verb::ProveConsistency)?;
        let pb::ProveConsistencyRequest { old_size, new_size } = request.into_inner();
        let answer = views::read(&self.writer, move |setting| {
            let next = setting.journal.next();
            let new_size = if new_size == 0 { next } else { new_size };
            if old_size > new_size || new_size > next {
                let text = format!("{old_size} to {new_size} is no growth up to {next} entries");
                return Err(status::of_edge(EdgeReason::SizeUnknown, &text));
            }
            let hashes = proofs::consistency(setting, old_size, new_size);
            let hashes = hashes.map_err(|error| status::of_history(&error))?;
            let hashes = hashes.iter().map(|it| it.as_bytes().to_vec()).collect();
            Ok(pb::ProveConsistencyResponse { hashes, old_size, new_size })
        });
        Ok(Response::new(answer.await?))
    }

    async fn list_statements(
        &self,
        request: Request<pb::ListStatementsRequest>,
    ) -> Result<Response<pb::ListStatementsResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::ListStatements)?;
        let asked = request.into_inner();
        let call = self.unnamed(principal, "ListStatements", &asked);
        let pb::ListStatementsRequest { start, page_size } = asked;
        let size = pages::size_within(page_size, STATEMENTS_DEFAULT, STATEMENTS_MAX)?;
        let read = views::read(&self.writer, move |setting| statements(setting, start, size));
        let answer = read.await?;
        // A page without a statement shows nothing: whoever follows a journal does not make it grow.
        if let Some(last) = answer.statements.last() {
            let shown = (start, last.index.saturating_add(1));
            auditing::replayed(&self.writer, call, shown).await?;
        }
        Ok(Response::new(answer))
    }

    async fn read_sealed(
        &self,
        request: Request<pb::ReadSealedRequest>,
    ) -> Result<Response<pb::ReadSealedResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::ReadSealed)?;
        let asked = request.into_inner();
        let key = caller::message(&asked.origin, &asked.message_id)?;
        let call = self.unnamed(principal, "ReadSealed", &asked);
        Ok(Response::new(auditing::read_sealed(&self.writer, call, key).await?))
    }

    async fn read_granted(
        &self,
        request: Request<pb::ReadGrantedRequest>,
    ) -> Result<Response<pb::ReadGrantedResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::ReadGranted)?;
        let asked = request.into_inner();
        let key = caller::message(&asked.origin, &asked.message_id)?;
        let call = self.unnamed(principal, "ReadGranted", &asked);
        Ok(Response::new(auditing::read_granted(&self.writer, call, key).await?))
    }

    async fn grant_content(
        &self,
        request: Request<pb::GrantContentRequest>,
    ) -> Result<Response<pb::GrantContentResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::GrantContent)?;
        let answer = auditing::grant(&self.writer, principal, request.into_inner());
        Ok(Response::new(answer.await?))
    }

    async fn revoke_content(
        &self,
        request: Request<pb::RevokeContentRequest>,
    ) -> Result<Response<pb::RevokeContentResponse>, Status> {
        let principal = caller::caller(&request, self.writer.setting(), Verb::RevokeContent)?;
        let answer = auditing::revoke(&self.writer, principal, request.into_inner());
        Ok(Response::new(answer.await?))
    }

    async fn list_content_grants(
        &self,
        request: Request<pb::ListContentGrantsRequest>,
    ) -> Result<Response<pb::ListContentGrantsResponse>, Status> {
        let setting = self.writer.setting();
        let holder = caller::caller(&request, setting, Verb::ListContentGrants)?.to_string();
        let answer = views::read(&self.writer, move |setting| auditing::listed(setting, &holder));
        Ok(Response::new(answer.await?))
    }
}

/// A replay on its way: a step is read when the one before it was taken, and in the auditor's pace.
struct Replay {
    writer: Writer,
    pace: (Shares, Principal),
    next: u64,
    end: u64,
    found: VecDeque<pb::ReplayEntriesResponse>,
}

impl Replay {
    async fn next(&mut self) -> Result<Option<pb::ReplayEntriesResponse>, Status> {
        if self.found.is_empty() && self.next < self.end {
            let (start, end) = (self.next, self.end);
            let (shares, auditor) = &self.pace;
            shares.in_pace(auditor).await;
            let found = views::read(&self.writer, move |setting| step(setting, start, end));
            self.found = found.await?.into();
            self.next = self.found.back().map_or(self.end, |it| it.index.saturating_add(1));
        }
        Ok(self.found.pop_front())
    }
}

fn step(setting: &Setting, start: u64, end: u64) -> Result<Vec<pb::ReplayEntriesResponse>, Status> {
    let mut found = Vec::new();
    for opened in entries(setting, start, REPLAY_STEP)? {
        let (bytes, opened) = opened?;
        if opened.position >= end {
            break;
        }
        let skeleton_json = skeleton_json(&opened.skeleton);
        found.push(pb::ReplayEntriesResponse {
            index: opened.position,
            entry: bytes,
            skeleton_json,
        });
    }
    Ok(found)
}

/// What became of the content of the message that an entry is about, if it was erased here.
fn erased(setting: &Setting, entry: &[u8]) -> Result<Option<Erased>, Status> {
    let damaged = HistoryError::Damaged { what: "entry of the journal" };
    let entry = wire::entry::read(entry).map_err(|_| status::of_history(&damaged))?;
    let Some(about) = entry.fact.message() else {
        return Ok(None);
    };
    let key = MessageKey::new(&about.origin, about.message);
    let record = message::find(setting.store.as_ref(), key);
    Ok(record.map_err(|error| status::of_history(&error))?.and_then(|it| it.erased))
}

type Entry = Result<(Vec<u8>, Opened), Status>;

fn entries(
    setting: &Setting,
    start: u64,
    limit: usize,
) -> Result<impl Iterator<Item = Entry>, Status> {
    let found = setting.journal.read(start, limit).map_err(|error| status::of_journal(&error))?;
    Ok((start..).zip(found).map(move |(position, bytes)| {
        let opened = open_entry(setting, position, &bytes);
        Ok((bytes, opened.map_err(|error| status::of_history(&error))?))
    }))
}

/// An entry's skeleton as small JSON; nothing for an entry that has none. The caller's own key of
/// the call stays out: it is text of the caller's choice.
pub fn skeleton_json(skeleton: &Skeleton) -> String {
    if *skeleton == Skeleton::default() {
        return String::new();
    }
    let mut object = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    };
    let text = |it: &dyn ToString| Value::from(it.to_string());
    add("principal", skeleton.principal.as_deref().map(Value::from));
    add("contact_point", skeleton.contact_point.as_ref().map(|it| text(it)));
    add("lease_until", skeleton.lease_until.as_ref().map(|it| text(it)));
    add("unreadable", skeleton.unreadable.then_some(Value::from(true)));
    add("next_hop", skeleton.next_hop.as_ref().map(|it| text(it)));
    add("hops", (skeleton.hops > 0).then_some(Value::from(skeleton.hops)));
    if let Some(statement) = &skeleton.statement {
        add("stated_at", Some(text(&statement.at)));
        add("reason", statement.reason.as_ref().map(|it| text(it)));
        add("handed_over_by", statement.from.as_ref().map(|it| text(it)));
        add("handover", (statement.number > 0).then_some(Value::from(statement.number)));
    }
    if let Some(owed) = &skeleton.owed {
        add("owed", Some(text(&owed.obligation)));
        add("owed_by", Some(text(&owed.owner)));
        add("due", Some(text(&owed.at)));
        add("due_source", Some(Value::from(owed.source.as_str())));
    }
    if !skeleton.backups.is_empty() {
        let named = skeleton.backups.iter().map(
            |it| json!({ "from": it.from, "to": it.to, "keep_until": it.keep_until.to_string() }),
        );
        add("held_by_backups", Some(named.collect()));
    }
    if let Some(deadline) = &skeleton.deadline {
        add("request", Some(text(&deadline.request)));
        add("executing_agency", Some(text(&deadline.party)));
        add("obligation", Some(text(&deadline.obligation)));
        add("obliged", Some(text(&deadline.owner)));
        add("stage", Some(Value::from(deadline.stage.as_str())));
    }
    if let Some(access) = &skeleton.access {
        add("request", Some(text(&access.request)));
        add("holder", Some(Value::from(access.holder.as_str())));
    }
    add("rule", skeleton.rule.as_deref().map(Value::from));
    if let Some(void) = &skeleton.void {
        let place = format!("{} to {}: {}", void.origin, void.destination, void.order.number);
        add("void", Some(Value::from(place)));
    }
    add("asked_agency", skeleton.asked.as_ref().map(|it| text(it)));
    add("competence", skeleton.competence.map(|it| Value::from(it.to_string())));
    add("keep_until", skeleton.keep_until.as_ref().map(|it| text(it)));
    object.extend(office_json(skeleton));
    if let Some(particulars) = &skeleton.particulars {
        object.extend(particulars_json(particulars));
    }
    Value::Object(object).to_string()
}

/// What a skeleton says of drafts, and of what auditors are granted.
fn office_json(skeleton: &Skeleton) -> Map<String, Value> {
    let text = |it: &dyn ToString| Some(Value::from(it.to_string()));
    let (drafted, grant) = (skeleton.drafted.as_ref(), skeleton.audit.as_ref());
    let (request, message) = match grant.map(|it| &it.scope) {
        Some(AuditScope::Request(request)) => (text(request), None),
        Some(AuditScope::Message(origin, id)) => (None, text(&format!("{origin}/{id}"))),
        None => (drafted.and_then(|it| text(&it.request)), None),
    };
    let fields = [
        ("request", request),
        ("message", message),
        ("kind", drafted.and_then(|it| text(&it.kind))),
        ("act", drafted.and_then(|it| text(&it.act))),
        ("draft", skeleton.of_draft.as_ref().and_then(|it| text(it))),
        ("auditor", grant.and_then(|it| text(&it.auditor))),
        ("reason", grant.and_then(|it| text(&it.reason?))),
        ("until", grant.and_then(|it| text(&it.until?))),
    ];
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    present.collect()
}

fn particulars_json(particulars: &Particulars) -> Map<String, Value> {
    let to: Vec<String> = particulars.to.iter().map(ToString::to_string).collect();
    let fields = [
        ("request", Some(particulars.request.to_string().into())),
        ("kind", Some(particulars.kind.as_str().into())),
        ("act", Some(particulars.act.as_str().into())),
        ("outcome", particulars.outcome.as_deref().map(Value::from)),
        ("from", Some(particulars.from.to_string().into())),
        ("to", Some(to.into())),
        ("in_reply_to", particulars.in_reply_to.map(|it| it.to_string().into())),
        ("urgency", Some(particulars.urgency.as_str().into())),
        ("respond_by", particulars.respond_by.map(|it| it.to_string().into())),
        ("issued_at", Some(particulars.issued_at.to_string().into())),
    ];
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    present.collect()
}

fn latest(setting: &Setting) -> Result<Vec<u8>, Status> {
    let found = setting.journal.latest_checkpoint().map_err(|error| status::of_journal(&error))?;
    let text = "the journal has no checkpoint yet";
    found.ok_or_else(|| status::of_edge(EdgeReason::NotReady, text))
}

fn parsed(checkpoint: &[u8]) -> Result<SignedCheckpoint, Status> {
    SignedCheckpoint::parse(checkpoint).map_err(|error| status::of_failure(&error))
}

fn size_of(checkpoint: &[u8]) -> Result<u64, Status> {
    Ok(parsed(checkpoint)?.checkpoint.size)
}

/// The checkpoint of this size with the most signatures that the journal keeps with it; the latest
/// for size 0.
fn of_size(setting: &Setting, size: u64) -> Result<Vec<u8>, Status> {
    if size == 0 {
        return latest(setting);
    }
    let journal = setting.journal.as_ref();
    let countersigned = journal.countersigned().map_err(|error| status::of_journal(&error))?;
    if let Some(countersigned) = countersigned
        && size_of(&countersigned)? == size
    {
        return Ok(countersigned);
    }
    let covering = journal.checkpoint_covering(size - 1);
    if let Some(checkpoint) = covering.map_err(|error| status::of_journal(&error))? {
        let nearest = size_of(&checkpoint)?;
        if nearest == size {
            return Ok(checkpoint);
        }
        let text = format!("there is no checkpoint of size {size}; the next one has {nearest}");
        return Err(status::of_edge(EdgeReason::SizeUnknown, &text));
    }
    let text = format!("the journal has {} entries, not {size}", journal.next());
    Err(status::of_edge(EdgeReason::SizeUnknown, &text))
}

/// The checkpoint with the lines of all neighbours that have cosigned this very one.
fn with_cosignatures(setting: &Setting, checkpoint: Vec<u8>) -> Result<Vec<u8>, Status> {
    let latest = parsed(&checkpoint)?;
    let mut lines = Vec::new();
    for peer in setting.directory().neighbours(&setting.agency) {
        let cosigned = records::cosigned(setting.store.as_ref(), &peer);
        let cosigned = cosigned.map_err(|error| status::of_history(&error))?;
        let is_it = |it: &CosignedCheckpoint| {
            it.size == latest.checkpoint.size && it.is_of(&setting.journal_name)
        };
        if let Some(cosigned) = cosigned.filter(is_it) {
            lines.extend(parsed(&cosigned.note)?.note.signatures);
        }
    }
    if lines.is_empty() {
        return Ok(checkpoint);
    }
    cosignature::with_lines(&checkpoint, &lines).map_err(|error| status::of_failure(&error))
}

/// A page of statements; it may be empty although more follow, since only so many entries are
/// looked at.
fn statements(
    setting: &Setting,
    start: u64,
    size: usize,
) -> Result<pb::ListStatementsResponse, Status> {
    let end = setting.journal.next();
    let (mut next, mut bytes) = (start, 0);
    let mut statements = Vec::new();
    let scan_end = start.saturating_add(u64::try_from(STATEMENTS_SCAN_MAX).unwrap_or(u64::MAX));
    'pages: while next < end.min(scan_end) {
        for opened in entries(setting, next, REPLAY_STEP)? {
            let (_, Opened { position, entry, .. }) = opened?;
            if statements.len() == size || bytes > PAGE_BYTES_MAX {
                break 'pages;
            }
            next = position.saturating_add(1);
            if !matches!(entry.fact, Fact::StatementRecorded { .. }) {
                continue;
            }
            let kept = content::statement(setting, setting.before.size().saturating_add(position));
            if let Some(kept) = kept.map_err(|error| status::of_history(&error))? {
                bytes += kept.entry.len() + kept.proof.len();
                let (entry, proof) = (kept.entry, kept.proof);
                statements.push(pb::KeptStatement { index: position, entry, proof });
            }
        }
    }
    let next_start = if next < end { next } else { 0 };
    Ok(pb::ListStatementsResponse { statements, next_start })
}
