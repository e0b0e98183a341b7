# shellcheck shell=bash
# Shared by the scripts in the directories next to it: messages, the cache, compilers, and packages
# of Debian suites other than the host's.

# The root of the repository, whatever the working directory is.
# shellcheck disable=SC2034 # the scripts use it
repository=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# A skip is printed so that a reader of the CI log finds it.
skip() { say "SKIPPED: $*"; }

cache_dir() { printf '%s\n' "${AIO_SYS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aio-sys}"; }

# Install Debian packages that are missing.
need() {
  local missing=()
  for p in "$@"; do dpkg -s "$p" >/dev/null 2>&1 || missing+=("$p"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "needs ${missing[*]}, and the host has no apt-get"
  say "installing ${missing[*]}"
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || as_root apt-get -qq update >&2
  apt_install "${missing[@]}" || { as_root apt-get -qq update >&2 && apt_install "${missing[@]}"; }
}
apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# The Debian mirror of the host's apt.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    grep -E '/debian/?$' | head -n 1 || true
}

# apt-get for SUITE and ARCH with separate lists, so that the system's are not changed:
# suite_apt SUITE ARCH ARGS…
suite_apt() { with_suite "$1" "$2" apt-get -qq "${@:3}"; }

# A command of apt with these lists: with_suite SUITE ARCH COMMAND ARGS…
# With `source` as ARCH they are those of the source packages.
with_suite() {
  local suite=$1 arch=$2 command=$3 types=deb; shift 3
  local dir; dir=$(cache_dir)/apt/$suite-$arch
  if [ "$arch" = source ]; then types='deb-src' arch=amd64; fi
  mkdir -p "$dir/lists/partial" "$dir/archives/partial"
  if [ ! -f "$dir/sources.sources" ]; then
    local uri; uri=$(mirror)
    [ -n "$uri" ] || die "no Debian mirror in the host's apt sources"
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
      "$types" "$uri" "$suite" "$keyring" >"$dir/sources.sources"
  fi
  "$command" -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
    -o Dir::Etc::sourcelist="$dir/sources.sources" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir" -o APT::Sandbox::User=root \
    -o Dir::State::status=/dev/null "$@"
}

# Lists older than a day are fetched again: suite_update SUITE ARCH
suite_update() {
  local dir; dir=$(cache_dir)/apt/$1-$2
  [ -z "$(find "$dir/.updated" -mmin -1440 2>/dev/null)" ] || return 0
  again suite_apt "$1" "$2" update >&2 && touch "$dir/.updated"
}

# "PACKAGE VERSION" of the newest package of SUITE that matches a shell pattern:
# suite_newest SUITE ARCH PATTERN
suite_newest() {
  local suite=$1 arch=$2 pattern=$3 lists found
  suite_update "$suite" "$arch"
  lists=$(suite_apt "$suite" "$arch" indextargets --format '$(FILENAME)' 'Created-By: Packages')
  # shellcheck disable=SC2254 # it is to match as a pattern
  found=$(for f in $lists; do /usr/lib/apt/apt-helper cat-file "$f"; done |
    awk '/^Package: /{p=$2} /^Version: /{print p, $2}' |
    while read -r p v; do case $p in $pattern) printf '%s %s\n' "$p" "$v" ;; esac; done |
    sort -V | tail -n 1)
  [ -n "$found" ] || die "no package '$pattern' in $suite for $arch"
  printf '%s\n' "$found"
}

# Retries: a mirror may be updating, or another script may hold the lock of the lists.
again() { "$@" || { sleep 5 && "$@"; } || { sleep 20 && "$@"; }; }

# A package and all that it needs to run: suite_closure SUITE ARCH PACKAGE
suite_closure() {
  with_suite "$1" "$2" apt-cache depends --recurse --important "$3" | grep -v '^[ <]'
}

# suite_download SUITE ARCH DIR PACKAGE…
suite_download() { (cd "$3" && again suite_apt "$1" "$2" download "${@:4}" >&2); }

# What packages have in usr/, into a directory: suite_unpack SUITE ARCH DIR PACKAGE…
suite_unpack() {
  local suite=$1 arch=$2 directory=$3 work deb; shift 3
  work=$(mktemp -d "$directory/.unpack.XXXXXX")
  suite_download "$suite" "$arch" "$work" "$@"
  for deb in "$work"/*.deb; do dpkg -x "$deb" "$work/root"; done
  cp -a "$work/root/usr/." "$directory/"
  rm -rf "$work"
}

# The path of a command that runs an unpacked program with the libraries next to it, including a
# newer C library and its dynamic linker: with_own_libraries DIR PROGRAM [ARGUMENT…],
# where PROGRAM is bin/NAME or another path in DIR
with_own_libraries() {
  local directory=$1 program=$2 lib=$1/lib/x86_64-linux-gnu command=$1/with-own-libraries/${2##*/}
  shift 2
  [ -x "$command" ] || {
    mkdir -p "${command%/*}"
    printf '#!/bin/bash\nexec %s --library-path %s %s%s "$@"\n' \
      "$lib/ld-linux-x86-64.so.2" "$lib" "$directory/$program" "${*:+ $*}" >"$command.$$"
    chmod +x "$command.$$"
    mv "$command.$$" "$command"
  }
  printf '%s\n' "$command"
}

# The newest installed clang of those that support the newest Debian's LoongArch; empty if there is
# none.
newest_clang() {
  compgen -c clang- | sed -nE 's/^clang-([0-9]+)$/\1/p' | sort -n |
    awk '$1 >= 19 {newest = "clang-" $1} END {print newest}'
}

# Build into the directory NAME below the target directory: with other flags or another compiler,
# everything would be rebuilt, here and by the next script: own_target NAME
own_target() {
  CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-$repository/target}")/$1
  export CARGO_TARGET_DIR
}

# Whether the compiler in use has the standard library of a target: has_target TARGET
has_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/$1" ]; }

# Use the compiler of the minimum version from here on, with the library of each ARCH:
# use_debian_rust [ARCH…]
use_debian_rust() {
  local root; root=$("$repository/ci/fetch/debian-rust" "$@") || return
  export PATH=$root/bin:$PATH RUSTC=$root/bin/rustc RUSTDOC=$root/bin/rustdoc
}

# The linker of 32-bit programs on x86_64.
need_i686_linker() {
  need libc6-dev-i386 "lib32gcc-$(gcc -dumpversion | cut -d. -f1)-dev"
  export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=gcc
}

# The directory with a record of each release of Linux, as `history`: find_history FILE, which is in
# it. Ends the script if there is none.
find_history() {
  history=$(realpath -m "${AIO_HISTORY:-$repository/../shared/history}")
  [ ! -e "$history/$1" ] || return 0
  [ -z "${AIO_HISTORY:-}" ] || die "no $1 in AIO_HISTORY=$history"
  skip "no record of what each release has; name its directory in AIO_HISTORY"
  exit 0
}

# The tool, optimized: the oracles run it thousands of times. One build is for all of them.
build_codegen() { cargo build -q --release -p aio-codegen --features cli; }
codegen() { "${CARGO_TARGET_DIR:-$repository/target}/release/aio-codegen" "$@"; }

# The names of the ABIs in tables/abis.toml.
abi_names() {
  awk '$1 == "name" { name = $3 } $1 == "pairs" { gsub(/"/, "", name); print name }' \
    "$repository/tables/abis.toml"
}

# A program outside the workspace: crate DIR DEPENDENCIES MAIN, where DEPENDENCIES are lines of
# the manifest and MAIN is the body of `main`. Its dependencies are fetched.
crate() {
  mkdir -p "$1/src"
  printf 'fn main() { %s }\n' "$3" >"$1/src/main.rs"
  {
    printf '[package]\nname = "%s"\nversion = "0.0.0"\nedition = "2024"\n' "${1##*/}"
    printf '[dependencies]\n%s\n[workspace]\n' "$2"
  } >"$1/Cargo.toml"
  cargo fetch -q --manifest-path "$1/Cargo.toml" --target "$(rustc -vV | sed -n 's/^host: //p')"
}

# The median of the numbers on standard input, one per line.
median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }
