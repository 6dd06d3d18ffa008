//! A distillation in a folder: its logs, what it goes on from after it was interrupted, and the student at the end.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::fault::DistillFault;
use super::state::{self, State};
use super::{Distillation, Report, Validated};
use crate::Result;
use crate::data::{FileFault, atomic, digest};

/// The file that is written last.
pub const SUMMARY: &str = "run.json";

/// A line a step.
pub const LOG: &str = "log.csv";
/// A line a validation and language.
pub const VALIDATION: &str = "validation.csv";
const HEADS: [(&str, &str); 2] = [
    (LOG, "step,loss,tokens_loss,pooled_loss,other_loss,gradient,learning_rate,tokens_read\n"),
    (VALIDATION, "step,language,accuracy\n"),
];

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A step was made.
    Step(Report),
    /// The student was looked at.
    Validated(Validated),
}

/// Where a distillation is kept.
struct Folder<'a> {
    path: &'a Path,
    logs: [File; 2],
    /// Locked for as long as this process is at work.
    _lock: File,
}

impl Distillation<'_> {
    /// Makes all steps that are left, `save`d after so many and at the end, with its logs in `folder`; [`Self::finish`] is to follow. Where a distillation was interrupted
    /// there, it goes on from what was saved last if it may `resume`; what comes out does not depend on it. `watch` hears what happens.
    ///
    /// # Errors
    /// As [`Self::step`] and [`Self::validate`]; a folder that cannot be written, has other files, another distillation, one that is not to be resumed or that another process
    /// is at work on.
    pub fn train(&mut self, folder: &Path, resume: bool, save: usize, watch: &mut dyn FnMut(&Event)) -> Result<()> {
        let lock = self.go_on(folder, resume)?;
        let mut kept = Folder::open(folder, &self.state, lock)?;
        if self.state.step == 0 && !self.validation.is_empty() {
            self.look(&mut kept, watch)?;
        }
        while !self.is_over() {
            let report = self.step()?;
            kept.log(&report)?;
            watch(&Event::Step(report));
            if self.is_to_validate() {
                self.look(&mut kept, watch)?;
            }
            if self.state.step.is_multiple_of(save.max(1)) || self.is_over() {
                // The logs first: what is saved is never ahead of them.
                kept.sync()?;
                self.state.logs = kept.digests()?;
                self.state.write(&state_of(folder), &self.key, &self.described())?;
            }
        }
        kept.sync()
    }

    /// Whether what is kept is the best.
    fn is_patient(&self) -> bool {
        self.config.validation.as_ref().is_some_and(|validation| validation.patience > 0)
    }

    /// Takes over what was saved, if something was, and locks the folder.
    fn go_on(&mut self, folder: &Path, resume: bool) -> Result<File> {
        let refuse = |what: String| DistillFault::State { file: folder.display().to_string(), what };
        let ended = || refuse("a distillation has come to its end here: give another --output".to_owned());
        if folder.join(SUMMARY).exists() {
            // Killed at the very end it may have left this.
            let _ = std::fs::remove_dir_all(folder.join(TRAINING));
            return Err(ended().into());
        }
        let path = state_of(folder);
        if !resume && (path.exists() || folder.join(LOG).exists()) {
            return Err(refuse("a distillation was begun here: --resume goes on with it".to_owned()).into());
        }
        if let Some(other) = other_file(folder).filter(|_| !path.exists()) {
            return Err(refuse(format!("{other} is there, which a student could overwrite: give a new folder")).into());
        }
        let lock = lock(folder)?;
        // Another process may have been at its last step.
        if folder.join(SUMMARY).exists() {
            return Err(ended().into());
        }
        if path.exists() {
            self.state = State::read(&path, &self.key, &self.described())?;
            self.student.assign(&self.state.weights.values)?;
            (0..self.state.step).for_each(|_| drop(self.sampler.next(self.config.batch)));
        }
        Ok(lock)
    }

    /// The configuration, a key a line.
    fn described(&self) -> String {
        format!("{:#}", json!(self.config))
    }

    /// Validates, and notes whether it is the best so far.
    fn look(&mut self, kept: &mut Folder<'_>, watch: &mut dyn FnMut(&Event)) -> Result<()> {
        let found = self.validate()?;
        kept.log_validation(&found)?;
        let mean = found.mean();
        if self.state.best.is_none_or(|(_, best)| mean > best) {
            self.state.best = Some((found.step, mean));
            self.state.stale = 0;
            if self.is_patient() {
                self.state.best_weights = state::write_values(&best_of(kept.path), &self.state.weights.values)?;
            }
        } else {
            self.state.stale += 1;
        }
        watch(&Event::Validated(found));
        Ok(())
    }

    /// Writes the student of a training that is over into its `folder`, as Hugging Face has them, and last of all the summary; what was saved goes.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn finish(&self, folder: &Path) -> Result<()> {
        match self.state.best {
            Some(_) if self.is_patient() => {
                let best = state::read_values(&best_of(folder), &self.state.best_weights)?;
                self.student.save(&best, folder)?;
            }
            _ => self.student.save(&self.state.weights.values, folder)?,
        }
        let digest_of = |name: &str| digest::of_file(&folder.join(name)).map(|(digest, _)| digest);
        let model = |side: usize| {
            let (model, recipe) = ([self.teacher, &self.student][side], &self.recipes[side]);
            json!({"name": model.name(), "sha256": model.digest(), "layer": recipe.layer, "prefix": recipe.prefix})
        };
        let languages =
            self.languages.iter().map(|language| json!({"language": language.name, "pairs": language.pairs.len()}));
        let summary = json!({
            "schema": 1,
            "steps": self.state.step,
            "best_step": self.best_step(),
            "best_accuracy": self.state.best.map(|(_, accuracy)| accuracy),
            "teacher": model(0),
            "student": model(1),
            "bitext": languages.collect::<Vec<Value>>(),
            "held_out_pairs": self.held_out,
            "unusable_pairs": self.unusable(),
            "configuration": self.config,
            "configuration_sha256": self.key,
            "model_sha256": digest_of("model.safetensors")?,
            "log_sha256": digest_of(LOG)?,
            "validation_sha256": digest_of(VALIDATION)?,
        });
        atomic::write(&folder.join(SUMMARY), format!("{summary:#}\n").as_bytes())?;
        // It has done its work; what cannot be removed is in nobody's way.
        let _ = std::fs::remove_dir_all(folder.join(TRAINING));
        Ok(())
    }
}

const TRAINING: &str = "training";

/// A file that no interrupted distillation has left.
fn other_file(folder: &Path) -> Option<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort_unstable();
    let ours = |name: &str| [LOG, VALIDATION, TRAINING].contains(&name) || name.starts_with(atomic::TEMPORARY);
    names.into_iter().find(|name| !ours(name))
}

/// Keeps other processes away until the file is closed.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(TRAINING).join("lock");
    std::fs::create_dir_all(folder.join(TRAINING)).map_err(FileFault::io("create", folder))?;
    let file = File::create(&path).map_err(FileFault::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let what = "another process is distilling here".to_owned();
            Err(DistillFault::State { file: folder.display().to_string(), what }.into())
        }
        Err(TryLockError::Error(e)) => Err(FileFault::io("lock", &path)(e).into()),
    }
}

fn state_of(folder: &Path) -> PathBuf {
    folder.join(TRAINING).join("state.safetensors")
}

fn best_of(folder: &Path) -> PathBuf {
    folder.join(TRAINING).join("best.safetensors")
}

impl<'a> Folder<'a> {
    /// Opens the logs; of lines beyond this state's step nothing is left.
    fn open(path: &'a Path, state: &State, lock: File) -> Result<Self> {
        let step = state.step;
        let log = |(name, head): (&str, &str)| -> Result<File> {
            let file = path.join(name);
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let of = |line: &str| line.split(',').next().and_then(|number| number.parse::<usize>().ok());
            // A line that a killed process did not finish has no end. At step 0 nothing has been validated yet.
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let known = whole.filter(|line| of(line).is_some_and(|number| step > 0 && number <= step));
            atomic::write(&file, known.fold(head.to_owned(), |all, line| all + line).as_bytes())?;
            Ok(OpenOptions::new().append(true).open(&file).map_err(FileFault::io("open", &file))?)
        };
        let opened = Self { path, logs: [log(HEADS[0])?, log(HEADS[1])?], _lock: lock };
        if step > 0 && opened.digests()? != state.logs {
            let what =
                format!("{LOG} or {VALIDATION} is not what it was when step {step} was saved: give a new folder");
            return Err(DistillFault::State { file: path.display().to_string(), what }.into());
        }
        Ok(opened)
    }

    /// What the logs are.
    fn digests(&self) -> Result<String> {
        let digest = |(name, _): (&str, &str)| Ok::<_, crate::Error>(digest::of_file(&self.path.join(name))?.0);
        Ok(format!("{} {}", digest(HEADS[0])?, digest(HEADS[1])?))
    }

    fn log(&mut self, report: &Report) -> Result<()> {
        let Report { step, loss, tokens, pooled, other, gradient, rate, read } = report;
        let other = other.map_or(String::new(), |other| other.to_string());
        self.put(0, &format!("{step},{loss},{tokens},{pooled},{other},{gradient},{rate},{read}\n"))
    }

    fn log_validation(&mut self, found: &Validated) -> Result<()> {
        let line = |(language, accuracy): &(String, f64)| format!("{},{language},{accuracy}\n", found.step);
        self.put(1, &found.accuracy.iter().map(line).collect::<String>())
    }

    fn put(&mut self, log: usize, lines: &str) -> Result<()> {
        let path = self.path.join(HEADS[log].0);
        Ok(self.logs[log].write_all(lines.as_bytes()).map_err(FileFault::io("write", &path))?)
    }

    fn sync(&self) -> Result<()> {
        for (file, (name, _)) in self.logs.iter().zip(HEADS) {
            file.sync_all().map_err(FileFault::io("write", &self.path.join(name)))?;
        }
        Ok(())
    }
}
