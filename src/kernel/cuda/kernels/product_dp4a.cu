// product_dp4a: reference::product of gridded rows by dp4a, for cards without int8 tensor cores of this kind (sm_75), then bias, activation,
// residual. Shapes: product.cuh.
#include "product.cuh"

extern "C" __global__ void __launch_bounds__(THREADS)
    product_dp4a(const Byte* a, const int* a_exponents, long long m, const Byte* b, const int* b_exponents, long long n, int stride,
            const float* bias, int activation, const float* residual, long long residual_stride, float* out, long long out_stride,
            long long* carry) {
    const Product product{a, a_exponents, m, b, b_exponents, n, stride, bias, activation, residual, residual_stride, out, out_stride, carry};
    product.tile<Dp4a>();
}
