//! A roll in the operator's folder that does not hold: a command that asks a node through that folder goes by the
//! last roll that does, and says which file is bad, in which line, and why.

use std::path::Path;

use rogatory::config::DirectoryFolder;

use super::put;
use super::texts::status;
use crate::network::{Network, ORIGIN};

/// Who asks, in the context of an operator; the end of the command, and what it said.
fn asked(network: &Network) -> (Option<i32>, String) {
    let output = status(network);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn named(path: &Path, why: &str) -> String {
    format!("not adopted: {}: {why}", path.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_that_does_not_hold_keeps_no_operator_from_asking_and_is_named_with_its_line() {
    let network = Network::started_with(&[ORIGIN]).await;
    let folder = DirectoryFolder::at(&network.made.directory_path);
    let rolls = folder.rolls().unwrap();
    let [first] = &rolls[..] else { panic!("{rolls:?}") };
    let good = std::fs::read_to_string(first).unwrap();
    assert_eq!(asked(&network), (Some(0), String::new()));

    let next = folder.roll_path(2);
    let line = good.lines().position(|it| it.starts_with("version = ")).unwrap() + 1;
    let misspelt = good.replacen("version = ", "versoin = ", 1);
    for (text, why) in [
        ("nothing", "it is not signed".to_owned()),
        // The first of its faults.
        (&misspelt, format!("line {line}, column 1: versoin")),
        (&good.replacen("version = 1", "version = 2", 1), "the signature of ".to_owned()),
    ] {
        put(&next, text);
        let (code, said) = asked(&network);
        assert_eq!(code, Some(0), "{said}");
        let whole = named(&next, "");
        assert!(said.contains(&whole) && said.contains(&why), "{why}: {said}");
    }
    std::fs::remove_file(&next).unwrap();
    assert_eq!(asked(&network), (Some(0), String::new()));

    // Nothing that holds is left to go by.
    put(first, &misspelt);
    let (code, said) = asked(&network);
    let whole = format!("{}: its text has", first.display());
    assert!(said.contains(&whole) && said.contains(&format!("line {line}, ")), "{said}");
    assert_eq!(code, Some(6), "{said}");
}
