//! What the documents say is true: commands exist, files stand where they are said to stand, each
//! promise of the README is the name of a test, each invariant is one that the simulator checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const README_LINES_MAX: usize = 200;
const DOCUMENTS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "certs/README.md",
    "deploy/CEREMONIES.md",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// The lines between fences, without those of blocks of another language than `language`.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let (mut inside, mut wanted, mut found) = (false, false, Vec::new());
    for line in text.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            wanted = !inside && kind == language;
            inside = !inside;
        } else if inside && wanted {
            found.push(line.trim().to_owned());
        }
    }
    found
}

/// What stands in backticks, outside of fences.
fn spans(text: &str) -> Vec<String> {
    let (mut inside, mut found) = (false, Vec::new());
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// The part of a document below a heading of the second level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = format!("\n## {heading}\n");
    let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// The cells of the rows of the first table in a text, without its header.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|it| !it.starts_with('|'));
    lines
        .take_while(|it| it.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The program's help, asked once for each command.
#[derive(Default)]
struct Program(BTreeMap<Vec<String>, String>);

impl Program {
    fn help(&mut self, words: &[String]) -> String {
        let ask = || {
            let program = Command::new(env!("CARGO_BIN_EXE_rogatory"))
                .args(words)
                .arg("--help")
                .env_clear()
                .output()
                .expect("the program starts");
            assert!(program.status.success(), "rogatory {words:?} --help: {}", program.status);
            String::from_utf8(program.stdout).expect("help is UTF-8")
        };
        self.0.entry(words.to_vec()).or_insert_with(ask).clone()
    }

    /// The subcommands that a help text lists.
    fn listed(help: &str) -> BTreeSet<String> {
        let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = below.take_while(|line| line.is_empty() || line.starts_with(' '));
        names
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect()
    }

    /// What is wrong with the words after the program's name.
    fn fault(&mut self, words: &[&str]) -> Option<String> {
        let mut known = Vec::new();
        let mut help = self.help(&known);
        for word in words.iter().take_while(|word| !word.starts_with('-')) {
            let listed = Self::listed(&help);
            if listed.is_empty() {
                break;
            }
            if !listed.contains(*word) {
                return Some(format!("no command `{word}` among {listed:?}"));
            }
            known.push((*word).to_owned());
            help = self.help(&known);
        }
        let flags = words.iter().filter(|word| word.starts_with('-') && word.len() > 1);
        let has = |flag: &str| {
            help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|it| it == flag)
        };
        flags.map(|flag| flag.split('=').next().unwrap_or(flag)).find_map(|flag| {
            (!has(flag)).then(|| format!("`{flag}` does not stand in the help of {known:?}"))
        })
    }
}

/// The arguments of the program in a command line; none if it runs something else.
fn arguments(line: &str) -> Option<Vec<&str>> {
    let line = line.split(" #").next().unwrap_or(line);
    let rest = match line.strip_prefix("cargo run") {
        Some(rest) => rest.split_once(" -- ").map_or("", |(_, rest)| rest),
        None if line == "rogatory" => "",
        None => line.strip_prefix("rogatory ")?,
    };
    Some(rest.split_whitespace().collect())
}

#[test]
fn the_readme_stays_short() {
    let lines = document("README.md").lines().count();
    assert!(lines <= README_LINES_MAX, "{lines} lines, more than {README_LINES_MAX}");
}

#[test]
fn every_command_of_the_documents_exists() {
    let mut program = Program::default();
    let mut faults = Vec::new();
    let mut looked_at = 0;
    for name in DOCUMENTS {
        let text = document(name);
        let commands = fenced(&text, "sh").into_iter().chain(spans(&text));
        for command in commands {
            let Some(words) = arguments(&command) else {
                continue;
            };
            looked_at += 1;
            faults.extend(program.fault(&words).map(|why| format!("{name}: {command}: {why}")));
        }
    }
    assert!(looked_at > 15, "only {looked_at} commands were found");
    report(&faults);
}

/// Whether what stands in backticks is meant as a file of the tree.
fn is_path(span: &str) -> bool {
    const ENDINGS: [&str; 7] = [".json", ".md", ".proto", ".py", ".rs", ".toml", "/"];
    const ROOTS: [&str; 5] = [".ci/", "config/", "proto/", "src/", "tests/"];
    // Made by tests or by the demo; named by the operator.
    const ELSEWHERE: [&str; 3] = ["demo-net/", "directory.toml", "target/"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    span.chars().all(plain)
        && !span.starts_with('/')
        && !ELSEWHERE.iter().any(|it| span.starts_with(it))
        && (ENDINGS.iter().any(|it| span.ends_with(it))
            || ROOTS.iter().any(|it| span.starts_with(it)))
}

#[test]
fn every_file_that_the_documents_name_stands_there() {
    let mut faults = Vec::new();
    let mut looked_at = 0;
    for name in DOCUMENTS {
        let text = document(name);
        let links = text.split("](").skip(1).filter_map(|it| it.split(')').next());
        let links = links.filter(|it| !it.contains(':')).map(str::to_owned);
        for path in spans(&text).into_iter().filter(|it| is_path(it)).chain(links) {
            looked_at += 1;
            // `wire/` alone is the room of that name.
            let room = path.ends_with('/') && root().join("src").join(&path).is_dir();
            let beside =
                Path::new(name).parent().is_some_and(|it| root().join(it).join(&path).exists());
            if !(root().join(&path).exists() || room || beside) {
                faults.push(format!("{name}: there is no {path}"));
            }
        }
    }
    assert!(looked_at > 100, "only {looked_at} files were found");
    report(&faults);
}

fn sources_under(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            sources_under(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs")
            && !path.ends_with("tests/readme.rs")
        {
            found.push(fs::read_to_string(&path).expect("source is UTF-8"));
        }
    }
}

#[test]
fn every_promise_of_the_readme_is_the_name_of_a_test() {
    let mut sources = Vec::new();
    for folder in ["src", "tests"] {
        sources_under(&root().join(folder), &mut sources);
    }
    let exists = |test: &str| {
        let starts = [format!("fn {test}("), format!("fn {test}<")];
        sources.iter().any(|text| starts.iter().any(|start| text.contains(start.as_str())))
    };
    let readme = document("README.md");
    let promises = rows(section(&readme, "Promises"));
    assert!(promises.len() > 10, "only {} promises were found", promises.len());
    let mut faults = Vec::new();
    for row in promises {
        let [promise, tests] = row.as_slice() else {
            panic!("a promise has two cells: {row:?}");
        };
        let named = spans(tests);
        if named.is_empty() {
            faults.push(format!("{promise}: names no test"));
        }
        let missing = named.iter().filter(|test| !exists(test));
        faults.extend(missing.map(|test| format!("{promise}: there is no test {test}")));
    }
    report(&faults);
}

#[test]
fn every_invariant_that_is_said_to_be_simulated_is_checked_by_name() {
    let judge = document("tests/simulation/checker.rs");
    let rooms = judge.lines().filter_map(|it| it.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    let rooms = rooms.map(|it| document(&format!("tests/simulation/{it}")));
    let checker = [judge.clone()].into_iter().chain(rooms).collect::<String>();
    let architecture = document("ARCHITECTURE.md");
    let invariants = rows(section(&architecture, "What must always hold"));
    let numbers: BTreeSet<String> = invariants.iter().map(|row| row[0].clone()).collect();
    assert_eq!(numbers.len(), 10, "ten invariants are numbered");
    let mut faults = Vec::new();
    for row in &invariants {
        let name = row[1].trim_matches('`');
        let checked =
            checker.contains(&format!("\"{name}: ")) || checker.contains(&format!("`{name}`"));
        if checked != row[3].starts_with("simulator") {
            faults.push(format!("{name}: the checker knows it: {checked}; said: {}", row[3]));
        }
    }
    report(&faults);
}

#[test]
fn ci_runs_the_second_command_of_the_readme() {
    let readme = document("README.md");
    let commands = fenced(section(&readme, "Two commands"), "sh");
    assert_eq!(commands, ["cargo run --release -- demo", "bash tests/run"]);
    let script = document(".ci/run");
    let last = script.lines().last();
    assert_eq!(last, Some("exec bash tests/run"));
}
