//! The operations listener: health and metrics, nothing that changes or shows a message.
//!
//! Healthy means able to deliver: the journal can commit, and is not behind what neighbours have
//! seen of it. A peer that is down does not make the node unhealthy, and neither does a disk that is
//! nearly full, which is said. Labels come from the directory and closed lists only, and none tells
//! a kind.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use tonic::transport::Server;
use tonic_health::ServingStatus;

use crate::directory::freshness::Freshness;
use crate::node::writer::Writer;
use crate::node::{query, records, recovery};
use crate::transport::Tasks;
use crate::transport::admin::PeerBoard;
use crate::transport::alarm::{AlarmBoard, AlarmWay};
use crate::transport::certificates::CertificateBoard;
use crate::transport::followed::DirectoryBoard;

/// What health says of a node that serves and takes nothing new.
pub const STORAGE_LOW: &str = "serving, but storage is low: nothing new is taken\n";

/// The metric that says how many entries stood before the journal's announced keys first signed;
/// there until the directory retires the ones before.
pub const JOURNAL_KEYS_CHANGED: &str = "rogatory_journal_keys_changed_at_entries";

/// The metric that says from when on (seconds since 1970) the announced witness key cosigns; there once
/// it does, until the directory retires the one before.
pub const WITNESS_KEY_CHANGED: &str = "rogatory_witness_key_changed_at_seconds";

/// What the operations listener shows.
#[derive(Clone)]
pub struct Operations {
    writer: Writer,
    board: PeerBoard,
    alarms: AlarmBoard,
    certificates: CertificateBoard,
    directory: DirectoryBoard,
    tasks: Tasks,
}

impl Operations {
    /// Shows the node behind `writer`.
    pub fn new(
        writer: Writer,
        board: PeerBoard,
        certificates: CertificateBoard,
        tasks: Tasks,
    ) -> Self {
        let (alarms, directory) = (AlarmBoard::default(), DirectoryBoard::default());
        Self { writer, board, alarms, certificates, directory, tasks }
    }

    /// Shows what was heard of the directory too.
    pub fn with_directory(self, directory: DirectoryBoard) -> Self {
        Self { directory, ..self }
    }

    /// Shows the alarms that are counted on `alarms` too.
    pub fn with_alarms(self, alarms: AlarmBoard) -> Self {
        Self { alarms, ..self }
    }

    /// `GET /health`, `GET /metrics`, and the standard gRPC health service, which says NOT_SERVING
    /// as soon as the node is told to stop.
    pub fn services(self) -> tonic::transport::server::Router {
        let (reporter, standard) = tonic_health::server::health_reporter();
        let stopping = self.tasks.clone();
        self.tasks.spawn(async move {
            stopping.stopping().await;
            reporter.set_service_status("", ServingStatus::NotServing).await;
        });
        let pages = Router::new()
            .route("/health", get(health))
            .route("/metrics", get(metrics))
            .with_state(self);
        let routes = tonic::service::Routes::from(pages).add_service(standard);
        Server::builder().accept_http1(true).add_routes(routes)
    }
}

async fn health(State(operations): State<Operations>) -> (StatusCode, String) {
    let no = |text: String| (StatusCode::SERVICE_UNAVAILABLE, text);
    if operations.tasks.is_stopping() || operations.writer.has_stopped() {
        return no("not serving\n".to_owned());
    }
    match recovery::reads_only(operations.writer.setting()) {
        Ok(None) if operations.writer.setting().is_storage_low() => {
            (StatusCode::OK, STORAGE_LOW.to_owned())
        }
        Ok(None) => (StatusCode::OK, "serving\n".to_owned()),
        Ok(Some(rejection)) => no(format!("reads only: {rejection}\n")),
        Err(error) => {
            tracing::error!(%error, "the state could not be read");
            no("not serving\n".to_owned())
        }
    }
}

async fn metrics(State(operations): State<Operations>) -> Result<String, StatusCode> {
    render(&operations).map_err(|error| {
        tracing::error!(%error, "metrics could not be read");
        StatusCode::INTERNAL_SERVER_ERROR
    })
}

fn render(operations: &Operations) -> Result<String, crate::history::rows::HistoryError> {
    let setting = operations.writer.setting();
    let mut text = String::new();
    let mut line = |name: &str, labels: &str, value: u64| {
        text.push_str(&format!("{name}{labels} {value}\n"));
    };
    let build = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    line("rogatory_build_info", &build, 1);
    line("rogatory_journal_entries", "", setting.journal.next());
    if let Some(size) = setting.keys.journal.changed_at() {
        line(JOURNAL_KEYS_CHANGED, "", size);
    }
    if let Some(from) = setting.keys.witness.changed_at(setting.clock.now()) {
        line(WITNESS_KEY_CHANGED, "", from.millis().max(0).unsigned_abs() / 1_000);
    }
    let directory = setting.directory();
    line("rogatory_directory_version", "", directory.version());
    if let Some(issued_at) = directory.issued_at() {
        let age = setting.clock.now().millis_since(issued_at).max(0).unsigned_abs() / 1000;
        line("rogatory_directory_age_seconds", "", age);
    }
    if let Some((confirmed, _)) = setting.directory_confirmed() {
        let age = setting.clock.now().millis_since(confirmed).max(0).unsigned_abs() / 1000;
        line("rogatory_directory_unconfirmed_seconds", "", age);
    }
    let freshness = setting.freshness();
    line("rogatory_directory_stale", "", u64::from(freshness != Freshness::Fresh));
    line("rogatory_directory_ended", "", u64::from(freshness == Freshness::Ended));
    for (name, labels, value) in operations.directory.metrics() {
        line(name, &labels, value);
    }
    if let Some(free) = setting.free_bytes() {
        line("rogatory_store_free_bytes", "", free);
    }
    line("rogatory_store_low_water_bytes", "", setting.policy.low_water_bytes);
    let drains = records::draining(setting.store.as_ref())?.is_some();
    line("rogatory_draining", "", u64::from(drains));
    line("rogatory_store_low", "", u64::from(setting.is_storage_low()));
    for (name, labels, value) in operations.certificates.metrics(setting.clock.now()) {
        line(name, &labels, value);
    }
    for way in AlarmWay::ALL {
        let label = format!("{{way=\"{}\"}}", way.as_str());
        line("rogatory_alarms_delivered", &label, operations.alarms.delivered(way));
        line("rogatory_alarms_failed", &label, operations.alarms.failed(way));
    }
    for peer in query::peers(setting)? {
        let label = format!("{{peer=\"{}\"}}", peer.agency);
        let waiting = u64::try_from(peer.waiting).unwrap_or(u64::MAX);
        line("rogatory_relay_waiting", &label, waiting);
        line(
            "rogatory_relay_connected",
            &label,
            u64::from(operations.board.is_connected(&peer.agency)),
        );
        line("rogatory_peer_cosigned_entries", &label, peer.cosigned_size);
        line("rogatory_peer_witnessed_entries", &label, peer.witnessed_size);
        line("rogatory_peer_conflict", &label, u64::from(peer.conflict));
        line("rogatory_peer_refused", &label, u64::from(peer.conduct.on_record()));
        let cut_off = peer.conduct.cut_off_until().is_some();
        line("rogatory_peer_cut_off", &label, u64::from(cut_off));
        let unrecorded = operations.board.unrecorded(&peer.agency);
        line("rogatory_peer_refused_unrecorded", &label, unrecorded);
    }
    Ok(text)
}
