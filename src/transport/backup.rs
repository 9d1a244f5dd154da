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

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::identity::permission::Verb;
use crate::node::command::{Command, Outcome, PlannedBackup};
use crate::node::copy::read::{self, Reader, Snapshot};
use crate::node::copy::sealed::{Label, Sealing};
use crate::node::copy::{CopyFault, Reach};
use crate::node::setting::{BackupTo, Setting};
use crate::node::writer::Writer;
use crate::transport::caller;
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
    let pb::TakeBackupRequest { from_size, from_root, keep_until } = request.into_inner();
    let Some(to) = setting.backup.clone() else {
        let text = "the node has no backup key: its configuration names none ([backup] key)";
        return Err(status::of_edge(EdgeReason::NoBackupKey, text));
    };
    let keep_until = end(&setting, &to, &keep_until)?;
    // Whatever is wrong with it is said before the node remembers it as made.
    let from = reach(&setting, from_size)?;
    if !from_root.is_empty() && Digest::from_slice(&from_root) != Some(from.root) {
        let text = format!("the first {from_size} entries are others than those of that backup");
        return Err(status::of_edge(EdgeReason::OtherHistory, &text));
    }
    let command = Command::TakeSnapshot(PlannedBackup { from: from_size, keep_until });
    let taken = writer.ask(command).await.map_err(status::of_rejection)?;
    let Outcome::Snapshot(snapshot) = taken else {
        return Err(status::of_failure(&"a snapshot came to something else"));
    };
    let label = Label {
        journal: setting.journal_name.to_string(),
        before: setting.before.volumes().iter().map(|it| it.name().to_string()).collect(),
        from,
        to: reach(&setting, snapshot.size)?,
        made_at: setting.clock.now(),
        keep_until,
    };
    let (pieces, taken) = mpsc::channel(PIECES_WAITING);
    let sealing = move || {
        let told = seal(&setting, &to, (label, *snapshot), &pieces);
        if let Err(status) = told {
            // A caller that went away wants to know nothing more.
            drop(pieces.blocking_send(Err(status)));
        }
    };
    drop(tokio::task::spawn_blocking(sealing));
    Ok(Response::new(Box::pin(ReceiverStream::new(taken))))
}

/// When the backup is to be destroyed: as asked, within what the configuration allows.
fn end(setting: &Setting, to: &BackupTo, asked: &str) -> Result<Timestamp, Status> {
    let now = setting.clock.now();
    let latest = now.plus_millis(to.keep_ms);
    if asked.is_empty() {
        return Ok(latest);
    }
    match Timestamp::parse(asked) {
        Some(at) if at > now && at <= latest => Ok(at),
        Some(_) => {
            let text = format!("a backup ends after now, and here by {latest} at the latest");
            Err(status::of_field("/keep_until", "OUT_OF_RANGE", text))
        }
        None => Err(status::of_field("/keep_until", "MALFORMED", "it is no time of RFC 3339")),
    }
}

fn reach(setting: &Setting, size: u64) -> Result<Reach, Status> {
    read::reach(setting, size).map_err(|error| {
        if let CopyFault::SizeUnknown { size } = error {
            let text = format!("no backup can have ended at {size} entries");
            return status::of_edge(EdgeReason::SizeUnknown, &text);
        }
        status::of_failure(&error)
    })
}

fn seal(
    setting: &Setting,
    to: &BackupTo,
    (label, snapshot): (Label, Snapshot),
    pieces: &Ways,
) -> Result<(), Status> {
    let failed = |error: CopyFault| status::of_failure(&error);
    let mut reader = Reader::new(setting, label.from.size, snapshot).map_err(failed)?;
    let begun = Sealing::begin(label, &to.public, setting.entropy.as_ref());
    let (mut sealing, first) = begun.map_err(failed)?;
    let mut more = send(pieces, &first);
    while let (true, Some(item)) = (more, reader.next_item().map_err(failed)?) {
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
