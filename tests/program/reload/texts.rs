//! A text of the directory that a node refuses when it reads its operator's folder again: the operator is
//! told which file and why, all else in the folder counts, and the next good reading ends it.

use std::process::{Command, Output, Stdio};

use rogatory::config::DirectoryFolder;
use rogatory::config::directory::{LIST_ENDING, LISTS};
use rogatory::identity::Role;
use rogatory::pki::RevocationList;

use super::{has_read, list, publish, put, read_again, revoke, signed};
use crate::network::{HUB, Network, ORIGIN, agency};

/// What comes of `rogatory node status` in an operator's context.
pub(super) fn status(network: &Network) -> Output {
    let home = network.folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rogatory"));
    command.env("XDG_CONFIG_HOME", home).env("HOME", home).stdin(Stdio::null());
    let context = format!("{}-operator", ORIGIN.replace('.', "-"));
    let output = command.args(["--context", &context, "node", "status"]).output();
    output.expect("the program starts")
}

/// What it says to an operator beside its answer.
fn shown(network: &Network) -> String {
    let output = status(network);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

async fn counted(network: &Network) -> Option<u64> {
    network.metric(ORIGIN, "rogatory_reading_failed").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_is_refused_is_told_with_its_file_and_reason_until_it_is_good() {
    let network = Network::started_with(&[ORIGIN]).await;
    let officer = network.client(ORIGIN, Role::Officer).await;
    officer.list_request_states(Default::default()).await.unwrap();
    let folder = DirectoryFolder::at(&network.made.directory_path);
    let record = folder.record_path(&agency(HUB));
    let good = std::fs::read_to_string(&record).unwrap();
    let rolls = u64::try_from(folder.rolls().unwrap().len()).unwrap();
    let roll = folder.roll_path(rolls + 1);
    let lists = folder.path().join(LISTS);
    std::fs::create_dir_all(&lists).unwrap();
    let listed = lists.join(format!("{HUB}.0000000000000000.{LIST_ENDING}"));
    let bad = [
        (&record, "it is not signed"),
        (&roll, "it is not signed"),
        (&listed, "crl: the list cannot be read"),
    ];
    revoke(&network, ORIGIN, Role::Officer);
    for (path, _) in bad {
        put(path, "nothing");
    }
    read_again(&network, ORIGIN);
    let told = has_read(&network, ORIGIN, "").await;
    for (path, why) in bad {
        let within = path.strip_prefix(folder.path()).unwrap();
        let named = format!("/{}: {why}", within.display());
        assert!(told.read_fault.contains(&named), "{named}: {}", told.read_fault);
    }
    assert_eq!(told.read_fault.split("; ").count(), bad.len(), "{}", told.read_fault);
    assert_eq!(counted(&network).await, Some(1));
    assert!(network.log(ORIGIN).contains("what is named stays as it was"));
    // What stands beside it counts, and what it would have replaced stays.
    let refused = officer.list_request_states(Default::default()).await.unwrap_err();
    assert_eq!(refused.reason(), "CERTIFICATE_REVOKED");
    assert!(told.lists.iter().any(|it| it.agency == HUB), "{:?}", told.lists);

    put(&record, &good);
    std::fs::remove_file(&roll).unwrap();
    std::fs::remove_file(&listed).unwrap();
    read_again(&network, ORIGIN);
    let told = has_read(&network, ORIGIN, &told.read_at).await;
    assert_eq!(told.read_fault, "");
    assert_eq!(counted(&network).await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_text_of_a_version_is_told_and_the_first_one_stays() {
    let network = Network::started_with(&[ORIGIN]).await;
    let folder = DirectoryFolder::at(&network.made.directory_path);
    let record = folder.record_path(&agency(HUB));
    let mut next = list(&network, HUB);
    next.number += 7;
    let note = signed(&network, HUB, &next);
    let other = std::fs::read(&note).unwrap();
    std::fs::remove_file(note).unwrap();
    publish(&network, HUB, &RevocationList { number: next.number - 6, ..next });
    read_again(&network, ORIGIN);
    let told = has_read(&network, ORIGIN, "").await;
    assert_eq!(told.read_fault, "");
    let first = std::fs::read(&record).unwrap();
    assert_ne!(first, other);

    put(&record, std::str::from_utf8(&other).unwrap());
    read_again(&network, ORIGIN);
    let told = has_read(&network, ORIGIN, &told.read_at).await;
    let named = format!("/records/{HUB}.note: there are two texts of version 2");
    assert!(told.read_fault.contains(&named), "{named}: {}", told.read_fault);
    let said = shown(&network);
    assert!(said.contains(&named), "{named}: {said}");
    put(&record, std::str::from_utf8(&first).unwrap());
    read_again(&network, ORIGIN);
    assert_eq!(has_read(&network, ORIGIN, &told.read_at).await.read_fault, "");
    assert_eq!(shown(&network), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_files_are_named_and_those_beyond_are_counted() {
    let network = Network::started_with(&[ORIGIN]).await;
    let lists = network.made.directory_path.join(LISTS);
    std::fs::create_dir_all(&lists).unwrap();
    let spoil = |number: usize| put(&lists.join(format!("{HUB}.{number:016}.{LIST_ENDING}")), "-");
    let mut read_at = String::new();
    for (count, last) in [(20, None), (21, Some("and 1 more")), (22, Some("and 2 more"))] {
        (0..count).for_each(spoil);
        read_again(&network, ORIGIN);
        let told = has_read(&network, ORIGIN, &read_at).await;
        let parts: Vec<&str> = told.read_fault.split("; ").collect();
        let (files, rest) = parts.split_at(20);
        assert!(files.iter().all(|it| it.contains("crl: the list cannot be read")), "{files:?}");
        assert_eq!(rest, last.as_slice());
        read_at = told.read_at;
    }
}
