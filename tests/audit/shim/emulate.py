"""Runs functions of object files under an emulator, with a kernel that leaves nothing in the
registers that it may clobber.

Reads one job a line as JSON, and answers with one line each. A job names a section of an object,
which begins with the function; the section `.insn` there is the system-call instruction and nothing
else. The function finds its frame, an array of words, at FRAME, and ends with another system call
once `done` of the frame is not 0.

The emulator is Unicorn, and for other CPUs QEMU, controlled by GDB's protocol.
"""

import concurrent.futures
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

import unicorn
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from unicorn import arm64_const, arm_const, m68k_const, mips_const, ppc_const
from unicorn import riscv_const, s390x_const, sparc_const, x86_const

TEXT, FRAME, STACK, SIZE = 0x10000, 0x20000, 0x40000, 0x10000
BIG = unicorn.UC_MODE_BIG_ENDIAN


class Machine:
    """Unicorn's facts about the CPU of an object."""

    def __init__(
        self, arch, mode, module, prefix, stack, flags=None, model=None, spelling=str.upper
    ):
        self.arch, self.mode, self.model = arch, mode, model
        self.constants, self.prefix, self.spelling = module, prefix, spelling
        # The stack pointer, how far below the stack it points, and the register of the flags with
        # the bits that are flags.
        self.stack, self.bias, self.flags = stack, 0, flags

    def constant(self, name):
        return getattr(self.constants, f"{self.prefix}{self.spelling(name)}", None)


def number(name):
    """r3 or $3 is 3 to Unicorn, where it has no letters."""
    digits = name.lstrip("r$")
    return digits if digits.isdigit() else name.upper()


def mips(elf):
    """A processor for the version of the instruction set, which the ELF header has."""
    models = {7: "MIPS32_24KF", 8: "MIPS64_MIPS64R2_GENERIC"}
    models |= {9: "MIPS32_MIPS32R6_GENERIC", 10: "MIPS64_I6400"}
    return getattr(mips_const, f"UC_CPU_{models[elf['e_flags'] >> 28]}")


MACHINES = {
    "EM_X86_64": Machine(
        unicorn.UC_ARCH_X86, unicorn.UC_MODE_64, x86_const, "UC_X86_REG_", "rsp", ("eflags", 0x8D5)
    ),
    "EM_386": Machine(
        unicorn.UC_ARCH_X86, unicorn.UC_MODE_32, x86_const, "UC_X86_REG_", "esp", ("eflags", 0x8D5)
    ),
    "EM_ARM": Machine(
        unicorn.UC_ARCH_ARM,
        unicorn.UC_MODE_ARM,
        arm_const,
        "UC_ARM_REG_",
        "sp",
        ("cpsr", 0xF << 28),
    ),
    "EM_AARCH64": Machine(
        unicorn.UC_ARCH_ARM64,
        unicorn.UC_MODE_ARM,
        arm64_const,
        "UC_ARM64_REG_",
        "sp",
        ("nzcv", 0xF << 28),
    ),
    "EM_RISCV": Machine(unicorn.UC_ARCH_RISCV, None, riscv_const, "UC_RISCV_REG_", "sp"),
    "EM_MIPS": Machine(
        unicorn.UC_ARCH_MIPS, None, mips_const, "UC_MIPS_REG_", "sp", None, mips, spelling=number
    ),
    "EM_PPC": Machine(
        unicorn.UC_ARCH_PPC, unicorn.UC_MODE_PPC32, ppc_const, "UC_PPC_REG_", "r1", spelling=number
    ),
    "EM_S390": Machine(
        unicorn.UC_ARCH_S390X, 0, s390x_const, "UC_S390X_REG_", "r15", ("pswm", 3 << 44)
    ),
    "EM_SPARC": Machine(
        unicorn.UC_ARCH_SPARC,
        unicorn.UC_MODE_SPARC32,
        sparc_const,
        "UC_SPARC_REG_",
        "sp",
        ("psr", 0xF << 20),
    ),
    "EM_68K": Machine(
        unicorn.UC_ARCH_M68K,
        0,
        m68k_const,
        "UC_M68K_REG_",
        "a7",
        ("sr", 0x1F),
        lambda elf: m68k_const.UC_CPU_M68K_M68020,
    ),
}
WIDTHS = {
    "EM_RISCV": (unicorn.UC_MODE_RISCV32, unicorn.UC_MODE_RISCV64),
    "EM_MIPS": (unicorn.UC_MODE_MIPS32, unicorn.UC_MODE_MIPS64),
}


def loongarch(name):
    """$a0 and $t0 are r4 and r12 to GDB."""
    first = {"$a": 4, "$t": 12}.get(name[:2])
    return name if first is None else f"r{first + int(name[2:])}"


def sparc(bits):
    """Offset and length of registers that are missing from QEMU's description."""
    width = bits // 8
    general = [f"{kind}{at}" for kind in "goli" for at in range(8)]
    floating = [(f"f{at}", 4) for at in range(32)]
    if bits == 64:
        floating += [(f"f{at}", 8) for at in range(32, 64, 2)]
        others = ["pc", "npc", "state"]
    else:
        others = ["y", "psr", "wim", "tbr", "pc", "npc"]
    layout, offset = {}, 0
    general, others = ([(name, width) for name in names] for names in (general, others))
    for name, length in general + floating + others:
        layout[name] = offset, length
        offset += length
    return layout


class Guest:
    """QEMU's facts about the CPU of an object."""

    def __init__(
        self,
        command,
        stack,
        flags=None,
        spelling=lambda name: name,
        layout=None,
        bias=0,
        numbers=None,
    ):
        self.command, self.stack, self.flags, self.spelling = command, stack, flags, spelling
        self.layout, self.bias, self.numbers = layout, bias, numbers


GUESTS = {
    ("EM_ARM", "big"): Guest("qemu-armeb", "sp", ("cpsr", 0xF << 28)),
    # Debian's QEMU leaves its description of these registers out.
    ("EM_LOONGARCH", "little"): Guest(
        "qemu-loongarch64",
        "r3",
        spelling=loongarch,
        numbers={f"r{at}": at for at in range(32)} | {"pc": 33},
    ),
    ("EM_PPC64", "big"): Guest("qemu-ppc64", "r1"),
    ("EM_PPC64", "little"): Guest("qemu-ppc64le", "r1"),
    ("EM_RISCV", "little"): Guest("qemu-riscv64 -cpu rv64,v=true,vext_spec=v1.0", "sp"),
    ("EM_SPARCV9", "big"): Guest(
        "qemu-sparc64", "o6", ("state", 0xFF << 32), layout=sparc(64), bias=2047
    ),
    ("EM_SPARC32PLUS", "big"): Guest(
        "qemu-sparc32plus", "o6", ("psr", 0xF << 20), layout=sparc(32)
    ),
}

# What tells a failure: a register, and the bits there. A 64-bit SPARC's kernel sets the carry of
# both widths (arch/sparc/kernel/syscalls.S).
CONDITIONS = {
    "cr0.so": ("cr0", 1),
    "icc.c": ("psr", 1 << 20),
    "xcc.c": ("state", 1 << 36 | 1 << 32),
}

# Clobbered registers that hold 0 before and after (riscv_v_vstate_discard of
# arch/riscv/include/asm/vector.h).
ZERO = ["vstart"]

# How an instruction calls a function: machine and type of the relocation, to the bits of the
# instruction that it fills.
CALLS = {
    ("EM_MIPS", 4): lambda at, to: (0x3FFFFFF, to >> 2),
    ("EM_SPARC32PLUS", 7): lambda at, to: (0x3FFFFFFF, (to - at) >> 2),
    ("EM_SPARCV9", 7): lambda at, to: (0x3FFFFFFF, (to - at) >> 2),
}


class Unknown(Exception):
    """Unicorn cannot do what is asked for."""


def link(elf, machine, start, order):
    """The code of an object, its section `start` first."""
    code = [
        section for section in elf.iter_sections() if section["sh_flags"] & 4 and section.data_size
    ]
    code.sort(key=lambda section: section.name != start)
    memory, places = bytearray(), {}
    for section in code:
        places[section.name] = len(memory)
        memory += section.data() + bytes(-section.data_size % 16)
    symbols = elf.get_section_by_name(".symtab")
    for relocations in elf.iter_sections():
        if not isinstance(relocations, RelocationSection):
            continue
        section = elf.get_section(relocations["sh_info"])
        if section.name not in places or (
            section.name.startswith(".text.run") and section.name != start
        ):
            continue
        for relocation in relocations.iter_relocations():
            symbol = symbols.get_symbol(relocation["r_info_sym"])
            if symbol.name == "abort":
                # Stands behind the last system call, which does not return.
                continue
            call = CALLS.get((machine, relocation["r_info_type"]))
            assert call, f"{start} needs a linker: type {relocation['r_info_type']}, {symbol.name}"
            at = places[section.name] + relocation["r_offset"]
            to = places[elf.get_section(symbol["st_shndx"]).name] + symbol["st_value"]
            mask, bits = call(TEXT + at, TEXT + to)
            word = int.from_bytes(memory[at : at + 4], order) & ~mask | bits & mask
            memory[at : at + 4] = word.to_bytes(4, order)
    return bytes(memory)


class Unicorn:
    """An emulated CPU in this process."""

    def __init__(self, elf, code, thumb):
        name, order = elf["e_machine"], "little" if elf.little_endian else "big"
        self.machine = MACHINES[name]
        mode = self.machine.mode
        if mode is None:
            mode = WIDTHS[name][elf.elfclass == 64]
        self.thumb = thumb
        mode |= (BIG if order == "big" else 0) | (unicorn.UC_MODE_THUMB if thumb else 0)
        self.unicorn = unicorn.Uc(self.machine.arch, mode)
        if self.machine.model:
            self.unicorn.ctl_set_cpu_model(self.machine.model(elf))
        for start in (TEXT, FRAME, STACK):
            self.unicorn.mem_map(start, SIZE)
        self.unicorn.mem_write(TEXT, code)
        self.memory_read, self.memory_write = self.unicorn.mem_read, self.unicorn.mem_write
        self.stopped = []

    def has(self, name):
        return self.machine.constant(name) is not None

    def read(self, name):
        return self.unicorn.reg_read(self.machine.constant(name))

    def write(self, name, value):
        self.unicorn.reg_write(self.machine.constant(name), value)

    def stop_at(self, site):
        def stop(machine, address, size, data):
            self.stopped.append(address)
            machine.emu_stop()

        self.unicorn.hook_add(unicorn.UC_HOOK_CODE, stop, begin=site, end=site)

    def go(self, at):
        self.stopped.clear()
        try:
            self.unicorn.emu_start(at | self.thumb, TEXT + SIZE - 4, count=100000)
        except unicorn.UcError as error:
            raise Stuck(str(error))
        if not self.stopped:
            raise Stuck("it comes to no other")
        return self.stopped[0]

    def close(self):
        pass


class Qemu:
    """An emulated CPU in a separate process, controlled by GDB's protocol."""

    def __init__(self, elf, code, thumb):
        self.order = "little" if elf.little_endian else "big"
        self.machine = GUESTS[elf["e_machine"], self.order]
        command, *arguments = self.machine.command.split()
        if not shutil.which(command) and not shutil.which(f"{command}-static"):
            raise Unknown(f"{command} is not installed")
        command = shutil.which(command) or shutil.which(f"{command}-static")
        self.directory = tempfile.TemporaryDirectory()
        program, path = f"{self.directory.name}/program", f"{self.directory.name}/gdb"
        with open(program, "wb") as file:
            file.write(executable(elf, code, self.order))
        os.chmod(program, 0o700)
        self.process = subprocess.Popen(
            [command, *arguments, "-g", path, program], stderr=subprocess.PIPE
        )
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 60
        while self.socket.connect_ex(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Unknown(
                    f"{command} does not start: {self.process.stderr.read().decode()[:200]}"
                )
            time.sleep(0.01)
        self.socket.settimeout(10)
        self.buffer = b""
        self.numbers, self.layout = self.machine.numbers or {}, self.machine.layout or {}
        if not self.layout:
            # It reads and writes single registers only for who has asked for their description.
            self.describe("target.xml", 0)

    def describe(self, name, number):
        """Numbers of the registers, from QEMU's description."""
        text = ""
        while True:
            answer = self.ask(f"qXfer:features:read:{name}:{len(text):x},ffb")
            text += answer[1:]
            if answer[0] == "l":
                break
        for tag in re.findall(r"<(?:xi:include|reg) [^>]*>", text):
            fields = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            if "href" in fields:
                number = (
                    self.describe(fields["href"], number) if not self.machine.numbers else number
                )
            else:
                number = int(fields.get("regnum", number))
                self.numbers[fields["name"]] = number
                number += 1
        return number

    def ask(self, text):
        data = text.encode()
        self.socket.sendall(b"$%b#%02x" % (data, sum(data) & 255))
        while not (found := re.search(rb"\$([^#]*)#..", self.buffer, re.S)):
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                more = b""
            if not more:
                raise Stuck("it comes to no other")
            self.buffer += more
        self.buffer = self.buffer[found.end() :]
        self.socket.sendall(b"+")
        plain = re.sub(
            rb"}(.)", lambda escaped: bytes([escaped[1][0] ^ 0x20]), found[1], flags=re.S
        )
        return plain.decode("latin-1")

    def memory_read(self, address, length):
        parts = [(at, min(1024, length - at)) for at in range(0, length, 1024)]
        return b"".join(
            bytes.fromhex(self.ask(f"m{address + at:x},{size:x}")) for at, size in parts
        )

    def memory_write(self, address, data):
        for at in range(0, len(data), 1024):
            part = data[at : at + 1024]
            assert self.ask(f"M{address + at:x},{len(part):x}:{part.hex()}") == "OK"

    def field(self, name):
        """A field of the condition register is four bits of it."""
        if re.fullmatch("cr[0-7]", name) and "cr" in self.numbers:
            return 28 - 4 * int(name[2])
        return None

    def has(self, name):
        return self.field(name) is not None or self.machine.spelling(name) in {
            **self.numbers,
            **self.layout,
        }

    def bytes_of(self, name):
        if name in self.layout:
            offset, length = self.layout[name]
            return bytes.fromhex(self.ask("g"))[offset : offset + length]
        return bytes.fromhex(self.ask(f"p{self.numbers[self.machine.spelling(name)]:x}"))

    def read(self, name):
        if (shift := self.field(name)) is not None:
            return self.read("cr") >> shift & 15
        return int.from_bytes(self.bytes_of(name), self.order)

    def write(self, name, value):
        if (shift := self.field(name)) is not None:
            self.write("cr", self.read("cr") & ~(15 << shift) | (value & 15) << shift)
            return
        width = len(self.bytes_of(name))
        # A register of vectors is full of it.
        value |= value << 64
        data = (value & ((1 << width * 8) - 1)).to_bytes(width, self.order)
        if name in self.layout:
            everything = bytearray.fromhex(self.ask("g"))
            offset, _ = self.layout[name]
            everything[offset : offset + width] = data
            answer = self.ask(f"G{everything.hex()}")
        else:
            answer = self.ask(f"P{self.numbers[self.machine.spelling(name)]:x}={data.hex()}")
        assert answer == "OK", f"QEMU does not let {name} be written: {answer}"

    def stop_at(self, site):
        assert self.ask(f"Z0,{site:x},4") == "OK"

    def go(self, at):
        self.write("pc", at)
        if "npc" in self.layout:
            self.write("npc", at + 4)
        answer = self.ask("c")
        if not answer.startswith("T05"):
            raise Stuck(f"it stops with {answer}")
        return self.read("pc")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.socket.close()
        self.directory.cleanup()


def executable(elf, code, order):
    """A program of the code, the frame and the stack."""
    sign, wide = "<" if order == "little" else ">", elf.elfclass == 64
    header, entry = (64, 56) if wide else (52, 32)
    parts = [(TEXT, code.ljust(SIZE, b"\0"), 5), (FRAME, bytes(SIZE), 6), (STACK, bytes(SIZE), 6)]
    table, data, start = b"", b"", SIZE
    for address, content, may in parts:
        if wide:
            fields = (1, may, start + len(data), address, address, SIZE, SIZE, SIZE)
        else:
            fields = (1, start + len(data), address, address, SIZE, SIZE, may, SIZE)
        table += struct.pack(sign + ("IIQQQQQQ" if wide else "8I"), *fields)
        data += content
    ident = bytes(elf.e_ident_raw[:16])
    machine = struct.pack(
        sign + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
        *(
            2,
            elf.machine_number,
            1,
            TEXT,
            header,
            0,
            elf["e_flags"],
            header,
            entry,
            len(parts),
            0,
            0,
            0,
        ),
    )
    return (ident + machine + table).ljust(SIZE, b"\0") + data


class Stuck(Exception):
    """The function does not come to its end."""


class Run:
    """One function on one emulated CPU, with values in clobbered registers."""

    def __init__(self, job):
        with open(job["object"], "rb") as file:
            elf = ELFFile(file)
            file.seek(0)
            elf.e_ident_raw = file.read(20)
            self.order = "little" if elf.little_endian else "big"
            elf.machine_number = int.from_bytes(elf.e_ident_raw[18:20], self.order)
            self.bytes = elf.elfclass // 8
            name = elf["e_machine"]
            self.instruction = elf.get_section_by_name(".insn").data()
            self.text = link(elf, name, job["section"], self.order)
            extensions = (
                elf.get_section_by_name(".riscv.attributes").data() if name == "EM_RISCV" else b""
            )
            vectors = b"_v1p0" in extensions
            if b"_zicond" in extensions:
                raise Unknown("QEMU 7.2 does not have all extensions of RVA23")
            if name in MACHINES and not vectors and (name, self.order) != ("EM_ARM", "big"):
                kind = Unicorn
            elif (name, self.order) in GUESTS:
                kind = Qemu
            else:
                raise Unknown(
                    f"no emulator for {self.order}-endian {name}, "
                    "or none that lets registers be written"
                )
            self.machine = kind(elf, self.text, job["thumb"])
        self.width = 8 if name == "EM_X86_64" else self.bytes
        self.step = 1 if name in ("EM_X86_64", "EM_386") else 2
        self.stack = self.machine.machine.stack
        self.flags = self.machine.machine.flags
        self.job, self.poison = job, job["poison"]
        self.poisoned, self.skipped, self.wrong, self.calls = set(), {}, [], 0
        self.machine.memory_write(
            FRAME, b"".join(word.to_bytes(self.bytes, self.order) for word in job["frame"])
        )
        self.write(self.stack, STACK + SIZE // 2 - self.machine.machine.bias)

    def at(self, address):
        return int.from_bytes(self.machine.memory_read(address, self.bytes), self.order)

    def read(self, name):
        return self.machine.read(name) & ((1 << self.width * 8) - 1)

    def write(self, name, value):
        self.machine.write(name, value & ((1 << self.width * 8) - 1))

    def flip(self, name, bits, value=None):
        """Changes bits of a register to a value, or to what they are not."""
        old = self.machine.read(name)
        new = old ^ bits if value is None else old | bits if value else old & ~bits
        self.machine.write(name, new)
        assert self.machine.read(name) & bits == new & bits, f"{name} cannot be written"

    def sites(self):
        """Where the function makes a system call."""
        at = 0
        while (at := self.text.find(self.instruction, at)) >= 0:
            if at % self.step == 0:
                yield TEXT + at
            at += 1

    def kernel(self):
        """Checks what came, and clobbers what the contract lets it."""
        self.calls += 1
        for name, value in [self.job["number"], *self.job["arguments"]]:
            found = self.read(name)
            if found != value:
                self.wrong.append(f"{name} arrives as {found:#x}, and not as {value:#x}")
        if self.job["stacked"]:
            first, values = self.job["stacked"]
            for at, value in enumerate(values):
                found = self.at(self.read(self.stack) + first + at * self.bytes)
                if found != value:
                    self.wrong.append(f"argument {at} in memory is {found:#x}, and not {value:#x}")
        for at, name in enumerate(self.job["clobbered"]):
            if name in ZERO:
                self.skipped[name] = "it becomes 0, for which all code takes it"
            elif self.machine.has(name):
                self.write(name, self.poison ^ at)
                self.poisoned.add(name)
            else:
                self.skipped[name] = "the emulator shows no such register"
        if self.job["flags"]:
            if self.flags is None:
                self.skipped["flags"] = (
                    "the emulator shows no such register, or they have names of their own"
                )
            else:
                self.flip(*self.flags)
                self.poisoned.add("flags")
        for name, value in self.job["results"]:
            self.write(name, value)
        if self.job["condition"]:
            name, value = self.job["condition"]
            self.flip(*CONDITIONS[name], value)

    def run(self):
        sites = list(self.sites())
        assert len(sites) >= 2, f"{len(sites)} system calls in the function"
        for site in sites:
            self.machine.stop_at(site)
        at = TEXT
        # A loop whose counter is clobbered may never end.
        for _ in range(100):
            try:
                stopped = self.machine.go(at)
            except Stuck as error:
                self.wrong.append(f"after {self.calls} calls: {error}")
                return
            if self.at(FRAME + self.job["done"] * self.bytes):
                break
            self.kernel()
            at = stopped + len(self.instruction)
        memory = self.machine.memory_read(FRAME, len(self.job["expected"]) * self.bytes)
        for at, (name, value) in enumerate(self.job["expected"]):
            found = int.from_bytes(memory[at * self.bytes : (at + 1) * self.bytes], self.order)
            if found != value:
                self.wrong.append(f"{name} is {found:#x} instead of {value:#x}")
        if self.calls != self.job["calls"]:
            self.wrong.append(f"{self.calls} calls instead of {self.job['calls']}")


def answer(line):
    try:
        run = Run(json.loads(line))
        try:
            run.run()
        finally:
            run.machine.close()
        return {
            "unknown": None,
            "poisoned": sorted(run.poisoned),
            "skipped": run.skipped,
            "wrong": run.wrong,
        }
    except Unknown as error:
        return {"unknown": str(error), "poisoned": [], "skipped": {}, "wrong": []}


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for each in pool.map(answer, sys.stdin.readlines()):
            print(json.dumps(each), flush=True)
