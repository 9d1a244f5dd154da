//! What a benchmark is told on its command line.

/// The number after `name`, or `default` where it is not named.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    let mut told = std::env::args().skip_while(|it| it != name);
    match told.next() {
        Some(_) => told.next().and_then(|it| it.parse().ok()).expect("a number follows"),
        None => default,
    }
}

/// The same as a length or a count.
pub(crate) fn count(name: &str, default: u64) -> usize {
    usize::try_from(number(name, default)).expect("a count")
}
