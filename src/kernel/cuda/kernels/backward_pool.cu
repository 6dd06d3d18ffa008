// backward_pool: src/encoder/pooling.rs: from the gradient at each text's mean (0), first (1) or largest (2) to that at its states, every one
// of which is written. The largest of a column is its first token's that has it. A thread a column of a text; shapes as in pool.cu.
#include "contract.cuh"

constexpr int FIRST = 1;

extern "C" __global__ void backward_pool(int kind, const float* states, const int* starts, int n, const float* gradient, float* out) {
    const int column = (int)(blockIdx.x * blockDim.x + threadIdx.x), text = (int)blockIdx.y;
    if (column >= n) return;
    const int start = starts[text], tokens = starts[text + 1] - start;
    const float* state = states + (long long)start * n + column;
    const float slope = gradient[(long long)text * n + column];
    int best = 0;
    for (int i = 1; i < tokens && kind > FIRST; i++) best = state[(long long)i * n] > state[(long long)best * n] ? i : best;
    for (int i = 0; i < tokens; i++)
        out[(long long)(start + i) * n + column] = kind < FIRST ? slope / (float)tokens : i == best ? slope : 0.0f;
}
