//! The hand that rings: tells a command or a webhook of the agency that a message needs somebody, or
//! its operator that the node does.
//!
//! What goes out is thin: which message, which desk, since when. Whoever is woken reads the rest at
//! the inbox, with a certificate. When to ring is decided elsewhere; here a ring is delivered, or
//! its failure is traced and counted ([`AlarmBoard`]) and told to the caller.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::{Either, select};
use http::header::{CONNECTION, CONTENT_TYPE, HOST};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::clock::{Clock, Timestamp};
use crate::domain::digest::Digest;
use crate::redact::Secret;

/// A webhook is tried so often.
pub const WEBHOOK_ATTEMPTS: u32 = 3;
/// Pause before the second attempt; each further one is four times as long.
const PAUSE_FIRST: Duration = Duration::from_millis(250);

/// Why the agency is rung for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmCause {
    /// An immediate message stands in an inbox and nobody has claimed it.
    UnclaimedImmediateMessage,
    /// A message was handed up.
    Escalated,
    /// A message is held for review, and nobody has decided about it.
    HeldForReview,
}

impl AlarmCause {
    /// The word in what goes out.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnclaimedImmediateMessage => "unclaimed_immediate_message",
            Self::Escalated => "escalated",
            Self::HeldForReview => "held_for_review",
        }
    }
}

/// What goes out. No person, no kind, no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmEvent {
    /// The message.
    pub id: String,
    /// Why.
    pub event: AlarmCause,
    /// The desk whose inbox it stands in.
    pub contact_point: String,
    /// Its number in that inbox.
    pub sequence: u64,
    /// True if the message is part of an exercise.
    pub exercise: bool,
    /// Since when it needs somebody.
    pub at: Timestamp,
}

impl AlarmEvent {
    /// The one form in which the event goes out.
    pub fn to_json(&self) -> String {
        let object = serde_json::json!({
            "id": self.id,
            "event": self.event.as_str(),
            "contact_point": self.contact_point,
            "sequence": self.sequence,
            "exercise": self.exercise,
            "at": self.at.to_string(),
        });
        object.to_string()
    }
}

/// Where a webhook is: plain HTTP, for the agency's own network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAddress {
    authority: String,
    path: String,
    /// Host and port to connect to.
    peer: String,
}

/// A text that is no address of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookAddressFault {
    /// It asks for TLS.
    #[error(
        "must begin with http://, not https://: the hook is for the agency's own network, and what \
         is further away is for a relay there to reach"
    )]
    Https,
    /// It is something else.
    #[error(
        "must be an address such as http://127.0.0.1:9000/rogatory, without user, password or \
         fragment"
    )]
    Malformed,
}

impl FromStr for WebhookAddress {
    type Err = WebhookAddressFault;

    fn from_str(text: &str) -> Result<Self, WebhookAddressFault> {
        use WebhookAddressFault::{Https, Malformed};
        let uri: http::Uri = text.parse().map_err(|_| Malformed)?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(Https),
            Some(_) | None => return Err(Malformed),
        }
        let authority = uri.authority().ok_or(Malformed)?;
        if authority.as_str().contains('@') || authority.host().is_empty() || text.contains('#') {
            return Err(Malformed);
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str() == authority.host() => 80,
            None => return Err(Malformed),
        };
        let path = uri.path_and_query().map_or("/", |it| it.as_str());
        Ok(Self {
            authority: authority.to_string(),
            path: path.to_owned(),
            peer: format!("{}:{port}", authority.host()),
        })
    }
}

impl fmt::Display for WebhookAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// Whom to ring: a command, a webhook, both or neither.
#[derive(Clone, Debug)]
pub struct AlarmWays {
    /// Program and arguments, run without a shell; empty for none.
    pub command: Vec<String>,
    /// Where to post to.
    pub webhook: Option<WebhookAddress>,
    /// Signs what is posted; without it nothing is signed.
    pub webhook_key: Option<Arc<Secret<32>>>,
    /// Longest run of the command, and longest single attempt at the webhook.
    pub timeout: Duration,
}

/// Why a command did not take a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandFault {
    /// It could not be run.
    #[error("the command cannot be run: {0}")]
    NotRun(io::ErrorKind),
    /// It ended with another status than 0.
    #[error("the command ended with status {0}")]
    Status(i32),
    /// A signal ended it.
    #[error("signal {0} ended the command")]
    Signal(i32),
    /// It took too long and was killed.
    #[error("the command took too long and was killed")]
    Killed,
}

/// Why a webhook did not take a ring, at the last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookFault {
    /// Nobody is there.
    #[error("the webhook cannot be reached: {0}")]
    Unreachable(io::ErrorKind),
    /// The connection ended without an answer in HTTP.
    #[error("the webhook gave no answer")]
    NoAnswer,
    /// It answered with another status than 2xx.
    #[error("the webhook answered with status {0}")]
    Status(u16),
    /// It took too long.
    #[error("the webhook took too long")]
    TimedOut,
}

/// A ring that did not arrive everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the alarm did not arrive everywhere: {}", told(.command.as_ref(), .webhook.as_ref()))]
pub struct AlarmError {
    /// What went wrong with the command.
    pub command: Option<CommandFault>,
    /// What went wrong with the webhook.
    pub webhook: Option<WebhookFault>,
}

fn told(command: Option<&CommandFault>, webhook: Option<&WebhookFault>) -> String {
    let faults = [command.map(ToString::to_string), webhook.map(ToString::to_string)];
    faults.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A way to ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmWay {
    /// The command.
    Command,
    /// The webhook.
    Webhook,
}

impl AlarmWay {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Command, Self::Webhook];

    /// The label in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Webhook => "webhook",
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    delivered: AtomicU64,
    failed: AtomicU64,
}

/// How many rings arrived and how many did not, since the node started: for the metrics.
#[derive(Clone, Debug, Default)]
pub struct AlarmBoard {
    command: Arc<Counts>,
    webhook: Arc<Counts>,
}

impl AlarmBoard {
    /// Rings that arrived this way.
    pub fn delivered(&self, way: AlarmWay) -> u64 {
        self.of(way).delivered.load(Ordering::Relaxed)
    }

    /// Rings that did not arrive this way, after all attempts.
    pub fn failed(&self, way: AlarmWay) -> u64 {
        self.of(way).failed.load(Ordering::Relaxed)
    }

    fn of(&self, way: AlarmWay) -> &Counts {
        match way {
            AlarmWay::Command => &self.command,
            AlarmWay::Webhook => &self.webhook,
        }
    }

    fn count<F: fmt::Display>(&self, way: AlarmWay, outcome: &Result<(), F>) {
        let counts = self.of(way);
        match outcome {
            Ok(()) => counts.delivered.fetch_add(1, Ordering::Relaxed),
            Err(fault) => {
                tracing::error!(%fault, "an alarm did not arrive");
                counts.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

/// Rings.
#[derive(Clone)]
pub struct AlarmHook {
    ways: AlarmWays,
    clock: Arc<dyn Clock>,
    board: AlarmBoard,
}

impl AlarmHook {
    /// Rings by `ways` and counts on `board`.
    pub fn new(ways: AlarmWays, clock: Arc<dyn Clock>, board: AlarmBoard) -> Self {
        Self { ways, clock, board }
    }

    /// Where what became of rings is counted.
    pub fn board(&self) -> &AlarmBoard {
        &self.board
    }

    /// True if nobody is to be rung.
    pub fn is_silent(&self) -> bool {
        self.ways.command.is_empty() && self.ways.webhook.is_none()
    }

    /// Rings by every way at the same time. Ends after the timeout of the command or the attempts
    /// at the webhook, whatever they do; a ring that is dropped before kills the command.
    ///
    /// # Errors
    /// If a way failed. It was traced and counted already.
    pub async fn ring(&self, event: &AlarmEvent) -> Result<(), AlarmError> {
        self.send(event.to_json()).await
    }

    /// Rings with this object.
    ///
    /// # Errors
    /// As [`AlarmHook::ring`].
    pub(super) async fn send(&self, body: String) -> Result<(), AlarmError> {
        let (command, webhook) = tokio::join!(self.run(&body), self.deliver(&body));
        if command.is_none() && webhook.is_none() {
            return Ok(());
        }
        Err(AlarmError { command, webhook })
    }

    async fn run(&self, body: &str) -> Option<CommandFault> {
        let [program, arguments @ ..] = self.ways.command.as_slice() else {
            return None;
        };
        let outcome = run(program, arguments, body, self.ways.timeout).await;
        self.board.count(AlarmWay::Command, &outcome);
        outcome.err()
    }

    async fn deliver(&self, body: &str) -> Option<WebhookFault> {
        let address = self.ways.webhook.as_ref()?;
        let mut outcome = self.attempt(address, body).await;
        let mut pause = PAUSE_FIRST;
        for _ in 1..WEBHOOK_ATTEMPTS {
            let Err(fault) = &outcome else { break };
            tracing::warn!(%fault, "an alarm is tried again");
            sleep(pause).await;
            pause *= 4;
            outcome = self.attempt(address, body).await;
        }
        self.board.count(AlarmWay::Webhook, &outcome);
        outcome.err()
    }

    async fn attempt(&self, address: &WebhookAddress, body: &str) -> Result<(), WebhookFault> {
        let posted = timeout(self.ways.timeout, self.post(address, body)).await;
        let status = posted.map_err(|_| WebhookFault::TimedOut)??;
        if status.is_success() { Ok(()) } else { Err(WebhookFault::Status(status.as_u16())) }
    }

    /// One POST on a connection of its own. The answer's body is not read.
    async fn post(
        &self,
        address: &WebhookAddress,
        body: &str,
    ) -> Result<http::StatusCode, WebhookFault> {
        let stream = TcpStream::connect(&address.peer).await;
        let stream = stream.map_err(|error| WebhookFault::Unreachable(error.kind()))?;
        let request = self.request(address, body).map_err(|_| WebhookFault::NoAnswer)?;
        let opened = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = opened.map_err(|_| WebhookFault::NoAnswer)?;
        let answer = pin!(sender.send_request(request));
        let answer = match select(answer, pin!(connection)).await {
            Either::Left((answer, _)) => answer,
            // The connection may end with its answer; then the answer is there already.
            Either::Right((_, answer)) => answer.await,
        };
        answer.map(|it| it.status()).map_err(|_| WebhookFault::NoAnswer)
    }

    /// By Standard Webhooks: the id is that of the event, the time that of the attempt.
    fn request(
        &self,
        address: &WebhookAddress,
        body: &str,
    ) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let hash = Digest::of(body.as_bytes()).to_string();
        let id = format!("msg_{}", hash.chars().take(32).collect::<String>());
        let at = self.clock.now().millis().div_euclid(1000);
        let mut request = http::Request::post(&address.path)
            .header(HOST, &address.authority)
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .header("webhook-id", &id)
            .header("webhook-timestamp", at);
        if let Some(key) = &self.ways.webhook_key {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
            let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
            let signature = format!("v1,{}", STANDARD.encode(tag.as_ref()));
            request = request.header("webhook-signature", signature);
        }
        request.body(Full::new(Bytes::from(body.to_owned())))
    }
}

/// Runs a program with `body` as its input. What it writes is not read: it may name people.
async fn run(
    program: &str,
    arguments: &[String],
    body: &str,
    limit: Duration,
) -> Result<(), CommandFault> {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let not_run = |error: io::Error| CommandFault::NotRun(error.kind());
    let mut child = command.spawn().map_err(not_run)?;
    match timeout(limit, fed(&mut child, body)).await {
        Ok(ended) => judged(ended.map_err(not_run)?),
        Err(_) => {
            child.kill().await.map_err(not_run)?;
            Err(CommandFault::Killed)
        }
    }
}

async fn fed(child: &mut Child, body: &str) -> io::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        // A command need not read what it is told; its status counts.
        drop(stdin.write_all(body.as_bytes()).await);
    }
    child.wait().await
}

fn judged(ended: ExitStatus) -> Result<(), CommandFault> {
    match (ended.code(), ended.signal()) {
        (Some(0), _) => Ok(()),
        (Some(status), _) => Err(CommandFault::Status(status)),
        (None, signal) => Err(CommandFault::Signal(signal.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_plain_http_and_nothing_else() {
        for (good, peer) in [
            ("http://127.0.0.1:9000/rogatory", "127.0.0.1:9000"),
            ("http://[::1]:9000/a?b=c", "[::1]:9000"),
            ("http://relay.internal/", "relay.internal:80"),
        ] {
            let address: WebhookAddress = good.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.peer.as_str()), (good, peer));
        }
        let bare: WebhookAddress = "http://relay".parse().unwrap();
        assert_eq!(bare.to_string(), "http://relay/");
        let https = "https://relay.example/".parse::<WebhookAddress>();
        assert_eq!(https, Err(WebhookAddressFault::Https));
        for bad in [
            "",
            "/path",
            "relay:9000",
            "ftp://relay/",
            "http:///path",
            "http://user:word@relay/",
            "http://relay/#part",
            "http://relay:99999/",
            "http://relay:/",
            "http://relay/a b",
        ] {
            let read = bad.parse::<WebhookAddress>();
            assert_eq!(read, Err(WebhookAddressFault::Malformed), "{bad}");
        }
    }
}
