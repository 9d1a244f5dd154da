//! What a large directory costs: loading it from its folder with every signature checked, in time and
//! in work of all cores; memory; the table of who is competent and of ways, asking both, and working
//! both out again; and looking through an operator's folder that has nothing newer, as at SIGHUP.
//!
//! `cargo bench --bench directory -- --agencies 2000 --desks 50` prints figures of this machine, and
//! the ratios to a directory of a tenth of its agencies, which are what can be compared. Without
//! arguments it makes 200 agencies with 50 desks each, and with `--aims` it fails if a time is too long.
//! Each directory is loaded in a process of its own, so that its memory is its own; the folder lies where
//! `TMPDIR` says, with all that a node's own copy has. Work is what the system counts for the process, in steps of 10 ms; other processes do not
//! add to it, as they do to time.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark's parts may fail by panicking")]

#[expect(dead_code, reason = "the benchmark uses a part of the ceremony")]
#[path = "../tests/parts/directory/ceremony.rs"]
mod ceremony;
#[path = "directory/made.rs"]
mod made;
#[expect(dead_code, reason = "the benchmark uses a part of what is made")]
#[path = "../tests/parts/directory/making.rs"]
mod making;
mod status;
mod told;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rogatory::clock::Timestamp;
use rogatory::config::DirectoryFolder;
use rogatory::directory::{Directory, Wanted};
use rogatory::domain::header::Channel;
use rogatory::domain::ids::AgencyId;
use rogatory::domain::kinds::KindCode;

/// Fails where a time is longer than it may be: only a machine that does nothing else can be told so.
const AIMS: &str = "--aims";
/// What 2,000 agencies with 100,000 desks may cost; the times of questions are those of 99 in 100.
const LOAD: Duration = Duration::from_secs(1);
const MEMORY_MIB: f64 = 128.0;
const ASK: Duration = Duration::from_micros(10);
/// Against a tenth of the agencies, an agency may cost so many times as much to load, a lookup and a
/// way so many times as much.
const LOAD_TIMES: f64 = 2.0;
const ASK_TIMES: f64 = 5.0;
const ROUNDS: usize = 20_000;

/// Figures of one directory, in the order in which the process that loads it prints them.
struct Figures {
    load: Duration,
    work: Duration,
    looked: Duration,
    tables: Duration,
    again: Duration,
    mib: f64,
    peak_mib: f64,
    lookup: Duration,
    lookup_late: Duration,
    route: Duration,
    route_late: Duration,
    elsewhere: Duration,
    listed: f64,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = now();
    let value = act();
    (value, began.elapsed())
}

/// Median and 99th percentile.
fn spread(mut took: Vec<Duration>) -> (Duration, Duration) {
    took.sort_unstable();
    let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

/// What all threads of this process have worked so far, in user and in system mode (proc(5)).
fn worked() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// The work of one load, on average over as many as make up for the steps in which it is counted.
fn work_of_a_load(folder: &DirectoryFolder, count: usize) -> Duration {
    let times = (2_000 / count).clamp(1, 60);
    let before = worked();
    (0..times).for_each(|_| drop(black_box(folder.load(None).unwrap())));
    (worked() - before) / u32::try_from(times).unwrap()
}

/// Lookups over all States, all kinds and all hours of a week: what each took, and how many desks were
/// found on average.
fn lookups(directory: &Directory, states: usize) -> (Vec<Duration>, f64) {
    let kinds: Vec<_> = KindCode::all().collect();
    let monday = Timestamp::parse("2026-07-06T00:00:00Z").unwrap();
    let mut found = 0;
    let took = (0..ROUNDS).map(|round| {
        let country = made::country(round % states).to_ascii_uppercase().parse().unwrap();
        let kind = kinds[round % kinds.len()];
        let wanted = Wanted { country: Some(country), kind, function: None };
        let at = monday.plus_millis(i64::try_from(round % 168).unwrap() * 3_600_000);
        let (desks, took) = timed(|| black_box(directory.competent(black_box(&wanted), at)));
        found += desks.len();
        took
    });
    let took = took.collect();
    (took, found as f64 / ROUNDS as f64)
}

fn ways(directory: &Directory, from: &AgencyId, count: usize, rounds: usize) -> Vec<Duration> {
    let took = (0..rounds).map(|round| {
        let to = made::agency(round * 37 % count);
        timed(|| black_box(directory.routes(from, black_box(&to), Channel::Sea))).1
    });
    took.collect()
}

/// Loads a folder in this process and prints what it cost.
fn measure(folder: &Path, count: usize) {
    let (own, folder) = (made::agency(count - 1), DirectoryFolder::at(folder));
    let (loaded, load) = timed(|| folder.load(None).unwrap());
    assert_eq!(loaded.refused, []);
    let make = || {
        let (directory, complaints) = loaded.held.directory();
        assert_eq!(complaints, []);
        directory.look_from(&own);
        directory
    };
    let (directory, tables) = timed(make);
    let mib = status::mib("self", "VmRSS");
    let peak = status::mib("self", "VmHWM");
    let (lookup, found) = lookups(&directory, (count - 20).div_ceil(10));
    let (lookup, lookup_late) = spread(lookup);
    let (route, route_late) = spread(ways(&directory, &own, count, ROUNDS));
    let (elsewhere, _) = spread(ways(&directory, &made::agency(count - 2), count, 200));
    let (_, again) = timed(make);
    let mut held = loaded.held.clone();
    let now = Timestamp::parse("2026-07-06T00:00:00Z").unwrap();
    let (taken, looked) = timed(|| folder.adopt_all(&mut held, &folder, now).unwrap());
    assert_eq!(taken, []);
    let work = work_of_a_load(&folder, count);
    let micros = |it: Duration| it.as_nanos() as f64 / 1e3;
    let times = [load, work, looked, tables, again].map(micros);
    let calls = [lookup, lookup_late, route, route_late, elsewhere].map(micros);
    for figure in times.into_iter().chain([mib, peak]).chain(calls).chain([found]) {
        println!("{figure}");
    }
}

/// The same in a process of its own.
fn measured(count: usize, desks: usize) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let bytes = made::folder(folder.path(), count, desks);
    println!("{count} agencies, {} desks, {bytes} bytes of texts", count * desks);
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program);
    child.arg("--measure").arg(folder.path()).arg(count.to_string());
    let told = child.output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout).unwrap();
    let told: Vec<f64> = told.lines().map(|it| it.parse().unwrap()).collect();
    let micros = |at: usize| Duration::from_secs_f64(told[at] / 1e6);
    Figures {
        load: micros(0),
        work: micros(1),
        looked: micros(2),
        tables: micros(3),
        again: micros(4),
        mib: told[5],
        peak_mib: told[6],
        lookup: micros(7),
        lookup_late: micros(8),
        route: micros(9),
        route_late: micros(10),
        elsewhere: micros(11),
        listed: told[12],
    }
}

fn show(it: &Figures) {
    println!("  load, signatures checked   {:.0} ms", it.load.as_secs_f64() * 1e3);
    println!("  work of that on all cores  {:.0} ms", it.work.as_secs_f64() * 1e3);
    println!("  looked through, same texts {:.0} ms", it.looked.as_secs_f64() * 1e3);
    println!("  directory and tables       {:.1} ms", it.tables.as_secs_f64() * 1e3);
    println!("  both again, one changed    {:.1} ms", it.again.as_secs_f64() * 1e3);
    println!("  memory                     {:.1} MiB, at most {:.1} MiB", it.mib, it.peak_mib);
    println!(
        "  lookup, {:.0} desks found    {:?}, 99 % within {:?}",
        it.listed, it.lookup, it.lookup_late
    );
    println!("  ways, own agency           {:?}, 99 % within {:?}", it.route, it.route_late);
    println!("  ways, another agency       {:?}", it.elsewhere);
}

fn main() {
    let told: Vec<String> = std::env::args().collect();
    if let Some(at) = told.iter().position(|it| it == "--measure") {
        return measure(Path::new(&told[at + 1]), told[at + 2].parse().unwrap());
    }
    let (agencies, desks) = (told::count("--agencies", 200), told::count("--desks", 50));
    let few_agencies = (agencies / 10).max(30);
    let few = measured(few_agencies, desks);
    show(&few);
    let many = measured(agencies, desks);
    show(&many);
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    let more = agencies as f64 / few_agencies as f64;
    let an_agency = ratio(many.work, few.work) / more;
    let (lookup, route) = (ratio(many.lookup, few.lookup), ratio(many.route, few.route));
    println!("against {few_agencies} agencies:");
    println!("  work to load an agency     {an_agency:.2} times");
    println!("  lookup                     {lookup:.2} times");
    println!("  ways, own agency           {route:.2} times");
    assert!(an_agency <= LOAD_TIMES, "loading grows faster than what is loaded: {an_agency:.2}");
    assert!(lookup <= ASK_TIMES, "a lookup grows with the directory: {lookup:.2}");
    assert!(route <= ASK_TIMES, "ways grow with the directory: {route:.2}");
    assert!(many.peak_mib <= MEMORY_MIB, "it took {:.1} MiB", many.peak_mib);
    if std::env::args().any(|it| it == AIMS) {
        assert!(many.load + many.tables <= LOAD, "a load took {:?}", many.load + many.tables);
        assert!(many.lookup_late <= ASK, "lookups took up to {:?}", many.lookup_late);
        assert!(many.route_late <= ASK, "ways took up to {:?}", many.route_late);
    }
}
