"""A second opinion on trees and signatures, by pymerkle and cryptography: one JSON question a line
on standard input, one JSON answer a line on standard output. The first line of output says whether
the modules are there."""

import base64
import json
import struct
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
    from pymerkle import InmemoryTree, verify_consistency
except ImportError as missing:
    print(json.dumps({"missing": str(missing)}), flush=True)
    sys.exit(0)


def text_of(hashed):
    return base64.b64encode(hashed).decode()


def hash_of(text):
    return base64.b64decode(text, validate=True)


def ask_tree(question):
    """Roots and inclusion proof of its own; its own consistency proof held against our roots."""
    tree = InmemoryTree(algorithm="sha256")
    for entry in question["entries"]:
        tree.append_entry(bytes.fromhex(entry))
    size, old = tree.get_size(), question["old"]
    # pymerkle counts leaves from one, and its path starts with the leaf itself.
    inclusion = tree.prove_inclusion(question["index"] + 1, size)
    growth = tree.prove_consistency(old, size)
    verify_consistency(
        hash_of(question["old_root"]),
        hash_of(question["root"]),
        growth,
        prior_size=old,
        later_size=size,
        algorithm="sha256",
    )
    return {
        "root": text_of(tree.get_root(size)),
        "old_root": text_of(tree.get_root(old)),
        "inclusion": [text_of(hashed) for hashed in inclusion.path[1:]],
    }


def split_note(text):
    """Text and signature lines of a C2SP signed note: (name, key id, signature)."""
    body, _, lines = text.rpartition("\n\n")
    signatures = []
    for line in lines.splitlines():
        dash, name, encoded = line.split(" ")
        if dash != "\u2014":
            raise ValueError("not a signature line")
        raw = hash_of(encoded)
        signatures.append((name, raw[:4], raw[4:]))
    return body + "\n", signatures


def opaque(name):
    return struct.pack("B", len(name.encode())) + name.encode()


def ask_note(question):
    """Verifies line `line` of a checkpoint as the type of its key wants it."""
    body, signatures = split_note(question["text"])
    name, _, signature = signatures[question["line"]]
    public = bytes.fromhex(question["public"])
    kind = question["type"]
    if kind == 0x01:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body.encode())
        return {}
    time = struct.unpack(">Q", signature[:8])[0]
    if kind == 0x04:
        message = f"cosignature/v1\ntime {time}\n{body}".encode()
        Ed25519PublicKey.from_public_bytes(public).verify(signature[8:], message)
    else:
        origin, size, root, end = body.split("\n")
        if end:
            raise ValueError("not a checkpoint")
        message = b"subtree/v1\n\0" + opaque(name) + struct.pack(">Q", time) + opaque(origin)
        message += struct.pack(">QQ", 0, int(size)) + hash_of(root)
        MLDSA44PublicKey.from_public_bytes(public).verify(signature[8:], message)
    return {"time": time}


def main():
    print(json.dumps({"missing": ""}), flush=True)
    asks = {"tree": ask_tree, "note": ask_note}
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = asks[question["ask"]](question)
            answer["error"] = ""
        except InvalidSignature:
            answer = {"error": "invalid signature"}
        except Exception as failure:  # every failure is an answer that the test reads
            answer = {"error": f"{type(failure).__name__}: {failure}"}
        print(json.dumps(answer), flush=True)


main()
