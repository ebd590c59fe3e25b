// Package realize makes results of derivations and chooses among them: the
// algorithm between a closure and a store.
//
// For each derivation of the closure, those it depends on first, as many at
// once as [Options].Jobs allows:
//
//  1. Resolve its inputs: for each, what the input's matcher, or else the
//     dependency's own, chose. That is the context. With what the command is
//     shown of it, it gives the action key.
//  2. Find candidates: the realizations of the derivation in this context with
//     this action key; and by the action key alone those of other derivations
//     and contexts, which are adopted: held to this derivation's promises and
//     check, and recorded as its own.
//  3. Ask each matcher that somebody wants an answer of: the stage's own if a
//     target or an input without a matcher does, and those of inputs.
//  4. While a matcher wants more: build a round, each run in a directory of its
//     own, perhaps one that an earlier run has left (site.go), with a number that
//     no run of the action has had.
//  5. Hold each result to the promises, then to the check.
//  6. Commit it.
//  7. Ask again, until the matcher is satisfied, a round brings nothing new, or
//     max-runs builds were made.
//
// For a fetch, step 4 is to download its file and perhaps to unpack it, once
// and without a number; an import's result is there before it begins.
//
// Steps 2 to 7 hold the lock on the action key, unless step 3 is satisfied by
// what is there: so what two processes want at once is run once.
package realize
