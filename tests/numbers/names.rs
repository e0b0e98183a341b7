//! What others call an ABI, against those who call it so.

use aio_codegen::Tables;
use aio_sys::Abi;
use aio_tests::{CCompiler, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What a program prints, if it is there and succeeds.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_name_means_one_abi() {
    let mut meant = BTreeMap::new();
    for abi in &Tables::embedded().unwrap().abis {
        for name in abi.names.iter().chain([&abi.name]) {
            assert_eq!(meant.insert(name.to_lowercase(), &abi.name), None, "{name} twice");
            for text in [name.to_owned(), format!("SCMP_ARCH_{}", name.to_uppercase())] {
                assert_eq!(Abi::from_name(&text).map(Abi::as_str), Some(&*abi.name), "{text}");
            }
        }
    }
    for text in [
        "",
        "-",
        "SCMP_ARCH_",
        "qemu-",
        "x86_65",
        "amd64 ",
        "mips64n64",
        "é",
        "qemu--static",
        "-static",
        "arm-static",
        "SCMP_ARCH_ARM-static",
    ] {
        assert_eq!(Abi::from_name(text), None, "{text}");
    }
    for (text, abi) in [
        ("qemu-aarch64-static", Abi::Aarch64),
        ("QEMU-MIPSN32EL-STATIC", Abi::MipsN32),
        ("AARCH64-UNKNOWN-LINUX-GNU", Abi::Aarch64),
        ("X86_64-Linux-GNUx32", Abi::X32),
        ("AMD64-LINUX-GNU", Abi::X86_64),
        ("sparcv9-linux-gnu", Abi::Sparc64),
        ("riscv", Abi::Riscv32),
    ] {
        assert_eq!(Abi::from_name(text), Some(abi), "{text}");
    }
}

#[test]
fn an_unknown_name_has_a_near_one() {
    for (text, near) in [
        ("x86_46", Some("x86_64")),
        ("arm46", Some("arm64")),
        ("SCMP_ARCH_MIPSLE64", Some("mipsel64")),
        ("qemu-ppc64lee", Some("ppc64le")),
        ("vax", None),
        ("", None),
        ("a text that is longer than the name of any architecture", None),
    ] {
        let message = text.parse::<Abi>().unwrap_err().to_string();
        let hint = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        let expected = format!("unknown ABI{hint}; expected one of x86_64, x32, ");
        assert!(message.starts_with(&expected), "{text}: {message}");
    }
}

#[test]
fn the_kernel_s_name_for_this_machine_is_its_abi() {
    let Some(machine) = printed("uname", &["-m"]) else { return skip("uname -m", "no uname") };
    let abi: Abi = machine.trim().parse().unwrap();
    // A 32-bit program on a 64-bit kernel gets the kernel's name.
    let same = Abi::TARGET.audit_archs().iter().any(|ours| abi.audit_archs().contains(ours));
    assert!(same || abi.bits() == 64 && Abi::TARGET.bits() == 32, "{machine} is {abi}");
}

#[test]
fn dpkg_s_architectures_are_their_triplets_abis() {
    let Some(list) = printed("dpkg-architecture", &["-L"]) else {
        return skip("dpkg's architectures", "no dpkg-architecture");
    };
    let mut unlike = BTreeSet::new();
    let mut compared = 0;
    // Ports to other kernels, and with other C libraries, have a prefix.
    for arch in list.lines().filter(|arch| !arch.contains('-')) {
        let triplet = printed("dpkg-architecture", &["-a", arch, "-q", "DEB_HOST_GNU_TYPE"]);
        let triplet = triplet.unwrap();
        match (Abi::of(triplet.trim()), Abi::from_name(arch)) {
            (Some(abi), Some(named)) if abi == named => compared += 1,
            (abi, named) => assert!(unlike.insert((arch, abi, named))),
        }
    }
    // What Linux does not have any more, and ILP32, which it never had.
    let gone = ["arm64ilp32", "avr32", "m32r", "tilegx"].map(|arch| (arch, None, None));
    // Debian's first ARM ports were OABI; everybody else means EABI.
    let arm = ["arm", "armeb"].map(|arch| (arch, Some(Abi::ArmOabi), Some(Abi::Arm)));
    unlike.retain(|unlike| !gone.contains(unlike));
    assert!(unlike.iter().eq(&arm), "{unlike:?}");
    assert!(compared > 35, "only {compared} architectures");
}

#[test]
fn rustc_s_architectures_are_their_targets_abis() {
    let list = printed("rustc", &["--print", "target-list"]).expect("rustc runs");
    let (mut compared, mut unnamed) = (0, BTreeSet::new());
    for target in list.lines().filter(|target| target.contains("-linux-")) {
        let (arch, _) = target.split_once('-').unwrap();
        let Some(abi) = Abi::of(target) else {
            // The kernel has neither.
            let none = ["-linux-gnu_ilp32", "-wali-linux-musl"];
            assert!(none.iter().any(|none| target.ends_with(none)), "{target} has no ABI");
            continue;
        };
        let Some(of_arch) = Abi::from_name(arch) else {
            unnamed.insert(arch);
            continue;
        };
        // `x86_64` alone is not x32.
        assert!(of_arch == abi || abi == Abi::X32 || abi == Abi::MipsN32, "{target} is {abi}");
        compared += 1;
    }
    assert!(compared > 50, "only {compared} targets");
    // With the version of a processor, which is nobody's name of an architecture.
    let versions = ["armv", "thumbv", "mipsisa", "riscv32", "riscv64"];
    unnamed.retain(|arch| !versions.iter().any(|version| arch.starts_with(version)));
    assert_eq!(unnamed, BTreeSet::new());
}

/// The values of the tables are the C compiler's, and each name means the ABI that has its value.
#[test]
fn the_c_compiler_s_audit_h_agrees() {
    let what = "linux/audit.h";
    let Some(cc) = CCompiler::find() else { return skip(what, "no C compiler") };
    let mut asserts = String::from("#include <linux/audit.h>\n");
    let mut compared = BTreeSet::new();
    let tables = Tables::embedded().unwrap();
    for (abi, known) in Abi::ALL.iter().zip(&tables.abis) {
        assert!(abi.audit_archs().iter().map(|audit| audit.name()).eq(&known.audit), "{abi}");
        for audit in abi.audit_archs() {
            // A system's headers may be older than loongarch.
            let (name, value) = (audit.name(), audit.value());
            let known = name.split('|').next().unwrap();
            asserts += &format!(
                "#ifdef {known}\n_Static_assert(({name}) == {value:#x}u, \"{name}\");\n\
                 _Static_assert((({name}) & 0xffff) == {}, \"{name}\");\n\
                 _Static_assert(!!(({name}) & __AUDIT_ARCH_LE) == {}, \"{name}\");\n#endif\n",
                audit.machine(),
                u8::from(audit.is_little_endian()),
            );
            compared.insert(name);
            let first = Abi::ALL.iter().find(|abi| abi.audit_archs().contains(audit));
            if !name.contains('|') {
                assert_eq!(Abi::from_name(name), first.copied(), "{name}");
            }
            assert_eq!(Abi::of_audit(value, 0), first.copied(), "{name}");
        }
    }
    assert!(compared.len() > 35, "only {} values", compared.len());
    if let Err(why) = cc.run(&["-fsyntax-only"], &asserts) {
        assert!(why.contains("audit.h: No such file"), "{why}");
        skip(what, "no headers of Linux");
    }
}

#[test]
fn a_reported_call_has_the_abi_of_its_number() {
    let value = |abi: Abi| abi.audit_archs()[0].value();
    for abi in Abi::ALL.iter().filter(|abi| !abi.audit_archs().is_empty()) {
        let arm = [Abi::Arm, Abi::ArmOabi, Abi::Arm64Compat].contains(abi);
        for call in abi.calls() {
            // ARM has one value. syscall_get_nr() of arch/arm/include/asm/syscall.h reports 20 bits
            // of the number, without the base of OABI, and AArch32 on arm64 has the same numbers.
            let reported = if arm { call.number & 0xf_ffff } else { call.number };
            let expected = if arm { Abi::Arm } else { *abi };
            let found = Abi::of_audit(value(*abi), reported).unwrap();
            assert_eq!(found, expected, "{abi} {}", call.name);
        }
    }
    let x86_64 = value(Abi::X86_64);
    for (number, abi) in [
        (0x3fff_ffff, Abi::X86_64),
        (0x4000_0000, Abi::X32),
        (0x7fff_ffff, Abi::X32),
        (0x8000_0000, Abi::X86_64),
        (u32::MAX, Abi::X86_64),
    ] {
        assert_eq!(Abi::of_audit(x86_64, number), Some(abi), "{number:#x}");
    }
    // Three conventions of MIPS, each with a value of its own, whatever the number.
    for (abi, number) in [(Abi::MipsO32, 5000), (Abi::MipsN32, 4000), (Abi::MipsN64, 3)] {
        assert_eq!(Abi::of_audit(value(abi), number), Some(abi));
    }
    assert_eq!(Abi::of_audit(0, 0), None);
}
