package report

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// modules returns what joinModules reads.
func modules(files map[string]string) func(string) (string, error) {
	return func(name string) (string, error) {
		text, ok := files[name]
		if !ok {
			return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return text, nil
	}
}

// A module comes after those that it imports, each once, and keeps its names.
func TestJoinModules(t *testing.T) {
	got, err := joinModules("main.js", modules(map[string]string{
		"main.js": "import { a } from \"./a.js\";\nimport { b } from \"./b.js\";\na(b);\n",
		"a.js":    "import { b } from \"./b.js\";\nexport function a() { return b; }\n",
		"b.js":    "const own = 1;\nexport const b = own;\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := `const $module = {};
// b.js
$module["b.js"] = (() => {
const own = 1;
const b = own;

return {b};
})();
// a.js
$module["a.js"] = (() => {
const { b } = $module["b.js"];
function a() { return b; }

return {a};
})();
// main.js
$module["main.js"] = (() => {
const { a } = $module["a.js"];
const { b } = $module["b.js"];
a(b);

return {};
})();
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What the joiner doesn't understand is an error, not another program.
func TestJoinModulesErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"import x from \"./a.js\";\n", "not understood: import x"},
		{"export default 1;\n", "not understood: export default"},
		{"import { y } from \"./gone.js\";\n", "gone.js"},
		{"import { y } from \"./main.js\";\n", "imports itself"},
	} {
		_, err := joinModules("main.js", modules(map[string]string{"main.js": tt.text}))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s", tt.text, err, tt.want)
		}
	}
}

// The page's own modules join, and make nothing of strings.
func TestPageModules(t *testing.T) {
	script, err := joinModules(mainModule, readPageFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "</script", "<!--"} {
		if strings.Contains(script, bad) {
			t.Errorf("the page's script has %s", bad)
		}
	}
}
