//! The promise: an alarm arrives at the agency's command and webhook, or its failure is told and
//! counted; it says which message and which desk, and nothing that a message says.

use std::convert::Infallible;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rogatory::clock::{HandClock, Timestamp};
use rogatory::redact::Secret;
use rogatory::transport::Tasks;
use rogatory::transport::alarm::{
    AlarmBoard, AlarmCause, AlarmEvent, AlarmHook, AlarmWay, AlarmWays, CommandFault, WebhookFault,
};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

const PAYLOAD: &str = "{\"id\":\"019baaf3-24a0-7000-8000-000000000001\",\
    \"event\":\"unclaimed_immediate_message\",\"contact_point\":\"pan.flag/desk\",\"sequence\":7,\
    \"exercise\":false,\"at\":\"2026-01-11T02:57:00Z\"}";
/// What a script prints, and what no error and no event repeats.
const MARKER: &str = "MARIA-MARKER";

fn event() -> AlarmEvent {
    AlarmEvent {
        id: "019baaf3-24a0-7000-8000-000000000001".to_owned(),
        event: AlarmCause::UnclaimedImmediateMessage,
        contact_point: "pan.flag/desk".to_owned(),
        sequence: 7,
        exercise: false,
        at: Timestamp::parse("2026-01-11T02:57:00Z").unwrap(),
    }
}

fn silent() -> AlarmWays {
    AlarmWays {
        command: Vec::new(),
        webhook: None,
        webhook_key: None,
        timeout: Duration::from_secs(10),
    }
}

fn hook(ways: AlarmWays) -> (AlarmHook, AlarmBoard) {
    let clock = HandClock::at(Timestamp::parse("2026-01-11T02:57:01.999Z").unwrap());
    let board = AlarmBoard::default();
    (AlarmHook::new(ways, Arc::new(clock), board.clone()), board)
}

fn figures(board: &AlarmBoard) -> [(u64, u64); 2] {
    AlarmWay::ALL.map(|way| (board.delivered(way), board.failed(way)))
}

/// A command that runs `lines` as a script of the folder.
fn script(folder: &Path, lines: &str) -> Vec<String> {
    let path = folder.join("page.sh");
    std::fs::File::create(&path).unwrap().write_all(lines.as_bytes()).unwrap();
    let told = folder.join("told");
    ["/bin/sh", path.to_str().unwrap(), told.to_str().unwrap(), "$(touch \"$0\".shell); two words"]
        .map(str::to_owned)
        .to_vec()
}

/// One request that a server heard.
#[derive(Clone)]
struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

/// What a server heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Call>>>);

impl Heard {
    fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap().clone()
    }
}

/// A server on loopback that answers with `statuses` one after the other, the last again and again.
async fn server(statuses: &'static [u16], tasks: &Tasks) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Heard::default();
    let (kept, stopping) = (heard.clone(), tasks.clone());
    tasks.spawn(async move {
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted.unwrap().0,
                () = stopping.stopping() => return,
            };
            let answering = service_fn(|request: Request<Incoming>| async {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let body = String::from_utf8(body.to_vec()).unwrap();
                let mut heard = kept.0.lock().unwrap();
                let status = statuses[heard.len().min(statuses.len() - 1)];
                let (method, path) = (parts.method, parts.uri.to_string());
                heard.push(Call { method, path, headers: parts.headers, body });
                let answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
                Ok::<_, Infallible>(answer.body(Full::new(Bytes::from(MARKER))).unwrap())
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answering);
            // A caller that asked only for the status may hang up before it has read the rest.
            drop(serving.await);
        }
    });
    (format!("http://{address}/rogatory?desk=1"), heard)
}

#[tokio::test]
async fn the_command_gets_the_event_as_its_input_without_a_shell() {
    let home = tempfile::tempdir().unwrap();
    let lines =
        format!("echo {MARKER}\necho {MARKER} >&2\ncat > \"$1\"\nprintf %s \"$2\" > \"$1.word\"");
    let command = script(home.path(), &lines);
    let (hook, board) = hook(AlarmWays { command, ..silent() });
    assert!(!hook.is_silent());
    hook.ring(&event()).await.unwrap();
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    assert_eq!(read("told"), PAYLOAD);
    assert_eq!(read("told.word"), "$(touch \"$0\".shell); two words");
    assert_eq!(figures(&board), [(1, 0), (0, 0)]);
}

#[tokio::test]
async fn a_command_that_fails_is_told_with_its_status() {
    let home = tempfile::tempdir().unwrap();
    for (lines, fault) in [
        ("cat > /dev/null; exit 3", CommandFault::Status(3)),
        ("exit 1", CommandFault::Status(1)),
        ("kill -9 $$", CommandFault::Signal(9)),
    ] {
        let lines = format!("echo {MARKER} >&2\n{lines}");
        let command = script(home.path(), &lines);
        let (hook, board) = hook(AlarmWays { command, ..silent() });
        let error = hook.ring(&event()).await.unwrap_err();
        assert_eq!((error.command, error.webhook), (Some(fault), None), "{lines}");
        assert!(!format!("{error} {error:?}").contains(MARKER));
        assert_eq!(figures(&board), [(0, 1), (0, 0)]);
    }
    let absent = home.path().join("absent").to_str().unwrap().to_owned();
    let (hook, board) = hook(AlarmWays { command: vec![absent], ..silent() });
    let error = hook.ring(&event()).await.unwrap_err();
    assert_eq!(error.command, Some(CommandFault::NotRun(ErrorKind::NotFound)));
    assert_eq!(figures(&board), [(0, 1), (0, 0)]);
}

#[tokio::test]
async fn a_command_need_not_read_what_it_is_told() {
    let (hook, board) = hook(AlarmWays { command: vec!["/bin/true".to_owned()], ..silent() });
    hook.ring(&event()).await.unwrap();
    assert_eq!(figures(&board), [(1, 0), (0, 0)]);
}

#[tokio::test]
async fn a_command_that_hangs_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let command = script(home.path(), "echo $$ > \"$1.pid\"\nexec sleep 600");
    let timeout = Duration::from_millis(500);
    let (hook, board) = hook(AlarmWays { command, timeout, ..silent() });
    let error = hook.ring(&event()).await.unwrap_err();
    assert_eq!(error.command, Some(CommandFault::Killed));
    assert_eq!(figures(&board), [(0, 1), (0, 0)]);
    let pid = std::fs::read_to_string(home.path().join("told.pid")).unwrap();
    let alive = Path::new("/proc").join(pid.trim()).exists();
    assert!(!pid.trim().is_empty() && !alive, "it is gone and was waited for");
}

#[tokio::test]
async fn the_webhook_gets_the_same_event_signed_by_standard_webhooks() {
    let tasks = Tasks::new();
    let (address, heard) = server(&[204], &tasks).await;
    let webhook = Some(address.parse().unwrap());
    let webhook_key = Some(std::sync::Arc::new(Secret::new([7; 32])));
    let (hook, board) = hook(AlarmWays { webhook, webhook_key, ..silent() });
    hook.ring(&event()).await.unwrap();
    hook.ring(&event()).await.unwrap();
    let other = AlarmEvent { event: AlarmCause::Escalated, exercise: true, ..event() };
    hook.ring(&other).await.unwrap();
    assert_eq!(figures(&board), [(0, 0), (3, 0)]);

    let heard = heard.all();
    let Call { method, path, headers, body } = &heard[0];
    assert_eq!(
        (method, path.as_str(), body.as_str()),
        (&Method::POST, "/rogatory?desk=1", PAYLOAD)
    );
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    assert!(address.contains(&format!("//{}/", header("host"))), "{address}");
    assert_eq!(header("webhook-timestamp"), "1768100221");
    let signature = header("webhook-signature").strip_prefix("v1,").unwrap();
    let signed = format!("{}.1768100221.{PAYLOAD}", header("webhook-id"));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
    let tag = STANDARD.decode(signature).unwrap();
    aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &tag).unwrap();

    assert_eq!(
        heard[1].headers["webhook-id"],
        header("webhook-id"),
        "the same event has the same id"
    );
    assert_ne!(heard[2].headers["webhook-id"], header("webhook-id"));
    let said = PAYLOAD.replace("unclaimed_immediate_message", "escalated").replace("false", "true");
    assert_eq!(heard[2].body, said);
    tasks.stop();
    tasks.ended().await;
}

#[tokio::test]
async fn without_a_key_nothing_is_signed() {
    let tasks = Tasks::new();
    let (address, heard) = server(&[200], &tasks).await;
    let webhook = Some(address.parse().unwrap());
    let (hook, _) = hook(AlarmWays { webhook, ..silent() });
    hook.ring(&event()).await.unwrap();
    let headers = &heard.all()[0].headers;
    assert!(headers.contains_key("webhook-id") && !headers.contains_key("webhook-signature"));
    tasks.stop();
    tasks.ended().await;
}

#[tokio::test]
async fn a_webhook_that_fails_is_tried_three_times_and_then_told() {
    let tasks = Tasks::new();
    let rounds: [(&[u16], usize, Option<WebhookFault>); 2] =
        [(&[500, 302, 200], 3, None), (&[500, 404, 503], 3, Some(WebhookFault::Status(503)))];
    for (statuses, tried, fault) in rounds {
        let (address, heard) = server(statuses, &tasks).await;
        let webhook = Some(address.parse().unwrap());
        let webhook_key = Some(std::sync::Arc::new(Secret::new([7; 32])));
        let (hook, board) = hook(AlarmWays { webhook, webhook_key, ..silent() });
        let error = hook.ring(&event()).await.err();
        assert_eq!(error.and_then(|it| it.webhook), fault);
        assert!(!error.is_some_and(|it| format!("{it} {it:?}").contains(MARKER)));
        let heard = heard.all();
        assert_eq!(heard.len(), tried);
        assert!(heard.iter().all(|it| it.body == PAYLOAD));
        let ids: Vec<_> = heard.iter().map(|it| &it.headers["webhook-id"]).collect();
        assert!(ids.iter().all(|it| *it == ids[0]), "{ids:?}");
        let failed = u64::from(fault.is_some());
        assert_eq!(figures(&board), [(0, 0), (1 - failed, failed)]);
    }
    tasks.stop();
    tasks.ended().await;
}

#[tokio::test]
async fn a_webhook_that_is_absent_silent_or_speaks_no_http_is_told() {
    let tasks = Tasks::new();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let absent = free.local_addr().unwrap();
    drop(free);
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_address = mute.local_addr().unwrap();
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude_address = rude.local_addr().unwrap();
    let stopping = tasks.clone();
    tasks.spawn(async move {
        loop {
            tokio::select! {
                accepted = rude.accept() => {
                    let (mut stream, _) = accepted.unwrap();
                    let mut some = [0; 16];
                    let read = stream.read(&mut some).await.unwrap();
                    assert!(read > 0);
                }
                () = stopping.stopping() => return,
            }
        }
    });
    for (address, fault) in [
        (absent, WebhookFault::Unreachable(ErrorKind::ConnectionRefused)),
        (mute_address, WebhookFault::TimedOut),
        (rude_address, WebhookFault::NoAnswer),
    ] {
        let webhook = Some(format!("http://{address}/").parse().unwrap());
        let timeout = Duration::from_millis(500);
        let (hook, board) = hook(AlarmWays { webhook, timeout, ..silent() });
        let error = hook.ring(&event()).await.unwrap_err();
        assert_eq!((error.command, error.webhook), (None, Some(fault)));
        assert_eq!(figures(&board), [(0, 0), (0, 1)]);
    }
    tasks.stop();
    tasks.ended().await;
}

#[tokio::test]
async fn one_way_that_fails_does_not_keep_the_other_from_ringing() {
    let tasks = Tasks::new();
    let (address, heard) = server(&[200], &tasks).await;
    let webhook = Some(address.parse().unwrap());
    let command = vec!["/bin/false".to_owned()];
    let (hook, board) = hook(AlarmWays { command, webhook, ..silent() });
    let error = hook.ring(&event()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the alarm did not arrive everywhere: the command ended with status 1"
    );
    assert_eq!(heard.all().len(), 1);
    assert_eq!(figures(&board), [(0, 1), (1, 0)]);
    tasks.stop();
    tasks.ended().await;
}

#[tokio::test]
async fn a_hook_without_ways_is_silent() {
    let (hook, board) = hook(silent());
    assert!(hook.is_silent());
    hook.ring(&event()).await.unwrap();
    assert_eq!(figures(&board), [(0, 0), (0, 0)]);
}
