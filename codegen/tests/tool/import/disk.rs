//! Cases that exist only on disk: tables that cannot be written, links and pipes.

use super::*;

#[test]
fn a_directory_that_cannot_be_written() {
    let (tree, directory) = (Tree::new().on_disk(), TempDir::new().unwrap());
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();
    // Not even root can create a file in the last one.
    for path in [file.clone(), file.join("below"), "/proc/sys/kernel".into()] {
        let (status, stdout, stderr) = import(tree.path(), &path, &[]);
        assert_eq!((status, stdout.as_str()), (Some(2), ""));
        assert!(
            stderr.starts_with(&format!("error: {}: cannot be written: ", path.display())),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert_eq!(contents(directory.path()), BTreeMap::from([("file".to_owned(), b"mine".to_vec())]));
}

#[test]
fn a_directory_instead_of_a_table() {
    let (tree, directory) = (Tree::new().on_disk(), stale());
    let path = directory.path().join("uapi.toml");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let before = contents(directory.path());
    let message = format!("error: {}: cannot be written: it is a directory\n", path.display());
    assert_eq!(import(tree.path(), directory.path(), &[]), (Some(2), String::new(), message));
    assert!(
        contents(directory.path()) == before,
        "some tables were written before the mistake was seen"
    );
}

/// A disk that fills up while the files are written: after two of them.
#[test]
fn a_full_disk_changes_no_table() {
    let (tree, directory) = (Tree::new().on_disk(), stale());
    let before = contents(directory.path());
    let tool = codegen();
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]).arg(tool.get_program());
    limited.env("CARGO_MANIFEST_DIR", "/nonexistent/codegen").arg("import");
    limited.arg("--linux").arg(tree.path()).arg("--tables").arg(directory.path());
    let message = format!(
        "error: {}: cannot be written: File too large (os error 27)\n",
        directory.path().display()
    );
    assert_eq!(run(&mut limited), (Some(2), String::new(), message));
    assert!(contents(directory.path()) == before, "a table changed, or a temporary file stayed");
}

/// A directory's name cannot send commands to the terminal.
#[test]
fn written_files_are_reported_without_escapes() {
    let (tree, directory) = (Tree::new().on_disk(), TempDir::new().unwrap());
    let (status, _, stderr) =
        import(tree.path(), &directory.path().join("e\u{1b}[31mvil"), &["sh"]);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(
        stderr.contains("/e\\u{1b}[31mvil/sh.toml\n") && !stderr.contains('\u{1b}'),
        "{stderr}"
    );
}

#[test]
fn a_pipe_instead_of_a_table_is_not_opened() {
    let (tree, directory) = (Tree::new().on_disk(), TempDir::new().unwrap());
    let pipe = directory.path().join("sh.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let message =
        format!("error: {}: cannot be written: it is not a regular file\n", pipe.display());
    assert_eq!(import(tree.path(), directory.path(), &[]), (Some(2), String::new(), message));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

/// As `cp -rs` creates one.
#[test]
fn a_tree_of_links_is_read_as_its_targets() {
    let (tree, links) = (Tree::new().on_disk(), TempDir::new().unwrap());
    assert!(
        Command::new("cp")
            .arg("-rs")
            .arg(tree.path())
            .arg(links.path())
            .status()
            .unwrap()
            .success()
    );
    let linked = links.path().join(tree.path().file_name().unwrap());
    let [one, other] = [tree.path(), &linked].map(|tree| {
        let directory = TempDir::new().unwrap();
        assert_eq!(import(tree, directory.path(), &[]).0, Some(0));
        contents(directory.path())
    });
    assert!(one == other);
}
