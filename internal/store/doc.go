// Package store owns names, bytes and files: references, derivations,
// contexts, trees, the format on disk, every write below a store's directory,
// roots, garbage collection, verification and repair, archives.
//
// # Layout
//
//	version                              the format's version
//	README                               for whoever finds the directory
//	drv/<x>                              a table of derivations, by the first character of their hashes
//	drv/<hash>-<name>/<hash>.json        a realization's record; its mtime is when it was last made
//	drv/<hash>-<name>/<hash>.log         what the command printed, if anything
//	drv/<hash>-<name>/<hash>.volatile/   its volatile outputs, if any
//	drv/<hash>-<name>/<hash>             a link to its tree; its mtime is when it was last used
//	drv/<hash>-<name>/failed.log         what the last failed build printed, and why it failed
//	tree/<hash>/                         a tree, read-only
//	tree/<hash>.manifest                 its manifest, where no record holds it
//	action/<xx>                          an index by action key, a table for two characters; can be rebuilt
//	journal                              from when on what was written may not be on the disk
//	root/<name>                          what keeps objects from being collected
//	lock/                                files that are locked, never removed
//	tmp/<name>/                          work in progress, locked by its process
//
// # Writing
//
// The record is written last: it is the commit point. What it needs is there
// before it, and goes after it. staging.go and commit.go are the only way in for objects.
//
// [Store.Verify] tells whether all is as it says, and [Store.Repair] mends it.
//
// docs/store-format.md specifies all of it.
package store
