//! The command line keeps its promises: run as people and scripts run it. Here without a node; in
//! `network.rs` and `oversight.rs` with three.

mod ceremonies;
mod certificates;
mod competence;
mod lists;
mod looks;
mod network;
mod oversight;
mod parties;
pub(crate) mod people;
mod queue;
mod redirect;
mod set_aside;
mod templates;
mod ways;
mod written;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The program, with no context and no variable of whoever runs the tests.
fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROGATORY_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", home).env("HOME", home).stdin(Stdio::null());
    command
}

fn run(home: &Path, arguments: &[&str]) -> Output {
    program(home).args(arguments).output().expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the program ends by itself")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// Writes a file that is closed to others, as a key must be.
fn write(path: &Path, content: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).expect("the file is made");
    file.write_all(content.as_bytes()).expect("the file is written");
}

/// Every command without subcommands, by its words.
fn leaves() -> Vec<Vec<String>> {
    fn collect(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        let leaf = !command.has_subcommands();
        if leaf {
            found.push(words.to_vec());
        }
        for inner in command.get_subcommands() {
            let mut words = words.to_vec();
            words.push(inner.get_name().to_owned());
            collect(inner, &words, found);
        }
    }
    let mut found = Vec::new();
    collect(&rogatory::cli::pages::definition(), &[], &mut found);
    found
}

#[test]
fn every_leaf_has_help_that_starts_with_an_example() {
    let home = folder();
    let leaves = leaves();
    assert!(leaves.len() > 40, "{}", leaves.len());
    for words in leaves {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.push("--help");
        let output = run(home.path(), &arguments);
        assert_eq!(code(&output), 0, "{words:?}: {}", err(&output));
        let wanted = format!("Example: rogatory {}", words.join(" "));
        assert!(out(&output).starts_with(&wanted), "{words:?}: {}", out(&output));
        assert_eq!(err(&output), "", "{words:?}");
    }
}

#[test]
fn help_knows_commands_and_exit_codes() {
    let home = folder();
    let codes = out(&run(home.path(), &["help", "exit-codes"]));
    for number in ["  0  ", "  6  ", "  9  ", " 74  ", "130  "] {
        assert!(codes.lines().any(|line| line.starts_with(number)), "{number}: {codes}");
    }
    let help = run(home.path(), &["help", "request", "send"]);
    assert!(out(&help).starts_with("Example: rogatory request send"), "{}", out(&help));
    assert_eq!(code(&run(home.path(), &["help", "no-such-thing"])), 2);
}

#[test]
fn bad_flags_and_words_end_with_2() {
    let home = folder();
    for arguments in [
        &["request", "list", "--no-such-flag"][..],
        &["no-such-noun"],
        &["request"],
        &["request", "show", "not-a-uuid"],
        &["request", "send", "-f", "x.json", "--timeout", "soon"],
        &["inbox", "reply", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "--type", "no_such_act"],
        &["-o", "yaml", "kinds", "list"],
        &["--agency", "Not An Agency", "request", "list"],
        &[],
    ] {
        let output = run(home.path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert_eq!(out(&output), "", "{arguments:?}");
        assert!(!err(&output).is_empty(), "{arguments:?}");
    }
}

fn example() -> PathBuf {
    root().join("config/demo/ex2-vessel-boarding-som-8-2.json")
}

/// The example as a message file: what its sender would write.
fn message() -> Value {
    let example = std::fs::read(example()).expect("the example is there");
    let mut message: Value = serde_json::from_slice(&example).expect("the example is JSON");
    let fields = message.as_object_mut().expect("an object");
    fields.retain(|name, _| !name.starts_with('_'));
    message
}

/// The message without times: the clock of whoever runs the tests may stand before its issue or
/// after its deadline.
fn undated(mut message: Value) -> Value {
    message["issued_at"] = Value::Null;
    message["respond_by"] = Value::Null;
    message
}

/// The answer of `request check` with JSON output: of each file its verdict and what was found.
fn checked(output: &Output) -> Vec<(String, Vec<Value>)> {
    let answer: Value = serde_json::from_str(&out(output)).expect("one JSON document");
    let files = answer["files"].as_array().expect("the files");
    let one = |it: &Value| {
        let findings = it["findings"].as_array().expect("findings").clone();
        (it["verdict"].as_str().expect("a verdict").to_owned(), findings)
    };
    files.iter().map(one).collect()
}

#[test]
fn a_good_message_file_is_acceptable_and_says_what_could_not_be_checked() {
    let home = folder();
    let path = home.path().join("message.json");
    write(&path, &undated(message()).to_string());
    let check = ["request", "check", "-f", text(&path), "-o", "json"];
    let output = run(home.path(), &check);
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    let (verdict, findings) = checked(&output).remove(0);
    assert_eq!(verdict, "acceptable");
    let codes: Vec<_> = findings.iter().map(|it| (&it["severity"], &it["code"])).collect();
    let not_known = (&Value::from("note"), &Value::from("NETWORK_NOT_KNOWN"));
    assert_eq!(codes, [not_known; 3]);

    let network = root().join("config/demo/network.json");
    let output = run(home.path(), &[&check[..], &["--network", text(&network)]].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(checked(&output), [("acceptable".to_owned(), Vec::new())]);

    let parties = home.path().join("parties.toml");
    let row = "[[party]]\nstate = 'PAN'\ninstrument = 'SOM-PROTOCOL'\nfrom = '9999-01-01'\n";
    write(&parties, row);
    let output = run(home.path(), &[&check[..], &["--parties", text(&parties)]].concat());
    assert_eq!(code(&output), 6);
    let (verdict, findings) = checked(&output).remove(0);
    let found = findings.iter().find(|it| it["rule"] == "R-PARTY").expect("a finding");
    assert_eq!((verdict.as_str(), &found["code"]), ("refused", &Value::from("NOT_A_PARTY")));
    assert_eq!(found["pointer"], "/legal_basis/instruments/0");
}

#[test]
fn many_files_are_judged_and_one_that_is_refused_makes_6() {
    let home = folder();
    let network = root().join("config/demo/network.json");
    let file = |name: &str| {
        let message = std::fs::read(root().join("tests/data/domain").join(name));
        let message = serde_json::from_slice(&message.expect("it is there")).expect("JSON");
        let path = home.path().join(name);
        write(&path, &undated(message).to_string());
        path
    };
    let lawful = file("edge01-mrz-wrong-but-declared.json");
    let refused = file("inv15-refusal-bank-secrecy.json");
    let mut arguments = vec!["-o", "json", "request", "check", "--network", text(&network), "-f"];
    arguments.extend([text(&lawful), text(&refused)]);
    let output = run(home.path(), &arguments);
    assert_eq!(code(&output), 6, "{}", err(&output));
    let failure: Value = serde_json::from_str(&err(&output)).expect("one JSON object");
    assert_eq!(failure["error"], "refused: 1 of 2 files");
    let answer = checked(&output);
    let verdicts: Vec<_> = answer.iter().map(|(verdict, _)| verdict.as_str()).collect();
    assert_eq!(verdicts, ["acceptable", "refused"]);
    let found = answer[1].1.iter().find(|it| it["severity"] == "reject").expect("a rejection");
    let expected = serde_json::json!({
        "rule": "R-RESP-FORBIDDEN-GROUND",
        "pointer": "/refusal/grounds/0",
        "severity": "reject",
        "code": "FORBIDDEN_REFUSAL_GROUND",
        "reason": "bank secrecy may not be a ground",
        "source": "UNTOC 18(8)",
    });
    assert_eq!(found, &expected);

    arguments[1] = "text";
    let output = run(home.path(), &arguments);
    assert_eq!(code(&output), 6);
    let told = out(&output);
    let line = "  reject: /refusal/grounds/0: bank secrecy may not be a ground \
                (FORBIDDEN_REFUSAL_GROUND; R-RESP-FORBIDDEN-GROUND, UNTOC 18(8))";
    assert!(told.lines().any(|it| it == line), "{told}");
    assert!(
        told.lines().any(|it| it.ends_with("edge01-mrz-wrong-but-declared.json is acceptable"))
    );
}

#[test]
fn a_table_of_parties_with_faults_is_told_line_by_line() {
    let home = folder();
    let parties = home.path().join("parties.toml");
    write(&parties, "[[party]]\nstate = 'pan'\n");
    let file = example();
    let check = ["request", "check", "-f", text(&file), "--parties", text(&parties)];
    let output = run(home.path(), &check);
    assert_eq!((code(&output), out(&output).as_str()), (6, ""));
    for fault in ["line 2, column 9: party[0].state", "party[0].instrument: is missing"] {
        assert!(err(&output).contains(fault), "{}", err(&output));
    }
    let missing = run(home.path(), &["request", "check", "-f", "no-such-file.json"]);
    assert_eq!(code(&missing), 5);
}

#[test]
fn an_unknown_field_is_named_by_its_place() {
    let home = folder();
    let path = home.path().join("message.json");
    let mut message = message();
    message["vessel"]["nmae"] = "AZUR".into();
    message["urgncy"] = Value::Null;
    write(&path, &message.to_string());
    for arguments in [["request", "check"], ["request", "send"]] {
        let [noun, verb] = arguments;
        let output = run(home.path(), &[noun, verb, "-f", text(&path)]);
        assert_eq!(code(&output), 6, "{}", err(&output));
        let told = if verb == "check" { out(&output) } else { err(&output) };
        for pointer in ["/vessel/nmae", "/urgncy"] {
            let line = format!("{pointer}: the field is unknown (UNKNOWN_FIELD; R-SHAPE,");
            assert!(told.contains(&line), "{told}");
        }
    }
}

#[test]
fn with_json_output_a_failure_is_one_object_on_stderr() {
    let home = folder();
    let path = home.path().join("message.json");
    let mut message = message();
    message["from"] = "nowhere".into();
    message["message_type"] = "reqest".into();
    write(&path, &message.to_string());
    let output = run(home.path(), &["-o", "json", "request", "send", "-f", text(&path)]);
    assert_eq!((code(&output), out(&output).as_str()), (6, ""));
    let failure: Value = serde_json::from_str(&err(&output)).expect("one JSON object");
    assert_eq!(failure["exit_code"], 6);
    let violations = failure["violations"].as_array().expect("the violations");
    let pointers: Vec<_> = violations.iter().filter_map(|it| it["pointer"].as_str()).collect();
    assert!(pointers.contains(&"/from") && pointers.contains(&"/message_type"), "{failure}");
}

#[test]
fn a_message_may_come_from_stdin() {
    let home = folder();
    let mut child = program(home.path())
        .args(["request", "check", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"{ \"from\": 7 ").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 6);
    assert!(out(&output).contains("not JSON at line 1"), "{}", out(&output));
}

#[test]
fn certificates_are_made_and_read_again() {
    let home = folder();
    let [ca, node] = ["ca", "node"].map(|name| home.path().join(name));
    let init = ["pki", "init", "ita.coast-guard", "--out", text(&ca)];
    let output = run(home.path(), &init);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let key_mode = mode(&ca.join("ca.key"));
    assert_eq!(key_mode, 0o600);
    assert_eq!(code(&run(home.path(), &init)), 6, "an authority is not overwritten");

    let password = home.path().join("password");
    write(&password, "correct horse\n");
    let id = "spiffe://ita.coast-guard/node/rome-1";
    let issue = [
        "pki",
        "issue",
        id,
        "--ca",
        text(&ca),
        "--out",
        text(&node),
        "--dns",
        "node.example",
        "--p12-password-file",
        text(&password),
    ];
    let output = run(home.path(), &issue);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(mode(&node.with_extension("key")), 0o600);
    assert_eq!(mode(&node.with_extension("p12")), 0o600);
    assert_eq!(code(&run(home.path(), &issue)), 6, "a key is not overwritten");

    let pem = node.with_extension("pem");
    let output = run(home.path(), &["-o", "json", "pki", "inspect", text(&pem)]);
    let seen: Value = serde_json::from_str(&out(&output)).expect("one JSON document");
    let certificate = &seen["certificates"][0];
    assert_eq!(certificate["principal"], id);
    assert_eq!(certificate["role"], "node");
    assert_eq!(certificate["key"], "ECDSA P-256");
    assert_eq!(certificate["dns_names"][0], "node.example");
    let output = run(home.path(), &["pki", "inspect", text(&ca.join("ca.crl"))]);
    assert!(out(&output).contains("revocation list\t1"), "{}", out(&output));

    let other = ["pki", "issue", "spiffe://fra.police/officer/desk", "--ca", text(&ca)];
    let out_base = home.path().join("other");
    let output = run(home.path(), &[&other[..], &["--out", text(&out_base)]].concat());
    assert_eq!(code(&output), 6, "{}", err(&output));
    assert!(!out_base.with_extension("key").exists());
    read_by_openssl(&node.with_extension("p12"));
}

#[test]
fn a_throw_away_network_is_written_and_its_configurations_are_in_order() {
    let home = folder();
    let net = home.path().join("net");
    let output = run(home.path(), &["-o", "json", "pki", "demo", text(&net)]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let made: Value = serde_json::from_str(&out(&output)).expect("JSON");
    let agencies = made["agencies"].as_array().expect("the agencies");
    assert_eq!(agencies.len(), 3);
    for agency in agencies {
        let config = agency["config"].as_str().expect("a path");
        let output = run(home.path(), &["node", "config", "check", "--config", config]);
        assert_eq!(code(&output), 0, "{}", err(&output));
    }
    let directory = made["directory"].as_str().expect("a path");
    let output = run(home.path(), &["directory", "check", directory]);
    let count = std::fs::read_dir(Path::new(directory).join("records")).expect("records").count();
    let head = format!("network\tdemo\nversion\t{}\n", 1 + count);
    assert!(out(&output).starts_with(&head), "{}", out(&output));
    let again = run(home.path(), &["pki", "demo", text(&net)]);
    assert_eq!(code(&again), 6, "a folder that is not empty is left alone");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("the file is there").permissions().mode() & 0o777
}

fn read_by_openssl(store: &Path) {
    let read = Command::new("openssl")
        .args(["pkcs12", "-in", text(store), "-nodes", "-passin", "pass:correct horse"])
        .output();
    match read {
        Ok(read) => {
            assert!(read.status.success(), "{}", err(&read));
            let read = out(&read);
            assert!(read.contains("BEGIN CERTIFICATE") && read.contains("PRIVATE KEY"), "{read}");
        }
        Err(_) => {
            let text = "SKIPPED: there is no openssl to read the PKCS#12 file with\n";
            std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).expect("stderr");
        }
    }
}

#[test]
fn a_configuration_is_judged_with_every_fault() {
    let home = folder();
    let reference = root().join("config/node.toml");
    let check = ["node", "config", "check", "--config"];
    let output = run(home.path(), &[&check[..], &[text(&reference), "--text-only"]].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    let output = run(home.path(), &[&check[..], &[text(&reference)]].concat());
    assert_eq!(code(&output), 6, "the files that it names are not here");
    assert!(err(&output).contains("/etc/rogatory/directory"), "{}", err(&output));

    let wrong = home.path().join("wrong.toml");
    let good = std::fs::read_to_string(&reference).expect("the reference is there");
    write(&wrong, &good.replace("window = 64", "widow = 64").replace("\"demo\"", "\"DEMO!\""));
    let output = run(home.path(), &[&check[..], &[text(&wrong)]].concat());
    assert_eq!(code(&output), 6);
    assert!(err(&output).contains("relay.widow"), "{}", err(&output));
    assert!(err(&output).contains("node.network"), "{}", err(&output));

    let show = ["-o", "json", "node", "config", "show", "--config", text(&reference)];
    let shown: Value = serde_json::from_str(&out(&run(home.path(), &show))).expect("JSON");
    assert_eq!(shown["relay"]["window"], 64);
    let missing = run(home.path(), &["node", "run", "--config", "no-such-file.toml"]);
    assert_eq!(code(&missing), 5, "{}", err(&missing));
}

#[test]
fn node_keys_are_private_and_never_overwritten() {
    let home = folder();
    let keys = home.path().join("keys");
    let new = ["-o", "json", "keys", "new", text(&keys)];
    let output = run(home.path(), &new);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let made: Value = serde_json::from_str(&out(&output)).expect("JSON");
    for name in ["journal.ed25519", "journal.mldsa44", "witness.ed25519", "storage.key"] {
        assert_eq!(mode(&keys.join(name)), 0o600, "{name}");
    }
    let before = std::fs::read(keys.join("journal.ed25519")).expect("the key is there");
    let again = run(home.path(), &new);
    assert_eq!(code(&again), 6, "{}", err(&again));
    assert_eq!(std::fs::read(keys.join("journal.ed25519")).expect("the key is there"), before);
    let shown = run(home.path(), &["-o", "json", "keys", "show", text(&keys)]);
    let shown: Value = serde_json::from_str(&out(&shown)).expect("JSON");
    assert_eq!(made, shown, "the public halves are those of the files");
    let private = String::from_utf8(before).expect("base64");
    assert!(!made.to_string().contains(private.trim()), "no private key is printed");
}

#[test]
fn contexts_are_kept_used_shown_and_removed() {
    let home = folder();
    let home = home.path();
    let add = [
        "context",
        "add",
        "rome",
        "--address",
        "node.example:7443",
        "--agency",
        "ita.coast-guard",
        "--tls-cert",
        "officer.pem",
        "--tls-key",
        "officer.key",
        "--directory",
        "directory.toml",
        "--contact-point",
        "ita.coast-guard/operations-centre",
    ];
    let output = run(home, &add);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(code(&run(home, &add)), 6, "a context is not replaced unasked");
    let second = ["context", "add", "panama", "--agency", "pan.maritime-authority"];
    assert_eq!(code(&run(home, &second)), 0);
    assert_eq!(code(&run(home, &["context", "use", "panama"])), 0);
    assert_eq!(code(&run(home, &["context", "use", "lima"])), 5);
    let listed = run(home, &["-o", "json", "context", "list"]);
    let listed: Value = serde_json::from_str(&out(&listed)).expect("JSON");
    assert_eq!(listed["contexts"][0]["name"], "panama");
    assert_eq!(listed["contexts"][0]["in_use"], true);
    assert_eq!(listed["contexts"][1]["address"], "node.example:7443");
    let shown = out(&run(home, &["context", "show", "rome"]));
    assert!(shown.contains("contact_point\tita.coast-guard/operations-centre\n"), "{shown}");

    let mut resolve = program(home);
    resolve.args(["-o", "json", "--context", "rome", "--tls-key", "other.key"]);
    resolve.env("ROGATORY_ADDRESS", "elsewhere:1").args(["context", "show", "--resolved"]);
    let resolved = resolve.output().expect("the program starts");
    let resolved: Value = serde_json::from_str(&out(&resolved)).expect("JSON");
    assert_eq!(resolved["key"]["origin"], "flag");
    assert_eq!(resolved["address"]["value"], "elsewhere:1");
    assert_eq!(resolved["address"]["origin"], "environment variable ROGATORY_ADDRESS");
    assert_eq!(resolved["agency"]["origin"], "context rome");

    assert_eq!(code(&run(home, &["context", "remove", "panama"])), 0);
    assert_eq!(code(&run(home, &["context", "show"])), 5, "none is in use any more");
    assert_eq!(code(&run(home, &["context", "remove", "panama"])), 5);
}

#[test]
fn completions_and_manual_pages_are_printed() {
    let home = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(home.path(), &["completions", shell]);
        assert_eq!(code(&output), 0, "{shell}");
        assert!(out(&output).contains("rogatory"), "{shell}");
    }
    let page = out(&run(home.path(), &["man"]));
    assert!(page.contains(".TH rogatory 1"), "{page:.200}");
    let pages = home.path().join("man1");
    let output = run(home.path(), &["man", "--folder", text(&pages)]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let send = std::fs::read_to_string(pages.join("rogatory-request-send.1")).expect("a page");
    assert!(send.contains("idempotency"), "{send}");
}

#[test]
fn a_node_that_is_not_there_is_told_apart_from_a_no() {
    let home = folder();
    let [ca, officer] = ["ca", "officer"].map(|name| home.path().join(name));
    run(home.path(), &["pki", "init", "ita.coast-guard", "--out", text(&ca)]);
    let id = "spiffe://ita.coast-guard/officer/desk";
    run(home.path(), &["pki", "issue", id, "--ca", text(&ca), "--out", text(&officer)]);
    // A port that was free a moment ago, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let address = port.expect("a free port").to_string();
    let (pem, key) = (officer.with_extension("pem"), officer.with_extension("key"));
    let caller = [
        "--address",
        &address,
        "--agency",
        "ita.coast-guard",
        "--tls-cert",
        text(&pem),
        "--tls-key",
        text(&key),
        "--tls-ca",
        text(&ca.join("ca.pem")),
    ]
    .map(str::to_owned);
    let call = |verb: &[&str]| {
        let caller: Vec<&str> = caller.iter().map(String::as_str).collect();
        run(home.path(), &[&caller[..], verb].concat())
    };
    for verb in [&["request", "list"][..], &["inbox", "list"], &["node", "peers"]] {
        let output = call(verb);
        assert_eq!(code(&output), 9, "{verb:?}: {}", err(&output));
        assert_eq!(out(&output), "");
    }
    assert_eq!(code(&run(home.path(), &["node", "health", "--operations", &address])), 9);
    let open = run(home.path(), &["request", "list"]);
    assert_eq!(code(&open), 2, "whom to call is not known");
    assert!(err(&open).contains("not known: agency, certificate, key"), "{}", err(&open));
}

#[test]
fn the_catalogue_is_there_without_a_node() {
    let home = folder();
    let listed = run(home.path(), &["-o", "jsonl", "kinds", "list", "--channel", "sea"]);
    let kinds: Vec<Value> = out(&listed)
        .lines()
        .map(|line| serde_json::from_str(line).expect("one object a line"))
        .collect();
    assert!(kinds.iter().all(|it| it["channel"] == "sea"));
    assert!(kinds.iter().any(|it| it["code"] == "SOM.8.2.VESSEL"));
    let shown = out(&run(home.path(), &["kinds", "show", "SOM.8.2.VESSEL"]));
    assert!(shown.contains("registry_confirmed"), "{shown}");
    assert!(shown.contains("must\tmeasures\tProtocol 8(2)(a)-(c)"), "{shown}");
    let kind: Value = serde_json::from_str(&out(&run(
        home.path(),
        &["-o", "json", "kinds", "show", "UNTOC.18.3.F.DOCS"],
    )))
    .expect("one object");
    assert_eq!(kind["refusal"], "G-MLA; never bank secrecy 18(8)");
    assert_eq!(kind["senders"], serde_json::json!(["central_authority", "competent_judicial"]));
    assert_eq!(kind["grounds"][0]["code"], "18.9");
    assert_eq!(code(&run(home.path(), &["kinds", "show", "NO.SUCH.KIND"])), 5);
}

#[test]
fn a_template_is_a_message_file_to_be_filled_in() {
    let home = folder();
    let template = out(&run(home.path(), &["request", "template", "UNTOC.18.3.B.SERVICE"]));
    let check = |name: &str, text: &str| {
        let path = home.path().join(name);
        let mut file = std::fs::File::create(&path).expect("the folder is ours");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("the folder is ours");
        run(home.path(), &["request", "check", "-f", path.to_str().expect("UTF-8")])
    };
    let empty = check("empty.json", &template);
    assert_eq!(code(&empty), 6, "{}", err(&empty));
    assert!(out(&empty).contains("/from") && out(&empty).contains("/to"), "{}", out(&empty));
    let broken = check("broken.json", &template.replace("\"service\"", "service"));
    let line = 1 + template.lines().take_while(|it| !it.contains("\"service\"")).count();
    assert!(out(&broken).contains(&format!("not JSON at line {line}")), "{}", out(&broken));
    let json = out(&run(home.path(), &["-o", "json", "request", "template", "SOM.13.DOCUMENT"]));
    let value: Value = serde_json::from_str(&json).expect("no comments");
    assert_eq!(
        (&value["kind"], &value["questions"]),
        (&"SOM.13.DOCUMENT".into(), &Value::Array(vec![]))
    );
    assert_eq!(code(&run(home.path(), &["request", "template", "NO.SUCH.KIND"])), 5);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = folder();
    let mut child = program(home.path())
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
}
