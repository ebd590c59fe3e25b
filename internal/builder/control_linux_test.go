package builder

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// await waits until ok, or until the test runs into its time limit.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	for !ok() {
		if t.Context().Err() != nil {
			t.Fatal("the test has ended")
		}
		time.Sleep(time.Millisecond)
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// runUnder runs the action under a control, and returns once it has made the
// file ready in src.
func runUnder(t *testing.T, ctx context.Context, a Action) (c *Control, ended chan error) {
	t.Helper()
	c, ended = new(Control), make(chan error, 1)
	a.Control = c
	go func() {
		_, err := Run(ctx, a)
		ended <- err
	}()
	await(t, func() bool { return exists(a.Dir + "/src/ready") })
	return c, ended
}

// allIn reports whether all processes in the log are in one of the states.
func allIn(t *testing.T, a Action, states string) bool {
	for _, line := range strings.Fields(readFile(t, a.Log.Name())) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := readStat(pid); !ok || !strings.ContainsRune(states, rune(st.state)) {
			return false
		}
	}
	return true
}

// Stop waits for a command that is being started, to stop it too, and none is
// started while commands are stopped.
func TestControlStopsStarts(t *testing.T) {
	c := new(Control)
	begun, goOn, stopped := make(chan bool), make(chan bool), make(chan bool)
	none := errors.New("none")
	go c.start(func() (*process, error) {
		close(begun)
		<-goOn
		return nil, none
	})
	<-begun
	go func() {
		c.Stop()
		close(stopped)
	}()
	await(t, func() bool { return c.stoodStill() > 2*longestNap })
	select {
	case <-stopped:
		t.Error("Stop has not waited for the start")
	default:
	}
	close(goOn)
	<-stopped
	later := make(chan bool)
	go c.start(func() (*process, error) {
		close(later)
		return nil, none
	})
	select {
	case <-later:
		t.Error("a command is started while commands are stopped")
	case <-time.After(20 * time.Millisecond):
	}
	c.Continue()
	<-later
}

// Stop stops all processes, those that have left the group too, and time
// stands still for them.
func TestControlStops(t *testing.T) {
	a := withLog(newAction(t, leavers+`echo $$; : > ready; while ! [ -e "$TMPDIR/go" ]; do sleep 0.01; done`))
	a.Timeout = time.Minute
	c, ended := runUnder(t, t.Context(), a)
	c.Stop()
	await(t, func() bool { return allIn(t, a, "TD") }) // D is a shell whose child was stopped before it became another program
	before := c.stoodStill()
	await(t, func() bool { return c.stoodStill() > before })
	if err := os.WriteFile(a.Dir+"/tmp/go", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	c.Continue()
	after := c.stoodStill()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c.stoodStill() != after {
		t.Error("time stands still after Continue")
	}
}

// The time in which a command is stopped is not counted: it would be over.
func TestControlStopsTime(t *testing.T) {
	a := newAction(t, "")
	a.Control, a.Timeout = new(Control), 20*time.Millisecond
	a.Control.Stop()
	w, err := build{Action: a}.watch()
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return time.Since(w.started) > 2*a.Timeout })
	if err := w.look(); err != nil {
		t.Errorf("got %v", err)
	}
	a.Control.Continue()
	await(t, func() bool { return w.look() != nil })
}

// Hurry doesn't wait for the end of the grace, which has begun or not.
func TestControlHurries(t *testing.T) {
	for _, early := range []bool{true, false} {
		a := newAction(t, `trap "touch told" TERM; : > ready; while :; do sleep 0.01; done`)
		a.Grace = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		c, ended := runUnder(t, ctx, a)
		if early {
			c.Hurry()
		}
		cancel()
		if !early {
			await(t, func() bool { return exists(a.Dir + "/src/told") })
			c.Hurry()
			c.Hurry()
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("early %v: got %v", early, err)
		}
	}
}
