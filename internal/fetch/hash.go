package fetch

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/zeebo/blake3"
)

// algorithms are those of which a file's hash may be given. SHA-1 is there for
// what is published with nothing else: a file can be forged to have it.
var algorithms = map[string]func() hash.Hash{
	"blake3": func() hash.Hash { return blake3.New() },
	"sha256": sha256.New,
	"sha512": sha512.New,
	"sha1":   sha1.New,
}

// An expected is the hash that a file must have.
type expected struct {
	algorithm string
	hex       string
	new       func() hash.Hash
}

// parseHash reads a hash as in sha256:<hex>.
func parseHash(text string) (expected, error) {
	algorithm, digits, _ := strings.Cut(text, ":")
	e := expected{algorithm, digits, algorithms[algorithm]}
	if e.new == nil {
		return e, fmt.Errorf("hash %q: unknown algorithm", text)
	}
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != e.new().Size() || strings.ToLower(digits) != digits {
		return e, fmt.Errorf("hash %q: want %d digits 0-9 and a-f", text, 2*e.new().Size())
	}
	return e, nil
}

func (e expected) String() string { return e.algorithm + ":" + e.hex }

// is reports whether h, which has seen all of the file, is the hash.
func (e expected) is(h hash.Hash) bool { return hex.EncodeToString(h.Sum(nil)) == e.hex }

// other returns what h is instead.
func (e expected) other(h hash.Hash) string {
	return e.algorithm + ":" + hex.EncodeToString(h.Sum(nil))
}
