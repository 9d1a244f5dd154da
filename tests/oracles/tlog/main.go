// A second opinion on trees and signed texts, by golang.org/x/mod/sumdb: one JSON question a line
// on standard input, one JSON answer a line on standard output.
package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Ask         string   `json:"ask"`
	Entries     []string `json:"entries"` // hex
	Index       int64    `json:"index"`
	Old         int64    `json:"old"`
	Root        string   `json:"root"` // ours, base64, as are the next three
	OldRoot     string   `json:"old_root"`
	Inclusion   []string `json:"inclusion"`
	Consistency []string `json:"consistency"`
	Text        string   `json:"text"` // a note or a tlog-proof
	VKey        string   `json:"vkey"`
	Witness     string   `json:"witness"`     // name of an Ed25519 cosigner
	WitnessKey  string   `json:"witness_key"` // its public key, hex
	Entry       string   `json:"entry"`       // hex
	Folder      string   `json:"folder"`      // of a published journal
}

type answer struct {
	Error       string   `json:"error"`
	Root        string   `json:"root,omitempty"`
	OldRoot     string   `json:"old_root,omitempty"`
	Inclusion   []string `json:"inclusion"`
	Consistency []string `json:"consistency"`
	Text        string   `json:"text,omitempty"`
	Verified    int      `json:"verified"`
	Unverified  int      `json:"unverified"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var q question
		var a answer
		err := json.Unmarshal(in.Bytes(), &q)
		if err == nil {
			switch q.Ask {
			case "tree":
				err = askTree(&q, &a)
			case "note":
				err = askNote(&q, &a)
			case "proof":
				err = askProof(&q, &a)
			case "tiles":
				err = askTiles(&q, &a)
			default:
				err = errors.New("unknown question")
			}
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// askTree builds the tree, answers with roots and proofs of its own, and checks ours.
func askTree(q *question, a *answer) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	var leaves []tlog.Hash
	for i, encoded := range q.Entries {
		entry, err := hex.DecodeString(encoded)
		if err != nil {
			return err
		}
		leaves = append(leaves, tlog.RecordHash(entry))
		more, err := tlog.StoredHashes(int64(i), entry, reader)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
	}
	size := int64(len(leaves))
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return err
	}
	oldRoot, err := tlog.TreeHash(q.Old, reader)
	if err != nil {
		return err
	}
	inclusion, err := tlog.ProveRecord(size, q.Index, reader)
	if err != nil {
		return err
	}
	consistency, err := tlog.ProveTree(size, q.Old, reader)
	if err != nil {
		return err
	}
	a.Root, a.OldRoot = root.String(), oldRoot.String()
	for _, hash := range inclusion {
		a.Inclusion = append(a.Inclusion, hash.String())
	}
	for _, hash := range consistency {
		a.Consistency = append(a.Consistency, hash.String())
	}
	ours, err := hashes(q.Inclusion)
	if err != nil {
		return err
	}
	oursRoot, err := tlog.ParseHash(q.Root)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(ours, size, oursRoot, q.Index, leaves[q.Index]); err != nil {
		return err
	}
	growth, err := hashes(q.Consistency)
	if err != nil {
		return err
	}
	oursOld, err := tlog.ParseHash(q.OldRoot)
	if err != nil {
		return err
	}
	return tlog.CheckTree(growth, size, oursRoot, q.Old, oursOld)
}

// askNote opens a signed note with the keys given.
func askNote(q *question, a *answer) error {
	opened, err := open(q, q.Text)
	if err != nil {
		return err
	}
	a.Text, a.Verified, a.Unverified = opened.Text, len(opened.Sigs), len(opened.UnverifiedSigs)
	return nil
}

// askProof verifies a C2SP tlog-proof of an entry.
func askProof(q *question, a *answer) error {
	head, checkpoint, found := strings.Cut(q.Text, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	indexText, found := strings.CutPrefix(lines[1], "index ")
	if !found {
		return errors.New("no index")
	}
	index, err := strconv.ParseInt(indexText, 10, 64)
	if err != nil {
		return err
	}
	path, err := hashes(lines[2:])
	if err != nil {
		return err
	}
	opened, err := open(q, checkpoint)
	if err != nil {
		return err
	}
	text := strings.Split(opened.Text, "\n")
	if len(text) != 4 || !strings.HasPrefix(q.VKey, text[0]+"+") {
		return errors.New("not a checkpoint of this origin")
	}
	size, err := strconv.ParseInt(text[1], 10, 64)
	if err != nil {
		return err
	}
	root, err := tlog.ParseHash(text[2])
	if err != nil {
		return err
	}
	entry, err := hex.DecodeString(q.Entry)
	if err != nil {
		return err
	}
	a.Verified, a.Unverified = len(opened.Sigs), len(opened.UnverifiedSigs)
	return tlog.CheckRecord(path, size, root, index, tlog.RecordHash(entry))
}

func open(q *question, text string) (*note.Note, error) {
	journal, err := note.NewVerifier(q.VKey)
	if err != nil {
		return nil, err
	}
	known := []note.Verifier{journal}
	if q.Witness != "" {
		key, err := hex.DecodeString(q.WitnessKey)
		if err != nil {
			return nil, err
		}
		known = append(known, &cosigner{q.Witness, key})
	}
	return note.Open([]byte(text), note.VerifierList(known...))
}

// cosigner verifies C2SP tlog-cosignature type 0x04.
type cosigner struct {
	name string
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string { return c.name }

func (c *cosigner) KeyHash() uint32 {
	sum := sha256.Sum256([]byte(c.name + "\n\x04" + string(c.key)))
	return binary.BigEndian.Uint32(sum[:4])
}

func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(c.key, append([]byte(head), msg...), sig[8:])
}

func hashes(encoded []string) ([]tlog.Hash, error) {
	var decoded []tlog.Hash
	for _, text := range encoded {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != tlog.HashSize {
			return nil, errors.New("malformed hash")
		}
		decoded = append(decoded, tlog.Hash(raw))
	}
	return decoded, nil
}

// tiles reads C2SP tlog-tiles from a folder. The package has another scheme of paths (height first,
// .p/W as here); hashes and widths are the same.
type tiles string

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(t.path(strconv.Itoa(tile.L), tile.N, tile.W))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (t tiles) path(level string, index int64, width int) string {
	place := fmt.Sprintf("%03d", index%1000)
	for index >= 1000 {
		index /= 1000
		place = fmt.Sprintf("x%03d/%s", index%1000, place)
	}
	if width < 256 {
		place += ".p/" + strconv.Itoa(width)
	}
	return filepath.Join(string(t), "tile", level, place)
}

// askTiles opens the checkpoint of a published journal, and proves one entry and the growth from an
// older size out of its tiles alone. Every hash that is read is held against the signed root.
func askTiles(q *question, a *answer) error {
	verifier, err := note.NewVerifier(q.VKey)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(q.Folder, "checkpoint"))
	if err != nil {
		return err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return err
	}
	tree := tlog.Tree{N: size, Hash: root}
	reader := tlog.TileHashReader(tree, tiles(q.Folder))
	entry, err := bundled(q.Folder, q.Index, size)
	if err != nil {
		return err
	}
	inclusion, err := tlog.ProveRecord(size, q.Index, reader)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(inclusion, size, root, q.Index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	oldRoot, err := tlog.TreeHash(q.Old, reader)
	if err != nil {
		return err
	}
	consistency, err := tlog.ProveTree(size, q.Old, reader)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(consistency, size, root, q.Old, oldRoot); err != nil {
		return err
	}
	a.Root, a.OldRoot, a.Text = root.String(), oldRoot.String(), hex.EncodeToString(entry)
	return nil
}

// bundled finds an entry in the bundle that a tree of this size has for it.
func bundled(folder string, index, size int64) ([]byte, error) {
	bundle := index / 256
	width := 256
	if size/256 == bundle {
		width = int(size % 256)
	}
	rest, err := os.ReadFile(tiles(folder).path("entries", bundle, width))
	if err != nil {
		return nil, err
	}
	for at := int64(0); len(rest) >= 2; at++ {
		length := int(binary.BigEndian.Uint16(rest))
		if len(rest) < 2+length {
			break
		}
		if at == index%256 {
			return rest[2 : 2+length], nil
		}
		rest = rest[2+length:]
	}
	return nil, errors.New("the bundle lacks the entry")
}
