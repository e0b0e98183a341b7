"""The comparison of `history`, which says what it prints.

Usage: history.py RECORD <ROWS"""

import lzma, os, re, sys
from collections import Counter, defaultdict

# Why the two may differ.
EXPLAINED = {
    "unseen": "it came and went in releases of which no tree was read",
    "merged": "it went and came back in releases of which no tree was read",
    "record": "the record is wrong: it dates the one row of x86_64 and x32 twice, 6.18 and 6.17",
}
WRONG = {("x32", 0x40000000 + 336, "uprobe")}


class Releases:
    def __init__(self, directory):
        names = {}
        with lzma.open(os.path.join(directory, "numbers.tsv.xz"), "rt") as lines:
            for line in lines:
                if not line.startswith("#"):
                    names[line.split("\t", 1)[0]] = None
        self.at = {name: at for at, name in enumerate(names)}
        self.newest = len(names) - 1

    def since(self, text):
        """The first and the last release that may be meant; -1 is older than all."""
        if older := re.fullmatch(r"<=(\S+)|(\S+) or earlier", text):
            return -1, self.at[older[1] or older[2]]
        if gap := re.fullmatch(r"after (\S+), by (\S+)", text):
            return self.at[gap[1]] + 1, self.at[gap[2]]
        return self.at[text], self.at[text]

    def until(self, text):
        if not text:
            return self.newest, self.newest
        if gap := re.fullmatch(r"(\S+), gone by (\S+)", text):
            return self.at[gap[1]], self.at[gap[2]] - 1
        return self.at[text], self.at[text]


def within(theirs, ours):
    return ours[0] <= theirs[0] and theirs[1] <= ours[1]


def ours(releases):
    rows = defaultdict(list)
    for line in sys.stdin:
        abi, number, name, _, _, since, until = line.rstrip("\n").split("\t")
        if not since:
            sys.exit(f"history: {abi} {number} {name} has no date")
        rows[abi, int(number), name].append((releases.since(since), releases.until(until)))
    return rows


def theirs(directory, releases, abis):
    rows = defaultdict(list)
    with open(os.path.join(directory, "since.tsv")) as lines:
        for line in lines:
            abi, name, number, since, until, *_ = line.rstrip("\n").split("\t")
            if abi in abis:
                rows[abi, int(number), name].append((releases.since(since), releases.until(until)))
    return rows


def explained(ours, theirs, seen):
    """Why the runs of a row differ, or None."""
    shown = [run for run in theirs if any(run[0][1] <= at <= run[1][0] for at in seen)]
    if not ours and not shown:
        return "unseen"
    # A gap between two runs that no tree that was read shows.
    joined = []
    for since, until in shown:
        if joined and not any(joined[-1][1][1] < at < since[0] for at in seen):
            since = joined.pop()[0]
        joined.append((since, until))
    agrees = len(joined) == len(ours) and all(
        ours_since[0] <= since[0] <= ours_since[1] and within(until, ours_until)
        for (since, until), (ours_since, ours_until) in zip(joined, ours)
    )
    return "merged" if agrees else None


def main():
    directory = sys.argv[1]
    releases = Releases(directory)
    with open("tables/history.toml") as history:
        text = history.read()
    seen = [releases.at[name] for name in re.findall(r'^linux +=\s"(.*)"', text, re.M)]
    mine = ours(releases)
    abis = list(dict.fromkeys(abi for abi, _, _ in mine))
    record = theirs(directory, releases, abis)
    counts, differing = defaultdict(Counter), []
    for row in sorted(mine.keys() | record.keys()):
        pair = sorted(mine.get(row, [])), sorted(record.get(row, []))
        if len(pair[0]) == len(pair[1]) and all(
            within(t[0], o[0]) and within(t[1], o[1]) for o, t in zip(*pair)
        ):
            kind = "agrees" if pair[0] == pair[1] else "in a range"
        else:
            kind = explained(*pair, seen) or ("record" if row in WRONG else None)
            differing.append((kind or "WITHOUT EXPLANATION", row))
        counts[row[0]][kind] += 1
    whole = Counter()
    for abi in abis:
        whole += counts[abi]
        print(f"{abi}: {summed(counts[abi])}")
    print(f"all: {summed(whole)}")
    for kind, (abi, number, name) in differing:
        print(f"    {kind}: {abi} {number} {name}")
    for kind in sorted({kind for kind, _ in differing} & EXPLAINED.keys()):
        print(f"{kind}: {EXPLAINED[kind]}")
    sys.exit(1 if whole[None] else 0)


def summed(counts):
    agree = counts["agrees"] + counts["in a range"]
    rows = f"{agree} of {sum(counts.values())} rows agree"
    others = [f"{counts['in a range']} of them within a range"]
    others += [f"{counts[kind]} {kind}" for kind in EXPLAINED if counts[kind]]
    others += [f"{counts[None]} WITHOUT EXPLANATION"] if counts[None] else []
    return ", ".join([rows, *others])


main()
