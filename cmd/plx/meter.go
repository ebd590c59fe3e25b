package main

import (
	"fmt"
	"sync"
	"time"

	"plx/internal/store"
	"plx/internal/ui"
)

// meter tells how far the store is with what takes long, until done is called:
// on a terminal it is drawn, elsewhere told now and then.
func (a *app) meter(s *store.Store) (done func()) {
	terminal := a.drawable()
	if terminal == nil {
		s.Progress = a.tellProgress()
		return func() { s.Progress = nil }
	}
	m := ui.NewMeter()
	s.Progress = func(p store.Progress) { m.Tell(p.Doing, p.Done, p.Total, amount(p)) }
	screen, closeScreen := a.draw(terminal, false)
	screen.Show(m)
	return func() {
		closeScreen()
		s.Progress = nil
	}
}

// amount writes how much there is of what is counted.
func amount(p store.Progress) func(int64) string {
	if p.Bytes {
		return size
	}
	return func(n int64) string { return fmt.Sprint(n) }
}

// progressPause is how often something that takes long is told of in lines.
const progressPause = 10 * time.Second

// tellProgress returns what tells of it.
func (a *app) tellProgress() func(store.Progress) {
	var mu sync.Mutex
	var doing string
	var told time.Time
	return func(p store.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Doing != doing {
			doing, told = p.Doing, time.Now()
		}
		if time.Since(told) < progressPause {
			return
		}
		told = time.Now()
		text := amount(p)(p.Done)
		if p.Total > 0 {
			text += " of " + amount(p)(p.Total)
		}
		a.say("%s: %s", doing, text)
	}
}
