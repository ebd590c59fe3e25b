// Package publish owns laying out results under names for people, outside of
// the store.
//
//  1. Each output of each result gets a name, by a template. Two that would get
//     the same, or of which one would lie in the other, are an error, and
//     nothing is written.
//  2. What is there already is replaced only if the index of the directory says
//     that it was published there, and it is as it was then.
//  3. Each file is made under another name, and moved to its own when it is
//     whole.
//  4. The index is written last, in the same way: as JSON and as CSV.
package publish
