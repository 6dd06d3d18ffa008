//! Proves `kernel::math` by exhaustion: every `f32` there is, against CORE-MATH.
//!
//! `cargo run --release --example prove_math [exp] [tanh] [erf] [log]` compares the functions named (all four if none)
//! on all 2^32 inputs and exits with 1 if any result differs. With `--hardest` it lists instead the inputs whose exact
//! results lie nearest to the midpoint of two neighbouring `f32`, judged by CORE-MATH's `f64` functions: the cases a
//! poor evaluation gets wrong first.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(unix)]
mod proof {
    use std::process::ExitCode;
    use std::time::Instant;

    use rayon::prelude::*;
    use snellen::kernel::math;

    /// A function, ours over a slice, the oracle's in `f32` and in `f64`.
    struct Subject {
        name: &'static str,
        ours: fn(&[f32], &mut [f32]),
        oracle: fn(f32) -> f32,
        wide: fn(f64) -> f64,
    }

    const SUBJECTS: [Subject; 4] = [
        Subject {
            name: "exp",
            ours: |from, to| to.iter_mut().zip(from).for_each(|(to, &x)| *to = math::exp(x)),
            oracle: core_math::expf,
            wide: core_math::exp,
        },
        Subject {
            name: "tanh",
            ours: |from, to| to.iter_mut().zip(from).for_each(|(to, &x)| *to = math::tanh(x)),
            oracle: core_math::tanhf,
            wide: core_math::tanh,
        },
        Subject {
            name: "erf",
            ours: |from, to| to.iter_mut().zip(from).for_each(|(to, &x)| *to = math::erf(x)),
            oracle: core_math::erff,
            wide: core_math::erf,
        },
        Subject {
            name: "log",
            ours: |from, to| to.iter_mut().zip(from).for_each(|(to, &x)| *to = math::log(x)),
            oracle: core_math::logf,
            wide: core_math::log,
        },
    ];

    const BLOCK: u32 = 1 << 12;
    const BLOCKS: u32 = 1 << 20;
    /// How many of the hardest inputs are listed.
    const LISTED: usize = 24;

    /// The inputs on which ours and the oracle differ; one NaN is like another.
    fn mismatches(subject: &Subject) -> Vec<u32> {
        let block = |block: u32| {
            let inputs: Vec<f32> = (0..BLOCK).map(|k| f32::from_bits(block * BLOCK + k)).collect();
            let mut ours = vec![0.0; inputs.len()];
            (subject.ours)(&inputs, &mut ours);
            inputs.into_iter().zip(ours).filter_map(|(x, ours)| {
                let oracle = (subject.oracle)(x);
                let same = ours.to_bits() == oracle.to_bits() || ours.is_nan() && oracle.is_nan();
                (!same).then_some(x.to_bits())
            })
        };
        (0..BLOCKS).into_par_iter().flat_map_iter(block).collect()
    }

    /// How far an `f64` is from the midpoint of the two `f32` around it, in units of its last place.
    fn distance(value: f64) -> u64 {
        // Below the smallest normal f32 the spacing is fixed at 2^-149.
        let magnitude = value.abs();
        let dropped = if magnitude >= f64::from(f32::MIN_POSITIVE) {
            29
        } else {
            29 + 897 - (magnitude.to_bits() >> 52).clamp(874, 897)
        };
        let half = 1_u64 << (dropped - 1);
        let significand = magnitude.to_bits() & ((1 << 52) - 1) | 1 << 52;
        (significand & (2 * half - 1)).abs_diff(half)
    }

    /// The inputs nearest to a midpoint, nearest first. Where the function is odd, and so a multiple of x near 0,
    /// negative and tiny inputs would repeat the others.
    fn hardest(subject: &Subject) -> Vec<(u64, u32)> {
        let odd = subject.name == "tanh" || subject.name == "erf";
        let keep = |mut found: Vec<(u64, u32)>| {
            found.sort_unstable();
            found.truncate(LISTED);
            found
        };
        let block = |block: u32| {
            let found = (0..BLOCK).filter_map(|k| {
                let bits = block * BLOCK + k;
                let x = f32::from_bits(bits);
                let plain = (subject.oracle)(x);
                if !plain.is_finite() || plain == 0.0 || plain.abs() == 1.0 || odd && x < 1e-10 {
                    return None;
                }
                let distance = distance((subject.wide)(f64::from(x)));
                (distance < 1 << 10).then_some((distance, bits))
            });
            keep(found.collect())
        };
        (0..BLOCKS).into_par_iter().map(block).reduce(Vec::new, |mut some, more| {
            some.extend(more);
            keep(some)
        })
    }

    pub(super) fn run() -> ExitCode {
        let (flags, names): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|a| a.starts_with("--"));
        let list = flags.iter().any(|flag| flag == "--hardest");
        let known = |name: &String| SUBJECTS.iter().any(|subject| subject.name == name);
        if flags.len() > usize::from(list) || !names.iter().all(known) {
            eprintln!("usage: prove_math [--hardest] [exp] [tanh] [erf] [log]");
            return ExitCode::from(2);
        }
        let mut failed = false;
        for subject in SUBJECTS.iter().filter(|s| names.is_empty() || names.iter().any(|name| name == s.name)) {
            let start = Instant::now();
            if list {
                println!(
                    "{}: distance from a midpoint in units of the f64's last place, input bits, result bits",
                    subject.name
                );
                for (distance, bits) in hardest(subject) {
                    let result = (subject.oracle)(f32::from_bits(bits)).to_bits();
                    println!("  {distance:4} (0x{bits:08x}, 0x{result:08x}),");
                }
                continue;
            }
            let wrong = mismatches(subject);
            let seconds = start.elapsed().as_secs_f64();
            println!("{:5} {} inputs, {} mismatches, {seconds:.1} s", subject.name, 1_u64 << 32, wrong.len());
            for bits in wrong.iter().take(LISTED) {
                let x = f32::from_bits(*bits);
                let mut ours = [0.0];
                (subject.ours)(&[x], &mut ours);
                println!("  {x:e} (0x{bits:08x}): {:e}, oracle {:e}", ours[0], (subject.oracle)(x));
            }
            failed |= !wrong.is_empty();
        }
        ExitCode::from(u8::from(failed))
    }
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    proof::run()
}

#[cfg(not(unix))]
fn main() {
    eprintln!("the oracle, CORE-MATH, is built on Unix only");
}
