//! The command line: nouns, then verbs; one binary for officers, auditors and operators.
//!
//! In come arguments, files and the environment; out go data on stdout, and messages and progress
//! on stderr. A command resolves whom it talks to (`call.rs`), asks, and shows the answer
//! (`output.rs`, `sheet.rs`) as text for people or as the API's own JSON for programs. What it
//! says of a proof it has verified itself, against the directory that the caller trusts
//! (`proof.rs`).
//!
//! What always holds: how a command ended is told by its exit code alone (`exit.rs`); with JSON
//! output a failure is one object on stderr and stdout holds data only; text that came from
//! elsewhere cannot steer the terminal; a reader that goes away is no error; no key or password is
//! ever an argument.
//!
//! Each noun is a module: `request`, `inbox`, `audit`, `directory`, `kinds`, `context`, `pki`,
//! `keys`, `node`, `demo`. `pages.rs` makes help, completions and manual pages out of the same
//! definitions (`args.rs`). Before anything else a process closes itself (`closed.rs`). `trace.rs` is what a running node writes about itself.

pub mod args;
pub mod audit;
pub mod call;
mod closed;
pub mod context;
pub mod demo;
pub mod directory;
pub mod exit;
pub mod file;
pub mod inbox;
pub mod keys;
pub mod kinds;
pub mod marks;
pub mod node;
pub mod output;
pub mod pages;
pub mod parties;
pub mod pki;
pub mod proof;
pub mod renewal;
pub mod request;
pub mod sheet;
pub mod times;
pub mod trace;
pub mod transit;

use std::future::Future;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::cli::args::{Arguments, Noun};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Format, Output};

/// Runs the command that the process's arguments name.
pub fn main() -> ExitCode {
    if let Err(failure) = closed::keep_closed() {
        exit::tell(&failure.into(), false);
        return ExitCode::from(Exit::Failed.number());
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            exit::tell_usage(&error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    arguments.global.color.apply();
    let format = arguments.global.output;
    match run(arguments) {
        Ok(()) => ExitCode::from(Exit::Done.number()),
        Err(error) if exit::is_broken_pipe(&error) => ExitCode::from(Exit::Done.number()),
        Err(error) => {
            exit::tell(&error, matches!(format, Format::Json | Format::Jsonl));
            ExitCode::from(exit::code_of(&error).number())
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let Arguments { global, noun } = arguments;
    let output = Output::new(&global);
    match noun {
        Noun::Request { verb } => wait(request::run(verb, &global, &output)),
        Noun::Inbox { verb } => wait(inbox::run(verb, &global, &output)),
        Noun::Transit { verb } => wait(transit::run(verb, &global, &output)),
        Noun::Audit { verb } => wait(audit::run(verb, &global, &output)),
        Noun::Directory { verb } => wait(directory::run(verb, &global, &output)),
        Noun::Kinds { verb } => kinds::run(&verb, &output),
        Noun::Context { verb } => context::run(verb, &global, &output),
        Noun::Pki { verb } => pki::run(verb, &output),
        Noun::Keys { verb } => wait(keys::run(&verb, &output)),
        Noun::Node { verb } => node::run(verb, &global, &output),
        Noun::Demo(mut options) => {
            if output.is_json() {
                options.output = demo::Output::Json;
            }
            demo::run(options)
        }
        Noun::Completions { shell } => pages::completions(shell),
        Noun::Man { folder } => pages::man(folder.as_deref(), &output),
        Noun::Help { topic } => pages::help(&topic),
    }
}

/// Waits for a command that talks to a node; Ctrl-C ends it.
fn wait(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            done = work => done,
            Ok(()) = tokio::signal::ctrl_c() => {
                Err(Failure::new(Exit::Interrupted, "interrupted").into())
            }
        }
    });
    // A question that nobody answers must not keep the process.
    runtime.shutdown_background();
    ended
}
