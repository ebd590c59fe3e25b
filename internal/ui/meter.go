package ui

import (
	"fmt"
	"sync"
	"time"
)

// meterTime is how long something must take for a meter to show it.
const meterTime = time.Second

// A Meter is the view of something that takes long: one line.
type Meter struct {
	mu    sync.Mutex
	signs signs
	now   func() time.Time
	verb  string
	begun time.Time
	done  int64
	total int64 // 0: not known
	unit  func(int64) string
}

// NewMeter returns a meter that shows nothing before it is told something.
func NewMeter() *Meter { return &Meter{signs: newSigns(), now: time.Now} }

// Tell says how far something is. Something else than before begins now.
func (m *Meter) Tell(verb string, done, total int64, unit func(int64) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if verb != m.verb {
		m.begun = m.now()
	}
	m.verb, m.done, m.total, m.unit = verb, done, total, unit
}

// Lines draws how far it is.
func (m *Meter) Lines(columns, _ int) (lines []string, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	since := m.now().Sub(m.begun)
	if m.verb == "" || since < meterTime {
		return nil, false
	}
	text := Paint(Bold, m.verb) + "  " + clock(since)
	if m.total > 0 {
		text += fmt.Sprintf("  %d %%", min(100*m.done/m.total, 100))
	}
	text += "  " + m.unit(m.done)
	if m.total > 0 {
		text += " of " + m.unit(m.total)
		if m.done > 0 && m.done < m.total {
			left := time.Duration(float64(since) * float64(m.total-m.done) / float64(m.done))
			text += m.signs.dot + "~" + clock(left) + " left"
		}
	}
	return []string{m.signs.fit(text, columns)}, false
}

// Key does nothing: there is nothing to choose.
func (m *Meter) Key(byte) {}
