package store

import (
	"cmp"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/zeebo/blake3"
)

// A Hash names an object of the store: the first 160 bits of a BLAKE3-256
// hash. Its text form is 32 characters of lower-case base32hex (RFC 4648 §7,
// without padding). The zero Hash names nothing.
type Hash struct{ sum [20]byte }

// hashText is the alphabet of hashes in text and file names.
var hashText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// hashLen is the length of a [Hash] in text.
const hashLen = 32

// HashOf returns the hash of data.
func HashOf(data []byte) Hash {
	sum := blake3.Sum256(data)
	return Hash{[20]byte(sum[:20])}
}

// ParseHash reads the text form of a hash.
func ParseHash(text string) (Hash, error) {
	var h Hash
	if len(text) != hashLen {
		return h, fmt.Errorf("hash %q: want %d characters, have %d", text, hashLen, len(text))
	}
	// Decode ignores line breaks, so the round trip is what makes it strict.
	if _, err := hashText.Decode(h.sum[:], []byte(text)); err != nil || h.String() != text {
		return Hash{}, fmt.Errorf("hash %q: want only 0-9 and a-v", text)
	}
	return h, nil
}

func (h Hash) String() string { return hashText.EncodeToString(h.sum[:]) }

// IsZero reports whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// Compare orders hashes as their texts.
func (h Hash) Compare(other Hash) int { return strings.Compare(h.String(), other.String()) }

// A Digest is the whole BLAKE3-256 hash of a file: what b3sum prints.
type Digest struct{ sum [32]byte }

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest { return Digest{blake3.Sum256(data)} }

// ParseDigest reads 64 lower-case hexadecimal digits.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	if len(text) != 2*len(d.sum) {
		return d, fmt.Errorf("digest %q: want %d characters, have %d", text, 2*len(d.sum), len(text))
	}
	var again [2 * len(d.sum)]byte
	if _, err := hex.Decode(d.sum[:], []byte(text)); err != nil || string(hex.AppendEncode(again[:0], d.sum[:])) != text {
		return Digest{}, fmt.Errorf("digest %q: want only 0-9 and a-f", text)
	}
	return d, nil
}

func (d Digest) String() string { return hex.EncodeToString(d.sum[:]) }

// nameCharacters are what the name of a stage, and so of a derivation, is made
// of. A regular expression for them would take a tenth of what plx needs to
// start.
const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// CheckName returns an error unless name can be the name of a derivation.
func CheckName(name string) error {
	if name == "" || len(name) > 128 || strings.Trim(name, nameCharacters) != "" {
		return fmt.Errorf("name %q: want 1 to 128 of a-z, A-Z, 0-9, _ and -", name)
	}
	return nil
}

// A DRef is the address of a derivation. Its text form is
// "dref:<hash>-<name>". The zero DRef names nothing.
type DRef struct {
	hash Hash
	name string
}

// ParseDRef reads the text form of a DRef.
func ParseDRef(text string) (DRef, error) {
	rest, ok := strings.CutPrefix(text, "dref:")
	if !ok || len(rest) < hashLen+1 || rest[hashLen] != '-' {
		return DRef{}, fmt.Errorf("reference %q: want dref:<hash>-<name>", text)
	}
	ref, err := parseDRefBase(rest)
	if err != nil {
		return DRef{}, fmt.Errorf("reference %q: %v", text, err)
	}
	return ref, nil
}

// parseDRefBase reads "<hash>-<name>", as in file names.
func parseDRefBase(text string) (DRef, error) {
	if len(text) < hashLen+1 || text[hashLen] != '-' {
		return DRef{}, fmt.Errorf("want <hash>-<name>")
	}
	hash, err := ParseHash(text[:hashLen])
	if err != nil {
		return DRef{}, err
	}
	name := text[hashLen+1:]
	if err := CheckName(name); err != nil {
		return DRef{}, err
	}
	return DRef{hash, name}, nil
}

func (r DRef) String() string { return "dref:" + r.base() }

func (r DRef) base() string { return r.hash.String() + "-" + r.name }

// Hash returns the hash of the canonical derivation.
func (r DRef) Hash() Hash { return r.hash }

// Name returns the name of the derivation: its stage's own name.
func (r DRef) Name() string { return r.name }

// IsZero reports whether r names nothing.
func (r DRef) IsZero() bool { return r == DRef{} }

// Compare orders references as their texts.
func (r DRef) Compare(other DRef) int {
	return cmp.Or(r.hash.Compare(other.hash), strings.Compare(r.name, other.name))
}

// An RRef is the address of a realization: one result of a derivation, made in
// one context. Its text form is "rref:<hash>-<derivation hash>-<name>". The
// zero RRef names nothing.
//
// An RRef carries the derivation it realizes, so [RRef.DRef] cannot fail.
type RRef struct {
	hash Hash
	dref DRef
}

// ParseRRef reads the text form of an RRef.
func ParseRRef(text string) (RRef, error) {
	rest, ok := strings.CutPrefix(text, "rref:")
	if !ok || len(rest) < hashLen+1 || rest[hashLen] != '-' {
		return RRef{}, fmt.Errorf("reference %q: want rref:<hash>-<derivation hash>-<name>", text)
	}
	hash, err := ParseHash(rest[:hashLen])
	if err != nil {
		return RRef{}, fmt.Errorf("reference %q: %v", text, err)
	}
	dref, err := parseDRefBase(rest[hashLen+1:])
	if err != nil {
		return RRef{}, fmt.Errorf("reference %q: %v", text, err)
	}
	return RRef{hash, dref}, nil
}

func (r RRef) String() string { return "rref:" + r.hash.String() + "-" + r.dref.base() }

// Hash returns the hash over derivation, context and tree.
func (r RRef) Hash() Hash { return r.hash }

// DRef returns the derivation that r realizes.
func (r RRef) DRef() DRef { return r.dref }

// Name returns the name of the derivation that r realizes.
func (r RRef) Name() string { return r.dref.name }

// IsZero reports whether r names nothing.
func (r RRef) IsZero() bool { return r == RRef{} }

// Compare orders references as their texts.
func (r RRef) Compare(other RRef) int {
	return cmp.Or(r.hash.Compare(other.hash), r.dref.Compare(other.dref))
}
