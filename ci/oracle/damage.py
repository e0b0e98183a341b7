"""The rounds of `damage`, which documents them. Usage: damage.py TOOL ROUNDS SEED TREE…"""

import fnmatch, os, random, re, shutil, subprocess, sys, tempfile, time, tomllib
from collections import Counter, defaultdict

# Files with numbers or tags: they are damaged only in ways that must be refused.
NUMBERS = [
    "Makefile",  # the version
    "scripts/Makefile.asm-headers",
    "arch/*/kernel/Makefile.syscalls",
    "arch/*/include/asm/Kbuild",
    "arch/*/include/uapi/asm/Kbuild",
    "*/unistd*.h",
    "*/bitsperlong.h",
    "*/sgidefs.h",
]
# Up to Linux 4.1.
MOVED = ("arch/x86/entry/syscalls/", "arch/x86/syscalls/")
GENERIC = "include/uapi/asm-generic/unistd.h"
# Calls of every table with the numbers of GENERIC.
GENERIC_CALLS = {(56, "openat"), (57, "close"), (63, "read"), (93, "exit")}
# Files that an import reads, and files that it does not: pools of files to damage, equally likely.
POOLS = {
    "definitions": None,  # files that define system calls
    "kernel": ["kernel/*.c", "fs/*.c", "mm/*.c", "ipc/*.c", "net/*.c", "io_uring/*.c"],
    "architecture": ["arch/*/kernel/*.[cS]", "arch/*/entry/*.[cS]", "arch/*/mm/*.c"],
    "configuration": ["*Kconfig*"],
    "outer configuration": ["Kconfig", "arch/Kconfig", "arch/*/Kconfig", "init/Kconfig"],
    "makefiles": ["*Makefile", "*Kbuild"],
    "outer makefiles": ["Kbuild", "?*/Makefile", "arch/*/Makefile", "arch/*/kernel/Makefile"],
    "constants": ["include/uapi/*.h", "arch/*/include/uapi/*.h", "include/asm-*.h"],
    "headers": ["include/linux/*.h", "arch/*/include/asm/*.h"],
    "others": ["drivers/*", "lib/*", "scripts/*", "tools/*"],
    "prominent": ["kernel/sys_ni.c", "kernel/sys.c", "fs/aio.c", "arch/*/kernel/sys*.c",
                  "arch/x86/entry/syscall_*.c", "*/errno*.h", "include/uapi/linux/aio_abi.h"],
}
# Some of them are words of comments, or have uppercase letters.
NAMES = ["mycall", "my_call2", "hello", "s2_encrypt", "sched_hello", "xyzzy_64", "entry", "myCall"]
# Linux 4.7 has these rows, followed by others with the same numbers.
TWICE = [(534, "preadv"), (535, "pwritev")]
STARTS = b"\xef\xbb\xbf"
LATIN = "/* für größere Bäume */\n".encode("latin-1")
MARKERS = [b"<<<<<<< HEAD\n", b"=======\n", b">>>>>>> topic\n", b"||||||| base\n"]
DEFINITION = re.compile(rb"^(?:COMPAT_)?SYSCALL(?:32)?_DEFINE\d\((\w+)", re.M)


class Tree:
    """Links to a kernel tree; files are replaced, and restored."""

    def __init__(self, original, directory, facts):
        self.original, self.path = original, os.path.join(directory, "linux")
        shutil.copytree(original, self.path, symlinks=True, copy_function=os.symlink)
        self.files, self.changed, self.made = [], set(), []
        for directory, directories, files in os.walk(original):
            directories.sort()
            at = os.path.relpath(directory, original)
            paths = (os.path.normpath(os.path.join(at, name)) for name in sorted(files))
            self.files += [path for path in paths if os.path.isfile(os.path.join(original, path))]
        self.tables = {}
        for table in facts["table"]:
            place = table["source"]
            for path in (place, place.replace(*MOVED)):
                if path in self.files:
                    self.tables.setdefault(path, []).append(table["name"])
        makefiles = [table["makefile"] for table in facts["table"]]
        makefiles += [path.replace(*MOVED) for path in makefiles]
        numbers = re.compile("|".join(map(fnmatch.translate, NUMBERS)))
        self.headers = [path for path in self.files if fnmatch.fnmatch(path, "*/unistd*.h")]
        safe = {*self.tables, *makefiles}
        self.free = [path for path in self.files if path not in safe and not numbers.match(path)]
        self.pools = {name: self.pool(globs) for name, globs in POOLS.items() if globs}
        self.pools["definitions"] = sorted(set(self.definitions()) & set(self.free))
        self.pools = {name: pool for name, pool in self.pools.items() if pool}

    def pool(self, globs):
        wanted = re.compile("|".join(map(fnmatch.translate, globs)))
        return [path for path in self.free if wanted.match(path)]

    def definitions(self):
        command = ["grep", "-rlE", r"^(COMPAT_)?SYSCALL(32)?_DEFINE[0-9]\(|^asmlinkage .* sys_"]
        command += ["--include=*.c", "."]
        found = subprocess.run(command, cwd=self.original, stdout=subprocess.PIPE, text=True)
        return [line.removeprefix("./") for line in found.stdout.splitlines()]

    def at(self, path):
        return os.path.join(self.path, path)

    def has(self, path):
        return os.path.isfile(self.at(path))

    def read(self, path):
        with open(self.at(path), "rb") as file:
            return file.read()

    def remove(self, path):
        os.unlink(self.at(path))
        self.changed.add(path)

    def write(self, path, data):
        if os.path.lexists(self.at(path)):
            self.remove(path)
        if not os.path.isdir(os.path.dirname(self.at(path))):
            os.mkdir(os.path.dirname(self.at(path)))
            self.made.append(os.path.dirname(self.at(path)))
        with open(self.at(path), "xb") as file:
            file.write(data)
        self.changed.add(path)

    def restore(self):
        for path in self.changed:
            if os.path.lexists(self.at(path)):
                os.unlink(self.at(path))
            original = os.path.join(self.original, path)
            if os.path.islink(original):
                os.symlink(os.readlink(original), self.at(path))
            elif os.path.exists(original):
                os.symlink(original, self.at(path))
        for directory in self.made:
            os.rmdir(directory)
        self.changed, self.made = set(), []

    def rows(self, table):
        """The line, the number, the tag and the name of each row."""
        found = []
        for at, line in enumerate(self.read(table).split(b"\n")):
            match = re.match(rb"(\d+)\s+(\w+)\s+(\w+)", line)
            if match:
                number, tag, name = (field.decode() for field in match.groups())
                found.append((at, int(number), tag, name))
        return found


class Round:
    """The damage to a tree, and the expected result."""

    def __init__(self, seed, tree, facts, unharmed):
        self.random = random.Random(seed)
        self.tree, self.facts, self.unharmed = tree, facts, unharmed
        self.done, self.added, self.private = [], set(), defaultdict(set)

    def pick(self, good=lambda data: True):
        """A file that may be damaged."""
        for _ in range(200):
            pool = self.random.choice(sorted(self.tree.pools))
            path = self.random.choice(self.tree.pools[pool])
            if self.tree.has(path) and good(self.tree.read(path)):
                return path
        return None

    def say(self, path, what):
        self.done.append(f"{path}: {what}")

    def line_of(self, data, pattern):
        """The index of one matching line."""
        found = [match.span() for match in re.finditer(pattern, data, re.M)]
        return self.random.choice(found) if found else None

    # Damage that removes no number.

    def delete(self):
        path = self.pick()
        self.tree.remove(path)
        self.say(path, "deleted")

    def empty(self):
        path = self.pick()
        self.tree.write(path, b"")
        self.say(path, "emptied")

    def cut(self):
        path = self.pick(lambda data: len(data) > 2)
        data = self.tree.read(path)
        length = self.random.randrange(1, len(data))
        self.tree.write(path, data[:length])
        self.say(path, f"cut off after {length} of {len(data)} bytes")

    def last_newline(self):
        path = self.pick(lambda data: data.endswith(b"\n"))
        self.tree.write(path, self.tree.read(path).rstrip(b"\n"))
        self.say(path, "without its last newline")

    def symbol(self):
        block = rb"^(?:menu)?config \w+\n(?:[ \t].*\n|\n)*"
        path = self.pick(lambda data: re.search(block, data, re.M))
        if path:
            data = self.tree.read(path)
            start, end = self.line_of(data, block)
            self.tree.write(path, data[:start] + data[end:])
            self.say(path, f"without {data[start:end].splitlines()[0].decode()}")

    def definition(self):
        path = self.pick(DEFINITION.search)
        if not path:
            return
        data = self.tree.read(path)
        match = self.random.choice(list(DEFINITION.finditer(data)))
        name, start = match[1].decode(), match.start()
        way = self.random.choice(["a plain function", "another name", "no line", "no function"])
        end = data.find(b"\n", start)
        if way == "a plain function":
            text = b"asmlinkage long sys_" + match[1] + b"(void)"
        elif way == "another name":
            text = data[start:end].replace(match[1], match[1] + b"_of_mine", 1)
        else:
            text = b""
        if way == "no function":
            end = data.find(b"\n}", start) + 2
        self.tree.write(path, data[:start] + text + data[max(start, end):])
        self.say(path, f"{way} instead of the definition of {name}")

    def endif(self):
        line = rb"^[ \t]*(?:#[ \t]*)?endif\b.*\n"
        path = self.pick(lambda data: re.search(line, data, re.M))
        if path:
            data = self.tree.read(path)
            start, end = self.line_of(data, line)
            self.tree.write(path, data[:start] + data[end:])
            self.say(path, f"without line {data[:start].count(10) + 1}, an endif")

    def odd_bytes(self):
        path = self.pick()
        self.recode(path, ["CRLF", "BOM", "Latin-1", "NUL", "UTF-16"])

    def odd_file(self):
        directory = os.path.dirname(self.pick())
        name = self.random.choice(["mine.c", "mine.h", "Kconfig", "Makefile", "Kconfig.mine"])
        path = os.path.join(directory, name)
        if self.tree.has(path) or path == "Makefile":
            return
        text = b"config MINE\n\tbool\n" if "Kconfig" in name else b"obj-y += mine.o\n"
        if "mine." in path and not "Kconfig" in name:
            text = b"#include <linux/syscalls.h>\nSYSCALL_DEFINE0(mine)\n{\n\treturn 0;\n}\n"
        self.tree.write(path, text)
        self.say(path, "new")
        self.recode(path, ["CRLF", "BOM", "Latin-1", "NUL", "UTF-16"])

    def recode(self, path, ways):
        way, data = self.random.choice(ways), self.tree.read(path)
        if way == "CRLF":
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        elif way == "BOM":
            data = STARTS + data
        elif way == "Latin-1":
            data = LATIN + data + LATIN
        elif way == "NUL":
            at = self.random.randrange(len(data) + 1)
            data = data[:at] + b"\0\xff\xfe" + data[at:]
        elif way == "UTF-16":
            data = data.decode("latin-1").encode("utf-16")
        elif way == "comment":
            data = b"# " + LATIN + data + b"# " + LATIN
        self.tree.write(path, data)
        self.say(path, way)

    def table_bytes(self):
        path = self.random.choice(sorted(self.tree.tables) + self.tree.headers)
        ways = ["CRLF", "comment"] if path in self.tree.tables else ["CRLF", "Latin-1"]
        self.recode(path, ways)

    def table_end(self):
        tables = [path for path in self.tree.tables if self.tree.read(path).endswith(b"\n")]
        if tables:
            path = self.random.choice(sorted(tables))
            self.tree.write(path, self.tree.read(path).rstrip(b"\n"))
            self.say(path, "without its last newline")

    def table_comment(self):
        path = self.random.choice(sorted(self.tree.tables))
        lines = self.tree.read(path).split(b"\n")
        at = self.random.randrange(len(lines))
        lines.insert(at, self.random.choice([b"// calls of ours", b"/* ours */", b"-- ours --"]))
        self.tree.write(path, b"\n".join(lines))
        self.say(path, f"a comment of another language in line {at + 1}")

    # Private calls.

    def takers(self, table, tag):
        """The ABIs that have the rows of a tag, with their bases."""
        # Another tag may have the same number and name, with another entry point.
        tags = defaultdict(set)
        for _, number, of, name in self.tree.rows(table):
            tags[number, name].add(of)
        rows = [row for row, of in tags.items() if of == {tag} and row[1] not in self.private]
        for abi in self.facts["abi"]:
            name, base = abi["name"], abi["base"]
            here = [(name, base + number, call) in self.unharmed for number, call in rows]
            if abi["table"] in self.tree.tables[table] and sum(here) > len(here) * 0.9:
                yield name, base

    def tag(self, table):
        """A tag of an ABI of the table, mostly a common one; None without such a tag."""
        tags = [tag for _, _, tag, _ in self.tree.rows(table)]
        tags = sorted(set(tags)) if self.random.randrange(2) else tags
        for _ in range(20):
            tag = self.random.choice(tags)
            if any(self.takers(table, tag)):
                return tag
        return None

    def number(self, used):
        """A number that is free in a table."""
        below = set(range(max(used))) - used
        ranges = [sorted(number for number in below if number < 424), sorted(below)]
        behind = max(used) + 1
        ranges += [[behind], range(behind, behind + 60), range(548, 600), range(600, 4000)]
        unified = max((number for number in used if number < 512), default=0)
        ranges.append(range(unified + 1, max(unified + 2, 512)))
        return self.random.choice([
            number for number in self.random.choice([some for some in ranges if some])
            if number not in used
        ] or [behind])

    def private_call(self):
        name = self.random.choice(NAMES)
        if name in self.private:
            return
        tables = sorted(self.tree.tables)
        usual = [
            path for path in tables
            if path.startswith(("arch/x86", "arch/arm/", "scripts/")) or self.random.random() < 0.1
        ]
        if self.generic():
            usual += [GENERIC] * 2
        if not usual:
            return
        for path in self.random.sample(sorted(set(usual)), self.random.choice([1, 1, 2])
                                       if len(set(usual)) > 1 else 1):
            (self.private_define if path == GENERIC else self.private_row)(path, name)
        if self.private[name]:
            self.define(name)

    def generic(self):
        """Whether the numbers that many architectures share are in a header."""
        if not self.tree.has(GENERIC) or self.tree.has("scripts/syscall.tbl"):
            return False
        return b"__NR_openat 56" in self.tree.read(GENERIC)

    def private_row(self, table, name):
        tag = self.tag(table)
        if not tag:
            return
        rows = self.tree.rows(table)
        number = self.number({number for _, number, _, _ in rows})
        lines = self.tree.read(table).split(b"\n")
        end = b"\r" if lines[0].endswith(b"\r") else b""
        entry = self.random.choice([f"sys_{name}", f"sys_{name}", "sys_ni_syscall", "", f"{name}"])
        separator = self.random.choice(["\t", "\t\t", "   "])
        row = separator.join([str(number), tag, name, entry]).rstrip().encode() + end
        behind = [at for at, before, _, _ in rows if before < number]
        place = self.random.choice(["sorted", "sorted", "last"])
        at = (behind[-1] if behind and place == "sorted" else rows[-1][0]) + 1
        lines.insert(at, row)
        self.tree.write(table, b"\n".join(lines))
        # A name with a number but without a row is not a call.
        self.private[name] |= set() if entry == "sys_ni_syscall" else {table}
        self.added |= {(abi, base + number, name) for abi, base in self.takers(table, tag)}
        self.say(table, f"{row.decode()!r} as line {at + 1}")

    def private_define(self, header, name):
        by_abi = defaultdict(set)
        for abi, number, call in self.unharmed | self.added:
            by_abi[abi].add((number, call))
        abis = [abi for abi, calls in by_abi.items() if GENERIC_CALLS <= calls]
        used = {number for abi in abis for number, _ in by_abi[abi]}
        # The header of an architecture may contain calls that it does not show on another.
        number = self.number({*range(244, 260), *used})
        text = f"#define __NR_{name} {number}\n__SYSCALL(__NR_{name}, sys_{name})\n".encode()
        data = self.tree.read(header)
        if b"\r\n" in data:
            text = text.replace(b"\n", b"\r\n")
        at = data.index(b"#undef __NR_syscalls")
        self.tree.write(header, data[:at] + text + data[at:])
        self.private[name].add(header)
        self.added |= {(abi, number, name) for abi in abis}
        self.say(header, f"__NR_{name} {number}")

    def define(self, name):
        """A definition for a private call, as people write it, or none."""
        head = self.random.choice([
            f"SYSCALL_DEFINE0({name})",
            f"SYSCALL_DEFINE2({name}, int, pid, char __user *, text)",
            f"asmlinkage long sys_{name}(void)",
            f"asmlinkage long sys_{name}(int pid,\n\t\tchar __user *text)",
            f"SYSCALL_DEFINE1({name}, int, pid",
        ])
        text = f"\n{head}\n{{\n\treturn 0;\n}}\n".encode()
        place = self.random.choice(["none", "kernel/sys.c", "directory", "driver", "new file"])
        if place == "kernel/sys.c" and self.tree.has(place):
            self.tree.write(place, self.tree.read(place) + text)
        elif place == "directory":
            place = f"{name}/{name}.c"
            self.tree.write(place, b"#include <linux/kernel.h>\n" + text)
            self.tree.write(f"{name}/Makefile", f"obj-y := {name}.o\n".encode())
            for top in ("Kbuild", "Makefile"):
                data = self.tree.read(top) if self.tree.has(top) else b""
                match = re.search(rb"^obj-y\s*\+=.*kernel/|^core-y\s*\+=.*kernel/.*", data, re.M)
                if match:
                    named = b" " + name.encode() + b"/"
                    self.tree.write(top, data[:match.end()] + named + data[match.end():])
                    place += f", named by {top}"
                    break
        elif place == "driver":
            files = [path for path in self.tree.pools["others"] if path.endswith(".c")]
            files = [path for path in files if path.startswith("drivers/") and self.tree.has(path)]
            place = self.random.choice(files)
            self.tree.write(place, self.tree.read(place) + text)
        elif place == "new file":
            place = f"drivers/char/{name}.c"
            self.tree.write(place, text)
            for file, more in [
                ("Makefile", f"obj-$(CONFIG_{name.upper()}) += {name}.o\n"),
                ("Kconfig", f"config {name.upper()}\n\tbool \"mine\"\n"),
            ]:
                path = f"drivers/char/{file}"
                if self.tree.has(path):
                    self.tree.write(path, self.tree.read(path) + more.encode())
        self.say(place, f"{head!r}")

    # Damage that makes a number doubtful.

    def a_row(self, with_tags=False):
        """A table, and a row of an ABI in it."""
        tables = sorted(self.tree.tables)
        if with_tags:
            tables = [path for path in tables if path.startswith(("arch/x86/", "scripts/"))]
        while tables:
            table = self.random.choice(tables)
            row = self.random.choice(self.tree.rows(table))
            if any(self.takers(table, row[2])):
                return table, row
            self.random.random()
        return None, None

    def insert(self, table, at, line):
        lines = self.tree.read(table).split(b"\n")
        lines.insert(at, line)
        self.tree.write(table, b"\n".join(lines))
        self.say(table, f"{line.decode()!r} as line {at + 1}")

    def number_twice(self):
        table, row = self.a_row()
        if row:
            special = [row for row in self.tree.rows(table) if (row[1], row[3]) in TWICE]
            if special and self.random.randrange(3) == 0:
                row = self.random.choice(special)
            at, number, tag, _ = row
            at = self.random.choice([at, at + 1, self.tree.rows(table)[-1][0] + 1])
            self.insert(table, at, f"{number}\t{tag}\tmycall\tsys_mycall".encode())

    def name_twice(self):
        table, row = self.a_row()
        if row:
            at, _, tag, name = row
            number = self.number({number for _, number, _, _ in self.tree.rows(table)})
            at = self.random.choice([at, at + 1, self.tree.rows(table)[-1][0] + 1])
            self.insert(table, at, f"{number}\t{tag}\t{name}\tsys_{name}".encode())

    def conflict(self):
        table = self.random.choice(sorted(self.tree.tables) or [None])
        if table:
            lines = self.tree.read(table).count(b"\n")
            marker = self.random.choice(MARKERS)
            self.insert(table, self.random.randrange(lines), marker.rstrip())

    def half_row(self):
        table, row = self.a_row()
        if row:
            at, number, tag, _ = row
            lines = self.tree.read(table).split(b"\n")
            lines[at] = f"{number}\t{tag}".encode()
            cut = self.random.randrange(3) == 0
            self.tree.write(table, b"\n".join(lines[:at + 1] if cut else lines))
            self.say(table, f"two columns in line {at + 1}" + ", the last" * cut)

    def longer_tag(self):
        table, row = self.a_row(with_tags=True)
        if row:
            at, number, tag, name = row
            lines = self.tree.read(table).split(b"\n")
            longer = tag + self.random.choice(["2", "x", "_32"])
            lines[at] = lines[at].replace(tag.encode(), longer.encode(), 1)
            if str(number).startswith(tag):
                lines[at] = f"{number}\t{longer}\t{name}\tsys_{name}".encode()
            self.tree.write(table, b"\n".join(lines))
            self.say(table, f"the tag {longer} in line {at + 1}")

    def header_twice(self):
        if not self.generic():
            return
        data = self.tree.read(GENERIC)
        usual = rb"^#define __NR_\w+ (\d{1,3})\n__SYSCALL"
        number = self.random.choice(re.findall(usual, data, re.M))
        text = b"#define __NR_mycall " + number + b"\n__SYSCALL(__NR_mycall, sys_mycall)\n"
        at = data.index(b"#undef __NR_syscalls")
        self.tree.write(GENERIC, data[:at] + text + data[at:])
        self.say(GENERIC, f"__NR_mycall {number.decode()}, too")

    def header_name_twice(self):
        if not self.generic():
            return
        data = self.tree.read(GENERIC)
        name = self.random.choice(sorted(name for _, name in GENERIC_CALLS)).encode()
        at = data.index(b"#undef __NR_syscalls")
        again = b"#define __NR_" + name + b" 999\n"
        self.tree.write(GENERIC, data[:at] + again + data[at:])
        self.say(GENERIC, f"__NR_{name.decode()} again, as 999")

    def header_conflict(self):
        if self.generic():
            lines = self.tree.read(GENERIC).split(b"\n")
            # After these are calls that no architecture has any more.
            usual = re.compile(rb"#define __NR_\w+ \d{1,3}\b")
            starts = [at for at, line in enumerate(lines) if usual.match(line)]
            self.insert(GENERIC, self.random.choice(starts), self.random.choice(MARKERS).rstrip())


R = Round
HARMLESS = [
    R.delete, R.delete, R.empty, R.cut, R.cut, R.last_newline, R.symbol, R.symbol, R.definition,
    R.definition, R.endif, R.endif, R.odd_bytes, R.odd_file, R.table_bytes, R.table_end,
    R.table_comment,
    *[R.private_call] * 6,
]
DOUBTFUL = [
    R.number_twice, R.name_twice, R.conflict, R.half_row, R.longer_tag, R.header_twice,
    R.header_conflict, R.header_name_twice,
]


def imported(tool, tree, tables):
    """The exit status, and the standard error of the import."""
    command = [tool, "import", "--linux", tree.path, "--tables", tables]
    try:
        ended = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
        )
    except subprocess.TimeoutExpired:
        return "no end after 60 s", ""
    return ended.returncode, ended.stderr.decode(errors="replace")


def exported(tool, tables):
    command = [tool, "export", "tsv", "--header-names", "--tables", tables]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    fields = (line.split("\t") for line in text.splitlines())
    return [(abi, int(number), name) for abi, number, name, *_ in fields]


def some(rows):
    shown = [f"        {abi} {number} {name}" for abi, number, name in sorted(rows)[:20]]
    return shown + [f"        and {len(rows) - 20} more"] * (len(rows) > 20)


def harmless(tool, round, tables):
    """The errors after damage that removes no number."""
    for _ in range(round.random.choice([1, 1, 1, 2, 2, 3, 4])):
        round.random.choice(HARMLESS)(round)
    status, printed = imported(tool, round.tree, tables)
    if status != 0:
        return [f"    exit status {status}, expected 0"], printed
    rows, wrong = exported(tool, tables), []
    expected = round.unharmed | round.added
    twice = [row for row, count in Counter(rows).items() if count > 1]
    for what, found in [
        ("rows are missing", expected - set(rows)), ("rows are wrong", set(rows) - expected),
        ("rows come twice", twice),
    ]:
        if found:
            wrong += [f"    {len(found)} {what}:", *some(found)]
    for name, files in round.private.items():
        places = {
            f"{round.tree.at(file)}:{at}:" for file in files
            for at, line in enumerate(round.tree.read(file).decode("latin-1").split("\n"), 1)
            if re.match(rf"\d+\s+\w+\s+{name}\b|#define\s+__NR_{name}\s", line)
        }
        good = any(
            line.startswith("warning: ") and f": {name} (" in line and "private call" in line
            and line.split()[1] in places
            for line in printed.splitlines()
        )
        if files and not good:
            wrong.append(f"    no warning of the private call {name}, in {sorted(places)}")
    return wrong, printed


def doubtful(tool, round, tables):
    """The errors after damage that makes a number doubtful."""
    while not round.done:
        round.random.choice(DOUBTFUL)(round)
    status, printed = imported(tool, round.tree, tables)
    wrong = [] if status == 2 else [f"    exit status {status}, expected 2"]
    written = sorted(os.listdir(tables)) if os.path.isdir(tables) else []
    if written:
        wrong.append(f"    files were written: {', '.join(written)}")
        changed = set(exported(tool, tables)) ^ round.unharmed if status == 0 else set()
        if changed:
            wrong += ["    rows that differ:", *some(changed)]
    return wrong, printed


def check(tool, rounds, seed, original, facts):
    """A line for a tree; how many rounds failed."""
    started, failed = time.monotonic(), 0
    # Links of that length use a disk block each, and take a minute to create.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="damage.", dir=memory) as directory:
        tree = Tree(original, directory, facts)
        tables = os.path.join(directory, "tables")
        status, printed = imported(tool, tree, tables)
        if status != 0:
            print(f"{original}: the unharmed tree: exit status {status}\n{printed}")
            return 1
        unharmed = set(exported(tool, tables))
        counts = Counter()
        for own in range(seed, seed + rounds):
            for kind in (harmless, doubtful) if tree.tables else (harmless,):
                shutil.rmtree(tables)
                os.mkdir(tables)
                round = Round(f"{own} {kind.__name__}", tree, facts, unharmed)
                wrong, printed = kind(tool, round, tables)
                counts["private"] += len(round.private)
                if wrong:
                    failed += 1
                    print(f"{original}: seed {own} FAILED")
                    for line in round.done:
                        print(f"    {line}")
                    print("\n".join(wrong))
                    lines = [line for line in printed.splitlines() if line[:6] != "wrote "]
                    print("\n".join(f"    | {line}" for line in lines[:10] + lines[10:][-10:]))
                tree.restore()
    print(
        f"{os.path.basename(original)}: {len(unharmed)} rows, {rounds} rounds from seed {seed}, "
        f"{counts['private']} private calls, {failed} failed, {time.monotonic() - started:.0f} s"
    )
    return failed


def main():
    tool, rounds, seed, *trees = sys.argv[1:]
    print(f"seed {seed}")
    with open("tables/abis.toml", "rb") as file:
        facts = tomllib.load(file)
    failed = sum(check(tool, int(rounds), int(seed), tree, facts) for tree in trees)
    sys.exit(1 if failed else 0)


sys.stdout.reconfigure(line_buffering=True)
main()
