package main

// bars are all bars, in the order of the page.
func bars() []bar {
	var all []bar
	for _, shape := range []string{chain, fanOut} {
		all = append(all, unchangedBars(shape)...)
	}
	for _, shape := range []string{chain, fanOut} {
		all = append(all, buildBars(shape)...)
	}
	return append(all, dataBars()...)
}

func stageKey(shape string, n int, run string) key {
	return key{Work: "stages", Shape: shape, N: n, Run: run}
}

// unchangedBars are about runs that find little to do.
func unchangedBars(shape string) []bar {
	large, small := stageKey(shape, 10000, nothingChanged), stageKey(shape, 100, nothingChanged)
	back, touched := stageKey(shape, 1000, changedBack), stageKey(shape, 10000, sourceTouched)
	return []bar{
		{what: "nothing changed, 10,000 stages, " + shape, bar: "wall ≤ 0.5 × the fastest of make, ninja and tup",
			of: wall(large, plxTool), per: least(wall(large, makeTool), wall(large, ninjaTool), wall(large, tupTool)), limit: 0.5},
		{what: "nothing changed, 10,000 stages, " + shape, bar: "memory ≤ 2 × ninja's",
			of: memoryOf(large, plxTool), per: memoryOf(large, ninjaTool), limit: 2},
		{what: "nothing changed, 100 stages, " + shape, bar: "wall ≤ 1.0 × (ninja's + 5 ms)",
			of: wall(small, plxTool), per: plus(wall(small, ninjaTool), constant(0.005)), limit: 1},
		{what: "changed and changed back, 1,000 stages, " + shape, bar: "wall ≤ 0.5 × nix's",
			of: wall(back, plxTool), per: wall(back, nixTool), limit: 0.5},
		{what: "source touched, content the same, 10,000 stages, " + shape, bar: "wall ≤ 1.2 × nothing changed",
			of: wall(touched, plxTool), per: wall(large, plxTool), limit: 1.2},
	}
}

// buildBars are about first builds.
func buildBars(shape string) []bar {
	k, large := stageKey(shape, 1000, firstBuild), stageKey(shape, 10000, firstBuild)
	const ms = 0.001
	return []bar{
		{what: "first build, 1,000 stages, " + shape, bar: "CPU ≤ 1.8 × ninja's",
			of: cpu(k, plxTool), per: cpu(k, ninjaTool), limit: 1.8},
		{what: "first build, 1,000 stages, " + shape, bar: "CPU ≤ 0.3 × nix's",
			of: cpu(k, plxTool), per: cpu(k, nixTool), limit: 0.3},
		{what: "first build, 1,000 stages, " + shape + ", sandbox on", bar: "≤ 3 ms of CPU per stage more than off",
			of: by(minus(cpu(k, plxSandboxed), cpu(k, plxTool)), 1000), per: constant(ms), limit: 3, unit: "ms"},
		{what: "first build, cost per stage, " + shape, bar: "CPU at 10,000 ≤ 1.15 × that at 1,000",
			of: by(cpu(large, plxTool), 10000), per: by(cpu(k, plxTool), 1000), limit: 1.15},
		{what: "memory at 10,000 stages, " + shape, bar: "≤ 100 MiB in each run",
			of: memoryAt(shape, 10000), per: constant(1 << 20), limit: 100, unit: "MiB"},
	}
}

// memoryAt is the most memory that plx had in one of the runs.
func memoryAt(shape string, n int) figure {
	var all []figure
	for _, run := range []string{firstBuild, nothingChanged, sourceChanged, changedBack, sourceTouched, commentChanged} {
		all = append(all, memoryOf(stageKey(shape, n, run), plxTool))
	}
	return most(all...)
}

// dataBars are about data, and about choosing.
func dataBars() []bar {
	data := func(shape string, n int, run string) key { return key{Work: "data", Shape: shape, N: n, Run: run} }
	file, files := data(oneFile, 1, addRun), data(smallFiles, manySmallFiles, addRun)
	again, gc := data(smallFiles, manySmallFiles, againRun), data("dead results", deadResults, gcRun)
	verifyFile, verifyFiles := data(oneFile, 1, verifyRun), data(smallFiles, manySmallFiles, verifyRun)
	matching := func(n int) figure {
		return wall(key{Work: "matching", Shape: "best 10", N: n, Run: nothingChanged}, plxTool)
	}
	return []bar{
		{what: "add 1 GiB in one file", bar: "wall ≤ 1.3 × cp and b3sum one after the other",
			of: wall(file, plxTool), per: wall(file, cpB3sum), limit: 1.3},
		{what: "add 20,000 small files", bar: "wall ≤ 1.5 × cp -r with sync",
			of: wall(files, plxTool), per: wall(files, cpSync), limit: 1.5},
		{what: "the same again, unchanged", bar: "wall ≤ 1.5 × find -printf over it",
			of: wall(again, plxTool), per: wall(again, findPrintf), limit: 1.5},
		{what: "verify 20,000 files", bar: "rate ≥ 0.8 × b3sum's with as many threads",
			of: wall(verifyFiles, b3sumAll), per: wall(verifyFiles, plxTool), limit: 0.8, atLeast: true},
		{what: "verify 1 GiB in one file", bar: "rate ≥ 0.5 × b3sum's on one thread",
			of: wall(verifyFile, b3sumOne), per: wall(verifyFile, plxTool), limit: 0.5, atLeast: true},
		{what: "gc of 3,000 dead results of 3,000", bar: "wall ≤ 1.5 × rm -rf of the same files",
			of: wall(gc, plxTool), per: wall(gc, rmTool), limit: 1.5},
		{what: "best 10 of 1,000, nothing changed", bar: "wall < 1.5 × with 10 realizations",
			of: matching(manyRuns), per: matching(fewRuns), limit: 1.5},
	}
}
