// Package ui owns how a command that takes its time looks on a terminal: lines
// that stay, which scroll, and below them lines that change.
//
//   - A [Screen] owns the terminal: what is written to it stays, and what its
//     [View] shows is drawn below, some times a second. Nothing else may write
//     to the terminal meanwhile.
//
//   - A [Live] is the view of [realize.Realizer.Realize]: a line for each run
//     that is under way, and one that counts. A [Meter] is that of anything
//     else: one line.
//
//   - Every line is cut to the width of the terminal, and what a command
//     printed is drawn without what would do something to the terminal.
//
//   - The terminal is never left in another mode than it was in: not by ^C, not
//     while plx is stopped by ^Z, and not when it is killed by a second ^C. In
//     the background nothing is drawn, and no key is read.
package ui
