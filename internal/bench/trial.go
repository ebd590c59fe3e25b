package main

import (
	"os"
	"path/filepath"
)

// A trial is one way to do something: the command, and what must be there
// before each run of it.
type trial struct {
	name    string   // of the tool
	needs   []string // programs
	cold    bool     // is measured from the first run on: to prepare it takes long
	once    bool     // is measured once: it takes long itself
	prepare func() error
	cmd     command
}

// trials measures, in turn, ways to do one thing. The tools that aren't
// installed are left out.
func (b *bench) trials(k key, all ...trial) error {
	byContender := make(map[*contender]trial)
	var contenders []*contender
	for _, t := range all {
		if !b.wanted(t.name) || !b.installed(t.needs) {
			continue
		}
		c := &contender{tool: tool{name: t.name}}
		byContender[c] = t
		contenders = append(contenders, c)
	}
	warm := func(c *contender, _ int) error {
		t := byContender[c]
		if t.cold {
			return nil
		}
		if err := t.ready(); err != nil {
			return err
		}
		if _, err := t.cmd.run(b.ctx, b.limitOf(c)); err != nil {
			return b.leave(c, k, err)
		}
		return nil
	}
	if err := b.inTurn(1, contenders, warm); err != nil {
		return err
	}
	return b.inTurn(b.rounds, contenders, func(c *contender, round int) error {
		t := byContender[c]
		if t.once && round > 0 {
			return nil
		}
		if err := t.ready(); err != nil {
			return err
		}
		return b.sample(c, k, t.cmd)
	})
}

// ready prepares a run. What that wrote goes to disk before it.
func (t trial) ready() error {
	if t.prepare == nil {
		return nil
	}
	if err := t.prepare(); err != nil {
		return err
	}
	sync()
	return nil
}

// installed looks for the programs, once each.
func (b *bench) installed(programs []string) bool {
	there := true
	for _, name := range programs {
		if _, looked := b.paths[name]; !looked {
			path, version := find(name, name, []string{"--version"})
			b.paths[name] = path
			b.found(version)
		}
		there = there && b.paths[name] != ""
	}
	return there
}

// plxTrial runs plx in a directory, with the store there.
func (b *bench) plxTrial(dir string, args ...string) trial {
	return trial{name: plxTool, cmd: command{
		args: append([]string{b.paths[plxTool]}, args...),
		dir:  dir,
		env:  b.environment(dir, plxEnv(dir)...),
	}}
}

// shell runs a script, which needs the programs. It is named by them.
func (b *bench) shell(dir, name, script string, programs ...string) trial {
	return trial{name: name, needs: programs, cmd: command{
		args: []string{"/bin/sh", "-c", script},
		dir:  dir,
		env:  b.environment(dir),
	}}
}

// after is the trial with what is done before each run.
func (t trial) after(prepare func() error) trial {
	t.prepare = prepare
	return t
}

// clearing makes room for files and directories: it moves aside what has the
// names.
func (b *bench) clearing(dir string, names ...string) func() error {
	return forEach(dir, names, b.aside)
}

// removing removes files and directories, few and perhaps large: all of them
// together might fill the disk.
func removing(dir string, names ...string) func() error { return forEach(dir, names, remove) }

func forEach(dir string, names []string, do func(path string) error) func() error {
	return func() error {
		for _, name := range names {
			if err := do(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		return nil
	}
}

// plxProject makes a directory with a stage file, and no store.
func plxProject(dir, text string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "stage.toml"), []byte(text), 0o666)
}
