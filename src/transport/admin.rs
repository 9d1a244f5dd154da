//! For operators: what the node is doing. Shows peers and queues, no content; a backup is sealed
//! (`backup.rs`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::{Request, Response, Status};

use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::identity::permission::Verb;
use crate::node::doubt::Doubt;
use crate::node::duties::outbound::RefusedOnce;
use crate::node::query::{self, PeerView};
use crate::node::recovery::Recovery;
use crate::node::setting::Setting;
use crate::node::writer::Writer;
use crate::transport::certificates::CertificateBoard;
use crate::transport::followed::DirectoryBoard;
use crate::transport::{backup, caller, outstanding, status, views, volumes};
use crate::wire::pb;
use crate::wire::pb::admin_service_server::AdminService;

/// What a relay session last was, as far as it is not in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contact {
    connected: bool,
    /// When it is dialled again; none while connected.
    pub(super) next_attempt: Option<Timestamp>,
    /// Why the last attempt failed; empty while connected.
    pub(super) last_error: String,
    /// Attempts that failed since it was reached last.
    pub(super) failures: u32,
    /// It takes nothing over until its operator says so.
    pub(super) drains: bool,
    /// What it did not take, and is asked again.
    pub(super) refused: BTreeMap<MessageKey, RefusedOnce>,
    /// Why it takes nothing for a while, and until when nothing new is offered.
    pub(super) held_back: Option<(String, Timestamp)>,
    /// Attachments that it did not take, by message and number.
    pub(super) attachments_refused: BTreeMap<(MessageKey, u32), RefusedOnce>,
}

/// How the contact with each peer stands: written by whoever dials, read by operators. Nothing is
/// lost with it.
#[derive(Clone, Debug, Default)]
pub struct PeerBoard {
    contacts: Arc<Mutex<BTreeMap<AgencyId, Contact>>>,
    unrecorded: Arc<Mutex<BTreeMap<AgencyId, u64>>>,
}

impl PeerBoard {
    /// A stream to `peer` is up.
    pub fn connected(&self, peer: &AgencyId) {
        let contact = Contact { connected: true, ..Contact::default() };
        self.contacts().insert(peer.clone(), contact);
    }

    /// The stream to `peer` ended or could not be opened; `next` is when it is tried again.
    pub fn lost(&self, peer: &AgencyId, next: Timestamp, reason: &str) {
        let last_error = reason.to_owned();
        let failures = self.contact(peer).failures.saturating_add(1);
        let next_attempt = Some(next);
        let contact = Contact { next_attempt, last_error, failures, ..Contact::default() };
        self.contacts().insert(peer.clone(), contact);
    }

    /// What the session with `peer` knows of what is not taken.
    pub(super) fn not_taken(
        &self,
        peer: &AgencyId,
        (refused, drains): (&BTreeMap<MessageKey, RefusedOnce>, bool),
        held_back: Option<(&str, Timestamp)>,
    ) {
        if let Some(contact) = self.contacts().get_mut(peer) {
            contact.drains = drains;
            contact.held_back = held_back.map(|(reason, until)| (reason.to_owned(), until));
            if contact.refused != *refused {
                contact.refused.clone_from(refused);
            }
        }
    }

    /// The same of attachments, which have a session of their own.
    pub(super) fn attachments_not_taken(
        &self,
        peer: &AgencyId,
        refused: &BTreeMap<(MessageKey, u32), RefusedOnce>,
    ) {
        if let Some(contact) = self.contacts().get_mut(peer)
            && contact.attachments_refused != *refused
        {
            contact.attachments_refused.clone_from(refused);
        }
    }

    /// A frame of `peer` was refused because it is cut off, or had its share of refusals on record.
    pub(super) fn refused_unrecorded(&self, peer: &AgencyId) {
        let mut counts = self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(peer.clone()).or_default();
        *count = count.saturating_add(1);
    }

    /// How many were, since the start.
    pub(super) fn unrecorded(&self, peer: &AgencyId) -> u64 {
        let counts = self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(peer).copied().unwrap_or_default()
    }

    /// True while a stream to `peer` is up.
    pub fn is_connected(&self, peer: &AgencyId) -> bool {
        self.contacts().get(peer).is_some_and(|it| it.connected)
    }

    pub(super) fn contact(&self, peer: &AgencyId) -> Contact {
        self.contacts().get(peer).cloned().unwrap_or_default()
    }

    fn contacts(&self) -> MutexGuard<'_, BTreeMap<AgencyId, Contact>> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Peers and queues of a node.
#[derive(Clone)]
pub struct Admin {
    writer: Writer,
    board: PeerBoard,
    certificates: CertificateBoard,
    directory: DirectoryBoard,
}

impl Admin {
    /// Over the node behind `writer`.
    pub fn new(writer: Writer, board: PeerBoard, certificates: CertificateBoard) -> Self {
        Self { writer, board, certificates, directory: DirectoryBoard::default() }
    }

    /// Shows what was heard of the directory too.
    pub fn with_directory(self, directory: DirectoryBoard) -> Self {
        Self { directory, ..self }
    }

    fn standing(&self) -> pb::DirectoryStanding {
        let setting = self.writer.setting();
        let confirmed = setting.directory_confirmed();
        let ends = confirmed.map(|(at, it)| at.plus_millis(it.end_after_ms));
        pb::DirectoryStanding {
            followed: Some(followed(&setting.directory())),
            confirmed_at: confirmed.map(|(at, _)| at.to_string()).unwrap_or_default(),
            state: setting.freshness().as_str().to_owned(),
            ends_at: ends.map(|it| it.to_string()).unwrap_or_default(),
            peers: self.directory.peers(),
            refused: self.directory.refused_texts(),
            changed_desks: self.directory.changed_desks(),
            gone_desks: self.directory.gone_desks(),
        }
    }

    fn peer(&self, view: PeerView) -> pb::Peer {
        let contact = self.board.contact(&view.agency);
        pb::Peer {
            agency: view.agency.to_string(),
            connected: contact.connected,
            waiting: u64::try_from(view.waiting).unwrap_or(u64::MAX),
            cosigned_size: view.cosigned_size,
            witnessed_size: view.witnessed_size,
            next_attempt: contact.next_attempt.map(|it| it.to_string()).unwrap_or_default(),
            last_error: contact.last_error,
            conflict: view.conflict,
            draining: contact.drains,
            cut_off_until: view
                .conduct
                .cut_off_until()
                .map(|it| it.to_string())
                .unwrap_or_default(),
            cut_off_cause: view
                .conduct
                .cut_off_cause()
                .map(|it| it.to_string())
                .unwrap_or_default(),
        }
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    type TakeBackupStream = backup::Pieces;

    async fn take_backup(
        &self,
        request: Request<pb::TakeBackupRequest>,
    ) -> Result<Response<Self::TakeBackupStream>, Status> {
        backup::take(&self.writer, request).await
    }

    async fn get_node_status(
        &self,
        request: Request<pb::GetNodeStatusRequest>,
    ) -> Result<Response<pb::GetNodeStatusResponse>, Status> {
        let setting = self.writer.setting();
        caller::caller(&request, setting, Verb::GetNodeStatus)?;
        let status = self.certificates.status(setting.clock.now());
        let directory = Some(self.standing());
        let drain = views::read(&self.writer, outstanding::drain).await?;
        Ok(Response::new(pb::GetNodeStatusResponse { directory, drain, ..status }))
    }

    async fn confirm_volume(
        &self,
        request: Request<pb::ConfirmVolumeRequest>,
    ) -> Result<Response<pb::ConfirmVolumeResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ConfirmVolume)?;
        let asked = request.into_inner();
        Ok(Response::new(volumes::confirm(&self.writer, principal, asked).await?))
    }

    async fn list_lost(
        &self,
        request: Request<pb::ListLostRequest>,
    ) -> Result<Response<pb::ListLostResponse>, Status> {
        caller::caller(&request, self.writer.setting(), Verb::ListLost)?;
        let asked = request.into_inner();
        let answer = views::read(&self.writer, move |setting| volumes::lost(setting, &asked));
        Ok(Response::new(answer.await?))
    }

    async fn list_peers(
        &self,
        request: Request<pb::ListPeersRequest>,
    ) -> Result<Response<pb::ListPeersResponse>, Status> {
        caller::caller(&request, self.writer.setting(), Verb::ListPeers)?;
        let found = views::read(&self.writer, |setting| {
            let doubt = Doubt::of(setting.store.as_ref());
            let doubt = doubt.map_err(|error| status::of_history(&error))?;
            let peers = query::peers(setting).map_err(|error| status::of_history(&error))?;
            let recovery = Recovery::of(setting.store.as_ref());
            let recovery = recovery.map_err(|error| status::of_history(&error))?;
            let doubt = doubt.map(|it| told(setting, &it));
            Ok((peers, doubt.or(recovery.map(|it| told_of_lost(setting, &it)))))
        });
        let (found, doubt) = found.await?;
        let peers = found.into_iter().map(|it| self.peer(it)).collect();
        let directory = Some(followed(&self.writer.setting().directory()));
        Ok(Response::new(pb::ListPeersResponse { peers, doubt, directory }))
    }

    async fn list_queue(
        &self,
        request: Request<pb::ListQueueRequest>,
    ) -> Result<Response<pb::ListQueueResponse>, Status> {
        caller::caller(&request, self.writer.setting(), Verb::ListQueue)?;
        let (asked, board) = (request.into_inner(), self.board.clone());
        let answer =
            views::read(&self.writer, move |setting| outstanding::list(setting, &board, &asked));
        Ok(Response::new(answer.await?))
    }

    async fn release_set_aside(
        &self,
        request: Request<pb::ReleaseSetAsideRequest>,
    ) -> Result<Response<pb::ReleaseSetAsideResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ReleaseSetAside)?;
        let asked = request.into_inner();
        Ok(Response::new(outstanding::release(&self.writer, principal, asked).await?))
    }

    async fn return_set_aside(
        &self,
        request: Request<pb::ReturnSetAsideRequest>,
    ) -> Result<Response<pb::ReturnSetAsideResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::ReturnSetAside)?;
        let asked = request.into_inner();
        Ok(Response::new(outstanding::give_back(&self.writer, principal, asked).await?))
    }

    async fn set_drain(
        &self,
        request: Request<pb::SetDrainRequest>,
    ) -> Result<Response<pb::SetDrainResponse>, Status> {
        let setting = self.writer.setting();
        let principal = caller::caller(&request, setting, Verb::SetDrain)?;
        let asked = request.into_inner();
        Ok(Response::new(outstanding::set_drain(&self.writer, principal, asked).await?))
    }
}

fn followed(directory: &Directory) -> pb::FollowedDirectory {
    pb::FollowedDirectory {
        version: directory.version(),
        hash: directory.hash().to_string(),
        issued_at: directory.issued_at().map(|it| it.to_string()).unwrap_or_default(),
    }
}

/// What is still asked for, as operators see it.
fn told_of_lost(setting: &Setting, recovery: &Recovery) -> pb::JournalDoubt {
    let neighbours = setting.directory().neighbours(&setting.agency);
    let beyond = recovery.beyond(setting);
    let has_shown = |it: &AgencyId| beyond.iter().any(|shown| shown.by == *it);
    let unanswered = recovery.unanswered(neighbours).into_iter().filter(|it| !has_shown(it));
    let most = beyond.last();
    pb::JournalDoubt {
        reason: recovery.rejection().reason.as_str().to_owned(),
        size: recovery.size,
        size_seen: most.map_or(0, |it| it.size),
        seen_by: most.map(|it| it.by.to_string()).unwrap_or_default(),
        unanswered: unanswered.map(String::from).collect(),
        size_counted: most.map_or(0, |it| it.counts),
    }
}

/// A doubt about the end of the journal, as operators see it.
fn told(setting: &Setting, doubt: &Doubt) -> pb::JournalDoubt {
    let behind = doubt.behind.as_ref();
    pb::JournalDoubt {
        reason: doubt.reason().as_str().to_owned(),
        size: doubt.size,
        size_seen: behind.map_or(0, |it| it.size),
        seen_by: behind.map(|it| it.by.to_string()).unwrap_or_default(),
        unanswered: doubt
            .unanswered(doubt.asked(setting))
            .iter()
            .map(ToString::to_string)
            .collect(),
        size_counted: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_as_it_last_was() {
        let board = PeerBoard::default();
        let peer: AgencyId = "int.hub".parse().unwrap();
        assert!(!board.is_connected(&peer));
        board.lost(&peer, Timestamp::from_millis(5), "refused");
        let lost = board.contact(&peer);
        assert_eq!(
            (lost.next_attempt, lost.last_error.as_str()),
            (Some(Timestamp::from_millis(5)), "refused")
        );
        board.connected(&peer);
        assert!(board.is_connected(&peer));
        assert_eq!(board.contact(&peer).last_error, "");
    }
}
