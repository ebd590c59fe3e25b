package builder

// Probe finds out what the system has to isolate commands in directories below
// dir: as it is recorded, and why it isn't all that there could be.
func (s *Sandbox) Probe(dir string) (have string, lacking error) {
	w, lacking := s.detect(dir)
	if lacking == nil {
		lacking = w.thin()
	}
	return w.String(), lacking
}
