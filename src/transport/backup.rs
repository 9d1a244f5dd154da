//! A backup on its way out: read and sealed on a thread that may wait, sent piece by piece.
//!
//! What leaves is sealed to the backup key, so the operator who takes it reads nothing of it. The
//! certificate is judged again with each item, since a backup may take longer than it lives.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::domain::digest::Digest;
use crate::identity::permission::Verb;
use crate::node::command::{Command, Outcome};
use crate::node::copy::CopyFault;
use crate::node::copy::read::{self, Reader, Snapshot};
use crate::node::copy::sealed::{Label, Sealing};
use crate::node::setting::{BackupTo, Setting};
use crate::node::writer::Writer;
use crate::transport::caller::{self, Admitted, Standing};
use crate::transport::status::{self, EdgeReason};
use crate::wire::pb;

/// Longest piece, in bytes.
const PIECE_BYTES_MAX: usize = 256 * 1024;
/// Pieces that may wait for the caller to take them.
const PIECES_WAITING: usize = 8;

/// The pieces of a backup.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Result<pb::TakeBackupResponse, Status>> + Send>>;
type Ways = mpsc::Sender<Result<pb::TakeBackupResponse, Status>>;

/// Answers `AdminService.TakeBackup`.
pub(super) async fn take(
    writer: &Writer,
    request: Request<pb::TakeBackupRequest>,
) -> Result<Response<Pieces>, Status> {
    let setting = Arc::clone(writer.setting());
    caller::caller(&request, &setting, Verb::TakeBackup)?;
    let standing = Admitted::of(&request, Verb::TakeBackup)?.standing;
    let pb::TakeBackupRequest { from_size, from_root } = request.into_inner();
    let Some(to) = setting.backup.clone() else {
        let text = "the node has no backup key: its configuration names none ([backup] key)";
        return Err(status::of_edge(EdgeReason::NoBackupKey, text));
    };
    let taken = writer.ask(Command::TakeSnapshot).await.map_err(status::of_rejection)?;
    let Outcome::Snapshot(snapshot) = taken else {
        return Err(status::of_failure(&"a snapshot came to something else"));
    };
    let label = label(&setting, &to, from_size, snapshot.size)?;
    if !from_root.is_empty() && Digest::from_slice(&from_root) != Some(label.from.root) {
        let text = format!("the first {from_size} entries are others than those of that backup");
        return Err(status::of_edge(EdgeReason::OtherHistory, &text));
    }
    let (pieces, taken) = mpsc::channel(PIECES_WAITING);
    let sealing = move || {
        let told = seal(&setting, &to, (label, *snapshot), &standing, &pieces);
        if let Err(status) = told {
            // A caller that went away wants to know nothing more.
            drop(pieces.blocking_send(Err(status)));
        }
    };
    drop(tokio::task::spawn_blocking(sealing));
    Ok(Response::new(Box::pin(ReceiverStream::new(taken))))
}

fn label(setting: &Setting, to: &BackupTo, from: u64, size: u64) -> Result<Label, Status> {
    let unknown = |error: CopyFault| {
        if let CopyFault::SizeUnknown { size } = error {
            let text = format!("no backup can have ended at {size} entries");
            return status::of_edge(EdgeReason::SizeUnknown, &text);
        }
        status::of_failure(&error)
    };
    let now = setting.clock.now();
    Ok(Label {
        journal: setting.journal_name.to_string(),
        from: read::reach(setting, from).map_err(unknown)?,
        to: read::reach(setting, size).map_err(unknown)?,
        made_at: now,
        keep_until: now.plus_millis(to.keep_ms),
    })
}

fn seal(
    setting: &Setting,
    to: &BackupTo,
    (label, snapshot): (Label, Snapshot),
    standing: &Standing,
    pieces: &Ways,
) -> Result<(), Status> {
    let failed = |error: CopyFault| status::of_failure(&error);
    let mut reader = Reader::new(setting, label.from.size, snapshot);
    let begun = Sealing::begin(label, &to.public, setting.entropy.as_ref());
    let (mut sealing, first) = begun.map_err(failed)?;
    let mut more = send(pieces, &first);
    while let (true, Some(item)) = (more, reader.next_item().map_err(failed)?) {
        standing.principal(setting.clock.now())?;
        more = send(pieces, &sealing.push(&item));
    }
    if more {
        send(pieces, &sealing.finish());
    }
    Ok(())
}

/// Sends bytes in pieces; false if nobody takes them any more.
fn send(pieces: &Ways, bytes: &[u8]) -> bool {
    bytes.chunks(PIECE_BYTES_MAX).all(|piece| {
        pieces.blocking_send(Ok(pb::TakeBackupResponse { piece: piece.to_vec() })).is_ok()
    })
}
