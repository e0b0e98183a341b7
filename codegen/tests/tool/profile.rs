//! `profile`: which calls a seccomp profile does not know.

use super::common::*;
use std::fs;
use tempfile::TempDir;

/// What the tool says of a profile: status, report and error message, in which `{}` is the
/// directory.
fn profile(text: &str, libseccomp: Option<&str>) -> (Option<i32>, String, String) {
    with_options(text, libseccomp, &[])
}

/// The same with more options.
fn with_options(
    text: &str,
    libseccomp: Option<&str>,
    more: &[&str],
) -> (Option<i32>, String, String) {
    let directory = TempDir::new().unwrap();
    let [json, csv] = ["p.json", "s.csv"].map(|name| directory.path().join(name));
    fs::write(&json, text).unwrap();
    let mut tool = codegen();
    tool.arg("profile").arg(&json).args(more);
    if let Some(text) = libseccomp {
        fs::write(&csv, text).unwrap();
        tool.arg("--libseccomp").arg(&csv);
    }
    let (status, out, err) = run(&mut tool);
    let place = directory.path().display().to_string();
    (status, out.replace(&place, "{}"), err.replace(&place, "{}"))
}

/// A profile of these names, for a map of one architecture.
fn naming(names: &str, map: &str, errno: &str) -> String {
    format!(
        "{{\n\"defaultAction\": \"SCMP_ACT_ERRNO\", {errno}\n\
         \"archMap\": [{{\"architecture\": \"{map}\", \"subArchitectures\": null}}],\n\
         \"syscalls\": [\n{{\"names\": [{names}], \"action\": \"SCMP_ACT_ALLOW\"}}\n]}}\n"
    )
}

#[test]
fn calls_that_it_does_not_know_are_newer_or_older() {
    let text = naming("\"read\", \"io_submit\", \"openat2\"", "SCMP_ARCH_RISCV64", "");
    let (status, out, err) = profile(&text, None);
    assert_eq!((status, err.as_str()), (Some(1), ""));
    assert!(out.starts_with("{}/p.json: its newest call is openat2, of Linux 5.6\n"), "{out}");
    let lines: Vec<&str> = out.lines().skip_while(|line| !line.starts_with("riscv64 ")).collect();
    let [head, newer, older, runc] = lines[..] else { panic!("{out}") };
    assert!(head.starts_with("riscv64 (SCMP_ARCH_RISCV64): it knows 3 of 3"), "{head}");
    assert!(newer.starts_with("  newer than the profile, ") && newer.contains(" get EPERM: "));
    assert!(newer.contains("close_range (5.9)") && newer.contains("mseal (6.10)"), "{newer}");
    assert!(older.starts_with("  older, ") && older.contains("write (4.15)"), "{older}");
    // riscv_hwprobe (258) is newer than openat2 (437), and below it.
    let count = newer.split(' ').find_map(|word| word.parse::<u32>().ok()).unwrap();
    let above = runc.split(' ').find_map(|word| word.parse::<u32>().ok()).unwrap();
    assert!(runc.starts_with("  runc answers ENOSYS to ") && above < count, "{runc}");
    assert!(!older.contains("openat2") && !older.contains("mseal"), "{older}");
    assert!(!out.contains("architectures that Linux"), "{out}");
    let missing = out.lines().find_map(|line| line.strip_prefix("architectures that it does not "));
    let missing = missing.unwrap();
    assert!(missing.contains("x86_64, ") && !missing.contains("riscv64"), "{missing}");
    // Left the kernel; and its calls are not seen.
    assert!(!missing.contains("ia64") && !missing.contains("spu"), "{missing}");
}

/// 38 is ENOSYS on most architectures, and not on MIPS.
#[test]
fn what_they_get_is_the_architecture_s() {
    for (map, errno, gets, status) in [
        ("SCMP_ARCH_X86_64", "\"defaultErrnoRet\": 38,", "ENOSYS", 0),
        ("SCMP_ARCH_MIPS", "\"defaultErrnoRet\": 89,", "ENOSYS", 0),
        ("SCMP_ARCH_MIPS", "\"defaultErrnoRet\": 38,", "EL2NSYNC", 1),
        ("SCMP_ARCH_MIPS", "\"defaultErrnoRet\": 38, \"defaultErrno\": \"ENOSYS\",", "ENOSYS", 0),
        ("SCMP_ARCH_X86_64", "\"defaultErrnoRet\": 4000,", "4000", 1),
    ] {
        let (found, out, _) = profile(&naming("\"read\"", map, errno), None);
        let newer = out.lines().find(|line| line.contains("newer than")).unwrap();
        assert!(newer.contains(&format!(" get {gets}: ")), "{map} {errno}: {newer}");
        assert_eq!(found, Some(status), "{map} {errno}");
    }
    // Nobody gets an error that hides what is newer, unless the call is refused.
    let actions =
        ["ALLOW", "LOG", "TRACE", "NOTIFY", "TRAP", "KILL", "KILL_THREAD", "KILL_PROCESS"];
    for (at, action) in actions.into_iter().enumerate() {
        let text = naming("\"read\"", "SCMP_ARCH_X86_64", "");
        let text = text.replacen("SCMP_ACT_ERRNO", &format!("SCMP_ACT_{action}"), 1);
        let (status, out, _) = profile(&text, None);
        assert!(out.contains(&format!(" get {action}: ")), "{out}");
        assert_eq!((status, out.contains("  runc ")), (Some((at > 3).into()), at > 3), "{action}");
    }
}

#[test]
fn words_that_mean_nothing_have_a_line_and_what_is_near() {
    let text = naming(
        "\"read\",\n\"opennat\", \"break\",\n\"nonsense_call\"",
        "SCMP_ARCH_MIPS3L64N32",
        "",
    );
    let (status, out, _) = profile(&text, None);
    assert_eq!(status, Some(1));
    let expected = "\nnames that no kernel has ever had:\n  {}/p.json:7: `nonsense_call`\n  \
                    {}/p.json:6: `opennat`; did you mean `openat` or `openat2`?\n\n\
                    architectures that Linux does not have:\n  \
                    {}/p.json:3: `SCMP_ARCH_MIPS3L64N32`; did you mean `mipsel64n32`?\n";
    assert!(out.contains(expected), "{out}");
}

#[test]
fn a_rule_holds_for_its_architectures() {
    let text = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [\
                {\"architecture\": \"SCMP_ARCH_X86_64\", \
                \"subArchitectures\": [\"SCMP_ARCH_X86\"]}, \
                {\"architecture\": \"SCMP_ARCH_AARCH64\"}], \"syscalls\": [\
                {\"name\": \"read\", \"action\": \"SCMP_ACT_ALLOW\"}, \
                {\"names\": [\"write\"], \"includes\": {\"arches\": [\"amd64\"]}}, \
                {\"names\": [\"close\"], \"excludes\": {\"arches\": [\"amd64\"]}}]}";
    let (_, out, _) = profile(text, None);
    for (abi, has, lacks) in
        [("x86_64", "close", "write"), ("i386", "close", "write"), ("aarch64", "write", "close")]
    {
        let part = out.split_once(&format!("\n{abi} (")).unwrap().1;
        let part = part.split("\n\n").next().unwrap();
        let open = |name: &str| part.contains(&format!(" {name} ("));
        assert!(open(has) && !open(lacks) && !open("read"), "{abi}: {part}");
    }
}

/// The machine's own architecture and another's programs can be under the same name, and the byte
/// orders of MIPS are one ABI.
#[test]
fn a_group_is_reported_wherever_it_differs() {
    let group = |main: &str, more: &str| {
        format!("{{\"architecture\": \"SCMP_ARCH_{main}\", \"subArchitectures\": [{more}]}}")
    };
    let groups = [
        group("X86_64", "\"SCMP_ARCH_X86\""),
        group("X86", ""),
        group("MIPS64", "\"SCMP_ARCH_MIPS\""),
        group("MIPSEL64", "\"SCMP_ARCH_MIPSEL\""),
    ];
    let text = format!(
        "{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [{}], \"syscalls\": [\
         {{\"names\": [\"read\", \"write\"]}}, \
         {{\"names\": [\"close\"], \"includes\": {{\"arches\": [\"x86\"]}}}}]}}",
        groups.join(", ")
    );
    let (_, out, err) = profile(&text, None);
    let heads: Vec<&str> = out.lines().filter_map(|line| line.split(" of ").next()).collect();
    for (head, knows) in [
        ("x86_64 (SCMP_ARCH_X86_64)", 2),
        ("i386 (SCMP_ARCH_X86 on SCMP_ARCH_X86_64)", 2),
        ("i386 (SCMP_ARCH_X86)", 3),
        ("mips-n64 (SCMP_ARCH_MIPS64, SCMP_ARCH_MIPSEL64)", 2),
        (
            "mips-o32 (SCMP_ARCH_MIPS on SCMP_ARCH_MIPS64, SCMP_ARCH_MIPSEL on SCMP_ARCH_MIPSEL64)",
            2,
        ),
    ] {
        let wanted = format!("{head}: it knows {knows}");
        assert_eq!(heads.iter().filter(|head| **head == wanted).count(), 1, "{wanted}: {out}{err}");
    }
}

#[test]
fn without_architectures_it_is_the_machine_s_or_those_asked_for() {
    let text = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"read\"]}]}";
    let (status, out, _) = profile(text, None);
    assert_eq!(status, Some(1));
    let note = "\nit has no architectures: a runtime takes that of its machine\n\n";
    let (_, section) = out.split_once(note).unwrap_or_else(|| panic!("{out}"));
    assert!(section.contains(" (of this machine): it knows 1 of "), "{out}");

    let directory = TempDir::new().unwrap();
    let path = directory.path().join("p.json");
    for text in [text, &naming("\"read\"", "SCMP_ARCH_X86_64", "")] {
        fs::write(&path, text).unwrap();
        let abi = |names: &[&str]| {
            let mut tool = codegen();
            tool.arg("profile").arg(&path);
            names.iter().for_each(|name| _ = tool.args(["--abi", name]));
            run(&mut tool)
        };
        let (status, out, err) = abi(&["arm64", "riscv64"]);
        assert_eq!((status, err.as_str()), (Some(1), ""));
        let sections = out.lines().filter(|line| line.contains(": it knows "));
        let sections: Vec<&str> = sections.map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(sections, ["aarch64 (--abi)", "riscv64 (--abi)"], "{out}");
        assert_eq!(abi(&["nonsense"]).0, Some(2));
    }
}

/// A rule may be for newer kernels alone.
#[test]
fn a_rule_holds_for_its_kernels() {
    let text = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"], \
                \"syscalls\": [{\"names\": [\"read\"]}, \
                {\"names\": [\"ptrace\"], \"includes\": {\"minKernel\": \"4.8\"}}, \
                {\"names\": [\"write\"], \"includes\": {\"minKernel\": \"99.0\"}}, \
                {\"names\": [\"open\"], \"excludes\": {\"minKernel\": \"4.8\"}}]}";
    let (_, out, _) = profile(text, None);
    assert!(out.contains(": it knows 2 of "), "{out}");
    assert!(out.contains("\n  on kernels before 4.8 also EPERM: ptrace\n"), "{out}");
    assert!(out.contains(" write (") && out.contains(" open ("), "{out}");
}

/// A runtime's configuration has the profile inside.
#[test]
fn a_container_s_configuration_has_a_profile() {
    let inner = naming("\"read\",\n\"opennat\"", "SCMP_ARCH_X86_64", "");
    let config = |inner: &str| {
        format!(
            "{{\"ociVersion\": \"1.0.2\", \"process\": {{\"args\": [\"opennat\"]}},\n\"linux\": \
             {{\"namespaces\": [],\n\"seccomp\": {inner}}}}}"
        )
    };
    let (status, out, err) = profile(&config(&inner), None);
    assert_eq!((status, err.as_str()), (Some(1), ""));
    assert!(out.contains("\n  {}/p.json:8: `opennat`; did you mean `openat` or"), "{out}");
    assert!(out.contains("\nx86_64 (SCMP_ARCH_X86_64): it knows 1 of "), "{out}");
    let message = "error: {}/p.json: has no `linux.seccomp`: its container has no filter\n";
    assert_eq!(profile(&config("null"), None), (Some(2), String::new(), message.to_owned()));
}

/// A place is that of the value, whatever else has the same text.
#[test]
fn a_line_is_that_of_the_value() {
    let text = "{\n\"comment\": \"\\\\\\\"opennat\",\n\"comment2\": [\"opennat\"],\n\
                \"opennat\": {\"action\": \"x\"},\n\"defaultAction\": \"SCMP_ACT_ERRNO\",\n\
                \"syscalls\": [\n{\"comment\": \"opennat\", \"names\": [\"read\",\n\
                \"op\\u0065nnat\"]}]}";
    let (_, out, _) = profile(text, None);
    assert!(out.contains("\n  {}/p.json:8: `opennat`; did you mean"), "{out}");
}

#[test]
fn a_libseccomp_has_numbers_for_some() {
    let csv = "#syscall (v5.10.0 2021),x86_64,x86_64_kver,x32,x32_kver\n\
               read,0,SCMP_KV_UNDEF,0,SCMP_KV_UNDEF\nopen,3,SCMP_KV_UNDEF,2,SCMP_KV_UNDEF\n\
               io_setup,206,SCMP_KV_UNDEF,543,SCMP_KV_UNDEF\n\
               send,PNR,SCMP_KV_UNDEF,PNR,SCMP_KV_UNDEF\n";
    let text = naming(
        "\"read\", \"open\", \"send\", \"mseal\", \"io_setup\"",
        "SCMP_ARCH_X86_64",
        "\"defaultErrnoRet\": 38,",
    );
    let (status, out, err) = profile(&text, Some(csv));
    assert_eq!((status, err.as_str()), (Some(1), ""));
    let expected = "  2 that libseccomp's table (v5.10.0 2021) does not resolve: open (it has \
                    3, not 2), mseal\n";
    assert!(out.ends_with(expected), "{out}");
    // Numbers of x32 are without its bit there.
    let x32 = text.replace("SCMP_ARCH_X86_64", "SCMP_ARCH_X32");
    assert!(profile(&x32, Some(csv)).1.ends_with(" does not resolve: mseal\n"));
    let right = text.replace(", \"mseal\"", "").replace("\"open\", ", "");
    assert_eq!(profile(&right, Some(csv)).0, Some(0));
}

/// The calls of a release are those of the history's tables, and the record of C libraries.
#[test]
fn a_kernel_has_the_calls_of_its_release() {
    let text = naming("\"read\", \"openat2\"", "SCMP_ARCH_X86_64", "");
    let report = |kernel: &str, more: &[&str]| {
        with_options(&text, None, &[&["--kernel", kernel][..], more].concat())
    };
    let (status, out, err) = report("6.12", &[]);
    assert_eq!((status, err.as_str()), (Some(1), ""));
    let section = |out: &str| out.split_once("\nx86_64 (SCMP_ARCH_X86_64): ").unwrap().1.to_owned();
    let newer = section(&out).lines().nth(1).unwrap().to_owned();
    assert!(newer.contains(" mseal (6.10)") && newer.contains(" uretprobe (6.11)"), "{newer}");
    assert!(!newer.contains("setxattrat") && !newer.contains("uprobe (6.18)"), "{newer}");
    // x86_64 has 375 numbers in 6.12: those of 7.3 without the eleven that are newer.
    let head = "it knows 2 of 358 calls of Linux 6.12 (17 reserved numbers not counted)\n";
    assert!(section(&out).starts_with(head), "{out}");
    let release = run(codegen().args(["explain", "335", "--kernel", "6.10", "--abi", "x86_64"]));
    assert_eq!(release.0, Some(1));
    assert!(!report("6.10.3-amd64", &[]).1.contains("uretprobe"));

    // ABIs that the release does not have.
    let (status, out, _) = report("5.5", &["--abi", "loongarch64", "--abi", "x86_64"]);
    assert!(out.contains("\nloongarch64 (--abi): the kernel does not have the ABI\n"), "{out}");
    assert!(!section(&out).contains("newer than the profile"), "{out}");
    assert_eq!(status, Some(0), "{out}");
    let unmapped = |kernel: &str, abi: &str| {
        let (_, out, _) = report(kernel, &[]);
        let line =
            out.lines().find_map(|line| line.strip_prefix("architectures that it does not "));
        line.unwrap().split([' ', ',']).any(|word| word == abi)
    };
    assert!(unmapped("6.6", "ia64") && !unmapped("6.7", "ia64") && !unmapped("5.5", "loongarch64"));

    // A release of which no tree was read, and those that are older or newer than all.
    let (_, out, _) = report("6.16", &[]);
    assert!(out.contains("\nNo tree of Linux 6.16 was read: of calls that came"), "{out}");
    let unclear =
        "\n  not known whether Linux 6.16 has them: open_tree_attr (after 6.14, by 6.17), ";
    assert!(section(&out).contains(unclear), "{out}");
    for (kernel, what) in [
        ("99.0", "newer than what is known, which ends with 7.3."),
        ("2.4.0", "older than what is known, which begins with 2.6.12."),
    ] {
        let message = format!("error: --kernel: Linux {kernel} is {what}\n");
        assert_eq!(report(kernel, &[]), (Some(2), String::new(), message));
    }
}

/// The tables of any kernel, with the history of mainline.
#[test]
fn the_calls_of_imported_tables() {
    let directory = TempDir::new().unwrap();
    let mut tree = Tree::new();
    tree.append(X86_64, "600\tcommon\tmycall\tsys_mycall\n");
    let (status, _, stderr) = import(tree.on_disk().path(), directory.path(), &["x86_64"]);
    assert_eq!(status, Some(0), "{stderr}");
    let tables = directory.path().to_str().unwrap();
    let text = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \
                \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_AARCH64\"], \
                \"syscalls\": [{\"names\": [\"io_setup\", \"mseal\"]}]}";
    let (status, out, err) = with_options(text, None, &["--tables", tables]);
    // mseal is a name of mainline, though this kernel does not have it.
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(!out.contains("names that no kernel"), "{out}");
    assert!(out.contains("\narchitectures that it does not map: x32\n"), "{out}");
    assert!(out.contains("\naarch64 (SCMP_ARCH_AARCH64): the kernel does not have the ABI\n"));
    let section = out.split_once("\nx86_64 (SCMP_ARCH_X86_64): it knows 1 of ").unwrap().1;
    assert!(section.contains(" calls of Linux 7.2.13"), "{out}");
    assert!(section.ends_with("\n  not mainline's, 1 gets ENOSYS: mycall (600)\n"), "{out}");
    // libseccomp has the names and numbers of mainline, and runc asks it for those of the profile:
    // findLastSyscalls() in its libcontainer/seccomp/patchbpf.
    let refused = text.replace("38", "1");
    let (_, out, _) = with_options(&refused, None, &["--tables", tables]);
    let above = "\n  runc answers ENOSYS to 2 of them, whose numbers are above the profile's\n";
    assert!(out.contains("mycall (600)\n") && out.ends_with(above), "471 and 600: {out}");
    let known = text.replace("mseal", "mycall");
    let (_, out, _) = with_options(&known, None, &["--tables", tables]);
    assert!(!out.contains("names that no kernel"), "{out}");
    let named = "\n  not mainline's, 1 gets ENOSYS: mycall (600)\n  named in the profile, but \
                 libseccomp has another number, or none: mycall\n";
    assert!(out.contains(": it knows 1 of ") && out.ends_with(named), "{out}");
    assert!(with_options(&known, None, &[]).1.contains("names that no kernel has ever had:\n"));
    let csv = directory.path().join("syscalls.csv");
    fs::write(&csv, "#syscall,x86_64\nio_setup,206\nmycall,600\n").unwrap();
    let options = ["--tables", tables, "--libseccomp", csv.to_str().unwrap()];
    let (_, out, _) = with_options(&known, None, &options);
    assert!(out.contains(": it knows 2 of ") && !out.contains("not mainline's"), "{out}");
    let both = ["--tables", tables, "--kernel", "6.1"];
    assert_eq!(with_options(text, None, &both).0, Some(2));

    // A filter compares numbers, and this one is mseal's on mainline: asm/unistd_64.h.
    tree.edit(X86_64, "600\tcommon\tmycall", "462\tcommon\tmycall");
    let (status, _, stderr) = import(tree.on_disk().path(), directory.path(), &["x86_64"]);
    assert_eq!(status, Some(0), "{stderr}");
    let (_, out, _) = with_options(text, None, &["--tables", tables]);
    let shared = "\n  mycall (462) is not mainline's, and gets what the profile has for mseal, \
                  which has this number there\n";
    assert!(out.contains(": it knows 2 of ") && out.ends_with(shared), "{out}");
    let (_, out, _) = with_options(text, None, &["--tables", tables, "--json"]);
    let shared = r#""shared": [{ "mainline": "mseal", "name": "mycall", "number": 462 }]"#;
    let words = |text: &str| text.split_whitespace().collect::<String>();
    assert!(words(&out).contains(&words(shared)), "{out}");

    // Installed headers have no entry points.
    let headers = directory.path().join("x86");
    fs::create_dir_all(headers.join("asm")).unwrap();
    fs::write(
        headers.join("asm/unistd_64.h"),
        "#define __NR_read 0\n#define __NR_io_setup 206\n#define __NR_mycall 600\n",
    )
    .unwrap();
    fs::write(headers.join("asm/unistd.h"), "#include <asm/unistd_64.h>\n").unwrap();
    let own = directory.path().join("own");
    let (status, _, stderr) = run(codegen()
        .args(["import", "--arch", "x86", "--linux-version", "7.2", "--headers"])
        .arg(&headers)
        .arg("--tables")
        .arg(&own));
    assert_eq!(status, Some(0), "{stderr}");
    let (_, out, _) = with_options(text, None, &["--tables", own.to_str().unwrap()]);
    let head = "\nx86_64 (SCMP_ARCH_X86_64): it knows 1 of 3 calls of Linux 7.2\n";
    assert!(out.contains(head), "{out}");
}

/// Without entry points it is not known whether a number that mainline reserves is a call. Before
/// Linux 3.5 there was no filter to load.
#[test]
fn what_is_not_known_of_an_old_kernel() {
    let directory = TempDir::new().unwrap();
    let headers = directory.path().join("x86/asm");
    fs::create_dir_all(&headers).unwrap();
    let numbers = "#define __NR_read 3\n#define __NR_break 17\n#define __NR_nfsservctl 169\n\
                   #define __NR_bdflush 134\n";
    fs::write(headers.join("unistd_32.h"), numbers).unwrap();
    fs::write(headers.join("unistd.h"), "#include <asm/unistd_32.h>\n").unwrap();
    for (linux, note) in [("3.4", true), ("3.5", false)] {
        let own = directory.path().join(linux);
        let (status, _, stderr) = run(codegen()
            .args(["import", "--arch", "x86", "--linux-version", linux, "--headers"])
            .arg(directory.path().join("x86"))
            .arg("--tables")
            .arg(&own));
        assert_eq!(status, Some(0), "{stderr}");
        let options = ["--tables", own.to_str().unwrap()];
        let text = naming("\"read\"", "SCMP_ARCH_X86", "");
        let (_, out, _) = with_options(&text, None, &options);
        let head = format!("\ni386 (SCMP_ARCH_X86): it knows 1 of 1 calls of Linux {linux}\n");
        let unclear = format!(
            "  not known whether Linux {linux} has them: break (2.6.12 or earlier), bdflush \
             (2.6.12 or earlier), nfsservctl (2.6.12 or earlier)\n"
        );
        assert!(out.contains(&head) && out.ends_with(&unclear), "{out}");
        let said = "\n  it has no seccomp filters, which are there since Linux 3.5\n";
        assert_eq!(out.contains(said), note, "{out}");
    }
}

/// In headers without entry points, only the name says that a number is not used.
#[test]
fn reserved_numbers_of_mips_are_not_calls() {
    let directory = TempDir::new().unwrap();
    let mut tree = Tree::linux_4_19();
    let header = "arch/mips/include/uapi/asm/unistd.h";
    let setup = "#define __NR_io_setup (__NR_Linux + 241)\n";
    let reserved = "#define __NR_reserved82 (__NR_Linux + 82)\n";
    let unused = "#define __NR_unused18 (__NR_Linux + 18)\n";
    tree.edit(header, setup, &format!("{unused}{reserved}{setup}"));
    let (status, _, stderr) = import(tree.on_disk().path(), directory.path(), &["mips-o32"]);
    assert_eq!(status, Some(0), "{stderr}");
    let options = ["--tables", directory.path().to_str().unwrap()];
    let (_, out, _) = with_options(&naming("\"syscall\"", "SCMP_ARCH_MIPS", ""), None, &options);
    assert!(out.contains(": it knows 1 of 2 calls of Linux 4.19.13 (2 reserved "), "{out}");
}

/// ARM's private calls are in a header alone, and a filter sees them. Other names that only a
/// header has are those of calls in the table.
#[test]
fn calls_that_only_a_header_has() {
    let (_, out, _) = profile(&naming("\"set_tls\"", "SCMP_ARCH_ARM", ""), None);
    let section = out.split_once("\narm (SCMP_ARCH_ARM): it knows 1 of ").unwrap().1;
    assert!(section.contains(" cacheflush (") && !section.contains(" set_tls ("), "{section}");
    // sync_file_range2 is arm_sync_file_range.
    assert!(!section.contains(" sync_file_range2 ("), "{section}");
    let (_, out, _) = profile(&naming("\"get_tls\"", "SCMP_ARCH_ARM", ""), None);
    assert!(!out.contains(" runc answers "), "the highest number is known: {out}");
}

/// A rule for newer kernels holds for one of them alone.
#[test]
fn a_rule_holds_for_the_kernel_that_was_given() {
    let text = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"], \
                \"syscalls\": [{\"names\": [\"read\"]}, \
                {\"names\": [\"ptrace\"], \"includes\": {\"minKernel\": \"4.8\"}}]}";
    for (kernel, known) in [("4.7", 1), ("4.8", 2)] {
        let (_, out, _) = with_options(text, None, &["--kernel", kernel]);
        assert!(out.contains(&format!(": it knows {known} of ")), "{kernel}: {out}");
        assert!(!out.contains("on kernels before"), "{out}");
    }
}

#[test]
fn the_json_has_what_the_text_has() {
    let text = naming("\"read\",\n\"opennat\", \"openat2\"", "SCMP_ARCH_X86_64", "");
    let csv = "#syscall (v5.10.0 2021),x86_64,x86_64_kver\nread,0,SCMP_KV_UNDEF\n";
    let (status, out, err) = with_options(&text, Some(csv), &["--json", "--kernel", "6.16"]);
    assert_eq!((status, err.as_str()), (Some(1), ""));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["mend"], true);
    assert_eq!((&json["profile"], &json["kernel"]), (&"{}/p.json".into(), &"6.16".into()));
    assert_eq!(json["newest"], serde_json::json!({ "name": "openat2", "since": "5.6" }));
    let near = ["openat", "openat2"];
    let stray = serde_json::json!([{ "word": "opennat", "line": 6, "near": near }]);
    assert_eq!(json["unknown_names"], stray);
    assert_eq!(json["unknown_architectures"], serde_json::json!([]));
    assert!(json["unmapped"].as_array().unwrap().contains(&"riscv64".into()), "{out}");
    let [abi] = json["abis"].as_array().unwrap().as_slice() else { panic!("{out}") };
    assert_eq!((&abi["abi"], &abi["linux"]), (&"x86_64".into(), &"6.16".into()));
    assert_eq!(abi["default"], "EPERM");
    assert_eq!(abi["unresolved"], serde_json::json!(["openat2"]));
    // The counts and names of the report.
    let (_, text, _) = with_options(&text, None, &["--kernel", "6.16"]);
    let head = format!(
        "it knows {} of {} calls of Linux 6.16 ({} reserved numbers not counted)",
        abi["known"], abi["calls"], abi["reserved"]
    );
    assert!(text.contains(&head), "{head}: {text}");
    for (key, line) in [("newer", "newer than the profile"), ("older", "older"), ("unclear", "not")]
    {
        let line = text.lines().find(|text| text.trim_start().starts_with(line)).unwrap();
        let rows = abi[key].as_array().unwrap().iter().map(|row| {
            format!("{} ({})", row["name"].as_str().unwrap(), row["since"].as_str().unwrap())
        });
        let rows = rows.collect::<Vec<_>>().join(", ");
        assert!(line.ends_with(&format!(": {rows}")), "{key}: {line}");
    }
    assert!(text.contains(&format!("ENOSYS to {} of them", abi["above"])), "{text}");
    // The keys that the help describes.
    let help = run(codegen().args(["profile", "--help"])).1;
    let keys = json.as_object().unwrap().keys().chain(abi.as_object().unwrap().keys());
    for key in keys.chain(json["unknown_names"][0].as_object().unwrap().keys()) {
        assert!(help.contains(key), "{key}");
    }
}

#[test]
fn an_invalid_profile_is_refused_with_its_line() {
    let text = naming("\"read\"", "SCMP_ARCH_X86_64", "");
    for (text, message) in [
        ("", "{}/p.json:1: is not a seccomp profile: EOF while parsing a value at line 1 column 0"),
        (
            "{\n\n]",
            "{}/p.json:3: is not a seccomp profile: key must be a string at line 3 column 1",
        ),
        (
            "{\n}",
            "{}/p.json:2: is not a seccomp profile: missing field `defaultAction` at line 2 column \
             1",
        ),
        (
            "{\"defaultAction\": 1}",
            "{}/p.json:1: is not a seccomp profile: invalid type: integer `1`, expected a string \
             at line 1 column 19",
        ),
    ] {
        let refused = (Some(2), String::new(), format!("error: {message}\n"));
        assert_eq!(profile(text, None), refused, "{text}");
    }
    let expected = "; expected one of SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_ACT_KILL, \
                    SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_LOG, SCMP_ACT_NOTIFY, \
                    SCMP_ACT_TRACE, SCMP_ACT_TRAP";
    let errno = "; expected an error's name, such as ENOSYS";
    for (from, to, message) in [
        (
            "SCMP_ACT_ERRNO",
            "CMP_ACT_ERRNO",
            ["2: unknown `defaultAction`: \"CMP_ACT_ERRNO\"", expected],
        ),
        ("SCMP_ACT_ALLOW", "ALLOW", ["5: unknown `action`: \"ALLOW\"", expected]),
        (
            "ERRNO\", ",
            "ERRNO\", \"defaultErrno\": \"\",",
            ["2: unknown `defaultErrno`: \"\"", errno],
        ),
        (
            "ERRNO\", ",
            "ERRNO\", \"defaultErrno\": \"EBOGUS\",",
            ["2: unknown `defaultErrno`: \"EBOGUS\"", errno],
        ),
        (
            "SCMP_ACT_ALLOW\"",
            "SCMP_ACT_ERRNO\", \"errno\": \"EBOGUS\"",
            ["5: unknown `errno`: \"EBOGUS\"", errno],
        ),
        (
            "SCMP_ACT_ALLOW\"",
            "SCMP_ACT_ALLOW\", \"includes\": {\"minKernel\": \"new\"}",
            ["5: unknown `minKernel`: \"new\"", "; expected one such as 4.8"],
        ),
    ] {
        let message = format!("error: {{}}/p.json:{}\n", message.concat());
        let refused = (Some(2), String::new(), message);
        assert_eq!(profile(&text.replacen(from, to, 1), None), refused, "{to}");
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("p.json");
    fs::write(&path, b"{\n\n\"\xff\"").unwrap();
    let (status, _, err) = run(codegen().arg("profile").arg(&path));
    assert_eq!((status, err), (Some(2), format!("error: {}:3: is not UTF-8\n", path.display())));
    for (csv, message) in [
        ("", "{}/s.csv:1: is not libseccomp's syscalls.csv: it does not begin with `#syscall`"),
        (
            "#syscall (v5),x86_64,x86_64_kver\nread,zero,x\n",
            "{}/s.csv:2: a column is neither a number nor PNR",
        ),
        (
            "#syscall (v5),x86_64,x86_64_kver\n\nread\n",
            "{}/s.csv:3: a column is neither a number nor PNR",
        ),
    ] {
        let refused = (Some(2), String::new(), format!("error: {message}\n"));
        assert_eq!(profile(&text, Some(csv)), refused, "{csv}");
    }
    let (status, out, err) = run(codegen().args(["profile", "/nowhere/p.json"]));
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("error: /nowhere/p.json: cannot be read: No such file"), "{err}");
    // Control characters do not reach a terminal.
    let (_, out, _) = profile(&naming("\"\\u001b[31m\"", "SCMP_ARCH_X86_64", ""), None);
    assert!(!out.contains('\u{1b}'), "{out}");
}
