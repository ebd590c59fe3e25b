package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var loadFor = flag.Duration("load", 20*time.Second, "how long TestLoad begins rounds")

// loadStages is 200 stages: 4 layers of 40, of 39, and what takes all of them.
// Each says that it ran, and for whom.
const loadStages = `
[params]
round = 0

[defaults]
passenv = ["COUNT"]

[stage.a]
matrix = { i = [%[1]s] }
config = { round = "${round}" }
run    = 'echo "a$i $PLX_ARG_who" >> "$COUNT"; echo "$i $round" > "$out/x"'
[stage.b]
matrix = { i = [%[1]s] }
inputs = { in = "a[i=${i}]" }
run    = 'echo "b$i $PLX_ARG_who" >> "$COUNT"; cat "$in/x" > "$out/x"; echo b >> "$out/x"'
[stage.c]
matrix = { i = [%[1]s] }
inputs = { in = "b[i=${i}]" }
run    = 'echo "c$i $PLX_ARG_who" >> "$COUNT"; cat "$in/x" > "$out/x"; echo c >> "$out/x"'
[stage.d]
matrix = { i = [%[1]s] }
inputs = { in = "c[i=${i}]" }
run    = 'echo "d$i $PLX_ARG_who" >> "$COUNT"; cat "$in/x" > "$out/x"; echo d >> "$out/x"; echo log'
[stage.e]
matrix = { i = [%[2]s] }
inputs = { in = "d[i=${i}]" }
run    = 'echo "e$i $PLX_ARG_who" >> "$COUNT"; cat "$in/x" > "$out/x"; echo e >> "$out/x"'
[stage.all]
inputs = { in = "e[*]" }
run    = 'echo "all $PLX_ARG_who" >> "$COUNT"; cat "$in"/*/x > "$out/x"'
`

// A load is eight processes that realize one plan at once, some of which are
// killed, while gc runs.
type load struct {
	dir     string
	round   int
	mu      sync.Mutex
	serial  int
	killed  map[string]bool // by what they call themselves
	started int
}

// Whatever is killed, and however often gc runs: every plan is realized, each
// command that was not killed ran once, and nothing of the dead is left.
func TestLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	l := &load{dir: t.TempDir(), killed: make(map[string]bool)}
	numbers := make([]string, 40)
	for i := range numbers {
		numbers[i] = fmt.Sprint(i)
	}
	text := fmt.Sprintf(loadStages, strings.Join(numbers, ","), strings.Join(numbers[:39], ","))
	if err := os.WriteFile(l.dir+"/stage.toml", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { exec.Command("chmod", "-R", "u+w", l.dir).Run() })
	deadline := time.Now().Add(*loadFor)
	for l.round < 2 || time.Now().Before(deadline) {
		l.round++
		l.runRound(t)
		if t.Failed() {
			return
		}
	}
	l.checkStore(t)
	t.Logf("%d rounds of 200 stages: %d processes, %d of them killed", l.round, l.started, len(l.killed))
}

func (l *load) runRound(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var collector, builders sync.WaitGroup
	collector.Go(func() { l.collect(ctx, t) })
	results := make([]string, 8)
	for i := range results {
		builders.Go(func() { results[i] = l.realize(t) })
	}
	builders.Wait()
	cancel()
	collector.Wait()
	if slices.Sort(results); results[0] != results[7] || !strings.HasPrefix(results[0], "rref:") {
		t.Errorf("the eight got %q", results)
	}
	l.checkCount(t)
	// What this round made is garbage in the next.
	if err := errors.Join(os.Remove(l.count()), os.RemoveAll(l.dir+"/.plx")); err != nil {
		t.Error(err)
	}
}

func (l *load) count() string { return fmt.Sprintf("%s/count-%d", l.dir, l.round) }

func (l *load) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "plx", args...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "PLX_STORE="+l.dir+"/store", "COUNT="+l.count(), "PLX_SANDBOX=off")
	return cmd
}

// realize runs plx, one time in four to be killed on its way, until it comes to
// its end, and returns what it prints.
func (l *load) realize(t *testing.T) string {
	for {
		l.mu.Lock()
		l.serial++
		l.started++
		who := fmt.Sprintf("w%d", l.serial)
		kill := rand.IntN(4) == 0
		l.killed[who] = kill
		if !kill {
			delete(l.killed, who)
		}
		l.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		if kill {
			time.AfterFunc(time.Duration(rand.IntN(3000))*time.Millisecond, cancel)
		}
		var stdout, stderr bytes.Buffer
		cmd := l.command(ctx, "realize", "-j", "2", "stage.toml", "-p", fmt.Sprintf("round=%d", l.round), "--arg", "who="+who)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		wasKilled := ctx.Err() != nil
		cancel()
		switch {
		case err == nil:
			return stdout.String()
		case !wasKilled:
			t.Errorf("%s: %v\n%s", who, err, stderr.String())
			return ""
		}
	}
}

// collect runs gc again and again.
func (l *load) collect(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		if out, err := l.command(t.Context(), "gc", "-y").CombinedOutput(); err != nil {
			t.Errorf("gc: %v\n%s", err, out)
			return
		}
	}
}

// checkCount sees to it that each command ran, and for those that were not
// killed no more than once.
func (l *load) checkCount(t *testing.T) {
	data, err := os.ReadFile(l.count())
	if err != nil {
		t.Fatal(err)
	}
	all, whole := make(map[string]int), make(map[string][]string)
	for line := range strings.Lines(string(data)) {
		stage, who, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[stage]++
		if !l.killed[who] {
			whole[stage] = append(whole[stage], who)
		}
	}
	if len(all) != 200 {
		t.Errorf("%d stages ran", len(all))
	}
	for stage, who := range whole {
		if len(who) > 1 {
			t.Errorf("round %d: %s ran for %v, none of which was killed", l.round, stage, who)
		}
	}
}

// checkStore sees to it that the store is sound, and that nothing of the dead
// is in it.
func (l *load) checkStore(t *testing.T) {
	for _, args := range [][]string{{"verify"}, {"gc", "-y"}, {"verify"}} {
		if out, err := l.command(t.Context(), args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	for dir, want := range map[string]string{"tmp": "", "lock": "actions gate store"} {
		entries, err := os.ReadDir(filepath.Join(l.dir, "store", dir))
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%s holds %q, %v, want %q", dir, got, err, want)
		}
	}
}
