// exp, tanh, erf and log in f32, correctly rounded: src/kernel/math.rs operation by operation, proved there over all inputs.
#pragma once
#include "contract.cuh"

constexpr double ROUND = 6755399441055744.0;
constexpr double TWO_52 = 4503599627370496.0;
constexpr double LOG2_E = 1.44269504088896340735992468100189214;
constexpr double LN2_HI = 0.6931471805598903;
constexpr double LN2_LO = 5.497923018708371e-14;
constexpr Wide ONE_BITS = (Wide)1023 << 52;

__constant__ double EXP[10] = {
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662413,
    0.008333333333330062,
    0.0013888888917213717,
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409746e-07,
    2.510038549551032e-08,
};
__constant__ double LOG[11] = {
    2.0 / 3.0,  2.0 / 5.0,  2.0 / 7.0,  2.0 / 9.0,  2.0 / 11.0, 2.0 / 13.0,
    2.0 / 15.0, 2.0 / 17.0, 2.0 / 19.0, 2.0 / 21.0, 2.0 / 23.0,
};
// Near 0 a polynomial in x²; beyond ERF_CUT one around ERF_CENTRE.
constexpr float ERF_CUT = 2.25f;
constexpr double ERF_CENTRE = 3.09375;
__constant__ double ERF_NEAR[18] = {
    1.12837916709551257389615890312154517,
    -0.3761263890318281,
    0.11283791670934994,
    -0.026866170643427768,
    0.005223977617826293,
    -0.0008548326815850589,
    0.00012055329226782573,
    -1.492560276799715e-05,
    1.646167599620435e-06,
    -1.6362836155583806e-07,
    1.479155509199027e-08,
    -1.2228392050103513e-09,
    9.232985012189959e-11,
    -6.266868202324982e-12,
    3.668965262233394e-13,
    -1.7111545492253034e-14,
    5.516244216480008e-16,
    -8.988643207738106e-18,
};
__constant__ double ERF_FAR[18] = {
    0.9999878691717048,
    7.864969354816164e-05,
    -0.00024332248974887633,
    0.0004756360699484713,
    -0.0006546420366478281,
    0.0006674287131459689,
    -0.0005137148299160959,
    0.00029517548210398364,
    -0.00011821674626074703,
    2.3879503465823745e-05,
    6.235639413415228e-06,
    -7.4173817888615815e-06,
    2.8922311765867038e-06,
    -3.261939559657725e-07,
    -2.5447557525020456e-07,
    1.4040157878545208e-07,
    -1.1705020139781036e-08,
    -8.139235681426055e-09,
};

__device__ inline Wide bits_of(double x) { return (Wide)__double_as_longlong(x); }
__device__ inline double of_bits(Wide bits) { return __longlong_as_double((long long)bits); }

// The magnitude of one number with the sign of another.
__device__ inline float with_sign(float x, float sign) {
    return __int_as_float((int)(magnitude(x) | ((unsigned)__float_as_int(sign) & 0x80000000u)));
}

// math::two_chains of a polynomial's coefficients c(0), …, c(N - 1).
template <int N, class Coefficient>
__device__ inline double two_chains(Coefficient c, double x) {
    const double square = x * x;
    double even = c(N - 2), odd = c(N - 1);
#pragma unroll
    for (int k = N / 2 - 2; k >= 0; k--) {
        even = even * square + c(2 * k);
        odd = odd * square + c(2 * k + 1);
    }
    return even + x * odd;
}

// math::exp_parts: exp(x) = 2^n · (1 + e), the bits of n where an exponent is.
struct Parts {
    Wide exponent;
    double e;
};

__device__ inline Parts exp_parts(double x) {
    const double rounded = x * LOG2_E + ROUND;
    const double n = rounded - ROUND;
    const double r = (x - n * LN2_HI) - n * LN2_LO;
    const double e = r + r * r * two_chains<10>([](int k) { return EXP[k]; }, r);
    return Parts{bits_of(rounded) << 52, e};
}

// math::exp.
__device__ inline float contract_exp(float x) {
    float clamped = x < -104.0f ? -104.0f : x;
    clamped = clamped > 89.0f ? 89.0f : clamped;
    const Parts parts = exp_parts((double)clamped);
    const float value = (float)of_bits(bits_of(1.0 + parts.e) + parts.exponent);
    return x != x ? not_a_number() : value;
}

// math::tanh.
__device__ inline float contract_tanh(float x) {
    const float a = __int_as_float((int)magnitude(x));
    const float clamped = a > 10.0f ? 10.0f : a;
    const Parts parts = exp_parts(2.0 * (double)clamped);
    const double scale = of_bits(ONE_BITS + parts.exponent);
    const double e = (scale - 1.0) + scale * parts.e;
    const float value = (float)(e / (e + 2.0));
    return x != x ? not_a_number() : with_sign(value, x);
}

// math::erf.
__device__ inline float contract_erf(float x) {
    const float magnitude_of_x = __int_as_float((int)magnitude(x));
    const float clamped = magnitude_of_x > 3.9375f ? 3.9375f : magnitude_of_x;
    const bool near = clamped < ERF_CUT;
    const double a = (double)clamped;
    const double u = near ? a * a : a - ERF_CENTRE;
    const double polynomial = two_chains<18>([near](int k) { return near ? ERF_NEAR[k] : ERF_FAR[k]; }, u);
    const float value = (float)(near ? a * polynomial : polynomial);
    return x != x ? not_a_number() : with_sign(value, x);
}

// math::odd_sum: hi + lo rounded to odd.
__device__ inline double odd_sum(double hi, double lo) {
    const double nearest = hi + lo;
    const double rest = lo - (nearest - hi);
    const bool rounded_away = ((rest < 0.0) & (nearest > 0.0)) | ((rest > 0.0) & (nearest < 0.0));
    const Wide cut = bits_of(nearest) - (Wide)rounded_away;
    return of_bits(cut | (Wide)(rest != 0.0));
}

// math::log.
__device__ inline float contract_log(float x) {
    const Wide SQRT_HALF = bits_of(0.707106781186547524400844362104849039);
    const Wide bits = bits_of((double)x);
    const Wide biased = (bits - SQRT_HALF + ONE_BITS) >> 52;
    const double n = of_bits(bits_of(TWO_52) | biased) - (TWO_52 + 1023.0);
    const double mantissa = of_bits(bits - (biased << 52) + ONE_BITS);
    const double f = mantissa - 1.0;
    const double half = 0.5 * f * f;
    const double s = f / (2.0 + f);
    const double s2 = s * s;
    double series = LOG[10];
#pragma unroll
    for (int k = 9; k >= 0; k--) series = series * s2 + LOG[k];
    const double t = s * (half + s2 * series);
    // math::sum of n·LN2_HI and f − half, whose remainder joins the small terms.
    const double hi = n * LN2_HI + (f - half);
    const double lo = (f - half) - (hi - n * LN2_HI);
    float value = (float)odd_sum(hi, lo + (n * LN2_LO + t));
    value = magnitude(x) == INFINITE_BITS && x > 0.0f ? infinity() : value;
    value = x >= 0.0f ? value : not_a_number();
    return x == 0.0f ? -infinity() : value;
}
