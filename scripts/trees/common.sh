# shellcheck shell=bash
# What the tree scripts share: where the trees are kept, and where Debian 13 comes from.
# Sourced, not run.

ssi_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Outside the repository, so that a clean clone on the same machine finds the trees again.
ssi_cache=${SSI_CACHE:-/var/cache/ssi-build}
ssi_suite=trixie

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

need_root() { [ "$(id -u)" = 0 ] || die "needs root: run it again with sudo"; }

# The packages of a list, one a line, without comments. A machine is a member with more in it.
package_list() {
    [ "$1" != machine ] || package_list member
    sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$ssi_source/scripts/trees/$1.packages"
}

# tree_path NAME: the directory of the tree; its name changes when what it is made from changes.
tree_path() {
    local hash
    hash=$({ package_list "$1"; echo "$ssi_suite"; } | sha256sum | cut -c1-12)
    printf '%s/%s-%s\n' "$ssi_cache" "$1" "$hash"
}

# The mirror this host already uses for Debian's main archive. Nothing here names a mirror of its own.
debian_mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL) $(COMPONENT)' 'Created-By: Packages' |
        awk '$2 == "Debian" && $3 == "Debian" && $4 == "main" { print $1; exit }')
    [ -n "$uri" ] || die "apt on this host knows no Debian main archive: add one to /etc/apt/sources.list.d, run 'apt-get update', and try again"
    printf '%s\n' "${uri%/}"
}

# The keyring that signs the archive: what the host's configuration names, or Debian's own.
debian_keyring() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -r "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.pgp
    [ -r "$keyring" ] || die "no Debian archive keyring: apt-get install debian-archive-keyring"
    printf '%s\n' "$keyring"
}
