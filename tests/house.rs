//! The house of README: a floor imports only floors below it.

use std::path::Path;

/// Folders of `src/` and their floors.
const FLOORS: [(&str, u8); 11] = [
    ("report", 6),
    ("claim", 5),
    ("distill", 4),
    ("task", 3),
    ("attack", 3),
    ("retrieval", 2),
    ("metric", 2),
    ("transport", 2),
    ("encoder", 2),
    ("kernel", 1),
    ("data", 1),
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn a_floor_imports_only_floors_below_it() {
    let mut checked = 0;
    for (folder, floor) in FLOORS {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder), &mut files);
        for (name, text) in files {
            for (other, above) in FLOORS {
                let imports = text.contains(&format!("crate::{other}::")) || text.contains(&format!("crate::{other};"));
                assert!(
                    !imports || other == folder || above < floor,
                    "{name}, floor {floor}, imports {other}, floor {above}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 100);
}
