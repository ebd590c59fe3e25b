package report

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// harmful is a report whose texts try to leave their places.
func harmful() *Report {
	text := "</script><script>alert(1)</script><!--\u2028{{script}}"
	return &Report{
		Format: Format, File: text, Params: map[string]string{text: text}, Targets: []string{text}, Made: time.Unix(0, 0).UTC(),
		Stages: []Stage{{Name: text, Description: text, Group: -1}},
		contents: contents{
			ids: []string{"n0", "n1"},
			by:  map[string]content{"n0": {Type: textContent, Text: text}, "n1": {Type: "image/svg+xml", Data: "PHN2Zy8+"}},
		},
	}
}

var scriptTag = regexp.MustCompile(`(?i)<script[^>]*>`)

// No text of a report begins or ends an element of the page, and the policy
// has the hashes of all that runs.
func TestPage(t *testing.T) {
	var page strings.Builder
	if _, err := harmful().WriteTo(&page); err != nil {
		t.Fatal(err)
	}
	tags := scriptTag.FindAllString(page.String(), -1)
	if len(tags) != 6 || strings.Count(page.String(), "</script>") != 6 {
		t.Errorf("the page has the scripts %q", tags)
	}
	policy := regexp.MustCompile(`content="(default-src [^"]*)"`).FindStringSubmatch(page.String())
	if policy == nil {
		t.Fatal("the page has no policy")
	}
	for _, part := range []string{"default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(policy[1], part) {
			t.Errorf("the policy has no %s", part)
		}
	}
	if strings.Contains(policy[1], "unsafe") {
		t.Errorf("the policy is %s", policy[1])
	}
	for _, found := range regexp.MustCompile(`(?s)<(?:script|style)>(.*?)</(?:script|style)>`).FindAllStringSubmatch(page.String(), -1) {
		sum := sha256.Sum256([]byte(found[1]))
		if !strings.Contains(policy[1], base64.StdEncoding.EncodeToString(sum[:])) {
			t.Errorf("the policy doesn't allow %.60s…", found[1])
		}
	}
}

// A directory with a page is written again; one with anything else is not.
func TestWriteDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	for range 2 {
		if err := harmful().WriteDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, dataDir, "0.js"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(string(data), "<\u2028") || !strings.HasPrefix(string(data), `plxContent("n0", {`) {
		t.Errorf("the contents are %s", data)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "index.html"), []byte("<p>mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := harmful().WriteDir(other); err == nil || !strings.Contains(err.Error(), "holds no report") {
		t.Errorf("somebody else's directory: %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(other, "index.html")); string(data) != "<p>mine" {
		t.Error("somebody else's page was overwritten")
	}
}

// The same results give the same page.
func TestPageAgain(t *testing.T) {
	var first, second strings.Builder
	for _, b := range []*strings.Builder{&first, &second} {
		if _, err := harmful().WriteTo(b); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Error("the second page is another")
	}
}
