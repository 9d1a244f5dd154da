//! The house's own rules, kept as a test: order of the modules, rooms of words, sizes, headers.
//!
//! Plain text scanning on purpose: no rule here needs more, and a newcomer can read it whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SOURCE_LINES_MAX: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_under(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(files_under(&path, ending));
        } else if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let root = root();
    files_under(&root.join("src"), "rs")
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("below the root");
            let text = fs::read_to_string(&path).expect("source is UTF-8");
            (name.display().to_string(), text)
        })
        .collect()
}

/// The code of a line, without comment and without what stands in quotes.
fn code_of(line: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => drop(chars.next()),
            '"' => quoted = !quoted,
            '/' if !quoted && chars.peek() == Some(&'/') => break,
            c if !quoted => out.push(c),
            _ => {}
        }
    }
    out
}

fn before_tests(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]")
}

fn words(code: &str) -> BTreeSet<&str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn module_order() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs is there");
    lib.lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

fn room_of(file: &str) -> String {
    let inner = file.strip_prefix("src/").unwrap_or(file);
    let first = inner.split('/').next().unwrap_or(inner);
    first.strip_suffix(".rs").unwrap_or(first).to_owned()
}

#[test]
fn a_module_uses_only_modules_listed_above_it() {
    let order = module_order();
    let place: BTreeMap<_, _> = order.iter().enumerate().map(|(at, name)| (name, at)).collect();
    assert!(place.len() > 10, "lib.rs lists the modules, one a line");
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let room = room_of(&file);
        let Some(own) = place.get(&room) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let code = code_of(line);
            for part in code.split("crate::").skip(1) {
                let inner = part.trim_start_matches('{');
                let used = inner.split(|c: char| !c.is_alphanumeric() && c != '_').next();
                let used = used.unwrap_or_default().to_owned();
                if place.get(&used).is_some_and(|at| at > own) {
                    faults.push(format!("{file}:{}: {room} uses {used}, listed below", number + 1));
                }
            }
        }
    }
    report(&faults);
}

/// Words and the only places where they may stand.
const ROOMS: &[(&[&str], &[&str])] = &[
    (&["tonic"], &["src/wire/", "src/transport/", "src/cli/node/run.rs"]),
    (&["pb"], &["src/wire/", "src/law/", "src/transport/", "src/cli/"]),
    (&["rustls", "tokio_rustls"], &["src/transport/tls/"]),
    (&["hyper", "axum"], &["src/transport/"]),
    (
        &["sled"],
        &[
            "src/journal/mod.rs",
            "src/journal/store.rs",
            "src/journal/sled.rs",
            "src/journal/engine.rs",
            "src/journal/settled/mod.rs",
        ],
    ),
    (&["redb"], &["src/journal/settled/file.rs"]),
    (
        &["tokio"],
        &["src/node/writer.rs", "src/node/queue.rs", "src/transport/", "src/cli/", "src/main.rs"],
    ),
    (&["TcpStream", "TcpListener", "UdpSocket", "UnixStream"], &["src/transport/", "src/cli/"]),
    (&["cryptoki"], &["src/token/"]),
    (&["anyhow", "clap"], &["src/cli/", "src/main.rs"]),
    (&["SystemTime", "Instant"], &["src/clock.rs"]),
];

#[test]
fn words_stand_in_their_rooms() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let code = code_of(line);
            let words = words(&code);
            for (names, homes) in ROOMS {
                let at_home = homes.iter().any(|home| file.starts_with(home));
                for name in names.iter().filter(|name| !at_home && words.contains(*name)) {
                    faults.push(format!("{file}:{}: `{name}` outside its room", number + 1));
                }
            }
        }
    }
    report(&faults);
}

/// What judges the simulator's runs, and what it may read besides its own parts.
const JUDGE: &str = "tests/simulation/checker.rs";
const JUDGE_READS: &[&str] = &["proto", "seen"];

#[test]
fn the_judge_of_the_simulator_uses_nothing_of_the_product() {
    let folder = root().join("tests/simulation");
    let judge = fs::read_to_string(root().join(JUDGE)).expect("it is there");
    let parts = judge.lines().filter_map(|it| it.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    let mut names: Vec<String> = parts.map(str::to_owned).collect();
    assert!(names.len() > 8, "the judge names its parts: {names:?}");
    names.push("checker.rs".to_owned());
    names.extend(JUDGE_READS.iter().map(|it| format!("{it}.rs")));
    let mut faults = Vec::new();
    for name in names {
        let text = fs::read_to_string(folder.join(&name)).expect("it is there");
        for (number, line) in text.lines().enumerate() {
            let code = code_of(line);
            let used = code.split("crate::").skip(1);
            let mut used = used.map(|it| it.split(|c: char| !c.is_alphanumeric() && c != '_'));
            let is_own = used.all(|mut it| JUDGE_READS.contains(&it.next().unwrap_or_default()));
            if words(&code).contains("rogatory") || !is_own {
                faults.push(format!("tests/simulation/{name}:{}: {line}", number + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn files_are_read_and_written_in_few_rooms() {
    let homes = ["src/journal/", "src/config/", "src/cli/", "src/main.rs"];
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let at_home = homes.iter().any(|home| file.starts_with(home));
        for (number, line) in before_tests(&text) {
            let code = code_of(line);
            if !at_home && (code.contains("std::fs") || code.contains("tokio::fs")) {
                faults.push(format!("{file}:{number}: files are opened outside their rooms"));
            }
            let reads_environment = code.contains("std::env::var") || code.contains("env::vars");
            if reads_environment && !file.starts_with("src/config/") {
                faults.push(format!("{file}:{number}: the environment is read outside config/"));
            }
        }
    }
    report(&faults);
}

#[test]
fn nothing_that_folds_hashes_by_chance() {
    let hands = ["transport", "config", "cli"];
    let mut faults = Vec::new();
    for (file, text) in sources() {
        if hands.contains(&room_of(&file).as_str()) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = code_of(line);
            let words = words(&code);
            if words.contains("HashMap") || words.contains("HashSet") {
                faults.push(format!("{file}:{}: order differs from run to run", number + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn files_stay_small_and_have_a_noun() {
    let drawers = [
        "utils", "util", "helpers", "common", "misc", "shared", "types", "models", "manager",
        "prelude",
    ];
    let endings = ["Manager", "Processor", "Engine", "Helper", "Info", "Data"];
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let lines = text.lines().count();
        if lines > SOURCE_LINES_MAX {
            faults.push(format!("{file}: {lines} lines, more than {SOURCE_LINES_MAX}"));
        }
        let parts: Vec<&str> = file.split(['/', '.']).collect();
        if let Some(drawer) = drawers.iter().find(|it| parts.contains(it)) {
            faults.push(format!("{file}: `{drawer}` is a drawer, not a noun"));
        }
        for (number, line) in text.lines().enumerate() {
            let code = code_of(line);
            let mut words = code.split_whitespace().skip_while(|w| *w != "struct" && *w != "enum");
            let name = words.nth(1).unwrap_or_default();
            let name = name.trim_end_matches(|c: char| !c.is_alphanumeric());
            if endings.iter().any(|it| name.ends_with(it) && name.len() > it.len()) {
                faults.push(format!("{file}:{}: `{name}` says too little", number + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn source_makes_no_promises_and_no_excuses() {
    let banned = [
        "FIXME",
        "// XXX",
        "HACK",
        "dbg!",
        "todo!",
        "unimplemented!",
        "for now",
        "in a real ",
        "placeholder",
        "legacy",
        "simulate",
        "#[ignore",
    ];
    let mut faults = Vec::new();
    for (file, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(*word)) {
                faults.push(format!("{file}:{}: `{word}`", number + 1));
            }
        }
    }
    report(&faults);
}

/// The names of the fields in the arguments of a macro that writes to the trace; texts are empty.
fn fields_of(arguments: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for sign in arguments.chars() {
        depth += i32::from("([{".contains(sign)) - i32::from(")]}".contains(sign));
        if depth < 0 {
            break;
        }
        match (sign, parts.last_mut()) {
            (',', _) if depth == 0 => parts.push(String::new()),
            (_, Some(part)) => part.push(sign),
            (_, None) => {}
        }
    }
    let names = parts.iter().map(|it| it.trim().trim_start_matches(['%', '?']));
    let names = names.filter_map(|it| it.split(['=', '.']).next()).map(str::trim);
    let is_name = |it: &&str| it.starts_with(|it: char| it.is_ascii_lowercase());
    names.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_field_of_a_trace_line_is_one_that_may_be_written() {
    let (mut faults, mut found) = (Vec::new(), 0);
    for (file, text) in sources() {
        let code: String = before_tests(&text).map(|(_, line)| code_of(line) + "\n").collect();
        for level in ["trace", "debug", "info", "warn", "error"] {
            for after in code.split(&format!("tracing::{level}!(")).skip(1) {
                found += 1;
                let left_out = |it: &String| !rogatory::telemetry::FIELDS.contains(&it.as_str());
                let names = fields_of(after).into_iter().filter(left_out);
                faults.extend(names.map(|it| format!("{file}: the field {it} would be left out")));
            }
        }
    }
    assert!(found > 50, "{found} lines of the trace were looked at");
    report(&faults);
}

#[test]
fn every_room_says_what_it_is_for() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let header = text.lines().take_while(|line| line.starts_with("//!")).count();
        let least = if file.ends_with("/mod.rs") && file.matches('/').count() == 2 { 4 } else { 1 };
        if header < least {
            faults.push(format!("{file}: {header} lines of header, at least {least}"));
        }
    }
    report(&faults);
}

#[test]
fn nothing_names_a_machine() {
    let mut faults = Vec::new();
    let root = root();
    let folders = ["src", "proto", "tests", "benches", "config", "certs", "deploy"];
    for folder in folders {
        for ending in ["rs", "proto", "toml", "md", "py", "sh", "go"] {
            for path in files_under(&root.join(folder), ending) {
                if path.ends_with("tests/house.rs") {
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap_or_default();
                let paths = ["/work/", "/root/", "/home/"];
                let names = |line: &str| paths.iter().any(|it| line.contains(it));
                let named = text.lines().enumerate().filter(|(_, line)| names(line));
                let shown = path.display();
                faults.extend(named.map(|(at, _)| format!("{shown}:{}: a machine", at + 1)));
            }
        }
    }
    report(&faults);
}

#[test]
fn no_private_key_is_committed() {
    let mut faults = Vec::new();
    let marker = ["PRIVATE ", "KEY-----"].concat();
    for ending in ["pem", "key", "rs", "toml", "md", "json"] {
        for folder in ["src", "tests", "certs", "config"] {
            for path in files_under(&root().join(folder), ending) {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let begun =
                    text.lines().any(|it| it.starts_with("-----BEGIN") && it.contains(&marker));
                if begun {
                    faults.push(format!("{}: holds a private key", path.display()));
                }
            }
        }
    }
    report(&faults);
}

/// Everything that may name a file.
fn all_text() -> String {
    let mut text = String::new();
    for ending in ["rs", "proto", "toml", "md", "py", "sh", "go"] {
        for folder in ["src", "proto", "tests", "benches", "config", ".ci"] {
            for path in files_under(&root().join(folder), ending) {
                text += &fs::read_to_string(path).unwrap_or_default();
            }
        }
    }
    for file in ["build.rs", "Cargo.toml", "README.md", "tests/run", ".ci/run"] {
        text += &fs::read_to_string(root().join(file)).unwrap_or_default();
    }
    text
}

#[test]
fn no_file_is_dead() {
    let text = all_text();
    let mut faults = Vec::new();
    for ending in ["rs", "proto", "json", "toml", "py", "go", "txt"] {
        for folder in ["src", "proto", "tests", "config"] {
            for path in files_under(&root().join(folder), ending) {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let folders: Vec<String> = path
                    .ancestors()
                    .skip(1)
                    .take(3)
                    .filter_map(|it| Some(it.file_name()?.to_string_lossy().into_owned()))
                    .collect();
                let declared = ending == "rs"
                    && (stem == "mod"
                        || stem == "main"
                        || stem == "lib"
                        || text.contains(&format!("mod {stem};"))
                        || folders.first().is_some_and(|it| it == "tests"));
                let inner = |it: &String| it != "tests" && it != "src" && it.len() > 2;
                let data = ending != "rs"
                    && folders.iter().filter(|it| inner(it)).any(|it| text.contains(it.as_str()));
                if !declared && !data && !text.contains(&file) {
                    faults.push(format!("{}: nothing names it", path.display()));
                }
            }
        }
    }
    report(&faults);
}
