//! The real data, where a copy of it lies beside the repository.

use std::path::{Path, PathBuf};

use crate::world::World;

/// The mirror beside the repository, or a note that there is none.
fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no real data in {}", path.display());
    None
}

#[test]
fn the_real_test_sets_are_what_their_manifests_say() {
    let Some(mirror) = shared() else { return };
    let world = World::new();
    let mirror = mirror.display().to_string();
    let run = world.data(&["fetch", "tatoeba", "xquad-r", "--offline", "--mirror", &mirror]).ends(0);
    let run = run.prints("tatoeba: 224 of 224 files are good (224 new)").prints("xquad-r: 11 of 11");
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    world.data(&["verify"]).ends(0).prints("224 of 224");
}
