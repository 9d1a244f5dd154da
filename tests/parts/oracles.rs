//! Two implementations that share no code with ours agree with it: Go's `sumdb/tlog` and
//! `sumdb/note` on trees, proofs, notes and published tiles, Python's `pymerkle` on trees and `cryptography` on
//! signatures. Each runs as one process that is asked line by line (`tests/oracles/`).
//!
//! The Go side needs the toolchain only: the sources of `golang.org/x/mod` lie in it. The Python
//! side needs the modules of `tests/oracles/requirements.txt`, in the interpreter that
//! `ROGATORY_TEST_PYTHON` names or else in `target/test-python`. What is missing is reported on a
//! line that starts with `SKIPPED`.

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use crate::grown::Grown;
    use rogatory::clock::Timestamp;
    use rogatory::domain::digest::Digest;
    use rogatory::domain::ids::JournalName;
    use rogatory::entropy::{SeededEntropy, bytes};
    use rogatory::journal::published::Publisher;
    use rogatory::journal::store::{Batch, MemoryStore};
    use rogatory::journal::{Append, Journal, StoreJournal};
    use rogatory::merkle::checkpoint::{Checkpoint, sign_checkpoint};
    use rogatory::merkle::cosignature::{cosign_ed25519, cosign_mldsa44, with_lines};
    use rogatory::merkle::note::{TYPE_ED25519, key_id};
    use rogatory::merkle::proof::{prove_consistency, prove_inclusion, verify_inclusion};
    use rogatory::merkle::receipt::TlogProof;
    use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
    use rogatory::merkle::tree::{Frontier, leaf_hash, root_of};
    use rogatory::redact::Secret;

    /// Random trees that each implementation is asked about.
    const TREES: u64 = 1200;
    const LEAVES_MAX: u64 = 150;
    /// Journals whose notes and proofs are checked.
    const JOURNALS: u64 = 40;
    const ORIGIN: &str = "ita.coast-guard/journal/1";
    const OTHER: &str = "mlt.police/journal/1";
    const WITNESS: &str = "mlt.police/witness";
    const AT: Timestamp = Timestamp::from_millis(1_789_999_999_000);
    const AT_SECONDS: i64 = 1_789_999_999;

    /// Another implementation, waiting for questions.
    struct Oracle {
        child: Child,
        questions: Option<ChildStdin>,
        answers: BufReader<ChildStdout>,
        _folder: Option<TempDir>,
    }

    impl Oracle {
        fn start(command: &mut Command, folder: Option<TempDir>) -> std::io::Result<Self> {
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let questions = child.stdin.take();
            let answers = BufReader::new(child.stdout.take().unwrap());
            Ok(Self { child, questions, answers, _folder: folder })
        }

        fn read(&mut self) -> Value {
            let mut line = String::new();
            self.answers.read_line(&mut line).unwrap();
            serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line:?}"))
        }

        fn ask(&mut self, question: &Value) -> Value {
            writeln!(self.questions.as_mut().unwrap(), "{question}").unwrap();
            self.read()
        }
    }

    impl Drop for Oracle {
        fn drop(&mut self) {
            drop(self.questions.take());
            drop(self.child.wait());
        }
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn skipped(what: &str, why: &str) -> Option<Oracle> {
        println!("SKIPPED {what}: {why}");
        None
    }

    /// Builds the Go program beside a copy of the toolchain's own `golang.org/x/mod`.
    fn go() -> Option<Oracle> {
        let what = "agreement with Go's sumdb";
        let Ok(root) = Command::new("go").args(["env", "GOROOT"]).output() else {
            return skipped(what, "there is no go command");
        };
        let root = PathBuf::from(String::from_utf8(root.stdout).unwrap().trim());
        let module = root.join("src/cmd/vendor/golang.org/x/mod");
        if !module.is_dir() {
            return skipped(what, "the toolchain carries no golang.org/x/mod");
        }
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        write(&here.join("main.go"), include_str!("../oracles/tlog/main.go"));
        write(&here.join("go.mod"), include_str!("../oracles/tlog/go.mod"));
        write(&here.join("mod/go.mod"), "module golang.org/x/mod\n\ngo 1.24\n");
        for package in ["sumdb/note", "sumdb/tlog"] {
            for file in fs::read_dir(module.join(package)).unwrap() {
                let path = file.unwrap().path();
                let copy = here.join("mod").join(package).join(path.file_name().unwrap());
                write(&copy, &fs::read_to_string(&path).unwrap());
            }
        }
        let built = Command::new("go")
            .args(["build", "-o", "oracle", "."])
            .env("GOFLAGS", "-mod=mod")
            .env("GOPROXY", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GOWORK", "off")
            .current_dir(here)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let program = here.join("oracle");
        Some(Oracle::start(&mut Command::new(program), Some(folder)).unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "which interpreter has the modules is local")]
    fn python() -> Option<Oracle> {
        let what = "agreement with pymerkle and cryptography";
        let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
        let interpreter = std::env::var("ROGATORY_TEST_PYTHON")
            .map_or_else(|_| tree.join("target/test-python/bin/python"), PathBuf::from);
        let script = include_str!("../oracles/opinion.py");
        let Ok(mut oracle) =
            Oracle::start(Command::new(&interpreter).args(["-u", "-c", script]), None)
        else {
            return skipped(what, &format!("there is no {}", interpreter.display()));
        };
        let missing = oracle.read()["missing"].as_str().unwrap().to_owned();
        if missing.is_empty() { Some(oracle) } else { skipped(what, &missing) }
    }

    fn text_of(hash: &Digest) -> String {
        STANDARD.encode(hash.as_bytes())
    }

    fn texts_of(hashes: &[Digest]) -> Value {
        hashes.iter().map(text_of).collect()
    }

    /// A reproducible stream of choices.
    struct Chance(SeededEntropy);

    impl Chance {
        fn below(&self, limit: u64) -> u64 {
            u64::from_be_bytes(bytes::<8>(&self.0)) % limit
        }

        fn entries(&self, count: u64) -> Vec<Vec<u8>> {
            let entry = || bytes::<40>(&self.0)[..self.below(41).try_into().unwrap()].to_vec();
            (0..count).map(|_| entry()).collect()
        }
    }

    /// A random tree with our roots and proofs, as a question.
    fn tree_question(chance: &Chance) -> Value {
        let size = 1 + chance.below(LEAVES_MAX);
        let (index, old) = (chance.below(size), 1 + chance.below(size));
        let entries = chance.entries(size);
        let tree = Grown::over(&entries);
        json!({
            "ask": "tree",
            "entries": entries.iter().map(hex::encode).collect::<Vec<_>>(),
            "index": index,
            "old": old,
            "root": text_of(&tree.frontier.root()),
            "old_root": text_of(&root_of(&tree, old).unwrap()),
            "inclusion": texts_of(&prove_inclusion(&tree, index, size).unwrap()),
            "consistency": texts_of(&prove_consistency(&tree, old, size).unwrap()),
        })
    }

    #[test]
    fn go_agrees_on_random_trees() {
        let Some(mut oracle) = go() else { return };
        let chance = Chance(SeededEntropy::new(1));
        for number in 0..TREES {
            let mut question = tree_question(&chance);
            let answer = oracle.ask(&question);
            assert_eq!(answer["error"], "", "tree {number}");
            assert_eq!(answer["root"], question["root"], "tree {number}");
            assert_eq!(answer["old_root"], question["old_root"], "tree {number}");
            for proof in ["inclusion", "consistency"] {
                let theirs = answer[proof].as_array().map_or(&[][..], Vec::as_slice);
                assert_eq!(theirs, question[proof].as_array().unwrap(), "tree {number}");
            }
            // And it does not agree with anything else.
            question["old_root"] = json!(text_of(&Digest::of(b"another root")));
            assert_ne!(oracle.ask(&question)["error"], "", "tree {number}");
        }
        println!("Go agrees on {TREES} trees");
    }

    #[test]
    fn pymerkle_agrees_on_random_trees() {
        let Some(mut oracle) = python() else { return };
        let chance = Chance(SeededEntropy::new(2));
        for number in 0..TREES {
            let mut question = tree_question(&chance);
            let answer = oracle.ask(&question);
            assert_eq!(answer["error"], "", "tree {number}");
            for value in ["root", "old_root", "inclusion"] {
                assert_eq!(answer[value], question[value], "tree {number}");
            }
            question["old_root"] = json!(text_of(&Digest::of(b"another root")));
            assert_ne!(oracle.ask(&question)["error"], "", "tree {number}");
        }
        println!("pymerkle agrees on {TREES} trees");
    }

    /// A journal with its checkpoint, signed by both of its keys and a witness.
    struct Signed {
        entries: Vec<Vec<u8>>,
        tree: Grown,
        key: Ed25519Signer,
        second: MlDsa44Signer,
        witness: Ed25519Signer,
        checkpoint: Vec<u8>,
    }

    fn journal(chance: &Chance) -> Signed {
        let seed = || Secret::new(bytes::<32>(&chance.0));
        let (key, witness) = (Ed25519Signer::from_seed(&seed()), Ed25519Signer::from_seed(&seed()));
        let second = MlDsa44Signer::from_seed(&seed());
        let entries = chance.entries(1 + chance.below(LEAVES_MAX));
        let tree = Grown::over(&entries);
        let (size, root) = (tree.frontier.size(), tree.frontier.root());
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root };
        let lines = [
            cosign_mldsa44(&checkpoint, ORIGIN, &second, AT),
            cosign_ed25519(&checkpoint, WITNESS, &witness, AT),
        ];
        let checkpoint = with_lines(&sign_checkpoint(&checkpoint, &key), &lines).unwrap();
        Signed { entries, tree, key, second, witness, checkpoint }
    }

    /// The journal's key as C2SP signed-note writes it.
    fn vkey(public: &[u8; 32]) -> String {
        let encoded = STANDARD.encode([&[TYPE_ED25519][..], public].concat());
        format!("{ORIGIN}+{}+{encoded}", hex::encode(key_id(ORIGIN, TYPE_ED25519, public)))
    }

    #[test]
    fn go_opens_our_notes_and_verifies_our_proofs() {
        let Some(mut oracle) = go() else { return };
        let chance = Chance(SeededEntropy::new(3));
        for number in 0..JOURNALS {
            let journal = journal(&chance);
            let text = String::from_utf8(journal.checkpoint.clone()).unwrap();
            let mut note = json!({
                "ask": "note",
                "text": text,
                "vkey": vkey(&journal.key.public()),
                "witness": WITNESS,
                "witness_key": hex::encode(journal.witness.public()),
            });
            let answer = oracle.ask(&note);
            assert_eq!(answer["error"], "", "journal {number}");
            // The journal's and the witness's; ML-DSA is unknown to this version of Go's note.
            assert_eq!((&answer["verified"], &answer["unverified"]), (&json!(2), &json!(1)));
            assert!(text.starts_with(answer["text"].as_str().unwrap()));
            note["text"] = json!(text.replacen(ORIGIN, OTHER, 1));
            assert_ne!(oracle.ask(&note)["error"], "", "journal {number}");

            let size = journal.tree.frontier.size();
            let index = chance.below(size);
            let entry = &journal.entries[usize::try_from(index).unwrap()];
            let proof = TlogProof {
                index,
                hashes: prove_inclusion(&journal.tree, index, size).unwrap(),
                checkpoint: journal.checkpoint,
            };
            proof.verify(entry, ORIGIN, &journal.key.public()).unwrap();
            let mut question = json!({
                "ask": "proof",
                "text": String::from_utf8(proof.to_bytes()).unwrap(),
                "vkey": vkey(&journal.key.public()),
                "entry": hex::encode(entry),
            });
            let answer = oracle.ask(&question);
            assert_eq!(answer["error"], "", "journal {number}");
            assert_eq!((&answer["verified"], &answer["unverified"]), (&json!(1), &json!(2)));
            question["entry"] = json!(hex::encode(b"another entry"));
            assert_ne!(oracle.ask(&question)["error"], "", "journal {number}");
        }
        println!("Go opens notes and verifies proofs of {JOURNALS} journals");
    }

    /// A journal of random entries, published below `all`; what Go must know to read it.
    fn published(chance: &Chance, size: u64, all: &Path) -> (Value, Vec<Vec<u8>>) {
        let name: JournalName = ORIGIN.parse().unwrap();
        let key = Ed25519Signer::from_seed(&Secret::new(bytes::<32>(&chance.0)));
        let journal = Arc::new(StoreJournal::open(MemoryStore::new(), name).unwrap());
        let entry =
            || [&[1][..], &bytes::<40>(&chance.0)[..1 + chance.below(40) as usize]].concat();
        let entries: Vec<Vec<u8>> = (0..size).map(|_| entry()).collect();
        let mut frontier = Frontier::new();
        for part in entries.chunks(1_000) {
            let first = frontier.size();
            part.iter().for_each(|it| frontier.push(leaf_hash(it)));
            let (size, root) = (frontier.size(), frontier.root());
            let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root };
            let checkpoint = sign_checkpoint(&checkpoint, &key);
            let append = Append { entries: part.to_vec(), checkpoint, rows: Batch::new() };
            journal.append(first, append).unwrap();
        }
        let latest = journal.latest_checkpoint().unwrap().unwrap();
        journal.put_countersigned(size, &latest).unwrap();
        let journal: Arc<dyn Journal> = journal;
        let mut publisher = Publisher::new(all, journal, Box::new(|_| true));
        while publisher.round().unwrap().more {}
        let question = json!({
            "ask": "tiles", "folder": all.join(ORIGIN), "vkey": vkey(&key.public()),
            "root": text_of(&frontier.root()),
        });
        (question, entries)
    }

    #[test]
    fn go_reads_our_published_tiles_and_proves_entries_from_them() {
        let Some(mut oracle) = go() else { return };
        let chance = Chance(SeededEntropy::new(6));
        for size in [1, 255, 256, 257, 1_000, 66_000] {
            let all = tempfile::tempdir().unwrap();
            let (mut question, entries) = published(&chance, size, all.path());
            for _ in 0..20 {
                let (index, old) = (chance.below(size), 1 + chance.below(size));
                question["index"] = json!(index);
                question["old"] = json!(old);
                let answer = oracle.ask(&question);
                assert_eq!(answer["error"], "", "size {size}");
                assert_eq!(answer["root"], question["root"], "size {size}");
                let entry = &entries[usize::try_from(index).unwrap()];
                assert_eq!(answer["text"], hex::encode(entry), "size {size}");
                let old = &entries[..usize::try_from(old).unwrap()];
                assert_eq!(answer["old_root"], text_of(&Grown::over(old).frontier.root()));
            }
            // And no harmed tile passes.
            let width = if size < 256 { format!("000.p/{size}") } else { "000".to_owned() };
            let path = all.path().join(ORIGIN).join("tile/0").join(width);
            let mut tile = fs::read(&path).unwrap();
            tile[31] ^= 1;
            File::create(&path).unwrap().write_all(&tile).unwrap();
            question["index"] = json!(0);
            assert_ne!(oracle.ask(&question)["error"], "", "size {size}");
        }
        println!("Go reads published journals of up to 66,000 entries");
    }

    #[test]
    fn go_proofs_hold_for_us() {
        let Some(mut oracle) = go() else { return };
        let chance = Chance(SeededEntropy::new(4));
        for _ in 0..JOURNALS {
            let question = tree_question(&chance);
            let answer = oracle.ask(&question);
            let hash = |text: &Value| {
                Digest::from_slice(&STANDARD.decode(text.as_str().unwrap()).unwrap())
            };
            let proof: Vec<Digest> = answer["inclusion"]
                .as_array()
                .map(|all| all.iter().map(|it| hash(it).unwrap()).collect())
                .unwrap_or_default();
            let entries = question["entries"].as_array().unwrap();
            let index = question["index"].as_u64().unwrap();
            let entry = hex::decode(entries[index as usize].as_str().unwrap()).unwrap();
            let root = hash(&answer["root"]).unwrap();
            let size = u64::try_from(entries.len()).unwrap();
            assert_eq!(verify_inclusion(&leaf_hash(&entry), index, size, &proof, &root), Ok(()));
        }
    }

    #[test]
    fn python_verifies_each_kind_of_our_signatures() {
        let Some(mut oracle) = python() else { return };
        let chance = Chance(SeededEntropy::new(5));
        for number in 0..JOURNALS {
            let journal = journal(&chance);
            let text = String::from_utf8(journal.checkpoint).unwrap();
            let keys = [
                (0x01, hex::encode(journal.key.public())),
                (0x06, hex::encode(journal.second.public())),
                (0x04, hex::encode(journal.witness.public())),
            ];
            for (line, (kind, public)) in keys.iter().enumerate() {
                let mut question = json!({
                    "ask": "note", "text": text, "line": line, "type": kind, "public": public,
                });
                let answer = oracle.ask(&question);
                assert_eq!(answer["error"], "", "journal {number}, type {kind}");
                if *kind != 0x01 {
                    assert_eq!(answer["time"], AT_SECONDS);
                }
                question["text"] = json!(text.replacen(ORIGIN, OTHER, 1));
                assert_eq!(oracle.ask(&question)["error"], "invalid signature");
            }
        }
        println!("Python verifies three signatures each of {JOURNALS} journals");
    }
}
