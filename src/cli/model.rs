//! `snellen model inspect`: what a checkpoint is.

use std::io::Write as _;

use serde_json::json;

use super::{Context, Ending, Failure, Machine};

/// What a checkpoint is.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show architecture, sizes, pooling, truncation, digest and tensors of a model.
    Inspect {
        /// A folder in the Hugging Face layout, or a name that `snellen data list` shows.
        model: String,
        /// table or json.
        #[arg(long, default_value = "table")]
        format: Machine,
    },
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Ending, Failure> {
    let Command::Inspect { model: name, format } = &args.command;
    let model = context.model(name)?;
    let weights = model.weights()?;
    let (config, recipe) = (model.config(), model.recipe());
    let parameters: usize = weights.iter().map(|(_, info)| info.shape.iter().product::<usize>()).sum();
    let facts = [
        ("model", json!(model.name())),
        ("architecture", json!(format!("{:?}", config.architecture))),
        ("layers", json!(config.layers)),
        ("hidden", json!(config.hidden)),
        ("heads", json!(config.heads)),
        ("intermediate", json!(config.intermediate)),
        ("activation", json!(format!("{:?}", config.activation))),
        ("vocabulary", json!(config.vocabulary)),
        ("max_tokens", json!(config.max_tokens)),
        ("first_position", json!(config.first_position)),
        ("pooling", json!(recipe.name(config))),
        ("parameters", json!(parameters)),
        ("sha256", json!(model.digest())),
    ];
    let mut out = std::io::stdout().lock();
    match format {
        Machine::Json => {
            let tensors: serde_json::Map<_, _> = weights
                .iter()
                .map(|(name, info)| {
                    (name.to_owned(), json!({"dtype": format!("{:?}", info.dtype), "shape": info.shape}))
                })
                .collect();
            let mut all = serde_json::Map::from_iter([("schema".to_owned(), json!(1))]);
            all.extend(facts.into_iter().map(|(name, value)| (name.to_owned(), value)));
            all.insert("tensors".to_owned(), tensors.into());
            writeln!(out, "{:#}", serde_json::Value::Object(all))?;
        }
        Machine::Table => {
            for (name, value) in facts {
                writeln!(out, "{name:15} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))?;
            }
            writeln!(out)?;
            for (name, info) in weights.iter() {
                writeln!(out, "{:?}\t{:?}\t{name}", info.dtype, info.shape)?;
            }
        }
    }
    Ok(Ending::Holds)
}
