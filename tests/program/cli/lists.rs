//! Revocation lists in files: one that is bad is refused with its file, and its line or field where the
//! file has any; nothing of it is adopted, signed or written.

use std::path::{Path, PathBuf};
use std::process::Command;

use rogatory::pki::revoke::{list_der, list_pem};

use crate::cli::written::{blocks, document, play};
use crate::cli::{code, err, folder, run, text, write};
use crate::network::files::everything;

const UNREADABLE: &str = "the list cannot be read, or has no number or no next update";
const STRANGE: &str = "the list holds something that no verifier may pass over, such as an unknown \
                       critical extension";

/// Puts bytes into a file, whatever they are.
fn put(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).expect("the file is made");
    file.write_all(bytes).expect("the file is written");
}

/// A network of the ceremonies that an agency, `int.hub`, has joined.
struct Scene {
    home: tempfile::TempDir,
    net: PathBuf,
    ca: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let home = folder();
        let joining = ["A network begins", "An agency joins"];
        let blocks = blocks(&document("CEREMONIES.md"));
        let blocks = blocks.iter().filter(|(heading, _)| joining.contains(&heading.as_str()));
        let script: String = blocks.map(|(_, block)| block.as_str()).collect();
        let done = play(home.path(), &script);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let (net, ca) = (home.path().join("net"), home.path().join("hub/ca"));
        Self { home, net, ca }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The list that another authority makes for itself.
    fn list_of(&self, agency: &str, folder: &str) -> Vec<u8> {
        let folder = self.at(folder);
        let made = run(self.home.path(), &["pki", "init", agency, "--out", text(&folder)]);
        assert_eq!(code(&made), 0, "{}", err(&made));
        read_list(&folder.join("ca.crl"))
    }

    /// A list of the agency's own authority with a critical extension that nobody knows.
    fn strange(&self) -> Vec<u8> {
        let at = |name: &str| self.ca.join(name);
        put(&at("index"), b"");
        put(&at("number"), b"09\n");
        put(
            &at("conf"),
            b"[ca]\ndefault_ca=it\n[it]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\n\
              default_crl_days=2\ncrl_extensions=more\n\
              [more]\n1.3.6.1.4.1.99999.1=critical,DER:0500\n",
        );
        let words = "ca -gencrl -config conf -cert ca.pem -keyfile ca.key -out strange.crl";
        let mut openssl = Command::new("openssl");
        let made = openssl.args(words.split(' ')).current_dir(&self.ca).output().unwrap();
        assert!(made.status.success(), "{}", err(&made));
        read_list(&at("strange.crl"))
    }

    /// Bad lists, DER, and what is said of each.
    fn bad(&self) -> Vec<(Vec<u8>, &'static str)> {
        let good = read_list(&self.ca.join("ca.crl"));
        let by_other = self.list_of("int.stranger", "stranger-ca");
        let by_twin = self.list_of("int.hub", "twin-ca");
        vec![
            (good[..good.len() - 1].to_vec(), UNREADABLE),
            (by_other, "the list is issued by none of the agency's authorities"),
            (by_twin, "the list is not signed by the authority that it names"),
            (self.strange(), STRANGE),
        ]
    }

    /// Says no with this code, names the file and the rest, and leaves the home as it was.
    fn refuses(&self, ending: i32, words: &[&str], named: &[&str]) {
        let before = everything(self.home.path());
        let output = run(self.home.path(), words);
        let told = err(&output);
        assert_eq!(code(&output), ending, "{words:?}: {told}");
        for part in named {
            assert!(told.contains(part), "{words:?}: {part} is not said: {told}");
        }
        assert!(everything(self.home.path()) == before, "{words:?} has changed a file");
    }
}

fn read_list(path: &Path) -> Vec<u8> {
    list_der(&std::fs::read(path).expect("a file")).expect("a list")
}

#[test]
fn a_bad_list_is_refused_with_its_file_and_nothing_is_adopted() {
    let scene = Scene::new();
    let (net, key) = (text(&scene.net), scene.at("hub/record.key"));
    let file = scene.at("bad.crl");
    let path = text(&file);
    for (der, said) in scene.bad() {
        for bytes in [der.clone(), list_pem(&der).into_bytes()] {
            put(&file, &bytes);
            let whole = format!("{path} is not adopted: crl: {said}");
            scene.refuses(6, &["directory", "adopt", net, path], &[&whole]);
            let none = format!("{path} holds a revocation list or something else of X.509");
            scene.refuses(6, &["directory", "check", path], &[&none, "rogatory pki inspect"]);
            scene.refuses(6, &["directory", "sign", path, "--key", text(&key)], &[&none]);
            scene.refuses(6, &["directory", "verify", net, path], &[&none]);
            let from = ["directory", "propose", net, "--record", "int.hub", "--from", path];
            scene.refuses(6, &from, &[path]);
        }
        if said == UNREADABLE {
            scene.refuses(6, &["pki", "inspect", path], &[path]);
        }
    }
    // PEM that is none.
    put(&file, b"-----BEGIN X509 CRL-----\nAAAA\n");
    let whole = format!("{path} is not adopted: crl: {UNREADABLE}");
    scene.refuses(6, &["directory", "adopt", net, path], &[&whole]);
    // The good one is adopted, or was: the scene is in order.
    let good = scene.ca.join("ca.crl");
    let adopted = run(scene.home.path(), &["directory", "adopt", net, text(&good)]);
    assert_eq!(code(&adopted), 0, "{}", err(&adopted));
}

#[test]
fn a_record_with_a_bad_list_is_refused_with_its_file_line_and_field() {
    let scene = Scene::new();
    let (net, key) = (text(&scene.net), scene.at("hub/record.key"));
    let good = std::fs::read_to_string(scene.net.join("proposed/int.hub-1.toml")).unwrap();
    let begin = good.find("crl = \"\"\"").expect("it names its list");
    let line = good[..begin].lines().count() + 1;
    let end = begin + 9 + good[begin + 9..].find("\"\"\"").expect("the text ends");
    let (file, before) = (scene.at("record.toml"), good[..begin].to_owned());
    let path = text(&file);
    for (der, said) in scene.bad() {
        let list = list_pem(&der);
        write(&file, &format!("{before}crl = \"\"\"\n{list}{}", &good[end..]));
        // What can't be read at all is told by its kind, all else by its place among the lists.
        let said = match said {
            UNREADABLE => "holds something that is not X.509 CRL".to_owned(),
            said => said.replace("the list", "list 0"),
        };
        let told = format!("line {line}, column 7: crl: {said}");
        let named = [path, told.as_str()];
        scene.refuses(6, &["directory", "check", path], &named);
        scene.refuses(6, &["directory", "sign", path, "--key", text(&key)], &named);
        scene.refuses(6, &["directory", "verify", net, path], &named);
        // The text that is judged has another head, so its lines are others.
        let told = format!("column 7: crl: {said}");
        let from = ["directory", "propose", net, "--record", "int.hub", "--from", path];
        scene.refuses(6, &from, &[path, &told]);
    }
}

#[test]
fn a_bad_list_in_a_folder_is_named_and_keeps_nothing_else_out() {
    let scene = Scene::new();
    let genesis = run(scene.home.path(), &["-o", "json", "directory", "verify", text(&scene.net)]);
    let genesis: serde_json::Value = serde_json::from_slice(&genesis.stdout).unwrap();
    let genesis = genesis["genesis"].as_str().expect("its hash").to_owned();
    let lists = scene.net.join("lists");
    std::fs::create_dir_all(&lists).unwrap();
    let file = lists.join("int.hub.0000000000000000.crl");
    let path = text(&file);
    for (number, (der, said)) in scene.bad().into_iter().enumerate() {
        put(&file, &der);
        let told = format!("{path}: crl: {said}");
        scene.refuses(6, &["directory", "check", text(&scene.net)], &[&told]);
        scene.refuses(7, &["directory", "verify", text(&scene.net)], &[&told]);
        // Another folder takes the rest over, and of this file nothing.
        let other = scene.at(&format!("copy-{number}"));
        let words = ["directory", "adopt", text(&other), text(&scene.net), "--genesis", &genesis];
        let output = run(scene.home.path(), &words);
        assert_eq!(code(&output), 6, "{}", err(&output));
        assert!(err(&output).contains(&format!("{path} is not adopted: crl: {said}")));
        assert!(other.join("records/int.hub.note").is_file());
        let kept = everything(&other);
        assert!(kept.values().all(|it| *it != der), "the bad list is kept nowhere");
    }
}

#[test]
fn an_authority_goes_on_from_its_own_list_alone() {
    let scene = Scene::new();
    let (ca, list) = (text(&scene.ca).to_owned(), scene.ca.join("ca.crl"));
    for (der, said) in scene.bad() {
        put(&list, list_pem(&der).as_bytes());
        let told = format!("{}: {said}", list.display());
        scene.refuses(6, &["pki", "revoke", "--ca", &ca], &[&told]);
    }
    put(&list, b"-----BEGIN X509 CRL-----\nAAAA\n");
    let none = format!("{} holds no revocation list in PEM form", list.display());
    scene.refuses(6, &["pki", "revoke", "--ca", &ca], &[&none]);
}
