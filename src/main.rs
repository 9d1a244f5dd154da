//! Runs the subcommand and maps its outcome to an exit code.

fn main() {}
