"""The comparison of `releases`, which documents its output.

Usage: releases.py RECORD TOOL [--own] TREE…"""

import lzma, os, re, subprocess, sys, tempfile, time, tomllib
from collections import Counter, defaultdict

# Why a tree may have other rows than the record of its release.
MORE = {
    "cleaned": "a call of those who published the tree that the record was made of, or a backport",
    "kernel-only": "the kernel has the call, and the header of user space does not show it",
    "later": "a later release has the row: a stable update, or a tree of the next merge window",
    "unseen": "the record does not see this ABI in this release",
    "private": "no release has a call of this name on any ABI",
    "own": "a file of the tree has name and number in one line (--own)",
}
MISSING = {
    "cleaned": "not in the tree that the record was made of",
    "removed": "a later release does not have the row either, and this is a stable update",
    "not yet": "the tree is a release candidate, and the release before does not have the row",
    "own": "no file of the tree has name and number in one line (--own)",
    "left out": "the tree has no such ABI, or not all of it, and the import says so (--own)",
}

UNEXPLAINED = "WITHOUT EXPLANATION"
# The explanations that were needed.
EXPLAINED = set()

# All known differences between the record and the tables.

# Removed ABIs of the record that tables/abis.toml does not have.
GONE = (
    "arm26 avr32 blackfin c6x cris frv h8300 m32r m68knommu metag mn10300 nds32 score sh64 "
    "tilegx unicore32 v850"
).split()

# Releases in which the record misses an ABI that the kernel has: ABI, first release in which it has
# it, reason.
UNSEEN = [
    ("arm64-compat", "3.17", "the kernel-only header has no names before"),
    ("powerpc-spu", "5.0", "its list was not part of the record"),
]


class Record:
    """The rows of every release: a bit set of the releases that have each row."""

    def __init__(self, directory, abis):
        self.releases, self.rows, self.names = [], defaultdict(int), set()
        self.abis, at = defaultdict(int), {}
        with lzma.open(os.path.join(directory, "numbers.tsv.xz"), "rt") as lines:
            for line in lines:
                if line.startswith("#"):
                    continue
                release, abi, number, name = line.rstrip("\n").split("\t")
                if release not in at:
                    at[release] = 1 << len(self.releases)
                    self.releases.append(release)
                if abi in abis:
                    self.rows[abi, int(number), name] |= at[release]
                    self.names.add(name)
                elif abi not in GONE:
                    sys.exit(f"releases: unknown ABI `{abi}` in the record; is it gone? See GONE")
                self.abis[abi] |= at[release]
        self.at = at
        self.cleaned = self.read(directory, "cleaned.tsv", 6, lambda f: (f[0], f[4], tuple(f[1:4])))
        self.hidden = self.read(directory, "kernel-only.tsv", 4, lambda f: (tuple(f[:3]), f[3]))

    @staticmethod
    def read(directory, name, fields, key):
        with open(os.path.join(directory, name)) as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
        assert all(len(row) == fields for row in rows), f"{name}: expected {fields} fields"
        return {key(row) for row in rows}

    def of(self, release):
        bit = self.at[release]
        return {row for row, bits in self.rows.items() if bits & bit}

    def is_cleaned(self, release, row, *actions):
        row = (row[0], str(row[1]), row[2])
        return any((release, action, row) in self.cleaned for action in actions)

    def is_hidden(self, release, row):
        row = (row[0], str(row[1]), row[2])
        return any(row == hidden and release in seen.split() for hidden, seen in self.hidden)


class Tree:
    def __init__(self, path, own, archs):
        self.path, self.own, self.archs = path, own, archs
        with open(os.path.join(path, "Makefile"), errors="replace") as file:
            head = file.read(2000)
        version, patch, sub, extra = (
            (re.findall(rf"^{key}[ \t]*=[ \t]*(\S*)", head, re.M) or [""])[0]
            for key in ("VERSION", "PATCHLEVEL", "SUBLEVEL", "EXTRAVERSION")
        )
        self.version = f"{version}.{patch}.{sub}{extra}"
        directory = os.path.basename(path)
        named = self.version.startswith(directory)
        self.label = self.version if named else f"{self.version} ({directory})"
        self.files = {}
        old = (version, patch) == ("2", "6")
        self.release = f"2.6.{sub}" if old else f"{version}.{patch}"
        self.candidate = extra.startswith("-rc")
        # Stable updates add and remove rows.
        self.stable = not self.candidate and (extra if old else sub) not in ("", "0")

    def explain_more(self, record, row):
        """Why the tree has a row that the record of its release does not have, or None."""
        release, (abi, _, name) = self.release, row
        bit, bits = record.at[release], record.rows.get(row, 0)
        if record.is_cleaned(release, row, "dropped", "removed"):
            return "cleaned"
        if record.is_hidden(release, row):
            return "kernel-only"
        if bits > bit:
            return "later"
        if not record.abis[abi] & bit and any(
            abi == unseen and bit < record.at[first] for unseen, first, _ in UNSEEN
        ):
            return "unseen"
        if name not in record.names:
            return "private"
        return "own" if self.own and self.has(row) else None

    def without(self, ours, printed):
        """The ABIs without a row, if the tree has no such architecture or the import reports it."""
        here = {abi for abi, _, _ in ours}
        named = any("left-out ABI" in line for line in printed[-1:])
        gone = [abi for abi in self.archs if abi not in here]
        there = lambda abi: os.path.isdir(os.path.join(self.path, "arch", self.archs[abi]))
        return {abi for abi in gone if named or not there(abi)}

    def has(self, row):
        """Whether a line of a table or a header of the row's architecture has name and number."""
        abi, number, name = row
        low = number & 0xFFFFF if abi in ("x32", "arm-oabi") else number
        numbers = {low, number, low - 1024, low - 4000, low - 5000, low - 6000, low - 0x900000}
        for line in self.lines(self.archs[abi]):
            words = re.findall(r"\w+", line)
            if {name, "__NR_" + name, "__NR3264_" + name} & set(words):
                if numbers & {int(word) for word in words if word.isdecimal()}:
                    return True
        return False

    def lines(self, arch):
        """The lines of all files of numbers that the architecture can have."""
        if arch not in self.files:
            found = []
            generic = ("include/uapi/asm-generic", "include/asm-generic", "scripts")
            for top in (f"arch/{arch}", *generic):
                for directory, _, files in os.walk(os.path.join(self.path, top)):
                    for file in files:
                        if re.fullmatch(r"unistd.*\.h|syscall.*\.(tbl|h)", file):
                            with open(os.path.join(directory, file), errors="replace") as text:
                                found += text.read().splitlines()
            self.files[arch] = found
        return self.files[arch]

    def explain_missing(self, record, row):
        """Why the record of the tree's release has a row that the tree does not have, or None."""
        release, (abi, _, name) = self.release, row
        bit, bits = record.at[release], record.rows[row]
        if record.is_cleaned(release, row, "added"):
            return "cleaned"
        later = record.abis[abi] & ~(2 * bit - 1)
        if self.stable and later & ~bits:
            return "removed"
        if self.candidate and not bits & (bit >> 1):
            return "not yet"
        if self.own and abi in self.left_out:
            return "left out"
        return "own" if self.own and not self.has(row) else None


def imported(tool, tree, tables):
    """Seconds, exit status, and the standard error of the import."""
    started = time.monotonic()
    ended = subprocess.run(
        [tool, "import", "--linux", tree.path, "--tables", tables],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
    )
    return time.monotonic() - started, ended.returncode, ended.stderr.splitlines()


def exported(tool, tables):
    command = [tool, "export", "tsv", "--header-names", "--tables", tables]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    fields = (line.split("\t") for line in text.splitlines())
    return {(abi, int(number), name) for abi, number, name, *_ in fields}


def compare(record, tool, tree):
    """One line for a tree; whether every row is correct or explained."""
    if tree.release not in record.at:
        print(f"SKIPPED: {tree.label}: the record ends with {record.releases[-1]}")
        return True
    with tempfile.TemporaryDirectory() as tables:
        seconds, status, printed = imported(tool, tree, tables)
        if status != 0 or not os.listdir(tables):
            print(f"{tree.label}: REFUSED: {printed[-1] if printed else status}")
            return False
        ours = exported(tool, tables)
    theirs = record.of(tree.release)
    tree.left_out = tree.without(ours, printed)
    unexplained, explained = [], []
    for row in sorted(ours - theirs):
        reason = tree.explain_more(record, row)
        (explained if reason else unexplained).append(("more", reason, row))
    for row in sorted(theirs - ours):
        reason = tree.explain_missing(record, row)
        (explained if reason else unexplained).append(("missing", reason, row))
    EXPLAINED.update((side, kind) for side, kind, _ in explained)
    differing = unexplained + explained
    print(
        f"{tree.label}: {len({abi for abi, _, _ in ours})} ABIs, "
        f"{len(ours & theirs)} of {len(theirs)} rows right, "
        f"more: {counted(kind for side, kind, _ in differing if side == 'more')}, "
        f"missing: {counted(kind for side, kind, _ in differing if side == 'missing')}, "
        f"{seconds:.1f} s, warnings: {warnings(printed)}",
    )
    if not os.environ.get("VERBOSE"):
        differing = [row for row in differing if row[1] in (None, "private")]
    show(differing, theirs)
    return not unexplained


def counted(kinds):
    counts = Counter(kind or UNEXPLAINED for kind in kinds)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "0"


def warnings(printed):
    """The warnings by kind, from the last line of the tool's output."""
    kinds = re.fullmatch(r"\d+ warnings?: (.*)", printed[-1])
    return kinds[1] if kinds else "none"


def show(differing, theirs):
    """A line for each row, or one for all rows of an ABI that is missing as a whole."""
    missing = Counter(abi for side, _, (abi, _, _) in differing if side == "missing")
    rows = Counter(abi for abi, _, _ in theirs)
    for abi in sorted(missing):
        if missing[abi] == rows[abi]:
            print(f"    missing: the ABI {abi}, {rows[abi]} rows")
    for side, kind, (abi, number, name) in differing:
        if side == "more" or missing[abi] != rows[abi]:
            print(f"    {side}, {kind or UNEXPLAINED}: {abi} {number} {name}")


def main():
    directory, tool, *trees = sys.argv[1:]
    own = "--own" in trees
    with open("tables/abis.toml", "rb") as file:
        archs = {abi["name"]: abi["arch"] for abi in tomllib.load(file)["abi"]}
    record = Record(directory, archs)
    good = [compare(record, tool, Tree(path, own, archs)) for path in trees if path != "--own"]
    print(f"{sum(good)} of {len(good)} trees: every row is right, or has an explanation")
    for side, kind in sorted(EXPLAINED):
        print(f"{side}, {kind}: {(MORE if side == 'more' else MISSING)[kind]}")
    sys.exit(0 if all(good) else 1)


sys.stdout.reconfigure(line_buffering=True)
main()
