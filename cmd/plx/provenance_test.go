package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

const provenanceFile = `
[stage.raw]
fetch = { url = "file://DIR/raw.txt", sha256 = "SUM" }

[stage.notes]
import = { path = "notes, odd (1).txt" }

[stage.words]
inputs  = { raw = "raw", notes = "notes" }
src     = ["split.sh"]
tools   = ["sort"]
config  = { n = 3, ratio = 0.5, when = 2026-11-28, list = [1, "two"] }
outputs = { words = "words.txt" }
runs    = 2
match   = "all"
run     = 'sh split.sh "$raw"/raw.txt | sort > "$words"; echo "$PLX_RUN" >> "$words"'

[stage.report]
inputs  = { words = "words" }
run     = 'cat "$words"/*/words.txt > "$out/report.txt"'
`

// provenanceOf realizes a pipeline, and returns where its report comes from in
// a form.
func provenanceOf(t *testing.T, form string) []byte {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PLX_STORE", writableAtEnd(t, t.TempDir())+"/store")
	raw := []byte("b a c\n")
	sum := sha256.Sum256(raw)
	text := strings.NewReplacer("DIR", dir, "SUM", hex.EncodeToString(sum[:])).Replace(provenanceFile)
	for name, data := range map[string]string{"raw.txt": string(raw), "notes, odd (1).txt": "notes", "split.sh": `tr " " "\n" < "$1"`, "stage.toml": text} {
		if err := os.WriteFile(name, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	plx(t, exitOK, "realize", "stage.toml")
	var stdout, stderr bytes.Buffer
	if status := run([]string{"show", "--format", form, "report"}, strings.NewReader(""), &stdout, &stderr); status != exitOK {
		t.Fatalf("status %d\n%s", status, &stderr)
	}
	return stdout.Bytes()
}

// TestProvenanceInToto holds the statement to the published protocol buffers
// of in-toto and SLSA, which know all fields, and to what they require.
func TestProvenanceInToto(t *testing.T) {
	data := provenanceOf(t, "in-toto")
	var statement intoto.Statement
	if err := protojson.Unmarshal(data, &statement); err != nil {
		t.Fatal(err)
	}
	if err := statement.Validate(); err != nil {
		t.Error(err)
	}
	predicate, err := protojson.Marshal(statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	var p slsa.Provenance
	if err := protojson.Unmarshal(predicate, &p); err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if statement.GetPredicateType() != "https://slsa.dev/provenance/v1" {
		t.Errorf("the predicate is a %s", statement.GetPredicateType())
	}
	subject := statement.GetSubject()
	if len(subject) != 1 || subject[0].GetName() != "report.txt" {
		t.Fatalf("the subject is %v", subject)
	}
	result, err := os.ReadFile(filepath.Join(pathOf(t, "report"), "report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(result); subject[0].GetDigest()["sha256"] != hex.EncodeToString(sum[:]) {
		t.Errorf("the subject's digest is %v", subject[0].GetDigest())
	}
	if n := len(p.GetBuildDefinition().GetResolvedDependencies()); n != 2 {
		t.Errorf("%d dependencies, want 2 runs of words", n)
	}
}

// pathOf returns where a stage's result is.
func pathOf(t *testing.T, stage string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if status := run([]string{"path", stage}, strings.NewReader(""), &stdout, &stderr); status != exitOK {
		t.Fatalf("status %d\n%s", status, &stderr)
	}
	return strings.TrimSpace(stdout.String())
}

// relations are where PROV-JSON refers to other statements, and to which kind.
var relations = map[string]string{
	"prov:activity": "activity", "prov:entity": "entity", "prov:agent": "agent", "prov:plan": "entity", "prov:collection": "entity",
	"prov:generatedEntity": "entity", "prov:usedEntity": "entity", "prov:alternate1": "entity", "prov:alternate2": "entity",
}

// provRequired are the attributes that the JSON schema of the W3C submission on
// PROV-JSON wants of each kind of statement. There are no other kinds.
var provRequired = map[string][]string{
	"entity": {}, "activity": {}, "agent": {},
	"wasGeneratedBy": {"prov:entity"}, "used": {"prov:entity"}, "wasAssociatedWith": {"prov:activity"},
	"wasDerivedFrom": {"prov:generatedEntity", "prov:usedEntity"}, "alternateOf": {"prov:alternate1", "prov:alternate2"},
	"hadMember": {"prov:collection", "prov:entity"},
}

// checkPROVSchema holds a document to that schema: which statements there are,
// what each must have, and which values attributes may have.
func checkPROVSchema(t *testing.T, doc map[string]map[string]any) {
	t.Helper()
	for prefix, uri := range doc["prefix"] {
		if u, err := url.Parse(uri.(string)); err != nil || u.Scheme == "" || !regexp.MustCompile(`^[a-zA-Z0-9_-]+$`).MatchString(prefix) {
			t.Errorf("prefix %s: %s", prefix, uri)
		}
	}
	for kind, statements := range doc {
		required, known := provRequired[kind]
		if !known && kind != "prefix" {
			t.Errorf("there are no statements %s", kind)
		}
		for name, s := range statements {
			if kind == "prefix" {
				continue
			}
			for _, key := range required {
				if _, ok := s.(map[string]any)[key].(string); !ok {
					t.Errorf("%s %s has no %s", kind, name, key)
				}
			}
			for key, v := range s.(map[string]any) {
				if why := notPROVValue(key, v); why != "" {
					t.Errorf("%s %s: %s: %s", kind, name, key, why)
				}
			}
		}
	}
}

// notPROVValue says what is wrong with an attribute; "" if nothing is.
func notPROVValue(key string, v any) string {
	_, refers := relations[key]
	isTime := strings.HasSuffix(strings.ToLower(key), "time")
	switch v := v.(type) {
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); isTime && err != nil {
			return err.Error()
		}
		return ""
	case float64, bool:
	case map[string]any:
		for part, text := range v {
			if _, ok := text.(string); !ok || !slices.Contains([]string{"$", "type", "lang"}, part) {
				return "a typed value has no " + part
			}
		}
		if v["$"] == nil {
			return "a typed value has no text"
		}
	case []any:
		if len(v) == 0 {
			return "the list is empty"
		}
		for _, one := range v {
			if _, list := one.([]any); list || notPROVValue("", one) != "" {
				return "a list in a list"
			}
		}
	default:
		return "it is neither text, number, truth nor typed value"
	}
	if refers || isTime {
		return "it is no text"
	}
	return ""
}

// TestProvenancePROV holds the document to the schema, checks that what
// statements refer to is stated, and has Python's prov, the reference
// implementation of PROV-JSON, read it.
func TestProvenancePROV(t *testing.T) {
	data := provenanceOf(t, "prov")
	var doc map[string]map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	checkPROVSchema(t, doc)
	for kind, statements := range doc {
		for name, s := range statements {
			if kind == "prefix" {
				continue
			}
			for key, target := range relations {
				to, there := s.(map[string]any)[key]
				if there && doc[target][to.(string)] == nil {
					t.Errorf("%s %s: %s %s is not stated", kind, name, key, to)
				}
			}
		}
	}
	for kind, want := range map[string]int{"activity": 4, "wasGeneratedBy": 4, "hadMember": 2, "agent": 2} {
		if got := len(doc[kind]); got != want {
			t.Errorf("%d times %s, want %d", got, kind, want)
		}
	}
	python := "/usr/bin/python3" // the one of Debian's package python3-prov
	if exec.Command(python, "-c", "import prov").Run() != nil {
		t.Skip("python3-prov is missing: its reading of the document was not tested")
	}
	if err := os.WriteFile("prov.json", data, 0o666); err != nil {
		t.Fatal(err)
	}
	script := `
from prov.model import ProvDocument
d = ProvDocument.deserialize("prov.json", format="json")
again = ProvDocument.deserialize(content=d.serialize(format="json"), format="json")
assert d == again
d.get_provn()
print(len(list(d.get_records())))
`
	out, err := exec.Command(python, "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	total := 0
	for kind, statements := range doc {
		if kind != "prefix" {
			total += len(statements)
		}
	}
	var got int
	if err := json.Unmarshal(bytes.TrimSpace(out), &got); err != nil || got != total {
		t.Errorf("it reads %s statements, want %d", out, total)
	}
}

// TestProvenanceCrate holds the crate to what RO-Crate 1.1 and the profiles of
// Workflow Run RO-Crate 0.5 require, and its terms to the published context.
func TestProvenanceCrate(t *testing.T) {
	dir, err := filepath.Abs("../../internal/report/browsertest") // its package.json pins what is published
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Context []string         `json:"@context"`
		Graph   []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal(provenanceOf(t, "ro-crate"), &doc); err != nil {
		t.Fatal(err)
	}
	c := crateGraph{t, make(map[string]map[string]any)}
	for _, e := range doc.Graph {
		id := e["@id"].(string)
		if c.byID[id] != nil {
			t.Errorf("%s is described twice", id)
		}
		c.byID[id] = e
	}
	for _, e := range doc.Graph {
		for key := range e {
			for _, id := range c.ids(e, key) {
				if c.byID[id] == nil && id != "https://w3id.org/ro/crate/1.1" {
					t.Errorf("%s: %s %s is not described", e["@id"], key, id)
				}
			}
		}
	}
	c.checkRoot()
	c.checkActions()
	terms := publishedTerms(t, dir)
	for _, e := range doc.Graph {
		for _, term := range slices.Concat(c.types(e), c.keys(e)) {
			if !terms[term] {
				t.Errorf("%s: the context has no %s", e["@id"], term)
			}
		}
	}
}

type crateGraph struct {
	t    *testing.T
	byID map[string]map[string]any
}

func (c crateGraph) types(e map[string]any) []string {
	if one, ok := e["@type"].(string); ok {
		return []string{one}
	}
	var all []string
	for _, one := range e["@type"].([]any) {
		all = append(all, one.(string))
	}
	return all
}

func (c crateGraph) keys(e map[string]any) []string {
	var keys []string
	for key := range e {
		if !strings.HasPrefix(key, "@") {
			keys = append(keys, key)
		}
	}
	return keys
}

// ids returns what a property refers to.
func (c crateGraph) ids(e map[string]any, key string) []string {
	var ids []string
	list, ok := e[key].([]any)
	if !ok {
		list = []any{e[key]}
	}
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			ids = append(ids, o["@id"].(string))
		}
	}
	return ids
}

// one returns the entity that a property must refer to.
func (c crateGraph) one(e map[string]any, key, kind string) map[string]any {
	c.t.Helper()
	for _, id := range c.ids(e, key) {
		if other := c.byID[id]; other != nil && slices.Contains(c.types(other), kind) {
			return other
		}
	}
	c.t.Errorf("%s has no %s that is a %s", e["@id"], key, kind)
	return map[string]any{"@type": ""}
}

func (c crateGraph) checkRoot() {
	meta := c.byID["ro-crate-metadata.json"]
	if meta == nil || !slices.Contains(c.ids(meta, "conformsTo"), "https://w3id.org/ro/crate/1.1") {
		c.t.Fatal("it has no metadata descriptor")
	}
	root := c.one(meta, "about", "Dataset")
	for _, key := range []string{"name", "description", "datePublished"} {
		if text, ok := root[key].(string); !ok || text == "" {
			c.t.Errorf("the root has no %s", key)
		}
	}
	c.one(root, "license", "CreativeWork")
	for _, profile := range []string{"process", "workflow", "provenance"} {
		if !slices.Contains(c.ids(root, "conformsTo"), "https://w3id.org/ro/wfrun/"+profile+"/0.5") {
			c.t.Errorf("the root does not conform to the profile %s", profile)
		}
	}
	workflow := c.one(root, "mainEntity", "ComputationalWorkflow")
	for _, kind := range []string{"File", "SoftwareSourceCode", "HowTo"} {
		if !slices.Contains(c.types(workflow), kind) {
			c.t.Errorf("the workflow is no %s", kind)
		}
	}
	c.one(workflow, "programmingLanguage", "ComputerLanguage")
	c.one(root, "mentions", "CreateAction")
	for _, e := range c.byID { // each data entity is a part of the root
		if kinds := c.types(e); (slices.Contains(kinds, "File") || slices.Contains(kinds, "Dataset")) && e["@id"] != "./" {
			if !slices.Contains(c.ids(root, "hasPart"), e["@id"].(string)) {
				c.t.Errorf("%s is no part of the crate", e["@id"])
			}
		}
	}
	for _, name := range []string{"report.txt"} {
		if c.byID[name] == nil {
			c.t.Errorf("%s is not described", name)
		}
	}
}

func (c crateGraph) checkActions() {
	root := c.byID["./"]
	workflow := c.one(root, "mainEntity", "ComputationalWorkflow")
	counts := make(map[string]int)
	for _, e := range c.byID {
		switch kind := c.types(e)[0]; kind {
		case "CreateAction":
			tool := c.one(e, "instrument", "SoftwareSourceCode")
			if tool["@id"] != workflow["@id"] && !slices.Contains(c.ids(workflow, "hasPart"), tool["@id"].(string)) {
				c.t.Errorf("the workflow has no part %s", tool["@id"])
			}
			counts[kind]++
		case "ControlAction":
			step := c.one(e, "instrument", "HowToStep")
			c.one(step, "workExample", "SoftwareSourceCode")
			c.one(e, "object", "CreateAction")
			if !slices.Contains(c.ids(workflow, "step"), step["@id"].(string)) {
				c.t.Errorf("the workflow has no step %s", step["@id"])
			}
			counts[kind]++
		case "OrganizeAction":
			c.one(e, "instrument", "SoftwareApplication")
			c.one(e, "result", "CreateAction")
			c.one(e, "object", "ControlAction")
			counts[kind]++
		}
	}
	if counts["CreateAction"] != 5 || counts["ControlAction"] != 4 || counts["OrganizeAction"] != 1 {
		c.t.Errorf("actions: %v, want a download, two runs of words, report, and all together", counts)
	}
}

// publishedTerms returns the terms of the context of RO-Crate 1.1, which the
// npm package ro-crate brings.
func publishedTerms(t *testing.T, dir string) map[string]bool {
	t.Helper()
	script := `const c = require("ro-crate/lib/defaults.js").standardContexts["https://w3id.org/ro/crate/1.1/context"];
console.log(JSON.stringify(Object.keys(c["@context"])))`
	cmd := exec.Command("node", "-e", script)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("node, or its package ro-crate, is missing: the terms of the crate were not compared with the published context: %v", err)
	}
	var names []string
	if err := json.Unmarshal(out, &names); err != nil {
		t.Fatal(err)
	}
	terms := make(map[string]bool)
	for _, name := range names {
		terms[name] = true
	}
	return terms
}
