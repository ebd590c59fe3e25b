package plan

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/errors/*.want anew")

// TestErrors loads files with mistakes. Beside each is what must be said, all
// of it, in the order of the file.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := mistakes(t, string(text))
			golden := strings.TrimSuffix(file, ".toml") + ".want"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

// mistakes returns what is wrong with a stage file, a line each, and checks
// that every line has its place.
func mistakes(t *testing.T, text string) string {
	t.Helper()
	_, err := load(t, text)
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatalf("Load: %v, want Errors", err)
	}
	var b strings.Builder
	for _, e := range errs {
		checkPlace(t, text, e)
		dir := filepath.Dir(e.File)
		e.File = filepath.Base(e.File)
		b.WriteString(strings.ReplaceAll(e.Error(), dir, "$DIR") + "\n")
	}
	return b.String()
}

// checkPlace checks that the place of an error is in the text, and that it is
// that of its key.
func checkPlace(t *testing.T, text string, e SyntaxError) {
	t.Helper()
	lines := strings.Split(text, "\n")
	if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len([]rune(lines[e.Line-1]))+1 {
		t.Errorf("%v: no such place", e)
		return
	}
	last := e.Key[strings.LastIndexByte(e.Key, '.')+1:]
	rest := string([]rune(lines[e.Line-1])[e.Column-1:])
	if !strings.ContainsAny(last, `[]"`) && !strings.HasPrefix(strings.TrimLeft(rest, `"'`), last) {
		t.Errorf("%v: there stands %q", e, rest)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := loadIn(t.TempDir())
	if !errors.Is(err, os.ErrNotExist) || !strings.HasSuffix(err.Error(), "stage.toml: no such file or directory") {
		t.Errorf("got %v", err)
	}
	_, err = Load(t.TempDir(), Options{})
	if err == nil || !strings.HasSuffix(err.Error(), ": is a directory") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownTarget(t *testing.T) {
	f, err := load(t, example)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Instantiate(t.Context(), &memory{}, []string{"plto"})
	var notFound *NotFoundError
	if !errors.As(err, &notFound) || notFound.Near != "plot" {
		t.Fatalf("got %v, want a NotFoundError", err)
	}
	if want := `unknown stage "plto"; did you mean "plot"?`; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPin(t *testing.T) {
	stage := "[stage.x]\nimport = { path = 'data.csv', sha256 = '" + strings.Repeat("0", 64) + "' }"
	f, err := load(t, stage)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Instantiate(t.Context(), &memory{}, nil)
	var pin *PinError
	var errs Errors
	if !errors.As(err, &pin) || !errors.As(err, &errs) {
		t.Fatalf("got %v, want a PinError in Errors", err)
	}
	if errs[0].Line != 2 || errs[0].Column != 12 || !strings.Contains(pin.Error(), `sha256 = "`+pin.Have+`"`) {
		t.Errorf("got %v", err)
	}
	closure(t, strings.Replace(stage, strings.Repeat("0", 64), pin.Have, 1))
}

func TestGivenParams(t *testing.T) {
	text := "[params]\nn = 1\nf = 0.5\ns = 'x'\nl = [1]\nd = 2024-01-01\n[stage.x]\nrun = 'x'\n" +
		"config = { n = '${n}', f = '${f}', s = '${s}', l = '${l}', d = '${d}' }"
	tests := []struct {
		given, want string
		key         string
		value       any
	}{
		{given: "n=2", key: "n", value: int64(2)},
		{given: "f=2", key: "f", value: 2.0},
		{given: "f=1e-3", key: "f", value: 1e-3},
		{given: "s=12", key: "s", value: "12"},
		{given: `s="q"`, key: "s", value: `"q"`},
		{given: "s=", key: "s", value: ""},
		{given: "n=x", want: "-p n=x: want an integer like the default in the stage file, have a string"},
		{given: "n=1.0", want: "-p n=1.0: want an integer like the default in the stage file, have a float"},
		{given: "n=1\nm=2", want: "-p n=1\nm=2: want an integer like the default in the stage file, have a string"},
		{given: "l=3", want: "-p l=3: want an array like the default in the stage file, have an integer"},
		{given: "d=10:00:00", want: "-p d=10:00:00: want a date like the default in the stage file, have a time"},
		{given: "f=nan", want: "-p f=nan: NaN is no number that can be compared; leave it out, or write it as a string"},
		{given: "nn=1", want: `-p nn=1: unknown param; did you mean "n"?; the params are d, f, l, n, s`},
	}
	for _, tt := range tests {
		f, err := load(t, text, tt.given)
		if err != nil || tt.want != "" {
			if err == nil || err.Error() != tt.want {
				t.Errorf("%s: got %v, want %s", tt.given, err, tt.want)
			}
			continue
		}
		if got := f.units[0].families["x"].stages[0].config[tt.key]; got != tt.value {
			t.Errorf("%s: got %T %v, want %v", tt.given, got, got, tt.value)
		}
	}
}
