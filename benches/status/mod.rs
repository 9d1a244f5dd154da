//! What the system says of a process.

/// A line of `/proc/PROCESS/status` in MiB: `VmRSS` is the memory that it has, `VmHWM` the most that it had.
pub(crate) fn mib(process: impl std::fmt::Display, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.unwrap_or_else(|error| panic!("process {process}: {error}"));
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or_else(|| panic!("process {process} says no {field}")) / 1_024.0
}
