//! Distillation: against PyTorch, and to the same bytes however it is computed and wherever it is interrupted.

mod pytorch;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use snellen::data::bitext::Pair;
use snellen::data::digest::of_file;
use snellen::data::folder::Folder;
use snellen::distill::{Bitext, Config, Data, Distillation, Event, LOG, VALIDATION};
use snellen::encoder::{Batching, How, Model};
use snellen::kernel::isa::Isa;

/// Where SNELLEN_CACHE has a checkpoint; says so if it has not.
fn fetched(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SNELLEN_CACHE").map(|cache| Path::new(&cache).join("data").join(name));
    let found = folder.filter(|folder| folder.is_dir());
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: distillation of {name}: needs SNELLEN_CACHE");
    }
    found
}

fn student() -> Model {
    let folder = format!("{}/fixtures/student", env!("CARGO_MANIFEST_DIR"));
    Model::open("student", Folder::Disk(folder.into())).unwrap()
}

/// Our own sentences in a language, less the first.
fn sentences(language: &str, skip: usize) -> Bitext {
    let text = include_str!("../../fixtures/recipe/sentences.tsv");
    let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let column = lines.next().unwrap().iter().position(|name| *name == language).unwrap();
    let pair = |(i, fields): (usize, Vec<&str>)| Pair {
        id: i.to_string(),
        source: fields[0].to_owned(),
        target: fields[column].to_owned(),
    };
    Bitext { language: language.to_owned(), pairs: lines.enumerate().skip(skip).map(pair).collect() }
}

const COMMON: &str = r#"
teacher = "student"
steps = 12
batch = 6
bitext = [{ language = "swh", file = "a" }, { language = "deu", file = "b" }]
temperature = 2.0
optimizer = { learning_rate = 1e-3, warmup = 2 }
validation = { every = 4, bitext = [{ language = "swh", file = "c" }] }
"#;

/// Every objective, and every way to another view of a text.
const CASES: [&str; 9] = [
    r#"objective = { tokens = { solver = "sinkhorn" } }"#,
    r#"objective = { tokens = { solver = "ipot", masses = "norm" }, pooled = 0.5 }
       both_sides = true"#,
    r#"objective = { tokens = { solver = "exact" } }
       trained = { embeddings = true }"#,
    r#"objective = { tokens = { solver = "hungarian" } }
       trained = { from_layer = 1 }"#,
    r#"objective = { tokens = { solver = "greedy" } }
       layer = 1"#,
    r#"objective = { pooled = 1.0 }
       trained = { embeddings = true }
       noise = { kind = "typo@0.3" }"#,
    r#"objective = { pooled = 1.0 }
       adversary = { method = "fgsm", radius = 0.1 }"#,
    r#"objective = { tokens = { solver = "sinkhorn" } }
       adversary = { method = "pgd", radius = 0.3, consistency = 0.5, norm = "l2" }"#,
    r#"objective = { tokens = { solver = "sinkhorn" } }
       trained = { embeddings = true }
       adversary = { method = "freelb", radius = 0.3, steps = 3, weight = 1.0 }"#,
];

fn config(case: &str) -> Config {
    // Tables come after values.
    let (common, case) = (COMMON.replace("steps = 12", &format!("{case}\nsteps = 12")), "");
    Config::parse(&format!("{common}{case}"), "test.toml", &[]).unwrap()
}

fn data() -> Data {
    let bitext = vec![sentences("swh", 0), sentences("deu", 20)];
    Data { bitext, validation: vec![sentences("swh", 40)], ..Data::default() }
}

fn distillation<'a>(config: &'a Config, teacher: &'a Model) -> Distillation<'a> {
    Distillation::new(config, teacher, student(), &data()).unwrap()
}

/// A whole distillation.
fn run(
    mut distillation: Distillation<'_>,
    folder: &Path,
    resume: bool,
    save: usize,
    watch: &mut dyn FnMut(&Event),
) -> snellen::Result<()> {
    distillation.train(folder, resume, save, watch)?;
    distillation.finish(folder)
}

/// The digests of everything that came out.
fn outcome(folder: &Path) -> Vec<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name != "training" && !name.starts_with('.'), "{name} is left");
        names.insert(name);
    }
    names.retain(|name| folder.join(name).is_file());
    names.iter().map(|name| format!("{name} {}", of_file(&folder.join(name)).unwrap().0)).collect()
}

fn ran(config: &Config) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    run(distillation(config, &student()), folder.path(), false, 5, &mut |_| ()).unwrap();
    outcome(folder.path())
}

#[test]
fn one_outcome_on_any_threads_and_instruction_set() {
    for case in CASES {
        let config = config(case);
        let expected = ran(&config);
        assert!(expected.iter().any(|file| file.starts_with("model.safetensors ")), "{expected:?}");
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            assert!(isa.force());
            for threads in if isa == Isa::best() { &[1, 3][..] } else { &[2] } {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(*threads).build().unwrap();
                assert_eq!(pool.install(|| ran(&config)), expected, "{isa}, {threads} threads: {case}");
            }
        }
        assert!(Isa::best().force());
    }
}

#[test]
fn one_outcome_wherever_it_is_interrupted() {
    let patient = [(CASES[0], 1), (CASES[5], 1)];
    for (case, patience) in CASES.into_iter().map(|case| (case, 0)).chain(patient) {
        let mut config = config(case);
        config.validation.as_mut().unwrap().patience = patience;
        let expected = ran(&config);
        for stop in [1, 4, 11] {
            let folder = tempfile::tempdir().unwrap();
            let go = |resume, watch: &mut dyn FnMut(&Event)| {
                run(distillation(&config, &student()), folder.path(), resume, 2, watch)
            };
            let interrupted = catch_unwind(AssertUnwindSafe(|| {
                go(false, &mut |event| {
                    if matches!(event, Event::Step(report) if report.step == stop) {
                        // As a kill does: no destructor of ours has anything to do.
                        std::panic::resume_unwind(Box::new(()));
                    }
                })
            }));
            if interrupted.is_err() {
                // What a killed process was writing has no end.
                let log = folder.path().join(LOG);
                let text = std::fs::read_to_string(&log).unwrap();
                std::fs::write(&log, format!("{text}7,0.1")).unwrap();
                let refused = go(false, &mut |_| ()).unwrap_err().to_string();
                assert!(refused.ends_with("a distillation was begun here: --resume goes on with it"), "{refused}");
                go(true, &mut |_| ()).unwrap();
            }
            assert_eq!(outcome(folder.path()), expected, "interrupted after {stop}: {case}");
            let refused = go(true, &mut |_| ()).unwrap_err().to_string();
            assert!(refused.ends_with("a distillation has come to its end here: give another --output"), "{refused}");
        }
    }
}

#[test]
fn another_distillation_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (first, teacher) = (config(CASES[0]), student());
    let stopped = catch_unwind(AssertUnwindSafe(|| {
        run(distillation(&first, &teacher), folder.path(), false, 1, &mut |event| {
            if matches!(event, Event::Step(report) if report.step == 3) {
                std::panic::resume_unwind(Box::new(()));
            }
        })
    }));
    assert!(stopped.is_err());
    let second = Config { seed: 1, ..first.clone() };
    let refused = run(distillation(&second, &teacher), folder.path(), true, 1, &mut |_| ()).unwrap_err().to_string();
    assert!(refused.contains("it is of another configuration (there \"seed\": 0; here \"seed\": 1)"), "{refused}");
    let again = || run(distillation(&first, &teacher), folder.path(), true, 1, &mut |_| ()).unwrap_err().to_string();
    // A log that somebody has touched, and a state of which a bit or an end is not as it was.
    let log = folder.path().join(LOG);
    let text = std::fs::read(&log).unwrap();
    std::fs::write(&log, String::from_utf8_lossy(&text).replacen("0.", "1.", 1)).unwrap();
    assert!(again().contains("log.csv or validation.csv is not what it was when step 2 was saved"), "{}", again());
    std::fs::write(&log, text).unwrap();
    let state = folder.path().join("training/state.safetensors");
    let bytes = std::fs::read(&state).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() - 1000] ^= 1;
    std::fs::write(&state, flipped).unwrap();
    assert!(again().ends_with("it is damaged: remove the folder and begin again"), "{}", again());
    std::fs::write(&state, &bytes[..bytes.len() - 9]).unwrap();
    assert!(again().starts_with(&state.display().to_string()), "{}", again());
}

#[test]
fn best_weights_that_are_damaged_become_no_student() {
    let mut config = config(CASES[0]);
    config.validation.as_mut().unwrap().patience = 1;
    let (folder, teacher) = (tempfile::tempdir().unwrap(), student());
    let mut distillation = distillation(&config, &teacher);
    distillation.train(folder.path(), false, 1, &mut |_| ()).unwrap();
    let best = folder.path().join("training/best.safetensors");
    let whole = std::fs::read(&best).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() - 1000] ^= 1;
    std::fs::write(&best, flipped).unwrap();
    let refused = distillation.finish(folder.path()).unwrap_err().to_string();
    assert!(refused.ends_with("these best weights are damaged: remove the folder and begin again"), "{refused}");
    std::fs::write(&best, whole).unwrap();
    distillation.finish(folder.path()).unwrap();
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let (config, teacher) = (config(CASES[0]), student());
    let folder = tempfile::tempdir().unwrap();
    let go = |resume| run(distillation(&config, &teacher), folder.path(), resume, 1, &mut |_| ());
    std::fs::write(folder.path().join("model.safetensors"), "somebody's").unwrap();
    for resume in [false, true] {
        let refused = go(resume).unwrap_err().to_string();
        assert!(refused.contains("model.safetensors is there"), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    // Another process at work, as far as locks tell.
    std::fs::create_dir(folder.path().join("training")).unwrap();
    let lock = std::fs::File::create(folder.path().join("training/lock")).unwrap();
    lock.lock().unwrap();
    assert!(go(false).unwrap_err().to_string().ends_with("another process is distilling here"));
    drop(lock);
    // What a process left that was killed before its first log was whole is nobody's.
    std::fs::write(folder.path().join(".snellen-killed"), "half").unwrap();
    go(true).unwrap();
    std::fs::create_dir(folder.path().join("training")).unwrap();
    assert!(go(true).unwrap_err().to_string().contains("come to its end here"));
    // Neither that nor what is left of its training where it was killed at its end.
    outcome(folder.path());
}

#[test]
fn what_is_held_out_is_not_learned_from() {
    let config = config(CASES[5]);
    let teacher = student();
    let mut data = data();
    let all = data.bitext.iter().map(|part| part.pairs.len()).sum::<usize>();
    // In small letters, without its point; and a translation.
    data.held_out =
        vec!["the water is cold".to_owned(), data.bitext[1].pairs[7].target.clone(), "Nobody says this.".to_owned()];
    let distillation = Distillation::new(&config, &teacher, student(), &data).unwrap();
    assert_eq!(distillation.held_out(), 2, "of {all}");
    data.held_out = data.bitext[0].pairs.iter().map(|pair| pair.source.clone()).collect();
    let refused = Distillation::new(&config, &teacher, student(), &data).map(drop).unwrap_err().to_string();
    assert!(refused.starts_with("swh: no pair"), "{refused}");
}

/// The folder that comes out is the student that was trained: it is found again by who opens it, and validates as the last line says.
#[test]
fn the_student_is_what_was_trained() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(CASES[5]);
    run(distillation(&config, &student()), folder.path(), false, 5, &mut |_| ()).unwrap();
    let last = std::fs::read_to_string(folder.path().join(VALIDATION)).unwrap();
    let last: f64 = last.lines().last().unwrap().rsplit(',').next().unwrap().parse().unwrap();
    let opened = Model::open("opened", Folder::Disk(folder.path().to_owned())).unwrap();
    let teacher = student();
    let found = Distillation::new(&config, &teacher, opened, &data());
    assert_eq!(found.unwrap().validate().unwrap().mean(), last);
    let opened = Model::open("opened", Folder::Disk(folder.path().to_owned())).unwrap();
    let recipe = opened.recipe();
    let how = How { recipe: &recipe, batching: Batching::default(), first: 0, done: &|_| () };
    let [new, old] = [&opened, &student()].map(|model| model.embed_texts(&how, &["Maji ni baridi."]).unwrap());
    assert!((&new - &old).iter().any(|x| x.abs() > 1e-3), "it has learned");
    assert!(opened.weights().unwrap().iter().all(|(_, info)| info.dtype == safetensors::Dtype::F32));
}

#[test]
fn what_is_learned_gets_better() {
    for case in CASES {
        let mut config = config(case);
        (config.steps, config.batch) = (40, 24);
        let teacher = student();
        let mut distillation = distillation(&config, &teacher);
        let losses: Vec<f64> = (0..40).map(|_| distillation.step().unwrap().loss).collect();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        assert!(mean(&losses[30..]) < 0.9 * mean(&losses[..5]), "{case}: {losses:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let base = "teacher = \"t\"\nsteps = 1\nbatch = 1\n";
    let rest = "bitext = [{ language = \"swh\", file = \"a\" }]\nobjective = { pooled = 1.0 }\n";
    for (text, said) in [
        ("", "t.toml, line 1: missing field `bitext`"),
        (&format!("{rest}stepz = 2"), "t.toml, line 6: unknown field `stepz`"),
        (&rest.replace("1.0", "-1.0"), "objective.pooled = -1: it must be finite and not below 0"),
        (&rest.replace("1.0", "0.0"), "objective: neither tokens nor pooled"),
        (
            &rest.replace("pooled = 1.0", "tokens = { solver = \"exact\", epsilon = 1.0 }"),
            "objective.tokens.epsilon: this solver has none",
        ),
        (
            &rest.replace("pooled = 1.0", "tokens = { solver = \"greedy\", masses = \"norm\" }"),
            "objective.tokens.masses: this solver has none",
        ),
        (&format!("{rest}optimizer = {{ beta2 = 1.0 }}"), "optimizer.beta2 = 1: it must be from 0 to below 1"),
        (&format!("{rest}noise = {{ kind = \"tipo\" }}"), "noise.kind: "),
        (
            &format!("{rest}adversary = {{ method = \"fgsm\", radius = 0.1, steps = 2 }}"),
            "adversary.steps: fgsm has one",
        ),
        (
            &format!("{rest}adversary = {{ method = \"pgd\", radius = 0.0 }}"),
            "adversary.radius = 0: it must be from 0.000001 to 1000",
        ),
        (
            &format!("{rest}noise = {{ kind = \"typo\" }}\nadversary = {{ method = \"pgd\", radius = 0.1 }}"),
            "both [adversary] and [noise]",
        ),
        (&format!("{rest}validation = {{ every = 0, bitext = [] }}"), "validation.every = 0: it must be at least 1"),
        (&format!("{rest}validation = {{ every = 1, bitext = [] }}"), "no [[validation.bitext]]"),
    ] {
        let refused = Config::parse(&format!("{base}{text}"), "t.toml", &[]).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}, not {said}");
    }
    let much = base.replace("batch = 1", "batch = 9223372036854775807");
    let refused = Config::parse(&format!("{much}{rest}"), "t.toml", &[]).unwrap_err().to_string();
    assert!(refused.contains("batch = 9223372036854775807: at most 1048576 pairs"), "{refused}");
    let config = config(
        r#"objective = { pooled = 1.0 }
        trained = { from_layer = 2 }"#,
    );
    let teacher = student();
    let refused = Distillation::new(&config, &teacher, student(), &data()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("of 2 layers none is left"), "{refused}");
    let config = Config { longest: 2, trained: snellen::distill::config::Trained::default(), ..config };
    let refused = Distillation::new(&config, &teacher, student(), &data()).map(drop).unwrap_err();
    assert!(refused.to_string().starts_with("swh: no pair"), "{refused}");
}
