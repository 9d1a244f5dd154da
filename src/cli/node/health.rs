//! Asks the operations listener of a node whether it serves.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;
use crate::config::Config;
use crate::transport::operations::STORAGE_LOW;

/// Longest wait for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Asks, and shows the answer.
///
/// # Errors
/// Exit status 7 if the node does not serve, 9 if nobody answers.
pub(super) async fn run(
    config: Option<&Path>,
    operations: Option<String>,
    output: &Output,
) -> Result<()> {
    let address = match (config, operations) {
        (_, Some(address)) => address,
        (Some(path), None) => Config::load(path)?.listen.operations.to_string(),
        (None, None) => return Err(anyhow!("no listener is named")),
    };
    let asked = tokio::time::timeout(ANSWER_TIME_MAX, ask(&address)).await;
    let answer = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let answer = answer.map_err(|error| {
        Failure::new(Exit::Unreachable, format!("nobody answers at {address}: {error}"))
    })?;
    let serves = answer.starts_with("HTTP/1.1 200 ");
    let told = answer.rsplit("\r\n").find(|it| !it.trim().is_empty()).unwrap_or_default().trim();
    let is_low = serves && answer.ends_with(STORAGE_LOW);
    let said = match (serves, is_low) {
        (true, true) => STORAGE_LOW.trim_end(),
        (true, false) => "serving",
        (false, _) => "not serving",
    };
    output.show(
        || json!({ "serving": serves, "storage_low": is_low, "operations": address, "told": told }),
        || Sheet::new().line(said),
    )?;
    if serves {
        return Ok(());
    }
    Err(Failure::new(Exit::AnswerIsNo, format!("the node does not serve: {told}")).into())
}

/// A number of a running node's metrics, if it shows it now.
///
/// # Errors
/// Exit status 9 if nobody answers.
pub(in crate::cli) async fn metric(config: &Config, name: &str) -> Result<Option<u64>> {
    let address = config.listen.operations.to_string();
    let asked = tokio::time::timeout(ANSWER_TIME_MAX, get(&address, "/metrics")).await;
    let answer = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let answer = answer.map_err(|error| {
        Failure::new(Exit::Unreachable, format!("nobody answers at {address}: {error}"))
    })?;
    let found = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(found.and_then(|it| it.trim().parse().ok()))
}

async fn ask(address: &str) -> io::Result<String> {
    get(address, "/health").await
}

async fn get(address: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
