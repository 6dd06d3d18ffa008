// product: reference::product of gridded rows on int8 tensor cores (sm_80 and later), then bias, activation, residual. Shapes: product.cuh.
#include "product.cuh"

#if __CUDA_ARCH__ >= 800
extern "C" __global__ void __launch_bounds__(THREADS)
    product(const Byte* a, const int* a_exponents, long long m, const Byte* b, const int* b_exponents, long long n, int stride,
            const float* bias, int activation, const float* residual, long long residual_stride, float* out, long long out_stride,
            long long* carry) {
    const Product product{a, a_exponents, m, b, b_exponents, n, stride, bias, activation, residual, residual_stride, out, out_stride, carry};
    product.tile<Tensor>();
}
#endif
