//! Writes a running node's trace lines to stderr, in the form that its configuration asks for.
//!
//! What may stand in a line is decided in `telemetry`; lines of other crates are not written.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::output::escaped;
use crate::clock::{Clock as _, SystemClock};
use crate::config::file::{Trace, TraceFormat, TraceLevel};
use crate::telemetry::{Line, Value};

/// Starts writing. A second start in the same process changes nothing.
pub fn start(trace: &Trace) {
    let level = match trace.level {
        TraceLevel::Error => LevelFilter::ERROR,
        TraceLevel::Warn => LevelFilter::WARN,
        TraceLevel::Info => LevelFilter::INFO,
        TraceLevel::Debug => LevelFilter::DEBUG,
        TraceLevel::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .event_format(Lines { format: trace.format });
    let own = Targets::new().with_target(env!("CARGO_PKG_NAME"), level);
    let started = tracing_subscriber::registry().with(own).with(lines).try_init();
    // Whoever started first keeps it.
    drop(started);
}

struct Lines {
    format: TraceFormat,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Line::new(SystemClock.now(), level(*metadata.level()), metadata.target());
        event.record(&mut Fields(&mut line));
        match self.format {
            TraceFormat::Json => writeln!(writer, "{}", escaped(&line.to_json(), false)),
            TraceFormat::Text => writeln!(writer, "{line}"),
        }
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

struct Fields<'a>(&'a mut Line);

impl Visit for Fields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.add(field.name(), Value::Number(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        let value = u64::try_from(value).map_or_else(|_| Value::text(&value), Value::Number);
        self.0.add(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.add(field.name(), Value::text(&value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.add(field.name(), Value::text(&format_args!("{value:?}")));
    }
}
