//! The tree, its proofs and its signed texts agree with the published vectors, and with those that
//! two other implementations computed for us (`tests/vectors/README.md`).

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use crate::grown::Grown;
    use rogatory::clock::Timestamp;
    use rogatory::domain::digest::Digest;
    use rogatory::entropy::{SeededEntropy, bytes};
    use rogatory::merkle::checkpoint::{CheckpointError, sign_checkpoint, verify_checkpoint};
    use rogatory::merkle::cosignature::{
        CosignatureError, cosign_mldsa44, verify_cosign_mldsa44, with_lines,
    };
    use rogatory::merkle::note::{SignedNote, key_id};
    use rogatory::merkle::proof::{
        prove_consistency, prove_inclusion, verify_consistency, verify_inclusion,
    };
    use rogatory::merkle::receipt::{ReceiptError, TlogProof};
    use rogatory::merkle::signature::{
        Ed25519Signer, MlDsa44Signer, verify_ed25519, verify_mldsa44,
    };
    use rogatory::merkle::tree::{empty_root, node_hash, root_of};
    use rogatory::redact::Secret;

    const JOURNAL: &str = "xaa.example/journal";
    const WITNESS: &str = "xbb.example/witness";
    const JOURNAL_TIME: Timestamp = Timestamp::from_millis(0x6ab1_3b80 * 1000);
    const WITNESS_TIME: Timestamp = Timestamp::from_millis(0x6ab1_3b85 * 1000);

    fn vectors() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
    }

    fn json(path: &Path) -> Value {
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// Every JSON file under a folder, in a fixed order.
    fn files_under(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files_under(&path));
            } else {
                found.push(path);
            }
        }
        found.sort();
        found
    }

    /// A hash of a vector; `None` if it is not 32 bytes, which no digest can be.
    fn hash(value: &Value) -> Option<Digest> {
        Digest::from_slice(&STANDARD.decode(value.as_str().unwrap()).unwrap())
    }

    /// A root of a vector. Texts stand where only equality counts; a hash stands in for them.
    fn root_or_text(value: &Value) -> Digest {
        hash(value).unwrap_or_else(|| Digest::of_parts(&[b"text:", value.to_string().as_bytes()]))
    }

    fn proof(value: &Value) -> Option<Vec<Digest>> {
        value["proof"].as_array().map_or(Some(Vec::new()), |all| all.iter().map(hash).collect())
    }

    fn unhex(value: &Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    fn seed(value: &Value) -> Secret<32> {
        Secret::new(unhex(value).try_into().unwrap())
    }

    /// The key of a C2SP verifier key, after its type byte.
    fn public_of(value: &Value) -> Vec<u8> {
        let encoded = value["vkey"].as_str().unwrap().splitn(3, '+').nth(2).unwrap();
        STANDARD.decode(encoded).unwrap()[1..].to_vec()
    }

    #[test]
    fn inclusion_proofs_are_judged_as_the_vectors_say() {
        let (mut held, mut refused) = (0, 0);
        for path in files_under(&vectors().join("merkle/inclusion")) {
            let case = json(&path);
            let (index, size) =
                (case["leafIdx"].as_u64().unwrap(), case["treeSize"].as_u64().unwrap());
            let holds = (|| {
                let (leaf, root) = (hash(&case["leafHash"])?, hash(&case["root"])?);
                verify_inclusion(&leaf, index, size, &proof(&case)?, &root).ok()
            })();
            let wanted = !case["wantErr"].as_bool().unwrap();
            assert_eq!(holds.is_some(), wanted, "{}", path.display());
            if wanted { held += 1 } else { refused += 1 }
        }
        println!("inclusion: {held} held, {refused} refused");
        assert_eq!((held, refused), (6, 92));
    }

    #[test]
    fn consistency_proofs_are_judged_as_the_vectors_say() {
        let (mut held, mut refused) = (0, 0);
        for path in files_under(&vectors().join("merkle/consistency")) {
            let case = json(&path);
            let (old, new) = (case["size1"].as_u64().unwrap(), case["size2"].as_u64().unwrap());
            let (old_root, new_root) = (root_or_text(&case["root1"]), root_or_text(&case["root2"]));
            let holds = proof(&case)
                .and_then(|it| verify_consistency(old, new, &it, &old_root, &new_root).ok());
            let wanted = !case["wantErr"].as_bool().unwrap();
            assert_eq!(holds.is_some(), wanted, "{}", path.display());
            if wanted { held += 1 } else { refused += 1 }
        }
        println!("consistency: {held} held, {refused} refused");
        assert_eq!((held, refused), (6, 92));
    }

    #[test]
    fn the_roots_of_the_eight_known_entries_are_right() {
        let known = json(&vectors().join("computed/rfc6962-roots.json"));
        let entries: Vec<Vec<u8>> =
            known["entries_hex"].as_array().unwrap().iter().map(unhex).collect();
        let roots = known["roots_hex"].as_array().unwrap();
        assert_eq!(roots.len(), 9);
        for (size, root) in (0..).zip(roots) {
            let tree = Grown::over(&entries[..size]);
            assert_eq!(tree.frontier.root().as_bytes().to_vec(), unhex(root), "size {size}");
        }
    }

    /// RFC 6962 section 2.1, word for word.
    fn naive(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                node_hash(&naive(left), &naive(right))
            }
        }
    }

    #[test]
    fn random_trees_have_one_root_and_their_proofs_hold() {
        let chance = SeededEntropy::new(6962);
        let draw = |below: u64| u64::from_be_bytes(bytes::<8>(&chance)) % below;
        for _ in 0..200 {
            let size = 1 + draw(200);
            let entries: Vec<Vec<u8>> =
                (0..size).map(|_| bytes::<32>(&chance)[..draw(33) as usize].to_vec()).collect();
            let tree = Grown::over(&entries);
            let leaves: Vec<Digest> =
                entries.iter().map(|it| rogatory::merkle::tree::leaf_hash(it)).collect();
            let root = tree.frontier.root();
            assert_eq!(root, naive(&leaves));
            assert_eq!(root, root_of(&tree, size).unwrap());
            let (index, old) = (draw(size), 1 + draw(size));
            let inclusion = prove_inclusion(&tree, index, size).unwrap();
            let leaf = &leaves[index as usize];
            assert_eq!(verify_inclusion(leaf, index, size, &inclusion, &root), Ok(()));
            let consistency = prove_consistency(&tree, old, size).unwrap();
            let old_root = naive(&leaves[..old as usize]);
            assert_eq!(verify_consistency(old, size, &consistency, &old_root, &root), Ok(()));
        }
    }

    #[test]
    fn the_computed_checkpoint_verifies_under_all_three_keys() {
        let text = fs::read(vectors().join("computed/checkpoint.txt")).unwrap();
        let keys = json(&vectors().join("computed/checkpoint-keys.json"));
        let ed25519 = Ed25519Signer::from_seed(&seed(&keys["journal_ed25519"]["seed_hex"]));
        assert_eq!(ed25519.public().to_vec(), public_of(&keys["journal_ed25519"]));
        let signed = verify_checkpoint(&text, JOURNAL, &ed25519.public()).unwrap();
        assert_eq!(signed.checkpoint.size, 8);
        assert_eq!(signed.note.signatures.len(), 3);
        assert_eq!(signed.note.to_bytes(), text);
        for (name, who, time) in
            [(JOURNAL, "journal_mldsa44", JOURNAL_TIME), (WITNESS, "witness_mldsa44", WITNESS_TIME)]
        {
            let key = MlDsa44Signer::from_seed(&seed(&keys[who]["seed_hex"]));
            let public = public_of(&keys[who]);
            assert_eq!(key.public(), public);
            let vkey = keys[who]["vkey"].as_str().unwrap();
            let id = hex::encode(key_id(name, 0x06, &public));
            assert_eq!(vkey.split('+').nth(1), Some(id.as_str()));
            assert_eq!(verify_cosign_mldsa44(&signed, name, &public), Ok(time));
            // The exact bytes that were signed, as the other implementations wrote them.
            let exact = unhex(&keys[who]["cosigned_message_hex"]);
            let line = signed.note.lines_by(name, key_id(name, 0x06, &public)).next().unwrap();
            assert!(verify_mldsa44(&public, &exact, &line.signature[8..]));
            let ours = cosign_mldsa44(&signed.checkpoint, name, &key, time);
            assert!(verify_mldsa44(&public, &exact, &ours.signature[8..]));
            assert_eq!(ours.signature[..8], line.signature[..8]);
        }
        // Ed25519 is deterministic: our own note is the first three lines and signature of theirs.
        let note = SignedNote {
            text: signed.note.text.clone(),
            signatures: signed.note.signatures[..1].to_vec(),
        };
        assert_eq!(sign_checkpoint(&signed.checkpoint, &ed25519), note.to_bytes());
        let all = with_lines(&note.to_bytes(), &signed.note.signatures[1..]).unwrap();
        assert_eq!(all, text);
    }

    #[test]
    fn a_key_at_the_wrong_place_of_the_computed_checkpoint_is_refused() {
        let text = fs::read(vectors().join("computed/checkpoint.txt")).unwrap();
        let keys = json(&vectors().join("computed/checkpoint-keys.json"));
        let journal = public_of(&keys["journal_ed25519"]).try_into().unwrap();
        assert_eq!(verify_checkpoint(&text, WITNESS, &journal), Err(CheckpointError::OtherOrigin));
        let signed = verify_checkpoint(&text, JOURNAL, &journal).unwrap();
        for (name, who) in [(WITNESS, "journal_mldsa44"), (JOURNAL, "witness_mldsa44")] {
            assert_eq!(
                verify_cosign_mldsa44(&signed, name, &public_of(&keys[who])),
                Err(CosignatureError::Unsigned)
            );
        }
    }

    #[test]
    fn the_computed_proof_proves_entry_three() {
        let text = fs::read(vectors().join("computed/entry-3.tlog-proof")).unwrap();
        let keys = json(&vectors().join("computed/checkpoint-keys.json"));
        let journal = public_of(&keys["journal_ed25519"]).try_into().unwrap();
        let entry = unhex(&keys["entry_3_hex"]);
        let proof = TlogProof::parse(&text).unwrap();
        assert_eq!(proof.index, 3);
        assert_eq!(proof.to_bytes(), text);
        let signed = proof.verify(&entry, JOURNAL, &journal).unwrap();
        assert_eq!(signed.checkpoint.size, 8);
        assert!(matches!(
            proof.verify(b"\x20\x22", JOURNAL, &journal),
            Err(ReceiptError::Inclusion(_))
        ));
        let entries = json(&vectors().join("computed/rfc6962-roots.json"));
        let entries: Vec<Vec<u8>> =
            entries["entries_hex"].as_array().unwrap().iter().map(unhex).collect();
        let ours = prove_inclusion(&Grown::over(&entries), 3, 8).unwrap();
        assert_eq!(ours, proof.hashes);
    }

    #[test]
    fn every_flipped_byte_of_the_computed_proof_is_refused() {
        let text = fs::read(vectors().join("computed/entry-3.tlog-proof")).unwrap();
        let keys = json(&vectors().join("computed/checkpoint-keys.json"));
        let journal = public_of(&keys["journal_ed25519"]).try_into().unwrap();
        let second = public_of(&keys["journal_mldsa44"]);
        let witness = public_of(&keys["witness_mldsa44"]);
        let entry = unhex(&keys["entry_3_hex"]);
        let holds = |bytes: &[u8]| {
            let proof = TlogProof::parse(bytes).ok()?;
            let signed = proof.verify(&entry, JOURNAL, &journal).ok()?;
            verify_cosign_mldsa44(&signed, JOURNAL, &second).ok()?;
            verify_cosign_mldsa44(&signed, WITNESS, &witness).ok()
        };
        assert_eq!(holds(&text), Some(WITNESS_TIME));
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1 << (at % 8);
            assert_eq!(holds(&changed), None, "byte {at}");
        }
    }

    #[test]
    fn wycheproof_judges_ed25519_as_we_do() {
        let file = json(&vectors().join("wycheproof/ed25519_test.json"));
        let (mut valid, mut invalid) = (0, 0);
        for group in file["testGroups"].as_array().unwrap() {
            let public: [u8; 32] = unhex(&group["publicKey"]["pk"]).try_into().unwrap();
            for case in group["tests"].as_array().unwrap() {
                let holds = verify_ed25519(&public, &unhex(&case["msg"]), &unhex(&case["sig"]));
                let wanted = case["result"] == "valid";
                assert_eq!(holds, wanted, "case {}: {}", case["tcId"], case["comment"]);
                if wanted { valid += 1 } else { invalid += 1 }
            }
        }
        println!("wycheproof Ed25519: {valid} valid held, {invalid} invalid refused");
        assert_eq!((valid, invalid), (88, 63));
    }

    #[test]
    fn wycheproof_judges_mldsa44_as_we_do() {
        let file = json(&vectors().join("wycheproof/mldsa_44_verify_test.json"));
        let (mut valid, mut invalid, mut other_context) = (0, 0, 0);
        for group in file["testGroups"].as_array().unwrap() {
            let public = unhex(&group["publicKey"]);
            for case in group["tests"].as_array().unwrap() {
                let holds = verify_mldsa44(&public, &unhex(&case["msg"]), &unhex(&case["sig"]));
                // Our context is empty, so a signature made for another one must not hold here.
                let has_context = case["ctx"].as_str().is_some_and(|it| !it.is_empty());
                let said_valid = case["result"] == "valid";
                let wanted = said_valid && !has_context;
                assert_eq!(holds, wanted, "case {}: {}", case["tcId"], case["comment"]);
                match (said_valid, has_context) {
                    (true, false) => valid += 1,
                    (true, true) => other_context += 1,
                    (false, _) => invalid += 1,
                }
            }
        }
        println!(
            "wycheproof ML-DSA-44: {valid} valid held, {invalid} invalid refused, \
             {other_context} of another context refused"
        );
        assert_eq!((valid, invalid, other_context), (75, 103, 2));
    }

    #[test]
    fn wycheproof_seeds_give_the_same_mldsa44_keys() {
        let file = json(&vectors().join("wycheproof/mldsa_44_sign_seed_test.json"));
        let mut keys = 0;
        for group in file["testGroups"].as_array().unwrap() {
            let (Ok(seed), Some(public)) =
                (<[u8; 32]>::try_from(unhex(&group["privateSeed"])), group["publicKey"].as_str())
            else {
                continue;
            };
            let key = MlDsa44Signer::from_seed(&Secret::new(seed));
            assert_eq!(hex::encode(key.public()), public);
            keys += 1;
        }
        println!("wycheproof ML-DSA-44: {keys} keys from seeds");
        assert_eq!(keys, 25);
    }
}
