//! Mirrors, manifests, and the state of the cache.

use crate::world::{World, line};

const MANUAL: &str = "[[groups]]\nsource.manual.instructions = \"ask the authors\"\nfiles = '''\n";

/// A set of two files that only a mirror has.
fn two_files(world: &World) {
    world.manifest("set", &format!("{MANUAL}{}{}'''\n", line("a.txt", b"alpha"), line("sub/b.txt", b"beta")));
}

fn mirror(world: &World) -> String {
    world.path("mirror").display().to_string()
}

#[test]
fn a_mirror_gives_plain_and_packed_files() {
    let world = World::new();
    two_files(&world);
    world.write("mirror/set/a.txt", b"alpha");
    world.gzip("mirror/set/sub/b.txt.gz", b"beta");
    world
        .data(&["path", "set"])
        .ends(2)
        .complains("set is not fetched, 2 of 2 files are missing: run `snellen data fetch set`");
    let fetched = world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(0);
    fetched.prints("set: 2 of 2 files are good (2 new), digest ");
    assert_eq!(world.fetched("set/sub/b.txt").unwrap(), b"beta");
    world.data(&["fetch", "set", "--offline"]).ends(0).prints("2 of 2 files are good (0 new)");
    world.data(&["verify", "set"]).ends(0).prints("good");
    let path = world.data(&["path", "set"]).ends(0).stdout;
    assert_eq!(std::path::Path::new(path.trim()), world.path("cache/data/set"));
}

#[test]
fn bad_copies_are_refused_and_good_data_stays() {
    let world = World::new();
    two_files(&world);
    world.write("mirror/set/a.txt", b"alpha");
    world.write("mirror/set/sub/b.txt", b"BETA");
    let run = world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(2).prints("1 of 2 files are good");
    let run = run
        .complains("b.txt: the mirror's copy: SHA-256 ")
        .complains("then: it has to be fetched by hand. Licence: CC0.");
    run.complains("By hand: ask the authors; save it as DIR/set/sub/b.txt and fetch again with --mirror DIR");
    assert_eq!(world.fetched("set/sub/b.txt"), None);
    assert!(world.leftovers().is_empty());
    world.write("mirror/set/a.txt", b"wrong");
    world.write("mirror/set/sub/b.txt", b"beta");
    world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(0);
    assert_eq!(world.fetched("set/a.txt").unwrap(), b"alpha");
}

#[test]
fn a_publishers_md5_admits_a_file_and_its_sha256_is_held_from_then_on() {
    let world = World::new();
    world.manifest("set", &format!("{MANUAL}a.txt - 2c1743a391305fbf367df8e4f069f9f9\n'''\n"));
    world.write("mirror/set/a.txt", b"alphb");
    let run = world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(2);
    run.complains("a.txt: the mirror's copy: MD5 ").complains(" instead of 2c1743a391305fbf367df8e4f069f9f9");
    assert_eq!(world.fetched("set/a.txt"), None);
    world.write("mirror/set/a.txt", b"alpha");
    let run = world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(0);
    run.prints("a.txt accepted and pinned, SHA-256 8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8");
    world.data(&["verify", "set"]).ends(0).prints("good");
    world.write("cache/data/set/a.txt", b"alphb");
    world.data(&["verify", "set"]).ends(2).complains("a.txt: SHA-256 ");
    // Without its pin a file that lies there is fetched anew.
    std::fs::remove_file(world.path("cache/pins.toml")).unwrap();
    world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(0).prints("1 of 1 files are good (1 new)");
    assert_eq!(world.fetched("set/a.txt").unwrap(), b"alpha");
}

#[test]
fn damage_is_found_and_mended() {
    let world = World::new();
    two_files(&world);
    world.write("mirror/set/a.txt", b"alpha");
    world.write("mirror/set/sub/b.txt", b"beta");
    world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(0);
    world.write("cache/data/set/a.txt", b"alphb");
    let run = world.data(&["verify"]).ends(2).prints("corrupt: 1 of 2");
    run.complains("a.txt: SHA-256 ")
        .complains(" instead of 8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8");
    world.data(&["list"]).ends(0).prints("corrupt: 1 of 2");
    world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(0).prints("(1 new)");
    assert_eq!(world.fetched("set/a.txt").unwrap(), b"alpha");
    world.write("cache/data/set/a.txt", b"alph");
    world.data(&["verify", "set"]).ends(2).complains("a.txt: 4 bytes instead of 5");
}

#[test]
fn a_packed_bomb_is_stopped_at_the_stated_size() {
    let world = World::new();
    world.manifest("set", &format!("{MANUAL}{}'''\n", line("a", b"alpha")));
    world.gzip("mirror/set/a.gz", &vec![0; 10_000_000]);
    let run = world.data(&["fetch", "set", "--mirror", &mirror(&world)]).ends(2);
    run.complains("a: the mirror's .gz: more than the 5 bytes that the manifest states");
    world.write("mirror/set/a.gz", b"\x1f\x8b\x08\x00torn");
    world
        .data(&["fetch", "set", "--mirror", &mirror(&world)])
        .ends(2)
        .complains("a: the mirror's .gz: the bytes: cannot be read");
    assert!(world.leftovers().is_empty());
}

#[test]
fn offline_nothing_is_downloaded() {
    let world = World::new();
    let body = "[[files]]\npath = \"a\"\nsize = 1\nsource.http.url = \"http://127.0.0.1:9/a\"\n";
    world.manifest("set", body);
    world.data(&["fetch", "set", "--offline"]).ends(2).complains("set: a: offline, and no mirror given. Licence: CC0.");
    let run = world.data(&["fetch", "set", "--offline", "--mirror", &mirror(&world)]).ends(2);
    run.complains("not in the mirror, and offline").complains("By hand: download http://127.0.0.1:9/a");
    world.data(&["fetch", "set", "--mirror", "no-such-folder"]).ends(2).complains("the mirror is not a folder");
}

#[test]
fn what_the_manifest_holds_itself_needs_no_source() {
    let world = World::new();
    world.manifest("set", "[[files]]\npath = \"c.json\"\nsource.inline.text = '''\n{}\n'''\n");
    world.data(&["fetch", "set", "--offline"]).ends(0);
    assert_eq!(world.fetched("set/c.json").unwrap(), b"{}\n");
}

#[test]
fn a_slip_in_a_manifest_is_named_with_its_line() {
    let good = line("a", b"alpha");
    let cases = [
        (format!("colour = 1\n{MANUAL}{good}'''\n"), 7, "unknown field `colour`"),
        (format!("{MANUAL}{good}b 5 00ff\n'''\n"), 11, "\"00ff\" is not a SHA-256 (64 lower-case"),
        (format!("{MANUAL}{good}../b 5\n'''\n"), 11, "\"../b\" is not a plain relative path"),
        (format!("{MANUAL}{good}a 5\n'''\n"), 11, "a is listed twice"),
        (format!("{MANUAL}\n\nb five\n'''\n"), 12, "five is not a size in bytes"),
        ("[[files]]\npath = \"a\"\nsource.ftp.url = \"x\"\n".into(), 9, "unknown variant `ftp`"),
        ("[[files]]\npath = \"a\"\nsource.http.url = \"-o x\"\n".into(), 7, "does not start with https://"),
        ("files = 3\n".into(), 7, "invalid type"),
        ("mirror = \"/etc\"\n".into(), 7, "not a plain relative path"),
        ("x = = 1\n".into(), 7, ""),
        (
            format!("{MANUAL}{good}'''\n[conversion]\nkind = \"e5-q4\"\ninput = \"b\"\noutput = \"c\"\n"),
            12,
            "the conversion's input b is not among the files",
        ),
    ];
    for (body, number, what) in cases {
        let world = World::new();
        world.manifest("set", &body);
        let run = world.data(&["list"]).ends(2).complains(what);
        let run = run.complains(&format!("set.toml, line {number}: "));
        assert_eq!(run.stderr.trim_end().lines().count(), 1, "{}", run.stderr);
    }
    let world = World::new();
    world.manifest("empty", "");
    world.data(&["list"]).ends(2).complains("empty.toml: no files");
}

#[test]
fn unknown_names_are_answered_with_the_known_ones() {
    let world = World::new();
    for command in ["fetch", "verify", "path"] {
        let run = world.data(&[command, "tatoba"]).ends(2);
        run.complains("no such data set or model: tatoba; known: LaBSE, africlirmatrix, afriqa, afriqa-questions, ");
    }
}

#[test]
fn machines_get_json() {
    let world = World::new();
    two_files(&world);
    let list = world.data(&["list", "--format", "json"]).ends(0).stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["schema"], 1);
    let sets = list["sets"].as_array().unwrap();
    let set = sets.iter().find(|set| set["name"] == "set").unwrap();
    assert_eq!((&set["bytes"], &set["state"]), (&9.into(), &"absent".into()));
    assert_eq!(sets.iter().find(|set| set["name"] == "LaBSE").unwrap()["digest"], serde_json::Value::Null);
    assert_eq!(sets.iter().find(|set| set["name"] == "fixture-bitext").unwrap()["state"], "built in");
    world.data(&["path", "fixture-bitext"]).ends(2).complains("fixture-bitext is built into the program");
    let verify = world.data(&["verify", "set", "--format", "json"]).ends(2).stdout;
    let verify: serde_json::Value = serde_json::from_str(&verify).unwrap();
    assert_eq!(verify["sets"][0]["absent"], 2);
}
