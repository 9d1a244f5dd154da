//! Every size, count and time of the edge, with its unit.
//!
//! Sizes of what is said (content, recipients, leases) stand in `domain/limits.rs`; here is what
//! connections, calls, frames and answers may take. tonic reserves the size that a message
//! declares and answers an excess without details, so its limits stand above ours: ours are decided
//! by `wire/` and answered with `LIMIT_EXCEEDED`.

use std::time::Duration;

use tonic::transport::{Endpoint, Server};

use crate::domain::limits::{CONTENT_BYTES_MAX, ENVELOPE_BYTES_MAX};

/// Open connections of one listener.
pub const CONNECTIONS_MAX: usize = 1024;
/// Handshakes at the same time on one listener.
pub const HANDSHAKES_MAX: usize = 256;
/// Longest handshake.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest wait for a connection that we open.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Streams at the same time on one connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 64;
/// Largest headers of one request, in bytes.
pub const HEADERS_BYTES_MAX: u32 = 16 * 1024;
/// A connection that is silent for so long is asked for a sign of life.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// And closed if none comes within this time.
pub const KEEPALIVE_TIME_MAX: Duration = Duration::from_secs(20);
/// What a line between nodes carries in a second, in bytes, at the least: 64 kbit/s. Waiting for a peer
/// takes so much longer as this rate needs for what is on the way; a slower line may be taken for dead.
pub const RATE_MIN: usize = 8 * 1024;

/// Largest message of a call or an answer, in bytes.
pub const CALL_BYTES_MAX: usize = 2 * CONTENT_BYTES_MAX;
/// Largest piece of an attachment that is handed in, in bytes.
pub const ATTACHMENT_PIECE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an attachment that are shown at a time.
pub const ATTACHMENT_SHOWN_BYTES: usize = 256 * 1024;
/// Largest frame between nodes, in bytes: an envelope and what stands around it.
pub const FRAME_BYTES_MAX: usize = ENVELOPE_BYTES_MAX + 64 * 1024;
/// A list stops growing at this size, in bytes; the rest is on the next page.
pub const PAGE_BYTES_MAX: usize = CALL_BYTES_MAX / 2;
/// Details of an error as they ride in a header (base64), in bytes; grpc-java takes 8,192 of all
/// headers together.
pub const DETAILS_BYTES_MAX: usize = 6 * 1024;
/// Longest text of an error, in bytes.
pub const ERROR_TEXT_BYTES_MAX: usize = 512;

/// Items of a page whose size nobody asked for.
pub const PAGE_SIZE_DEFAULT: usize = 50;
/// Most items of a page.
pub const PAGE_SIZE_MAX: usize = 200;
/// Statements of a page whose size nobody asked for.
pub const STATEMENTS_DEFAULT: usize = 100;
/// Most statements of a page.
pub const STATEMENTS_MAX: usize = 500;
/// Entries looked at for one page of statements.
pub const STATEMENTS_SCAN_MAX: usize = 4096;
/// Places of an inbox looked at for one page of open messages.
pub const INBOX_SCAN_MAX: usize = 4096;
/// Entries read in one step of a replay.
pub const REPLAY_STEP: usize = 64;

/// Longest wait for a message of a caller that polls, in seconds.
pub const WAIT_SECONDS_MAX: u32 = 60;
/// A call that waits, and an open stream, are judged again by certificate, list and time so often: a
/// revocation closes them well within 5 s.
pub const RECHECK_INTERVAL: Duration = Duration::from_secs(1);
/// A caller who is told to come back later may do so after this time.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Calls of one caller that are worked on at the same time; what comes beyond waits unread.
pub const CALLS_OF_ONE_MAX: usize = 8;
/// Calls of one caller that seal messages at the same time, each of which keeps a core busy: so many, or half as
/// many as there are cores if that is more.
pub const SEALINGS_OF_ONE_MIN: usize = 2;
/// Relay sessions of one peer at the same time: one that is used, and some that were lost without a word.
pub const SESSIONS_OF_ONE_MAX: usize = 4;
/// Calls that an auditor may make in a second, and parts of 64 entries that are shown.
pub const AUDIT_CALLS_PER_SECOND: u64 = 50;
/// And at once, after a while without any.
pub const AUDIT_CALLS_AT_ONCE: u64 = 500;
/// Longest call that neither waits for something to happen nor flows.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(120);
/// Bytes of attachments that are sealed in a second at the least, for each agency that gets them: a call
/// that sends some may take so much longer.
pub const SEALED_BYTES_PER_SECOND: u64 = 8 * 1024 * 1024;
/// Longest call of our own client when nothing else is said.
pub const CALL_TIME_DEFAULT: Duration = Duration::from_secs(30);

/// Limits of the agency listener: gRPC, and JSON over HTTP/1.1 too.
pub fn of_agency(server: Server, streams: u32) -> Server {
    of_connections(server, streams).accept_http1(true)
}

/// Limits of the peer listener.
pub fn of_peers(server: Server, streams: u32) -> Server {
    of_connections(server, streams)
        .initial_stream_window_size(4 * 1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024)
}

fn of_connections(server: Server, streams: u32) -> Server {
    server
        .max_concurrent_streams(streams)
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIME_MAX))
}

/// How long a line between nodes may need for so many bytes.
pub fn crossing(bytes: usize) -> Duration {
    let millis = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000);
    Duration::from_millis(millis / u64::try_from(RATE_MIN).unwrap_or(1))
}

/// Limits of connections that we open to a peer. A sign of life comes behind what is on the way; who
/// uses the connection looks for it, and sooner where little is.
pub fn of_peer_lines(endpoint: Endpoint) -> Endpoint {
    of_clients(endpoint).keep_alive_timeout(KEEPALIVE_TIME_MAX + crossing(FRAME_BYTES_MAX))
}

/// Limits of connections that we open.
pub fn of_clients(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIME_MAX)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIME_MAX)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .initial_stream_window_size(4 * 1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::gossip::LINGER;
    use crate::transport::peer::LOOK_AROUND;
    use crate::wire::json::JSON_BYTES_MAX;

    #[test]
    fn a_revocation_closes_streams_within_five_seconds() {
        // Once to notice it, and as long again to be told, with as much to spare.
        const { assert!(4 * RECHECK_INTERVAL.as_millis() <= 5_000) };
        // And with a peer that is dialled, what was begun to be compared is ended besides.
        const { assert!(LOOK_AROUND.as_millis() + LINGER.as_millis() < 5_000) };
    }

    #[test]
    fn a_line_needs_a_second_for_what_the_slowest_carries_in_one() {
        assert_eq!(crossing(0), Duration::ZERO);
        assert_eq!(crossing(RATE_MIN), Duration::from_secs(1));
        assert_eq!(crossing(CONTENT_BYTES_MAX), Duration::from_secs(128));
    }

    #[test]
    fn tonics_limits_stand_above_ours() {
        const { assert!(CALL_BYTES_MAX > CONTENT_BYTES_MAX && CALL_BYTES_MAX > JSON_BYTES_MAX) };
        const { assert!(FRAME_BYTES_MAX > ENVELOPE_BYTES_MAX) };
        const { assert!(PAGE_BYTES_MAX < CALL_BYTES_MAX) };
    }
}
