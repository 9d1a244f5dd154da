//! Runs the subcommand and maps its outcome to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    rogatory::cli::main()
}
