//! Other values for some of a configuration's keys.

use std::str::FromStr;

use toml::{Table, Value};

/// What a key is to have instead of what the file says: `seed=2`, `objective.pooled=0.5`, `adversary={ method = "pgd", radius = 0.3 }`; after an empty
/// value nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    path: Vec<String>,
    value: Option<Value>,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{text}: {what}; expected KEY=VALUE as in TOML, e.g. seed=2");
        let (path, value) = text.split_once('=').ok_or_else(|| wrong("no ="))?;
        let path: Vec<String> = path.split('.').map(|key| key.trim().to_owned()).collect();
        if path.iter().any(String::is_empty) {
            return Err(wrong("a key is empty"));
        }
        if value.trim().is_empty() {
            return Ok(Self { path, value: None });
        }
        let mut table: Table = toml::from_str(&format!("value = {value}")).map_err(|e| wrong(e.message()))?;
        match table.remove("value") {
            value @ Some(_) if table.is_empty() => Ok(Self { path, value }),
            _ => Err(wrong("more than one value")),
        }
    }
}

impl Setting {
    /// Puts the value where it belongs; the last key of the path is replaced with all that it has.
    pub(super) fn apply(&self, table: &mut Table) -> Result<(), String> {
        let (last, before) = self.path.split_last().expect("a path has a key");
        let mut table = table;
        for key in before {
            let below = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
            table = below.as_table_mut().ok_or_else(|| format!("{}: {key} is no table", self.path.join(".")))?;
        }
        match &self.value {
            Some(value) => _ = table.insert(last.clone(), value.clone()),
            None if table.remove(last).is_none() => {
                return Err(format!("{}: there is none to take away", self.path.join(".")));
            }
            None => {}
        }
        Ok(())
    }
}
