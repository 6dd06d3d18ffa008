//! The program as its users meet it: what `encode` and `verify` print, write and refuse.

mod attack;
mod cache;
mod config;
mod distill;
mod encode;
mod invariance;
mod manual;
mod perturb;
mod report;
mod robustness;
mod score;
mod shard;
mod snapshots;
mod task;
mod test;
mod tokenizer;
mod towers;
mod transport;
mod verify;
mod weights;
