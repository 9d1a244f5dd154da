//! Help, completions and manual pages, all from the definition of the command line.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::args::Arguments;
use crate::cli::exit::{Exit, Failure, TABLE};
use crate::cli::file;
use crate::cli::output::Output;

/// The whole command line, every command knowing its full name.
pub fn definition() -> Command {
    let mut command = Arguments::command();
    command.build();
    command
}

/// Prints the help of a command, or the exit codes.
///
/// # Errors
/// Exit status 2 if there is no such command.
pub fn help(topic: &[String]) -> Result<()> {
    let mut out = anstream::stdout().lock();
    if topic == ["exit-codes"] {
        out.write_all(TABLE.as_bytes())?;
        return Ok(());
    }
    let mut command = definition();
    for word in topic {
        let Some(found) = command.find_subcommand(word) else {
            let text = format!("there is no command `{}`", topic.join(" "));
            return Err(Failure::new(Exit::Usage, text).into());
        };
        command = found.clone();
    }
    write!(out, "{}", command.render_long_help().ansi())?;
    out.flush()?;
    Ok(())
}

/// Prints completions.
///
/// # Errors
/// If stdout can't be written.
pub fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rogatory", &mut script);
    let mut out = anstream::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}

/// Prints the manual page of the whole, or writes one for each command.
///
/// # Errors
/// What the system says; a page that exists is not overwritten.
pub fn man(folder: Option<&Path>, output: &Output) -> Result<()> {
    let command = definition();
    let Some(folder) = folder else {
        let page = page(&command)?;
        let mut out = anstream::stdout().lock();
        out.write_all(&page)?;
        out.flush()?;
        return Ok(());
    };
    file::make_folder(folder)?;
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    let paths: Vec<_> = pages.iter().map(|(name, _)| folder.join(name)).collect();
    file::must_be_free(paths.iter().map(AsRef::as_ref))?;
    for (path, (_, page)) in paths.iter().zip(&pages) {
        file::write_new(path, page, file::PUBLIC)?;
    }
    output.note(format!("{} pages are in {}", pages.len(), folder.display()));
    Ok(())
}

fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    pages.push((format!("{name}.1"), page(command)?));
    command.get_subcommands().try_for_each(|it| collect(it, pages))
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().name(name)).render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_leaf_starts_with_an_example_and_says_what_it_does() {
        fn check(command: &Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} says nothing");
            if command.has_subcommands() {
                command.get_subcommands().for_each(|it| check(it, &path));
                return;
            }
            let example = command.get_before_help().map(ToString::to_string).unwrap_or_default();
            let wanted = format!("Example: {}", path.trim_start());
            assert!(example.starts_with(&wanted), "{path}: {example:?}");
        }
        check(&Arguments::command(), "");
    }
}
