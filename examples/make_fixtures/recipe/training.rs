//! How teacher and student come by what they know: the trainer that the program is about distils it into them.

use safetensors::SafeTensors;
use snellen::data::folder::Folder;
use snellen::distill::{Bitext, Config, Data, Distillation};
use snellen::encoder::Model;

use super::Result;
use super::checkpoint::Checkpoint;

/// English sentences, their embeddings those of the founder.
pub(crate) const TEACHER: &str = r#"
teacher = "founder"
steps = 120
batch = 16
bitext = [{ language = "eng", file = "sentences.tsv" }]
objective = { pooled = 1.0 }
optimizer = { learning_rate = 1e-2, warmup = 4 }
trained = { embeddings = true }
"#;

/// Sentences in five languages, and English ones: their embeddings, and by optimal transport their tokens, become those of the teacher's English. Long enough to
/// find three of four sentences: there has to be something to get wrong.
pub(crate) const STUDENT: &str = r#"
teacher = "teacher"
steps = 300
batch = 16
both_sides = true
bitext = [{ language = "all", file = "sentences.tsv" }]
objective = { tokens = { solver = "sinkhorn", epsilon = 0.1 }, pooled = 4.0 }
optimizer = { learning_rate = 1e-2, warmup = 6 }
trained = { from_layer = 1, embeddings = true }
"#;

/// `untaught` with the weights that training gives it.
pub(crate) fn taught(untaught: Checkpoint, by: &Checkpoint, config: &str, bitext: Vec<Bitext>) -> Result<Checkpoint> {
    let folder = tempfile::tempdir()?;
    let open = |role: &str, checkpoint: &Checkpoint| -> Result<Model> {
        let place = folder.path().join(role);
        for (path, bytes) in checkpoint.files()? {
            let path = place.join(path);
            std::fs::create_dir_all(path.parent().expect("a file of a folder"))?;
            std::fs::write(path, bytes)?;
        }
        Ok(Model::open(role, Folder::Disk(place.join(checkpoint.folder)))?)
    };
    let (teacher, student) = (open("by", by)?, open("untaught", &untaught)?);
    let config = Config::parse(config, "training.rs", &[])?;
    let data = Data { bitext, ..Data::default() };
    let mut distillation = Distillation::new(&config, &teacher, student, &data)?;
    let output = folder.path().join("taught");
    std::fs::create_dir(&output)?;
    distillation.train(&output, false, config.steps, &mut |_| ())?;
    distillation.finish(&output)?;
    let bytes = std::fs::read(output.join("model.safetensors"))?;
    let trained = SafeTensors::deserialize(&bytes)?;
    let tensors = untaught.tensors.into_iter().map(|tensor| match trained.tensor(&tensor.name) {
        Ok(found) => tensor.with(found.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
        // What encoders ignore is not trained.
        Err(_) => tensor,
    });
    Ok(Checkpoint { tensors: tensors.collect(), ..untaught })
}
