// Package fetch owns getting a file from somewhere else: downloading it, with
// its hash as the only judge of what was got, and unpacking it.
//
// [Client.Download] works in a directory that belongs to the expected hash:
//
//	data     what is there of the file
//	source   where it came from, with what the server said of it
//
// Whatever is in it is never believed. It saves a download if its hash is the
// right one, or a part of one if what is appended to it makes the hash right.
// If it doesn't, the file is downloaded once more from the start.
//
//  1. Mirrors are tried in order, each up to [Client.Attempts] times in a row
//     without getting any further, with growing pauses. An answer that another
//     attempt would not change, such as 404, ends it for a mirror.
//  2. A download goes on where the last one stopped, if the server can do
//     that and says that the file is the same. Else it starts over.
//  3. A server that sends nothing for [Client.Stall] is left, however fast it
//     was before; a slow one is not.
//  4. The hash is checked. A file with a wrong one is removed at once.
//
// [Unpack] makes files of an archive. What kind it is is told by its content,
// so that what comes out depends on nothing else. It makes nothing outside of
// its directory, whatever the archive says.
package fetch
