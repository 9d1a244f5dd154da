//! What is wrong with a token, one thing at a time.

use std::os::unix::fs::PermissionsExt as _;

use crate::network::ORIGIN;
use crate::network::files::everything;
use crate::token::hsm::{LABEL, uri};
use crate::token::{Held, journal, put, put_closed};

/// Changes the configuration, asks for the keys in the token, and changes it back.
fn refused(held: &Held, (before, after): (&str, &str), wanted: &str) {
    held.configure(before, after);
    let told = held.configured(&["keys", "token"]);
    held.configure(after, before);
    assert_eq!(told.code, 6, "{after}: {}", told.err);
    let error: serde_json::Value = serde_json::from_str(told.err.trim()).expect("one object");
    assert_eq!(error["error"], wanted, "{after}");
}

pub async fn each_is_told() {
    let Some(held) = Held::made().await else {
        return;
    };
    let before = everything(&held.folder());
    wrong_access(&held);
    wrong_keys(&held);
    let folder = held.folder();
    for file in ["other", "hsm-pin"] {
        drop(std::fs::remove_file(folder.join(file)));
    }
    assert_eq!(everything(&held.folder()), before, "nothing in the folder changed");
}

/// Module, token and PIN.
fn wrong_access(held: &Held) {
    let folder = held.folder();
    let field = "keys.journal_ed25519";
    let key = uri("journal", "");
    let own = journal(&[&key]);
    let module = format!("module = \"{}\"", held.hsm.module.display());
    let other = folder.join("other");
    put_closed(&other, b"no library");
    let named = format!("module = \"{}\"", other.display());
    held.configure(&module, &named);
    let told = held.configured(&["keys", "token"]);
    held.configure(&named, &module);
    let said = format!("{field}: token.module: {} can't be used: ", other.display());
    assert!(told.code == 6 && told.err.contains(&said), "{}", told.err);

    let elsewhere = own.replace("rogatory%20test", "elsewhere");
    let wanted = "token, serial: no slot of the module holds such a token";
    let named = key.replace("rogatory%20test", "elsewhere");
    refused(held, (&own, &elsewhere), &format!("{field}: {named}: {wanted}"));
    held.hsm.add_token(LABEL);
    let wanted = "token, serial: several tokens are called so; name the serial too";
    refused(held, (&own, &format!("{own} # twice")), &format!("{field}: {key}: {wanted}"));
    held.hsm.remove_second();

    let pin = "\npin = \"pin\"";
    put_closed(&other, b"9999\n");
    let wanted = format!(
        "{field}: token.pin: token {LABEL:?} refuses the PIN, which is not tried again: tokens lock"
    );
    refused(held, (pin, "\npin = \"other\""), &wanted);
    put_closed(&other, b"43\n21\n");
    let shown = other.display();
    let wanted =
        format!("{field}: token.pin: {shown} must hold a PIN of 1 to 255 bytes in one line");
    refused(held, (pin, "\npin = \"other\""), &wanted);
    put(&other, b"4321");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&other, open).expect("the mode is set");
    let wanted = format!(
        "{field}: token.pin: key file {shown} is open to others (mode 0644); run: chmod 600 {shown}"
    );
    refused(held, (pin, "\npin = \"other\""), &wanted);
    std::fs::remove_file(&other).expect("it goes");
    let wanted =
        format!("{field}: token.pin: key file {shown}: No such file or directory (os error 2)");
    held.configure(pin, "\npin = \"other\"");
    let told = held.configured(&["keys", "token"]);
    held.configure("\npin = \"other\"", pin);
    assert!(told.code == 6 && told.err.contains(&wanted), "{}", told.err);
    let wanted = format!(
        "{field}: token.pin: names no file, the URI has no pin-source, and there is no token.pin \
         among the service's credentials"
    );
    refused(held, (pin, "\npin = \"\""), &wanted);
    // A URI may name the file itself.
    let source = format!("?pin-source=file:{}", folder.join("pin").display());
    let with = journal(&[&uri("journal", &source)]);
    let tls = format!("key = \"{}\"", uri("tls", ""));
    let tls_with = format!("key = \"{}\"", uri("tls", &source));
    for (before, after) in [(pin, "\npin = \"\""), (own.as_str(), with.as_str()), (&tls, &tls_with)]
    {
        held.configure(before, after);
    }
    let told = held.configured(&["keys", "token"]);
    for (before, after) in [(pin, "\npin = \"\""), (own.as_str(), with.as_str()), (&tls, &tls_with)]
    {
        held.configure(after, before);
    }
    assert_eq!(told.code, 0, "{}", told.err);
}

/// The keys.
fn wrong_keys(held: &Held) {
    let field = "keys.journal_ed25519";
    let own = journal(&[&uri("journal", "")]);
    let told = |object: &str, wanted: &str| {
        let key = uri(object, "");
        refused(held, (&own, &journal(&[&key])), &format!("{field}: {key}: {wanted}"));
    };
    told("nothing", "object, id: the token holds no such private key");
    told("tls", "object, id: the key is not of Ed25519, as is needed here");
    held.hsm.make("edwards25519", "twin", "04");
    held.hsm.make("edwards25519", "twin", "05");
    told("twin", "object, id: the token holds 2 such private keys; name one");
    held.hsm.make("edwards25519", "half", "06");
    held.hsm.forget_public("half");
    let half = "object, id: the token does not hold the public half beside the private one";
    told("half", half);
    let key = uri("journal", "");
    let again = uri("journal", ";id=%02");
    let wanted = format!("{field}: {key} and {again} are the same key");
    held.configure(&own, &journal(&[&key, &again]));
    let said = held.configured(&["keys", "list"]);
    held.configure(&journal(&[&key, &again]), &own);
    assert!(said.code == 6 && said.err.contains(&wanted), "{}", said.err);

    let tls = format!("key = \"{}\"", uri("tls", ""));
    let named = |object: &str| format!("key = \"{}\"", uri(object, ""));
    let wanted = "object, id: the key is not of ECDSA P-256, as is needed here";
    let journals = uri("journal", "");
    refused(held, (&tls, &named("journal")), &format!("tls.key: {journals}: {wanted}"));
    held.hsm.make("secp384r1", "long", "07");
    let long = uri("long", "");
    refused(held, (&tls, &named("long")), &format!("tls.key: {long}: {wanted}"));
    held.hsm.make("prime256v1", "another", "08");
    held.configure(&tls, &named("another"));
    let said = held.configured(&["node", "config", "check"]);
    held.configure(&named("another"), &tls);
    let wanted = "node.pem: the key in the token does not fit the certificate";
    assert!(said.code == 6 && said.err.contains(wanted), "{}", said.err);

    for (only, without, object, field) in [
        ("CKM_ECDSA", "CKM_EDDSA", "journal", "keys.journal_ed25519"),
        ("CKM_EDDSA", "CKM_ECDSA", "tls", "tls.key"),
    ] {
        held.hsm.set(&format!("slots.mechanisms = {only}"));
        let said = held.configured(&["keys", "token"]);
        held.hsm.set("");
        let wanted = format!("{field}: {}: token: it has no {without}", uri(object, ""));
        assert!(said.code == 6 && said.err.contains(&wanted), "{without}: {}", said.err);
    }
    // The record names another key than the token has.
    held.hsm.make("edwards25519", "stranger", "09");
    held.configure(&own, &journal(&[&uri("stranger", "")]));
    let said = held.configured(&["node", "config", "check"]);
    held.configure(&journal(&[&uri("stranger", "")]), &own);
    let wanted = format!("the directory names other keys for {ORIGIN}/journal/1");
    assert!(said.code == 6 && said.err.contains(&wanted), "{}", said.err);
}

pub async fn a_wrong_pin_is_tried_once() {
    let Some(held) = Held::made().await else {
        return;
    };
    put_closed(&held.folder().join("pin"), b"9999\n");
    // Three keys are looked for, and all faults are told.
    let told = held.configured(&["node", "config", "check"]);
    assert_eq!(told.code, 6, "{}", told.err);
    let count = |said: &str| told.err.matches(said).count();
    let object: serde_json::Value = serde_json::from_str(told.err.trim()).expect("one object");
    let faults: Vec<String> = object["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|it| it.as_str().expect("a text").to_owned())
        .collect();
    let tried = faults.iter().filter(|it| it.contains("refuses the PIN")).count();
    let before = faults.iter().filter(|it| it.contains("refused this PIN before")).count();
    assert_eq!((tried, before), (1, 2), "{faults:?}");
    assert_eq!(count("9999"), 0, "{}", told.err);
}
