// select_best: the k best of each row of scores [rows, n], score descending, then place ascending: places and values [rows, k]. A block a row.
//
// A score and its place make a key of 64 bits that no other has, so the k largest keys are one set, whatever order they are found in. Their
// smallest is found digit by digit from histograms, then they are collected and sorted. 1 ≤ k ≤ n, k ≤ size, a power of two. A NaN without
// a sign counts as more than all numbers.
#include "contract.cuh"

// Larger scores have larger bits; both zeros the same.
__device__ inline unsigned ordered(float score) {
    const unsigned bits = score == 0.0f ? 0 : (unsigned)__float_as_int(score);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

__device__ inline Wide key_of(float score, long long place) { return (Wide)ordered(score) << 32 | (Wide)(unsigned)~(unsigned)place; }

// The k-th largest key, or a lower bound of it above all smaller ones.
__device__ inline Wide threshold(const float* scores, long long n, int k) {
    __shared__ int histogram[256];
    __shared__ Wide prefix;
    __shared__ int missing;
    __shared__ bool found;
    if (threadIdx.x == 0) {
        prefix = 0;
        missing = k;
        found = false;
    }
    int shift = 64;
    do {
        shift -= 8;
        for (int i = (int)threadIdx.x; i < 256; i += (int)blockDim.x) histogram[i] = 0;
        __syncthreads();
        for (long long i = threadIdx.x; i < n; i += blockDim.x) {
            const Wide key = key_of(scores[i], i) >> shift;
            if (key >> 8 == prefix) atomicAdd(&histogram[key & 255], 1);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            int digit = 255;
            for (; histogram[digit] < missing; digit--) missing -= histogram[digit];
            prefix = prefix << 8 | (Wide)digit;
            found = histogram[digit] == missing;
        }
        __syncthreads();
    } while (!found && shift > 0);
    return prefix << shift;
}

extern "C" __global__ void select_best(const float* scores, long long n, int k, int size, int* places, float* values) {
    DYNAMIC_SHARED(Wide, keys);
    __shared__ int count;
    const float* row = scores + blockIdx.x * n;
    if (threadIdx.x == 0) count = 0;
    for (int i = (int)threadIdx.x; i < size; i += (int)blockDim.x) keys[i] = 0;
    const Wide least = threshold(row, n, k);
    for (long long i = threadIdx.x; i < n; i += blockDim.x) {
        const Wide key = key_of(row[i], i);
        if (key >= least) keys[atomicAdd(&count, 1)] = key;
    }
    // Bitonic: runs of `run` alternate in direction, until one descends over all.
    for (int run = 2; run <= size; run *= 2)
        for (int apart = run / 2; apart > 0; apart /= 2) {
            __syncthreads();
            for (int i = (int)threadIdx.x; i < size; i += (int)blockDim.x) {
                const int other = i ^ apart;
                const bool descending = (i & run) == 0;
                if (other > i && (keys[i] < keys[other]) == descending) {
                    const Wide key = keys[i];
                    keys[i] = keys[other];
                    keys[other] = key;
                }
            }
        }
    __syncthreads();
    for (int i = (int)threadIdx.x; i < k; i += (int)blockDim.x) {
        const long long place = (long long)(unsigned)~(unsigned)keys[i];
        places[blockIdx.x * (long long)k + i] = (int)place;
        values[blockIdx.x * (long long)k + i] = row[place];
    }
}
