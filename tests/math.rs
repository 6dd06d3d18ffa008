//! The correctly rounded functions on a fixed sample, at their special values and on the inputs that are hardest to round.
//!
//! All 2^32 inputs are `examples/prove_math.rs`, on demand. The expected bits are CORE-MATH's.

use snellen::kernel::math;
#[cfg(unix)]
use snellen::kernel::{random::Stream, real};

type Function = fn(f32) -> f32;
/// The bits of inputs and of the results they must have.
type Cases = [(u32, u32)];
/// Its name, ours, the oracle's, and where it is hard.
#[cfg(unix)]
type Pair = (&'static str, Function, Function, &'static Cases);
/// Its name, one call, and a loop over a slice.
type Loop = (&'static str, Function, fn(&mut [f32]));

/// Between two inputs of the sample; prime, so that every pattern of low bits comes up.
const STRIDE: usize = 4099;

fn sample() -> impl Iterator<Item = f32> {
    (0..=u32::MAX).step_by(STRIDE).map(f32::from_bits)
}

/// FNV-1a over the bits of the results on the sample, every NaN being one.
fn digest(function: Function) -> u64 {
    sample().fold(0xcbf2_9ce4_8422_2325, |digest: u64, x| {
        let y = function(x);
        let bits = if y.is_nan() { 0x7fc0_0000 } else { y.to_bits() };
        (digest ^ u64::from(bits)).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn the_sample_has_the_oracles_bits() {
    assert_eq!(digest(math::exp), 0xe26e_e38c_88f0_da64);
    assert_eq!(digest(math::tanh), 0x5d9a_7b84_92e5_ef7b);
    assert_eq!(digest(math::erf), 0x09d4_dcd9_ad74_8fb5);
    assert_eq!(digest(math::log), 0x7c89_59df_3a6a_7a51);
}

/// Where the oracle can be built: which inputs differ, and that the digests above are its own.
#[cfg(unix)]
#[test]
fn the_oracle_agrees() {
    let pairs: [Pair; 4] = [
        ("exp", math::exp, core_math::expf, EXP_HARD),
        ("tanh", math::tanh, core_math::tanhf, TANH_HARD),
        ("erf", math::erf, core_math::erff, ERF_HARD),
        ("log", math::log, core_math::logf, LOG_HARD),
    ];
    for (name, ours, oracle, hard) in pairs {
        assert_eq!(digest(ours), digest(oracle), "{name}");
        for x in sample().chain(hard.iter().map(|&(x, _)| f32::from_bits(x))) {
            let (ours, oracle) = (ours(x), oracle(x));
            let same = ours.to_bits() == oracle.to_bits() || ours.is_nan() && oracle.is_nan();
            assert!(same, "{name}({x:e}) is {oracle:e}, not {ours:e}");
        }
    }
}

fn hold(name: &str, function: Function, cases: &Cases) {
    for &(x, expected) in cases {
        let y = function(f32::from_bits(x)).to_bits();
        assert_eq!(y, expected, "{name} of 0x{x:08x} is 0x{expected:08x}, not 0x{y:08x}");
    }
}

fn hold_odd(name: &str, function: Function, cases: &Cases) {
    hold(name, function, cases);
    let negated: Vec<_> = cases.iter().map(|&(x, y)| (x | 1 << 31, y | 1 << 31)).collect();
    hold(name, function, &negated);
}

#[test]
fn the_hardest_inputs_are_rounded_correctly() {
    hold("exp", math::exp, EXP_HARD);
    hold_odd("tanh", math::tanh, TANH_HARD);
    hold_odd("erf", math::erf, ERF_HARD);
    hold("log", math::log, LOG_HARD);
}

#[test]
fn special_values_are_met() {
    hold("exp", math::exp, EXP_SPECIAL);
    hold_odd("tanh", math::tanh, TANH_SPECIAL);
    hold_odd("erf", math::erf, ERF_SPECIAL);
    hold("log", math::log, LOG_SPECIAL);
}

#[test]
fn nan_of_any_payload_gives_the_same_nan() {
    let functions: [Function; 4] = [math::exp, math::tanh, math::erf, math::log];
    for function in functions {
        for bits in [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0xffff_ffff, 0x7fab_cdef] {
            assert_eq!(function(f32::from_bits(bits)).to_bits(), f32::NAN.to_bits());
        }
    }
}

/// One call at a time, and over a slice in a loop that the compiler may vectorise, tails included.
#[test]
fn a_loop_over_a_slice_gives_the_bits_of_single_calls() {
    let inputs: Vec<f32> = sample().chain([1.5, -0.25, 0.75]).collect();
    let slices: [Loop; 4] = [
        ("exp", math::exp, |slice| slice.iter_mut().for_each(|x| *x = math::exp(*x))),
        ("tanh", math::tanh, |slice| slice.iter_mut().for_each(|x| *x = math::tanh(*x))),
        ("erf", math::erf, |slice| slice.iter_mut().for_each(|x| *x = math::erf(*x))),
        ("log", math::log, |slice| slice.iter_mut().for_each(|x| *x = math::log(*x))),
    ];
    for (name, one, many) in slices {
        // Windows of odd lengths: every remainder of a vector loop.
        for inputs in inputs.chunks(1021) {
            let mut outputs = inputs.to_vec();
            many(std::hint::black_box(&mut outputs));
            for (&x, y) in inputs.iter().zip(outputs) {
                assert_eq!(std::hint::black_box(one)(x).to_bits(), y.to_bits(), "{name}({x:e})");
            }
        }
    }
}

/// Zeros, ends, subnormals, and on either side of where the result overflows, vanishes, turns subnormal or leaves 1.
const EXP_SPECIAL: &Cases = &[
    (0x0000_0000, 0x3f80_0000),
    (0x8000_0000, 0x3f80_0000),
    (0x0000_0001, 0x3f80_0000),
    (0x8000_0001, 0x3f80_0000),
    (0x3f80_0000, 0x402d_f854),
    (0xbf80_0000, 0x3ebc_5ab2),
    (0x337f_ffff, 0x3f80_0000),
    (0x3380_0000, 0x3f80_0001),
    (0xb300_0000, 0x3f80_0000),
    (0xb300_0001, 0x3f7f_ffff),
    (0x42b1_7217, 0x7f7f_ff84),
    (0x42b1_7218, 0x7f80_0000),
    (0xc2ae_ac4f, 0x0080_0026),
    (0xc2ae_ac50, 0x007f_ffe6),
    (0xc2cf_f1b4, 0x0000_0001),
    (0xc2cf_f1b5, 0x0000_0000),
    (0x7f7f_ffff, 0x7f80_0000),
    (0xff7f_ffff, 0x0000_0000),
    (0x7f80_0000, 0x7f80_0000),
    (0xff80_0000, 0x0000_0000),
];

/// Zero, subnormals, and on either side of where the result reaches 1.
const TANH_SPECIAL: &Cases = &[
    (0x0000_0000, 0x0000_0000),
    (0x0000_0001, 0x0000_0001),
    (0x007f_ffff, 0x007f_ffff),
    (0x0080_0000, 0x0080_0000),
    (0x3f80_0000, 0x3f42_f7d6),
    (0x4110_2cb3, 0x3f7f_ffff),
    (0x4110_2cb4, 0x3f80_0000),
    (0x7f7f_ffff, 0x3f80_0000),
    (0x7f80_0000, 0x3f80_0000),
];

/// The same for the error function.
const ERF_SPECIAL: &Cases = &[
    (0x0000_0000, 0x0000_0000),
    (0x0000_0001, 0x0000_0001),
    (0x007f_ffff, 0x0090_6eb9),
    (0x0080_0000, 0x0090_6ebb),
    (0x3f80_0000, 0x3f57_bb3d),
    (0x407a_d444, 0x3f7f_ffff),
    (0x407a_d445, 0x3f80_0000),
    (0x7f7f_ffff, 0x3f80_0000),
    (0x7f80_0000, 0x3f80_0000),
];

/// Zeros, negative numbers, subnormals, around 1, and on either side of √½, where the reduction changes.
const LOG_SPECIAL: &Cases = &[
    (0x0000_0000, 0xff80_0000),
    (0x8000_0000, 0xff80_0000),
    (0x8000_0001, 0x7fc0_0000),
    (0xbf80_0000, 0x7fc0_0000),
    (0xff80_0000, 0x7fc0_0000),
    (0x0000_0001, 0xc2ce_8ed0),
    (0x007f_ffff, 0xc2ae_ac50),
    (0x0080_0000, 0xc2ae_ac50),
    (0x3f7f_ffff, 0xb380_0000),
    (0x3f80_0000, 0x0000_0000),
    (0x3f80_0001, 0x33ff_ffff),
    (0x3f35_04f3, 0xbeb1_7219),
    (0x3f35_04f4, 0xbeb1_7216),
    (0x4000_0000, 0x3f31_7218),
    (0x7f7f_ffff, 0x42b1_7218),
    (0x7f80_0000, 0x7f80_0000),
];

/// The inputs whose exponentials lie nearest to a midpoint of two neighbouring `f32`, and the results.
const EXP_HARD: &Cases = &[
    (0xc169_12cd, 0x34fd_331b),
    (0xbbf0_edf1, 0x3f7e_1fe9),
    (0x377e_ff81, 0x3f80_0080),
    (0x38e6_9cc1, 0x3f80_039a),
    (0x39c6_be5b, 0x3f80_0c6d),
    (0xbae0_e25c, 0x3f7f_8fa7),
    (0x383a_3ef1, 0x3f80_0175),
    (0x3d1a_274e, 0x3f84_e8ba),
    (0x4001_b249, 0x40f2_cd14),
    (0x4031_5b33, 0x417f_a47d),
    (0x36fd_ffc1, 0x3f80_0040),
    (0x39e5_bb1d, 0x3f80_0e5d),
    (0x3380_0000, 0x3f80_0001),
    (0x343f_ffff, 0x3f80_0002),
    (0x34df_fffd, 0x3f80_0004),
    (0x356f_fff9, 0x3f80_0008),
];

/// The same for the hyperbolic tangent.
const TANH_HARD: &Cases = &[
    (0x3ac3_7de2, 0x3ac3_7dd9),
    (0x3eee_0566, 0x3ede_3cbe),
    (0x3cd4_1b91, 0x3cd4_0f70),
    (0x40ac_b4d0, 0x3f7f_fd50),
    (0x3d7c_3055, 0x3d7b_dee1),
    (0x40c5_e8ca, 0x3f7f_ff71),
    (0x3c96_ae2e, 0x3c96_a9d5),
    (0x40a6_ef82, 0x3f7f_fc25),
    (0x3f20_b67f, 0x3f0e_786b),
    (0x3ff8_bc7e, 0x3f75_b4df),
    (0x4013_cd84, 0x3f7a_ffb3),
    (0x3bc8_b605, 0x3bc8_b561),
    (0x3f97_fbc7, 0x3f54_6b44),
    (0x3adb_c904, 0x3adb_c8f6),
    (0x3ef6_afee, 0x3ee5_37fe),
    (0x39b8_9ba2, 0x39b8_9ba2),
];

/// The same for the error function; the last eight are the nearest on [1, 2.3125) and beyond.
const ERF_HARD: &Cases = &[
    (0x3940_ead6, 0x3959_af14),
    (0x39c0_057d, 0x39d8_ac49),
    (0x358e_9d2d, 0x35a0_ec32),
    (0x36ae_a466, 0x36c5_1007),
    (0x00aa_320c, 0x00c0_0b88),
    (0x2f2a_320c, 0x2f40_0b88),
    (0x3b25_a39d, 0x3b3a_e741),
    (0x3f04_3a75, 0x3f08_eed3),
    (0x3425_c046, 0x343b_07b1),
    (0x37ee_85c4, 0x3806_926a),
    (0x3aa6_0e18, 0x3abb_5f7a),
    (0x3c7c_9e9f, 0x3c8e_8399),
    (0x3502_3216, 0x3512_e8fa),
    (0x35d2_fadc, 0x35ee_10bb),
    (0x3e1f_cc60, 0x3e32_dc2d),
    (0x3f44_ddfd, 0x3f39_23f8),
    (0x3fe4_6451, 0x3f7d_064c),
    (0x3fde_4ac1, 0x3f7c_6745),
    (0x3ffa_faa7, 0x3f7e_93f2),
    (0x3fcb_e78b, 0x3f79_c985),
    (0x4046_7275, 0x3f7f_ff3e),
    (0x406d_c240, 0x3f7f_fffe),
    (0x404f_73bb, 0x3f7f_ffb4),
    (0x402c_f4ac, 0x3f7f_f752),
];

/// The same for the logarithm.
const LOG_HARD: &Cases = &[
    (0x1f11_6ab8, 0xc233_b53e),
    (0x3c41_3d3a, 0xc08e_158f),
    (0x4117_8feb, 0x400f_e5e7),
    (0x4c5d_65a5, 0x418f_034b),
    (0x4d60_4ebe, 0x419a_352c),
    (0x65d8_90d3, 0x4254_d1f9),
    (0x66a8_c860, 0x4259_5e46),
    (0x6f31_a8ec, 0x4284_5a89),
    (0x0dc8_bba4, 0xc289_bac4),
    (0x111c_87f8, 0xc280_85df),
    (0x2c4c_24b7, 0xc1d4_8710),
    (0x38dc_be38, 0xc112_8ba4),
    (0x3bf8_6ef0, 0xc09c_399e),
    (0x4665_a9a6, 0x4119_8725),
    (0x5ee8_984e, 0x422e_4a21),
    (0x79e7_ec37, 0x42a1_ffb7),
    (0x1a84_46cb, 0xc24d_0a45),
    (0x28e3_fa26, 0xc1fa_75e0),
    (0x29e6_126b, 0xc1ef_4c02),
    (0x29fd_22f8, 0xc1ee_8859),
    (0x2e49_2984, 0xc1be_76ee),
    (0x464d_5b2b, 0x4117_bcf1),
    (0x4e85_f412, 0x41a6_b811),
    (0x66ab_bd63, 0x4259_700e),
];

/// In f64 all inputs are too many: drawn ones, over the whole range and where a result is near 0, and every rank's discount.
#[cfg(unix)]
#[test]
fn functions_in_f64_are_the_oracles_on_drawn_inputs() {
    let mut stream = Stream::new(1, "real", []);
    for _ in 0..20_000 {
        let x = f64::from_bits(stream.u64() >> 1);
        if x.is_finite() {
            assert_eq!(real::ln(x), core_math::log(x), "ln {x:e}");
            assert_eq!(real::log2(x), core_math::log2(x), "log2 {x:e}");
        }
        let near = 1.0 + (stream.unit() - 0.5) / 64.0;
        assert_eq!(real::ln(near), core_math::log(near), "ln {near:e}");
        let x = 1400.0 * stream.unit() - 700.0;
        assert_eq!(real::exp(x), core_math::exp(x), "exp {x}");
    }
    for n in (1..1 << 14).chain((1 << 14..1 << 20).step_by(37)) {
        assert_eq!(real::log2(f64::from(n)), core_math::log2(f64::from(n)), "log2 {n}");
    }
}
