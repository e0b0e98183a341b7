"""Runs object files under Unicorn, with a kernel that leaves nothing in the registers that it may destroy.

Reads one job a line as JSON, and answers with one line each. A job names a section of an object, which begins with the
function; the section `.insn` there is the system-call instruction and nothing else. The function finds its frame,
an array of words, at FRAME, and ends with another system call once `done` of the frame is not 0.
"""

import json
import sys

import unicorn
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from unicorn import arm64_const, arm_const, m68k_const, mips_const, ppc_const, riscv_const, s390x_const, sparc_const, x86_const

TEXT, FRAME, STACK, SIZE = 0x10000, 0x20000, 0x40000, 0x10000
BIG = unicorn.UC_MODE_BIG_ENDIAN


class Machine:
    """What Unicorn has for the machine of an object."""

    def __init__(self, arch, mode, module, prefix, stack, flags=None, model=None, spelling=str.upper):
        self.arch, self.mode, self.model = arch, mode, model
        self.constants, self.prefix, self.spelling = module, prefix, spelling
        # The stack pointer, and the register of the flags with the bits that are flags.
        self.stack, self.flags = stack, flags

    def constant(self, name):
        return getattr(self.constants, f"{self.prefix}{self.spelling(name)}", None)


def number(name):
    """r3 or $3 is 3 to Unicorn, where it has no letters."""
    digits = name.lstrip("r$")
    return digits if digits.isdigit() else name.upper()


def mips(elf):
    """A processor for the version of the instruction set, which the ELF header has."""
    models = {7: "MIPS32_24KF", 8: "MIPS64_MIPS64R2_GENERIC", 9: "MIPS32_MIPS32R6_GENERIC", 10: "MIPS64_I6400"}
    return getattr(mips_const, f"UC_CPU_{models[elf['e_flags'] >> 28]}")


MACHINES = {
    "EM_X86_64": Machine(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64, x86_const, "UC_X86_REG_", "rsp", ("eflags", 0x8D5)),
    "EM_386": Machine(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32, x86_const, "UC_X86_REG_", "esp", ("eflags", 0x8D5)),
    "EM_ARM": Machine(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_ARM, arm_const, "UC_ARM_REG_", "sp", ("cpsr", 0xF << 28)),
    "EM_AARCH64": Machine(
        unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM, arm64_const, "UC_ARM64_REG_", "sp", ("nzcv", 0xF << 28)
    ),
    "EM_RISCV": Machine(unicorn.UC_ARCH_RISCV, None, riscv_const, "UC_RISCV_REG_", "sp"),
    "EM_MIPS": Machine(unicorn.UC_ARCH_MIPS, None, mips_const, "UC_MIPS_REG_", "sp", None, mips, spelling=number),
    "EM_PPC": Machine(unicorn.UC_ARCH_PPC, unicorn.UC_MODE_PPC32, ppc_const, "UC_PPC_REG_", "r1", spelling=number),
    "EM_PPC64": Machine(unicorn.UC_ARCH_PPC, unicorn.UC_MODE_PPC64, ppc_const, "UC_PPC_REG_", "r1", spelling=number),
    "EM_S390": Machine(unicorn.UC_ARCH_S390X, 0, s390x_const, "UC_S390X_REG_", "r15", ("pswm", 3 << 44)),
    "EM_SPARC": Machine(unicorn.UC_ARCH_SPARC, unicorn.UC_MODE_SPARC32, sparc_const, "UC_SPARC_REG_", "sp", ("psr", 0xF << 20)),
    "EM_SPARCV9": Machine(unicorn.UC_ARCH_SPARC, unicorn.UC_MODE_SPARC64, sparc_const, "UC_SPARC_REG_", "sp"),
    "EM_68K": Machine(
        unicorn.UC_ARCH_M68K, 0, m68k_const, "UC_M68K_REG_", "a7", ("sr", 0x1F), lambda elf: m68k_const.UC_CPU_M68K_M68020
    ),
}
WIDTHS = {
    "EM_RISCV": (unicorn.UC_MODE_RISCV32, unicorn.UC_MODE_RISCV64),
    "EM_MIPS": (unicorn.UC_MODE_MIPS32, unicorn.UC_MODE_MIPS64),
}


# What tells a failure: a register, and the bit there.
CONDITIONS = {"cr0.so": ("cr0", 1), "icc.c": ("psr", 1 << 20), "xcc.c": ("xcc", 1)}

# How an instruction calls a function: machine and type of the relocation, to the bits of the instruction that it fills.
CALLS = {
    ("EM_MIPS", 4): lambda at, to: (0x3FFFFFF, to >> 2),
    ("EM_SPARC", 7): lambda at, to: (0x3FFFFFFF, (to - at) >> 2),
    ("EM_SPARCV9", 7): lambda at, to: (0x3FFFFFFF, (to - at) >> 2),
}


class Unknown(Exception):
    """Unicorn cannot do what is asked for."""


def link(elf, machine, start, order):
    """The code of an object, its section `start` first."""
    code = [section for section in elf.iter_sections() if section["sh_flags"] & 4 and section.data_size]
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
        if section.name not in places or (section.name.startswith(".text.run") and section.name != start):
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


class Run:
    """One function on one machine, with something in the registers that the kernel destroys."""

    def __init__(self, job):
        with open(job["object"], "rb") as file:
            elf = ELFFile(file)
            self.order = "little" if elf.little_endian else "big"
            self.bytes = elf.elfclass // 8
            name = elf["e_machine"]
            self.machine = MACHINES.get(name)
            if self.machine is None:
                raise Unknown(f"Unicorn has no {name}")
            if name == "EM_RISCV" and b"_v1p0" in elf.get_section_by_name(".riscv.attributes").data():
                raise Unknown("Unicorn's RISC-V has no vector registers, and this target's code uses them")
            model = self.machine.model and self.machine.model(elf)
            self.instruction = elf.get_section_by_name(".insn").data()
            self.text = link(elf, name, job["section"], self.order)
        self.width = 8 if name == "EM_X86_64" else self.bytes
        mode = self.machine.mode
        if mode is None:
            mode = WIDTHS[name][self.bytes == 8]
        self.thumb = job["thumb"]
        mode |= (BIG if self.order == "big" else 0) | (unicorn.UC_MODE_THUMB if self.thumb else 0)
        try:
            self.unicorn = unicorn.Uc(self.machine.arch, mode)
        except unicorn.UcError as error:
            raise Unknown(f"Unicorn has no {self.order}-endian {name}: {error}")
        if model is not None:
            self.unicorn.ctl_set_cpu_model(model)
        self.job, self.poison = job, job["poison"]
        self.poisoned, self.skipped, self.wrong, self.calls = set(), {}, [], 0
        for start in (TEXT, FRAME, STACK):
            self.unicorn.mem_map(start, SIZE)
        self.unicorn.mem_write(TEXT, self.text)
        self.write_frame(job["frame"])
        self.write(self.machine.stack, STACK + SIZE // 2)

    def write_frame(self, words):
        self.unicorn.mem_write(FRAME, b"".join(word.to_bytes(self.bytes, self.order) for word in words))

    def at(self, address):
        return int.from_bytes(self.unicorn.mem_read(address, self.bytes), self.order)

    def word(self, index):
        return self.at(FRAME + index * self.bytes)

    def read(self, name):
        return self.unicorn.reg_read(self.machine.constant(name)) & ((1 << self.width * 8) - 1)

    def write(self, name, value):
        self.unicorn.reg_write(self.machine.constant(name), value & ((1 << self.width * 8) - 1))

    def flip(self, name, bits, value=None):
        """Changes bits of a register to a value, or to what they are not."""
        constant = self.machine.constant(name)
        old = self.unicorn.reg_read(constant)
        new = old ^ bits if value is None else old | bits if value else old & ~bits
        self.unicorn.reg_write(constant, new)
        assert self.unicorn.reg_read(constant) & bits == new & bits, f"Unicorn does not let {name} be written"

    def sites(self):
        """Where the function makes a system call."""
        step, at = 1 if self.machine.arch == unicorn.UC_ARCH_X86 else 2, 0
        while (at := self.text.find(self.instruction, at)) >= 0:
            if at % step == 0:
                yield TEXT + at
            at += 1

    def kernel(self):
        """Looks at what came, and destroys what the contract lets it."""
        self.calls += 1
        for name, value in [self.job["number"], *self.job["arguments"]]:
            found = self.read(name)
            if found != value:
                self.wrong.append(f"{name} arrives as {found:#x}, and not as {value:#x}")
        if self.job["stacked"]:
            first, values = self.job["stacked"]
            for at, value in enumerate(values):
                found = self.at(self.read(self.machine.stack) + first + at * self.bytes)
                if found != value:
                    self.wrong.append(f"argument {at} in memory is {found:#x}, and not {value:#x}")
        for at, name in enumerate(self.job["destroyed"]):
            if self.machine.constant(name) is None:
                self.skipped[name] = "Unicorn has no such register"
            else:
                self.write(name, self.poison ^ at)
                self.poisoned.add(name)
        if self.job["flags"]:
            if self.machine.flags is None:
                self.skipped["flags"] = "Unicorn has no such register"
            else:
                self.flip(*self.machine.flags)
                self.poisoned.add("flags")
        for name, value in self.job["results"]:
            self.write(name, value)
        if self.job["condition"]:
            name, value = self.job["condition"]
            self.flip(*CONDITIONS[name], value)

    def run(self):
        sites = list(self.sites())
        assert len(sites) >= 2, f"{len(sites)} system calls in the function"
        stopped = []

        def stop(machine, address, size, data):
            stopped.append(address)
            machine.emu_stop()

        for site in sites:
            self.unicorn.hook_add(unicorn.UC_HOOK_CODE, stop, begin=site, end=site)
        at = TEXT
        # A loop whose counter is destroyed may never end.
        for _ in range(100):
            stopped.clear()
            try:
                self.unicorn.emu_start(at | self.thumb, TEXT + SIZE - 4, count=100000)
            except unicorn.UcError as error:
                self.wrong.append(f"after {self.calls} calls: {error}")
                return
            if not stopped:
                self.wrong.append(f"after {self.calls} calls it comes to no other")
                return
            if self.word(self.job["done"]):
                break
            self.kernel()
            at = stopped[0] + len(self.instruction)
        for at, (name, value) in enumerate(self.job["expected"]):
            if self.word(at) != value:
                self.wrong.append(f"{name} is {self.word(at):#x} in place of {value:#x}")
        if self.calls != self.job["calls"]:
            self.wrong.append(f"{self.calls} calls in place of {self.job['calls']}")


for line in sys.stdin:
    answer = {"unknown": None, "poisoned": [], "skipped": {}, "wrong": []}
    try:
        run = Run(json.loads(line))
        run.run()
        answer.update(poisoned=sorted(run.poisoned), skipped=run.skipped, wrong=run.wrong)
    except Unknown as error:
        answer["unknown"] = str(error)
    print(json.dumps(answer), flush=True)
