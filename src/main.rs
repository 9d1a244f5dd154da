//! Runs the subcommand and maps its outcome to an exit code.

use std::process::ExitCode;

/// Gives back what the store's engine has freed, which glibc keeps (decision 38).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    rogatory::cli::main()
}
