//! Sources: an address, a git repository, wheels.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

use snellen::data::digest;

use crate::world::{Serving, World, has, line, serve};

const BODY: &[u8] = b"a body that is long enough to be cut in two";

fn http(world: &World, url: &str, pinned: bool) {
    let pin = format!("size = {}\nsha256 = \"{}\"\n", BODY.len(), digest::of_bytes(BODY));
    let pin = if pinned { pin } else { String::new() };
    world.manifest("set", &format!("[[files]]\npath = \"a\"\n{pin}source.http.url = \"{url}\"\n"));
}

#[test]
fn an_unpinned_file_is_refused_then_accepted_then_held_to_it() {
    if !has("curl") {
        return;
    }
    let world = World::new();
    let (url, _) = serve(BODY, Serving::Ranges);
    http(&world, &url, false);
    let sha256 = digest::of_bytes(BODY);
    let refused = world.data(&["fetch", "set"]).ends(2).prints("0 of 1 files are good (0 new), digest unpinned");
    refused.complains("nobody has stated its digest").complains(&sha256).complains("--accept");
    assert_eq!(world.fetched("set/a"), None);
    world.data(&["fetch", "set", "--accept"]).ends(0).prints(&format!("a accepted and pinned, SHA-256 {sha256}"));
    assert_eq!(world.fetched("set/a").unwrap(), BODY);
    world.data(&["verify", "set"]).ends(0);
    // From now on the pin counts, with or without --accept.
    let (url, _) = serve(b"something else of whatever length", Serving::Ranges);
    http(&world, &url, false);
    world.write("cache/data/set/a", b"damaged");
    world.data(&["fetch", "set", "--accept"]).ends(2).complains("33 bytes instead of 43");
    assert_eq!(world.fetched("set/a").unwrap(), b"damaged");
    world.write("cache/pins.toml", "nonsense");
    world.data(&["list"]).ends(2).complains("pins.toml: ");
}

#[test]
fn a_broken_transfer_is_taken_up_where_it_broke() {
    if !has("curl") {
        return;
    }
    let world = World::new();
    let (url, count) = serve(BODY, Serving::BrokenOnce);
    http(&world, &url, true);
    world.data(&["fetch", "set"]).ends(0);
    assert_eq!(count.load(Ordering::SeqCst), 2);
    assert_eq!(world.fetched("set/a").unwrap(), BODY);
}

#[test]
fn a_stale_beginning_is_thrown_away() {
    if !has("curl") {
        return;
    }
    for serving in [Serving::Ranges, Serving::Whole] {
        let world = World::new();
        let (url, _) = serve(BODY, serving);
        http(&world, &url, true);
        world
            .write(&format!("cache/partial/{}", digest::of_bytes(url.as_bytes())), b"the beginning of another version");
        world.data(&["fetch", "set"]).ends(0);
        assert_eq!(world.fetched("set/a").unwrap(), BODY);
    }
}

#[test]
fn an_endless_answer_and_a_wrong_one_are_errors() {
    if !has("curl") {
        return;
    }
    let world = World::new();
    let (url, _) = serve(BODY, Serving::Endless);
    http(&world, &url, true);
    world.data(&["fetch", "set"]).ends(2).complains("more than 43 bytes came");
    let (url, _) = serve(b"A BODY THAT IS LONG ENOUGH TO BE CUT IN TWO", Serving::Ranges);
    http(&world, &url, true);
    world.data(&["fetch", "set"]).ends(2).complains("SHA-256 ").complains(&digest::of_bytes(BODY));
    assert_eq!(world.fetched("set/a"), None);
    assert!(world.leftovers().is_empty());
}

/// A repository with one commit; returns its address and the commit.
fn repository(world: &World) -> (String, String) {
    let folder = world.path("repository");
    world.write("repository/texts/a.txt", b"line\r\nline\n");
    world.write("repository/texts/b.txt", b"beta");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").arg("-C").arg(&folder);
        command.args(["-c", "user.name=n", "-c", "user.email=e", "-c", "core.autocrlf=false"]).args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "m"]);
    (format!("file://{}", folder.display()), git(&["rev-parse", "HEAD"]))
}

fn git_set(world: &World, repository: &str, commit: &str, lines: &str) {
    let source = format!(
        "source.git.repository = \"{repository}\"\nsource.git.commit = \"{commit}\"\nsource.git.path = \"texts\"\n"
    );
    world.manifest("set", &format!("[[groups]]\n{source}files = '''\n{lines}'''\n"));
}

#[test]
fn files_of_a_commit_come_byte_for_byte() {
    if !has("git") {
        return;
    }
    let world = World::new();
    let (url, commit) = repository(&world);
    let good = format!("{}{}", line("a.txt", b"line\r\nline\n"), line("b.txt", b"beta"));
    git_set(&world, &url, &commit, &good);
    world.data(&["fetch", "set"]).ends(0).prints("2 of 2 files are good (2 new)");
    assert_eq!(world.fetched("set/a.txt").unwrap(), b"line\r\nline\n");
    // One file too many, one with another digest: the third is fetched all the same.
    let lines = format!("{}{}{}", line("a.txt", b"line\r\nline\n"), line("b.txt", b"BETA"), line("c.txt", b"c"));
    let world = World::new();
    let (url, commit) = repository(&world);
    git_set(&world, &url, &commit, &lines);
    let run = world.data(&["fetch", "set"]).ends(2).prints("1 of 3 files are good (1 new)");
    run.complains("set: b.txt: SHA-256 ").complains("set: c.txt: git cat-file ");
    assert!(world.leftovers().is_empty());
}

#[test]
fn a_commit_that_is_not_there_is_one_line_for_all_its_files() {
    if !has("git") {
        return;
    }
    let world = World::new();
    let (url, _) = repository(&world);
    let lines = format!("{}{}", line("a.txt", b"a"), line("b.txt", b"b"));
    git_set(&world, &url, &"0".repeat(40), &lines);
    let run = world.data(&["fetch", "set"]).ends(2);
    let run = run.complains("set: a.txt and 1 more: git fetch file://").complains("By hand: git clone file://");
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

fn wheel(path: &Path, members: &[(&str, &[u8])]) {
    let mut writer = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
}

/// A pip that copies a wheel of ours and keeps a log of how it was called.
#[cfg(unix)]
fn pip(world: &World, members: &[(&str, &[u8])]) -> std::path::PathBuf {
    let path = world.path("p-1-py3-none-any.whl");
    wheel(&path, members);
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho \"$*\" >> '{}'\n\
         while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\ncp '{}' \"$dest\"\n",
        world.path("log").display(),
        path.display()
    );
    world.program("pip", &script);
    path
}

fn pip_set(world: &World, lines: &str) {
    let source = "source.pip.package = \"p\"\nsource.pip.version = \"1\"\nsource.pip.member = \"p\"\n";
    world.manifest("set", &format!("[[groups]]\n{source}source.pip.platform = \"any\"\nfiles = '''\n{lines}'''\n"));
}

#[test]
#[cfg(unix)]
fn members_of_a_wheel_come_with_one_download() {
    let world = World::new();
    pip(&world, &[("p/a", b"alpha"), ("p/s/b", b"beta"), ("p/code.py", b"exit(1)")]);
    pip_set(&world, &format!("{}{}", line("a", b"alpha"), line("s/b", b"beta")));
    world.data(&["fetch", "set"]).ends(0).prints("2 of 2 files are good (2 new)");
    assert_eq!(world.fetched("set/s/b").unwrap(), b"beta");
    assert_eq!(world.fetched("set/code.py"), None);
    let log = std::fs::read_to_string(world.path("log")).unwrap();
    assert_eq!(log.lines().count(), 1);
    for word in ["--no-deps", "--only-binary=:all:", "--platform any", " p==1"] {
        assert!(log.contains(word), "{log}");
    }
}

#[test]
#[cfg(unix)]
fn evil_wheels_are_refused() {
    let world = World::new();
    pip_set(&world, &line("a", b"alpha"));
    pip(&world, &[("p/a", b"alpha"), ("../evil", b"x")]);
    world
        .data(&["fetch", "set"])
        .ends(2)
        .complains("set: a: p-1-py3-none-any.whl: refused, because its member \"../evil\"");
    // A member that says that it is larger than it should be, and one that does not say so.
    let path = pip(&world, &[("p/a", &[0; 1_000_000])]);
    world.data(&["fetch", "set"]).ends(2).complains("p-1-py3-none-any.whl, member p/a: 1000000 bytes instead of 5");
    let mut bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == 1_000_000u32.to_le_bytes() {
            bytes[at..at + 4].copy_from_slice(&5u32.to_le_bytes());
        }
    }
    std::fs::write(&path, &bytes).unwrap();
    world.data(&["fetch", "set"]).ends(2).complains("member p/a: cannot be read: File is larger than its declared");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    world.data(&["fetch", "set"]).ends(2).complains("p-1-py3-none-any.whl: not a whole zip archive");
    assert_eq!(world.fetched("set/a"), None);
    assert!(world.leftovers().is_empty());
    assert!(!world.path("cache/evil").exists() && !world.path("cache/partial/evil").exists());
}

#[test]
#[cfg(unix)]
fn the_complaint_of_pip_is_passed_on() {
    let world = World::new();
    pip_set(&world, &line("a", b"alpha"));
    let script =
        "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho 'ERROR: No matching distribution found' >&2; exit 1\n";
    world.program("pip", script);
    let run =
        world.data(&["fetch", "set"]).ends(2).complains("pip download p==1 failed: ERROR: No matching distribution");
    run.complains("By hand: pip download --no-deps --only-binary=:all: --platform any p==1, unzip the wheel, take p/a");
    world.program("pip", "#!/bin/sh\nexit 0\n");
    world.data(&["fetch", "set"]).ends(2).complains("0 wheels came instead of one");
}
