//! TREC's files of judgements (*qrels*) and of rankings (*runs*): fields separated by blanks, a line a judgement or a hit, each also `.gz`.
//!
//! Empty lines and lines that begin with `#` are passed over, as trec_eval 10 does. What cannot be read is refused with its line.

mod lines;
mod qrels;
mod run;

pub use lines::TrecFile;
pub use qrels::{Judgement, Qrels};
pub use run::{Entry, Line};
