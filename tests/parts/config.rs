//! `config/node.toml` says what the code does, and a wrong configuration is told every fault.

use std::path::{Path, PathBuf};

use rogatory::config::check::{CONFIG_BYTES_MAX, SECTIONS, check};
use rogatory::config::environment::NODE_OVERRIDES;
use rogatory::config::file::{
    Alarm, Backup, Handling, Limits, Listen, Messages, Relay, TokenSection, Trace, TraceFormat,
    TraceLevel,
};
use rogatory::config::staleness::Staleness;
use rogatory::config::store::Store;
use rogatory::config::{Config, ConfigError, Environment};
use rogatory::domain::handling::Classification;

const REFERENCE: &str = include_str!("../../config/node.toml");
const SMALLEST: &str = r#"
[node]
name = "rome-1"
agency = "ita.coast-guard"
network = "demo"
data_dir = "/var/lib/rogatory"
directory = "/etc/rogatory/directory"
genesis = "0000000000000000000000000000000000000000000000000000000000000000"
[tls]
certificate = "/etc/rogatory/node.pem"
key = "/etc/rogatory/node.key"
[keys]
folder = "/etc/rogatory/keys"
"#;

fn faults_under(text: &str, environment: &Environment) -> Vec<String> {
    let faults = check(text, environment).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

fn faults(text: &str) -> Vec<String> {
    faults_under(text, &Environment::default())
}

#[test]
fn the_reference_shows_every_default() {
    let reference = check(REFERENCE, &Environment::default()).unwrap();
    let smallest = check(SMALLEST, &Environment::default()).unwrap();
    assert_eq!(reference, smallest);
    assert_eq!(
        smallest.listen,
        Listen {
            agency: "127.0.0.1:7443".parse().unwrap(),
            peers: "127.0.0.1:7444".parse().unwrap(),
            operations: "127.0.0.1:7445".parse().unwrap(),
        }
    );
    assert_eq!(
        smallest.store,
        Store {
            cache_bytes: 16_777_216,
            recent_rows: 262_144,
            low_water_bytes: 268_435_456,
            standstill_s: 240,
            tiles: None,
        }
    );
    assert_eq!(smallest.backup, Backup { key: None, keep_days: 90 });
    let Staleness { alarm_after_s, end_after_s, crl_grace_s } = smallest.directory;
    assert_eq!((alarm_after_s, end_after_s), (3 * 86_400, 14 * 86_400));
    assert_eq!(crl_grace_s, 72 * 3_600);
    assert_eq!(
        smallest.relay,
        Relay {
            window: 64,
            retry_min_ms: 250,
            retry_max_ms: 900_000,
            detour_after_s: 300,
            detour_urgent_after_s: 30,
            checkpoint_interval_ms: 10_000
        }
    );
    assert_eq!(
        smallest.limits,
        Limits {
            content_bytes: 1_048_576,
            connections: 1024,
            handshake_timeout_ms: 5000,
            handshakes_max: 256,
            streams: 64
        }
    );
    assert_eq!(smallest.messages, Messages { expiry_default_s: 604_800, lease_default_s: 1800 });
    assert_eq!(smallest.handling, Handling { ceiling: None, parties: None, desks: None });
    assert_eq!(
        smallest.alarm,
        Alarm {
            command: Vec::new(),
            webhook: None,
            webhook_secret: None,
            timeout_ms: 10_000,
            unclaimed_after_s: 600
        }
    );
    assert_eq!(smallest.trace, Trace { level: TraceLevel::Info, format: TraceFormat::Text });
    assert_eq!(smallest.tls.peer_certificate, smallest.tls.certificate);
    assert_eq!(smallest.tls.peer_key, smallest.tls.key);
    assert_eq!(smallest.keys.journal_ed25519, []);
    assert_eq!(smallest.token, TokenSection { module: None, pin: None });
}

#[test]
fn the_reference_holds_every_key_and_every_variable_once() {
    let mut section = "";
    let mut shown = Vec::new();
    for line in REFERENCE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            shown.push(format!("{section}.{key}"));
        }
    }
    let known: Vec<_> = SECTIONS
        .iter()
        .flat_map(|(name, keys)| keys.iter().map(move |key| format!("{name}.{key}")))
        .collect();
    assert_eq!(shown, known);
    for (variable, key) in NODE_OVERRIDES {
        let said = |line: &&str| line.split_whitespace().eq(["#", *variable, *key]);
        assert_eq!(REFERENCE.lines().filter(said).count(), 1, "{variable}");
    }
}

#[test]
fn what_is_in_force_is_a_configuration_again() {
    let changed = REFERENCE
        .replace("window = 64", "window = 7")
        .replace("\nkey = \"\"\n", "\nkey = \"backup.pub\"\n")
        .replace("\nkeep_days = 90", "\nkeep_days = 30")
        .replace("level = \"info\"", "level = \"debug\"")
        .replace("desks = \"\"", "desks = \"desks.toml\"")
        .replace("ceiling = \"\"", "ceiling = \"S-UE/EU-S\"")
        .replace("command = []", "command = ['/bin/page', 'a \"quoted\" word', '']")
        .replace("webhook = \"\"", "webhook = \"http://[::1]:9000/a?b=c\"")
        .replace("webhook_secret = \"\"", "webhook_secret = \"webhook.key\"")
        .replace("\nkey = \"/etc/rogatory/node.key\"", "\nkey = \"pkcs11:token=a;object=b\"")
        .replace("journal_ed25519 = []", "journal_ed25519 = ['pkcs11:token=a;id=%01']")
        .replace("module = \"\"", "module = \"/m.so\"")
        .replace("\npin = \"\"", "\npin = \"pin\"")
        .replace("peer_key = \"/etc/rogatory/node.key\"", "peer_key = 'C:\\odd \"path\"'");
    let config = check(&changed, &Environment::default()).unwrap();
    assert_eq!(config.relay.window, 7);
    assert_eq!(config.backup, Backup { key: Some(PathBuf::from("backup.pub")), keep_days: 30 });
    assert_eq!(config.handling.ceiling, Some(Classification::Secret));
    assert_eq!(config.handling.desks, Some(PathBuf::from("desks.toml")));
    assert_eq!(config.alarm.command, ["/bin/page", "a \"quoted\" word", ""]);
    assert_eq!(config.alarm.webhook, "http://[::1]:9000/a?b=c".parse().ok());
    assert_eq!(config.alarm.webhook_secret, Some(PathBuf::from("webhook.key")));
    assert_eq!(config.tls.peer_key, PathBuf::from("C:\\odd \"path\"").into());
    let key = config.tls.key.uri().expect("it is in a token");
    assert_eq!((key.token.as_deref(), key.object.as_deref()), (Some("a"), Some("b")));
    assert_eq!(config.keys.journal_ed25519[0].id.as_deref(), Some(&[1][..]));
    let token = TokenSection { module: Some("/m.so".into()), pin: Some("pin".into()) };
    assert_eq!(config.token, token);
    assert_eq!(check(&config.to_toml(), &Environment::default()).unwrap(), config);
}

/// Lines of the reference, what they are changed to one at a time, and the fault that follows.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "name = \"rome-1\"",
        "name = \"Rome 1\"",
        "node.name: must be 1 to 63 of a-z, 0-9 and inner hyphens",
    ),
    (
        "network = \"demo\"",
        "network = \"\"",
        "node.network: network is malformed: it is 1 to 63 of a-z, 0-9 and inner hyphens",
    ),
    (
        "agency = \"ita.coast-guard\"",
        "agency = \"ita\"",
        "node.agency: agency is malformed: it needs a country, a dot, a name",
    ),
    ("data_dir = \"/var/lib/rogatory\"", "data_dir = \"\"", "node.data_dir: must be a path"),
    (
        "operations = \"127.0.0.1:7445\"",
        "operations = \"here\"",
        "listen.operations: must be an IP address and a port, such as 127.0.0.1:7443",
    ),
    (
        "peers = \"127.0.0.1:7444\"",
        "peers = \"127.0.0.1:7445\"",
        "listen: peers and operations are the same address",
    ),
    (
        "peers = \"127.0.0.1:7444\"",
        "peers = \"127.0.0.1:7443\"",
        "listen: agency and peers are the same address",
    ),
    ("peer_key = ", "#", "tls: peer_certificate and peer_key stand together or not at all"),
    (
        "key = \"/etc/rogatory/node.key\"",
        "key = \"pkcs11:token=a;object=b\"",
        "token: names no module, and a key is in a token",
    ),
    (
        "key = \"/etc/rogatory/node.key\"",
        "key = \"pkcs11:token=a;object=b?pin-value=4321\"",
        "tls.key: pin-value: a PIN does not stand in a URI; name its file by token.pin or pin-source",
    ),
    (
        "key = \"/etc/rogatory/node.key\"",
        "key = \"PKCS11:token=a;object=b\"",
        "tls.key: pkcs11: must begin with pkcs11:",
    ),
    (
        "journal_ed25519 = []",
        "journal_ed25519 = [\"pkcs11:token=a\"]",
        "keys.journal_ed25519[0]: object: is missing: name object or id",
    ),
    (
        "journal_ed25519 = []",
        "journal_ed25519 = [\"pkcs11:token=a;id=1?module-path=/m.so\"]",
        "keys.journal_ed25519[0]: module-path: the module is set by token.module",
    ),
    (
        "cache_bytes = 16777216",
        "cache_bytes = 1048575",
        "store.cache_bytes: must be 1048576 to 68719476736",
    ),
    (
        "cache_bytes = 16777216",
        "cache_bytes = \"16 MiB\"",
        "store.cache_bytes: must be an integer, is a string",
    ),
    ("recent_rows = 262144", "recent_rows = 0", "store.recent_rows: must be 1 to 4294967296"),
    (
        "low_water_bytes = 268435456",
        "low_water_bytes = -1",
        "store.low_water_bytes: must be 0 to 1125899906842624",
    ),
    (
        "low_water_bytes = 268435456",
        "low_water_bytes = 1125899906842625",
        "store.low_water_bytes: must be 0 to 1125899906842624",
    ),
    ("standstill_s = 240", "standstill_s = 9", "store.standstill_s: must be 10 to 3600"),
    ("standstill_s = 240", "standstill_s = 3601", "store.standstill_s: must be 10 to 3600"),
    (
        "standstill_s = 240",
        "standstill_s = 240.0",
        "store.standstill_s: must be an integer, is a float",
    ),
    ("window = 64", "window = 0", "relay.window: must be 1 to 4096"),
    ("window = 64", "window = 64.0", "relay.window: must be an integer, is a float"),
    ("window = 64", "window = true", "relay.window: must be an integer, is a boolean"),
    (
        "window = 64",
        "window = 64\nwindows = 1",
        "relay.windows: unknown key; known here: window, retry_min_ms, retry_max_ms, \
         detour_after_s, detour_urgent_after_s, checkpoint_interval_ms",
    ),
    ("retry_min_ms = 250", "retry_min_ms = -250", "relay.retry_min_ms: must be 10 to 60000"),
    (
        "retry_max_ms = 900000",
        "retry_max_ms = 249",
        "relay.retry_max_ms: must not be less than retry_min_ms",
    ),
    ("detour_after_s = 300", "detour_after_s = 0", "relay.detour_after_s: must be 1 to 86400"),
    (
        "detour_urgent_after_s = 30",
        "detour_urgent_after_s = 301",
        "relay.detour_urgent_after_s: must not be more than detour_after_s",
    ),
    (
        "content_bytes = 1048576",
        "content_bytes = 1048577",
        "limits.content_bytes: must be 1 to 1048576",
    ),
    ("connections = 1024", "connections = 65537", "limits.connections: must be 1 to 65536"),
    (
        "handshake_timeout_ms = 5000",
        "handshake_timeout_ms = 99",
        "limits.handshake_timeout_ms: must be 100 to 60000",
    ),
    ("handshakes_max = 256", "handshakes_max = 0", "limits.handshakes_max: must be 1 to 65536"),
    ("streams = 64", "streams = 0", "limits.streams: must be 1 to 4096"),
    (
        "expiry_default_s = 604800",
        "expiry_default_s = 7776001",
        "messages.expiry_default_s: must be 1 to 7776000",
    ),
    (
        "lease_default_s = 1800",
        "lease_default_s = 28801",
        "messages.lease_default_s: must be 1 to 28800",
    ),
    (
        "ceiling = \"\"",
        "ceiling = \"SECRET\"",
        "handling.ceiling: must be R-UE/EU-R, C-UE/EU-C, S-UE/EU-S or TS-UE/EU-TS, or empty",
    ),
    ("ceiling = \"\"", "ceiling = 2", "handling.ceiling: must be a string, is an integer"),
    (
        "command = []",
        "command = [\"page\"]",
        "alarm.command[0]: must be the absolute path of a program",
    ),
    ("command = []", "command = \"/bin/page\"", "alarm.command: must be an array, is a string"),
    (
        "command = []",
        "command = [\"/bin/page\", \"\\u0000\"]",
        "alarm.command[1]: must not hold a zero byte",
    ),
    (
        "webhook = \"\"",
        "webhook = \"https://pager.example/\"",
        "alarm.webhook: must begin with http://, not https://: the hook is for the agency's own \
         network, and what is further away is for a relay there to reach",
    ),
    (
        "webhook = \"\"",
        "webhook = \"127.0.0.1:9000\"",
        "alarm.webhook: must be an address such as http://127.0.0.1:9000/rogatory, without user, \
         password or fragment",
    ),
    (
        "webhook_secret = \"\"",
        "webhook_secret = \"webhook.key\"",
        "alarm.webhook_secret: signs what a webhook gets, and there is none",
    ),
    (
        "file_bytes_max = 17179869184",
        "file_bytes_max = 0",
        "attachments.file_bytes_max: must be 1 to 1125899906842624",
    ),
    ("upload_days = 7", "upload_days = 91", "attachments.upload_days: must be 1 to 90"),
    ("parallel = 8", "parallel = 1025", "attachments.parallel: must be 1 to 1024"),
    ("sea_days = 1825", "sea_days = 364", "retention.sea_days: must be 365 to 3650"),
    (
        "red_review_days = 0",
        "red_review_days = 1826",
        "retention.red_review_days: must be 0 to 1825",
    ),
    (
        "honour_erasure = \"ask\"",
        "honour_erasure = \"never\"",
        "retention.honour_erasure: must be ask or at_once",
    ),
    ("sea_days = 1825", "sea_days = 3651", "retention.sea_days: must be 365 to 3650"),
    ("timeout_ms = 10000", "timeout_ms = 99", "alarm.timeout_ms: must be 100 to 60000"),
    ("timeout_ms = 10000", "timeout_ms = 60001", "alarm.timeout_ms: must be 100 to 60000"),
    (
        "unclaimed_after_s = 600",
        "unclaimed_after_s = 9",
        "alarm.unclaimed_after_s: must be 10 to 3600",
    ),
    (
        "unclaimed_after_s = 600",
        "unclaimed_after_s = 3601",
        "alarm.unclaimed_after_s: must be 10 to 3600",
    ),
    (
        "level = \"info\"",
        "level = \"loud\"",
        "trace.level: must be error, warn, info, debug or trace",
    ),
    (
        "alarm_after_s = 259200",
        "alarm_after_s = 29",
        "directory.alarm_after_s: must be 30 to 31536000",
    ),
    (
        "end_after_s = 1209600",
        "end_after_s = 31536001",
        "directory.end_after_s: must be 30 to 31536000",
    ),
    (
        "end_after_s = 1209600",
        "end_after_s = 259200",
        "directory.end_after_s: must be more than alarm_after_s: the alarm comes first",
    ),
    (
        "crl_grace_s = 259200",
        "crl_grace_s = 2592001",
        "directory.crl_grace_s: must be 0 to 2592000",
    ),
    ("format = \"text\"", "format = \"xml\"", "trace.format: must be json or text"),
    (
        "[trace]",
        "[tracing]",
        "tracing: unknown key; known here: node, listen, tls, keys, token, store, backup, directory, relay, \
         limits, messages, handling, attachments, retention, alarm, trace",
    ),
    (
        "folder = \"/etc/rogatory/keys\"",
        "",
        "keys: names no folder, and CREDENTIALS_DIRECTORY is unset",
    ),
];

#[test]
fn each_wrong_value_gives_its_fault() {
    for (from, to, wanted) in WRONG {
        assert_eq!(REFERENCE.matches(&format!("\n{from}")).count(), 1, "{from}");
        let told = faults(&REFERENCE.replace(&format!("\n{from}"), &format!("\n{to}")));
        assert_eq!(told.len(), 1, "{to}: {told:?}");
        let (place, problem) = told.first().unwrap().split_once(": ").unwrap();
        assert!(place.starts_with("line "), "{place}");
        assert_eq!(problem, *wanted);
    }
}

#[test]
fn all_faults_are_told_at_once_with_line_and_column() {
    let text = "[node]\nname = 1\nagency = \"ita.x\"\n[relay]\nwindow = 0\nwin = 0\n[tls]\n";
    assert_eq!(
        faults(text),
        [
            "line 1, column 1: node.network: is missing",
            "line 1, column 1: node.data_dir: is missing",
            "line 1, column 1: node.directory: is missing",
            "line 2, column 8: node.name: must be a string, is an integer",
            "line 1, column 1: node.genesis: is missing: a node starts only with the hash of its genesis",
            "line 7, column 1: tls.certificate: is missing",
            "line 7, column 1: tls.key: is missing",
            "line 1, column 1: keys: names no folder, and CREDENTIALS_DIRECTORY is unset",
            "line 6, column 1: relay.win: unknown key; known here: window, retry_min_ms, \
             retry_max_ms, detour_after_s, detour_urgent_after_s, checkpoint_interval_ms",
            "line 5, column 10: relay.window: must be 1 to 4096",
        ]
    );
    assert_eq!(faults("[node]\n[node]\n").len(), 1);
    let long = " ".repeat(CONFIG_BYTES_MAX + 1);
    assert_eq!(faults(&long), ["the text has 65537 bytes, more than 65536"]);
}

#[test]
fn the_environment_stands_above_the_file() {
    let environment = Environment::of(&[
        ("ROGATORY_DATA_DIR", "/elsewhere"),
        ("ROGATORY_DIRECTORY", "d.toml"),
        ("ROGATORY_KEYS", "/keys"),
        ("ROGATORY_TRACE", "warn"),
        ("ROGATORY_TRACE_FORMAT", "json"),
        ("CREDENTIALS_DIRECTORY", "/run/credentials"),
    ]);
    let config = check(REFERENCE, &environment).unwrap();
    assert_eq!(config.node.data_dir, Path::new("/elsewhere"));
    assert_eq!(config.node.directory, Path::new("d.toml"));
    assert_eq!(config.keys.folder, Path::new("/keys"));
    assert_eq!(config.trace, Trace { level: TraceLevel::Warn, format: TraceFormat::Json });

    let bad = Environment::of(&[("ROGATORY_TRACE", "loud")]);
    assert_eq!(
        faults_under(REFERENCE, &bad),
        ["line 1, column 1: environment variable ROGATORY_TRACE must be error, \
             warn, info, debug or trace"]
    );
    let service = Environment::of(&[("CREDENTIALS_DIRECTORY", "/run/credentials")]);
    let without = SMALLEST.replace("[keys]\nfolder = \"/etc/rogatory/keys\"\n", "");
    assert_eq!(check(&without, &service).unwrap().keys.folder, Path::new("/run/credentials"));
    assert_eq!(
        check(SMALLEST, &service).unwrap().keys.folder,
        Path::new("/etc/rogatory/keys"),
        "a folder that is written stands above the service manager's"
    );
}

#[test]
fn paths_of_a_file_are_relative_to_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("node.toml");
    let text = SMALLEST.replace("/etc/rogatory/", "").replace("/var/lib/rogatory", "data");
    std::fs::copy("config/node.toml", home.path().join("reference.toml")).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
    let config = Config::load_under(&path, &Environment::default()).unwrap();
    assert_eq!(config.node.data_dir, home.path().join("data"));
    assert_eq!(config.keys.folder, home.path().join("keys"));
    assert_eq!(config.tls.peer_key, home.path().join("node.key").into());

    let missing = home.path().join("absent.toml");
    let error = Config::load_under(&missing, &Environment::default()).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { path, .. } if path == missing));
    std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), b"x = 1").unwrap();
    let error = Config::load_under(&path, &Environment::default()).unwrap_err();
    let ConfigError::Faulty { faults, .. } = error else { panic!("{error}") };
    assert_eq!(faults.len(), 4);
}
