# Shared by the scripts beside it: messages, the cache, and packages of Debian suites other than the machine's own.

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# A skip is printed where the reader of a CI log looks for it.
skip() { say "SKIPPED: $*"; }

cache_dir() { printf '%s\n' "${AIO_SYS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aio-sys}"; }

# Install Debian packages that are missing.
need() {
  local missing=()
  for p in "$@"; do dpkg -s "$p" >/dev/null 2>&1 || missing+=("$p"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "needs ${missing[*]}, and this machine has no apt-get"
  say "installing ${missing[*]}"
  [ -n "$(ls /var/lib/apt/lists/*_Packages* 2>/dev/null)" ] || as_root apt-get -qq update >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null ||
    { as_root apt-get -qq update >&2 &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null; }
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# The mirror that this machine's own apt uses for the Debian archive.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    grep -E '/debian/?$' | head -n 1 || true
}

# apt-get for SUITE and ARCH with lists of its own, so that the system's are not touched: suite_apt SUITE ARCH ARGS…
suite_apt() {
  local suite=$1 arch=$2; shift 2
  local dir; dir=$(cache_dir)/apt/$suite-$arch
  mkdir -p "$dir/lists/partial" "$dir/archives/partial"
  if [ ! -f "$dir/sources.sources" ]; then
    local uri; uri=$(mirror)
    [ -n "$uri" ] || die "no Debian mirror in this machine's apt sources"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
      "$uri" "$suite" >"$dir/sources.sources"
  fi
  apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
    -o Dir::Etc::sourcelist="$dir/sources.sources" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir" -o APT::Sandbox::User=root \
    -o Dir::State::status=/dev/null "$@"
}

# "PACKAGE VERSION" of the newest package of SUITE that matches a shell pattern: suite_newest SUITE ARCH PATTERN
suite_newest() {
  local suite=$1 arch=$2 pattern=$3 dir
  dir=$(cache_dir)/apt/$suite-$arch
  # Lists older than a day are fetched again.
  if [ -z "$(find "$dir/.updated" -mmin -1440 2>/dev/null)" ]; then
    suite_apt "$suite" "$arch" update >&2 && touch "$dir/.updated"
  fi
  local lists; lists=$(suite_apt "$suite" "$arch" indextargets --format '$(FILENAME)' 'Created-By: Packages')
  local found
  found=$(for f in $lists; do /usr/lib/apt/apt-helper cat-file "$f"; done |
    awk '/^Package: /{p=$2} /^Version: /{print p, $2}' |
    while read -r p v; do case $p in $pattern) printf '%s %s\n' "$p" "$v" ;; esac; done |
    sort -V | tail -n 1)
  [ -n "$found" ] || die "no package '$pattern' in $suite for $arch"
  printf '%s\n' "$found"
}

# suite_download SUITE ARCH PACKAGE DIR
suite_download() { (cd "$4" && suite_apt "$1" "$2" download "$3" >&2); }
