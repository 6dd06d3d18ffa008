//! What one core's arithmetic units could do at most, so that a measured speed has something to be measured against.
//!
//! Each loop issues one kind of multiply-add on twelve accumulators that stay in registers: more than the latency of any such instruction
//! times the units that issue it (of AMX's tiles four, one after the other, are). Nothing is loaded, so that no product can be faster. Counted are two operations, a multiplication and
//! an addition, for each pair of numbers.

use std::time::{Duration, Instant};

use super::isa::Isa;

/// Independent accumulators of each loop.
const ACCUMULATORS: u64 = 12;

/// Rounds of one timed run: a tenth of a millisecond or so.
const ROUNDS: u64 = 50_000;

/// How long each loop is tried. Its best run counts: others have met an interruption or a clock still rising.
const PATIENCE: Duration = Duration::from_millis(60);

/// Peaks of one core with one instruction set, in 10^9 operations a second.
#[derive(Clone, Copy, Debug)]
pub struct Peaks {
    /// Single precision: fused multiply-adds, or, where the instruction set has none, multiplications and additions.
    pub f32: f64,
    /// Double precision.
    pub f64: f64,
    /// Pairs of 16-bit integers summed in 32 bits, where the instruction set has them (`vpdpwssd`, else `vpmaddwd` and `vpaddd`).
    pub int16: Option<f64>,
    /// Quadruples of 8-bit integers summed in 32 bits (`vpdpbusd`, or by AMX's tiles, `tdpbssd`).
    pub int8: Option<f64>,
}

/// Measures the peaks of `isa` on the core that runs this; takes a quarter of a second. What the processor has not is as portable loops do it.
#[must_use]
pub fn peaks(isa: Isa) -> Peaks {
    #[cfg(target_arch = "x86_64")]
    if isa.present() {
        match isa {
            Isa::Portable => {}
            Isa::Avx2 => return x86::avx2(),
            Isa::Amx => return Peaks { int8: Some(x86::tiles()), ..x86::avx512() },
            _ => return x86::avx512(),
        }
    }
    let _ = isa;
    Peaks { f32: best(LANES, plain_f32), f64: best(LANES, plain_f64), int16: None, int8: None }
}

/// The best speed of a loop whose round does `pairs` multiply-adds on each of the accumulators.
fn best(pairs: u64, run: impl Fn(u64)) -> f64 {
    let begun = Instant::now();
    let mut least = f64::INFINITY;
    while begun.elapsed() < PATIENCE {
        let start = Instant::now();
        run(ROUNDS);
        least = least.min(start.elapsed().as_secs_f64());
    }
    (2 * pairs * ACCUMULATORS * ROUNDS) as f64 / least / 1e9
}

/// Numbers of a portable accumulator.
const LANES: u64 = 4;

/// A loop that the compiler can turn into vectors, but not simplify: it does not know x, y or the accumulators.
macro_rules! plain {
    ($name:ident, $ty:ty) => {
        fn $name(rounds: u64) {
            let (x, y) = std::hint::black_box((0.999, 0.001));
            let mut sums: [$ty; (LANES * ACCUMULATORS) as usize] = std::hint::black_box([1.0; _]);
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = *sum * x + y;
                }
            }
            std::hint::black_box(sums);
        }
    };
}

plain!(plain_f32, f32);
plain!(plain_f64, f64);

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use std::arch::asm;

    use super::{Peaks, best};
    use crate::kernel::amx::{Amx, Config, HEIGHT, LEFT, RIGHT, Tiles, WIDTH};

    /// Text of an instruction on vectors of one width: accumulator `$n` from registers 14 and 15.
    macro_rules! step {
        ($insn:literal, $width:literal, $n:literal) => {
            concat!($insn, " ", $width, $n, ", ", $width, "14, ", $width, "15")
        };
    }

    /// A function that repeats one instruction on each of the accumulators, registers 0 to 11. Assembly, because a compiler simplifies
    /// whatever it understands. Both operands are a vector of 1.0f32, which is a small number of any other kind too.
    macro_rules! repeat {
        ($name:ident, $features:literal, $insn:literal, $width:literal) => {
            #[target_feature(enable = $features)]
            fn $name(rounds: u64) {
                // SAFETY: only registers are touched, all of them inputs or declared as clobbered; the loop ends, for it counts down from
                // at least 1; the features that its instructions need are enabled.
                unsafe {
                    asm!(
                        repeat!(@zero "0"), repeat!(@zero "1"), repeat!(@zero "2"), repeat!(@zero "3"),
                        repeat!(@zero "4"), repeat!(@zero "5"), repeat!(@zero "6"), repeat!(@zero "7"),
                        repeat!(@zero "8"), repeat!(@zero "9"), repeat!(@zero "10"), repeat!(@zero "11"),
                        concat!("vbroadcastss ", $width, "14, xmm14"),
                        concat!("vbroadcastss ", $width, "15, xmm14"),
                        ".p2align 5",
                        "2:",
                        step!($insn, $width, "0"), step!($insn, $width, "1"), step!($insn, $width, "2"),
                        step!($insn, $width, "3"), step!($insn, $width, "4"), step!($insn, $width, "5"),
                        step!($insn, $width, "6"), step!($insn, $width, "7"), step!($insn, $width, "8"),
                        step!($insn, $width, "9"), step!($insn, $width, "10"), step!($insn, $width, "11"),
                        "dec rcx",
                        "jnz 2b",
                        inout("rcx") rounds.max(1) => _,
                        in("xmm14") 1.0f32,
                        clobber_abi("C"),
                        options(nomem, nostack),
                    );
                }
            }
        };
        // Writing the low part of a register this way zeroes the rest of it.
        (@zero $n:literal) => {
            concat!("vxorps xmm", $n, ", xmm", $n, ", xmm", $n)
        };
    }

    repeat!(f32_avx2, "avx2,fma", "vfmadd231ps", "ymm");
    repeat!(f64_avx2, "avx2,fma", "vfmadd231pd", "ymm");
    repeat!(f32_avx512, "avx512f", "vfmadd231ps", "zmm");
    repeat!(f64_avx512, "avx512f", "vfmadd231pd", "zmm");
    repeat!(int16_avx512, "avx512f,avx512vnni", "vpdpwssd", "zmm");
    repeat!(int8_avx512, "avx512f,avx512vnni", "vpdpbusd", "zmm");

    /// Peaks of a processor that was found to have AVX2 and FMA.
    pub(super) fn avx2() -> Peaks {
        Peaks {
            // SAFETY: the caller found both features.
            f32: best(8, |n| unsafe { f32_avx2(n) }),
            // SAFETY: as above.
            f64: best(4, |n| unsafe { f64_avx2(n) }),
            int16: None,
            int8: None,
        }
    }

    /// Tiles of sums that are added to in turn.
    const TILES: u64 = 4;

    /// The peak of AMX's int8 products, of a processor whose tiles were found to work. Their time does not depend on what they hold: zeros.
    pub(super) fn tiles() -> f64 {
        best((HEIGHT * HEIGHT * WIDTH) as u64, |rounds| {
            let mut tiles = Amx;
            // SAFETY: the thread can use the tiles, and the registers are configured before any other use.
            unsafe {
                tiles.configure(&Config::of_height(HEIGHT));
                for _ in 0..rounds * super::ACCUMULATORS / TILES {
                    tiles.dot::<0, LEFT, RIGHT>();
                    tiles.dot::<1, LEFT, RIGHT>();
                    tiles.dot::<2, LEFT, RIGHT>();
                    tiles.dot::<3, LEFT, RIGHT>();
                }
                tiles.release();
            }
        })
    }

    /// Peaks of a processor that was found to have AVX-512.
    pub(super) fn avx512() -> Peaks {
        let vnni = is_x86_feature_detected!("avx512vnni");
        Peaks {
            // SAFETY: the caller found the feature.
            f32: best(16, |n| unsafe { f32_avx512(n) }),
            // SAFETY: as above.
            f64: best(8, |n| unsafe { f64_avx512(n) }),
            // SAFETY: the feature is there.
            int16: vnni.then(|| best(32, |n| unsafe { int16_avx512(n) })),
            // SAFETY: the feature is there.
            int8: vnni.then(|| best(64, |n| unsafe { int8_avx512(n) })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_units_are_faster_by_about_their_width() {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.present()) {
            let peaks = peaks(isa);
            assert!(peaks.f32 > 0.1 && peaks.f64 > 0.1, "{isa}: {peaks:?}");
            // The portable loops are vectors only where the profile optimises. Factors of two have room for what else runs on the machine.
            if isa != Isa::Portable {
                assert!(peaks.f32 > 1.3 * peaks.f64, "{isa}: {peaks:?}");
                assert!(peaks.int16.is_none_or(|int16| int16 > 1.3 * peaks.f32), "{isa}: {peaks:?}");
                assert!(isa != Isa::Amx || peaks.int8 > peaks.int16.map(|int16| 4.0 * int16), "{isa}: {peaks:?}");
            }
        }
    }
}
