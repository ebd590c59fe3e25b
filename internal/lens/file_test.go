package lens

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"plx/internal/store"
)

func writeFile(t testing.TB, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	sampleJSON = `{"acc": 0.5, "n": 3, "big": 9223372036854775808, "one": 1.0, "s": "x", "null": null,
		"a": [1, [2, 3], {"k": true}], "runs": [{"fun": 1}, {"fun": 2}], "a.b": {"c d": 7}, "empty": []}`
	sampleTOML = `n = 3
f = 1.0
d = 2024-05-06
t = 07:08:09
l = 2024-05-06T07:08:09.5
o = 2024-05-06T07:08:09Z
[[runs]]
fun = 1
[[runs]]
fun = 2
`
	sampleCSV = "step, loss ,note\n0,1.5,a\n1, 0.5,\n2,-1e-3,\"b,c\"\n"
)

func TestFile(t *testing.T) {
	date := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	tests := []struct {
		name, content, path string
		want                any
	}{
		{"r.json", sampleJSON, "acc", 0.5},
		{"r.json", sampleJSON, "n", int64(3)},
		{"r.json", sampleJSON, "big", float64(1 << 63)},
		{"r.json", sampleJSON, "one", 1.0},
		{"r.json", sampleJSON, "s", "x"},
		{"r.json", sampleJSON, "null", nil},
		{"r.json", sampleJSON, "a[0]", int64(1)},
		{"r.json", sampleJSON, "a[-1].k", true},
		{"r.json", sampleJSON, "a[1]", []any{int64(2), int64(3)}},
		{"r.json", sampleJSON, "runs[*].fun", []any{int64(1), int64(2)}},
		{"r.json", sampleJSON, "empty[*]", []any(nil)},
		{"r.json", sampleJSON, `"a.b"."c d"`, int64(7)},
		{"r.json", "[[1,2],[3]]", "[*][*]", []any{int64(1), int64(2), int64(3)}},
		{"r.JSON", "4\n", "", int64(4)},
		{"r.json", "[5]", "", []any{int64(5)}},
		{"r.toml", sampleTOML, "n", int64(3)},
		{"r.toml", sampleTOML, "f", 1.0},
		{"r.toml", sampleTOML, "d", store.LocalDate(date)},
		{"r.toml", sampleTOML, "t", store.LocalTime(date)},
		{"r.toml", sampleTOML, "l", store.LocalDatetime(date.Add(time.Second / 2))},
		{"r.toml", sampleTOML, "o", store.OffsetDatetime(date)},
		{"r.toml", sampleTOML, "runs[-1].fun", int64(2)},
		{"t.csv", sampleCSV, "step", []any{int64(0), int64(1), int64(2)}},
		{"t.csv", sampleCSV, "loss[0]", 1.5},
		{"t.csv", sampleCSV, "loss[1]", 0.5},
		{"t.csv", sampleCSV, "loss[-1]", -0.001},
		{"t.csv", sampleCSV, "loss[-3]", 1.5},
		{"t.csv", sampleCSV, "note[2]", "b,c"},
		{"t.csv", sampleCSV, "note[1]", ""},
		{"t.csv", sampleCSV, "step[*]", []any{int64(0), int64(1), int64(2)}},
		{"t.csv", sampleCSV, "[1].step", int64(1)},
		{"t.csv", sampleCSV, "[*].step", []any{int64(0), int64(1), int64(2)}},
		{"t.csv", "a,b\n1,2\n", "b", int64(2)},
		{"t.csv", "a,b\n1,2\n", "b[0]", int64(2)},
		{"t.csv", "a,b\n1,2\n", "", []any{map[string]any{"a": int64(1), "b": int64(2)}}},
		{"t.csv", "a\n", "a", []any{}},
		{"t.csv", "a\nnan\n", "a", "nan"},
		{"t.csv", "\ufeffa;b\r\n1\r\n", `"a;b"`, int64(1)},
		{"t.tsv", "a\tb\n\t5\" disk\n", "b", `5" disk`},
		{"t.tsv", "a\tb\n\t7\n", "b", int64(7)},
		{"t.csv", "a\xff\xfe,b\n1,2\n", `"a\ufffd"`, int64(1)},
		{"score", " 42\n", "", int64(42)},
		{"score.txt", "-1.5e-3", "", -0.0015},
		{"score.txt", "9223372036854775808", "", float64(1 << 63)},
		{"score.txt", ".5", "", 0.5},
	}
	for _, tt := range tests {
		file := writeFile(t, filepath.Join(t.TempDir(), tt.name), tt.content)
		got, err := File(file, mustPath(t, tt.path))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("File(%s, %q) = %#v, %v; want %#v", tt.name, tt.path, got, err, tt.want)
		}
	}
}

func TestFileNameErrors(t *testing.T) {
	tests := []struct{ name, content, path, want string }{
		{"r.json", `{"fun": 1, "nit": 2, "a.b": 3}`, "funn", `r.json has no funn, only "a.b", fun, nit; did you mean fun?`},
		{"r.json", `{"fun": 1}`, "[0]", `r.json has no [0], only fun`},
		{"r.json", `{"fun": 1}`, "[*]", `r.json has no [*], only fun`},
		{"r.json", `{"fun": 1.5}`, "fun.x", `fun of r.json has no x: it is 1.5`},
		{"r.json", `{"a": "b"}`, "a[0]", `a of r.json has no [0]: it is the text "b"`},
		{"r.json", `{"a": null}`, "a.b", `a of r.json has no b: it is null`},
		{"r.json", `{"a": [1, 2]}`, "a[2]", `a of r.json has no [2]: it is a list of 2, [0] to [1]; [*] is all of it`},
		{"r.json", `{"a": [1, 2]}`, "a[-3]", `it is a list of 2`},
		{"r.json", `{"a": [1, 2]}`, "a.x", `a of r.json has no x: it is a list of 2`},
		{"r.json", `{"a": []}`, "a[0]", `it is an empty list`},
		{"r.json", `[{"x": 1}, {"y": 1}]`, "[*].x", `[1] of r.json has no x, only y`},
		{"r.toml", "[a]\nb = 1", "a.c", `a of r.toml has no c, only b`},
		{"t.csv", sampleCSV, "los", `t.csv has no los, only step, loss, note; did you mean loss?`},
		{"t.csv", sampleCSV, "loss[3]", `loss of t.csv has no [3]: it is a list of 3, [0] to [2]`},
		{"t.csv", sampleCSV, "loss[-4]", `loss of t.csv has no [-4]: it is a list of 3`},
		{"t.csv", sampleCSV, "loss[-4611686018427387904]", `it is a list of 3`},
		{"t.csv", sampleCSV, "loss[0].x", `loss[0] of t.csv has no x: it is 1.5`},
		{"t.csv", sampleCSV, "loss.x", `loss of t.csv has no x: it is a list of 3`},
		{"t.csv", "a\n", "a[0]", `it is an empty list`},
		{"score.txt", "42", "x", `score.txt has no x: it is 42`},
	}
	for _, tt := range tests {
		file := writeFile(t, filepath.Join(t.TempDir(), tt.name), tt.content)
		_, err := File(file, mustPath(t, tt.path))
		var nameErr *NameError
		if !errors.As(err, &nameErr) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("File(%s, %q): got error %v, want %q", tt.name, tt.path, err, tt.want)
		}
	}
}

func TestFileContentErrors(t *testing.T) {
	tests := []struct{ name, content, path, want string }{
		{"r.json", "{\n\"a\": x}", "a", "JSON: line 2: invalid character"},
		{"r.json", `{"a": 1`, "a", "JSON: it ends too early"},
		{"r.json", "", "a", "JSON: it ends too early"},
		{"r.json", `1 2`, "", "JSON: something follows the value"},
		{"r.json", `1e999`, "", "1e999 is out of range"},
		{"r.toml", "a = ", "a", "TOML: "},
		{"t.csv", "", "a", "it has no header row"},
		{"t.csv", "a,b\n1\n", "a", "wrong number of fields"},
		{"t.csv", "a,a\n1,2\n", "a", "several columns are named a"},
		{"score.txt", "good", "", "it is 4 bytes of text, not a number"},
		{"score.txt", "good", "x.y", "x.y can be followed only into .json, .toml, .csv and .tsv"},
		{"score.txt", "NaN", "", "not a number"},
		{"score.txt", "1e999", "", "not a number"},
		{"score.txt", "0x10", "", "not a number"},
		{"score.txt", "1" + strings.Repeat(" ", maxNumber) + "2", "", "not a number"},
		{"x.bin", "\x00\x01", "", "it is 2 bytes of binary data, not a number"},
	}
	for _, tt := range tests {
		file := writeFile(t, filepath.Join(t.TempDir(), tt.name), tt.content)
		_, err := File(file, mustPath(t, tt.path))
		var contentErr *ContentError
		if !errors.As(err, &contentErr) || contentErr.File != file || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("File(%s, %q): got error %v, want %q", tt.name, tt.path, err, tt.want)
		}
	}
}

func TestFileOfDirectoryOrNothing(t *testing.T) {
	dir := t.TempDir()
	var contentErr *ContentError
	if _, err := File(dir, Path{}); !errors.As(err, &contentErr) {
		t.Errorf("got error %v, want a *ContentError", err)
	}
	if _, err := File(dir+"/none.json", Path{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v, want %v", err, fs.ErrNotExist)
	}
}

// One cell of a large file must not take the memory of the file.
func TestCellOfLargeCSV(t *testing.T) {
	const rows = 200_000
	var b strings.Builder
	b.WriteString("i,pad\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,%s\n", i, "some text that makes the row longer")
	}
	file := writeFile(t, filepath.Join(t.TempDir(), "t.csv"), b.String())
	for path, want := range map[string]int64{"i[0]": 0, "i[199999]": 199999, "i[-1]": 199999, "i[-200000]": 0, "i[-3]": 199997} {
		if got, err := File(file, mustPath(t, path)); got != want || err != nil {
			t.Errorf("%s = %v, %v; want %d", path, got, err, want)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := File(file, mustPath(t, "i[0]"))
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; err != nil || allocated > 100_000 {
		t.Errorf("the first row allocates %d bytes, %v", allocated, err)
	}
}

func TestNameErrorListsOnlySome(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("name%03d", i))
	}
	err := &NameError{In: "x", Name: "zzz", Valid: names}
	if got, want := err.Error(), "name019 and 80 more"; !strings.HasSuffix(got, want) {
		t.Errorf("%q does not end with %q", got, want)
	}
}

// Whatever a file holds, following into it never panics, and a name that is
// said to be right is right.
func FuzzFile(f *testing.F) {
	f.Add("json", sampleJSON, "a[1]")
	f.Add("toml", sampleTOML, "runs[*].fun")
	f.Add("csv", sampleCSV, "loss[-1]")
	f.Add("tsv", "a\tb\n1\t2\n", "b")
	f.Add("txt", "42", "")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, ext, content, path string) {
		p, err := Parse(path)
		if err != nil || !slices.Contains([]string{"json", "toml", "csv", "tsv", "txt"}, ext) {
			return
		}
		file := writeFile(t, filepath.Join(dir, fmt.Sprintf("f%d.%s", os.Getpid(), ext)), content)
		v, err := File(file, p)
		var nameErr *NameError
		if errors.As(err, &nameErr) && len(p.steps) == 1 && len(nameErr.Valid) > 0 {
			if _, err := File(file, mustPath(t, nameErr.Valid[0])); errors.As(err, &nameErr) {
				t.Errorf("%v is said to be right: %v", nameErr.Valid[0], err)
			}
		}
		if err == nil {
			text(v)
		}
		if x, ok := v.(float64); ok && ext != "toml" && (math.IsNaN(x) || math.IsInf(x, 0)) {
			t.Errorf("%v is not a number", x)
		}
	})
}
