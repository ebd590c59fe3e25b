#!/bin/sh
# Get the source of GNU hello 2.10 by way of apt: ./get-source.sh [DIRECTORY]
#
# It changes nothing on this machine but DIRECTORY (this one, unless given) and
# needs no rights but to write there.

set -eu

file=hello_2.10.orig.tar.gz
sha256=31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b
helper=/usr/lib/apt/apt-helper

say() { echo "get-source.sh: $*" >&2; }

# intact FILE: is it the file that it should be?
intact() { echo "$sha256  $1" | sha256sum --check --status 2>/dev/null; }

# from_source: the source package, where apt has lists of source packages.
from_source() { apt-get source --download-only hello; }

# from_pool [APT OPTION…]: the source lies in the pool beside the binary
# package, whose address apt knows without lists of source packages.
from_pool() {
	apt-get "$@" download --print-uris hello >uris || return
	pool=$(sed -n "s|^'\(.*\)/[^/]*' .*|\1|p" uris)
	test -n "$pool" && "$helper" "$@" download-file "$pool/$file" "$file" "SHA256:$sha256"
}

# from_pool_afresh: the same, with package lists of our own.
from_pool_afresh() {
	mkdir -p state/lists/partial cache/archives/partial
	set -- -o Dir::State="$work/state" -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache"
	apt-get "$@" update
	from_pool "$@"
}

dest=$(cd "${1:-$(dirname "$0")}" && pwd)
if test -e "$dest/$file"; then
	intact "$dest/$file" && exit
	say "$dest/$file is another file (its sha256 is not $sha256): remove it"
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
if test "$(id -u)" = 0 && id _apt >/dev/null 2>&1; then
	chmod 755 . && chown _apt . # apt downloads as this user
fi

for way in from_source from_pool from_pool_afresh; do
	if $way >>log 2>&1 && intact "$file"; then
		# Under another name first: nobody sees half a file.
		cp "$file" "$dest/.$file.$$"
		mv "$dest/.$file.$$" "$dest/$file"
		exit
	fi
	rm -f "$file"
done
cat log >&2
say "apt has no $file (its words are above)"
say "the same file: https://ftp.gnu.org/gnu/hello/hello-2.10.tar.gz; save it as $dest/$file"
exit 1
