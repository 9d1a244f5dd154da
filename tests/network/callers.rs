//! Callers of the nodes: typed clients with their own certificates.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rogatory::cli::node::run::roots_of;
use rogatory::clock::SystemClock;
use rogatory::identity::Role;
use rogatory::transport::client::{Client, ClientError, ClientSettings};
use rogatory::transport::tls::stream::ClientTls;
use rogatory::transport::tls::{self, OwnCertificate};

use super::{LOOK_INTERVAL, Network, PATIENCE, agency, until};

/// A call to a node that has just been killed is given up after this time.
const CALL_TIME_MAX: Duration = Duration::from_secs(10);

impl Network {
    /// The TLS side of a caller of agency `of` who expects the node of `stage`.
    pub fn tls(&self, stage: &str, of: &str, role: Role) -> tls::ClientSettings {
        let caller = self.place(of).callers.get(&role).expect("the agency has such a caller");
        let read = |path| std::fs::read_to_string(path).expect("the file is there");
        let own = OwnCertificate::from_pem(&read(&caller.certificate), &read(&caller.key));
        tls::ClientSettings {
            expected: agency(stage),
            own: Arc::new(own.expect("a certificate with its key")),
            roots: Arc::new(ArcSwap::from_pointee(roots_of(&self.made.directory))),
            clock: Arc::new(SystemClock),
        }
    }

    /// How a caller of agency `of` reaches the agency listener of `stage`.
    pub fn line(&self, stage: &str, of: &str, role: Role) -> ClientSettings {
        let config = self.tls(stage, of, role);
        let address = self.place(stage).listen.agency.to_string();
        let settings = ClientSettings::new(address, ClientTls::new(config));
        // The certificates name it, whatever the address.
        let server_name = Some("localhost".to_owned());
        ClientSettings { server_name, time_max: CALL_TIME_MAX, ..settings }
    }

    /// A caller of an agency at its own node; waits until the node answers.
    pub async fn client(&self, stage: &str, role: Role) -> Client {
        let settings = self.line(stage, stage, role);
        until("a connection", async || Client::connect(settings.clone()).await.ok()).await
    }
}

/// Whether the connection failed, or the node is not able to answer now: the same call may be made
/// again.
pub fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Connect(_) | ClientError::Lost(_) => true,
        ClientError::Refused(_) => false,
        // 1 cancelled, 4 the time ran out, 14 unavailable: nothing was decided for the caller.
        ClientError::Call(told) => matches!(told.code, 1 | 4 | 14),
    }
}

/// Makes a call until it is answered: what a caller with idempotency keys does.
///
/// # Panics
/// If the node says no, or no answer comes in time.
pub async fn insistently<T, F>(mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, ClientError>>,
{
    let asking = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(error) if is_passing(&error) => tokio::time::sleep(LOOK_INTERVAL).await,
                Err(error) => panic!("{}", error.to_json()),
            }
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("waited {PATIENCE:?} for an answer"),
    }
}
