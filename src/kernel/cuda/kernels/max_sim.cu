// max_sim: reference::max_sim of each query with each passage: for every token of the query the largest product with a token of the passage,
// summed in 32 lanes. A block of 4 warps a pair: blockIdx = passage, query.
//
// queries [3, query_tokens, stride] and passages [3, passage_tokens, stride] of grid_rows, a row a token; texts have the rows starts[t] …
// starts[t + 1]; out [queries, passages]. Shared memory: a float a token of the longest query.
#include "tile.cuh"

extern "C" __global__ void max_sim(const Byte* queries, const int* query_exponents, long long query_tokens, const int* query_starts,
                                   const Byte* passages, const int* passage_exponents, long long passage_tokens, const int* passage_starts,
                                   int stride, float* out) {
    DYNAMIC_SHARED(float, maxima);
    __shared__ float parts[WARPS][16];
    const int query = query_starts[blockIdx.y], tokens = query_starts[blockIdx.y + 1] - query;
    const int passage = passage_starts[blockIdx.x], terms = passage_starts[blockIdx.x + 1] - passage;
    for (int begin = 0; begin < tokens; begin += 16) {
        const int count = tokens - begin < 16 ? tokens - begin : 16;
        const Rows left{queries + (long long)(query + begin) * stride, query_tokens * stride, stride, count};
        float largest[2] = {-infinity(), -infinity()};
        for (int column = warp_id() * 8; column < terms; column += WARPS * 8) {
            const Rows right{passages + (long long)(passage + column) * stride, passage_tokens * stride, stride, terms - column};
            Sums sums;
            sums.clear();
            for (int step = 0; step < stride / STEP; step++)
                Fastest::multiply(sums, Fastest::left(left.at(step)), Fastest::right(right.at(step)));
            for (int i = 0; i < 4; i++) {
                const int row = tile_row(i), at = column + tile_column(i);
                if (row >= count || at >= terms) continue;
                const float product = scaled(sums.join(i), query_exponents[query + begin + row], passage_exponents[passage + at]);
                largest[i / 2] = larger(largest[i / 2], product);
            }
        }
        for (int i = 0; i < 2; i++) {
            // Four lanes share a row.
            for (int apart = 1; apart < 4; apart *= 2) largest[i] = larger(largest[i], __shfl_xor_sync(ALL, largest[i], apart));
            if (lane_id() % 4 == 0) parts[warp_id()][lane_id() / 4 + 8 * i] = largest[i];
        }
        __syncthreads();
        if ((int)threadIdx.x < count) {
            float best = -infinity();
            for (int warp = 0; warp < WARPS; warp++) best = larger(best, parts[warp][threadIdx.x]);
            maxima[begin + (int)threadIdx.x] = best;
        }
        __syncthreads();
    }
    if (warp_id() == 0) {
        const float sum = lane_sum(tokens, [=](int i) { return maxima[i]; });
        // One NaN, which select_best puts before all numbers.
        if (lane_id() == 0) out[blockIdx.y * (long long)gridDim.x + blockIdx.x] = sum == sum ? sum : not_a_number();
    }
}
